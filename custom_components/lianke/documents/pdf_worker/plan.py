"""What a sheet of paper is made of: pages and pictures in their places, lines around them."""

from dataclasses import dataclass, field
from typing import NamedTuple

from .geometry import Rect, Size, aligned, scaled

type Matrix = tuple[float, float, float, float, float, float]
type Slot = int | None
"""The number of a page, from 0, or an empty place."""


class Item(NamedTuple):
    """A page in its place, turned by quarters, counter-clockwise."""

    page: int
    place: Rect
    turns: int = 0

    def matrix(self, size: Size) -> Matrix:
        """Return the matrix that brings a page of this size into its place."""
        x, y, width, height = self.place
        if self.turns % 2:
            across, up = width / size.height, height / size.width
            if self.turns == 1:
                return (0, up, -across, 0, x + width, y)
            return (0, -up, across, 0, x, y + height)
        across, up = width / size.width, height / size.height
        if self.turns == 2:
            return (-across, 0, 0, -up, x + width, y + height)
        return (across, 0, 0, up, x, y)


@dataclass(slots=True)
class Sheet:
    """One side of a sheet of paper.

    `frames` are drawn as thin lines, `cuts` as dashed ones from a point to another, `covers` hide
    what lies below them, and a watermark goes across each of `marked`, or across the sheet.
    """

    size: Size
    items: list[Item] = field(default_factory=list)
    frames: list[Rect] = field(default_factory=list)
    cuts: list[tuple[float, float, float, float]] = field(default_factory=list)
    covers: list[Rect] = field(default_factory=list)
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


def cells(
    area: Rect, columns: int, rows: int, gap: float, *, by_column: bool = False
) -> list[Rect]:
    """Return the cells of a grid in reading order: by rows from the top left, or by columns."""
    width = (area.width - gap * (columns - 1)) / columns
    height = (area.height - gap * (rows - 1)) / rows
    places = [(row, column) for row in range(rows) for column in range(columns)]
    if by_column:
        places.sort(key=lambda place: place[::-1])
    return [
        Rect(
            area.x + column * (width + gap),
            area.y + (rows - 1 - row) * (height + gap),
            width,
            height,
        )
        for row, column in places
    ]


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
