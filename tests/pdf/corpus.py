"""A corpus of photographed pages whose corners and colours are known: text, flyers, pictures, receipts, and no page."""

from collections.abc import Iterator
from functools import cache
from io import BytesIO
from itertools import count
import random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageDraw, ImageFilter, ImageFont

from .photos import Photo, Point, page, photograph

# Pixels of the longer side of a page (150 dpi on A4) and of a photo.
LONG = 1754
SIDE = 1600
NAVY = "#14264f"
LAMPS = {"white": (1, 1, 1), "warm": (1, 0.93, 0.8), "cool": (0.94, 0.98, 1)}

type Box = tuple[float, float, float, float]


class Sheet(NamedTuple):
    """A page; where it is coloured, and where bare paper, both as boxes of fractions of its width and height."""

    picture: Image.Image
    coloured: tuple[Box, ...] = ()
    bare: tuple[Box, ...] = ()


class Case(NamedTuple):
    """A photo, what is in it, and whether the whole page is (None where no single page is)."""

    name: str
    sheet: Sheet
    photo: Photo
    is_whole: bool | None


def _written(made: Image.Image, box: Box, seed: int, colour: str = "#222222") -> None:
    """Fill a box with lines of words of chance letters."""
    chance, pen = random.Random(seed), ImageDraw.Draw(made)
    left, top, right, bottom = (part * made.size[at % 2] for at, part in enumerate(box))
    font = ImageFont.load_default(round(LONG / 70))
    for y in range(round(top), round(bottom - LONG / 60), round(LONG / 48)):
        words = " ".join(
            "".join(chance.choices("aeiourstnlmdg", k=chance.randint(2, 9))) for _ in range(40)
        )
        while (length := pen.textlength(words, font)) > right - left:
            words = words[: int(len(words) * (right - left) / length)]
        pen.text((left, y), words, colour, font)


def _faded(size: tuple[int, int], upper: str, lower: str) -> Image.Image:
    ends = Image.new("RGB", (1, 2))
    ends.putdata([Image.new("RGB", (1, 1), one).getpixel((0, 0)) for one in (upper, lower)])  # type: ignore[arg-type]
    return ends.resize(size, Image.Resampling.BILINEAR)


def landscape(size: tuple[int, int], seed: int) -> Image.Image:
    """Return hills below a sky with a cloud, with some grain."""
    chance, made = random.Random(seed), _faded(size, "#3f7fc4", "#bcd8f0")
    pen = ImageDraw.Draw(made)
    width, height = size
    pen.ellipse((width * 0.55, height * 0.1, width * 0.85, height * 0.22), "white")
    made = made.filter(ImageFilter.GaussianBlur(width / 80))
    pen = ImageDraw.Draw(made)
    for layer, colour in enumerate(("#8aa1b5", "#5f7a6c", "#3c5a3a")):
        level = height * (0.45 + 0.17 * layer)
        tops = [
            (width * x / 12, level + chance.uniform(-0.07, 0.07) * height) for x in range(-1, 14)
        ]
        pen.polygon([(0, height), *tops, (width, height)], colour)
    return Image.blend(made, Image.effect_noise(size, 30).convert("RGB"), 0.06)


def portrait(size: tuple[int, int], seed: int) -> Image.Image:
    width, height = size
    behind = ("#5d7f86", "#7a5a48", "#496a44")[seed % 3]
    made = _faded(size, behind, "#2d3a3c")
    pen = ImageDraw.Draw(made)
    skin = ("#e2b296", "#c48e6e", "#7c5640")[seed % 3]
    pen.ellipse((width * 0.05, height * 0.68, width * 0.95, height * 1.4), "#8a2f3c")
    pen.rectangle((width * 0.42, height * 0.5, width * 0.58, height * 0.75), skin)
    pen.ellipse((width * 0.28, height * 0.14, width * 0.72, height * 0.5), "#2a1c14")
    pen.ellipse((width * 0.31, height * 0.2, width * 0.69, height * 0.64), skin)
    return made.filter(ImageFilter.GaussianBlur(width / 200))


