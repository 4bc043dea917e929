"""Data of a box and its printers: polling, status, storage, push messages."""
