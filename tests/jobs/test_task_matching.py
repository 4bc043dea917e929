"""What the day's list of tasks proves: little, and never a stranger's task for ours."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from time import thread_time
from typing import Any

from hypothesis import example, given, settings, strategies as st

from custom_components.lianke.api.tasks import DayTask, TaskState
from custom_components.lianke.api.transport import answer_seconds
from custom_components.lianke.jobs.job import Delivery, JobState
from custom_components.lianke.jobs.task_matching import (
    CLOCK_SLACK,
    FOREIGN_MEMORY,
    LATE,
    ROUNDING,
    ClockOffset,
    Matches,
    _measured,
    clock_offset,
    handed_over,
    match_tasks,
)
from tests.examples import examples
from tests.jobs.make import NOW, make_task, make_upload

# When no upload of these tests is awaited any more.
AFTERWARDS = NOW + timedelta(days=1)


def dated(skew: float) -> dict[str, object]:
    """Return what a job knows of the clocks when the cloud's is ahead by so many seconds."""
    return {"clock_least": round(skew * 1000) - 1000, "clock_most": round(skew * 1000) + 1000}


# One whose answer came, and shows how the clocks differ.
OWN = make_upload(9, NOW - timedelta(seconds=60), task_id="own", task_known_at=NOW)
OWN_TASK = make_task("own", NOW - timedelta(seconds=60))


def match(
    tasks: Sequence[DayTask],
    doubtful: Sequence[Delivery],
    own: Sequence[Delivery] = (),
    *,
    now: datetime = AFTERWARDS,
    **more: Any,
) -> Matches:
    """Match tasks with uploads in doubt, some others being known, and no stranger before."""
    ages = {one.token: now - handed_over(one) for one in doubtful}
    known = {str(one.task_id) for one in own}
    seen = {"foreign_seen_at": None} | more
    return match_tasks(tasks, ages=ages, own=own, known_ids=known, doubtful=doubtful, **seen)


moments = st.integers(-3600, 3600).map(lambda seconds: timedelta(seconds=seconds))
waits = st.floats(0, 25).map(lambda seconds: timedelta(seconds=seconds))


@settings(max_examples=examples(100), deadline=None)
@example(
    skew=0,
    uploads=[],
    doubtful=(timedelta(), timedelta(seconds=1), True),
    strangers=[],
    seen=1,
    shown=True,
)
@given(
    skew=st.integers(-290, 290),
    uploads=st.lists(st.tuples(moments, waits, waits), max_size=5),
    doubtful=st.tuples(moments, waits, st.booleans()),
    strangers=st.lists(moments, max_size=3),
    seen=st.none() | st.integers(0, 48),
    shown=st.booleans(),
)
def test_a_stranger_is_taken_for_ours_only_inside_the_window(
    skew: int,
    uploads: list[tuple[timedelta, timedelta, timedelta]],
    doubtful: tuple[timedelta, timedelta, bool],
    strangers: list[timedelta],
    seen: int | None,
    shown: bool,
) -> None:
    """Model a cloud whose clock is off, as its answers show or not, with jobs of ours and of others."""
    offset = timedelta(seconds=skew)
    own, tasks = [], []
    for number, (at, taken, known) in enumerate(uploads):
        handed_over = NOW + at
        own.append(
            make_upload(
                number,
                handed_over,
                state=JobState.COMPLETED,
                task_id=f"own-{number}",
                task_known_at=handed_over + taken + known,
            )
        )
        tasks.append(make_task(f"own-{number}", handed_over + taken + offset))
    at, taken, accepted = doubtful
    unknown: dict[str, object] = {"clock_least": None, "clock_most": None}
    job = make_upload(99, NOW + at, **(dated(skew) if shown else unknown))
    if accepted:
        tasks.append(make_task("lost", NOW + at + taken + offset))
    for number, moment in enumerate(strangers):
        tasks.append(make_task(f"stranger-{number}", NOW + moment + offset))
    measured = clock_offset(job, _measured(tasks, own))
    assert measured.least - ROUNDING <= offset <= measured.most + ROUNDING
    before = None if seen is None else NOW - timedelta(hours=seen)
    found = match(tasks, [job], own, foreign_seen_at=before)
    lately = seen is not None and at + timedelta(hours=seen) < FOREIGN_MEMORY
    if not found.tasks:
        # Without strangers, whatever was taken in is found where the clocks can be compared.
        assert strangers or lately or not accepted or not measured.is_known
        return
    assert not lately
    assert measured.is_known
    task = found.tasks[job.token]
    if task.task_id != "lost":
        # Only one that cannot be told from ours, and only where ours is missing.
        assert not accepted
        assert task.created_at is not None
        soonest = NOW + at + measured.least - 2 * ROUNDING
        latest = NOW + at + measured.most + 2 * ROUNDING
        assert (
            soonest
            <= task.created_at
            <= latest + timedelta(seconds=answer_seconds(job.document.size))
        )
        assert len(strangers) == 1


