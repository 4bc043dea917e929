"""One Home Assistant, one simulated cloud and one browser for all tests of the card."""

from collections.abc import AsyncIterator, Generator
import os
from pathlib import Path

from playwright.async_api import async_playwright, expect
import pytest
import pytest_asyncio
import pytest_socket

from tests.e2e.binding import announce_changes, bind
from tests.e2e.cloud import SimulatorProcess
from tests.e2e.hass import RealHomeAssistant

from .stage import BROWSER_OPTIONS, PATIENCE, SPEED, Stage, change_options

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
    async with SimulatorProcess(folder / "printed", speed=SPEED) as cloud, home:
        entry = await bind(home, server=cloud.url, api_key=cloud.api_key, qr_text=cloud.qr_link)
        # All tests together print more in an hour than a household does.
        await change_options(home, entry["entry_id"], "settings", max_jobs_per_hour=900)
        await announce_changes(home, cloud, entry["entry_id"])
        await cloud.post("variants", {"callbacks": "each_state"})
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=chromium, args=BROWSER_OPTIONS
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


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Return the folder for the README's pictures: .github/images if LIANKE_PICTURES is set."""
    if not os.environ.get("LIANKE_PICTURES"):
        return tmp_path
    folder = Path(__file__).parents[3] / ".github" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
