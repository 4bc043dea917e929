"""Lay out documents on sheets of paper: gather their pages, then impose them; or split them over files."""

from collections.abc import Iterable, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
import hashlib
from io import BytesIO
import re
from typing import Any, Final

from PIL import Image
import pypdfium2

from . import plan
from .annotations import LAYER_NAMES, Layers, flatten, may_hide, with_form
from .files import import_pages, names, opened, opened_page, render, save_new, unit_of
from .marks import STAMP_ROOM, Stamps, draw_lines, draw_watermark, lettering
from .pictures import Crop, Cut, as_jpeg, cropped, read_picture
from .plan import CARD, Grid, Item, Paper, Rect, Sheet, Size, mm
from .process import MAX_SOURCE_PAGES, TaskError

# Pixels an inch of a photo, and of the longer side of any picture, which on A4 is as sharp. More cannot be seen.
SHARP: Final = 340
MOST_PIXELS: Final = 4000
QUALITY: Final = 92
# Of a page's longer side, enough to see that a layer is hidden.
FEW_PIXELS: Final = 600
FREE_TEXT: Final = b"/FreeText"
USER_UNIT: Final = b"/UserUnit"
NAMES: Final = re.compile(rb"%b|%b\b|%b\b" % (LAYER_NAMES, FREE_TEXT, USER_UNIT))
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


def _add_pages(gathered: Gathered, file: dict[str, Any]) -> None:
    """Append pages of a PDF file; seals, notes and fields of forms become part of them."""
    with opened(file["path"]) as source:
        if not file["pages"] or max(file["pages"]) >= len(source):
            raise TaskError("damaged")
        found = names(source, NAMES)
        text = FREE_TEXT in found
        with with_form(source, file["path"]) if text else nullcontext(source) as document:
            hidden = closing(Layers(document, file["path"])) if may_hide(found) else nullcontext()
            with hidden as layers:
                _add_from(gathered, document, file["pages"], layers, has_units=USER_UNIT in found)


def _add_from(
    gathered: Gathered,
    document: Any,
    numbers: list[int],
    layers: Layers | None,
    *,
    has_units: bool,
) -> None:
    """Append pages of an open document; layers if some may be hidden, `has_units` if some are larger than they say."""
    document.init_forms()
    # Copies lose which layers are hidden.
    seen: list[bytes | None] = []
    for number in numbers:
        with opened_page(document, number) as page:
            if layers is not None:
                layers.hide_annotations(page, number)
            if pypdfium2.raw.FPDFPage_GetAnnotCount(page) > 0:
                # PDFium makes the appearances that are missing when it draws a page: here beside the bitmap.
                render(document, page, (1, 1), (2, 2, 1, 1))
            seen.append(None if layers is None else _seen(document, page))
    first = len(gathered.document)
    import_pages(gathered.document, document, numbers)
    for place, (number, drawn) in enumerate(zip(numbers, seen, strict=True), first):
        with opened_page(gathered.document, place) as page:
            size = Size(*page.get_size())
            if min(size) <= 0:
                raise TaskError("damaged")
            if has_units:
                unit = min(unit_of(document, number), LARGEST / max(size))
                size = Size(size.width * unit, size.height * unit)
            gathered.sizes.append(size)
            hides = layers is not None and _seen(gathered.document, page) != drawn
            if not hides:
                flatten(page)
        if hides:
            gathered.document.del_page(place)
            with opened_page(document, number) as page:
                picture = _drawn(document, page, MOST_PIXELS)
            _new_page(gathered.document, picture, size, place)


def _seen(document: Any, page: Any) -> bytes:
    return hashlib.sha256(_drawn(document, page, FEW_PIXELS).tobytes()).digest()


def _drawn(document: Any, page: Any, side: int) -> Image.Image:
    size = Size(*page.get_size())
    factor = side / max(size)
    pixels = max(1, round(size.width * factor)), max(1, round(size.height * factor))
    return render(document, page, pixels, (0, 0, *pixels))


