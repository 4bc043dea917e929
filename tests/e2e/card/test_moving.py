"""A waiting job is moved on the card: it goes to the printer that was chosen, or the dialog says why not."""

from playwright.async_api import expect

from tests.e2e.card.acts import submit
from tests.simulator import make_pdf

from .marks import on_stage
from .stage import INKJET, LABEL, LASER, SMALL_LASER, Stage

pytestmark = on_stage("card at work")

CHINESE = "zh-Hans"
AWAITING = "Unknown Printer"


async def test_a_job_is_moved_to_each_printer_or_the_dialog_says_why_not(stage: Stage) -> None:
    """For a moment a job that is refused elsewhere could not be moved, and the dialog went with the offer."""
    # The code keeps each of them waiting, at the other printer, too.
    outcomes: dict[str, str] = {}
    before = len(await stage.printed())
    async with stage.screen(stage.full(history=20), language=CHINESE) as screen:
        dialog = screen.card.locator("lianke-reprint dialog")
        offered: list[tuple[str, str]] = []
        number = 0
        while not offered or number < len(offered):
            title = f"goes {number} away"
            await submit(stage, title, release_code="4711")
            row = screen.row(title).first
            await screen.press(row.locator("[data-key^=move_job]"))
            select = dialog.locator("#printer")
            await expect(select).to_be_visible()
            offered = await select.locator("option").evaluate_all(
                "all => all.map((one) => [one.value, one.textContent.trim()])"
            )
            device, name = offered[number]
            # What is offered may be out of date: here, a printer that takes nothing.
            await select.evaluate(
                """(one, value) => {
                  for (const option of one.options) option.disabled = false;
                  one.value = value;
                  one.dispatchEvent(new Event("change"));
                }""",
                device,
            )
            await expect(dialog.locator("lianke-moving, [role=alert]").first).to_be_attached()
            if await (paper := dialog.locator("lianke-moving #paper")).count():
                await paper.select_option(index=1)
            await screen.press(dialog.locator("[data-key=do]"))
            said = dialog.get_by_role("alert")
            await expect(said.or_(row.filter(has_text="已移到")).first).to_be_visible()
            await screen.still(screen.card)
            if await dialog.count():
                outcomes[name] = await said.inner_text()
                await screen.press(dialog.locator("[data-key=no]"))
                await expect(row.locator("[data-key^=move_job]")).to_be_visible()
                await screen.press(row.locator("[data-key^=cancel]"))
            else:
                await expect(row).to_contain_text("已移到")
                outcomes[name] = "moved"
            number += 1
    refused = {name: said for name, said in outcomes.items() if said != "moved"}
    assert len(outcomes) >= 4
    assert [*refused] == [f"{AWAITING}（等待驱动支持）"]
    assert "等待" in refused[f"{AWAITING}（等待驱动支持）"]
    assert len(await stage.printed()) == before


async def test_what_is_chosen_or_cannot_be_is_said_as_it_is(stage: Stage) -> None:
    """The red sentence stayed after the choice; of a printer without any such paper it asked to choose one."""
    await submit(stage, "plain", release_code="4711")
    path = stage.home.documents / "card.pdf"
    path.write_bytes(make_pdf(2, "card"))
    laid = {"file": str(path), "sheet": "poster", "title": "laid out", "release_code": "4711"}
    await stage.home.call("lianke", "print", {"device_id": stage.devices[LASER], **laid})
    async with stage.screen(stage.full(history=0), language=CHINESE) as screen:
        dialog = screen.card.locator("lianke-reprint dialog")
        await screen.press(screen.row("plain").locator("[data-key^=move_job]"))
        await dialog.locator("#printer").select_option(label=LABEL)
        paper = dialog.locator("lianke-moving #paper")
        await expect(paper).to_be_visible()
        await screen.press(dialog.locator("[data-key=do]"))
        await expect(dialog.get_by_text("请先选择。")).to_be_visible()
        await paper.select_option(index=1)
        await expect(dialog.get_by_role("alert")).to_have_count(0)
        await screen.press(dialog.locator("[data-key=no]"))

        await screen.press(screen.row("laid out").locator("[data-key^=move_job]"))
        await dialog.locator("#printer").select_option(label=LABEL)
        await expect(dialog.get_by_role("alert")).to_contain_text("没有这么大的纸张")
        await expect(dialog.locator("[data-key=do]")).to_have_attribute("aria-disabled", "true")
        await dialog.locator("#printer").select_option(label=INKJET)
        await expect(dialog.get_by_role("alert")).to_have_count(0)
        await expect(dialog.locator("[data-key=do]")).not_to_have_attribute("aria-disabled", "true")
        await screen.press(dialog.locator("[data-key=no]"))
        for title in ("plain", "laid out"):
            await screen.press(screen.row(title).locator("[data-key^=cancel]"))
            await expect(screen.row(title)).to_have_count(0)


