"""The PDF worker: a process of its own with PDFium and Pillow, without Home Assistant."""
