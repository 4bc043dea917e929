"""Runs a process and notes everything it does to the files below a folder.

    recorder = Recorder(folder, log_folder)
    recording = recorder.run("tests.disk.writers", "ledger", str(folder))
    recording.operations    # what happened, in order
    recording.marks         # what the process noted itself: mark("job 7 is committed")

    recorder.order(Fault(kind="fsync_fails", at=3, only="*-wal"))    # before the start, or while the process runs

`run` raises if the process did something that cannot be noted, if the notes do not lead to what is in the folder, or if
an ordered fault never happened: a test whose fault never happens shows nothing.

A process that is started elsewhere (a whole Home Assistant) gets `environment()`. A process that is forked from one
with nothing but the library (LD_PRELOAD) calls `watch`. `recording()` returns what has happened until now. Such a
process must be killed within `still()`, so that no operation is done without being noted.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
import ctypes
import fcntl
import mmap
import os
from pathlib import Path
import stat
import subprocess
import sys
from typing import BinaryIO, Final, cast

from . import build
from .files import Files
from .recording import (
    CONTROL,
    FAULTS,
    HEAD,
    KINDS,
    Fault,
    Found,
    Kind,
    Mark,
    Met,
    NeverMetError,
    NotNotedError,
    Operation,
    Recording,
)

# Names of the files in the folder of the log.
LOG: Final = "operations"
ORDERS: Final = "orders"
# Environment variables that have a process watched if it is started in the usual way.
WATCHED: Final = ("LD_PRELOAD", "LIANKE_DISK_FOLDER", "LIANKE_DISK_LOG", "LIANKE_DISK_CONTROL")
ROOT: Final = Path(__file__).parents[2]
# Ending of the file that SQLite maps if several processes may open a database; SQLite makes it anew after a crash.
SHARED: Final = "-shm"
# Maximum seconds for a process of `run`.
PATIENCE: Final = 120


def look(folder: Path) -> Iterator[Found]:
    """Yield the folder itself and everything in it. Raises NotNotedError for anything but files and folders."""
    yield Found(path="", inode=folder.stat().st_ino, data=None)
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            raise NotNotedError(f"{path} is neither a file nor a folder")
        data = path.read_bytes() if stat.S_ISREG(status.st_mode) else None
        yield Found(path=str(path.relative_to(folder)), inode=status.st_ino, data=data)


class Recorder:
    """Notes what happens below a folder from now on; the log and the ordered faults are in another folder."""

    def __init__(self, folder: Path, log_folder: Path) -> None:
        self.folder = folder.resolve()
        if log_folder.resolve().is_relative_to(self.folder):
            raise ValueError("the log must not lie in the folder")
        self._log = log_folder.resolve() / LOG
        self._orders = self._log.with_name(ORDERS)
        self._log.write_bytes(b"")
        self._orders.write_bytes(bytes(CONTROL.size))
        self._before = tuple(look(self.folder))
        self._ordered: list[Fault] = []

    def environment(self) -> dict[str, str]:
        """Return this process's environment, extended by what a process needs to be watched."""
        return {
            **os.environ,
            "LD_PRELOAD": preloaded(),
            **_paths(self.folder, self._log.parent),
        }

    def order(self, fault: Fault | None) -> None:
        """Cause this fault from now on, None for no fault; may be called while the process runs."""
        # An earlier fault that never happened stays on the list.
        if fault is not None:
            self._ordered.append(fault)
        only = os.fsencode(fault.only) if fault else b""
        if len(only) >= 128:
            raise ValueError("that is too long to look for in a path")
        values: tuple[int, ...] = (0,) * 7
        if fault is not None:
            kind = FAULTS.index(fault.kind)
            values = (
                len(self._ordered),
                kind,
                fault.at,
                fault.times,
                fault.room,
                fault.copies,
                fault.milliseconds,
            )
        with self.still() as file, mmap.mmap(file.fileno(), CONTROL.size) as shared:
            number = CONTROL.unpack(shared)[0]
            shared[:] = CONTROL.pack(number, *values, number, 0, 0, only)

    @contextmanager
    def still(self) -> Iterator[BinaryIO]:
        """Block operations below the folder within the context; a process killed meanwhile ends between two of them."""
        with self._orders.open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            yield file

    def run(self, module: str, *arguments: str, seconds: float = PATIENCE) -> Recording:
        """Run a module in a process of its own, and return what it did; raises as described at the top of this file."""
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
        )
        recording = self.recording(status=done.returncode, output=done.stdout.decode())
        if recording.never_met:
            raise NeverMetError(f"{recording.never_met} of {len(recording.operations)} operations")
        return recording

    def recording(self, *, status: int = 0, output: str = "") -> Recording:
        """Return what has happened until now; the process may be running.

        Raises NotNotedError if anything happened that was not noted. The caller has to check `never_met`.
        """
        with self.still():
            return self._read(status, output)

    def met(self) -> list[Met]:
        """Return the operations that have met a fault until now; the process may be running."""
        with self.still():
            log = self._log.read_bytes()
        return [
            self._met(extra, number, operation)
            for kind, number, extra, operation in _parse(log)
            if kind == "met"
        ]

    def _met(self, order: int, number: int, operation: Operation) -> Met:
        return Met(
            fault=self._ordered[order - 1],
            number=number,
            kind=KINDS[operation.offset],
            path=operation.path,
            error=operation.error,
        )

    def _read(self, status: int, output: str) -> Recording:
        operations: list[Operation] = []
        marks: list[Mark] = []
        met: list[Met] = []
        happened: set[int] = set()
        for kind, number, extra, operation in _parse(self._log.read_bytes()):
            if kind == "unseen":
                raise NotNotedError(f"{operation.target}: {operation.path}\n{output}")
            if kind == "mark":
                marks.append(Mark(number=number, text=operation.path))
            elif kind == "met":
                met.append(self._met(extra, number, operation))
                happened.add(extra)
            else:
                operations.append(operation)
        recording = Recording(
            before=self._before,
            operations=tuple(operations),
            marks=tuple(marks),
            met=tuple(met),
            never_met=tuple(
                fault for order, fault in enumerate(self._ordered, 1) if order not in happened
            ),
            status=status,
            output=output,
        )
        self._compare(recording)
        return recording

    def _compare(self, recording: Recording) -> None:
        """Check that applying all operations again leads to what is in the folder. Raises NotNotedError."""
        files = Files(recording.before)
        for operation in recording.operations:
            files.apply(operation)
        expected = files.written_out()
        found: Mapping[str, bytes | None] = {one.path: one.data for one in look(self.folder)}
        for path in sorted(expected.keys() | found.keys()):
            is_there = path in expected and path in found
            if not is_there or (expected[path] != found[path] and not path.endswith(SHARED)):
                raise NotNotedError(f"{path!r} is not what the log tells\n{recording.output}")


