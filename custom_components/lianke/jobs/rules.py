"""The rules for jobs, each beside the numbers that it uses. Pure functions: workers call them and act on the results.

Rules that need only one job are in `job`. What the service's answers prove, and how long a job stays in doubt, is
decided in `outcome`; which of the service's tasks belongs to which job is decided in `task_matching`.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from operator import attrgetter
from typing import Any, Final, NamedTuple

from homeassistant.util import dt as dt_util

from ..api.client import MAX_COUNTED_BYTES
from ..api.options import ResolvedOptions, count_selected
from ..box.printer_status import HOLDING, PrinterStatus
from ..const import CONF_QUIET_FROM, CONF_QUIET_TO, MAX_DOCUMENT_MB
from ..documents.document import Document, FileType
from ..fair_queue import Owner
from ..input_error import InputError
from .job import (
    CONVERTED,
    HANDED_ON,
    IN_CLOUD,
    MOVED,
    REJECTED,
    RETRYABLE,
    Delivery,
    Job,
    JobSpec,
    JobState,
    PersonReason,
    already_retried,
    held,
    job_error,
)

# How many pages and jobs are accepted

RATE_PERIOD = timedelta(hours=1)
# Number of jobs per hour that may be withdrawn without counting towards the limit, if the cloud made no task for them.
FREE_WITHDRAWALS = 10
# The limit of all devices of the home network together is this many times the limit of one device.
LAN_SHARES = 2
_WITHDRAWN = frozenset({JobState.CANCELED, JobState.EXPIRED})


class LimitError(InputError):
    """A job exceeds a print limit, which `key` names."""

    def __init__(self, key: str, *, limit: int, printer: str, text: str | None = None) -> None:
        self.key = key
        # `text` is the translation key if it differs from `key`.
        super().__init__(text or key, limit=str(limit), printer=printer)


def check_pages(first: Delivery, *, limit: int, printer: str) -> None:
    """Check that a job cannot print more pages, over all copies, than the limit; `first` is the job's first delivery.

    The page count is the document's own if that is known, otherwise the highest that the document can have, otherwise
    the highest that the page range allows. Raw printer data has no pages and is not checked. Raises LimitError,
    InputError.
    """
    document = first.document
    if document.extension == FileType.RAW:
        return
    check_range(document, first.options.page_range)
    if first.most_pages is None:
        if first.has_unknown_length and first.job_copies == 1:
            # A person will be asked before the job is sent.
            return
        raise LimitError("too_many_pages", limit=limit, printer=printer, text="pages_unknown")
    if first.most_pages * first.job_copies > limit:
        text = "too_many_pages" if document.pages is not None else "maybe_too_many_pages"
        raise LimitError("too_many_pages", limit=limit, printer=printer, text=text)


def depends_on_count(first: Delivery, limit: int) -> bool:
    """Whether only a page count by the service can show that the job is within the limit."""
    document, copies, most = first.document, first.options.copies, first.most_pages
    is_within = most is not None and most * copies <= limit
    countable = document.extension != FileType.RAW and document.size <= MAX_COUNTED_BYTES
    return countable and not is_within and copies <= limit


def max_document_bytes(options: Mapping[str, Any]) -> int:
    return MAX_DOCUMENT_MB.of(options) * 1024 * 1024


def check_range(document: Document, page_range: str) -> None:
    """Check that a page range selects at least one page of a document.

    The range is checked against the document's page count or, if that is unknown, its highest possible page count.
    Raises InputError.
    """
    if count_selected(page_range, document.pages) == 0:
        raise InputError("pages_not_in_document", count=str(document.pages))
    if document.pages is None and count_selected(page_range, document.pages_at_most) == 0:
        raise InputError("pages_beyond_document", count=str(document.pages_at_most))


def waits_uncounted(job: Job) -> bool:
    """Whether the job waits to be released and its number of pages is unknown."""
    asked = job.asks_for == PersonReason.RELEASE
    return asked and job.pages is None and job.current_delivery.has_unknown_length


def check_rates(
    jobs: Collection[Job],
    now: datetime,
    *,
    owner: Owner,
    limit: int,
    printer: str,
    refused: int = 0,
) -> None:
    """Check the hourly limit of the owner and, if the owner is a device, that of all devices. Raises LimitError."""
    own = [job for job in jobs if job.spec.owner == owner]
    check_rate(own, now, limit=limit, printer=printer, refused=refused)
    if group := owner[:-1]:
        # A device with several addresses may count as several owners, since not every system can tell that the
        # addresses belong to one device.
        sent = [job for job in jobs if job.spec.owner[:-1] == group]
        check_rate(sent, now, limit=LAN_SHARES * limit, printer=printer)


def check_rate(
    jobs: Iterable[Job], now: datetime, *, limit: int, printer: str, refused: int = 0
) -> None:
    """Check a printer's jobs against the hourly limit. Raises LimitError.

    `refused`: number of documents that were refused within the hour, which count as well. A withdrawn job counts if it
    had a task. Of the withdrawn jobs without a task, replaced jobs never count, and the others count only beyond
    FREE_WITHDRAWALS.
    """
    # Jobs that wait count at any age: an automation that prints in a loop all night while the printer is off must not
    # empty the tray in the morning.
    counted = [job for job in jobs if not job.is_final or now - job.created_at < RATE_PERIOD]
    withdrawn = [job for job in counted if job.state in _WITHDRAWN and not job.has_task]
    replaced = sum(job.reason in HANDED_ON for job in withdrawn)
    taken = refused + len(counted) - len(withdrawn)
    if taken + max(0, len(withdrawn) - replaced - FREE_WITHDRAWALS) >= limit:
        raise LimitError("too_many_jobs", limit=limit, printer=printer)


# Which requests are the same, and which jobs a newer job replaces

REQUEST_ID_LIFE = timedelta(hours=24)
# The states of a job that was not printed completely; `partly_printed` says whether some of it may have been printed.
_NOT_PRINTED = frozenset({JobState.FAILED, JobState.CANCELED, JobState.EXPIRED})


def find_duplicate(
    jobs: Iterable[Job], spec: JobSpec, first: Delivery, now: datetime
) -> Job | None:
    """Return the newest job that has the same request id and was, or may still be, printed; None if there is none.

    Raises InputError if that job's printer, document or options differ.
    """
    known = {job.job_id: job for job in jobs if job.spec.request_id == spec.request_id}
    for job in sorted(known.values(), key=lambda job: job.created_at, reverse=True):
        last = job
        while (moved := known.get(last.moved_to or "")) is not None:
            last = moved
        # Skip a job that was made by a move: the original job stands for both.
        if (
            job.spec.moved_from in known
            or frees_request_id(last)
            or now - job.created_at > REQUEST_ID_LIFE
        ):
            continue
        if (
            job.spec.printer_key != spec.printer_key
            or not job.deliveries[0].options.prints_as(first.options)
            or job.deliveries[0].document.digest != first.document.digest
        ):
            raise InputError("request_id_conflict", request_id=spec.request_id or "")
        return job
    return None


def frees_request_id(job: Job) -> bool:
    """Whether it is certain that nothing of a job was or will be printed. Even a canceled task may still be printed."""
    if job.state not in _NOT_PRINTED or job.partly_printed or job.reason == MOVED:
        return False
    if not job.has_task:
        return True
    return job.state is JobState.FAILED


def replaceable(jobs: Iterable[Job], printer_key: str, *keys: str | None) -> list[Job]:
    return [
        job
        for job in jobs
        if job.spec.printer_key == printer_key
        and job.spec.replace_key is not None
        and job.spec.replace_key in keys
        and job.state is JobState.HELD
        and not job.has_stack
    ]


def replaced_by(jobs: Iterable[Job], spec: JobSpec, moved: Job | None) -> list[Job]:
    """List the held jobs that a new job replaces; `moved` is the job that the new job replaces in a move.

    Raises InputError if a newer job with the same replace key already waits at the new job's printer.
    """
    others = (job for job in jobs if moved is None or job.job_id != moved.job_id)
    waiting = replaceable(others, spec.printer_key, spec.replace_key)
    if moved is not None and any(job.created_at > moved.created_at for job in waiting):
        raise InputError("newer_job_waits", title=moved.spec.title)
    return waiting


def is_replaced(job: Job, others: Iterable[Job]) -> bool:
    """Whether one of `others`, submitted in the meantime, replaces a job that must wait again after its upload."""
    key = None if job.has_stack else job.spec.replace_key
    return key is not None and any(
        (other.spec.replace_key, other.spec.printer_key) == (key, job.spec.printer_key)
        and other.state in (JobState.HELD, JobState.UPLOADING)
        and other.created_at >= job.created_at
        and other.job_id != job.job_id
        for other in others
    )


# When a job may be sent


class QueueReason(StrEnum):
    """Why a job waits, apart from the printer's state."""

    QUIET_HOURS = "quiet_hours"
    CLOUD_UNREACHABLE = "cloud_unreachable"
    KEY_REJECTED = "key_rejected"
    TOO_FREQUENT = "too_frequent"
    ERROR_LIMIT = "error_limit"
    GETTING_READY = "getting_ready"
    DISK_FULL = "disk_full"
    # See `Job.copied`.
    COPIED = "copied"
    # The tray holds a stack that was put back for another job.
    PAPER_TURNED = "paper_turned"


