"""Where the keyboard's focus is through updates: on its control, and near it once the control is gone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
import re

from playwright.async_api import FilePayload, Locator, Route, expect

from tests.e2e.card.acts import send, slow_paper
from tests.simulator import make_pdf

from .marks import on_stage
from .stage import Screen, Stage

pytestmark = on_stage()

PDF = "application/pdf"
_WATCH = """
(card) => {
  window.moves = 0;
  for (const kind of ["focusin", "focusout"]) card.shadowRoot.addEventListener(kind, () => { window.moves += 1; });
}
"""


@asynccontextmanager
async def unmoved(screen: Screen, control: Locator) -> AsyncIterator[None]:
    """Check that a control that is given the focus keeps it, not only gets it back."""
    await control.focus()
    await screen.card.evaluate(_WATCH)
    yield
    await expect(control).to_be_focused()
    assert await screen.page.evaluate("window.moves") == 0


async def press(screen: Screen, key: str = "Enter") -> None:
    """Press a key, wherever the focus is."""
    await screen.page.keyboard.press(key)


async def test_cancel_keeps_the_focus_until_its_job_has_ended(stage: Stage) -> None:
    async with stage.screen() as screen:
        await screen.shows("Idle")
        cancel = screen.card.get_by_role("button", name="Cancel one behind")
        async with AsyncExitStack() as stack:
            async with slow_paper(stage):
                await send(stage, "one ahead", pages=6)
                await send(stage, "one behind", pages=60)
                await expect(screen.row("one behind")).to_be_visible()
                await stack.enter_async_context(unmoved(screen, cancel))
                await expect(screen.row("one ahead")).to_contain_text("Sending to the printer")
            await expect(screen.row("one ahead")).to_contain_text("Completed")
            await expect(screen.row("one behind")).to_contain_text("Sending to the printer")
        await press(screen)
        await expect(screen.row("one behind")).to_contain_text("Canceled")
        await expect(screen.row("one behind")).to_be_focused()
        # It stays there through the next update, and Tab goes on from there.
        await send(stage, "one after")
        await expect(screen.row("one after")).to_contain_text("Completed")
        await expect(screen.row("one behind")).to_be_focused()
        # Before it are what unfolds the actions of the one above, the buttons Text and Media, and the file field.
        await press(screen, "Shift+Tab")
        await expect(screen.card.get_by_role("button", name="Details of one after")).to_be_focused()
        await press(screen, "Shift+Tab")
        await expect(screen.card.get_by_role("button", name="Text")).to_be_focused()
        await press(screen, "Shift+Tab")
        await expect(screen.card.get_by_role("button", name="Media")).to_be_focused()
        await press(screen, "Shift+Tab")
        await expect(screen.card.get_by_label("Print a file on")).to_be_focused()


async def test_button_of_the_history_keeps_the_focus_while_jobs_come_and_go(stage: Stage) -> None:
    async with stage.screen(stage.full(history=1)) as screen:
        for title in ("first in the history", "second in the history"):
            await send(stage, title)
            await expect(screen.row(title)).to_contain_text("Completed")
        async with unmoved(screen, screen.card.get_by_role("button", name="Show more")):
            await send(stage, "third in the history")
            await expect(screen.row("third in the history")).to_contain_text("Completed")
        await press(screen)
        await expect(screen.card.get_by_role("button", name="Show less")).to_be_focused()


async def test_print_keeps_the_focus_until_its_files_are_gone(stage: Stage) -> None:
    async with stage.screen(alone=True, tolerated=("status of 500",)) as screen:
        await screen.drop(("focused.txt", "text/plain", b"Dear"))
        let_go = asyncio.Event()
        answers = [500]

        async def hold(route: Route) -> None:
            await let_go.wait()
            if answers:
                await route.fulfill(status=answers.pop(), body="no")
            else:
                await route.continue_()

        await screen.page.route("**/api/file_upload", hold)
        button = screen.card.get_by_role("button", name=re.compile("^(Print|Sending …)$"))
        async with unmoved(screen, button):
            await press(screen)
            await expect(button).to_be_disabled()
            # What rests does nothing, however it is pressed.
            await press(screen)
            await send(stage, "while it is uploaded")
            await expect(screen.row("while it is uploaded")).to_contain_text("Completed")
            let_go.set()
            await expect(screen.card.get_by_role("alert")).to_contain_text("HTTP 500")
            await expect(button).to_be_enabled()
        await press(screen)
        await expect(screen.row("focused.txt")).to_contain_text("Completed")
        await expect(screen.zone).to_be_focused()


async def test_quick_button_keeps_the_focus_when_it_is_pressed(stage: Stage) -> None:
    buttons = [{"name": "Note", "data": {"text": "Hello"}}]
    async with stage.screen(stage.full(buttons=buttons)) as screen:
        await screen.shows("Idle")
        note = screen.card.get_by_role("button", name="Note", exact=True)
        async with unmoved(screen, note):
            before = len(await stage.printed())
            await press(screen)
            await stage.until(stage.printed, lambda found: len(found) == before + 1)
            await expect(note).to_be_enabled()


async def test_question_gives_the_focus_back(stage: Stage) -> None:
    planned = {"outcomes": [{"code": 500, "state": "SUCCESS", "prints": 2}]}
    await stage.cloud.post(f"boxes/{stage.cloud.device_id}/printers/1/outcomes", planned)
    async with stage.screen() as screen:
        await screen.shows("Idle")
        await send(stage, "asks first", pages=4)
        row = screen.row("asks first").last
        again = row.get_by_role("button", name="Print asks first again")
        await again.focus()
        await press(screen)
        no = row.get_by_role("button", name="Don't print")
        await expect(no).to_be_focused()
        async with unmoved(screen, no):
            await send(stage, "while it asks")
            await expect(screen.row("while it asks")).to_contain_text("Completed")
        await press(screen)
        await expect(again).to_be_focused()
        await press(screen)
        await expect(no).to_be_focused()
        await press(screen, "Shift+Tab")
        await press(screen)
        await expect(screen.row("asks first").filter(has_text="Completed")).to_have_count(1)
        # On the same button if the job can be printed once more, else on its row; never nowhere.
        assert await screen.card.evaluate("(card) => card.shadowRoot.activeElement?.localName")


async def test_files_that_come_and_go_take_no_focus_and_no_scroll_position(stage: Stage) -> None:
    async with stage.screen(width=560, alone=True) as screen:
        await screen.shows("Drop a file here")
        # The browser is told to hand choosers over when the first listener comes, and doesn't wait for that: with a
        # listener from before, a fast key press can't be earlier.
        screen.page.on("filechooser", lambda _: None)
        await screen.card.get_by_label("Print a file on").focus()
        async with screen.page.expect_file_chooser() as opened:
            await press(screen)
        files: list[FilePayload] = [
            {"name": f"{name}.pdf", "mimeType": PDF, "buffer": make_pdf(6, name)}
            for name in ("first", "second")
        ]
        await (await opened.value).set_files(files)
        # What chooses files has moved to the end of the form, and the focus with it.
        await expect(screen.card.get_by_label("Add a file")).to_be_focused()
        await screen.press(screen.card.get_by_role("button", name="Preview"))
        previews = screen.card.locator(".previews")
        await expect(previews).to_have_count(2)
        strip = previews.last
        await expect(strip.locator("img")).to_have_count(6)
        await strip.evaluate(
            "(strip) => Promise.all([...strip.querySelectorAll('img')].map((img) => img.decode()))"
        )
        await strip.evaluate("(strip) => { strip.scrollLeft = 150; }")

        await screen.card.get_by_role("button", name="Remove first.pdf").focus()
        await press(screen)
        await expect(previews).to_have_count(1)
        second = screen.card.locator("li.file").filter(has_text="second.pdf")
        await expect(second).to_be_focused()
        async with unmoved(screen, previews.first.get_by_role("button").nth(1)):
            await screen.drop(("third.pdf", PDF, make_pdf(1)))
            await expect(screen.card.locator("li.file")).to_have_count(2)
        assert await previews.first.evaluate("(strip) => strip.scrollLeft") == 150
        await screen.card.get_by_role("button", name="Discard").focus()
        await press(screen)
        await screen.shows("Drop a file here")
        await expect(screen.zone).to_be_focused()
        await press(screen, "Tab")
        await expect(screen.card.get_by_label("Details of Kyocera")).to_be_focused()
        await press(screen, "Tab")
        await expect(screen.card.get_by_label(re.compile("Print a file on"))).to_be_focused()
