"""The invented world: printer models with their capabilities, and the ids and keys of boxes and accounts."""

from collections.abc import Callable
from dataclasses import dataclass, field
import random
import string
from typing import Any, Final

from .models import Printer

_LETTERS: Final = string.ascii_letters + string.digits


def _paper(width: int, height: int, paper_id: int, margin: int = 42) -> dict[str, int]:
    """Build a paper's entry in `paper_dimension_list`; all measures are in 0.1 mm."""
    return {
        "paper_id": paper_id,
        "physical_width": width,
        "physical_height": height,
        "printable_width": width - 2 * margin,
        "printable_height": height - 2 * margin,
    }


_OFFICE_PAPERS: Final = {
    "A4": _paper(2100, 2970, 9),
    "A5": _paper(1480, 2100, 11),
    "B5 (JIS)": _paper(1820, 2570, 13),
    "Letter": _paper(2159, 2794, 1),
    "信封 DL\r\n": _paper(1100, 2200, 27),
}
_PHOTO_PAPERS: Final = {**_OFFICE_PAPERS, "4 x 6 英寸": _paper(1016, 1524, 257, margin=0)}
_LABEL_PAPERS: Final = {
    "60 x 40 mm": _paper(600, 400, 300, margin=10),
    "100 x 100 mm": _paper(1000, 1000, 301, margin=10),
    "100 x 150 mm\r\n": _paper(1000, 1500, 302, margin=10),
}


def _capabilities(
    model: str, papers: dict[str, dict[str, int]], dev_mode: dict[str, Any], **blocks: Any
) -> dict[str, Any]:
    """Build the answer of `printer_params` for a model."""
    ids = {name: paper["paper_id"] for name, paper in papers.items()}
    return {
        "Capabilities": {
            "Papers": ids,
            "Orientation": {"纵向": 1, "横向": 2},
            "Resolutions": None,
            **blocks,
        },
        "DevMode": {"Copies": 1, "Orientation": 1, **dev_mode},
        "DeviceContext": {"LogPixelsX": 600, "LogPixelsY": 600},
        "Name": model,
    }


@dataclass(frozen=True, kw_only=True)
class Model:
    """A printer model, with everything that the printer list and `printer_params` report about it."""

    name: str
    species: int
    seconds_per_page: float
    papers: dict[str, dict[str, int]]
    capabilities: dict[str, Any]
    support_status: bool = False
    scanner: bool = False
    feeder: bool = False
    extras: dict[str, Any] = field(default_factory=dict)


_MONO: Final = {"黑白": 1}
_COLOUR: Final = {"黑白": 1, "彩色": 2}
_ONE_SIDED: Final = {"关闭": 1}
_TWO_SIDED: Final = {"关闭": 1, "长边翻转": 2, "短边翻转\r\n": 3}
_A4_DEFAULTS: Final = {
    "PaperSize": 9,
    "PaperWidth": 2100,
    "PaperLength": 2970,
    "Color": 1,
    "Duplex": 1,
    "DefaultSource": 7,
    "MediaType": 1,
    "PrintQuality": 600,
}

LASER: Final = Model(
    name="Kyocera MA2000w GX",
    species=4,
    seconds_per_page=3.0,
    papers=_OFFICE_PAPERS,
    support_status=True,
    scanner=True,
    feeder=True,
    extras={"MDL": "MA2000w", "product": "MA2000w"},
    capabilities=_capabilities(
        "Kyocera MA2000w GX",
        _OFFICE_PAPERS,
        _A4_DEFAULTS,
        Bins={"自动选择": 7, "纸盒 1": 258, "手动进纸\r\n": 4},
        Color=_MONO,
        Duplex=_TWO_SIDED,
        MediaTypes={"普通纸": 1, "厚纸": 257, "标签纸\r\n": 258},
        Copies=99,
    ),
)
LABEL: Final = Model(
    name="Gprinter GP-1324D",
    species=3,
    seconds_per_page=1.0,
    papers=_LABEL_PAPERS,
    extras={"MDL": "GP-1324D", "vendor": "Gprinter", "idVendor": "6868", "idProduct": "0200"},
    capabilities=_capabilities(
        "Gprinter GP-1324D",
        _LABEL_PAPERS,
        {"PaperSize": 300, "PaperWidth": 600, "PaperLength": 400, "Color": 1},
        Color=_MONO,
        Copies=999,
    ),
)
INKJET: Final = Model(
    name="EPSON L3250 Series",
    species=5,
    seconds_per_page=6.0,
    papers=_PHOTO_PAPERS,
    scanner=True,
    extras={"MDL": "L3250 Series", "vendor": "EPSON"},
    capabilities=_capabilities(
        "EPSON L3250 Series",
        _PHOTO_PAPERS,
        {**_A4_DEFAULTS, "Color": 2, "DefaultSource": 15},
        Bins={"后进纸器": 15},
        Color=_COLOUR,
        Duplex=_ONE_SIDED,
        MediaTypes={"普通纸": 1, "相片纸": 260},
        Copies=30,
    ),
)
SMALL_LASER: Final = Model(
    name="HP LaserJet 1020",
    species=4,
    seconds_per_page=4.0,
    papers=_OFFICE_PAPERS,
    extras={"MDL": "HP LaserJet 1020", "vendor": "HP"},
    capabilities=_capabilities(
        "HP LaserJet 1020",
        _OFFICE_PAPERS,
        _A4_DEFAULTS,
        Bins={"自动选择": 7},
        Color=_MONO,
        Duplex=_ONE_SIDED,
        Copies=50,
    ),
)
_ROLL: Final = {"80 x 297 mm": _paper(800, 2970, 310, margin=30)}
RECEIPT: Final = Model(
    name="XP-80C",
    species=2,
    seconds_per_page=1.0,
    papers=_ROLL,
    capabilities=_capabilities("XP-80C", _ROLL, {"PaperSize": 310}, Copies=1),
)
MODELS: Final = {model.name: model for model in (LASER, LABEL, INKJET, SMALL_LASER, RECEIPT)}