# Reasons that apply to every printer of the box.
REASONS_OF_THE_BOX = frozenset({PrinterStatus.BOX_OFFLINE, QueueReason.DISK_FULL})
# Reasons for which a job is refused instead of held.
REFUSED_AT_ONCE = frozenset({PrinterStatus.AWAITING_DRIVER, PrinterStatus.UNSUPPORTED})
HOLD_REASONS: tuple[str, ...] = (
    "none",
    *(reason.value for reason in HOLDING),
    *(reason.value for reason in QueueReason),
    *(reason.value for reason in PersonReason),
)
# How long a printer that was just switched on must be ready before a job is sent to it.
STEADY_TIME = timedelta(seconds=60)
# The pause after a first refusal, and the longest pause: each further refusal in a row doubles the pause.
REFUSAL_PAUSE_START = timedelta(seconds=60)
REFUSAL_PAUSE_LIMIT = timedelta(minutes=30)
ERROR_LIMIT_PAUSE = timedelta(minutes=30)


class Verdict(NamedTuple):
    # Why the job must wait; None if it may be sent.
    reason: str | None
    # When to check again; None if that is unknown.
    until: datetime | None = None


def verdict(
    now: datetime,
    *,
    state: str | None,
    backoffs: Iterable[tuple[str, timedelta]] = (),
    quiet_end: datetime | None = None,
    ready_for: timedelta = STEADY_TIME,
) -> Verdict:
    """Decide whether a job may be sent to a printer; reasons on which the user can act come first.

    `state`: why the service or the printer takes no job; None if both take jobs. `backoffs`: the reason and the
    remaining time of each pause after refusals, the box's pause first. `quiet_end`: when the quiet hours end; None if
    they do not apply. `ready_for`: how long the printer has been ready.
    """
    if state is not None:
        return Verdict(state)
    for reason, left in backoffs:
        if left > timedelta(0):
            return Verdict(reason, now + left)
    if quiet_end is not None:
        return Verdict(QueueReason.QUIET_HOURS, quiet_end)
    if ready_for < STEADY_TIME:
        return Verdict(QueueReason.GETTING_READY, now + STEADY_TIME - ready_for)
    return Verdict(None)


