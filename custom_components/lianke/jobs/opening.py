"""The one ledger of a Home Assistant instance: opened with the first box, closed when Home Assistant stops."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
import logging
from pathlib import Path
from typing import Any, Final

from homeassistant.const import EVENT_HOMEASSISTANT_CLOSE
from homeassistant.core import Event, HomeAssistant
from homeassistant.util.hass_dict import HassKey

from ..const import DOMAIN
from ..ledger import Ledger, Table, View
from ..ledger_file import DAMAGED_LEDGER_PREFIX
from .box_jobs import JOB_KIND, OWN_TASK_KIND
from .files import ledger_path, old_path, remove_folders
from .job import Job, JobState
from .migration import async_take_in

_LOGGER = logging.getLogger(__name__)

DATA_LEDGER: Final[HassKey[Ledger]] = HassKey(f"{DOMAIN}_ledger")
# Held while the ledger is opened, closed or deleted.
_LOCK: Final[HassKey[asyncio.Lock]] = HassKey(f"{DOMAIN}_ledger_lock")


def _lock(hass: HomeAssistant) -> asyncio.Lock:
    return hass.data.setdefault(_LOCK, asyncio.Lock())


async def async_get_ledger(hass: HomeAssistant, removed: str | None = None) -> Ledger:
    """Return the ledger; if it is not open yet, open it and take in the jobs of earlier versions. Raises OSError.

    `removed`: the id of a config entry that was just removed, whose jobs are taken in as well.
    """
    async with _lock(hass):
        if (ledger := hass.data.get(DATA_LEDGER)) is None:
            ids = [entry.entry_id for entry in hass.config_entries.async_entries(DOMAIN)]
            ids += [removed] if removed else []
            ledger = hass.data[DATA_LEDGER] = await _async_open(hass, ids)
        return ledger


async def _async_open(hass: HomeAssistant, ids: list[str]) -> Ledger:
    ledger = Ledger(hass, ledger_path(hass))
    await ledger.async_open(JOB_KIND)
    try:
        # These boxes were removed while the disk refused to delete their rows, or by a version of the integration
        # without a ledger.
        gone = await ledger.async_delete_other_boxes(ids)
        await hass.async_add_executor_job(_delete_left, hass, gone)
        await async_take_in(hass, ledger, ids)
    except BaseException:
        await ledger.async_close()
        raise

    async def close(_event: Event) -> None:
        await ledger.async_close()

    hass.bus.async_listen_once(EVENT_HOMEASSISTANT_CLOSE, close)
    return ledger


async def async_close_ledger(hass: HomeAssistant) -> None:
    if (ledger := hass.data.get(DATA_LEDGER)) is not None:
        await ledger.async_close()
        del hass.data[DATA_LEDGER]


async def async_delete_ledger(hass: HomeAssistant) -> None:
    """Close the ledger and delete it, with the damaged ledgers that were set aside, unless a box exists again."""
    async with _lock(hass):
        if hass.config_entries.async_entries(DOMAIN):
            return
        await async_close_ledger(hass)
        root = ledger_path(hass)
        await hass.async_add_executor_job(lambda: remove_folders([root, *_set_aside(root)]))


async def async_remove_jobs(hass: HomeAssistant, entry_id: str) -> list[Job]:
    """Delete the jobs of a removed config entry; return the jobs that were waiting, here or in the cloud."""
    own_jobs, jobs = Table(JOB_KIND, entry_id), list[Job]()
    with suppress(OSError):
        ledger = await async_get_ledger(hass, entry_id)
        await ledger.async_load(own_jobs)
        # The start has read every job that waits, so the unread jobs are of no interest.
        jobs += ledger.latest(own_jobs).already_read
    await async_remove_records(hass, entry_id, own_jobs, Table(OWN_TASK_KIND, entry_id))
    return [job for job in jobs if job.waits_here or job.state is JobState.QUEUED]


async def async_remove_records(hass: HomeAssistant, folder: str, *tables: Table[Any]) -> None:
    """Delete tables, including records that this version cannot read, and their folder.

    Rows that the disk refuses to delete now are deleted later.
    """
    try:
        ledger = await async_get_ledger(hass)
        for table in tables:
            await ledger.async_load(table)
            await ledger.async_read_unread(table)

        def remove(view: View) -> None:
            for table in tables:
                for record_id in (*ledger.latest(table), *ledger.unreadable(table)):
                    view.delete(table, record_id)

        await ledger.commit(remove, is_report=True)
    except OSError as err:
        _LOGGER.warning("The records of a removed box are not deleted yet: %s", err)
    await hass.async_add_executor_job(_delete_files, hass, folder)


def _delete_files(hass: HomeAssistant, name: str) -> None:
    """Delete a folder, also from ledgers that were set aside and from the place where earlier versions had it."""
    root, old = ledger_path(hass), old_path(hass, name)
    remove_folders([root / name, *(aside / name for aside in _set_aside(root)), old])
    with suppress(OSError):
        # Delete the empty file that `migration` left in place of the folder.
        old.unlink()


def _delete_left(hass: HomeAssistant, boxes: Iterable[str]) -> None:
    """Delete all files of these boxes, including their scans."""
    for box in boxes:
        for path in (Path(box), *ledger_path(hass).parent.glob(f"*-{box}")):
            _delete_files(hass, path.name)


def _set_aside(root: Path) -> list[Path]:
    return [*root.parent.glob(f"{DAMAGED_LEDGER_PREFIX}*")]
