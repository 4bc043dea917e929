"""From the first half of a job that is printed on both sides by hand to the second one. Pure functions."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
import secrets
from typing import Any, Final

from ..api.options import ResolvedOptions
from ..errors import InputError
from .job import FINAL, IN_CLOUD, Job, JobState
from .people import PersonReason
from .request import TOKEN_BYTES

# The reasons of jobs that end after their first half.
FIRST_SIDES_ONLY: Final = "first_sides_only"
NOT_TURNED: Final = "not_turned_in_time"
# So long after the end of a job of which nobody knows what came out, it may still be coming out.
STILL_PRINTING: Final = timedelta(minutes=30)
# Instead of reasons that say that nothing was printed; None stands for a cancellation.
_REASONS: Final = {None: FIRST_SIDES_ONLY, "expired": NOT_TURNED}


def with_halves(
    job: Job, changes: dict[str, Any], *, now: datetime, hold_time: timedelta
) -> dict[str, Any]:
    """Return the changes of a job as they are for one that is printed in two halves.

    The end of the first half is not the job's: it waits until its paper was turned over, for `hold_time`
    at most. From then on an end without the second half says that paper came out.
    """
    state = changes.get("state")
    if job.by_hand is None or state not in FINAL:
        return changes
    if job.by_hand.half == 1:
        return (
            _after_first(job, changes, now + hold_time) if state is JobState.COMPLETED else changes
        )
    if state is JobState.COMPLETED:
        return changes
    reason = changes.get("reason")
    if state in (JobState.CANCELED, JobState.EXPIRED):
        reason = _REASONS.get(reason, reason)
    return {**changes, "reason": reason, "partly_printed": True}


def _after_first(job: Job, changes: dict[str, Any], until: datetime) -> dict[str, Any]:
    """Return the changes of a job whose first half was surely printed."""
    assert job.by_hand is not None
    task: dict[str, Any] = {
        name: changes[name] for name in ("task_id", "task_known_at") if name in changes
    }
    canceled = job.state is JobState.CANCELING or job.cancel_requested
    if canceled or job.expiring or not job.has_document:
        # The cancellation came too late for the first half, and in time for the second one.
        expired = job.expiring and job.state is not JobState.UNCONFIRMED
        return {
            **task,
            "state": JobState.EXPIRED if expired else JobState.CANCELED,
            "reason": NOT_TURNED if expired else FIRST_SIDES_ONLY,
            "partly_printed": True,
        }
    by_hand = replace(
        job.by_hand,
        half=2,
        first_task_id=changes.get("task_id", job.task_id),
        first_token=job.token,
        first_from_list=changes.get("task_from_list", job.task_from_list),
    )
    return {
        "state": JobState.HELD,
        "waits_for": (PersonReason.TURN_PAPER.value,),
        "hold_reason": PersonReason.TURN_PAPER.value,
        "by_hand": by_hand,
        "size": by_hand.size,
        "token": secrets.token_urlsafe(TOKEN_BYTES),
        "expires_at": until,
        # What is known of the first half's task is not true of the second one's.
        "task_id": None,
        "task_known_at": None,
        "task_from_list": False,
        "handed_over_at": None,
        "was_refused": False,
        "clock_least": None,
        "clock_most": None,
        "expiring": False,
        "sent_bytes": None,
        "reason": None,
        "code": None,
        "detail": "",
        "partly_printed": False,
    }


def is_first_token(job: Job, token: str) -> bool:
    """Return whether a token is that of a job's first half, which is over."""
    return job.by_hand is not None and token == job.by_hand.first_token


def turned_paper(jobs: Iterable[Job]) -> dict[str, Job]:
    """Return the job whose turned paper lies in a printer's tray, by the keys of the printers.

    Until it is over, any other job of the printer would be printed on its sheets. Of several, which only an
    earlier version allowed, it is the first of `jobs`.
    """
    found: dict[str, Job] = {}
    for job in jobs:
        if job.has_turned_paper:
            found.setdefault(job.printer_key, job)
    return found


def check_may_turn(job: Job, jobs: Iterable[Job], now: datetime) -> None:
    """Check that none of `jobs` would be printed on the turned paper of a job, as it is about to be.

    Raises InputError: turn_paper_busy, turn_paper_taken.
    """
    if not job.has_turned_paper:
        return
    for other in jobs:
        if other.printer_key != job.printer_key or other.job_id == job.job_id:
            continue
        if other.has_turned_paper:
            raise InputError(
                "turn_paper_taken", title=job.title, other=other.title, printer=job.printer_name
            )
        if _may_be_printed(other, now):
            raise InputError("turn_paper_busy", title=job.title, printer=job.printer_name)


def _may_be_printed(job: Job, now: datetime) -> bool:
    """Return whether a job may come out now: also one in doubt, or that was over only for those who asked."""
    if job.state in IN_CLOUD or job.state is JobState.UPLOADING:
        return True
    was_sent = job.task_id is not None or job.handed_over_at is not None
    return (
        job.state in (JobState.CANCELED, JobState.EXPIRED, JobState.UNCONFIRMED)
        and was_sent
        and (job.partly_printed or job.state is JobState.UNCONFIRMED)
        and abs(now - job.ended_at) < STILL_PRINTING
    )


def task_ids(job: Job) -> tuple[str, ...]:
    """Return the ids of the cloud's tasks that are known to be a job's."""
    first = None if job.by_hand is None else job.by_hand.first_task_id
    return tuple(task_id for task_id in (first, job.task_id) if task_id)


def tokens(job: Job) -> tuple[str, ...]:
    """Return the secrets of a job's callback addresses."""
    first = None if job.by_hand is None else job.by_hand.first_token
    return (job.token,) if first is None else (first, job.token)


def task_pages(job: Job) -> tuple[int, int] | None:
    """Return the pages of the present task's one copy, and its copies; None if nobody knows."""
    if job.by_hand is not None:
        return job.by_hand.task_pages, 1
    return None if job.pages is None else (job.pages, job.copies)


def task_options(job: Job) -> ResolvedOptions:
    """Return the options for the task of the present half, or of the whole job."""
    options = ResolvedOptions.from_dict(job.options)
    if job.by_hand is None:
        return options
    align = options.align if job.by_hand.half == 1 else job.by_hand.back_align
    return replace(options, page_range=job.by_hand.range, align=align)
