"""Boxes and printers of the service, as frozen dataclasses.

`from_json` reads an answer tolerantly: values that it cannot read become None or are left out, and it raises
LiankeResponseError only if nothing in the answer is usable. Objects of `Stored` classes are also kept on disk.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import IntEnum, StrEnum
from ipaddress import ip_address
import re
from typing import Self, override

from .answer_limits import MAX_ANSWER_DEVICES, MAX_ANSWER_NAMES, MAX_ANSWER_ROWS
from .coerce import to_bool, to_int, to_list, to_mapping, to_message, to_optional_text, to_text
from .errors import LiankeResponseError, PrinterNotFoundError
from .stored import READ, Stored, service_field
from .tasks import rows_of

# The port in the row of a network printer. Jobs for such a printer name port 1 and the printer's IP address instead.
NETWORK_PORT = 631


class DriverState(StrEnum):
    """Whether the service has a driver for a printer (`driver_type`)."""

    AWAITING = "awaiting"
    SUPPORTED = "supported"
    UNSUPPORTED = "unsupported"
    UNKNOWN = "unknown"

    @classmethod
    @override
    def _missing_(cls, value: object) -> Self:
        return cls.UNKNOWN


_DRIVER_STATES: Mapping[int | None, DriverState] = {
    0: DriverState.AWAITING,
    1: DriverState.SUPPORTED,
    2: DriverState.UNSUPPORTED,
}


class PrinterKind(IntEnum):
    """Which printers to list (`printerType`)."""

    USB = 1
    NETWORK = 2
    BOTH = 3


class PrinterType(IntEnum):
    """The kind of machine a printer is (`species`)."""

    UNKNOWN = 0
    DOT_MATRIX = 1
    RECEIPT = 2
    LABEL = 3
    LASER = 4
    INKJET = 5
    DYE_SUBLIMATION = 6
    CARD = 7

    @classmethod
    @override
    def _missing_(cls, value: object) -> Self:
        return cls.UNKNOWN


_LABEL_NAMES = re.compile(
    r"label|标签|条码|barcode|zdesigner|zebra|\bxp-?[34]\d\d|\bgp-?1[1-5]\d\d|\btsc\b|godex|argox",
    re.IGNORECASE,
)
_RECEIPT_NAMES = re.compile(
    r"esc ?/ ?pos|escpos|\bpos-?(58|76|80)|\bxp-?(58|76|80|[nqt]\d)|receipt|小票|热敏|thermal",
    re.IGNORECASE,
)


def guess_printer_type(*names: str) -> PrinterType:
    """Return the type that a printer's names suggest: LABEL or RECEIPT (both use narrow paper), otherwise UNKNOWN."""
    for printer_type, words in (
        (PrinterType.LABEL, _LABEL_NAMES),
        (PrinterType.RECEIPT, _RECEIPT_NAMES),
    ):
        if any(words.search(name) for name in names):
            return printer_type
    return PrinterType.UNKNOWN


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    device_id: str
    device_key: str = field(repr=False)


# A version may end in a letter: 2.1.213C.
_FIRMWARE = re.compile(r"(\d{1,6})\.(\d{1,6})\.(\d{1,6})", re.ASCII)
_FIRST_REPORTING_FIRMWARE = (2, 1, 112)


def to_address(value: object) -> str | None:
    """Return an address of a box; None if it shows that the interface is not connected (169.254.x, 0.0.0.0)."""
    if (text := to_optional_text(value)) is None:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return text
    return None if address.is_link_local or address.is_unspecified else text


