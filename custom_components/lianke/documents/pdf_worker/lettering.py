"""Turn a text into outlines, with a font of this system that has its characters."""

from collections.abc import Iterator
import ctypes
from functools import lru_cache
import os
from pathlib import Path
from typing import Any, Final, NamedTuple

import pypdfium2

from .failure import TaskError

SUFFIXES: Final = (".ttf", ".ttc", ".otf")
MAX_FONT_BYTES: Final = 64 * 1024 * 1024
MAX_FONTS: Final = 2000
MAX_FONTS_TRIED: Final = 5
# Parts of the names of fonts with Chinese characters, the best first.
PREFERRED: Final = (
    "notosanssc",
    "notosanscjk-regular",
    "notosanscjk",
    "sourcehansans",
    "wqy",
    "droidsansfallback",
    "simhei",
    "msyh",
    "fallback",
    "cjk",
    "noto",
    "dejavusans",
)
# A character that no font has: what is drawn for it is drawn for every one that is missing.
MISSING: Final = 0x10FFFD
CAP_HEIGHT: Final = 0.72


class _Point(NamedTuple):
    kind: int
    x: float
    y: float
    closes: bool


class Lettering:
    """A text as outlines; a letter is about as wide as 1."""

    def __init__(self, text: str, font: Any) -> None:
        """Take the outlines from an open font."""
        self.width = 0.0
        self._points: list[_Point] = []
        advance = ctypes.c_float()
        for letter in text:
            self._points += [
                point._replace(x=point.x + self.width) for point in _outline(font, ord(letter))
            ]
            pypdfium2.raw.FPDFFont_GetGlyphWidth(font, ord(letter), 1.0, advance)
            self.width += advance.value
        if self.width <= 0:
            raise TaskError("no_font")

    def path(self) -> Any:
        """Return a new page object of the outlines."""
        raw = pypdfium2.raw
        path = raw.FPDFPageObj_CreateNewPath(0.0, 0.0)
        curve: list[float] = []
        for kind, x, y, closes in self._points:
            if kind == raw.FPDF_SEGMENT_MOVETO:
                raw.FPDFPath_MoveTo(path, x, y)
            elif kind == raw.FPDF_SEGMENT_LINETO:
                raw.FPDFPath_LineTo(path, x, y)
            else:
                curve += [x, y]
                if len(curve) == 6:
                    raw.FPDFPath_BezierTo(path, *curve)
                    curve = []
            if closes:
                raw.FPDFPath_Close(path)
        return path


@lru_cache(maxsize=8)
def lettering(text: str, folders: tuple[str, ...]) -> Lettering:
    """Return a text as outlines; searches folders and their subfolders for a font.

    Raises TaskError: no_font where none has all characters.
    """
    raw = pypdfium2.raw
    # A font belongs to a document; nothing of this one is kept.
    scratch = pypdfium2.PdfDocument.new()
    try:
        if text.isascii():
            font = raw.FPDFText_LoadStandardFont(scratch, b"Helvetica-Bold")
            return Lettering(text, font)
        for path in _fonts(folders)[:MAX_FONTS_TRIED]:
            try:
                data = path.read_bytes()
            except OSError:
                continue
            font = raw.FPDFText_LoadFont(
                scratch,
                (ctypes.c_uint8 * len(data)).from_buffer_copy(data),
                len(data),
                raw.FPDF_FONT_TRUETYPE,
                True,  # PDFium's own signature
            )
            if font and _has_all(font, text):
                return Lettering(text, font)
    finally:
        scratch.close()
    raise TaskError("no_font")


def _fonts(folders: tuple[str, ...]) -> list[Path]:
    """Return the fonts that are there, the likeliest to have Chinese characters first."""
    found: list[Path] = []
    for path in _walk(folders):
        found.append(path)
        if len(found) >= MAX_FONTS:
            break

    def rank(path: Path) -> tuple[int, str]:
        name = path.name.lower()
        fits = (place for place, part in enumerate(PREFERRED) if part in name)
        return next(fits, len(PREFERRED)), name

    return sorted(found, key=rank)


def _walk(folders: tuple[str, ...]) -> Iterator[Path]:
    for folder in folders:
        for parent, _, names in os.walk(folder):
            for name in names:
                path = Path(parent, name)
                if path.suffix.lower() in SUFFIXES and path.stat().st_size <= MAX_FONT_BYTES:
                    yield path


def _has_all(font: Any, text: str) -> bool:
    missing = _outline(font, MISSING)
    return all(
        letter.isspace() or ((drawn := _outline(font, ord(letter))) and drawn != missing)
        for letter in text
    )


def _outline(font: Any, letter: int) -> list[_Point]:
    """Return the outline of a character, empty where there is none."""
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
