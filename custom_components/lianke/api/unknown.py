"""Finds unknown parts in the service's answers: codes, states, fields and shapes.

Answers are read tolerantly, so unknown parts do no harm. They are still worth reporting, because most of what we know
about the service comes from documents. A report contains names, codes, states and shapes, but no other values.

A shape is safe to publish: it consists of the names of fields that read like words, and of the kind and length of each
value. `{"sn": "lk00ab00000000", "at": "06:51"}` becomes `{"sn": "[a9]{14}", "at": "9{2}:9{2}"}`.
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

from .answer_limits import MAX_ANSWER_ROWS
from .coerce import to_int, to_json, to_text
from .errors import ERROR_BY_CODE
from .tasks import TaskState

type Shape = dict[str, Shape] | list[Shape] | str

# Maximum levels of a shape.
MAX_SHAPE_DEPTH = 6
# Maximum fields of an object in a shape; further fields are only counted.
MAX_SHAPE_FIELDS = 40
# Maximum items of a list in a shape; further items are only counted.
MAX_SHAPE_ITEMS = 3
# Maximum values in a shape.
MAX_SHAPE_VALUES = 200
# Maximum characters of a text whose pattern is shown; of a longer text, only the length is shown.
MAX_SHAPE_PATTERN = 60
# Maximum characters of a text that is parsed as JSON to show its shape.
MAX_SHAPE_JSON = 16384
# Maximum characters of a name that is shown; of a longer name, only the pattern is shown.
MAX_WORD = 31

_RUN = re.compile(r"[^\W_]+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_MARKS = "_-."
# A word has few parts (`task_done_timestamp`, `isPrinter`, `ipv6`), a random key has many.
_FEW_PARTS = 5
_FEW_DIGITS = 2
# A text of at least this many characters may be a secret key; it counts as a word only if its parts are few or long.
_KEY_LENGTH = 16


def is_word(text: str) -> bool:
    """Tell whether a text reads like the name of a field or a state, and cannot be a key or an id."""
    if not text or len(text) > MAX_WORD or not text.isascii():
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
        # The parts of a random key are short.
        and not (len(text) >= _KEY_LENGTH and sum(len(part) <= 2 for part in letters) > 2)
        and not (digits and len(text) >= _KEY_LENGTH and len(parts) > _FEW_PARTS - 2)
    )


def name_or_pattern(text: str) -> str:
    """Return the name of a field, or its pattern if it does not read like a word."""
    return text if is_word(text) else f"<{pattern_of(text)}>"


def pattern_of(text: str) -> str:
    """Return a text in which each run of letters and digits is replaced by the run's kind and length."""
    if len(text) > MAX_SHAPE_PATTERN:
        return f"text of {len(text)}"
    marks = "".join(letter if letter.isprintable() else "?" for letter in text)
    return _RUN.sub(lambda run: f"{_kind_of(run[0])}{{{len(run[0])}}}", marks)


def _kind_of(run: str) -> str:
    kinds = (
        ("a", str.islower),
        ("A", str.isupper),
        ("9", str.isdecimal),
        ("文", lambda letter: not letter.isascii()),
    )
    found = "".join(sign for sign, test in kinds if any(map(test, run))) or "?"
    return found if len(found) == 1 else f"[{found}]"


def shape_of(value: object, known: Mapping[str, str] | None = None) -> Shape:
    """Return the shape of a JSON value; `known` has names for values worth recognizing, such as the id of a box."""
    left = MAX_SHAPE_VALUES

    def nested_shape(value: object, depth: int) -> Shape:
        nonlocal left
        left -= 1
        if left < 0 or depth > MAX_SHAPE_DEPTH:
            return "…"
        if isinstance(value, Mapping):
            found: dict[str, Shape] = {
                name_or_pattern(str(name)): nested_shape(item, depth + 1)
                for name, item in islice(value.items(), MAX_SHAPE_FIELDS)
            }
            more = {"…": f"{len(value)} in all"} if len(value) > MAX_SHAPE_FIELDS else {}
            return found | more
        if isinstance(value, list | tuple):
            items = [nested_shape(item, depth + 1) for item in islice(value, MAX_SHAPE_ITEMS)]
            return [*items, f"{len(value)} in all"] if len(value) > MAX_SHAPE_ITEMS else items
        if isinstance(value, str):
            if known and value in known:
                return known[value]
            if value[:1] in ("{", "[") and len(value) <= MAX_SHAPE_JSON:
                with suppress(ValueError):
                    return {"JSON in a text": nested_shape(to_json(value), depth + 1)}
            return pattern_of(value)
        if value is None or isinstance(value, bool):
            return "null" if value is None else "true or false"
        return f"{len(value)} bytes" if isinstance(value, bytes) else _number(value)

    return nested_shape(value, 0)


def _number(value: object) -> str:
    """Return the kind of a number and its number of digits, by which a timestamp differs from a count."""
    if isinstance(value, int):
        # Writing out a very long number is slow, and its length says nothing.
        return "number" if abs(value) >= 10**18 else f"number of {len(str(abs(value)))} digits"
    return "fraction" if isinstance(value, float) else "?"


