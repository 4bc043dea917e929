"""Scans in every form that an answer may have: each ends in files, or with a clear reason."""

import asyncio
from typing import Any

from aiohttp import ThreadedResolver
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from PIL import Image
import pytest
from yarl import URL

from custom_components.lianke.api import scanning as api_scanning
from custom_components.lianke.api.errors import LiankeError
from custom_components.lianke.const import ScanColor, ScanSource
from custom_components.lianke.documents.download import async_download
from custom_components.lianke.input_error import InputError
from custom_components.lianke.scanner import scan, scan_parts
from custom_components.lianke.scanner.scan_job import ScanRequest
from custom_components.lianke.scanner.scan_view import picture_paths
from tests.household import House, Site
from tests.scanner.scans import FED, came, do, last, say, show
from tests.simulator import Fault
from tests.simulator.endpoints import scanning as simulated
from tests.simulator.models import Printer

pytestmark = pytest.mark.usefixtures("hurried", "hub")
# All of the glass.
ANYWHERE = ScanRequest()


async def scanned(
    house: House, laser: Printer, request: ScanRequest = ANYWHERE
) -> list[Image.Image]:
    """Return the pages of a scan, as for the home network. Raises ScanError."""
    scan_ = await came(house, laser, request, is_taken_up=False)
    if scan_.failure is not None:
        raise scan_.failure
    return scan_.pages


async def refused(house: House, laser: Printer) -> str | None:
    """Return why a scan has no page."""
    scan_ = await came(house, laser, ANYWHERE, is_taken_up=False)
    assert scan_.pages == []
    return scan_.reason


ALL_RESULTS: dict[str, tuple[dict[str, Any], str | None]] = {
    **{
        way: ({"scan_result": way}, None)
        for way in ("addresses", "json_text", "base64_lines", "both")
    },
    "bare": ({"scan_result": "bare"}, None),
    "late": ({"scan_late": 30.0}, None),
    "a PNG": ({"scan_type": "png"}, None),
    "a PDF": ({"scan_type": "pdf"}, None),
    "states unknown": ({"scan_states": "unknown"}, None),
    "states missing": ({"scan_states": "missing"}, None),
    "never": ({"scan_result": "never"}, "scan_not_understood"),
    "not understood": ({"scan_result": "not_understood"}, "scan_not_understood"),
    "feeder empty": ({"scan_problem": "feeder_empty"}, "scan_feeder_empty"),
    "jam": ({"scan_problem": "jam"}, "scan_jam"),
    "lid": ({"scan_problem": "lid"}, "scan_cover_open"),
    "unknown code": ({"scan_problem": "unknown_code"}, "scan_failed"),
    "hangs": ({"scan_problem": "hangs"}, "scan_timed_out"),
}


@pytest.mark.parametrize(
    ("way", "request_"), [*((way, FED) for way in ALL_RESULTS), ("bare", ANYWHERE)]
)
async def test_every_result(house: House, laser: Printer, way: str, request_: ScanRequest) -> None:
    variants, reason = ALL_RESULTS[way]
    house.simulator.cloud.variants.update(**variants)
    laser.feeder = ["one", "two", "three"]
    expected = [laser.glass] if request_ is ANYWHERE else laser.feeder
    scan_ = await came(house, laser, request_, is_taken_up=False)
    assert scan_.reason == reason
    if reason is not None:
        expected = expected[:1] if way == "jam" else []
    assert show(scan_.pages, expected, size=request_.size)
    # What was not known is reported as a shape; what is in a page or an address is not.
    shapes = str(house.data.storage.unknown.as_stored())
    if way not in ("never", "hangs", "feeder empty", "lid", "unknown code"):
        assert "GET /scanning/job" in shapes
    assert "127.0.0.1" not in shapes