@dataclass(frozen=True, kw_only=True, slots=True)
class Box(Stored):
    """A box as `device_info` describes it."""

    online: bool | None = service_field("info/online")  # None: the box was never started
    device_type: str = service_field("info/device_type", "")
    hardware: str = service_field("version/hardware", "")
    software: str = service_field("version/software", "")
    expires: date | None = service_field("info/expire_date")
    expired: bool = service_field("info/is_expire", default=False)
    usb_ports: int | None = service_field("info/usb_port_num")
    lan_address: str | None = service_field("network/lan/ipaddr", None, to_address)
    lan_mac: str | None = service_field("network/lan/macaddr")
    wifi_address: str | None = service_field("network/wwan/ipaddr", None, to_address)

    @property
    def reports_by_itself(self) -> bool:
        """Whether the box reports its state and printers without a request. Firmware before 2.1.112 does not."""
        numbers = _FIRMWARE.match(self.software)
        return numbers is None or tuple(map(int, numbers.groups())) >= _FIRST_REPORTING_FIRMWARE

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Read `data` of `device_info`. Raises LiankeResponseError if `data` does not describe a box."""
        if not to_mapping(to_mapping(data).get("info")):
            raise LiankeResponseError("device_info without info")
        return cls.from_service(data)


# The usual inks and toners, each with a pattern that matches its names in `markers`.
_INKS = {
    "black": re.compile(r"black|黑色?|k"),
    "photo_black": re.compile(r"photo ?black|照片黑色?|pk|pbk"),
    "matte_black": re.compile(r"matte? ?black|粗面黑色?|mk|mbk"),
    "gray": re.compile(r"gr[ae]y|灰色?|gy"),
    "light_gray": re.compile(r"light ?gr[ae]y|[浅淡]灰色?|lgy"),
    "cyan": re.compile(r"cyan|青色?|c"),
    "light_cyan": re.compile(r"light ?cyan|[浅淡]青色?|lc"),
    "magenta": re.compile(r"magenta|品红色?|洋红色?|m"),
    "light_magenta": re.compile(r"light ?magenta|[浅淡](?:品|洋)红色?|lm"),
    "yellow": re.compile(r"yellow|黄色?|y"),
}


def to_level(value: object) -> int | None:
    """Return a level as a whole number from 0 to 100 (%); None for any other value, such as a fraction below 1."""
    if isinstance(value, float) and (0 < value < 1 or not -1 < value < 101):
        return None
    level = to_int(round(value) if isinstance(value, float) else value)
    return level if level is not None and 0 <= level <= 100 else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Marker(Stored):
    """The ink or toner of one color. `level` is in %; None if the printer reports no level, or an impossible value."""

    name: str
    level: int | None = field(default=None, metadata={READ: to_level})
    color: str | None = None


def ink_of(name: str) -> str | None:
    """Return the key of `_INKS` for the ink that a marker's name means; None for any other ink."""
    text = name.casefold().removesuffix(" ink").removesuffix(" toner").replace("-", " ").strip()
    return next((ink for ink, called in _INKS.items() if called.fullmatch(text)), None)


def parse_markers(value: object) -> tuple[Marker, ...]:
    """Return the ink and toner levels in `markers`, a list of objects as in the vendor's own data model."""
    markers: list[Marker] = []
    seen: dict[str, int] = {}
    for item in to_list(value)[:MAX_ANSWER_DEVICES]:
        if not isinstance(item, dict):
            continue
        row = to_mapping(item)
        color = row.get("color")
        if isinstance(color, list):
            # A cartridge with several colors.
            color = "".join(to_text(one) for one in color[:MAX_ANSWER_ROWS])
        name = to_text(row.get("name") or color) or str(len(markers) + 1)
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            name = f"{name} {seen[name]}"
        level = to_level(row.get("level"))
        markers.append(Marker(name=name, level=level, color=to_optional_text(color)))
    return tuple(markers)


@dataclass(frozen=True, kw_only=True, slots=True)
class PrinterAddress:
    """Where a job goes: a USB port and model, or a network printer's address."""

    # For a network printer, this is 1 if `target_ip` is known. Otherwise it is 631, and only `hash_id` identifies the
    # printer.
    port: int
    model: str
    hash_id: str | None = None
    target_ip: str | None = None

    @property
    def is_network(self) -> bool:
        return self.target_ip is not None or self.port == NETWORK_PORT

    @property
    def known_hash(self) -> str:
        """The printer's hash. Raises PrinterNotFoundError if the hash is unknown."""
        if self.hash_id is None:
            raise PrinterNotFoundError
        return self.hash_id


