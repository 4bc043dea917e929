"""Scanning. Only the vendor's own clients show how: requests are as theirs, answers are read by what is in them."""

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
from .scan_texts import SUCCESS_WORDS, Part, is_nothing, read_parts
from .tasks import TaskState
from .transport import Purpose, Transport

_LOGGER = logging.getLogger(__name__)

# Files of a scan; one with more ends with `scan_too_many_pages`.
MAX_SCAN_FILES: Final = 200

_STATE_WORDS: Final = {
    **{word.upper(): TaskState.SUCCESS for word in SUCCESS_WORDS},
    "FAILED": TaskState.FAILURE,
    "CANCELED": TaskState.REVOKED,
    "CANCELLED": TaskState.REVOKED,
}
# Characters of a field's name that are compared. A text of up to _WORD_LENGTH characters is a word, not a file.
_NAME_LENGTH: Final = 40
_WORD_LENGTH: Final = 40
# Words in names of fields. The name of a sheet's side has one of _SIDE_WORDS, and beside it _PAGE_WORDS only.
_NAME_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[正反背]面")
_SIDE_WORDS: Final = frozenset(
    ("front", "back", "rear", "verso", "recto", "obverse", "reverse", "odd", "even")
) | {"正面", "反面", "背面"}
_PAGE_WORDS: Final = frozenset(
    ("page", "pages", "side", "img", "image", "images", "pic", "picture", "photo", "scan")
) | {"url", "urls", "file", "files", "content", "data", "path", "src", "link", "base"}
_COUNT_WORDS: Final = frozenset(["total", "count", "cnt", "num", "number", "pages", "sheets"])
# Names of fields that report on a scan; of those that report a failure, or that more is to come.
_REPORT_NAMES: Final = re.compile(
    r"(?i)msg|message|err|code|info|reason|remark|desc|note|time|state|status"
)
_FAILURE_NAMES: Final = re.compile(r"(?i)err|fail|more|next")
_DIGITS: Final = re.compile(r"\d+")
# How JSON in a text begins; what suggests that a text holds a page.
_JSON_STARTS: Final = ("{", "[", '"')
_PAGE_HINT: Final = re.compile(r"(?i)https?:\\?/|;base64,|/9j|iVBORw0KGgo|JVBERi0")


@dataclass(frozen=True, kw_only=True, slots=True)
class Scanner:
    scanner_id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class FoundParts:
    """The files that an answer about a scan holds, and what says whether that is all of them."""

    parts: tuple[Part, ...] = field(default=(), repr=False)
    # For each part the names of the fields it is in; equal for the items of one list.
    places: tuple[str, ...] = field(default=(), repr=False)
    # For each part the items of lists it is in; each item of the answer has a number of its own.
    items: tuple[tuple[int, ...], ...] = field(default=(), repr=False)
    # The answer holds more than we look at.
    has_more: bool = False
    # A field beside one with a file is empty or has the same file, as the other side of a sheet may.
    has_half: bool = False
    # A field named for one side of a sheet has a file, one for the other side has none.
    lacks_side: bool = False
    # The largest number of pages that the answer mentions, 0 for none.
    expected: int = 0
    # Something beside the parts is empty and may have been a page.
    is_open: bool = False
    # Certain which parts are pages: all of them are in one place, and nothing else may have been a page.
    is_plain: bool = False


@dataclass(frozen=True, kw_only=True)
class ScanTask(FoundParts):
    """A scan under way or at its end, as one answer reports it."""

    task_id: str
    state: TaskState
    # The service's, as far as it sends them.
    code: int | None = None
    message: str = ""
    # The answer names a state, maybe one that we do not know.
    is_stated: bool = True

    @property
    def shape(self) -> str:
        """Changes when more of the scan comes. Ignores addresses: a signed one may differ in each answer."""
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
        """Return the data of `GET /scanning/scanner_status` as it came."""
        return await self._ask("/scanning/scanner_status", scanner_id)

    async def params(self, scanner_id: str) -> Mapping[str, object]:
        """Return the data of `GET /scanning/scanner_params` (the capabilities) as it came."""
        return await self._ask("/scanning/scanner_params", scanner_id)

    async def start(self, scanner_id: str, fields: Mapping[str, JsonValue]) -> str:
        """Start a scan and return its task id (`POST /scanning/job`).

        `fields` are `colorMode`, `inputSource` (Platen or ADF), `format` (JPEG or PDF), `duplex` (0 or 1) and, unless
        all of the glass is wanted, `size`. Each value is a word from `scanner_params`.
        """
        number = to_int(scanner_id)
        body: dict[str, JsonValue] = {
            **self._auth,
            # The service expects a number. An id of another kind has never been seen.
            "scanningId": scanner_id if number is None else number,
            **fields,
        }
        data = await self._transport.call("POST", "/scanning/job", body=body, purpose=Purpose.TRACK)
        task_id = to_optional_text(to_mapping(data).get("task_id"))
        if task_id is None:
            raise LiankeResponseError("scan without task_id")
        return task_id

    async def task(self, task_id: str) -> ScanTask:
        """`GET /scanning/job`: the state of a scan, and what has come of it."""
        data = await self._transport.call(
            "GET",
            "/scanning/job",
            query={**self._auth, "task_id": task_id},
            purpose=Purpose.SCAN,
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
            # An answer of nothing but pages reports success without a code.
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
    """Read a state that print jobs have, or a plain word for one, such as "done"."""
    return _STATE_WORDS.get(to_text(value).upper()) or TaskState(to_text(value))


def find_parts(answer: object) -> FoundParts:
    """Find every web address and every file in base64 in an answer, in their order. Blocks while it decodes.

    Nobody knows the names of their fields, so content alone decides; whether a part is a page shows later, when it is
    decoded. Where other items of a list have a file, an item without one is a missing page, whatever it is: null,
    false, a number, a word, an empty list. The exception is a word for success at the list's end. Each address comes
    once, and so does each content, unless one list has it twice, like two blank pages.
    """
    search = _Search()
    search.look(answer)
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
        and all(one.part for one in found)
        and search.expected <= len(found),
    )


