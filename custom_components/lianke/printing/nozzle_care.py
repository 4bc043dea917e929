"""Prints a page now and then, so that the nozzles of an ink-jet printer do not dry up."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
import logging
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_track_time_change
from homeassistant.util import dt as dt_util

from ..const import CONF_KEEP_ALIVE
from ..jobs.job import JobState
from ..runtime import LiankeConfigEntry
from .own_pages import async_print_color_page

_LOGGER = logging.getLogger(__name__)

# An unconfirmed job may have printed; another page would be one too many.
PRINTED = frozenset({JobState.COMPLETED, JobState.UNCONFIRMED})


@callback
def async_watch(hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
    """Print a page at its hour on printers that were not used for as many days as the user set.

    Only our own prints are known. A printer that is not ready, or in quiet hours, is skipped for
    the day.
    """
    tried: dict[str, date] = {}

    async def print_due(now: datetime) -> None:
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
                _LOGGER.debug("The page for the nozzles was skipped: %s", err)

    entry.async_on_unload(async_track_time_change(hass, print_due, second=0))


def _is_idle(entry: LiankeConfigEntry, key: str, time: timedelta) -> bool:
    """Return whether we printed nothing on a printer for so long."""
    known = entry.runtime_data.storage.printers.get(key)
    if known is None or not time:
        return False
    jobs = entry.runtime_data.queue.jobs(key)
    if any(not job.is_final for job in jobs):
        return False
    # Not every printed page could be counted.
    printed = [job.ended_at for job in jobs if job.state in PRINTED]
    last = max(known.last_print_at or known.first_seen, *printed, known.first_seen)
    return dt_util.utcnow() - last >= time
