"""The whole card, and its editor, by the Tab key alone: everything is reached, in order, seen, and left again."""

from playwright.async_api import expect

from tests.e2e.card.acts import LIST, MAP, cards, fill_list
from tests.e2e.card.keyboard import named, press, start, tab_to
from tests.simulator import make_pdf

from .marks import on_stage
from .stage import DASHBOARD, INKJET, Screen, Stage

pytestmark = on_stage()


async def tab_through(screen: Screen) -> list[str]:
    """Press Tab from before the card to behind it; return the names of what had the focus."""
    (first,) = (await tab_to(screen, lambda one: one["inCard"]))[-1:]
    seen = [first, *(await tab_to(screen, lambda one: not one["inCard"]))[:-1]]
    assert [one for one in seen if not (one["marked"] and one["visible"])] == []
    return [one["name"] for one in seen]


async def focusable(screen: Screen) -> list[str]:
    """Return the names of everything in the card that a keyboard should reach."""
    found: list[str] = await screen.card.evaluate("(card) => window.lianke.all(card)")
    return found


async def test_tab_reaches_everything_in_order_and_both_ways(stage: Stage) -> None:
    await fill_list(stage, "Tea")
    buttons = [{"name": "Note", "data": {"text": "Hello"}}]
    card = stage.full(INKJET, buttons=buttons, source_entity=LIST, title="Study")
    async with stage.screen(card, width=500, height=1000) as screen:
        await screen.shows("1 open item")
        await screen.shows("Note")
        await start(screen)
        expected = await focusable(screen)
        assert len(expected) >= 6
        assert await tab_through(screen) == expected

        await screen.drop(("one.pdf", "application/pdf", make_pdf(2)), ("two.pdf", "", make_pdf(1)))
        await expect(screen.card.get_by_label("Paper")).to_be_visible()
        await screen.press(screen.card.get_by_text("More options"))
        await screen.press(screen.card.get_by_role("button", name="Preview", exact=True))
        await expect(screen.card.get_by_role("button", name="Enlarge page")).to_have_count(3)
        for picture in await screen.card.get_by_role("img", name="Page").all():
            await expect(picture).to_have_js_property("complete", True)
        await start(screen)
        expected = await focusable(screen)
        assert {"Copies", "Quality", "Remove two.pdf", "Note"} <= set(expected)
        assert await tab_through(screen) == expected
        back = await tab_to(screen, lambda one: one["inCard"], "Shift+Tab")
        back += await tab_to(screen, lambda one: not one["inCard"], "Shift+Tab")
        assert [one["name"] for one in back if one["inCard"]] == expected[::-1]


async def test_a_file_is_printed_by_the_keyboard_alone(stage: Stage) -> None:
    before = len(await stage.printed())
    async with stage.screen(stage.full(INKJET), alone=True) as screen:
        await screen.shows("Drop a file here")
        await start(screen)
        screen.page.on("filechooser", lambda _: None)
        await tab_to(screen, named(f"Print a file on {INKJET}"))
        async with screen.page.expect_file_chooser() as opened:
            await screen.page.keyboard.press("Enter")
        await (await opened.value).set_files(
            {"name": "keys.pdf", "mimeType": "application/pdf", "buffer": make_pdf(3)}
        )
        await expect(screen.card.get_by_label("Add a file")).to_be_focused()
        await expect(screen.card.get_by_label("Paper")).to_be_visible()
        await tab_to(screen, named("Copies"), "Shift+Tab")
        await screen.page.keyboard.type("2")
        await tab_to(screen, named("Pages"))
        await screen.page.keyboard.type("1-2")
        await tab_to(screen, named("Preview"))
        await press(screen, "Enter")
        await expect(screen.card.get_by_role("button", name="Enlarge page")).to_have_count(2)
        await tab_to(screen, named("Enlarge page 1 of keys.pdf"), "Shift+Tab")
        await press(screen, "Enter")
        full = screen.card.get_by_role("dialog", name="Preview of keys.pdf")
        await expect(full).to_be_visible()
        await tab_to(screen, named("Next page"))
        await press(screen, "Enter")
        await expect(full).to_contain_text("2 of 2")
        await tab_to(screen, named("Zoom in"))
        await press(screen, "Enter")
        await tab_to(screen, named("Close"))
        await press(screen, "Enter")
        await expect(full).to_be_hidden()
        await expect(screen.card.get_by_role("button", name="Enlarge page 1")).to_be_focused()
        await tab_to(screen, named("Print"))
        await press(screen, "Enter")
        await expect(screen.row("keys.pdf")).to_contain_text("Completed")
    (printed,) = (await stage.printed())[before:]
    assert (printed["copies"], printed["pages"]) == (2, 2), printed


async def test_card_is_edited_by_the_keyboard_alone(stage: Stage) -> None:
    async with stage.screen(stage.full(), path=f"/{DASHBOARD}/0?edit=1", tolerated=MAP) as screen:
        await expect(screen.page.locator("hui-card-edit-mode").first).to_be_visible()
        await screen.shows("Idle")
        await start(screen)
        dialog = screen.page.locator("hui-dialog-edit-card")
        await tab_to(screen, lambda one: one["name"].strip() == "Edit card")
        await press(screen, "Enter")
        for label in ("Ink levels", "Pages printed", "Printing files", "Finished jobs"):
            await expect(dialog.get_by_role("checkbox", name=label, exact=True)).to_be_checked()
        await tab_to(screen, lambda one: one["name"] == "ink")
        await press(screen, "Space")
        await expect(dialog.get_by_role("checkbox", name="Ink levels")).not_to_be_checked()
        await tab_to(screen, lambda one: one["name"] == "Save")
        await press(screen, "Enter")

        async def stored() -> dict[str, object]:
            return (await cards(stage))[0]

        changed = {**stage.full(), "show": ["pages", "print", "jobs"]}
        await stage.until(stored, lambda found: found == changed)
