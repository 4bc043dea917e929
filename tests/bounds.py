"""The bounds of the integration, as .github/BOUNDS.md lists them: `python -m tests.bounds` writes that page.

A bound is a constant with a number or a time whose name marks it as a bound, or which `bounds.toml` names. The comment
above the constant, or above its group of constants, describes it; `bounds.toml` says which test goes beyond it.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
import importlib
from pathlib import Path
import re
import tomllib
from typing import Any, NamedTuple

from aiohttp import ClientTimeout

from custom_components import lianke
from custom_components.lianke.const import Setting

PACKAGE = Path(lianke.__file__).parent
TESTS = Path(__file__).parent
PAGE = TESTS.parent / ".github" / "BOUNDS.md"
INTRODUCTION = """# Bounds

Everything that comes from outside, and everything made of it, has a bound: a constant whose name says so (`MAX_`,
`MOST_`, `_LIMIT`, `_SECONDS`, `TIMEOUT`). This page is made by `python -m tests.bounds` from the constants, from the
comments above them, and from `tests/bounds.toml`, which names the test that goes beyond each one.
`tests/test_bounds.py` fails if the page is out of date, or if a bound has no words or no test.
kB and MB are 1,024 and 1,024² bytes; the names of tests begin in `tests/`.
"""
_NAME = re.compile(r"(^|_)(MAX|MOST|LIMIT|SECONDS|TIMEOUT)(_|$)")
# Constants that bound nothing of ours: the width up to which a paper is narrow, and times of the service's error limit.
_NO_BOUNDS = {"MAX_NARROW_WIDTH", "ERROR_LIMIT_TIME", "ERROR_LIMIT_PAUSE"}
_TIMES = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_SIZES = ((1024**3, "GB"), (1024**2, "MB"), (1024, "kB"), (1, "bytes"))


class Bound(NamedTuple):
    module: str
    name: str
    how_much: str
    words: str

    @property
    def full_name(self) -> str:
        return f"{self.module}.{self.name}"


def proofs() -> dict[str, list[str]]:
    """Return, for each test (path::name), the names of the bounds it goes beyond, with modules if names are not unique.

    In bounds.toml, `table = "NAME"` stands for the keys of a table in the file of the test.
    """
    listed = tomllib.loads((TESTS / "bounds.toml").read_text("utf-8"))
    return {test: _named(test, names) for test, names in listed.items()}


def _named(test: str, names: Any) -> list[str]:
    if isinstance(names, list):
        return names
    tree = ast.parse((TESTS / test.partition("::")[0]).read_text("utf-8"))
    return [
        key.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == names["table"]
        if isinstance(node.value, ast.Dict)
        for key in node.value.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    ]


def stands_for(name: str, bound: Bound) -> bool:
    return f".{bound.full_name}".endswith(f".{name}")


def bounds() -> Iterator[Bound]:
    """Yield every bound, module after module, in the order of the code."""
    named = {name.rpartition(".")[2] for names in proofs().values() for name in names}
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        source = path.read_text("utf-8")
        lines = source.splitlines()
        for node in ast.parse(source).body:
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            target = node.target if isinstance(node, ast.AnnAssign) else target
            if not isinstance(target, ast.Name) or not target.id.isupper():
                continue
            if target.id in _NO_BOUNDS or not (_NAME.search(target.id) or target.id in named):
                continue
            words, unit = _comment_above(lines, node.lineno - 1)
            value = getattr(importlib.import_module(f"{lianke.__name__}.{module}"), target.id)
            if how_much := _how_much(value, f"{target.id} {unit}"):
                yield Bound(module, target.id, how_much, words.replace("|", r"\|"))


def _comment_above(lines: list[str], constant: int) -> tuple[str, str]:
    """Return the comment above a constant or its group; and its first words, with the unit, "" if it is the group's."""
    last = constant
    while last and lines[last - 1].strip() and not lines[last - 1].startswith("#"):
        last -= 1
    first = last
    while first and lines[first - 1].startswith("#"):
        first -= 1
    words = " ".join(line.removeprefix("#").strip() for line in lines[first:last])
    return words, " ".join(words.split()[:5]) if last == constant else ""


def _how_much(value: object, hint: str) -> str | None:
    """Return a value with the unit that the hint names; None if the value is neither a number nor a time."""
    if isinstance(value, Setting):
        return f"{value.default:,} {value.unit}, unless set otherwise"
    if isinstance(value, ClientTimeout):
        value = timedelta(seconds=value.total or 0)
    if isinstance(value, timedelta):
        return _in(_TIMES, value.total_seconds())
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    if re.search(r"(?i)seconds\b|TIMEOUT", hint):
        return _in(_TIMES, value)
    return _in(_SIZES, value) if re.search(r"(?i)BYTES\b", hint) else f"{value:,}"


def _in(units: tuple[tuple[int, str], ...], value: float) -> str:
    size, unit = next((one for one in units if value % one[0] == 0), units[-1])
    return f"{value / size:,g} {unit}"


def page() -> str:
    tests = [(name, test) for test, names in proofs().items() for name in names]
    rooms = defaultdict(list)
    for bound in bounds():
        proved = ", ".join(f"`{test}`" for name, test in tests if stands_for(name, bound))
        row = f"| `{bound.full_name}` | {bound.how_much} | {bound.words} | {proved} |"
        rooms[bound.module.partition(".")[0]].append(row)
    head = "| Constant | How much | What | Test |\n|---|---|---|---|\n"
    tables = [f"## {room}\n\n{head}{'\n'.join(rows)}\n" for room, rows in sorted(rooms.items())]
    return "\n".join([INTRODUCTION, *tables])


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
