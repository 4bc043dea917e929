"""*Add to…* on a printer's page: an automation that tells of jobs that were not printed, made in the browser."""

import asyncio
from pathlib import Path

from playwright.async_api import Page, TimeoutError as PlaywrightTimeoutError
import pytest

from .binding import DOMAIN, bind, entity_of, printer_device
from .cloud import SimulatorProcess
from .hass import RealHomeAssistant
from .test_set_up import browsing

pytestmark = [pytest.mark.browser, pytest.mark.e2e, pytest.mark.timeout(300)]

PRINTER = "Kyocera MA2000w GX"
WIDE = {"width": 1200, "height": 1000}
TRIGGERS = (
    *("Print job was printed", "Print job failed or was not printed", "Print job has to wait"),
    *("Printer needs attention", "Printer became ready", "Ink became low"),
)
CONDITIONS = ("Printer is ready", "Printer needs attention", "Printer has jobs waiting")
ACTIONS = ("Print", "Preview", "Count pages", "List jobs", "Get capabilities")
MESSAGE = "Please see to the printer"


async def fill_in(page: Page, field: str, text: str) -> None:
    """Write into the first text field of an action until the editor has taken it.

    What is typed while the editor still makes the action from what was chosen is thrown away.
    """
    action = page.locator("ha-service-control").first
    texts = action.locator("ha-selector-text, ha-selector-template").first
    box = texts.locator("textarea, input").first
    taken = "(action, field) => action.value?.data?.[field]"
    async with asyncio.timeout(30):
        while await action.evaluate(taken, field) != text:
            await box.fill("")
            await box.fill(text)
            await asyncio.sleep(0.5)


async def test_tell_me_of_failed_jobs(tmp_path: Path, chromium: str, socket_enabled: None) -> None:
    async with (
        SimulatorProcess(tmp_path / "printed", speed=20) as cloud,
        RealHomeAssistant(tmp_path / "config") as home,
    ):
        await bind(home, server=cloud.url, api_key=cloud.api_key, qr_text=cloud.qr_link)
        printer = await printer_device(home, cloud.device_id, PRINTER)
        status = await entity_of(home, printer, "sensor", "status")
        await home.wait_for_state(status, lambda state: state["state"] == "idle")
        device_page = f"{home.url}/config/devices/device/{printer['id']}"
        async with browsing(chromium, home, "en") as page:
            await page.set_viewport_size(WIDE)  # type: ignore[arg-type]

            async def add_to(kind: str, names: tuple[str, ...]) -> None:
                """Open the dialog for something new of this printer, and see all of ours offered."""
                # It takes its target from the address once, as it opens, and asks once what there is for it. On a page
                # loaded cold that can be too early; it then shows nothing of the printer until it is opened anew.
                for last in (False, False, True):
                    await page.goto(device_page)
                    await page.get_by_role("button", name="Add to…").click()
                    await page.get_by_text(f"Create as a new {kind}").first.click()
                    try:
                        for name in names:
                            await page.get_by_text(name).first.wait_for()
                    except PlaywrightTimeoutError:
                        if last:
                            raise
                    else:
                        return

            for kind, names in (
                ("condition", CONDITIONS),
                ("action", ACTIONS),
                ("trigger", TRIGGERS),
            ):
                await add_to(kind, names)
            await page.get_by_text("Print job failed or was not printed").first.click()
            await page.get_by_text("Triggers when a print job ends").first.wait_for()
            await page.get_by_role("button", name="Add action").first.click()
            await page.get_by_placeholder("Search").fill("persistent")
            await page.get_by_text("Send a persistent notification").first.click()
            await fill_in(page, "message", MESSAGE)
            await page.get_by_role("button", name="Save").first.click()
            dialog = page.locator("ha-dialog-automation-save")
            await dialog.locator("input").first.fill("Tell me")
            await dialog.locator("ha-button[slot=primaryAction]").click()
            made = await home.wait_for_state("automation.tell_me", lambda _state: True)
            assert made["state"] == "on"

            planned = {"outcomes": [{"code": 502, "state": "SUCCESS", "prints": "none"}]}
            await cloud.post(f"boxes/{cloud.device_id}/printers/1/outcomes", planned)
            await home.call(DOMAIN, "print", {"device_id": printer["id"], "text": "x"})
            # That it comes at all is one thing, that the sidebar shows it another.
            async with asyncio.timeout(60):
                while not await home.command("persistent_notification/get"):
                    await asyncio.sleep(0.2)
            await page.get_by_text("Notifications").first.click()
            await page.get_by_text(MESSAGE).first.wait_for()
        assert not home.problems(DOMAIN)
