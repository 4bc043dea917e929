"""One scan, from the service's task to files in the spool. Everything that scans comes in here."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
import hashlib
import logging
from pathlib import Path
import re
from typing import Final, NamedTuple

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from yarl import URL

from ..api.addresses import is_vendors
from ..api.errors import (
    BoxNotRespondingError,
    BoxOfflineError,
    LiankeConnectionError,
    LiankeError,
    TooFrequentError,
)
from ..api.scan_texts import Part
from ..api.scanning import ScanTask, side_of_sheet
from ..api.tasks import TaskState
from ..const import CONF_SERVER, ScanSource
from ..documents.document import CONVERTED_IMAGES, IMAGES, FileType, sniff
from ..documents.download import async_download
from ..documents.pdf_client import PdfError
from ..documents.spool import Spool, async_get_spool, unlink_all, write_bytes
from ..documents.whole import UNCHECKED, async_check
from ..errors import InputError
from ..jobs.outcome import may_have_arrived
from ..jobs.rules import max_document_bytes
from ..runtime import LiankeConfigEntry
from .hub import FORGET_PAUSE, async_get_hub
from .job import ScanRequest

_LOGGER = logging.getLogger(__name__)

SCAN_SECONDS: Final = 900.0
"""for a whole scan: a feeder may hold fifty sheets."""
RESULT_SECONDS: Final = 60.0
"""from the end of a scan until its pages must be there, and from the last of them where nobody knows of an end."""
FIRST_PAUSE: Final = 5.0
"""seconds until a scan is asked about: no scanner has moved over a page, and sent it, much sooner."""
LONGEST_PAUSE: Final = 10.0
"""seconds between two polls; the service asks for no more than one in ten seconds where somebody waits for long."""
RETRY_PAUSE: Final = 1.0
"""seconds until a page is fetched again; the next one is twice as long."""
MAX_FAILED_POLLS: Final = 5
"""after each other, of those that reach the service; others are made for as long as a scan may take."""
MAX_SCAN_BYTES: Final = 500 * 1024 * 1024
"""of all files of one scan."""
FETCHES: Final = 6
"""of a page that does not come, or not whole, in half a minute and the time that they take."""
FETCH_SECONDS: Final = 1800.0
"""for all pages of a scan: 500 MB come in this time over a slow line."""

_ENDS: Final = frozenset({TaskState.SUCCESS, TaskState.FAILURE, TaskState.REVOKED})
_PASSING: Final = (
    LiankeConnectionError,
    BoxOfflineError,
    BoxNotRespondingError,
    TooFrequentError,
)
"""Errors of polls that say nothing of the scan."""
_FAILED: Final = {TaskState.REVOKED: "scan_canceled", TaskState.FAILURE: "scan_failed"}
_PASSING_CODES: Final = frozenset({5002, 10009})
_FINE: Final = frozenset({None, 0, 200})
"""Codes of a result that say of no error."""
_LEAST_PAGE: Final = 16
"""bytes; what is shorter cannot be told to be a page or none."""
_INCOMPLETE: Final = "scan_incomplete"
_UNCHECKED: Final = "scan_unchecked"
# Reasons why a part is no page, and what is told of it; of others that it could not be fetched.
_REASONS: Final = {
    _INCOMPLETE: _INCOMPLETE,
    _UNCHECKED: _UNCHECKED,
    "file_too_large": "scan_too_large",
}
_LASTING: Final = frozenset({_UNCHECKED, "file_too_large", "url_invalid"})
# Names of what is no page, or a small picture of one.
_BESIDE: Final = re.compile(
    r"(?i)help|faq|logo|icon|brand|banner|avatar|qr_?code|thumb|preview|small"
)
_PAGES: Final = frozenset({FileType.JPEG, FileType.PNG, FileType.PDF})
# What the service calls a scanner in use, as one that prints is; nobody knows its code.
_BUSY: Final = "忙"


class ScannedFile(NamedTuple):
    """A page, or a PDF of pages, in the spool. `extension` has its dot, `size` is in bytes."""

    path: Path
    extension: str
    size: int
    digest: str


class ScanError(LiankeError):
    """A scan that did not end well: `reason` is the translation's key, `detail` what the service said."""

    is_passing = False

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail)
        self.reason = reason


class _IncompleteError(InputError):
    """A page is not whole, or is not there, or nobody could say in time whether it is, however often it was fetched."""

    reason = _INCOMPLETE


class _NoPageError(_IncompleteError):
    """What came is no file that we know: a page without its beginning, as a rule."""


class _OtherError(_NoPageError):
    """What came is a whole file of a kind that no page has: an error instead of a page, or something beside pages."""


