"""Upper estimates of the width of text and of its lines when wrapped; lengths in em."""

from collections.abc import Iterator
from dataclasses import dataclass
import math
import re
from typing import Final

BOLD: Final = 1.15
# Room (em) that line-breaking rules may leave empty.
KINSOKU: Final = 3.0
BREAKING: Final = re.compile("[\n\r\u2028\u2029\x85\x0b\x0c]")
SPACES: Final = " \t\n\r\f"
_CJK: Final = "\u2e80-\u9fff\ua000-\ua4cf\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff"
PIECE: Final = 50_000
TOKEN: Final = re.compile(f"[{SPACES}]+|[{_CJK}]+|[^{SPACES}{_CJK}]+")


class _Widths(dict[str, float]):
    """The greatest width of a character in any common font, in em."""

    def __missing__(self, key: str) -> float:
        code = ord(key)
        if key in "mMW@%w&":
            width = 1.05
        elif "A" <= key <= "Z":
            width = 0.9
        elif code < 0x7F:
            width = 0.68
        elif code < 0x0600:
            width = 1.15
        elif 0x2E80 <= code < 0xFB00 or 0xFE30 <= code < 0xFFF0 or code >= 0x20000:
            width = 1.05
        elif 0x1F000 <= code < 0x20000 or 0x2000 <= code < 0x2E80:
            width = 1.5
        else:
            # Scripts with wide letters and ligatures.
            width = 3.0
        self[key] = width
        return width


_WIDTHS: Final = _Widths({" ": 0.36, "\t": 5.5, "\u200b": 0.0})


@dataclass(slots=True)
class Cell:
    """A cell of a table: its text, and whether that is bold."""

    text: str
    bold: bool


def table_lines(rows: list[list[Cell]], columns: int, room: float) -> list[int]:
    """Return the lines of each row of a table that is laid out by its contents, in room em."""
    longest = [0.0] * columns
    words = [0.0] * columns
    for row in rows:
        for index, cell in enumerate(row):
            bold = BOLD if cell.bold else 1.0
            tokens = TOKEN.findall(cell.text)
            longest[index] = max(longest[index], _width(cell.text) * bold)
            parts = [2.0 if piece[0] >= "\u2e80" else _width(piece) * bold for piece in tokens]
            words[index] = max(words[index], *parts, 0.0)
    whole, least = sum(longest), sum(words)
    shares = [
        _share(wide, word, whole, least, room) for wide, word in zip(longest, words, strict=True)
    ]
    lines: list[int] = []
    for row in rows:
        most = 1
        for cell, column in zip(row, shares, strict=False):
            bold = BOLD if cell.bold else 1.0
            parts_of = lines_of(cell.text)
            most = max(most, sum(wrapped_lines(part, column, bold) for part in parts_of))
        lines.append(most)
    return lines


def _share(wide: float, word: float, whole: float, least: float, room: float) -> float:
    """Return the least width that a browser gives to a column, wide if it could choose.

    It divides the room by what the columns would like, with or without regard to the longest word
    of each.
    """
    if whole <= room:
        return wide + 0.1
    share = room * wide / whole
    if least < room:
        share = min(share, word + (room - least) * (wide - word) / (whole - least))
    return 0.85 * share


def lines_of(text: str) -> Iterator[str]:
    """Split text at the ends of lines."""
    start = 0
    for match in BREAKING.finditer(text):
        yield text[start : match.start()]
        start = match.end()
    yield text[start:]


def _width(text: str) -> float:
    # In chunks, to let other threads run in between.
    return sum(
        sum(map(_WIDTHS.__getitem__, text[start : start + PIECE]))
        for start in range(0, len(text), PIECE)
    )


def wrapped_lines(text: str, width: float, bold: float) -> int:
    """Return the most lines that text takes in a width (em)."""
    if width < 2:
        return max(1, len(text))
    if len(text) < 2000 and _width(text) * bold <= width:
        return 1
    lines, x = 1, 0.0
    after_cjk = False
    for match in TOKEN.finditer(text):
        token = match[0]
        wide = _width(token) * bold
        if token[0] in SPACES:
            # Blanks hang over the end of a line.
            x = min(width, x + wide)
            after_cjk = False
            continue
        cjk = token[0] >= "\u2e80"
        # Some characters must not start a line.
        glued = wide + (2.0 if after_cjk != cjk else 0.0)
        after_cjk = cjk
        if x + glued <= width:
            x += wide
            continue
        if glued > width or cjk:
            room = max(width - KINSOKU, width / 2)
            full = math.ceil(wide / room)
            lines += full if x else full - 1
            x = min(width, wide - (full - 1) * room + KINSOKU)
            continue
        lines += 1
        x = wide
    return lines