def pause_after_refusal(reason: str, last: timedelta | None) -> timedelta:
    """Return the pause after a refusal; `last` is the previous pause, None for the first refusal since a success."""
    if reason == QueueReason.ERROR_LIMIT:
        return ERROR_LIMIT_PAUSE
    return min(last * 2, REFUSAL_PAUSE_LIMIT) if last else REFUSAL_PAUSE_START


def quiet_until(options: Mapping[str, Any], now: datetime) -> datetime | None:
    """Return when the quiet hours end; None outside quiet hours.

    The options set the quiet hours in local time. If one of the two times is missing, or both are equal, there are no
    quiet hours.
    """
    begin = dt_util.parse_time(options.get(CONF_QUIET_FROM) or "")
    end = dt_util.parse_time(options.get(CONF_QUIET_TO) or "")
    if begin is None or end is None or begin == end:
        return None

    def is_quiet(moment: datetime) -> bool:
        clock = dt_util.as_local(moment).time()
        return begin <= clock < end if begin < end else not end <= clock < begin

    if not is_quiet(now):
        return None
    today = dt_util.as_local(now)
    days = (today.date() + timedelta(days=number) for number in range(3))
    # At the end of daylight saving time, the same time of day may come twice.
    ends = [
        dt_util.as_utc(datetime.combine(day, end.replace(fold=fold), today.tzinfo))
        for day in days
        for fold in (0, 1)
    ]
    # When daylight saving time begins or ends, the clock itself may jump out of the quiet hours.
    ends += _clock_change(now, max(ends))
    return min(moment for moment in ends if moment > now and not is_quiet(moment))