class Scanned(NamedTuple):
    """What came of a scan: files in the order of the pages, and why these are not all, None where they are."""

    files: tuple[ScannedFile, ...]
    failure: ScanError | None


@asynccontextmanager
async def async_scan_page(
    hass: HomeAssistant,
    entry: LiankeConfigEntry,
    scanner_id: str,
    request: ScanRequest,
    *,
    device: str | None = None,
    task_id: str | None = None,
    on_started: Callable[[str], Awaitable[None]] | None = None,
) -> AsyncIterator[Scanned]:
    """Scan what lies on the glass, or all that is in the feeder; yield one file at least. `device` is whose turn it is.

    Files that are still there at the end of the block are deleted. If all came whole, it surely ended well, and its
    answer leaves no question what its pages are, the service is asked to forget them, once it has told that nothing
    came after them; until then they are to be had again by the task's id, which `on_started` gets once the service has
    taken the scan. With a `task_id` of such a scan, nothing is scanned. What `on_started` raises cancels the scan, and
    so does whoever cancels this call; without it and a `task_id`, so does a restart. Raises InputError for what the
    scanner cannot do, and while it is in use (scanner_busy); ScanError once the service was asked, also where a scan
    may have happened (scan_in_doubt, scan_busy_in_doubt); LiankeError where it surely has not; HomeAssistantError:
    disk_full.
    """
    hub, spool = async_get_hub(hass, entry), await async_get_spool(hass)
    async with spool.scope():
        async with hub.using(scanner_id, device, is_begun=task_id is not None) as place:
            is_noted = is_taken_up = task_id is not None
            if task_id is None:
                is_taken_up = on_started is not None
                await hub.async_listed()
                fields = hub.abilities(scanner_id).fields(request)
                try:
                    task_id = await hub.async_start(scanner_id, fields, place)
                except LiankeError as err:
                    if not may_have_arrived(err):
                        raise
                    if _BUSY in err.detail:
                        # The words of the service are Chinese, whatever the user reads.
                        raise ScanError("scan_busy_in_doubt") from None
                    raise ScanError("scan_in_doubt", err.detail) from None
            try:
                if not is_noted:
                    await (on_started or hub.async_note_left)(task_id)
                    is_noted = True
                task = _Task(hass, entry, spool, request, task_id)
                scanned, shape = await task.async_follow()
            except (asyncio.CancelledError, HomeAssistantError, InputError) as err:
                # Pages for which there is no room are fetched later, by whoever takes them up.
                if isinstance(err, asyncio.CancelledError) or not (is_noted and is_taken_up):
                    hub.cancel(task_id, place, is_taken_up=is_taken_up)
                raise
            except ScanError as err:
                if not is_taken_up and err.reason == "scan_timed_out":
                    hub.cancel(task_id, place)
                elif not is_taken_up:
                    hub.leave(task_id)
                raise
        is_done = not is_taken_up
        try:
            yield scanned
            is_done = True
        finally:
            if is_done and shape is not None:
                is_stack = request.source is not ScanSource.GLASS
                hub.forget(task_id, shape, FORGET_PAUSE if is_stack else FIRST_PAUSE)
            elif not is_taken_up:
                hub.leave(task_id)