@settings(max_examples=examples(150), deadline=None)
@given(
    skew=st.integers(-290, 290),
    measured=st.booleans(),
    doubts=st.lists(
        st.tuples(st.integers(0, 1800), waits, st.booleans(), st.integers(1, 20_000_000)),
        min_size=1,
        max_size=6,
    ),
)
def test_several_in_doubt_are_told_apart_only_where_there_is_one_way(
    skew: int, measured: bool, doubts: list[tuple[int, timedelta, bool, int]]
) -> None:
    """Nobody else prints: whatever is found is true, and what stands alone is found."""
    offset = timedelta(seconds=skew)
    own, tasks = [], []
    if measured:
        own = [make_upload(99, NOW, task_id="own", task_known_at=NOW + timedelta(seconds=1))]
        tasks = [make_task("own", NOW + offset)]
    jobs = [
        make_upload(number, NOW + timedelta(seconds=at), size=size, **dated(skew))
        for number, (at, _, _, size) in enumerate(doubts)
    ]
    truth = {
        job.token: f"task-{number}"
        for number, (job, (*_, accepted, _)) in enumerate(zip(jobs, doubts, strict=True))
        if accepted
    }
    tasks += [
        make_task(f"task-{number}", NOW + timedelta(seconds=at) + taken + offset)
        for number, (at, taken, accepted, _) in enumerate(doubts)
        if accepted
    ]
    found = match(tasks, jobs, own)
    assert not found.foreign
    assert {job_id: task.task_id for job_id, task in found.tasks.items()}.items() <= truth.items()
    if not measured:
        return
    for job, (at, *_) in zip(jobs, doubts, strict=True):
        apart = [
            abs(at - other)
            > answer_seconds(max(one.document.size, job.document.size)) + LATE.total_seconds() + 10
            for one, (other, *_) in zip(jobs, doubts, strict=True)
            if one is not job
        ]
        if job.token in truth and all(apart):
            assert job.token in found.tasks


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(moments, min_size=1, max_size=4), st.lists(moments, min_size=1, max_size=6))
def test_more_tasks_than_doubts_are_strangers(
    doubts: list[timedelta], tasks: list[timedelta]
) -> None:
    found = match(
        [make_task(f"task-{number}", NOW + at) for number, at in enumerate(tasks)],
        [make_upload(number, NOW + at) for number, at in enumerate(doubts)],
    )
    if len(tasks) > len(doubts):
        assert found.foreign
    if found.foreign:
        assert not found.tasks


