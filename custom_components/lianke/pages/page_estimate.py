"""Estimate the most pages that HTML takes, without a browser.

The estimate is for pages in the integration's own style (`page`) and never lower than what a browser
makes of them, whatever font it has. HTML that may say otherwise (its own styles, sizes, frames) has
none. Blocks: run it in the executor.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
import math
import re
from typing import Final, override

from .page import MM_A_POINT, PageStyle, base_size


@dataclass(slots=True)
class Paginator:
    """Counts the pages that blocks and lines fill; lengths in mm."""

    height: float
    # What is repeated at the top of each page.
    repeated: float = 0.0
    count: int = 1
    _y: float = 0.0
    # What must stay on the same page as what follows.
    _kept: float = 0.0

    def keep(self, height: float) -> None:
        """Place a block that stays with what follows."""
        self._kept += height

    def put(self, height: float) -> None:
        """Place a block that is not broken unless it is higher than a page."""
        height += self._kept
        self._kept = 0.0
        if self._y + height > self.height:
            if self._y > self.repeated:
                self._next(1)
            if height > (room := max(self.height - self.repeated, self.height / 4)):
                more = math.ceil(height / room) - 1
                self._next(more)
                height -= more * room
        self._y += height

    def put_lines(self, count: int, height: float) -> None:
        """Place lines, of which the first and last two stay together."""
        if count <= 4:
            self.put(count * height)
            return
        self.put(2 * height)
        self._rows(count - 4, height)
        self.put(2 * height)

    def add_pages(self, count: int) -> None:
        """Place whole pages, with a new one behind them."""
        self.put(0.0)
        self._next(count + 1)

    def _rows(self, count: int, height: float) -> None:
        fit = int(max(self.height - self._y, 0.0) / height)
        if count <= fit:
            self._y += count * height
            return
        each = max(1, int(self.height / height))
        pages = math.ceil((count - fit) / each)
        self._next(pages)
        self._y = (count - fit - (pages - 1) * each) * height

    def _next(self, pages: int) -> None:
        self.count += pages
        if pages:
            self._y = self.repeated


BOLD: Final = 1.15
# Room (em) that line-breaking rules may leave empty.
KINSOKU: Final = 3.0
BREAKING: Final = re.compile("[\n\r\u2028\u2029\x85\x0b\x0c]")
SPACES: Final = " \t\n\r\f"
_CJK: Final = "\u2e80-\u9fff\ua000-\ua4cf\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff"
PIECE: Final = 50_000
_KNOWN_WIDTHS: Final = {" ": 0.36, "\t": 5.5, "\u200b": 0.0}
TOKEN: Final = re.compile(f"[{SPACES}]+|[{_CJK}]+|[^{SPACES}{_CJK}]+")


@cache
def _em(letter: str) -> float:
    """Return the greatest width of a character in any common font, in em."""
    code = ord(letter)
    if letter in _KNOWN_WIDTHS:
        return _KNOWN_WIDTHS[letter]
    if letter in "mMW@%w&":
        return 1.05
    if "A" <= letter <= "Z":
        return 0.9
    if code < 0x7F:
        return 0.68
    if code < 0x0600:
        return 1.15
    if 0x2E80 <= code < 0xFB00 or 0xFE30 <= code < 0xFFF0 or code >= 0x20000:
        return 1.05
    # Scripts with wide letters and ligatures are the widest.
    return 1.5 if 0x1F000 <= code < 0x20000 or 0x2000 <= code < 0x2E80 else 3.0


# A cell of a table: its text, and how much wider that is than usual text.
type Cell = tuple[str, float]


def table_lines(rows: list[list[Cell]], columns: int, room: float) -> list[int]:
    """Return the lines of each row of a table that is laid out by its contents, in room em."""
    longest = [0.0] * columns
    words = [0.0] * columns
    for row in rows:
        for index, (text, bold) in enumerate(row):
            tokens = TOKEN.findall(text)
            longest[index] = max(longest[index], _width(text) * bold)
            parts = [2.0 if piece[0] >= "\u2e80" else _width(piece) * bold for piece in tokens]
            words[index] = max(words[index], *parts, 0.0)
    whole, least = sum(longest), sum(words)
    shares = [
        _share(wide, word, whole, least, room) for wide, word in zip(longest, words, strict=True)
    ]
    return [
        max(
            (
                sum(wrapped_lines(part, column, bold) for part in lines_of(text))
                for (text, bold), column in zip(row, shares, strict=False)
            ),
            default=1,
        )
        for row in rows
    ]


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
    return sum(sum(map(_em, text[start : start + PIECE])) for start in range(0, len(text), PIECE))


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


LINE: Final = 1.45
# Inline code is set in a font with higher lines.
MIXED_LINE: Final = 1.65
COLUMN_GAP: Final = 8.0
QR: Final = 40.0
HEADINGS: Final = {"h1": 1.6, "h2": 1.3, "h3": 1.1, "h4": 1.0, "h5": 0.83, "h6": 0.67}
# Space above and below together, in em of the element; h4 to h6 as in a browser's own style.
MARGINS: Final = {
    "h1": 1.0,
    "h2": 1.3,
    "h3": 1.0,
    "h4": 2.7,
    "h5": 3.4,
    "h6": 4.7,
    "p": 0.8,
    "ul": 1.0,
    "ol": 1.0,
    "blockquote": 1.0,
    "pre": 2.0,
    "hr": 1.5,
    "dl": 2.0,
    "header": 2.0,
    "section": 1.4,
    "li": 0.7,
    "dd": 0.5,
    "dt": 0.5,
    "table": 1.2,
}
# Space at the sides, in em.
INDENTS: Final = {"ul": 2.0, "ol": 2.0, "blockquote": 1.2, "dd": 7.6}
INLINE: Final = frozenset(
    {"a", "b", "strong", "em", "i", "s", "del", "ins", "u", "span", "code", "mark", "abbr", "q"}
)
BLOCKS: Final = frozenset({*MARGINS, "div", "main", "small", "article", "footer"})
TABLE: Final = frozenset({"table", "thead", "tbody", "tr", "td", "th"})
# What only QR codes that are drawn here have.
CODE: Final = "data-qr"
ATTRIBUTES: Final = frozenset(
    {"class", "href", "alt", "title", "lang", "id", "dir", "src", "start", CODE}
)
TABLE_STYLE: Final = re.compile(
    r"(page: sideways; )?(?:font-size: (\d(?:\.\d+)?)em(?:; --wrap: anywhere)?|--wrap: anywhere)"
)
# Those that change no height.
STYLES: Final = frozenset(
    {
        "list-style: none",
        "list-style:none",
        *(f"text-align:{side}" for side in ("left", "center", "right")),
    }
)
PLAIN_FRAME: Final = re.compile(r'<!DOCTYPE html>\n<html lang="[^"]*">\n')
TABLE_SIZE: Final = re.compile(r"<style>table \{ width: 100%; font-size: ([\d.]+)em; \}")
_COLUMN_COUNT = re.compile(r"column-count: (\d)")
_BLANKS: Final = str.maketrans(dict.fromkeys(SPACES, " "))


def pages_at_most(html: str, style: PageStyle) -> int | None:
    """Return the most pages that a page made here takes; None when unknown."""
    head, mark, body = html.partition("<body>\n")
    if not mark or not PLAIN_FRAME.match(head):
        # Attributes of its own may say anything.
        return None
    smaller = TABLE_SIZE.search(head)
    found = _COLUMN_COUNT.search(head)
    width = style.width - 2 * style.margin_side
    if found is not None:
        width = (width - COLUMN_GAP) / int(found[1])
    reader = _Reader(
        em=base_size(style) * MM_A_POINT,
        width=max(width, 1.0),
        height=max(style.height - 2 * style.margin_top, 1.0),
        qr=min(QR, style.width * 0.5),
        table_scale=float(smaller[1]) if smaller else 1.0,
    )
    try:
        reader.feed(body)
        reader.close()
    except _UnknownError:
        return None
    return reader.result()


class _UnknownError(Exception):
    """An element whose size is unknown."""


@dataclass(slots=True)
class _TableRows:
    head: list[list[Cell]] = field(default_factory=list)
    rows: list[list[Cell]] = field(default_factory=list)
    in_head: bool = False
    scale: float = 1.0
    sideways: bool = False


class _Reader(HTMLParser):
    """Parser that puts a body block by block onto pages."""

    def __init__(
        self, *, em: float, width: float, height: float, qr: float, table_scale: float
    ) -> None:
        super().__init__(convert_charrefs=True)
        self._em = em
        self._width = width
        self._qr = qr
        self._table_scale = table_scale
        self._pages = Paginator(height)
        self._stack: list[str] = []
        self._text: list[str] = []
        self._pictures = 0
        self._mixed = False
        self._plain = 0
        self._table: _TableRows | None = None
        # Height of the blocks within a section that is not broken.
        self._whole: float | None = None

    def result(self) -> int:
        self._flush()
        self._end_whole()
        self._pages.put(0.0)
        return self._pages.count

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        classes: list[str] = []
        is_code = False
        table_style = None
        for name, value in attrs:
            is_code |= name == CODE
            if name == "class":
                classes = (value or "").split()
            if tag == "table" and name == "style":
                table_style = TABLE_STYLE.fullmatch(value or "")
                if table_style is not None:
                    continue
            if name not in ATTRIBUTES and not (name == "style" and value in STYLES):
                raise _UnknownError
        if ("qr" in classes) is not is_code:
            raise _UnknownError
        if "plain" in classes and (tag != "div" or self._plain):
            raise _UnknownError
        if tag == "br":
            self._text.append("\u2028")
        elif tag == "img":
            if not is_code or self._table is not None:
                raise _UnknownError
            self._pictures += 1
        elif tag in TABLE:
            self._start_table(tag, table_style)
        elif tag in INLINE:
            self._mixed |= tag == "code"
        else:
            self._start_block(tag, classes)

    def _start_block(self, tag: str, classes: list[str]) -> None:
        if tag not in BLOCKS or self._table is not None:
            raise _UnknownError
        self._flush()
        if tag == "section" and "long" not in classes and self._whole is None:
            self._whole = 0.0
        if tag == "hr":
            self._put(MARGINS["hr"] * self._em + 0.5)
            return
        self._stack.append(tag)
        if "plain" in classes:
            self._plain = len(self._stack)
        if tag in MARGINS and tag not in HEADINGS:
            self._put(MARGINS[tag] * self._scale() * self._em)

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag in TABLE:
            self._end_table(tag)
            return
        if tag not in BLOCKS or tag not in self._stack:
            return
        self._flush()
        while self._stack.pop() != tag:
            pass
        if self._plain > len(self._stack):
            self._plain = 0
        if tag == "section":
            self._end_whole()

    @override
    def handle_data(self, data: str) -> None:
        self._text.append(data)

    def _scale(self) -> float:
        scale = 1.0
        for tag in self._stack:
            scale *= HEADINGS.get(tag, 1.0)
            if tag == "ul":
                # To-do lists are set in larger type.
                scale = max(scale, 1.35)
        return scale

    def _put(self, height: float) -> None:
        if self._whole is not None:
            self._whole += height
        else:
            self._pages.put(height)

    def _end_whole(self) -> None:
        if self._whole is not None:
            height, self._whole = self._whole, None
            self._pages.put(height)

    def _flush(self) -> None:
        """Place the text since the last block."""
        text = "".join(self._text)
        pictures, mixed = self._pictures, self._mixed
        self._text.clear()
        self._pictures, self._mixed = 0, False
        if self._table is not None:
            return
        if not self._plain and "pre" not in self._stack:
            text = " ".join(filter(None, text.translate(_BLANKS).split(" ")))
        if not text and not pictures:
            return
        heading = next((tag for tag in self._stack if tag in HEADINGS), None)
        em = self._em * self._scale()
        indent = sum(INDENTS.get(tag, 0.0) for tag in self._stack) * em
        width = max(self._width - indent, 0.0) / em
        bold = BOLD if heading or {"dt", "pre"}.intersection(self._stack) else 1.0
        lines = sum(wrapped_lines(part, width, bold) for part in lines_of(text))
        height = em * (MIXED_LINE if mixed else LINE)
        # Each picture may stand on a line of its own, with a piece of text beside it.
        for _ in range(pictures):
            self._put(self._qr + height)
            lines += 1
        if self._whole is not None:
            self._whole += lines * height
        elif heading:
            self._pages.keep(lines * em * LINE + MARGINS[heading] * em)
        else:
            self._pages.put_lines(lines, height)

    def _start_table(self, tag: str, style: re.Match[str] | None) -> None:
        if tag == "table":
            if self._table is not None or self._whole is not None:
                raise _UnknownError
            self._flush()
            self._table = _TableRows()
            if style is not None:
                self._table.scale = float(style[2] or 1)
                self._table.sideways = style[1] is not None
            return
        if self._table is None:
            raise _UnknownError
        rows = self._table.head if self._table.in_head else self._table.rows
        if tag == "thead":
            self._table.in_head = True
        elif tag == "tr":
            rows.append([])
        elif tag in ("td", "th"):
            if not rows:
                raise _UnknownError
            self._text.clear()
            rows[-1].append(("", BOLD if tag == "th" else 1.0))

    def _end_table(self, tag: str) -> None:
        if self._table is None:
            return
        rows = self._table.head if self._table.in_head else self._table.rows
        if tag == "thead":
            self._table.in_head = False
        elif tag in ("td", "th") and rows and rows[-1]:
            text, bold = rows[-1][-1]
            rows[-1][-1] = (text + "".join(self._text), bold)
            self._text.clear()
        elif tag == "table":
            table, self._table = self._table, None
            self._text.clear()
            self._put_table(table)

    def _put_table(self, table: _TableRows) -> None:
        indent = sum(INDENTS.get(tag, 0.0) for tag in self._stack)
        columns = max((len(row) for row in [*table.head, *table.rows]), default=0)
        # Padding at both sides and a border.
        em = self._em * self._table_scale * table.scale
        pages, width = self._pages, self._width - indent * self._em
        if table.sideways:
            # On pages of its own.
            pages, width = Paginator(self._width), self._pages.height
        room = width / em - columns * (0.8 + 0.4 / em)
        measured = table_lines([*table.head, *table.rows], columns, room)
        heights = [(lines * LINE + 0.5) * em + 0.4 for lines in measured]
        head = sum(heights[: len(table.head)])
        pages.put(MARGINS["table"] * self._em)
        pages.put(head)
        if head < pages.height:
            pages.repeated = head
        for height in heights[len(table.head) :]:
            pages.put(height)
        pages.repeated = 0.0
        if table.sideways:
            self._pages.add_pages(pages.count)
