"""Print options, as a user sets them and as the service expects them. Options are checked before anything is sent.

Source of the fields and their values: the table of `POST /print/job` and "Capabilities" in the service's documents.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
import re
from typing import Any, Final, Literal, Self, TypedDict, cast, override

from .capabilities import (
    A4_ID,
    CUSTOM_ID,
    MAX_NARROW_WIDTH,
    STANDARD_PAPERS,
    Capabilities,
    Paper,
    find_by_name,
    normalize_name,
    parse_size,
    sort_by_similarity,
    standard_paper,
)
from .coerce import to_int, to_text
from .errors import OptionError
from .models import PrinterType
from .stored import READ, Stored

type Duplex = Literal["off", "long_edge", "short_edge", "manual_long_edge", "manual_short_edge"]

COLORS: Mapping[str, int] = {"mono": 1, "color": 2}
DUPLEX: Mapping[str, int] = {"off": 1, "long_edge": 2, "short_edge": 3}
# Manual duplex modes, each with the duplex mode that it imitates: the printer prints one side of all sheets, somebody
# turns the stack, and then the printer prints the other side.
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


class PrintOptions(TypedDict, total=False):
    """Options as a user sets them. Sizes are in mm; paper, tray and media type are the driver's names or ids."""

    paper: str | int
    paper_width: float
    paper_height: float
    copies: int
    color: Literal["mono", "color"]
    duplex: Duplex
    orientation: Literal["portrait", "landscape"]
    tray: str | int
    media_type: str | int
    quality: Literal["draft", "normal", "high", "best"]
    scale: str
    align: str
    auto_rotate: bool
    pages: str
    reverse_order: bool
    excel_fit: Literal["none", "page", "rows", "columns"]


OPTION_NAMES: Final = tuple(PrintOptions.__annotations__)
# Maximum characters of a page selection.
MAX_PAGE_RANGE = 1000
# Options that belong together: a size from one layer is never combined with a paper from another layer.
PAPER_OPTIONS = ("paper", "paper_width", "paper_height")


def options_in(*layers: Mapping[str, Any]) -> PrintOptions:
    """Return the print options in layers of fields (an action call, stored options); earlier layers take precedence."""
    found: dict[str, object] = {}
    for layer in layers:
        fixed = PAPER_OPTIONS if any(name in found for name in PAPER_OPTIONS) else ()
        for name in OPTION_NAMES:
            if name not in fixed and layer.get(name) is not None:
                found.setdefault(name, layer[name])
    return cast("PrintOptions", found)


def name_of_value(values: Mapping[str, object], wanted: object) -> str | None:
    return next((name for name, value in values.items() if value == wanted), None)


