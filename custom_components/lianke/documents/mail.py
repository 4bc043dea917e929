"""Make documents from a mail in a mailbox of Home Assistant's integration `imap`."""

from ast import literal_eval
import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from email.errors import HeaderParseError
from email.message import Message
from pathlib import Path
import sys
from typing import Any, Final, NamedTuple

from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.util.hass_dict import HassKey

from ..const import DOMAIN
from ..fair_queue import FairQueue, NoPlaceError
from ..input_error import InputError
from ..pages.page import MAX_TEXT_BYTES, is_visible
from .conversion import async_make_document, clean_title, document_file_name
from .document import Document, FileType, SourceKind, too_large
from .download import IDENTITY, async_save
from .imap import ImapConnection, ImapError
from .local_files import async_check_entity
from .mail_parts import MailPart, decode_as, decoded, parts_of
from .mail_reference import ALONE, MailReference, MailReport
from .mail_sender import is_sender_proven
from .page_documents import async_page_text, async_text_page
from .sources import DocumentRequest, Source, async_finish_document

IMAP: Final = "imap"
# Maximum number of documents from one mail; further attachments are left out with `mail_too_many_parts`.
MAX_MAIL_DOCUMENTS: Final = 20
# Maximum number of mails that are read at the same time; users take turns.
MAX_MAILS_AT_ONCE: Final = 3
# Seconds that a call waits for its turn to read a mail; after that it is refused with `too_many_requests`.
MAIL_TURN_SECONDS: Final = 600
# Seconds for reading a mail, plus one second for every MAIL_BYTES_A_SECOND bytes of the mail.
MAIL_SECONDS: Final = 120
MAIL_BYTES_A_SECOND: Final = 100 * 1024
# Maximum bytes of a mail's headers; any further bytes are not read.
MAX_MAIL_HEADERS: Final = 64 * 1024
# Maximum number of mails with the wanted Message-ID that are compared with the event.
MAX_SAME_MAILS: Final = 5
DATA_MAILS: HassKey[FairQueue] = HassKey(f"{DOMAIN}_mails_being_read")
_HEADERS: Final = "DATE FROM SUBJECT MESSAGE-ID AUTHENTICATION-RESULTS"
# Core raises these errors for some headers, and then fires no event for the mail.
_ODD: Final = (HeaderParseError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_FOUND: Final = f"UID RFC822.SIZE BODY.PEEK[HEADER.FIELDS ({_HEADERS})]<0.{MAX_MAIL_HEADERS}>"


async def async_get_mail(
    hass: HomeAssistant, source: Source, request: DocumentRequest
) -> list[Document | None]:
    """Return a mail's documents: the text if it is wanted, then the attachments; None for each that is left out.

    Raises InputError: raw_needs_file_or_text, mail_mailbox_not_found, mail_moved, mail_sender_not_proven,
    mail_part_not_found, and those of `_open_mailbox`; Unauthorized; HomeAssistantError: disk_full.
    """
    wanted, report, context = source.mail, request.mail, request.context
    if source.raw or wanted is None or report is None:
        raise InputError("raw_needs_file_or_text")
    entity_id = er.async_get(hass).async_get_entity_id("sensor", IMAP, wanted.entry)
    await async_check_entity(hass, context, entity_id, POLICY_READ)
    entry = hass.config_entries.async_get_entry(wanted.entry)
    if entry is None or entry.domain != IMAP or entry.state is not ConfigEntryState.LOADED:
        raise InputError("mail_mailbox_not_found")
    paths: dict[MailPart, Path] = {}
    async with (
        _open_mailbox(hass, entry, context.user_id) as (connection, core),
        asyncio.timeout(MAIL_SECONDS) as deadline,
    ):
        mail = await _async_find(connection, core, wanted)
        _check_sender(mail, wanted, report)
        deadline.reschedule((deadline.when() or 0) + mail.size / MAIL_BYTES_A_SECOND)
        found = await connection.fetch(mail.uid, "UID BODYSTRUCTURE")
        if "BODYSTRUCTURE" not in found:
            raise ImapError
        # In the executor, because guessing the encodings of many names takes seconds.
        parts = await hass.async_add_executor_job(parts_of, found["BODYSTRUCTURE"])
        chosen = _choose(parts, wanted, report)
        texts = _texts_of(parts) if wanted.text in (True, "" if chosen else ALONE) else []
        room = MAX_MAIL_DOCUMENTS - bool(texts)
        for part in chosen[room:]:
            limit = str(MAX_MAIL_DOCUMENTS)
            report.left_out.append((part.label, InputError("mail_too_many_parts", limit=limit)))
        for part in (*texts, *chosen[:room]):
            with report.leaving_out(part.label):
                paths[part] = await _async_fetch(hass, connection, mail.uid, part, request)
    documents: list[Document | None] = []
    if texts:
        documents.append(await _async_text(hass, mail, texts, paths, source, request))
    title = clean_title(source.title) or None
    for part in chosen[:room]:
        documents.append(None)
        if part not in paths:
            continue
        with report.leaving_out(part.label):
            name = part.name or await async_page_text(hass, "page_content")
            document = await async_make_document(
                hass, paths[part], lambda: None, name, user=context.user_id, title=title
            )
            document = await async_finish_document(hass, source, document, request)
            # Strangers choose the names of attachments.
            documents[-1] = replace(document, foreign_title=title is None)
    return documents


@asynccontextmanager
async def _open_mailbox(
    hass: HomeAssistant, entry: ConfigEntry, user: str | None
) -> AsyncIterator[tuple[ImapConnection, Any]]:
    """Yield a new connection to a mailbox, and the module of core that opens such connections.

    Raises InputError: too_many_requests, mail_unreachable, mail_core_changed, mail_broken_off, mail_too_complex.
    """
    # Core's own connection is busy waiting for new mail, so open another with core's function. If a later version of
    # core has no such function, mails cannot be printed until this integration is adapted; all else keeps working.
    core: Any = sys.modules.get(type(entry.runtime_data).__module__)
    if not hasattr(core, "connect_to_server") or not hasattr(core, "ImapMessage"):
        raise InputError("mail_core_changed")
    turns = hass.data.setdefault(DATA_MAILS, FairQueue(MAX_MAILS_AT_ONCE))
    try:
        async with turns.place(user, max_wait=MAIL_TURN_SECONDS):
            # This function of core waits at most 10 seconds for each answer.
            opening = asyncio.ensure_future(core.connect_to_server(entry.data))
            try:
                client = await asyncio.shield(opening)
                connection = ImapConnection(client.protocol.transport)
            except asyncio.CancelledError:
                opening.add_done_callback(_close_late)
                raise
            except AttributeError:
                raise InputError("mail_core_changed") from None
            except Exception:  # noqa: BLE001 - the errors of core and of its library may quote addresses
                raise InputError("mail_unreachable") from None
            try:
                yield connection, core
            except ImapError as err:
                raise InputError(err.reason) from None
            except TimeoutError:
                raise InputError("mail_broken_off") from None
            finally:
                connection.close()
    except NoPlaceError:
        raise InputError("too_many_requests") from None


def _close_late(opening: asyncio.Future[Any]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().protocol.transport.close()


class _Mail(NamedTuple):
    # The real UID, which stays the same, unlike the number in `MailReference.uid`.
    uid: str
    size: int
    headers: Message
    sender: str
    subject: str


async def _async_find(connection: ImapConnection, core: Any, wanted: MailReference) -> _Mail:
    """Return the mail that the event described. Raises ImapError; InputError: mail_moved."""
    found = await connection.fetch(wanted.uid, _FOUND, by_uid=False)
    if (mail := _read(core, found, wanted)) is not None:
        return mail
    # The number has changed, since a mail before the wanted mail was deleted.
    message_id = (wanted.message_id or "").strip()
    if message_id.isascii() and message_id.isprintable() and not {'"', "\\"} & {*message_id}:
        uids = await connection.search(f'HEADER MESSAGE-ID "{message_id}"') if message_id else ()
        for uid in uids[-MAX_SAME_MAILS:]:
            found = await connection.fetch(uid, _FOUND)
            if (mail := _read(core, found, wanted)) is not None:
                return mail
    raise InputError("mail_moved")


def _read(core: Any, found: Mapping[str, Any], wanted: MailReference) -> _Mail | None:
    """Return the mail, or None if its headers differ from those in the event."""
    uid, size = found.get("UID"), found.get("RFC822.SIZE")
    headers = next((value for name, value in found.items() if name.startswith("BODY[")), None)
    if not (isinstance(headers, bytes) and isinstance(uid, bytes) and isinstance(size, bytes)):
        return None
    try:
        # Core read the event's values in the same way, so even odd headers compare as equal.
        message = core.ImapMessage(headers)
        parsed: Message = message.email_message
        sender: str = message.sender
        subject: str = message.subject
        is_same = (
            message.date == wanted.date
            and sender.strip() == wanted.sender.strip()
            and _is_subject(subject, wanted.subject)
            and (wanted.message_id or "").strip() in ("", str(parsed["Message-ID"] or "").strip())
        )
    except _ODD:
        return None
    return _Mail(uid.decode(), int(size), parsed, sender, subject) if is_same else None


def _is_subject(subject: str, given: Any) -> bool:
    if isinstance(given, str):
        return subject.split() == given.split()
    try:
        return bool(literal_eval(subject.strip()) == given)
    except SyntaxError, MemoryError:
        return False


def _check_sender(mail: _Mail, wanted: MailReference, report: MailReport) -> None:
    """Raise InputError (mail_sender_not_proven) if the sender may be forged; note whether a person must approve."""
    if (server := wanted.verified_by) is None:
        return
    headers = map(str, mail.headers.get_all("Authentication-Results", []))
    report.is_proven = is_sender_proven(headers, server, mail.sender) if server else None
    report.needs_approval = report.is_proven is None
    if report.is_proven is False:
        raise InputError("mail_sender_not_proven")


def _choose(parts: list[MailPart], wanted: MailReference, report: MailReport) -> list[MailPart]:
    """Return the parts to print. Raises InputError: mail_part_not_found."""
    if wanted.parts is not None:
        by_key = {part.key: part for part in parts}
        if missing := [key for key in wanted.parts if key not in by_key]:
            raise InputError("mail_part_not_found", part=missing[0])
        return [by_key[key] for key in dict.fromkeys(wanted.parts)]
    attached = [part for part in parts if part.is_attachment]
    report.left_out += [
        (part.label, InputError("type_not_supported", name=part.label))
        for part in attached
        if not part.is_printable
    ]
    return [
        part
        for part in attached
        if part.is_printable and (not wanted.types or part.suffix[1:] in wanted.types)
    ]


def _texts_of(parts: list[MailPart]) -> list[MailPart]:
    """Return the parts with the mail's own text, or if it has none, with the text of messages attached to it."""
    texts = [part for part in parts if part.is_body]
    return ([part for part in texts if not part.is_nested] or texts)[:MAX_MAIL_DOCUMENTS]


async def _async_fetch(
    hass: HomeAssistant,
    connection: ImapConnection,
    uid: str,
    part: MailPart,
    request: DocumentRequest,
) -> Path:
    """Save a part's content in the spool. Raises ImapError; InputError: file_too_large, mail_part_damaged."""
    limit = MAX_TEXT_BYTES if part.is_body else request.limit_bytes
    # Base64 needs 4 bytes for 3 bytes of content, plus 2 for each line.
    if part.size * 7 // 10 > limit:
        raise too_large(part.label, limit)
    path = await request.spool.async_new_path(".part")
    content = decoded(connection.part(uid, part.section), part)
    await async_save(hass, content, path, part.label, coding=IDENTITY, limit_of=lambda _: limit)
    return path


async def _async_text(
    hass: HomeAssistant,
    mail: _Mail,
    texts: list[MailPart],
    paths: Mapping[MailPart, Path],
    source: Source,
    request: DocumentRequest,
) -> Document | None:
    """Return a page with a mail's plain text, or with its HTML if no plain text is visible; None if it has neither."""

    def read(content_type: str) -> str:
        found = (
            decode_as(path.read_bytes(), part.charset or "utf-8").strip()
            for part in texts
            if part.kind == content_type and (path := paths.get(part)) is not None
        )
        text = "\n\n".join(found)
        return text if is_visible(text) else ""

    # The job's title quotes nothing from the mail; the subject is printed at the top of the page.
    title = clean_title(source.title) or await async_page_text(hass, "page_mail")
    assert request.mail is not None
    for kind, content_type in ((SourceKind.TEXT, "text/plain"), (SourceKind.HTML, "text/html")):
        if text := await hass.async_add_executor_job(read, content_type):
            with request.mail.leaving_out(title):
                document = await async_text_page(
                    hass,
                    request.spool,
                    text,
                    kind=kind,
                    title=clean_title(source.title or mail.subject) or title,
                    paper=request.options.paper,
                    options=source.page_on(request.options),
                )
                return replace(document, title=title, name=document_file_name(title, FileType.HTML))
    return None
