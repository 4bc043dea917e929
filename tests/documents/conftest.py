"""A Home Assistant with folders of its own, and a spool."""

from pathlib import Path

from homeassistant.core import HomeAssistant
import pytest

from custom_components.lianke.documents.spool import Spool, async_get_spool


@pytest.fixture
async def spool(hass: HomeAssistant) -> Spool:
    """Return the spool of this Home Assistant."""
    return await async_get_spool(hass)


@pytest.fixture
def media(hass: HomeAssistant, tmp_path: Path) -> Path:
    """Make a media folder that may be read."""
    folder = tmp_path / "media"
    folder.mkdir()
    hass.config.media_dirs = {"local": str(folder)}
    hass.config.allowlist_external_dirs = {str(folder)}
    return folder
