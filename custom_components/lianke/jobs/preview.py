"""Previews: the cloud draws a document's pages, and no paper moves."""

import asyncio
from datetime import timedelta
import secrets
from typing import NamedTuple

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from ..api.client import LiankeClient
from ..api.errors import LiankeError, LiankeResponseError, LiankeTimeoutError, refusal
from ..api.models import Callback, PrinterAddress, TaskResult, TaskState
from ..api.options import ResolvedOptions
from ..coordinator import LiankeCoordinator
from ..documents.document import Document
from ..memory import BoxMemory
from .book import JobBook
from .follower import Follower
from .outcome import PRINTED_CODE
from .sender import TOKEN_BYTES, CallbackAddress, may_have_arrived

# Seconds.
PREVIEW_TIME = 120
FIRST_LOOK = timedelta(seconds=3)
# At once on one box: they share its requests with the tracking of jobs.
MAX_PREVIEWS = 2
MAX_IMAGES = 20
MAX_IMAGE_BYTES = 8 * 1024 * 1024


class Preview(NamedTuple):
    """A document as it would come out.

    `pages` is the cloud's count, None if it did not tell; `images` are the first pages as
    picture files, at most MAX_IMAGES; `ticket` lets the cloud reuse what it prepared.
    """

    pages: int | None
    images: tuple[bytes, ...]
    ticket: str | None


class Previewer:
    """Asks for previews on one box. They are no jobs: a restart forgets them."""

    def __init__(
        self,
        *,
        client: LiankeClient,
        coordinator: LiankeCoordinator,
        memory: BoxMemory,
        book: JobBook,
        follower: Follower,
        addresses: CallbackAddress,
    ) -> None:
        """Take what a preview needs; previews share the follower's request budget."""
        self._client = client
        self._coordinator = coordinator
        self._memory = memory
        self._book = book
        self._follower = follower
        self._addresses = addresses
        self._waiting: dict[str, asyncio.Event] = {}
        self._places = asyncio.Semaphore(MAX_PREVIEWS)
        self._stopped = False

    async def async_preview(
        self,
        printer_key: str,
        document: Document,
        options: ResolvedOptions,
        client: LiankeClient | None = None,
    ) -> Preview:
        """Have a document drawn for a printer. The document stays the caller's.

        `client` is the one of the user who asks, None for the box's own.

        Raises LiankeError: a refusal, a conversion that failed, or no answer within
        PREVIEW_TIME seconds.
        """
        token = secrets.token_urlsafe(TOKEN_BYTES)
        news = self._waiting[token] = asyncio.Event()
        address = self._coordinator.data.printers[printer_key].printer.address
        client = client or self._client
        try:
            async with asyncio.timeout(PREVIEW_TIME), self._places:
                task_id = await self._async_submit(client, address, document, options, token)
                result = await self._async_result(address, task_id, news)
                return Preview(
                    pages=result.total_page or len(result.images) or None,
                    images=await _async_images(client, result.images),
                    ticket=result.ticket,
                )
        except TimeoutError:
            raise LiankeTimeoutError(may_have_arrived=True) from None
        finally:
            self._waiting.pop(token, None)

    async def _async_submit(
        self,
        client: LiankeClient,
        address: PrinterAddress,
        document: Document,
        options: ResolvedOptions,
        token: str,
    ) -> str:
        """Hand the document in and note whose task it has become."""
        task_id: str | None = None
        await self._book.async_note_coming()
        try:
            task_id = await client.submit(
                address,
                document.upload,
                options.form_fields(),
                callback_url=self._addresses.callback_url(token),
                preview=True,
            )
        except LiankeError as err:
            if may_have_arrived(err):
                self._memory.note_foreign()
            raise
        except asyncio.CancelledError:
            # A task of unknown origin may show up, as if somebody else printed.
            self._memory.note_foreign()
            raise
        finally:
            await self._book.async_note_came(task_id)
        return task_id

    @callback
    def on_callback(self, token: str | None, claim: Callback) -> bool:
        """Take a callback as a hint to look; return whether it belongs to a preview."""
        if token is None or (news := self._waiting.get(token)) is None:
            return False
        if claim.state in (TaskState.SUCCESS, TaskState.FAILURE):
            news.set()
        return True

    @callback
    def stop(self) -> None:
        """Let every preview under way end at once."""
        self._stopped = True
        for news in self._waiting.values():
            news.set()

    async def _async_result(
        self, address: PrinterAddress, task_id: str, news: asyncio.Event
    ) -> TaskResult:
        """Look at the task until it has a result; a callback makes the next look come at once."""
        pause = FIRST_LOOK.total_seconds()
        while not self._stopped:
            try:
                async with asyncio.timeout(pause):
                    await news.wait()
            except TimeoutError:
                pass
            news.clear()
            now = dt_util.utcnow()
            if (wait := (self._follower.free_at(now) - now).total_seconds()) > 0:
                pause = wait
                continue
            self._follower.note_request()
            task = await self._client.task(address, task_id)
            if task.result is not None and task.result.code is not None:
                if task.result.code != PRINTED_CODE:
                    raise refusal(task.result.code, task.result.message)
                return task.result
            if task.state is TaskState.FAILURE:
                raise LiankeResponseError("the preview failed without a reason")
            now = dt_util.utcnow()
            pause = (self._follower.free_at(now) - now).total_seconds()
        raise LiankeResponseError("the integration is being unloaded")


async def _async_images(client: LiankeClient, urls: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple([await client.download(url, MAX_IMAGE_BYTES) for url in urls[:MAX_IMAGES]])
