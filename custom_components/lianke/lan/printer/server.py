"""The printers that are offered to the home network, what is under way with them, and what has changed."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Hashable
from datetime import UTC, datetime
import hmac
import time
from typing import Any, Final, NamedTuple

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.singleton import singleton
from homeassistant.util.limited_size_dict import LimitedSizeDict

from ...const import CONF_LAN_PRINTERS, DOMAIN, LAN_PRINTER_PATH
from ...fair_queue import FairQueue
from ...jobs.rules import RATE_PERIOD
from ...runtime import LiankeConfigEntry
from ..origin import Devices
from .lan_jobs import PendingJobs, Repeats


class Changes:
    """Remembers what a printer was when it was last looked at, and since when it is like that."""

    def __init__(self, started_at: datetime) -> None:
        """Start without any; what is looked at for the first time is taken as unchanged since `started_at`."""
        self._started_at = started_at
        self._known: dict[Hashable, tuple[object, datetime]] = {}

    def since(self, what: Hashable, is_now: object) -> datetime:
        """Return since when something is what it is now: from this look on, if it was another one before."""
        was, since = self._known.get(what, (is_now, self._started_at))
        if was != is_now:
            since = datetime.now(UTC)
        self._known[what] = is_now, since
        return since


MAX_REQUESTS: Final = 100
"""requests that are answered at a time."""
MAX_REQUESTS_A_DEVICE: Final = 20
"""those of one device."""
MAX_RECEIVING: Final = 8
"""documents that are received at a time."""
MAX_RECEIVING_A_DEVICE: Final = 3
"""those from one device."""
MAX_WAITING: Final = 60
"""jobs that wait for a place among those that wait for their documents."""
MAX_WAITING_A_DEVICE: Final = 15
"""those of one device: with the jobs that have a place, whose documents must come, as many as its requests."""
PLACE_SECONDS: Final = 20.0
"""for which a document waits until others have been received, and a job for its place: most take a moment."""
MAX_DEVICES: Final = 200
"""devices and printers whose refused documents are kept in mind."""


class Offered(NamedTuple):
    """A printer that is offered, under the path that ends in its token."""

    entry: LiankeConfigEntry
    printer_key: str
    token: str

    @property
    def path(self) -> str:
        return f"{LAN_PRINTER_PATH}/{self.token}"


class Refusals:
    """Documents of the last hour that became no job, by printer and device."""

    def __init__(self) -> None:
        # When they were refused, by the monotonic clock; who was refused last stands last.
        self._times = LimitedSizeDict[tuple[str, str], deque[float]](size_limit=MAX_DEVICES)

    def count(self, token: str, device: str) -> int:
        """Return how many documents of a device this printer has refused."""
        times = self._times.get((token, device), deque())
        while times and times[0] < time.monotonic() - RATE_PERIOD.total_seconds():
            times.popleft()
        return len(times)

    def note(self, token: str, device: str) -> None:
        self._times.setdefault((token, device), deque()).append(time.monotonic())
        self._times.move_to_end((token, device))


class LanServer:
    """Counts what is under way, and keeps the jobs that wait for their documents."""

    def __init__(self) -> None:
        self.started_at = datetime.now(UTC)
        self.devices = Devices()
        self.changes = Changes(self.started_at)
        self.pending: defaultdict[str, PendingJobs] = defaultdict(PendingJobs)
        self.pending_places = FairQueue(line=MAX_WAITING, line_share=MAX_WAITING_A_DEVICE)
        self.requests = FairQueue(MAX_REQUESTS, MAX_REQUESTS_A_DEVICE)
        self.documents = FairQueue(MAX_RECEIVING, MAX_RECEIVING_A_DEVICE)
        self.refusals = Refusals()
        self.repeats = Repeats()
        self.naming = asyncio.Lock()
        """held while a free name is looked for in the home network."""


@singleton(f"{DOMAIN}_lan_server")
@callback
def async_get_server(hass: HomeAssistant) -> LanServer:
    return LanServer()


def offered_of(entry: LiankeConfigEntry) -> list[Offered]:
    """Return the printers of a box that are switched on in its options and known."""
    tokens: dict[str, Any] = entry.options.get(CONF_LAN_PRINTERS, {})
    if entry.state is not ConfigEntryState.LOADED:
        return []
    known = entry.runtime_data.storage.printers
    return [Offered(entry, key, token) for key, token in tokens.items() if key in known]


@callback
def async_find(hass: HomeAssistant, token: str) -> Offered | None:
    """Return the printer that is offered under a token, also while its box is being loaded."""
    entries: list[LiankeConfigEntry] = hass.config_entries.async_entries(
        DOMAIN, include_ignore=False, include_disabled=False
    )
    for entry in entries:
        for key, known in entry.options.get(CONF_LAN_PRINTERS, {}).items():
            if hmac.compare_digest(known.encode(), token.encode()):
                return Offered(entry, key, known)
    return None
