"""The form of a print job: fields first, the file last, streamed from disk with a known length."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import io
import os
from pathlib import Path
import re
import stat
from typing import ClassVar, override

from aiohttp import MultipartWriter, Payload
from aiohttp.abc import AbstractStreamWriter

from .errors import DocumentUnreadableError

PIECE = 1024 * 1024
"""bytes read at a time; each read goes through another thread."""
CHUNK = 64 * 1024
"""bytes written at a time, so that progress is visible on a slow line."""
MAX_NAME = 120
"""characters of a file name; the ending is kept."""
_ANY_MIME = "application/octet-stream"
_MIME = re.compile(r"[\w.+-]{1,64}/[\w.+-]{1,100}", re.ASCII)
_SLASHES = re.compile(r"[/\\]")
_HTML_EXTENSIONS = (".html", ".htm")


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadFile:
    """A file to upload, with the name and type that the service gets; size in bytes."""

    path: Path
    name: str
    content_type: str
    size: int

    @property
    def is_web_page(self) -> bool:
        """Whether it is a web page, which the service renders."""
        return self.content_type == "text/html" or self.name.casefold().endswith(_HTML_EXTENSIONS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Links:
    """Addresses that the service downloads itself; `extension` (`.pdf`) is their type."""

    urls: tuple[str, ...] = field(repr=False)
    extension: str

    @property
    def is_web_page(self) -> bool:
        """Whether they are web pages."""
        return self.extension.casefold() in _HTML_EXTENSIONS


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """A preview's ticket: the service still has the document."""

    value: str = field(repr=False)
    is_web_page: ClassVar[bool] = False


def safe_name(name: str) -> str:
    """Return a file name a form can carry: no folders, line ends or broken characters; Chinese stays Chinese."""
    clean = "".join(char for char in _SLASHES.split(name)[-1] if char.isprintable())
    clean = clean.encode("utf-8", "replace").decode().strip()
    stem, dot, ending = clean.rpartition(".")
    if dot and stem and len(ending) <= 10:
        return f"{stem[: MAX_NAME - len(ending) - 1]}.{ending}"
    return clean[:MAX_NAME] or "document"


class FilePart(Payload):
    """A file as a part of a form, read in chunks outside the event loop."""

    # Whoever opened the file closes it, also when nothing was sent.
    _autoclose = True
    _value: io.BufferedReader

    def __init__(
        self,
        file: io.BufferedReader,
        first: bytes,
        upload: UploadFile,
        form: JobForm,
        on_progress: Callable[[int], None] | None,
    ) -> None:
        """Initialize with the file and its first piece; `on_progress` gets the number of bytes sent so far."""
        content_type = upload.content_type if _MIME.fullmatch(upload.content_type) else _ANY_MIME
        super().__init__(file, content_type=content_type)
        # As FormData(quote_fields=False) does: names in plain UTF-8, quotes and backslashes escaped.
        self.set_content_disposition(
            "form-data", quote_fields=False, name="jobFile", filename=safe_name(upload.name)
        )
        self._size = upload.size
        self._first = first
        self._form = form
        self._on_progress = on_progress

    @override
    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send exactly the announced bytes; raises DocumentUnreadableError when the file has fewer."""
        sent, announced = 0, self._size or 0
        piece = memoryview(self._first)
        while sent < announced:
            if sent:
                length = min(PIECE, announced - sent)
                piece = memoryview(await asyncio.to_thread(_read, self._value, sent, length))
            for start in range(0, len(piece), CHUNK):
                chunk = piece[start : start + CHUNK]
                await writer.write(chunk)
                sent += len(chunk)
                self._form.on_step()
                if self._on_progress is not None:
                    self._on_progress(sent)

    @override
    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Raise TypeError: a file is never held in memory."""
        raise TypeError("a file is only streamed")


