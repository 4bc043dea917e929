"""Notifications that ask the person who scans for the next page, with buttons for the answer."""

from datetime import timedelta
import re
from typing import Any, Final

from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.dispatcher import async_dispatcher_connect

from ..const import DOMAIN
from ..error_texts import async_error_message, async_error_text, translating
from ..people.notifications import (
    CLEAR_NOTIFICATION,
    EVENT_ACTION,
    async_send,
    async_tell_user,
    phones_of,
)
from ..people.rights import async_proven_path
from .actions import async_check_scan, async_find_scan
from .scan_job import ScanAnswer, ScanJob, ScanState, ScanUpdate, Stack
from .scan_jobs import SIGNAL_SCAN, async_get_scan_jobs
from .scan_rules import GLASS_SECONDS
from .scan_view import picture_paths

# States that can follow `waiting`.
_AFTER: Final = (ScanState.SCANNING, ScanState.FINISHING, ScanState.FAILED, ScanState.CANCELED)
_ANSWERS: Final = (ScanAnswer.NEXT, ScanAnswer.AGAIN, ScanAnswer.FINISH)
# Matches the action of a button. The scan's id in it need not be secret: only users who may control the scanner can
# answer.
_SCAN_BUTTON: Final = re.compile(r"LIANKE_SCAN_(NEXT|AGAIN|FINISH)_([0-9A-Z]{26})")


@callback
def async_follow_waiting(hass: HomeAssistant) -> None:
    """While a scan waits for its next page, notify the phones of the person who scans; handle the buttons there."""

    @callback
    def on_scan(update: ScanUpdate) -> None:
        if update.job.is_waiting or (_may_wait(update.job) and update.job.state in _AFTER):
            update.entry.async_create_background_task(
                hass, _async_ask(hass, update), "notify of a scan"
            )

    async_dispatcher_connect(hass, SIGNAL_SCAN, on_scan)

    async def on_action(event: Event[dict[str, Any]]) -> None:
        found = _SCAN_BUTTON.fullmatch(str(event.data.get("action")))
        user_id = event.context.user_id
        if found is None or user_id is None:
            return
        try:
            with translating():
                entry, job = await async_find_scan(hass, found[2])
                await async_check_scan(hass, entry, job, event.context)
                jobs = async_get_scan_jobs(hass, entry)
                await jobs.async_answer(job.job_id, ScanAnswer(found[1].lower()))
        except HomeAssistantError as err:
            title = await async_error_text(hass, "scan_waits_title")
            await async_tell_user(hass, user_id, title, await async_error_message(hass, err))

    hass.bus.async_listen(EVENT_ACTION, on_action)


def _may_wait(job: ScanJob) -> bool:
    return job.most is not None or job.request.two_stacks


async def _async_ask(hass: HomeAssistant, update: ScanUpdate) -> None:
    """Ask on the phones of the person who scans what to do next; clear the question if the scan no longer waits."""
    entry, job = update
    message, title = CLEAR_NOTIFICATION, None
    data: dict[str, Any] = {"tag": f"{DOMAIN}_{job.job_id}"}
    if job.is_waiting:
        title = await async_error_text(hass, "scan_waits_title")
        facts = {"scanner": job.title, "count": str(job.page_count)}
        key = "scan_turn_stack" if job.stack is Stack.FRONTS else "scan_waits"
        message = await async_error_text(hass, key, facts)
        if job.reason:
            why = await async_error_text(hass, job.reason, {"detail": job.detail})
            message = why if job.stack else f"{why} {message}"
        data["actions"] = [
            {
                "action": f"LIANKE_SCAN_{answer.name}_{job.job_id}",
                "title": await async_error_text(hass, f"scan_button_{answer}"),
            }
            for answer in _ANSWERS
        ]
        path, lasts = (
            picture_paths(entry, job)[job.page_count - 1],
            timedelta(seconds=GLASS_SECONDS),
        )
        data["image"] = async_proven_path(hass, path, lasts)
    for phone in phones_of(hass, {job.asker.user_id}):
        await async_send(hass, phone, message, title=title, data=data)
