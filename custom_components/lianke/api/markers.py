"""Ink and toner levels. The shape of `markers` is documented nowhere, so every plausible one is read."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, zip_longest
import re

from .coerce import to_int, to_json, to_list, to_mapping, to_optional_text, to_text
from .stored import READ, Stored

MAX_MARKERS = 16
MAX_NAME = 64
MAX_TEXT = 8192
MAX_COLORS = 8
_NAMES = ("name", "marker_name", "marker-name", "label", "title", "type", "color", "colour")
_LEVELS = (
    "level",
    "percent",
    "percentage",
    "value",
    "remaining",
    "marker_level",
    "marker-level",
    "markerLevel",
)
_COLORS = ("color", "colour", "marker_color", "marker-color", "rgb")
_LISTS = (("names", "levels", "colors"), ("marker-names", "marker-levels", "marker-colors"))
MAX_ITEMS = 64
MAX_LEVEL = 32
# How printers call the usual inks.
_INKS = {
    "black": re.compile(r"black|黑色?|k"),
    "photo_black": re.compile(r"photo ?black|照片黑色?|pk|pbk"),
    "matte_black": re.compile(r"matte? ?black|粗面黑色?|mk|mbk"),
    "gray": re.compile(r"gr[ae]y|灰色?|gy"),
    "light_gray": re.compile(r"light ?gr[ae]y|[浅淡]灰色?|lgy"),
    "cyan": re.compile(r"cyan|青色?|c"),
    "light_cyan": re.compile(r"light ?cyan|[浅淡]青色?|lc"),
    "magenta": re.compile(r"magenta|品红色?|洋红色?|m"),
    "light_magenta": re.compile(r"light ?magenta|[浅淡](?:品|洋)红色?|lm"),
    "yellow": re.compile(r"yellow|黄色?|y"),
}
_SEPARATORS = re.compile(r"[,;\n]")
_SIGN = re.compile(r"[:=]")
_PERCENT = re.compile(r"(\d{1,3})(\.\d+)?\s*[%％]?")


def to_level(value: object) -> int | None:
    """Return 0–100 from a number or a text such as `85%`; None for the rest, negative ones and fractions below 1."""
    if isinstance(value, str):
        found = _PERCENT.fullmatch(value[:MAX_LEVEL].strip())
        value = float(found[1] + (found[2] or "")) if found else None
    if isinstance(value, float) and (0 < value < 1 or not -1 < value < 101):
        return None
    level = to_int(round(value) if isinstance(value, float) else value)
    return level if level is not None and 0 <= level <= 100 else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Marker(Stored):
    """One colour's supply; `level` is 0–100 %, None when the printer does not say or says what cannot be."""

    name: str
    level: int | None = field(default=None, metadata={READ: to_level})
    color: str | None = None


def ink_of(name: str) -> str | None:
    """Return which of the usual inks a marker's name stands for, None for another one."""
    text = name.casefold().removesuffix(" ink").removesuffix(" toner").replace("-", " ").strip()
    return next((ink for ink, called in _INKS.items() if called.fullmatch(text)), None)


def parse_markers(value: object) -> tuple[Marker, ...]:
    """Read `markers`: a list of objects, of numbers, an object name → level, parallel lists, or text."""
    markers: list[Marker] = []
    seen: dict[str, int] = {}
    for raw_name, raw_level, raw_color in _triples(value):
        if len(markers) == MAX_MARKERS:
            break
        name = to_text(raw_name, MAX_NAME) or str(len(markers) + 1)
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            name = f"{name} {seen[name]}"
        markers.append(
            Marker(
                name=name, level=to_level(raw_level), color=to_optional_text(raw_color, MAX_NAME)
            )
        )
    return tuple(markers)


def _triples(value: object) -> Iterator[tuple[object, object, object]]:
    """Yield name, level and colour of each marker as they are in the answer."""
    if isinstance(value, str):
        value = _from_text(value[:MAX_TEXT])
    if isinstance(value, list):
        for item in value[:MAX_ITEMS]:
            if isinstance(item, dict):
                yield _triple(item, None)
            elif isinstance(item, int | float) and not isinstance(item, bool):
                yield None, item, None
        return
    block = to_mapping(value)
    for names, levels, colors in _LISTS:
        if isinstance(block.get(levels), list):
            amounts = to_list(block[levels])[:MAX_ITEMS]
            labels, tints = to_list(block.get(names)), to_list(block.get(colors))
            yield from islice(zip_longest(labels, amounts, tints), len(amounts))
            return
    for name, item in block.items():
        yield _triple(item, name) if isinstance(item, dict) else (name, item, None)


def _from_text(text: str) -> object:
    """Return the value a text stands for: JSON, or pairs such as `Black:72,Cyan:40`."""
    try:
        return to_json(text)
    except ValueError:
        pairs = (_SIGN.split(pair, 2) for pair in _SEPARATORS.split(text, MAX_ITEMS)[:MAX_ITEMS])
        found = {pair[0].strip(): pair[1].strip() for pair in pairs if len(pair) == 2}
        return {
            name: level
            for name, level in found.items()
            if 0 < len(name) <= MAX_NAME and 0 < len(level) <= MAX_LEVEL
        }


def _triple(item: dict[str, object], name: object) -> tuple[object, object, object]:
    """Return name, level and colour of one object; a cartridge of several colours lists them."""
    color = _first(item, _COLORS)
    if isinstance(color, list):
        color = "".join(to_text(one, MAX_NAME) for one in color[:MAX_COLORS])
    return _first(item, _NAMES) or name, _first(item, _LEVELS), color


def _first(item: dict[str, object], names: tuple[str, ...]) -> object:
    return next((item[name] for name in names if item.get(name) is not None), None)
