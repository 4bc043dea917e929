"""Decode the raster formats of printers, PWG Raster (PWG 5102.4) and Apple's URF, page by page.

Memory is bounded by a window of the file and some rows. Every function raises TaskError: damaged when
the file ends too early or contradicts itself, unsupported for colours and sizes that are not taken.
"""

from collections.abc import Iterator
from dataclasses import dataclass
import os
from pathlib import Path
import struct
import time
from typing import Any, BinaryIO, Final
import zlib

from .process import TaskError

PWG_SYNC: Final = b"RaS2"
URF_SYNC: Final = b"UNIRAST\0"
MAX_SIDE_PIXELS: Final = 20_000
"""A2 with 600 dots per inch has 9,921 × 14,031."""
LEAST_DPI: Final = 72
MOST_DPI: Final = 1200
WINDOW: Final = 1024 * 1024
"""bytes of the file that are held, besides a row."""
BATCH: Final = 256 * 1024
"""bytes of rows that are handed over together."""

_PWG_HEADER: Final = 1796
_PWG_RESOLUTION: Final = struct.Struct(">II")
_PWG_NUMBERS: Final = struct.Struct(">IIIIIIII")
_PWG_GRAY: Final = 18
_PWG_COLORS: Final = frozenset({1, 19, 20})
_URF_HEADER: Final = 32
_URF_NUMBERS: Final = struct.Struct(">III")
_URF_GRAY: Final = frozenset({0, 4})
_URF_COLORS: Final = frozenset({1, 3, 5})
_WHITE: Final = b"\xff"
_END_OF_LINE: Final = 128


@dataclass(frozen=True, kw_only=True, slots=True)
class PageHeader:
    """A page: pixels, dots per inch in both directions, and 1 (grey) or 3 (RGB) bytes a pixel."""

    width: int
    height: int
    across_dpi: int
    along_dpi: int
    pixel_bytes: int

    @property
    def row_bytes(self) -> int:
        """Return the bytes of a row."""
        return self.width * self.pixel_bytes


