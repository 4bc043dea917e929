"""Scans that go to their destinations from the card, and destinations that fail."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import expect
import pypdfium2
import pytest
import pytest_asyncio
import pytest_socket

from tests.paperless_server import TOKEN, Paperless
from tests.smtp_server import SmtpServer

from .keyboard import named, press, tab_to
from .marks import on_stage
from .scanning import Finger, begin, button, lay, open_by_keyboard, page_comes
from .stage import Screen, Stage

pytestmark = [*on_stage("card at work"), pytest.mark.usefixtures("scanners")]

# Maximum ms after the end of an outage until a scan has been sent by itself: RETRY_PAUSES, twice.
UP_AGAIN = 120_000


@pytest_asyncio.fixture(loop_scope="session")
async def paperless(stage: Stage) -> AsyncIterator[Paperless]:
    """Run a Paperless-ngx, and set it up in the options."""
    async with Paperless(version=3, refuses_duplicates=False).running() as server:
        await where_scans_go(stage, paperless_url=server.address, paperless_token=TOKEN)
        yield server
        await where_scans_go(stage)


async def where_scans_go(stage: Stage, **options: str) -> None:
    flow = await stage.home.start_options(stage.entry_id)
    flow = await stage.home.submit_options(flow, {"next_step_id": "scan_destinations"})
    flow = await stage.home.submit_options(flow, options)
    if flow["type"] == "menu":
        flow = await stage.home.submit_options(flow, {"next_step_id": "destinations_saved"})
    assert flow["type"] == "create_entry", flow


async def scan_one_page(stage: Stage, screen: Screen, finger: Finger, paper: str) -> None:
    await lay(stage, paper)
    await finger.tap(button(screen, "scan"))
    await finger.tap(button(screen, "begin"))
    await page_comes(screen, "已扫描 1 页")
    await finger.tap(button(screen, "finish"))
    await page_comes(screen, "共 1 页，保存在这台 Home Assistant 上")


async def test_a_receipt_goes_to_paperless_in_four_taps_on_a_phone(
    stage: Stage, paperless: Paperless, pictures: Path
) -> None:
    paperless.faults = ["413"]
    async with stage.screen(width=390, height=844, touch=True, language="zh-Hans") as screen:
        finger = Finger()
        await scan_one_page(stage, screen, finger, "receipt")
        await finger.tap(button(screen, "paperless"))
        assert finger.taps == 4
        # The proxy before it takes no file as large as this: that is said, and can be tried again.
        alert = screen.card.locator("lianke-scan").get_by_role("alert")
        await expect(alert).to_contain_text("Paperless-ngx：没有发送。扫描件超过了")
        await expect(button(screen, "paperless")).to_have_text("Paperless-ngx：重试")
        assert await screen.axe() == []
        await screen.page.screenshot(path=pictures / "scan-not-sent.png")
        assert paperless.tasks == []
        await screen.press(button(screen, "paperless"))
        await expect(screen.card.get_by_text("Paperless-ngx：已送达。")).to_be_visible()
        await expect(alert).to_have_count(0)
        await expect(button(screen, "paperless")).to_have_count(0)
        assert await screen.axe() == []
        await screen.page.screenshot(path=pictures / "scan-sent.png")
    assert len(paperless.documents) == 1


async def test_presets_and_a_document_to_paperless_by_the_keyboard(
    stage: Stage, paperless: Paperless, pictures: Path
) -> None:
    async with stage.screen() as screen:
        await open_by_keyboard(screen, "Scan")
        await tab_to(screen, named("Color"))
        await screen.page.keyboard.type("Gray")
        await tab_to(screen, named("Presets"))
        await press(screen, "Enter")
        for name in ("Receipts", "Letters"):
            await tab_to(screen, named("Name, such as Receipts"))
            await screen.page.keyboard.type(name)
            await press(screen, "Enter")
        await tab_to(screen, named("Delete the preset Letters"))
        await press(screen, "Enter")
        preset = screen.card.locator("lianke-scan-presets [data-key=preset]")
        await expect(preset).to_have_count(1)
        await screen.page.set_viewport_size({"width": 320, "height": 720})
        assert await screen.axe_in_every_look() == []
        await screen.page.screenshot(path=pictures / "scan-presets.png")
        await screen.page.set_viewport_size({"width": 1280, "height": 900})
        await tab_to(screen, lambda one: one["key"] == "preset")
        await press(screen, "Enter")
        await page_comes(screen, "1 page so far")
        await tab_to(screen, named("Finish"))
        await press(screen, "Enter")
        await page_comes(screen, "1 page, kept")
        await tab_to(screen, named("Paperless-ngx"))
        await press(screen, "Enter")
        await expect(screen.card.get_by_text("Paperless-ngx: it is there.")).to_be_visible()
        assert await screen.axe() == []
    [document] = paperless.documents
    with pypdfium2.PdfDocument(document.content) as pdf:
        assert len(pdf) == 1


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def office(shared_stage: Stage) -> AsyncIterator[tuple[SmtpServer, str]]:
    """Run a mail server, and set up Home Assistant's own integration with a recipient; return both."""
    pytest.importorskip("aiosmtplib", reason="no library for Home Assistant's smtp")
    pytest_socket.enable_socket()
    home = shared_stage.home
    async with SmtpServer().running() as server:
        account: dict[str, Any] = {
            "sender": "house@example.org",
            "server": "127.0.0.1",
            "port": server.port,
            "encryption": "none",
            "verify_ssl": False,
            "options": {},
        }
        flow = await home.submit(await home.start_flow("smtp"), account)
        assert flow["type"] == "create_entry", flow
        entry_id = flow["result"]["entry_id"]
        flows = "/api/config/config_entries/subentries/flow"
        flow = await home.post(flows, {"handler": [entry_id, "recipient"]})
        recipient = {"name": "Office", "recipient": "office@example.org"}
        flow = await home.post(f"{flows}/{flow['flow_id']}", recipient)
        assert flow["type"] == "create_entry", flow
        states = await home.poll(home.states, lambda found: any("office" in one for one in found))
        [entity_id] = [one for one in states or () if one.startswith("notify.") and "office" in one]
        yield server, entity_id
        pytest_socket.enable_socket()
        await home.delete(f"/api/config/config_entries/entry/{entry_id}")


