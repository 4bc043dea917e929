"""Triggers: print jobs that end or wait, printers that need attention, are ready or low on ink, and finished scans.

If a trigger does not fire although a user might expect it, the reason is reported to the automation's traces.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, ClassVar, Final, Protocol, cast, override

from homeassistant.const import (
    ATTR_DEVICE_ID,
    ATTR_ENTITY_ID,
    CONF_FOR,
    CONF_OPTIONS,
    CONF_TARGET,
    PERCENTAGE,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
)
from homeassistant.core import CALLBACK_TYPE, Context, HomeAssistant, State, callback
from homeassistant.helpers import (
    config_validation as cv,
    device_registry as dr,
    entity_registry as er,
)
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.selector import (
    NumericThresholdMode,
    NumericThresholdSelector,
    NumericThresholdSelectorConfig,
)
from homeassistant.helpers.target import (
    TargetSelection,
    TargetStateChangedData,
    async_track_target_selector_state_change_event,
)
from homeassistant.helpers.translation import async_translate_state
from homeassistant.helpers.trigger import (
    ATTR_BEHAVIOR,
    BEHAVIOR_ALL,
    BEHAVIOR_EACH,
    BEHAVIOR_FIRST,
    EntityNumericalStateTriggerBase,
    NotTriggeredInfo,
    NotTriggeredReasonReporter,
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
from .jobs.job import Job, JobState, PersonReason
from .jobs.rules import HOLD_REASONS, QueueReason
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
CONF_THRESHOLD: Final = "threshold"

DEFAULT_BELOW: Final = 15
OUTCOMES: Final = (JobState.FAILED, JobState.EXPIRED, JobState.UNCONFIRMED)
REASONS: Final = HOLD_REASONS[1:]
# Reasons for which a job waits until a person answers.
PERSON_REASONS: Final = (*PersonReason, QueueReason.COPIED)
# Reasons for which jobs no longer wait. Versions 0.2.0 and 0.3.0 offered these reasons, so automations may name them.
OLD_REASONS: Final = ("moving",)
NOT_KNOWN: Final = frozenset({STATE_UNAVAILABLE, STATE_UNKNOWN})

_FOR_SEVERAL: Final[VolDictType] = {
    vol.Optional(ATTR_BEHAVIOR, default=BEHAVIOR_EACH): vol.In(
        [BEHAVIOR_EACH, BEHAVIOR_FIRST, BEHAVIOR_ALL]
    ),
    vol.Optional(CONF_FOR): cv.positive_time_period,
}


class Reporter(Protocol):
    def __call__(self, context: Context | None, reason: str, /, **data: Any) -> None:
        """Report to the automation's traces why the trigger did not fire for a change."""


def _choice(values: Iterable[str], default: Iterable[str] | None = None) -> vol.All[Any]:
    """Return a validator for a list of these values. An empty list becomes `default` (None: all values)."""
    allowed, chosen_for_none = list(values), sorted(default or values)
    return vol.All(
        cv.ensure_list, [vol.In(allowed)], lambda chosen: chosen or list(chosen_for_none)
    )


def _schema(options: VolDictType | vol.All[Any] | None = None) -> vol.Schema:
    return vol.Schema(
        {
            vol.Required(CONF_TARGET): vol.All(cv.TARGET_FIELDS, _some_target),
            vol.Required(CONF_OPTIONS, default={}): options or {},
        }
    )


def _some_target(target: dict[str, Any]) -> dict[str, Any]:
    if not TargetSelection(target).has_any_target:
        raise vol.Invalid("the target must name a printer")
    return target


class LiankeTrigger(Trigger):
    """Base of all triggers, with a target and options."""

    _schema: vol.Schema = _schema()

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
        @callback
        def report(context: Context | None, reason: str, /, **data: Any) -> None:
            if did_not_trigger is not None:
                did_not_trigger(NotTriggeredInfo(reason=reason, data=data), context)

        return await self._async_attach(run_action, report)

    @abstractmethod
    async def _async_attach(
        self, run_action: TriggerActionRunner, report: Reporter
    ) -> CALLBACK_TYPE:
        """Run the action each time the trigger fires; return a function that detaches the trigger."""


class JobTrigger(LiankeTrigger):
    """Base of the triggers that fire for updates of print jobs. A reload of the entry does not stop such a trigger."""

    @abstractmethod
    def _why_not(self, update: JobUpdate) -> str | None:
        """Return the reason not to fire for this update, or None to fire."""

    @override
    async def _async_attach(
        self, run_action: TriggerActionRunner, report: Reporter
    ) -> CALLBACK_TYPE:
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
            job = update.job
            device = async_printer_device(self._hass, update.entry, job.spec.printer_key)
            if device is None or device.id not in async_targeted_devices(self._hass, selection):
                return
            if (why_not := self._why_not(update)) is None:
                self._hass.async_create_task(fire(update, device), "lianke job trigger")
                return
            said = {key: event_data(job)[key] for key in ("job_id", "reason")}
            report(job.spec.asker.context, why_not, state=job.state.value, **said)

        return async_dispatcher_connect(self._hass, SIGNAL_JOB_UPDATED, on_update)


