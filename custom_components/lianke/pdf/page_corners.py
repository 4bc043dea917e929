"""Find the four corners of a page in a photo, or say that there is none.

Lines are found by a Hough transform in which each edge votes only for lines of its own direction (F. O'Gorman and
M. B. Clowes, "Finding picture edges through collinearity of feature points", 1976). Four lines are a page if each side
looks like the edge of paper: there are edge pixels all along it, the color inside is even and differs from the color
outside, and the edge ends at the corners. The perspective is removed by mapping a square to a quadrilateral
(P. Heckbert, "Fundamentals of texture mapping and image warping", 1989).
"""

from collections.abc import Iterator, Sequence
from functools import cache, reduce
from itertools import accumulate, combinations, pairwise
import math
from typing import Final, NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageStat

# x and y of four points: top left, top right, bottom right, bottom left of the page as one reads it.
type Corners = Sequence[Sequence[float]]

# Colors and differences of colors are from 0 to 255. Angles are given by their sine or cosine, which is what is
# compared.

# Pixels along the longer side of the picture in which we search: small enough that letters almost vanish, and that the
# search takes about a second.
FIND_SIDE: Final = 400
# Dark details narrower than this many pixels are letters and lines of tables, not edges of a page.
_INK: Final = 5
# Maximum fraction of the pixels that count as edges: those that differ most from their neighbors.
_EDGES: Final = 0.08
# Minimum difference of colors at an edge.
_LEAST_STEP: Final = 4
# I. Sobel's kernels for the differences across and down, and the divisor that makes strong differences fit into a byte.
_SLOPES: Final = ((-1, 0, 1, -2, 0, 2, -1, 0, 1), (-1, -2, -1, 0, 0, 0, 1, 2, 1))
_SOBEL: Final = 5

# Number of directions that a line can have in the Hough transform, and pixels between its parallel lines.
_TURNS: Final = 120
_STEP: Final = 3.0
# An edge votes for its own direction and for this many directions on each side of it.
_SPREAD: Final = 2
# Maximum number of lines that are considered: those with most votes.
_LINES_TRIED: Final = 56
# Two lines count as one if both the angle between them (as a sine) and their distance (in pixels) are below these: when
# they are chosen by their votes, and again after they were fitted to the edges.
_APART: Final = (math.sin(math.radians(3.5)), 4.0)
_FITTED_APART: Final = (0.02, 2.0)
# An edge belongs to a line if it is no farther away than this many pixels, and the cosine of the angle between their
# directions is at least this.
_NEAR: Final = 2.5
_ALIKE: Final = math.cos(math.radians(20))

# In a photo taken at an angle, a side may lean by at most 46 degrees, and a corner has at least 50.
_UPRIGHT: Final = math.cos(math.radians(46))
_SQUARE: Final = math.sin(math.radians(50))
# How far outside the picture a corner may be, as a fraction of the picture's width and height.
_BEYOND: Final = 0.02
# Minimum fraction of the picture that a page covers: for a candidate, and for the result.
_LEAST_AREA: Final = 0.07
_LEAST_PAGE: Final = 0.12
# Minimum fraction of a side along which there are edges: for each side, and as the average of all four. Hands, or the
# white checks of a tablecloth, may hide the rest.
_LEAST_SEEN_EACH: Final = 0.45
_LEAST_SEEN: Final = 0.65
# If two opposite sides deviate from the picture's own sides by less than this angle (as a sine), they are part of a
# drawing or screenshot: nobody holds a camera that straight.
_DRAWN: Final = math.sin(math.radians(0.3))

