"""Whether a PDF of a scan is there to its end: its last part, its pages, and the pictures on them."""

import time
from typing import Any, Final

import pypdfium2

from .files import count, opened
from .pictures import DECODER_ERRORS
from .process import TaskError
from .whole import MAX_DECODING, is_jpeg_sure

# Of one turn; a page that was begun is looked at to its end.
TURN_SECONDS: Final = 5.0
MAX_EMBEDDED: Final = 64 * 1024 * 1024
# Of a picture that is packed without being coded as one.
MAX_UNPACKED: Final = 128 * 1024 * 1024
_PACKED: Final = frozenset(
    {"FlateDecode", "LZWDecode", "RunLengthDecode", "ASCII85Decode", "ASCIIHexDecode"}
)


def check(request: dict[str, Any]) -> dict[str, Any]:
    """Look at the pages of the PDF `path` from number `start`, from 0, for as long as a turn lasts.

    The answer has `next`, the page to go on with, None after the last one, and says whether all were `sure`: what is
    too large to be decoded here is not. Reasons: incomplete, password, damaged.
    """
    path, start = request["path"], request["start"]
    if not start:
        count(request)
    until, is_sure = time.monotonic() + TURN_SECONDS, True
    with opened(path) as document:
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
    """Look at a picture on a page, in coding that can be looked at. Raises TaskError: incomplete."""
    raw = pypdfium2.raw
    filters = picture.get_filters()
    if filters[-1:] == ["DCTDecode"]:
        is_wrapped = len(filters) > 1
        size_of = (
            raw.FPDFImageObj_GetImageDataDecoded if is_wrapped else raw.FPDFImageObj_GetImageDataRaw
        )
        if size_of(picture, None, 0) > MAX_EMBEDDED:
            return False
        data = bytes(picture.get_data(decode_simple=is_wrapped))
        return is_jpeg_sure(data, MAX_DECODING - 2 * len(data))
    if _PACKED.issuperset(filters):
        head = picture.get_metadata()
        row = (head.width * head.bits_per_pixel + 7) // 8
        if row * head.height > MAX_UNPACKED:
            return False
        # Some writers count a row more than there is.
        if raw.FPDFImageObj_GetImageDataDecoded(picture, None, 0) < row * (head.height - 1):
            raise TaskError("incomplete")
    return True
