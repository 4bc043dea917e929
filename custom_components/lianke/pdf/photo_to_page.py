"""Turn a photo of a page into a clean page: find its corners, remove the perspective, make the paper white.

Lines are found by a Hough transform in which each edge votes only for lines of its own direction (F. O'Gorman and
M. B. Clowes, "Finding picture edges through collinearity of feature points", 1976). Four lines are chosen that form a
quadrilateral with many edges along its sides, and the page's proportion follows from its corners (Z. Zhang and
L.-W. He, "Whiteboard scanning and image enhancement", Digital Signal Processing 17, 2007). The perspective is removed
by mapping a square to a quadrilateral (P. Heckbert, "Fundamentals of texture mapping and image warping", 1989).
Shadows are removed by dividing by the brightness of the bare paper around the ink.
"""

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import accumulate, combinations, pairwise
import math
from typing import Any, Final, NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageMath, ImageStat

from .pdf_files import new_file
from .pictures import BAND_ROWS, PAGE_QUALITY, as_jpeg, read_picture
from .plan import MM_PER_INCH

# x and y of four points: top left, top right, bottom right, bottom left of the page as one reads it.
type Corners = Sequence[Sequence[float]]
type _Frame = tuple[float, float, float, float]
_WHOLE_PICTURE: Final[Corners] = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
# Maximum pixels along the longer side of a page: 300 dpi on A4.
PAGE_PIXELS: Final = 3508


def find_corners(request: dict[str, Any]) -> dict[str, Any]:
    """Find the page in frame `page` (from 0) of the picture `path`.

    The answer has `found`, `corners` as fractions of the upright picture's width and height (the picture's own corners
    if no page is found), and `width` and `height`, whose ratio is that of the upright picture.
    Raises TaskError: image_damaged, image_too_large.
    """
    picture, _ = read_picture(request["path"], request["page"], _FIND_SIDE * 2)
    corners = find(picture)
    return {
        "found": corners is not None,
        "corners": [[round(part, 4) for part in corner] for corner in corners or _WHOLE_PICTURE],
        "width": picture.width,
        "height": picture.height,
    }


def clean_page(request: dict[str, Any]) -> dict[str, Any]:
    """Write the page in frame `page` of the picture `path` to the new JPEG file `target`, of at most `limit` bytes.

    `corners` are fractions of the upright picture's width and height; with None, the page is searched for. If no page
    is found, the answer's `found` is false, and `target` shows the whole picture.
    Raises TaskError: image_damaged, image_too_large, too_large, disk.
    """
    picture, _ = read_picture(request["path"], request["page"], PAGE_PIXELS)
    corners = request["corners"] or find(picture)
    made, dpi = flat(picture, corners or _WHOLE_PICTURE, is_page=corners is not None)
    del picture
    data = as_jpeg(made if corners is None else whitened(made), PAGE_QUALITY, dpi)
    with new_file(request["target"], request["limit"]) as file:
        file.write(data)
    return {"found": corners is not None}


# Finding the page

# Pixels along the longer side of the picture that is searched: letters almost vanish, and the search takes a fraction
# of a second.
_FIND_SIDE: Final = 400
# Dark details narrower than this many pixels are letters and lines of tables, not edges of a page.
_INK: Final = 7
# The least difference, of 255, between ink and paper, and the least fraction of a printed area's pixels that are ink.
_INK_STEP: Final = 40
_INKED: Final = 0.003
# Maximum fraction of the pixels that count as edges (those that differ most from their neighbors), and the least
# difference, of 255, at an edge.
_EDGES: Final = 0.10
_LEAST_STEP: Final = 4
# Number of line directions; number of neighboring directions, on each side of its own, for which an edge votes, too;
# pixels between parallel lines.
_TURNS: Final = 90
_SPREAD: Final = 2
_STEP: Final = 3.0
# Maximum number of lines that are considered, those with most edges. Two lines count as one if the sine of the angle
# between them is below _APART[0] and their distance in pixels is below _APART[1].
_LINES_TRIED: Final = 28
_APART: Final = (math.sin(math.radians(7)), 10.0)
# Maximum distance in pixels between an edge and the line it belongs to, and the cosine of the maximum angle between
# their directions.
_NEAR: Final = 2.5
_ALIKE: Final = math.cos(math.radians(16))
# The cosine of the largest angle by which a side may lean, and the sine of the smallest angle of a corner, in a photo
# taken at an angle.
_UPRIGHT: Final = math.cos(math.radians(46))
_SQUARE: Final = math.sin(math.radians(50))
# As fractions of the picture: the least area of a page, and how far outside the picture a corner may lie.
_LEAST_AREA: Final = 0.12
_BEYOND: Final = 0.06
# The least fraction of a side's length along which edges are visible: as the average of all sides, and for each side.
# Hands may cover the rest; lines that meet by chance have fewer visible edges.
_LEAST_SEEN: Final = 0.78
_LEAST_SEEN_EACH: Final = 0.45
# The sine of an angle: two opposite sides that deviate by less from the edges of the picture belong to something drawn,
# not to a page, since nobody holds a camera that straight.
_DRAWN: Final = math.sin(math.radians(0.3))
# Maximum difference, of 255, by which a colored page may be darker than its surroundings. A band inside and a band
# outside its outline are compared; _RIM is their width as a fraction of the distance from the page's center.
_DARKER: Final = 40
_RIM: Final = 0.1
# The visible fraction that is assumed for a side where the picture's own edge cuts off the page.
_CUT_OFF: Final = 0.35
# Corners are moved toward the center by this fraction of their distance, so that no strip of the table is left.
_INSET: Final = 0.004

