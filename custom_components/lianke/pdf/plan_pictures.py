"""Layouts of pictures in their true size: ID cards and photos."""

from collections.abc import Sequence
from itertools import batched
from typing import Final

from .failure import TaskError
from .geometry import Rect, Size, aligned, mm
from .plan import Grid, Paper, Sheet, fitted

# ISO/IEC 7810 ID-1, which ID and bank cards have.
CARD: Final = Size(mm(85.6), mm(54))
CARD_GAP: Final = mm(20)
PHOTO_GAP: Final = mm(3)
# A paper of a photo's own size is filled by it.
SAME_SIZE: Final = mm(2)


def plan_cards(sizes: Sequence[Size], *, paper: Paper, frame: bool) -> list[Sheet]:
    """Lay out both sides of a card below each other in the middle of a sheet, in true size.

    Raises TaskError: paper_too_small.
    """
    size, _ = paper.lying(landscape=False)
    block = Size(CARD.width, CARD.height * 2 + CARD_GAP)
    if block.width > size.width or block.height > size.height:
        raise TaskError("paper_too_small")
    grid = Grid(aligned(block, Rect(0, 0, *size)), 1, 2, CARD_GAP)
    sheets: list[Sheet] = []
    for pages in batched(range(len(sizes)), 2, strict=False):
        sheet = Sheet(size, grid=grid)
        for page, place in zip(pages, grid.cells(), strict=False):
            sheet.items.append(fitted(page, sizes[page], place, may_turn=True))
            sheet.marked.append(place)
        sheet.frames = list(sheet.marked) if frame else []
        sheets.append(sheet)
    return sheets


def photo_shape(photo: Size | None, paper: Paper) -> Size:
    """Return the upright size of a photo: its own, or None for what the margins leave of the paper."""
    wanted = paper.lying(landscape=False)[1].size if photo is None else photo
    return wanted.turned if wanted.is_landscape else wanted


def plan_photos(
    sizes: Sequence[Size],
    *,
    photo: Size | None,
    count: int,
    paper: Paper,
    frame: bool,
) -> list[Sheet]:
    """Lay out each photo `count` times, as many on a sheet as have room.

    `photo` None makes each as large as the paper. Raises TaskError: paper_too_small.
    """
    size, area = paper.lying(landscape=False)
    shape = photo_shape(photo, paper)
    if photo is None or _is_same(shape, size):
        grid = Grid(aligned(shape, Rect(0, 0, *size)), 1, 1, 0.0)
    else:
        grids = (_grid(area, lying) for lying in (shape, shape.turned))
        grid = max(grids, key=lambda grid: grid.columns * grid.rows)
    if not grid.columns:
        raise TaskError("paper_too_small")
    places = grid.cells()
    sheets: list[Sheet] = []
    pages = [page for page in range(len(sizes)) for _ in range(count)]
    for some in batched(pages, len(places), strict=False):
        sheet = Sheet(size, grid=grid)
        for page, place in zip(some, places, strict=False):
            sheet.items.append(fitted(page, sizes[page], place, may_turn=True))
            if frame:
                sheet.frames.append(place)
        sheets.append(sheet)
    return sheets


def _is_same(size: Size, paper: Size) -> bool:
    return (
        abs(size.width - paper.width) <= SAME_SIZE and abs(size.height - paper.height) <= SAME_SIZE
    )


def _grid(area: Rect, shape: Size) -> Grid:
    """Return as many cells of this shape as an area has room for, in its middle."""
    # What a length loses in reckoning must not cost a place.
    columns = int((area.width + PHOTO_GAP + 0.01) / (shape.width + PHOTO_GAP))
    rows = int((area.height + PHOTO_GAP + 0.01) / (shape.height + PHOTO_GAP))
    if columns < 1 or rows < 1:
        return Grid(area, 0, 0, PHOTO_GAP)
    block = Size(
        columns * (shape.width + PHOTO_GAP) - PHOTO_GAP,
        rows * (shape.height + PHOTO_GAP) - PHOTO_GAP,
    )
    return Grid(aligned(block, area), columns, rows, PHOTO_GAP)