@dataclass(frozen=True, kw_only=True, slots=True)
class Printer(Stored):
    """A row of `printer_list`."""

    row_id: int | None = None
    hash_id: str | None = None
    name: str
    model: str  # the driver's name
    driver: DriverState = DriverState.UNKNOWN
    is_printer: bool = False  # also False while a printer is busy
    port: int
    ip_address: str | None = None
    raw_state: str | None = None
    species: PrinterType = PrinterType.UNKNOWN  # stored under the service's name
    reports_condition: bool = False
    markers: tuple[Marker, ...] = ()
    vendor: str | None = None
    product: str | None = None
    # Where the printer's jobs go.
    address: PrinterAddress = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        address = PrinterAddress(
            port=1 if self.ip_address is not None else self.port,
            model=self.model,
            hash_id=self.hash_id,
            target_ip=self.ip_address,
        )
        # The class is frozen.
        object.__setattr__(self, "address", address)

    @classmethod
    def from_json(cls, row: object) -> Self | None:
        """Return the printer in one row; None if the row does not identify a printer."""
        fields = to_mapping(row)
        model = to_text(fields.get("driver_name")) or to_text(fields.get("drivce_name"))
        name = to_text(fields.get("printer_name")) or model or to_text(fields.get("product"))
        ip_address = to_optional_text(fields.get("ip_addr"))
        port = to_int(fields.get("port"))
        if not name or (port is None and ip_address is None):
            return None
        species = to_int(fields.get("species"))
        if species is None:
            species = to_int(fields.get("printer_species"))
        return cls(
            row_id=to_int(fields.get("id")),
            hash_id=to_optional_text(fields.get("hash_id")),
            name=name,
            model=model,
            driver=_DRIVER_STATES.get(to_int(fields.get("driver_type")), DriverState.UNKNOWN),
            # Only an explicit 0 means "no printer, or busy"; a row without the field is a printer.
            is_printer=to_bool(fields.get("isPrinter")) is not False,
            port=NETWORK_PORT if port is None else port,
            ip_address=ip_address,
            raw_state=to_optional_text(fields.get("printer_state")),
            species=PrinterType(species or 0)
            or guess_printer_type(
                model, name, *(to_text(fields.get(key)) for key in ("product", "MDL"))
            ),
            reports_condition=to_bool(fields.get("support_status")) or False,
            markers=parse_markers(fields.get("markers")),
            vendor=to_optional_text(fields.get("vendor")),
            product=to_optional_text(fields.get("product")) or to_optional_text(fields.get("MDL")),
        )


def parse_printers(data: object) -> tuple[Printer, ...]:
    """Return the printers in `data` of `printer_list`; no data means no printers.

    Raises LiankeResponseError if `data` has another shape, or if it has rows and none of them can be read.
    """
    rows = rows_of(data, "row")
    printers = tuple(
        printer for row in rows[:MAX_ANSWER_DEVICES] if (printer := Printer.from_json(row))
    )
    if rows and not printers:
        raise LiankeResponseError("printer_list without readable rows")
    return printers


def parse_model_names(data: object) -> tuple[str, ...]:
    """Return the model names in `data` of `printer_enum`: a list of names or objects, or an object with such a list.

    Raises LiankeResponseError for any other shape, because an unreadable list must not be taken for an empty list.
    """
    if isinstance(data, dict):
        data = next((value for value in data.values() if isinstance(value, list)), [])
    if data is not None and not isinstance(data, list):
        raise LiankeResponseError("printer_enum of an unknown shape")
    names: dict[str, None] = {}
    for item in to_list(data)[:MAX_ANSWER_NAMES]:
        fields = to_mapping(item)
        name = to_text(item) or to_text(fields.get("name")) or to_text(fields.get("driver_name"))
        if name:
            names[name] = None
    if data and not names:
        raise LiankeResponseError("printer_enum without names")
    return tuple(names)


@dataclass(frozen=True, kw_only=True, slots=True)
class PrinterCondition(Stored):
    """The printer's own report (`printer_status`). A field is None if the report does not contain it."""

    cover_open: bool | None = service_field("headOpened")
    paper_jam: bool | None = service_field("paperJam")
    out_of_paper: bool | None = service_field("outOfPaper")
    out_of_ribbon: bool | None = service_field("outOfRibbon")
    out_of_ink: bool | None = service_field("outOfInk")
    paused: bool | None = service_field("pause")
    printing: bool | None = service_field("printing")
    message: str = service_field("msg", "", to_message)
    code: int | None = service_field("statusCode")

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Read `data` of `printer_status`. Raises LiankeResponseError if `data` is not an object."""
        if data is not None and not isinstance(data, dict):
            raise LiankeResponseError("printer_status of an unknown shape")
        read = cls.from_service(data)
        code = to_int(to_mapping(data).get("errCode")) if read.code is None else read.code
        return replace(read, code=code)
