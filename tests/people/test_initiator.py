"""Who asked is who began: the same person by every way that leads to a print, and to an answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from homeassistant.auth.const import GROUP_ID_ADMIN, GROUP_ID_READ_ONLY
from homeassistant.auth.models import User
from homeassistant.components import conversation
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.const import EVENT_CALL_SERVICE
from homeassistant.core import Context, EventOrigin, HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.ulid import ulid_at_time
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from custom_components.lianke.jobs.job import Job, JobState
from custom_components.lianke.people import initiator
from custom_components.lianke.people.initiator import (
    async_find_initiator,
    async_get_context_history,
)
from custom_components.lianke.printing.handlers import ACTIONS
from tests.clock import until
from tests.household import House, ask, device_of
from tests.people.steps import automation
from tests.simulator import Fault

PRINT = "script.print_list"
TAG = "at-the-desk"


@pytest.fixture
async def house(house: House) -> House:
    """Set up what may lead to a print: most ways take a script in between."""
    hass = house.hass
    job = {"action": "lianke.print", "data": {"device_id": house.device(), "text": "Hello"}}
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
                "watches",
                {
                    "trigger": "event",
                    "event_type": ["automation_triggered", "call_service"],
                    "event_data": {"entity_id": "automation.report"},
                },
                via_script,
            ),
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
    return house


def service(domain: str, name: str, entity_id: str) -> Callable[..., Awaitable[Any]]:
    async def call(hass: HomeAssistant, context: Context) -> None:
        data = {"entity_id": entity_id}
        await hass.services.async_call(domain, name, data, blocking=True, context=context)

    return call


def event(name: str, **data: str) -> Callable[..., Awaitable[Any]]:
    async def fire(hass: HomeAssistant, context: Context) -> None:
        hass.bus.async_fire(name, data, context=context)

    return fire


def says(sentence: str) -> Callable[..., Awaitable[Any]]:
    async def say(hass: HomeAssistant, context: Context) -> None:
        await conversation.async_converse(hass, sentence, None, context)

    return say


async def direct(hass: HomeAssistant, context: Context) -> None:
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
    "helper": (service("input_button", "press", "input_button.print"), "automation", "automation"),
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


async def job_of(house: House, count: int) -> Job:
    """Wait for so many jobs, and return the newest."""
    queue = house.queue
    await until(lambda: len(queue.jobs()) >= count)
    return queue.jobs()[0]


async def test_by_every_way(house: House, anna: User) -> None:
    """What a child sets off waits for an approval, whatever lies in between."""
    house.set_options({"approval_users": [anna.id]})
    for count, (name, (way, source, _)) in enumerate(WAYS.items(), 1):
        await way(house.hass, Context(user_id=anna.id))
        job = await job_of(house, count)
        spec, reason = job.spec, job.current_delivery.hold_reason
        assert (spec.asker.user_id, reason, spec.origin) == (anna.id, "approval", source), name
    assert not house.sent


async def test_what_nobody_began(house: House, anna: User) -> None:
    """It has a rule of its own, which what a person sets off is not under."""
    house.set_options({"approval_sources": ["nobody"]})
    for count, (name, (way, _, source)) in enumerate(WAYS.items(), 1):
        await way(house.hass, Context())
        job = await job_of(house, count)
        spec, reason = job.spec, job.current_delivery.hold_reason
        assert (spec.asker.user_id, reason, spec.origin) == (None, "approval", source), name
    assert not house.sent
    cloud = await house.hass.auth.async_create_system_user("Cloud", group_ids=[GROUP_ID_ADMIN])
    await direct(house.hass, Context(user_id=cloud.id))
    assert (await job_of(house, len(WAYS) + 1)).current_delivery.hold_reason == "approval"
    await WAYS["helper"][0](house.hass, Context(user_id=anna.id))
    await house.came_out()


@pytest.mark.parametrize("source", ["automation", "assistant"])
async def test_the_rules_about_sources(house: House, anna: User, source: str) -> None:
    """Automations are all of them, whoever set them off, and those that a sentence sets off are both."""
    house.set_options({"approval_sources": [source]})
    for count, (way, expected) in enumerate(
        (("helper", source == "automation"), ("sentence", True), ("script", False)), 1
    ):
        await WAYS[way][0](house.hass, Context(user_id=anna.id))
        job = await job_of(house, count)
        assert (way, job.current_delivery.hold_reason == "approval") == (way, expected)


@pytest.mark.parametrize("origin", EventOrigin)
@pytest.mark.parametrize("kind", ["automation_triggered", "call_service"])
async def test_an_event_that_is_called_like_home_assistants_own(
    house: House, anna: User, kind: str, origin: EventOrigin
) -> None:
    """From a phone or over the API, it is what its user did, like any other event."""
    house.set_options({"approval_users": [anna.id]})
    data, context = {"entity_id": "automation.report"}, Context(user_id=anna.id)
    house.hass.bus.async_fire(kind, data, origin, context)
    job = await job_of(house, 1)
    assert (job.spec.asker.user_id, job.current_delivery.hold_reason) == (anna.id, "approval")
    assert not house.sent


async def test_a_monthly_limit_and_a_code(house: House, anna: User) -> None:
    house.set_options({"monthly_pages": 1, "release_users": [anna.id]})
    for count, way in enumerate(("quick button", "sentence"), 1):
        await WAYS[way][0](house.hass, Context(user_id=anna.id))
        job = await job_of(house, count)
        assert job.waits_for == ("approval", "release")[count == 1 :]
    assert not house.sent


async def test_what_a_user_writes_into_a_run(house: House, anna: User, boss: User) -> None:
    """Variables that are made up make nobody else of a child."""
    house.set_options({"approval_users": [anna.id]})
    made_up = {"id": "x", "user_id": boss.id, "parent_id": None}
    context = Context(user_id=anna.id)
    await house.hass.services.async_call(
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
    assert (job.spec.asker.user_id, job.current_delivery.hold_reason) == (anna.id, "approval")


async def test_who_may_approve(house: House, anna: User, boss: User) -> None:
    """A child cannot by any way; an administrator cannot by voice; an automation can by itself."""
    house.set_options({"approval_users": [anna.id]})
    await direct(house.hass, Context(user_id=anna.id))
    job = await job_of(house, 1)
    await house.hass.services.async_call(
        "input_text",
        "set_value",
        {"entity_id": "input_text.job", "value": job.job_id},
        blocking=True,
    )
    queue = house.queue
    ways = {
        "script": service("script", "turn_on", "script.answer"),
        "automation": service("automation", "trigger", "automation.answer"),
        "script that runs it": service("script", "turn_on", "script.approve_all"),
        "sentence": says("let it print"),
        "intent": says("run answer"),
    }
    refused = [(name, anna) for name in ways]
    refused += [("sentence", boss), ("intent", boss)]
    calls = async_capture_events(house.hass, EVENT_CALL_SERVICE)
    for count, (name, user) in enumerate(refused, 1):
        await asyncio.gather(
            ways[name](house.hass, Context(user_id=user.id)), return_exceptions=True
        )
        await house.hass.async_block_till_done()
        assert (name, queue.get(job.job_id).state) == (name, JobState.HELD)
        # It got as far as to the answer.
        answers = [call for call in calls if call.data["service"] == "continue_job"]
        assert (name, len(answers)) == (name, count)
    # Its own trigger, for whatever reason it fired: this is what an administrator wanted.
    house.hass.bus.async_fire("allow", context=Context(user_id=anna.id))
    await house.came_out()
    # In person, or by running it, an approver approves.
    for count, name in enumerate(("script", "automation"), 2):
        await direct(house.hass, Context(user_id=anna.id))
        job = await job_of(house, count)
        house.hass.states.async_set("input_text.job", job.job_id)
        await ways[name](house.hass, Context(user_id=boss.id))
        await house.came_out(count)


async def test_what_follows_from_a_print_of_the_card(house: House, anna: User, boss: User) -> None:
    """It is no assistant's, though the task that sends it was begun for what somebody had said."""
    house.cloud.fail("POST /print/job", Fault(kind="delay", seconds=0.5))
    await says("print the list")(house.hass, Context(user_id=anna.id))
    data = {"device_id": house.device(), "text": "Hello"}
    # As the card does it, past the bus.
    await ACTIONS["print"].call(house.hass, data, Context(user_id=boss.id))
    await house.came_out(2)
    asker = (await job_of(house, 2)).spec.asker
    assert asker.user_id == boss.id
    follows = await async_find_initiator(house.hass, Context(parent_id=asker.context_id))
    assert (follows.user_id, follows.origin) == (boss.id, "automation")


