"""The options of a print: what is typed and chosen stays through updates, and is what is sent."""

import asyncio
import json
from typing import Any

from playwright.async_api import Route, expect

from tests.documents.samples import ole
from tests.simulator import make_pdf

from .marks import on_stage
from .stage import LASER, Screen, Stage, press

pytestmark = on_stage()

PDF = "application/pdf"
# Give the card another answer for the printer's options, in place of the connection: once, and late if wanted.
_SPOIL = """
({ late, refused }) => {
  const { connection } = document.querySelector("home-assistant").hass;
  const send = connection.sendMessagePromise;
  connection.sendMessagePromise = async function (message) {
    if (message.type !== "lianke/printer/options") return send.call(this, message);
    connection.sendMessagePromise = send;
    if (late) await new Promise((resolve) => { window.answerNow = resolve; });
    if (refused) throw { code: "unknown_error", message: "cloud away" };
    return send.call(this, message);
  };
}
"""
# Keep the answer to the next preview from the card until it is told to show it; it then has drawn what it wants to.
_KEEP_PREVIEW = """
() => {
  // Three seconds after its beginning, a press holds up nothing any more, and a busy machine may take as long.
  const { timeout } = AbortSignal;
  AbortSignal.timeout = (ms) => timeout.call(AbortSignal, ms === 3000 ? 300_000 : ms);
  const { connection } = document.querySelector("home-assistant").hass;
  const send = connection.sendMessagePromise;
  connection.sendMessagePromise = async function (message) {
    const answer = await send.call(this, message);
    if (message.service !== "preview") return answer;
    connection.sendMessagePromise = send;
    await new Promise((resolve) => { window.showNow = resolve; });
    return answer;
  };
}
"""
_SHOW_PREVIEW = """
async () => {
  window.showNow();
  for (let frames = 0; frames < 5; frames++) await new Promise(requestAnimationFrame);
}
"""


async def update(stage: Stage, screen: Screen, title: str) -> None:
    """Have another job run from its start to its end, as the cloud tells it to Home Assistant."""
    path = stage.home.documents / "meanwhile.pdf"
    path.write_bytes(make_pdf(1))
    data = {"device_id": stage.devices[LASER], "file": str(path), "title": title}
    await stage.home.call("lianke", "print", data)
    await expect(screen.row(title)).to_contain_text("Completed")


async def options(stage: Stage) -> dict[str, Any]:
    """Return the options with which the last document came out."""
    sent: dict[str, Any] = (await stage.printed())[-1]["options"]
    return sent


async def test_typing_survives_an_update_and_is_sent_without_leaving_the_field(
    stage: Stage,
) -> None:
    async with stage.screen() as screen:
        await screen.drop(("typed.pdf", PDF, make_pdf(6)))
        copies, pages = (screen.card.get_by_label(label) for label in ("Copies", "Pages"))
        await copies.press_sequentially("2")
        await pages.press_sequentially("1-3")
        await update(stage, screen, "while typing")
        await expect(pages).to_have_value("1-3")
        await expect(pages).to_be_focused()
        await expect(copies).to_have_value("2")
        await pages.press_sequentially(", ")
        await update(stage, screen, "while typing on")
        await expect(pages).to_have_value("1-3, ")
        await pages.press_sequentially("5")
        # As on a touch screen, where a button takes no focus: the field is never left.
        await screen.card.get_by_role("button", name="Print", exact=True).evaluate(
            "(button) => button.click()"
        )
        await expect(screen.row("typed.pdf")).to_contain_text("Completed")
    sent = await options(stage)
    assert sent["jpPageRange"].replace(" ", "") == "1-3,5"
    assert sent["dmCopies"] == "2"


async def test_print_is_pressed_though_the_preview_follows_what_is_typed(
    stage: Stage,
) -> None:
    async with stage.screen() as screen:
        await screen.drop(("previewed.pdf", PDF, make_pdf(3)))
        await press(screen.card.get_by_role("button", name="Preview", exact=True))
        await expect(screen.card.locator(".previews img")).to_have_count(3)
        was_stale = await screen.was_stale()
        await screen.card.get_by_label("Pages").press_sequentially("2")
        # What it shows is not what would be printed now: until it is drawn anew, it is dimmed.
        while not await was_stale():
            await asyncio.sleep(0.05)
        await press(screen.card.get_by_role("button", name="Print", exact=True))
        await expect(screen.row("previewed.pdf")).to_contain_text("Completed")
    assert (await options(stage))["jpPageRange"] == "2"