# Number of points along a side at which the colors inside and outside are compared, and of points beyond each end.
_POINTS: Final = 32
_PAST: Final = 4
# Distances from the side, in pixels, whose average is the color inside or outside.
_BESIDE: Final = (3, 4, 5)
# Minimum difference that counts as a change from one point to the next inside: in color, and as a fraction of the usual
# difference between inside and outside.
_JUMP: Final = (16.0, 0.25)
# The same for a difference between inside and outside.
_OUTER: Final = (3.0, 0.3)
# Number of changes inside that are ignored, since a thumb, a shadow or a colored heading begins or ends there; and of
# further changes after which a side cannot be that of a page.
_THUMBS: Final = 4
_UNEVEN: Final = 8
# Fractions by which a side's rating is lowered if inside and outside do not differ anywhere, and if they still differ
# beyond both corners.
_PLAIN: Final = 0.7
_GOES_ON: Final = 0.6
# If the color changes this many times more often outside a side than inside it, that proves the side as well as a
# difference in color along all of it: paper hides the checks of a tablecloth, and white checks may be as bright as
# paper.
_PATTERN: Final = 8
# Maximum difference of the tint of the table along the four sides. The tint is the ratio of the darkest channel to the
# brightest, which a shadow does not change.
_SAME_TINT: Final = 0.15

# Minimum likelihood of a page.
_LEAST: Final = 0.75

# Two pages that were taken for one: there is a narrow strip of table between them. Pixels along each side of the square
# into which the page is drawn, and the fraction of the page that is drawn, since its rim may show some of the table.
_PARTED: Final = 240
_WITHIN: Final = 0.95
# Shifts in pixels that together close a gap as wide as their sum, the widest strip.
_SHIFTS: Final = (1, 2, 4, 5)
# Number of parts into which the strip is divided along its length, and how many of them something may hide.
_ROWS: Final = 24
_HIDDEN: Final = 1
# Minimum difference between the strip and what is beside it, in color, and as a fraction of the greatest difference.
_PARTING: Final = 10
_EVEN: Final = 0.25

# Something printed that was taken for the page: there is paper around it. The ring in which we look for that paper, as
# factors of the distance of the corners from the center.
_RING: Final = (1.02, 1.08)
# Minimum ratio of the darkest channel to the brightest in paper under a lamp, and minimum brightness of the ring in
# comparison with the brightest part of all that is outside.
_PAPER: Final = 0.6
_WHITE: Final = 0.85
# Minimum difference between paper and ink, and minimum fraction of ink in a printed area.
_INK_STEP: Final = 40
INKED: Final = 0.003
# Up to a quarter of the ring may be darker than this fraction of its median; more of a checked tablecloth is darker.
_PLAIN_RING: Final = 0.8
# A border of bare paper counts as printed around a picture if at least this many of the picture's sides have a line
# outside of them that is parallel, near and visible. The limits of these three are the maximum sine of the angle, the
# maximum distance as a fraction of the side, and the minimum fraction of the side along which there are edges.
_BORDERS: Final = 2
_PARALLEL: Final = 0.06
_BORDER: Final = 0.14
_BORDER_SEEN: Final = 0.25

# The corners are moved toward the center by this fraction of their distance, so that no rim of table remains.
_INSET: Final = 0.004

# x and y from the center of the picture, and the direction (across, down) in which the picture becomes brighter.
type _Edge = tuple[float, float, float, float]
type _Corner = tuple[float, float]
type _Color = list[float]


class _Side(NamedTuple):
    # How much it looks like the edge of paper, from 0 to 1.
    rating: float
    # The median color.
    outside: _Color


def _minus(one: _Color, other: _Color) -> _Color:
    return [part - less for part, less in zip(one, other, strict=True)]


