"""Documents that a card prints."""

from pathlib import Path

from homeassistant.core import HomeAssistant
import pytest

from tests.simulator import make_pdf

from .cards import Files


@pytest.fixture
def make_file(hass: HomeAssistant, tmp_path: Path) -> Files:
    hass.config.allowlist_external_dirs = {str(tmp_path)}

    def make(pages: int) -> str:
        path = tmp_path / f"{pages}-pages.pdf"
        path.write_bytes(make_pdf(pages))
        return str(path)

    return make
