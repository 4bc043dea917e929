"""Count the pages of a PDF file, and open it with its password."""

import os
import re
from typing import Any, Final

import pypdfium2

from .failure import TaskError
from .files import opened, save, save_new

MAX_CHECKED: Final = 64 * 1024 * 1024
COUNT: Final = re.compile(rb"/Count ?([+-]?\d+)")


def count(request: dict[str, Any]) -> dict[str, Any]:
    """Count the pages of the file `path`, opened with `password`."""
    with opened(request["path"], request.get("password")) as document:
        return {"pages": count_pages(document, request["path"])}


def unlock(request: dict[str, Any]) -> dict[str, Any]:
    """Count the pages and write a copy without password, at most `limit` bytes, to `target`."""
    with opened(request["path"], request.get("password")) as document:
        save_new(document, request["target"], request["limit"])
        return {"pages": count_pages(document, request["path"])}


def count_pages(document: Any, path: str) -> int:
    """Return the number of pages of an open file, however few it claims to have.

    PDFium believes the page tree's /Count; other programs print the pages that are there. In a
    copy, in which no object is compressed, every /Count is overwritten, so that PDFium has to
    count the pages. That is left out for a file too large to be held in memory.
    Raises TaskError: damaged.
    """
    claimed = len(document)
    if os.path.getsize(path) > MAX_CHECKED:  # noqa: PTH202  # a process that starts fast
        return claimed
    copy = bytearray()
    save(document, copy.extend)
    for match in COUNT.finditer(copy):
        copy[match.start(1) : match.end(1)] = b"0" * len(match[1])
    try:
        counted = pypdfium2.PdfDocument(bytes(copy))
    except pypdfium2.PdfiumError:
        raise TaskError("damaged") from None
    try:
        # None means that there is no end to them.
        if not (found := len(counted)):
            raise TaskError("damaged")
        return max(claimed, found)
    finally:
        counted.close()
