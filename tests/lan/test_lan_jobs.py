"""Jobs that wait for their document."""

from datetime import UTC, datetime

from freezegun.api import FrozenDateTimeFactory

from custom_components.lianke.lan.printer.job_options import JobOptions
from custom_components.lianke.lan.printer.lan_jobs import (
    MAX_ENDED_LAN_JOBS_A_DEVICE,
    PendingJob,
    PendingJobs,
    SenderIdentity,
    job_number,
)
from custom_components.lianke.lan.printer.printer_attributes import DOCUMENT_SECONDS


def pending_job(jobs: PendingJobs, *, is_receiving: bool = False) -> PendingJob:
    job = PendingJob(
        job_id=jobs.new_id(lambda _number: False),
        sender=SenderIdentity("Anna", "192.168.1.23"),
        title="Brief",
        options=JobOptions(),
        created_at=datetime.now(UTC),
        is_receiving=is_receiving,
    )
    jobs.put(job)
    return job


def test_a_job_waits_so_long(freezer: FrozenDateTimeFactory) -> None:
    """One whose document is just coming does not end."""
    jobs = PendingJobs()
    job, receiving = pending_job(jobs), pending_job(jobs, is_receiving=True)
    freezer.tick(DOCUMENT_SECONDS)
    assert jobs.pending == [job, receiving]
    freezer.tick(1)
    assert jobs.pending == [receiving]
    ended = jobs.get(job.number)
    assert ended is not None
    assert ended.ended == "aborted-by-system"
    for _ in range(MAX_ENDED_LAN_JOBS_A_DEVICE):
        jobs.end_without_document(pending_job(jobs), "aborted-by-system")
    jobs.end_without_document(receiving, "job-canceled-by-user")
    assert jobs.get(receiving.number) is not None


def test_no_two_jobs_have_one_number() -> None:
    jobs = PendingJobs()
    asked: list[int] = []

    def taken(number: int) -> bool:
        asked.append(number)
        return len(asked) < 3

    job_id = jobs.new_id(taken)
    assert len(set(asked)) == 3
    assert job_number(job_id) == asked[-1]
    assert 1 <= asked[-1] < 2**31
