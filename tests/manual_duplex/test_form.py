"""Setting up both sides by hand: a test sheet, what a person sees of it, and what follows."""

import asyncio
from typing import Any
from unittest.mock import patch

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.lianke.manual_duplex import CONF_MANUAL_DUPLEX
from tests.clock import until
from tests.conftest import LANGUAGES, texts
from tests.flows.options import answer, choices, go, shown, target
from tests.household import LABELS, LASER, OTHER_LASER, came_out, key_of, show_state
from tests.manual_duplex.laser import LASERS, Image, Laser, Sheet
from tests.simulator import Simulator

SMALL_LASER = {"comes_out": "face_down", "put_back": "face_down", "arrows": "opposite"}


def seen(laser: Laser) -> dict[str, str]:
    """Return what a person answers who follows the forms at this printer."""
    [sheet] = laser.print([Image("1", 0)], [Sheet()])
    first = next(image for image in sheet.faces if image is not None)
    # Put back with the 1 down, the arrow pointing into the printer.
    sheet.up = sheet.faces.index(None)
    sheet.leading = first.turn // 180
    face = sheet.up if laser.prints_up else 1 - sheet.up
    second_side = "back" if sheet.faces[face] is None else "front"
    sheet.faces[face] = None
    laser.print([Image("2", 0)], [sheet])
    second = sheet.faces[face]
    assert second is not None
    return {
        "comes_out": laser.comes_out,
        "second_side": second_side,
        "arrows": "same" if second.turn == first.turn else "opposite",
    }


async def at_printer(
    hass: HomeAssistant, entry: MockConfigEntry, name: str, step: str
) -> ConfigFlowResult:
    """Open the options and choose a printer, and what to do there."""
    result = await target(hass, await go(hass, entry, "manual_duplex"), name)
    assert result["type"] is FlowResultType.MENU
    return await hass.config_entries.options.async_configure(
        result["flow_id"], {"next_step_id": step}
    )


@pytest.mark.parametrize("laser", LASERS)
async def test_a_sheet_and_three_questions(
    hass: HomeAssistant,
    reachable: str,
    setup: MockConfigEntry,
    simulator: Simulator,
    hass_client_no_auth: ClientSessionGenerator,
    laser: Laser,
) -> None:
    client = await hass_client_no_auth()
    answers = seen(laser)
    result = await at_printer(hass, setup, LASER, "manual_duplex_test")
    assert not simulator.printed
    result = await answer(hass, result, {})
    assert result["step_id"] == "manual_duplex_first"
    placeholders: Any = result["description_placeholders"]
    picture = await client.get(placeholders["out"].removeprefix("![](").rstrip(")"))
    assert (await picture.read()).startswith(b"<svg")
    [first] = await came_out(simulator)
    assert "<b>1</b>" in first.path.read_text("utf-8")
    result = await answer(hass, result, {"comes_out": answers.pop("comes_out")})
    assert result["step_id"] == "manual_duplex_second"
    [_, second] = await came_out(simulator, 2)
    assert "<b>2</b>" in second.path.read_text("utf-8")
    result = await answer(hass, result, answers)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    expected = {"comes_out": laser.comes_out, "put_back": laser.put_back, "turned": laser.turned}
    assert setup.options == {CONF_MANUAL_DUPLEX: {key_of(setup, LASER): expected}}


