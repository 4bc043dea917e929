"""Read pictures with Pillow: upright, in sRGB or gray, on a white background, cropped."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
import struct
from typing import Any, Final, NamedTuple
import zlib

from PIL import Image, ImageCms, ImageOps

from .plan import Rect, Size
from .process import TaskError

# Maximum pixels of a decoded picture: while it is turned and converted, a pixel takes up to ten bytes of memory.
MAX_PICTURE_PIXELS: Final = 30_000_000
# Quality of a JPEG that is put on a page.
PAGE_QUALITY: Final = 92
# Rows that are processed at a time, so that a page is not in memory twice.
BAND_ROWS: Final = 256
# Maximum pixels of a JPEG, which can be decoded at a reduced size.
MAX_REDUCIBLE_PIXELS: Final = 250_000_000
STRONGEST_REDUCTION: Final = 8
ASSUMED_DPI: Final = 96
# Maximum ratio of the horizontal to the vertical resolution, and of the vertical to the horizontal.
OBLONG: Final = 4
NEARLY_SQUARE: Final = 0.02
# Errors that decoders raise for damaged pictures, many of them undocumented.
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
    """Turn the errors of Pillow into TaskError: image_damaged, image_too_large."""
    try:
        yield
    except FileNotFoundError:
        raise
    except Image.DecompressionBombError, Image.DecompressionBombWarning:
        raise TaskError("image_too_large") from None
    except DECODER_ERRORS:
        raise TaskError("image_damaged") from None


def read_picture(path: str, frame: int = 0, most: int | None = None) -> tuple[Image.Image, Size]:
    """Return a frame of a picture, and its natural size in points, both upright.

    `most` is the number of pixels that the longer side needs to look sharp; a picture with far more pixels is reduced.
    Raises TaskError: image_damaged, image_too_large.
    """
    Image.MAX_IMAGE_PIXELS = None
    with reading(), Image.open(path) as opened:
        if frame:
            opened.seek(frame)
            if opened.mode not in ("P", "PA"):
                # Pillow would apply the palette of the first frame to this frame.
                opened.palette = None
        # Phones append further pictures to a photo; Pillow calls such a file MPO.
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
    """Encode a picture as JPEG, without a resolution if `dpi` is 0."""
    out = BytesIO()
    picture.save(out, "JPEG", quality=quality, subsampling=0, dpi=(dpi, dpi))
    return out.getvalue()


def reduction(full: tuple[int, int], most: float, max_pixels: int) -> int:
    """Return the factor (1, 2, 4 or 8) by which a picture can be reduced while it is decoded.

    `most` is the number of pixels needed along the longer side, `max_pixels` the maximum for the whole picture.
    """
    factor = 1
    while factor < STRONGEST_REDUCTION and (
        full[0] * full[1] > max_pixels * factor**2 or max(full) >= most * factor * 2
    ):
        factor *= 2
    return factor


def _named_resolution(opened: Image.Image) -> tuple[float, float]:
    """Return the horizontal and vertical resolution in dpi: that of the file if it makes sense, or ASSUMED_DPI."""
    found: Any = opened.info.get("dpi", (ASSUMED_DPI,))
    across, down = float(found[0]), float(found[-1])
    if not (20 <= across <= 10_000 and 20 <= down <= 10_000):
        return ASSUMED_DPI, ASSUMED_DPI
    # Faxes have twice as many dots per inch across as down; a much larger difference is a mistake.
    return (across, down) if 1 / OBLONG <= across / down <= OBLONG else (across, across)


def _square(picture: Image.Image, oblong: float) -> Image.Image:
    """Resize a picture so that its pixels become square; `oblong` is the height of a pixel divided by its width."""
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
    """Return the picture with its colors converted from its embedded profile to sRGB; the original may be changed."""
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
            # Convert in place if possible, so that a large picture is not in memory twice.
            inPlace=mode == picture.mode,
        )
    except _PROFILE_ERRORS:
        # The profile does not fit, or Pillow has no LittleCMS: the colors stay as they are.
        return picture
    converted = converted or picture
    converted.info.pop("icc_profile", None)
    return converted


def has_other_colors(picture: Image.Image) -> bool:
    """Return whether the picture has a color profile other than sRGB."""
    if not (profile := picture.info.get("icc_profile")):
        return False
    try:
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(profile)))
    except _PROFILE_ERRORS:
        return False
    return "srgb" not in name.casefold()


def flatten(picture: Image.Image) -> Image.Image:
    """Convert to gray or RGB, with white where the picture is transparent."""
    if picture.mode in ("L", "RGB"):
        return picture
    if picture.mode == "F":
        # Depending on the file, the values go up to 1, 255 or 65,535.
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


# A part selected by the user is stretched to the wanted shape if its proportion differs by at most this fraction, as in
# a photo taken at a slight angle. Any other picture is cropped to its middle.
STRETCHABLE = 0.1


class Crop(NamedTuple):
    """The shape that pictures are cropped to."""

    shape: Size
    # Whether the shape is turned to each picture's orientation.
    turns: bool
    # Maximum pixels that the longer side of a picture keeps.
    pixels: int


class Cut(NamedTuple):
    """The part of a picture that the user selected.

    The picture is first turned clockwise by `turn` degrees, in a frame that holds the whole picture. The edges are
    fractions of the frame's width and height.
    """

    left: float
    top: float
    right: float
    bottom: float
    turn: float

    def apply(self, picture: Image.Image, size: Size) -> tuple[Image.Image, Size]:
        """Return the part and its size in points; `size` is the size of the whole picture."""
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
    """Return a picture cropped to a shape, and its size in points.

    The middle of the picture is kept, or all of a picture that the user has already cut (`chosen`) and that almost has
    the shape.
    """
    shape = crop.shape
    # A square picture is neither landscape nor portrait, so the shape stays as it is.
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
    """Round two corners to a box of at least one pixel within the picture."""
    left = min(round(first[0]), picture.width - 1)
    top = min(round(first[1]), picture.height - 1)
    return left, top, max(left + 1, round(last[0])), max(top + 1, round(last[1]))
