"""The PDF worker: a separate process with PDFium, pikepdf and Pillow that does not import Home Assistant."""
