"""Opens a Home Assistant in a browser."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import json
import os

from playwright.async_api import Page, async_playwright
import pytest_socket

from tests.e2e.card.stage import BROWSER_OPTIONS, LAUNCH
from tests.e2e.hass import RealHomeAssistant

# ms. The box's number is seen only once the photo was read, in a Home Assistant that imports what it needs for that.
PATIENCE = 90_000

SIZE = (620, 960)
# Whether the pictures are for the manual.
PICTURES = bool(os.environ.get("LIANKE_PICTURES"))


@asynccontextmanager
async def browsing(
    chromium: str, home: RealHomeAssistant, language: str, *, size: tuple[int, int] = SIZE
) -> AsyncIterator[Page]:
    """Give a page that is logged in."""
    stored = {"hassTokens": home.browser_tokens(), "selectedLanguage": json.dumps(language)}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=BROWSER_OPTIONS, timeout=LAUNCH
        )
        context = await browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            device_scale_factor=1.5 if PICTURES else 1,
            # Animations take most of a test's time.
            reduced_motion="reduce",
        )
        await context.add_init_script(
            f"for (const [key, value] of Object.entries({json.dumps(stored)})) "
            "if (!localStorage.getItem(key)) localStorage.setItem(key, value);"
        )
        page = await context.new_page()
        page.set_default_timeout(PATIENCE)
        yield page
        pytest_socket.enable_socket()
        await browser.close()
