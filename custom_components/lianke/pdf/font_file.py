"""Read the parts of TrueType and CFF fonts that PDF needs, and reduce fonts to the glyphs in use."""

from itertools import accumulate
import struct
from typing import Any, Final

# Maximum number of characters read from a font's table of characters.
MAX_CHARACTERS: Final = 120_000

_FONT_ERRORS: Final = (struct.error, IndexError, KeyError, ValueError, OverflowError)
_SFNT: Final = (b"\0\1\0\0", b"true", b"OTTO")
# The tables of a TrueType font that a PDF needs.
_NEEDED: Final = ("head", "hhea", "maxp", "hmtx", "loca", "glyf", "cvt ", "fpgm", "prep")
# Platforms and encodings of tables of characters, the best first.
_ENCODINGS: Final = (
    (3, 10),
    (0, 6),
    (0, 4),
    (3, 1),
    (0, 3),
    (0, 2),
    (0, 1),
    (0, 0),
    (3, 0),
    (1, 0),
)
_SYMBOLS: Final = 0xF000
_CFF_CHARSET, _CFF_STRINGS, _CFF_ROS = 15, 17, 1230
_CFF_END: Final = b"\x0e"


class FontFile:
    """A font's glyphs: their number, widths and characters."""

    def __init__(self, data: bytes) -> None:
        """Raise ValueError if the font cannot be read."""
        try:
            self._read(data)
        except _FONT_ERRORS:
            raise ValueError from None

    def _read(self, data: bytes) -> None:
        self._tables: dict[str, bytes] = {}
        self.is_cff = data[:1] == b"\1" and data[:4] not in _SFNT
        self.codes: dict[int, int] = {}
        units, widths = 1000, b""
        if self.is_cff:
            self._tables["CFF "] = data
        elif data[:4] in (*_SFNT, b"ttcf"):
            # In a collection, read the first font.
            at = struct.unpack_from(">I", data, 12)[0] if data[:4] == b"ttcf" else 0
            count = struct.unpack_from(">H", data, at + 4)[0]
            for place in range(at + 12, at + 12 + 16 * count, 16):
                tag, _, start, length = struct.unpack_from(">4sIII", data, place)
                self._tables[tag.decode("latin-1")] = data[start : start + length]
            self.is_cff = "CFF " in self._tables
            units = struct.unpack_from(">H", self._tables["head"], 18)[0] or 1000
            widths = self._tables["hmtx"]
        else:
            raise ValueError
        if self.is_cff:
            self._cff = _Cff(self._tables["CFF "])
            self.count = self._cff.count
        else:
            self.count = struct.unpack_from(">H", self._tables["maxp"], 4)[0]
            self._loca = self._locations()
        if not self.count:
            raise ValueError
        if widths:
            known = min(struct.unpack_from(">H", self._tables["hhea"], 34)[0], len(widths) // 4)
            self._widths: list[int] = [
                round(width * 1000 / units)
                for width in struct.unpack(f">{known * 4 // 2}H", widths[: known * 4])[::2]
            ]
        else:
            self._widths = []
        if cmap := self._tables.get("cmap"):
            self.codes = _characters(cmap)

    def width(self, glyph: int) -> int:
        """Return the width of a glyph in thousandths of the font size."""
        if not self._widths:
            return 1000
        return self._widths[min(glyph, len(self._widths) - 1)]

    def glyph(self, letter: str) -> int:
        """Return the glyph of a character, 0 if the font has none."""
        code = ord(letter)
        return self.codes.get(code) or (self.codes.get(_SYMBOLS + code, 0) if code < 256 else 0)

    def code(self, glyph: int) -> int:
        """Return the number by which a PDF names a glyph."""
        return self._cff.names[glyph] if self.is_cff and glyph < len(self._cff.names) else glyph

    def embedded(self, glyphs: set[int]) -> bytes:
        """Return the font program after blanking all glyphs except these."""
        if self.is_cff:
            return self._cff.without_others(glyphs)
        tables: dict[str, Any] = {
            name: self._tables[name] for name in _NEEDED if name in self._tables
        }
        kept = self._outlines(glyphs)
        outlines = [kept.get(glyph, b"") for glyph in range(self.count)]
        places = accumulate(map(len, outlines), initial=0)
        tables["glyf"] = b"".join(outlines)
        known = 4 * len(self._widths)
        tables["hmtx"] = bytearray(known) + tables["hmtx"][known:]
        # The last width may also apply to further glyphs.
        for glyph in {len(self._widths) - 1, *glyphs, *kept}:
            metric = slice(4 * glyph, 4 * glyph + 4)
            tables["hmtx"][metric] = self._tables["hmtx"][metric]
        tables["loca"] = struct.pack(f">{self.count + 1}I", *places)
        tables["head"] = tables["head"][:50] + b"\0\1" + tables["head"][52:]
        return _sfnt(tables)

    def _locations(self) -> tuple[int, ...]:
        loca, is_long = self._tables["loca"], struct.unpack_from(">H", self._tables["head"], 50)[0]
        size = 4 if is_long else 2
        count = min(len(loca) // size, self.count + 1)
        places = struct.unpack(f">{count}{'I' if is_long else 'H'}", loca[: count * size])
        return places if is_long else tuple(place * 2 for place in places)

    def _outline(self, glyph: int) -> tuple[int, int]:
        if glyph + 1 >= len(self._loca):
            return 0, 0
        start, end = self._loca[glyph], self._loca[glyph + 1]
        return (start, end) if start < end <= len(self._tables["glyf"]) else (0, 0)

    def _outlines(self, glyphs: set[int]) -> dict[int, bytes]:
        """Return the outlines of glyphs, and of the glyphs that composite glyphs consist of."""
        wanted, kept = [0, *glyphs], dict[int, bytes]()
        while wanted:
            glyph = wanted.pop()
            start, end = self._outline(glyph)
            if glyph in kept or end - start < 10:
                continue
            # Some programs require outlines to begin at multiples of 4.
            outline = self._tables["glyf"][start:end]
            kept[glyph] = outline + bytes(-len(outline) % 4)
            if outline[0] & 0x80:
                wanted += _parts(outline)
        return kept


def _parts(outline: bytes) -> list[int]:
    """Return the glyphs of which a composite glyph consists."""
    parts: list[int] = []
    at, more = 10, True
    while more and at + 4 <= len(outline):
        flags, part = struct.unpack_from(">HH", outline, at)
        parts.append(part)
        more = bool(flags & 0x20)
        at += 4 + (4 if flags & 1 else 2)
        at += 2 if flags & 8 else 4 if flags & 0x40 else 8 if flags & 0x80 else 0
    return parts


def _sfnt(tables: dict[str, Any]) -> bytes:
    count, power = len(tables), len(tables).bit_length() - 1
    search = 16 << power
    head = struct.pack(">4s4H", _SFNT[0], count, search, power, 16 * count - search)
    body = b""
    for name, table in sorted(tables.items()):
        padded = table + bytes(-len(table) % 4)
        checksum = sum(struct.unpack(f">{len(padded) // 4}I", padded)) % 2**32
        start = 12 + 16 * count + len(body)
        head += struct.pack(">4s3I", name.encode("latin-1"), checksum, start, len(table))
        body += padded
    return head + body


def _characters(cmap: bytes) -> dict[int, int]:
    """Return the number of the glyph for each code point."""
    found: dict[tuple[int, int], int] = {}
    for place in range(4, 4 + 8 * struct.unpack_from(">H", cmap, 2)[0], 8):
        platform, encoding, start = struct.unpack_from(">HHI", cmap, place)
        found[platform, encoding] = start
    for key in _ENCODINGS:
        if key in found and (codes := _table(cmap, found[key])):
            return codes
    return {}


def _table(cmap: bytes, at: int) -> dict[int, int]:
    kind = struct.unpack_from(">H", cmap, at)[0]
    if kind == 0:
        return {code: glyph for code, glyph in enumerate(cmap[at + 6 : at + 262]) if glyph}
    if kind == 6:
        first, count = struct.unpack_from(">HH", cmap, at + 6)
        glyphs = struct.unpack_from(f">{count}H", cmap, at + 10)
        return {first + place: glyph for place, glyph in enumerate(glyphs) if glyph}
    codes: dict[int, int] = {}
    # Ranges may overlap, so count the characters of all of them.
    left = MAX_CHARACTERS
    if kind == 12:
        for number in range(struct.unpack_from(">I", cmap, at + 12)[0]):
            first, last, glyph = struct.unpack_from(">III", cmap, at + 16 + 12 * number)
            if last < first or (left := left - (last - first + 1)) < 0:
                break
            codes.update(enumerate(range(glyph, glyph + last - first + 1), first))
    elif kind == 4:
        double = struct.unpack_from(">H", cmap, at + 6)[0]
        form, here = f">{double // 2}H", at + 16 + 3 * double
        ends, starts, steps, places = (
            struct.unpack_from(form, cmap, at + 14 + part * double + (2 if part else 0))
            for part in range(4)
        )
        for number, (first, last) in enumerate(zip(starts, ends, strict=True)):
            if last < first or (left := left - (last - first + 1)) < 0:
                break
            step, place = steps[number], places[number]
            if not place:
                codes.update((code, (code + step) & 0xFFFF) for code in range(first, last + 1))
                continue
            start = here + 2 * number + place
            named = cmap[start : start + 2 * (last - first + 1)]
            for code, glyph in enumerate(
                struct.unpack(f">{len(named) // 2}H", named[: len(named) // 2 * 2]), first
            ):
                if glyph:
                    codes[code] = (glyph + step) & 0xFFFF
    return codes


class _Cff:
    """The glyphs of a CFF font program (Adobe technical note 5176)."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        _, at = _index(data, data[2])
        tops, _ = _index(data, at)
        top = _operands(data[tops[0] : tops[1]])
        self._glyphs, _ = _index(data, top[_CFF_STRINGS])
        self.count = len(self._glyphs) - 1
        # The CID of each glyph in a CID-keyed font; otherwise empty.
        self.names: list[int] = []
        if _CFF_ROS in top:
            self.names = self._charset(top.get(_CFF_CHARSET, 0))

    def _charset(self, at: int) -> list[int]:
        if at <= 2:
            return list(range(self.count))
        kind, at = self._data[at], at + 1
        if kind == 0:
            return [0, *struct.unpack_from(f">{self.count - 1}H", self._data, at)]
        names = [0]
        form = ">HB" if kind == 1 else ">HH"
        while len(names) < self.count:
            first, left = struct.unpack_from(form, self._data, at)
            names += range(first, first + left + 1)
            at += struct.calcsize(form)
        return names[: self.count]

    def without_others(self, glyphs: set[int]) -> bytes:
        made = bytearray(self._data)
        for glyph in range(1, self.count):
            if glyph not in glyphs:
                start, end = self._glyphs[glyph], self._glyphs[glyph + 1]
                made[start:end] = _CFF_END * (end - start)
        return bytes(made)


def _index(data: bytes, at: int) -> tuple[list[int], int]:
    """Return where each object of an index begins, followed by where the last object ends; and where the index ends."""
    count = struct.unpack_from(">H", data, at)[0]
    if not count:
        return [at + 2], at + 2
    size = data[at + 2]
    start = at + 2 + (count + 1) * size
    raw = data[at + 3 : start + 1]
    if not 1 <= size <= 4 or len(raw) < (count + 1) * size:
        raise ValueError
    places = [start + int.from_bytes(raw[one : one + size]) for one in range(0, len(raw), size)]
    if places != sorted(places) or places[-1] > len(data):
        raise ValueError
    return places, places[-1]


def _operands(data: bytes) -> dict[int, int]:
    """Return the last operand of each operator in a dictionary; operators of two bytes are 1200 and more."""
    found: dict[int, int] = {}
    at, last = 0, 0
    while at < len(data):
        first = data[at]
        at += 1
        if first <= 21:
            if first == 12:
                first, at = 1200 + data[at], at + 1
            found[first] = last
        elif first == 28:
            last, at = struct.unpack_from(">h", data, at)[0], at + 2
        elif first == 29:
            last, at = struct.unpack_from(">i", data, at)[0], at + 4
        elif first == 30:
            while data[at] & 0xF != 0xF and data[at] >> 4 != 0xF:
                at += 1
            at += 1
        elif first <= 246:
            last = first - 139
        else:
            sign = 1 if first <= 250 else -1
            last, at = sign * ((first - (247 if sign > 0 else 251)) * 256 + data[at] + 108), at + 1
    return found
