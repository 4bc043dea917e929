"""Tells approvers of jobs that wait for them, and askers of the answers."""

from collections.abc import Iterable
from typing import Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.network import NoURLAvailableError, get_url

from ..const import CONF_APPROVAL_NOTIFY, DOMAIN
from ..jobs.job import Job, JobState
from ..jobs.people import REJECTED
from ..printing.job_picture import async_picture_path
from ..printing.print import async_error_text
from ..runtime import LiankeConfigEntry
from .sending import CLEAR, async_send, async_tell_user, is_phone
from .tokens import Answer, button_of


@callback
def async_watch(hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
    """Watch the jobs of a box for as long as it is loaded.

    Approvers were told of those that wait already before it was loaded.
    """
    queue = entry.runtime_data.queue
    asked = {job.job_id for job in queue.jobs() if job.waits_for_approval}

    @callback
    def on_job(job: Job, old: JobState | None) -> None:
        if job.waits_for_approval is (job.job_id in asked):
            return
        if job.job_id in asked:
            asked.discard(job.job_id)
            send = _async_tell_answer(hass, entry, job)
        else:
            asked.add(job.job_id)
            send = _async_ask(hass, entry, job)
        entry.async_create_background_task(hass, send, "notify of an approval")

    entry.async_on_unload(queue.listen(on_job))


@callback
def async_tell_dropped(hass: HomeAssistant, entry: LiankeConfigEntry, jobs: Iterable[Job]) -> None:
    """Take the questions about jobs off the phones whose box was removed, and tell who asked for them."""

    async def tell() -> None:
        for job in jobs:
            if job.waits_for_approval:
                await _async_tell_answer(hass, entry, job, key="approval_box_removed")

    hass.async_create_background_task(tell(), "notify of dropped jobs")


def _targets(entry: LiankeConfigEntry) -> list[str]:
    return list(entry.options.get(CONF_APPROVAL_NOTIFY, []))


async def _async_ask(hass: HomeAssistant, entry: LiankeConfigEntry, job: Job) -> None:
    """Tell the approvers of a job: on phones with a picture and buttons, elsewhere in words."""
    title = await _async_text(hass, "approval_wanted")
    message = " · ".join(await _async_facts(hass, job))
    where = await _async_text(hass, "approval_where")
    data = await _async_phone_data(hass, job)
    for target in _targets(entry):
        words = message if is_phone(target) else f"{message}\n{where} {_home(hass)}".rstrip()
        await async_send(hass, target, words, title=title, data=data)


async def _async_facts(hass: HomeAssistant, job: Job) -> list[str]:
    """Return what an approver wants to know of a job: title, pages, printer, and who asks."""
    facts = [f"“{job.title}”"]
    if job.pages is not None:
        facts.append(await _async_text(hass, "approval_pages", count=str(job.pages * job.copies)))
    facts.append(job.printer_name)
    user_id = job.asker.user_id
    user = await hass.auth.async_get_user(user_id) if user_id else None
    if who := (user and user.name) or job.source:
        facts.append(who)
    return facts


async def _async_phone_data(hass: HomeAssistant, job: Job) -> dict[str, Any]:
    buttons = [
        {"action": button_of(job, answer), "title": await _async_text(hass, key), **more}
        for answer, key, more in (
            (Answer.APPROVE, "approval_approve", {"authenticationRequired": True}),
            (Answer.REJECT, "approval_reject", {"destructive": True}),
        )
    ]
    picture = async_picture_path(hass, job)
    return {
        "tag": _tag(job),
        "actions": buttons,
        **({} if picture is None else {"image": picture}),
    }


async def _async_tell_answer(
    hass: HomeAssistant, entry: LiankeConfigEntry, job: Job, *, key: str | None = None
) -> None:
    """Take the question off the phones of the approvers, and tell the asker of the answer.

    `key` is that of the text for the asker, where there is no answer.
    """
    for target in _targets(entry):
        if is_phone(target):
            await async_send(hass, target, CLEAR, data={"tag": _tag(job)})
    if job.asker.user_id is None or (key := key or _answer_key(job)) is None:
        return
    message = await _async_text(hass, key, detail=job.detail)
    await async_tell_user(hass, job.asker.user_id, job.title, message.rstrip())


def _answer_key(job: Job) -> str | None:
    """Return the key of the text about an answer, None where the asker gave it."""
    if job.state is JobState.EXPIRED:
        return "approval_expired"
    if job.state is JobState.CANCELED:
        return "rejected_by" if job.reason == REJECTED else None
    return None if job.is_final else "approval_given"


def _tag(job: Job) -> str:
    return f"{DOMAIN}_{job.job_id}"


def _home(hass: HomeAssistant) -> str:
    """Return where this Home Assistant is reached, empty where that is not known."""
    try:
        return get_url(hass, prefer_external=True)
    except NoURLAvailableError:
        return ""


async def _async_text(hass: HomeAssistant, key: str, **placeholders: str) -> str:
    """Return a text in Home Assistant's language."""
    return await async_error_text(hass, key, placeholders) or ""
