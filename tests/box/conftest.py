"""Fixtures for the room of a box."""

from homeassistant.core import HomeAssistant
import pytest

from custom_components.lianke.box.storage import BoxStorage


@pytest.fixture
def storage(hass: HomeAssistant) -> BoxStorage:
    """Return an empty memory."""
    return BoxStorage(hass, "entry")
