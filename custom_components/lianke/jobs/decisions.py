"""What people decide about a job: whether that can be decided, and what becomes of it, in one rule each.

A decision that the disk refuses is left out, and those that came after it are made again without it. So a rule goes by
the job as it is then: who releases a job has not approved it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..ledger import Table, View
from .box_jobs import Rule
from .job import REJECTED, Job, JobState, PersonReason, job_error
from .readiness import check_tray


def answered(reason: str | None, table: Table[Job]) -> Rule:
    """Return the rule by which a job goes on after a yes to this reason. It raises InputError."""

    def answer(view: View, job: Job) -> Mapping[str, Any]:
        _check_asked(job, reason)
        # Other jobs heed it from the change in memory on, before it is written.
        changes = _after_answer(job)
        if (turned := job.changed(now=view.now, **changes)).has_stack:
            check_tray(turned, view.all(table), view.now)
        return changes

    return answer


def rejected(reason: str | None, detail: str) -> Rule:
    """Return the rule by which a job ends after a no to this reason. It raises InputError."""

    def reject(_view: View, job: Job) -> Mapping[str, Any]:
        _check_asked(job, reason)
        return {"state": JobState.CANCELED, "reason": REJECTED, "detail": detail}

    return reject


def canceled(_view: View, job: Job) -> Mapping[str, Any]:
    """End a job that is held here. Raises InputError for another."""
    if job.state is not JobState.HELD:
        raise job_error("job_not_cancelable", job)
    return {"state": JobState.CANCELED}


def released(_view: View, job: Job) -> Mapping[str, Any]:
    """Let a job go on that waits since its folder was copied. Raises InputError for another."""
    if not job.copied or job.state is not JobState.HELD:
        raise job_error("job_not_retryable", job)
    return {"copied": False, "hold_reason": None}


def confirmed(_view: View, job: Job) -> Mapping[str, Any]:
    """Complete an unconfirmed job. Raises InputError for another."""
    if job.state is not JobState.UNCONFIRMED:
        raise job_error("job_not_unconfirmed", job)
    return {
        "state": JobState.COMPLETED,
        "reason": None,
        # It does not depend on the list of tasks any more.
        "task_from_list": False,
        "pages_printed": None if job.pages is None else job.pages * job.copies,
    }


def _check_asked(job: Job, reason: str | None) -> None:
    """Raise InputError for a job that does not wait for this answer."""
    if reason is None or job.asks_for != reason:
        raise job_error("job_not_waiting", job)


def _after_answer(job: Job) -> dict[str, Any]:
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
