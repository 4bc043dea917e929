"""Settling jobs whose uploads were never answered: by evidence, never by guess.

Proof has an order: a callback with a job's own secret (see claims.py), then the task itself by
its id, then the box's list of the last 24 hours. The list names no senders, so a task on it is
taken for ours only if nothing else can be: no stranger's task on the list nor seen on this box
for a day, and, of all our jobs in doubt, only one whose upload it may have come from. It is
judged when the upload's time and the list's lag are over: until then a second task may still
show up, and show that others print. And it is judged only where it is known how the cloud's
clock differs from ours. A task that is missing proves nothing.

A preview whose answer was lost, by a crash or on the line, has an upload in doubt as well. A task
that may be the preview's is no stranger's, and no job is settled by it.

Several doubts and as many tasks that fit each other only as a whole are settled as a whole, if
all the tasks ended alike: then it makes no difference which is whose.

One error is left: the very first stranger of a day, who prints once in the window of an upload
that never arrived, and as many pages. The window is the time of the upload's answer, half a
minute for a small document, and the few seconds by which the clocks' difference is uncertain.
Where a preview was lost, too, and never arrived, it is one who prints in the windows of both.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from ..api.tasks import DayTask, TaskState
from ..api.transport import answer_seconds
from .job import Job

# The cloud's clock, and ours, may be a few minutes off where no answer has shown by how much.
CLOCK_SKEW = timedelta(minutes=5)
# The clock that stamps answers, and the one that stamps tasks, may not be the same.
CLOCK_SLACK = timedelta(seconds=2)
# Where the difference is less certain than this, no task on the list is taken for ours.
MAX_UNCERTAINTY = timedelta(minutes=1)
# The list's times are whole seconds.
ROUNDING = timedelta(seconds=1)
# A cloud that hangs may make a task long after its upload was given up.
LATE = timedelta(minutes=5)
# So long after a task was made it may still be missing from the list.
LIST_LAG = timedelta(minutes=2)
FOREIGN_MEMORY = timedelta(hours=24)
type _Fits = Callable[[DayTask, str], bool]
_ENDED = frozenset({TaskState.SUCCESS, TaskState.FAILURE, TaskState.REVOKED})


class Upload(Protocol):
    """What decides when the cloud may have made a task of an upload."""

    @property
    def created_at(self) -> datetime:
        """When it was asked for."""

    @property
    def handed_over_at(self) -> datetime | None:
        """When its end was handed over."""

    @property
    def size(self) -> int:
        """Its bytes."""

    @property
    def clock_least(self) -> int | None:
        """How many milliseconds the cloud's clock was ahead of ours at least."""

    @property
    def clock_most(self) -> int | None:
        """How many milliseconds the cloud's clock was ahead of ours at most."""


class ClockOffset(NamedTuple):
    """Between what the cloud's clock is ahead of ours, at least and at most."""

    least: timedelta = -CLOCK_SKEW
    most: timedelta = CLOCK_SKEW

    @property
    def is_known(self) -> bool:
        """Return whether the difference is known well enough to tell tasks apart."""
        return self.most - self.least <= MAX_UNCERTAINTY


class Finding(NamedTuple):
    """What the list of tasks shows.

    `tasks` are those of jobs by the jobs' ids, `strangers` tells whether others print. `alike`
    are the tasks of jobs that match only as a whole, `undecided` the jobs whose tasks are still
    to end, `ambiguous` those of which some were printed, without a hint which.
    """

    tasks: Mapping[str, DayTask] = {}
    strangers: bool = False
    alike: Mapping[str, DayTask] = {}
    undecided: frozenset[str] = frozenset()
    ambiguous: frozenset[str] = frozenset()


def examine(
    tasks: Sequence[DayTask],
    *,
    age: Callable[[Job], timedelta],
    own: Sequence[Job],
    known_ids: Collection[str],
    doubtful: Sequence[Job],
    lost: Sequence[Upload] = (),
    foreign_seen_at: datetime | None,
) -> Finding:
    """Look for the tasks of doubtful jobs among the box's tasks, as the list has them.

    `age` tells how long before the list was asked for a job's upload was handed over.
    `own` are the jobs whose tasks are known, `known_ids` all tasks that are surely ours.
    `doubtful` must be every job that may have become a task without our knowing which, `lost`
    every preview.
    `foreign_seen_at` is when a stranger's task was last seen on this box.
    """
    unknown = {task.task_id: task for task in tasks if task.task_id not in known_ids}
    previews = {f"preview {number}": upload for number, upload in enumerate(lost)}
    uploads: dict[str, Upload] = {job.job_id: job for job in doubtful} | previews
    if len(unknown) > len(uploads):
        return Finding(strangers=True)
    measured = _measured(tasks, own)
    offsets = {key: clock_offset(upload, measured) for key, upload in uploads.items()}

    def fits(task: DayTask, key: str, late: timedelta = timedelta(0)) -> bool:
        return _fits(task, uploads[key], offsets[key], late=late)

    left = {
        task_id: {key for key in uploads if fits(task, key, LATE)}
        for task_id, task in unknown.items()
    }
    maybe_previews = {task_id for task_id, keys in left.items() if keys & previews.keys()}
    found = _assign(left)
    if (
        found is None
        # One so late that it may be ours as well as a stranger's counts as a stranger's.
        or not all(any(fits(task, key) for key in uploads) for task in unknown.values())
        or not all(fits(unknown[task_id], key) for key, task_id in found.items())
    ):
        return Finding(strangers=True)
    ready = {
        job.job_id
        for job in doubtful
        if age(job) >= search_after(job)
        and offsets[job.job_id].is_known
        and not _was_among_strangers(job, foreign_seen_at)
    }
    hidden = {key for key, task_id in found.items() if task_id in maybe_previews}
    finding = Finding(
        tasks={key: unknown[task_id] for key, task_id in found.items() if key in ready - hidden},
        ambiguous=frozenset(hidden - previews.keys()),
    )
    rest = frozenset[str]().union(*left.values())
    if not rest:
        return finding
    pairs = _pair({key: uploads[key] for key in rest}, [unknown[task_id] for task_id in left], fits)
    if pairs is None or not rest <= ready:
        return finding._replace(ambiguous=finding.ambiguous | (rest - previews.keys()))
    if not all(task.state in _ENDED for task in pairs.values()):
        return finding._replace(undecided=rest)
    if len({(task.state, task.code) for task in pairs.values()}) > 1:
        return finding._replace(ambiguous=finding.ambiguous | rest)
    return finding._replace(alike=pairs)


