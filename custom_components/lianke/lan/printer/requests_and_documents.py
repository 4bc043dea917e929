"""An IPP request and its checks, the document that follows it, and the answer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import StreamReader
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from yarl import URL

from ...devices import Target
from ...documents.download import IDENTITY, DamagedDataError, async_save
from ...documents.spool import async_get_spool
from ...error_texts import async_error_text
from ...input_error import InputError
from ...ipp import model as values
from ...ipp.model import (
    Attributes,
    Content,
    IppError,
    IppGroup,
    IppMessage,
    IppTag,
    IppValue,
    Operation,
    Status,
)
from ...pdf.raster import PWG_SYNC, URF_SYNC
from .lan_jobs import PendingJobs, SenderIdentity
from .server import LanServer, OfferedPrinter

# Maximum bytes of a document of raster pages, which become a much smaller PDF.
MAX_RASTER_BYTES: Final = 512 * 1024 * 1024
# Seconds in which a whole document must arrive: some devices draw the pages while they send the document.
RECEIVE_SECONDS: Final = 1800
# Seconds without a byte of the document, after which the request fails.
DOCUMENT_SILENCE_SECONDS: Final = 120


@dataclass(slots=True)
class DocumentStream:
    """A document as it arrives; its time limits start with the first call of `read`."""

    # The bytes that were read already, and the stream of the bytes that follow.
    _first: bytes
    _stream: StreamReader
    _until: float | None = None

    async def read(self) -> bytes:
        """Return the next bytes, b"" at the end. Raises IppError if the document takes too long."""
        if first := self._first:
            self._first = b""
            return first
        now = asyncio.get_running_loop().time()
        if self._until is None:
            self._until = now + RECEIVE_SECONDS
        try:
            async with asyncio.timeout(max(0, min(DOCUMENT_SILENCE_SECONDS, self._until - now))):
                return await self._stream.readany()
        except TimeoutError:
            raise IppError(Status.TIMEOUT, "the document takes too long") from None

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield the rest of the document. Raises the same errors as `read`."""
        while part := await self.read():
            yield part

    def unread(self, data: bytes) -> None:
        """Put back the bytes that were read last."""
        self._first = data


async def async_receive(request: IppRequest, name: str, limit_bytes: int) -> Path:
    """Write the document to a new spool file; the file is deleted once the request is answered.

    Raises IppError if the document takes too long, or if its compressed data is damaged; InputError: file_too_large;
    HomeAssistantError: disk_full.
    """
    hass, parts = request.hass, request.document.parts()
    spool = await async_get_spool(hass)
    await request.until_answered.enter_async_context(spool.scope())
    path = await spool.async_new_path(".part")

    def limit_of(start: bytes) -> int:
        is_raster = start.startswith((URF_SYNC, PWG_SYNC))
        return MAX_RASTER_BYTES if is_raster else limit_bytes

    compression = request.text("compression", "none")
    coding = IDENTITY if compression == "none" else compression
    try:
        await async_save(hass, parts, path, name, coding=coding, limit_of=limit_of)
    except DamagedDataError:
        reason = "the compressed document is damaged or cut off"
        raise IppError(Status.COMPRESSION_ERROR, reason) from None
    return path


# Major versions of IPP that we answer.
IPP_VERSIONS: Final = (1, 2)
IPP_CHARSETS: Final = ("utf-8", "us-ascii")
# Maximum characters of the user name that a device reports; the rest is cut off.
MAX_SENDER_NAME: Final = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class IppRequest:
    hass: HomeAssistant
    server: LanServer
    offered: OfferedPrinter
    target: Target
    message: IppMessage
    # The operation attributes of the message.
    operation: Attributes
    address: str
    device: str  # The id of the device, which may have further addresses.
    base_url: str  # The URL by which the client reaches the web server.
    secure: bool
    number: int | None  # The job number in the request's path.
    document: DocumentStream  # The data after the attributes.
    # Closed at the end of the request; if the answer has `on_arrival`, only once it has arrived or is certainly lost.
    until_answered: AsyncExitStack

    @property
    def pending(self) -> PendingJobs:
        return self.server.pending[self.offered.token]

    @property
    def printer_uri(self) -> str:
        scheme = "ipps" if self.secure else "ipp"
        url = URL(self.base_url)
        # Always name the port: the default port of IPP differs from that of HTTP.
        return f"{scheme}://{url.host_subcomponent}:{url.port}{self.offered.path}"

    @property
    def sender(self) -> SenderIdentity:
        name = "".join(
            letter for letter in self.text("requesting-user-name") if letter.isprintable()
        )
        return SenderIdentity(" ".join(name.split())[:MAX_SENDER_NAME], self.address)

    def first(self, name: str) -> Content:
        """Return the first value of an operation attribute, None if the attribute is missing."""
        found = self.operation.get(name)
        return found[0].content if found else None

    def text(self, name: str, default: str = "") -> str:
        """Return a text. Here and in the methods below, a value of another type counts as missing."""
        content = self.first(name)
        return content if isinstance(content, str) else default

    def flag(self, name: str) -> bool | None:
        content = self.first(name)
        return content if isinstance(content, bool) else None

    def positive_integer(self, name: str) -> int | None:
        content = self.first(name)
        # A boolean is an `int` in Python, too.
        return content if type(content) is int and content > 0 else None

    def words(self, name: str) -> list[str]:
        found = self.operation.get(name, ())
        return [value.content for value in found if isinstance(value.content, str)]


