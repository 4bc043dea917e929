"""Following jobs when parts of the service fail, the line is down, or a clock is put right."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from unittest.mock import patch

import pytest

from custom_components.lianke.api.options import PrintOptions
from custom_components.lianke.documents.document import Document
from custom_components.lianke.jobs import rules
from custom_components.lianke.jobs.job import Job, JobState
from custom_components.lianke.jobs.tracker import PAGES_SECONDS
from custom_components.lianke.ledger_file import LedgerRefusedError
from tests.clock import until
from tests.jobs.conftest import ASK, LIST, SUBMIT, OpenShop, Receiver, Shop, in_doubt, lose_answer
from tests.jobs.cut_off import power_goes
from tests.ledgers import refusing
from tests.simulator.faults import Fault

MISSING = Fault(kind="http", status=404)


def follow_times(shop: Shop) -> list[float]:
    """Return when the cloud was asked how jobs stand."""
    return [
        request.time
        for request in shop.sim.cloud.requests
        if request.path.endswith("/print/query_device_task")
        or (request.method == "GET" and request.path.endswith("/print/job"))
    ]


async def test_without_a_list_every_task_is_asked_for_in_turn(shop: Shop) -> None:
    """No client of the vendor uses the list: where it is missing, no job ever settled."""
    shop.sim.cloud.fail(LIST, MISSING, times=None)
    jobs = [await shop.submit(port=port) for port in (1, 2, 1)]
    for job in jobs:
        await shop.until(job, JobState.COMPLETED, seconds=120)
    times = follow_times(shop)
    assert all(later - earlier >= 9.9 for earlier, later in pairwise(times))


async def test_jobs_that_the_list_never_has_are_asked_for_in_turn(shop: Shop) -> None:
    shop.sim.cloud.variants.list_lag = 36_000.0
    jobs = [await shop.submit(port=port) for port in (1, 2, 1, 2)]
    for job in jobs:
        await shop.until(job, JobState.COMPLETED, seconds=180)


async def test_a_doubt_ends_when_the_service_has_no_list(shop: Shop) -> None:
    """It answers, but not with a list: nothing can be learnt any more."""
    await lose_answer(shop)
    shop.sim.cloud.fail(LIST, MISSING, times=None)
    job = await shop.submit()
    await in_doubt(shop, job.job_id)
    await shop.tick(600)
    assert shop.queue.get(job.job_id).current_delivery.is_in_doubt
    done = await shop.until(job, JobState.UNCONFIRMED, seconds=2 * 3600, step=60)
    assert done.reason == "no_answer"


@pytest.mark.parametrize("number", [1, 2])
async def test_the_list_settles_what_the_service_has_forgotten(shop: Shop, number: int) -> None:
    """An empty answer says nothing: its job stayed open for a day."""
    shop.sim.cloud.fail(ASK, Fault(kind="wrong_types", shape="data_null"), times=None)
    jobs = [await shop.submit(converted(shop), port=port) for port in (1, 2)[:number]]
    for job in jobs:
        await shop.until(job, JobState.COMPLETED, seconds=900, step=15)


async def guess(shop: Shop) -> Job:
    """Let a job that never arrived be taken for the only task that somebody else has printed."""
    shop.sim.cloud.fail(SUBMIT, Fault(kind="reset_after_body"))
    # As many pages as the stranger's.
    job = await shop.submit(shop.document(pages=2))
    await in_doubt(shop, job.job_id)
    shop.sim.cloud.print_as_someone_else(shop.box, shop.printer(2))
    return job


async def test_a_stranger_of_yesterday_evening_is_on_the_list(shop: Shop) -> None:
    """The list spans 24 hours: nobody read it when they printed, and midnight has passed since."""
    shop.sim.cloud.print_as_someone_else(shop.box, shop.printer(2))
    await shop.tick(20 * 3600)
    await shop.refresh()
    done = await shop.until(await guess(shop), JobState.UNCONFIRMED)
    assert done.current_delivery.task_id is None
    assert shop.storage.foreign_seen_at is not None


async def test_forgotten_jobs_of_yesterday_are_no_strangers(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their tasks are still on the list, and neither settle a doubt nor stand in its way."""
    await shop.switch(online=False)
    old = [await shop.submit(port=port, expires_in=timedelta(days=4)) for port in (1, 2)]
    await shop.tick(3 * 24 * 3600)
    await shop.switch(online=True)
    for job in old:
        await shop.until(job, JobState.COMPLETED)
    await shop.tick(20 * 3600)
    await shop.refresh()
    monkeypatch.setattr(rules, "MAX_RECORDS", 0)
    await shop.box_jobs.async_trim()
    assert not shop.queue.jobs()
    shop.sim.cloud.fail(SUBMIT, Fault(kind="reset_after_body"))
    lost = await shop.submit()
    await in_doubt(shop, lost.job_id)
    await shop.until(lost, JobState.UNCONFIRMED)
    # What comes so late is not its task any more.
    await shop.tick(900)
    await shop.refresh()
    await lose_answer(shop)
    came = await shop.submit()
    await in_doubt(shop, came.job_id)
    await shop.until(came, JobState.COMPLETED)
    assert shop.storage.foreign_seen_at is None


