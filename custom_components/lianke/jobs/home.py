"""Whether a box's jobs still lie where they were taken: a copied folder must not print them, too.

A copy of the whole configuration folder carries everything that Home Assistant has, its instance id
included. What a copy cannot carry is where a file lies: a marker notes its own inode, the host's name
and the folder's path. A folder counts as copied when the inode is another one *and* host or path are.
So a folder that was renamed, a container that was made anew and a file system that numbers its files
anew at each start are no copies; one that was moved by copying is taken for one, and then a person
says which jobs go on. A clone of a whole disk on a host of the same name is not recognised.
"""

import json
import logging
import os
from pathlib import Path
import socket
from typing import Any

_LOGGER = logging.getLogger(__name__)

MARKER_NAME = "home.json"
MAX_MARKER_BYTES = 8192


def is_copied(root: Path) -> bool:
    """Return whether a folder of jobs was copied from elsewhere; blocking."""
    marker = root / MARKER_NAME
    try:
        with marker.open("rb") as file:
            here = _place(root, os.fstat(file.fileno()).st_ino)
            noted = json.loads(file.read(MAX_MARKER_BYTES))
    except (OSError, ValueError, RecursionError) as err:
        # There is none in a folder of version 0.1.0, nor after a power cut at the first start.
        _LOGGER.debug("The jobs' folder has no marker: %s", type(err).__name__)
        return False
    if not isinstance(noted, dict):
        return False
    moved = (noted.get("host"), noted.get("path")) != (here["host"], here["path"])
    return moved and noted.get("inode") != here["inode"]


def settle(root: Path) -> None:
    """Note that the jobs of a folder belong here; blocking. A disk that refuses costs only the protection."""
    marker = root / MARKER_NAME
    try:
        descriptor = os.open(marker, os.O_CREAT | os.O_RDWR, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            text = json.dumps(_place(root, os.fstat(file.fileno()).st_ino)).encode()
            if file.read(MAX_MARKER_BYTES) == text:
                return
            # Written in place: the file that says where it lies must stay the same one.
            file.seek(0)
            file.write(text)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
    except OSError as err:
        _LOGGER.debug("The marker of the jobs' folder was not written: %s", type(err).__name__)


def _place(root: Path, inode: int) -> dict[str, Any]:
    return {"inode": inode, "host": socket.gethostname(), "path": str(root.resolve())}
