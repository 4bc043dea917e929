"""Whether a PDF of a scan is there to its end: its last part, its pages, and the JPEG pictures on them."""

from collections.abc import Iterator
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
            for data in _embedded(page):
                try:
                    is_sure &= data is not None and is_jpeg_sure(data, MAX_DECODING - 2 * len(data))
                except DECODER_ERRORS:
                    raise TaskError("incomplete") from None
            page.close()
            if not is_sure:
                break
    return {"sure": is_sure, "next": None}


def _embedded(page: Any) -> Iterator[bytes | None]:
    """Yield the JPEG pictures on a page, None for one that is too large."""
    raw = pypdfium2.raw
    for found in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3):
        filters = found.get_filters()
        if filters[-1:] == ["DCTDecode"]:
            is_wrapped = len(filters) > 1
            size_of = (
                raw.FPDFImageObj_GetImageDataDecoded
                if is_wrapped
                else raw.FPDFImageObj_GetImageDataRaw
            )
            is_small = size_of(found, None, 0) <= MAX_EMBEDDED
            yield bytes(found.get_data(decode_simple=is_wrapped)) if is_small else None