def _parse(log: bytes) -> Iterator[tuple[str, int, int, Operation]]:
    """Yield each entry of a log: kind, number, extra, and everything together as an operation."""
    at = 0
    while at < len(log):
        size, kind, number, inode, offset, extra, *rest = HEAD.unpack_from(log, at)
        process, thread, error, path, target, data = rest
        first = at + HEAD.size
        texts = log[first : first + path + target]
        operation = Operation(
            number=number,
            kind=cast(Kind, KINDS[kind]),
            path=os.fsdecode(texts[:path]),
            target=os.fsdecode(texts[path:]),
            inode=inode,
            offset=offset,
            data=log[first + path + target : first + path + target + data],
            mode=extra,
            error=error,
            process=process,
            thread=thread,
        )
        yield KINDS[kind], number, extra, operation
        at += size


def _paths(folder: Path, log_folder: Path) -> dict[str, str]:
    """Return the environment variables that tell a process the recorder's paths."""
    return {
        "LIANKE_DISK_FOLDER": str(folder),
        "LIANKE_DISK_LOG": str(log_folder / LOG),
        "LIANKE_DISK_CONTROL": str(log_folder / ORDERS),
    }


def preloaded() -> str:
    """Return the value of LD_PRELOAD with which a process, or processes forked from it, can be watched."""
    return " ".join([str(build.library()), *os.environ.get("LD_PRELOAD", "").split()])


def watch(folder: Path, log_folder: Path) -> None:
    """Let the recorder of these two folders watch this process, and those that it starts, from now on."""
    paths = _paths(folder, log_folder)
    os.environ.update(paths)
    ctypes.CDLL(None).lianke_disk_watch(*(os.fsencode(path) for path in paths.values()))


def mark(text: str) -> None:
    """Add a text to the recorder's log; does nothing in a process that is not watched."""
    say = getattr(ctypes.CDLL(None), "lianke_disk_mark", None)
    if say is not None:
        say(text.encode())
