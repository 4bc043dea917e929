"""Checks of the names and values that tests and the admin interface pass in, so that no typo goes unnoticed."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAliasType, Union, get_args, get_origin


def accepts(annotation: Any, value: object) -> bool:
    """Return whether a value fits an annotation: a class, Literal, list[…], dict, or a union of these."""
    if isinstance(annotation, TypeAliasType):
        annotation = annotation.__value__
    origin = get_origin(annotation)
    if origin is Literal:
        return any(value == one and type(value) is type(one) for one in get_args(annotation))
    if origin is Union:
        return any(accepts(one, value) for one in get_args(annotation))
    if origin is list:
        (item,) = get_args(annotation)
        return isinstance(value, list) and all(accepts(item, one) for one in value)
    if origin is dict:
        return isinstance(value, dict)
    if annotation is Any:
        return True
    if annotation is None:
        return value is None
    if annotation is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if annotation is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, annotation)


def checked(
    cls: type, changes: Mapping[str, Any], allowed: Iterable[str] | None = None
) -> dict[str, Any]:
    """Return the changes after checking that they fit the annotated fields of a class; raises ValueError if not."""
    annotations = cls.__annotations__
    names = set(annotations if allowed is None else allowed)
    for name, value in changes.items():
        if name not in names or name not in annotations:
            raise ValueError(f"there is no {name!r} here; allowed: {', '.join(sorted(names))}")
        if not accepts(annotations[name], value):
            raise ValueError(f"{name} cannot be {value!r}")
    return dict(changes)
