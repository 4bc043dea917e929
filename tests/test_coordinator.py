"""Polling one box: what is asked, how often, and what follows from the answers."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.lianke.box.status import HoldReason, PrinterStatus
from custom_components.lianke.coordinator import BACKOFF_LIMIT, LiankeCoordinator
from custom_components.lianke.runtime import LiankeData
from tests.clock import Clock, elapse, rest
from tests.conftest import set_up, tear_down
from tests.simulator import Box, Fault, Simulator

INFO = "GET /device/device_info"
LIST = "GET /external_api/printer_list"
STATUS = "GET /device/printer_status"
PARAMS = "GET /print/printer_params"
PAPERS = "GET /print/paper_dimension_list"


@pytest.fixture
def data(setup: MockConfigEntry) -> LiankeData:
    """Return what is alive of the office box."""
    found: LiankeData = setup.runtime_data
    return found


@pytest.fixture
def coordinator(data: LiankeData) -> LiankeCoordinator:
    """Return the office box's coordinator."""
    return data.coordinator


@pytest.fixture
async def settled(hass: HomeAssistant, setup: MockConfigEntry) -> None:
    """Wait for what the set-up began in the background."""
    await rest(hass)


def key_of(data: LiankeData, name: str) -> str:
    """Return the key of the printer whose name begins like this."""
    return next(key for key, known in data.storage.printers.items() if known.name.startswith(name))


def requests(simulator: Simulator) -> Counter[str]:
    """Return how often each endpoint has been asked."""
    return Counter(simulator.cloud.counts)


async def test_two_requests_a_poll(
    hass: HomeAssistant, simulator: Simulator, coordinator: LiankeCoordinator, settled: None
) -> None:
    before = requests(simulator)
    await coordinator.async_refresh()
    await rest(hass)
    assert requests(simulator) - before == {INFO: 1, LIST: 1}
    assert coordinator.is_fresh
    assert coordinator.data.online is True


async def test_first_set_up_without_the_service(
    hass: HomeAssistant, simulator: Simulator, entry: MockConfigEntry
) -> None:
    await simulator.stop_listening()
    assert not await set_up(hass, entry)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "cannot_connect"
    await simulator.start_listening()
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED
    await tear_down(hass)


@pytest.mark.parametrize("variant", ["http_401", "http_403", "code_401"])
async def test_first_set_up_with_a_wrong_key(
    hass: HomeAssistant, simulator: Simulator, entry: MockConfigEntry, variant: str
) -> None:
    simulator.cloud.variants.update(bad_key=variant)
    assert simulator.box.account
    simulator.cloud.renew_key(simulator.box.account)
    assert not await set_up(hass, entry)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert list(entry.async_get_active_flows(hass, {SOURCE_REAUTH}))


async def test_second_set_up_without_the_service(
    hass: HomeAssistant,
    simulator: Simulator,
    setup: MockConfigEntry,
    data: LiankeData,
    settled: None,
) -> None:
    """Home Assistant starts before the router: it knows all printers and their last ink."""
    keys = list(data.coordinator.data.printers)
    assert await hass.config_entries.async_unload(setup.entry_id)
    await simulator.stop_listening()
    assert await set_up(hass, setup)
    await rest(hass)
    again: LiankeCoordinator = setup.runtime_data.coordinator
    assert list(again.data.printers) == keys
    assert again.data.online is None
    assert not again.is_fresh
    assert not any(again.is_ready(key) for key in keys)
    assert all(view.status is None for view in again.data.printers.values())
    assert again.data.box
    assert again.data.box.hardware == "LK300EW_D2"

    await simulator.start_listening()
    await again.async_refresh()
    assert again.is_fresh
    assert again.is_ready(keys[0])


async def test_a_key_rejected_later_asks_for_a_new_one(
    clock: Clock,
    hass: HomeAssistant,
    simulator: Simulator,
    setup: MockConfigEntry,
    coordinator: LiankeCoordinator,
    settled: None,
) -> None:
    assert simulator.box.account
    old = simulator.box.account.api_key
    simulator.cloud.renew_key(simulator.box.account)
    # A proxy may have said so once.
    await coordinator.async_refresh()
    assert coordinator.is_fresh
    assert not list(setup.async_get_active_flows(hass, {SOURCE_REAUTH}))
    await elapse(hass, clock, 20)
    assert coordinator.key_rejected
    assert not coordinator.is_fresh
    assert setup.state is ConfigEntryState.LOADED
    assert len(list(setup.async_get_active_flows(hass, {SOURCE_REAUTH}))) == 1

    # Asked again only after an hour, since only the user can be expected to help.
    before = requests(simulator)
    await elapse(hass, clock, 3540, 60)
    assert requests(simulator) == before
    simulator.box.account.api_key = old
    await elapse(hass, clock, 120, 60)
    assert coordinator.is_fresh
    assert not coordinator.key_rejected
    assert not list(setup.async_get_active_flows(hass, {SOURCE_REAUTH}))


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


