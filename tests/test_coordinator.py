"""The coordinator: polling intervals, failures, listeners."""

from datetime import timedelta
from typing import Any

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.lianke.box.printer_status import PrinterStatus
from custom_components.lianke.coordinator import POLL_BACKOFF_LIMIT, LiankeCoordinator
from tests.clock import Clock, elapse, rest
from tests.conftest import make_entry, set_up, tear_down
from tests.household import House, data_of, twin_of
from tests.polling import INFO, key_of, requests
from tests.simulator import Box, Fault, Simulator


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


@pytest.mark.parametrize(
    "answer",
    [
        Fault(kind="http", status=401),
        Fault(kind="http", status=403),
        Fault(kind="code", code=401, msg="ApiKey无效"),
        Fault(kind="code", code=403, msg="ApiKey无效"),
        Fault(kind="code", code=400, msg="请在headers中填入正确的ApiKey"),
    ],
)
async def test_first_set_up_with_a_wrong_key(
    hass: HomeAssistant, simulator: Simulator, entry: MockConfigEntry, answer: Fault
) -> None:
    simulator.cloud.fail("*", answer, times=None)
    assert not await set_up(hass, entry)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert list(entry.async_get_active_flows(hass, {SOURCE_REAUTH}))


async def test_a_key_rejected_later_asks_for_a_new_one(
    clock: Clock, settled: None, house: House
) -> None:
    assert house.box.account
    old = house.box.account.api_key
    house.cloud.renew_key(house.box.account)
    # A proxy may have said so once.
    await house.coordinator.async_refresh()
    assert house.coordinator.is_fresh
    assert not list(house.entry.async_get_active_flows(house.hass, {SOURCE_REAUTH}))
    await elapse(house.hass, clock, 20)
    assert house.coordinator.key_rejected
    assert not house.coordinator.is_fresh
    assert house.entry.state is ConfigEntryState.LOADED
    assert len(list(house.entry.async_get_active_flows(house.hass, {SOURCE_REAUTH}))) == 1

    # Asked again only after an hour, since only the user can be expected to help.
    before = requests(house.simulator)
    await elapse(house.hass, clock, 3540, 60)
    assert requests(house.simulator) == before
    house.box.account.api_key = old
    await elapse(house.hass, clock, 120, 60)
    assert house.coordinator.is_fresh
    assert not house.coordinator.key_rejected
    assert not list(house.entry.async_get_active_flows(house.hass, {SOURCE_REAUTH}))


@pytest.fixture
async def others(hass: HomeAssistant, house: House) -> list[MockConfigEntry]:
    boxes = [twin_of(house.simulator), *(house.cloud.add_box(house.box.account, 1) for _ in "ab")]
    entries = [make_entry(house.simulator, box, title=box.device_id) for box in boxes]
    for entry in entries:
        assert await set_up(hass, entry)
    await rest(hass)
    return entries


async def test_one_box_for_which_the_key_works_again_wakes_the_others(
    hass: HomeAssistant, clock: Clock, settled: None, house: House, others: list[MockConfigEntry]
) -> None:
    """They asked once an hour each, and held what was to be printed, while sixteen boxes of the key were served."""
    assert house.box.account
    old = house.box.account.api_key
    house.cloud.renew_key(house.box.account)
    await elapse(hass, clock, 600)
    entries = [house.entry, *others]
    for entry in entries:
        assert data_of(entry).coordinator.key_rejected
        assert list(entry.async_get_active_flows(hass, {SOURCE_REAUTH}))
    job = await house.print_one(text="x", wait=False)
    assert job["hold_reason"] == "key_rejected"
    house.box.account.api_key = old
    await data_of(others[0]).coordinator.async_refresh()
    await elapse(hass, clock, 30)
    for entry in entries:
        assert data_of(entry).coordinator.is_fresh
        assert not list(entry.async_get_active_flows(hass, {SOURCE_REAUTH}))
    await elapse(hass, clock, 120)
    assert len(house.printed) == 1


