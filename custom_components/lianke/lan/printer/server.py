"""The printers offered to the home network, the limits of their clients, and the times of their last changes."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Hashable
from datetime import UTC, datetime
import hmac
from pathlib import Path
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
from ..origin import DeviceTable
from .lan_jobs import PendingJobs, RepeatedDocuments

# The picture that devices show for a printer or scanner.
ICON_NAME: Final = "icon.png"
ICON_PATH: Final = Path(__file__).parents[2] / "brand" / "icon@2x.png"


class ChangeTimes:
    """Remembers the last known values of a printer's state and profile, and when each of them changed."""

    def __init__(self, started_at: datetime) -> None:
        self._started_at = started_at
        self._known: dict[Hashable, tuple[object, datetime]] = {}

    def since(self, what: Hashable, is_now: object) -> datetime:
        """Return when `what` got the value `is_now`: now if the value has changed, `started_at` at the first call."""
        was, since = self._known.get(what, (is_now, self._started_at))
        if was != is_now:
            since = datetime.now(UTC)
        self._known[what] = is_now, since
        return since


# Maximum number of requests that are answered at the same time.
MAX_LAN_REQUESTS: Final = 100
# Maximum number of requests per device that are answered at the same time.
MAX_LAN_REQUESTS_A_DEVICE: Final = 20
# Maximum number of documents that are received at the same time.
MAX_RECEIVING: Final = 8
# Maximum number of documents per device that are received at the same time.
MAX_RECEIVING_A_DEVICE: Final = 3
# Maximum number of Create-Job requests that wait for a place among the MAX_PENDING_LAN_JOBS of a printer.
MAX_WAITING_LAN_JOBS: Final = 60
# Maximum number of such Create-Job requests per device: fewer than MAX_LAN_REQUESTS_A_DEVICE, so that the device can
# still send the documents of its pending jobs.
MAX_WAITING_LAN_JOBS_A_DEVICE: Final = 15
# Seconds that a document or a new job waits for its place; most places become free within a moment.
PLACE_SECONDS: Final = 20.0
# Maximum number of pairs of printer and device whose refused documents are counted.
MAX_REFUSED_DEVICES: Final = 200


class OfferedPrinter(NamedTuple):
    """A printer offered under a path that ends in its token."""

    entry: LiankeConfigEntry
    printer_key: str
    token: str

    @property
    def path(self) -> str:
        return f"{LAN_PRINTER_PATH}/{self.token}"


class RefusalCounts:
    """Counts, for each printer and device, the documents that were refused in the last hour."""

    def __init__(self) -> None:
        # Times on the monotonic clock, by token and device; the pair that was refused last comes last.
        self._time_attributes = LimitedSizeDict[tuple[str, str], deque[float]](
            size_limit=MAX_REFUSED_DEVICES
        )

    def count(self, token: str, device: str) -> int:
        times = self._time_attributes.get((token, device), deque())
        while times and times[0] < time.monotonic() - RATE_PERIOD.total_seconds():
            times.popleft()
        return len(times)

    def note(self, token: str, device: str) -> None:
        self._time_attributes.setdefault((token, device), deque()).append(time.monotonic())
        self._time_attributes.move_to_end((token, device))


class LanServer:
    """What all printers and scanners for the home network share: limits, pending jobs, and the table of devices."""

    def __init__(self) -> None:
        self.started_at = datetime.now(UTC)
        self.devices = DeviceTable()
        self.changes = ChangeTimes(self.started_at)
        self.pending: defaultdict[str, PendingJobs] = defaultdict(PendingJobs)
        self.pending_places = FairQueue(
            max_waiting=MAX_WAITING_LAN_JOBS, max_waiting_per_owner=MAX_WAITING_LAN_JOBS_A_DEVICE
        )
        self.requests = FairQueue(MAX_LAN_REQUESTS, MAX_LAN_REQUESTS_A_DEVICE)
        self.documents = FairQueue(MAX_RECEIVING, MAX_RECEIVING_A_DEVICE)
        self.refusals = RefusalCounts()
        self.repeats = RepeatedDocuments()
        # Held while zeroconf looks for a free name in the home network.
        self.naming = asyncio.Lock()


@singleton(f"{DOMAIN}_lan_server")
@callback
def async_get_server(hass: HomeAssistant) -> LanServer:
    return LanServer()


def offered_printers(entry: LiankeConfigEntry) -> list[OfferedPrinter]:
    """List a box's printers that are switched on in its options and not removed; none unless the box is loaded."""
    tokens: dict[str, Any] = entry.options.get(CONF_LAN_PRINTERS, {})
    if entry.state is not ConfigEntryState.LOADED:
        return []
    known = entry.runtime_data.storage.printers
    return [OfferedPrinter(entry, key, token) for key, token in tokens.items() if key in known]


@callback
def async_find_printer(hass: HomeAssistant, token: str) -> OfferedPrinter | None:
    """Find a printer by its token, even if its box is not loaded."""
    entries: list[LiankeConfigEntry] = hass.config_entries.async_entries(
        DOMAIN, include_ignore=False, include_disabled=False
    )
    for entry in entries:
        for key, known in entry.options.get(CONF_LAN_PRINTERS, {}).items():
            if hmac.compare_digest(known.encode(), token.encode()):
                return OfferedPrinter(entry, key, known)
    return None
