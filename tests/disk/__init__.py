"""What reaches the disk, noted below every library, and what a power cut makes of it.

`recorder.py` starts a process and notes all that it does to the files of one folder, SQLite's writes included;
`crashes.py` makes of the notes what may lie in the folder after a power cut at any moment. The tests show that both see
what they should, with writers (`writers.py`) that are safe, and some that are not.
"""
