"""What is loaded when: nothing that only printing needs at the start, everything soon after."""

from pathlib import Path
import subprocess
import sys

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components import lianke
from custom_components.lianke import late
from custom_components.lianke.const import DOMAIN

FOLDER = Path(lianke.__file__).parent
# What Home Assistant loads by itself, when it first needs it or at the start.
PLATFORMS = {
    *("binary_sensor", "button", "config_flow", "diagnostics", "event", "image", "media_source"),
    *("notify", "repairs", "sensor", "system_health"),
}


def loaded(*names: str) -> set[str]:
    """Return which of the integration's modules a new process has loaded with these."""
    modules = ", ".join(f"custom_components.lianke{name and '.'}{name}" for name in ("", *names))
    code = f"import sys, {modules}\nprint(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    prefix = "custom_components.lianke."
    return {name.removeprefix(prefix) for name in found.stdout.split() if name.startswith(prefix)}


def test_nothing_is_left_to_be_loaded_by_the_first_print() -> None:
    modules = {
        ".".join(path.relative_to(FOLDER).with_suffix("").parts).removesuffix(".__init__")
        for path in FOLDER.rglob("*.py")
    } - {"__init__"}
    start = loaded(*PLATFORMS)
    assert not start & {*late.LATE, "documents.sources", "documents.compose", "printing"}
    # The worker is a script that runs in a process of its own.
    assert modules - loaded(*PLATFORMS, *late.LATE) <= {"documents.pdf_worker"}


async def test_everything_is_loaded_once_home_assistant_has_started(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch, freezer: FrozenDateTimeFactory
) -> None:
    asked: list[str] = []

    async def load(_: HomeAssistant, *names: str) -> None:
        asked.extend(names)

    monkeypatch.setattr(late, "async_load", load)
    hass.set_state(CoreState.starting)
    assert await async_setup_component(hass, DOMAIN, {})
    await hass.async_block_till_done()
    assert not asked
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await hass.async_block_till_done()
    # What Home Assistant loads of it by itself goes first.
    assert not asked
    freezer.tick(late.PAUSE)
    async_fire_time_changed(hass)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert asked == list(late.LATE)
