"""Boxes with old firmware, which report how they and their printers are only when they are asked to."""

from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.lianke.api.models import Box as BoxData
from tests.clock import Clock, elapse
from tests.conftest import set_up, tear_down
from tests.household import OTHER_LASER, House
from tests.polling import INFO, requests
from tests.simulator import Box, Fault, Simulator

ASK = "GET /device/async_refresh_device_info"


@pytest.fixture
def old_box(box: Box) -> Box:
    """Give the office box firmware that waits to be asked."""
    box.software = "2.1.111"
    return box


def _state(house: House) -> object:
    key = next(key for key, one in house.data.storage.printers.items() if one.name == OTHER_LASER)
    return house.coordinator.data.printers[key].status


@pytest.mark.parametrize(
    ("software", "reports"),
    [
        ("2.1.112", True),
        ("2.1.113", True),
        ("2.1.213C", True),
        ("2.2", True),
        ("", True),
        ("unknown", True),
        ("3.0.0", True),
        ("2.1.111", False),
        ("2.1.60B", False),
        ("2.0.999", False),
        ("1.9.120", False),
        ("2.1.99", False),
        ("9" * 5000 + ".1.1", True),
    ],
)
def test_firmware(software: str, reports: bool) -> None:
    box = BoxData(online=True, software=software)
    assert box.reports_by_itself is reports


async def test_what_changes_is_seen_within_minutes(
    clock: Clock, old_box: Box, settled: None, house: House
) -> None:
    await elapse(house.hass, clock, 60, 5)
    assert _state(house) == "idle"
    old_box.printer(4).plugged = False
    await elapse(house.hass, clock, 420, 10)
    assert _state(house) == "disconnected"
    assert not house.cloud.violations


async def test_it_is_asked_once_in_five_minutes(
    clock: Clock, old_box: Box, settled: None, house: House
) -> None:
    before = requests(house.simulator)
    await elapse(house.hass, clock, 3600, 20)
    asked = requests(house.simulator) - before
    assert 9 <= asked[ASK] <= 12
    assert asked[INFO] > 30
    # Nor while it is away.
    house.box.online = False
    await elapse(house.hass, clock, 120, 10)
    before = requests(house.simulator)
    await elapse(house.hass, clock, 3600, 20)
    assert not (requests(house.simulator) - before)[ASK]


async def test_other_boxes_are_not_asked(clock: Clock, settled: None, house: House) -> None:
    await elapse(house.hass, clock, 900, 20)
    assert not house.cloud.count(ASK)


@pytest.mark.parametrize(
    ("fault", "most", "least"),
    [
        (Fault(kind="code", code=401, msg="正在刷新"), 12, 9),
        (Fault(kind="reset_before"), 12, 9),
        (Fault(kind="code", code=404, msg="设备不存在"), 1, 1),
        (Fault(kind="http", status=404, body="gone"), 1, 1),
    ],
    ids=["running", "broken", "unknown box", "no such address"],
)
async def test_a_box_that_does_not_report_is_polled_all_the_same(
    clock: Clock,
    hass: HomeAssistant,
    simulator: Simulator,
    entry: MockConfigEntry,
    old_box: Box,
    fault: Fault,
    most: int,
    least: int,
) -> None:
    simulator.cloud.fail(ASK, fault, times=None)
    assert await set_up(hass, entry)
    await elapse(hass, clock, 3600, 30)
    assert least <= simulator.cloud.count(ASK) <= most
    coordinator = entry.runtime_data.coordinator
    assert coordinator.last_update_success
    states = {one.state for one in hass.states.async_all("binary_sensor")}
    assert STATE_UNAVAILABLE not in states
    await tear_down(hass)
