"""Adding and editing the card in Home Assistant's own screens."""

from playwright.async_api import Locator, expect

from tests.e2e.card.acts import MAP, cards

from .marks import on_stage
from .stage import DASHBOARD, LASER, Screen, Stage, press

pytestmark = on_stage()


async def test_card_is_added_and_set_up_in_the_editor(stage: Stage) -> None:
    heading = {"type": "heading", "heading": "Printers"}
    async with stage.screen(heading, path=f"/{DASHBOARD}/0?edit=1", tolerated=MAP) as screen:
        page = screen.page
        await page.get_by_role("button", name="Add card").first.click()
        await page.get_by_role("tab", name="By card").click()
        offered = page.locator("hui-card-picker .card").filter(has_text="Lianke printer")
        await offered.locator(".overlay").click()
        dialog = page.locator("hui-dialog-edit-card")
        preview = dialog.locator("lianke-card")
        await expect(preview).to_contain_text(LASER)
        await expect(preview).to_contain_text("Drop a file here")
        for label in (
            "Printers",
            "Heading",
            "Layout",
            "What to show",
            "Ink levels",
            "Number of finished jobs",
            "Hide titles and first pages of documents",
            "Quick buttons",
        ):
            await expect(dialog.get_by_text(label).first).to_be_visible()
        await expect(dialog.get_by_role("checkbox", name="Printing files")).to_be_checked()

        await dialog.get_by_role("textbox", name="Heading").fill("Study")
        await expect(preview.get_by_role("heading", name="Study")).to_be_visible()
        await dialog.get_by_text("Printing files").click()
        await expect(preview.get_by_text("Drop a file here")).to_have_count(0)
        await press(dialog.get_by_role("button", name="Save"))
        await expect(dialog.get_by_role("button", name="Save")).to_have_count(0)

        async def stored() -> dict[str, object] | None:
            found = [card for card in await cards(stage) if card["type"] == "custom:lianke-card"]
            return found[0] if found else None

        card = await stage.until(stored, lambda found: found is not None)
        assert card == {
            "type": "custom:lianke-card",
            "devices": [stage.devices[LASER]],
            "title": "Study",
            "layout": "full",
            "show": ["ink", "pages", "jobs"],
            "history": 3,
        }
    async with stage.screen(card) as screen:
        await expect(screen.card.get_by_role("heading", name="Study")).to_be_visible()
        await screen.shows("Idle")


async def edit(screen: Screen) -> Locator:
    """Open the editor of the first card and return its dialog."""
    card = screen.page.locator("hui-card-edit-mode").first
    await card.hover()
    await card.locator(".control").click()
    return screen.page.locator("hui-dialog-edit-card")


async def test_quick_button_of_old_is_edited_as_an_action(stage: Stage) -> None:
    buttons = [{"name": "Note", "data": {"text": "Hello", "copies": 2}}]
    async with stage.screen(
        stage.full(buttons=buttons), path=f"/{DASHBOARD}/0?edit=1", tolerated=MAP
    ) as screen:
        dialog = await edit(screen)
        await dialog.locator("ha-selector-object ha-icon-button").first.click()
        form = screen.page.locator("dialog-form")
        await expect(form.locator("ha-service-control")).to_contain_text("Print")
        for words in (
            "What to print or run",
            "A list, calendar, camera or image is printed",
            "On which printer it is printed",
            "Or an action",
        ):
            await expect(form.get_by_text(words).first).to_be_visible()
        await form.get_by_role("textbox", name="Name").first.fill("Memo")
        await form.get_by_role("button", name="Save").click()
        await expect(form.locator("ha-service-control")).to_have_count(0)
        await press(dialog.get_by_role("button", name="Save"))
        await expect(dialog.get_by_role("button", name="Save")).to_have_count(0)
        changed = stage.full(buttons=[{**buttons[0], "name": "Memo"}])

        async def stored() -> dict[str, object]:
            return (await cards(stage))[0]

        await stage.until(stored, lambda found: found == changed)
    before = len(await stage.printed())
    async with stage.screen(changed) as screen:
        await press(screen.card.get_by_role("button", name="Memo", exact=True))
        (printed,) = (await stage.until(stage.printed, lambda found: len(found) > before))[before:]
        assert printed["copies"] == 2, printed


async def test_editor_is_free_of_faults(stage: Stage) -> None:
    buttons = [{"name": "Note", "data": {"text": "Hello"}}]
    async with stage.screen(
        stage.full(buttons=buttons), path=f"/{DASHBOARD}/0?edit=1", tolerated=MAP
    ) as screen:
        dialog = await edit(screen)
        editor = dialog.locator("lianke-card-editor")
        await expect(editor.get_by_role("checkbox", name="Ink levels")).to_be_checked()
        await expect(editor.locator("ha-selector-object")).to_contain_text("Note")
        assert await screen.axe_in_every_look(editor) == []
