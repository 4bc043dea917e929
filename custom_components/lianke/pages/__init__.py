"""HTML pages of one paper size, made of text, Markdown, tables and lists; independent of Home Assistant."""
