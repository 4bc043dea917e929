"""What a printer's driver can do, and its papers; names are matched as people write them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice
import re
from typing import Final, Self
import unicodedata

from .coerce import to_ids, to_int, to_int_map, to_mapping, to_text
from .errors import LiankeResponseError
from .stored import Stored

SIMILAR: Final = 0.5
MAX_NAME: Final = 100
# No driver of use has more papers, and comparing takes its time.
MAX_COMPARED: Final = 200
MM_AN_INCH: Final = 25.4
# Sizes in mm that a sheet may have. Smaller numbers without a unit are inches: 4 x 6.
LEAST_MM: Final = 5.0
MOST_MM: Final = 3276.7
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
    """Return the normalized form of a name, for comparison.

    Width of letters, case, blanks, kinds of brackets and of the sign between two sides do not
    count; 开 is K, and a tray has one name.
    """
    text = unicodedata.normalize("NFKC", str(name)[:MAX_NAME]).casefold()
    text = "".join(text.translate(_TIMES).translate(_BRACKETS).split())
    return _TRAY.sub("纸盒", _KAI.sub("k", text))


def find_by_name(wanted: str | int, names: Mapping[str, int]) -> int | None:
    """Return the id of the name that matches; None when none or more than one does."""
    exact = {_plain(name): number for name, number in names.items()}
    if (number := exact.get(_plain(wanted))) is not None:
        return number
    folded = normalize_name(wanted)
    found = {number for name, number in names.items() if normalize_name(name) == folded}
    if not found and (size := _whole_size(folded)) is not None:
        found = {number for name, number in names.items() if parse_size(name) == size}
    return found.pop() if len(found) == 1 else None


def parse_size(name: str) -> tuple[int, int] | None:
    """Return the size in 0.1 mm in a name such as `60 x 40 mm` or `4x6`; None without one."""
    found = _SIZE.search(normalize_name(name))
    return None if found is None else _sides(found)


def sort_by_similarity(wanted: object, names: Iterable[str]) -> list[str]:
    """Return the names, the most similar to the wanted one first, the others in their order."""
    folded = normalize_name(str(wanted))
    known = list(names)
    similarity: dict[str, float] = {}
    for name in known[:MAX_COMPARED]:
        ratio = SequenceMatcher(None, folded, normalize_name(name), autojunk=False).ratio()
        similarity[name] = ratio if ratio >= SIMILAR else 0.0
    return sorted(known, key=lambda name: -similarity.get(name, 0.0))


def _plain(name: str | int) -> str:
    return " ".join(str(name).split()).casefold()


def _whole_size(folded: str) -> tuple[int, int] | None:
    found = _SIZE.fullmatch(folded)
    return None if found is None else _sides(found)


def _sides(found: re.Match[str]) -> tuple[int, int] | None:
    first, second = float(found[1]), float(found[3])
    unit = found[4] or found[2]
    # No paper is 4 by 6 mm.
    factor = _UNITS[unit or ("in" if max(first, second) <= MOST_INCHES else "mm")]
    width, height = first * factor, second * factor
    if not (LEAST_MM <= width <= MOST_MM and LEAST_MM <= height <= MOST_MM):
        return None
    return round(width * 10), round(height * 10)


MAX_PAPERS = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class DriverDefaults(Stored):
    """A driver's own defaults (`DevMode`): ids; paper sizes in 0.1 mm; None = it does not say."""

    paper_id: int | None = None
    paper_width: int | None = None
    paper_length: int | None = None
    color: int | None = None
    copies: int | None = None
    duplex: int | None = None
    tray: int | None = None
    media_type: int | None = None
    orientation: int | None = None
    quality: int | None = None

    @classmethod
    def from_json(cls, block: object) -> Self:
        """Read the `DevMode` block, whatever of it is there."""
        fields = to_mapping(block)
        return cls(
            paper_id=to_int(fields.get("PaperSize")),
            paper_width=to_int(fields.get("PaperWidth")),
            paper_length=to_int(fields.get("PaperLength")),
            color=to_int(fields.get("Color")),
            copies=to_int(fields.get("Copies")),
            duplex=to_int(fields.get("Duplex")),
            tray=to_int(fields.get("DefaultSource")),
            media_type=to_int(fields.get("MediaType")),
            orientation=to_int(fields.get("Orientation")),
            quality=to_int(fields.get("PrintQuality")),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities(Stored):
    """What a driver can do (`printer_params`). None = the block is missing or empty: unknown, not forbidden.

    `colors`: 1 mono, 2 colour. `duplex`: 1 off, 2 long edge, 3 short edge. `orientations`: 1 portrait, 2 landscape.
    """

    papers: Mapping[str, int] | None = None
    trays: Mapping[str, int] | None = None
    media_types: Mapping[str, int] | None = None
    colors: frozenset[int] | None = None
    duplex: frozenset[int] | None = None
    orientations: frozenset[int] | None = None
    max_copies: int | None = None
    defaults: DriverDefaults = DriverDefaults()

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Read `data` of `printer_params`; raises LiankeResponseError when it is not an object."""
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
            defaults=DriverDefaults.from_json(whole.get("DevMode")),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Paper(Stored):
    """A paper and its size in 0.1 mm; the printable area equals the paper where nobody tells it."""

    paper_id: int
    name: str
    width: int
    height: int
    printable_width: int
    printable_height: int

    @classmethod
    def of_size(cls, paper_id: int, name: str, width: int, height: int) -> Self:
        """Return a paper whose printable area is unknown; sizes in 0.1 mm."""
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
        """Read one entry of `paper_dimension_list`; None when it has no id or no size."""
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
    """Read `data` of `paper_dimension_list`; raises LiankeResponseError when it is not an object."""
    if data is not None and not isinstance(data, dict):
        raise LiankeResponseError("paper_dimension_list of an unknown shape")
    entries = islice(to_mapping(data).items(), MAX_PAPERS)
    return tuple(paper for name, block in entries if (paper := Paper.from_json(name, block)))


A4_ID = 9
CUSTOM_ID = 0
MAX_NARROW = 1120
"""0.1 mm; the widest usual label and receipt printers."""


STANDARD: tuple[Paper, ...] = (
    Paper.of_size(1, "Letter", 2159, 2794),
    Paper.of_size(3, "Tabloid", 2794, 4318),
    Paper.of_size(5, "Legal", 2159, 3556),
    Paper.of_size(6, "Statement", 1397, 2159),
    Paper.of_size(7, "Executive", 1842, 2667),
    Paper.of_size(8, "A3", 2970, 4200),
    Paper.of_size(A4_ID, "A4", 2100, 2970),
    Paper.of_size(11, "A5", 1480, 2100),
    Paper.of_size(12, "B4", 2570, 3640),
    Paper.of_size(13, "B5", 1820, 2570),
    Paper.of_size(14, "Folio", 2159, 3302),
    Paper.of_size(20, "Envelope 10", 1048, 2413),
    Paper.of_size(27, "Envelope DL", 1100, 2200),
    Paper.of_size(28, "Envelope C5", 1620, 2290),
    Paper.of_size(34, "Envelope B5", 1760, 2500),
    Paper.of_size(43, "Postcard", 1000, 1480),
    Paper.of_size(66, "A2", 4200, 5940),
    Paper.of_size(70, "A6", 1050, 1480),
    Paper.of_size(88, "B6", 1280, 1820),
    Paper.of_size(93, "16K", 1460, 2150),
    Paper.of_size(94, "32K", 970, 1510),
)

_ALIASES = {
    "jisb4": "b4",
    "b4(jis)": "b4",
    "jisb5": "b5",
    "b5(jis)": "b5",
    "b6(jis)": "b6",
    "usletter": "letter",
    "uslegal": "legal",
    "明信片": "postcard",
    "信纸": "letter",
}
_BY_NAME: Mapping[str, Paper] = {normalize_name(paper.name): paper for paper in STANDARD}
_BY_ID: Mapping[int, Paper] = {paper.paper_id: paper for paper in STANDARD}


def standard_paper(wanted: str | int) -> Paper | None:
    """Return the standard paper of that name (any case) or id, None when there is none."""
    if isinstance(wanted, int):
        return _BY_ID.get(wanted)
    name = normalize_name(wanted)
    return _BY_NAME.get(_ALIASES.get(name, name))


def are_mostly_narrow(papers: tuple[Paper, ...]) -> bool:
    """Return whether most of a printer's papers are labels or receipts."""
    return sum(min(paper.width, paper.height) <= MAX_NARROW for paper in papers) * 2 > len(papers)
