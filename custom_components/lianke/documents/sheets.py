"""The layout of documents on sheets of paper: its options, and how the PDF of the sheets is made."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import zip_longest
from pathlib import Path
import re
from typing import Any, Final, Self

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from ..api.capabilities import Paper
from ..api.options import (
    MANUAL_DUPLEX,
    ORIENTATIONS,
    Duplex,
    ResolvedOptions,
    count_selected,
    select_pages,
)
from ..input_error import InputError
from ..pages.page import A4_HEIGHT, A4_WIDTH
from ..pdf.process import MAX_SOURCE_PAGES
from .conversion import make_document
from .document import IMAGES, Document, FileType, digest_of, file_digest
from .pdf import DEFAULT_ALIGN, layout_error, pdf_error
from .pdf_client import PdfError, PdfUnavailableError, async_get_pdf_worker
from .spool import Spool

BOOKLET: Final = "booklet"
SHEETS: Final = ("2_up", "4_up", "6_up", "9_up", BOOKLET, "invoices", "id_card", "poster")
SHEET_ORDERS: Final = ("rows", "columns")
BOOKLET_SIDES: Final = ("both", "front", "back")
STAMPS: Final = ("date", "page_numbers")
PHOTO_FITS: Final = ("fill", "fit")
# Width and height in mm; None means as large as the paper.
PHOTO_PRINT_SIZES: Final[dict[str, tuple[float, float] | None]] = {
    "paper": None,
    "3r": (89, 127),
    "4r": (102, 152),
    "5r": (127, 178),
    "6r": (152, 203),
    "1_inch": (25, 35),
    "2_inch": (35, 49),
}
# ID photos are never turned: a head stays upright.
UPRIGHT_PHOTOS: Final = frozenset({"1_inch", "2_inch"})
# Smallest share of a picture's width, and of the picture's height, that a crop may keep.
MIN_CUT: Final = 0.05
# Maximum number of columns, and of rows, of sheets in a poster.
MAX_TILES: Final = 6
# Maximum number of times that each photo may be printed.
MAX_PHOTO_COUNT: Final = 100
# Maximum length in characters of a watermark.
MAX_WATERMARK: Final = 60
# Maximum number of photographed pages that one call may clean.
MAX_CLEANED: Final = 50
# Smallest double area of the triangle that a page corner and its two neighbors form, as a share of the picture's area.
MIN_CORNER: Final = 0.01

# Layouts that the service must not scale.
TRUE_SIZE: Final = ("photos", "id_card", "poster")
# The scale of all other layouts: the service fits their sheets to the paper.
FIT_SCALE: Final = "fit"
# Layouts whose sheets people cut or put together; they are one-sided unless the call itself asks for duplex.
ONE_SIDED_LAYOUTS: Final = (*TRUE_SIZE, "invoices")
# Options whose values every layout sets itself.
LAYOUT_OPTIONS: Final = frozenset({"orientation", "scale", "align", "auto_rotate", "excel_fit"})
N_UP_LAYOUTS: Final = ("2_up", "4_up", "6_up", "9_up")
# Fields that have an effect only together with one of the layouts or fields listed for each.
FIELD_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "sheet_order": tuple(f"sheet: {name}" for name in N_UP_LAYOUTS),
    "sheet_frame": ("sheet", "photo_size"),
    "poster_columns": ("sheet: poster",),
    "poster_rows": ("sheet: poster",),
    "booklet_side": ("sheet: booklet",),
    "id_card_crop": ("sheet: id_card",),
    "photo_fit": ("photo_size",),
    "photo_count": ("photo_size",),
    "clean_corners": ("clean",),
    "photo_crop": ("photo_size",),
    "merge_new_sheet": ("merge",),
    "watermark_opacity": ("watermark",),
}
# Fields with an item for each document.
PER_DOCUMENT_FIELDS: Final = ("id_card_crop", "photo_crop", "clean_corners")


# A crop that keeps the whole picture, with the fields of `pdf.pictures.Cut`.
WHOLE_PICTURE: Final = {"left": 0.0, "top": 0.0, "right": 1.0, "bottom": 1.0, "turn": 0.0}


@dataclass(frozen=True, kw_only=True, slots=True)
class SheetOptions:
    """How documents are laid out before they are sent; the field names are those of the action."""

    # The layout; if neither `sheet` nor `photo_size` is set, pages are not arranged on sheets.
    sheet: str | None = None
    sheet_order: str = "rows"
    sheet_frame: bool = False
    poster_columns: int = 2
    poster_rows: int = 2
    booklet_side: str = "both"
    # The part of each document that is printed, with the fields of WHOLE_PICTURE; `photo_crop` is the same for photos.
    id_card_crop: tuple[dict[str, float], ...] = ()
    # Whether photographed pages are made into clean pages, which become one document.
    clean: bool = False
    # For each photo, the page's corners clockwise from top left, as shares of the upright picture's width and height;
    # () means that they are detected.
    clean_corners: tuple[tuple[tuple[float, float], ...], ...] = ()
    photo_size: str | None = None
    photo_fit: str = "fill"
    # Number of prints of each photo; 0 means as many as fill a sheet.
    photo_count: int = 1
    photo_crop: tuple[dict[str, float], ...] = ()
    # Whether several documents are merged into one.
    merge: bool = False
    merge_new_sheet: bool = True
    watermark: str | None = None
    # Opacity of the watermark in percent.
    watermark_opacity: int = 20
    stamp: tuple[str, ...] = ()

    @classmethod
    def of(cls, data: Mapping[str, Any], documents: int) -> Self | None:
        """Return the sheet options in the fields of a call, or None if the call lays out nothing.

        `documents` is the number of documents in the call. Raises InputError: sheet_or_photo, sheet_field_idle,
        clean_corners_wrong, sheet_more_than_documents.
        """
        given = {item.name: data[item.name] for item in fields(cls) if item.name in data}
        given["stamp"] = tuple(given.get("stamp", ()))
        for crop in ("id_card_crop", "photo_crop"):
            given[crop] = tuple(WHOLE_PICTURE | cut for cut in given.get(crop, ()))
        given["clean_corners"] = tuple(
            tuple(tuple(point) for point in corners) for corners in given.get("clean_corners", ())
        )
        sheets = cls(**given)
        if sheets.sheet and sheets.photo_size:
            raise InputError("sheet_or_photo")
        chosen = {f"sheet: {sheets.sheet}"}
        chosen |= {
            name
            for name in ("sheet", "photo_size", "clean", "merge", "watermark")
            if getattr(sheets, name)
        }
        if "merge" in data:
            # A call may set `merge_new_sheet` together with `merge: false`.
            chosen.add("merge")
        for name, needed in FIELD_NEEDS.items():
            # A switch that is off, or an empty list, has no effect and thus needs no other field.
            asked = name in data and data[name] is not False and data[name] != []
            if (asked or (name == "merge_new_sheet" and name in data)) and chosen.isdisjoint(
                needed
            ):
                raise InputError("sheet_field_idle", field=name, needed=" / ".join(needed))
        if not all(_are_corners(corners) for corners in sheets.clean_corners if corners):
            raise InputError("clean_corners_wrong")
        for name in PER_DOCUMENT_FIELDS:
            if (items := len(getattr(sheets, name))) > documents:
                raise InputError(
                    "sheet_more_than_documents",
                    field=name,
                    given=str(items),
                    count=str(documents),
                )
        changed = sheets.layout or sheets.clean or sheets.merge or sheets.watermark or sheets.stamp
        return sheets if changed else None

    def booklet_duplex(self, wanted: Duplex | None, default: Duplex | None = None) -> Duplex:
        """Return the duplex mode for a booklet, whose sheets are landscape and turned over at their short edge.

        `wanted` is the mode in the call. If it is None, a manual `default` makes the booklet's duplex manual, too.
        """
        if self.booklet_side != "both":
            return "off"
        if (default if wanted is None else wanted) in MANUAL_DUPLEX:
            return "manual_short_edge"
        return "short_edge" if wanted in (None, "off") else wanted

    @property
    def decided_options(self) -> frozenset[str]:
        """The options that the layout sets itself, instead of the defaults of box, printer and driver."""
        if self.layout is None:
            return frozenset()
        return LAYOUT_OPTIONS | (
            {"duplex"} if self.layout in (BOOKLET, *ONE_SIDED_LAYOUTS) else frozenset()
        )

    @property
    def joins_documents(self) -> bool:
        """Whether all documents are joined into one."""
        return (
            self.merge
            or self.clean
            or bool(self.photo_size)
            or self.sheet in ("invoices", "id_card")
        )

    @property
    def layout(self) -> str | None:
        """The layout's name for the PDF process, or None if there is no layout."""
        return "photos" if self.photo_size else self.sheet


