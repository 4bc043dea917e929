"""Prints a page now and then, so that the nozzles of an ink-jet printer do not dry up."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
import logging
from typing import Any, Final

from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult
from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_track_time_change
from homeassistant.helpers.selector import TimeSelector
from homeassistant.util import dt as dt_util
import voluptuous as vol

from ..api.models import PrinterType
from ..box.printer_identity import StoredPrinter
from ..const import CONF_NOZZLE_CARE
from ..documents.page_documents import async_color_page
from ..jobs.job import JobState
from ..options_frame import (
    CONF_TARGET,
    BoxOptionsFlow,
    UserInput,
    has_driver,
    needs_box,
    number_field,
)
from ..runtime import LiankeConfigEntry
from .builtin_pages import async_print_page

_LOGGER = logging.getLogger(__name__)

# Fields of a printer's plan in the options: the number of days without a print after which a page is printed, and the
# time of day.
DAYS: Final = "days"
AT: Final = "at"
DEFAULT_AT: Final = "10:00:00"
# States of jobs that count as printed. An unconfirmed job does, too: it may have been printed, and ink would be wasted.
PRINTED = frozenset({JobState.COMPLETED, JobState.UNCONFIRMED})
# How likely a type of printer needs nozzle care. The service does not know the types of many printers.
_NOZZLES: Final[Mapping[PrinterType, int]] = {PrinterType.INKJET: 2, PrinterType.UNKNOWN: 1}


@callback
def async_watch_nozzles(hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
    """At the set time of day, print a page on each printer that has not been used for the set number of days.

    Only prints of this integration are known. A printer that is not ready, or has quiet hours, is skipped until the
    next day.
    """

    async def print_due(now: datetime) -> None:
        plans: Mapping[str, Mapping[str, Any]] = entry.options.get(CONF_NOZZLE_CARE, {})
        for key, plan in plans.items():
            at = dt_util.parse_time(plan.get(AT, ""))
            if (
                at is None
                or (at.hour, at.minute) != (now.hour, now.minute)
                or entry.state is not ConfigEntryState.LOADED
                or not _is_idle(entry, key, timedelta(days=plan.get(DAYS, 0)))
            ):
                continue
            try:
                page = partial(async_color_page, hass)
                await async_print_page(hass, entry, key, page, Context(), hold=False)
            except HomeAssistantError as err:
                _LOGGER.debug("The page for the nozzles was skipped: %s", err)

    entry.async_on_unload(async_track_time_change(hass, print_due, second=0))


def _is_idle(entry: LiankeConfigEntry, key: str, time: timedelta) -> bool:
    known = entry.runtime_data.storage.printers.get(key)
    if known is None or not time:
        return False
    jobs = entry.runtime_data.queue.jobs(key)
    if any(not job.is_final for job in jobs):
        return False
    # `last_print_at` lacks prints whose pages were not counted, so look at the jobs, too.
    printed = [job.ended_at for job in jobs if job.state in PRINTED]
    last = max(known.last_print_at or known.first_seen, *printed, known.first_seen)
    # Compare local times, because the user sets a local time, and the day on which summer time begins has 23 hours.
    passed = _on_the_wall(dt_util.utcnow()) - _on_the_wall(last)
    return passed >= time


def _on_the_wall(moment: datetime) -> datetime:
    return dt_util.as_local(moment).replace(tzinfo=None)


def _ink_jets(known: StoredPrinter) -> int:
    """Return the rank of a printer in the form: ink-jet printers come before unknown types; 0 leaves a printer out."""
    return has_driver(known) and _NOZZLES.get(known.printer.species, 0)


class NozzleCareSteps(BoxOptionsFlow):
    @needs_box
    async def async_step_keep_alive(self, user_input: UserInput = None) -> ConfigFlowResult:
        if user_input is not None:
            self._target = user_input[CONF_TARGET]
            return await self.async_step_keep_alive_printer(None)
        printers = self._printers(self.config_entry.options.get(CONF_NOZZLE_CARE, {}), _ink_jets)
        first = printers[0]["value"] if printers else vol.UNDEFINED
        return self._choose_printer("keep_alive", printers, none="no_ink_jets", default=first)

    @needs_box
    async def async_step_keep_alive_printer(self, user_input: UserInput = None) -> ConfigFlowResult:
        if user_input is not None:
            days = int(user_input[DAYS])
            plan = {DAYS: days, AT: user_input[AT]} if days else {}
            return self._save_for_target(CONF_NOZZLE_CARE, plan)
        plans: dict[str, Any] = self.config_entry.options.get(CONF_NOZZLE_CARE, {})
        return self.async_show_form(
            step_id="keep_alive_printer",
            data_schema=nozzle_care_schema(plans.get(self._target, {})),
            description_placeholders={"name": self._target_name()},
        )


def nozzle_care_schema(plan: Mapping[str, Any]) -> vol.Schema:
    return vol.Schema(
        {
            vol.Required(DAYS, default=plan.get(DAYS, 0)): number_field(0, 90, unit="days"),
            vol.Required(AT, default=plan.get(AT, DEFAULT_AT)): TimeSelector(),
        }
    )
