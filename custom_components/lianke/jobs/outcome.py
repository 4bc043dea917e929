"""What the service's answers, callbacks and silence mean for a job; how long a job stays in doubt. Pure functions."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ..api.errors import (
    ERROR_BY_CODE,
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
from ..api.tasks import DayTask, Task, TaskResult, TaskState
from ..box.printer_status import PrinterStatus
from .job import BEFORE_PAPER, Delivery, Job, JobState, failed, held, is_valid_transition
from .rules import QueueReason

PRINTED_CODE = 200
NO_TASK = {"task_id": None, "task_known_at": None, "task_from_list": False}
# The reason of an expired job that may already have been printing when the cloud canceled its task.
CANCELED_TOO_LATE = "expired_too_late"
_MOVES = {
    TaskState.READY: JobState.QUEUED,
    TaskState.PARSING: JobState.PROCESSING,
    TaskState.SENDING: JobState.SENDING,
    TaskState.SET_REVOKE: JobState.CANCELING,
}
# Result codes of tasks that have the same meaning as error codes of the API.
_CODES = (400, 404, 497, 500, 502, 503, 5001, 5002, 5011, 5051, 11203, 11404)
_REASONS = {code: ERROR_BY_CODE[code].reason for code in _CODES}
# Errors after which another attempt may succeed, each with the reason for which the job is held until then.
PASSING: dict[type[LiankeError], str] = {
    BoxOfflineError: PrinterStatus.BOX_OFFLINE,
    BoxNotProvisionedError: PrinterStatus.BOX_OFFLINE,
    PrinterNotFoundError: PrinterStatus.DISCONNECTED,
    TooFrequentError: QueueReason.TOO_FREQUENT,
    ErrorLimitReachedError: QueueReason.ERROR_LIMIT,
    AuthenticationError: QueueReason.KEY_REJECTED,
    # These two apply only if the last bytes of the upload were not sent; otherwise the job is in doubt.
    LiankeConnectionError: QueueReason.CLOUD_UNREACHABLE,
    LiankeResponseError: QueueReason.CLOUD_UNREACHABLE,
}


def passing_reason(err: LiankeError) -> str | None:
    return next((reason for kind, reason in PASSING.items() if isinstance(err, kind)), None)


def may_have_arrived(err: LiankeError) -> bool:
    """Whether the cloud may have accepted an upload despite this error."""
    if isinstance(err, LiankeRefusedError):
        return not err.surely_refused
    return getattr(err, "may_have_arrived", True)


def changes_from_upload_error(
    job: Job, delivery: Delivery, err: LiankeError, now: datetime, *, is_deciding: bool
) -> dict[str, Any]:
    """Return the changes of a job whose upload failed: the job is in doubt, waits, is sent again, or ends.

    `is_deciding`: a decision about the job, such as a cancellation, is being written to disk.
    """
    was_handed_over = delivery.handed_over_at is not None
    answer = {"code": err.code, "detail": err.detail}
    if was_handed_over and may_have_arrived(err):
        # Show the service's message now; it remains if nothing more becomes known.
        says_why = isinstance(err, LiankeRefusedError | LiankeResponseError) and err.detail
        return {"given_up_at": now, **({"reason": err.reason, **answer} if says_why else {})}
    refused = {"handed_over_at": None, "was_refused": delivery.was_refused or was_handed_over}
    if job.cancel_requested:
        # While the cancellation is being written, leave the decision to the review that follows: the review cancels the
        # job, or sends it again if the disk refused the cancellation.
        return refused if is_deciding else {**refused, "state": JobState.CANCELED}
    reason = passing_reason(err)
    if reason is None and delivery.document.ticket is not None:
        # The service may no longer have the file that it kept from the preview, so send our document instead.
        return {**refused, "document": replace(delivery.document, ticket=None)}
    if reason is None or not job.spec.hold:
        return {**refused, **answer, **failed(err.reason)}
    return {**refused, **answer, **held(reason)}


def changes_from_state(
    job: Job, delivery: Delivery, task_state: TaskState, result: TaskResult | None
) -> dict[str, Any] | None:
    """Return the changes of a job and its delivery that their task's state and result cause; None if there are none.

    A job is printed if its task's state is SUCCESS *and* the result code is 200. SUCCESS alone is a state of the
    cloud's queue and proves nothing until a result comes (lianke-api, "Job states").
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
        # Clear the reason of an earlier doubt. Prefer our own page count: it is unknown whether the cloud's count
        # includes all copies.
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
    # REVOKED alone does not tell whether anything was printed, even if the task had not begun when we asked to cancel
    # it: our request may have arrived late or not at all.
    may_be_on_paper = result is None or result.send_total != 0
    if not delivery.expiring:
        return {"state": JobState.CANCELED, "reason": None, "partly_printed": may_be_on_paper}
    if not may_be_on_paper:
        return {"state": JobState.EXPIRED, "reason": None}
    # The state `expired` would claim that nothing was printed.
    return {"state": JobState.UNCONFIRMED, "reason": CANCELED_TOO_LATE, "partly_printed": True}


