"""Triggers: print jobs that end or wait, printers that need attention, are ready or low on ink, and finished scans."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, cast, override

from homeassistant.const import (
    ATTR_DEVICE_ID,
    ATTR_ENTITY_ID,
    CONF_FOR,
    CONF_OPTIONS,
    CONF_TARGET,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
)
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, State, callback
from homeassistant.helpers import (
    config_validation as cv,
    device_registry as dr,
    entity_registry as er,
)
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.target import (
    TargetSelection,
    TargetStateChangedData,
    async_track_target_selector_state_change_event,
)
from homeassistant.helpers.translation import async_translate_state
from homeassistant.helpers.trigger import (
    Trigger,
    TriggerActionRunner,
    TriggerConfig,
    TriggerNotTriggeredReporter,
)
from homeassistant.helpers.typing import ConfigType, VolDictType
import voluptuous as vol

from .box.printer_status import HOLDING, PROBLEMS, READY
from .const import DOMAIN
from .devices import async_printer_device, async_printer_sensors, async_targeted_devices
from .job_signals import SIGNAL_JOB_UPDATED, JobUpdate, event_data
from .jobs.job import Job, JobState
from .jobs.rules import HOLD_REASONS
from .printing.print_action import async_reason
from .scanner.hub import scanner_device
from .scanner.scan_job import ScanState, ScanUpdate, scan_data
from .scanner.scan_jobs import SIGNAL_SCAN

ATTR_PRINTER: Final = "printer"
ATTR_STATUS: Final = "status"
ATTR_MESSAGE: Final = "message"
CONF_BELOW: Final = "below"
CONF_FAULT: Final = "fault"
CONF_OUTCOME: Final = "outcome"
CONF_REASON: Final = "reason"

DEFAULT_BELOW: Final = 15
OUTCOMES: Final = (JobState.FAILED, JobState.EXPIRED, JobState.UNCONFIRMED)
REASONS: Final = HOLD_REASONS[1:]
# Reasons for which jobs no longer wait. Versions 0.2.0 and 0.3.0 offered these reasons, so automations may name them.
OLD_REASONS: Final = ("moving",)
NOT_KNOWN: Final = frozenset({STATE_UNAVAILABLE, STATE_UNKNOWN})

_DURATION: Final[VolDictType] = {vol.Optional(CONF_FOR): cv.positive_time_period}


def _choice(values: Iterable[str], default: Iterable[str] | None = None) -> vol.All[Any]:
    """Return a validator for a list of these values. An empty list becomes `default` (None: all values)."""
    allowed, chosen_for_none = list(values), sorted(default or values)
    return vol.All(
        cv.ensure_list, [vol.In(allowed)], lambda chosen: chosen or list(chosen_for_none)
    )


def _schema(options: VolDictType | None = None) -> vol.Schema:
    return vol.Schema(
        {
            vol.Required(CONF_TARGET): vol.All(cv.TARGET_FIELDS, _some_target),
            vol.Required(CONF_OPTIONS, default={}): dict(options or {}),
        }
    )


def _some_target(target: dict[str, Any]) -> dict[str, Any]:
    if not TargetSelection(target).has_any_target:
        raise vol.Invalid("the target must name a printer")
    return target


class LiankeTrigger(Trigger):
    """Base of all triggers, with a target and options."""

    _schema: ClassVar[vol.Schema] = _schema()

    @override
    @classmethod
    async def async_validate_config(cls, hass: HomeAssistant, config: ConfigType) -> ConfigType:
        return cast(ConfigType, cls._schema(config))

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        super().__init__(hass, config)
        self._target = config.target or {}
        self._options = config.options or {}

    @override
    async def async_attach_runner(
        self,
        run_action: TriggerActionRunner,
        did_not_trigger: TriggerNotTriggeredReporter | None = None,
    ) -> CALLBACK_TYPE:
        return await self._async_attach(run_action)

    @abstractmethod
    async def _async_attach(self, run_action: TriggerActionRunner) -> CALLBACK_TYPE:
        """Run the action each time the trigger fires; return a function that detaches the trigger."""


class JobTrigger(LiankeTrigger):
    """Base of the triggers that fire for updates of print jobs. A reload of the entry does not stop such a trigger."""

    @abstractmethod
    def _matches(self, update: JobUpdate) -> bool:
        """Whether to fire for this update."""

    @override
    async def _async_attach(self, run_action: TriggerActionRunner) -> CALLBACK_TYPE:
        selection = TargetSelection(self._target)

        async def fire(update: JobUpdate, device: dr.DeviceEntry) -> None:
            job = update.job
            run_action(
                {
                    ATTR_DEVICE_ID: device.id,
                    ATTR_PRINTER: device.name_by_user or device.name,
                    "state": job.state.value,
                    ATTR_MESSAGE: await _async_message(self._hass, job),
                    **event_data(job),
                },
                f"print job {job.state.value}",
                job.spec.asker.context,
            )

        @callback
        def on_update(update: JobUpdate) -> None:
            if not self._matches(update):
                return
            device = async_printer_device(self._hass, update.entry, update.job.spec.printer_key)
            if device is not None and device.id in async_targeted_devices(self._hass, selection):
                self._hass.async_create_task(fire(update, device), "lianke job trigger")

        return async_dispatcher_connect(self._hass, SIGNAL_JOB_UPDATED, on_update)


class JobPrinted(JobTrigger):
    @override
    def _matches(self, update: JobUpdate) -> bool:
        return update.job.state is JobState.COMPLETED


class JobFailed(JobTrigger):
    """Fires when a job has ended in one of the chosen ways, none of which proves that the job was printed."""

    _schema = _schema({vol.Optional(CONF_OUTCOME, default=[]): _choice(OUTCOMES)})

    @override
    def _matches(self, update: JobUpdate) -> bool:
        return update.job.state in self._options[CONF_OUTCOME]


class JobHeld(JobTrigger):
    """Fires when a job is held for the first time for one of the chosen reasons."""

    _schema = _schema(
        {vol.Optional(CONF_REASON, default=[]): _choice((*REASONS, *OLD_REASONS), REASONS)}
    )

    @override
    def _matches(self, update: JobUpdate) -> bool:
        chosen = self._options[CONF_REASON]
        return (
            update.job.state is JobState.HELD
            and update.job.current_delivery.hold_reason in chosen
            and update.earlier_reasons.isdisjoint(chosen)
        )


class PrinterTrigger(LiankeTrigger):
    """Base of the triggers that fire when a printer's sensor begins to match.

    The states unknown and unavailable are ignored. The first known state is the starting point and does not fire.
    """

    _key: ClassVar[str] = ATTR_STATUS

    @abstractmethod
    def _matches(self, state: State) -> bool:
        """Whether this known state matches."""

    def _data(self, state: State) -> dict[str, Any]:
        message = _state_text(self._hass, ATTR_STATUS, state.state)
        return {ATTR_STATUS: state.state, ATTR_MESSAGE: message}

    @override
    async def _async_attach(self, run_action: TriggerActionRunner) -> CALLBACK_TYPE:
        duration: timedelta | None = self._options.get(CONF_FOR)
        matched: dict[str, bool] = {}
        # The latest known state of each entity.
        known: dict[str, State] = {}
        timers: dict[str, CALLBACK_TYPE] = {}

        @callback
        def fire(state: State) -> None:
            entity = er.async_get(self._hass).async_get(state.entity_id)
            if entity is None or entity.device_id is None:
                return
            device = dr.async_get(self._hass).async_get(entity.device_id)
            run_action(
                {
                    ATTR_DEVICE_ID: entity.device_id,
                    ATTR_PRINTER: device and (device.name_by_user or device.name),
                    ATTR_ENTITY_ID: state.entity_id,
                    CONF_FOR: duration,
                    **self._data(state),
                },
                f"state of {state.entity_id}",
                state.context,
            )

        @callback
        def stop(entity_id: str) -> None:
            if (cancel := timers.pop(entity_id, None)) is not None:
                cancel()

        def on_state(state: State | None) -> None:
            if state is None or state.state in NOT_KNOWN:
                return
            entity_id = state.entity_id
            known[entity_id] = state
            before = matched.get(entity_id)
            matched[entity_id] = matches = self._matches(state)
            if matches == before:
                return
            stop(entity_id)
            if not matches or before is None:
                return
            if not duration:
                fire(state)
                return

            @callback
            def on_time(_now: datetime) -> None:
                del timers[entity_id]
                fire(known[entity_id])

            timers[entity_id] = async_call_later(self._hass, duration, on_time)

        @callback
        def on_change(change: TargetStateChangedData) -> None:
            on_state(change.state_change_event.data["new_state"])

        @callback
        def on_entities(
            added: set[str], removed: set[str], states: Mapping[str, State | None]
        ) -> None:
            for entity_id in removed:
                stop(entity_id)
                matched.pop(entity_id, None)
                known.pop(entity_id, None)
            for entity_id in added:
                on_state(states[entity_id])

        unsubscribe = await async_track_target_selector_state_change_event(
            self._hass,
            self._target,
            on_change,
            lambda entity_ids: async_printer_sensors(self._hass, entity_ids, self._key),
            on_entities,
        )

        @callback
        def detach() -> None:
            unsubscribe()
            for entity_id in list(timers):
                stop(entity_id)

        return detach


class PrinterNeedsAttention(PrinterTrigger):
    """Fires when a printer gets one of the chosen states and had none of them before."""

    _schema = _schema(
        {
            vol.Optional(CONF_FAULT, default=[]): _choice(HOLDING, PROBLEMS),
            **_DURATION,
        }
    )

    @override
    def _matches(self, state: State) -> bool:
        return state.state in self._options[CONF_FAULT]


class PrinterReady(PrinterTrigger):
    """Fires when a printer can take jobs again."""

    _schema = _schema(_DURATION)

    @override
    def _matches(self, state: State) -> bool:
        return state.state in READY


class InkLow(PrinterTrigger):
    """Fires when an ink or toner level has fallen below a limit in percent."""

    _key = "ink"
    _schema = _schema(
        {
            vol.Optional(CONF_BELOW, default=DEFAULT_BELOW): vol.All(
                vol.Coerce(float), vol.Range(min=1, max=100)
            )
        }
    )

    @override
    def _matches(self, state: State) -> bool:
        return float(state.state) < float(self._options[CONF_BELOW])

    @override
    def _data(self, state: State) -> dict[str, Any]:
        entity = er.async_get(self._hass).async_get(state.entity_id)
        return {
            "ink": entity and (entity.name or entity.original_name),
            "level": int(float(state.state)),
        }


class ScanReady(LiankeTrigger):
    """Fires when a scan has succeeded and its files are kept."""

    @override
    async def _async_attach(self, run_action: TriggerActionRunner) -> CALLBACK_TYPE:
        selection = TargetSelection(self._target)

        @callback
        def on_scan(update: ScanUpdate) -> None:
            if update.job.state is not ScanState.COMPLETED:
                return
            device = scanner_device(self._hass, update.entry, update.job.scanner_id)
            if device is not None and device.id in async_targeted_devices(self._hass, selection):
                name = device.name_by_user or device.name
                run_action(
                    {ATTR_DEVICE_ID: device.id, "scanner": name, **scan_data(update)},
                    "scan ready",
                    update.job.asker.context,
                )

        return async_dispatcher_connect(self._hass, SIGNAL_SCAN, on_scan)


TRIGGERS: Final[dict[str, type[Trigger]]] = {
    "job_printed": JobPrinted,
    "job_failed": JobFailed,
    "job_held": JobHeld,
    "printer_needs_attention": PrinterNeedsAttention,
    "printer_ready": PrinterReady,
    "ink_low": InkLow,
    "scan_ready": ScanReady,
}


async def async_get_triggers(hass: HomeAssistant) -> dict[str, type[Trigger]]:
    return TRIGGERS


async def _async_message(hass: HomeAssistant, job: Job) -> str | None:
    """Return in Home Assistant's language why a job is held or was not printed; None if there is no reason."""
    if job.state is JobState.HELD and job.current_delivery.hold_reason is not None:
        return _state_text(hass, "hold_reason", job.current_delivery.hold_reason)
    return await async_reason(hass, job)


def _state_text(hass: HomeAssistant, key: str, state: str) -> str:
    """Return a sensor's state in Home Assistant's language, or unchanged if there is no text for it."""
    return async_translate_state(hass, state, "sensor", DOMAIN, key, None)
