"""Scanning and copying, which a preview feature in Home Assistant Labs enables."""

from datetime import datetime, timedelta
from functools import partial
import time
from typing import Final

from homeassistant.components import labs
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.event import async_track_time_interval

from ..const import DOMAIN
from ..devices import box_identifier
from ..runtime import LiankeConfigEntry
from .hub import (
    FEATURE,
    HUBS,
    SIGNAL_SCANNERS,
    ScannerHub,
    is_scanning_enabled,
    scanner_devices,
    scanner_identifier,
)
from .scan_delivery import DELIVERIES, Deliveries, async_get_deliveries
from .scan_jobs import SCAN_JOBS, ScanJobs, async_get_scan_jobs
from .scan_questions import async_follow_waiting
from .scan_rules import FORGET_PAUSE
from .scan_view import ScanPictureView, ScanView

# Time between two refreshes of the list of scanners, and between two deletions of old scans.
INTERVAL: Final = timedelta(minutes=15)
# Minimum seconds between two refreshes of the list of scanners that are caused by updates of the coordinator.
LOOK_SPACING: Final = 60.0


@callback
def async_setup(hass: HomeAssistant) -> None:
    async_follow_waiting(hass)
    hass.http.register_view(ScanView)
    hass.http.register_view(ScanPictureView)


async def async_watch_scanners(hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
    """Keep track of a box's scanners while the preview feature is on. Raises OSError.

    Call this before the platforms are set up, since their entities need the scanners.
    """
    hub = hass.data.setdefault(HUBS, {})[entry.entry_id] = ScannerHub(hass, entry)
    await hub.async_load()
    jobs = ScanJobs(hass, entry, hub)
    await jobs.async_load()
    hass.data.setdefault(SCAN_JOBS, {})[entry.entry_id] = jobs
    deliveries = hass.data.setdefault(DELIVERIES, {})[entry.entry_id] = Deliveries(
        hass, entry, jobs
    )
    coordinator = entry.runtime_data.coordinator
    looked_at = -LOOK_SPACING

    @callback
    def resume_and_refresh(_now: datetime | None = None) -> None:
        nonlocal looked_at
        if not is_scanning_enabled(hass):
            return
        if entry.state is ConfigEntryState.LOADED and not jobs.is_resumed:
            # Resume scans even while the box is offline: this needs only the printers and files of the loaded entry.
            jobs.resume()
            deliveries.async_start()
            for task_id, ended in hub.to_forget.items():
                hub.forget_at_service(task_id, ended, FORGET_PAUSE if ended else 0)
            entry.async_create_background_task(hass, jobs.async_prune(), "lianke: kept scans")
        is_online = coordinator.data.online is not False
        if (is_online or not hub.is_listed) and time.monotonic() - looked_at >= LOOK_SPACING:
            if is_online:
                looked_at = time.monotonic()
            entry.async_create_background_task(hass, hub.async_refresh(), "lianke: scanners")

    @callback
    def on_state() -> None:
        # Cards and the home network show scanners of loaded entries only, so notify them when the state of the entry
        # changes.
        hub.notify_list_changed()
        if entry.state is ConfigEntryState.LOADED:
            resume_and_refresh()

    async def prune(_now: datetime) -> None:
        # Kept scans expire while the preview feature is off, too.
        await jobs.async_prune()

    async def on_switch(_data: labs.EventLabsUpdatedData) -> None:
        nonlocal looked_at
        looked_at = -LOOK_SPACING
        if is_scanning_enabled(hass):
            resume_and_refresh()
        else:
            hub.clear()
            _remove_devices(hass, entry)

    entry.async_on_unload(entry.async_on_state_change(on_state))
    register = partial(_register_devices, hass, entry, hub)
    entry.async_on_unload(async_dispatcher_connect(hass, SIGNAL_SCANNERS, register))
    entry.async_on_unload(coordinator.async_add_listener(resume_and_refresh))
    entry.async_on_unload(async_track_time_interval(hass, resume_and_refresh, INTERVAL))
    entry.async_on_unload(async_track_time_interval(hass, prune, INTERVAL))
    entry.async_on_unload(labs.async_subscribe_preview_feature(hass, DOMAIN, FEATURE, on_switch))
    if is_scanning_enabled(hass):
        resume_and_refresh()
    else:
        _remove_devices(hass, entry)


async def async_close(hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
    """Stop the box's scans, which the next setup resumes.

    Copies use the job queue, so the caller must call this before it drains the queue.
    """
    await async_get_deliveries(hass, entry).async_close()
    await async_get_scan_jobs(hass, entry).async_close()


@callback
def _register_devices(hass: HomeAssistant, entry: LiankeConfigEntry, hub: ScannerHub) -> None:
    registry = dr.async_get(hass)
    box = registry.async_get_device_by_identifier(box_identifier(entry), entry.entry_id)
    present = (one for one in hub.scanners.values() if one.present)
    printers = entry.runtime_data.coordinator.data.printers.values()
    for scanner in present:
        identifier = scanner_identifier(entry, scanner.scanner_id)
        same = next(
            (one for one in printers if scanner.name in (one.name, one.printer.model)), None
        )
        info = DeviceInfo(identifiers={identifier})
        if any(word in scanner.name.casefold() for word in ("scan", "扫描")):
            info["name"] = scanner.name
        else:
            # The printer that contains a scanner usually has the same name.
            info["translation_key"] = "scanner"
            info["translation_placeholders"] = {"name": scanner.name}
        if same is not None:
            info["manufacturer"] = same.printer.vendor
            info["model"] = same.printer.model or same.printer.product
        if box is not None:
            info["via_device_id"] = box.id
        registry.async_get_or_create(config_entry_id=entry.entry_id, **info)


@callback
def _remove_devices(hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
    """Remove the entry's scanner devices, which also removes the entities of these devices."""
    for _, device in scanner_devices(hass, entry):
        dr.async_get(hass).async_remove_device(device.id)
