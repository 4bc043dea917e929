"""What a stop, a crash or a damaged disk does to jobs."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
import os
from pathlib import Path
import stat
from threading import Event
from unittest.mock import patch

from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.lianke.documents.spool import write_new
from custom_components.lianke.jobs import retention, store
from custom_components.lianke.jobs.job import Job, JobState
from custom_components.lianke.jobs.store import FLUSHING_NAME, JobStore
from tests.clock import until
from tests.jobs.conftest import SUBMIT, OpenShop, Shop, full
from tests.simulator.faults import Fault


async def test_a_job_that_was_just_being_written_never_was(
    open_shop: OpenShop, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_shop() as shop:
        entry, root = shop.entry, shop.folder
    for name, files in (("part-A", ["document.pdf"]), ("part-B", ["document.pdf", "job.json"])):
        (root / name).mkdir(parents=True)
        for file in files:
            (root / name / file).write_bytes(b"%PDF-")
    async with open_shop(entry=entry) as shop:
        assert not shop.queue.jobs()
        assert not [path for path in root.iterdir() if path.is_dir()]
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


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every document flushed beside its upload, as large ones are."""
    monkeypatch.setattr(store, "SMALL_BYTES", 0)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(
    ("what", "paper"),
    [
        ("custom_components.lianke.jobs.store.write_new", None),
        ("custom_components.lianke.jobs.store._flush", None),
        ("custom_components.lianke.jobs.store._flush", 0),
        ("pathlib.Path.rename", None),
    ],
    ids=["the record", "the document", "the document of a held one", "nothing at all"],
)
async def test_what_a_disk_does_not_take_is_refused(
    shop: Shop, what: str, paper: int | None
) -> None:
    """The caller was told that there is no job: there is none, and nobody else was told of one."""
    await shop.set_paper(paper)
    document = shop.document()
    with patch(what, full), pytest.raises(HomeAssistantError) as refused:
        await shop.submit(document)
    assert refused.value.translation_key == "disk_full"
    await shop.tick(120)
    assert not shop.queue._jobs.latest
    assert not shop.history
    assert not document.path.exists()
    assert not [path for path in shop.folder.iterdir() if path.is_dir()]
    # An upload may have begun meanwhile; none has ended.
    assert not shop.sim.cloud.tasks


async def test_a_disk_that_fills_up_during_the_upload_sends_nothing(shop: Shop) -> None:
    await shop.set_paper(0)
    job = await shop.submit()
    with patch.object(store, "write_private", full):
        await shop.set_paper(None)
        for _ in range(20):
            if shop.queue.get(job.job_id).hold_reason == "disk_full":
                break
            await shop.tick(5)
        assert shop.queue.get(job.job_id).hold_reason == "disk_full"
        # An end that cannot be written is not told: after a restart it would print all the same.
        assert shop.queue.get(job.job_id).state is JobState.HELD
        assert not shop.sim.cloud.tasks
    await shop.until(job, JobState.COMPLETED)
    assert len(shop.sim.cloud.printed) == 1


async def test_what_is_not_to_wait_does_not_wait_for_a_full_disk(shop: Shop) -> None:
    with patch.object(store, "write_private", full):
        job = await shop.submit(hold=False)
        await shop.tick(5)
    await shop.until(job, JobState.FAILED, JobState.COMPLETED)
    assert (shop.queue.get(job.job_id).reason, shop.sim.cloud.tasks) == ("disk_full", {})


async def test_a_small_document_is_on_disk_before_its_record(shop: Shop) -> None:
    flushed: list[str] = []

    def note(path: Path, text: str | None = None) -> None:
        flushed.append(path.name)
        if text is not None:
            write_new(path, text)

    with patch.object(store, "sync_path", note), patch.object(store, "write_new", note):
        job = await shop.submit()
    assert flushed == ["document.pdf", "job.json", f"part-{job.job_id}", shop.folder.name]


