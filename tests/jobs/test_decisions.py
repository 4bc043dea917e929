"""Decisions that the disk refuses while others follow them, and a box that is reloaded while one is written.

What was refused was never decided: whoever asked hears of it, nothing else goes by it, and nothing is lost for it.
"""

import asyncio
from pathlib import Path
from threading import Event
from typing import Any

from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.lianke.input_error import InputError
from custom_components.lianke.jobs import box_jobs, files, queue
from custom_components.lianke.jobs.job import Job, JobState
from tests.clock import until
from tests.jobs.conftest import SUBMIT, OpenShop, Shop, full, hanging, refusal
from tests.ledgers import refusing, rows
from tests.simulator.faults import Fault

BOTH = ("approval", "release")


def latest(shop: Shop, job: Job) -> Job:
    """Return a job as it will be if the disk takes what is asked of it."""
    found = shop.queue.find(job.job_id)
    assert found is not None
    return found


@pytest.fixture
def flushing(large: None, monkeypatch: pytest.MonkeyPatch) -> Event:
    """Let documents be on disk once this is set."""
    flush, on_disk = files._flush, Event()

    def slow(paths: list[Path]) -> None:
        assert on_disk.wait(timeout=60)
        flush(paths)

    monkeypatch.setattr(files, "_flush", slow)
    return on_disk


async def refused_by_the_box(shop: Shop, **changes: Any) -> Job:
    """Return a job that the cloud has all of, and refuses in ten seconds."""
    shop.box.online = False
    shop.sim.cloud.fail(SUBMIT, Fault(kind="delay", seconds=10))
    job = await shop.submit(**changes)
    await shop.handed_over(job)
    shop.clock.tick(1)
    return job


async def test_nothing_is_sent_of_a_job_that_is_not_on_disk(shop: Shop) -> None:
    with hanging() as disk:
        submitting = asyncio.create_task(shop.submit())
        await until(lambda: disk.hangs)
        shop.coordinator.async_update_listeners()
        await asyncio.sleep(0.2)
        assert not shop.sim.cloud.count(SUBMIT)
        assert not shop.queue.jobs()
        assert not submitting.done()
    await shop.until(await submitting, JobState.COMPLETED)


async def test_nothing_is_sent_of_it_by_who_is_sending_another(shop: Shop) -> None:
    """The end of one upload begins the next one of the printer."""
    shop.sim.cloud.fail(SUBMIT, Fault(kind="delay", seconds=10))
    first = await shop.submit()
    await shop.handed_over(first)
    with hanging() as disk:
        submitting = asyncio.create_task(shop.submit())
        await until(lambda: disk.hangs)
        shop.clock.tick(11)
        await until(lambda: latest(shop, first).current_delivery.task_id)
        await asyncio.sleep(0.2)
        assert shop.sim.cloud.count(SUBMIT) == 1
        # Nor has one begun.
        assert not any(account.in_flight for account in shop.sim.cloud.accounts)
    await shop.until(await submitting, JobState.COMPLETED)


async def test_nothing_is_sent_before_the_answer_is_on_disk(shop: Shop) -> None:
    job = await shop.submit(waits_for=("approval",))
    with hanging() as disk:
        answering = asyncio.create_task(shop.queue.async_continue(job.job_id))
        await until(lambda: disk.hangs)
        shop.coordinator.async_update_listeners()
        await asyncio.sleep(0.2)
        assert not shop.sim.cloud.count(SUBMIT)
        # Nor is anybody told.
        assert shop.queue.get(job.job_id).waits_for == ("approval",)
        assert not answering.done()
    await answering
    await shop.until(job, JobState.COMPLETED)


async def test_who_releases_a_job_has_not_approved_it(shop: Shop) -> None:
    """The disk refuses the approval while the release follows it."""
    job = await shop.submit(waits_for=BOTH)
    with hanging() as disk:
        disk.refusals = 1
        approving = asyncio.create_task(shop.queue.async_continue(job.job_id))
        await until(lambda: disk.hangs)
        releasing = asyncio.create_task(shop.queue.async_continue(job.job_id))
        await until(lambda: not latest(shop, job).waits_for)
        disk.goes_on.set()
        answers = await asyncio.gather(approving, releasing, return_exceptions=True)
    assert [str(answer) for answer in answers] == ["change_not_saved", "job_not_waiting"]
    assert isinstance(answers[0], HomeAssistantError)
    assert isinstance(answers[1], InputError)
    await shop.tick(120)
    reported = shop.queue.get(job.job_id)
    assert (reported.state, reported.waits_for) == (JobState.HELD, BOTH)
    assert not reported.spec.approved
    assert not shop.sim.cloud.count(SUBMIT)
    # Asked again, both count.
    for reason in BOTH:
        await shop.queue.async_continue(job.job_id, reason=reason)
    await shop.until(job, JobState.COMPLETED)


