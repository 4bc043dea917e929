"""Build IPP values: one function a syntax, each returning the values of an attribute."""

from datetime import datetime
from typing import Final

from .model import MAX_INTEGER, Collection, Range, Resolution, Tag, Value, shortened

TEXT_BYTES: Final = 127
"""what most clients take of a text or a name."""


def keyword(*texts: str) -> tuple[Value, ...]:
    """Return keywords."""
    return tuple(Value(Tag.KEYWORD, text) for text in texts)


def name(*texts: str) -> tuple[Value, ...]:
    """Return names, each cut to the length that most clients take."""
    return tuple(Value(Tag.NAME, shortened(text, TEXT_BYTES)) for text in texts)


def text(*texts: str) -> tuple[Value, ...]:
    """Return texts, each cut to the length that most clients take."""
    return tuple(Value(Tag.TEXT, shortened(item, TEXT_BYTES)) for item in texts)


def uri(*texts: str) -> tuple[Value, ...]:
    """Return URIs."""
    return tuple(Value(Tag.URI, item) for item in texts)


def mime_type(*texts: str) -> tuple[Value, ...]:
    """Return media types."""
    return tuple(Value(Tag.MIME_TYPE, item) for item in texts)


def integer(*numbers: int) -> tuple[Value, ...]:
    """Return integers, each limited to what fits."""
    return tuple(Value(Tag.INTEGER, min(number, MAX_INTEGER)) for number in numbers)


def enum(*numbers: int) -> tuple[Value, ...]:
    """Return enums."""
    return tuple(Value(Tag.ENUM, number) for number in numbers)


def boolean(*answers: bool) -> tuple[Value, ...]:
    """Return booleans."""
    return tuple(Value(Tag.BOOLEAN, answer) for answer in answers)


def number_range(lower: int, upper: int) -> tuple[Value, ...]:
    """Return a range of integers."""
    return (Value(Tag.RANGE, Range(lower, upper)),)


def resolution(*dpi: int) -> tuple[Value, ...]:
    """Return resolutions that are the same in both directions, in dots per inch."""
    return tuple(Value(Tag.RESOLUTION, Resolution(item, item)) for item in dpi)


def date_time(moment: datetime) -> tuple[Value, ...]:
    """Return a moment."""
    return (Value(Tag.DATE_TIME, moment),)


def octets(*data: bytes) -> tuple[Value, ...]:
    """Return strings of bytes."""
    return tuple(Value(Tag.OCTETS, item) for item in data)


def collection(*members: Collection) -> tuple[Value, ...]:
    """Return collections."""
    return tuple(Value(Tag.BEGIN_COLLECTION, item) for item in members)


NO_VALUE: Final = (Value(Tag.NO_VALUE, None),)
UNKNOWN: Final = (Value(Tag.UNKNOWN, None),)
UNSUPPORTED: Final = (Value(Tag.UNSUPPORTED, None),)
