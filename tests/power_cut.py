"""The state of a folder after a power cut, while threads are at work in it."""

from contextlib import suppress
import os
from pathlib import Path
import shutil
import time

# Maximum number of attempts, some milliseconds apart; an attempt fails if something changes during the copy.
MOST = 400
# Pattern of temporary files, which a start does not read.
OTHERS = "tmp*"


def copy_moment(root: Path, target: Path) -> None:
    """Copy a folder as it is at one moment; blocks.

    If a file appears, disappears or changes during a copy, the copy matches no moment and is made again. For example, a
    thread that cleans up may delete a document after its folder was listed and before it is copied.
    """
    for _ in range(MOST):
        before = _look(root)
        with suppress(shutil.Error, FileNotFoundError):
            shutil.copytree(root, target, ignore=shutil.ignore_patterns(OTHERS))
            if _look(root) == before:
                return
        shutil.rmtree(target, ignore_errors=True)
        time.sleep(0.002)
    raise AssertionError("the folder does not stand still for as long as a copy takes")


def _look(root: Path) -> dict[str, tuple[int, int, int]]:
    """Map files and folders to inode, time and size, which tell their versions apart."""
    found = {}
    for path in (root, *root.rglob("*")):
        with suppress(FileNotFoundError):
            seen = os.lstat(path)
            found[str(path)] = (seen.st_ino, seen.st_mtime_ns, seen.st_size)
    return found