def duplex_names(supported: frozenset[int] | None) -> list[str]:
    """Return the duplex modes to offer. Manual modes are left out if the printer is known to have a duplex unit."""
    names = [name for name, number in DUPLEX.items() if supported is None or number in supported]
    has_unit = supported is not None and not supported <= {DUPLEX["off"]}
    return names if has_unit else [*names, *MANUAL_DUPLEX]


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolvedOptions(Stored):
    """Options as the service expects them: ids, and sizes in 0.1 mm. Fields that are None are not sent."""

    paper_id: int
    paper_width: int | None = None
    paper_length: int | None = None
    # None if only the paper's id is known.
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
    # In the service's notation: `1,2,5-10`, `-1` for odd pages, `-2` for even pages, "" for all pages.
    page_range: str = field(
        default="", metadata={READ: lambda value: to_text(value, MAX_PAGE_RANGE)}
    )
    excel_fit: str | None = None
    # In manual duplex, the edge along which pages turn; `duplex` is then off, or None if the printer does not list off.
    # None in any other mode.
    by_hand: str | None = None

    @property
    def duplex_name(self) -> str | None:
        """The name of the duplex mode; None if the printer decides."""
        if self.by_hand is not None:
            return f"manual_{self.by_hand}"
        return name_of_value(DUPLEX, self.duplex)

    def prints_as(self, other: ResolvedOptions) -> bool:
        """Tell whether both options print the same. `paper` is not compared, because one of them may lack it."""
        return (self.form_fields(), self.by_hand) == (other.form_fields(), other.by_hand)

    def form_fields(self) -> dict[str, str]:
        """Return the form fields of `POST /print/job`.

        The fields always ask the service to refuse a job that the box cannot print. They set no limit on failures in a
        row, so the service's own limit applies.
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
        if to_int(stored.get("paper_id")) is None or to_int(stored.get("copies")) is None:
            raise ValueError("options without paper or copies")
        if not _is_selection(stored.get("page_range", "")):
            raise ValueError("options with pages that are none")
        return super().from_dict(stored)


# Maximum pages and ranges in a page selection; a selection with more is refused with `invalid_page_range`.
MAX_PIECES: Final = 100
# The highest page number that a selection can name.
MAX_PAGE: Final = 99999

_BLANKS = re.compile(r"\s+")
_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_ODD, _EVEN = "-1", "-2"


def parse_page_range(text: str) -> str:
    """Return a page selection such as `1-3,5`, `odd`, `even` or `all` in the service's notation.

    In that notation, these four examples are `1-3,5`, `-1`, `-2` and "". Chinese commas and long dashes are accepted.
    Raises OptionError ("invalid_page_range") for any other text.
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
    """Tell whether a value can be a result of `parse_page_range`."""
    if not isinstance(value, str) or len(value) > MAX_PAGE_RANGE:
        return False
    return value in ("", _ODD, _EVEN) or all(_is_piece(piece) for piece in value.split(","))


def _is_piece(piece: str) -> bool:
    """Tell whether a piece of a selection is a page number or an ascending range of page numbers."""
    found = _RANGE.fullmatch(piece)
    return piece.isascii() and found is not None and 1 <= int(found[1]) <= int(found[2] or found[1])


def count_selected(selection: str, pages: int | None) -> int | None:
    """Return how many of a document's pages a selection (a `page_range`) contains; None if `pages` is unknown."""
    if pages is None or not selection:
        return pages
    return sum(map(len, _ranges(selection, pages)))


def most_selected(selection: str, pages: int | None) -> int | None:
    """Return the greatest number of pages that a selection can contain; None if that number has no limit.

    `pages` is the greatest number of pages that the document can have, None if unknown.
    """
    if pages is None and selection not in ("", _ODD, _EVEN):
        pages = MAX_PAGE
    return count_selected(selection, pages)


def select_pages(selection: str, pages: int) -> list[int]:
    """Return the numbers of the selected pages in ascending order. Pages are numbered from 1."""
    return [*chain.from_iterable(_ranges(selection, pages))]


def _ranges(selection: str, pages: int) -> Iterator[range]:
    """Yield the selected pages in ascending order, each page only once."""
    if selection in (_ODD, _EVEN):
        yield range(1 if selection == _ODD else 2, pages + 1, 2)
        return
    spans = sorted(map(_span, selection.split(","))) if selection else [(1, pages)]
    end = 0
    for first, last in spans:
        yield range(max(first, end + 1), min(last, pages) + 1)
        end = max(end, last)


def _span(piece: str) -> tuple[int, int]:
    first, _, last = piece.partition("-")
    return int(first), int(last or first)


# Maximum copies of a job; more copies are refused with `too_many_copies`.
MAX_COPIES: Final = 999
# Maximum side of a paper in 0.1 mm: the largest number in the driver's 16-bit field. A longer side is refused with
# `paper_size_out_of_range`.
MAX_SIDE: Final = 32767
# Maximum names of papers, trays or media types that a refusal lists; names similar to the wanted name come first.
MAX_LISTED_NAMES: Final = 40
BOOLEAN_OPTIONS: Final = frozenset({"auto_rotate", "reverse_order"})
NO_DEFAULT_A4: Final = frozenset({PrinterType.LABEL, PrinterType.RECEIPT})

_UNKNOWN = Capabilities()
_PERCENT = re.compile(r"(\d{1,3})\s*[%％]", re.ASCII)


