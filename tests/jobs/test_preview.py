"""What is left of previews that broke off: no stranger, no evidence, and a clear error."""

import asyncio
from dataclasses import replace
from pathlib import Path
import shutil
from unittest.mock import patch

from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util
import pytest

from custom_components.lianke.api.errors import LiankeError, LiankeResponseError
from custom_components.lianke.api.options import ResolvedOptions
from custom_components.lianke.jobs import box_jobs
from custom_components.lianke.jobs.box_jobs import OwnTasks
from custom_components.lianke.jobs.files import ledger_path
from custom_components.lianke.jobs.job import Delivery, JobState
from custom_components.lianke.printing.cloud_preview import Preview
from tests.clock import until
from tests.jobs.conftest import SUBMIT, OpenShop, Shop, answered, in_doubt, lose_answer
from tests.jobs.make import make_delivery
from tests.ledgers import rows
from tests.power_cut import copy_moment
from tests.simulator.faults import Fault

# As the cloud takes it, and never answers.
HANGS = Fault(kind="timeout", done=True, seconds=3600)


async def preview(shop: Shop, *, padding: bytes = b"") -> Preview:
    """Ask for a preview of a document, with so much behind its end."""
    document = shop.document()
    if padding:
        document = shop.document(content=document.path.read_bytes() + padding)
    return await shop.preview(document)


async def lose_preview(shop: Shop) -> None:
    """Ask for a preview whose answer is lost."""
    await lose_answer(shop)
    with pytest.raises(LiankeError):
        await preview(shop)


async def lost_job(shop: Shop) -> JobState:
    """Print with a lost answer; return how the job ended."""
    await lose_answer(shop)
    job = await shop.submit()
    await in_doubt(shop, job.job_id)
    return (await shop.until(job, JobState.COMPLETED, JobState.UNCONFIRMED)).state


async def test_a_preview_cut_off_by_a_crash_is_no_stranger(
    open_shop: OpenShop, tmp_path: Path
) -> None:
    """It counted as one for a day, in which no lost answer could be explained."""
    async with open_shop() as shop:
        entry, root = shop.entry, ledger_path(shop.hass)
        shop.sim.cloud.fail(SUBMIT, HANGS)
        asking = asyncio.create_task(preview(shop))
        await until(lambda: bool(shop.sim.cloud.tasks))
        copy_moment(root, tmp_path / "at the crash")
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    shutil.rmtree(root)
    shutil.copytree(tmp_path / "at the crash", root)
    async with open_shop(entry=entry) as shop:
        await shop.tick(900)
        await shop.refresh()
        assert await lost_job(shop) is JobState.COMPLETED
        assert shop.storage.foreign_seen_at is None
        assert len(shop.sim.cloud.printed) == 1


async def test_a_preview_whose_answer_is_still_to_come_is_no_stranger(shop: Shop) -> None:
    """For a day after one no doubt could be settled."""
    shop.sim.cloud.fail(SUBMIT, Fault(kind="reset_after_body"))
    job = await shop.submit()
    await in_doubt(shop, job.job_id)
    await shop.tick(60)
    shop.sim.cloud.fail(SUBMIT, Fault(kind="timeout", done=True, seconds=3600))
    preview = asyncio.create_task(shop.preview())
    await until(lambda: shop.sim.cloud.tasks)
    await shop.queue.tracker._async_read_list()
    assert shop.storage.foreign_seen_at is None
    preview.cancel()
    await asyncio.gather(preview, return_exceptions=True)


async def test_a_preview_whose_answer_was_lost_is_no_stranger(shop: Shop) -> None:
    await lose_preview(shop)
    await shop.tick(900)
    await shop.refresh()
    assert await lost_job(shop) is JobState.COMPLETED
    assert shop.storage.foreign_seen_at is None


async def test_a_job_soon_after_a_lost_preview_is_not_taken_for_printed(shop: Shop) -> None:
    """The one new task may be the preview's: the job's upload was cut before it was taken."""
    await lose_preview(shop)
    shop.sim.cloud.fail(SUBMIT, Fault(kind="reset_after_body"))
    job = await shop.submit()
    await in_doubt(shop, job.job_id)
    done = await shop.until(job, JobState.COMPLETED, JobState.UNCONFIRMED)
    assert done.state is JobState.UNCONFIRMED
    assert not shop.sim.cloud.printed


async def test_a_stranger_beside_a_lost_preview_is_still_noticed(shop: Shop) -> None:
    await lose_preview(shop)
    await shop.tick(900)
    await shop.refresh()
    shop.sim.cloud.print_as_someone_else(shop.box, shop.printer())
    assert await lost_job(shop) is JobState.UNCONFIRMED
    assert shop.storage.foreign_seen_at is not None


