"""Request bodies: multipart forms streamed to disk, JSON, plain forms."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
import json
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import parse_qsl

from aiohttp import BodyPartReader, MultipartReader, web

from .models import ApiError, Document

CHUNK: Final = 1 << 20
TEXT_LIMIT: Final = 1 << 20


class TooLargeError(Exception):
    """A file, or the whole body, is over the limit."""


@dataclass(kw_only=True)
class Form:
    """Text fields of a request and, for multipart, the files of `jobFile`."""

    fields: dict[str, str] = field(default_factory=dict)
    # A JSON body as it was sent, with its numbers as numbers; in `fields`, they are texts.
    json: dict[str, Any] | None = None
    files: list[Document] = field(default_factory=list)

    def discard(self) -> None:
        """Delete the received files."""
        for document in self.files:
            document.path.unlink(missing_ok=True)
        self.files.clear()


class Receiver:
    """Reads bodies; files are stored under numbered names in the spool folder."""

    def __init__(self, spool: Path, executor: Executor) -> None:
        """`executor` runs the writes to the disk."""
        self._spool = spool
        self._executor = executor
        self._number = 0

    def new_path(self) -> Path:
        """Return a path in the spool folder that is not in use yet."""
        self._number += 1
        return self._spool / f"upload-{self._number}"

    async def receive(
        self, request: web.Request, limit: int, on_field: Callable[[str, str], None]
    ) -> Form:
        """Read the body of a request.

        `limit`: maximum bytes of a file; raises TooLargeError for a larger file. `on_field` is called with each text
        field as the field arrives; an error that it raises ends the reading. Raises ApiError 400 for a body that is
        neither a form nor a JSON object.
        """
        form = Form(fields=dict(request.query))
        for name, value in form.fields.items():
            on_field(name, value)
        if not request.can_read_body:
            return form
        content_type = request.content_type
        if content_type.startswith("multipart/"):
            try:
                await self._multipart(request, form, limit, on_field)
            except BaseException:
                form.discard()
                raise
            return form
        text = await self._text(request)
        if content_type == "application/json":
            form.json = _json_object(text)
            pairs = {
                str(name): value if isinstance(value, str) else json.dumps(value)
                for name, value in form.json.items()
                if value is not None
            }
        elif content_type == "application/x-www-form-urlencoded":
            pairs = dict(parse_qsl(text.decode(errors="replace"), keep_blank_values=True))
        else:
            raise ApiError(400, "参数错误：Content-Type")
        for name, value in pairs.items():
            form.fields[name] = value
            on_field(name, value)
        return form

    async def _text(self, request: web.Request) -> bytes:
        parts = bytearray()
        async for chunk in request.content.iter_any():
            parts += chunk
            if len(parts) > TEXT_LIMIT:
                raise TooLargeError
        return bytes(parts)

    async def _multipart(
        self,
        request: web.Request,
        form: Form,
        limit: int,
        on_field: Callable[[str, str], None],
    ) -> None:
        if request.content_length is not None and request.content_length > limit + TEXT_LIMIT:
            raise TooLargeError
        try:
            reader = await request.multipart()
            while (part := await reader.next()) is not None:
                # `name` and `filename` parse the header at each access, so each is read once.
                if isinstance(part, MultipartReader) or (name := part.name) is None:
                    raise ApiError(400, "参数错误：multipart")
                if (filename := part.filename) is None:
                    form.fields[name] = value = await self._field(part)
                    on_field(name, value)
                elif name == "jobFile":
                    form.files.append(await self._file(part, filename, limit))
                else:
                    raise ApiError(400, f"参数错误：{name}")
        except (ValueError, AssertionError) as error:
            raise ApiError(400, "参数错误：multipart") from error

    async def _field(self, part: BodyPartReader) -> str:
        text = bytearray()
        while chunk := await part.read_chunk(CHUNK):
            text += chunk
            if len(text) > TEXT_LIMIT:
                raise TooLargeError
        return text.decode(errors="replace")

    async def _file(self, part: BodyPartReader, name: str, limit: int) -> Document:
        loop = asyncio.get_running_loop()
        path = self.new_path()
        size = 0
        target: BinaryIO = await loop.run_in_executor(self._executor, path.open, "wb")
        pending = bytearray()
        try:
            while chunk := await part.read_chunk(CHUNK):
                size += len(chunk)
                if size > limit:
                    raise TooLargeError
                pending += chunk
                if len(pending) >= CHUNK:
                    full, pending = pending, bytearray()
                    await loop.run_in_executor(self._executor, target.write, full)
            if pending:
                await loop.run_in_executor(self._executor, target.write, pending)
            await loop.run_in_executor(self._executor, target.close)
        except BaseException:
            target.close()
            path.unlink(missing_ok=True)
            raise
        return Document(path=path, name=name, size=size)


def _json_object(text: bytes) -> dict[str, Any]:
    """Parse a body; raises ApiError 400 for anything but a JSON object."""
    try:
        body: Any = json.loads(text)
    except ValueError as error:
        raise ApiError(400, "参数错误：JSON") from error
    if not isinstance(body, dict):
        raise ApiError(400, "参数错误：JSON")
    return body