def _add_picture(gathered: Gathered, file: dict[str, Any], frame: int, crop: Crop | None) -> None:
    picture, size = read_picture(file["path"], frame, MOST_PIXELS)
    most = (MOST_PIXELS, MOST_PIXELS)
    cut = Cut(**file["cut"]) if file.get("cut") else None
    if cut is not None:
        # Turned it may take twice the space.
        picture.thumbnail(most, Image.Resampling.LANCZOS)
        picture, size = cut.apply(picture, size)
    if crop is not None:
        picture, size = cropped(picture, size, crop, chosen=cut is not None)
        most = (crop.pixels, crop.pixels)
    picture.thumbnail(most, Image.Resampling.LANCZOS)
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


# A page may close states that it did not open, and would so leave its clip: each is set so many times.
CLIPS: Final = 4

type Box = tuple[float, float, float, float]


def impose(gathered: Gathered, sheets: Sequence[Sheet]) -> Any:
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
        with opened_page(ordered, number) as page:
            _enlarge(page, boxes[item.page], item, area)
    made = raw.FPDF_ImportNPagesToOne(
        ordered, cell.width * columns, cell.height * rows, columns, rows
    )
    ordered.close()
    if not made:
        raise TaskError("damaged")
    document = pypdfium2.PdfDocument(made)
    for number, (sheet, grid) in enumerate(zip(sheets, grids, strict=True)):
        with opened_page(document, number) as page:
            page.set_mediabox(0, 0, *sheet.size)
            x, y = _origin(grid)
            window = sheet.window or Rect(0, 0, *sheet.size)
            _transform(page, window, raw.FS_MATRIX(1, 0, 0, 1, x, y))
    return document


def _clip(gathered: Gathered) -> list[Box]:
    """Hide what lies outside of each page's box, and return the boxes: left, bottom, right, top."""
    boxes: list[Box] = []
    for number in range(len(gathered.sizes)):
        with opened_page(gathered.document, number) as page:
            left, bottom, right, top = page.get_bbox()
            boxes.append((left, bottom, right, top))
            for _ in range(CLIPS):
                _transform(page, Rect(left, bottom, right - left, top - bottom), None)
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


SEVERAL: Final = {"2_up": 2, "4_up": 4, "6_up": 6, "9_up": 9}


def lay_out(request: dict[str, Any]) -> dict[str, Any]:
    """Lay out the pages of `files` (see `gather`) on sheets, a PDF of at most `limit` bytes.

    Written to the new file `target`. Lengths are in mm. `paper` and `margin` are pairs, `sheet` is
    the layout: one of SEVERAL, booklet, invoices, id_card, photos, poster, or None for sheets of
    the pages' own sizes. `landscape`, `by_column`, `frame`, `side`, `columns` and `rows`, `photo`,
    `fill`, `upright` and `count` belong to the layouts. Each file begins on a new sheet (of paper, where
    `two_sided`) with `new_sheet`. `watermark` with `opacity`, `date` and `numbers` go on each sheet.
    """
    stamped = bool(request["date"] or request["numbers"])
    paper = Paper(
        Size(*map(mm, request["paper"])),
        Size(*map(mm, request["margin"])),
        STAMP_ROOM if stamped else 0.0,
    )
    gathered = gather(request["files"], _crop(request, paper))
    sheets = [*_plan(gathered, request, paper)]
    letters = None
    if request["watermark"]:
        letters = lettering(request["watermark"], tuple(request["fonts"]))
    with impose(gathered, sheets) as document:
        of = len(sheets) if request["numbers"] else None
        stamps = Stamps(document, date=request["date"], of=of) if stamped else None
        for number, sheet in enumerate(sheets):
            with opened_page(document, number) as page:
                draw_lines(page, sheet)
                if letters is not None:
                    for area in sheet.marked or [Rect(0, 0, *sheet.size)]:
                        draw_watermark(page, area, letters, request["opacity"])
                if stamps is not None:
                    stamps.draw(page, sheet.size, number)
                page.gen_content()
        if stamps is not None:
            stamps.close()
        save_new(document, request["target"], request["limit"])
    return {"pages": len(sheets), "landscape": sheets[0].size.is_landscape}


