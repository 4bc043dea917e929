"""Print options, as a user sets them and as the service takes them.

Source of the fields and their values: the table of `POST /print/job` and "Capabilities" in the service's documents.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
import re
from typing import Final, Literal, Self, override

from .capabilities import CUSTOM_ID, Paper
from .coerce import to_int, to_text
from .errors import OptionError
from .stored import READ, Stored

type ColorMode = Literal["mono", "color"]
type Duplex = Literal["off", "long_edge", "short_edge", "manual_long_edge", "manual_short_edge"]
type Orientation = Literal["portrait", "landscape"]
type Quality = Literal["draft", "normal", "high", "best"]
type ExcelFit = Literal["none", "page", "rows", "columns"]

COLORS: Mapping[str, int] = {"mono": 1, "color": 2}
DUPLEX: Mapping[str, int] = {"off": 1, "long_edge": 2, "short_edge": 3}
# By hand: the service prints one side of each sheet, then the other, and somebody turns the stack between.
MANUAL_DUPLEX: Mapping[str, str] = {
    "manual_long_edge": "long_edge",
    "manual_short_edge": "short_edge",
}
ORIENTATIONS: Mapping[str, int] = {"portrait": 1, "landscape": 2}
QUALITIES: Mapping[str, int] = {"draft": -1, "normal": -2, "high": -3, "best": -4}
EXCEL_FITS: Mapping[str, str] = {"none": "0", "page": "1", "rows": "2", "columns": "3"}
SCALES: Mapping[str, str] = {
    "fit": "fit",
    "fit_width": "fitw",
    "fit_height": "fith",
    "fill": "fill",
    "cover": "cover",
    "none": "none",
}
ALIGNMENTS: Mapping[str, str] = {
    "top_left": "z1",
    "top_center": "z2",
    "top_right": "z3",
    "center_left": "z4",
    "center": "z5",
    "center_right": "z6",
    "bottom_left": "z7",
    "bottom_center": "z8",
    "bottom_right": "z9",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class PrintOptions:
    """Options as a user sets them; None = unset. Sizes in mm; names of paper, tray and media are the driver's."""

    paper: str | int | None = None
    paper_width: float | None = None
    paper_height: float | None = None
    copies: int | None = None
    color: ColorMode | None = None
    duplex: Duplex | None = None
    orientation: Orientation | None = None
    tray: str | int | None = None
    media_type: str | int | None = None
    quality: Quality | None = None
    scale: str | None = None
    align: str | None = None
    auto_rotate: bool | None = None
    pages: str | None = None
    reverse_order: bool | None = None
    excel_fit: ExcelFit | None = None

    @property
    def set_names(self) -> tuple[str, ...]:
        """The names of the options that are set."""
        return tuple(field.name for field in fields(self) if getattr(self, field.name) is not None)


MAX_PAGE_RANGE = 1000
"""characters of a page selection that are kept."""
PAPER_OPTIONS = ("paper", "paper_width", "paper_height")
"""These belong together: a size never mixes with a paper from another layer."""


def merge_options(*layers: PrintOptions) -> PrintOptions:
    """Return one set of options in which the first layer that sets an option wins."""
    merged: dict[str, object] = {}
    for layer in layers:
        chosen = {name: getattr(layer, name) for name in layer.set_names}
        if any(name in merged for name in PAPER_OPTIONS):
            for name in PAPER_OPTIONS:
                chosen.pop(name, None)
        merged = chosen | merged
    return PrintOptions(**merged)  # type: ignore[arg-type]  # names and values of PrintOptions itself


def booklet_duplex(wanted: Duplex | None, default: str | None = None) -> Duplex:
    """Return the duplex mode for a booklet, whose sheets lie and are turned at their short edge.

    Where none is wanted, that is done by hand if the default says so.
    """
    if (default if wanted is None else wanted) in MANUAL_DUPLEX:
        return "manual_short_edge"
    return "short_edge" if wanted in (None, "off") else wanted


