"""What a stop, a crash or a damaged disk does to jobs."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
import os
from pathlib import Path
import stat
from threading import Event
from unittest.mock import patch

from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util
import pytest

from custom_components.lianke.documents.spool import flush_to_disk
from custom_components.lianke.jobs import files, rules
from custom_components.lianke.jobs.files import JobFiles
from custom_components.lianke.jobs.job import Job, JobState
from custom_components.lianke.ledger_file import LedgerFile, Row, RowKey
from tests.clock import until
from tests.jobs.conftest import SUBMIT, OpenShop, Shop, full, hanging
from tests.jobs.cut_off import power_goes
from tests.ledgers import refusing


def folders(shop: Shop) -> set[str]:
    """Return the jobs that have a folder for documents."""
    return {path.name for path in shop.folder.iterdir() if path.is_dir()}


async def test_a_job_that_was_just_being_written_never_was(
    open_shop: OpenShop, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_shop() as shop:
        await shop.set_paper(0)
        with hanging() as disk:
            submitting = asyncio.create_task(shop.submit())
            await until(lambda: disk.hangs)
            # Its document lies there already, and its row is about to.
            (job_id,) = folders(shop)
            come_back = power_goes(shop)
        await submitting
        entry = shop.entry
    come_back()
    assert folders(shop) == {job_id}
    async with open_shop(entry=entry) as shop:
        assert not shop.queue.jobs()
        assert not folders(shop)
        await shop.set_paper(None)
        await shop.tick(120)
        assert not shop.sim.cloud.tasks
    assert "set aside" not in caplog.text


@pytest.mark.parametrize("left", [None, 0, 100], ids=["nothing", "a name", "a part"])
async def test_a_lost_document_fails_the_job(shop: Shop, left: int | None) -> None:
    await shop.set_paper(0)
    job = await shop.submit()
    document = shop.folder / job.job_id / "document.pdf"
    if left is None:
        document.unlink()
    else:
        # So a power cut leaves what was not flushed yet.
        os.truncate(document, left)
    await shop.set_paper(None)
    done = await shop.until(job, JobState.FAILED)
    assert done.reason == "document_unreadable"
    assert shop.sim.cloud.count(SUBMIT) == 0


type Refuses = Callable[[Shop], AbstractContextManager[object]]


def refuses_rows(shop: Shop) -> AbstractContextManager[None]:
    return refusing(shop.hass)


def fails(what: str) -> Refuses:
    """Return what lets this fail."""
    return lambda _: patch(what, full)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(
    ("refuses", "paper"),
    [
        (refuses_rows, None),
        (refuses_rows, 0),
        (fails("custom_components.lianke.jobs.files._flush"), None),
        (fails("custom_components.lianke.jobs.files._flush"), 0),
        (fails("pathlib.Path.rename"), None),
    ],
    ids=[
        "the record",
        "the record of a held one",
        "the document",
        "the document of a held one",
        "nothing at all",
    ],
)
async def test_what_a_disk_does_not_take_is_refused(
    shop: Shop, refuses: Refuses, paper: int | None
) -> None:
    """The caller was told that there is no job: there is none, and nobody else was told of one."""
    await shop.set_paper(paper)
    document = shop.document()
    with refuses(shop), pytest.raises(HomeAssistantError) as refused:
        await shop.submit(document)
    assert refused.value.translation_key == "disk_full"
    await shop.tick(120)
    assert not shop.box_jobs.latest
    assert not shop.history
    assert not document.path.exists()
    assert not folders(shop)
    # An upload may have begun meanwhile; none has ended.
    assert not shop.sim.cloud.tasks
    assert shop.box_jobs._by_token == {}


@pytest.mark.parametrize("waits_for", [None, ("approval",)])
async def test_what_was_refused_and_came_true_all_the_same_does_not_print(
    open_shop: OpenShop, waits_for: tuple[str, ...] | None
) -> None:
    """A flush that failed says nothing of what the disk has: after a power cut the row may be there."""
    write = LedgerFile.write

    def fail_late(self: LedgerFile, changes: Mapping[RowKey, Row | None]) -> None:
        write(self, changes)
        raise OSError(5, "Input/output error")

    async with open_shop() as shop:
        with patch.object(LedgerFile, "write", fail_late):
            with pytest.raises(HomeAssistantError, match="disk_full"):
                await shop.submit(request_id="once", waits_for=waits_for)
            come_back = power_goes(shop)
        assert not shop.queue.jobs()
        entry = shop.entry
    come_back()
    async with open_shop(entry=entry) as shop:
        (job,) = shop.queue.jobs()
        if waits_for:
            await shop.queue.async_continue(job.job_id)
        done = await shop.until(job, JobState.FAILED)
        assert done.reason == "document_unreadable"
        assert not shop.sim.cloud.tasks
        # Whoever asked may ask again.
        assert not (await shop.take(request_id="once")).duplicate


async def test_a_disk_that_fills_up_during_the_upload_sends_nothing(shop: Shop) -> None:
    await shop.set_paper(0)
    job = await shop.submit()
    reasons: list[str | None] = []
    shop.queue.watch(lambda: reasons.append(shop.queue.hold_reason(shop.key())), shop.key())
    with refusing(shop.hass):
        await shop.set_paper(None)
        for _ in range(20):
            if shop.queue.get(job.job_id).current_delivery.hold_reason == "disk_full":
                break
            await shop.tick(5)
        assert shop.queue.get(job.job_id).current_delivery.hold_reason == "disk_full"
        assert reasons[-1] == "disk_full"
        # Nothing else is told that is not on disk: after a restart it would print all the same.
        assert shop.queue.get(job.job_id).state is JobState.HELD
        assert shop.states(job) == [JobState.HELD]
        assert not shop.sim.cloud.tasks
    await shop.until(job, JobState.COMPLETED)
    assert len(shop.sim.cloud.printed) == 1


async def test_a_box_is_reloaded_although_the_disk_refuses(open_shop: OpenShop) -> None:
    # While another box keeps the ledger open.
    async with open_shop(number=1):
        async with open_shop() as shop:
            await shop.switch(online=False)
            waiting = await shop.submit()
            expiring = await shop.submit(expires_in=timedelta(minutes=5))
            entry = shop.entry
            with refusing(shop.hass):
                await shop.tick(600)
                await shop.queue.async_drain()
        with refusing(shop.hass):
            async with open_shop(entry=entry) as shop:
                await shop.switch(online=True)
                for _ in range(4):
                    await shop.tick(60)
                assert shop.queue.get(waiting.job_id).current_delivery.hold_reason == "disk_full"
                # Nobody is told of its end yet, and it does not print all the same.
                assert shop.queue.get(expiring.job_id).state is JobState.HELD
                assert not shop.sim.cloud.tasks
        async with open_shop(entry=entry) as shop:
            await shop.until(waiting, JobState.COMPLETED)
            assert shop.queue.get(expiring.job_id).state is JobState.EXPIRED
            assert len(shop.sim.cloud.printed) == 1


async def test_an_end_that_is_on_disk_while_its_box_is_not_loaded_is_told_once_it_is(
    open_shop: OpenShop,
) -> None:
    """Reported while the disk refused, and written while the box was set up anew: nobody listened just then."""
    # While another box keeps the ledger open.
    async with open_shop(number=1) as other:
        async with open_shop() as shop:
            await shop.switch(online=False)
            job = await shop.submit(expires_in=timedelta(minutes=5))
            entry = shop.entry
            with refusing(shop.hass):
                await shop.tick(600)
                await shop.queue.async_drain()
        for _ in range(4):
            await other.tick(30)
        async with open_shop(entry=entry) as shop:
            assert shop.queue.get(job.job_id).state is JobState.EXPIRED
            assert shop.states(job) == [JobState.EXPIRED]
        # Once.
        async with open_shop(entry=entry) as shop:
            await shop.settle()
            assert shop.states(job) == []


async def test_who_waits_hears_that_the_disk_is_full(shop: Shop) -> None:
    await shop.gate.close()
    job = await shop.submit()
    await shop.gate.reached()
    waiting = asyncio.create_task(shop.queue.async_wait(job.job_id, 600))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    with refusing(shop.hass):
        shop.gate.open()
        reported = await waiting
    assert (reported.state, reported.current_delivery.hold_reason) == (JobState.HELD, "disk_full")
    await shop.until(job, JobState.COMPLETED)


async def test_what_is_not_to_wait_does_not_wait_for_a_full_disk(shop: Shop) -> None:
    await shop.gate.close()
    job = await shop.submit(hold=False)
    # The end of its upload is about to be sent.
    await shop.gate.reached()
    with refusing(shop.hass):
        shop.gate.open()
        await until(lambda: not shop.is_uploading)
        await shop.tick(5)
        # As for an end, nobody is told what the disk does not have.
        assert shop.queue.get(job.job_id).state is JobState.UPLOADING
    await shop.until(job, JobState.FAILED, JobState.COMPLETED)
    assert (shop.queue.get(job.job_id).reason, shop.sim.cloud.tasks) == ("disk_full", {})


async def test_a_small_document_is_on_disk_before_its_record(shop: Shop) -> None:
    written: list[str] = []
    write = LedgerFile.write

    def flush(path: Path) -> None:
        flush_to_disk(path)
        written.append(path.name)

    def note(self: LedgerFile, rows: Mapping[RowKey, Row | None]) -> None:
        write(self, rows)
        written.extend(f"the row of {key.record_id}" for key in rows)

    with patch.object(files, "flush_to_disk", flush), patch.object(LedgerFile, "write", note):
        job = await shop.submit()
    row = f"the row of {job.job_id}"
    assert written[:4] == ["document.pdf", job.job_id, shop.folder.name, row]


@pytest.mark.usefixtures("large")
async def test_a_large_document_is_flushed_after_its_row(shop: Shop) -> None:
    """Beside it, the row would wait for all of the document, and the upload's begin for the row."""
    written: list[str] = []
    flush, write = files._flush, LedgerFile.write

    def note_flush(paths: list[Path]) -> None:
        written.append("document")
        flush(paths)

    def note_write(self: LedgerFile, rows: Mapping[RowKey, Row | None]) -> None:
        write(self, rows)
        written.append("row")

    with patch.object(files, "_flush", note_flush), patch.object(LedgerFile, "write", note_write):
        await shop.submit()
    assert written[:2] == ["row", "document"]