@asynccontextmanager
async def failing(stage: Stage, recipient: str, **options: str) -> AsyncIterator[Paperless]:
    """Set up a recipient, and a Paperless-ngx that is not running."""
    server = Paperless(version=3, refuses_duplicates=False)
    async with server.running():
        address = {"paperless_url": server.address, "paperless_token": TOKEN}
        await where_scans_go(stage, scan_mail=recipient, **address, **options)
    yield server
    await where_scans_go(stage)


def line(screen: Screen, to: str) -> Any:
    """Return the line about a destination of the scan."""
    return screen.card.locator(f"lianke-scan [data-to={to}]")


async def test_destinations_that_fail_on_a_phone_in_chinese(
    stage: Stage, office: tuple[SmtpServer, str], pictures: Path
) -> None:
    mail, recipient = office
    mail.faults, sent = ["content"] * 2, len(mail.mails)
    (stage.home.documents / "scans").mkdir(exist_ok=True)
    async with (
        failing(stage, recipient, scan_folder="local/scans") as paperless,
        stage.screen(width=390, height=844, touch=True, language="zh-Hans") as screen,
    ):

        async def look(name: str) -> None:
            assert await screen.axe() == []
            await screen.page.screenshot(path=pictures / f"failing-zh-{name}.png")

        finger = Finger()
        await scan_one_page(stage, screen, finger, "contract")
        # Paperless-ngx is down: that is no error of the scan's, which is kept and goes there by itself.
        await finger.tap(button(screen, "paperless"))
        await expect(line(screen, "paperless")).to_contain_text(
            "Paperless-ngx：等待再次尝试。目前无法连接 Paperless-ngx。"
        )
        await look("down")
        # The mail is refused: the server's words, and a button to send it again.
        await screen.press(button(screen, "mail"))
        await expect(line(screen, "mail")).to_contain_text("5.6.0 no such mails here")
        await expect(button(screen, "mail")).to_have_text("邮件：重试")
        await look("refused")
        # It can go elsewhere meanwhile.
        await screen.press(button(screen, "folder"))
        await expect(line(screen, "folder")).to_have_text("文件夹：已送达。")
        await screen.press(button(screen, "mail"))
        await expect(line(screen, "mail")).to_have_text("邮件：已送达。")
        await look("elsewhere")
        async with paperless.running(int(paperless.address.rpartition(":")[2])):
            arrived = expect(line(screen, "paperless"))
            await arrived.to_have_text("Paperless-ngx：已送达。", timeout=UP_AGAIN)
            await look("arrived")
        assert (len(paperless.documents), paperless.posts) == (1, 1)
        assert len(mail.mails) == sent + 1


async def test_destinations_that_fail_by_the_keyboard(
    stage: Stage, office: tuple[SmtpServer, str], pictures: Path
) -> None:
    mail, recipient = office
    mail.faults, sent = ["recipient"] * 2, len(mail.mails)
    async with failing(stage, recipient) as paperless, stage.screen() as screen:

        async def go(name: str) -> None:
            await tab_to(screen, named(name))
            await press(screen, "Enter")

        await lay(stage, "letter")
        await open_by_keyboard(screen, "Scan")
        await begin(screen)
        await page_comes(screen, "1 page so far")
        await go("Finish")
        await page_comes(screen, "1 page, kept on this Home Assistant")
        await go("Mail")
        await expect(line(screen, "mail")).to_contain_text("“5.1.1 no such user” Check the")
        await go("Paperless-ngx")
        await expect(line(screen, "paperless")).to_contain_text("cannot be reached at present")
        assert await screen.axe() == []
        await screen.page.screenshot(path=pictures / "failing-en.png")
        await go("Mail: try again")
        await expect(line(screen, "mail")).to_have_text("Mail: it is there.")
        async with paperless.running(int(paperless.address.rpartition(":")[2])):
            await go("Paperless-ngx: try again")
            # At once, not by itself.
            await expect(line(screen, "paperless")).to_have_text("Paperless-ngx: it is there.")
        assert (len(paperless.documents), paperless.posts) == (1, 1)
        assert len(mail.mails) == sent + 1
