"""Ask the service for the pages of documents that cannot be counted here, once for each."""

import asyncio
from dataclasses import replace
import hashlib
import logging
from pathlib import Path
from typing import Final, NamedTuple

from homeassistant.core import HomeAssistant

from ..api.client import MAX_COUNTED_BYTES, LiankeClient
from ..api.errors import (
    BadParameterError,
    ConversionFailedError,
    DocumentTooLargeError,
    LiankeError,
    LiankeRefusedError,
    LiankeTimeoutError,
    UnknownCodeError,
)
from ..api.options import ResolvedOptions
from ..coordinator import LiankeCoordinator
from ..documents.document import Document
from ..documents.sniff import FileType
from .limits import most_pages

_LOGGER = logging.getLogger(__name__)

# Seconds that the service gets, the upload included.
COUNT_SECONDS: Final = 30
# Answers that are remembered: a bad file that is sent again gets the sender blocked.
MAX_REMEMBERED: Final = 500
# Answers that are about the document, and the same the next time.
REFUSALS: Final = (
    BadParameterError,
    ConversionFailedError,
    DocumentTooLargeError,
    UnknownCodeError,
)


class _Question(NamedTuple):
    """What the pages of a document depend on."""

    digest: str
    printer_key: str
    paper_id: int


type _Answer = int | LiankeRefusedError | None


class PageCounter:
    """Counts pages by the service's own count."""

    def __init__(
        self, hass: HomeAssistant, *, client: LiankeClient, coordinator: LiankeCoordinator
    ) -> None:
        """Remember nothing yet."""
        self._hass = hass
        self._client = client
        self._coordinator = coordinator
        self._answers: dict[_Question, _Answer] = {}

    async def async_complete(
        self, printer_key: str, document: Document, options: ResolvedOptions, *, limit: int
    ) -> Document:
        """Return a document with its pages from the service, if they decide whether it may print.

        What can be told without is not asked for. The pages stay unknown when the service does
        not say or is not reached.
        """
        most = most_pages(document, options)
        if (
            document.pages is not None
            or document.extension == FileType.RAW
            or document.size > MAX_COUNTED_BYTES
            or (most is not None and most * options.copies <= limit)
            or options.copies > limit
            or not self._coordinator.last_update_success
            or printer_key not in self._coordinator.data.printers
        ):
            return document
        try:
            pages = await self.async_count(printer_key, document, options.paper_id)
        except LiankeError as err:
            _LOGGER.debug("The service did not count a document: %s", err)
            return document
        return replace(document, pages=pages)

    async def async_count(
        self,
        printer_key: str,
        document: Document,
        paper_id: int,
        *,
        client: LiankeClient | None = None,
    ) -> int | None:
        """Return the service's count of a document's pages; None when it does not say.

        It is asked by the client of jobs, unless another is given.
        Raises LiankeError.
        """
        digest = await self._hass.async_add_executor_job(_digest, document.path)
        question = _Question(digest, printer_key, paper_id)
        if question not in self._answers:
            answer = await self._async_ask(client or self._client, printer_key, document, paper_id)
            self._remember(question, answer)
        answer = self._answers[question]
        if isinstance(answer, LiankeRefusedError):
            raise answer.with_traceback(None)
        return answer

    async def _async_ask(
        self, client: LiankeClient, printer_key: str, document: Document, paper_id: int
    ) -> _Answer:
        address = self._coordinator.data.printers[printer_key].printer.address
        try:
            async with asyncio.timeout(COUNT_SECONDS):
                return await client.count_pages(address, document.upload, paper_id)
        except TimeoutError:
            raise LiankeTimeoutError(may_have_arrived=True) from None
        except REFUSALS as err:
            return err

    def _remember(self, question: _Question, answer: _Answer) -> None:
        self._answers[question] = answer
        while len(self._answers) > MAX_REMEMBERED:
            del self._answers[next(iter(self._answers))]


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file; blocking."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
