"""A mail server that breaks off, hangs or floods costs little, and the caller is told."""

from collections.abc import AsyncGenerator
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.lianke.documents import imap, mail as mails
from custom_components.lianke.documents.imap import MAX_IMAP_ANSWER, RANGE_BYTES
from custom_components.lianke.documents.mail import (
    MAX_MAIL_HEADERS,
    MAX_MAILS_AT_ONCE,
    MAX_SAME_MAILS,
)
from custom_components.lianke.printing.schemas import MAX_SOURCES
from tests.clock import until
from tests.household import House, ask, refusal
from tests.loop_hold import MAX_HOLD, measured_hold
from tests.mail_stand_in import OddMailServer, odd_mail_server
from tests.mailboxes import ANNA, PASSWORD

pytestmark = pytest.mark.long

HEAD = f"From: {ANNA}\r\nSubject: x\r\n\r\n".encode()
PDF = b'* 1 FETCH (UID 9 BODYSTRUCTURE ("APPLICATION" "PDF" NIL NIL NIL "BASE64" 2000))\r\n'


def literal(data: bytes) -> bytes:
    return b"{%d}\r\n%b" % (len(data), data)


@pytest.fixture
async def server(tmp_path: Path, socket_enabled: None) -> AsyncGenerator[OddMailServer]:
    async with odd_mail_server(tmp_path) as service:
        yield service


@pytest.fixture
async def source(house: House, server: OddMailServer) -> dict[str, Any]:
    """Set up the mailbox; return how a call names its mail."""
    entry = MockConfigEntry(
        domain="imap",
        data={
            "server": "127.0.0.1",
            "port": server.port,
            "username": "somebody",
            "password": PASSWORD,
            "charset": "utf-8",
            "folder": "INBOX",
            "search": "ALL",
            "verify_ssl": False,
            "ssl_cipher_list": "python_default",
        },
    )
    entry.add_to_hass(house.hass)
    assert await house.hass.config_entries.async_setup(entry.entry_id)
    return {"entry": entry.entry_id, "uid": 1, "sender": ANNA, "subject": "x", "date": None}


def answering(structure: bytes | None = PDF, content: bytes | None = b"") -> Any:
    """Return the answers of a server that has the mail, and these of its structure and its content."""

    def answer(command: str) -> bytes | None:
        if "HEADER" in command and "SEARCH" not in command:
            head = b"* 1 FETCH (UID 9 RFC822.SIZE 3000 BODY[HEADER.FIELDS (DATE)]<0> "
            return b"* 5 EXISTS\r\n* 1 FETCH (FLAGS ())\r\n" + head + literal(HEAD) + b")\r\n"
        return structure if "STRUCTURE" in command else content

    return answer


def content(data: bytes) -> bytes:
    return b"* 1 FETCH (UID 9 BODY[1]<0> " + literal(data) + b")\r\n"


async def reason(house: House, source: dict[str, Any]) -> str | None:
    return await refusal(ask(house.hass, "print", device_id=house.device(), mail=source))


@pytest.mark.parametrize(
    ("structure", "sent", "expected"),
    [
        (None, b"", "mail_broken_off"),
        (PDF, None, "mail_broken_off"),
        # Deleted meanwhile; no ranges; more than announced.
        (PDF, b"", "mail_broken_off"),
        (PDF, content(bytes(RANGE_BYTES + 1)), "mail_broken_off"),
        (PDF, b"* 1 FETCH (UID 9 BODY[1]<0> {999999999}\r\n" + bytes(99), "mail_too_complex"),
        # A structure that is too long as a line, as a literal, as a flood of lines, and as values.
        (b"* 1 FETCH (" + b"x" * MAX_IMAP_ANSWER, b"", "mail_too_complex"),
        (b"* 1 FETCH (" + literal(bytes(MAX_IMAP_ANSWER)), b"", "mail_too_complex"),
        (b"* 1 FETCH (FLAGS ())\r\n" * 30_000, b"", "mail_too_complex"),
        (b"* 1 FETCH (" + b"()" * 25_000 + b")\r\n", b"", "mail_too_complex"),
    ],
)
async def test_told_what_is_wrong(
    house: House,
    server: OddMailServer,
    source: dict[str, Any],
    *,
    structure: bytes | None,
    sent: bytes | None,
    expected: str,
) -> None:
    server.answer = answering(structure, sent)
    assert await reason(house, source) == expected
    # The connection of core stays; ours is closed.
    await until(lambda: server.open == 1)