# x and y from the center of the picture, and the direction (across, down) in which the picture becomes brighter.
type _Edge = tuple[float, float, float, float]
type _Corner = tuple[float, float]


class _Line(NamedTuple):
    # The line's normal, which points right or down, and its distance from the picture's center along the normal.
    across: float
    down: float
    distance: float
    # The number of edges up to each pixel along the line, with the foot of the normal in the middle. Empty for a line
    # that is the picture's own edge.
    seen: Sequence[int] = ()

    def is_near(self, other: _Line) -> bool:
        return (
            abs(self.across * other.down - self.down * other.across) < _APART[0]
            and abs(self.distance - other.distance) < _APART[1]
        )

    def owns(self, edge: _Edge, near: float) -> bool:
        """Return whether the edge is on the line, within `near` pixels, and has about the same direction."""
        x, y, right, below = edge
        return (
            abs(x * self.across + y * self.down - self.distance) <= near
            and abs(right * self.across + below * self.down) >= _ALIKE
        )

    def crossing(self, other: _Line, size: tuple[int, int]) -> _Corner | None:
        """Return where two lines cross; None if that is at too small an angle, or far outside the picture."""
        across = self.across * other.down - self.down * other.across
        if abs(across) < _SQUARE:
            return None
        x = (self.distance * other.down - other.distance * self.down) / across
        y = (other.distance * self.across - self.distance * other.across) / across
        most = 0.5 + _BEYOND
        return (x, y) if abs(x) <= size[0] * most and abs(y) <= size[1] * most else None

    def seen_between(self, begin: _Corner, end: _Corner) -> float:
        """Return the fraction of the distance between two points on the line that has edges, from 0 to 1."""
        middle = len(self.seen) // 2
        first, last = sorted(
            round(y * self.across - x * self.down) + middle for x, y in (begin, end)
        )
        return (self.seen[last] - self.seen[first]) / max(8, last - first)


def find(picture: Image.Image) -> Corners | None:
    """Return the page's corners as fractions of the picture's width and height; None if they are uncertain."""
    factor = _FIND_SIDE / max(picture.size)
    size = (max(16, round(picture.width * factor)), max(16, round(picture.height * factor)))
    white, paper = _darkest_channel(picture, size)
    edges = _edges(paper.filter(ImageFilter.GaussianBlur(1.0)), size)
    lines = [_fitted(line, edges, size) for line in _hough(edges, size)]
    frame = [
        _Line(*normal, extent / 2 * sign)
        for normal, extent in zip(((1.0, 0.0), (0.0, 1.0)), size, strict=True)
        for sign in (-1, 1)
    ]
    _, corners = max(_quads(lines + frame, size), key=lambda found: found[0], default=(0, None))
    if (
        corners is None
        or _is_part(white, paper, corners)
        or _has_level_sides(corners, size)
        or _is_dark(picture, corners, size)
    ):
        return None
    center = [sum(corner[axis] for corner in corners) / 4 for axis in (0, 1)]
    return [
        [
            min(1.0, max(0.0, (at + (middle - at) * _INSET) / extent + 0.5))
            for at, middle, extent in zip(corner, center, size, strict=True)
        ]
        for corner in corners
    ]


