"""What is refused, at each door, in a house with two boxes whose scanners have the same name, and with a guest."""

from collections.abc import Callable
import errno
from pathlib import Path
import shutil
from typing import Any

from homeassistant.auth.const import GROUP_ID_ADMIN, GROUP_ID_READ_ONLY
from homeassistant.auth.permissions import PermissionLookup, PolicyPermissions
from homeassistant.auth.permissions.types import PolicyType
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.components.websocket_api.automation import (
    async_get_conditions_for_target,
    async_get_triggers_for_target,
)
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, Unauthorized
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    llm,
)
from homeassistant.setup import async_setup_component
from homeassistant.util.ulid import ulid_at_time
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.input_error import InputError
from custom_components.lianke.scanner import scan
from custom_components.lianke.scanner.actions import SCAN_ACTIONS
from custom_components.lianke.scanner.hub import ScannerHub, async_get_hub
from custom_components.lianke.scanner.scan_view import async_describe_scan
from tests.clock import until
from tests.household import LASER, House, refusal
from tests.packaging import actions_for
from tests.scanner.scans import ASSISTANT, device, do, last, printer, records, say, state_of
from tests.simulator.models import Printer
from tests.traces import why_not

pytestmark = pytest.mark.usefixtures("hurried")


@pytest.mark.usefixtures("hub")
async def test_what_is_forgotten_scans_nothing_where_somebody_may_not(
    hass: HomeAssistant, house: House, laser: Printer
) -> None:
    """What lies on the glass is shown to whoever may have asked; where everybody may scan, it goes on."""
    forgotten = Context(parent_id=ulid_at_time(1_700_000_000))
    await hass.auth.async_create_user("Boss", group_ids=[GROUP_ID_ADMIN])
    guest = await hass.auth.async_create_user("Guest", group_ids=[GROUP_ID_READ_ONLY])
    scanner = device(house, laser)
    for action in ("scan", "copy"):
        asked = house.ask(action, forgotten, device_id=scanner)
        assert await refusal(asked) == "beginning_forgotten_here"
    # A time or a sensor is nobody's.
    job = await house.ask("scan", device_id=scanner, several_pages=True, wait=False)
    await until(lambda: len(laser.scanned) == 1)
    answers = {"scan_id": job["scan_id"], "answer": "discard"}
    assert await refusal(house.ask("continue_scan", forgotten, **answers)) == (
        "beginning_forgotten_here"
    )
    await hass.auth.async_remove_user(guest)
    await house.ask("continue_scan", forgotten, **answers)
    await house.ask("scan", forgotten, device_id=scanner)
    assert len(laser.scanned) == 2


async def test_two_scanners_of_one_name(
    hass: HomeAssistant, house: House, laser: Printer, other: House, other_laser: Printer
) -> None:
    """The action, the trigger and the assistant take the one that is meant, and ask where that is not clear."""
    area = ar.async_get(hass).async_create("Study")
    there = device(other, other_laser)
    for one in (device(house, laser), there):
        dr.async_get(hass).async_update_device(one, area_id=area.id)
    unclear = do(house, laser, device_id=[], area_id=area.id)
    assert await refusal(unclear) == "target_several_scanners"
    trigger = {"trigger": "lianke.scan_ready", "target": {"device_id": there}}
    automation = {"triggers": [trigger], "actions": [{"event": "scan_was_ready"}]}
    automation |= {"id": "ready", "alias": "ready"}
    assert await async_setup_component(hass, "automation", {"automation": automation})
    ready = async_capture_events(hass, "scan_was_ready")
    await do(house, laser)
    await do(other, other_laser)
    await until(lambda: ready)
    assert (len(laser.scanned), len(other_laser.scanned), len(ready)) == (1, 1, 1)
    house.simulator.cloud.variants.update(scan_problem="unknown_code")
    assert (await do(other, other_laser))["state"] == "failed"
    await until(lambda: why_not(hass, "ready") == ["scan_not_completed"])
    assert len(ready) == 1
    house.simulator.cloud.variants.update(scan_problem="none")
    for find, offered in (
        (async_get_triggers_for_target, {"lianke.scan_ready"}),
        (async_get_conditions_for_target, {"lianke.is_scanning"}),
    ):
        names = await find(hass, {"device_id": [there]}, True)
        assert {name for name in names if name.startswith("lianke.")} == offered
    assert actions_for(hass, there) == SCAN_ACTIONS.keys()
    for component in ("homeassistant", "conversation", "llm"):
        assert await async_setup_component(hass, component, {})
    for at in ((house, laser), (other, other_laser)):
        status = state_of(*at, "sensor", "scanner_status").entity_id
        async_expose_entity(hass, "conversation", status, True)
    api = await llm.async_get_api(hass, llm.LLM_API_ASSIST, ASSISTANT)
    [tool] = [one for one in api.tools if one.name == "lianke__scan"]
    for wrong in ({}, {"scanner": LASER}):
        with pytest.raises(Exception, match="scanner"):
            await tool.async_call(
                hass, llm.ToolInput(tool_name=tool.name, tool_args=wrong), ASSISTANT
            )
    assert (len(laser.scanned), len(other_laser.scanned)) == (1, 1)


