"""The messages of eSCL: what a client asks for, read from XML, and what it is told, written as XML.

Lengths are in 1/300 inch, as in all regions of the protocol, and resolutions in dots per inch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import Final, NamedTuple, NoReturn
from xml.etree import ElementTree as ET
from xml.parsers import expat

from ..const import ScanColor, ScanSource

UNITS_PER_INCH: Final = 300
MAX_SETTINGS: Final = 64 * 1024
"""bytes of a request; those of clients have about 1,500."""
MAX_ELEMENTS: Final = 300
MAX_DEPTH: Final = 16
MAX_DIGITS: Final = 9
"""of a number."""
LEAST_DPI: Final = 75
MOST_DPI: Final = 600
DEFAULT_DPI: Final = 300
RESOLUTIONS: Final = (75, 100, 150, 200, 300, 400, 600)
"""What clients may choose from; others in between are scanned as well."""
JPEG: Final = "image/jpeg"
PDF: Final = "application/pdf"
FORMATS: Final = (JPEG, PDF)
LEAST_SIDE: Final = 16
"""of a region, as it is announced."""
VERSION: Final = "2.63"
_SCAN: Final = "http://schemas.hp.com/imaging/escl/2011/05/03"
_PWG: Final = "http://www.pwg.org/schemas/2010/12/sm"
_UNITS: Final = "ThreeHundredthsOfInches"
_INTENTS: Final = ("Document", "TextAndGraphic", "Photo", "Preview")

type Node = tuple[str, str | int | Sequence[Node]]


class EsclError(ValueError):
    """A request that is not understood, or asks for what there is not."""


_COLORS: Final = {
    ScanColor.COLOR: "RGB24",
    ScanColor.GRAY: "Grayscale8",
    ScanColor.MONO: "BlackAndWhite1",
}
# One client says Flatbed, and the vendor of another announces Adf.
_SOURCES: Final = {
    "Platen": ScanSource.GLASS,
    "Flatbed": ScanSource.GLASS,
    "Feeder": ScanSource.FEEDER,
    "Adf": ScanSource.FEEDER,
    "ADF": ScanSource.FEEDER,
}


class Area(NamedTuple):
    """The largest page of a source."""

    width: int
    height: int


class Region(NamedTuple):
    """A part of a page, from its upper left corner on."""

    left: int
    top: int
    width: int
    height: int

    def within(self, area: Area) -> Region:
        """Return what of the region lies on the page. Raises EsclError if that is nothing."""
        width = min(self.left + self.width, area.width) - self.left
        height = min(self.top + self.height, area.height) - self.top
        if width <= 0 or height <= 0:
            raise EsclError("the region is not on the page")
        return self._replace(width=width, height=height)


@dataclass(frozen=True, kw_only=True, slots=True)
class ScanSettings:
    """What a client wants to be scanned; None where it leaves the choice to the scanner."""

    source: ScanSource | None = None
    color: ScanColor = ScanColor.COLOR
    dpi: int = DEFAULT_DPI
    format: str = JPEG
    two_sided: bool = False
    region: Region | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What a scanner can do; a source that it has not is None."""

    make_and_model: str
    uuid: str
    admin_url: str
    icon_url: str
    glass: Area | None
    feeder: Area | None
    two_sided: bool
    colors: tuple[ScanColor, ...]
    resolutions: tuple[int, ...]


class JobState(StrEnum):
    PROCESSING = "Processing"
    COMPLETED = "Completed"
    CANCELED = "Canceled"
    ABORTED = "Aborted"


