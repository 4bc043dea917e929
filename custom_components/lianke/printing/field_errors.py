"""What is wrong with a field of a call, in the user's language: voluptuous speaks English, and of Python."""

from collections.abc import Callable, Iterable, Mapping
import re
from typing import Any, Final, override

import voluptuous as vol

from ..errors import InputError

_UNKNOWN: Final = "extra keys not allowed"
# What voluptuous says of a length or a number, and the keys of our texts for it.
_BEYOND: Final = re.compile(r"(length of )?value must be (at most|at least) (\d+(?:\.\d+)?)$")
_BOUNDS: Final[Mapping[tuple[bool, str], str]] = {
    (True, "at most"): "field_too_long",
    (True, "at least"): "field_too_short",
    (False, "at most"): "field_too_large",
    (False, "at least"): "field_too_small",
}


class FieldError(vol.Invalid):
    """A value that is refused, with the key of the text that says why, and what that text mentions."""

    def __init__(self, reason: str, **placeholders: str) -> None:
        super().__init__(reason)
        # Home Assistant may have another library in the place of voluptuous, whose errors have more attributes.
        self.refusal = (reason, placeholders)


class OneOf(vol.In):
    """Take one of some values, and name them all where it is another."""

    def __init__(self, values: Iterable[Any]) -> None:
        """Take the values, in the order in which they are named."""
        super().__init__([*values])

    @override
    def __call__(self, v: Any) -> Any:
        try:
            return super().__call__(v)
        except vol.InInvalid:
            allowed = ", ".join(str(value) for value in self.container)
            raise FieldError("field_not_offered", value=str(v), allowed=allowed) from None


def checked_by(schema: vol.Schema) -> Callable[[Any], dict[str, Any]]:
    """Return a check of a call's fields by a schema. Raises InputError: field_unknown, field_missing and the like."""
    known = {str(marker) for marker in schema.schema}
    required = {str(marker) for marker in schema.schema if isinstance(marker, vol.Required)}

    def check(data: Any) -> dict[str, Any]:
        try:
            fields: dict[str, Any] = schema(data)
        except vol.Invalid as err:
            raise _refusal(err, data, known, required) from None
        return fields

    return check


def _refusal(err: vol.Invalid, data: Any, known: set[str], required: set[str]) -> InputError:
    """Return what is wrong with the first field. Only where there are few choices is its value quoted."""
    first = err.errors[0] if isinstance(err, vol.MultipleInvalid) else err
    field = str(first.path[0]) if first.path else ""
    value = data
    for step in first.path:
        if isinstance(value, str):
            # One in the place of a list of them.
            break
        try:
            value = value[step]
        except KeyError, IndexError, TypeError:
            value = ...
            break
    if first.error_message.startswith(_UNKNOWN) or (field and field not in known):
        return InputError("field_unknown", field=".".join(map(str, first.path)))
    if isinstance(first, vol.RequiredFieldInvalid):
        return InputError("field_missing", field=field)
    if value is None or (isinstance(value, str) and not value.strip()):
        return InputError("field_missing" if field in required else "field_empty", field=field)
    if isinstance(first, FieldError):
        reason, placeholders = first.refusal
        return InputError(reason, **{"field": field, **placeholders})
    if (beyond := _BEYOND.match(first.error_message)) is not None:
        key = _BOUNDS[beyond[1] is not None, beyond[2]]
        if beyond[1] is not None and not isinstance(value, str):
            key = {"field_too_long": "field_too_many", "field_too_short": "field_empty"}[key]
        return InputError(key, field=field, limit=beyond[3])
    return InputError("field_wrong", field=field)
