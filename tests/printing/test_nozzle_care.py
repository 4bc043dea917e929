"""Keep-alive: a page now and then for the nozzles of an ink-jet printer."""

from datetime import UTC, datetime
from typing import Any

from homeassistant.util import dt as dt_util
import pytest

from custom_components.lianke.jobs.job import JobState
from tests.clock import Clock, elapse, rest
from tests.household import House
from tests.polling import key_of

INKJET = "EPSON"


async def plan(clock: Clock, house: House, **options: Any) -> str:
    """Plan a page at 10:30 after a week for the ink-jet; return its key."""
    await rest(house.hass)
    key = key_of(house.data, INKJET)
    care = {"keep_alive": {key: {"days": 7, "at": "10:30:00"}, "gone": {"days": 1, "at": "10:30"}}}
    house.set_options(care | options)
    await house.hass.config.async_set_time_zone("UTC")
    clock.tick(1800)
    await rest(house.hass)
    return key


async def days(house: House, clock: Clock, number: int) -> None:
    await elapse(house.hass, clock, number * 86400, 86400)


async def test_keep_alive(clock: Clock, house: House) -> None:
    key = await plan(clock, house)
    await days(house, clock, 6)
    assert house.queue.jobs() == []
    await days(house, clock, 1)
    (job,) = house.queue.jobs()
    assert job.spec.printer_key == key
    assert job.spec.title == "Color page"
    assert job.created_at.strftime("%H:%M") == "10:30"
    # Before most of a day passes at once, in which an answer would come too late.
    (printed,) = await house.came_out()
    await elapse(house.hass, clock, 60)
    await elapse(house.hass, clock, 86400 - 60, 86400 - 60)
    assert house.queue.get(job.job_id).state is JobState.COMPLETED
    page = await house.hass.async_add_executor_job(printed.path.read_text)
    assert "Home Assistant has printed nothing here" in page
    # It counts as ours, so the next is a week away.
    # The day on which it came out is not over when the page is due again.
    await days(house, clock, 6)
    assert len(house.queue.jobs()) == 1
    await days(house, clock, 1)
    assert len(house.queue.jobs()) == 2


@pytest.mark.parametrize(
    ("options", "prepare"),
    [
        ({"quiet_from": "10:00:00", "quiet_to": "11:00:00"}, "nothing"),
        ({}, "switch off"),
        ({}, "print"),
    ],
)
async def test_keep_alive_is_left_out(
    clock: Clock, house: House, options: dict[str, Any], prepare: str
) -> None:
    key = await plan(clock, house, **options)
    await days(house, clock, 5)
    if prepare == "switch off":
        house.box.network_printer().on = False
    elif prepare == "print":
        house.data.storage.count_pages(key, "a job", 1)
    await days(house, clock, 4)
    assert house.queue.jobs() == []
    assert not house.sent


async def test_a_day_in_which_summer_time_begins_is_a_day(clock: Clock, house: House) -> None:
    """It has 23 hours: the page of the next day was left out."""
    await plan(clock, house)
    key = key_of(house.data, INKJET)
    house.set_options({"keep_alive": {key: {"days": 1, "at": "10:30:00"}}})
    await house.hass.config.async_set_time_zone("Europe/Berlin")
    # 10:20 by the clock on the wall, of the day before.
    clock.tick(datetime(2027, 3, 27, 9, 20, tzinfo=UTC) - dt_util.utcnow())
    await house.coordinator.async_refresh()
    house.data.storage.update(key, last_print_at=dt_util.utcnow())
    await elapse(house.hass, clock, 23 * 3600, 3600)
    assert house.queue.jobs() == []
    await elapse(house.hass, clock, 15 * 60, 60)
    (job,) = house.queue.jobs()
    assert f"{dt_util.as_local(job.created_at):%d %H:%M}" == "28 10:30"
