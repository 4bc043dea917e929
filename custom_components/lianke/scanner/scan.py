"""One scan, from the request to the service to the files in the spool. Every scan of the integration runs here."""

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
from ..documents.completeness import UNCHECKED_REASONS, async_check_complete
from ..documents.document import CONVERTED_IMAGES, IMAGES, FileType, sniff
from ..documents.download import async_download
from ..documents.pdf_client import PdfError
from ..documents.spool import Spool, async_get_spool, unlink_all, write_bytes
from ..input_error import InputError
from ..jobs.outcome import may_have_arrived
from ..jobs.rules import max_document_bytes
from ..runtime import LiankeConfigEntry
from .hub import async_get_hub
from .scan_job import ScanRequest
from .scan_rules import FORGET_PAUSE

_LOGGER = logging.getLogger(__name__)

# Maximum seconds for a whole scan; a feeder may hold fifty sheets.
SCAN_SECONDS: Final = 900.0
# Seconds for which the service's answer must not change, once a scan has or may have ended, before no more pages are
# expected.
RESULT_SECONDS: Final = 60.0
# Seconds before the first poll of a scan: even a fast scanner takes about this long to scan and send a page.
FIRST_PAUSE: Final = 5.0
# Maximum seconds between two polls of a scan; the vendor advises one poll in ten seconds (lianke-api, "Ground rules").
LONGEST_PAUSE: Final = 10.0
# Seconds before the first time that missing pages are fetched again; each further pause is twice as long.
RETRY_PAUSE: Final = 1.0
# Maximum number of consecutive polls that fail. Passing errors, such as a lost connection, do not count: they only use
# up SCAN_SECONDS.
MAX_FAILED_POLLS: Final = 5
# Maximum bytes of all files of one scan together.
MAX_SCAN_BYTES: Final = 500 * 1024 * 1024
# How many times a missing or incomplete page is fetched; the pauses in between add up to half a minute.
FETCHES: Final = 6
# Maximum seconds to fetch all pages of a scan, enough for 500 MB over a slow line.
FETCH_SECONDS: Final = 1800.0

_END_STATES: Final = frozenset({TaskState.SUCCESS, TaskState.FAILURE, TaskState.REVOKED})
# Errors of a poll that say nothing about the scan itself.
_PASSING: Final = (LiankeConnectionError, BoxOfflineError, BoxNotRespondingError, TooFrequentError)
_FAILED: Final = {TaskState.REVOKED: "scan_canceled", TaskState.FAILURE: "scan_failed"}
_PASSING_CODES: Final = frozenset({5002, 10009})
# Codes of a result that report no error.
_FINE: Final = frozenset({None, 0, 200})
# Minimum bytes that are needed to identify a file's type; a shorter file may be the beginning of anything.
_LEAST_PAGE: Final = 16
_INCOMPLETE: Final = "scan_incomplete"
_UNCHECKED: Final = "scan_unchecked"
# Maps the reason why a part is not a page to the reason of the failed scan; other reasons become scan_fetch_failed.
_SCAN_REASONS: Final = {
    _INCOMPLETE: _INCOMPLETE,
    _UNCHECKED: _UNCHECKED,
    "file_too_large": "scan_too_large",
}
_LASTING: Final = frozenset({_UNCHECKED, "file_too_large", "url_invalid"})
# Names of fields whose content is not a page, or only the thumbnail of a page.
_BESIDE: Final = re.compile(
    r"(?i)help|faq|logo|icon|brand|banner|avatar|qr_?code|thumb|preview|small"
)
_PAGES: Final = frozenset({FileType.JPEG, FileType.PNG, FileType.PDF})
# "Busy": a word in the service's message when the scanner is in use, even by a print. The error code is unknown.
_BUSY_WORD: Final = "忙"


class ScannedFile(NamedTuple):
    """A page, or a PDF of pages, in the spool."""

    path: Path
    extension: str  # with its dot
    size: int  # bytes
    digest: str


class ScanError(LiankeError):
    """A scan failed; `reason` is the key of the translated text, and `detail` is the service's own message."""

    is_passing = False

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail)
        self.reason = reason


class _IncompleteError(InputError):
    """A page is missing or incomplete, or could not be checked in time; fetching it again may help."""

    reason = _INCOMPLETE


class _NoPageError(_IncompleteError):
    """The data is not a file of a known type; usually it is a page whose beginning is missing."""


class _OtherError(_NoPageError):
    """The data is a file of a known type, but not a page: an error message instead of a page, or an extra file."""


