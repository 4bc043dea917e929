"""A copy that cannot be printed is refused before the scanner starts, at each door."""

from collections.abc import Awaitable, Callable
from typing import Any

from homeassistant.auth.const import GROUP_ID_ADMIN, GROUP_ID_READ_ONLY
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockUser
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.lianke.const import (
    CONF_APPROVAL_PRINTERS,
    CONF_DEFAULT_OPTIONS,
    CONF_MONTHLY_BEYOND,
    CONF_MONTHLY_PAGES,
    CONF_PRINTER_OPTIONS,
    MAX_JOBS_PER_HOUR,
    MAX_PAGES,
)
from custom_components.lianke.documents.pdf_client import PdfUnavailableError, async_get_pdf_worker
from custom_components.lianke.scanner.scan_job import ScanState
from tests.clock import until
from tests.household import AWAITING, LABELS, LASER, House, box_of, key_of, refusal
from tests.scanner.scans import device, do, hub_of, last, printer, say
from tests.simulator.models import Printer

pytestmark = pytest.mark.usefixtures("hurried", "hub")

# Fields of a call, and the errors with which it is refused.
OPTIONS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"copies": 0}, "too_many_copies"),
    ({"copies": -3}, "too_many_copies"),
    ({"copies": 1000}, "too_many_copies"),
    ({"copies": True}, "field_yes_or_no"),
    ({"copies": 1.5}, "field_not_whole"),
    ({"paper": "A2"}, "paper_not_available"),
    ({"paper": 0}, "custom_paper_needs_both_sides"),
    ({"paper": ""}, "field_empty"),
    ({"duplex": "x"}, "duplex_not_available"),
    ({"scale": "x"}, "invalid_option"),
    ({"scale": "0%"}, "invalid_option"),
    ({"tray": "Moon"}, "tray_not_available"),
    ({"tray": 4711}, "tray_not_available"),
    ({"media_type": "Moon"}, "media_type_not_available"),
    ({"quality": "x"}, "quality_not_available"),
    ({"orientation": "portrait"}, "field_unknown"),
    ({"sheet": "2_up"}, "field_not_offered"),
    ({"sheet": "id_card", "paper": "A2"}, "paper_not_available"),
    ({"sheet": "id_card", "copies": 0}, "too_many_copies"),
    ({"sheet": "id_card", "source": "feeder"}, "id_card_on_glass"),
    ({"sheet": "id_card", "straighten": True}, "scan_page_fixed"),
    ({"source": "roof"}, "field_not_offered"),
    ({"color": "red"}, "field_not_offered"),
    ({"size": "A0"}, "scan_no_size"),
    ({"scan_duplex": True}, "scan_duplex_glass"),
    ({"printer": "nothing"}, ""),
    ({"printer": ""}, ""),
)


async def test_what_cannot_be_copied_is_not_scanned(
    house: House, laser: Printer, hass_ws_client: WebSocketGenerator
) -> None:
    """Neither for an action, nor for a script, which gets no response, nor for the card."""
    hass, calls = house.hass, []
    for data, key in OPTIONS:
        asked = {"device_id": device(house, laser), "printer": printer(house)} | data
        # As a template yields it: the scanner's own printer, which is known.
        is_empty = data.get("printer") == ""
        calls.append((asked | {"copies": 0}, "too_many_copies") if is_empty else (asked, key))
    scripts = {
        f"copy_{number}": {"sequence": [{"action": "lianke.copy", "data": asked}]}
        for number, (asked, _) in enumerate(calls)
    }
    assert await async_setup_component(hass, "script", {"script": scripts})
    assert await async_setup_component(hass, "websocket_api", {})
    await hass.auth.async_create_user("Boss", group_ids=[GROUP_ID_ADMIN])
    socket = await hass_ws_client(hass)
    for number, (asked, key) in enumerate(calls):
        run = hass.services.async_call("script", f"copy_{number}", blocking=True)
        await socket.send_json_auto_id(
            {"type": "lianke/action", "service": "copy", "service_data": asked}
        )
        answer = await socket.receive_json()
        assert not answer["success"]
        for told in (
            await refusal(house.ask("copy", **asked), HomeAssistantError),
            await refusal(run, HomeAssistantError),
            answer["error"].get("translation_key"),
        ):
            assert told == key or (not key and told), asked
    assert laser.scanned == []
    assert not house.cloud.scans
    assert house.cloud.count("POST /scanning/job") == 0
    assert house.queue.jobs() == []


async def disabled(house: House) -> None:
    registry = dr.async_get(house.hass)
    registry.async_update_device(printer(house), disabled_by=dr.DeviceEntryDisabler.USER)


async def of_an_hour(house: House) -> None:
    house.set_options({MAX_JOBS_PER_HOUR.key: 1})
    await house.print_one(text="x")


async def of_a_job(house: House) -> None:
    house.set_options({CONF_DEFAULT_OPTIONS: {"copies": 20}, MAX_PAGES.key: 10})


async def unknown_tray(house: House) -> None:
    house.set_options({CONF_PRINTER_OPTIONS: {key_of(house.entry, LASER): {"tray": "Moon"}}})