def resolve_options(
    options: PrintOptions,
    capabilities: Capabilities | None,
    papers: tuple[Paper, ...],
    printer_type: PrinterType,
    *,
    raw: bool = False,
) -> ResolvedOptions:
    """Return options as ids, after checking that the printer supports them. Raises OptionError.

    If a block of capabilities (or all of them) is missing, ids and standard values are accepted unchecked, and other
    names are refused, because they have no known id. An option that is not set becomes the driver's default. If the
    driver has no default paper, A4 is used, but never for label and receipt printers. With `raw`, the document consists
    of bare printer commands, on which options have no effect, so no option may be set.
    """
    for name, value in options.items():
        # YAML reads an unquoted `yes` or `no` as a boolean, even where a name or a number is expected.
        if isinstance(value, bool) and name not in BOOLEAN_OPTIONS:
            raise OptionError("invalid_option", option=name, value=str(value).lower())
    able = capabilities or _UNKNOWN
    if raw:
        return _raw(options, able)
    wanted, width = options.get("paper"), options.get("paper_width")
    height = options.get("paper_height")
    paper_id, paper = (
        (CUSTOM_ID, _custom(wanted, width, height))
        if width is not None or height is not None
        else _default_paper(able, papers, printer_type)
        if wanted is None
        else _paper(wanted, able, papers)
    )
    custom = paper if paper_id == CUSTOM_ID else None
    duplex, by_hand = _choice("duplex", None, DUPLEX, able.duplex, able.defaults.duplex), None
    if (wanted_duplex := options.get("duplex")) is not None:
        duplex, by_hand = _duplex(wanted_duplex, able)
    wanted_copies, most_copies = (
        options.get("copies"),
        min(able.max_copies or MAX_COPIES, MAX_COPIES),
    )
    copies = able.defaults.copies if wanted_copies is None else wanted_copies
    if wanted_copies is not None and not 1 <= wanted_copies <= most_copies:
        raise OptionError(
            "too_many_copies", option="copies", value=wanted_copies, allowed=[f"1–{most_copies}"]
        )
    default, pages = able.defaults, options.get("pages")
    scale, align, fit = options.get("scale"), options.get("align"), options.get("excel_fit")
    return ResolvedOptions(
        paper_id=paper_id,
        paper_width=None if custom is None else custom.width,
        paper_length=None if custom is None else custom.height,
        paper=paper,
        copies=copies if copies is not None and 1 <= copies <= most_copies else 1,
        color=_choice("color", options.get("color"), COLORS, able.colors, default.color),
        duplex=duplex,
        by_hand=by_hand,
        orientation=_choice(
            "orientation",
            options.get("orientation"),
            ORIENTATIONS,
            able.orientations,
            default.orientation,
        ),
        tray=_named("tray", options.get("tray"), able.trays, default.tray),
        media_type=_named(
            "media_type", options.get("media_type"), able.media_types, default.media_type
        ),
        quality=_choice("quality", options.get("quality"), QUALITIES, None, default.quality),
        scale=None if scale is None else _scale(scale),
        align=None if align is None else _keyword("align", align, ALIGNMENTS),
        auto_rotate=options.get("auto_rotate"),
        reverse_order=options.get("reverse_order"),
        page_range=parse_page_range(pages) if pages else "",
        excel_fit=None if fit is None else _keyword("excel_fit", fit, EXCEL_FITS),
    )


def _raw(options: PrintOptions, capabilities: Capabilities) -> ResolvedOptions:
    """Return the options for raw commands: only a paper id, which the service requires although it has no effect."""
    if options:
        raise OptionError("raw_refuses_options", option="raw", value=", ".join(options))
    known = [*(capabilities.papers or {}).values()]
    paper_id = capabilities.defaults.paper_id
    if not paper_id or paper_id < 0:
        paper_id = known[0] if known and A4_ID not in known else A4_ID
    return ResolvedOptions(paper_id=paper_id)


def _paper(
    wanted: str | int, capabilities: Capabilities, papers: tuple[Paper, ...]
) -> tuple[int, Paper | None]:
    paper_id = _paper_id(wanted, capabilities.papers, papers)
    if paper_id == CUSTOM_ID:
        raise OptionError("custom_paper_needs_both_sides", option="paper", value=wanted)
    return paper_id, _describe(paper_id, capabilities, papers)


