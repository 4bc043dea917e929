"""The options: what is submitted unchanged changes nothing, what is wrong is told, nothing reloads."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any
from unittest.mock import patch

from homeassistant.components import labs
from homeassistant.config_entries import ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.selector import NumberSelector
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.flows.options_flow import defaults_schema, settings_schema
from custom_components.lianke.printing.nozzle_care import nozzle_care_schema
from custom_components.lianke.scanner.hub import FEATURE
from tests.config_flows import told
from tests.conftest import make_entry, set_up, tear_down
from tests.flows.options import answer, choices, go, shown, target
from tests.household import House, key_of
from tests.simulator import Box, Simulator

ALL_SETTINGS = {
    "poll_interval": 300,
    "printer_kind": "usb",
    "quiet_from": "22:30:00",
    "quiet_to": "07:00:00",
    "hold_hours": 3,
    "max_document_mb": 20,
    "max_pages": 12,
    "max_jobs_per_hour": 5,
    "keep_failed_hours": 0,
}


async def test_menu_of_a_box_that_is_not_loaded(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """What needs the box is not offered then; the rest works."""
    entry.add_to_hass(hass)
    result = await hass.config_entries.options.async_init(entry.entry_id)
    assert result["menu_options"] == ["settings", "blueprints"]


async def test_menu(house: House) -> None:
    """Everything is offered for a box that is loaded."""
    result = await house.hass.config_entries.options.async_init(house.entry.entry_id)
    assert result["menu_options"] == [
        "settings",
        "defaults",
        "manual_duplex",
        "keep_alive",
        "stand_in",
        "approval",
        "release",
        "page_counts",
        "lan_printers",
        "push",
        "blueprints",
    ]


@pytest.mark.parametrize("options", [{}, ALL_SETTINGS])
async def test_settings_unchanged(
    hass: HomeAssistant, simulator: Simulator, box: Box, options: dict[str, Any]
) -> None:
    """Submit as it is: no option is added, changed or lost."""
    entry = make_entry(simulator, box, options=options)
    entry.add_to_hass(hass)
    result = await go(hass, entry, "settings")
    assert shown(result).items() >= options.items()
    result = await answer(hass, result, shown(result))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options == options


async def test_settings_changed(house: House) -> None:
    """Each is kept as a whole number or a time; the box is not loaded again."""
    running = house.data
    fields = {
        key: float(value) if isinstance(value, int) else value
        for key, value in ALL_SETTINGS.items()
    }
    result = await answer(house.hass, await go(house.hass, house.entry, "settings"), fields)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert house.entry.options == ALL_SETTINGS
    assert all(isinstance(house.entry.options[key], int) for key in ("poll_interval", "max_pages"))
    await house.hass.async_block_till_done()
    assert house.data is running
    # What is kept of scans can be chosen where there are scans.
    scans = {"keep_scans_days": 7, "keep_scans_mb": 500, "scan_script": "script.archive"}
    result = await go(house.hass, house.entry, "settings")
    assert not scans.keys() & shown(result).keys()
    assert await async_setup_component(house.hass, "labs", {})
    await labs.async_update_preview_feature(house.hass, DOMAIN, FEATURE, True)
    result = await go(house.hass, house.entry, "settings")
    result = await answer(house.hass, result, shown(result) | scans)
    assert house.entry.options == ALL_SETTINGS | scans
    result = await go(house.hass, house.entry, "settings")
    fields = shown(result)
    del fields["scan_script"]
    await answer(house.hass, result, fields)
    assert "scan_script" not in house.entry.options
    result = await go(house.hass, house.entry, "settings")
    await answer(house.hass, result, shown(result) | scans)
    await labs.async_update_preview_feature(house.hass, DOMAIN, FEATURE, False)

    result = await go(house.hass, house.entry, "settings")
    fields = shown(result) | {"poll_interval": 60}
    del fields["quiet_from"], fields["quiet_to"]
    result = await answer(house.hass, result, fields)
    rest = {key: value for key, value in ALL_SETTINGS.items() if not key.startswith("quiet")}
    assert house.entry.options == rest | scans | {"poll_interval": 60}


@pytest.mark.parametrize(
    ("times", "errors"),
    [
        ({"quiet_from": "22:00:00"}, {"quiet_to": "quiet_hours_need_both"}),
        ({"quiet_to": "07:00:00"}, {"quiet_from": "quiet_hours_need_both"}),
        (
            {"quiet_from": "22:00:00", "quiet_to": "22:00:00"},
            {"quiet_to": "quiet_hours_are_none"},
        ),
    ],
)
async def test_quiet_hours_that_are_none(
    hass: HomeAssistant, entry: MockConfigEntry, times: dict[str, str], errors: dict[str, str]
) -> None:
    """The form says so, keeps what was entered and takes the right ones."""
    entry.add_to_hass(hass)
    result = await go(hass, entry, "settings")
    result = await answer(hass, result, shown(result) | times | {"max_pages": 7})
    assert result["errors"] == errors
    assert shown(result).items() >= (times | {"max_pages": 7}).items()
    assert entry.options == {}
    good = {"quiet_from": "22:00:00", "quiet_to": "06:00:00"}
    result = await answer(hass, result, shown(result) | good)
    assert entry.options == good | {"max_pages": 7}


async def test_defaults_of_the_box(house: House) -> None:
    """Standard values count for every printer; unchanged and emptied forms do as they say."""
    result = await target(house.hass, await go(house.hass, house.entry, "defaults"), "box")
    assert "A4" in choices(result, "paper")
    assert choices(result, "color") == ["mono", "color"]
    assert told(result)["name"] == house.entry.title
    assert shown(result) == {}
    fields = {
        "paper": " A5 ",
        "color": "mono",
        "duplex": "long_edge",
        "scale": "90%",
        "auto_rotate": "yes",
        "reverse_order": "no",
    }
    await answer(house.hass, result, fields)
    kept = fields | {"paper": "A5", "auto_rotate": True, "reverse_order": False}
    assert house.entry.options == {"default_options": kept}

    result = await target(house.hass, await go(house.hass, house.entry, "defaults"), "box")
    await answer(house.hass, result, shown(result))
    assert house.entry.options == {"default_options": kept}

    result = await target(house.hass, await go(house.hass, house.entry, "defaults"), "box")
    await answer(house.hass, result, {})
    assert house.entry.options == {}


async def test_defaults_of_a_printer(house: House) -> None:
    """Only what this printer has is offered, its trays by name; another printer's stay."""
    laser, ink = "Kyocera MA2000w GX", "EPSON L3250 Series (网络)"
    result = await target(house.hass, await go(house.hass, house.entry, "defaults"), laser)
    assert told(result)["name"] == laser
    assert choices(result, "color") == ["mono"]
    assert choices(result, "duplex") == ["off", "long_edge", "short_edge"]
    assert choices(result, "tray") == ["自动选择", "纸盒 1", "手动进纸"]
    assert "信封 DL" in choices(result, "paper")
    await answer(house.hass, result, {"tray": "纸盒 1", "duplex": "short_edge"})
    first = {"tray": "纸盒 1", "duplex": "short_edge"}
    assert house.entry.options == {"printer_options": {key_of(house.entry, laser): first}}

    result = await target(house.hass, await go(house.hass, house.entry, "defaults"), ink)
    await answer(house.hass, result, {"paper_width": 100, "paper_height": 150.5, "color": "color"})
    second = {"paper_width": 100, "paper_height": 150.5, "color": "color"}
    both = {key_of(house.entry, laser): first, key_of(house.entry, ink): second}
    assert house.entry.options == {"printer_options": both}

    for name in (laser, ink):
        result = await target(house.hass, await go(house.hass, house.entry, "defaults"), name)
        await answer(house.hass, result, shown(result))
        assert house.entry.options == {"printer_options": both}
    result = await target(house.hass, await go(house.hass, house.entry, "defaults"), laser)
    await answer(house.hass, result, {})
    assert house.entry.options == {"printer_options": {key_of(house.entry, ink): second}}


