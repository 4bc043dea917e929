"""What is known of a box and its printers, and how it is kept up to date."""
