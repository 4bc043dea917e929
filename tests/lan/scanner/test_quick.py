"""A page that is there at once is in a client's hand at once; measured in real time, over real connections."""

from pathlib import Path

import pytest

from custom_components.lianke.documents.pdf_client import async_get_pdf_worker
from custom_components.lianke.scanner import scan as scanning, scan_pace
from custom_components.lianke.scanner.scan_rules import MAX_SCAN_REQUESTS
from tests.clock import real_time
from tests.lan.scanner.conftest import LanScanner, dpi, freed, picture_of, settings

# Seconds in which the first poll comes, and in which a page must be in the client's hand.
FIRST_PAUSE, AT_ONCE = 1.5, 2.0
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
