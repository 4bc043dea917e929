"""The recording of a folder: what was in it, what was done to it, and which ordered faults happened."""

from dataclasses import dataclass, field
import struct
from typing import Final, Literal

type Kind = Literal[
    "open",
    "create",
    "write",
    "truncate",
    "sync",
    "mkdir",
    "rmdir",
    "unlink",
    "rename",
    "link",
    "chmod",
]
type FaultKind = Literal[
    "full", "read_only", "slow", "fsync_fails", "write_fails", "dies_before", "dies_after"
]

# The order is that of noting.h.
KINDS: Final = (
    *("open", "create", "write", "truncate", "sync", "mkdir", "rmdir", "unlink", "rename", "link"),
    *("chmod", "mark", "met", "unseen"),
)
FAULTS: Final = (
    *("none", "full", "read_only", "slow", "fsync_fails", "write_fails"),
    *("dies_before", "dies_after"),
)
CONTROL: Final = struct.Struct("11q128s")
HEAD: Final = struct.Struct("2I4q6i")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation on a file, done or attempted: `error` is the system's error number, 0 if it was done."""

    # Counted from 1. A refused fsync has a number as well, other refused operations have none.
    number: int
    kind: Kind
    # The path below the folder at that time; "" is the folder itself. For a link, the old name.
    path: str
    # The new name of a rename or a link.
    target: str = ""
    inode: int
    # Where a write begins, or the length after a truncation.
    offset: int = 0
    data: bytes = field(default=b"", repr=False)
    # The mode of a new file or folder, or after a chmod; for a rename, its flags.
    mode: int = 0
    error: int = 0
    process: int = 0
    thread: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A text that the process noted after the operation with this number and before the next one."""

    number: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong.

    `full`: there is room for `room` more bytes, then no file or folder can be created and no file can grow (`copies`:
    nothing can be written at all, as on a file system that copies on write); renaming and deleting still work.
    `read_only`: no change and no fsync works. `slow`: each write and fsync takes `milliseconds`. `fsync_fails`,
    `write_fails`: EIO. `dies_before`, `dies_after`: SIGKILL at operation number `at`, counted from when the fault is
    ordered.
    """

    kind: FaultKind
    # Number of the first operation that goes wrong, among those that the fault concerns.
    at: int = 1
    # Number of operations that go wrong; 0: all that follow.
    times: int = 0
    room: int = 0
    copies: bool = False
    milliseconds: int = 0
    # A pattern of the paths that the fault concerns ("*-wal", "documents/*"); empty: all paths.
    only: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """A fault that happened: after which operation, to what kind of operation, at which path, with which error."""

    fault: Fault
    number: int
    kind: str
    path: str
    error: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file, or a folder if `data` is None, that existed before the recording."""

    path: str
    inode: int
    data: bytes | None = field(repr=False)


class NotNotedError(AssertionError):
    """Something happened to the folder that is not in the log."""


class NeverMetError(AssertionError):
    """An ordered fault never happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What happened in the folder."""

    before: tuple[Found, ...]
    operations: tuple[Operation, ...]
    marks: tuple[Mark, ...]
    met: tuple[Met, ...]
    never_met: tuple[Fault, ...]
    # Only of `Recorder.run`: the return code of the process (for a signal, its negative number), and its output.
    status: int = 0
    output: str = ""
