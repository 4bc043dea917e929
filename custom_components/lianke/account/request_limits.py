"""Request limits and the callback address of an ApiKey, shared by all boxes that use the key."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass
import hashlib
import logging
import time

from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.util.limited_size_dict import LimitedSizeDict

from ..api.errors import TooManyRequestsError
from ..api.transport import Purpose
from ..fair_queue import FairQueue, NoPlaceError, QueuePlace

_LOGGER = logging.getLogger(__name__)

# Maximum requests under way with one ApiKey; further requests wait, in the order of their `Purpose`. The service
# publishes no rate (lianke-api, "Ground rules"), and bans a key that is used too often: a hundred boxes that all print
# at nine o'clock must not look like a load test.
MAX_UNDER_WAY = 4
# Maximum uploads among the requests under way. An upload may take minutes; one place stays free for quick requests.
MAX_UPLOADS = 3
# Maximum lookups under way, of all users together.
MAX_LOOKUPS = 2
# Maximum lookups under way, of one user.
MAX_LOOKUPS_A_USER = 1
# Maximum lookups with an upload under way, of all users together.
MAX_LOOKUP_UPLOADS = 1
# Seconds that a lookup waits for its turn. After that it is refused with `too_many_requests`.
LOOKUP_WAIT = 10
# Seconds that a lookup with an upload waits for its turn.
LOOKUP_UPLOAD_WAIT = 60
# Seconds that a request to count a document's pages waits for its turn. After that, the number of pages stays unknown.
COUNT_WAIT = 5
MINUTE = 60
# Maximum jobs submitted in a minute; further jobs wait. All other requests have a separate limit.
MAX_SUBMISSIONS_A_MINUTE = 58
# Maximum requests in a minute that do not submit a job; further requests wait.
MAX_A_MINUTE = 50
# Requests in a minute that are reserved for tracking jobs.
RESERVED_FOR_TRACKING = 10
# Requests in a minute that are reserved for polls.
RESERVED_FOR_POLLS = 10
# Maximum lookups in a minute, of all users together. Looking up a printer takes two requests: capabilities and papers.
MAX_LOOKUPS_A_MINUTE = 24
# Maximum polls of scans in a minute: scanning page after page must leave room for polling printers.
MAX_SCAN_POLLS_A_MINUTE = 12
# Maximum polls in a minute of scans that devices of the home network started: as many as one scan sends in its first
# minute. Thus, a device that cancels scan after scan leaves the remaining polls to Home Assistant's users.
MAX_LAN_SCAN_POLLS_A_MINUTE = 8

_LOOKUPS = frozenset({Purpose.COUNT, Purpose.LOOKUP})
_SCANS = frozenset({Purpose.SCAN, Purpose.LAN_SCAN})
_OTHERS = frozenset({Purpose.TRACK, *_SCANS, Purpose.POLL, *_LOOKUPS})
_TRACKING = frozenset({Purpose.TRACK})
_LIMITS_BESIDE_TRACKING = (
    (_OTHERS, MAX_A_MINUTE),
    (_OTHERS - _TRACKING, MAX_A_MINUTE - RESERVED_FOR_TRACKING),
)
_SCAN_LIMITS = (*_LIMITS_BESIDE_TRACKING, (_SCANS, MAX_SCAN_POLLS_A_MINUTE))
_LOOKUP_LIMITS = (
    (_OTHERS, MAX_A_MINUTE - RESERVED_FOR_TRACKING - RESERVED_FOR_POLLS),
    (_LOOKUPS, MAX_LOOKUPS_A_MINUTE),
)
# The limits for each purpose. Each limit is a group of purposes, and the maximum requests for that group in any minute.
LIMITS_BY_PURPOSE: dict[Purpose, tuple[tuple[frozenset[Purpose], int], ...]] = {
    Purpose.SUBMIT: ((frozenset({Purpose.SUBMIT}), MAX_SUBMISSIONS_A_MINUTE),),
    Purpose.TRACK: ((_OTHERS, MAX_A_MINUTE), (_TRACKING, MAX_A_MINUTE - RESERVED_FOR_POLLS)),
    Purpose.SCAN: _SCAN_LIMITS,
    Purpose.LAN_SCAN: (
        *_SCAN_LIMITS,
        (frozenset({Purpose.LAN_SCAN}), MAX_LAN_SCAN_POLLS_A_MINUTE),
    ),
    Purpose.POLL: _LIMITS_BESIDE_TRACKING,
    Purpose.COUNT: _LOOKUP_LIMITS,
    Purpose.LOOKUP: _LOOKUP_LIMITS,
    Purpose.PICTURE: (),
}
# Maximum lookups of one user that may come at once. An exhausted allowance is full again within a minute.
USER_BURST = 8
# Maximum lookups of all users together that may come at once. An exhausted allowance is full again within a minute.
ALL_USERS_BURST = 12
# Maximum users whose lookups are counted; beyond that, the user who has been idle for longest is forgotten.
MAX_USERS = 64
# Seconds without requests after the service first answered "too frequent" (10009); doubled with each further pause.
SERVICE_PAUSE_START = 60
# Maximum seconds without requests after the service answered "too frequent".
SERVICE_PAUSE_LIMIT = 300
# Seconds after the end of a pause. A pause that begins later than this is as short as the first.
PAUSE_FORGOTTEN = 600
# Polling requests per second for one ApiKey.
POLL_RATE = 30 / 60
# Polling requests that may come at once.
POLL_BURST = 10
# Number of requests in one poll of a box.
REQUESTS_A_POLL = 2
# Seconds between two requests of a box for the condition of a printer.
CONDITION_INTERVAL = 300
# Minimum seconds between two polls of a printer that has a job of ours in the cloud.
WATCH_INTERVAL = 15
WATCH_SHARE = 0.5  # the share of POLL_RATE for all such printers together


class _Pause:
    """A pause during which no requests start. It gets longer each time the service complains again."""

    def __init__(self) -> None:
        self._length = 0.0
        self.until = float("-inf")

    def begin(self) -> None:
        """Begin a pause. Does nothing during a pause: a complaint is then about requests sent before the pause."""
        now = time.monotonic()
        if now < self.until:
            return
        again = now - self.until < PAUSE_FORGOTTEN
        self._length = min(self._length * 2, SERVICE_PAUSE_LIMIT) if again else SERVICE_PAUSE_START
        self.until = now + self._length
        _LOGGER.info("The service asks for fewer requests; pausing for %d s", self._length)


class _TokenBucket:
    """A token bucket that refills within a minute."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._left = float(size)
        self._at = time.monotonic()

    @property
    def available(self) -> float:
        now = time.monotonic()
        self._left = min(self._size, self._left + (now - self._at) * self._size / MINUTE)
        self._at = now
        return self._left

    def take(self) -> None:
        self._left = self.available - 1


