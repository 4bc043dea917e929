"""The blueprint *Mail to paper* with a real mailbox: once a mail, and only for senders who are proved."""

from email.message import EmailMessage
from typing import Any

from homeassistant.core import HomeAssistant, ServiceCall
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_mock_service,
)

from tests import needs
from tests.clock import Clock, hurrying, rest, until
from tests.documents.samples import picture
from tests.flows.automations import use
from tests.household import House, show_state
from tests.mailboxes import ANNA, PROVEN, SERVER, Mailbox, letter
from tests.simulator import make_pdf

pytestmark = [needs.dovecot, pytest.mark.long, pytest.mark.timeout(180)]

INVOICE = ("application/pdf", "a(1.pdf", make_pdf(2))
PHOTO = ("image/jpeg", "Märzfoto 打印.jpg", picture("JPEG"))


class Post:
    """What the owner of the printer and the senders are told."""

    def __init__(self, hass: HomeAssistant) -> None:
        self.told: list[ServiceCall] = async_mock_service(hass, "notify", "phone")
        self.answered: list[ServiceCall] = async_mock_service(hass, "notify", "mail")

    def messages(self) -> list[str]:
        return [call.data["message"] for call in self.told]

    def answers(self) -> list[tuple[str, str]]:
        return [(call.data["target"][0], call.data["message"]) for call in self.answered]


async def start(house: House, mailbox: Mailbox, **inputs: Any) -> tuple[Post, MockConfigEntry]:
    """Set up the mailbox and the automation."""
    post = Post(house.hass)
    entry = await mailbox.async_set_up(house.hass)
    await use(
        house.hass,
        "mail_to_paper",
        printer=house.device(),
        senders=[ANNA.upper()],
        tell=[{"action": "notify.phone", "data": {"message": "{{ message }}"}}],
        answer=[
            {
                "action": "notify.mail",
                "data": {"message": "{{ message }}", "target": ["{{ sender }}"]},
            }
        ],
        **{"verified_by": SERVER, "subject": "print", **inputs},
    )
    return post, entry


async def deliver(house: House, mailbox: Mailbox, mail: EmailMessage) -> None:
    """Deliver a mail, and wait until Home Assistant tells of it."""
    events = async_capture_events(house.hass, "imap_content")
    await house.hass.async_add_executor_job(mailbox.deliver, mail)
    await until(lambda: events)


async def test_once_over_restarts(house: House, mailbox: Mailbox) -> None:
    house.hass.config.language = "zh-Hans"
    message = "Please print：已打印 3 页。1 个没能打印（链科服务"
    post, entry = await start(house, mailbox)
    mail = letter(INVOICE, PHOTO, ("application/zip", "all.zip", b"PK\5\6" + bytes(18)))
    await deliver(house, mailbox, mail)
    await until(lambda: post.answered)
    assert {job.path.read_bytes() for job in house.printed} == {INVOICE[2], PHOTO[2]}
    assert [one.startswith(message) for one in post.messages()] == [True]
    assert post.answers() == [(ANNA, post.messages()[0])]
    # A start tells of the unread mail again, and so does the same mail that comes twice.
    events = async_capture_events(house.hass, "imap_content")
    await house.hass.config_entries.async_reload(entry.entry_id)
    await until(lambda: events)
    assert events[0].data["initial"]
    await house.hass.async_add_executor_job(mailbox.deliver, mail)
    await until(lambda: len(events) > 1)
    await rest(house.hass)
    assert (len(house.printed), len(post.told), len(post.answered)) == (2, 1, 1)


async def test_who_is_left_alone_and_who_is_asked_about(house: House, mailbox: Mailbox) -> None:
    post, _ = await start(house, mailbox)
    strangers = letter(INVOICE, sender="Anna <eve@example.com>")
    other_subject = letter(INVOICE, subject="Hello")
    forged = letter(INVOICE, proof=f"{SERVER}; dmarc=fail header.from=example.com")
    forged["Authentication-Results"] = PROVEN
    old = letter(INVOICE)
    old.replace_header("Date", "Mon, 02 Nov 2026 10:00:00 +0000")
    for mail in (strangers, other_subject, forged, old):
        await deliver(house, mailbox, mail)
        await rest(house.hass)
    assert house.queue.jobs() == []
    # The owner hears of the forged one, and nobody else does.
    assert len(post.told) == 1
    assert "could not be printed" in post.messages()[0]
    unproven = letter(INVOICE, proof=None)
    await deliver(house, mailbox, unproven)
    await until(lambda: len(post.told) == 2)
    [job] = house.queue.jobs()
    assert job.waits_for == ("approval",)
    assert post.messages()[1] == "Please print: 1 not printed yet (Waiting for approval)."
    assert post.answered == []
    assert not house.printed


async def test_a_mail_waits_for_paper_and_stays_canceled(house: House, mailbox: Mailbox) -> None:
    show_state(house.box.printer(1), "outOfPaper")
    await house.poll()
    post, entry = await start(house, mailbox, types=["pdf"])
    await deliver(house, mailbox, letter(INVOICE, PHOTO))
    await until(lambda: post.answered)
    waits = "Please print: 1 not printed yet (Waits for the printer: Out of paper)."
    assert post.answers() == [(ANNA, waits)]
    [job] = house.queue.jobs()
    await house.queue.async_cancel(job.job_id)
    events = async_capture_events(house.hass, "imap_content")
    await house.hass.config_entries.async_reload(entry.entry_id)
    await until(lambda: events)
    await rest(house.hass)
    assert len(house.queue.jobs()) == 1
    assert len(post.told) == 1


async def test_paper_that_runs_out_once_all_is_sent(
    clock: Clock, house: House, mailbox: Mailbox
) -> None:
    house.box.printer(1).paper = 2
    post, _ = await start(house, mailbox)
    await deliver(house, mailbox, letter(INVOICE, PHOTO))
    await until(lambda: house.sent == 2)
    async with hurrying(clock, house.hass):
        await until(lambda: post.answered)
    waits = (
        "Please print: 2 pages are printed. 1 on the way to the printer. The printer: Out of paper."
    )
    assert post.answers() == [(ANNA, waits)]


async def test_the_text_and_nothing(house: House, mailbox: Mailbox) -> None:
    """Without the headers in the event, the date tells mails apart."""
    post, _ = await start(house, mailbox, verified_by=SERVER)
    await deliver(house, mailbox, letter(text="Hello *there*"))
    await until(lambda: post.answered)
    assert post.messages() == ["Please print: 1 page is printed."]
    assert "Hello *there*" in house.printed[0].path.read_text("utf-8")
    await deliver(house, mailbox, letter(("application/zip", "a.zip", b"PK"), text=" "))
    await until(lambda: len(post.answered) == 2)
    assert "could not be printed" in post.messages()[1]
