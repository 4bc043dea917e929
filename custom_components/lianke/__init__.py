"""Print through a Lianke cloud print box."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
import logging

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_API_KEY, CONF_DEVICE_ID, CONF_WEBHOOK_ID, Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ConfigEntryNotReady, HomeAssistantError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.device_registry import DeviceEntry
from homeassistant.helpers.typing import ConfigType
from homeassistant.util.ssl import get_default_context

from . import frontend, issues, job_signals, lan, people, scanner, services, websocket_api
from .account.request_limits import Account
from .api.client import LiankeClient
from .api.errors import LiankeError
from .api.models import Credentials
from .api.unknown import Observer
from .box.storage import BoxStorage
from .const import CONF_DEVICE_KEY, CONF_SERVER, DOMAIN, ENTRY_VERSION
from .coordinator import LiankeCoordinator
from .devices import async_follow_devices, box_identifier, printer_key_of
from .documents.pdf_client import async_close_pdf_worker
from .documents.spool import async_get_spool
from .error_texts import translating
from .input_error import InputError
from .jobs.job import Job
from .jobs.opening import async_delete_ledger, async_get_ledger, async_remove_jobs
from .jobs.queue import PrintQueue
from .jobs.rules import REMOVAL_SECONDS
from .people import notifications, page_export
from .people.approval_and_page_limit import PrintPolicy
from .printing import fallback_printer, nozzle_care
from .runtime import (
    LiankeConfigEntry,
    LiankeData,
    async_account,
    async_account_of_key,
    async_loaded_entries,
)
from .scanner.hub import async_get_hub, scanner_devices
from .scanner.scan_jobs import async_remove_scans
from .webhook import async_open, async_release

_LOGGER = logging.getLogger(__name__)

PLATFORMS = [
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.EVENT,
    Platform.IMAGE,
    Platform.NOTIFY,
    Platform.SENSOR,
]

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Set up the parts that all boxes share, such as the actions and the card. Runs even if no box can be set up."""
    await people.async_setup(hass)
    services.async_setup_services(hass)
    websocket_api.async_setup(hass)
    scanner.async_setup(hass)
    lan.async_setup(hass)
    await frontend.async_setup(hass)
    return True


@contextmanager
def _retried(key: str) -> Iterator[None]:
    """If the disk fails within the block, raise ConfigEntryNotReady with this key; Home Assistant then tries again."""
    try:
        yield
    except (OSError, HomeAssistantError) as err:
        if not isinstance(err, OSError) and not isinstance(err.__cause__, OSError):
            raise
        _LOGGER.debug("A box cannot be set up yet: %s", err)
        raise ConfigEntryNotReady(translation_domain=DOMAIN, translation_key=key) from None


def _make_client(
    hass: HomeAssistant,
    entry: LiankeConfigEntry,
    account: Account,
    observer: Observer | None = None,
) -> LiankeClient:
    return LiankeClient(
        async_get_clientsession(hass),
        api_key=entry.data[CONF_API_KEY],
        credentials=Credentials(
            device_id=entry.data[CONF_DEVICE_ID], device_key=entry.data[CONF_DEVICE_KEY]
        ),
        server=entry.data[CONF_SERVER],
        throttle=account,
        ssl=get_default_context(),
        observer=observer,
    )


async def async_migrate_entry(hass: HomeAssistant, entry: LiankeConfigEntry) -> bool:
    """Change nothing but the version number, so that earlier versions of the integration do not set up the entry."""
    hass.config_entries.async_update_entry(entry, version=ENTRY_VERSION, minor_version=1)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: LiankeConfigEntry) -> bool:
    """Set up one box: the first time with data from the service, later with stored data."""
    # This deletes the documents that the last run of Home Assistant left in the spool.
    with _retried("job_folder_unreadable"):
        await async_get_spool(hass)
        ledger = await async_get_ledger(hass)
    webhook_id = entry.data[CONF_WEBHOOK_ID]
    account = async_account(hass, webhook_id)
    entry.async_on_unload(account.join())
    storage = BoxStorage(hass, entry.entry_id, entry.data[CONF_DEVICE_ID])
    with _retried("storage_unreadable"):
        await storage.async_load()
    # If the setup fails, save the data learned so far. A closed storage cannot overwrite the data of the next setup.
    entry.async_on_unload(storage.async_close)
    storage.save_options(entry.options)
    is_new = storage.box is None
    client = _make_client(hass, entry, account, storage.unknown.observe)
    coordinator = LiankeCoordinator(hass, entry, client=client, storage=storage, account=account)
    if is_new:
        await coordinator.async_config_entry_first_refresh()
    queue = PrintQueue(coordinator, PrintPolicy(hass, entry, storage.pages), ledger)
    entry.runtime_data = LiankeData(
        client=client,
        storage=storage,
        coordinator=coordinator,
        queue=queue,
        account=account,
    )
    # Drain the queue if the setup fails; `async_unload_entry` has already drained it before a regular unload.
    entry.async_on_unload(queue.async_drain)
    async_open(hass, entry)
    async_follow_devices(hass, entry)
    # Do this before the jobs are read, because reading them counts the pages that a power cut left uncounted.
    page_export.async_watch_statistics(hass, entry)
    with _retried("job_folder_unreadable"):
        await queue.async_load()
        await scanner.async_watch_scanners(hass, entry)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    job_signals.async_dispatch_jobs(hass, entry)
    notifications.async_watch_approvals(hass, entry)
    # Start the queue only now, so that event entities, triggers and people are notified of jobs that expired before
    # this start.
    queue.start()
    issues.async_watch_for_issues(hass, entry)
    nozzle_care.async_watch_nozzles(hass, entry)
    fallback_printer.async_watch_faults(hass, entry)
    lan.async_announce(hass, entry)
    if not is_new:
        entry.async_create_background_task(
            hass, coordinator.async_refresh(), f"first refresh of {entry.title}"
        )
    return True


