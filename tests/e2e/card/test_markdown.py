"""Escaped texts in Home Assistant's own Markdown: nothing is loaded, nothing leads anywhere."""

from playwright.async_api import expect

from custom_components.lianke.pages.clean import escape_markdown
from tests.security.rendering import PAYLOADS

from .marks import on_stage
from .stage import Stage

pytestmark = on_stage()


async def test_the_frontend_shows_escaped_texts_as_they_are(stage: Stage) -> None:
    """The page's own renderer knows more than CommonMark: bare addresses, icons, alerts."""
    lines = [f"- {escape_markdown(text)}" for text in PAYLOADS.values()]
    content = "{% raw %}" + "\n".join(lines) + "{% endraw %}"
    async with stage.screen({"type": "markdown", "content": content}) as screen:
        shown = screen.page.locator("hui-markdown-card ha-markdown")
        await expect(shown).to_contain_text("EPSON L3250 Series (网络)【二楼】")
        await expect(shown).to_contain_text("![x](//evil.example/a.png)")
        await expect(shown).to_contain_text("https://evil.example/login")
        for kind in ("img", "a", "script", "ha-icon", "ha-alert", "table", "code", "h1", "em"):
            assert await shown.locator(kind).count() == 0, kind
        assert await shown.locator("li").count() == len(PAYLOADS)
