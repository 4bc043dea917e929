"""What a printer can do and which papers it takes: asked for once, then remembered."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
import logging
import time

from homeassistant.util import dt as dt_util

from ..api.capabilities import Capabilities, Paper
from ..api.client import LiankeClient
from ..api.errors import LiankeError, TooManyRequestsError
from ..api.models import DriverState
from .storage import BoxStorage

_LOGGER = logging.getLogger(__name__)

CACHE_TIME = timedelta(days=7)
# Seconds without another try after a failure.
PAUSE = 300

# Returns the client for somebody's question, or raises TooManyRequestsError.
type ClientFactory = Callable[[], LiankeClient]


class CapabilityCache:
    """The details of the printers behind one box, from memory or else from the service."""

    def __init__(self, client: LiankeClient, storage: BoxStorage) -> None:
        """Ask with this client, remember in this memory."""
        self._client = client
        self._storage = storage
        self._locks: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._failed: dict[tuple[str, str], float] = {}

    async def get_capabilities(
        self, key: str, get_client: ClientFactory | None = None
    ) -> Capabilities | None:
        """Return what a printer can do, None when it is not known.

        From memory for seven days; when the service does not answer, for longer. A user who only
        looks it up asks with a client of their own, by `get_client`: then this raises
        TooManyRequestsError when nothing is remembered and the user has no share left.
        """
        async with self._locks["capabilities", key]:
            if (known := self._storage.printers.get(key)) is None:
                return None
            if not self._must_ask("capabilities", key, known.capabilities_at):
                return known.capabilities
            try:
                client = get_client() if get_client is not None else self._client
                capabilities = await client.capabilities(known.printer.address)
            except TooManyRequestsError:
                if known.capabilities_at is None:
                    raise
                return known.capabilities
            except LiankeError as err:
                self._note_failure("capabilities", key, err)
                return known.capabilities
            if key in self._storage.printers:
                self._storage.save_capabilities(key, capabilities)
            return capabilities

    async def get_papers(
        self, key: str, get_client: ClientFactory | None = None
    ) -> tuple[Paper, ...]:
        """Return the papers of a printer's driver, as `get_capabilities` does; () if unknown."""
        async with self._locks["papers", key]:
            if (known := self._storage.printers.get(key)) is None:
                return ()
            if not self._must_ask("papers", key, known.papers_at):
                return known.papers
            try:
                client = get_client() if get_client is not None else self._client
                papers = tuple(await client.papers(known.printer.model))
            except TooManyRequestsError:
                if known.papers_at is None:
                    raise
                return known.papers
            except LiankeError as err:
                self._note_failure("papers", key, err)
                return known.papers
            if key in self._storage.printers:
                self._storage.save_papers(key, papers)
            return papers

    def _must_ask(self, detail: str, key: str, known_at: datetime | None) -> bool:
        """Return whether something remembered is missing or old, and asking makes sense."""
        if known_at is not None and dt_util.utcnow() - known_at < CACHE_TIME:
            return False
        printer = self._storage.printers[key].printer
        if not printer.model or printer.driver in (DriverState.AWAITING, DriverState.UNSUPPORTED):
            return False
        failed_at = self._failed.get((detail, key))
        return failed_at is None or time.monotonic() - failed_at >= PAUSE

    def _note_failure(self, detail: str, key: str, err: LiankeError) -> None:
        _LOGGER.debug("Asking for a printer's %s failed: %s", detail, err)
        self._failed[detail, key] = time.monotonic()