_REASONS: Final = {
    JobState.PROCESSING: "JobScanning",
    JobState.COMPLETED: "JobCompletedSuccessfully",
    JobState.CANCELED: "JobCanceledByUser",
    JobState.ABORTED: "AbortedBySystem",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class JobInfo:
    """A scan as clients are told of it; `age` is in seconds, `taken` and `waiting` count documents."""

    path: str
    uuid: str
    age: int
    state: JobState
    taken: int
    waiting: int


def _texts(data: bytes) -> dict[str, str]:
    """Return the text of the first element of each name; prefixes are whatever a client likes. Raises EsclError."""
    texts: dict[str, str] = {}
    names: list[str] = []
    text: list[str] = []
    elements = count(1)

    def start(name: str, _attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        if not names and name != "ScanSettings":
            raise EsclError("no ScanSettings")
        names.append(name)
        if next(elements) > MAX_ELEMENTS or len(names) > MAX_DEPTH:
            raise EsclError("too much of it")
        text.clear()

    def end(_name: str) -> None:
        texts.setdefault(names.pop(), "".join(text).strip())
        text.clear()

    def refuse(*_declared: object) -> NoReturn:
        raise EsclError("document types are not read")

    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text.append
    # Entities are declared in a document type, which no client has.
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as err:
        raise EsclError(f"no XML: {expat.ErrorString(err.code)}") from None
    return texts


def parse_settings(data: bytes) -> ScanSettings:
    """Return what the body of a request to scan asks for. Raises EsclError."""
    if len(data) > MAX_SETTINGS:
        raise EsclError("too much of it")
    # A client has blanks before the declaration, which XML forbids.
    texts = _texts(data.removeprefix(b"\xef\xbb\xbf").lstrip())
    source = texts.get("InputSource")
    if source and source not in _SOURCES:
        raise EsclError("no such source")
    # The newer of two elements for the same.
    wanted = texts.get("DocumentFormatExt") or texts.get("DocumentFormat") or JPEG
    if wanted not in FORMATS:
        raise EsclError("no such format")
    mode = texts.get("ColorMode") or _COLORS[ScanColor.COLOR]
    color = next((one for one, word in _COLORS.items() if word == mode), None)
    if color is None:
        raise EsclError("no such colour mode")
    return ScanSettings(
        source=_SOURCES[source] if source else None,
        color=color,
        dpi=_resolution(texts),
        format=wanted,
        two_sided=texts.get("Duplex") in ("true", "1"),
        region=_region(texts),
    )


def _resolution(texts: dict[str, str]) -> int:
    across = _number(texts, "XResolution", DEFAULT_DPI)
    if across != _number(texts, "YResolution", across) or not LEAST_DPI <= across <= MOST_DPI:
        raise EsclError("no such resolution")
    return across


def _region(texts: dict[str, str]) -> Region | None:
    if "Width" not in texts and "Height" not in texts:
        return None
    if not texts.get("ContentRegionUnits", _UNITS).endswith(_UNITS):
        raise EsclError("no such units")
    return Region(*(_number(texts, name, 0) for name in ("XOffset", "YOffset", "Width", "Height")))


def _number(texts: dict[str, str], name: str, default: int) -> int:
    text = texts.get(name) or str(default)
    if not (text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS):
        raise EsclError(f"{name} is no number")
    return int(text)


def capabilities_xml(able: Capabilities) -> bytes:
    nodes: list[Node] = [
        ("pwg:Version", VERSION),
        ("pwg:MakeAndModel", able.make_and_model),
        ("scan:UUID", able.uuid),
        ("scan:AdminURI", able.admin_url),
        ("scan:IconURI", able.icon_url),
    ]
    if able.glass:
        glass = _source(able, able.glass)
        nodes.append(("scan:Platen", [("scan:PlatenInputCaps", glass)]))
    if able.feeder:
        feeder = _source(able, able.feeder)
        sides: list[Node] = [("scan:AdfSimplexInputCaps", feeder)]
        if able.two_sided:
            sides.append(("scan:AdfDuplexInputCaps", feeder))
            sides.append(("scan:AdfOptions", [("scan:AdfOption", "Duplex")]))
        nodes.append(("scan:Adf", sides))
    return _document("scan:ScannerCapabilities", nodes)


def _source(able: Capabilities, area: Area) -> list[Node]:
    each: list[Node] = [
        ("scan:DiscreteResolution", [("scan:XResolution", dpi), ("scan:YResolution", dpi)])
        for dpi in able.resolutions
    ]
    profile: list[Node] = [
        ("scan:ColorModes", _each("scan:ColorMode", [_COLORS[color] for color in able.colors])),
        (
            "scan:DocumentFormats",
            _each("pwg:DocumentFormat", FORMATS) + _each("scan:DocumentFormatExt", FORMATS),
        ),
        ("scan:SupportedResolutions", [("scan:DiscreteResolutions", each)]),
    ]
    return [
        ("scan:MinWidth", LEAST_SIDE),
        ("scan:MaxWidth", area.width),
        ("scan:MinHeight", LEAST_SIDE),
        ("scan:MaxHeight", area.height),
        ("scan:MaxScanRegions", 1),
        ("scan:SettingProfiles", [("scan:SettingProfile", profile)]),
        ("scan:SupportedIntents", _each("scan:Intent", _INTENTS)),
        ("scan:MaxOpticalXResolution", max(able.resolutions)),
        ("scan:MaxOpticalYResolution", max(able.resolutions)),
    ]


def _each(name: str, texts: Sequence[str]) -> list[Node]:
    return [(name, text) for text in texts]


def status_xml(jobs: Sequence[JobInfo], *, is_idle: bool) -> bytes:
    """Return the ScannerStatus document; `jobs` are the newest first.

    It says nothing of the feeder: nobody knows whether there is paper in it.
    """
    nodes: list[Node] = [
        ("pwg:Version", VERSION),
        ("pwg:State", "Idle" if is_idle else "Processing"),
        ("scan:Jobs", [("scan:JobInfo", _job(job)) for job in jobs]),
    ]
    return _document("scan:ScannerStatus", nodes)


def _job(job: JobInfo) -> list[Node]:
    return [
        ("pwg:JobUri", job.path),
        ("pwg:JobUuid", job.uuid),
        ("scan:Age", job.age),
        ("pwg:ImagesCompleted", job.taken),
        ("pwg:ImagesToTransfer", job.waiting),
        ("pwg:JobState", job.state),
        ("pwg:JobStateReasons", [("pwg:JobStateReason", _REASONS[job.state])]),
    ]


def _document(name: str, nodes: Sequence[Node]) -> bytes:
    root = ET.Element(name, {"xmlns:scan": _SCAN, "xmlns:pwg": _PWG})
    _add(root, nodes)
    document: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return document


def _add(parent: ET.Element, nodes: Sequence[Node]) -> None:
    for name, content in nodes:
        element = ET.SubElement(parent, name)
        if isinstance(content, str | int):
            # What a name may have and XML may not is left out.
            element.text = "".join(letter for letter in str(content) if letter.isprintable())
        else:
            _add(element, content)
