"""Scanning through the service. No document explains how; the vendor's own clients are our only example.

Requests imitate those clients. Answers are interpreted by their content, because we do not know their fields.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count, islice
import logging
import re
from typing import Final, NamedTuple

from .answer_limits import (
    MAX_ANSWER_DEPTH,
    MAX_ANSWER_DEVICES,
    MAX_ANSWER_ROWS,
    MAX_SCAN_ANSWER_BYTES,
)
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
from .scan_texts import START, SUCCESS_WORDS, Part, is_nothing, read_parts
from .tasks import TaskState
from .transport import Purpose, Transport

_LOGGER = logging.getLogger(__name__)

# Maximum files of a scan; a scan with more files ends with `scan_too_many_pages`.
MAX_SCAN_FILES: Final = 200

_STATE_WORDS: Final = {
    **{word.upper(): TaskState.SUCCESS for word in SUCCESS_WORDS},
    "FAILED": TaskState.FAILURE,
    "CANCELED": TaskState.REVOKED,
    "CANCELLED": TaskState.REVOKED,
}
# Characters of a field's name that are compared; the rest of the name is ignored.
_NAME_LENGTH: Final = 40
# Maximum characters of a word; a longer text may be a file.
_WORD_LENGTH: Final = 40
# Matches a word in the name of a field. A field is for one side of a sheet if its name consists of exactly one of
# _SIDE_WORDS and any number of _PAGE_WORDS.
_NAME_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[正反背]面")
_SIDE_WORDS: Final = frozenset(
    ("front", "back", "rear", "verso", "recto", "obverse", "reverse", "odd", "even")
) | {"正面", "反面", "背面"}
_PAGE_WORDS: Final = frozenset(
    ("page", "pages", "side", "img", "image", "images", "pic", "picture", "photo", "scan")
) | {"url", "urls", "file", "files", "content", "data", "path", "src", "link", "base"}
_COUNT_WORDS: Final = frozenset(["total", "count", "cnt", "num", "number", "pages", "sheets"])
# Names of fields that report on a scan.
_REPORT_NAMES: Final = re.compile(
    r"(?i)msg|message|err|code|info|reason|remark|desc|note|time|state|status"
)
# Names of fields that report a failure, or that more pages will come.
_FAILURE_NAMES: Final = re.compile(r"(?i)err|fail|more|next")
_DIGITS: Final = re.compile(r"\d+")
# The characters with which JSON in a text may begin.
_JSON_STARTS: Final = ("{", "[", '"')
# Signs that a text contains a page.
_PAGE_HINT: Final = re.compile(rf"(?i:https?:\\?/|;base64,)|/9j|{START}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Scanner:
    scanner_id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class FoundParts:
    """The files in an answer about a scan, and clues to whether they are all the pages of the scan."""

    parts: tuple[Part, ...] = field(default=(), repr=False)
    # For each part, the names of the fields that contain it; all items of a list have the same place.
    places: tuple[str, ...] = field(default=(), repr=False)
    # For each part, the numbers of the list items that contain it; no two items in the answer share a number.
    items: tuple[tuple[int, ...], ...] = field(default=(), repr=False)
    # Whether the answer may contain more files than `parts`, because our limits were reached.
    has_more: bool = False
    # Whether a file may be only one side of a sheet: a field next to it is empty, or another field has the same file.
    has_half: bool = False
    # Whether a field named for one side of a sheet has a file, while a field named for the other side has none.
    lacks_side: bool = False
    # The largest number of pages that the answer mentions; 0 if it mentions none.
    expected: int = 0
    # Whether anything in the answer except the parts may stand for a page, for example an empty list.
    is_open: bool = False
    # Whether all parts are certainly pages: they are in the same place, and nothing else may stand for a page.
    is_plain: bool = False


@dataclass(frozen=True, kw_only=True)
class ScanTask(FoundParts):
    """The state of a running or finished scan, as a single answer reports it."""

    task_id: str
    state: TaskState
    # The service's code and message for the result, if the answer contains them.
    code: int | None = None
    message: str = ""
    # Whether the answer names a state at all, even if we do not know that state.
    is_stated: bool = True

    @property
    def shape(self) -> str:
        """A text that changes when more of the scan arrives.

        Addresses do not change the text, because a signed address may be different in each answer.
        """
        sizes = [len(part) if isinstance(part, bytes) else None for part in self.parts]
        return repr((str(self.state), self.code, sizes, self.has_more))


@without_frames
class Scanners:
    def __init__(self, transport: Transport, auth: Mapping[str, str]) -> None:
        self._transport = transport
        self._auth = auth

    async def all(self) -> tuple[Scanner, ...]:
        data = await self._transport.call("GET", "/scanning/scanner_list", query=self._auth)
        rows = to_mapping(data).get("row")
        if (data is not None and not isinstance(data, dict)) or not isinstance(rows, list | None):
            raise LiankeResponseError("scanner_list of an unknown shape")
        fields = (to_mapping(row) for row in to_list(rows)[:MAX_ANSWER_DEVICES])
        return tuple(
            Scanner(scanner_id=scanner_id, name=to_text(row.get("name")) or scanner_id)
            for row in fields
            if (scanner_id := to_optional_text(row.get("id"))) is not None
        )

    async def status(self, scanner_id: str) -> Mapping[str, object]:
        """Return the data of `GET /scanning/scanner_status` unchanged."""
        return await self._ask("/scanning/scanner_status", scanner_id)

    async def params(self, scanner_id: str) -> Mapping[str, object]:
        """Return the data of `GET /scanning/scanner_params` (the capabilities) unchanged."""
        return await self._ask("/scanning/scanner_params", scanner_id)

    async def start(self, scanner_id: str, fields: Mapping[str, JsonValue]) -> str:
        """Start a scan and return its task id (`POST /scanning/job`).

        `fields` are `colorMode`, `inputSource` (Platen or ADF), `format` (JPEG or PDF), `duplex` (0 or 1) and, unless
        the whole glass is scanned, `size`. Each value is a word from `scanner_params`.
        """
        number = to_int(scanner_id)
        body: dict[str, JsonValue] = {
            **self._auth,
            # The service expects a number. We have never seen an id that is not a number.
            "scanningId": scanner_id if number is None else number,
            **fields,
        }
        data = await self._transport.call("POST", "/scanning/job", body=body, purpose=Purpose.TRACK)
        task_id = to_optional_text(to_mapping(data).get("task_id"))
        if task_id is None:
            raise LiankeResponseError("scan without task_id")
        return task_id

    async def task(self, task_id: str, purpose: Purpose = Purpose.SCAN) -> ScanTask:
        """Return the state of a scan, with its files so far (`GET /scanning/job`)."""
        data = await self._transport.call(
            "GET",
            "/scanning/job",
            query={**self._auth, "task_id": task_id},
            purpose=purpose,
            limit_bytes=MAX_SCAN_ANSWER_BYTES,
            is_long=True,
        )
        answer = data if isinstance(data, dict | list | str | LongText) else {}
        fields = to_mapping(answer)
        result = to_mapping(fields.get("task_result"))
        message = to_message(result.get("msg") or fields.get("msg"))
        # Decoding a page would block the event loop.
        found = await asyncio.to_thread(find_parts, answer)
        return ScanTask(
            task_id=task_id,
            state=_to_state(fields.get("task_state")),
            is_stated=bool(to_text(fields.get("task_state"))),
            # An answer that consists only of pages means success, although it has no code.
            code=to_int(result.get("code")) if isinstance(data, dict) or not found.parts else 200,
            message=to_message(message, self._transport.secrets),
            **vars(found),
        )

    async def cancel(self, task_id: str) -> None:
        body: dict[str, JsonValue] = {**self._auth, "task_id": task_id}
        await self._transport.call("DELETE", "/scanning/job", body=body, purpose=Purpose.TRACK)

    async def _ask(self, path: str, scanner_id: str) -> Mapping[str, object]:
        data = await self._transport.call(
            "GET", path, query={**self._auth, "scanningId": scanner_id}
        )
        if data is not None and not isinstance(data, dict):
            raise LiankeResponseError("scanning answer of an unknown shape")
        return to_mapping(data)


def _to_state(value: object) -> TaskState:
    """Return the state that a value names, in the service's own terms or by a plain word such as "done"."""
    return _STATE_WORDS.get(to_text(value).upper()) or TaskState(to_text(value))


