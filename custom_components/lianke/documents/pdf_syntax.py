"""Reads the values of PDF syntax: dictionaries, arrays, references, numbers, names."""

from dataclasses import dataclass
import re
from typing import Final

MAX_DEPTH: Final = 16

_TOKEN: Final = re.compile(
    rb"(?P<skip>[\x00\t\n\x0c\r ]+|%[^\r\n]*)"
    rb"|(?P<ref>(?P<number>\d{1,10})[\x00\t\n\x0c\r ]+\d{1,5}[\x00\t\n\x0c\r ]+R(?![A-Za-z]))"
    rb"|(?P<open><<)|(?P<close>>>)|(?P<begin>\[)|(?P<end>\])"
    rb"|/(?P<name>[^\x00\t\n\x0c\r ()<>\[\]{}/%]*)"
    rb"|(?P<int>[+-]?\d{1,15}(?![.\d]))"
    rb"|(?P<hex><[^<>]*>)"
    rb"|(?P<text>\()"
    rb"|(?P<word>[^\x00\t\n\x0c\r ()<>\[\]{}/%]+)"
)
_PAREN: Final = re.compile(rb"\\.|[()]", re.DOTALL)


class PdfError(Exception):
    """The file is not as it should be."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A reference to another object."""

    number: int


type Value = dict[bytes, Value] | list[Value] | Ref | int | bytes | None


def parse(data: bytes, position: int = 0) -> tuple[Value, int]:
    """Return the value that begins at position, and where it ends.

    Names are bytes without their slash; texts and real numbers, which nobody here asks for, are
    None. Raises PdfError.
    """
    return _value(data, position, 0)


def _value(data: bytes, position: int, depth: int) -> tuple[Value, int]:
    kind, token, position = _next(data, position)
    if depth > MAX_DEPTH:
        raise PdfError
    if kind == "ref":
        return Ref(int(token.split()[0])), position
    if kind == "int":
        return int(token), position
    if kind == "name":
        return token, position
    if kind in ("hex", "word"):
        return None, position
    if kind == "text":
        return None, _text_end(data, position)
    if kind == "begin":
        return _array(data, position, depth)
    if kind == "open":
        return _dictionary(data, position, depth)
    raise PdfError


def _array(data: bytes, position: int, depth: int) -> tuple[Value, int]:
    items: list[Value] = []
    while True:
        kind, _, after = _next(data, position)
        if kind == "end":
            return items, after
        item, position = _value(data, position, depth + 1)
        items.append(item)


def _dictionary(data: bytes, position: int, depth: int) -> tuple[Value, int]:
    entries: dict[bytes, Value] = {}
    while True:
        kind, name, position = _next(data, position)
        if kind == "close":
            return entries, position
        if kind != "name":
            raise PdfError
        entries[name], position = _value(data, position, depth + 1)


def _next(data: bytes, position: int) -> tuple[str, bytes, int]:
    """Return kind, content and end of the next token."""
    while (match := _TOKEN.match(data, position)) is not None:
        position = match.end()
        kind = match.lastgroup or "skip"
        if match["ref"] is not None:
            return "ref", match["ref"], position
        if kind != "skip":
            return kind, match[kind], position
    raise PdfError


def _text_end(data: bytes, position: int) -> int:
    """Return where the text ends whose opening parenthesis lies before position."""
    depth = 1
    for match in _PAREN.finditer(data, position):
        if match[0] == b"(":
            depth += 1
        elif match[0] == b")":
            depth -= 1
            if depth == 0:
                return match.end()
    raise PdfError
