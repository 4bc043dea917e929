"""A card for one list: its items, the button that prints it, and the way over preview and options."""

from pathlib import Path

from playwright.async_api import expect

from tests.e2e.card.acts import LIST, fill_list

from .marks import on_stage
from .stage import LASER, Stage, press

pytestmark = on_stage("card at work")


async def test_list_is_printed_at_once_or_after_a_look_at_it(stage: Stage) -> None:
    await fill_list(stage, "牛奶", "Bread")
    before = len(await stage.printed())
    card = stage.full(source_entity=LIST, show=["jobs"], history=1)
    async with stage.screen(card, width=390) as screen:
        await screen.shows("2 open items")
        await screen.shows(LASER)
        assert await screen.axe() == []
        await stage.home.call("shopping_list", "add_item", {"name": "Tofu"})
        await screen.shows("3 open items")
        await press(screen.card.get_by_role("button", name="Print this list"))
        printed = await stage.until(stage.printed, lambda found: len(found) == before + 1)
        assert "Tofu" in Path(printed[-1]["path"]).read_text("utf-8")

        await press(screen.card.get_by_role("button", name="Preview and options"))
        await screen.card.get_by_label("Copies").fill("2")
        await press(screen.card.get_by_role("button", name="Preview", exact=True))
        await expect(screen.card.locator(".previews img")).to_have_count(1)
        assert await screen.axe() == []
        await press(screen.card.get_by_role("button", name="Print", exact=True))
        printed = await stage.until(stage.printed, lambda found: len(found) == before + 2)
        assert "牛奶" in Path(printed[-1]["path"]).read_text("utf-8")
