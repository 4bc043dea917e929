"""Make annotations and form fields part of their page, also those that have no appearance, none on hidden layers."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
import ctypes
import re
from typing import Any, Final

import pypdfium2

from .files import opened_page, render, uncompressed
from .process import TaskError


def _annotations(page: Any) -> Iterator[tuple[int, Any]]:
    """Yield the annotations of a page with their numbers, each open until the next one is asked for."""
    raw = pypdfium2.raw
    for number in range(raw.FPDFPage_GetAnnotCount(page)):
        if annotation := raw.FPDFPage_GetAnnot(page, number):
            try:
                yield number, annotation
            finally:
                raw.FPDFPage_CloseAnnot(annotation)


def needs_form(page: Any) -> bool:
    """Return whether a page has free texts for which PDFium makes an appearance only if there is a form."""
    raw = pypdfium2.raw
    return any(
        raw.FPDFAnnot_GetSubtype(annotation) == raw.FPDF_ANNOT_FREETEXT
        and not raw.FPDFAnnot_HasKey(annotation, b"AP")
        for _, annotation in _annotations(page)
    )


def flatten(page: Any) -> None:
    """Make all annotations that are printed part of the page's content."""
    for _, annotation in _annotations(page):
        _give_lines(annotation)
    if pypdfium2.raw.FPDFPage_GetAnnotCount(page) > 0:
        pypdfium2.raw.FPDFPage_Flatten(page, pypdfium2.raw.FLAT_PRINT)


def _give_lines(annotation: Any) -> None:
    """Give lines, polylines and polygons, for which PDFium makes no appearance, a plain one."""
    raw = pypdfium2.raw
    kind = raw.FPDFAnnot_GetSubtype(annotation)
    if kind not in (raw.FPDF_ANNOT_LINE, raw.FPDF_ANNOT_POLYLINE, raw.FPDF_ANNOT_POLYGON):
        return
    if raw.FPDFAnnot_HasKey(annotation, b"AP"):
        return
    corners = _ends(annotation) if kind == raw.FPDF_ANNOT_LINE else _corners(annotation)
    if len(corners) < 2:
        return
    color = [ctypes.c_uint() for _ in range(4)]
    raw.FPDFAnnot_GetColor(annotation, raw.FPDFANNOT_COLORTYPE_Color, *color)
    width = ctypes.c_float(1)
    raw.FPDFAnnot_GetBorder(annotation, ctypes.c_float(), ctypes.c_float(), width)
    drawn = [f"{value.value / 255:.3f}" for value in color[:3]] + ["RG", f"{width.value:.2f} w"]
    for number, (x, y) in enumerate(corners):
        drawn.append(f"{x:.2f} {y:.2f} {'l' if number else 'm'}")
    drawn.append("s" if kind == raw.FPDF_ANNOT_POLYGON else "S")
    _surround(annotation, corners, width.value)
    text = ctypes.create_string_buffer(f"{' '.join(drawn)}\0".encode("utf-16-le"))
    raw.FPDFAnnot_SetAP(
        annotation,
        raw.FPDF_ANNOT_APPEARANCEMODE_NORMAL,
        ctypes.cast(text, ctypes.POINTER(ctypes.c_ushort)),
    )


def _surround(annotation: Any, corners: list[tuple[float, float]], width: float) -> None:
    """Have the whole line seen: a file may give a rectangle that is too small, or an empty one."""
    across, up = ([corner[axis] for corner in corners] for axis in (0, 1))
    rectangle = pypdfium2.raw.FS_RECTF(
        min(across) - width, max(up) + width, max(across) + width, min(up) - width
    )
    pypdfium2.raw.FPDFAnnot_SetRect(annotation, rectangle)


def _ends(annotation: Any) -> list[tuple[float, float]]:
    raw = pypdfium2.raw
    ends = raw.FS_POINTF(), raw.FS_POINTF()
    if not raw.FPDFAnnot_GetLine(annotation, *ends):
        return []
    return [(end.x, end.y) for end in ends]


