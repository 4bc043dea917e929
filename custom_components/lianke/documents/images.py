"""Pictures the service does not take, turned into ones it takes. Blocks: run it in the executor."""

import contextlib
import importlib
from pathlib import Path
import threading

from PIL import Image, ImageOps, features

from ..errors import InputError
from ..pdf.pictures import DECODER_ERRORS, flatten
from .sniff import FileType
from .spool import open_private, translate_disk_errors

# Measured with Pillow 12.3: decoding WebP takes 16 bytes a pixel at its peak, AVIF 12, HEIC 9. So a
# picture takes 300 MB at most. The usual 12 to 24 megapixels of phones fit; 48 do not, as none of
# these formats can be decoded at a smaller size.
MAX_PIXELS = 25_000_000
MAX_WEBP_PIXELS = 17_000_000
# Small ones stay without loss; as PNG a large photo would be several times its size.
MAX_PNG_PIXELS = 4_000_000
JPEG_QUALITY = 92
MAX_FRAMES = 2000
HEIF_DECODER = "pillow_heif"
HEIF_HEAD_BYTES = 64
# What decoders raise for damaged pictures, here also where the memory is not enough.
UNREADABLE = (*DECODER_ERRORS, MemoryError)
# One picture at a time, or the peaks add up.
_CONVERTING = threading.Lock()


def convert_image(source: Path, target: Path, name: str) -> FileType:
    """Write the picture at source to the new file target as PNG or JPEG; return which.

    Transparent parts become white, a moving picture its first frame.
    Raises InputError: image_unreadable, image_too_large; HomeAssistantError: disk_full.
    """
    with _CONVERTING:
        try:
            picture = flatten(_decode(source, name))
        except Image.DecompressionBombError:
            raise InputError("image_too_large", name=name) from None
        except UNREADABLE:
            raise InputError("image_unreadable", name=name) from None
        kind = FileType.PNG if picture.width * picture.height <= MAX_PNG_PIXELS else FileType.JPEG
        with translate_disk_errors(), open_private(target) as file:
            if kind is FileType.PNG:
                picture.save(file, "PNG")
            else:
                picture.save(file, "JPEG", quality=JPEG_QUALITY)
    return kind


def _decode(source: Path, name: str) -> Image.Image:
    """Return the picture at source, upright. On return the decoder's memory is free."""
    with Image.open(source) as opened:
        limit = MAX_WEBP_PIXELS if opened.format == "WEBP" else MAX_PIXELS
        if opened.width * opened.height > limit:
            raise InputError("image_too_large", name=name)
        picture = opened.copy()
    ImageOps.exif_transpose(picture, in_place=True)
    return picture


def can_read_heif(path: Path) -> bool:
    """Return whether this installation has a decoder for HEIC or AVIF, as the file at path says."""
    with path.open("rb") as file:
        head = file.read(HEIF_HEAD_BYTES)
    if b"avif" in head or b"avis" in head:
        return bool(features.check("avif"))
    with contextlib.suppress(ImportError):
        importlib.import_module(HEIF_DECODER).register_heif_opener()
        return True
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
    except (*UNREADABLE, Image.DecompressionBombError):
        return None
    return None