def find_parts(answer: object) -> FoundParts:
    """Return all web addresses and all base64 files in an answer, in the order of the answer. Blocks.

    We do not know which fields contain files, so files are recognized by content; whether a part is a page turns out
    later, when it is decoded. In a list with files, an item without a file (null, false, a number, a word or an empty
    list) is a missing page, except a word for success at the end of the list. The same address or content is returned
    twice only if one list contains it twice, as may happen with blank pages, or if two fields for the sides of a sheet
    contain it.
    """
    search = _Search()
    search.find_files(answer)
    if search.is_cut:
        _LOGGER.debug("Of an answer about a scan only %d values are looked at", MAX_ANSWER_ROWS)
    found = search.with_missing()
    has_more = (
        search.has_more or (search.is_cut and bool(search.found)) or len(found) > MAX_SCAN_FILES
    )
    return FoundParts(
        parts=tuple(one.part for one in found[:MAX_SCAN_FILES]),
        places=tuple(one.place for one in found[:MAX_SCAN_FILES]),
        items=tuple(one.items for one in found[:MAX_SCAN_FILES]),
        has_more=has_more,
        has_half=search.has_half,
        lacks_side=search.lacks_side,
        expected=search.expected,
        is_open=search.is_open,
        is_plain=not (has_more or search.has_half or search.lacks_side or search.is_open)
        and len({one.place for one in found}) == 1
        and all(one.part for one in found),
    )


