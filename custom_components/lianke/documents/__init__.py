"""Documents: sources converted into spooled files that can be uploaded."""
