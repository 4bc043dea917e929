"""Draw marks on sheets: frames, cutting lines, stamps, and watermarks as outlines of their letters."""

from collections.abc import Iterator
from contextlib import contextmanager
import ctypes
from functools import lru_cache
from itertools import groupby, islice
import json
import math
from operator import itemgetter
import os
from pathlib import Path
from typing import Any, Final, NamedTuple
import unicodedata

from pikepdf import Array, Dictionary, Name, Page, Pdf, Stream
import pypdfium2

from .plan import Rect, Sheet, Size, mm
from .process import FONT_SUFFIXES, TaskError

# Fonts for a watermark: maximum bytes of a font, maximum number of fonts that are ranked, and how many of the ranked
# fonts are opened.
MAX_FONT_BYTES: Final = 64 * 1024 * 1024
MAX_FONTS: Final = 2000
MAX_FONTS_TRIED: Final = 5
# Parts of the file names of fonts, the best first: fonts with Chinese characters, and fonts with many other characters.
_FONTS: Final = json.loads(Path(__file__).with_name("fonts.json").read_text("utf-8"))
_CHINESE_FONT_FILES: Final[list[str]] = _FONTS["chinese"]
_OTHER_FONT_FILES: Final[list[str]] = _FONTS["others"]
# The first code point of Chinese, Japanese and Korean characters.
FIRST_EASTERN: Final = 0x2E80
# No font has this character, so fonts draw their sign for missing characters instead.
NO_CHARACTER: Final = 0xFFFE
CAP_HEIGHT: Final = 0.72
# Unicode's bidirectional class of letters that are written from right to left and are not joined.
RIGHT_TO_LEFT: Final = "R"
# Categories of characters that are drawn on another character, as in Arabic, Thai and Devanagari, or are invisible.
JOINED: Final = frozenset({"Mn", "Mc", "Me", "Cf", "Cc", "Cs", "Co", "Cn"})
BRACKETS: Final = str.maketrans("()[]{}<>«»", ")(][}{><»«")


class _Point(NamedTuple):
    kind: int
    x: float
    y: float
    closes: bool


class Lettering:
    """The outlines of a text at a font size of 1."""

    def __init__(self, text: str, font: Any) -> None:
        self.width = 0.0
        self._points: list[_Point] = []
        advance = ctypes.c_float()
        for letter in text:
            code = _code(font, letter)
            self._points += [
                point._replace(x=point.x + self.width) for point in _outline(font, code)
            ]
            pypdfium2.raw.FPDFFont_GetGlyphWidth(font, code, 1.0, advance)
            self.width += advance.value
        if self.width <= 0:
            raise TaskError("no_font")

    def path(self) -> bytes:
        """Return the outlines as path operators of PDF."""
        raw = pypdfium2.raw
        drawn: list[bytes] = []
        curve: list[float] = []
        for kind, x, y, closes in self._points:
            if kind == raw.FPDF_SEGMENT_BEZIERTO:
                curve += [x, y]
                if len(curve) == 6:
                    drawn.append(b"%.4f %.4f %.4f %.4f %.4f %.4f c" % tuple(curve))
                    curve = []
            else:
                drawn.append(
                    b"%.4f %.4f %b" % (x, y, b"m" if kind == raw.FPDF_SEGMENT_MOVETO else b"l")
                )
            if closes:
                drawn.append(b"h")
        return b"\n".join([*drawn, b""])


@lru_cache(maxsize=8)
def lettering(text: str, folders: tuple[str, ...]) -> Lettering:
    """Return the outlines of a text, in Helvetica or in a font from these folders and their subfolders.

    Raises TaskError: no_font if no font has all characters, no_letters for emoji and for letters that are joined.
    """
    text = left_to_right(unicodedata.normalize("NFC", " ".join(text.split())))
    # PDFium loads fonts only into a document, so an empty document is made for them.
    with pypdfium2.PdfDocument.new() as scratch:
        standard = pypdfium2.raw.FPDFText_LoadStandardFont(scratch, b"Helvetica-Bold")
        with _closed(standard) as font:
            if _is_western(text) and _has_all(font, text):
                return Lettering(text, font)
        for path in likely_fonts(folders, text)[:MAX_FONTS_TRIED]:
            try:
                data = path.read_bytes()
            except OSError:
                continue
            with _closed(_load(scratch, data)) as font:
                if font and _has_all(font, text):
                    return Lettering(text, font)
    raise TaskError("no_font")


