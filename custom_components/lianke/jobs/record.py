"""Reads the fields of a stored record, which may have been damaged on disk."""

from datetime import datetime
from typing import Final

from homeassistant.util import dt as dt_util

# A record with other years or larger numbers was not written by this code.
YEARS: Final = range(2020, 2120)
MAX_COUNT: Final = 2**48


class RecordError(ValueError):
    """A stored job cannot be read."""


def expect[T](name: str, value: object, kind: type[T]) -> T:
    """Return a field's value if it has the type. Raises RecordError."""
    if not isinstance(value, kind):
        raise RecordError(f"{name} has a wrong type")
    return value


def read_time(name: str, value: object) -> datetime:
    """Return a field's time. Raises RecordError."""
    text = expect(name, value, str)
    try:
        time = dt_util.parse_datetime(text, raise_on_error=True)
    except ValueError:
        raise RecordError(f"{name} is no time") from None
    if time.tzinfo is None or time.year not in YEARS:
        raise RecordError(f"{name} is no time of ours")
    return dt_util.as_utc(time)


def read_count(name: str, value: object) -> int:
    """Return a field's number. Raises RecordError."""
    count = expect(name, value, int)
    if isinstance(value, bool) or abs(count) > MAX_COUNT:
        raise RecordError(f"{name} is no count")
    return count
