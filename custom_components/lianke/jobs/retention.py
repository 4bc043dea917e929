"""How long finished jobs and their documents are kept."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from operator import attrgetter

from .job import (
    HANDED_ON,
    RETRYABLE,
    Job,
    JobState,
)
from .limits import RATE_PERIOD, REQUEST_ID_LIFE

MAX_RECORDS = 200
# Bounds beyond which even needed records are deleted: those of jobs canceled unsent, and all. Only jobs
# that may have an unknown task, or count for the print limits, are kept beyond them.
MAX_WITHDRAWN = 100
MAX_FINISHED = 1000
MAX_AGE = timedelta(days=30)
# The cloud's list of tasks reaches no further back.
LISTED = timedelta(hours=48)
# Documents of a box that are kept after an end that was wanted: beyond it, the oldest are deleted.
MAX_KEPT_BYTES = 1024 * 1024 * 1024

_ended_at = attrgetter("ended_at")


def documents_to_keep(
    jobs: Iterable[Job], now: datetime, *, failed: timedelta, wanted: timedelta
) -> frozenset[str]:
    """Return the ids of the finished jobs whose documents are kept.

    `failed` is how long those are kept that may be retried, `wanted` those of the jobs that were
    printed or canceled.
    """
    kept = set()
    left = MAX_KEPT_BYTES
    for job in sorted(jobs, key=_ended_at, reverse=True):
        if job.state in RETRYABLE:
            if now - job.ended_at < failed:
                kept.add(job.job_id)
        elif job.may_keep_document and now - job.ended_at < wanted:
            left -= job.present.document.size
            if left >= 0:
                kept.add(job.job_id)
    return frozenset(kept)


def to_forget(jobs: Collection[Job], now: datetime) -> dict[str, None]:
    """Return the ids of the finished jobs beyond the limits, those first that ended first."""
    # One that had waited for days has ended just now, and people have yet to see how.
    finished = sorted((job for job in jobs if job.is_final), key=_ended_at)
    free = [job for job in finished if not _is_needed(job, now)]
    surplus = max(0, len(jobs) - MAX_RECORDS)
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
        # Those that count for the limit on jobs are not more than it allows.
        and (job.reason in HANDED_ON or now - job.created_at >= RATE_PERIOD)
    ]
    gone |= dict.fromkeys(job.job_id for job in withdrawn[:-MAX_WITHDRAWN])
    surplus = len(finished) - len(gone) - MAX_FINISHED
    old = [
        job.job_id
        for job in finished
        if job.job_id not in gone
        and not _may_become_a_task(job, now)
        and now - job.created_at >= RATE_PERIOD
    ]
    return gone | dict.fromkeys(old[: max(0, surplus)])


def _may_become_a_task(job: Job, now: datetime) -> bool:
    """Return whether one of the tasks on the list may be the job's."""
    sent_at = job.present.handed_over_at or job.created_at
    return job.present.may_have_unknown_task and now - sent_at < LISTED


def _is_needed(job: Job, now: datetime) -> bool:
    """Return whether a finished job still counts for new ones, or can be retried."""
    age = now - job.created_at
    if _may_become_a_task(job, now):
        return True
    repeatable = job.spec.request_id is not None or job.has_document
    # It may have waited for days before it ended.
    return age < RATE_PERIOD or (
        now - job.ended_at < REQUEST_ID_LIFE and (repeatable or job.state is JobState.UNCONFIRMED)
    )
