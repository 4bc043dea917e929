"""Count the pages of a PDF file from its page tree, without reading its pages.

A small reader of its own: bounded in time and memory whatever is in the file, as a document from a
stranger needs, and without another requirement. It follows the cross-reference sections from the
end of the file to the catalogue and takes the page tree's count (ISO 32000, 7.5 and 7.7).
"""

from dataclasses import dataclass, field
from pathlib import Path
import re
from typing import BinaryIO, Final
import zlib

from .pdf_syntax import PdfError, Ref, Value, parse

TAIL_BYTES: Final = 2048
# A dictionary that is longer than this is none of those that lead to the count.
OBJECT_BYTES: Final = 64 * 1024
STREAM_BYTES: Final = 4 * 1024 * 1024
# What all streams that are read in one file may hold; with a million objects it is about 7 MB.
INFLATED_BYTES: Final = 16 * 1024 * 1024
ENTRY_BYTES: Final = 20
MAX_SECTIONS: Final = 256
# In all sections of a file together.
MAX_RUNS: Final = 16384
MAX_HOPS: Final = 8
MAX_PAGES: Final = 1_000_000
IN_FILE: Final = 1
IN_STREAM: Final = 2

_BLANK = rb"[\x00\t\n\x0c\r ]"
_START = re.compile(rb"startxref" + _BLANK + rb"+(\d{1,12})")
_OBJECT = re.compile(_BLANK + rb"*(\d{1,10})" + _BLANK + rb"+\d{1,5}" + _BLANK + rb"+obj")
_SUBSECTION = re.compile(_BLANK + rb"*(\d{1,10})[ \t]+(\d{1,10})[ \t]*(?:\r\n|\r|\n)")
_STREAM = re.compile(_BLANK + rb"*stream\r?\n")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an object lies: at an offset of the file, or in an object stream."""

    kind: int
    where: int


type _Runs = list[tuple[int, int, int]]
"""Runs of entries: the first one's object number, their count, where the first one lies."""


@dataclass(frozen=True, slots=True)
class _Table:
    """A cross-reference table; its runs lie at offsets of the file."""

    runs: _Runs


@dataclass(frozen=True, slots=True)
class _Rows:
    """What is needed of a cross-reference stream; its runs lie at rows of the bytes.

    `widths` are the bytes of the three fields of a row.
    """

    runs: _Runs
    widths: tuple[int, int, int]
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Stream:
    """A stream with its dictionary; the bytes are inflated."""

    entries: dict[bytes, Value]
    data: bytes = field(repr=False)


def count_pages(path: Path) -> int | None:
    """Return the number of pages, None when the file does not say it plainly. Blocks."""
    try:
        with path.open("rb") as file:
            return _Reader(file).count()
    except PdfError, OSError, zlib.error:
        return None


