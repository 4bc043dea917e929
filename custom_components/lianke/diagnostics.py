"""Diagnostics of a box and its printers, without secrets or personal data."""

from dataclasses import asdict
from typing import Any

from homeassistant.components.diagnostics import REDACTED, async_redact_data
from homeassistant.const import CONF_API_KEY, CONF_DEVICE_ID, CONF_WEBHOOK_ID
from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import DeviceEntry
from homeassistant.loader import async_get_integration

from . import const
from .api.addresses import DEFAULT_SERVER
from .devices import printer_key_of
from .jobs.job import REJECTED
from .printing.print_action import job_dict
from .report.redaction import scrubbed, secrets_of, without_titles
from .runtime import LiankeConfigEntry

# Maximum number of jobs in a report; older jobs are left out.
MAX_JOBS = 50
# Fields with secrets, and fields that reveal where people live or what they print.
TO_REDACT = {
    const.CONF_APPROVAL_NOTIFY,
    const.CONF_APPROVAL_USERS,
    const.CONF_APPROVERS,
    CONF_API_KEY,
    CONF_DEVICE_ID,
    const.CONF_DEVICE_KEY,
    CONF_WEBHOOK_ID,
    "hash_id",
    "ip_address",
    "lan_address",
    "lan_mac",
    const.CONF_LAN_PRINTERS,
    const.CONF_LAN_SCANNERS,
    const.CONF_MONTHLY_USERS,
    const.CONF_PAPERLESS_TAGS,
    const.CONF_PAPERLESS_TOKEN,
    const.CONF_PAPERLESS_URL,
    const.CONF_RELEASE_CODES,
    const.CONF_RELEASE_USERS,
    const.CONF_SCAN_FOLDER,
    const.CONF_SCAN_MAIL,
    "request_id",
    "row_id",
    "sender",
    "sender_address",
    "sender_device",
    "source",
    "title",
    "unique_id",
    "user_id",
    "wifi_address",
}


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: LiankeConfigEntry
) -> dict[str, Any]:
    data = entry.runtime_data
    storage = data.storage
    # The address of a person's own server would identify that person.
    server = "default" if entry.data[const.CONF_SERVER] == DEFAULT_SERVER else "another"
    connection = {**entry.data, const.CONF_SERVER: server}
    report = {
        "entry": {"data": connection, "options": dict(entry.options)},
        "box": storage.box.as_dict() if storage.box else None,
        "polling": _polling(entry),
        "news": {
            "has_address": data.account.address is not None,
            "callbacks_proven": storage.callbacks_proven_for(data.account.fingerprint),
            "pushes_proven": storage.pushes_proven_for(data.account.fingerprint),
            "last_push_at": storage.last_push_at,
            "foreign_seen_at": storage.foreign_seen_at,
            "boxes_of_account": data.account.box_count,
        },
        "printers": [_printer(entry, key) for key in storage.printers],
        "jobs": _jobs(entry, None),
    }
    return await _with_unknown(hass, entry, _redacted(entry, report))


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: LiankeConfigEntry, device: DeviceEntry
) -> dict[str, Any]:
    """Return a report about the box, or about one printer with its capabilities."""
    data = entry.runtime_data
    if (key := printer_key_of(entry, device)) is None:
        box = data.storage.box
        report: dict[str, Any] = {"box": box.as_dict() if box else None, "polling": _polling(entry)}
        return await _with_unknown(hass, entry, _redacted(entry, report))
    known = data.storage.printers[key]
    report = {
        "printer": _printer(entry, key),
        "default_options": dict(entry.options.get(const.CONF_DEFAULT_OPTIONS, {})),
        "printer_options": dict(entry.options.get(const.CONF_PRINTER_OPTIONS, {}).get(key, {})),
        "capabilities": known.capabilities.as_dict() if known.capabilities else None,
        "papers": [paper.as_dict() for paper in known.papers],
        "jobs": _jobs(entry, key),
    }
    return _redacted(entry, report)


async def _with_unknown(
    hass: HomeAssistant, entry: LiankeConfigEntry, report: dict[str, Any]
) -> dict[str, Any]:
    """Add a section that the user can paste into an issue: the unknown parts of the service's answers and messages.

    The section has names and shapes but no values, so fields called `title` or `device_id` are not redacted in it.
    """
    integration = await async_get_integration(hass, entry.domain)
    storage = entry.runtime_data.storage
    section = {
        "what_this_is": (
            "Parts of the service's answers and messages that are documented nowhere: names and shapes, no"
            f" values. If there are any, please paste this section into an issue: {integration.issue_tracker}"
        ),
        "version": str(integration.version),
        "box": {
            "hardware": storage.box.hardware if storage.box else None,
            "software": storage.box.software if storage.box else None,
        },
        "seen": scrubbed(storage.unknown.as_stored(), secrets_of(entry)),
    }
    return {**report, "unknown": section}


def _polling(entry: LiankeConfigEntry) -> dict[str, Any]:
    coordinator = entry.runtime_data.coordinator
    interval = coordinator.update_interval
    return {
        "online": coordinator.data.online,
        "fresh": coordinator.is_fresh,
        "last_update_success": coordinator.last_update_success,
        "interval_s": interval.total_seconds() if interval else None,
        "last_error": without_titles(entry, str(coordinator.last_error or "")) or None,
    }


def _printer(entry: LiankeConfigEntry, key: str) -> dict[str, Any]:
    data = entry.runtime_data
    known = data.storage.printers[key]
    stored = known.as_dict()
    del stored["capabilities"], stored["papers"]
    view = data.coordinator.data.printers.get(key)
    return {
        "key": key,
        "row": stored.pop("printer"),
        **stored,
        "present": known.present,
        "status": view.status if view else None,
        "condition": asdict(view.condition) if view and view.condition else None,
        "hold_reason": data.coordinator.hold_reason(key),
        "waiting": data.queue.waiting(key),
    }


def _jobs(entry: LiankeConfigEntry, key: str | None) -> list[dict[str, Any]]:
    return [
        {
            **job_dict(job),
            # A rejection quotes what a person wrote, with that person's name.
            "detail": (
                REDACTED
                if job.reason == REJECTED and job.current_delivery.detail
                else without_titles(entry, job.current_delivery.detail)
            ),
            "hold": job.spec.hold,
            "has_task": job.has_task,
            "unsure": job.current_delivery.is_in_doubt,
        }
        for job in entry.runtime_data.queue.jobs(key)[:MAX_JOBS]
    ]


def _redacted(entry: LiankeConfigEntry, report: dict[str, Any]) -> dict[str, Any]:
    """Return a report with secrets redacted, by field name as well as by content."""
    cleaned: dict[str, Any] = scrubbed(async_redact_data(report, TO_REDACT), secrets_of(entry))
    return cleaned
