"""While a job of ours is in the cloud, its printer is watched: what happens to it is seen within 20 s."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from custom_components.lianke.account.request_limits import CONDITION_INTERVAL
from custom_components.lianke.box.printer_status import PrinterStatus
from custom_components.lianke.jobs.rules import WATCHED_TIME
from tests.clock import Clock, elapse, rest
from tests.household import LABELS, LASER, OTHER_LASER, House, key_of
from tests.polling import INFO, LIST, STATUS, requests
from tests.simulator import Fault

# Of the simulator, in which a second takes a hundredth of one: a page that never comes out.
ENDLESS = 10_000_000
PORTS = {LASER: 1, LABELS: 2, OTHER_LASER: 4}
SOON = 20

type Begin = Callable[..., Awaitable[str]]


@pytest.fixture
def begin(clock: Clock, settled: None, house: House) -> Begin:
    """Return what sends a job to a printer that never ends it, and returns the printer's key."""

    async def print_endlessly(name: str = LASER, **paper: Any) -> str:
        house.box.printer(PORTS[name]).seconds_per_page = ENDLESS
        await house.ask("print", device_id=house.device(name), text=name, **paper)
        await rest(house.hass)
        key = key_of(house.entry, name)
        assert [
            job.current_delivery.task_id for job in house.queue.jobs(key) if not job.is_final
        ] != [None]
        return key

    return print_endlessly


@pytest.mark.parametrize(("name", "after"), [(LASER, 1), (OTHER_LASER, 14), (LASER, 29)])
async def test_paper_that_runs_out_is_on_the_card_within_20_seconds(
    clock: Clock, begin: Begin, house: House, name: str, after: int
) -> None:
    """By the printer's own report, or by its row where it has none. It took up to a minute."""
    key = await begin(name)
    await elapse(house.hass, clock, after, 1)
    house.box.printer(PORTS[name]).paper = 0
    passed = 0
    while house.coordinator.data.printers[key].status is not PrinterStatus.OUT_OF_PAPER:
        await elapse(house.hass, clock, 1, 1)
        passed += 1
        assert passed <= SOON
    # And that somebody has put paper in.
    house.box.printer(PORTS[name]).paper = 50
    await elapse(house.hass, clock, SOON, 1)
    assert house.coordinator.data.printers[key].status is PrinterStatus.PRINTING
    assert not house.cloud.violations


async def test_it_is_asked_four_times_a_minute_and_no_more_than_that(
    clock: Clock, begin: Begin, house: House
) -> None:
    await begin()
    before = requests(house.simulator)
    await elapse(house.hass, clock, 600, 1)
    asked = requests(house.simulator) - before
    assert 38 <= asked[STATUS] <= 40
    # The list is asked as usual.
    assert asked[LIST] <= 10
    assert not house.cloud.violations


async def test_a_short_job_costs_one_question_at_most(
    clock: Clock, settled: None, house: House
) -> None:
    before = house.cloud.count(STATUS)
    await house.ask("print", device_id=house.device(), text="x")
    await elapse(house.hass, clock, 120, 1)
    assert len(house.printed) == 1
    assert house.cloud.count(STATUS) - before <= 1


@pytest.mark.parametrize("name", [LASER, OTHER_LASER])
async def test_it_ends_with_the_job(clock: Clock, begin: Begin, house: House, name: str) -> None:
    await begin(name)
    await elapse(house.hass, clock, 40, 1)
    for job in house.queue.jobs():
        await house.ask("cancel_job", device_id=house.device(name), job_id=job.job_id)
    await elapse(house.hass, clock, 60, 1)
    assert all(job.is_final for job in house.queue.jobs())
    before = requests(house.simulator)
    await elapse(house.hass, clock, 600, 5)
    asked = requests(house.simulator) - before
    assert asked[STATUS] <= 600 / CONDITION_INTERVAL
    assert 9 <= asked[LIST] <= 10
    assert house.data.account.stretch_interval(60) == 60


@pytest.mark.long
async def test_a_job_that_lies_there_for_hours_is_left_in_peace(
    clock: Clock, begin: Begin, house: House
) -> None:
    """Paper that nobody puts in: as often as any printer with a fault, which is at each poll."""
    await begin()
    house.box.printer(1).paper = 0
    await elapse(house.hass, clock, WATCHED_TIME.total_seconds() + 900, 15)
    before = requests(house.simulator)
    await elapse(house.hass, clock, 1800, 15)
    assert (requests(house.simulator) - before)[STATUS] <= 31


async def test_several_printers_of_a_box_are_asked_one_at_a_time(
    clock: Clock, begin: Begin, house: House
) -> None:
    house.box.printer(2).support_status = True
    await house.coordinator.async_refresh()
    await begin()
    await begin(LABELS, paper_width=40, paper_height=30)
    before = requests(house.simulator)
    await elapse(house.hass, clock, 300, 1)
    assert 36 <= (requests(house.simulator) - before)[STATUS] <= 40
    # The simulator notes two questions at the same time.
    assert not house.cloud.violations


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="code", code=500, msg="request overload"),
        Fault(kind="reset_after_body"),
    ],
)
async def test_a_printer_that_refuses_is_asked_less_and_less(
    clock: Clock, begin: Begin, house: House, fault: Fault
) -> None:
    """It was asked too soon, or its firmware cannot tell: what is known of it stays, and its job goes on."""
    # A row that says that this is no printer would count as one that is gone, some time later.
    house.cloud.variants.update(busy_is_printer=1)
    key = await begin()
    house.cloud.fail(STATUS, fault, times=None)
    before = house.cloud.count(STATUS)
    await elapse(house.hass, clock, 900, 5)
    assert 4 <= house.cloud.count(STATUS) - before <= 8
    assert house.coordinator.data.printers[key].status is PrinterStatus.PRINTING
    assert house.coordinator.is_fresh
    house.cloud.faults.clear()
    house.box.printer(1).paper = 0
    await elapse(house.hass, clock, CONDITION_INTERVAL, 5)
    assert house.coordinator.data.printers[key].status is PrinterStatus.OUT_OF_PAPER


async def test_a_box_that_goes_off_is_not_asked_for_its_printers(
    clock: Clock, begin: Begin, house: House
) -> None:
    await begin()
    await begin(OTHER_LASER)
    house.box.online = False
    await house.coordinator.async_refresh()
    before = requests(house.simulator)
    await elapse(house.hass, clock, 240, 5)
    asked = requests(house.simulator) - before
    assert not asked[STATUS]
    assert asked[INFO] <= 1


@pytest.mark.long
async def test_many_boxes_of_one_key_stay_within_its_share(
    clock: Clock, begin: Begin, house: House
) -> None:
    """All of them print at nine."""
    account, others = house.data.account, 12
    for number in range(others):
        account.join()
        account.set_watched(f"box {number}", 1)
    await begin()
    before = house.cloud.count(STATUS)
    await elapse(house.hass, clock, 600, 5)
    assert house.cloud.count(STATUS) - before <= 600 / max(15, 4 * (others + 1)) + 1
