"""The options about stand-ins: who takes over, when, and what makes no sense."""

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.conftest import make_entry, set_up
from tests.flows.options import answer, choices, go, shown, target
from tests.household import INKJET, LASER, OTHER_LASER, key_of
from tests.simulator import Simulator


async def choose(
    hass: HomeAssistant, entry: MockConfigEntry, of: str, stand_in: str | None, minutes: int = 30
) -> dict[str, str]:
    """Choose a printer's stand-in; return the form's errors."""
    result = await target(hass, await go(hass, entry, "stand_in"), of)
    fields = {"minutes": minutes} | ({"printer": stand_in} if stand_in else {})
    result = await answer(hass, result, fields)
    if result["type"] is FlowResultType.CREATE_ENTRY:
        return {}
    errors = dict(result["errors"] or {})
    hass.config_entries.options.async_abort(result["flow_id"])
    return errors


async def test_a_stand_in_is_chosen_changed_and_cleared(
    hass: HomeAssistant, setup: MockConfigEntry
) -> None:
    laser, inkjet = (key_of(setup, name) for name in (LASER, INKJET))
    there = f"{setup.entry_id}/{inkjet}"
    result = await target(hass, await go(hass, setup, "stand_in"), LASER)
    assert shown(result) == {"minutes": 30}
    assert INKJET in choices(result, "printer")
    assert not await choose(hass, setup, LASER, there, 45)
    assert setup.options == {"stand_ins": {laser: {"printer": there, "minutes": 45}}}
    result = await target(hass, await go(hass, setup, "stand_in"), LASER)
    assert shown(result) == {"printer": there, "minutes": 45}
    assert not await choose(hass, setup, LASER, None)
    assert setup.options == {}


async def test_no_printer_stands_in_for_itself_or_in_a_circle(
    hass: HomeAssistant, setup: MockConfigEntry
) -> None:
    names = (LASER, INKJET, OTHER_LASER)
    first, second, third = (f"{setup.entry_id}/{key_of(setup, name)}" for name in names)
    assert await choose(hass, setup, LASER, first) == {"printer": "stand_in_is_itself"}
    assert not await choose(hass, setup, LASER, second)
    assert await choose(hass, setup, INKJET, first) == {"printer": "stand_in_in_a_circle"}
    assert not await choose(hass, setup, INKJET, third)
    assert await choose(hass, setup, OTHER_LASER, first) == {"printer": "stand_in_in_a_circle"}
    assert setup.options["stand_ins"].keys() == {key_of(setup, name) for name in (LASER, INKJET)}


async def test_a_stand_in_of_another_box(
    hass: HomeAssistant, setup: MockConfigEntry, simulator: Simulator
) -> None:
    """It is named with its box, and a circle over two boxes is one as well."""
    box = simulator.cloud.add_box(simulator.box.account)
    simulator.cloud.add_printer(box, "HP LaserJet 1020", 1)
    other = make_entry(simulator, box, title="Attic")
    assert await set_up(hass, other)
    name = next(iter(other.runtime_data.storage.printers.values())).name
    result = await target(hass, await go(hass, setup, "stand_in"), LASER)
    assert f"{name} (Attic)" in choices(result, "printer")
    key = key_of(other, name)
    there = f"{other.entry_id}/{key}"
    here = f"{setup.entry_id}/{key_of(setup, LASER)}"
    assert not await choose(hass, setup, LASER, there)
    assert await choose(hass, other, name, here) == {"printer": "stand_in_in_a_circle"}
    # Its box is gone, and the choice can still be seen and taken back.
    await hass.config_entries.async_unload(other.entry_id)
    result = await target(hass, await go(hass, setup, "stand_in"), LASER)
    assert key in choices(result, "printer")