@dataclass(frozen=True, kw_only=True, slots=True)
class IppResponse:
    status: Status = Status.OK
    message: str = ""
    # The groups of attributes that follow the operation attributes.
    groups: tuple[IppGroup, ...] = ()
    unsupported: Attributes | None = None
    # Called once the device has acknowledged the whole answer; until then, the request stays under way.
    on_arrival: Callable[[], None] | None = None


def check_request(message: IppMessage) -> None:
    if message.version[0] not in IPP_VERSIONS:
        raise IppError(Status.VERSION_NOT_SUPPORTED)
    if message.request_id == 0:
        raise IppError(Status.BAD_REQUEST, "the request has no number")
    if message.code not in Operation:
        raise IppError(Status.OPERATION_NOT_SUPPORTED)
    if not message.groups or message.groups[0].tag != IppTag.OPERATION:
        raise IppError(Status.BAD_REQUEST, "operation attributes are missing")
    operation = message.groups[0].attributes
    if list(operation)[:2] != ["attributes-charset", "attributes-natural-language"]:
        raise IppError(Status.BAD_REQUEST, "charset and language are missing")
    charset = operation["attributes-charset"][0]
    if charset.tag != IppTag.CHARSET or charset.content not in IPP_CHARSETS:
        raise IppError(Status.CHARSET_NOT_SUPPORTED)
    if "printer-uri" not in operation and "job-uri" not in operation:
        raise IppError(Status.BAD_REQUEST, "printer-uri is missing")


def response_message(
    answer: IppResponse, request_id: int, version: tuple[int, int], language: str
) -> IppMessage:
    operation: dict[str, tuple[IppValue, ...]] = {
        "attributes-charset": (IppValue(IppTag.CHARSET, "utf-8"),),
        "attributes-natural-language": (IppValue(IppTag.LANGUAGE, language),),
    }
    if answer.message:
        # `values.text` cuts the message, since some devices take no more than 127 bytes.
        operation["status-message"] = values.text(answer.message)
    groups = [IppGroup(tag=IppTag.OPERATION, attributes=operation)]
    if answer.unsupported:
        groups.append(IppGroup(tag=IppTag.UNSUPPORTED_GROUP, attributes=answer.unsupported))
    return IppMessage(
        code=answer.status,
        request_id=request_id,
        groups=(*groups, *answer.groups),
        version=(1, 1) if version[0] == 1 else (2, 0),
    )


# The status for each error, by its translation key. All other errors get NOT_POSSIBLE, so that a person
# reads what is wrong.
_STATUSES: Final[dict[str, Status]] = {
    **dict.fromkeys(
        ("disk_full", "document_unreadable", "picture_check_unavailable"), Status.TEMPORARY_ERROR
    ),
    **dict.fromkeys(("driver_awaiting", "driver_unsupported"), Status.NOT_ACCEPTING_JOBS),
    **dict.fromkeys(
        ("file_damaged", "file_empty", "image_unreadable", "picture_unchecked"), Status.FORMAT_ERROR
    ),
    **dict.fromkeys(("pdf_damaged", "pdf_takes_long"), Status.FORMAT_ERROR),
    **dict.fromkeys(
        ("file_too_large", "pdf_needs_memory", "raster_too_large"), Status.ENTITY_TOO_LARGE
    ),
    **dict.fromkeys(
        ("not_ready_getting_ready", "not_ready_paper_turned", "pdf_busy", "too_many_requests"),
        Status.BUSY,
    ),
    "pdf_password_needed": Status.PASSWORD_ERROR,
    "printer_gone": Status.NOT_FOUND,
    "service_config_entry_not_loaded": Status.SERVICE_UNAVAILABLE,
    **dict.fromkeys(
        ("pdf_certificate", "pdf_collection", "pdf_dynamic_form", "type_not_supported"),
        Status.FORMAT_NOT_SUPPORTED,
    ),
}
_OPTION_ERRORS: Final = ("_not_available", "_out_of_range", "paper_required", "invalid_option")


# Statuses that are due to our own state, not to the sender, who may send the same document again.
_NOT_THE_SENDERS_FAULT: Final = (
    Status.BUSY,
    Status.NOT_ACCEPTING_JOBS,
    Status.NOT_FOUND,
    Status.SERVICE_UNAVAILABLE,
    Status.TEMPORARY_ERROR,
)


def is_senders_fault(err: IppError | InputError | HomeAssistantError) -> bool:
    """Whether a document was refused because of its content or the way in which it was sent."""
    if isinstance(err, IppError):
        return err.status not in _NOT_THE_SENDERS_FAULT
    key = err.reason if isinstance(err, InputError) else err.translation_key or ""
    return key != "too_many_jobs" and _STATUSES.get(key) not in _NOT_THE_SENDERS_FAULT


async def async_refusal(hass: HomeAssistant, err: HomeAssistantError) -> IppError:
    """Make an IppError from an error, with the reason in Home Assistant's language."""
    key = err.translation_key or ""
    status = _STATUSES.get(key, Status.NOT_POSSIBLE)
    if key.endswith(_OPTION_ERRORS):
        status = Status.ATTRIBUTES_NOT_SUPPORTED
    return IppError(status, await async_error_text(hass, key, err.translation_placeholders))