def test_an_earlier_doubt_takes_its_own_task_out_of_a_later_one() -> None:
    """Both tasks fit the first upload, which was large; the second can be one of them only."""
    first = make_upload(0, NOW, size=14_000_000)
    second = make_upload(1, NOW + timedelta(seconds=80))
    made = [
        OWN_TASK,
        make_task("a", NOW + timedelta(seconds=2)),
        make_task("b", NOW + timedelta(seconds=82)),
    ]

    def matched(*tasks: DayTask) -> dict[str, str]:
        found = match(tasks, [first, second], [OWN])
        assert not found.foreign
        return {job_id: task.task_id for job_id, task in found.tasks.items()}

    assert matched(*made) == {first.token: "a", second.token: "b"}
    assert matched(made[0], made[1]) == {first.token: "a"}
    # Without the first one's, it may be either's.
    assert matched(made[0], made[2]) == {}


def test_a_cloud_that_hangs_does_not_give_one_job_the_task_of_another() -> None:
    """The first upload was given up after half a minute; its task is made when the second one fails."""
    first, second = make_upload(0, NOW), make_upload(1, NOW + timedelta(seconds=70))
    made = [OWN_TASK, make_task("first", NOW + timedelta(seconds=72))]
    found = match(made, [first, second], [OWN])
    assert not found.tasks


def test_a_stranger_whom_several_might_have_been_late_for_is_one() -> None:
    """Two jobs were in doubt at once, somebody prints minutes later, and then a third job is in doubt."""
    earlier = [make_upload(number, NOW + timedelta(seconds=number)) for number in range(2)]
    later = make_upload(2, NOW + timedelta(hours=1))
    made = [
        OWN_TASK,
        make_task("stranger", NOW + timedelta(minutes=3)),
        make_task("another", NOW + timedelta(hours=1, seconds=2)),
    ]
    found = match(made, [*earlier, later], [OWN])
    assert found.foreign
    assert not found.tasks


def test_what_was_made_after_an_upload_had_ended_is_a_strangers() -> None:
    """A gateway answered at once, say; our own would have been made by then."""
    given_up = make_upload(1, NOW, given_up_at=NOW + timedelta(seconds=2))
    soon = make_task("soon", NOW + timedelta(seconds=2))
    later = make_task("later", NOW + timedelta(seconds=8))
    assert match([soon], [given_up]).tasks == {"job-1": soon}
    assert match([later], [given_up]) == Matches(foreign=True)
    for awaited in (
        make_upload(1, NOW),
        # Our clock was put back meanwhile.
        make_upload(1, NOW, given_up_at=NOW - timedelta(seconds=1)),
        make_upload(1, NOW, given_up_at=NOW + timedelta(hours=1)),
    ):
        assert match([later], [awaited]).tasks == {"job-1": later}
        assert match([make_task("late", NOW + timedelta(minutes=2))], [awaited]).foreign


def test_clocks_that_were_put_right_tell_nothing() -> None:
    jobs = [
        make_upload(0, NOW, task_id="a", task_known_at=NOW + timedelta(seconds=1)),
        make_upload(1, NOW, task_id="b", task_known_at=NOW + timedelta(seconds=1)),
    ]
    tasks = [make_task("a", NOW + timedelta(minutes=2)), make_task("b", NOW)]
    assert _measured(tasks, jobs) is None
    shown = ClockOffset(
        least=timedelta(milliseconds=-500) - CLOCK_SLACK,
        most=timedelta(milliseconds=1500) + CLOCK_SLACK,
    )
    assert clock_offset(jobs[0], None) == shown


def test_answers_and_tasks_that_contradict_each_other_leave_both_open() -> None:
    """One of the clocks was put right between our known job and the doubt, or the service has two."""
    job = make_upload(0, NOW)
    by_tasks = ClockOffset(least=timedelta(minutes=20), most=timedelta(minutes=20, seconds=1))
    offset = clock_offset(job, by_tasks)
    assert offset.least <= timedelta(0)
    assert offset.most >= timedelta(minutes=20)
    assert not offset.is_known