@pytest.mark.parametrize("variant", ["code_5002", "code_500", "stale", "empty"])
async def test_box_goes_offline_between_the_two_requests(
    simulator: Simulator, coordinator: LiankeCoordinator, settled: None, variant: str
) -> None:
    simulator.cloud.variants.update(offline_list=variant)
    code = {"code_5002": 5002, "code_500": 500}.get(variant)
    if code is None:
        return
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


async def test_a_slow_look_is_not_joined_by_others(
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


async def test_one_failed_poll_is_overlooked_two_are_told_once(
    clock: Clock,
    hass: HomeAssistant,
    simulator: Simulator,
    coordinator: LiankeCoordinator,
    settled: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    simulator.cloud.fail(INFO, Fault(kind="http", status=502))
    await coordinator.async_refresh()
    assert coordinator.is_fresh
    assert coordinator.update_interval
    assert coordinator.update_interval < timedelta(seconds=17)
    await elapse(hass, clock, 20)
    assert coordinator.is_fresh
    assert coordinator.last_error is None

    planned = simulator.cloud.fail(INFO, Fault(kind="http", status=502), times=None)
    await elapse(hass, clock, 5 * 3600, 15)
    assert not coordinator.is_fresh
    # 15 s, 60, 120, 240, 480 and then every 15 minutes at most.
    assert 20 <= planned.hits <= 26
    simulator.cloud.faults.clear()
    await elapse(hass, clock, BACKOFF_LIMIT * 1.1 + 15, 15)
    assert coordinator.is_fresh
    ours = [record for record in caplog.records if record.name.endswith("lianke.coordinator")]
    assert len([record for record in ours if record.levelname == "ERROR"]) == 1
    assert len([record for record in ours if "recovered" in record.getMessage()]) == 1


async def test_too_frequent_is_not_asked_again_within_a_minute(
    clock: Clock,
    hass: HomeAssistant,
    simulator: Simulator,
    coordinator: LiankeCoordinator,
    settled: None,
) -> None:
    simulator.cloud.fail(INFO, Fault(kind="code", code=10009))
    await coordinator.async_refresh()
    assert coordinator.is_fresh  # once is overlooked
    before = requests(simulator)
    await elapse(hass, clock, 55)
    assert requests(simulator) == before
    await elapse(hass, clock, 20)
    assert coordinator.is_fresh


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"expired": True}, "service_expired"),
        ({"account": None}, "box_not_bound"),
        ({"device_key": "changedchanged12"}, "box_not_found"),
        ({"activated": False}, "box_never_activated"),
    ],
)
async def test_what_is_wrong_with_the_box(
    box: Box,
    coordinator: LiankeCoordinator,
    settled: None,
    change: dict[str, Any],
    reason: str,
) -> None:
    for name, value in change.items():
        setattr(box, name, value)
    await coordinator.async_refresh()
    assert not coordinator.is_fresh
    assert coordinator.last_error
    assert coordinator.last_error.reason == reason
    assert coordinator.last_exception
    assert coordinator.last_exception.translation_key == reason  # type: ignore[attr-defined]


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


