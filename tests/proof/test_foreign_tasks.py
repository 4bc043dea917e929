"""How often the list of tasks is wrong about a lost upload, by rolling dice with a seed.

A box that others print on at a steady rate, a list that lags up to two minutes for each task
differently, clocks up to twenty minutes apart that are compared by the `Date` of an answer, and
uploads of which the answer is lost; some have arrived, some have not.
"""

from dataclasses import dataclass
from datetime import timedelta
from random import Random

import pytest

from custom_components.lianke.api.tasks import DayTask, TaskState
from custom_components.lianke.api.transport import answer_seconds
from custom_components.lianke.jobs.job import JobState
from custom_components.lianke.jobs.task_matching import handed_over, match_tasks, search_after
from tests.jobs.make import NOW, make_task, make_upload
from tests.proof.conftest import House
from tests.simulator import Fault

DAY = 86_400.0
# Seconds. Reading stops when a doubt ends.
READ_EVERY = 20.0
DOUBT = 300.0


@dataclass
class Count:
    """What became of so many doubts."""

    doubts: int = 0
    true: int = 0
    false: int = 0


def one_doubt(dice: Random, rate: float, *, arrived: bool, since: float) -> str | None:
    """Let an upload get no answer; return the task it is taken for, None for none.

    Others have printed for `since` seconds before it, `rate` times an hour.
    """
    skew = dice.uniform(-1200, 1200)
    trip = dice.uniform(0.02, 0.8)
    least = skew - dice.uniform(0, 1) - trip
    job = make_upload(
        0,
        NOW,
        clock_least=round(least * 1000),
        clock_most=round((least + 1 + trip) * 1000),
        size=dice.choice([10_000, 1_000_000, 4_000_000]),
    )
    made: list[tuple[float, float, DayTask]] = []

    def make(task_id: str, at: float) -> None:
        when = NOW + timedelta(seconds=at + skew)
        made.append((at, dice.uniform(0, 120), make_task(task_id, when, TaskState.SUCCESS, 200)))

    if arrived:
        make("ours", dice.uniform(0, answer_seconds(job.document.size)))
    at = -since + dice.expovariate(rate / 3600)
    while at < DOUBT * 2:
        make(f"stranger-{len(made)}", at)
        at += dice.expovariate(rate / 3600)
    seen = None
    read_at = READ_EVERY
    end = max(DOUBT, search_after(job).total_seconds() + READ_EVERY)
    while read_at < end:
        listed = [task for at, lag, task in made if at + lag <= read_at and at > read_at - DAY]
        found = match_tasks(
            listed,
            ages={job.token: NOW + timedelta(seconds=read_at) - handed_over(job)},
            own=[],
            known_ids=(),
            doubtful=[job],
            foreign_seen_at=seen,
        )
        if found.foreign:
            seen = NOW + timedelta(seconds=read_at)
        for task in found.tasks.values():
            return task.task_id
        read_at += READ_EVERY
    return None


def roll(rate: float, *, arrived: bool, first_hour: bool, number: int, seed: int) -> Count:
    """Count what becomes of doubts, in the day's first hour or whenever others have printed before."""
    dice = Random(seed)
    count = Count()
    for _ in range(number):
        since = dice.uniform(0, 3600) if first_hour else DAY
        task_id = one_doubt(dice, rate, arrived=arrived, since=since)
        count.doubts += 1
        count.true += task_id == "ours"
        count.false += task_id is not None and task_id != "ours"
    return count


@pytest.mark.parametrize(
    ("rate", "first_hour"), [(0.25, False), (0.25, True), (4, True), (20, False)]
)
def test_what_has_arrived_is_never_taken_for_a_strangers(rate: float, first_hour: bool) -> None:
    """Late on the list, ours was missing when a stranger's was there: wrong in one of twenty doubts."""
    # Where hardly anybody prints, it takes few rolls' time and many of them to find one.
    number = 600 if rate < 1 else 200
    count = roll(rate, arrived=True, first_hour=first_hour, number=number, seed=13)
    assert count.false == 0
    if rate < 1:
        # And where hardly anybody prints, most are found.
        assert count.true > count.doubts * (0.4 if first_hour else 0)


@pytest.mark.parametrize("rate", [1, 20])
def test_nothing_is_taken_for_ours_where_others_have_printed_within_a_day(rate: float) -> None:
    count = roll(rate, arrived=False, first_hour=False, number=200, seed=14)
    assert count.false == 0


@pytest.mark.parametrize("rate", [1, 4])
def test_what_never_arrived_is_wrong_only_for_the_first_stranger_of_a_day(rate: float) -> None:
    """The error that is left: nobody can tell the first stranger, within half a minute, from us."""
    count = roll(rate, arrived=False, first_hour=True, number=600, seed=15)
    share = count.false / count.doubts
    # By arithmetic: the chance of one stranger in the window, and of none before or after.
    window = sum(answer_seconds(size) for size in (10_000, 1_000_000, 4_000_000)) / 3 + 8
    quiet = (1 - 2.718281828**-rate) / rate
    assert share < rate / 3600 * window * quiet * 1.5 + 0.003


def test_the_dice_are_loaded_with_something() -> None:
    assert roll(0.01, arrived=True, first_hour=True, number=50, seed=1).true > 45


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
    house.sim.cloud.fail("POST /print/job", Fault(kind="reset_after_body"))
    done = await house.finish(await house.submit(house.paper()))
    house.judge(done)
    assert done.state is JobState.UNCONFIRMED
    assert house.storage.foreign_seen_at is not None


async def test_strangers_who_begin_with_a_lost_upload_are_told_apart(house: House) -> None:
    """The first of them prints as the connection breaks, the second before the upload's time is over."""
    house.sim.cloud.fail("POST /print/job", Fault(kind="reset_after_body"))
    job = await house.calm(await house.submit(house.paper()))
    assert job.current_delivery.is_in_doubt
    for _ in range(2):
        house.sim.cloud.print_as_someone_else(house.box, house.printer(2))
        await house.tick(12)
    assert house.sim.cloud.count("POST /print/query_device_task") > 0
    done = await house.finish(job)
    house.judge(done)
    assert done.state is JobState.UNCONFIRMED
