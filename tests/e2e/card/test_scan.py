"""Scanning and copying in a browser: on a phone in few taps, and by the keyboard alone."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from io import BytesIO
from pathlib import Path
import re
from typing import Any

from PIL import Image
from playwright.async_api import Download, expect
import pypdfium2
import pytest
import pytest_asyncio

from tests.e2e.card.keyboard import named, press, tab_to
from tests.simulator import make_pdf

from .marks import on_stage
from .scanning import Finger, begin, button, lay, open_by_keyboard, page_comes, tap
from .stage import LASER, PATIENCE, Screen, Stage

pytestmark = [*on_stage("card at work"), pytest.mark.usefixtures("scanners")]

MOST_TAPS = 6


async def kept(download: Download) -> list[str]:
    """Return the sizes of the pages of what the browser keeps."""
    with pypdfium2.PdfDocument(Path(await download.path())) as pdf:
        return [f"{page.get_width():.0f}x{page.get_height():.0f}" for page in pdf]


async def test_two_pages_are_saved_and_an_id_card_copied_on_a_phone(
    stage: Stage, pictures: Path
) -> None:
    before = len(await stage.printed())
    async with stage.screen(width=390, height=844, touch=True, language="zh-Hans") as screen:
        finger = Finger()
        await lay(stage, "one")
        await finger.tap(button(screen, "scan"))
        assert await screen.axe() == []
        await screen.page.screenshot(path=pictures / "scan-form.png")
        await finger.tap(button(screen, "begin"))
        await page_comes(screen, "已扫描 1 页")
        assert await screen.axe() == []
        await screen.page.screenshot(path=pictures / "scan-page.png")
        await lay(stage, "two")
        await finger.tap(button(screen, "next"))
        await page_comes(screen, "已扫描 2 页")
        await finger.tap(button(screen, "finish"))
        await page_comes(screen, "共 2 页，保存在这台 Home Assistant 上")
        assert await screen.axe() == []
        async with screen.page.expect_download() as started:
            await finger.tap(button(screen, "save"))
        download = await started.value
        assert download.suggested_filename.endswith(".pdf")
        assert len(await kept(download)) == 2
        assert finger.taps <= MOST_TAPS

        await screen.page.keyboard.press("Escape")
        finger = Finger()
        await finger.tap(button(screen, "copy"))
        await finger.tap(button(screen, "id_card"))
        await screen.page.screenshot(path=pictures / "scan-card.png")
        await finger.tap(button(screen, "begin"))
        await page_comes(screen, "请在原位把证件翻面")
        await finger.tap(button(screen, "next"))
        await page_comes(screen, "两面都已扫描")
        await finger.tap(button(screen, "finish"))
        await expect(screen.card.get_by_text("已扫描，并已交给打印机。")).to_be_visible()
        assert await screen.axe() == []
        assert finger.taps <= MOST_TAPS
        await stage.until(stage.printed, lambda found: len(found) == before + 1)


async def test_both_sides_of_ten_sheets_by_two_stacks_on_a_phone(
    stage: Stage, pictures: Path
) -> None:
    feature: dict[str, Any] = {"domain": "lianke", "preview_feature": "scanning"}

    async def learn(*, scan_duplex: bool) -> None:
        """Let the scanner say anew what it can do."""
        await stage.home.command("labs/update", enabled=False, **feature)
        await at_the_scanner(stage, scan_duplex=scan_duplex, feeder=[])
        await stage.home.command("labs/update", enabled=True, **feature)
        await stage.until(
            stage.view, lambda view: view["printers"][stage.devices[LASER]]["scanner"]
        )

    await learn(scan_duplex=False)
    async with stage.screen(width=390, height=844, touch=True, language="zh-Hans") as screen:
        finger = Finger()
        dialog = screen.card.locator("lianke-scan")
        await at_the_scanner(stage, feeder=[f"front {sheet}" for sheet in range(10)])
        await finger.tap(button(screen, "scan"))
        await dialog.locator("#source").select_option("feeder")
        await finger.tap(dialog.locator("[data-key=two_stacks]"))
        await finger.tap(button(screen, "begin"))
        await expect(dialog.get_by_text("已扫描 10 张正面")).to_be_visible()
        await expect(dialog.get_by_role("img", name="把整叠翻过来")).to_be_visible()
        assert await screen.axe() == []
        await screen.page.screenshot(path=pictures / "scan-turn.png")
        # A sheet of the stack was lost.
        await at_the_scanner(stage, feeder=[f"back {sheet}" for sheet in reversed(range(9))])
        await finger.tap(button(screen, "next"))
        await expect(dialog.get_by_role("alert")).to_contain_text("两叠的页数不同（10/9）")
        assert await screen.axe() == []
        await screen.page.screenshot(path=pictures / "scan-stacks-differ.png")
        await at_the_scanner(stage, feeder=[f"back {sheet}" for sheet in reversed(range(10))])
        await finger.tap(button(screen, "again"))
        await page_comes(screen, "已扫描 20 页")
        await finger.tap(button(screen, "finish"))
        await page_comes(screen, "共 20 页，保存在这台 Home Assistant 上")
        async with screen.page.expect_download() as started:
            await finger.tap(button(screen, "save"))
        assert len(await kept(await started.value)) == 20
        assert finger.taps <= MOST_TAPS + 1
    await learn(scan_duplex=True)


async def test_scan_and_copy_by_the_keyboard_alone(stage: Stage) -> None:
    before = len(await stage.printed())
    async with stage.screen() as screen:
        await open_by_keyboard(screen, "Scan")
        # What is refused is said where it was pressed, and can be tried again.
        await stage.cloud.post("variants", {"scan_problem": "lid"})
        await begin(screen)
        alert = screen.card.locator("lianke-scan").get_by_role("alert")
        await expect(alert).to_contain_text("The cover of the scanner is open.")
        await stage.cloud.post("variants", {"scan_problem": "none"})
        await tab_to(screen, named("Try again"))
        await press(screen, "Enter")
        await begin(screen)
        await page_comes(screen, "1 page so far")
        await tab_to(screen, named("Turn right"))
        await press(screen, "Enter")
        picture = screen.card.locator("lianke-scan .stage img:not(.stale)")
        wide = "(one) => one.naturalWidth > one.naturalHeight"
        await stage.until(lambda: picture.evaluate(wide), bool)
        await tab_to(screen, named("Finish"))
        await press(screen, "Enter")
        await page_comes(screen, "kept on this Home Assistant")
        await tab_to(screen, named("Save"))
        async with screen.page.expect_download() as started:
            await press(screen, "Enter")
        (size,) = await kept(await started.value)
        width, height = map(int, size.split("x"))
        assert width > height
        await tab_to(screen, named("Delete"))
        await press(screen, "Enter")
        await tab_to(screen, named("Delete"), "Shift+Tab")
        await press(screen, "Enter")
        await expect(button(screen, "begin")).to_be_visible()
        await press(screen, "Escape")
        await expect(screen.card.get_by_role("button", name=f"Scan: {LASER}")).to_be_focused()

        await tab_to(screen, named(f"Copy: {LASER}"))
        await press(screen, "Enter")
        await tab_to(screen, named("Copies"))
        await screen.page.keyboard.type("2")
        await begin(screen)
        await expect(screen.card.get_by_text("Scanned, and handed to the printer.")).to_be_visible()
        assert await screen.axe() == []
        await stage.until(stage.printed, lambda found: len(found) == before + 1)
    (printed,) = (await stage.printed())[before:]
    assert printed["copies"] == 2


async def test_pages_are_changed_and_handed_on(stage: Stage) -> None:
    async with stage.screen() as screen:
        alert = screen.card.locator("lianke-scan").get_by_role("alert")
        picture = screen.card.locator("lianke-scan .stage img:not(.stale)")

        async def refused(key: str, action: str, reason: str, words: str) -> None:
            """Press a button whose action is refused, see why, and that it can be pressed again."""
            refuse = partial(stage.home.command, "lianke_refusals/refuse", action=action)
            await refuse(key=reason)
            what = screen.card.locator(f"lianke-scan [data-key={key}]")
            await screen.press(what)
            await expect(alert).to_contain_text(words)
            await expect(what).not_to_have_attribute("aria-disabled", "true")
            await refuse(key=None)

        async def changed() -> float:
            """Wait for another picture of the page, and return how high it is for its width."""
            await stage.until(lambda: picture.get_attribute("src"), lambda src: src not in seen)
            seen.append(await picture.get_attribute("src"))
            await expect(picture).to_have_js_property("complete", True)
            await screen.still(screen.card.locator("lianke-scan .actions"))
            return float(await picture.evaluate("(one) => one.naturalHeight / one.naturalWidth"))

        seen: list[str | None] = []
        await screen.press(button(screen, "scan"))
        await screen.card.get_by_label("File name").fill("Lease")
        await refused("begin", "scan", "scanner_busy", "This scanner is in use.")
        await screen.press(button(screen, "begin"))
        await page_comes(screen, "1 page so far")
        whole = await changed()
        await refused("straighten", "continue_scan", "scan_page_fixed", "This page stays as it is")
        await screen.press(button(screen, "straighten"))
        assert await changed() == pytest.approx(whole, abs=0.01)
        await screen.press(button(screen, "crop"))
        edge = screen.card.get_by_role("slider", name="Bottom edge")
        for _ in range(10):
            await edge.press("PageUp")
        await screen.press(screen.card.get_by_role("button", name="Done"))
        assert await changed() == pytest.approx(whole / 2, abs=0.02)
        await screen.press(button(screen, "finish"))
        await page_comes(screen, "1 page, kept on this Home Assistant")
        await expect(screen.card.get_by_text("Lease.pdf")).to_be_visible()
        await refused("hand_on", "continue_scan", "scan_no_script", "name no script")
        before = (await stage.home.state("script.to_archive") or {})["attributes"]["last_triggered"]
        await screen.press(button(screen, "hand_on"))
        await expect(screen.card.get_by_text("To the archive: done.")).to_be_visible()
        after = (await stage.home.state("script.to_archive") or {})["attributes"]["last_triggered"]
        assert after != before


async def test_everything_fits_a_narrow_screen_in_light_and_dark(
    stage: Stage, pictures: Path
) -> None:
    async with stage.screen(width=320, height=568, touch=True) as screen:

        async def look(name: str) -> None:
            dialog = screen.card.locator("lianke-scan dialog").first
            assert await dialog.evaluate("(one) => one.scrollWidth <= one.clientWidth")
            for scheme in ("light", "dark"):
                await screen.page.emulate_media(color_scheme=scheme)
                await screen.page.screenshot(path=pictures / f"narrow-{name}-{scheme}.png")
                assert await screen.axe() == []

        await tap(button(screen, "scan"))
        await expect(button(screen, "begin")).to_be_visible()
        await look("form")
        await tap(button(screen, "begin"))
        await page_comes(screen, "1 page so far")
        await look("page")
        await tap(button(screen, "look"))
        await look("large")
        await tap(button(screen, "finish"))
        await page_comes(screen, "1 page, kept")
        await look("kept")


async def test_keeping_what_was_scanned_keeps_it_and_discarding_discards_it_in_chinese(
    stage: Stage,
) -> None:
    """W3: beside the question, 取消 discarded three pages."""
    async with stage.screen(width=390, height=844, touch=True, language="zh-Hans") as screen:
        await lay(stage, "one")
        await tap(button(screen, "scan"))
        await tap(button(screen, "begin"))
        await page_comes(screen, "已扫描 1 页")
        dialog = screen.card.locator("lianke-scan")
        question = dialog.get_by_role("group", name="丢弃已扫描的内容？")
        await tap(dialog.get_by_role("button", name="取消扫描"))
        await expect(question.get_by_role("button")).to_have_text(["丢弃", "保留"])
        await tap(question.get_by_role("button", name="保留"))
        await expect(question).to_have_count(0)
        await page_comes(screen, "已扫描 1 页")
        await tap(dialog.get_by_role("button", name="取消扫描"))
        await tap(question.get_by_role("button", name="丢弃"))
        await expect(button(screen, "begin")).to_be_visible()


async def test_kept_scans_are_told_apart_in_home_assistants_own_media_browser(
    stage: Stage,
) -> None:
    """Each begins with its time, and shows its page; the other documents show that they are some."""
    found = await stage.home.devices()
    (scanner,) = (
        device["id"]
        for device in found
        if device["name"] == f"{LASER} scanner" and device["id"] != stage.devices[LASER]
    )
    for text in ("one", "two"):
        await lay(stage, text)
        await stage.home.call("lianke", "scan", {"device_id": scanner}, response=True)
    (stage.home.documents / "report.pdf").write_bytes(make_pdf(1))
    # Home Assistant's page asks for icons of its own integrations that it has not.
    async with stage.screen(alone=True, tolerated=("/api/brands/integration/",)) as screen:
        page = screen.page
        await page.goto(f"{stage.home.url}/media-browser/browser")
        for folder in ("Documents to print", "Scans"):
            await page.locator(".title", has_text=folder).click()
        await expect(page.locator("ha-card").nth(1)).to_be_visible()
        pictures = []
        # Those of other tests come after them.
        for tile in (page.locator("ha-card").nth(0), page.locator("ha-card").nth(1)):
            title = re.compile(rf"^\s*20\d\d-\d\d-\d\d \S+ {LASER}")
            await expect(tile.locator(".title")).to_have_text(title)
            picture = tile.locator("[style*='data:image/jpeg']")
            await expect(picture).to_have_count(1)
            pictures.append(await picture.evaluate("(one) => one.style.cssText"))
        assert pictures[0] != pictures[1]
        await page.go_back()
        await page.locator(".title", has_text="local").click()
        document = page.locator("ha-card", has_text="report.pdf")
        await expect(document.locator("[style*='data:image/svg']")).to_have_count(1)


@pytest_asyncio.fixture(loop_scope="session")
async def scanner(stage: Stage) -> AsyncIterator[str]:
    """Let the laser's scanner say what is the matter with it; return its device. At the end, put everything right."""
    await stage.cloud.post("variants", {"scanner_status": "words"})
    (found,) = (
        one["id"] for one in await stage.home.devices() if one["name"] == f"{LASER} scanner"
    )
    yield str(found)
    await stage.cloud.post(
        "variants", {"scanner_status": "silent", "scan_problem": "none", "scan_seconds": 3.0}
    )
    await at_the_scanner(stage, scan_trouble=None, glass_mm=None, feeder=[])