def _are_corners(points: tuple[tuple[float, ...], ...]) -> bool:
    """Whether the points are the corners of a convex shape in clockwise order, and not too close to each other."""
    around = zip(points[-2:] + points[:-2], points[-1:] + points[:-1], points, strict=True)
    return all(0 <= part <= 1 for point in points for part in point) and all(
        (one[0] - last[0]) * (point[1] - one[1]) - (one[1] - last[1]) * (point[0] - one[0])
        >= MIN_CORNER
        for last, one, point in around
    )


# Seconds for a layout once the process runs, plus one second for every PAGES_A_SECOND pages.
LAYOUT_SECONDS: Final = 30
PAGES_A_SECOND: Final = 80
# Seconds for one photographed page once the process runs.
PHOTO_SECONDS: Final = 30
# Margin in mm that a printer is assumed to leave free if its driver names none.
USUAL_MARGIN: Final = 5.0
LANDSCAPE: Final = ORIENTATIONS["landscape"]
# Matches the name of a paper that the driver prints up to the edges.
BORDERLESS: Final = re.compile(r"borderless|无边|無邊|无框|無框|满版|フチなし", re.IGNORECASE)


async def async_lay_out(
    hass: HomeAssistant,
    spool: Spool,
    documents: Sequence[Document],
    sheets: SheetOptions,
    options: ResolvedOptions,
    *,
    limit_bytes: int,
    user: str | None,
    pageless: list[str],
) -> tuple[Document, ResolvedOptions]:
    """Lay out documents on sheets; return the document of the sheets, and the options to print that document with.

    The given documents stay unchanged. The names of photos that should be cleaned, but in which no page was found, are
    added to `pageless`.
    Raises InputError: sheet_type_not_supported, sheet_not_available, sheet_needs_memory, sheet_needs_paper,
    sheet_paper_too_small, sheet_too_many_pages, pages_not_in_document, clean_needs_picture, watermark_letters, and
    errors about a file; HomeAssistantError: disk_full.
    """
    wanted = sum(count_selected(options.page_range, one.pages) or 0 for one in documents)
    if wanted > MAX_SOURCE_PAGES:
        raise InputError("sheet_too_many_pages", limit=str(MAX_SOURCE_PAGES))
    # At most one of the two crops is set: `SheetOptions.of` refuses a crop without its layout.
    cuts = sheets.id_card_crop or sheets.photo_crop
    files = [
        _file(document, options) | {"cut": None if cut == WHOLE_PICTURE else cut}
        for document, cut in zip_longest(documents, cuts[: len(documents)])
    ]
    if sheets.clean:
        files = await _async_clean(
            hass,
            spool,
            documents,
            files,
            sheets,
            limit_bytes=limit_bytes,
            user=user,
            pageless=pageless,
        )
    title = documents[0].title
    if len(documents) > 1:
        title = f"{title} + {len(documents) - 1}"
    target = await spool.async_new_path(FileType.PDF)
    request = _request(files, sheets, options) | {
        "target": str(target),
        "limit": limit_bytes,
    }
    try:
        answer = await async_get_pdf_worker(hass).async_run_pdf_task(
            "lay_out",
            request,
            user=user,
            seconds=layout_seconds(sum(len(one["pages"]) for one in files)),
        )
        made, digests = await hass.async_add_executor_job(
            _made, target, documents, title, int(answer["pages"])
        )
    except PdfUnavailableError:
        raise InputError("sheet_not_available") from None
    except PdfError as err:
        raise layout_error(err, title, limit_bytes=limit_bytes) from None
    digest = digest_of("sheets", digests, asdict(sheets), options.page_range)
    snapshot = any(document.snapshot for document in documents)
    return (
        replace(made, digest=digest, foreign_title=documents[0].foreign_title, snapshot=snapshot),
        _options_for_sheets(options, sheets, landscape=bool(answer["landscape"])),
    )


