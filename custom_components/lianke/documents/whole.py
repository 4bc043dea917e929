"""Whether a file is there to its end: the PDF process decodes it."""

from functools import partial
from pathlib import Path
from typing import Final

from homeassistant.core import HomeAssistant

from ..errors import InputError
from .kinds import CONVERTED_IMAGES, IMAGES, FileType, sniff
from .pdf_client import PdfError, async_get_pdf_worker
from .spool import async_get_spool, write_bytes

CHECK_SECONDS: Final = 20.0
"""for a file to be decoded: others wait for their turn, and are refused after `pdf_client.WAIT_SECONDS`."""
_NOT_WHOLE: Final = frozenset({"incomplete", "image_damaged", "damaged"})
"""Reasons of a PdfError for a file of which something is missing."""
# Nobody knows more of a file that takes more memory than there is for it, or where the process does not run. One that
# takes too long is not among them: how long it takes is up to whoever made it.
_UNKNOWN: Final = frozenset({"memory", "unavailable", "password"})


async def async_check(
    hass: HomeAssistant, path: Path, kind: FileType, *, user: str | None, is_scan: bool = False
) -> bool:
    """Return whether a picture or PDF was decoded to its end; False where nobody knows.

    Raises PdfError: incomplete, image_damaged, damaged, time, busy, missing.
    """
    request = {"path": str(path), "type": str(kind), "is_scan": is_scan}
    worker = async_get_pdf_worker(hass)
    try:
        answer = await worker.async_run("check", request, user=user, seconds=CHECK_SECONDS)
    except PdfError as err:
        if err.reason in _UNKNOWN:
            return False
        raise
    return bool(answer["sure"])


async def async_is_whole(hass: HomeAssistant, picture: bytes) -> bool:
    """Return whether data is a picture of which nothing is missing, as far as is known."""
    spool = await async_get_spool(hass)
    async with spool.scope():
        path = await spool.async_new_path(".picture")
        await hass.async_add_executor_job(write_bytes, path, picture)
        try:
            kind = await hass.async_add_executor_job(partial(sniff, path, path.name))
            if kind not in IMAGES | CONVERTED_IMAGES:
                return False
            await async_check(hass, path, kind, user=None)
        except InputError:
            return False
        except PdfError as err:
            return err.reason not in _NOT_WHOLE
    return True
