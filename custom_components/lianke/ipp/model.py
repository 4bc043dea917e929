"""Data model of the Internet Printing Protocol (RFC 8010, RFC 8011): messages, values, codes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from functools import partial
from typing import Final, NamedTuple

# The largest integer in IPP, whose integers have 32 bits; the function `integer` replaces larger numbers by it.
MAX_INTEGER: Final = 2**31 - 1


class IppTag(IntEnum):
    """Tags that delimit groups, or that name the syntax of a value (RFC 8010, section 3.5)."""

    OPERATION = 0x01
    JOB = 0x02
    END = 0x03
    PRINTER = 0x04
    UNSUPPORTED_GROUP = 0x05
    UNSUPPORTED = 0x10
    UNKNOWN = 0x12
    NO_VALUE = 0x13
    INTEGER = 0x21
    BOOLEAN = 0x22
    ENUM = 0x23
    OCTETS = 0x30
    DATE_TIME = 0x31
    RESOLUTION = 0x32
    RANGE = 0x33
    BEGIN_COLLECTION = 0x34
    TEXT_LANGUAGE = 0x35
    NAME_LANGUAGE = 0x36
    END_COLLECTION = 0x37
    TEXT = 0x41
    NAME = 0x42
    KEYWORD = 0x44
    URI = 0x45
    URI_SCHEME = 0x46
    CHARSET = 0x47
    LANGUAGE = 0x48
    MIME_TYPE = 0x49
    MEMBER_NAME = 0x4A


class Operation(IntEnum):
    """Operations that we answer (RFC 8011, PWG 5100.7, 5100.11, 5100.13)."""

    PRINT_JOB = 0x0002
    VALIDATE_JOB = 0x0004
    CREATE_JOB = 0x0005
    SEND_DOCUMENT = 0x0006
    CANCEL_JOB = 0x0008
    GET_JOB_ATTRIBUTES = 0x0009
    GET_JOBS = 0x000A
    GET_PRINTER_ATTRIBUTES = 0x000B
    CANCEL_MY_JOBS = 0x0039
    CLOSE_JOB = 0x003B
    IDENTIFY_PRINTER = 0x003C


class Status(IntEnum):
    """Status codes (RFC 8011, appendix B)."""

    OK = 0x0000
    OK_SUBSTITUTED = 0x0001
    BAD_REQUEST = 0x0400
    NOT_AUTHORIZED = 0x0403
    NOT_POSSIBLE = 0x0404
    TIMEOUT = 0x0405
    NOT_FOUND = 0x0406
    ENTITY_TOO_LARGE = 0x0408
    VALUE_TOO_LONG = 0x0409
    FORMAT_NOT_SUPPORTED = 0x040A
    ATTRIBUTES_NOT_SUPPORTED = 0x040B
    CHARSET_NOT_SUPPORTED = 0x040D
    COMPRESSION_NOT_SUPPORTED = 0x040F
    COMPRESSION_ERROR = 0x0410
    FORMAT_ERROR = 0x0411
    PASSWORD_ERROR = 0x0418
    OPERATION_NOT_SUPPORTED = 0x0501
    SERVICE_UNAVAILABLE = 0x0502
    VERSION_NOT_SUPPORTED = 0x0503
    TEMPORARY_ERROR = 0x0505
    NOT_ACCEPTING_JOBS = 0x0506
    BUSY = 0x0507
    MULTIPLE_DOCUMENTS_NOT_SUPPORTED = 0x0509


class Range(NamedTuple):
    """A rangeOfInteger, both ends included."""

    lower: int
    upper: int


class Resolution(NamedTuple):
    """Dots per inch."""

    across: int
    along: int


type IppCollection = Mapping[str, tuple[IppValue, ...]]
type Content = int | str | bytes | datetime | Range | Resolution | IppCollection | None


class IppValue(NamedTuple):
    tag: int
    # None for an out-of-band value.
    content: Content


type Attributes = Mapping[str, tuple[IppValue, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class IppGroup:
    tag: int
    attributes: Attributes


@dataclass(frozen=True, kw_only=True, slots=True)
class IppMessage:
    # The operation of a request, or the status of an answer.
    code: int
    request_id: int
    groups: tuple[IppGroup, ...]
    version: tuple[int, int] = (2, 0)

    def group(self, tag: IppTag) -> Attributes:
        """Return the attributes of the first group with this tag; empty if there is none."""
        return next((group.attributes for group in self.groups if group.tag == tag), {})


class IppError(Exception):
    """A request that cannot be served. `message` is for people, `unsupported` holds the attributes at fault."""

    def __init__(
        self, status: Status, message: str = "", unsupported: Attributes | None = None
    ) -> None:
        self.message = "".join(letter for letter in message if letter.isprintable())
        super().__init__(f"{status.name}: {self.message}")
        self.status = status
        self.unsupported = unsupported


def shortened(text: str, most: int) -> str:
    """Return a text cut to at most `most` bytes of UTF-8, without splitting a character."""
    return text.encode("utf-8", "replace")[:most].decode("utf-8", "ignore")


# Maximum bytes of a text or name that we send; most clients accept no more.
TEXT_BYTES: Final = 127


def _values(tag: IppTag, *contents: Content) -> tuple[IppValue, ...]:
    return tuple(IppValue(tag, content) for content in contents)


keyword: Final = partial(_values, IppTag.KEYWORD)
uri: Final = partial(_values, IppTag.URI)
mime_type: Final = partial(_values, IppTag.MIME_TYPE)
enum: Final = partial(_values, IppTag.ENUM)
boolean: Final = partial(_values, IppTag.BOOLEAN)
date_time: Final = partial(_values, IppTag.DATE_TIME)
octets: Final = partial(_values, IppTag.OCTETS)
collection: Final = partial(_values, IppTag.BEGIN_COLLECTION)


def name(*texts: str) -> tuple[IppValue, ...]:
    return _values(IppTag.NAME, *(shortened(item, TEXT_BYTES) for item in texts))


def text(*texts: str) -> tuple[IppValue, ...]:
    return _values(IppTag.TEXT, *(shortened(item, TEXT_BYTES) for item in texts))


def integer(*numbers: int) -> tuple[IppValue, ...]:
    """Encode integers, each capped at MAX_INTEGER."""
    return _values(IppTag.INTEGER, *(min(number, MAX_INTEGER) for number in numbers))


def number_range(lower: int, upper: int) -> tuple[IppValue, ...]:
    return _values(IppTag.RANGE, Range(lower, upper))


def resolution(*dpi: int) -> tuple[IppValue, ...]:
    """Encode resolutions (dpi) that are the same in both directions."""
    return _values(IppTag.RESOLUTION, *(Resolution(item, item) for item in dpi))


NO_VALUE: Final = (IppValue(IppTag.NO_VALUE, None),)
UNKNOWN: Final = (IppValue(IppTag.UNKNOWN, None),)
UNSUPPORTED: Final = (IppValue(IppTag.UNSUPPORTED, None),)
