"""Binding a box as people do it: in the browser, by the forms. Takes the READMEs' pictures of it."""

import asyncio
import os
from pathlib import Path

from playwright.async_api import Page, expect
import pytest

from tests import needs
from tests.e2e.browsing import browsing

from .card.stage import PICTURED
from .cloud import SimulatorProcess
from .hass import ROOT, RealHomeAssistant

pytestmark = [pytest.mark.browser, pytest.mark.e2e, pytest.mark.timeout(600)]

WORDS = {
    "en": {
        "name": "Lianke Cloud Print",
        "add": "Add integration",
        "next": "Next",
        "server": "Server",
        "submit": "Submit",
        "finish": "finish",
        "search": "Search for a brand name",
        "brand": "Lianke",
        "rejected": "rejects this ApiKey",
        "wrong_address": "has nothing at this address",
        "found": "Printers found",
    },
    "zh-Hans": {
        "name": "链科云打印",
        "add": "添加集成",
        "next": "下一步",
        "server": "服务器",
        "submit": "提交",
        "finish": "完成",
        "search": "搜索品牌名称",
        "brand": "链科",
        "rejected": "不接受这个 ApiKey",
        "wrong_address": "这个地址不存在",
        "found": "找到的打印机",
    },
}


async def take(page: Page, name: str, language: str) -> None:
    """Take a picture of the dialog for the README, when pictures are wanted."""
    if not os.environ.get("LIANKE_PICTURES"):
        return
    suffix = "" if language == "en" else f".{language}"
    folder = ROOT / ".github" / "images"
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    await page.wait_for_timeout(1000)
    await page.get_by_role("dialog").first.screenshot(path=folder / f"{name}{suffix}.png")


@needs.zbar
@pytest.mark.parametrize("language", PICTURED)
async def test_bind_in_the_browser(
    tmp_path: Path, chromium: str, socket_enabled: None, language: str
) -> None:
    words = WORDS[language]
    async with (
        SimulatorProcess(tmp_path / "printed", speed=6) as cloud,
        RealHomeAssistant(tmp_path / "config", language=language) as home,
        browsing(chromium, home, language) as page,
    ):
        await page.goto(f"{home.url}/config/integrations/dashboard")
        await page.get_by_role("button", name=words["add"]).last.click()
        await page.get_by_placeholder(words["search"]).fill(words["brand"])
        # This list shows the names in the manifests, in any language.
        await page.get_by_text("Lianke Cloud Print").first.click()
        photo = page.locator("input[type=file]")
        sticker = {"name": "sticker.png", "mimeType": "image/png", "buffer": await cloud.sticker()}
        await photo.set_input_files(sticker)  # type: ignore[arg-type]
        await page.get_by_text("sticker.png").wait_for()
        await take(page, "setup-box", language)
        await page.get_by_role("button", name=words["next"], exact=True).click()
        # Markdown shows the number of the box as it is.
        await page.get_by_text(cloud.device_id).wait_for()
        # What is wrong is told where it is seen, and nothing else is asked again.
        key = page.locator("input[type=password]")
        await key.fill("Q" * 32)
        await page.get_by_text(words["server"], exact=True).click()
        await page.locator("input[type=url]").fill(cloud.url)
        await page.get_by_role("button", name=words["next"], exact=True).click()
        await expect(page.get_by_text(words["rejected"])).to_be_in_viewport()
        await expect(key).to_have_value("")
        await key.fill(cloud.api_key)
        await page.get_by_text(words["server"], exact=True).click()
        await page.locator("input[type=url]").fill(cloud.url.removesuffix("/api") + "/v3")
        await page.get_by_role("button", name=words["next"], exact=True).click()
        await expect(page.get_by_text(words["wrong_address"])).to_be_in_viewport()
        await expect(key).to_have_value("•" * 12)
        await page.locator("input[type=url]").fill(cloud.url)
        await page.get_by_role("button", name=words["next"], exact=True).click()
        await page.get_by_text(words["found"]).wait_for()
        await page.get_by_text("Kyocera MA2000w GX (USB 1)").wait_for()
        await take(page, "setup-printers", language)
        await page.get_by_role("switch").click(force=True)
        await page.get_by_role("button", name=words["submit"], exact=True).click()
        await page.get_by_role("button", name=words["finish"]).click()
        await page.get_by_text(words["name"]).first.wait_for()

        async def printed() -> list[str]:
            return [job["name"] for job in await cloud.get("printed")]

        assert await home.poll(printed, lambda names: len(names) == 1, timeout=60)
        (entry,) = await home.entries("lianke")
        assert entry["state"] == "loaded"
        assert not home.problems("lianke")
