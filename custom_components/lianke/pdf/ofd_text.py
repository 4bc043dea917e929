"""Place the glyphs of a text object."""

from itertools import accumulate
import math
from typing import Any, Final, NamedTuple
import unicodedata

from .font import PdfFont
from .ofd_geometry import deltas, number, put
from .ofd_package import Gaps

# Maximum number of glyphs of one piece of text.
MAX_GLYPHS: Final = 100_000
# A glyph of a substitute font is compressed if it is more than this many times as wide as the space for it.
ROOMY: Final = 1.05
# Categories of characters that leave no trace on paper.
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
_LINE_BREAKS: Final = str.maketrans("", "", "\r\n\t")


class Glyph(NamedTuple):
    font: PdfFont | None
    # The number by which the PDF names the glyph, in hexadecimal.
    code: str
    width: int
    is_substituted: bool


_NOTHING: Final = Glyph(None, "", 0, False)


class Line:
    """The glyphs of a text object; `x` and `y` are where the next piece of text begins."""

    def __init__(
        self,
        font: PdfFont | None,
        substitute: PdfFont | None,
        size: float,
        known: dict[str, Glyph],
        gaps: Gaps,
    ) -> None:
        """`known` caches the glyphs of characters for which the text names no glyph number."""
        self._font = font
        self._known = known
        self._substitute = substitute
        self._size = size
        self._gaps = gaps
        self.x = self.y = 0.0
        self.stretch = 1.0
        self.slant = 0.0
        # In degrees, clockwise: how far each glyph is turned, and the direction in which the text runs.
        self.turn = 0.0
        self.reading = 0.0
        self.used: dict[str, PdfFont] = {}

    def drawn(self, element: Any, transforms: list[Any]) -> str:
        """Return the instructions that draw a piece of text (TextCode) with the glyphs that its transforms name."""
        text = (element.text or "").translate(_LINE_BREAKS)
        if len(text) > MAX_GLYPHS:
            self._gaps.add("text")
            text = text[:MAX_GLYPHS]
        codes = list(text)
        steps = [deltas(element.get(name), MAX_GLYPHS) for name in ("DeltaX", "DeltaY")]
        # Some programs count a character above U+FFFF as two characters.
        twice = [part for letter in text for part in (letter, *[""] * (letter > "\uffff"))]
        if max(map(len, steps)) >= len(twice) - 1:
            codes = twice
        glyphs = self._glyphs(codes, transforms)
        return "\n".join(self._runs(glyphs, self._places(glyphs, steps)))

    def _glyphs(self, codes: list[str], transforms: list[Any]) -> list[Glyph]:
        starts = {int(number(one.get("CodePosition"), 0.0)): one for one in transforms}
        glyphs: list[Glyph] = []
        place = 0
        while place < len(codes):
            one = starts.get(place)
            named: list[str] = [] if one is None else (one.findtext("Glyphs") or "").split()
            if (
                one is None
                or self._font is None
                or not named
                or not all(name.isdecimal() for name in named)
            ):
                glyphs.append(self._of_letter(codes[place]))
                place += 1
                continue
            count = max(1, min(int(number(one.get("CodeCount"), 1.0)), len(codes) - place))
            letters = codes[place : place + count]
            if len(named) != count:
                # Several characters share a glyph, or a character consists of several glyphs.
                letters = ["".join(letters), *[""] * (len(named) - 1)]
            glyphs += [
                self._numbered(int(name), letter)
                for name, letter in zip(named, letters, strict=True)
            ]
            place += count
        return glyphs[:MAX_GLYPHS]

    def _numbered(self, glyph: int, letter: str) -> Glyph:
        assert self._font is not None
        if not 0 <= glyph < self._font.file.count:
            return self._of_letter(letter[:1])
        return self._glyph(self._font, glyph, letter, False)

    def _of_letter(self, letter: str) -> Glyph:
        if not letter:
            return _NOTHING
        if (found := self._known.get(letter)) is not None:
            return found
        for font in (self._font, self._substitute):
            if font is not None and (glyph := font.file.glyph(letter)):
                self._known[letter] = self._glyph(font, glyph, letter, font is self._substitute)
                return self._known[letter]
        if unicodedata.category(letter) not in _INVISIBLE:
            self._gaps.add("text")
            self._gaps.letters[letter] = None
        return _NOTHING._replace(width=1000 if ord(letter) >= 0x2E80 else 500)

    def _glyph(self, font: PdfFont, glyph: int, letter: str, is_substituted: bool) -> Glyph:
        code = f"{font.code(glyph, letter):04X}"
        return Glyph(font, code, font.file.width(glyph), is_substituted)

    def _places(self, glyphs: list[Glyph], steps: list[list[float]]) -> list[tuple[float, float]]:
        """Return where each glyph begins. The last distance applies to all further glyphs."""
        count = len(glyphs)
        across, down = (some[:count] + some[-1:] * (count - len(some)) for some in steps)
        if not (across or down):
            angle = math.radians(self.reading)
            advance = self._size * self.stretch / 1000
            across = [glyph.width * advance * math.cos(angle) for glyph in glyphs]
            down = [glyph.width * advance * math.sin(angle) for glyph in glyphs]
        return [
            *zip(
                accumulate(across or [0.0] * count, initial=self.x),
                accumulate(down or [0.0] * count, initial=self.y),
                strict=True,
            )
        ][:count]

    def _runs(self, glyphs: list[Glyph], places: list[tuple[float, float]]) -> list[str]:
        runs: list[str] = []
        shown: list[str] = []
        last: tuple[Glyph, float, tuple[float, float]] | None = None

        def end() -> None:
            if shown:
                runs.append(f"[<{''.join(shown)}>] TJ")
                shown.clear()

        for number_, (glyph, (x, y)) in enumerate(zip(glyphs, places, strict=True), start=1):
            if (font := glyph.font) is None:
                continue
            stretch = self.stretch
            if glyph.is_substituted and number_ < len(places) and not self.turn:
                room = places[number_][0] - x
                natural = glyph.width / 1000 * self._size * stretch
                if 0.1 * natural < room < natural / ROOMY:
                    stretch *= room / natural
            if (
                last is not None
                and last[0].font is font
                and last[1] == stretch
                and last[2][1] == y
                and not self.turn
            ):
                gap = last[0].width - (x - last[2][0]) / stretch * 1000 / self._size
                if abs(gap) >= 0.05:
                    shown.append(f">{gap:.2f}<")
            else:
                end()
                cos, sin = math.cos(math.radians(self.turn)), math.sin(math.radians(self.turn))
                turned = [stretch * cos, stretch * sin]
                turned += [sin + self.slant * cos, self.slant * sin - cos]
                if last is None or last[0].font is not font:
                    self.used[font.name] = font
                    runs.append(f"{font.name} {put(self._size)} Tf")
                runs.append(f"{put(*turned, x, y)} Tm")
            shown.append(glyph.code)
            last = glyph, stretch, (x, y)
        end()
        return runs
