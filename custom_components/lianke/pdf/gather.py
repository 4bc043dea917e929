"""Bring the pages of PDF files and pictures together in one document."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
import ctypes
from dataclasses import dataclass, field
import hashlib
from io import BytesIO
import re
from typing import Any, Final

from PIL import Image
import pypdfium2

from .annotations import flatten, give_appearances
from .crop import Crop, Cut, cropped
from .failure import TaskError
from .files import names, opened
from .geometry import Size
from .layers import LAYER_NAMES, Layers, may_hide
from .pictures import as_jpeg, read_picture
from .process import MAX_SOURCE_PAGES
from .render import render
from .revision import with_form

# Pixels of a picture's longer side: 340 an inch on A4. More cannot be seen.
MOST_PIXELS: Final = 4000
QUALITY: Final = 92
# Of a page's longer side, enough to see that a layer is hidden.
FEW_PIXELS: Final = 600
FREE_TEXT: Final = b"/FreeText"
NAMES: Final = re.compile(rb"%b|%b\b" % (LAYER_NAMES, FREE_TEXT))
# Points; a PDF page cannot be larger.
LARGEST: Final = 14_400


@dataclass(slots=True)
class Gathered:
    """Pages in one document: their sizes as they are seen, and where each file's first one is."""

    document: Any
    sizes: list[Size] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)


def gather(files: list[dict[str, Any]], crop: Crop | None = None) -> Gathered:
    """Return the pages of files in one new document.

    Each file has `path`, `is_pdf` and `pages`, their numbers from 0; a picture may have `cut`, the
    fields of the Cut that was chosen of it. Raises TaskError.
    """
    gathered = Gathered(pypdfium2.PdfDocument.new())
    for file in files:
        gathered.starts.append(len(gathered.sizes))
        if len(gathered.sizes) + len(file["pages"]) > MAX_SOURCE_PAGES:
            raise TaskError("too_many_pages")
        if file["is_pdf"]:
            _add_pages(gathered, file)
        else:
            for frame in file["pages"]:
                _add_picture(gathered, file, frame, crop)
    return gathered


def _reduce(picture: Image.Image) -> None:
    """Make a picture that is larger than can be seen smaller."""
    if max(picture.size) > MOST_PIXELS:
        picture.thumbnail((MOST_PIXELS, MOST_PIXELS), Image.Resampling.LANCZOS)


def import_pages(target: Any, source: Any, pages: list[int]) -> None:
    """Append pages of a document, by their numbers from 0, to another. Raises TaskError: damaged."""
    numbers = (ctypes.c_int * len(pages))(*pages)
    if not pypdfium2.raw.FPDF_ImportPagesByIndex(target, source, numbers, len(pages), len(target)):
        raise TaskError("damaged")


def _add_pages(gathered: Gathered, file: dict[str, Any]) -> None:
    """Append pages of a PDF file; seals, notes and fields of forms become part of them."""
    with opened(file["path"]) as source:
        if not file["pages"] or max(file["pages"]) >= len(source):
            raise TaskError("damaged")
        found = names(source, NAMES)
        text = FREE_TEXT in found
        with with_form(source, file["path"]) if text else nullcontext(source) as document:
            layers = Layers(document, file["path"]) if may_hide(found) else None
            try:
                _add_from(gathered, document, file["pages"], layers)
            finally:
                if layers is not None:
                    layers.close()


def _add_from(gathered: Gathered, document: Any, numbers: list[int], layers: Layers | None) -> None:
    """Append pages of an open document; layers if some may be hidden."""
    document.init_forms()
    # Copies lose which layers are hidden.
    seen: list[bytes | None] = []
    for number in numbers:
        with _page(document, number) as page:
            if layers is not None:
                layers.hide_annotations(page, number)
            if pypdfium2.raw.FPDFPage_GetAnnotCount(page) > 0:
                give_appearances(document, page)
            seen.append(None if layers is None else _seen(document, page))
    first = len(gathered.document)
    import_pages(gathered.document, document, numbers)
    for place, (number, drawn) in enumerate(zip(numbers, seen, strict=True), first):
        with _page(gathered.document, place) as page:
            size = Size(*page.get_size())
            if min(size) <= 0:
                raise TaskError("damaged")
            gathered.sizes.append(size)
            hides = layers is not None and _seen(gathered.document, page) != drawn
            if not hides:
                flatten(page)
        if hides:
            gathered.document.del_page(place)
            with _page(document, number) as page:
                picture = _drawn(document, page, MOST_PIXELS)
            _new_page(gathered.document, picture, size, place)


@contextmanager
def _page(document: Any, number: int) -> Iterator[Any]:
    """Open a page. Raises TaskError: damaged."""
    try:
        page = document[number]
    except pypdfium2.PdfiumError:
        raise TaskError("damaged") from None
    try:
        yield page
    finally:
        page.close()


def _seen(document: Any, page: Any) -> bytes:
    """Return what is seen of a page, to be compared."""
    return hashlib.sha256(_drawn(document, page, FEW_PIXELS).tobytes()).digest()


def _drawn(document: Any, page: Any, side: int) -> Image.Image:
    """Return a picture of a page whose longer side has so many pixels."""
    size = Size(*page.get_size())
    factor = side / max(size)
    pixels = max(1, round(size.width * factor)), max(1, round(size.height * factor))
    return render(document, page, pixels, (0, 0, *pixels))


def _add_picture(gathered: Gathered, file: dict[str, Any], frame: int, crop: Crop | None) -> None:
    picture, size = read_picture(file["path"], frame, MOST_PIXELS)
    cut = Cut(**file["cut"]) if file.get("cut") else None
    if cut is not None:
        # Turned it may take twice the space.
        _reduce(picture)
        picture, size = cut.apply(picture, size)
    if crop is not None:
        picture, size = cropped(picture, size, crop, by_hand=cut is not None)
    _reduce(picture)
    factor = min(1.0, LARGEST / max(size))
    size = Size(size.width * factor, size.height * factor)
    _new_page(gathered.document, picture, size)
    gathered.sizes.append(size)


def _new_page(document: Any, picture: Image.Image, size: Size, place: int | None = None) -> None:
    """Insert a page that a picture fills, at the end unless there is a place."""
    page = document.new_page(*size, place)
    image = pypdfium2.PdfImage.new(document)
    image.load_jpeg(BytesIO(as_jpeg(picture, QUALITY)), inline=True)
    image.set_matrix(pypdfium2.PdfMatrix().scale(*size))
    page.insert_obj(image)
    page.gen_content()
    page.close()
