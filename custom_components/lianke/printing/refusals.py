"""Reports refusals of our actions within automations and scripts to the open cards of the person who set these off.

Home Assistant itself only logs such an error: by then, the button that the person pressed has already had its answer.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.script import script_stack_cv
from homeassistant.util.signal_type import SignalType

from ..api.errors import LiankeError
from ..const import DOMAIN
from ..error_texts import translated
from ..input_error import InputError
from ..jobs.job import Origin
from ..people.initiator import async_find_initiator


class Refusal(NamedTuple):
    """An error of one of our actions, which ran within an automation or script that a user set off."""

    user_id: str
    # The id of the call's context.
    context_id: str
    error: HomeAssistantError
    # The id of the context in which the user acted, for example pressed a button; None if that context is unknown.
    began_in: str | None


SIGNAL_REFUSED: Final[SignalType[Refusal]] = SignalType(f"{DOMAIN}_refused")


@asynccontextmanager
async def reporting_refusals(hass: HomeAssistant, context: Context) -> AsyncIterator[None]:
    """Turn our errors into errors that Home Assistant can show; report those in automations and scripts to open cards.

    After a spoken command, an error is not reported to cards, since the assistant itself reports it.
    """
    try:
        yield
    except (InputError, LiankeError, HomeAssistantError) as err:
        shown = err if isinstance(err, HomeAssistantError) else translated(err)
        # Report only errors within automations and scripts: a direct call gets the error as its answer.
        if script_stack_cv.get():
            who = await async_find_initiator(hass, context)
            if who.user_id is not None and who.origin is not Origin.ASSISTANT:
                refusal = Refusal(who.user_id, context.id, shown, who.first_context)
                async_dispatcher_send(hass, SIGNAL_REFUSED, refusal)
        if shown is err:
            raise
        raise shown from None
