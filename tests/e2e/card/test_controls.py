"""What the card is worked with beyond Print: details, media library, order of files, large previews, last choice."""

import asyncio
from pathlib import Path
import re

from playwright.async_api import expect

from tests.e2e.binding import entity_of
from tests.e2e.card.acts import PNG
from tests.simulator import make_pdf

from .marks import on_stage
from .stage import LASER, PATIENCE, Screen, Stage, press

pytestmark = on_stage()

PDF = "application/pdf"


async def test_header_opens_the_details_of_the_status(stage: Stage) -> None:
    async with stage.screen() as screen:
        await screen.shows("Idle")
        await screen.card.get_by_role("button", name=f"Details of {LASER}").focus()
        await screen.page.keyboard.press("Enter")
        dialog = screen.page.locator("ha-more-info-dialog")
        await expect(dialog.get_by_text(LASER).first).to_be_visible()
        status = await entity_of(stage.home, {"id": stage.devices[LASER]}, "sensor", "status")
        assert await dialog.evaluate("(dialog) => dialog._entityId") == status


async def test_document_is_chosen_from_the_media_library(stage: Stage) -> None:
    before = len(await stage.printed())
    content = make_pdf(2, "From the library")
    (stage.home.documents / "library.pdf").write_bytes(content)
    async with stage.screen() as screen:
        await screen.shows("Drop a file here")
        await press(screen.card.get_by_role("button", name="Media library: print on"))
        library = screen.card.get_by_role("dialog", name="Media library")
        await screen.press(library.get_by_role("button", name="Documents to print"))
        await expect(library.get_by_role("button", name="Back")).to_be_visible()
        folder = library.get_by_role("button", name=re.compile("media|documents", re.IGNORECASE))
        if await folder.count():
            await screen.press(folder.first)
        await screen.press(library.get_by_role("button", name="library.pdf"))
        await expect(library).to_be_hidden()
        await screen.press(screen.card.get_by_role("button", name="Print", exact=True))
        await expect(screen.row("library.pdf")).to_contain_text("Completed · 2 pages")
    (printed,) = (await stage.printed())[before:]
    assert Path(printed["path"]).read_bytes() == content


async def names(screen: Screen) -> list[str]:
    """Return the chosen files in their order."""
    return await screen.card.locator("li.file .title").all_inner_texts()


async def test_files_are_sorted_by_keyboard_and_by_dragging(stage: Stage) -> None:
    before = len(await stage.printed())
    async with stage.screen() as screen:
        await screen.drop(*((f"{name}.pdf", PDF, make_pdf(1, name)) for name in "abc"))
        handle = screen.card.get_by_role("button", name="Move a.pdf", exact=True)
        await handle.focus()
        await screen.page.keyboard.press("ArrowDown")
        await expect(screen.card.locator("li.file .title").first).to_have_text("b.pdf")
        assert await names(screen) == ["b.pdf", "a.pdf", "c.pdf"]
        await expect(handle).to_be_focused()

        await expect(screen.card.locator("li.file img.thumb")).to_have_count(3)
        mouse = screen.page.mouse
        # The pointer waits until nothing moves under it any more.
        last = screen.card.get_by_role("button", name="Move c.pdf", exact=True)
        await last.hover()
        await mouse.down()
        grip = await last.bounding_box()
        goal = await screen.card.locator("li.file").first.bounding_box()
        assert grip is not None
        assert goal is not None
        x = grip["x"] + grip["width"] / 2
        for step in range(1, 11):
            await mouse.move(x, grip["y"] + (goal["y"] - grip["y"]) * step / 10 + 4)
        # What is passed while others still glide to their places is not looked at.
        first = screen.card.locator("li.file .title").first
        async with asyncio.timeout(PATIENCE):
            while await first.inner_text() != "c.pdf":
                await mouse.move(x, goal["y"] + 5)
                await mouse.move(x, goal["y"] + 4)
        await mouse.up()
        assert await names(screen) == ["c.pdf", "b.pdf", "a.pdf"]
        await press(screen.card.get_by_role("button", name="Print 3 files"))
        await expect(screen.row("a.pdf")).to_contain_text("Completed")
    assert [one["name"] for one in (await stage.printed())[before:]] == ["c.pdf", "b.pdf", "a.pdf"]


async def test_preview_fills_the_screen_and_follows_the_options(stage: Stage) -> None:
    async with stage.screen() as screen:
        await screen.drop(("large.pdf", PDF, make_pdf(3)))
        await press(screen.card.get_by_role("button", name="Preview", exact=True))
        await press(screen.card.get_by_role("button", name="Enlarge page 2 of large.pdf"))
        full = screen.card.get_by_role("dialog", name="Preview of large.pdf")
        await expect(full).to_contain_text("2 of 3")
        box = await full.bounding_box()
        assert box is not None
        assert (box["width"], box["height"]) == (1280, 900)
        await screen.page.keyboard.press("ArrowRight")
        await expect(full).to_contain_text("3 of 3")
        picture = full.locator("img").nth(2)

        async def width() -> float:
            box = await picture.bounding_box()
            assert box is not None
            return box["width"]

        fitted = await width()
        await full.get_by_role("button", name="Zoom in").click()
        await full.get_by_role("button", name="Zoom in").click()
        await stage.until(width, lambda now: now > 1.5 * fitted)
        assert await screen.axe() == []
        await screen.page.keyboard.press("Escape")
        await expect(full).to_be_hidden()
        await expect(screen.card.get_by_role("button", name="Enlarge page 2")).to_be_focused()

        was_stale = await screen.was_stale()
        await screen.card.get_by_label("Pages").fill("2")
        await screen.card.get_by_label("Pages").blur()
        strip = screen.card.locator(".previews")
        await expect(strip.locator("img")).to_have_count(1)
        await expect(strip).not_to_have_class(re.compile("stale"))
        assert await was_stale()


async def test_phone_is_offered_its_camera(stage: Stage) -> None:
    async with stage.screen(width=390, height=844, touch=True) as screen:
        await screen.shows("Choose a file or take a photo")
        accepted = await screen.card.locator("input[type=file]").get_attribute("accept")
        assert accepted is not None
        assert {"image/*", ".wps", ".et", ".dps"} <= set(accepted.split(","))


async def test_picture_is_pasted(stage: Stage) -> None:
    async with stage.screen() as screen:
        await screen.shows("Drop a file here")
        await screen.zone.evaluate(
            """(zone, bytes) => {
              const clipboardData = new DataTransfer();
              clipboardData.items.add(new File([new Uint8Array(bytes)], "pasted.png", { type: "image/png" }));
              const how = { clipboardData, bubbles: true, cancelable: true, composed: true };
              zone.dispatchEvent(new ClipboardEvent("paste", how));
            }""",
            list(PNG),
        )
        await screen.shows("pasted.png")
