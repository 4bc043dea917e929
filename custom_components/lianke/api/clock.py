"""How the service's clock differs from ours, by the `Date` of its answers."""

from datetime import UTC
from email.utils import parsedate_to_datetime
from time import monotonic, time
from typing import NamedTuple

MAX_HEADER = 40
# Seconds. A clock that is further off is not set at all.
MAX_OFFSET = 10 * 365 * 86400
# Seconds by which our own clock may seem to jump during a request.
MAX_JUMP = 0.5


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

    @property
    def offset(self) -> tuple[int, int] | None:
        """The least and the most that the service's clock is ahead, in milliseconds; None if unknown."""
        return self._offset

    def note(self, header: str | None, sent: Moment, received: Moment) -> None:
        """Take the `Date` of an answer to a request that was sent and answered at these moments."""
        shown = _seconds(header)
        took = received.steady - sent.steady
        if shown is None or abs(received.wall - sent.wall - took) > MAX_JUMP:
            return
        # Written between the two, and cut to whole seconds.
        least, most = shown - received.wall, shown + 1 - sent.wall
        if abs(least) < MAX_OFFSET:
            self._offset = (int(least * 1000) - 1, int(most * 1000) + 1)


def _seconds(header: str | None) -> float | None:
    """Return a `Date` header as seconds since 1970, None for anything else."""
    if header is None or len(header) > MAX_HEADER:
        return None
    try:
        return parsedate_to_datetime(header).replace(tzinfo=UTC).timestamp()
    except ValueError, OverflowError:
        return None
