"""What to scan and how, in our words and in the service's, and what a scanner can do."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
import re
from typing import Final

from ..api.coerce import JsonValue, to_bool, to_text
from ..api.stored import Record
from ..const import ScanColor, ScanSource
from ..errors import InputError

MAX_WORDS: Final = 500
"""names and values of a scanner's abilities that are looked at."""
MAX_SIZES: Final = 40
MAX_DEPTH: Final = 6
_BETWEEN_WORDS: Final = re.compile(r"[,;|\s]+")


class ScanFormat(StrEnum):
    """What is kept of a scan."""

    JPEG = "jpeg"
    PDF = "pdf"


@dataclass(frozen=True, kw_only=True, slots=True)
class ScanRequest(Record):
    """What is to be scanned. `size` is a word of the scanner such as A4, None for all of the glass.

    `format` is what is kept; the scanner makes pictures.
    """

    color: ScanColor = ScanColor.COLOR
    source: ScanSource = ScanSource.GLASS
    duplex: bool = False
    size: str | None = None
    format: ScanFormat = ScanFormat.JPEG


# The first one is what the vendor's clients send where a scanner says nothing else.
_COLORS: Final[Mapping[ScanColor, tuple[str, ...]]] = {
    ScanColor.COLOR: ("RGB24", "RGB48", "Color", "RGB"),
    ScanColor.GRAY: ("Grayscale8", "Grayscale16", "Gray", "Grey", "Grayscale"),
    ScanColor.MONO: ("BlackAndWhite1", "BlackAndWhite", "Lineart", "Mono"),
}
_SOURCES: Final = {
    "platen": ScanSource.GLASS,
    "flatbed": ScanSource.GLASS,
    "adf": ScanSource.FEEDER,
    "feeder": ScanSource.FEEDER,
}
_SIZE: Final = re.compile(r"(?i)[ABC]\d{1,2}|letter|legal|executive|statement|ledger|tabloid")
_NO_LETTERS: Final = re.compile(r"[\W_]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Abilities:
    """What a scanner is known to be able to do; None stands for what is not known, and is not refused.

    `colors` has the scanner's own word for each of ours.
    """

    colors: Mapping[ScanColor, str] | None = None
    sources: frozenset[ScanSource] | None = None
    duplex: bool | None = None
    sizes: tuple[str, ...] | None = None

    @classmethod
    def from_params(cls, params: Mapping[str, object]) -> Abilities:
        """Read `scanner_params`, of which no document says how it looks: by its words, wherever they are."""
        words = dict.fromkeys(islice(_words(params), MAX_WORDS))
        by_sign = {_NO_LETTERS.sub("", word).casefold(): word for word in words}
        colors = {
            color: by_sign[name.casefold()]
            for color, names in _COLORS.items()
            for name in reversed(names)
            if name.casefold() in by_sign
        }
        sizes = tuple(word for word in words if _SIZE.fullmatch(word))[:MAX_SIZES]
        sources = frozenset(_SOURCES[sign] for sign in by_sign if sign in _SOURCES)
        return cls(
            colors=colors or None,
            sources=sources or None,
            duplex=_says_duplex(params, 0),
            sizes=sizes or None,
        )

    def fields(self, request: ScanRequest) -> dict[str, JsonValue]:
        """Return the fields of `POST /scanning/job`, in the scanner's words.

        Raises InputError for what the scanner is known not to do: scan_no_source, scan_no_color, scan_duplex_glass,
        scan_no_duplex, scan_no_size.
        """
        if self.sources is not None and request.source not in self.sources:
            raise InputError(f"scan_no_{request.source}")
        if request.duplex and request.source is not ScanSource.FEEDER:
            raise InputError("scan_duplex_glass")
        if request.duplex and self.duplex is False:
            raise InputError("scan_no_duplex")
        color = _COLORS[request.color][0]
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
            # The pages of a PDF could not be changed any more.
            "format": "JPEG",
            "duplex": int(request.duplex),
            **({"size": size} if size else {}),
        }


def _words(value: object, depth: int = 0) -> Iterator[str]:
    """Yield the texts in a JSON value, names of fields too."""
    if isinstance(value, str):
        for part in _BETWEEN_WORDS.split(value[:1000]):
            if word := to_text(part, 40):
                yield word
    elif depth < MAX_DEPTH and isinstance(value, dict):
        for name, inner in islice(value.items(), MAX_WORDS):
            yield to_text(name, 40)
            yield from _words(inner, depth + 1)
    elif depth < MAX_DEPTH and isinstance(value, list):
        for inner in value[:MAX_WORDS]:
            yield from _words(inner, depth + 1)


def _says_duplex(value: object, depth: int) -> bool | None:
    """Return what a field whose name speaks of duplex says; None where there is none that says something."""
    if depth >= MAX_DEPTH or not isinstance(value, dict | list):
        return None
    items = value.items() if isinstance(value, dict) else enumerate(value)
    said: list[bool] = []
    for name, inner in islice(items, MAX_WORDS):
        if "duplex" in str(name)[:40].casefold():
            choices = inner if isinstance(inner, list) else [inner]
            flags = [to_bool(one) for one in choices[:MAX_SIZES]]
            said += [any(flags)] if None not in flags and flags else []
        elif (found := _says_duplex(inner, depth + 1)) is not None:
            said.append(found)
    return any(said) if said else None
