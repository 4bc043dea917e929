"""Put fonts into PDF documents, such as the font that comes with the integration (made by scripts/font)."""

from functools import cache
import hashlib
from itertools import batched
from pathlib import Path
import struct
from typing import Any, Final
import zlib

from pikepdf import Array, Dictionary, Name, Pdf, Stream

from .font_file import FontFile

FONT: Final = Path(__file__).parents[1] / "fonts" / "lianke-sans-sc.ttf"
# In thousandths of the font's size, like the widths of glyphs.
CAP_HEIGHT: Final = 714


@cache
def own_font() -> FontFile:
    """Return the integration's font; the first call reads it."""
    return FontFile(FONT.read_bytes())


def lacking(text: str) -> str:
    """Return the characters for which the integration's font has no glyph, as text for people; "" if it has all."""
    return ", ".join(
        f"{letter} (U+{ord(letter):04X})" if letter.isprintable() else f"U+{ord(letter):04X}"
        for letter in dict.fromkeys(text)
        if not own_font().glyph(letter)
    )


def text_width(text: str) -> float:
    """Return the width of a text in the integration's font at a font size of 1."""
    font = own_font()
    return sum(font.width(font.glyph(letter)) for letter in text) / 1000


class PdfFont:
    """A font in a PDF, with only the glyphs in use."""

    def __init__(self, pdf: Pdf, file: FontFile, name: str = "LiankeSansSC") -> None:
        self.file = file
        # For the resources of pages and forms; incomplete until `finish` is called.
        self.object: Final[Any] = pdf.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type0))
        self.name = f"/{name}"
        self._pdf = pdf
        self._texts: dict[int, str] = {}
        self._glyphs: dict[int, int] = {}
        self._added: dict[tuple[int, str], int] = {}

    def code(self, glyph: int, text: str) -> int:
        """Return the code by which a PDF draws a glyph; readers copy and search the glyph as `text`.

        A TrueType glyph gets a code for each text. Any other glyph has one code, so it keeps its first text.
        """
        code = self.file.code(glyph)
        known = self._texts.setdefault(code, text)
        self._glyphs[code] = glyph
        if known == text or self.file.is_cff:
            return code
        if (code := self._added.get((glyph, text), 0)) or self.file.count + len(
            self._added
        ) > 0xFFFE:
            return code or glyph
        code = self._added[glyph, text] = self.file.count + len(self._added)
        self._texts[code], self._glyphs[code] = text, glyph
        return code

    def encoded(self, text: str) -> bytes:
        """Return a text as an operand of the PDF operator Tj."""
        codes = (self.code(self.file.glyph(letter), letter) for letter in text)
        return b"<%b>" % b"".join(b"%04X" % code for code in codes)

    def finish(self) -> None:
        """Write the font with the glyphs that `code` and `encoded` were called with."""
        if not self._glyphs:
            return
        pdf, codes = self._pdf, sorted(self._glyphs.items())
        data = self.file.embedded(set(self._glyphs.values()))
        # A different name for each set of glyphs: programs that join documents may treat fonts of the same name as one.
        tag = "".join(chr(65 + byte % 26) for byte in hashlib.sha256(data).digest()[:6])
        name = Name(f"/{tag}+{self.name[1:]}")
        program = _packed(pdf, data)
        descriptor = Dictionary(
            Type=Name.FontDescriptor,
            FontName=name,
            Flags=4,  # the font has characters other than Latin letters
            FontBBox=Array([-200, -300, 1200, 1100]),
            ItalicAngle=0,
            Ascent=880,
            Descent=-120,
            CapHeight=700,
            StemV=80,
        )
        if self.file.is_cff:
            program.Subtype = Name.CIDFontType0C
            descriptor.FontFile3 = program
        else:
            descriptor.FontFile2 = program
        inner = Dictionary(
            Type=Name.Font,
            Subtype=Name.CIDFontType0 if self.file.is_cff else Name.CIDFontType2,
            BaseFont=name,
            CIDSystemInfo=Dictionary(Registry=b"Adobe", Ordering=b"Identity", Supplement=0),
            FontDescriptor=pdf.make_indirect(descriptor),
            DW=1000,
            W=Array(
                [one for code, glyph in codes for one in (code, Array([self.file.width(glyph)]))]
            ),
        )
        if not self.file.is_cff:
            inner.CIDToGIDMap = Name.Identity
            if self._added:
                to_glyphs = [self._glyphs.get(code, 0) for code in range(codes[-1][0] + 1)]
                inner.CIDToGIDMap = _packed(pdf, struct.pack(f">{len(to_glyphs)}H", *to_glyphs))
        self.object.BaseFont = name
        self.object.Encoding = Name("/Identity-H")
        self.object.DescendantFonts = Array([pdf.make_indirect(inner)])
        self.object.ToUnicode = _packed(pdf, self._to_unicode())

    def _to_unicode(self) -> bytes:
        """Return the table that makes text searchable; each of its lists has at most 100 items, as PDF requires."""
        lines = [
            f"<{code:04X}> <{text.encode('utf-16-be', 'replace').hex()}>"
            for code, text in sorted(self._texts.items())
            if text
        ]
        body = "\n".join(
            "\n".join([f"{len(part)} beginbfchar", *part, "endbfchar"])
            for part in batched(lines, 100, strict=False)
        )
        return (
            "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
            "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
            "1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"
            f"{body}\nendcmap\nend\nend\n"
        ).encode()


def _packed(pdf: Pdf, data: bytes) -> Any:
    return pdf.make_indirect(
        Stream(pdf, zlib.compress(data), Dictionary(Filter=Name.FlateDecode, Length1=len(data)))
    )
