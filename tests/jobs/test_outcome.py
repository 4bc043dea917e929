"""What was canceled, has expired or has failed says whether something of it may be on paper."""

import asyncio
from datetime import timedelta

import pytest

from custom_components.lianke.api.errors import BoxNotRespondingError
from custom_components.lianke.box.printer_status import PrinterStatus
from custom_components.lianke.input_error import InputError
from custom_components.lianke.jobs.job import Job, JobState
from tests.clock import until
from tests.household import show_state
from tests.jobs.conftest import ASK, CANCEL, OpenShop, Receiver, Shop
from tests.simulator.faults import Fault


async def printing(shop: Shop, **wishes: object) -> Job:
    """Return a job whose first sheet is out, and whose second one waits for paper."""
    await shop.set_paper(1)
    job = await shop.submit(shop.document(pages=3), **wishes)
    await until(lambda: any(task.pages_out for task in shop.sim.cloud.tasks.values()))
    return await shop.uploaded(job)


async def test_a_revocation_of_an_old_job_is_seen_soon(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that old is polled every five minutes; of one that is being canceled, somebody waits for the end."""
    monkeypatch.setattr("tests.simulator.printing.REVOKE_SECONDS", 500.0)
    shop.sim.cloud.variants.update(printer_off="accepted_until_on", revoked_totals="bytes")
    shop.printer().on = False
    job = await shop.submit(expires_in=timedelta(minutes=90))
    assert (await shop.uploaded(job)).state is JobState.QUEUED
    await shop.until(job, JobState.CANCELING, seconds=6000, step=60)
    (task,) = shop.sim.cloud.tasks.values()
    await until(lambda: task.state == "REVOKED")
    await shop.until(job, JobState.EXPIRED, seconds=90)


@pytest.mark.parametrize(("totals", "callbacks"), [("bytes", "end"), ("missing", "never")])
async def test_only_the_bytes_that_were_sent_show_that_nothing_was_printed(
    open_shop: OpenShop, receiver: Receiver, totals: str, callbacks: str
) -> None:
    async with open_shop(receiver) as shop:
        shop.sim.cloud.variants.update(revoked_totals=totals, callbacks=callbacks)
        shop.printer().seconds_per_page = 50_000
        await shop.uploaded(await shop.submit())
        content = shop.document(pages=3).path.read_bytes()
        waits = await shop.submit(shop.document(content=content), request_id="once")
        await shop.uploaded(waits)
        await shop.queue.async_cancel(waits.job_id)
        done = await shop.until(waits, JobState.CANCELED)
        assert done.partly_printed is (totals == "missing")
        # It was sent, and frees no request id either way.
        again = await shop.take(shop.document(content=content), request_id="once")
        assert (again.duplicate, again.job.job_id) == (True, done.job_id)


@pytest.mark.parametrize(
    ("variant", "late", "expires"),
    [
        ("prints_revoked", 0.0, True),
        ("prints_revoked", 4.0, False),
        ("revoked_prints", 0.0, False),
        ("revoked_prints", 4.0, True),
    ],
)
async def test_a_task_that_is_printed_though_it_was_canceled(
    shop: Shop, variant: str, late: float, *, expires: bool
) -> None:
    """The cloud said right before that it had not begun, and says REVOKED a moment later."""
    cloud, printer = shop.sim.cloud, shop.printer()
    cloud.variants.update(cancel=variant, printer_off="accepted_until_on")
    printer.on = False
    content = shop.document(pages=3).path.read_bytes()
    wishes = {"expires_in": timedelta(minutes=1)} if expires else {}
    job = await shop.submit(shop.document(content=content), request_id="once", **wishes)
    assert (await shop.uploaded(job)).state is JobState.QUEUED
    if late:
        cloud.fail(CANCEL, Fault(kind="delay", seconds=late / 10))
    if expires:
        await shop.tick(61)
    else:
        await shop.queue.async_cancel(job.job_id)
    printer.on = True
    printer.touch()
    done = await shop.until(job, JobState.CANCELED, JobState.EXPIRED, JobState.UNCONFIRMED)
    assert (done.state, done.partly_printed) == (
        JobState.UNCONFIRMED if expires else JobState.CANCELED,
        True,
    )
    assert (await shop.take(shop.document(content=content), request_id="once")).duplicate
    await until(lambda: cloud.printed)
    await shop.tick(120)
    assert len(cloud.printed) == 1


async def test_an_expired_job_that_is_being_printed_goes_on(shop: Shop) -> None:
    """It was `queued` at the last look; taking it back now would waste the sheets that are out."""
    job = await printing(shop, expires_in=timedelta(minutes=1))
    assert shop.queue.get(job.job_id).state is JobState.QUEUED
    await shop.tick(61)
    await until(lambda: shop.queue.get(job.job_id).state is not JobState.QUEUED)
    assert shop.queue.get(job.job_id).state is JobState.SENDING
    await shop.settle()
    assert shop.sim.cloud.count("DELETE /print/job") == 0


async def test_a_job_waits_in_the_cloud_for_as_long_as_it_may(shop: Shop) -> None:
    """After a day it was unconfirmed, never taken back, and printed days later."""
    shop.sim.cloud.variants.update(printer_off="accepted_until_on", revoked_totals="bytes")
    shop.printer().on = False
    job = await shop.uploaded(await shop.submit(expires_in=timedelta(hours=48)))
    for _ in range(7):
        await shop.tick(6 * 3600)
    assert shop.queue.get(job.job_id).state is JobState.QUEUED
    await shop.tick(7 * 3600)
    await shop.until(job, JobState.EXPIRED)


async def test_a_job_that_expired_while_we_were_off_is_taken_back(open_shop: OpenShop) -> None:
    """Once the service answers; given up before, it was printed days later and told as unconfirmed."""
    async with open_shop() as shop:
        shop.sim.cloud.variants.update(printer_off="accepted_until_on", revoked_totals="bytes")
        shop.printer().on = False
        job = await shop.uploaded(await shop.submit(expires_in=timedelta(hours=48)))
    shop.clock.tick(72 * 3600)
    for what in (ASK, CANCEL):
        shop.sim.cloud.fail(what, Fault(kind="http", status=502), times=3)
    async with open_shop(entry=shop.entry) as shop:
        await shop.until(job, JobState.EXPIRED, seconds=1800, step=30)


async def test_who_cancels_an_expired_job_that_is_being_printed_cancels_it(shop: Shop) -> None:
    """Also at the very moment in which it is looked at since it has expired."""
    job = await printing(shop, expires_in=timedelta(minutes=1))
    shop.sim.cloud.fail(ASK, Fault(kind="delay", seconds=0.3))
    shop.clock.tick(61)
    await until(lambda: shop.sim.cloud.hanging)
    assert (await shop.queue.async_cancel(job.job_id)).state is JobState.CANCELING
    assert shop.sim.cloud.count(CANCEL) == 1


async def test_a_job_whose_printer_was_removed_goes_on(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody removes the device while its box is off; the cloud still has the job."""
    # Else the cloud is done with it before the cancellation is on disk, now and then.
    monkeypatch.setattr("tests.simulator.printing.REVOKE_SECONDS", 500.0)
    shop.sim.cloud.variants.printer_off = "accepted_until_on"
    shop.printer().on = False
    jobs = [await shop.uploaded(await shop.submit()) for _ in range(2)]
    await shop.switch(online=False)
    shop.coordinator.async_forget(jobs[0].spec.printer_key)
    assert (await shop.queue.async_cancel(jobs[0].job_id)).state is JobState.CANCELING
    assert shop.sim.cloud.count(CANCEL) == 1
    task = shop.sim.cloud.tasks[str(jobs[0].current_delivery.task_id)]
    await until(lambda: task.state == "REVOKED")
    await shop.until(jobs[0], JobState.CANCELED)
    shop.printer().on = shop.box.online = True
    await shop.until(jobs[1], JobState.COMPLETED)


async def test_an_expired_job_that_may_have_begun_is_unconfirmed(shop: Shop) -> None:
    """`expired` says that nothing was printed, which nobody knows when the task could not be asked for."""
    shop.sim.cloud.variants.printer_off = "accepted_until_on"
    shop.printer().on = False
    job = await shop.submit(expires_in=timedelta(minutes=10))
    await shop.uploaded(job)
    await shop.tick(590)
    shop.sim.cloud.fail(ASK, Fault(kind="http", status=404), times=2)
    done = await shop.until(job, JobState.UNCONFIRMED)
    assert (done.reason, done.partly_printed) == ("expired_too_late", True)
    asked = shop.sim.cloud.count(ASK)
    await shop.tick(600)
    await shop.tick(600)
    assert shop.sim.cloud.count(ASK) == asked
    shop.printer().on = True
    show_state(shop.printer(), "outOfPaper")
    await shop.refresh()
    # Both its row and its own report are older than what comes.
    await shop.tick(1)
    shop.clock.tick(1)
    assert shop.coordinator.data.printers[shop.key()].status is PrinterStatus.OUT_OF_PAPER
    news: list[object] = []
    shop.coordinator.async_add_listener(lambda: news.append(shop.coordinator.data))
    # Somebody has it in their hands: all of it. What the printer needs since is another matter.
    assert not (await shop.queue.async_confirm(job.job_id)).partly_printed
    await shop.settle()
    assert not news


async def test_an_ended_job_is_not_canceled(shop: Shop) -> None:
    """Asked for first, it turns out to be printed already."""
    job = await shop.submit()
    await shop.uploaded(job)
    await shop.settle()
    done = await shop.queue.async_cancel(job.job_id)
    assert done.state is JobState.COMPLETED
    assert shop.sim.cloud.count("DELETE /print/job") == 0
    with pytest.raises(InputError):
        await shop.queue.async_cancel(job.job_id)


async def test_a_storm_of_cancels_is_one(shop: Shop) -> None:
    """Each call asked for the task and for its end: hundreds stood before everybody's tracking."""
    shop.printer().seconds_per_page = 50_000
    first = await shop.submit()
    await shop.uploaded(first)
    job = await shop.submit()
    await shop.uploaded(job)
    # The tracker has just asked for both, and keeps its distance: what is asked now the calls ask.
    await shop.until(job, JobState.PROCESSING, JobState.SENDING, step=1)
    asked, canceled = shop.sim.cloud.count(ASK), shop.sim.cloud.count(CANCEL)
    answers = await asyncio.gather(*(shop.queue.async_cancel(job.job_id) for _ in range(50)))
    assert {answer.job_id for answer in answers} == {job.job_id}
    assert shop.sim.cloud.count(ASK) == asked + 1
    assert shop.sim.cloud.count(CANCEL) == canceled + 1
    await shop.until(job, JobState.CANCELED)


async def test_a_cancel_that_fails_fails_for_all_who_wait(shop: Shop) -> None:
    shop.printer().seconds_per_page = 50_000
    job = await shop.submit()
    await shop.uploaded(job)
    shop.sim.cloud.fail(CANCEL, Fault(kind="code", code=500))
    calls = [shop.queue.async_cancel(job.job_id) for _ in range(5)]
    failed = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(err) for err in failed} == {BoxNotRespondingError}
    assert shop.sim.cloud.count(CANCEL) == 1
    # Nothing stands in the way of the next try.
    await shop.queue.async_cancel(job.job_id)
    await shop.until(job, JobState.CANCELED)