@dataclass(frozen=True, slots=True)
class _Task:
    """A scan at the service, from its start until its pages are here."""

    hass: HomeAssistant
    entry: LiankeConfigEntry
    spool: Spool
    request: ScanRequest
    task_id: str

    async def async_follow(self) -> tuple[Scanned, str | None]:
        """Wait for the end and fetch the pages; return also what is to be forgotten of it, None for nothing.

        Raises ScanError where there are none; HomeAssistantError: disk_full.
        """
        task, is_end = await self._async_end()
        parts = await self._async_fetch(_Parts(task, self.request))
        task, (files, failure) = parts.task, parts.scanned()
        if failure is None and task.has_more:
            failure = ScanError("scan_too_many_pages", str(len(files)))
        elif failure is None:
            reason = _FAILED.get(task.state)
            if reason is None and not is_end:
                reason = "scan_timed_out"
            elif reason is None and task.code not in _FINE:
                reason = "scan_failed"
            failure = None if reason is None else ScanError(reason, task.message)
        if not files:
            raise failure or ScanError("scan_not_understood", task.message)
        is_sure = (
            failure is None
            and task.state in _ENDS
            and task.is_plain
            and parts.is_one_answer
            and len(files) == len(task.parts)
            and not any(map(_is_named_beside, task.places))
            and not (self.request.duplex and _is_odd(files))
        )
        return Scanned(files, failure), task.shape if is_sure else None

    async def _async_end(self) -> tuple[ScanTask, bool]:
        """Poll until it has ended and its pages are there; return its last state, and whether it ended in time."""
        clock, request = self.hass.loop.time, self.request
        until = clock() + SCAN_SECONDS
        # Since when the service has told nothing new: of an end, or of pages where it names no end that is known.
        still_since = 0.0
        task: ScanTask | None = None
        shape: str | None = None
        pause, failed = FIRST_PAUSE, 0
        while clock() < until:
            await asyncio.sleep(pause)
            pause = min(pause * 1.2, LONGEST_PAUSE)
            asked = clock()
            try:
                task = await self.entry.runtime_data.client.scanners.task(self.task_id)
            except LiankeError as err:
                # After a power cut the network may be there later than Home Assistant.
                failed += not isinstance(err, _PASSING)
                if failed < MAX_FAILED_POLLS and clock() < until:
                    continue
                raise ScanError("scan_lost", err.detail) from None
            failed = 0
            # An answer with pages in it may take minutes, in which the scan neither hangs nor is still.
            took = clock() - asked
            until += took
            still_since += took
            if task.state is TaskState.REVOKED:
                return task, True
            is_over = task.state in _ENDS
            if not is_over and not _may_have_ended(task, request):
                shape = None
                continue
            is_failed = task.state is TaskState.FAILURE or (is_over and task.code not in _FINE)
            if is_failed and not task.parts:
                return task, True
            before, shape = shape, task.shape
            if shape != before:
                still_since = clock()
            # The pages of a stack may come one by one, after its end too. On the glass is one, for which somebody
            # waits: whether anything comes after it is asked before it is deleted.
            is_page_there = len(task.parts) >= task.expected and not all(
                map(_is_named_beside, task.places)
            )
            is_still = shape == before or request.source is ScanSource.GLASS
            if is_over and is_page_there and is_still:
                return task, True
            if clock() - still_since > RESULT_SECONDS:
                return task, True
        if task is None:
            raise ScanError("scan_timed_out")
        return task, False

    async def _async_fetch(self, parts: _Parts) -> _Parts:
        """Fetch the pages; return the answer of which most came. Raises HomeAssistantError: disk_full."""
        answers, pause = [parts], RETRY_PAUSE
        # What has not come by then is missing.
        with suppress(TimeoutError):
            async with asyncio.timeout(FETCH_SECONDS):
                for fetch in range(FETCHES):
                    if fetch:
                        await asyncio.sleep(pause)
                        pause *= 2
                        again = await self._async_again(parts.task)
                        if not parts.goes_on_with(again):
                            answers.append(parts := _Parts(again, self.request))
                    for number in parts.waiting():
                        try:
                            page = await self._async_get(parts.task.parts[number], fetch)
                        except InputError as err:
                            parts.errors[number] = err
                            continue
                        parts.pages[number] = page
                        parts.size += page.size
                        if parts.size > MAX_SCAN_BYTES:
                            return parts
                    if not parts.waiting():
                        break
        return max(reversed(answers), key=lambda one: len(one.pages))

    async def _async_again(self, task: ScanTask) -> ScanTask:
        """Return what is said of it by now, or what was said if it is less, or nothing is said."""
        try:
            again = await self.entry.runtime_data.client.scanners.task(self.task_id)
        except LiankeError:
            return task
        return again if len(again.parts) >= len(task.parts) else task

    async def _async_get(self, part: Part, fetch: int) -> ScannedFile:
        """Return the new file that a part is, which is fetched for the `fetch`th time, from 0.

        Raises InputError, such as _IncompleteError; HomeAssistantError: disk_full.
        """
        if isinstance(part, bytes):
            path = await self.spool.async_new_path(".page")
            await self.hass.async_add_executor_job(write_bytes, path, part)
            return await self._async_look(path)
        server = URL(self.entry.data[CONF_SERVER]).origin()
        try:
            addresses = _addresses(URL(part), server, fetch)
        except ValueError:
            raise InputError("url_invalid") from None
        while True:
            address = addresses.pop(0)
            is_secure = address.scheme == "https"
            path = await self.spool.async_new_path(".page")
            await async_download(
                self.hass,
                str(address),
                path,
                max_document_bytes(self.entry.options),
                trusted=server,
                unencrypted=None if is_secure else address.origin(),
                # What answers there has to show the certificate of the name.
                made_up=is_secure,
            )
            try:
                return await self._async_look(path)
            except _OtherError:
                if not addresses:
                    raise

    async def _async_look(self, path: Path) -> ScannedFile:
        """Return what a file is, decoded to its end; one that is no page is deleted. Raises InputError."""
        file = await self.hass.async_add_executor_job(_look, path)
        try:
            await async_check(self.hass, path, FileType(file.extension), user="scans")
        except PdfError as err:
            _LOGGER.debug("A page of a scan is not kept: %s", err.reason)
            await self.hass.async_add_executor_job(unlink_all, [path])
            # Nobody can say here whether the page is whole, so it is none.
            raise (
                InputError(_UNCHECKED) if err.reason in UNCHECKED else _IncompleteError()
            ) from None
        return file


