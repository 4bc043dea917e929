"""Write some pages of a document to files of their own, such as those of one side of its sheets."""

from typing import Any

import pypdfium2

from .files import save_new
from .layout import Gathered, gather, import_pages
from .process import MAX_SOURCE_PAGES, TaskError


def split(request: dict[str, Any]) -> dict[str, Any]:
    """Write pages of `file` (see `gather`) to new PDF files, one for each of `parts`.

    A part has its `target` and its `pages`, numbers from 0 in the order of printing, None for a blank page as
    large as the last one. Pages that lie are stood up with `upright`, their left edges becoming the upper ones;
    those of a part that is `turned` are turned upside down. No file has more than `limit` bytes. The answer says
    whether the first page of all was one that `lies` and was stood up.
    """
    if sum(len(part["pages"]) for part in request["parts"]) > MAX_SOURCE_PAGES:
        raise TaskError("too_many_pages")
    gathered = gather([request["file"]])
    for part in request["parts"]:
        made = _made(gathered, part, upright=request["upright"])
        try:
            save_new(made, part["target"], request["limit"])
        finally:
            made.close()
    gathered.document.close()
    return {"lies": request["upright"] and gathered.sizes[0].is_landscape}


def _made(gathered: Gathered, part: dict[str, Any], *, upright: bool) -> Any:
    """Return a new document with the pages of a part."""
    document = pypdfium2.PdfDocument.new()
    # All at once, so that what pages share is there once.
    if numbers := [number for number in part["pages"] if number is not None]:
        import_pages(document, gathered.document, numbers)
    for place, number in enumerate(part["pages"]):
        if number is None:
            document.new_page(*gathered.sizes[-1], place).close()
        page = document[place]
        turns = 90 if upright and page.get_width() > page.get_height() else 0
        turns += 180 if part["turned"] else 0
        page.set_rotation((page.get_rotation() + turns) % 360)
        page.close()
    return document
