"""What all boxes of one ApiKey share: a limit on requests, and one address for news."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
import hashlib
import logging
import time

from homeassistant.core import CALLBACK_TYPE, callback

_LOGGER = logging.getLogger(__name__)

MAX_UNDER_WAY = 4
# An upload may take minutes: one place stays for whatever is quick.
MAX_UPLOADS = 3
# Requests of all kinds in any minute, and how many of them polling leaves to jobs. No rate is
# published (lianke-api, "Ground rules"); a hundred boxes that print at nine must not look like a
# load test.
MAX_A_MINUTE = 50
KEPT_FOR_JOBS = 10
MINUTE = 60
# Seconds of silence after "too frequent" (10009), doubled while it goes on.
PAUSE_START = 60
PAUSE_LIMIT = 300
# After so many seconds in peace a new pause is short again.
PAUSE_FORGOTTEN = 600
# Seconds. Shorter waits would only look again.
SHORTEST_WAIT = 0.01
# Polling requests a second and ApiKey, and how many may come in one go.
POLL_RATE = 30 / 60
POLL_BURST = 10
# Requests of one poll, and the seconds between a box's questions for a printer's condition.
REQUESTS_A_POLL = 2
CONDITION_INTERVAL = 300


class Account:
    """The limits and the address of one ApiKey. Its boxes come and go.

    It is told apart by the webhook's id, which survives a renewed key.
    """

    def __init__(self, webhook_id: str) -> None:
        """Start without boxes and without an address."""
        self.webhook_id = webhook_id
        self.box_count = 0
        # Messages that named no box of ours. Proves nothing, since anyone can send one.
        self.unclear_messages = 0
        self._address: str | None = None
        self._fingerprint: str | None = None
        self._listeners: list[CALLBACK_TYPE] = []
        self._under_way = asyncio.Semaphore(MAX_UNDER_WAY)
        self._uploads = asyncio.Semaphore(MAX_UPLOADS)
        # When the last requests went.
        self._sent: deque[float] = deque(maxlen=MAX_A_MINUTE)
        self._pause = 0.0
        self._pause_until = float("-inf")
        self._admitted_until = float("-inf")

    @property
    def address(self) -> str | None:
        """Return where the cloud can send news; None when it cannot. A secret."""
        return self._address

    @property
    def fingerprint(self) -> str | None:
        """Return what tells the present address from another one without giving it away."""
        return self._fingerprint

    @callback
    def set_address(self, address: str | None) -> None:
        """Take a new address and tell who listens."""
        if address == self._address:
            return
        self._address = address
        self._fingerprint = (
            None if address is None else hashlib.sha256(address.encode()).hexdigest()[:16]
        )
        for listener in list(self._listeners):
            listener()

    @callback
    def listen(self, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Call `listener` whenever the address has changed."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @callback
    def note_unclear_message(self) -> None:
        """Count a message that names no box of this account."""
        self.unclear_messages += 1

    def callback_url(self, token: str) -> str | None:
        """Return the address that carries a job's token, None without an address."""
        return None if self._address is None else f"{self._address}?job={token}"

    @callback
    def join(self) -> CALLBACK_TYPE:
        """Count a box in; call what is returned to count it out."""
        self.box_count += 1

        @callback
        def leave() -> None:
            self.box_count -= 1

        return leave

    @asynccontextmanager
    async def slot(self, *, upload: bool = False) -> AsyncIterator[None]:
        """Hold one of the places for requests under way; wait out a pause or a busy minute first.

        Uploads never hold all of the places.
        """
        async with self._uploads if upload else nullcontext(), self._under_way:
            left = self._closed_for()
            while left > 0:
                await asyncio.sleep(max(left, SHORTEST_WAIT))
                left = self._closed_for()
            self._sent.append(time.monotonic())
            yield

    def _closed_for(self) -> float:
        """Return the seconds until the next request may go; none or less means now."""
        return max(self._pause_until - time.monotonic(), self._busy_for(MAX_A_MINUTE))

    def _busy_for(self, limit: int) -> float:
        """Return for how many seconds yet the last minute has so many requests in it."""
        if len(self._sent) < limit:
            return 0.0
        return self._sent[-limit] + MINUTE - time.monotonic()

    def too_frequent(self) -> None:
        """Let no request go for a while: the service complained."""
        now = time.monotonic()
        if now < self._pause_until:
            # Another answer to the same burst.
            return
        again = now - self._pause_until < PAUSE_FORGOTTEN
        self._pause = min(self._pause * 2, PAUSE_LIMIT) if again else PAUSE_START
        self._pause_until = now + self._pause
        _LOGGER.info("The service asks for fewer requests; pausing for %d s", self._pause)

    def stretched(self, interval: float) -> float:
        """Return the seconds between two polls of a box that leave room for the others.

        All polling of the account together, with a question for a printer's condition at most
        at each poll, stays within its rate.
        """
        rate = POLL_RATE / max(1, self.box_count)
        shortest = (REQUESTS_A_POLL + 1) / rate
        if shortest < CONDITION_INTERVAL:
            shortest = REQUESTS_A_POLL / (rate - 1 / CONDITION_INTERVAL)
        return max(interval, shortest)

    async def async_admit(self, requests: int) -> None:
        """Wait until so many more polling requests are within the rate."""
        now = time.monotonic()
        self._admitted_until = max(self._admitted_until, now) + requests / POLL_RATE
        if (wait := self._admitted_until - now - POLL_BURST / POLL_RATE) > 0:
            await asyncio.sleep(wait)
        left = self._busy_for(MAX_A_MINUTE - KEPT_FOR_JOBS)
        while left > 0:
            await asyncio.sleep(max(left, SHORTEST_WAIT))
            left = self._busy_for(MAX_A_MINUTE - KEPT_FOR_JOBS)