def _corners(annotation: Any) -> list[tuple[float, float]]:
    raw = pypdfium2.raw
    count = raw.FPDFAnnot_GetVertices(annotation, None, 0)
    points = (raw.FS_POINTF * count)()
    if raw.FPDFAnnot_GetVertices(annotation, points, count) != count:
        return []
    return [(point.x, point.y) for point in points]


MAX_REVISED: Final = 32 * 1024 * 1024
"""Bytes of a file of which copies are held in memory."""
_ROOT: Final = re.compile(rb"/Root (\d+) \d+ R")
_SIZE: Final = re.compile(rb"/Size (\d+)")
_START: Final = re.compile(rb"startxref\s+(\d+)")
_DICTIONARY: Final = re.compile(rb"[\r\n](\d+) \d+ obj\s+<<")
_ITS_END: Final = re.compile(rb">>\s+endobj")
_REFERENCE: Final = re.compile(rb"(/\w+) \d+ \d+ R")
_PLACE: Final = re.compile(rb"\{(\d+)\}")
# The font is an object of its own, as PDFium refers to it.
_FORM: Final = b"/AcroForm<</Fields[]/DA(/Helv 12 Tf 0 g)/DR<</Font<</Helv {0}>>>>>>"
_FONT: Final = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"


def revised(
    copy: bytearray, entries: bytes, added: Sequence[bytes], *, without: bytes = b""
) -> bytes | None:
    """Return a copy with more entries in its catalog and with more objects, None if it is of an unknown form.

    `{n}` in entries and objects is the number of an object that is added, from 0. The catalog loses the entry
    `without`, a reference.
    """
    trailer = copy[copy.rfind(b"trailer") :]
    root, size, start = (part.search(trailer) for part in (_ROOT, _SIZE, _START))
    if not (root and size and start):
        return None
    catalog = next((one for one in _DICTIONARY.finditer(copy) if one[1] == root[1]), None)
    if catalog is None or (end := _ITS_END.search(copy, catalog.end())) is None:
        return None
    kept = bytes(copy[catalog.end() : end.start()])
    if without:
        kept = _REFERENCE.sub(lambda match: b"" if match[1] == without else match[0], kept)
    first = int(size[1])
    out, table = bytearray(copy), b""
    bodies = [(int(root[1]), b"<<%b%b>>" % (kept, _numbered(entries, first)))]
    bodies += [(first + n, _numbered(body, first)) for n, body in enumerate(added)]
    for number, body in bodies:
        table += b"%d 1\n%010d 00000 n \n" % (number, len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    out += b"xref\n%btrailer\n<</Root %b 0 R/Size %d/Prev %b>>\nstartxref\n%d\n%%%%EOF\n" % (
        table,
        root[1],
        first + len(added),
        start[1],
        len(out),
    )
    return bytes(out)


def reopened(copy: bytes | None) -> Any | None:
    """Open a copy; None without one, or if it cannot be opened, as may be with that of a damaged file."""
    try:
        return None if copy is None else pypdfium2.PdfDocument(copy)
    except pypdfium2.PdfiumError:
        return None


def _numbered(text: bytes, first: int) -> bytes:
    return _PLACE.sub(lambda match: b"%d 0 R" % (first + int(match[1])), text)


@contextmanager
def with_form(document: Any, path: str) -> Iterator[Any]:
    """Open a copy of a document with an empty form, or the document itself if it has one.

    Only then PDFium makes appearances for free texts.
    """
    revision = None
    if document.get_formtype() == pypdfium2.raw.FORMTYPE_NONE and (
        copy := uncompressed(document, path, MAX_REVISED)
    ):
        revision = revised(copy, _FORM, [_FONT])
    if (changed := reopened(revision)) is None:
        yield document
    else:
        with changed:
            yield changed


MAX_LAYERS: Final = 1000
# One of the others is in a file that hides a layer; an empty list of those that are off hides none.
LAYER_NAMES: Final = rb"/OCProperties\b|/OFF\b(?!\[ *\])|/AllOff\b|/AnyOff\b|/VE\b"
# The layer of something, in a copy that PDFium wrote.
_LAYER: Final = re.compile(rb"/OC (\d+ \d+) R")
# Pixels; only the one in the middle is looked at.
_WIDE: Final = 3


def may_hide(found: set[bytes]) -> bool:
    """Return whether a document in which those of LAYER_NAMES were found may hide a layer."""
    return b"/OCProperties" in found and bool(found & {b"/OFF", b"/AllOff", b"/AnyOff", b"/VE"})


class Layers:
    """The layers of a document, read once an annotation is on one."""

    def __init__(self, document: Any, path: str) -> None:
        self._document = document
        self._path = path
        self._hidden: set[str] | None = None
        self._named: Any = None

    def hide_annotations(self, page: Any, number: int) -> None:
        """Hide the annotations of a page, from 0, that are on hidden layers."""
        raw = pypdfium2.raw
        names: Mapping[int, str] | None = None
        for index, annotation in _annotations(page):
            if raw.FPDFAnnot_HasKey(annotation, b"OC"):
                hidden = self._read()
                names = self._names(number) if names is None else names
                if names.get(index) in hidden:
                    raw.FPDFAnnot_SetFlags(annotation, raw.FPDF_ANNOT_FLAG_HIDDEN)

    def close(self) -> None:
        """Close what was opened."""
        if self._named is not None:
            self._named.close()

    def _read(self) -> set[str]:
        """Return the numbers of the objects that are hidden layers."""
        if self._hidden is None:
            self._hidden = set()
            if copy := uncompressed(self._document, self._path, MAX_REVISED):
                self._hidden = _hidden(copy)
                # PDFium tells strings of an annotation, and no references.
                self._named = reopened(_LAYER.sub(rb"/OC(\1) ", copy))
        return self._hidden

    def _names(self, number: int) -> dict[int, str]:
        """Return the number of the layer of each annotation of a page."""
        raw = pypdfium2.raw
        names: dict[int, str] = {}
        if self._named is None or number >= len(self._named):
            return names
        with suppress(TaskError), opened_page(self._named, number) as page:
            for index, annotation in _annotations(page):
                text = (raw.FPDF_WCHAR * 64)()
                length = raw.FPDFAnnot_GetStringValue(annotation, b"OC", text, 128)
                name = bytes(text)[: max(0, min(length, 128) - 2)]
                names[index] = name.decode("utf-16-le", "replace")
        return names


def _hidden(copy: bytearray) -> set[str]:
    """Return which layers PDFium hides: it draws something on each."""
    numbers = sorted({*_LAYER.findall(copy)})[:MAX_LAYERS]
    named = b"".join(b"/L%d %b R" % (n, number) for n, number in enumerate(numbers))
    drawn = b"".join(
        b"/OC/L%d BDC %d 0 %d 1 re f EMC\n" % (n, n * _WIDE, _WIDE) for n in range(len(numbers))
    )
    width = len(numbers) * _WIDE
    revision = revised(
        copy,
        b"/Pages {0}",
        [
            b"<</Type/Pages/Count 1/Kids[{1}]>>",
            b"<</Type/Page/Parent {0}/MediaBox[0 0 %d 1]/Contents {2}/Resources<</Properties<<%b>>>>>>"
            % (width, named),
            b"<</Length %d>>stream\n%b\nendstream" % (len(drawn), drawn),
        ],
        without=b"/Pages",
    )
    document = reopened(revision) if numbers else None
    if document is None:
        return set()
    with opened_page(document, 0) as page:
        pixels = render(document, page, (width, 1), (0, 0, width, 1)).convert("L").tobytes()
    document.close()
    shown = pixels[_WIDE // 2 :: _WIDE]
    return {number.decode() for number, pixel in zip(numbers, shown, strict=True) if pixel > 128}
