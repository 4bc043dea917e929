"""The table of bounds in the architecture page says what the code does."""

import ast
from collections.abc import Collection, Iterator
from datetime import timedelta
import importlib
from pathlib import Path
import re

from aiohttp import ClientTimeout
import pytest

from custom_components import lianke
from custom_components.lianke.const import Setting
from tests.security.test_bounds import API, CALLS, DOCUMENTS

PACKAGE = Path(lianke.__file__).parent
ROOT = PACKAGE.parents[1]
PAGE = ROOT / ".github" / "ARCHITECTURE.md"
# A constant with one of these in its name bounds something that comes from outside, or that is made of it.
BOUND = re.compile(r"(^|_)(MAX|MOST|LIMIT|SECONDS|TIMEOUT)(_|$)")
# The width up to which a paper is narrow, the hour that jobs are counted in, times of the service's limit of errors.
NO_BOUND = {
    "api.capabilities.MAX_NARROW",
    "issues.ERROR_LIMIT_TIME",
    "jobs.rules.ERROR_LIMIT_PAUSE",
}
SHARED = "security/test_bounds.py::"
TABLES: dict[str, Collection[str]] = {
    "test_answers_and_texts": API,
    "test_calls": CALLS,
    "test_documents_and_records": DOCUMENTS,
}
UNITS = {
    "kB": 1024,
    "MB": 1024**2,
    "million": 10**6,
    "min": 60,
    "h": 3600,
    "days": 86400,
}


def rows() -> Iterator[list[str]]:
    """Yield the cells of each row of the table."""
    _, _, rest = PAGE.read_text("utf-8").partition("\n## Bounds\n")
    body = rest.partition("\n## ")[0]
    for line in body.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and not line.startswith(("| What |", "|---")):
            assert len(cells) == 5, line
            yield cells


ROWS = list(rows())


def constants() -> Iterator[str]:
    """Yield the name of every constant of the integration that is a bound by its name."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.Assign):
                targets = node.targets
            elif isinstance(node, ast.AnnAssign):
                targets = [node.target]
            else:
                continue
            for target in targets:
                if isinstance(target, ast.Name) and target.id.isupper() and BOUND.search(target.id):
                    yield f"{module}.{target.id}"


def value_of(name: str) -> float | None:
    """Return the value of a constant, times in seconds; None for one that is no number or time."""
    module, _, constant = name.rpartition(".")
    value = getattr(importlib.import_module(f"{lianke.__name__}.{module}"), constant)
    if isinstance(value, ClientTimeout):
        value = value.total
    if isinstance(value, Setting):
        value = value.default
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def amount(text: str) -> float:
    """Read "50 MB", "1,000" or "2 min" as a number: bytes, seconds, or just so many."""
    number, _, unit = text.partition(" ")
    return float(number.replace(",", "")) * UNITS.get(unit.split(" ")[0], 1)


def test_there_is_a_table() -> None:
    assert len(ROWS) > 120


def test_the_rows_are_true() -> None:
    for what, where, how_much, beyond, test in ROWS:
        assert what, where
        assert beyond, where
        assert test, where
        value = value_of(where.strip("`"))
        assert value is not None, where
        assert amount(how_much) == pytest.approx(value), (where, value)
        path, _, name = test.strip("`").partition("::")
        assert re.search(
            rf"^(async )?def {name}\(", (ROOT / "tests" / path).read_text("utf-8"), re.MULTILINE
        ), test


@pytest.mark.parametrize("name", TABLES)
def test_a_row_and_its_case_belong_together(name: str) -> None:
    """A test that is a table itself has a line for each bound that names it, and no other."""
    named = {row[1].strip("`") for row in ROWS if row[4] == f"`{SHARED}{name}`"}
    others = {row[1].strip("`") for row in ROWS} - named
    assert named <= set(TABLES[name])
    assert set(TABLES[name]) - named <= others


def test_the_reasons_are_real() -> None:
    """What is said to be refused for a reason has a text in the translations."""
    texts = (PACKAGE / "translations" / "en.json").read_text("utf-8")
    for what, _, _, beyond, _ in ROWS:
        for reason in re.findall(r"`(\w+)`", beyond):
            assert reason == "Date" or f'"{reason}"' in texts, (what, reason)


def test_no_bound_is_left_out() -> None:
    listed = [row[1].strip("`") for row in ROWS]
    numbers = {name for name in constants() if value_of(name) is not None}
    assert numbers - set(listed) == NO_BOUND
    assert sorted(listed) == sorted(set(listed)), "a bound stands twice"
