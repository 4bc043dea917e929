"""The ledger's file: one SQLite database that a power cut, a full disk and an old copy cannot falsify unseen.

Everything here blocks, and one thing happens at a time. What SQLite does was tried, not read:

- A COMMIT whose fsync fails hides its rows from this connection, and shows them after a restart. So the connection is
  never opened again after one, and the next transaction, which changes the counter at least, writes over what was
  hidden.
- A database that went back in time, or has lost its rows, passes `quick_check`. So each transaction counts, and a small
  file beside it, which is not flushed, has the count as well: it may be behind, but never ahead.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
import hashlib
import logging
import os
from pathlib import Path
import shutil
import sqlite3
from typing import Any, Final, NamedTuple, Self

from homeassistant.util.ulid import ulid_now

_LOGGER = logging.getLogger(__name__)

DATABASE_NAME: Final = "ledger.db"
COUNTER_NAME: Final = "ledger.count"
# Before the name of a folder that was set aside, and how many of those stay.
ASIDE: Final = "damaged-"
MAX_ASIDE: Final = 3
# Characters; this code writes no longer record.
MAX_RECORD: Final = 256 * 1024
# Values of a PRAGMA, and what SQLite answers where it does as it is told.
_PRAGMAS: Final = (
    # Before the journal mode: then there is neither shared memory nor a second process.
    ("locking_mode=EXCLUSIVE", "exclusive"),
    ("journal_mode=WAL", "wal"),
    ("synchronous=FULL", None),
    ("wal_autocheckpoint=64", "64"),
    ("secure_delete=ON", "1"),
)
# `seq` is the order of the records, since clocks jump. Without a ROWID each change would write four times the bytes.
_RECORDS: Final = (
    "CREATE TABLE record(seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, box TEXT NOT NULL,"
    " id TEXT NOT NULL, staged INTEGER NOT NULL, record TEXT NOT NULL, digest TEXT NOT NULL, UNIQUE(kind, box, id))"
)
_TABLES: Final = (
    _RECORDS,
    "CREATE TABLE count(value INTEGER NOT NULL)",
    "INSERT INTO count VALUES(1)",
)
_READ: Final = "SELECT kind, box, id, staged, record, digest FROM record"
_WRITE: Final = (
    "INSERT INTO record(kind, box, id, staged, record, digest) VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(kind, box, id) DO"
    " UPDATE SET staged = excluded.staged, record = excluded.record, digest = excluded.digest"
)


class LedgerRefusedError(OSError):
    """The disk did not take a change."""


class LedgerClosedError(LedgerRefusedError):
    """Nothing changes any more: Home Assistant stops, or the box was unloaded."""


class LedgerBusyError(OSError):
    """Another process has the ledger open."""


class _DamagedError(Exception):
    """The file is no ledger, was changed from outside, or went back in time."""


@dataclass(frozen=True, slots=True)
class Kind[T]:
    """One kind of record: how it is written as text and read, and what is made of one after damage.

    `read` raises ValueError for what `write` would not have written.
    """

    name: str
    write: Callable[[T], str]
    read: Callable[[str], T]
    salvage: Callable[[T], T | None] = lambda value: value


class RowKey(NamedTuple):
    """What a row is found by."""

    kind: str
    box: str
    record_id: str


@dataclass(frozen=True, slots=True)
class Row:
    """A record as it is written."""

    text: str
    is_staged: bool

    @classmethod
    def of(cls, kind: Kind[Any], key: RowKey, value: Any, *, staged: bool) -> Self:
        """Write a record as text. Raises LedgerRefusedError for one that is too large."""
        text = kind.write(value)
        if len(text) > MAX_RECORD:
            raise LedgerRefusedError(f"the record of {key.record_id} is too large")
        return cls(text, staged)


class LedgerFile:
    """The database and the count beside it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._db: sqlite3.Connection | None = None
        self._count = 0
        self._counter: int | None = None
        # Set aside at this start: nothing below the root counts as left behind then.
        self.aside: Path | None = None

    def open(self) -> list[tuple[RowKey, str]]:
        """Open the file, or make it, and return its rows, oldest first.

        One that is damaged is set aside with its whole folder, and what can be read of it is kept. Raises
        LedgerBusyError, OSError.
        """
        make_folder(self.root)
        try:
            try:
                found = self._open()
            except _DamagedError as err:
                found = self._salvage(err)
            counter = self.root / COUNTER_NAME
            self._counter = os.open(counter, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except BaseException:
            # Else the next try would find it busy.
            self.close()
            raise
        return found

    def _open(self) -> list[tuple[RowKey, str]]:
        path, marked = self.root / DATABASE_NAME, self._marked()
        if not path.exists():
            if marked:
                raise _DamagedError("it is gone")
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
            sync(self.root)
        db = sqlite3.connect(path, isolation_level=None, timeout=0, check_same_thread=False)
        try:
            _prepare(db)
            self._count = _count_of(db, marked)
            if marked > self._count:
                raise _DamagedError("it is older than it was")
            found = _read(db)
        except sqlite3.OperationalError as err:
            db.close()
            if err.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise LedgerBusyError("another process has it open") from None
            raise OSError(str(err)) from None
        except sqlite3.DatabaseError as err:
            db.close()
            raise _DamagedError(str(err)) from None
        except BaseException:
            db.close()
            raise
        self._db = db
        return found

    def _salvage(self, damage: _DamagedError) -> list[tuple[RowKey, str]]:
        """Set the folder aside, and begin a new one with the rows of the old one that can be read."""
        self.aside = self.root.with_name(f"{ASIDE}{ulid_now()}")
        _LOGGER.error(
            "The ledger of print jobs and scans is damaged: %s. It is set aside as %s; what can be read of it is kept",
            damage,
            self.aside.name,
        )
        self.root.rename(self.aside)
        make_folder(self.root)
        self._open()
        found = _readable(self.aside / DATABASE_NAME)
        self.write({key: Row(text, is_staged=False) for key, text in found})
        for old in sorted(self.root.parent.glob(f"{ASIDE}*"))[:-MAX_ASIDE]:
            shutil.rmtree(old, ignore_errors=True)
        return found

    def write(self, rows: Mapping[RowKey, Row | None]) -> None:
        """Write rows, or delete those that are None, and count, in one transaction. Raises LedgerRefusedError."""
        db = self._db
        if db is None:
            raise LedgerClosedError("the ledger is closed")
        try:
            db.execute("BEGIN EXCLUSIVE")
            for key, row in rows.items():
                if row is None:
                    db.execute("DELETE FROM record WHERE kind = ? AND box = ? AND id = ?", key)
                else:
                    digest = _digest(key, row.text)
                    db.execute(_WRITE, (*key, row.is_staged, row.text, digest))
            db.execute("UPDATE count SET value = ?", (self._count + 1,))
            db.execute("COMMIT")
        except sqlite3.Error as err:
            if db.in_transaction:
                with suppress(sqlite3.Error):
                    db.execute("ROLLBACK")
            raise LedgerRefusedError(str(err)) from None
        self._count += 1
        if self._counter is not None:
            with suppress(OSError):
                os.pwrite(self._counter, f"{self._count:020}".encode(), 0)

    def _marked(self) -> int:
        try:
            return int((self.root / COUNTER_NAME).read_bytes()[:20])
        except OSError, ValueError:
            return 0

    def checkpoint(self) -> None:
        """Move the log of changes into the database; a disk that refuses gets it at the next one."""
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
            self._db = None
        if self._counter is not None:
            os.close(self._counter)
            self._counter = None


def _prepare(db: sqlite3.Connection) -> None:
    for pragma, expected in _PRAGMAS:
        answer = db.execute(f"PRAGMA {pragma}").fetchall()
        if expected is None or [(expected,)] == [tuple(map(str, row)) for row in answer]:
            continue
        _LOGGER.debug("SQLite says %s to %s", answer, pragma)
        if pragma.startswith("journal_mode"):
            # A disk of the network: each transaction flushes its folder, too.
            db.execute("PRAGMA synchronous=EXTRA").fetchall()


def _count_of(db: sqlite3.Connection, marked: int) -> int:
    """Return the count of a ledger; one that is new gets its tables. Raises _DamagedError."""
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        if marked:
            raise _DamagedError("it has lost its tables")
        db.execute("BEGIN EXCLUSIVE")
        for sql in _TABLES:
            db.execute(sql)
        db.execute("COMMIT")
        return 1
    if not {"record", "count"} <= tables:
        raise _DamagedError("it has other tables")
    if db.execute("PRAGMA quick_check").fetchall() != [("ok",)]:
        raise _DamagedError("it does not hold together")
    rows = db.execute("SELECT value FROM count").fetchall()
    if len(rows) != 1 or not isinstance(rows[0][0], int):
        raise _DamagedError("it does not count")
    count: int = rows[0][0]
    return count


def _read(db: sqlite3.Connection) -> list[tuple[RowKey, str]]:
    """Return the rows, without those that were staged. Raises _DamagedError."""
    found = []
    with suppress(sqlite3.OperationalError):
        # What a full disk keeps of them is not read either.
        db.execute("DELETE FROM record WHERE staged = 1")
    for *names, staged, text, digest in db.execute(f"{_READ} ORDER BY seq"):
        key = RowKey(*names)
        if digest != _digest(key, text):
            raise _DamagedError("a row was changed from outside")
        if not staged:
            found.append((key, text))
    return found


def _readable(path: Path) -> list[tuple[RowKey, str]]:
    """Return the rows of a damaged database that are as they were written, as far as SQLite gets at them."""
    found = []
    with suppress(sqlite3.Error):
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=0)
        try:
            last = db.execute("SELECT max(seq) FROM record").fetchall()[0][0] or 0
            for seq in range(1, last + 1):
                with suppress(sqlite3.Error, ValueError, TypeError):
                    for *names, staged, text, digest in db.execute(
                        f"{_READ} WHERE seq = ?", (seq,)
                    ):
                        key = RowKey(*names)
                        if not staged and digest == _digest(key, text):
                            found.append((key, text))
        finally:
            db.close()
    return found


def _digest(key: RowKey, text: str) -> str:
    return hashlib.blake2b("\0".join((*key, text)).encode(), digest_size=8).hexdigest()


def make_folder(path: Path) -> None:
    """Make a private folder, and flush the names of all that are new. Raises OSError."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    sync(path.parent)


def sync(folder: Path) -> None:
    """Flush the names in a folder to disk. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
