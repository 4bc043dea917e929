"""HTML pages of one paper size, made of text, Markdown, tables and lists; imports no Home Assistant."""
