"""Conditions of printers: how often they are read, and what follows from them."""

from homeassistant.core import HomeAssistant
import pytest

from custom_components.lianke.box.status import HoldReason, PrinterStatus
from custom_components.lianke.runtime import LiankeData
from tests.clock import Clock, elapse, rest
from tests.polling import STATUS, key_of, requests
from tests.simulator import Box, Fault, Simulator


async def test_conditions_are_read_in_turn(
    clock: Clock,
    hass: HomeAssistant,
    simulator: Simulator,
    box: Box,
    data: LiankeData,
    settled: None,
) -> None:
    """Only where supported, one a box in five minutes, one at a time."""
    assert simulator.cloud.count(STATUS) == 1
    for port in (2, 4):
        box.printer(port).support_status = True
    before = requests(simulator)
    await elapse(hass, clock, 3600, 15)
    assert 10 <= (requests(simulator) - before)[STATUS] <= 12
    assert all(
        data.coordinator.data.printers[key_of(data, name)].condition is not None
        for name in ("Kyocera", "Gprinter", "HP LaserJet 1020")
    )
    assert data.coordinator.data.printers[key_of(data, "EPSON")].condition is None
    assert all(request.code == 200 for request in simulator.cloud.requests)


async def test_a_push_has_no_printer_asked_twice(
    clock: Clock,
    hass: HomeAssistant,
    simulator: Simulator,
    box: Box,
    data: LiankeData,
    settled: None,
) -> None:
    """Also when one of them is due anyway, and another is asked by name."""
    for port in (2, 4):
        box.printer(port).support_status = True
    await data.coordinator.async_refresh()
    await elapse(hass, clock, 320, 20)
    before = simulator.cloud.count(STATUS)
    clock.tick(299)
    data.coordinator.async_refresh_soon("a job failed", key_of(data, "Gprinter"))
    data.coordinator.async_on_push()
    await data.coordinator.async_refresh()
    await elapse(hass, clock, 1, 0.5)
    assert simulator.cloud.count(STATUS) - before == 3


async def test_a_request_without_an_answer_may_still_occupy_the_box(
    clock: Clock,
    hass: HomeAssistant,
    simulator: Simulator,
    box: Box,
    data: LiankeData,
    settled: None,
) -> None:
    """The connection was cut, by the line or by a reload; a box answers one question at a time."""
    key = key_of(data, "Kyocera")
    simulator.cloud.fail(STATUS, Fault(kind="reset_after_body"))
    before = simulator.cloud.count(STATUS)
    data.coordinator._conditions.request(key)
    await elapse(hass, clock, 1, 0.5)
    assert simulator.cloud.count(STATUS) == before + 1
    assert await hass.config_entries.async_reload(data.coordinator.config_entry.entry_id)
    again = data.coordinator.config_entry.runtime_data
    again.coordinator._conditions.request(key)
    await elapse(hass, clock, 3, 3)
    assert simulator.cloud.count(STATUS) == before + 1
    await elapse(hass, clock, 20, 10)
    assert simulator.cloud.count(STATUS) > before + 1


async def test_nobody_asks_the_printers_of_a_box_that_is_off(
    hass: HomeAssistant, simulator: Simulator, box: Box, data: LiankeData, settled: None
) -> None:
    before = simulator.cloud.count(STATUS)
    data.coordinator.async_refresh_soon("something happened")
    await data.coordinator.async_refresh()
    box.online = False
    await data.coordinator.async_refresh()
    await rest(hass)
    assert simulator.cloud.count(STATUS) == before


async def test_a_condition_that_is_asked_for(
    hass: HomeAssistant, simulator: Simulator, box: Box, data: LiankeData, settled: None
) -> None:
    key = key_of(data, "Kyocera")
    box.printer(1).paper_jam = True
    box.printer(1).raw_state = "idle"
    data.coordinator.async_refresh_soon("a job failed", key)
    data.coordinator.async_refresh_soon("a job failed", key_of(data, "Gprinter"))
    await data.coordinator.async_refresh()
    await rest(hass)
    assert simulator.cloud.count(STATUS) == 2
    assert data.coordinator.data.printers[key].status is PrinterStatus.PAPER_JAM
    assert data.coordinator.hold_reason(key) is HoldReason.PAPER_JAM
    assert not data.coordinator.is_ready(key)


@pytest.mark.parametrize(("code", "kept"), [(500, True), (497, False), (10009, True), (5002, True)])
async def test_a_condition_that_cannot_be_read(
    hass: HomeAssistant,
    simulator: Simulator,
    data: LiankeData,
    settled: None,
    code: int,
    kept: bool,
) -> None:
    key = key_of(data, "Kyocera")
    assert data.coordinator.data.printers[key].condition is not None
    simulator.cloud.fail(STATUS, Fault(kind="code", code=code))
    data.coordinator._conditions.request(key)
    await rest(hass)
    assert (data.coordinator.data.printers[key].condition is not None) is kept
    assert data.coordinator.is_fresh