def _clock_change(first: datetime, last: datetime) -> list[datetime]:
    """Return when the clocks change between two moments, to the second; an empty list if they do not change."""

    def offset(moment: datetime) -> timedelta | None:
        return dt_util.as_local(moment).utcoffset()

    before = offset(first)
    if offset(last) == before:
        return []
    early, late = int(first.timestamp()), int(last.timestamp())
    while late - early > 1:
        middle = (early + late) // 2
        if offset(dt_util.utc_from_timestamp(middle)) == before:
            early = middle
        else:
            late = middle
    return [dt_util.utc_from_timestamp(late)]


# Changes of a job that time alone causes, and changes after a crash

# The pause after a request to cancel a task failed for a reason that may pass.
CANCEL_RETRY = timedelta(minutes=2)
# A printer is polled often while a job of ours in the cloud has changed within this time. A job that stays unchanged
# for longer usually waits for a person to act, which needs no frequent polling.
WATCHED_TIME = timedelta(minutes=30)


def changes_to_end_here(job: Job, now: datetime, *, has_printer: bool) -> dict[str, Any] | None:
    """Return the changes that end a job that is held or waits for its upload; None if the job goes on."""
    if job.cancel_requested:
        return {"state": JobState.CANCELED}
    if now >= job.expires_at:
        return {"state": JobState.EXPIRED, "reason": "expired"}
    return None if has_printer else {"state": JobState.FAILED, "reason": "printer_gone"}


def reason_to_ask(job: Job) -> str | None:
    """Return why a job waits for a person, whatever the printer's state is; None if it waits for nobody."""
    if job.copied:
        return QueueReason.COPIED
    return job.waits_for[0] if job.waits_for else None


def cancel_due(job: Job, now: datetime) -> datetime | None:
    """Return when to ask the cloud to cancel a job's task; None if the cloud need not be asked."""
    if job.current_delivery.task_id is None or not job.can_cancel:
        return None
    if job.cancel_requested:
        return now
    # An expired job is not stopped while it is being printed.
    return job.expires_at if job.state is JobState.QUEUED else None


def is_watched(job: Job, now: datetime) -> bool:
    return job.state in IN_CLOUD and now - job.changed_at < WATCHED_TIME


