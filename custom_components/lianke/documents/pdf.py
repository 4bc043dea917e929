"""PDF documents: counted and opened with their password before they are sent; their pages, and pictures, are drawn."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from ..api.capabilities import Paper
from ..api.options import COLORS, ORIENTATIONS, ResolvedOptions, select_pages
from ..const import DOMAIN
from ..errors import InputError
from ..pdf.process import MAX_SOURCE_PAGES, MEMORY
from .document import Document, file_digest
from .kinds import IMAGES, FileType
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


# Pages of a document in a preview; each is drawn when its picture is requested.
MAX_DRAWN: Final = 200
DEFAULT_ALIGN: Final = 5


def can_draw(document: Document) -> bool:
    """Return whether the pages of a document can be drawn here."""
    return document.pages is not None and document.extension in IMAGES | {FileType.PDF}


@dataclass(frozen=True, kw_only=True, slots=True)
class PageDrawing:
    """How each page of a file is drawn.

    `pages` are the file's pages, from 0, in the order in which they come out. `paper` is in mm, None
    where its size is not known. `user` is on whose behalf they are drawn.
    """

    hass: HomeAssistant
    path: Path
    is_pdf: bool
    pages: tuple[int, ...]
    paper: tuple[float, float] | None
    scale: str
    align: int
    rotate: bool
    mono: bool
    user: str | None

    @property
    def count(self) -> int:
        """Return how many pages can be drawn."""
        return min(len(self.pages), MAX_DRAWN)

    async def async_draw(self, number: int, target: Path) -> None:
        """Draw a page, counted from 1, as JPEG to the new file target. Raises PdfError."""
        await async_get_pdf_worker(self.hass).async_run(
            "draw",
            {
                "path": str(self.path),
                "is_pdf": self.is_pdf,
                "page": self.pages[number - 1],
                "target": str(target),
                "paper": self.paper,
                "scale": self.scale,
                "align": self.align,
                "rotate": self.rotate,
                "mono": self.mono,
            },
            user=self.user,
        )


def plan_drawing(
    hass: HomeAssistant, document: Document, options: ResolvedOptions, user: str | None
) -> PageDrawing:
    """Return how the pages of a document that `can_draw` are drawn for these options."""
    assert document.pages is not None
    pages = select_pages(options.page_range, document.pages)
    if options.reverse_order:
        pages.reverse()
    landscape = options.orientation == ORIENTATIONS["landscape"]
    return PageDrawing(
        hass=hass,
        path=document.path,
        is_pdf=document.extension == FileType.PDF,
        pages=tuple(number - 1 for number in pages),
        paper=paper_size(options.paper, landscape=landscape),
        scale=options.scale or "fit",
        align=int(options.align[1:]) if options.align else DEFAULT_ALIGN,
        rotate=not landscape if options.auto_rotate is None else options.auto_rotate,
        mono=options.color == COLORS["mono"],
        user=user,
    )


def paper_size(paper: Paper | None, *, landscape: bool) -> tuple[float, float] | None:
    """Return width and height of a paper in mm as it lies before the reader."""
    if paper is None or paper.width <= 0 or paper.height <= 0:
        return None
    size = paper.width / 10, paper.height / 10
    # Landscape turns a paper, which as a label may be wider than high.
    return size[::-1] if landscape else size


def picture_type(picture: bytes) -> str:
    """Return the content type of a picture of a page."""
    return "image/jpeg" if picture.startswith(b"\xff\xd8") else "image/png"
