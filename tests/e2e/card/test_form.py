"""The options of a print: what is typed and chosen stays through updates, and is what is sent."""

from typing import Any

from playwright.async_api import expect
import pytest

from tests.simulator import make_pdf

from .stage import LASER, Screen, Stage

pytestmark = [
    pytest.mark.browser,
    pytest.mark.e2e,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(300),
]

PDF = "application/pdf"


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
        await screen.shows("Drop a file here")
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


async def test_print_is_pressed_though_leaving_the_field_takes_the_preview_away(
    stage: Stage,
) -> None:
    async with stage.screen() as screen:
        await screen.shows("Drop a file here")
        await screen.drop(("previewed.pdf", PDF, make_pdf(3)))
        await screen.card.get_by_role("button", name="Preview", exact=True).click()
        await expect(screen.card.locator(".previews img")).to_have_count(3)
        await screen.card.get_by_label("Pages").press_sequentially("2")
        await expect(screen.card.locator(".previews")).to_have_count(0)
        await screen.card.get_by_role("button", name="Print", exact=True).click()
        await expect(screen.row("previewed.pdf")).to_contain_text("Completed")
    assert (await options(stage))["jpPageRange"] == "2"


async def test_what_is_no_number_of_copies_does_not_stay_on_the_screen(stage: Stage) -> None:
    async with stage.screen() as screen:
        await screen.shows("Drop a file here")
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
        await screen.shows("Drop a file here")
        await screen.drop(("chosen.pdf", PDF, make_pdf(1)))
        paper = screen.card.get_by_label("Paper")
        await paper.focus()
        # As a browser does while the list is open and the arrow keys move through it: no event yet.
        await paper.evaluate("(list) => { list.selectedIndex = 2; }")
        await update(stage, screen, "while choosing")
        await expect(paper.locator("option:checked")).to_have_text("A5")
        await expect(paper).to_be_focused()
        await screen.card.get_by_text("More options").click()
        await update(stage, screen, "while more is open")
        await expect(screen.card.get_by_label("Tray")).to_be_visible()