def failure(result: TaskResult | None) -> dict[str, Any]:
    if result is None:
        return {"reason": "print_failed", "code": None, "detail": "", "partly_printed": True}
    # Number of bytes that the cloud sent to the printer; if it is unknown, the code decides.
    sent = result.send_total
    return {
        "reason": _REASONS.get(result.code or 0, "print_failed"),
        "code": result.code,
        "detail": result.message,
        "partly_printed": result.code not in BEFORE_PAPER if sent is None else sent != 0,
    }


def changes_from_task(job: Job, delivery: Delivery, task: Task) -> dict[str, Any] | None:
    """Return the changes that follow from reading the delivery's task by its id; None if there are none."""
    if job.state is JobState.COMPLETED or delivery.proven_at is not None:
        # The job is known to be printed, and only its page count was missing.
        doubtful = replace(delivery, state=JobState.UNCONFIRMED)
        found = changes_from_state(job, doubtful, task.state, task.result) or {}
        if job.state is not JobState.COMPLETED:
            is_printed = found.get("state") is JobState.COMPLETED
            return found if is_printed else changes_from_proof(job, delivery)
        pages = {name: value for name, value in found.items() if name.startswith("pages")}
        return pages if pages.get("pages_printed") and job.pages_printed is None else None
    if delivery.task_from_list and has_other_pages(delivery, task.result):
        # The task was matched through the list, but is not ours: it belongs to another sender.
        return {"state": JobState.UNCONFIRMED, "reason": "no_answer", **NO_TASK}
    return changes_from_state(job, delivery, task.state, task.result)


def changes_from_proof(job: Job, delivery: Delivery) -> dict[str, Any] | None:
    """Return the changes that complete a job that was proven to be printed, although its page count is unknown."""
    return changes_from_state(job, delivery, TaskState.SUCCESS, TaskResult(code=PRINTED_CODE))


def changes_from_list(job: Job, delivery: Delivery, task: DayTask) -> dict[str, Any] | None:
    result = TaskResult(code=task.code, message=task.message) if task.code is not None else None
    return changes_from_state(job, delivery, task.state, result)


def changes_from_callback(
    job: Job,
    delivery: Delivery,
    task_id: str,
    state: TaskState,
    result: TaskResult | None,
    now: datetime,
) -> dict[str, Any] | None:
    """Return the changes that follow from a callback with this delivery's token; None if the callback proves nothing.

    The token is stronger proof than the list of tasks, and than an answer that refused the upload.
    """
    was_sent = delivery.was_sent
    if not was_sent and not delivery.was_refused:
        return None
    if delivery is not job.current_delivery:
        # An end that only the list showed can still be corrected, unless the next delivery has begun.
        if not delivery.task_from_list or job.state is not JobState.HELD:
            return {}
        doubtful = replace(delivery, state=JobState.UNCONFIRMED)
        if (found := changes_from_state(job, doubtful, state, result)) is None:
            return {}
        found.pop("pages_printed", None)
        return {**found, "task_id": task_id, "task_from_list": False}
    changes: dict[str, Any] = {}
    if moved := delivery.task_id != task_id:
        if delivery.task_id is not None and not delivery.task_from_list:
            # The delivery's task is already known for certain, and it is not the task of this callback.
            return None
        changes = {"task_id": task_id, "task_known_at": now}
    before = delivery
    if delivery.task_from_list or not was_sent:
        changes["task_from_list"] = False
        if delivery.is_final:
            # The end rests only on the list or on a refusal, so it can be corrected.
            before = replace(delivery, state=JobState.UNCONFIRMED)
            if moved:
                changes |= {"state": JobState.UNCONFIRMED, "reason": "no_outcome"}
        elif not was_sent:
            changes["state"] = JobState.QUEUED
    if state is TaskState.REVOKED and (result is None or result.send_total is None):
        # Do not end the job yet: the task itself, which we poll next, may show whether bytes were sent.
        state = TaskState.SET_REVOKE
    ended = changes_from_state(job, before, state, result) or {}
    is_printed = ended.get("state") is JobState.COMPLETED
    if is_printed and delivery.is_final and delivery.state is not JobState.UNCONFIRMED:
        # A wrong end was already reported, so correct it at once, with the page count if the job has one.
        ended["pages_printed"] = ended["pages_printed"] or job.pages_printed
    elif is_printed and ended["pages_printed"] is None and delivery is job.deliveries[-1]:
        # Record only the proof now, so that the end can be reported together with the page count if the count becomes
        # known soon.
        ended = {} if delivery.proven_at else {"proven_at": now}
        if is_valid_transition(before.state, JobState.SENDING):
            ended["state"] = JobState.SENDING
    elif delivery.proven_at is not None and not is_printed:
        return {}
    return changes | ended


