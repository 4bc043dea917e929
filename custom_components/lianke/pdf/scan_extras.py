"""Compare the files of a scan, and convert file formats that scanners rarely send."""

from itertools import permutations
import time
from typing import Any, Final

from PIL import Image, ImageChops

from .pdf_files import new_file, opened, opened_page, render_page
from .pictures import MAX_PICTURE_PIXELS, as_jpeg, flatten, read_picture, reading
from .process import TaskError
from .scan_pages import believed_resolution
from .writer import PagePicture, PdfWriter

# JPEG quality of converted pictures: nobody should see a difference.
_QUALITY: Final = 95
# Maximum pages of a TIFF; a TIFF with more pages is refused.
MAX_CONVERTED: Final = 500
# Seconds after which no more files are compared; the remaining files count as different.
COMPARE_SECONDS: Final = 12.0
# Maximum pages of a PDF that are compared with pictures.
_COMPARED_PAGES: Final = 50
# Pictures are compared after reduction to gray squares, with _FINE cells per side if the pictures have the same size,
# otherwise with _COARSE.
_FINE: Final = 64
_COARSE: Final = 16
# Maximum difference (0 to 255) between two pictures in any cell. A single letter changes a fine cell of an A4 page by
# about 20.
_SAME: Final = {_FINE: 6, _COARSE: 12}
# Maximum fraction of a picture's width and height that its smaller copy (twin) in the same place has: A6, which is half
# as wide as A4, must not count.
_TWIN: Final = 0.45
# Maximum relative difference between the aspect ratios of a picture and its small twin.
_SHAPE: Final = 0.04

type _Size = tuple[int, int]


def compare(request: dict[str, Any]) -> dict[str, Any]:
    """Compare the pictures and PDFs `paths`; `places` has, for each file, the number of its place in the scan's answer.

    Returns `sizes`, the pixels of each picture (None for a PDF), and `alike`, with an item for each pair of files with
    the same content: their numbers, and whether the content is more than blank. The first file of a pair is a picture.
    The second file is a larger picture, a PDF, or a picture of the same size that comes earlier in the answer, at
    another place. A larger picture at the same place must be more than twice as wide and high.
    """
    paths, places = request["paths"], request["places"]
    until = time.monotonic() + COMPARE_SECONDS
    sizes = [_size(path) for path in paths]
    looks: dict[int, list[Image.Image]] = {}
    alike = []
    for small, large in permutations(range(len(paths)), 2):
        is_same_place = places[small] == places[large]
        cells = _cells(sizes[small], sizes[large], _TWIN if is_same_place else 1)
        if cells == _FINE and (is_same_place or small < large):
            cells = 0
        for one in (small, large) if cells else ():
            if one not in looks and time.monotonic() < until:
                looks[one] = _looks(paths[one], is_pdf=sizes[one] is None)
        if cells and any(
            _is_same(one, other, cells)
            for one in looks.get(small, ())
            for other in looks.get(large, ())
        ):
            extremes: Any = looks[small][0].getextrema()
            alike.append((small, large, extremes[1] - extremes[0] > _SAME[_COARSE]))
    return {"sizes": sizes, "alike": alike}


def _size(path: str) -> _Size | None:
    try:
        with reading(), Image.open(path, formats=("JPEG", "PNG")) as found:
            return found.size
    except TaskError:
        return None


def _cells(small: _Size | None, large: _Size | None, most: float) -> int:
    """Return the number of cells per side for comparing two files; 0 if their sizes rule out that the first is a twin.

    A smaller twin has less than `most` times the width and height of the second file.
    """
    if small is None:
        return 0
    if large is None:
        return _COARSE
    if small == large:
        return _FINE
    across, down = small[0] / large[0], small[1] / large[1]
    return _COARSE if max(across, down) < most and abs(across / down - 1) <= _SHAPE else 0


def _looks(path: str, *, is_pdf: bool) -> list[Image.Image]:
    """Return a small gray picture of each page; an empty list if a picture is too large to decode here."""
    size = (_FINE, _FINE)
    if is_pdf:
        with opened(path) as document:
            found = []
            for number in range(min(len(document), _COMPARED_PAGES)):
                with opened_page(document, number) as page:
                    # Draw more pixels than needed and average them, since PDFium drops pixels of pictures.
                    large = (4 * _FINE, 4 * _FINE)
                    drawn = render_page(document, page, large, (0, 0, *large))
                    found.append(drawn.convert("L").resize(size, Image.Resampling.BOX))
            return found
    with reading(), Image.open(path) as picture:
        picture.draft("L", picture.size)
        if picture.width * picture.height > MAX_PICTURE_PIXELS:
            return []
        return [flatten(picture).convert("L").resize(size, Image.Resampling.BOX)]


def _is_same(one: Image.Image, other: Image.Image, cells: int) -> bool:
    first, second = (
        picture.resize((cells, cells), Image.Resampling.BOX) for picture in (one, other)
    )
    extremes: Any = ImageChops.difference(first, second).getextrema()
    return bool(extremes[1] <= _SAME[cells])


def convert_scan(request: dict[str, Any]) -> dict[str, Any]:
    """Convert the picture `path` to the new file `target`, of at most `limit` bytes: a JPEG, or a PDF of several pages.

    `sizes` are the same as for `scan_page`. The answer has the number of `pages`. Raises TaskError: image_damaged,
    image_too_large, too_many_pages, too_large, disk.
    """
    path, limit = request["path"], request["limit"]
    with reading(), Image.open(path, formats=("BMP", "TIFF", "WEBP")) as opened_:
        count = getattr(opened_, "n_frames", 1) if opened_.format == "TIFF" else 1
    if count > MAX_CONVERTED:
        raise TaskError("too_many_pages")
    with new_file(request["target"], limit) as file:
        writer = PdfWriter(file, [], limit) if count > 1 else None
        for number in range(count):
            with reading(), Image.open(path) as found:
                found.seek(number)
                has_color = found.mode not in ("1", "L", "LA", "I;16", "I;16B", "I;16L")
                named = "dpi" in found.info
                full = found.width
                believed = believed_resolution(found, found.size, request.get("sizes"), None)
            picture, size = read_picture(path, number)
            if not has_color:
                picture = picture.convert("L")
            data = as_jpeg(
                picture, _QUALITY, round(picture.width * 72 / size.width) if named else 0
            )
            if writer is None:
                file.write(data)
                continue
            dpi = believed * picture.width / full
            page = PagePicture(
                width=picture.width,
                height=picture.height,
                across_dpi=dpi,
                along_dpi=dpi,
                is_color=picture.mode == "RGB",
                bits=8,
                packing=b"DCTDecode",
            )
            writer.add_page(page, [data])
        if writer is not None:
            writer.finish(true_size=True)
    return {"pages": count}
