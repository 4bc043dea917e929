"""Place pages and pictures on sheets of paper, with frames and cutting lines, for each layout.

Lengths are in points (1/72 inch), y upwards from the bottom left corner.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import batched
from operator import itemgetter
from typing import Final, NamedTuple

from .process import MAX_SOURCE_PAGES, TaskError

MM_PER_INCH: Final = 25.4
POINTS_PER_MM: Final = 72 / MM_PER_INCH


class Size(NamedTuple):
    width: float
    height: float

    @property
    def turned(self) -> Size:
        return Size(self.height, self.width)

    @property
    def is_landscape(self) -> bool:
        return self.width > self.height


class Rect(NamedTuple):
    """A rectangle; x and y are those of its lower left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def size(self) -> Size:
        return Size(self.width, self.height)


def mm(length: float) -> float:
    return length * POINTS_PER_MM


def scaled(size: Size, area: Size, scale: str) -> Size:
    """Return the size that a page gets in an area; `scale` is fit, fitw, fith, fill, cover, none or a percentage."""
    across, down = area.width / size.width, area.height / size.height
    if scale == "fill":
        return area
    if scale.endswith("%"):
        factor = int(scale[:-1]) / 100
    else:
        factor = {"fitw": across, "fith": down, "cover": max(across, down), "none": 1.0}.get(
            scale, min(across, down)
        )
    return Size(size.width * factor, size.height * factor)


def aligned(size: Size, area: Rect, align: int = 5) -> Rect:
    """Place a page in an area; `align` counts from 1 (top left) to 9 (bottom right), row by row; 5 is the middle."""
    row, column = divmod(align - 1, 3)
    x = area.x + (area.width - size.width) * column / 2
    y = area.y + (area.height - size.height) * (2 - row) / 2
    return Rect(x, y, size.width, size.height)


# The number of a page, from 0; None for an empty place.
type Slot = int | None


class Item(NamedTuple):
    page: int
    place: Rect
    # Number of quarter turns, counterclockwise.
    turns: int = 0


class Grid(NamedTuple):
    """Equal cells in an area, with a gap between them."""

    area: Rect
    columns: int
    rows: int
    gap: float

    @property
    def cell_step(self) -> Size:
        """The distance from one cell to the next, across and up."""
        return Size(
            (self.area.width + self.gap) / self.columns, (self.area.height + self.gap) / self.rows
        )

    def cells(self, *, by_column: bool = False) -> list[Rect]:
        """Return the cells from the top left, row by row or column by column."""
        across, up = self.cell_step
        places = [(row, column) for row in range(self.rows) for column in range(self.columns)]
        if by_column:
            places.sort(key=lambda place: place[::-1])
        return [
            Rect(
                self.area.x + column * across,
                self.area.y + (self.rows - 1 - row) * up,
                across - self.gap,
                up - self.gap,
            )
            for row, column in places
        ]


@dataclass(slots=True)
class Sheet:
    """One side of a sheet of paper."""

    size: Size
    # Each item is in a cell of `grid`; on a sheet without a grid, a single item may be anywhere.
    items: list[Item] = field(default_factory=list)
    grid: Grid | None = None
    # The area in which the items are visible; None for the whole sheet.
    window: Rect | None = None
    # Rectangles that are drawn with thin lines.
    frames: list[Rect] = field(default_factory=list)
    # Dashed lines, each from one point (x, y) to another.
    cuts: list[tuple[float, float, float, float]] = field(default_factory=list)
    # Areas that get a watermark each; if there are none, one watermark goes across the sheet.
    marked: list[Rect] = field(default_factory=list)


class SheetPaper(NamedTuple):
    size: Size
    # Margins at the left and right, and at the top and bottom, of the paper before it is turned.
    margin: Size
    # Additional margin for stamps at the top and bottom of the paper as the reader sees it.
    stamped: float = 0.0

    def oriented(self, landscape: bool) -> tuple[Size, Rect]:
        """Return the size of the paper as the reader sees it, and the area that may be printed on."""
        turned = self.size.is_landscape != landscape
        size = self.size.turned if turned else self.size
        across, up = self.margin.turned if turned else self.margin
        up += self.stamped
        return size, Rect(across, up, size.width - 2 * across, size.height - 2 * up)


def check_room(area: Rect) -> None:
    """Raise TaskError: paper_too_small, if margins and gaps leave no room on the paper."""
    if min(area.size) <= 0:
        raise TaskError("paper_too_small")


