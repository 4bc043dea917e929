"""Scanners offered to computers and phones of the home network by eSCL (AirScan)."""