@pytest.mark.usefixtures("large")
async def test_the_end_of_an_upload_waits_for_the_document_to_be_on_disk(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_disk = Event()
    monkeypatch.setattr(files, "_flush", lambda _: on_disk.wait(timeout=10))
    submitting = asyncio.create_task(shop.submit())
    await until(lambda: shop.is_uploading)
    await asyncio.sleep(0.3)
    assert not submitting.done()
    # Nor is anybody told of a job that a power cut would still undo.
    assert not shop.queue.jobs()
    assert not shop.history
    (job,) = shop.box_jobs.latest.values()
    assert job.current_delivery.handed_over_at is None
    assert not shop.sim.cloud.tasks
    on_disk.set()
    await shop.until(await submitting, JobState.COMPLETED)


@pytest.mark.usefixtures("large")
async def test_the_one_to_be_replaced_stays_until_its_successor_is_safe(shop: Shop) -> None:
    await shop.set_paper(0)
    old = await shop.submit(replace_key="briefing")
    with patch.object(files, "_flush", full), pytest.raises(HomeAssistantError):
        await shop.submit(replace_key="briefing")
    assert [job.job_id for job in shop.queue.jobs()] == [old.job_id]
    assert folders(shop) == {old.job_id}
    assert shop.queue.get(old.job_id).state is JobState.HELD
    new = await shop.submit(replace_key="briefing")
    assert shop.queue.get(old.job_id).state is JobState.CANCELED
    assert shop.queue.get(new.job_id).state is JobState.HELD


@pytest.mark.usefixtures("large")
async def test_of_the_replaced_and_its_successor_one_prints(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The printer is ready again while the successor's document is still being flushed."""
    on_disk = Event()
    real = files._flush

    def slow(paths: list[Path]) -> None:
        on_disk.wait(timeout=10)
        real(paths)

    await shop.set_paper(0)
    old = await shop.submit(replace_key="briefing")
    monkeypatch.setattr(files, "_flush", slow)
    submitting = asyncio.create_task(shop.submit(replace_key="briefing"))
    await asyncio.sleep(0.2)
    shop.printer().paper = None
    shop.clock.tick(1)
    await shop.coordinator.async_refresh()
    # It is ready from now on, and has been for long enough.
    readiness = shop.queue._uploader.readiness
    await until(lambda: readiness.check(shop.key(), dt_util.utcnow()).reason == "getting_ready")
    shop.clock.tick(61)
    shop.coordinator.async_update_listeners()
    await asyncio.sleep(0.2)
    assert shop.queue.get(old.job_id).state is JobState.HELD
    on_disk.set()
    new = await submitting
    await shop.until(new, JobState.COMPLETED)
    assert shop.queue.get(old.job_id).state is JobState.CANCELED
    assert len(shop.sim.cloud.printed) == 1


async def test_one_that_is_refused_while_its_successor_is_written_is_replaced(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs, take = shop.box_jobs, JobFiles.async_take_over
    await shop.switch(online=False)
    old = await shop.submit(replace_key="briefing")
    monkeypatch.setattr(shop.queue._uploader, "start", lambda _: None)
    jobs.change(old, state=JobState.UPLOADING, hold_reason=None)

    async def refused(self: JobFiles, job: Job, spooled: Sequence[Path]) -> bool:
        is_flushed = await take(self, job, spooled)
        jobs.change(old, state=JobState.HELD, hold_reason="box_offline")
        return is_flushed

    monkeypatch.setattr(JobFiles, "async_take_over", refused)
    await shop.submit(replace_key="briefing")
    assert shop.queue.get(old.job_id).reason == "replaced"


@pytest.mark.usefixtures("large")
async def test_a_job_nobody_was_told_of_is_not_resumed(
    open_shop: OpenShop, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The power went while its document was being flushed; what the file holds now is anybody's guess."""
    flush, on_disk = files._flush, Event()

    def slow(paths: list[Path]) -> None:
        on_disk.wait(timeout=60)
        flush(paths)

    async with open_shop() as shop:
        await shop.switch(online=False)
        reported = await shop.submit()
        monkeypatch.setattr(files, "_flush", slow)
        submitting = asyncio.create_task(shop.submit())
        await until(lambda: len(shop.queue.ledger._staged) == 1)
        ((_, _, unreported),) = shop.queue.ledger._staged
        come_back = power_goes(shop)
        on_disk.set()
        assert (await submitting).job_id == unreported
        entry = shop.entry
    come_back()
    assert folders(shop) == {reported.job_id, unreported}
    async with open_shop(entry=entry) as shop:
        assert [job.job_id for job in shop.queue.jobs()] == [reported.job_id]
        assert shop.queue.find(unreported) is None
        assert folders(shop) == {reported.job_id}
    assert "set aside" not in caplog.text


async def test_the_tasks_of_forgotten_jobs_stay_ours(shop: Shop) -> None:
    job = await shop.until(await shop.submit(), JobState.COMPLETED)
    await shop.tick(2)
    reported: list[str] = []
    shop.queue.watch(lambda: reported.append("printer"), job.spec.printer_key)
    with patch.object(rules, "MAX_RECORDS", 0), patch.object(rules, "RATE_PERIOD", timedelta()):
        await shop.box_jobs.async_trim()
    assert not shop.queue.jobs()
    await shop.settle()
    # The last job is no more: sensors show that.
    assert reported
    assert job.current_delivery.task_id in shop.queue.own_task_ids


async def test_everything_is_private_and_documents_go(shop: Shop) -> None:
    job = await shop.submit()
    root = shop.folder
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    assert stat.S_IMODE((root / job.job_id).stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (root / job.job_id).iterdir()}
    assert modes == {"document.pdf": 0o600}
    await shop.until(job, JobState.COMPLETED)
    await shop.tick(2)
    assert not [*(root / job.job_id).iterdir()]
    assert not shop.queue.get(job.job_id).has_document
