"""A scanner of the simulated box, offered to the home network."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from io import BytesIO

from aiohttp import ClientSession, TCPConnector
from homeassistant.components import labs
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from PIL import Image
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.lianke.const import CONF_LAN_SCANNERS, DOMAIN, LAN_SCANNER_PATH
from custom_components.lianke.lan.scanner import network_scanner
from custom_components.lianke.scanner import scan as scanning
from custom_components.lianke.scanner.hub import FEATURE, ScannerHub, async_get_hub
from tests.conftest import set_up, tear_down
from tests.household import LASER
from tests.simulator import Simulator
from tests.simulator.models import Printer

TOKEN = "token-of-a-scanner-0123456789"


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
        """What the simulated scanner is part of."""
        return self.simulator.box.printer(1)

    @property
    def hub(self) -> ScannerHub:
        return async_get_hub(self.hass, self.entry)

    async def get(self, what: str) -> tuple[int, str]:
        """Return a description's status and text."""
        async with self.session.get(f"{self.url}/{what}") as answer:
            return answer.status, await answer.text()

    async def post(self, body: bytes, **headers: str) -> tuple[int, str]:
        """Order a scan; return the status and where it is to be had."""
        url = f"{self.url}/ScanJobs"
        async with self.session.post(url, data=body, headers=headers) as answer:
            return answer.status, answer.headers.get("Location", "")

    async def order(self, *elements: str) -> str:
        """Order a scan that is to succeed; return its address."""
        status, place = await self.post(settings(*elements))
        assert status == 201
        assert place.startswith(f"{self.url}/ScanJobs/")
        return place

    async def next(self, place: str) -> tuple[int, bytes]:
        """Return the next document of a scan."""
        async with self.session.get(f"{place}/NextDocument") as answer:
            body = await answer.read()
            if answer.status == 200:
                assert len(body) == int(answer.headers["Content-Length"])
                assert answer.headers["Cache-Control"] == "no-store"
            return answer.status, body

    async def delete(self, place: str) -> int:
        """End a scan."""
        async with self.session.delete(place) as answer:
            return answer.status


def settings(*elements: str) -> bytes:
    """Return a request with these elements."""
    return f"<scan:ScanSettings xmlns:scan='s'>{''.join(elements)}</scan:ScanSettings>".encode()


def picture_of(data: bytes) -> Image.Image:
    """Return the picture of a JPEG document."""
    picture = Image.open(BytesIO(data))
    assert picture.format == "JPEG"
    picture.load()
    return picture


@pytest.fixture
async def lan(
    hass: HomeAssistant,
    simulator: Simulator,
    reachable: str,
    entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncGenerator[LanScanner]:
    """Return the laser printer's scanner, offered to the home network."""
    # The simulated scanner takes no time to speak of.
    monkeypatch.setattr(scanning, "FIRST_PAUSE", 0.05)
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
