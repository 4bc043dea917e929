"""The font that comes with the integration (made by scripts/font), and text in it in a PDF document."""

from functools import cache
import hashlib
from itertools import batched
from pathlib import Path
import struct
from typing import Any, Final

from pikepdf import Array, Dictionary, Name, Pdf, Stream

FONT: Final = Path(__file__).parents[1] / "fonts" / "lianke-sans-sc.ttf"
# The font's units in an em: a PDF counts in the same.
UNITS: Final = 1000
CAP_HEIGHT: Final = 714
STEM_WIDTH: Final = 80


class Font:
    """A font as scripts/font makes it: TrueType without hinting, and without glyphs that are made of other glyphs."""

    def __init__(self, path: Path) -> None:
        """Read the font. Blocking."""
        data = path.read_bytes()
        (count,) = struct.unpack_from(">H", data, 4)
        self._tables = {
            tag: data[start : start + length]
            for tag, _, start, length in struct.iter_unpack(">4s3I", data[12 : 12 + 16 * count])
        }
        (glyphs,) = struct.unpack_from(">H", self._tables[b"maxp"], 4)
        self._starts = struct.unpack(f">{glyphs + 1}I", self._tables[b"loca"])
        (wide,) = struct.unpack_from(">H", self._tables[b"hhea"], 34)
        widths = [
            width for width, _ in struct.iter_unpack(">Hh", self._tables[b"hmtx"][: 4 * wide])
        ]
        self.box: Final = struct.unpack_from(">4h", self._tables[b"head"], 36)
        self.ascent, self.descent = struct.unpack_from(">2h", self._tables[b"hhea"], 4)
        # In UNITS, by the number of the glyph; glyphs at the end share a width.
        self.widths: Final[list[int]] = widths + widths[-1:] * (glyphs - wide)
        # The number of the glyph, by code point.
        self.glyphs: Final = self._characters()

    def _characters(self) -> dict[int, int]:
        table = self._tables[b"cmap"]
        (count,) = struct.unpack_from(">H", table, 2)
        starts = [start for _, _, start in struct.iter_unpack(">HHI", table[4 : 4 + 8 * count])]
        # The format that has characters beyond U+FFFF.
        start = next(at for at in starts if struct.unpack_from(">H", table, at) == (12,))
        (length,) = struct.unpack_from(">I", table, start + 4)
        groups = struct.iter_unpack(">3I", table[start + 16 : start + length])
        return {
            code: glyph + code - first
            for first, last, glyph in groups
            for code in range(first, last + 1)
        }

    def lacking(self, text: str) -> str:
        """Return the characters that the font has no glyph for, in words, each once; empty if it has all."""
        return ", ".join(
            f"{letter} (U+{ord(letter):04X})" if letter.isprintable() else f"U+{ord(letter):04X}"
            for letter in dict.fromkeys(text)
            if ord(letter) not in self.glyphs
        )

    def width(self, text: str) -> float:
        """Return the width of a text at a font size of 1."""
        return sum(self.widths[self.glyphs.get(ord(letter), 0)] for letter in text) / UNITS

    def subset(self, glyphs: list[int]) -> bytes:
        """Return a font for a PDF with these glyphs only, numbered in their order."""
        outlines = [
            self._tables[b"glyf"][self._starts[glyph] : self._starts[glyph + 1]] for glyph in glyphs
        ]
        starts, metrics = [0], b""
        for glyph, outline in zip(glyphs, outlines, strict=True):
            starts.append(starts[-1] + len(outline))
            # An outline begins with the number of its contours and its left edge.
            left = struct.unpack_from(">h", outline, 2)[0] if outline else 0
            metrics += struct.pack(">Hh", self.widths[glyph], left)
        number = struct.pack(">H", len(glyphs))
        maxp = self._tables[b"maxp"]
        tables = {
            b"glyf": b"".join(outlines),
            b"head": self._tables[b"head"],
            b"hhea": self._tables[b"hhea"][:34] + number,
            b"hmtx": metrics,
            b"loca": struct.pack(f">{len(starts)}I", *starts),
            b"maxp": maxp[:4] + number + maxp[6:],
        }
        head, body = struct.pack(">I4H", 0x10000, len(tables), 64, 2, 32), b""
        for tag, table in tables.items():
            padded = table + bytes(-len(table) % 4)
            checksum = sum(word for (word,) in struct.iter_unpack(">I", padded)) % 2**32
            start = 12 + 16 * len(tables) + len(body)
            head += struct.pack(">4s3I", tag, checksum, start, len(table))
            body += padded
        return head + body


