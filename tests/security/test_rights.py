"""Who may do what: kinds of users, by what they ask for, by the printer that they ask it of.

The users' rights are on the laser's status entity; the label printer and another box are not theirs.
"""

import asyncio
from dataclasses import dataclass
from itertools import product
from typing import Any

from homeassistant.auth.permissions.const import CAT_ENTITIES
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, Unauthorized, UnknownUser
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.printing import handlers
from tests.conftest import make_entry, set_up
from tests.household import LABELS, LASER, ask, data_of, device_of
from tests.simulator import Simulator

READ: dict[str, Any] = {"read": True}
CONTROL: dict[str, Any] = {"read": True, "control": True}
# What a user has on the laser's status, and on the box's connectivity.
USERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nobody's guest": ({}, {}),
    "reader of the box": ({}, READ),
    "reader": (READ, {}),
    "reader of both": (READ, READ),
    "controller without reading": ({"control": True}, {}),
    "controller": (CONTROL, {}),
}
# What needs which right on the printer; "box": reading the box.
ACTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "print": ("control", {"text": "x"}),
    "preview": ("control", {"text": "x"}),
    "count_pages": ("control", {"text": "x"}),
    "cancel_job": ("control", {"job_id": "x"}),
    "retry_job": ("control", {"job_id": "x"}),
    "move_job": ("control", {"job_id": "x", "to_device_id": "x"}),
    "continue_job": ("control", {"job_id": "x"}),
    "reject_job": ("control", {"job_id": "x"}),
    "list_jobs": ("read", {}),
    "get_capabilities": ("read", {}),
    "search_models": ("box", {"query": "HP"}),
}
# For administrators alone, whatever rights on a printer a user has.
OF_ADMINISTRATORS = {"export_pages", "forget_removed_boxes"}
COMMANDS: dict[str, tuple[str, dict[str, Any]]] = {
    "lianke/printer/options": ("control", {}),
    "lianke/jobs/confirm": ("control", {"job_id": "x"}),
    "lianke/jobs/plan_move": ("control", {"job_id": "x", "to_device_id": "x"}),
}


@dataclass
class House:
    hass: HomeAssistant
    entry: MockConfigEntry
    other: MockConfigEntry
    user: MockUser

    def status(self, name: str) -> str:
        printers = data_of(self.entry).coordinator.data.printers
        key = next(key for key, view in printers.items() if view.name == name)
        return self._entity("sensor", f"{self.entry.unique_id}_{key}_status")

    def become(self, kind: str) -> Context:
        """Give the user the rights of a kind; return the context of their calls."""
        laser, box = USERS[kind]
        connectivity = self._entity("binary_sensor", f"{self.entry.unique_id}_connectivity")
        rights = {self.status(LASER): laser, connectivity: box}
        self.user.mock_policy({CAT_ENTITIES: {"entity_ids": rights}})
        return Context(user_id=self.user.id)

    def _entity(self, platform: str, unique_id: str) -> str:
        entity_id = er.async_get(self.hass).async_get_entity_id(platform, DOMAIN, unique_id)
        assert entity_id is not None
        return entity_id


@pytest.fixture
async def house(
    hass: HomeAssistant, simulator: Simulator, reachable: str, setup: MockConfigEntry
) -> House:
    """Set up two boxes of one account and a user without rights."""
    box = next(
        one
        for one in simulator.cloud.boxes.values()
        if one.account is simulator.box.account and one is not simulator.box
    )
    other = make_entry(simulator, box, title="Other box")
    assert await set_up(hass, other)
    user = MockUser(groups=[]).add_to_hass(hass)
    return House(hass, setup, other, user)


def granted(kind: str, needed: str, mine: bool) -> bool:
    """Return whether a kind of user may do what needs a right, on the laser or elsewhere."""
    laser, box = USERS[kind]
    if needed == "box":
        return mine and bool(box.get("read"))
    return mine and bool(laser.get(needed))


async def allowed(house: House, action: str, context: Context, **data: Any) -> bool:
    """Return whether an action got past the check; what it says afterwards does not count."""
    try:
        await ask(house.hass, action, context, **data)
    except Unauthorized:
        return False
    except HomeAssistantError:
        pass
    return True


def test_every_action_is_listed() -> None:
    assert ACTIONS.keys() | OF_ADMINISTRATORS == handlers.ACTIONS.keys()


async def test_actions(house: House) -> None:
    """Six kinds of users by eight actions by the printer of theirs, another one, another box's."""
    targets = {
        True: [device_of(house.hass, LASER)],
        False: [device_of(house.hass, LABELS), device_of(house.hass, "HP LaserJet 1020")],
    }
    wrong = []
    for kind, (action, (needed, data)), mine in product(USERS, ACTIONS.items(), targets):
        context = house.become(kind)
        for device in targets[mine]:
            where: dict[str, Any] = {"device_id": device}
            if needed == "box":
                entry = house.entry if mine else house.other
                where = {"config_entry": entry.entry_id}
            if await allowed(house, action, context, **where, **data) != granted(
                kind, needed, mine
            ):
                wrong.append((kind, action, mine))
    assert not wrong
    # A copy on another printer needs the right on that one, too.
    again = {
        "device_id": device_of(house.hass, LASER),
        "job_id": "x",
        "to_device_id": device_of(house.hass, LABELS),
    }
    for kind in USERS:
        may = await allowed(house, "retry_job", house.become(kind), **again)
        assert not may or granted(kind, "control", True), kind


