"""What the service says and nobody here knows yet: codes, states, fields and shapes of answers.

Answers are read tolerantly, so that unknown parts change nothing. They are worth knowing all the same, as most of
what is known of the service comes from documents. Found here are names and shapes, never values.

A shape can be shown to strangers: it has the names of fields, as far as these read like words, and for each value its
kind and length. `{"sn": "lk00ab00000000", "at": "06:51"}` becomes `{"sn": "[a9]{14}", "at": "9{2}:9{2}"}`.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
import json
from pathlib import Path
import re
from typing import Any

from .coerce import to_int, to_json, to_text
from .errors import CODES
from .tasks import TaskState

type Shape = dict[str, Shape] | list[Shape] | str

MAX_DEPTH = 6
MAX_SHAPE_FIELDS = 40
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
    left = MAX_NODES

    def shape(value: object, depth: int) -> Shape:
        nonlocal left
        left -= 1
        if left < 0 or depth > MAX_DEPTH:
            return "…"
        if isinstance(value, Mapping):
            found: dict[str, Shape] = {
                name_of(str(name)): shape(item, depth + 1)
                for name, item in islice(value.items(), MAX_SHAPE_FIELDS)
            }
            more = {"…": f"{len(value)} in all"} if len(value) > MAX_SHAPE_FIELDS else {}
            return found | more
        if isinstance(value, list | tuple):
            items = [shape(item, depth + 1) for item in islice(value, MAX_ITEMS)]
            return [*items, f"{len(value)} in all"] if len(value) > MAX_ITEMS else items
        if isinstance(value, str):
            if known and value in known:
                return known[value]
            if value[:1] in ("{", "[") and len(value) <= MAX_JSON_TEXT:
                with suppress(ValueError):
                    return {"JSON in a text": shape(to_json(value), depth + 1)}
            return pattern_of(value)
        if value is None or isinstance(value, bool):
            return "null" if value is None else "true or false"
        return f"{len(value)} bytes" if isinstance(value, bytes) else _number(value)

    return shape(value, 0)


def _number(value: object) -> str:
    """Return the kind of a number with its digits, which tell a time from a count."""
    if isinstance(value, int):
        # Longer ones than any that says something cost time to write.
        return "number" if abs(value) >= 10**18 else f"number of {len(str(abs(value)))} digits"
    return "fraction" if isinstance(value, float) else "?"


# Rows of a list, and fields of an object, that are looked at.
MAX_ROWS = 50
MAX_FIELDS = 200
# Unknown parts that one answer may bring.
MAX_FOUND = 10
# Codes have at most five digits; more could be an id.
_CODE_END = 10**6


class UnknownKind(StrEnum):
    """What is unknown."""

    CODE = "code"
    STATE = "state"
    FIELD = "field"
    ANSWER = "answer"
    MESSAGE = "message"


@dataclass(frozen=True, kw_only=True, slots=True)
class Unknown:
    """Something unknown: `where` is an endpoint or "callback", `name` the field, code or state."""

    kind: UnknownKind
    where: str
    name: str
    shape: Shape = ""


type Observer = Callable[[Unknown], None]
# A field's known parts: None for any value, a test of its value, or the fields of the objects in it.
type _Known = Callable[[object], bool] | Mapping[str, _Known] | None
EVERY = "*"
"""Stands for fields whose names are free, such as those of papers."""


def _flag(value: object) -> bool:
    return value is None or isinstance(value, bool) or to_int(value) in (0, 1)


CALLBACK = "callback"
_TESTS: Mapping[str, _Known] = {
    "any": None,
    "code": lambda value: value is None or (code := to_int(value)) == 200 or code in CODES,
    "flag": _flag,
    "flag or blank": lambda value: value == "" or _flag(value),
    "state": lambda value: to_text(value).upper() in TaskState.__members__,
}


def _read(known: Any) -> _Known:
    if isinstance(known, dict):
        return {name: _read(part) for name, part in known.items()}
    if known in _TESTS:
        return _TESTS[known]
    numbers = [*map(int, known.split())]
    return lambda value: value is None or value == "" or to_int(value) in numbers


# `data` of each answer, and a job's callback. Of a scanner's condition and abilities, and of where the pages of a scan
# are, no field is known for sure: each shape that is seen is worth telling, also where it was understood.
_KNOWN: Mapping[str, _Known] = {
    where: _read(known)
    for where, known in json.loads(
        Path(__file__).with_name("known.json").read_text("utf-8")
    ).items()
}


def unknown_code(where: str, code: int, message: str = "") -> Unknown:
    """Return an answered code that nobody knows; of the service's words only the shape."""
    name = str(code) if 0 <= code < _CODE_END else pattern_of(str(code))
    return Unknown(kind=UnknownKind.CODE, where=where, name=name, shape=pattern_of(message))


def unknown_state(state: str) -> Unknown:
    """Return a state in a printer's row that nobody knows."""
    name, where = f"row/printer_state {_value_name(state)}", "GET /external_api/printer_list"
    return Unknown(kind=UnknownKind.STATE, where=where, name=name)


def unknown_answer(where: str, answer: object) -> Unknown:
    """Return an answer of a shape that nobody knows."""
    return Unknown(kind=UnknownKind.ANSWER, where=where, name="shape", shape=shape_of(answer))


def unknown_parts(where: str, data: object) -> Iterator[Unknown]:
    """Yield what is unknown in the `data` of an answer, or in a callback: at most ten parts."""
    known = _KNOWN.get(where)
    if known is None or data is None:
        return
    if not isinstance(data, Mapping):
        if data != []:
            yield unknown_answer(where, data)
        return
    yield from islice(_in_fields(where, data, known, ""), MAX_FOUND)


def _in_fields(where: str, value: object, known: _Known, path: str) -> Iterator[Unknown]:
    if callable(known):
        if not known(value):
            yield _unknown_value(where, path, value)
        return
    if known is None or value is None or value == "":
        return
    if isinstance(value, list) and path:
        for item in islice(value, MAX_ROWS):
            yield from _in_fields(where, item, known, path)
    elif isinstance(value, Mapping):
        every = known.get(EVERY)
        for name, item in islice(value.items(), MAX_FIELDS):
            if every is not None:
                yield from _in_fields(where, item, every, EVERY)
                continue
            # What is known comes with every poll: no name is built for it.
            part, is_known = known.get(name), name in known
            if is_known and (part is None or (callable(part) and part(item))):
                continue
            inner = f"{path}/{name_of(str(name))}" if path else name_of(str(name))
            if is_known:
                yield from _in_fields(where, item, part, inner)
            else:
                yield Unknown(kind=UnknownKind.FIELD, where=where, name=inner, shape=shape_of(item))
    else:
        yield Unknown(kind=UnknownKind.FIELD, where=where, name=path, shape=shape_of(value))


def _unknown_value(where: str, path: str, value: object) -> Unknown:
    """Return a value that is not one of those that its field is known to have."""
    kind = UnknownKind.CODE if path.endswith("code") else UnknownKind.STATE
    if isinstance(value, Mapping | list):
        return Unknown(kind=kind, where=where, name=path, shape=shape_of(value))
    return Unknown(kind=kind, where=where, name=f"{path} {_value_name(value)}")


def _value_name(value: object) -> str:
    """Return a code or a state as it is; anything that could be more only by its shape."""
    text = to_text(value)
    number = to_int(value)
    if is_word(text) or (number is not None and abs(number) < _CODE_END):
        return text
    return pattern_of(text) if text else str(shape_of(value))
