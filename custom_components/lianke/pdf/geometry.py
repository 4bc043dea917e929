"""Where things lie on paper; lengths in points (1/72 inch), y upwards from the bottom left corner."""

from typing import Final, NamedTuple

POINTS_PER_MM: Final = 72 / 25.4
CENTER: Final = 5


class Size(NamedTuple):
    """Width and height."""

    width: float
    height: float

    @property
    def turned(self) -> Size:
        """Return the size after a quarter turn."""
        return Size(self.height, self.width)

    @property
    def is_landscape(self) -> bool:
        """Return whether it is wider than high."""
        return self.width > self.height


class Rect(NamedTuple):
    """A rectangle by its lower left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def size(self) -> Size:
        """Return width and height."""
        return Size(self.width, self.height)


def mm(length: float) -> float:
    """Return a length in mm as points."""
    return length * POINTS_PER_MM


def scaled(size: Size, area: Size, scale: str) -> Size:
    """Return the size that something has in an area.

    `scale` is one of the service's words (fit, fitw, fith, fill, cover, none) or a percentage.
    """
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


def aligned(size: Size, area: Rect, align: int = CENTER) -> Rect:
    """Return where something of that size lies in an area.

    `align` is 1 to 9: rows from top left to bottom right.
    """
    row, column = divmod(align - 1, 3)
    x = area.x + (area.width - size.width) * column / 2
    y = area.y + (area.height - size.height) * (2 - row) / 2
    return Rect(x, y, size.width, size.height)
