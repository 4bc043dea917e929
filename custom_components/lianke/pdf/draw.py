"""Draw a JPEG picture of a page, as the page will appear on paper."""

from typing import Any, Final

from PIL import Image

from .annotations import drawable
from .pdf_files import folder_of, new_file, render_page
from .pictures import as_jpeg, read_picture
from .plan import Rect, Size, aligned, mm, scaled

# Pixels along the longer side of a preview: 150 dpi on A4, enough to read small print when zoomed in.
PREVIEW_PIXELS: Final = 1754
LEAST_PREVIEW_PIXELS: Final = 16
PREVIEW_QUALITY: Final = 85


def draw(request: dict[str, Any]) -> None:
    """Draw page `page` (from 0) of the PDF or picture `path` to the new file `target`.

    `paper` is the width and height in mm, or None for the page's own size. `scale` and `align` (1 to 9) place the page
    on the paper; `rotate` turns the paper to the page's orientation; `mono` makes the drawing gray.
    """
    picture = (_draw_page if request["is_pdf"] else _draw_picture)(request)
    if request["mono"]:
        picture = picture.convert("L")
    with new_file(request["target"]) as file:
        file.write(as_jpeg(picture, PREVIEW_QUALITY))


def _draw_page(request: dict[str, Any]) -> Image.Image:
    folder = folder_of(request["target"])
    with drawable(request["path"], request["page"], folder) as (document, page, size):
        canvas, place = _canvas(size, request)
        pixels = round(canvas.width), round(canvas.height)
        return render_page(document, page, pixels, _pixels(place, canvas))


def _draw_picture(request: dict[str, Any]) -> Image.Image:
    picture, size = read_picture(request["path"], request["page"], PREVIEW_PIXELS)
    canvas, place = _canvas(size, request)
    x, y, width, height = _pixels(place, canvas)
    paper = Image.new("RGB", (round(canvas.width), round(canvas.height)), "white")
    # Resize only the part that lies on the paper: at a large scale, the whole picture could need any amount of memory.
    box = (max(x, 0), max(y, 0), min(x + width, paper.width), min(y + height, paper.height))
    if box[0] < box[2] and box[1] < box[3]:
        across, down = picture.width / width, picture.height / height
        part = (
            (box[0] - x) * across,
            (box[1] - y) * down,
            (box[2] - x) * across,
            (box[3] - y) * down,
        )
        part_size = (box[2] - box[0], box[3] - box[1])
        paper.paste(picture.resize(part_size, Image.Resampling.BILINEAR, part), box[:2])
    return paper


def _canvas(size: Size, request: dict[str, Any]) -> tuple[Size, Rect]:
    """Return the size of the drawing in pixels, and the rectangle of the page on it, with y upwards."""
    if (paper_mm := request["paper"]) is None:
        paper = size
    else:
        paper = Size(mm(paper_mm[0]), mm(paper_mm[1]))
        if request["rotate"] and size.is_landscape != paper.is_landscape:
            paper = paper.turned
    factor = PREVIEW_PIXELS / max(paper)
    canvas = Size(
        max(paper.width * factor, LEAST_PREVIEW_PIXELS),
        max(paper.height * factor, LEAST_PREVIEW_PIXELS),
    )
    place = aligned(scaled(size, paper, request["scale"]), Rect(0, 0, *paper), request["align"])
    return canvas, Rect(*(length * factor for length in place))


def _pixels(place: Rect, canvas: Size) -> tuple[int, int, int, int]:
    top = canvas.height - place.y - place.height
    return (
        round(place.x),
        round(top),
        max(1, round(place.width)),
        max(1, round(place.height)),
    )
