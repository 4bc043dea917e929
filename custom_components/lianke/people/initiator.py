"""Finds the person who set a call off, also indirectly: the person in whose context the chain of causes began.

Automations run in contexts of their own that only name their parent's id, and Home Assistant keeps no index of
contexts. So this history remembers the contexts of people, and all contexts that followed from them. Each person has a
separate share of the history, so that a busy person does not push out the contexts of others.

Each context id (a ULID) contains the time at which it was made. If an id is not remembered, but newer than all
forgotten ids, its context was begun by a time or a sensor, not by a person. An older id may have been forgotten:
anybody may have begun its context, so strict rules apply. Nearly all events have neither a user nor a parent, and cost
two lookups each.

In some cases Home Assistant does not pass the context on (a note, a helper's sensor, an old notify group). In these
cases, everything that happens within a call before the next turn of the event loop counts as the caller's doing;
Python's context variables distinguish it from other work at the same time. An event that is fired while Home Assistant
dispatches another event is dispatched only after that event, so this history learns of causes before their effects.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
import logging
from time import monotonic
from typing import Any, Final, NamedTuple

from homeassistant.auth.models import User
from homeassistant.components.binary_sensor import DATA_COMPONENT
from homeassistant.components.http.const import KEY_HASS_USER
from homeassistant.components.websocket_api.connection import current_connection
from homeassistant.const import (
    ATTR_DOMAIN,
    ATTR_ENTITY_ID,
    ATTR_SERVICE,
    EVENT_CALL_SERVICE,
    EVENT_STATE_CHANGED,
    MATCH_ALL,
)
from homeassistant.core import Context, Event, EventOrigin, HomeAssistant, State, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.chat_session import current_session
from homeassistant.helpers.entity import entity_sources
from homeassistant.helpers.http import current_request
from homeassistant.helpers.script import ATTR_CUR
from homeassistant.helpers.singleton import singleton
from homeassistant.helpers.start import async_at_started
from homeassistant.helpers.storage import Store
from homeassistant.helpers.trace import variables_cv
from homeassistant.util.ulid import ulid_now
import voluptuous as vol

from ..api.coerce import to_mapping
from ..const import DOMAIN
from ..jobs.job import Origin

_LOGGER = logging.getLogger(__name__)

AUTOMATION: Final = "automation"
SERVICE_TRIGGER: Final = "trigger"
EVENT_AUTOMATION_TRIGGERED: Final = "automation_triggered"
# Maximum number of contexts that are remembered per person, and per kind of context without a known person: enough for
# several days in a household.
MAX_CONTEXTS: Final = 1_000
# Maximum number of automation runs per person, in addition to MAX_CONTEXTS. Runs of automations that are idle by now
# are forgotten first.
MAX_RUNS: Final = 200
# Maximum number of people whose contexts are remembered.
MAX_PEOPLE: Final = 100
TIMER_DOMAIN: Final = "timer"
# Maximum number of timers for which we remember who started them.
MAX_TIMERS: Final = 100
TIMERS_VERSION: Final = 1
# Seconds until a change in the remembered timers is saved to disk.
SAVE_DELAY: Final = 1
TIMER_PREFIX: Final = f"{TIMER_DOMAIN}."
TIMER_ACTIVE: Final = "active"
TIMER_RESTS: Final = ("idle", "paused")
# The template integration. Its entities may report a change after a delay, in a context that does not name who caused
# the change.
TEMPLATE: Final = "template"
# Delays that a template's binary sensor may have.
DELAY_FIELDS: Final = ("delay_on", "delay_off", "auto_off")
# Seconds within which a delay must end to count as begun by a call: from DELAY_EARLINESS before its due time to 5 s
# after its due time, since Home Assistant keeps the context of an entity for 5 s.
DELAY_TOLERANCE: Final = 6
# Maximum number of changes by delays and timers that are remembered for one call.
DELAYS_OF_A_CALL: Final = 20
# Seconds by which a delay may end early.
DELAY_EARLINESS: Final = 1
# The trigger for notes in the sidebar (persistent notifications). It passes no context on, and anybody may write notes.
NOTE_TRIGGER: Final = "persistent_notification"
# Characters of a context id that Home Assistant makes (a ULID).
ULID_LENGTH: Final = 26
# Characters of the time, in milliseconds, at the beginning of such an id.
TIME_LENGTH: Final = 10
# Paths of requests by assistants that hold no conversation in Home Assistant: MCP, and Google's and Amazon's
# assistants if they do not use Home Assistant's cloud.
ASSISTANT_PATHS: Final = ("/api/mcp", "/mcp_server/", "/api/google_assistant", "/api/alexa")
# The path of requests that set up an integration; all tasks that the integration starts inherit such a request.
SETTINGS_PATH: Final = "/api/config/"
# The id of the context in which an assistant's tool makes a call. Code that the call sets off inherits this variable,
# but runs in other contexts.
tool_context_id: ContextVar[str | None] = ContextVar("asked_by_tool", default=None)


class _KnownContext(NamedTuple):
    """What is known about a context."""

    user_id: str | None
    # A sentence to an assistant led to this context.
    spoken: bool = False
    # The action `automation.trigger` was called in this context.
    runs_automations: bool = False
    # The context is an automation's run that neither `automation.trigger` nor a sentence set off.
    independent: bool = False
    # The id of the context at the beginning of the chain that led to this context.
    first: str | None = None
    # No person began the chain.
    never: bool = False
    # This history has forgotten who began the chain.
    forgotten: bool = False

    @property
    def to_stored(self) -> dict[str, Any]:
        """The fields that are saved about the start of a timer."""
        names = ("user_id", "spoken", "never", "forgotten")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_stored(cls, kept: Mapping[str, Any]) -> _KnownContext:
        """Read the saved fields about the start of a timer; if they cannot be read, the start counts as forgotten."""
        if kept.get("never") is True:
            return _BY_NOBODY
        user_id = kept.get("user_id")
        spoken, is_known = kept.get("spoken") is True, kept.get("forgotten") is False
        return cls(user_id if isinstance(user_id, str) else None, spoken, forgotten=not is_known)


_BY_NOBODY: Final = _KnownContext(None, independent=True, never=True)
_FORGOTTEN: Final = _KnownContext(None, forgotten=True)


@dataclass(eq=False, slots=True)
class _ActionCall:
    """A call of an action, and who began the call. The call is over at the next turn of the event loop."""

    known: _KnownContext
    # The id of the task that makes the call.
    task: int
    # The time of the call (monotonic clock).
    began: float
    # The times at which delayed sensors or timers of this call changed; a further delay may start at each of these
    # times.
    times: deque[float] = field(default_factory=lambda: deque(maxlen=DELAYS_OF_A_CALL))
    is_over: bool = False

    def note_change(self) -> None:
        """Record that a delayed sensor or a timer that the call set off has changed just now."""
        self.times.append(monotonic())

    def began_before(self, seconds: float) -> bool:
        """Whether a delay of this many seconds ends about now if it began with the call or one of its later changes."""
        now = monotonic()
        times = (self.began, *self.times)
        return any(0 <= now - time - seconds + DELAY_EARLINESS < DELAY_TOLERANCE for time in times)


# The call in which the running code was scheduled; the call may be over.
_calling: ContextVar[_ActionCall | None] = ContextVar("calling", default=None)
# Set to the same call once the running code has turned out to be a poll, whose reports are not the call's doing.
_polled: ContextVar[_ActionCall | None] = ContextVar("polled", default=None)


class Initiator(NamedTuple):
    """Who set a call off, directly or indirectly, and how."""

    # None if no person is known.
    user_id: str | None
    origin: Origin
    # True if an automation or a device made the call; False if that person did.
    automated: bool
    # The call is made by an automation that ran by its own trigger, as the administrator who wrote it wants.
    independent: bool
    # The id of the context in which that person acted; None if it is not known.
    first_context: str | None = None
    # It has been forgotten who set the call off: it may have been anybody.
    forgotten: bool = False


@dataclass(slots=True)
class _ContextsOfOne:
    """The contexts that are remembered for one person, or of one kind without a known person, the oldest first."""

    contexts: dict[str, None] = field(default_factory=dict)
    # Automations, by the ids of the contexts in which they ran.
    runs: dict[str, str] = field(default_factory=dict)


class Timers:
    """Remembers who last started each timer, also across restarts: a timer that restarts itself may go on for ever."""

    def __init__(self, hass: HomeAssistant) -> None:
        self._began: dict[str, Mapping[str, Any]] = {}
        self._store = Store[dict[str, Any]](
            hass, TIMERS_VERSION, f"{DOMAIN}_timers", private=True, atomic_writes=True
        )
        # True if nothing was ever saved or dropped. In that case, a timer that is not remembered counts as not started
        # by a person.
        self.is_new = False

    async def async_load(self) -> None:
        try:
            stored = await self._store.async_load()
        except (OSError, HomeAssistantError) as err:
            _LOGGER.debug("Who set timers going cannot be read: %s", err)
            return
        self.is_new = stored is None
        kept = {key: to_mapping(value) for key, value in to_mapping(stored).items()}
        # Timers started while the file was read replace stored entries, and count as newer.
        self._began = dict([*(kept | self._began).items()][-MAX_TIMERS:])

    def find(self, timer: str) -> Mapping[str, Any] | None:
        return self._began.get(timer)

    @callback
    def set(self, timer: str, began: Mapping[str, Any]) -> None:
        is_known = self._began.pop(timer, None) == began
        self._began[timer] = began
        if len(self._began) > MAX_TIMERS:
            del self._began[next(iter(self._began))]
            self.is_new = False
        if not is_known:
            self._store.async_delay_save(lambda: dict(self._began), SAVE_DELAY)

    async def async_remove(self) -> None:
        await self._store.async_remove()


class _ContextHistory:
    """Remembers who began each context."""

    def __init__(self, hass: HomeAssistant) -> None:
        self._hass = hass
        self._known: dict[str, _KnownContext] = {}
        # The key in `_shares` for each context: a user id, "never", "forgotten" or "".
        self._whose: dict[str, str] = {}
        # The share to which a context was added most recently comes last.
        self._shares: dict[str, _ContextsOfOne] = {}
        # The time of the newest forgotten id. At first, this is the beginning of the history: everything before it is
        # unknown.
        self._forgotten_until = _time_of(ulid_now()) or ""
        # The time of the newest forgotten id of a context in which somebody spoke. This time is needed because the run
        # of an automation that a sentence sets off has no parent context.
        self._spoken_until = ""
        # Needed because timers end without a context, or with a context that names nobody.
        self.timers = Timers(hass)
        hass.bus.async_listen(MATCH_ALL, self._on_event)

    async def async_load(self) -> None:
        await self.timers.async_load()
        if self.timers.is_new:
            async_at_started(self._hass, self._on_first_start)

    @callback
    def _on_first_start(self, _hass: HomeAssistant) -> None:
        """Save timers that are already running as started by no person, for later restarts."""
        for state in self._hass.states.async_all(TIMER_DOMAIN):
            if state.state != TIMER_RESTS[0] and self.timers.find(state.entity_id) is None:
                self.timers.set(state.entity_id, _BY_NOBODY.to_stored)

    def find(self, context: Context) -> _KnownContext:
        # True within a conversation, but not in what an automation does because of the conversation.
        spoken = current_session.get() is not None
        if context.user_id is not None and (request := current_request.get()) is not None:
            # Code that inherits the request, such as a poll, may run in another user's context.
            user: User | None = request.get(KEY_HASS_USER)
            is_own = user is not None and user.id == context.user_id
            spoken = spoken or (is_own and request.path.startswith(ASSISTANT_PATHS))
        known = self._known.get(context.id) or self._known.get(context.parent_id or "")
        if known is not None:
            return known._replace(spoken=True) if spoken and context.user_id is not None else known
        # Only a ULID contains a time. An id of another kind never belongs to a spoken sentence.
        at = _time_of(context.id)
        said = at is not None and at <= self._spoken_until
        if context.user_id is not None:
            # This history may have forgotten that `automation.trigger` was called in this context.
            ran = self._is_old(context.id)
            return _KnownContext(context.user_id, spoken or said, ran, first=context.id)
        if context.parent_id is not None and self._is_old(context.parent_id):
            return _FORGOTTEN
        if spoken and context.parent_id is None:
            return _KnownContext(None, spoken=True, forgotten=said or _is_for_somebody())
        if (known := self._find_caller()) is not None:
            return known
        return _FORGOTTEN if said and context.parent_id is None else _BY_NOBODY

    def _is_old(self, context_id: str) -> bool:
        """Whether an id may be among the forgotten ids; True for an id without a time."""
        at = _time_of(context_id)
        return at is None or at <= self._forgotten_until

    @callback
    def _on_event(self, event: Event[Any]) -> None:
        context, kind = event.context, event.event_type
        # Phones and the API can fire events of any type. Home Assistant's own events are local, and its event for an
        # automation's run has no user.
        is_local = event.origin is EventOrigin.local and isinstance(event.data, Mapping)
        entity_id = str(event.data.get(ATTR_ENTITY_ID)) if is_local else ""
        if kind == EVENT_AUTOMATION_TRIGGERED and is_local and context.user_id is None:
            self._on_automation(event)
        elif kind == EVENT_CALL_SERVICE and is_local:
            self._on_call(event)
        elif kind == EVENT_STATE_CHANGED and entity_id.startswith(TIMER_PREFIX):
            self._on_timer(event)
        elif context.id in self._known:
            pass
        elif context.user_id or context.parent_id:
            self.note(context, self.find(context))
        elif is_local and str(kind).startswith(TIMER_PREFIX):
            self.note(context, self._timer(entity_id))
        elif self._is_old(context.id):
            # Note this old id; otherwise, everything that follows from it would count as forgotten.
            self.note(context, self.find(context))
        elif (called := _calling.get()) is not None:
            if not called.is_over:
                self.note(context, called.known)
            elif self._is_late(entity_id, called):
                called.note_change()
                self.note(context, called.known)
            else:
                # The event comes from a poll that the action asked for, so no person began what follows from it. Other
                # code scheduled within the call has its own copies of the context variables, and still counts as the
                # call's doing.
                _polled.set(called)

    def _is_late(self, entity_id: str, called: _ActionCall) -> bool:
        """Whether a template entity changed late because of a call, which had started the entity's own delay.

        Later changes by the clock or by a poll are not the call's doing, even if they were scheduled within the call.
        """
        source = entity_sources(self._hass).get(entity_id)
        if source is None or source["domain"] != TEMPLATE or DATA_COMPONENT not in self._hass.data:
            return False
        entity = self._hass.data[DATA_COMPONENT].get_entity(entity_id)
        rendered, config = getattr(entity, "_rendered", {}), getattr(entity, "_config", {})
        for name in DELAY_FIELDS:
            found = getattr(entity, f"_{name}", None) or rendered.get(name) or config.get(name)
            # A delay is a number, a text or a mapping. Every other value is invalid, even None, which means no delay.
            with suppress(vol.Invalid):
                if called.began_before(cv.positive_time_period(found).total_seconds()):
                    return True
        return False

    def _on_timer(self, event: Event[Any]) -> None:
        """Remember who last started a timer, since the event of the timer's end does not name that person any more."""
        context, timer = event.context, str(event.data.get(ATTR_ENTITY_ID))
        old, new = event.data.get("old_state"), event.data.get("new_state")
        if context.user_id or context.parent_id or context.id in self._known:
            known = self.find(context)
            if context.id not in self._known:
                self.note(context, known)
        elif (
            isinstance(old, State)
            and isinstance(new, State)
            and old.state in TIMER_RESTS
            and new.state == TIMER_ACTIVE
        ):
            known = _BY_NOBODY
        else:
            self.note(context, self._timer(timer))
            if (called := _calling.get()) is not None:
                called.note_change()
            return
        self.timers.set(timer, known.to_stored)

    def _timer(self, timer: str) -> _KnownContext:
        """Return who started a timer, also if the timer started before the restart."""
        kept = self.timers.find(timer)
        if kept is None:
            return _BY_NOBODY if self.timers.is_new else _FORGOTTEN
        return _KnownContext.from_stored(kept)

    def _on_call(self, event: Event[Any]) -> None:
        context = event.context
        known = self.find(context)
        if known.never and context.parent_id is None and context.id not in self._known:
            known = self._find_late_caller() or known
        called = event.data.get(ATTR_DOMAIN), event.data.get(ATTR_SERVICE)
        if called == (AUTOMATION, SERVICE_TRIGGER):
            known = known._replace(runs_automations=True)
        self.note(event.context, known)
        if self._find_caller() is None:
            known = known._replace(runs_automations=False)
            _calling.set(call := _ActionCall(known, id(asyncio.current_task()), monotonic()))
            self._hass.loop.call_soon(setattr, call, "is_over", True)

    def _find_caller(self) -> _KnownContext | None:
        """Return who began the call within which this code runs; None outside of a call."""
        called = _calling.get()
        return None if called is None or called.is_over else called.known

    def _find_late_caller(self) -> _KnownContext | None:
        """Return who began the call that made this task; None if no call did.

        Old notify groups, for example, make a task for each member.
        """
        called = _calling.get()
        if called is None or called is _polled.get() or called.task == id(asyncio.current_task()):
            return None
        return called.known if called.began_before(0) else None

    def _on_automation(self, event: Event[Any]) -> None:
        run, named = event.context, event.data.get(ATTR_ENTITY_ID)
        # If an action fires this event, its data may be anything.
        entity_id = named if isinstance(named, str) else None
        if run.parent_id is None:
            trigger = _trigger_of_run(entity_id)
            known = (
                self._find_speaker(trigger)
                or self._find_caller()
                # A to-do list saves an entry before its triggers run, and passes no context on.
                or self._find_late_caller()
                or self._find_detour(trigger)
                or _BY_NOBODY
            )
        else:
            known = self._known.get(run.parent_id) or self.find(_cause_of(run) or run)
        if not (known.never or known.forgotten):
            told = known.runs_automations or run.parent_id is None
            known = known._replace(independent=not told)
        # If this run itself calls `automation.trigger`, that call is noted separately.
        self.note(run, known._replace(runs_automations=False), entity_id)

    def _find_speaker(self, trigger: Mapping[str, Any]) -> _KnownContext | None:
        """Return who said the sentence that set an automation off; None if no sentence did.

        A sentence trigger does not pass the context on, but its `user_input` contains the context.
        """
        heard = trigger.get("user_input")
        context = heard.get("context") if isinstance(heard, Mapping) else None
        if not isinstance(context, Mapping):
            return None
        names = ("user_id", "parent_id", "id")
        known = self.find(Context(**{name: context.get(name) for name in names}))
        return _KnownContext(known.user_id, spoken=True, forgotten=known.forgotten)

    def _find_detour(self, trigger: Mapping[str, Any]) -> _KnownContext | None:
        """Return who began a run, if a note in the sidebar or a time before a timer's end set it off; else None.

        Neither trigger passes a context on. Anybody may have caused a note: Home Assistant itself writes notes, for
        example after a stranger's failed login.
        """
        if trigger.get("platform") == NOTE_TRIGGER:
            return _FORGOTTEN
        # The trigger is a time before the end of a timer that was started before the automation was loaded.
        state = trigger.get("to_state")
        timer = state.entity_id if isinstance(state, State) else ""
        return self._timer(timer) if timer.startswith(TIMER_PREFIX) else None

    def note(self, context: Context, known: _KnownContext, automation: str | None = None) -> None:
        """Remember how a context began; `automation` is the automation whose run has this context."""
        if context.id in self._known and (old := self._shares.get(self._whose[context.id])):
            old.contexts.pop(context.id, None)
            automation = old.runs.pop(context.id, automation)
        # The key of the share to which the context belongs: the person's id, or a key for all contexts of its kind if
        # no person is known.
        nobody = "never" if known.never else "forgotten" if known.forgotten else ""
        whose = known.user_id or nobody
        self._known[context.id], self._whose[context.id] = known, whose
        share = self._shares.pop(whose, None) or _ContextsOfOne()
        self._shares[whose] = share
        if automation is None:
            share.contexts[context.id] = None
            if len(share.contexts) > MAX_CONTEXTS:
                self._forget(share.contexts)
        else:
            share.runs[context.id] = automation
            if len(share.runs) > MAX_RUNS:
                over = (one for one, of in share.runs.items() if not self._is_running(of))
                self._forget(share.runs, next(over, None))
        if len(self._shares) > MAX_PEOPLE:
            oldest = self._shares.pop(next(iter(self._shares)))
            for remembered in (oldest.contexts, oldest.runs):
                while remembered:
                    self._forget(remembered)

    def _is_running(self, automation: str) -> bool:
        state = self._hass.states.get(automation)
        return state is not None and bool(state.attributes.get(ATTR_CUR))

    def _forget(self, remembered: dict[str, Any], context_id: str | None = None) -> None:
        """Forget a context, by default the oldest in `remembered`."""
        context_id = context_id or next(iter(remembered))
        del remembered[context_id]
        known = self._known.pop(context_id)
        del self._whose[context_id]
        if known.never:
            # Leave `_forgotten_until` as it is: newer ids that are not remembered count as begun by no person anyway.
            return
        at = _time_of(context_id) or ""
        self._forgotten_until = max(self._forgotten_until, at)
        if known.spoken:
            self._spoken_until = max(self._spoken_until, at)


