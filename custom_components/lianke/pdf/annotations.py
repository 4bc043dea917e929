"""Draw annotations and form fields into the page content, as they appear in print.

Annotations without an appearance get one.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
import math
from typing import Any, Final, NamedTuple

import pikepdf
from pikepdf import Array, Dictionary, Name, Page, Pdf, Stream, String
import pypdfium2

from .layers import Layers
from .pdf_files import opened, opened_page, render_page, save, structure, temporary
from .plan import Size
from .process import TaskError

# Maximum size in points of a PDF page, across and down.
LARGEST: Final = 14_400
# Width and height in points that a page must exceed; a smaller page counts as damaged.
SMALLEST: Final = 0.01
_DEFAULT_BOX: Final = (0.0, 0.0, 612.0, 792.0)
_HIDDEN: Final = 2
# Keys of the catalog that are kept when a file is reduced to the chosen pages. The other pages keep only /Type.
_KEPT_OF_CATALOG: Final = frozenset({"/Type", "/Pages", "/AcroForm", "/OCProperties", "/Version"})

type PageBox = tuple[float, float, float, float]


class PageView(NamedTuple):
    # The visible part of the page, in the page's own units.
    box: PageBox
    # Degrees by which the page is turned clockwise.
    turn: int
    # Size in points, after the turn.
    size: Size


def page_view(page: Page) -> PageView:
    """Return the visible part of a page. Raises TaskError: damaged, if that part has no area."""
    media = _page_box(page.obj.get(Name.MediaBox)) or _DEFAULT_BOX
    crop = _page_box(page.obj.get(Name.CropBox)) or media
    left, bottom = max(media[0], crop[0]), max(media[1], crop[1])
    right, top = min(media[2], crop[2]), min(media[3], crop[3])
    if left >= right or bottom >= top:
        left, bottom, right, top = media
    turn = int(_number(page.obj.get(Name.Rotate), 0)) // 90 * 90 % 360
    size = Size(right - left, top - bottom)
    size = size.turned if turn % 180 else size
    if not min(size) > SMALLEST:
        raise TaskError("damaged")
    unit = _number(page.obj.get(Name.UserUnit), 1)
    if unit > 0 and unit != 1:
        unit = min(unit, LARGEST / max(size))
        size = Size(size.width * unit, size.height * unit)
    return PageView((left, bottom, right, top), turn, size)


def _number(found: Any, otherwise: float) -> float:
    try:
        number = float(found)
    except TypeError, ValueError, ArithmeticError:
        return otherwise
    return number if math.isfinite(number) else otherwise


def _numbers(found: Any) -> list[float]:
    if not isinstance(found, Array):
        return []
    return [_number(one, math.nan) for one in found]


def _page_box(found: Any) -> PageBox | None:
    """Return left, bottom, right and top of a PDF rectangle; None if it is malformed or empty."""
    corners = _numbers(found)
    if len(corners) != 4 or not all(map(math.isfinite, corners)):
        return None
    (left, right), (bottom, top) = sorted(corners[::2]), sorted(corners[1::2])
    return (left, bottom, right, top) if left < right and bottom < top else None


@contextmanager
def printable(path: str, numbers: Sequence[int], folder: str) -> Iterator[tuple[Pdf, list[Page]]]:
    """Yield a document, and its pages with these numbers; their content includes the annotations that are printed.

    `numbers` counts from 0; the pages have the order of the numbers. Temporary files are created in `folder`.
    Raises TaskError: password, certificate, damaged, memory, disk.
    """
    with structure(path) as pdf, ExitStack() as stack:
        chosen = _prepare(pdf, numbers)
        if chosen.has_notes:
            made = stack.enter_context(_flattened(chosen, folder))
            pages = list(made.pages)
        else:
            made, pages = pdf, [Page(page) for page in chosen.pages]
        places = {number: place for place, number in enumerate(chosen.numbers)}
        yield made, [pages[places[number]] for number in numbers]


@contextmanager
def drawable(path: str, number: int, folder: str) -> Iterator[tuple[Any, Any, Size]]:
    """Yield a PDFium document, one of its pages as it appears in print, and the size of that page in points.

    Raises the same errors as `printable`.
    """
    with structure(path) as pdf, ExitStack() as stack:
        chosen = _prepare(pdf, [number])
        size = page_view(Page(chosen.pages[0])).size
        if not chosen.has_notes and Name.OCProperties not in pdf.Root:
            document = stack.enter_context(opened(path))
        else:
            document = stack.enter_context(_reduced(chosen, folder))
            number = 0
            document.init_forms()
            with opened_page(document, number) as page:
                _flatten(document, page)
        with opened_page(document, number) as page:
            yield document, page, size


class _ChosenPages(NamedTuple):
    pdf: Pdf
    numbers: list[int]
    pages: list[Any]
    has_notes: bool


def _prepare(pdf: Pdf, numbers: Sequence[int]) -> _ChosenPages:
    """Choose the layers to print, hide annotations on the other layers, and give line annotations an appearance."""
    if not numbers or min(numbers) < 0 or max(numbers) >= len(pdf.pages):
        raise TaskError("damaged")
    layers = Layers(pdf)
    has_notes = False
    wanted = sorted({*numbers})
    pages = [pdf.pages[number].obj for number in wanted]
    for page in pages:
        notes = page.get(Name.Annots)
        for one in notes if isinstance(notes, Array) else ():
            if isinstance(one, Dictionary):
                has_notes = True
                if Name.OC in one and not layers.shows(one.OC):
                    one.F = int(_number(one.get(Name.F), 0)) | _HIDDEN
                _give_line_appearance(pdf, one)
    layers.settle()
    return _ChosenPages(pdf, wanted, pages, has_notes)


_LINE_KINDS: Final = (Name.Line, Name.PolyLine, Name.Polygon)


def _give_line_appearance(pdf: Pdf, note: Any) -> None:
    """Give a line, polyline or polygon a plain appearance, since PDFium creates none for these annotations."""
    kind = note.get(Name.Subtype)
    if kind not in _LINE_KINDS or Name.AP in note:
        return
    numbers = _numbers(note.get(Name.L if kind == Name.Line else Name.Vertices))
    corners = list(zip(numbers[::2], numbers[1::2], strict=False))
    if len(corners) < 2 or not all(map(math.isfinite, numbers)):
        return
    style, border = note.get(Name.BS), _numbers(note.get(Name.Border))
    width = border[2] if len(border) > 2 and math.isfinite(border[2]) else 1.0
    if isinstance(style, Dictionary):
        width = _number(style.get(Name.W), 1.0)
    color = [min(max(part, 0.0), 1.0) for part in _numbers(note.get(Name.C)) if math.isfinite(part)]
    drawn = [*(f"{part:.3f}" for part in color), {1: "G", 3: "RG", 4: "K"}.get(len(color), "0 G")]
    drawn = drawn if len(color) in (1, 3, 4) else ["0 G"]
    drawn.append(f"{width:.2f} w")
    drawn += [f"{x:.2f} {y:.2f} {'l' if place else 'm'}" for place, (x, y) in enumerate(corners)]
    drawn.append("s" if kind == Name.Polygon else "S")
    # The annotation's own rectangle may be too small or empty, which would hide parts of the line.
    across, up = zip(*corners, strict=True)
    box = Array([min(across) - width, min(up) - width, max(across) + width, max(up) + width])
    note.Rect = box
    form = Stream(pdf, " ".join(drawn).encode(), Type=Name.XObject, Subtype=Name.Form, BBox=box)
    note.AP = Dictionary(N=form)


@contextmanager
def _reduced(chosen: _ChosenPages, folder: str) -> Iterator[Any]:
    """Open only the chosen pages in PDFium, in a document that has a form.

    Without a form, PDFium creates no appearance for free text annotations.
    """
    pdf = chosen.pdf
    kept = {page.objgen for page in chosen.pages}
    for other in pdf.pages:
        # Any other page stays as an empty object, since form fields may still refer to it.
        if other.obj.objgen not in kept:
            _keep_only(other.obj, frozenset({"/Type"}))
    tree = pdf.make_indirect(
        Dictionary(Type=Name.Pages, Kids=Array(chosen.pages), Count=len(chosen.pages))
    )
    for page in chosen.pages:
        page.Parent = tree
    _keep_only(pdf.Root, _KEPT_OF_CATALOG)
    pdf.Root.Pages = tree
    if not isinstance(pdf.Root.get(Name.AcroForm), Dictionary):
        font = Dictionary(
            Type=Name.Font,
            Subtype=Name.Type1,
            BaseFont=Name.Helvetica,
            Encoding=Name.WinAnsiEncoding,
        )
        pdf.Root.AcroForm = Dictionary(
            Fields=Array(),
            DA=String("/Helv 12 Tf 0 g"),
            DR=Dictionary(Font=Dictionary(Helv=pdf.make_indirect(font))),
        )
    with temporary(folder) as file:
        save(pdf, file)
        with opened(file) as document:
            yield document


def _keep_only(one: Any, names: frozenset[str]) -> None:
    for name in [*one.keys()]:
        if name not in names:
            del one[name]


@contextmanager
def _flattened(chosen: _ChosenPages, folder: str) -> Iterator[Pdf]:
    with temporary(folder) as file:
        with _reduced(chosen, folder) as document:
            document.init_forms()
            for number in range(len(chosen.pages)):
                with opened_page(document, number) as page:
                    _flatten(document, page)
            document.save(file)
        with pikepdf.open(file) as pdf:
            yield pdf


def _flatten(document: Any, page: Any) -> None:
    raw = pypdfium2.raw
    if raw.FPDFPage_GetAnnotCount(page) > 0:
        # PDFium creates missing appearances only while it draws a page, so the page is drawn outside a tiny bitmap.
        render_page(document, page, (1, 1), (2, 2, 1, 1))
        raw.FPDFPage_Flatten(page, raw.FLAT_PRINT)
