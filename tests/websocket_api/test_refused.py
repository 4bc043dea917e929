"""What automations and scripts are refused is told to who set them off, on the cards that are open."""

from collections.abc import Awaitable, Callable
from typing import Any

from homeassistant.auth.const import GROUP_ID_ADMIN, GROUP_ID_USER
from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import MockHAClientWebSocket, WebSocketGenerator

from custom_components.lianke.error_texts import translated
from custom_components.lianke.input_error import InputError
from custom_components.lianke.printing.refusals import SIGNAL_REFUSED, Refusal
from tests.household import device_of
from tests.simulator import Simulator

from .cards import Files, compare, subscribe, until

LIMIT = {"monthly_pages": 3, "monthly_beyond": "refused"}
WAYS = {
    "automation": ("automation", "trigger", "automation.print"),
    "script": ("script", "turn_on", "script.print"),
    "helper": ("input_button", "press", "input_button.print"),
    "message": ("script", "turn_on", "script.notify"),
}
type Connect = Callable[[User], Awaitable[MockHAClientWebSocket]]


@pytest.fixture
async def connect(
    hass: HomeAssistant, setup: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> Connect:
    async def connect(user: User) -> MockHAClientWebSocket:
        token = await hass.auth.async_create_refresh_token(user, "http://127.0.0.1")
        client = await hass_ws_client(hass, hass.auth.async_create_access_token(token))
        await subscribe(client)
        await until(client, lambda message: message["refused"] is None)
        return client

    return connect


@pytest.fixture
async def house(hass: HomeAssistant, setup: MockConfigEntry, make_file: Files) -> None:
    path = await hass.async_add_executor_job(make_file, 5)
    prints = {"action": "lianke.print", "data": {"device_id": device_of(hass), "file": path}}
    notifies = {
        "action": "notify.send_message",
        "target": {"entity_id": "notify.kyocera_ma2000w_gx_print_message"},
        "data": {"message": " "},
    }
    trigger = {"trigger": "state", "entity_id": "input_button.print"}
    # Else the fixture `hass` takes the task of the script for one that failed by mistake.
    goes_on = {"continue_on_error": True}
    config: dict[str, Any] = {
        "input_button": {"print": None},
        "script": {
            "print": {"sequence": [prints | goes_on]},
            "notify": {"sequence": [notifies | goes_on]},
        },
        "automation": [{"alias": "print", "triggers": [trigger], "actions": [prints]}],
    }
    for component, settings in config.items():
        assert await async_setup_component(hass, component, {component: settings})
    await hass.async_block_till_done()
    hass.config_entries.async_update_entry(setup, options=LIMIT)
    await hass.async_block_till_done()


async def press(hass: HomeAssistant, way: str, user: User) -> str:
    domain, service, entity_id = WAYS[way]
    data, context = {"entity_id": entity_id}, Context(user_id=user.id)
    await hass.services.async_call(domain, service, data, blocking=True, context=context)
    return context.id


async def refusals(client: MockHAClientWebSocket) -> list[dict[str, Any]]:
    await client.send_json_auto_id({"type": "ping"})
    found = []
    while (message := await client.receive_json(timeout=20))["type"] != "pong":
        if message["type"] == "event" and (refused := message["event"]["refused"]):
            found.append(refused)
    return found


@pytest.mark.parametrize("way", WAYS)
async def test_who_set_it_off_is_told(
    hass: HomeAssistant, house: None, connect: Connect, simulator: Simulator, way: str
) -> None:
    parent = await hass.auth.async_create_user("Parent", group_ids=[GROUP_ID_ADMIN])
    child = await hass.auth.async_create_user("Child", group_ids=[GROUP_ID_USER])
    phone, tablet = await connect(child), await connect(child)
    other = await connect(parent)
    reader = await connect(await hass.auth.async_create_user("Reader"))
    # The same words once more are another refusal.
    for _ in range(2):
        pressed = await press(hass, way, child)
        for client in (phone, tablet):
            told = (await until(client, lambda message: message["refused"] is not None))["refused"]
            compare(told, "Refusal")
            del told["context_id"]
            assert told == {
                "began_in": pressed,
                "code": "home_assistant_error",
                "message": None,
                "translation_domain": "lianke",
                "translation_key": "text_empty"
                if way == "message"
                else "too_many_pages_this_month",
                "translation_placeholders": (
                    {} if way == "message" else {"limit": "3", "spent": "0"}
                ),
            }
    assert await refusals(other) == []
    await press(hass, way, parent)
    await until(other, lambda message: message["refused"] is not None)
    assert [await refusals(client) for client in (phone, tablet, reader)] == [[], [], []]
    # It is news, not what a card finds that is opened later.
    assert await refusals(await connect(child)) == []
    assert not simulator.printed


async def test_what_is_answered_to_who_asks_is_not_told_twice(
    hass: HomeAssistant, house: None, connect: Connect, make_file: Files
) -> None:
    child = await hass.auth.async_create_user("Child", group_ids=[GROUP_ID_USER])
    card = await connect(child)
    data = {"device_id": device_of(hass), "file": await hass.async_add_executor_job(make_file, 5)}
    with pytest.raises(ServiceValidationError):
        await hass.services.async_call(
            "lianke", "print", data, blocking=True, context=Context(user_id=child.id)
        )
    assert await refusals(card) == []


@pytest.mark.parametrize("sees_all", [True, False])
async def test_a_title_is_for_who_sees_all_jobs(
    hass: HomeAssistant, setup: MockConfigEntry, connect: Connect, *, sees_all: bool
) -> None:
    """An automation may have been refused something of a job on a printer that this user does not see."""
    user = MockUser(groups=[]).add_to_hass(hass)
    user.mock_policy({"entities": True if sees_all else {}})
    card = await connect(user)
    refusal = Refusal(
        user.id, "context", translated(InputError("job_not_waiting", title="Payslip")), None
    )
    async_dispatcher_send(hass, SIGNAL_REFUSED, refusal)
    told = (await until(card, lambda message: message["refused"] is not None))["refused"]
    assert told["translation_key"] == "job_not_waiting"
    assert told["translation_placeholders"] == ({"title": "Payslip"} if sees_all else {})


async def test_who_may_not_print_is_told(
    hass: HomeAssistant, house: None, connect: Connect, simulator: Simulator
) -> None:
    """A script runs as its user, who may not use each printer; Home Assistant has no key for that."""
    user = MockUser(groups=[]).add_to_hass(hass)
    user.mock_policy({"entities": {"entity_ids": {"script.print": True}}})
    card = await connect(user)
    pressed = await press(hass, "script", user)
    told = (await until(card, lambda message: message["refused"] is not None))["refused"]
    assert (told["began_in"], told["code"]) == (pressed, "unauthorized")
    assert told["translation_key"] is None
    assert not simulator.printed
