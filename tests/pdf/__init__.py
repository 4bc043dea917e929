"""What the PDF worker makes, without Home Assistant around it."""
