"""A card for one list: its items, the button that prints it, and the way over preview and options."""

from pathlib import Path

from playwright.async_api import expect
import pytest

from .stage import LASER, Stage

pytestmark = [
    pytest.mark.browser,
    pytest.mark.e2e,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("card at work"),
]

LIST = "todo.shopping_list"


async def fill_list(stage: Stage, *items: str) -> None:
    """Give the shopping list these open items and no others."""
    if not any(one["entity_id"] == LIST for one in await stage.home.command("get_states")):
        flow = await stage.home.start_flow("shopping_list")
        if flow["type"] == "form":
            await stage.home.submit(flow, {})
    await stage.home.call("shopping_list", "complete_all", {})
    await stage.home.call("shopping_list", "clear_completed_items", {})
    for item in items:
        await stage.home.call("shopping_list", "add_item", {"name": item})


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
async def test_list_is_printed_at_once_or_after_a_look_at_it(stage: Stage, language: str) -> None:
    english = language == "en"
    await fill_list(stage, "牛奶", "Bread")
    before = len(await stage.printed())
    card = stage.full(source_entity=LIST, show=["jobs"], history=1)
    async with stage.screen(card, language=language, width=390) as screen:
        await screen.shows("2 open items" if english else "2 项未完成")
        await screen.shows(LASER)
        assert await screen.axe() == []
        await stage.home.call("shopping_list", "add_item", {"name": "Tofu"})
        await screen.shows("3 open items" if english else "3 项未完成")
        await screen.card.get_by_role(
            "button", name="Print this list" if english else "打印此清单"
        ).click()
        printed = await stage.until(stage.printed, lambda found: len(found) == before + 1)
        assert "Tofu" in Path(printed[-1]["path"]).read_text("utf-8")

        options = "Preview and options" if english else "预览和选项"
        await screen.card.get_by_role("button", name=options).click()
        await screen.card.get_by_label("Copies" if english else "份数").fill("2")
        preview = "Preview" if english else "预览"
        await screen.card.get_by_role("button", name=preview, exact=True).click()
        await expect(screen.card.locator(".previews img")).to_have_count(1)
        assert await screen.axe() == []
        await screen.card.get_by_role(
            "button", name="Print" if english else "打印", exact=True
        ).click()
        printed = await stage.until(stage.printed, lambda found: len(found) == before + 2)
        assert "牛奶" in Path(printed[-1]["path"]).read_text("utf-8")
