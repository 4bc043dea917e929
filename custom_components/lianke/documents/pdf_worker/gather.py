"""Bring the pages of PDF files and pictures together in one document."""

import ctypes
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Final

from PIL import Image
import pypdfium2

from .crop import Crop, Cut, cropped
from .failure import TaskError
from .files import opened
from .geometry import Size
from .pictures import as_jpeg, read_picture
from .process import MAX_SOURCE_PAGES

# Pixels of a picture's longer side: 340 an inch on A4. More cannot be seen.
MOST_PIXELS: Final = 4000
QUALITY: Final = 92
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
    raw = pypdfium2.raw
    with opened(file["path"]) as document:
        if not file["pages"] or max(file["pages"]) >= len(document):
            raise TaskError("damaged")
        for number in file["pages"]:
            try:
                page = document[number]
            except pypdfium2.PdfiumError:
                raise TaskError("damaged") from None
            # Seals and fields of forms become part of the page.
            raw.FPDFPage_Flatten(page, raw.FLAT_PRINT)
            size = Size(*page.get_size())
            page.close()
            if min(size) <= 0:
                raise TaskError("damaged")
            gathered.sizes.append(size)
        import_pages(gathered.document, document, file["pages"])


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
    document = gathered.document
    page = document.new_page(*size)
    image = pypdfium2.PdfImage.new(document)
    image.load_jpeg(BytesIO(as_jpeg(picture, QUALITY)), inline=True)
    image.set_matrix(pypdfium2.PdfMatrix().scale(*size))
    page.insert_obj(image)
    page.gen_content()
    page.close()
    gathered.sizes.append(size)
