"""A page that is there at once is in a client's hand at once; measured in real time, over real connections."""

from time import thread_time

import pytest

from custom_components.lianke.scanner import scan as scanning, scan_pace
from custom_components.lianke.scanner.scan_rules import MAX_SCAN_REQUESTS
from tests.clock import real_time
from tests.lan.scanner.conftest import LanScanner, dpi, freed, picture_of, settings

# Seconds in which the first poll comes, and in which a page must be in the client's hand.
FIRST_PAUSE, AT_ONCE = 1.5, 2.0
# A busy machine may hold up any single scan.
TRIES = 7


def busyness() -> float:
    """Return how much longer work takes on this machine at present than the processor needs for it."""
    began, worked = real_time(), thread_time()
    while thread_time() - worked < 0.1:
        pass
    return max(1.0, (real_time() - began) / 0.1)


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
    while not late or (min(late) > 0 and len(late) < TRIES):
        before = busyness()
        began = real_time()
        _, place = await lan.post(settings(dpi(300)))
        _, body = await lan.next(place)
        took = real_time() - began
        most = FIRST_PAUSE + (AT_ONCE - FIRST_PAUSE) * max(before, busyness())
        late.append(took - most)
        assert took > FIRST_PAUSE
        assert picture_of(body).width == pytest.approx(2480, rel=0.01)
        assert (await lan.next(place))[0] == 404
        await freed(lan)
    assert min(late) <= 0
