"""Ink and toner levels: `markers` is a list of objects, as in the vendor's own model."""

from dataclasses import dataclass, field
import re

from .answer_limits import MAX_ANSWER_DEVICES, MAX_ANSWER_ROWS
from .coerce import to_int, to_list, to_mapping, to_optional_text, to_text
from .stored import READ, Stored

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


def to_level(value: object) -> int | None:
    """Return 0–100; None for anything else, such as a negative number or a fraction below 1."""
    if isinstance(value, float) and (0 < value < 1 or not -1 < value < 101):
        return None
    level = to_int(round(value) if isinstance(value, float) else value)
    return level if level is not None and 0 <= level <= 100 else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Marker(Stored):
    """The supply of one colour. `level` is in %, None when the printer does not say or says something impossible."""

    name: str
    level: int | None = field(default=None, metadata={READ: to_level})
    color: str | None = None


def ink_of(name: str) -> str | None:
    """Return which of the usual inks (a key of `_INKS`) a marker's name means; None for another one."""
    text = name.casefold().removesuffix(" ink").removesuffix(" toner").replace("-", " ").strip()
    return next((ink for ink, called in _INKS.items() if called.fullmatch(text)), None)


def parse_markers(value: object) -> tuple[Marker, ...]:
    markers: list[Marker] = []
    seen: dict[str, int] = {}
    for item in to_list(value)[:MAX_ANSWER_DEVICES]:
        if not isinstance(item, dict):
            continue
        row = to_mapping(item)
        color = row.get("color")
        if isinstance(color, list):
            # A cartridge with several colours.
            color = "".join(to_text(one) for one in color[:MAX_ANSWER_ROWS])
        name = to_text(row.get("name") or color) or str(len(markers) + 1)
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            name = f"{name} {seen[name]}"
        level = to_level(row.get("level"))
        markers.append(Marker(name=name, level=level, color=to_optional_text(color)))
    return tuple(markers)
