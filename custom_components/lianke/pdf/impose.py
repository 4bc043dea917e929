"""Make the sheets of a plan: each page becomes a form that is drawn in its place, text stays text."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import pypdfium2

from .failure import TaskError
from .gather import Gathered, import_pages
from .geometry import Rect, Size
from .plan import Grid, Item, Sheet

# A page may close states that it did not open, and would so leave its clip: each is set so many times.
CLIPS: Final = 4

type Box = tuple[float, float, float, float]

type Finish = Callable[[Any, Any, Sheet, int], None]
"""Called with the document, the page, its sheet and its number, from 0, before it is finished."""


def impose(gathered: Gathered, sheets: Sequence[Sheet], finish: Finish) -> Any:
    """Return a new document with a page for each sheet; the gathered one is closed. Raises TaskError: damaged.

    PDFium puts the pages of a document into the cells of a grid, each as large as fits. For a page to lie
    where the plan says, its box is made as much larger than what is seen of it as its cell is.
    The content that PDFium writes for this stays as it is: written anew for a form that was moved, it begins
    with a colour of its own, while a page may count on that of an empty page.
    All pages are brought over at once, so that fonts and pictures that they share are there once.
    """
    raw = pypdfium2.raw
    grids = [sheet.grid or Grid(Rect(0, 0, *sheet.size), 1, 1, 0.0) for sheet in sheets]
    columns, rows = grids[0].columns, grids[0].rows
    # A page alone would be copied and make no form.
    columns = 2 if columns * rows == 1 else columns
    cell = Size(max(grid.pitch.width for grid in grids), max(grid.pitch.height for grid in grids))
    boxes = _clip(gathered)
    slots: list[Item | None] = []
    for sheet, grid in zip(sheets, grids, strict=True):
        places = {grid.cell_of(item.place): item for item in sheet.items}
        slots += [places.get(index) for index in range(columns * rows)]
    ordered = pypdfium2.PdfDocument.new()
    import_pages(ordered, gathered.document, [item.page for item in slots if item])
    gathered.document.close()
    for number, item in enumerate(slots):
        if item is None:
            ordered.new_page(1, 1, number).close()
            continue
        sheet_number, index = divmod(number, columns * rows)
        row, column = divmod(index, columns)
        left, bottom = _origin(grids[sheet_number])
        area = Rect(left + column * cell.width, bottom + (rows - 1 - row) * cell.height, *cell)
        page = ordered[number]
        _enlarge(page, boxes[item.page], item, area)
        page.close()
    made = raw.FPDF_ImportNPagesToOne(
        ordered, cell.width * columns, cell.height * rows, columns, rows
    )
    ordered.close()
    if not made:
        raise TaskError("damaged")
    document = pypdfium2.PdfDocument(made)
    for number, (sheet, grid) in enumerate(zip(sheets, grids, strict=True)):
        page = document[number]
        page.set_mediabox(0, 0, *sheet.size)
        x, y = _origin(grid)
        window = sheet.window or Rect(0, 0, *sheet.size)
        _transform(page, window, raw.FS_MATRIX(1, 0, 0, 1, x, y))
        page.close()
        page = document[number]
        finish(document, page, sheet, number)
        page.gen_content()
        page.close()
    return document


def _clip(gathered: Gathered) -> list[Box]:
    """Hide what lies outside of each page's box, and return the boxes: left, bottom, right, top."""
    boxes: list[Box] = []
    for number in range(len(gathered.sizes)):
        page = gathered.document[number]
        left, bottom, right, top = page.get_bbox()
        boxes.append((left, bottom, right, top))
        for _ in range(CLIPS):
            _transform(page, Rect(left, bottom, right - left, top - bottom), None)
        page.close()
    return boxes


def _origin(grid: Grid) -> tuple[float, float]:
    """Return where the lower left cell begins, the half of the gap included."""
    return grid.area.x - grid.gap / 2, grid.area.y - grid.gap / 2


def _enlarge(page: Any, box: Box, item: Item, cell: Rect) -> None:
    """Give a page the box and the rotation with which it fills a cell and lies in its place in it."""
    rotation = (page.get_rotation() - 90 * item.turns) % 360
    size = Size(box[2] - box[0], box[3] - box[1])
    shape = size.turned if rotation % 180 else size
    place, factor = item.place, item.place.width / shape.width
    around = [
        place.x - cell.x,
        cell.y + cell.height - place.y - place.height,
        cell.x + cell.width - place.x - place.width,
        place.y - cell.y,
    ]
    # Clockwise from the left as it is seen; a page is rotated clockwise.
    turn = rotation // 90
    left, top, right, bottom = (length / factor for length in around[turn:] + around[:turn])
    wanted = (box[0] - left, box[1] - bottom, box[2] + right, box[3] + top)
    page.set_mediabox(*wanted)
    page.set_cropbox(*wanted)
    page.set_rotation(rotation)


def _transform(page: Any, clip: Rect, matrix: Any) -> None:
    """Clip and move all that a page shows, without writing its content anew."""
    raw = pypdfium2.raw
    rect = raw.FS_RECTF(clip.x, clip.y + clip.height, clip.x + clip.width, clip.y)
    raw.FPDFPage_TransFormWithClip(page, matrix, rect)
