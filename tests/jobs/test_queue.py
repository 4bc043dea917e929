"""The walk of a job from the call to the paper, and its ways to fail."""

import asyncio
from dataclasses import replace
from typing import Any

from homeassistant.core import Context
import pytest

from custom_components.lianke.api import transport
from custom_components.lianke.box.polling import REFRESH_SPACING
from custom_components.lianke.box.printer_status import PrinterStatus
from custom_components.lianke.jobs.job import JobState
from custom_components.lianke.jobs.uploader import TICKET_SECONDS
from tests.jobs.conftest import SUBMIT, OpenShop, Receiver, Shop
from tests.simulator.faults import Fault
from tests.simulator.models import Outcome

UPLOADED = (JobState.QUEUED, JobState.PROCESSING, JobState.SENDING)


async def test_callbacks_settle_without_a_single_follow_request(
    open_shop: OpenShop, receiver: Receiver
) -> None:
    receiver.proven = True
    async with open_shop(receiver) as shop:
        shop.sim.cloud.variants.callbacks = "each_state"
        job = await shop.submit()
        done = await shop.until(job, JobState.COMPLETED, seconds=40)
        assert done.pages_printed == 2
        assert shop.sim.cloud.count("GET /print/job") == 0
        assert shop.sim.cloud.count("POST /print/query_device_task") == 0


async def test_callback_before_the_answer_proves_the_job(
    open_shop: OpenShop, receiver: Receiver
) -> None:
    async with open_shop(receiver) as shop:
        shop.sim.cloud.variants.callbacks = "before_answer"
        job = await shop.submit()
        done = await shop.until(job, JobState.COMPLETED)
        assert len(shop.sim.cloud.printed) == 1
        assert done.current_delivery.task_id == receiver.bodies[0]["task_id"]


async def test_the_printer_is_looked_at_once_its_last_job_has_ended(shop: Shop) -> None:
    def looks() -> int:
        return shop.sim.cloud.count("GET /device/device_info")

    def status() -> PrinterStatus | None:
        return shop.coordinator.data.printers[shop.key()].status

    # What the printer itself says of its paper is not of interest.
    await shop.tick(1)
    printer = shop.printer()
    printer.paper = 2
    first, last = await shop.submit(), await shop.submit()
    await shop.uploaded(last)
    printer.raw_state = "printing"
    await shop.refresh()
    assert status() is PrinterStatus.PRINTING
    before = looks()
    await shop.until(first, JobState.COMPLETED, step=1)
    await shop.tick(REFRESH_SPACING + 2)
    # The other one is still there, waiting for paper.
    assert looks() == before
    printer.raw_state = None
    printer.paper = None
    await shop.until(last, JobState.COMPLETED, step=1)
    assert looks() == before
    await shop.tick(REFRESH_SPACING + 2)
    assert looks() == before + 1
    assert status() is PrinterStatus.IDLE
    # Nobody sees the next one printing: there is nothing to look at.
    await shop.until(await shop.submit(), JobState.COMPLETED, step=1)
    await shop.tick(REFRESH_SPACING + 2)
    assert looks() == before + 1


async def test_a_callback_that_changes_nothing_still_has_the_pages_asked_for(shop: Shop) -> None:
    """As after the day's list, which does not know them, has told of the end."""
    job = await shop.submit(replace(shop.document(pages=3), pages=None))
    await shop.uploaded(job)
    await shop.box_jobs.async_change(shop.queue.get(job.job_id), state=JobState.COMPLETED)
    job = shop.queue.get(job.job_id)
    assert job.current_delivery.task_id
    # What else there is to do at a job's end is done by now.
    for _ in range(12):
        await shop.tick(5)
    assert shop.queue.get(job.job_id).pages_printed is None
    assert await shop.call_back(
        job.current_delivery.token, job.current_delivery.task_id, "SUCCESS", 200
    )
    await shop.tick(15)
    await shop.tick(15)
    assert shop.queue.get(job.job_id).pages_printed == 3


