"""What is said of a folder: what was there, what was done to it, and what went wrong on order."""

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

# As in noting.h.
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
    """What was done to a file, or tried: `error` is the system's number, 0 if it was done."""

    # From 1; a refused fsync has one as well, other refusals have none.
    number: int
    kind: Kind
    # Below the folder, as the file was called then; "" is the folder itself. Of a link, the old name.
    path: str
    # The new name of a rename or a link.
    target: str = ""
    inode: int
    # Where a write begins, or the length after a truncation.
    offset: int = 0
    data: bytes = field(default=b"", repr=False)
    # Of a new file or folder, or after a chmod; of a rename, the flags.
    mode: int = 0
    error: int = 0
    process: int = 0
    thread: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What the process said after the operation of that number, and before the next."""

    number: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong.

    `full`: `room` more bytes, then no new file, folder or longer file (`copies`: nothing written at all, as where
    a file system copies on write); renaming and deleting go on. `read_only`: no change and no fsync. `slow`: each
    write and fsync takes `milliseconds`. `fsync_fails`, `write_fails`: EIO. `dies_before`, `dies_after`:
    SIGKILL at the operation of number `at`, counted from when the fault is ordered.
    """

    kind: FaultKind
    # The first that goes wrong, of those operations that the fault concerns.
    at: int = 1
    # After so many it is over; 0: it stays.
    times: int = 0
    room: int = 0
    copies: bool = False
    milliseconds: int = 0
    # A pattern of the paths that it concerns ("*-wal", "documents/*"); empty: all.
    only: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """A fault that happened to an operation: after how many, to what kind, at which path, with which error."""

    fault: Fault
    number: int
    kind: str
    path: str
    error: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file or folder (`data` None) that was there before."""

    path: str
    inode: int
    data: bytes | None = field(repr=False)


class NotNotedError(AssertionError):
    """Something happened to the folder that the log does not tell."""


class NeverMetError(AssertionError):
    """A fault was ordered and happened to nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What happened in the folder."""

    before: tuple[Found, ...]
    operations: tuple[Operation, ...]
    marks: tuple[Mark, ...]
    met: tuple[Met, ...]
    never_met: tuple[Fault, ...]
    # Of `Recorder.run`: the process's end (minus the signal), and what it printed.
    status: int = 0
    output: str = ""