class _Requests(FairQueue):
    """A queue that starts requests in the order of their purposes (their ranks) and within the limits per minute."""

    def __init__(self) -> None:
        super().__init__(MAX_UNDER_WAY, opens_in=self._seconds_until_within, on_turn=self._note)
        # The requests of the last minute: when each was sent (monotonic clock, s), and its purpose.
        self._sent: deque[tuple[float, Purpose]] = deque()
        self.pause = _Pause()
        self.lookup_pause = _Pause()

    def _seconds_until_within(self, place: QueuePlace) -> float:
        now = time.monotonic()
        while self._sent and self._sent[0][0] <= now - MINUTE:
            self._sent.popleft()
        purpose = Purpose(place.rank)
        opens = self.pause.until
        if purpose in _LOOKUPS:
            opens = max(opens, self.lookup_pause.until)
        for counted, limit in LIMITS_BY_PURPOSE[purpose]:
            times = [at for at, other in self._sent if other in counted]
            if len(times) >= limit:
                opens = max(opens, times[-limit] + MINUTE)
        return opens - now

    def available(self, purpose: Purpose) -> int:
        """Return how many requests with this purpose may be sent now."""
        since = time.monotonic() - MINUTE
        recent = [other for at, other in self._sent if at > since]
        return min(
            limit - sum(other in counted for other in recent)
            for counted, limit in LIMITS_BY_PURPOSE[purpose]
        )

    def _note(self, place: QueuePlace) -> None:
        if LIMITS_BY_PURPOSE[purpose := Purpose(place.rank)]:
            self._sent.append((time.monotonic(), purpose))