def _crop(request: dict[str, Any], paper: Paper) -> Crop | None:
    if request["sheet"] == "id_card":
        # Its small print is to be read.
        return Crop(CARD, turns=True, pixels=MOST_PIXELS)
    if request["sheet"] == "photos" and request["fill"]:
        shape = plan.photo_shape(_photo(request), paper)
        pixels = min(MOST_PIXELS, round(shape.height / 72 * SHARP))
        return Crop(shape, turns=not request["upright"], pixels=pixels)
    return None


def _photo(request: dict[str, Any]) -> Size | None:
    return None if request["photo"] is None else Size(*map(mm, request["photo"]))


def _plan(gathered: Gathered, request: dict[str, Any], paper: Paper) -> Iterable[Sheet]:
    sizes = gathered.sizes
    if not sizes:
        raise TaskError("damaged")
    sheet = request["sheet"]
    if sheet == "poster" and len(sizes) * request["columns"] * request["rows"] > MAX_SOURCE_PAGES:
        raise TaskError("too_many_pages")
    number = SEVERAL.get(sheet, 1)
    places = number * (2 if request["two_sided"] else 1)
    starts = gathered.starts if request["new_sheet"] else []
    slots = plan.padded(starts, len(sizes), places)
    common: dict[str, Any] = {"paper": paper, "frame": request["frame"]}
    match sheet:
        case "booklet":
            return plan.booklet(sizes, side=request["side"], **common)
        case "invoices":
            return plan.invoices(sizes, **common)
        case "id_card":
            return plan.cards(sizes, **common)
        case "photos":
            chosen = {name: request[name] for name in ("count", "upright")}
            return plan.photos(sizes, photo=_photo(request), **chosen, **common)
        case "poster":
            grid = {name: request[name] for name in ("columns", "rows", "landscape")}
            return plan.poster(sizes, **grid, **common)
    if sheet in SEVERAL:
        ways = {name: request[name] for name in ("landscape", "by_column")}
        return plan.several(sizes, slots, number, **ways, **common)
    return plan.single(sizes, slots)


def split(request: dict[str, Any]) -> dict[str, Any]:
    """Write pages of `file` (see `gather`) to new PDF files, one for each of `parts`.

    A part has its `target` and its `pages`, numbers from 0 in the order of printing, None for a blank page as
    large as the last one. Pages that lie are stood up with `upright`, their left edges becoming the upper ones;
    those of a part that is `turned` are turned upside down. No file has more than `limit` bytes. The answer says
    whether the first page of all was one that `lies` and was stood up.
    """
    if sum(len(part["pages"]) for part in request["parts"]) > MAX_SOURCE_PAGES:
        raise TaskError("too_many_pages")
    gathered = gather([request["file"]])
    for part in request["parts"]:
        with _part_of(gathered, part, upright=request["upright"]) as made:
            save_new(made, part["target"], request["limit"])
    gathered.document.close()
    return {"lies": request["upright"] and gathered.sizes[0].is_landscape}


def _part_of(gathered: Gathered, part: dict[str, Any], *, upright: bool) -> Any:
    document = pypdfium2.PdfDocument.new()
    # All at once, so that what pages share is there once.
    if numbers := [number for number in part["pages"] if number is not None]:
        import_pages(document, gathered.document, numbers)
    for place, number in enumerate(part["pages"]):
        if number is None:
            document.new_page(*gathered.sizes[-1], place).close()
        with opened_page(document, place) as page:
            turns = 90 if upright and page.get_width() > page.get_height() else 0
            turns += 180 if part["turned"] else 0
            page.set_rotation((page.get_rotation() + turns) % 360)
    return document
