"""Who asked is who began: the same person by every way that leads to a print, and to an answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from homeassistant.auth.const import GROUP_ID_ADMIN, GROUP_ID_USER
from homeassistant.auth.models import User
from homeassistant.components import conversation
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.core import Context, HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.lianke.jobs.job import Job, JobState
from custom_components.lianke.people import beginning
from custom_components.lianke.people.beginning import async_find_beginning, async_get_trail
from tests.clock import until
from tests.household import ask, came_out, data_of, device_of, sent
from tests.simulator import Simulator

PRINT = "script.print_list"
TAG = "at-the-desk"


@pytest.fixture
async def boss(hass: HomeAssistant) -> User:
    """Return an administrator."""
    return await hass.auth.async_create_user("Boss", group_ids=[GROUP_ID_ADMIN])


@pytest.fixture
async def child(hass: HomeAssistant, boss: User) -> User:
    """Return a user who is no administrator; the first one of a house is one."""
    return await hass.auth.async_create_user("Child", group_ids=[GROUP_ID_USER])


def automation(name: str, triggers: Any, *actions: Any) -> dict[str, Any]:
    """Return an automation's configuration."""
    return {"alias": name, "triggers": triggers, "actions": list(actions), "mode": "parallel"}


@pytest.fixture
async def house(hass: HomeAssistant, setup: MockConfigEntry) -> MockConfigEntry:
    """Set up what may lead to a print: most ways take a script in between."""
    job = {"action": "lianke.print", "data": {"device_id": device_of(hass), "text": "Hello"}}
    via_script = {"action": PRINT}
    toggle = {"action": "input_boolean.toggle", "target": {"entity_id": "input_boolean.second"}}
    answer = {
        "action": "lianke.continue_job",
        "continue_on_error": True,
        "data": {"job_id": "{{ states('input_text.job') }}"},
    }
    states = [{"trigger": "state", "entity_id": "input_boolean.first"}]
    config: dict[str, Any] = {
        "homeassistant": {},
        "conversation": {},
        "input_boolean": {"first": None, "second": None},
        "input_button": {"print": None},
        "input_text": {"job": {"max": 64}},
        "script": {
            "print_list": {"alias": "Print list", "mode": "parallel", "sequence": [job]},
            "answer": {"alias": "Answer", "mode": "parallel", "sequence": [answer]},
            "approve_all": {
                "sequence": [
                    {"action": "automation.trigger", "target": {"entity_id": "automation.answer"}}
                ]
            },
        },
        "automation": [
            automation("direct", {"trigger": "event", "event_type": "never"}, job),
            automation(
                "button", {"trigger": "state", "entity_id": "input_button.print"}, via_script
            ),
            automation("first", states, toggle),
            automation(
                "second", {"trigger": "state", "entity_id": "input_boolean.second"}, via_script
            ),
            automation("tag", {"trigger": "tag", "tag_id": TAG}, via_script),
            automation(
                "phone",
                {"trigger": "event", "event_type": "mobile_app_notification_action"},
                via_script,
            ),
            automation("own", {"trigger": "event", "event_type": "own"}, via_script),
            automation(
                "sentence", {"trigger": "conversation", "command": "print the list"}, via_script
            ),
            automation(
                "answer", {"trigger": "event", "event_type": "allow"}, {"action": "script.answer"}
            ),
            automation(
                "spoken answer",
                {"trigger": "conversation", "command": "let it print"},
                {"action": "script.answer"},
            ),
        ],
    }
    for component, settings in config.items():
        assert await async_setup_component(hass, component, {component: settings})
    await hass.async_block_till_done()
    for script in (PRINT, "script.answer"):
        async_expose_entity(hass, conversation.DOMAIN, script, True)
    return setup


def service(domain: str, name: str, entity_id: str) -> Callable[..., Awaitable[Any]]:
    """Return a way that begins with an action on an entity."""

    async def call(hass: HomeAssistant, context: Context) -> None:
        data = {"entity_id": entity_id}
        await hass.services.async_call(domain, name, data, blocking=True, context=context)

    return call