def search_after(job: Job) -> timedelta:
    """Return how long after its upload the list has a doubtful job's task, if there is one."""
    return _taking_in(job) + LIST_LAG


def _was_among_strangers(job: Job, foreign_seen_at: datetime | None) -> bool:
    """Return whether others have printed on the box within a day before a job, or since."""
    return foreign_seen_at is not None and handed_over(job) - foreign_seen_at < FOREIGN_MEMORY


def _assign(possible: dict[str, set[str]]) -> dict[str, str] | None:
    """Return which job became which task, as far as there is but one way; None if there is none.

    `possible` are the jobs that may have become each task; what is left of it is undecided. A
    task that only one job can have become is that job's, and then no other task is. Several that
    each of several jobs may have become tell nothing. One that is left without a job is a
    stranger's.
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


def _pair(
    uploads: Mapping[str, Upload], tasks: Sequence[DayTask], fits: _Fits
) -> dict[str, DayTask] | None:
    """Return one way to give each upload a task of its own, None if there is none or one too few.

    Both in the order of time: what does not fit so is left in doubt.
    """
    if len(uploads) != len(tasks):
        return None
    by_time = sorted(uploads, key=lambda key: handed_over(uploads[key]))
    first = handed_over(uploads[by_time[0]])
    made = sorted(tasks, key=lambda task: (task.created_at or first, task.task_id))
    if not all(fits(task, key) for task, key in zip(made, by_time, strict=True)):
        return None
    return dict(zip(by_time, made, strict=True))


def clock_offset(job: Upload, measured: ClockOffset | None) -> ClockOffset:
    """Return how the cloud's clock differed from ours when a job was handed over.

    By the answer before its upload, and by the tasks whose jobs we know (`measured`). Where the
    two contradict each other, either may be right.
    """
    if job.clock_least is None or job.clock_most is None:
        known = ClockOffset()
        if measured is None or measured.most < known.least or measured.least > known.most:
            return known
    else:
        known = ClockOffset(
            least=timedelta(milliseconds=job.clock_least) - CLOCK_SLACK,
            most=timedelta(milliseconds=job.clock_most) + CLOCK_SLACK,
        )
    if measured is None:
        return known
    least, most = max(known.least, measured.least), min(known.most, measured.most)
    if least > most:
        least, most = min(known.least, measured.least), max(known.most, measured.most)
    return ClockOffset(least=least, most=most)


def _measured(tasks: Sequence[DayTask], own: Sequence[Job]) -> ClockOffset | None:
    """Return how the cloud's clock differs from ours, by tasks whose jobs we know; None without.

    The cloud made a task between the end of its upload and the moment we knew of it.
    """
    made = {task.task_id: task.created_at for task in tasks}
    least: timedelta | None = None
    most: timedelta | None = None
    for job in own:
        created_at = made.get(job.task_id or "")
        if (
            created_at is None
            or job.task_from_list
            or job.handed_over_at is None
            or job.task_known_at is None
        ):
            continue
        at_least = created_at - job.task_known_at
        at_most = created_at + ROUNDING - job.handed_over_at
        least = at_least if least is None else max(least, at_least)
        most = at_most if most is None else min(most, at_most)
    if least is None or most is None or least > most:
        # None of them, or one of the clocks was put right in the meantime.
        return None
    return ClockOffset(least=least, most=most)


def _window(job: Upload, offset: ClockOffset) -> tuple[datetime, datetime]:
    """Return when the cloud may have made a doubtful job's task, by the cloud's clock."""
    return (
        handed_over(job) + offset.least - ROUNDING,
        handed_over(job) + _taking_in(job) + offset.most + ROUNDING,
    )


def handed_over(job: Upload) -> datetime:
    """Return when the end of a job's upload was handed over, by our clock."""
    return job.handed_over_at or job.created_at


def _taking_in(job: Upload) -> timedelta:
    return timedelta(seconds=answer_seconds(job.size))


def _fits(task: DayTask, job: Upload, offset: ClockOffset, *, late: timedelta) -> bool:
    begin, end = _window(job, offset)
    return task.created_at is not None and begin <= task.created_at <= end + late
