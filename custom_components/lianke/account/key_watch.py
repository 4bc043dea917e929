"""Boxes of an ApiKey that the service does not accept: the first that it answers again wakes the others."""

from dataclasses import dataclass
import time

from homeassistant.core import CALLBACK_TYPE, callback

# Seconds from which on a box is woken less often, where its key is refused for it alone.
PAUSE_START = 60
PAUSE_LIMIT = 3600


@dataclass(slots=True)
class _Refused:
    """A box whose key was refused; `wake` is None once it was woken."""

    wake: CALLBACK_TYPE | None
    pause: float
    # By the monotonic clock.
    not_before: float


class KeyWatch:
    """Knows the boxes of one ApiKey for which it was refused."""

    def __init__(self) -> None:
        self._refused: dict[str, _Refused] = {}

    @callback
    def await_key(self, entry_id: str, wake: CALLBACK_TYPE) -> None:
        """Call `wake` once the key works for another box; less often where that did not help this one."""
        known = self._refused.get(entry_id)
        pause = min(max(known.pause * 2, PAUSE_START), PAUSE_LIMIT) if known else 0
        self._refused[entry_id] = _Refused(wake, pause, time.monotonic() + pause)

    @callback
    def forget(self, entry_id: str) -> None:
        """Wake a box no more."""
        self._refused.pop(entry_id, None)

    @callback
    def key_works(self, entry_id: str | None = None) -> None:
        """Note that the service has accepted the key, for this box if one is named, and wake those that wait for it."""
        if entry_id is not None:
            self.forget(entry_id)
        now = time.monotonic()
        for refused in list(self._refused.values()):
            if refused.wake is not None and now >= refused.not_before:
                wake, refused.wake = refused.wake, None
                wake()