async def test_a_copy_at_another_box(
    house: House, laser: Printer, other: House, other_laser: Printer
) -> None:
    answer = await do(house, laser, "copy", printer=printer(other), size="A4")
    assert (answer["state"], len(answer["print_jobs"])) == ("completed", 1)
    await until(lambda: house.simulator.printed)
    [paper] = house.simulator.printed
    assert (laser.scanned, other_laser.scanned) == ([laser.glass], [])
    assert paper.device_id == other.entry.unique_id
    # A scan of the other box is answered by its id alone.
    waiting = await do(other, other_laser, several_pages=True)
    assert await refusal(say(house, laser, "finish")) == "scan_not_waiting"
    scan_id = waiting["scan_id"]
    done = await say(house, laser, "finish", scan_id=scan_id)
    assert (done["scan_id"], done["state"]) == (scan_id, "completed")


async def test_a_guest_is_refused_at_each_door(
    hass: HomeAssistant, house: House, laser: Printer, hub: ScannerHub, hass_ws_client: Any
) -> None:
    assert await async_setup_component(hass, "websocket_api", {})
    await hass.auth.async_create_user("Boss", group_ids=[GROUP_ID_ADMIN])
    guest = await hass.auth.async_create_user("Guest", group_ids=[GROUP_ID_READ_ONLY])
    waiting = await do(house, laser, several_pages=True)
    context = Context(user_id=guest.id)
    asked: list[tuple[str, dict[str, Any]]] = [
        ("scan", {}),
        ("copy", {}),
        *(("continue_scan", {"answer": one}) for one in ("next", "change", "finish", "discard")),
        ("continue_scan", {"answer": "hand_on", "scan_id": waiting["scan_id"]}),
    ]
    token = await hass.auth.async_create_refresh_token(guest, "http://localhost")
    socket = await hass_ws_client(hass, hass.auth.async_create_access_token(token))
    for action, data in asked:
        with pytest.raises(Unauthorized):
            await do(house, laser, action, context=context, **data)
        full = {"device_id": device(house, laser), **data}
        await socket.send_json_auto_id(
            {"type": "lianke/action", "service": action, "service_data": full}
        )
        answer = await socket.receive_json()
        assert (answer["success"], answer["error"]["code"]) == (False, "unauthorized"), action
    await socket.send_json_auto_id({"type": "lianke/scans/subscribe"})
    assert (await socket.receive_json())["success"]
    assert (await socket.receive_json())["event"] == {"scanners": []}
    button = state_of(house, laser, "button", "scan").entity_id
    with pytest.raises(Unauthorized):
        await hass.services.async_call(
            "button", "press", {"entity_id": button}, blocking=True, context=context
        )
    assert laser.scanned == [laser.glass]
    # Who may scan, but not print there, may not copy.
    status = state_of(house, laser, "sensor", "scanner_status").entity_id
    policy: PolicyType = {"entities": {"entity_ids": {status: True}}}
    guest.permissions = PolicyPermissions(
        policy, PermissionLookup(er.async_get(hass), dr.async_get(hass))
    )
    assert (await say(house, laser, "finish", context=context))["pages"] == 1
    with pytest.raises(Unauthorized):
        await do(house, laser, "copy", context=context, printer=printer(house))


@pytest.mark.parametrize("when", ["fetched", "kept", "joined"])
async def test_a_disk_that_is_full_when_the_pages_come(
    house: House,
    laser: Printer,
    hub: ScannerHub,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    when: str,
) -> None:
    """They are still at the service, and are kept after the next start."""
    move: Callable[..., Any] = shutil.move
    laser.feeder = ["one", "two"]

    def full(source: Path, target: Path) -> None:
        if when == "joined" or Path(target).name == "page-0002.jpg":
            raise OSError(errno.ENOSPC, "no space left on device")
        move(source, target)

    async def no_room(*_args: Any, **_more: Any) -> None:
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="disk_full")

    if when == "kept":
        monkeypatch.setattr(shutil, "move", full)
    elif when == "joined":
        monkeypatch.setattr(Path, "rename", full)
    else:
        monkeypatch.setattr(scan, "async_download", no_room)
    fed = {"device_id": device(house, laser), "source": "feeder"}
    scanning = house.hass.services.async_call(DOMAIN, "scan", fed, blocking=True)
    assert await refusal(scanning, HomeAssistantError) == "scan_not_kept"
    if when == "joined":
        # The pages are here; a restart before the last look would leave them at the service, too.
        await house.hass.async_block_till_done(wait_background_tasks=True)
    caplog.clear()
    monkeypatch.undo()
    await house.hass.config_entries.async_reload(house.entry.entry_id)
    await until(lambda: records(house) and last(house).state == "completed")
    assert len(last(house).pages) == 2
    assert laser.scanned == ["one", "two"]
    await house.hass.async_block_till_done(wait_background_tasks=True)
    [made] = house.simulator.cloud.scans.values()
    assert made.deleted


@pytest.mark.usefixtures("hub")
async def test_a_box_that_is_removed_while_its_scan_is_waited_for(
    house: House, laser: Printer
) -> None:
    """Whoever waited asks for what has become of it."""
    await do(house, laser)
    [job] = records(house)
    await house.hass.config_entries.async_remove(house.entry.entry_id)
    with pytest.raises(InputError, match=r"^scan_gone$"):
        await async_describe_scan(house.hass, house.entry, job)
    with pytest.raises(InputError, match=r"^scanner_gone$"):
        async_get_hub(house.hass, house.entry)
