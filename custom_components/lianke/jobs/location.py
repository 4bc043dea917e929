"""A copied folder of jobs, which must not print here as well.

A copy of the configuration folder carries everything that Home Assistant has, its instance id included, but not where
a file lies: a marker records its own inode, the host's name and the folder's path. A folder counts as copied when the
inode differs *and* host or path do. So a renamed folder, a recreated container and a file system that renumbers its
files at each start are no copies; a folder that was moved by copying is taken for one, and then a person decides
which jobs go on. A clone of a whole disk on a host of the same name is not recognised.
"""

import asyncio
from collections.abc import Iterable
import json
import logging
import os
from pathlib import Path
import socket
from typing import Any, Final

from homeassistant.core import HomeAssistant

from ..ledger import Ledger, Table, View
from .box_jobs import JOBS
from .files import ledger_path

_LOGGER = logging.getLogger(__name__)

MARKER_NAME: Final = "home.json"
MAX_MARKER_BYTES: Final = 8192


async def async_hold_copied(hass: HomeAssistant, ledger: Ledger, entry_ids: Iterable[str]) -> None:
    """Hold the waiting jobs of a ledger that was copied from elsewhere until a person lets them go on."""
    root = ledger_path(hass)
    if await hass.async_add_executor_job(is_copied, root):
        tables = [Table(JOBS, entry_id) for entry_id in entry_ids]
        for table in tables:
            await ledger.async_load(table)

        def hold(view: View) -> None:
            for table in tables:
                for job in [*view.all(table)]:
                    if job.waits_here:
                        view.put(table, job.job_id, job.changed(now=view.now, copied=True))

        try:
            # A disk that refuses does not let them go on either.
            await asyncio.shield(ledger.commit(hold, report=True))
        except OSError:
            # It still counts as copied at the next start.
            return
    await hass.async_add_executor_job(record_location, root)


def is_copied(root: Path) -> bool:
    """Return whether a folder was copied from elsewhere; blocking."""
    marker = root / MARKER_NAME
    try:
        with marker.open("rb") as file:
            current = _place(root, os.fstat(file.fileno()).st_ino)
            stored = json.loads(file.read(MAX_MARKER_BYTES))
    except (OSError, ValueError, RecursionError) as err:
        # Version 0.1.0 wrote none, nor does a first start that a power cut ends.
        _LOGGER.debug("The job folder has no marker: %s", type(err).__name__)
        return False
    if not isinstance(stored, dict):
        return False
    moved = (stored.get("host"), stored.get("path")) != (current["host"], current["path"])
    return moved and stored.get("inode") != current["inode"]


def record_location(root: Path) -> None:
    """Write the marker of a folder; blocking. A failure is logged and costs only the protection."""
    marker = root / MARKER_NAME
    try:
        descriptor = os.open(marker, os.O_CREAT | os.O_RDWR, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            text = json.dumps(_place(root, os.fstat(file.fileno()).st_ino)).encode()
            if file.read(MAX_MARKER_BYTES) == text:
                return
            # Written in place, since the inode is what is recorded.
            file.seek(0)
            file.write(text)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
    except OSError as err:
        _LOGGER.debug("The marker of the job folder was not written: %s", type(err).__name__)


def _place(root: Path, inode: int) -> dict[str, Any]:
    return {"inode": inode, "host": socket.gethostname(), "path": str(root.resolve())}
