"""Shapes of values from outside: what kind they are and how long, never what they say.

A shape can be shown to strangers: it has the names of fields, as far as these read like words, and for each value its
kind and length. `{"sn": "lk00ab00000000", "at": "06:51"}` becomes `{"sn": "[a9]{14}", "at": "9{2}:9{2}"}`.
"""

from collections.abc import Mapping
from itertools import islice
import re

from .coerce import to_json

type Shape = dict[str, Shape] | list[Shape] | str

MAX_DEPTH = 6
MAX_FIELDS = 40
MAX_ITEMS = 3
MAX_NODES = 200
MAX_PATTERN = 60
MAX_JSON_TEXT = 16384
MAX_NAME = 31

_RUN = re.compile(r"[^\W_]+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_MARKS = "_-."
# A word has few parts (`task_done_timestamp`, `isPrinter`, `ipv6`), a key drawn at random has many.
_FEW_PARTS = 5
_FEW_DIGITS = 2
# From this length on a text with digits may be a key, and has fewer parts if it is a word.
_KEY_LENGTH = 16


def is_word(text: str) -> bool:
    """Return whether a text reads like the name of a field or a state, and cannot be a key or an id."""
    if not text or len(text) > MAX_NAME or not text.isascii():
        return False
    parts = _PART.findall(text)
    if sum(map(len, parts)) != sum(letter not in _MARKS for letter in text):
        return False
    digits = [part for part in parts if part.isdigit()]
    letters = [part for part in parts if not part.isdigit()]
    return (
        0 < len(parts) <= _FEW_PARTS
        and len(digits) <= 1
        and all(len(part) <= _FEW_DIGITS for part in digits)
        and sum(len(part) == 1 for part in letters) <= 1
        and bool(letters)
        # Those of a key drawn at random are short.
        and not (len(text) >= _KEY_LENGTH and sum(len(part) <= 2 for part in letters) > 2)
        and not (digits and len(text) >= _KEY_LENGTH and len(parts) > _FEW_PARTS - 2)
    )


def name_of(text: str) -> str:
    """Return the name of a field, its pattern if it does not read like a word."""
    return text if is_word(text) else f"<{pattern_of(text)}>"


def pattern_of(text: str) -> str:
    """Return the pattern of a text: its marks, and each run of letters and digits as kind and length."""
    if len(text) > MAX_PATTERN:
        return f"text of {len(text)}"
    marks = "".join(letter if letter.isprintable() else "?" for letter in text)
    return _RUN.sub(lambda run: f"{_kind_of(run[0])}{{{len(run[0])}}}", marks)


def _kind_of(run: str) -> str:
    """Return which kinds of letters and digits a run has."""
    kinds = (
        ("a", str.islower),
        ("A", str.isupper),
        ("9", str.isdecimal),
        ("文", lambda letter: not letter.isascii()),
    )
    found = "".join(sign for sign, test in kinds if any(map(test, run))) or "?"
    return found if len(found) == 1 else f"[{found}]"


def shape_of(value: object, known: Mapping[str, str] | None = None) -> Shape:
    """Return the shape of a JSON value; `known` names values that are worth telling, such as a box's own id."""
    return _Shaper(known or {}).shape(value, 0)


class _Shaper:
    """Builds one shape of bounded size."""

    def __init__(self, known: Mapping[str, str]) -> None:
        """Take the names of known values."""
        self._known = known
        self._left = MAX_NODES

    def shape(self, value: object, depth: int) -> Shape:
        """Return the shape of a value that lies so deep."""
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            return "…"
        if isinstance(value, Mapping):
            return self._fields(value, depth)
        if isinstance(value, list | tuple):
            items = [self.shape(item, depth + 1) for item in islice(value, MAX_ITEMS)]
            return [*items, f"{len(value)} in all"] if len(value) > MAX_ITEMS else items
        if isinstance(value, str):
            return self._text(value, depth)
        if value is None or isinstance(value, bool):
            return "null" if value is None else "true or false"
        if isinstance(value, bytes):
            return f"{len(value)} bytes"
        return _number(value)

    def _fields(self, value: Mapping[object, object], depth: int) -> Shape:
        found: dict[str, Shape] = {}
        for name, item in islice(value.items(), MAX_FIELDS):
            found[name_of(str(name))] = self.shape(item, depth + 1)
        if len(value) > MAX_FIELDS:
            found["…"] = f"{len(value)} in all"
        return found

    def _text(self, value: str, depth: int) -> Shape:
        if (reported := self._known.get(value)) is not None:
            return reported
        if value[:1] in ("{", "[") and len(value) <= MAX_JSON_TEXT:
            try:
                return {"JSON in a text": self.shape(to_json(value), depth + 1)}
            except ValueError:
                pass
        return pattern_of(value)


def _number(value: object) -> str:
    """Return the kind of a number with its digits, which tell a time from a count."""
    if isinstance(value, int):
        # Longer ones than any that says something cost time to write.
        return "number" if abs(value) >= 10**18 else f"number of {len(str(abs(value)))} digits"
    return "fraction" if isinstance(value, float) else "?"
