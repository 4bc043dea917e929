"""Scanning, known from the vendor's own clients only: requests are as theirs, answers are read by what is in them."""

import asyncio
import base64
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
import logging
import re
from typing import Final

from .coerce import (
    JsonValue,
    to_int,
    to_json,
    to_list,
    to_mapping,
    to_message,
    to_optional_text,
    to_text,
)
from .errors import LiankeResponseError, without_frames
from .long_json import LongText, parse_long
from .tasks import TaskState, to_task_state
from .transport import Purpose, Transport

_LOGGER = logging.getLogger(__name__)

MAX_SCANNERS = 100
MAX_RESULT = 48 * 1024 * 1024
"""bytes of an answer about a scan, which may hold the pages themselves."""
MAX_DEPTH = 8
MAX_VALUES = 5000
MAX_FILES = 200
MAX_URL = 4096

_WEB: Final = re.compile(r"(?i)https?://[^\s\"'<>]+")
# What separates addresses in one text; a comma may be part of one.
_BETWEEN: Final = re.compile(r"\s+|[,;|](?=\s*https?://)")
_DATA_URL: Final = re.compile(r"data:[\w.+/-]*(;[\w.=+-]+)*,", re.IGNORECASE)
# How JPEG, PNG and PDF begin in base64, and as bytes.
_ENCODED: Final = ("/9j/", "iVBORw0KGgo", "JVBERi0")
_STARTS: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"%PDF-")
_WORDS: Final = {
    **dict.fromkeys(("FINISHED", "COMPLETED", "COMPLETE", "DONE"), TaskState.SUCCESS),
    **dict.fromkeys(("FAILED",), TaskState.FAILURE),
    **dict.fromkeys(("CANCELED", "CANCELLED"), TaskState.REVOKED),
}
_NO_BASE64: Final = re.compile(r"[^A-Za-z0-9+/]")
_TO_STANDARD: Final = str.maketrans("-_", "+/", " \t\r\n")


@dataclass(frozen=True, kw_only=True, slots=True)
class Scanner:
    """A scanner behind the box."""

    scanner_id: str
    name: str


type Part = str | bytes
"""One file of a result: the address where it is, or its content."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScanTask:
    """A scan under way or at its end. `code` and `message` are the service's, as far as it says something.

    `is_stated` says whether it names a state, which may be one that nobody knows; `has_more` that its answer holds more
    than is looked at.
    """

    task_id: str
    state: TaskState
    code: int | None = None
    message: str = ""
    parts: tuple[Part, ...] = field(default=(), repr=False)
    is_stated: bool = True
    has_more: bool = False


@without_frames
class Scanners:
    """The scanning endpoints for one box."""

    def __init__(self, transport: Transport, auth: Mapping[str, str]) -> None:
        self._transport = transport
        self._auth = auth

    async def all(self) -> tuple[Scanner, ...]:
        """Return the scanners (`GET /scanning/scanner_list`)."""
        data = await self._transport.call("GET", "/scanning/scanner_list", query=self._auth)
        rows = to_mapping(data).get("row")
        if (data is not None and not isinstance(data, dict)) or not isinstance(rows, list | None):
            raise LiankeResponseError("scanner_list of an unknown shape")
        fields = (to_mapping(row) for row in to_list(rows)[:MAX_SCANNERS])
        return tuple(
            Scanner(scanner_id=scanner_id, name=to_text(row.get("name")) or scanner_id)
            for row in fields
            if (scanner_id := to_optional_text(row.get("id"))) is not None
        )

    async def status(self, scanner_id: str) -> Mapping[str, object]:
        """Return a scanner's status as the service sends it (`GET /scanning/scanner_status`)."""
        return await self._ask("/scanning/scanner_status", scanner_id)

    async def params(self, scanner_id: str) -> Mapping[str, object]:
        """Return a scanner's capabilities as the service sends them (`GET /scanning/scanner_params`)."""
        return await self._ask("/scanning/scanner_params", scanner_id)

    async def start(self, scanner_id: str, fields: Mapping[str, JsonValue]) -> str:
        """Start a scan and return its task id (`POST /scanning/job`).

        `fields` are `colorMode`, `inputSource` (Platen or ADF), `format` (JPEG or PDF), `duplex` (0 or 1) and, unless
        all of the glass is wanted, `size`; each is a word from `scanner_params`.
        """
        number = to_int(scanner_id)
        body: dict[str, JsonValue] = {
            **self._auth,
            # The service takes a number. An id that is none has never been seen.
            "scanningId": scanner_id if number is None else number,
            **fields,
        }
        data = await self._transport.call("POST", "/scanning/job", body=body, purpose=Purpose.TRACK)
        task_id = to_optional_text(to_mapping(data).get("task_id"))
        if task_id is None:
            raise LiankeResponseError("scan without task_id")
        return task_id

    async def task(self, task_id: str) -> ScanTask:
        """Return a scan's state, and what has come of it (`GET /scanning/job`)."""
        data = await self._transport.call(
            "GET",
            "/scanning/job",
            query={**self._auth, "task_id": task_id},
            purpose=Purpose.SCAN,
            limit_bytes=MAX_RESULT,
        )
        answer = data if isinstance(data, dict | list | str | LongText) else {}
        fields = to_mapping(answer)
        result = to_mapping(fields.get("task_result"))
        message = to_message(result.get("msg") or fields.get("msg"))
        # Decoding a page takes longer than the event loop can wait.
        parts, has_more = await asyncio.to_thread(find_parts, answer)
        return ScanTask(
            task_id=task_id,
            state=_to_state(fields.get("task_state")),
            is_stated="task_state" in fields,
            # An answer that is nothing but pages says that they are there.
            code=to_int(result.get("code")) if isinstance(data, dict) or not parts else 200,
            message=self._transport.clean(message),
            parts=parts,
            has_more=has_more,
        )

    async def cancel(self, task_id: str) -> None:
        """Cancel a scan (`DELETE /scanning/job`, which takes JSON)."""
        body: dict[str, JsonValue] = {**self._auth, "task_id": task_id}
        await self._transport.call("DELETE", "/scanning/job", body=body, purpose=Purpose.TRACK)

    async def _ask(self, path: str, scanner_id: str) -> Mapping[str, object]:
        """Return an answer about one scanner as it is."""
        data = await self._transport.call(
            "GET", path, query={**self._auth, "scanningId": scanner_id}
        )
        if data is not None and not isinstance(data, dict):
            raise LiankeResponseError("scanning answer of an unknown shape")
        return to_mapping(data)


