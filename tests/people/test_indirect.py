"""What a person sets off is that person's by every detour, and what no person sets off waits for nobody."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from homeassistant.auth.models import User
from homeassistant.components.group.notify import GroupNotifyPlatform
from homeassistant.core import Context, EventOrigin
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.household import House
from tests.people.steps import (
    ENDED,
    NOBODYS,
    NOTE,
    START,
    WRITTEN,
    automation,
    call,
    messages,
    pass_time,
    printed,
    set_up,
    state_of,
    to_approve,
    whose,
)

type Begin = Callable[[House, User], Awaitable[None]]
SWITCHED = {"trigger": "state", "entity_id": "input_boolean.switch"}
PRESSED = {"trigger": "event", "event_type": "pressed"}
NOW = {"name": "seen", "state": "{{ now() }}"}


async def switch(house: House, user: User) -> None:
    await call(house.hass, user, "input_boolean.turn_on", entity_id="input_boolean.switch")
    await house.hass.async_block_till_done()


async def press(house: House, user: User) -> None:
    """Fire an event, as a user's phone does."""
    house.hass.bus.async_fire(
        "pressed", origin=EventOrigin.remote, context=Context(user_id=user.id)
    )
    await house.hass.async_block_till_done()


async def let_it_end(house: House, user: User) -> None:
    await call(house.hass, user, "timer.start", entity_id="timer.tea")
    await pass_time(house.hass, 61, "timer.tea")


async def write(house: House, user: User) -> None:
    await call(house.hass, user, "persistent_notification.create", message="Print it")
    await house.hass.async_block_till_done()


async def switch_and_wait(house: House, user: User) -> None:
    await switch(house, user)
    late = house.hass.states.async_entity_ids("binary_sensor")
    await pass_time(house.hass, 31, *(one for one in late if one == "binary_sensor.late"))


@dataclass(frozen=True)
class Way:
    """A detour: how it begins, what it passes, and what the last automation is triggered by."""

    begin: Begin
    trigger: Any = None
    template: list[dict[str, Any]] = field(default_factory=list)
    # Another automation: its trigger and its action.
    between: tuple[dict[str, Any], dict[str, Any]] | None = None
    # Of the helpers that are made of a number.
    helper: bool = False


WAYS: dict[str, Way] = {
    "a sensor of a timer's end": Way(
        let_it_end, state_of("sensor.seen"), [{"triggers": [ENDED], "sensor": [NOW]}]
    ),
    "the actions of a template at a timer's end": Way(
        let_it_end, None, [{"triggers": [ENDED], "sensor": [NOW]}]
    ),
    "a template on a timer": Way(
        let_it_end,
        state_of("binary_sensor.idle", "on"),
        [{"binary_sensor": [{"name": "idle", "state": "{{ is_state('timer.tea', 'idle') }}"}]}],
    ),
    "a timer's new trigger": Way(
        let_it_end, {"trigger": "timer.finished", "target": {"entity_id": "timer.tea"}}
    ),
    "a state that lasts": Way(
        switch_and_wait, state_of("input_boolean.switch", "on", **{"for": "00:00:30"})
    ),
    "a template that stays true": Way(
        switch_and_wait,
        {
            "trigger": "template",
            "value_template": "{{ is_state('input_boolean.switch', 'on') }}",
            "for": "00:00:30",
        },
    ),
    "a note": Way(write, WRITTEN),
    "a note of an automation by a switch": Way(switch, WRITTEN, between=(SWITCHED, NOTE)),
    "a note of an automation by an event": Way(press, WRITTEN, between=(PRESSED, NOTE)),
    "the actions of a template on a note": Way(
        write, None, [{"triggers": [WRITTEN], "sensor": [NOW]}]
    ),
    "a sensor of a note": Way(
        write, state_of("sensor.seen"), [{"triggers": [WRITTEN], "sensor": [NOW]}]
    ),
    "the largest number": Way(switch, state_of("sensor.largest"), helper=True),
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_detour_leads_to_whoever_took_it(
    house: House, anna: User, boss: User, way: str
) -> None:
    """Anna's prints have to be approved, and this one was printed as nobody's."""
    taken = WAYS[way]
    template = [dict(one) for one in taken.template]
    automations = []
    if taken.trigger is None:
        template[0]["actions"] = [printed(house)]
    else:
        automations.append(automation("prints", taken.trigger, printed(house)))
    if taken.between:
        trigger, action = taken.between
        automations.append(automation("between", trigger, action))
    if taken.helper:
        number = {"entity_id": "input_number.given", "value": 99}
        given = {"action": "input_number.set_value", "data": number}
        automations.append(automation("between", SWITCHED, given))
    await set_up(
        house,
        persistent_notification={},
        input_boolean={"switch": {}},
        input_number={"given": {"min": 0, "max": 100, "initial": 1}},
        timer={"tea": {"duration": 60}},
    )
    if taken.helper:
        options = {"entity_ids": ["input_number.given"], "type": "max", "name": "largest"}
        entry = MockConfigEntry(
            domain="min_max", title="largest", options=options | {"round_digits": 2}
        )
        entry.add_to_hass(house.hass)
        assert await house.hass.config_entries.async_setup(entry.entry_id)
    await set_up(house, template=template, automation=automations)
    house.set_options({"approval_users": [anna.id], "approvers": [boss.id]})
    await taken.begin(house, anna)
    assert whose(house) == [to_approve(anna)]
    assert not house.sent


async def test_an_old_notify_group_prints_for_whoever_sends(
    house: House, anna: User, boss: User
) -> None:
    """It calls the notify actions of its members without saying for whom."""
    hass = house.hass
    printer = {"action": "send_message", "data": {"entity_id": messages(house)}}
    group = GroupNotifyPlatform(hass, [printer])
    await group.async_setup(hass, "family", "family")
    await group.async_register_services()
    house.set_options({"approval_users": [anna.id], "approvers": [boss.id]})
    await call(hass, anna, "notify.family", message="Hello")
    await hass.async_block_till_done()
    assert whose(house) == [to_approve(anna)]


@pytest.mark.parametrize("data", [{}, {"entity_id": 5}, {"entity_id": "timer.tea"}])
async def test_a_phone_that_speaks_of_timers_sets_none_going(
    house: House, anna: User, boss: User, caplog: pytest.LogCaptureFixture, data: dict[str, Any]
) -> None:
    """Its app fires events of any name: the doorbell's timer became Anna's, or the trail stumbled."""
    hass = house.hass
    await set_up(
        house,
        timer={"tea": {"duration": 60}},
        automation=[
            automation("prints", ENDED, printed(house)),
            automation("starts", {"trigger": "event", "event_type": "bell"}, START),
        ],
    )
    house.set_options({"approval_users": [anna.id], "approvers": [boss.id]})
    hass.bus.async_fire("bell")
    await hass.async_block_till_done()
    for name in ("state_changed", "timer.started"):
        by_phone = Context(user_id=anna.id)
        hass.bus.async_fire(name, data, EventOrigin.remote, by_phone)
    await hass.async_block_till_done()
    await pass_time(hass, 61, "timer.tea")
    assert whose(house) == [NOBODYS]
    assert "Error running job" not in caplog.text
