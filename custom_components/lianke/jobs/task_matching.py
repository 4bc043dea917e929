"""Matches jobs in doubt with tasks on the cloud's list of the last 24 hours. Pure functions.

The best proof is a callback with a job's token, the next best is the task itself, read by its id, and the weakest is
this list, which does not name senders. So a task on the list is assigned to a job only if nothing else is possible: no
foreign task is on the list, none was seen on this box for a day, and the task can come from the upload of only one job
in doubt. A job is matched only after the time that its upload may take plus the list's lag, since a second task may
appear until then, and only if the difference between the cloud's clock and ours is known. A task that is missing from
the list proves nothing.

A preview whose answer was lost is an upload in doubt as well. A task that may be the preview's is not foreign, but
settles no job. If several jobs in doubt fit the same number of tasks, they are matched only as a group. The group is
settled if all its tasks ended alike: then it does not matter which task belongs to which job.

One error remains possible: the very first foreign task of a day may print as many pages as a job, and fall into the
window of that job's upload, which never arrived. The window lasts until the upload ended: at most the time that its
answer may take (half a minute for a small document), plus the few seconds by which the difference between the clocks is
uncertain. If the upload of a preview was lost before, and never arrived either, the first foreign task may be taken for
the preview's, and the second for the job's. A task that falls into the windows of both settles neither.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from ..api.tasks import DayTask, TaskState
from ..api.transport import answer_seconds
from .job import Delivery

# How far our clock and the cloud's may differ if no answer has shown the difference.
CLOCK_SKEW = timedelta(minutes=5)
# Tolerance of a measured difference, since answers and tasks may get their times from different clocks.
CLOCK_SLACK = timedelta(seconds=2)
# Maximum uncertainty of the difference between the clocks; beyond it, no task of the list is matched.
MAX_UNCERTAINTY = timedelta(minutes=1)
# The list gives times in whole seconds.
ROUNDING = timedelta(seconds=1)
# Time after we gave up an upload during which a cloud that hangs may still make the upload's task.
LATE = timedelta(minutes=5)
# How long a new task may be missing from the list.
LIST_LAG = timedelta(minutes=2)
FOREIGN_MEMORY = timedelta(hours=24)
type _Fits = Callable[[DayTask, str], bool]
_ENDED = frozenset({TaskState.SUCCESS, TaskState.FAILURE, TaskState.REVOKED})


class ClockOffset(NamedTuple):
    """Lower and upper bound of how far the cloud's clock is ahead of ours."""

    least: timedelta = -CLOCK_SKEW
    most: timedelta = CLOCK_SKEW

    @property
    def is_known(self) -> bool:
        return self.most - self.least <= MAX_UNCERTAINTY


class Matches(NamedTuple):
    """What the list of tasks shows; deliveries are identified by their tokens."""

    # By delivery, the only task that it can have.
    tasks: Mapping[str, DayTask] = {}
    # Somebody else prints on this box as well.
    foreign: bool = False
    # One possible task for each delivery of a group whose tasks all ended alike.
    alike: Mapping[str, DayTask] = {}
    # Deliveries of a group whose tasks have not all ended.
    undecided: frozenset[str] = frozenset()
    # Deliveries whose task remains unknown, because the tasks of their group ended differently, or because the task may
    # belong to a preview.
    ambiguous: frozenset[str] = frozenset()


def match_tasks(
    tasks: Sequence[DayTask],
    *,
    ages: Mapping[str, timedelta],
    own: Sequence[Delivery],
    known_ids: Collection[str],
    doubtful: Sequence[Delivery],
    lost_previews: Sequence[Delivery] = (),
    foreign_seen_at: datetime | None,
) -> Matches:
    """Match the box's deliveries in doubt with the tasks of the list.

    `ages`: for each delivery in doubt, the time from its sending to the request for the list. `own`: deliveries with
    known tasks. `known_ids`: ids of all tasks known to be ours. `doubtful` must contain all deliveries of jobs that may
    have an unknown task, and `lost_previews` the uploads of all previews whose answers were lost. `foreign_seen_at`:
    when a foreign task was last seen on this box.
    """
    unknown = {task.task_id: task for task in tasks if task.task_id not in known_ids}
    uploads = {upload.token: upload for upload in (*doubtful, *lost_previews)}
    previews = {upload.token for upload in lost_previews}
    if len(unknown) > len(uploads):
        return Matches(foreign=True)
    measured = _measured(tasks, own)
    offsets = {key: clock_offset(upload, measured) for key, upload in uploads.items()}
    windows = {key: window(upload, offsets[key]) for key, upload in uploads.items()}

    def fits(task: DayTask, key: str, late: timedelta = timedelta(0)) -> bool:
        begin, end = windows[key]
        return task.created_at is not None and begin <= task.created_at <= end + late

    left = {
        task_id: {key for key in uploads if fits(task, key, LATE)}
        for task_id, task in unknown.items()
    }
    maybe_previews = {task_id for task_id, keys in left.items() if keys & previews}
    found = _assign(left)
    if (
        found is None
        # A task so late that it may be ours or foreign counts as foreign.
        or not all(any(fits(task, key) for key in uploads) for task in unknown.values())
        or not all(fits(unknown[task_id], key) for key, task_id in found.items())
    ):
        return Matches(foreign=True)
    ready = {
        upload.token
        for upload in doubtful
        if ages[upload.token] >= search_after(upload)
        and offsets[upload.token].is_known
        # No foreign task was seen within a day before the upload, or after it.
        and not (foreign_seen_at and handed_over(upload) - foreign_seen_at < FOREIGN_MEMORY)
    }
    hidden = {key for key, task_id in found.items() if task_id in maybe_previews}
    matches = Matches(
        tasks={key: unknown[task_id] for key, task_id in found.items() if key in ready - hidden},
        ambiguous=frozenset(hidden - previews),
    )
    rest = frozenset[str]().union(*left.values())
    if not rest:
        return matches
    pairs = _pair({key: uploads[key] for key in rest}, [unknown[task_id] for task_id in left], fits)
    if pairs is None or not rest <= ready:
        return matches._replace(ambiguous=matches.ambiguous | (rest - previews))
    if not all(task.state in _ENDED for task in pairs.values()):
        return matches._replace(undecided=rest)
    if len({(task.state, task.code) for task in pairs.values()}) > 1:
        return matches._replace(ambiguous=matches.ambiguous | rest)
    return matches._replace(alike=pairs)


