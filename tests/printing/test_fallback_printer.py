"""Stand-ins: what waits for a printer that is off or faulty comes out of another one, once."""

import asyncio
from typing import Any
from unittest.mock import patch

from homeassistant.auth.permissions.const import CAT_ENTITIES
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import MockUser

from custom_components.lianke.jobs.job import JobState
from tests.clock import Clock, elapse, rest
from tests.household import INKJET, LASER, OTHER_LASER, House, show_state
from tests.polling import key_of

MINUTES = 5


@pytest.fixture
async def house(clock: Clock, hass: HomeAssistant, house: House) -> House:
    await rest(hass)
    stand_in(house, LASER, INKJET)
    return house


def stand_in(house: House, of: str, other: str) -> None:
    plan = {"printer": f"{house.entry.entry_id}/{key_of(house.data, other)}", "minutes": MINUTES}
    plans = house.entry.options.get("stand_ins", {}) | {key_of(house.data, of): plan}
    house.set_options({"stand_ins": plans})


async def quiet(house: House) -> None:
    hours = {"quiet_from": "09:00:00", "quiet_to": "23:00:00"}
    house.set_options({**house.entry.options, **hours})
    await house.hass.config.async_set_time_zone("UTC")


async def look(house: House, clock: Clock) -> None:
    clock.tick(1)
    await house.coordinator.async_refresh()
    await rest(house.hass)


async def submit(house: House, context: Context | None = None, **data: Any) -> str:
    answer = await house.ask("print", context, device_id=house.device(), text="x", **data)
    await rest(house.hass)
    return str(answer["jobs"][0]["job_id"])


async def wait(house: House, clock: Clock, minutes: float) -> None:
    await elapse(house.hass, clock, minutes * 60, 30)


@pytest.mark.parametrize("fault", ["off", "paperJam"])
async def test_a_stand_in_takes_over(clock: Clock, house: House, fault: str) -> None:
    laser = house.box.printer(1)
    if fault == "off":
        laser.on = False
    else:
        show_state(laser, fault)
    await look(house, clock)
    job_id = await submit(house)
    await wait(house, clock, MINUTES - 1)
    assert house.queue.get(job_id).state is JobState.HELD
    await wait(house, clock, 2)
    moved = house.queue.get(job_id)
    assert (moved.reason, moved.current_delivery.detail) == ("moved", INKJET)
    for _ in range(100):
        # The simulated printer takes time of its own.
        if house.printed:
            break
        await wait(house, clock, 1)
        await asyncio.sleep(0.05)
    [document] = house.printed
    assert document.options["targetIp"] == house.box.network_printer().ip


async def test_it_moves_once(clock: Clock, house: House) -> None:
    """A stand-in of the stand-in does not take it on."""
    stand_in(house, INKJET, OTHER_LASER)
    show_state(house.box.printer(1), "outOfPaper")
    # Busy with something else for long, so that it can be held there afterwards.
    await quiet(house)
    await look(house, clock)
    job_id = await submit(house)
    await wait(house, clock, MINUTES + 1)
    there = house.queue.get(job_id).moved_to
    assert there is not None
    house.box.network_printer().on = False
    await look(house, clock)
    await wait(house, clock, 2 * MINUTES)
    moved = house.queue.get(there)
    assert (moved.state, moved.printer_name) == (JobState.HELD, INKJET)
    assert not house.printed


@pytest.mark.parametrize(
    "why",
    ["paused", "quiet hours", "stand-in is off", "unreachable", "tray", "person", "back in time"],
)
async def test_what_stays(clock: Clock, house: House, why: str) -> None:
    laser = house.box.printer(1)
    data: dict[str, Any] = {}
    if why == "quiet hours":
        await quiet(house)
    elif why == "paused":
        show_state(laser, "paused")
        laser.paused = True
    else:
        show_state(laser, "outOfPaper")
    if why == "stand-in is off":
        house.box.network_printer().on = False
    if why == "tray":
        data["tray"] = "纸盒 1"
    if why == "person":
        approval = {"approval_printers": [key_of(house.data, LASER)]}
        house.set_options({**house.entry.options, **approval})
    await look(house, clock)
    job_id = await submit(house, **data)
    if why == "unreachable":
        await house.simulator.stop()
    if why == "back in time":
        await wait(house, clock, MINUTES - 1)
        await quiet(house)
        show_state(laser, "idle")
        await look(house, clock)
        await wait(house, clock, 1)
        show_state(laser, "outOfPaper")
        await look(house, clock)
        await wait(house, clock, MINUTES - 1)
    else:
        await wait(house, clock, 2 * MINUTES)
    assert house.queue.get(job_id).state is JobState.HELD
    assert [one.job_id for one in house.queue.jobs()] == [job_id]
    assert not house.printed


async def test_a_user_who_may_not_use_the_stand_in(
    clock: Clock, house: House, hass_read_only_user: MockUser
) -> None:
    control = {"read": True, "control": True}
    hass_read_only_user.mock_policy(
        {CAT_ENTITIES: {"entity_ids": {"sensor.kyocera_ma2000w_gx": control}}}
    )
    show_state(house.box.printer(1), "outOfPaper")
    await look(house, clock)
    theirs = await submit(house, Context(user_id=hass_read_only_user.id))
    ours = await submit(house)
    await wait(house, clock, MINUTES + 1)
    assert house.queue.get(theirs).state is JobState.HELD
    assert house.queue.get(ours).reason == "moved"


async def test_a_plan_that_was_off_for_a_while(clock: Clock, house: House) -> None:
    """How long a fault lasts is not counted from one that was over while nobody looked."""
    laser = house.box.printer(1)
    plans = house.entry.options
    show_state(laser, "outOfPaper")
    await look(house, clock)
    await wait(house, clock, 1)
    house.set_options({})
    show_state(laser, "idle")
    await look(house, clock)
    await wait(house, clock, 2 * MINUTES)
    show_state(laser, "outOfPaper")
    await look(house, clock)
    job_id = await submit(house)
    house.set_options({**plans})
    await wait(house, clock, MINUTES - 1)
    assert house.queue.get(job_id).state is JobState.HELD
    await wait(house, clock, 2)
    assert house.queue.get(job_id).reason == "moved"


async def test_a_box_that_is_unloaded_during_a_move(
    clock: Clock, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    stand_in(house, OTHER_LASER, INKJET)
    show_state(house.box.printer(1), "outOfPaper")
    await look(house, clock)
    job_id = await submit(house)
    queue = house.queue

    async def unload(*_: object) -> None:
        await house.hass.config_entries.async_unload(house.entry.entry_id)
        raise HomeAssistantError("The box was unloaded")

    with patch("custom_components.lianke.printing.fallback_printer.async_move", unload):
        await wait(house, clock, MINUTES + 1)
    assert queue.get(job_id).state is JobState.HELD
    assert "Traceback" not in caplog.text