async def test_pages_of_a_pdf_are_counted_and_shown(house: House, laser: Printer) -> None:
    house.cloud.variants.update(scan_type="pdf", scan_dpi=50)
    laser.feeder = ["one", "two", "three"]
    answer = await do(house, laser, source="feeder", several_pages=True)
    assert (answer["state"], answer["pages"]) == ("waiting", 3)
    assert len(picture_paths(house.entry, last(house))) == 3
    for what in ("change", "remove"):
        with pytest.raises(HomeAssistantError):
            await say(house, laser, what, page=2, crop={"turn": 90})
    laser.feeder = ["four"]
    assert (await say(house, laser, "next"))["pages"] == 4
    with pytest.raises(HomeAssistantError):
        await say(house, laser, "remove", page=5)
    assert (await say(house, laser, "remove", page=4))["pages"] == 3


async def test_what_is_asked_for_is_scanned(house: House, laser: Printer) -> None:
    laser.feeder = ["one", "two"]
    request = ScanRequest(color=ScanColor.GRAY, source=ScanSource.FEEDER, duplex=True, size="a5")
    pages = await scanned(house, laser, request)
    [scan_] = house.simulator.cloud.scans.values()
    asked = {name: scan_.options[name] for name in ("colorMode", "inputSource", "format", "size")}
    assert asked == {
        "colorMode": "Grayscale8",
        "inputSource": "ADF",
        "format": "JPEG",
        "size": "A5",
    }
    assert scan_.options["duplex"] == 1
    texts = ["one front", "one back", "two front", "two back"]
    assert show(pages, texts, size="A5", colorMode="Grayscale8")


@pytest.mark.parametrize(
    ("address", "tried"),
    [
        ("https://a.example/1", ["https://a.example/1"] * scan.FETCHES),
        ("http://a.example:8080/1", ["https://a.example/1"] * scan.FETCHES),
        (
            "http://file.liankenet.com:8080/1",
            [
                "https://file.liankenet.com/1",
                *["http://file.liankenet.com:8080/1"] * (scan.FETCHES - 1),
            ],
        ),
        ("http://liankenet.com.a.example/1", ["https://liankenet.com.a.example/1"] * scan.FETCHES),
    ],
)
async def test_pages_of_other_hosts(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch, address: str, tried: list[str]
) -> None:
    """Travel unencrypted only from the vendor's own, and only if there is no other way.

    A host whose certificate is looked at may have an address that a proxy in the house made up.
    """
    asked: list[str] = []

    async def look(_hass: HomeAssistant, address: str, *_args: object, **more: object) -> str:
        asked.append(address)
        origin, plain = URL(address).origin(), address.startswith("http:")
        assert more["trusted"] == URL(house.simulator.url).origin()
        assert more["made_up"] is not plain
        assert more["unencrypted"] == (origin if plain else None)
        raise InputError("url_unreachable", host="")

    monkeypatch.setattr(scan, "async_download", look)
    monkeypatch.setattr(simulated, "_shown", lambda *_: {"file": address})
    assert await refused(house, laser) == "scan_fetch_failed"
    assert asked == tried


