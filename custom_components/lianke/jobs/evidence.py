"""Settling a job whose upload was never answered: by evidence, never by guess.

The only witness besides the job's own callback is the box's list of today's tasks. It
names no senders, so a task on it is taken for ours only if nothing else can be: exactly
one unknown task in the window of the upload, no other job of ours in the same doubt, and
no stranger's task seen on this box for a day. A task that is missing proves nothing.

One error is left: the very first stranger of a day, who prints in the window of an upload
that never arrived. The window is as narrow as the clocks' difference is known.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..api.models import DayTask
from ..api.transport import answer_seconds
from .job import Job

# The cloud's clock, and ours, may be a few minutes off; less where our own tasks show it.
CLOCK_SKEW = timedelta(minutes=5)
# The list's times are whole seconds.
ROUNDING = timedelta(seconds=1)
FOREIGN_MEMORY = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClockOffset:
    """Between what the cloud's clock is ahead of ours, at least and at most."""

    least: timedelta = -CLOCK_SKEW
    most: timedelta = CLOCK_SKEW


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What the day's task list shows."""

    task: DayTask | None
    strangers: bool


def examine(
    tasks: Sequence[DayTask],
    *,
    own: Sequence[Job],
    known_ids: Collection[str],
    unsure: Sequence[Job],
    unexplained: Sequence[Job],
    foreign_seen_at: datetime | None,
    now: datetime,
) -> Finding:
    """Look for the task of the one unsure job among today's tasks.

    `own` are the jobs whose tasks are known, `known_ids` all tasks that are surely ours;
    `unsure` the jobs still in doubt; `unexplained` those that ended unconfirmed without a
    task, whose tasks may still be listed. `strangers` tells whether somebody else's task
    is on the list.
    """
    offset = clock_offset(tasks, own)
    unknown = [task for task in tasks if task.task_id not in known_ids]
    doubtful = [*unsure, *unexplained]
    inside = [task for task in unknown if any(_fits(task, job, offset) for job in doubtful)]
    strangers = len(inside) < len(unknown) or len(inside) > len(doubtful)
    if (
        len(unsure) != 1
        or unexplained_overlap(unsure[0], unexplained)
        or strangers
        or (foreign_seen_at is not None and now - foreign_seen_at < FOREIGN_MEMORY)
    ):
        return Finding(task=None, strangers=strangers)
    candidates = [task for task in inside if _fits(task, unsure[0], offset)]
    return Finding(task=candidates[0] if len(candidates) == 1 else None, strangers=False)


def clock_offset(tasks: Sequence[DayTask], own: Sequence[Job]) -> ClockOffset:
    """Return how the cloud's clock differs from ours, by tasks whose jobs we know.

    The cloud made a task between the end of its upload and the moment we knew of it.
    """
    made = {task.task_id: task.created_at for task in tasks}
    least, most = -CLOCK_SKEW, CLOCK_SKEW
    for job in own:
        created_at = made.get(job.task_id or "")
        if created_at is None or job.handed_over_at is None or job.task_known_at is None:
            continue
        least = max(least, created_at - job.task_known_at)
        most = min(most, created_at + ROUNDING - job.handed_over_at)
    if least > most:
        # One of the clocks was put right in the meantime.
        return ClockOffset()
    return ClockOffset(least=least, most=most)


def unexplained_overlap(job: Job, others: Sequence[Job]) -> bool:
    """Return whether a task of another doubtful job could lie in this job's window."""
    begin, end = _window(job, ClockOffset())
    windows = [_window(other, ClockOffset()) for other in others]
    return any(first <= end and begin <= last for first, last in windows)


def _window(job: Job, offset: ClockOffset) -> tuple[datetime, datetime]:
    """Return when the cloud may have made a doubtful job's task, by the cloud's clock."""
    handed_over = job.handed_over_at or job.created_at
    taking_in = timedelta(seconds=answer_seconds(job.size))
    return (
        handed_over + offset.least - ROUNDING,
        handed_over + taking_in + offset.most + ROUNDING,
    )


def _fits(task: DayTask, job: Job, offset: ClockOffset) -> bool:
    begin, end = _window(job, offset)
    return task.created_at is not None and begin <= task.created_at <= end