def _darkest_channel(
    picture: Image.Image, size: tuple[int, int]
) -> tuple[Image.Image, Image.Image]:
    """Return the darkest channel of the picture reduced to `size`: with the ink, and with the ink removed.

    In this channel, wood and skin are darker than they look, so that paper stands out.
    """
    small = picture.convert("RGB").resize(size, Image.Resampling.BOX)
    white = reduce(ImageChops.darker, small.split())
    return white, white.filter(ImageFilter.MaxFilter(_INK)).filter(ImageFilter.MinFilter(_INK))


def _is_part(white: Image.Image, paper: Image.Image, corners: list[_Corner]) -> bool:
    """Return whether the corners enclose something printed on a page: the paper around it is whiter and has ink."""
    outside = Image.new("L", white.size, 255)
    places = [(x + white.width / 2, y + white.height / 2) for x, y in corners]
    ImageDraw.Draw(outside).polygon(places, 0)
    around = ImageStat.Stat(paper, outside).mean[0]
    ink = ImageChops.subtract(paper, white).point([0] * _INK_STEP + [255] * (256 - _INK_STEP))
    return (
        around > ImageStat.Stat(paper, ImageChops.invert(outside)).mean[0]
        and ImageStat.Stat(ink, outside).mean[0] > 255 * _INKED
    )


def _has_level_sides(corners: list[_Corner], size: tuple[int, int]) -> bool:
    """Return whether two opposite sides are parallel to the picture's sides, as in a frame, window or drawing."""
    sides = [*pairwise([*corners, corners[0]])]
    for along, extent in enumerate(size[::-1]):
        across = 1 - along
        pair = sides[along::2]
        if all(
            abs(end[across] - begin[across]) < _DRAWN * math.dist(begin, end)
            # A side on the picture's own edge does not count, since the picture may cut off a page there.
            and max(abs(end[across]), abs(begin[across])) < extent / 2 - 1
            for begin, end in pair
        ):
            return True
    return False


def _is_dark(picture: Image.Image, corners: list[_Corner], size: tuple[int, int]) -> bool:
    """Return whether the corners enclose something much darker than its surroundings, unlike paper on a table."""
    gray = picture.convert("L").resize(size, Image.Resampling.BOX)
    middle = [sum(corner[axis] for corner in corners) / 4 for axis in (0, 1)]

    def rim(inner: float, outer: float) -> float | None:
        mask = Image.new("L", size)
        pen = ImageDraw.Draw(mask)
        for factor, fill in ((outer, 255), (inner, 0)):
            pen.polygon(
                [
                    tuple(
                        center + (at - center) * factor + extent / 2
                        for at, center, extent in zip(corner, middle, size, strict=True)
                    )
                    for corner in corners
                ],
                fill,
            )
        seen = ImageStat.Stat(gray, mask)
        return seen.median[0] if seen.count[0] else None

    inside, around = rim(1 - _RIM, 1 - _RIM / 4), rim(1 + _RIM / 4, 1 + _RIM)
    return inside is not None and around is not None and around - inside > _DARKER


def _edges(paper: Image.Image, size: tuple[int, int]) -> list[_Edge]:
    width, height = size
    data = paper.tobytes()
    steps: list[tuple[int, int, int, int]] = []
    for row in range(2 * width, (height - 2) * width, width):
        for at in range(row + 2, row + width - 2):
            across, down = data[at + 1] - data[at - 1], data[at + width] - data[at - width]
            if (strength := across * across + down * down) >= _LEAST_STEP**2:
                steps.append((strength, at, across, down))
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
        if not any(line.is_near(other) for other in lines):
            lines.append(line)
    return lines


def _fitted(line: _Line, edges: list[_Edge], size: tuple[int, int]) -> _Line:
    """Fit a line to the edges near it, and record where along the line these edges are."""
    around = [edge for edge in edges if line.owns(edge, _NEAR * 4)]
    for factor in (2.0, 1.5, 1.0, 1.0, 1.0):
        mine = [edge for edge in around if line.owns(edge, _NEAR * factor)]
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
    for edge in around:
        if line.owns(edge, _NEAR):
            place = round(edge[1] * line.across - edge[0] * line.down) + half
            # A slanted line does not have an edge at each pixel, so each edge also marks its neighbors.
            marks[place - 1 : place + 2] = b"\1\1\1"
    return line._replace(seen=[0, *accumulate(marks)])


def _quads(lines: list[_Line], size: tuple[int, int]) -> Iterator[tuple[float, list[_Corner]]]:
    """Yield the likelihood and the corners of each quadrilateral that may be a page."""
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
            if likely := _likely((top, right, bottom, left), corners, size):
                yield likely, corners


