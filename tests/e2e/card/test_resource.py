"""The card's resource over the life of the integration, in a Home Assistant of its own.

That it outlives a restart and goes with the last entry: tests/frontend/test_resource.py.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import json
from pathlib import Path
import shutil

from playwright.async_api import Browser, Page, expect

from tests.e2e.binding import bind
from tests.e2e.hass import ROOT, RealHomeAssistant

from .marks import on_stage
from .stage import Stage

pytestmark = on_stage("card at work")


async def urls(home: RealHomeAssistant) -> list[str]:
    """Return the addresses of the dashboards' resources."""
    return [resource["url"] for resource in await home.command("lovelace/resources")]


def copy_integration(config: Path) -> Path:
    """Give a configuration folder the integration as a copy that can be changed; return its manifest."""
    target = config / "custom_components"
    shutil.copytree(
        ROOT / "custom_components", target, ignore=shutil.ignore_patterns("__pycache__")
    )
    return target / "lianke" / "manifest.json"


async def test_one_resource_that_follows_version_and_entries(stage: Stage, tmp_path: Path) -> None:
    config = tmp_path / "config"
    manifest = await asyncio.to_thread(copy_integration, config)
    async with RealHomeAssistant(config) as home:
        assert await urls(home) == []
        boxes = await stage.cloud.boxes()
        # A box of another account: this Home Assistant's polls count apart.
        box = next(box for box in boxes if box["account"] == "shop")
        accounts = (await stage.cloud.get(""))["accounts"]
        key = next(account["api_key"] for account in accounts if account["name"] == "shop")
        entry = await bind(home, server=stage.cloud.url, api_key=key, qr_text=box["qr_link"])
        (first,) = await urls(home)
        version = json.loads(manifest.read_text("utf-8"))["version"]
        assert first.startswith(f"/lianke/lianke-card.js?v={version}-")

        changed = json.loads(manifest.read_text("utf-8")) | {"version": "9.9.9"}
        manifest.write_text(json.dumps(changed), "utf-8")
        async with opened(stage.browser, home) as page:
            card = page.locator("lianke-card")
            await expect(card).to_contain_text("XP-80C")
            await home.restart()
            (second,) = await urls(home)
            assert second.startswith("/lianke/lianke-card.js?v=9.9.9-")
            # The page that stayed open follows the new Home Assistant.
            await stage.cloud.change_box(box["device_id"], online=False)
            await home.call("homeassistant", "update_entity", {"entity_id": await status(home)})
            await expect(card).to_contain_text("Box offline", timeout=60_000)
            await stage.cloud.change_box(box["device_id"], online=True)
        async with opened(stage.browser, home) as page:
            await see_one_definition(page, "?v=9.9.9-")

        await home.delete(f"/api/config/config_entries/entry/{entry['entry_id']}")
        async with opened(stage.browser, home) as page:
            await expect(page.locator("lianke-card")).to_contain_text("No printer yet")
        assert not home.problems("lianke")


async def status(home: RealHomeAssistant) -> str:
    """Return the status entity of the only printer."""
    return next(
        str(entity["entity_id"])
        for entity in await home.entities()
        if entity["platform"] == "lianke" and entity["translation_key"] == "status"
    )


@asynccontextmanager
async def opened(browser: Browser, home: RealHomeAssistant) -> AsyncIterator[Page]:
    """Give a page with a card that shows every printer."""
    boards = await home.command("lovelace/dashboards/list")
    if not any(board["url_path"] == "lianke-card" for board in boards):
        await home.command("lovelace/dashboards/create", url_path="lianke-card", title="Printing")
        view = {"cards": [{"type": "custom:lianke-card"}]}
        await home.command("lovelace/config/save", url_path="lianke-card", config={"views": [view]})
    context = await browser.new_context()
    try:
        await context.add_init_script(
            f"localStorage.setItem('hassTokens', {json.dumps(home.browser_tokens())});"
        )
        page = await context.new_page()
        await page.goto(f"{home.url}/lianke-card/0")
        yield page
    finally:
        await context.close()


async def see_one_definition(page: Page, version: str) -> None:
    """Load the page anew: the card's script comes once, and the card is offered once."""
    scripts: list[str] = []
    page.on(
        "request",
        lambda request: scripts.append(request.url) if "lianke-card.js" in request.url else None,
    )
    await expect(page.locator("lianke-card")).to_contain_text("XP-80C")
    await page.reload()
    await expect(page.locator("lianke-card")).to_contain_text("XP-80C")
    offered = "window.customCards.filter(({ type }) => type === 'lianke-card').length"
    assert await page.evaluate(offered) == 1
    assert len(set(scripts)) == 1, scripts
    assert version in scripts[0]
