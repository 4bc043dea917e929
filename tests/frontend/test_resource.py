"""The card's files and its resource on the dashboards."""

from collections.abc import AsyncGenerator
import gzip
import json
from pathlib import Path
import re
from typing import Any
from unittest.mock import patch

from homeassistant.components.frontend import DATA_EXTRA_MODULE_URL, UrlManager
from homeassistant.components.lovelace.const import LOVELACE_DATA
from homeassistant.components.lovelace.resources import ResourceStorageCollection
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.lianke import frontend as dashboard
from custom_components.lianke.const import DOMAIN
from tests.conftest import make_entry, set_up, tear_down
from tests.household import twin_of
from tests.simulator import Simulator

FIRST_LOAD_LIMIT = 22_000  # bytes, compressed
FILES = sorted(path.name for path in dashboard.FRONTEND.glob("*.js"))
SOURCE = Path(__file__).parents[2] / "frontend" / "src"
SOURCES = sorted(SOURCE.rglob("*.ts"))


@pytest.fixture
async def lovelace(hass: HomeAssistant, hass_storage: dict[str, Any]) -> AsyncGenerator[None]:
    """Set up dashboards that keep their resources in storage."""
    assert await async_setup_component(hass, "lovelace", {})
    yield
    await tear_down(hass)


def resources(hass: HomeAssistant) -> list[dict[str, Any]]:
    """Return the resources of all dashboards."""
    return list(hass.data[LOVELACE_DATA].resources.async_items())


async def stop(hass: HomeAssistant) -> None:
    """Have everybody do what is done when Home Assistant stops."""
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()


async def test_resource_comes_with_the_first_entry_and_stays_until_a_stop_without_one(
    hass: HomeAssistant, lovelace: None, entry: MockConfigEntry, simulator: Simulator
) -> None:
    assert await set_up(hass, entry)
    (resource,) = resources(hass)
    assert resource["type"] == "module"
    assert re.fullmatch(r"/lianke/lianke-card\.js\?v=\d+\.\d+\.\d+-[0-9a-f]{8}", resource["url"])

    second = make_entry(simulator, twin_of(simulator), title="Other box")
    assert await set_up(hass, second)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert resources(hass) == [resource]

    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert resources(hass) == [resource]
    await hass.config_entries.async_remove(second.entry_id)
    await hass.async_block_till_done()
    # Cards say that there is no printer; without their script, Home Assistant would call them wrongly configured.
    assert resources(hass) == [resource]

    third = make_entry(simulator, simulator.box)
    await hass.config_entries.async_add(third)
    await hass.async_block_till_done()
    assert resources(hass) == [resource]
    await hass.config_entries.async_remove(third.entry_id)
    await stop(hass)
    assert resources(hass) == []


async def test_resource_outlives_a_stop_with_an_entry(
    hass: HomeAssistant, lovelace: None, entry: MockConfigEntry
) -> None:
    assert await set_up(hass, entry)
    kept = resources(hass)
    await stop(hass)
    assert resources(hass) == kept != []


async def test_other_resources_stay_and_an_old_version_is_replaced(
    hass: HomeAssistant, lovelace: None, entry: MockConfigEntry
) -> None:
    store = hass.data[LOVELACE_DATA].resources
    assert isinstance(store, ResourceStorageCollection)
    await store.async_get_info()
    for kind, url in (
        ("module", "/local/other.js?v=1"),
        ("js", "/lianke/lianke-card.js?v=0.0.1-00000000"),
        ("module", "/lianke/lianke-card.js"),
        ("css", "/lianke/lianke-card.json"),
    ):
        await store.async_create_item({"res_type": kind, "url": url})
    assert await set_up(hass, entry)
    kept = [(item["type"], item["url"].partition("?")[0]) for item in resources(hass)]
    assert kept == [
        ("module", "/local/other.js"),
        ("module", "/lianke/lianke-card.js"),
        ("css", "/lianke/lianke-card.json"),
    ]
    await hass.config_entries.async_remove(entry.entry_id)
    await stop(hass)
    assert [item["url"] for item in resources(hass)] == [
        "/local/other.js?v=1",
        "/lianke/lianke-card.json",
    ]