def changes_after_start(jobs: Collection[Job]) -> dict[str, dict[str, Any]]:
    """Return the changes that open jobs need after a start, by job id, since a crash may have interrupted the jobs.

    `jobs` must be sorted, the oldest job first. Jobs whose uploads were interrupted wait again. If several jobs replace
    each other, only the newest stays.
    """
    found: dict[str, dict[str, Any]] = {}
    newest: set[tuple[str, str]] = set()
    for job in reversed([*jobs]):
        if job.state is JobState.UPLOADING and not job.current_delivery.is_in_doubt:
            # The job was not sent. If it may not wait, end it, since its printer may no longer be ready.
            if not (job.spec.hold or job.copied or job.is_at_second_delivery):
                found[job.job_id] = {
                    "state": JobState.EXPIRED,
                    "reason": "expired",
                    "sent_bytes": None,
                }
                continue
            found[job.job_id] = {"state": JobState.HELD, "sent_bytes": None}
        elif job.state is not JobState.HELD:
            continue
        key = (job.spec.printer_key, job.spec.replace_key or job.job_id)
        if job.has_stack:
            # A newer job must not replace this job, since the newer job would be printed on the sheets of this one.
            continue
        if key in newest:
            found[job.job_id] = {
                "state": JobState.CANCELED,
                "reason": "replaced",
                "sent_bytes": None,
            }
        newest.add(key)
    return found


# Which job's stack is in a tray: no other job may be printed on that stack

# How long the printer may still be printing a job that has already ended with an unknown outcome.
STILL_PRINTING: Final = timedelta(minutes=30)


def stacks_in_trays(jobs: Iterable[Job]) -> dict[str, Job]:
    """Return, by printer key, the job whose stack is in the printer's tray."""
    # If a tray has several stacks, which only an earlier version allowed, the first stack counts.
    return {job.spec.printer_key: job for job in reversed([*jobs]) if job.has_stack}


def checked_against_others(job: Job, jobs: Collection[Job], now: datetime) -> Job:
    """Return a new job after checking it against all others; it is held if another job's stack is in the tray.

    Raises InputError.
    """
    spec = job.spec
    for other in jobs:
        if spec.retry_of and other.spec.retry_of == spec.retry_of and not other.was_never_sent:
            raise already_retried(other)
    if job.has_stack:
        check_tray_free(job, jobs, now)
    if job.state is JobState.HELD or spec.printer_key not in stacks_in_trays(jobs):
        return job
    if not spec.hold:
        raise InputError(f"not_ready_{QueueReason.PAPER_TURNED}", printer=job.printer_name)
    return job.changed(now=now, **held(QueueReason.PAPER_TURNED))


def check_tray_free(job: Job, jobs: Iterable[Job], now: datetime) -> None:
    """Check that none of `jobs` can be printed on the stack that is about to be put into the tray for `job`.

    Raises InputError: tray_busy, tray_taken.
    """
    for other in jobs:
        if other.spec.printer_key != job.spec.printer_key or other.job_id == job.job_id:
            continue
        if other.has_stack:
            raise InputError(
                "tray_taken", title=job.spec.title, other=other.spec.title, printer=job.printer_name
            )
        if _may_be_printed(other, now):
            raise InputError("tray_busy", title=job.spec.title, printer=job.printer_name)


def _may_be_printed(job: Job, now: datetime) -> bool:
    """Whether a job may still come out of the printer, perhaps after it ended as canceled, expired or unconfirmed."""
    if job.state in IN_CLOUD or job.state is JobState.UPLOADING:
        return True
    return (
        job.state in (JobState.CANCELED, JobState.EXPIRED, JobState.UNCONFIRMED)
        and job.current_delivery.was_sent
        and (job.partly_printed or job.state is JobState.UNCONFIRMED)
        and abs(now - job.ended_at) < STILL_PRINTING
    )


# How people's decisions change a job. A decision that the disk refuses is dropped, and later decisions are made again
# without it. So a rule checks the job's state each time it is applied: the answer to one question must not count for
# another question.