async def test_names_that_take_long_to_guess(
    house: House, server: OddMailServer, source: dict[str, Any]
) -> None:
    """What strangers put into a mail never holds the event loop."""
    name = ("发票明细表二〇二六年" * 25).encode("gbk")
    part = b'("APPLICATION" "X" ("NAME" "%b") NIL NIL "BASE64" 9)' % name
    structure = b"* 1 FETCH (UID 9 BODYSTRUCTURE (%b))\r\n" % (part * 300 + b' "MIXED"')
    server.answer = answering(structure)
    with measured_hold() as hold:
        answer = await ask(house.hass, "print", device_id=house.device(), mail=source)
    assert (answer["jobs"], len(answer["mail"]["left_out"])) == ([], MAX_SOURCES)
    assert hold.longest < MAX_HOLD, hold.callback


async def test_a_server_that_hangs(
    house: House, server: OddMailServer, source: dict[str, Any]
) -> None:
    for hangs in (answering(b"..."), answering(PDF, b"..."), lambda _: b"..."):
        server.answer = hangs
        with patch.object(imap, "IMAP_SECONDS", 0.3):
            assert await reason(house, source) == "mail_broken_off"
        with (
            patch.object(mails, "MAIL_SECONDS", 0.3),
            patch.object(mails, "MAIL_BYTES_A_SECOND", 100_000),
        ):
            assert await reason(house, source) == "mail_broken_off"
    await until(lambda: server.open == 1)


async def test_few_at_once(house: House, server: OddMailServer, source: dict[str, Any]) -> None:
    server.answer = lambda _: b"..."
    device = house.device()
    calls = [
        house.hass.async_create_task(
            ask(house.hass, "print", device_id=device, mail=source, request_id=str(number))
        )
        for number in range(MAX_MAILS_AT_ONCE + 2)
    ]
    await until(lambda: server.open == MAX_MAILS_AT_ONCE + 1)
    with patch.object(mails, "MAIL_TURN_SECONDS", 0.1):
        assert await reason(house, source) == "too_many_requests"
    assert server.open == MAX_MAILS_AT_ONCE + 1
    for call in calls:
        call.cancel()
    # A canceled call closes its connection, too.
    await until(lambda: server.open == 1)


async def test_a_call_that_is_canceled_while_it_connects(
    house: House, server: OddMailServer, source: dict[str, Any]
) -> None:
    server.answer = lambda _: b"..."
    for moment in ("CAPABILITY", "LOGIN", "SELECT"):
        server.commands.clear()
        call = house.hass.async_create_task(
            ask(house.hass, "print", device_id=house.device(), mail=source)
        )
        await until(partial(server.has_got, moment))
        call.cancel()
        await until(lambda: server.open == 1)


async def test_a_mailbox_that_refuses(
    house: House, server: OddMailServer, source: dict[str, Any]
) -> None:
    entry = house.hass.config_entries.async_get_entry(source["entry"])
    assert entry is not None
    house.hass.config_entries.async_update_entry(entry, data={**entry.data, "port": 1})
    with patch("aioimaplib.IMAP4.TIMEOUT_SECONDS", 0.3):
        assert await reason(house, source) == "mail_unreachable"
    coordinator = entry.runtime_data
    entry.runtime_data = object()
    assert await reason(house, source) == "mail_core_changed"
    entry.runtime_data = coordinator


async def test_what_is_read_of_headers_and_of_equal_mails(
    house: House, server: OddMailServer, source: dict[str, Any]
) -> None:
    server.answer = lambda command: (
        b"* SEARCH " + b"7 " * 99 + b"\r\n" if "SEARCH" in command else b""
    )
    assert await reason(house, {**source, "message_id": "<a@b>"}) == "mail_moved"
    fetched = [one for one in server.commands if "UID FETCH" in one]
    assert len(fetched) == MAX_SAME_MAILS
    assert all(f"<0.{MAX_MAIL_HEADERS}>" in one for one in fetched)
    server.commands.clear()
    assert await reason(house, {**source, "message_id": '<a"\r\nx@b>'}) == "mail_moved"
    assert not any("SEARCH HEADER" in one for one in server.commands)
