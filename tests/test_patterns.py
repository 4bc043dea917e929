"""No pattern takes long, whatever a bad cloud, a printer or a document puts before it."""

import ast
from collections.abc import Iterator
import importlib
from pathlib import Path
import pkgutil
import re
import time
from typing import Any

import pytest

import custom_components.lianke as integration

LENGTH = 8192
# Seconds for one text of that length; one that goes back from each character to the start takes half a second.
BOUND = 0.2
# Matched at one place of a file, never searched for in it.
AT_ONE_PLACE = {"_LEAD", "_OBJECT", "_STREAM", "_SUBSECTION"}

_PIECES = (
    " ",
    "\t",
    "\r\n",
    "a",
    "A0",
    "0",
    "-",
    "_",
    ".",
    "a.",
    ":",
    "=",
    "a:",
    "a=",
    " :",
    "://",
    "a://",
    "http://a.",
    "api ",
    "api_key",
    "token",
    "token=",
    "?token=",
    "device_key ",
    "1-",
    "1 ",
    "1 1 ",
    "2024年",
    "2024 ",
    "%",
    "(",
    "\\",
    "<",
    "[",
    "/",
    "服务",
    "设备",
    "é",
    "\u200b",
)
HOSTILE = tuple(
    (piece * LENGTH)[: LENGTH - len(end)] + end for piece in _PIECES for end in ("", "!", "\x00")
) + tuple(
    start + " " * (LENGTH - len(start) - 1) + end
    for start in ("a", "0", "a:", "token", "api", "startxref", "1 ", "2024", "/Filter", "/K")
    for end in ("", "!", ":", "=")
)


def _modules() -> Iterator[str]:
    for module in pkgutil.walk_packages(integration.__path__, f"{integration.__name__}."):
        yield module.name


def _patterns() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Give every compiled pattern of the integration, with its module and name."""
    for module in _modules():
        for name, value in vars(importlib.import_module(module)).items():
            if isinstance(value, re.Pattern):
                yield f"{module.removeprefix(integration.__name__)}.{name}", value


PATTERNS = dict(_patterns())


@pytest.mark.parametrize("name", PATTERNS)
def test_every_pattern_is_done_with_a_hostile_text_at_once(name: str) -> None:
    pattern = PATTERNS[name]
    methods = [pattern.match, pattern.fullmatch]
    if name.rpartition(".")[2] not in AT_ONE_PLACE:
        methods.append(pattern.search)
    for text in HOSTILE:
        subject: Any = text if isinstance(pattern.pattern, str) else text.encode()[:LENGTH]
        for method in methods:
            best = BOUND
            for _ in range(3):  # processor time, yet caches differ
                started = time.thread_time()
                method(subject)
                if (best := min(best, time.thread_time() - started)) < BOUND:
                    break
            assert best < BOUND, f"{method.__name__} on {text[:12]!r}…"


def test_every_pattern_is_compiled_where_the_test_above_finds_it() -> None:
    """A pattern given as text inside a function would escape the test above."""
    assert len(PATTERNS) > 20
    for path in Path(integration.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            called = node.func
            if not isinstance(called.value, ast.Name) or called.value.id != "re":
                continue
            assert called.attr in ("compile", "escape"), f"{path.name}:{node.lineno}"
