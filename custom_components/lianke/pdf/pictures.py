"""Read pictures with Pillow: upright, in sRGB or grey, on white, cropped."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
import struct
from typing import Any, Final, NamedTuple
import zlib

from PIL import Image, ImageCms, ImageOps

from .plan import Rect, Size
from .process import TaskError

# Decoded, turned and converted, a pixel takes up to ten bytes of the process's memory.
MAX_PICTURE_PIXELS: Final = 30_000_000
# Of a JPEG that is put on a page.
PAGE_QUALITY: Final = 92
# Rows that are worked on at a time, so that a page is not in memory twice.
BAND_ROWS: Final = 256
# JPEG can be decoded at a smaller size.
MAX_REDUCIBLE_PIXELS: Final = 250_000_000
STRONGEST_REDUCTION: Final = 8
ASSUMED_DPI: Final = 96
# By how many times dots may be denser across than down, or down than across.
OBLONG: Final = 4
NEARLY_SQUARE: Final = 0.02
# What decoders raise for damaged pictures, beyond what they document.
DECODER_ERRORS: Final = (
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    AttributeError,
    RuntimeError,
    AssertionError,
    struct.error,
    zlib.error,
)


@contextmanager
def reading() -> Iterator[None]:
    """Turn what Pillow raises into TaskError: image_damaged, image_too_large."""
    try:
        yield
    except FileNotFoundError:
        raise
    except Image.DecompressionBombError, Image.DecompressionBombWarning:
        raise TaskError("image_too_large") from None
    except DECODER_ERRORS:
        raise TaskError("image_damaged") from None


def read_picture(path: str, frame: int = 0, most: int | None = None) -> tuple[Image.Image, Size]:
    """Read a picture, or a frame of one, and its natural size in points, both upright.

    `most` is how many pixels its longer side needs to be sharp enough: many more are thrown away. Raises TaskError:
    image_damaged, image_too_large.
    """
    Image.MAX_IMAGE_PIXELS = None
    with reading(), Image.open(path) as opened:
        if frame:
            opened.seek(frame)
            if opened.mode not in ("P", "PA"):
                # Pillow would apply the palette of the first page to this one.
                opened.palette = None
        # Phones put further pictures behind the photo; Pillow calls such a file MPO.
        is_jpeg = opened.format in ("JPEG", "MPO")
        full, pixels = opened.size, opened.width * opened.height
        factor = reduction(full, most or max(full), MAX_PICTURE_PIXELS)
        picture: Image.Image = opened
        if is_jpeg and pixels <= MAX_REDUCIBLE_PIXELS:
            opened.draft(None, (max(1, full[0] // factor), max(1, full[1] // factor)))
        if picture.width * picture.height > MAX_PICTURE_PIXELS:
            raise TaskError("image_too_large")
        across, down = _named_resolution(opened)
        turned = picture.getexif().get(0x0112, 1) >= 5
        picture.load()
        if most and max(picture.size) > most * 2:
            picture = _without_palette(picture)
            picture.thumbnail((most, most))
        picture = _square(picture, across / down)
        ImageOps.exif_transpose(picture, in_place=True)
        picture = flatten(srgb(picture))
    size = Size(full[0] * 72 / across, full[1] * 72 / down)
    return picture, size.turned if turned else size


def as_jpeg(picture: Image.Image, quality: int, dpi: int = 0) -> bytes:
    """Leave out the dots per inch if they are 0."""
    out = BytesIO()
    picture.save(out, "JPEG", quality=quality, subsampling=0, dpi=(dpi, dpi))
    return out.getvalue()


def reduction(full: tuple[int, int], most: float, max_pixels: int) -> int:
    """Return the factor, 1, 2, 4 or 8, by which a picture can be made smaller while it is decoded.

    `most` is how many pixels its longer side needs, `max_pixels` how many it may have in all.
    """
    factor = 1
    while factor < STRONGEST_REDUCTION and (
        full[0] * full[1] > max_pixels * factor**2 or max(full) >= most * factor * 2
    ):
        factor *= 2
    return factor


def _named_resolution(opened: Image.Image) -> tuple[float, float]:
    """Return the dots per inch across and down that the picture names, if they make sense, else DEFAULT_DPI."""
    found: Any = opened.info.get("dpi", (ASSUMED_DPI,))
    across, down = float(found[0]), float(found[-1])
    if not (20 <= across <= 10_000 and 20 <= down <= 10_000):
        return ASSUMED_DPI, ASSUMED_DPI
    # Faxes have twice as many dots across; a much larger difference is a mistake.
    return (across, down) if 1 / OBLONG <= across / down <= OBLONG else (across, across)


def _square(picture: Image.Image, oblong: float) -> Image.Image:
    """Make pixels as wide as high; `oblong` is how many times higher they are."""
    width, height = picture.size
    if abs(oblong - 1) < NEARLY_SQUARE:
        return picture
    size = (width, round(height * oblong)) if oblong > 1 else (round(width / oblong), height)
    if size[0] * size[1] > MAX_PICTURE_PIXELS:
        return picture
    exif = picture.getexif()
    resized = _without_palette(picture).resize(size)
    resized.info["exif"] = exif.tobytes()
    return resized


def _without_palette(picture: Image.Image) -> Image.Image:
    if picture.mode in ("P", "1", "PA"):
        return picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    return picture


_PROFILE_ERRORS: Final = (ImageCms.PyCMSError, OSError, ValueError, TypeError, ImportError)


def srgb(picture: Image.Image) -> Image.Image:
    """Convert colours to sRGB by the profile that the picture carries; it may be changed itself."""
    profile = picture.info.get("icc_profile")
    if not profile:
        return picture
    if picture.mode in ("P", "PA"):
        picture = _without_palette(picture)
    if picture.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return picture
    mode = "RGBA" if picture.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        converted = ImageCms.profileToProfile(
            picture,
            source,
            ImageCms.createProfile("sRGB"),
            outputMode=mode,
            # So a large one is not in memory twice.
            inPlace=mode == picture.mode,
        )
    except _PROFILE_ERRORS:
        # The profile does not fit, or Pillow has no LittleCMS: the colours stay as they are.
        return picture
    converted = converted or picture
    converted.info.pop("icc_profile", None)
    return converted


def has_other_colors(picture: Image.Image) -> bool:
    """Check for a profile of colours that look different as sRGB."""
    if not (profile := picture.info.get("icc_profile")):
        return False
    try:
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(profile)))
    except _PROFILE_ERRORS:
        return False
    return "srgb" not in name.casefold()


def flatten(picture: Image.Image) -> Image.Image:
    """Convert to grey or colour, white where the picture is transparent."""
    if picture.mode in ("L", "RGB"):
        return picture
    if picture.mode == "F":
        # The values go up to 1, 255 or 65,535.
        extrema: Any = picture.getextrema()
        unit = 255.0 if extrema[1] <= 1 else 1.0 if extrema[1] <= 255 else 1 / 256
        return picture.point(lambda value: value * unit).convert("L")
    if picture.mode.startswith("I"):
        return picture.convert("I").point(lambda value: value / 256).convert("L")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layer = picture if picture.mode == "RGBA" else picture.convert("RGBA")
    flat = Image.new("RGB", layer.size, "white")
    flat.paste(layer, mask=layer.getchannel("A"))
    return flat


# A chosen part that differs from the shape by no more than this, as in a photo taken slightly from the side, is
# stretched to it; of any other the middle is kept.
STRETCHABLE = 0.1


class Crop(NamedTuple):
    """The shape that pictures are cropped to."""

    shape: Size
    # The shape is turned to each picture's orientation.
    turns: bool
    # The most that the longer side of a picture keeps.
    pixels: int


class Cut(NamedTuple):
    """The part of a picture that was chosen by hand.

    The picture is turned clockwise first, by `turn` degrees, in a frame that holds all of it; the edges are
    parts of that frame's width and height.
    """

    left: float
    top: float
    right: float
    bottom: float
    turn: float

    def apply(self, picture: Image.Image, size: Size) -> tuple[Image.Image, Size]:
        """Return the part and its size; `size` is the whole picture's in points."""
        turned = self._turned(picture)
        # Each pixel keeps its size in points.
        unit = size.width / picture.width, size.height / picture.height
        if picture.size == turned.size[::-1] and picture.size != turned.size:
            unit = unit[::-1]
        box = _pixel_box(
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
        return picture.rotate(-turn, Image.Resampling.BICUBIC, expand=True, fillcolor="white")


def cropped(
    picture: Image.Image, size: Size, crop: Crop, *, chosen: bool = False
) -> tuple[Image.Image, Size]:
    """Keep the middle, or all of a `chosen` picture that has almost this shape already."""
    shape = crop.shape
    # A square is neither landscape nor portrait.
    if crop.turns and size.width != size.height and size.is_landscape != shape.is_landscape:
        shape = shape.turned
    factor = min(size.width / shape.width, size.height / shape.height)
    wanted = Size(shape.width * factor, shape.height * factor)
    kept = Rect(0, 0, wanted.width / size.width, wanted.height / size.height)
    if chosen and min(kept.size) >= 1 - STRETCHABLE:
        return picture, wanted
    left, top = (1 - kept.width) / 2 * picture.width, (1 - kept.height) / 2 * picture.height
    box = _pixel_box(picture, (left, top), (picture.width - left, picture.height - top))
    return picture.crop(box), wanted


def _pixel_box(
    picture: Image.Image, first: tuple[float, float], last: tuple[float, float]
) -> tuple[int, int, int, int]:
    """Round to a box of at least one pixel within the picture."""
    left = min(round(first[0]), picture.width - 1)
    top = min(round(first[1]), picture.height - 1)
    return left, top, max(left + 1, round(last[0])), max(top + 1, round(last[1]))
