"""Decode the printer raster formats PWG Raster (PWG 5102.4) and Apple's URF, page by page.

Only a window of the file and some rows are in memory. Every function raises TaskError: damaged if the file ends too
early or contradicts itself, unsupported for colors and sizes that are not accepted.
"""

from collections.abc import Iterator
import os
from pathlib import Path
import struct
import time
from typing import Any, BinaryIO, Final

from .process import WORKER_TURN_SECONDS, TaskError
from .writer import OBJECTS_A_PAGE, PagePicture, PdfWriter, packed

PWG_SYNC: Final = b"RaS2"
URF_SYNC: Final = b"UNIRAST\0"
# Maximum pixels along each side of a page; A2 at 600 dpi has 9,921 × 14,031.
MAX_SIDE_PIXELS: Final = 20_000
# Minimum and maximum dots per inch of a page.
MIN_RASTER_DPI: Final = 72
MAX_RASTER_DPI: Final = 1200
# Bytes of the file that are in memory, in addition to one row.
WINDOW: Final = 1024 * 1024
# Bytes of rows that are yielded together.
BATCH: Final = 256 * 1024

_PWG_HEADER: Final = 1796
_PWG_RESOLUTION: Final = struct.Struct(">II")
_PWG_NUMBERS: Final = struct.Struct(">IIIIIIII")
# The numbers of the accepted color spaces, by the bits of a pixel: 8 for gray, 24 for color.
_PWG_SPACES: Final = {8: (18,), 24: (1, 19, 20)}
_URF_HEADER: Final = 32
_URF_NUMBERS: Final = struct.Struct(">III")
_URF_SPACES: Final = {8: (0, 4), 24: (1, 3, 5)}
_WHITE_BYTE: Final = b"\xff"
_END_OF_LINE: Final = 128


class RasterReader:
    """Reads the pages of a raster file in order; the rows of a page must be read before the next page."""

    def __init__(self, file: BinaryIO, position: int = 0) -> None:
        """`position` is 0 for the beginning of the file, or the `position` at which an earlier reader stopped."""
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
        """The byte at which the next page begins."""
        return self._start + self._at

    def next_page(self) -> PagePicture | None:
        """Return the next page; None after the last page."""
        length = _URF_HEADER if self._is_urf else _PWG_HEADER
        self._fill(length)
        if self._at == len(self._window):
            return None
        if len(self._window) - self._at < length:
            raise TaskError("damaged")
        header = self._window[self._at : self._at + length]
        self._at += length
        return _urf_page(header) if self._is_urf else _pwg_page(header)

    def rows(self, page: PagePicture) -> Iterator[bytes]:
        """Yield the pixels of a page, some rows at a time."""
        size = page.width * page.bytes_per_pixel
        # The longest encoding of a row has an additional byte for each pixel.
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

    def _row(self, at: int, page: PagePicture) -> bytes:
        """Decode the row that begins at position `at` of the window."""
        data, step = self._window, page.bytes_per_pixel
        size = page.width * step
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
                    row += _WHITE_BYTE * (size - len(row))
        except IndexError:
            raise TaskError("damaged") from None
        if len(row) != size or at > len(data):
            raise TaskError("damaged")
        self._at = at
        return bytes(row)

    def _fill(self, wanted: int) -> None:
        """Read until the window has `wanted` bytes left, or until the end of the file."""
        if len(self._window) - self._at >= wanted:
            return
        self._start += self._at
        self._window = self._window[self._at :] + self._file.read(WINDOW + wanted)
        self._at = 0


