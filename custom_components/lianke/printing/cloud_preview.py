"""Previews whose pages the cloud draws, without printing them.

A preview is not a job, and does not survive a restart. The polls of previews and of the box's jobs share one rate. A
callback is matched to the preview by the preview's token. The preview's cloud task is recorded as ours.
"""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
import logging
from typing import NamedTuple

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from ..api.client import LiankeClient
from ..api.errors import (
    LiankeError,
    LiankeResponseError,
    PreviewTimeoutError,
    PrinterNotFoundError,
    error_for_code,
)
from ..api.models import PrinterAddress
from ..api.options import ResolvedOptions
from ..api.tasks import TaskResult, TaskState
from ..const import DOMAIN
from ..documents.completeness import INCOMPLETE_REASONS, async_check_picture
from ..documents.document import Document
from ..documents.pdf_client import PdfError
from ..input_error import InputError
from ..jobs.job import Delivery, JobState, type_and_place
from ..jobs.outcome import PRINTED_CODE, may_have_arrived
from ..runtime import LiankeData

_LOGGER = logging.getLogger(__name__)

# Seconds for a preview, including the time that it waits for its turn.
CLOUD_PREVIEW_TIME = 120
PREVIEW_FIRST_POLL = timedelta(seconds=3)
# Maximum number of pictures of a preview; further pictures are left out.
MAX_PREVIEW_IMAGES = 20
# Maximum bytes of one picture.
MAX_IMAGE_BYTES = 8 * 1024 * 1024
IMAGE_FETCHES = 2
# Maximum bytes of all pictures of a preview together, which are held in memory.
MAX_PREVIEW_BYTES = 48 * 1024 * 1024


class Preview(NamedTuple):
    # The number of pages that the cloud counted; None if it is unknown.
    pages: int | None
    # Pictures of the first pages, as the bytes of files; at most MAX_PREVIEW_IMAGES pictures.
    images: tuple[bytes, ...]
    # Lets the cloud reuse the document that it prepared for the preview.
    ticket: str | None


async def async_preview_by_cloud(
    data: LiankeData,
    printer_key: str,
    document: Document,
    options: ResolvedOptions,
    *,
    client: LiankeClient | None = None,
    user: str | None = None,
) -> Preview:
    """Let the cloud draw a document as a printer would print it. The document's file still belongs to the caller.

    `client` submits the document and downloads the pictures; by default it is the client of the jobs. The preview is
    queued on behalf of `user`. Raises LiankeError for a refusal, a failed conversion, or no result within
    CLOUD_PREVIEW_TIME seconds; InputError: preview_cut_off, preview_unchecked, preview_unloaded; HomeAssistantError for
    an unexpected error.
    """
    tracker = data.queue.tracker
    if (view := data.coordinator.data.printers.get(printer_key)) is None:
        raise PrinterNotFoundError
    # Preview a single copy, because we do not know whether the service's page count includes copies.
    options = replace(options, copies=1)
    delivery = Delivery(document=document, options=options, state=JobState.UPLOADING)
    reported = tracker.previews[delivery.token] = asyncio.Event()
    address, client = view.printer.address, client or data.client
    try:
        async with asyncio.timeout(CLOUD_PREVIEW_TIME), tracker.preview_places.place(user):
            if tracker.is_stopped:
                raise InputError("preview_unloaded")
            task_id = await _async_submit(data, client, address, delivery)
            result = await _async_result(data, address, task_id, reported)
            images: list[bytes] = []
            left = MAX_PREVIEW_BYTES
            for url in result.images[:MAX_PREVIEW_IMAGES]:
                limit = min(MAX_IMAGE_BYTES, left)
                images.append(await _async_image(data.coordinator.hass, client, url, limit))
                left -= len(images[-1])
            pages = result.total_page or len(result.images) or None
            return Preview(pages=pages, images=tuple(images), ticket=result.ticket)
    except TimeoutError:
        raise PreviewTimeoutError(may_have_arrived=True) from None
    except LiankeError, InputError, HomeAssistantError:
        raise
    except Exception as err:  # noqa: BLE001  # its text is not logged: it may quote secrets
        _LOGGER.error("A preview met an unexpected %s", type_and_place(err))  # noqa: TRY400
        raise HomeAssistantError(
            translation_domain=DOMAIN, translation_key="preview_unexpected"
        ) from None
    finally:
        tracker.previews.pop(delivery.token, None)


async def _async_image(hass: HomeAssistant, client: LiankeClient, url: str, limit: int) -> bytes:
    """Return a page's picture; if it is incomplete, download it again. Raises LiankeError, InputError."""
    for _ in range(IMAGE_FETCHES):
        image = await client.download(url, limit)
        try:
            await async_check_picture(hass, image)
        except InputError:
            continue
        except PdfError as err:
            if err.reason in INCOMPLETE_REASONS:
                continue
            raise InputError("preview_unchecked") from None
        return image
    raise InputError("preview_cut_off")


async def _async_submit(
    data: LiankeData, client: LiankeClient, address: PrinterAddress, delivery: Delivery
) -> str:
    """Submit the document; return the id of the cloud's task.

    The task is recorded as ours. If it is unclear whether there is a task, a task with an unknown id is recorded.
    """
    tasks = data.queue.own_tasks
    noted: Delivery | None = None
    task_id: str | None = None
    is_lost, is_over = True, False

    async def before_end() -> None:
        nonlocal noted
        least, most = client.clock.offset or (None, None)
        upload = replace(
            delivery,
            handed_over_at=dt_util.utcnow(),
            clock_least=least,
            clock_most=most,
        )
        await tasks.async_begin(upload)
        if is_over:
            await tasks.async_end(upload, None, is_lost=False)
            raise asyncio.CancelledError
        noted = upload

    try:
        answer = await client.submit(
            address,
            delivery.document,
            delivery.options.form_fields(),
            callback_address=data.account.address,
            token=delivery.token,
            preview=True,
            before_end=before_end,
        )
        if answer in data.queue.own_task_ids:
            raise LiankeResponseError("another job's task")
        task_id, is_lost = answer, False
    except LiankeError as err:
        is_lost = may_have_arrived(err)
        raise
    finally:
        is_over = True
        if noted is not None:
            await tasks.async_end(noted, task_id, is_lost=is_lost)
    return answer


async def _async_result(
    data: LiankeData, address: PrinterAddress, task_id: str, reported: asyncio.Event
) -> TaskResult:
    """Poll the task until it has a result, and return the result. Raises LiankeError, InputError.

    After a callback, the next poll comes as soon as the rate allows it.
    """
    tracker = data.queue.tracker
    pause = PREVIEW_FIRST_POLL.total_seconds()
    while not tracker.is_stopped:
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await reported.wait()
        reported.clear()
        if (pause := tracker.take_slot()) > 0:
            continue
        task = await data.client.task(address, task_id)
        if task.result is not None and task.result.code is not None:
            if task.result.code != PRINTED_CODE:
                raise error_for_code(task.result.code, task.result.message)
            return task.result
        if task.state is TaskState.FAILURE:
            raise LiankeResponseError("the preview failed without a reason")
        pause = tracker.until_slot()
    raise InputError("preview_unloaded")
