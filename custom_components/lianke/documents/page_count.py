"""Let the service count the pages of documents that Home Assistant cannot count, each document only once."""

import asyncio
from collections.abc import Callable
from weakref import WeakValueDictionary

from homeassistant.core import HomeAssistant

from ..api.client import LiankeClient
from ..api.errors import (
    BadParameterError,
    ConversionFailedError,
    DocumentTooLargeError,
    LiankeRefusedError,
    LiankeTimeoutError,
    PrinterNotFoundError,
    UnknownCodeError,
)
from ..api.models import PrinterAddress
from .document import Document, file_digest

# Seconds in which the service must count a document's pages; the upload is included.
COUNT_SECONDS = 30
# Maximum number of remembered results. Refusals are remembered, too, because the service blocks clients that send a
# bad file again.
MAX_REMEMBERED = 500
# Errors caused by the document itself: another try would fail in the same way.
REFUSALS = (BadParameterError, ConversionFailedError, DocumentTooLargeError, UnknownCodeError)

# What a count depends on: SHA-256 of the document, printer key and paper id.
type _Query = tuple[str, str, int]
type _Result = int | LiankeRefusedError | None


class PageCounter:
    """Lets the service count pages for the printers of a box, and remembers the results."""

    def __init__(
        self, hass: HomeAssistant, address_of: Callable[[str], PrinterAddress | None]
    ) -> None:
        """`address_of` returns the address of the printer with a given key, or None once the printer is gone."""
        self._hass = hass
        self._address_of = address_of
        self._results: dict[_Query, _Result] = {}
        # A lock exists as long as a caller holds it or waits for it.
        self._asking: WeakValueDictionary[_Query, asyncio.Lock] = WeakValueDictionary()

    async def async_count(
        self, client: LiankeClient, printer_key: str, document: Document, paper_id: int
    ) -> int | None:
        """Return the number of pages, or None if the service's answer has no number. Raises LiankeError."""
        digest = await self._hass.async_add_executor_job(file_digest, document.path)
        query = (digest, printer_key, paper_id)
        async with self._asking.setdefault(query, asyncio.Lock()):
            if query not in self._results:
                self._results[query] = await self._async_ask(
                    client, printer_key, document, paper_id
                )
                while len(self._results) > MAX_REMEMBERED:
                    del self._results[next(iter(self._results))]
            result = self._results[query]
        if isinstance(result, LiankeRefusedError):
            raise result.with_traceback(None)
        return result

    async def _async_ask(
        self, client: LiankeClient, printer_key: str, document: Document, paper_id: int
    ) -> _Result:
        if (address := self._address_of(printer_key)) is None:
            raise PrinterNotFoundError
        try:
            async with asyncio.timeout(COUNT_SECONDS):
                return await client.count_pages(address, document, paper_id)
        except TimeoutError:
            raise LiankeTimeoutError(may_have_arrived=True) from None
        except REFUSALS as err:
            return err