def _pwg_page(header: bytes) -> PagePicture:
    across, along = _PWG_RESOLUTION.unpack_from(header, 276)
    numbers = _PWG_NUMBERS.unpack_from(header, 372)
    width, height, _, bits, pixel_bits, line_bytes, _, space = numbers
    if bits != 8 or space not in _PWG_SPACES.get(pixel_bits, ()):
        raise TaskError("unsupported")
    if line_bytes != width * (pixel_bits // 8):
        raise TaskError("damaged")
    return _bounded_page(width, height, across, along, pixel_bits // 8)


def _urf_page(header: bytes) -> PagePicture:
    pixel_bits, space = header[0], header[1]
    width, height, dpi = _URF_NUMBERS.unpack_from(header, 12)
    if space not in _URF_SPACES.get(pixel_bits, ()):
        raise TaskError("unsupported")
    return _bounded_page(width, height, dpi, dpi, pixel_bits // 8)


def _bounded_page(
    width: int, height: int, across: int, along: int, bytes_per_pixel: int
) -> PagePicture:
    if not (0 < width <= MAX_SIDE_PIXELS and 0 < height <= MAX_SIDE_PIXELS):
        raise TaskError("unsupported")
    if not (
        MIN_RASTER_DPI <= across <= MAX_RASTER_DPI and MIN_RASTER_DPI <= along <= MAX_RASTER_DPI
    ):
        raise TaskError("unsupported")
    return PagePicture(
        width=width, height=height, across_dpi=across, along_dpi=along, is_color=bytes_per_pixel > 1
    )


# Maximum number of pages of a job.
MAX_RASTER_PAGES: Final = 500
# Maximum pixels of all pages of a job: 280 pages of A4 at 600 dpi. Even a large page may take only a few bytes of the
# file.
MAX_JOB_PIXELS: Final = 10_000_000_000
# In 0.01 mm: an inch, and by how much a page may exceed its paper, since devices round up or draw beyond the edge.
_INCH: Final = 2540
_SLACK: Final = 500


def convert(request: dict[str, Any]) -> dict[str, Any]:
    """Add pages of the raster file `path` to the PDF file `target` of at most `limit` bytes, in one turn.

    `position` is where to continue in the raster file, `objects` are the positions of the objects written to the PDF so
    far, and `pixels` is the number of pixels of its pages. In the first turn, they are 0, [] and 0; in each later
    turn, they are those of the last answer. A turn ends after WORKER_TURN_SECONDS. Each page must fit on one of
    `papers`, pairs of width and height in 0.01 mm. Once the PDF is complete, the answer also has `pages`, the number of
    its pages.
    Raises TaskError: damaged, unsupported, too_large, raster_too_large, disk.
    """
    papers: list[list[int]] = request["papers"]
    pixels: int = request["pixels"]
    objects: list[int] = request["objects"]
    until = time.monotonic() + WORKER_TURN_SECONDS
    with Path(request["path"]).open("rb") as source:
        reader = RasterReader(source, request["position"])
        try:
            # Only the owner may read a new file.
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            with os.fdopen(os.open(request["target"], flags, 0o600), "ab") as target:
                writer = PdfWriter(target, objects, request["limit"])
                while page := reader.next_page():
                    if len(objects) >= MAX_RASTER_PAGES * OBJECTS_A_PAGE:
                        raise TaskError("too_large")
                    pixels += page.width * page.height
                    if pixels > MAX_JOB_PIXELS or not _fits(page, papers):
                        raise TaskError("raster_too_large")
                    writer.add_page(page, packed(reader.rows(page)))
                    if time.monotonic() >= until:
                        return {"position": reader.position, "objects": objects, "pixels": pixels}
                if not objects:
                    raise TaskError("damaged")
                writer.finish()
        except OSError:
            raise TaskError("disk") from None
    pages = len(objects) // OBJECTS_A_PAGE
    return {"position": reader.position, "objects": objects, "pixels": pixels, "pages": pages}


def _fits(page: PagePicture, papers: list[list[int]]) -> bool:
    """Return whether a page fits on one of the papers (in 0.01 mm), upright or turned."""
    width, height = (
        pixels / dpi * _INCH
        for pixels, dpi in ((page.width, page.across_dpi), (page.height, page.along_dpi))
    )
    return any(
        width <= across + _SLACK and height <= along + _SLACK
        for paper in papers
        for across, along in (paper, paper[::-1])
    )
