"""Text, Markdown, tables and lists as an HTML page of one paper size; needs no Home Assistant."""
