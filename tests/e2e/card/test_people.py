"""Jobs that wait for a person, on the card: as an administrator, as a user, and as one who may only look."""

from pathlib import Path
import re

from playwright.async_api import expect
import pytest_asyncio
import pytest_socket

from tests.e2e.card.acts import approval, submit
from tests.simulator import make_pdf

from .marks import on_stage
from .stage import INKJET, LASER, SMALL_LASER, Screen, Stage, press

pytestmark = on_stage("card at work")

PDF = "application/pdf"
# The card's texts are compared as such (frontend/test_resource.py); each way is walked in one language.
CHINESE = "zh-Hans"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def people(shared_stage: Stage) -> dict[str, str]:
    """Return what keeps a user and one who may only look logged in."""
    # A fixture of the session starts before the test's own, which opens sockets for it.
    pytest_socket.enable_socket()
    return {
        "anna": await shared_stage.home_user_tokens("anna", "system-users"),
        "reader": await shared_stage.home_user_tokens("lea", "system-read-only"),
    }


async def no_buttons(screen: Screen, title: str) -> None:
    """Check that nothing can be done about a job."""
    await expect(screen.row(title).first).to_be_visible()
    await expect(screen.row(title).get_by_role("button")).to_have_count(0)


async def test_approval(stage: Stage, people: dict[str, str], tmp_path: Path) -> None:
    title = "note to approve"
    before = len(await stage.printed())
    buttons = [{"name": "Note", "data": {"text": "Hello", "title": title}}]
    card = stage.full(buttons=buttons, history=1)
    async with (
        approval(stage),
        stage.screen(card, language=CHINESE, tokens=people["anna"]) as anna,
    ):
        row = anna.row(title).first
        await press(anna.card.get_by_role("button", name="Note", exact=True))
        await expect(row).to_contain_text("等待批准")
        await expect(row).to_contain_text("需要批准人同意后才会打印。")
        await expect(row.get_by_role("button", name="批准")).to_have_count(0)
        async with stage.screen(card, language=CHINESE, tokens=people["reader"]) as reader:
            await expect(reader.row(title).first).to_contain_text("需要批准人同意后才会打印。")
            await expect(reader.row(title).first).not_to_contain_text("anna 请求打印。")
            await no_buttons(reader, title)
        async with stage.screen(card, language=CHINESE, width=390) as boss:
            assert await boss.axe() == []
            await expect(boss.row(title).first).to_contain_text("anna 请求打印。")
            await boss.picture(tmp_path / "approve.png")
            await press(boss.row(title).get_by_role("button", name="批准"))
            await expect(boss.row(title).first).to_contain_text("已完成")
        await expect(row).to_contain_text("已完成")
        assert len(await stage.printed()) == before + 1

        # Her row has just become shorter, and moved the button.
        await anna.press(anna.card.get_by_role("button", name="Note", exact=True))
        await expect(row).to_contain_text("需要批准人同意后才会打印。")
        async with stage.screen(card, language=CHINESE) as boss:
            row_of_boss = boss.row(title).first
            await boss.press(row_of_boss.get_by_role("button", name="拒绝"))
            await row_of_boss.get_by_label("原因（可不填）").fill("Read it here")
            await boss.picture(tmp_path / "reject.png")
            await boss.press(row_of_boss.locator("[data-key=do-reject]"))
            await expect(row_of_boss).to_contain_text("已拒绝")
        await expect(row).to_contain_text("Read it here")
        async with stage.screen(card, language=CHINESE, tokens=people["reader"]) as reader:
            # W11: why is for who asked and for approvers.
            await expect(reader.row(title).first).to_contain_text("已拒绝")
            await expect(reader.card.get_by_text("Read it here")).to_have_count(0)
    assert len(await stage.printed()) == before + 1