async def press_while_a_preview_comes(screen: Screen, title: str) -> None:
    """Press Print, not let go yet, with three pages shown and the preview of one on its way; then let that come."""
    await screen.drop((title, PDF, make_pdf(3)))
    await press(screen.card.get_by_role("button", name="Preview", exact=True))
    await expect(screen.card.locator(".previews img")).to_have_count(3)
    await screen.page.evaluate(_KEEP_PREVIEW)
    await screen.card.get_by_label("Pages").press_sequentially("2")
    await screen.page.wait_for_function("!!window.showNow")
    await screen.card.get_by_role("button", name="Print", exact=True).hover()
    await screen.page.mouse.down()
    await screen.page.evaluate(_SHOW_PREVIEW)


async def test_print_stays_under_the_finger_when_a_preview_comes(stage: Stage) -> None:
    """It is higher up afterwards, and a button that is elsewhere by the end of a press is not pressed."""
    async with stage.screen() as screen:
        await press_while_a_preview_comes(screen, "held.pdf")
        await screen.page.mouse.up()
        await expect(screen.row("held.pdf")).to_contain_text("Completed")
    assert (await options(stage))["jpPageRange"] == "2"


async def test_a_press_that_leaves_print_prints_nothing(stage: Stage) -> None:
    """And what came meanwhile is drawn."""
    async with stage.screen() as screen:
        await press_while_a_preview_comes(screen, "left.pdf")
        await screen.card.get_by_label("Pages").hover()
        await screen.page.mouse.up()
        await expect(screen.card.locator(".previews img")).to_have_count(1)
        await expect(screen.card.locator(".previews.stale")).to_have_count(0)
        # By its end, that of the other one would be there as well.
        await update(stage, screen, "after left")
        await expect(screen.row("left.pdf")).to_have_count(0)
        await expect(screen.card.get_by_role("button", name="Print", exact=True)).to_be_enabled()


async def test_what_is_no_number_of_copies_does_not_stay_on_the_screen(stage: Stage) -> None:
    async with stage.screen() as screen:
        await screen.drop(("number.pdf", PDF, make_pdf(1)))
        copies = screen.card.get_by_label("Copies")
        await copies.press_sequentially("2.5")
        await copies.blur()
        await expect(copies).to_have_value("2")
        await copies.press_sequentially("-e")
        assert await copies.evaluate("(input) => input.validity.badInput")
        await copies.blur()
        assert not await copies.evaluate("(input) => input.validity.badInput")
        await copies.press_sequentially("4")
        await expect(copies).to_have_value("4")


async def test_list_keeps_what_is_about_to_be_chosen(stage: Stage) -> None:
    async with stage.screen() as screen:
        await screen.drop(("chosen.pdf", PDF, make_pdf(1)))
        paper = screen.card.get_by_label("Paper")
        await paper.focus()
        # As a browser does while the list is open and the arrow keys move through it: no event yet.
        await paper.evaluate("(list) => { list.selectedIndex = 2; }")
        await update(stage, screen, "while choosing")
        await expect(paper.locator("option:checked")).to_have_text("A5")
        await expect(paper).to_be_focused()
        await screen.press(screen.card.get_by_text("More options"))
        await update(stage, screen, "while more is open")
        await expect(screen.card.get_by_label("Tray")).to_be_visible()


async def remember(stage: Stage, screen: Screen, options: object) -> None:
    """Have the browser know a last choice for the laser, as from another driver or an older card."""
    await screen.page.evaluate(
        "([key, value]) => localStorage.setItem(key, value)",
        [f"lianke-card:{stage.devices[LASER]}", json.dumps(options)],
    )


STALE = {"duplex": "long_edge", "paper": "999", "color": "color", "nup": 4, "constructor": "x"}


async def test_remembered_options_that_the_printer_lacks_are_not_sent(stage: Stage) -> None:
    """Not even where Print is pressed before it is known which it has."""
    title = "stale while loading.pdf"
    async with stage.screen() as screen:
        await screen.shows("Drop a file here")
        await remember(stage, screen, STALE)
        await screen.page.evaluate(_SPOIL, {"late": True})
        await screen.drop((title, PDF, make_pdf(2)))
        await press(screen.card.get_by_role("button", name="Print", exact=True))
        await expect(screen.card.get_by_role("button", name="Sending")).to_be_disabled()
        await screen.page.evaluate("window.answerNow()")
        await expect(screen.row(title)).to_contain_text("Completed")
    assert (await options(stage))["dmDuplex"] == "2"


