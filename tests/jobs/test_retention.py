"""How many records of jobs there can be, whatever is asked for."""

from dataclasses import replace
from datetime import timedelta

from homeassistant.core import Context
from homeassistant.util import dt as dt_util
import pytest

from custom_components.lianke.jobs import rules
from custom_components.lianke.jobs.job import JobState
from custom_components.lianke.jobs.rules import (
    FREE_WITHDRAWALS,
    MAX_KEPT_DOCUMENT_BYTES,
    MAX_RECORDS,
    MAX_WITHDRAWN,
    LimitError,
    check_rate,
    documents_to_keep,
    to_forget,
)
from custom_components.lianke.printing.builder import async_print_again
from custom_components.lianke.printing.print_action import job_dict
from tests.clock import until
from tests.jobs.conftest import OpenShop
from tests.jobs.make import altered, ended
from tests.simulator.faults import Fault


def test_a_limit_beyond_the_records_that_are_kept_is_one() -> None:
    """1,500 prints and cancels in an hour passed a limit of 999; what newer jobs replaced does not count."""
    now = dt_util.utcnow()
    jobs = [ended(number, 50, reason="replaced") for number in range(300)]
    for number in range(999 + FREE_WITHDRAWALS):
        jobs.append(ended(1000 + number, 50 - number // 40))
        if number % 50 == 0:
            check_rate(jobs, now, limit=999, printer="Printer")
            gone = to_forget(jobs, now)
            jobs = [job for job in jobs if job.job_id not in gone]
    with pytest.raises(LimitError):
        check_rate(jobs, now, limit=999, printer="Printer")
    assert len(jobs) <= 999 + FREE_WITHDRAWALS + MAX_WITHDRAWN


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(rules, "MAX_WITHDRAWN", 5)
    return 5


async def test_thousands_of_canceled_jobs_leave_few_records(open_shop: OpenShop, few: int) -> None:
    """On disk and in memory, though each has a request id that would be kept for a day."""
    async with open_shop(max_jobs_per_hour=999) as shop:
        await shop.switch(online=False)
        for number in range(few + 10):
            job = await shop.submit(request_id=f"id-{number}")
            await shop.queue.async_cancel(job.job_id)
        await shop.tick(2)
        # They count for the limit on jobs.
        assert len(shop.queue.jobs()) == few + 10
        await shop.tick(3600)
        await until(lambda: len(shop.queue.jobs()) == few)
        await until(lambda: not shop.queue._scheduler._is_working)
        root = shop.queue.document_path(job).parent.parent
        assert sum(path.is_dir() for path in root.iterdir()) == few


async def test_a_failed_job_ended_when_it_failed(open_shop: OpenShop) -> None:
    """Printing it again made it look as if it had just failed, and kept its document for longer."""
    async with open_shop(keep_failed_hours=2) as shop:
        shop.sim.cloud.fail("POST /print/job", Fault(kind="code", code=400))
        job = await shop.until(await shop.submit(), JobState.FAILED)
        ended_at = job_dict(shop.queue.get(job.job_id))["finished_at"]
        assert ended_at is not None
        await shop.tick(3600)
        await async_print_again(shop.queue, job, Context())
        reported = shop.queue.get(job.job_id)
        assert reported.retried_as is not None
        assert reported.changed_at > reported.ended_at
        assert job_dict(reported)["finished_at"] == ended_at
        await shop.tick(3600)
        await shop.tick(900)
        assert not shop.queue.get(job.job_id).has_document


def test_when_a_job_ended() -> None:
    job = ended(1, 10, state=JobState.HELD)
    over = job.changed(state=JobState.CANCELED)
    assert over.current_delivery.ended_at == over.changed_at
    # What could not be written is taken back.
    assert over.changed(state=JobState.HELD).current_delivery.ended_at is None
    # 0.1.0 did not record it of jobs that were printed.
    old = ended(2, 10, state=JobState.COMPLETED)
    assert (old.current_delivery.ended_at, old.ended_at) == (None, old.changed_at)


def test_what_ended_first_is_forgotten_first_however_long_others_had_waited() -> None:
    now = dt_util.utcnow()
    gone = {"has_document": False}
    printed = [ended(n, 200, state=JobState.COMPLETED, **gone) for n in range(MAX_RECORDS)]
    unsent = [ended(n, 200, state=JobState.CANCELED, **gone) for n in range(MAX_WITHDRAWN)]
    waited = ended(9_999, 300, state=JobState.CANCELED, ended_at=now, **gone)
    assert list(to_forget([waited, *printed], now)) == [printed[0].job_id]
    assert list(to_forget([waited, *unsent], now)) == [unsent[0].job_id]


def test_a_document_that_waited_for_long_is_not_the_first_to_go() -> None:
    now = dt_util.utcnow()
    half = {"state": JobState.COMPLETED, "size": MAX_KEPT_DOCUMENT_BYTES // 2}
    printed = [ended(number, 1 + number, **half) for number in range(2)]
    waited = replace(printed[0], job_id="waited", created_at=now - timedelta(hours=48))
    waited = altered(waited, ended_at=now)
    week = timedelta(days=7)
    kept = documents_to_keep([waited, *reversed(printed)], now, failed=week, wanted=week)
    assert kept == {"waited", printed[0].job_id}