async def test_who_printed_what_is_for_administrators(
    house: House, hass_admin_user: MockUser
) -> None:
    """Whatever else a user may do."""
    for kind in USERS:
        assert not await allowed(house, "export_pages", house.become(kind)), kind
    assert await allowed(house, "export_pages", Context(user_id=hass_admin_user.id))
    assert await allowed(house, "export_pages", Context())


@pytest.mark.parametrize("kind", USERS)
async def test_commands(house: House, kind: str, hass_ws_client: WebSocketGenerator) -> None:
    """The same users over the WebSocket connection of a card."""
    house.become(kind)
    token = await house.hass.auth.async_create_refresh_token(house.user, "http://127.0.0.1")
    client = await hass_ws_client(house.hass, house.hass.auth.async_create_access_token(token))
    for command, (needed, data) in COMMANDS.items():
        for name in (LASER, LABELS):
            device = device_of(house.hass, name)
            await client.send_json_auto_id({"type": command, "device_id": device, **data})
            answer = await client.receive_json()
            refused = not answer["success"] and answer["error"]["code"] == "unauthorized"
            assert refused != granted(kind, needed, name == LASER), (command, name, answer)
    await client.send_json_auto_id({"type": "lianke/jobs/subscribe"})
    assert (await client.receive_json())["success"]
    view = (await client.receive_json())["event"]
    seen = {device_of(house.hass, LASER)} if granted(kind, "read", True) else set()
    assert set(view["printers"]) == seen
    assert {one["may_control"] for one in view["printers"].values()} <= {
        granted(kind, "control", True)
    }


async def test_an_unknown_user_and_home_assistant_itself(house: House) -> None:
    device = device_of(house.hass)
    with pytest.raises(UnknownUser):
        await ask(house.hass, "print", Context(user_id="nobody"), device_id=device, text="x")
    # Within the same turn of the loop it would be something that this one has set off.
    await asyncio.sleep(0)
    assert await allowed(house, "list_jobs", Context(), device_id=device)


async def test_the_whole_boxs_tasks_are_for_who_may_see_all_its_printers(
    house: House, simulator: Simulator
) -> None:
    """Who could see one printer was shown what everybody printed on all printers of the box."""
    simulator.cloud.variants.list_lag = 0.0
    hass = house.hass
    for name in (LASER, LABELS):
        options: dict[str, Any] = {"paper": "60 x 40 mm"} if name == LABELS else {}
        await ask(hass, "print", device_id=device_of(hass, name), text="x", wait=True, **options)
    simulator.cloud.print_as_someone_else(simulator.box, simulator.box.printer(1))
    laser: dict[str, Any] = {"device_id": device_of(hass), "include_cloud": True}
    everything = (await ask(hass, "list_jobs", Context(), **laser))["cloud"]
    assert [task["own"] for task in everything].count(True) == 2
    assert len(everything) == 3
    [mine] = (await ask(hass, "list_jobs", house.become("reader"), **laser))["cloud"]
    assert mine["own"]
    key = next(
        key
        for key, view in data_of(house.entry).coordinator.data.printers.items()
        if view.name == LASER
    )
    assert mine["task_id"] in {
        job.current_delivery.task_id for job in data_of(house.entry).queue.jobs(key)
    }
    house.user.mock_policy({CAT_ENTITIES: {"all": {"read": True}}})
    assert (await ask(hass, "list_jobs", Context(user_id=house.user.id), **laser))[
        "cloud"
    ] == everything


async def test_pictures_need_a_login_or_a_signed_address(
    house: House, hass_client_no_auth: ClientSessionGenerator
) -> None:
    client = await hass_client_no_auth()
    for path in ("preview/x/1", "preview/../preview/x/1", "preview/x/1?authSig=x"):
        assert (await client.get(f"/api/lianke/{path}")).status == 401, path


@pytest.fixture
async def diagnostics(hass: HomeAssistant) -> None:
    assert await async_setup_component(hass, "diagnostics", {})


@pytest.mark.usefixtures("diagnostics")
async def test_reports_are_for_administrators(
    house: House,
    hass_client: ClientSessionGenerator,
    hass_read_only_access_token: str,
) -> None:
    owner, reader = await hass_client(), await hass_client(hass_read_only_access_token)
    for path in ("", f"/device/{device_of(house.hass)}"):
        report = f"/api/diagnostics/config_entry/{house.entry.entry_id}{path}"
        assert (await owner.get(report)).status == 200
        assert (await reader.get(report)).status == 401