def _custom(wanted: str | int | None, width: float | None, height: float | None) -> Paper:
    if width is None or height is None:
        raise OptionError(
            "custom_paper_needs_both_sides",
            option="paper_width" if width is None else "paper_height",
        )
    if wanted is not None and normalize_name(wanted) not in ("custom", str(CUSTOM_ID)):
        raise OptionError("paper_or_size", option="paper", value=wanted)
    for option, side in (("paper_width", width), ("paper_height", height)):
        # Written in this form, the comparison refuses NaN, too.
        if not 1 <= side * 10 <= MAX_SIDE:
            raise OptionError(
                "paper_size_out_of_range",
                option=option,
                value=side,
                allowed=[f"0.1–{MAX_SIDE / 10} mm"],
            )
    return _sized(round(width * 10), round(height * 10))


def _sized(width: int, length: int) -> Paper:
    return Paper.of_size(CUSTOM_ID, _size_name(width, length), width, length)


def _size_name(width: int, length: int) -> str:
    return f"{width / 10:g} × {length / 10:g} mm"


def _default_paper(
    capabilities: Capabilities, papers: tuple[Paper, ...], printer_type: PrinterType
) -> tuple[int, Paper | None]:
    """Return the driver's default paper, or A4 if the driver has no default paper.

    Raises OptionError if the printer has no A4, or if A4 would waste labels.
    """
    paper_id = capabilities.defaults.paper_id
    labels = [paper for paper in papers if min(paper.width, paper.height) <= MAX_NARROW_WIDTH]
    are_mostly_narrow = printer_type is PrinterType.UNKNOWN and len(labels) * 2 > len(papers)
    narrow = printer_type in NO_DEFAULT_A4 or are_mostly_narrow
    is_custom = paper_id == CUSTOM_ID or (narrow and paper_id is None)
    if is_custom and (size := _default_size(capabilities)) is not None:
        return CUSTOM_ID, _sized(*size)
    if paper_id is not None and paper_id > 0 and not (narrow and paper_id == A4_ID):
        return paper_id, _describe(paper_id, capabilities, papers)
    known = _known_ids(capabilities.papers, papers)
    if narrow or (known and A4_ID not in known):
        names = [*(capabilities.papers or [paper.name for paper in papers])]
        raise OptionError("paper_required", option="paper", allowed=names[:MAX_LISTED_NAMES])
    return A4_ID, _describe(A4_ID, capabilities, papers)


def _default_size(capabilities: Capabilities) -> tuple[int, int] | None:
    """Return the driver's default paper size (0.1 mm); None if the size is not set or impossible."""
    default = capabilities.defaults
    width, length = default.paper_width or 0, default.paper_length or 0
    return (width, length) if 0 < width <= MAX_SIDE and 0 < length <= MAX_SIDE else None


def _paper_id(wanted: str | int, block: Mapping[str, int] | None, papers: tuple[Paper, ...]) -> int:
    names = {paper.name: paper.paper_id for paper in papers} | dict(block or {})
    if (found := find_by_name(wanted, names)) is not None:
        return found
    known = _known_ids(block, papers)
    number = _number(wanted)
    if number is None and (standard := standard_paper(wanted)) is not None:
        number = standard.paper_id
    if number is not None and number >= 0 and (not known or number in known or number == CUSTOM_ID):
        return number
    if not known:
        raise OptionError(
            "option_not_checkable",
            option="paper",
            value=wanted,
            allowed=[paper.name for paper in STANDARD_PAPERS],
        )
    raise OptionError(
        "paper_not_available",
        option="paper",
        value=wanted,
        allowed=sort_by_similarity(wanted, block or [paper.name for paper in papers])[
            :MAX_LISTED_NAMES
        ],
    )


def _known_ids(block: Mapping[str, int] | None, papers: tuple[Paper, ...]) -> frozenset[int]:
    """Return the ids of all papers of the printer; an empty set means that the printer's papers are unknown."""
    return frozenset((block or {}).values()) | frozenset(paper.paper_id for paper in papers)


