"""Layouts of pages: several on a sheet, booklets, invoices, posters."""

from collections.abc import Sequence
from itertools import batched
from typing import Final

from .geometry import Rect, Size, mm, scaled
from .plan import Grid, Item, Paper, Sheet, Slot, fitted

GAP: Final = mm(4)
# For each number of pages on a sheet, columns and rows of the grids to choose from.
GRIDS: Final = {
    2: ((1, 2), (2, 1)),
    4: ((2, 2),),
    6: ((2, 3), (3, 2)),
    9: ((3, 3),),
}


def plan_several(
    sizes: Sequence[Size],
    slots: Sequence[Slot],
    number: int,
    *,
    paper: Paper,
    landscape: bool | None,
    by_column: bool,
    frame: bool,
) -> list[Sheet]:
    """Lay out several pages on each sheet, in the grid in which the first page is largest.

    `landscape` None leaves it to the pages how the sheet lies.
    """
    choices = [
        (*paper.lying(lies), columns, rows)
        for lies in _ways(landscape)
        for columns, rows in GRIDS[number]
    ]
    size, area, columns, rows = max(choices, key=lambda choice: _factor(sizes[0], *choice[1:]))
    grid = Grid(area, columns, rows, GAP)
    places = grid.cells(by_column=by_column)
    sheets: list[Sheet] = []
    for some in batched(slots, number, strict=False):
        sheet = Sheet(size, grid=grid)
        for page, cell in zip(some, places, strict=False):
            if page is not None:
                sheet.items.append(fitted(page, sizes[page], cell))
        sheets.append(_framed(sheet, frame=frame))
    return sheets


def plan_booklet(sizes: Sequence[Size], *, paper: Paper, side: str, frame: bool) -> list[Sheet]:
    """Lay out a booklet: two pages on each side, to be folded in the middle.

    `side` is front, back or both, which then alternate.
    """
    size, area = paper.lying(landscape=True)
    # The fold gets what the edges have.
    grid = Grid(area, 2, 1, 2 * area.x)
    last = len(sizes) + -len(sizes) % 4 - 1
    sheets: list[Sheet] = []
    for number in range((last + 1) // 2):
        is_front = number % 2 == 0
        if side != "both" and (side == "front") != is_front:
            continue
        pair = (last - number, number) if is_front else (number, last - number)
        sheet = Sheet(size, grid=grid)
        for page, place in zip(pair, grid.cells(), strict=True):
            if page < len(sizes):
                sheet.items.append(fitted(page, sizes[page], place))
        sheets.append(_framed(sheet, frame=frame))
    return sheets


def plan_invoices(sizes: Sequence[Size], *, paper: Paper, frame: bool) -> list[Sheet]:
    """Lay out two vouchers of any size on each sheet, each filling its half, with a line to cut."""
    size, area = paper.lying(landscape=False)
    grid = Grid(area, 1, 2, 2 * area.y)
    middle = size.height / 2
    sheets: list[Sheet] = []
    for pages in batched(range(len(sizes)), 2, strict=False):
        sheet = Sheet(size, grid=grid, cuts=[(0, middle, size.width, middle)])
        for page, place in zip(pages, grid.cells(), strict=False):
            sheet.items.append(fitted(page, sizes[page], place, may_turn=True))
        sheets.append(_framed(sheet, frame=frame))
    return sheets


def plan_poster(
    sizes: Sequence[Size],
    *,
    columns: int,
    rows: int,
    paper: Paper,
    landscape: bool | None,
    frame: bool,
) -> list[Sheet]:
    """Spread each page over columns × rows sheets, row by row; only their margins stay free."""
    sheets: list[Sheet] = []
    for page, shape in enumerate(sizes):

        def grown(choice: tuple[Size, Rect], shape: Size = shape) -> Size:
            whole = Size(choice[1].width * columns, choice[1].height * rows)
            return scaled(shape, whole, "fit")

        choice = max((paper.lying(lies) for lies in _ways(landscape)), key=grown)
        size, area = choice
        large = grown(choice)
        left = (area.width * columns - large.width) / 2
        bottom = (area.height * rows - large.height) / 2
        for row in reversed(range(rows)):
            for column in range(columns):
                place = Rect(
                    area.x + left - column * area.width,
                    area.y + bottom - row * area.height,
                    *large,
                )
                sheet = Sheet(size, items=[Item(page, place)], window=area)
                sheet.frames = [area] if frame else []
                sheets.append(sheet)
    return sheets


def plan_single(sizes: Sequence[Size], slots: Sequence[Slot]) -> list[Sheet]:
    """Lay out each page on a sheet of its own size."""
    sheets: list[Sheet] = []
    size = sizes[0]
    for page in slots:
        if page is not None:
            size = sizes[page]
        items = [] if page is None else [Item(page, Rect(0, 0, *size))]
        sheets.append(Sheet(size, items=items))
    return sheets


def _ways(landscape: bool | None) -> tuple[bool, ...]:  # how a sheet may lie
    """Return how a sheet may lie: upright first, unless it is said."""
    return (False, True) if landscape is None else (landscape,)


def _factor(shape: Size, area: Rect, columns: int, rows: int) -> float:
    """Return by how much a page is made larger in a cell of a grid."""
    cell = Grid(area, columns, rows, GAP).cells()[0]
    return scaled(shape, cell.size, "fit").width / shape.width


def _framed(sheet: Sheet, *, frame: bool) -> Sheet:
    """Return the sheet with a frame around each page, if requested."""
    if frame:
        sheet.frames = [item.place for item in sheet.items]
    return sheet