def _to_state(value: object) -> TaskState:
    """Return a scan's state: those of print jobs, or what says the same in plain words."""
    return _WORDS.get(to_text(value).upper()) or to_task_state(value)


def find_parts(answer: object) -> tuple[tuple[Part, ...], bool]:
    """Return every web address and every JPEG, PNG or PDF in an answer, in their order, and whether there are more.

    Each is there once. They are told by what they are, since nobody knows the names of their fields. Whether an address
    leads to a page is seen once it is fetched. Blocks while it decodes.
    """
    parts: dict[Part, None] = {}
    for text in _texts(answer):
        for part in _parts_of(text):
            if len(parts) == MAX_FILES and part not in parts:
                return tuple(parts), True
            parts[part] = None
    return tuple(parts), False


def _texts(answer: object) -> Iterator[str | LongText]:
    """Yield the texts in a JSON value, those in JSON that is written as a text too."""
    left = MAX_VALUES
    ahead: list[tuple[object, int]] = [(answer, 0)]
    while ahead and left > 0:
        left -= 1
        value, depth = ahead.pop()
        if isinstance(value, str | LongText):
            inner: object = None
            with suppress(ValueError):
                inner = _inner(value)
            if isinstance(inner, dict | list):
                value = inner
            else:
                yield value
                continue
        if depth < MAX_DEPTH and isinstance(value, dict | list):
            inside = list(value.values()) if isinstance(value, dict) else value
            ahead += [(one, depth + 1) for one in reversed(inside[:MAX_VALUES])]
    if ahead:
        _LOGGER.debug("Of an answer about a scan only %d values are looked at", MAX_VALUES)


def _inner(text: str | LongText) -> object:
    """Return the JSON in a text, None for a text that does not look like it; raises ValueError for broken JSON."""
    if (text.start() if isinstance(text, LongText) else text)[:1] not in ("{", "["):
        return None
    if isinstance(text, str):
        return to_json(text)
    inner = bytearray()
    for piece in text.pieces():
        inner += piece.encode("utf-8", "surrogatepass")
    return parse_long(inner)


def _parts_of(text: str | LongText) -> Iterator[Part]:
    """Yield what a text holds: addresses, or one file in base64."""
    pieces = text.pieces() if isinstance(text, LongText) else iter((text,))
    try:
        first = next(pieces, "").lstrip()
        if first[:4].lower() == "http":
            for word in _BETWEEN.split(first[: MAX_URL * MAX_FILES].rstrip()):
                if len(word) <= MAX_URL and _WEB.fullmatch(word):
                    yield word
            return
        if found := _DATA_URL.match(first[:200]):
            first = first[found.end() :]
        # Only what may be a page is decoded.
        if not first[:20].translate(_TO_STANDARD).startswith(_ENCODED):
            return
        content = _decoded(chain((first,), pieces))
    except ValueError:
        return
    if content.startswith(_STARTS):
        yield content


def _decoded(pieces: Iterable[str]) -> bytes:
    """Return what base64 stands for, a piece at a time, up to its end.

    What was cut off is a page all the same, of which is told that it is not whole.
    """
    content = bytearray()
    rest = ""
    for piece in pieces:
        plain = rest + piece.translate(_TO_STANDARD)
        end = _NO_BASE64.search(plain)
        text = plain[: end.start()] if end else plain
        whole = len(text) - len(text) % 4
        content += base64.b64decode(text[:whole])
        rest = text[whole:]
        if end:
            break
    if len(rest) > 1:
        content += base64.b64decode(rest + "=" * (-len(rest) % 4))
    return bytes(content)
