"""Lay out documents on sheets of paper."""

from collections.abc import Sequence
from typing import Any, Final

from .crop import Crop
from .failure import TaskError
from .files import save_new
from .gather import Gathered, gather
from .geometry import Rect, Size, mm
from .impose import impose
from .lettering import lettering
from .marks import STAMP_ROOM, Stamps, draw_lines, draw_watermark
from .plan import Paper, Sheet, padded
from .plan_pages import plan_booklet, plan_invoices, plan_poster, plan_several, plan_single
from .plan_pictures import CARD, photo_shape, plan_cards, plan_photos
from .process import MAX_SOURCE_PAGES

SEVERAL: Final = {"2_up": 2, "4_up": 4, "6_up": 6, "9_up": 9}


def lay_out(request: dict[str, Any]) -> dict[str, Any]:
    """Lay out the pages of `files` (see `gather`) on sheets, a PDF of at most `limit` bytes.

    Written to the new file `target`. Lengths are in mm. `paper` and `margin` are pairs, `sheet` is
    the layout: one of SEVERAL, booklet, invoices, id_card, photos, poster, or None for sheets of
    the pages' own sizes. `landscape`, `by_column`, `frame`, `side`, `columns` and `rows`, `photo`,
    `fill`, `upright` and `count` belong to the layouts. Each file begins on a new sheet (of paper, where
    `two_sided`) with `new_sheet`. `watermark` with `opacity`, `date` and `numbers` go on each sheet.
    """
    stamped = bool(request["date"] or request["numbers"])
    paper = Paper(
        Size(*map(mm, request["paper"])),
        Size(*map(mm, request["margin"])),
        STAMP_ROOM if stamped else 0.0,
    )
    gathered = gather(request["files"], _crop(request, paper))
    sheets = _plan(gathered, request, paper)
    letters = None
    if request["watermark"]:
        letters = lettering(request["watermark"], tuple(request["fonts"]))
    stamps: Stamps | None = None

    def finish(document: Any, page: Any, sheet: Sheet, number: int) -> None:
        nonlocal stamps
        draw_lines(page, sheet)
        if letters is not None:
            for area in sheet.marked or [Rect(0, 0, *sheet.size)]:
                draw_watermark(page, area, letters, request["opacity"])
        if stamped:
            if stamps is None:
                of = len(sheets) if request["numbers"] else None
                stamps = Stamps(document, date=request["date"], of=of)
            stamps.draw(page, sheet.size, number)

    document = impose(gathered, sheets, finish)
    if stamps is not None:
        stamps.close()
    try:
        save_new(document, request["target"], request["limit"])
    finally:
        document.close()
    return {"pages": len(sheets), "landscape": sheets[0].size.is_landscape}


def _crop(request: dict[str, Any], paper: Paper) -> Crop | None:
    """Return what pictures are cropped to."""
    if request["sheet"] == "id_card":
        return Crop(CARD, turns=True)
    if request["sheet"] == "photos" and request["fill"]:
        return Crop(photo_shape(_photo(request), paper), turns=not request["upright"])
    return None


def _photo(request: dict[str, Any]) -> Size | None:
    return None if request["photo"] is None else Size(*map(mm, request["photo"]))


def _plan(gathered: Gathered, request: dict[str, Any], paper: Paper) -> Sequence[Sheet]:
    sizes = gathered.sizes
    if not sizes:
        raise TaskError("damaged")
    sheet, frame = request["sheet"], request["frame"]
    repeated = {"photos": request["count"], "poster": request["columns"] * request["rows"]}
    if len(sizes) * repeated.get(sheet, 1) > MAX_SOURCE_PAGES:
        raise TaskError("too_many_pages")
    number = SEVERAL.get(sheet, 1)
    places = number * (2 if request["two_sided"] else 1)
    starts = gathered.starts if request["new_sheet"] else []
    slots = padded(starts, len(sizes), places)
    if sheet in SEVERAL:
        return plan_several(
            sizes,
            slots,
            number,
            paper=paper,
            landscape=request["landscape"],
            by_column=request["by_column"],
            frame=frame,
        )
    if sheet == "booklet":
        return plan_booklet(sizes, paper=paper, side=request["side"], frame=frame)
    if sheet == "invoices":
        return plan_invoices(sizes, paper=paper, frame=frame)
    if sheet == "id_card":
        return plan_cards(sizes, paper=paper, frame=frame)
    if sheet == "photos":
        return plan_photos(
            sizes,
            photo=_photo(request),
            count=request["count"],
            paper=paper,
            frame=frame,
        )
    if sheet == "poster":
        return plan_poster(
            sizes,
            columns=request["columns"],
            rows=request["rows"],
            paper=paper,
            landscape=request["landscape"],
            frame=frame,
        )
    return plan_single(sizes, slots)
