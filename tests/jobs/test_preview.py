"""What is left of previews that broke off: no stranger, no evidence, and a clear error."""

import asyncio
from datetime import timedelta
import json
from unittest.mock import patch

from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util
import pytest

from custom_components.lianke.api.errors import LiankeError, LiankeResponseError
from custom_components.lianke.api.options import ResolvedOptions
from custom_components.lianke.jobs.job import JobState
from custom_components.lianke.jobs.preview import Preview
from custom_components.lianke.jobs.store import MAX_LOST, OTHER_TASKS_NAME, OtherTasks
from tests.clock import until
from tests.jobs.conftest import SUBMIT, OpenShop, Shop, answered
from tests.jobs.make import make_delivery
from tests.jobs.test_reconciliation import in_doubt, lose_answer
from tests.simulator.faults import Fault

# As the cloud takes it, and never answers.
HANGS = Fault(kind="timeout", done=True, seconds=3600)


async def preview(shop: Shop, *, padding: bytes = b"") -> Preview:
    """Ask for a preview of a document, with so much behind its end."""
    document = shop.document()
    if padding:
        document = shop.document(content=document.path.read_bytes() + padding)
    return await shop.queue.previewer.async_preview(shop.key(), document, shop.options())


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


async def test_a_preview_cut_off_by_a_crash_is_no_stranger(open_shop: OpenShop) -> None:
    """It counted as one for a day, in which no lost answer could be explained."""
    async with open_shop() as shop:
        entry, path = shop.entry, shop.folder / OTHER_TASKS_NAME
        shop.sim.cloud.fail(SUBMIT, HANGS)
        asking = asyncio.create_task(preview(shop))
        await until(lambda: bool(shop.sim.cloud.tasks))
        at_the_crash = path.read_text("utf-8")
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    path.write_text(at_the_crash, "utf-8")
    async with open_shop(entry=entry) as shop:
        await shop.tick(900)
        await shop.refresh()
        assert await lost_job(shop) is JobState.COMPLETED
        assert shop.storage.foreign_seen_at is None
        assert len(shop.sim.cloud.printed) == 1


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
    assert not shop.queue._jobs.tasks.lost
    assert not shop.queue._jobs.tasks.pending


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
    assert len(shop.queue._jobs.tasks.lost) == 1


@pytest.mark.parametrize("of", ["job", "preview"])
async def test_an_answer_that_names_anothers_task_is_none(shop: Shop, of: str) -> None:
    """A late second answer on a kept connection would show another document's pages."""
    if of == "job":
        task_id = (await shop.until(await shop.submit(), JobState.COMPLETED)).present.task_id
    else:
        await preview(shop)
        (task_id,) = shop.queue._jobs.tasks.task_ids
    known = shop.queue.own_task_ids
    with answered(str(task_id)), pytest.raises(LiankeResponseError):
        await preview(shop)
    assert shop.queue.own_task_ids == known
    assert len(shop.queue._jobs.tasks.lost) == 1


async def test_a_preview_of_an_unloaded_entry_writes_nothing(open_shop: OpenShop) -> None:
    """Its old list would take the place of the next instance's."""
    async with open_shop() as shop:
        path = shop.folder / OTHER_TASKS_NAME
        shop.sim.cloud.fail(SUBMIT, HANGS)
        asking = asyncio.create_task(preview(shop))
        await until(lambda: bool(shop.sim.cloud.tasks))
    path.write_text('["task of the next"]', "utf-8")
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert json.loads(path.read_text("utf-8")) == ["task of the next"]


async def test_lost_previews_are_kept_while_the_list_may_have_them(shop: Shop) -> None:
    kept = shop.queue._jobs.tasks
    now = dt_util.utcnow()
    old = [
        make_delivery(handed_over_at=now - timedelta(hours=hours), size=1) for hours in (72, 49, 1)
    ]
    kept.lost = old
    await kept.async_note(["task"])
    assert kept.lost == old[2:]
    many = [make_delivery(handed_over_at=now, size=number) for number in range(MAX_LOST + 5)]
    kept.lost = many
    await kept.async_note([])
    again = OtherTasks(shop.hass, shop.folder)
    await shop.hass.async_add_executor_job(again.load)
    known = [(one.token, one.handed_over_at, one.document.size) for one in again.lost]
    assert known == [(one.token, one.handed_over_at, one.document.size) for one in many[5:]]
    assert again.task_ids == ["task"]
    assert not again.was_cut_off