async def test_the_secret_outranks_the_list(shop: Shop) -> None:
    """Our own callback was dropped when the list had led to somebody else's task before."""
    job = await guess(shop)
    done = await shop.until(job, JobState.COMPLETED)
    assert done.current_delivery.task_from_list
    ours = "11111111-2222-3333-4444-555555555555"
    assert await shop.call_back(job.current_delivery.token, ours, "SUCCESS", 500)
    reported = shop.queue.get(job.job_id)
    assert (reported.state, reported.current_delivery.task_id, reported.partly_printed) == (
        JobState.FAILED,
        ours,
        True,
    )
    # From now on it rests on the secret, and nothing moves it any more.
    assert await shop.call_back(job.current_delivery.token, ours, "SUCCESS", 200)
    assert not await shop.call_back(job.current_delivery.token, "another", "SUCCESS", 200)
    assert shop.queue.get(job.job_id) == reported


async def test_the_secret_takes_a_task_from_a_job_that_only_the_list_gave_it(shop: Shop) -> None:
    other = await guess(shop)
    done = await shop.until(other, JobState.COMPLETED)
    await lose_answer(shop)
    job = await shop.submit()
    await in_doubt(shop, job.job_id)
    assert await shop.call_back(
        job.current_delivery.token, done.current_delivery.task_id, "SUCCESS", 200
    )
    assert shop.queue.get(job.job_id).state is JobState.COMPLETED
    withdrawn = shop.queue.get(other.job_id)
    assert (withdrawn.state, withdrawn.current_delivery.task_id) == (JobState.UNCONFIRMED, None)


async def test_what_somebody_has_seen_come_out_is_not_taken_back(shop: Shop) -> None:
    job = await guess(shop)
    done = await shop.until(job, JobState.COMPLETED)
    shop.box_jobs.change(done, state=JobState.UNCONFIRMED)
    await shop.queue.async_confirm(job.job_id)
    await shop.call_back(job.current_delivery.token, done.current_delivery.task_id, "SUCCESS", 500)
    assert shop.queue.get(job.job_id).state is JobState.COMPLETED


async def test_a_task_of_other_pages_is_somebody_elses(shop: Shop) -> None:
    shop.sim.cloud.fail(SUBMIT, Fault(kind="reset_after_body"))
    job = await shop.submit(shop.document(pages=7))
    await in_doubt(shop, job.job_id)
    shop.sim.cloud.print_as_someone_else(shop.box, shop.printer(2))
    done = await shop.until(job, JobState.UNCONFIRMED)
    assert done.current_delivery.task_id is None
    assert shop.storage.foreign_seen_at is not None


