"""Draw marks on sheets: frames, cutting lines, stamps and watermarks."""

import math
from typing import Final
import unicodedata

from pikepdf import Array, Dictionary, Name, Page, Pdf, Stream

from .font import CAP_HEIGHT, PdfFont, lacking, text_width
from .plan import Rect, Sheet, Size, mm
from .process import TaskError

LINE_WIDTH: Final = 0.5
LINE_GREY: Final = 150 / 255
WATERMARK_GREY: Final = 90 / 255
DASH_LENGTH: Final = 4.0
STAMP_SIZE: Final = 9.0
# Minimum font size in points of a stamp: smaller letters cannot be read.
SMALLEST_STAMP: Final = 6.0
STAMP_MARGIN: Final = mm(6)
# Height that stamps take at the top and at the bottom of a sheet, in addition to its margins.
STAMP_ROOM: Final = mm(7)
# Height in points of a page on which stamps have STAMP_SIZE: A4.
USUAL_HEIGHT: Final = 842
# The length of a watermark as a fraction of its area's diagonal, and its maximum height as a fraction of that area's
# height.
WATERMARK_PART: Final = 0.8
WATERMARK_HEIGHT: Final = 0.22


def lines(sheet: Sheet) -> bytes:
    """Return PDF operators that draw the frames and cutting lines of a sheet."""
    drawn = [b"%f %f %f %f re S" % frame for frame in sheet.frames]
    cuts = [b"%f %f m %f %f l" % cut for cut in sheet.cuts]
    cuts = [b"[%f %f] 0 d" % (DASH_LENGTH, DASH_LENGTH), *cuts, b"S"] if cuts else []
    return (
        b"\n".join([b"q %f G %f w" % (LINE_GREY, LINE_WIDTH), *drawn, *cuts, b"Q\n"])
        if drawn or cuts
        else b""
    )


def watermark_text(text: str) -> str:
    """Return the text of a watermark as drawn. Raises TaskError: no_glyph, with the characters that the font lacks."""
    text = unicodedata.normalize("NFC", " ".join(text.split()))
    if letters := lacking(text):
        raise TaskError("no_glyph", letters)
    return text


class Watermark:
    """A text that is drawn across areas of sheets; the document contains it only once."""

    def __init__(self, pdf: Pdf, font: PdfFont, text: str, opacity: int) -> None:
        """`text` comes from `watermark_text`, `opacity` is in percent."""
        self._width = width = text_width(text)
        self._look = pdf.make_indirect(Dictionary(Type=Name.ExtGState, ca=opacity / 100))
        content = b"%f %f %f rg BT /F 1 Tf %b Tj ET" % (
            *(WATERMARK_GREY,) * 3,
            font.encoded(text),
        )
        # Letters may reach beyond their width, and below the baseline.
        self._form = Stream(
            pdf,
            content,
            Type=Name.XObject,
            Subtype=Name.Form,
            BBox=Array([-2, -2, width + 2, 3]),
            Resources=Dictionary(Font=Dictionary(F=font.object)),
        )

    def drawn(self, page: Page, area: Rect) -> bytes:
        """Return PDF operators that draw the watermark from the lower left to the upper right of an area."""
        angle = math.atan2(area.height, area.width)
        length = math.hypot(area.width, area.height) * WATERMARK_PART
        # The height is limited, since the ends of the text lie in corners of the area, where there is less room.
        size = min(length / self._width, area.height * WATERMARK_HEIGHT)
        cos, sin = math.cos(angle) * size, math.sin(angle) * size
        middle = (self._width / 2, CAP_HEIGHT / 1000 / 2)
        x = area.x + area.width / 2 - cos * middle[0] + sin * middle[1]
        y = area.y + area.height / 2 - sin * middle[0] - cos * middle[1]
        look, form = (
            page.add_resource(self._look, Name.ExtGState),
            page.add_resource(self._form, Name.XObject),
        )
        return f"q {look} gs {cos:f} {sin:f} {-sin:f} {cos:f} {x:f} {y:f} cm {form} Do Q\n".encode()


class Stamps:
    """Writes the date and the page number on sheets, as text."""

    def __init__(self, font: PdfFont, *, date: str | None, of: int | None) -> None:
        """`date` has only digits and dashes, `of` is the number of pages; None leaves out the stamp."""
        self._font = font
        self._date = date
        self._of = of

    def drawn(self, page: Page, size: Size, number: int) -> bytes:
        """Return PDF operators for the page number (`number` + 1) at the bottom and the date at the top right."""
        factor = size.height / USUAL_HEIGHT
        margin = STAMP_MARGIN * factor
        room = size.width - 2 * margin
        font = page.add_resource(self._font.object, Name.Font)

        def fitting(text: str) -> tuple[float, float]:
            """Return the font size with which a text fits, and the width of the text."""
            width = text_width(text)
            height = min(max(STAMP_SIZE * factor, SMALLEST_STAMP), room / width)
            return height, width * height

        def written(text: str, x: float, y: float, height: float) -> bytes:
            place = f"BT {font} {height:f} Tf {x:f} {y:f} Td ".encode()
            return place + self._font.encoded(text) + b" Tj ET\n"

        drawn = b"q 0 g\n"
        if self._of is not None:
            text = f"{number + 1} / {self._of}"
            height, width = fitting(text)
            drawn += written(text, (size.width - width) / 2, margin, height)
        if self._date is not None:
            height, width = fitting(self._date)
            top = size.height - margin - height * 0.7
            drawn += written(self._date, size.width - margin - width, top, height)
        return drawn + b"Q\n"