def _sheet_of_cells(
    size: Size,
    grid: Grid,
    sizes: Sequence[Size],
    pages: Sequence[Slot],
    *,
    by_column: bool = False,
    may_turn: bool = False,
    upright: bool = False,
    frame: bool = False,
) -> Sheet:
    """Make a sheet with each page as large as its cell of the grid allows; pages are turned only if `may_turn`.

    If `upright`, pages are turned only where the cell is landscape, whatever their own shape.
    Raises TaskError: paper_too_small.
    """
    items: list[Item] = []
    for page, cell in zip(pages, grid.cells(by_column=by_column), strict=False):
        if page is not None:
            check_room(cell)
            is_landscape = sizes[page].is_landscape and not upright
            turns = int(may_turn and is_landscape != cell.size.is_landscape)
            shape = sizes[page].turned if turns else sizes[page]
            items.append(Item(page, aligned(scaled(shape, cell.size, "fit"), cell), turns))
    return Sheet(size, items=items, grid=grid, frames=[item.place for item in items if frame])


def padded(starts: list[int], count: int, multiple: int) -> list[Slot]:
    """Return the pages with empty places between them, so that each document begins at a multiple of `multiple`.

    `starts` are the first pages of the documents.
    """
    slots: list[Slot] = []
    for page in range(count):
        if page in starts:
            slots += [None] * (-len(slots) % multiple)
        slots.append(page)
    return slots


GAP: Final = mm(4)
# Columns and rows of the possible grids, by the number of pages on a sheet.
GRIDS: Final = {
    2: ((1, 2), (2, 1)),
    4: ((2, 2),),
    6: ((2, 3), (3, 2)),
    9: ((3, 3),),
}


def several(
    sizes: Sequence[Size],
    slots: Sequence[Slot],
    number: int,
    *,
    paper: SheetPaper,
    landscape: bool | None,
    by_column: bool,
    frame: bool,
) -> list[Sheet]:
    """Lay out several pages on each sheet, in the grid in which the first page is largest.

    If `landscape` is None, the orientation in which the first page is largest is chosen, too.
    """
    choices = [
        (*paper.oriented(is_landscape), columns, rows)
        for is_landscape in _orientations(landscape)
        for columns, rows in GRIDS[number]
    ]
    size, area, columns, rows = max(choices, key=lambda choice: _enlargement(sizes[0], *choice[1:]))
    grid = Grid(area, columns, rows, GAP)
    return [
        _sheet_of_cells(size, grid, sizes, some, by_column=by_column, frame=frame)
        for some in batched(slots, number, strict=False)
    ]


