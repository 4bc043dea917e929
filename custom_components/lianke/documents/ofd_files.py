"""Convert OFD files to PDF in the PDF process; files that cannot be drawn completely are refused."""

from dataclasses import replace
from functools import partial
from typing import Any, Final

from homeassistant.core import HomeAssistant

from ..input_error import InputError
from .conversion import make_document
from .document import Document, FileType, file_digest
from .pdf import pdf_error
from .pdf_client import PdfError, async_get_pdf_worker
from .spool import Spool

# Maximum seconds for the conversion of a file once the process runs; 200 pages of text take about two.
OFD_SECONDS: Final = 45
# Keys of the error texts for PdfError reasons about OFD files; for other reasons, `pdf_error` has the texts.
_KEYS: Final = {
    "damaged": "file_damaged",
    "unavailable": "ofd_not_supported",
    "ofd_locked": "ofd_locked",
    "ofd_too_large": "ofd_too_large",
}
# Kinds of things that can be missing, the worst first.
_KINDS: Final = ("seal", "page", "text", "picture", "part")


async def async_ofd_as_pdf(
    hass: HomeAssistant,
    spool: Spool,
    document: Document,
    *,
    incomplete: bool,
    limit_bytes: int,
    user: str | None,
) -> Document:
    """Return the PDF of an OFD file.

    Raises InputError: ofd_incomplete if something is missing, unless `incomplete` allows it; ofd_locked, ofd_too_large,
    ofd_not_supported, file_damaged, and those of `pdf_error`; HomeAssistantError: disk_full.
    """
    target = await spool.async_new_path(FileType.PDF)
    request: dict[str, Any] = {
        "path": str(document.path),
        "target": str(target),
        "limit": limit_bytes,
    }
    try:
        answer = await async_get_pdf_worker(hass).async_run_pdf_task(
            "ofd", request, user=user, seconds=OFD_SECONDS
        )
    except PdfError as err:
        if key := _KEYS.get(err.reason):
            raise InputError(key, name=document.name) from None
        raise pdf_error(err, document.name, limit_bytes=limit_bytes) from None
    if answer["missing"] and not incomplete:
        listed = ((kind, answer["missing"].get(kind)) for kind in _KINDS)
        raise InputError(
            "ofd_incomplete",
            name=document.name,
            missing="; ".join(f"{kind}: {', '.join(map(str, on))}" for kind, on in listed if on),
            letters=answer["letters"],
        )
    made = partial(
        make_document,
        target,
        document.name,
        title=document.title,
        kind=FileType.PDF,
        pages=answer["pages"],
    )
    pdf = await hass.async_add_executor_job(made)
    # Each conversion of a file makes a different PDF, so identify the document by the digest of the OFD file.
    digest = await hass.async_add_executor_job(file_digest, document.path)
    return replace(pdf, digest=digest)
