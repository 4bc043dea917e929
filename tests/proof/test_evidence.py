"""What the day's list of tasks proves: little, and never a stranger's task for ours."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings, strategies as st

from custom_components.lianke.api.models import DayTask, TaskState
from custom_components.lianke.api.transport import answer_seconds
from custom_components.lianke.jobs.evidence import (
    CLOCK_SKEW,
    FOREIGN_MEMORY,
    ROUNDING,
    ClockOffset,
    clock_offset,
    examine,
)
from custom_components.lianke.jobs.job import Job, JobState
from tests.proof.conftest import House
from tests.simulator import Fault

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SUBMIT = "POST /print/job"


def make_job(number: int, handed_over_at: datetime, **changes: object) -> Job:
    """Return a job whose end was handed over."""
    values: dict[str, object] = {
        "job_id": f"job-{number}",
        "printer_key": "printer",
        "printer_name": "Printer",
        "title": "Title",
        "state": JobState.UPLOADING,
        "created_at": handed_over_at - timedelta(seconds=5),
        "changed_at": handed_over_at,
        "expires_at": NOW + timedelta(hours=12),
        "document_name": "a.pdf",
        "content_type": "application/pdf",
        "size": 1000,
        "digest": "",
        "token": "t",
        "upload_started_at": handed_over_at - timedelta(seconds=4),
        "handed_over_at": handed_over_at,
    }
    return Job(**(values | changes))  # type: ignore[arg-type]  # values by name


def make_task(task_id: str, created_at: datetime) -> DayTask:
    """Return a listed task; the list's times are whole seconds."""
    shown = created_at.replace(microsecond=0)
    return DayTask(
        task_id=task_id,
        state=TaskState.READY,
        code=None,
        message="",
        created_at=shown,
        updated_at=shown,
    )


moments = st.integers(-3600, 3600).map(lambda seconds: timedelta(seconds=seconds))
waits = st.floats(0, 25).map(lambda seconds: timedelta(seconds=seconds))


@settings(max_examples=400, deadline=None)
@given(
    skew=st.integers(-290, 290),
    uploads=st.lists(st.tuples(moments, waits, waits), max_size=5),
    doubtful=st.tuples(moments, waits, st.booleans()),
    strangers=st.lists(moments, max_size=3),
    seen=st.none() | st.integers(0, 48),
)
def test_a_stranger_is_taken_for_ours_only_inside_the_window(
    skew: int,
    uploads: list[tuple[timedelta, timedelta, timedelta]],
    doubtful: tuple[timedelta, timedelta, bool],
    strangers: list[timedelta],
    seen: int | None,
) -> None:
    """Model a cloud whose clock is off, with jobs of ours and of others."""
    offset = timedelta(seconds=skew)
    own, tasks = [], []
    for number, (at, taken, known) in enumerate(uploads):
        handed_over = NOW + at
        own.append(
            make_job(
                number,
                handed_over,
                state=JobState.COMPLETED,
                task_id=f"own-{number}",
                task_known_at=handed_over + taken + known,
            )
        )
        tasks.append(make_task(f"own-{number}", handed_over + taken + offset))
    at, taken, accepted = doubtful
    job = make_job(99, NOW + at)
    if accepted:
        tasks.append(make_task("lost", NOW + at + taken + offset))
    for number, moment in enumerate(strangers):
        tasks.append(make_task(f"stranger-{number}", NOW + moment + offset))
    measured = clock_offset(tasks, own)
    assert measured.least - ROUNDING <= offset <= measured.most + ROUNDING
    found = examine(
        tasks,
        own=own,
        known_ids={f"own-{number}" for number in range(len(own))},
        unsure=[job],
        unexplained=[],
        foreign_seen_at=None if seen is None else NOW - timedelta(hours=seen),
        now=NOW,
    )
    lately = seen is not None and timedelta(hours=seen) < FOREIGN_MEMORY
    if found.task is None:
        # Without strangers, whatever was taken in is found.
        assert strangers or lately or not accepted
        return
    assert not lately
    if found.task.task_id != "lost":
        # Only one that cannot be told from ours, and only where ours is missing.
        assert not accepted
        created = found.task.created_at
        assert created is not None
        soonest = NOW + at + measured.least - 2 * ROUNDING
        latest = NOW + at + measured.most + 2 * ROUNDING
        assert soonest <= created <= latest + timedelta(seconds=answer_seconds(job.size))
        assert len(strangers) == 1


@settings(max_examples=300, deadline=None)
@given(st.lists(moments, min_size=2, max_size=4), st.lists(moments, max_size=4))
def test_several_in_doubt_are_never_told_apart(
    doubts: list[timedelta], tasks: list[timedelta]
) -> None:
    found = examine(
        [make_task(f"task-{number}", NOW + at) for number, at in enumerate(tasks)],
        own=[],
        known_ids=(),
        unsure=[make_job(number, NOW + at) for number, at in enumerate(doubts)],
        unexplained=[],
        foreign_seen_at=None,
        now=NOW,
    )
    assert found.task is None


def test_clocks_that_were_put_right_tell_nothing() -> None:
    jobs = [
        make_job(0, NOW, task_id="a", task_known_at=NOW + timedelta(seconds=1)),
        make_job(1, NOW, task_id="b", task_known_at=NOW + timedelta(seconds=1)),
    ]
    tasks = [make_task("a", NOW + timedelta(minutes=2)), make_task("b", NOW)]
    assert clock_offset(tasks, jobs) == ClockOffset(least=-CLOCK_SKEW, most=CLOCK_SKEW)


async def test_a_stranger_shortly_before_is_told_apart(house: House) -> None:
    """One of our own tasks has shown how the clocks differ, so that two minutes suffice."""
    jobs = [await house.submit(house.paper(), port=port) for port in (1, 2)]
    for job in jobs:
        await house.calm(job)
    for job in jobs:
        await house.finish(job)
    await house.tick(600)
    house.sim.cloud.print_as_someone_else(house.box, house.printer(2))
    await house.tick(120)
    await house.mend()
    house.sim.cloud.fail(SUBMIT, Fault(kind="reset_after_body"))
    done = await house.finish(await house.submit(house.paper()))
    house.judge(done)
    assert done.state is JobState.UNCONFIRMED
    assert house.memory.foreign_seen_at is not None
