"""A scanner of the simulated box, offered to the home network."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace
from io import BytesIO
import socket

from aiohttp import ClientSession, TCPConnector
from homeassistant.components import labs
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from PIL import Image
import pypdfium2
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.lianke.const import CONF_LAN_SCANNERS, DOMAIN, LAN_SCANNER_PATH
from custom_components.lianke.lan.scanner import network_scanner
from custom_components.lianke.scanner import scan as scanning, scan_pace
from custom_components.lianke.scanner.hub import FEATURE, ScannerHub, async_get_hub
from tests.clock import until
from tests.conftest import set_up, tear_down
from tests.household import LASER
from tests.lan.conftest import spooled
from tests.scanned import ALIKE, difference
from tests.simulator import Simulator
from tests.simulator.endpoints.scanning import draw_page
from tests.simulator.models import FINAL_STATES, Printer

TOKEN = "token-of-a-scanner-0123456789"
FEEDER = "<pwg:InputSource>Feeder</pwg:InputSource>"
PDF = "<pwg:DocumentFormat>application/pdf</pwg:DocumentFormat>"


@dataclass
class LanScanner:
    """Talks to an offered scanner as a device of the home network would."""

    hass: HomeAssistant
    simulator: Simulator
    entry: MockConfigEntry
    base: str
    session: ClientSession
    scanner_id: str

    @property
    def path(self) -> str:
        return f"{LAN_SCANNER_PATH}/{TOKEN}"

    @property
    def url(self) -> str:
        return f"{self.base}{self.path}"

    @property
    def printer(self) -> Printer:
        """The printer to which the simulated scanner belongs."""
        return self.simulator.box.printer(1)

    @property
    def hub(self) -> ScannerHub:
        return async_get_hub(self.hass, self.entry)

    async def get(self, what: str) -> tuple[int, str]:
        async with self.session.get(f"{self.url}/{what}") as answer:
            return answer.status, await answer.text()

    async def post(self, body: bytes, **headers: str) -> tuple[int, str]:
        """Request a scan; return the HTTP status and the scan's address."""
        url = f"{self.url}/ScanJobs"
        async with self.session.post(url, data=body, headers=headers) as answer:
            return answer.status, answer.headers.get("Location", "")

    async def order(self, *elements: str) -> str:
        """Request a scan that must be accepted; return its address."""
        status, place = await self.post(settings(*elements))
        assert status == 201
        assert place.startswith(f"{self.url}/ScanJobs/")
        return place

    async def order_in_turn(self, *elements: str) -> str:
        """Request a scan as SANE does: where the scanner is busy, ask again; return its address."""
        while (answer := await self.post(settings(*elements)))[0] == 503:
            await asyncio.sleep(0.2)
        assert answer[0] == 201
        return answer[1]

    async def next(self, place: str) -> tuple[int, bytes]:
        async with self.session.get(f"{place}/NextDocument") as answer:
            body = await answer.read()
            if answer.status == 200:
                assert len(body) == int(answer.headers["Content-Length"])
                assert answer.headers["Cache-Control"] == "no-store"
            return answer.status, body

    async def delete(self, place: str) -> int:
        async with self.session.delete(place) as answer:
            return answer.status


def settings(*elements: str) -> bytes:
    return f"<scan:ScanSettings xmlns:scan='s'>{''.join(elements)}</scan:ScanSettings>".encode()


def picture_of(data: bytes) -> Image.Image:
    picture = Image.open(BytesIO(data))
    assert picture.format == "JPEG"
    picture.load()
    return picture


def dpi(number: int) -> str:
    return f"<scan:XResolution>{number}</scan:XResolution><scan:YResolution>{number}</scan:YResolution>"


def wanted(text: str, number: int, mode: str = "RGB24") -> Image.Image:
    """Return the page that the simulated scanner sees, in the size that is offered to the home network, A4."""
    return draw_page(text, {"colorMode": mode, "size": "A4"}, number)


def check_pdf(data: bytes, texts: list[str], mode: str) -> None:
    """Check that a PDF shows what the simulated scanner saw, page by page."""
    with pypdfium2.PdfDocument(data) as document:
        assert len(document) == len(texts)
        for page, text in zip(document, texts, strict=True):
            assert page.get_size() == pytest.approx((595, 842), abs=2)
            drawn = page.render(scale=100 / 72).to_pil()
            assert difference(drawn, wanted(text, 100, mode)) < ALIKE


async def freed(lan: LanScanner) -> None:
    """Wait until the scanner is free, nothing is under way at the box, and nothing is left in the spool."""

    def is_free() -> bool:
        running = [
            one for one in lan.simulator.cloud.scans.values() if one.state not in FINAL_STATES
        ]
        return not running and not spooled(lan.hass) and not lan.hub.is_in_use(lan.scanner_id)

    await until(is_free)
    # What was wrong is reported for a while.
    while "<pwg:State>Idle</pwg:State>" not in (await lan.get("ScannerStatus"))[1]:
        await asyncio.sleep(0.2)


def states(lan: LanScanner) -> list[str]:
    return [one.state for one in lan.simulator.cloud.scans.values()]


async def ask_slowly(
    lan: LanScanner, place: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Request the next document over a connection with small buffers, and return the connection unread."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.setblocking(False)
    port = int(lan.base.rpartition(":")[2])
    await asyncio.get_running_loop().sock_connect(line, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=line, limit=1000)
    path = place.removeprefix(lan.base)
    writer.write(f"GET {path}/NextDocument HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    return reader, writer


@pytest.fixture
async def lan(
    hass: HomeAssistant,
    simulator: Simulator,
    reachable: str,
    entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncGenerator[LanScanner]:
    # The simulated scanner takes hardly any time, so these pauses can be short.
    monkeypatch.setattr(scanning, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(scanning, "CALM_PAUSE", 0.06)
    monkeypatch.setattr(scan_pace, "MAX_SCAN_REQUESTS", 1000)
    monkeypatch.setattr(network_scanner, "CLIENT_TURN_SECONDS", 1)
    assert await async_setup_component(hass, "labs", {})
    await labs.async_update_preview_feature(hass, DOMAIN, FEATURE, True)
    assert await set_up(hass, entry)
    hub = async_get_hub(hass, entry)
    await hub.async_refresh()
    scanner_id = next(key for key, one in hub.scanners.items() if one.name == LASER)
    options = {**entry.options, CONF_LAN_SCANNERS: {scanner_id: TOKEN}}
    hass.config_entries.async_update_entry(entry, options=options)
    async with ClientSession(connector=TCPConnector(limit=0)) as session:
        yield LanScanner(hass, simulator, entry, reachable, session, scanner_id)
    await tear_down(hass)


type Device = Callable[[str], LanScanner]


@pytest.fixture
async def device(lan: LanScanner) -> AsyncGenerator[Device]:
    sessions: list[ClientSession] = []

    def device(address: str) -> LanScanner:
        connector = TCPConnector(local_addr=(address, 0), limit=0)
        sessions.append(ClientSession(connector=connector))
        return replace(lan, session=sessions[-1])

    yield device
    for session in sessions:
        await session.close()
