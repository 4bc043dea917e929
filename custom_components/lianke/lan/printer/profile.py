"""What a printer offers to the home network: made from its driver's capabilities and the options of its box."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid5

from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar, device_registry as dr

from ...api.capabilities import Capabilities
from ...api.markers import Marker
from ...api.models import Species
from ...api.option_resolver import MAX_COPIES, resolve_options
from ...api.options import (
    COLORS,
    DUPLEX,
    MANUAL_DUPLEX,
    QUALITIES,
    PrintOptions,
    ResolvedOptions,
    merge_options,
)
from ...box.storage import StoredPrinter
from ...const import CONF_DEFAULT_OPTIONS, CONF_PRINTER_OPTIONS
from ...devices import async_printer_device
from ...errors import InputError
from ...jobs.settings import has_turn_setup
from ...printing.request import stored_options
from ...runtime import LiankeConfigEntry
from .media import PHOTO_SIZES, Media, keyword_of, media_type_keywords, offered_media, tray_keywords

RESOLUTIONS: Final = (300, 600)
"""dots per inch of the raster formats that are taken."""
ONE_SIDED: Final = "one-sided"
SIDES: Final[Mapping[str, str]] = {
    ONE_SIDED: "off",
    "two-sided-long-edge": "long_edge",
    "two-sided-short-edge": "short_edge",
}
"""IPP's sides, and the duplex modes of a printer with a duplex unit."""
SIDES_BY_HAND: Final[Mapping[str, str]] = {
    ONE_SIDED: "off",
    "two-sided-long-edge": "manual_long_edge",
    "two-sided-short-edge": "manual_short_edge",
}
DRAFT, NORMAL, HIGH = 3, 4, 5
"""IPP's print-quality."""
IPP_QUALITIES: Final[Mapping[int, str]] = {DRAFT: "draft", NORMAL: "normal", HIGH: "high"}
_KINDS: Final[Mapping[Species, str]] = {
    Species.RECEIPT: "receipt",
    Species.LABEL: "label",
    Species.DYE_SUBLIMATION: "photo",
}
_NAMESPACE: Final = UUID("6f2d7c4e-55a0-4c36-9d5b-0e1f6c1f3a77")


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """A printer as clients see it; ids are the driver's, sizes in `media` are 0.01 mm.

    `sides` has the duplex mode of each of IPP's words that are offered, `kinds` what the printer is good for.
    """

    name: str
    make_and_model: str
    maker: str
    model: str
    location: str
    uuid: UUID
    media: tuple[Media, ...]
    trays: Mapping[str, int | None]
    media_types: Mapping[str, int | None]
    default_tray: str
    default_media_type: str
    sides: Mapping[str, str]
    default_sides: str
    color: bool
    color_modes: tuple[str, ...]
    default_color: str
    default_quality: int
    default_copies: int
    max_copies: int
    kinds: tuple[str, ...]
    markers: tuple[Marker, ...]

    @property
    def two_sided(self) -> bool:
        """Return whether both sides of a sheet are printed, by the printer or with somebody's help."""
        return len(self.sides) > 1


def printer_uuid(token: str) -> UUID:
    """Return the id of a printer that is offered under this token; it says nothing of the token."""
    return uuid5(_NAMESPACE, token)


def make_profile(
    hass: HomeAssistant, entry: LiankeConfigEntry, known: StoredPrinter, token: str
) -> Profile:
    """Return what a remembered printer offers; asks the service nothing."""
    able = known.capabilities or Capabilities()
    defaults = _defaults(entry, known)
    trays = tray_keywords(known.capabilities)
    media_types = media_type_keywords(known.capabilities)
    sides = _sides(able, by_hand=has_turn_setup(entry.options, known.key))
    colors = able.colors or frozenset(COLORS.values())
    color = COLORS["color"] in colors
    modes = _color_modes(colors)
    printer = known.printer
    media = offered_media(
        known.capabilities, known.papers, None if defaults is None else defaults.paper
    )
    device = async_printer_device(hass, entry, known.key)
    maker = printer.vendor or printer.model.split(" ")[0] or "Lianke"
    return Profile(
        name=_name(device, known),
        make_and_model=printer.model or printer.product or known.name,
        maker=maker,
        model=printer.model or printer.product or known.name,
        location=_location(hass, device),
        uuid=printer_uuid(token),
        media=media,
        trays=trays,
        media_types=media_types,
        default_tray=keyword_of(trays, None if defaults is None else defaults.tray, "auto"),
        default_media_type=keyword_of(
            media_types, None if defaults is None else defaults.media_type, "stationery"
        ),
        sides=sides,
        default_sides=_default_sides(sides, defaults),
        color=color,
        color_modes=modes,
        default_color=_default_color(modes, defaults),
        default_quality=_default_quality(defaults),
        default_copies=1 if defaults is None else defaults.copies,
        max_copies=min(able.max_copies or MAX_COPIES, MAX_COPIES),
        kinds=_kinds(printer.species, media, color=color),
        markers=printer.markers,
    )


