"""What no person sets off waits for nobody, whatever people did before: morning briefings come out."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
import logging
from typing import Any, override

from homeassistant.auth.const import GROUP_ID_READ_ONLY
from homeassistant.auth.models import User
from homeassistant.components.calendar import CalendarEvent
from homeassistant.components.sensor import SensorEntity
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState
from homeassistant.helpers.update_coordinator import CoordinatorEntity, DataUpdateCoordinator
from homeassistant.util import dt as dt_util
import pytest

from tests.clock import Clock, elapse, rest
from tests.documents.entities import Family, add
from tests.household import House
from tests.people.steps import (
    ENDED,
    NOTE,
    START,
    WRITTEN,
    automation,
    call,
    printed,
    set_up,
    state_of,
)

type Happen = Callable[[House, Clock], Awaitable[None]]


class Machine(CoordinatorEntity[DataUpdateCoordinator[str]], SensorEntity):
    """A washing machine that is asked each minute."""

    _attr_should_poll = False

    def __init__(self, coordinator: DataUpdateCoordinator[str]) -> None:
        super().__init__(coordinator)
        self.entity_id = "sensor.machine"

    @property
    @override
    def native_value(self) -> str:
        return self.coordinator.data


class Laundry:
    """The washing machine, and a message of it that comes by itself."""

    def __init__(self, house: House) -> None:
        self.says = "busy"

        async def ask() -> str:
            return self.says

        self.coordinator = DataUpdateCoordinator[str](
            house.hass,
            logging.getLogger(__name__),
            config_entry=None,
            name="laundry",
            update_method=ask,
            update_interval=timedelta(minutes=1),
        )


async def minutes(house: House, clock: Clock, count: int = 6) -> None:
    await elapse(house.hass, clock, count * 60, 30)


async def ring(house: House, clock: Clock) -> None:
    house.hass.states.async_set("binary_sensor.bell", "on")
    await rest(house.hass)


async def ring_and_wait(house: House, clock: Clock) -> None:
    await ring(house, clock)
    await minutes(house, clock)


async def speak(house: House, clock: Clock) -> None:
    house.hass.bus.async_fire("bell", {"entity_id": "binary_sensor.bell"})
    await rest(house.hass)


async def start(house: House, clock: Clock) -> None:
    house.hass.set_state(CoreState.running)
    house.hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await rest(house.hass)


def at(**later: int) -> str:
    return f"{dt_util.now() + timedelta(**later):%H:%M:%S}"


BELL = state_of("binary_sensor.bell", "on")
LATE = {
    "name": "late",
    "state": "{{ is_state('binary_sensor.bell', 'on') }}",
    "delay_on": "00:01:00",
}
DONE = {"name": "done", "state": "{{ is_state('sensor.machine', 'done') }}", "delay_on": "00:01:00"}
# By what it is triggered, what happens, and what leads from that to the trigger.
WAYS: dict[str, tuple[Any, Happen, dict[str, Any]]] = {
    "a time": (lambda: {"trigger": "time", "at": at(minutes=3)}, minutes, {}),
    "each hour": ({"trigger": "time_pattern", "minutes": "3"}, minutes, {}),
    "sunset": (
        {"trigger": "sun", "event": "sunset"},
        lambda house, clock: elapse(house.hass, clock, 24 * 3600, 3600),
        {},
    ),
    "a sensor": (BELL, ring, {}),
    "a state that lasts": (BELL | {"for": "00:02:00"}, ring_and_wait, {}),
    "a template": (
        {"trigger": "template", "value_template": "{{ is_state('binary_sensor.bell', 'on') }}"},
        ring,
        {},
    ),
    "a device": ({"trigger": "event", "event_type": "bell"}, speak, {}),
    "a sensor that is late": (
        state_of("binary_sensor.late", "on"),
        ring_and_wait,
        {"template": [{"binary_sensor": [LATE]}]},
    ),
    "a machine that is asked": (state_of("sensor.machine", "done"), minutes, {}),
    "a sensor of that": (
        state_of("binary_sensor.done", "on"),
        minutes,
        {"template": [{"binary_sensor": [DONE]}]},
    ),
    "a calendar": (
        {"trigger": "calendar", "event": "start", "entity_id": "calendar.family"},
        lambda house, clock: minutes(house, clock, 40),
        {},
    ),
    "a schedule": (
        state_of("schedule.morning", "on"),
        minutes,
        {
            "schedule": lambda: {
                "morning": {
                    "name": "Morning",
                    f"{dt_util.now():%A}".lower(): [{"from": at(minutes=2), "to": at(hours=1)}],
                }
            }
        },
    ),
    "a timer of the doorbell": (ENDED, ring_and_wait, {"between": (BELL, START)}),
    "a timer of a time": (
        {"trigger": "timer.finished", "target": {"entity_id": "timer.tea"}},
        minutes,
        {"between": ({"trigger": "time_pattern", "minutes": "/3"}, START)},
    ),
    "a note of the doorbell": (WRITTEN, ring, {"between": (BELL, NOTE)}),
    "Home Assistant's start": ({"trigger": "homeassistant", "event": "start"}, start, {}),
}


@pytest.fixture
def expected_lingering_timers() -> bool:
    return True


@pytest.mark.parametrize("way", WAYS)
async def test_what_no_person_sets_off_is_printed(
    clock: Clock, house: House, anna: User, boss: User, way: str
) -> None:
    """Though rules are set, a guest lives here, and Anna has just been busy with all of it."""
    hass = house.hass
    await rest(hass)
    trigger, happen, more = WAYS[way]
    laundry = Laundry(house)
    await laundry.coordinator.async_refresh()
    await add(hass, "sensor", [Machine(laundry.coordinator)])
    begins = dt_util.now() + timedelta(minutes=20)
    appointment = CalendarEvent(begins, begins + timedelta(hours=1), "Dentist")
    await add(hass, "calendar", [Family([appointment])])
    hass.states.async_set("binary_sensor.bell", "off")
    config: dict[str, Any] = {
        name: settings() if callable(settings) else settings
        for name, settings in more.items()
        if name != "between"
    }
    automations = [
        automation("prints", trigger() if callable(trigger) else trigger, printed(house))
    ]
    if "between" in more:
        automations.append(automation("between", *more["between"]))
    if way == "Home Assistant's start":
        hass.set_state(CoreState.starting)
    await set_up(
        house,
        persistent_notification={},
        input_boolean={"switch": {}},
        timer={"tea": {"duration": 60}},
        **config,
        automation=automations,
    )
    await hass.auth.async_create_user("Guest", group_ids=[GROUP_ID_READ_ONLY])
    house.set_options(
        {
            "approval_users": [anna.id],
            "approvers": [boss.id],
            "monthly_pages": 1,
            "monthly_users": [anna.id],
            "monthly_beyond": "refused",
            "release_users": [anna.id],
        }
    )

    async def be_busy() -> None:
        for action in ("turn_off", "turn_on"):
            await call(hass, anna, f"automation.{action}", entity_id="all")
        await call(hass, anna, "homeassistant.update_entity", entity_id="sensor.machine")
        await call(hass, anna, "input_boolean.toggle", entity_id="input_boolean.switch")

    # In a task of its own, as each command of a connection has one.
    await hass.async_create_task(be_busy())
    await elapse(hass, clock, 20, 10)
    assert not house.queue.jobs()
    laundry.says = "done"
    await happen(house, clock)
    await elapse(hass, clock, 30, 10)
    jobs = house.queue.jobs()
    assert jobs
    assert {(job.spec.asker.user_id, job.spec.forgotten, job.waits_for) for job in jobs} == {
        (None, False, ())
    }
    assert house.printed
    await hass.services.async_call("automation", "turn_off", {"entity_id": "all"}, blocking=True)
    await laundry.coordinator.async_shutdown()
