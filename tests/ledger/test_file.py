"""The file of the ledger at its bounds: what is counted, what is an error of the disk, what stays open or behind."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
import shutil
import sqlite3
from unittest.mock import patch

import pytest

from custom_components.lianke import ledger_file
from custom_components.lianke.ledger_file import (
    COUNTER_NAME,
    DATABASE_NAME,
    MAX_RECORD_LENGTH,
    LedgerBusyError,
    LedgerFile,
    Row,
    RowKey,
)
from tests import needs

KEYS = [RowKey("job", "box", name) for name in "abc"]
OPEN_FILES = Path("/proc/self/fd")


@contextmanager
def opened(root: Path) -> Iterator[LedgerFile]:
    file = LedgerFile(root)
    try:
        file.open()
        yield file
    finally:
        file.close()


def put(file: LedgerFile, *keys: RowKey, staged: bool = False) -> None:
    file.write({key: Row(f'"{key.record_id}"', is_staged=staged) for key in keys})


def set_aside(root: Path) -> bool:
    """Open a ledger and close it; return whether it was set aside."""
    with opened(root) as file:
        return file.damaged_folder is not None


@pytest.mark.parametrize("writes", [1, 2])
def test_going_back_by_one_change_is_noticed(root: Path, tmp_path: Path, writes: int) -> None:
    """By a copy of the moment before it, log included; also by the very first change."""
    moment = tmp_path / "moment"
    with opened(root) as file:
        for key in KEYS[: writes - 1]:
            put(file, key)
        moment.mkdir()
        for path in root.glob(f"{DATABASE_NAME}*"):
            shutil.copyfile(path, moment / path.name)
        put(file, KEYS[2])
    for path in root.glob(f"{DATABASE_NAME}*"):
        path.unlink()
    for path in moment.iterdir():
        path.rename(root / path.name)
    assert set_aside(root)


def test_a_change_that_came_true_without_its_count_beside_it_is_no_damage(root: Path) -> None:
    """The power went between the two."""
    with opened(root) as file:
        put(file, KEYS[0])
        before = (root / COUNTER_NAME).read_bytes()
        put(file, KEYS[1])
    (root / COUNTER_NAME).write_bytes(before)
    assert not set_aside(root)
    with opened(root) as file:
        # The next one counts on.
        put(file, KEYS[2])
        assert (root / COUNTER_NAME).read_bytes() > before


def error_of(code: int) -> sqlite3.Error:
    """Return an error of SQLite as it raises one of this code."""
    error = sqlite3.OperationalError("no")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("codes", "becomes"),
    [
        # Whatever lies behind the first eight bits says more.
        (
            (
                sqlite3.SQLITE_CANTOPEN,
                sqlite3.SQLITE_CANTOPEN_ISDIR,
                sqlite3.SQLITE_FULL,
                sqlite3.SQLITE_IOERR,
                sqlite3.SQLITE_IOERR_READ,
                sqlite3.SQLITE_NOMEM,
                sqlite3.SQLITE_PERM,
                sqlite3.SQLITE_READONLY,
                sqlite3.SQLITE_READONLY_DBMOVED,
            ),
            OSError,
        ),
        (
            (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_RECOVERY, sqlite3.SQLITE_LOCKED),
            LedgerBusyError,
        ),
        ((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR_SHORT_READ), None),
    ],
    ids=["of the disk", "busy", "damage"],
)
def test_what_an_error_says_of_the_file(
    root: Path, codes: tuple[int, ...], becomes: type[OSError] | None
) -> None:
    """Set aside is what is damaged, and nothing else."""
    for code in codes:
        with opened(root) as file:
            put(file, KEYS[0])
        # The first time; where it is made anew, it is not.
        errors = [error_of(code), None]
        with patch.object(ledger_file, "_prepare", side_effect=errors):
            if becomes is None:
                assert set_aside(root), code
                continue
            with pytest.raises(becomes) as refused:
                set_aside(root)
            assert refused.type is becomes, code
        assert not set_aside(root)


def test_a_record_may_be_as_large_as_that(root: Path) -> None:
    largest = "x" * MAX_RECORD_LENGTH
    with opened(root) as file:
        file.write({KEYS[0]: Row(largest, is_staged=False)})
    file = LedgerFile(root)
    with closing(file):
        assert file.open() == [(KEYS[0], largest)]


def test_the_digests_of_one_version_are_those_of_the_next() -> None:
    """Else an update would find every row changed from outside."""
    found = [ledger_file._digest(KEYS[0], "text", is_staged=staged) for staged in (False, True)]
    assert found == ["35ab38c1ace697ee", "604c28b14d266749"]


def test_what_was_staged_is_deleted_at_the_start(root: Path) -> None:
    """It would grow for ever."""
    with opened(root) as file:
        put(file, KEYS[0])
        put(file, KEYS[1], staged=True)
    with opened(root) as file:
        put(file, KEYS[2])
    with closing(sqlite3.connect(root / DATABASE_NAME)) as db:
        assert db.execute("SELECT id FROM record").fetchall() == [("a",), ("c",)]


def test_rows_right_behind_each_other_that_cannot_be_read_hide_none(root: Path) -> None:
    with opened(root) as file:
        for key in KEYS:
            put(file, key)
    with closing(sqlite3.connect(root / DATABASE_NAME)) as db, db:
        db.execute("UPDATE record SET record = CAST(x'ff' AS TEXT) WHERE id < 'c'")
    file = LedgerFile(root)
    with closing(file):
        assert [key.record_id for key, _ in file.open()] == ["c"]


@needs.linux
def test_closing_leaves_nothing_open(root: Path) -> None:
    with opened(root) as file:
        put(file, KEYS[0])
    before = len([*OPEN_FILES.iterdir()])
    for _ in range(3):
        with opened(root) as file:
            put(file, KEYS[0])
            file.checkpoint()
    assert len([*OPEN_FILES.iterdir()]) == before


def test_where_the_log_is_refused_each_change_flushes_its_folder_as_well(root: Path) -> None:
    """As on some disks of the network: the name of a journal that is gone must not come back."""
    refused = tuple(
        ("journal_mode=DELETE", "wal") if name == "journal_mode=WAL" else (name, answer)
        for name, answer in ledger_file._PRAGMAS
    )
    with patch.object(ledger_file, "_PRAGMAS", refused), opened(root) as file:
        put(file, KEYS[0])
        assert file._db is not None
        assert file._db.execute("PRAGMA journal_mode").fetchall() == [("delete",)]
        assert file._db.execute("PRAGMA synchronous").fetchall() == [(3,)]
    with opened(root) as file:
        assert file._db is not None
        assert file._db.execute("PRAGMA synchronous").fetchall() == [(2,)]