def _likely(sides: Sequence[_Line], corners: list[_Corner], size: tuple[int, int]) -> float:
    """Return how likely it is that the sides are those of a page; 0 if that is impossible."""
    ways = list(pairwise([*corners, corners[0]]))
    area = sum(x * below - y * right for (x, y), (right, below) in ways) / 2 / (size[0] * size[1])
    if area < _LEAST_AREA:
        return 0.0
    seen = [side.seen_between(*way) for side, way in zip(sides, ways, strict=True) if side.seen]
    if len(seen) < 3 or min(seen) < _LEAST_SEEN_EACH or sum(seen) / len(seen) < _LEAST_SEEN:
        return 0.0
    total = sum(seen) + (4 - len(seen)) * _CUT_OFF
    return float(math.sqrt(area) * (total / 4) ** 2)


# The shape of the page

_A4_MM: Final = (210.0, 297.0)
_LETTER_MM: Final = (215.9, 279.4)
# Ranges of the measured proportion (longer side by shorter side): of pages that count as A4, and as Letter.
_A4_RATIOS: Final = (1.34, 1.50)
_LETTER_RATIOS: Final = (1.25, 1.34)
# Focal lengths as fractions of the picture's longer side: the plausible range, and the length in most phones.
_FOCAL_LENGTHS: Final = (0.5, 2.5)
_USUAL_FOCAL_LENGTH: Final = 0.73


def flat(
    picture: Image.Image, corners: Corners, *, is_page: bool = True
) -> tuple[Image.Image, int]:
    """Return the page between the corners, without perspective, and its dots per inch.

    If `is_page` and the proportion is close to that of A4 or Letter, the page gets exactly the size of A4 or Letter;
    otherwise it keeps its proportion.
    """
    points = [(x * picture.width, y * picture.height) for x, y in corners]
    width_mm, height_mm = _page_size(points, picture.size, is_page=is_page)
    sides = [math.dist(one, other) for one, other in pairwise([*points, points[0]])]
    inches = width_mm / MM_PER_INCH, height_mm / MM_PER_INCH
    # No side loses pixels, unless the longer side would have more than PAGE_PIXELS.
    dpi = max(*sides[0::2], 1.0) / inches[0], max(*sides[1::2], 1.0) / inches[1]
    made_dpi = max(20, math.ceil(min(*(PAGE_PIXELS / side for side in inches), max(dpi))))
    size = (max(1, round(inches[0] * made_dpi)), max(1, round(inches[1] * made_dpi)))
    made = picture.transform(
        size,
        Image.Transform.PERSPECTIVE,
        _mapping(points, size),
        Image.Resampling.BICUBIC,
        fillcolor="white",
    )
    return made, made_dpi


def _page_size(points: Corners, size: tuple[int, int], *, is_page: bool) -> tuple[float, float]:
    """Return a page's width and height in mm: A4 or Letter if the proportion is near, otherwise what fits on A4."""
    ratio = _ratio(points, size)
    upright = max(ratio, 1 / ratio)
    short, long = _A4_MM[0], _A4_MM[0] * upright
    if is_page and _A4_RATIOS[0] <= upright <= _A4_RATIOS[1]:
        short, long = _A4_MM
    elif is_page and _LETTER_RATIOS[0] <= upright < _LETTER_RATIOS[1]:
        short, long = _LETTER_MM
    elif long > _A4_MM[1]:
        short, long = _A4_MM[1] / upright, _A4_MM[1]
    return (short, long) if ratio >= 1 else (long, short)


def _ratio(points: Corners, size: tuple[int, int]) -> float:
    """Return the page's height divided by its width (Zhang and He, 2007, section 4)."""
    unit = max(size)
    # Coordinates from the center of the picture, at which the lens is assumed to point.
    top_left, top_right, bottom_right, bottom_left = (
        ((x - size[0] / 2) / unit, (y - size[1] / 2) / unit) for x, y in points
    )
    factor_right = _cross(top_left, bottom_right, bottom_left) / _cross(
        top_right, bottom_right, bottom_left
    )
    factor_below = _cross(top_left, bottom_right, top_right) / _cross(
        bottom_left, bottom_right, top_right
    )
    across = [factor_right * one - other for one, other in zip(top_right, top_left, strict=True)]
    down = [factor_below * one - other for one, other in zip(bottom_left, top_left, strict=True)]
    far_right, far_below = factor_right - 1, factor_below - 1
    least, most = _FOCAL_LENGTHS
    focal = _USUAL_FOCAL_LENGTH
    if abs(far_right * far_below) > 0.01:
        square = -(across[0] * down[0] + across[1] * down[1]) / (far_right * far_below)
        if least**2 <= square <= most**2:
            focal = math.sqrt(square)
    wide = math.hypot(*across, far_right * focal)
    high = math.hypot(*down, far_below * focal)
    return min(20.0, max(0.05, high / wide)) if wide else 20.0


