"""Lay out documents on sheets of paper (gather their pages, then impose them), and split a document into files."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from pikepdf import Array, Dictionary, Name, Page, Pdf, Stream
from PIL import Image

from . import plan
from .annotations import LARGEST, PageView, page_view, printable
from .font import PdfFont, own_font
from .layers import Layers, hide_layers
from .pdf_files import folder_of, save_new
from .pictures import PAGE_QUALITY, Crop, Cut, as_jpeg, cropped, read_picture
from .plan import CARD, Item, Rect, Sheet, SheetPaper, Size, mm
from .process import MAX_SOURCE_PAGES, TaskError
from .sheet_marks import STAMP_ROOM, Stamps, Watermark, lines, watermark_text

# Maximum dots per inch of a photo, and maximum pixels along the longer side of any picture, about 340 dpi on A4. The
# eye sees no finer details.
PHOTO_DPI: Final = 340
MAX_SHEET_PICTURE_PIXELS: Final = 4000


@dataclass(slots=True)
class SourcePages:
    """The pages of several files, as they are printed."""

    pages: list[tuple[Pdf, Page, PageView]] = field(default_factory=list)
    # The index in `pages` of each file's first page.
    starts: list[int] = field(default_factory=list)

    @property
    def sizes(self) -> list[Size]:
        return [view.size for _, _, view in self.pages]


@contextmanager
def gather(
    files: list[dict[str, Any]],
    folder: str,
    crop: Crop | None = None,
    most: int = MAX_SHEET_PICTURE_PIXELS,
) -> Iterator[SourcePages]:
    """Yield the chosen pages of `files`; temporary files are created in `folder`.

    Each file has `path`, `is_pdf` and `pages`, the page numbers from 0. A picture may have `cut`, the fields of a Cut.
    Pictures are reduced to `most` pixels along the longer side. With `crop`, pictures are cropped and then reduced to
    `crop.pixels`, not `most`. Raises TaskError.
    """
    sources = SourcePages()
    with ExitStack() as stack:
        pictures = stack.enter_context(Pdf.new())
        for file in files:
            sources.starts.append(len(sources.pages))
            if len(sources.pages) + len(file["pages"]) > MAX_SOURCE_PAGES:
                raise TaskError("too_many_pages")
            if file["is_pdf"]:
                pdf, pages = stack.enter_context(printable(file["path"], file["pages"], folder))
            else:
                pdf = pictures
                pages = [_picture(pdf, file, frame, crop, most) for frame in file["pages"]]
            sources.pages += [(pdf, page, page_view(page)) for page in pages]
        yield sources


def _picture(pdf: Pdf, file: dict[str, Any], frame: int, crop: Crop | None, most: int) -> Page:
    """Make a page that is filled by one frame of a picture."""
    picture, size = read_picture(file["path"], frame, most)
    cut = Cut(**file["cut"]) if file.get("cut") else None
    if cut is not None:
        # Reduce the picture before it is turned, since a slanted picture may take twice the memory.
        picture.thumbnail((most, most), Image.Resampling.LANCZOS)
        picture, size = cut.apply(picture, size)
    if crop is not None:
        picture, size = cropped(picture, size, crop, chosen=cut is not None)
        most = crop.pixels
    picture.thumbnail((most, most), Image.Resampling.LANCZOS)
    factor = min(1.0, LARGEST / max(size))
    width, height = size.width * factor, size.height * factor
    image = Stream(
        pdf,
        as_jpeg(picture, PAGE_QUALITY),
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=picture.width,
        Height=picture.height,
        ColorSpace=Name.DeviceGray if picture.mode == "L" else Name.DeviceRGB,
        BitsPerComponent=8,
        Filter=Name.DCTDecode,
    )
    page = _new_page(pdf, Size(width, height))
    name = page.add_resource(image, Name.XObject)
    page.obj.Contents = pdf.make_stream(f"{width:.6f} 0 0 {height:.6f} 0 0 cm {name} Do".encode())
    return page


def _new_page(pdf: Pdf, size: Size) -> Page:
    page = Page(
        pdf.make_indirect(
            Dictionary(
                Type=Name.Page,
                MediaBox=Array([0, 0, *size]),
                Resources=Dictionary(),
                Contents=pdf.make_stream(b""),
            )
        )
    )
    pdf.pages.append(page)
    return pdf.pages[-1]


# The keys of a page that are copied: those that determine how the page looks.
_VISIBLE_KEYS: Final = (
    Name.MediaBox,
    Name.CropBox,
    Name.UserUnit,
    Name.Resources,
    Name.Contents,
    Name.Group,
)
_CODING: Final = frozenset(
    {"/Length", "/Filter", "/DecodeParms", "/F", "/FFilter", "/FDecodeParms"}
)


class _Copies:
    """Copies gathered pages to a new document. Shared objects are copied once, and hidden layers stay hidden."""

    def __init__(self, target: Pdf) -> None:
        self._target = target
        self._hidden: dict[int, list[Any]] = {}

    def form(self, source: Pdf, page: Page, view: PageView) -> Any:
        """Make a form XObject that draws the visible part of a page."""
        contents = page.obj.get(Name.Contents)
        if isinstance(contents, Array) and len(contents) == 1:
            contents = contents[0]
        if not isinstance(contents, Stream):
            # The content is in several parts, or missing.
            contents = page.as_form_xobject(handle_transformations=False)
        part = self.part(source, page, Contents=contents)
        # The content stays compressed, since it may be large, and is copied, since two pages may share it.
        form = part.Contents.copy()
        for name in {*form.keys()} - _CODING:
            del form[name]
        form.Type, form.Subtype, form.BBox = Name.XObject, Name.Form, Array(view.box)
        for name in (Name.Resources, Name.Group):
            if name in part:
                form[name] = part[name]
        return form

    def part(self, source: Pdf, page: Page, **changes: Any) -> Any:
        """Copy a page with only the keys in _VISIBLE_KEYS; `changes` replaces some of their values."""
        seen = {str(name)[1:]: page.obj[name] for name in _VISIBLE_KEYS if name in page.obj}
        part = source.make_indirect(Dictionary(Type=Name.Page, **seen | changes))
        if id(source) not in self._hidden:
            self._hidden[id(source)] = [
                self._target.copy_foreign(one) for one in Layers(source).hidden.values()
            ]
        return self._target.copy_foreign(part)

    def finish(self) -> None:
        hide_layers(self._target, [one for some in self._hidden.values() for one in some])


def impose(sources: SourcePages, sheets: Sequence[Sheet]) -> Pdf:
    """Make a document with a page for each sheet.

    Each source page becomes a form XObject, which keeps its changes to the graphics state to itself and hides what is
    outside its box.
    """
    target, forms = Pdf.new(), dict[int, Any]()
    copies = _Copies(target)
    for sheet in sheets:
        page = _new_page(target, sheet.size)
        content = [b"q"]
        if sheet.window:
            content.append(b"%f %f %f %f re W n" % sheet.window)
        for item in sheet.items:
            source, origin, view = sources.pages[item.page]
            if item.page not in forms:
                forms[item.page] = copies.form(source, origin, view)
            name = page.add_resource(forms[item.page], Name.XObject)
            matrix = b"%.8f %.8f %.8f %.8f %.6f %.6f" % _matrix(view, item)
            content.append(b"q %b cm %b Do Q" % (matrix, str(name).encode()))
        page.obj.Contents = target.make_stream(b"\n".join([*content, b"Q\n"]))
    copies.finish()
    return target


def _matrix(view: PageView, item: Item) -> tuple[float, ...]:
    """Return the matrix that moves the visible part of a page to its place on a sheet."""
    left, bottom, right, top = view.box
    turn, place = (view.turn - 90 * item.turns) % 360, item.place
    wide, high = (right - left, top - bottom) if turn % 180 == 0 else (top - bottom, right - left)
    s = min(place.width / wide, place.height / high)
    return {
        0: (s, 0, 0, s, place.x - s * left, place.y - s * bottom),
        90: (0, -s, s, 0, place.x - s * bottom, place.y + s * right),
        180: (-s, 0, 0, -s, place.x + s * right, place.y + s * top),
        270: (0, s, -s, 0, place.x + s * top, place.y - s * left),
    }[turn]


PAGES_PER_SHEET: Final = {"2_up": 2, "4_up": 4, "6_up": 6, "9_up": 9}


def lay_out(request: dict[str, Any]) -> dict[str, Any]:
    """Lay out the pages of `files` (see `gather`) on sheets, in the new PDF file `target` of at most `limit` bytes.

    Lengths are in mm. `paper` and `margin` are pairs. `sheet` is the layout: one of the keys of PAGES_PER_SHEET; or
    `booklet`, `invoices`, `id_card`, `photos` or `poster`; or None to give each sheet the size of its page.
    `landscape`, `by_column`, `frame`, `side`, `columns`, `rows`, `photo`, `fill`, `upright` and `count` are settings of
    the layouts (see `plan`). With `new_sheet`, each file begins on a new sheet; if the print is `two_sided`, on the
    front of that sheet. `watermark` (with `opacity`), `date` and `numbers` are drawn on every page. The answer has
    `pages`, the number of pages in the new file, and `landscape`, whether the first of them is landscape.
    Raises TaskError.
    """
    text = watermark_text(request["watermark"]) if request["watermark"] else ""
    stamped = bool(request["date"] or request["numbers"])
    paper = SheetPaper(
        Size(*map(mm, request["paper"])),
        Size(*map(mm, request["margin"])),
        STAMP_ROOM if stamped else 0.0,
    )
    crop, folder = _crop(request, paper), folder_of(request["target"])
    # On a poster, the longer side of a picture may have MAX_SHEET_PICTURE_PIXELS for each sheet along it.
    larger = max(request["columns"], request["rows"]) if request["sheet"] == "poster" else 1
    most = MAX_SHEET_PICTURE_PIXELS * larger
    with gather(request["files"], folder, crop, most) as sources:
        sheets = [*_plan(sources, request, paper)]
        with impose(sources, sheets) as document:
            of = len(sheets) if request["numbers"] else None
            font = PdfFont(document, own_font())
            stamps = Stamps(font, date=request["date"], of=of) if stamped else None
            mark = Watermark(document, font, text, request["opacity"]) if text else None
            for number, (sheet, page) in enumerate(zip(sheets, document.pages, strict=True)):
                drawn = lines(sheet)
                if mark is not None:
                    for area in sheet.marked or [Rect(0, 0, *sheet.size)]:
                        drawn += mark.drawn(page, area)
                if stamps is not None:
                    drawn += stamps.drawn(page, sheet.size, number)
                if drawn:
                    page.contents_add(drawn)
            font.finish()
            save_new(document, request["target"], request["limit"])
    return {"pages": len(sheets), "landscape": sheets[0].size.is_landscape}


def _crop(request: dict[str, Any], paper: SheetPaper) -> Crop | None:
    if request["sheet"] == "id_card":
        # A card's small print must stay readable.
        return Crop(CARD, turns=True, pixels=MAX_SHEET_PICTURE_PIXELS)
    if request["sheet"] == "photos" and request["fill"]:
        shape = plan.photo_shape(_photo(request), paper)
        pixels = min(MAX_SHEET_PICTURE_PIXELS, round(shape.height / 72 * PHOTO_DPI))
        return Crop(shape, turns=not request["upright"], pixels=pixels)
    return None


def _photo(request: dict[str, Any]) -> Size | None:
    return None if request["photo"] is None else Size(*map(mm, request["photo"]))


def _plan(sources: SourcePages, request: dict[str, Any], paper: SheetPaper) -> Iterable[Sheet]:
    sizes = sources.sizes
    if not sizes:
        raise TaskError("damaged")
    sheet = request["sheet"]
    if sheet == "poster" and len(sizes) * request["columns"] * request["rows"] > MAX_SOURCE_PAGES:
        raise TaskError("too_many_pages")
    number = PAGES_PER_SHEET.get(sheet, 1)
    places = number * (2 if request["two_sided"] else 1)
    starts = sources.starts if request["new_sheet"] else []
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
    if sheet in PAGES_PER_SHEET:
        ways = {name: request[name] for name in ("landscape", "by_column")}
        return plan.several(sizes, slots, number, **ways, **common)
    return plan.single(sizes, slots)


def split(request: dict[str, Any]) -> dict[str, Any]:
    """Write pages of `file` (see `gather`) to a new PDF file for each of `parts`.

    A part has its `target` and its `pages` in printing order: indexes into the `pages` of `file`, or None for a
    blank page as large as the file's last page. `upright` turns landscape pages so that their left edge becomes the
    top. The pages of a `turned` part are turned upside down. Each new file has at most `limit` bytes. The answer's
    `lies` says whether the first page of `file` is landscape and was turned. Raises TaskError.
    """
    if sum(len(part["pages"]) for part in request["parts"]) > MAX_SOURCE_PAGES:
        raise TaskError("too_many_pages")
    folder = folder_of(request["parts"][0]["target"])
    with gather([request["file"]], folder) as sources:
        for part in request["parts"]:
            with _part_of(sources, part, upright=request["upright"]) as made:
                save_new(made, part["target"], request["limit"])
        return {"lies": request["upright"] and sources.sizes[0].is_landscape}


def _part_of(sources: SourcePages, part: dict[str, Any], *, upright: bool) -> Pdf:
    target = Pdf.new()
    copies = _Copies(target)
    for number in part["pages"]:
        if number is None:
            _, _, view = sources.pages[-1]
            page, turn = _new_page(target, view.size), 0
        else:
            source, origin, view = sources.pages[number]
            turn = view.turn
            target.pages.append(Page(copies.part(source, origin)))
            page = target.pages[-1]
        turn += (90 if upright and view.size.is_landscape else 0) + (180 if part["turned"] else 0)
        page.obj.Rotate = turn % 360
    copies.finish()
    return target
