"""A request of the protocol as it is checked, its document as it comes into the spool, and the answer to it."""

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
from ...errors import InputError
from ...ipp import model as values
from ...ipp.model import (
    Attributes,
    Content,
    Group,
    IppError,
    Message,
    Operation,
    Status,
    Tag,
    Value,
)
from ...pdf.raster import PWG_SYNC, URF_SYNC
from ...runtime import async_error_text
from .lan_jobs import PendingJobs, Sender
from .server import LanServer, Offered

MAX_RASTER_BYTES: Final = 512 * 1024 * 1024
"""of raster pages, which become a much smaller PDF."""
RECEIVE_SECONDS: Final = 1800
"""seconds for a whole document: some devices draw its pages while they send it."""
IDLE_SECONDS: Final = 120
"""seconds without a byte of it."""


@dataclass(slots=True)
class DocumentStream:
    """A document as it comes, with bounds on the time it takes, which runs from the first read on."""

    # The bytes that have been read already, and what follows.
    _first: bytes
    _stream: StreamReader
    _until: float | None = None

    async def read(self) -> bytes:
        """Return the next bytes, b"" at the end. Raises IppError when they take too long."""
        if first := self._first:
            self._first = b""
            return first
        now = asyncio.get_running_loop().time()
        if self._until is None:
            self._until = now + RECEIVE_SECONDS
        try:
            async with asyncio.timeout(max(0, min(IDLE_SECONDS, self._until - now))):
                return await self._stream.readany()
        except TimeoutError:
            raise IppError(Status.TIMEOUT, "the document takes too long") from None

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield what is left of the document; raises as `read`."""
        while part := await self.read():
            yield part

    def unread(self, data: bytes) -> None:
        """Put back what was read last."""
        self._first = data


async def async_receive(request: Request, name: str, limit_bytes: int) -> Path:
    """Write the document of a request to a new file of the spool and return its path.

    What is left of it goes once the request is answered. Raises IppError for a damaged compression, InputError:
    file_too_large, HomeAssistantError: disk_full.
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


