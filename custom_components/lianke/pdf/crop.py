"""Crop pictures: their middle to a shape, or what somebody has chosen by hand."""

from typing import Any, NamedTuple

from PIL import Image

from .geometry import Rect, Size

# A part that differs from the shape by no more than this, as a photo taken from a little aside
# does, is stretched to it; of any other the middle is kept.
STRETCHED = 0.1


class Crop(NamedTuple):
    """The shape that pictures are cropped to; it lies or stands as each of them if it `turns`."""

    shape: Size
    turns: bool


class Cut(NamedTuple):
    """The part of a picture that was chosen by hand.

    The picture is turned clockwise first, by degrees, in a frame that holds all of it; the edges are
    parts of that frame's width and height.
    """

    left: float
    top: float
    right: float
    bottom: float
    turn: float

    def apply(self, picture: Image.Image, size: Size) -> tuple[Image.Image, Size]:
        """Return the part of a picture, and the size it has in points."""
        turned = self._turned(picture)
        # What a length of a pixel is stays the same.
        unit = size.width / picture.width, size.height / picture.height
        if picture.size == turned.size[::-1] and picture.size != turned.size:
            unit = unit[::-1]
        box = _box(
            turned,
            (self.left * turned.width, self.top * turned.height),
            (self.right * turned.width, self.bottom * turned.height),
        )
        part = turned.crop(box)
        return part, Size(part.width * unit[0], part.height * unit[1])

    def _turned(self, picture: Image.Image) -> Image.Image:
        quarters: dict[float, Image.Transpose] = {
            90: Image.Transpose.ROTATE_270,
            180: Image.Transpose.ROTATE_180,
            270: Image.Transpose.ROTATE_90,
        }
        turn = self.turn % 360
        if turn == 0:
            return picture
        if turn in quarters:
            return picture.transpose(quarters[turn])
        white: Any = 255 if picture.mode == "L" else (255, 255, 255)
        return picture.rotate(-turn, Image.Resampling.BICUBIC, expand=True, fillcolor=white)


def cropped(
    picture: Image.Image, size: Size, crop: Crop, *, by_hand: bool = False
) -> tuple[Image.Image, Size]:
    """Return a picture in another shape: its middle, or all of it where little is amiss `by_hand`."""
    shape = crop.shape
    if crop.turns and size.is_landscape != shape.is_landscape:
        shape = shape.turned
    factor = min(size.width / shape.width, size.height / shape.height)
    wanted = Size(shape.width * factor, shape.height * factor)
    kept = Rect(0, 0, wanted.width / size.width, wanted.height / size.height)
    if by_hand and min(kept.size) >= 1 - STRETCHED:
        return picture, wanted
    left, top = (1 - kept.width) / 2 * picture.width, (1 - kept.height) / 2 * picture.height
    box = _box(picture, (left, top), (picture.width - left, picture.height - top))
    return picture.crop(box), wanted


def _box(
    picture: Image.Image, first: tuple[float, float], last: tuple[float, float]
) -> tuple[int, int, int, int]:
    """Return a box of at least one pixel that lies within a picture."""
    left = min(round(first[0]), picture.width - 1)
    top = min(round(first[1]), picture.height - 1)
    return left, top, max(left + 1, round(last[0])), max(top + 1, round(last[1]))
