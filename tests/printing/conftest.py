"""A house to call the actions in."""

from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from tests.household import House
from tests.simulator import Simulator


@pytest.fixture
def house(hass: HomeAssistant, simulator: Simulator, setup: MockConfigEntry, media: Path) -> House:
    """Return the house; a test in which callbacks are to arrive requests `reachable` before it."""
    return House(hass=hass, simulator=simulator, entry=setup)


@pytest.fixture
async def client(
    reachable: str, setup: MockConfigEntry, hass_client_no_auth: ClientSessionGenerator
) -> TestClient[Any, Any]:
    return await hass_client_no_auth()