def event(name: str, **data: str) -> Callable[..., Awaitable[Any]]:
    """Return a way that begins with an event, as phones and the API fire them."""

    async def fire(hass: HomeAssistant, context: Context) -> None:
        hass.bus.async_fire(name, data, context=context)

    return fire


def says(sentence: str) -> Callable[..., Awaitable[Any]]:
    """Return a way that begins with a sentence to Home Assistant's own assistant."""

    async def say(hass: HomeAssistant, context: Context) -> None:
        await conversation.async_converse(hass, sentence, None, context)

    return say


async def direct(hass: HomeAssistant, context: Context) -> None:
    """Print by the action itself."""
    await ask(hass, "print", context, device_id=device_of(hass), text="Hello")


# Each with what it counts as, by a person and by nobody.
WAYS: dict[str, tuple[Callable[..., Awaitable[Any]], str, str]] = {
    "action": (direct, "user", "automation"),
    "script": (service("script", "turn_on", PRINT), "user", "automation"),
    "quick button": (
        service("automation", "trigger", "automation.direct"),
        "automation",
        "automation",
    ),
    "helper": (
        service("input_button", "press", "input_button.print"),
        "automation",
        "automation",
    ),
    "automation of an automation": (
        service("input_boolean", "toggle", "input_boolean.first"),
        "automation",
        "automation",
    ),
    "tag": (event("tag_scanned", tag_id=TAG), "automation", "automation"),
    "notification": (
        event("mobile_app_notification_action", action="PRINT"),
        "automation",
        "automation",
    ),
    "event": (event("own"), "automation", "automation"),
    "sentence": (says("print the list"), "assistant", "assistant"),
    "intent": (says("run print list"), "assistant", "assistant"),
}


async def job_of(entry: MockConfigEntry, count: int) -> Job:
    """Wait for so many jobs, and return the newest."""
    queue = data_of(entry).queue
    await until(lambda: len(queue.jobs()) >= count)
    return queue.jobs()[0]


async def test_by_every_way(
    hass: HomeAssistant,
    house: MockConfigEntry,
    simulator: Simulator,
    child: User,
) -> None:
    """What a child sets off waits for an approval, whatever lies in between."""
    hass.config_entries.async_update_entry(house, options={"approval_users": [child.id]})
    for count, (name, (way, source, _)) in enumerate(WAYS.items(), 1):
        await way(hass, Context(user_id=child.id))
        job = await job_of(house, count)
        assert (name, job.spec.asker.user_id, job.hold_reason, job.spec.origin) == (
            name,
            child.id,
            "approval",
            source,
        )
    assert not sent(simulator)


async def test_what_nobody_began(
    hass: HomeAssistant, house: MockConfigEntry, simulator: Simulator, child: User
) -> None:
    """It has a rule of its own, which what a person sets off is not under."""
    hass.config_entries.async_update_entry(house, options={"approval_sources": ["nobody"]})
    for count, (name, (way, _, source)) in enumerate(WAYS.items(), 1):
        await way(hass, Context())
        job = await job_of(house, count)
        assert (name, job.spec.asker.user_id, job.hold_reason, job.spec.origin) == (
            name,
            None,
            "approval",
            source,
        )
    assert not sent(simulator)
    cloud = await hass.auth.async_create_system_user("Cloud", group_ids=[GROUP_ID_ADMIN])
    await direct(hass, Context(user_id=cloud.id))
    assert (await job_of(house, len(WAYS) + 1)).hold_reason == "approval"
    await WAYS["helper"][0](hass, Context(user_id=child.id))
    await came_out(simulator)


@pytest.mark.parametrize("source", ["automation", "assistant"])
async def test_the_rules_about_sources(
    hass: HomeAssistant, house: MockConfigEntry, simulator: Simulator, child: User, source: str
) -> None:
    """Automations are all of them, whoever set them off, and those that a sentence sets off are both."""
    hass.config_entries.async_update_entry(house, options={"approval_sources": [source]})
    for count, (way, expected) in enumerate(
        (("helper", source == "automation"), ("sentence", True), ("script", False)), 1
    ):
        await WAYS[way][0](hass, Context(user_id=child.id))
        job = await job_of(house, count)
        assert (way, job.hold_reason == "approval") == (way, expected)


