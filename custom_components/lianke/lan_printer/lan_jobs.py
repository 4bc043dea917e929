"""Jobs of the home network: those that wait for their document, and their numbers."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
import hashlib
from typing import Final, NamedTuple

from homeassistant.util.ulid import ulid_now

from ..jobs.job import Job
from .ipp import MAX_INTEGER
from .job_options import JobOptions
from .printer_attributes import DOCUMENT_SECONDS

MAX_PENDING: Final = 20
"""jobs of a printer that wait for their documents."""
MAX_ENDED: Final = 50
"""jobs of a printer that ended without a document and can still be asked for."""


class Sender(NamedTuple):
    """Who sent a job, by their own account, and from which address."""

    name: str
    address: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingJob:
    """A job made by Create-Job; `ended` says why it will get no document any more."""

    job_id: str
    sender: Sender
    title: str
    options: JobOptions
    created_at: datetime
    release_code: str | None = field(default=None, repr=False)
    is_receiving: bool = False
    ended: str | None = None
    ended_at: datetime | None = None

    @property
    def number(self) -> int:
        """Return the number that clients know the job by."""
        return job_number(self.job_id)


@lru_cache(maxsize=4096)
def job_number(job_id: str) -> int:
    """Return the number of a job, the same at each start: the protocol wants 1 to 2^31 - 1."""
    digest = hashlib.sha256(job_id.encode()).digest()
    return int.from_bytes(digest[:4]) % MAX_INTEGER + 1


class PendingJobs:
    """The jobs of one printer that wait for their document, and those that got none."""

    def __init__(self) -> None:
        """Start without any."""
        self._jobs: dict[int, PendingJob] = {}

    def new_id(self, taken: Callable[[int], bool]) -> str:
        """Return the id of a new job whose number no other one has."""
        job_id = ulid_now()
        while (number := job_number(job_id)) in self._jobs or taken(number):
            job_id = ulid_now()
        return job_id

    @property
    def is_full(self) -> bool:
        """Return whether no more jobs may wait for their document."""
        self._expire()
        return len(self.pending) >= MAX_PENDING

    @property
    def pending(self) -> list[PendingJob]:
        """Return the jobs that still may get their document, oldest first."""
        self._expire()
        return [job for job in self._jobs.values() if job.ended is None]

    @property
    def all(self) -> list[PendingJob]:
        """Return all jobs, oldest first."""
        self._expire()
        return list(self._jobs.values())

    def get(self, number: int) -> PendingJob | None:
        """Return the job of a number, None without one."""
        self._expire()
        return self._jobs.get(number)

    def put(self, job: PendingJob) -> None:
        """Keep a job as it is now."""
        self._jobs[job.number] = job
        ended = [number for number, kept in self._jobs.items() if kept.ended is not None]
        for number in ended[: max(0, len(ended) - MAX_ENDED)]:
            del self._jobs[number]

    def end(self, job: PendingJob, reason: str) -> None:
        """Keep that a job will get no document, with a job-state-reason."""
        self.put(replace(job, ended=reason, ended_at=datetime.now(UTC), is_receiving=False))

    def drop(self, job: PendingJob) -> None:
        """Forget a job that the queue has now."""
        self._jobs.pop(job.number, None)

    def _expire(self) -> None:
        """End the jobs whose document does not come."""
        until = datetime.now(UTC) - timedelta(seconds=DOCUMENT_SECONDS)
        for job in list(self._jobs.values()):
            if job.ended is None and not job.is_receiving and job.created_at < until:
                self.end(job, "aborted-by-system")


def is_named_like(job: Job | PendingJob, sender: Sender) -> bool:
    """Return whether a job was sent under this name."""
    other = job.sender if isinstance(job, PendingJob) else sender_of(job)
    return other is not None and other.name == sender.name


def is_own(job: Job | PendingJob, sender: Sender) -> bool:
    """Return whether a job was sent under this name, or from this address."""
    other = job.sender if isinstance(job, PendingJob) else sender_of(job)
    return other is not None and (other.name == sender.name or other.address == sender.address)


def sender_of(job: Job) -> Sender | None:
    """Return who sent a job from the home network, None for jobs from elsewhere."""
    if job.sender_address is None:
        return None
    return Sender(job.sender or "", job.sender_address)
