"""Retries: a job is printed again at most once."""

import asyncio
from typing import Any
from unittest.mock import patch

from homeassistant.core import Context
import pytest

from custom_components.lianke.errors import InputError
from custom_components.lianke.jobs import retention
from custom_components.lianke.jobs.job import Job, JobState
from tests.jobs.conftest import SUBMIT, OpenShop, Shop
from tests.simulator.faults import Fault


async def failed(shop: Shop) -> Job:
    """Return a job that the cloud has refused."""
    shop.sim.cloud.fail(SUBMIT, Fault(kind="code", code=502, msg="转换失败"))
    job = await shop.uploaded(await shop.submit())
    assert job.state is JobState.FAILED
    return job


async def retry(shop: Shop, job: Job) -> Job:
    """Print a job once more."""
    return await shop.queue.async_retry(job.job_id, context=Context())


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
    shop.queue._jobs.change(job, retried_as=None)
    assert (await refused(shop, job))["job_id"] == again.job_id


async def test_the_mark_is_on_disk_before_the_retry_is_taken(shop: Shop) -> None:
    """The new job may be another box's, whose records say nothing of the old one's."""
    job = await failed(shop)
    take = shop.queue.async_submit
    marks: list[str] = []

    async def submit(*args: Any, **more: Any) -> Job:
        marks.append(shop.stored(job)["retried_as"])
        return await take(*args, **more)

    with patch.object(shop.queue.mover, "submit", submit):
        again = await retry(shop, job)
    assert marks == [again.job_id]


@pytest.mark.parametrize("elsewhere", [True, False])
async def test_a_mark_without_a_job_is_void_after_a_power_cut(
    open_shop: OpenShop, *, elsewhere: bool
) -> None:
    """The power fails between the mark and the new job, here or in another box's folder."""
    async with open_shop(number=1) as other, open_shop() as shop:
        job = await failed(shop)
        to = other if elsewhere else shop
        record = shop.record(job)
        cut_off: list[str] = []

        async def submit(*args: Any, **more: Any) -> Job:
            cut_off.append(record.read_text("utf-8"))
            raise asyncio.CancelledError

        with patch.object(to.queue.mover, "submit", submit), pytest.raises(asyncio.CancelledError):
            await shop.queue.async_retry(job.job_id, context=Context(), queue=to.queue)
        await shop.queue.async_drain()
        await shop.storage.async_flush()
        record.write_text(cut_off[0], "utf-8")
        # The other box is there again later.
        entry, closed = shop.entry, other.entry
        await other.queue.async_drain()
        async with open_shop(entry=entry) as again:
            await again.settle()
            marked = again.queue.get(job.job_id)
            assert (marked.retried_as is None, marked.can_retry) == (not elsewhere, not elsewhere)
            async with open_shop(entry=closed, number=1):
                await again.settle()
                assert again.queue.get(job.job_id).can_retry
                await again.until(await retry(again, job), JobState.COMPLETED)
                assert len(again.sim.cloud.printed) == 1
                assert (await refused(again, job))["job_id"] != ""


async def test_a_retry_of_a_job_that_is_just_forgotten_is_taken(open_shop: OpenShop) -> None:
    """Told that it failed, somebody would print the document once more."""
    async with open_shop(keep_failed_hours=72) as shop:
        job = await failed(shop)
        await shop.tick(25 * 3600)
        take = shop.queue.async_submit

        async def submit(*args: Any, **more: Any) -> Job:
            again: Job = await take(*args, **more)
            await shop.queue._jobs.async_trim()
            return again

        with (
            patch.object(retention, "MAX_RECORDS", 1),
            patch.object(shop.queue.mover, "submit", submit),
        ):
            again = await retry(shop, job)
        assert [one.job_id for one in shop.queue.jobs()] == [again.job_id]
        await shop.refresh()
        await shop.until(again, JobState.COMPLETED)


async def test_a_retry_that_is_not_taken_leaves_no_mark(shop: Shop) -> None:
    job = await failed(shop)
    refusal = InputError("the hour's jobs are used up")
    with (
        patch.object(shop.queue.mover, "submit", side_effect=refusal),
        pytest.raises(InputError),
    ):
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


async def test_a_retry_that_was_canceled_here_counts_for_nothing(shop: Shop) -> None:
    job = await failed(shop)
    await shop.switch(online=False)
    again = await retry(shop, job)
    await shop.queue.async_cancel(again.job_id)
    await shop.switch(online=True)
    await shop.until(await retry(shop, job), JobState.COMPLETED)
    assert len(shop.sim.cloud.printed) == 1
