"""The card as one sentence and one button, and what a badge and a tile say."""

from collections.abc import AsyncIterator

from playwright.async_api import FilePayload, expect
import pytest_asyncio

from tests.e2e.card.acts import MAP, bind_other_box, cards
from tests.simulator import make_pdf

from .marks import on_stage
from .stage import DASHBOARD, SMALL_LASER, Stage, change_options, press

pytestmark = on_stage("card at work")


@pytest_asyncio.fixture(loop_scope="session")
async def untouched(stage: Stage) -> AsyncIterator[tuple[str, str]]:
    """Provide a box and a printer, by entry and device, of which the card knows nothing from other tests."""
    _, entry_id, printer_id = await bind_other_box(stage)
    yield entry_id, printer_id
    await stage.home.delete(f"/api/config/config_entries/entry/{entry_id}")


async def test_child_prints_homework_and_fetches_it(
    stage: Stage, untouched: tuple[str, str]
) -> None:
    entry_id, printer = untouched
    child = await stage.home_user_tokens("child", "system-users")
    mum = await stage.home_user_tokens("妈妈", "system-users")
    area = await stage.home.command("config/area_registry/create", name="书房")
    await stage.home.command(
        "config/device_registry/update", device_id=printer, area_id=area["area_id"]
    )
    await change_options(
        stage.home, entry_id, "approval", approval_printers=[SMALL_LASER], approvers=["妈妈"]
    )
    before = len(await stage.printed())
    card = {"type": "custom:lianke-card", "devices": [printer]}
    simple = {**card, "show": "simple"}
    ready = "书房的打印机可以打印了"
    async with stage.screen(
        simple, language="zh-Hans", width=320, touch=True, tokens=child
    ) as screen:
        sentence = screen.card.locator(".sentence")
        await expect(sentence).to_have_text(ready)
        assert await screen.axe_in_every_look() == []
        file = FilePayload(name="作业.pdf", mimeType="application/pdf", buffer=make_pdf(1))
        chooser = screen.card.locator("lianke-simple lianke-file-chooser input")
        await chooser.set_input_files([file])
        form = screen.card.locator("lianke-print-form")
        # The options of the printer come later, and move the button down.
        await expect(form.get_by_label("页码范围")).to_be_visible()
        await press(form.get_by_role("button", name="打印", exact=True))
        await expect(sentence).to_have_text("作业等妈妈同意")
        await expect(screen.card.get_by_role("button")).to_have_text(["不打印了"])
        assert await screen.axe_in_every_look() == []
        wide = "document.scrollingElement.scrollWidth"
        assert await screen.page.evaluate(wide) == 320
        async with stage.screen(card, language="zh-Hans", tokens=mum) as other:
            await press(other.row("作业").get_by_role("button", name="批准").first)
            await expect(other.row("作业").first).to_contain_text("已完成")
        await stage.lay_out(simple)
        await expect(sentence).to_have_text("作业在书房的打印机上")
        assert len(await stage.printed()) == before + 1
        await press(screen.card.get_by_role("button", name="拿到了"))
        await expect(sentence).to_have_text(ready)


async def test_editor_makes_a_card_simple_and_full_again(stage: Stage) -> None:
    given = stage.full(show=["jobs"])
    async with stage.screen(given, path=f"/{DASHBOARD}/0?edit=1", tolerated=MAP) as screen:
        card = screen.page.locator("hui-card-edit-mode").first
        await card.hover()
        await card.locator(".control").click()
        dialog = screen.page.locator("hui-dialog-edit-card")
        await expect(dialog.get_by_text("One sentence and one button")).to_be_visible()
        switch = dialog.locator("ha-selector-boolean ha-switch").first
        await switch.click()
        await expect(dialog.locator("lianke-card .sentence")).to_be_visible()
        await switch.click()
        await expect(dialog.locator("lianke-card .sentence")).to_have_count(0)
        await expect(dialog.get_by_role("checkbox", name="Finished jobs")).to_be_checked()
        await expect(dialog.get_by_role("checkbox", name="Ink levels")).not_to_be_checked()
        await switch.click()
        await press(dialog.get_by_role("button", name="Save"))
        await expect(dialog.get_by_role("button", name="Save")).to_have_count(0)

        async def stored() -> dict[str, object]:
            return (await cards(stage))[0]

        await stage.until(stored, lambda found: found == {**given, "show": "simple"})


async def test_badge_and_tile_say_how_many_jobs_wait(
    stage: Stage, untouched: tuple[str, str]
) -> None:
    _, printer = untouched
    states = await stage.home.command("config/entity_registry/list")
    (sensor,) = [
        one["entity_id"]
        for one in states
        if one["device_id"] == printer and one["translation_key"] == "jobs_waiting"
    ]
    tile = {"type": "tile", "entity": sensor, "features": [{"type": "custom:lianke-feature"}]}
    for title in ("one", "two"):
        data = {"device_id": printer, "text": "x", "title": title, "release_code": "2468"}
        await stage.home.call("lianke", "print", data)
    stage.expected.append("2 print jobs were dropped with their box")
    badge = {"type": "custom:lianke-badge", "devices": [printer]}
    async with stage.screen(tile, badges=[badge]) as screen:
        for name in ("lianke-badge", "lianke-feature"):
            button = screen.page.locator(name).get_by_role("button")
            await expect(button).to_have_text("2 jobs wait")
            assert await screen.axe_in_every_look(screen.page.locator(name)) == []
        await screen.page.locator("lianke-badge").get_by_role("button").click()
        await expect(screen.page.locator("ha-more-info-dialog")).to_contain_text("2")