async def test_a_network_that_is_away_while_pages_are_fetched(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = [True] * 5

    async def look(*args: Any, **more: Any) -> str:
        if away and away.pop():
            raise InputError("url_unreachable", host="")
        return await async_download(*args, **more)

    monkeypatch.setattr(scan, "async_download", look)
    assert len(await scanned(house, laser)) == 1


@pytest.fixture
def all_names_lead_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(_: ThreadedResolver, host: str, port: int = 0, *_more: object) -> object:
        here = {"host": "127.0.0.1", "port": port, "family": 2, "proto": 0, "flags": 0}
        return [{"hostname": host, **here}]

    monkeypatch.setattr(ThreadedResolver, "resolve", resolve)


@pytest.mark.usefixtures("all_names_lead_inside")
async def test_a_name_of_the_vendor_s_leads_nobody_inside(
    house: House, laser: Printer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = site.url.replace("127.0.0.1", "file.liankenet.com")
    monkeypatch.setattr(simulated, "_shown", lambda *_: {"file": f"{address}/1"})
    assert await refused(house, laser) == "scan_wrong_address"
    assert site.asked == []


@pytest.mark.parametrize(
    "address", ["http://192.168.1.5/1.jpg", "//10.0.0.7/1.jpg", "https://[fe80::1]/1.jpg"]
)
async def test_a_private_address_is_refused_at_once(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """It was tried for 42 seconds."""
    monkeypatch.setattr(simulated, "_shown", lambda *_: {"file": address})
    began = house.hass.loop.time()
    assert await refused(house, laser) == "scan_wrong_address"
    assert house.hass.loop.time() - began < 30


@pytest.mark.usefixtures("all_names_lead_inside")
async def test_no_name_of_a_page_leads_inside(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections = 0

    async def listen(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.close()

    listener = await asyncio.start_server(listen, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener:
        for host in ("pages.example.com", "file.liankenet.com"):
            found = {"file": f"https://{host}:{port}/1"}
            monkeypatch.setattr(simulated, "_shown", lambda *_, found=found: found)
            assert await refused(house, laser) == "scan_wrong_address"
    assert connections == 0


async def test_it_is_deleted_at_the_service(house: House, laser: Printer) -> None:
    await scanned(house, laser)
    await house.hass.async_block_till_done(wait_background_tasks=True)
    [scan_] = house.simulator.cloud.scans.values()
    assert scan_.deleted
    assert house.simulator.cloud.violations == []


@pytest.mark.parametrize(
    ("fault", "reason", "scans"),
    [
        (Fault(kind="reset_after_accept"), "scan_in_doubt", 1),
        (Fault(kind="code", code=500, msg="设备无响应"), "scan_in_doubt", 0),
        (Fault(kind="code", code=5002, msg="设备不在线"), "box_offline", 0),
        (Fault(kind="code", code=400, msg="参数错误"), "bad_parameter", 0),
    ],
)
async def test_a_scan_that_may_have_happened_is_told_as_such(
    house: House, laser: Printer, fault: Fault, reason: str, scans: int
) -> None:
    house.simulator.cloud.fail("POST /scanning/job", fault)
    with pytest.raises(LiankeError) as caught:
        await scanned(house, laser)
    assert caught.value.reason == reason
    assert len(house.simulator.cloud.scans) == scans


async def test_a_printer_that_prints_cannot_scan(house: House, laser: Printer) -> None:
    laser.current = object()  # type: ignore[assignment]  # whatever it prints
    # No word of the service's in a sentence of ours, which may be an English one.
    assert (await came(house, laser, is_taken_up=False)).told == ("scan_busy_in_doubt", "")
    laser.current = None


async def test_polls_that_fail(house: House, laser: Printer) -> None:
    house.simulator.cloud.fail("GET /scanning/job", Fault(kind="http", status=502), times=3)
    assert len(await scanned(house, laser)) == 1
    # A network that is away, such as after a power cut, is waited for.
    house.simulator.cloud.fail("GET /scanning/job", Fault(kind="reset_before"), times=9)
    assert len(await scanned(house, laser)) == 1
    for fault in (Fault(kind="http", status=502), Fault(kind="reset_before")):
        planned = house.simulator.cloud.fail("GET /scanning/job", fault, times=None)
        assert await refused(house, laser) == "scan_lost"
        house.simulator.cloud.faults.planned.remove(planned)


async def test_a_huge_result_is_not_read(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_scanning, "MAX_SCAN_ANSWER_BYTES", 10_000)
    house.simulator.cloud.variants.update(scan_result="base64")
    assert await refused(house, laser) == "scan_lost"


async def test_a_scan_that_never_ends(house: House, laser: Printer) -> None:
    house.simulator.cloud.variants.update(scan_problem="hangs")
    began = house.hass.loop.time()
    assert await refused(house, laser) == "scan_timed_out"
    assert 900 <= house.hass.loop.time() - began < 920
    assert house.simulator.cloud.counts["GET /scanning/job"] < 110


async def test_the_files_of_a_scan_are_bounded_together(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan_parts, "MAX_SCAN_BYTES", 100_000)
    laser.feeder = ["one", "two", "three"]
    scan_ = await came(house, laser, FED, is_taken_up=False)
    assert (scan_.reason, len(scan_.pages)) == ("scan_too_large", 2)