class JobForm(MultipartWriter):
    """A form whose closing boundary, without which the service has no request, goes last and on its own.

    Until `handed_over` is True the request is surely incomplete; once `abandoned` is set it stays so. `waiting` while
    nothing moves because the hook that comes before the end has not returned.
    """

    def __init__(
        self, fields: Mapping[str, str], before_end: Callable[[], Awaitable[None]] | None
    ) -> None:
        """Initialize with the text fields in order and what is awaited before the end is sent."""
        super().__init__("form-data")
        self.handed_over = False
        self.abandoned = False
        self.waiting = False
        # Whether the answer came only after the end was handed over.
        self.answered_after_end = False
        self.failure: BaseException | None = None
        self.on_step: Callable[[], None] = lambda: None
        self.before_end = before_end
        # The text fields, which travel at once: as parts each would be four writes to the connection.
        self._texts = b"".join(
            (
                f"--{self.boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n"
                f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            ).encode("utf-8", "replace")
            for name, value in fields.items()
        )

    @property
    @override
    def size(self) -> int | None:
        """The bytes of the whole form."""
        parts = super().size
        return None if parts is None else len(self._texts) + parts

    @override
    async def write(self, writer: AbstractStreamWriter, close_boundary: bool = True) -> None:
        """Send everything, then wait for `before_end`, then send the end."""
        self.on_step()
        await writer.write(self._texts)
        try:
            await super().write(writer, close_boundary=False)
        except DocumentUnreadableError as err:
            # aiohttp would hide it, and the hook's error, behind one of its own.
            self.failure = err
            raise
        await writer.drain()
        self.on_step()
        if self.before_end is not None:
            self.waiting = True
            self.on_step()
            try:
                await self.before_end()
            except asyncio.CancelledError:
                raise
            except BaseException as err:
                # Its own error, whichever it is.
                self.failure = err
                raise
            self.waiting = False
            self.on_step()
            # Notice a connection that broke in the meantime while the end is still ours.
            await writer.drain()
        # Whoever answers before the end is noticed before the end goes: three turns of the loop from its bytes to here.
        for _ in range(3):
            await asyncio.sleep(0)
        if self.abandoned:
            raise asyncio.CancelledError
        self.handed_over = True
        self.on_step()
        await writer.write(f"--{self.boundary}--\r\n".encode("ascii"))


@asynccontextmanager
async def open_form(
    content: UploadFile | Links | Ticket,
    fields: Mapping[str, str],
    *,
    before_end: Callable[[], Awaitable[None]] | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> AsyncIterator[JobForm]:
    """Yield the form for some content, `jobFile` last; the file is open meanwhile.

    Raises DocumentUnreadableError when the file is missing, no plain file, or not of the size it should have.
    """
    match content:
        case Links():
            more = {"urlFileExt": content.extension, "jobFile": "\n".join(content.urls)}
            yield JobForm({**fields, **more}, before_end)
        case Ticket():
            yield JobForm({**fields, "taskTicket": content.value}, before_end)
        case UploadFile():
            file, first = await asyncio.to_thread(_open, content)
            try:
                form = JobForm(fields, before_end)
                form.append_payload(FilePart(file, first, content, form, on_progress))
                yield form
            finally:
                if not file.closed:
                    await asyncio.to_thread(file.close)


def _open(upload: UploadFile) -> tuple[io.BufferedReader, bytes]:
    """Return the file and its first piece, closed where that is all of it; blocking."""
    try:
        file = upload.path.open("rb")
    except (OSError, ValueError) as err:
        raise DocumentUnreadableError from err
    try:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size != upload.size:
            raise DocumentUnreadableError
        first = _read(file, 0, min(PIECE, upload.size)) if upload.size else b""
    except BaseException:
        file.close()
        raise
    if len(first) == upload.size:
        file.close()
    return file, first


def _read(file: io.BufferedReader, offset: int, length: int) -> bytes:
    """Return the next piece; blocking."""
    try:
        file.seek(offset)
        piece = file.read(length)
    except (OSError, ValueError) as err:
        raise DocumentUnreadableError from err
    if not piece:
        raise DocumentUnreadableError
    return piece
