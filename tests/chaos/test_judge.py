"""What the judge makes of words that the death of a process kept from being told."""

from types import SimpleNamespace
from typing import cast

import pytest

from .home import Home, Reported
from .judge import Judgement, Story, judge_events


def told(time: float, how: str, state: str) -> Reported:
    """Return a word about the job."""
    return Reported(time=time, life=1, how=how, job_id="job", state=state)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("deaths", "is_fine"),
    # Of the word between the two ends nobody was kept; then of the last one; long before all of it.
    [([45.0], True), ([25.0], False), ([5.0], False), ([], False)],
)
def test_an_end_that_was_in_doubt_before_is_told_unless_it_died_then(
    deaths: list[float], *, is_fine: bool
) -> None:
    """It was proven by the next life's look at the task, or by the life that was killed at that moment."""
    story = Story(
        home=cast(Home, SimpleNamespace(name="home", deaths=deaths)),
        job_id="job",
        record={"state": "completed", "reason": None},
        reported=[
            told(10.0, "event", "queued"),
            told(30.0, "event", "unconfirmed"),
            told(31.0, "screen", "unconfirmed"),
            told(50.0, "screen", "completed"),
        ],
    )
    found = Judgement()
    judge_events(story, found)
    assert (not found.problems) == is_fine
