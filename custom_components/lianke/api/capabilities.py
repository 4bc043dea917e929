"""Capabilities and papers of a printer's driver. A name is found by any of its usual spellings."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice
import json
from pathlib import Path
import re
from typing import Final, Self
import unicodedata

from .answer_limits import MAX_ANSWER_ROWS
from .coerce import to_ids, to_int, to_int_map, to_mapping, to_text
from .errors import LiankeResponseError
from .stored import Stored, service_field

SIMILAR: Final = 0.5
# Maximum characters of a name that are compared; the rest of the name is ignored.
MAX_COMPARED_CHARACTERS: Final = 100
# Maximum names that are compared, because a comparison is slow. No driver in use has more papers.
MAX_COMPARED_NAMES: Final = 200
MM_AN_INCH: Final = 25.4
# Shortest and longest side of a paper in mm; a longer side does not fit into the driver's 16-bit field. If a paper's
# name contains a size outside this range, that size is ignored.
LEAST_MM: Final = 5.0
MOST_MM: Final = 3276.7
# Greatest side without a unit that is read as inches (as in 4 x 6). If either side is greater, both are mm.
MOST_INCHES: Final = 13.0

_TIMES = str.maketrans("×✕✖⨯*∗", "xxxxxx")
_OPENING, _CLOSING = "[{【〔〈《「", "]}】〕〉》」"
_BRACKETS = str.maketrans(_OPENING + _CLOSING, "(" * len(_OPENING) + ")" * len(_CLOSING))
_TRAY = re.compile(r"(?:进纸|進紙)?(?:纸盘|紙盤|纸匣|紙匣|紙盒|托盘|托盤|纸盒)|(?:paper)?tray")
_KAI = re.compile(r"(?<=\d)[开開]")
_SIZE = re.compile(
    r"(?<![\d.])(\d{1,4}(?:\.\d{1,3})?)(?:\([\d.]{1,8}\))?(mm|cm|in|毫米|厘米|英寸|\")?"
    r"x(\d{1,4}(?:\.\d{1,3})?)(mm|cm|in|毫米|厘米|英寸|\")?(?![\d.])"
)
_UNITS: Final[Mapping[str, float]] = {
    "mm": 1.0,
    "毫米": 1.0,
    "cm": 10.0,
    "厘米": 10.0,
    "in": MM_AN_INCH,
    "英寸": MM_AN_INCH,
    '"': MM_AN_INCH,
}


def normalize_name(name: str | int) -> str:
    """Return a form of a name that is the same for all usual spellings of the name.

    Letter width, case and blanks are ignored; brackets, multiplication signs and the words for a tray are unified; 开
    after a digit becomes k.
    """
    text = unicodedata.normalize("NFKC", str(name)[:MAX_COMPARED_CHARACTERS]).casefold()
    text = "".join(text.translate(_TIMES).translate(_BRACKETS).split())
    return _TRAY.sub("纸盒", _KAI.sub("k", text))


def find_by_name(wanted: str | int, names: Mapping[str, int]) -> int | None:
    """Return the id of the matching name; None if no name matches, or if several match and have different ids."""
    exact = {_plain(name): number for name, number in names.items()}
    if (number := exact.get(_plain(wanted))) is not None:
        return number
    folded = normalize_name(wanted)
    found = {number for name, number in names.items() if normalize_name(name) == folded}
    whole = _SIZE.fullmatch(folded)
    if not found and whole is not None and (size := _sides(whole)) is not None:
        found = {number for name, number in names.items() if parse_size(name) == size}
    return found.pop() if len(found) == 1 else None


def parse_size(name: str) -> tuple[int, int] | None:
    """Return the two sides (0.1 mm) in a name such as `60 x 40 mm` or `4x6`; None if the name contains no size."""
    found = _SIZE.search(normalize_name(name))
    return None if found is None else _sides(found)


def sort_by_similarity(wanted: object, names: Iterable[str]) -> list[str]:
    """Return the names, those most similar to the wanted name first. Dissimilar names come last, in their old order."""
    folded = normalize_name(str(wanted))
    known = list(names)
    similarity: dict[str, float] = {}
    for name in known[:MAX_COMPARED_NAMES]:
        ratio = SequenceMatcher(None, folded, normalize_name(name), autojunk=False).ratio()
        similarity[name] = ratio if ratio >= SIMILAR else 0.0
    return sorted(known, key=lambda name: -similarity.get(name, 0.0))


def _plain(name: str | int) -> str:
    return " ".join(str(name).split()).casefold()


def _sides(found: re.Match[str]) -> tuple[int, int] | None:
    first, second = float(found[1]), float(found[3])
    unit = found[4] or found[2]
    # Small numbers without a unit are inches: no paper is 4 by 6 mm.
    factor = _UNITS[unit or ("in" if max(first, second) <= MOST_INCHES else "mm")]
    width, height = first * factor, second * factor
    if not (LEAST_MM <= width <= MOST_MM and LEAST_MM <= height <= MOST_MM):
        return None
    return round(width * 10), round(height * 10)


@dataclass(frozen=True, kw_only=True, slots=True)
class DriverDefaults(Stored):
    """A driver's own defaults (`DevMode`): ids, and sizes in 0.1 mm. A field is None if the driver has no default."""

    paper_id: int | None = service_field("PaperSize")
    paper_width: int | None = service_field("PaperWidth")
    paper_length: int | None = service_field("PaperLength")
    color: int | None = service_field("Color")
    copies: int | None = service_field("Copies")
    duplex: int | None = service_field("Duplex")
    tray: int | None = service_field("DefaultSource")
    media_type: int | None = service_field("MediaType")
    orientation: int | None = service_field("Orientation")
    quality: int | None = service_field("PrintQuality")


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities(Stored):
    """The capabilities of a driver (`printer_params`). A field is None (unknown) if the service did not send it."""

    papers: Mapping[str, int] | None = None
    trays: Mapping[str, int] | None = None
    media_types: Mapping[str, int] | None = None
    colors: frozenset[int] | None = None  # 1 mono, 2 color
    duplex: frozenset[int] | None = None  # 1 off, 2 long edge, 3 short edge
    orientations: frozenset[int] | None = None  # 1 portrait, 2 landscape
    max_copies: int | None = None
    defaults: DriverDefaults = DriverDefaults()

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Read `data` of `printer_params`. Raises LiankeResponseError if `data` is not an object."""
        if data is not None and not isinstance(data, dict):
            raise LiankeResponseError("printer_params of an unknown shape")
        whole = to_mapping(data)
        block = to_mapping(whole.get("Capabilities"))
        copies = to_int(block.get("Copies"))
        return cls(
            papers=to_int_map(block.get("Papers")),
            trays=to_int_map(block.get("Bins")),
            media_types=to_int_map(block.get("MediaTypes")),
            colors=to_ids(block.get("Color")),
            duplex=to_ids(block.get("Duplex")),
            orientations=to_ids(block.get("Orientation")),
            max_copies=copies if copies and copies > 0 else None,
            defaults=DriverDefaults.from_service(whole.get("DevMode")),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Paper(Stored):
    """A paper and its size in 0.1 mm. The printable area is the whole paper if the service gives no other area."""

    paper_id: int
    name: str
    width: int
    height: int
    printable_width: int
    printable_height: int

    @classmethod
    def of_size(cls, paper_id: int, name: str, width: int, height: int) -> Self:
        """Create a paper whose printable area is unknown; `width` and `height` are in 0.1 mm."""
        return cls(
            paper_id=paper_id,
            name=name,
            width=width,
            height=height,
            printable_width=width,
            printable_height=height,
        )

    @classmethod
    def from_json(cls, name: object, block: object) -> Self | None:
        """Return the paper in one entry of `paper_dimension_list`; None if the entry lacks an id, a name or a size."""
        fields = to_mapping(block)
        paper_id, label = to_int(fields.get("paper_id")), to_text(name)
        width, height = to_int(fields.get("physical_width")), to_int(fields.get("physical_height"))
        if paper_id is None or not label or not width or not height or width < 0 or height < 0:
            return None
        inner_width = to_int(fields.get("printable_width")) or 0
        inner_height = to_int(fields.get("printable_height")) or 0
        return cls(
            paper_id=paper_id,
            name=label,
            width=width,
            height=height,
            printable_width=inner_width if 0 < inner_width <= width else width,
            printable_height=inner_height if 0 < inner_height <= height else height,
        )


def parse_papers(data: object) -> tuple[Paper, ...]:
    """Return the papers in `data` of `paper_dimension_list`. Raises LiankeResponseError if `data` is not an object."""
    if data is not None and not isinstance(data, dict):
        raise LiankeResponseError("paper_dimension_list of an unknown shape")
    entries = islice(to_mapping(data).items(), MAX_ANSWER_ROWS)
    return tuple(paper for name, block in entries if (paper := Paper.from_json(name, block)))


A4_ID = 9
CUSTOM_ID = 0
# Maximum width of a narrow paper in 0.1 mm: the width that the widest usual label and receipt printers take.
MAX_NARROW_WIDTH = 1120


_TABLE = json.loads(Path(__file__).with_name("papers.json").read_text("utf-8"))
STANDARD_PAPERS: tuple[Paper, ...] = tuple(Paper.of_size(*row) for row in _TABLE["papers"])
_ALIASES: Mapping[str, str] = _TABLE["other_names"]
_BY_NAME: Mapping[str, Paper] = {normalize_name(paper.name): paper for paper in STANDARD_PAPERS}
_BY_ID: Mapping[int, Paper] = {paper.paper_id: paper for paper in STANDARD_PAPERS}


def standard_paper(wanted: str | int) -> Paper | None:
    """Return the standard paper with this name (in any usual spelling) or id; None if there is none."""
    if isinstance(wanted, int):
        return _BY_ID.get(wanted)
    name = normalize_name(wanted)
    return _BY_NAME.get(_ALIASES.get(name, name))
