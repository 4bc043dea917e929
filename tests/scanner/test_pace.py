"""How often the service is asked about a scan: early at first, and never often, however long the scan takes."""

from typing import Any

import pytest

from custom_components.lianke.account.request_limits import MAX_SCAN_POLLS_A_MINUTE, MINUTE
from custom_components.lianke.api.transport import Purpose
from custom_components.lianke.scanner import scan
from custom_components.lianke.scanner.scan_rules import FORGET_PAUSE, MAX_SCAN_REQUESTS
from tests.clock import Clock, elapse
from tests.household import House
from tests.scanner.scans import FED, GLASS, came, most_a_minute, requests_about_scans
from tests.simulator.models import Printer

pytestmark = pytest.mark.usefixtures("hub")
# With the cancellation.
MOST = MAX_SCAN_REQUESTS + 1


@pytest.fixture
def asked(house: House, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    return requests_about_scans(monkeypatch, house.hass)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("variants", "sheets"),
    [
        ({"scan_problem": "hangs"}, 1),
        ({"scan_shows": "as_they_come", "scan_seconds": 1000.0}, 12),
        ({"scan_states": "odd"}, 3),
        ({"scan_cut": 0.5, "scan_result": "addresses"}, 3),
        ({"scan_late": 2.0, "scan_late_each": 400.0}, 4),
        ({}, 0),
    ],
)
async def test_any_scan(
    house: House, laser: Printer, asked: list[float], variants: dict[str, Any], sheets: int
) -> None:
    """From its start until the service has forgotten it."""
    house.cloud.variants.update(scan_dpi=50, **variants)
    laser.feeder = [str(number) for number in range(sheets)]
    await came(house, laser, FED if sheets else GLASS)
    assert len(asked) >= 3
    assert most_a_minute(asked) <= MOST


@pytest.mark.usefixtures("hurried")
async def test_scan_after_scan_on_the_glass(
    house: House, laser: Printer, asked: list[float]
) -> None:
    """First polls come early only while the account has requests left, so that no scan waits for them."""
    began = house.hass.loop.time()
    for _ in range(6):
        scan_ = await came(house, laser, GLASS, is_taken_up=False)
        assert len(scan_.pages) == 1
    polls = house.cloud.counts["GET /scanning/job"]
    assert polls <= MAX_SCAN_POLLS_A_MINUTE * (1 + (house.hass.loop.time() - began) // MINUTE)
    assert house.entry.runtime_data.account.requests.available(Purpose.SCAN) >= 0


async def test_the_first_look(
    house: House, laser: Printer, asked: list[float], clock: Clock
) -> None:
    """After a second and a half; a scan that goes on is looked at soon again, one that does not ever more seldom."""
    house.cloud.variants.update(scan_problem="hangs")
    task = house.hass.async_create_task(came(house, laser, GLASS, is_taken_up=False))
    await elapse(house.hass, clock, 120, step=0.5)
    start, *polls = asked
    gaps = [after - before for before, after in zip([start, *polls], polls, strict=False)]
    assert gaps[0] == pytest.approx(scan.FIRST_PAUSE, abs=1)
    assert max(gaps) < 2 * scan.LONGEST_PAUSE
    assert gaps[-1] == pytest.approx(scan.LONGEST_PAUSE, abs=1)
    house.cloud.variants.update(scan_problem="none")
    task.cancel()
    await elapse(house.hass, clock, FORGET_PAUSE)
