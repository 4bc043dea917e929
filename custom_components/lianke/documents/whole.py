"""Whether a file is there to its end: the PDF process decodes it."""

from functools import partial
from pathlib import Path
from typing import Any, Final

from homeassistant.core import HomeAssistant

from .document import CONVERTED_IMAGES, IMAGES, FileType, sniff
from .pdf_client import PdfError, async_get_pdf_worker
from .spool import async_get_spool, write_bytes

CHECK_SECONDS: Final = 20.0
"""for a file to be decoded: others wait for their turn, and are refused after `pdf_client.WAIT_SECONDS`."""
MAX_TURNS: Final = 30
"""of the pages of a scan's PDF, so many seconds each as `pdf.whole_pdf.TURN_SECONDS` says."""
NOT_WHOLE: Final = frozenset({"incomplete", "image_damaged", "damaged"})
"""Reasons of a PdfError for a file of which something is missing."""
UNCHECKED: Final = frozenset({"unchecked", "memory", "unavailable", "password"})
"""Reasons where nobody can say whether something is missing, now or later: such a file counts as whole nowhere."""


async def async_check(hass: HomeAssistant, path: Path, kind: FileType, *, user: str | None) -> None:
    """Have a picture, or all pages of a scan's PDF, decoded to its end.

    Raises PdfError: incomplete, image_damaged, damaged, time, busy, missing; unchecked, memory, unavailable, password.
    """
    task = "check_pdf" if kind is FileType.PDF else "check"
    worker = async_get_pdf_worker(hass)
    start: int | None = 0
    for _ in range(MAX_TURNS):
        request: dict[str, Any] = {"path": str(path), "type": str(kind), "start": start}
        answer = await worker.async_run(task, request, user=user, seconds=CHECK_SECONDS)
        if not answer["sure"]:
            raise PdfError("unchecked")
        if (start := answer.get("next")) is None:
            return
    raise PdfError("time")


async def async_check_picture(hass: HomeAssistant, picture: bytes) -> None:
    """Have data decoded to its end as a picture. Raises PdfError as `async_check`; InputError: what it is instead."""
    spool = await async_get_spool(hass)
    async with spool.scope():
        path = await spool.async_new_path(".picture")
        await hass.async_add_executor_job(write_bytes, path, picture)
        kind = await hass.async_add_executor_job(partial(sniff, path, path.name))
        if kind not in IMAGES | CONVERTED_IMAGES:
            raise PdfError("damaged")
        await async_check(hass, path, kind, user=None)