def _may_have_ended(task: ScanTask, request: ScanRequest) -> bool:
    """Return whether a scan in a state that nobody knows may be over.

    A word that is not known ends nothing: a feeder may hold more. There is one page on the glass; and where no state
    is named at all, the code of a result is all that is ever said.
    """
    if task.state is not TaskState.UNKNOWN:
        return False
    is_failed = task.code not in _FINE | _PASSING_CODES
    if not task.parts:
        return not task.is_stated and is_failed
    if request.source is ScanSource.GLASS:
        return True
    return not task.is_stated and (is_failed or task.code == 200)


class _Parts:
    """The parts of an answer, of which each is a page, something beside the pages, or not here."""

    def __init__(self, task: ScanTask, request: ScanRequest) -> None:
        self.task = task
        self._request = request
        # By their numbers in the answer; and what was said last of a part that is no page.
        self.pages: dict[int, ScannedFile] = {}
        self.size = 0
        self.errors: dict[int, InputError] = {}
        # Where it came again with other addresses, nobody can tell whether the order is another.
        self.is_one_answer = True

    def goes_on_with(self, again: ScanTask) -> bool:
        """Go on with another answer, unless its order may be another: then all must be fetched anew."""
        before = self.task
        if len(again.parts) > len(before.parts) or _paths(again) != _paths(before):
            return False
        if again.parts != before.parts and self.pages:
            self.is_one_answer = False
        self.task = again
        return True

    def waiting(self) -> list[int]:
        """Return the numbers of the parts that may still become pages."""
        return [
            number
            for number in range(len(self.task.parts))
            if number not in self.pages
            and not (
                (error := self.errors.get(number))
                and (error.reason in _LASTING or self._is_beside(number, error))
            )
        ]

    def scanned(self) -> Scanned:
        """Return the pages in their order, and why these are not all."""
        task, pages = self.task, self.pages
        files: list[ScannedFile] = []
        missing: dict[str, InputError] = {}
        seen: dict[str, int] = {}

        def lacks(error: InputError) -> None:
            missing[str(len(files) + len(missing) + 1)] = error

        is_too_large = self.size > MAX_SCAN_BYTES
        for number in range(max(pages) + 1 if is_too_large else len(task.parts)):
            if (page := pages.get(number)) is None:
                error = self.errors.get(number) or _IncompleteError()
                if not self._is_beside(number, error):
                    lacks(error)
            elif _is_named_beside(task.places[number]) and (self._numbers or task.is_open):
                # A small picture, of a page that is there as well, or not.
                if not self._numbers or self._is_item_without(number):
                    lacks(_IncompleteError())
            elif (first := seen.setdefault(page.digest, number)) == number:
                files.append(page)
            elif not self._is_same_page(first, number):
                if self.is_one_answer:
                    files.append(page)
                else:
                    # What came twice may stand for what did not.
                    lacks(_IncompleteError())
        if is_too_large:
            return Scanned(tuple(files), ScanError("scan_too_large"))
        if not files and all(isinstance(e, _NoPageError) for e in self.errors.values()):
            # Nobody has seen what pages look like here.
            missing.clear()
        if self._request.duplex and not missing and self._lacks_side(files):
            # Each sheet has two sides, an empty one, too.
            lacks(_IncompleteError())
        if not missing:
            return Scanned(tuple(files), None)
        reasons = {_REASONS.get(one.reason, "scan_fetch_failed") for one in missing.values()}
        if files and "scan_fetch_failed" in reasons:
            # Which these are is known then.
            reasons.add(_INCOMPLETE)
            reasons.discard("scan_fetch_failed")
        # A page that can be scanned again as it is comes first.
        return Scanned(tuple(files), ScanError(min(reasons), ", ".join(missing)))

    def _lacks_side(self, files: Sequence[ScannedFile]) -> bool:
        sides = Counter(side_of_sheet(self.task.places[one]) for one in self.pages)
        return (
            self.task.lacks_side
            or (self.task.has_half and _is_odd(files))
            # What has no other side may be left out as well.
            or (None not in sides and len({*sides.values()}) + (len(sides) == 1) > 1)
        )

    @property
    def _numbers(self) -> list[int]:
        """Those of pages: a small picture of a page is none that the others are beside of."""
        return [one for one in self.pages if not _is_named_beside(self.task.places[one])]

    def _is_beside(self, number: int, err: InputError) -> bool:
        """Return whether a part that is no page surely stands for none.

        Such as a link to a help page, a logo, or the picture of each page in a kind for the web. Of most it is told by
        where they are and what came: a whole file, where no page is; an error that came instead of a page is where the
        pages are, or in an item of their list that has no other. One that is gone may have been anything, so there its
        name has to say that it is no page.
        """
        if not (numbers := self._numbers):
            return False
        task, is_duplex = self.task, self._request.duplex
        place = task.places[number]
        page_places = {task.places[one] for one in numbers}
        if task.parts[number] == b"":
            return self._request.source is ScanSource.GLASS or not any(
                one == place or one.startswith((f"{place}.", f"{place}[")) for one in page_places
            )
        if place in page_places or self._is_item_without(number):
            return False
        if is_duplex and side_of_sheet(place):
            return False
        if _is_named_beside(place):
            return True
        alike = task.places.count(place)
        if not isinstance(err, _OtherError) or alike > len(numbers):
            return False
        # The other side of a sheet may have a name of its own, unless each has both, or the pages are a list.
        return (
            not is_duplex
            or alike > 1
            or len(numbers) % 2 == 0
            or any(_is_list_beside(one, place) for one in page_places)
        )

    def _is_same_page(self, one: int, other: int) -> bool:
        """Return whether parts with the same content are one page: as an address and by itself, or by two addresses."""
        task = self.task
        if type(task.parts[one]) is not type(task.parts[other]):
            return True
        place = task.places[other]
        # Also the first of a list, which is there beside it.
        is_one_item = all(a == b for a, b in zip(task.items[one], task.items[other], strict=False))
        return is_one_item and task.places[one] != place and side_of_sheet(place) is None

    def _is_item_without(self, number: int) -> bool:
        """Return whether a part is in an item of a list, of which others have a page and this one has none."""
        task = self.task
        if not (items := task.items[number]):
            return False
        list_place = task.places[number].rpartition("[]")[0] + "[]"
        in_list = [one for one in self._numbers if task.places[one].startswith(list_place)]
        return bool(in_list) and all(task.items[one][: len(items)] != items for one in in_list)