async def test_a_box_added_while_the_key_was_refused_is_set_up_with_the_others(
    hass: HomeAssistant, clock: Clock, settled: None, house: House
) -> None:
    assert house.box.account
    twin = make_entry(house.simulator, twin_of(house.simulator))
    house.cloud.fail(INFO, Fault(kind="http", status=401), times=2)
    await house.coordinator.async_refresh()
    assert not await set_up(hass, twin)
    assert twin.state is ConfigEntryState.SETUP_ERROR
    await elapse(hass, clock, 60)
    assert twin.state is ConfigEntryState.LOADED
    assert not list(twin.async_get_active_flows(hass, {SOURCE_REAUTH}))


async def test_a_key_that_is_not_for_one_box_is_not_a_bad_key(
    hass: HomeAssistant, clock: Clock, settled: None, house: House, others: list[MockConfigEntry]
) -> None:
    """The service has accepted it where it says that it is not for this box."""
    assert house.box.account
    old = house.box.account.api_key
    house.cloud.renew_key(house.box.account)
    await elapse(hass, clock, 600)
    house.box.account.api_key = old
    unbound = twin_of(house.simulator)
    unbound.account = house.cloud.accounts[1]
    known = data_of(others[0]).coordinator
    await known.async_refresh()
    assert known.last_error is not None
    assert known.last_error.reason == "box_not_bound"
    assert not known.key_rejected
    await elapse(hass, clock, 30)
    assert house.coordinator.is_fresh


async def test_one_failed_poll_is_overlooked_two_are_told_once(
    clock: Clock, settled: None, caplog: pytest.LogCaptureFixture, house: House
) -> None:
    house.cloud.fail(INFO, Fault(kind="http", status=502))
    await house.coordinator.async_refresh()
    assert house.coordinator.is_fresh
    assert house.coordinator.update_interval
    assert house.coordinator.update_interval < timedelta(seconds=17)
    await elapse(house.hass, clock, 20)
    assert house.coordinator.is_fresh
    assert house.coordinator.last_error is None

    planned = house.cloud.fail(INFO, Fault(kind="http", status=502), times=None)
    await elapse(house.hass, clock, 5 * 3600, 15)
    assert not house.coordinator.is_fresh
    # 15 s, 60, 120, 240, 480 and then every 15 minutes at most.
    assert 20 <= planned.hits <= 26
    house.cloud.faults.clear()
    await elapse(house.hass, clock, POLL_BACKOFF_LIMIT * 1.1 + 15, 15)
    assert house.coordinator.is_fresh
    ours = [record for record in caplog.records if record.name.endswith("lianke.coordinator")]
    assert len([record for record in ours if record.levelname == "ERROR"]) == 1
    assert len([record for record in ours if "recovered" in record.getMessage()]) == 1


async def test_too_frequent_is_not_asked_again_within_a_minute(
    clock: Clock, settled: None, house: House
) -> None:
    house.cloud.fail(INFO, Fault(kind="code", code=10009))
    await house.coordinator.async_refresh()
    assert house.coordinator.is_fresh  # once is overlooked
    before = requests(house.simulator)
    await elapse(house.hass, clock, 55)
    assert requests(house.simulator) == before
    await elapse(house.hass, clock, 20)
    assert house.coordinator.is_fresh


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