def _call_tool(script: str) -> dict[str, Any]:
    call = {"name": f"script__{script}", "arguments": {}}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}


def _activate_by_google(script: str) -> dict[str, Any]:
    execution = [{"command": "action.devices.commands.ActivateScene", "params": {}}]
    command = {"devices": [{"id": f"script.{script}"}], "execution": execution}
    asked = {"intent": "action.devices.EXECUTE", "payload": {"commands": [command]}}
    return {"requestId": "1", "inputs": [asked]}


def _activate_by_alexa(script: str) -> dict[str, Any]:
    header = {"namespace": "Alexa.SceneController", "name": "Activate", "messageId": "1"}
    endpoint = {"endpointId": f"script#{script}", "scope": {"type": "BearerToken", "token": "x"}}
    directive = {"header": header | {"payloadVersion": "3"}, "endpoint": endpoint, "payload": {}}
    return {"directive": directive}


@pytest.mark.parametrize(
    ("component", "settings", "path", "run"),
    [
        ("mcp_server", {}, "/api/mcp", _call_tool),
        ("google_assistant", {"project_id": "home"}, "/api/google_assistant", _activate_by_google),
        ("alexa", {"smart_home": {}}, "/api/alexa/smart_home", _activate_by_alexa),
    ],
)
async def test_assistants_without_a_conversation(
    hass_client: ClientSessionGenerator,
    anna: User,
    house: House,
    component: str,
    settings: dict[str, Any],
    path: str,
    run: Callable[[str], dict[str, Any]],
) -> None:
    """A script that one runs prints as an assistant, and approves nothing, though the token is an administrator's."""
    hass = house.hass
    house.set_options({"approval_users": [anna.id]})
    assert await async_setup_component(hass, "llm", {})
    assert await async_setup_component(hass, component, {component: settings})
    if component == "mcp_server":
        data = {"llm_hass_api": ["assist"], "all_llm_apis": False, "require_admin": True}
        entry = MockConfigEntry(domain=component, data=data, minor_version=3)
        entry.add_to_hass(hass)
        assert await hass.config_entries.async_setup(entry.entry_id)
    client = await hass_client()
    await direct(hass, Context(user_id=anna.id))
    held = await job_of(house, 1)
    hass.states.async_set("input_text.job", held.job_id)
    calls = async_capture_events(hass, EVENT_CALL_SERVICE)
    for script in ("answer", "print_list"):
        body, headers = run(script), {"Accept": "application/json"}
        assert (await client.post(path, json=body, headers=headers)).status == 200
    assert (await job_of(house, 2)).spec.origin == "assistant"
    await hass.async_block_till_done()
    assert [call.data["service"] for call in calls].count("continue_job") == 1
    assert house.queue.get(held.job_id).current_delivery.hold_reason == "approval"
    await house.came_out()


