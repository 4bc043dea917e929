"""Printers offered to phones and computers in the home network over IPP (IPP Everywhere, AirPrint)."""
