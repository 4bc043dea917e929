"""Draw on sheets: frames, lines to cut, stamps, watermarks."""

import ctypes
import math
from typing import Any, Final

import pypdfium2

from .geometry import Rect, Size, mm
from .lettering import CAP_HEIGHT, Lettering
from .plan import Sheet

THIN: Final = 0.5
GREY: Final = (150, 150, 150, 255)
INK: Final = (90, 90, 90)
DASH: Final = 4.0
STAMP_SIZE: Final = 9.0
# Smaller letters cannot be read.
SMALLEST_STAMP: Final = 6.0
STAMP_MARGIN: Final = mm(6)
# What stamps take of the top and the bottom of a sheet, besides its margins.
STAMP_ROOM: Final = mm(7)
# Points of the height of a page on which stamps have the size above: A4.
USUAL_HEIGHT: Final = 842
# A watermark takes this part of a diagonal, and is at most this part of the area's height high.
WATERMARK_PART: Final = 0.8
WATERMARK_HEIGHT: Final = 0.22


def draw_lines(page: Any, sheet: Sheet) -> None:
    """Draw the frames and cuts of a sheet."""
    for frame in sheet.frames:
        _insert(page, _rectangle(frame), stroke=GREY)
    raw = pypdfium2.raw
    for x1, y1, x2, y2 in sheet.cuts:
        line = raw.FPDFPageObj_CreateNewPath(x1, y1)
        raw.FPDFPath_LineTo(line, x2, y2)
        raw.FPDFPageObj_SetDashArray(line, (ctypes.c_float * 2)(DASH, DASH), 2, 0.0)
        _insert(page, line, stroke=GREY)


def draw_watermark(page: Any, area: Rect, lettering: Lettering, opacity: int) -> None:
    """Draw a text from the lower left to the upper right of an area; `opacity` in percent."""
    angle = math.atan2(area.height, area.width)
    length = math.hypot(area.width, area.height) * WATERMARK_PART
    # At its ends a line of letters is as high as it is in the middle.
    size = min(length / lettering.width, area.height * WATERMARK_HEIGHT)
    cos, sin = math.cos(angle) * size, math.sin(angle) * size
    middle = (lettering.width / 2, CAP_HEIGHT / 2)
    matrix = (
        cos,
        sin,
        -sin,
        cos,
        area.x + area.width / 2 - cos * middle[0] + sin * middle[1],
        area.y + area.height / 2 - sin * middle[0] - cos * middle[1],
    )
    path = lettering.path()
    pypdfium2.raw.FPDFPageObj_Transform(path, *matrix)
    _insert(page, path, fill=(*INK, round(255 * opacity / 100)))


class Stamps:
    """Writes the date and the number of the page on sheets, as text."""

    def __init__(self, document: Any, *, date: str | None, of: int | None) -> None:
        """Take the date as it is to be written, and the number of pages; None leaves either out."""
        self._document = document
        self._font = pypdfium2.raw.FPDFText_LoadStandardFont(document, b"Helvetica")
        self._date = date
        self._of = of

    def draw(self, page: Any, size: Size, number: int) -> None:
        """Write on a page: its number, from 0, at the bottom, the date at the top right."""
        factor = size.height / USUAL_HEIGHT
        margin = STAMP_MARGIN * factor
        room = size.width - 2 * margin

        def fitting(text: str) -> tuple[float, float]:
            """Return the height of the letters and the width of a text."""
            width = self._width(text)
            height = min(max(STAMP_SIZE * factor, SMALLEST_STAMP), room / width)
            return height, width * height

        if self._of is not None:
            text = f"{number + 1} / {self._of}"
            height, width = fitting(text)
            self._write(page, text, (size.width - width) / 2, margin, height)
        if self._date is not None:
            height, width = fitting(self._date)
            top = size.height - margin - height * 0.7
            self._write(page, self._date, size.width - margin - width, top, height)

    def _write(self, page: Any, text: str, x: float, y: float, height: float) -> None:
        raw = pypdfium2.raw
        written = raw.FPDFPageObj_CreateTextObj(self._document, self._font, height)
        data = ctypes.create_string_buffer(f"{text}\0".encode("utf-16-le"))
        raw.FPDFText_SetText(written, ctypes.cast(data, ctypes.POINTER(ctypes.c_ushort)))
        raw.FPDFPageObj_Transform(written, 1, 0, 0, 1, x, y)
        raw.FPDFPage_InsertObject(page, written)

    def _width(self, text: str) -> float:
        """Return the width of a text that is one point high."""
        width, total = ctypes.c_float(), 0.0
        for letter in text:
            pypdfium2.raw.FPDFFont_GetGlyphWidth(self._font, ord(letter), 1.0, width)
            total += width.value
        return total

    def close(self) -> None:
        """Let the font go."""
        pypdfium2.raw.FPDFFont_Close(self._font)


def _rectangle(rect: Rect) -> Any:
    return pypdfium2.raw.FPDFPageObj_CreateNewRect(*rect)


def _insert(
    page: Any,
    drawn: Any,
    *,
    fill: tuple[int, int, int, int] | None = None,
    stroke: tuple[int, int, int, int] | None = None,
) -> None:
    """Put a path on a page, filled or as a line."""
    raw = pypdfium2.raw
    if fill is not None:
        raw.FPDFPageObj_SetFillColor(drawn, *fill)
    if stroke is not None:
        raw.FPDFPageObj_SetStrokeColor(drawn, *stroke)
        raw.FPDFPageObj_SetStrokeWidth(drawn, THIN)
    mode = raw.FPDF_FILLMODE_NONE if fill is None else raw.FPDF_FILLMODE_WINDING
    raw.FPDFPath_SetDrawMode(drawn, mode, stroke is not None)
    raw.FPDFPage_InsertObject(page, drawn)