async def async_unload_entry(hass: HomeAssistant, entry: LiankeConfigEntry) -> bool:
    """Stop one box, but wait a limited time for uploads under way."""
    data = entry.runtime_data
    await scanner.async_close(hass, entry)
    # Drain the queue before the platforms are unloaded, so that event entities are notified of jobs that end now.
    await data.queue.async_drain()
    if not await hass.config_entries.async_unload_platforms(entry, PLATFORMS):
        return False
    await data.storage.async_close()
    await async_release(hass, data.account.webhook_id)
    if not any(other is not entry for other in async_loaded_entries(hass)):
        await async_close_pdf_worker(hass)
    return True


async def async_remove_entry(hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
    """Delete the jobs and scans of a removed box; keep the data that the box gets back if it is added again."""
    await BoxStorage(hass, entry.entry_id, entry.data[CONF_DEVICE_ID]).async_keep(entry.options)
    # Remember the account: this box's requests still count if a box of the account is added within the next minute.
    account = async_account_of_key(hass, entry.data[CONF_API_KEY], entry.data[CONF_WEBHOOK_ID])
    account.key_watch.forget(entry.entry_id)
    waiting = await async_remove_jobs(hass, entry.entry_id)
    await async_remove_scans(hass, entry.entry_id)
    await async_release(hass, entry.data[CONF_WEBHOOK_ID])
    issues.async_delete_issues(hass, entry)
    # Do this after all local data is deleted, since the cloud may not answer.
    dropped = await _async_cancel_in_cloud(hass, entry, account, waiting)
    if waiting:
        left = len(waiting) - len(dropped)
        issues.async_report_dropped_jobs(hass, entry, len(dropped), left)
        job_signals.async_dispatch_dropped(hass, entry, dropped)
        notifications.async_tell_dropped(hass, entry, dropped)
    if not hass.config_entries.async_entries(DOMAIN):
        await async_delete_ledger(hass)
        await (await async_get_spool(hass)).async_clear()
        await frontend.async_remove(hass)
        await people.async_remove(hass)


async def _async_cancel_in_cloud(
    hass: HomeAssistant, entry: LiankeConfigEntry, account: Account, jobs: list[Job]
) -> list[Job]:
    """Cancel the jobs in the cloud; return all jobs except those that could not be canceled."""
    client = _make_client(hass, entry, account)

    async def is_canceled(job: Job) -> bool:
        if (task_id := job.current_delivery.task_id) is not None:
            try:
                async with asyncio.timeout(REMOVAL_SECONDS):
                    await client.cancel_task(None, task_id)
            except (LiankeError, TimeoutError) as err:
                _LOGGER.debug("A job of a removed box stays in the cloud: %s", err)
                return False
        return True

    answers = await asyncio.gather(*map(is_canceled, jobs))
    return [job for job, canceled in zip(jobs, answers, strict=True) if canceled]


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: LiankeConfigEntry, device: DeviceEntry
) -> bool:
    """Allow removing a printer or scanner unless it is known to be connected.

    Raises ServiceValidationError instead of returning False, because Home Assistant's message for False exists only in
    English.
    """
    with translating():
        if box_identifier(entry) in device.identifiers:
            raise InputError("box_not_removable")
        if entry.state is not ConfigEntryState.LOADED:
            raise InputError("box_not_loaded_for_removal")
        coordinator, hub = entry.runtime_data.coordinator, async_get_hub(hass, entry)
        key = printer_key_of(entry, device)
        scanners = scanner_devices(hass, entry)
        scanner_id = next((one for one, of in scanners if of.id == device.id), "")
        found = hub.scanners.get(scanner_id) if key is None else coordinator.data.printers.get(key)
        if found is not None and found.present and coordinator.data.online is not False:
            raise InputError("printer_connected", name=found.name)
        # A device that has neither a printer's key nor a scanner's id is left over from damaged stored data.
        if key is not None:
            # Fail the printer's waiting jobs while their events can still name its device.
            await entry.runtime_data.queue.async_fail_waiting(key)
            coordinator.async_forget(key)
        elif scanner_id:
            hub.forget_scanner(scanner_id)
    return True
