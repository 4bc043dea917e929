"""Reads JSON with texts that are megabytes long, such as scanned pages, without blocking other threads for long.

While the JSON parser runs, no other thread runs, and a single character outside ASCII can make the parser use four
bytes for every character of a text. Therefore, long texts are cut out before the JSON is parsed. The long texts are
kept as bytes and decoded in pieces.
"""

from collections.abc import Iterator
from itertools import count
import json
import re
from typing import Any

from .answer_limits import MAX_ANSWER_BYTES, MAX_ANSWER_VALUES
from .coerce import JsonValue, has_few_values, to_json

# A text of at least this many bytes counts as long.
LONG_TEXT_BYTES = 4096
LONG_TEXT_PIECE = 1024 * 1024
_MARK = "\0long "
_BACKSLASH = ord("\\")
_FIRST_HALF = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}")


class LongText:
    """A long text that was cut out of a JSON document. Keeps the whole document in memory."""

    def __init__(self, raw: memoryview) -> None:
        """Keep `raw`, the bytes between the quotes, with all escapes."""
        self._raw = raw

    def __len__(self) -> int:
        return len(self._raw)  # bytes

    def text_pieces(self) -> Iterator[str]:
        """Yield the text in pieces of about a megabyte. Raises ValueError if the bytes are not a JSON string."""
        start = 0
        while start < len(self._raw):
            end = self._end(start + LONG_TEXT_PIECE)
            yield _read_text(bytes(self._raw[start:end]))
            start = end

    def start(self) -> str:
        """Return the beginning of the text, about a thousand characters. Raises ValueError as `text_pieces` does."""
        return _read_text(bytes(self._raw[: self._end(LONG_TEXT_BYTES // 4)]))

    def _end(self, end: int) -> int:
        """Return `end`, or a slightly smaller position if `end` is inside a character or an escape."""
        if end >= len(self._raw):
            return len(self._raw)
        # A character has at most three continuation bytes. A longer run of these is not UTF-8, so decoding will fail.
        for _ in range(3):
            if self._raw[end] & 0xC0 == 0x80:
                end -= 1
        # The longest escape is a character that is written as two halves (surrogates), which takes twelve bytes.
        found = bytes(self._raw[end - 12 : end]).find(b"\\")
        if found >= 0:
            end += found - 12
        if _FIRST_HALF.fullmatch(bytes(self._raw[end - 6 : end])):
            end -= 6
        return end - _backslashes(self._raw, 0, end) % 2


def _read_text(raw: bytes) -> str:
    found = json.loads(b'"' + raw + b'"')
    if not isinstance(found, str):
        raise ValueError("no text")  # noqa: TRY004  # the error for all invalid JSON
    return found


def parse_long(raw: bytes | bytearray) -> object:
    """Parse JSON in UTF-8, with a LongText for each long text. Raises ValueError as `to_json` does. Blocks."""
    # At most four quotes belong to each value: two around its name, and two around the value if it is a text.
    has_few_quotes = raw.count(b'"') <= 4 * MAX_ANSWER_VALUES
    if b"\0" in raw[:4] or not has_few_values(raw) or not has_few_quotes:
        raise ValueError("not UTF-8, or too many values")
    kept, texts = _cut(raw)
    if sum(map(len, kept)) > MAX_ANSWER_BYTES:
        raise ValueError("too much beside long texts")
    answer = to_json(b"".join(kept))
    return _filled(answer, texts) if texts else answer


def _cut(raw: bytes | bytearray) -> tuple[list[memoryview | bytes], dict[str, LongText]]:
    """Return the parts of JSON in which marks replace the long texts, and a mapping from the marks to these texts."""
    whole = memoryview(raw)
    kept: list[memoryview | bytes] = []
    texts: dict[str, LongText] = {}
    numbers = count()
    done = start = 0
    while (start := raw.find(b'"', start) + 1) and (end := _text_end(raw, start)) >= 0:
        if end - start >= LONG_TEXT_BYTES:
            mark = f"{_MARK}{next(numbers)}"
            texts[mark] = LongText(whole[start:end])
            kept += whole[done:start], json.dumps(mark)[1:-1].encode()
            done = end
        start = end + 1
    kept.append(whole[done:])
    return kept, texts


def _text_end(raw: bytes | bytearray, start: int) -> int:
    """Return the position of the closing quote of the text that begins at `start`; -1 if no quote closes it."""
    at = start
    while (end := raw.find(b'"', at)) >= 0:
        if _backslashes(raw, start, end) % 2 == 0:
            return end
        at = end + 1
    return -1


def _backslashes(raw: bytes | bytearray | memoryview, start: int, end: int) -> int:
    """Count the backslashes right before `end`, in a text that begins at `start`."""
    at = end
    # Usually there are only one or two backslashes, so the first piece is short. This saves time if a text contains
    # hundreds of thousands of escaped quotes.
    size = 16
    while at > start and raw[at - 1] == _BACKSLASH:
        piece = bytes(raw[max(start, at - size) : at])
        at -= len(piece) - len(piece.rstrip(b"\\"))
        size = LONG_TEXT_PIECE
    return end - at


def _filled(answer: JsonValue, texts: dict[str, LongText]) -> object:
    """Return the answer with the long texts in place of their marks: only in values, not in field names."""
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