def _is_western(text: str) -> bool:
    """Return whether the text has only characters that the standard fonts of every PDF program have."""
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def left_to_right(text: str) -> str:
    """Return the characters in the order in which they appear from left to right. Raises TaskError: no_letters."""
    for letter in text:
        kind = unicodedata.category(letter)
        if (
            kind in JOINED
            or unicodedata.bidirectional(letter) == "AL"
            # Fonts have pictures of emoji instead of outlines.
            or (ord(letter) > 0xFFFF and kind != "Lo")
        ):
            raise TaskError("no_letters")
    kinds = [unicodedata.bidirectional(letter) for letter in text]
    if RIGHT_TO_LEFT not in kinds:
        return text
    # Split the text into runs of one direction. A sign without a direction takes that of its neighbors if they agree,
    # otherwise the base direction.
    strong = [kind for kind in kinds if kind in ("L", RIGHT_TO_LEFT)]
    base = strong[0]
    ways = [kind if kind in ("L", RIGHT_TO_LEFT) else "L" if kind == "EN" else "" for kind in kinds]
    for number, way in enumerate(ways):
        if not way:
            before = next((one for one in reversed(ways[:number]) if one), base)
            after = next((one for one in ways[number:] if one), base)
            ways[number] = before if before == after else base
    runs = [
        (way, "".join(letter for _, letter in some))
        for way, some in groupby(zip(ways, text, strict=True), key=itemgetter(0))
    ]
    shown = [
        run if way == "L" else run[::-1].translate(BRACKETS)
        for way, run in (runs if base == "L" else reversed(runs))
    ]
    return "".join(shown)


@contextmanager
def _closed(font: Any) -> Iterator[Any]:
    """Close a font after use, since an open font takes more memory than its file; `font` may be None."""
    try:
        yield font
    finally:
        if font:
            pypdfium2.raw.FPDFFont_Close(font)


def _load(document: Any, data: bytes) -> Any:
    """Load a font into a document; None if the data is no font."""
    raw = pypdfium2.raw
    return raw.FPDFText_LoadFont(
        document,
        (ctypes.c_uint8 * len(data)).from_buffer_copy(data),
        len(data),
        raw.FPDF_FONT_TRUETYPE,
        True,  # a CID font: not limited to 256 characters
    )


def likely_fonts(folders: tuple[str, ...], text: str) -> list[Path]:
    """Return the fonts in these folders, beginning with those most likely to have the characters of a text."""
    preferred = (
        _CHINESE_FONT_FILES if any(ord(one) >= FIRST_EASTERN for one in text) else _OTHER_FONT_FILES
    )

    def rank(path: Path) -> tuple[int, str]:
        name = path.name.lower()
        fits = (place for place, part in enumerate(preferred) if part in name)
        return next(fits, len(preferred)), name

    return sorted(islice(_walk(folders), MAX_FONTS), key=rank)


def _walk(folders: tuple[str, ...]) -> Iterator[Path]:
    for folder in folders:
        for parent, _, names in os.walk(folder):
            for name in names:
                path = Path(parent, name)
                # A link may be broken.
                if path.suffix.lower() not in FONT_SUFFIXES or not path.is_file():
                    continue
                if path.stat().st_size <= MAX_FONT_BYTES:
                    yield path


def _has_all(font: Any, text: str) -> bool:
    return all(letter.isspace() or _is_drawn(font, _code(font, letter)) for letter in text)


def _code(font: Any, letter: str) -> int:
    """Return the code point by which PDFium finds a character in a font.

    Of several characters that share a glyph, PDFium finds only the last. In Noto Sans CJK it does not find 北 (U+5317),
    but the compatibility character U+F963.
    """
    codes = [ord(letter), *_twins().get(letter, [])]
    return next((code for code in codes if _is_drawn(font, code)), codes[0])


def _is_drawn(font: Any, code: int) -> bool:
    drawn = _outline(font, code)
    return bool(drawn) and drawn != _outline(font, NO_CHARACTER)


@lru_cache(maxsize=1)
def _twins() -> dict[str, list[int]]:
    """Map each character to the code points of its compatibility characters."""
    twins: dict[str, list[int]] = {}
    for code in (*range(0x2E80, 0x2FE0), *range(0xF900, 0xFB00), *range(0x2F800, 0x2FA20)):
        if (letter := unicodedata.normalize("NFKC", chr(code))) != chr(code):
            twins.setdefault(letter, []).append(code)
    return twins


