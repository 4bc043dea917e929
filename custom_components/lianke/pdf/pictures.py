"""Read pictures with Pillow: upright, in sRGB or grey, on white."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
import struct
from typing import Any, Final
import zlib

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from .failure import TaskError
from .geometry import Size
from .png_strips import strips

# Decoded, turned and converted, a pixel takes up to ten bytes of the process's memory.
MAX_PIXELS: Final = 30_000_000
# JPEG can be decoded at a smaller size.
MAX_JPEG_PIXELS: Final = 250_000_000
# PNG can be read a strip at a time, which takes as long as it has pixels.
MAX_PNG_PIXELS: Final = 100_000_000
STRONGEST_REDUCTION: Final = 8
DEFAULT_DPI: Final = 96
# Times as many dots across as down, or down as across.
OBLONG: Final = 4
NEARLY_SQUARE: Final = 0.02
# What decoders raise for damaged pictures, besides what they should.
DECODER_ERRORS: Final = (
    UnidentifiedImageError,
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
    """Return a picture, or a frame of one, and its natural size in points, both upright.

    `most` is how many pixels its longer side has to have at least to be sharp enough: more are
    thrown away. Raises TaskError: image_damaged, image_too_large.
    """
    Image.MAX_IMAGE_PIXELS = None
    with reading(), Image.open(path) as opened:
        if frame:
            opened.seek(frame)
            if opened.mode not in ("P", "PA"):
                # Pillow would lay the palette of the first page on this one.
                opened.palette = None
        pixels = opened.width * opened.height
        # Phones put further pictures behind the photo, which Pillow calls MPO.
        is_jpeg = opened.format in ("JPEG", "MPO")
        full = opened.size
        if opened.format == "PNG" and MAX_PIXELS < pixels <= MAX_PNG_PIXELS:
            return _read_strips(path, opened, _reduction(full, most or max(full)))
        if pixels > (MAX_JPEG_PIXELS if is_jpeg else MAX_PIXELS):
            raise TaskError("image_too_large")
        if is_jpeg:
            factor = _reduction(full, most or max(full))
            opened.draft(None, (max(1, full[0] // factor), max(1, full[1] // factor)))
        if opened.width * opened.height > MAX_PIXELS:
            raise TaskError("image_too_large")
        across, down = _resolution(opened)
        turned = opened.getexif().get(0x0112, 1) >= 5
        opened.load()
        picture: Image.Image = opened
        if most and max(picture.size) > most * 2:
            picture = _plain(picture)
            picture.thumbnail((most, most))
        picture = _square(picture, across / down)
        ImageOps.exif_transpose(picture, in_place=True)
        picture = flatten(_srgb(picture))
    size = Size(full[0] * 72 / across, full[1] * 72 / down)
    return picture, size.turned if turned else size


def _read_strips(path: str, opened: Image.Image, factor: int) -> tuple[Image.Image, Size]:
    """Return a large PNG made `factor` times smaller, and its size as `read_picture` does."""
    width, height = opened.size
    small: Image.Image | None = None
    top = 0
    try:
        for strip in strips(path, factor):
            part = flatten(strip).reduce(factor)
            if small is None:
                small = Image.new(part.mode, (part.width, -(-height // factor)))
            small.paste(part, (0, top))
            top += part.height
    except MemoryError:
        raise TaskError("image_too_large") from None
    assert small is not None
    # Pillow's own for PNG would read all pixels for what may be behind them.
    turned = Image.Image.getexif(opened).get(0x0112, 1) >= 5
    small.info = {key: opened.info[key] for key in ("exif", "icc_profile") if key in opened.info}
    across, down = _resolution(opened)
    picture = _square(small, across / down)
    ImageOps.exif_transpose(picture, in_place=True)
    size = Size(width * 72 / across, height * 72 / down)
    return flatten(_srgb(picture)), size.turned if turned else size


def as_jpeg(picture: Image.Image, quality: int) -> bytes:
    """Return a picture as JPEG data."""
    out = BytesIO()
    picture.save(out, "JPEG", quality=quality, subsampling=0)
    return out.getvalue()


def _reduction(full: tuple[int, int], most: int) -> int:
    """Return by how much a picture of that size can be made smaller while it is decoded."""
    factor = 1
    while factor < STRONGEST_REDUCTION and (
        full[0] * full[1] > MAX_PIXELS * factor**2 or max(full) >= most * factor * 2
    ):
        factor *= 2
    return factor


def _resolution(opened: Image.Image) -> tuple[float, float]:
    """Return the dots per inch across and down that a picture names, if they make sense."""
    found: Any = opened.info.get("dpi", (DEFAULT_DPI,))
    across, down = float(found[0]), float(found[-1])
    if not (20 <= across <= 10_000 and 20 <= down <= 10_000):
        return DEFAULT_DPI, DEFAULT_DPI
    # Faxes have twice as many dots across; what differs more is a mistake.
    return (across, down) if 1 / OBLONG <= across / down <= OBLONG else (across, across)


def _square(picture: Image.Image, oblong: float) -> Image.Image:
    """Return the picture with pixels as wide as high; `oblong` is how many times higher they are."""
    width, height = picture.size
    if abs(oblong - 1) < NEARLY_SQUARE:
        return picture
    size = (width, round(height * oblong)) if oblong > 1 else (round(width / oblong), height)
    if size[0] * size[1] > MAX_PIXELS:
        return picture
    exif = picture.getexif()
    resized = _plain(picture).resize(size)
    resized.info["exif"] = exif.tobytes()
    return resized


def _plain(picture: Image.Image) -> Image.Image:
    """Return the picture without a palette, so that it can be made smaller."""
    if picture.mode in ("P", "1", "PA"):
        return picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    return picture


def _srgb(picture: Image.Image) -> Image.Image:
    """Return the picture with its colours as sRGB, by the profile it carries."""
    profile = picture.info.get("icc_profile")
    if not profile or picture.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return picture
    mode = "RGBA" if picture.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        converted = ImageCms.profileToProfile(
            picture, source, ImageCms.createProfile("sRGB"), outputMode=mode
        )
    except ImageCms.PyCMSError, OSError, ValueError, TypeError, ImportError:
        # A profile that fits nothing, or Pillow without LittleCMS: the colours are taken as they are.
        return picture
    return converted or picture


def flatten(picture: Image.Image) -> Image.Image:
    """Return the picture in grey or colour, white where it is transparent."""
    if picture.mode in ("L", "RGB"):
        return picture
    if picture.mode == "F":
        # From 0 to 1, or whole numbers of eight or sixteen bits.
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
