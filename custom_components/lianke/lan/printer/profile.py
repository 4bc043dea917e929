"""What a printer offers to the home network, as its driver's capabilities and the options of its box determine."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
import json
from pathlib import Path
import re
from typing import Final, NamedTuple
from uuid import UUID, uuid5

from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar, device_registry as dr

from ...api.capabilities import CUSTOM_ID, STANDARD_PAPERS, Capabilities, Paper
from ...api.models import Marker, PrinterType
from ...api.options import (
    COLORS,
    DUPLEX,
    MAX_COPIES,
    QUALITIES,
    PrintOptions,
    ResolvedOptions,
    known_papers,
    name_of_value,
    options_in,
    resolve_options,
)
from ...box.printer_identity import StoredPrinter
from ...const import CONF_DEFAULT_OPTIONS, CONF_PRINTER_OPTIONS
from ...devices import async_printer_device
from ...input_error import InputError
from ...manual_duplex import is_set_up
from ...runtime import LiankeConfigEntry

# Maximum number of papers that a printer offers; clients show all papers in one list.
MAX_MEDIA: Final = 100
# Tolerance, in 0.1 mm, within which a requested size matches a paper.
MEDIA_TOLERANCE: Final = 10
# Factor from 0.1 mm (the unit of drivers) to 0.01 mm (the unit of IPP).
HUNDREDTHS_PER_TENTH: Final = 10

# Paper names of PWG 5101.1, with width and height in 0.1 mm. Other sizes get a name made of their dimensions.
_PWG_NAMES: Final[Mapping[str, tuple[int, int]]] = json.loads(
    Path(__file__).with_name("pwg_names.json").read_text("utf-8")
)
PHOTO_MEDIA: Final = ("na_index-4x6_4x6in", "na_5x7_5x7in")
# Two sizes, in 0.01 mm, that are sold as the same photo paper: 10 by 15 cm, and 4 by 6 inches.
_SAME_SHEETS: Final = ((10000, 15000), (10160, 15240))
_SIZE_IN_NAME: Final = re.compile(
    r"_(\d{1,5}(?:\.\d{1,4})?)x(\d{1,5}(?:\.\d{1,4})?)(mm|in)\Z", re.ASCII
)
# Bonjour's words (PaperMax) for a printer's largest paper, with the maximum length of the paper's short side and of its
# long side, in 0.01 mm.
_LARGEST: Final[Mapping[str, tuple[int, int]]] = {
    "legal-A4": (21600, 35600),
    "tabloid-A3": (29700, 43200),
    "isoC-A2": (43200, 59400),
}
# The width of A4, which is narrower than Letter, and the height of Letter, which is shorter than A4; in 0.01 mm.
_A4_OR_LETTER: Final = (21000, 27900)
_AUTO: Final = "auto"
_NUMBERED: Final = re.compile(rf"{_AUTO}\.\d{{1,3}}")
_PLAIN: Final = "stationery"
# IPP keywords for Windows' numbers of trays and media types (wingdi.h: DMBIN_* and DMMEDIA_*).
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
    """A paper as clients know it; lengths are in 0.01 mm."""

    name: str  # The name in PWG 5101.1.
    width: int
    height: int
    side_margin: int
    end_margin: int
    paper_id: int  # The driver's id.


def media_of(paper: Paper) -> Media:
    side = max(0, (paper.width - paper.printable_width) // 2)
    end = max(0, (paper.height - paper.printable_height) // 2)
    return Media(
        name=pwg_name(paper.width, paper.height),
        width=paper.width * HUNDREDTHS_PER_TENTH,
        height=paper.height * HUNDREDTHS_PER_TENTH,
        side_margin=side * HUNDREDTHS_PER_TENTH,
        end_margin=end * HUNDREDTHS_PER_TENTH,
        paper_id=paper.paper_id,
    )


def pwg_name(width: int, height: int) -> str:
    """Return the PWG 5101.1 name of a size in 0.1 mm."""
    for name, (known_width, known_height) in _PWG_NAMES.items():
        if abs(known_width - width) <= 3 and abs(known_height - height) <= 3:
            return name
    size = f"{width / 10:g}x{height / 10:g}mm"
    return f"om_{size.replace('.', '-')}_{size}"


def offered_media(
    able: Capabilities, papers: tuple[Paper, ...], default: Paper | None
) -> tuple[Media, ...]:
    """List the papers to offer: the default paper first, each size once.

    If the driver's list (`papers`) is empty, these are the papers of known size that `able` names. If `able` names no
    papers either, they are A4, A5 and Letter.
    """
    known = list(papers)
    if not known and able.papers:
        known = known_papers(able, ())
    elif not known:
        known = [paper for paper in STANDARD_PAPERS if paper.paper_id in (9, 11, 1)]
    offered: dict[str, Media] = {}
    for paper in [default, *known] if default is not None else known:
        if paper.width > 0 and paper.height > 0:
            media = media_of(paper)
            offered.setdefault(media.name, media)
    return tuple(offered.values())[:MAX_MEDIA]


def largest_paper(media: Iterable[Media]) -> str:
    """Return Bonjour's word (PaperMax) for the largest paper."""
    sides = [sorted((item.width, item.height)) for item in media]
    short, long = (max((pair[which] for pair in sides), default=0) for which in (0, 1))
    if short < _A4_OR_LETTER[0] or long < _A4_OR_LETTER[1]:
        return "<legal-A4"
    for word, (most_short, most_long) in _LARGEST.items():
        if short <= most_short and long <= most_long:
            return word
    return ">isoC-A2"


