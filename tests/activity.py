"""Lines of Home Assistant's page *Activity*, filtered by Home Assistant's own rules."""

from dataclasses import dataclass
from typing import Any

from homeassistant.components.logbook.helpers import async_subscribe_events
from homeassistant.const import EVENT_LOGBOOK_ENTRY
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er

from custom_components.lianke.const import DOMAIN


@dataclass(frozen=True)
class Line:
    """A line about one of our entities; `user_id` is the person whom the line names as the cause."""

    entity: str
    says: str
    user_id: str | None


class Activity:
    """The lines about all our devices since the last take(), including those of prints and scans that began earlier."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Collect lines from now on, about entities with their default settings, as a new box has them."""
        self._registry = er.async_get(hass)
        self._lines: list[Line] = []
        subscriptions: list[CALLBACK_TYPE] = []
        async_subscribe_events(
            hass, subscriptions, self._note, {EVENT_LOGBOOK_ENTRY}, None, None, None
        )

    @callback
    def _note(self, event: Event[Any]) -> None:
        state = event.data.get("new_state")
        entity = self._registry.async_get(event.data["entity_id"])
        if state is None or entity is None or entity.platform != DOMAIN:
            assert state is not None, "a line of ours beside those of the entities"
            return
        says = state.attributes.get("event_type", state.state)
        key = f"{entity.domain}.{entity.translation_key}"
        self._lines.append(Line(key, says, event.context.user_id))

    def take(self) -> list[Line]:
        """Return the lines since the last call, oldest first."""
        lines, self._lines = self._lines, []
        return lines

    def said(self, entity: str) -> list[str]:
        """Take the lines and return what those of `entity` say; the only other lines may be of the printer's status."""
        lines = self.take()
        status = [line for line in lines if line.entity == "sensor.status"]
        # Home Assistant always shows the printer's changes to printing and to idle; the latter often after take().
        assert len(status) <= 2, lines
        assert {line.says for line in status} <= {"printing", "idle"}, lines
        others = [line for line in lines if line not in status]
        assert {line.entity for line in others} <= {entity}, lines
        return [line.says for line in others]
