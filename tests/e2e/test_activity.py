"""The page Activity, as it looks: what a print and a scan leave on it."""

import asyncio
import json
from pathlib import Path
from typing import Any

from playwright.async_api import Locator, Page, expect
import pytest

from tests.simulator import make_pdf

from .binding import DOMAIN, bind_first, printer_device
from .card.stage import change_options, user_tokens
from .cloud import SimulatorProcess
from .hass import RealHomeAssistant
from .home import CONFIGURATION, PRINTER
from .test_set_up import PATIENCE, browsing

pytestmark = [pytest.mark.browser, pytest.mark.e2e, pytest.mark.timeout(150)]

BY = "By Demo"
JOB = f"Print job→{{}} {PRINTER}"
# What the printer itself and its queue say, which Home Assistant shows as well.
WAITS = f"Hold reason→{{}} {PRINTER}"


class Activity:
    """The page, and the lines on it that are about the printer and its scanner, the oldest first."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._seen = 0

    async def new(self, awaited: str) -> list[str]:
        """Return the lines that have come since the last call, once one of them says what is awaited."""
        lines = self._page.locator("ha-logbook-entry .content", has_text=PRINTER)
        async with asyncio.timeout(PATIENCE / 1000):
            while not any(awaited in text for text in await self._unseen(lines)):
                await asyncio.sleep(0.1)
        # What comes with it is there soon; a line that comes later is found by the next call.
        await asyncio.sleep(1.5)
        new = await self._unseen(lines)
        self._seen += len(new)
        return new

    async def _unseen(self, lines: Locator) -> list[str]:
        texts = [" ".join(text.split()) for text in await lines.all_inner_texts()]
        return texts[::-1][self._seen :]


async def test_what_prints_and_scans_leave_on_the_page_activity(
    tmp_path: Path, chromium: str, socket_enabled: None
) -> None:
    """Two lines a print: begun by whom, and how it ended. They were six.

    Home Assistant adds why one waits, and that the scanner is busy: states of sensors that it cannot leave out.
    """
    expect.set_options(timeout=PATIENCE)
    async with (
        SimulatorProcess(tmp_path / "printed", speed=20) as cloud,
        RealHomeAssistant(tmp_path / "config", extra=CONFIGURATION) as home,
        browsing(chromium, home, "en") as page,
    ):
        entry, _ = await bind_first(home, cloud)
        printer = await printer_device(home, cloud.device_id, PRINTER)
        path = home.documents / "homework.pdf"
        path.write_bytes(make_pdf(1))
        asked: dict[str, Any] = {"device_id": printer["id"], "file": str(path)}
        # Lines beyond the window are not drawn.
        await page.set_viewport_size({"width": 1280, "height": 4000})
        await page.goto(f"{home.url}/logbook")
        seen = Activity(page)
        await seen.new(PRINTER)

        async def finished(end: str) -> list[str]:
            """Print, and return the lines once one of them says so."""
            await home.call(DOMAIN, "print", asked)
            return await seen.new(end)

        queued, waiting = JOB.format("Queued in the cloud"), JOB.format("Waiting")
        completed = JOB.format("Completed")
        assert await finished("Completed") == [f"{queued} {BY}", f"{completed} {BY}"]
        failing = {"outcomes": [{"code": 502}]}
        await cloud.post(f"boxes/{cloud.device_id}/printers/1/outcomes", failing)
        assert await finished("Failed") == [f"{queued} {BY}", f"{JOB.format('Failed')} {BY}"]

        # Of one that waits for somebody, and why. The page, loaded before, does not know Anna's name.
        anna = json.loads(await user_tokens(home, "anna", "system-users"))["access_token"]
        await change_options(home, entry["entry_id"], "approval", approval_printers=[PRINTER])

        async def answered(action: str, end: str, **answer: str) -> list[str]:
            """Have Anna print, answer, and return the lines."""
            boss, home.token = home.token, anna
            (job,) = (await home.call(DOMAIN, "print", asked, response=True))["jobs"]
            home.token = boss
            chosen = {"device_id": printer["id"], "job_id": job["job_id"]}
            await home.call(DOMAIN, action, chosen | answer)
            return await seen.new(end)

        why, no_more = WAITS.format("Waiting for approval"), WAITS.format("None")
        lines = await answered("continue_job", "Completed", reason="approval")
        assert sorted(lines) == sorted([waiting, why, no_more, queued, completed])
        lines = await answered("cancel_job", "Canceled")
        assert sorted(lines) == sorted([waiting, why, no_more, JOB.format("Canceled")])

        await home.command("labs/update", enabled=True, domain=DOMAIN, preview_feature="scanning")

        async def scanners() -> list[str]:
            """Return the devices of the printer's scanner."""
            devices = await home.command("config/device_registry/list")
            named = {one["id"] for one in devices if one["name"] == PRINTER}
            return [*(named - {printer["id"]})]

        (scanner,) = await home.poll(scanners, bool, timeout=PATIENCE / 1000) or []
        await home.call(DOMAIN, "scan", {"device_id": scanner}, response=True)
        lines = await seen.new("Scan result")
        assert sorted(lines) == [
            f"{PRINTER}→Idle",
            f"{PRINTER}→Scanning",
            f"Scan result→Completed {PRINTER} {BY}",
        ]
