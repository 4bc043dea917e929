"""What happens when something breaks off halfway: a caller, a write, a request, a preview."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.lianke.api.errors import LiankeError
from custom_components.lianke.jobs.box_jobs import JOB_KIND
from custom_components.lianke.jobs.files import ledger_path
from custom_components.lianke.jobs.job import Job, JobState
from custom_components.lianke.jobs.queue import ABORT_TIME
from custom_components.lianke.ledger import Ledger, Table
from custom_components.lianke.ledger_file import LedgerClosedError, LedgerRefusedError
from tests.clock import until
from tests.jobs.conftest import CANCEL, SUBMIT, OpenShop, Shop, hanging, in_doubt, refusal
from tests.jobs.cut_off import power_goes
from tests.jobs.make import altered
from tests.ledgers import keep, refusing
from tests.simulator.faults import Fault


async def leave(hass: HomeAssistant, entry: ConfigEntry, job: Job) -> None:
    """Write a job as it is while nobody has the ledger open."""
    ledger, table = Ledger(hass, ledger_path(hass)), Table(JOB_KIND, entry.entry_id)
    await ledger.async_open()
    await ledger.async_load(table)
    await ledger.commit(lambda view: view.put(table, job.job_id, job))
    await ledger.async_close()


async def test_a_job_is_taken_whole_though_the_caller_is_cancelled(open_shop: OpenShop) -> None:
    async with open_shop() as shop:
        with hanging() as disk:
            call = asyncio.create_task(shop.submit())
            await until(lambda: disk.hangs)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            entry = shop.entry
    async with open_shop(entry=entry) as shop:
        [job] = shop.queue.jobs()
        await shop.until(job, JobState.COMPLETED)
        assert len(shop.sim.cloud.printed) == 1


async def test_a_queue_that_stops_takes_nothing(shop: Shop) -> None:
    await shop.queue.async_drain()
    document = shop.document()
    assert await refusal(shop.submit(document)) == "not_ready_getting_ready"
    assert not document.path.exists()


async def test_a_stop_waits_for_what_is_just_being_written(shop: Shop) -> None:
    await shop.switch(online=False)
    job = await shop.submit()
    with hanging() as disk:
        cancel = asyncio.create_task(shop.queue.async_cancel(job.job_id))
        await until(lambda: disk.hangs)
        stop = asyncio.create_task(shop.queue.async_drain())
        await asyncio.sleep(0.1)
        assert shop.stored(job)["state"] == "held"
        assert not stop.done()
        disk.goes_on.set()
        await stop
        assert shop.stored(job)["state"] == "canceled"
        assert (await cancel).state is JobState.CANCELED


async def test_a_cancel_that_is_being_written_holds_nothing_up(shop: Shop) -> None:
    """Where the answer to the upload came before the disk's, reviews followed one another without end."""
    shop.sim.cloud.fail(SUBMIT, Fault(kind="delay", seconds=1))
    job = await shop.submit()
    await shop.handed_over(job)
    with hanging() as disk:
        cancel = asyncio.create_task(shop.queue.async_cancel(job.job_id))
        await until(lambda: (shop.queue.find(job.job_id) or job).current_delivery.task_id)
        shop.coordinator.async_update_listeners()
        await asyncio.sleep(0)
        assert disk.hangs
        assert not cancel.done()
        disk.goes_on.set()
        await cancel
    await shop.until(job, JobState.CANCELED, JobState.COMPLETED)


