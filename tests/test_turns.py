"""No turn of the event loop is counted: whoever waits, waits for what must have come to pass."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import custom_components.lianke as integration

HOME = Path(integration.__file__).parent
# Lets others have the event loop, and waits for nothing.
GIVES_WAY = {("api/transport.py", "_read")}


def called(node: ast.AST) -> str:
    """Return the last name of what is called, nothing for what is no call."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def is_counted(node: ast.AST) -> bool:
    """Return whether a node waits for a number of turns, or of pauses, or has something wait for that."""
    inside = [*ast.walk(node)]
    if called(node) == "sleep":
        assert isinstance(node, ast.Call)
        return not node.args or (isinstance(node.args[0], ast.Constant) and not node.args[0].value)
    if called(node) == "call_soon":
        # Within one, or handed to one.
        others = [one for one in inside if one is not node]
        return any("call_soon" in (called(one), getattr(one, "attr", "")) for one in others[1:])
    if isinstance(node, ast.For | ast.AsyncFor):
        # Attempts whose pauses become longer are no turns.
        pauses = [
            one.args for one in inside if called(one) == "sleep" and isinstance(one, ast.Call)
        ]
        return called(node.iter) == "range" and any(
            isinstance(one, ast.Constant) for args in pauses for one in args
        )
    return called(node) == "async_block_till_done"


def counted_in(source: str, gives_way: set[str]) -> Iterator[int]:
    """Give the lines of a module that count turns, outside of these functions."""
    waiting: list[ast.AST] = [ast.parse(source)]
    while waiting:
        node = waiting.pop()
        if getattr(node, "name", "") in gives_way:
            continue
        if is_counted(node):
            yield node.lineno  # type: ignore[attr-defined]  # a call or a loop
        waiting += ast.iter_child_nodes(node)


def test_nothing_waits_for_a_number_of_turns() -> None:
    found = [
        f"{path.relative_to(HOME)}:{line}"
        for path in HOME.rglob("*.py")
        for line in counted_in(
            path.read_text("utf-8"),
            {name for place, name in GIVES_WAY if HOME / place == path},
        )
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "await asyncio.sleep(0)",
        "await sleep(0.0)",
        "for _ in range(20):\n    await asyncio.sleep(1)",
        "hass.loop.call_soon(hass.loop.call_soon, action)",
        "loop.call_soon(lambda: loop.call_soon(action))",
        "await hass.async_block_till_done()",
    ],
)
def test_what_would_be_found(source: str) -> None:
    assert [*counted_in(source, set())]


@pytest.mark.parametrize(
    "source",
    [
        "await asyncio.sleep(pause)",
        "for one in ones:\n    await asyncio.sleep(pause)",
        "for attempt in range(3):\n    await asyncio.sleep(pause)",
        "hass.loop.call_soon(action)",
    ],
)
def test_what_waits_for_no_number(source: str) -> None:
    assert not [*counted_in(source, set())]