class UserThrottle:
    """Throttle for the lookups of one user. Lookups come after all other requests, and only a few run at once."""

    def __init__(self, account: Account, user: str | None) -> None:
        self._account = account
        self._user = user

    @asynccontextmanager
    async def request_slot(self, purpose: Purpose, *, upload: bool = False) -> AsyncIterator[None]:
        """Hold a place for a request. Raises TooManyRequestsError if no place becomes free in time."""
        lookup = max(purpose, Purpose.LOOKUP)
        async with self._account.request_slot(lookup, upload=upload, user=self._user):
            yield

    def on_too_frequent(self) -> None:
        """Pause all lookups. Other requests go on, because the service limits the endpoints of lookups separately."""
        self._account.requests.lookup_pause.begin()


# When the service refuses an ApiKey, the boxes that use the key stop polling. The first box that gets an answer again
# wakes the others.

# Seconds until a box that was woken in vain may be woken again. The time doubles with each failure, because the
# service may refuse the key for this box only.
KEY_PAUSE_START = 60
# Maximum seconds until a box that was woken in vain may be woken again.
KEY_PAUSE_LIMIT = 3600


@dataclass(slots=True)
class _Refused:
    # Wakes the box; None once it has been called.
    wake: CALLBACK_TYPE | None
    # Seconds from the refusal until the box may be woken.
    pause: float
    # When the box may be woken (monotonic clock, s).
    not_before: float


class KeyWatch:
    """Keeps track of the boxes for which the service refused an ApiKey."""

    def __init__(self) -> None:
        self._refused: dict[str, _Refused] = {}

    @callback
    def await_key(self, entry_id: str, wake: CALLBACK_TYPE) -> None:
        """Call `wake` when the key works for another box. If an earlier call did not help this box, wait longer."""
        known = self._refused.get(entry_id)
        pause = min(max(known.pause * 2, KEY_PAUSE_START), KEY_PAUSE_LIMIT) if known else 0
        self._refused[entry_id] = _Refused(wake, pause, time.monotonic() + pause)

    @callback
    def forget(self, entry_id: str) -> None:
        self._refused.pop(entry_id, None)

    @callback
    def key_works(self, entry_id: str | None = None) -> None:
        """Wake the waiting boxes, because the service has accepted the key (for the box `entry_id`, if given)."""
        if entry_id is not None:
            self.forget(entry_id)
        now = time.monotonic()
        for refused in list(self._refused.values()):
            if refused.wake is not None and now >= refused.not_before:
                wake, refused.wake = refused.wake, None
                wake()