def _is_for_somebody() -> bool:
    """Whether a person is behind a sentence that names no user.

    Home Assistant itself repeats a sentence that asks for something "in five minutes", in code that inherits the
    connection or request of the first sentence. A request that set a loudspeaker up does not count, though the tasks of
    the loudspeaker inherit that request.
    """
    request = current_request.get()
    asked = request is not None and not request.path.startswith(SETTINGS_PATH)
    return asked or current_connection.get() is not None


def _time_of(context_id: str) -> str | None:
    """Return the time in an id, as text that sorts by time; None if an id has no time, or a time in the future."""
    is_ulid = len(context_id) == ULID_LENGTH and context_id.isascii() and context_id.isalnum()
    if not is_ulid or context_id != context_id.upper():
        return None
    at = context_id[:TIME_LENGTH]
    return at if at <= ulid_now()[:TIME_LENGTH] else None


def _trigger_of_run(entity_id: str | None) -> Mapping[str, Any]:
    """Return the trigger of the run within which this code runs; empty if it is not a run of this automation.

    Home Assistant fires the event of a run within the run. Nobody can fake the variables of a run without a parent
    context: a run started by an action has a parent context.
    """
    variables = _mapping(variables_cv.get())
    if entity_id is None or _mapping(variables.get("this")).get(ATTR_ENTITY_ID) != entity_id:
        return {}
    return _mapping(variables.get("trigger"))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _cause_of(run: Context) -> Context | None:
    """Return the context of the state that set an automation's run off; None if no state did.

    This history may have forgotten that context, for example if the state had to last for an hour, but the variables of
    the run contain the state. Variables that people write cannot contain a state.
    """
    cause = _mapping(_mapping(variables_cv.get()).get("trigger")).get("to_state")
    if isinstance(cause, State) and cause.context.id == run.parent_id:
        return cause.context
    return None


