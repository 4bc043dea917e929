"""Make annotations and form fields part of their page, also those that have no appearance of their own."""

import ctypes
from typing import Any

import pypdfium2

from .render import render


def give_appearances(document: Any, page: Any) -> None:
    """Have PDFium make the appearances that are missing, which it does when it draws a page."""
    # Beside the bitmap, so that nothing has to be drawn.
    render(document, page, (1, 1), (2, 2, 1, 1))


def needs_form(page: Any) -> bool:
    """Return whether a page has free texts for which PDFium makes an appearance only if there is a form."""
    raw = pypdfium2.raw
    for number in range(raw.FPDFPage_GetAnnotCount(page)):
        annotation = raw.FPDFPage_GetAnnot(page, number)
        if not annotation:
            continue
        kind = raw.FPDFAnnot_GetSubtype(annotation)
        bare = not raw.FPDFAnnot_HasKey(annotation, b"AP")
        raw.FPDFPage_CloseAnnot(annotation)
        if kind == raw.FPDF_ANNOT_FREETEXT and bare:
            return True
    return False


def flatten(page: Any) -> None:
    """Make all annotations that are printed part of the page's content."""
    raw = pypdfium2.raw
    count = raw.FPDFPage_GetAnnotCount(page)
    for number in range(count):
        annotation = raw.FPDFPage_GetAnnot(page, number)
        if annotation:
            _give_lines(annotation)
            raw.FPDFPage_CloseAnnot(annotation)
    if count > 0:
        raw.FPDFPage_Flatten(page, raw.FLAT_PRINT)


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
