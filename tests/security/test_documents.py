"""Documents that mean harm, through the actions of a whole Home Assistant.

What is refused is refused for the same reason by printing and by the preview, and nothing is
sent. What is taken reaches the printer without what it was made for.
"""

from collections.abc import AsyncGenerator
from pathlib import Path
import re
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.documents.samples import ole, picture, tiff
from tests.documents.test_bounds import HOSTILE
from tests.documents.test_kinds import COMMANDS
from tests.household import ask, data_of, device_of, sent, without_shares
from tests.pages.test_clean import PAYLOADS
from tests.simulator import Box, Simulator, make_pdf

# Damaged, or made so that a program that reads it stumbles: the error tells which it is.
ODD: dict[str, tuple[bytes, str]] = {
    "cut.avif": (picture("AVIF")[:100], "image_unreadable"),
    "cut.webp": (picture("WEBP")[:40], "image_unreadable"),
    "header.webp": (b"RIFF\0\0\0\0WEBPnothing", "image_unreadable"),
    "reference.pdf": (b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2\\0 0 R>>endobj", "pdf_damaged"),
    "nothing.pdf": (b"%PDF-1.4\nnothing", "pdf_damaged"),
    "brackets.pdf": (b"%PDF-1.4\n" + b"[" * 5000 + b"\nstartxref\n9\n%%EOF", "pdf_damaged"),
    "cut.pdf": (make_pdf(3)[:200], "pdf_damaged"),
    "cut.doc": (ole("WordDocument")[:900], "file_damaged"),
    "protected.docx": (ole("EncryptionInfo", "EncryptedPackage"), "office_protected"),
    "broken.docx": (b"PK\x03\x04 broken", "file_damaged"),
    "picture.svg": (b"<svg xmlns='x'/>", "type_not_supported"),
    "program.pdf": (b"\x7fELF\0\0", "type_not_supported"),
    "postscript.txt": (b"%!\n72 72 moveto", "type_not_supported"),
    "noise.txt": (b"\x01\x02\x03 not text", "text_unreadable"),
    "empty.pdf": (b"", "file_empty"),
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
# What makes so much of so little that it is refused.
BOMBS = {name: case for name, case in HOSTILE.items() if case[1] is not None}


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
    """Return why an action refuses a document."""
    with pytest.raises(HomeAssistantError) as refused:
        await ask(hass, action, device_id=device_of(hass), **data)
    return refused.value.translation_key


async def both(hass: HomeAssistant, **data: Any) -> set[str | None]:
    """Return why printing and the preview refuse a document."""
    return {await reason(hass, action, **data) for action in ("print", "preview")}


async def taken(hass: HomeAssistant, entry: MockConfigEntry, **data: Any) -> bytes:
    """Print, and return what waits to be sent."""
    answer = await ask(hass, "print", device_id=device_of(hass), **data)
    [job] = answer["jobs"]
    queue = data_of(entry).queue
    path = queue.document_path(queue.get(job["job_id"]))
    content: bytes = await hass.async_add_executor_job(path.read_bytes)
    return content


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


async def test_bombs(hass: HomeAssistant, house: MockConfigEntry, media: Path) -> None:
    for name, ((kind, file, value), key) in BOMBS.items():
        given = str(media / file) if isinstance(value, bytes) else value
        if isinstance(value, bytes):
            (media / file).write_bytes(value)
        found = await both(hass, **{kind.value: given})
        assert len(found) == 1, name
        assert str(found.pop()).startswith(str(key)), name
    assert data_of(house).queue.jobs() == []


async def test_commands_that_nobody_asked_for(
    hass: HomeAssistant, house: MockConfigEntry, media: Path
) -> None:
    """Commands in a file of any name went to the printer as they were."""
    for name, commands in COMMANDS.items():
        (media / name).write_bytes(commands)
        if name.endswith(".prn"):
            # A local file that is really called so is meant so.
            assert await taken(hass, house, file=str(media / name)) == commands
        else:
            assert await both(hass, file=str(media / name)) == {"raw_not_asked_for"}, name


async def test_html_leads_nowhere(hass: HomeAssistant, house: MockConfigEntry) -> None:
    """Payloads that a browser reads otherwise than a cleaner, each as it would be sent."""
    for payload, html in PAYLOADS.items():
        page = (await taken(hass, house, html=f"<p>before</p>{html}<p>after</p>")).decode()
        body = page.partition("<body")[2]
        assert "before" in body, payload
        assert not re.search(
            r"<(svg|math|meta|base|link|form|input|script|iframe|object|embed|frame)", body
        ), payload
        assert not re.search(r"<[^>]*(\son\w+=|=\"[^\"(]*HOST)", body), payload


async def test_odd_files_that_are_taken(
    hass: HomeAssistant, house: MockConfigEntry, media: Path
) -> None:
    (media / "a.tif").write_bytes(tiff(3))
    assert await taken(hass, house, file=str(media / "a.tif")) == tiff(3)
    page = await taken(hass, house, text="<script>alert(1)</script>")
    assert b"<script" not in page
