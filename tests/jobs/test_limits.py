"""Once only, replaced, limited, retried."""

from homeassistant.core import Context
import pytest

from custom_components.lianke.api.options import PrintOptions
from custom_components.lianke.errors import InputError
from custom_components.lianke.jobs.job import JobState
from custom_components.lianke.jobs.limits import LimitError
from custom_components.lianke.jobs.queue import Changes
from tests.jobs.conftest import OpenShop, Shop
from tests.simulator.faults import Fault
from tests.simulator.models import Outcome

SUBMIT = "POST /print/job"


async def test_a_request_id_prints_once(shop: Shop) -> None:
    content = shop.document(pages=2).path.read_bytes()
    first = await shop.take(shop.document(content=content), request_id="a")
    second = await shop.take(shop.document(content=content), request_id="a")
    assert not first.duplicate
    assert second.duplicate
    assert second.job.job_id == first.job.job_id
    await shop.until(first.job, JobState.COMPLETED)
    third = await shop.take(shop.document(content=content), request_id="a")
    assert third.duplicate
    assert shop.sim.cloud.count(SUBMIT) == 1
    await shop.tick(25 * 3600)
    await shop.refresh()
    assert not (await shop.take(shop.document(content=content), request_id="a")).duplicate


async def test_a_request_id_for_something_else_is_an_error(shop: Shop) -> None:
    await shop.submit(shop.document(pages=1), request_id="a")
    with pytest.raises(InputError) as refused:
        await shop.submit(shop.document(pages=2), request_id="a")
    assert refused.value.reason == "request_id_conflict"


async def test_a_failed_job_frees_its_request_id(shop: Shop) -> None:
    shop.sim.cloud.fail(SUBMIT, Fault(kind="code", code=400))
    content = shop.document().path.read_bytes()
    first = await shop.submit(shop.document(content=content), request_id="a")
    await shop.until(first, JobState.FAILED)
    second = await shop.take(shop.document(content=content), request_id="a")
    assert not second.duplicate


async def test_a_newer_job_takes_the_place_of_a_held_one(shop: Shop) -> None:
    shop.box.online = False
    await shop.refresh()
    old = await shop.submit(replace_key="briefing")
    other = await shop.submit(replace_key="list")
    new = await shop.submit(replace_key="briefing")
    replaced = shop.queue.get(old.job_id)
    assert (replaced.state, replaced.reason) == (JobState.CANCELED, "replaced")
    assert shop.queue.get(other.job_id).state is JobState.HELD
    shop.box.online = True
    await shop.refresh()
    await shop.until(new, JobState.COMPLETED)
    await shop.until(other, JobState.COMPLETED)
    assert len(shop.sim.cloud.printed) == 2


async def test_the_limit_stops_a_loop(open_shop: OpenShop) -> None:
    reported: list[tuple[str, bool]] = []
    async with open_shop(max_jobs_per_hour=5) as shop:
        shop.queue.submitter.listen_limits(lambda key, err: reported.append((key, err is not None)))
        refused = 0
        for number in range(20):
            try:
                await shop.submit(shop.document(pages=1 + number % 3))
            except LimitError:
                refused += 1
        assert refused == 15
        with pytest.raises(LimitError) as error:
            await shop.submit()
        assert error.value.reason == "too_many_jobs"
        for job in shop.queue.jobs():
            await shop.until(job, JobState.COMPLETED)
        assert len(shop.sim.cloud.printed) == 5
        assert reported[-1] == (shop.key(), True)
        await shop.tick(3601)
        await shop.refresh()
        await shop.submit()
        assert reported[-1] == (shop.key(), False)


async def test_a_loop_against_a_printer_that_is_off_fills_no_tray(open_shop: OpenShop) -> None:
    async with open_shop(max_jobs_per_hour=3) as shop:
        shop.box.online = False
        await shop.refresh()
        taken = 0
        for _ in range(6):
            try:
                await shop.submit()
                taken += 1
            except LimitError:
                await shop.tick(3600)
        assert taken == 3


@pytest.mark.parametrize(
    ("pages", "options", "refused"),
    [
        (101, PrintOptions(), True),
        (100, PrintOptions(), False),
        (60, PrintOptions(copies=2), True),
        (500, PrintOptions(pages="1-10"), False),
    ],
)
async def test_the_limit_counts_pages_times_copies(
    shop: Shop, pages: int, options: PrintOptions, refused: bool
) -> None:
    document = shop.document(pages=pages)
    if not refused:
        await shop.submit(document, options=options)
        return
    with pytest.raises(LimitError) as error:
        await shop.submit(document, options=options)
    assert error.value.reason == "too_many_pages"
    assert not document.path.exists()
    assert shop.sim.cloud.count(SUBMIT) == 0


async def test_retry_prints_the_kept_document_again(shop: Shop) -> None:
    shop.sim.cloud.plan(shop.printer(), Outcome(code=503))
    document = shop.document(pages=3)
    content = document.path.read_bytes()
    job = await shop.submit(document)
    await shop.until(job, JobState.FAILED)
    again = await shop.queue.async_retry(job.job_id, context=Context())
    assert again.spec.retry_of == job.job_id
    await shop.until(again, JobState.COMPLETED)
    assert [printed.path.read_bytes() for printed in shop.sim.cloud.printed] == [content]
    with pytest.raises(InputError) as refused:
        await shop.queue.async_retry(again.job_id, context=Context())
    assert refused.value.reason == "job_not_retryable"


async def test_retry_elsewhere(shop: Shop) -> None:
    shop.sim.cloud.fail(SUBMIT, Fault(kind="code", code=400))
    job = await shop.submit(shop.document(pages=1))
    await shop.until(job, JobState.FAILED)
    other = shop.request(port=2)[0].options
    changes = Changes(printer_key=shop.key(2), options=other, requested={})
    again = await shop.queue.async_retry(job.job_id, context=Context(), changes=changes)
    await shop.until(again, JobState.COMPLETED)
    assert again.printer_key == shop.key(2)


async def test_cancel_in_the_middle_of_an_upload(shop: Shop) -> None:
    shop.sim.cloud.fail(SUBMIT, Fault(kind="delay", seconds=2))
    first = await shop.submit()
    second = await shop.submit()
    done = await shop.queue.async_cancel(second.job_id)
    assert done.state is JobState.CANCELED
    await shop.until(first, JobState.COMPLETED)
    await shop.tick(60)
    assert len(shop.sim.cloud.printed) == 1
