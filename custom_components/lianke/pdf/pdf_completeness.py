"""Check that the PDF of a scan is complete: its end, its streams, its pages, and the pictures on the pages."""

import base64
import binascii
from collections.abc import Sequence
from io import BytesIO
import struct
import time
from typing import Any, Final
import zlib

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream
from pikepdf.exceptions import PikepdfError
from PIL import Image, features
import pypdfium2

from .fax import Coding, is_whole
from .pdf_files import count, opened
from .picture_completeness import MAX_DECODING_BYTES, is_jpeg_sure
from .pictures import DECODER_ERRORS
from .process import WORKER_TURN_SECONDS, TaskError

# Bytes that one picture, or all streams checked in one turn together, may have after decompression.
MAX_UNPACKED_STREAMS: Final = 128 * 1024 * 1024
# Maximum number of objects in a file, each of which may be a stream.
MAX_STREAMS: Final = 100_000
# Maximum bytes of a fax-coded picture, since decoding its codes one by one is slow.
MAX_FAX_BYTES: Final = 4 * 1024 * 1024
# Bytes that a picture in JPEG, JPEG 2000 or JBIG2 may have.
MAX_EMBEDDED: Final = 64 * 1024 * 1024
_BLOCK: Final = 1024 * 1024
_JPX_SAMPLE_BYTES: Final = 8
_CODINGS: Final = frozenset({"DCTDecode", "JPXDecode", "JBIG2Decode"})
_ASCII: Final = frozenset({"ASCII85Decode", "ASCIIHexDecode"})
_PACKED: Final = _ASCII | {"FlateDecode", "LZWDecode", "RunLengthDecode"}


def check_pdf(request: dict[str, Any]) -> dict[str, Any]:
    """Check the streams and pages of the PDF `path`, from `start` (0 at first) on, for WORKER_TURN_SECONDS.

    The answer's `next` is the `start` for the next request: a page number (above 0), the negated index of an object
    (below 0), or None at the end. The first answer has the number of `pages`.
    `sure` is false if something is too large to decode, or has an unknown encoding.
    Raises TaskError: incomplete, password, damaged, and the other errors of `count`.
    """
    path, start = request["path"], request["start"]
    found = count(request) if not start else {}
    until, is_sure = time.monotonic() + WORKER_TURN_SECONDS, True
    if start <= 0:
        is_sure, place = _check_streams(path, -start, until)
        if not is_sure or place:
            return found | {"sure": is_sure, "next": -place if place else None}
        start = 0
    with opened(path) as document:
        for number in range(start, len(document)):
            if number > start and time.monotonic() > until:
                return found | {"sure": True, "next": number}
            try:
                page = document[number]
            except pypdfium2.PdfiumError:
                raise TaskError("incomplete") from None
            for picture in page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE], max_depth=3):
                try:
                    is_sure &= _is_sure(picture)
                except DECODER_ERRORS:
                    raise TaskError("incomplete") from None
            page.close()
            if not is_sure:
                break
    return found | {"sure": is_sure, "next": None}


def _check_streams(path: str, at: int, until: float) -> tuple[bool, int | None]:
    """Check compressed and fax-coded streams, from the object with the index `at`, until the monotonic time `until`.

    This is needed since PDFium skips missing data. Return whether all streams could be checked, and the index of the
    object to continue with, None at the end. Raises TaskError: incomplete.
    """
    try:
        pdf = pikepdf.open(path)
    except PikepdfError:
        return False, None
    with pdf:
        # No scanner encrypts its files, and nobody has tested how missing data affects an encrypted stream.
        if pdf.is_encrypted or len(pdf.objects) > MAX_STREAMS:
            return False, None
        objects, left = list(pdf.objects), MAX_UNPACKED_STREAMS
        for number in range(at, len(objects)):
            one = objects[number]
            if not isinstance(one, Stream):
                continue
            found = one.get(Name.Filter, Array())
            if not isinstance(found, Array | Name):
                return False, None
            filters = [found] if isinstance(found, Name) else [*found]
            if not filters or filters[0] not in (Name.FlateDecode, Name.CCITTFaxDecode):
                continue
            try:
                data = one.read_raw_bytes()
            except PikepdfError:
                return False, None
            if filters[0] == Name.CCITTFaxDecode:
                if (coding := _fax(one)) is None or len(data) > MAX_FAX_BYTES:
                    return False, None
                if not is_whole(data, coding):
                    raise TaskError("incomplete")
            elif data:
                room, left = left, left - _unpacked_size(data, left)
                if left < 0:
                    # The next turn has room for this stream, unless the stream alone is too large.
                    return (False, None) if room == MAX_UNPACKED_STREAMS else (True, number)
            if time.monotonic() > until:
                return True, number + 1
    return True, None


