"""Fit tables to the page: smaller type first, then a landscape page, and whole words if possible."""

from collections.abc import Iterable, Sequence
import re
from typing import Final
import unicodedata

from .page import MM_A_POINT, PageStyle, base_size

LEAST_SCALE: Final = 0.5
# Allows breaks anywhere in the words of a table.
WRAP: Final = "--wrap: anywhere"
# Measured with Noto Sans: the mean of letters and digits, and the padding and lines of a cell.
LETTER: Final = 0.6
WIDE_LETTER: Final = 1.0
CELL: Final = 0.9
# Longer words, such as addresses, may be broken.
LONGEST_WORD: Final = 24
_WORD: Final = re.compile(r"\S+")
_LONG_WORD: Final = re.compile(rf"[!-~]{{{LONGEST_WORD // 2}}}(?=[!-~]{{{LONGEST_WORD // 2}}})")


def table_style(rows: Iterable[Sequence[str]], style: PageStyle) -> str:
    """Return the CSS for the element of a table with these texts; empty when it fits as it is."""
    widths: list[float] = []
    for row in rows:
        widths += [0.0] * (len(row) - len(widths))
        for column, text in enumerate(row):
            widths[column] = max(widths[column], _longest(text))
    needed = sum(width + CELL for width in widths) * base_size(style) * MM_A_POINT
    inner = style.width - 2 * style.margin_side
    if needed <= inner:
        return ""
    scale = inner / needed
    if scale >= LEAST_SCALE:
        return f"font-size: {scale:.2f}em"
    sideways = (style.height - 2 * style.margin_top) / needed
    page = ""
    if not style.narrow and style.height > style.width and sideways > scale:
        page, scale = "page: sideways; ", min(1.0, sideways)
    if scale >= LEAST_SCALE:
        return f"{page}font-size: {scale:.2f}em"
    # Break words as the last resort.
    return f"{page}font-size: {LEAST_SCALE:g}em; {WRAP}"


def has_long_words(text: str) -> bool:
    """Return whether text has words longer than a column can hold."""
    return _LONG_WORD.search(text) is not None


def part_long_words(text: str) -> str:
    """Return text in which words longer than a column can hold may be broken."""
    return _LONG_WORD.sub("\\g<0>\N{ZERO WIDTH SPACE}", text)


def _longest(text: str) -> float:
    """Return the width in em of the longest part of a text that is not broken."""
    longest = 0.0
    for word in _WORD.findall(text):
        width = 0.0
        for letter in word[:LONGEST_WORD]:
            if unicodedata.east_asian_width(letter) in "WF":
                longest, width = max(longest, width, WIDE_LETTER), 0.0
            else:
                width += LETTER
        longest = max(longest, width)
    return longest