async def _async_clean(
    hass: HomeAssistant,
    spool: Spool,
    documents: Sequence[Document],
    files: Sequence[dict[str, Any]],
    sheets: SheetOptions,
    *,
    limit_bytes: int,
    user: str | None,
    pageless: list[str],
) -> list[dict[str, Any]]:
    """Make a clean page from each photographed page; return the files of the clean pages.

    Raises the same errors as `async_lay_out`.
    """
    if sum(len(file["pages"]) for file in files) > MAX_CLEANED:
        raise InputError("sheet_too_many_pages", limit=str(MAX_CLEANED))
    cleaned: list[dict[str, Any]] = []
    corners = sheets.clean_corners[: len(files)]
    for document, file, points in zip_longest(documents, files, corners):
        for page in file["pages"]:
            target = await spool.async_new_path(FileType.JPEG)
            request = {"target": str(target), "limit": limit_bytes, "corners": points or None}
            request |= {"page": page}
            if not (await _async_ask(hass, "clean_page", document, request, user))["found"]:
                pageless.append(document.name)
            cleaned.append(file | {"path": str(target), "pages": [0]})
    return cleaned


async def async_find_corners(
    hass: HomeAssistant, document: Document, user: str | None
) -> dict[str, Any]:
    """Find the corners of a photographed page; return the answer of `pdf.photo_to_page.find_corners`.

    Raises InputError: clean_needs_picture, sheet_not_available, and errors about the file.
    """
    return await _async_ask(hass, "find_corners", document, {"page": 0}, user)