def _outline(font: Any, letter: int) -> list[_Point]:
    """Return the outline of a character; empty if the font has none."""
    raw = pypdfium2.raw
    glyph = raw.FPDFFont_GetGlyphPath(font, letter, 1.0)
    if not glyph:
        return []
    points: list[_Point] = []
    x, y = ctypes.c_float(), ctypes.c_float()
    for number in range(raw.FPDFGlyphPath_CountGlyphSegments(glyph)):
        segment = raw.FPDFGlyphPath_GetGlyphPathSegment(glyph, number)
        raw.FPDFPathSegment_GetPoint(segment, x, y)
        points.append(
            _Point(
                raw.FPDFPathSegment_GetType(segment),
                x.value,
                y.value,
                bool(raw.FPDFPathSegment_GetClose(segment)),
            )
        )
    return points


LINE_WIDTH: Final = 0.5
LINE_GREY: Final = 150 / 255
WATERMARK_GREY: Final = 90 / 255
DASH_LENGTH: Final = 4.0
STAMP_SIZE: Final = 9.0
# Widths of a stamp's characters in Helvetica, as fractions of the font size.
_DIGIT: Final = 0.556
_WIDTHS: Final = {" ": 0.278, "/": 0.278, "-": 0.333}
# Minimum font size of a stamp in points: smaller letters cannot be read.
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


class Watermark:
    """A text that is drawn across areas of sheets; the document contains its outlines only once."""

    def __init__(self, pdf: Pdf, letters: Lettering, opacity: int) -> None:
        """`opacity` is in percent."""
        self._width = letters.width
        self._look = pdf.make_indirect(Dictionary(Type=Name.ExtGState, ca=opacity / 100))
        content = b"%f %f %f rg\n" % ((WATERMARK_GREY,) * 3) + letters.path() + b"f"
        # Letters may reach beyond their width, and below the baseline.
        box = Array([-2, -2, letters.width + 2, 3])
        self._form = Stream(pdf, content, Type=Name.XObject, Subtype=Name.Form, BBox=box)

    def drawn(self, page: Page, area: Rect) -> bytes:
        """Return PDF operators that draw the watermark from the lower left to the upper right of an area."""
        angle = math.atan2(area.height, area.width)
        length = math.hypot(area.width, area.height) * WATERMARK_PART
        # The height is limited, since the ends of the text lie in corners of the area, where there is less room.
        size = min(length / self._width, area.height * WATERMARK_HEIGHT)
        cos, sin = math.cos(angle) * size, math.sin(angle) * size
        middle = (self._width / 2, CAP_HEIGHT / 2)
        x = area.x + area.width / 2 - cos * middle[0] + sin * middle[1]
        y = area.y + area.height / 2 - sin * middle[0] - cos * middle[1]
        look, form = (
            page.add_resource(self._look, Name.ExtGState),
            page.add_resource(self._form, Name.XObject),
        )
        return f"q {look} gs {cos:f} {sin:f} {-sin:f} {cos:f} {x:f} {y:f} cm {form} Do Q\n".encode()


class Stamps:
    """Writes the date and the page number on sheets, as text."""

    def __init__(self, pdf: Pdf, *, date: str | None, of: int | None) -> None:
        """`date` has only digits and dashes, `of` is the number of pages; None leaves out the stamp."""
        self._font = pdf.make_indirect(
            Dictionary(
                Type=Name.Font,
                Subtype=Name.Type1,
                BaseFont=Name.Helvetica,
                Encoding=Name.WinAnsiEncoding,
            )
        )
        self._date = date
        self._of = of

    def drawn(self, page: Page, size: Size, number: int) -> bytes:
        """Return PDF operators for the page number (`number` + 1) at the bottom and the date at the top right."""
        factor = size.height / USUAL_HEIGHT
        margin = STAMP_MARGIN * factor
        room = size.width - 2 * margin
        font = str(page.add_resource(self._font, Name.Font))

        def fitting(text: str) -> tuple[float, float]:
            """Return the font size with which a text fits, and the width of the text."""
            width = sum(_WIDTHS.get(letter, _DIGIT) for letter in text)
            height = min(max(STAMP_SIZE * factor, SMALLEST_STAMP), room / width)
            return height, width * height

        def written(text: str, x: float, y: float, height: float) -> bytes:
            return f"BT {font} {height:f} Tf {x:f} {y:f} Td ({text}) Tj ET\n".encode()

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
