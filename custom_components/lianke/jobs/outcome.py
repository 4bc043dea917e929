"""What the service's answers, reports and silence mean for a job, and how long a doubt lasts. Pure functions."""

from datetime import datetime, timedelta
from typing import Any

from ..api.errors import (
    CODES,
    AuthenticationError,
    BoxNotProvisionedError,
    BoxOfflineError,
    ErrorLimitReachedError,
    LiankeConnectionError,
    LiankeError,
    LiankeRefusedError,
    LiankeResponseError,
    PrinterNotFoundError,
    TooFrequentError,
)
from ..api.tasks import TaskResult, TaskState
from ..box.printer_status import PrinterStatus
from .job import BEFORE_PAPER, Delivery, Job, JobState, is_valid_transition
from .rules import QueueReason

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
# Errors that pass by themselves: the job goes back to `held`.
PASSING: dict[type[LiankeError], str] = {
    BoxOfflineError: PrinterStatus.BOX_OFFLINE,
    BoxNotProvisionedError: PrinterStatus.BOX_OFFLINE,
    PrinterNotFoundError: PrinterStatus.DISCONNECTED,
    TooFrequentError: QueueReason.TOO_FREQUENT,
    ErrorLimitReachedError: QueueReason.ERROR_LIMIT,
    AuthenticationError: QueueReason.KEY_REJECTED,
    # Only if the upload's end was not sent; otherwise the job is in doubt.
    LiankeConnectionError: QueueReason.CLOUD_UNREACHABLE,
    LiankeResponseError: QueueReason.CLOUD_UNREACHABLE,
}


def passing_reason(err: LiankeError) -> str | None:
    """Return the reason for which a job waits after an error that passes by itself, None for another."""
    return next((reason for kind, reason in PASSING.items() if isinstance(err, kind)), None)


def may_have_arrived(err: LiankeError) -> bool:
    """Return whether the cloud may have accepted an upload in spite of this error."""
    if isinstance(err, LiankeRefusedError):
        return not err.surely_refused
    return getattr(err, "may_have_arrived", True)


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


# How long a doubt lasts

# At least so long, and until the list was read when it had to have the task.
DOUBT_TIME = timedelta(minutes=5)
DOUBT_AFTER_START = timedelta(seconds=150)
# If the service answers but gives no list for so long, doubts end without one. If it does not answer
# at all, they last until GIVE_UP.
WITHOUT_LIST = timedelta(hours=1)
GIVE_UP = timedelta(hours=24)
# One that waits in the cloud may do so until it expires, and is then taken back within this time after we saw that:
# Home Assistant may have been off.
TAKEN_BACK = timedelta(hours=1)


def is_doubt_over(
    *,
    age: timedelta,
    up: timedelta,
    is_searched: bool,
    is_undecided: bool,
    without_list: timedelta | None,
) -> bool:
    """Return whether nothing more will be found out about a delivery in doubt.

    `age` is how long ago it was sent, `up` how long we have been looking; it is searched for once the list has been
    read late enough. `without_list` is how long the service has answered without giving one, None where it gave one,
    or did not answer.
    """
    if age < DOUBT_TIME or up < DOUBT_AFTER_START:
        return False
    if age >= GIVE_UP:
        return True
    if is_searched:
        return not is_undecided
    return without_list is not None and without_list >= WITHOUT_LIST


def has_no_outcome(job: Job, now: datetime, *, age: timedelta, expired_for: timedelta) -> bool:
    """Return whether a job whose task is known will not become final by what the service says.

    `age` is how long its task is known, `expired_for` how long ago we saw that it had expired.
    """
    delivery = job.present
    if delivery.is_final or age < GIVE_UP:
        return False
    # It may still wait in the cloud, or the cloud may still say that it was taken back.
    waits = delivery.state is JobState.QUEUED or delivery.expiring
    return not waits or (now >= job.expires_at and expired_for >= TAKEN_BACK)


def is_followed(job: Job, now: datetime, *, is_uploading: bool) -> bool:
    """Return whether the cloud is to be asked about a job's present delivery."""
    delivery = job.present
    if delivery.proven_at is not None:
        return delivery.state is not JobState.COMPLETED
    if delivery.task_id is None:
        # In doubt, and the answer to its upload will not come any more.
        return delivery.is_unsure and not is_uploading
    if delivery.state is JobState.UNCONFIRMED:
        # That a task was revoked is known, and nothing more will be said about the paper.
        return delivery.reason != CANCELED_TOO_LATE and now - job.ended_at < GIVE_UP
    return not delivery.is_final


# How often the cloud is asked

# "every 10 s" is the vendor's own advice (lianke-api, "Ground rules").
SPACING = timedelta(seconds=10)
WATCHDOG = timedelta(seconds=60)
# A job that waits in the cloud for a printer to be switched on is polled less often.
_SLOWER = ((timedelta(hours=1), timedelta(minutes=5)), (timedelta(minutes=10), WATCHDOG))


def poll_pause(job: Job, age: timedelta, *, are_callbacks_proven: bool) -> timedelta:
    """Return how long after a request a job is asked about again; `age` is how long its task is known, or was sent."""
    if job.present.is_unsure and age < DOUBT_TIME * 2:
        return SPACING
    if job.state is JobState.CANCELING and age > _SLOWER[-1][0]:
        # Somebody waits for it.
        return WATCHDOG
    for older, pause in _SLOWER:
        if age > older:
            return pause
    return WATCHDOG if are_callbacks_proven else SPACING
