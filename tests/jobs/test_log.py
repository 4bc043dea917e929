"""The debug log tells each job's way by its ids, and nothing that is somebody's own."""

import logging
from typing import Any

import pytest

from custom_components.lianke.jobs.job import JobState
from tests.jobs.conftest import SUBMIT, OpenShop, Shop
from tests.simulator import Fault, Outcome

TITLE = "Letter to the bank"


def steps(caplog: pytest.LogCaptureFixture, job_id: str) -> list[str]:
    """Return what the log says of a job."""
    start = f"Print job {job_id} "
    return [one.removeprefix(start) for one in caplog.messages if one.startswith(start)]


@pytest.fixture
def way(shop: Shop, caplog: pytest.LogCaptureFixture) -> Any:
    """Return what prints something and returns what the log says of it, in which nothing is private."""
    caplog.set_level(logging.DEBUG, "custom_components.lianke")

    async def follow(end: JobState | None, **data: Any) -> list[str]:
        job = await shop.submit(title=TITLE, **data)
        if end is not None:
            job = await shop.until(job, end)
        for private in (TITLE, "bank", job.current_delivery.token, job.printer_name):
            assert private not in caplog.text
        return steps(caplog, job.job_id)

    return follow


async def test_a_job_that_is_printed(shop: Shop, way: Any) -> None:
    said = await way(JobState.COMPLETED)
    (job,) = shop.queue.jobs()
    task = f"as task {job.current_delivery.task_id}"
    assert said[0] == "is accepted"
    assert f"is queued {task}" in said
    assert said[-1] == f"is completed {task}"
    # A line each.
    assert len(said) == len(set(said))


async def test_a_job_that_waits_and_is_canceled(
    shop: Shop, way: Any, caplog: pytest.LogCaptureFixture
) -> None:
    await shop.switch(online=False)
    assert await way(None) == ["is accepted", "is held because of box_offline"]
    (job,) = shop.queue.jobs()
    await shop.queue.async_cancel(job.job_id)
    assert steps(caplog, job.job_id)[2:] == ["is canceled"]


async def test_a_job_that_fails(shop: Shop, way: Any) -> None:
    shop.printer().outcomes.append(Outcome(code=503, prints=1))
    said = await way(JobState.FAILED)
    assert "is failed because of" in said[-1]
    assert "with code 503 after some of it may have been printed" in said[-1]


async def test_a_job_in_doubt(shop: Shop, way: Any) -> None:
    shop.sim.cloud.fail(SUBMIT, Fault(kind="reset_after_body"))
    said = await way(JobState.UNCONFIRMED)
    assert said[-1].startswith("is unconfirmed because of")


async def test_jobs_that_are_read_from_disk_are_not_accepted_again(
    open_shop: OpenShop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "custom_components.lianke")
    async with open_shop() as shop:
        over = await shop.until(await shop.submit(), JobState.COMPLETED)
        await shop.switch(online=False)
        waiting = await shop.submit()
    caplog.clear()
    async with open_shop(entry=shop.entry):
        assert steps(caplog, waiting.job_id)[0] == "is taken up again"
        assert steps(caplog, over.job_id) == []
