"""One scan, from the service's task to files in the spool. Everything that scans comes in here."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
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
    LiankeRefusedError,
    LiankeResponseError,
    TooFrequentError,
)
from ..api.scan_texts import Part
from ..api.scanning import ScanTask, side_of_sheet
from ..api.tasks import TaskState
from ..const import CONF_SERVER, MAX_DOCUMENT_MB, ScanSource
from ..documents.document import CONVERTED_IMAGES, IMAGES, FileType, sniff
from ..documents.download import async_download
from ..documents.pdf_client import PdfError
from ..documents.spool import Spool, async_get_spool, write_bytes
from ..documents.whole import UNCHECKED, async_check
from ..errors import InputError
from ..runtime import LiankeConfigEntry
from .abilities import ScanRequest
from .hub import FORGET_PAUSE, async_get_hub

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
_PASSING_CODES: Final = frozenset({5002, 10009})
_FINE: Final = frozenset({None, 0, 200})
"""Codes of a result that say of no error."""
_LEAST_PAGE: Final = 16
"""bytes; what is shorter cannot be told to be a page or none."""
_INCOMPLETE: Final = "scan_incomplete"
# Reasons why a part is no page, and what is told of it; of others that it could not be fetched.
_REASONS: Final = {
    _INCOMPLETE: _INCOMPLETE,
    "scan_unchecked": "scan_unchecked",
    "file_too_large": "scan_too_large",
}
_LASTING: Final = frozenset({"scan_unchecked", "file_too_large", "url_invalid"})
# Names of what is no page, or a small picture of one.
_BESIDE: Final = re.compile(
    r"(?i)help|faq|logo|icon|brand|banner|avatar|qr_?code|thumb|preview|small"
)
_PAGES: Final = frozenset({FileType.JPEG, FileType.PNG, FileType.PDF})


@dataclass(frozen=True, kw_only=True, slots=True)
class ScannedFile:
    """A file in the spool. `extension` has its dot, `size` is in bytes."""

    path: Path
    extension: str
    size: int


# What the service calls a scanner in use, as one that prints is; nobody knows its code.
_BUSY: Final = "忙"


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


class _UncheckedError(InputError):
    """Nobody can say here whether a page is whole, so it is none."""

    reason = "scan_unchecked"


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
                    if _may_have_started(err):
                        if _BUSY in err.detail:
                            # The words of the service are Chinese, whatever the user reads.
                            raise ScanError("scan_busy_in_doubt") from None
                        raise ScanError("scan_in_doubt", err.detail) from None
                    raise
            try:
                if not is_noted:
                    await (on_started or hub.async_note_left)(task_id)
                    is_noted = True
                scanned, shape = await _async_follow(hass, entry, spool, task_id, request)
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
        is_all = shape is not None
        is_done = is_all and not is_taken_up
        try:
            yield scanned
            is_done = is_all
        finally:
            if is_done and shape is not None:
                is_stack = request.source is not ScanSource.GLASS
                hub.forget(task_id, shape, FORGET_PAUSE if is_stack else FIRST_PAUSE)
            elif not is_taken_up:
                hub.leave(task_id)


def _may_have_started(err: LiankeError) -> bool:
    """Return whether a scan may be under way although the request for it failed."""
    if isinstance(err, LiankeConnectionError | LiankeResponseError):
        return err.may_have_arrived
    return isinstance(err, LiankeRefusedError) and not err.surely_refused


async def _async_follow(
    hass: HomeAssistant,
    entry: LiankeConfigEntry,
    spool: Spool,
    task_id: str,
    request: ScanRequest,
) -> tuple[Scanned, str | None]:
    """Wait for a scan's end and fetch its pages; return also what is to be forgotten of it, None for nothing.

    Raises ScanError where there are none; HomeAssistantError: disk_full.
    """
    task, is_end = await _async_end(hass, entry, task_id, request)
    if task is None:
        raise ScanError("scan_timed_out")
    (files, failure), task, is_one_answer = await _async_fetch(hass, entry, spool, task, request)
    if failure is None and task.has_more:
        failure = ScanError("scan_too_many_pages", str(len(files)))
    if failure is None and (reason := _failure(task, is_end=is_end)) is not None:
        failure = ScanError(reason, task.message)
    if not files:
        raise failure or ScanError("scan_not_understood", task.message)
    is_sure = (
        task.is_plain
        and is_one_answer
        and len(files) == len(task.parts)
        and not any(map(_is_named_beside, task.places))
        and not (request.duplex and _is_odd(files))
    )
    is_over = failure is None and task.state in _ENDS
    return Scanned(files, failure), task.shape if is_over and is_sure else None


def _failure(task: ScanTask, *, is_end: bool) -> str | None:
    """Return why a scan did not end well, None where it did."""
    if task.state is TaskState.REVOKED:
        return "scan_canceled"
    if task.state is TaskState.FAILURE:
        return "scan_failed"
    if not is_end:
        return "scan_timed_out"
    return None if task.code in _FINE else "scan_failed"


async def _async_end(
    hass: HomeAssistant, entry: LiankeConfigEntry, task_id: str, request: ScanRequest
) -> tuple[ScanTask | None, bool]:
    """Poll a scan until it has ended and its pages are there.

    Return its last state, None without any, and whether it ended before its time was up.
    """
    scanners = entry.runtime_data.client.scanners
    clock = hass.loop.time
    until = clock() + SCAN_SECONDS
    # Since when the service has told nothing new: of an end, or of pages where it names no end that is known.
    still_since: float | None = None
    task: ScanTask | None = None
    shape: str | None = None
    pause, failed = FIRST_PAUSE, 0
    while clock() < until:
        await asyncio.sleep(pause)
        pause = min(pause * 1.2, LONGEST_PAUSE)
        asked = clock()
        try:
            task = await scanners.task(task_id)
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
        if still_since is not None:
            still_since += took
        if task.state is TaskState.REVOKED:
            return task, True
        is_over = task.state in _ENDS
        if not is_over and not _may_have_ended(task, request):
            still_since = shape = None
            continue
        if not task.parts and (
            task.state is TaskState.FAILURE or (is_over and task.code not in _FINE)
        ):
            return task, True
        before, shape = shape, task.shape
        if shape != before:
            still_since = clock()
        # The pages of a stack may come one by one, after its end too. On the glass is one, for which somebody waits:
        # whether anything comes after it is asked before it is deleted.
        is_page_there = len(task.parts) >= task.expected and not all(
            map(_is_named_beside, task.places)
        )
        if is_over and is_page_there and (shape == before or request.source is ScanSource.GLASS):
            return task, True
        if still_since is not None and clock() - still_since > RESULT_SECONDS:
            return task, True
    return task, False


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


class _Page(NamedTuple):
    """A page, whole."""

    file: ScannedFile
    digest: str


async def _async_fetch(
    hass: HomeAssistant,
    entry: LiankeConfigEntry,
    spool: Spool,
    task: ScanTask,
    request: ScanRequest,
) -> tuple[Scanned, ScanTask, bool]:
    """Return the pages that parts of a result are, decoded to their end, and why these are not all.

    Return also the last result, and whether all pages are of one. What is surely something beside the pages is left
    out.

    Raises HomeAssistantError: disk_full.
    """
    deadline = hass.loop.time() + FETCH_SECONDS
    pages: dict[int, _Page] = {}
    waiting = [*range(len(task.parts))]
    # What was said last of a part that is no page.
    errors: dict[int, InputError] = {}
    is_too_large = False
    is_one_answer = True
    # Of an earlier answer, where another one had a page less.
    best = (pages, errors, task, is_one_answer)
    pause = RETRY_PAUSE
    for fetch in range(FETCHES):
        try:
            if fetch:
                await asyncio.sleep(pause)
                pause *= 2
                async with asyncio.timeout_at(deadline):
                    again = await _async_again(entry, task)
                if len(again.parts) > len(task.parts) or _paths(again) != _paths(task):
                    # Those that came meanwhile may be anywhere among the others, and the order is another.
                    waiting = [*range(len(again.parts))]
                    best = max(
                        best, (pages, errors, task, is_one_answer), key=lambda one: len(one[0])
                    )
                    pages, errors, is_one_answer = {}, {}, True
                elif again.parts != task.parts and pages:
                    # Signed addresses: by these nobody can tell whether the order is another.
                    is_one_answer = False
                task = again
            for number in waiting:
                try:
                    async with asyncio.timeout_at(deadline):
                        pages[number] = await _async_get(
                            hass, entry, spool, task.parts[number], fetch
                        )
                except InputError as err:
                    errors[number] = err
                if sum(one.file.size for one in pages.values()) > MAX_SCAN_BYTES:
                    is_too_large = True
                    break
        except TimeoutError:
            # What has not come is missing.
            break
        if is_too_large:
            break
        waiting = [
            number
            for number in waiting
            if number not in pages
            and errors[number].reason not in _LASTING
            and not _is_beside(task, number, errors[number], pages, request)
        ]
        if not waiting:
            break
    pages, errors, task, is_one_answer = max(
        (pages, errors, task, is_one_answer), best, key=lambda one: len(one[0])
    )
    sorted_out = _sorted_out(
        task, request, pages, errors, is_too_large=is_too_large, is_one_answer=is_one_answer
    )
    return sorted_out, task, is_one_answer


def _is_odd(files: Sequence[ScannedFile]) -> bool:
    """Return whether a sheet has one side only: a PDF may hold both."""
    return len(files) % 2 == 1 and all(one.extension != FileType.PDF for one in files)


def _paths(task: ScanTask) -> list[object]:
    """Return what tells the parts of a result apart, but for signatures."""
    return [len(one) if isinstance(one, bytes) else one.partition("?")[0] for one in task.parts]


async def _async_again(entry: LiankeConfigEntry, task: ScanTask) -> ScanTask:
    """Return what is said of a task by now, or what was said if it is less, or nothing is said."""
    try:
        again = await entry.runtime_data.client.scanners.task(task.task_id)
    except LiankeError:
        return task
    return again if len(again.parts) >= len(task.parts) else task


def _sorted_out(
    task: ScanTask,
    request: ScanRequest,
    pages: dict[int, _Page],
    errors: dict[int, InputError],
    *,
    is_too_large: bool,
    is_one_answer: bool,
) -> Scanned:
    """Return the pages in their order, and why these are not all."""
    files: list[ScannedFile] = []
    missing: dict[str, InputError] = {}
    seen: dict[str, int] = {}
    page_numbers = [one for one in pages if not _is_named_beside(task.places[one])]
    for number in range(max(pages) + 1 if is_too_large else len(task.parts)):
        if (page := pages.get(number)) is None:
            error = errors.get(number) or _IncompleteError()
            if not _is_beside(task, number, error, pages, request):
                missing[str(len(files) + len(missing) + 1)] = error
            continue
        place = task.places[number]
        if _is_named_beside(place) and (page_numbers or task.is_open):
            # A small picture, of a page that is there as well, or not.
            if not page_numbers or _is_item_without(task, number, page_numbers):
                missing[str(len(files) + len(missing) + 1)] = _IncompleteError()
            continue
        first = seen.setdefault(page.digest, number)
        if first == number or not _is_same_page(task, first, number):
            if not is_one_answer and first != number:
                # Another answer may have another order: what came twice may stand for what did not.
                missing[str(len(files) + len(missing) + 1)] = _IncompleteError()
                continue
            files.append(page.file)
    if is_too_large:
        return Scanned(tuple(files), ScanError("scan_too_large"))
    if not files and all(isinstance(e, _NoPageError) for e in errors.values()):
        # Nobody has seen what pages look like here.
        missing.clear()
    sides = Counter(side_of_sheet(task.places[one]) for one in pages)
    lacks_side = (
        task.lacks_side
        or (task.has_half and _is_odd(files))
        # What has no other side may be left out as well.
        or (None not in sides and len({*sides.values()}) + (len(sides) == 1) > 1)
    )
    if request.duplex and not missing and lacks_side:
        # Each sheet has two sides, an empty one, too.
        missing[str(len(files) + len(missing) + 1)] = _IncompleteError()
    if not missing:
        return Scanned(tuple(files), None)
    reasons = {_REASONS.get(one.reason, "scan_fetch_failed") for one in missing.values()}
    if files and "scan_fetch_failed" in reasons:
        # Which these are is known then.
        reasons.add(_INCOMPLETE)
        reasons.discard("scan_fetch_failed")
    # A page that can be scanned again as it is comes first.
    return Scanned(tuple(files), ScanError(min(reasons), ", ".join(missing)))


def _is_beside(
    task: ScanTask, number: int, err: InputError, pages: dict[int, _Page], request: ScanRequest
) -> bool:
    """Return whether a part that is no page surely stands for none.

    Such as a link to a help page, a logo, or the picture of each page in a kind for the web. Of most it is told by
    where they are and what came: a whole file, where no page is; an error that came instead of a page is where the
    pages are, or in an item of their list that has no other. One that is gone may have been anything, so there its
    name has to say that it is no page.
    """
    # A small picture of a page is none that the others are beside of.
    page_numbers = [one for one in pages if not _is_named_beside(task.places[one])]
    if not page_numbers:
        return False
    place = task.places[number]
    page_places = {task.places[one] for one in page_numbers}
    if task.parts[number] == b"":
        return request.source is ScanSource.GLASS or not any(
            one == place or one.startswith((f"{place}.", f"{place}[")) for one in page_places
        )
    if place in page_places or _is_item_without(task, number, page_numbers):
        return False
    if request.duplex and side_of_sheet(place):
        return False
    if _is_named_beside(place):
        return True
    alike = task.places.count(place)
    if not isinstance(err, _OtherError) or alike > len(page_numbers):
        return False
    # The other side of a sheet may have a name of its own, unless each has both, or the pages are a list.
    return (
        not request.duplex
        or alike > 1
        or len(page_numbers) % 2 == 0
        or any(_is_list_beside(one, place) for one in page_places)
    )


def _is_same_page(task: ScanTask, one: int, other: int) -> bool:
    """Return whether two parts with the same content are one page: as an address and by itself, or by two addresses."""
    if type(task.parts[one]) is not type(task.parts[other]):
        return True
    place = task.places[other]
    # Also the first of a list, which is there beside it.
    items = task.items[one], task.items[other]
    least = min(map(len, items))
    return (
        items[0][:least] == items[1][:least]
        and task.places[one] != place
        and side_of_sheet(place) is None
    )


def _is_named_beside(place: str) -> bool:
    """Return whether the name of a place says that no page is there, or a small picture of one."""
    return _BESIDE.search(place.rpartition(".")[2]) is not None


def _is_item_without(task: ScanTask, number: int, page_numbers: list[int]) -> bool:
    """Return whether a part is in an item of a list, of which others have a page and this one has none."""
    items = task.items[number]
    if not items:
        return False
    list_place = task.places[number].rpartition("[]")[0] + "[]"
    in_list = [one for one in page_numbers if task.places[one].startswith(list_place)]
    return bool(in_list) and all(task.items[one][: len(items)] != items for one in in_list)


def _is_list_beside(pages: str, place: str) -> bool:
    """Return whether pages are in a list that a place is not in."""
    lists = pages.split("[]")[:-1]
    return lists != place.split("[]")[: len(lists)]


async def _async_get(
    hass: HomeAssistant, entry: LiankeConfigEntry, spool: Spool, part: Part, fetch: int
) -> _Page:
    """Return the new file that a part is, which is fetched for the `fetch`th time, from 0.

    Raises _IncompleteError, _UncheckedError, InputError, HomeAssistantError.
    """
    if isinstance(part, bytes):
        path = await spool.async_new_path(".page")
        await hass.async_add_executor_job(write_bytes, path, part)
        return await _async_look(hass, path)
    server = URL(entry.data[CONF_SERVER]).origin()
    limit = MAX_DOCUMENT_MB.of(entry.options) * 1024**2
    try:
        addresses = _addresses(URL(part), server)
    except ValueError:
        raise InputError("url_invalid") from None
    # At once only where another address may have the page.
    addresses = [*dict.fromkeys(addresses[fetch:])]
    while True:
        address = addresses.pop(0)
        is_secure = address.scheme == "https"
        path = await spool.async_new_path(".page")
        try:
            await async_download(
                hass,
                str(address),
                path,
                limit,
                trusted=server,
                unencrypted=None if is_secure else address.origin(),
                # What answers there has to show the certificate of the name.
                made_up=is_secure,
            )
            return await _async_look(hass, path)
        except _OtherError:
            if not addresses:
                raise


def _addresses(address: URL, server: URL) -> list[URL]:
    """Return where to look for a page, one each time that it is fetched.

    Pages travel over the internet in a way that nobody else can read; only the vendor's own hosts are believed to have
    no other.
    """
    if address.scheme == "https" or address.origin() == server:
        return [address] * FETCHES
    secure = address.with_scheme("https").with_port(None)
    return [secure, *[address if is_vendors(address.host) else secure] * (FETCHES - 1)]


async def _async_look(hass: HomeAssistant, path: Path) -> _Page:
    """Return what a file is, decoded to its end; one that is no page is deleted.

    Raises _IncompleteError, _UncheckedError.
    """
    page = await hass.async_add_executor_job(_look, path)
    kind = FileType(page.file.extension)
    try:
        await async_check(hass, path, kind, user="scans")
    except PdfError as err:
        _LOGGER.debug("A page of a scan is not kept: %s", err.reason)
        await hass.async_add_executor_job(partial(path.unlink, missing_ok=True))
        raise (_UncheckedError if err.reason in UNCHECKED else _IncompleteError) from None
    return page


def _look(path: Path) -> _Page:
    """Return a file as what its content says it is; one that is no page is deleted. Blocks.

    Raises _IncompleteError.
    """
    size = path.stat().st_size
    with path.open("rb") as reader:
        digest = hashlib.file_digest(reader, "sha256").hexdigest()
    kind: FileType | None = None
    with suppress(InputError):
        kind = sniff(path, path.name, may_be_raw=False)
    if kind in _PAGES:
        return _Page(ScannedFile(path=path, extension=str(kind), size=size), digest)
    path.unlink()
    if size < _LEAST_PAGE:
        raise _IncompleteError
    if kind is None:
        raise _NoPageError
    raise _OtherError(_UncheckedError.reason if kind in IMAGES | CONVERTED_IMAGES else None)
