"""Matching of the names of papers and trays, tolerant of how people write them."""

from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
import re
from typing import Final
import unicodedata

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
