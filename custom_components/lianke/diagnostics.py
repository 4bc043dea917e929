"""What helps to find a fault, without anything that is nobody else's business."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from ipaddress import ip_address
import re
from typing import Any

from homeassistant.components.diagnostics import REDACTED, async_redact_data
from homeassistant.const import CONF_API_KEY, CONF_DEVICE_ID, CONF_WEBHOOK_ID
from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import DeviceEntry

from .api.server import DEFAULT_SERVER
from .box.views import PrinterView
from .const import CONF_DEFAULT_OPTIONS, CONF_DEVICE_KEY, CONF_PRINTER_OPTIONS, CONF_SERVER
from .devices import printer_key_of
from .runtime import LiankeConfigEntry

MAX_JOBS = 50
# What tells of a place or a document by its shape, wherever it stands: addresses of all kinds, names of files.
_SHAPES = re.compile(
    r"https?://[^\s\"'<>]{1,2000}"
    r"|[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{1,64}"
    r"|\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b"
    r"|\b\d{1,3}(?:\.\d{1,3}){3}\b"
    r"|[^\s/\\\"'“”‘’《》:：,，()（）]{1,200}"
    r"\.(?:pdf|docx?|xlsx?|pptx?|txt|csv|md|html?|jpe?g|png|bmp|gif|tiff?|webp|heic|ofd|prn|wps|et|dps)\b",
    re.IGNORECASE,
)
_MAYBE_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{2,45}(?:%\w{1,16})?(?![\w:])")
# Titles shorter than this would take ordinary words out of a report.
_MIN_TITLE = 3
# Secrets, what tells where somebody lives, and what somebody prints.
TO_REDACT = {
    CONF_API_KEY,
    CONF_DEVICE_ID,
    CONF_DEVICE_KEY,
    CONF_WEBHOOK_ID,
    "hash_id",
    "ip_address",
    "lan_address",
    "lan_mac",
    "request_id",
    "row_id",
    "title",
    "unique_id",
    "wifi_address",
}


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: LiankeConfigEntry
) -> dict[str, Any]:
    """Return the state of a box, its printers and its last jobs."""
    data = entry.runtime_data
    storage = data.storage
    report = {
        "entry": {"data": _facts(entry.data), "options": dict(entry.options)},
        "box": storage.box.as_dict() if storage.box else None,
        "polling": _polling(entry),
        "news": {
            "has_address": data.account.address is not None,
            "callbacks_proven": storage.callbacks_proven_for(data.account.fingerprint),
            "pushes_proven": storage.pushes_proven_for(data.account.fingerprint),
            "last_push_at": _time(storage.last_push_at),
            "foreign_seen_at": _time(storage.foreign_seen_at),
            "boxes_of_account": data.account.box_count,
        },
        "printers": [_printer(entry, key) for key in storage.printers],
        "jobs": _jobs(entry, None),
    }
    return _redacted(entry, report)


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: LiankeConfigEntry, device: DeviceEntry
) -> dict[str, Any]:
    """Return the state of one printer with all that it can do, or of the box."""
    data = entry.runtime_data
    if (key := printer_key_of(entry, device)) is None:
        box = data.storage.box
        report: dict[str, Any] = {"box": box.as_dict() if box else None, "polling": _polling(entry)}
        return _redacted(entry, report)
    known = data.storage.printers[key]
    report = {
        "printer": _printer(entry, key),
        "default_options": dict(entry.options.get(CONF_DEFAULT_OPTIONS, {})),
        "printer_options": dict(entry.options.get(CONF_PRINTER_OPTIONS, {}).get(key, {})),
        "capabilities": known.capabilities.as_dict() if known.capabilities else None,
        "papers": [paper.as_dict() for paper in known.papers],
        "jobs": _jobs(entry, key),
    }
    return _redacted(entry, report)


def _facts(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the connection facts; another server than the vendor's is somebody's own."""
    vendor = data[CONF_SERVER] == DEFAULT_SERVER
    return {**data, CONF_SERVER: "default" if vendor else "another"}


