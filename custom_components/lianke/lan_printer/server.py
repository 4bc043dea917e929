"""The printers that are offered to the home network, and what is under way with them."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
import hmac
from typing import Any, Final, NamedTuple

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.util.hass_dict import HassKey

from ..const import CONF_LAN_PRINTERS, DOMAIN, LAN_PRINTER_PATH
from ..runtime import LiankeConfigEntry
from .ipp import IppError, Status
from .lan_jobs import PendingJobs

MAX_REQUESTS: Final = 100
"""requests that are answered at a time."""
MAX_RECEIVING: Final = 8
"""documents that are received at a time."""


class Offered(NamedTuple):
    """A printer that is offered, under the path that ends in its token."""

    entry: LiankeConfigEntry
    printer_key: str
    token: str

    @property
    def path(self) -> str:
        """Return the path of the printer on Home Assistant's web server."""
        return f"{LAN_PRINTER_PATH}/{self.token}"


class LanServer:
    """Counts what is under way, and keeps the jobs that wait for their documents."""

    def __init__(self) -> None:
        """Start with nothing under way."""
        self.started_at = datetime.now(UTC)
        self.pending: defaultdict[str, PendingJobs] = defaultdict(PendingJobs)
        self._requests = 0
        self._receiving = 0

    @property
    def is_busy(self) -> bool:
        """Return whether as many requests are under way as may be."""
        return self._requests >= MAX_REQUESTS

    @property
    def is_receiving_all(self) -> bool:
        """Return whether as many documents are being received as may be."""
        return self._receiving >= MAX_RECEIVING

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count a request."""
        self._requests += 1
        try:
            yield
        finally:
            self._requests -= 1

    @contextmanager
    def document(self) -> Iterator[None]:
        """Count a document that is being received. Raises IppError when there are too many."""
        if self.is_receiving_all:
            raise IppError(Status.BUSY, "too many documents are being received")
        self._receiving += 1
        try:
            yield
        finally:
            self._receiving -= 1


DATA_SERVER: HassKey[LanServer] = HassKey(f"{DOMAIN}_lan_server")


@callback
def async_get_server(hass: HomeAssistant) -> LanServer:
    """Return the one server of this Home Assistant."""
    return hass.data.setdefault(DATA_SERVER, LanServer())


@callback
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
