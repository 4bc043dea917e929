"""Who began what led to a call: the person at its first context, as far as that is known.

Automations run in contexts of their own that only name their parent's id, and Home Assistant keeps no
index of contexts. So the contexts of people, and those that these led to, are kept in mind here. Nearly all
events have neither a user nor a parent, and cost one look at each.
"""

import asyncio
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Final, NamedTuple

from homeassistant.auth.models import User
from homeassistant.components.http.const import KEY_HASS_USER
from homeassistant.const import (
    ATTR_DOMAIN,
    ATTR_ENTITY_ID,
    ATTR_SERVICE,
    EVENT_CALL_SERVICE,
    MATCH_ALL,
)
from homeassistant.core import Context, Event, HomeAssistant, callback
from homeassistant.helpers.chat_session import current_session
from homeassistant.helpers.http import current_request
from homeassistant.helpers.singleton import singleton
from homeassistant.helpers.trace import variables_cv
from homeassistant.util.limited_size_dict import LimitedSizeDict

from ..const import DOMAIN
from ..jobs.job import Origin

AUTOMATION: Final = "automation"
SERVICE_TRIGGER: Final = "trigger"
EVENT_AUTOMATION_TRIGGERED: Final = "automation_triggered"
# Contexts that began with a person or an assistant; in a household, those of days.
MAX_CONTEXTS: Final = 1_000
# Where assistants ask without a conversation: over MCP, and Google's and Amazon's without Home Assistant's cloud.
ASSISTANT_PATHS: Final = ("/api/mcp", "/mcp_server/", "/api/google_assistant", "/api/alexa")
# The id of the context in which an assistant's tool asks. Whatever follows from it inherits this, but has contexts of
# its own.
asked_by_tool: ContextVar[str | None] = ContextVar("asked_by_tool", default=None)


class _Begun(NamedTuple):
    """What is known of a context: its user, and whether it was told to an assistant.

    `runs_automations` says that the action `automation.trigger` was called in it, `independent` that it is an
    automation's run that was neither called so nor set off by a sentence, `first` the id of the context in which
    it all began.
    """

    user_id: str | None
    spoken: bool = False
    runs_automations: bool = False
    independent: bool = False
    first: str | None = None


class Beginning(NamedTuple):
    """Who began what led to a call, None for nobody who is known, and how.

    `automated` says that the call itself is not that person's, but an automation's or a device's;
    `independent` that nobody told this automation to run, but its own trigger, as an administrator wanted it.
    `first_context` is the id of the context of what that person did, None where it is not known.
    """

    user_id: str | None
    origin: Origin
    automated: bool
    independent: bool
    first_context: str | None = None


class _Trail:
    """Keeps in mind which contexts began with whom."""

    def __init__(self, hass: HomeAssistant) -> None:
        self._known = LimitedSizeDict[str, _Begun](size_limit=MAX_CONTEXTS)
        hass.bus.async_listen(MATCH_ALL, self._on_event)

    def find(self, context: Context) -> _Begun | None:
        """Return what is known of a context, None where it began with nobody."""
        # In a conversation, but not in what an automation does because of it.
        spoken = current_session.get() is not None
        if context.user_id is not None and (request := current_request.get()) is not None:
            # What else comes of such a request, such as a poll, may have another user's context.
            user: User | None = request.get(KEY_HASS_USER)
            is_own = user is not None and user.id == context.user_id
            spoken = spoken or (is_own and request.path.startswith(ASSISTANT_PATHS))
        begun = self._known.get(context.id) or self._known.get(context.parent_id or "")
        if begun is not None:
            return begun._replace(spoken=True) if spoken and context.user_id is not None else begun
        if context.user_id is not None:
            return _Begun(context.user_id, spoken, first=context.id)
        return _Begun(None, spoken) if spoken and context.parent_id is None else None

    @callback
    def _on_event(self, event: Event[Any]) -> None:
        context, kind = event.context, event.event_type
        if kind == EVENT_AUTOMATION_TRIGGERED:
            self._on_automation(event)
        elif kind == EVENT_CALL_SERVICE:
            self._on_call(event)
        elif (
            (context.user_id or context.parent_id)
            and context.id not in self._known
            and (begun := self.find(context)) is not None
        ):
            self.note(context, begun)

    def _on_call(self, event: Event[Any]) -> None:
        if (begun := self.find(event.context)) is None:
            return
        if (event.data[ATTR_DOMAIN], event.data[ATTR_SERVICE]) == (AUTOMATION, SERVICE_TRIGGER):
            begun = begun._replace(runs_automations=True)
        self.note(event.context, begun)

    def _on_automation(self, event: Event[Any]) -> None:
        run = event.context
        if run.parent_id is None:
            begun = self._find_speaker(event.data.get(ATTR_ENTITY_ID))
        else:
            begun = self._known.get(run.parent_id)
        if begun is not None:
            told = begun.runs_automations or run.parent_id is None
            self.note(run, begun._replace(runs_automations=False, independent=not told))

    def _find_speaker(self, entity_id: str | None) -> _Begun | None:
        """Return who has said the sentence that set an automation off, None where none has.

        Such a trigger hands no context on, but writes it into the run's variables. The event is fired in
        the run, where they are at hand. Nobody can make them up: what is run by an action has a parent.
        """
        variables = variables_cv.get()
        if not isinstance(variables, Mapping):
            return None
        this, trigger = variables.get("this"), variables.get("trigger")
        if not isinstance(this, Mapping) or this.get(ATTR_ENTITY_ID) != entity_id:
            return None
        heard = trigger.get("user_input") if isinstance(trigger, Mapping) else None
        context = heard.get("context") if isinstance(heard, Mapping) else None
        if not isinstance(context, Mapping):
            return None
        names = ("user_id", "parent_id", "id")
        begun = self.find(Context(**{name: context.get(name) for name in names}))
        return _Begun(None if begun is None else begun.user_id, spoken=True)

    def note(self, context: Context, begun: _Begun) -> None:
        """Keep in mind how a context began."""
        self._known[context.id] = begun
        self._known.move_to_end(context.id)


@singleton(f"{DOMAIN}_trail")
def async_get_trail(hass: HomeAssistant) -> _Trail:
    """Keep in mind from the first call on who begins what, once for all boxes."""
    return _Trail(hass)


async def async_find_beginning(hass: HomeAssistant, context: Context) -> Beginning:
    """Return who began what led to a call with this context."""
    trail = async_get_trail(hass)
    # What is fired while another event is dispatched comes after it, and what it led to may be here first.
    await asyncio.sleep(0)
    begun = trail.find(context) or _Begun(None, independent=True)
    if context.user_id is not None:
        # What the card asks for passes the bus by.
        trail.note(context, begun)
    person = await _async_person(hass, begun.user_id)
    by_tool = asked_by_tool.get() == context.id
    in_person = (
        context.user_id is not None and await _async_person(hass, context.user_id) is not None
    )
    by = Origin.USER if in_person else Origin.AUTOMATION
    return Beginning(
        user_id=person,
        origin=Origin.ASSISTANT if by_tool or begun.spoken else by,
        automated=not in_person and not by_tool,
        independent=begun.independent and not in_person and not by_tool,
        first_context=begun.first,
    )


async def _async_person(hass: HomeAssistant, user_id: str | None) -> str | None:
    """Return a user, unless Home Assistant made it for itself, an add-on or a cloud."""
    user = await hass.auth.async_get_user(user_id) if user_id else None
    return None if user is not None and user.system_generated else user_id
