"""The blueprint *Mail to paper* in a whole Home Assistant: killed while it prints, and seen on a phone."""

import asyncio
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from importlib.util import find_spec
from pathlib import Path
import secrets
from typing import Any

from playwright.async_api import async_playwright, expect
import pytest
import pytest_socket

from tests import needs
from tests.documents.samples import picture
from tests.mailboxes import ANNA, PASSWORD, SERVER, Mailbox, dovecot, letter
from tests.simulator import make_pdf
from tests.smtp_server import SmtpServer

from .binding import announce_changes, bind_first, printer_device
from .card.stage import BROWSER_OPTIONS, LAUNCH, PATIENCE, Stage
from .cloud import SimulatorProcess
from .hass import RealHomeAssistant
from .home import PRINTER

pytestmark = [needs.dovecot, pytest.mark.e2e, pytest.mark.timeout(600)]

# s after a mail has arrived: before Home Assistant hears of it, while it fetches it, while it prints, and afterwards.
MOMENTS = (0.0, 0.3, 1.0)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Return a configuration folder from which the libraries of `imap` and `smtp` can be imported."""
    config = tmp_path / "config"
    config.mkdir()
    for name in ("aioimaplib", "aiosmtplib"):
        if (found := find_spec(name)) is None or found.origin is None:
            pytest.skip(f"no {name}")
        (config / name).symlink_to(Path(found.origin).parent)
    return config


async def watch(home: RealHomeAssistant, mailbox: Mailbox, entry_id: str, **inputs: Any) -> None:
    """Add a mailbox, copy the blueprint and make an automation from it, as people do in the forms."""
    account = {
        "username": mailbox.name,
        "password": PASSWORD,
        "server": "127.0.0.1",
        "port": mailbox.server.port,
        "charset": "utf-8",
        "folder": "INBOX",
        "search": "UnSeen UnDeleted",
        "event_message_data": ["text", "headers"],
        "ssl_cipher_list": "python_default",
        "verify_ssl": False,
    }
    done = await home.submit(await home.start_flow("imap"), account)
    assert done["type"] == "create_entry", done
    flow = await home.start_options(entry_id)
    flow = await home.submit_options(flow, {"next_step_id": "blueprints"})
    done = await home.submit_options(flow, {"blueprints": ["mail_to_paper"]})
    assert done["step_id"] == "blueprints_copied", done
    copy = home.config / "blueprints/automation/lianke/mail_to_paper.yaml"
    text = copy.read_text("utf-8")
    # Nobody waits five minutes for the answer here.
    assert text.count("00:05:00") == 1
    copy.write_text(text.replace("00:05:00", "00:00:30"), "utf-8")
    await home.post(
        "/api/config/automation/config/mail",
        {
            "alias": "Mail",
            "use_blueprint": {
                "path": "lianke/mail_to_paper.yaml",
                "input": {"verified_by": SERVER, **inputs},
            },
        },
    )


async def test_each_mail_is_printed_once_whenever_home_assistant_is_killed(
    tmp_path: Path, library: Path, newest: None
) -> None:
    with dovecot() as server:
        mailbox = Mailbox(server, secrets.token_hex(8))
        async with (
            SimulatorProcess(tmp_path / "printed", speed=20) as cloud,
            RealHomeAssistant(library) as home,
        ):
            entry, _ = await bind_first(home, cloud)
            printer = await printer_device(home, cloud.device_id, PRINTER)
            await watch(home, mailbox, entry["entry_id"], printer=printer["id"], senders=[ANNA])
            # What has been set up is on disk, so that only what mails bring can be lost.
            await home.restart()
            await home.wait_running()
            wanted = []
            for number, moment in enumerate(MOMENTS):
                attached = [make_pdf(1, f"mail {number}"), make_pdf(2, f"mail {number}")]
                wanted += attached
                mail = letter(
                    *(("application/pdf", f"{len(one)}.pdf", one) for one in attached),
                    subject=f"Please print {number}",
                )
                await asyncio.to_thread(mailbox.deliver, mail)
                await asyncio.sleep(moment)
                await home.kill()
                await home.start()
                await home.wait_running()
                async with asyncio.timeout(PATIENCE):
                    while len(await printed(cloud)) < len(wanted):
                        await asyncio.sleep(0.2)
            # Whatever is told once more is told by now.
            await home.restart()
            await home.wait_running()
            await asyncio.sleep(10)
            assert sorted(await printed(cloud)) == sorted(wanted)


async def printed(cloud: SimulatorProcess) -> list[bytes]:
    """Return the documents that came out."""
    paths = [Path(one["path"]) for one in await cloud.get("printed")]
    return [await asyncio.to_thread(path.read_bytes) for path in paths]


def told(post: SmtpServer) -> Callable[[], Awaitable[list[EmailMessage]]]:
    """Return a function that returns the mails that have been sent."""

    async def mails() -> list[EmailMessage]:
        return post.mails

    return mails


async def add_recipient(home: RealHomeAssistant, post: SmtpServer, address: str) -> str:
    """Let Home Assistant send mails to somebody; return the entity that does."""
    server = {
        "sender": "house@example.org",
        "server": "127.0.0.1",
        "port": post.port,
        "encryption": "none",
        "verify_ssl": False,
        "options": {},
    }
    done = await home.submit(await home.start_flow("smtp"), server)
    [kind, flow] = done["next_flow"]
    assert kind == "config_subentries_flow", done
    path = f"/api/config/config_entries/subentries/flow/{flow}"
    await home.post(path, {"name": "奶奶", "recipient": address})

    async def found() -> list[str]:
        return [one["entity_id"] for one in await home.entities() if one["platform"] == "smtp"]

    [entity] = await home.poll(found, bool) or []
    await home.wait_for_state(entity, lambda state: state["state"] != "unavailable")
    return entity


@pytest.mark.browser
async def test_mail_from_grandma_on_a_phone_in_chinese(
    tmp_path: Path, library: Path, chromium: str
) -> None:
    """Twelve photos and a PDF come while there is paper for five: the phone and the answer say the same as the tray."""
    expect.set_options(timeout=PATIENCE * 1000)
    grandma = "grandma@example.com"
    photos = [picture("JPEG", (40 + number, 30)) for number in range(12)]
    recipe = make_pdf(1, "Recipe")
    mail = letter(
        *(("image/jpeg", f"照片{number}.jpg", one) for number, one in enumerate(photos, 1)),
        ("application/pdf", "红烧肉.pdf", recipe),
        text="给你们看看。",
        sender=f"奶奶 <{grandma}>",
        subject="请打印照片",
    )
    with dovecot() as server:
        mailbox = Mailbox(server, secrets.token_hex(8))
        async with (
            SmtpServer().running() as post,
            SimulatorProcess(tmp_path / "printed", speed=20) as cloud,
            RealHomeAssistant(library, language="zh-Hans", extra="recorder:\n") as home,
            async_playwright() as playwright,
        ):
            entry, _ = await bind_first(home, cloud)
            entry_id = entry["entry_id"]
            printer = await printer_device(home, cloud.device_id, PRINTER)
            await announce_changes(home, cloud, entry_id)
            recipient = await add_recipient(home, post, grandma)
            message = {"title": "{{ title }}", "message": "{{ message }}"}
            target = {"entity_id": recipient}
            answer = {"action": "notify.send_message", "target": target, "data": message}
            senders = {"printer": printer["id"], "senders": [grandma]}
            await watch(home, mailbox, entry_id, **senders, answer=[answer])
            await cloud.change_printer(cloud.device_id, 1, paper=5)

            browser = await playwright.chromium.launch(
                executable_path=chromium, args=BROWSER_OPTIONS, timeout=LAUNCH
            )
            stage = Stage(home, cloud, browser, entry_id, {PRINTER: printer["id"]})
            async with stage.screen(
                stage.full(), language="zh-Hans", width=390, height=844, touch=True
            ) as screen:
                await asyncio.to_thread(mailbox.deliver, mail)
                banner = screen.card.get_by_text("请加纸。等待打印机的任务随后会自动继续。")
                await expect(banner).to_be_visible()
                await expect(screen.row("照片5.jpg")).to_contain_text("已完成")
                for title in ("照片6.jpg", "照片12.jpg", "红烧肉.pdf"):
                    row = screen.row(title)
                    await expect(row).to_contain_text("已发送，打印机缺纸，加纸后继续 · 1 页")
                assert await screen.page.evaluate("document.scrollingElement.scrollWidth") == 390
                assert await printed(cloud) == photos[:5]
                await screen.page.screenshot(path=tmp_path / "waits.png", full_page=True)
                # She is told as soon as nothing has moved for some time.
                [answered] = await stage.until(told(post), bool, 120)
                assert grandma in answered["To"]
                assert answered.get_content().strip() == (
                    "请打印照片：已打印 5 页。8 个正在送往打印机。打印机状态：缺纸。"
                )
                await cloud.change_printer(cloud.device_id, 1, paper=100)
                await stage.until(stage.printed, lambda found: len(found) == 13, 120)
                await expect(screen.row("红烧肉.pdf")).to_contain_text("已完成")
                await expect(banner).to_have_count(0)
                assert await printed(cloud) == [*photos, recipe]
                await screen.page.screenshot(path=tmp_path / "printed.png", full_page=True)
                assert len(post.mails) == 1
            pytest_socket.enable_socket()
            await browser.close()
