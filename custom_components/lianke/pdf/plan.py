"""What a sheet of paper is made of: pages and pictures in their places, lines around them."""

from dataclasses import dataclass, field
from typing import NamedTuple

from .geometry import Rect, Size, aligned, scaled

type Slot = int | None
"""The number of a page, from 0, or an empty place."""


class Item(NamedTuple):
    """A page in its place, turned by quarters, counter-clockwise."""

    page: int
    place: Rect
    turns: int = 0


class Grid(NamedTuple):
    """Equal cells in an area, with a gap between them."""

    area: Rect
    columns: int
    rows: int
    gap: float

    @property
    def pitch(self) -> Size:
        """Return how far it is from one cell to the next."""
        return Size(
            (self.area.width + self.gap) / self.columns, (self.area.height + self.gap) / self.rows
        )

    def cells(self, *, by_column: bool = False) -> list[Rect]:
        """Return the cells in reading order: by rows from the top left, or by columns."""
        across, up = self.pitch
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

    def cell_of(self, place: Rect) -> int:
        """Return the number of the cell, from 0 by rows, that something lies in."""
        if self.columns * self.rows == 1:
            return 0
        column = int((place.x + place.width / 2 - self.area.x) / self.pitch.width)
        row = int((place.y + place.height / 2 - self.area.y) / self.pitch.height)
        return (self.rows - 1 - row) * self.columns + column


@dataclass(slots=True)
class Sheet:
    """One side of a sheet of paper.

    Each item lies in a cell of `grid`; without one a single item lies anywhere. Nothing of them is seen
    outside of `window`. `frames` are drawn as thin lines, `cuts` as dashed ones from a point to another, and
    a watermark goes across each of `marked`, or across the sheet.
    """

    size: Size
    items: list[Item] = field(default_factory=list)
    grid: Grid | None = None
    window: Rect | None = None
    frames: list[Rect] = field(default_factory=list)
    cuts: list[tuple[float, float, float, float]] = field(default_factory=list)
    marked: list[Rect] = field(default_factory=list)


class Paper(NamedTuple):
    """A sheet of paper, and what stays free at its edges.

    `margin` is free at the left and right, and at the top and bottom, of the paper as it is defined;
    `stamped` more at the top and bottom of whatever way it lies.
    """

    size: Size
    margin: Size
    stamped: float = 0.0

    def lying(self, landscape: bool) -> tuple[Size, Rect]:  # how it lies
        """Return the size of the paper as it lies before the reader, and what may be printed on."""
        turned = self.size.is_landscape != landscape
        size = self.size.turned if turned else self.size
        across, up = self.margin.turned if turned else self.margin
        up += self.stamped
        return size, Rect(across, up, size.width - 2 * across, size.height - 2 * up)


def fitted(page: int, size: Size, cell: Rect, *, may_turn: bool = False) -> Item:
    """Return a page as large as it can be in the middle of a cell; turned only if it may be."""
    turns = int(may_turn and size.is_landscape != (cell.width > cell.height))
    shape = size.turned if turns else size
    return Item(page, aligned(scaled(shape, cell.size, "fit"), cell), turns)


def padded(starts: list[int], count: int, multiple: int) -> list[Slot]:
    """Return the pages with empty places, so that each document begins after a multiple of places.

    `starts` are the numbers of the documents' first pages.
    """
    slots: list[Slot] = []
    for page in range(count):
        if page in starts:
            slots += [None] * (-len(slots) % multiple)
        slots.append(page)
    return slots
