"""Bound the number of pages that HTML takes, without a browser.

The bound holds for pages in our own style (`page`), whatever fonts the browser has. HTML with its own styles, sizes or
frames has no bound. Blocks: run it in the executor.
"""

from html.parser import HTMLParser
import math
import re
from typing import Final, override

from .page import MM_A_POINT, WRAP, PageStyle, base_size

BLANKS: Final = " \t\n\r\f"
_BLANK_RUN: Final = re.compile(f"[{BLANKS}]+")
_HAN: Final = "\u3400-\u9fff\U00020000-\U0003ffff"
# Browsers break lines only between two of these: at blanks, and between Chinese characters.
UNBROKEN: Final = re.compile(
    rf"[{BLANKS}]+|(?:[^{BLANKS}{_HAN}]|[{_HAN}](?![{_HAN}]))+[{_HAN}]?|[{_HAN}]"
)
# Runs that no browser breaks at all, and every other character by itself.
ATOM: Final = re.compile(rf"[0-9A-Za-z]+|[^0-9A-Za-z{BLANKS}]")
_NARROW: Final = frozenset(" !\"'()*,-./:;I[\\]_`fijlrt|")
_WIDE: Final = frozenset("#+<=>^~&w")
_WIDEST: Final = frozenset("mMW@%")
_EAST_ASIAN: Final = re.compile(
    f"[{_HAN}\u2e80-\u33ff\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe6f\uff00-\uffef]"
)


class _Widths(dict[str, float]):
    """The greatest width of a character in em: bold DejaVu Sans is the widest of the usual fonts."""

    def __missing__(self, letter: str) -> float:
        self[letter] = width = _width(letter)
        return width


def _width(letter: str) -> float:
    code = ord(letter)
    if code < 0x7F:
        if letter in _NARROW:
            return 0.55
        return 1.15 if letter in _WIDEST else 0.95 if letter in _WIDE or letter.isupper() else 0.74
    if _EAST_ASIAN.match(letter):
        return 1.05
    if code < 0x180 or 0x370 <= code < 0x600:
        return 1.35
    if 0x2010 <= code < 0x2028 or 0x1F000 <= code < 0x20000:
        return 1.6
    # Ligatures of whole sentences, and ancient scripts.
    return 12.0 if code >= 0x10000 or 0xFDF0 <= code < 0xFE00 else 3.0


_WIDTHS: Final = {"\t": 5.5, "\u200b": 0.0}
_EM: Final = _Widths(_WIDTHS)


def fill(pieces: list[float], room: float) -> int:
    """Bound how many lines (or pages) of size `room` hold the pieces, put there in order and unbroken.

    A piece that does not fit begins the next line. So each line has less room left than the largest piece needs, and
    two lines in a row hold more than one could. A piece larger than a line is broken, and may leave the line before it
    part empty.
    """
    total = sum(pieces)
    if total <= room:
        return 1
    least = max(room - max(pieces), room / 2)
    return math.ceil(total / least) + sum(piece > room for piece in pieces)


def _measure(line: str) -> list[float]:
    """Return the widths in em of the unbroken pieces of a line of text."""
    return [sum(_EM[letter] for letter in found[0]) for found in UNBROKEN.finditer(line)]


LINE: Final = 1.45
# Code is set in another font, whose baseline is at another height.
CODE_LINE: Final = 1.65
# Lines of a block that stay on one page: all of a short block, or the first and last two.
TOGETHER: Final = 3
COLUMN_GAP: Final = 8.0
QR: Final = 40.0
# Type sizes in em; to-do lists are set in larger type, with small notes.
SIZES: Final = {"h1": 1.6, "h2": 1.3, "h3": 1.1, "todo": 1.35, "note": 0.75}
HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
# Elements that may stay on one page as a whole.
WHOLE: Final = frozenset({"li", "section"})
# Space above and below together, in em of the element: ours, or that of a browser's own style.
MARGINS: Final = {
    **dict.fromkeys(("dd", "dt", "li"), 0.5),
    **dict.fromkeys(("p", "ul", "ol"), 0.8),
    **dict.fromkeys(("h1", "h2", "h3", "todo", "blockquote"), 1.3),
    **dict.fromkeys(("pre", "hr", "dl", "header", "section"), 2.0),
    **dict.fromkeys(("h4", "h5", "h6"), 4.7),
}
# Space at the sides, in em of the element.
INDENTS: Final = {"ul": 1.6, "ol": 1.6, "todo": 1.6, "blockquote": 1.3, "dd": 7.6}
BLOCKS: Final = frozenset({*MARGINS, "div", "main", "small", "article", "footer"})
INLINE: Final = frozenset(
    {"a", "b", "strong", "em", "i", "s", "del", "ins", "u", "span", "code", "mark", "abbr"}
)
TABLE: Final = frozenset({"thead", "tbody", "tr", "td", "th"})
# Elements whose end tag is ignored: they hold nothing, or everything.
OUTSIDE: Final = frozenset({"br", "hr", "img", "body", "html"})
# Elements that keep the ends of lines.
KEEPING: Final = frozenset({"pre", "plain", "code"})
# The attribute that only QR codes drawn here have.
CODE: Final = "data-qr"
ATTRIBUTES: Final = frozenset(
    {"class", "href", "alt", "title", "lang", "id", "dir", "src", "start", CODE}
)
TABLE_STYLE: Final = re.compile(
    rf"(page: sideways; )?(?:font-size: (\d(?:\.\d+)?)em)?(?:; )?({WRAP})?"
)
# Styles that change no height.
STYLE: Final = re.compile(r"(?:list-style: ?none|text-align:(?:left|center|right))?")
PLAIN_FRAME: Final = re.compile(r'<!DOCTYPE html>\n<html lang="[^"]*">\n')
_COLUMN_COUNT: Final = re.compile(r"column-count: (\d)")


