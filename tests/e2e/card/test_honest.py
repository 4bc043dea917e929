"""Whoever presses what stands still is answered at once, however often news comes."""

import asyncio
import random
from typing import Any

import pytest

from tests.e2e.card.acts import send

from .marks import on_stage
from .stage import INKJET, LASER, STILL, Screen, Stage, change_options

pytestmark = [*on_stage("card at work"), pytest.mark.long]

PRESSES = 40
# What leads out of the card, and has the system choose files.
NOT_PRESSED = ("lianke-header", "lianke-file-chooser")

# Notes where each button is, and since when; and of each press how long its button had been there, and whether the page
# heard of it: before the guard does, and after.
_WATCH = """
(() => {
  const buttons = (root) => [...root.querySelectorAll("*")].flatMap(
    (one) => [...(one.localName === "button" ? [one] : []), ...(one.shadowRoot ? buttons(one.shadowRoot) : [])]);
  const cards = (root) => [...root.querySelectorAll("*")].flatMap(
    (one) => one.localName === "lianke-card" ? [one] : one.shadowRoot ? cards(one.shadowRoot) : []);
  const at = (x, y) => {
    let found = null;
    for (let root = document, next; root; root = found.shadowRoot) {
      next = root.elementFromPoint(x, y);
      if (!next || next === found) break;
      found = next;
    }
    return found?.closest("button") ?? null;
  };
  const keyOf = (one) => one.dataset.key ?? one.ariaLabel ?? one.textContent.trim();
  const all = () => cards(document).flatMap((card) => buttons(card.shadowRoot));
  const seen = new Map();
  const watched = window.watched = { news: 0, presses: [] };
  const look = () => {
    const now = performance.now();
    for (const one of all()) {
      const { x, y, width } = one.getBoundingClientRect();
      const place = [keyOf(one), Math.round(x), Math.round(y), Math.round(width)].join();
      if (seen.get(one)?.place !== place) seen.set(one, { place, since: now });
    }
    requestAnimationFrame(look);
  };
  look();
  watched.buttons = () => all().flatMap((one) => {
    const box = one.getBoundingClientRect();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const isFree = box.width && y > 70 && box.bottom < innerHeight && at(x, y) === one;
    return isFree ? [{ key: keyOf(one), host: one.getRootNode().host.localName, x, y }] : [];
  });
  let press = null;
  window.addEventListener("pointerdown", ({ clientX, clientY }) => {
    const button = at(clientX, clientY);
    const since = seen.get(button)?.since ?? performance.now();
    press = button && { key: keyOf(button), still: performance.now() - since, heard: false };
    if (press) watched.presses.push(press);
  }, true);
  document.addEventListener("click", () => { if (press) press.heard = true; }, true);
  customElements.whenDefined("lianke-card").then((card) => {
    const { _received } = card.prototype;
    card.prototype._received = function (data) {
      watched.news += 1;
      return _received.call(this, data);
    };
  });
})();
"""


async def press_about(screen: Screen, chance: random.Random, *, touch: bool) -> None:
    """Press any button that can be pressed now; each kind as often as the others."""
    found = [
        one
        for one in await screen.page.evaluate("watched.buttons()")
        if one["host"] not in NOT_PRESSED
    ]
    kinds = sorted({one["key"].split("-")[0] for one in found})
    if not kinds:
        await screen.page.keyboard.press("Escape")
        return
    kind = chance.choice(kinds)
    one = chance.choice([one for one in found if one["key"].split("-")[0] == kind])
    if touch:
        await screen.page.touchscreen.tap(one["x"], one["y"])
    else:
        await screen.page.mouse.click(one["x"], one["y"])


@pytest.mark.parametrize("touch", [False, True], ids=["mouse", "finger"])
async def test_honest_presses_are_answered(stage: Stage, touch: bool) -> None:
    chance = random.Random(46)
    buttons = [{"entity": "script.hello"}, {"entity": "script.to_archive"}]
    cards = [stage.full(LASER, buttons=buttons, history=4), stage.full(INKJET, history=3)]
    over = asyncio.Event()

    async def print_on_and_on() -> None:
        number = 0
        while not over.is_set():
            number += 1
            printer = chance.choice((LASER, LASER, INKJET))
            await send(stage, f"busy {number}", chance.choice((1, 3, 12)), printer)
            await asyncio.sleep(chance.uniform(2, 6))

    try:
        async with stage.screen(
            *cards,
            touch=touch,
            width=390 if touch else 1280,
            alone=True,
            # A press may discard a preview while the browser still fetches its pages.
            tolerated=("/api/lianke/preview/",),
        ) as screen:
            await screen.shows("Idle")
            await screen.page.evaluate(_WATCH)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(print_on_and_on())
                for _ in range(PRESSES):
                    await asyncio.sleep(chance.choice((0.15, 0.4, 0.7, 1.0, 1.5, 2.5)))
                    await press_about(screen, chance, touch=touch)
                over.set()
            presses: list[dict[str, Any]] = await screen.page.evaluate("watched.presses")
            news = await screen.page.evaluate("watched.news")
        await stage.come_to_rest()
    finally:
        # One of the buttons has what is printed kept.
        await change_options(stage.home, stage.entry_id, "settings", keep_printed_hours=0)
    honest = [one for one in presses if one["still"] > STILL * 1000]
    assert news > PRESSES / 2
    assert len(honest) > PRESSES / 6
    assert [one for one in honest if not one["heard"]] == []
