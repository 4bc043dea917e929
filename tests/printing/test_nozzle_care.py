"""Keep-alive: a page now and then for the nozzles of an ink-jet printer."""

from typing import Any

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.lianke.jobs.job import JobState
from custom_components.lianke.runtime import LiankeData
from tests.clock import Clock, elapse, rest
from tests.conftest import make_entry, set_up, tear_down
from tests.polling import key_of
from tests.simulator import Box, Simulator

INKJET = "EPSON"


async def inkjet(
    clock: Clock, hass: HomeAssistant, simulator: Simulator, box: Box, **options: Any
) -> MockConfigEntry:
    """Set the office box up with a plan for its ink-jet: a page at 10:30 after a week."""
    entry = make_entry(simulator, box)
    assert await set_up(hass, entry)
    await rest(hass)
    key = key_of(entry.runtime_data, INKJET)
    plan = {"keep_alive": {key: {"days": 7, "at": "10:30:00"}, "gone": {"days": 1, "at": "10:30"}}}
    hass.config_entries.async_update_entry(entry, options=plan | options)
    await hass.config.async_set_time_zone("UTC")
    clock.tick(1800)
    await rest(hass)
    return entry


async def days(hass: HomeAssistant, clock: Clock, number: int) -> None:
    """Let days pass, to the same minute."""
    await elapse(hass, clock, number * 86400, 86400)


async def test_keep_alive(
    clock: Clock, hass: HomeAssistant, simulator: Simulator, box: Box
) -> None:
    entry = await inkjet(clock, hass, simulator, box)
    data: LiankeData = entry.runtime_data
    key = key_of(data, INKJET)
    await days(hass, clock, 6)
    assert data.queue.jobs() == []
    await days(hass, clock, 1)
    (job,) = data.queue.jobs()
    assert job.printer_key == key
    assert job.title == "Color page"
    assert job.created_at.strftime("%H:%M") == "10:30"
    await elapse(hass, clock, 60)
    await elapse(hass, clock, 86400 - 60, 86400 - 60)
    assert data.queue.get(job.job_id).state is JobState.COMPLETED
    (printed,) = simulator.cloud.printed
    page = await hass.async_add_executor_job(printed.path.read_text)
    assert "Home Assistant has printed nothing here" in page
    # It counts as ours, so the next is a week away.
    # The day on which it came out is not over when the page is due again.
    await days(hass, clock, 6)
    assert len(data.queue.jobs()) == 1
    await days(hass, clock, 1)
    assert len(data.queue.jobs()) == 2
    await tear_down(hass)


@pytest.mark.parametrize(
    ("options", "prepare"),
    [
        ({"quiet_from": "10:00:00", "quiet_to": "11:00:00"}, "nothing"),
        ({"keep_alive": {}}, "nothing"),
        ({}, "switch off"),
        ({}, "print"),
    ],
)
async def test_keep_alive_is_left_out(
    clock: Clock,
    hass: HomeAssistant,
    simulator: Simulator,
    box: Box,
    options: dict[str, Any],
    prepare: str,
) -> None:
    entry = await inkjet(clock, hass, simulator, box, **options)
    data: LiankeData = entry.runtime_data
    await days(hass, clock, 5)
    if prepare == "switch off":
        box.network_printer().on = False
    elif prepare == "print":
        data.storage.count_pages(key_of(data, INKJET), "a job", 1)
    await days(hass, clock, 4)
    assert data.queue.jobs() == []
    assert simulator.cloud.count("POST /print/job") == 0
    await tear_down(hass)
