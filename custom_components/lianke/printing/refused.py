"""Tells people's open cards what is refused in the automations and scripts that they set off.

Home Assistant has answered whoever pressed the button by then, and writes the refusal into its log alone.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.script import script_stack_cv
from homeassistant.util.signal_type import SignalType

from ..const import DOMAIN
from ..jobs.job import Origin
from ..people.beginning import async_find_beginning
from ..runtime import translating


class Refusal(NamedTuple):
    """What an action of ours raised in what a user began, in the call with this context.

    `began_in` is the id of the context of what the user did, such as pressing a button.
    """

    user_id: str
    context_id: str
    error: HomeAssistantError
    began_in: str | None


SIGNAL_REFUSED: Final[SignalType[Refusal]] = SignalType(f"{DOMAIN}_refused")


@asynccontextmanager
async def telling_refusals(hass: HomeAssistant, context: Context) -> AsyncIterator[None]:
    """Raise errors of ours as Home Assistant shows them; where an automation or a script met one, tell the cards.

    The signal is sent for people alone; an assistant says by itself what becomes of a sentence.
    """
    try:
        with translating():
            yield
    except HomeAssistantError as err:
        # What is asked for directly is answered to who asks.
        if script_stack_cv.get():
            who = await async_find_beginning(hass, context)
            if who.user_id is not None and who.origin is not Origin.ASSISTANT:
                refusal = Refusal(who.user_id, context.id, err, who.first_context)
                async_dispatcher_send(hass, SIGNAL_REFUSED, refusal)
        raise
