"""Retries: a job is printed again at most once."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from homeassistant.core import Context
import pytest

from custom_components.lianke.input_error import InputError
from custom_components.lianke.jobs import rules
from custom_components.lianke.jobs.job import Job, JobState
from custom_components.lianke.printing.builder import ReprintChanges, async_print_again
from tests.jobs.conftest import SUBMIT, OpenShop, Shop
from tests.jobs.cut_off import snapshots
from tests.simulator.faults import Fault


async def failed(shop: Shop) -> Job:
    """Return a job that the cloud has refused."""
    shop.sim.cloud.fail(SUBMIT, Fault(kind="code", code=502, msg="转换失败"))
    job = await shop.uploaded(await shop.submit())
    assert job.state is JobState.FAILED
    return job


async def retry(shop: Shop, job: Job, to: Shop | None = None) -> Job:
    changes = None
    if to is not None and to is not shop:
        changes = ReprintChanges(printer_key=to.key(), options=to.options(), requested={})
    queue = None if to is None else to.queue
    return await async_print_again(shop.queue, job, Context(), changes=changes, to=queue)


async def refused(shop: Shop, job: Job) -> dict[str, str]:
    """Try to print a job once more; return what the refusal says."""
    with pytest.raises(InputError) as caught:
        await retry(shop, job)
    assert caught.value.reason == "job_retried_already"
    return dict(caught.value.placeholders or {})


async def test_two_retries_at_once_print_once(shop: Shop) -> None:
    job = await failed(shop)
    calls = (retry(shop, job), retry(shop, job))
    done = await asyncio.gather(*calls, return_exceptions=True)
    (again,) = [one for one in done if isinstance(one, Job)]
    (error,) = [one for one in done if isinstance(one, InputError)]
    assert error.reason == "job_retried_already"
    assert (error.placeholders or {})["job_id"] == again.job_id
    await shop.until(again, JobState.COMPLETED)
    assert not shop.queue.get(job.job_id).can_retry
    assert len(shop.sim.cloud.printed) == 1


async def test_a_retry_is_known_after_a_restart(open_shop: OpenShop) -> None:
    async with open_shop() as shop:
        job = await failed(shop)
        await shop.switch(online=False)
        again = await retry(shop, job)
        entry = shop.entry
    async with open_shop(entry=entry) as shop:
        assert (await refused(shop, job))["job_id"] == again.job_id


async def test_a_retry_that_a_power_cut_left_unmarked_is_known_all_the_same(shop: Shop) -> None:
    job = await failed(shop)
    again = await retry(shop, job)
    shop.box_jobs.change(job, retried_as=None)
    assert (await refused(shop, job))["job_id"] == again.job_id


async def test_the_mark_is_on_disk_with_the_retry(shop: Shop) -> None:
    """Neither without the other: the new job may be another box's, whose records say nothing of the old one's."""
    job = await failed(shop)
    seen: list[tuple[str | None, bool]] = []
    take = shop.box_jobs.files.async_take_over

    async def look_after(new: Job, spooled: Sequence[Path]) -> bool:
        is_flushed = await take(new, spooled)
        seen.append((shop.stored(job)["retried_as"], new.job_id in shop.box_jobs.committed))
        return is_flushed

    with patch.object(shop.box_jobs.files, "async_take_over", look_after):
        again = await retry(shop, job)
    assert seen == [(None, False)]
    assert shop.stored(job)["retried_as"] == again.job_id
    assert shop.stored(again)["retry_of"] == job.job_id


@pytest.mark.parametrize("elsewhere", [True, False])
async def test_a_retry_that_is_cut_off_anywhere_prints_once(
    open_shop: OpenShop, tmp_path: Path, *, elsewhere: bool
) -> None:
    """Here or in another box: what is marked as retried has its retry, and what is not can be retried."""
    async with open_shop(number=1) as other, open_shop() as shop:
        job = await failed(shop)
        to = other if elsewhere else shop
        await to.switch(online=False)
        with snapshots(shop, tmp_path / "snapshots") as taken:
            await retry(shop, job, to)
            await shop.tick(5)
        entries = (shop.entry, other.entry)
    # Before all of it, and after the copy of the document and the one transaction.
    assert taken.count >= 3
    marks = set()
    for number in range(taken.count):
        taken.restore(number)
        shop.sim.cloud.out_tray.clear()
        shop.sim.cloud.printed.clear()
        async with open_shop(entry=entries[0]) as shop:
            await shop.settle()
            marked = shop.queue.get(job.job_id).retried_as
            marks.add(marked)
            # The other box is there again later.
            async with open_shop(entry=entries[1], number=1) as other:
                to = other if elsewhere else shop
                there = [one for one in to.queue.jobs() if one.spec.retry_of == job.job_id]
                assert [one.job_id for one in there] == ([marked] if marked else []), number
                assert shop.queue.get(job.job_id).can_retry is (marked is None)
                if marked is None:
                    there = [await retry(shop, job, to)]
                else:
                    assert (await refused(shop, job))["job_id"] == marked
                await to.switch(online=True)
                await to.until(there[0], JobState.COMPLETED)
                assert len(shop.sim.cloud.printed) == 1, number
                assert (await refused(shop, job))["job_id"] == there[0].job_id
                await to.switch(online=False)
    assert len(marks) == 2


async def test_a_retry_of_a_job_that_is_just_forgotten_is_taken(open_shop: OpenShop) -> None:
    """Told that it failed, somebody would print the document once more."""
    async with open_shop(keep_failed_hours=72) as shop:
        job = await failed(shop)
        await shop.tick(25 * 3600)
        take = shop.queue.async_submit

        async def submit(*args: Any, **more: Any) -> Job:
            again: Job = await take(*args, **more)
            await shop.box_jobs.async_trim()
            return again

        with (
            patch.object(rules, "MAX_RECORDS", 1),
            patch.object(shop.queue, "async_submit", submit),
        ):
            again = await retry(shop, job)
        assert [one.job_id for one in shop.queue.jobs()] == [again.job_id]
        await shop.refresh()
        await shop.until(again, JobState.COMPLETED)


async def test_a_retry_that_is_not_taken_leaves_no_mark(shop: Shop) -> None:
    job = await failed(shop)
    refusal = InputError("the hour's jobs are used up")
    with patch.object(shop.queue, "async_submit", side_effect=refusal), pytest.raises(InputError):
        await retry(shop, job)
    await shop.until(await retry(shop, job), JobState.COMPLETED)


async def test_a_retry_goes_on_though_its_caller_is_cancelled(shop: Shop) -> None:
    job = await failed(shop)
    call = asyncio.create_task(retry(shop, job))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await shop.settle()
    assert "job_id" in await refused(shop, job)


async def test_a_retry_that_failed_is_retried_itself(shop: Shop) -> None:
    job = await failed(shop)
    shop.sim.cloud.fail(SUBMIT, Fault(kind="code", code=502, msg="转换失败"))
    again = await shop.until(await retry(shop, job), JobState.FAILED)
    assert (await refused(shop, job))["job_id"] == again.job_id
    third = await retry(shop, again)
    await shop.until(third, JobState.COMPLETED)
    assert len(shop.sim.cloud.printed) == 1
