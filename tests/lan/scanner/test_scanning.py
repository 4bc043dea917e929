"""What clients of the home network get of a scanner, and what becomes of it when they go."""

import asyncio
from contextlib import suppress
from dataclasses import replace
import json
import os
import random
import socket
from typing import Any
from unittest.mock import patch

from aiohttp import ClientSession, TCPConnector, web
from homeassistant.components import labs
import pytest

from custom_components.lianke.const import CONF_LAN_SCANNERS, DOMAIN
from custom_components.lianke.diagnostics import async_get_config_entry_diagnostics
from custom_components.lianke.escl.messages import MAX_SETTINGS_BYTES
from custom_components.lianke.lan.printer import lan_jobs
from custom_components.lianke.lan.printer.lan_jobs import async_send_acknowledged
from custom_components.lianke.lan.scanner import escl_endpoint, network_scanner
from custom_components.lianke.scanner import scan as scanning
from custom_components.lianke.scanner.hub import FEATURE
from tests.clock import until
from tests.escl.requests import spoiled
from tests.lan.conftest import spooled
from tests.lan.scanner.conftest import (
    FEEDER,
    PDF,
    TOKEN,
    LanScanner,
    ask_slowly,
    check_pdf,
    dpi,
    freed,
    picture_of,
    settings,
    states,
    wanted,
)
from tests.scanned import ALIKE, difference
from tests.simulator import Fault

GRAY = "<scan:ColorMode>Grayscale8</scan:ColorMode>"
MONO = "<scan:ColorMode>BlackAndWhite1</scan:ColorMode>"


async def test_what_it_can_do(lan: LanScanner) -> None:
    status, text = await lan.get("ScannerCapabilities")
    assert status == 200
    for part in (
        "<pwg:MakeAndModel>Kyocera MA2000w GX</pwg:MakeAndModel>",
        "<scan:PlatenInputCaps>",
        "<scan:AdfDuplexInputCaps>",
        "<scan:MaxWidth>2480</scan:MaxWidth>",
        f"<scan:IconURI>{lan.url}/icon.png</scan:IconURI>",
    ):
        assert part in text, part
    assert (await lan.session.get(f"{lan.url}/icon.png")).content_type == "image/png"
    for other in ("", "x", "ScanJobs/", "ScanBufferInfo"):
        assert (await lan.get(other))[0] in (404, 405)
    # 404 would tell a client whose scan a restart has cut off that it had all pages.
    assert (await lan.get("ScanJobs/x/NextDocument"))[0] == 410


@pytest.mark.parametrize(
    ("elements", "mode", "number"),
    [
        ((), "RGB24", 300),
        ((GRAY, dpi(75)), "Grayscale8", 75),
        ((MONO, dpi(150)), "BlackAndWhite1", 150),
    ],
)
async def test_a_page_on_the_glass(
    lan: LanScanner, elements: tuple[str, ...], mode: str, number: int
) -> None:
    place = await lan.order(*elements)
    status, body = await lan.next(place)
    assert status == 200
    picture = picture_of(body)
    assert picture.width == pytest.approx(210 / 25.4 * number, rel=0.01)
    assert picture.height == pytest.approx(297 / 25.4 * number, rel=0.01)
    assert picture.mode == ("RGB" if mode == "RGB24" else "L")
    assert difference(picture, wanted("page on the glass", number, mode)) < ALIKE
    assert (await lan.next(place))[0] == 404
    _, text = await lan.get("ScannerStatus")
    assert "<pwg:JobStateReason>JobCompletedSuccessfully</pwg:JobStateReason>" in text
    assert "<pwg:ImagesCompleted>1</pwg:ImagesCompleted>" in text
    assert await lan.delete(place) == 200
    assert lan.printer.scanned == ["page on the glass"]
    await freed(lan)


async def test_a_region(lan: LanScanner) -> None:
    """Of 1/300 inch, as clients cut it; beyond the glass it ends."""
    place = await lan.order(
        dpi(150),
        "<pwg:ContentRegionUnits>escl:ThreeHundredthsOfInches</pwg:ContentRegionUnits>",
        "<XOffset>120</XOffset><YOffset>180</YOffset><Width>1200</Width><Height>9000</Height>",
    )
    picture = picture_of((await lan.next(place))[1])
    assert picture.size == (600, round((3507 - 180) / 2))
    whole = wanted("page on the glass", 150)
    assert difference(picture, whole.crop((60, 90, 660, 90 + picture.height))) < ALIKE