class _FoundPart(NamedTuple):
    part: Part
    place: str
    items: tuple[int, ...]


class _Search:
    """Searches a JSON value, and the JSON inside its texts, for files."""

    def __init__(self) -> None:
        self.found: list[_FoundPart] = []
        self.has_more = self.has_half = self.lacks_side = self.is_open = False
        self.expected = 0
        self.is_cut = False
        self._left = MAX_ANSWER_ROWS
        # Bytes of JSON inside texts that may still be parsed. If such JSON has a text that is JSON again, that text is
        # counted once more, because each level takes its own memory.
        self._inner_left = MAX_SCAN_ANSWER_BYTES
        self._numbers = count()
        self._known: dict[Part, str] = {}
        # Places that contain a file, at any depth.
        self._having: set[str] = set()
        # Values without a file, each with the number of files found before it.
        self._empty: list[tuple[int, _FoundPart]] = []

    def find_files(
        self, value: object, place: str = "", items: tuple[int, ...] = (), depth: int = 0
    ) -> bool:
        """Record the files in a value; return whether there are any."""
        if self.has_more or not self._left:
            self.is_cut = not self.has_more
            return False
        self._left -= 1
        if isinstance(value, str | LongText):
            inner = self._inner(value)
            if not isinstance(inner, dict | list | str | LongText):
                return self._take([*islice(read_parts(value), MAX_SCAN_FILES + 1)], place, items)
            if isinstance(inner, str | LongText):
                # This recursion needs no limit: each level of JSON in a text doubles the backslashes before a quote, so
                # a text can have only a few levels.
                return self.find_files(inner, place, items, depth)
            value = inner
        if not isinstance(value, dict | list):
            return False
        if depth == MAX_ANSWER_DEPTH:
            self.is_cut = self.is_cut or bool(value)
            return False
        has_any = has_file = has_nothing = is_open = False
        there: set[str | None] = set()
        lacking: set[str | None] = set()
        noted = len(self._empty)
        for name, one in _inside(value):
            below, at, inside = place + name, len(self.found), len(self._empty)
            below_items = (*items, next(self._numbers)) if name.endswith("[]") else items
            side = side_of_sheet(name)
            if self.find_files(one, below, below_items, depth + 1):
                has_any = True
                has_file = has_file or isinstance(one, str | LongText)
                there.add(side)
            else:
                # A field that is false is a flag; false stands for a missing page only as an item in a list of pages.
                is_empty = one is not False and _is_empty(one) and not _REPORT_NAMES.search(name)
                has_nothing = has_nothing or (is_empty and _is_nothing(one))
                lacking.add(side)
                # A list without files, an empty value or the report of a failure may stand for missing pages.
                is_open = is_open or is_empty or isinstance(one, list) or _is_wrong(name, one)
                if _COUNT_WORDS & {*_words(name)} and (number := to_int(one)) is not None:
                    self.expected = max(self.expected, number if number <= MAX_SCAN_FILES else 0)
                # A value without any file counts as one empty value, so the empty values inside it are dropped.
                del self._empty[inside:]
                self._empty.append((at, _FoundPart(b"", below, below_items)))
        if has_any:
            self._having.add(place)
            if isinstance(value, dict):
                self.has_half = self.has_half or (has_file and has_nothing)
                # None stands for all fields that are not for a side, such as a file's name; those need not have a file.
                missing = lacking - there - {None}
                self.lacks_side = self.lacks_side or bool(there - {None} and missing)
                self.is_open = self.is_open or is_open or _has_gap(value)
            if isinstance(value, list) and len(self._empty) > noted and _reports_success(value[-1]):
                self._empty.pop()
        return has_any

    def with_missing(self) -> list[_FoundPart]:
        """Return the files, with b"" in the place of each missing file."""
        found = [*self.found]
        if not self.has_more and not self.is_cut:
            for at, one in reversed(self._empty):
                if one.place in self._having:
                    found.insert(at, one)
        return found

    def _take(self, parts: list[Part], place: str, items: tuple[int, ...]) -> bool:
        if parts:
            self._having.add(place)
        is_list = len(parts) > 1
        place += "[]" if is_list else ""
        for part in parts:
            # Both sides of a sheet may be blank and therefore have the same content.
            is_known = part in self._known and part != b"" and side_of_sheet(place) is None
            if is_known and self._known[part] != place:
                # The second occurrence may also be the other side of a sheet, if both sides are blank.
                self.has_half = self.has_half or isinstance(part, bytes)
                continue
            if len(self.found) == MAX_SCAN_FILES:
                self.has_more = True
                break
            self._known[part] = place
            self.found.append(
                _FoundPart(part, place, (*items, next(self._numbers)) if is_list else items)
            )
        return bool(parts)

    def _inner(self, text: str | LongText) -> object:
        """Parse the JSON inside a text; None if the text is not JSON.

        Sets `is_cut` if the text seems to contain a page but is broken or too long.
        """
        is_long = isinstance(text, LongText)
        try:
            start = text.start() if isinstance(text, LongText) else text
            if not start.lstrip("\ufeff \t\r\n").startswith(_JSON_STARTS):
                return None
            if len(text) > self._inner_left:
                raise ValueError("too much")
            self._inner_left -= len(text)
            if isinstance(text, str):
                return to_json(text.lstrip("\ufeff"))
            inner = bytearray()
            for piece in text.text_pieces():
                inner += piece.encode("utf-8", "surrogatepass")
            return parse_long(inner.removeprefix(b"\xef\xbb\xbf"))
        except ValueError:
            self.is_cut = self.is_cut or is_long or bool(_PAGE_HINT.search(str(text)))
            return None


