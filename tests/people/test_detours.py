"""Who asked by a detour on which Home Assistant loses whoever it was: a timer that ends, a note in the sidebar."""

from datetime import timedelta
from typing import Any

from homeassistant.auth.models import User
from homeassistant.components import persistent_notification
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import entity
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.lianke.people import beginning
from tests.household import House

TRIGGERS: dict[str, dict[str, Any]] = {
    "event": {"trigger": "event", "event_type": "timer.finished"},
    "state": {"trigger": "state", "entity_id": "timer.tea", "to": "idle"},
    "template": {"trigger": "template", "value_template": "{{ is_state('timer.tea', 'idle') }}"},
}


async def detour(house: House, trigger: Any) -> None:
    """Set up timers, and an automation that prints on a trigger; Anna's jobs have to be approved."""
    job = {"action": "lianke.print", "data": {"device_id": house.device(), "text": "Hello"}}
    start = {"action": "timer.start", "target": {"entity_id": "timer.tea"}}
    bell = {"trigger": "event", "event_type": "bell"}
    config: dict[str, Any] = {
        "homeassistant": {},
        "persistent_notification": {},
        "timer": {"tea": {"duration": 60}, "other": {"duration": 60}},
        "automation": [
            {"alias": "prints", "triggers": [trigger], "actions": [job]},
            {"alias": "starts", "triggers": [bell], "actions": [start]},
        ],
    }
    for component, settings in config.items():
        assert await async_setup_component(house.hass, component, {component: settings})
    await house.hass.async_block_till_done()


async def call(hass: HomeAssistant, user: User, action: str, **data: Any) -> None:
    """Call an action as a user."""
    domain, name = action.split(".")
    context = Context(user_id=user.id)
    await hass.services.async_call(domain, name, data, blocking=True, context=context)


async def runs_out(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let timers end, so late that entities have dropped the context of the call."""
    with monkeypatch.context() as patch:
        patch.setattr(entity, "CONTEXT_RECENT_TIME_SECONDS", -1)
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=61))
        await hass.async_block_till_done()


@pytest.mark.parametrize("way", TRIGGERS)
async def test_a_timer_ends_for_whoever_set_it_going_last(
    house: House, anna: User, boss: User, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Anna started a timer, and what it set off was printed as nobody's."""
    hass = house.hass
    await detour(house, TRIGGERS[way])
    house.set_options({"approval_users": [anna.id], "approvers": [boss.id]})
    await call(hass, boss, "timer.start", entity_id="timer.tea")
    await call(hass, anna, "timer.start", entity_id="timer.tea")
    await runs_out(hass, monkeypatch)
    assert [(job.user_id, job.waits_for) for job in house.queue.jobs()] == [
        (anna.id, ("approval",))
    ]
    await call(hass, boss, "timer.start", entity_id="timer.tea")
    await runs_out(hass, monkeypatch)
    assert [job.user_id for job in house.queue.jobs()] == [boss.id, anna.id]
    # A doorbell's is nobody's, though Anna has set it going before.
    hass.bus.async_fire("bell")
    await hass.async_block_till_done()
    await runs_out(hass, monkeypatch)
    newest = house.queue.jobs()[0]
    assert (newest.user_id, newest.spec.forgotten, newest.waits_for) == (None, False, ())
    assert len(house.queue.jobs()) == 3


async def test_few_timers_are_kept(
    house: House, anna: User, boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who set one going that is not remembered is forgotten, and nobody's is not meant by that."""
    hass = house.hass
    monkeypatch.setattr(beginning, "MAX_TIMERS", 1)
    await detour(house, TRIGGERS["event"] | {"event_data": {"entity_id": "timer.tea"}})
    house.set_options({"approval_users": [anna.id], "approvers": [boss.id]})
    await call(hass, anna, "timer.start", entity_id="timer.tea")
    await call(hass, boss, "timer.start", entity_id="timer.other")
    await runs_out(hass, monkeypatch)
    [job] = house.queue.jobs()
    assert (job.user_id, job.spec.forgotten, job.waits_for) == (None, True, ("approval",))


async def test_a_note_in_the_sidebar_may_be_anybodys(house: House, anna: User, boss: User) -> None:
    """Home Assistant writes one of a failed login, which a stranger needs no right for."""
    await detour(house, {"trigger": "persistent_notification", "update_type": "added"})
    house.set_options({"approval_users": [anna.id], "approvers": [boss.id]})
    persistent_notification.async_create(house.hass, "Login attempt failed")
    await house.hass.async_block_till_done()
    [job] = house.queue.jobs()
    assert (job.spec.forgotten, job.waits_for) == (True, ("approval",))
    # Without rules it is printed.
    house.set_options({})
    persistent_notification.async_create(house.hass, "Login attempt failed")
    await house.came_out()
