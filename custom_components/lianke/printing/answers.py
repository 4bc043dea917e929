"""Answers of people to jobs that wait for them: continue and reject."""

from homeassistant.core import Context, HomeAssistant

from ..devices import Target
from ..errors import InputError
from ..jobs.approval import async_may_approve
from ..jobs.beginning import Beginning, async_find_beginning
from ..jobs.errors import job_error
from ..jobs.job import Job
from ..jobs.release_code import async_get_code_checker
from ..jobs.spec import Origin, PersonReason
from ..runtime import LiankeConfigEntry


async def async_answer(
    hass: HomeAssistant,
    target: Target,
    job: Job,
    context: Context,
    *,
    approve: bool,
    reason: str | None = None,
    message: str = "",
    code: str | None = None,
) -> Job:
    """Answer for a job that waits for a person; return it as it is then.

    `reason` is the one that is answered, None for whichever it is; `message` says why not. Raises
    InputError: not_an_approver, assistant_may_not_approve, job_not_waiting, and what is
    wrong with the code; HomeAssistantError if the disk refuses.
    """
    queue = target.data.queue
    if not job.can_continue or reason not in (None, job.waits_for[0]):
        raise job_error("job_not_waiting", job)
    # What is checked here takes a moment; an answer counts only for the reason it was checked for.
    reason = job.waits_for[0]
    who = await async_find_beginning(hass, context)
    await _async_check_may_answer(hass, target.entry, job, context, who, approve=approve)
    if approve:
        if job.needs_code and job.spec.release_code and not who.independent:
            await async_get_code_checker(hass).async_check(
                job.spec.release_code, code, job.title, who.user_id
            )
        return await queue.async_continue(job.job_id, reason=reason)
    signed = await _async_signed(hass, who, message)
    return await queue.async_reject(job.job_id, reason=reason, detail=signed)


async def _async_check_may_answer(
    hass: HomeAssistant,
    entry: LiankeConfigEntry,
    job: Job,
    context: Context,
    who: Beginning,
    *,
    approve: bool,
) -> None:
    """Check that the caller may answer for what a job waits for; approvals are for approvers.

    Automations were made by an administrator, unless somebody makes one run past its triggers. Assistants read
    titles that strangers may have written, and do not know voices: they do not approve.
    Raises InputError: not_an_approver, assistant_may_not_approve.
    """
    if who.independent or PersonReason.APPROVAL not in job.waits_for[:1]:
        return
    if approve and who.origin is Origin.ASSISTANT:
        raise InputError("assistant_may_not_approve", title=job.title)
    if not await async_may_approve(hass, entry.options, who.user_id or context.user_id):
        raise InputError("not_an_approver", title=job.title)


async def _async_signed(hass: HomeAssistant, who: Beginning, message: str) -> str:
    """Return a message with the name of who sends it, as the language of the house puts it."""
    user = await hass.auth.async_get_user(who.user_id) if who.user_id else None
    colon = "：" if hass.config.language.startswith("zh") else ": "
    return colon.join(part for part in (user and user.name, message) if part)
