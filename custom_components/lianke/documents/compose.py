"""Turn text, Markdown, HTML and tables into one self-contained HTML page.

Everything here is pure and may take a while for a long text: run it in the executor.
"""

import csv
from html import escape
from html.parser import HTMLParser
import io
import re
from typing import override

from .document import input_error
from .page import PageStyle, head_tags, page
from .qr import SCHEME, qr_image

MAX_TEXT_BYTES = 1024 * 1024
MAX_COLUMNS = 60
# Elements that load or run something, or lead elsewhere, with all that is in them.
DROPPED_WITH_CONTENT = frozenset({"script", "iframe", "object", "noscript", "template"})
DROPPED = frozenset({"base", "link", "embed", "frame", "frameset", "portal"})


def text_page(text: str, style: PageStyle, *, title: str) -> str:
    """Return a page that shows text as it is written; long lines wrap."""
    body = f'<div class="plain">{escape(text.expandtabs(4))}</div>'
    return page(style, body, title=title)


def markdown_page(text: str, style: PageStyle, *, title: str) -> str:
    """Return a page for Markdown (CommonMark with tables and strike-through).

    HTML in it is shown, not obeyed. Images are QR codes (`qr:`) or given as data; others
    are replaced by their description. Raises ServiceValidationError: qr_empty, qr_too_long.
    """
    # Loads a parser, which not every house needs, and none of them to start.
    from .markdown import render  # noqa: PLC0415

    return page(style, render(text), title=title)


def csv_page(text: str, style: PageStyle, *, title: str) -> str:
    """Return a page with the table in text, whose delimiter is found by looking."""
    rows = _csv_rows(text)
    columns = max((len(row) for row in rows), default=0)
    if columns > MAX_COLUMNS:
        raise input_error("too_many_columns", columns=str(columns), allowed=str(MAX_COLUMNS))
    lines = []
    for number, row in enumerate(rows):
        tag = "th" if number == 0 else "td"
        cells = [*row, *[""] * (columns - len(row))]
        line = "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells)
        lines.append(f"<tr>{line}</tr>")
    head, body = "".join(lines[:1]), "".join(lines[1:])
    # The more columns, the less may be spent on each.
    size = 1.0 if columns <= 6 else 0.8 if columns <= 12 else 0.6 if columns <= 25 else 0.4
    css = f"table {{ width: 100%; font-size: {size:g}em; }}"
    if columns > 12:
        css += " th, td { padding: 0.1em; }"
    table = f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"
    return page(style, table, title=title, css=css)


def html_page(source: str, style: PageStyle, *, title: str) -> str:
    """Return a page for HTML, whole or a part, that loads and runs nothing.

    Paper size, margins and fonts are set first, so that the source may change them. QR codes
    are drawn for images with a `qr:` address. Raises ServiceValidationError: qr_empty, qr_too_long.
    """
    cleaner = _Cleaner()
    cleaner.feed(source)
    cleaner.close()
    body = cleaner.result()
    if not cleaner.is_document:
        return page(style, body, title=title)
    # Ahead of everything, also of the doctype's html element: parsers move it into the head.
    return f"<!DOCTYPE html>\n{head_tags(style)}{body}"


def _csv_rows(text: str) -> list[list[str]]:
    sample = text[:8192]
    try:
        dialect: type[csv.Dialect] | str = csv.Sniffer().sniff(sample, delimiters=",;\t|")
    except csv.Error:
        dialect = "excel"
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), dialect))
    except csv.Error:
        # A field beyond the reader's limit: then it is no table but text.
        rows = [[line] for line in text.splitlines()]
    return [row for row in rows if row]


_TAG_NAME = re.compile(r"[a-z][a-z0-9:-]*")


class _Cleaner(HTMLParser):
    """Copies HTML, without what would load or run something, with QR codes drawn."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.is_document = False
        self._out: list[str] = []
        self._skipping: str | None = None
        self._depth = 0

    def result(self) -> str:
        """Return what was copied."""
        return "".join(self._out)

    def _copy(self, text: str) -> None:
        if self._skipping is None:
            self._out.append(text)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not _TAG_NAME.fullmatch(tag):
            # Nothing that HTML knows, and other readers may see another tag within.
            return
        if self._skipping is not None:
            self._depth += tag == self._skipping
            return
        if tag in DROPPED_WITH_CONTENT:
            self._skipping, self._depth = tag, 1
            return
        if tag in ("html", "body"):
            self.is_document = True
        if tag in DROPPED or (tag == "meta" and any(name == "http-equiv" for name, _ in attrs)):
            return
        source = next((value or "" for name, value in attrs if name == "src"), "")
        if tag == "img" and source.strip().lower().startswith(SCHEME):
            alt = next((value or "" for name, value in attrs if name == "alt"), "")
            self._copy(qr_image(source.strip(), alt))
            return
        self._copy(self.get_starttag_text() or "")

    @override
    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._skipping is None and tag not in DROPPED_WITH_CONTENT:
            self.handle_starttag(tag, attrs)

    @override
    def handle_endtag(self, tag: str) -> None:
        if self._skipping == tag:
            self._depth -= 1
            if self._depth == 0:
                self._skipping = None
            return
        if tag not in DROPPED and _TAG_NAME.fullmatch(tag):
            self._copy(f"</{tag}>")

    @override
    def handle_data(self, data: str) -> None:
        self._copy(data)

    @override
    def handle_entityref(self, name: str) -> None:
        self._copy(f"&{name};")

    @override
    def handle_charref(self, name: str) -> None:
        self._copy(f"&#{name};")

    @override
    def handle_comment(self, data: str) -> None:
        """Leave comments out."""

    @override
    def handle_decl(self, decl: str) -> None:
        """Leave the doctype out; every page has its own."""

    @override
    def handle_pi(self, data: str) -> None:
        """Leave processing instructions out."""
