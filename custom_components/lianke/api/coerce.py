"""Tolerant conversion of values from outside. A value that cannot be converted becomes None or an empty value.

The service sends null values, numbers as strings, and names that contain blanks and line ends. No conversion raises,
whatever JSON value the service sends; only `to_json`, which parses the text of an answer, may raise.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from itertools import islice
import json
import math
import re

from .answer_limits import (
    MAX_ANSWER_DIGITS,
    MAX_ANSWER_ROWS,
    MAX_ANSWER_TEXT,
    MAX_ANSWER_VALUES,
)

type JsonValue = dict[str, JsonValue] | list[JsonValue] | str | int | float | bool | None

CHINA = timezone(timedelta(hours=8), "CST")
_PIECE = 1024 * 1024
_DAY = re.compile(r"(\d{4})\s*[年/.-]\s*(\d{1,2})\s*[月/.-]\s*(\d{1,2})")
_LINK = re.compile(r"(?i)[a-z][a-z0-9+.-]{0,20}://[!-~]+")
_KEY_VALUE = re.compile(r"(?i)(device_?key|api_?key|token)[\"']?\s*[=:：]\s*[\"']?[\w+/=-]+")
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


def to_int(value: object) -> int | None:
    """Return an int, a whole float or a string of digits as an int of at most 18 digits; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        if not math.isfinite(value) or not value.is_integer():
            return None
        value = int(value)
    if isinstance(value, int):
        return value if abs(value) < 10**MAX_ANSWER_DIGITS else None
    if not isinstance(value, str) or len(value) > MAX_ANSWER_TEXT:
        return None
    return _from_digits(value.strip())


def _from_digits(text: str) -> int | None:
    """Return the number in a text with at most 18 digits and only zeros after a point; None for any other text."""
    number, point, fraction = text.partition(".")
    digits = number[1:] if number.startswith(("+", "-")) else number
    if not digits.isdecimal() or len(digits) > MAX_ANSWER_DIGITS:
        return None
    if point and (not fraction or fraction.strip("0")):
        return None
    return int(number)


def to_bool(value: object) -> bool | None:
    """Return a boolean, 1, 0, or a word such as yes, no, on, off as a bool; None for anything else."""
    if isinstance(value, bool):
        return value
    if (number := to_int(value)) is not None:
        return bool(number) if number in (0, 1) else None
    if isinstance(value, str):
        word = value[:MAX_ANSWER_TEXT].strip().lower()
        return True if word in _TRUE else False if word in _FALSE else None
    return None


def to_text(value: object, limit: int = MAX_ANSWER_TEXT) -> str:
    """Return a text without surrounding blanks, control characters and broken Unicode, cut to `limit` characters.

    A whole number becomes a text of its digits; any other value becomes "".
    """
    if isinstance(value, bool):
        return ""
    if isinstance(value, int | float):
        number = to_int(value)
        return "" if number is None else str(number)
    if not isinstance(value, str):
        return ""
    # Cleaning is slow, so the text is cut to four times the limit first, which leaves enough to clean.
    clean = value[: limit * 4]
    if not clean.isprintable():
        # Broken Unicode counts as not printable.
        clean = "".join(char if char.isprintable() else " " for char in clean)
    if "  " in clean:
        clean = " ".join(clean.split())
    return clean.strip()[:limit].strip()