async def test_of_two_answers_the_second_does_not_stand_for_the_refused_first(shop: Shop) -> None:
    job = await shop.submit(waits_for=("approval",))
    with hanging() as disk:
        disk.refusals = 1
        rejecting = asyncio.create_task(shop.queue.async_reject(job.job_id))
        await until(lambda: disk.hangs)
        assert await refusal(shop.queue.async_continue(job.job_id)) == "job_not_waiting"
        disk.goes_on.set()
        with pytest.raises(HomeAssistantError, match="change_not_saved"):
            await rejecting
    assert shop.queue.get(job.job_id).waits_for == ("approval",)
    assert JobState.CANCELED not in shop.states(job)


async def test_a_decision_that_does_not_depend_on_the_refused_one_stands(shop: Shop) -> None:
    await shop.switch(online=False)
    jobs = [await shop.submit() for _ in range(2)]
    with hanging() as disk:
        disk.refusals = 1
        first = asyncio.create_task(shop.queue.async_cancel(jobs[0].job_id))
        await until(lambda: disk.hangs)
        second = asyncio.create_task(shop.queue.async_cancel(jobs[1].job_id))
        await until(lambda: latest(shop, jobs[1]).is_final)
        disk.goes_on.set()
        with pytest.raises(HomeAssistantError, match="change_not_saved"):
            await first
        assert (await second).state is JobState.CANCELED
    assert [shop.stored(job)["state"] for job in jobs] == ["held", "canceled"]
    # The person can decide it once more.
    assert (await shop.queue.async_cancel(jobs[0].job_id)).state is JobState.CANCELED


async def test_a_successor_that_the_disk_refuses_replaces_nothing(shop: Shop) -> None:
    """The upload of the old one is refused while the new one is being written."""
    old = await refused_by_the_box(shop, replace_key="briefing")
    with hanging() as disk:
        disk.refusals = 1
        submitting = asyncio.create_task(shop.submit(replace_key="briefing"))
        await until(lambda: disk.hangs)
        shop.clock.tick(10)
        # As long as the new one is to come, the old one has ended for it.
        await until(lambda: latest(shop, old).reason == "replaced")
        disk.goes_on.set()
        with pytest.raises(HomeAssistantError, match="disk_full"):
            await submitting
    assert (await shop.uploaded(old)).state is JobState.HELD
    assert JobState.CANCELED not in shop.states(old)
    assert shop.stored(old)["state"] == "held"
    await shop.switch(online=True)
    await shop.until(old, JobState.COMPLETED)


@pytest.mark.parametrize("is_safe", [True, False])
async def test_a_refused_upload_waits_until_its_successor_is_safe(
    shop: Shop, flushing: Event, monkeypatch: pytest.MonkeyPatch, *, is_safe: bool
) -> None:
    """The document of the new one may not reach the disk."""
    flushing.set()
    old = await refused_by_the_box(shop, replace_key="briefing")
    flushing.clear()
    submitting = asyncio.create_task(shop.submit(replace_key="briefing"))
    await until(lambda: shop.queue.ledger._staged)
    shop.clock.tick(10)
    await until(lambda: latest(shop, old).state is JobState.HELD)
    if is_safe:
        flushing.set()
        new = await submitting
        assert (await shop.uploaded(new)).state is JobState.HELD
        assert shop.queue.get(old.job_id).reason == "replaced"
        return
    monkeypatch.setattr(files, "flush_to_disk", full)
    flushing.set()
    with pytest.raises(HomeAssistantError, match="disk_full"):
        await submitting
    monkeypatch.undo()
    await shop.switch(online=True)
    await shop.until(old, JobState.COMPLETED)
    assert [job.job_id for job in shop.queue.jobs()] == [old.job_id]