def changes_without_task(delivery: Delivery) -> dict[str, Any]:
    """Return the changes that put a delivery back in doubt, because the task from the list is another delivery's."""
    if delivery.is_final:
        return {**NO_TASK, "state": JobState.UNCONFIRMED, "reason": "no_answer"}
    return {**NO_TASK, "state": JobState.UPLOADING}


def has_other_pages(delivery: Delivery, result: TaskResult | None) -> bool:
    pages = delivery.pages
    if pages is None or result is None or result.total_page is None:
        return False
    printed = (pages, pages * delivery.options.copies)
    return result.code == PRINTED_CODE and result.total_page not in printed


# How long a delivery stays in doubt

# A delivery stays in doubt for at least DOUBT_TIME after it was sent and DOUBT_AFTER_START after our start, and until
# we have read a list that must contain the delivery's task if it has a task.
DOUBT_TIME = timedelta(minutes=5)
DOUBT_AFTER_START = timedelta(seconds=150)
# If the service keeps answering for this long but never returns a list, the doubt ends without a list. If the service
# does not answer at all, the doubt lasts for GIVE_UP_TIME.
WITHOUT_LIST_TIME = timedelta(hours=1)
GIVE_UP_TIME = timedelta(hours=24)
# How long the cloud may take to report that it canceled the task of an expired job. The time begins when we notice that
# the job has expired, since Home Assistant may have been off until then.
CANCEL_REPORT_TIME = timedelta(hours=1)


def is_doubt_over(
    *,
    age: timedelta,
    up: timedelta,
    is_searched: bool,
    is_undecided: bool,
    without_list: timedelta | None,
) -> bool:
    """Whether nothing more will become known about a delivery in doubt.

    `age`: time since the delivery was sent. `up`: time since our start. `is_searched`: we have read a list so late that
    it must contain the delivery's task if there is one. `is_undecided`: see `Matches.undecided`. `without_list`: how
    long the service has answered without returning a list; None if it has returned a list, or does not answer at all.
    """
    if age < DOUBT_TIME or up < DOUBT_AFTER_START:
        return False
    if age >= GIVE_UP_TIME:
        return True
    if is_searched:
        return not is_undecided
    return without_list is not None and without_list >= WITHOUT_LIST_TIME


def has_no_outcome(job: Job, now: datetime, *, age: timedelta, expired_for: timedelta) -> bool:
    """Whether the service will never report the end of a job whose task has been known for `age`.

    `expired_for` is the time since we saw that the job had expired.
    """
    delivery = job.current_delivery
    if delivery.is_final or age < GIVE_UP_TIME:
        return False
    # The task may still wait in the cloud, or the cloud may still report that the task was canceled.
    waits = delivery.state is JobState.QUEUED or delivery.expiring
    return not waits or (now >= job.expires_at and expired_for >= CANCEL_REPORT_TIME)


def is_followed(job: Job, now: datetime, *, is_uploading: bool) -> bool:
    delivery = job.current_delivery
    if delivery.proven_at is not None:
        return delivery.state is not JobState.COMPLETED
    if delivery.task_id is None:
        # A delivery in doubt is followed once no answer to its upload can come any more.
        return delivery.is_in_doubt and not is_uploading
    if delivery.state is JobState.UNCONFIRMED:
        # After CANCELED_TOO_LATE the cloud reports nothing more: it has already reported the task as canceled.
        return delivery.reason != CANCELED_TOO_LATE and now - job.ended_at < GIVE_UP_TIME
    return not delivery.is_final


# How often the cloud is polled

# Minimum time between two requests: polling "every 10 s" is the vendor's own advice (lianke-api, "Ground rules").
POLL_SPACING = timedelta(seconds=10)
SLOW_POLL = timedelta(seconds=60)
# Pairs of a job's age and the pause between polls of older jobs. Older jobs are polled less often, since they may wait
# in the cloud until a printer is switched on.
_SLOWER = ((timedelta(hours=1), timedelta(minutes=5)), (timedelta(minutes=10), SLOW_POLL))


def poll_pause(job: Job, age: timedelta, *, are_callbacks_proven: bool) -> timedelta:
    """Return the pause before polling a job again.

    `age`: the time since the job's task became known, or since the job was sent if its task is unknown.
    """
    if job.current_delivery.is_in_doubt and age < DOUBT_TIME * 2:
        return POLL_SPACING
    if job.state is JobState.CANCELING and age > _SLOWER[-1][0]:
        # Somebody is waiting for the cancellation.
        return SLOW_POLL
    for older, pause in _SLOWER:
        if age > older:
            return pause
    return SLOW_POLL if are_callbacks_proven else POLL_SPACING