@pytest.mark.parametrize("result", ["addresses", "base64"])
async def test_pages_of_the_feeder(lan: LanScanner, result: str) -> None:
    """On both sides, one document for each; then there are no more."""
    lan.simulator.cloud.variants.scan_result = result  # type: ignore[assignment]
    lan.printer.feeder = ["one", "two"]
    place = await lan.order(FEEDER, dpi(100), "<scan:Duplex>true</scan:Duplex>")
    for text in ("one front", "one back", "two front", "two back"):
        status, body = await lan.next(place)
        assert status == 200
        assert difference(picture_of(body), wanted(text, 100)) < ALIKE / 4
    assert (await lan.next(place))[0] == 404
    await freed(lan)


@pytest.mark.parametrize("mode", [GRAY, MONO])
async def test_the_feeders_pages_as_one_pdf(lan: LanScanner, mode: str) -> None:
    lan.printer.feeder = ["one", "two", "three"]
    place = await lan.order(FEEDER, PDF, mode, dpi(100))
    status, body = await lan.next(place)
    assert status == 200
    check_pdf(body, ["one", "two", "three"], mode[16:-17])
    assert (await lan.next(place))[0] == 404
    await freed(lan)


async def test_a_box_that_gives_a_pdf(lan: LanScanner) -> None:
    """Of which a client gets each page as a picture."""
    lan.printer.feeder = ["one", "two"]
    lan.simulator.cloud.variants.scan_type = "pdf"
    place = await lan.order(FEEDER, dpi(100))
    for text in ("one", "two"):
        assert difference(picture_of((await lan.next(place))[1]), wanted(text, 100)) < ALIKE
    assert (await lan.next(place))[0] == 404


async def test_an_order_that_makes_no_sense(lan: LanScanner) -> None:
    """More of them are in tests/escl."""
    for body, status in (
        (b"", 400),
        (settings() + b" " * MAX_SETTINGS_BYTES, 400),
        (settings("<InputSource>Camera</InputSource>"), 409),
        (settings("<XOffset>5000</XOffset><Width>10</Width><Height>10</Height>"), 409),
        (settings("<Width>0</Width><Height>10</Height>"), 409),
    ):
        assert await lan.post(body) == (status, "")
    assert lan.simulator.cloud.scans == {}


async def test_what_the_scanner_has_not(lan: LanScanner) -> None:
    known = lan.hub.scanners[lan.scanner_id]
    assert known.abilities is not None
    lan.printer.feeder, lan.printer.scan_duplex = None, False
    lan.hub.scanners.clear()
    await lan.hub.async_refresh()
    assert (await lan.post(settings(FEEDER)))[0] == 409
    assert "<scan:Adf>" not in (await lan.get("ScannerCapabilities"))[1]


async def test_a_client_right_after_a_start(lan: LanScanner) -> None:
    """Is told to come again, until it is known what the scanner can do."""
    lan.simulator.cloud.fail("GET /scanning/scanner_list", Fault(kind="delay", seconds=0.5))
    await lan.hass.config_entries.async_reload(lan.entry.entry_id)
    assert (await lan.post(settings()))[0] == 503
    assert (await lan.get("ScannerCapabilities"))[0] == 503
    await until(lambda: lan.hub.is_listed)
    assert "<scan:AdfDuplexInputCaps>" in (await lan.get("ScannerCapabilities"))[1]
    assert (await lan.next(await lan.order(dpi(75))))[0] == 200
    await freed(lan)


async def test_one_client_at_a_time(lan: LanScanner) -> None:
    """The next one is told to come again, and neither sees nor touches the other's scan."""
    place = await lan.order()
    assert (await lan.post(settings()))[0] == 503
    async with ClientSession(connector=TCPConnector(local_addr=("127.0.0.2", 0))) as session:
        other = replace(lan, session=session)
        assert (await other.post(settings()))[0] == 503
        assert (await other.next(place))[0] == 410
        assert await other.delete(place) == 404
        _, text = await other.get("ScannerStatus")
        assert "<pwg:State>Processing</pwg:State>" in text
        assert "JobInfo" not in text
        assert (await lan.next(place))[0] == 200
        await freed(lan)
        place = await other.order()
        assert (await other.next(place))[0] == 200
    await freed(lan)


async def test_a_scan_in_home_assistant_goes_first(lan: LanScanner) -> None:
    async with lan.hub.using(lan.scanner_id):
        assert (await lan.post(settings()))[0] == 503
        assert "<pwg:State>Processing</pwg:State>" in (await lan.get("ScannerStatus"))[1]
    assert (await lan.post(settings()))[0] == 201