def _median(colors: list[_Color]) -> _Color:
    return [sorted(one)[len(one) // 2] for one in zip(*colors, strict=True)]


class _Line(NamedTuple):
    # A vector of length 1 at right angles to the line, which points right or down.
    across: float
    down: float
    # From the picture's center, in the direction of that vector.
    distance: float
    # For each pixel along the line, the number of edges up to there. The middle is the pixel nearest to the center.
    seen: Sequence[int] = ()

    def is_near(self, other: _Line, apart: tuple[float, float]) -> bool:
        return (
            abs(self.across * other.down - self.down * other.across) < apart[0]
            and abs(self.distance - other.distance) < apart[1]
        )

    def edges_of(self, edges: list[_Edge], near: float) -> list[_Edge]:
        """Return the edges that are at most `near` pixels from the line and have about its direction."""
        across, down, distance, _ = self
        return [
            edge
            for edge in edges
            if abs(edge[0] * across + edge[1] * down - distance) <= near
            and abs(edge[2] * across + edge[3] * down) >= _ALIKE
        ]

    def crossing(self, other: _Line, size: tuple[int, int]) -> _Corner | None:
        """Return where two lines cross; None if the angle is too small, or the point too far outside the picture."""
        across = self.across * other.down - self.down * other.across
        if abs(across) < _SQUARE:
            return None
        x = (self.distance * other.down - other.distance * self.down) / across
        y = (other.distance * self.across - self.distance * other.across) / across
        most = 0.5 + _BEYOND
        return (x, y) if abs(x) <= size[0] * most and abs(y) <= size[1] * most else None

    def seen_between(self, begin: _Corner, end: _Corner) -> float:
        """Return along which fraction of the line between two points there are edges."""
        middle = len(self.seen) // 2
        first, last = sorted(
            round(y * self.across - x * self.down) + middle for x, y in (begin, end)
        )
        return (self.seen[last] - self.seen[first]) / max(8, last - first)


class _Page(NamedTuple):
    likely: float
    area: float
    corners: list[_Corner]


def find(picture: Image.Image) -> Corners | None:
    """Return the page's corners as fractions of the picture's width and height; None if they are uncertain."""
    factor = FIND_SIDE / max(picture.size)
    size = (max(16, round(picture.width * factor)), max(16, round(picture.height * factor)))
    small = picture.convert("RGB").resize(size, Image.Resampling.BOX)
    plain = small.filter(ImageFilter.MaxFilter(_INK)).filter(ImageFilter.MinFilter(_INK))
    soft = plain.filter(ImageFilter.GaussianBlur(1.0))
    edges = _edges(soft)
    lines: list[_Line] = []
    for voted in _hough(edges, size):
        line = _fitted(voted, edges, size)
        if not any(line.is_near(other, _FITTED_APART) for other in lines):
            lines.append(line)
    best = max(
        _pages(lines, _Sides(soft)), key=lambda page: page.likely**2 * page.area, default=None
    )
    if (
        best is None
        or best.area < _LEAST_PAGE
        or _has_level_sides(best.corners, size)
        or _is_parted(small, best.corners)
        or _is_part(small, plain, best.corners, lines)
    ):
        return None
    return [
        [min(1.0, max(0.0, at / extent)) for at, extent in zip(corner, size, strict=True)]
        for corner in _enlarged(best.corners, 1 - _INSET, size)
    ]


def _is_parted(small: Image.Image, corners: list[_Corner]) -> bool:
    """Whether a narrow strip of table from edge to edge divides the page, so that it is really two pages."""
    points = _enlarged(corners, _WITHIN, small.size)
    side = (_PARTED, _PARTED)
    page = small.transform(side, Image.Transform.PERSPECTIVE, mapping(points, side))
    for turned in (page, page.transpose(Image.Transpose.TRANSPOSE)):
        # Averages of the parts along the strip, in which noise and letters almost vanish.
        rows = turned.resize((_PARTED, _ROWS), Image.Resampling.BOX)
        for bright in (rows, ImageChops.invert(rows)):
            closed = bright
            for pick, way in ((ImageChops.lighter, 1), (ImageChops.darker, -1)):
                for shift in _SHIFTS:
                    closed = pick(closed, ImageChops.offset(closed, shift * way, 0))
            strips = reduce(ImageChops.lighter, ImageChops.subtract(closed, bright).split())
            data = strips.tobytes()
            for x in range(_PARTED // 8, _PARTED * 7 // 8):
                along = data[x::_PARTED]
                # A line of text does not reach the page's edges. So both ends must differ: neither may be hidden.
                least = max(_PARTING, max(along) * _EVEN)
                if (
                    min(along[0], along[-1]) >= least
                    and sum(one >= least for one in along) >= _ROWS - _HIDDEN
                ):
                    return True
    return False


def _is_part(
    small: Image.Image, plain: Image.Image, corners: list[_Corner], lines: list[_Line]
) -> bool:
    """Whether the corners enclose only something printed on the page: a ring of whiter paper is around it.

    The paper has ink on it somewhere, or edges of its own.
    """
    white, paper = (reduce(ImageChops.darker, one.split()) for one in (small, plain))
    inside = _area(small.size, corners, 1)
    outside = ImageChops.invert(inside)
    outer, inner = (_area(small.size, corners, far) for far in _RING[::-1])
    ring = ImageChops.subtract(outer, inner)
    if not ImageStat.Stat(ring, ring).count[0]:
        return False
    around = ImageStat.Stat(plain, ring).median
    if min(around) <= ImageStat.Stat(paper, inside).mean[0] or min(around) <= max(around) * _PAPER:
        return False
    ink = ImageChops.subtract(paper, white).point([0] * _INK_STEP + [255] * (256 - _INK_STEP))
    is_whitest = min(around) > ImageStat.Stat(paper, outside).extrema[0][1] * _WHITE
    if is_whitest and ImageStat.Stat(ink, outside).mean[0] > 255 * INKED:
        return True
    dark = sum(paper.histogram(ring)[: int(min(around) * _PLAIN_RING)])
    return (
        dark * 4 < ImageStat.Stat(ring, ring).count[0]
        and sum(_has_border(*way, lines) for way in pairwise([*corners, corners[0]])) >= _BORDERS
    )


def _has_border(begin: _Corner, end: _Corner, lines: list[_Line]) -> bool:
    """Whether there is a parallel line a little outside of a side."""
    length = math.dist(begin, end)
    right, below = (end[0] - begin[0]) / length, (end[1] - begin[1]) / length
    return any(
        abs(line.across * right + line.down * below) < _PARALLEL
        and _NEAR * 2
        < (line.distance - line.across * begin[0] - line.down * begin[1])
        * math.copysign(1, line.across * below - line.down * right)
        < length * _BORDER
        and line.seen_between(begin, end) > _BORDER_SEEN
        for line in lines
    )


def _enlarged(corners: list[_Corner], factor: float, size: tuple[int, int]) -> list[_Corner]:
    """Return the corners moved away from their center by a factor, in pixels from the picture's top left."""
    across, down = (sum(corner[axis] for corner in corners) / 4 for axis in (0, 1))
    return [
        (across + (x - across) * factor + size[0] / 2, down + (y - down) * factor + size[1] / 2)
        for x, y in corners
    ]


def _area(size: tuple[int, int], corners: list[_Corner], factor: float) -> Image.Image:
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).polygon(_enlarged(corners, factor, size), 255)
    return mask


def _has_level_sides(corners: list[_Corner], size: tuple[int, int]) -> bool:
    """Whether two opposite sides are parallel to the picture's, as in a frame, screenshot or drawing."""
    sides = [*pairwise([*corners, corners[0]])]
    return any(
        all(
            abs(end[1 - along] - begin[1 - along]) < _DRAWN * math.dist(begin, end)
            for begin, end in sides[along::2]
        )
        for along in (0, 1)
    )


class _Sides:
    """Rates sides by how much they look like the edge of paper."""

    def __init__(self, soft: Image.Image) -> None:
        self.size = soft.size
        self._data = soft.tobytes()
        # Many quadrilaterals share a side.
        self.rated = cache(self._rated)

    def _color(self, x: float, y: float, across: float, down: float) -> _Color | None:
        """Return the color beside a point; None outside the picture."""
        (width, height), data = self.size, self._data
        sums = [0.0, 0.0, 0.0]
        for far in _BESIDE:
            column, line = int(x + across * far + width / 2), int(y + down * far + height / 2)
            if not (0 <= column < width and 0 <= line < height):
                return None
            at = (line * width + column) * 3
            sums = [one + data[at + band] for band, one in enumerate(sums)]
        return [one / len(_BESIDE) for one in sums]

    def _rated(self, begin: _Corner, end: _Corner) -> _Side:
        """Return a side; its inside is to the right of the way from `begin` to `end`."""
        length = math.dist(begin, end)
        across, down = (end[1] - begin[1]) / length, (begin[0] - end[0]) / length
        inner: list[_Color] = []
        outer: list[_Color] = []
        ends: tuple[list[_Color], list[_Color]] = ([], [])
        for number in range(-_PAST - 1, _POINTS + _PAST + 1):
            part = (number + 0.5) / _POINTS
            x, y = (one + (other - one) * part for one, other in zip(begin, end, strict=True))
            inside = self._color(x, y, -across, -down)
            outside = self._color(x, y, across, down)
            # The first point beyond a corner is too near to it.
            if not inside or not outside or number in (-1, _POINTS):
                continue
            if 0 <= number < _POINTS:
                inner.append(inside)
                outer.append(outside)
            else:
                ends[number > 0].append(_minus(inside, outside))
        if len(inner) <= _POINTS // 2:
            return _Side(0.0, [])
        steps = [_minus(one, other) for one, other in zip(inner, outer, strict=True)]
        usual = _median(steps)
        size = math.hypot(*usual) or 1e-9

        def share(found: list[_Color], least: float) -> float:
            return (
                sum(math.sumprod(step, usual) > least * size for step in found) / len(found)
                if found
                else 0
            )

        least = max(_JUMP[0], size * _JUMP[1])
        changes, hidden = (
            sum(math.dist(one, other) > least for one, other in pairwise(colors))
            for colors in (inner, outer)
        )
        pattern = min(1, max(0, hidden - changes) / _PATTERN)
        rating = (
            (1 - min(1, max(0, changes - _THUMBS) / _UNEVEN))
            * (1 - _PLAIN + _PLAIN * max(pattern, share(steps, max(_OUTER[0], size * _OUTER[1]))))
            * (1 - _GOES_ON * sum(share(one, size / 3) for one in ends) / 2)
        )
        return _Side(rating, _median(outer))


def _pages(lines: list[_Line], sides: _Sides) -> Iterator[_Page]:
    """Yield each quadrilateral of four lines that may be a page."""
    size = sides.size
    levels = [line for line in lines if line.down >= _UPRIGHT]
    levels.sort(key=lambda line: line.distance / line.down)
    uprights = [line for line in lines if line.across >= _UPRIGHT]
    uprights.sort(key=lambda line: line.distance / line.across)
    # For each level line, where the upright lines cross it.
    crossed = [[level.crossing(upright, size) for upright in uprights] for level in levels]
    for (top, above), (bottom, below) in combinations(zip(levels, crossed, strict=True), 2):
        both = [
            (upright, one, other)
            for upright, one, other in zip(uprights, above, below, strict=True)
            if one and other
        ]
        for (left, top_left, bottom_left), (right, top_right, bottom_right) in combinations(
            both, 2
        ):
            corners = [top_left, top_right, bottom_right, bottom_left]
            ways = [*pairwise([*corners, top_left])]
            area = sum(x * down - y * across for (x, y), (across, down) in ways) / 2
            if (area := area / (size[0] * size[1])) < _LEAST_AREA:
                continue
            seen = [
                line.seen_between(*way)
                for line, way in zip((top, right, bottom, left), ways, strict=True)
            ]
            if min(seen) < _LEAST_SEEN_EACH or sum(seen) < 4 * _LEAST_SEEN:
                continue
            likely = math.prod(seen)
            rated: list[_Side] = []
            for way in ways:
                rated.append(sides.rated(*way))
                likely *= rated[-1].rating
                if likely < _LEAST**4:
                    break
            else:
                tints = [min(side.outside) / max(*side.outside, 1) for side in rated]
                if max(tints) - min(tints) < _SAME_TINT:
                    yield _Page(likely**0.25, area, corners)


def _edges(soft: Image.Image) -> list[_Edge]:
    """Return the pixels at which a channel changes most, one for each place along an edge, the strongest first."""
    width, height = soft.size
    data = soft.tobytes()
    slopes = (
        soft.filter(ImageFilter.Kernel((3, 3), one, _SOBEL, 128)).tobytes() for one in _SLOPES
    )
    strong = [(across - 128) ** 2 + (down - 128) ** 2 for across, down in zip(*slopes, strict=True)]
    best = [*map(max, strong[::3], strong[1::3], strong[2::3], strict=True)]
    steps: list[tuple[int, int, int, int]] = []
    for row in range(2 * width, (height - 2) * width, width):
        for at in range(row + 2, row + width - 2):
            if (strength := best[at]) < (_LEAST_STEP * 4 / _SOBEL) ** 2:
                continue
            channel = at * 3 + strong[at * 3 : at * 3 + 3].index(strength)
            across = data[channel + 3] - data[channel - 3]
            down = data[channel + width * 3] - data[channel - width * 3]
            beside = 1 if abs(across) > abs(down) else width
            if (across or down) and best[at - beside] <= strength > best[at + beside]:
                steps.append((across * across + down * down, at, across, down))
    steps.sort(reverse=True)
    edges: list[_Edge] = []
    for strength, at, across, down in steps[: int(width * height * _EDGES)]:
        y, x = divmod(at, width)
        length = math.sqrt(strength)
        edges.append((x + 0.5 - width / 2, y + 0.5 - height / 2, across / length, down / length))
    return edges


def _hough(edges: list[_Edge], size: tuple[int, int]) -> list[_Line]:
    reach = math.hypot(*size) / 2
    columns = int(reach * 2 / _STEP) + 2
    votes = [0] * (_TURNS * columns)
    angles = [turn * math.pi / _TURNS for turn in range(_TURNS)]
    normals = [(math.cos(angle), math.sin(angle)) for angle in angles]
    for x, y, across, down in edges:
        turn = round(math.atan2(down, across) * _TURNS / math.pi)
        for one in range(turn - _SPREAD, turn + _SPREAD + 1):
            cosine, sine = normals[one % _TURNS]
            votes[one % _TURNS * columns + int((x * cosine + y * sine + reach) / _STEP)] += 1
    lines: list[_Line] = []
    order = sorted((cell for cell in range(len(votes)) if votes[cell]), key=votes.__getitem__)
    while order and len(lines) < _LINES_TRIED:
        turn, column = divmod(order.pop(), columns)
        across, down = normals[turn]
        sign = 1 if across > abs(down) or down >= abs(across) else -1
        line = _Line(across * sign, down * sign, ((column + 0.5) * _STEP - reach) * sign)
        if not any(line.is_near(other, _APART) for other in lines):
            lines.append(line)
    return lines


def _fitted(line: _Line, edges: list[_Edge], size: tuple[int, int]) -> _Line:
    """Fit a line to the edges near it, and record where along the line these edges are."""
    around = line.edges_of(edges, _NEAR * 4)
    for factor in (2.0, 1.5, 1.0, 1.0, 1.0):
        mine = line.edges_of(around, _NEAR * factor)
        if len(mine) < 2:
            break
        mean_x, mean_y = (sum(edge[axis] for edge in mine) / len(mine) for axis in (0, 1))
        spread_x = sum((x - mean_x) ** 2 for x, *_ in mine)
        spread_y = sum((y - mean_y) ** 2 for _, y, *_ in mine)
        both = sum((x - mean_x) * (y - mean_y) for x, y, *_ in mine)
        along = math.atan2(2 * both, spread_x - spread_y) / 2
        sign = math.copysign(1, math.cos(along) * line.down - math.sin(along) * line.across)
        across, down = -math.sin(along) * sign, math.cos(along) * sign
        line = _Line(across, down, mean_x * across + mean_y * down)
    half = int(math.hypot(*size))
    marks = bytearray(half * 2)
    for edge in line.edges_of(around, _NEAR):
        place = round(edge[1] * line.across - edge[0] * line.down) + half
        # A slanted line does not have an edge at each pixel, so each edge also marks its neighbors.
        marks[place - 1 : place + 2] = b"\1\1\1"
    return line._replace(seen=[0, *accumulate(marks)])


def mapping(points: Corners, size: tuple[int, int]) -> tuple[float, ...]:
    """Return Pillow's coefficients for mapping a page of this size to points of a picture (Heckbert, section 2.2.3)."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = points
    sum_x, sum_y = x0 - x1 + x2 - x3, y0 - y1 + y2 - y3
    right_x, right_y, left_x, left_y = x1 - x2, y1 - y2, x3 - x2, y3 - y2
    area = right_x * left_y - left_x * right_y or 1e-9
    g = (sum_x * left_y - left_x * sum_y) / area
    h = (right_x * sum_y - sum_x * right_y) / area
    width, height = size
    return (
        (x1 - x0 + g * x1) / width,
        (x3 - x0 + h * x3) / height,
        x0,
        (y1 - y0 + g * y1) / width,
        (y3 - y0 + h * y3) / height,
        y0,
        g / width,
        h / height,
    )
