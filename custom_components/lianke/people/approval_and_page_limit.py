"""Who asks for a job, which people it waits for, and who may answer."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Context, HomeAssistant
from homeassistant.util import dt as dt_util

from .. import const
from ..box.pages_per_user import PageCounts, month_of
from ..devices import Target, status_entity
from ..input_error import InputError
from ..jobs.job import NOBODY, Delivery, Job, JobSpec, Origin, PersonReason, job_error
from ..jobs.queue import People
from .initiator import async_find_initiator
from .release_code import async_get_code_checker
from .rights import async_check_job, async_is_restricted, async_may_approve

# Options that may demand an approval; if no option is set, the rules need no check.
_ASKING: Final = (
    const.CONF_MONTHLY_PAGES,
    const.CONF_APPROVAL_PAGES,
    const.CONF_APPROVAL_PRINTERS,
    const.CONF_APPROVAL_SOURCES,
    const.CONF_APPROVAL_USERS,
)


class PrintPolicy(People):
    """Answers the questions about people that the print queue of a box asks before it accepts a job."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, pages: PageCounts) -> None:
        self._hass = hass
        self._entry = entry
        self._pages = pages

    @override
    async def async_add_asker(self, spec: JobSpec) -> JobSpec:
        if spec.sender_address is not None:
            # A device of the home network sent the job, so no user of Home Assistant began it.
            return replace(spec, origin=spec.origin or Origin.LAN_PRINTER, automated=True)
        initiator = await async_find_initiator(self._hass, spec.asker.context)
        if initiator.forgotten and await self._async_is_restricted(spec):
            # Nobody knows who asks. The job has to wait for an approval, so it must not replace other jobs.
            spec = replace(spec, replace_key=None)
        return replace(
            spec,
            asker=replace(spec.asker, user_id=initiator.user_id),
            origin=spec.origin or initiator.origin,
            automated=initiator.automated,
            forgotten=initiator.forgotten,
        )

    @override
    async def async_add_hold_reasons(
        self, spec: JobSpec, first: Delivery, jobs: Collection[Job], *, unchanged: bool = False
    ) -> JobSpec:
        options = self._entry.options
        # An approval given at this box stays valid if the same user's job is moved or printed again at this box.
        before, asker = spec.moved_from or spec.retry_of, spec.asker.user_id
        goes_on = any(job.job_id == before and job.spec.asker.user_id == asker for job in jobs)
        spec = replace(spec, approved=spec.approved and goes_on)
        # A job that is moved keeps the questions that are still open, and a mail that must be approved keeps that one.
        reasons = [*(spec.waits_for or ())]
        # Somebody may already have released an uncounted job that now moves here unchanged. An approval covers it, too.
        is_judged = spec.approved or PersonReason.APPROVAL in reasons
        uncounted = first.has_unknown_length and not unchanged and not is_judged
        # No limit on pages applies to an uncounted job, so its own asker must not release it.
        by_person = spec.asker.user_id is not None or spec.forgotten
        if (
            (
                (
                    any(options.get(name) for name in _ASKING)
                    and self._is_to_be_approved(spec, first, jobs)
                )
                or (uncounted and by_person)
                or (
                    # Nobody knows who asked: it may have been somebody who may not use the printer.
                    spec.forgotten and await self._async_is_restricted(spec)
                )
            )
            and not spec.approved
            and not await async_may_approve(self._hass, options, spec.asker.user_id)
        ):
            reasons.append(PersonReason.APPROVAL)
            uncounted = False
        codes: Mapping[str, str] = options.get(const.CONF_RELEASE_CODES, {})
        if (
            spec.release_code is not None
            or spec.printer_key in options.get(const.CONF_RELEASE_PRINTERS, [])
            or ((users := options.get(const.CONF_RELEASE_USERS)) and _may_be_of(spec, users))
            or uncounted
        ):
            reasons.append(PersonReason.RELEASE)
        return replace(
            spec,
            waits_for=tuple(dict.fromkeys(reasons)),
            release_code=spec.release_code or codes.get(spec.asker.user_id or ""),
        )

    async def _async_is_restricted(self, spec: JobSpec) -> bool:
        status = status_entity(self._hass, self._entry, spec.printer_key)
        return await async_is_restricted(self._hass, status)

    def _is_to_be_approved(self, spec: JobSpec, first: Delivery, jobs: Collection[Job]) -> bool:
        """Whether the options demand an approval, or the user's pages for the month are used up.

        Raises InputError (too_many_pages_this_month) if the pages are used up and the options say to refuse the job.
        """
        options, user_id, most = self._entry.options, spec.asker.user_id, first.most_pages
        left = None
        if options.get(const.CONF_MONTHLY_PAGES):
            left = pages_left(options, self._pages, user_id, jobs, moved_from=spec.moved_from)
        if left is not None and (1 if most is None else most) * first.job_copies > left:
            if options.get(const.CONF_MONTHLY_BEYOND) == const.BEYOND_REFUSED:
                limit = int(options[const.CONF_MONTHLY_PAGES])
                spent = limit - left
                raise InputError("too_many_pages_this_month", limit=str(limit), spent=str(spent))
            return True
        if left is not None and most is None:
            # The pages of the job cannot be counted (as with raw printer commands), so no limit on pages applies to it.
            return True
        if spec.forgotten and options.get(const.CONF_MONTHLY_PAGES):
            # The user who asked may have used up the pages of the month.
            return True
        sources: set[str] = {spec.source}
        if spec.forgotten:
            sources |= {Origin.AUTOMATION, Origin.ASSISTANT, NOBODY}
        elif spec.source is not Origin.LAN_PRINTER:
            # An automation that a spoken sentence set off counts as an automation as well.
            sources |= {Origin.AUTOMATION} if spec.automated else set()
            sources |= {NOBODY} if user_id is None else set()
        most_free = options.get(const.CONF_APPROVAL_PAGES, 0)
        return (
            spec.printer_key in options.get(const.CONF_APPROVAL_PRINTERS, [])
            or ((users := options.get(const.CONF_APPROVAL_USERS)) and _may_be_of(spec, users))
            or not sources.isdisjoint(options.get(const.CONF_APPROVAL_SOURCES, []))
            or bool(most_free and (most is None or most * first.job_copies > most_free))
        )