async def test_release_with_a_code(stage: Stage, people: dict[str, str]) -> None:
    title = "secret page"
    before = len(await stage.printed())
    await submit(stage, title, release_code="4711")
    async with stage.screen(stage.full(), tokens=people["reader"]) as reader:
        await expect(reader.row(title)).to_contain_text("once somebody at the printer releases it")
        await no_buttons(reader, title)
    async with stage.screen(stage.full(layout="compact"), tokens=people["anna"]) as anna:
        row = anna.row(title)
        await expect(row).to_contain_text("Release it when you are at the printer.")
        assert await anna.axe() == []
        await row.get_by_label("Code").fill("1234")
        await press(row.get_by_role("button", name="Release"))
        await expect(row.get_by_role("alert")).to_contain_text("This is not the code")
        assert len(await stage.printed()) == before
        await row.get_by_label("Code").fill("4711")
        await anna.page.keyboard.press("Enter")
        await stage.until(stage.printed, lambda found: len(found) == before + 1)


async def test_a_job_that_waited_for_long_is_seen_to_have_ended(stage: Stage) -> None:
    """Later ones had printed meanwhile: released, it failed, and was in no row while the card said Idle."""
    title = "waited for long"
    await submit(stage, title, release_code="4711")
    later = [f"later {number}" for number in range(4)]
    for name in later:
        await submit(stage, name, wait=True)
    planned = {"outcomes": [{"code": 502, "state": "SUCCESS", "prints": "none"}]}
    async with stage.screen(language=CHINESE, width=390, height=844, touch=True) as screen:
        row = screen.row(title)
        await expect(screen.row(later[-1])).to_contain_text("已完成")
        await row.get_by_label("取件密码").fill("4711")
        await stage.cloud.post(f"boxes/{stage.cloud.device_id}/printers/1/outcomes", planned)
        await press(row.get_by_role("button", name="确认打印"))
        await expect(row).to_contain_text("失败")
        await expect(screen.card.locator("li.row").first).to_contain_text(title)
        before = len(await stage.printed())
        await press(row.get_by_role("button", name=f"重新打印 {title}"))
        # The code is asked for again.
        again = row.filter(has=screen.page.get_by_label("取件密码"))
        await again.get_by_label("取件密码").fill("4711")
        await press(again.get_by_role("button", name="确认打印"))
        await expect(row.filter(has_text="已完成")).to_have_count(1)
    assert len(await stage.printed()) == before + 1


async def test_both_sides_by_hand(stage: Stage, people: dict[str, str], tmp_path: Path) -> None:
    """From choosing the file to the last page, without knowing more than the card says."""
    title = "turn.pdf"
    before = len(await stage.printed())
    async with stage.screen(
        stage.full(SMALL_LASER), language=CHINESE, tokens=people["anna"], width=390, height=844
    ) as screen:
        await expect(screen.card.locator("input[type=file]")).to_have_count(1)
        await screen.drop((title, PDF, make_pdf(3, title)))
        duplex = screen.card.get_by_label("双面打印")
        label = await duplex.locator("option").filter(has_text="手动双面").first.inner_text()
        await duplex.select_option(label=label)
        # The preview has just moved it.
        await screen.press(screen.card.get_by_role("button", name="打印", exact=True))
        row = screen.row(title)
        await screen.press(row.get_by_role("button", name="翻面"))
        dialog = row.get_by_role("dialog")
        await expect(dialog).to_contain_text("取出全部 2 张纸")
        await expect(dialog.get_by_role("img")).to_be_visible()
        assert await screen.axe() == []
        await screen.page.screenshot(path=tmp_path / "turn.png")
        assert len(await stage.printed()) == before + 1
        await press(dialog.get_by_role("button", name="打印第二面"))
        await expect(row).to_contain_text("已完成")
    assert len(await stage.printed()) == before + 2


