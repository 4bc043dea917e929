"""Previews: pages drawn by the cloud, without printing."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
import logging
from time import monotonic
from typing import NamedTuple

from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from ..api.client import LiankeClient
from ..api.errors import (
    LiankeError,
    LiankeResponseError,
    PreviewTimeoutError,
    PrinterNotFoundError,
    refusal,
)
from ..api.models import PrinterAddress
from ..api.options import ResolvedOptions
from ..api.tasks import TaskResult, TaskState
from ..const import DOMAIN
from ..documents.document import Document
from ..documents.pdf_client import PdfError
from ..documents.whole import NOT_WHOLE, async_check_picture
from ..errors import InputError
from ..fair_queue import FairQueue
from .box_jobs import JobWorker, QueueBox
from .job import Delivery, JobState, type_and_place
from .outcome import PRINTED_CODE, may_have_arrived
from .tracker import TaskTracker

_LOGGER = logging.getLogger(__name__)

# Seconds.
PREVIEW_TIME = 120
FIRST_POLL = timedelta(seconds=3)
# At a time for one box: they share its requests with the tracking of jobs.
MAX_PREVIEWS = 2
MAX_IMAGES = 20
MAX_IMAGE_BYTES = 8 * 1024 * 1024
IMAGE_FETCHES = 2
# Of all pictures of a preview together, which are held in memory.
MAX_PREVIEW_BYTES = 48 * 1024 * 1024


class Preview(NamedTuple):
    """A document as it would be printed.

    `pages` is the cloud's count, None without one; `images` are the first pages as picture
    files, at most MAX_IMAGES; `ticket` lets the cloud reuse what it prepared.
    """

    pages: int | None
    images: tuple[bytes, ...]
    ticket: str | None


class Previewer(JobWorker):
    """Requests previews for one box. They are not jobs and do not survive a restart."""

    def __init__(self, box: QueueBox, tracker: TaskTracker) -> None:
        """Previews share the tracker's request budget."""
        super().__init__(box)
        self._others = self._jobs.tasks
        self._tracker = tracker
        self._places = FairQueue(MAX_PREVIEWS)
        self._stopped = False

    async def async_preview(
        self,
        printer_key: str,
        document: Document,
        options: ResolvedOptions,
        client: LiankeClient | None = None,
        user: str | None = None,
    ) -> Preview:
        """Return the preview of a document on a printer. The document stays the caller's.

        `client` is the one to ask with, None for that of the jobs; `user` is whose turn it is. Raises LiankeError for a
        refusal, a failed conversion or no answer within PREVIEW_TIME seconds, InputError: preview_cut_off,
        preview_unchecked, preview_unloaded, HomeAssistantError for an unexpected error.
        """
        if (view := self._coordinator.data.printers.get(printer_key)) is None:
            raise PrinterNotFoundError
        # It is not known whether the service's count includes copies.
        options = replace(options, copies=1)
        delivery = Delivery(document=document, options=options, state=JobState.UPLOADING)
        reported = self._tracker.previews[delivery.token] = asyncio.Event()
        address = view.printer.address
        client = client or self._client
        try:
            async with asyncio.timeout(PREVIEW_TIME), self._places.place(user):
                if self._stopped:
                    raise InputError("preview_unloaded")
                task_id = await self._async_submit(client, address, delivery)
                result = await self._async_result(address, task_id, reported)
                images: list[bytes] = []
                left = MAX_PREVIEW_BYTES
                for url in result.images[:MAX_IMAGES]:
                    images.append(await self._async_image(client, url, min(MAX_IMAGE_BYTES, left)))
                    left -= len(images[-1])
                pages = result.total_page or len(result.images) or None
                return Preview(pages=pages, images=tuple(images), ticket=result.ticket)
        except TimeoutError:
            raise PreviewTimeoutError(may_have_arrived=True) from None
        except LiankeError, InputError, HomeAssistantError:
            raise
        except Exception as err:  # noqa: BLE001  # logged without what it may quote
            _LOGGER.error("A preview met an unexpected %s", type_and_place(err))  # noqa: TRY400
            raise HomeAssistantError(
                translation_domain=DOMAIN, translation_key="preview_unexpected"
            ) from None
        finally:
            self._tracker.previews.pop(delivery.token, None)

    async def _async_image(self, client: LiankeClient, url: str, limit: int) -> bytes:
        """Return the picture of a page, fetched once more if it is not whole. Raises LiankeError, InputError."""
        for _ in range(IMAGE_FETCHES):
            image = await client.download(url, limit)
            try:
                await async_check_picture(self._hass, image)
            except InputError:
                continue
            except PdfError as err:
                if err.reason in NOT_WHOLE:
                    continue
                raise InputError("preview_unchecked") from None
            return image
        raise InputError("preview_cut_off")

    async def _async_submit(
        self, client: LiankeClient, address: PrinterAddress, delivery: Delivery
    ) -> str:
        """Submit the document and record its task, or that it may have an unknown one."""
        noted: Delivery | None = None
        task_id: str | None = None
        is_lost, is_over = True, False

        async def before_end() -> None:
            nonlocal noted
            least, most = client.clock_offset or (None, None)
            upload = replace(
                delivery,
                handed_over_at=dt_util.utcnow(),
                clock_least=least,
                clock_most=most,
            )
            await self._others.async_begin(upload)
            if is_over:
                await self._others.async_end(upload, None, is_lost=False)
                raise asyncio.CancelledError
            noted = upload

        try:
            answer = await client.submit(
                address,
                delivery.document,
                delivery.options.form_fields(),
                callback_url=self._account.callback_url(delivery.token),
                preview=True,
                before_end=before_end,
            )
            if answer in self._jobs.own_task_ids:
                raise LiankeResponseError("another job's task")
            task_id, is_lost = answer, False
        except LiankeError as err:
            is_lost = may_have_arrived(err)
            raise
        finally:
            is_over = True
            if noted is not None:
                await self._others.async_end(noted, task_id, is_lost=is_lost)
        return answer

    @callback
    def stop(self) -> None:
        self._stopped = True
        for reported in self._tracker.previews.values():
            reported.set()

    async def _async_result(
        self, address: PrinterAddress, task_id: str, reported: asyncio.Event
    ) -> TaskResult:
        """Poll the task until it has a result; a callback causes a poll at once. Raises LiankeError, InputError."""
        pause = FIRST_POLL.total_seconds()
        while not self._stopped:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await reported.wait()
            reported.clear()
            if (wait := self._tracker.until_slot()) > 0:
                pause = wait
                continue
            self._tracker.last_request = monotonic()
            task = await self._client.task(address, task_id)
            if task.result is not None and task.result.code is not None:
                if task.result.code != PRINTED_CODE:
                    raise refusal(task.result.code, task.result.message)
                return task.result
            if task.state is TaskState.FAILURE:
                raise LiankeResponseError("the preview failed without a reason")
            pause = self._tracker.until_slot()
        raise InputError("preview_unloaded")
