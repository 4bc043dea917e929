"""Scanning and copying, behind a preview feature of Home Assistant Labs."""
