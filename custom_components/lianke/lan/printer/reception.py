"""Receive a document into the spool as it comes, with bounds on size and time."""

import asyncio
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from homeassistant.core import HomeAssistant

from ...documents.download import DamagedDataError, Unpacker
from ...documents.spool import CHUNK_BYTES, Spool, open_private, too_large, translate_disk_errors
from ...ipp.model import IppError, Status
from ...pdf.raster import PWG_SYNC, URF_SYNC

MAX_RASTER_BYTES: Final = 512 * 1024 * 1024
"""of raster pages, which become a much smaller PDF."""
RECEIVE_SECONDS: Final = 1800
"""seconds for a whole document: some devices draw its pages while they send it."""
IDLE_SECONDS: Final = 120
"""seconds without a byte of it."""


class Stream(Protocol):
    """The part of a request's body that has not been read."""

    async def readany(self) -> bytes:
        """Return the next bytes, b"" at the end."""


class DocumentStream:
    """A document as it comes, with bounds on the time it takes."""

    def __init__(self, first: bytes, stream: Stream) -> None:
        """Begin with the bytes that have been read already; the time runs from the first read on."""
        self._first = first
        self._stream = stream
        self._until: float | None = None

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

    def unread(self, data: bytes) -> None:
        """Put back what was read last."""
        self._first = data


async def async_receive(
    hass: HomeAssistant,
    spool: Spool,
    document: DocumentStream,
    *,
    name: str,
    compression: str,
    limit_bytes: int,
) -> Path:
    """Write a document to a new file of the spool and return its path; the caller owns the file.

    `compression` is a value of the attribute of that name. Raises IppError for a damaged
    compression, InputError: file_too_large, HomeAssistantError: disk_full.
    """
    path = await spool.async_new_path(".part")
    file = _File(path, name=name, compression=compression, limit_bytes=limit_bytes)
    waiting = bytearray()
    try:
        while part := await document.read():
            waiting += part
            if len(waiting) >= CHUNK_BYTES:
                await hass.async_add_executor_job(file.write, bytes(waiting))
                waiting.clear()
        await hass.async_add_executor_job(partial(file.write, bytes(waiting), is_last=True))
    except BaseException:
        await hass.async_add_executor_job(file.discard)
        raise
    return path


class _File:
    """A file of the spool that is being written; its methods block."""

    def __init__(self, path: Path, *, name: str, compression: str, limit_bytes: int) -> None:
        """Open nothing before the first bytes have come."""
        self._path = path
        self._name = name
        self._compression = compression
        self._limit = limit_bytes
        self._size = 0
        self._file: BinaryIO | None = None
        self._unpacker: Unpacker | None = None

    def write(self, data: bytes, *, is_last: bool = False) -> None:
        """Write what the bytes stand for, and close the file behind the last ones."""
        with translate_disk_errors():
            if self._file is None:
                self._file = open_private(self._path)
            if self._compression == "none":
                self._keep(data)
            else:
                self._unpack(data, is_last=is_last)
            if is_last:
                self._file.close()

    def discard(self) -> None:
        """Close and delete the file."""
        with translate_disk_errors():
            if self._file is not None:
                self._file.close()
            self._path.unlink(missing_ok=True)

    def _unpack(self, data: bytes, *, is_last: bool) -> None:
        if self._unpacker is None:
            self._unpacker = Unpacker(self._compression)
        try:
            for piece in self._unpacker.unpack(data, CHUNK_BYTES):
                self._keep(piece)
            if is_last:
                self._keep(self._unpacker.finish())
        except DamagedDataError:
            raise IppError(
                Status.COMPRESSION_ERROR, "the compressed document is damaged or cut off"
            ) from None

    def _keep(self, data: bytes) -> None:
        assert self._file is not None
        if not self._size and data.startswith((URF_SYNC, PWG_SYNC)):
            self._limit = MAX_RASTER_BYTES
        self._size += len(data)
        if self._size > self._limit:
            raise too_large(self._name, self._limit)
        self._file.write(data)
