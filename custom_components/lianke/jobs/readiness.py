"""Since when the printers of a box are ready, and which are backed off from, for the rule that lets a job go.

Pauses run by the monotonic clock: a wall clock that is set back must not prolong them.
"""

from datetime import datetime, timedelta
import time
from typing import NamedTuple

from homeassistant.config_entries import ConfigEntry

from ..box.printer_status import PrinterStatus
from ..coordinator import LiankeCoordinator
from .rules import OF_THE_BOX, QueueReason, Verdict, backoff, quiet_until, verdict

_LONG_AGO = float("-inf")


class _Backoff(NamedTuple):
    reason: str
    # By the monotonic clock.
    until: float
    pause: timedelta


class Readiness:
    """Knows since when the printers of one box are ready, and which are backed off from."""

    def __init__(self, entry: ConfigEntry, coordinator: LiankeCoordinator) -> None:
        self._entry = entry
        self._coordinator = coordinator
        self._ready_since: dict[str, float] = {}
        self._seen = False
        # By printer; None for the box as a whole.
        self._backoffs: dict[str | None, _Backoff] = {}

    def observe(self) -> None:
        """Note which printers are ready. To be called at every update of the coordinator."""
        if not self._coordinator.is_fresh:
            self._ready_since.clear()
            return
        for key in self._coordinator.data.printers:
            if self._coordinator.hold_reason(key) is not None:
                self._ready_since.pop(key, None)
            elif key not in self._ready_since:
                # At the first observation it counts as ready all along.
                self._ready_since[key] = time.monotonic() if self._seen else _LONG_AGO
        self._seen = True

    def check(self, key: str, now: datetime, *, ignore_quiet_hours: bool = False) -> Verdict:
        coordinator, clock = self._coordinator, time.monotonic()
        if not coordinator.is_fresh:
            rejected = coordinator.key_rejected
            state: str | None = (
                QueueReason.KEY_REJECTED if rejected else QueueReason.CLOUD_UNREACHABLE
            )
        elif key not in coordinator.data.printers:
            state = PrinterStatus.DISCONNECTED
        else:
            state = coordinator.hold_reason(key)
        backoffs = [self._backoffs[whose] for whose in (None, key) if whose in self._backoffs]
        since = self._ready_since.get(key, clock)
        return verdict(
            now,
            state=state,
            backoffs=[
                (one.reason, timedelta(seconds=one.until - clock))
                for one in backoffs
                if not self._is_key_mended(one)
            ],
            quiet_end=None if ignore_quiet_hours else quiet_until(self._entry.options, now),
            ready_for=timedelta.max if since == _LONG_AGO else timedelta(seconds=clock - since),
        )

    def _is_key_mended(self, last: _Backoff) -> bool:
        """Return whether it was for the key that a printer is backed off from, which works again since."""
        began = last.until - last.pause.total_seconds()
        return last.reason == QueueReason.KEY_REJECTED and self._coordinator.key_accepted_at > began

    def back_off(self, key: str, reason: str) -> None:
        """Back off from a printer, or its box, for a while; longer each time in a row."""
        whose = None if reason in OF_THE_BOX else key
        last = self._backoffs.get(whose)
        pause = backoff(reason, last.pause if last else None)
        until = time.monotonic() + pause.total_seconds()
        self._backoffs[whose] = _Backoff(reason=reason, until=until, pause=pause)

    def clear_backoff(self, key: str) -> None:
        """Forget past refusals: the printer accepted a job, or a user says that it is ready."""
        for whose in (key, None):
            self._backoffs.pop(whose, None)
