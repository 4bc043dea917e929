"""The PDF worker: what runs in a process of its own, with PDFium and Pillow, without Home Assistant."""
