"""Mails are printed from a real mailbox: what can be printed once each, and for the rest there is a reason."""

from base64 import encodebytes
from email.message import EmailMessage
from pathlib import Path
import random
import tracemalloc
from typing import Any

from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.template import Template
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockUser,
    async_capture_events,
)

from custom_components.lianke.api.capabilities import A4_ID
from custom_components.lianke.api.options import ResolvedOptions
from custom_components.lianke.documents.imap import RANGE_BYTES
from custom_components.lianke.documents.mail import MAX_MAIL_DOCUMENTS, async_get_mail
from custom_components.lianke.documents.mail_reference import MailReport
from custom_components.lianke.documents.sources import DocumentRequest, Source
from custom_components.lianke.documents.spool import async_get_spool
from custom_components.lianke.printing.schemas import PRINT_SCHEMA
from tests import needs
from tests.clock import until
from tests.documents.conftest import spooled
from tests.documents.samples import picture
from tests.household import LASER, House, ask, refusal
from tests.loop_hold import measured_hold
from tests.mailboxes import ANNA, PROVEN, SERVER, Mailbox, letter, told
from tests.polling import key_of
from tests.simulator import make_pdf

pytestmark = needs.dovecot

PDF = make_pdf(2)
JPEG = picture("JPEG")
INVOICE = ("application/pdf", "账单.pdf", PDF)


async def deliver(house: House, mailbox: Mailbox, *mails: EmailMessage | bytes) -> MockConfigEntry:
    """Put mails into the mailbox, and set up the integration that watches it."""
    for mail in mails:
        await house.hass.async_add_executor_job(mailbox.deliver, mail)
    return await mailbox.async_set_up(house.hass)


