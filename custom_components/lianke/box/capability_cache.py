"""Keeps the capabilities of a box's printers, and requests them from the service again when they are old."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
import logging
import time
from typing import Final, Literal

from homeassistant.util import dt as dt_util

from ..api.capabilities import Capabilities, Paper
from ..api.client import LiankeClient
from ..api.errors import LiankeError, TooManyRequestsError
from ..api.models import DriverState
from .printer_identity import StoredPrinter
from .storage import BoxStorage

_LOGGER = logging.getLogger(__name__)

# How long a printer's stored capabilities and papers count as current.
CACHE_TIME: Final = timedelta(days=7)
# Seconds until the next attempt after a request for capabilities or papers failed.
CACHE_PAUSE = 300
# Returns the client for the requests of a user, or raises TooManyRequestsError.
type ClientFactory = Callable[[], LiankeClient]
type _Detail = Literal["capabilities", "papers"]
_DETAILS: Final[tuple[_Detail, ...]] = ("capabilities", "papers")


class CapabilityCache:
    """Capabilities and papers of one box's printers. They are stored, and requested again after seven days.

    If the service does not answer, the stored data is used for longer.
    """

    def __init__(self, client: LiankeClient, storage: BoxStorage) -> None:
        self._client = client
        self._storage = storage
        self._locks: defaultdict[tuple[_Detail, str], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._failed: dict[tuple[_Detail, str], float] = {}

    async def get(
        self, key: str, get_client: ClientFactory | None = None
    ) -> tuple[Capabilities | None, tuple[Paper, ...]]:
        """Return a printer's capabilities and its driver's papers; None and () if these are unknown.

        For a lookup by a user, `get_client` returns the user's own client, or raises TooManyRequestsError if the user
        has reached a limit. That error is raised only if nothing is stored.
        """
        for detail in _DETAILS:
            async with self._locks[detail, key]:
                known = self._storage.printers.get(key)
                if known is not None and self._is_wanted(detail, known):
                    await self._async_ask(detail, known, get_client)
        known = self._storage.printers.get(key)
        return (known.capabilities, known.papers) if known else (None, ())

    def _is_wanted(self, detail: _Detail, known: StoredPrinter) -> bool:
        """Tell whether the stored answer is missing or too old, and the service may have a newer answer."""
        stored_at = known.capabilities_at if detail == "capabilities" else known.papers_at
        if stored_at is not None and dt_util.utcnow() - stored_at < CACHE_TIME:
            return False
        printer = known.printer
        if not printer.model or printer.driver in (DriverState.AWAITING, DriverState.UNSUPPORTED):
            return False
        failed_at = self._failed.get((detail, known.key))
        return failed_at is None or time.monotonic() - failed_at >= CACHE_PAUSE

    async def _async_ask(
        self, detail: _Detail, known: StoredPrinter, get_client: ClientFactory | None
    ) -> None:
        found: Capabilities | tuple[Paper, ...]
        try:
            client = get_client() if get_client is not None else self._client
            if detail == "capabilities":
                found = await client.capabilities(known.printer.address)
            else:
                found = await client.papers(known.printer.model)
            current = self._storage.printers.get(known.key)
            if current is not None and current.printer.model == known.printer.model:
                answer = {detail: found, f"{detail}_at": dt_util.utcnow()}
                self._storage.update(known.key, **answer)
        except TooManyRequestsError:
            if (known.capabilities_at if detail == "capabilities" else known.papers_at) is None:
                raise
        except LiankeError as err:
            _LOGGER.debug("Asking for a printer's %s failed: %s", detail, err)
            self._failed[detail, known.key] = time.monotonic()
