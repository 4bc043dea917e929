"""The blueprint *Mail to paper* in a whole Home Assistant that is killed while it prints a mail."""

import asyncio
from pathlib import Path
import secrets

import pytest

from tests import needs
from tests.mailboxes import ANNA, PASSWORD, SERVER, Mailbox, dovecot, letter
from tests.simulator import make_pdf

from .binding import bind_first, printer_device
from .cloud import SimulatorProcess
from .hass import ROOT, RealHomeAssistant
from .home import PRINTER

pytestmark = [needs.dovecot, pytest.mark.e2e, pytest.mark.timeout(600)]

BLUEPRINT = ROOT / "custom_components/lianke/blueprints/automation/en/mail_to_paper.yaml"
# s after a mail has arrived: before Home Assistant hears of it, while it fetches it, while it prints, and afterwards.
MOMENTS = (0.0, 0.2, 0.5, 1.0, 3.0)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Return a configuration folder from which the library of `imap` can be imported."""
    aioimaplib = pytest.importorskip("aioimaplib")
    config = tmp_path / "config"
    config.mkdir()
    (config / "aioimaplib").symlink_to(Path(aioimaplib.__file__).parent)
    folder = config / "blueprints" / "automation" / "lianke"
    folder.mkdir(parents=True)
    (folder / BLUEPRINT.name).write_bytes(BLUEPRINT.read_bytes())
    return config


async def test_each_mail_is_printed_once_whenever_home_assistant_is_killed(
    tmp_path: Path, library: Path, newest: None
) -> None:
    with dovecot() as server:
        mailbox = Mailbox(server, secrets.token_hex(8))
        async with (
            SimulatorProcess(tmp_path / "printed", speed=20) as cloud,
            RealHomeAssistant(library) as home,
        ):
            await bind_first(home, cloud)
            printer = await printer_device(home, cloud.device_id, PRINTER)
            flow = await home.start_flow("imap")
            account = {
                "username": mailbox.name,
                "password": PASSWORD,
                "server": "127.0.0.1",
                "port": server.port,
                "charset": "utf-8",
                "folder": "INBOX",
                "search": "UnSeen UnDeleted",
                "event_message_data": ["text", "headers"],
                "ssl_cipher_list": "python_default",
                "verify_ssl": False,
            }
            done = await home.submit(flow, account)
            assert done["type"] == "create_entry", done
            inputs = {"printer": printer["id"], "senders": [ANNA], "verified_by": SERVER}
            await home.post(
                "/api/config/automation/config/mail",
                {
                    "alias": "Mail",
                    "use_blueprint": {"path": "lianke/mail_to_paper.yaml", "input": inputs},
                },
            )
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
                async with asyncio.timeout(90):
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
