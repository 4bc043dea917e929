"""A disk that is full, read-only or slow, for one process, or the last thing that it touches.

Whatever would write below a folder is refused with the system's own error, or takes a while.
"""

from collections.abc import Callable
import errno
import os
import sys
import threading
import time
from typing import Any, Final

# What makes or fills a file, and what only changes names; a full disk allows the latter.
_MAKING: Final = frozenset({"os.mkdir", "os.link", "os.symlink"})
_CHANGING: Final = frozenset(
    {"os.rename", "os.remove", "os.rmdir", "os.chmod", "os.truncate", "os.utime"}
)
# Seconds of real time that a slow disk takes to open a file that is written.
SLOW: Final = 0.1
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Disk:
    """Refuses writes below a folder; cannot be taken away again, only put in order."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        # Told of the last change, after which nothing more happens.
        self.on_last: Callable[[], None] = lambda: None
        self.mode = "ok"

    def install(self) -> None:
        """Stand between this process and the system from now on."""
        sys.addaudithook(self._check)

    def _check(self, event: str, args: tuple[Any, ...]) -> None:
        if self.mode == "ok" or not (event == "open" or event.startswith("os.")):
            return
        if event == "open":
            refused = bool(args[2] & _WRITING) if isinstance(args[2], int) else False
        elif event in _MAKING:
            refused = True
        else:
            refused = event in _CHANGING and self.mode == "read_only"
        if self.mode.startswith("dies"):
            self._count(refused or event in _CHANGING, args)
            return
        if refused and any(self._is_ours(arg) for arg in args[:2]):
            if self.mode == "slow":
                if threading.current_thread() is not threading.main_thread():
                    time.sleep(SLOW)
                return
            number = errno.ENOSPC if self.mode == "full" else errno.EROFS
            raise OSError(number, os.strerror(number), str(args[0]))

    def _count(self, changes: bool, args: tuple[Any, ...]) -> None:
        """Die as in a power cut, before so many changes of what is kept of scans."""
        if not changes or not any("/scans-" in str(arg) for arg in args[:2]):
            return
        with self._lock:
            left = int(self.mode.split()[1]) - 1
            self.mode = f"dies {left}"
            if not left:
                self.on_last()
                threading.Event().wait()

    def _is_ours(self, path: object) -> bool:
        return isinstance(path, str | os.PathLike) and os.fspath(path).startswith(self._folder)
