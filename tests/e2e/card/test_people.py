"""Jobs that wait for a person, on the card: as an administrator, as a user, and as one who may only look."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
import re
from typing import Any

from playwright.async_api import expect
import pytest
import pytest_asyncio
import pytest_socket

from tests.simulator import make_pdf

from .marks import on_stage
from .stage import INKJET, LASER, SMALL_LASER, Screen, Stage

pytestmark = on_stage("card at work")

PDF = "application/pdf"
WORDS: dict[str, dict[str, str]] = {
    "en": {
        "asks": "anna asks to print this.",
        "asked": "Somebody who may approve has to agree first.",
        "approval": "Waiting for approval",
        "approve": "Approve",
        "canceled": "Canceled",
        "rejected": "Rejected",
        "code": "Code",
        "completed": "Completed",
        "copies": "Copies",
        "do_move": "Move",
        "duplex": "Two-sided",
        "failed": "Failed",
        "go": "Print the second sides",
        "here": "Release it when you are at the printer.",
        "by_hand": "By hand, long edge",
        "move": "to another printer",
        "note": "Note",
        "other": "Other options",
        "print": "Print",
        "printer": "Printer",
        "reject": "Reject",
        "release": "Release",
        "somebody": "once somebody at the printer releases it",
        "take": "Take all 2 sheets",
        "turn": "Turn the paper over",
        "why": "Why (optional)",
        "wrong": "This is not the code",
    },
    "zh-Hans": {
        "asks": "anna 请求打印。",
        "asked": "需要批准人同意后才会打印。",
        "approval": "等待批准",
        "approve": "批准",
        "canceled": "已取消",
        "rejected": "已拒绝",
        "code": "取件密码",
        "completed": "已完成",
        "copies": "份数",
        "do_move": "移动",
        "duplex": "双面打印",
        "failed": "打印失败",
        "go": "打印第二面",
        "here": "请在打印机旁确认。",
        "by_hand": "手动双面",
        "move": "移到其他打印机",
        "note": "Note",
        "other": "其他选项",
        "print": "打印",
        "printer": "打印机",
        "reject": "拒绝",
        "release": "确认打印",
        "somebody": "有人在打印机旁确认后才会打印",
        "take": "取出全部 2 张纸",
        "turn": "翻面",
        "why": "原因（可不填）",
        "wrong": "密码",
    },
}


# The card's texts are compared as such (frontend/test_resource.py); each way is walked in one language.
in_english = pytest.mark.parametrize("language", ["en"])
in_chinese = pytest.mark.parametrize("language", ["zh-Hans"])


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def people(shared_stage: Stage) -> dict[str, str]:
    """Return what keeps a user and one who may only look logged in."""
    # A fixture of the session starts before the test's own, which opens sockets for it.
    pytest_socket.enable_socket()
    return {
        "anna": await shared_stage.home_user_tokens("anna", "system-users"),
        "reader": await shared_stage.home_user_tokens("lea", "system-read-only"),
    }


@asynccontextmanager
async def approval(stage: Stage) -> AsyncIterator[None]:
    """Have every job on the laser approved, by an administrator."""

    async def choose(printers: list[Any]) -> None:
        flow = await stage.home.start_options(stage.entry_id)
        flow = await stage.home.submit_options(flow, {"next_step_id": "approval"})
        values = {one["name"]: one["default"] for one in flow["data_schema"] if "default" in one}
        field = next(one for one in flow["data_schema"] if one["name"] == "approval_printers")
        keys = [
            one["value"]
            for one in field["selector"]["select"]["options"]
            if one["label"] in printers
        ]
        flow = await stage.home.submit_options(flow, values | {"approval_printers": keys})
        if flow["type"] == "form":
            assert flow["step_id"] == "approval_notify"
            # Nobody's phone.
            flow = await stage.home.submit_options(flow, {})
        assert flow["type"] == "create_entry", flow

    await choose([LASER])
    try:
        yield
    finally:
        await choose([])


async def submit(stage: Stage, title: str, printer: str = LASER, **data: Any) -> None:
    """Have Home Assistant print a PDF."""
    path = stage.home.documents / "people.pdf"
    path.write_bytes(make_pdf(2, title))
    data |= {"device_id": stage.devices[printer], "file": str(path), "title": title}
    await stage.home.call("lianke", "print", data)


async def no_buttons(screen: Screen, title: str) -> None:
    """Check that nothing can be done about a job."""
    await expect(screen.row(title).first).to_be_visible()
    await expect(screen.row(title).get_by_role("button")).to_have_count(0)


@in_chinese
async def test_approval(
    stage: Stage, people: dict[str, str], language: str, tmp_path: Path
) -> None:
    t = WORDS[language]
    title = f"note {language}"
    before = len(await stage.printed())
    buttons = [{"name": "Note", "data": {"text": "Hello", "title": title}}]
    card = stage.full(buttons=buttons, history=1)
    async with (
        approval(stage),
        stage.screen(card, language=language, tokens=people["anna"]) as anna,
    ):
        row = anna.row(title).first
        await anna.card.get_by_role("button", name=t["note"], exact=True).click()
        await expect(row).to_contain_text(t["approval"])
        await expect(row).to_contain_text(t["asked"])
        await expect(row.get_by_role("button", name=t["approve"])).to_have_count(0)
        async with stage.screen(card, language=language, tokens=people["reader"]) as reader:
            await expect(reader.row(title).first).to_contain_text(t["asked"])
            await expect(reader.row(title).first).not_to_contain_text(t["asks"])
            await no_buttons(reader, title)
        async with stage.screen(card, language=language, width=390) as boss:
            assert await boss.axe() == []
            await expect(boss.row(title).first).to_contain_text(t["asks"])
            await boss.picture(tmp_path / f"approve-{language}.png")
            await boss.row(title).get_by_role("button", name=t["approve"]).click()
            await expect(boss.row(title).first).to_contain_text(t["completed"])
        await expect(row).to_contain_text(t["completed"])
        assert len(await stage.printed()) == before + 1

        await anna.card.get_by_role("button", name=t["note"], exact=True).click()
        await expect(row).to_contain_text(t["asked"])
        async with stage.screen(card, language=language) as boss:
            row_of_boss = boss.row(title).first
            await row_of_boss.get_by_role("button", name=t["reject"]).click()
            await row_of_boss.get_by_label(t["why"]).fill("Read it here")
            await boss.picture(tmp_path / f"reject-{language}.png")
            await row_of_boss.get_by_role("button", name=t["reject"]).click()
            await expect(row_of_boss).to_contain_text(t["rejected"])
        await expect(row).to_contain_text("Read it here")
    assert len(await stage.printed()) == before + 1


@in_english
async def test_release_with_a_code(stage: Stage, people: dict[str, str], language: str) -> None:
    t = WORDS[language]
    title = f"secret {language}"
    before = len(await stage.printed())
    await submit(stage, title, release_code="4711")
    async with stage.screen(stage.full(), language=language, tokens=people["reader"]) as reader:
        await expect(reader.row(title)).to_contain_text(t["somebody"])
        await no_buttons(reader, title)
    async with stage.screen(
        stage.full(layout="compact"), language=language, tokens=people["anna"]
    ) as anna:
        row = anna.row(title)
        await expect(row).to_contain_text(t["here"])
        assert await anna.axe() == []
        await row.get_by_label(t["code"]).fill("1234")
        await row.get_by_role("button", name=t["release"]).click()
        await expect(row.get_by_role("alert")).to_contain_text(t["wrong"])
        assert len(await stage.printed()) == before
        await row.get_by_label(t["code"]).fill("4711")
        await anna.page.keyboard.press("Enter")
        await stage.until(stage.printed, lambda found: len(found) == before + 1)


@in_chinese
async def test_both_sides_by_hand(
    stage: Stage, people: dict[str, str], language: str, tmp_path: Path
) -> None:
    """From choosing the file to the last page, without knowing more than the card says."""
    t = WORDS[language]
    title = f"turn {language}.pdf"
    before = len(await stage.printed())
    async with stage.screen(
        stage.full(SMALL_LASER), language=language, tokens=people["anna"], width=390, height=844
    ) as screen:
        await expect(screen.card.locator("input[type=file]")).to_have_count(1)
        await screen.drop((title, PDF, make_pdf(3, title)))
        duplex = screen.card.get_by_label(t["duplex"])
        label = await duplex.locator("option").filter(has_text=t["by_hand"]).first.inner_text()
        await duplex.select_option(label=label)
        await screen.card.get_by_role("button", name=t["print"], exact=True).click()
        row = screen.row(title)
        await row.get_by_role("button", name=t["turn"]).click()
        dialog = row.get_by_role("dialog")
        await expect(dialog).to_contain_text(t["take"])
        await expect(dialog.get_by_role("img")).to_be_visible()
        assert await screen.axe() == []
        await screen.page.screenshot(path=tmp_path / f"turn-{language}.png")
        assert len(await stage.printed()) == before + 1
        await dialog.get_by_role("button", name=t["go"]).click()
        await expect(row).to_contain_text(t["completed"])
    assert len(await stage.printed()) == before + 2


@in_english
async def test_job_is_moved_and_printed_again_with_other_options(
    stage: Stage, language: str, tmp_path: Path
) -> None:
    t = WORDS[language]
    title = f"moves {language}"
    await submit(stage, title, release_code="4711")
    card = {"type": "custom:lianke-card", "devices": [stage.devices[LASER], stage.devices[INKJET]]}
    async with stage.screen(card, language=language, width=560) as screen:
        part = screen.card.locator("lianke-printer")
        row = screen.row(title).filter(has_text=t["here"])
        await row.get_by_role("button", name=re.compile(t["move"])).click()
        dialog = screen.card.get_by_role("dialog")
        await dialog.get_by_label(t["printer"]).select_option(label=INKJET)
        assert await screen.axe() == []
        await dialog.get_by_role("button", name=t["do_move"], exact=True).click()
        await expect(dialog).to_have_count(0)
        moved = part.nth(1).locator("li.row").filter(has_text=title)
        await expect(moved).to_contain_text(t["here"])
        await moved.get_by_role("button", name=re.compile("Cancel|取消")).click()
        await expect(moved.first).to_contain_text(t["canceled"])

    planned = {"outcomes": [{"code": 502, "state": "SUCCESS", "prints": "none"}]}
    await stage.cloud.post(f"boxes/{stage.cloud.device_id}/printers/1/outcomes", planned)
    title = f"fails {language}"
    before = len(await stage.printed())
    async with stage.screen(stage.full(), language=language, width=560) as screen:
        await submit(stage, title)
        row = screen.row(title).filter(has_text=t["failed"])
        await row.get_by_role("button", name=re.compile(t["other"])).click()
        dialog = screen.card.get_by_role("dialog")
        await dialog.get_by_label(t["copies"]).fill("3")
        assert await screen.axe() == []
        await screen.page.screenshot(path=tmp_path / f"again-{language}.png")
        await dialog.get_by_role("button", name=t["print"], exact=True).click()
        await expect(dialog).to_have_count(0)
        await expect(screen.row(title).filter(has_text=t["completed"])).to_have_count(1)
    (printed,) = (await stage.printed())[before:]
    assert printed["copies"] == 3


@pytest.mark.parametrize("look", ["dark", "forced"])
async def test_paper_is_turned_by_keyboard_in_every_look(
    stage: Stage, look: str, tmp_path: Path
) -> None:
    title = f"turned in {look}"
    await submit(stage, title, printer=SMALL_LASER, duplex="manual_short_edge", copies=2)
    async with stage.screen(
        stage.full(SMALL_LASER), dark=look == "dark", forced=look == "forced", width=320
    ) as screen:
        row = screen.row(title)
        turn = row.get_by_role("button", name="Turn the paper over")
        await turn.focus()
        assert await screen.axe() == []
        await screen.page.keyboard.press("Enter")
        dialog = row.get_by_role("dialog")
        await expect(dialog.get_by_role("img")).to_be_visible()
        assert await screen.axe() == []
        await screen.picture(tmp_path / f"turn-{look}.png")
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
