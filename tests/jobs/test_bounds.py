"""Going beyond the bounds on jobs, their records, previews and page counts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
import json
import shutil

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest

from custom_components.lianke.api.errors import LiankeError, LiankeResponseError
from custom_components.lianke.box.printer_status import PrinterStatus
from custom_components.lianke.documents import page_count
from custom_components.lianke.jobs.box_jobs import JOB_KIND, MAX_TASK_IDS, OwnTasks
from custom_components.lianke.jobs.files import DAMAGED_PREFIX, jobs_path, ledger_path, old_path
from custom_components.lianke.jobs.job import JobState
from custom_components.lianke.jobs.migration import (
    MAX_DAMAGED,
    MAX_OLD_RECORD_BYTES,
    RECORD_NAME,
    async_take_in,
)
from custom_components.lianke.jobs.rules import (
    MAX_RECORDS,
    REFUSAL_PAUSE_LIMIT,
    REFUSAL_PAUSE_START,
    to_forget,
)
from custom_components.lianke.jobs.tracker import MAX_PREVIEWS
from custom_components.lianke.jobs.uploader import ReadinessWatch
from custom_components.lianke.ledger import Lease, Ledger, Table, View
from custom_components.lianke.printing import cloud_preview
from custom_components.lianke.printing.cloud_preview import Preview
from tests.clock import until
from tests.jobs.conftest import COUNT, OpenShop, Shop
from tests.jobs.make import ended
from tests.simulator import Fault


async def test_a_record_that_is_no_record_is_not_read(
    open_shop: OpenShop, hass: HomeAssistant
) -> None:
    """Of those that 0.3.0 wrote; what this version writes is bounded by then."""
    async with open_shop() as shop:
        await shop.switch(online=False)
        jobs = [await shop.submit() for _ in range(2)]
        entry, new = shop.entry, shop.folder
        records = [json.dumps(shop.row(job) | {"version": 2}) for job in jobs]
    old = old_path(hass, entry.entry_id)
    old.unlink()
    new.rename(old)
    shutil.rmtree(ledger_path(hass))
    for job, text in zip(jobs, records, strict=True):
        (old / job.job_id / RECORD_NAME).write_text(text, "utf-8")
    with (old / jobs[0].job_id / RECORD_NAME).open("a", encoding="utf-8") as record:
        record.write(" " * MAX_OLD_RECORD_BYTES)
    async with open_shop(entry=entry) as shop:
        assert [job.job_id for job in shop.queue.jobs()] == [jobs[1].job_id]


@asynccontextmanager
async def opened(hass: HomeAssistant) -> AsyncIterator[Ledger]:
    """Open the ledger without a box."""
    ledger = Ledger(hass, ledger_path(hass))
    await ledger.async_open()
    try:
        yield ledger
    finally:
        await ledger.async_close()


async def test_few_damaged_folders_are_kept(hass: HomeAssistant) -> None:
    old, new = old_path(hass, "entry"), jobs_path(hass, "entry")
    for number in range(MAX_DAMAGED + 5):
        folder = old / f"job{number:02}"
        folder.mkdir(parents=True)
        (folder / RECORD_NAME).write_text("{", "utf-8")
    async with opened(hass) as ledger:
        await async_take_in(hass, ledger, ["entry"])
        assert not ledger.committed(Table(JOB_KIND, "entry"))
    aside = {path.name for path in new.iterdir() if path.name.startswith(DAMAGED_PREFIX)}
    # Those whose ids say that they are the newest.
    assert aside == {f"{DAMAGED_PREFIX}job{number:02}" for number in range(5, MAX_DAMAGED + 5)}


async def test_tasks_that_are_no_jobs_are_kept_up_to_a_limit(hass: HomeAssistant) -> None:
    ids = [str(number) for number in range(MAX_TASK_IDS + 50)]
    async with opened(hass) as ledger:
        others = OwnTasks(ledger, Lease(ledger), "entry")
        await others.async_load()

        def note(view: View) -> None:
            for task_id in ids:
                others.put(view, task_id)

        await ledger.commit(note)
        assert others.task_ids == frozenset(ids[50:])
    async with opened(hass) as ledger:
        again = OwnTasks(ledger, Lease(ledger), "entry")
        await again.async_load()
        assert again.task_ids == frozenset(ids[50:])


def test_the_oldest_records_are_forgotten() -> None:
    now = dt_util.utcnow()
    jobs = [
        ended(number, 3 * 1440 - number, state=JobState.COMPLETED, task_id=str(number))
        for number in range(MAX_RECORDS + 3)
    ]
    assert list(to_forget(jobs, now)) == [job.job_id for job in jobs[:3]]


async def test_refusals_are_not_waited_out_for_longer_than_half_an_hour(shop: Shop) -> None:
    readiness = ReadinessWatch(shop.coordinator)
    readiness.observe()
    for _ in range(12):
        readiness.back_off(shop.key(), PrinterStatus.DISCONNECTED)
    now = dt_util.utcnow()
    until = readiness.check(shop.key(), now).until
    assert until is not None
    assert REFUSAL_PAUSE_START < until - now <= REFUSAL_PAUSE_LIMIT
    assert until - now > REFUSAL_PAUSE_LIMIT - timedelta(seconds=1)


async def drawn(shop: Shop, pages: int = 3) -> Preview:
    return await shop.preview(shop.document(pages=pages))


async def until_drawn(shop: Shop, *tasks: asyncio.Task[Preview]) -> None:
    """Let time pass until previews have ended; they are drawn in real time."""
    for _ in range(100):
        if all(task.done() for task in tasks):
            break
        await asyncio.sleep(0.1)
        await shop.tick(1)
    await asyncio.wait(tasks)


async def test_pictures_of_a_preview(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """In number, in bytes, and together: twenty of 8 MB each were held in memory."""

    async def drawn_within(bound: str, value: int) -> asyncio.Task[Preview]:
        with monkeypatch.context() as patched:
            patched.setattr(cloud_preview, bound, value)
            task = asyncio.create_task(drawn(shop))
            await until_drawn(shop, task)
        return task

    images = (await drawn_within("MAX_PREVIEW_IMAGES", 2)).result().images
    assert len(images) == 2
    for bound, value in (
        ("MAX_IMAGE_BYTES", 100),
        ("MAX_PREVIEW_BYTES", sum(len(image) for image in images) - 1),
    ):
        assert isinstance((await drawn_within(bound, value)).exception(), LiankeResponseError)


async def test_two_previews_at_a_time(shop: Shop) -> None:
    hanging = Fault(kind="timeout", done=True, seconds=3600)
    shop.sim.cloud.fail("POST /print/job", hanging, times=9)
    tasks = [asyncio.create_task(drawn(shop)) for _ in range(4)]
    await until(lambda: len(shop.sim.cloud.tasks) == MAX_PREVIEWS)
    await asyncio.sleep(0.3)
    assert len(shop.sim.cloud.tasks) == MAX_PREVIEWS
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_previews_of_a_user_let_another_s_in_between(shop: Shop) -> None:
    hanging = Fault(kind="timeout", done=True, seconds=3600)
    shop.sim.cloud.fail("POST /print/job", hanging, times=9)
    tasks = shop.sim.cloud.tasks

    def ask(port: int, user: str) -> asyncio.Task[Preview]:
        return asyncio.create_task(shop.preview(port=port, user=user))

    asking = [ask(1, "anna") for _ in range(4)]
    await until(lambda: len(tasks) == MAX_PREVIEWS)
    asking.append(ask(4, "ben"))
    await asyncio.sleep(0)
    asking[0].cancel()
    await until(lambda: len(tasks) > MAX_PREVIEWS)
    assert [one.printer for one in tasks.values()][-1] is shop.printer(4)
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)


async def test_a_count_of_pages_is_not_waited_for_for_long(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_count, "COUNT_SECONDS", 0.2)
    shop.sim.cloud.fail(COUNT, Fault(kind="timeout", seconds=60))
    counter = shop.queue.page_counter
    with pytest.raises(LiankeError):
        await counter.async_count(shop.coordinator.client, shop.key(), shop.document(), 9)


async def test_counts_of_pages_are_remembered_up_to_a_limit(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_count, "MAX_REMEMBERED", 2)
    counter = shop.queue.page_counter
    documents = [shop.document(pages=pages) for pages in (1, 2, 3)]
    for document in documents:
        assert (
            await counter.async_count(shop.coordinator.client, shop.key(), document, 9)
            == document.pages
        )
    assert len(counter._results) == 2
    asked = shop.sim.cloud.count(COUNT)
    await counter.async_count(shop.coordinator.client, shop.key(), documents[2], 9)
    assert shop.sim.cloud.count(COUNT) == asked
    await counter.async_count(shop.coordinator.client, shop.key(), documents[0], 9)
    assert shop.sim.cloud.count(COUNT) == asked + 1