async def test_nonsense_that_is_remembered_does_no_harm(stage: Stage) -> None:
    async with stage.screen() as screen:
        await screen.shows("Drop a file here")
        for number, what in enumerate(("text", [1, 2])):
            await remember(stage, screen, what)
            await screen.drop((f"nonsense {number}.pdf", PDF, make_pdf(1)))
            await expect(screen.card.get_by_label("Paper")).to_have_value("")
            await press(screen.card.get_by_role("button", name="Discard"))


async def test_defaults_are_used_when_the_options_could_not_be_loaded(stage: Stage) -> None:
    async with stage.screen() as screen:
        await screen.shows("Drop a file here")
        await remember(stage, screen, {"duplex": "long_edge"})
        await screen.page.evaluate(_SPOIL, {"refused": True})
        await screen.drop(("default.pdf", PDF, make_pdf(2)))
        await screen.shows("Its defaults are used.")
        await expect(screen.card.locator("select")).to_have_count(0)
        await press(screen.card.get_by_role("button", name="Print", exact=True))
        await expect(screen.row("default.pdf")).to_contain_text("Completed")
        assert (await options(stage)).get("dmDuplex") in {None, "1"}
        # With the next file they are asked for again, and the last choice holds again.
        await screen.drop(("again.pdf", PDF, make_pdf(2)))
        await expect(screen.card.get_by_label("Two-sided")).to_have_value("1")
        await expect(screen.card.get_by_text("Its defaults are used.")).to_have_count(0)


async def make_anew(screen: Screen) -> None:
    """Have Home Assistant make its cards anew, as it does once it is connected again."""
    await screen.card.evaluate("(card) => { window.old = card; }")
    await screen.page.evaluate(
        "document.querySelector('home-assistant').hass.connection.reconnect(true)"
    )
    await screen.page.wait_for_function("!window.old.isConnected")


async def test_a_file_that_a_card_takes_while_it_goes_is_on_the_next_one(stage: Stage) -> None:
    async with stage.screen() as screen:
        asked, go_on = asyncio.Event(), asyncio.Event()

        async def hold(route: Route) -> None:
            asked.set()
            await go_on.wait()
            await route.continue_()

        await screen.page.route("**/lianke-card-print-*.js", hold)
        await screen.drop(("taken.pdf", PDF, make_pdf(1)))
        await asked.wait()
        await make_anew(screen)
        go_on.set()
        await screen.shows("taken.pdf")


async def test_what_was_chosen_and_typed_outlives_a_reload_of_the_integration(stage: Stage) -> None:
    async with stage.screen() as screen:
        await screen.drop(("kept.pdf", PDF, make_pdf(4)))
        await screen.card.get_by_label("Two-sided").select_option(label="Long edge")
        await screen.card.get_by_label("Copies").fill("2")
        await stage.home.post(f"/api/config/config_entries/entry/{stage.entry_id}/reload")
        await expect(screen.card).to_contain_text("Idle")
        await expect(screen.card.get_by_label("Copies")).to_have_value("2")
        await make_anew(screen)
        await expect(screen.card.get_by_label("Copies")).to_have_value("2")
        await screen.press(screen.card.get_by_role("button", name="Print", exact=True))
        await expect(screen.row("kept.pdf")).to_contain_text("Completed")
    sent = await options(stage)
    assert (sent["dmCopies"], sent["dmDuplex"]) == ("2", "2")


async def test_a_preview_without_a_picture_says_why_and_what_to_do(stage: Stage) -> None:
    """Of a Word file: two seconds, then there was no picture and no word."""
    async with stage.screen(language="zh-Hans", width=390) as screen:
        await screen.drop(("信.doc", "application/msword", ole("WordDocument")))
        await press(screen.card.get_by_role("button", name="预览", exact=True))
        said = "链科服务没有为“信.doc”生成预览图片"
        note = screen.card.get_by_role("status").filter(has_text=said)
        await expect(note).to_be_visible()
        await expect(note).to_contain_text("PDF")
        assert await screen.axe() == []
        await screen.press(screen.card.get_by_role("button", name="放弃"))
