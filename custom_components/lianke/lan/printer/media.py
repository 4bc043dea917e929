"""Papers, trays and media types of a printer as PWG names, and back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
import re
from typing import Final

from ...api.capabilities import STANDARD, Capabilities, Paper

MAX_MEDIA: Final = 100
"""papers that are offered; clients show them in one list."""
TOLERANCE: Final = 10
"""0.1 mm by which a size may differ from a paper's."""
HUNDREDTHS: Final = 10
"""of a millimetre in 0.1 mm: PWG sizes and margins are 0.01 mm."""
DEFAULT_MARGIN: Final = 42
"""0.1 mm; what a driver that gives no printable area usually keeps free."""

# By width and height in 0.1 mm, the way PWG 5101.1 names them; others get a name made of their size.
_PWG_NAMES: Final[Mapping[tuple[int, int], str]] = {
    (2100, 2970): "iso_a4_210x297mm",
    (2970, 4200): "iso_a3_297x420mm",
    (4200, 5940): "iso_a2_420x594mm",
    (1480, 2100): "iso_a5_148x210mm",
    (1050, 1480): "iso_a6_105x148mm",
    (740, 1050): "iso_a7_74x105mm",
    (2500, 3530): "iso_b4_250x353mm",
    (1760, 2500): "iso_b5_176x250mm",
    (1250, 1760): "iso_b6_125x176mm",
    (2570, 3640): "jis_b4_257x364mm",
    (1820, 2570): "jis_b5_182x257mm",
    (1280, 1820): "jis_b6_128x182mm",
    (1100, 2200): "iso_dl_110x220mm",
    (1620, 2290): "iso_c5_162x229mm",
    (1140, 1620): "iso_c6_114x162mm",
    (2159, 2794): "na_letter_8.5x11in",
    (2159, 3556): "na_legal_8.5x14in",
    (2159, 3302): "na_foolscap_8.5x13in",
    (2794, 4318): "na_ledger_11x17in",
    (1397, 2159): "na_invoice_5.5x8.5in",
    (1842, 2667): "na_executive_7.25x10.5in",
    (1048, 2413): "na_number-10_4.125x9.5in",
    (1016, 1524): "na_index-4x6_4x6in",
    (1270, 1778): "na_5x7_5x7in",
    (1000, 1480): "jpn_hagaki_100x148mm",
    (1460, 2150): "prc_16k_146x215mm",
    (970, 1510): "prc_32k_97x151mm",
}
PHOTO_SIZES: Final = ("na_index-4x6_4x6in", "na_5x7_5x7in")
# What Bonjour calls the largest paper of a printer, by the shorter and the longer side that it still has
# room for, in 0.01 mm.
_LARGEST: Final[Mapping[str, tuple[int, int]]] = {
    "legal-A4": (21600, 35600),
    "tabloid-A3": (29700, 43200),
    "isoC-A2": (43200, 59400),
}
# The smaller one of A4 and Letter, each way.
_A4_OR_LETTER: Final = (21000, 27900)
_AUTO: Final = "auto"
_NUMBERED: Final = re.compile(rf"{_AUTO}\.\d{{1,3}}")
_PLAIN: Final = "stationery"
# Numbers that Windows gives trays and media types (wingdi.h, DMBIN_* and DMMEDIA_*).
_TRAYS: Final[Mapping[int, str]] = {1: "main", 4: "manual", 5: "envelope", 7: _AUTO}
_MEDIA_TYPES: Final[Mapping[int, str]] = {1: _PLAIN, 2: "transparency", 3: "photographic-glossy"}
_MEDIA_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "photographic": ("photo", "相片", "照片"),
    "labels": ("label", "标签"),
    "envelope": ("envelope", "信封"),
    "cardstock": ("thick", "card", "厚", "卡"),
    "transparency": ("transparen", "透明"),
    "stationery-lightweight": ("thin", "light", "薄"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Media:
    """A paper as clients know it: PWG name, size and margins in 0.01 mm, the driver's paper id."""

    name: str
    width: int
    height: int
    side_margin: int
    end_margin: int
    paper_id: int
    width_mm: float
    height_mm: float


def media_of(paper: Paper) -> Media:
    """Return a paper as clients know it."""
    side = max(0, (paper.width - paper.printable_width) // 2)
    end = max(0, (paper.height - paper.printable_height) // 2)
    return Media(
        name=pwg_name(paper.width, paper.height),
        width=paper.width * HUNDREDTHS,
        height=paper.height * HUNDREDTHS,
        side_margin=side * HUNDREDTHS,
        end_margin=end * HUNDREDTHS,
        paper_id=paper.paper_id,
        width_mm=paper.width / 10,
        height_mm=paper.height / 10,
    )


def pwg_name(width: int, height: int) -> str:
    """Return the self-describing name of a size in 0.1 mm."""
    for (known_width, known_height), name in _PWG_NAMES.items():
        if abs(known_width - width) <= 3 and abs(known_height - height) <= 3:
            return name
    size = f"{_millimetres(width)}x{_millimetres(height)}mm"
    return f"om_{size.replace('.', '-')}_{size}"


def _millimetres(tenths: int) -> str:
    return f"{tenths / 10:g}"


def offered_media(
    capabilities: Capabilities | None, papers: Iterable[Paper], default: Paper | None
) -> tuple[Media, ...]:
    """Return the papers that are offered, the default one first, each size once.

    Without the driver's list these are the standard papers that the driver names, or common ones.
    """
    known = list(papers)
    if not known:
        ids = None if capabilities is None or not capabilities.papers else capabilities.papers
        named = set(ids.values()) if ids is not None else {9, 11, 1}
        known = [paper for paper in STANDARD if paper.paper_id in named]
    offered: dict[str, Media] = {}
    for paper in [default, *known] if default is not None else known:
        if paper.width > 0 and paper.height > 0:
            media = media_of(paper)
            offered.setdefault(media.name, media)
    return tuple(offered.values())[:MAX_MEDIA]


def largest_paper(media: Iterable[Media]) -> str:
    """Return Bonjour's word for the largest of these papers."""
    sides = [sorted((item.width, item.height)) for item in media]
    short, long = (max((pair[which] for pair in sides), default=0) for which in (0, 1))
    if short < _A4_OR_LETTER[0] or long < _A4_OR_LETTER[1]:
        return "<legal-A4"
    for word, (most_short, most_long) in _LARGEST.items():
        if short <= most_short and long <= most_long:
            return word
    return ">isoC-A2"


def find_media(media: Iterable[Media], width: int, height: int) -> Media | None:
    """Return the paper of a size in 0.01 mm, None without one that is near enough."""
    near = [
        (abs(item.width - width) + abs(item.height - height), number, item)
        for number, item in enumerate(media)
        if abs(item.width - width) <= TOLERANCE * HUNDREDTHS
        and abs(item.height - height) <= TOLERANCE * HUNDREDTHS
    ]
    return min(near)[2] if near else None


def tray_keywords(capabilities: Capabilities | None) -> dict[str, int | None]:
    """Return keywords of the trays with the driver's ids; `auto` is always there, with None if unnamed."""
    trays = {} if capabilities is None or capabilities.trays is None else capabilities.trays
    found: dict[str, int | None] = {_AUTO: None}
    number = 0
    for tray_id in trays.values():
        word = _TRAYS.get(tray_id)
        if word is None:
            number += 1
            word = f"tray-{number}"
        if found.get(word) is None:
            found[word] = tray_id
    return found


def source_of_size(number: int) -> str:
    """Return the source of the size of this number, from 1 on, in the list of ready ones.

    iPhones show of each source one size, so the printer's own choice has a name for each.
    """
    return _AUTO if number == 1 else f"{_AUTO}.{number}"


def tray_of(source: str) -> str:
    """Return the tray that a source means."""
    return _AUTO if _NUMBERED.fullmatch(source) else source


def media_type_keywords(capabilities: Capabilities | None) -> dict[str, int | None]:
    """Return keywords of the media types with the driver's ids; plain paper is always there."""
    types = (
        {} if capabilities is None or capabilities.media_types is None else capabilities.media_types
    )
    found: dict[str, int | None] = {_PLAIN: None}
    for label, type_id in types.items():
        word = _MEDIA_TYPES.get(type_id) or _word_for(label.lower()) or f"other-{type_id}"
        if found.get(word) is None:
            found[word] = type_id
    return found


def _word_for(label: str) -> str | None:
    return next(
        (word for word, parts in _MEDIA_WORDS.items() if any(part in label for part in parts)),
        None,
    )


def keyword_of(words: Mapping[str, int | None], wanted: int | None, usual: str) -> str:
    """Return the keyword of a driver's id, the usual one where it has none."""
    if wanted is None:
        return usual
    return next((word for word, number in words.items() if number == wanted), usual)
