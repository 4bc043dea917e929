"""What a scanner can do, read from an undocumented answer, and a scan's settings in the scanner's own words."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
import re
from typing import Final

from ..api.coerce import JsonValue, to_bool, to_text
from ..const import ScanColor, ScanSource
from ..input_error import InputError
from .scan_job import ScanRequest

# Maximum number of words read from the answer about a scanner's abilities, and of items in each list or object there.
MAX_WORDS: Final = 500
# Maximum number of a scanner's paper sizes, and of values read from one of its fields about duplex.
MAX_SIZES: Final = 40
# Maximum number of nested levels read from the answer about a scanner's abilities.
MAX_ABILITIES_DEPTH: Final = 6
# Width and height in mm of paper sizes, by the names that scanners use, in lower case. B4, B5 and B6 may each mean two
# sizes; printers in China and Japan mean the first.
PAPER_MM: Final[Mapping[str, tuple[tuple[float, float], ...]]] = {
    "a3": ((297, 420),),
    "a4": ((210, 297),),
    "a5": ((148, 210),),
    "a6": ((105, 148),),
    "b4": ((257, 364), (250, 353)),
    "b5": ((182, 257), (176, 250)),
    "b6": ((128, 182), (125, 176)),
    "letter": ((215.9, 279.4),),
    "legal": ((215.9, 355.6),),
    "executive": ((184.2, 266.7),),
    "statement": ((139.7, 215.9),),
    "tabloid": ((279.4, 431.8),),
    "ledger": ((279.4, 431.8),),
    "4x6": ((101.6, 152.4),),
    "5x7": ((127, 177.8),),
    "card": ((85.6, 54),),
}
_BETWEEN_WORDS: Final = re.compile(r"[,;|\s]+")
# Words that scanners use for each color mode, the preferred word first. The vendor's clients send the first word, and
# so do we to a scanner whose own words are unknown.
_COLOR_WORDS: Final[Mapping[ScanColor, tuple[str, ...]]] = {
    ScanColor.COLOR: ("RGB24", "RGB48", "Color", "RGB"),
    ScanColor.GRAY: ("Grayscale8", "Grayscale16", "Gray", "Grey", "Grayscale"),
    ScanColor.MONO: ("BlackAndWhite1", "BlackAndWhite", "Lineart", "Mono"),
}
_SOURCES_BY_WORD: Final = {
    "platen": ScanSource.GLASS,
    "flatbed": ScanSource.GLASS,
    "adf": ScanSource.FEEDER,
    "feeder": ScanSource.FEEDER,
}
_SIZE_WORD: Final = re.compile(r"(?i)[ABC]\d{1,2}|letter|legal|executive|statement|ledger|tabloid")
_NO_LETTERS: Final = re.compile(r"[\W_]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class ScannerAbilities:
    """The abilities of a scanner. A field is None if the ability is unknown, which is no reason to refuse a scan."""

    colors: Mapping[ScanColor, str] | None = None  # The scanner's word for each color mode.
    sources: frozenset[ScanSource] | None = None
    duplex: bool | None = None
    sizes: tuple[str, ...] | None = None

    @classmethod
    def from_params(cls, params: Mapping[str, object]) -> ScannerAbilities:
        """Return the abilities in the service's answer about a scanner.

        The answer's fields are undocumented, so look for known words anywhere in the answer.
        """
        fields = [*fields_within(params)]
        words = dict.fromkeys(islice(_ability_words(fields), MAX_WORDS))
        by_sign = {_NO_LETTERS.sub("", word).casefold(): word for word in words}
        colors = {
            color: by_sign[name.casefold()]
            for color, names in _COLOR_WORDS.items()
            for name in reversed(names)
            if name.casefold() in by_sign
        }
        sizes = tuple(word for word in words if _SIZE_WORD.fullmatch(word))[:MAX_SIZES]
        sources = frozenset(_SOURCES_BY_WORD[sign] for sign in by_sign if sign in _SOURCES_BY_WORD)
        return cls(
            colors=colors or None,
            sources=sources or None,
            duplex=_says_duplex(fields),
            sizes=sizes or None,
        )

    def fields(self, request: ScanRequest) -> dict[str, JsonValue]:
        """Return the fields of `POST /scanning/job` for a request, in the scanner's words.

        Raises InputError for a setting that the scanner certainly does not support: scan_no_glass, scan_no_feeder,
        scan_no_color, scan_no_gray, scan_no_mono, scan_duplex_glass, scan_no_duplex, scan_only_fed,
        scan_both_ways, scan_no_size.
        """
        if self.sources is not None and request.source not in self.sources:
            raise InputError(f"scan_no_{request.source}")
        if request.duplex and request.source is not ScanSource.FEEDER:
            raise InputError("scan_duplex_glass")
        if request.duplex and self.duplex is False:
            raise InputError("scan_no_duplex")
        if request.source is not ScanSource.FEEDER and (request.skip_blank or request.two_stacks):
            raise InputError("scan_only_fed")
        if request.two_stacks and request.duplex:
            raise InputError("scan_both_ways")
        color = _COLOR_WORDS[request.color][0]
        if self.colors is not None:
            if request.color not in self.colors:
                raise InputError(f"scan_no_{request.color}")
            color = self.colors[request.color]
        size = request.size or ""
        if size and self.sizes is not None:
            named = {word.casefold(): word for word in self.sizes}
            if size.casefold() not in named:
                raise InputError("scan_no_size", size=size, sizes=", ".join(self.sizes))
            size = named[size.casefold()]
        return {
            "colorMode": color,
            "inputSource": "ADF" if request.source is ScanSource.FEEDER else "Platen",
            # Always request JPEG, because the pages inside a PDF could not be changed afterwards.
            "format": "JPEG",
            "duplex": int(request.duplex),
            **({"size": size} if size else {}),
        }


def sizes_in_mm(name: str | None) -> tuple[tuple[float, float], ...]:
    """Return the sizes in mm that a scanner may mean by a name, the likeliest first; empty if the name is unknown."""
    return PAPER_MM.get((name or "").casefold(), ())


def fields_within(value: object, depth: int = 0) -> Iterator[tuple[str, object]]:
    """Yield the name and value of each field at any level of a JSON value. The items of a list have an empty name."""
    if depth == MAX_ABILITIES_DEPTH or not isinstance(value, dict | list):
        return
    items = value.items() if isinstance(value, dict) else (("", inner) for inner in value)
    for name, inner in islice(items, MAX_WORDS):
        yield to_text(name, 40), inner
        yield from fields_within(inner, depth + 1)


def _ability_words(fields: Iterable[tuple[str, object]]) -> Iterator[str]:
    """Yield the name of each field, and the words of each field whose value is a text."""
    for name, value in fields:
        texts = _BETWEEN_WORDS.split(value[:1000]) if isinstance(value, str) else []
        yield from filter(None, [name, *(to_text(text, 40) for text in texts)])


def _says_duplex(fields: Iterable[tuple[str, object]]) -> bool | None:
    """Return whether any field with "duplex" in its name is true; None if no such field holds a boolean."""
    said: list[bool] = []
    for name, value in fields:
        if "duplex" in name.casefold():
            choices = value if isinstance(value, list) else [value]
            flags = [to_bool(one) for one in choices[:MAX_SIZES]]
            said += [any(flags)] if None not in flags and flags else []
    return any(said) if said else None