def to_encodable(text: str) -> str:
    """Return a text that can be encoded in UTF-8: surrogate pairs are joined, lone surrogates replaced."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def to_optional_text(value: object, limit: int = MAX_ANSWER_TEXT) -> str | None:
    return to_text(value, limit) or None


def to_message(value: object, secrets: Iterable[str] = ()) -> str:
    """Return a message of the service without the links, keys and given secrets that the message may echo."""
    if not (text := to_text(value, MAX_ANSWER_TEXT * 4)):
        return ""
    # Cheap checks first: most messages are a word or two.
    if "://" in text:
        text = _LINK.sub("…", text)
    if any(sign in text for sign in "=:："):
        text = _KEY_VALUE.sub(r"\1=…", text)
    folded = text.casefold()
    for secret in secrets:
        if secret and secret.casefold() in folded:
            text = re.compile(re.escape(secret), re.IGNORECASE).sub("…", text)
    return text[:MAX_ANSWER_TEXT]


def to_mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def to_list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def to_date(value: object) -> date | None:
    """Return the date in a text such as `2024年8月25日`, `2024-08-25` or `2024/8/25`; None if it has no date."""
    if not isinstance(value, str) or (found := _DAY.search(value[:MAX_ANSWER_TEXT])) is None:
        return None
    try:
        return date(*(int(part) for part in found.groups()))
    except ValueError:
        return None


def to_time(value: object) -> datetime | None:
    """Return the time in a value, in UTC; None if the value is not a time.

    Accepts RFC 1123, ISO 8601 (read as China time if the text has no time zone), and timestamps in s or ms.
    """
    if (number := to_int(value)) is not None:
        # A number too large for seconds is in milliseconds.
        seconds = number / 1000 if number > 10**11 else number
        return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < 10**10 else None
    if not isinstance(value, str) or not (text := value[:MAX_ANSWER_TEXT].strip()[:64]):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError, TypeError, IndexError, OverflowError:
            return None
        default: timezone = UTC
    else:
        default = CHINA
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=default)).astimezone(UTC)
    except OverflowError, ValueError:
        # The time zone cannot be changed so close to the limits of the calendar (years 1 and 9999).
        return None


def to_json(text: str | bytes | bytearray) -> JsonValue:
    """Parse JSON. Raises ValueError if the text is not JSON, is nested too deeply, or has too many values.

    A value of two bytes in the text can take a hundred bytes in memory, and no other thread runs during parsing, so
    values are counted first. A number with more than MAX_ANSWER_TEXT characters becomes None.
    """
    if len(text) > MAX_ANSWER_VALUES and not has_few_values(text):
        raise ValueError("too many values")
    try:
        return json.loads(text, parse_int=_to_whole, parse_float=_to_fraction)  # type: ignore[no-any-return]
    except RecursionError:
        raise ValueError("nested too deeply") from None


def has_few_values(text: str | bytes | bytearray) -> bool:
    """Tell whether a JSON text has at most MAX_ANSWER_VALUES values.

    Counts the characters that precede a value: `{`, `[` and `,`. Such characters inside strings are counted, too, for
    which the limit leaves room. Never blocks other threads for long.
    """
    found = 0
    for start in range(0, len(text), _PIECE):
        for sign in "{[,":
            if isinstance(text, str):
                found += text.count(sign, start, start + _PIECE)
            else:
                found += text.count(sign.encode(), start, start + _PIECE)
        if found > MAX_ANSWER_VALUES:
            return False
    return True


def _to_whole(digits: str) -> int | None:
    return int(digits) if len(digits) <= MAX_ANSWER_TEXT else None


def _to_fraction(digits: str) -> float | None:
    return float(digits) if len(digits) <= MAX_ANSWER_TEXT else None


def to_int_map(value: object) -> dict[str, int] | None:
    """Return the entries of a `{name: id}` block whose id is a whole number; None if there are no such entries."""
    found: dict[str, int] = {}
    for raw_name, raw_id in islice(to_mapping(value).items(), MAX_ANSWER_ROWS):
        name, number = to_text(raw_name), to_int(raw_id)
        if name and number is not None:
            found.setdefault(name, number)
    return found or None


def to_ids(value: object) -> frozenset[int] | None:
    """Return the ids in a `{name: id}` block or in a list; None if the value contains no ids."""
    ids = islice(value if isinstance(value, list) else to_mapping(value).values(), MAX_ANSWER_ROWS)
    return frozenset(number for item in ids if (number := to_int(item)) is not None) or None
