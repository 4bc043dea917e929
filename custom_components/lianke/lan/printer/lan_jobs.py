"""Jobs of the home network: those that wait for their document, their numbers, and which were sent again."""

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

from ...fair_queue import Place
from ...ipp.model import MAX_INTEGER
from ...jobs.job import Job, JobState
from ...jobs.rules import frees_request_id
from .job_options import JobOptions
from .printer_attributes import DOCUMENT_SECONDS

MAX_PENDING: Final = 20
"""jobs of a printer that wait for their documents."""
MAX_PENDING_A_DEVICE: Final = 5
"""those of one device."""
MAX_ENDED: Final = 50
"""jobs of a printer that ended without a document and can still be asked for."""
MAX_ENDED_A_DEVICE: Final = 10
"""those of one device."""


class Sender(NamedTuple):
    """Who sent a job, by their own account, and from which address."""

    name: str
    address: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingJob:
    """A job made by Create-Job; `ended` says why it will get no document any more.

    `same_as` is the id of the job that its document has made before, under another number. `place` is given back once
    the job ends or is made.
    """

    job_id: str
    sender: Sender
    title: str
    options: JobOptions
    created_at: datetime
    release_code: str | None = field(default=None, repr=False)
    is_receiving: bool = False
    ended: str | None = None
    ended_at: datetime | None = None
    same_as: str | None = None
    place: Place | None = field(default=None, repr=False)

    @property
    def device(self) -> str:
        """Return whose shares the job takes."""
        return self.sender.address if self.place is None else str(self.place.owner)

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
        self._jobs: dict[int, PendingJob] = {}

    def new_id(self, taken: Callable[[int], bool]) -> str:
        """Return the id of a new job whose number no other one has."""
        job_id = ulid_now()
        while (number := job_number(job_id)) in self._jobs or taken(number):
            job_id = ulid_now()
        return job_id

    @property
    def pending(self) -> list[PendingJob]:
        """Return the jobs that still may get their document, oldest first."""
        self.expire()
        return [job for job in self._jobs.values() if job.ended is None]

    @property
    def all(self) -> list[PendingJob]:
        """Return all jobs, oldest first, each under one number."""
        self.expire()
        return [job for job in self._jobs.values() if job.same_as is None]

    def get(self, number: int) -> PendingJob | None:
        self.expire()
        return self._jobs.get(number)

    def put(self, job: PendingJob) -> None:
        """Keep a job as it is now."""
        # The one that ended last is forgotten last.
        self._jobs.pop(job.number, None)
        self._jobs[job.number] = job
        ended = [kept for kept in self._jobs.values() if kept.ended is not None]
        own = [kept for kept in ended if kept.device == job.device]
        for kept in own[:-MAX_ENDED_A_DEVICE] or ended[:-MAX_ENDED]:
            del self._jobs[kept.number]
        if job.ended is not None and job.place is not None:
            job.place.give_back()

    def end(self, job: PendingJob, reason: str) -> None:
        """Keep that a job will get no document, with a job-state-reason."""
        self.put(replace(job, ended=reason, ended_at=datetime.now(UTC), is_receiving=False))

    def follow(self, job: PendingJob, job_id: str) -> None:
        """Keep that a job's document is that of an earlier job, which is meant by its number from now on."""
        self.end(replace(job, same_as=job_id), "queued-in-device")

    def number_of(self, number: int) -> int:
        """Return the number of the job that is meant by one."""
        job = self._jobs.get(number)
        return number if job is None or job.same_as is None else job_number(job.same_as)

    def drop(self, job: PendingJob) -> None:
        """Forget a job that the queue has now."""
        self._jobs.pop(job.number, None)
        if job.place is not None:
            job.place.give_back()

    def expire(self) -> None:
        """End the jobs whose document does not come."""
        until = datetime.now(UTC) - timedelta(seconds=DOCUMENT_SECONDS)
        for job in list(self._jobs.values()):
            if job.ended is None and not job.is_receiving and job.created_at < until:
                self.end(job, "aborted-by-system")


def is_own(job: Job | PendingJob, sender: Sender) -> bool:
    """Return whether a job was sent from this address and under this name.

    Several people may share an address, behind a router or on one computer.
    """
    return sender_of(job) == sender


