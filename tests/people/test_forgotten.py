"""Who began it is not lost by being busy: memory is shared out by person, and what is forgotten is known to be."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any

from homeassistant.auth.const import GROUP_ID_READ_ONLY
from homeassistant.auth.models import User
from homeassistant.components import conversation
from homeassistant.core import Context, EventOrigin, HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.util import dt as dt_util
from homeassistant.util.ulid import ulid_at_time
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.lianke.jobs.job import Job, JobState
from custom_components.lianke.people import initiator
from tests.clock import until
from tests.household import House
from tests.people.conftest import print_as
from tests.people.steps import (
    FORGOTTEN,
    automation,
    call,
    forget,
    printed,
    set_up,
    state_of,
    to_approve,
    whose,
)

# As many calls as a page of JavaScript makes in two seconds, and more than are remembered of anybody.
MANY = 1_100


@pytest.fixture
async def house(house: House) -> AsyncGenerator[House]:
    pause = {"wait_for_trigger": [{"trigger": "event", "event_type": "go"}]}
    job = printed(house)
    answer = {
        "action": "lianke.continue_job",
        "continue_on_error": True,
        "data": {"job_id": "{{ states('input_text.job') }}"},
    }
    toggle = {"action": "input_boolean.toggle", "target": {"entity_id": "input_boolean.second"}}
    later = {"action": "script.turn_on", "target": {"entity_id": "script.print_later"}}
    when = {
        name: state_of(f"input_boolean.{name}") for name in ("first", "second", "other", "answer")
    }
    on = {name: state_of(f"sensor.{name}", "on") for name in ("button", "plug", "long", "early")}
    sentence = {"trigger": "conversation", "command": "print it soon"}
    await set_up(
        house,
        conversation={},
        input_boolean=dict.fromkeys(when),
        input_text={"job": {"max": 64}},
        script={
            "print_list": {"alias": "Print list", "mode": "parallel", "sequence": [job]},
            "print_later": {"alias": "Print later", "sequence": [pause, job]},
        },
        automation=[
            automation("pauses", when["first"], pause, job),
            automation("pauses on a sentence", sentence, pause, job),
            automation("leads on", when["other"], pause, toggle),
            automation("prints", when["second"], {"action": "script.print_list"}),
            automation("answers", when["answer"], pause, answer),
            automation(
                "by time", {"trigger": "time", "at": "06:30:00"}, printed(house, title="By time")
            ),
            automation("by sensor", on["button"], printed(house, title="By sensor")),
            automation("by device", on["plug"], printed(house, title="By device")),
            automation("lasts", on["long"] | {"for": "01:00:00"}, printed(house, title="Lasts")),
            automation("rests", on["early"], pause, printed(house, title="Rests")),
            automation("is shared", {"trigger": "event", "event_type": "shared"}, later),
            automation("is busy", {"trigger": "event", "event_type": "busy"}),
            automation("is run", {"trigger": "event", "event_type": "never"}, pause, answer),
        ],
    )
    yield house
    await house.hass.services.async_call(
        "automation", "turn_off", {"entity_id": "all"}, blocking=True
    )


async def act(hass: HomeAssistant, user: User | None, count: int = MANY) -> None:
    for _ in range(count):
        await call(hass, user, "homeassistant.update_entity", entity_id="input_boolean.second")


async def toggle(hass: HomeAssistant, user: User, entity: str = "first") -> None:
    await call(hass, user, "input_boolean.toggle", entity_id=f"input_boolean.{entity}")


async def run(hass: HomeAssistant, user: User, name: str = "pauses") -> None:
    data, context = {"entity_id": f"automation.{name}"}, Context(user_id=user.id)
    await hass.services.async_call("automation", "trigger", data, context=context)


async def say(hass: HomeAssistant, user: User) -> None:
    context = Context(user_id=user.id)
    hass.async_create_task(conversation.async_converse(hass, "print it soon", None, context))


WAYS: dict[str, tuple[Callable[[HomeAssistant, User], Awaitable[None]], str]] = {
    "switch": (toggle, "pauses"),
    "two automations": (partial(toggle, entity="other"), "leads_on"),
    "by hand": (run, "pauses"),
    "sentence": (say, "pauses_on_a_sentence"),
}


def runs(house: House, name: str) -> int:
    state = house.hass.states.get(f"automation.{name}")
    assert state is not None
    return int(state.attributes["current"])


async def paused(house: House, name: str = "pauses", count: int = 1) -> None:
    """Wait until so many runs of an automation pause."""
    await until(lambda: runs(house, name) == count)


async def job_of(house: House, count: int = 1) -> Job:
    """End all pauses, wait for so many jobs, and return the newest."""

    def is_there() -> bool:
        house.hass.bus.async_fire("go")
        return len(house.queue.jobs()) >= count

    await until(is_there)
    return house.queue.jobs()[0]


@pytest.mark.parametrize("way", WAYS)
async def test_a_busy_child_prints_no_more_than_before(house: House, anna: User, way: str) -> None:
    """A thousand small calls while an automation pauses made nobody of the child."""
    house.set_options({"approval_users": [anna.id]})
    begin, name = WAYS[way]
    await begin(house.hass, anna)
    await paused(house, name)
    await act(house.hass, anna)
    await job_of(house)
    assert whose(house) == [to_approve(anna)]
    assert not house.sent


@pytest.mark.parametrize("code", [None, "4711"])
async def test_a_busy_child_answers_for_nothing(
    house: House, anna: User, boss: User, code: str | None
) -> None:
    """Neither for an own job that waits for approval, nor for an administrator's that has a code."""
    house.set_options({"approval_users": [anna.id]})
    mine = print_as(house, anna) if code is None else print_as(house, boss, release_code=code)
    job_id = (await mine)["job_id"]
    house.hass.states.async_set("input_text.job", job_id)
    await run(house.hass, anna, "is_run")
    await paused(house, "is_run")
    await act(house.hass, anna)

    def is_over() -> bool:
        house.hass.bus.async_fire("go")
        return not runs(house, "is_run")

    await until(is_over)
    assert house.queue.get(job_id).state is JobState.HELD
    assert not house.sent