async def gone(house: House) -> None:
    """Somebody has removed its device."""
    house.coordinator.async_forget(key_of(house.entry, LASER))


@pytest.mark.parametrize(
    ("forbid", "key"),
    [
        (disabled, "printer_disabled"),
        (of_an_hour, "too_many_jobs"),
        (of_a_job, "too_many_pages"),
        (unknown_tray, "tray_not_available"),
    ],
)
async def test_what_the_house_forbids_is_not_scanned(
    house: House, laser: Printer, forbid: Callable[[House], Awaitable[None]], key: str
) -> None:
    await forbid(house)
    before = len(house.queue.jobs())
    assert await refusal(do(house, laser, "copy", printer=printer(house))) == key
    assert laser.scanned == []
    assert len(house.queue.jobs()) == before


async def test_the_pages_of_a_month_are_used_up(
    hass: HomeAssistant, house: House, laser: Printer
) -> None:
    await hass.auth.async_create_user("Boss", group_ids=[GROUP_ID_ADMIN])
    anna = MockUser(name="Anna", groups=[]).add_to_hass(hass)
    anna.mock_policy({"entities": True})
    house.set_options({CONF_MONTHLY_PAGES: 2, CONF_MONTHLY_BEYOND: "refused"})
    context = Context(user_id=anna.id)
    asked = do(house, laser, "copy", context, printer=printer(house), copies=3)
    assert await refusal(asked) == "too_many_pages_this_month"
    assert laser.scanned == []
    answer = await do(house, laser, "copy", context, printer=printer(house), copies=2)
    assert answer["state"] == "completed"


@pytest.mark.parametrize(
    ("name", "key"),
    [(AWAITING, "driver_awaiting"), ("box", "not_a_printer"), ("scanner", "scanner_not_printer")],
)
async def test_what_prints_no_copy(house: House, laser: Printer, name: str, key: str) -> None:
    found = {
        "box": box_of(house.hass, house.entry).id,
        "scanner": device(house, laser),
    }.get(name) or house.device(name)
    assert await refusal(do(house, laser, "copy", printer=found)) == key
    assert laser.scanned == []


async def test_a_label_takes_no_id_card(house: House, laser: Printer) -> None:
    """Whatever the layout refuses, too."""
    asked = do(house, laser, "copy", printer=house.device(LABELS), sheet="id_card")
    assert await refusal(asked) == "sheet_paper_too_small"
    assert laser.scanned == []


async def test_without_the_process_that_lays_it_out_no_card_is_scanned(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_args: Any, **_more: Any) -> None:
        raise PdfUnavailableError

    monkeypatch.setattr(async_get_pdf_worker(house.hass), "async_run_pdf_task", broken)
    asked = do(house, laser, "copy", printer=printer(house), sheet="id_card")
    assert await refusal(asked) == "sheet_not_available"
    assert laser.scanned == []


async def test_who_may_not_print_there_scans_nothing(
    hass: HomeAssistant, house: House, laser: Printer
) -> None:
    await hass.auth.async_create_user("Boss", group_ids=[GROUP_ID_ADMIN])
    guest = await hass.auth.async_create_user("Guest", group_ids=[GROUP_ID_READ_ONLY])
    with pytest.raises(HomeAssistantError):
        await do(house, laser, "copy", Context(user_id=guest.id), printer=printer(house))
    assert laser.scanned == []


async def test_a_copy_that_somebody_approves_is_scanned_and_waits(
    hass: HomeAssistant, house: House, laser: Printer
) -> None:
    await hass.auth.async_create_user("Boss", group_ids=[GROUP_ID_ADMIN])
    anna = MockUser(name="Anna", groups=[]).add_to_hass(hass)
    anna.mock_policy({"entities": True})
    house.set_options({CONF_APPROVAL_PRINTERS: [key_of(house.entry, LASER)]})
    answer = await do(house, laser, "copy", Context(user_id=anna.id), printer=printer(house))
    assert answer["state"] == "completed"
    (job,) = house.queue.jobs()
    assert (job.asks_for, house.sent) == ("approval", 0)


@pytest.mark.parametrize(
    ("change", "word"),
    [(gone, "printer"), (of_an_hour, "limit"), (of_a_job, "pages"), (disabled, "disabled")],
)
async def test_what_changes_meanwhile_is_told_and_the_scan_is_kept(
    house: House, laser: Printer, change: Callable[[House], Awaitable[None]], word: str
) -> None:
    asked: dict[str, Any] = {"printer": printer(house), "several_pages": True, "size": "A4"}
    waiting = await do(house, laser, "copy", **asked)
    assert waiting["state"] == "waiting"
    await change(house)
    before = len(house.queue.jobs())
    answer = await say(house, laser, "finish", scan_id=waiting["scan_id"])
    assert (answer["state"], answer["reason"]) == ("failed", "scan_not_printed")
    assert word in answer["message"]
    assert len(answer["files"]) == 1
    assert answer["files"][0]["bytes"] > 1000
    assert len(house.queue.jobs()) == before
    assert (last(house).state, laser.scanned) == (ScanState.FAILED, [laser.glass])
    await until(lambda: not hub_of(house).is_in_use(str(laser.id)))
