"""Whatever the server refuses, by whatever rule and at whatever door, the card says so in the language of the house."""

from collections.abc import Mapping
from functools import partial
from itertools import count
import json
from pathlib import Path
import re
from typing import Any

import aiohttp
from playwright.async_api import expect

from custom_components import lianke
from tests.e2e.card.acts import LIST, approval, fill_list, submit
from tests.simulator import make_pdf

from .marks import on_stage
from .stage import LASER, SMALL_LASER, Stage, change_options, press

pytestmark = on_stage("card at work")

PDF = "application/pdf"
ROOT = Path(lianke.__file__).parent
CARD = ROOT.parents[1] / "frontend" / "src" / "translations"
OTHERS = {
    "unauthorized": "您没有权限，请联系管理员。",
    "untranslated": "操作失败：The dog ate it",
}
# What no sentence for people has in it.
RAW = re.compile(r"[{}]|undefined|null|Translation|component\.|\b[a-z]+_[a-z_]+\b(?<!release_code)")

# Presses a button once for each refusal, and waits until its part of the card says so.
_WALK = """
async (button, { scope, action, refusals, values }) => {
  const hass = document.querySelector("home-assistant").hass;
  const within = (root) => [
    ...root.querySelectorAll("[role=alert]"),
    ...[...root.querySelectorAll("*")].flatMap((one) => (one.shadowRoot ? within(one.shadowRoot) : [])),
  ];
  const told = () =>
    [...within(scope), ...(scope.shadowRoot ? within(scope.shadowRoot) : [])]
      .filter((one) => one.getClientRects().length)
      .map((one) => one.textContent.replace(/\\s+/g, " ").trim());
  const until = async (isSo) => {
    for (const end = performance.now() + 90000; performance.now() < end; ) {
      if (isSo()) return true;
      await new Promise((next) => setTimeout(next, 4));
    }
    return false;
  };
  const seen = [];
  for (const [key, words] of refusals) {
    const isReady = await until(() => button.getAttribute("aria-disabled") !== "true");
    if (!isReady) return [...seen, [key, "the button rests"]];
    // Commands of a connection are taken in their order.
    void hass.callWS({ type: "lianke_refusals/refuse", action, key, values });
    button.click();
    const isTold = await until(() => told().includes(words));
    seen.push([key, told().join(" | ")]);
    if (!isTold) break;
  }
  await hass.callWS({ type: "lianke_refusals/refuse", action, key: null });
  return seen;
}
"""


def sentences(language: str) -> dict[str, str]:
    """Return what each refusal is told with, its placeholders filled."""
    told = json.loads((ROOT / "translations" / f"{language}.json").read_text("utf-8"))["exceptions"]
    found = {key: str(one["message"]) for key, one in told.items()}
    found |= json.loads((CARD / f"refusals.{language}.json").read_text("utf-8"))
    return {key: fill(text) for key, text in found.items()} | OTHERS


def fill(text: str) -> str:
    """Return a text with each placeholder's name in its place."""
    return " ".join(re.sub(r"\{(\w+)\}", r"‹\1›", text).split())


def placeholders() -> dict[str, str]:
    """Return the values of all placeholders that any refusal has."""
    names = re.findall(r"\{(\w+)\}", (ROOT / "translations" / "en.json").read_text("utf-8"))
    return {name: f"‹{name}›" for name in names}