async def test_nobody_pushes_out_what_another_began(house: House, anna: User, boss: User) -> None:
    """An approver's automation that pauses prints as the approver's, whatever either does meanwhile."""
    house.set_options({"approval_printers": list(house.data.storage.printers)})
    await toggle(house.hass, boss)
    await paused(house)
    for user in (anna, boss):
        await act(house.hass, user)
    assert (await job_of(house)).spec.asker.user_id == boss.id
    await house.came_out()


async def test_nobody_pushes_out_what_a_sensor_began(house: House, anna: User) -> None:
    """By events that are called like runs of its automation, which begin nothing."""
    hass = house.hass
    house.set_options({"approval_users": [anna.id]})
    hass.states.async_set("sensor.early", "on")
    await paused(house, "rests")
    for _ in range(260):
        data, context = {"entity_id": "automation.rests"}, Context(user_id=anna.id)
        hass.bus.async_fire("automation_triggered", data, EventOrigin.remote, context)
    await act(hass, anna)
    assert (await job_of(house)).waits_for == ()
    await house.came_out()


@pytest.mark.parametrize(
    "future", ["7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "０１２３４５６７８９ABCDEFGHIJKLMNOP"]
)
async def test_ids_that_tell_no_time_forget_nothing_else(
    house: House, anna: User, monkeypatch: pytest.MonkeyPatch, future: str
) -> None:
    """Neither a time to come, nor digits of another script, makes all forgotten that is new."""
    monkeypatch.setattr(initiator, "MAX_CONTEXTS", 1)
    house.set_options({"approval_users": [anna.id]})
    for context_id in (future, None):
        house.hass.bus.async_fire("acted", context=Context(id=context_id, user_id=anna.id))
    # What a sensor or a device has just reported, and nobody has noted.
    context = Context(parent_id=Context().id)
    await house.ask("print", context, device_id=house.device(), text="Hello")
    assert (await job_of(house)).waits_for == ()
    await house.came_out()


@pytest.mark.parametrize("who", ["guest", "gone", "system", "anna"])
async def test_who_may_not_print_is_not_let_by_being_busy(
    house: House, anna: User, boss: User, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    """Where somebody may not use the printer, what is forgotten may have been theirs: it waits."""
    hass, user = house.hass, anna
    monkeypatch.setattr(initiator, "MAX_CONTEXTS", 20)
    monkeypatch.setattr(initiator, "MAX_RUNS", 5)
    if who == "system":
        await hass.auth.async_create_system_user("Content", group_ids=[GROUP_ID_READ_ONLY])
    elif who != "anna":
        user = await hass.auth.async_create_user("Guest", group_ids=[GROUP_ID_READ_ONLY])
    hass.bus.async_fire("shared", context=Context(user_id=user.id))
    await until(lambda: hass.states.is_state("script.print_later", "on"))
    for _ in range(30):
        hass.bus.async_fire("busy", context=Context(user_id=user.id))
    if who == "gone":
        await hass.auth.async_deactivate_user(user)
    job = await job_of(house)
    assert whose(house) == [FORGOTTEN if who == "guest" else (None, True, ())]
    if who == "guest":
        assert not house.sent
        await house.ask("continue_job", Context(user_id=boss.id), job_id=job.job_id)
    await house.came_out()


RULES: dict[str, dict[str, Any]] = {
    "users": {"approval_users": ["somebody"]},
    "codes": {"release_users": ["somebody"]},
    "a source": {"approval_sources": ["assistant"]},
    "a limit": {"monthly_pages": 100, "monthly_users": ["somebody"]},
    "refused beyond": {"monthly_pages": 100, "monthly_beyond": "refused"},
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.usefixtures("hass")
async def test_what_is_forgotten_is_under_every_rule(house: House, rule: str) -> None:
    """From before the first look, or named as nobody names contexts any more: it may have been anybody."""
    house.set_options(RULES[rule])
    for count, parent in enumerate((ulid_at_time(1_700_000_000), "0123456789abcdef"), 1):
        context = Context(parent_id=parent)
        await house.ask("print", context, device_id=house.device(), text="Hello")
        job = await job_of(house, count)
        assert (job.spec.asker.user_id, job.state) == (None, JobState.HELD)
        assert job.asks_for
        with pytest.raises(ServiceValidationError, match="does not remember any more"):
            await house.ask("continue_job", Context(parent_id=parent), job_id=job.job_id)
    assert not house.sent


@pytest.mark.usefixtures("hass")
async def test_without_rules_what_is_forgotten_is_printed(house: House) -> None:
    context = Context(parent_id=ulid_at_time(1_700_000_000))
    await house.ask("print", context, device_id=house.device(), text="Hello")
    await house.came_out()


@pytest.mark.parametrize("night", ["quiet", "busy", "restarted"])
async def test_the_morning_briefing(
    house: House, anna: User, monkeypatch: pytest.MonkeyPatch, night: str
) -> None:
    """Nobody has to approve it, after however busy a night, and after a restart."""
    hass = house.hass
    monkeypatch.setattr(initiator, "MAX_CONTEXTS", 100)
    house.set_options({"approval_users": [anna.id], "monthly_pages": 1, "monthly_users": [anna.id]})
    hass.states.async_set("sensor.early", "on")
    hass.states.async_set("sensor.long", "on")
    await paused(house, "rests")
    if night == "restarted":
        forget(hass)
    elif night == "busy":
        for user in (anna, None):
            await act(hass, user, 1_000)
    hass.states.async_set("sensor.button", "on")
    hass.states.async_set("sensor.plug", "on", context=Context(id="0123456789abcdef"))
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(days=1))
    expected = {"By time", "By sensor", "By device", "Lasts"}
    if night != "restarted":
        expected.add("Rests")
    await until(lambda: len(house.queue.jobs()) >= len(expected) - ("Rests" in expected))
    if "Rests" in expected:
        await job_of(house, len(expected))
    assert {job.spec.title: job.waits_for for job in house.queue.jobs()} == dict.fromkeys(
        expected, ()
    )


async def test_a_sentence_that_is_forgotten(
    house: House, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it sets off has no parent, and is not taken for what a time has set off."""
    monkeypatch.setattr(initiator, "MAX_RUNS", 1)
    house.set_options({"approval_users": [anna.id]})
    for count in (1, 2):
        await say(house.hass, anna)
        await paused(house, "pauses_on_a_sentence", count)
    await job_of(house, 2)
    jobs = house.queue.jobs()
    assert {job.spec.asker.user_id for job in jobs} == {anna.id, None}
    assert [job.current_delivery.hold_reason for job in jobs] == ["approval"] * 2
