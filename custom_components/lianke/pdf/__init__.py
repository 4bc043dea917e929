"""The PDF worker: a separate process with PDFium and Pillow that does not import Home Assistant."""