async def test_a_client_cancels(lan: LanScanner) -> None:
    """While it waits for the page: the box is told, and the scanner is free at once."""
    lan.simulator.cloud.variants.scan_problem = "hangs"
    place = await lan.order()
    waiting = asyncio.create_task(lan.next(place))
    await until(lambda: lan.simulator.cloud.scans)
    assert await lan.delete(place) == 200
    assert (await waiting)[0] == 410
    await until(lambda: states(lan) == ["REVOKED"])
    assert (await lan.next(place))[0] == 410
    lan.simulator.cloud.variants.scan_problem = "none"
    await freed(lan)
    assert (await lan.next(await lan.order()))[0] == 200


@pytest.mark.parametrize("waits", [True, False])
async def test_a_client_goes_away(
    lan: LanScanner, monkeypatch: pytest.MonkeyPatch, *, waits: bool
) -> None:
    """Without a word, while it waits for the page or before it has asked for it."""
    monkeypatch.setattr(network_scanner, "ABANDONED_SECONDS", 0.3)
    lan.simulator.cloud.variants.scan_problem = "hangs"
    place = await lan.order()
    if waits:
        waiting = asyncio.create_task(lan.next(place))
        await until(lambda: lan.simulator.cloud.scans)
        await asyncio.sleep(1)
        assert (await lan.post(settings()))[0] == 503
        waiting.cancel()
    await until(lambda: "REVOKED" in states(lan))
    await freed(lan)


