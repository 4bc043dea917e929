"""Scanners offered to computers and phones in the home network over eSCL (AirScan)."""