async def test_few_contexts_are_kept(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch, anna: User, boss: User
) -> None:
    """The last ones of each person, and it is known that there were others."""
    monkeypatch.setattr(initiator, "MAX_CONTEXTS", 3)
    initiator.async_get_context_history(hass)
    hass.services.async_register("test", "act", lambda call: None)

    def at(second: int, user: User | None) -> Context:
        # Ids of one millisecond would not tell which came first.
        soon = dt_util.utcnow().timestamp() + second
        return Context(id=ulid_at_time(soon), user_id=None if user is None else user.id)

    first = at(1, boss)
    # A minute later, since a time to come is none that an id was made at.
    later = ulid_at_time(dt_util.utcnow().timestamp() + 60)
    monkeypatch.setattr(initiator, "ulid_now", lambda: later)
    contexts = [at(second, anna) for second in range(2, 7)]
    nobodys = [at(second, None) for second in range(7, 17)]
    for context in (first, *contexts, *nobodys):
        await hass.services.async_call("test", "act", blocking=True, context=context)
    kept = async_get_context_history(hass)._known
    assert list(kept) == [one.id for one in (first, *contexts[2:], *nobodys[-3:])]
    found = [
        await async_find_initiator(hass, Context(parent_id=context.id))
        for context in (first, *contexts, *nobodys)
    ]
    assert [one.user_id for one in found[:6]] == [boss.id, None, None, *[anna.id] * 3]
    assert [one.forgotten for one in found] == [False, True, True, *[False] * 13]
    # Nobody's may answer, as an administrator wanted it; what is forgotten may not.
    assert [one.independent for one in found] == [False] * 6 + [True] * 10


