"""Records what reaches the disk, below every library, and works out what a power cut may leave of it.

`recorder.py` runs a process and notes everything it does to the files of one folder, including SQLite's writes. From
these notes, `crashes.py` makes all that may be in the folder after a power cut at any moment. The tests check both with
writers (`writers.py`), some of which are safe and some not.
"""