# Maximum unknown parts that are reported for one answer.
MAX_UNKNOWN_PARTS = 10
# Numbers of this size or more are not shown as codes: known codes have at most five digits; a long number may be an id.
_CODE_END = 10**6


class UnknownKind(StrEnum):
    CODE = "code"
    STATE = "state"
    FIELD = "field"
    ANSWER = "answer"
    MESSAGE = "message"


@dataclass(frozen=True, kw_only=True, slots=True)
class Unknown:
    kind: UnknownKind
    where: str  # an endpoint, or "callback"
    name: str  # of the field, code or state
    shape: Shape = ""


type Observer = Callable[[Unknown], None]
# Knowledge about a field: None (any value is allowed), a test of its value, or the known fields of the objects in it.
type _Known = Callable[[object], bool] | Mapping[str, _Known] | None
# Stands for every field of an object whose fields have arbitrary names, such as names of papers.
ANY_NAME = "*"


def _flag(value: object) -> bool:
    return value is None or isinstance(value, bool) or to_int(value) in (0, 1)


CALLBACK = "callback"
_FIELD_TESTS: Mapping[str, _Known] = {
    "any": None,
    "code": lambda value: value is None or (code := to_int(value)) == 200 or code in ERROR_BY_CODE,
    "flag": _flag,
    "flag or blank": lambda value: value == "" or _flag(value),
    "state": lambda value: to_text(value).upper() in TaskState.__members__,
}


def _read(known: Any) -> _Known:
    if isinstance(known, dict):
        return {name: _read(part) for name, part in known.items()}
    if known in _FIELD_TESTS:
        return _FIELD_TESTS[known]
    numbers = [*map(int, known.split())]
    return lambda value: value is None or value == "" or to_int(value) in numbers


# The known fields in the `data` of each answer and in a job's callback. The fields of a scanner's status and
# capabilities, and the field with a scan's pages, are left out: we are not certain what they contain, so they are
# always worth reporting, even if the code understood them.
_KNOWN: Mapping[str, _Known] = {
    where: _read(known)
    for where, known in json.loads(
        Path(__file__).with_name("known.json").read_text("utf-8")
    ).items()
}


def unknown_code(where: str, code: int, message: str = "") -> Unknown:
    """Return the report of an unknown code, with only the shape of the service's message."""
    name = str(code) if 0 <= code < _CODE_END else pattern_of(str(code))
    return Unknown(kind=UnknownKind.CODE, where=where, name=name, shape=pattern_of(message))


def unknown_printer_state(state: str) -> Unknown:
    name, where = f"row/printer_state {_value_name(state)}", "GET /external_api/printer_list"
    return Unknown(kind=UnknownKind.STATE, where=where, name=name)


def unknown_answer(where: str, answer: object) -> Unknown:
    return Unknown(kind=UnknownKind.ANSWER, where=where, name="shape", shape=shape_of(answer))


def unknown_parts(where: str, data: object) -> Iterator[Unknown]:
    """Yield the unknown parts of an answer's `data` or of a callback; at most MAX_UNKNOWN_PARTS."""
    known = _KNOWN.get(where)
    if known is None or data is None:
        return
    if not isinstance(data, Mapping):
        if data != []:
            yield unknown_answer(where, data)
        return
    yield from islice(_in_fields(where, data, known, ""), MAX_UNKNOWN_PARTS)


def _in_fields(where: str, value: object, known: _Known, path: str) -> Iterator[Unknown]:
    if callable(known):
        if not known(value):
            yield _unknown_value(where, path, value)
        return
    if known is None or value is None or value == "":
        return
    if isinstance(value, list) and path:
        for item in islice(value, MAX_ANSWER_ROWS):
            yield from _in_fields(where, item, known, path)
    elif isinstance(value, Mapping):
        every = known.get(ANY_NAME)
        for name, item in islice(value.items(), MAX_ANSWER_ROWS):
            if every is not None:
                yield from _in_fields(where, item, every, ANY_NAME)
                continue
            # Known fields come with every poll. To save time, no path is built for them.
            part, is_known = known.get(name), name in known
            if is_known and (part is None or (callable(part) and part(item))):
                continue
            inner = f"{path}/{name_or_pattern(str(name))}" if path else name_or_pattern(str(name))
            if is_known:
                yield from _in_fields(where, item, part, inner)
            else:
                yield Unknown(kind=UnknownKind.FIELD, where=where, name=inner, shape=shape_of(item))
    else:
        yield Unknown(kind=UnknownKind.FIELD, where=where, name=path, shape=shape_of(value))


def _unknown_value(where: str, path: str, value: object) -> Unknown:
    kind = UnknownKind.CODE if path.endswith("code") else UnknownKind.STATE
    if isinstance(value, Mapping | list):
        return Unknown(kind=kind, where=where, name=path, shape=shape_of(value))
    return Unknown(kind=kind, where=where, name=f"{path} {_value_name(value)}")


def _value_name(value: object) -> str:
    """Return a code or a state unchanged, but only the shape of a value that could be something else."""
    text = to_text(value)
    number = to_int(value)
    if is_word(text) or (number is not None and abs(number) < _CODE_END):
        return text
    return pattern_of(text) if text else str(shape_of(value))