async def at_the_scanner(stage: Stage, **what: Any) -> None:
    await stage.cloud.change_printer(stage.cloud.device_id, 1, **what)


async def scans_begun(stage: Stage) -> int:
    return sum("/scanning/job" in str(one) for one in await stage.cloud.get("requests"))


async def mm_of(download: Download) -> tuple[float, float]:
    """Return the size in mm of the only page of what the browser keeps."""
    with pypdfium2.PdfDocument(Path(await download.path())) as pdf:
        (page,) = pdf
        return page.get_width() / 72 * 25.4, page.get_height() / 72 * 25.4


async def form_says(screen: Screen, text: str) -> None:
    """Open the form until what the scanner says is asked for again, which it is every ten seconds."""
    said = screen.card.locator("lianke-scan").get_by_text(text)
    async with asyncio.timeout(2 * PATIENCE):
        while True:
            await tap(button(screen, "scan"))
            await expect(button(screen, "begin")).to_be_visible()
            try:
                await expect(said).to_be_visible(timeout=2000)
            except AssertionError:
                await screen.page.keyboard.press("Escape")
            else:
                return


def picture_without_page() -> bytes:
    """Return a photo of a colored wall."""
    to = BytesIO()
    Image.linear_gradient("L").resize((1200, 1600)).convert("RGB").save(to, "JPEG")
    return to.getvalue()


