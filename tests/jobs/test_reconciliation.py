"""Jobs whose upload was never answered: settled by evidence, never by guess, never sent twice."""

import pytest

from custom_components.lianke.jobs.job import Job, JobState
from tests.jobs.conftest import SUBMIT, OpenShop, Receiver, Shop, in_doubt, lose_answer
from tests.simulator.faults import Fault
from tests.simulator.models import Outcome


async def two_in_doubt(shop: Shop) -> list[Job]:
    """Return two jobs that the cloud has without our knowing which is which."""
    shop.sim.cloud.fail(SUBMIT, Fault(kind="reset_after_accept"), times=2)
    jobs = [await shop.submit(shop.document(pages=n)) for n in (1, 2)]
    for job in jobs:
        await in_doubt(shop, job.job_id)
    return jobs


async def test_two_jobs_in_doubt_of_which_one_failed_are_not_told_apart(shop: Shop) -> None:
    shop.sim.cloud.plan(shop.printer(), Outcome(code=502))
    jobs = await two_in_doubt(shop)
    for job in jobs:
        done = await shop.until(job, JobState.UNCONFIRMED)
        assert done.reason == "several_unanswered"


async def test_two_jobs_in_doubt_wait_for_the_end_of_both_tasks(shop: Shop) -> None:
    """The second one takes longer than a doubt lasts otherwise."""
    printer = shop.printer()
    printer.paper = 1
    jobs = await two_in_doubt(shop)
    await shop.tick(400)
    for _ in range(30):
        await shop.tick(20)
    assert all(shop.queue.get(job.job_id).current_delivery.is_in_doubt for job in jobs)
    printer.paper = None
    for job in jobs:
        await shop.until(job, JobState.COMPLETED)


async def test_a_job_settled_by_hand_keeps_its_task(shop: Shop) -> None:
    """Its task, still on the list, is not given to another job that never arrived."""
    await lose_answer(shop)
    came = await shop.submit(shop.document(pages=1))
    await in_doubt(shop, came.job_id)
    shop.sim.cloud.fail(SUBMIT, Fault(kind="reset_after_body"))
    lost = await shop.submit(shop.document(pages=2))
    await in_doubt(shop, lost.job_id)
    for job in (came, lost):
        await shop.until(job, JobState.UNCONFIRMED)
    assert (await shop.queue.async_confirm(came.job_id)).state is JobState.COMPLETED
    # With several jobs open the list is read again.
    for port in (1, 2):
        shop.printer(port).seconds_per_page = 3000
    others = [await shop.submit(port=port) for port in (1, 2)]
    for job in others:
        await shop.until(job, JobState.SENDING, JobState.PROCESSING, JobState.QUEUED)
    await shop.tick(120)
    assert shop.sim.cloud.count("POST /print/query_device_task") > 1
    assert shop.queue.get(lost.job_id).state is JobState.UNCONFIRMED
    assert shop.queue.get(lost.job_id).current_delivery.task_id is None


async def test_an_unconfirmed_job_that_is_found_later_has_no_reason_left(shop: Shop) -> None:
    shop.sim.cloud.variants.list_lag = 1800.0
    await lose_answer(shop)
    job = await shop.submit()
    await in_doubt(shop, job.job_id)
    await shop.until(job, JobState.UNCONFIRMED)
    assert shop.queue.get(job.job_id).reason == "no_answer"
    await shop.tick(1800)
    await shop.queue.tracker._async_read_list()
    done = await shop.until(job, JobState.COMPLETED)
    assert done.reason is None


async def test_a_late_callback_settles_an_unconfirmed_job(
    open_shop: OpenShop, receiver: Receiver
) -> None:
    async with open_shop(receiver) as shop:
        shop.sim.cloud.variants.update(callbacks="end", callback_delay=1000.0)
        shop.sim.cloud.print_as_someone_else(shop.box, shop.printer())
        await lose_answer(shop)
        job = await shop.submit()
        receiver.deliver = False
        await shop.until(job, JobState.UNCONFIRMED)
        token, task_id = job.current_delivery.token, receiver.bodies[-1]["task_id"]
        receiver.deliver = True
        assert await shop.call_back(token, task_id, "SUCCESS", 200)
        assert shop.queue.get(job.job_id).state is JobState.COMPLETED
        # Repeated, it changes nothing.
        assert await shop.call_back(token, task_id, "SUCCESS", 200)
        await shop.settle()
        assert shop.storage.printers[shop.key()].pages_printed == 2


@pytest.mark.parametrize("hold", [True, False])
@pytest.mark.parametrize("callbacks", ["end", "each_state"])
async def test_a_callback_corrects_a_refusal(
    open_shop: OpenShop, receiver: Receiver, callbacks: str, *, hold: bool
) -> None:
    """The box is offline, says the answer, though the job was taken: it is not sent again."""
    async with open_shop(receiver) as shop:
        shop.sim.cloud.variants.update(callbacks=callbacks, callback_delay=2.0)
        shop.sim.cloud.fail(SUBMIT, Fault(kind="code", code=5002, msg="设备不在线", done=True))
        job = await shop.submit(hold=hold)
        refused = await shop.uploaded(job)
        assert refused.state is not JobState.UPLOADING
        done = await shop.until(job, JobState.COMPLETED)
        assert (done.reason, done.current_delivery.detail, done.pages_printed) == (None, "", 2)
        await shop.tick(600)
        await shop.tick(60)
        assert len(shop.sim.cloud.printed) == shop.sim.cloud.count(SUBMIT) == 1


async def test_a_strangers_task_is_not_taken_while_the_answer_may_still_come(shop: Shop) -> None:
    shop.printer(2).seconds_per_page = 3000
    other = await shop.submit(port=2)
    await shop.uploaded(other)
    shop.sim.cloud.fail(SUBMIT, Fault(kind="delay", seconds=3))
    job = await shop.submit()
    await shop.handed_over(job)
    stranger = shop.sim.cloud.print_as_someone_else(shop.box, shop.printer())
    await shop.queue.tracker._async_read_list()
    assert shop.queue.get(job.job_id).current_delivery.task_id is None
    done = await shop.until(job, JobState.COMPLETED)
    assert done.current_delivery.task_id not in (None, stranger.task_id)


async def test_a_strangers_task_is_not_taken_after_the_upload_has_failed(shop: Shop) -> None:
    """The gateway says at once that it has not got through, so that nothing of ours comes later."""
    shop.sim.cloud.fail(SUBMIT, Fault(kind="http", status=502))
    job = await shop.submit()
    await in_doubt(shop, job.job_id)
    await shop.tick(15)
    shop.sim.cloud.print_as_someone_else(shop.box, shop.printer())
    done = await shop.until(job, JobState.UNCONFIRMED)
    assert done.current_delivery.task_id is None