class _Reader:
    """Finds objects in one file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        # Offsets count from the header, before which some writers put other bytes.
        self._base = max(0, file.read(1024).find(b"%PDF-"))
        self._size = file.seek(0, 2)
        self._sections: list[_Table | _Rows] = []
        self._bytes_left = INFLATED_BYTES
        self._runs_left = MAX_RUNS
        self._depth = 0

    def count(self) -> int:
        """Return the count of the page tree."""
        catalogue = _dictionary(self._resolve(self._read_sections()))
        pages = _dictionary(self._resolve(catalogue.get(b"Pages")))
        count = self._resolve(pages.get(b"Count"))
        if not isinstance(count, int) or not 1 <= count <= MAX_PAGES:
            raise PdfError
        return count

    def _read_sections(self) -> Value:
        """Read the cross-reference sections, the newest first; return the catalogue's reference."""
        self._file.seek(max(0, self._size - TAIL_BYTES))
        starts = _START.findall(self._file.read())
        if not starts:
            raise PdfError
        pending = [int(starts[-1])]
        seen: set[int] = set()
        root: Value = None
        while pending and len(seen) < MAX_SECTIONS:
            offset = pending.pop(0)
            if offset in seen:
                continue
            seen.add(offset)
            section, trailer = self._section(offset)
            self._sections.append(section)
            root = trailer.get(b"Root") if root is None else root
            older = (trailer.get(b"XRefStm"), trailer.get(b"Prev"))
            pending += [value for value in older if isinstance(value, int)]
        return root

    def _section(self, offset: int) -> tuple[_Table | _Rows, dict[bytes, Value]]:
        """Return the section at offset and its trailer."""
        if not self._read(offset, 64).lstrip(b"\0\t\n\f\r ").startswith(b"xref"):
            stream = self._stream(offset)
            rows = _rows(stream)
            self._spend_runs(len(rows.runs))
            return rows, stream.entries
        position = offset + self._read(offset, 64).index(b"xref") + 4
        runs: _Runs = []
        while (match := _SUBSECTION.match(self._read(position, 64))) is not None:
            self._spend_runs(1)
            first, length = int(match[1]), int(match[2])
            position += match.end()
            runs.append((first, length, position))
            position += ENTRY_BYTES * length
        data = self._read(position, OBJECT_BYTES)
        mark = data.find(b"trailer")
        if mark < 0:
            raise PdfError
        return _Table(runs), _dictionary(parse(data, mark + len(b"trailer"))[0])

    def _resolve(self, value: Value) -> Value:
        """Return the value that a reference leads to."""
        for _ in range(MAX_HOPS):
            if not isinstance(value, Ref):
                return value
            value = self._object(value.number)
        raise PdfError

    def _object(self, number: int) -> Value:
        for section in self._sections:
            place = (
                self._in_table(section, number)
                if isinstance(section, _Table)
                else _in_rows(section, number)
            )
            if place is None:
                continue
            if place.kind == IN_FILE:
                return self._object_at(place.where, number)
            return self._object_in(place.where, number)
        raise PdfError

    def _in_table(self, table: _Table, number: int) -> _Place | None:
        for first, length, position in table.runs:
            if first <= number < first + length:
                entry = self._read(position + ENTRY_BYTES * (number - first), ENTRY_BYTES)
                if entry[17:18] != b"n" or not entry[:10].isdigit():
                    return None
                return _Place(IN_FILE, int(entry[:10]))
        return None

    def _object_at(self, offset: int, number: int) -> Value:
        data = self._read(offset, OBJECT_BYTES)
        match = _OBJECT.match(data)
        if match is None or int(match[1]) != number:
            raise PdfError
        return parse(data, match.end())[0]

    def _object_in(self, container: int, number: int) -> Value:
        """Return an object out of the object stream with the number `container`."""
        for section in self._sections:
            place = (
                self._in_table(section, container)
                if isinstance(section, _Table)
                else _in_rows(section, container)
            )
            if place is not None and place.kind == IN_FILE:
                break
        else:
            raise PdfError
        stream = self._stream(place.where)
        count, first = stream.entries.get(b"N"), stream.entries.get(b"First")
        if not isinstance(count, int) or not isinstance(first, int) or first < 0:
            raise PdfError
        header = stream.data[:first].split()
        for index in range(0, min(2 * count, len(header) - 1), 2):
            if header[index].isdigit() and int(header[index]) == number:
                if not header[index + 1].isdigit():
                    raise PdfError
                return parse(stream.data, first + int(header[index + 1]))[0]
        raise PdfError

    def _stream(self, offset: int) -> _Stream:
        """Return the stream object at offset, inflated."""
        # The length of a stream may lie in another stream, and so on.
        self._depth += 1
        if self._depth > MAX_HOPS:
            raise PdfError
        data = self._read(offset, OBJECT_BYTES)
        match = _OBJECT.match(data)
        if match is None:
            raise PdfError
        value, end = parse(data, match.end())
        entries = _dictionary(value)
        begin = _STREAM.match(data, end)
        length = self._resolve(entries.get(b"Length"))
        if begin is None or not isinstance(length, int) or not 0 <= length <= STREAM_BYTES:
            raise PdfError
        data = _inflate(entries, self._read(offset + begin.end(), length), self._bytes_left)
        self._bytes_left -= len(data)
        self._depth -= 1
        return _Stream(entries, data)

    def _spend_runs(self, count: int) -> None:
        self._runs_left -= count
        if self._runs_left < 0:
            raise PdfError

    def _read(self, offset: int, length: int) -> bytes:
        # An offset out of a stream may be larger than any that can be sought.
        self._file.seek(min(self._base + max(0, offset), self._size))
        return self._file.read(length)


