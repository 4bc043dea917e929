"""A few random rounds of the chaos test; `python -m tests.chaos` runs as many as one likes."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.e2e.hass import ROOT

SEED = 1
ROUNDS = 4


def chaos(*arguments: str, seconds: int) -> list[dict[str, Any]]:
    """Run the test in a process whose clocks it may move, for so long at most; return its results."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--json", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=seconds,
        check=False,
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.mark.e2e
@pytest.mark.timeout(400)
def test_random_rounds() -> None:
    """Nobody is told wrongly, and no paper is wasted, whatever breaks."""
    results = chaos(f"--rounds={ROUNDS}", f"--seed={SEED}", seconds=380)
    assert len(results) == ROUNDS
    assert not [
        (one["seed"], one["problems"], one["error"])
        for one in results
        if one["problems"] or one["error"]
    ]
    assert sum(one["outcomes"].get("completed, whole printed", 0) for one in results) > ROUNDS
