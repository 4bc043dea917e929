"""Takes the scans that 0.2.0 and 0.3.0 wrote into the ledger."""

import asyncio
from contextlib import suppress
import logging
from pathlib import Path
from typing import Final

from homeassistant.core import HomeAssistant

from ..ledger import Ledger, Table, View
from .job import ScanJob

_LOGGER = logging.getLogger(__name__)

RECORD_NAME: Final = "scan.json"
MAX_RECORD_BYTES: Final = 256 * 1024


async def async_take_in_scans(
    hass: HomeAssistant, ledger: Ledger, table: Table[ScanJob], root: Path
) -> None:
    """Take the scans of a box, whose files stay below `root`, into its table. Raises OSError."""
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
        try:
            if record.stat().st_size > MAX_RECORD_BYTES:
                raise ValueError("too large")
            job = table.kind.read(record.read_text("utf-8"))
            if job.job_id != record.parent.name:
                raise ValueError("of another folder")
            found.append(job)
        except (OSError, ValueError, RecursionError) as err:
            _LOGGER.warning("The record of a scan cannot be read: %s", type(err).__name__)
        left.append(record)
    return found, left


def _delete_all(paths: list[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink(missing_ok=True)
