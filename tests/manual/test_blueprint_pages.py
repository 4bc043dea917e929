"""The manual's pages about assistants and blueprints: all are there, and their examples work."""

from pathlib import Path
import re
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import yaml

from custom_components.lianke import llm
from custom_components.lianke.flows.blueprints import BLUEPRINTS, async_copy

DOCS = Path(__file__).parents[2] / "docs"
LANGUAGES = ("en", "zh-Hans")
PAGES = ("assistants", "blueprints")


def page(language: str, name: str) -> str:
    """Return a page of the manual."""
    return (DOCS / language / f"{name}.md").read_text("utf-8")


def examples(language: str, name: str) -> list[dict[str, Any]]:
    """Return the automations of a page."""
    codes = re.findall(r"^```yaml\n(.*?)^```$", page(language, name), re.MULTILINE | re.DOTALL)
    return [yaml.safe_load(code) for code in codes]


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_blueprint_has_a_section(language: str) -> None:
    found = re.findall(r"^## `(\w+)`$", page(language, "blueprints"), re.MULTILINE)
    assert found == list(BLUEPRINTS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_tool_of_an_assistant_is_named(language: str) -> None:
    tools = {
        name
        for tool in vars(llm).values()
        if isinstance(tool, type)
        and isinstance(name := getattr(tool, "name", None), str)
        and name.startswith("lianke__")
    }
    found = re.findall(r"^\| `(lianke__\w+)` \|", page(language, "assistants"), re.MULTILINE)
    assert len(found) == 7
    assert set(found) == tools
    assert f"{llm.MAX_TOOL_TEXT:,}" in page(language, "assistants")
    assert str(llm.MAX_LISTED) in page(language, "assistants")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_examples_are_valid(
    hass: HomeAssistant,
    setup: MockConfigEntry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    language: str,
) -> None:
    """Home Assistant takes them as they are."""
    monkeypatch.setattr(hass.config, "config_dir", str(tmp_path))
    hass.config.language = language
    await async_copy(hass, BLUEPRINTS)
    for component in ("homeassistant", "conversation"):
        assert await async_setup_component(hass, component, {})
    shown = [one for name in PAGES for one in examples(language, name)]
    assert len(shown) == 4
    assert await async_setup_component(hass, "automation", {"automation": shown})
    await hass.async_block_till_done()
    states = hass.states.async_all("automation")
    assert {state.name for state in states} == {one["alias"] for one in shown}
    assert {state.state for state in states} == {"on"}
    await hass.services.async_call("automation", "turn_off", {"entity_id": "all"}, blocking=True)