def side_of_sheet(place: str) -> str | None:
    """Return the side of a sheet ("front", "背面", …) that a place's name stands for; None for any other name."""
    words = _words(place.rpartition(".")[2])
    sides = [one for one in words if one in _SIDE_WORDS]
    return sides[0] if len(sides) == 1 and _PAGE_WORDS.issuperset({*words} - {*sides}) else None


def _words(name: str) -> list[str]:
    return [one.lower() for one in _NAME_WORDS.findall(name)]


def _is_wrong(name: str, value: object) -> bool:
    """Tell whether a field reports that a page is missing or is yet to come."""
    return _FAILURE_NAMES.search(name) is not None and value not in (
        0,
        "0",
        "",
        None,
        False,
        [],
        {},
    )


def _has_gap(value: dict[str, object]) -> bool:
    """Tell whether a number is missing in a series of field names, such as 2 in page1, page3."""
    numbers: dict[str, list[int]] = {}
    for name in islice(value, MAX_ANSWER_ROWS):
        if (
            len(digits := _DIGITS.findall(text := str(name)[:_NAME_LENGTH])) == 1
            and len(digits[0]) < 4
        ):
            numbers.setdefault(_DIGITS.sub("", text), []).append(int(digits[0]))
    return any(
        len(found) > 1 and max(found) - min(found) >= len(found) for found in numbers.values()
    )


def _is_empty(value: object, depth: int = 3) -> bool:
    """Tell whether a value is empty or contains only empty values, down to `depth` levels."""
    if isinstance(value, dict | list) and depth:
        inside = value.values() if isinstance(value, dict) else value
        return all(_is_empty(one, depth - 1) for one in inside)
    return _is_nothing(value)


def _is_nothing(value: object) -> bool:
    if isinstance(value, str):
        return is_nothing(value)
    return value is False or value in (None, {}, [])


def _reports_success(value: object) -> bool:
    return isinstance(value, str) and value.strip().lower() in SUCCESS_WORDS


def _inside(value: dict[str, object] | list[object]) -> Iterator[tuple[str, object]]:
    """Yield the names and values of the items or fields in a value.

    All items of a list have the same name, and so have all fields whose names differ only in digits (`page1`,
    `page2`). If a field's name has no digits and its value is not a file, such as a number `page` next to `page1`, the
    field describes the others and keeps its own name.
    """
    if isinstance(value, list):
        yield from (("[]", one) for one in islice(value, MAX_ANSWER_ROWS))
        return
    names = [str(name)[:_NAME_LENGTH] for name in islice(value, MAX_ANSWER_ROWS)]
    plain = [_DIGITS.sub("", name) for name in names]
    counts = Counter(plain)
    for name, short, one in zip(names, plain, value.values(), strict=False):
        is_about = name == short and not _may_be_file(one)
        yield (f".{short}[]" if counts[short] > 1 and not is_about else f".{name}"), one


def _may_be_file(value: object) -> bool:
    if isinstance(value, str):
        return len(value) > _WORD_LENGTH or _PAGE_HINT.search(value) is not None
    return isinstance(value, dict | list | LongText)