def _cross(one: Sequence[float], two: Sequence[float], three: Sequence[float]) -> float:
    """Return twice the signed area of a triangle; never 0 but a tiny number, so that callers can divide by it."""
    area = (two[0] - one[0]) * (three[1] - one[1]) - (three[0] - one[0]) * (two[1] - one[1])
    return area or 1e-9


def _mapping(points: Corners, size: tuple[int, int]) -> tuple[float, ...]:
    """Return the coefficients by which Pillow maps the page's pixels to the picture (Heckbert, 1989, section 2.2.3)."""
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


# The paper of the page

# Number of places (square regions) along the longer side at which the paper's color is measured, and the width of a
# place in pixels.
_PLACES: Final = 100
_PLACE: Final = 8
# Ranges of red/green and blue/green of paper in the light of lamps, the sun and the sky; skin is redder, a blue sky
# bluer.
_LIT: Final = ((0.82, 1.22), (0.6, 1.18))
# The paper's color is that of the whitest places: their darkest channel is at least _WHITEST times that of the whitest
# place, leaving out a fraction (_FEW) of even whiter places. Elsewhere, the color of paper differs by at most _TINT,
# and paper in a shadow is at least _DARK times as bright as the brightest of the _AROUND x _AROUND places around it.
_WHITEST: Final = 0.92
_FEW: Final = 0.005
_TINT: Final = 0.06
_AROUND: Final = 25
_DARK: Final = 0.35
# The light is measured only if at least a fraction (_LITTLE) of the places is solid paper: on average, such a place is
# at least _SOLID times as bright as its brightest part. Thin white letters on a dark page are darker on average.
_SOLID: Final = 0.85
_LITTLE: Final = 0.04
# Used instead of _DARK if less than a fraction (_MUCH) of the places is solid paper.
_THIN: Final = 0.85
_MUCH: Final = 0.2
# As fractions of the paper's brightness: the brightness that is stretched to white, and the maximum brightness that is
# stretched to black (the darkest ink, if that is darker).
_PAPER_WHITE: Final = 0.88
_BLACKEST: Final = 0.3
# Exponent of the brightness; above 1 it makes ink darker.
_GAMMA: Final = 1.3
# As fractions of the paper's brightness: up to the first, pencil does not become paler; from the second on, everything
# becomes white. Between the two lies the grain of shaded paper.
_PENCIL: Final = (0.84, 0.9)


def whitened(page: Image.Image) -> Image.Image:
    """Make the paper white and the ink on it dark; larger colored parts, such as pictures, keep their colors."""
    paper, bare = _paper(page)
    made = Image.new(page.mode, page.size)

    def bands() -> Iterator[tuple[tuple[int, int, int, int], _Frame]]:
        step = paper.height / page.height
        for top in range(0, page.height, BAND_ROWS):
            end = min(page.height, top + BAND_ROWS)
            yield (0, top, page.width, end), (0, top * step, paper.width, end * step)

    def enlarged(small: Image.Image, box: tuple[int, int, int, int], place: _Frame) -> Image.Image:
        return small.resize((page.width, box[3] - box[1]), Image.Resampling.BICUBIC, place)

    for box, place in bands():
        made.paste(_divided(page.crop(box), enlarged(paper, box, place)), box)
    black = min(_BLACKEST, _darkest(made))
    levels = [round(255 * _inked(value / 255, black)) for value in range(256)]
    for box, place in bands():
        inked = made.crop(box).point(levels * len(made.getbands()))
        made.paste(inked, box, enlarged(bare, box, place))
    return made


def _inked(bright: float, black: float) -> float:
    """Return the new brightness, from 0 to 1.

    `bright` and `black` (the darkest ink) are fractions of the paper's brightness.
    """
    spread: float = min(1.0, max(0.0, (bright - black) / (_PAPER_WHITE - black))) ** _GAMMA
    pencil, white = _PENCIL
    rise = max(0.0, bright - pencil) * (1 - pencil) / (white - pencil)
    return min(spread, 1.0, min(bright, pencil) + rise)