class _UnknownError(Exception):
    """Something whose size is unknown."""


def pages_at_most(html: str, style: PageStyle) -> int | None:
    """None if there is no bound."""
    head, mark, body = html.partition("<body>\n")
    if not mark or not PLAIN_FRAME.match(head):
        # Attributes of the html or body element may change any size.
        return None
    columns = _COLUMN_COUNT.search(head)
    reader = _Reader(style, int(columns[1]) if columns else 1)
    try:
        reader.feed(body)
        reader.close()
        return reader.result()
    except _UnknownError:
        return None


class _Table:
    """Rows of a table, whose columns a browser sizes by their contents."""

    def __init__(self, style: str) -> None:
        found = TABLE_STYLE.fullmatch(style)
        sideways, size, wrap = found.groups() if found else (None, None, None)
        self.is_sideways = sideways is not None
        self.scale = float(size or 1)
        self._breaks_words = wrap is not None
        self._rows: list[list[str]] = []
        self.heads = 0

    @property
    def columns(self) -> int:
        return max(map(len, self._rows), default=0)

    def start(self, tag: str) -> None:
        if tag == "tr":
            self._rows.append([])

    def end(self, tag: str, text: str) -> None:
        if tag in ("td", "th"):
            if not self._rows:
                raise _UnknownError
            self._rows[-1].append(text)
        elif tag == "thead":
            self.heads = len(self._rows)

    def lines(self, room: float) -> list[int]:
        """Bound the lines of each row, in a width of `room` em.

        A browser gives each column its longest word, and divides the rest in proportion to the columns' longest texts.
        If these together are n times as wide as that rest, no text has more than 2 n lines; nor more lines than words.
        """
        cells = [[text.splitlines() for text in row] for row in self._rows]
        texts, words = [0.0] * self.columns, [0.0] * self.columns
        for row in cells:
            for column, lines in enumerate(row):
                for line in lines:
                    widths = _measure(line)
                    texts[column] = max(texts[column], sum(widths))
                    parts = map(_EM.__getitem__, line) if self._breaks_words else widths
                    words[column] = max(words[column], *parts, 0.0)
        if sum(texts) <= room:
            return [max((len(lines) for lines in row), default=1) for row in cells]
        left = room - sum(words)
        most = math.ceil(2 * sum(texts) / left) if left > 0 else math.inf

        def height(line: str) -> int:
            if self._breaks_words:
                return int(min(len(line) or 1, most + len(line.split())))
            return int(min(len(ATOM.findall(line)) or 1, most))

        return [max((sum(map(height, lines)) for lines in row), default=1) for row in cells]