async def test_what_the_scanner_says_and_a_receipt_on_a_phone_in_chinese(
    stage: Stage, scanner: str, pictures: Path
) -> None:
    async with stage.screen(width=390, height=844, touch=True, language="zh-Hans") as screen:
        dialog = screen.card.locator("lianke-scan")
        alert = dialog.get_by_role("alert")

        async def look(name: str) -> None:
            await screen.page.screenshot(path=pictures / f"trust-zh-{name}.png")
            assert await screen.axe() == []

        # In words before anything is pressed, and as the answer to a press.
        await at_the_scanner(stage, scan_trouble="lid")
        await form_says(screen, "扫描仪：盖板打开")
        await look("lid")
        await screen.press(button(screen, "begin"))
        await expect(alert).to_contain_text("扫描仪的盖板没有合上")
        await look("lid-refused")
        await at_the_scanner(stage, scan_trouble=None)
        await screen.page.keyboard.press("Escape")

        # A jam after the first of three pages: what came is there, and why there is no more.
        await at_the_scanner(stage, feeder=["one", "two", "three"])
        await stage.cloud.post("variants", {"scan_problem": "jam"})
        await tap(button(screen, "scan"))
        await dialog.locator("#source").select_option("feeder")
        await screen.press(button(screen, "begin"))
        await expect(alert).to_contain_text("扫描仪卡纸")
        await look("jam")
        await stage.cloud.post("variants", {"scan_problem": "none"})
        await at_the_scanner(stage, scan_trouble=None, feeder=[])
        await screen.press(button(screen, "finish"))
        await page_comes(screen, "共 1 页，保存在这台 Home Assistant 上")
        await screen.page.keyboard.press("Escape")

        # While another door scans.
        await lay(stage, "two")
        await stage.cloud.post("variants", {"scan_waits": True})
        other = asyncio.create_task(
            stage.home.call("lianke", "scan", {"device_id": scanner}, response=True)
        )
        await tap(button(screen, "scan"))
        await expect(dialog.get_by_text("正在扫描第 1 页")).to_be_visible()
        await look("other")
        await stage.cloud.post("variants", {"scan_waits": False, "scan_seconds": 1.0})
        await other
        await screen.page.keyboard.press("Escape")

        # A receipt is as large as it is, kept, printed later and copied.
        before = len(await stage.printed())
        await lay(stage, "receipt")
        await at_the_scanner(stage, glass_mm=[80.0, 200.0])
        await tap(button(screen, "scan"))
        if await button(screen, "retry").count():
            await screen.press(button(screen, "retry"))
        await dialog.locator("#source").select_option("glass")
        await screen.press(button(screen, "begin"))
        await expect(dialog.get_by_text("已扫描 1 页")).to_be_visible()
        await screen.press(button(screen, "finish"))
        await expect(dialog.get_by_text("保存在这台 Home Assistant 上")).to_be_visible()
        async with screen.page.expect_download() as started:
            await screen.press(button(screen, "save"))
        assert await mm_of(await started.value) == pytest.approx((80, 200), rel=0.01)
        await look("receipt")
        await screen.press(button(screen, "print"))
        await screen.press(button(screen, "do"))
        await stage.until(stage.printed, lambda found: len(found) == before + 1)
        await screen.page.keyboard.press("Escape")
        await tap(button(screen, "copy"))
        await screen.press(button(screen, "begin"))
        await expect(dialog.get_by_text("已扫描，并已交给打印机。")).to_be_visible()
        await look("copied")
        await stage.until(stage.printed, lambda found: len(found) == before + 2)
        for one in (await stage.printed())[before:]:
            assert one["options"]["jpScale"] == "none"
            with pypdfium2.PdfDocument(one["path"]) as pdf:
                assert pdf[0].get_width() / 72 * 25.4 == pytest.approx(80, rel=0.01)
        await screen.page.keyboard.press("Escape")

        # A photo that shows no page.
        await screen.drop(("墙.jpg", "image/jpeg", picture_without_page()))
        await screen.press(screen.card.get_by_role("button", name="拍照成扫描件"))
        await expect(screen.card.get_by_text("在 墙.jpg 中没有找到纸张")).to_be_visible()
        await look("no-page")