class JobPrinted(JobTrigger):
    @override
    def _why_not(self, update: JobUpdate) -> str | None:
        return None if update.job.state is JobState.COMPLETED else "job_not_printed"


class JobFailed(JobTrigger):
    """Fires when a job has ended in one of the chosen ways, none of which proves that the job was printed."""

    _schema = _schema({vol.Optional(CONF_OUTCOME, default=[]): _choice(OUTCOMES)})

    @override
    def _why_not(self, update: JobUpdate) -> str | None:
        return None if update.job.state in self._options[CONF_OUTCOME] else "outcome_not_chosen"


class JobHeld(JobTrigger):
    """Fires when a job is held for the first time for one of the chosen reasons."""

    _schema = _schema(
        {vol.Optional(CONF_REASON, default=[]): _choice((*REASONS, *OLD_REASONS), REASONS)}
    )

    @override
    def _why_not(self, update: JobUpdate) -> str | None:
        chosen = self._options[CONF_REASON]
        if update.job.state is not JobState.HELD:
            return "job_not_held"
        if update.job.current_delivery.hold_reason not in chosen:
            return "reason_not_chosen"
        return None if update.earlier_reasons.isdisjoint(chosen) else "job_triggered_before"


class JobNeedsPerson(JobHeld):
    """Fires when a job begins to wait for a person, once for each kind of answer."""

    _schema = _schema({vol.Optional(CONF_REASON, default=[]): _choice(PERSON_REASONS)})

    @override
    def _why_not(self, update: JobUpdate) -> str | None:
        return super()._why_not(update._replace(earlier_reasons=frozenset()))


class PrinterTrigger(LiankeTrigger):
    """Base of the triggers that fire when printers' sensors begin to match: each sensor, the first, or all sensors.

    The states unknown and unavailable are ignored: until a sensor is known again, its last known state counts. The
    first known state is the starting point and does not fire.
    """

    _key: ClassVar[str] = ATTR_STATUS

    @abstractmethod
    def _matches(self, state: State, report: NotTriggeredReasonReporter) -> bool:
        """Return whether a known state matches; if not, `report` the reason if users should see it in the traces."""

    def _data(self, state: State) -> dict[str, Any]:
        message = _state_text(self._hass, ATTR_STATUS, state.state)
        return {ATTR_STATUS: state.state, ATTR_MESSAGE: message}

    @override
    async def _async_attach(
        self, run_action: TriggerActionRunner, report: Reporter
    ) -> CALLBACK_TYPE:
        duration: timedelta | None = self._options.get(CONF_FOR)
        behavior: str = self._options[ATTR_BEHAVIOR]
        matched: dict[str, bool] = {}
        # The latest known state of each entity.
        known: dict[str, State] = {}
        # Timers by entity, or by the behavior if it concerns all entities together.
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

        def goes_on(key: str) -> bool:
            if behavior == BEHAVIOR_EACH:
                return matched.get(key, False)
            values = matched.values()
            return any(values) if behavior == BEHAVIOR_FIRST else bool(values) and all(values)

        @callback
        def stop_ended(state: State | None = None) -> None:
            for key in [key for key in timers if not goes_on(key)]:
                timers.pop(key)()
                if state is not None:
                    told = {ATTR_ENTITY_ID: state.entity_id, "state": state.state}
                    report(state.context, "ended_too_early", **told, **{CONF_FOR: str(duration)})

        def on_state(state: State | None, *, is_change: bool) -> None:
            if state is None or state.state in NOT_KNOWN:
                return
            entity_id = state.entity_id
            earlier = known.get(entity_id)

            @callback
            def why_not(reason: str, /, **data: Any) -> None:
                if is_change and (earlier is None or earlier.state != state.state):
                    report(state.context, reason, **({ATTR_ENTITY_ID: entity_id} | data))

            known[entity_id] = state
            before = matched.get(entity_id)
            matched[entity_id] = matches = self._matches(state, why_not)
            stop_ended(state)
            if not matches:
                return
            if before is None:
                why_not("no_earlier_state", state=state.state)
                return
            if before:
                why_not("matched_before", state=state.state)
                return
            # With BEHAVIOR_FIRST, no other entity may match; with BEHAVIOR_ALL, every other entity must match.
            others = [
                other
                for other, is_match in matched.items()
                if other != entity_id and is_match == (behavior == BEHAVIOR_FIRST)
            ]
            if behavior != BEHAVIOR_EACH and others:
                is_first = behavior == BEHAVIOR_FIRST
                why_not("another_matched_before" if is_first else "others_differ", others=others)
                return
            if not duration:
                fire(state)
                return
            key = entity_id if behavior == BEHAVIOR_EACH else behavior

            @callback
            def on_time(_now: datetime) -> None:
                del timers[key]
                # The entity that started the timer may no longer match; then another does.
                still = entity_id if matched.get(entity_id) else next(filter(matched.get, matched))
                fire(known[still])

            timers[key] = async_call_later(self._hass, duration, on_time)

        @callback
        def on_change(change: TargetStateChangedData) -> None:
            on_state(change.state_change_event.data["new_state"], is_change=True)

        @callback
        def on_entities(
            added: set[str], removed: set[str], states: Mapping[str, State | None]
        ) -> None:
            for entity_id in removed:
                matched.pop(entity_id, None)
                known.pop(entity_id, None)
            for entity_id in added:
                on_state(states[entity_id], is_change=False)
            stop_ended()

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
            while timers:
                timers.popitem()[1]()

        return detach


