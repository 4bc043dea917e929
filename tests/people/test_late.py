"""What tells late of what a person has changed is that person's, and what the clock or a poll changes is nobody's."""

from datetime import timedelta
from itertools import count
import logging
from typing import Any, override

from homeassistant.auth.models import User
from homeassistant.components.switch import SwitchEntity
from homeassistant.helpers.update_coordinator import CoordinatorEntity, DataUpdateCoordinator
from homeassistant.util import dt as dt_util
import pytest

from tests.clock import Clock, elapse, rest
from tests.documents.entities import add
from tests.household import House
from tests.people.steps import (
    NOBODYS,
    automation,
    call,
    printed,
    set_up,
    state_of,
    to_approve,
    whose,
)

SWITCH = "input_boolean.switch"


class Plug(CoordinatorEntity[DataUpdateCoordinator[dict[str, Any]]], SwitchEntity):
    """A plug that is asked each minute, and once it was switched."""

    _attr_should_poll = False
    entity_id = "switch.plug"

    def __init__(self, coordinator: DataUpdateCoordinator[dict[str, Any]]) -> None:
        super().__init__(coordinator)
        self.turned_on = False

    @property
    @override
    def is_on(self) -> bool:
        return bool(self.coordinator.data["on"])

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        return {"power": self.coordinator.data["power"]}

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        self.turned_on = True
        await self.coordinator.async_request_refresh()


async def watched(house: House, sensor: dict[str, Any], anna: User, boss: User) -> None:
    """Print as soon as a template sensor says so."""
    await set_up(
        house,
        input_boolean={"switch": {}},
        template=[{"binary_sensor": [{"name": "late", **sensor}]}],
        automation=[automation("prints", state_of("binary_sensor.late", "on"), printed(house))],
    )
    house.set_options({"approval_users": [anna.id], "approvers": [boss.id]})


@pytest.mark.parametrize("delay", [30, 90, 300])
async def test_a_switch_of_which_something_tells_late(
    clock: Clock, house: House, anna: User, boss: User, delay: int
) -> None:
    sensor = {"state": f"{{{{ is_state('{SWITCH}', 'on') }}}}", "delay_on": {"seconds": delay}}
    await rest(house.hass)
    await watched(house, sensor, anna, boss)
    await house.hass.async_create_task(
        call(house.hass, anna, "input_boolean.turn_on", entity_id=SWITCH)
    )
    await elapse(house.hass, clock, delay + 20, 5)
    assert whose(house) == [to_approve(anna)]


@pytest.mark.parametrize("delay", [30, 90, 300])
async def test_a_polled_plug_of_which_something_tells_late(
    clock: Clock, house: House, anna: User, boss: User, delay: int
) -> None:
    """The poll was scheduled in her call as well, and made nobody's what came after it."""
    hass = house.hass
    await rest(hass)
    plugs: list[Plug] = []

    power = count()

    async def ask() -> dict[str, Any]:
        return {"on": bool(plugs and plugs[0].turned_on), "power": next(power)}

    coordinator = DataUpdateCoordinator[dict[str, Any]](
        hass,
        logging.getLogger(__name__),
        config_entry=None,
        name="plug",
        update_method=ask,
        update_interval=timedelta(minutes=1),
    )
    await coordinator.async_refresh()
    plugs.append(Plug(coordinator))
    await add(hass, "switch", plugs)
    sensor = {"state": "{{ is_state('switch.plug', 'on') }}", "delay_on": {"seconds": delay}}
    await watched(house, sensor, anna, boss)
    await hass.async_create_task(call(hass, anna, "switch.turn_on", entity_id="switch.plug"))
    await elapse(hass, clock, delay + 60, 5)
    await coordinator.async_shutdown()
    assert whose(house) == [to_approve(anna)]


