"""Previews: the cloud draws a document's pages, and no paper moves."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
import logging
import secrets
from typing import NamedTuple

from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from ..api.client import LiankeClient
from ..api.errors import (
    LiankeError,
    LiankeResponseError,
    LiankeTimeoutError,
    PrinterNotFoundError,
    refusal,
)
from ..api.models import PrinterAddress
from ..api.options import ResolvedOptions
from ..api.tasks import Callback, TaskResult, TaskState
from ..const import DOMAIN
from ..coordinator import LiankeCoordinator
from ..documents.document import Document
from .other_tasks import OtherTasks, PreviewUpload
from .outcome import PRINTED_CODE
from .tracker import TaskTracker
from .unexpected import kind_and_place
from .uploader import TOKEN_BYTES, CallbackAddress, may_have_arrived

_LOGGER = logging.getLogger(__name__)

# Seconds.
PREVIEW_TIME = 120
FIRST_POLL = timedelta(seconds=3)
# At once on one box: they share its requests with the tracking of jobs.
MAX_PREVIEWS = 2
MAX_IMAGES = 20
MAX_IMAGE_BYTES = 8 * 1024 * 1024
# Of all pictures of a preview, which are held in memory together.
MAX_PREVIEW_BYTES = 48 * 1024 * 1024


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
        others: OtherTasks,
        is_free: Callable[[str], bool],
        tracker: TaskTracker,
        addresses: CallbackAddress,
    ) -> None:
        """Take what a preview needs; previews share the tracker's request budget.

        `is_free` tells whether a task of the cloud belongs to no job and no other preview.
        """
        self._client = client
        self._coordinator = coordinator
        self._others = others
        self._is_free = is_free
        self._tracker = tracker
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
        PREVIEW_TIME seconds. Raises HomeAssistantError for what nobody foresaw.
        """
        if (view := self._coordinator.data.printers.get(printer_key)) is None:
            raise PrinterNotFoundError
        token = secrets.token_urlsafe(TOKEN_BYTES)
        news = self._waiting[token] = asyncio.Event()
        address = view.printer.address
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
        except LiankeError, HomeAssistantError:
            raise
        except Exception as err:  # noqa: BLE001  # the one place where all that nobody foresaw ends
            _LOGGER.error("A preview met an unexpected %s", kind_and_place(err))  # noqa: TRY400
            raise HomeAssistantError(
                translation_domain=DOMAIN, translation_key="preview_unexpected"
            ) from None
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
        """Hand the document in and note whose task it has become.

        Without an answer the cloud may have made a task all the same: that is noted, too.
        """
        noted: PreviewUpload | None = None
        task_id: str | None = None
        is_lost, is_over = True, False

        async def before_end() -> None:
            nonlocal noted
            least, most = client.clock_offset or (None, None)
            upload = PreviewUpload(
                handed_over_at=dt_util.utcnow(),
                size=document.size,
                clock_least=least,
                clock_most=most,
            )
            await self._others.async_note_coming(upload)
            if is_over:
                await self._others.async_note_came(upload, None, is_lost=False)
                raise asyncio.CancelledError
            noted = upload

        try:
            answer = await client.submit(
                address,
                document.upload,
                options.form_fields(),
                callback_url=self._addresses.callback_url(token),
                preview=True,
                before_end=before_end,
            )
            if not self._is_free(answer):
                raise LiankeResponseError("another job's task")
            task_id, is_lost = answer, False
        except LiankeError as err:
            is_lost = may_have_arrived(err)
            raise
        finally:
            is_over = True
            if noted is not None:
                await self._others.async_note_came(noted, task_id, is_lost=is_lost)
        return answer

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
        pause = FIRST_POLL.total_seconds()
        while not self._stopped:
            try:
                async with asyncio.timeout(pause):
                    await news.wait()
            except TimeoutError:
                pass
            news.clear()
            now = dt_util.utcnow()
            if (wait := (self._tracker.next_slot(now) - now).total_seconds()) > 0:
                pause = wait
                continue
            self._tracker.note_request()
            task = await self._client.task(address, task_id)
            if task.result is not None and task.result.code is not None:
                if task.result.code != PRINTED_CODE:
                    raise refusal(task.result.code, task.result.message)
                return task.result
            if task.state is TaskState.FAILURE:
                raise LiankeResponseError("the preview failed without a reason")
            now = dt_util.utcnow()
            pause = (self._tracker.next_slot(now) - now).total_seconds()
        raise LiankeResponseError("the integration is being unloaded")


async def _async_images(client: LiankeClient, urls: tuple[str, ...]) -> tuple[bytes, ...]:
    """Download the pictures of a preview. Raises LiankeError, also when they are too large together."""
    images: list[bytes] = []
    left = MAX_PREVIEW_BYTES
    for url in urls[:MAX_IMAGES]:
        images.append(await client.download(url, min(MAX_IMAGE_BYTES, left)))
        left -= len(images[-1])
    return tuple(images)
