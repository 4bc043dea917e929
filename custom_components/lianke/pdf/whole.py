"""Whether a file is there to its end: pictures are decoded, and a PDF has its last part and all its pages."""

from collections.abc import Callable, Iterator
from io import BufferedIOBase
import mmap
from pathlib import Path
import re
import struct
import time
from typing import IO, Any, BinaryIO, Final, cast, override

from PIL import Image, ImageChops, JpegImagePlugin, TiffImagePlugin
import pypdfium2

from .files import count, opened
from .pictures import DECODER_ERRORS, SAMPLES, Unpacked, png_head
from .process import TaskError

# What is left to decode of a JPEG is as large as this at most, in pixels: twice, to be compared.
_SMALL: Final = 4_000_000
_WEAKEST: Final = 8
# Others are decoded as they are; of a progressive JPEG, six bytes a pixel are in memory besides.
MAX_DECODED: Final = 30_000_000
MAX_PROGRESSIVE: Final = 16_000_000
MAX_UNPACKED: Final = 1024**3
_BLOCK: Final = 4 * 1024 * 1024
PAGE_SECONDS: Final = 5.0
MAX_FRAMES: Final = 2000
# Of a progressive JPEG: programs make some ten, but each may cost as much as a picture and take a few bytes.
MAX_SCANS: Final = 500
MAX_STRIPS: Final = 1_000_000
MAX_EMBEDDED: Final = 64 * 1024 * 1024

_END: Final = b"\xff\xd9"
_SCAN: Final = 0xDA
# Headers of pictures by the kind of their coding. What is coded arithmetically has no zeros at its end.
_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_PLAIN: Final = frozenset({0xC0, 0xC1})
_PROGRESSIVE: Final = 0xC2
# Within what is coded, FF stands before 0, or counts restarts. Any number of FF may stand before one that counts; a
# pattern with all of them would look at each as often as there are.
_MARKER: Final = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
# Takes the place of what may be missing: bits that make other pixels than none do.
_FILLER: Final = bytes.fromhex("a955f3cc3ce7b19d6a4ef0d72b95c3f8") * 16


def check(request: dict[str, Any]) -> dict[str, Any]:
    """Look whether the picture or PDF `path` of the `type` (its extension) is whole.

    With `is_scan`, what a PDF's pages hold is looked at, too. The answer has `pages` of a PDF, and says whether it is
    `sure`: what is too large to be decoded here is not. Reasons: incomplete, image_damaged, password, damaged.
    """
    path, kind = request["path"], request["type"]
    if kind == ".pdf":
        pages = count(request)["pages"]
        return {"pages": pages, "sure": not request.get("is_scan") or _check_pages(path)}
    checks: dict[str, Callable[[str], bool]] = {
        ".jpg": _check_jpeg,
        ".png": _check_png,
        ".bmp": _check_bmp,
        ".tiff": _check_tiff,
    }
    Image.MAX_IMAGE_PIXELS = None
    try:
        return {"sure": checks.get(kind, _check_decoded)(path)}
    except FileNotFoundError:
        raise
    except DECODER_ERRORS:
        raise TaskError("image_damaged") from None


class _Part(BufferedIOBase):
    """The first bytes of a file, and others behind them."""

    def __init__(self, data: mmap.mmap | bytes, end: int, tail: bytes) -> None:
        self._data, self._end, self._tail = data, end, tail
        self._at = 0

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        last = self._end + len(self._tail)
        until = last if size is None or size < 0 else min(last, self._at + size)
        found = self._data[self._at : min(until, self._end)]
        if until > self._end:
            found += self._tail[max(0, self._at - self._end) : until - self._end]
        self._at = max(self._at, until)
        return found

    @override
    def seek(self, offset: int, whence: int = 0, /) -> int:
        start = (0, self._at, self._end + len(self._tail))[whence]
        self._at = max(0, start + offset)
        return self._at

    @override
    def tell(self) -> int:
        return self._at

    @override
    def seekable(self) -> bool:
        return True

    @override
    def readable(self) -> bool:
        return True