async def test_what_the_scanner_says_and_a_copy_refused_before_the_lamp_by_the_keyboard(
    stage: Stage, scanner: str, pictures: Path
) -> None:
    async with stage.screen() as screen:
        dialog = screen.card.locator("lianke-scan")
        alert = dialog.get_by_role("alert")

        async def look(name: str) -> None:
            await screen.page.screenshot(path=pictures / f"trust-en-{name}.png")
            assert await screen.axe() == []

        await open_by_keyboard(screen, "Copy")
        begun = await scans_begun(stage)
        await tab_to(screen, named("Copies"))
        await screen.page.keyboard.type("500")
        await begin(screen)
        await expect(alert).to_contain_text("500")
        await look("refused")
        assert await scans_begun(stage) == begun
        await press(screen, "Escape")

        await at_the_scanner(stage, feeder=["one", "two", "three"])
        await stage.cloud.post("variants", {"scan_problem": "jam"})
        await tab_to(screen, named(f"Scan: {LASER}"), "Shift+Tab")
        await press(screen, "Enter")
        await expect(button(screen, "begin")).to_be_visible()
        await tab_to(screen, named("Source"))
        await screen.page.keyboard.press("ArrowDown")
        await begin(screen)
        await expect(alert).to_contain_text("Paper is jammed in the scanner")
        await look("jam")
        await stage.cloud.post("variants", {"scan_problem": "none"})
        await tab_to(screen, named("Cancel scan"))
        await press(screen, "Enter")
        await tab_to(screen, named("Discard"), "Shift+Tab")
        await press(screen, "Enter")
        await expect(button(screen, "begin")).to_be_visible()
        await press(screen, "Escape")
        # The paper is still there.
        await form_says(screen, "The scanner: Paper jam")
        await look("still-jammed")
        await press(screen, "Escape")
        await at_the_scanner(stage, scan_trouble=None, feeder=[])