async def test_answers_are_shown_changed_and_forgotten(
    hass: HomeAssistant, setup: MockConfigEntry
) -> None:
    result = await at_printer(hass, setup, LASER, "manual_duplex_answers")
    # As for most printers.
    assert shown(result) == {"comes_out": "face_down", "put_back": "face_down", "arrows": "same"}
    wanted = {"comes_out": "face_up", "put_back": "face_down", "arrows": "opposite"}
    await answer(hass, result, wanted)
    kept = {"comes_out": "face_up", "put_back": "face_down", "turned": True}
    assert setup.options == {CONF_MANUAL_DUPLEX: {key_of(setup, LASER): kept}}
    result = await at_printer(hass, setup, LASER, "manual_duplex_answers")
    assert shown(result) == wanted
    result = await at_printer(hass, setup, LASER, "manual_duplex_forget")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert setup.options == {}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_sheet_that_is_refused(
    hass: HomeAssistant, setup: MockConfigEntry, simulator: Simulator, language: str
) -> None:
    """Said in the language of the house as a whole: a key would be read in another one than the reason in it."""
    hass.config.language = language
    result = await at_printer(hass, setup, LASER, "manual_duplex_test")
    show_state(simulator.box.printer(1), "outOfPaper")
    await setup.runtime_data.coordinator.async_refresh()
    result = await answer(hass, result, {})
    told = texts(language)["exceptions"]
    reason = told["not_ready_out_of_paper"]["message"].format(printer=LASER)
    whole = told["manual_duplex_refused"]["message"].format(reason=reason)
    assert (result["step_id"], result["errors"]) == ("manual_duplex_test", {"base": whole})
    # Home Assistant shows what is no key as it is.
    assert whole not in texts(language)["options"]["error"]
    assert not simulator.printed
    assert setup.options == {}


async def test_labels_are_not_turned_over(hass: HomeAssistant, setup: MockConfigEntry) -> None:
    offered = choices(await go(hass, setup, "manual_duplex"), "target")
    assert LASER in offered
    assert LABELS not in offered


async def test_printers_with_a_duplex_unit_come_last(
    hass: HomeAssistant, setup: MockConfigEntry
) -> None:
    """The first one is chosen beforehand, and the text speaks of printers without a unit."""
    coordinator = setup.runtime_data.coordinator
    for name in (LASER, OTHER_LASER):
        able, _ = await coordinator.capabilities.get(key_of(setup, name))
        assert able is not None
    offered = choices(await go(hass, setup, "manual_duplex"), "target")
    assert OTHER_LASER in offered
    assert offered[-1] == LASER
    # What has been set up is what somebody may want to change.
    await answer(hass, await at_printer(hass, setup, LASER, "manual_duplex_answers"), SMALL_LASER)
    assert choices(await go(hass, setup, "manual_duplex"), "target")[0] == LASER


async def test_a_sheet_that_is_asked_for_twice(
    hass: HomeAssistant, reachable: str, setup: MockConfigEntry, simulator: Simulator
) -> None:
    """A form that is submitted again before the first answer has come prints one sheet."""
    form = await at_printer(hass, setup, LASER, "manual_duplex_test")
    results = await asyncio.gather(answer(hass, form, {}), answer(hass, form, {}))
    assert {result["step_id"] for result in results} == {"manual_duplex_first"}
    await until(lambda: all(job.is_final for job in setup.runtime_data.queue.jobs()))
    await came_out(simulator)
    form, told = results[0], {"comes_out": "face_down"}
    results = await asyncio.gather(answer(hass, form, told), answer(hass, form, told))
    assert {result["step_id"] for result in results} == {"manual_duplex_second"}
    await until(lambda: all(job.is_final for job in setup.runtime_data.queue.jobs()))
    await came_out(simulator, 2)


async def test_a_browser_that_leaves_and_asks_again(
    hass: HomeAssistant, reachable: str, setup: MockConfigEntry, simulator: Simulator
) -> None:
    """The first sheet is on its way."""
    form = await at_printer(hass, setup, LASER, "manual_duplex_test")
    first = asyncio.create_task(answer(hass, form, {}))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert (await answer(hass, form, {}))["step_id"] == "manual_duplex_first"
    await until(lambda: all(job.is_final for job in setup.runtime_data.queue.jobs()))
    await came_out(simulator)


async def test_a_box_that_is_unloaded_before_the_sheet(
    hass: HomeAssistant, setup: MockConfigEntry, simulator: Simulator
) -> None:
    form = await at_printer(hass, setup, LASER, "manual_duplex_test")

    async def unload(*_: object, **__: object) -> None:
        await hass.config_entries.async_unload(setup.entry_id)
        raise ServiceValidationError("The box was unloaded")

    with patch("custom_components.lianke.flows.options_flow.async_print_page", unload):
        result = await answer(hass, form, {})
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "manual_duplex_test")
    result = await answer(hass, result, {})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "not_loaded")
    assert not simulator.printed
