"""Scanning, known from the vendor's own clients only: requests are as theirs, answers are read by what is in them."""

import asyncio
import base64
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, islice
import logging
import re
from typing import Final, NamedTuple

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
from .long_json import LONG, LongText, parse_long
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
# Characters of a name in an answer by which places are told apart.
_NAME: Final = 40
_DIGITS: Final = re.compile(r"\d+")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_\r\n-]++=*+\s*+")
_NO_BASE64: Final = re.compile(r"[^A-Za-z0-9+/]")
_TO_STANDARD: Final = str.maketrans("-_", "+/", " \t\r\n")


@dataclass(frozen=True, kw_only=True, slots=True)
class Scanner:
    """A scanner behind the box."""

    scanner_id: str
    name: str


type Part = str | bytes
"""One file of a result: the address where it is, or its content, which is empty where one is missing among others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScanTask:
    """A scan under way or at its end. `code` and `message` are the service's, as far as it says something.

    `places` are the names below which the parts are, those of one list alike. `is_stated` says whether it names a
    state, which may be one that nobody knows; `has_more` that its answer holds more than is looked at.
    """

    task_id: str
    state: TaskState
    code: int | None = None
    message: str = ""
    parts: tuple[Part, ...] = field(default=(), repr=False)
    places: tuple[str, ...] = field(default=(), repr=False)
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
        parts, places, has_more = await asyncio.to_thread(find_parts, answer)
        return ScanTask(
            task_id=task_id,
            state=_to_state(fields.get("task_state")),
            is_stated="task_state" in fields,
            # An answer that is nothing but pages says that they are there.
            code=to_int(result.get("code")) if isinstance(data, dict) or not parts else 200,
            message=self._transport.clean(message),
            parts=parts,
            places=places,
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


class Found(NamedTuple):
    """The files of an answer, as ScanTask has them."""

    parts: tuple[Part, ...]
    places: tuple[str, ...]
    has_more: bool


def find_parts(answer: object) -> Found:
    """Return every web address and every file in base64 in an answer, in their order.

    They are told by what they are, since nobody knows the names of their fields; whether one is a page is seen once it
    is looked at. What has nothing in a list whose other items have a file is one that is missing. Each address is there
    once, and each content but where the same list has it twice, as of two empty pages. Blocks while it decodes.
    """
    search = _Search()
    search.look(answer)
    if search.is_cut:
        _LOGGER.debug("Of an answer about a scan only %d values are looked at", MAX_VALUES)
    has_more = search.has_more or (search.is_cut and bool(search.parts))
    # Those that are missing are found last.
    return Found(
        tuple(search.parts[:MAX_FILES]),
        tuple(search.places[:MAX_FILES]),
        has_more or len(search.parts) > MAX_FILES,
    )


class _Search:
    """Goes through a JSON value, and JSON that is written as a text in it."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.places: list[str] = []
        self.has_more = False
        self.is_cut = False
        self._left = MAX_VALUES
        self._known: dict[Part, str] = {}

    def look(self, value: object, place: str = "", depth: int = 0) -> bool:
        """Note the files in a value; return whether there are any."""
        if self.has_more or not self._left:
            self.is_cut = not self.has_more
            return False
        self._left -= 1
        if isinstance(value, str | LongText):
            inner: object = None
            with suppress(ValueError):
                inner = _inner(value)
            if not isinstance(inner, dict | list):
                return self._take([*islice(_parts_of(value), MAX_FILES + 1)], place)
            value = inner
        if depth == MAX_DEPTH or not isinstance(value, dict | list):
            return False
        having: set[str] = set()
        missing: list[tuple[int, str]] = []
        for name, one in _inside(value):
            below, at = place + name, len(self.parts)
            if self.look(one, below, depth + 1):
                having.add(below)
            elif not isinstance(one, int | float):
                missing.append((at, below))
        if not self.has_more and not self.is_cut:
            for at, below in reversed(missing):
                if below in having:
                    self.parts.insert(at, b"")
                    self.places.insert(at, below)
        return bool(having)

    def _take(self, parts: list[Part], place: str) -> bool:
        place += "[]" if len(parts) > 1 else ""
        for part in parts:
            is_known = part in self._known
            if is_known and (isinstance(part, str) or self._known[part] != place):
                continue
            if len(self.parts) == MAX_FILES:
                self.has_more = True
                break
            self._known[part] = place
            self.parts.append(part)
            self.places.append(place)
        return bool(parts)


def _inside(value: dict[str, object] | list[object]) -> Iterator[tuple[str, object]]:
    """Yield what is in a value with its name; a list has one, and so have names that differ in their digits alone."""
    if isinstance(value, list):
        yield from (("[]", one) for one in islice(value, MAX_VALUES))
        return
    names = [_DIGITS.sub("#", str(name)[:_NAME]) for name in islice(value, MAX_VALUES)]
    counts = Counter(names)
    for name, one in zip(names, value.values(), strict=False):
        yield f".{name}" + ("[]" if counts[name] > 1 else ""), one


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
        is_file = isinstance(text, LongText) or len(text) >= LONG
        if found := _DATA_URL.match(first[:200]):
            first = first[found.end() :]
            is_file = True
        # Only what may be a page is decoded: one that has lost its beginning may be anything.
        is_known = first[:20].translate(_TO_STANDARD).startswith(_ENCODED)
        if not is_known and not (is_file and _BASE64.fullmatch(first)):
            return
        content = _decoded(chain((first,), pieces))
    except ValueError:
        return
    if content.startswith(_STARTS) or (is_file and content):
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
