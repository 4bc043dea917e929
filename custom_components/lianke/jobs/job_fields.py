"""Read the fields of stored jobs, and check them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, get_args

from ..api.options import ResolvedOptions
from .by_hand import ByHand
from .people import read_reasons
from .record import RecordError, expect, read_count, read_time
from .states import JobState


@dataclass(frozen=True, kw_only=True, slots=True)
class Asker:
    """Who requested the print: the ids of a Home Assistant context."""

    context_id: str | None = None
    user_id: str | None = None
    parent_id: str | None = None


def read_field(name: str, annotation: Any, value: object) -> Any:
    """Check one stored field and convert it to its annotated type. Raises RecordError."""
    kind, *optional = get_args(annotation) or (annotation,)
    if name == "options":
        return _read_options(value)
    if name == "waits_for":
        return _read_waits(value)
    if name == "requested":
        return expect(name, value, dict)
    if value is None and optional:
        return None
    if (read := _READERS.get(kind)) is not None:
        return read(name, value)
    return expect(name, value, kind)


def _read_options(value: object) -> Mapping[str, Any]:
    stored = expect("options", value, dict)
    try:
        ResolvedOptions.from_dict(stored)
    except ValueError:
        raise RecordError("the options are malformed") from None
    return stored


def _read_waits(value: object) -> tuple[str, ...]:
    try:
        return read_reasons(value)
    except ValueError:
        raise RecordError("the reasons to wait are malformed") from None


def _read_state(name: str, value: object) -> JobState:
    if (state := expect(name, value, str)) not in JobState:
        raise RecordError("the state is unknown")
    return JobState(state)


def _read_asker(name: str, value: object) -> Asker:
    names = {item.name for item in fields(Asker)}
    if not isinstance(value, dict) or value.keys() != names:
        raise RecordError("the asker is malformed")
    for part in value.values():
        if part is not None:
            expect(name, part, str)
    return Asker(**value)


_READERS: Mapping[type, Callable[[str, object], Any]] = {
    datetime: read_time,
    JobState: _read_state,
    int: read_count,
    Asker: _read_asker,
    ByHand: lambda _, value: ByHand.from_record(value),
}
