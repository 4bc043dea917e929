"""What a power cut leaves of a folder in which threads are at work."""

from contextlib import suppress
import os
from pathlib import Path
import shutil
import time

# Copies in a row, some milliseconds apart, during each of which something changed.
MOST = 400
# Files of others, which no start reads.
OTHERS = "tmp*"


def copy_moment(root: Path, target: Path) -> None:
    """Copy a folder as it is at one moment; blocks.

    A copy under which a file came, went or changed is of no moment, and is made anew: a thread that tidies up may
    delete a document between the look into its folder and its turn to be copied.
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
    """Return each file and folder with what tells its versions apart."""
    found = {}
    for path in (root, *root.rglob("*")):
        with suppress(FileNotFoundError):
            seen = os.lstat(path)
            found[str(path)] = (seen.st_ino, seen.st_mtime_ns, seen.st_size)
    return found
