"""Page counts by the service, once for each document that cannot be counted here."""

import asyncio
from dataclasses import replace
import logging
from weakref import WeakValueDictionary

from ..api.client import MAX_COUNTED_BYTES, LiankeClient
from ..api.errors import (
    BadParameterError,
    ConversionFailedError,
    DocumentTooLargeError,
    LiankeError,
    LiankeRefusedError,
    LiankeTimeoutError,
    PrinterNotFoundError,
    UnknownCodeError,
)
from ..coordinator import LiankeCoordinator
from ..documents.document import Document, FileType, file_digest
from .job import Delivery

_LOGGER = logging.getLogger(__name__)

# Seconds that the service gets, the upload included.
COUNT_SECONDS = 30
# Results that are remembered: a bad file that is sent again gets the sender blocked.
MAX_REMEMBERED = 500
# Results that are about the document, and the same the next time.
REFUSALS = (BadParameterError, ConversionFailedError, DocumentTooLargeError, UnknownCodeError)


# What the pages of a document depend on: its digest, the printer and the paper.
type _Query = tuple[str, str, int]
type _Result = int | LiankeRefusedError | None


class PageCounter:
    """Has the service count pages, and caches the results."""

    def __init__(self, coordinator: LiankeCoordinator) -> None:
        self._coordinator = coordinator
        self._results: dict[_Query, _Result] = {}
        # Locks live as long as somebody asks or waits.
        self._asking: WeakValueDictionary[_Query, asyncio.Lock] = WeakValueDictionary()

    async def async_complete(self, printer_key: str, first: Delivery, *, limit: int) -> Delivery:
        """Return a job's first delivery, of unknown pages, with the service's count if the limit depends on it.

        The pages stay unknown when the service does not count them or is not reached.
        """
        document, options, most = first.document, first.options, first.most_pages
        if (
            document.extension == FileType.RAW
            or document.size > MAX_COUNTED_BYTES
            or (most is not None and most * options.copies <= limit)
            or options.copies > limit
            or not self._coordinator.last_update_success
            or printer_key not in self._coordinator.data.printers
        ):
            return first
        try:
            pages = await self.async_count(printer_key, document, options.paper_id)
        except LiankeError as err:
            _LOGGER.debug("The service did not count a document: %s", err)
            return first
        return replace(first, document=replace(document, pages=pages))

    async def async_count(
        self,
        printer_key: str,
        document: Document,
        paper_id: int,
        *,
        client: LiankeClient | None = None,
    ) -> int | None:
        """Return the service's count of a document's pages, None if it gives none.

        `client` is the one to ask with, None for that of the jobs. Raises LiankeError.
        """
        digest = await self._coordinator.hass.async_add_executor_job(file_digest, document.path)
        query = (digest, printer_key, paper_id)
        async with self._asking.setdefault(query, asyncio.Lock()):
            if query not in self._results:
                self._results[query] = await self._async_ask(
                    client or self._coordinator.client, printer_key, document, paper_id
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
        if (view := self._coordinator.data.printers.get(printer_key)) is None:
            raise PrinterNotFoundError
        try:
            async with asyncio.timeout(COUNT_SECONDS):
                return await client.count_pages(view.printer.address, document, paper_id)
        except TimeoutError:
            raise LiankeTimeoutError(may_have_arrived=True) from None
        except REFUSALS as err:
            return err
