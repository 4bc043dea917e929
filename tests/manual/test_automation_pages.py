"""The manual's pages about triggers and conditions: all of them are there, and their examples work."""

from collections.abc import Mapping
from pathlib import Path
import re
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import yaml

from custom_components.lianke.condition import CONDITIONS
from custom_components.lianke.trigger import TRIGGERS

DOCS = Path(__file__).parents[2] / "docs"
LANGUAGES = ("en", "zh-Hans")
PAGES: dict[str, Mapping[str, Any]] = {"triggers": TRIGGERS, "conditions": CONDITIONS}
MAX_PAGE = 10 * 1024


def sections(language: str, page: str) -> dict[str, str]:
    """Return the sections of a page about one trigger or condition each."""
    text = (DOCS / language / f"{page}.md").read_text("utf-8")
    assert len(text.encode()) <= MAX_PAGE
    found = re.split(r"^## `(\w+)`$", text, flags=re.MULTILINE)[1:]
    return dict(zip(found[::2], found[1::2], strict=True))


def example(section: str) -> dict[str, Any]:
    """Return the one automation of a section."""
    [code] = re.findall(r"^```yaml\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    automation: dict[str, Any] = yaml.safe_load(code)
    return automation


def parts_of(steps: Any) -> list[str]:
    """Return the names of the triggers or conditions in a configuration, those within others as well."""
    if isinstance(steps, list):
        return [name for step in steps for name in parts_of(step)]
    if not isinstance(steps, dict):
        return []
    return [
        *(steps[kind] for kind in ("trigger", "condition") if kind in steps),
        *parts_of(steps.get("conditions")),
    ]


@pytest.mark.parametrize("page", PAGES)
def test_each_has_a_section_with_its_options(page: str) -> None:
    """In the order of the forms, and the same in both languages."""
    descriptions = yaml.safe_load(
        (DOCS.parent / "custom_components" / "lianke" / f"{page}.yaml").read_text("utf-8")
    )
    for language in LANGUAGES:
        found = sections(language, page)
        assert list(found) == list(PAGES[page])
        whole = (DOCS / language / f"{page}.md").read_text("utf-8")
        for name, section in found.items():
            for field, described in descriptions[name].get("fields", {}).items():
                assert f"`{field}`" in (section if page == "triggers" else whole), (name, field)
                for option in described["selector"].get("select", {}).get("options", ()):
                    assert field == "reason" or f"`{option}`" in section, (name, option)
    english, chinese = (sections(language, page) for language in LANGUAGES)
    for name, section in english.items():
        ours, theirs = example(section), example(chinese[name])
        assert ours["alias"] != theirs["alias"]
        for kind in ("triggers", "conditions"):
            assert ours.get(kind) == theirs.get(kind), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_trigger_says_is_in_the_page(language: str) -> None:
    page = (DOCS / language / "triggers.md").read_text("utf-8")
    package = DOCS.parent / "custom_components" / "lianke"
    files = (package / name for name in ("trigger.py", "job_signals.py", "scanner/jobs.py"))
    source = "".join(file.read_text("utf-8") for file in files)
    reported = set(re.findall(r"`trigger\.(\w+)`", page))
    assert {
        "printer",
        "device_id",
        "job_id",
        "title",
        "message",
        "reason",
        "ink",
        "level",
    } <= reported
    for name in reported:
        assert re.search(rf'"{name}"|ATTR_{name.upper()}\b', source), name


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("page", PAGES)
async def test_the_examples_are_valid(
    hass: HomeAssistant, setup: MockConfigEntry, page: str, language: str
) -> None:
    """Home Assistant takes them as they are, and each one uses what its section is about."""
    examples = {name: example(section) for name, section in sections(language, page).items()}
    for name, automation in examples.items():
        assert f"lianke.{name}" in parts_of(automation[page]), name
    config = {"automation": list(examples.values())}
    assert await async_setup_component(hass, "automation", config)
    await hass.async_block_till_done()
    states = hass.states.async_all("automation")
    assert {state.name for state in states} == {one["alias"] for one in examples.values()}
    assert {state.state for state in states} == {"on"}
    # Timers of the examples must not outlive them.
    await hass.services.async_call("automation", "turn_off", {"entity_id": "all"}, blocking=True)