IMPOSSIBLE: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("box", {"tray": "纸盒 1"}, {"tray": "option_not_checkable"}),
    ("box", {"paper_width": 80.0}, {"base": "custom_paper_needs_both_sides"}),
    (
        "box",
        {"paper": "A4", "paper_width": 80.0, "paper_height": 90.0},
        {"paper": "paper_or_size"},
    ),
    (
        "box",
        {"paper_width": 5000.0, "paper_height": 90.0},
        {"paper_width": "paper_size_out_of_range"},
    ),
    ("box", {"scale": "bigger"}, {"scale": "not_available"}),
    ("Kyocera MA2000w GX", {"paper": "A3"}, {"paper": "not_available"}),
    ("Kyocera MA2000w GX", {"tray": "Tray 9"}, {"tray": "not_available"}),
    ("EPSON L3250 Series (网络)", {"media_type": "gold"}, {"media_type": "not_available"}),
]


async def test_defaults_that_cannot_be(house: House) -> None:
    """The field says what is wrong and what would do; what was entered stays."""
    for name, fields, errors in IMPOSSIBLE:
        house.set_options({})
        result = await target(house.hass, await go(house.hass, house.entry, "defaults"), name)
        result = await answer(house.hass, result, fields)
        assert result["errors"] == errors
        assert shown(result) == fields
        if "not_available" in errors.values():
            assert told(result)["value"] in fields.values()
            assert told(result)["allowed"]
        assert house.entry.options == {}
        result = await answer(house.hass, result, {"color": "mono"})
        assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_a_default_that_the_printer_lost(
    hass: HomeAssistant, simulator: Simulator, box: Box
) -> None:
    """It stays to be seen and chosen, and is told when submitted; the box's defaults count, too."""
    entry = make_entry(simulator, box, options={"default_options": {"color": "color"}})
    assert await set_up(hass, entry)
    result = await target(hass, await go(hass, entry, "defaults"), "Kyocera MA2000w GX")
    result = await answer(hass, result, {"quality": "best"})
    assert result["errors"] == {"base": "not_available"}
    result = await answer(hass, result, {"quality": "best", "color": "mono"})
    assert result["type"] is FlowResultType.CREATE_ENTRY

    key = key_of(entry, "Kyocera MA2000w GX")
    lost = {"printer_options": {key: {"color": "color"}}}
    hass.config_entries.async_update_entry(entry, options=lost)
    result = await target(hass, await go(hass, entry, "defaults"), "Kyocera MA2000w GX")
    assert choices(result, "color") == ["mono", "color"]
    result = await answer(hass, result, shown(result))
    assert result["errors"] == {"color": "not_available"}
    await tear_down(hass)


