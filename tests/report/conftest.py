"""A box with a scanner, whose test page opens the guide."""

from collections.abc import AsyncGenerator

from homeassistant.components import labs
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.scanner.hub import FEATURE
from tests.conftest import set_up, tear_down
from tests.household import House
from tests.report.guides import Guide
from tests.simulator import Simulator


@pytest.fixture
async def dialogs(hass: HomeAssistant) -> None:
    """Set up the repairs' dialogs before there is a web server, and let the box scan."""
    for component in ("http", "repairs", "labs"):
        assert await async_setup_component(hass, component, {})
    await labs.async_update_preview_feature(hass, DOMAIN, FEATURE, True)


@pytest.fixture
async def loaded(
    hass: HomeAssistant, dialogs: None, reachable: str, entry: MockConfigEntry
) -> AsyncGenerator[MockConfigEntry]:
    yield entry
    await tear_down(hass)


@pytest.fixture
async def guide(
    hass: HomeAssistant,
    simulator: Simulator,
    loaded: MockConfigEntry,
    hass_client: ClientSessionGenerator,
) -> Guide:
    """Return the guide of a box that is not set up yet, so that a test may change the cloud first."""
    house = House(hass=hass, simulator=simulator, entry=loaded)
    return Guide(house=house, client=hass_client, set_up=lambda: set_up(hass, loaded))