async def test_pages_that_wait_are_told_scanned_again_by_number_and_removed_one_by_one(
    stage: Stage,
) -> None:
    """Two taps removed two pages, page 3 was scanned in place of page 2, and a closed dialog left no sign."""
    async with stage.screen(width=320, height=700, touch=True) as screen:
        dialog = screen.card.locator("lianke-scan")
        await tap(button(screen, "scan"))
        await tap(button(screen, "begin"))
        for number in (1, 2, 3):
            await page_comes(screen, f"{number} page{'s' if number > 1 else ''} so far")
            if number < 3:
                await tap(button(screen, "next"))
        await screen.press(dialog.get_by_role("button", name="Scan page 3 again"))
        await expect(dialog.get_by_text("Scanning page 3 …")).to_be_visible()
        await page_comes(screen, "3 pages so far")
        remove = dialog.locator("[data-key=remove]")
        await expect(remove).not_to_have_attribute("aria-disabled", "true")
        await screen.still(remove)
        box = await remove.bounding_box()
        assert box is not None
        # At once: how long after the first the card ignores a second tap, guard.test.ts shows.
        for _ in range(2):
            await screen.page.touchscreen.tap(
                box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            )
        await expect(dialog.get_by_text("2 pages so far")).to_be_visible()
        await expect(remove).not_to_have_attribute("aria-disabled", "true")
        await expect(dialog.get_by_text("2 pages so far")).to_be_visible()
        # What came last is gone: there is no telling which page would be scanned again.
        await expect(dialog.locator("[data-key=again]")).to_have_count(0)
        await screen.page.keyboard.press("Escape")
        await expect(
            screen.card.get_by_text("2 scanned pages wait to be finished.")
        ).to_be_visible()
        assert await screen.axe() == []
        await screen.press(button(screen, "scan"))
        await page_comes(screen, "2 pages so far")
        await screen.press(button(screen, "finish"))
        await page_comes(screen, "2 pages, kept")
        await screen.page.keyboard.press("Escape")
        await expect(screen.card.get_by_text("scanned pages wait")).to_have_count(0)
