"""The one ledger of this Home Assistant: opened at the first box, closed when Home Assistant is."""

import shutil
from typing import Final

from homeassistant.const import EVENT_HOMEASSISTANT_CLOSE
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers.singleton import singleton
from homeassistant.util.hass_dict import HassKey

from ..const import DOMAIN
from ..ledger import Ledger, Table, View
from .box_jobs import JOBS
from .files import jobs_path, ledger_path
from .job import WAITING, Job, JobState
from .location import async_hold_copied
from .migration import async_take_in
from .own_tasks import OWN_TASKS

DATA_LEDGER: Final[HassKey[Ledger]] = HassKey(f"{DOMAIN}_ledger")


@singleton(DATA_LEDGER, async_=True)
async def async_get_ledger(hass: HomeAssistant) -> Ledger:
    """Return the ledger, opened and with what earlier versions wrote. Raises OSError."""
    ids = [entry.entry_id for entry in hass.config_entries.async_entries(DOMAIN)]
    ledger = Ledger(hass, ledger_path(hass))
    await ledger.async_open()
    try:
        await async_take_in(hass, ledger, ids)
        await async_hold_copied(hass, ledger, ids)
    except BaseException:
        await ledger.async_close()
        raise

    async def close(_event: Event) -> None:
        await ledger.async_close()

    hass.bus.async_listen_once(EVENT_HOMEASSISTANT_CLOSE, close)
    return ledger


async def async_close_ledger(hass: HomeAssistant) -> None:
    """Close the ledger; the next box opens it again."""
    if DATA_LEDGER in hass.data:
        await (await async_get_ledger(hass)).async_close()
        del hass.data[DATA_LEDGER]


async def async_remove_jobs(hass: HomeAssistant, entry_id: str) -> list[Job]:
    """Delete the jobs of a removed config entry; return those that waited, here or in the cloud."""
    ledger = await async_get_ledger(hass)
    own_jobs, own_tasks = Table(JOBS, entry_id), Table(OWN_TASKS, entry_id)
    await ledger.async_load(own_jobs)
    await ledger.async_load(own_tasks)
    jobs = [*ledger.latest(own_jobs).values()]

    def remove(view: View) -> None:
        for job_id in ledger.latest(own_jobs):
            view.delete(own_jobs, job_id)
        for task_id in ledger.latest(own_tasks):
            view.delete(own_tasks, task_id)

    await ledger.commit(remove, report=True)
    folder = jobs_path(hass, entry_id)
    await hass.async_add_executor_job(lambda: shutil.rmtree(folder, ignore_errors=True))
    return [
        job for job in jobs if job.state in (*WAITING, JobState.UPLOADING) and not job.is_unsure
    ]
