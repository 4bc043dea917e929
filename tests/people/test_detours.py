"""Who asked by a detour on which Home Assistant loses whoever it was: a timer that ends, a note in the sidebar."""

from datetime import timedelta
from typing import Any

from homeassistant.auth.models import User
from homeassistant.components import persistent_notification
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity
from homeassistant.helpers.entity_component import DATA_INSTANCES
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.lianke.people import initiator
from custom_components.lianke.people.initiator import async_get_context_history
from tests.household import House
from tests.people.steps import (
    ENDED,
    FORGOTTEN,
    NOBODYS,
    START,
    automation,
    call,
    forget,
    pass_time,
    printed,
    set_up,
    state_of,
    to_approve,
    whose,
)


@pytest.fixture(autouse=True)
def rules(house: House, anna: User, boss: User) -> None:
    house.set_options({"approval_users": [anna.id], "approvers": [boss.id]})


TRIGGERS: dict[str, dict[str, Any]] = {
    "event": ENDED,
    "state": state_of("timer.tea", "idle"),
    "template": {"trigger": "template", "value_template": "{{ is_state('timer.tea', 'idle') }}"},
}


async def detour(house: House, trigger: Any, *more: Any) -> None:
    """Set up timers, and an automation that prints on a trigger and does more; Anna's jobs have to be approved."""
    await set_up(
        house,
        persistent_notification={},
        timer={"tea": {"duration": 60}, "other": {"duration": 60}},
        automation=[
            automation("prints", trigger, printed(house), *more),
            automation("starts", {"trigger": "event", "event_type": "bell"}, START),
        ],
    )


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
    await call(hass, boss, "timer.start", entity_id="timer.tea")
    await call(hass, anna, "timer.start", entity_id="timer.tea")
    await runs_out(hass, monkeypatch)
    assert whose(house) == [to_approve(anna)]
    await call(hass, boss, "timer.start", entity_id="timer.tea")
    await runs_out(hass, monkeypatch)
    assert [job.spec.asker.user_id for job in house.queue.jobs()] == [boss.id, anna.id]
    # A doorbell's is nobody's, though Anna has set it going before.
    hass.bus.async_fire("bell")
    await hass.async_block_till_done()
    await runs_out(hass, monkeypatch)
    assert whose(house)[0] == NOBODYS
    assert len(house.queue.jobs()) == 3


async def test_few_timers_are_kept(
    house: House, anna: User, boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who set one going that is not remembered is forgotten, and nobody's is not meant by that."""
    hass = house.hass
    monkeypatch.setattr(initiator, "MAX_TIMERS", 1)
    await detour(house, TRIGGERS["event"] | {"event_data": {"entity_id": "timer.tea"}})
    await call(hass, anna, "timer.start", entity_id="timer.tea")
    await call(hass, boss, "timer.start", entity_id="timer.other")
    await runs_out(hass, monkeypatch)
    assert whose(house) == [FORGOTTEN]


async def test_a_note_in_the_sidebar_may_be_anybodys(house: House, anna: User, boss: User) -> None:
    """Home Assistant writes one of a failed login, which a stranger needs no right for."""
    await detour(house, {"trigger": "persistent_notification", "update_type": "added"})
    persistent_notification.async_create(house.hass, "Login attempt failed")
    await house.hass.async_block_till_done()
    [job] = house.queue.jobs()
    assert (job.spec.forgotten, job.waits_for) == (True, ("approval",))
    # Without rules it is printed.
    house.set_options({})
    persistent_notification.async_create(house.hass, "Login attempt failed")
    await house.came_out()


async def restarts(house: House) -> None:
    """Let Home Assistant restart, as far as this is concerned: what is remembered is on disk or forgotten."""
    hass = house.hass
    await pass_time(hass, 2)
    forget(hass)
    await async_get_context_history(hass).timers.async_load()


async def test_a_timer_that_goes_on_over_a_restart(house: House, anna: User, boss: User) -> None:
    """It is whose it was; one that the doorbell has begun prints unasked, however often it sets itself going again."""
    hass = house.hass
    await detour(house, TRIGGERS["event"], START)
    await call(hass, anna, "timer.start", entity_id="timer.tea")
    await restarts(house)
    for count in (1, 2):
        await pass_time(hass, 61, "timer.tea")
        assert whose(house) == [to_approve(anna)] * count
    hass.bus.async_fire("bell")
    await hass.async_block_till_done()
    await restarts(house)
    for count in (3, 4, 5):
        await pass_time(hass, 61, "timer.tea")
        assert whose(house)[0] == NOBODYS
        assert len(house.queue.jobs()) == count
    await call(hass, anna, "timer.cancel", entity_id="timer.tea")


async def test_a_timer_from_before_anything_was_kept_is_nobodys(
    house: House, anna: User, hass_storage: dict[str, Any]
) -> None:
    """Also after one more restart, before which another timer was kept: it was forgotten then, for ever."""
    hass = house.hass
    await detour(house, TRIGGERS["event"], START)
    hass.bus.async_fire("bell")
    await pass_time(hass, 2)
    hass_storage.pop("lianke_timers", None)
    forget(hass)
    await async_get_context_history(hass).async_load()
    async_get_context_history(hass).timers.set(
        "timer.other", {"user_id": anna.id, "forgotten": False}
    )
    await restarts(house)
    for _ in range(2):
        await pass_time(hass, 61, "timer.tea")
        assert whose(house)[0] == NOBODYS
    await call(hass, anna, "timer.cancel", entity_id="timer.tea")


async def test_what_nobody_can_read_of_a_timer_is_forgotten(
    house: House, anna: User, hass_storage: dict[str, Any]
) -> None:
    """It may have been Anna's."""
    hass = house.hass
    await detour(house, TRIGGERS["event"])
    await call(hass, anna, "timer.start", entity_id="timer.tea")
    await pass_time(hass, 2)
    assert hass_storage["lianke_timers"]["data"]["timer.tea"]["user_id"] == anna.id
    hass_storage["lianke_timers"]["data"]["timer.tea"] = [4711]
    await restarts(house)
    await pass_time(hass, 61, "timer.tea")
    assert whose(house) == [FORGOTTEN]


async def test_a_timer_that_is_there_again_is_whose_it_was(
    house: House, anna: User, boss: User
) -> None:
    """Home Assistant writes that it is unavailable, and that it runs, for nobody."""
    hass = house.hass
    await detour(house, TRIGGERS["event"])
    await call(hass, anna, "timer.start", entity_id="timer.tea")
    timer = hass.data[DATA_INSTANCES]["timer"].get_entity("timer.tea")
    assert timer is not None
    timer._context = None
    hass.states.async_set("timer.tea", "unavailable", {"restored": True})
    timer.async_write_ha_state()
    await hass.async_block_till_done()
    await pass_time(hass, 61, "timer.tea")
    assert whose(house) == [to_approve(anna)]


async def test_who_set_timers_going_goes_with_the_last_box(
    house: House, anna: User, hass_storage: dict[str, Any]
) -> None:
    await detour(house, TRIGGERS["event"])
    await call(house.hass, anna, "timer.start", entity_id="timer.tea")
    await pass_time(house.hass, 2)
    assert "lianke_timers" in hass_storage
    await call(house.hass, anna, "timer.cancel", entity_id="timer.tea")
    await house.hass.config_entries.async_remove(house.entry.entry_id)
    await pass_time(house.hass, 2)
    assert "lianke_timers" not in hass_storage