class FoundMedia(NamedTuple):
    paper: Media
    is_turned: bool  # The paper has the requested size only when it is turned.


def find_media(media: Sequence[Media], width: int, height: int) -> FoundMedia | None:
    """Find the paper for a size in 0.01 mm; None if no paper is near enough.

    Papers that must be turned are tried last. They are tried because devices name the longer side of a landscape photo
    as its width.
    """
    for is_turned, asked in ((False, (width, height)), (True, (height, width))):
        sizes = [asked]
        for one, other in (_SAME_SHEETS, _SAME_SHEETS[::-1]):
            if _is_near(one, *asked):
                sizes.append(other)
        for size in sizes:
            near = [
                (abs(item.width - size[0]) + abs(item.height - size[1]), number, item)
                for number, item in enumerate(media)
                if _is_near((item.width, item.height), *size)
            ]
            if near:
                return FoundMedia(min(near)[2], is_turned)
    return None


def _is_near(size: tuple[int, int], width: int, height: int) -> bool:
    most = MEDIA_TOLERANCE * HUNDREDTHS_PER_TENTH
    return abs(size[0] - width) <= most and abs(size[1] - height) <= most


def named_media(media: Sequence[Media], name: str) -> FoundMedia | None:
    """Find a paper by its PWG name, or by the size in that name; return None if there is no such paper."""
    if found := next((item for item in media if item.name == name), None):
        return FoundMedia(found, is_turned=False)
    if (said := _SIZE_IN_NAME.search(name)) is None:
        return None
    unit = 100 if said[3] == "mm" else 2540
    return find_media(media, round(float(said[1]) * unit), round(float(said[2]) * unit))


def tray_keywords(trays: Mapping[str, int] | None) -> dict[str, int | None]:
    """Map tray keywords to the driver's ids. `auto` is always included, as None if the driver does not name it."""
    found: dict[str, int | None] = {_AUTO: None}
    number = 0
    for tray_id in (trays or {}).values():
        word = _TRAYS.get(tray_id)
        if word is None:
            number += 1
            word = f"tray-{number}"
        if found.get(word) is None:
            found[word] = tray_id
    return found


def media_source_for_size(number: int) -> str:
    """Return the keyword of the media source for a size, by the size's number (from 1) in the list of ready sizes.

    iPhones show one size per source, so the printer's own choice (`auto`) has a separate name for each size.
    """
    return _AUTO if number == 1 else f"{_AUTO}.{number}"


def tray_of(source: str) -> str:
    """Return `auto` for every name that `media_source_for_size` makes, and any other source unchanged."""
    return _AUTO if _NUMBERED.fullmatch(source) else source


def media_type_keywords(types: Mapping[str, int] | None) -> dict[str, int | None]:
    """Map media type keywords to the driver's ids. Plain paper is always included, as None if the driver lacks it."""
    found: dict[str, int | None] = {_PLAIN: None}
    for label, type_id in (types or {}).items():
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
    return (None if wanted is None else name_of_value(words, wanted)) or usual


# Resolutions of raster documents that we announce, in dots per inch.
RASTER_RESOLUTIONS: Final = (300, 600)
ONE_SIDED_KEYWORD: Final = "one-sided"
# Our duplex modes for the values of IPP's `sides`, for a printer with a duplex unit.
SIDES: Final[Mapping[str, str]] = {
    ONE_SIDED_KEYWORD: "off",
    "two-sided-long-edge": "long_edge",
    "two-sided-short-edge": "short_edge",
}
MANUAL_SIDES: Final[Mapping[str, str]] = {
    word: ours if word == ONE_SIDED_KEYWORD else f"manual_{ours}" for word, ours in SIDES.items()
}
# Values of IPP's `print-quality`.
QUALITY_DRAFT, QUALITY_NORMAL, QUALITY_HIGH = 3, 4, 5
IPP_QUALITIES: Final[Mapping[int, str]] = {
    QUALITY_DRAFT: "draft",
    QUALITY_NORMAL: "normal",
    QUALITY_HIGH: "high",
}
_KINDS: Final[Mapping[PrinterType, str]] = {
    PrinterType.RECEIPT: "receipt",
    PrinterType.LABEL: "label",
    PrinterType.DYE_SUBLIMATION: "photo",
}
_PRINTER_UUIDS: Final = UUID("6f2d7c4e-55a0-4c36-9d5b-0e1f6c1f3a77")


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """A printer as clients see it. All ids are the driver's ids."""

    name: str
    maker: str
    model: str
    location: str
    uuid: UUID
    media: tuple[Media, ...]
    trays: Mapping[str, int | None]
    media_types: Mapping[str, int | None]
    default_tray: str
    default_media_type: str
    sides: Mapping[str, str]  # Our duplex mode for each offered value of IPP's `sides`.
    default_sides: str
    color: bool
    color_modes: tuple[str, ...]
    default_color: str
    default_quality: int
    default_copies: int
    max_copies: int
    kinds: tuple[str, ...]  # The values of IPP's `printer-kind`.
    markers: tuple[Marker, ...]

    @property
    def two_sided(self) -> bool:
        """Whether the printer prints on both sides, with a duplex unit or with a person who turns the paper."""
        return len(self.sides) > 1


