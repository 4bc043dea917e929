"""One scan, from the request to the service to the files in the spool. Every scan of the integration runs here."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
import logging
from pathlib import Path
from typing import Any, Final

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from yarl import URL

from ..api.addresses import is_vendors
from ..api.errors import (
    BoxNotRespondingError,
    BoxOfflineError,
    LiankeConnectionError,
    LiankeError,
    PrinterNotFoundError,
    TooFrequentError,
)
from ..api.scan_texts import Part
from ..api.scanning import ScanTask
from ..api.tasks import TaskState
from ..api.transport import Purpose
from ..const import CONF_SERVER, ScanSource
from ..documents.completeness import CHECK_SECONDS, UNCHECKED_REASONS, async_check_complete
from ..documents.document import FileType
from ..documents.download import async_download
from ..documents.pdf_client import PdfError, async_get_pdf_worker
from ..documents.spool import Spool, async_get_spool, unlink_all, write_bytes
from ..input_error import InputError
from ..jobs.outcome import may_have_arrived
from ..jobs.rules import max_document_bytes
from ..runtime import LiankeConfigEntry
from .hub import async_get_hub
from .scan_files import JOIN_SECONDS
from .scan_job import ScanRequest
from .scan_pace import ScanPace
from .scan_parts import (
    TO_CONVERT,
    UNCHECKED,
    AnswerParts,
    IncompletePageError,
    OtherError,
    ScanError,
    ScannedFile,
    ScanResult,
    check_page_file,
    is_named_beside,
)
from .scan_rules import FORGET_PAUSE
from .scanner_abilities import sizes_in_mm
from .scanner_condition import ScannerCondition, ScannerConditions, cause_in, conditions_in

_LOGGER = logging.getLogger(__name__)

# Maximum seconds for a whole scan; a feeder may hold fifty sheets.
SCAN_SECONDS: Final = 900.0
# Seconds to wait for further pages once a scan has ended or may have ended; each change of the answer starts them anew.
RESULT_SECONDS: Final = 60.0
# Seconds for which an answer that names no state must not change before the scan counts as over; scanning a page takes
# less.
UNSTATED_SECONDS: Final = 180.0
# Seconds before the first poll of a scan, so that a client gets a page soon if the page is ready early.
FIRST_PAUSE: Final = 1.5
# Seconds before the first poll while the account has few requests left; also the minimum between a scan's end and the
# next poll, which may show that another page has come.
CALM_PAUSE: Final = 5.0
# Minimum requests that the account must have left for an early first poll: the usual number of polls of a scan.
QUICK_REQUESTS: Final = 6
# Factor from each pause between two polls to the next pause: a scan that has already taken long will probably take
# longer still.
PAUSE_GROWTH: Final = 1.6
# Maximum seconds between two polls of a scan; the vendor advises one poll in ten seconds (lianke-api, "Ground rules").
LONGEST_PAUSE: Final = 12.0
# Seconds before the first time that missing pages are fetched again; each further pause is twice as long.
RETRY_PAUSE: Final = 1.0
# Maximum number of consecutive polls that fail. Passing errors, such as a lost connection, do not count: they only use
# up SCAN_SECONDS.
MAX_FAILED_POLLS: Final = 5
# How many times a missing or incomplete page is fetched; the pauses in between add up to half a minute.
FETCHES: Final = 6
# Maximum seconds to fetch all pages of a scan, enough for 500 MB over a slow line.
FETCH_SECONDS: Final = 1800.0

_END_STATES: Final = frozenset({TaskState.SUCCESS, TaskState.FAILURE, TaskState.REVOKED})
# Errors of a poll that say nothing about the scan itself.
_PASSING: Final = (LiankeConnectionError, BoxOfflineError, BoxNotRespondingError, TooFrequentError)
_FAILED: Final = {TaskState.REVOKED: "scan_canceled", TaskState.FAILURE: "scan_failed"}
_PASSING_CODES: Final = frozenset({5002, 10009})
# Codes of a failed scan whose scanner or box is off.
_OFF_CODES: Final = frozenset({497, 5001, 5002, 5011, 5051})
# Codes of a result that report no error.
_FINE: Final = frozenset({None, 0, 200})
# Reasons why a complete picture is not converted.
_TOO_MUCH: Final = frozenset({"image_too_large", "too_many_pages", "too_large"})


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
    on_accepted: Callable[[], None] | None = None,
) -> AsyncIterator[ScanResult]:
    """Scan the page on the glass, or all pages in the feeder, for a device or Home Assistant (None); yield the result.

    The result has at least one file. `on_started` is called with the task id once the service has accepted the scan.
    With the `task_id` of an accepted scan, nothing is scanned: the pages of that scan are fetched again. At the end of
    the block, files that the caller has not moved are deleted. We then ask the service to forget the scan, but only if
    all pages are complete, the scan certainly succeeded, it is clear which parts are pages, and the service reports no
    more pages. `on_accepted` is called after `on_started`, and does not affect what happens to the scan.

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
                    task_id = await hub.async_start_scan(scanner_id, fields, place)
                except LiankeError as err:
                    said = conditions_in(err.detail) or ScannerConditions()
                    if isinstance(err, BoxOfflineError | PrinterNotFoundError):
                        said = ScannerConditions({ScannerCondition.OFF})
                    if said:
                        hub.note(scanner_id, said)
                    if not may_have_arrived(err):
                        raise
                    if ScannerCondition.BUSY in said:
                        # Our own text says the same, so leave out the service's message, which is always in Chinese.
                        raise ScanError("scan_busy_in_doubt") from None
                    raise ScanError("scan_in_doubt", err.detail) from None
            # Two requests: one for the start, and maybe one for the scanner's condition.
            pace = ScanPace(0 if is_noted else 2)
            purpose = Purpose.SCAN if device is None else Purpose.LAN_SCAN
            try:
                if not is_noted:
                    await (on_started or hub.async_note_to_forget)(task_id)
                    is_noted = True
                if on_accepted is not None:
                    on_accepted()
                task = _Task(hass, entry, spool, request, task_id, pace, purpose)
                scanned, shape = await task.async_follow()
                is_fed = request.source is ScanSource.FEEDER
                emptied = {ScannerCondition.FEEDER_EMPTY} if is_fed else ()
                hub.note(scanner_id, scanned.failure.conditions if scanned.failure else emptied)
            except (asyncio.CancelledError, HomeAssistantError, InputError) as err:
                # If the disk is full, do not cancel a scan that will be resumed: its pages are fetched then.
                if isinstance(err, asyncio.CancelledError) or not (is_noted and is_taken_up):
                    hub.cancel(task_id, place, is_taken_up=is_taken_up)
                raise
            except ScanError as err:
                hub.note(scanner_id, err.conditions)
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
                pause = FORGET_PAUSE if is_stack else CALM_PAUSE
                hub.forget_at_service(task_id, shape, pause, pace, purpose)
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
    pace: ScanPace
    purpose: Purpose

    async def async_follow(self) -> tuple[ScanResult, str | None]:
        """Wait for the end of the scan, fetch its pages, and return the pages and the shape of the service's answer.

        The shape is None if the caller must not ask the service to forget the scan. Raises ScanError if there is no
        page; HomeAssistantError: disk_full.
        """
        parts, unended = await self._async_end()
        parts = await self._async_fetch(parts)
        await self._async_compare(parts)
        task, (files, failure) = parts.task, parts.scanned()
        if failure is None and task.has_more:
            failure = ScanError("scan_too_many_pages", str(sum(file.pages for file in files)))
        elif failure is None:
            reason = _FAILED.get(task.state) or unended
            if reason is None and task.code not in _FINE:
                reason = "scan_failed"
            if reason == "scan_failed" and (cause := _cause(task)) is not None:
                # Our own text says the same, so leave out the service's message, which is always in Chinese.
                failure = ScanError(f"scan_{cause}")
            elif reason is not None:
                failure = ScanError(reason, task.message)
        if not files:
            raise failure or ScanError("scan_not_understood", task.message)
        is_sure = failure is None and task.state in _END_STATES and parts.is_plain(files)
        return ScanResult(files, failure), task.shape if is_sure else None

    async def _async_end(self) -> tuple[AnswerParts, str | None]:
        """Poll until the scan has ended and the answer has the scan's pages.

        Returns the last answer. If it is unknown whether the scan has ended, also returns the reason; else None.
        """
        clock, request = self.hass.loop.time, self.request
        until = clock() + SCAN_SECONDS
        # When the answer last changed, by the loop's clock. Used only if the scan has ended or may have ended, or if
        # the answer names no state.
        still_since = 0.0
        task: ScanTask | None = None
        is_counted = False
        shape: str | None = None
        left = self.entry.runtime_data.account.requests.available(self.purpose)
        pause, failed = FIRST_PAUSE if left >= QUICK_REQUESTS else CALM_PAUSE, 0
        while clock() < until:
            await self.pace.async_turn(pause)
            pause = min(pause * PAUSE_GROWTH, LONGEST_PAUSE)
            asked, state = clock(), task and task.state
            try:
                task = await self._async_ask()
            except LiankeError as err:
                # Continue, because after a power cut the network may come back later than Home Assistant.
                failed += not isinstance(err, _PASSING)
                if failed < MAX_FAILED_POLLS and clock() < until:
                    continue
                raise ScanError("scan_lost", err.detail) from None
            failed = 0
            # An answer that contains pages may take minutes to arrive. This time must not count toward SCAN_SECONDS or
            # RESULT_SECONDS.
            took = clock() - asked
            until += took
            still_since += took
            if task.state is TaskState.REVOKED:
                return AnswerParts(task, request), None
            is_over = task.state in _END_STATES
            may_be_over = is_over or _may_have_ended(task, request)
            if is_over:
                # Wait long enough to see whether another page comes.
                pause = max(pause, CALM_PAUSE)
            elif state is not None and state is not task.state:
                # The scan has reached its next step, so a page may be ready soon.
                pause = max(pause / PAUSE_GROWTH / 2, FIRST_PAUSE)
            if not may_be_over and task.is_stated:
                shape = None
                continue
            is_failed = task.state is TaskState.FAILURE or (is_over and task.code not in _FINE)
            if is_failed and not task.parts:
                return AnswerParts(task, request), None
            before, shape = shape, task.shape
            if shape != before:
                still_since = clock()
            # The pages from a feeder may come one by one, even after the scan has ended. The glass has only one page,
            # for which somebody is waiting, so do not wait for more pages: `ScannerHub.forget_at_service` checks later
            # whether more pages have come.
            is_page_there = len(task.parts) >= task.expected and not all(
                map(is_named_beside, task.places)
            )
            is_still = shape == before or request.source is ScanSource.GLASS
            if is_over and is_page_there and is_still:
                return AnswerParts(task, request), None
            if is_over and is_still and len(task.parts) == 1 < task.expected and not is_counted:
                # The only file may be a PDF with all the pages that the answer mentions.
                is_counted, asked = True, clock()
                parts = await self._async_fetch(AnswerParts(task, request))
                if sum(page.pages for page in parts.pages.values()) >= task.expected:
                    return parts, None
                until += clock() - asked
                still_since += clock() - asked
            if clock() - still_since > (RESULT_SECONDS if may_be_over else UNSTATED_SECONDS):
                return AnswerParts(task, request), None if may_be_over else "scan_without_state"
        if task is None:
            raise ScanError("scan_timed_out")
        return AnswerParts(task, request), "scan_timed_out"

    async def _async_ask(self) -> ScanTask:
        return await self.entry.runtime_data.client.scanners.task(self.task_id, self.purpose)

    async def _async_fetch(self, parts: AnswerParts) -> AnswerParts:
        """Fetch the pages; return the answer with the most fetched pages. Raises HomeAssistantError: disk_full."""
        answers, pause = [parts], RETRY_PAUSE
        # Pages that have not been fetched when the time is up count as missing.
        with suppress(TimeoutError):
            async with asyncio.timeout(FETCH_SECONDS):
                for fetch in range(FETCHES):
                    if fetch:
                        await self.pace.async_turn(pause)
                        pause *= 2
                        again = await self._async_again(parts.task)
                        if not parts.continue_with(again):
                            answers.append(parts := AnswerParts(again, self.request))
                    for number in parts.waiting():
                        try:
                            page = await self._async_get(parts.task.parts[number], fetch)
                        except InputError as err:
                            parts.errors[number] = err
                            continue
                        parts.pages[number] = page
                        if parts.is_too_large:
                            return parts
                    if not parts.waiting():
                        break
        return max(reversed(answers), key=lambda one: len(one.pages))

    async def _async_again(self, task: ScanTask) -> ScanTask:
        """Return a new answer of the service, or the earlier answer if the new one has fewer parts or does not come."""
        # A new answer may help, but is not worth a wait until the account may send requests again.
        if self.entry.runtime_data.account.requests.available(self.purpose) < 1:
            return task
        try:
            again = await self._async_ask()
        except LiankeError:
            return task
        return again if len(again.parts) >= len(task.parts) else task

    async def _async_get(self, part: Part, fetch: int) -> ScannedFile:
        """Return a part as a new file in the spool; `fetch` is the number of the try, from 0.

        A part is data, which is written to the file, or an address, which is downloaded. Raises InputError, such as
        IncompletePageError; HomeAssistantError: disk_full.
        """
        if isinstance(part, bytes):
            path = await self.spool.async_new_path(".page")
            await self.hass.async_add_executor_job(write_bytes, path, part)
            return await self._async_page(path)
        answered = URL(f"{self.entry.data[CONF_SERVER]}/scanning/job")
        server = answered.origin()
        try:
            addresses = _page_addresses(answered.join(URL(part)), server, fetch)
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
                return await self._async_page(path)
            except OtherError:
                if not addresses:
                    raise

    async def _async_page(self, path: Path) -> ScannedFile:
        """Return a file after identifying it and decoding it to its end; delete it if it is not a complete page.

        Raises InputError.
        """
        run = self.hass.async_add_executor_job
        file = await run(check_page_file, path)
        kind, user = FileType(file.extension), "scans"
        try:
            count = await async_check_complete(self.hass, path, kind, user=user)
            if kind in TO_CONVERT:
                target = await self.spool.async_new_path(".page")
                convert: dict[str, Any] = {"path": str(path), "target": str(target)}
                convert["limit"] = max_document_bytes(self.entry.options)
                convert["sizes"] = sizes_in_mm(self.request.size)
                made = await async_get_pdf_worker(self.hass).async_run_pdf_task(
                    "convert_scan", convert, user=user, seconds=JOIN_SECONDS
                )
                await run(unlink_all, [path])
                file, count = await run(check_page_file, target), made["pages"]
        except PdfError as err:
            _LOGGER.debug("A page of a scan is not kept: %s", err.reason)
            await run(unlink_all, [path])
            # A page that nobody can check for completeness does not count as a page.
            raise (
                InputError(UNCHECKED)
                if err.reason in UNCHECKED_REASONS | _TOO_MUCH
                else IncompletePageError()
            ) from None
        return file._replace(pages=count)

    async def _async_compare(self, parts: AnswerParts) -> None:
        """Find out which pictures are not pages. If that takes too long, all of them count as pages."""
        if len(parts.task.parts) < 2 or not (numbers := sorted(parts.pages)):
            return
        places = [*dict.fromkeys(parts.task.places)]
        request = {
            "paths": [str(parts.pages[one].path) for one in numbers],
            "places": [places.index(parts.task.places[one]) for one in numbers],
        }
        with suppress(PdfError):
            worker = async_get_pdf_worker(self.hass)
            made = await worker.async_run_pdf_task(
                "compare", request, user="scans", seconds=CHECK_SECONDS
            )
            parts.sort_out(numbers, made["sizes"], made["alike"])


def _cause(task: ScanTask) -> ScannerCondition | None:
    """Return what kept the scanner from scanning; None if the failed task does not say."""
    return ScannerCondition.OFF if task.code in _OFF_CODES else cause_in(task.message)


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
