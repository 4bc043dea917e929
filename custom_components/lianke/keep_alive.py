"""A page now and then, so that the nozzles of an ink-jet do not dry up."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
import logging
from typing import Any

from homeassistant.config_entries import (
    SIGNAL_CONFIG_ENTRY_CHANGED,
    ConfigEntry,
    ConfigEntryChange,
    ConfigEntryState,
)
from homeassistant.core import CALLBACK_TYPE, Context, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.event import async_track_time_change
from homeassistant.util import dt as dt_util

from .actions.own_pages import async_print_color_page
from .const import CONF_KEEP_ALIVE
from .jobs.job import JobState
from .runtime import LiankeConfigEntry

_LOGGER = logging.getLogger(__name__)

# Of an unconfirmed job nobody knows; another page would be one too many.
PRINTED = frozenset({JobState.COMPLETED, JobState.UNCONFIRMED})


@callback
def async_watch(hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
    """Print a page at its hour on printers that we have not used for as long as the user set.

    Only our own prints are known. Outside of a printer's readiness, and in quiet hours, the page
    is left out: tomorrow is another day.
    """
    tried: dict[str, date] = {}

    async def look(now: datetime) -> None:
        plans: Mapping[str, Mapping[str, Any]] = entry.options.get(CONF_KEEP_ALIVE, {})
        for key, plan in plans.items():
            at = dt_util.parse_time(plan.get("at", ""))
            if (
                at is None
                or (at.hour, at.minute) != (now.hour, now.minute)
                or tried.get(key) == now.date()
                or entry.state is not ConfigEntryState.LOADED
                or not _is_idle(entry, key, timedelta(days=plan.get("days", 0)))
            ):
                continue
            tried[key] = now.date()
            try:
                await async_print_color_page(hass, entry, key, Context())
            except HomeAssistantError as err:
                _LOGGER.debug("The page for the nozzles was left out: %s", err)

    stop: CALLBACK_TYPE | None = None

    @callback
    def rest() -> None:
        nonlocal stop
        if stop is not None:
            stop()
            stop = None

    @callback
    def follow(_change: ConfigEntryChange | None, changed: ConfigEntry) -> None:
        """Look each minute, for as long as there is a plan."""
        nonlocal stop
        if changed.entry_id != entry.entry_id:
            return
        if not changed.options.get(CONF_KEEP_ALIVE):
            rest()
        elif stop is None:
            stop = async_track_time_change(hass, look, second=0)

    entry.async_on_unload(async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, follow))
    entry.async_on_unload(rest)
    follow(None, entry)


def _is_idle(entry: LiankeConfigEntry, key: str, time: timedelta) -> bool:
    """Return whether a printer got nothing from us for so long."""
    known = entry.runtime_data.storage.printers.get(key)
    if known is None or not time:
        return False
    jobs = entry.runtime_data.queue.jobs(key)
    if any(not job.is_final for job in jobs):
        return False
    # Not every page that came out could be counted.
    printed = [job.changed_at for job in jobs if job.state in PRINTED]
    last = max(known.last_print_at or known.first_seen, *printed, known.first_seen)
    return dt_util.utcnow() - last >= time
