"""Which people a new job waits for, and who may approve it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from homeassistant.auth.models import User
from homeassistant.core import HomeAssistant

from ..box.status import PrinterSnapshot
from ..const import (
    BEYOND_REFUSED,
    CONF_APPROVAL_PAGES,
    CONF_APPROVAL_PRINTERS,
    CONF_APPROVAL_SOURCES,
    CONF_APPROVAL_USERS,
    CONF_APPROVERS,
    CONF_MONTHLY_BEYOND,
    CONF_MONTHLY_PAGES,
    CONF_MONTHLY_USERS,
    CONF_RELEASE_CODES,
    CONF_RELEASE_PRINTERS,
    CONF_RELEASE_USERS,
)
from ..errors import InputError
from .job import Job
from .limits import Counted, most_pages
from .spec import NOBODY, JobSpec, Origin, PersonReason


async def async_reasons_to_ask(
    hass: HomeAssistant,
    options: Mapping[str, Any],
    spec: JobSpec,
    counted: Counted,
    view: PrinterSnapshot,
    *,
    spent: int = 0,
) -> tuple[str, ...]:
    """Return the reasons for which a new job waits for people, in their order.

    `options` are those of the config entry; `counted` is the document and its options as the pages are counted;
    `spent` are the pages that its user has printed in this month, or is about to. Raises
    InputError: guard_month.
    """
    reasons: list[str] = []
    beyond = _is_beyond_month(options, spec, counted, spent)
    if beyond and options.get(CONF_MONTHLY_BEYOND) == BEYOND_REFUSED:
        raise InputError("guard_month", limit=str(options[CONF_MONTHLY_PAGES]), spent=str(spent))
    if (
        (beyond or _is_to_be_approved(options, spec, counted, view))
        and not spec.approved
        and not await async_may_approve(hass, options, spec.asker.user_id)
    ):
        reasons.append(PersonReason.APPROVAL)
    if (
        spec.release_code is not None
        or view.key in options.get(CONF_RELEASE_PRINTERS, [])
        or spec.asker.user_id in options.get(CONF_RELEASE_USERS, [])
    ):
        reasons.append(PersonReason.RELEASE)
    return tuple(reasons)


def after_answer(job: Job) -> dict[str, Any]:
    """Return the changes of a job for whose first reason a person has said yes."""
    reason, *left = job.waits_for
    if reason == PersonReason.TURN_PAPER:
        return {"after": None, "hold_reason": None}
    spec = replace(
        job.spec,
        waits_for=tuple(one for one in left if one != PersonReason.TURN_PAPER),
        approved=job.spec.approved or reason == PersonReason.APPROVAL,
    )
    return {"spec": spec, "hold_reason": left[0] if left else None}


def release_code(options: Mapping[str, Any], spec: JobSpec) -> str | None:
    """Return the hashed code that releases a job: its own, or its user's; None without one."""
    codes: Mapping[str, str] = options.get(CONF_RELEASE_CODES, {})
    return spec.release_code or codes.get(spec.asker.user_id or "")


def _is_to_be_approved(
    options: Mapping[str, Any], spec: JobSpec, counted: Counted, view: PrinterSnapshot
) -> bool:
    """Return whether the options ask for an approval, whoever prints."""
    return (
        view.key in options.get(CONF_APPROVAL_PRINTERS, [])
        or spec.asker.user_id in options.get(CONF_APPROVAL_USERS, [])
        or not _sources(spec).isdisjoint(options.get(CONF_APPROVAL_SOURCES, []))
        or _has_many_pages(options, counted)
    )


def _sources(spec: JobSpec) -> set[str]:
    """Return the sources that a job is of: what a sentence has set off is an automation's as well."""
    if (origin := spec.source) is Origin.LAN_PRINTER:
        return {origin}
    sources: set[str] = {origin}
    if spec.automated:
        sources.add(Origin.AUTOMATION)
    if spec.asker.user_id is None:
        sources.add(NOBODY)
    return sources


def _is_beyond_month(
    options: Mapping[str, Any], spec: JobSpec, counted: Counted, spent: int
) -> bool:
    """Return whether a job takes its user beyond the pages of a month. Unknown pages count as one."""
    limit = int(options.get(CONF_MONTHLY_PAGES, 0))
    user = spec.asker.user_id
    users = options.get(CONF_MONTHLY_USERS, [])
    if not limit or user is None or (users and user not in users):
        return False
    most = most_pages(*counted)
    return spent + (1 if most is None else most) * counted.options.copies > limit


def _has_many_pages(options: Mapping[str, Any], counted: Counted) -> bool:
    """Return whether a job has, or may have, more pages than need no approval."""
    if not (limit := options.get(CONF_APPROVAL_PAGES, 0)):
        return False
    most = most_pages(*counted)
    return most is None or most * counted.options.copies > limit


async def async_may_approve(
    hass: HomeAssistant, options: Mapping[str, Any], user_id: str | None
) -> bool:
    """Return whether a user may approve jobs: one of those chosen, without any an administrator."""
    if user_id is None or (user := await hass.auth.async_get_user(user_id)) is None:
        return False
    return is_approver(options, user)


def is_approver(options: Mapping[str, Any], user: User) -> bool:
    """Return whether a user is one of the approvers."""
    approvers: list[str] = options.get(CONF_APPROVERS, [])
    return user.is_active and (user.id in approvers if approvers else user.is_admin)