def _unpacked_size(data: bytes, most: int) -> int:
    """Return the size of the data after decompression; stop early if it exceeds `most` bytes.

    Decompressing to the end also verifies the checksum.
    Raises TaskError: incomplete.
    """
    inflater, size = zlib.decompressobj(), 0
    for start in range(0, len(data), _BLOCK):
        packed = data[start : start + _BLOCK]
        while packed and not inflater.eof:
            try:
                size += len(inflater.decompress(packed, _BLOCK))
            except zlib.error:
                raise TaskError("incomplete") from None
            if size > most:
                return size
            packed = inflater.unconsumed_tail
    if not inflater.eof:
        raise TaskError("incomplete")
    return size


def _fax(picture: Any) -> Coding | None:
    """Return a picture's coding, read from its dictionary; None if a value is missing or makes no sense."""
    given = picture.get(Name.DecodeParms, Dictionary())
    # A list has the parameters of every filter; only the first filter matters here.
    given = given[0] if isinstance(given, Array) and len(given) else given
    if not isinstance(given, Dictionary):
        return None
    rows = picture.get(Name.Height, given.get(Name.Rows, 0))
    numbers: list[Any] = [given.get(Name.Columns, 1728), rows, given.get(Name.K, 0)]
    if not all(isinstance(one, int) for one in numbers) or min(numbers[:2]) <= 0:
        return None
    columns, rows, k = numbers
    return Coding(columns, rows, k, bool(given.get(Name.EncodedByteAlign, False)))


def _unpacked(data: bytes, filters: Sequence[str]) -> bytes | None:
    """Return a stream's data with its filters undone; None if this would exceed MAX_UNPACKED_STREAMS bytes.

    Raises TaskError: incomplete; LookupError for any filter but Flate, ASCII85 and ASCIIHex.
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
                # Some programs omit the end mark.
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


def _is_sure(picture: Any) -> bool:
    """Check that a picture on a page is complete; return False if that cannot be checked.

    Raises TaskError: incomplete; DECODER_ERRORS.
    """
    filters = picture.get_filters()
    if filters == ["CCITTFaxDecode"]:
        # `_check_streams` has already checked this picture.
        return True
    coding = filters.pop() if filters and filters[-1] in _CODINGS else None
    if not _PACKED.issuperset(filters):
        return False
    if coding is None:
        return _is_packed_whole(picture, filters)
    raw = pypdfium2.raw
    if raw.FPDFImageObj_GetImageDataRaw(picture, None, 0) > MAX_EMBEDDED:
        return False
    data = _unpacked(bytes(picture.get_data()), filters)
    if data is None or len(data) > MAX_EMBEDDED:
        return False
    match coding:
        case "DCTDecode":
            return is_jpeg_sure(data, MAX_DECODING_BYTES - 2 * len(data))
        case "JPXDecode":
            return _is_jpx_sure(data)
        case _:
            return _is_jbig2_sure(picture, data)


def _is_packed_whole(picture: Any, filters: list[str]) -> bool:
    """Check that a compressed picture has all rows; return False if that cannot be checked.

    Raises TaskError: incomplete.
    """
    head = picture.get_metadata()
    row = (head.width * head.bits_per_pixel + 7) // 8
    if row * head.height > MAX_UNPACKED_STREAMS:
        return False
    # PDFium reports how many bytes the decoded pixels take, with 8 bits for each component even where the file has 2 or
    # 4. That number proves little, so it is compared only if the data has no checksum.
    if "FlateDecode" not in filters and (
        pypdfium2.raw.FPDFImageObj_GetImageDataDecoded(picture, None, 0) < row * head.height
    ):
        raise TaskError("incomplete")
    # `_check_streams` has verified the checksum, unless the compressed data is encoded as ASCII. Then it is decoded and
    # verified here.
    return (
        _ASCII.isdisjoint(filters)
        or not (_ASCII | {"FlateDecode"}).issuperset(filters)
        or _unpacked(bytes(picture.get_data()), filters) is not None
    )


def _is_jpx_sure(data: bytes) -> bool:
    if not features.check("jpg_2000"):
        return False
    try:
        picture = Image.open(BytesIO(data), formats=("JPEG2000",))
    except DECODER_ERRORS:
        # A variant of JPEG 2000 that Pillow does not know.
        return False
    with picture:
        samples = picture.width * picture.height * len(picture.getbands())
        if samples * _JPX_SAMPLE_BYTES > MAX_DECODING_BYTES:
            return False
        picture.load()
    return True


def _is_jbig2_sure(picture: Any, data: bytes) -> bool:
    head = picture.get_metadata()
    if head.width * head.height > MAX_UNPACKED_STREAMS:
        return False
    has_segments = _has_segments(data)
    if has_segments is False:
        raise TaskError("incomplete")
    # PDFium raises an error for a picture that ends too early.
    picture.get_bitmap().close()
    return has_segments is not None


_UNKNOWN_LENGTH: Final = 0xFFFFFFFF
# Bytes of the shortest segment; a JBIG2 picture consists of segments.
_SHORTEST_SEGMENT: Final = 11


def _has_segments(data: bytes) -> bool | None:
    """Return whether all segments of a JBIG2 picture have the length in their headers; None if a header has none."""
    at = 0
    # A line break may follow the last segment.
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
        if length == _UNKNOWN_LENGTH:
            return None
        at += 4 + length
    return at <= len(data)
