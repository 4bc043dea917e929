"""Turn a text into outlines, with a font of this system that has its characters."""

from collections.abc import Iterator
from contextlib import contextmanager
import ctypes
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
import os
from pathlib import Path
from typing import Any, Final, NamedTuple
import unicodedata

import pypdfium2

from .failure import TaskError

SUFFIXES: Final = (".ttf", ".ttc", ".otf")
MAX_FONT_BYTES: Final = 64 * 1024 * 1024
MAX_FONTS: Final = 2000
MAX_FONTS_TRIED: Final = 5
# Parts of the names of fonts, the best first: of those with Chinese characters, and of those with many others.
CHINESE_FONTS: Final = (
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
OTHER_FONTS: Final = (
    "dejavusans.",
    "dejavusans-bold.",
    "notosans-regular",
    "liberationsans-regular",
    "freesans.",
    "arial.",
    "dejavusans",
    "notosans",
    "liberation",
    "freesans",
    "noto",
)
# Where Chinese, Japanese and Korean begin.
FIRST_EASTERN: Final = 0x2E80
# A character that no font has: what is drawn for it is drawn for every one that is missing.
MISSING: Final = 0xFFFE
CAP_HEIGHT: Final = 0.72
# Letters that are written from right to left, and are not joined.
RIGHT_TO_LEFT: Final = "R"
# Characters whose shape depends on those beside them, or that are drawn upon another: Arabic, Thai, Devanagari …
JOINED: Final = frozenset({"Mn", "Mc", "Me", "Cf", "Cc", "Cs", "Co", "Cn"})
BRACKETS: Final = str.maketrans("()[]{}<>«»", ")(][}{><»«")


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

    Raises TaskError: no_font where none has all characters, no_letters where a font would not do, as for
    emoji and for letters that are joined.
    """
    text = _in_order(unicodedata.normalize("NFC", " ".join(text.split())))
    # A font belongs to a document; nothing of this one is kept.
    scratch = pypdfium2.PdfDocument.new()
    try:
        with _standard_font(scratch) as font:
            if _is_western(text) and _has_all(font, text):
                return Lettering(text, font)
        for path in _fonts(folders, text)[:MAX_FONTS_TRIED]:
            try:
                data = path.read_bytes()
            except OSError:
                continue
            with _font(scratch, data) as font:
                if font and _has_all(font, text):
                    return Lettering(text, font)
    finally:
        scratch.close()
    raise TaskError("no_font")


def _is_western(text: str) -> bool:
    """Return whether the font that every PDF program has, has all the characters."""
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def _in_order(text: str) -> str:
    """Return the characters of a text from left to right, as they are seen. Raises TaskError: no_letters."""
    for letter in text:
        kind = unicodedata.category(letter)
        if (
            kind in JOINED
            or unicodedata.bidirectional(letter) == "AL"
            # Emoji, whose fonts have pictures.
            or (ord(letter) > 0xFFFF and kind != "Lo")
        ):
            raise TaskError("no_letters")
    kinds = [unicodedata.bidirectional(letter) for letter in text]
    if RIGHT_TO_LEFT not in kinds:
        return text
    # Runs of one direction; what has none belongs to the run before it if the next goes the same way.
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
def _standard_font(document: Any) -> Iterator[Any]:
    font = pypdfium2.raw.FPDFText_LoadStandardFont(document, b"Helvetica-Bold")
    try:
        yield font
    finally:
        pypdfium2.raw.FPDFFont_Close(font)


@contextmanager
def _font(document: Any, data: bytes) -> Iterator[Any]:
    """Open a font, None if it is none; it takes more memory than its file until it is closed."""
    raw = pypdfium2.raw
    font = raw.FPDFText_LoadFont(
        document,
        (ctypes.c_uint8 * len(data)).from_buffer_copy(data),
        len(data),
        raw.FPDF_FONT_TRUETYPE,
        True,  # PDFium's own signature
    )
    try:
        yield font
    finally:
        if font:
            raw.FPDFFont_Close(font)


def _fonts(folders: tuple[str, ...], text: str) -> list[Path]:
    """Return the fonts that are there, the likeliest to have the characters of a text first."""
    preferred = CHINESE_FONTS if any(ord(one) >= FIRST_EASTERN for one in text) else OTHER_FONTS
    found: list[Path] = []
    for path in _walk(folders):
        found.append(path)
        if len(found) >= MAX_FONTS:
            break

    def rank(path: Path) -> tuple[int, str]:
        name = path.name.lower()
        fits = (place for place, part in enumerate(preferred) if part in name)
        return next(fits, len(preferred)), name

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
