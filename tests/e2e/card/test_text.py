"""A text on the card: written, pasted, composed, printed once; and its draft."""

from pathlib import Path

from playwright.async_api import Locator, expect

from tests.e2e.card.keyboard import named, start, tab_to

from .marks import on_stage
from .stage import LASER, Screen, Stage, press

pytestmark = on_stage("card at work")

RECIPE = "红烧豆腐\n\n1. 豆腐 300 克，切块\n2. 酱油 *两勺*，糖一勺"


def field(screen: Screen) -> Locator:
    return screen.card.locator("lianke-text textarea")


async def one_more(stage: Stage, before: int) -> str:
    """Return what the one document that was printed since says."""
    printed = await stage.until(stage.printed, lambda found: len(found) > before)
    assert len(printed) == before + 1
    return Path(printed[-1]["path"]).read_text("utf-8")


async def test_recipe_is_pasted_and_printed_in_three_taps(stage: Stage) -> None:
    before = len(await stage.printed())
    async with stage.screen(language="zh-Hans", width=320, touch=True, alone=True) as screen:
        await screen.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await press(screen.card.get_by_role("button", name="写一段文字"))
        await expect(field(screen)).to_be_focused()
        await screen.page.evaluate("(text) => navigator.clipboard.writeText(text)", RECIPE)
        assert await screen.axe_in_every_look() == []
        wide = "document.scrollingElement.scrollWidth"
        assert await screen.page.evaluate(wide) == 320
        await press(screen.card.get_by_role("button", name="从剪贴板粘贴"))
        await expect(field(screen)).to_have_value(RECIPE)
        button = screen.card.get_by_role("button", name="打印", exact=True)
        await button.evaluate("(button) => { button.click(); button.click(); }")
        page = await one_more(stage, before)
        assert "2. 酱油 *两勺*，糖一勺" in page
        await expect(field(screen)).to_have_count(0)
        assert RECIPE not in await screen.page.evaluate("JSON.stringify({...sessionStorage})")


async def test_input_method_is_left_in_peace(stage: Stage) -> None:
    before = len(await stage.printed())
    async with stage.screen(language="zh-Hans", width=390, alone=True) as screen:
        await press(screen.card.get_by_role("button", name="写一段文字"))
        await expect(field(screen)).to_be_focused()
        keyboard = await screen.page.context.new_cdp_session(screen.page)

        async def compose(text: str) -> None:
            data = {"text": text, "selectionStart": len(text), "selectionEnd": len(text)}
            await keyboard.send("Input.imeSetComposition", data)

        printing = screen.card.get_by_role("button", name="打印", exact=True)
        for letters in ("n", "ni", "niu", "niu'n", "niu'nai"):
            await compose(letters)
        await expect(field(screen)).to_have_value("niu'nai")
        await expect(printing).to_have_attribute("aria-disabled", "true")
        # News from Home Assistant redraw the card meanwhile.
        await stage.home.call(
            "lianke", "print", {"device_id": stage.devices[LASER], "text": "x", "title": "news"}
        )
        await expect(screen.row("news")).to_contain_text("已完成")
        await expect(field(screen)).to_have_value("niu'nai")
        await keyboard.send("Input.insertText", {"text": "牛奶"})
        await expect(field(screen)).to_have_value("牛奶")
        await field(screen).press("Enter")
        await screen.page.keyboard.type("x2")
        await press(printing)
        assert "牛奶\nx2" in await one_more(stage, before + 1)


async def test_text_is_printed_by_keyboard_alone(stage: Stage) -> None:
    before = len(await stage.printed())
    async with stage.screen(width=500) as screen:
        await screen.shows("Drop a file here")
        await expect(screen.card.get_by_role("button", name="Write a text")).to_be_visible()
        await start(screen)
        await tab_to(screen, lambda one: one["inCard"] and one["key"] == "text")
        await screen.page.keyboard.press("Enter")
        await expect(field(screen)).to_be_focused()
        await screen.page.keyboard.type("# Door\n\nRing **twice**")
        seen = await tab_to(screen, named("Print as"))
        await screen.page.keyboard.press("ArrowDown")
        seen += await tab_to(screen, named("Size of type"))
        await screen.page.keyboard.press("ArrowDown")
        await screen.page.keyboard.press("ArrowDown")
        seen += await tab_to(screen, lambda one: one["key"] == "preview")
        await screen.page.keyboard.press("Enter")
        await expect(screen.card.locator(".previews img")).to_have_count(1)
        await tab_to(screen, lambda one: one["key"] == "print", "Shift+Tab")
        await screen.page.keyboard.press("Enter")
        page = await one_more(stage, before)
        assert "<h1>Door</h1>" in page
        assert "font-size: 25.3pt" in page
        assert all(one["marked"] and one["visible"] for one in seen if one["inCard"])


async def test_draft_outlives_a_refusal_and_the_page_but_not_its_user(stage: Stage) -> None:
    before = len(await stage.printed())
    link = f"https://a.example/{'x' * 2900}"
    async with stage.screen(width=390, alone=True) as screen:
        await press(screen.card.get_by_role("button", name="Write a text"))
        await field(screen).fill(link)
        choice = screen.card.get_by_label("Print as")
        await expect(choice).to_have_value("address")
        await choice.select_option(label="Text with QR code of the link")
        await press(screen.card.get_by_role("button", name="Print", exact=True))
        await expect(screen.card.locator("[role=alert]").first).to_contain_text("QR code")
        await expect(field(screen)).to_have_value(link)
        assert await screen.axe() == []
        await screen.page.reload()
        await press(screen.card.get_by_role("button", name="Write a text"))
        await expect(field(screen)).to_have_value(link)
        await field(screen).fill("https://a.example/menu%20today")
        await press(screen.card.get_by_role("button", name="Print", exact=True))
        page = await one_more(stage, before)
        assert 'class="qr"' in page
        assert "https://a.example/menu%20today" in page

        await press(screen.card.get_by_role("button", name="Write a text"))
        await expect(field(screen)).to_have_value("")
        await field(screen).fill("Only for me")
        tokens = await stage.home_user_tokens("tablet", "system-users")
        await screen.page.evaluate("(tokens) => localStorage.setItem('hassTokens', tokens)", tokens)
        await screen.page.reload()
        await press(screen.card.get_by_role("button", name="Write a text"))
        await expect(field(screen)).to_have_value("")
        stored = await screen.page.evaluate("JSON.stringify({...sessionStorage})")
        assert "Only for me" not in stored
