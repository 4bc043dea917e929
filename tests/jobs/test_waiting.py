"""Jobs that wait for a person: nothing is sent before the answer, and others go on meanwhile."""

from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.lianke.api.stored import StoredError
from custom_components.lianke.input_error import InputError
from custom_components.lianke.jobs.job import MAX_REASONS, Job, JobState
from custom_components.lianke.printing.print_action import job_dict
from tests.jobs.conftest import Shop
from tests.ledgers import refusing

APPROVAL, RELEASE = ("approval",), ("release",)


async def test_others_go_on_while_a_job_waits(shop: Shop) -> None:
    waiting = await shop.submit(waits_for=APPROVAL)
    assert (waiting.state, waiting.current_delivery.hold_reason) == (JobState.HELD, "approval")
    assert job_dict(waiting)["waits_for"] == ["approval"]
    assert waiting.asks_for
    assert waiting.can_cancel
    assert not waiting.can_retry
    await shop.until(await shop.submit(), JobState.COMPLETED)
    await shop.tick(3600)
    assert len(shop.sim.cloud.printed) == 1
    assert shop.queue.get(waiting.job_id).current_delivery.hold_reason == "approval"
    await shop.queue.async_continue(waiting.job_id)
    done = await shop.until(waiting, JobState.COMPLETED)
    assert len(shop.sim.cloud.printed) == 2
    assert not job_dict(done)["waits_for"]
    assert not done.asks_for


async def test_an_answer_is_no_word_about_the_printer(shop: Shop) -> None:
    await shop.switch(online=False)
    job = await shop.submit(waits_for=APPROVAL)
    other = await shop.submit()
    with pytest.raises(InputError, match="job_not_waiting"):
        # It waits for the printer.
        await shop.queue.async_continue(other.job_id)
    await shop.queue.async_continue(job.job_id)
    reported = shop.queue.get(job.job_id)
    assert (reported.state, reported.current_delivery.hold_reason) == (JobState.HELD, "box_offline")
    await shop.switch(online=True)
    await shop.until(job, JobState.COMPLETED)
    await shop.until(other, JobState.COMPLETED)
    assert len(shop.sim.cloud.printed) == 2


@pytest.mark.parametrize("answer", ["continue", "reject", "cancel"])
async def test_an_answer_that_cannot_be_written_is_none(shop: Shop, answer: str) -> None:
    job = await shop.submit(waits_for=APPROVAL)
    act = getattr(shop.queue, f"async_{answer}")
    with refusing(shop.hass), pytest.raises(HomeAssistantError, match="change_not_saved"):
        await act(job.job_id)
    assert shop.states(job) == [JobState.HELD]
    assert shop.stored(job)["state"] == "held"
    reported = await shop.until(job, JobState.HELD)
    assert (reported.current_delivery.hold_reason, reported.waits_for) == ("approval", APPROVAL)
    await shop.tick(600)
    assert not shop.sim.cloud.tasks
    await act(job.job_id)
    await shop.until(job, JobState.COMPLETED, JobState.CANCELED)
    assert len(shop.sim.cloud.printed) == (answer == "continue")


async def test_polling_is_relaxed_while_only_people_are_waited_for(shop: Shop) -> None:
    await shop.submit(waits_for=APPROVAL)
    await shop.settle()
    assert not shop.coordinator._jobs_open


async def test_what_a_record_says_of_people(shop: Shop) -> None:
    job = await shop.submit(waits_for=APPROVAL)
    record = shop.row(job)
    assert Job.from_record(record).waits_for == APPROVAL
    # Of a later version: somebody is asked in any case.
    spec = record["spec"]
    later = record | {"spec": spec | {"waits_for": ["full_moon"]}}
    assert Job.from_record(later).waits_for == APPROVAL
    for damaged in ("approval", None, 3, ["release"] * (MAX_REASONS + 1)):
        with pytest.raises(StoredError):
            Job.from_record(record | {"spec": spec | {"waits_for": damaged}})