class _FoundPart(NamedTuple):
    part: Part
    place: str
    items: tuple[int, ...]


class _Search:
    """Goes through a JSON value, and through JSON inside its texts."""

    def __init__(self) -> None:
        self.found: list[_FoundPart] = []
        self.has_more = self.has_half = self.lacks_side = self.is_open = False
        self.expected = 0
        self.is_cut = False
        self._left = MAX_ANSWER_ROWS
        # Bytes of JSON in texts, and in texts inside those: each level takes memory of its own.
        self._inner_left = MAX_SCAN_ANSWER_BYTES
        self._numbers = count()
        self._known: dict[Part, str] = {}
        # Places with a file in them, at any depth.
        self._having: set[str] = set()
        # What has no file, and how many files were found before it.
        self._empty: list[tuple[int, _FoundPart]] = []

    def look(
        self, value: object, place: str = "", items: tuple[int, ...] = (), depth: int = 0
    ) -> bool:
        """Note the files in a value; return whether there are any."""
        if self.has_more or not self._left:
            self.is_cut = not self.has_more
            return False
        self._left -= 1
        if isinstance(value, str | LongText):
            inner = self._inner(value)
            if not isinstance(inner, dict | list | str | LongText):
                return self._take([*islice(read_parts(value), MAX_SCAN_FILES + 1)], place, items)
            if isinstance(inner, str | LongText):
                # No deeper level, since this ends by itself: a text in a text is half as long at most.
                return self.look(inner, place, items, depth)
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
            if self.look(one, below, below_items, depth + 1):
                has_any = True
                has_file = has_file or isinstance(one, str | LongText)
                there.add(side)
            else:
                # false is a flag. It stands for a missing page only as an item among pages.
                is_empty = one is not False and _is_empty(one) and not _REPORT_NAMES.search(name)
                has_nothing = has_nothing or (is_empty and _is_nothing(one))
                lacking.add(side)
                # A list without files, an empty value or a report of a failure may stand for pages.
                is_open = is_open or is_empty or isinstance(one, list) or _is_wrong(name, one)
                if _COUNT_WORDS & {*_words(name)} and (number := to_int(one)) is not None:
                    self.expected = max(self.expected, number if number <= MAX_SCAN_FILES else 0)
                # Without any file it counts as one empty value: drop the empty ones inside.
                del self._empty[inside:]
                self._empty.append((at, _FoundPart(b"", below, below_items)))
        if has_any:
            self._having.add(place)
            if isinstance(value, dict):
                self.has_half = self.has_half or (has_file and has_nothing)
                # Fields that are no side, such as a file's name or a count, may lie beside one.
                missing = lacking - there - {None}
                self.lacks_side = self.lacks_side or bool(there - {None} and missing)
                self.is_open = self.is_open or is_open or _has_gap(value)
            if isinstance(value, list) and len(self._empty) > noted and _reports_success(value[-1]):
                self._empty.pop()
        return has_any

    def with_missing(self) -> list[_FoundPart]:
        """Return the files, with b"" in the places of missing ones."""
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
            # Both sides of a sheet may be blank, and so have equal content.
            is_known = part in self._known and part != b"" and side_of_sheet(place) is None
            if is_known and (isinstance(part, str) or self._known[part] != place):
                # It may also be the other side of a sheet, equally blank.
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
        """Parse JSON inside a text, None if there is none.

        Sets `is_cut` for a text that seems to hold a page, but is broken or too long.
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
            for piece in text.pieces():
                inner += piece.encode("utf-8", "surrogatepass")
            return parse_long(inner.removeprefix(b"\xef\xbb\xbf"))
        except ValueError:
            self.is_cut = self.is_cut or is_long or bool(_PAGE_HINT.search(str(text)))
            return None


def side_of_sheet(place: str) -> str | None:
    """Return the side of a sheet ("front", "背面", …) that a place is named for."""
    words = _words(place.rpartition(".")[2])
    sides = [one for one in words if one in _SIDE_WORDS]
    return sides[0] if len(sides) == 1 and _PAGE_WORDS.issuperset({*words} - {*sides}) else None


def _words(name: str) -> list[str]:
    return [one.lower() for one in _NAME_WORDS.findall(name)]


def _is_wrong(name: str, value: object) -> bool:
    """Tell whether a field reports that a page is missing, or still to come."""
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
    """Tell whether numbers are missing in a series of names, such as page1, page3."""
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
    """Tell whether nothing is in a value, down to `depth` levels."""
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
    """Yield the names and values in a value.

    Items of a list share a name, and so do fields whose names differ in digits alone (`page1`, `page2`). A field
    without digits that is no file is about the others, such as the number `page` beside `page1`, and keeps a name of
    its own.
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
