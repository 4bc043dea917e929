"""Scans of 0.3.0, each with a record in its folder, become rows of the ledger."""

import asyncio
import logging
from pathlib import Path
import shutil
from typing import Final

from homeassistant.core import HomeAssistant

from ..jobs.files import DAMAGED_PREFIX
from ..jobs.migration import MAX_DAMAGED
from ..ledger import Ledger, Table, View
from .job import ScanJob

_LOGGER = logging.getLogger(__name__)

RECORD_NAME: Final = "scan.json"
# A larger record is set aside as damaged.
MAX_RECORD_BYTES: Final = 256 * 1024


async def async_take_in_scans(
    hass: HomeAssistant, ledger: Ledger, table: Table[ScanJob], root: Path
) -> None:
    """Move the records of a box's scans into its table; their files stay below `root`. Raises OSError."""
    found, left = await hass.async_add_executor_job(_find, root, table)
    new = [job for job in found if job.job_id not in ledger.latest(table)]

    def take_in(view: View) -> None:
        for job in new:
            view.put(table, job.job_id, job)

    if new:
        await asyncio.shield(ledger.commit(take_in))
    await hass.async_add_executor_job(_delete_all, left)


def _find(root: Path, table: Table[ScanJob]) -> tuple[list[ScanJob], list[Path]]:
    found, left = [], []
    for record in sorted(root.glob(f"*/{RECORD_NAME}")):
        folder = record.parent
        if folder.name.startswith(DAMAGED_PREFIX):
            continue
        try:
            if record.stat().st_size > MAX_RECORD_BYTES:
                raise ValueError("too large")
            job = table.kind.read(record.read_text("utf-8"))
            if job.job_id != folder.name:
                raise ValueError("of another folder")
        except (OSError, ValueError, RecursionError) as err:
            _LOGGER.warning("A scan cannot be read and is set aside: %s", type(err).__name__)
            # Its pages may be the only ones of a paper.
            folder.rename(folder.with_name(f"{DAMAGED_PREFIX}{folder.name}"))
        else:
            found.append(job)
            left.append(record)
    for folder in sorted(root.glob(f"{DAMAGED_PREFIX}*"))[:-MAX_DAMAGED]:
        shutil.rmtree(folder, ignore_errors=True)
    return found, left


def _delete_all(paths: list[Path]) -> None:
    """Raise OSError if a record stays: once its row is forgotten, it would be taken in, and copied, again."""
    for path in paths:
        path.unlink(missing_ok=True)