async def test_a_preview_that_never_left_leaves_no_trace(shop: Shop) -> None:
    # More than the buffers on the way hold: its end cannot have been handed over.
    shop.sim.cloud.fail(SUBMIT, Fault(kind="reset_before"))
    with pytest.raises(LiankeError):
        await preview(shop, padding=bytes(14_000_000))
    shop.sim.cloud.fail(SUBMIT, Fault(kind="code", code=502))
    with pytest.raises(LiankeError):
        await preview(shop)
    assert not shop.queue.own_tasks.lost_preview_uploads
    assert not shop.queue.own_tasks.pending


async def test_an_error_nobody_foresaw_is_a_clear_one(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """It was raised bare, as an unknown error with the document's words in the log."""
    with (
        patch.object(ResolvedOptions, "form_fields", side_effect=RuntimeError("words")),
        pytest.raises(HomeAssistantError) as caught,
    ):
        await preview(shop)
    assert caught.value.translation_key == "preview_unexpected"
    assert caplog.text.count("A preview met an unexpected RuntimeError") == 1
    assert "words" not in caplog.text
    assert "never retrieved" not in caplog.text
    # The next one goes.
    assert (await preview(shop)).pages == 2


async def test_an_error_nobody_foresaw_after_the_end_leaves_a_trace(shop: Shop) -> None:
    with answered(RuntimeError()), pytest.raises(HomeAssistantError):
        await preview(shop)
    assert len(shop.queue.own_tasks.lost_preview_uploads) == 1


@pytest.mark.parametrize("of", ["job", "preview"])
async def test_an_answer_that_names_anothers_task_is_none(shop: Shop, of: str) -> None:
    """A late second answer on a kept connection would show another document's pages."""
    if of == "job":
        task_id = (
            await shop.until(await shop.submit(), JobState.COMPLETED)
        ).current_delivery.task_id
    else:
        await preview(shop)
        (task_id,) = shop.queue.own_tasks.task_ids
    known = shop.queue.own_task_ids
    with answered(str(task_id)), pytest.raises(LiankeResponseError):
        await preview(shop)
    assert shop.queue.own_task_ids == known
    assert len(shop.queue.own_tasks.lost_preview_uploads) == 1


async def test_a_preview_of_an_unloaded_entry_writes_nothing(open_shop: OpenShop) -> None:
    """The next instance goes by what it read: to it, the preview is one that was cut off."""
    async with open_shop(number=1) as other:
        async with open_shop() as shop:
            shop.sim.cloud.fail(SUBMIT, HANGS)
            asking = asyncio.create_task(preview(shop))
            await until(lambda: bool(shop.sim.cloud.tasks))
            old, entry = shop.queue.own_tasks, shop.entry
            (token,) = old.pending
        async with open_shop(entry=entry) as shop:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            (lost,) = shop.queue.own_tasks.lost_preview_uploads
            assert lost.token == token
            # Nor does it note another.
            await old.async_begin(make_delivery(handed_over_at=dt_util.utcnow()))
            root = ledger_path(shop.hass)
            (row,) = await shop.hass.async_add_executor_job(rows, root, "task", entry.entry_id)
            assert row["upload"]["token"] == token
            assert not other.queue.own_tasks.lost_preview_uploads


async def test_what_is_ours_is_kept_while_the_list_may_have_it(
    open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of previews whose tasks are known, and of those that were lost, so many at most."""
    monkeypatch.setattr(box_jobs, "MAX_LOST_UPLOADS", 10)
    async with open_shop() as shop:
        tasks = shop.queue.own_tasks
        early, later = make_delivery(size=1), make_delivery(size=2)
        await lose(tasks, early)
        await find(tasks, "early")
        shop.clock.tick(25 * 3600)
        await lose(tasks, later)
        await find(tasks, "later")
        shop.clock.tick(24 * 3600)
        await find(tasks, "now")
        assert [one.token for one in tasks.lost_preview_uploads] == [later.token]
        assert tasks.task_ids == {"later", "now"}
        many = [make_delivery(size=number) for number in range(10 + 5)]
        for one in many:
            await lose(tasks, one)
        assert tasks.task_ids == {"later", "now"}
        entry = shop.entry
    async with open_shop(entry=entry) as shop:
        known = [
            (one.token, one.document.size) for one in shop.queue.own_tasks.lost_preview_uploads
        ]
        assert known == [(one.token, one.document.size) for one in many[5:]]
        assert shop.queue.own_tasks.task_ids == {"later", "now"}


async def lose(tasks: OwnTasks, upload: Delivery) -> None:
    """Note a preview whose answer is lost."""
    sent = replace(upload, handed_over_at=dt_util.utcnow())
    await tasks.async_begin(sent)
    await tasks.async_end(sent, None, is_lost=True)


async def find(tasks: OwnTasks, task_id: str) -> None:
    """Note a preview that the cloud has answered."""
    sent = make_delivery(handed_over_at=dt_util.utcnow())
    await tasks.async_begin(sent)
    await tasks.async_end(sent, task_id, is_lost=False)
