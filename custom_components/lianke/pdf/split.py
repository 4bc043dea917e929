"""Split a document into the pages for the first and for the second sides of its sheets."""

from typing import Any

import pypdfium2

from .files import save_new
from .layout import Gathered, gather, import_pages
from .process import MAX_SOURCE_PAGES, TaskError

type Side = list[int | None]
"""Page numbers, from 0, in the order of printing; None is a blank page."""


def split(request: dict[str, Any]) -> dict[str, Any]:
    """Write the `fronts` and the `backs` of `file` (see `gather`), two new PDF files.

    Each has a page for every sheet of all `copies`, copy by copy, in the order of printing: backwards where
    `fronts_descending` or `backs_descending` is set. The back of a last page without one is blank. Pages
    that lie are stood up with `upright`, their left edges becoming the upper ones; backs are turned upside
    down with `turned`. Neither file has more than `limit` bytes.
    """
    gathered = gather([request["file"]])
    count = len(gathered.sizes)
    if 2 * ((count + 1) // 2) * request["copies"] > MAX_SOURCE_PAGES:
        raise TaskError("too_many_pages")
    lies = gathered.sizes[0].is_landscape
    fronts, backs = sides(
        count,
        request["copies"],
        fronts_descending=request["fronts_descending"],
        backs_descending=request["backs_descending"],
    )
    for pages, target, turned in (
        (fronts, request["fronts"], False),
        (backs, request["backs"], request["turned"]),
    ):
        made = _made(gathered, pages, upright=request["upright"], turned=turned)
        try:
            save_new(made, target, request["limit"])
        finally:
            made.close()
    gathered.document.close()
    return {"pages": count, "sheets": len(fronts), "lies": lies and request["upright"]}


def sides(
    count: int, copies: int, *, fronts_descending: bool, backs_descending: bool
) -> tuple[Side, Side]:
    """Return the pages for both sides of so many copies of a document, in the order of printing."""
    fronts: Side = [*range(0, count, 2)] * copies
    backs: Side = [number if number < count else None for number in range(1, count + 1, 2)] * copies
    if fronts_descending:
        fronts.reverse()
    if backs_descending:
        backs.reverse()
    return fronts, backs


def _made(gathered: Gathered, pages: Side, *, upright: bool, turned: bool) -> Any:
    """Return a new document with these pages."""
    document = pypdfium2.PdfDocument.new()
    # All at once, so that what pages share is there once.
    if numbers := [number for number in pages if number is not None]:
        import_pages(document, gathered.document, numbers)
    for place, number in enumerate(pages):
        if number is None:
            # As large as the page on the other side, the document's last.
            size = gathered.sizes[-1]
            document.new_page(*size, place).close()
        page = document[place]
        turns = 90 if upright and page.get_width() > page.get_height() else 0
        turns += 180 if turned else 0
        page.set_rotation((page.get_rotation() + turns) % 360)
        page.close()
    return document