def test_a_set_that_ended_alike_is_settled_as_a_whole() -> None:
    """Two doubts and exactly two tasks, both printed, nobody else: which is whose changes nothing."""
    jobs = [make_upload(number, NOW + timedelta(seconds=number)) for number in range(2)]
    others = [make_upload(9, NOW + timedelta(hours=2))]

    def matched(
        *ends: tuple[TaskState, int | None], extra: int = 0, now: datetime = AFTERWARDS
    ) -> Matches:
        made = [
            make_task(f"task-{number}", NOW + timedelta(seconds=2 + number), *end)
            for number, end in enumerate(ends)
        ]
        made += [
            make_task(f"extra-{number}", NOW + timedelta(seconds=3), TaskState.SUCCESS, 200)
            for number in range(extra)
        ]
        return match(made, [*jobs, *others], now=now)

    both = frozenset(job.token for job in jobs)
    printed, failed = (TaskState.SUCCESS, 200), (TaskState.SUCCESS, 500)
    whole = matched(printed, printed)
    assert {job_id: task.task_id for job_id, task in whole.alike.items()} == {
        "job-0": "task-0",
        "job-1": "task-1",
    }
    assert matched(failed, failed).alike.keys() == both
    assert matched(printed, (TaskState.SENDING, None)).undecided == both
    assert matched(printed, failed).ambiguous == both
    assert matched(printed).ambiguous == both
    assert matched(printed, printed, now=NOW + timedelta(seconds=60)).ambiguous == both
    assert matched(printed, printed, extra=1).foreign
    for finding in (whole, matched(printed, failed), matched(printed)):
        assert not finding.tasks
        assert not finding.foreign


def test_a_lost_preview_hides_no_stranger_and_settles_nobody() -> None:
    """A task that may be the preview's is no stranger's, and proves no job."""
    earlier = NOW - timedelta(hours=1)
    preview = make_upload(0, earlier)
    job = make_upload(1, NOW)

    def look(*made: datetime, doubtful: tuple[Delivery, ...] = (job,)) -> Matches:
        tasks = [make_task(f"task-{n}", at, TaskState.SUCCESS, 200) for n, at in enumerate(made)]
        return match(tasks, doubtful, lost_previews=[preview])

    second = timedelta(seconds=1)
    assert look(earlier + second, doubtful=()) == Matches()
    assert look(NOW + second).tasks.keys() == {job.token}
    found = look(earlier + second, NOW + second)
    assert (found.foreign, found.tasks.keys()) == (False, {job.token})
    # One more than there are uploads, or one that came at another time.
    assert look(earlier + second, NOW + second, NOW + second).foreign
    assert look(earlier + timedelta(minutes=30)).foreign
    # Printed a few seconds after the preview, or alone in its time.
    job = make_upload(1, earlier + second)
    for made in [(second,), (second, second), (second * 3, second * 4), (timedelta(minutes=3),)]:
        found = look(*(earlier + at for at in made), doubtful=(job,))
        assert not found.tasks
        assert not found.alike
    found = look(earlier + second * 3, earlier + second * 4, doubtful=(job,))
    assert (found.foreign, found.ambiguous) == (False, {job.token})


def test_what_a_lost_preview_may_have_made_late_settles_nobody() -> None:
    """Its own task stands alone, and the other one may still be of an upload that the cloud has hung at."""
    preview, job = make_upload(0, NOW), make_upload(1, NOW + timedelta(minutes=1))
    made = [make_task(f"task-{at}", NOW + timedelta(seconds=at)) for at in (2, 62)]
    found = match([OWN_TASK, *made], [job], [OWN], lost_previews=[preview])
    assert (found.foreign, found.ambiguous) == (False, {job.token})
    assert not found.tasks


def test_more_tasks_than_doubts_cost_no_time() -> None:
    """A list of thousands of strangers' tasks is not compared with hundreds of doubts."""
    made = [make_task(f"task-{number}", NOW) for number in range(5000)]
    doubts = [make_upload(number, NOW) for number in range(300)]
    began = thread_time()
    found = match(made, doubts)
    assert found.foreign
    assert thread_time() - began < 0.5
