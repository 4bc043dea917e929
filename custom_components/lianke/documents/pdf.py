"""PDF documents: their pages are counted and their password opened before they are sent."""

from dataclasses import replace

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from ..const import DOMAIN
from ..errors import InputError
from ..pdf.process import MAX_SOURCE_PAGES, MEMORY
from .document import Document, file_digest
from .kinds import FileType
from .pdf_client import PdfError, PdfUnavailableError, async_get_pdf_worker
from .spool import Spool, too_large


async def async_open_pdf(
    hass: HomeAssistant,
    spool: Spool,
    document: Document,
    *,
    password: str | None,
    limit_bytes: int,
    user: str | None,
) -> Document:
    """Return a PDF document with its page count, as a copy without password where it needs one.

    Other documents come back as they are, and so does a PDF where PDFium cannot run. `user` is who asks.
    Raises InputError: pdf_password_needed, pdf_password_wrong,
    pdf_damaged, pdf_needs_memory, pdf_takes_long, pdf_busy, file_too_large; HomeAssistantError:
    disk_full.
    """
    if document.extension != FileType.PDF or document.pages is not None:
        return document
    worker = async_get_pdf_worker(hass)
    try:
        try:
            return replace(document, pages=await worker.async_count(document.path, user=user))
        except PdfError as err:
            if err.reason != "password" or not password:
                raise
        path = await spool.async_new_path(FileType.PDF)
        pages = await worker.async_unlock(document.path, path, password, limit_bytes, user=user)
    except PdfUnavailableError:
        return document
    except PdfError as err:
        raise pdf_error(err, document.name, password=password, limit_bytes=limit_bytes) from None
    # A copy differs from one made later: the same document is told by what was opened.
    digest = await hass.async_add_executor_job(file_digest, document.path)
    size = (await hass.async_add_executor_job(path.stat)).st_size
    return replace(document, path=path, size=size, pages=pages, digest=digest)


def pdf_error(
    err: PdfError, name: str, *, password: str | None = None, limit_bytes: int = 0
) -> InputError | HomeAssistantError:
    """Return the error for a PDF file or picture that cannot be used."""
    match err.reason:
        case "password":
            return InputError(
                "pdf_password_wrong" if password else "pdf_password_needed", name=name
            )
        case "too_large":
            return too_large(name, limit_bytes)
        case "disk":
            return HomeAssistantError(translation_domain=DOMAIN, translation_key="disk_full")
        case "memory":
            return InputError("pdf_needs_memory", name=name, limit=str(MEMORY // 1024**2))
        case "time":
            return InputError("pdf_takes_long", name=name)
        case "busy":
            return InputError("pdf_busy", name=name)
        case "missing":
            return InputError("document_unreadable")
        case "image_damaged":
            return InputError("image_unreadable", name=name)
        case "image_too_large":
            return InputError("image_too_large", name=name)
        case "too_many_pages":
            return InputError("sheet_too_many_pages", limit=str(MAX_SOURCE_PAGES))
        case "paper_too_small":
            return InputError("sheet_paper_too_small")
        case "no_font":
            return InputError("watermark_needs_font")
        case "no_letters":
            return InputError("watermark_letters")
    return InputError("pdf_damaged", name=name)