def search_after(upload: Delivery) -> timedelta:
    """Return the time from the sending of an upload until the list must contain its task, if there is one."""
    return _answer_time(upload) + LIST_LAG


def _assign(possible: dict[str, set[str]]) -> dict[str, str] | None:
    """Return the task of each upload for which only one task is possible; None if not all tasks can be assigned.

    `possible` has, for each task, the uploads to which it may belong. Assigned tasks are removed from `possible`; the
    others remain there, undecided. If a task can belong to only one upload, that upload gets this task and no other. A
    task without a possible upload is foreign.
    """
    found: dict[str, str] = {}
    while possible:
        task_id, keys = min(possible.items(), key=lambda item: len(item[1]))
        if not keys or len(possible) > len(set().union(*possible.values())):
            return None
        if len(keys) > 1:
            break
        (key,) = keys
        found[key] = task_id
        del possible[task_id]
        for others in possible.values():
            others.discard(key)
    return found


def _pair(
    uploads: Mapping[str, Delivery], tasks: Sequence[DayTask], fits: _Fits
) -> dict[str, DayTask] | None:
    """Return a task for each upload, in order of time; None if a task does not fit: then all stay in doubt."""
    if len(uploads) != len(tasks):
        return None
    by_time = sorted(uploads, key=lambda key: handed_over(uploads[key]))
    first = handed_over(uploads[by_time[0]])
    made = sorted(tasks, key=lambda task: (task.created_at or first, task.task_id))
    if not all(fits(task, key) for task, key in zip(made, by_time, strict=True)):
        return None
    return dict(zip(by_time, made, strict=True))


def clock_offset(upload: Delivery, measured: ClockOffset | None) -> ClockOffset:
    """Return bounds of the difference between the clocks at the time when a delivery was sent.

    The answer before its upload shows the difference, and so do tasks of known deliveries (`measured`). If the two
    contradict each other, either may be right, so the bounds include both.
    """
    if upload.clock_least is None or upload.clock_most is None:
        known = ClockOffset()
        if measured is None or measured.most < known.least or measured.least > known.most:
            return known
    else:
        known = ClockOffset(
            least=timedelta(milliseconds=upload.clock_least) - CLOCK_SLACK,
            most=timedelta(milliseconds=upload.clock_most) + CLOCK_SLACK,
        )
    if measured is None:
        return known
    least, most = max(known.least, measured.least), min(known.most, measured.most)
    if least > most:
        least, most = min(known.least, measured.least), max(known.most, measured.most)
    return ClockOffset(least=least, most=most)


def _measured(tasks: Sequence[DayTask], own: Sequence[Delivery]) -> ClockOffset | None:
    """Return bounds of the clock difference that the tasks of known deliveries show; None if they show none.

    The cloud makes a task after its upload has ended and before we know the task's id.
    """
    made = {task.task_id: task.created_at for task in tasks}
    bounds = [
        (created_at - one.task_known_at, created_at + ROUNDING - one.handed_over_at)
        for one in own
        if (created_at := made.get(one.task_id or "")) is not None
        and one.handed_over_at is not None
        and one.task_known_at is not None
        and not one.task_from_list
    ]
    if not bounds:
        return None
    least, most = max(low for low, _ in bounds), min(high for _, high in bounds)
    # The bounds contradict each other if one of the clocks was set in the meantime; return None then as well.
    return ClockOffset(least=least, most=most) if least <= most else None


def handed_over(upload: Delivery) -> datetime:
    assert upload.handed_over_at is not None, "it has none without an end"
    return upload.handed_over_at


def window(upload: Delivery, offset: ClockOffset) -> tuple[datetime, datetime]:
    """Return the first and the last moment at which the cloud may have made an upload's task, by the cloud's clock."""
    begin = handed_over(upload)
    end = begin + _answer_time(upload)
    # If an upload seems to end before it begins, our clock was corrected meanwhile: ignore that end.
    if upload.given_up_at is not None and begin <= upload.given_up_at < end:
        end = upload.given_up_at
    return begin + offset.least - ROUNDING, end + offset.most + ROUNDING


def _answer_time(upload: Delivery) -> timedelta:
    return timedelta(seconds=answer_seconds(upload.document.size))
