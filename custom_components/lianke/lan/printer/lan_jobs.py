"""Jobs from the home network: jobs that wait for their document, IPP job numbers, and repeated documents."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
import fcntl
from functools import lru_cache
import hashlib
import os
import socket
import termios
from typing import Final, NamedTuple
from weakref import WeakValueDictionary

from aiohttp import web
from homeassistant.util.limited_size_dict import LimitedSizeDict
from homeassistant.util.ulid import ulid_now

from ...fair_queue import QueuePlace
from ...ipp.model import MAX_INTEGER
from ...jobs.job import Job, JobState
from ...jobs.rules import frees_request_id
from .job_options import JobOptions
from .printer_attributes import DOCUMENT_SECONDS

# Maximum number of jobs per printer that wait for their documents.
MAX_PENDING_LAN_JOBS: Final = 20
# Maximum number of jobs per printer and device that wait for their documents.
MAX_PENDING_LAN_JOBS_A_DEVICE: Final = 5
# Maximum number of jobs per printer that ended without a document and that clients can still query.
MAX_ENDED_LAN_JOBS: Final = 50
# Maximum number of jobs per printer and device that ended without a document and that the device can still query.
MAX_ENDED_LAN_JOBS_A_DEVICE: Final = 10


class SenderIdentity(NamedTuple):
    """Who sent a job. A device may claim any name."""

    name: str
    address: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingJob:
    """A job made by Create-Job whose document has not arrived yet."""

    job_id: str
    sender: SenderIdentity
    title: str
    options: JobOptions
    created_at: datetime
    release_code: str | None = field(default=None, repr=False)
    is_receiving: bool = False
    # The value of job-state-reasons once the job can get no document any more.
    ended: str | None = None
    ended_at: datetime | None = None
    # The id of the earlier job for the same document, if such a job exists; this job's number then refers to that job.
    same_as: str | None = None
    # The place is given back once the job has ended or is in the print queue.
    place: QueuePlace | None = field(default=None, repr=False)

    @property
    def device(self) -> str:
        """The device toward whose limits the job counts."""
        return self.sender.address if self.place is None else str(self.place.owner)

    @property
    def number(self) -> int:
        return job_number(self.job_id)


@lru_cache(maxsize=4096)
def job_number(job_id: str) -> int:
    """Derive a job's IPP number (1 to 2^31 - 1) from its id, so that the number stays the same after a restart."""
    digest = hashlib.sha256(job_id.encode()).digest()
    return int.from_bytes(digest[:4]) % MAX_INTEGER + 1


class PendingJobs:
    """The jobs of one printer that wait for their document, or that ended without a document."""

    def __init__(self) -> None:
        self._jobs: dict[int, PendingJob] = {}

    def new_id(self, taken: Callable[[int], bool]) -> str:
        """Make a job id whose IPP number is neither in use here nor `taken`."""
        job_id = ulid_now()
        while (number := job_number(job_id)) in self._jobs or taken(number):
            job_id = ulid_now()
        return job_id

    @property
    def pending(self) -> list[PendingJob]:
        """Jobs that may still get their document; the job that changed last comes last."""
        self.expire()
        return [job for job in self._jobs.values() if job.ended is None]

    @property
    def all(self) -> list[PendingJob]:
        """All jobs, except jobs whose number refers to an earlier job; the job that changed last comes last."""
        self.expire()
        return [job for job in self._jobs.values() if job.same_as is None]

    def get(self, number: int) -> PendingJob | None:
        self.expire()
        return self._jobs.get(number)

    def put(self, job: PendingJob) -> None:
        """Store the new state of a job. If too many jobs have ended, forget the jobs that ended first."""
        # Move the job to the end, so that the job that ended last is forgotten last.
        self._jobs.pop(job.number, None)
        self._jobs[job.number] = job
        ended = [kept for kept in self._jobs.values() if kept.ended is not None]
        own = [kept for kept in ended if kept.device == job.device]
        for kept in own[:-MAX_ENDED_LAN_JOBS_A_DEVICE] or ended[:-MAX_ENDED_LAN_JOBS]:
            del self._jobs[kept.number]
        if job.ended is not None and job.place is not None:
            job.place.give_back()

    def end_without_document(self, job: PendingJob, reason: str) -> None:
        """Note that a job will get no document; `reason` is a job-state-reason."""
        self.put(replace(job, ended=reason, ended_at=datetime.now(UTC), is_receiving=False))

    def follow(self, job: PendingJob, job_id: str) -> None:
        """End a job, and let its number refer to the earlier job with the id `job_id`, which has the same document."""
        self.end_without_document(replace(job, same_as=job_id), "queued-in-device")

    def resolve_number(self, number: int) -> int:
        """Return the number of the earlier job to which a number refers, or the number itself."""
        job = self._jobs.get(number)
        return number if job is None or job.same_as is None else job_number(job.same_as)

    def drop(self, job: PendingJob) -> None:
        """Forget a pending job once the print queue has its print job."""
        self._jobs.pop(job.number, None)
        if job.place is not None:
            job.place.give_back()

    def expire(self) -> None:
        """End the jobs whose document has not come within DOCUMENT_SECONDS."""
        until = datetime.now(UTC) - timedelta(seconds=DOCUMENT_SECONDS)
        for job in list(self._jobs.values()):
            if job.ended is None and not job.is_receiving and job.created_at < until:
                self.end_without_document(job, "aborted-by-system")


