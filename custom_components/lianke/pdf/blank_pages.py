"""Decide whether a scanned page is blank.

A blank page may show specks of dust, punch holes, the shadow of an edge, and faint traces of the print on its other
side. When in doubt, a page is not blank: to keep a blank page is a nuisance, to lose a page is worse.
"""

from collections import Counter
from functools import reduce
import re
from typing import Any, Final, NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageStat

from .plan import MM_PER_INCH
from .scan_pages import read_page

# Pixels per mm of the picture that is examined.
_UNIT: Final = 4
# The tone of the paper at a place is the median tone of a square around it, of _TONE_FILTER x _TONE_FILTER cells with
# sides of _TONE_MM.
_TONE_MM: Final = 2
_TONE_FILTER: Final = 5
# Minimum difference (0 to 255) between the tone of the paper and that of something on it. Print that shows through from
# the other side of usual paper differs by less, a pale stamp or a hard pencil by more.
_LEAST_INK: Final = 20
# Within 1 mm of a mark, a difference of at most this fraction of the mark's own difference counts as a JPEG's ripple.
_RIPPLE: Final = 0.3
# Minimum tone of paper, and maximum difference between its tones away from the edges of the page.
_DARKEST_PAPER: Final = 120
_TONES: Final = 26
# Maximum median of all differences from the paper's tone: if it is more, something such as a photo covers most of the
# page.
_NOISE: Final = 8
# Maximum fraction of a blank page that specks, holes and other marks cover.
_COVERED: Final = 0.03
# Maximum size in mm of a speck, across and down; the smallest digit is higher.
_SPECK_MM: Final = 1.5
# Maximum number of specks in a square with sides of _SQUARE_MM: more are a dotted line, or traces of pale writing.
_CROWD: Final = 4
_SQUARE_MM: Final = 12
# Everything within _RIM_MM of an edge is ignored; a shadow that begins there is ignored up to _SHADOW_MM from the edge,
# and so is everything within _SOFT_MM of the shadow.
_RIM_MM: Final = 2
_SHADOW_MM: Final = 10
_SOFT_MM: Final = 2
# Minimum thickness in mm of a shadow; anything thinner is a line.
_THIN_MM: Final = 0.75
# In mm, the maximum thickness and minimum length of a line that counts as (part of) the edge of the paper, if it lies
# within _SHADOW_MM of an edge of the picture. A longer line may be thicker, since it may be askew.
_EDGES_MM: Final = ((0.75, 15), (2, 80))
# Punch holes, in mm: minimum and maximum size, maximum distance of the center from an edge, possible distances between
# two holes, and the tolerance. Then the maximum number of holes.
_HOLE_MM: Final = (3.5, 9.5)
_HOLE_FROM_EDGE_MM: Final = 20
_HOLES_APART_MM: Final = (70, 80, 108, 160, 216, 240)
_NEARLY_MM: Final = 1.5
_HOLES: Final = 8

_RUN: Final = re.compile(rb"\xff+")


