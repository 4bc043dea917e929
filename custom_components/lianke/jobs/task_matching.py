"""Matches jobs in doubt with tasks on the list of the last 24 hours. Pure functions.

The best proof is a callback with a job's token, then the task itself by its id, then this list. The list names no
senders. So a task on it is taken for a job's only if nothing else is possible: there is no foreign task on the list,
none was seen on this box for a day, and the task can come from the upload of only one job in doubt. A job is matched
once the time of its upload and the list's lag are over, since a second task may show up until then, and only if the
difference between the cloud's clock and ours is known. A missing task proves nothing.

A preview whose answer was lost is an upload in doubt as well. A task that may be its own is not foreign, and settles no
job. Several jobs in doubt may match as many tasks only as a group. They are settled as a group if all the tasks ended
alike: then it does not matter which task belongs to which job.

One error remains possible: the very first foreign task of a day, printing as many pages, falls into the window of an
upload that never arrived. The window lasts until the upload ended: at most the time that its answer may take (half a
minute for a small document) and the few seconds by which the clocks' difference is uncertain. If a preview was lost
before, and never arrived either, the first foreign task may pass for its own, and the second one for the job's. A task
that falls into the windows of both settles neither.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from ..api.tasks import DayTask, TaskState
from ..api.transport import answer_seconds
from .job import Delivery

# How far the clocks here and in the cloud may differ if no answer has shown the difference.
CLOCK_SKEW = timedelta(minutes=5)
# Answers and tasks may get their times from different clocks.
CLOCK_SLACK = timedelta(seconds=2)
# If the difference is less certain than this, no task of the list is matched.
MAX_UNCERTAINTY = timedelta(minutes=1)
# The list's times are whole seconds.
ROUNDING = timedelta(seconds=1)
# A cloud that hangs may make a task this long after we gave the upload up.
LATE = timedelta(minutes=5)
# How long a new task may be missing from the list.
LIST_LAG = timedelta(minutes=2)
FOREIGN_MEMORY = timedelta(hours=24)
type _Fits = Callable[[DayTask, str], bool]
_ENDED = frozenset({TaskState.SUCCESS, TaskState.FAILURE, TaskState.REVOKED})


class ClockOffset(NamedTuple):
    """Bounds of how far the cloud's clock is ahead of ours."""

    least: timedelta = -CLOCK_SKEW
    most: timedelta = CLOCK_SKEW

    @property
    def is_known(self) -> bool:
        return self.most - self.least <= MAX_UNCERTAINTY


class Matches(NamedTuple):
    """What the list of tasks shows; deliveries are named by their tokens."""

    # The task of each delivery that can have only this one.
    tasks: Mapping[str, DayTask] = {}
    # Others print on this box as well.
    foreign: bool = False
    # One possible task for each delivery of a group whose tasks all ended alike.
    alike: Mapping[str, DayTask] = {}
    # Deliveries of a group whose tasks have not all ended.
    undecided: frozenset[str] = frozenset()
    # Deliveries whose task is not known, since a group's tasks ended differently or a preview may own it.
    ambiguous: frozenset[str] = frozenset()


def match_tasks(
    tasks: Sequence[DayTask],
    *,
    ages: Mapping[str, timedelta],
    own: Sequence[Delivery],
    known_ids: Collection[str],
    doubtful: Sequence[Delivery],
    lost: Sequence[Delivery] = (),
    foreign_seen_at: datetime | None,
) -> Matches:
    """Match the box's deliveries in doubt with the tasks of the list.

    `ages`: how long before the list was asked for each delivery in doubt was sent. `own`: deliveries with known tasks.
    `known_ids`: all tasks known to be ours. `doubtful` must hold every delivery of a job that may have an unknown task,
    `lost` every preview. `foreign_seen_at`: when a foreign task was last seen on this box.
    """
    unknown = {task.task_id: task for task in tasks if task.task_id not in known_ids}
    uploads = {upload.token: upload for upload in (*doubtful, *lost)}
    previews = {upload.token for upload in lost}
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
        # Not if a foreign task was seen within a day before the upload, or since.
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
    """How long after an upload's end the list certainly has its task, if there is one."""
    return _answer_time(upload) + LIST_LAG


def _assign(possible: dict[str, set[str]]) -> dict[str, str] | None:
    """Find the task of each upload as far as there is only one way; None if there is no way at all.

    `possible` has the uploads that each task may belong to; what is left in it is undecided. If only one upload can
    have a task, it gets that task and no other. A task without an upload is foreign.
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
    """Give each upload a task of its own in the order of time; None if that does not fit, so that all stay in doubt."""
    if len(uploads) != len(tasks):
        return None
    by_time = sorted(uploads, key=lambda key: handed_over(uploads[key]))
    first = handed_over(uploads[by_time[0]])
    made = sorted(tasks, key=lambda task: (task.created_at or first, task.task_id))
    if not all(fits(task, key) for task, key in zip(made, by_time, strict=True)):
        return None
    return dict(zip(by_time, made, strict=True))


def clock_offset(upload: Delivery, measured: ClockOffset | None) -> ClockOffset:
    """Bound the difference between the clocks when a delivery was sent.

    The answer before its upload shows it, and so do tasks of known deliveries (`measured`). If these contradict each
    other, either may be right.
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
    """Bound the difference between the clocks by tasks of known deliveries; None without any.

    The cloud makes a task after its upload ended and before we know its id.
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
    # None, too, if one of the clocks was set in the meantime.
    return ClockOffset(least=least, most=most) if least <= most else None


def handed_over(upload: Delivery) -> datetime:
    assert upload.handed_over_at is not None, "it has none without an end"
    return upload.handed_over_at


def window(upload: Delivery, offset: ClockOffset) -> tuple[datetime, datetime]:
    """When the cloud may have made the task of an upload, by the cloud's clock."""
    begin = handed_over(upload)
    end = begin + _answer_time(upload)
    # It ends before it begins only if our clock was corrected meanwhile.
    if upload.given_up_at is not None and begin <= upload.given_up_at < end:
        end = upload.given_up_at
    return begin + offset.least - ROUNDING, end + offset.most + ROUNDING


def _answer_time(upload: Delivery) -> timedelta:
    return timedelta(seconds=answer_seconds(upload.document.size))
