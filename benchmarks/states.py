"""State changes: the cost of our listener, which remembers who began each context."""

import tempfile
import time
from typing import Any

from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Context, Event, HomeAssistant, callback

from custom_components.lianke.people import initiator

from .figures import Figure

CHANGES = 2_000
# Maximum µs by which a state change may take longer with our listener.
MOST = 3.0


async def measure(rounds: int) -> list[Figure]:
    """Time state changes in turn in a Home Assistant with our listener and in another without it.

    The first figure is for changes that no person began, as is the case for nearly all changes. The second is for
    changes by an automation that a person triggered: each change has a new context, which replaces the oldest known
    context.
    """
    figures = []
    for name, led in (("state_cost", False), ("state_cost_led", True)):
        with tempfile.TemporaryDirectory() as folder:
            bare, ours = HomeAssistant(folder), HomeAssistant(folder)
            for hass in (bare, ours):
                # Every home has listeners for state changes; without any, Home Assistant would create no event.
                hass.bus.async_listen(EVENT_STATE_CHANGED, _ignore)
            initiator.async_get_context_history(ours)
            person = Context(user_id="person")
            for _ in range(initiator.MAX_CONTEXTS):
                # Fill the list of known contexts, so that each new context displaces an old one.
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
            known = len(initiator.async_get_context_history(ours)._known)
            for hass in (bare, ours):
                await hass.async_stop(force=True)
        # The least time counts, because other work of the machine only adds to it.
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
    """Do nothing about a state change."""


def _change(hass: HomeAssistant, context: Context, state: int) -> None:
    hass.states.async_set("sensor.bench", str(state), force_update=True, context=context)
