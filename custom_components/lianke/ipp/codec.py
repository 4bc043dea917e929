"""Encode and decode IPP messages (RFC 8010)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
import struct
from typing import Final

from .model import (
    MAX_INTEGER,
    IppCollection,
    IppError,
    IppGroup,
    IppMessage,
    IppTag,
    IppValue,
    Range,
    Resolution,
    Status,
    shortened,
)

# Maximum bytes of a request's attributes, which precede its document.
MAX_ATTRIBUTES_BYTES: Final = 64 * 1024
# Maximum number of values and groups in a request, members of collections included.
MAX_IPP_VALUES: Final = 2000
# Maximum depth of collections within collections.
MAX_COLLECTION_DEPTH: Final = 5
# Maximum bytes of a string value: the limit for texts and URIs (RFC 8011, section 5.1).
MAX_IPP_VALUE_BYTES: Final = 1023
# Maximum bytes of an attribute's name.
MAX_ATTRIBUTE_NAME_BYTES: Final = 255

_HEADER: Final = struct.Struct(">BBHI")
_INTEGER: Final = struct.Struct(">i")
_RANGE: Final = struct.Struct(">ii")
_RESOLUTION: Final = struct.Struct(">iib")
_DATE: Final = struct.Struct(">HBBBBBBcBB")
_DPI: Final = 3
_STRINGS: Final = frozenset(tag for tag in IppTag if tag >= IppTag.TEXT)
_OUT_OF_BAND: Final = range(0x10, 0x20)
_DELIMITERS: Final = range(0x10)


class IncompleteError(IppError):
    """The attributes do not end within the bytes that have arrived so far."""

    def __init__(self) -> None:
        # This status applies if the request ends here; if more bytes follow, the caller decodes again.
        super().__init__(Status.BAD_REQUEST, "the attributes are cut off")


def decode(data: bytes) -> tuple[IppMessage, int]:
    """Return the message at the start of the bytes, and the number of bytes in the message.

    Raises IncompleteError if the message needs more bytes, IppError if it is malformed or exceeds a limit.
    """
    if len(data) < _HEADER.size:
        raise IncompleteError
    major, minor, code, request_id = _HEADER.unpack_from(data)
    reader = _MessageReader(data[:MAX_ATTRIBUTES_BYTES], _HEADER.size)
    try:
        groups = tuple(reader.groups())
    except IncompleteError:
        if len(data) >= MAX_ATTRIBUTES_BYTES:
            raise IppError(Status.ENTITY_TOO_LARGE, "the attributes have too many bytes") from None
        raise
    message = IppMessage(code=code, request_id=request_id, groups=groups, version=(major, minor))
    return message, reader.position


@dataclass(slots=True)
class _MessageReader:
    _data: bytes
    position: int
    _counted: int = 0

    def groups(self) -> Iterator[IppGroup]:
        tag = self._byte()
        while tag != IppTag.END:
            if tag not in _DELIMITERS or tag == 0:
                raise _malformed()
            # Count groups, too: a group without attributes takes a single byte.
            self._count()
            attributes: dict[str, list[IppValue]] = {}
            group, tag = tag, self._byte()
            name = ""
            while tag not in _DELIMITERS:
                own_name = self._name()
                if own_name:
                    if own_name in attributes:
                        raise _malformed()
                    name = own_name
                    attributes[name] = []
                elif not name:
                    raise _malformed()
                attributes[name].append(self._value(tag, 0))
                tag = self._byte()
            yield IppGroup(tag=group, attributes=_frozen(attributes))

    def _byte(self) -> int:
        if self.position >= len(self._data):
            raise IncompleteError
        self.position += 1
        return self._data[self.position - 1]

    def _field(self) -> bytes:
        """Read a length of 16 bits, and return that many bytes after it."""
        start = self.position + 2
        if start > len(self._data):
            raise IncompleteError
        length = int.from_bytes(self._data[self.position : start])
        if length > 0x7FFF:
            raise _malformed()
        if start + length > len(self._data):
            raise IncompleteError
        self.position = start + length
        return self._data[start : self.position]

    def _name(self) -> str:
        field = self._field()
        if len(field) > MAX_ATTRIBUTE_NAME_BYTES:
            raise IppError(Status.VALUE_TOO_LONG, "a name is too long")
        return field.decode("utf-8", "replace")

    def _count(self) -> None:
        self._counted += 1
        if self._counted > MAX_IPP_VALUES:
            raise IppError(Status.ENTITY_TOO_LARGE, "there are too many values")

    def _value(self, tag: int, depth: int) -> IppValue:
        self._count()
        field = self._field()
        if tag == IppTag.BEGIN_COLLECTION:
            if depth >= MAX_COLLECTION_DEPTH:
                raise IppError(Status.ENTITY_TOO_LARGE, "collections are nested too deeply")
            return IppValue(tag, self._collection(depth + 1))
        if tag == IppTag.END_COLLECTION:
            raise _malformed()
        return _decode_value(tag, field)

    def _collection(self, depth: int) -> IppCollection:
        members: dict[str, list[IppValue]] = {}
        name = ""
        while (tag := self._byte()) != IppTag.END_COLLECTION:
            if tag in _DELIMITERS or self._name():
                raise _malformed()
            value = self._value(tag, depth)
            if tag == IppTag.MEMBER_NAME:
                assert isinstance(value.content, str)
                name = value.content
                if not name or name in members:
                    raise _malformed()
                members[name] = []
            elif not name:
                raise _malformed()
            else:
                members[name].append(value)
        if self._name() or self._field():
            raise _malformed()
        return _frozen(members)


def _frozen(attributes: Mapping[str, list[IppValue]]) -> IppCollection:
    return {name: tuple(values) for name, values in attributes.items()}


def _decode_value(tag: int, field: bytes) -> IppValue:
    if tag in _OUT_OF_BAND:
        return IppValue(tag, None)
    if tag in _STRINGS:
        return IppValue(tag, _text(field))
    try:
        match tag:
            case IppTag.INTEGER | IppTag.ENUM:
                return IppValue(tag, _INTEGER.unpack(field)[0])
            case IppTag.BOOLEAN:
                if field not in (b"\0", b"\1"):
                    raise _malformed()
                return IppValue(tag, field == b"\1")
            case IppTag.RANGE:
                return IppValue(tag, Range(*_RANGE.unpack(field)))
            case IppTag.RESOLUTION:
                across, along, unit = _RESOLUTION.unpack(field)
                if unit != _DPI:
                    # The values are in dots per centimeter.
                    across, along = (
                        max(-MAX_INTEGER, min(round(side * 2.54), MAX_INTEGER))
                        for side in (across, along)
                    )
                return IppValue(tag, Resolution(across, along))
            case IppTag.DATE_TIME:
                return IppValue(tag, _date(field))
            case IppTag.TEXT_LANGUAGE | IppTag.NAME_LANGUAGE:
                plain = IppTag.TEXT if tag == IppTag.TEXT_LANGUAGE else IppTag.NAME
                return IppValue(plain, _text(_without_language(field)))
    except struct.error:
        raise _malformed() from None
    return IppValue(tag, field)


def _text(field: bytes) -> str:
    if len(field) > MAX_IPP_VALUE_BYTES:
        raise IppError(Status.VALUE_TOO_LONG, "a value is too long")
    return field.decode("utf-8", "replace")


def _without_language(field: bytes) -> bytes:
    text_at = 2 + int.from_bytes(field[:2])
    text = field[text_at + 2 :]
    if len(field) < text_at + 2 or int.from_bytes(field[text_at : text_at + 2]) != len(text):
        raise _malformed()
    return text


def _date(field: bytes) -> datetime:
    year, month, day, hour, minute, second, tenths, sign, hours, minutes = _DATE.unpack(field)
    offset = timedelta(hours=hours, minutes=minutes)
    try:
        zone = timezone(-offset if sign == b"-" else offset)
        time = datetime(year, month, day, hour, minute, min(second, 59), tenths * 100_000, zone)
        return time.astimezone(UTC)
    except ValueError, OverflowError:
        raise _malformed() from None


def _malformed() -> IppError:
    return IppError(Status.BAD_REQUEST, "the message is malformed")


def encode(message: IppMessage) -> bytes:
    """Turn a message into bytes. Raises ValueError for a value that IPP cannot express."""
    out = bytearray(_HEADER.pack(*message.version, message.code, message.request_id))
    for group in message.groups:
        out.append(group.tag)
        for name, values in group.attributes.items():
            _write(out, name, values)
    out.append(IppTag.END)
    return bytes(out)


def _write(out: bytearray, name: str, values: tuple[IppValue, ...]) -> None:
    for value in values:
        _write_field(out, value.tag, name.encode(), _encode_value(value))
        name = ""
        if value.tag == IppTag.BEGIN_COLLECTION:
            assert isinstance(value.content, Mapping)
            for member, member_values in value.content.items():
                _write_field(out, IppTag.MEMBER_NAME, b"", member.encode())
                _write(out, "", member_values)
            _write_field(out, IppTag.END_COLLECTION, b"", b"")


def _write_field(out: bytearray, tag: int, name: bytes, field: bytes) -> None:
    out.append(tag)
    for part in (name, field):
        if len(part) > 0x7FFF:
            raise ValueError("a value is too long")
        out += len(part).to_bytes(2)
        out += part


def _encode_value(value: IppValue) -> bytes:
    match value.content:
        case bool():
            return b"\1" if value.content else b"\0"
        case int():
            if not -MAX_INTEGER - 1 <= value.content <= MAX_INTEGER:
                raise ValueError("an integer is out of range")
            return _INTEGER.pack(value.content)
        case str():
            return shortened(value.content, MAX_IPP_VALUE_BYTES).encode("utf-8", "replace")
        case bytes():
            return value.content
        case Range():
            return _RANGE.pack(*value.content)
        case Resolution():
            return _RESOLUTION.pack(*value.content, _DPI)
        case datetime():
            time = value.content.astimezone(UTC)
            date = (time.year, time.month, time.day)
            clock = (time.hour, time.minute, time.second, time.microsecond // 100_000)
            return _DATE.pack(*date, *clock, b"+", 0, 0)
    return b""