def _kinds(species: Species, media: Iterable[Media], *, color: bool) -> tuple[str, ...]:
    """Return printer-kind: whether documents come out of the printer, or something smaller."""
    if (kind := _KINDS.get(species)) is not None:
        return (kind,)
    if color and any(item.name in PHOTO_SIZES for item in media):
        return ("document", "photo")
    return ("document",)


def _defaults(entry: LiankeConfigEntry, known: StoredPrinter) -> ResolvedOptions | None:
    """Return the options of a print that names none; None where the paper has to be named."""
    options = merge_options(
        stored_options(entry.options.get(CONF_PRINTER_OPTIONS, {}).get(known.key, {})),
        stored_options(entry.options.get(CONF_DEFAULT_OPTIONS, {})),
    )
    for asked in (options, PrintOptions()):
        try:
            return resolve_options(asked, known.capabilities, known.papers, known.printer.species)
        except InputError:
            continue
    return None


def _sides(able: Capabilities, *, by_hand: bool) -> Mapping[str, str]:
    """Return the sides to offer; without a duplex unit, both only where it is known how paper is turned.

    Devices choose both sides on their own: nobody is to find half a document who was not ready for it.
    """
    unit = able.duplex or frozenset()
    sides = {
        word: ours for word, ours in SIDES.items() if word == ONE_SIDED or DUPLEX[ours] in unit
    }
    return SIDES_BY_HAND if by_hand and len(sides) == 1 else sides


def _default_sides(sides: Mapping[str, str], defaults: ResolvedOptions | None) -> str:
    if defaults is None:
        return ONE_SIDED
    wanted = {ours for ours, number in DUPLEX.items() if number == defaults.duplex}
    if defaults.by_hand is not None:
        wanted = {ours for ours, edge in MANUAL_DUPLEX.items() if edge == defaults.by_hand}
    return next((word for word, ours in sides.items() if ours in wanted), ONE_SIDED)


def _color_modes(colors: Collection[int]) -> tuple[str, ...]:
    """Return the values of print-color-mode, the usual one first; what the printer chooses it always does.

    A printer without colour prints black and white.
    """
    if COLORS["color"] not in colors:
        return ("monochrome", "auto")
    return ("auto", "color", *(("monochrome",) if COLORS["mono"] in colors else ()))


def _default_color(modes: tuple[str, ...], defaults: ResolvedOptions | None) -> str:
    wanted = None if defaults is None else defaults.color
    word = {COLORS["mono"]: "monochrome", COLORS["color"]: "color"}.get(wanted or 0)
    return word if word in modes else modes[0]


def _default_quality(defaults: ResolvedOptions | None) -> int:
    wanted = None if defaults is None else defaults.quality
    return next(
        (number for number, ours in IPP_QUALITIES.items() if QUALITIES[ours] == wanted), NORMAL
    )


def _name(device: dr.DeviceEntry | None, known: StoredPrinter) -> str:
    """Return what the user calls the printer."""
    return (device and (device.name_by_user or device.name)) or known.name


def _location(hass: HomeAssistant, device: dr.DeviceEntry | None) -> str:
    """Return the name of the printer's area, "" without one."""
    if device is None or device.area_id is None:
        return ""
    area = ar.async_get(hass).async_get_area(device.area_id)
    return "" if area is None else area.name
