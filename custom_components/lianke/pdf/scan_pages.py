"""Straighten, cut and resize pages of scans, make them gray or black and white, and join them into one PDF.

A page is decoded once and redrawn band by band, so that at most two pictures of its size are in memory.
"""

from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import pairwise
import math
from pathlib import Path
import shutil
import struct
from typing import Any, BinaryIO, Final
import zlib

from PIL import Image

from .annotations import drawable
from .pdf_files import folder_of, new_file, render_page
from .pictures import (
    BAND_ROWS,
    MAX_PICTURE_PIXELS,
    Cut,
    as_jpeg,
    has_other_colors,
    read_picture,
    reading,
    reduction,
)
from .plan import MM_PER_INCH, Size
from .process import MAX_SCAN_PIXELS, TaskError
from .writer import PNG_MARK, SCAN_COMMENT, SCAN_MARK, PagePicture, PdfWriter, packed

# Maximum number of pages that are joined into one PDF.
MAX_JOINED: Final = 500
SCAN_QUALITY: Final = 90
# Dots per inch at which pages of a PDF are drawn by default, since they have no resolution of their own.
PDF_SCAN_DPI: Final = 300
# Assumed width in mm of pages whose width is unknown.
WIDTH_MM: Final = 210
_PART_BYTES: Final = 256 * 1024
# Minimum and maximum, in mm, of the short side and of the long side of a page whose picture names its resolution: from
# 40 mm to A3 and ledger, with a tolerance for rounding.
_SIDES_MM: Final = ((39.5, 303.0), (39.5, 433.0))
# A page is at most this many times as wide as the scanner, if that is known.
_WIDEST: Final = 1.1
# Maximum relative difference between the aspect ratios of a picture and of the size that it is assumed to show.
_SAME_SHAPE: Final = 0.02
# Dots per inch that programs name for pictures of unknown resolution; no scanner uses these resolutions.
_NO_DPI: Final = (72, 96)
# The beginning of a JPEG with a JFIF header, up to the unit of its resolution.
_JFIF: Final = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01"
# Bytes of a PNG's signature and of its first chunk, IHDR.
_PNG_HEAD: Final = 33
_USUAL_DPI: Final = (75, 100, 150, 200, 240, 300, 400, 600, 1200)
_NEARLY: Final = 0.05
_EXACTLY: Final = 0.015
_ORIENTATION: Final = 0x0112
_EXIF_DPI: Final = (0x011A, 0x011B, 0x0128)
_MODES: Final = {"color": "RGB", "gray": "L", "mono": "L"}
_BLACK_BELOW: Final = 128


def scan_page(request: dict[str, Any]) -> None:
    """Write a page of a scan to the new JPEG file `target`, of at most `limit` bytes.

    The page has the number `page`, from 0, in the file `path`: a PDF if `is_pdf`, otherwise a picture. `sizes` are the
    sizes in mm that may have been chosen, if any; a picture that fits none of them and names no credible resolution is
    assumed to be as wide as the scanner (`width` in mm), or as A4. With `straighten`, the page is straightened; then
    it is cut to `cut`, the fields of a Cut. `region` selects a part of the result: left, top, width and height in mm.
    `dpi` is the wanted resolution, by default the page's own. `color` is color, gray, or mono (black and white).
    Raises TaskError: damaged, image_damaged, image_too_large, too_large, disk.
    """
    mode = _MODES[request["color"]]
    picture, dpi = read_page(request, mode)
    if request.get("straighten"):
        picture = _turned(picture, skew(picture))
    if request.get("cut"):
        picture, _ = Cut(**request["cut"]).apply(picture, Size(*picture.size))
    # JPEG files can only name a whole number of dots per inch.
    made_dpi = request.get("dpi") or max(1, round(dpi))
    unit = dpi / MM_PER_INCH
    whole = (0, 0, picture.width / unit, picture.height / unit)
    left, top, width, height = request.get("region") or whole
    size = tuple(max(1, round(side / MM_PER_INCH * made_dpi)) for side in (width, height))
    part = (left * unit, top * unit, (left + width) * unit, (top + height) * unit)
    made = _drawn(picture, part, (size[0], size[1]), mode)
    del picture
    if request["color"] == "mono":
        made = made.point(lambda value: 255 if value >= _BLACK_BELOW else 0)
    both_dpi = (made_dpi, made_dpi)
    with new_file(request["target"], request["limit"]) as file:
        made.save(file, "JPEG", quality=SCAN_QUALITY, dpi=both_dpi, comment=SCAN_COMMENT)


