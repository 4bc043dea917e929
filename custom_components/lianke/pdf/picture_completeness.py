"""Check that a picture is complete, by decoding it to its end."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
import hashlib
import mmap
from pathlib import Path
import re
import struct
from typing import IO, Any, BinaryIO, Final, cast
import zlib

from PIL import Image, JpegImagePlugin, TiffImagePlugin

from .pictures import DECODER_ERRORS
from .process import TaskError

# A plain JPEG is decoded twice, and the results are compared. Each time, it is reduced to about this many pixels, by a
# factor of at most _WEAKEST.
_SMALL: Final = 4_000_000
_WEAKEST: Final = 8
# Bytes of memory for decoding a JPEG or a page of a TIFF. Until the last scan, the decoder keeps a progressive JPEG in
# blocks of 8 x 8 two-byte numbers: 40 million pixels in full color take 240 MB, in addition to the picture.
MAX_DECODING_BYTES: Final = 300 * 1024 * 1024
_BLOCK_BYTES: Final = 128
# Number of rows that are compared at once.
_COMPARED_ROWS: Final = 64
# Maximum pixels of a picture of any other type, which is decoded at full size.
MAX_DECODED_PIXELS: Final = 30_000_000
# Bytes that a PNG may have after decompression; a larger PNG cannot be checked.
MAX_UNPACKED_PNG: Final = 1024**3
_BLOCK: Final = 4 * 1024 * 1024
# Maximum number of pages of a TIFF; a TIFF with more pages cannot be checked.
MAX_TIFF_PAGES: Final = 2000
# Maximum number of scans in a JPEG: programs write about ten, but a scan of a few bytes may take as long to
# decode as a whole picture.
MAX_JPEG_SCANS: Final = 500
# Maximum number of strips in a page of a TIFF.
MAX_TIFF_STRIPS: Final = 1_000_000
# Bytes that a JPEG with restarts or several scans may have, since it is copied with filler and decoded once more.
MAX_FILLED_JPEG: Final = 64 * 1024 * 1024

_END: Final = b"\xff\xd9"
_SCAN: Final = 0xDA
_INTERVAL: Final = 0xDD
# Markers of frame headers, one for each kind of coding.
_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_PLAIN: Final = frozenset({0xC0, 0xC1})
_PROGRESSIVE: Final = 0xC2
# In coded data, FF occurs only before 0 and in restart markers. Any number of FF may precede a marker; a pattern that
# matched all of them would take time that grows with the square of their number.
_MARKER: Final = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
_RESTART: Final = re.compile(rb"\xff[\xd0-\xd7]")
# Filler for places where data may be missing: bits that decode to different pixels than missing data does.
_SHORT_FILLER: Final = bytes.fromhex("a955f3cc3ce7b19d6a4ef0d72b95c3f8") * 2
_FILLER: Final = _SHORT_FILLER * 8


def check_picture(request: dict[str, Any]) -> dict[str, Any]:
    """Check that the picture `path` is complete; `type` is its extension.

    The answer's `sure` is false if the picture cannot be checked here. Raises TaskError: incomplete, image_damaged.
    """
    path, kind = request["path"], request["type"]
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


class _FilePart:
    """Data that Pillow's decoder can read like a file: the first `end` bytes of `data`, followed by `tail`."""

    def __init__(self, data: mmap.mmap | bytes, end: int, tail: bytes) -> None:
        self._data, self._end, self._tail = data, end, tail
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        last = self._end + len(self._tail)
        until = last if size < 0 else min(last, self._at + size)
        found = self._data[self._at : min(until, self._end)]
        if until > self._end:
            found += self._tail[max(0, self._at - self._end) : until - self._end]
        self._at = max(self._at, until)
        return found

    def seek(self, offset: int, whence: int = 0) -> int:
        start = (0, self._at, self._end + len(self._tail))[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        return self._at


def _check_jpeg(path: str) -> bool:
    with (
        Path(path).open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        return is_jpeg_sure(data, MAX_DECODING_BYTES)


@dataclass(slots=True)
class _Jpeg:
    """The structure of the first picture in a JPEG file, as its markers describe it."""

    # The position of the picture's end marker, or where the file is cut off.
    end: int = 0
    # The marker of the frame header.
    frame: int | None = None
    size: tuple[int, int] = (0, 0)
    # How many blocks, across and down, each color has in a unit (MCU), keyed by the number of the color.
    parts: dict[int, tuple[int, int]] = field(default_factory=dict)
    # The numbers of the colors in each scan.
    scans: list[bytes] = field(default_factory=list)
    # Number of units between restart markers; 0 if there are none.
    interval: int = 0
    # The positions at which the coded data of each scan begins and ends.
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    @property
    def is_plain(self) -> bool:
        """Whether each block is coded in one place with all its details, unlike in a progressive JPEG."""
        return self.frame in _PLAIN

    @property
    def decodes_in_memory(self) -> bool:
        """Whether the decoder keeps the whole picture in memory, because several scans have data of the same pixel."""
        return not self.is_plain or len(self.scans[0]) < len(self.parts)

    @property
    def decoding_bytes(self) -> int:
        """Bytes of memory that the decoder additionally needs if `decodes_in_memory`."""
        return self._units * sum(part[0] * part[1] for part in self.parts.values()) * _BLOCK_BYTES

    @property
    def _units(self) -> int:
        across = max(part[0] for part in self.parts.values())
        down = max(part[1] for part in self.parts.values())
        return -(-self.size[0] // (8 * across)) * -(-self.size[1] // (8 * down))

    @property
    def restarts(self) -> int:
        """The least number of restart markers in a JPEG with one scan; 0 if it has several scans."""
        if not self.interval or len(self.scans) > 1:
            return 0
        # A scan of one color is coded in blocks, not in units; there are at least as many blocks as units.
        return -(-self._units // self.interval) - 1

    def in_gray(self, picture: Image.Image) -> bool:
        """Return whether decoding in gray still reveals that data of the last scan is missing."""
        return (
            picture.mode == "RGB"
            and len(self.parts) == 3
            and min(self.scans[-1]) == min(self.parts)
            # A JPEG in red, green and blue has no channel for the lightness.
            and picture.info.get("adobe_transform") != 0
            and bytes(self.parts) != b"RGB"
        )


def is_jpeg_sure(data: mmap.mmap | bytes, room: int) -> bool:
    """Check that the first picture in a JPEG file is complete; return False if it cannot be checked in `room` bytes.

    A JPEG may have all rows but no end, or an end but not all rows: the decoder accepts both, and fills missing rows
    with gray. The JPEG is therefore decoded once more with other bytes before the end. The decoder reads these bytes
    only if rows are missing, and then the two results differ. Raises TaskError: incomplete, image_damaged.
    """
    jpeg = _markers(data)
    has_end = data[jpeg.end : jpeg.end + 2] == _END
    if (
        jpeg.frame is None
        or not jpeg.scans
        or not (has_end or (jpeg.is_plain and len(jpeg.scans) == 1))
    ):
        raise TaskError("incomplete")
    if len(jpeg.scans) > MAX_JPEG_SCANS or not all(jpeg.scans) or not jpeg.parts:
        raise TaskError("image_damaged")
    # An FF left at the end would form a marker with the bytes that are put after it.
    end = _written_end(data, jpeg.end, b"\xff" if has_end else b"\0\xff")
    first = _digest_of_decoded(jpeg, _opened_jpeg(data, end, _END), room)
    # Arithmetic coding leaves out zeros at its end, so other bytes there change even a complete picture.
    if first is None or not (jpeg.is_plain or jpeg.frame == _PROGRESSIVE):
        return False
    if first != _digest_of_decoded(jpeg, _opened_jpeg(data, end, _FILLER + _END), room):
        raise TaskError("incomplete")
    if len(jpeg.scans) == 1 and not jpeg.interval:
        return True
    if len(data) > MAX_FILLED_JPEG:
        return False
    filled = _with_filler(jpeg, data, end)
    again = _opened_jpeg(filled, len(filled), _FILLER + _END)
    if (shown := _digest_of_decoded(jpeg, again, room - len(filled))) is None:
        return False
    if first != shown:
        raise TaskError("incomplete")
    return True


def _with_filler(jpeg: _Jpeg, data: mmap.mmap | bytes, end: int) -> bytes:
    """Return the JPEG with filler before each restart marker, and at the end of each scan but the last.

    At these places, decoders continue even if data is missing. Raises TaskError: incomplete, if a restart marker is
    missing.
    """
    parts, at = [], 0
    for start, last in zip(jpeg.starts, [*jpeg.ends, end], strict=False):
        parts.append(data[at:start])
        coded = data[start : min(last, end)]
        counts = _RESTART.findall(coded)
        if len(counts) < jpeg.restarts or any(
            count[1] & 7 != number & 7 for number, count in enumerate(counts)
        ):
            raise TaskError("incomplete")
        parts.append(_RESTART.sub(_SHORT_FILLER + rb"\g<0>", coded))
        if last < end:
            parts.append(_SHORT_FILLER)
        at = min(last, end)
    return b"".join((*parts, data[at:end]))


def _markers(data: mmap.mmap | bytes) -> _Jpeg:
    at, jpeg = 2, _Jpeg()
    while True:
        found = _MARKER.search(data, at)
        if found is None:
            jpeg.end = len(data)
            return jpeg
        marker, at = found[1][0], found.end()
        jpeg.end = found.start()
        if len(jpeg.ends) < len(jpeg.starts):
            jpeg.ends.append(jpeg.end)
        if marker == _END[1] or marker == 0xD8 or at + 2 > len(data):
            return jpeg
        if marker == 0x01:
            continue
        length = int.from_bytes(data[at : at + 2])
        if length < 2 or at + length > len(data):
            return jpeg
        head = data[at + 2 : at + length]
        at += length
        if marker in _FRAMES and len(head) >= 6:
            jpeg.frame = marker
            jpeg.size = (int.from_bytes(head[3:5]), int.from_bytes(head[1:3]))
            jpeg.parts = {
                head[place]: (max(1, head[place + 1] >> 4), max(1, head[place + 1] & 15))
                for place in range(6, len(head) - 2, 3)
            }
        if marker == _INTERVAL and len(head) >= 2:
            jpeg.interval = int.from_bytes(head[:2])
        if marker == _SCAN:
            jpeg.scans.append(head[1 : 1 + 2 * head[0] : 2] if head else b"")
            jpeg.starts.append(at)


def _written_end(data: mmap.mmap | bytes, end: int, unwritten: bytes) -> int:
    """Return where the data ends without its trailing `unwritten` bytes, a sign of missing data or half a marker."""
    while end and not (block := data[max(0, end - _BLOCK) : end].rstrip(unwritten)):
        end = max(0, end - _BLOCK)
    return max(0, end - _BLOCK) + len(block) if end else 0


def _opened_jpeg(data: mmap.mmap | bytes, end: int, tail: bytes) -> Image.Image:
    # Image.open is not used, since it would also read the further pictures that phones append to a photo.
    return JpegImagePlugin.JpegImageFile(cast(IO[bytes], _FilePart(data, end, tail)))


def _digest_of_decoded(jpeg: _Jpeg, picture: Image.Image, room: int) -> bytes | None:
    """Return a digest of the decoded picture; None if decoding takes more than `room` bytes of memory.

    A plain JPEG is decoded at a reduced size, but not a progressive JPEG, whose last scan may hold only fine details.
    """
    factor = 1
    if jpeg.is_plain:
        while factor < _WEAKEST and picture.width * picture.height > _SMALL * factor**2:
            factor *= 2
    size = max(1, picture.width // factor), max(1, picture.height // factor)
    picture.draft("L" if jpeg.in_gray(picture) else None, size)
    needed = picture.width * picture.height * (1 if picture.mode == "L" else 4)
    # The decoder would not report a lack of memory.
    if needed + (jpeg.decoding_bytes if jpeg.decodes_in_memory else 0) > room:
        return None
    picture.load()
    seen = hashlib.sha256()
    for top in range(0, picture.height, _COMPARED_ROWS):
        band = (0, top, picture.width, min(top + _COMPARED_ROWS, picture.height))
        seen.update(picture.crop(band).tobytes())
    return seen.digest()


def _is_moderate(size: tuple[int, int]) -> bool:
    return size[0] * size[1] <= MAX_DECODED_PIXELS


SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
# Samples per pixel, by the color type in the header of a PNG.
SAMPLES: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_READ_BYTES: Final = 64 * 1024


def _png_header(file: BinaryIO) -> bytes:
    """Read up to the first chunk of pixels, and return the header.

    Raises zlib.error if the checksum of the header or of a palette is wrong; wrong checksums of other chunks, such as
    comments, are ignored.
    """
    if file.read(len(SIGNATURE)) != SIGNATURE:
        raise OSError("no PNG")
    header = b""
    while True:
        length, name = struct.unpack(">I4s", file.read(8))
        if name == b"IDAT":
            file.seek(-8, 1)
            return header
        data = file.read(length) if name in (b"IHDR", b"PLTE", b"tRNS") and length <= 1024 else b""
        if data and file.read(4) != struct.pack(">I", zlib.crc32(name + data)):
            raise zlib.error("a chunk differs from its sum")
        if not data:
            # Skip the chunk and its checksum.
            file.seek(length + 4, 1)
        if name == b"IHDR":
            header = data


def _png_data(file: BinaryIO) -> Iterator[bytes]:
    """Yield the compressed rows; `file` must be at the first chunk of pixels."""
    while len(head := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        if name != b"IDAT":
            return
        while length:
            part = file.read(min(length, _READ_BYTES))
            if not part:
                return
            length -= len(part)
            yield part
        file.seek(4, 1)


def _check_png(path: str) -> bool:
    """Decompress all rows and verify their checksum, which reveals zeros in place of missing data.

    Chunks after the rows are ignored.
    """
    with Path(path).open("rb") as file:
        try:
            header = _png_header(file)
            width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", header)
        except struct.error:
            raise TaskError("incomplete") from None
        wanted = sum(
            rows * (1 + (columns * depth * SAMPLES[kind] + 7) // 8)
            for columns, rows in (_passes(width, height) if interlaced else [(width, height)])
            if columns
        )
        if wanted > MAX_UNPACKED_PNG:
            return False
        inflater, unpacked = zlib.decompressobj(), 0
        for part in _png_data(file):
            packed = part
            while packed and not inflater.eof:
                unpacked += len(inflater.decompress(packed, _BLOCK))
                packed = inflater.unconsumed_tail
                # A PNG may have more rows than its header says.
                if unpacked > MAX_UNPACKED_PNG:
                    return False
            if inflater.eof:
                break
        if unpacked < wanted or not inflater.eof:
            raise TaskError("incomplete")
    return True


def _passes(width: int, height: int) -> Iterator[tuple[int, int]]:
    """Yield the numbers of columns and rows in each pass of an interlaced PNG."""
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
    # The last row may lack its padding.
    if size < start + (rows - 1) * (-(-row // 4) * 4) + row:
        raise TaskError("incomplete")
    return True


def _check_tiff(path: str) -> bool:
    """Check that the strips and tiles of all pages are within the file, and decode the pages.

    Return False if Pillow cannot decode them. Raises TaskError: incomplete.
    """
    with Path(path).open("rb") as file:
        for strips in _strips(file):
            size = file.seek(0, 2)
            if any(start + length > size for start, length in strips):
                raise TaskError("incomplete")
    try:
        pages = Image.open(path, formats=("TIFF",))
    except DECODER_ERRORS:
        # A variant of TIFF that Pillow does not know.
        return False
    with pages:
        for number in range(MAX_TIFF_PAGES):
            try:
                pages.seek(number)
            except EOFError:
                return True
            if not _can_decode(pages, number, path):
                return False
    return False


# Bytes of memory for a pixel of a TIFF, by Pillow's mode: for the decoded pixel, and for its copy if the page consists
# of a single strip.
_PIXEL_BYTES: Final = {"1": 1.2, "L": 2.0, "P": 2.0, "LA": 6.0, "I;16": 4.0, "I;16B": 4.0}
_USUAL_BYTES: Final = 8.0
# Bytes of a page that may stay in memory while the next page is decoded.
_FEW_BYTES: Final = 32 * 1024 * 1024


def _can_decode(pages: Image.Image, number: int, path: str) -> bool:
    """Return whether Pillow can decode page `number`, to which the caller has moved `pages`."""
    needed = pages.width * pages.height * _PIXEL_BYTES.get(pages.mode, _USUAL_BYTES)
    if needed > MAX_DECODING_BYTES:
        return False
    try:
        if needed <= _FEW_BYTES:
            pages.load()
        else:
            with Image.open(path, formats=("TIFF",)) as page:
                page.seek(number)
                page.load()
    except DECODER_ERRORS:
        return False
    return True


_STARTS: Final = frozenset({TiffImagePlugin.STRIPOFFSETS, TiffImagePlugin.TILEOFFSETS})
_LENGTHS: Final = frozenset({TiffImagePlugin.STRIPBYTECOUNTS, TiffImagePlugin.TILEBYTECOUNTS})
_UNITS: Final = {3: "H", 4: "I"}


def _strips(file: BinaryIO) -> Iterator[list[tuple[int, int]]]:
    """Yield for each page of a TIFF the start and length of each strip or tile. Raises TaskError: incomplete."""

    def read(count: int) -> bytes:
        data = file.read(count)
        if len(data) < count:
            raise TaskError("incomplete")
        return data

    order = "<" if read(4)[:2] == b"II" else ">"
    seen: set[int] = set()
    while (place := struct.unpack(f"{order}I", read(4))[0]) and place not in seen:
        if len(seen) >= MAX_TIFF_PAGES:
            return
        seen.add(place)
        file.seek(place)
        (number,) = struct.unpack(f"{order}H", read(2))
        entries = read(12 * number)
        behind = file.tell()
        found: dict[bool, list[int]] = {}
        for entry in range(number):
            tag, kind, count, value = struct.unpack_from(f"{order}HHII", entries, 12 * entry)
            if tag not in _STARTS | _LENGTHS or kind not in _UNITS or count > MAX_TIFF_STRIPS:
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
