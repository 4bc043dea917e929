"""Large PNG pictures, made smaller a strip of rows at a time: Pillow reads a PNG whole or not at all.

The compressed rows of a strip, behind the last one of the strip before, on which they may build, make a small PNG
of their own, which Pillow decodes.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
import struct
from typing import BinaryIO, Final
import zlib

from PIL import Image

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
# Samples of a pixel by the type of colour that the header names.
SAMPLES: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
STRIP_BYTES: Final = 4 * 1024 * 1024
# Of rows that must be read together.
MAX_STRIP_BYTES: Final = 32 * 1024 * 1024
READ_BYTES: Final = 64 * 1024


def strips(path: str, factor: int) -> Iterator[Image.Image]:
    """Yield the strips of a PNG file from the top, each with a multiple of `factor` rows except the last.

    Raises MemoryError for a picture that cannot be read in strips: interlaced, in colours of sixteen bits,
    or too wide; OSError and others for a damaged one.
    """
    with Path(path).open("rb") as file:
        header, tables = _head(file)
        width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", header)
        bits = depth * SAMPLES[kind]
        row_bytes = 1 + (width * bits + 7) // 8
        if interlaced or (depth == 16 and kind != 0) or row_bytes * (factor + 1) > MAX_STRIP_BYTES:
            raise MemoryError
        # Bits that are left over in the last byte of a row count where the next row builds on it.
        full_width = (row_bytes - 1) * 8 // bits
        rows = max(1, STRIP_BYTES // row_bytes // factor) * factor
        unpacked = _Unpacked(file)
        before = bytes(row_bytes)
        for top in range(0, height, rows):
            count = min(rows, height - top)
            data = before + unpacked.read(count * row_bytes)
            size = struct.pack(">II", full_width, count + 1)
            png = (
                _chunk(b"IHDR", size + header[8:])
                + tables
                + _chunk(b"IDAT", zlib.compress(data, 0))
            )
            strip = Image.open(BytesIO(SIGNATURE + png + _chunk(b"IEND", b"")), formats=("PNG",))
            strip.load()
            # The filter of the row says that it builds on no other.
            before = b"\0" + _packed(strip.crop((0, count, full_width, count + 1)), depth)
            yield strip.crop((0, 1, width, count + 1))


def _head(file: BinaryIO) -> tuple[bytes, bytes]:
    """Read up to the length of the first chunk of pixels; return the header, and the chunks on colours."""
    if file.read(len(SIGNATURE)) != SIGNATURE:
        raise OSError("no PNG")
    header, tables = b"", b""
    while True:
        length, name = struct.unpack(">I4s", file.read(8))
        if name == b"IDAT":
            file.seek(-8, 1)
            return header, tables
        data = file.read(length) if name in (b"IHDR", b"PLTE", b"tRNS") and length <= 1024 else b""
        # The check sum as well.
        file.seek(length - len(data) + 4, 1)
        if name == b"IHDR":
            header = data
        elif data:
            tables += _chunk(name, data)


class _Unpacked:
    """The rows of a PNG as they were before compression, read as they are needed."""

    def __init__(self, file: BinaryIO) -> None:
        """`file` stands at the first chunk of pixels."""
        self._parts = self._compressed(file)
        self._inflater = zlib.decompressobj()

    def read(self, count: int) -> bytes:
        """Return so many bytes. Raises OSError when the file has fewer, zlib.error when it is damaged."""
        found = bytearray()
        while len(found) < count:
            packed = self._inflater.unconsumed_tail or next(self._parts, b"")
            if not packed:
                raise OSError("the picture is cut off")
            found += self._inflater.decompress(packed, count - len(found))
        return bytes(found)

    @staticmethod
    def _compressed(file: BinaryIO) -> Iterator[bytes]:
        while len(head := file.read(8)) == 8:
            length, name = struct.unpack(">I4s", head)
            if name != b"IDAT":
                return
            while length:
                part = file.read(min(length, READ_BYTES))
                if not part:
                    return
                length -= len(part)
                yield part
            file.seek(4, 1)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _packed(row: Image.Image, depth: int) -> bytes:
    """Return the pixels of a row as a PNG of that depth has them."""
    if row.mode.startswith("I;16"):
        return row.tobytes("raw", "I;16B")
    data = row.tobytes()
    if depth >= 8 or row.mode == "1":
        return data
    # Grey is spread from black to white, which the number of a colour is not.
    unit = 1 if row.mode == "P" else 255 // (2**depth - 1)
    each = 8 // depth
    return bytes(
        sum(data[place + n] // unit << (8 - depth * (n + 1)) for n in range(each))
        for place in range(0, len(data), each)
    )