async def test_few_runs_are_kept(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Of automations that run no more, the oldest go first, then the oldest of all."""
    monkeypatch.setattr(initiator, "MAX_RUNS", 2)
    async_get_context_history(hass)
    # What is named like a run, and names no automation.
    strange: list[Any] = [{"entity_id": [1]}, {"entity_id": {"a": 1}}, {}, ["no", "data"]]
    for data in strange:
        for origin in EventOrigin:
            hass.bus.async_fire("automation_triggered", data, origin)
            hass.bus.async_fire("call_service", data, origin)
    hass.states.async_set("automation.long", "on", {"current": 1})
    hass.states.async_set("automation.short", "on", {"current": 0})

    def fire(name: str, run: str) -> None:
        data = {"entity_id": f"automation.{name}"}
        hass.bus.async_fire("automation_triggered", data, context=Context(id=run))

    async def remembered() -> list[str]:
        runs = [(run, Context(parent_id=run)) for run in "012345"]
        return [
            run
            for run, context in runs
            if not (await async_find_initiator(hass, context)).forgotten
        ]

    for run, name in enumerate(("long", "short", "long", "long")):
        fire(name, str(run))
    assert await remembered() == ["2", "3"]
    fire("short", "4")
    fire("long", "5")
    assert await remembered() == ["3", "5"]
    assert "Error running job" not in caplog.text


async def test_few_people_are_kept(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(initiator, "MAX_PEOPLE", 2)
    async_get_context_history(hass)
    contexts = [Context(user_id=user) for user in ("a", "b", "a", "c")]
    for context in contexts:
        hass.bus.async_fire("acted", context=context)
    found = [await async_find_initiator(hass, Context(parent_id=one.id)) for one in contexts]
    assert [one.user_id for one in found] == ["a", None, "a", "c"]
    assert [one.forgotten for one in found] == [False, True, False, False]


async def test_what_somebody_shares_who_may_not_print(house: House, anna: User) -> None:
    """A phone's event asks for no rights, and what an automation makes of it had all."""
    guest = await house.hass.auth.async_create_user("Guest", group_ids=[GROUP_ID_READ_ONLY])
    await event("own")(house.hass, Context(user_id=guest.id))
    await house.hass.async_block_till_done()
    assert not house.queue.jobs()
    await event("own")(house.hass, Context(user_id=anna.id))
    await house.came_out()


async def test_a_sentence_that_names_a_time(
    house: House, anna: User, hass_ws_client: WebSocketGenerator
) -> None:
    """Home Assistant says it again itself when the time has come, and does not tell for whom."""
    hass = house.hass
    for component in ("intent", "websocket_api"):
        assert await async_setup_component(hass, component, {})
    house.set_options({"approval_users": [anna.id]})
    token = await hass.auth.async_create_refresh_token(anna, client_id="https://example.com")
    client = await hass_ws_client(hass, hass.auth.async_create_access_token(token))
    await client.send_json_auto_id(
        {"type": "conversation/process", "text": "run print list in 1 second"}
    )
    assert (await client.receive_json())["success"]
    job = await job_of(house, 1)
    assert (job.spec.source, job.current_delivery.hold_reason) == ("assistant", "approval")
    assert not house.sent
