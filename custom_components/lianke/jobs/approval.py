"""Which people a new job waits for, and who may approve it."""

from collections.abc import Mapping
from typing import Any

from homeassistant.auth.models import User
from homeassistant.core import HomeAssistant

from ..box.views import PrinterView
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
from .limits import most_pages
from .people import NOBODY, Origin, PersonReason
from .request import PrintRequest, origin_of


async def async_reasons_to_ask(
    hass: HomeAssistant,
    options: Mapping[str, Any],
    request: PrintRequest,
    view: PrinterView,
    *,
    spent: int = 0,
) -> tuple[str, ...]:
    """Return the reasons for which a new job waits for people, in their order.

    `options` are those of the config entry; `spent` are the pages that its user has printed in this
    month, or is about to. Raises InputError: guard_month.
    """
    reasons: list[str] = []
    beyond = _is_beyond_month(options, request, spent)
    if beyond and options.get(CONF_MONTHLY_BEYOND) == BEYOND_REFUSED:
        raise InputError("guard_month", limit=str(options[CONF_MONTHLY_PAGES]), spent=str(spent))
    if (
        (beyond or _is_to_be_approved(options, request, view))
        and not request.approved
        and not await async_may_approve(hass, options, request.asker.user_id)
    ):
        reasons.append(PersonReason.APPROVAL)
    if (
        request.release_code is not None
        or view.key in options.get(CONF_RELEASE_PRINTERS, [])
        or request.asker.user_id in options.get(CONF_RELEASE_USERS, [])
    ):
        reasons.append(PersonReason.RELEASE)
    return tuple(reasons)


def after_answer(job: Job) -> dict[str, Any]:
    """Return the changes of a job for whose first reason a person has said yes."""
    reason, *left = job.waits_for
    return {
        "waits_for": tuple(left),
        "hold_reason": left[0] if left else None,
        "approved": job.approved or reason == PersonReason.APPROVAL,
    }


def release_code(options: Mapping[str, Any], request: PrintRequest) -> str | None:
    """Return the hashed code that releases a job: its own, or its user's; None without one."""
    codes: Mapping[str, str] = options.get(CONF_RELEASE_CODES, {})
    given = request.release_code or (request.moved and request.moved.release_code)
    return given or codes.get(request.asker.user_id or "")


def _is_to_be_approved(
    options: Mapping[str, Any], request: PrintRequest, view: PrinterView
) -> bool:
    """Return whether the options ask for an approval, whoever prints."""
    return (
        view.key in options.get(CONF_APPROVAL_PRINTERS, [])
        or request.asker.user_id in options.get(CONF_APPROVAL_USERS, [])
        or not _sources(request).isdisjoint(options.get(CONF_APPROVAL_SOURCES, []))
        or _has_many_pages(options, request)
    )


def _sources(request: PrintRequest) -> set[str]:
    """Return the sources that a request is of: what a sentence has set off is an automation's as well."""
    if (origin := origin_of(request)) is Origin.LAN_PRINTER:
        return {origin}
    sources: set[str] = {origin}
    if request.automated:
        sources.add(Origin.AUTOMATION)
    if request.asker.user_id is None:
        sources.add(NOBODY)
    return sources


def _is_beyond_month(options: Mapping[str, Any], request: PrintRequest, spent: int) -> bool:
    """Return whether a job takes its user beyond the pages of a month. Unknown pages count as one."""
    limit = int(options.get(CONF_MONTHLY_PAGES, 0))
    user = request.asker.user_id
    users = options.get(CONF_MONTHLY_USERS, [])
    if not limit or user is None or (users and user not in users):
        return False
    document, printed = request.counted
    most = most_pages(document, printed)
    return spent + (1 if most is None else most) * printed.copies > limit


def _has_many_pages(options: Mapping[str, Any], request: PrintRequest) -> bool:
    """Return whether a job has, or may have, more pages than need no approval."""
    if not (limit := options.get(CONF_APPROVAL_PAGES, 0)):
        return False
    document, printed = request.counted
    most = most_pages(document, printed)
    return most is None or most * printed.copies > limit


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
