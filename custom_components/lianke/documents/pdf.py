"""PDF documents: their pages are counted and their password opened before they are sent."""

from dataclasses import replace
import hashlib
from pathlib import Path

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from ..const import DOMAIN
from ..errors import InputError
from ..pdf.process import MAX_SOURCE_PAGES, MEMORY
from .document import Document
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

    Other documents come back as they are, and so does a PDF where PDFium cannot run. The file is
    deleted on failure. `user` is who asks. Raises InputError: pdf_password_needed, pdf_password_wrong,
    pdf_damaged, pdf_needs_memory, pdf_takes_long, pdf_busy, file_too_large; HomeAssistantError:
    disk_full.
    """
    if document.extension != FileType.PDF or document.pages is not None:
        return document
    worker = async_get_pdf_worker(hass)
    try:
        try:
            return replace(document, pages=await worker.async_count(document.path, user=user))
        except PdfUnavailableError:
            return document
        except PdfError as err:
            if err.reason != "password" or not password:
                raise pdf_error(
                    err, document.name, password=password, limit_bytes=limit_bytes
                ) from None
        return await _async_unlock(hass, spool, document, password, limit_bytes, user)
    except BaseException:
        await spool.async_discard(document)
        raise


async def _async_unlock(
    hass: HomeAssistant,
    spool: Spool,
    document: Document,
    password: str,
    limit_bytes: int,
    user: str | None,
) -> Document:
    """Return the document as a copy that needs no password, in place of the one that does."""
    worker = async_get_pdf_worker(hass)
    path = await spool.async_new_path(FileType.PDF)
    opened = replace(document, path=path)
    try:
        pages = await worker.async_unlock(document.path, path, password, limit_bytes, user=user)
        # A copy differs from one made later: the same document is told by what was opened.
        size, digest = await hass.async_add_executor_job(_size_and_digest, path, document.path)
    except PdfUnavailableError:
        await spool.async_discard(opened)
        return document
    except PdfError as err:
        await spool.async_discard(opened)
        raise pdf_error(err, document.name, password=password, limit_bytes=limit_bytes) from None
    except BaseException:
        await spool.async_discard(opened)
        raise
    await spool.async_discard(document)
    return replace(opened, size=size, pages=pages, digest=digest)


def _size_and_digest(path: Path, original: Path) -> tuple[int, str]:
    """Return the size of a file and the SHA-256 of another; blocks."""
    with original.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


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