def _dictionary(value: Value) -> dict[bytes, Value]:
    if not isinstance(value, dict):
        raise PdfError
    return value


def _rows(stream: _Stream) -> _Rows:
    """Return the rows of a cross-reference stream."""
    widths = stream.entries.get(b"W")
    index = stream.entries.get(b"Index") or [0, stream.entries.get(b"Size")]
    if not isinstance(widths, list) or not isinstance(index, list) or len(widths) != 3:
        raise PdfError
    sizes = [width for width in widths if isinstance(width, int) and 0 <= width <= 8]
    numbers = [value for value in index if isinstance(value, int)]
    if len(sizes) != 3 or len(numbers) != len(index) or len(numbers) % 2:
        raise PdfError
    runs: _Runs = []
    row = 0
    for first, length in zip(numbers[::2], numbers[1::2], strict=True):
        runs.append((first, length, row))
        row += length
    return _Rows(runs, (sizes[0], sizes[1], sizes[2]), stream.data)


def _in_rows(rows: _Rows, number: int) -> _Place | None:
    """Look an object up in a cross-reference stream."""
    kind_bytes, where_bytes, _ = rows.widths
    for first, length, row in rows.runs:
        if first <= number < first + length:
            start = (row + number - first) * sum(rows.widths)
            entry = rows.data[start : start + sum(rows.widths)]
            if len(entry) < sum(rows.widths):
                return None
            kind = int.from_bytes(entry[:kind_bytes]) if kind_bytes else IN_FILE
            where = int.from_bytes(entry[kind_bytes : kind_bytes + where_bytes])
            return _Place(kind, where) if kind in (IN_FILE, IN_STREAM) else None
    return None


def _inflate(entries: dict[bytes, Value], data: bytes, limit: int) -> bytes:
    """Undo the one filter that cross-reference and object streams have in practice.

    Raises PdfError, also when more than limit bytes come out.
    """
    filters = entries.get(b"Filter")
    if isinstance(filters, list) and len(filters) == 1:
        filters = filters[0]
    if filters is None:
        if len(data) > limit:
            raise PdfError
        return data
    if filters != b"FlateDecode":
        raise PdfError
    inflater = zlib.decompressobj()
    inflated = inflater.decompress(data, limit + 1)
    if len(inflated) > limit:
        raise PdfError
    parameters = entries.get(b"DecodeParms")
    if isinstance(parameters, list) and len(parameters) == 1:
        parameters = parameters[0]
    if not isinstance(parameters, dict):
        return inflated
    predictor, columns = parameters.get(b"Predictor", 1), parameters.get(b"Columns", 1)
    if not isinstance(predictor, int) or not isinstance(columns, int):
        raise PdfError
    if predictor < 10:
        return inflated
    return _unpredict(inflated, columns)


def _unpredict(data: bytes, columns: int) -> bytes:
    """Undo the PNG predictors that cross-reference streams use: none, left and up."""
    if not 1 <= columns <= 64:
        raise PdfError
    # Column by column: the time is that of the bytes, however short the rows are.
    count = len(data) // (columns + 1)
    kinds = data[: count * (columns + 1) : columns + 1]
    if not set(kinds) <= {0, 1, 2}:
        raise PdfError
    out = bytearray(count * columns)
    left = bytearray(count)
    for column in range(columns):
        value = 0
        for row, kind, byte in zip(
            range(count), kinds, data[column + 1 :: columns + 1], strict=False
        ):
            if kind == 2:
                value = (value + byte) & 255
            elif kind == 1:
                value = (left[row] + byte) & 255
            else:
                value = byte
            left[row] = value
        out[column::columns] = left
    return bytes(out)
