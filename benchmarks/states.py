"""State changes: what it costs that the integration keeps in mind who began each context."""

import tempfile
import time
from typing import Any

from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Context, Event, HomeAssistant, callback

from custom_components.lianke.people import beginning

from .figures import Figure

CHANGES = 2_000
# The most that a state change may take longer, in µs.
MOST = 3.0


async def measure(rounds: int) -> list[Figure]:
    """Change states beside each other in a Home Assistant with the listener and in one without.

    The first figure is of changes that began with nobody, as nearly all do; the second of those that an automation
    causes because of a person, each in a new context of which the oldest known one gives way.
    """
    figures = []
    for name, led in (("state_cost", False), ("state_cost_led", True)):
        with tempfile.TemporaryDirectory() as folder:
            bare, ours = HomeAssistant(folder), HomeAssistant(folder)
            for hass in (bare, ours):
                # Every home has somebody who follows states: the event is made for them.
                hass.bus.async_listen(EVENT_STATE_CHANGED, _ignore)
            beginning.async_get_trail(ours)
            person = Context(user_id="person")
            for _ in range(beginning.MAX_CONTEXTS):
                # Every one of them is known as the person's.
                _change(ours, Context(user_id="person"), 0)
            spent: dict[HomeAssistant, list[float]] = {bare: [], ours: []}
            for number in range(rounds * 2):
                hass = (bare, ours)[number % 2]
                _change(hass, person, number)
                contexts = [Context(parent_id=person.id if led else None) for _ in range(CHANGES)]
                began = time.process_time()
                for place, context in enumerate(contexts):
                    _change(hass, context, place)
                spent[hass].append((time.process_time() - began) / CHANGES * 1e6)
            known = len(beginning.async_get_trail(ours)._known)
            for hass in (bare, ours):
                await hass.async_stop(force=True)
        # Whatever else the machine did came on top.
        without, with_it = min(spent[bare]), min(spent[ours])
        figures.append(
            Figure(
                name=name,
                value=with_it - without,
                unit="µs",
                baseline=without,
                goal=MOST,
                note=f"beside a bare state change; {known} contexts are known",
            )
        )
    return figures


@callback
def _ignore(_event: Event[Any]) -> None:
    """Follow states."""


def _change(hass: HomeAssistant, context: Context, state: int) -> None:
    hass.states.async_set("sensor.bench", str(state), force_update=True, context=context)