async def test_a_monthly_limit_and_a_code(
    hass: HomeAssistant, house: MockConfigEntry, simulator: Simulator, child: User
) -> None:
    hass.config_entries.async_update_entry(
        house, options={"monthly_pages": 1, "release_users": [child.id]}
    )
    for count, way in enumerate(("quick button", "sentence"), 1):
        await WAYS[way][0](hass, Context(user_id=child.id))
        job = await job_of(house, count)
        assert job.waits_for == ("approval", "release")[count == 1 :]
    assert not sent(simulator)


async def test_what_a_user_writes_into_a_run(
    hass: HomeAssistant, house: MockConfigEntry, simulator: Simulator, child: User, boss: User
) -> None:
    """Variables that are made up make nobody else of a child."""
    hass.config_entries.async_update_entry(house, options={"approval_users": [child.id]})
    made_up = {"id": "x", "user_id": boss.id, "parent_id": None}
    context = Context(user_id=child.id)
    await hass.services.async_call(
        "automation",
        "trigger",
        {
            "entity_id": "automation.direct",
            "variables": {
                "trigger": {
                    "platform": "conversation",
                    "user_input": {"context": made_up},
                    "event": {"context": made_up},
                }
            },
        },
        blocking=True,
        context=context,
    )
    job = await job_of(house, 1)
    assert (job.spec.asker.user_id, job.hold_reason) == (child.id, "approval")


async def test_who_may_approve(
    hass: HomeAssistant, house: MockConfigEntry, simulator: Simulator, child: User, boss: User
) -> None:
    """A child cannot by any way; an administrator cannot by voice; an automation can by itself."""
    hass.config_entries.async_update_entry(house, options={"approval_users": [child.id]})
    await direct(hass, Context(user_id=child.id))
    job = await job_of(house, 1)
    await hass.services.async_call(
        "input_text",
        "set_value",
        {"entity_id": "input_text.job", "value": job.job_id},
        blocking=True,
    )
    queue = data_of(house).queue
    ways = {
        "script": service("script", "turn_on", "script.answer"),
        "automation": service("automation", "trigger", "automation.answer"),
        "script that runs it": service("script", "turn_on", "script.approve_all"),
        "sentence": says("let it print"),
        "intent": says("run answer"),
    }
    refused = [(name, child) for name in ways]
    refused += [("sentence", boss), ("intent", boss)]
    for name, user in refused:
        await asyncio.gather(ways[name](hass, Context(user_id=user.id)), return_exceptions=True)
        await hass.async_block_till_done()
        assert (name, queue.get(job.job_id).state) == (name, JobState.HELD)
    # Its own trigger, for whatever reason it fired: this is what an administrator wanted.
    hass.bus.async_fire("allow", context=Context(user_id=child.id))
    await came_out(simulator)
    # In person, or by running it, an approver approves.
    for count, name in enumerate(("script", "automation"), 2):
        await direct(hass, Context(user_id=child.id))
        job = await job_of(house, count)
        hass.states.async_set("input_text.job", job.job_id)
        await ways[name](hass, Context(user_id=boss.id))
        await came_out(simulator, count)


async def test_few_contexts_are_kept(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch, child: User
) -> None:
    """Those of people alone, and the last ones of them."""
    monkeypatch.setattr(beginning, "MAX_CONTEXTS", 3)
    beginning.async_get_trail(hass)
    hass.services.async_register("test", "act", lambda call: None)
    contexts = [Context(user_id=child.id) for _ in range(5)]
    for context in (Context(), *contexts, Context(), Context(parent_id="x")):
        await hass.services.async_call("test", "act", blocking=True, context=context)
    assert list(async_get_trail(hass)._known) == [context.id for context in contexts[2:]]
    known = [
        (await async_find_beginning(hass, Context(parent_id=context.id))).user_id
        for context in contexts
    ]
    assert known == [None, None, child.id, child.id, child.id]