def _polling(entry: LiankeConfigEntry) -> dict[str, Any]:
    """Return how polling goes."""
    coordinator = entry.runtime_data.coordinator
    interval = coordinator.update_interval
    return {
        "online": coordinator.data.online,
        "fresh": coordinator.is_fresh,
        "last_update_success": coordinator.last_update_success,
        "interval_s": interval.total_seconds() if interval else None,
        "last_error": _without_titles(entry, str(coordinator.last_error or "")) or None,
    }


def _printer(entry: LiankeConfigEntry, key: str) -> dict[str, Any]:
    """Return what is known of a printer, as it was last seen and as it is."""
    data = entry.runtime_data
    known = data.storage.printers[key]
    view: PrinterView | None = data.coordinator.data.printers.get(key)
    return {
        "key": key,
        "row": known.printer.as_dict(),
        "name": known.name,
        "present": known.present,
        "status": view.status if view else None,
        "condition": _condition(view),
        "hold_reason": data.coordinator.hold_reason(key),
        "waiting": data.queue.waiting(key),
        "pages_printed": known.pages_printed,
        "first_seen": _time(known.first_seen),
        "last_seen": _time(known.last_seen),
        "last_print_at": _time(known.last_print_at),
        "capabilities_at": _time(known.capabilities_at),
        "papers_at": _time(known.papers_at),
        "driver_requested_at": _time(known.driver_requested_at),
    }


def _condition(view: PrinterView | None) -> dict[str, Any] | None:
    """Return what the printer itself reported."""
    return asdict(view.condition) if view and view.condition else None


def _jobs(entry: LiankeConfigEntry, key: str | None) -> list[dict[str, Any]]:
    """Return the last jobs, newest first, without what was printed."""
    return [
        {
            **job.as_view(),
            "detail": _without_titles(entry, job.detail),
            "hold": job.hold,
            "has_task": job.task_id is not None,
            "unsure": job.is_unsure,
        }
        for job in entry.runtime_data.queue.jobs(key)[:MAX_JOBS]
    ]


def _without_titles(entry: LiankeConfigEntry, text: str) -> str:
    """Return words of the service without the titles of documents, which it likes to quote."""
    titles = {
        part
        for job in entry.runtime_data.queue.jobs()
        for title in (job.title, job.document_name)
        for part in (title, title.rpartition(".")[0])
        if len(part) >= _MIN_TITLE
    }
    # A longer title goes before one that is a part of it.
    for title in sorted(titles, key=len, reverse=True):
        text = text.replace(title, REDACTED)
    return text


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _redacted(entry: LiankeConfigEntry, report: dict[str, Any]) -> dict[str, Any]:
    """Return a report without secrets, by the names of the fields and by what is in them."""
    secrets = [
        str(entry.data[name])
        for name in (CONF_API_KEY, CONF_DEVICE_ID, CONF_DEVICE_KEY, CONF_WEBHOOK_ID)
    ]
    cleaned: dict[str, Any] = _scrubbed(async_redact_data(report, TO_REDACT), secrets)
    return cleaned


def _scrubbed(value: Any, secrets: list[str]) -> Any:
    """Return a value in whose texts no secret is left, wherever it came from."""
    if isinstance(value, Mapping):
        return {key: _scrubbed(item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_scrubbed(item, secrets) for item in value]
    if isinstance(value, str) and value != REDACTED:
        for secret in secrets:
            value = value.replace(secret, REDACTED)
        value = _MAYBE_IPV6.sub(_without_ipv6, _SHAPES.sub(REDACTED, value))
    return value


def _without_ipv6(found: re.Match[str]) -> str:
    """Return what takes the place of something that may be an IPv6 address, or a time of day."""
    try:
        ip_address(found[0])
    except ValueError:
        return found[0]
    return REDACTED
