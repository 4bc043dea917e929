"""The operations that take jobs back: Cancel-Job and Cancel-My-Jobs."""

from ...ipp.model import IppError, Status
from ...jobs.job import Job
from .describing import AnyJob, find_job, lan_jobs, target_of
from .job_attributes import CANCELED, state_of
from .lan_jobs import PendingJob, is_own
from .requests import Answer, Request

_BY_USER = "job-canceled-by-user"


async def async_cancel_job(request: Request) -> Answer:
    """Cancel a job of the same address and name."""
    job = find_job(request)
    if not is_own(job, request.sender):
        raise IppError(Status.NOT_AUTHORIZED, "the job is somebody else's")
    if not _can_cancel(job):
        raise IppError(Status.NOT_POSSIBLE, "the job has ended")
    await _async_cancel(request, job)
    return Answer()


async def async_cancel_my_jobs(request: Request) -> Answer:
    """Cancel all jobs of the same address and name."""
    for job in lan_jobs(request):
        if is_own(job, request.sender) and _can_cancel(job):
            await _async_cancel(request, job)
    return Answer()


def _can_cancel(job: AnyJob) -> bool:
    return job.can_cancel if isinstance(job, Job) else state_of(job).state < CANCELED


async def _async_cancel(request: Request, job: AnyJob) -> None:
    if isinstance(job, PendingJob):
        request.server.pending[request.offered.token].end(job, _BY_USER)
    else:
        await target_of(request).data.queue.async_cancel(job.job_id)
