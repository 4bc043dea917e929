"""Draw the pages of PDF files and pictures as they will lie on paper."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from homeassistant.core import HomeAssistant

from ..api.capabilities import Paper
from ..api.options import COLORS, ORIENTATIONS, ResolvedOptions, select_pages
from .document import Document
from .kinds import IMAGES, FileType
from .pdf_client import async_get_pdf_worker

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