async def test_a_question_without_an_answer_may_still_occupy_the_box(
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


async def test_looks_are_five_seconds_apart(
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


async def test_polling_relaxes_once_pushes_are_proven(
    clock: Clock,
    hass: HomeAssistant,
    simulator: Simulator,
    box: Box,
    data: LiankeData,
    settled: None,
) -> None:
    coordinator = data.coordinator
    data.account.set_address("https://house.example/hook")

    def interval() -> float:
        assert coordinator.update_interval
        return coordinator.update_interval.total_seconds()

    async def push() -> None:
        clock.tick(10)
        coordinator.async_on_push()
        await rest(hass)

    # A push about nothing proves nothing.
    await push()
    assert interval() < 67
    # One that tells of a change before polling saw it does.
    box.printer(2).plugged = False
    await push()
    assert 300 <= interval() <= 330
    # A change that nobody announced: pushes are not to be relied upon.
    box.printer(2).plugged = True
    await coordinator.async_refresh()
    assert interval() < 67
    # It was only late.
    clock.tick(20)
    coordinator.async_on_push()
    await rest(hass)
    assert 300 <= interval() <= 330
    # What a printer does is told by no push that is known of.
    box.printer(1).paper = 0
    await coordinator.async_refresh()
    assert 300 <= interval() <= 330
    # Somebody waits for a job.
    coordinator.async_set_jobs_open(True)
    assert interval() < 67
    before = requests(simulator)
    await elapse(hass, clock, 70)
    assert (requests(simulator) - before)[INFO] == 1
    coordinator.async_set_jobs_open(False)
    coordinator.async_set_jobs_open(False)
    await coordinator.async_refresh()
    assert interval() >= 300
    # The console still has the old address.
    data.account.set_address("https://other.example/hook")
    await coordinator.async_refresh()
    assert interval() < 67


async def test_one_look_after_the_last_job_of_a_printer_that_printed(
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

    # Nobody saw it print: there is nothing to look for.
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


async def test_a_job_that_ends_during_a_poll_is_looked_after(
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


async def test_polling_does_not_relax_while_a_printer_finishes(
    clock: Clock,
    hass: HomeAssistant,
    simulator: Simulator,
    box: Box,
    data: LiankeData,
    settled: None,
) -> None:
    coordinator, key = data.coordinator, key_of(data, "Kyocera")
    data.account.set_address("https://house.example/hook")
    data.storage.save_push_address(data.account.fingerprint)
    box.printer(1).raw_state = "printing"
    coordinator.async_set_jobs_open(True)
    await coordinator.async_refresh()
    coordinator.async_set_jobs_open(False)
    before = requests(simulator)
    coordinator.async_on_jobs_ended(key)
    # The look that follows still sees it print; the next poll is a usual one.
    await elapse(hass, clock, 10, 1)
    box.printer(1).raw_state = None
    await elapse(hass, clock, 70, 1)
    assert coordinator.data.printers[key].status is PrinterStatus.IDLE
    assert (requests(simulator) - before)[INFO] == 2
    # What somebody else prints is no reason to go on like this.
    box.printer(1).raw_state = "printing"
    await coordinator.async_refresh()
    assert coordinator.update_interval
    assert coordinator.update_interval.total_seconds() >= 300


@pytest.mark.parametrize(("proven", "limit"), [(False, 135), (True, 40)])
async def test_requests_of_an_idle_hour(
    clock: Clock,
    hass: HomeAssistant,
    simulator: Simulator,
    data: LiankeData,
    settled: None,
    proven: bool,
    limit: int,
) -> None:
    if proven:
        data.account.set_address("https://house.example/hook")
        data.storage.save_push_address(data.account.fingerprint)
        await data.coordinator.async_refresh()
    before = requests(simulator)
    await elapse(hass, clock, 3600, 1)
    asked = (requests(simulator) - before).total()
    assert limit / 2 < asked <= limit


async def test_the_interval_is_jittered_and_reproducible(
    coordinator: LiankeCoordinator, setup: MockConfigEntry
) -> None:
    seen = set()
    for _ in range(20):
        coordinator._set_interval()
        assert coordinator.update_interval
        seen.add(coordinator.update_interval.total_seconds())
    assert len(seen) == 20
    assert all(60 <= seconds <= 66 for seconds in seen)


@pytest.mark.parametrize(
    ("wished", "expected"), [(600, 600), (5, 30), (30, 30), (1000000, 3600), (None, 60)]
)
async def test_the_user_s_interval_is_read_when_used(
    hass: HomeAssistant,
    setup: MockConfigEntry,
    coordinator: LiankeCoordinator,
    wished: int | None,
    expected: int,
) -> None:
    options = {} if wished is None else {"poll_interval": wished}
    hass.config_entries.async_update_entry(setup, options=options)
    await coordinator.async_refresh()
    assert coordinator.update_interval
    assert expected <= coordinator.update_interval.total_seconds() <= expected * 1.1


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


async def test_an_unknown_state_is_told_once(
    box: Box,
    data: LiankeData,
    settled: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for raw_state in ("warmingUp", "idle", "warmingUp"):
        box.printer(1).raw_state = raw_state
        await data.coordinator.async_refresh()
    view = data.coordinator.data.printers[key_of(data, "Kyocera")]
    assert view.status is None
    assert data.coordinator.is_ready(view.key)
    assert sum("warmingUp" in record.getMessage() for record in caplog.records) == 1


async def test_listeners_hear_of_changes_only(
    hass: HomeAssistant, box: Box, coordinator: LiankeCoordinator, settled: None
) -> None:
    heard = 0

    def hear() -> None:
        nonlocal heard
        heard += 1

    unsubscribe = coordinator.async_add_listener(hear)
    for _ in range(3):
        await coordinator.async_refresh()
    assert heard == 0
    box.printer(1).paper = 0
    await coordinator.async_refresh()
    assert heard == 1
    unsubscribe()


async def test_details_are_asked_for_once_in_seven_days(
    clock: Clock, simulator: Simulator, data: LiankeData, settled: None
) -> None:
    key = key_of(data, "Kyocera")
    able, same = await asyncio.gather(
        data.coordinator.get_capabilities(key), data.coordinator.get_capabilities(key)
    )
    assert able
    assert able is same
    assert able.papers
    assert able.papers["A4"] == 9
    papers, _ = await asyncio.gather(
        data.coordinator.get_papers(key), data.coordinator.get_papers(key)
    )
    assert {paper.name for paper in papers} == {"A4", "A5", "B5 (JIS)", "Letter", "信封 DL"}
    assert (simulator.cloud.count(PARAMS), simulator.cloud.count(PAPERS)) == (1, 1)

    clock.tick(timedelta(days=7, seconds=1))
    simulator.cloud.fail(PARAMS, Fault(kind="http"))
    simulator.cloud.fail(PAPERS, Fault(kind="http"))
    assert await data.coordinator.get_capabilities(key) == able
    assert await data.coordinator.get_papers(key) == papers
    # Not at once again after a failure.
    await data.coordinator.get_capabilities(key)
    await data.coordinator.get_papers(key)
    assert (simulator.cloud.count(PARAMS), simulator.cloud.count(PAPERS)) == (2, 2)
    clock.tick(301)
    assert await data.coordinator.get_capabilities(key) == able
    assert await data.coordinator.get_papers(key) == papers
    assert (simulator.cloud.count(PARAMS), simulator.cloud.count(PAPERS)) == (3, 3)


async def test_details_that_nobody_can_give(
    simulator: Simulator, data: LiankeData, settled: None
) -> None:
    waiting = key_of(data, "Unknown")
    assert await data.coordinator.get_capabilities(waiting) is None
    assert await data.coordinator.get_papers(waiting) == ()
    assert await data.coordinator.get_capabilities("nobody") is None
    assert await data.coordinator.get_papers("nobody") == ()
    assert (simulator.cloud.count(PARAMS), simulator.cloud.count(PAPERS)) == (0, 0)
    simulator.cloud.fail(PARAMS, Fault(kind="http"))
    assert await data.coordinator.get_capabilities(key_of(data, "Kyocera")) is None


async def test_support_arrives(
    simulator: Simulator, box: Box, data: LiankeData, settled: None
) -> None:
    key = key_of(data, "Unknown")
    assert data.coordinator.hold_reason(key) is HoldReason.AWAITING_DRIVER
    simulator.cloud.support_arrives(box.printer(3), "HP LaserJet 1020")
    await data.coordinator.async_refresh()
    view = data.coordinator.data.printers[key]
    assert view.printer.model == "HP LaserJet 1020"
    assert data.coordinator.hold_reason(key) is None
    assert await data.coordinator.get_capabilities(key) is not None
    assert len(data.coordinator.data.printers) == 6


async def test_a_forgotten_printer_is_gone(box: Box, data: LiankeData, settled: None) -> None:
    key = key_of(data, "Kyocera")
    box.printer(1).plugged = False
    await data.coordinator.async_refresh()
    data.coordinator.async_forget(key)
    assert key not in data.coordinator.data.printers
    assert data.coordinator.hold_reason(key) is HoldReason.DISCONNECTED
    box.printer(1).plugged = True
    await data.coordinator.async_refresh()
    assert key_of(data, "Kyocera") != key


async def test_nothing_goes_on_after_unloading(
    clock: Clock,
    hass: HomeAssistant,
    simulator: Simulator,
    setup: MockConfigEntry,
    coordinator: LiankeCoordinator,
    settled: None,
) -> None:
    coordinator.async_refresh_soon("just before the end")
    await hass.config_entries.async_unload(setup.entry_id)
    await rest(hass)
    before = requests(simulator)
    coordinator.async_refresh_soon("just after the end")
    await elapse(hass, clock, 900, 60)
    assert requests(simulator) == before
