"""What the cloud tells by itself, what that has proved to be worth, and who wants to hear of it."""

import asyncio
from collections import deque
import time

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback

from .polling import PollingAccount
from .storage import BoxStorage

# Seconds. A push that comes this long after polling saw its news was merely late.
LATE_PUSH = 60
# Until listeners hear of pushes: what these tell of comes first, and many are told of as one.
PAUSE = 0.5
# Polls in an hour that pushes led to and that found nothing new: so many, and pushes prove nothing.
MAX_USELESS = 3
USELESS_TIME = 3600


class PushTracker:
    """The push messages about one box.

    They are trusted once one told of a change before polling saw it, and no longer when a change
    came without one, or several came without a change: anybody can send such, and what happens
    to change in between would make them look useful.
    """

    def __init__(self, hass: HomeAssistant, storage: BoxStorage, account: PollingAccount) -> None:
        """Take where it is remembered, and what tells one push address from another."""
        self._hass = hass
        self._storage = storage
        self._account = account
        self._pending = False
        # When polling last saw a change that nobody had told of.
        self._unannounced_at = float("-inf")
        # When polls that pushes led to found nothing new.
        self._useless: deque[float] = deque(maxlen=MAX_USELESS)
        self._listeners: list[CALLBACK_TYPE] = []
        self._timer: asyncio.TimerHandle | None = None

    @property
    def proven(self) -> bool:
        """Return whether pushes to the present address are worth waiting for."""
        return self._storage.pushes_proven_for(self._account.fingerprint)

    @callback
    def listen(self, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Call `listener` soon after push messages about this box; call what is returned to end that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @callback
    def record(self) -> None:
        """Note that one has come."""
        self._storage.record_push()
        if time.monotonic() - self._unannounced_at < LATE_PUSH and not self._is_noise():
            self._storage.save_push_address(self._account.fingerprint)
        self._pending = True
        if self._timer is None:
            self._timer = self._hass.loop.call_later(PAUSE, self._notify_listeners)

    @callback
    def stop(self) -> None:
        """Tell nobody any more."""
        if self._timer is not None:
            self._timer.cancel()

    @callback
    def _notify_listeners(self) -> None:
        self._timer = None
        self._storage.save_push_time()
        for listener in list(self._listeners):
            listener()

    @callback
    def consume(self) -> bool:
        """Return whether one has come since the last time."""
        pending, self._pending = self._pending, False
        return pending

    @callback
    def restore(self, *, pending: bool) -> None:
        """Undo a `take` after which nothing could be looked at."""
        self._pending = self._pending or pending

    @callback
    def rate_usefulness(self, *, announced: bool) -> None:
        """Take note of a change, and whether a push told of it first."""
        if announced and self._is_noise():
            return
        if announced:
            self._storage.save_push_address(self._account.fingerprint)
            return
        self._unannounced_at = time.monotonic()
        self._storage.save_push_address(None)

    @callback
    def record_useless(self) -> None:
        """Note that a poll after a push found nothing new; too many of these end the trust."""
        self._useless.append(time.monotonic())
        if self._is_noise():
            self._storage.save_push_address(None)

    def _is_noise(self) -> bool:
        """Return whether so many pushes told of nothing lately that the others prove nothing."""
        return (
            len(self._useless) == MAX_USELESS and time.monotonic() - self._useless[0] < USELESS_TIME
        )
