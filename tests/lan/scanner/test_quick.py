"""A page that is there at once is in a client's hand at once, and a scan that takes long asks the service seldom."""

from pathlib import Path

import pytest

from custom_components.lianke.documents.pdf_client import async_get_pdf_worker
from custom_components.lianke.lan.scanner import network_scanner
from custom_components.lianke.scanner import scan as scanning, scan_pace
from custom_components.lianke.scanner.scan_rules import FORGET_PAUSE, MAX_SCAN_REQUESTS
from tests.clock import Clock, elapse, hurrying, real_time, until
from tests.lan.scanner.conftest import FEEDER, LanScanner, dpi, freed, picture_of, settings
from tests.scanner.scans import most_a_minute, requests_about_scans

# Seconds in which the first poll comes, and in which a page must be in the client's hand.
FIRST_PAUSE, AT_ONCE = 1.5, 2.0
CALM_PAUSE = scanning.CALM_PAUSE
# What holds up a scan otherwise, such as a disk, may hold up any single one.
TRIES = 7


def waited_for_processor(lan: LanScanner) -> float:
    """Return the seconds in which this thread and the PDF process were ready to work but had no processor.

    The kernel counts them; where it does not, 0.
    """
    pid = async_get_pdf_worker(lan.hass).process_id
    tasks = [Path("/proc/thread-self"), *([Path(f"/proc/{pid}")] if pid else [])]
    told = [task / "schedstat" for task in tasks]
    return sum(int(one.read_text().split()[1]) for one in told if one.exists()) / 1e9


@pytest.mark.parametrize("status", ["silent", "words"])
async def test_a_page_that_is_there_at_once(
    lan: LanScanner, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    """From the request to scan to the last byte of the page, the best of a few; the service answers at once."""
    monkeypatch.setattr(scanning, "FIRST_PAUSE", FIRST_PAUSE)
    monkeypatch.setattr(scanning, "CALM_PAUSE", FIRST_PAUSE)
    monkeypatch.setattr(scan_pace, "MAX_SCAN_REQUESTS", MAX_SCAN_REQUESTS)
    lan.simulator.cloud.variants.scanner_status = status  # type: ignore[assignment]
    late: list[float] = []
    processes: set[int | None] = set()
    while not late or (min(late) > 0 and len(late) < TRIES):
        began, others = real_time(), waited_for_processor(lan)
        _, place = await lan.post(settings(dpi(300)))
        _, body = await lan.next(place)
        took = real_time() - began
        assert took > FIRST_PAUSE
        # Not scaled with anything: only what other programs took from this one is left out.
        late.append(took - max(0.0, waited_for_processor(lan) - others) - AT_ONCE)
        assert picture_of(body).width == pytest.approx(2480, rel=0.01)
        assert (await lan.next(place))[0] == 404
        processes.add(async_get_pdf_worker(lan.hass).process_id)
        await freed(lan)
    assert min(late) <= 0
    # What was loaded while the scanner worked draws the page.
    assert len(processes) == 1


@pytest.mark.parametrize(("sheets", "is_canceled"), [(0, True), (4, False)])
async def test_a_long_scan_asks_seldom(
    clock: Clock,
    lan: LanScanner,
    monkeypatch: pytest.MonkeyPatch,
    sheets: int,
    is_canceled: bool,
) -> None:
    """Glass or feeder, from the request to scan until the service has forgotten the scan."""
    monkeypatch.setattr(scanning, "FIRST_PAUSE", FIRST_PAUSE)
    monkeypatch.setattr(scanning, "CALM_PAUSE", CALM_PAUSE)
    monkeypatch.setattr(scan_pace, "MAX_SCAN_REQUESTS", MAX_SCAN_REQUESTS)
    # While the client sends a request, the clock may go on by minutes.
    monkeypatch.setattr(network_scanner, "ABANDONED_SECONDS", 3600)
    cloud, pages = lan.simulator.cloud, 0
    cloud.variants.update(
        scan_shows="as_they_come", scan_seconds=10_000.0, scan_dpi=50, scanner_status="words"
    )
    lan.printer.feeder = [str(number) for number in range(sheets)]
    await lan.hub.async_refresh()
    asked = requests_about_scans(monkeypatch, lan.hass)
    async with hurrying(clock, lan.hass):
        place = await lan.order(dpi(75), *([FEEDER] if sheets else []))
        if is_canceled:
            await until(lambda: len(asked) == MAX_SCAN_REQUESTS)
            await lan.delete(place)
            await until(lambda: len(asked) > MAX_SCAN_REQUESTS)
        else:
            while (status := (await lan.next(place))[0]) in (200, 503):
                pages += status == 200
            assert pages == (sheets or 1)
            await elapse(lan.hass, clock, 2 * FORGET_PAUSE)
    assert len(asked) >= MAX_SCAN_REQUESTS
    assert most_a_minute(asked) <= MAX_SCAN_REQUESTS + is_canceled
    await freed(lan)
