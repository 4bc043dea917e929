"""What the demo shows to somebody who opens it: a dashboard with something on every card, and the cloud's page."""

import asyncio
from contextlib import suppress
import json
import os
from pathlib import Path
import re
import signal
from typing import Any, Self

import aiohttp
from playwright.async_api import expect
import pytest

from scripts.demo import told
from tests.e2e.browsing import PATIENCE, browsing
from tests.manual import DOCUMENTS, sections

from .binding import DOMAIN, announce_changes, bind, bind_first, wait_loaded
from .card.stage import press
from .cloud import SimulatorProcess
from .hass import ROOT, HassError, RealHomeAssistant, free_port
from .home import CONFIGURATION, DASHBOARD, cloud_page, furnish, print_samples

# The quick buttons of the first card, and what their jobs are called.
BUTTONS = {
    "家庭": "家庭",
    "门口 → EPSON L3250 Series (网络)": "门口",
    "便条": "便条",
    "打印文档": "演示文档",
}

# What nobody can have but the reader of the manual; the last is there once the preview feature is switched on.
OF_THE_READER = {"notify.anna", "notify.mail", "sensor.kyocera_ma2000w_gx_2"}

pytestmark = [pytest.mark.browser, pytest.mark.e2e, pytest.mark.timeout(600)]


async def test_the_demo_in_chinese(tmp_path: Path, chromium: str, socket_enabled: None) -> None:
    """Nothing on it is broken or empty, and it has what the manual's examples name."""
    language = "zh-Hans"
    expect.set_options(timeout=PATIENCE)
    async with (
        SimulatorProcess(tmp_path / "printed", speed=20) as cloud,
        RealHomeAssistant(tmp_path / "config", language=language, extra=CONFIGURATION) as home,
        browsing(chromium, home, language) as page,
    ):
        entry, _ = await bind_first(home, cloud)
        await furnish(home, cloud)
        await print_samples(home, cloud)
        await announce_changes(home, cloud, entry["entry_id"])
        await page.set_viewport_size({"width": 1280, "height": 1100})
        await page.goto(f"{home.url}/{DASHBOARD}")
        words = await told(home, cloud, tmp_path / "printed")
        for needed in (
            f"{home.url}/{DASHBOARD}",
            home.password,
            cloud.api_key,
            cloud.url,
            cloud.admin_url,
        ):
            assert needed in words
        cards = page.locator("lianke-card")
        await expect(cards).to_have_count(3)
        laser, inkjet, labels = (cards.nth(number) for number in range(3))
        await expect(laser).to_contain_text("购物清单")
        await expect(laser).to_contain_text("便条")
        await expect(laser).to_contain_text("已完成")
        await expect(inkjet).to_contain_text("8%")
        await expect(labels).to_contain_text("草莓酱")
        await expect(page.locator("hui-todo-list-card")).to_contain_text("牛奶")
        await expect(page.locator("hui-calendar-card")).to_contain_text("和爷爷奶奶吃饭")
        await expect(page.locator("hui-picture-entity-card img")).to_be_visible()
        await expect(page.locator("hui-error-card, hui-warning")).to_have_count(0)
        states = await home.states()
        for document in DOCUMENTS:
            for section in sections(language, document):
                for example in section.examples:
                    if example.kind == "yaml" and "use_blueprint" not in example.data:
                        assert_known(example.data, states)
        # Each button prints, one of them elsewhere. The terminal says which to try first.
        assert [name for name in BUTTONS if f"“{name}”" in words] == ["打印文档"]
        for name, printed in BUTTONS.items():
            # The row of the one before has just moved it.
            await press(laser.get_by_role("button", name=name, exact=True))
            rows = (inkjet if "→" in name else laser).locator("li.row")
            await expect(rows.filter(has_text=printed).first).to_be_visible()

        await page.goto(cloud_page(home, cloud))
        sheets = page.locator("#tray li img")
        await expect(sheets).to_have_count(2 + len(BUTTONS))
        for number in range(2 + len(BUTTONS)):
            await expect(sheets.nth(number)).to_have_js_property("complete", True)
            assert await sheets.nth(number).evaluate("image => image.naturalWidth")
        await expect(page.locator("#status")).to_be_empty()
        printer = page.locator("li", has_text="Kyocera MA2000w GX").first
        await printer.get_by_role("button", name="缺纸").click()
        await expect(printer.get_by_role("button", name="缺纸")).to_have_attribute(
            "aria-pressed", "true"
        )
        await page.get_by_role("button", name="推送给 Home Assistant").first.click()
        await expect(page.locator("#status")).to_contain_text("200")
        await page.goto(f"{home.url}/{DASHBOARD}")
        await expect(cards.first).to_contain_text("缺纸")
        # The card is defined and offered once, and is there and says so where its last printer has gone.
        offered = "window.customCards.filter(({ type }) => type === 'lianke-card').length"
        assert await page.evaluate(offered) == 1
        await home.delete(f"/api/config/config_entries/entry/{entry['entry_id']}")
        view = {"cards": [{"type": "custom:lianke-card"}]}
        await home.command("lovelace/config/save", url_path=DASHBOARD, config={"views": [view]})
        await page.goto(f"{home.url}/{DASHBOARD}")
        await expect(cards.first).to_contain_text("还没有打印机")
        assert not home.problems("lianke")


