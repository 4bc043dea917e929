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
INFLATED_BYTES: Final = 16 * 1024 * 1024
ENTRY_BYTES: Final = 20
MAX_SECTIONS: Final = 256
MAX_SUBSECTIONS: Final = 4096
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


@dataclass(frozen=True, slots=True)
class _Table:
    """A cross-reference table: runs of entries as (first number, count, offset of the first)."""

    runs: list[tuple[int, int, int]]


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
        self._sections: list[_Table | _Stream] = []

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
        size = self._file.seek(0, 2)
        self._file.seek(max(0, size - TAIL_BYTES))
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

    def _section(self, offset: int) -> tuple[_Table | _Stream, dict[bytes, Value]]:
        """Return the section at offset and its trailer."""
        if not self._read(offset, 64).lstrip(b"\0\t\n\f\r ").startswith(b"xref"):
            stream = self._stream(offset)
            return stream, stream.entries
        position = offset + self._read(offset, 64).index(b"xref") + 4
        runs: list[tuple[int, int, int]] = []
        while (match := _SUBSECTION.match(self._read(position, 64))) is not None:
            if len(runs) >= MAX_SUBSECTIONS:
                raise PdfError
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
                else _in_stream(section, number)
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
                else _in_stream(section, container)
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
        return _Stream(entries, _inflate(entries, self._read(offset + begin.end(), length)))

    def _read(self, offset: int, length: int) -> bytes:
        self._file.seek(self._base + max(0, offset))
        return self._file.read(length)


def _dictionary(value: Value) -> dict[bytes, Value]:
    if not isinstance(value, dict):
        raise PdfError
    return value


def _in_stream(section: _Stream, number: int) -> _Place | None:
    """Look an object up in a cross-reference stream."""
    widths = section.entries.get(b"W")
    size = section.entries.get(b"Size")
    index = section.entries.get(b"Index") or [0, size]
    if not isinstance(widths, list) or not isinstance(index, list) or len(widths) != 3:
        raise PdfError
    sizes = [width for width in widths if isinstance(width, int) and 0 <= width <= 8]
    runs = [value for value in index if isinstance(value, int)]
    if len(sizes) != 3 or len(runs) != len(index) or len(runs) % 2:
        raise PdfError
    row = 0
    for first, length in zip(runs[::2], runs[1::2], strict=True):
        if first <= number < first + length:
            start = (row + number - first) * sum(sizes)
            entry = section.data[start : start + sum(sizes)]
            if len(entry) < sum(sizes):
                return None
            kind = int.from_bytes(entry[: sizes[0]]) if sizes[0] else IN_FILE
            where = int.from_bytes(entry[sizes[0] : sizes[0] + sizes[1]])
            return _Place(kind, where) if kind in (IN_FILE, IN_STREAM) else None
        row += length
    return None


def _inflate(entries: dict[bytes, Value], data: bytes) -> bytes:
    """Undo the one filter that cross-reference and object streams have in practice."""
    filters = entries.get(b"Filter")
    if isinstance(filters, list) and len(filters) == 1:
        filters = filters[0]
    if filters is None:
        return data
    if filters != b"FlateDecode":
        raise PdfError
    inflater = zlib.decompressobj()
    inflated = inflater.decompress(data, INFLATED_BYTES)
    if inflater.unconsumed_tail:
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
    out = bytearray()
    above = bytes(columns)
    for start in range(0, len(data) - columns, columns + 1):
        kind, row = data[start], bytearray(data[start + 1 : start + 1 + columns])
        if kind == 1:
            for column in range(1, columns):
                row[column] = (row[column] + row[column - 1]) & 255
        elif kind == 2:
            row = bytearray((a + b) & 255 for a, b in zip(row, above, strict=True))
        elif kind != 0:
            raise PdfError
        out += row
        above = bytes(row)
    return bytes(out)