def _check_jpeg(path: str) -> bool:
    with (
        Path(path).open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        return _is_jpeg_sure(data)


def _is_jpeg_sure(data: mmap.mmap | bytes) -> bool:
    """Look at the first picture in a JPEG file; what follows it does not count.

    Its end may be missing if its rows are there, and rows may be missing though it has an end: the decoder takes both,
    and fills what is missing with grey. So it decodes once more with other bytes before the end: they are read only
    where rows are missing.
    """
    end, frame, scans = _jpeg_end(data)
    has_end = data[end : end + 2] == _END
    is_plain = frame in _PLAIN
    if frame is None or not scans or not (has_end or (is_plain and scans == 1)):
        raise TaskError("incomplete")
    if scans > MAX_SCANS:
        raise TaskError("image_damaged")
    # An FF that is left there would make a marker of what is put behind it.
    end = _written_end(data, end, b"\xff" if has_end else b"\0\xff")
    first = _opened_jpeg(data, end, _END)
    if not is_plain and first.width * first.height > MAX_PROGRESSIVE:
        return False
    _decode(first, is_plain=is_plain)
    if is_plain or frame == _PROGRESSIVE:
        second = _opened_jpeg(data, end, _FILLER + _END)
        _decode(second, is_plain=is_plain)
        if ImageChops.difference(first, second).getbbox() is not None:
            raise TaskError("incomplete")
    return True


def _jpeg_end(data: mmap.mmap | bytes) -> tuple[int, int | None, int]:
    """Return where a JPEG picture ends, the marker of its header, and how many scans it has.

    It ends where its last part is cut off if there is no marker of its end.
    """
    at, frame, scans = 2, None, 0
    while True:
        found = _MARKER.search(data, at)
        if found is None:
            return len(data), frame, scans
        marker, at = found[1][0], found.end()
        if marker == _END[1] or marker == 0xD8 or at + 2 > len(data):
            return found.start(), frame, scans
        if marker == 0x01:
            continue
        length = int.from_bytes(data[at : at + 2])
        if length < 2 or at + length > len(data):
            return found.start(), frame, scans
        at += length
        if marker in _FRAMES:
            frame = marker
        scans += marker == _SCAN


def _written_end(data: mmap.mmap | bytes, end: int, unwritten: bytes) -> int:
    """Return where the bytes begin that stand for what was to be written, and half a marker."""
    while end and not (block := data[max(0, end - _BLOCK) : end].rstrip(unwritten)):
        end = max(0, end - _BLOCK)
    return max(0, end - _BLOCK) + len(block) if end else 0


def _opened_jpeg(data: mmap.mmap | bytes, end: int, tail: bytes) -> Image.Image:
    # Not by Pillow's own choice, which follows the pictures that phones put behind a photo.
    return JpegImagePlugin.JpegImageFile(cast(IO[bytes], _Part(data, end, tail)))


def _decode(picture: Image.Image, *, is_plain: bool) -> None:
    """Decode a JPEG, as small as makes do: the last scan of a progressive one may hold the finest details alone."""
    if is_plain:
        factor = 1
        while factor < _WEAKEST and picture.width * picture.height > _SMALL * factor**2:
            factor *= 2
        size = max(1, picture.width // factor), max(1, picture.height // factor)
        picture.draft("L" if picture.mode == "RGB" else None, size)
    picture.load()


def _is_moderate(size: tuple[int, int]) -> bool:
    return size[0] * size[1] <= MAX_DECODED


def _check_png(path: str) -> bool:
    """Unpack all rows: what is behind them does not count."""
    with Path(path).open("rb") as file:
        try:
            header, _ = png_head(file)
            width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", header)
        except struct.error:
            raise TaskError("incomplete") from None
        left = sum(
            rows * (1 + (columns * depth * SAMPLES[kind] + 7) // 8)
            for columns, rows in (_passes(width, height) if interlaced else [(width, height)])
            if columns
        )
        if left > MAX_UNPACKED:
            return False
        unpacked = Unpacked(file)
        while left:
            part = min(left, _BLOCK)
            try:
                unpacked.read(part)
            except OSError:
                raise TaskError("incomplete") from None
            left -= part
    return True


def _passes(width: int, height: int) -> Iterator[tuple[int, int]]:
    """Yield columns and rows of each pass of an interlaced PNG."""
    for x, y, across, down in (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):
        yield -(-(width - x) // across), -(-(height - y) // down)


def _check_bmp(path: str) -> bool:
    with Path(path).open("rb") as file:
        head = file.read(54)
        size = file.seek(0, 2)
    if len(head) < 54:
        raise TaskError("incomplete")
    start, header, width, height = struct.unpack("<IIii", head[10:26])
    bits, packing = struct.unpack("<HI", head[28:34])
    if header < 40 or packing not in (0, 3):
        return _check_decoded(path)
    row = (abs(width) * bits + 7) // 8
    rows = abs(height)
    # The last row may lack what fills it up.
    if size < start + (rows - 1) * (-(-row // 4) * 4) + row:
        raise TaskError("incomplete")
    return True


def _check_tiff(path: str) -> bool:
    """Look whether the strips and tiles of all pages lie within the file; decode what Pillow can."""
    with Path(path).open("rb") as file:
        for strips in _strips(file):
            size = file.seek(0, 2)
            if any(start + length > size for start, length in strips):
                raise TaskError("incomplete")
    left = MAX_DECODED
    try:
        picture = Image.open(path, formats=("TIFF",))
    except DECODER_ERRORS:
        # Of a kind that only others know.
        return False
    with picture:
        for number in range(MAX_FRAMES):
            try:
                picture.seek(number)
            except EOFError:
                return True
            left -= picture.width * picture.height
            if left < 0:
                return False
            try:
                picture.load()
            except DECODER_ERRORS:
                return False
    return False


_STARTS: Final = frozenset({TiffImagePlugin.STRIPOFFSETS, TiffImagePlugin.TILEOFFSETS})
_LENGTHS: Final = frozenset({TiffImagePlugin.STRIPBYTECOUNTS, TiffImagePlugin.TILEBYTECOUNTS})
_UNITS: Final = {3: "H", 4: "I"}


def _strips(file: BinaryIO) -> Iterator[list[tuple[int, int]]]:
    """Yield where the data of each page of a TIFF lies, and how long it is. Raises TaskError: incomplete."""

    def read(count: int) -> bytes:
        data = file.read(count)
        if len(data) < count:
            raise TaskError("incomplete")
        return data

    order = "<" if read(4)[:2] == b"II" else ">"
    seen: set[int] = set()
    while (place := struct.unpack(f"{order}I", read(4))[0]) and place not in seen:
        if len(seen) >= MAX_FRAMES:
            return
        seen.add(place)
        file.seek(place)
        (number,) = struct.unpack(f"{order}H", read(2))
        entries = read(12 * number)
        behind = file.tell()
        found: dict[bool, list[int]] = {}
        for entry in range(number):
            tag, kind, count, value = struct.unpack_from(f"{order}HHII", entries, 12 * entry)
            if tag not in _STARTS | _LENGTHS or kind not in _UNITS or count > MAX_STRIPS:
                continue
            unit = _UNITS[kind]
            length = count * struct.calcsize(unit)
            data = entries[12 * entry + 8 : 12 * entry + 8 + length]
            if length > 4:
                file.seek(value)
                data = read(length)
            found[tag in _STARTS] = list(struct.unpack(f"{order}{count}{unit}", data))
        yield list(zip(found.get(True, ()), found.get(False, ()), strict=False))
        file.seek(behind)


def _check_decoded(path: str) -> bool:
    with Image.open(path) as picture:
        if not _is_moderate(picture.size):
            return False
        try:
            picture.load()
        except OSError, EOFError, IndexError, struct.error:
            raise TaskError("incomplete") from None
    return True


def _check_pages(path: str) -> bool:
    """Open every page of a scan, and look at the JPEG pictures on it; return whether all was."""
    until, is_sure = time.monotonic() + PAGE_SECONDS, True
    with opened(path) as document:
        for number in range(len(document)):
            if time.monotonic() > until:
                return False
            try:
                page = document[number]
            except pypdfium2.PdfiumError:
                raise TaskError("incomplete") from None
            for data in _embedded(page):
                try:
                    is_sure &= data is not None and _is_jpeg_sure(data)
                except DECODER_ERRORS:
                    raise TaskError("incomplete") from None
            page.close()
    return is_sure


def _embedded(page: Any) -> Iterator[bytes | None]:
    """Yield the JPEG pictures on a page, None for one that is too large."""
    raw = pypdfium2.raw
    for found in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3):
        if found.get_filters() == ["DCTDecode"]:
            size = raw.FPDFImageObj_GetImageDataRaw(found, None, 0)
            yield bytes(found.get_data()) if size <= MAX_EMBEDDED else None
