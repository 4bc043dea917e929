"""Jobs that wait: for the box, the printer, the paper, the night to end, the internet."""

import pytest

from custom_components.lianke.jobs.job import JobState
from tests.jobs.conftest import SUBMIT, OpenShop, Shop
from tests.simulator.faults import Fault


async def test_waits_for_paper_and_a_steady_minute(shop: Shop) -> None:
    await shop.set_paper(0)
    job = await shop.submit()
    assert (job.state, job.current_delivery.hold_reason) == (JobState.HELD, "out_of_paper")
    assert shop.queue.hold_reason(shop.key()) == "out_of_paper"
    assert shop.queue.waiting(shop.key()) == 1
    await shop.tick(300)
    assert shop.sim.cloud.count(SUBMIT) == 0
    await shop.set_paper(None)
    assert shop.queue.get(job.job_id).current_delivery.hold_reason == "getting_ready"
    await shop.tick(50)
    assert shop.sim.cloud.count(SUBMIT) == 0
    await shop.tick(11)
    await shop.until(job, JobState.COMPLETED)
    assert len(shop.sim.cloud.printed) == 1


async def test_one_refusal_for_the_box_spares_its_other_printers_the_doubt(shop: Shop) -> None:
    """The box goes offline unseen. While the first job is being refused the second is ready to go."""
    shop.box.online = False
    shop.sim.cloud.fail(SUBMIT, Fault(kind="delay", seconds=0.5))
    first, second = await shop.submit(port=1), await shop.submit(port=2)
    for job in (first, second):
        held = await shop.uploaded(job)
        assert (held.state, held.current_delivery.hold_reason) == (JobState.HELD, "box_offline")
    # The end of the second one's form was never sent, so that no power cut could leave it in doubt.
    assert shop.queue.get(first.job_id).current_delivery.code == 5002
    assert shop.queue.get(second.job_id).current_delivery.code is None
    shop.box.online = True
    for job in (first, second):
        await shop.until(job, JobState.COMPLETED, seconds=1200)
    assert len(shop.sim.cloud.printed) == 2


async def test_one_printer_does_not_block_another(shop: Shop) -> None:
    shop.printer(1).paper = 0
    await shop.refresh()
    held = await shop.submit(port=1)
    label = await shop.submit(port=2)
    await shop.until(label, JobState.COMPLETED)
    assert shop.queue.get(held.job_id).state is JobState.HELD


async def test_held_jobs_go_in_order(shop: Shop) -> None:
    await shop.set_paper(0)
    documents = [shop.document(pages=pages) for pages in (3, 1, 2)]
    contents = [document.path.read_bytes() for document in documents]
    jobs = [await shop.submit(document) for document in documents]
    await shop.set_paper(None)
    for job in jobs:
        await shop.until(job, JobState.COMPLETED)
    assert [printed.path.read_bytes() for printed in shop.sim.cloud.printed] == contents


@pytest.mark.parametrize("by_options", [False, True])
async def test_quiet_hours_hold_until_their_end(open_shop: OpenShop, *, by_options: bool) -> None:
    async with open_shop(quiet_from="00:00:00", quiet_to="08:00:00") as shop:
        # 10:00 UTC is 02:00 in the test's time zone.
        job = await shop.submit()
        assert job.current_delivery.hold_reason == "quiet_hours"
        urgent = await shop.submit(ignore_quiet_hours=True)
        assert urgent.state is JobState.UPLOADING
        # Else an upload that takes five hours is refused, and the printer rests for a while.
        await shop.until(urgent, JobState.COMPLETED)
        await shop.tick(5 * 3600)
        assert shop.queue.get(job.job_id).state is JobState.HELD
        if by_options:
            shop.hass.config_entries.async_update_entry(shop.entry, options={})
            await shop.tick(1)
            assert shop.queue.get(job.job_id).state is not JobState.HELD
        else:
            await shop.tick(3600 + 1)
            await shop.refresh()
        await shop.until(job, JobState.COMPLETED)


async def test_cancel_that_came_too_late_is_told_as_completed(shop: Shop) -> None:
    shop.sim.cloud.variants.cancel = "prints_success"
    shop.printer().seconds_per_page = 2000
    job = await shop.submit()
    await shop.uploaded(job)
    await shop.queue.async_cancel(job.job_id)
    await shop.until(job, JobState.COMPLETED)
    assert len(shop.sim.cloud.printed) == 1
