"""Pictures the service does not take, turned into ones it takes. Blocks: run it in the executor."""

import contextlib
import importlib
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from .document import input_error
from .sniff import Kind
from .spool import open_private

# Four bytes a pixel: 240 MB at worst, and above what any camera in a house takes.
MAX_PIXELS = 60_000_000
# Small ones stay without loss; as PNG a large photo would be several times its size.
MAX_PNG_PIXELS = 4_000_000
JPEG_QUALITY = 92
MAX_FRAMES = 2000
HEIF_DECODER = "pillow_heif"


def convert_image(source: Path, target: Path, name: str) -> Kind:
    """Write the picture at source to the new file target as PNG or JPEG; return which.

    Transparent parts become white, a moving picture its first frame.
    Raises ServiceValidationError: image_unreadable, image_too_large.
    """
    try:
        with Image.open(source) as opened:
            width, height = opened.size
            if width * height > MAX_PIXELS:
                raise input_error("image_too_large", name=name)
            picture = ImageOps.exif_transpose(opened)
            if picture.mode in ("RGBA", "LA", "PA", "P"):
                layer = picture.convert("RGBA")
                picture = Image.new("RGB", layer.size, "white")
                picture.paste(layer, mask=layer.getchannel("A"))
            elif picture.mode != "L":
                picture = picture.convert("RGB")
    except (
        UnidentifiedImageError,
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
    ):
        raise input_error("image_unreadable", name=name) from None
    kind = Kind.PNG if width * height <= MAX_PNG_PIXELS else Kind.JPEG
    with open_private(target) as file:
        if kind is Kind.PNG:
            picture.save(file, "PNG")
        else:
            picture.save(file, "JPEG", quality=JPEG_QUALITY)
    return kind


def can_read_heif(path: Path) -> bool:
    """Return whether this installation has a decoder for the HEIC or AVIF file at path."""
    with contextlib.suppress(ImportError):
        importlib.import_module(HEIF_DECODER).register_heif_opener()
    try:
        with Image.open(path):
            return True
    except UnidentifiedImageError, OSError:
        return False


def count_frames(path: Path) -> int | None:
    """Return the number of pages of a TIFF file; None when it cannot be read."""
    try:
        with Image.open(path) as picture:
            for frame in range(MAX_FRAMES):
                try:
                    picture.seek(frame)
                except EOFError:
                    return frame
    except UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError:
        return None
    return None
