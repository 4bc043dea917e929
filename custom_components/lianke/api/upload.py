"""The form of a print job: the fields, then the file, streamed from disk. The total length is known in advance."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
import io
import os
from pathlib import Path
import re
import stat
from typing import override
from uuid import uuid4

from aiohttp import Payload
from aiohttp.abc import AbstractStreamWriter
from aiohttp.client_proto import ResponseHandler

from .errors import DocumentUnreadableError

# Time-out (s) of an upload that makes no progress.
UPLOAD_IDLE_SECONDS = 60.0
# Seconds that the end of an upload may wait for its turn: twice the longest wait for an answer (to a 200 MB upload).
UPLOAD_TURN_SECONDS = 720.0
# Bytes of a file that are read at a time; each read runs in another thread.
UPLOAD_PIECE = 1024 * 1024
# Bytes that are written at a time; few, so that progress shows even on a slow line.
CHUNK = 64 * 1024
# Maximum characters of a file name. A longer name is shortened before its ending.
MAX_FILE_NAME = 120
_ANY_MIME = "application/octet-stream"
_MIME = re.compile(r"[\w.+-]{1,64}/[\w.+-]{1,100}", re.ASCII)
_SLASHES = re.compile(r"[/\\]")
_AFTER_FILE = b"\r\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadFile:
    """A file to upload, with the name and type to send to the service."""

    path: Path
    name: str
    content_type: str
    size: int  # bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """The ticket of a preview. It is sent in place of the document, which the service still has."""

    value: str = field(repr=False)


def safe_name(name: str) -> str:
    """Return a file name fit for a form: without folders, line ends and broken characters. Chinese names are kept."""
    clean = "".join(char for char in _SLASHES.split(name)[-1] if char.isprintable())
    clean = clean.encode("utf-8", "replace").decode().strip()
    stem, dot, ending = clean.rpartition(".")
    if dot and stem and len(ending) <= 10:
        return f"{stem[: MAX_FILE_NAME - len(ending) - 1]}.{ending}"
    return clean[:MAX_FILE_NAME] or "document"


class JobForm(Payload):
    """A form whose closing boundary is sent last and separately; without the boundary, the request is incomplete."""

    # Tells aiohttp that the payload needs no closing: `Transport.upload` closes the file, even if nothing was sent.
    _autoclose = True

    def __init__(
        self,
        content: UploadFile | Ticket,
        fields: Mapping[str, str],
        *,
        before_end: Callable[[], Awaitable[None]] | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> None:
        """Open the file and read its first piece; `close_file` closes the file. Blocks.

        `fields` come first, in their order. `before_end` is awaited before the end of the form is sent; `on_progress`
        gets the number of bytes of the file sent so far. Raises DocumentUnreadableError if the file is missing, is not
        a regular file, or does not have the given size.
        """
        boundary = uuid4().hex
        super().__init__(None, content_type=f"multipart/form-data; boundary={boundary}")
        # True once the end of the form is about to be sent. Until then the request is certainly incomplete.
        self.handed_over = False
        # True once the form is given up: from then on, the end of the form may not be sent.
        self.abandoned = False
        # True while nothing is sent because the `before_end` hook has not returned yet.
        self.waiting = False
        self.failure: BaseException | None = None
        self.on_step: Callable[[], None] = lambda: None
        self.before_end = before_end
        self._on_progress = on_progress
        self.file_size = 0  # bytes
        self._file: io.BufferedReader | None = None
        self._first = b""
        more = {"taskTicket": content.value} if isinstance(content, Ticket) else {}
        # Everything before the file is sent in one write. aiohttp's multipart writer would use four writes for a field.
        head = [
            f"--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in {**fields, **more}.items()
        ]
        self._end = f"--{boundary}--\r\n".encode("ascii")
        if isinstance(content, UploadFile):
            self.file_size = content.size
            self._file, self._first = _open(content.path, content.size)
            kind = content.content_type if _MIME.fullmatch(content.content_type) else _ANY_MIME
            # FormData(quote_fields=False) does the same: the name stays in plain UTF-8, and quotes are escaped.
            name = safe_name(content.name).replace('"', '\\"')
            head.append(
                f"--{boundary}\r\nContent-Type: {kind}\r\n"
                f'Content-Disposition: form-data; name="jobFile"; filename="{name}"\r\n\r\n'
            )
        self._head = "".join(head).encode("utf-8", "replace")
        self._size = len(self._head) + self.file_size + len(self._end)
        if self._file is not None:
            self._size += len(_AFTER_FILE)

    async def close_file(self) -> None:
        if self._file is not None and not self._file.closed:
            await asyncio.to_thread(self._file.close)

    @override
    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send everything except the end of the form, await `before_end`, and then send the end.

        Sends exactly the announced number of bytes. Raises DocumentUnreadableError if the file has become too short.
        """
        self.on_step()
        await writer.write(self._head)
        sent = 0
        piece = memoryview(self._first)
        try:
            while self._file is not None and sent < self.file_size:
                if sent:
                    length = min(UPLOAD_PIECE, self.file_size - sent)
                    piece = memoryview(await asyncio.to_thread(_read, self._file, sent, length))
                for start in range(0, len(piece), CHUNK):
                    chunk = piece[start : start + CHUNK]
                    await writer.write(chunk)
                    sent += len(chunk)
                    self.on_step()
                    if self._on_progress is not None:
                        self._on_progress(sent)
        except DocumentUnreadableError as err:
            # Keep the error for `Transport.upload`: aiohttp replaces any error of this method by an error of its own.
            self.failure = err
            raise
        if self._file is not None:
            await writer.write(_AFTER_FILE)
        await writer.drain()
        self.on_step()
        if self.abandoned:
            await self._wait_for_cancellation()
        if self.before_end is not None:
            self.waiting = True
            self.on_step()
            try:
                await self.before_end()
            except asyncio.CancelledError:
                raise
            except BaseException as err:
                # The hook may raise any exception.
                self.failure = err
                raise
            self.waiting = False
            self.on_step()
        protocol = getattr(writer, "protocol", None)
        if isinstance(protocol, ResponseHandler) and (
            protocol.should_close or not protocol.is_connected()
        ):
            # While the hook ran, the protocol read an answer or lost the connection. (An answer that is still under way
            # cannot be known.) Do not send the end, so that the answer belongs to an incomplete form.
            self.abandoned = True
        if self.abandoned:
            await self._wait_for_cancellation()
        self.handed_over = True
        self.on_step()
        await writer.write(self._end)

    async def _wait_for_cancellation(self) -> None:
        """Send nothing more of an abandoned form, and wait until the reader of the answer cancels the form.

        If `write` returned or raised, aiohttp would close the connection, and the rest of an answer that comes in
        pieces would be lost. The time-outs of the upload limit the wait.
        """
        await asyncio.get_running_loop().create_future()

    @override
    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        raise TypeError("a file is only streamed")


def _open(path: Path, size: int) -> tuple[io.BufferedReader, bytes]:
    """Open a file and return it with its first piece. If that piece is the whole file, the file is closed. Blocks."""
    try:
        file = path.open("rb")
    except (OSError, ValueError) as err:
        raise DocumentUnreadableError from err
    try:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size != size:
            raise DocumentUnreadableError
        first = file.read(min(UPLOAD_PIECE, size))
        if size and not first:
            raise DocumentUnreadableError
    except (OSError, ValueError) as err:
        file.close()
        raise DocumentUnreadableError from err
    except BaseException:
        file.close()
        raise
    if len(first) == size:
        file.close()
    return file, first


def _read(file: io.BufferedReader, offset: int, length: int) -> bytes:
    """Return the piece at `offset`, which may be shorter than `length`. Blocks."""
    try:
        file.seek(offset)
        piece = file.read(length)
    except (OSError, ValueError) as err:
        raise DocumentUnreadableError from err
    if not piece:
        raise DocumentUnreadableError
    return piece
