"""Refreshes of a box between two regular polls."""

import asyncio

from custom_components.lianke.box.printer_status import PrinterStatus
from tests.clock import Clock, elapse, rest
from tests.household import House
from tests.polling import INFO, LIST, key_of, requests
from tests.simulator import Fault


async def test_refreshes_are_five_seconds_apart(clock: Clock, settled: None, house: House) -> None:
    clock.tick(10)
    before = requests(house.simulator)
    for _ in range(100):
        house.coordinator.async_refresh_soon("a stranger knocks")
    await rest(house.hass)
    assert (requests(house.simulator) - before)[INFO] == 1
    for _ in range(9):
        house.coordinator.async_refresh_soon("a stranger knocks")
        clock.tick(0.5)
        await rest(house.hass)
    assert (requests(house.simulator) - before)[INFO] == 1
    clock.tick(0.6)
    await rest(house.hass)
    assert (requests(house.simulator) - before)[INFO] == 2


async def test_a_flood_of_pushes_stays_within_the_account_s_rate(
    clock: Clock, settled: None, house: House
) -> None:
    before = requests(house.simulator)
    for _ in range(300):
        house.coordinator.async_on_push()
        clock.tick(1)
        await asyncio.sleep(0.002)
    await rest(house.hass)
    assert 75 < (requests(house.simulator) - before).total() <= 10 + 5 * 30


async def test_a_slow_refresh_is_not_joined_by_others(
    clock: Clock, settled: None, house: House
) -> None:
    await elapse(house.hass, clock, 10, 5)
    before = requests(house.simulator)
    house.cloud.fail(INFO, Fault(kind="delay", seconds=0.5))
    house.coordinator.async_on_push()
    # The request goes out; its answer is still to come.
    await asyncio.sleep(0.1)
    for _ in range(4):
        clock.tick(2)
        house.coordinator.async_on_push()
    assert (requests(house.simulator) - before)[INFO] <= 1
    await rest(house.hass)
    await elapse(house.hass, clock, 10, 5)
    assert (requests(house.simulator) - before)[INFO] == 2


async def test_a_report_of_printing_is_outdated_once_our_jobs_have_ended(
    clock: Clock, settled: None, house: House
) -> None:
    coordinator, key = house.coordinator, key_of(house.data, "Kyocera")
    printer = house.box.printer(1)
    # A row that tells nothing: all there is to go by is what the printer itself reports.
    house.cloud.variants.update(busy_is_printer=1)
    printer.raw_state = "warmingUp"
    printer.seconds_per_page = 1000
    task = house.cloud.print_as_someone_else(house.box, printer)
    while printer.current is not task:
        await asyncio.sleep(0.01)
    clock.tick(10)
    coordinator.async_refresh_soon("a job is under way", key)
    await rest(house.hass)
    assert coordinator.data.printers[key].status is PrinterStatus.PRINTING
    clock.tick(1)
    before = requests(house.simulator)
    coordinator.async_on_jobs_ended(key)
    await elapse(house.hass, clock, 7, 1)
    assert coordinator.data.printers[key].status is PrinterStatus.IDLE
    # The printer is not asked once more for that.
    assert requests(house.simulator) - before == {INFO: 1, LIST: 1}


async def test_a_job_that_ends_during_a_poll_causes_a_refresh(
    clock: Clock, settled: None, house: House
) -> None:
    coordinator, key = house.coordinator, key_of(house.data, "Kyocera")
    house.box.printer(1).raw_state = "printing"
    poll = house.hass.async_create_task(coordinator.async_refresh())
    await asyncio.sleep(0)
    clock.tick(1)
    coordinator.async_on_jobs_ended(key)
    await poll
    assert coordinator.data.printers[key].status is PrinterStatus.PRINTING
    house.box.printer(1).raw_state = None
    await elapse(house.hass, clock, 7, 1)
    assert coordinator.data.printers[key].status is PrinterStatus.IDLE
