"""A disk that is full, read-only or slow, for one process, or the last thing that it touches.

Whatever would write below a folder is refused with the system's own error, or takes a while. SQLite writes past Python:
it is told to refuse, and each transaction is seen as it begins and ends.
"""

from collections.abc import Callable
from contextlib import suppress
import errno
import os
import sqlite3
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
        self._databases: list[sqlite3.Connection] = []

    def set(self, mode: str) -> None:
        """Begin another time."""
        self.mode = mode
        for database in self._databases:
            # One that was closed refuses anyway.
            with suppress(sqlite3.ProgrammingError):
                self._refuse(database)

    def _refuse(self, database: sqlite3.Connection) -> None:
        refuses = "ON" if self.mode in ("full", "read_only") else "OFF"
        database.execute(f"PRAGMA query_only={refuses}")

    def install(self) -> None:
        """Stand between this process and the system from now on."""
        sys.addaudithook(self._check)
        connect = sqlite3.connect

        def connected(*args: Any, **more: Any) -> sqlite3.Connection:
            database: sqlite3.Connection = connect(*args, **more)
            self._databases.append(database)
            self._refuse(database)
            database.set_trace_callback(self._on_statement)
            return database

        setattr(sqlite3, "connect", connected)  # noqa: B010  # a function is no variable

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

    def _on_statement(self, statement: str) -> None:
        """Let a transaction take its time, or be the last that is begun or ended."""
        if self.mode == "slow" and statement == "COMMIT":
            time.sleep(SLOW)
        elif self.mode.startswith("dies") and statement in ("BEGIN EXCLUSIVE", "COMMIT"):
            self._count_one()

    def _count(self, changes: bool, args: tuple[Any, ...]) -> None:
        """Die as in a power cut, before so many changes of what is kept of jobs and scans."""
        if changes and any("/scans-" in str(arg) for arg in args[:2]):
            self._count_one()

    def _count_one(self) -> None:
        with self._lock:
            left = int(self.mode.split()[1]) - 1
            self.mode = f"dies {left}"
            if not left:
                self.on_last()
                threading.Event().wait()

    def _is_ours(self, path: object) -> bool:
        return isinstance(path, str | os.PathLike) and os.fspath(path).startswith(self._folder)
