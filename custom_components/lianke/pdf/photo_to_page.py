"""Turn a photo of a page into a clean page: find its corners, remove the perspective, make the paper white.

The page's proportion follows from its corners (Z. Zhang and L.-W. He, "Whiteboard scanning and image enhancement",
Digital Signal Processing 17, 2007). Shadows are removed by dividing by the brightness of the bare paper around the ink.
"""

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import accumulate, pairwise
import math
from typing import Any, Final

from PIL import Image, ImageChops, ImageFilter, ImageMath

from .page_corners import FIND_SIDE, INKED, Corners, find, mapping
from .pdf_files import new_file
from .pictures import BAND_ROWS, PAGE_QUALITY, as_jpeg, read_picture
from .plan import MM_PER_INCH

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
    picture, _ = read_picture(request["path"], request["page"], FIND_SIDE * 2)
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
    made, dpi = without_perspective(picture, corners or _WHOLE_PICTURE, is_page=corners is not None)
    del picture
    data = as_jpeg(made if corners is None else whitened(made), PAGE_QUALITY, dpi)
    with new_file(request["target"], request["limit"]) as file:
        file.write(data)
    return {"found": corners is not None}


# The shape of the page

_A4_MM: Final = (210.0, 297.0)
_LETTER_MM: Final = (215.9, 279.4)
# Ranges of the measured proportion (longer side by shorter side): of pages that count as A4, and as Letter.
_A4_RATIOS: Final = (1.34, 1.50)
_LETTER_RATIOS: Final = (1.25, 1.34)
# Focal lengths as fractions of the picture's longer side: the plausible range, and the length in most phones.
_FOCAL_LENGTHS: Final = (0.5, 2.5)
_USUAL_FOCAL_LENGTH: Final = 0.73


def without_perspective(
    picture: Image.Image, corners: Corners, *, is_page: bool = True
) -> tuple[Image.Image, int]:
    """Return the page between the corners, and its dots per inch.

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
        mapping(points, size),
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


# The paper of the page

# Number of places (square regions) along the longer side at which the paper's color is measured, and the width of a
# place in pixels.
_PLACES: Final = 100
_PLACE: Final = 8
# Ranges of red/green and blue/green of paper in the light of lamps, the sun and the sky; skin is redder, a blue sky
# bluer.
_LIT: Final = ((0.82, 1.22), (0.6, 1.18))
# The paper's color is that of the whitest places: their darkest channel is at least _WHITEST times that of the whitest
# place, leaving out a fraction (_FEW) of even whiter places. Elsewhere, the tint of paper differs from that of these
# places by at most _TINT, and paper in a shadow is at least _DARK times as bright as the brightest of the
# _AROUND x _AROUND places around it.
_WHITEST: Final = 0.92
_FEW: Final = 0.005
_TINT: Final = 0.06
_AROUND: Final = 25
_DARK: Final = 0.35
# The light is measured only if at least a fraction (_LITTLE) of the places is solid paper: on average, such a place is
# at least _SOLID times as bright as its brightest part. This excludes thin white letters on a dark page: the places
# that contain them are darker on average.
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
    few = page.width * page.height * INKED
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
