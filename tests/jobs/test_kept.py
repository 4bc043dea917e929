"""What is kept of jobs over a restart, a refusal and damage, so that nothing is printed twice or forgotten."""

from contextlib import closing
import sqlite3
from unittest.mock import patch

from homeassistant.core import Context
import pytest

from custom_components.lianke.jobs import rules, tracker
from custom_components.lianke.jobs.files import ledger_path
from custom_components.lianke.jobs.job import JobState
from custom_components.lianke.ledger_file import DAMAGED_LEDGER_PREFIX, DATABASE_NAME
from custom_components.lianke.printing.builder import async_print_again
from tests.jobs.conftest import SUBMIT, OpenShop, Shop, in_doubt, lose_answer
from tests.ledgers import refusing


async def test_a_doubt_is_one_after_a_restart(open_shop: OpenShop) -> None:
    """Sent again, it would come out twice."""
    async with open_shop() as shop:
        await lose_answer(shop)
        job = await shop.submit()
        await in_doubt(shop, job.job_id)
    async with open_shop(entry=shop.entry) as shop:
        assert shop.queue.get(job.job_id).current_delivery.is_in_doubt
        await shop.until(job, JobState.COMPLETED)
        # Nobody was told that it waits here.
        assert JobState.HELD not in shop.states(job)
        assert shop.sim.cloud.count(SUBMIT) == 1
        assert len(shop.sim.cloud.printed) == 1


async def test_a_clock_that_is_put_forward_ends_no_doubt(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody had the time to say what became of it."""
    monkeypatch.setattr(tracker, "monotonic", shop.clock.loop_time)
    shop.queue.tracker._started = shop.clock.loop_time() - 3600
    await lose_answer(shop)
    job = await shop.submit()
    await in_doubt(shop, job.job_id)
    await shop.tick(5)
    shop.clock._frozen.move_to("2026-11-25 11:00:00+00:00")
    await shop.tick(20)
    assert shop.queue.get(job.job_id).current_delivery.is_in_doubt


async def test_a_job_that_the_disk_does_not_forget_keeps_its_document(open_shop: OpenShop) -> None:
    """Its record would name one that is gone."""
    async with open_shop(keep_printed_hours=72) as shop:
        job = await shop.submit()
        await shop.until(job, JobState.COMPLETED)
        await shop.tick(25 * 3600)
        document = shop.queue.document_path(job)
        with patch.object(rules, "MAX_RECORDS", 0):
            with refusing(shop.hass):
                await shop.box_jobs.async_trim()
            assert document.exists()
            assert shop.queue.get(job.job_id).has_document
            await shop.box_jobs.async_trim()
        assert not document.exists()
        assert not shop.queue.jobs()


async def test_what_waited_in_a_damaged_ledger_asks_first(
    open_shop: OpenShop, caplog: pytest.LogCaptureFixture
) -> None:
    """What became of it after it was written nobody knows; what was sent is looked up as ever."""
    async with open_shop() as shop:
        await lose_answer(shop)
        sent = await shop.submit()
        await in_doubt(shop, sent.job_id)
        await shop.switch(online=False)
        held, lost = await shop.submit(), await shop.submit()
    root = ledger_path(shop.hass)
    with closing(sqlite3.connect(root / DATABASE_NAME)) as db, db:
        db.execute("UPDATE record SET record = '' WHERE id = ?", (lost.job_id,))
    async with open_shop(entry=shop.entry) as shop:
        assert {job.job_id for job in shop.queue.jobs()} == {sent.job_id, held.job_id}
        await shop.switch(online=True)
        await shop.until(sent, JobState.COMPLETED)
        await shop.tick(120)
        assert shop.queue.get(held.job_id).current_delivery.hold_reason == "copied"
        assert len(shop.sim.cloud.printed) == 1
        (aside,) = root.parent.glob(f"{DAMAGED_LEDGER_PREFIX}*")
        assert [*aside.glob(f"*/{lost.job_id}/document.pdf")]
        await async_print_again(shop.queue, held, Context())
        await shop.until(held, JobState.COMPLETED)
        assert len(shop.sim.cloud.printed) == 2
    assert "is damaged" in caplog.text