def _describe(paper_id: int, capabilities: Capabilities, papers: tuple[Paper, ...]) -> Paper | None:
    """Return a paper with its name and size; None if its size is unknown.

    The size comes from the first of these that contains it: the printer's list, the standard papers, the driver's
    default size, the paper's name.
    """
    for paper in papers:
        if paper.paper_id == paper_id:
            return paper
    name = name_of_value(capabilities.papers or {}, paper_id)
    if (standard := standard_paper(paper_id)) is not None:
        return standard if name is None else replace(standard, name=name)
    size = _default_size(capabilities) if paper_id == capabilities.defaults.paper_id else None
    size = size or (None if name is None else parse_size(name))
    return None if size is None else Paper.of_size(paper_id, name or _size_name(*size), *size)


def known_papers(capabilities: Capabilities | None, papers: tuple[Paper, ...]) -> list[Paper]:
    """Return the printer's papers whose sizes are known, or the standard papers if the printer lists no papers."""
    able = capabilities or _UNKNOWN
    ids = _known_ids(able.papers, papers)
    described = [_describe(paper_id, able, papers) for paper_id in sorted(ids)]
    return [paper for paper in described if paper is not None] if ids else [*STANDARD_PAPERS]


def _choice(
    option: str,
    wanted: str | None,
    values: Mapping[str, int],
    supported: frozenset[int] | None,
    default: int | None,
) -> int | None:
    """Return the id of the wanted value of an option. If no value is wanted, return the default if it is supported."""
    possible = [name for name, number in values.items() if supported is None or number in supported]
    if wanted is None:
        return default if any(values[name] == default for name in possible) else None
    if (name := wanted.strip().casefold()) not in possible:
        raise OptionError(f"{option}_not_available", option=option, value=wanted, allowed=possible)
    return values[name]


def _duplex(wanted: str, capabilities: Capabilities) -> tuple[int | None, str | None]:
    """Return the id of a duplex mode and, for a manual mode, the edge along which pages turn.

    Manual modes are allowed on every printer: its duplex unit may be broken, or the paper may be too thick for the
    unit.
    """
    supported = capabilities.duplex
    name = wanted.strip().casefold()
    if (edge := MANUAL_DUPLEX.get(name)) is not None:
        return (DUPLEX["off"] if supported is None or DUPLEX["off"] in supported else None), edge
    if name not in DUPLEX or (supported is not None and DUPLEX[name] not in supported):
        raise OptionError(
            "duplex_not_available", option="duplex", value=wanted, allowed=duplex_names(supported)
        )
    return DUPLEX[name], None


def _named(
    option: str, wanted: str | int | None, block: Mapping[str, int] | None, default: int | None
) -> int | None:
    """Return the id of the tray or media type with the wanted name or id. If none is wanted, return the default."""
    if wanted is None:
        return default if block is None or default in block.values() else None
    if (found := find_by_name(wanted, block or {})) is not None:
        return found
    number = _number(wanted)
    if block is None:
        if number is None:
            raise OptionError("option_not_checkable", option=option, value=wanted)
        return number
    if number is None or number not in block.values():
        raise OptionError(
            f"{option}_not_available",
            option=option,
            value=wanted,
            allowed=sort_by_similarity(wanted, block)[:MAX_LISTED_NAMES],
        )
    return number


def _keyword(option: str, wanted: str, values: Mapping[str, str]) -> str:
    if (found := values.get(wanted.strip().casefold())) is None:
        raise OptionError("invalid_option", option=option, value=wanted, allowed=values)
    return found


def _scale(wanted: str) -> str:
    word = wanted.strip().casefold()
    if (found := SCALES.get(word)) is not None:
        return found
    percent = _PERCENT.fullmatch(word)
    if percent is None or int(percent[1]) == 0:
        raise OptionError(
            "invalid_option", option="scale", value=wanted, allowed=[*SCALES, "1%–999%"]
        )
    return f"{int(percent[1])}%"


def _number(wanted: str | int) -> int | None:
    """Return an id that is given as a number or as a text of digits; None for any other text."""
    if isinstance(wanted, int):
        return wanted
    text = normalize_name(wanted)
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else None
