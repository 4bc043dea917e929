"""What a job is follows from its deliveries."""

from dataclasses import fields, replace
from datetime import timedelta
from itertools import product

import pytest

from custom_components.lianke.jobs.job import (
    DELIVERY_FIELDS,
    FINAL_JOB_STATES,
    FIRST_SIDES_ONLY,
    Job,
    JobState,
    PersonReason,
    begin_next,
)
from tests.jobs.make import NOW, make_delivery, make_job

TURN = PersonReason.TURN_PAPER
UNTIL = NOW + timedelta(hours=3)


def halved(first: JobState, second: JobState, after: PersonReason | None = TURN) -> Job:
    """Return a job with a second delivery that waits for a person."""
    return make_job(
        deliveries=(
            make_delivery(state=first, counts_as=(3, 1)),
            make_delivery(state=second, after=after, hold_reason=after),
        )
    )


def test_a_name_says_whose_field_it_is() -> None:
    """`Job.changed` takes those of both."""
    names = {item.name for item in fields(Job) if item.init}
    assert not names & DELIVERY_FIELDS
    assert len(names) <= 20


def test_a_job_is_where_its_present_delivery_is() -> None:
    for first, second in product(JobState, repeat=2):
        job = halved(first, second)
        came_out = first is JobState.COMPLETED
        assert job.state is (second if came_out else first)
        assert job.is_at_second_delivery is came_out
        assert job.waits_for == ((TURN,) if came_out else ())
        if came_out and second in FINAL_JOB_STATES:
            # Paper came out, whatever became of the second sides.
            assert job.partly_printed is (second is not JobState.COMPLETED)
        assert not (job.has_stack and job.waits_for)


@pytest.mark.parametrize("how", ["canceling", "asked", "expiring", "no document"])
def test_a_cancellation_is_in_time_for_the_second_sides(how: str) -> None:
    state = JobState.CANCELING if how == "canceling" else JobState.SENDING
    old = halved(state, JobState.HELD)
    old = replace(old, cancel_requested=how == "asked", has_document=how != "no document")
    old = old.changed(expiring=how == "expiring")
    new = begin_next(old, old.changed(state=JobState.COMPLETED), UNTIL)
    assert new.state is (JobState.EXPIRED if how == "expiring" else JobState.CANCELED)
    # Nobody was asked to turn anything.
    assert (new.reason, new.partly_printed) == (FIRST_SIDES_ONLY, True)


def test_an_answer_belongs_to_the_delivery_that_asked() -> None:
    """It changes that one, whichever is the present one by then."""
    job = halved(JobState.COMPLETED, JobState.HELD)
    first, second = job.deliveries
    changed = job.changed(first, task_id="late")
    assert changed.deliveries == (replace(first, task_id="late"), second)
