"""A double tap on Print in a real dashboard: what comes under the finger as the form collapses prints nothing."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any

from playwright.async_api import expect
import pytest

from tests.simulator import make_pdf

from .marks import on_stage
from .stage import LASER, Screen, Stage

pytestmark = on_stage("card at work")

# Seconds between both taps, which were seen to print the shopping list as well; more of them, guard.test.ts tries.
GAPS = (0.35, 0.7)
# Seconds between both clicks of a mouse, whose presses the card does not tell from taps.
CLICKS = (0.35,)
# Maximum seconds between two taps that are one double tap; after AWAY (guard.ts) the second is a tap of its own.
DOUBLE = 1.4
# Number of tries of a double tap on a machine that is too busy for one.
TRIES = 5
WORDS = {"en": "Print", "zh-Hans": "打印"}
# As many as it takes that one is under the finger wherever Print was.
QUICK = [{"name": f"Note {n}", "data": {"text": f"Note {n}"}} for n in range(1, 40)]


def more_than(before: int) -> Callable[[list[dict[str, Any]]], bool]:
    """Return what says whether more pages lie in the out tray than before."""
    return lambda found: len(found) > before


async def press_twice(screen: Screen, x: float, y: float, gap: float, *, touch: bool) -> bool:
    """Press twice at one spot of the page, whatever is there by then; return whether it was a double tap.

    It is none where a busy machine brings the second press too late.
    """
    began = monotonic()
    for wait in (gap, 0):
        if touch:
            await screen.page.touchscreen.tap(x, y)
        else:
            await screen.page.mouse.click(x, y)
        await asyncio.sleep(wait)
    return monotonic() - began < DOUBLE


@pytest.mark.parametrize(
    ("language", "width", "height", "touch", "gaps"),
    [("en", 1280, 900, False, CLICKS), ("zh-Hans", 390, 844, True, GAPS)],
    ids=["mouse", "finger"],
)
async def test_double_tap_on_print_prints_once(
    stage: Stage, language: str, width: int, height: int, touch: bool, gaps: tuple[float, ...]
) -> None:
    card = stage.full(LASER, buttons=QUICK, show=["print"])
    tried: set[float] = set()
    async with stage.screen(
        card, language=language, width=width, height=height, touch=touch
    ) as screen:
        for gap in [gap for gap in gaps for _ in range(TRIES)]:
            if gap in tried:
                continue
            before = len(await stage.printed())
            name = f"double {language} {before}"
            await screen.drop((f"{name}.pdf", "application/pdf", make_pdf(1)))
            button = screen.card.get_by_role("button", name=WORDS[language], exact=True)
            await expect(screen.card.locator(".previews img")).to_have_count(1)
            await button.scroll_into_view_if_needed()
            # The preview has just pushed it there.
            await screen.still(button)
            box = await button.bounding_box()
            assert box is not None
            x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            is_double = await press_twice(screen, x, y, gap, touch=touch)
            await expect(button).to_have_count(0)
            # A quick button is where the form was, and answers once the finger has been away.
            await stage.until(stage.printed, more_than(before))
            await stage.come_to_rest()
            if not is_double:
                continue
            tried.add(gap)
            titles = [job["title"] for job in (await stage.view())["jobs"]]
            assert titles.count(name) + titles.count(f"{name}.pdf") == 1
            assert len(await stage.printed()) == before + 1, (gap, titles)
        pressed = await screen.card.evaluate(
            """(card, { x, y }) => {
              let root = document, hit;
              while (root?.elementFromPoint(x, y) && hit !== root.elementFromPoint(x, y)) {
                hit = root.elementFromPoint(x, y);
                root = hit.shadowRoot;
              }
              return hit.closest("button")?.textContent.trim() ?? "";
            }""",
            {"x": x, "y": y},
        )
        assert pressed.startswith("Note"), "the test presses nothing the second time"
        await screen.still(screen.card.get_by_role("button", name=pressed, exact=True))
        before = len(await stage.printed())
        if touch:
            await screen.page.touchscreen.tap(x, y)
        else:
            await screen.page.mouse.click(x, y)
        await stage.until(stage.printed, lambda found: len(found) == before + 1)
