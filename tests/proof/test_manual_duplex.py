"""Both sides by hand against every break of either half: no side is printed twice, none on a doubt."""

import asyncio
from random import Random
import shutil
from typing import Literal

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.lianke.jobs.files import ledger_path
from custom_components.lianke.jobs.job import Job, JobState
from tests.jobs.conftest import OpenShop, Receiver, Shop
from tests.manual_duplex.requests import submit
from tests.power_cut import copy_moment
from tests.proof.outcomes import OUTCOMES, SUBMIT
from tests.simulator import Fault, Outcome

type Cut = Literal["none", "stop", "crash"]

# One for each thing that may have become of an upload, in doubt or not; the fault table shows what each answer means.
FAULTS = (
    Fault(kind="reset_after_body"),
    Fault(kind="reset_after_accept"),
    Fault(kind="code", code=400),
    Fault(kind="code", code=5002),
)
# Seconds. A job that nobody can say anything about is given up after a day.
END = 30 * 3600


def sides(shop: Shop, job: Job, *, complete: bool | None = None) -> tuple[int, int]:
    """Return how often the first and the second sides came out, whole or in part."""
    sizes = [one.document.size for one in job.deliveries]
    assert sizes[0] != sizes[1]
    out = [
        one.path.stat().st_size
        for one in shop.sim.cloud.out_tray
        if not one.foreign and complete in (None, one.complete)
    ]
    assert set(out) <= set(sizes)
    return out.count(sizes[0]), out.count(sizes[1])


def judge(shop: Shop, job: Job, *, answered: bool) -> None:
    """Compare what the job says with what lies in the out tray."""
    fronts, backs = sides(shop, job, complete=True)
    part = sum(sides(shop, job, complete=False))
    assert fronts <= 1
    assert backs <= 1
    if backs or job.is_at_second_delivery:
        # The second half rests on a first one that came out for sure.
        assert fronts == 1
        assert answered or not sum(sides(shop, job)) - 1
    match job.state:
        case JobState.COMPLETED:
            assert (fronts, backs, part) == (1, 1, 0)
            assert job.pages_printed == 7
        case JobState.HELD:
            assert job.waits_for == ("turn_paper",)
            assert (fronts, backs, part) == (1, 0, 0)
        case JobState.UNCONFIRMED:
            pass
        case _:
            if fronts or backs or part:
                assert job.partly_printed, job


async def rest(shop: Shop, job: Job) -> Job:
    """Let time pass until the job waits for its paper or is over."""
    passed, step = 0.0, 20.0
    while not ((reported := shop.queue.get(job.job_id)).is_final or reported.asks_for):
        assert passed < END, reported
        await shop.tick(step)
        passed += step
        step = 600.0 if passed > 1800 else 20.0
    # A task may have ended before its paper is out.
    for _ in range(500):
        if all(task.runner is None or task.runner.done() for task in shop.sim.cloud.tasks.values()):
            break
        await asyncio.sleep(0.01)
    return reported


def keep(shop: Shop) -> None:
    """Keep what is on disk at this moment, as a crash would; nothing is sent any more."""
    for upload in shop.queue._uploader._uploads.values():
        upload.cancel()
    shop.queue._uploader._closing = True
    copy_moment(ledger_path(shop.hass), shop.tmp_path / "kept")


async def story(
    open_shop: OpenShop,
    receiver: Receiver,
    *,
    half: int,
    cut: Cut,
    fault: Fault | None = None,
    outcome: Outcome | None = None,
    callbacks: bool = False,
) -> None:
    """Print with a break of one half, stopped or killed in the middle of it, and judge what came of it."""
    entry: MockConfigEntry | None = None
    job: Job | None = None
    answered = False
    for number in (1, 2):
        async with open_shop(receiver, entry=entry) as shop:
            entry = shop.entry
            cloud = shop.sim.cloud
            cloud.variants.update(callbacks="end" if callbacks else "never", list_lag=10.0)
            if job is not None and not (reported := await rest(shop, job)).asks_for:
                judge(shop, reported, answered=answered)
                return
            if number == half:
                if fault is not None:
                    cloud.fail(SUBMIT, fault)
                if outcome is not None:
                    cloud.plan(shop.printer(), outcome)
            if job is None:
                job = await submit(shop)
            else:
                judge(shop, shop.queue.get(job.job_id), answered=False)
                await shop.queue.async_continue(job.job_id)
                answered = True
            if cut == "none" or number != half:
                judge(shop, await rest(shop, job), answered=answered)
            else:
                await shop.tick(Random(f"{half} {fault}").choice([0.01, 1.0]))
                if cut == "crash":
                    keep(shop)
        if cut == "crash" and number == half:
            root = ledger_path(shop.hass)
            await asyncio.to_thread(shutil.rmtree, root)
            (shop.tmp_path / "kept").rename(root)
    assert job is not None
    async with open_shop(receiver, entry=entry) as shop:
        judge(shop, await rest(shop, job), answered=True)
        await shop.tick(3600)
        judge(shop, shop.queue.get(job.job_id), answered=True)


@pytest.mark.parametrize("half", [1, 2])
@pytest.mark.parametrize(
    ("fault", "cut"),
    [
        *((fault, "none") for fault in FAULTS),
        # A stop asks only whether the upload is in doubt or waits.
        *((fault, cut) for fault in (FAULTS[1], FAULTS[3]) for cut in ("stop", "crash")),
    ],
    ids=lambda one: one if isinstance(one, str) else f"{one.kind}-{one.code}-{one.done}",
)
async def test_a_half_that_breaks(
    open_shop: OpenShop, receiver: Receiver, fault: Fault, half: int, cut: Cut
) -> None:
    await story(open_shop, receiver, half=half, cut=cut, fault=fault, callbacks=cut == "stop")


@pytest.mark.parametrize("half", [1, 2])
@pytest.mark.parametrize("outcome", OUTCOMES)
async def test_a_printer_that_breaks(
    open_shop: OpenShop, receiver: Receiver, outcome: Outcome, half: int
) -> None:
    await story(open_shop, receiver, half=half, cut="none", outcome=outcome)


@pytest.mark.parametrize("cut", ["none", "stop", "crash"])
@pytest.mark.parametrize("half", [1, 2])
async def test_without_a_fault(
    open_shop: OpenShop, receiver: Receiver, half: int, cut: Cut
) -> None:
    await story(open_shop, receiver, half=half, cut=cut)
