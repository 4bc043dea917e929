"""Scripted cases: each is one way in which somebody was told wrongly, or paper was wasted."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from .world import World

type Case = Callable[[World], Awaitable[Any]]
CASES: Final[dict[str, Case]] = {}


def case(script: Case) -> Case:
    """Make a script a case; its name is the function's."""
    CASES[script.__name__] = script
    return script
