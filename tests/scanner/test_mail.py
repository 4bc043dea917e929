"""Scans by mail, through Home Assistant's own integration and a real mail server."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from homeassistant.config_entries import ConfigSubentryData
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.lianke.scanner import scan_delivery
from custom_components.lianke.scanner.hub import ScannerHub
from custom_components.lianke.scanner.scan_jobs import async_get_scan_jobs
from tests.clock import Clock, hurrying, rest, until
from tests.household import House
from tests.scanner.scans import do, last
from tests.simulator.models import Printer
from tests.smtp_server import Fault, SmtpServer

for needed in ("aiosmtplib", "mutagen"):
    pytest.importorskip(needed, reason="no library for Home Assistant's smtp")


@pytest.fixture
async def server(
    house: House, hub: ScannerHub, clock: Clock, socket_enabled: None
) -> AsyncGenerator[SmtpServer]:
    """Run a mail server with a recipient, who is chosen in the options."""
    hass = house.hass
    assert await async_setup_component(hass, "notify", {})
    async with SmtpServer().running() as server:
        entry = MockConfigEntry(
            domain="smtp",
            data={
                "server": "127.0.0.1",
                "port": server.port,
                "sender": "house@example.org",
                "encryption": "none",
                "verify_ssl": False,
            },
            subentries_data=[
                ConfigSubentryData(
                    data={},
                    subentry_type="recipient",
                    title="Office",
                    unique_id="office@example.org",
                )
            ],
        )
        entry.add_to_hass(hass)
        assert await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
        [recipient] = [one for one in hass.states.async_entity_ids("notify") if "office" in one]
        house.set_options({"scan_mail": recipient})
        yield server
        assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.fixture
async def letter(house: House, laser: Printer, clock: Clock, server: SmtpServer) -> str:
    """Scan a page, and return the scan's id."""
    async with hurrying(clock, house.hass):
        return str((await do(house, laser, filename="Brief"))["scan_id"])


async def mailed(house: House, laser: Printer, scan_id: str) -> tuple[str, str | None]:
    """Mail a scan while the clock stands still, and return how that ends."""
    data: dict[str, Any] = {
        "answer": "hand_on",
        "scan_id": scan_id,
        "send_to": "mail",
        "wait": False,
    }
    await do(house, laser, "continue_scan", **data)
    await until(lambda: not last(house).open_deliveries)
    [one] = last(house).deliveries
    return one.state.value, one.reason


async def test_a_scan_is_attached_to_a_mail(
    house: House, laser: Printer, server: SmtpServer, letter: str
) -> None:
    assert await mailed(house, laser, letter) == ("done", None)
    [mail] = server.mails
    assert (mail["Subject"], mail["To"]) == ("Brief", "Office <office@example.org>")
    [file] = mail.iter_attachments()
    assert (file.get_filename(), file.get_content_type()) == ("Brief.pdf", "application/pdf")
    kept = async_get_scan_jobs(house.hass, house.entry).path(last(house), "Brief.pdf")
    assert file.get_payload(decode=True) == kept.read_bytes()


@pytest.mark.parametrize(
    ("fault", "said"),
    [("recipient", "5.1.1 no such user"), ("content", "5.6.0 no such mails here")],
)
async def test_a_refused_mail_is_not_sent(
    house: House, laser: Printer, server: SmtpServer, letter: str, fault: Fault, said: str
) -> None:
    """Home Assistant's own error says that it was the connection, and in English."""
    server.faults = [fault] * 2
    assert await mailed(house, laser, letter) == ("failed", "send_mail_failed")
    assert last(house).deliveries[0].detail == said
    assert server.mails == []
    assert await mailed(house, laser, letter) == ("done", None)
    assert len(server.mails) == 1


async def test_a_mail_whose_receipt_is_lost_comes_again_as_the_same_mail(
    house: House, laser: Printer, server: SmtpServer, letter: str
) -> None:
    # Home Assistant's integration tries twice. By its ID, a mailbox knows that it is the same mail.
    server.faults = ["lost"]
    assert await mailed(house, laser, letter) == ("done", None)
    assert [mail["Message-Id"] for mail in server.mails] == [server.mails[0]["Message-Id"]] * 2


@pytest.mark.parametrize(("fault", "taken"), [("cut", 0), ("lost", 2)])
async def test_a_mail_that_breaks_off_may_have_arrived(
    house: House, laser: Printer, server: SmtpServer, letter: str, fault: Fault, taken: int
) -> None:
    server.faults = [fault] * 2
    assert await mailed(house, laser, letter) == ("uncertain", "send_in_doubt")
    assert (server.tries, len(server.mails)) == (2, taken)


async def test_a_mail_may_have_arrived_before_its_server_was_gone(
    house: House, laser: Printer, server: SmtpServer, letter: str
) -> None:
    """Home Assistant's error tells of its second try alone, which did not even connect."""
    server.faults = ["gone"]
    assert await mailed(house, laser, letter) == ("uncertain", "send_in_doubt")
    assert (server.tries, len(server.mails)) == (1, 1)


async def test_a_mail_server_that_never_answers_is_not_waited_for_without_end(
    house: House, laser: Printer, server: SmtpServer, letter: str, clock: Clock
) -> None:
    server.faults = ["silent"] * 2

    async def pass_minutes() -> None:
        await until(lambda: len(server.mails) == 1)
        clock.tick(61)
        await until(lambda: len(server.mails) == 2)
        clock.tick(61)

    passing = asyncio.create_task(pass_minutes())
    assert await mailed(house, laser, letter) == ("uncertain", "send_in_doubt")
    await passing


async def test_without_a_mail_server_nothing_is_sent(
    house: House, laser: Printer, server: SmtpServer, letter: str
) -> None:
    await server.close()
    assert await mailed(house, laser, letter) == ("failed", "send_mail_unreachable")
    assert server.tries == 0


async def test_a_mail_server_that_lets_the_connection_wait_gets_no_mail(
    house: House, laser: Printer, letter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a firewall that drops packets; it is not left in doubt whether the mail was sent."""

    async def connect(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(scan_delivery, "SMTP_SECONDS", 0.05)
    monkeypatch.setattr(asyncio, "open_connection", connect)
    assert await mailed(house, laser, letter) == ("failed", "send_mail_unreachable")


async def test_a_mail_is_not_sent_while_its_recipient_is_unavailable(
    house: House, laser: Printer, server: SmtpServer, letter: str
) -> None:
    """Home Assistant skips such a recipient silently."""
    [entry] = house.hass.config_entries.async_entries("smtp")
    assert await house.hass.config_entries.async_unload(entry.entry_id)
    assert await mailed(house, laser, letter) == ("failed", "send_mail_unavailable")
    assert await house.hass.config_entries.async_setup(entry.entry_id)
    assert await mailed(house, laser, letter) == ("done", None)
    assert len(server.mails) == 1


async def test_a_mail_waits_for_the_start_of_home_assistant(
    house: House, laser: Printer, server: SmtpServer, letter: str
) -> None:
    """Before that, the integration that sends it may not be set up."""
    hass = house.hass
    hass.set_state(CoreState.starting)
    assert await hass.config_entries.async_reload(house.entry.entry_id)
    asked: dict[str, Any] = {"answer": "hand_on", "scan_id": letter, "send_to": "mail"}
    await do(house, laser, "continue_scan", **asked, wait=False)
    await rest(hass)
    assert (len(last(house).open_deliveries), server.tries) == (1, 0)
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await until(lambda: not last(house).open_deliveries)
    assert (last(house).deliveries[0].state, len(server.mails)) == ("done", 1)
