"""The ledger's file: one SQLite database. Damage, lost changes and an older copy in its place are noticed.

All calls here block; a lock keeps writes, checkpoints and closing apart. Two facts about SQLite come from experiments:

- A COMMIT whose fsync fails hides its rows from this connection, but shows them after a restart. So the connection is
  never reopened after such a failure, and the next transaction overwrites the hidden rows. No transaction is empty,
  since each changes at least the counter.
- `quick_check` accepts a database that is an older copy or has lost its rows. So each transaction increments a counter,
  which is also written, without fsync, to a small file beside the database. The file may lag behind the database, but a
  file that is ahead of the database proves damage.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
import hashlib
import json
import logging
import os
from pathlib import Path
import shutil
import sqlite3
from threading import RLock
from typing import Any, Final, NamedTuple

from homeassistant.util.json import json_loads
from homeassistant.util.ulid import ulid_now

_LOGGER = logging.getLogger(__name__)

DATABASE_NAME: Final = "ledger.db"
COUNTER_NAME: Final = "ledger.count"
# Beginning of the name of a folder that was set aside after damage.
DAMAGED_LEDGER_PREFIX: Final = "damaged-"
# Maximum number of damaged ledgers that are kept; beyond it, the oldest are deleted.
MAX_DAMAGED_LEDGERS: Final = 3
# Name of the file that marks a damaged ledger's folder until the rows that can be read are in the new ledger.
UNSALVAGED_NAME: Final = "unread"
# Maximum consecutive sequence numbers whose rows cannot be read; after these, the remaining rows are given up.
MAX_UNREADABLE_ROWS: Final = 2000
# Maximum length of a record in characters; a longer record is refused.
MAX_RECORD_LENGTH: Final = 256 * 1024
# PRAGMAs, each with SQLite's answer if it obeys; None if the answer is not checked.
_PRAGMAS: Final = (
    # This must come before the journal mode, so that there is no -shm file and no second process can open the database.
    ("locking_mode=EXCLUSIVE", "exclusive"),
    # This must come before the journal mode, too, since _prepare raises it to EXTRA where WAL is refused.
    ("synchronous=FULL", None),
    ("journal_mode=WAL", "wal"),
    ("wal_autocheckpoint=64", "64"),
    ("secure_delete=ON", "1"),
)
# `seq` keeps the order of the records, since clocks jump. In a table WITHOUT ROWID, each change would write four times
# as many bytes.
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
_READ_NEXT: Final = "SELECT seq, kind, box, id, staged, record, digest FROM record WHERE seq > ? ORDER BY seq LIMIT 1"
# Error codes of SQLite that are about the disk and do not prove that the file is damaged.
_OF_THE_DISK: Final = frozenset(
    {
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)
_WRITE: Final = (
    "INSERT INTO record(kind, box, id, staged, record, digest) VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(kind, box, id) DO"
    " UPDATE SET staged = excluded.staged, record = excluded.record, digest = excluded.digest"
)


class LedgerRefusedError(OSError):
    """The disk refused a change."""


class LedgerClosedError(LedgerRefusedError):
    """No change is accepted any more: Home Assistant is stopping, or the box was unloaded."""


class LedgerBusyError(OSError):
    """Another process has the ledger open."""


class _DamagedError(Exception):
    """The file is not a ledger, was changed by another program, or is an older copy."""


@dataclass(frozen=True, slots=True)
class Kind[T]:
    """One kind of record: how to write it as text, how to read it, and what to keep of it after damage."""

    name: str
    write: Callable[[T], str]
    # Raises ValueError for text that `write` does not produce.
    read: Callable[[str], T]
    # Returns what to keep of a record after damage; None means that the record is deleted.
    salvage: Callable[[T], T | None] = lambda value: value
    # An SQL condition on `record` with one parameter, a time: a start reads the records for which it is true, and the
    # newest record of each `topic`. If the condition is empty, a start reads all records.
    needed: str = ""
    topic: str = "NULL"


class RowKey(NamedTuple):
    kind: str
    box: str
    record_id: str


@dataclass(frozen=True, slots=True)
class Row:
    text: str = field(repr=False)
    is_staged: bool


class LedgerFile:
    def __init__(self, root: Path) -> None:
        self.root = root
        self._db: sqlite3.Connection | None = None
        # Closing a connection in one thread while another thread uses it would crash all of Home Assistant.
        self._lock = RLock()
        self._count = 0
        self._counter: int | None = None
        # The folder that this start set aside; None without damage. After damage, scans without a row are moved there
        # instead of being deleted.
        self.damaged_folder: Path | None = None

    def open(self, *kinds: Kind[Any]) -> list[tuple[RowKey, str]]:
        """Open or create the file and return its rows, oldest first. Raises LedgerBusyError, OSError.

        A damaged file is set aside with its whole folder, and the rows that can be read are copied into a new file.
        Records of `kinds` are replaced by what `Kind.salvage` returns, even those of boxes that this run does not load.
        """
        make_folder(self.root)
        try:
            try:
                found = self._open()
            except _DamagedError as err:
                if self._unsalvaged():
                    # The damage happened while old rows were being copied: this new ledger was never in use.
                    shutil.rmtree(self.root)
                else:
                    self._set_aside(err)
                found = self._open_new()
            for marker in self._unsalvaged():
                found += self._take_over(marker.parent, dict(found), kinds)
                marker.unlink()
            counter = self.root / COUNTER_NAME
            self._counter = os.open(counter, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except BaseException:
            # If the file stayed open, the next try would find it busy.
            self.close()
            raise
        return found

    def _open(self) -> list[tuple[RowKey, str]]:
        path, marked = self.root / DATABASE_NAME, self._marked()
        if not path.exists():
            # SQLite flushes the name of this file together with the name of the write-ahead log, before it accepts the
            # first transaction.
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        db = None
        try:
            db = sqlite3.connect(path, isolation_level=None, timeout=0, check_same_thread=False)
            _prepare(db)
            self._count = _count_of(db)
            if marked > self._count:
                # This is also true for a ledger that was deleted, or lost its tables, and was just made anew.
                raise _DamagedError("it is older than it was")
            found = _read(db)
            self._db, db = db, None
        except sqlite3.ProgrammingError:
            raise
        except (sqlite3.Error, UnicodeError) as err:
            # An error that SQLite itself does not raise has no code; an example is text that is not UTF-8.
            code = getattr(err, "sqlite_errorcode", None) or 0
            if code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise LedgerBusyError("another process has it open") from None
            if code & 0xFF in _OF_THE_DISK and code != sqlite3.SQLITE_IOERR_SHORT_READ:
                raise OSError(str(err)) from None
            raise _DamagedError(str(err)) from None
        finally:
            if db is not None:
                db.close()
        return found

    def rows_skippable_at_start(self, kind: Kind[Any], since: datetime) -> set[RowKey]:
        """Return the keys of the rows of a kind that a start can skip; none if SQLite cannot tell."""
        if self._db is None or not kind.needed:
            return set()
        found, topics = set(), set()
        try:
            for box, record_id, is_needed, topic in self._db.execute(
                # These conditions are constants of our code, never a user's text.
                f"SELECT box, id, {kind.needed}, {kind.topic} FROM record WHERE kind = ? ORDER BY seq DESC",  # noqa: S608
                (since.isoformat(), kind.name),
            ):
                # `is_needed` is NULL if a record lacks a value; such a record is read.
                if is_needed == 0 and (box, topic) in topics:
                    found.add(RowKey(kind.name, box, record_id))
                topics.add((box, topic))
        except sqlite3.Error as err:
            _LOGGER.debug("A start reads all records of a %s: %s", kind.name, err)
            return set()
        return found

    def _unsalvaged(self) -> list[Path]:
        return sorted(self.root.parent.glob(f"{DAMAGED_LEDGER_PREFIX}*/{UNSALVAGED_NAME}"))

    def _open_new(self) -> list[tuple[RowKey, str]]:
        make_folder(self.root)
        try:
            return self._open()
        except _DamagedError as err:
            raise OSError(str(err)) from None

    def _set_aside(self, damage: _DamagedError) -> None:
        aside = self.root.with_name(f"{DAMAGED_LEDGER_PREFIX}{ulid_now()}")
        _LOGGER.error(
            "The ledger of print jobs and scans is damaged: %s. It is set aside as %s; what can be read of it is kept",
            damage,
            aside.name,
        )
        (self.root / UNSALVAGED_NAME).touch()
        sync_folder(self.root)
        # The folder's new name is flushed when the new folder is made beside it.
        self.root.rename(aside)

    def _take_over(
        self, aside: Path, known: Mapping[RowKey, str], kinds: Iterable[Kind[Any]]
    ) -> list[tuple[RowKey, str]]:
        """Copy and return the readable rows of a ledger that was set aside, and move the files of these rows back."""
        self.damaged_folder = aside
        by_name = {kind.name: kind for kind in kinds}
        found = [
            (key, kept)
            for key, text in _readable(aside / DATABASE_NAME)
            if key not in known and (kept := _salvaged(by_name.get(key.kind), text)) is not None
        ]
        self.write({key: Row(text, is_staged=False) for key, text in found})
        ids = {key.record_id for key in (*known, *dict(found))}
        for path in aside.glob("*/*"):
            if path.name in ids:
                target = self.root / path.relative_to(aside)
                with suppress(OSError):
                    make_folder(target.parent)
                    path.rename(target)
        for folder in self.root.iterdir():
            # Flush the new names: after a power cut nothing looks for these files in the old folder any more.
            if folder.is_dir():
                sync_folder(folder)
        for old in sorted(self.root.parent.glob(f"{DAMAGED_LEDGER_PREFIX}*"))[
            :-MAX_DAMAGED_LEDGERS
        ]:
            shutil.rmtree(old, ignore_errors=True)
        return found

    def write(self, rows: Mapping[RowKey, Row | None]) -> None:
        """Write rows, delete those that are None, and increment the counter, all in one transaction.

        Raises LedgerRefusedError.
        """
        with self._lock:
            self._write(rows)

    def _write(self, rows: Mapping[RowKey, Row | None]) -> None:
        db = self._db
        if db is None:
            raise LedgerClosedError("the ledger is closed")
        try:
            db.execute("BEGIN EXCLUSIVE")
            for key, row in rows.items():
                if row is None:
                    db.execute("DELETE FROM record WHERE kind = ? AND box = ? AND id = ?", key)
                else:
                    digest = _digest(key, row.text, is_staged=row.is_staged)
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
        """Move the write-ahead log into the database; if the disk refuses, the next checkpoint tries again."""
        with self._lock:
            if self._db is not None:
                with suppress(sqlite3.Error):
                    self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        with self._lock:
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
            # SQLite refuses WAL on a network drive. EXTRA also flushes the folder with each transaction.
            db.execute("PRAGMA synchronous=EXTRA").fetchall()


def _count_of(db: sqlite3.Connection) -> int:
    """Return the counter; an empty database gets its tables first. Raises _DamagedError."""
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        db.execute("BEGIN EXCLUSIVE")
        for sql in _TABLES:
            db.execute(sql)
        db.execute("COMMIT")
        return 1
    if not {"record", "count"} <= tables:
        raise _DamagedError("it has other tables")
    if db.execute("PRAGMA quick_check").fetchall() != [("ok",)]:
        raise _DamagedError("it does not hold together")
    match db.execute("SELECT value FROM count").fetchall():
        case [(int(count),)]:
            return count
    raise _DamagedError("it does not count")


def _read(db: sqlite3.Connection) -> list[tuple[RowKey, str]]:
    """Return the rows that are not staged, and delete those that are. Raises _DamagedError."""
    found = []
    for record in db.execute(f"{_READ} ORDER BY seq"):
        key, text, is_staged = _checked(record)
        if not is_staged:
            found.append((key, text))
    with suppress(sqlite3.OperationalError):
        # A full disk may keep the staged rows, but they are ignored in any case.
        db.execute("DELETE FROM record WHERE staged = 1")
    return found


def _checked(record: tuple[Any, ...]) -> tuple[RowKey, str, bool]:
    """Check a row's digest and split the row into key, text and whether it is staged. Raises _DamagedError."""
    kind, box, record_id, staged, text, digest = record
    # This is written out instead of a loop for speed, since a start checks ten thousand rows.
    if (
        isinstance(kind, str)
        and isinstance(box, str)
        and isinstance(record_id, str)
        and isinstance(text, str)
    ):
        key = RowKey(kind, box, record_id)
        if staged in (0, 1) and digest == _digest(key, text, is_staged=staged == 1):
            return key, text, staged == 1
    raise _DamagedError("a row was changed from outside")