def _is_odd(files: Sequence[ScannedFile]) -> bool:
    """Return whether a sheet has one side only: a PDF may hold both."""
    return len(files) % 2 == 1 and all(one.extension != FileType.PDF for one in files)


def _paths(task: ScanTask) -> list[object]:
    """Return what tells the parts of a result apart, but for signatures."""
    return [len(one) if isinstance(one, bytes) else one.partition("?")[0] for one in task.parts]


def _is_named_beside(place: str) -> bool:
    """Return whether the name of a place says that no page is there, or a small picture of one."""
    return _BESIDE.search(place.rpartition(".")[2]) is not None


def _is_list_beside(pages: str, place: str) -> bool:
    """Return whether pages are in a list that a place is not in."""
    lists = pages.split("[]")[:-1]
    return lists != place.split("[]")[: len(lists)]


def _addresses(address: URL, server: URL, fetch: int) -> list[URL]:
    """Return where to look for a page that is fetched for the `fetch`th time, from 0.

    Pages travel over the internet in a way that nobody else can read; only the vendor's own hosts are believed to have
    no other.
    """
    if address.scheme == "https" or address.origin() == server:
        return [address]
    secure = address.with_scheme("https").with_port(None)
    if not is_vendors(address.host):
        return [secure]
    return [address] if fetch else [secure, address]


def _look(path: Path) -> ScannedFile:
    """Return a file as what its content says it is; one that is no page is deleted. Blocks.

    Raises InputError, such as _IncompleteError.
    """
    size = path.stat().st_size
    with path.open("rb") as reader:
        digest = hashlib.file_digest(reader, "sha256").hexdigest()
    kind: FileType | None = None
    with suppress(InputError):
        kind = sniff(path, path.name, may_be_raw=False)
    if kind in _PAGES:
        return ScannedFile(path, str(kind), size, digest)
    path.unlink()
    if size < _LEAST_PAGE:
        raise _IncompleteError
    if kind is None:
        raise _NoPageError
    raise _OtherError(_UNCHECKED if kind in IMAGES | CONVERTED_IMAGES else None)
