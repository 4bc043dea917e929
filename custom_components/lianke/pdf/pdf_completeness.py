"""Check that a PDF of a scan is complete: its last part, its pages, and the pictures on them."""

from io import BytesIO
import time
from typing import Any, Final

from PIL import Image, features
import pypdfium2

from . import streams
from .pdf_files import count, opened
from .picture_completeness import MAX_DECODING_BYTES, is_jpeg_sure
from .pictures import DECODER_ERRORS
from .process import WORKER_TURN_SECONDS, TaskError

# Bytes of a picture in a coding for pictures.
MAX_EMBEDDED: Final = 64 * 1024 * 1024
_JPX_SAMPLE_BYTES: Final = 8
_CODINGS: Final = frozenset({"DCTDecode", "JPXDecode", "JBIG2Decode"})
_ASCII: Final = frozenset({"ASCII85Decode", "ASCIIHexDecode"})
_PACKED: Final = _ASCII | {"FlateDecode", "LZWDecode", "RunLengthDecode"}


def check_pdf(request: dict[str, Any]) -> dict[str, Any]:
    """Check the streams and pages of the PDF `path` from `start`, at first 0, for as long as a turn lasts.

    The answer's `next` is where to go on: above 0 a page, below 0 a place among the streams, None at the end. `sure` is
    false for what is too large to decode, or in an unknown coding. Raises TaskError: incomplete, password, damaged.
    """
    path, start = request["path"], request["start"]
    if not start:
        count(request)
    until, is_sure = time.monotonic() + WORKER_TURN_SECONDS, True
    with opened(path) as document:
        # Only PDFium can unlock a file here, and it does not report what is missing.
        if pypdfium2.raw.FPDF_GetSecurityHandlerRevision(document) >= 0:
            return {"sure": False, "next": None}
        if start <= 0:
            is_sure, place = streams.check_streams(path, -start, until)
            if not is_sure or place:
                return {"sure": is_sure, "next": -place if place else None}
            start = 0
        for number in range(start, len(document)):
            if number > start and time.monotonic() > until:
                return {"sure": True, "next": number}
            try:
                page = document[number]
            except pypdfium2.PdfiumError:
                raise TaskError("incomplete") from None
            for found in page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE], max_depth=3):
                try:
                    is_sure &= _is_sure(found)
                except DECODER_ERRORS:
                    raise TaskError("incomplete") from None
            page.close()
            if not is_sure:
                break
    return {"sure": is_sure, "next": None}


def _is_sure(picture: Any) -> bool:
    """Check a picture on a page; False for codings that cannot be checked. Raises TaskError: incomplete, and others."""
    filters = picture.get_filters()
    if filters == ["CCITTFaxDecode"]:
        # `check_streams` has checked it.
        return True
    coding = filters.pop() if filters and filters[-1] in _CODINGS else None
    if not _PACKED.issuperset(filters):
        return False
    if coding is None:
        return _is_packed_whole(picture, filters)
    raw = pypdfium2.raw
    if raw.FPDFImageObj_GetImageDataRaw(picture, None, 0) > MAX_EMBEDDED:
        return False
    data = streams.unpacked(bytes(picture.get_data()), filters)
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
    """Check that a compressed picture has all rows. Raises TaskError: incomplete."""
    head = picture.get_metadata()
    row = (head.width * head.bits_per_pixel + 7) // 8
    if row * head.height > streams.MAX_UNPACKED_STREAMS:
        return False
    # PDFium reports pixels as it shows them, those of 2 or 4 bits as 8. So where there is a checksum, that must do.
    if "FlateDecode" not in filters and (
        pypdfium2.raw.FPDFImageObj_GetImageDataDecoded(picture, None, 0) < row * head.height
    ):
        raise TaskError("incomplete")
    # `check_streams` has verified the checksum, unless the data is coded in letters.
    return (
        _ASCII.isdisjoint(filters)
        or not (_ASCII | {"FlateDecode"}).issuperset(filters)
        or streams.unpacked(bytes(picture.get_data()), filters) is not None
    )


def _is_jpx_sure(data: bytes) -> bool:
    if not features.check("jpg_2000"):
        return False
    try:
        picture = Image.open(BytesIO(data), formats=("JPEG2000",))
    except DECODER_ERRORS:
        # A kind of JPEG 2000 that only other programs know.
        return False
    with picture:
        samples = picture.width * picture.height * len(picture.getbands())
        if samples * _JPX_SAMPLE_BYTES > MAX_DECODING_BYTES:
            return False
        picture.load()
    return True


def _is_jbig2_sure(picture: Any, data: bytes) -> bool:
    head = picture.get_metadata()
    if head.width * head.height > streams.MAX_UNPACKED_STREAMS:
        return False
    has_segments = streams.has_segments(data)
    if has_segments is False:
        raise TaskError("incomplete")
    # PDFium raises for a picture that ends too early.
    picture.get_bitmap().close()
    return has_segments is not None
