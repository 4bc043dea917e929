"""Offset of the service's clock from ours, measured by the `Date` header of its answers."""

from datetime import UTC
from email.utils import parsedate_to_datetime
from time import monotonic, time
from typing import NamedTuple

MAX_HEADER = 40
# Seconds. A clock that is further off is not set at all.
MAX_OFFSET = 10 * 365 * 86400
# Seconds by which our own clock may seem to jump between two moments, and by how much a second it may drift.
MAX_JUMP = 0.5
DRIFT = 0.001


class Moment(NamedTuple):
    """A moment on the wall clock and on the monotonic clock, in seconds."""

    wall: float
    monotonic: float

    @classmethod
    def now(cls) -> Moment:
        """Return the current moment."""
        return cls(wall=time(), monotonic=monotonic())


class ServiceClock:
    """The service's clock, as the last answer showed it."""

    def __init__(self) -> None:
        """Start without an offset."""
        self._offset: tuple[int, int] | None = None
        self._measured_at = Moment(wall=0.0, monotonic=0.0)

    @property
    def offset(self) -> tuple[int, int] | None:
        """The least and the most by which the service's clock is ahead of ours, in ms; None if unknown.

        Adjusting our own clock makes it unknown.
        """
        if self._offset is not None and not _unadjusted(self._measured_at, Moment.now()):
            self._offset = None
        return self._offset

    def update(self, header: str | None, sent: Moment, received: Moment) -> None:
        """Measure by the `Date` of an answer whose request was sent and answered at these moments."""
        shown = _seconds(header)
        if shown is None or not _unadjusted(sent, received):
            return
        # Written between the two, and cut to whole seconds.
        least, most = shown - received.wall, shown + 1 - sent.wall
        if abs(least) < MAX_OFFSET:
            self._offset = (int(least * 1000) - 1, int(most * 1000) + 1)
            self._measured_at = received


def _unadjusted(earlier: Moment, later: Moment) -> bool:
    """Return whether our own clock was not adjusted between two moments."""
    passed = later.monotonic - earlier.monotonic
    return abs(later.wall - earlier.wall - passed) <= MAX_JUMP + DRIFT * abs(passed)


def _seconds(header: str | None) -> float | None:
    """Return a `Date` header as seconds since 1970, None for anything else."""
    if header is None or len(header) > MAX_HEADER:
        return None
    try:
        return parsedate_to_datetime(header).replace(tzinfo=UTC).timestamp()
    except ValueError, OverflowError:
        return None