def printer_uuid(token: str) -> UUID:
    """Derive an id from the token that does not reveal the token."""
    return uuid5(_PRINTER_UUIDS, token)


def make_printer_profile(
    hass: HomeAssistant, entry: LiankeConfigEntry, known: StoredPrinter, token: str
) -> Profile:
    """Build a printer's profile from stored data alone, without asking the service."""
    able = known.capabilities or Capabilities()
    defaults = _defaults(entry, known)
    trays = tray_keywords(able.trays)
    media_types = media_type_keywords(able.media_types)
    sides = _sides(able, manual=is_set_up(entry.options, known.key))
    colors = able.colors or frozenset(COLORS.values())
    color = COLORS["color"] in colors
    modes = _color_modes(colors)
    asked = {COLORS["mono"]: "monochrome", COLORS["color"]: "color"}.get(defaults.color or 0, "")
    printer = known.printer
    media = offered_media(able, known.papers, defaults.paper)
    device = async_printer_device(hass, entry, known.key)
    return Profile(
        name=(device and (device.name_by_user or device.name)) or known.name,
        maker=printer.vendor or printer.model.split(" ")[0] or "Lianke",
        model=printer.model or printer.product or known.name,
        location=location_of(hass, device),
        uuid=printer_uuid(token),
        media=media,
        trays=trays,
        media_types=media_types,
        default_tray=keyword_of(trays, defaults.tray, "auto"),
        default_media_type=keyword_of(media_types, defaults.media_type, "stationery"),
        sides=sides,
        default_sides=name_of_value(sides, defaults.duplex_name) or ONE_SIDED_KEYWORD,
        color=color,
        color_modes=modes,
        default_color=asked if asked in modes else modes[0],
        default_quality=next(
            (word for word, ours in IPP_QUALITIES.items() if QUALITIES[ours] == defaults.quality),
            QUALITY_NORMAL,
        ),
        default_copies=defaults.copies,
        max_copies=min(able.max_copies or MAX_COPIES, MAX_COPIES),
        kinds=_kinds(printer.species, media, color=color),
        markers=printer.markers,
    )


def _kinds(printer_type: PrinterType, media: Iterable[Media], *, color: bool) -> tuple[str, ...]:
    """Choose the values of `printer-kind` by the type of the printer, its papers and its colors."""
    if (kind := _KINDS.get(printer_type)) is not None:
        return (kind,)
    if color and any(item.name in PHOTO_MEDIA for item in media):
        return ("document", "photo")
    return ("document",)


def _defaults(entry: LiankeConfigEntry, known: StoredPrinter) -> ResolvedOptions:
    """Return the options of a print that requests no options; without a paper if the user must choose the paper."""
    options = options_in(
        entry.options.get(CONF_PRINTER_OPTIONS, {}).get(known.key, {}),
        entry.options.get(CONF_DEFAULT_OPTIONS, {}),
    )
    for asked in (options, PrintOptions()):
        try:
            return resolve_options(asked, known.capabilities, known.papers, known.printer.species)
        except InputError:
            continue
    return ResolvedOptions(paper_id=CUSTOM_ID)


def _sides(able: Capabilities, *, manual: bool) -> Mapping[str, str]:
    """Choose the values of `sides` to offer. Without a duplex unit, offer two-sided only if `manual` duplex is set up.

    Devices select two-sided printing automatically, and a person who does not expect to turn the paper would find only
    half of the document.
    """
    unit = able.duplex or frozenset()
    sides = {
        word: ours
        for word, ours in SIDES.items()
        if word == ONE_SIDED_KEYWORD or DUPLEX[ours] in unit
    }
    return MANUAL_SIDES if manual and len(sides) == 1 else sides


def _color_modes(colors: Collection[int]) -> tuple[str, ...]:
    """List the values of `print-color-mode`, the default first. `auto` is always included.

    The default of a printer without color is black and white.
    """
    if COLORS["color"] not in colors:
        return ("monochrome", "auto")
    return ("auto", "color", *(("monochrome",) if COLORS["mono"] in colors else ()))


def location_of(hass: HomeAssistant, device: dr.DeviceEntry | None) -> str:
    """Return the name of a device's area, "" if the device has no area."""
    if device is None or device.area_id is None:
        return ""
    area = ar.async_get(hass).async_get_area(device.area_id)
    return "" if area is None else area.name