def _divided(part: Image.Image, light: Image.Image) -> Image.Image:
    channels = [
        ImageMath.lambda_eval(
            lambda args: args["convert"](
                args["min"](args["ink"] * 255 / args["max"](args["paper"], 1), 255), "L"
            ),
            ink=ink,
            paper=paper,
        )
        for ink, paper in zip(part.split(), light.split(), strict=True)
    ]
    return channels[0] if len(channels) == 1 else Image.merge(part.mode, channels)


def _darkest(page: Image.Image) -> float:
    """Return the brightness of the darkest ink, from 0 to 1; colored ink does not count."""
    counts = reduce(ImageChops.lighter, page.split()).histogram()
    few = page.width * page.height * _INKED
    return next(value for value, count in enumerate(accumulate(counts)) if count >= few) / 255


type _Colour = tuple[int, int, int]


def _paper(page: Image.Image) -> tuple[Image.Image, Image.Image]:
    """Return two small pictures with a pixel for each place: the color of lit paper, and white where paper is visible.

    Where something larger is printed, the paper is assumed to look like the paper nearby. On a page without bare paper,
    such as a photo without margins, the light is assumed to be uniform, and to be that on its white letters, if any.
    """
    factor = _PLACES / max(page.size)
    size = (max(1, round(page.width * factor)), max(1, round(page.height * factor)))
    bright = (
        page.convert("RGB")
        .resize((size[0] * _PLACE, size[1] * _PLACE), Image.Resampling.BOX)
        .filter(ImageFilter.MaxFilter(_PLACE - 1))
        .resize(size, Image.Resampling.BOX)
    )
    places = [*_places(bright)]
    few = int(len(places) * _FEW)
    least = sorted(map(min, places))[-1 - few] * _WHITEST
    tints = [_tint(place) for place in places if min(place) >= least]
    usual = [sorted(one)[len(one) // 2] for one in zip(*tints, strict=True)]
    near = [
        all(abs(one - other) <= _TINT for one, other in zip(_tint(place), usual, strict=True))
        for place in places
    ]
    is_lit = all(low <= one <= high for one, (low, high) in zip(usual, _LIT, strict=True))
    even = _places(page.convert("RGB").resize(size, Image.Resampling.BOX))
    solid = sum(
        is_near and min(one) >= min(place) * _SOLID
        for is_near, one, place in zip(near, even, places, strict=True)
    )
    if not is_lit or solid < len(places) * _LITTLE:
        brightest = sorted(map(max, places))[-1 - few]
        white = sorted(places, key=min)[-1 - few] if is_lit else (brightest,) * 3
        light = Image.new("RGB", size, tuple(max(1, one) for one in white))
        return light.convert(page.mode), Image.new("L", size)
    # If little of the page is white, gray places are print rather than shaded paper.
    dark = _DARK if solid >= len(places) * _MUCH else _THIN
    lit = Image.frombytes(
        "L", size, bytes(place[1] * is_near for place, is_near in zip(places, near, strict=True))
    )
    most = lit.filter(ImageFilter.MaxFilter(_AROUND)).tobytes()
    bare = Image.frombytes(
        "L",
        size,
        bytes(
            255 * (is_near and place[1] >= around * dark)
            for place, is_near, around in zip(places, near, most, strict=True)
        ),
    )
    bright.putalpha(bare)
    paper = _filled(bright).convert("RGB").filter(ImageFilter.GaussianBlur(1.0))
    return paper.convert(page.mode), bare


def _tint(place: _Colour) -> tuple[float, float]:
    return place[0] / (place[1] + 1), place[2] / (place[1] + 1)


def _filled(picture: Image.Image) -> Image.Image:
    """Return the picture with its transparent parts filled with the colors around them."""
    if picture.getchannel("A").getextrema() == (255, 255) or max(picture.size) == 1:
        return picture
    half = ((picture.width + 1) // 2, (picture.height + 1) // 2)
    small = picture.resize(half, Image.Resampling.BOX)
    small.putalpha(small.getchannel("A").point(lambda value: 255 if value else 0))
    under = _filled(small).resize(picture.size, Image.Resampling.BILINEAR)
    return Image.alpha_composite(under, picture)


def _places(picture: Image.Image) -> Iterator[_Colour]:
    data = iter(picture.tobytes())
    return zip(data, data, data, strict=True)