async def test_who_watches_hears_of_a_change_whatever_happens_to_another(shop: Shop) -> None:
    reported: list[str] = []
    errors: list[BaseException] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: errors.append(context["exception"]))

    def fail() -> None:
        reported.append("failing")
        raise RuntimeError("a mistake")

    shop.queue.watch(fail)
    shop.queue.watch(lambda: reported.append("all printers"))
    shop.queue.watch(lambda: reported.append("one printer"), shop.key())
    await shop.submit()
    await shop.settle()
    assert reported[:3] == ["failing", "all printers", "one printer"]
    # Not passed over in silence either.
    assert errors
    assert all(str(error) == "a mistake" for error in errors)


async def test_success_that_never_gets_a_result_fails(shop: Shop) -> None:
    shop.sim.cloud.plan(shop.printer(), Outcome(result=False))
    job = await shop.submit()
    done = await shop.until(job, JobState.FAILED)
    assert done.reason == "no_result"


async def test_a_printer_waits_for_its_turn_as_long_as_the_other_needs(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to one upload may take longer than an upload may stand still."""
    monkeypatch.setattr(transport, "UPLOAD_IDLE_SECONDS", 0.3)
    shop.sim.cloud.fail(SUBMIT, Fault(kind="delay", seconds=1.5))
    first = await shop.submit()
    await shop.handed_over(first)
    second = await shop.submit(port=2, hold=False)
    for job in (first, second):
        assert (await shop.uploaded(job)).state in UPLOADED
    assert shop.sim.cloud.count(SUBMIT) == 2


async def test_whose_job_was_sent_longest_ago_is_next(shop: Shop) -> None:
    """Many jobs of one device hold no other's up, and those of many devices none of a user or an automation."""
    await shop.switch(online=False)
    user = Context(user_id="anna")
    by: tuple[dict[str, Any], ...] = (
        *(
            {"sender": "phone", "sender_address": address, "sender_device": "02:00:00:00:00:01"}
            for address in ("192.168.1.9", "192.168.1.19", "fd00::9")
        ),
        {},
        {"sender": "laptop", "sender_address": "192.168.1.10"},
        {"context": user},
        {"context": user},
    )
    jobs = [await shop.submit(**one) for one in by]
    await shop.switch(online=True)
    for job in jobs:
        await shop.until(job, JobState.COMPLETED)
    numbers = {job.current_delivery.document.name: number for number, job in enumerate(jobs)}
    order = [numbers[printed.name] for printed in shop.sim.cloud.printed]
    assert order == [0, 3, 5, 4, 6, 1, 2]


async def test_follow_requests_keep_their_distance(shop: Shop) -> None:
    shop.printer().seconds_per_page = 20000
    jobs = [await shop.submit() for _ in range(3)]
    for job in jobs:
        await shop.uploaded(job)
    before = shop.sim.cloud.count("POST /print/query_device_task")
    for _ in range(30):
        await shop.tick(2)
    asked = shop.sim.cloud.count("POST /print/query_device_task") - before
    assert asked + shop.sim.cloud.count("GET /print/job") <= 7
    assert asked >= 4


@pytest.mark.parametrize(("waited", "sent"), [(60, 2), (TICKET_SECONDS, 1)])
async def test_a_ticket_that_is_gone_is_made_up_for_by_the_document(
    shop: Shop, waited: int, sent: int
) -> None:
    """Once the job has waited for long, it is not even tried."""
    document = replace(shop.document(pages=2), ticket="gone")
    content = document.path.read_bytes()
    await shop.switch(online=False)
    job = await shop.submit(document)
    await shop.tick(waited)
    await shop.switch(online=True)
    await shop.until(job, JobState.COMPLETED)
    assert shop.sim.cloud.count("POST /print/job") == sent
    assert [printed.path.read_bytes() for printed in shop.sim.cloud.printed] == [content]
