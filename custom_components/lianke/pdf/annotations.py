"""Make annotations and form fields part of their page as they are printed, also those that have no appearance."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
import math
from typing import Any, Final, NamedTuple

import pikepdf
from pikepdf import Array, Dictionary, Name, Page, Pdf, Stream, String
from pikepdf.exceptions import PikepdfError
import pypdfium2

from .files import opened_page, render, save, structure, temporary
from .layers import Layers
from .plan import Size
from .process import TaskError

# Points; a PDF page cannot be larger.
LARGEST: Final = 14_400
# Points; what is smaller is no page.
SMALLEST: Final = 0.01
_LETTER: Final = (0.0, 0.0, 612.0, 792.0)
_HIDDEN: Final = 2
# Of the catalog and of a page that is not wanted, what stays.
_KEPT: Final = frozenset({"/Type", "/Pages", "/AcroForm", "/OCProperties", "/Version"})

type Box = tuple[float, float, float, float]


class View(NamedTuple):
    """What is seen of a page: a box in its own units, turned clockwise, and its size in points."""

    box: Box
    turn: int
    size: Size


def view_of(page: Page) -> View:
    """Return what is seen of a page. Raises TaskError: damaged."""
    media = _box(page.obj.get(Name.MediaBox)) or _LETTER
    crop = _box(page.obj.get(Name.CropBox)) or media
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
    return View((left, bottom, right, top), turn, size)


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


def _box(found: Any) -> Box | None:
    """Return left, bottom, right and top, None where they make no sense."""
    corners = _numbers(found)
    if len(corners) != 4 or not all(map(math.isfinite, corners)):
        return None
    (left, right), (bottom, top) = sorted(corners[::2]), sorted(corners[1::2])
    return (left, bottom, right, top) if left < right and bottom < top else None


@contextmanager
def printable(path: str, numbers: Sequence[int], folder: str) -> Iterator[tuple[Pdf, list[Page]]]:
    """Open pages of a PDF file, by their numbers from 0, with all that is printed on them as their content.

    What is needed meanwhile is in `folder`. Reasons: password, certificate, damaged, disk.
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
    """Open a page to be drawn by PDFium as it is printed: its document, itself and its size in points.

    Reasons: as `printable`.
    """
    with structure(path) as pdf, ExitStack() as stack:
        chosen = _prepare(pdf, [number])
        size = view_of(Page(chosen.pages[0])).size
        if not chosen.has_notes and Name.OCProperties not in pdf.Root:
            document = stack.enter_context(_pdfium(path))
        else:
            document = stack.enter_context(_reduced(chosen, folder))
            number = 0
            document.init_forms()
            with opened_page(document, number) as page:
                _flatten(document, page)
        with opened_page(document, number) as page:
            yield document, page, size


class _Chosen(NamedTuple):
    pdf: Pdf
    numbers: list[int]
    pages: list[Any]
    has_notes: bool


def _prepare(pdf: Pdf, numbers: Sequence[int]) -> _Chosen:
    """Decide which layers are printed, hide the annotations on others and give appearances to lines."""
    if not numbers or min(numbers) < 0 or max(numbers) >= len(pdf.pages):
        raise TaskError("damaged")
    layers = Layers(pdf)
    has_notes = False
    wanted = sorted({*numbers})
    pages = [pdf.pages[number].obj for number in wanted]
    try:
        for page in pages:
            notes = page.get(Name.Annots)
            for one in notes if isinstance(notes, Array) else ():
                if isinstance(one, Dictionary):
                    has_notes = True
                    if Name.OC in one and not layers.shows(one.OC):
                        one.F = int(_number(one.get(Name.F), 0)) | _HIDDEN
                    _give_lines(pdf, one)
        layers.settle()
    except PikepdfError, TypeError, ValueError:
        raise TaskError("damaged") from None
    return _Chosen(pdf, wanted, pages, has_notes)


_LINES: Final = (Name.Line, Name.PolyLine, Name.Polygon)


def _give_lines(pdf: Pdf, note: Any) -> None:
    """Give lines, polylines and polygons, for which PDFium makes no appearance, a plain one."""
    kind = note.get(Name.Subtype)
    if kind not in _LINES or Name.AP in note:
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
    # The whole line is to be seen: a file may give a rectangle that is too small, or an empty one.
    across, up = zip(*corners, strict=True)
    box = Array([min(across) - width, min(up) - width, max(across) + width, max(up) + width])
    note.Rect = box
    form = Stream(pdf, " ".join(drawn).encode(), Type=Name.XObject, Subtype=Name.Form, BBox=box)
    note.AP = Dictionary(N=form)


@contextmanager
def _reduced(chosen: _Chosen, folder: str) -> Iterator[Any]:
    """Open the pages alone by PDFium, with a form: only in one it makes appearances for free texts."""
    pdf = chosen.pdf
    kept = {page.objgen for page in chosen.pages}
    for other in pdf.pages:
        # Fields of forms go on naming it.
        if other.obj.objgen not in kept:
            _keep(other.obj, frozenset({"/Type"}))
    tree = pdf.make_indirect(
        Dictionary(Type=Name.Pages, Kids=Array(chosen.pages), Count=len(chosen.pages))
    )
    for page in chosen.pages:
        page.Parent = tree
    _keep(pdf.Root, _KEPT)
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
        with _pdfium(file) as document:
            yield document


def _keep(one: Any, names: frozenset[str]) -> None:
    for name in [*one.keys()]:
        if name not in names:
            del one[name]


@contextmanager
def _flattened(chosen: _Chosen, folder: str) -> Iterator[Pdf]:
    with temporary(folder) as file:
        with _reduced(chosen, folder) as document:
            document.init_forms()
            for number in range(len(chosen.pages)):
                with opened_page(document, number) as page:
                    _flatten(document, page)
            document.save(file)
        try:
            pdf = pikepdf.open(file)
        except PikepdfError:
            raise TaskError("damaged") from None
        with pdf:
            yield pdf


def _flatten(document: Any, page: Any) -> None:
    raw = pypdfium2.raw
    if raw.FPDFPage_GetAnnotCount(page) > 0:
        # PDFium makes the appearances that are missing when it draws a page: here beside the bitmap.
        render(document, page, (1, 1), (2, 2, 1, 1))
        raw.FPDFPage_Flatten(page, raw.FLAT_PRINT)


@contextmanager
def _pdfium(file: Any) -> Iterator[Any]:
    try:
        document = pypdfium2.PdfDocument(file)
    except pypdfium2.PdfiumError:
        raise TaskError("damaged") from None
    with document:
        yield document
