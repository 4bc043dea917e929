"""Write PDF files whose pages are pictures, piece by piece, so that no whole picture is in memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
import os
from pathlib import Path
import re
from typing import BinaryIO, Final
import zlib

from .process import TaskError

_HEAD: Final = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"
# Object 1 is the catalog, object 2 is the page tree. Four objects follow for each page: a picture, the picture's
# length, the content and the page.
_FIRST: Final = 3
OBJECTS_A_PAGE: Final = 4
# Number of bytes at the end of a file that are searched for the comment about true size.
_MARK_BYTES: Final = 256
# Comment in the pictures of scans that are made or marked here. The resolution of a picture with this comment is always
# believed, even if the picture shows only part of a page.
SCAN_COMMENT: Final = b"true size"
SCAN_MARK: Final = b"\xff\xfe" + (len(SCAN_COMMENT) + 2).to_bytes(2) + SCAN_COMMENT
PNG_MARK: Final = b"tEXtComment\0" + SCAN_COMMENT
_TRUE_SIZE: Final = re.compile(rb"\n%true size (\d{1,6})x(\d{1,6})\n")


@dataclass(frozen=True, kw_only=True, slots=True)
class PagePicture:
    # Size in pixels.
    width: int
    height: int
    across_dpi: float
    along_dpi: float
    is_color: bool
    bits: int = 8
    # The PDF filter that decodes the data.
    packing: bytes = b"FlateDecode"

    @property
    def bytes_per_pixel(self) -> int:
        return 3 if self.is_color else 1


def packed(rows: Iterable[bytes]) -> Iterator[bytes]:
    """Compress rows of pixels for FlateDecode."""
    packer = zlib.compressobj(1)
    for some in rows:
        yield packer.compress(some)
    yield packer.flush()


class PdfWriter:
    """Appends to a PDF file of at most `limit` bytes. Raises TaskError: too_large, and OSError."""

    def __init__(self, file: BinaryIO, objects: list[int], limit: int) -> None:
        """`objects` are the positions of the pages' objects in the file; the writer appends those of new objects."""
        self._file = file
        self._objects = objects
        self._limit = limit
        # The longest short side and the longest long side, in points, of the pages added here.
        self._largest = (0.0, 0.0)
        self._at = file.seek(0, os.SEEK_END)
        if not self._at:
            self._write(_HEAD)

    def add_page(self, page: PagePicture, data: Iterable[bytes]) -> None:
        """Write a page that a picture fills; `data` is the picture's data, encoded for the filter `page.packing`."""
        width, height = page.width * 72 / page.across_dpi, page.height * 72 / page.along_dpi
        short, long = sorted((width, height))
        self._largest = max(self._largest[0], short), max(self._largest[1], long)
        space = b"DeviceRGB" if page.is_color else b"DeviceGray"
        picture = self._begin()
        # The length is known only once the picture is written, so it is an object of its own.
        self._write(
            b"<</Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/%b/BitsPerComponent %d"
            b"/Filter/%b/Length %d 0 R>>\nstream\n"
            % (page.width, page.height, space, page.bits, page.packing, picture + 1)
        )
        start = self._at
        for some in data:
            self._write(some)
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

    def finish(self, *, true_size: bool = False) -> None:
        """Write the catalog, the page tree and the table of objects.

        With `true_size`, also write a comment that tells `true_size_of` that the pages are as large as the originals.
        """
        last = _FIRST + len(self._objects)
        pages = range(_FIRST + OBJECTS_A_PAGE - 1, last, OBJECTS_A_PAGE)
        catalog = self._at
        self._write(b"1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n")
        tree = self._at
        kids = b" ".join(b"%d 0 R" % number for number in pages)
        self._write(b"2 0 obj\n<</Type/Pages/Count %d/Kids[%b]>>\nendobj\n" % (len(pages), kids))
        table = self._at
        self._write(b"xref\n0 %d\n0000000000 65535 f \n" % last)
        for place in (catalog, tree, *self._objects):
            self._write(b"%010d 00000 n \n" % place)
        self._write(b"trailer\n<</Size %d/Root 1 0 R>>\n" % last)
        if true_size:
            tenths = (round(side / 72 * 254) for side in self._largest)
            self._write(b"%%true size %dx%d\n" % (*tenths,))
        self._write(b"startxref\n%d\n%%%%EOF\n" % table)

    def _begin(self) -> int:
        number = _FIRST + len(self._objects)
        self._objects.append(self._at)
        self._write(b"%d 0 obj\n" % number)
        return number

    def _write(self, data: bytes) -> None:
        self._at += len(data)
        if self._at > self._limit:
            raise TaskError("too_large")
        self._file.write(data)


def true_size_of(path: Path) -> tuple[int, int] | None:
    """Return the short and the long side, in 0.1 mm, of a PDF's pages if they are as large as the originals, else None.

    If the pages differ in size, return the longest of the short sides and of the long sides. Blocking; raises OSError.
    """
    with path.open("rb") as file:
        file.seek(-min(_MARK_BYTES, file.seek(0, os.SEEK_END)), os.SEEK_END)
        said = _TRUE_SIZE.search(file.read())
    return None if said is None else (int(said[1]), int(said[2]))


def is_true_size(path: Path) -> bool:
    """Return whether a file is a JPEG or PNG that names the size of its original. Blocking; raises OSError."""
    with path.open("rb") as file:
        head = file.read(_MARK_BYTES)
    return SCAN_MARK in head or PNG_MARK in head
