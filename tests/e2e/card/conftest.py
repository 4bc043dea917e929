"""One Home Assistant, one simulated cloud and one browser for all tests of the card."""

from collections.abc import AsyncIterator, Generator
from functools import partial
from importlib.util import find_spec
import os
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright, expect
import pytest
import pytest_asyncio
import pytest_socket

from tests.e2e.binding import announce_changes, bind
from tests.e2e.cloud import SimulatorProcess
from tests.e2e.hass import HassError, RealHomeAssistant

from .stage import BROWSER_OPTIONS, LASER, LAUNCH, PATIENCE, SPEED, Stage, change_options

CONFIGURATION = """\
input_boolean:
  plug:
  unrelated:
input_button:
  pressed:
script:
  hello:
    alias: Say hello
    sequence:
      - action: input_button.press
        target:
          entity_id: input_button.pressed
  to_archive:
    alias: To the archive
    sequence:
      - action: input_button.press
        target:
          entity_id: input_button.pressed
recorder:
shopping_list:
lianke_refusals:
"""
CUSTOM = Path(__file__).parents[3] / "custom_components"
REFUSALS = Path(__file__).parent / "lianke_refusals"


@pytest.fixture(scope="session")
def _sockets() -> Generator[None]:
    """Open sockets for the fixtures of the session, which start before the first test's own."""
    pytest_socket.enable_socket()
    yield
    pytest_socket.enable_socket()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_stage(
    chromium: str, _sockets: None, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    """Provide the stage that all tests share, with the first box bound."""
    expect.set_options(timeout=PATIENCE * 1000)
    folder = tmp_path_factory.mktemp("card")
    home = RealHomeAssistant(folder / "config", extra=CONFIGURATION)
    components = home.config / "custom_components"
    components.mkdir(parents=True)
    for source in (CUSTOM / "lianke", REFUSALS):
        (components / source.name).symlink_to(source, target_is_directory=True)
    if (library := find_spec("aiosmtplib")) and library.origin:
        # Home Assistant's `smtp` imports it; nothing is fetched while tests run.
        (home.config / "aiosmtplib").symlink_to(Path(library.origin).parent)
    async with SimulatorProcess(folder / "printed", speed=SPEED) as cloud, home:
        entry = await bind(home, server=cloud.url, api_key=cloud.api_key, qr_text=cloud.qr_link)
        # All tests together print more in an hour than a household does.
        await change_options(home, entry["entry_id"], "settings", max_jobs_per_hour=900)
        await announce_changes(home, cloud, entry["entry_id"])
        await cloud.post("variants", {"callbacks": "each_state"})
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=chromium, args=BROWSER_OPTIONS, timeout=LAUNCH
            )
            devices = {
                device["name"]: device["id"]
                for device in await home.devices()
                for domain, identifier in device["identifiers"]
                if domain == "lianke" and "_" in identifier
            }
            shared = Stage(home, cloud, browser, entry["entry_id"], devices)
            yield shared
            pytest_socket.enable_socket()
            await browser.close()
        assert not (await cloud.get(""))["banned"]
        assert not [
            problem
            for problem in home.problems("lianke")
            if not any(part in problem for part in shared.expected)
        ]


@pytest_asyncio.fixture(loop_scope="session")
async def stage(shared_stage: Stage) -> Stage:
    """Provide the shared stage once it is at rest, so that the order of the tests does not matter."""
    await shared_stage.come_to_rest()
    return shared_stage


async def why_no_options(stage: Stage) -> str | None:
    """Return why some printer's options cannot be asked for, None if all can."""
    try:
        for device_id in stage.devices.values():
            await stage.home.command("lianke/printer/options", device_id=device_id)
    except HassError as err:
        return str(err)
    return None


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def scanners(shared_stage: Stage) -> AsyncIterator[None]:
    """Switch the preview feature on for these tests; each time it is, every scanner is asked what it can do."""
    stage = shared_stage
    # A fixture of the module starts before a test's own, which opens sockets for it, and ends after it.
    pytest_socket.enable_socket()
    feature: dict[str, Any] = {"domain": "lianke", "preview_feature": "scanning"}
    await stage.home.command("labs/update", enabled=True, **feature)
    await stage.until(stage.view, lambda view: view["printers"][stage.devices[LASER]]["scanner"])
    await change_options(stage.home, stage.entry_id, "settings", scan_script="script.to_archive")
    yield
    pytest_socket.enable_socket()
    await stage.home.command("labs/update", enabled=False, **feature)
    # Many requests in a minute leave none for looking up printers, which the tests after these do.
    await stage.until(partial(why_no_options, stage), lambda reason: reason is None, 90)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Return the folder for the README's pictures: .github/images if LIANKE_PICTURES is set."""
    if not os.environ.get("LIANKE_PICTURES"):
        return tmp_path
    folder = Path(__file__).parents[3] / ".github" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
