"""Settling a job whose upload was never answered: by evidence, never by guess.

The only witness besides the job's own callback is the box's list of today's tasks. It
names no senders, so a task on it is taken for ours only if nothing else can be: exactly
one unknown task in the window of the upload, no other job of ours in the same doubt, and
no stranger's task seen on this box for a day. A task that is missing proves nothing.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..api.models import DayTask
from .job import Job

# The cloud's clock, and ours, may be a few minutes off.
CLOCK_SKEW = timedelta(minutes=5)
FOREIGN_MEMORY = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What the day's task list shows."""

    task: DayTask | None
    strangers: bool


def examine(
    tasks: Sequence[DayTask],
    *,
    known_ids: Collection[str],
    unsure: Sequence[Job],
    unexplained: Sequence[Job],
    foreign_seen_at: datetime | None,
    now: datetime,
) -> Finding:
    """Look for the task of the one unsure job among today's tasks.

    `known_ids` are the tasks that are surely ours; `unsure` the jobs still in doubt;
    `unexplained` those that ended unconfirmed without a task, whose tasks may still
    be listed. `strangers` tells whether somebody else's task is on the list.
    """
    unknown = [task for task in tasks if task.task_id not in known_ids]
    doubtful = [*unsure, *unexplained]
    inside = [task for task in unknown if any(_fits(task, job) for job in doubtful)]
    strangers = len(inside) < len(unknown) or len(inside) > len(doubtful)
    if (
        len(unsure) != 1
        or unexplained_overlap(unsure[0], unexplained)
        or strangers
        or (foreign_seen_at is not None and now - foreign_seen_at < FOREIGN_MEMORY)
    ):
        return Finding(task=None, strangers=strangers)
    candidates = [task for task in inside if _fits(task, unsure[0])]
    return Finding(task=candidates[0] if len(candidates) == 1 else None, strangers=False)


def unexplained_overlap(job: Job, others: Sequence[Job]) -> bool:
    """Return whether a task of another doubtful job could lie in this job's window."""
    begin, end = _window(job)
    return any(_window(other)[0] <= end and begin <= _window(other)[1] for other in others)


def _window(job: Job) -> tuple[datetime, datetime]:
    begin = job.upload_started_at or job.created_at
    end = job.handed_over_at or begin
    return begin - CLOCK_SKEW, end + CLOCK_SKEW


def _fits(task: DayTask, job: Job) -> bool:
    begin, end = _window(job)
    return task.created_at is not None and begin <= task.created_at <= end