@cache
def own_font() -> Font:
    """Return the integration's font; the first call reads it."""
    return Font(FONT)


class EmbeddedFont:
    """The integration's font in a document, which gets only the glyphs of the texts that are drawn."""

    def __init__(self, pdf: Pdf) -> None:
        self._pdf = pdf
        # The characters in the order of their numbers in the document; number 0 stands for no character.
        self._numbers: dict[str, int] = {}
        # For the resources of pages and forms; complete once `finish` was called.
        self.object: Final[Any] = pdf.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type0))

    def encoded(self, text: str) -> bytes:
        """Return a text as the PDF operator Tj takes it."""
        numbers = (self._numbers.setdefault(letter, len(self._numbers) + 1) for letter in text)
        return b"<%b>" % b"".join(b"%04X" % number for number in numbers)

    def finish(self) -> None:
        """Add the glyphs of all texts that `encoded` was called with."""
        if not self._numbers:
            return
        pdf, font = self._pdf, own_font()
        glyphs = [0, *(font.glyphs.get(ord(letter), 0) for letter in self._numbers)]
        data = font.subset(glyphs)
        # Programs that join documents may take fonts of one name for one font.
        tag = "".join(chr(65 + byte % 26) for byte in hashlib.sha256(data).digest()[:6])
        name = Name(f"/{tag}+LiankeSansSC")
        descriptor = Dictionary(
            Type=Name.FontDescriptor,
            FontName=name,
            Flags=4,  # a font with other characters than those of Latin
            FontBBox=Array(font.box),
            ItalicAngle=0,
            Ascent=font.ascent,
            Descent=font.descent,
            CapHeight=CAP_HEIGHT,
            StemV=STEM_WIDTH,
            FontFile2=Stream(pdf, data, Length1=len(data)),
        )
        numbered = Dictionary(
            Type=Name.Font,
            Subtype=Name.CIDFontType2,
            BaseFont=name,
            CIDSystemInfo=Dictionary(Registry="Adobe", Ordering="Identity", Supplement=0),
            CIDToGIDMap=Name.Identity,
            FontDescriptor=pdf.make_indirect(descriptor),
            W=Array([0, Array([font.widths[glyph] for glyph in glyphs])]),
        )
        self.object.BaseFont = name
        self.object.Encoding = Name("/Identity-H")
        self.object.DescendantFonts = Array([pdf.make_indirect(numbered)])
        self.object.ToUnicode = Stream(pdf, self._to_unicode())

    def _to_unicode(self) -> bytes:
        """Return the table by which text can be searched and copied."""
        lists = [
            f"{len(some)} beginbfchar\n"
            + "".join(
                f"<{number:04X}> <{letter.encode('utf-16-be').hex()}>\n" for letter, number in some
            )
            + "endbfchar"
            # A list has at most 100 items.
            for some in batched(self._numbers.items(), 100, strict=False)
        ]
        return "\n".join(
            [
                "/CIDInit /ProcSet findresource begin 12 dict begin begincmap",
                "/CMapName /Lianke def /CMapType 2 def",
                "1 begincodespacerange <0000> <FFFF> endcodespacerange",
                *lists,
                "endcmap CMapName currentdict /CMap defineresource pop end end",
            ]
        ).encode()
