"""Real mailboxes: Debian's Dovecot with TLS on this machine, and the integration `imap` that watches them."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
import getpass
import grp
from imaplib import IMAP4_SSL
import os
from pathlib import Path
import re
import shutil
import socket
import ssl
import subprocess
from tempfile import mkdtemp
from threading import Event
from typing import Any, Final

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.clock import real_time
from tests.documents.certificates import certificate

PASSWORD: Final = "a-password-of-nobody"
# The server that receives the mails, and proves who sent them.
SERVER: Final = "mx.example.com"
PROVEN: Final = f"{SERVER}; dkim=pass header.d=example.com; dmarc=pass header.from=example.com"
ANNA: Final = "anna@example.com"
# Dovecot refuses to work as root.
USER: Final = "nobody" if os.getuid() == 0 else getpass.getuser()
_CONFIG: Final = """
dovecot_config_version = 2.4.1
dovecot_storage_version = 2.4.1
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
first_valid_gid = 1
mail_driver = maildir
mail_path = ~/mail
mail_uid = {user}
mail_gid = {group}
ssl = required
ssl_server_cert_file = {folder}/cert.pem
ssl_server_key_file = {folder}/key.pem
passdb static {{
  password = {password}
}}
userdb static {{
  fields {{
    home = {folder}/homes/%{{user}}
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def _wait_for(port: int) -> None:
    began = real_time()
    while real_time() - began < 60:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        Event().wait(0.05)
    raise AssertionError("Dovecot does not start")


@dataclass(frozen=True)
class MailServer:
    folder: Path
    port: int


@contextmanager
def dovecot() -> Iterator[MailServer]:
    """Run Dovecot; every user has a mailbox."""
    # Not pytest's folder, which only its own user may enter.
    folder = Path(mkdtemp(prefix="lianke-mail-"))
    port = free_port()
    group = grp.getgrgid(os.getgid() if os.getuid() else 65534).gr_name
    certificate(folder)
    config = folder / "dovecot.conf"
    config.write_text(
        _CONFIG.format(folder=folder, user=USER, group=group, password=PASSWORD, port=port)
    )
    for name in ("run", "state", "homes"):
        (folder / name).mkdir()
    as_user: dict[str, Any] = {}
    if os.getuid() == 0:
        as_user = {"user": USER, "group": group, "extra_groups": []}
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, USER, group)
    command = [shutil.which("dovecot") or "/usr/sbin/dovecot", "-F", "-c", str(config)]
    with subprocess.Popen(command, **as_user) as process:
        try:
            _wait_for(port)
            yield MailServer(folder, port)
        finally:
            process.terminate()
    shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Mailbox:
    server: MailServer
    name: str

    def connect(self) -> IMAP4_SSL:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client = IMAP4_SSL("127.0.0.1", self.server.port, ssl_context=context)
        client.login(self.name, PASSWORD)
        client.select("INBOX")
        return client

    def deliver(self, message: EmailMessage | bytes) -> None:
        """Put a message into the mailbox, byte by byte as it is. Blocking."""
        raw = message if isinstance(message, bytes) else message.as_bytes()
        raw = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        with self.connect() as client:
            assert client.append("INBOX", "", "", raw)[0] == "OK"

    def delete(self, number: int) -> None:
        """Delete the message with this number in the mailbox. Blocking."""
        with self.connect() as client:
            client.store(str(number), "+FLAGS", r"(\Deleted)")
            client.expunge()

    def logged_out(self) -> int:
        """Return how many connections to this mailbox have been closed properly; core keeps its own open."""
        log = (self.server.folder / "log").read_text("utf-8")
        return len(re.findall(rf"imap\({self.name}\).*Disconnected: Logged out", log))

    async def async_set_up(self, hass: HomeAssistant, **data: Any) -> MockConfigEntry:
        """Set up the integration `imap` for this mailbox."""
        entry = MockConfigEntry(
            domain="imap",
            title=self.name,
            data={
                "server": "127.0.0.1",
                "port": self.server.port,
                "username": self.name,
                "password": PASSWORD,
                "charset": "utf-8",
                "folder": "INBOX",
                "search": "UnSeen UnDeleted",
                "verify_ssl": False,
                "ssl_cipher_list": "python_default",
                **data,
            },
        )
        entry.add_to_hass(hass)
        await hass.config_entries.async_setup(entry.entry_id)
        assert entry.state is ConfigEntryState.LOADED
        return entry


def letter(
    *attached: tuple[str, str, bytes],
    text: str = "Hello",
    sender: str = f"Anna <{ANNA}>",
    subject: str = "Please print",
    proof: str | None = PROVEN,
) -> EmailMessage:
    """Return a message with attachments, each by content type, name and content."""
    message = EmailMessage()
    if proof is not None:
        message["Authentication-Results"] = proof
    message["From"] = sender
    message["To"] = "printer@example.com"
    message["Subject"] = subject
    message["Date"] = format_datetime(dt_util.utcnow())
    message["Message-ID"] = make_msgid(domain="example.com")
    message.set_content(text)
    for kind, name, data in attached:
        main, _, sub = kind.partition("/")
        message.add_attachment(data, maintype=main, subtype=sub, filename=name)
    return message


def told(
    message: EmailMessage, entry: MockConfigEntry, uid: int = 1, **more: Any
) -> dict[str, Any]:
    """Return how a call names a message, as after an event about it."""
    return {
        "entry": entry.entry_id,
        "uid": str(uid),
        "date": str(message["Date"].datetime),
        "sender": message["From"].addresses[0].addr_spec,
        "subject": message["Subject"],
        **more,
    }