def _readable(path: Path) -> list[tuple[RowKey, str]]:
    """Return the intact rows of a damaged database that SQLite can still reach."""
    found: dict[RowKey, str] = {}
    try:
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=0)
    except sqlite3.Error:
        return []
    seq = blind = 0
    with closing(db):
        while blind < MAX_UNREADABLE_ROWS:
            try:
                record = db.execute(_READ_NEXT, (seq,)).fetchone()
                if record is None:
                    break
                seq, *rest = record
                key, text, is_staged = _checked(tuple(rest))
                if not is_staged:
                    found[key] = text
                blind = 0
            except _DamagedError:
                continue
            except sqlite3.Error, ValueError:
                # The row's page or one of its texts cannot be read; later rows may be readable.
                seq, blind = seq + 1, blind + 1
    return [*found.items()]


def _salvaged(kind: Kind[Any] | None, text: str) -> str | None:
    """Return what to keep of a record after damage. A record that this version cannot read is kept as it is."""
    if kind is None:
        return text
    try:
        value = kind.salvage(kind.read(text))
    except ValueError:
        return text
    return None if value is None else kind.write(value)


def _digest(key: RowKey, text: str, *, is_staged: bool) -> str:
    kind, box, record_id = key
    end = "\0staged" if is_staged else ""
    whole = f"{kind}\0{box}\0{record_id}\0{text}{end}"
    return hashlib.blake2b(whole.encode(), digest_size=8).hexdigest()


def loads(text: str) -> Any:
    """Read a record's JSON. Home Assistant's fast parser refuses half a surrogate pair, but Python's reads it."""
    try:
        return json_loads(text)
    except ValueError:
        return json.loads(text)


def make_folder(path: Path) -> None:
    """Create a folder that only Home Assistant's own user can read (0700), with its parents, and flush their names.

    Raises OSError.
    """
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to disk. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
