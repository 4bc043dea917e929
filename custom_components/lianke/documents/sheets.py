"""Lay out documents on sheets of paper: a PDF that the PDF worker makes of PDF files and pictures."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
import hashlib
from itertools import zip_longest
from pathlib import Path
import re
from typing import Any, Final

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from ..api.capabilities import Paper
from ..api.options import DUPLEX, ORIENTATIONS, ResolvedOptions
from ..api.page_range import select_pages
from ..errors import InputError
from ..pdf.process import MAX_SOURCE_PAGES
from .document import CONTENT_TYPES, Document, digest_of
from .pdf import pdf_error
from .pdf_client import PdfError, PdfUnavailableError, async_get_pdf_worker
from .sheet_options import PHOTO_SIZES, UPRIGHT_PHOTOS, WHOLE, SheetOptions
from .sniff import IMAGES, FileType
from .spool import Spool
from .watermark_font import async_bring_font, font_folders

# For a layout, starting the process included.
LAYOUT_SECONDS: Final = 30
# mm that printers leave free at the edges, where nothing is known of it.
USUAL_MARGIN: Final = 5.0
A4: Final = (210.0, 297.0)
CENTER: Final = "z5"
# What drivers call a paper that is printed on up to its edges.
BORDERLESS: Final = re.compile(r"borderless|无边|無邊|无框|無框|满版|フチなし", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class LaidOut:
    """A document that was laid out, and the options it is to be printed with."""

    document: Document
    options: ResolvedOptions


async def async_lay_out(
    hass: HomeAssistant,
    spool: Spool,
    documents: Sequence[Document],
    sheets: SheetOptions,
    options: ResolvedOptions,
    *,
    limit_bytes: int,
    user: str | None,
) -> LaidOut:
    """Return the document that some become on sheets; they stay as they are.

    Raises InputError: sheet_type_not_supported, sheet_not_available,
    sheet_needs_paper, sheet_paper_too_small, sheet_too_many_pages, watermark_needs_font,
    watermark_letters, and what is wrong with a file; HomeAssistantError: disk_full.
    """
    cuts = sheets.id_card_crop if sheets.sheet == "id_card" else ()
    files = [
        _file(document, options) | {"cut": None if cut in (None, WHOLE) else asdict(cut)}
        for document, cut in zip_longest(documents, cuts[: len(documents)])
    ]
    if sum(len(file["pages"]) for file in files) > MAX_SOURCE_PAGES:
        raise InputError("sheet_too_many_pages", limit=str(MAX_SOURCE_PAGES))
    title = documents[0].title
    if len(documents) > 1:
        title = f"{title} + {len(documents) - 1}"
    target = await spool.async_new_path(FileType.PDF)
    made = replace(
        documents[0],
        path=target,
        name=f"{Path(documents[0].name).stem}{FileType.PDF}",
        content_type=CONTENT_TYPES[FileType.PDF],
        extension=FileType.PDF,
        title=title,
        ticket=None,
        ticket_scope=None,
        counted_for=None,
    )
    request = _request(files, sheets, options) | {
        "target": str(target),
        "limit": limit_bytes,
    }
    try:
        answer = await _async_run(hass, request, user)
        size, digests = await hass.async_add_executor_job(_measure, target, documents)
    except PdfUnavailableError:
        await spool.async_discard(made)
        raise InputError("sheet_not_available") from None
    except PdfError as err:
        await spool.async_discard(made)
        raise pdf_error(err, title, limit_bytes=limit_bytes) from None
    except BaseException:
        await spool.async_discard(made)
        raise
    digest = digest_of("sheets", digests, sheets.as_dict(), options.page_range)
    return LaidOut(
        document=replace(made, size=size, pages=int(answer["pages"]), digest=digest),
        options=_printed(options, sheets, landscape=bool(answer["landscape"])),
    )


async def _async_run(
    hass: HomeAssistant, request: dict[str, Any], user: str | None
) -> dict[str, Any]:
    """Return the worker's answer, after having a font installed if one was missing."""
    fonts = font_folders(hass)
    try:
        return await _async_run_with(hass, request, user, fonts)
    except PdfError as err:
        if err.reason != "no_font":
            raise
        await async_bring_font(hass, request["watermark"])
        if (more := font_folders(hass)) == fonts:
            raise
    return await _async_run_with(hass, request, user, more)


