"""A few random rounds of the chaos test; `python -m tests.chaos` runs as many as one likes."""

import json
import subprocess
import sys

import pytest

from tests.e2e.hass import ROOT

SEED = 1
ROUNDS = 4


@pytest.mark.e2e
@pytest.mark.timeout(400)
def test_random_rounds() -> None:
    """Nobody is told wrongly, and no paper is wasted, whatever breaks."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--json", f"--rounds={ROUNDS}", f"--seed={SEED}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=380,
        check=False,
    )
    results = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(results) == ROUNDS
    assert not [
        (one["seed"], one["problems"], one["error"])
        for one in results
        if one["problems"] or one["error"]
    ]
    assert sum(sum(one["outcomes"].values()) for one in results) > ROUNDS