class ScanResult(NamedTuple):
    files: tuple[ScannedFile, ...]  # In the order of the pages.
    failure: ScanError | None  # Why pages are missing, or None if no page is missing.


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
) -> AsyncIterator[ScanResult]:
    """Scan the page on the glass, or all pages in the feeder, for a device (None: the house); yield at least one file.

    `on_started` is called with the task id once the service has accepted the scan. With the `task_id` of an accepted
    scan, nothing is scanned: the pages of that scan are fetched again. At the end of the block, files that the caller
    has not moved are deleted. We then ask the service to forget the scan, but only if all pages are complete, the scan
    certainly succeeded, it is clear which parts are pages, and the service reports no more pages.

    An exception raised by `on_started` cancels the scan, and so does canceling this call. However, an unload or a
    restart does not cancel an accepted scan if `on_started` or `task_id` is given: the caller must resume that scan.

    Raises InputError for a setting that the scanner does not support, or while the scanner is in use (scanner_busy);
    ScanError if the scan failed, or if it is unknown whether the service has scanned (scan_in_doubt,
    scan_busy_in_doubt); any other LiankeError if certainly nothing was scanned; HomeAssistantError: disk_full.
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
                    if _BUSY_WORD in err.detail:
                        # Our own text says the same, so leave out the service's message, which is always in Chinese.
                        raise ScanError("scan_busy_in_doubt") from None
                    raise ScanError("scan_in_doubt", err.detail) from None
            try:
                if not is_noted:
                    await (on_started or hub.async_note_to_forget)(task_id)
                    is_noted = True
                task = _Task(hass, entry, spool, request, task_id)
                scanned, shape = await task.async_follow()
            except (asyncio.CancelledError, HomeAssistantError, InputError) as err:
                # If the disk is full, do not cancel a scan that is resumed later, which will fetch the pages.
                if isinstance(err, asyncio.CancelledError) or not (is_noted and is_taken_up):
                    hub.cancel(task_id, place, is_taken_up=is_taken_up)
                raise
            except ScanError as err:
                if not is_taken_up and err.reason == "scan_timed_out":
                    hub.cancel(task_id, place)
                elif not is_taken_up:
                    hub.keep_at_service(task_id)
                raise
        is_done = not is_taken_up
        try:
            yield scanned
            is_done = True
        finally:
            if is_done and shape is not None:
                is_stack = request.source is not ScanSource.GLASS
                hub.forget_at_service(task_id, shape, FORGET_PAUSE if is_stack else FIRST_PAUSE)
            elif not is_taken_up:
                hub.keep_at_service(task_id)


@dataclass(frozen=True, slots=True)
class _Task:
    """A scan that the service has accepted, until its pages are fetched."""

    hass: HomeAssistant
    entry: LiankeConfigEntry
    spool: Spool
    request: ScanRequest
    task_id: str

    async def async_follow(self) -> tuple[ScanResult, str | None]:
        """Wait for the end of the scan, fetch its pages, and return the pages and the shape of the service's answer.

        The shape is None if the caller must not ask the service to forget the scan. Raises ScanError if there is no
        page; HomeAssistantError: disk_full.
        """
        task, is_end = await self._async_end()
        parts = await self._async_fetch(_AnswerParts(task, self.request))
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
            and task.state in _END_STATES
            and task.is_plain
            and parts.is_one_answer
            and len(files) == len(task.parts)
            and not any(map(_is_named_beside, task.places))
            and not (self.request.duplex and _is_odd(files))
        )
        return ScanResult(files, failure), task.shape if is_sure else None

    async def _async_end(self) -> tuple[ScanTask, bool]:
        """Poll until the scan has ended and the answer has its pages; return the last answer and whether that was so.

        The second value is False if SCAN_SECONDS ran out.
        """
        clock, request = self.hass.loop.time, self.request
        until = clock() + SCAN_SECONDS
        # The time (by the loop's clock) since which the answer has not changed, once the scan has or may have ended.
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
                # Continue, because after a power cut the network may come back later than Home Assistant.
                failed += not isinstance(err, _PASSING)
                if failed < MAX_FAILED_POLLS and clock() < until:
                    continue
                raise ScanError("scan_lost", err.detail) from None
            failed = 0
            # An answer that contains pages may take minutes. These must not count for SCAN_SECONDS or RESULT_SECONDS.
            took = clock() - asked
            until += took
            still_since += took
            if task.state is TaskState.REVOKED:
                return task, True
            is_over = task.state in _END_STATES
            if not is_over and not _may_have_ended(task, request):
                shape = None
                continue
            is_failed = task.state is TaskState.FAILURE or (is_over and task.code not in _FINE)
            if is_failed and not task.parts:
                return task, True
            before, shape = shape, task.shape
            if shape != before:
                still_since = clock()
            # The pages from a feeder may come one by one, even after the scan has ended. The glass has only one page,
            # and somebody waits for it, so do not wait for more: `ScannerHub.forget` checks later whether more came.
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

    async def _async_fetch(self, parts: _AnswerParts) -> _AnswerParts:
        """Fetch the pages; return the answer with the most fetched pages. Raises HomeAssistantError: disk_full."""
        answers, pause = [parts], RETRY_PAUSE
        # Pages that have not been fetched when the time is up count as missing.
        with suppress(TimeoutError):
            async with asyncio.timeout(FETCH_SECONDS):
                for fetch in range(FETCHES):
                    if fetch:
                        await asyncio.sleep(pause)
                        pause *= 2
                        again = await self._async_again(parts.task)
                        if not parts.goes_on_with(again):
                            answers.append(parts := _AnswerParts(again, self.request))
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
        """Return a new answer of the service, or the earlier answer if the new one has fewer parts or does not come."""
        try:
            again = await self.entry.runtime_data.client.scanners.task(self.task_id)
        except LiankeError:
            return task
        return again if len(again.parts) >= len(task.parts) else task

    async def _async_get(self, part: Part, fetch: int) -> ScannedFile:
        """Return a part as a new file in the spool; `fetch` is the number of the try, from 0.

        A part is data, which is written to the file, or an address, which is downloaded. Raises InputError, such as
        _IncompleteError; HomeAssistantError: disk_full.
        """
        if isinstance(part, bytes):
            path = await self.spool.async_new_path(".page")
            await self.hass.async_add_executor_job(write_bytes, path, part)
            return await self._async_look(path)
        server = URL(self.entry.data[CONF_SERVER]).origin()
        try:
            addresses = _page_addresses(URL(part), server, fetch)
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
                # A fake IP address from a proxy is safe over https, because the server must still present a certificate
                # for the host name.
                made_up=is_secure,
            )
            try:
                return await self._async_look(path)
            except _OtherError:
                if not addresses:
                    raise

    async def _async_look(self, path: Path) -> ScannedFile:
        """Return a file after identifying it and decoding it to its end; delete it if it is not a complete page.

        Raises InputError.
        """
        file = await self.hass.async_add_executor_job(_look, path)
        try:
            await async_check_complete(self.hass, path, FileType(file.extension), user="scans")
        except PdfError as err:
            _LOGGER.debug("A page of a scan is not kept: %s", err.reason)
            await self.hass.async_add_executor_job(unlink_all, [path])
            # A page that nobody can check for completeness does not count as a page.
            raise (
                InputError(_UNCHECKED) if err.reason in UNCHECKED_REASONS else _IncompleteError()
            ) from None
        return file


def _may_have_ended(task: ScanTask, request: ScanRequest) -> bool:
    """Whether a scan may be over although the service's answer names no known state.

    The glass has only one page, so a scan of the glass may be over as soon as the answer has a part. The feeder may
    hold more pages, so an unknown word for the state does not end a scan of the feeder. If the answer names no state at
    all, the result code decides.
    """
    if task.state is not TaskState.UNKNOWN:
        return False
    is_failed = task.code not in _FINE | _PASSING_CODES
    if not task.parts:
        return not task.is_stated and is_failed
    if request.source is ScanSource.GLASS:
        return True
    return not task.is_stated and (is_failed or task.code == 200)


class _AnswerParts:
    """The parts of an answer. Each part is a page, an extra file (such as a logo), or stands for a missing page."""

    def __init__(self, task: ScanTask, request: ScanRequest) -> None:
        self.task = task
        self._request = request
        # Pages and errors by the number of their part. `errors` has the last error of each part that is not a page.
        self.pages: dict[int, ScannedFile] = {}
        self.size = 0
        self.errors: dict[int, InputError] = {}
        # False once a newer answer has had other addresses: the order of the parts may differ between the two answers.
        self.is_one_answer = True

    def goes_on_with(self, again: ScanTask) -> bool:
        """Continue with a newer answer, and return True.

        Return False if the parts of the newer answer may be in another order; the caller must then fetch all pages
        again.
        """
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

    def scanned(self) -> ScanResult:
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
                # This is a thumbnail. If the answer does not have the full page as well, a page is missing.
                if not self._numbers or self._is_item_without(number):
                    lacks(_IncompleteError())
            elif (first := seen.setdefault(page.digest, number)) == number:
                files.append(page)
            elif not self._is_same_page(first, number):
                if self.is_one_answer:
                    files.append(page)
                else:
                    # The order of the parts may have changed between two answers, so one of the two equal files may
                    # have taken the place of another page.
                    lacks(_IncompleteError())
        if is_too_large:
            return ScanResult(tuple(files), ScanError("scan_too_large"))
        if not files and all(isinstance(e, _NoPageError) for e in self.errors.values()):
            # There is no page at all, so it is unknown which parts should be pages.
            missing.clear()
        if self._request.duplex and not missing and self._lacks_side(files):
            # Each sheet has two sides, even if one of them is blank.
            lacks(_IncompleteError())
        if not missing:
            return ScanResult(tuple(files), None)
        reasons = {_SCAN_REASONS.get(one.reason, "scan_fetch_failed") for one in missing.values()}
        if files and "scan_fetch_failed" in reasons:
            # There are other pages, so it is known which pages are missing.
            reasons.add(_INCOMPLETE)
            reasons.discard("scan_fetch_failed")
        # `min` compares alphabetically, which happens to prefer reasons that scanning again may fix.
        return ScanResult(tuple(files), ScanError(min(reasons), ", ".join(missing)))

    def _lacks_side(self, files: Sequence[ScannedFile]) -> bool:
        sides = Counter(side_of_sheet(self.task.places[one]) for one in self.pages)
        return (
            self.task.lacks_side
            or (self.task.has_half and _is_odd(files))
            # The service may leave out a side completely, so that the numbers of front and back sides differ.
            or (None not in sides and len({*sides.values()}) + (len(sides) == 1) > 1)
        )

    @property
    def _numbers(self) -> list[int]:
        """The numbers of the full pages, without thumbnails, whose places do not show where other pages are."""
        return [one for one in self.pages if not _is_named_beside(self.task.places[one])]

    def _is_beside(self, number: int, err: InputError) -> bool:
        """Whether a part that is not a page is certainly an extra: a help link, a logo, a page's copy in a web format.

        Usually the part's place and content decide. An extra is a complete file in a place that has no pages. An error
        message instead of a page is in a place that has pages, or in a list item that has no page although other items
        have pages. A part that cannot be fetched may be anything: only the name of its field can show that it is not a
        page.
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
        # The part may be the other side of a sheet, in a field with another name. It certainly is not if the number of
        # pages is even, or if the pages are in a list and the part is not.
        return (
            not is_duplex
            or alike > 1
            or len(numbers) % 2 == 0
            or any(_is_list_beside(one, place) for one in page_places)
        )

    def _is_same_page(self, one: int, other: int) -> bool:
        """Whether two parts with the same content are one page, sent as an address and as data, or in two fields."""
        task = self.task
        if type(task.parts[one]) is not type(task.parts[other]):
            return True
        place = task.places[other]
        # The service may send the first page of a list once more outside of the list.
        is_one_item = all(a == b for a, b in zip(task.items[one], task.items[other], strict=False))
        return is_one_item and task.places[one] != place and side_of_sheet(place) is None

    def _is_item_without(self, number: int) -> bool:
        """Whether a part is in a list item that has no page, while other items of the list have a page."""
        task = self.task
        if not (items := task.items[number]):
            return False
        list_place = task.places[number].rpartition("[]")[0] + "[]"
        in_list = [one for one in self._numbers if task.places[one].startswith(list_place)]
        return bool(in_list) and all(task.items[one][: len(items)] != items for one in in_list)


