"""When what devices are told of the printers has changed."""

from collections.abc import Hashable
from datetime import UTC, datetime
from typing import NamedTuple


class _Known(NamedTuple):
    is_now: object
    since: datetime


class Changes:
    """Remembers what a printer was when it was last looked at, and since when it is like that."""

    def __init__(self, started_at: datetime) -> None:
        """Start without any; what is looked at for the first time is taken as unchanged since `started_at`."""
        self._started_at = started_at
        self._known: dict[Hashable, _Known] = {}

    def since(self, what: Hashable, is_now: object) -> datetime:
        """Return since when something is what it is now: from this look on, if it was another one before."""
        known = self._known.get(what)
        if known is None:
            known = self._known[what] = _Known(is_now, self._started_at)
        elif known.is_now != is_now:
            known = self._known[what] = _Known(is_now, datetime.now(UTC))
        return known.since
