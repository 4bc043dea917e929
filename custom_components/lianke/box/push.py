"""Push messages about a box: whether they are useful, and who listens to them."""

import asyncio
from collections import deque
import time

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback

from .polling import PollingAccount
from .storage import BoxStorage

# Seconds. A push this long after polling found a change was merely late.
LATE_PUSH = 60
# Until listeners are notified: the change itself comes first, and many pushes are notified as one.
PAUSE = 0.5
# With so many polls in an hour that pushes caused and that found nothing new, pushes are not trusted.
MAX_USELESS = 3
USELESS_TIME = 3600


class PushTracker:
    """Tracks the push messages about one box.

    They are trusted once one announced a change before polling found it, and no longer when a
    change came without one, or several came without a change: anybody who knows the address can
    send them, and coincidental changes would make them look useful.
    """

    def __init__(self, hass: HomeAssistant, storage: BoxStorage, account: PollingAccount) -> None:
        """Take where the trust is stored, and the account that has the address."""
        self._hass = hass
        self._storage = storage
        self._account = account
        self._pending = False
        # When polling last found a change that no push had announced.
        self._unannounced_at = float("-inf")
        # When polls caused by pushes found nothing new.
        self._useless: deque[float] = deque(maxlen=MAX_USELESS)
        self._listeners: list[CALLBACK_TYPE] = []
        self._timer: asyncio.TimerHandle | None = None

    @property
    def proven(self) -> bool:
        """Return whether pushes to the present address are worth waiting for."""
        return self._storage.pushes_proven_for(self._account.fingerprint)

    @callback
    def listen(self, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Call `listener` soon after push messages; returns a function that unsubscribes."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @callback
    def record(self) -> None:
        """Record a push message."""
        self._storage.record_push()
        if time.monotonic() - self._unannounced_at < LATE_PUSH and not self._is_noise():
            self._storage.save_push_address(self._account.fingerprint)
        self._pending = True
        if self._timer is None:
            self._timer = self._hass.loop.call_later(PAUSE, self._notify_listeners)

    @callback
    def stop(self) -> None:
        """Stop notifying listeners."""
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
        """Return whether a push has arrived since the last call."""
        pending, self._pending = self._pending, False
        return pending

    @callback
    def restore(self, *, pending: bool) -> None:
        """Undo a `consume` whose poll failed."""
        self._pending = self._pending or pending

    @callback
    def rate_usefulness(self, *, announced: bool) -> None:
        """Rate pushes by a change: whether one announced it."""
        if announced and self._is_noise():
            return
        if announced:
            self._storage.save_push_address(self._account.fingerprint)
            return
        self._unannounced_at = time.monotonic()
        self._storage.save_push_address(None)

    @callback
    def record_useless(self) -> None:
        """Record that a poll after a push found nothing new; too many of these end the trust."""
        self._useless.append(time.monotonic())
        if self._is_noise():
            self._storage.save_push_address(None)

    def _is_noise(self) -> bool:
        """Return whether recent pushes announced nothing too often to be trusted."""
        return (
            len(self._useless) == MAX_USELESS and time.monotonic() - self._useless[0] < USELESS_TIME
        )
