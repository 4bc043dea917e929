"""What a client is told while the scanner cannot scan: by its status, by a refusal, and at the end of a scan."""

import asyncio

import pytest

from custom_components.lianke.lan.scanner import network_scanner
from custom_components.lianke.scanner import hub
from tests.clock import real_time, until
from tests.lan.scanner.conftest import FEEDER, LanScanner, dpi, freed, settings, states
from tests.simulator import Fault


async def told(lan: LanScanner) -> tuple[str, str | None]:
    """Return the state of the scanner, and of its feeder if there is one."""
    _, text = await lan.get("ScannerStatus")
    state = text.partition("<pwg:State>")[2].partition("<")[0]
    return state, text.partition("<scan:AdfState>")[2].partition("<")[0] or None


async def test_the_service_tells_beforehand(
    lan: LanScanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal scans nothing; once somebody has attended to the scanner, it scans."""
    monkeypatch.setattr(hub, "CONDITION_SECONDS", 0)
    variants = lan.simulator.cloud.variants
    variants.scanner_status = "flags"
    lan.hub.scanners.clear()
    await lan.hub.async_refresh()
    lan.printer.feeder = ["one"]
    assert await told(lan) == ("Idle", "ScannerAdfLoaded")
    for trouble, feeder in (("jam", "ScannerAdfJam"), ("lid", "ScannerAdfHatchOpen")):
        lan.printer.scan_trouble = trouble  # type: ignore[assignment]
        assert await told(lan) == ("Stopped", feeder)
        assert (await lan.post(settings(FEEDER)))[0] == 409
    # Somebody may close it while the client asks again.
    assert (await lan.post(settings()))[0] == 503
    lan.printer.scan_trouble, lan.printer.feeder = None, []
    assert await told(lan) == ("Idle", "ScannerAdfEmpty")
    assert (await lan.post(settings(FEEDER)))[0] == 409
    lan.printer.current = object()  # type: ignore[assignment]  # whatever it prints
    assert await told(lan) == ("Processing", "ScannerAdfEmpty")
    assert (await lan.post(settings()))[0] == 503
    lan.printer.current = None
    assert lan.simulator.cloud.scans == {}
    assert (await lan.next(await lan.order(dpi(75))))[0] == 200


@pytest.mark.parametrize("status", ["silent", "numbers", "code_500"])
async def test_a_service_that_tells_nothing_is_asked_once(lan: LanScanner, status: str) -> None:
    """Nothing is made up from that."""
    lan.simulator.cloud.variants.scanner_status = status  # type: ignore[assignment]
    lan.hub.scanners.clear()
    await lan.hub.async_refresh()
    assert await told(lan) == ("Idle", None)
    assert (await lan.next(await lan.order(dpi(75))))[0] == 200


async def test_how_long_a_failure_is_told(lan: LanScanner, monkeypatch: pytest.MonkeyPatch) -> None:
    """SANE, which comes again, shows that the scanner is busy; whoever comes later is told of an error."""
    monkeypatch.setattr(network_scanner, "TOLD_SECONDS", 5)
    lan.simulator.cloud.variants.scan_problem = "lid"
    place = await lan.order(dpi(75))
    assert (await lan.next(place))[0] == 503
    assert (await told(lan))[0] == "Stopped"
    assert "ResourcesAreNotReady" in (await lan.get("ScannerStatus"))[1]
    # What was said a moment ago may hold still.
    assert (await lan.post(settings(dpi(75))))[0] == 503
    await asyncio.sleep(5)
    assert (await lan.next(place))[0] == 500
    lan.simulator.cloud.variants.scan_problem = "none"
    place = await lan.order_in_turn(dpi(75))
    assert (await lan.next(place))[0] == 200
    await freed(lan)


async def test_a_service_that_is_slow(lan: LanScanner, monkeypatch: pytest.MonkeyPatch) -> None:
    """A condition that does not come in time delays no scan; a start that takes longer is accepted unseen."""
    monkeypatch.setattr(hub, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(hub, "CONDITION_SECONDS", 0)
    monkeypatch.setattr(network_scanner, "CLIENT_START_SECONDS", 0.2)
    lan.simulator.cloud.variants.scanner_status = "words"
    await lan.hub.async_refresh()
    lan.simulator.cloud.fail("GET /scanning/scanner_status", Fault(kind="delay", seconds=20))
    lan.simulator.cloud.fail("POST /scanning/job", Fault(kind="delay", seconds=8))
    began = real_time()
    place = await lan.order(dpi(75))
    assert real_time() - began < 8
    assert (await lan.next(place))[0] == 200
    await until(lambda: states(lan) == ["SUCCESS"])