def apart(refusals: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return refusals so that no two with the same words are neighbors, which could not be told apart."""
    left = list(refusals.items())
    found: list[tuple[str, str]] = []
    while left:
        nxt = next((one for one in left if not found or one[1] != found[-1][1]), left[0])
        left.remove(nxt)
        found.append(nxt)
    return found


async def ask_to_print(stage: Stage, tokens: str, **data: Any) -> None:
    """Print as the user whose browser keeps these tokens."""
    header = {"Authorization": f"Bearer {json.loads(tokens)['access_token']}"}
    async with (
        aiohttp.ClientSession(headers=header) as session,
        session.post(f"{stage.home.url}/api/services/lianke/print", json=data) as answer,
    ):
        assert answer.status == 200, await answer.text()


async def test_whatever_is_refused_is_told(stage: Stage) -> None:
    language = "zh-Hans"
    refusals = apart(sentences(language))
    # All are looked at where most is pressed. The twelve other doors have the same way: each of them gets some, so that
    # together they get all.
    step, doors = 12, count()
    fails, waits, asks = f"fails {language}", f"waits {language}", f"asks {language}"
    turns = f"turns {language}"
    planned = {"outcomes": [{"code": 502, "state": "SUCCESS", "prints": "none"}]}
    await stage.cloud.post(f"boxes/{stage.cloud.device_id}/printers/1/outcomes", planned)
    await fill_list(stage, "Milk")
    path = stage.home.documents / "refused.pdf"
    path.write_bytes(make_pdf(1))
    data = {"device_id": stage.devices[LASER], "file": str(path)}
    await stage.home.call("lianke", "print", data | {"title": fails})
    await stage.home.call("lianke", "print", data | {"title": waits, "release_code": "4711"})
    child = await stage.home_user_tokens(f"child-{language.lower()}", "system-users")
    async with approval(stage):
        asked = {"device_id": stage.devices[LASER], "text": "Hello", "title": asks}
        await ask_to_print(stage, child, **asked)
    printed = len(await stage.printed()) + 1
    await submit(stage, turns, SMALL_LASER, duplex="manual_long_edge")
    await stage.until(stage.printed, lambda found: len(found) == printed)
    card = stage.full(
        buttons=[{"name": "Note", "data": {"text": "Hello"}}],
        source_entity=LIST,
        history=20,
    )
    card["devices"].append(stage.devices[SMALL_LASER])
    async with stage.screen(card, language=language, width=600) as screen:

        async def walk(door: str, action: str, button: str, scope: str, these: Any = None) -> None:
            these = these or refusals[next(doors) % step :: step]
            handle = await screen.card.locator(button).first.element_handle()
            part = await screen.card.locator(scope).first.element_handle()
            seen = await handle.evaluate(
                _WALK,
                {"scope": part, "action": action, "refusals": these, "values": placeholders()},
            )
            wrong = [
                f"{door}, {key}: {text or 'nothing'}"
                for (key, text), (_, words) in zip(seen, these, strict=False)
                if words not in text or RAW.search(text.replace(words, ""))
            ]
            assert not wrong
            assert len(seen) == len(these)

        def row(title: str) -> str:
            return f"li.row:has-text('{title}')"

        await screen.zone.wait_for()
        await expect(screen.row(fails).locator("lianke-ask")).to_have_count(1)
        await screen.drop(("one.pdf", PDF, make_pdf(1)))
        await expect(screen.card.locator(".previews img")).to_have_count(1)
        await walk(
            "Print", "print", "lianke-print-form [data-key=print]", "lianke-print-form", refusals
        )
        await walk(
            "Preview", "preview", "lianke-print-form [data-key=preview]", "lianke-print-form"
        )
        await screen.drop(("two.pdf", PDF, make_pdf(1)))
        await screen.press(screen.card.locator("[data-key=layout_merge]"))
        await expect(screen.card.locator("lianke-preview")).to_have_count(1)
        await walk("on sheets", "print", "lianke-print-form [data-key=print]", "lianke-print-form")
        await screen.press(screen.card.locator("[data-key=clear]"))
        await walk("Button", "print", "lianke-quick-buttons button", "lianke-quick-buttons")
        await walk("List", "print", "lianke-source [data-key=print]", "lianke-source")
        again = f"{row(fails)} lianke-ask button"
        await walk("Print again", "retry_job", again, row(fails))
        await screen.press(screen.card.locator(f"{row(fails)} [data-key^=other_options]"))
        await walk("Options", "retry_job", "lianke-reprint [data-key=do]", "lianke-reprint")
        await screen.page.keyboard.press("Escape")
        await walk("Cancel", "cancel_job", f"{row(waits)} [data-key^=cancel]", row(waits))
        release = f"{row(waits)} lianke-answer [data-key=release]"
        await walk("Release", "continue_job", release, f"{row(waits)} lianke-answer")
        await screen.press(screen.card.locator(f"{row(waits)} [data-key^=move_job]"))
        await walk("Move", "move_job", "lianke-reprint [data-key=do]", "lianke-reprint")
        await screen.page.keyboard.press("Escape")
        answer = f"{row(asks)} lianke-answer"
        await walk("Approve", "continue_job", f"{answer} [data-key=approve]", answer)
        await screen.press(screen.card.locator(f"{answer} [data-key=reject]"))
        await walk("Reject", "reject_job", f"{answer} [data-key=do-reject]", answer)
        turn = f"{row(turns)} lianke-answer"
        await screen.press(screen.card.locator(f"{turn} [data-key=turn]"))
        await walk("Turned over", "continue_job", f"{turn} [data-key=go]", f"{turn} dialog")
        await screen.page.keyboard.press("Escape")
        # Let go, the jobs are canceled.
        await screen.press(screen.card.locator(f"{answer} [data-key=do-reject]"))
        await expect(screen.row(asks).locator("lianke-answer")).to_have_count(0)
        await screen.press(screen.card.locator(f"{row(turns)} [data-key^=cancel]"))
        await expect(screen.row(turns).locator("lianke-answer")).to_have_count(0)
        await screen.press(screen.card.locator(f"{row(waits)} [data-key^=cancel]"))
        await expect(screen.row(waits).locator("lianke-answer")).to_have_count(0)
    assert len(await stage.printed()) == printed


async def test_too_many_pages_are_told_at_print(stage: Stage) -> None:
    before = len(await stage.printed())
    words = "more than the 100 pages that Kyocera MA2000w GX may print"
    async with stage.screen() as screen:
        await screen.drop(("long.pdf", PDF, make_pdf(5)))
        await expect(screen.card.locator(".previews img")).to_have_count(1)
        await screen.card.get_by_label("Copies", exact=True).fill("30")
        await press(screen.card.get_by_role("button", name="Print", exact=True))
        await expect(screen.card.get_by_role("alert")).to_contain_text(words)
        # How to go on: with fewer copies it prints.
        await screen.card.get_by_label("Copies", exact=True).fill("1")
        await expect(screen.card.get_by_role("alert")).to_have_count(0)
        await press(screen.card.get_by_role("button", name="Print", exact=True))
        await stage.until(stage.printed, lambda found: len(found) == before + 1)


async def test_a_monthly_limit_is_told_where_it_was_pressed(stage: Stage) -> None:
    ben = await stage.home_user_tokens("ben", "system-users")

    limit = partial(
        change_options, stage.home, stage.entry_id, "page_counts", monthly_beyond="refused"
    )
    path = stage.home.documents / "five.pdf"
    path.write_bytes(make_pdf(5))
    data = {"device_id": stage.devices[LASER], "file": str(path)}
    made = {
        "alias": "Five pages",
        "triggers": [],
        "actions": [{"action": "lianke.print", "data": data}],
    }
    await stage.home.post("/api/config/automation/config/five_pages", made)
    automation = "automation.five_pages"
    await limit(monthly_pages=3)
    try:
        cards = [stage.full(buttons=[{"entity": one}]) for one in (automation, "script.hello")]
        async with stage.screen(*cards, tokens=ben) as screen:
            await screen.zone.wait_for()
            other = screen.page.locator("lianke-card").nth(1)
            await press(other.get_by_role("button", name="Say hello", exact=True))
            # Home Assistant itself answers that all went well.
            await screen.press(screen.card.get_by_role("button", name="Five pages", exact=True))
            part = screen.card.locator("lianke-quick-buttons").get_by_role("alert")
            await expect(part).to_contain_text("of 3 pages this month")
            await screen.drop(("month.pdf", PDF, make_pdf(5)))
            await expect(screen.card.locator(".previews img")).to_have_count(1)
            await screen.press(screen.card.get_by_role("button", name="Print", exact=True))
            part = screen.card.locator("lianke-print-form").get_by_role("alert")
            await expect(part).to_contain_text("of 3 pages this month")
            assert await screen.card.get_by_role("alert").count() == 2
            # It is not what the other card's button has set off.
            assert await other.get_by_role("alert").count() == 0
    finally:
        await limit(monthly_pages=0)