def _is_odd(files: Sequence[ScannedFile]) -> bool:
    """Whether a side is missing: the number of files is odd, and no file is a PDF, which may hold both sides."""
    return len(files) % 2 == 1 and all(one.extension != FileType.PDF for one in files)


def _paths(task: ScanTask) -> list[object]:
    """Return an identification of each part of an answer: the length of data, or an address without its signature."""
    return [len(one) if isinstance(one, bytes) else one.partition("?")[0] for one in task.parts]


def _is_named_beside(place: str) -> bool:
    """Whether the name of the field at a place shows that the content is not a page, or is only a thumbnail."""
    return _BESIDE.search(place.rpartition(".")[2]) is not None


def _is_list_beside(pages: str, place: str) -> bool:
    """Whether the place of the pages, `pages`, is in a list that does not contain `place`."""
    lists = pages.split("[]")[:-1]
    return lists != place.split("[]")[: len(lists)]


def _page_addresses(address: URL, server: URL, fetch: int) -> list[URL]:
    """Return the addresses to try for a page, in order; `fetch` is the number of the try, from 0.

    Pages on the internet are fetched with https. Plain http is used only for the vendor's own hosts, and only if https
    fails.
    """
    if address.scheme == "https" or address.origin() == server:
        return [address]
    secure = address.with_scheme("https").with_port(None)
    if not is_vendors(address.host):
        return [secure]
    return [address] if fetch else [secure, address]


def _look(path: Path) -> ScannedFile:
    """Return a file with the type found in its content; delete the file if it is not a page. Blocking.

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
