"""JSON with texts of megabytes, such as the pages of a scan, read without holding up everything else.

The parser lets no other thread run, and one character outside of ASCII makes it take four bytes for each of the others.
So long texts are cut out first, stay as they came, and are read a piece at a time.
"""

from collections.abc import Iterator
from itertools import count
import json
import re
from typing import Any

from .coerce import MAX_VALUES, JsonValue, has_few_values, to_json

MAX_SKELETON = 8 * 1024 * 1024
"""bytes of an answer without its long texts."""
MAX_QUOTES = 4 * MAX_VALUES
"""those of a name and a text for each value."""
LONG = 4096
"""bytes from which on a text is long."""
PIECE = 1024 * 1024
_MARK = "\0long "
_BACKSLASH = ord("\\")
_FIRST_HALF = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}")


class LongText:
    """A long text of a JSON text; it keeps the whole alive."""

    def __init__(self, raw: memoryview) -> None:
        """Take the text as it stands between its quotes."""
        self._raw = raw

    def __len__(self) -> int:
        """Return how many bytes it has as it stands."""
        return len(self._raw)

    def pieces(self) -> Iterator[str]:
        """Yield the text, a megabyte at a time; raises ValueError where it is none."""
        start = 0
        while start < len(self._raw):
            end = self._end(start + PIECE)
            yield _read_text(bytes(self._raw[start:end]))
            start = end

    def start(self) -> str:
        """Return the first characters; raises ValueError where it is no text."""
        return _read_text(bytes(self._raw[: self._end(LONG // 4)]))

    def _end(self, end: int) -> int:
        """Return a place near `end` that is neither in a character nor in an escape."""
        if end >= len(self._raw):
            return len(self._raw)
        # Four bytes are the longest character; a longer run is no UTF-8, which is told when it is read.
        for _ in range(3):
            if self._raw[end] & 0xC0 == 0x80:
                end -= 1
        # The longest escape has twelve bytes: two halves of a character.
        found = bytes(self._raw[end - 12 : end]).find(b"\\")
        if found >= 0:
            end += found - 12
        if _FIRST_HALF.fullmatch(bytes(self._raw[end - 6 : end])):
            end -= 6
        return end - _backslashes(self._raw, 0, end) % 2


def _read_text(raw: bytes) -> str:
    found = json.loads(b'"' + raw + b'"')
    if not isinstance(found, str):
        raise ValueError("no text")  # noqa: TRY004  # as for anything that is no JSON
    return found


def parse_long(raw: bytes | bytearray) -> object:
    """Parse JSON in UTF-8 in which long texts become LongText; raises ValueError as `to_json` does. Blocks."""
    if b"\0" in raw[:4] or not has_few_values(raw) or raw.count(b'"') > MAX_QUOTES:
        raise ValueError("not UTF-8, or too many values")
    kept, texts = _cut(raw)
    if sum(map(len, kept)) > MAX_SKELETON:
        raise ValueError("too much beside long texts")
    answer = to_json(b"".join(kept))
    return _filled(answer, texts) if texts else answer


def _cut(raw: bytes | bytearray) -> tuple[list[memoryview | bytes], dict[str, LongText]]:
    """Return the parts of a JSON text, with a mark in the place of each long text, and the texts by their marks."""
    whole = memoryview(raw)
    kept: list[memoryview | bytes] = []
    texts: dict[str, LongText] = {}
    numbers = count()
    done = start = 0
    while (start := raw.find(b'"', start) + 1) and (end := _text_end(raw, start)) >= 0:
        if end - start >= LONG:
            mark = f"{_MARK}{next(numbers)}"
            texts[mark] = LongText(whole[start:end])
            kept += whole[done:start], json.dumps(mark)[1:-1].encode()
            done = end
        start = end + 1
    kept.append(whole[done:])
    return kept, texts


def _text_end(raw: bytes | bytearray, start: int) -> int:
    """Return where the text that begins here has its closing quote, -1 without one."""
    at = start
    while (end := raw.find(b'"', at)) >= 0:
        if _backslashes(raw, start, end) % 2 == 0:
            return end
        at = end + 1
    return -1


def _backslashes(raw: bytes | bytearray | memoryview, start: int, end: int) -> int:
    """Return how many backslashes are before `end`, in a text that begins at `start`."""
    at = end
    # Nearly always one or two: a text may have hundreds of thousands of quotes with some before them.
    size = 16
    while at > start and raw[at - 1] == _BACKSLASH:
        piece = bytes(raw[max(start, at - size) : at])
        at -= len(piece) - len(piece.rstrip(b"\\"))
        size = PIECE
    return end - at


def _filled(answer: JsonValue, texts: dict[str, LongText]) -> object:
    """Return an answer with its long texts; those that are names are left as marks."""
    top: list[Any] = [answer]
    ahead: list[Any] = [top]
    while ahead:
        inside = ahead.pop()
        for key, value in inside.items() if isinstance(inside, dict) else enumerate(inside):
            if isinstance(value, dict | list):
                ahead.append(value)
            elif isinstance(value, str) and value in texts:
                inside[key] = texts[value]
    return top[0]
