"""Polling of a box: the interval, the requests of one poll, and whether push messages can be trusted."""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
import time
from typing import Any

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.util.async_ import create_eager_task

from ..account.request_limits import Account
from ..api.client import LiankeClient
from ..api.errors import BoxNotProvisionedError, BoxOfflineError, LiankeError
from ..api.models import Box, Printer, PrinterKind
from ..const import POLL_INTERVAL
from .storage import BoxStorage

# Minimum seconds between two polls of a box that is offline.
OFFLINE_INTERVAL = 300
# Minimum seconds between two polls of a box while its pushes can be relied on to announce changes.
RELAXED_INTERVAL = 300


def poll_interval(options: Mapping[str, Any], *, online: bool, relaxed: bool) -> float:
    """Return the seconds between two polls. `relaxed` means that pushes can be relied on to announce changes."""
    interval = min(max(POLL_INTERVAL.of(options), POLL_INTERVAL.least), POLL_INTERVAL.most)
    if not online:
        return max(interval, OFFLINE_INTERVAL)
    return max(interval, RELAXED_INTERVAL) if relaxed else interval


async def async_poll(
    client: LiankeClient, kind: PrinterKind, *, was_online: bool
) -> tuple[Box, tuple[Printer, ...] | None]:
    """Return the box and the rows of its printers, which are None if the box is offline. Raises LiankeError.

    If the box was online, both requests are sent at the same time, which shows a change one round trip sooner.
    """
    asked = create_eager_task(client.box())
    rows: tuple[Printer, ...] | None = None
    failure: LiankeError | None = None
    try:
        if was_online or (await asked).online:
            try:
                rows = await client.printers(kind)
            except BoxOfflineError, BoxNotProvisionedError:
                pass
            except LiankeError as err:
                failure = err
        box = await asked
    finally:
        asked.cancel()
    if not box.online:
        # The service may still list the printers of a box that is off.
        return box, None
    if failure is not None:
        raise failure
    return (box if rows is not None else replace(box, online=False)), rows


# Minimum seconds between two refreshes. The service publishes no rate (lianke-api, "Ground rules"), so refreshes are no
# more frequent than is useful.
REFRESH_SPACING = 5
# Seconds by which a push may come after the poll that found a change, and still count as announcing that change.
LATE_PUSH = 60
# Seconds from a push until listeners are notified: the refresh begins first, and a burst of pushes is reported once.
NOTIFY_PAUSE = 0.5
# Number of useless pushes within USELESS_TIME that ends the trust. A push is useless if polling then finds nothing new.
MAX_USELESS = 3
# Seconds for which useless pushes are counted.
USELESS_TIME = 3600


class PushTracker:
    """Decides whether push messages about one box are trusted.

    The trust begins when a push announces a change before polling finds it. It ends when polling finds a change first,
    or when several pushes announce nothing: anybody who knows the address can send pushes, and such pushes would look
    useful if changes happened to coincide with them.
    """

    def __init__(self, hass: HomeAssistant, storage: BoxStorage, account: Account) -> None:
        self._hass = hass
        self._storage = storage
        self._account = account
        self._pending = False
        # When polling last found a change that no push had announced.
        self._unannounced_at = float("-inf")
        # The times of the last polls that were caused by a push and found nothing new.
        self._useless: deque[float] = deque(maxlen=MAX_USELESS)
        self._listeners: list[CALLBACK_TYPE] = []
        self._timer: asyncio.TimerHandle | None = None

    @property
    def proven(self) -> bool:
        """Whether pushes to the account's current address are trusted."""
        return self._storage.pushes_proven_for(self._account.fingerprint)

    def listen(self, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Call `listener` soon after a push, but only once for a burst of pushes. Returns a function to unsubscribe."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @callback
    def record(self) -> None:
        self._storage.record_push()
        if time.monotonic() - self._unannounced_at < LATE_PUSH and not self._is_noise():
            self._storage.save_push_address(self._account.fingerprint)
        self._pending = True
        if self._timer is None:
            self._timer = self._hass.loop.call_later(NOTIFY_PAUSE, self._notify_listeners)

    @callback
    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    @callback
    def _notify_listeners(self) -> None:
        self._timer = None
        for listener in list(self._listeners):
            listener()

    def consume(self) -> bool:
        """Tell whether a push has arrived since the last call."""
        pending, self._pending = self._pending, False
        return pending

    def restore(self, *, pending: bool) -> None:
        """Undo a `consume` after the poll failed."""
        self._pending = self._pending or pending

    def record_found_change(self, *, announced: bool) -> None:
        """Begin or end the trust after polling found a change; `announced` tells whether a push had announced it."""
        if announced and self._is_noise():
            return
        if announced:
            self._storage.save_push_address(self._account.fingerprint)
            return
        self._unannounced_at = time.monotonic()
        self._storage.save_push_address(None)

    def record_useless(self) -> None:
        """Record that a poll after a push found nothing new; too many such polls end the trust."""
        self._useless.append(time.monotonic())
        if self._is_noise():
            self._storage.save_push_address(None)

    def _is_noise(self) -> bool:
        return (
            len(self._useless) == MAX_USELESS and time.monotonic() - self._useless[0] < USELESS_TIME
        )