def _may_be_of(spec: JobSpec, users: Collection[str]) -> bool:
    """Whether one of these users may have asked for a job; True if it is forgotten who asked."""
    return spec.forgotten or spec.asker.user_id in users


def pages_left(
    options: Mapping[str, Any],
    pages: PageCounts,
    user_id: str | None,
    jobs: Iterable[Job],
    *,
    moved_from: str | None = None,
) -> int | None:
    """Return how many pages a user has left this month: below 0 if the limit is exceeded, None if there is no limit.

    `jobs` are the jobs of the box. An unfinished job counts with its highest possible page count, or with 1 page per
    copy if that is unknown; the job `moved_from` does not count.
    """
    limit = int(options.get(const.CONF_MONTHLY_PAGES, 0))
    users = options.get(const.CONF_MONTHLY_USERS, [])
    if not limit or user_id is None or (users and user_id not in users):
        return None
    waiting = sum(
        (1 if (most := job.most_pages) is None else most) * job.copies
        for job in jobs
        if job.spec.asker.user_id == user_id and not job.is_final and job.job_id != moved_from
    )
    return limit - waiting - pages.of_user(month_of(dt_util.now()), user_id)


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
    """Answer the question that a job asks a person; return the job after the answer.

    `reason` is the question that is answered, None for the current question; `message` says why the job is rejected.
    Raises InputError: job_not_waiting, not_an_approver, assistant_may_not_approve, beginning_forgotten,
    beginning_forgotten_here, and the errors of `CodeChecker.async_check`; HomeAssistantError if the disk refuses.
    """
    queue = target.data.queue
    if not job.asks_for or reason not in (None, job.waits_for[0]):
        raise job_error("job_not_waiting", job)
    # The question may change while the checks below run; the answer counts only for the present question.
    reason = job.waits_for[0]
    who = await async_find_initiator(hass, context)
    if who.forgotten:
        if reason != PersonReason.TURN_PAPER:
            raise InputError("beginning_forgotten", title=job.spec.title)
        await async_check_job(hass, target, job, context)
    # An automation that runs by its own trigger acts for the administrator who wrote it.
    if job.asks_for == PersonReason.APPROVAL and not who.independent:
        # Assistants read titles that strangers may have written, and do not recognize voices.
        if approve and who.origin is Origin.ASSISTANT:
            raise InputError("assistant_may_not_approve", title=job.spec.title)
        # The user of a cloud or an add-on may not approve either, even as an administrator.
        if not await async_may_approve(hass, target.entry.options, who.user_id):
            raise InputError("not_an_approver", title=job.spec.title)
    if not approve:
        user = await hass.auth.async_get_user(who.user_id) if who.user_id else None
        # Punctuation of Home Assistant's language.
        colon = "：" if hass.config.language.startswith("zh") else ": "
        signed = colon.join(part for part in (user and user.name, message) if part)
        return await queue.async_reject(job.job_id, reason=reason, detail=signed)
    if job.needs_code and job.spec.release_code and not who.independent:
        await async_get_code_checker(hass).async_check(
            job.spec.release_code, code, job.spec.title, who.user_id
        )
    return await queue.async_continue(job.job_id, reason=reason)