async def test_what_another_printer_does_otherwise_is_said_before_a_job_is_printed_again_there(
    stage: Stage,
) -> None:
    """As before stood at the paper, and a page of A4 came out on a label of 60 x 40 mm, on unknown sides."""
    title = "printed elsewhere"
    planned = {"outcomes": [{"code": 502, "state": "SUCCESS", "prints": "none"}]}
    await stage.cloud.post(f"boxes/{stage.cloud.device_id}/printers/1/outcomes", planned)
    before = len(await stage.printed())
    async with stage.screen(stage.full(), language=CHINESE) as screen:
        await submit(stage, title, duplex="long_edge")
        row = screen.row(title).filter(has_text="失败")
        await screen.press(row.locator("[data-key^=other_options]"))
        dialog = screen.card.locator("lianke-reprint dialog")
        printer, form = dialog.locator("#printer"), dialog.locator("lianke-options-form")
        there, go = dialog.locator("lianke-moving"), dialog.locator("[data-key=do]")
        # Here, everything is as it was.
        await expect(form.locator("#paper option").first).to_have_text("与原任务相同")
        await expect(there).to_have_count(0)
        # What is not there at all is said at once, with what happens instead.
        await printer.select_option(label=SMALL_LASER)
        await expect(there).to_contain_text("那台打印机做不到“长边翻转”")
        await expect(form.locator("#copies")).to_be_visible()
        await expect(form.locator("#duplex")).to_have_count(0)
        # Paper is chosen, and so is what nobody knows of.
        await printer.select_option(label=LABEL)
        await expect(there).to_contain_text("那台打印机做不到“A4”")
        await expect(there).to_contain_text("不知道那台打印机是否支持“长边翻转”")
        await expect(form.locator("#paper, #duplex")).to_have_count(0)
        assert await screen.axe() == []
        await screen.press(go)
        await expect(there.get_by_role("alert")).to_have_text("请先选择。")
        assert len(await stage.printed()) == before
        await there.locator("#paper").select_option(label="100 x 150 mm")
        await there.locator("#duplex").select_option(value="off")
        await screen.press(go)
        await expect(dialog).to_have_count(0)
    [paper] = (await stage.until(stage.printed, lambda printed: len(printed) > before))[before:]
    asked = paper["options"]
    assert (paper["port"], asked["dmPaperSize"], asked["dmDuplex"]) == (2, "302", "1")


async def test_paper_that_another_printer_lacks_is_refused_in_the_words_of_the_card(
    stage: Stage,
) -> None:
    """What it can do has changed since the dialog was opened."""
    title = "refused elsewhere"
    planned = {"outcomes": [{"code": 502, "state": "SUCCESS", "prints": "none"}]}
    await stage.cloud.post(f"boxes/{stage.cloud.device_id}/printers/1/outcomes", planned)
    before = len(await stage.printed())
    async with stage.screen(stage.full()) as screen:
        await submit(stage, title)
        row = screen.row(title).filter(has_text="Failed")
        await screen.press(row.locator("[data-key^=other_options]"))
        dialog = screen.card.locator("lianke-reprint dialog")
        await dialog.locator("#printer").select_option(label=LABEL)
        there = dialog.locator("lianke-moving")
        await expect(there.locator("#paper")).to_be_visible()
        # As if that printer had had A4 when it was asked.
        await there.evaluate("(one) => { one.data = () => ({}); }")
        await screen.press(dialog.locator("[data-key=do]"))
        said = dialog.get_by_role("alert")
        await expect(said).to_have_text(
            f"{LABEL} has no paper of 210 × 297 mm. Choose one of its papers, or another printer."
        )
    assert len(await stage.printed()) == before
