"""Find an upper bound for the number of pages that HTML takes, without a browser.

The bound holds for pages in our own style (`page`), whatever fonts the browser has. There is no bound for HTML that
sets styles or sizes itself. All functions block: run them in the executor.
"""

from functools import cache
from html.parser import HTMLParser
import math
import re
from typing import Final, NamedTuple, override

from .page import MM_A_POINT, WRAP, PageStyle, base_size

_BLANKS: Final = " \t\n\r\f"
_IDEOGRAPHS: Final = "\u3400-\u9fff\U00020000-\U0003ffff"
# A piece of text within which browsers break no line: they break only at blanks and between Chinese characters. The
# pattern never backtracks: to backtrack in a word of a million characters takes 150 bytes of memory per character.
_UNBROKEN: Final = re.compile(
    rf"[{_BLANKS}]++|(?:[^{_BLANKS}{_IDEOGRAPHS}]++|[{_IDEOGRAPHS}](?![{_IDEOGRAPHS}]))++[{_IDEOGRAPHS}]?|[{_IDEOGRAPHS}]"
)
_BLANK_RUN: Final = re.compile(f"[{_BLANKS}]+")
# A run of letters and digits, which no browser breaks at all, or any other single character.
_ATOM: Final = re.compile(rf"[0-9A-Za-z]+|[^0-9A-Za-z{_BLANKS}]")
_EAST_ASIAN: Final = re.compile(
    f"[{_IDEOGRAPHS}\u2e80-\u33ff\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe6f\uff00-\uffef]"
)
# Height of a line of text, and of a line of code, in em: code is set in another font, which makes its lines higher.
_LINE, _CODE_LINE = 1.45, 1.65
# Maximum number of lines that stay together on a page, since browsers separate neither the first two lines of a block
# nor its last two.
_TOGETHER: Final = 3
# The gap between columns and the width of a QR code, in mm.
_COLUMN_GAP, _QR_WIDTH = 8.0, 40.0


class _Element(NamedTuple):
    # Font size, relative to that of the element around it.
    size: float = 1.0
    # The sum of the margins above and below, and the sum of the indents at both sides, in em of the element, as our
    # style or the browser's default style sets them.
    margin: float = 0.0
    indent: float = 0.0
    # Whether the element stays on the same page as what follows it, whether no page end divides it, and whether its
    # line breaks are kept.
    is_heading: bool = False
    is_whole: bool = False
    keeps_lines: bool = False


_TODO_LIST: Final = _Element(size=1.35, margin=1.3, indent=1.6)
_TODO_NOTE: Final = _Element(size=0.75)
_BLOCKS: Final = {
    **dict.fromkeys(("div", "main", "small", "article", "footer"), _Element()),
    "p": _Element(margin=0.8),
    **dict.fromkeys(("ul", "ol"), _Element(margin=0.8, indent=1.6)),
    "li": _Element(margin=0.5, is_whole=True),
    "dt": _Element(margin=0.5),
    "dd": _Element(margin=0.5, indent=7.6),
    "blockquote": _Element(margin=1.3, indent=1.3),
    **dict.fromkeys(("hr", "dl", "header"), _Element(margin=2.0)),
    "pre": _Element(margin=2.0, keeps_lines=True),
    "section": _Element(margin=2.0, is_whole=True),
    "h1": _Element(size=1.6, margin=1.3, is_heading=True),
    "h2": _Element(size=1.3, margin=1.3, is_heading=True),
    "h3": _Element(size=1.1, margin=1.3, is_heading=True),
    **dict.fromkeys(("h4", "h5", "h6"), _Element(margin=4.7, is_heading=True)),
}
_INLINE: Final = {
    **dict.fromkeys(
        ("a", "b", "strong", "em", "i", "s", "del", "ins", "u", "span", "mark", "abbr"), _Element()
    ),
    "code": _Element(keeps_lines=True),
}
_ROWS: Final = frozenset({"thead", "tbody", "tr"})
_CELLS: Final = frozenset({"td", "th"})
# Elements whose end tag is ignored, since they contain nothing or everything.
_OUTSIDE: Final = frozenset({"br", "hr", "img", "body", "html"})
# The attribute that only QR codes drawn here have.
_QR_MARK: Final = "data-qr"
_KNOWN_ATTRIBUTES: Final = frozenset(
    {"class", "href", "alt", "title", "lang", "id", "dir", "src", "start", _QR_MARK}
)
_TABLE_STYLE: Final = re.compile(
    rf"(page: sideways; )?(?:font-size: (\d(?:\.\d+)?)em)?(?:; )?({WRAP})?"
)
# Styles that change no height.
_STYLE: Final = re.compile(r"(?:list-style: ?none|text-align:(?:left|center|right))?")
_PLAIN_FRAME: Final = re.compile(r'<!DOCTYPE html>\n<html lang="[^"]*">\n')
_COLUMN_COUNT: Final = re.compile(r"column-count: (\d)")