async def test_a_callback_without_the_secret_only_makes_us_ask(
    open_shop: OpenShop, receiver: Receiver
) -> None:
    """Whoever has seen the id of a task could settle its job, though its address has a secret."""
    async with open_shop(receiver) as shop:
        receiver.proven = True
        await shop.set_paper(1)
        job = await shop.uploaded(await shop.submit(shop.document(pages=2)))
        before = shop.sim.cloud.count(ASK)
        for token in (None, "x" * 32):
            for _ in range(5):
                assert not await shop.call_back(token, job.current_delivery.task_id, "SUCCESS", 500)
        await shop.tick(2)
        assert not shop.queue.get(job.job_id).is_final
        assert shop.sim.cloud.count(ASK) == before + 1


def converted(shop: Shop, pages: int = 3) -> Document:
    """Return a document whose pages are only known once it is printed."""
    return replace(shop.document(pages), pages=None, pages_at_most=9)


async def test_pages_are_told_with_the_end(open_shop: OpenShop, receiver: Receiver) -> None:
    """A callback does not have them: the task is asked for before anybody is told."""
    async with open_shop(receiver) as shop:
        shop.sim.cloud.variants.callbacks = "end"
        told: list[tuple[int | None, int | None]] = []

        def on_change(job: Job, _old: JobState | None) -> None:
            if job.state is JobState.COMPLETED:
                told.append((job.pages, job.pages_printed))

        shop.queue.listen(on_change)
        done = await shop.until(await shop.submit(converted(shop)), JobState.COMPLETED)
        assert (done.pages, done.pages_printed) == (3, 3)
        twice = await shop.submit(converted(shop), options=PrintOptions(copies=2))
        await shop.until(twice, JobState.COMPLETED)
        assert set(told) == {(3, 3), (None, 3)}
        # Those of two copies may be twice what the cloud names: of a month they are, of the printer nobody claims it.
        assert shop.storage.printers[shop.key()].pages_printed == 3 + 3
        assert [row.pages for row in shop.storage.pages.rows_of_months()] == [3 + 6]


@pytest.mark.parametrize("closes", [True, False])
async def test_an_end_does_not_wait_for_its_pages_for_long(
    open_shop: OpenShop, receiver: Receiver, *, closes: bool
) -> None:
    """Nor does it when the queue stops."""
    async with open_shop(receiver) as shop:
        shop.sim.cloud.variants.callbacks = "end"
        shop.sim.cloud.fail(ASK, Fault(kind="http", status=502), times=None)
        job = await shop.submit(converted(shop))
        await until(lambda: (shop.queue.find(job.job_id) or job).current_delivery.proven_at)
        await shop.settle()
        assert shop.stored(job)["proven_at"] is not None
        assert shop.queue.get(job.job_id).state is not JobState.COMPLETED
        if closes:
            await shop.queue.async_drain()
        else:
            await shop.tick(PAGES_SECONDS - 1)
            # Told once more, its pages are to be asked for at the next turn: its end is written once.
            task_id = shop.queue.get(job.job_id).current_delivery.task_id
            assert await shop.call_back(job.current_delivery.token, task_id, "SUCCESS", 200)
            with patch.object(shop.box_jobs, "change", wraps=shop.box_jobs.change) as change:
                shop.clock.tick(1)
                await until(lambda: change.call_count)
                await asyncio.sleep(0.2)
            assert change.call_count == 1
        assert shop.queue.get(job.job_id).state is JobState.COMPLETED
        assert shop.queue.get(job.job_id).pages_printed is None
        assert shop.states(job)[-1] is JobState.COMPLETED
        if not closes:
            # The most that it can have been, of which nothing is claimed of the printer.
            await until(lambda: [row.pages for row in shop.storage.pages.rows_of_months()] == [9])
            assert shop.storage.printers[shop.key()].pages_printed == 0


