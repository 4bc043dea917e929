"""Compose a page with the table of a CSV text. Slow for a large table: run it in the executor."""

from collections.abc import Iterable
import csv
from html import escape
import io
import re

from ..input_error import InputError
from .page import WRAP, PageStyle, has_long_words, page, table_style

# Maximum number of columns of a table; a table with more columns is refused.
MAX_COLUMNS = 60
# Maximum number of cells of a table, including the empty cells that fill up short rows.
MAX_CELLS = 50_000
# A quoted field; the closing quotation mark of the last one may be missing.
_QUOTED = re.compile('"[^"]*"?')
_SEPARATOR = re.compile(r"sep=([,;\t|])\r?\n", re.IGNORECASE)


def csv_page(text: str, style: PageStyle, *, title: str) -> str:
    """Compose a page that shows CSV text as a table; the delimiter is detected.

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


def _csv_rows(text: str) -> list[list[str]]:
    separator = _SEPARATOR.match(text)
    if separator is not None:
        # Spreadsheets name their delimiter in a first line such as "sep=;".
        text = text[separator.end() :]
    # A delimiter within a quoted field does not count. Without quotes, the sniffer also skips its patterns for quotes,
    # which take hours for some texts before Python 3.14.7 (CVE-2026-18503).
    sample = _QUOTED.sub("", text[:8192]).replace("'", "")
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
    """Return the rows that are not empty. Raises InputError: too_many_cells."""
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