VERSIONS: Final = (1, 2)
"""major versions that are answered."""
CHARSETS: Final = ("utf-8", "us-ascii")
MAX_SENDER: Final = 64
"""characters of the name that a device gives itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A request to one printer; `document` is what follows its attributes.

    `device` stands for the device with this `address`, which may have others.
    `until_answered` is left once the answer has arrived, or is known to be lost.
    `base_url` is the web server as the client knows it, `number` the job that the path names.
    """

    hass: HomeAssistant
    server: LanServer
    offered: Offered
    target: Target
    message: Message
    # The operation attributes of the message.
    operation: Attributes
    address: str
    device: str
    base_url: str
    secure: bool
    number: int | None
    document: DocumentStream
    until_answered: AsyncExitStack

    @property
    def pending(self) -> PendingJobs:
        """Return the printer's jobs that wait for their documents."""
        return self.server.pending[self.offered.token]

    @property
    def printer_uri(self) -> str:
        """Return the printer's URI as the client knows it."""
        scheme = "ipps" if self.secure else "ipp"
        url = URL(self.base_url)
        # Without a port, IPP means another than HTTP.
        return f"{scheme}://{url.host_subcomponent}:{url.port}{self.offered.path}"

    @property
    def sender(self) -> Sender:
        """Return who sends the request, by its own account, and from which address."""
        name = "".join(
            letter for letter in self.text("requesting-user-name") if letter.isprintable()
        )
        return Sender(" ".join(name.split())[:MAX_SENDER], self.address)

    def first(self, name: str) -> Content:
        """Return the first value of an operation attribute, None without one."""
        found = self.operation.get(name)
        return found[0].content if found else None

    def text(self, name: str, default: str = "") -> str:
        """Return an operation attribute that is text."""
        content = self.first(name)
        return content if isinstance(content, str) else default

    def flag(self, name: str) -> bool | None:
        """Return an operation attribute that is a boolean, None without one."""
        content = self.first(name)
        return content if isinstance(content, bool) else None

    def count(self, name: str) -> int | None:
        """Return an operation attribute that is a positive integer, None without one."""
        content = self.first(name)
        # No boolean, which Python takes for an integer.
        return content if type(content) is int and content > 0 else None

    def words(self, name: str) -> list[str]:
        """Return the texts of an operation attribute."""
        found = self.operation.get(name, ())
        return [value.content for value in found if isinstance(value.content, str)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What an operation answers; each group after the operation attributes has a tag of its own.

    `on_arrival` is called once the device has got the answer, which is waited for.
    """

    status: Status = Status.OK
    message: str = ""
    groups: tuple[Group, ...] = ()
    unsupported: Attributes | None = None
    on_arrival: Callable[[], None] | None = None


def check_message(message: Message) -> None:
    if message.version[0] not in VERSIONS:
        raise IppError(Status.VERSION_NOT_SUPPORTED)
    if message.request_id == 0:
        raise IppError(Status.BAD_REQUEST, "the request has no number")
    if message.code not in Operation:
        raise IppError(Status.OPERATION_NOT_SUPPORTED)
    if not message.groups or message.groups[0].tag != Tag.OPERATION:
        raise IppError(Status.BAD_REQUEST, "operation attributes are missing")
    operation = message.groups[0].attributes
    if list(operation)[:2] != ["attributes-charset", "attributes-natural-language"]:
        raise IppError(Status.BAD_REQUEST, "charset and language are missing")
    charset = operation["attributes-charset"][0]
    if charset.tag != Tag.CHARSET or charset.content not in CHARSETS:
        raise IppError(Status.CHARSET_NOT_SUPPORTED)
    if "printer-uri" not in operation and "job-uri" not in operation:
        raise IppError(Status.BAD_REQUEST, "printer-uri is missing")


def build_message(
    answer: Answer, request_id: int, version: tuple[int, int], language: str
) -> Message:
    """Return the message that carries an answer."""
    operation: dict[str, tuple[Value, ...]] = {
        "attributes-charset": (Value(Tag.CHARSET, "utf-8"),),
        "attributes-natural-language": (Value(Tag.LANGUAGE, language),),
    }
    if answer.message:
        # As a text is cut at 127 bytes for devices that take no more, it may end early.
        operation["status-message"] = values.text(answer.message)
    groups = [Group(tag=Tag.OPERATION, attributes=operation)]
    if answer.unsupported:
        groups.append(Group(tag=Tag.UNSUPPORTED_GROUP, attributes=answer.unsupported))
    return Message(
        code=answer.status,
        request_id=request_id,
        groups=(*groups, *answer.groups),
        version=(1, 1) if version[0] == 1 else (2, 0),
    )


# By the errors' translation keys; whatever else is wrong can be put right only by somebody who reads it.
_STATUSES: Final[dict[str, Status]] = {
    key: status
    for status, keys in (
        (
            Status.TEMPORARY_ERROR,
            ("disk_full", "document_unreadable", "picture_check_unavailable"),
        ),
        (Status.NOT_ACCEPTING_JOBS, ("driver_awaiting", "driver_unsupported")),
        (
            Status.FORMAT_ERROR,
            (
                *("file_damaged", "file_empty", "image_unreadable", "picture_unchecked"),
                *("pdf_damaged", "pdf_takes_long"),
            ),
        ),
        (Status.ENTITY_TOO_LARGE, ("file_too_large", "pdf_needs_memory", "raster_too_large")),
        (
            Status.BUSY,
            ("not_ready_getting_ready", "not_ready_paper_turned", "pdf_busy", "too_many_requests"),
        ),
        (Status.PASSWORD_ERROR, ("pdf_password_needed",)),
        (Status.NOT_FOUND, ("printer_gone",)),
        (Status.SERVICE_UNAVAILABLE, ("service_config_entry_not_loaded",)),
        (
            Status.FORMAT_NOT_SUPPORTED,
            ("pdf_certificate", "pdf_collection", "pdf_dynamic_form", "type_not_supported"),
        ),
    )
    for key in keys
}
_OPTION: Final = ("_not_available", "_out_of_range", "paper_required", "invalid_option")


# Those that come of what is under way here, and of documents that may be sent again as they are.
_OURS: Final = (
    Status.BUSY,
    Status.NOT_ACCEPTING_JOBS,
    Status.NOT_FOUND,
    Status.SERVICE_UNAVAILABLE,
    Status.TEMPORARY_ERROR,
)


def is_senders_fault(err: IppError | InputError | HomeAssistantError) -> bool:
    """Return whether a document was refused for what it is, or how it was sent."""
    if isinstance(err, IppError):
        return err.status not in _OURS
    key = err.reason if isinstance(err, InputError) else err.translation_key or ""
    return key != "too_many_jobs" and _STATUSES.get(key) not in _OURS


async def async_refusal(hass: HomeAssistant, err: HomeAssistantError) -> IppError:
    """Return the answer to a request that failed, with the reason in the language of the house."""
    key = err.translation_key or ""
    status = _STATUSES.get(key, Status.NOT_POSSIBLE)
    if key.endswith(_OPTION):
        status = Status.ATTRIBUTES_NOT_SUPPORTED
    return IppError(status, await async_error_text(hass, key, err.translation_placeholders))
