"""Bring the pages of PDF files and pictures together in one document."""

import ctypes
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Final, NamedTuple

from PIL import Image
import pypdfium2

from .failure import TaskError
from .files import opened
from .geometry import Rect, Size
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


class Crop(NamedTuple):
    """The shape that pictures are cropped to; it lies or stands as each of them if it `turns`."""

    shape: Size
    turns: bool


def gather(files: list[dict[str, Any]], crop: Crop | None = None) -> Gathered:
    """Return the pages of files in one new document.

    Each file has `path`, `is_pdf` and `pages`, their numbers from 0. Raises TaskError.
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
                _add_picture(gathered, file["path"], frame, crop)
    return gathered


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


def _add_picture(gathered: Gathered, path: str, frame: int, crop: Crop | None) -> None:
    picture, size = read_picture(path, frame, MOST_PIXELS)
    if crop is not None:
        picture, size = _cropped(picture, size, crop)
    if max(picture.size) > MOST_PIXELS:
        picture.thumbnail((MOST_PIXELS, MOST_PIXELS), Image.Resampling.LANCZOS)
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


def _cropped(picture: Image.Image, size: Size, crop: Crop) -> tuple[Image.Image, Size]:
    """Return the middle of a picture in another shape."""
    shape = crop.shape
    if crop.turns and size.is_landscape != shape.is_landscape:
        shape = shape.turned
    factor = min(size.width / shape.width, size.height / shape.height)
    kept = Rect(0, 0, shape.width * factor / size.width, shape.height * factor / size.height)
    left, top = (1 - kept.width) / 2 * picture.width, (1 - kept.height) / 2 * picture.height
    box = (
        round(left),
        round(top),
        max(round(left) + 1, round(picture.width - left)),
        max(round(top) + 1, round(picture.height - top)),
    )
    return picture.crop(box), Size(shape.width * factor, shape.height * factor)
