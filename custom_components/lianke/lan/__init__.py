"""What the home network sees of printers."""
