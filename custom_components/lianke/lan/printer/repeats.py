"""Print-Job sent again because its answer was lost: the device is given the job that it made."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
import fcntl
import os
import socket
import termios
from typing import Final, NamedTuple
from weakref import WeakValueDictionary

from aiohttp import web

from ...jobs.job import Job
from .lan_jobs import Sender, sender_of

REPEAT_SECONDS: Final = 300
"""seconds after a job was made in which it is looked for."""
DELIVERY_SECONDS: Final = 10
"""seconds that an answer is given to arrive."""
MAX_TOLD: Final = 500
"""jobs whose devices are known to have their numbers."""
_FIRST_PAUSE: Final = 0.002
_NUMBER_BYTES: Final = 4
# The state of a connection that was reset, as Linux numbers it (tcp_states.h).
_CLOSED: Final = 7


class Sent(NamedTuple):
    """What a device has sent, and how it wants it: two that are equal are the same print, or its repetition."""

    sender: Sender
    title: str
    digest: str
    options: dict[str, object]


class Repeats:
    """Knows which devices have been told of their jobs, and finds the job of one that has not."""

    def __init__(self) -> None:
        """Start with nobody told: the answers of before a restart may be lost."""
        # The last one told last.
        self._told: dict[str, None] = {}
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    def turn(self, printer_key: str, digest: str) -> asyncio.Lock:
        """Return what equal documents take one after the other, until the answer has arrived or is lost."""
        return self._turns.setdefault((printer_key, digest), asyncio.Lock())

    def note_told(self, job_id: str) -> None:
        """Keep in mind that a job's device knows of it."""
        self._told[job_id] = None
        while len(self._told) > MAX_TOLD:
            del self._told[next(iter(self._told))]

    def find(self, jobs: Iterable[Job], sent: Sent, now: datetime) -> Job | None:
        """Return the newest of a printer's jobs that this may be the repetition of, None without one."""
        since = now - timedelta(seconds=REPEAT_SECONDS)
        found = [
            job
            for job in jobs
            if job.created_at >= since
            and job.job_id not in self._told
            and Sent(sender_of(job) or Sender("", ""), job.title, job.digest, dict(job.requested))
            == sent
        ]
        return max(found, key=lambda job: job.created_at, default=None)


async def async_deliver(
    request: web.Request, response: web.Response, on_arrival: Callable[[], None]
) -> None:
    """Send an answer, and call `on_arrival` once the other side has acknowledged all of it.

    It is not called where the connection breaks first, or nothing comes back within DELIVERY_SECONDS.
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
            async with asyncio.timeout(DELIVERY_SECONDS):
                pause = _FIRST_PAUSE
                while not _has_all(line):
                    await asyncio.sleep(pause)
                    pause *= 2
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
