"""What tests of the card share when they scan: taps, buttons and pages."""

import asyncio

from playwright.async_api import Locator, expect

from .keyboard import named, press, start, tab_to
from .stage import LASER, PATIENCE, Screen, Stage


class Finger:
    """Taps, and counts them."""

    def __init__(self) -> None:
        """Begin without a tap."""
        self.taps = 0

    async def tap(self, what: Locator) -> None:
        """Tap on something once it can be."""
        await expect(what).not_to_have_attribute("aria-disabled", "true")
        await tap(what)
        self.taps += 1


async def tap(what: Locator) -> None:
    """Tap on something, or click where there is no touch, with the hand away before."""
    await what.page.keyboard.press("Shift")
    if await what.page.evaluate("navigator.maxTouchPoints"):
        await what.tap()
    else:
        await what.click()


def button(screen: Screen, key: str) -> Locator:
    """Return what is pressed in the card, by its key."""
    return screen.card.locator(f"lianke-scan-buttons [data-key={key}]").last


async def open_by_keyboard(screen: Screen, action: str) -> None:
    """Open the form of a scan or a copy with Tab and Enter, from the beginning of the page."""
    await expect(button(screen, "scan")).to_be_visible()
    await start(screen)
    await tab_to(screen, named(f"{action}: {LASER}"))
    await press(screen, "Enter")
    await expect(button(screen, "begin")).to_be_visible()


async def page_comes(screen: Screen, text: str) -> None:
    """Wait until the dialog says something, and the picture of a page is there."""
    await expect(screen.card.get_by_text(text)).to_be_visible()
    picture = screen.card.locator("lianke-scan .stage img:not(.stale)")
    # In one look: the picture before may still be there, complete, and have no size as the next one takes its place.
    async with asyncio.timeout(PATIENCE):
        while not await picture.evaluate("(one) => one.complete && one.naturalWidth > 400"):
            await asyncio.sleep(0.05)
    # News of the scan has moved the buttons.
    await screen.still(screen.card.locator("lianke-scan .actions"))


async def lay(stage: Stage, text: str) -> None:
    """Put a page on the glass of the laser printer."""
    await stage.cloud.change_printer(stage.cloud.device_id, 1, glass=text)


async def begin(screen: Screen) -> None:
    """Press what begins the scan or the copy."""
    await tab_to(screen, lambda one: one["key"] == "begin")
    await press(screen, "Enter")
