"""Fallback printers take over the jobs of a printer that has been off or faulty for the time set in the options."""

from collections.abc import Mapping
from datetime import datetime, timedelta
import logging
import time
from typing import Any, Final

from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.helpers.selector import SelectOptionDict
import voluptuous as vol

from ..box.printer_status import HOLDING, PrinterStatus
from ..const import CONF_FALLBACK_PRINTERS, FALLBACK_MINUTES, FALLBACK_PRINTER
from ..devices import Target, async_check_target
from ..input_error import InputError
from ..options_frame import (
    CONF_TARGET,
    BoxOptionsFlow,
    UserInput,
    choice,
    has_driver,
    needs_box,
    number_field,
    offers,
)
from ..runtime import LiankeConfigEntry, async_loaded_entries
from .reprint import async_move

_LOGGER = logging.getLogger(__name__)

CHECK_INTERVAL: Final = timedelta(seconds=30)
# Seconds until a job that the fallback printer could not take is tried again.
TRY_AGAIN_AFTER: Final = 600.0
# Faults for which a fallback printer takes over. Excluded are a printer that somebody has paused, which is neither off
# nor faulty, and a printer without a driver, which never prints.
FALLBACK_FAULTS: Final = frozenset(HOLDING) - {
    PrinterStatus.PAUSED,
    PrinterStatus.AWAITING_DRIVER,
    PrinterStatus.UNSUPPORTED,
}


