"""Settling jobs whose uploads were never answered: by evidence, never by guess.

The only witness besides a job's own callback is the box's list of today's tasks. It names
no senders, so a task on it is taken for ours only if nothing else can be: no stranger's
task on the list nor seen on this box for a day, and, of all our jobs in doubt, only one
whose upload it may have come from. It is judged when the upload's time is over: until then
a second task may still come, and show that others print. A task that is missing proves
nothing.

One error is left: the very first stranger of a day, who prints once in the window of an
upload that never arrived. The window is as narrow as the clocks' difference is known.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from ..api.models import DayTask
from ..api.transport import answer_seconds
from .job import Job

# The cloud's clock, and ours, may be a few minutes off; less where our own tasks show it.
CLOCK_SKEW = timedelta(minutes=5)
# The list's times are whole seconds.
ROUNDING = timedelta(seconds=1)
# A cloud that hangs may make a task long after its upload was given up.
LATE = timedelta(minutes=5)
FOREIGN_MEMORY = timedelta(hours=24)


class ClockOffset(NamedTuple):
    """Between what the cloud's clock is ahead of ours, at least and at most."""

    least: timedelta = -CLOCK_SKEW
    most: timedelta = CLOCK_SKEW


class Finding(NamedTuple):
    """What the day's task list shows: the tasks of jobs by their ids, and whether others print."""

    tasks: Mapping[str, DayTask]
    strangers: bool


def examine(
    tasks: Sequence[DayTask],
    *,
    now: datetime,
    own: Sequence[Job],
    known_ids: Collection[str],
    doubtful: Sequence[Job],
    foreign_seen_at: datetime | None,
) -> Finding:
    """Look for the tasks of doubtful jobs among today's tasks, as they were listed at `now`.

    `own` are the jobs whose tasks are known, `known_ids` all tasks that are surely ours.
    `doubtful` must be every job that may have become a task without our knowing which.
    `foreign_seen_at` is when a stranger's task was last seen on this box.
    """
    offset = clock_offset(tasks, own)
    unknown = {task.task_id: task for task in tasks if task.task_id not in known_ids}
    found = _assign(
        {
            task_id: {job.job_id for job in doubtful if _fits(task, job, offset, late=LATE)}
            for task_id, task in unknown.items()
        }
    )
    jobs = {job.job_id: job for job in doubtful}
    if (
        found is None
        # One so late that it may be ours as well as a stranger's counts as a stranger's.
        or not all(any(_fits(task, job, offset) for job in doubtful) for task in unknown.values())
        or not all(
            _fits(unknown[task_id], jobs[job_id], offset) for job_id, task_id in found.items()
        )
    ):
        return Finding(tasks={}, strangers=True)
    return Finding(
        tasks={
            job_id: unknown[task_id]
            for job_id, task_id in found.items()
            if _is_over(jobs[job_id], now)
            and not _was_among_strangers(jobs[job_id], foreign_seen_at)
        },
        strangers=False,
    )


def _is_over(job: Job, now: datetime) -> bool:
    """Return whether the cloud has had the time that taking a job in may need."""
    return now >= _handed_over(job) + _taking_in(job)


def _was_among_strangers(job: Job, foreign_seen_at: datetime | None) -> bool:
    """Return whether others have printed on the box within a day before a job, or since."""
    return foreign_seen_at is not None and _handed_over(job) - foreign_seen_at < FOREIGN_MEMORY


def _assign(possible: dict[str, set[str]]) -> dict[str, str] | None:
    """Return which job became which task, as far as there is but one way; None if there is none.

    `possible` are the jobs that may have become each task; it is used up. A task that only
    one job can have become is that job's, and then no other task is. Several that each of
    several jobs may have become tell nothing. One that is left without a job is a stranger's.
    """
    found: dict[str, str] = {}
    while possible:
        task_id, job_ids = min(possible.items(), key=lambda item: len(item[1]))
        if not job_ids or len(possible) > len(set().union(*possible.values())):
            return None
        if len(job_ids) > 1:
            break
        (job_id,) = job_ids
        found[job_id] = task_id
        del possible[task_id]
        for others in possible.values():
            others.discard(job_id)
    return found


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


def _window(job: Job, offset: ClockOffset) -> tuple[datetime, datetime]:
    """Return when the cloud may have made a doubtful job's task, by the cloud's clock."""
    return (
        _handed_over(job) + offset.least - ROUNDING,
        _handed_over(job) + _taking_in(job) + offset.most + ROUNDING,
    )


def _handed_over(job: Job) -> datetime:
    return job.handed_over_at or job.created_at


def _taking_in(job: Job) -> timedelta:
    return timedelta(seconds=answer_seconds(job.size))


def _fits(task: DayTask, job: Job, offset: ClockOffset, *, late: timedelta = timedelta(0)) -> bool:
    begin, end = _window(job, offset)
    return task.created_at is not None and begin <= task.created_at <= end + late