class PrinterNeedsAttention(PrinterTrigger):
    """Fires when a printer gets one of the chosen states and had none of them before."""

    _schema = _schema(
        {
            vol.Optional(CONF_FAULT, default=[]): _choice(HOLDING, PROBLEMS),
            **_FOR_SEVERAL,
        }
    )

    @override
    def _matches(self, state: State, report: NotTriggeredReasonReporter) -> bool:
        if state.state in self._options[CONF_FAULT]:
            return True
        if state.state in HOLDING:
            report("fault_not_chosen", status=state.state)
        return False


class PrinterReady(PrinterTrigger):
    """Fires when a printer can take jobs again."""

    _schema = _schema(_FOR_SEVERAL)

    @override
    def _matches(self, state: State, report: NotTriggeredReasonReporter) -> bool:
        return state.state in READY


def _with_threshold(options: dict[str, Any]) -> dict[str, Any]:
    """Convert the option `below` of version 0.3.0 to a threshold.

    If there is a threshold already, ignore `below`: the editor keeps it beside the threshold.
    """
    below = options.pop(CONF_BELOW)
    options.setdefault(CONF_THRESHOLD, {"type": "below", "value": {"number": below}})
    return options


class InkLow(PrinterTrigger, EntityNumericalStateTriggerBase):
    """Fires when an ink or toner level has passed a threshold, which is a number or an entity's state."""

    _key = "ink"
    _domain_specs: Mapping[str, DomainSpec] = MappingProxyType({"sensor": DomainSpec()})
    _valid_unit = PERCENTAGE
    _schema = _schema(
        vol.All(
            {
                vol.Optional(CONF_BELOW, default=DEFAULT_BELOW): vol.All(
                    vol.Coerce(float), vol.Range(min=1, max=100)
                ),
                vol.Optional(CONF_THRESHOLD): NumericThresholdSelector(
                    NumericThresholdSelectorConfig(mode=NumericThresholdMode.CROSSED)
                ),
                **_FOR_SEVERAL,
            },
            _with_threshold,
        )
    )

    @override
    def _matches(self, state: State, report: NotTriggeredReasonReporter) -> bool:
        return self.is_valid_state(state, report)

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
    async def _async_attach(
        self, run_action: TriggerActionRunner, report: Reporter
    ) -> CALLBACK_TYPE:
        selection = TargetSelection(self._target)

        @callback
        def on_scan(update: ScanUpdate) -> None:
            job = update.job
            device = scanner_device(self._hass, update.entry, job.scanner_id)
            if device is None or device.id not in async_targeted_devices(self._hass, selection):
                return
            if job.state is ScanState.COMPLETED:
                run_action(
                    {
                        ATTR_DEVICE_ID: device.id,
                        "scanner": device.name_by_user or device.name,
                        **scan_data(update),
                    },
                    "scan ready",
                    job.asker.context,
                )
            elif job.is_final:
                said = {"scan_id": job.job_id, "state": job.state.value, "reason": job.reason}
                report(job.asker.context, "scan_not_completed", **said)

        return async_dispatcher_connect(self._hass, SIGNAL_SCAN, on_scan)


TRIGGERS: Final[dict[str, type[Trigger]]] = {
    "job_printed": JobPrinted,
    "job_failed": JobFailed,
    "job_held": JobHeld,
    "job_needs_person": JobNeedsPerson,
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
