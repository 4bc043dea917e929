"""Dataclasses that are written to disk as plain JSON and read back.

`Stored` is for data that is merely remembered, and is read tolerantly: a value that cannot be read becomes None, or the
empty value of its type. A `Record` decides what is printed, so nothing in it may be made up: a value that this code
never writes raises StoredError, and so does a missing field that has no default.
"""

from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from dataclasses import MISSING, Field, field, fields
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import cache
import json
from pathlib import Path
from types import UnionType
from typing import Any, Final, Self, get_args, get_origin, override

from . import coerce
from .coerce import JsonValue

# Metadata key for the function that reads a field, if the field's type does not determine the function.
READ: Final = "read"
# Metadata key for the service's name of a field.
SERVICE_NAME: Final = "said"
# Years that a time in a record can have; this code writes no other times.
YEARS: Final = range(2020, 2120)
# Greatest absolute value of a number in a record.
MAX_COUNT: Final = 2**48


def service_field(
    name: str, default: Any = None, read: Callable[[object], object] | None = None
) -> Any:
    """Declare a field of a `Stored` class that the service calls `name`; `outer/inner` is a field inside an object."""
    return field(default=default, metadata={SERVICE_NAME: name} | ({READ: read} if read else {}))


def _by_service_name(block: object, name: str) -> object:
    """Return the value of an answer's field by its name (see `service_field`); None if the answer lacks the field."""
    for part in name.split("/"):
        block = coerce.to_mapping(block).get(part)
    return block


def read_time(value: object) -> datetime | None:
    """Read a time that is stored as text; None if the value is not such a text."""
    return coerce.to_time(value) if isinstance(value, str) else None


_READERS: Final[Mapping[object, Callable[[object], object]]] = {
    int: lambda value: coerce.to_int(value) or 0,
    int | None: coerce.to_int,
    bool: lambda value: coerce.to_bool(value) or False,
    bool | None: coerce.to_bool,
    str: coerce.to_text,
    str | None: coerce.to_optional_text,
    date | None: coerce.to_date,
    datetime | None: read_time,
    frozenset[int] | None: coerce.to_ids,
    Mapping[str, int] | None: coerce.to_int_map,
}

# An object that is never identical to a stored value.
_NEVER_STORED: Final = object()


class StoredError(ValueError):
    """A record cannot be read."""


class Stored:
    """Base of dataclasses that are written to disk and read back tolerantly."""

    __slots__ = ()

    def as_dict(self) -> dict[str, JsonValue]:
        found: dict[str, JsonValue] = json.loads(json.dumps(self, default=json_default))
        return found

    @classmethod
    def from_dict(cls, stored: Mapping[str, object]) -> Self:
        """Read what `as_dict` returned. A value that cannot be read becomes None, or the empty value of its type."""
        kind: Any = cls
        values: dict[str, Any] = {
            name: read(value)
            for name, (read, default) in _readers(kind).items()
            if (value := stored.get(name)) is not default
        }
        return cls(**values)

    @classmethod
    def from_service(cls, block: object) -> Self:
        """Read an answer of the service, in which fields have the service's names, as tolerantly as `from_dict`."""
        kind: Any = cls
        return cls.from_dict(
            {
                item.name: _by_service_name(block, item.metadata[SERVICE_NAME])
                for item in _fields(kind)
            }
        )


class Record(Stored):
    """Base of dataclasses that are read back exactly as they were written, or rejected with StoredError."""

    __slots__ = ()

    @classmethod
    @override
    def from_dict(cls, stored: Mapping[str, object]) -> Self:
        if not isinstance(stored, Mapping):
            raise StoredError(f"{cls.__name__} is no mapping")
        kind: Any = cls
        if unknown := stored.keys() - _names(kind):
            raise StoredError(f"{len(unknown)} unknown fields")
        values: dict[str, Any] = {}
        for name, (read, default) in _strict_readers(kind).items():
            if (value := stored.get(name, default)) is default:
                if default is MISSING:
                    raise StoredError(f"{name} is missing")
                continue
            try:
                values[name] = read(value)
            except StoredError as err:
                raise StoredError(f"{name}: {err}") from None
            except ValueError:
                raise StoredError(f"{name} is malformed") from None
        return cls(**values)


@cache
def _names(cls: Hashable) -> tuple[str, ...]:
    return tuple(item.name for item in _fields(cls))


@cache
def _readers(cls: Hashable) -> dict[str, tuple[Callable[[object], object], object]]:
    """Return, for each field, the function that reads its values, and the value of `_read_as_it_is`."""
    return {
        item.name: (
            read := item.metadata.get(READ) or _reader(item.type),
            _read_as_it_is(item, read),
        )
        for item in _fields(cls)
    }


