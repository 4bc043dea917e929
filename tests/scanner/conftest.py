"""A house that scans."""

from dataclasses import replace

from homeassistant.components import labs
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.scanner.hub import FEATURE, ScannerHub, async_get_hub
from tests.conftest import make_entry, set_up
from tests.household import House
from tests.simulator.cast import office_printers
from tests.simulator.models import Printer


@pytest.fixture(autouse=True)
async def labs_on(request: pytest.FixtureRequest) -> None:
    """Enable the preview feature, as an administrator does in Home Assistant Labs."""
    if "hass" not in request.fixturenames:
        return
    hass: HomeAssistant = request.getfixturevalue("hass")
    assert await async_setup_component(hass, "labs", {})
    await labs.async_update_preview_feature(hass, DOMAIN, FEATURE, True)


@pytest.fixture
def laser(house: House) -> Printer:
    """Return a multifunction printer with glass and feeder."""
    return house.box.printer(1)


@pytest.fixture
async def hub(house: House) -> ScannerHub:
    """Return the scanner hub of the box, which has already read its scanners."""
    hub = async_get_hub(house.hass, house.entry)
    await hub.async_refresh()
    return hub


@pytest.fixture
async def other(house: House, hub: ScannerHub) -> House:
    """Return another box, with the same multifunction printer."""
    box = house.cloud.add_box(printers=office_printers)
    entry = make_entry(house.simulator, box, title="Home box")
    assert await set_up(house.hass, entry)
    await async_get_hub(house.hass, entry).async_refresh()
    return replace(house, entry=entry)


@pytest.fixture
def other_laser(other: House) -> Printer:
    """Return the multifunction printer of the other box."""
    return other.cloud.boxes[str(other.entry.unique_id)].printer(1)