@singleton(f"{DOMAIN}_context_history")
def async_get_context_history(hass: HomeAssistant) -> _ContextHistory:
    """Return the history that all boxes share; the first call of this function creates it."""
    return _ContextHistory(hass)


async def async_find_initiator(hass: HomeAssistant, context: Context) -> Initiator:
    """Return who set off a call with this context. Waits for one turn of the event loop."""
    history = async_get_context_history(hass)
    # Another listener may get an event before this history, and call an action at once. So wait until the event loop
    # turns: by then, the dispatch of that event, and of all events fired during the dispatch, has ended.
    has_ended = asyncio.Event()
    hass.loop.call_soon(has_ended.set)
    await has_ended.wait()
    known = history.find(context)
    if context.user_id is not None:
        # Calls from the card fire no event on the bus, so note their contexts here.
        history.note(context, known)
    # Users that Home Assistant made for itself, an add-on or a cloud are not people.
    people = {
        user_id
        for user_id in {known.user_id, context.user_id}
        if user_id is not None
        and not ((user := await hass.auth.async_get_user(user_id)) and user.system_generated)
    }
    in_person, by_tool = context.user_id in people, tool_context_id.get() == context.id
    by = Origin.USER if in_person else Origin.AUTOMATION
    return Initiator(
        user_id=known.user_id if known.user_id in people else None,
        origin=Origin.ASSISTANT if by_tool or known.spoken else by,
        automated=not in_person and not by_tool,
        independent=known.independent and not in_person and not by_tool,
        first_context=known.first,
        forgotten=known.forgotten,
    )
