"""Reads the ledger's file from outside, and makes its disk refuse changes."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
import json
import os
from pathlib import Path
import shutil
import sqlite3
from tempfile import TemporaryDirectory
from threading import Event
import time
from typing import Any
from unittest.mock import patch

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant

from custom_components.lianke.jobs.box_jobs import JOB_KIND
from custom_components.lianke.jobs.job import Job
from custom_components.lianke.jobs.opening import DATA_LEDGER
from custom_components.lianke.ledger import Table, View
from custom_components.lianke.ledger_file import (
    DATABASE_NAME,
    LedgerFile,
    LedgerRefusedError,
    Row,
    RowKey,
    _digest,
)
from tests.power_cut import MOST
from tests.records import flat

_FILES = (DATABASE_NAME, f"{DATABASE_NAME}-wal")


def rows(root: Path, kind: str, box: str | None = None) -> list[dict[str, Any]]:
    """Read a ledger's records of a kind, oldest first, of one box or of all boxes; blocks."""
    return [json.loads(text) for text in texts(root, kind, box)]


def texts(root: Path, kind: str, box: str | None = None) -> list[str]:
    return [text for of, at, _, text in _found(root) if (of, at) == (kind, box or at)]


def ids(root: Path, kind: str) -> list[str]:
    """Return the ids of the records of a kind, oldest first; blocks."""
    return [record_id for of, _, record_id, _ in _found(root) if of == kind]


def _found(root: Path) -> list[tuple[str, str, str, str]]:
    """Read a copy of the files as they are at one moment, as after a power cut: nobody else may open the originals."""
    for _ in range(MOST):
        with TemporaryDirectory() as folder, suppress(sqlite3.DatabaseError, FileNotFoundError):
            before = look(root)
            for name in before:
                shutil.copyfile(root / name, Path(folder) / name)
            if DATABASE_NAME not in before:
                return []
            if look(root) == before:
                return _read(Path(folder) / DATABASE_NAME)
        time.sleep(0.002)
    raise AssertionError("the ledger does not stand still for as long as a copy takes")


def stored(hass: HomeAssistant, entry: ConfigEntry, job_id: str) -> dict[str, Any]:
    """Read a job's fields from disk by name, as flat() returns them."""
    (found,) = (
        record
        for record in rows(hass.data[DATA_LEDGER]._file.root, JOB_KIND.name, entry.entry_id)
        if record["job_id"] == job_id
    )
    return flat(found)


async def keep(hass: HomeAssistant, entry: ConfigEntry, *jobs: Job) -> None:
    """Write jobs to the ledger as they are, new or known ones; their box need not be loaded."""
    table, data = Table(JOB_KIND, entry.entry_id), getattr(entry, "runtime_data", None)

    def put(view: View) -> None:
        for job in jobs:
            view.put(table, job.job_id, job)

    done = hass.data[DATA_LEDGER].commit(put)
    if data is not None:
        for job in jobs:
            data.queue._jobs.index(job)
    await done


def rewrite(root: Path, box: str, record: dict[str, Any]) -> None:
    """Replace a job's record in a closed ledger, with a valid checksum; blocks."""
    key, text = RowKey(*Table(JOB_KIND, box).name, record["job_id"]), json.dumps(record)
    sql = "UPDATE record SET record = ?, digest = ? WHERE kind = ? AND box = ? AND id = ?"
    with closing(sqlite3.connect(root / DATABASE_NAME)) as db, db:
        done = db.execute(sql, (text, _digest(key, text, is_staged=False), *key))
        assert done.rowcount == 1


@contextmanager
def refusing(hass: HomeAssistant) -> Iterator[None]:
    """Make SQLite refuse every change, as on a disk that has become read-only; at least one change must be refused."""
    db = hass.data[DATA_LEDGER]._file._db
    assert db is not None
    write, refused = LedgerFile.write, Event()

    def noted(self: LedgerFile, rows: Mapping[RowKey, Row | None]) -> None:
        try:
            write(self, rows)
        except LedgerRefusedError:
            refused.set()
            raise

    db.execute("PRAGMA query_only=ON")
    try:
        with patch.object(LedgerFile, "write", noted):
            yield
    finally:
        with suppress(sqlite3.ProgrammingError):
            # The ledger may have been closed in the meantime.
            db.execute("PRAGMA query_only=OFF")
    assert refused.is_set(), "the ledger was asked for nothing that it could refuse"


def look(root: Path) -> dict[str, tuple[int, int, int]]:
    """Map the ledger's files to inode, time and size, which tell their versions apart."""
    found = {}
    for name in _FILES:
        with suppress(FileNotFoundError):
            seen = os.lstat(root / name)
            found[name] = (seen.st_ino, seen.st_mtime_ns, seen.st_size)
    return found


def _read(path: Path) -> list[tuple[str, str, str, str]]:
    with closing(sqlite3.connect(path)) as db:
        tables = db.execute("SELECT name FROM sqlite_master WHERE name = 'record'").fetchall()
        sql = "SELECT kind, box, id, record FROM record WHERE staged = 0 ORDER BY seq"
        return db.execute(sql).fetchall() if tables else []