def sender_of(job: Job | PendingJob) -> Sender | None:
    """Return who sent a job from the home network, None for jobs from elsewhere."""
    if isinstance(job, PendingJob):
        return job.sender
    # Records of before addresses were kept, or with an empty one, are nobody's.
    spec = job.spec
    return Sender(spec.sender or "", spec.sender_address) if spec.sender_address else None


REPEAT_SECONDS: Final = 300
"""seconds after a job was made in which it is looked for."""
DELIVERY_SECONDS: Final = 10
"""seconds that an answer is given to arrive."""
MAX_TOLD: Final = 500
"""jobs whose devices are known to have their numbers."""
_FIRST_PAUSE: Final = 0.002
_LONGEST_PAUSE: Final = 0.5
_NUMBER_BYTES: Final = 4
# The state of a connection that was reset, as Linux numbers it (tcp_states.h).
_CLOSED: Final = 7


class Sent(NamedTuple):
    """What a device has sent, and how it wants it: two that are equal are the same print, or its repetition."""

    sender: Sender
    title: str
    digest: str
    options: dict[str, object]
    # Bytes.
    size: int


class Repeats:
    """Knows which devices have been told of their jobs, and finds the job of one that has not."""

    def __init__(self) -> None:
        """Start with nobody told: the answers of before a restart may be lost."""
        # The last one told last.
        self._told = LimitedSizeDict[str, None](size_limit=MAX_TOLD)
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    def turn(self, printer_key: str, digest: str) -> asyncio.Lock:
        """Return what equal documents take one after the other, until the answer has arrived or is lost."""
        return self._turns.setdefault((printer_key, digest), asyncio.Lock())

    def note_told(self, job_id: str) -> None:
        self._told[job_id] = None

    def find(self, jobs: Iterable[Job], sent: Sent, now: datetime) -> Job | None:
        """Return the newest of a printer's jobs that this may be the repetition of, None without one.

        None as well where that has failed, and surely nothing of it comes out: what is sent again is to be printed.
        """
        since = now - timedelta(seconds=REPEAT_SECONDS)
        found = [
            job
            for job in jobs
            if job.created_at >= since and job.job_id not in self._told and _is_of(job, sent)
        ]
        newest = max(found, key=lambda job: job.created_at, default=None)
        # One that was canceled stays so: the device may repeat it without anybody's doing.
        if newest is not None and newest.state is JobState.FAILED and newest.retried_as is None:
            return None if frees_request_id(newest) else newest
        return newest


def _is_of(job: Job, sent: Sent) -> bool:
    """Return whether a job may have been made of what a device has sent."""
    document, sender = job.deliveries[0].document, sender_of(job)
    if sender is None or job.spec.title != sent.title:
        return False
    if not document.digest:
        # 0.2.0 kept none (K8).
        return (sender.address, document.size) == (sent.sender.address, sent.size)
    asked = (sender, document.digest, dict(job.spec.requested))
    return asked == (sent.sender, sent.digest, sent.options)


async def async_deliver(
    request: web.Request,
    response: web.Response,
    on_arrival: Callable[[], None],
    seconds: float | None = None,
) -> None:
    """Send an answer, and call `on_arrival` once the other side has acknowledged all of it.

    It is not called where the connection breaks first, or not all is acknowledged so many seconds after it was
    written: DELIVERY_SECONDS, unless others are given.
    """
    transport = request.transport
    plain = None if transport is None else transport.get_extra_info("socket")
    if plain is None or plain.fileno() < 0:
        return
    # One of our own: the web server closes its own before it says that the connection has ended.
    with socket.socket(fileno=os.dup(plain.fileno())) as line:
        is_written = False
        try:
            await response.prepare(request)
            await response.write_eof()
            is_written = True
            async with asyncio.timeout(seconds or DELIVERY_SECONDS):
                pause = _FIRST_PAUSE
                while not _has_all(line):
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE)
        except TimeoutError, ConnectionError:
            pass
        finally:
            if is_written and _has_all(line):
                on_arrival()


def _has_all(line: socket.socket) -> bool:
    """Return whether the other side has got all that was written; where that cannot be told, it has."""
    try:
        unacknowledged = fcntl.ioctl(line, termios.TIOCOUTQ, bytes(_NUMBER_BYTES))
        state = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    except OSError, AttributeError:
        return True
    return state != _CLOSED and not any(unacknowledged)