async def test_label_printers_may_go_without_a_default_paper(
    hass: HomeAssistant, simulator: Simulator, box: Box
) -> None:
    """Whoever names the paper in each action need not name one here; the rest is checked."""
    label = next(one for one in box.printers if one.species == 3)
    label.capabilities = {"Capabilities": {"Color": {"黑白": 1}}}
    label.papers = {}
    entry = make_entry(simulator, box)
    assert await set_up(hass, entry)
    result = await target(hass, await go(hass, entry, "defaults"), label.name)
    result = await answer(hass, result, {"color": "mono", "scale": "bigger"})
    assert result["errors"] == {"scale": "not_available"}
    result = await answer(hass, result, {"color": "mono"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options["printer_options"][key_of(entry, label.name)] == {"color": "mono"}
    await tear_down(hass)


async def test_keep_alive(house: House) -> None:
    """Off at first; each printer has its own plan; none is left when all are off."""
    name = "EPSON L3250 Series (网络)"
    key = key_of(house.entry, name)
    result = await target(house.hass, await go(house.hass, house.entry, "keep_alive"), name)
    assert shown(result) == {"days": 0, "at": "10:00:00"}
    await answer(house.hass, result, shown(result))
    assert house.entry.options == {}
    result = await target(house.hass, await go(house.hass, house.entry, "keep_alive"), name)
    await answer(house.hass, result, {"days": 14.0, "at": "18:30:00"})
    assert house.entry.options == {"keep_alive": {key: {"days": 14, "at": "18:30:00"}}}
    result = await target(house.hass, await go(house.hass, house.entry, "keep_alive"), name)
    assert shown(result) == {"days": 14, "at": "18:30:00"}
    await answer(house.hass, result, shown(result) | {"days": 0})
    assert house.entry.options == {}


async def test_printers_that_fit_are_offered(house: House) -> None:
    """No printer without a driver, and ink-jets alone where nozzles are cared for, one of them chosen."""
    stored = house.data.storage.printers.values()
    able = [one.name for one in stored if one.printer.model]
    assert len(able) == len(house.box.printers) - 1
    result = await go(house.hass, house.entry, "defaults")
    assert choices(result, "target") == ["box", *able]
    house.hass.config_entries.options.async_abort(result["flow_id"])
    result = await go(house.hass, house.entry, "lan_printers")
    assert choices(result, "lan_printers") == able
    house.hass.config_entries.options.async_abort(result["flow_id"])
    result = await go(house.hass, house.entry, "keep_alive")
    inkjet = "EPSON L3250 Series (网络)"
    assert choices(result, "target") == [inkjet]
    assert shown(result) == {"target": key_of(house.entry, inkjet)}
    house.hass.config_entries.options.async_abort(result["flow_id"])

    # A printer that says nothing of itself may be one; one that has a plan can lose it.
    laser = key_of(house.entry, "Kyocera MA2000w GX")
    house.box.printers[-1].species, house.box.printers[-1].name = 0, "No species"
    await house.coordinator.async_refresh()
    plan = {"days": 7, "at": "10:00:00"}
    house.set_options({"keep_alive": {laser: plan}})
    result = await go(house.hass, house.entry, "keep_alive")
    assert choices(result, "target") == ["Kyocera MA2000w GX", inkjet, "No species"]


def test_every_number_has_its_unit_and_bounds() -> None:
    """Nobody has to guess what a number counts, or how far it goes."""
    for schema in (settings_schema({}), defaults_schema({}), nozzle_care_schema({})):
        for marker, selector in schema.schema.items():
            if isinstance(selector, NumberSelector):
                assert selector.config["unit_of_measurement"], marker
                assert "min" in selector.config, marker
                # A paper's size has an error of its own.
                assert "max" in selector.config or str(marker).startswith("paper_"), marker


async def test_without_printers(hass: HomeAssistant, simulator: Simulator, box: Box) -> None:
    """There is nothing to choose then."""
    box.printers.clear()
    entry = make_entry(simulator, box)
    assert await set_up(hass, entry)
    for step, reported in (
        ("keep_alive", "no_ink_jets"),
        ("stand_in", "no_printers"),
        ("lan_printers", "no_printers"),
    ):
        result = await go(hass, entry, step)
        assert result["step_id"] == reported
        result = await answer(hass, result, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options == {}
    await tear_down(hass)


async def test_push_without_an_address(house: House) -> None:
    """Many have none; they are told that nothing is missing."""
    house.data.account.set_address(None)
    result = await go(house.hass, house.entry, "push")
    assert result["step_id"] == "no_address"
    result = await answer(house.hass, result, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert house.entry.options == {}


async def test_box_unloaded_meanwhile(house: House) -> None:
    """A dialog left open ends with a word about it."""
    steps = ("defaults", "keep_alive", "stand_in", "approval", "release", "lan_printers", "push")
    flows = house.hass.config_entries.options
    opened = [await flows.async_init(house.entry.entry_id) for _ in steps]
    await house.hass.config_entries.async_unload(house.entry.entry_id)
    for step, result in zip(steps, opened, strict=True):
        ended = await answer(house.hass, result, {"next_step_id": step})
        assert (ended["type"], ended["reason"]) == (FlowResultType.ABORT, "not_loaded"), step


async def test_box_unloaded_while_waiting_for_a_push(
    hass: HomeAssistant, boxes: list[MockConfigEntry]
) -> None:
    """Waiting ends then, too."""
    with patch("custom_components.lianke.flows.options_flow.PUSH_SECONDS", 0.1):
        result = await answer(hass, await go(hass, boxes[0], "push"), {})
        await hass.config_entries.async_unload(boxes[0].entry_id)
        result = await settled(hass, result["flow_id"])
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "not_loaded"


@pytest.fixture
async def boxes(
    hass: HomeAssistant, reachable: str, simulator: Simulator
) -> AsyncGenerator[list[MockConfigEntry]]:
    """Set both boxes of the first account up, at an address that the simulator can reach."""
    mine = [one for one in simulator.cloud.boxes.values() if one.account is simulator.box.account]
    entries = [make_entry(simulator, one, title=f"Box {one.device_id}") for one in mine]
    for entry in entries:
        assert await set_up(hass, entry)
    yield entries
    await tear_down(hass)


async def settled(hass: HomeAssistant, flow_id: str) -> ConfigFlowResult:
    """Wait until a flow no longer shows progress."""
    async with asyncio.timeout(30):
        while True:
            await hass.async_block_till_done()
            result = await hass.config_entries.options.async_configure(flow_id)
            if result["type"] is not FlowResultType.SHOW_PROGRESS:
                return result
            await asyncio.sleep(0.02)


async def test_push_arrives(
    hass: HomeAssistant, boxes: list[MockConfigEntry], simulator: Simulator, reachable: str
) -> None:
    """The address is shown here; a message about any box of the account proves it."""
    first, other = boxes
    result = await go(hass, first, "push")
    address = told(result)["address"]
    assert address == f"{reachable}/api/webhook/{first.data['webhook_id']}"
    result = await answer(hass, result, {})
    assert result["type"] is FlowResultType.SHOW_PROGRESS
    assert result["progress_action"] == "push_wait"

    account = simulator.box.account
    assert account is not None
    account.push_url = address
    await simulator.cloud.messenger.push(account, other.data["device_id"], "printer_unplugged")
    result = await settled(hass, result["flow_id"])
    assert result["step_id"] == "push_heard"
    result = await answer(hass, result, {"next_step_id": "done"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert first.options == {}


async def test_push_of_an_unknown_form(
    hass: HomeAssistant, boxes: list[MockConfigEntry], simulator: Simulator
) -> None:
    """Payloads are not documented: one that names no box is told apart from none."""
    account = simulator.box.account
    assert account is not None
    account.push_url = boxes[0].runtime_data.account.address
    with patch("custom_components.lianke.flows.options_flow.PUSH_SECONDS", 2):
        result = await answer(hass, await go(hass, boxes[0], "push"), {})
        await simulator.cloud.messenger.push(account, "another-box", "printer_unplugged")
        result = await settled(hass, result["flow_id"])
    assert result["step_id"] == "push_unclear"
    result = await answer(hass, result, {"next_step_id": "done"})
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_push_does_not_arrive(hass: HomeAssistant, boxes: list[MockConfigEntry]) -> None:
    """After two minutes the user is told, and may try again."""
    with patch("custom_components.lianke.flows.options_flow.PUSH_SECONDS", 0.05):
        result = await answer(hass, await go(hass, boxes[0], "push"), {})
        result = await settled(hass, result["flow_id"])
    assert result["step_id"] == "push_silent"
    result = await answer(hass, result, {"next_step_id": "push"})
    assert result["step_id"] == "push"
    result = await answer(hass, result, {})
    assert result["type"] is FlowResultType.SHOW_PROGRESS
    hass.config_entries.options.async_abort(result["flow_id"])
    await hass.async_block_till_done()
    assert boxes[0].options == {}