async def test_a_report_that_is_not_on_disk_is_to_be_repeated(shop: Shop) -> None:
    """Answered with 200, the cloud would not repeat it; a power cut would lose it. Without one it is not lost."""
    shop.printer().seconds_per_page = 50_000
    jobs = [await shop.uploaded(await shop.submit()) for _ in range(2)]
    with refusing(shop.hass):
        for job in jobs:
            with pytest.raises(LedgerRefusedError):
                await shop.call_back(
                    job.current_delivery.token, job.current_delivery.task_id, "SUCCESS", 500
                )
            assert shop.queue.get(job.job_id) == job
            assert shop.stored(job)["state"] == "queued"
        # A repeat that changes nothing is not on disk either.
        with pytest.raises(LedgerRefusedError):
            await shop.call_back(
                jobs[0].current_delivery.token, jobs[0].current_delivery.task_id, "SUCCESS", 500
            )
    assert await shop.call_back(
        jobs[0].current_delivery.token, jobs[0].current_delivery.task_id, "SUCCESS", 500
    )
    for job in jobs:

        def has_failed(job_id: str = job.job_id) -> bool:
            return shop.queue.get(job_id).state is JobState.FAILED

        await until(has_failed)
        assert shop.stored(job)["state"] == "failed"
        assert shop.states(job)[-2:] == [JobState.QUEUED, JobState.FAILED]


@pytest.mark.parametrize("has_answer", [True, False])
async def test_a_power_cut_does_not_forget_what_was_printed(
    open_shop: OpenShop, receiver: Receiver, *, has_answer: bool
) -> None:
    """Its callback was taken, and its pages were still to come."""
    async with open_shop(receiver) as shop:
        shop.sim.cloud.variants.callbacks = "end"
        shop.sim.cloud.fail(ASK, Fault(kind="http", status=502), times=None)
        job = await shop.submit(converted(shop))
        await until(lambda: receiver.taken)
        come_back = power_goes(shop)
        entry = shop.entry
    come_back()
    if has_answer:
        shop.sim.cloud.faults.clear()
    async with open_shop(receiver, entry=entry) as shop:
        assert shop.queue.get(job.job_id).state is not JobState.COMPLETED
        done = await shop.until(job, JobState.COMPLETED, seconds=PAGES_SECONDS)
        assert done.pages_printed == (3 if has_answer else None)
        assert not receiver.bodies[1:]
        assert len(shop.sim.cloud.printed) == 1


async def test_an_end_that_the_list_had_told_is_corrected_at_once(shop: Shop) -> None:
    """Its own callback says that it was printed: it waited for its pages, over already, for ever."""
    job = await guess(shop)
    done = await shop.until(job, JobState.COMPLETED)
    shop.box_jobs.change(
        done, state=JobState.FAILED, reason="print_failed", pages=None, pages_printed=None
    )
    assert await shop.call_back(
        job.current_delivery.token, done.current_delivery.task_id, "SUCCESS", 200
    )
    reported = shop.queue.get(job.job_id)
    assert (reported.state, reported.reason) == (JobState.COMPLETED, None)
    assert not reported.current_delivery.task_from_list
    # And the pages are asked for.
    await shop.tick(15)
    assert shop.queue.get(job.job_id).pages_printed == 2


async def test_a_job_that_is_open_again_is_followed(shop: Shop) -> None:
    """The list had settled it by somebody else's task; its own callback names another one, which goes on."""
    job = await guess(shop)
    await shop.until(job, JobState.COMPLETED)
    before = shop.sim.cloud.count(ASK)
    assert await shop.call_back(job.current_delivery.token, "11111111-2222", "SENDING")
    assert shop.queue.get(job.job_id).state is JobState.UNCONFIRMED
    await shop.tick(60)
    await shop.tick(60)
    assert shop.sim.cloud.count(ASK) > before