class _UnknownError(Exception):
    """The HTML contains something whose size is unknown."""


def pages_at_most(html: str, style: PageStyle) -> int | None:
    """Return an upper bound for the number of pages; None if there is no bound."""
    head, mark, body = html.partition("<body>\n")
    if not mark or not _PLAIN_FRAME.match(head):
        # Attributes of the html or body element may change any size.
        return None
    columns = _COLUMN_COUNT.search(head)
    measure = _Measure(style, int(columns[1]) if columns else 1)
    try:
        measure.feed(body)
        measure.close()
        return measure.pages()
    except _UnknownError:
        return None


@cache
def _em(letter: str) -> float:
    """Return the maximum width of a character in em, as in bold DejaVu Sans, the widest of the usual fonts."""
    code = ord(letter)
    if letter in "\t\u200b":
        return 5.5 if letter == "\t" else 0.0
    if code < 0x7F:
        if letter in " !'()*,-./:;I[\\]fijlrt|":
            return 0.55
        wide = 0.95 if letter.isupper() or letter in "#+<=>^~&w" else 0.74
        return 1.15 if letter in "mMW@%" else wide
    if _EAST_ASIAN.match(letter):
        return 1.05
    if code < 0x180 or 0x370 <= code < 0x600:
        return 1.45
    if 0x2010 <= code < 0x2028 or 0x1F000 <= code < 0x20000:
        return 1.7
    # The widest characters are those of ancient scripts, and ligatures of whole sentences.
    return 12.0 if code >= 0x10000 or 0xFDF0 <= code < 0xFE00 else 3.0


def _widths(line: str) -> list[float]:
    """Return the widths in em of the unbroken pieces of a line of text."""
    return [sum(map(_em, found[0])) for found in _UNBROKEN.finditer(line)]


def _fill(pieces: list[float], room: float) -> int:
    """Return an upper bound for the number of lines (or pages) of size `room` that hold the pieces in order, unbroken.

    A piece that does not fit begins the next line. Each line therefore has less room left than the largest piece needs,
    and two consecutive lines together hold more than `room`. A piece larger than a line is broken, and may leave the
    line before it partly empty.
    """
    total = sum(pieces)
    if total <= room:
        return 1
    least = max(room - max(pieces), room / 2)
    return math.ceil(total / least) + sum(piece > room for piece in pieces)


def _row_lines(rows: list[list[str]], room: float, *, breaks_words: bool) -> list[int]:
    """Return an upper bound for the number of lines of each row of a table that is `room` em wide.

    A browser makes each column as wide as its longest word, and divides the remaining width in proportion to the
    columns' longest texts. If the sum of these texts is n times the remaining width, no text has more than 2 n lines.
    No text has more lines than words, either.
    """
    columns = max(map(len, rows), default=0)
    texts, words = [0.0] * columns, [0.0] * columns
    for row in rows:
        for column, cell in enumerate(row):
            for line in cell.splitlines():
                widths = _widths(line)
                texts[column] = max(texts[column], sum(widths))
                words[column] = max(words[column], *map(_em, line) if breaks_words else widths, 0.0)
    left = room - sum(words)
    most = 1 if sum(texts) <= room else 2 * sum(texts) / left if left > 0 else math.inf

    def lines(line: str) -> int:
        if breaks_words and most > 1:
            return math.ceil(min(len(line) or 1, most + len(line.split())))
        return math.ceil(min(len(_ATOM.findall(line)) or 1, most))

    return [max((sum(map(lines, cell.splitlines())) for cell in row), default=1) for row in rows]