class _Reader(HTMLParser):
    """Collects what a body puts onto its pages, in mm."""

    def __init__(self, style: PageStyle, columns: int) -> None:
        super().__init__(convert_charrefs=True)
        self._em = base_size(style) * MM_A_POINT
        self._width = style.width - 2 * style.margin_side
        self._height = style.height - 2 * style.margin_top
        self._column = (self._width - COLUMN_GAP * (columns - 1)) / columns
        self._qr = min(QR, style.width / 2)
        # The open elements, each by its name, or by its class if that changes more.
        self._open: list[str] = []
        self._text: list[str] = []
        self._codes = 0
        self._has_code = False
        # Heights of pieces that no page end divides, since the last change between upright and sideways.
        self._pieces: list[float] = []
        # Height that stays with the next piece: headings, margins, the start of an element that stays whole.
        self._kept = 0.0
        # The highest head of a table, which each page repeats.
        self._head = 0.0
        self._pages = 0
        self._table: _Table | None = None

    def result(self) -> int:
        self._flush()
        self._turn(self._height)
        return max(self._pages, 1)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        style, classes = values.pop("style", ""), values.get("class", "").split()
        known = TABLE_STYLE if tag == "table" else STYLE
        is_code = CODE in values
        if not (
            values.keys() <= ATTRIBUTES and known.fullmatch(style) and ("qr" in classes) is is_code
        ):
            raise _UnknownError
        name = next((one for one in ("plain", "todo") if one in classes), tag)
        if tag == "small" and "todo" in self._open:
            name = "note"
        if tag == "br":
            self._text.append("\u2028")
        elif tag == "img" and is_code and self._table is None:
            self._codes += 1
        elif tag in TABLE and self._table is not None:
            self._table.start(tag)
            self._text.clear()
        elif tag == "table" and self._table is None:
            self._flush()
            self._table = _Table(style)
        elif tag in BLOCKS and self._table is None:
            self._flush()
            self._open.append(name)
            self._kept += MARGINS.get(name, MARGINS.get(tag, 0.0)) * self._size()
            if tag == "hr":
                self._open.pop()
        elif tag in INLINE:
            self._open.append(name)
            self._has_code |= tag == "code"
        else:
            raise _UnknownError

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag in OUTSIDE:
            return
        if self._table is not None and tag not in INLINE:
            self._table.end(tag, "".join(self._text))
            self._text.clear()
            if tag == "table":
                table, self._table = self._table, None
                self._put_table(table)
            return
        if tag in BLOCKS:
            self._flush()
        if not self._open:
            raise _UnknownError
        self._open.pop()
        if tag in WHOLE and not WHOLE.intersection(self._open):
            self._put([0.0])

    @override
    def handle_data(self, data: str) -> None:
        if KEEPING.isdisjoint(self._open):
            data = _BLANK_RUN.sub(" ", data)
        self._text.append(data)

    def _size(self) -> float:
        return self._em * math.prod(SIZES.get(name, 1.0) for name in self._open)

    def _room(self, width: float) -> float:
        """Return what the open elements' indents leave of a width."""
        room = width - sum(INDENTS.get(name, 0.0) for name in self._open) * self._size()
        if room <= 0:
            raise _UnknownError
        return room

    def _flush(self) -> None:
        """Put the text since the last block."""
        text, codes = "".join(self._text), self._codes
        if KEEPING.isdisjoint(self._open):
            text = text.strip(" ")
        line = CODE_LINE if self._has_code or "pre" in self._open else LINE
        self._text.clear()
        self._codes, self._has_code = 0, False
        if not text and not codes:
            return
        em = self._size()
        room = self._room(self._column) / em
        lines = sum(fill(_measure(part), room) for part in text.splitlines())
        # Each QR code may take a line of its own, and divide the text around it.
        pieces = _together(codes, self._qr + TOGETHER * line * em) + _together(lines, line * em)
        if HEADINGS.intersection(self._open):
            self._kept += sum(pieces)
        else:
            self._put(pieces)

    def _put(self, pieces: list[float]) -> None:
        if WHOLE.intersection(self._open):
            self._kept += sum(pieces)
        elif pieces:
            pieces[0] += self._kept
            self._kept = 0.0
            self._pieces += pieces

    def _turn(self, height: float) -> None:
        """Count the pages of this height so far; what follows begins a new page."""
        self._pieces.append(self._kept)
        if any(self._pieces):
            # Browsers do not repeat a head that is higher than a quarter of a page.
            self._pages += fill(self._pieces, height - min(self._head, height / 4))
        self._pieces, self._kept, self._head = [], 0.0, 0.0

    def _put_table(self, table: _Table) -> None:
        em = self._size() * table.scale
        if table.is_sideways:
            self._turn(self._height)
        width = self._height if table.is_sideways else self._column
        # A cell has padding at both sides and a border.
        room = self._room(width) / em - table.columns * (0.8 + 0.4 / em)
        line = CODE_LINE if self._has_code else LINE
        self._has_code = False
        heights = [(lines * line + 0.5) * em + 0.4 for lines in table.lines(room)]
        self._kept += em
        self._head = max(self._head, sum(heights[: table.heads]))
        self._put(heights)
        if table.is_sideways:
            self._turn(self._width)


def _together(count: int, height: float) -> list[float]:
    """Make pieces of TOGETHER lines each, and one of what is left."""
    return [TOGETHER * height] * (count // TOGETHER) + [count % TOGETHER * height]