class _Mark(NamedTuple):
    """The edges, in mm, of something on a page."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def sides(self) -> tuple[float, float]:
        return self.right - self.left, self.bottom - self.top

    @property
    def middle(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2


def is_blank_page(request: dict[str, Any]) -> dict[str, Any]:
    """Return whether a page is `blank`; the fields of the request are as for `scan_page`.

    The file `target` is not written, but temporary files are created in its folder.
    Raises TaskError: damaged, image_damaged, image_too_large.
    """
    picture, dpi = read_page({**request, "dpi": 2 * _UNIT * MM_PER_INCH}, "RGB")
    unit = _UNIT / (dpi / MM_PER_INCH)
    size = max(1, round(picture.width * unit)), max(1, round(picture.height * unit))
    return {"blank": _is_blank(picture.convert("RGB").resize(size, Image.Resampling.BOX))}


def _is_blank(page: Image.Image) -> bool:
    ink = _ink(page)
    if ink is None:
        return False
    ink = _without_shadows(ink)
    covered = ink.histogram()[255] / (page.width * page.height)
    return covered <= _COVERED and _are_harmless(
        _marks(ink), (page.width / _UNIT, page.height / _UNIT)
    )


def _ink(page: Image.Image) -> Image.Image | None:
    """Return a picture that is white where something is on the paper; None if the page is certainly not blank."""
    factor = _TONE_MM * _UNIT
    small = (max(1, page.width // factor), max(1, page.height // factor))
    tone = page.resize(small, Image.Resampling.BOX).filter(ImageFilter.MedianFilter(_TONE_FILTER))
    rim = min(_SHADOW_MM // _TONE_MM * 2, (min(small) - 1) // 2)
    extremes: Any = tone.crop((rim, rim, small[0] - rim, small[1] - rim)).getextrema()
    if any(most - least > _TONES or most < _DARKEST_PAPER for least, most in extremes):
        return None
    # In a wide shadow, the median tone is that of the shadow, so use no tone much darker than the whole page's median.
    darkest = tuple(max(0, middle - _TONES) for middle in ImageStat.Stat(tone).median)
    tone = ImageChops.lighter(tone, Image.new("RGB", small, darkest))
    paper = tone.resize(page.size, Image.Resampling.BILINEAR)
    off = reduce(ImageChops.lighter, ImageChops.difference(page, paper).split())
    counts, below, noise = off.histogram(), 0, 0
    while below + counts[noise] < page.width * page.height / 2:
        below, noise = below + counts[noise], noise + 1
    if noise > _NOISE:
        return None
    least = max(_LEAST_INK, 4 * noise)
    # A JPEG has ripples around dark marks.
    near = off.filter(ImageFilter.MaxFilter(5)).filter(ImageFilter.MaxFilter(5))
    ripples = near.point([max(least, round(_RIPPLE * value)) - 1 for value in range(256)])
    return ImageChops.subtract(off, ripples).point([0] + [255] * 255)


def _without_shadows(ink: Image.Image) -> Image.Image:
    """Remove the rim, and thick marks that extend from the rim into the page."""
    # At half the resolution: filters of the whole page would take a second and a half.
    fine = _UNIT // 2
    size = ink.width // 2, ink.height // 2
    rim = _RIM_MM * fine
    edge = Image.new("L", size, 255)
    ImageDraw.Draw(edge).rectangle((rim, rim, size[0] - rim - 1, size[1] - rim - 1), 0)
    thin = round(_THIN_MM * _UNIT)
    thick = ink.filter(ImageFilter.MinFilter(thin)).resize(size, Image.Resampling.BOX)
    thick = thick.point([0] + [255] * 255)
    for _ in range((_SHADOW_MM - _RIM_MM) * fine):
        edge = ImageChops.lighter(
            edge, ImageChops.darker(edge.filter(ImageFilter.MaxFilter(3)), thick)
        )
    # Also remove the soft rim of a shadow, and a JPEG's ripples there.
    for _ in range(_SOFT_MM * fine):
        edge = edge.filter(ImageFilter.MaxFilter(3))
    edge = edge.resize(ink.size, Image.Resampling.NEAREST)
    return ImageChops.subtract(ink, edge)


def _marks(ink: Image.Image) -> list[_Mark]:
    """Return the marks on a page; parts less than 0.5 mm apart belong to the same mark."""
    rows, width = ink.filter(ImageFilter.MaxFilter(3)).tobytes(), ink.width
    boxes: list[tuple[int, int, int, int]] = []
    # For each run of ink in a row, the number of another run of the same mark; one run of each mark has its own number.
    joined: list[int] = []

    def root_of(run: int) -> int:
        while joined[run] != run:
            joined[run] = run = joined[joined[run]]
        return run

    above: list[tuple[int, int, int]] = []
    for row in range(ink.height):
        here = []
        for found in _RUN.finditer(rows, row * width, (row + 1) * width):
            left, right = found.start() - row * width, found.end() - row * width
            joined.append(number := len(joined))
            boxes.append((left, row, right, row + 1))
            here.append((left, right, number))
            for start, end, other in above:
                if start <= right and left <= end and (one := root_of(other)) != number:
                    (a, b, c, d), (e, f, g, h) = boxes[one], boxes[number]
                    boxes[number] = min(a, e), min(b, f), max(c, g), max(d, h)
                    joined[one] = number
        above = here
    # Leave out the pixel that the filter has added on each side.
    return [
        _Mark((a + 1) / _UNIT, (b + 1) / _UNIT, (c - 1) / _UNIT, (d - 1) / _UNIT)
        for number, (a, b, c, d) in enumerate(boxes)
        if joined[number] == number
    ]


def _are_harmless(marks: list[_Mark], size: tuple[float, float]) -> bool:
    """Return whether all marks on a page of this size in mm are specks, the paper's edges or punch holes."""
    specks = [mark for mark in marks if max(mark.sides) <= _SPECK_MM]
    crowds = Counter(tuple(side // _SQUARE_MM for side in speck.middle) for speck in specks)
    others = [mark for mark in marks if max(mark.sides) > _SPECK_MM and not _is_edge(mark, size)]
    if len(others) > _HOLES or max(crowds.values(), default=0) > _CROWD:
        return False
    return all(any(_are_holes(one, other, size) for other in others) for one in others)


def _is_edge(mark: _Mark, size: tuple[float, float]) -> bool:
    return any(
        mark.sides[across] <= high
        and mark.sides[1 - across] >= long
        and min(mark[across + 2], size[across] - mark[across]) <= _SHADOW_MM
        for across in (0, 1)
        for high, long in _EDGES_MM
    )


def _are_holes(one: _Mark, other: _Mark, size: tuple[float, float]) -> bool:
    least, most = _HOLE_MM
    if not all(least <= max(mark.sides) <= most for mark in (one, other)):
        return False
    if not all(map(_is_near, one.sides, other.sides, strict=True)):
        return False
    return any(
        _is_near(one.middle[across], other.middle[across])
        and min(one.middle[across], size[across] - one.middle[across]) <= _HOLE_FROM_EDGE_MM
        and any(
            _is_near(abs(one.middle[1 - across] - other.middle[1 - across]), apart)
            for apart in _HOLES_APART_MM
        )
        for across in (0, 1)
    )


def _is_near(one: float, other: float) -> bool:
    return abs(one - other) <= _NEARLY_MM
