"""What a task's state and result mean for its delivery and its job. Pure functions."""

from typing import Any

from ..api.errors import CODES
from ..api.tasks import TaskResult, TaskState
from .job import Delivery, Job, JobState, is_valid_transition

PRINTED_CODE = 200
# The reason of an expired job that may have been printing when it was canceled.
CANCELED_TOO_LATE = "expired_too_late"
# Result codes that rule paper out: the file was never converted, or was refused. A box or printer that
# is gone may have gone while it was printing.
BEFORE_PAPER = frozenset({400, 502, 11203})

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
    if task_state in _MOVES:
        state = _MOVES[task_state]
        return {"state": state} if is_valid_transition(delivery.state, state) else None
    if task_state is TaskState.REVOKED:
        return _revoked(delivery, result)
    if task_state is TaskState.SUCCESS and result is not None and result.code is not None:
        if result.code == PRINTED_CODE:
            return _final(delivery, JobState.COMPLETED, **page_changes(job, result))
        return failure(delivery, result)
    if task_state is TaskState.FAILURE:
        return failure(delivery, result)
    return None


def says_what_was_sent(result: TaskResult | None) -> bool:
    """Return whether a result says how many bytes the cloud sent to the printer."""
    return result is not None and result.send_total is not None


def _revoked(delivery: Delivery, result: TaskResult | None) -> dict[str, Any] | None:
    """Return the changes of a delivery whose task was canceled.

    REVOKED alone says nothing about paper, not even of a task that had not begun when it was to be
    canceled: the cancellation may have come late, or not at all.
    """
    may_be_on_paper = result is None or result.send_total != 0
    if not delivery.expiring:
        return _final(delivery, JobState.CANCELED, partly_printed=may_be_on_paper)
    if not may_be_on_paper:
        return _final(delivery, JobState.EXPIRED)
    # Not `expired`, which says that it was not printed.
    changes = _final(delivery, JobState.UNCONFIRMED, partly_printed=True)
    return changes and changes | {"reason": CANCELED_TOO_LATE}


def failure(
    delivery: Delivery, result: TaskResult | None, reason: str | None = None
) -> dict[str, Any] | None:
    """Return the changes that end a delivery as failed; `reason` overrides the code's."""
    code = result.code if result else None
    return _final(
        delivery,
        JobState.FAILED,
        reason=reason or _REASONS.get(code or 0, "print_failed"),
        code=code,
        detail=result.message if result else "",
        partly_printed=_may_be_on_paper(result),
    )


def page_changes(job: Job, result: TaskResult | None) -> dict[str, Any]:
    """Return what is known of the pages of a printed job: by our own count, else by the cloud's.

    It is not known whether the cloud's includes the copies.
    """
    if job.pages is not None:
        return {"pages_printed": job.pages * job.copies}
    total = result.total_page if result is not None else None
    if total and job.copies == 1:
        return {"pages_printed": total, "pages": total}
    return {"pages_printed": total}


def has_other_pages(delivery: Delivery, result: TaskResult | None) -> bool:
    """Return whether a task printed another number of pages than a delivery has."""
    pages = delivery.pages
    if pages is None or result is None or result.total_page is None:
        return False
    printed = (pages, pages * delivery.options.copies)
    return result.code == PRINTED_CODE and result.total_page not in printed


def _may_be_on_paper(result: TaskResult | None) -> bool:
    """Return whether a failed job may be partly printed.

    By the bytes that the cloud sent to the printer; where these are unknown, by the code.
    """
    if result is not None and result.send_total is not None:
        return result.send_total != 0
    return result is None or result.code not in BEFORE_PAPER


def _final(delivery: Delivery, state: JobState, **changes: Any) -> dict[str, Any] | None:
    if not is_valid_transition(delivery.state, state):
        return None
    # The reason for an earlier doubt is obsolete.
    return {"state": state, "reason": None, **changes}
