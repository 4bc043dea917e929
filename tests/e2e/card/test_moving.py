"""A waiting job is moved on the card: it goes to the printer that was chosen, or the dialog says why not."""

from playwright.async_api import expect

from tests.simulator import make_pdf

from .marks import on_stage
from .stage import INKJET, LABEL, LASER, Stage
from .test_people import submit

pytestmark = on_stage("card at work")

CHINESE = "zh-Hans"
AWAITING = "Unknown Printer"


async def test_a_job_is_moved_to_each_printer_or_the_dialog_says_why_not(stage: Stage) -> None:
    """For a moment a job that is refused elsewhere could not be moved, and the dialog went with the offer."""
    # The code keeps each of them waiting, at the other printer, too.
    outcomes: dict[str, str] = {}
    before = len(await stage.printed())
    async with stage.screen(stage.full(history=20), language=CHINESE) as screen:
        dialog = screen.card.locator("lianke-again dialog")
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
                await dialog.locator("[data-key=no]").click()
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
        dialog = screen.card.locator("lianke-again dialog")
        await screen.press(screen.row("plain").locator("[data-key^=move_job]"))
        await dialog.locator("#printer").select_option(label=LABEL)
        paper = dialog.locator("lianke-moving #paper")
        await expect(paper).to_be_visible()
        await screen.press(dialog.locator("[data-key=do]"))
        await expect(dialog.get_by_text("请先选择，再移动任务。")).to_be_visible()
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