def is_own(job: Job | PendingJob, sender: SenderIdentity) -> bool:
    """Whether a sender sent a job. The name must match, too, since people behind one router share an address."""
    return sender_of(job) == sender


def sender_of(job: Job | PendingJob) -> SenderIdentity | None:
    """Return who sent a job, None if the job did not come from the home network."""
    if isinstance(job, PendingJob):
        return job.sender
    # Older records without an address belong to nobody.
    spec = job.spec
    return SenderIdentity(spec.sender or "", spec.sender_address) if spec.sender_address else None


# Seconds after the creation of a job during which an equal document may be a repetition of that job.
REPEAT_SECONDS: Final = 300
# Seconds in which a client must acknowledge a whole answer.
ACKNOWLEDGE_SECONDS: Final = 10
# Maximum number of jobs that are remembered as known to their devices.
MAX_KNOWN_TO_CLIENTS: Final = 500
_FIRST_PAUSE: Final = 0.002
_LONGEST_PAUSE: Final = 0.5
_NUMBER_BYTES: Final = 4
# TCP_CLOSE of Linux (tcp_states.h), the state of a connection that was reset.
_CLOSED: Final = 7


class SentDocument(NamedTuple):
    """A document that a device has sent. If two records are equal, the second may be the same print, sent again."""

    sender: SenderIdentity
    title: str
    digest: str
    options: dict[str, object]
    size: int  # bytes


class RepeatedDocuments:
    """Remembers which devices got the answer about their job, and finds the jobs whose devices did not get it."""

    def __init__(self) -> None:
        # Ids of jobs whose devices got the answer, the latest last. Empty after a restart: earlier answers may be lost.
        self._client_knows = LimitedSizeDict[str, None](size_limit=MAX_KNOWN_TO_CLIENTS)
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    def turn(self, printer_key: str, what: str) -> asyncio.Lock:
        """Return a printer's lock for the documents with the digest `what`, or for the documents of the device `what`.

        A request takes the device's lock first, then the digest's lock, which it holds until the device has received
        the answer or the answer is lost.
        """
        return self._turns.setdefault((printer_key, what), asyncio.Lock())

    def note_client_knows(self, job_id: str) -> None:
        self._client_knows[job_id] = None

    def find(self, jobs: Iterable[Job], sent: SentDocument, now: datetime) -> Job | None:
        """Return the newest of a printer's jobs that `sent` may repeat, None if there is no such job.

        Also return None if that job failed and certainly printed nothing, so that the caller prints the repetition.
        """
        since = now - timedelta(seconds=REPEAT_SECONDS)
        found = [
            job
            for job in jobs
            if job.created_at >= since
            and job.job_id not in self._client_knows
            and _is_repeated_by(job, sent)
        ]
        newest = max(found, key=lambda job: job.created_at, default=None)
        # A canceled job is returned, too: a device may resend the document automatically, and that must not start the
        # job again.
        if newest is not None and newest.state is JobState.FAILED and newest.retried_as is None:
            return None if frees_request_id(newest) else newest
        return newest


def _is_repeated_by(job: Job, sent: SentDocument) -> bool:
    document, sender = job.deliveries[0].document, sender_of(job)
    if sender is None or job.spec.title != sent.title:
        return False
    if not document.digest:
        # Version 0.2.0 stored no digest.
        return (sender.address, document.size) == (sent.sender.address, sent.size)
    asked = (sender, document.digest, dict(job.spec.requested))
    return asked == (sent.sender, sent.digest, sent.options)


async def async_send_acknowledged(
    request: web.Request,
    response: web.Response,
    on_arrival: Callable[[], None],
    seconds: float | None = None,
) -> None:
    """Send an answer, and call `on_arrival` once the client has acknowledged all of it.

    `on_arrival` is not called if the connection breaks first, or if the client does not acknowledge everything within
    `seconds` after the answer was written (None: ACKNOWLEDGE_SECONDS).
    """
    transport = request.transport
    plain = None if transport is None else transport.get_extra_info("socket")
    if plain is None or plain.fileno() < 0:
        return
    # Duplicate the socket: the web server closes its own before it reports the end of the connection.
    with socket.socket(fileno=os.dup(plain.fileno())) as line:
        is_written = False
        try:
            await response.prepare(request)
            await response.write_eof()
            is_written = True
            async with asyncio.timeout(seconds or ACKNOWLEDGE_SECONDS):
                pause = _FIRST_PAUSE
                while not _is_acknowledged(line):
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE)
        except TimeoutError, ConnectionError:
            pass
        finally:
            if is_written and _is_acknowledged(line):
                on_arrival()


def _is_acknowledged(line: socket.socket) -> bool:
    """Whether the client has acknowledged all bytes that were written; True if the system cannot tell."""
    try:
        unacknowledged = fcntl.ioctl(line, termios.TIOCOUTQ, bytes(_NUMBER_BYTES))
        state = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    except OSError, AttributeError:
        return True
    return state != _CLOSED and not any(unacknowledged)