def duplex_names(supported: frozenset[int] | None) -> list[str]:
    """Return the duplex modes to offer; by hand only where a unit is not known to be there."""
    names = [name for name, number in DUPLEX.items() if supported is None or number in supported]
    has_unit = supported is not None and not supported <= {DUPLEX["off"]}
    return names if has_unit else [*names, *MANUAL_DUPLEX]


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolvedOptions(Stored):
    """Options as the service takes them: ids, sizes in 0.1 mm; None = not sent.

    `page_range` is the service's form (`1,2,5-10`, `-1` odd, `-2` even, "" all);
    `paper` is known unless it was only an id. `by_hand` is the edge along which pages turn if both sides
    are printed by hand, for which `duplex` is off.
    """

    paper_id: int
    paper_width: int | None = None
    paper_length: int | None = None
    paper: Paper | None = None
    copies: int = 1
    color: int | None = None
    duplex: int | None = None
    orientation: int | None = None
    tray: int | None = None
    media_type: int | None = None
    quality: int | None = None
    scale: str | None = None
    align: str | None = None
    auto_rotate: bool | None = None
    reverse_order: bool | None = None
    page_range: str = field(
        default="", metadata={READ: lambda value: to_text(value, MAX_PAGE_RANGE)}
    )
    excel_fit: str | None = None
    by_hand: str | None = None

    @property
    def duplex_name(self) -> str | None:
        """Return the duplex mode by its name, None where it is left to the printer."""
        if self.by_hand is not None:
            return f"manual_{self.by_hand}"
        return next((name for name, number in DUPLEX.items() if number == self.duplex), None)

    def form_fields(self) -> dict[str, str]:
        """Return the fields of `POST /print/job` that stand for these options.

        Always has the service refuse what the box cannot print, and never limits the number of errors.
        """
        custom = self.paper_id == CUSTOM_ID
        values: dict[str, object] = {
            "dmPaperSize": self.paper_id,
            "dmPaperWidth": self.paper_width if custom else None,
            "dmPaperLength": self.paper_length if custom else None,
            "dmCopies": self.copies,
            "dmColor": self.color,
            "dmDuplex": self.duplex,
            "dmOrientation": self.orientation,
            "dmDefaultSource": self.tray,
            "dmMediaType": self.media_type,
            "dmPrintQuality": self.quality,
            "jpScale": self.scale,
            "jpAutoAlign": self.align,
            "jpAutoRotate": None if self.auto_rotate is None else int(self.auto_rotate),
            "pdfRev": None if self.reverse_order is None else int(self.reverse_order),
            "jpPageRange": self.page_range or None,
            "officeExcelFitToPages": self.excel_fit,
            "reportDeviceStatus": 1,
            "reportPrinterStatus": 1,
        }
        return {name: str(value) for name, value in values.items() if value is not None}

    @classmethod
    @override
    def from_dict(cls, stored: Mapping[str, object]) -> Self:
        """Read what `as_dict` wrote.

        Raises ValueError when the paper or the copies are missing, or the pages are not selected as the service
        takes it.
        """
        if to_int(stored.get("paper_id")) is None or to_int(stored.get("copies")) is None:
            raise ValueError("options without paper or copies")
        if not _is_selection(stored.get("page_range", "")):
            raise ValueError("options with pages that are none")
        return super().from_dict(stored)


MAX_PIECES: Final = 100
MAX_PAGE: Final = 99999

_BLANKS = re.compile(r"\s+")
_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_ODD, _EVEN = "-1", "-2"


def parse_page_range(text: str) -> str:
    """Return a page selection as the service takes it: `1-3,5`, "" all, `odd` and `even` as -1 and -2.

    Chinese commas and long dashes are understood. Raises OptionError ("invalid_page_range").
    """
    clean = _BLANKS.sub("", text).translate(str.maketrans("，、;；－–—~～", ",,,,-----")).casefold()
    if clean in ("", "all"):
        return ""
    if clean in ("odd", "even"):
        return _ODD if clean == "odd" else _EVEN
    pieces = clean.split(",")
    if len(pieces) > MAX_PIECES or not all(_is_piece(piece) for piece in pieces):
        raise OptionError(
            "invalid_page_range", option="pages", value=text, allowed=["1-3,5", "odd", "even"]
        )
    return clean


def _is_selection(value: object) -> bool:
    """Return whether something is what `parse_page_range` returns."""
    if not isinstance(value, str) or len(value) > MAX_PAGE_RANGE:
        return False
    return value in ("", _ODD, _EVEN) or all(_is_piece(piece) for piece in value.split(","))


def _is_piece(piece: str) -> bool:
    """Return whether a piece is a page or a range of pages in ascending order."""
    found = _RANGE.fullmatch(piece)
    return piece.isascii() and found is not None and 1 <= int(found[1]) <= int(found[2] or found[1])


def count_selected(selection: str, pages: int | None) -> int | None:
    """Return how many of a document's pages a selection (`page_range`'s result) takes; None when that is unknown."""
    if pages is None:
        return None
    if selection in (_ODD, _EVEN):
        return (pages + 1) // 2 if selection == _ODD else pages // 2
    if not selection:
        return pages
    return _covered(selection, pages)


def select_pages(selection: str, pages: int) -> list[int]:
    """Return the numbers of the pages, from 1 and ascending, that a selection takes of so many."""
    if selection in (_ODD, _EVEN):
        return list(range(1 if selection == _ODD else 2, pages + 1, 2))
    if not selection:
        return list(range(1, pages + 1))
    taken: set[int] = set()
    for first, last in map(_span, selection.split(",")):
        taken.update(range(first, min(last, pages) + 1))
    return sorted(taken)


def most_selected(selection: str, pages: int | None) -> int | None:
    """Return how many pages a selection takes at most; `pages` is the most a document has, None if nobody knows."""
    if pages is None and selection not in ("", _ODD, _EVEN):
        return _covered(selection, MAX_PAGE)
    return count_selected(selection, pages)


def _covered(selection: str, pages: int) -> int:
    """Return how many of so many pages the pieces of a selection cover."""
    covered = end = 0
    for first, last in sorted(_span(piece) for piece in selection.split(",")):
        begin, end_here = max(first, end + 1), min(last, pages)
        covered += max(0, end_here - begin + 1)
        end = max(end, end_here)
    return covered


def _span(piece: str) -> tuple[int, int]:
    """Return first and last page of a piece."""
    first, _, last = piece.partition("-")
    return int(first), int(last or first)