async def test_what_the_other_printer_cannot_do_is_chosen_when_a_job_is_moved(
    stage: Stage, tmp_path: Path
) -> None:
    """W4: 此打印机不支持双面模式 long_edge. On one side there, once, without a key to be read anywhere."""
    title = "two sides"
    before = len(await stage.printed())
    await submit(stage, title, release_code="4711", duplex="long_edge")
    async with stage.screen(language=CHINESE, width=390, height=844) as screen:
        await press(screen.row(title).get_by_role("button", name="移到其他打印机"))
        dialog = screen.card.get_by_role("dialog")
        await dialog.get_by_label("打印机").select_option(label=SMALL_LASER)
        await expect(dialog).to_contain_text("那台打印机做不到“长边翻转”。")
        # It has one way only.
        await expect(dialog).to_contain_text("双面打印：由那台打印机决定（关）。")
        await expect(dialog.get_by_text("long_edge")).to_have_count(0)
        assert await screen.axe() == []
        await screen.page.screenshot(path=tmp_path / "moving.png")
        await press(dialog.get_by_role("button", name="移动", exact=True))
        await expect(dialog).to_have_count(0)
    async with stage.screen(stage.full(SMALL_LASER), language=CHINESE) as screen:
        row = screen.row(title)
        await row.get_by_label("取件密码").fill("4711")
        await press(row.get_by_role("button", name="确认打印"))
        await expect(row).to_contain_text("已完成")
    [paper] = (await stage.printed())[before:]
    assert (paper["port"], paper["options"]["dmDuplex"]) == (4, "1")


async def test_job_is_moved_and_printed_again_with_other_options(
    stage: Stage, tmp_path: Path
) -> None:
    title = "moves away"
    await submit(stage, title, release_code="4711")
    card = {"type": "custom:lianke-card", "devices": [stage.devices[LASER], stage.devices[INKJET]]}
    async with stage.screen(card, width=560) as screen:
        part = screen.card.locator("lianke-printer")
        row = screen.row(title).filter(has_text="Release it when you are at the printer.")
        await press(row.get_by_role("button", name=re.compile("to another printer")))
        dialog = screen.card.get_by_role("dialog")
        await dialog.get_by_label("Printer").select_option(label=INKJET)
        await expect(dialog).to_contain_text("Color: Color there, Black and white here.")
        assert await screen.axe() == []
        await press(dialog.get_by_role("button", name="Move", exact=True))
        await expect(dialog).to_have_count(0)
        moved = part.nth(1).locator("li.row").filter(has_text=title)
        await expect(moved).to_contain_text("Release it when you are at the printer.")
        await screen.press(moved.get_by_role("button", name=re.compile("Cancel|取消")))
        await expect(moved.first).to_contain_text("Canceled")

    planned = {"outcomes": [{"code": 502, "state": "SUCCESS", "prints": "none"}]}
    await stage.cloud.post(f"boxes/{stage.cloud.device_id}/printers/1/outcomes", planned)
    title = "fails here"
    before = len(await stage.printed())
    async with stage.screen(stage.full(), width=560) as screen:
        await submit(stage, title)
        row = screen.row(title).filter(has_text="Failed")
        await screen.press(row.get_by_role("button", name=re.compile("Other options")))
        dialog = screen.card.get_by_role("dialog")
        await dialog.get_by_label("Copies").fill("3")
        assert await screen.axe() == []
        await screen.page.screenshot(path=tmp_path / "again.png")
        await press(dialog.get_by_role("button", name="Print", exact=True))
        await expect(dialog).to_have_count(0)
        await expect(screen.row(title).filter(has_text="Completed")).to_have_count(1)
    (printed,) = (await stage.printed())[before:]
    assert printed["copies"] == 3


async def test_paper_is_turned_by_keyboard_in_every_look(stage: Stage) -> None:
    title = "turned by keys"
    await submit(stage, title, printer=SMALL_LASER, duplex="manual_short_edge", copies=2)
    async with stage.screen(stage.full(SMALL_LASER), width=320) as screen:
        row = screen.row(title)
        turn = row.get_by_role("button", name="Turn the paper over")
        await turn.focus()
        assert await screen.axe_in_every_look() == []
        await screen.page.keyboard.press("Enter")
        dialog = row.get_by_role("dialog")
        await expect(dialog.get_by_role("img")).to_be_visible()
        assert await screen.axe_in_every_look() == []
        await screen.page.keyboard.press("Escape")
        await expect(dialog).to_be_hidden()
        await expect(turn).to_be_focused()
        await screen.page.keyboard.press("Enter")
        go = dialog.get_by_role("button", name="Print the second sides")
        for _ in range(3):
            await screen.page.keyboard.press("Tab")
            if await go.evaluate("(one) => one.matches(':focus')"):
                break
        await expect(go).to_be_focused()
        await screen.page.keyboard.press("Enter")
        await expect(row).to_contain_text("Completed")
