"""A house to call the actions in."""

from pathlib import Path

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.household import House, make_media
from tests.simulator import Simulator


@pytest.fixture
def media(hass: HomeAssistant, tmp_path: Path) -> Path:
    """Return a media folder with a PDF of three pages."""
    return make_media(hass, tmp_path / "media")


@pytest.fixture
def house(hass: HomeAssistant, simulator: Simulator, setup: MockConfigEntry, media: Path) -> House:
    """Return the house; where callbacks are to arrive, ask for `reachable` before."""
    return House(hass=hass, simulator=simulator, entry=setup)
