"""Refreshes of a box between two regular polls."""

import asyncio

from homeassistant.core import HomeAssistant

from custom_components.lianke.box.status import PrinterStatus
from custom_components.lianke.coordinator import LiankeCoordinator
from custom_components.lianke.runtime import LiankeData
from tests.clock import Clock, elapse, rest
from tests.polling import INFO, LIST, key_of, requests
from tests.simulator import Box, Fault, Simulator


async def test_refreshes_are_five_seconds_apart(
    clock: Clock,
    hass: HomeAssistant,
    simulator: Simulator,
    coordinator: LiankeCoordinator,
    settled: None,
) -> None:
    clock.tick(10)
    before = requests(simulator)
    for _ in range(100):
        coordinator.async_refresh_soon("a stranger knocks")
    await rest(hass)
    assert (requests(simulator) - before)[INFO] == 1
    for _ in range(9):
        coordinator.async_refresh_soon("a stranger knocks")
        clock.tick(0.5)
        await rest(hass)
    assert (requests(simulator) - before)[INFO] == 1
    clock.tick(0.6)
    await rest(hass)
    assert (requests(simulator) - before)[INFO] == 2


async def test_a_flood_of_pushes_stays_within_the_account_s_rate(
    clock: Clock,
    hass: HomeAssistant,
    simulator: Simulator,
    coordinator: LiankeCoordinator,
    settled: None,
) -> None:
    before = requests(simulator)
    for _ in range(300):
        coordinator.async_on_push()
        clock.tick(1)
        await asyncio.sleep(0.002)
    await rest(hass)
    assert 75 < (requests(simulator) - before).total() <= 10 + 5 * 30


async def test_a_slow_refresh_is_not_joined_by_others(
    clock: Clock,
    hass: HomeAssistant,
    simulator: Simulator,
    coordinator: LiankeCoordinator,
    settled: None,
) -> None:
    await elapse(hass, clock, 10, 5)
    before = requests(simulator)
    simulator.cloud.fail(INFO, Fault(kind="delay", seconds=0.5))
    coordinator.async_on_push()
    # The request goes out; its answer is still to come.
    await asyncio.sleep(0.1)
    for _ in range(4):
        clock.tick(6)
        coordinator.async_on_push()
    assert (requests(simulator) - before)[INFO] <= 1
    await rest(hass)
    await elapse(hass, clock, 10, 5)
    assert (requests(simulator) - before)[INFO] == 2


async def test_one_refresh_after_the_last_job_of_a_printer_that_printed(
    clock: Clock,
    hass: HomeAssistant,
    simulator: Simulator,
    box: Box,
    data: LiankeData,
    settled: None,
) -> None:
    coordinator, key = data.coordinator, key_of(data, "Kyocera")

    def status() -> PrinterStatus | None:
        return coordinator.data.printers[key].status

    # It was not seen printing: no refresh is needed.
    before = requests(simulator)
    coordinator.async_on_jobs_ended(key)
    await elapse(hass, clock, 15)
    assert not requests(simulator) - before

    box.printer(1).raw_state = "printing"
    await coordinator.async_refresh()
    assert status() is PrinterStatus.PRINTING
    box.printer(1).raw_state = None
    before = requests(simulator)
    coordinator.async_on_jobs_ended(key)
    await elapse(hass, clock, 4, 1)
    assert not requests(simulator) - before
    await elapse(hass, clock, 26, 1)
    assert status() is PrinterStatus.IDLE
    assert requests(simulator) - before == {INFO: 1, LIST: 1}


async def test_a_report_of_printing_is_outdated_once_our_jobs_have_ended(
    clock: Clock,
    hass: HomeAssistant,
    simulator: Simulator,
    box: Box,
    data: LiankeData,
    settled: None,
) -> None:
    coordinator, key = data.coordinator, key_of(data, "Kyocera")
    printer = box.printer(1)
    # A row that tells nothing: all there is to go by is what the printer itself reports.
    simulator.cloud.variants.update(busy_is_printer=1)
    printer.raw_state = "warmingUp"
    printer.seconds_per_page = 1000
    task = simulator.cloud.print_as_someone_else(box, printer)
    while printer.current is not task:
        await asyncio.sleep(0.01)
    clock.tick(10)
    coordinator.async_refresh_soon("a job is under way", key)
    await rest(hass)
    assert coordinator.data.printers[key].status is PrinterStatus.PRINTING
    clock.tick(1)
    before = requests(simulator)
    coordinator.async_on_jobs_ended(key)
    await elapse(hass, clock, 6, 1)
    assert coordinator.data.printers[key].status is PrinterStatus.IDLE
    # The printer is not asked once more for that.
    assert requests(simulator) - before == {INFO: 1, LIST: 1}


async def test_a_job_that_ends_during_a_poll_causes_a_refresh(
    clock: Clock,
    hass: HomeAssistant,
    simulator: Simulator,
    box: Box,
    data: LiankeData,
    settled: None,
) -> None:
    coordinator, key = data.coordinator, key_of(data, "Kyocera")
    box.printer(1).raw_state = "printing"
    poll = hass.async_create_task(coordinator.async_refresh())
    await asyncio.sleep(0)
    clock.tick(1)
    coordinator.async_on_jobs_ended(key)
    await poll
    assert coordinator.data.printers[key].status is PrinterStatus.PRINTING
    box.printer(1).raw_state = None
    await elapse(hass, clock, 6, 1)
    assert coordinator.data.printers[key].status is PrinterStatus.IDLE