async def printed(house: House, mail: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Print a mail, and wait for what comes of it."""
    before = len(house.printed)
    answer = await ask(house.hass, "print", device_id=house.device(), mail=mail, **more)
    wanted = [job for job in answer["jobs"] if not (job["duplicate"] or job["waits_for"])]
    await until(lambda: len(house.printed) >= before + len(wanted))
    return answer


def titles(answer: dict[str, Any]) -> list[str]:
    return [job["title"] for job in answer["jobs"]]


def first_part(mail: EmailMessage, number: int = 0) -> EmailMessage:
    part = [*mail.iter_parts()][number]
    assert isinstance(part, EmailMessage)
    return part


def page(house: House) -> str:
    """Return the newest page, also of a job that waits since nobody knows how long it is."""
    folder = Path(house.hass.config.cache_path("lianke", "jobs"))
    newest = max(folder.rglob("*.html"), key=lambda path: path.stat().st_mtime_ns)
    return newest.read_text("utf-8")


async def test_attachments_are_printed_as_they_are(house: House, mailbox: Mailbox) -> None:
    mail = letter(INVOICE, ("image/jpeg", "IMG_0001.JPEG", JPEG))
    entry = await deliver(house, mailbox, letter(text="Another one"), mail)
    answer = await printed(house, told(mail, entry, 2))
    assert titles(answer) == ["账单.pdf", "IMG_0001.JPEG"]
    assert [job["title_is_foreign"] for job in answer["jobs"]] == [True, True]
    assert [job.path.read_bytes() for job in house.printed] == [PDF, JPEG]
    assert answer["mail"] == {"verified": False, "left_out": []}
    assert spooled(house.hass) == []
    # Nothing is marked as read, and our connection is closed.
    with mailbox.connect() as client:
        assert client.search(None, "UNSEEN")[1] == [b"1 2"]
    # Two deliveries, the look above, and ours.
    await until(lambda: mailbox.logged_out() == 4)


async def test_preview_and_count(house: House, mailbox: Mailbox) -> None:
    mail = letter(INVOICE, ("image/jpeg", "a.jpg", JPEG))
    entry = await deliver(house, mailbox, mail)
    device, source = house.device(), told(mail, entry)
    for action in ("preview", "count_pages"):
        assert (
            await refusal(ask(house.hass, action, device_id=device, mail=source))
            == "one_document_only"
        )
        answer = await ask(house.hass, action, device_id=device, mail={**source, "parts": "1"})
        assert (answer["pages"], answer["title"]) == (2, "账单.pdf")
        both = await ask(house.hass, action, device_id=device, mail=source, merge=True)
        assert (both["pages"], len(both["document"])) == (3, 2)
        assert (
            await refusal(
                ask(house.hass, action, device_id=device, mail={**source, "types": "docx"})
            )
            == "mail_nothing_to_print"
        )
    again = await ask(house.hass, "print", device_id=device, document=answer["document"])
    assert titles(again) == ["账单.pdf"]


async def test_what_cannot_be_printed_is_told(house: House, mailbox: Mailbox) -> None:
    calendar = ("text/calendar", "invite.ics", b"BEGIN:VCALENDAR")
    mail = letter(
        calendar,
        ("application/ms-tnef", "winmail.dat", b"\x78\x9f\x3e\x22"),
        ("application/zip", "all.zip", b"PK\x05\x06" + bytes(18)),
        ("application/pdf", "cut.pdf", PDF[:300]),
        INVOICE,
        ("application/pkcs7-signature", "smime.p7s", b"x"),
    )
    other = letter(calendar)
    entry = await deliver(house, mailbox, mail, other)
    source = told(mail, entry)
    answer = await printed(house, source, request_id="a")
    assert titles(answer) == ["账单.pdf"]
    left_out = {one["name"]: one["message"] for one in answer["mail"]["left_out"]}
    assert [*left_out] == ["invite.ics", "winmail.dat", "all.zip", "cut.pdf"]
    assert all(name in message for name, message in left_out.items())
    # Who gets no answer is told by an error, after the rest is on its way.
    data = {"device_id": house.device(), "request_id": "a"}
    with pytest.raises(HomeAssistantError, match=r"Only 1 of 2 documents .* cut\.pdf"):
        await house.hass.services.async_call(
            "lianke", "print", {**data, "mail": source}, blocking=True
        )
    data["request_id"] = "b"
    with pytest.raises(ServiceValidationError) as refused:
        await house.hass.services.async_call(
            "lianke", "print", {**data, "mail": told(other, entry, 2)}, blocking=True
        )
    assert refused.value.translation_key == "mail_nothing_to_print"
    assert (await printed(house, told(other, entry, 2)))["jobs"] == []
    assert len(house.queue.jobs()) == 1


async def test_names_in_every_encoding(house: House, mailbox: Mailbox) -> None:
    """Also written without any encoding, in a broken message, with the parts of a message in a message."""
    part = "--B\r\nContent-Transfer-Encoding: base64\r\nContent-Type: image/jpeg"
    names = [
        '; name="帐单一.jpg"',
        "\r\nContent-Disposition: attachment; filename*0*=GBK''%D5%CA;\r\n filename*1=2.jpg",
        '; name="=?gb2312?B?1cq1pUc=?="',
        '; name="a(3\\".jpg"',
        "",
    ]
    code = encodebytes(JPEG).decode()
    body = "\r\n".join(f"{part}{name}\r\n\r\n{code}" for name in names)
    head = f"From: {ANNA}\r\nSubject: =?gbk?Q?=D5=CA=B5=A5?=\r\nMIME-Version: 1.0\r\n"
    mixed = 'Content-Type: multipart/mixed; boundary="B"\r\n\r\n'
    inner = letter(("image/jpeg", "inside.jpg", JPEG))
    nested = f"--B\r\nContent-Type: message/rfc822\r\n\r\n{inner.as_string()}\r\n"
    # The end of the last part is missing.
    raw = f"{head}{mixed}{nested}{body}".encode("gbk")
    entry = await deliver(house, mailbox, raw)
    source = {"entry": entry.entry_id, "uid": "1", "sender": ANNA, "subject": "帐单", "date": None}
    answer = await printed(house, source)
    expected = ["inside.jpg", "帐单一.jpg", "帐2.jpg", "帐单G", 'a(3".jpg']
    assert titles(answer)[:5] == expected
    assert len(answer["jobs"]) == 6
    assert all(job.path.read_bytes() == JPEG for job in house.printed)
    # As the event calls the part.
    assert titles(await printed(house, {**source, "parts": "0,0,1"})) == ["inside.jpg"]
    assert titles(await printed(house, {**source, "parts": [(0, 0, 1)]})) == ["inside.jpg"]


async def test_the_text(house: House, mailbox: Mailbox) -> None:
    plain = letter(text="Grüße\n\nAnna")
    html = letter(INVOICE, text=" \n")
    first_part(html).add_alternative(
        "<p>Hello <b>you</b><script>x()</script><img src='https://evil.example/x.png'>",
        subtype="html",
    )
    entry = await deliver(house, mailbox, plain, html)
    assert (await printed(house, told(plain, entry)))["jobs"] == []
    for text in (True, "alone"):
        assert titles(await printed(house, told(plain, entry, text=text))) == ["Mail"]
        assert "Grüße" in house.printed[-1].path.read_text("utf-8")
    assert titles(await printed(house, told(plain, entry, text=True), header=True)) == ["Mail"]
    assert "<h1>Please print</h1>" in house.printed[-1].path.read_text("utf-8")
    answer = await printed(house, told(html, entry, 2, text="true"), title="From Anna")
    assert titles(answer) == ["From Anna", "From Anna"]
    text = page(house)
    assert "<p>Hello <b>you</b>" in text
    assert "x()" not in text
    assert "evil" not in text
    assert titles(await printed(house, told(html, entry, 2, text="alone"))) == ["账单.pdf"]
    answer = await printed(house, told(html, entry, 2, parts=[], text=True))
    assert titles(answer) == ["Mail"]


async def test_pictures_in_a_text_are_printed_from_a_size_on(
    house: House, mailbox: Mailbox
) -> None:
    mail = letter()
    mail.add_alternative("<img src=cid:a><img src=cid:b>", subtype="html")
    photo = JPEG + bytes(80_000)
    for name, data in (("logo.jpg", JPEG), ("photo.jpg", photo)):
        first_part(mail, 1).add_related(data, "image", "jpeg", cid=f"<{name}>", filename=name)
    entry = await deliver(house, mailbox, mail)
    answer = await printed(house, told(mail, entry))
    assert titles(answer) == ["photo.jpg"]
    assert answer["mail"]["left_out"] == []


@pytest.mark.long
async def test_twelve_photos_and_more_than_enough(house: House, mailbox: Mailbox) -> None:
    photos = letter(*(("image/jpeg", f"{number}.jpg", JPEG) for number in range(12)))
    many = letter(*(("image/jpeg", f"{number}.jpg", JPEG) for number in range(22)))
    entry = await deliver(house, mailbox, photos, many)
    answer = await printed(house, told(photos, entry), request_id="photos")
    assert titles(answer) == [f"{number}.jpg" for number in range(12)]
    answer = await printed(house, told(photos, entry), request_id="photos")
    assert [job["duplicate"] for job in answer["jobs"]] == [True] * 12
    assert len(house.printed) == 12
    device, source = house.device(), told(many, entry, 2)
    answer = await ask(house.hass, "count_pages", device_id=device, mail=source, merge=True)
    assert answer["pages"] == MAX_MAIL_DOCUMENTS
    assert [one["name"] for one in answer["mail"]["left_out"]] == ["20.jpg", "21.jpg"]


async def test_the_keys_of_documents_stay_the_same(house: House, mailbox: Mailbox) -> None:
    """What is left out at first and can be printed later neither takes the key of another one nor repeats it."""
    mail = letter(("application/pdf", "a.pdf", b"%PDF-1.4"), ("image/jpeg", "b.jpg", JPEG))
    entry = await deliver(house, mailbox, mail)
    answer = await printed(house, told(mail, entry), request_id="x", replace_key="y")
    assert [(job["title"], job["request_id"]) for job in answer["jobs"]] == [("b.jpg", "x#2")]


async def test_another_mail_is_refused(house: House, mailbox: Mailbox) -> None:
    """The number in the event is that of another mail once one before it is deleted."""
    mails = [letter(INVOICE), letter(INVOICE, subject="Please print this"), letter(INVOICE)]
    entry = await deliver(house, mailbox, *mails)
    source = told(mails[1], entry, 2)
    await house.hass.async_add_executor_job(mailbox.delete, 1)
    assert await refusal(printed(house, source)) == "mail_moved"
    # With the Message-ID it is found.
    known = {**source, "message_id": mails[1]["Message-ID"]}
    assert titles(await printed(house, known)) == ["账单.pdf"]
    for wrong in (
        {"date": "2026-11-01 10:00:00+00:00"},
        {"sender": "eve@example.com"},
        {"subject": "Please"},
        {"message_id": "<another@example.com>"},
        {"message_id": '" OR ALL "'},
        {"uid": "77", "subject": None},
    ):
        assert await refusal(printed(house, {**known, **wrong})) == "mail_moved"
    await house.hass.async_add_executor_job(mailbox.delete, 1)
    assert await refusal(printed(house, known)) == "mail_moved"
    assert len(house.printed) == 1


async def test_subjects_that_templates_change(house: House, mailbox: Mailbox) -> None:
    subjects = ("4711", "1.50", "None", "[1, 2]", "True", "Rechnung für 大家")
    mails = [letter(INVOICE, subject=subject) for subject in subjects]
    entry = await deliver(house, mailbox, *mails)
    for number, (mail, subject) in enumerate(zip(mails, subjects, strict=True), start=1):
        rendered = Template("{{ x }}", house.hass).async_render({"x": subject})
        source = told(mail, entry, number, subject=rendered)
        assert titles(await printed(house, source)) == ["账单.pdf"], subject


async def test_the_receiving_server_proves_the_sender(house: House, mailbox: Mailbox) -> None:
    forged = letter(INVOICE, proof=f"{SERVER}; dkim=none; dmarc=fail header.from=example.com")
    forged["Authentication-Results"] = PROVEN
    silent = letter(INVOICE, proof="mx.evil.example; dmarc=pass header.from=example.com")
    proven = letter(INVOICE)
    entry = await deliver(house, mailbox, proven, forged, silent)
    answer = await printed(house, told(proven, entry, 1, verified_by=SERVER))
    assert (titles(answer), answer["mail"]["verified"]) == (["账单.pdf"], True)
    assert (
        await refusal(printed(house, told(forged, entry, 2, verified_by=SERVER)))
        == "mail_sender_not_proven"
    )
    # A person must answer where nothing is said.
    for mail, number, server in ((silent, 3, SERVER), (proven, 1, "")):
        answer = await printed(house, told(mail, entry, number, verified_by=server))
        assert [job["waits_for"] for job in answer["jobs"]] == [["approval"]]
        assert answer["mail"]["verified"] is False
    assert len(house.printed) == 1


async def test_an_unproven_mail_also_waits_for_what_the_options_say(
    house: House, mailbox: Mailbox
) -> None:
    """Its approval printed it at once, though the jobs of the printer or with a code wait there for somebody."""
    mail = letter(INVOICE)
    entry = await deliver(house, mailbox, mail)
    source = told(mail, entry, verified_by="")
    [coded] = (await printed(house, source, release_code="1234"))["jobs"]
    assert coded["waits_for"] == ["approval", "release"]
    house.set_options({"release_printers": [key_of(house.data, LASER)]})
    [job] = (await printed(house, source))["jobs"]
    assert job["waits_for"] == ["approval", "release"]
    approved = await house.queue.async_continue(job["job_id"], reason="approval")
    assert (approved.state, approved.asks_for) == ("held", "release")


async def test_who_may_read_the_mailbox(house: House, mailbox: Mailbox) -> None:
    mail = letter(INVOICE)
    entry = await deliver(house, mailbox, mail)
    sensor = er.async_get(house.hass).async_get_entity_id("sensor", "imap", entry.entry_id)
    assert sensor is not None
    status = "sensor.kyocera_ma2000w_gx"
    user = MockUser(groups=[]).add_to_hass(house.hass)
    context = Context(user_id=user.id)
    source = told(mail, entry)
    user.mock_policy({"entities": {"entity_ids": {status: True}}})
    for unknown in (source, {**source, "entry": "nothing"}):
        with pytest.raises(Unauthorized):
            await printed(house, unknown, context=context)
    user.mock_policy({"entities": {"entity_ids": {status: True, sensor: {"read": True}}}})
    assert titles(await printed(house, source, context=context)) == ["账单.pdf"]
    for other in ("nothing", house.entry.entry_id):
        assert await refusal(printed(house, {**source, "entry": other})) == "mail_mailbox_not_found"
    await house.hass.config_entries.async_unload(entry.entry_id)
    assert await refusal(printed(house, source)) == "mail_mailbox_not_found"


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_a_large_attachment_takes_little_memory(house: House, mailbox: Mailbox) -> None:
    """It is never in memory, and never holds the event loop."""
    large = PDF + random.Random(1).randbytes(12_000_000) + b"\n%%EOF\n"
    mail = letter(("application/pdf", "large.pdf", large))
    events = async_capture_events(house.hass, "imap_content")
    entry = await deliver(house, mailbox, mail)
    source = told(mail, entry)
    # Core itself reads the whole mail at once, to tell of it.
    await until(lambda: events)
    del mail
    spool = await async_get_spool(house.hass)
    request = DocumentRequest(
        spool, ResolvedOptions(paper_id=A4_ID), 50 * 2**20, Context(), mail=MailReport()
    )
    [wanted] = Source.all_in(PRINT_SCHEMA({"device_id": "x", "mail": source}))
    async with spool.scope():
        tracemalloc.start()
        [document] = await async_get_mail(house.hass, wanted, request)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert document is not None
        assert document.path.read_bytes() == large
    assert peak < 6 * 2**20
    async with spool.scope():
        with measured_hold() as hold:
            await async_get_mail(house.hass, wanted, request)
    assert hold.longest < 0.05, hold.callback


async def test_a_document_has_a_limit(house: House, mailbox: Mailbox) -> None:
    """What is too large is known before it is fetched, and cut off if the server tells less than there is."""
    house.set_options({"max_document_mb": 1})
    large = PDF + bytes(1_500_000)
    mail = letter(("application/pdf", "large.pdf", large), INVOICE)
    entry = await deliver(house, mailbox, mail)
    answer = await printed(house, told(mail, entry))
    assert titles(answer) == ["账单.pdf"]
    assert [one["name"] for one in answer["mail"]["left_out"]] == ["large.pdf"]
    assert "1 MB" in answer["mail"]["left_out"][0]["message"]
    assert RANGE_BYTES < 1_500_000


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit"])
async def test_content_in_ranges(house: House, mailbox: Mailbox, encoding: str) -> None:
    lines = "<html><!--" + ("汉字 = x " * 20 + "\r\n" + "z" * 300 + "\r\n") * 1200 + "-->Hello"
    mail = letter()
    mail.add_attachment(lines, cte=encoding, filename="lines.html", subtype="html")
    entry = await deliver(house, mailbox, mail)
    assert titles(await printed(house, told(mail, entry))) == ["lines.html"]
    assert page(house).split() == lines.split()