def _read_as_it_is(item: Field[Any], read: Callable[[object], object]) -> object:
    """Return a field's default if reading would not change it, otherwise a value that is never stored.

    A field that has the returned value need not be read. This saves reading most fields of thousands of records.
    """
    default = item.default
    if default is None or isinstance(default, bool):
        with suppress(ValueError):
            if read(default) is default:
                return default
    return _NEVER_STORED


def _reader(kind: Any) -> Callable[[object], object]:
    """Return the function that tolerantly reads values of a type."""
    if (read := _READERS.get(kind)) is not None:
        return read
    if get_origin(kind) is tuple:
        item = _reader(get_args(kind)[0])
        return lambda value: tuple(item(one) for one in coerce.to_list(value))
    if isinstance(kind, UnionType):
        inner = _reader(get_args(kind)[0])
        return lambda value: inner(value) if coerce.to_mapping(value) else None
    if issubclass(kind, Stored):
        return lambda value: kind.from_dict(coerce.to_mapping(value))
    # Each enumeration has a member for unknown values.
    return lambda value: kind(
        coerce.to_text(value) if issubclass(kind, str) else coerce.to_int(value) or 0
    )


@cache
def _strict_readers(cls: Hashable) -> dict[str, tuple[Callable[[object], object], object]]:
    """Return what `_readers` returns, with strict functions; the second item is MISSING if the field is required."""
    return {
        item.name: (
            read := item.metadata.get(READ) or _strict_reader(item.type),
            MISSING
            if item.default is MISSING and item.default_factory is MISSING
            else _read_as_it_is(item, read),
        )
        for item in _fields(cls)
    }


def _fields(cls: Any) -> list[Field[Any]]:
    """Return the stored fields: all except those that the class computes itself."""
    return [item for item in fields(cls) if item.init]


def _strict_reader(kind: Any) -> Callable[[object], object]:
    """Return the function that reads values of a type, and raises ValueError for any other value."""
    if isinstance(kind, UnionType):
        (inner,) = [part for part in get_args(kind) if part is not type(None)]
        read = _strict_reader(inner)
        return lambda value: None if value is None else read(value)
    if get_origin(kind) is tuple:
        kinds = get_args(kind)
        if kinds[-1] is not Ellipsis:
            readers = [_strict_reader(one) for one in kinds]
            return lambda value: tuple(
                read(one) for read, one in zip(readers, _expect(list, value), strict=True)
            )
        item = _strict_reader(kinds[0])
        return lambda value: tuple(item(one) for one in _expect(list, value))
    if get_origin(kind) is Mapping:
        return lambda value: _expect(dict, value)
    if issubclass(kind, Stored):
        return lambda value: kind.from_dict(_expect(dict, value))
    if issubclass(kind, Enum):
        return lambda value: kind(_expect(str, value))
    return _STRICT_READERS.get(kind) or (lambda value: _expect(kind, value))


def _expect[T](kind: type[T], value: object) -> T:
    if not isinstance(value, kind):
        raise StoredError("a wrong type")
    return value


def _read_time(value: object) -> datetime:
    time = datetime.fromisoformat(_expect(str, value))
    if time.tzinfo is None or time.year not in YEARS:
        raise StoredError("no time of ours")
    return time.astimezone(UTC)


def _read_count(value: object) -> int:
    count = _expect(int, value)
    if isinstance(value, bool) or abs(count) > MAX_COUNT:
        raise StoredError("no count")
    return count


def _read_name(value: object) -> Path:
    """Read the name of a file. The file's folder is not stored."""
    name = _expect(str, value)
    if Path(name).name != name or "\0" in name:
        raise StoredError("no name of a file")
    return Path(name)


_STRICT_READERS: Final[Mapping[object, Callable[[object], object]]] = {
    datetime: _read_time,
    timedelta: lambda value: timedelta(seconds=_read_count(value)),
    int: _read_count,
    Path: _read_name,
}


def json_default(value: Any) -> Any:
    """Return a plain form of a value for `json.dumps(default=)`, which then converts the values inside that form."""
    match value:
        case Stored():
            kind: Any = type(value)
            return {name: getattr(value, name) for name in _names(kind)}
        case Enum():
            return value.value
        case date():
            return value.isoformat()
        case timedelta():
            return round(value.total_seconds())
        case Path():
            return value.name
        case frozenset():
            return [*sorted(value)]
        case Mapping():
            return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON")