@pytest.mark.parametrize("is_saved", [True, False])
async def test_an_upload_that_is_refused_while_it_is_canceled(
    shop: Shop, *, is_saved: bool
) -> None:
    """Whoever heard that the cancellation was not saved finds the job where it was."""
    job = await refused_by_the_box(shop)
    with hanging() as disk:
        disk.refusals = 0 if is_saved else 1
        canceling = asyncio.create_task(shop.queue.async_cancel(job.job_id))
        await until(lambda: disk.hangs)
        shop.clock.tick(10)
        await until(lambda: latest(shop, job).current_delivery.was_refused)
        disk.goes_on.set()
        if is_saved:
            assert (await canceling).state is JobState.CANCELED
            return
        with pytest.raises(HomeAssistantError, match="change_not_saved"):
            await canceling
    assert (await shop.uploaded(job)).state is JobState.HELD
    assert not shop.queue.get(job.job_id).cancel_requested
    await shop.switch(online=True)
    await shop.until(job, JobState.COMPLETED)
    assert JobState.CANCELED not in shop.states(job)
    assert len(shop.sim.cloud.printed) == 1


@pytest.mark.parametrize("is_saved", [True, False])
async def test_what_is_reported_while_somebody_confirms_is_not_lost(
    shop: Shop, *, is_saved: bool
) -> None:
    job = await shop.until(await shop.submit(), JobState.COMPLETED)
    job = shop.box_jobs.change(job, state=JobState.UNCONFIRMED, reason="no_outcome")
    await shop.box_jobs.async_written()
    with hanging() as disk:
        disk.refusals = 0 if is_saved else 1
        confirming = asyncio.create_task(shop.queue.async_confirm(job.job_id))
        await until(lambda: disk.hangs)
        report = shop.call_back(
            job.current_delivery.token, job.current_delivery.task_id, "SUCCESS", 500
        )
        reporting = asyncio.create_task(report)
        await asyncio.sleep(0.1)
        assert not reporting.done()
        disk.goes_on.set()
        results = await asyncio.gather(confirming, return_exceptions=True)
        assert await reporting
    assert isinstance(results[0], Job if is_saved else HomeAssistantError)
    assert shop.queue.get(job.job_id).state is (JobState.COMPLETED if is_saved else JobState.FAILED)


async def test_a_repeat_that_may_be_lost_is_refused(shop: Shop) -> None:
    """What it would be told of the first one is not on disk."""
    await shop.switch(online=False)
    document = shop.document()
    content = document.path.read_bytes()
    first = await shop.submit(document, request_id="once")
    with refusing(shop.hass):
        shop.box_jobs.change(first, hold_reason="disconnected")
        with pytest.raises(HomeAssistantError, match="disk_full"):
            await shop.submit(shop.document(content=content), request_id="once")
    again = await shop.take(shop.document(content=content), request_id="once")
    assert again.duplicate
    assert again.job.job_id == first.job_id


@pytest.mark.parametrize("refusals", [1, 9])
async def test_a_job_whose_end_is_sent_is_told_of(
    shop: Shop, flushing: Event, refusals: int
) -> None:
    """Its document reached the disk late, and the disk refused to note that, but not what came after it."""
    await shop.gate.close()
    submitting = asyncio.create_task(shop.submit())
    await until(lambda: shop.is_uploading)
    with hanging() as disk:
        disk.refusals = refusals
        flushing.set()
        await until(lambda: disk.hangs)
        await shop.gate.reached()
        shop.gate.open()
        (job,) = shop.box_jobs.latest.values()
        await until(lambda: latest(shop, job).current_delivery.handed_over_at)
        disk.goes_on.set()
        if refusals == 1:
            assert (await submitting).job_id == job.job_id
        else:
            with pytest.raises(HomeAssistantError, match="disk_full"):
                await submitting
            disk.refusals = 0
    if refusals == 1:
        await shop.until(job, JobState.COMPLETED)
    await shop.tick(120)
    if refusals == 1:
        await until(lambda: shop.sim.cloud.printed)
    assert len(shop.sim.cloud.printed) == (refusals == 1)
    assert len(shop.queue.jobs()) == (refusals == 1)


