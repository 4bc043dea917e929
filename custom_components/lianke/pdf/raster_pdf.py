"""Write the pages of a raster file into a PDF, some at a time."""

import os
from pathlib import Path
import time
from typing import Any, BinaryIO, Final
import zlib

from .failure import TaskError
from .raster import PageHeader, RasterReader

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
