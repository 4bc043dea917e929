"""Automations that have gone wild: they end, and with no more paper than the limits allow."""

from homeassistant.core import Context
from homeassistant.setup import async_setup_component
import pytest

from custom_components.lianke.const import MAX_JOBS_PER_HOUR
from custom_components.lianke.jobs.job import JobState
from tests.proof.conftest import House, OpenHouse
from tests.simulator import Outcome

SUBMIT = "POST /print/job"
FIRES = 200


async def automate(house: House, **automation: object) -> None:
    """Add an automation."""
    config = {"automation": [{"alias": "Wild", **automation}]}
    assert await async_setup_component(house.hass, "automation", config)
    await house.settle()


@pytest.mark.parametrize("mode", ["parallel", pytest.param("queued", marks=pytest.mark.long)])
async def test_an_automation_that_fires_all_the_time(open_house: OpenHouse, mode: str) -> None:
    async with open_house(max_jobs_per_hour=MAX_JOBS_PER_HOUR.default) as house:
        path = house.paper(1).path
        house.hass.config.allowlist_external_dirs = {str(house.tmp_path)}
        await automate(
            house,
            mode=mode,
            max=FIRES,
            max_exceeded="silent",
            triggers=[{"trigger": "event", "event_type": "wild"}],
            actions=[
                {
                    "action": "lianke.print",
                    "data": {"device_id": house.device(), "file": str(path)},
                }
            ],
        )
        for _ in range(FIRES):
            house.hass.bus.async_fire("wild")
        await house.tick(20)
        jobs = house.queue.jobs()
        assert len(jobs) == MAX_JOBS_PER_HOUR.default
        for job in jobs:
            assert (await house.finish(job)).state is JobState.COMPLETED
        assert house.sim.cloud.count(SUBMIT) == MAX_JOBS_PER_HOUR.default
        assert len(house.sim.cloud.printed) == MAX_JOBS_PER_HOUR.default
        # What was refused does not come later.
        await house.next_day()
        assert len(house.queue.jobs()) == MAX_JOBS_PER_HOUR.default


async def test_a_printer_that_prints_about_its_own_failures(open_house: OpenHouse) -> None:
    async with open_house(max_jobs_per_hour=MAX_JOBS_PER_HOUR.default) as house:
        house.sim.cloud.plan(house.printer(), *[Outcome(code=503)] * FIRES)
        notify = house.entity("notify", "notify")
        await automate(
            house,
            mode="queued",
            max=50,
            triggers=[{"trigger": "state", "entity_id": house.entity("event", "job")}],
            conditions=[
                {
                    "condition": "template",
                    "value_template": "{{ trigger.to_state.attributes.event_type == 'failed' }}",
                }
            ],
            actions=[
                {
                    "action": "notify.send_message",
                    "target": {"entity_id": notify},
                    "data": {"message": "A job failed"},
                }
            ],
        )
        await house.hass.services.async_call(
            "notify",
            "send_message",
            {"entity_id": notify, "message": "Hello"},
            blocking=True,
            context=Context(),
        )
        while (
            not house.queue.jobs()[0].is_final
            or len(house.queue.jobs()) < MAX_JOBS_PER_HOUR.default
        ):
            assert house.sim.cloud.count(SUBMIT) < FIRES
            await house.tick(20)
        # Three hours: the limit's hour passes, and nothing begins again.
        for _ in range(18):
            await house.tick(600)
        jobs = house.queue.jobs()
        assert all(job.state is JobState.FAILED for job in jobs)
        assert len(jobs) == MAX_JOBS_PER_HOUR.default
        assert house.sim.cloud.count(SUBMIT) == MAX_JOBS_PER_HOUR.default
        assert not house.sim.cloud.out_tray
