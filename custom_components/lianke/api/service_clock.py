"""How the service's clock differs from ours, by the `Date` of its answers."""

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
    """A moment by the clock that people read, and by one that only runs forward; in seconds."""

    wall: float
    steady: float

    @classmethod
    def now(cls) -> Moment:
        """Return the present moment."""
        return cls(wall=time(), steady=monotonic())


class ServiceClock:
    """Keeps by how much the service's clock is ahead of ours, as the last answer showed it."""

    def __init__(self) -> None:
        """Know nothing before the first answer."""
        self._offset: tuple[int, int] | None = None
        self._noted_at = Moment(wall=0.0, steady=0.0)

    @property
    def offset(self) -> tuple[int, int] | None:
        """The least and the most that the service's clock is ahead, in milliseconds; None if unknown.

        It is not known any more once our own clock has been put right since.
        """
        if self._offset is not None and not _in_step(self._noted_at, Moment.now()):
            self._offset = None
        return self._offset

    def note(self, header: str | None, sent: Moment, received: Moment) -> None:
        """Take the `Date` of an answer to a request that was sent and answered at these moments."""
        shown = _seconds(header)
        if shown is None or not _in_step(sent, received):
            return
        # Written between the two, and cut to whole seconds.
        least, most = shown - received.wall, shown + 1 - sent.wall
        if abs(least) < MAX_OFFSET:
            self._offset = (int(least * 1000) - 1, int(most * 1000) + 1)
            self._noted_at = received


def _in_step(earlier: Moment, later: Moment) -> bool:
    """Return whether our own clock was left alone between two moments."""
    passed = later.steady - earlier.steady
    return abs(later.wall - earlier.wall - passed) <= MAX_JUMP + DRIFT * abs(passed)


def _seconds(header: str | None) -> float | None:
    """Return a `Date` header as seconds since 1970, None for anything else."""
    if header is None or len(header) > MAX_HEADER:
        return None
    try:
        return parsedate_to_datetime(header).replace(tzinfo=UTC).timestamp()
    except ValueError, OverflowError:
        return None