def booklet(sizes: Sequence[Size], *, paper: SheetPaper, side: str, frame: bool) -> Iterator[Sheet]:
    """Lay out a booklet: two pages on each side of the sheets, which are folded in the middle.

    `side` is front, back or both; with both, fronts and backs alternate.
    """
    size, area = paper.oriented(landscape=True)
    # At the fold, each page gets the same margin as at an edge of the paper.
    grid = Grid(area, 2, 1, 2 * area.x)
    last = len(sizes) + -len(sizes) % 4 - 1
    for number in range((last + 1) // 2):
        is_front = number % 2 == 0
        if side != "both" and (side == "front") != is_front:
            continue
        pair = (last - number, number) if is_front else (number, last - number)
        pages = [page if page < len(sizes) else None for page in pair]
        yield _sheet_of_cells(size, grid, sizes, pages, frame=frame)


def invoices(sizes: Sequence[Size], *, paper: SheetPaper, frame: bool) -> Iterator[Sheet]:
    """Lay out two vouchers on each sheet, each as large as half the sheet allows, with a cutting line between them."""
    size, area = paper.oriented(landscape=False)
    grid = Grid(area, 1, 2, 2 * area.y)
    middle = size.height / 2
    for pages in batched(range(len(sizes)), 2, strict=False):
        sheet = _sheet_of_cells(size, grid, sizes, pages, may_turn=True, frame=frame)
        sheet.cuts.append((0, middle, size.width, middle))
        yield sheet


def poster(
    sizes: Sequence[Size],
    *,
    columns: int,
    rows: int,
    paper: SheetPaper,
    landscape: bool | None,
    frame: bool,
) -> Iterator[Sheet]:
    """Spread each page over columns × rows sheets, row by row; only the margins of the sheets stay blank.

    All sheets have the orientation that is best for the first page, since a job can have only one orientation.
    """
    ways = _orientations(landscape)
    for page, shape in enumerate(sizes):
        choices: list[tuple[Size, Size, Rect]] = []
        for is_landscape in ways:
            size, area = paper.oriented(is_landscape)
            whole = Size(area.width * columns, area.height * rows)
            choices.append((scaled(shape, whole, "fit"), size, area))
        large, size, area = max(choices, key=itemgetter(0))
        ways = (size.is_landscape,)
        check_room(area)
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
                yield sheet


def single(sizes: Sequence[Size], slots: Sequence[Slot]) -> Iterator[Sheet]:
    """Lay out each page on a sheet of its own size."""
    size = sizes[0]
    for page in slots:
        if page is not None:
            size = sizes[page]
        items = [] if page is None else [Item(page, Rect(0, 0, *size))]
        yield Sheet(size, items=items)


def _orientations(landscape: bool | None) -> tuple[bool, ...]:  # the values of is_landscape to try
    return (False, True) if landscape is None else (landscape,)


def _enlargement(shape: Size, area: Rect, columns: int, rows: int) -> float:
    """Return the factor by which a page is enlarged in a cell of a grid."""
    cell = Grid(area, columns, rows, GAP).cells()[0]
    return scaled(shape, cell.size, "fit").width / shape.width


# ISO/IEC 7810 ID-1, the size of ID and bank cards.
CARD: Final = Size(mm(85.6), mm(54))
CARD_GAP: Final = mm(20)
PHOTO_GAP: Final = mm(3)
# Maximum difference, in points, between the sides of a photo and of the paper at which the photo fills the paper.
SAME_SIZE: Final = mm(2)
# Maximum number of copies when a sheet is filled with one photo; nobody cuts out more.
FULL: Final = 100


def cards(sizes: Sequence[Size], *, paper: SheetPaper, frame: bool) -> Iterator[Sheet]:
    """Lay out both sides of a card, one below the other, in the middle of a sheet and in true size.

    Raises TaskError: paper_too_small.
    """
    size, _ = paper.oriented(landscape=False)
    block = Size(CARD.width, CARD.height * 2 + CARD_GAP)
    if block.width > size.width or block.height > size.height:
        raise TaskError("paper_too_small")
    grid = Grid(aligned(block, Rect(0, 0, *size)), 1, 2, CARD_GAP)
    for pages in batched(range(len(sizes)), 2, strict=False):
        sheet = _sheet_of_cells(size, grid, sizes, pages, may_turn=True)
        sheet.marked = grid.cells()[: len(pages)]
        sheet.frames = list(sheet.marked) if frame else []
        yield sheet


def photo_shape(photo: Size | None, paper: SheetPaper) -> Size:
    """Return the size of a photo, turned to portrait; None stands for a photo as large as the area within the margins.

    Raises TaskError: paper_too_small.
    """
    area = paper.oriented(landscape=False)[1]
    if photo is None:
        check_room(area)
    wanted = area.size if photo is None else photo
    return wanted.turned if wanted.is_landscape else wanted


def photos(
    sizes: Sequence[Size],
    *,
    photo: Size | None,
    count: int,
    upright: bool,
    paper: SheetPaper,
    frame: bool,
) -> Iterator[Sheet]:
    """Lay out `count` copies of each photo, as many on a sheet as fit; 0 means as many copies as fill a sheet.

    If `photo` is None, each photo is as large as the paper within its margins. If `upright`, photos are not turned, and
    sheets are landscape if more photos fit on landscape sheets. Raises TaskError: paper_too_small, too_many_pages.
    """
    size, area = paper.oriented(landscape=False)
    shape = photo_shape(photo, paper)
    off = max(abs(shape.width - size.width), abs(shape.height - size.height))
    if photo is None or off <= SAME_SIZE:
        grid = Grid(aligned(shape, Rect(0, 0, *size)), 1, 1, 0.0)
    else:
        # Upright photos are not turned on a portrait sheet; a landscape sheet is tried instead.
        ways = [(*paper.oriented(landscape), shape) for landscape in (False, True)]
        ways = ways if upright else [(size, area, shape), (size, area, shape.turned)]
        choices = [(sheet, _grid(room, turned)) for sheet, room, turned in ways]
        size, grid = max(choices, key=lambda choice: choice[1].columns * choice[1].rows)
    if not grid.columns:
        raise TaskError("paper_too_small")
    places = grid.cells()[: None if count else FULL]
    pages = [page for page in range(len(sizes)) for _ in range(count or len(places))]
    if len(pages) > MAX_SOURCE_PAGES:
        raise TaskError("too_many_pages")
    for some in batched(pages, len(places), strict=False):
        sheet = _sheet_of_cells(size, grid, sizes, some, may_turn=True, upright=upright)
        sheet.frames = places[: len(some)] if frame else []
        yield sheet


def _grid(area: Rect, shape: Size) -> Grid:
    """Return a centered grid of as many cells of this shape as fit into an area; 0 columns if no cell fits."""
    # The 0.01 keeps a rounding error from losing a column or row.
    columns = int((area.width + PHOTO_GAP + 0.01) / (shape.width + PHOTO_GAP))
    rows = int((area.height + PHOTO_GAP + 0.01) / (shape.height + PHOTO_GAP))
    if columns < 1 or rows < 1:
        return Grid(area, 0, 0, PHOTO_GAP)
    block = Size(
        columns * (shape.width + PHOTO_GAP) - PHOTO_GAP,
        rows * (shape.height + PHOTO_GAP) - PHOTO_GAP,
    )
    return Grid(aligned(block, area), columns, rows, PHOTO_GAP)