async def test_a_client_asks_for_its_turn_all_the_while(
    lan: LanScanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After it has lost its first scan; pages that nobody fetches keep the scanner from nobody."""
    monkeypatch.setattr(network_scanner, "ABANDONED_SECONDS", 0.3)
    await lan.order(dpi(75))
    until_then = lan.hass.loop.time() + 10
    while (status := (await lan.post(settings(dpi(75))))[0]) == 503:
        assert lan.hass.loop.time() < until_then
        await lan.get("ScannerStatus")
        await asyncio.sleep(0.1)
    assert status == 201


async def test_the_line_breaks_while_a_page_comes(lan: LanScanner) -> None:
    """The page is still there when the client asks again."""
    place = await lan.order(dpi(600))
    reader, writer = await ask_slowly(lan, place)
    assert b" 200 " in await reader.readline()
    writer.transport.abort()
    status, body = await lan.next(place)
    assert status == 200
    assert picture_of(body).width == pytest.approx(4961, abs=2)
    assert (await lan.next(place))[0] == 404
    await freed(lan)


async def test_a_page_takes_longer_than_a_client_waits(
    lan: LanScanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_scanner, "PAGE_HOLD_SECONDS", 0.05)
    lan.simulator.cloud.variants.scan_late = 100.0
    place = await lan.order(dpi(75))
    seen = set[int]()
    while (status := (await lan.next(place))[0]) == 503:
        seen.add(status)
    assert seen == {503}
    assert status == 200


async def test_a_client_that_takes_no_bytes(
    lan: LanScanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line to it is cut; what it has not got is still there."""
    monkeypatch.setattr(escl_endpoint, "SCAN_DELIVERY_SECONDS", 0.2)
    place = await lan.order(dpi(300))
    reader, writer = await ask_slowly(lan, place)
    assert b" 200 " in await reader.readline()
    # Nobody else would have it before the first has been given up.
    monkeypatch.setattr(escl_endpoint, "SCAN_DELIVERY_SECONDS", 60)
    assert (await lan.next(place))[0] == 200
    with suppress(ConnectionError):
        await reader.read()
    writer.close()
    await freed(lan)


async def test_a_slow_line(lan: LanScanner, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page is handed out once, however long its end is on its way."""
    monkeypatch.setattr(lan_jobs, "ACKNOWLEDGE_SECONDS", 0.05)
    place = await lan.order(dpi(75))
    reader, writer = await ask_slowly(lan, place)
    assert b" 200 " in await reader.readline()
    await asyncio.sleep(0.5)
    while not (line := await reader.readline()).lower().startswith(b"content-length:"):
        assert line
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(line.partition(b":")[2]))
    assert (await lan.next(place))[0] == 404
    writer.close()
    await freed(lan)


async def test_a_client_that_falls_asleep(lan: LanScanner, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a page comes, without a word: the scanner is free again for others, and not as late as for a slow line."""
    monkeypatch.setattr(escl_endpoint, "CLIENT_SILENCE_SECONDS", 1)

    async def with_little_room(request: web.Request, *what: Any) -> None:
        assert request.transport is not None
        line = request.transport.get_extra_info("socket")
        # Else the system takes a page over that is to be sent.
        line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        await async_send_acknowledged(request, *what)

    monkeypatch.setattr(escl_endpoint, "async_send_acknowledged", with_little_room)
    place = await lan.order(dpi(300))
    reader, writer = await ask_slowly(lan, place)
    assert b" 200 " in await reader.readline()
    monkeypatch.setattr(network_scanner, "ABANDONED_SECONDS", 0.2)
    await freed(lan)
    assert (await lan.next(place))[0] == 410
    writer.close()


async def test_an_order_that_never_ends(lan: LanScanner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(escl_endpoint, "SETTINGS_SECONDS", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(lan.base.rpartition(":")[2]))
    writer.write(
        f"POST {lan.path}/ScanJobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\n<".encode()
    )
    assert b" 408 " in await reader.readline()
    writer.close()


@pytest.mark.parametrize("problem", ["lid", "jam", "unknown_code"])
async def test_a_scan_that_fails(lan: LanScanner, problem: str) -> None:
    """What had come before is handed out, then the client is told."""
    lan.simulator.cloud.variants.scan_problem = problem  # type: ignore[assignment]
    lan.printer.feeder = ["one", "two"]
    place = await lan.order(FEEDER, dpi(100))
    status, body = await lan.next(place)
    if problem == "jam":
        assert status == 200
        assert difference(picture_of(body), wanted("one", 100)) < ALIKE
        status, _ = await lan.next(place)
    assert status == 500
    assert "<pwg:JobState>Aborted</pwg:JobState>" in (await lan.get("ScannerStatus"))[1]
    lan.simulator.cloud.variants.scan_problem = "none"
    # A cover that was open a moment ago may be open still.
    assert (await lan.next(await lan.order_in_turn(dpi(75))))[0] == 200
    await freed(lan)


@pytest.mark.long
async def test_a_page_that_is_cut_off(lan: LanScanner, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client got a page with a grey half, and what the service had of it was deleted."""
    monkeypatch.setattr(scanning, "RETRY_PAUSE", 0.001)
    lan.simulator.cloud.variants.update(scan_cut=0.5, scan_cut_page=2, scan_result="addresses")
    lan.printer.feeder = ["one", "two"]
    place = await lan.order(FEEDER, dpi(100))
    status, body = await lan.next(place)
    assert status == 200
    assert difference(picture_of(body), wanted("one", 100)) < ALIKE
    assert (await lan.next(place))[0] == 500
    await freed(lan)
    await lan.hass.async_block_till_done(wait_background_tasks=True)
    [made] = lan.simulator.cloud.scans.values()
    assert (made.deleted, len(made.files)) == (False, 2)


async def test_few_scans_are_kept_in_mind(lan: LanScanner) -> None:
    places = []
    for _ in range(network_scanner.MAX_ENDED_SCANS + 2):
        places.append(await lan.order(dpi(75)))
        await lan.delete(places[-1])
        await until(lambda: not lan.hub.is_in_use(lan.scanner_id))
    statuses = [(await lan.next(place))[0] for place in places]
    assert statuses == [410] * (2 + network_scanner.MAX_ENDED_SCANS)
    assert [await lan.delete(place) for place in places] == [
        404,
        404,
        *[200] * network_scanner.MAX_ENDED_SCANS,
    ]


async def test_a_page_that_takes_too_long(lan: LanScanner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody gets it any more, so the service is asked to forget it."""
    monkeypatch.setattr(network_scanner, "DRAW_SECONDS", 0)
    assert (await lan.next(await lan.order()))[0] == 500
    await freed(lan)
    [made] = lan.simulator.cloud.scans.values()
    await until(lambda: made.deleted)


async def test_the_box_is_unloaded_meanwhile(lan: LanScanner) -> None:
    lan.simulator.cloud.variants.scan_problem = "hangs"
    place = await lan.order()
    waiting = asyncio.create_task(lan.next(place))
    await until(lambda: lan.simulator.cloud.scans)
    assert await lan.hass.config_entries.async_unload(lan.entry.entry_id)
    assert (await waiting)[0] == 410
    assert (await lan.get("ScannerCapabilities"))[0] == 404
    assert (await lan.next(place))[0] == 410
    assert spooled(lan.hass) == []
    # Nobody takes it up again: the scanner is not left at work.
    await until(lambda: states(lan) == ["REVOKED"])


async def test_the_box_is_loaded_anew_while_a_scan_is_begun(lan: LanScanner) -> None:
    """The service has taken it, which nobody was told: it is canceled all the same."""
    cloud = lan.simulator.cloud
    cloud.variants.scan_problem = "hangs"
    cloud.fail("POST /scanning/job", Fault(kind="delay", seconds=0.5))
    asked = asyncio.create_task(lan.post(settings()))
    await until(lambda: cloud.hanging)
    await lan.hass.config_entries.async_reload(lan.entry.entry_id)
    await until(lambda: states(lan) == ["REVOKED"])
    await until(lambda: lan.hub.is_listed and not lan.hub.to_forget)
    # It may have begun, so the client is not asked to repeat it.
    assert await asked == (500, "")


async def test_a_page_that_the_disk_does_not_give(lan: LanScanner) -> None:
    """The client is told, and the scanner is free for others once it gives up."""
    place = await lan.order(dpi(75))
    scanner = network_scanner.async_find_scanner(lan.hass, TOKEN)
    assert scanner is not None
    [job] = scanner.scans("127.0.0.1")
    await until(lambda: job.pages)
    job.pages[0].unlink()
    assert (await lan.next(place))[0] == 500
    assert await lan.delete(place) == 200
    await freed(lan)


async def test_a_scan_that_never_ends(lan: LanScanner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is given up here, and at the service."""
    monkeypatch.setattr(scanning, "SCAN_SECONDS", 0.2)
    lan.simulator.cloud.variants.scan_problem = "hangs"
    assert (await lan.next(await lan.order()))[0] == 500
    await freed(lan)
    assert states(lan) == ["REVOKED"]


async def test_nobody_from_outside(lan: LanScanner) -> None:
    """Neither by a proxy, nor by a web page, nor by a name of the internet."""
    names = ("Origin", "X-Forwarded-For", "Via", "CF-Connecting-IP", "Tailscale-User-Login")
    for method, what in (
        ("GET", "ScannerCapabilities"),
        ("GET", "ScannerStatus"),
        ("GET", "icon.png"),
        ("POST", "ScanJobs"),
        ("DELETE", "ScanJobs/x"),
        ("GET", "ScanJobs/x/NextDocument"),
    ):
        for sent in (*({name: "203.0.113.9"} for name in names), {"Host": "scan.example.com"}):
            answer = await lan.session.request(method, f"{lan.url}/{what}", headers=sent)
            # Home Assistant itself refuses a proxy that it does not know.
            assert answer.status in ((400, 404) if "X-Forwarded-For" in sent else (404,))
    wrong = lan.url.replace("token", "TOKEN")
    assert (await lan.session.get(f"{wrong}/ScannerStatus")).status == 404
    assert lan.simulator.cloud.scans == {}


async def test_only_while_it_is_switched_on(lan: LanScanner) -> None:
    """In the options, and in Home Assistant Labs."""
    await labs.async_update_preview_feature(lan.hass, DOMAIN, FEATURE, False)
    assert (await lan.get("ScannerCapabilities"))[0] == 404
    await labs.async_update_preview_feature(lan.hass, DOMAIN, FEATURE, True)
    await until(lambda: lan.scanner_id in lan.hub.scanners)
    assert (await lan.get("ScannerCapabilities"))[0] == 200
    options = {**lan.entry.options, CONF_LAN_SCANNERS: {}}
    lan.hass.config_entries.async_update_entry(lan.entry, options=options)
    assert (await lan.get("ScannerCapabilities"))[0] == 404


async def test_fuzzed_orders(lan: LanScanner) -> None:
    """Each gets an answer; none of them ends in an error of the web server."""
    chance = random.Random(7)
    seen = set[int]()
    with patch.object(network_scanner.NetworkScanner, "_async_run", lambda *_: asyncio.sleep(0)):
        for _ in range(int(os.environ.get("LIANKE_FUZZ_HTTP", "300"))):
            status, place = await lan.post(spoiled(chance))
            seen.add(status)
            if place:
                await lan.delete(place)
    assert {201, 400} <= seen <= {201, 400, 409}


async def test_its_address_is_told_to_nobody(
    lan: LanScanner, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor is what was scanned: neither by the diagnostics, nor in the log."""
    lan.simulator.cloud.variants.scan_problem = "unknown_code"
    assert (await lan.next(await lan.order()))[0] == 500
    report = await async_get_config_entry_diagnostics(lan.hass, lan.entry)
    assert TOKEN not in json.dumps(report, default=str)
    ours = [one.getMessage() for one in caplog.records if one.name.startswith("custom_components")]
    assert TOKEN not in "".join(ours)