async def test_what_could_not_be_written_is_written_later(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    await shop.switch(online=False)
    job = await shop.submit()
    with refusing(shop.hass):
        shop.clock.tick(13 * 3600)
        for seconds in (2, 3, 601):
            await shop.tick(seconds)
            await shop.settle()
        # It waits no longer, but nobody is told: a power cut would bring it back.
        assert (current := shop.queue.find(job.job_id)) is not None
        assert current.state is JobState.EXPIRED
        assert shop.queue.get(job.job_id).state is JobState.HELD
        assert JobState.EXPIRED not in shop.states(job)
    assert shop.stored(job)["state"] == "held"
    assert caplog.text.count("The disk refuses what is to be kept") == 1
    await shop.tick(31)
    await shop.settle()
    assert shop.stored(job)["state"] == "expired"
    assert shop.states(job).count(JobState.EXPIRED) == 1


async def test_a_cancel_during_an_upload_that_cannot_be_written_lets_it_go_on(shop: Shop) -> None:
    await shop.set_paper(0)
    job = await shop.submit()
    shop.printer().paper = None
    shop.box_jobs.change(job, state=JobState.UPLOADING, hold_reason=None)
    with refusing(shop.hass), pytest.raises(HomeAssistantError):
        await shop.queue.async_cancel(job.job_id)
    assert not shop.queue.get(job.job_id).cancel_requested
    await shop.until(job, JobState.COMPLETED)
    assert len(shop.sim.cloud.printed) == 1


async def test_nothing_of_an_unloaded_entry_writes(open_shop: OpenShop) -> None:
    """An old record over a newer one would print the job again."""
    # While another box keeps the ledger open.
    async with open_shop(number=1):
        async with open_shop() as shop:
            await shop.switch(online=False)
            job = await shop.submit()
            old = shop.box_jobs
            entry = shop.entry
        async with open_shop(entry=entry) as shop:
            await shop.queue.async_cancel(job.job_id)
            assert shop.stored(job)["state"] == "canceled"
            old.change(job, state=JobState.HELD)
            old.record(job.job_id, has_document=True)
            with pytest.raises(LedgerClosedError):
                await old.async_change(job, state=JobState.UPLOADING)
            with pytest.raises(LedgerClosedError):
                await old.async_written()
            for _ in range(3):
                await shop.tick(601)
            assert shop.stored(job)["state"] == "canceled"


async def test_what_was_reported_before_a_reload_is_not_lost_by_it(open_shop: OpenShop) -> None:
    """The disk refuses it until long after the box was unloaded: a task of ours would be a stranger's."""
    async with open_shop(number=1):
        async with open_shop() as shop:
            shop.printer().seconds_per_page = 50_000
            shop.sim.cloud.fail(SUBMIT, Fault(kind="delay", seconds=0.5))
            job = await shop.submit()
            await shop.handed_over(job)
            with refusing(shop.hass):
                await until(lambda: (shop.queue.find(job.job_id) or job).current_delivery.task_id)
                task_id = (shop.queue.find(job.job_id) or job).current_delivery.task_id
                await shop.queue.async_drain()
                # One more refusal, of what is still waiting.
                await asyncio.wait([shop.queue.ledger.commit(lambda _: None)])
                entry = shop.entry
        async with open_shop(entry=entry) as shop:
            assert (shop.queue.find(job.job_id) or job).current_delivery.task_id == task_id
            await shop.tick(31)
            assert shop.stored(job)["task_id"] == task_id
            assert shop.queue.get(job.job_id).current_delivery.task_id == task_id


async def test_an_upload_that_a_slow_disk_kept_from_ending_is_made_again(
    open_shop: OpenShop,
) -> None:
    """The box is unloaded while the disk takes its time over that the end is about to be sent: it never is."""
    async with open_shop(number=1), open_shop() as before:
        await before.gate.close()
        job = await before.submit()
        await before.gate.reached()
        with hanging() as disk:
            before.gate.open()
            await until(lambda: disk.hangs)
            stop = asyncio.create_task(before.queue.async_drain(0.1))
            await until(lambda: not before.is_uploading)
            disk.goes_on.set()
            await stop
        assert before.stored(job)["handed_over_at"] is None
        async with open_shop(entry=before.entry) as shop:
            await shop.until(job, JobState.COMPLETED)
            assert len(shop.sim.cloud.printed) == 1


async def test_an_upload_that_was_taken_after_all_is_not_made_again(shop: Shop) -> None:
    """Refused before, and its callback comes while it is written that the next end is about to be sent."""
    shop.box.online = False
    job = await shop.uploaded(await shop.submit())
    assert job.current_delivery.was_refused
    await shop.gate.close()
    shop.box.online = True
    await shop.refresh()
    shop.clock.tick(61)
    shop.coordinator.async_update_listeners()
    await shop.gate.reached()
    task_id = "11111111-2222-3333-4444-555555555555"
    with hanging() as disk:
        shop.gate.open()
        await until(lambda: (shop.queue.find(job.job_id) or job).current_delivery.handed_over_at)
        await until(lambda: disk.hangs)
        reporting = asyncio.create_task(
            shop.call_back(job.current_delivery.token, task_id, "SENDING")
        )
        await until(lambda: (shop.queue.find(job.job_id) or job).current_delivery.task_id)
        disk.goes_on.set()
        assert await reporting
    await until(lambda: not shop.is_uploading)
    assert shop.queue.get(job.job_id).current_delivery.task_id == task_id
    assert shop.queue.get(job.job_id).state is JobState.SENDING
    assert not shop.sim.cloud.tasks


async def test_what_is_asked_after_the_end_is_refused(shop: Shop) -> None:
    """While Home Assistant stops, it still answers: told canceled, the job would print after the start."""
    await shop.switch(online=False)
    job = await shop.submit()
    await shop.queue.async_drain()
    with pytest.raises(HomeAssistantError, match="change_not_saved"):
        await shop.queue.async_cancel(job.job_id)
    assert shop.stored(job)["state"] == "held"


async def test_a_clock_that_is_put_back_does_not_prolong_a_pause(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.monotonic", shop.clock.loop_time)
    shop.sim.cloud.fail(SUBMIT, Fault(kind="code", code=10009))
    job = await shop.uploaded(await shop.submit())
    assert job.current_delivery.hold_reason == "too_frequent"
    shop.clock._frozen.move_to("2026-11-24 07:00:00+00:00")
    # A minute, not three hours and a minute.
    await shop.until(job, JobState.QUEUED, JobState.PROCESSING, JobState.SENDING, seconds=90)


async def test_a_clock_that_is_put_back_does_not_hold_a_cancel_up(shop: Shop) -> None:
    shop.sim.cloud.variants.printer_off = "accepted_until_on"
    shop.printer().on = False
    shop.sim.cloud.fail(SUBMIT, Fault(kind="delay", seconds=0.5))
    job = await shop.submit()
    await shop.handed_over(job)
    cancel = asyncio.create_task(shop.queue.async_cancel(job.job_id))
    await asyncio.sleep(0.1)
    shop.clock._frozen.move_to("2026-11-24 07:00:00+00:00")
    await shop.uploaded(job)
    await cancel
    await shop.settle()
    assert shop.sim.cloud.count(CANCEL) == 1


async def test_a_clock_that_is_put_back_does_not_hold_up_a_cancel_that_failed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was asked for again after three hours and two minutes, and had come out by then."""
    monkeypatch.setattr("time.monotonic", shop.clock.loop_time)
    shop.sim.cloud.variants.printer_off = "accepted_until_on"
    shop.printer().on = False
    shop.sim.cloud.fail(SUBMIT, Fault(kind="delay", seconds=0.5))
    shop.sim.cloud.fail(CANCEL, Fault(kind="http", status=502))
    job = await shop.submit()
    await shop.handed_over(job)
    cancel = asyncio.create_task(shop.queue.async_cancel(job.job_id))
    await shop.uploaded(job)
    await cancel
    await until(lambda: shop.sim.cloud.count(CANCEL) == 1)
    await shop.settle()
    shop.clock._frozen.move_to("2026-11-24 07:00:00+00:00")
    await shop.tick(60)
    assert shop.sim.cloud.count(CANCEL) == 1
    await shop.tick(61)
    await until(lambda: shop.sim.cloud.count(CANCEL) == 2)


async def test_an_ordered_stop_lets_an_upload_end(open_shop: OpenShop, hass: HomeAssistant) -> None:
    """Home Assistant ends background tasks before it stops integrations; it waits for no count of pages."""
    async with open_shop() as shop:
        shop.sim.cloud.fail(SUBMIT, Fault(kind="delay", seconds=0.5))
        job = await shop.submit()
        await shop.handed_over(job)
        hang = asyncio.Event().wait
        with patch.object(shop.queue, "_async_counted", lambda *_, **__: hang()):
            counting = asyncio.create_task(shop.submit(replace(shop.document(), pages=None)))
            await until(lambda: shop.queue._submitting)
            stopping = asyncio.create_task(hass.async_stop(force=True))
            while not stopping.done():
                await asyncio.sleep(0.1)
                shop.clock.tick(ABORT_TIME)
        with pytest.raises(asyncio.CancelledError):
            await counting
        task_id = shop.stored(job)["task_id"]
        assert task_id is not None
        assert shop.stored(job)["state"] == "queued"
        # What is reported from now on is to be repeated.
        with pytest.raises(LedgerRefusedError):
            await shop.call_back(job.current_delivery.token, task_id, "SUCCESS", 200)


async def test_many_outcomes_are_one_visit_to_the_disk(shop: Shop) -> None:
    await shop.switch(online=False)
    jobs = [await shop.submit() for _ in range(10)]
    with hanging() as disk:
        disk.goes_on.set()
        await asyncio.gather(*(shop.queue.async_cancel(job.job_id) for job in jobs))
    assert sum(disk.visits) == 10
    assert len(disk.visits) <= 2


@pytest.mark.parametrize("answer", ["lost", "late"])
async def test_a_preview_is_no_evidence(shop: Shop, answer: str) -> None:
    shop.sim.cloud.fail(SUBMIT, Fault(kind="reset_after_body"))
    job = await shop.submit()
    await in_doubt(shop, job.job_id)
    fault = (
        Fault(kind="reset_after_accept")
        if answer == "lost"
        else Fault(kind="timeout", done=True, seconds=3600)
    )
    shop.sim.cloud.fail(SUBMIT, fault)
    preview = asyncio.create_task(shop.preview())
    await until(lambda: shop.sim.cloud.tasks)
    if answer == "lost":
        with pytest.raises(LiankeError):
            await preview
    for _ in range(40):
        await shop.tick(10)
    preview.cancel()
    await asyncio.gather(preview, return_exceptions=True)
    assert shop.queue.get(job.job_id).state is JobState.UNCONFIRMED
    assert not shop.sim.cloud.printed


@pytest.mark.parametrize(
    "fault",
    [Fault(kind="reset_before"), Fault(kind="code", code=10009)],
    ids=lambda fault: fault.kind,
)
async def test_an_expired_job_is_asked_back_until_the_cloud_answers(
    shop: Shop, fault: Fault
) -> None:
    shop.sim.cloud.variants.update(printer_off="accepted_until_on", revoked_totals="bytes")
    shop.printer().on = False
    job = await shop.submit(expires_in=timedelta(minutes=10))
    assert (await shop.uploaded(job)).state is JobState.QUEUED
    shop.sim.cloud.fail(CANCEL, fault, times=3)
    await shop.until(job, JobState.CANCELING, JobState.EXPIRED, seconds=1800, step=20)
    await shop.until(job, JobState.EXPIRED, seconds=60)
    shop.printer().on = True
    for _ in range(20):
        await shop.tick(20)
    assert not shop.sim.cloud.printed


@pytest.mark.parametrize("hold", [True, False])
async def test_an_interrupted_upload_obeys_quiet_hours(open_shop: OpenShop, *, hold: bool) -> None:
    """One that was not to wait does not wait for their end."""
    async with open_shop() as shop:
        await shop.set_paper(0)
        job = await shop.submit()
        entry = shop.entry
    left = altered(job, state=JobState.UPLOADING, hold_reason=None, hold=hold)
    await leave(shop.hass, entry, left)
    shop.printer().paper = None
    shop.hass.config_entries.async_update_entry(
        entry, options={"quiet_from": "00:00:00", "quiet_to": "08:00:00"}
    )
    async with open_shop(entry=entry) as shop:
        for _ in range(5):
            await shop.tick(30)
        again = shop.queue.get(job.job_id)
        assert (again.state, again.current_delivery.hold_reason) == (
            (JobState.HELD, "quiet_hours") if hold else (JobState.EXPIRED, None)
        )
        assert not shop.sim.cloud.printed


async def test_a_job_whose_turn_comes_in_quiet_hours_waits_for_their_end(
    open_shop: OpenShop,
) -> None:
    async with open_shop(quiet_from="02:05:00", quiet_to="08:00:00") as shop:
        shop.sim.cloud.fail(SUBMIT, Fault(kind="delay", seconds=20))
        first = await shop.submit()
        await shop.handed_over(first)
        second = await shop.submit()
        third = await shop.submit(ignore_quiet_hours=True)
        elsewhere = await shop.submit(port=4)
        await until(lambda: shop.sim.cloud.hanging)
        await shop.gate.reached()
        # What is told first of that printer.
        shop.printer(4).paper = 0
        await shop.coordinator.async_refresh()
        shop.clock._frozen.tick(timedelta(minutes=6))
        shop.clock.tick(20)
        await shop.until(third, JobState.COMPLETED)
        held = [shop.queue.get(waiting.job_id) for waiting in (second, elsewhere)]
        assert [job.state for job in held] == [JobState.HELD] * 2
        assert [job.current_delivery.hold_reason for job in held] == ["quiet_hours", "out_of_paper"]
        assert len(shop.sim.cloud.printed) == 2


async def test_a_job_that_expires_before_its_end_is_sent_is_not_printed(shop: Shop) -> None:
    shop.sim.cloud.fail(SUBMIT, Fault(kind="delay", seconds=20))
    first = await shop.submit()
    await shop.handed_over(first)
    second = await shop.submit(port=4, expires_in=timedelta(minutes=5))
    await until(lambda: shop.sim.cloud.hanging)
    await shop.gate.reached()
    shop.clock._frozen.tick(timedelta(minutes=6))
    shop.clock.tick(20)
    await shop.until(first, JobState.COMPLETED)
    await shop.until(second, JobState.EXPIRED, JobState.COMPLETED)
    assert shop.queue.get(second.job_id).state is JobState.EXPIRED
    assert len(shop.sim.cloud.printed) == 1


async def test_a_job_whose_printer_moves_before_its_end_is_sent_follows_it(shop: Shop) -> None:
    shop.sim.cloud.fail(SUBMIT, Fault(kind="delay", seconds=20))
    first = await shop.submit()
    await shop.handed_over(first)
    second = await shop.submit(port=4)
    await until(lambda: shop.sim.cloud.hanging)
    await shop.gate.reached()
    # A third one does not begin: it would take the last place of the account from its other boxes.
    third = await shop.submit(port=2)
    await until(lambda: shop.queue._uploader._places.waiting)
    laser, color = shop.printer(1), shop.printer(4)
    laser.port, color.port = color.port, laser.port
    await shop.coordinator.async_refresh()
    await shop.tick(20)
    await shop.until(second, JobState.COMPLETED)
    await shop.until(third, JobState.COMPLETED)
    places = {printed.name: printed.printer_id for printed in shop.sim.cloud.printed}
    assert places[second.current_delivery.document.name] == color.id


async def test_of_two_that_replace_each_other_the_newest_is_left(open_shop: OpenShop) -> None:
    """The old one was about to be sent when the new one came, and then the power went."""
    async with open_shop() as shop:
        await shop.gate.close()
        old = await shop.submit(replace_key="morning")
        await shop.gate.reached()
        shop.clock.tick(5)
        new = await shop.submit(replace_key="morning")
        assert shop.queue.get(old.job_id).state is JobState.UPLOADING
        come_back = power_goes(shop)
        shop.box.online = False
        await shop.coordinator.async_refresh()
        shop.gate.open()
        await shop.uploaded(new)
        entry = shop.entry
    come_back()
    async with open_shop(entry=entry) as shop:
        await until(lambda: shop.queue.get(old.job_id).state is not JobState.UPLOADING)
        assert shop.queue.get(old.job_id).reason == "replaced"
        assert shop.queue.get(new.job_id).state is JobState.HELD
        await shop.switch(online=True)
        await shop.until(new, JobState.COMPLETED)
        assert len(shop.sim.cloud.printed) == 1


def later(number: int, first: Job, **changes: Any) -> Job:
    """Return one of many jobs like the first one."""
    values = {"token": f"token {number}", "task_id": f"task {number}", "has_document": False}
    return altered(first, job_id=f"later-{number:03}", **values | changes)


async def test_a_request_id_outlives_the_limit_on_records(shop: Shop) -> None:
    document = shop.document()
    content = document.path.read_bytes()
    job = await shop.submit(document, request_id="once")
    first = await shop.until(job, JobState.COMPLETED)
    await keep(
        shop.hass, shop.entry, *(later(number, first, request_id=None) for number in range(250))
    )
    await shop.tick(7200)
    await shop.refresh()
    await shop.tick(61)
    assert len(shop.queue.jobs()) == 200
    assert (await shop.take(shop.document(content=content), request_id="once")).duplicate


async def test_the_limit_counts_beyond_the_limit_on_records(open_shop: OpenShop) -> None:
    async with open_shop(max_jobs_per_hour=300) as shop:
        first = await shop.until(await shop.submit(), JobState.COMPLETED)
        for start in range(0, 299, 100):
            numbers = range(start, min(start + 100, 299))
            await keep(shop.hass, shop.entry, *(later(number, first) for number in numbers))
            await shop.box_jobs.async_trim()
        assert await refusal(shop.submit()) == "too_many_jobs"
