"""Documents that mean harm, through the actions of a whole Home Assistant.

What is refused is refused for the same reason by printing and by the preview, and nothing is
sent. More of each kind: documents/test_kinds, test_damaged and test_bounds, pages/test_clean.
"""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.documents.samples import ole, picture
from tests.household import ask, data_of, device_of, sent, without_shares
from tests.simulator import Box, Simulator, make_pdf

# Damaged, or made so that a program that reads it stumbles: the error tells which it is.
ODD: dict[str, tuple[bytes, str]] = {
    "cut.webp": (picture("WEBP")[:40], "image_unreadable"),
    "reference.pdf": (b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2\\0 0 R>>endobj", "file_damaged"),
    "cut.pdf": (make_pdf(3)[:200], "file_damaged"),
    "cut.doc": (ole("WordDocument")[:900], "file_damaged"),
    "picture.svg": (b"<svg xmlns='x'/>", "type_not_supported"),
}
REFUSED: list[tuple[dict[str, str], str]] = [
    ({"media": "media-source://"}, "media_not_found"),
    ({"media": "media-source://lianke/"}, "media_not_found"),
    ({"media": "media-source://nobody/x"}, "media_not_found"),
    ({"url": "https://xn--/"}, "url_invalid"),
    ({"url": "https://[::1"}, "url_invalid"),
    ({"url": "https://\ud800/"}, "url_invalid"),
    ({"html": "<script>alert(1)</script>"}, "text_empty"),
    ({"html": "&" * 400_000}, "html_too_large"),
    ({"html": "<div>" * 20_000 + "x"}, "html_too_deep"),
    ({"text": "\u200b\u2060"}, "text_empty"),
]


@pytest.fixture
async def house(
    hass: HomeAssistant,
    setup: MockConfigEntry,
    box: Box,
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncGenerator[MockConfigEntry]:
    """Return the office box, which is off: what is taken waits; nothing may be sent."""
    assert await async_setup_component(hass, "media_source", {})
    hass.config_entries.async_update_entry(setup, options={"max_jobs_per_hour": 999})
    without_shares(setup, monkeypatch)
    box.online = False
    await data_of(setup).coordinator.async_refresh()
    yield setup
    assert sent(simulator) == 0


async def reason(hass: HomeAssistant, action: str, **data: Any) -> str | None:
    with pytest.raises(HomeAssistantError) as refused:
        await ask(hass, action, device_id=device_of(hass), **data)
    return refused.value.translation_key


async def both(hass: HomeAssistant, **data: Any) -> set[str | None]:
    return {await reason(hass, action, **data) for action in ("print", "preview")}


async def test_odd_files(hass: HomeAssistant, house: MockConfigEntry, media: Path) -> None:
    """Some raised whatever their decoder raised."""
    for name, (data, key) in ODD.items():
        (media / name).write_bytes(data)
        assert await both(hass, file=str(media / name)) == {key}, name
    assert data_of(house).queue.jobs() == []


async def test_odd_calls(hass: HomeAssistant, house: MockConfigEntry) -> None:
    wrong = []
    for data, key in REFUSED:
        if (found := await both(hass, **data)) != {key}:
            wrong.append((str(data)[:60], key, found))
    assert wrong == []
    assert data_of(house).queue.jobs() == []
