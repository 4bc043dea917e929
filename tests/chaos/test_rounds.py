"""A few random rounds of the chaos test; `python -m tests.chaos` runs as many as one likes."""

import pytest

from tests.chaos.run import chaos

SEED = 1
ROUNDS = 4


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