async def _async_run_with(
    hass: HomeAssistant, request: dict[str, Any], user: str | None, fonts: list[str]
) -> dict[str, Any]:
    return await async_get_pdf_worker(hass).async_run(
        "lay_out", request | {"fonts": fonts}, user=user, seconds=LAYOUT_SECONDS
    )


def _file(document: Document, options: ResolvedOptions) -> dict[str, Any]:
    """Return what the worker has to know of a document."""
    if document.extension not in IMAGES | {FileType.PDF}:
        raise InputError("sheet_type_not_supported", name=document.name)
    if document.pages is None:
        raise InputError("sheet_not_available")
    pages = select_pages(options.page_range, document.pages)
    if not pages:
        raise InputError("pages_not_in_document", count=str(document.pages))
    return {
        "path": str(document.path),
        "is_pdf": document.extension == FileType.PDF,
        "pages": [number - 1 for number in pages],
    }


def _request(
    files: list[dict[str, Any]],
    sheets: SheetOptions,
    options: ResolvedOptions,
) -> dict[str, Any]:
    paper = options.paper
    if paper is None and sheets.layout is not None:
        raise InputError("sheet_needs_paper")
    return {
        "files": files,
        "paper": A4 if paper is None else (paper.width / 10, paper.height / 10),
        "margin": _margin(paper, sheets),
        "sheet": sheets.layout,
        "landscape": _landscape(options),
        "by_column": sheets.sheet_order == "columns",
        "frame": sheets.sheet_frame,
        "side": sheets.booklet_side,
        "columns": sheets.poster_columns,
        "rows": sheets.poster_rows,
        "photo": PHOTO_SIZES[sheets.photo_size] if sheets.photo_size else None,
        "fill": sheets.photo_fit == "fill",
        "upright": sheets.photo_size in UPRIGHT_PHOTOS,
        "count": sheets.photo_count,
        "new_sheet": sheets.merge and sheets.merge_new_sheet,
        "two_sided": bool(options.by_hand) or options.duplex not in (None, DUPLEX["off"]),
        "watermark": sheets.watermark,
        "opacity": sheets.watermark_opacity,
        "date": dt_util.now().date().isoformat() if "date" in sheets.stamp else None,
        "numbers": "page_numbers" in sheets.stamp,
    }


def _landscape(options: ResolvedOptions) -> bool | None:
    """Return how the sheets lie before the reader, None where it is left to the pages."""
    if options.orientation != ORIENTATIONS["landscape"]:
        return None
    return not _is_wide(options.paper)


def _is_wide(paper: Paper | None) -> bool:
    """Return whether a paper is wider than high as it is defined, as some labels are."""
    return paper is not None and paper.width > paper.height


def _margin(paper: Paper | None, sheets: SheetOptions) -> tuple[float, float]:
    """Return what stays free at the left and right, and at the top and bottom, in mm.

    That is what the driver names, else the usual.
    """
    if paper is None:
        return USUAL_MARGIN, USUAL_MARGIN
    across = (paper.width - paper.printable_width) / 20
    up = (paper.height - paper.printable_height) / 20
    # A driver that says nothing of its margins has some all the same, unless the paper is named borderless.
    if sheets.layout == "photos" and across <= 0 and up <= 0 and BORDERLESS.search(paper.name):
        return 0.0, 0.0
    return (across if across > 0 else USUAL_MARGIN), (up if up > 0 else USUAL_MARGIN)


def _printed(options: ResolvedOptions, sheets: SheetOptions, *, landscape: bool) -> ResolvedOptions:
    """Return the options for the sheets: what was done here is not to be done again."""
    options = replace(options, page_range="", excel_fit=None)
    if sheets.layout is None:
        return options
    turned = landscape != _is_wide(options.paper)
    return replace(
        options,
        orientation=ORIENTATIONS["landscape" if turned else "portrait"],
        scale="none" if sheets.is_true_size else "fit",
        align=CENTER,
        auto_rotate=None,
    )


def _measure(made: Path, documents: Sequence[Document]) -> tuple[int, list[str]]:
    """Return the size of a file, and the digests of documents; blocks."""
    return made.stat().st_size, [
        document.digest or _digest(document.path) for document in documents
    ]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
