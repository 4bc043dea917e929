"""One poll of a box: online, offline, and in between."""

from datetime import timedelta

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.lianke.box.status import HoldReason, PrinterStatus
from custom_components.lianke.coordinator import LiankeCoordinator
from custom_components.lianke.runtime import LiankeData
from tests.clock import Clock, elapse, rest
from tests.polling import INFO, LIST, key_of, requests
from tests.simulator import Box, Fault, Simulator


async def test_two_requests_a_poll(
    hass: HomeAssistant, simulator: Simulator, coordinator: LiankeCoordinator, settled: None
) -> None:
    before = requests(simulator)
    await coordinator.async_refresh()
    await rest(hass)
    assert requests(simulator) - before == {INFO: 1, LIST: 1}
    assert coordinator.is_fresh
    assert coordinator.data.online is True


async def test_box_offline(
    clock: Clock,
    hass: HomeAssistant,
    simulator: Simulator,
    box: Box,
    coordinator: LiankeCoordinator,
    settled: None,
) -> None:
    box.online = False
    await coordinator.async_refresh()
    assert coordinator.data.online is False
    assert {view.status for view in coordinator.data.printers.values()} == {"box_offline"}
    assert coordinator.hold_reason("any") is HoldReason.BOX_OFFLINE

    before = requests(simulator)
    await elapse(hass, clock, 3600, 30)
    asked = requests(simulator) - before
    assert asked.keys() == {INFO}
    assert 10 <= asked[INFO] <= 12

    box.online = True
    await elapse(hass, clock, 340, 10)
    assert coordinator.data.online is True
    assert coordinator.update_interval is not None
    assert coordinator.update_interval < timedelta(seconds=67)


async def test_a_box_that_was_never_started_is_offline(
    simulator: Simulator, box: Box, coordinator: LiankeCoordinator
) -> None:
    box.online = None
    await coordinator.async_refresh()
    assert coordinator.data.online is False


@pytest.mark.parametrize("code", [5002, 500])
async def test_box_goes_offline_between_the_two_requests(
    simulator: Simulator, coordinator: LiankeCoordinator, settled: None, code: int
) -> None:
    simulator.cloud.fail(LIST, Fault(kind="code", code=code))
    await coordinator.async_refresh()
    assert coordinator.data.online is (code != 5002)


@pytest.mark.parametrize("variant", ["code_5002", "code_500", "stale", "empty"])
async def test_a_box_that_goes_offline_is_seen_whatever_its_list_says(
    simulator: Simulator, box: Box, coordinator: LiankeCoordinator, settled: None, variant: str
) -> None:
    simulator.cloud.variants.update(offline_list=variant)
    box.online = False
    await coordinator.async_refresh()
    assert coordinator.is_fresh
    assert coordinator.data.online is False


@pytest.mark.parametrize(
    ("off_mode", "status"),
    [
        ("row_gone", PrinterStatus.DISCONNECTED),
        ("stale_row", PrinterStatus.IDLE),
        ("not_printer", PrinterStatus.PRINTING),
        ("state_null", PrinterStatus.IDLE),
        ("accepted_until_on", PrinterStatus.IDLE),
    ],
)
async def test_a_printer_that_is_switched_off(
    clock: Clock,
    hass: HomeAssistant,
    simulator: Simulator,
    box: Box,
    data: LiankeData,
    settled: None,
    off_mode: str,
    status: PrinterStatus,
) -> None:
    """Whatever the service makes of it, the printer stays; only some of it can be told."""
    simulator.cloud.variants.update(printer_off=off_mode)
    key = key_of(data, "Kyocera")
    box.printer(1).on = False
    await data.coordinator.async_refresh()
    view = data.coordinator.data.printers[key]
    assert view.status == status
    if off_mode == "not_printer":
        clock.tick(601)
        await data.coordinator.async_refresh()
        assert data.coordinator.data.printers[key].status is PrinterStatus.DISCONNECTED
        assert data.coordinator.hold_reason(key) is HoldReason.DISCONNECTED
    box.printer(1).on = True
    await data.coordinator.async_refresh()
    await rest(hass)
    assert data.coordinator.data.printers[key].status is PrinterStatus.IDLE
    assert len(data.storage.printers) == 6


@pytest.mark.parametrize(("kind", "number"), [("usb", 5), ("network", 1), ("both", 6)])
async def test_which_printers_to_list_is_read_when_used(
    hass: HomeAssistant,
    setup: MockConfigEntry,
    coordinator: LiankeCoordinator,
    kind: str,
    number: int,
) -> None:
    hass.config_entries.async_update_entry(setup, options={"printer_kind": kind})
    await coordinator.async_refresh()
    views = coordinator.data.printers.values()
    assert len(views) == 6
    assert sum(view.present for view in views) == number
