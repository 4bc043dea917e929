"""The manual's pages about triggers, conditions, assistants and blueprints: all are there, and their examples work."""

from collections.abc import Mapping
from pathlib import Path
import re
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import yaml

from custom_components.lianke import llm
from custom_components.lianke.condition import CONDITIONS
from custom_components.lianke.flows.blueprints import BLUEPRINTS, async_copy
from custom_components.lianke.pages import markdown
from custom_components.lianke.printing.tool_call import MAX_JOBS_LISTED
from custom_components.lianke.trigger import TRIGGERS

from . import LANGUAGES, ROOT, examples, text_of

PACKAGE = ROOT / "custom_components" / "lianke"
PAGES: dict[str, Mapping[str, Any]] = {"triggers": TRIGGERS, "conditions": CONDITIONS}
# The main entity of the scanner in the examples, which is called like its printer.
SCANNER = "sensor.kyocera_ma2000w_gx_2"


def parts(language: str, page: str) -> dict[str, str]:
    """Return the sections of a page about one trigger, condition or blueprint each."""
    found = re.split(r"^## `(\w+)`$", text_of(language, page), flags=re.MULTILINE)[1:]
    return dict(zip(found[::2], found[1::2], strict=True))


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
    """In the order of the forms; its one example uses what the section is about."""
    descriptions = yaml.safe_load((PACKAGE / f"{page}.yaml").read_text("utf-8"))
    for language in LANGUAGES:
        found = parts(language, page)
        assert list(found) == list(PAGES[page])
        whole = text_of(language, page)
        for name, section in found.items():
            for field, described in descriptions[name].get("fields", {}).items():
                assert f"`{field}`" in (section if page == "triggers" else whole), (name, field)
                for option in described["selector"].get("select", {}).get("options", ()):
                    assert field == "reason" or f"`{option}`" in section, (name, option)
        for name, automation in zip(found, examples(language, page), strict=True):
            assert f"lianke.{name}" in parts_of(automation[page]), name
            # A scanner has entities of its own, and a printer's mean nothing here.
            assert ("scan" in name) == (SCANNER in str(automation)), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_trigger_says_is_in_the_page(language: str) -> None:
    files = (PACKAGE / name for name in ("trigger.py", "job_signals.py", "scanner/scan_job.py"))
    source = "".join(file.read_text("utf-8") for file in files)
    reported = set(re.findall(r"`trigger\.(\w+)`", text_of(language, "triggers")))
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
def test_each_blueprint_has_a_section(language: str) -> None:
    assert list(parts(language, "blueprints")) == list(BLUEPRINTS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_tool_of_an_assistant_is_named(language: str) -> None:
    tools = {
        name
        for tool in vars(llm).values()
        if isinstance(tool, type)
        and isinstance(name := getattr(tool, "name", None), str)
        and name.startswith("lianke__")
    }
    page = text_of(language, "assistants")
    found = re.findall(r"^\| `(lianke__\w+)` \|", page, re.MULTILINE)
    assert len(found) == 14
    assert set(found) == tools
    assert f"{markdown.MAX_MARKDOWN_BYTES // 1024} kB" in page
    assert str(MAX_JOBS_LISTED) in page


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
    pages = ("assistants", "blueprints", "mail")
    others = [one for page in pages for one in examples(language, page)]
    assert len(others) == 4
    shown = [*others, *(one for page in PAGES for one in examples(language, page))]
    assert await async_setup_component(hass, "automation", {"automation": shown})
    await hass.async_block_till_done()
    states = hass.states.async_all("automation")
    assert sorted(state.name for state in states) == sorted(one["alias"] for one in shown)
    assert {state.state for state in states} == {"on"}
    # Timers of the examples must not outlive them.
    await hass.services.async_call("automation", "turn_off", {"entity_id": "all"}, blocking=True)
