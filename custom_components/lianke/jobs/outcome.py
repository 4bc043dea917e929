"""What the cloud's word about a task means for a job. Pure functions."""

from datetime import timedelta
from typing import Any

from homeassistant.util import dt as dt_util

from ..api.tasks import TaskResult, TaskState
from .job import Job, JobState, can_move

PRINTED_CODE = 200
# The reason of a job that expired and was canceled when it may have been printing.
CANCELED_TOO_LATE = "taken_back_late"
# Codes of a finished task after which nothing can have reached the paper: the file was
# never converted, or was refused as it came.
# A box or a printer that is gone may have gone while it was printing.
BEFORE_PAPER = frozenset({400, 502, 11203})
# A cancellation that takes longer than this proves nothing: printing may have begun meanwhile.
REVOKE_TIME = timedelta(seconds=20)

_MOVES = {
    TaskState.READY: JobState.QUEUED,
    TaskState.PARSING: JobState.PROCESSING,
    TaskState.SENDING: JobState.SENDING,
    TaskState.SET_REVOKE: JobState.CANCELING,
}

_REASONS = {
    400: "bad_parameter",
    404: "box_not_found",
    497: "printer_not_found",
    500: "box_not_responding",
    502: "conversion_failed",
    503: "box_not_responding",
    5001: "box_not_provisioned",
    5002: "box_offline",
    5011: "printer_not_found",
    5051: "printer_not_found",
    11203: "error_limit_reached",
    11404: "box_not_found",
}


def changes_for(
    job: Job, task_state: TaskState, result: TaskResult | None
) -> dict[str, Any] | None:
    """Return the changes that a report about its task makes to a job, None for none.

    Printed means SUCCESS *and* result code 200: SUCCESS alone is the state of the
    cloud's queue (lianke-api, "Job states"). SUCCESS without a result says nothing yet.
    """
    if task_state in _MOVES:
        new = _MOVES[task_state]
        if not can_move(job.state, new):
            return None
        return {"state": new}
    if task_state is TaskState.REVOKED:
        return _revoked(job)
    if task_state is TaskState.SUCCESS and result is not None and result.code is not None:
        if result.code == PRINTED_CODE:
            return _final(job, JobState.COMPLETED, pages_printed=printed_pages(job, result))
        return failure(job, result)
    if task_state is TaskState.FAILURE:
        return failure(job, result)
    return None


def _revoked(job: Job) -> dict[str, Any] | None:
    """Return the changes that the end of a canceled task makes.

    REVOKED alone says nothing about sheets: a task that was being sent is revoked as well.
    """
    idle = job.idle_at is not None and dt_util.utcnow() - job.idle_at < REVOKE_TIME
    if not job.expiring:
        return _final(job, JobState.CANCELED, partly_printed=not idle)
    if idle:
        return _final(job, JobState.EXPIRED)
    # `expired` says that it was not printed.
    changes = _final(job, JobState.UNCONFIRMED, partly_printed=True)
    return changes and changes | {"reason": CANCELED_TOO_LATE}


def failure(
    job: Job, result: TaskResult | None, reason: str | None = None
) -> dict[str, Any] | None:
    """Return the changes that end a job as failed; `reason` overrides the code's."""
    code = result.code if result else None
    return _final(
        job,
        JobState.FAILED,
        reason=reason or _REASONS.get(code or 0, "print_failed"),
        code=code,
        detail=result.message if result else "",
        partly_printed=_may_be_on_paper(result),
    )


def printed_pages(job: Job, result: TaskResult | None) -> int | None:
    """Return how many pages came out: our own count, else the cloud's, else None.

    Ours comes first, since it is not known whether the cloud's includes the copies.
    """
    if job.pages is not None:
        return job.pages * job.copies
    return result.total_page if result is not None else None


def has_other_pages(job: Job, result: TaskResult | None) -> bool:
    """Return whether a task printed other pages than a job has, with or without the copies."""
    if job.pages is None or result is None or result.total_page is None:
        return False
    return result.code == PRINTED_CODE and result.total_page not in (
        job.pages,
        job.pages * job.copies,
    )


def _may_be_on_paper(result: TaskResult | None) -> bool:
    """Return whether a failed job may have left something on paper.

    The cloud counts the bytes that it sent to the printer. Where it does not tell, the
    code decides, and doubt counts as yes.
    """
    if result is not None and result.send_total is not None:
        return result.send_total > 0
    return result is None or result.code not in BEFORE_PAPER


def _final(job: Job, state: JobState, **changes: Any) -> dict[str, Any] | None:
    if not can_move(job.state, state):
        return None
    # What was the reason for doubt is none any more.
    return {"state": state, "reason": None, **changes}
