"""The guide after a test page, in Chinese on a phone: from the button and the card to the report."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from playwright.async_api import Page, expect
import pytest

from tests.e2e.browsing import browsing

from .binding import DOMAIN, bind, printer_device
from .cloud import SimulatorProcess
from .hass import RealHomeAssistant
from .home import PRINTER

pytestmark = [pytest.mark.browser, pytest.mark.e2e, pytest.mark.timeout(600)]

PHONE = (390, 844)
DASHBOARD = "lianke-guide"


async def choose_yes(page: Page, questions: int) -> None:
    """Answer all questions with yes, none of which has an answer yet."""
    yes = page.get_by_role("radio", name="是")
    await expect(yes).to_have_count(questions)
    for number in range(questions):
        await expect(yes.nth(number)).not_to_be_checked()
        await yes.nth(number).click()
    await go_on(page)


async def go_on(page: Page, label: str = "下一步") -> None:
    await page.get_by_role("button", name=label, exact=True).click()


async def fits(page: Page) -> None:
    """Check that nothing is wider than the phone, except what scrolls by itself."""
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


async def test_the_guide_on_a_phone(tmp_path: Path, chromium: str, socket_enabled: None) -> None:
    """The page is printed once; the report that is shown is the one in the link, and can be selected."""
    async with (
        SimulatorProcess(tmp_path / "printed", speed=6) as cloud,
        RealHomeAssistant(tmp_path / "config", language="zh-Hans") as home,
    ):
        await home.command("labs/update", enabled=True, domain=DOMAIN, preview_feature="scanning")
        await bind(home, server=cloud.url, api_key=cloud.api_key, qr_text=cloud.qr_link)
        printer = await printer_device(home, cloud.device_id, PRINTER)
        await home.command("lovelace/dashboards/create", url_path=DASHBOARD, title="打印")
        card = {"type": "custom:lianke-card", "devices": [printer["id"]]}
        await home.command(
            "lovelace/config/save", url_path=DASHBOARD, config={"views": [{"cards": [card]}]}
        )
        async with browsing(chromium, home, "zh-Hans", size=PHONE) as page:
            await page.goto(f"{home.url}/config/devices/device/{printer['id']}")
            row = page.locator("hui-button-entity-row").filter(has_text="打印测试页")
            await row.get_by_role("button").last.click()
            await page.goto(f"{home.url}/{DASHBOARD}/0")
            await page.get_by_role("link", name="反馈 测试页 的打印效果").click()
            await page.get_by_text("测试页效果如何").click()
            # It came out, is upright, has both sides, and push is set up.
            await choose_yes(page, 4)
            await page.get_by_text("现在扫描测试页").click()
            picture = page.locator("img[src*='/scan_pictures/']")
            await picture.wait_for()
            assert await picture.evaluate("async (one) => (await one.decode(), one.naturalWidth)")
            await fits(page)
            await choose_yes(page, 2)
            field = page.get_by_role("textbox", name="反馈全文")
            report = await field.input_value()
            await field.press("Control+a")
            assert await field.evaluate("(one) => one.selectionEnd") == len(report)
            await fits(page)
            await go_on(page)
            link = page.get_by_role("link", name="打开反馈页面")
            address = urlsplit(await link.get_attribute("href") or "")
            assert address.netloc == "github.com"
            assert parse_qs(address.query)["report"] == [report]
            assert await link.get_attribute("target") == "_blank"
            assert (await page.locator("pre").inner_text()).strip() == report
            await fits(page)
            await go_on(page, "完成")
            await page.get_by_text("问题已修复").wait_for()
            await go_on(page, "完成")
            await page.goto(f"{home.url}/{DASHBOARD}/0")
            await page.get_by_text("测试页").wait_for()
            await expect(page.get_by_role("link", name="反馈 测试页 的打印效果")).to_have_count(0)
        assert len(await cloud.get("printed")) == 1
        assert "Result · 结果: completed" in report
        assert not home.problems("lianke")