class RasterReader:
    """Reads the pages of a raster file in order; each page's rows are read before the next page."""

    def __init__(self, file: BinaryIO, position: int = 0) -> None:
        """Read the file's mark, or go on where a page ended: `position` of an earlier reader."""
        self._file = file
        file.seek(0)
        mark = file.read(len(URF_SYNC))
        if mark == URF_SYNC:
            self._is_urf, start = True, len(URF_SYNC) + 4
        elif mark[: len(PWG_SYNC)] == PWG_SYNC:
            self._is_urf, start = False, len(PWG_SYNC)
        else:
            raise TaskError("unsupported")
        self._start = position or start
        file.seek(self._start)
        self._window = b""
        self._at = 0

    @property
    def position(self) -> int:
        """Return where the next page begins in the file."""
        return self._start + self._at

    def next_page(self) -> PageHeader | None:
        """Return the header of the next page, None behind the last one."""
        length = _URF_HEADER if self._is_urf else _PWG_HEADER
        self._fill(length)
        if self._at == len(self._window):
            return None
        if len(self._window) - self._at < length:
            raise TaskError("damaged")
        header = self._window[self._at : self._at + length]
        self._at += length
        return _urf_page(header) if self._is_urf else _pwg_page(header)

    def rows(self, page: PageHeader) -> Iterator[bytes]:
        """Yield the pixels of a page, some rows at a time."""
        size = page.row_bytes
        # The longest a row can be encoded: a byte for each pixel besides the pixel.
        most = size + page.width + 2
        left = page.height
        batch = bytearray()
        while left:
            self._fill(most)
            if self._at >= len(self._window):
                raise TaskError("damaged")
            repeated = self._window[self._at] + 1
            if repeated > left:
                raise TaskError("damaged")
            row = self._row(self._at + 1, page)
            left -= repeated
            while repeated:
                some = min(repeated, max(1, BATCH // size))
                batch += row * some
                repeated -= some
                if len(batch) >= BATCH:
                    yield bytes(batch)
                    batch.clear()
        if batch:
            yield bytes(batch)

    def _row(self, at: int, page: PageHeader) -> bytes:
        """Return the pixels of the row encoded from a place in the window on."""
        data, size, step = self._window, page.row_bytes, page.pixel_bytes
        row = bytearray()
        try:
            while len(row) < size:
                count = data[at]
                at += 1
                if count < _END_OF_LINE:
                    row += data[at : at + step] * (count + 1)
                    at += step
                elif count > _END_OF_LINE:
                    length = (257 - count) * step
                    row += data[at : at + length]
                    at += length
                else:
                    row += _WHITE * (size - len(row))
        except IndexError:
            raise TaskError("damaged") from None
        if len(row) != size or at > len(data):
            raise TaskError("damaged")
        self._at = at
        return bytes(row)

    def _fill(self, wanted: int) -> None:
        """Have so many bytes in the window, or all that are left."""
        if len(self._window) - self._at >= wanted:
            return
        self._start += self._at
        self._window = self._window[self._at :] + self._file.read(WINDOW + wanted)
        self._at = 0


def _pwg_page(header: bytes) -> PageHeader:
    across, along = _PWG_RESOLUTION.unpack_from(header, 276)
    numbers = _PWG_NUMBERS.unpack_from(header, 372)
    width, height, _, bits, pixel_bits, line_bytes, _, space = numbers
    color = {8: space == _PWG_GRAY, 24: space in _PWG_COLORS}.get(pixel_bits, False)
    if bits != 8 or not color:
        raise TaskError("unsupported")
    if line_bytes != width * (pixel_bits // 8):
        raise TaskError("damaged")
    return _checked(width, height, across, along, pixel_bits // 8)


def _urf_page(header: bytes) -> PageHeader:
    pixel_bits, space = header[0], header[1]
    width, height, dpi = _URF_NUMBERS.unpack_from(header, 12)
    known = {8: space in _URF_GRAY, 24: space in _URF_COLORS}.get(pixel_bits, False)
    if not known:
        raise TaskError("unsupported")
    return _checked(width, height, dpi, dpi, pixel_bits // 8)


def _checked(width: int, height: int, across: int, along: int, pixel_bytes: int) -> PageHeader:
    if not (0 < width <= MAX_SIDE_PIXELS and 0 < height <= MAX_SIDE_PIXELS):
        raise TaskError("unsupported")
    if not (LEAST_DPI <= across <= MOST_DPI and LEAST_DPI <= along <= MOST_DPI):
        raise TaskError("unsupported")
    return PageHeader(
        width=width, height=height, across_dpi=across, along_dpi=along, pixel_bytes=pixel_bytes
    )


MAX_PAGES: Final = 500
MAX_JOB_PIXELS: Final = 10_000_000_000
"""of all pages: 280 of A4 with 600 dots per inch, each of which may take a few bytes of the file."""
TURN_SECONDS: Final = 5
"""seconds after which other tasks get their turn; a page that is begun is finished."""
_HEAD: Final = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"
# In 0.01 mm; devices round up, or draw a little beyond the edge.
_INCH: Final = 2540
_SLACK: Final = 500
# Objects: 1 the catalog, 2 the page tree, then a picture, its length, what draws it, and the page.
_FIRST: Final = 3
_A_PAGE: Final = 4


def convert(request: dict[str, Any]) -> dict[str, Any]:
    """Add pages of the raster file `path` to the PDF file `target`, which has at most `limit` bytes.

    `position` says where to go on in the raster file and `objects` where the PDF's objects lie that
    are written already, `pixels` how many its pages have: 0, [] and 0 at first, then as the last answer
    said. `papers` are the widths and heights, in 0.01 mm, that pages have to fit on. The answer has the
    first three, and `pages` once the PDF is complete. Reasons: damaged, unsupported, too_large,
    raster_too_large, disk.
    """
    papers: list[list[int]] = request["papers"]
    pixels: int = request["pixels"]
    objects: list[int] = request["objects"]
    until = time.monotonic() + TURN_SECONDS
    with Path(request["path"]).open("rb") as source:
        reader = RasterReader(source, request["position"])
        try:
            with _opened(request["target"]) as target:
                writer = _Writer(target, objects, request["limit"])
                while page := reader.next_page():
                    if len(objects) >= MAX_PAGES * _A_PAGE:
                        raise TaskError("too_large")
                    pixels += page.width * page.height
                    if pixels > MAX_JOB_PIXELS or not _fits(page, papers):
                        raise TaskError("raster_too_large")
                    writer.add_page(page, reader)
                    if time.monotonic() >= until:
                        return {"position": reader.position, "objects": objects, "pixels": pixels}
                if not objects:
                    raise TaskError("damaged")
                writer.finish()
        except OSError:
            raise TaskError("disk") from None
    pages = len(objects) // _A_PAGE
    return {"position": reader.position, "objects": objects, "pixels": pixels, "pages": pages}


def _fits(page: PageHeader, papers: list[list[int]]) -> bool:
    """Return whether a page fits on one of the papers, upright or turned."""
    width, height = (
        pixels / dpi * _INCH
        for pixels, dpi in ((page.width, page.across_dpi), (page.height, page.along_dpi))
    )
    return any(
        width <= across + _SLACK and height <= along + _SLACK
        for paper in papers
        for across, along in (paper, paper[::-1])
    )


def _opened(path: str) -> BinaryIO:
    """Open a file to append to it; a new one only its owner may read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return os.fdopen(descriptor, "ab")


class _Writer:
    """Appends to a PDF file."""

    def __init__(self, file: BinaryIO, objects: list[int], limit: int) -> None:
        """Continue after the objects that are in the file; `objects` gets what is added."""
        self._file = file
        self._objects = objects
        self._limit = limit
        self._at = file.seek(0, os.SEEK_END)
        if not self._at:
            self._write(_HEAD)

    def add_page(self, page: PageHeader, reader: RasterReader) -> None:
        """Write a page that is its picture."""
        width, height = page.width * 72 / page.across_dpi, page.height * 72 / page.along_dpi
        space = b"DeviceGray" if page.pixel_bytes == 1 else b"DeviceRGB"
        picture = self._begin()
        # The length is known only behind the picture, in an object of its own.
        self._write(
            b"<</Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/%b/BitsPerComponent 8"
            b"/Filter/FlateDecode/Length %d 0 R>>\nstream\n"
            % (page.width, page.height, space, picture + 1)
        )
        start = self._at
        packer = zlib.compressobj(1)
        for rows in reader.rows(page):
            self._write(packer.compress(rows))
        self._write(packer.flush())
        length = self._at - start
        self._write(b"\nendstream\nendobj\n")
        self._begin()
        self._write(b"%d\nendobj\n" % length)
        drawing = b"%.3f 0 0 %.3f 0 0 cm /I Do" % (width, height)
        self._begin()
        self._write(b"<</Length %d>>\nstream\n%b\nendstream\nendobj\n" % (len(drawing), drawing))
        self._begin()
        self._write(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %.3f %.3f]/Contents %d 0 R"
            b"/Resources<</XObject<</I %d 0 R>>>>>>\nendobj\n"
            % (width, height, picture + 2, picture)
        )

    def finish(self) -> None:
        """Write the catalog, the page tree and the table of objects."""
        last = _FIRST + len(self._objects)
        pages = range(_FIRST + _A_PAGE - 1, last, _A_PAGE)
        catalog = self._at
        self._write(b"1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n")
        tree = self._at
        kids = b" ".join(b"%d 0 R" % number for number in pages)
        self._write(b"2 0 obj\n<</Type/Pages/Count %d/Kids[%b]>>\nendobj\n" % (len(pages), kids))
        table = self._at
        self._write(b"xref\n0 %d\n0000000000 65535 f \n" % last)
        for place in (catalog, tree, *self._objects):
            self._write(b"%010d 00000 n \n" % place)
        self._write(b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (last, table))

    def _begin(self) -> int:
        """Begin the next object and return its number."""
        number = _FIRST + len(self._objects)
        self._objects.append(self._at)
        self._write(b"%d 0 obj\n" % number)
        return number

    def _write(self, data: bytes) -> None:
        self._at += len(data)
        if self._at > self._limit:
            raise TaskError("too_large")
        self._file.write(data)