MODEL_NAMES: Final = sorted(
    {
        *MODELS,
        "Brother HL-L2350DW",
        "Canon LBP2900",
        "Canon TS3380",
        "Deli DL-888",
        "EPSON LQ-630K",
        "HP DeskJet 2700",
        "HP LaserJet M1005",
        "HP LaserJet Pro M126nw",
        "Lenovo LJ2206W",
        "Pantum P2500W",
        "Zebra ZD421",
    }
)


class Inventor:
    """Makes up ids and keys in the documented shapes; they are the same at each start."""

    def __init__(self) -> None:
        self._random = random.Random("an invented cloud")
        self._boxes = 0
        self._printer_id = 611_756

    def _text(self, length: int) -> str:
        return "".join(self._random.choices(_LETTERS, k=length))

    def api_key(self) -> str:
        """Invent 32 letters and digits."""
        return self._text(32)

    def device_id(self) -> str:
        """Invent 14 lower-case letters and digits."""
        self._boxes += 1
        return f"lc26ha{self._boxes:08d}"

    def device_key(self) -> str:
        """Invent 16 letters and digits, which are case-sensitive."""
        return self._text(16)

    def hash_id(self) -> str:
        """Invent 32 hexadecimal digits."""
        return f"{self._random.getrandbits(128):032x}"

    def numeric_hash_id(self) -> str:
        """Invent a hash that looks like a number, with leading zeros that a conversion to a number would lose."""
        return f"00{self._random.randrange(10**9, 10**10)}"

    def printer_id(self) -> int:
        self._printer_id += 1
        return self._printer_id


def make_printer(inventor: Inventor, model: Model, port: int, **changes: Any) -> Printer:
    """Make a printer at a USB port; `changes` override any field of Printer."""
    known: dict[str, Any] = {
        "id": inventor.printer_id(),
        "hash_id": inventor.hash_id(),
        "name": model.name,
        "driver_name": model.name,
        "species": model.species,
        "port": port,
        "support_status": model.support_status,
        "extras": dict(model.extras),
        "capabilities": model.capabilities,
        "papers": model.papers,
        "seconds_per_page": model.seconds_per_page,
        "scanner": model.scanner,
        "feeder": [] if model.feeder else None,
        "scan_duplex": model.feeder,
    }
    return Printer(**{**known, **changes})


def ink(black: int, cyan: int, magenta: int, yellow: int) -> list[dict[str, Any]]:
    """Return the `markers` of a network printer that has these ink levels in percent."""
    levels = (("Black", "#000000", black), ("Cyan", "#00FFFF", cyan))
    more = (("Magenta", "#FF00FF", magenta), ("Yellow", "#FFFF00", yellow))
    return [
        {"name": name, "color": colour, "type": "ink-cartridge", "level": level}
        for name, colour, level in levels + more
    ]


type Maker = Callable[[Inventor], list[Printer]]


def office_printers(inventor: Inventor) -> list[Printer]:
    """Make the printers of the first box, which include every kind that needs special care."""
    return [
        make_printer(inventor, LASER, 1),
        make_printer(inventor, LABEL, 2, hash_id=inventor.numeric_hash_id()),
        make_printer(
            inventor,
            INKJET,
            631,
            ip="192.168.1.40",
            name="EPSON L3250 Series (网络)",
            markers=ink(72, 40, 55, 8),
        ),
        make_printer(
            inventor,
            SMALL_LASER,
            3,
            name="Unknown Printer",
            driver_name="",
            driver_type=0,
            hash_id=None,
            species=0,
            extras={"MDL": "QX-77", "vendor": "Qixun", "idVendor": "1fc9", "idProduct": "2016"},
            capabilities={},
            papers={},
        ),
        make_printer(inventor, SMALL_LASER, 4),
        make_printer(inventor, SMALL_LASER, 5, hash_id=None),
    ]


def home_printers(inventor: Inventor) -> list[Printer]:
    """Make the printers of the second box: one plain laser printer."""
    return [make_printer(inventor, SMALL_LASER, 1)]


def shop_printers(inventor: Inventor) -> list[Printer]:
    """Make the printers of another account's box: one receipt printer."""
    return [make_printer(inventor, RECEIPT, 1)]


def fleet_printers(inventor: Inventor, count: int, number: int) -> list[Printer]:
    """Make `count` printers for one box of a fleet: laser, label and network ink-jet in turn."""
    printers = []
    for index in range(count):
        kind = (LASER, LABEL, INKJET)[index % 3]
        if kind is INKJET:
            address = f"192.168.{number % 250}.{100 + index}"
            printers.append(
                make_printer(inventor, kind, 631, ip=address, markers=ink(70, 60, 50, 40))
            )
        else:
            printers.append(make_printer(inventor, kind, index + 1))
    return printers