@pytest.mark.usefixtures("large")
async def test_the_end_of_an_upload_waits_for_the_document_to_be_on_disk(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_disk = Event()
    monkeypatch.setattr(store, "_flush", lambda _: on_disk.wait(timeout=10))
    submitting = asyncio.create_task(shop.submit())
    jobs = shop.queue._jobs.latest
    await until(lambda: [job for job in jobs.values() if job.present.sent_bytes is not None])
    await asyncio.sleep(0.3)
    assert not submitting.done()
    # Nor is anybody told of a job that a power cut would still undo.
    assert not shop.queue.jobs()
    assert not shop.history
    (job,) = jobs.values()
    assert job.present.handed_over_at is None
    assert not shop.sim.cloud.tasks
    on_disk.set()
    await shop.until(await submitting, JobState.COMPLETED)


@pytest.mark.usefixtures("large")
async def test_the_one_to_be_replaced_stays_until_its_successor_is_safe(shop: Shop) -> None:
    await shop.set_paper(0)
    old = await shop.submit(replace_key="briefing")
    with patch.object(store, "_flush", full), pytest.raises(HomeAssistantError):
        await shop.submit(replace_key="briefing")
    assert [job.job_id for job in shop.queue.jobs()] == [old.job_id]
    assert [path.name for path in shop.folder.iterdir() if path.is_dir()] == [old.job_id]
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
    real = store._flush

    def slow(paths: list[Path]) -> None:
        on_disk.wait(timeout=10)
        real(paths)

    await shop.set_paper(0)
    old = await shop.submit(replace_key="briefing")
    monkeypatch.setattr(store, "_flush", slow)
    submitting = asyncio.create_task(shop.submit(replace_key="briefing"))
    await asyncio.sleep(0.2)
    shop.printer().paper = None
    await shop.coordinator.async_refresh()
    shop.clock.tick(61)
    shop.queue._scheduler.review()
    await asyncio.sleep(0.2)
    assert shop.queue.get(old.job_id).state is JobState.HELD
    on_disk.set()
    new = await submitting
    await shop.until(new, JobState.COMPLETED)
    assert shop.queue.get(old.job_id).state is JobState.CANCELED
    assert len(shop.sim.cloud.printed) == 1


async def test_a_refused_upload_does_not_wait_beside_its_successor(shop: Shop) -> None:
    """Both would be printed once the box is back."""
    shop.box.online = False
    shop.sim.cloud.fail(SUBMIT, Fault(kind="delay", seconds=10))
    old = await shop.submit(replace_key="briefing")
    await shop.handed_over(old)
    shop.clock.tick(1)
    new = await shop.submit(replace_key="briefing")
    assert shop.queue.get(old.job_id).state is JobState.UPLOADING
    shop.clock.tick(9)
    assert (await shop.uploaded(old)).reason == "replaced"
    assert (await shop.uploaded(new)).state is JobState.HELD


async def test_one_that_is_refused_while_its_successor_is_written_is_replaced(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, create = shop.queue._jobs, JobStore.async_create
    await shop.switch(online=False)
    old = await shop.submit(replace_key="briefing")
    monkeypatch.setattr(shop.queue._uploader, "start", lambda _: None)
    registry.change(old, state=JobState.UPLOADING, hold_reason=None)

    async def refused(self: JobStore, job: Job, spooled: Sequence[Path]) -> None:
        await create(self, job, spooled)
        registry.change(old, state=JobState.HELD, hold_reason="box_offline")

    monkeypatch.setattr(JobStore, "async_create", refused)
    await shop.submit(replace_key="briefing")
    assert shop.queue.get(old.job_id).reason == "replaced"


async def test_a_job_nobody_was_told_of_is_not_resumed(
    open_shop: OpenShop, caplog: pytest.LogCaptureFixture
) -> None:
    """The power went while its document was being flushed; what the file holds now is anybody's guess."""
    async with open_shop() as shop:
        await shop.switch(online=False)
        reported = await shop.submit()
        unreported = await shop.submit()
        entry, root = shop.entry, shop.folder
    assert {path.name for path in (root / unreported.job_id).iterdir()} == {
        "job.json",
        "document.pdf",
    }
    (root / unreported.job_id / FLUSHING_NAME).touch()
    async with open_shop(entry=entry) as shop:
        assert [job.job_id for job in shop.queue.jobs()] == [reported.job_id]
        assert not (root / unreported.job_id).exists()
    assert "set aside" not in caplog.text


async def test_the_tasks_of_forgotten_jobs_stay_ours(shop: Shop) -> None:
    job = await shop.until(await shop.submit(), JobState.COMPLETED)
    await shop.tick(2)
    reported: list[str] = []
    shop.queue.watch(lambda: reported.append("printer"), job.printer_key)
    with (
        patch.object(retention, "MAX_RECORDS", 0),
        patch.object(retention, "RATE_PERIOD", timedelta()),
    ):
        await shop.queue._jobs.async_trim()
    assert not shop.queue.jobs()
    await shop.settle()
    # The last job is no more: sensors show that.
    assert reported
    assert job.present.task_id in shop.queue.own_task_ids


async def test_everything_is_private_and_documents_go(shop: Shop) -> None:
    job = await shop.submit()
    root = shop.folder
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    assert stat.S_IMODE((root / job.job_id).stat().st_mode) == 0o700
    modes = {}
    for path in (root / job.job_id).iterdir():
        # Records are written beside their place and moved there.
        with suppress(FileNotFoundError):
            modes[path.name] = stat.S_IMODE(path.stat().st_mode)
    assert {"document.pdf", "job.json"} <= modes.keys()
    assert set(modes.values()) == {0o600}
    await shop.until(job, JobState.COMPLETED)
    await shop.tick(2)
    assert [path.name for path in (root / job.job_id).iterdir()] == ["job.json"]
    assert not shop.queue.get(job.job_id).has_document


async def test_records_are_limited_in_age(open_shop: OpenShop) -> None:
    async with open_shop() as shop:
        job = await shop.submit()
        await shop.until(job, JobState.COMPLETED)
        await shop.tick(31 * 24 * 3600)
        await shop.refresh()
        assert not shop.queue.jobs()
        assert not (shop.folder / job.job_id).exists()


async def test_a_reload_waits_for_an_upload(open_shop: OpenShop) -> None:
    async with open_shop() as shop:
        shop.sim.cloud.fail(SUBMIT, Fault(kind="delay", seconds=2))
        job = await shop.submit()
        await shop.handed_over(job)
        assert shop.queue.get(job.job_id).state is JobState.UPLOADING
        await shop.queue.async_drain()
        assert shop.queue.get(job.job_id).present.task_id is not None
