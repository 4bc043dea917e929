"""What a user sees of a job, and whether it is for this user to answer."""

from collections.abc import Mapping
from typing import Any

from homeassistant.auth.models import User
from homeassistant.util.json import JsonObjectType

from ..jobs.approval import is_approver
from ..jobs.job import Job


def may_answer(options: Mapping[str, Any], user: User, job: Job, *, may_control: bool) -> bool:
    """Return whether a user may answer for what a job waits for; `options` are those of its box."""
    if not (job.can_continue and may_control):
        return False
    return not job.waits_for_approval or is_approver(options, user)


def may_see_document(
    options: Mapping[str, Any], user: User, job: Job, *, may_control: bool
) -> bool:
    """Return whether a user may see a job's document: who asked, and who is to answer for it.

    What is released with a code is for the eyes of who asked alone. A system's user is an address
    that was signed for approvers.
    """
    if user.system_generated:
        return job.waits_for_approval
    if job.user_id == user.id:
        return True
    return not job.needs_code and may_answer(options, user, job, may_control=may_control)


def visible(
    view: JsonObjectType, options: Mapping[str, Any], user: User, job: Job, *, may_control: bool
) -> JsonObjectType:
    """Return a job's view as a user may see it.

    Devices and their addresses are for those who may control the printer, users for approvers,
    administrators and themselves.
    """
    hidden = {} if may_control else {"source": None}
    if not (job.user_id == user.id or user.is_admin or is_approver(options, user)):
        hidden["user_id"] = None
    return {**view, **hidden}
