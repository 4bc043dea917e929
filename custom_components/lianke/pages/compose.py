"""Compose self-contained HTML pages from text, Markdown, HTML and tables.

All functions are pure, but slow for a long text: run them in the executor.
"""

from collections.abc import Iterable
import csv
from dataclasses import replace
from html import escape
import io
import re

from ..input_error import InputError
from .clean import clean_html, read_frame
from .page import WRAP, PageStyle, has_long_words, is_blank, page, table_style

# Maximum number of columns of a table; a table with more columns is refused.
MAX_COLUMNS = 60
# Maximum number of cells of a table, including the empty cells that fill up short rows.
MAX_CELLS = 50_000
_SEPARATOR = re.compile(r"sep=([,;\t|])\r?\n", re.IGNORECASE)


def text_page(text: str, style: PageStyle, *, title: str) -> str:
    """Compose a page that shows text as it is written; long lines wrap."""
    body = f'<div class="plain">{escape(text.expandtabs(4))}</div>'
    return page(style, body, title=title)


def markdown_page(text: str, style: PageStyle, *, title: str, breaks: bool = True) -> str:
    """Compose a page of Markdown: CommonMark with tables and strikethrough.

    `breaks` keeps line breaks; False joins lines, as is right for files, which are often wrapped by hand. HTML is
    escaped. Images must be QR codes (`qr:`) or given as data; other images are replaced by their descriptions.
    Raises InputError: text_empty, and what `render_markdown` raises.
    """
    # Imported only when needed: the parser would be a quarter of all modules that the integration loads.
    from .markdown import render_markdown  # noqa: PLC0415

    body = render_markdown(text, style, breaks=breaks)
    if is_blank(body):
        raise InputError("text_empty")
    return page(style, body, title=title)


def csv_page(text: str, style: PageStyle, *, title: str) -> str:
    """Compose a page with a table of CSV text, whose delimiter is detected.

    Raises InputError: too_many_columns, too_many_cells.
    """
    rows = _csv_rows(text)
    columns = max((len(row) for row in rows), default=0)
    if columns > MAX_COLUMNS:
        raise InputError("too_many_columns", columns=str(columns), allowed=str(MAX_COLUMNS))
    if len(rows) * columns > MAX_CELLS:
        raise _too_many_cells()
    lines = []
    for number, row in enumerate(rows):
        tag = "th" if number == 0 else "td"
        cells = [*row, *[""] * (columns - len(row))]
        line = "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells)
        lines.append(f"<tr>{line}</tr>")
    head, body = "".join(lines[:1]), "".join(lines[1:])
    # The more columns, the smaller the type.
    size = 1.0 if columns <= 6 else 0.8 if columns <= 12 else 0.6 if columns <= 25 else 0.4
    css = "table { width: 100%; }"
    if columns > 12:
        css += " th, td { padding: 0.1em; }"
    fitted = table_style(rows, style) or (f"font-size: {size:g}em" if size < 1 else "")
    # Check cell by cell: a row without blanks after its delimiters would look like one long word.
    if WRAP not in fitted and any(has_long_words(cell) for row in rows for cell in row):
        fitted += f"; {WRAP}"
    table = f'<table dir="auto" style="{fitted.lstrip("; ")}">' if fitted else '<table dir="auto">'
    table += f"<thead>{head}</thead><tbody>{body}</tbody></table>"
    return page(style, table, title=title, css=css)


def html_page(source: str, style: PageStyle, *, title: str) -> str:
    """Compose a page of HTML, a whole document or a part of one, that loads and runs nothing.

    Our styles for paper size, margins and fonts come first, so that the source can override them. Images with a `qr:`
    address become QR codes.
    Raises InputError: text_empty, html_too_deep, html_too_large, qr_empty, qr_too_long, too_many_codes.
    """
    frame = read_frame(source)
    body = clean_html(source)
    if is_blank(body):
        raise InputError("text_empty")
    if not frame.is_document:
        return page(style, body, title=title)
    return page(
        replace(style, header=None),
        body,
        title=title,
        html_attributes=frame.kept_attributes("html"),
        body_attributes=frame.kept_attributes("body"),
    )


def _csv_rows(text: str) -> list[list[str]]:
    separator = _SEPARATOR.match(text)
    if separator is not None:
        # Spreadsheets name their delimiter in a first line such as "sep=;".
        text = text[separator.end() :]
    sample = text[:8192]
    try:
        delimiter = (
            separator[1] if separator else csv.Sniffer().sniff(sample, delimiters=",;\t|").delimiter
        )
    except csv.Error:
        delimiter = ","
    try:
        return _bounded(
            csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
        )
    except csv.Error:
        # A field exceeds the reader's limit, so the file is text rather than a table.
        return _bounded([line] for line in text.splitlines())


def _bounded(rows: Iterable[list[str]]) -> list[list[str]]:
    """Drop empty rows. Raises InputError: too_many_cells."""
    kept: list[list[str]] = []
    cells = 0
    for row in rows:
        cells += len(row)
        if cells > MAX_CELLS:
            raise _too_many_cells()
        if row:
            kept.append(row)
    return kept


def _too_many_cells() -> InputError:
    return InputError("too_many_cells", allowed=f"{MAX_CELLS:,}")
