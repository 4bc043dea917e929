"""Printed and canceled jobs: documents are kept where that is wanted, and printed again as jobs of their own."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from homeassistant.core import Context, HomeAssistant
import pytest

from custom_components.lianke.api.options import PrintOptions
from custom_components.lianke.jobs import rules
from custom_components.lianke.jobs.job import Job, JobState
from custom_components.lianke.jobs.rules import LimitError, documents_to_keep
from custom_components.lianke.printing.builder import ReprintChanges, async_print_again
from tests.jobs.conftest import OpenShop, Shop, refusal

KEEPS = {"keep_printed_hours": 2}


@pytest.fixture
async def shop(hass: HomeAssistant, open_shop: OpenShop) -> AsyncIterator[Shop]:
    """Give an open shop that keeps what was printed for two hours."""
    async with open_shop(**KEEPS) as opened:
        yield opened


def documents(shop: Shop) -> int:
    return len(list(shop.folder.glob("*/document*")))


async def printed(shop: Shop, **wishes: Any) -> Job:
    """Print a job, and let what follows its end happen."""
    job = await shop.until(await shop.submit(**wishes), JobState.COMPLETED)
    await shop.tick(5)
    return shop.queue.get(job.job_id)


async def again(shop: Shop, job: Job, changes: ReprintChanges | None = None) -> Job:
    """Print a job's document again, to its end."""
    taken = await async_print_again(shop.queue, job, Context(), changes=changes)
    await shop.until(taken, JobState.COMPLETED)
    return taken


async def test_a_printed_job_is_printed_again_as_often_as_wanted(shop: Shop) -> None:
    job = await printed(shop, options=PrintOptions(copies=2))
    assert job.can_print_again
    assert not job.can_retry
    for _ in range(2):
        copy = await again(shop, job)
        assert (copy.current_delivery.document.digest, copy.copies, copy.spec.retry_of) == (
            job.current_delivery.document.digest,
            2,
            None,
        )
    assert shop.queue.get(job.job_id).retried_as is None
    assert len({one.path.read_bytes() for one in shop.sim.cloud.printed}) == 1
    assert len(shop.sim.cloud.printed) == 3


async def test_a_printed_document_is_gone_where_nobody_wants_it_kept(open_shop: OpenShop) -> None:
    offered: list[bool] = []
    async with open_shop() as shop:
        shop.queue.listen(lambda job, _old: offered.append(job.can_print_again))
        job = await printed(shop)
        # Not for a moment either.
        assert not any(offered)
        assert documents(shop) == 0
        assert await refusal(again(shop, job)) == "job_not_retryable"
        assert len(shop.sim.cloud.printed) == 1


@pytest.mark.parametrize("why", ["its time is over", "the option is switched off"])
async def test_a_kept_document_goes(shop: Shop, why: str) -> None:
    job = await printed(shop)
    assert documents(shop) == 1
    if why == "its time is over":
        await shop.tick(2 * 3600 + 60)
    else:
        shop.hass.config_entries.async_update_entry(shop.entry, options={})
    await shop.tick(900)
    assert documents(shop) == 0
    assert not shop.queue.get(job.job_id).can_print_again


async def test_a_canceled_job_is_printed_again(shop: Shop) -> None:
    await shop.switch(online=False)
    job = await shop.submit()
    await shop.queue.async_cancel(job.job_id)
    await shop.tick(5)
    await shop.switch(online=True)
    assert shop.queue.get(job.job_id).can_print_again
    await shop.tick(61)
    await again(shop, job)
    assert len(shop.sim.cloud.printed) == 1


async def test_a_replaced_job_keeps_nothing(shop: Shop) -> None:
    """Its document is yesterday's."""
    await shop.switch(online=False)
    old = await shop.submit(replace_key="briefing")
    await shop.submit(replace_key="briefing")
    await shop.tick(5)
    assert shop.queue.get(old.job_id).reason == "replaced"
    assert not shop.queue.get(old.job_id).can_print_again
    assert documents(shop) == 1


async def test_it_is_known_after_a_restart(open_shop: OpenShop) -> None:
    async with open_shop(**KEEPS) as shop:
        job = await printed(shop)
        entry = shop.entry
    async with open_shop(entry=entry) as shop:
        await shop.tick(61)
        await again(shop, shop.queue.get(job.job_id))
        assert len(shop.sim.cloud.printed) == 2


async def test_printing_again_counts_for_the_limit(open_shop: OpenShop) -> None:
    async with open_shop(**KEEPS, max_jobs_per_hour=2) as shop:
        job = await printed(shop)
        await again(shop, job)
        with pytest.raises(LimitError):
            await again(shop, job)
        assert len(shop.sim.cloud.printed) == 2
        # The copy that was made for the job that was refused is gone.
        assert documents(shop) == 2


async def test_a_document_that_is_just_gone_prints_nothing(shop: Shop) -> None:
    job = await printed(shop)
    next(shop.folder.glob("*/document*")).unlink()
    assert await refusal(again(shop, job)) == "document_gone"
    assert len(shop.sim.cloud.printed) == 1


async def test_the_oldest_documents_go_beyond_so_many_bytes(shop: Shop) -> None:
    first = await printed(shop)
    second = await printed(shop)
    most = first.current_delivery.document.size + second.current_delivery.document.size - 1
    with patch.object(rules, "MAX_KEPT_DOCUMENT_BYTES", most):
        await shop.tick(900)
    assert not shop.queue.get(first.job_id).can_print_again
    assert shop.queue.get(second.job_id).can_print_again
    assert documents(shop) == 1


async def test_bytes_of_printed_documents_cost_no_failed_one(shop: Shop) -> None:
    job = await printed(shop)
    large = replace(job.current_delivery.document, size=2**40)
    failed = [
        job.changed(job_id=f"failed {n}", state=JobState.FAILED, document=large) for n in range(2)
    ]
    kept = documents_to_keep(
        [failed[0], job, failed[1]],
        job.changed_at,
        failed=timedelta(hours=1),
        wanted=timedelta(hours=1),
    )
    assert kept == {job.job_id, "failed 0", "failed 1"}