async def _async_ask(
    hass: HomeAssistant, task: str, photo: Document, request: dict[str, Any], user: str | None
) -> dict[str, Any]:
    if photo.extension not in IMAGES:
        raise InputError("clean_needs_picture", name=photo.name)
    worker = async_get_pdf_worker(hass)
    try:
        return await worker.async_run_pdf_task(
            task, request | {"path": str(photo.path)}, user=user, seconds=PHOTO_SECONDS
        )
    except PdfUnavailableError:
        raise InputError("sheet_not_available") from None
    except PdfError as err:
        raise pdf_error(err, photo.name, limit_bytes=request.get("limit", 0)) from None


def layout_seconds(pages: int) -> int:
    """Return the time limit of a layout in seconds: large layouts need more time on a busy machine."""
    return LAYOUT_SECONDS + pages // PAGES_A_SECOND


def _file(document: Document, options: ResolvedOptions) -> dict[str, Any]:
    """Return the description of a document for the PDF process. Raises InputError if it cannot be laid out."""
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
        "paper": (A4_WIDTH, A4_HEIGHT) if paper is None else (paper.width / 10, paper.height / 10),
        "margin": _margin(paper, sheets),
        "sheet": sheets.layout,
        # Whether the sheets are landscape for the reader; with None, that depends on the pages.
        "landscape": (
            None
            if options.orientation is None
            else (options.orientation == LANDSCAPE) != _is_wide(paper)
        ),
        "by_column": sheets.sheet_order == "columns",
        "frame": sheets.sheet_frame,
        "side": sheets.booklet_side,
        "columns": sheets.poster_columns,
        "rows": sheets.poster_rows,
        "photo": PHOTO_PRINT_SIZES[sheets.photo_size] if sheets.photo_size else None,
        "fill": sheets.photo_fit == "fill",
        "upright": sheets.photo_size in UPRIGHT_PHOTOS,
        "count": sheets.photo_count,
        "new_sheet": sheets.merge and sheets.merge_new_sheet,
        "two_sided": options.duplex_name not in (None, "off"),
        "watermark": sheets.watermark,
        "opacity": sheets.watermark_opacity,
        "date": dt_util.now().date().isoformat() if "date" in sheets.stamp else None,
        "numbers": "page_numbers" in sheets.stamp,
    }


def _is_wide(paper: Paper | None) -> bool:
    """Whether the paper is defined as wider than high, as some labels are."""
    return paper is not None and paper.width > paper.height


def _margin(paper: Paper | None, sheets: SheetOptions) -> tuple[float, float]:
    """Return the side margins, and the top and bottom margins, in mm: the driver's, or else USUAL_MARGIN."""
    if paper is None:
        return USUAL_MARGIN, USUAL_MARGIN
    across = (paper.width - paper.printable_width) / 20
    up = (paper.height - paper.printable_height) / 20
    # A printer has margins even if its driver names none, unless the name of the paper says borderless.
    if sheets.layout == "photos" and across <= 0 and up <= 0 and BORDERLESS.search(paper.name):
        return 0.0, 0.0
    return (across if across > 0 else USUAL_MARGIN), (up if up > 0 else USUAL_MARGIN)


def _options_for_sheets(
    options: ResolvedOptions, sheets: SheetOptions, *, landscape: bool
) -> ResolvedOptions:
    """Return the options for printing the sheets; options that were applied here must not be applied again."""
    options = replace(options, page_range="", excel_fit=None)
    if sheets.layout is None:
        return options
    turned = landscape != _is_wide(options.paper)
    return replace(
        options,
        orientation=LANDSCAPE if turned else ORIENTATIONS["portrait"],
        scale="none" if sheets.layout in TRUE_SIZE else FIT_SCALE,
        align=f"z{DEFAULT_ALIGN}",
        auto_rotate=None,
    )


def _made(
    path: Path, documents: Sequence[Document], title: str, pages: int
) -> tuple[Document, list[str]]:
    """Return the document of the sheets at `path`, and the digests of the documents on them. Blocking."""
    made = make_document(path, documents[0].name, title=title, kind=FileType.PDF, pages=pages)
    return made, [document.digest or file_digest(document.path) for document in documents]
