"""Draw pages of PDFs and of pictures for a preview, and translate the errors of the PDF process."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from ..api.capabilities import Paper
from ..api.options import COLORS, ORIENTATIONS, ResolvedOptions, select_pages
from ..const import DOMAIN
from ..input_error import InputError
from ..pdf.process import MAX_SOURCE_PAGES, MEMORY
from .document import IMAGES, Document, FileType, too_large
from .pdf_client import PdfError, async_get_pdf_worker

# Keys of the texts for PdfError reasons whose only placeholder is the document's name.
_KEYS: Final = {
    "time": "pdf_takes_long",
    "busy": "pdf_busy",
    "missing": "document_unreadable",
    "incomplete": "file_damaged",
    "certificate": "pdf_certificate",
    "dynamic_form": "pdf_dynamic_form",
    "collection": "pdf_collection",
    "image_damaged": "image_unreadable",
    "image_too_large": "image_too_large",
    "unchecked": "picture_unchecked",
    "paper_too_small": "sheet_paper_too_small",
}


def pdf_error(
    err: PdfError, name: str, *, password: str | None = None, limit_bytes: int = 0
) -> InputError | HomeAssistantError:
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
        case "too_many_pages":
            return InputError("sheet_too_many_pages", limit=str(MAX_SOURCE_PAGES))
        case "no_glyph":
            return InputError("watermark_letters", letters=err.detail)
    return InputError(_KEYS.get(err.reason, "pdf_damaged"), name=name)


# Size in MB up to which any PDF can be laid out within the process's memory, whatever the PDF contains. A picture is in
# memory twice while it is copied, so a single picture that cannot be compressed may have up to 120 MB; several such
# pictures, each on its own page, may have 300 MB together.
LAID_OUT_MB: Final = 100


def layout_error(err: PdfError, name: str, *, limit_bytes: int) -> InputError | HomeAssistantError:
    if err.reason == "memory":
        return InputError("sheet_needs_memory", name=name, limit=str(LAID_OUT_MB))
    return pdf_error(err, name, limit_bytes=limit_bytes)


# Maximum number of pages in a preview; each page is drawn when its picture is requested.
MAX_DRAWN: Final = 200
DEFAULT_ALIGN: Final = 5


def can_draw(document: Document) -> bool:
    return document.pages is not None and document.extension in IMAGES | {FileType.PDF}


@dataclass(frozen=True, kw_only=True, slots=True)
class PageRenderer:
    hass: HomeAssistant
    path: Path
    # At most MAX_DRAWN page numbers, counted from 0, in printing order.
    pages: tuple[int, ...]
    # Number of all pages that are printed.
    total: int
    # Further fields of the PDF process's task `draw`.
    task_fields: Mapping[str, Any]
    # The user in whose turns the PDF process draws the pages.
    user: str | None

    @property
    def count(self) -> int:
        return len(self.pages)

    async def async_draw(self, number: int, target: Path) -> None:
        """Draw a page as JPEG into the new file `target`; `number` is its place in `pages`, from 1. Raises PdfError."""
        where = {"path": str(self.path), "page": self.pages[number - 1], "target": str(target)}
        await async_get_pdf_worker(self.hass).async_run_pdf_task(
            "draw", {**self.task_fields, **where}, user=self.user
        )


def plan_drawing(
    hass: HomeAssistant, document: Document, options: ResolvedOptions, user: str | None
) -> PageRenderer:
    """Return how to draw the selected pages of a document, for which `can_draw` must be true."""
    assert document.pages is not None
    pages = select_pages(options.page_range, document.pages)
    if options.reverse_order:
        pages.reverse()
    landscape = options.orientation == ORIENTATIONS["landscape"]
    return PageRenderer(
        hass=hass,
        path=document.path,
        # A file may claim a million pages, and this tuple lives as long as its preview.
        pages=tuple(number - 1 for number in pages[:MAX_DRAWN]),
        total=len(pages),
        task_fields={
            "is_pdf": document.extension == FileType.PDF,
            "paper": _paper_size(options.paper, landscape=landscape),
            "scale": options.scale or "fit",
            "align": int(options.align[1:]) if options.align else DEFAULT_ALIGN,
            "rotate": not landscape if options.auto_rotate is None else options.auto_rotate,
            "mono": options.color == COLORS["mono"],
        },
        user=user,
    )


def _paper_size(paper: Paper | None, *, landscape: bool) -> tuple[float, float] | None:
    """Return the width and height of the paper in mm as the reader holds it, or None if the size is not known."""
    if paper is None or paper.width <= 0 or paper.height <= 0:
        return None
    size = paper.width / 10, paper.height / 10
    # Landscape turns any paper, even a label that is defined wider than high.
    return size[::-1] if landscape else size


def picture_type(picture: bytes) -> str:
    return "image/jpeg" if picture.startswith(b"\xff\xd8") else "image/png"
