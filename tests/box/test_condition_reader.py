"""Conditions of printers: how often they are read, and what follows from them."""

import pytest

from custom_components.lianke.api.client import LiankeClient
from custom_components.lianke.api.models import PrinterAddress, PrinterCondition
from custom_components.lianke.box import condition_reader
from custom_components.lianke.box.printer_status import PrinterStatus
from tests.clock import Clock, elapse, rest
from tests.household import House
from tests.polling import STATUS, key_of, requests
from tests.simulator import Fault


async def test_conditions_are_read_in_turn(clock: Clock, settled: None, house: House) -> None:
    """Only where supported, one a box in five minutes, one at a time."""
    assert house.cloud.count(STATUS) == 1
    for port in (2, 4):
        house.box.printer(port).support_status = True
    before = requests(house.simulator)
    await elapse(house.hass, clock, 3600, 15)
    assert 10 <= (requests(house.simulator) - before)[STATUS] <= 12
    assert all(
        house.coordinator.data.printers[key_of(house.data, name)].condition is not None
        for name in ("Kyocera", "Gprinter", "HP LaserJet 1020")
    )
    assert house.coordinator.data.printers[key_of(house.data, "EPSON")].condition is None
    assert all(request.code == 200 for request in house.cloud.requests)


async def test_a_push_has_no_printer_asked_twice(clock: Clock, settled: None, house: House) -> None:
    """Also when one of them is due anyway, and another is asked by name."""
    for port in (2, 4):
        house.box.printer(port).support_status = True
    await house.coordinator.async_refresh()
    await elapse(house.hass, clock, 320, 20)
    before = house.cloud.count(STATUS)
    clock.tick(299)
    house.coordinator.async_refresh_soon("a job failed", key_of(house.data, "Gprinter"))
    house.coordinator.async_on_push()
    await house.coordinator.async_refresh()
    await elapse(house.hass, clock, 1, 0.5)
    assert house.cloud.count(STATUS) - before == 3


async def test_a_request_without_an_answer_may_still_occupy_the_box(
    clock: Clock, settled: None, house: House
) -> None:
    """The connection was cut, by the line or by a reload; a box answers one question at a time."""
    key = key_of(house.data, "Kyocera")
    house.cloud.fail(STATUS, Fault(kind="reset_after_body"))
    before = house.cloud.count(STATUS)
    house.coordinator._conditions.request(key)
    await elapse(house.hass, clock, 1, 0.5)
    assert house.cloud.count(STATUS) == before + 1
    assert await house.hass.config_entries.async_reload(house.coordinator.config_entry.entry_id)
    again = house.coordinator.config_entry.runtime_data
    again.coordinator._conditions.request(key)
    await elapse(house.hass, clock, 3, 3)
    assert house.cloud.count(STATUS) == before + 1
    await elapse(house.hass, clock, 20, 10)
    assert house.cloud.count(STATUS) > before + 1


async def test_nobody_asks_the_printers_of_a_box_that_is_off(
    clock: Clock, settled: None, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two refreshes take longer than the real one on a busy machine.
    monkeypatch.setattr(condition_reader, "READ_PAUSE", 60.0)
    before = house.cloud.count(STATUS)
    house.coordinator.async_refresh_soon("something happened")
    await house.coordinator.async_refresh()
    house.box.online = False
    await house.coordinator.async_refresh()
    await elapse(house.hass, clock, 120, 20)
    assert house.cloud.count(STATUS) == before


@pytest.mark.parametrize(("code", "kept"), [(497, False), (10009, True), (5002, True)])
async def test_a_condition_that_cannot_be_read(
    settled: None, code: int, kept: bool, house: House
) -> None:
    key = key_of(house.data, "Kyocera")
    assert house.coordinator.data.printers[key].condition is not None
    house.cloud.fail(STATUS, Fault(kind="code", code=code))
    house.coordinator._conditions.request(key)
    await rest(house.hass)
    assert (house.coordinator.data.printers[key].condition is not None) is kept
    assert house.coordinator.is_fresh


@pytest.mark.parametrize("what", ["box", "printer"])
async def test_a_condition_that_arrives_after_the_power_was_cut(
    settled: None, house: House, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """What was true before the power was cut is not shown as true once it is back."""
    key, printer = key_of(house.data, "Kyocera"), house.box.printer(1)
    read = LiankeClient.printer_condition

    def switch(*, on: bool) -> None:
        if what == "box":
            house.box.online = on
        else:
            printer.on = on

    async def late(client: LiankeClient, address: PrinterAddress) -> PrinterCondition:
        condition = await read(client, address)
        switch(on=False)
        await house.coordinator.async_refresh()
        return condition

    house.coordinator._conditions.forget_all()
    printer.paper = 0
    with monkeypatch.context() as patched:
        patched.setattr(LiankeClient, "printer_condition", late)
        house.coordinator._conditions.request(key)
        await rest(house.hass)
    printer.paper = 100
    switch(on=True)
    monkeypatch.setattr(condition_reader, "READ_PAUSE", 60.0)
    await house.coordinator.async_refresh()
    assert house.coordinator.data.printers[key].status is PrinterStatus.IDLE