def changes_on_answer(
    job: Job, reason: str | None, jobs: Iterable[Job], now: datetime
) -> dict[str, Any]:
    """Return the changes after a person said yes to the first reason for which a job waits. Raises InputError."""
    _check_asked(job, reason)
    first, *left = job.waits_for
    changes: dict[str, Any]
    if first == PersonReason.TURN_PAPER:
        changes = {"after": None, "hold_reason": None}
    else:
        spec = replace(
            job.spec,
            waits_for=tuple(one for one in left if one != PersonReason.TURN_PAPER),
            approved=job.spec.approved or first == PersonReason.APPROVAL,
        )
        changes = {"spec": spec, "hold_reason": left[0] if left else None}
    if (turned := job.changed(now=now, **changes)).has_stack:
        check_tray_free(turned, jobs, now)
    return changes


def changes_on_rejection(job: Job, reason: str | None, detail: str) -> dict[str, Any]:
    _check_asked(job, reason)
    return {"state": JobState.CANCELED, "reason": REJECTED, "detail": detail}


def _check_asked(job: Job, reason: str | None) -> None:
    if reason is None or job.asks_for != reason:
        raise job_error("job_not_waiting", job)


def changes_on_cancellation(job: Job) -> dict[str, Any]:
    if job.state is not JobState.HELD:
        raise job_error("job_not_cancelable", job)
    return {"state": JobState.CANCELED}


def changes_on_resume(job: Job) -> dict[str, Any]:
    """Return the changes by which a job from a damaged ledger goes on. Raises InputError for any other job."""
    if not job.copied or job.state is not JobState.HELD:
        raise job_error("job_not_retryable", job)
    return {"copied": False, "hold_reason": None}


def changes_on_confirmation(job: Job) -> dict[str, Any]:
    """Return the changes after somebody has seen an unconfirmed job printed. Raises InputError for any other job."""
    if job.state is not JobState.UNCONFIRMED:
        raise job_error("job_not_unconfirmed", job)
    return {
        "state": JobState.COMPLETED,
        "reason": None,
        # From now on the proof is what that person saw, not the list of tasks.
        "task_from_list": False,
        "pages_printed": None if job.pages is None else job.pages * job.copies,
    }


# Which jobs may be moved to another printer, and which may be printed again


def check_movable(job: Job) -> Job:
    if not job.can_move:
        raise job_error("job_not_movable", job)
    return job


# Options on which the number of pages depends that the service makes of a document.
_COUNTED_OPTIONS: Final = ("paper_id", "paper_width", "paper_length", "orientation", "excel_fit")


def delivery_with_options(old: Delivery, options: ResolvedOptions) -> Delivery:
    document = old.document
    if options.paper_id != old.options.paper_id and document.extension in CONVERTED:
        # The page count of a converted document depends on the paper.
        document = replace(document, pages=None)
    if document.counted_for is not None and any(
        getattr(options, name) != getattr(old.options, name) for name in _COUNTED_OPTIONS
    ):
        # The service counted the pages when it drew them with the old options.
        document = replace(document, pages=None, counted_for=None)
    return Delivery(document=document, options=options)


def asks_for_more(job: Job, new: Delivery) -> bool:
    """Whether a job may print more pages, over all copies, with the delivery `new` than it would now."""
    old = job.current_delivery
    before, after = old.most_pages, new.most_pages
    if before is not None and after is not None:
        return after * new.job_copies > before * old.job_copies
    return (before is not None and after is None) or new.job_copies > old.job_copies


def check_retry(job: Job, again: Job | None) -> None:
    """Check that a job can be retried; `again` is the job of its earlier retry, None if that job is unknown.

    Raises InputError.
    """
    if job.retried_as is not None:
        # A retry that was never sent does not count.
        if again is None or not again.was_never_sent or again.can_retry:
            raise already_retried(again or replace(job, job_id=job.retried_as))
    elif not job.can_retry or job.state is JobState.HELD:
        raise job_error("job_not_retryable", job)