@cache
def sheet(kind: str, seed: int = 0) -> Sheet:
    """Return a page of a kind; with another seed, some of it differs."""
    if kind in ("english", "table", "form"):
        blue: tuple[Box, ...] = ((0.15, 0.105, 0.4, 0.112),) if kind == "form" else ()
        return Sheet(page(kind), blue, ((0.2, 0.92, 0.8, 0.98), (0.02, 0.2, 0.08, 0.8)))
    size = (round(LONG / 2**0.5), LONG)
    made = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(made)
    large = ImageFont.load_default(LONG // 16)
    if kind == "navy":
        made.paste(NAVY, (0, 0, *size))
        pen.text((size[0] * 0.1, size[1] * 0.08), "SUMMER\nNIGHT", "white", large)
        _written(made, (0.1, 0.3, 0.9, 0.45), seed, "white")
        pen.rectangle(
            [size[at % 2] * one for at, one in enumerate((0.1, 0.5, 0.5, 0.7))], "#f2b632"
        )
        pen.rectangle(
            [size[at % 2] * one for at, one in enumerate((0.55, 0.5, 0.9, 0.7))], "#c8283c"
        )
        return Sheet(
            made,
            ((0.05, 0.74, 0.95, 0.96), (0.13, 0.52, 0.47, 0.68), (0.58, 0.52, 0.87, 0.68)),
        )
    if kind == "magazine":
        picture = landscape((round(size[0] * 0.84), round(size[1] * 0.42)), seed)
        made.paste(picture, (round(size[0] * 0.08), round(size[1] * 0.06)))
        pen.rectangle([size[0] * 0.54, size[1] * 0.75, size[0] * 0.92, size[1] * 0.92], "#cfe3c4")
        _written(made, (0.08, 0.52, 0.47, 0.93), seed)
        _written(made, (0.54, 0.52, 0.92, 0.72), seed + 1)
        return Sheet(
            made,
            ((0.1, 0.07, 0.9, 0.47), (0.56, 0.77, 0.9, 0.9)),
            ((0.2, 0.95, 0.8, 0.99), (0.01, 0.2, 0.06, 0.8)),
        )
    if kind == "sky":
        made = _faded(size, "#2f6fb8", "#a9cdee")
        ImageDraw.Draw(made).text((size[0] * 0.12, size[1] * 0.4), "OPEN SKY", "white", large)
        ImageDraw.Draw(made).text((size[0] * 0.12, size[1] * 0.8), "13 June", "#14264f", large)
        return Sheet(made, ((0.05, 0.05, 0.95, 0.37), (0.05, 0.52, 0.95, 0.76)))
    if kind == "portrait":
        picture = portrait((1016, 1524), seed)
        if seed % 2:
            return Sheet(picture, ((0.03, 0.03, 0.97, 0.97),))
        made = Image.new("RGB", picture.size, "white")
        made.paste(picture.resize((936, 1404)), (40, 60))
        return Sheet(made, ((0.08, 0.08, 0.92, 0.92),), ((0.1, 0.01, 0.9, 0.03),))
    assert kind == "receipt"
    made = Image.new("RGB", (640, 1754), "white")
    _written(made, (0.08, 0.04, 0.92, 0.9), seed, "#555555")
    return Sheet(made, (), ((0.1, 0.93, 0.9, 0.98),))


def _two(one: Image.Image, other: Image.Image) -> Image.Image:
    """Return two pages side by side, with some of the table between them."""
    gap = one.width // 25
    both = Image.new("RGBA", (one.width + gap + other.width, max(one.height, other.height)))
    both.paste(one.convert("RGBA"), (0, 0))
    both.paste(other.convert("RGBA"), (one.width + gap, 0))
    return both


def _as_photo(picture: Image.Image) -> Photo:
    out = BytesIO()
    picture.save(out, "JPEG", quality=88)
    return Photo(out.getvalue(), [(0, 0), (1, 0), (1, 1), (0, 1)])


KINDS = ("english", "table", "form", "navy", "magazine", "sky", "portrait", "receipt")
WHOLE = ("wood", "dark wood", "cloth", "light", "as white", "checks", "beside another", "wood")
EMPTY = Sheet(Image.new("RGB", (8, 8), "white"))


def cases(every: int = 1, taken: int = 0) -> Iterator[Case]:
    """Yield every so many of the corpus's photos, one after the other, since all of them take a lot of memory.

    Each time that they are `taken`, the cameras, lamps, hands and pages are others.
    """
    number = count()
    chance = taken * 1000
    lamps = [*LAMPS]
    for row, kind in enumerate(KINDS):
        for column, on in enumerate(WHOLE):
            if next(number) % every:
                continue
            seed, lamp = chance + row * 20 + column, lamps[(row + column + taken) % 3]
            one = sheet(kind, column + taken)
            beside = sheet("magazine").picture if on == "beside another" else None
            photo = photograph(
                one.picture,
                seed,
                SIDE,
                on=None if beside else on,
                beside=beside,
                light=LAMPS[lamp],
            )
            yield Case(f"{kind} on {on}, {lamp} light", one, photo, is_whole=True)
        if next(number) % every:
            continue
        moved: Point = ((-0.2, 0), (0.2, 0.02), (0, 0.2), (0.15, 0.18))[row % 4]
        one = sheet(kind, row + taken)
        on = WHOLE[(row + taken) % 4]
        photo = photograph(one.picture, chance + row + 300, SIDE, on=on, moved=moved)
        yield Case(f"{kind} cut by the frame", one, photo, is_whole=False)
    for at, (kind, other, on) in enumerate(
        (
            ("english", "table", "wood"),
            ("magazine", "english", "dark wood"),
            ("navy", "navy", "light"),
            ("receipt", "receipt", "cloth"),
            ("form", "magazine", "wood"),
            ("english", "english", "light"),
        )
    ):
        if next(number) % every:
            continue
        both = _two(sheet(kind).picture, sheet(other).picture)
        photo = photograph(both, chance + 400 + at, SIDE, on=on)
        yield Case(f"{kind} and {other}, two pages", EMPTY, photo, is_whole=None)
    nothing = Image.new("RGBA", (300, 400))
    for at, on in enumerate(("checks", "checks", "checks", "checks", "wood", "cloth", "light")):
        if next(number) % every:
            continue
        photo = photograph(nothing, chance + 500 + at, SIDE, on=on)
        yield Case(f"only {on}", EMPTY, photo, is_whole=None)
    for at in range(8):
        if next(number) % every:
            continue
        size = (1600, 1200) if at % 4 == 2 else (1200, 1600)
        name, drawn = ("portrait", portrait) if at % 2 else ("landscape", landscape)
        yield Case(name, EMPTY, _as_photo(drawn(size, chance + at // 2)), is_whole=None)


_LAB = ImageCms.buildTransform(
    ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
)


def _lab(picture: Image.Image) -> NDArray[np.float64]:
    made = ImageCms.applyTransform(picture, _LAB)
    assert made is not None
    light, a, b = (np.asarray(one, np.float64) for one in made.split())
    # Pillow stores L from 0 to 255, a and b with 128 added.
    return np.stack([light / 2.55, a - 128, b - 128], -1)


def colour_error(made: Image.Image, wanted: Sheet) -> float | None:
    """Return the median difference (CIE 1976) of the coloured areas from those of the page."""
    small = (150, round(150 * wanted.picture.height / wanted.picture.width))
    one, other = (
        _lab(picture.convert("RGB").resize(small, Image.Resampling.BOX))
        for picture in (made, wanted.picture)
    )
    off = np.sqrt(((one - other) ** 2).sum(-1))
    found = [off[_part(box, small)].ravel() for box in wanted.coloured]
    return float(np.median(np.concatenate(found))) if found else None


def _part(box: Box, size: tuple[int, int]) -> tuple[slice, slice]:
    left, top, right, bottom = (round(part * size[at % 2]) for at, part in enumerate(box))
    return slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))


def paper_white(made: Image.Image, wanted: Sheet) -> float | None:
    """Return the median of the darkest channel, of 255, of the bare paper."""
    darkest = np.asarray(made.convert("RGB")).min(-1)
    found = [np.median(darkest[_part(box, made.size)]) for box in wanted.bare]
    return float(min(found)) if found else None
