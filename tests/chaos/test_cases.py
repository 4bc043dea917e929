"""Every scripted case of the chaos test: told rightly, and no paper wasted."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.e2e.hass import ROOT

from .cases import CASES

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900), pytest.mark.xdist_group("chaos cases")]


@pytest.fixture(scope="module")
def results() -> dict[str, dict[str, Any]]:
    """Run all cases in a process whose clocks they may move."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--json", "--case", "all"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=850,
        check=False,
    )
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {one["name"]: one for one in found}


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, results: dict[str, dict[str, Any]]) -> None:
    """The judge has nothing to say against what was told and printed."""
    assert not results[name]["error"], results[name]["error"]
    assert not results[name]["problems"], (CASES[name].text, results[name]["problems"])
