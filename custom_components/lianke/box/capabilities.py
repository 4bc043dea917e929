"""Cache of printers' capabilities and papers."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
import logging
import time
from typing import Literal

from homeassistant.util import dt as dt_util

from ..api.capabilities import Capabilities, Paper
from ..api.client import LiankeClient
from ..api.errors import LiankeError, TooManyRequestsError
from ..api.models import DriverState
from .storage import BoxStorage, StoredPrinter

_LOGGER = logging.getLogger(__name__)

CACHE_TIME = timedelta(days=7)
# Seconds until another try after a failure.
PAUSE = 300

# Returns the client of the user who asks, or raises TooManyRequestsError.
type ClientFactory = Callable[[], LiankeClient]
type _Detail = Literal["capabilities", "papers"]
_DETAILS: tuple[_Detail, ...] = ("capabilities", "papers")


class CapabilityCache:
    """Capabilities and papers of the printers behind one box, stored for seven days.

    When the service does not answer, the stored ones are used for longer.
    """

    def __init__(self, client: LiankeClient, storage: BoxStorage) -> None:
        self._client = client
        self._storage = storage
        self._locks: defaultdict[tuple[_Detail, str], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._failed: dict[tuple[_Detail, str], float] = {}

    async def get(
        self, key: str, get_client: ClientFactory | None = None
    ) -> tuple[Capabilities | None, tuple[Paper, ...]]:
        """Return what a printer can do and the papers of its driver, None and () where these are not known.

        Lookups of users pass a client of their own by `get_client`. Raises TooManyRequestsError for one whose
        user has reached the limit when nothing is stored.
        """
        for detail in _DETAILS:
            await self._async_update(detail, key, get_client)
        known = self._storage.printers.get(key)
        return (known.capabilities, known.papers) if known else (None, ())

    async def _async_update(
        self, detail: _Detail, key: str, get_client: ClientFactory | None
    ) -> None:
        """Ask the service unless the stored answer is recent enough."""
        async with self._locks[detail, key]:
            known = self._storage.printers.get(key)
            if known is None or not self._must_ask(detail, known):
                return
            found: Capabilities | tuple[Paper, ...]
            try:
                client = get_client() if get_client is not None else self._client
                if detail == "capabilities":
                    found = await client.capabilities(known.printer.address)
                else:
                    found = await client.papers(known.printer.model)
                current = self._storage.printers.get(key)
                if current is not None and current.printer.model == known.printer.model:
                    self._storage.update(key, **{detail: found, f"{detail}_at": dt_util.utcnow()})
            except TooManyRequestsError:
                if _stored_at(detail, known) is None:
                    raise
            except LiankeError as err:
                _LOGGER.debug("Asking for a printer's %s failed: %s", detail, err)
                self._failed[detail, key] = time.monotonic()

    def _must_ask(self, detail: _Detail, known: StoredPrinter) -> bool:
        stored_at = _stored_at(detail, known)
        if stored_at is not None and dt_util.utcnow() - stored_at < CACHE_TIME:
            return False
        printer = known.printer
        if not printer.model or printer.driver in (DriverState.AWAITING, DriverState.UNSUPPORTED):
            return False
        failed_at = self._failed.get((detail, known.key))
        return failed_at is None or time.monotonic() - failed_at >= PAUSE


def _stored_at(detail: _Detail, known: StoredPrinter) -> datetime | None:
    return known.capabilities_at if detail == "capabilities" else known.papers_at
