"""Messages of eSCL: the XML that clients send, and the XML that clients receive.

Lengths are in 1/300 inch, as everywhere in the protocol, and resolutions in dots per inch.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import Final, NamedTuple, NoReturn
from xml.etree import ElementTree as ET
from xml.parsers import expat

from ..const import JPEG_TYPE, PDF_TYPE, ScanColor, ScanSource

UNITS_PER_INCH: Final = 300
# Maximum bytes of a request to scan; real clients send about 1,500.
MAX_SETTINGS_BYTES: Final = 64 * 1024
# Maximum number of XML elements in a request.
MAX_SETTINGS_ELEMENTS: Final = 300
# Maximum depth of nested XML elements.
MAX_ELEMENT_DEPTH: Final = 16
# Maximum number of digits of a number in a request.
MAX_SCAN_DIGITS: Final = 9
# The lowest and highest resolution that a client may request, and the default, in dots per inch.
LEAST_SCAN_DPI: Final = 75
MOST_SCAN_DPI: Final = 600
DEFAULT_SCAN_DPI: Final = 300
# The resolutions that we announce; clients may also request resolutions in between.
SCAN_RESOLUTIONS: Final = (75, 100, 150, 200, 300, 400, 600)
SCAN_FORMATS: Final = (JPEG_TYPE, PDF_TYPE)
# The minimum width and height of a region, which clients read in our capabilities.
MIN_REGION_SIDE: Final = 16
ESCL_VERSION: Final = "2.63"
_SCAN: Final = "http://schemas.hp.com/imaging/escl/2011/05/03"
_PWG: Final = "http://www.pwg.org/schemas/2010/12/sm"
_REGION_UNITS: Final = "ThreeHundredthsOfInches"
_INTENTS: Final = ("Document", "TextAndGraphic", "Photo", "Preview")

type Node = tuple[str, str | int | Sequence[Node]]


class EsclError(ValueError):
    """A request that cannot be read."""


class EsclConflictError(EsclError):
    """A request for something that the scanner lacks, or cannot do until somebody attends to the scanner."""


_COLOR_MODES: Final = {
    ScanColor.COLOR: "RGB24",
    ScanColor.GRAY: "Grayscale8",
    ScanColor.MONO: "BlackAndWhite1",
}
# eSCL's own words are Platen and Feeder. One client sends Flatbed, and one vendor's scanners announce Adf.
_SOURCE_WORDS: Final = {
    "Platen": ScanSource.GLASS,
    "Flatbed": ScanSource.GLASS,
    "Feeder": ScanSource.FEEDER,
    "Adf": ScanSource.FEEDER,
    "ADF": ScanSource.FEEDER,
}


class Area(NamedTuple):
    """The size of the largest page of a source."""

    width: int
    height: int


class Region(NamedTuple):
    left: int
    top: int
    width: int
    height: int

    def within(self, area: Area) -> Region:
        """Clip the region to the page. Raises EsclError if no part of the region is on the page."""
        width = min(self.left + self.width, area.width) - self.left
        height = min(self.top + self.height, area.height) - self.top
        if width <= 0 or height <= 0:
            raise EsclConflictError("the region is not on the page")
        return self._replace(width=width, height=height)


@dataclass(frozen=True, kw_only=True, slots=True)
class ScanSettings:
    # None leaves the choice to the scanner.
    source: ScanSource | None = None
    color: ScanColor = ScanColor.COLOR
    dpi: int = DEFAULT_SCAN_DPI
    format: str = JPEG_TYPE
    two_sided: bool = False
    region: Region | None = None  # None for the whole page


@dataclass(frozen=True, kw_only=True, slots=True)
class ScannerCapabilities:
    make_and_model: str
    uuid: str
    admin_url: str
    icon_url: str
    # None if the scanner has no such source.
    glass: Area | None
    feeder: Area | None
    two_sided: bool
    colors: tuple[ScanColor, ...]
    resolutions: tuple[int, ...]


class ScannerState(StrEnum):
    IDLE = "Idle"
    PROCESSING = "Processing"
    STOPPED = "Stopped"


class FeederState(StrEnum):
    LOADED = "ScannerAdfLoaded"
    EMPTY = "ScannerAdfEmpty"
    JAM = "ScannerAdfJam"
    OPEN = "ScannerAdfHatchOpen"
    # SANE's backends know this name instead of OPEN.
    OPEN_FOR_SANE = "ScannerAdfDoorOpen"


class ScanJobState(StrEnum):
    PROCESSING = "Processing"
    COMPLETED = "Completed"
    CANCELED = "Canceled"
    ABORTED = "Aborted"


_REASONS: Final = {
    ScanJobState.PROCESSING: "JobScanning",
    ScanJobState.COMPLETED: "JobCompletedSuccessfully",
    ScanJobState.CANCELED: "JobCanceledByUser",
    ScanJobState.ABORTED: "AbortedBySystem",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ScanJobInfo:
    """A scan as we report it to clients."""

    path: str
    uuid: str
    age: int  # seconds
    state: ScanJobState
    # Why a scan was aborted, if known: a second JobStateReason after "AbortedBySystem".
    cause: str | None = None
    # Number of documents that the client has received.
    taken: int
    # Number of documents that are ready for the client.
    waiting: int


def _texts(data: bytes) -> dict[str, str]:
    """Return texts by element name without prefix; the first element with a name counts. Raises EsclError."""
    texts: dict[str, str] = {}
    names: list[str] = []
    text: list[str] = []
    elements = count(1)

    def start(name: str, _attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        if not names and name != "ScanSettings":
            raise EsclError("no ScanSettings")
        names.append(name)
        if next(elements) > MAX_SETTINGS_ELEMENTS or len(names) > MAX_ELEMENT_DEPTH:
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
    # A document type could declare entities that expand without end. No client sends a document type.
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as err:
        raise EsclError(f"no XML: {expat.ErrorString(err.code)}") from None
    return texts


def parse_settings(data: bytes) -> ScanSettings:
    """Read the body of a request to scan. Raises EsclError."""
    if len(data) > MAX_SETTINGS_BYTES:
        raise EsclError("too much of it")
    # One client sends blanks before the XML declaration, which XML forbids.
    texts = _texts(data.removeprefix(b"\xef\xbb\xbf").lstrip())
    source = texts.get("InputSource")
    if source and source not in _SOURCE_WORDS:
        raise EsclConflictError("no such source")
    # Both elements name the format; DocumentFormatExt is the newer element.
    wanted = texts.get("DocumentFormatExt") or texts.get("DocumentFormat") or JPEG_TYPE
    if wanted not in SCAN_FORMATS:
        raise EsclConflictError("no such format")
    mode = texts.get("ColorMode") or _COLOR_MODES[ScanColor.COLOR]
    color = next((one for one, word in _COLOR_MODES.items() if word == mode), None)
    if color is None:
        raise EsclConflictError("no such colour mode")
    return ScanSettings(
        source=_SOURCE_WORDS[source] if source else None,
        color=color,
        dpi=_resolution(texts),
        format=wanted,
        two_sided=texts.get("Duplex") in ("true", "1"),
        region=_region(texts),
    )


def _resolution(texts: dict[str, str]) -> int:
    across = _number(texts, "XResolution", DEFAULT_SCAN_DPI)
    if (
        across != _number(texts, "YResolution", across)
        or not LEAST_SCAN_DPI <= across <= MOST_SCAN_DPI
    ):
        raise EsclConflictError("no such resolution")
    return across


def _region(texts: dict[str, str]) -> Region | None:
    if "Width" not in texts and "Height" not in texts:
        return None
    if not texts.get("ContentRegionUnits", _REGION_UNITS).endswith(_REGION_UNITS):
        raise EsclConflictError("no such units")
    return Region(*(_number(texts, name, 0) for name in ("XOffset", "YOffset", "Width", "Height")))


def _number(texts: dict[str, str], name: str, default: int) -> int:
    text = texts.get(name) or str(default)
    if not (text.isascii() and text.isdecimal() and len(text) <= MAX_SCAN_DIGITS):
        raise EsclError(f"{name} is no number")
    return int(text)


def capabilities_xml(able: ScannerCapabilities) -> bytes:
    nodes: list[Node] = [
        ("pwg:Version", ESCL_VERSION),
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


def _source(able: ScannerCapabilities, area: Area) -> list[Node]:
    each: list[Node] = [
        ("scan:DiscreteResolution", [("scan:XResolution", dpi), ("scan:YResolution", dpi)])
        for dpi in able.resolutions
    ]
    profile: list[Node] = [
        (
            "scan:ColorModes",
            _each("scan:ColorMode", [_COLOR_MODES[color] for color in able.colors]),
        ),
        (
            "scan:DocumentFormats",
            _each("pwg:DocumentFormat", SCAN_FORMATS)
            + _each("scan:DocumentFormatExt", SCAN_FORMATS),
        ),
        ("scan:SupportedResolutions", [("scan:DiscreteResolutions", each)]),
    ]
    return [
        ("scan:MinWidth", MIN_REGION_SIDE),
        ("scan:MaxWidth", area.width),
        ("scan:MinHeight", MIN_REGION_SIDE),
        ("scan:MaxHeight", area.height),
        ("scan:MaxScanRegions", 1),
        ("scan:SettingProfiles", [("scan:SettingProfile", profile)]),
        ("scan:SupportedIntents", _each("scan:Intent", _INTENTS)),
        ("scan:MaxOpticalXResolution", max(able.resolutions)),
        ("scan:MaxOpticalYResolution", max(able.resolutions)),
    ]


def _each(name: str, texts: Iterable[str]) -> list[Node]:
    return [(name, text) for text in texts]


def status_xml(
    jobs: Sequence[ScanJobInfo], state: ScannerState, feeder: FeederState | None
) -> bytes:
    """Return the ScannerStatus document; `jobs` come newest first; `feeder` is None if its state is unknown."""
    nodes: list[Node] = [
        ("pwg:Version", ESCL_VERSION),
        ("pwg:State", state),
        *([("scan:AdfState", feeder)] if feeder else []),
        ("scan:Jobs", [("scan:JobInfo", _job(job)) for job in jobs]),
    ]
    return _document("scan:ScannerStatus", nodes)


def _job(job: ScanJobInfo) -> list[Node]:
    reasons = _REASONS[job.state], job.cause
    return [
        ("pwg:JobUri", job.path),
        ("pwg:JobUuid", job.uuid),
        ("scan:Age", job.age),
        ("pwg:ImagesCompleted", job.taken),
        ("pwg:ImagesToTransfer", job.waiting),
        ("pwg:JobState", job.state),
        ("pwg:JobStateReasons", _each("pwg:JobStateReason", filter(None, reasons))),
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
            # A name may contain characters that XML forbids.
            element.text = "".join(letter for letter in str(content) if letter.isprintable())
        else:
            _add(element, content)
