"""Documents that devices of the home network send: a PDF or JPEG as it is, raster pages as a PDF."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from ..errors import InputError
from ..pdf.raster import PWG_SYNC, URF_SYNC
from .conversion import document_of
from .document import Document
from .kinds import FileType, sniff
from .pdf import async_open_pdf, pdf_error
from .pdf_client import PdfError, async_get_pdf_worker
from .spool import Spool

# What one turn of the PDF process may take: a page that it has begun is finished.
TURN_SECONDS: Final = 50
_AS_THEY_ARE: Final = frozenset({FileType.PDF, FileType.JPEG})


def lan_user(address: str) -> str:
    """Return what stands for a device of the home network in the line of the PDF process."""
    return f"lan {address}"


async def async_received_document(
    hass: HomeAssistant,
    spool: Spool,
    path: Path,
    *,
    name: str,
    title: str,
    limit_bytes: int,
    papers: Sequence[tuple[int, int]],
    user: str,
) -> Document:
    """Return the document for a file that lies in the spool.

    `papers` are the widths and heights, in 0.01 mm, that raster pages have to fit on. Raises
    InputError: file_empty, file_damaged, file_too_large, raster_too_large, type_not_supported,
    and what `async_open_pdf` raises; HomeAssistantError: disk_full.
    """
    if await hass.async_add_executor_job(_is_raster, path):
        return await _async_convert(
            hass,
            spool,
            path,
            name=name,
            title=title,
            limit_bytes=limit_bytes,
            papers=papers,
            user=user,
        )
    document = await hass.async_add_executor_job(partial(_admit, path, name, title=title))
    return await async_open_pdf(
        hass, spool, document, password=None, limit_bytes=limit_bytes, user=user
    )


async def _async_convert(
    hass: HomeAssistant,
    spool: Spool,
    path: Path,
    *,
    name: str,
    title: str,
    limit_bytes: int,
    papers: Sequence[tuple[int, int]],
    user: str,
) -> Document:
    """Return the PDF of a raster file; raises as `async_received_document`."""
    target = await spool.async_new_path(FileType.PDF)
    worker = async_get_pdf_worker(hass)
    answer: dict[str, Any] = {"position": 0, "objects": [], "pixels": 0}
    fixed = {"path": str(path), "target": str(target), "limit": limit_bytes, "papers": papers}
    while "pages" not in answer:
        request = {**answer, **fixed}
        try:
            answer = await worker.async_run("raster", request, user=user, seconds=TURN_SECONDS)
        except PdfError as err:
            raise _error(err, name, limit_bytes) from None
    return await hass.async_add_executor_job(
        partial(document_of, target, FileType.PDF, name=name, title=title, pages=answer["pages"])
    )


def _error(err: PdfError, name: str, limit_bytes: int) -> InputError | HomeAssistantError:
    """Return the translated error for raster pages that cannot be used."""
    if err.reason in ("damaged", "missing"):
        return InputError("file_damaged", name=name)
    if err.reason in ("unsupported", "unavailable"):
        return InputError("type_not_supported", name=name)
    if err.reason == "raster_too_large":
        return InputError("raster_too_large", name=name)
    return pdf_error(err, name, limit_bytes=limit_bytes)


def _is_raster(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(URF_SYNC)).startswith((URF_SYNC, PWG_SYNC))


def _admit(path: Path, name: str, *, title: str) -> Document:
    """Return the document for a file that is sent as it is."""
    try:
        kind = sniff(path, name)
    except InputError as err:
        if err.reason in ("file_empty", "file_damaged"):
            raise
        raise InputError("type_not_supported", name=name) from None
    if kind not in _AS_THEY_ARE:
        raise InputError("type_not_supported", name=name)
    pages = 1 if kind is FileType.JPEG else None
    return document_of(path, kind, name=name, title=title, pages=pages)
