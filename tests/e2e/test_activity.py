"""The page Activity, as it looks: what a print and a scan leave on it."""

import asyncio
from collections.abc import Iterable
import json
from pathlib import Path
import re
from typing import Any

from aiohttp import ClientSession
from playwright.async_api import Page, expect
import pytest

from tests.e2e.browsing import PATIENCE, browsing
from tests.simulator import make_pdf

from .binding import DOMAIN, bind_first, printer_device
from .card.stage import change_options, user_tokens
from .cloud import SimulatorProcess
from .hass import RealHomeAssistant
from .home import CONFIGURATION, INKJET, PRINTER
from .lan import offer, send

pytestmark = [pytest.mark.browser, pytest.mark.e2e, pytest.mark.timeout(600)]

BY = "By Demo"
SCANNER = f"{PRINTER} scanner"
JOB = f"Print job→{{}} {PRINTER}"


class Activity:
    """The page, and the lines on it that are about devices of these names, the oldest first."""

    def __init__(self, page: Page, names: Iterable[str]) -> None:
        self._page = page
        self._names = re.compile("|".join(map(re.escape, names)))
        self._seen = 0

    async def new(self, count: int) -> list[str]:
        """Return the lines that have come since the last call, once there are so many; more are found by the next."""
        async with asyncio.timeout(PATIENCE / 1000):
            while len(new := (await self._all())[self._seen :]) < count:
                await asyncio.sleep(0.1)
        self._seen += len(new)
        return new

    async def begin(self, awaited: str) -> None:
        """Leave out the lines until now, once one of them says what is awaited and no more come."""
        async with asyncio.timeout(PATIENCE / 1000):
            while not any(awaited in text for text in (await self._all())[self._seen :]):
                await asyncio.sleep(0.1)
        await asyncio.sleep(1.5)
        self._seen = len(await self._all())

    async def _all(self) -> list[str]:
        lines = self._page.locator("ha-logbook-entry .content", has_text=self._names)
        texts = [" ".join(text.split()) for text in await lines.all_inner_texts()][::-1]
        # Whether a poll falls into a print depends on the machine.
        return [text for text in texts if not text.startswith((f"{PRINTER}→", f"{INKJET}→"))]


def is_ours(device: dict[str, Any]) -> bool:
    """Return whether a device is of the integration: the box, or a printer or scanner of it."""
    return any(domain == DOMAIN for domain, _ in device["identifiers"])


async def test_what_prints_and_scans_leave_on_the_page_activity(
    tmp_path: Path, chromium: str, socket_enabled: None
) -> None:
    """Two lines a print: begun by whom, and how it ended; they were six. One more for each wait.

    Home Assistant adds that the printer or the scanner is busy: the main entity's states, which it cannot leave out.
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
        names = {device["name"] for device in await home.devices() if is_ours(device)}
        assert len(names) > 3
        seen = Activity(page, names)
        await seen.begin(PRINTER)

        two = home.documents / "two.pdf"
        two.write_bytes(make_pdf(2))

        async def waits(**data: Any) -> dict[str, Any]:
            """Print and return what names the job that waits."""
            answer = await home.call(DOMAIN, "print", asked | data, response=True)
            (job,) = answer["jobs"]
            assert job["state"] == "held", job
            return {"job_id": job["job_id"]}

        async def finished() -> list[str]:
            """Print, and return its two lines."""
            await home.call(DOMAIN, "print", asked)
            return await seen.new(2)

        queued, waiting = JOB.format("Queued in the cloud"), JOB.format("Waiting")
        completed = JOB.format("Completed")
        assert await finished() == [f"{queued} {BY}", f"{completed} {BY}"]
        failing = {"outcomes": [{"code": 502}]}
        await cloud.post(f"boxes/{cloud.device_id}/printers/1/outcomes", failing)
        assert await finished() == [f"{queued} {BY}", f"{JOB.format('Failed')} {BY}"]

        # By a phone: nobody is known.
        async with ClientSession() as session:
            await send(
                session, await offer(home, entry["entry_id"]), [make_pdf(1)], "homework", "iPhone"
            )
        assert await seen.new(2) == [queued, completed]

        # Of one that waits for somebody. The page, loaded before, does not know Anna's name.
        anna = json.loads(await user_tokens(home, "anna", "system-users"))["access_token"]
        await change_options(home, entry["entry_id"], "approval", approval_printers=[PRINTER])

        async def answered(action: str, count: int, **answer: str) -> list[str]:
            """Have Anna print, answer, and return the lines."""
            boss, home.token = home.token, anna
            (job,) = (await home.call(DOMAIN, "print", asked, response=True))["jobs"]
            home.token = boss
            chosen = {"device_id": printer["id"], "job_id": job["job_id"]}
            await home.call(DOMAIN, action, chosen | answer)
            return await seen.new(count)

        lines = await answered("continue_job", 3, reason="approval")
        assert lines == [waiting, queued, completed]
        lines = await answered("cancel_job", 2)
        assert lines == [waiting, JOB.format("Canceled")]
        job = await waits(release_code="4711")
        await home.call(DOMAIN, "continue_job", job | {"reason": "release", "code": "4711"})
        by_demo = [f"{line} {BY}" for line in (waiting, queued, completed)]
        assert await seen.new(3) == by_demo
        # Each half of a print on both sides by hand is sent.
        job = await waits(file=str(two), duplex="manual_long_edge", wait=True)
        await home.call(DOMAIN, "continue_job", job | {"reason": "turn_paper"})
        assert await seen.new(4) == [by_demo[1], *by_demo]
        # At each printer of one that is moved.
        job = await waits(release_code="4711")
        inkjet = await printer_device(home, cloud.device_id, INKJET)
        await home.call(DOMAIN, "move_job", job | {"to_device_id": inkjet["id"]})
        lines = await seen.new(3)
        moved = [line.replace(PRINTER, INKJET) for line in by_demo]
        assert sorted(lines) == sorted([by_demo[0], f"{JOB.format('Canceled')} {BY}", moved[0]])

        await home.command("labs/update", enabled=True, domain=DOMAIN, preview_feature="scanning")

        async def scanners() -> list[str]:
            """Return the devices of the printer's scanner."""
            devices = await home.command("config/device_registry/list")
            return [one["id"] for one in devices if one["name"] == SCANNER]

        (scanner,) = await home.poll(scanners, bool, timeout=PATIENCE / 1000) or []
        await home.call(DOMAIN, "scan", {"device_id": scanner}, response=True)
        lines = await seen.new(3)
        assert sorted(lines) == [
            f"{SCANNER}→Idle",
            f"{SCANNER}→Scanning",
            f"Scan result→Completed {SCANNER} {BY}",
        ]
