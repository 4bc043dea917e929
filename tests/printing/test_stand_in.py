"""Stand-ins: what waits for a printer that is off or faulty comes out of another one, once."""

import asyncio
from typing import Any

from homeassistant.auth.permissions.const import CAT_ENTITIES
from homeassistant.core import Context, HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.lianke.jobs.job import Job, JobState
from tests.clock import Clock, elapse, rest
from tests.conftest import make_entry, set_up, tear_down
from tests.household import INKJET, LASER, OTHER_LASER, ask, device_of, show_state
from tests.polling import key_of
from tests.simulator import Box, Simulator

MINUTES = 5


@pytest.fixture
async def entry(
    clock: Clock, hass: HomeAssistant, simulator: Simulator, box: Box
) -> MockConfigEntry:
    """Set the office box up; the ink-jet stands in for the laser."""
    entry = make_entry(simulator, box)
    assert await set_up(hass, entry)
    await rest(hass)
    stand_in(hass, entry, LASER, INKJET)
    return entry


def stand_in(hass: HomeAssistant, entry: MockConfigEntry, of: str, other: str) -> None:
    """Have one printer stand in for another."""
    data = entry.runtime_data
    plan = {"printer": f"{entry.entry_id}/{key_of(data, other)}", "minutes": MINUTES}
    plans = entry.options.get("stand_ins", {}) | {key_of(data, of): plan}
    hass.config_entries.async_update_entry(entry, options={"stand_ins": plans})


async def look(hass: HomeAssistant, clock: Clock, entry: MockConfigEntry) -> None:
    """Let the box be polled, a moment after whatever was seen of it before."""
    clock.tick(1)
    await entry.runtime_data.coordinator.async_refresh()
    await rest(hass)


async def submit(hass: HomeAssistant, context: Context | None = None, **data: Any) -> str:
    """Print a page on the laser and return the job's id."""
    data.setdefault("text", "x")
    answer = await ask(hass, "print", context, device_id=device_of(hass), **data)
    await rest(hass)
    return str(answer["jobs"][0]["job_id"])


async def wait(hass: HomeAssistant, clock: Clock, minutes: float) -> None:
    """Let minutes pass."""
    await elapse(hass, clock, minutes * 60, 30)


def job(entry: MockConfigEntry, job_id: str) -> Job:
    """Return a job as it is published."""
    found: Job = entry.runtime_data.queue.get(job_id)
    return found


@pytest.mark.parametrize("fault", ["off", "outOfPaper", "paperJam"])
async def test_a_stand_in_takes_over(
    clock: Clock,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    box: Box,
    fault: str,
) -> None:
    laser = box.printer(1)
    if fault == "off":
        laser.on = False
    else:
        show_state(laser, fault)
    await look(hass, clock, entry)
    job_id = await submit(hass)
    await wait(hass, clock, MINUTES - 1)
    assert job(entry, job_id).state is JobState.HELD
    await wait(hass, clock, 2)
    moved = job(entry, job_id)
    assert (moved.reason, moved.present.detail) == ("moved", INKJET)
    for _ in range(100):
        # The simulated printer takes time of its own.
        if simulator.printed:
            break
        await wait(hass, clock, 1)
        await asyncio.sleep(0.05)
    [document] = simulator.printed
    assert document.options["targetIp"] == box.network_printer().ip
    await tear_down(hass)


async def test_it_moves_once(
    clock: Clock, hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, box: Box
) -> None:
    """A stand-in of the stand-in does not take it on."""
    stand_in(hass, entry, INKJET, OTHER_LASER)
    show_state(box.printer(1), "outOfPaper")
    # Busy with something else for long, so that it can be held there afterwards.
    hass.config_entries.async_update_entry(
        entry, options={**entry.options, "quiet_from": "09:00:00", "quiet_to": "23:00:00"}
    )
    await hass.config.async_set_time_zone("UTC")
    await look(hass, clock, entry)
    job_id = await submit(hass)
    await wait(hass, clock, MINUTES + 1)
    there = job(entry, job_id).moved_to
    assert there is not None
    box.network_printer().on = False
    await look(hass, clock, entry)
    await wait(hass, clock, 2 * MINUTES)
    assert job(entry, there).state is JobState.HELD
    assert job(entry, there).printer_name == INKJET
    assert not simulator.printed
    await tear_down(hass)


@pytest.mark.parametrize(
    "why",
    ["paused", "quiet hours", "stand-in is off", "unreachable", "tray", "person", "back in time"],
)
async def test_what_stays(
    clock: Clock,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    box: Box,
    why: str,
) -> None:
    laser = box.printer(1)
    options = dict(entry.options)
    data: dict[str, Any] = {}
    if why == "quiet hours":
        options |= {"quiet_from": "09:00:00", "quiet_to": "23:00:00"}
        await hass.config.async_set_time_zone("UTC")
    elif why == "paused":
        show_state(laser, "paused")
        laser.paused = True
    else:
        show_state(laser, "outOfPaper")
    if why == "stand-in is off":
        box.network_printer().on = False
    if why == "tray":
        data["tray"] = "纸盒 1"
    if why == "person":
        options |= {"approval_printers": [key_of(entry.runtime_data, LASER)]}
    hass.config_entries.async_update_entry(entry, options=options)
    await look(hass, clock, entry)
    job_id = await submit(hass, **data)
    if why == "unreachable":
        await simulator.stop()
    if why == "back in time":
        await wait(hass, clock, MINUTES - 1)
        hass.config_entries.async_update_entry(
            entry, options=options | {"quiet_from": "09:00:00", "quiet_to": "23:00:00"}
        )
        await hass.config.async_set_time_zone("UTC")
        show_state(laser, "idle")
        await look(hass, clock, entry)
        await wait(hass, clock, 1)
        show_state(laser, "outOfPaper")
        await look(hass, clock, entry)
        await wait(hass, clock, MINUTES - 1)
    else:
        await wait(hass, clock, 2 * MINUTES)
    assert job(entry, job_id).state is JobState.HELD
    assert [one.job_id for one in entry.runtime_data.queue.jobs()] == [job_id]
    assert not simulator.printed
    await tear_down(hass)


async def test_a_user_who_may_not_use_the_stand_in(
    clock: Clock,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    box: Box,
    hass_read_only_user: MockUser,
) -> None:
    control = {"read": True, "control": True}
    hass_read_only_user.mock_policy(
        {CAT_ENTITIES: {"entity_ids": {"sensor.kyocera_ma2000w_gx": control}}}
    )
    show_state(box.printer(1), "outOfPaper")
    await look(hass, clock, entry)
    theirs = await submit(hass, Context(user_id=hass_read_only_user.id))
    ours = await submit(hass)
    await wait(hass, clock, MINUTES + 1)
    assert job(entry, theirs).state is JobState.HELD
    assert job(entry, ours).reason == "moved"
    await tear_down(hass)
