"""Printers offered to phones and computers of the home network by IPP Everywhere and AirPrint."""