@pytest.mark.usefixtures("enable_custom_integrations", "lovelace")
async def test_resource_goes_with_an_entry_that_was_disabled_at_the_start(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    store = hass.data[LOVELACE_DATA].resources
    assert isinstance(store, ResourceStorageCollection)
    await store.async_get_info()
    await store.async_create_item({"res_type": "module", "url": f"{dashboard.CARD_URL}?v=0.2.0"})
    disabled = MockConfigEntry(domain=DOMAIN, data=entry.data, disabled_by=ConfigEntryDisabler.USER)
    disabled.add_to_hass(hass)
    await hass.config_entries.async_remove(disabled.entry_id)
    assert resources(hass) == []


async def test_another_version_is_another_address(
    hass: HomeAssistant, lovelace: None, entry: MockConfigEntry
) -> None:
    with patch.object(dashboard, "_read_files", return_value=([], [], "00000000")):
        assert await set_up(hass, entry)
    (old,) = resources(hass)
    assert old["url"].endswith("-00000000")
    await dashboard.async_setup(hass)
    (new,) = resources(hass)
    assert new["id"] == old["id"]
    assert new["url"] != old["url"]


async def test_resources_kept_in_yaml_are_left_alone(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    # What the frontend offers; its own package is not needed for that.
    hass.data[DATA_EXTRA_MODULE_URL] = UrlManager(lambda _change, _url: None, [])
    assert await async_setup_component(
        hass, "lovelace", {"lovelace": {"resource_mode": "yaml", "resources": []}}
    )
    assert await set_up(hass, entry)
    assert resources(hass) == []
    (url,) = hass.data[DATA_EXTRA_MODULE_URL].urls
    assert url.startswith("/lianke/lianke-card.js?v=")
    await hass.config_entries.async_remove(entry.entry_id)
    await stop(hass)
    assert not hass.data[DATA_EXTRA_MODULE_URL].urls


async def test_no_dashboards_no_resource(hass: HomeAssistant, setup: MockConfigEntry) -> None:
    assert LOVELACE_DATA not in hass.data


async def test_resources_that_cannot_be_written_do_no_harm(
    hass: HomeAssistant,
    lovelace: None,
    entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = hass.data[LOVELACE_DATA].resources
    with patch.object(type(store), "async_create_item", side_effect=HomeAssistantError("full")):
        assert await set_up(hass, entry)
    assert "Cannot update the dashboard resource: full" in caplog.text
    assert resources(hass) == []


async def test_files_are_served(
    setup: MockConfigEntry, hass_client_no_auth: ClientSessionGenerator
) -> None:
    client = await hass_client_no_auth()
    for name in FILES:
        response = await client.get(f"/{DOMAIN}/{name}?v=1")
        assert response.status == 200, name
        assert "javascript" in response.headers["Content-Type"]
        assert "max-age" in response.headers["Cache-Control"]
        assert await response.text() == (dashboard.FRONTEND / name).read_text("utf-8")


def test_nothing_else_of_the_folder_is_served() -> None:
    files, _, _ = dashboard._read_files()
    assert [path.name for path in files] == FILES


def imported(name: str, pattern: str) -> set[str]:
    """Return the files that a file imports."""
    return set(re.findall(pattern, (dashboard.FRONTEND / name).read_text("utf-8")))


def reached_by(pattern: str) -> set[str]:
    """Return the card's first file, and all files that it imports directly or indirectly."""
    reached: set[str] = set()
    wanted = {dashboard.CARD_FILE}
    while wanted:
        reached |= wanted
        wanted = {other for name in wanted for other in imported(name, pattern)} - reached
    return reached


def test_every_file_is_reached_from_the_first() -> None:
    assert reached_by(r'"\./([\w-]+\.js)"') == set(FILES)


def test_what_a_dashboard_loads_is_small() -> None:
    loaded = reached_by(r'(?:from|import)"\./([\w-]+\.js)"')
    assert len(loaded) > 1
    sizes = [len(gzip.compress((dashboard.FRONTEND / name).read_bytes())) for name in loaded]
    assert sum(sizes) < FIRST_LOAD_LIMIT


def test_script_knows_no_other_host() -> None:
    for name in FILES:
        script = (dashboard.FRONTEND / name).read_text("utf-8")
        assert set(re.findall(r"//[\w-]+\.[\w.-]+", script)) <= {"//www.w3.org"}, name


def test_source_makes_no_markup_of_texts() -> None:
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|unsafe\w*\("
    )
    for path in SOURCES:
        assert re.search(forbidden, path.read_text("utf-8")) is None, path.name


def entries(texts: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Return all texts by their full keys."""
    flat: dict[str, str] = {}
    for key, text in texts.items():
        flat |= entries(text, f"{prefix}{key}.") if isinstance(text, dict) else {prefix + key: text}
    return flat


@pytest.mark.parametrize("part", ["", "print.", "editor."])
def test_both_languages_say_the_same_things(part: str) -> None:
    english, chinese = (
        entries(json.loads((SOURCE / "translations" / f"{part}{language}.json").read_text("utf-8")))
        for language in ("en", "zh-Hans")
    )
    assert list(english) == list(chinese)
    for key, text in english.items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(
            re.findall(r"\{\w+\}", chinese[key])
        ), key
        assert not re.search("[一-鿿]", text), key
        assert not re.search(r"[一-鿿][.,:;!?]", chinese[key]), key
        assert "<" not in text + chinese[key], key


@pytest.mark.parametrize("part", ["", "print.", "editor."])
def test_every_text_is_used(part: str) -> None:
    source = "".join(path.read_text("utf-8") for path in SOURCES)
    texts = json.loads((SOURCE / "translations" / f"{part}en.json").read_text("utf-8"))
    # `_1` is a singular, `_help` the line below a field of the editor.
    keys = {re.sub(r"_(1|help)$", "", key) for key in texts}
    assert {key for key in keys if not re.search(rf"\b{key}\b", source)} == set()
