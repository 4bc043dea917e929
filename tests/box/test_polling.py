"""One poll of a box: online, offline, and in between."""

from datetime import timedelta

import pytest

from custom_components.lianke.box.printer_status import PrinterStatus
from tests.clock import Clock, elapse, rest
from tests.household import House
from tests.polling import INFO, LIST, key_of, requests
from tests.simulator import Fault


async def test_box_offline(clock: Clock, settled: None, house: House) -> None:
    house.box.online = False
    await house.coordinator.async_refresh()
    assert house.coordinator.data.online is False
    assert {view.status for view in house.coordinator.data.printers.values()} == {"box_offline"}
    assert house.coordinator.hold_reason("any") is PrinterStatus.BOX_OFFLINE

    before = requests(house.simulator)
    await elapse(house.hass, clock, 3600, 30)
    asked = requests(house.simulator) - before
    assert asked.keys() == {INFO}
    assert 10 <= asked[INFO] <= 12

    house.box.online = True
    await elapse(house.hass, clock, 340, 10)
    assert house.coordinator.data.online is True
    assert house.coordinator.update_interval is not None
    assert house.coordinator.update_interval < timedelta(seconds=67)


async def test_a_box_that_was_never_started_is_offline(house: House) -> None:
    house.box.online = None
    await house.coordinator.async_refresh()
    assert house.coordinator.data.online is False


async def test_box_goes_offline_between_the_two_requests(settled: None, house: House) -> None:
    for code in (500, 5002):
        house.cloud.fail(LIST, Fault(kind="code", code=code))
        await house.coordinator.async_refresh()
        assert house.coordinator.data.online is (code != 5002)


async def test_a_box_that_goes_offline_is_seen_whatever_its_list_says(
    settled: None, house: House
) -> None:
    for variant in ("code_5002", "code_500", "stale", "empty"):
        house.cloud.variants.update(offline_list=variant)
        house.box.online = False
        await house.coordinator.async_refresh()
        assert house.coordinator.is_fresh, variant
        assert house.coordinator.data.online is False, variant
        house.box.online = True
        await house.coordinator.async_refresh()
        assert house.coordinator.data.online is True, variant


@pytest.mark.parametrize(
    ("off_mode", "status"),
    [
        ("row_gone", PrinterStatus.DISCONNECTED),
        ("not_printer", PrinterStatus.PRINTING),
        ("state_null", PrinterStatus.IDLE),
    ],
)
async def test_a_printer_that_is_switched_off(
    clock: Clock, settled: None, off_mode: str, status: PrinterStatus, house: House
) -> None:
    """Whatever the service makes of it, the printer stays; only some of it can be told."""
    house.cloud.variants.update(printer_off=off_mode)
    key = key_of(house.data, "Kyocera")
    house.box.printer(1).on = False
    await house.coordinator.async_refresh()
    view = house.coordinator.data.printers[key]
    assert view.status == status
    if off_mode == "not_printer":
        clock.tick(601)
        await house.coordinator.async_refresh()
        assert house.coordinator.data.printers[key].status is PrinterStatus.DISCONNECTED
        assert house.coordinator.hold_reason(key) is PrinterStatus.DISCONNECTED
    house.box.printer(1).on = True
    await house.coordinator.async_refresh()
    await rest(house.hass)
    assert house.coordinator.data.printers[key].status is PrinterStatus.IDLE
    assert len(house.data.storage.printers) == 6


async def test_which_printers_to_list_is_read_when_used(clock: Clock, house: House) -> None:
    for kind, number in (("usb", 5), ("network", 1), ("both", 6)):
        house.set_options({"printer_kind": kind})
        await elapse(house.hass, clock, 10)
        views = house.coordinator.data.printers.values()
        assert len(views) == 6
        assert sum(view.present for view in views) == number, kind