class _Measure(HTMLParser):
    """Measures the height, in mm, of everything in a body, and counts the pages."""

    def __init__(self, style: PageStyle, columns: int) -> None:
        super().__init__(convert_charrefs=True)
        self._em = base_size(style) * MM_A_POINT
        self._width = style.width - 2 * style.margin_side
        self._height = style.height - 2 * style.margin_top
        self._column = (self._width - _COLUMN_GAP * (columns - 1)) / columns
        self._qr = min(_QR_WIDTH, style.width / 2)
        self._open: list[_Element] = []
        # The text since the last block or the last cell of a table.
        self._text: list[str] = []
        self._line = _LINE
        # Heights of the pieces since the last change between upright and sideways pages; no page end divides a piece.
        self._pieces: list[float] = []
        # Height that stays on the page of the next piece: headings, margins, the start of an element that stays whole.
        self._kept = 0.0
        # Height of the highest table head, which each page repeats, and number of rows in the head of the open table.
        self._head, self._head_rows = 0.0, 0
        self._pages = 0
        # The style and the rows of the open table.
        self._table: re.Match[str] | None = None
        self._rows: list[list[str]] = []

    def pages(self) -> int:
        self._flush()
        self._finish_pages(self._height)
        return max(self._pages, 1)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        style, classes = values.pop("style", ""), values.get("class", "").split()
        known = (_TABLE_STYLE if tag == "table" else _STYLE).fullmatch(style)
        is_qr = _QR_MARK in values
        if known is None or values.keys() - _KNOWN_ATTRIBUTES or ("qr" in classes) is not is_qr:
            raise _UnknownError
        code_matches = tag in ("code", "pre")
        if tag in _INLINE:
            element = _INLINE[tag]
        elif tag == "br":
            self._text.append("\u2028")
            return
        elif self._table is not None:
            if tag == "tr":
                self._rows.append([])
            elif tag not in _ROWS and (tag not in _CELLS or not self._rows):
                raise _UnknownError
            self._text.clear()
            return
        elif tag == "table":
            self._flush()
            self._table, self._rows, self._head_rows = known, [], 0
            return
        elif is_qr and tag == "img":
            # The QR code may take a line of its own, and divide the text around it.
            self._flush()
            self._put([self._qr + _TOGETHER * _CODE_LINE * self._size()])
            return
        elif tag in _BLOCKS:
            self._flush()
            element = _BLOCKS[tag]
            if tag == "ul" and "todo" in classes:
                element = _TODO_LIST
            elif tag == "small" and _TODO_LIST in self._open:
                element = _TODO_NOTE
            self._kept += element.margin * self._size() * element.size
            if tag == "hr":
                return
        else:
            raise _UnknownError
        if code_matches:
            self._line = _CODE_LINE
        self._open.append(element._replace(keeps_lines=element.keeps_lines or "plain" in classes))

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag in _OUTSIDE:
            return
        if self._table is not None and tag not in _INLINE:
            if tag in _CELLS:
                self._rows[-1].append("".join(self._text))
            elif tag == "thead":
                self._head_rows = len(self._rows)
            self._text.clear()
            if tag == "table":
                self._put_table(self._table)
            return
        if tag in _BLOCKS:
            self._flush()
        if not self._open:
            raise _UnknownError
        if self._open.pop().is_whole:
            self._put([0.0])

    @override
    def handle_data(self, data: str) -> None:
        if not self._keeps_lines():
            data = _BLANK_RUN.sub(" ", data)
        self._text.append(data)

    def _keeps_lines(self) -> bool:
        return any(element.keeps_lines for element in self._open)

    def _size(self) -> float:
        return self._em * math.prod(element.size for element in self._open)

    def _room(self, width: float) -> float:
        """Return the width in em that remains of `width` (in mm) within the indents of the open elements."""
        room = width / self._size() - sum(element.indent for element in self._open)
        if room <= 0:
            raise _UnknownError
        return room

    def _flush(self) -> None:
        """Put the text since the last block onto the pages."""
        text = "".join(self._text)
        if not self._keeps_lines():
            text = text.strip(" ")
        self._text.clear()
        if not text:
            return
        room = self._room(self._column)
        lines = sum(_fill(_widths(part), room) for part in text.splitlines())
        height = self._line * self._size()
        self._line = _LINE if _BLOCKS["pre"] not in self._open else _CODE_LINE
        blocks, rest = divmod(lines, _TOGETHER)
        self._put([_TOGETHER * height] * blocks + [rest * height])

    def _put(self, pieces: list[float]) -> None:
        if any(element.is_heading or element.is_whole for element in self._open):
            self._kept += sum(pieces)
        else:
            self._pieces += [self._kept + pieces[0], *pieces[1:]]
            self._kept = 0.0

    def _finish_pages(self, height: float) -> None:
        """Count the pages of this height that the pieces so far fill; the next piece begins a new page."""
        self._pieces.append(self._kept)
        if any(self._pieces):
            # Browsers do not repeat a table head that is higher than a quarter of a page.
            self._pages += _fill(self._pieces, height - min(self._head, height / 4))
        self._pieces, self._kept, self._head = [], 0.0, 0.0

    def _put_table(self, style: re.Match[str]) -> None:
        is_sideways, scale = style[1] is not None, float(style[2] or 1)
        em = self._size() * scale
        if is_sideways:
            self._finish_pages(self._height)
        # A cell has padding at both sides and a border.
        columns = max(map(len, self._rows), default=0)
        room = self._room(self._height if is_sideways else self._column) / scale
        room -= columns * (0.8 + 0.4 / em)
        rows = _row_lines(self._rows, room, breaks_words=style[3] is not None)
        heights = [(lines * self._line + 0.5) * em + 0.4 for lines in rows]
        self._kept += em
        self._head = max(self._head, sum(heights[: self._head_rows]))
        self._put([0.0, *heights])
        self._table, self._line = None, _LINE
        if is_sideways:
            self._finish_pages(self._width)
