"""Dataclasses that Home Assistant keeps on disk: plain JSON out, tolerant reading in."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import date
from enum import Enum
from typing import Any, Final, Self

from .coerce import (
    JsonValue,
    to_bool,
    to_date,
    to_ids,
    to_int,
    to_int_map,
    to_optional_text,
    to_text,
)

READ: Final = "read"
"""Key in a field's metadata of the function that reads it, where its type does not say enough."""
_READERS: Final[Mapping[object, Callable[[object], object]]] = {
    int: lambda value: to_int(value) or 0,
    int | None: to_int,
    bool: lambda value: to_bool(value) or False,
    bool | None: to_bool,
    str: to_text,
    str | None: to_optional_text,
    date | None: to_date,
    frozenset[int] | None: to_ids,
    Mapping[str, int] | None: to_int_map,
}


class Stored:
    """Base of dataclasses that are written to disk and read back."""

    __slots__ = ()

    def as_dict(self) -> dict[str, JsonValue]:
        """Return plain JSON data for storage."""
        return {name: _plain(getattr(self, name)) for name in _readers(type(self))}

    @classmethod
    def from_dict(cls, stored: Mapping[str, object]) -> Self:
        """Read what `as_dict` wrote; a value that cannot be read becomes None, or its type's empty value."""
        values: dict[str, Any] = {
            name: read(stored.get(name)) for name, read in _readers(cls).items()
        }
        return cls(**values)


def _readers(cls: type) -> dict[str, Callable[[object], object]]:
    """Return what reads each field of a dataclass."""
    return {item.name: item.metadata.get(READ) or _READERS[item.type] for item in fields(cls)}


def _plain(value: Any) -> JsonValue:
    """Return a field's value as JSON."""
    match value:
        case Stored():
            return value.as_dict()
        case Enum():
            return _plain(value.value)
        case date():
            return value.isoformat()
        case frozenset():
            return [*sorted(value)]
        case tuple():
            return [_plain(item) for item in value]
        case Mapping():
            return dict(value)
    plain: JsonValue = value
    return plain
