"""What an upload's answer, or an error nobody foresaw, makes of its job."""

from unittest.mock import patch

import pytest

from custom_components.lianke.api.client import LiankeClient
from custom_components.lianke.api.errors import LiankeResponseError
from custom_components.lianke.api.options import ResolvedOptions
from custom_components.lianke.jobs.job import JobState
from tests.jobs.conftest import SUBMIT, Shop, answered, in_doubt, lose_answer
from tests.simulator.faults import Fault


async def test_an_answer_that_names_another_jobs_task_is_none(shop: Shop) -> None:
    first = await shop.until(await shop.submit(), JobState.COMPLETED)
    with answered(str(first.current_delivery.task_id)):
        second = await shop.submit()
        await in_doubt(shop, second.job_id)
    assert shop.queue.get(second.job_id).current_delivery.task_id is None
    done = await shop.until(second, JobState.COMPLETED)
    assert done.current_delivery.task_id not in (None, first.current_delivery.task_id)
    assert len(shop.sim.cloud.printed) == 2


@pytest.mark.parametrize("code", [500, 503])
async def test_code_and_words_of_an_unclear_refusal_are_told_at_once_and_kept(
    shop: Shop, code: int
) -> None:
    shop.sim.cloud.fail(SUBMIT, Fault(kind="code", code=code, msg="设备无响应"))
    job = await shop.submit()
    await in_doubt(shop, job.job_id)
    await shop.settle()
    reported = shop.queue.get(job.job_id)
    assert (reported.current_delivery.code, reported.current_delivery.detail, reported.reason) == (
        code,
        "设备无响应",
        "box_not_responding",
    )
    done = await shop.until(job, JobState.UNCONFIRMED)
    assert (done.current_delivery.code, done.current_delivery.detail) == (code, "设备无响应")
    # It did answer.
    assert done.reason == "unclear_answer"


async def test_words_of_an_earlier_refusal_are_not_those_of_a_lost_answer(shop: Shop) -> None:
    shop.sim.cloud.fail(SUBMIT, Fault(kind="code", code=10009, msg="请求过于频繁"))
    job = await shop.submit()
    await shop.until(job, JobState.HELD)
    assert shop.queue.get(job.job_id).current_delivery.code == 10009
    await lose_answer(shop)
    for _ in range(20):
        await shop.tick(10)
        if shop.queue.get(job.job_id).current_delivery.is_in_doubt:
            break
    await in_doubt(shop, job.job_id)
    reported = shop.queue.get(job.job_id)
    assert (reported.current_delivery.code, reported.current_delivery.detail, reported.reason) == (
        None,
        "",
        None,
    )


async def test_words_of_a_refusal_go_once_the_job_is_known_to_have_arrived(shop: Shop) -> None:
    shop.sim.cloud.fail(SUBMIT, Fault(kind="code", code=500, msg="设备无响应", done=True))
    done = await shop.until(await shop.submit(), JobState.COMPLETED)
    assert (done.current_delivery.code, done.current_delivery.detail, done.reason) == (
        None,
        "",
        None,
    )


async def test_an_unexpected_error_ends_its_job_and_lets_the_next_go(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """Every later job of that printer waited, and after a reload the job was gone without a word."""
    with patch.object(
        ResolvedOptions, "form_fields", side_effect=RuntimeError("words of the document")
    ):
        job = await shop.submit()
        done = await shop.uploaded(job)
    assert (done.state, done.reason) == (JobState.FAILED, "internal_error")
    await shop.until(await shop.submit(), JobState.COMPLETED)
    assert caplog.text.count("met an unexpected RuntimeError") == 1
    assert "never retrieved" not in caplog.text
    assert "words of the document" not in caplog.text


async def test_an_unexpected_error_after_the_end_is_looked_up_as_a_broken_line(shop: Shop) -> None:
    """The answer will not come any more, and a task that is made later is none of its."""
    with answered(RuntimeError("Connection closed.")):
        job = await shop.submit()
        await in_doubt(shop, job.job_id)
        await shop.settle()
    assert shop.queue.get(job.job_id).current_delivery.given_up_at is not None
    shop.sim.box.tasks.clear()
    done = await shop.until(job, JobState.UNCONFIRMED)
    assert done.reason == "no_answer"


async def test_an_acceptance_without_a_task_leaves_doubt(shop: Shop) -> None:
    with patch.object(
        LiankeClient, "submit", side_effect=LiankeResponseError("job without task_id")
    ):
        job = await shop.submit()
        done = await shop.uploaded(job)
    # Nothing was handed over here: it waits and goes later.
    assert done.state is JobState.HELD
    await shop.until(job, JobState.COMPLETED)
    assert len(shop.sim.cloud.printed) == 1
