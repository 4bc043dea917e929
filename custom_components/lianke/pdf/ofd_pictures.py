"""Put the pictures of an OFD file into a PDF: JPEG and JBIG2 as they are, all others decoded."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final
import zlib

from pikepdf import Array, Dictionary, Name, Pdf, Stream
from PIL import Image

from .pictures import BAND_ROWS, MAX_REDUCIBLE_PIXELS, flatten, reading, srgb
from .process import TaskError

# Maximum bytes of memory that a decoded picture takes.
MAX_DECODED_BYTES: Final = 112 * 1024 * 1024
_FORMATS: Final = ("PNG", "JPEG", "BMP", "DIB", "TIFF", "GIF", "WEBP")
_JBIG2: Final = b"\x97JB2\r\n\x1a\n"
# Types of the segments of JBIG2.
_PAGE, _PAGE_END, _FILE_END = 48, 49, 51
# The value that stands for an unknown length of a segment.
_UNKNOWN_LENGTH: Final = 0xFFFFFFFF


def add_picture(pdf: Pdf, data: bytes, mask: bytes | None = None) -> tuple[Any, bool]:
    """Return the picture as an object of the PDF, and whether parts of it are transparent.

    The white parts of `mask`, another picture, are shown. Raises TaskError: image_damaged, image_too_large.
    """
    if data.startswith(_JBIG2):
        return _jbig2(pdf, data), False
    with reading(), Image.open(BytesIO(data), formats=_FORMATS) as opened:
        is_jpeg = opened.format == "JPEG" and opened.mode in ("L", "RGB")
        made = _jpeg(pdf, data, opened) if is_jpeg else _decoded(pdf, opened)
    if mask is not None:
        with reading(), Image.open(BytesIO(mask), formats=_FORMATS) as opened:
            _check_size(opened)
            made.SMask = _stream(pdf, opened.convert("L"))
    return made, Name.SMask in made


def _jpeg(pdf: Pdf, data: bytes, opened: Image.Image) -> Any:
    size, mode = opened.size, opened.mode
    if size[0] * size[1] > MAX_REDUCIBLE_PIXELS:
        raise TaskError("image_too_large")
    # Decode the picture as small as possible to find out whether its end is missing.
    opened.draft(None, (max(1, size[0] // 8), max(1, size[1] // 8)))
    opened.load()
    space = Name.DeviceGray if mode == "L" else Name.DeviceRGB
    return _image(pdf, data, size, space, 8, "DCTDecode")


def _check_size(opened: Image.Image) -> None:
    # Pillow uses one byte per pixel for black-and-white, gray and palette pictures.
    pixel_bytes = 1 if opened.mode in ("1", "L", "P") else 4
    if opened.width * opened.height * pixel_bytes > MAX_DECODED_BYTES:
        raise TaskError("image_too_large")


def _decoded(pdf: Pdf, opened: Image.Image) -> Any:
    _check_size(opened)
    opened.load()
    picture = srgb(opened)
    if not picture.has_transparency_data:
        known = picture.mode in ("1", "L", "RGB", "P")
        return _stream(pdf, picture if known else flatten(picture))
    if picture.mode != "RGBA":
        picture = picture.convert("RGBA")
    made = _stream(pdf, picture)
    made.SMask = _stream(pdf, picture.getchannel("A"))
    return made


def _stream(pdf: Pdf, picture: Image.Image) -> Any:
    space = Name.DeviceGray if picture.mode in ("1", "L") else Name.DeviceRGB
    bits = 1 if picture.mode == "1" else 8
    return _image(pdf, b"".join(_rows(picture)), picture.size, space, bits, "FlateDecode")


def _rows(picture: Image.Image) -> Iterator[bytes]:
    packer = zlib.compressobj(6)
    for top in range(0, picture.height, BAND_ROWS):
        band = picture.crop((0, top, picture.width, min(top + BAND_ROWS, picture.height)))
        if band.mode not in ("1", "L", "RGB"):
            band = band.convert("RGB")
        yield packer.compress(band.tobytes())
    yield packer.flush()


def _image(
    pdf: Pdf, data: bytes, size: tuple[int, int], space: Any, bits: int, packing: str
) -> Any:
    return Stream(
        pdf,
        data,
        Dictionary(
            Type=Name.XObject,
            Subtype=Name.Image,
            Width=size[0],
            Height=size[1],
            ColorSpace=space,
            BitsPerComponent=bits,
            Filter=Array([Name(f"/{packing}")]),
        ),
    )


def _jbig2(pdf: Pdf, data: bytes) -> Any:
    """Return a JBIG2 file as a PDF picture, which leaves out the file header and the end segments of page and file."""
    flags = data[8] if len(data) > 8 else 0
    at = 9 if flags & 2 else 13
    is_sequential = bool(flags & 1)
    segments: list[tuple[bytes, int, int]] = []
    places: list[int] = []
    while at < len(data) and (not segments or segments[-1][1] != _FILE_END):
        segments.append(_segment(data, at))
        at += len(segments[-1][0])
        places.append(at)
        if is_sequential:
            at += segments[-1][2]
    if not is_sequential:
        # All headers come first, then all data.
        places = [at + sum(length for _, _, length in segments[:n]) for n in range(len(segments))]
    kept: list[bytes] = []
    size: tuple[int, int] | None = None
    for (head, kind, length), place in zip(segments, places, strict=True):
        if kind in (_PAGE_END, _FILE_END):
            continue
        body = data[place : place + length]
        if kind == _PAGE and size is None:
            size = int.from_bytes(body[:4]), int.from_bytes(body[4:8])
        kept += [head, body]
    if size is None or not 0 < size[0] * size[1] <= MAX_REDUCIBLE_PIXELS:
        raise TaskError("image_damaged")
    return _image(pdf, b"".join(kept), size, Name.DeviceGray, 1, "JBIG2Decode")


def _segment(data: bytes, at: int) -> tuple[bytes, int, int]:
    """Return the header of the segment at a place, its type and the length of its data."""
    fixed = data[at : at + 6]
    if len(fixed) < 6:
        raise TaskError("image_damaged")
    number, flags, count = int.from_bytes(fixed[:4]), fixed[4], fixed[5] >> 5
    size = 6
    if count == 7:
        count = int.from_bytes(data[at + 5 : at + 9]) & 0x1FFFFFFF
        size = 9 + (count + 8) // 8
    size += count * (1 if number <= 256 else 2 if number <= 65536 else 4)
    size += 4 if flags & 0x40 else 1
    length = int.from_bytes(data[at + size : at + size + 4])
    if at + size + 4 > len(data) or length == _UNKNOWN_LENGTH:
        raise TaskError("image_damaged")
    return data[at : at + size + 4], flags & 0x3F, length
