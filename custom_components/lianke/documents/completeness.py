"""Check that a file is complete: the PDF process decodes it to its end."""

from functools import partial
from pathlib import Path
from typing import Any, Final

from homeassistant.core import HomeAssistant

from .document import CONVERTED_IMAGES, IMAGES, FileType, sniff
from .pdf_client import PdfError, async_get_pdf_worker
from .spool import async_get_spool, write_bytes

# Seconds for one check task of the PDF process. Other tasks wait meanwhile; one that has waited for
# `pdf_client.WAIT_SECONDS` is refused.
CHECK_SECONDS: Final = 20.0
# Maximum number of turns in the PDF process for checking one scan's PDF; each turn lasts for about
# `pdf.process.WORKER_TURN_SECONDS`.
MAX_TURNS: Final = 30
# PdfError reasons which mean that part of the file is missing or damaged.
INCOMPLETE_REASONS: Final = frozenset({"incomplete", "image_damaged", "damaged"})
# PdfError reasons that leave it unknown whether part of the file is missing. Checking again would not help, and
# such a file never counts as complete.
UNCHECKED_REASONS: Final = frozenset({"unchecked", "memory", "unavailable", "password"})


async def async_check_complete(
    hass: HomeAssistant, path: Path, kind: FileType, *, user: str | None
) -> int:
    """Check that a picture, or every page of a scan's PDF, is complete; return the number of pages (1 for a picture).

    Raises PdfError with one of INCOMPLETE_REASONS or UNCHECKED_REASONS, or with time, busy or missing.
    """
    task = "check_pdf" if kind is FileType.PDF else "check"
    worker = async_get_pdf_worker(hass)
    start: int | None = 0
    pages = 1
    for _ in range(MAX_TURNS):
        request: dict[str, Any] = {"path": str(path), "type": str(kind), "start": start}
        answer = await worker.async_run_pdf_task(task, request, user=user, seconds=CHECK_SECONDS)
        if not answer["sure"]:
            raise PdfError("unchecked")
        pages = int(answer.get("pages", pages))
        if (start := answer.get("next")) is None:
            return pages
    raise PdfError("time")


async def async_check_picture(hass: HomeAssistant, picture: bytes) -> None:
    """Check that the bytes are a complete picture.

    Raises PdfError with the same reasons as `async_check_complete`; InputError for an unknown type;
    HomeAssistantError: disk_full.
    """
    spool = await async_get_spool(hass)
    async with spool.scope():
        path = await spool.async_new_path(".picture")
        await hass.async_add_executor_job(write_bytes, path, picture)
        kind = await hass.async_add_executor_job(partial(sniff, path, path.name))
        if kind not in IMAGES | CONVERTED_IMAGES:
            raise PdfError("damaged")
        await async_check_complete(hass, path, kind, user=None)
