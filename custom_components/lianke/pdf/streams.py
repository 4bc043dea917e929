"""Check that streams in a PDF file are complete, where PDFium skips what is missing."""

import base64
import binascii
from collections.abc import Sequence
import mmap
from pathlib import Path
import re
import struct
import time
from typing import Final
import zlib

from .fax import Coding, is_whole
from .process import TaskError

# Decompressed bytes of all streams in a turn, and of a picture.
MAX_UNPACKED_STREAMS: Final = 128 * 1024 * 1024
# Streams that a turn looks at.
MAX_STREAMS: Final = 100_000
# Bytes of a fax-coded picture, whose codes are read one by one.
MAX_FAX_BYTES: Final = 4 * 1024 * 1024
_BLOCK: Final = 1024 * 1024
_HEAD_BYTES: Final = 4096

# Only these take time; other streams are skipped.
_LONG: Final = frozenset({b"FlateDecode", b"CCITTFaxDecode"})
_STREAM: Final = re.compile(rb"(?<!end)stream(?:\r\n|\n)")
_FILTER: Final = re.compile(rb"/Filter\s*(?:\[\s*)?/(\w+)")
_NUMBER: Final = rb"/%s\s+(-?\d{1,9})(?!\s+\d+\s+R)"
_K: Final = re.compile(_NUMBER % b"K")
_COLUMNS: Final = re.compile(_NUMBER % b"Columns")
_ROWS: Final = re.compile(_NUMBER % b"Rows")
_HEIGHT: Final = re.compile(_NUMBER % b"Height")
_NO_BYTES: Final = re.compile(rb"/Length\s+0(?!\d|\s+\d+\s+R)")
_NOTHING: Final = re.compile(rb"\s{0,4}endstream")
_ALIGNED: Final = re.compile(rb"/EncodedByteAlign\s+true")
_ELSEWHERE: Final = re.compile(
    rb"/(?:DecodeParms|K|Columns|Rows|Height|EncodedByteAlign)\s*(?:\[\s*)?\d+\s+\d+\s+R"
)
_FILTER_ELSEWHERE: Final = re.compile(rb"/Filter\s*(?:\[\s*)?\d")


def check_streams(path: str, at: int, until: float) -> tuple[bool, int | None]:
    """Check the compressed and fax-coded streams of a PDF file, from byte `at` until the time `until` (time.monotonic).

    Return whether all could be checked, and the byte to go on from, None at the end. Raises TaskError: incomplete.
    """
    with (
        Path(path).open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        left = MAX_UNPACKED_STREAMS
        for _ in range(MAX_STREAMS):
            if (found := _STREAM.search(data, at)) is None:
                return True, None
            at = found.end()
            before = data[max(0, found.start() - _HEAD_BYTES) : found.start()]
            head = before[before.rfind(b"obj") :]
            if not head.startswith(b"obj"):
                continue
            if _FILTER_ELSEWHERE.search(head):
                return False, None
            first = _FILTER.search(head)
            name = first[1] if first else b""
            if name == b"FlateDecode" and not (_NO_BYTES.search(head) and _NOTHING.match(data, at)):
                room = left
                at, left = _flate_end(data, at, room)
                if left < 0:
                    # The next turn has room for this stream, unless it is too large by itself.
                    return (False, None) if room == MAX_UNPACKED_STREAMS else (True, found.start())
            end = data.find(b"endstream", at)
            if end < 0:
                raise TaskError("incomplete")
            if name == b"CCITTFaxDecode":
                coding = _fax(head)
                if coding is None or end - at > MAX_FAX_BYTES:
                    return False, None
                if not is_whole(data[at:end], coding):
                    raise TaskError("incomplete")
            at = end
            if name in _LONG and time.monotonic() > until:
                return True, at
    return False, None


def _flate_end(data: mmap.mmap, at: int, left: int) -> tuple[int, int]:
    """Return where a compressed stream ends, its checksum verified, and what it leaves of `left`. Raises TaskError."""
    inflater = zlib.decompressobj()
    packed = b""
    while not inflater.eof and left >= 0:
        if not packed:
            packed = data[at : at + _BLOCK]
            at += len(packed)
        if not packed:
            raise TaskError("incomplete")
        try:
            left -= len(inflater.decompress(packed, _BLOCK))
        except zlib.error:
            raise TaskError("incomplete") from None
        packed = inflater.unconsumed_tail
    return at - len(inflater.unused_data), left


def _fax(head: bytes) -> Coding | None:
    """Read a picture's coding from its dictionary; None where it is elsewhere in the file, or missing."""
    k, columns = _K.search(head), _COLUMNS.search(head)
    rows = _HEIGHT.search(head) or _ROWS.search(head)
    if rows is None or _ELSEWHERE.search(head):
        return None
    width, height = int(columns[1]) if columns else 1728, int(rows[1])
    if width <= 0 or height <= 0:
        return None
    return Coding(
        width,
        height,
        int(k[1]) if k else 0,
        _ALIGNED.search(head) is not None,
    )


def unpacked(data: bytes, filters: Sequence[str]) -> bytes | None:
    """Undo the filters of a stream; None if it has more than MAX_UNPACKED bytes.

    Raises TaskError: incomplete; LookupError for another filter.
    """
    for name in filters:
        try:
            match name:
                case "FlateDecode":
                    inflater = zlib.decompressobj()
                    data = inflater.decompress(data, MAX_UNPACKED_STREAMS)
                    if not inflater.eof:
                        if len(data) == MAX_UNPACKED_STREAMS:
                            return None
                        raise TaskError("incomplete")
                # Some lack their end mark.
                case "ASCII85Decode":
                    data = base64.a85decode(data.partition(b"~")[0].strip().removeprefix(b"<~"))
                case "ASCIIHexDecode":
                    digits = data.partition(b">")[0].translate(None, b" \t\r\n\f\0")
                    data = binascii.unhexlify(digits + b"0" * (len(digits) % 2))
                case _:
                    raise LookupError(name)
        except zlib.error, ValueError:
            raise TaskError("incomplete") from None
    return data


_UNKNOWN: Final = 0xFFFFFFFF
# Bytes of a segment, a part of a picture in JBIG2.
_SHORTEST_SEGMENT: Final = 11


def has_segments(data: bytes) -> bool | None:
    """Check that all segments of a JBIG2 picture are as long as their headers say; None where one does not say."""
    at = 0
    # A line break may follow the last one.
    while len(data) - at >= _SHORTEST_SEGMENT:
        number, flags, count = struct.unpack_from(">IBB", data, at)
        at += 5
        if count >> 5 == 7:
            count = int.from_bytes(data[at : at + 4]) & 0x1FFFFFFF
            at += 4 + (count + 8) // 8
        else:
            count >>= 5
            at += 1
        at += count * (1 if number <= 256 else 2 if number <= 65536 else 4)
        at += 4 if flags & 0x40 else 1
        length = int.from_bytes(data[at : at + 4])
        if length == _UNKNOWN:
            return None
        at += 4 + length
    return at <= len(data)