async def test_polling_relaxes_once_pushes_are_proven(
    clock: Clock, settled: None, house: House
) -> None:
    coordinator = house.coordinator
    house.data.account.set_address("https://house.example/hook")

    def interval() -> float:
        assert coordinator.update_interval
        return coordinator.update_interval.total_seconds()

    async def push() -> None:
        clock.tick(10)
        coordinator.async_on_push()
        await rest(house.hass)

    # A push about nothing proves nothing.
    await push()
    assert interval() < 67
    # One that announces a change before polling finds it does.
    house.box.printer(2).plugged = False
    await push()
    assert 300 <= interval() <= 330
    # A change that nobody announced: pushes are not to be relied upon.
    house.box.printer(2).plugged = True
    await coordinator.async_refresh()
    assert interval() < 67
    # It was only late.
    clock.tick(20)
    coordinator.async_on_push()
    await rest(house.hass)
    assert 300 <= interval() <= 330
    # No known push announces what a printer does: while it shows a fault, somebody may be at it.
    house.box.printer(1).paper = 0
    clock.tick(1)
    await coordinator.async_refresh()
    assert (
        coordinator.data.printers[key_of(house.data, "Kyocera")].status
        is PrinterStatus.OUT_OF_PAPER
    )
    assert interval() < 67
    house.box.printer(1).paper = None
    await elapse(house.hass, clock, 70)
    assert coordinator.data.printers[key_of(house.data, "Kyocera")].status is PrinterStatus.IDLE
    await elapse(house.hass, clock, 70)
    assert 300 <= interval() <= 330
    # The same if the printer's own report shows it, between two polls.
    house.box.printer(1).cover_open = True
    coordinator._conditions.request(key_of(house.data, "Kyocera"))
    await elapse(house.hass, clock, 10, 1)
    assert (
        coordinator.data.printers[key_of(house.data, "Kyocera")].status is PrinterStatus.COVER_OPEN
    )
    assert interval() < 67
    house.box.printer(1).cover_open = False
    await elapse(house.hass, clock, 150)
    assert 300 <= interval() <= 330
    # Somebody waits for a job.
    coordinator.async_set_jobs_open(True)
    assert interval() < 67
    before = requests(house.simulator)
    await elapse(house.hass, clock, 70)
    assert (requests(house.simulator) - before)[INFO] == 1
    coordinator.async_set_jobs_open(False)
    coordinator.async_set_jobs_open(False)
    await coordinator.async_refresh()
    assert interval() >= 300
    # The console still has the old address.
    house.data.account.set_address("https://other.example/hook")
    await coordinator.async_refresh()
    assert interval() < 67


async def test_polling_does_not_relax_while_a_printer_finishes(
    clock: Clock, settled: None, house: House
) -> None:
    coordinator, key = house.coordinator, key_of(house.data, "Kyocera")
    house.data.account.set_address("https://house.example/hook")
    house.data.storage.save_push_address(house.data.account.fingerprint)
    house.box.printer(1).raw_state = "printing"
    coordinator.async_set_jobs_open(True)
    await coordinator.async_refresh()
    coordinator.async_set_jobs_open(False)
    before = requests(house.simulator)
    coordinator.async_on_jobs_ended(key)
    # The refresh that follows still sees it print; the next poll is a usual one.
    await elapse(house.hass, clock, 10, 1)
    house.box.printer(1).raw_state = None
    await elapse(house.hass, clock, 70, 1)
    assert coordinator.data.printers[key].status is PrinterStatus.IDLE
    assert (requests(house.simulator) - before)[INFO] == 2
    # What somebody else prints is no reason to go on like this.
    house.box.printer(1).raw_state = "printing"
    await coordinator.async_refresh()
    assert coordinator.update_interval
    assert coordinator.update_interval.total_seconds() >= 300


@pytest.mark.parametrize(("proven", "limit"), [(False, 135), (True, 40)])
async def test_requests_of_an_idle_hour(
    clock: Clock, settled: None, proven: bool, limit: int, house: House
) -> None:
    if proven:
        house.data.account.set_address("https://house.example/hook")
        house.data.storage.save_push_address(house.data.account.fingerprint)
        await house.coordinator.async_refresh()
    before = requests(house.simulator)
    await elapse(house.hass, clock, 3600, 5)
    asked = (requests(house.simulator) - before).total()
    assert limit / 2 < asked <= limit


@pytest.mark.parametrize(
    ("wished", "expected"), [(600, 600), (5, 30), (30, 30), (1000000, 3600), (None, 60)]
)
async def test_the_user_s_interval_is_read_when_used(
    wished: int | None, expected: int, house: House
) -> None:
    options = {} if wished is None else {"poll_interval": wished}
    house.set_options(options)
    await house.coordinator.async_refresh()
    assert house.coordinator.update_interval
    assert expected <= house.coordinator.update_interval.total_seconds() <= expected * 1.1


async def test_nothing_goes_on_after_unloading(clock: Clock, settled: None, house: House) -> None:
    coordinator = house.coordinator
    coordinator.async_refresh_soon("just before the end")
    await house.hass.config_entries.async_unload(house.entry.entry_id)
    await rest(house.hass)
    before = requests(house.simulator)
    coordinator.async_refresh_soon("just after the end")
    await elapse(house.hass, clock, 900, 60)
    assert requests(house.simulator) == before