# How long finished jobs and their documents are kept

# Maximum number of records per box; beyond it, the oldest finished jobs that are not needed any more are deleted.
MAX_RECORDS = 200
# Maximum number of records of jobs that were canceled before they were sent (MAX_WITHDRAWN), and of all finished jobs
# (MAX_FINISHED_RECORDS). Beyond it, the oldest are deleted even if they are needed, except those of jobs that may have
# an unknown task or that count for the print limits.
MAX_WITHDRAWN = 100
MAX_FINISHED_RECORDS = 1000
# Maximum age of a record; older records are deleted unless they are needed.
MAX_AGE = timedelta(days=30)
# How far back the cloud's list of tasks goes at most.
LIST_REACH = timedelta(hours=48)
# Maximum bytes of documents that a box keeps for jobs that ended as wanted; if there are more, the oldest documents are
# deleted.
MAX_KEPT_DOCUMENT_BYTES = 1024 * 1024 * 1024
# Seconds that the removal of a box waits for the cloud to cancel the jobs that wait in the cloud.
REMOVAL_SECONDS = 30

_ended_at = attrgetter("ended_at")


def documents_to_keep(
    jobs: Iterable[Job], now: datetime, *, failed: timedelta, wanted: timedelta
) -> frozenset[str]:
    """Return the ids of the finished jobs whose documents are kept.

    `failed`: how long to keep the documents of jobs that may be retried. `wanted`: how long to keep the documents of
    jobs that were printed or canceled.
    """
    kept = set()
    left = MAX_KEPT_DOCUMENT_BYTES
    for job in sorted(jobs, key=_ended_at, reverse=True):
        if job.state in RETRYABLE:
            if now - job.ended_at < failed:
                kept.add(job.job_id)
        elif job.may_keep_document and now - job.ended_at < wanted:
            left -= job.current_delivery.document.size
            if left >= 0:
                kept.add(job.job_id)
    return frozenset(kept)


def to_forget(jobs: Collection[Job], now: datetime) -> dict[str, None]:
    """Return the ids of the finished jobs whose records are beyond the limits."""
    # Sort by end: a job that waited for days may have just ended, and people have yet to see how.
    finished = sorted((job for job in jobs if job.is_final), key=_ended_at)
    free = [job for job in finished if not _is_needed(job, now)]
    surplus = len(jobs) - MAX_RECORDS
    gone = dict.fromkeys(
        job.job_id
        for index, job in enumerate(free)
        if index < surplus or now - job.created_at > MAX_AGE
    )
    withdrawn = [
        job
        for job in finished
        if job.state is JobState.CANCELED
        and job.was_never_sent
        # Keep jobs within the rate period: they count for the hourly limit, which also bounds their number.
        and (job.reason in HANDED_ON or now - job.created_at >= RATE_PERIOD)
    ]
    gone |= dict.fromkeys(job.job_id for job in withdrawn[:-MAX_WITHDRAWN])
    surplus = len(finished) - len(gone) - MAX_FINISHED_RECORDS
    old = [
        job.job_id
        for job in finished
        if job.job_id not in gone
        and not _may_become_a_task(job, now)
        and now - job.created_at >= RATE_PERIOD
    ]
    return gone | dict.fromkeys(old[: max(0, surplus)])


def _may_become_a_task(job: Job, now: datetime) -> bool:
    sent_at = job.current_delivery.handed_over_at or job.created_at
    return job.current_delivery.may_have_unknown_task and now - sent_at < LIST_REACH


def _is_needed(job: Job, now: datetime) -> bool:
    age = now - job.created_at
    if _may_become_a_task(job, now):
        return True
    repeatable = job.spec.request_id is not None or job.has_document
    # The job may have waited for days before it ended, so age alone does not decide.
    return age < RATE_PERIOD or (
        now - job.ended_at < REQUEST_ID_LIFE and (repeatable or job.state is JobState.UNCONFIRMED)
    )
