"""A house that scans."""

from homeassistant.components import labs
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.scanner.hub import FEATURE, ScannerHub, async_get_hub
from tests.household import House
from tests.simulator.models import Printer


@pytest.fixture(autouse=True)
async def labs_on(request: pytest.FixtureRequest) -> None:
    """Switch the preview feature on, as somebody does in Home Assistant Labs."""
    if "hass" not in request.fixturenames:
        return
    hass: HomeAssistant = request.getfixturevalue("hass")
    request.getfixturevalue("enable_custom_integrations")
    assert await async_setup_component(hass, "labs", {})
    await labs.async_update_preview_feature(hass, DOMAIN, FEATURE, True)


@pytest.fixture
def laser(house: House) -> Printer:
    """Return a multifunction printer with glass and feeder."""
    return house.box.printer(1)


@pytest.fixture
async def hub(house: House) -> ScannerHub:
    """Return the scanners of the box, which are known."""
    hub = async_get_hub(house.hass, house.entry)
    await hub.async_refresh()
    return hub
