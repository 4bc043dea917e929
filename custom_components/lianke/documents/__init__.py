"""What to print, turned into a file that can be sent."""
