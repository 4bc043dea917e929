"""What a task's state and result mean for its delivery and its job."""

from typing import Any

from ..api.errors import CODES
from ..api.tasks import TaskResult, TaskState
from .job import BEFORE_PAPER, Delivery, Job, JobState, is_valid_transition

PRINTED_CODE = 200
# The reason of an expired job that may have been printing when it was canceled.
CANCELED_TOO_LATE = "expired_too_late"
_MOVES = {
    TaskState.READY: JobState.QUEUED,
    TaskState.PARSING: JobState.PROCESSING,
    TaskState.SENDING: JobState.SENDING,
    TaskState.SET_REVOKE: JobState.CANCELING,
}
# Result codes that mean the same as errors of the API.
_CODES = (400, 404, 497, 500, 502, 503, 5001, 5002, 5011, 5051, 11203, 11404)
_REASONS = {code: CODES[code].reason for code in _CODES}


def changes_for(
    job: Job, delivery: Delivery, task_state: TaskState, result: TaskResult | None
) -> dict[str, Any] | None:
    """Return the changes of a job and its delivery by a report about the delivery's task, None for none.

    Printed means SUCCESS *and* result code 200: SUCCESS alone is the state of the cloud's
    queue (lianke-api, "Job states"), and without a result says nothing yet.
    """
    changes: dict[str, Any]
    if task_state in _MOVES:
        changes = {"state": _MOVES[task_state]}
    elif task_state is TaskState.REVOKED:
        changes = _revocation(delivery, result)
    elif task_state is TaskState.FAILURE:
        changes = {"state": JobState.FAILED, **failure(result)}
    elif task_state is not TaskState.SUCCESS or result is None or result.code is None:
        return None
    elif result.code == PRINTED_CODE:
        # The reason for an earlier doubt is obsolete. The pages are those of our own count, else of the cloud's, of
        # which it is not known whether it includes the copies.
        total, own = result.total_page, job.pages
        changes = {
            "state": JobState.COMPLETED,
            "reason": None,
            "pages_printed": total if own is None else own * job.copies,
        }
        if own is None and total and job.copies == 1:
            changes["pages"] = total
    else:
        changes = {"state": JobState.FAILED, **failure(result)}
    return changes if is_valid_transition(delivery.state, changes["state"]) else None


def _revocation(delivery: Delivery, result: TaskResult | None) -> dict[str, Any]:
    """Return the changes of a delivery whose task was canceled.

    REVOKED alone says nothing about paper, not even of a task that had not begun when it was to be
    canceled: the cancellation may have come late, or not at all.
    """
    may_be_on_paper = result is None or result.send_total != 0
    if not delivery.expiring:
        return {"state": JobState.CANCELED, "reason": None, "partly_printed": may_be_on_paper}
    if not may_be_on_paper:
        return {"state": JobState.EXPIRED, "reason": None}
    # Not `expired`, which says that it was not printed.
    return {"state": JobState.UNCONFIRMED, "reason": CANCELED_TOO_LATE, "partly_printed": True}


def failure(result: TaskResult | None) -> dict[str, Any]:
    """Return the changes of a delivery that failed, with a result or without one.

    Whether it may be on paper is known by the bytes that the cloud sent to the printer; where these are unknown,
    by the code.
    """
    if result is None:
        return {"reason": "print_failed", "code": None, "detail": "", "partly_printed": True}
    sent = result.send_total
    return {
        "reason": _REASONS.get(result.code or 0, "print_failed"),
        "code": result.code,
        "detail": result.message,
        "partly_printed": result.code not in BEFORE_PAPER if sent is None else sent != 0,
    }


def has_other_pages(delivery: Delivery, result: TaskResult | None) -> bool:
    """Return whether a task printed another number of pages than a delivery has."""
    pages = delivery.pages
    if pages is None or result is None or result.total_page is None:
        return False
    printed = (pages, pages * delivery.options.copies)
    return result.code == PRINTED_CODE and result.total_page not in printed
