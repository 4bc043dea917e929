"""Every scripted case of the chaos test: told rightly, and no paper wasted."""

from typing import Any

import pytest

from tests.chaos.run import chaos

from .cases import CASES

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2700), pytest.mark.xdist_group("chaos cases")]


@pytest.fixture(scope="module")
def results() -> dict[str, dict[str, Any]]:
    """Run all cases."""
    return {one["name"]: one for one in chaos("--case", "all", seconds=2650)}


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, results: dict[str, dict[str, Any]]) -> None:
    """The judge has nothing to say against what was told and printed."""
    assert not results[name]["error"], results[name]["error"]
    assert not results[name]["problems"], (CASES[name].text, results[name]["problems"])