def command(state: Path) -> list[str]:
    """Return what runs the demo with all its state in a folder."""
    script = (
        "import pathlib, sys; from scripts import demo; "
        f"demo.STATE = pathlib.Path({str(state)!r}); sys.exit(demo.main())"
    )
    return [os.environ["LIANKE_HASS"], "-c", script, "--language", "en"]


async def run_to_end(state: Path, *options: str) -> tuple[int | None, str]:
    """Run a demo that ends by itself, and return its exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        *command(state),
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    said, _ = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode, said.decode()


def kept(state: Path) -> dict[str, bytes]:
    """Return what a demo has written that tells where it and its cloud are."""
    storage = state / "home" / ".storage"
    return {name: (storage / name).read_bytes() for name in ("core.config_entries", "http")}


class Terminal:
    """A terminal in which the demo runs."""

    def __init__(self, state: Path, port: int) -> None:
        """Keep all state in a folder."""
        self._command = command(state)
        self._port = port
        self._process: asyncio.subprocess.Process | None = None
        self.text = ""
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start it, and wait until it has said where to look."""
        screen, keyboard = os.openpty()
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            *("--port", str(self._port)),
            stdin=keyboard,
            stdout=keyboard,
            stderr=keyboard,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )
        os.close(keyboard)
        self._reading = asyncio.create_task(self._read(screen))
        await self.says("Ctrl+C ends both")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Press Ctrl+C: both end in order."""
        assert self._process is not None
        assert self._reading is not None
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGINT)
        code = await asyncio.wait_for(self._process.wait(), 60)
        await self._reading
        assert code == 0, self.text

    async def _read(self, screen: int) -> None:
        # The kernel says that nobody writes any more by an error.
        with suppress(OSError):
            while part := await asyncio.to_thread(os.read, screen, 4096):
                self.text += part.decode(errors="replace")
        os.close(screen)

    @property
    def pid(self) -> int:
        """Return the id of its process."""
        assert self._process is not None
        return self._process.pid

    async def says(self, words: str) -> None:
        """Wait until it has said so."""
        async with asyncio.timeout(120):
            while words not in self.text:
                assert self._process is not None
                assert self._process.returncode is None, self.text
                await asyncio.sleep(0.1)

    def told(self, name: str) -> str:
        """Return what it has told under a name."""
        found = re.search(rf"^ +{name} +(\S+)", self.text, re.MULTILINE)
        assert found, self.text
        return found[1]


@pytest.mark.timeout(600)
async def test_the_demo_in_a_terminal(tmp_path: Path, socket_enabled: None) -> None:
    """At another port each time, restarted from its own pages, and with all that binds another box by hand."""
    if "LIANKE_HASS" not in os.environ:
        pytest.skip("LIANKE_HASS names no Python that has Home Assistant with its frontend")
    first, second = free_port(), free_port()
    async with Terminal(tmp_path, first) as terminal:
        assert terminal.told("Home Assistant").startswith(f"http://127.0.0.1:{first}/")
        # A second one finds out before it touches anything.
        before = kept(tmp_path)
        for more in ([], ["--reset"]):
            code, said = await run_to_end(tmp_path, "--port", str(second), *more)
            assert code == 1, said
            assert said == (
                "✗ A demo runs in this folder already, and was left alone. Press Ctrl+C in its terminal, "
                f"or end process {terminal.pid}, before you start another one here.\n"
            )
        assert kept(tmp_path) == before
    async with Terminal(tmp_path, second) as terminal:
        assert terminal.told("Home Assistant").startswith(f"http://127.0.0.1:{second}/")
        assert "turbojpeg" not in terminal.text.lower()
        home = RealHomeAssistant(tmp_path / "home", port=second)
        home.attach()
        try:
            (entry,) = await home.entries(DOMAIN)
            # It may go before it has answered.
            with suppress(aiohttp.ClientError, HassError, TypeError):
                await home.call("homeassistant", "restart")
            await terminal.says("It is up again.")
            await wait_loaded(home, entry["entry_id"])
            # The box of the first run finds the cloud, which has moved along.
            states = await home.states()
            assert states["sensor.kyocera_ma2000w_gx"]["state"] != "box_offline"
            page = terminal.told("Simulated cloud")
            dashboard = await home.command("lovelace/config", url_path=DASHBOARD)
            assert f"({page})" in json.dumps(dashboard)
            async with (
                aiohttp.ClientSession() as session,
                session.get(page.partition("?")[0]) as answer,
            ):
                _bound, *others = (await answer.json())["boxes"]
            assert len({box["account"] for box in others}) == 2
            for box in others:
                line = rf"^ +ApiKey +(\S+) .*\b{box['device_id']}\b"
                key = re.search(line, terminal.text, re.MULTILINE)
                assert key, terminal.text
                await bind(
                    home,
                    server=terminal.told("Server"),
                    api_key=key[1],
                    qr_text=box["qr_link"],
                )
        finally:
            await home.close()


def assert_known(data: Any, states: dict[str, Any]) -> None:
    """Check that every entity an example names is in the demo's home."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key in {"entity_id", "source_entity"}:
                for entity in value if isinstance(value, list) else [value]:
                    assert entity in states or entity in OF_THE_READER, entity
            else:
                assert_known(value, states)
    elif isinstance(data, list):
        for one in data:
            assert_known(one, states)