# A box that is reloaded while the ledger stays open for another one


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an unload wait for nothing."""
    monkeypatch.setattr(queue, "ABORT_TIME", 0.1)
    monkeypatch.setattr(box_jobs, "CLOSE_TIME", 0.1)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("is_taken", [True, False])
async def test_a_job_that_was_being_accepted_when_its_box_was_reloaded(
    open_shop: OpenShop, *, is_taken: bool
) -> None:
    """What the disk does with it is what its caller hears, and what the next instance does."""
    async with open_shop(number=1), open_shop() as before:
        with hanging() as disk:
            disk.refusals = 0 if is_taken else 1
            submitting = asyncio.create_task(before.submit())
            await until(lambda: disk.hangs)
            await before.queue.async_drain(0.1)
            opening = open_shop(entry=before.entry)
            is_open = asyncio.create_task(opening.__aenter__())
            await asyncio.sleep(0.2)
            assert not is_open.done()
            assert not submitting.done()
            disk.goes_on.set()
            shop = await is_open
            try:
                if is_taken:
                    job = await submitting
                    assert [one.job_id for one in shop.queue.jobs()] == [job.job_id]
                    await shop.until(job, JobState.COMPLETED)
                else:
                    with pytest.raises(HomeAssistantError, match="disk_full"):
                        await submitting
                await shop.tick(120)
                if is_taken:
                    await until(lambda: shop.sim.cloud.printed)
                assert len(shop.sim.cloud.printed) == is_taken
                assert len(shop.queue.jobs()) == is_taken
            finally:
                await opening.__aexit__(None, None, None)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("is_taken", [True, False])
async def test_an_answer_that_was_being_written_when_its_box_was_reloaded(
    open_shop: OpenShop, *, is_taken: bool
) -> None:
    """The next instance took the job for approved, and sent it although the disk had refused that."""
    async with open_shop(number=1), open_shop() as before:
        job = await before.submit(waits_for=("approval",))
        with hanging() as disk:
            disk.refusals = 0 if is_taken else 1
            answering = asyncio.create_task(before.queue.async_continue(job.job_id))
            await until(lambda: disk.hangs)
            await before.queue.async_drain(0.1)
            opening = open_shop(entry=before.entry)
            is_open = asyncio.create_task(opening.__aenter__())
            await asyncio.sleep(0.2)
            assert not is_open.done()
            disk.goes_on.set()
            shop = await is_open
            try:
                said = (await asyncio.gather(answering, return_exceptions=True))[0]
                assert isinstance(said, Job if is_taken else HomeAssistantError)
                await shop.tick(120)
                if is_taken:
                    await until(lambda: shop.sim.cloud.tasks)
                reported = shop.queue.get(job.job_id)
                assert reported.waits_for == (() if is_taken else ("approval",))
                assert len(shop.sim.cloud.tasks) == is_taken
            finally:
                await opening.__aexit__(None, None, None)


@pytest.mark.usefixtures("impatient")
async def test_a_box_is_not_set_up_while_the_disk_hangs(
    open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(box_jobs, "LOAD_TIME", 0.1)
    async with open_shop(number=1) as other, open_shop() as before:
        job = await before.submit(waits_for=("approval",))
        with hanging() as disk:
            answering = asyncio.create_task(before.queue.async_continue(job.job_id))
            await until(lambda: disk.hangs)
            await before.queue.async_drain(0.1)
            jobs = box_jobs.BoxJobs(before.coordinator, other.queue.ledger)
            with pytest.raises(TimeoutError):
                await jobs.async_load()
            disk.goes_on.set()
            await answering
            await jobs.async_load()
            assert jobs.committed[job.job_id].waits_for == ()


@pytest.mark.usefixtures("impatient")
async def test_a_job_whose_document_was_being_written_when_its_box_was_reloaded_never_was(
    open_shop: OpenShop, flushing: Event
) -> None:
    async with open_shop(number=1), open_shop() as before:
        document = before.document()
        content = document.path.read_bytes()
        submitting = asyncio.create_task(before.submit(document, request_id="once"))
        await until(lambda: before.queue.ledger._staged)
        ((_, _, job_id),) = before.queue.ledger._staged
        await before.queue.async_drain(0.1)
        async with open_shop(entry=before.entry) as shop:
            assert shop.queue.find(job_id) is None
            assert not (shop.folder / job_id).exists()
            flushing.set()
            with pytest.raises(InputError, match="not_ready_getting_ready"):
                await submitting
            await shop.box_jobs.async_written()
            assert not shop.queue.ledger._staged
            # Its request id is free: the caller may ask again.
            again = await shop.take(shop.document(content=content), request_id="once")
            assert not again.duplicate
            await shop.until(again.job, JobState.COMPLETED)
            assert len(shop.sim.cloud.printed) == 1
            found = rows(shop.folder.parent, "job", shop.entry.entry_id)
            assert [row["job_id"] for row in found] == [again.job.job_id]
