"""The dashboard card in a browser: its size, the time until it is drawn, and whether it blocks the page."""

import asyncio
import gzip
import json
import re
from statistics import median
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from tests.e2e.binding import entity_of, printer_device
from tests.e2e.card.stage import BROWSER_OPTIONS
from tests.e2e.hass import ROOT
from tests.simulator import make_pdf
from tests.simulator.rendering import find_chromium

from .figures import Figure
from .house import House

FRONTEND = ROOT / "custom_components" / "lianke" / "frontend"
BOARD = "bench-card"
JOBS = 20
SIZE = 22_000  # bytes, compressed
PAINT = 300  # ms after Home Assistant's own tile card
LONG = 50  # ms, for the longest task of the page
PATIENCE = 120_000  # ms

# Records when Home Assistant's tile and our card are drawn, and every long task.
_WATCH = """
window.drawn = {};
window.longest = 0;
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) window.longest = Math.max(window.longest, duration);
}).observe({ type: "longtask" });
const find = (root, name) => {
  for (const one of root.querySelectorAll("*")) {
    if (one.localName === name) return one;
    const found = one.shadowRoot && find(one.shadowRoot, name);
    if (found) return found;
  }
  return null;
};
const look = () => {
  for (const [name, part] of [["hui-tile-card", "ha-card"], ["lianke-card", "lianke-printer"]]) {
    if (window.drawn[name]) continue;
    const card = find(document, name);
    if (card?.shadowRoot?.querySelector(part)) window.drawn[name] = performance.now();
  }
  if (Object.keys(window.drawn).length < 2) requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


async def measure(house: House, box: dict[str, Any], *, rounds: int) -> list[Figure]:
    """Compare the card of a box's first printer with a tile of Home Assistant, in this machine's Chromium."""
    device = await printer_device(house.hass, box["device_id"], box["printers"][0]["name"])
    await _lay_out(house, device)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(), args=BROWSER_OPTIONS
        )
        delays: list[float] = []
        for _ in range(rounds):
            page = await _open(house, browser)
            drawn = await page.evaluate("window.drawn")
            delays.append(drawn["lianke-card"] - drawn["hui-tile-card"])
            await page.context.close()
        page = await _open(house, browser)
        longest = await _change_jobs(house, page, device["id"])
        await browser.close()
    return [
        Figure(
            name="card_paint", value=median(delays), unit="ms", baseline=None, goal=PAINT,
            note=f"median of {rounds}, after a tile",
        ),
        Figure(name="card_long_task", value=longest, unit="ms", baseline=None, goal=LONG),
    ]  # fmt: skip


def measure_bytes() -> Figure:
    return Figure(
        name="card_bytes",
        value=first_load(),
        unit="bytes",
        baseline=None,
        goal=SIZE,
        note="compressed",
    )


def first_load() -> int:
    """Sum the compressed bytes that a dashboard loads for the card: its first file and all that this imports."""
    contents: dict[str, bytes] = {}
    waiting = ["lianke-card.js"]
    while waiting:
        if (name := waiting.pop()) not in contents:
            contents[name] = (FRONTEND / name).read_bytes()
            waiting += re.findall(r'(?:from|import)"\./([\w-]+\.js)"', contents[name].decode())
    return sum(len(gzip.compress(content)) for content in contents.values())


async def _lay_out(house: House, device: dict[str, Any]) -> None:
    """Make a dashboard with a tile and the card of a printer."""
    await house.hass.command("lovelace/dashboards/create", url_path=BOARD, title="Bench")
    cards = [
        {"type": "tile", "entity": await entity_of(house.hass, device, "sensor", "status")},
        {"type": "custom:lianke-card", "devices": [device["id"]], "history": 20},
    ]
    section = {"type": "grid", "cards": cards}
    await house.hass.command(
        "lovelace/config/save",
        url_path=BOARD,
        config={"views": [{"title": "Bench", "type": "sections", "sections": [section]}]},
    )


async def _open(house: House, browser: Browser) -> Page:
    """Open the dashboard in a browser with an empty cache, and wait until it is drawn."""
    context = await browser.new_context()
    tokens = json.dumps(house.hass.browser_tokens())
    await context.add_init_script(f"localStorage.setItem('hassTokens', {tokens});{_WATCH}")
    page = await context.new_page()
    await page.goto(f"{house.hass.url}/{BOARD}/0")
    await page.wait_for_function("Object.keys(window.drawn).length === 2", timeout=PATIENCE)
    return page


async def _change_jobs(house: House, page: Page, device_id: str) -> float:
    """Print many documents at once; return the page's longest task in ms, 0 if there was no long task."""
    await page.wait_for_load_state("networkidle")
    path = house.hass.documents / "bench.pdf"
    await asyncio.to_thread(path.write_bytes, make_pdf(1))
    await page.evaluate("window.longest = 0")
    await asyncio.gather(
        *(
            house.hass.call(
                "lianke", "print",
                {"device_id": device_id, "file": str(path), "title": f"Job {number}"},
            )
            for number in range(JOBS)
        )
    )  # fmt: skip
    row = page.locator("lianke-card li.row").filter(has_text="Completed")
    await row.nth(JOBS - 1).wait_for(timeout=PATIENCE)
    longest: float = await page.evaluate("window.longest")
    return longest
