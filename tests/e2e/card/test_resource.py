"""The card's resource over the life of the integration, in a Home Assistant of its own."""

import asyncio
import json
from pathlib import Path
import shutil

from playwright.async_api import Browser, expect
import pytest

from tests.e2e.binding import bind
from tests.e2e.hass import ROOT, RealHomeAssistant

from .stage import Stage

pytestmark = [
    pytest.mark.browser,
    pytest.mark.e2e,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(300),
]


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

        await home.post(f"/api/config/config_entries/entry/{entry['entry_id']}/reload")
        await home.restart()
        assert await urls(home) == [first]

        changed = json.loads(manifest.read_text("utf-8")) | {"version": "9.9.9"}
        manifest.write_text(json.dumps(changed), "utf-8")
        await home.restart()
        (second,) = await urls(home)
        assert second.startswith("/lianke/lianke-card.js?v=9.9.9-")
        await see_one_definition(stage.browser, home)

        await home.delete(f"/api/config/config_entries/entry/{entry['entry_id']}")
        await stage.until(lambda: urls(home), lambda found: found == [])
        assert not home.problems("lianke")


async def see_one_definition(browser: Browser, home: RealHomeAssistant) -> None:
    """Look at the card twice: loaded anew, it is defined and offered once."""
    await home.command("lovelace/dashboards/create", url_path="lianke-card", title="Printing")
    card = {"type": "custom:lianke-card"}
    await home.command(
        "lovelace/config/save", url_path="lianke-card", config={"views": [{"cards": [card]}]}
    )
    context = await browser.new_context()
    try:
        await context.add_init_script(
            f"localStorage.setItem('hassTokens', {json.dumps(home.browser_tokens())});"
        )
        page = await context.new_page()
        scripts: list[str] = []
        page.on(
            "request",
            lambda request: scripts.append(request.url) if "lianke-card" in request.url else None,
        )
        for _ in range(2):
            await page.goto(f"{home.url}/lianke-card/0")
            await expect(page.locator("lianke-card")).to_contain_text("XP-80C")
            offered = await page.evaluate(
                "window.customCards.filter(({ type }) => type === 'lianke-card').length"
            )
            assert offered == 1
        loaded = {url for url in scripts if ".js" in url}
        assert len(loaded) == 1, loaded
        assert "?v=9.9.9-" in loaded.pop()
    finally:
        await context.close()
