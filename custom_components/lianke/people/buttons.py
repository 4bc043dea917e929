"""Answers that are given by the buttons of a notification."""

import logging
from typing import Any, Final

from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError

from ..errors import InputError
from ..jobs.people import PersonReason
from ..printing.answers import async_answer
from ..printing.print import async_error_text
from ..printing.target import async_check_target, async_target_of_job
from ..runtime import translating
from .sending import async_tell_user
from .tokens import Answer, Button, read_button

_LOGGER = logging.getLogger(__name__)

# The companion app fires it in the context of the phone's user.
EVENT_ACTION: Final = "mobile_app_notification_action"


@callback
def async_setup(hass: HomeAssistant) -> None:
    """Listen to the buttons of all notifications, once for all boxes."""

    async def on_action(event: Event[dict[str, Any]]) -> None:
        if (button := read_button(event.data.get("action"))) is not None:
            await _async_answer(hass, event, button)

    hass.bus.async_listen(EVENT_ACTION, on_action)


async def _async_answer(hass: HomeAssistant, event: Event[dict[str, Any]], button: Button) -> None:
    """Answer for a job, if the button is one of ours and the user may; else tell the user why not."""
    user_id = event.context.user_id
    try:
        target, job = async_target_of_job(hass, button.job_id)
    except InputError:
        # A phone that was off keeps the question.
        if user_id is not None:
            title = await async_error_text(hass, "approval_wanted", {})
            message = await async_error_text(hass, "approval_not_found", {})
            await async_tell_user(hass, user_id, title or "", message or "")
        return
    if user_id is None or not button.is_of(job):
        _LOGGER.warning("A button to answer for a print job was not one of ours")
        return
    try:
        await async_check_target(hass, target, event.context, POLICY_CONTROL)
        with translating():
            await async_answer(
                hass,
                target,
                job,
                event.context,
                approve=button.answer is Answer.APPROVE,
                reason=PersonReason.APPROVAL,
            )
    except HomeAssistantError as err:
        await async_tell_user(hass, user_id, job.title, str(err))