class Account:
    """Limits and callback address of one ApiKey.

    An account is identified by the id of its webhook, which stays the same when the key is renewed.
    """

    def __init__(self, webhook_id: str) -> None:
        self.webhook_id = webhook_id
        self.box_count = 0
        self.key_watch = KeyWatch()
        # Number of messages that name no box of ours. The number proves nothing, because anyone can send such messages.
        self.unclear_messages = 0
        # The callback address, which is a secret; None if the service cannot reach us.
        self.address: str | None = None
        # A digest of the callback address, which does not reveal the address.
        self.fingerprint: str | None = None
        self._listeners: list[CALLBACK_TYPE] = []
        self.requests = _Requests()
        self._all_users = _TokenBucket(ALL_USERS_BURST)
        # The users in the order of their last lookups; None is Home Assistant itself.
        self._users = LimitedSizeDict[str | None, _TokenBucket](size_limit=MAX_USERS)
        self._admitted_until = float("-inf")
        # For each box, the number of requests in one poll of its printers that have jobs of ours.
        self._watched: dict[str, int] = {}

    def set_address(self, address: str | None) -> None:
        if address == self.address:
            return
        self.address = address
        self.fingerprint = address and hashlib.sha256(address.encode()).hexdigest()[:16]
        for listener in list(self._listeners):
            listener()

    def listen(self, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def join(self) -> CALLBACK_TYPE:
        """Count a box that joins the account. The returned function must be called when the box leaves."""
        self.box_count += 1
        return self._leave

    def _leave(self) -> None:
        self.box_count -= 1

    def user_throttle(self, user: str | None) -> UserThrottle:
        """Admit one lookup of a user (None is Home Assistant itself), and return the throttle for its requests.

        Raises TooManyRequestsError if the user, or all users together, have reached the limit.
        """
        bucket = self._users[user] = self._users.get(user) or _TokenBucket(USER_BURST)
        self._users.move_to_end(user)
        if bucket.available < 1 or self._all_users.available < 1:
            raise TooManyRequestsError
        bucket.take()
        self._all_users.take()
        return UserThrottle(self, user)

    @asynccontextmanager
    async def request_slot(
        self,
        purpose: Purpose,
        *,
        upload: bool = False,
        user: str | None = None,
        max_wait: float | None = None,
    ) -> AsyncIterator[None]:
        """Hold a place among the requests under way. Waits during a pause and while a limit per minute is reached.

        Raises TooManyRequestsError if a lookup, or a request with `max_wait` (s), has waited too long.
        """
        within: dict[Hashable, int] = {}
        if upload:
            within["uploads"] = MAX_UPLOADS
        if purpose > Purpose.TRACK:
            # Fetching a driver's papers or a page's picture may take a minute, so such requests leave a place for jobs.
            within["no jobs"] = MAX_UNDER_WAY - 1
        if purpose >= Purpose.COUNT:
            within["lookups"] = MAX_LOOKUPS
            within["user", user] = MAX_LOOKUPS_A_USER
            if upload:
                within["lookups with uploads"] = MAX_LOOKUP_UPLOADS
        if purpose is Purpose.COUNT:
            max_wait = COUNT_WAIT
        elif purpose is Purpose.LOOKUP:
            max_wait = LOOKUP_UPLOAD_WAIT if upload else LOOKUP_WAIT
        try:
            async with self.requests.place(
                user, extra_limits=within, rank=purpose, max_wait=max_wait
            ):
                yield
        except NoPlaceError:
            raise TooManyRequestsError from None

    def on_too_frequent(self) -> None:
        self.requests.pause.begin()

    def stretch_interval(self, interval: float) -> float:
        """Return a poll interval for a box (s), at least `interval`, that keeps the account within POLL_RATE.

        The rate covers the polls of all boxes (each with at most one request for a printer's condition) and the polls
        of all watched printers.
        """
        watching = sum(self._watched.values()) / self.watch_interval
        rate = (POLL_RATE - watching) / max(1, self.box_count)
        shortest = (REQUESTS_A_POLL + 1) / rate
        if shortest < CONDITION_INTERVAL:
            shortest = REQUESTS_A_POLL / (rate - 1 / CONDITION_INTERVAL)
        return max(interval, shortest)

    def set_watched(self, box: str, requests: int) -> None:
        """Set how many requests a box sends for each poll of the printers that have jobs of ours."""
        self._watched[box] = requests
        if not requests:
            del self._watched[box]

    @property
    def watch_interval(self) -> float:
        """Seconds between two polls of a printer that has a job of ours."""
        return max(WATCH_INTERVAL, sum(self._watched.values()) / (POLL_RATE * WATCH_SHARE))

    async def async_wait_for_poll_rate(self, requests: int) -> None:
        """Wait until the caller may send this many more polling requests within POLL_RATE."""
        now = time.monotonic()
        self._admitted_until = max(self._admitted_until, now) + requests / POLL_RATE
        if (wait := self._admitted_until - now - POLL_BURST / POLL_RATE) > 0:
            await asyncio.sleep(wait)