def read_page(request: dict[str, Any], mode: str) -> tuple[Image.Image, float]:
    """Return the page that a request for `scan_page` names, at its `dpi` or more, and the page's dots per inch."""
    path, page, dpi_wanted = request["path"], request.get("page", 0), request.get("dpi")
    if request["is_pdf"]:
        folder = folder_of(request["target"])
        return _read_pdf(path, page, folder, dpi_wanted or PDF_SCAN_DPI, mode)
    with reading(), Image.open(path) as found:
        full = found.width
        dpi = believed_resolution(found, found.size, request.get("sizes"), request.get("width"))
        if _is_plain(found):
            # Decode no more pixels than needed, and no color if gray is wanted.
            most = max(found.size) * (dpi_wanted or dpi) / dpi
            factor = reduction(found.size, most, MAX_SCAN_PIXELS)
            found.draft(
                "L" if mode == "L" else None, (found.width // factor, found.height // factor)
            )
            if found.width * found.height > MAX_SCAN_PIXELS:
                raise TaskError("image_too_large")
            found.load()
            return found, dpi * found.width / full
    picture, _ = read_picture(path, page)
    return picture, dpi * max(picture.size) / max(found.size)


def _read_pdf(
    path: str, number: int, folder: str, dpi: int, mode: str
) -> tuple[Image.Image, float]:
    with drawable(path, number, folder) as (document, page, size):
        width, height = (max(1, round(side / 72 * dpi)) for side in size)
        if width * height > MAX_SCAN_PIXELS:
            raise TaskError("image_too_large")
        made = Image.new(mode, (width, height))
        for top in range(0, height, BAND_ROWS):
            rows = min(BAND_ROWS, height - top)
            band = render_page(document, page, (width, rows), (0, -top, width, height))
            made.paste(band.convert(mode), (0, top))
    return made, dpi


def _is_plain(found: Image.Image) -> bool:
    """Return whether a picture is an upright JPEG in gray or sRGB.

    A JPEG that is too large to be converted to sRGB may have any colors.
    """
    plain = found.format == "JPEG" and found.mode in ("L", "RGB")
    is_large = found.width * found.height > MAX_PICTURE_PIXELS
    across, down = found.info.get("dpi", (1, 1))
    return (
        plain
        and (is_large or across == down)
        and found.getexif().get(_ORIENTATION, 1) == 1
        and (is_large or not has_other_colors(found))
    )


def believed_resolution(
    found: Image.Image,
    pixels: tuple[int, int],
    sizes: Sequence[Sequence[float]] | None,
    scanner_mm: float | None,
) -> float:
    """Return the dots per inch of a picture; `pixels` are its width and height when upright.

    Candidates are the resolution that follows from a chosen size, if the picture has that shape, and then the one that
    the picture names, if it makes a page from 40 mm to A3. The first candidate that is a usual resolution wins; if
    none is, the first wins. (An unusual one may mean that the scanner sent another size than the chosen one.) Without a
    candidate, the page is assumed to be as wide as the scanner, or as A4; if a strip would then be longer than A3, the
    lowest usual resolution at which it is no longer than A3 is assumed.
    """
    named = _named_resolution(found)
    if named and found.info.get("comment") == SCAN_COMMENT:
        return named
    short, long = sorted(pixels)
    believed: list[float] = []
    for size in sizes or ():
        one, other = (
            side / mm * MM_PER_INCH for side, mm in zip((short, long), sorted(size), strict=True)
        )
        if abs(one / other - 1) <= _SAME_SHAPE:
            believed.append(math.sqrt(one * other))
    if named:
        sides = (side / named * MM_PER_INCH for side in (short, long))
        fits = all(
            least <= one <= most for one, (least, most) in zip(sides, _SIDES_MM, strict=True)
        )
        widest = (scanner_mm or _SIDES_MM[1][1]) * _WIDEST
        if fits and pixels[0] / named * MM_PER_INCH <= widest:
            believed.append(named)
    if believed:
        return next((dpi for dpi in believed if _usual(dpi, _EXACTLY)), believed[0])
    width = pixels[0] / ((scanner_mm or WIDTH_MM) / MM_PER_INCH)
    least = long / _SIDES_MM[1][1] * MM_PER_INCH
    if width < least:
        # A strip that wide would be longer than any page.
        return next((dpi for dpi in _USUAL_DPI if dpi >= least), least)
    # The glass is slightly wider than the paper that a scanner is made for, so take a usual resolution that is near.
    return _usual(width, _NEARLY) or width


def _usual(dpi: float, off: float) -> int | None:
    usual = min(_USUAL_DPI, key=lambda one: abs(dpi - one))
    return usual if abs(dpi / usual - 1) <= off else None


def _named_resolution(found: Image.Image) -> float | None:
    """Return the dots per inch that a picture names in its header or EXIF; None if neither names a credible value."""
    exif = found.getexif()
    across, down, unit = (exif.get(tag) for tag in _EXIF_DPI)
    factor = MM_PER_INCH / 10 if unit == 3 else 1
    for both, one in ((found.info.get("dpi", ()), 1.0), ((across, down), factor)):
        dpi = max((float(part or 0) * one for part in both), default=0.0)
        if math.isfinite(dpi) and dpi >= 1 and round(dpi) not in _NO_DPI:
            return dpi
    return None


def _drawn(
    picture: Image.Image,
    part: tuple[float, float, float, float],
    size: tuple[int, int],
    mode: str,
) -> Image.Image:
    """Resize a part of a picture; the area beyond the picture becomes white."""
    if size[0] * size[1] > MAX_SCAN_PIXELS:
        raise TaskError("image_too_large")
    across, down = size[0] / (part[2] - part[0]), size[1] / (part[3] - part[1])
    left, top = max(0.0, part[0]), max(0.0, part[1])
    right, bottom = min(float(picture.width), part[2]), min(float(picture.height), part[3])
    made = Image.new(mode, size, "white")
    if left >= right or top >= bottom:
        return made
    place = (round((left - part[0]) * across), round((top - part[1]) * down))
    width = min(max(1, round((right - left) * across)), size[0] - place[0])
    height = min(max(1, round((bottom - top) * down)), size[1] - place[1])
    step = (bottom - top) / height
    for row in range(0, height, BAND_ROWS):
        rows = min(BAND_ROWS, height - row)
        box = (left, top + row * step, right, min(bottom, top + (row + rows) * step))
        band = picture.resize((width, rows), Image.Resampling.BICUBIC, box)
        made.paste(band.convert(mode), (place[0], place[1] + row))
    return made


# Maximum degrees by which a page is straightened; a larger slant is assumed to be intended.
STEEPEST: Final = 5.0
_SKEW_PIXELS: Final = 800
# The factor by which turning a page must make its lines clearer; otherwise the page is not turned.
_BETTER: Final = 1.2


def skew(picture: Image.Image) -> float:
    """Return the degrees by which a page must be turned clockwise to make its lines level; 0 if it has no lines."""
    factor = max(1.0, max(picture.size) / _SKEW_PIXELS)
    size = (max(1, round(picture.width / factor)), max(1, round(picture.height / factor)))
    small = picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0).convert("L")
    rim = min(math.ceil(max(size) / 2 * math.tan(math.radians(STEEPEST))), (min(size) - 1) // 4)

    def row_contrast(degrees: float) -> int:
        """Return how much each row differs from the next after such a turn; the rim, with turned edges, is ignored."""
        inner = _turned(small, degrees).crop((rim, rim, size[0] - rim, size[1] - rim))
        rows = inner.resize((1, inner.height), Image.Resampling.BOX).tobytes()
        return sum((one - other) ** 2 for one, other in pairwise(rows))

    level = row_contrast(0)
    best = max((number / 2 for number in range(-10, 11)), key=row_contrast)
    best = max((best + number / 10 for number in range(-5, 6)), key=row_contrast)
    return best if abs(best) <= STEEPEST and row_contrast(best) > level * _BETTER else 0.0


def _turned(picture: Image.Image, degrees: float) -> Image.Image:
    if not degrees:
        return picture
    return picture.rotate(-degrees, Image.Resampling.BICUBIC, fillcolor="white")


def mark_scan(request: dict[str, Any]) -> None:
    """Copy the JPEG or PNG `path` to the new file `target`, so that it names the resolution that follows from `sizes`.

    The picture itself stays as it is. Raises TaskError: image_damaged, also for a JPEG without JFIF header whose colors
    such a header would change; disk.
    """
    with reading(), Image.open(request["path"], formats=("JPEG", "PNG")) as found:
        dpi = max(1, round(believed_resolution(found, found.size, request.get("sizes"), None)))
        is_png = found.format == "PNG"
        # Without a JFIF header, the components' numbers and Adobe's marker say what the colors are. 1, 2 and 3 without
        # that marker mean the colors of JFIF.
        numbers = [layer[0] for layer in getattr(found, "layer", ())]
        may_be_jfif = found.mode == "L" or (numbers == [1, 2, 3] and "adobe" not in found.info)
    with Path(request["path"]).open("rb") as source:
        if is_png:
            parts = [*_marked_png(source, dpi)]
        else:
            head = source.read(11)
            is_jfif = head[:4] == _JFIF[:4] and head[6:] == _JFIF[6:11]
            if not is_jfif and not may_be_jfif:
                raise TaskError("image_damaged")
            source.seek(4 + int.from_bytes(head[4:6]) if is_jfif else 2)
            parts = [_JFIF, struct.pack(">BHHH", 1, dpi, dpi, 0), SCAN_MARK]
        with new_file(request["target"]) as file:
            file.writelines(parts)
            shutil.copyfileobj(source, file)


def _marked_png(source: BinaryIO, dpi: int) -> Iterator[bytes]:
    """Read a PNG up to its pixels; yield that part with this resolution, and with PNG_MARK."""
    yield source.read(_PNG_HEAD)
    dots = round(dpi / MM_PER_INCH * 1000)
    for chunk in (struct.pack(">4sIIB", b"pHYs", dots, dots, 1), PNG_MARK):
        yield struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    while (head := source.read(8)) and head[4:] != b"IDAT":
        chunk = head + source.read(int.from_bytes(head[:4]) + 4)
        if head[4:] != b"pHYs":
            yield chunk
    yield head


def join_scans(request: dict[str, Any]) -> None:
    """Join the JPEG and PNG files `paths`, one page each, into the new PDF file `target`, of at most `limit` bytes.

    Upright JPEGs in gray or sRGB are copied as they are; other pictures are converted to such JPEGs. A page has the
    chosen size (one of `sizes`, in mm), or the size that follows from the picture's resolution, as in
    `believed_resolution`. With `mono`, pages become black and white, which takes a tenth of the space.
    Raises TaskError: image_damaged, image_too_large, too_many_pages, too_large, disk.
    """
    if not 0 < len(request["paths"]) <= MAX_JOINED:
        raise TaskError("too_many_pages")
    with new_file(request["target"]) as file:
        writer = PdfWriter(file, [], request["limit"])
        for path in request["paths"]:
            _add_page(writer, path, request.get("sizes"), mono=request["mono"])
        writer.finish(true_size=True)


def _add_page(
    writer: PdfWriter, path: str, sizes: Sequence[Sequence[float]] | None, *, mono: bool
) -> None:
    with reading(), Image.open(path, formats=("JPEG", "PNG")) as found:
        page: Image.Image = found
        if not (is_plain := _is_plain(found)):
            page, _ = read_picture(path)
            if max(page.size) < max(found.size):
                raise TaskError("image_too_large")
        dpi = believed_resolution(found, page.size, sizes, None)
        picture = PagePicture(
            width=page.width,
            height=page.height,
            across_dpi=dpi,
            along_dpi=dpi,
            is_color=page.mode == "RGB" and not mono,
            bits=1 if mono else 8,
            packing=b"FlateDecode" if mono else b"DCTDecode",
        )
        if not mono:
            with (
                Path(path).open("rb") if is_plain else BytesIO(as_jpeg(page, SCAN_QUALITY)) as file
            ):
                writer.add_page(picture, iter(lambda: file.read(_PART_BYTES), b""))
            return
        if page.width * page.height > MAX_SCAN_PIXELS:
            raise TaskError("image_too_large")
        found.draft("L", found.size)
        gray = page.convert("L")
    bands = (
        gray.crop((0, top, gray.width, min(gray.height, top + BAND_ROWS)))
        .point(lambda value: 255 if value >= _BLACK_BELOW else 0)
        .convert("1", dither=Image.Dither.NONE)
        .tobytes()
        for top in range(0, gray.height, BAND_ROWS)
    )
    writer.add_page(picture, packed(bands))