@callback
def async_watch_faults(hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
    """Let fallback printers take over for a box's printers; each check reads the options anew."""
    watch = FaultWatch(hass, entry)
    entry.async_on_unload(
        async_track_time_interval(
            hass,
            watch.async_check,
            CHECK_INTERVAL,
            cancel_on_shutdown=True,
            name="fallback printers",
        )
    )


class FaultWatch:
    """Remembers since when printers have been off or faulty, and moves each of their jobs at most once.

    A job that has been moved before, even by a person, is not moved again.
    """

    def __init__(self, hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
        self._hass = hass
        self._entry = entry
        # Times of the monotonic clock. By printer key: since when the printer has been faulty. By job id: when to try
        # the job again.
        self._faulty_since: dict[str, float] = {}
        self._retry_at: dict[str, float] = {}
        self._checking = False

    async def async_check(self, _now: datetime) -> None:
        if self._checking:
            return
        self._checking = True
        try:
            plans: Mapping[str, Mapping[str, Any]] = self._entry.options.get(
                CONF_FALLBACK_PRINTERS, {}
            )
            # Nobody watches a printer without a plan, so its fault may be over by the time it has a plan again.
            self._faulty_since = {
                key: since for key, since in self._faulty_since.items() if key in plans
            }
            for key, plan in plans.items():
                if self._is_due(key, timedelta(minutes=plan.get(FALLBACK_MINUTES, 0))):
                    await self._async_take_over(key, plan.get(FALLBACK_PRINTER, ""))
        finally:
            self._checking = False

    def _is_due(self, key: str, patience: timedelta) -> bool:
        """Whether a printer's fault has lasted for `patience`; False while the service does not answer.

        False also once the box is unloaded, which may happen while the jobs of another printer are being moved.
        """
        if self._entry.state is not ConfigEntryState.LOADED:
            return False
        coordinator = self._entry.runtime_data.coordinator
        if not coordinator.is_fresh:
            return False
        if coordinator.hold_reason(key) not in FALLBACK_FAULTS:
            self._faulty_since.pop(key, None)
            return False
        since = self._faulty_since.setdefault(key, time.monotonic())
        return time.monotonic() - since >= patience.total_seconds()

    async def _async_take_over(self, key: str, fallback: str) -> None:
        """Move the jobs that wait because of the fault, oldest first, if their users may use the fallback printer."""
        entry_id, _, other_key = current_reference(self._hass, fallback).partition("/")
        entry: LiankeConfigEntry | None = self._hass.config_entries.async_get_entry(entry_id)
        if (
            entry is None
            or entry.state is not ConfigEntryState.LOADED
            or not entry.runtime_data.coordinator.is_ready(other_key)
        ):
            return
        other = Target(device_id="", entry=entry, printer_key=other_key)
        queue = self._entry.runtime_data.queue
        target = Target(device_id="", entry=self._entry, printer_key=key)
        # Jobs that wait only because of their printer's fault, and have not been moved before.
        waiting = [
            job
            for job in reversed(queue.jobs(key))
            if job.can_move
            and not job.waits_for
            and job.spec.moved_from is None
            and job.current_delivery.hold_reason in FALLBACK_FAULTS
        ]
        self._retry_at = {
            job.job_id: self._retry_at[job.job_id]
            for job in queue.jobs()
            if not job.is_final and job.job_id in self._retry_at
        }
        for job in waiting:
            if self._retry_at.get(job.job_id, 0) > time.monotonic():
                continue
            try:
                asker = job.spec.asker.context
                await async_check_target(self._hass, other, asker, POLICY_CONTROL)
                await async_move(target, job, other)
            except (InputError, HomeAssistantError) as err:
                self._retry_at[job.job_id] = time.monotonic() + TRY_AGAIN_AFTER
                _LOGGER.debug("The fallback printer cannot take print job %s: %s", job.job_id, err)


@callback
def current_reference(hass: HomeAssistant, printer: str) -> str:
    """Return a reference to a printer, "<config entry>/<printer key>", with the current entry of its box.

    The entry changes when the box is removed and added again.
    """
    entry_id, _, key = printer.partition("/")
    if hass.config_entries.async_get_entry(entry_id) is not None:
        return printer
    for entry in async_loaded_entries(hass):
        if entry_id in entry.runtime_data.storage.former_entries:
            return f"{entry.entry_id}/{key}"
    return printer


DEFAULT_MINUTES: Final = 30
DAY_MINUTES: Final = 1440


class FallbackSteps(BoxOptionsFlow):
    @needs_box
    async def async_step_stand_in(self, user_input: UserInput = None) -> ConfigFlowResult:
        if user_input is not None:
            self._target = user_input[CONF_TARGET]
            return await self.async_step_stand_in_printer(None)
        printers = self._printers(self.config_entry.options.get(CONF_FALLBACK_PRINTERS, {}))
        return self._choose_printer("stand_in", printers)

    @needs_box
    async def async_step_stand_in_printer(self, user_input: UserInput = None) -> ConfigFlowResult:
        plan: Mapping[str, Any] = self.config_entry.options.get(CONF_FALLBACK_PRINTERS, {}).get(
            self._target, {}
        )
        if (chosen := plan.get(FALLBACK_PRINTER)) is not None:
            plan = {**plan, FALLBACK_PRINTER: current_reference(self.hass, chosen)}
        errors: dict[str, str] = {}
        if user_input is not None:
            plan = {
                FALLBACK_PRINTER: user_input.get(FALLBACK_PRINTER),
                FALLBACK_MINUTES: int(user_input[FALLBACK_MINUTES]),
            }
            of = f"{self.config_entry.entry_id}/{self._target}"
            if (error := _why_not(self.hass, of, plan[FALLBACK_PRINTER])) is not None:
                errors[FALLBACK_PRINTER] = error
            else:
                return self._save_for_target(
                    CONF_FALLBACK_PRINTERS, dict(plan) if plan[FALLBACK_PRINTER] else {}
                )
        return self.async_show_form(
            step_id="stand_in_printer",
            data_schema=fallback_schema(plan, _offered(self.hass, plan.get(FALLBACK_PRINTER))),
            errors=errors,
            description_placeholders={"name": self._target_name()},
        )


def fallback_schema(plan: Mapping[str, Any], printers: list[SelectOptionDict]) -> vol.Schema:
    shown = {"suggested_value": plan.get(FALLBACK_PRINTER)}
    return vol.Schema(
        {
            vol.Optional(FALLBACK_PRINTER, description=shown): choice(printers, listed=False),
            vol.Required(
                FALLBACK_MINUTES, default=plan.get(FALLBACK_MINUTES, DEFAULT_MINUTES)
            ): number_field(1, DAY_MINUTES, unit="minutes"),
        }
    )


def _offered(hass: HomeAssistant, chosen: str | None) -> list[SelectOptionDict]:
    """Return the printers of all boxes for the form, and also the chosen printer even if it is gone."""
    entries = async_loaded_entries(hass)
    found = [
        SelectOptionDict(
            value=f"{entry.entry_id}/{offer['value']}",
            label=f"{offer['label']} ({entry.title})" if len(entries) > 1 else offer["label"],
        )
        for entry in entries
        for offer in offers(entry.runtime_data.storage.printers.values(), has_driver, ())
    ]
    if chosen is not None and all(offer["value"] != chosen for offer in found):
        found.append(SelectOptionDict(value=chosen, label=chosen.partition("/")[2]))
    return found


def _why_not(hass: HomeAssistant, of: str, fallback: str | None) -> str | None:
    """Return the key of an error if `fallback` is the printer `of`, or if its own fallbacks lead back to `of`."""
    if fallback == of:
        return "stand_in_is_itself"
    seen = {of}
    while fallback is not None:
        if fallback in seen:
            return "stand_in_in_a_circle" if fallback == of else None
        seen.add(fallback)
        entry_id, _, key = fallback.partition("/")
        entry = hass.config_entries.async_get_entry(entry_id)
        plans = {} if entry is None else entry.options.get(CONF_FALLBACK_PRINTERS, {})
        fallback = plans.get(key, {}).get(FALLBACK_PRINTER)
        if fallback is not None:
            fallback = current_reference(hass, fallback)
    return None
