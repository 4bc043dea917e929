"""Describes the ends of print jobs in the logbook, one line each."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from homeassistant.components.logbook.const import (
    LOGBOOK_ENTRY_ENTITY_ID,
    LOGBOOK_ENTRY_MESSAGE,
    LOGBOOK_ENTRY_NAME,
)
from homeassistant.const import ATTR_DEVICE_ID, ATTR_ENTITY_ID
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.translation import async_get_cached_translations

from .const import DOMAIN
from .devices import async_printer_device, status_entity
from .job_signals import SIGNAL_JOB_UPDATED, JobUpdate, event_data

EVENT_JOB_ENDED: Final = f"{DOMAIN}_job_ended"


@callback
def async_describe_events(
    hass: HomeAssistant,
    async_describe_event: Callable[[str, str, Callable[[Event], dict[str, Any]]], None],
) -> None:
    """Describe the event that a print job ends with, in the language of the house."""

    @callback
    def describe(event: Event) -> dict[str, Any]:
        device = dr.async_get(hass).async_get(str(event.data[ATTR_DEVICE_ID]))
        return {
            LOGBOOK_ENTRY_NAME: (device.name_by_user or device.name) if device else None,
            LOGBOOK_ENTRY_MESSAGE: _message(hass, event.data),
            LOGBOOK_ENTRY_ENTITY_ID: event.data.get(ATTR_ENTITY_ID),
        }

    @callback
    def fire(update: JobUpdate) -> None:
        entry, job, _reasons = update
        device = async_printer_device(hass, entry, job.printer_key)
        if not job.is_final or device is None:
            return
        status = status_entity(hass, entry, job.printer_key)
        data = {ATTR_DEVICE_ID: device.id, ATTR_ENTITY_ID: status, "state": job.state.value}
        hass.bus.async_fire(EVENT_JOB_ENDED, data | event_data(job), context=job.spec.asker.context)

    async_describe_event(DOMAIN, EVENT_JOB_ENDED, describe)
    # For the time that Home Assistant runs: there is one logbook.
    async_dispatcher_connect(hass, SIGNAL_JOB_UPDATED, fire)


def _message(hass: HomeAssistant, data: Mapping[str, Any]) -> str:
    """Return what became of a job, with its pages where they were counted."""
    texts = async_get_cached_translations(hass, hass.config.language, "common", DOMAIN)
    key = str(data["state"])
    # Of what is unconfirmed, all may be on paper.
    if data.get("partly_printed") and key not in ("completed", "unconfirmed"):
        # Bytes went to the printer; nobody knows how many of them came to paper.
        key = "canceled_partly" if key == "canceled" else "partly_printed"
    elif data.get("to_printer"):
        key = "moved"
    elif key == "completed" and (pages := data.get("pages")) is not None:
        key = "completed_page" if pages == 1 else "completed_pages"
    text = texts.get(f"component.{DOMAIN}.common.logbook_{key}", key)
    return text.format(title=data["title"], pages=data.get("pages"), printer=data.get("to_printer"))