# Its look at the clock goes on when the test is over.
@pytest.mark.parametrize("expected_lingering_timers", [True])
@pytest.mark.parametrize("delay", [{}, {"delay_on": {"seconds": 30}}])
async def test_a_template_by_the_clock_is_nobodys(
    clock: Clock, house: House, anna: User, boss: User, delay: dict[str, Any]
) -> None:
    """Though she had switched something that it looks at first half an hour before."""
    hass = house.hass
    await rest(hass)
    at = f"{dt_util.now() + timedelta(minutes=30):%H:%M}"
    state = f"{{{{ is_state('{SWITCH}', 'on') and now() >= today_at('{at}') }}}}"
    await watched(house, {"state": state, **delay}, anna, boss)
    await hass.async_create_task(call(hass, anna, "input_boolean.turn_on", entity_id=SWITCH))
    await elapse(hass, clock, 34 * 60, 30)
    assert whose(house) == [NOBODYS]


SWITCHED_ON = f"{{{{ is_state('{SWITCH}', 'on') }}}}"
TEMPLATES: dict[str, list[dict[str, Any]]] = {
    "one after the other": [
        {
            "binary_sensor": [
                {"name": "first", "state": SWITCHED_ON, "delay_on": "00:00:30"},
                {
                    "name": "late",
                    "state": "{{ is_state('binary_sensor.first', 'on') }}",
                    "delay_on": "00:01:00",
                },
            ]
        }
    ],
    "by a trigger, its delay a template": [
        {
            "triggers": [{"trigger": "state", "entity_id": SWITCH}],
            "binary_sensor": [{"name": "late", "state": SWITCHED_ON, "delay_on": "{{ 30 }}"}],
        }
    ],
    "by a trigger, its delay a text": [
        {
            "triggers": [{"trigger": "state", "entity_id": SWITCH}],
            "binary_sensor": [
                {"name": "late", "state": SWITCHED_ON, "delay_on": "{{ '00:00:30' }}"}
            ],
        }
    ],
    "by a trigger, its delay a mapping": [
        {
            "triggers": [{"trigger": "state", "entity_id": SWITCH}],
            "binary_sensor": [
                {"name": "late", "state": SWITCHED_ON, "delay_on": "{{ {'seconds': 30} }}"}
            ],
        }
    ],
    "off by itself": [
        {
            "triggers": [{"trigger": "state", "entity_id": SWITCH, "to": "on"}],
            "binary_sensor": [{"name": "late", "state": "{{ true }}", "auto_off": "00:00:30"}],
        }
    ],
    "off by itself, after what a template says": [
        {
            "triggers": [{"trigger": "state", "entity_id": SWITCH, "to": "on"}],
            "binary_sensor": [{"name": "late", "state": "{{ true }}", "auto_off": "{{ 30 }}"}],
        }
    ],
    "after many others": [
        {
            "binary_sensor": [
                *(
                    {"name": f"other {number}", "state": SWITCHED_ON, "delay_on": "00:00:10"}
                    for number in range(25)
                ),
                {"name": "late", "state": SWITCHED_ON, "delay_on": "00:01:00"},
            ]
        }
    ],
    "of a timer that she starts": [
        {
            "binary_sensor": [
                {
                    "name": "late",
                    "state": "{{ is_state('timer.tea', 'idle') }}",
                    "delay_on": "00:00:30",
                }
            ]
        }
    ],
}


@pytest.mark.parametrize("kind", TEMPLATES)
async def test_sensors_that_are_late_of_each_other(
    clock: Clock, house: House, anna: User, boss: User, kind: str
) -> None:
    hass = house.hass
    await rest(hass)
    turns_on = state_of("binary_sensor.late", "off" if "off" in kind else "on")
    if "timer" in kind:
        # It is on from the start, where the timer is idle.
        turns_on["from"] = "off"
    await set_up(
        house,
        input_boolean={"switch": {}},
        timer={"tea": {"duration": 60}},
        template=TEMPLATES[kind],
        automation=[automation("prints", turns_on, printed(house))],
    )
    house.set_options({"approval_users": [anna.id], "approvers": [boss.id]})
    await elapse(hass, clock, 40, 5)
    what = ("timer.start", "timer.tea") if "timer" in kind else ("input_boolean.turn_on", SWITCH)
    await hass.async_create_task(call(hass, anna, what[0], entity_id=what[1]))
    await elapse(hass, clock, 120, 5)
    assert whose(house) == [to_approve(anna)]
