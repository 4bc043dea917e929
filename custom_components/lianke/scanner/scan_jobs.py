"""Scans as people see them: one or more pages that are kept as files, and printed if the scan is a copy.

Each scan has a row in the ledger and a folder with its pages. People see only data that is on disk, so no page that
they have seen is lost, or scanned again, after a restart. The end of a copy and its print job are one transaction.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
import logging
from pathlib import Path
from typing import Any, Final
from weakref import WeakValueDictionary

from homeassistant.core import CALLBACK_TYPE, Context, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.signal_type import SignalType
from homeassistant.util.ulid import ulid_now

from ..api.errors import LiankeError
from ..const import DOMAIN, KEEP_SCANS_DAYS, KEEP_SCANS_MB, ScanColor
from ..devices import async_target_of_job
from ..documents.document import FileType
from ..documents.folders import async_copy_into_folder, delete_copies, free_names
from ..documents.pdf import pdf_error
from ..documents.pdf_client import PdfError
from ..documents.spool import disk_full_error, unlink_all
from ..error_texts import async_error_message
from ..input_error import MAX_QUOTED, InputError
from ..jobs.box_jobs import async_shield
from ..jobs.job import Asker, type_and_place
from ..jobs.opening import async_remove_records
from ..jobs.rules import REQUEST_ID_LIFE, max_document_bytes
from ..ledger import CLOSE_TIME, Lease, Listener, RecordChange, Table, View
from ..ledger_file import LedgerClosedError, LedgerRefusedError, make_folder
from ..people.initiator import tool_context_id
from ..printing.builder import JobBuilder, PreparedJob, async_job_builder
from ..printing.refusals import reporting_refusals
from ..printing.schemas import MAX_SOURCES
from ..runtime import LiankeConfigEntry
from .copies import async_check_copy, async_copy_printer, copy_request
from .hub import HUBS, TO_FORGET, ScannerHub
from .scan import async_scan_page
from .scan_files import (
    as_document,
    async_draw_page,
    async_is_blank,
    async_make_files,
    async_migrate_scan_records,
    flush,
    keep_only,
    move,
    remove_all,
    remove_orphans,
    scans_path,
    sizes_of,
)
from .scan_job import (
    NOT_PRINTED,
    SCANS_KIND,
    ScanAnswer,
    ScanFormat,
    ScanJob,
    ScanRequest,
    ScanState,
    ScanUpdate,
    Stack,
    local_time,
)
from .scan_parts import ScanError, ScannedFile
from .scan_rules import GLASS_SECONDS, scans_to_delete
from .scanner_abilities import sizes_in_mm
from .stacks import documents_of, fronts_only, join_stacks, scan_more

_LOGGER = logging.getLogger(__name__)

# Maximum number of tries to copy files under unused names: another program may take a name before our file has it.
MAX_NAME_TRIES: Final = 5

SIGNAL_SCAN: Final[SignalType[ScanUpdate]] = SignalType(f"{DOMAIN}_scan_updated")


async def async_remove_scans(hass: HomeAssistant, entry_id: str) -> None:
    """Delete the scans of a removed config entry, and forget its scanners."""
    hass.data.get(HUBS, {}).pop(entry_id, None)
    hass.data.get(SCAN_JOBS, {}).pop(entry_id, None)
    tables = Table(SCANS_KIND, entry_id), Table(TO_FORGET, entry_id)
    await async_remove_records(hass, scans_path(hass, entry_id).name, *tables)


class ScanJobs:
    def __init__(self, hass: HomeAssistant, entry: LiankeConfigEntry, hub: ScannerHub) -> None:
        self._hass = hass
        self._entry = entry
        self.hub = hub
        self.table = Table(SCANS_KIND, entry.entry_id)
        self._ledger = entry.runtime_data.queue.ledger
        self._lease = Lease(self._ledger)
        self._root = scans_path(hass, entry.entry_id)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        # True once `resume` has been called; before that, no unfinished scan runs.
        self.is_resumed = False
        self._is_closed = False
        self._stop_listening: CALLBACK_TYPE = lambda: None
        # Held while a person's answer is carried out, so that answers are carried out one after the other.
        self._lock = asyncio.Lock()
        # Held while files are deleted, so that only one deletion runs at a time.
        self._disk = asyncio.Lock()
        # By the id of a scan, held while its files are copied into a folder.
        self._copy_locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def all(self) -> list[ScanJob]:
        """The scans that are stored on disk, the newest first."""
        known = self._ledger.committed(self.table).values()
        return sorted(known, key=lambda job: job.job_id, reverse=True)

    def get(self, job_id: str) -> ScanJob:
        """Return a scan as it is stored on disk. Raises InputError: scan_gone."""
        if (job := self._ledger.committed(self.table).get(job_id)) is None:
            raise InputError("scan_gone")
        return job

    def unfinished_job(self, scanner_id: str, view: View | None = None) -> ScanJob | None:
        """Return a scanner's unfinished scan. A caller within a change of the ledger must pass that change's view."""
        known = view.all(self.table) if view else self._ledger.latest(self.table).values()
        jobs = [one for one in known if one.scanner_id == scanner_id and not one.is_final]
        return max(jobs, key=lambda job: job.job_id, default=None)

    def path(self, job: ScanJob, name: str) -> Path:
        return self._root / job.job_id / name

    async def async_load(self) -> None:
        """Read the scans; unfinished scans do not continue before `resume`. Raises OSError."""
        await self._ledger.async_load(self.table)
        await async_migrate_scan_records(self._hass, self._ledger, self.table, self._root)
        # Keep the pages of records that only a later version can read, since people may install that version again.
        known = self._ledger.latest(self.table).keys() | self._ledger.unreadable(self.table)
        await self._hass.async_add_executor_job(
            remove_orphans, self._root, known, self._ledger.damaged_folder
        )
        self._stop_listening = self._ledger.listen(self.table, self._on_change)
        # Close these scans even if the setup fails after this.
        self._entry.async_on_unload(self.async_close)

    async def async_close(self) -> None:
        """Stop for good, and wait until earlier changes are on disk. The next setup resumes unfinished scans."""
        if self._is_closed:
            return
        self._is_closed = True
        for task in self._tasks.values():
            task.cancel()
        with suppress(TimeoutError, LedgerRefusedError):
            async with asyncio.timeout(CLOSE_TIME):
                if self._tasks:
                    await asyncio.wait(self._tasks.values())
                self._lease.end()
                async with self._disk:
                    # Hold this lock, so that no deletion is still running that could delete files of the next setup.
                    await self._ledger.commit(lambda _view: None)
        self._lease.end()
        self._stop_listening()

    @callback
    def resume(self) -> None:
        """Resume scans that a restart interrupted, or that failed because the disk was full."""
        self.is_resumed = True
        for step in self._ledger.take_missed_changes(self.table):
            self._on_change(step)
        for job in [*self._ledger.latest(self.table).values()]:
            if not job.is_final or job.is_unkept:
                self._spawn(job.job_id, is_resumed=True)

    async def async_start(
        self, scanner_id: str, request: ScanRequest, context: Context, **more: Any
    ) -> ScanJob:
        """Begin a scan, and return its record once the record is on disk; `more` are further fields of the record.

        Before the scanner starts, a copy is checked like a print of one page. If an earlier call with the same request
        id has begun the copy, returns that copy. Raises InputError; LimitError; Unauthorized; HomeAssistantError:
        disk_full.
        """
        await self.hub.async_listed()
        self.hub.abilities(scanner_id).fields(request)
        job = ScanJob(
            job_id=ulid_now(),
            scanner_id=scanner_id,
            title=self.hub.get(scanner_id).name,
            request=request,
            created_at=dt_util.utcnow(),
            asker=Asker.of(context),
            stack=Stack.FRONTS if request.two_stacks else None,
            by_tool=tool_context_id.get() == context.id,
            **more,
        )
        if job.request_id is not None:
            # The checks below do not apply to a copy that was made already.
            known = await self._async_decide(partial(self._repeated, job))
            if known is not None:
                return known
        if job.printing:
            await async_check_copy(self._hass, job)
        job = await self._async_to_its_end(self._async_begin(job))
        await self.async_prune()
        return job

    def _repeated(self, job: ScanJob, view: View) -> ScanJob | None:
        """Return the copy that an earlier call with the same request id has begun, unless it surely prints nothing.

        Raises InputError: request_id_conflict if the earlier call asked for something else.
        """
        for one in view.all(self.table):
            if (
                job.request_id is None
                or one.request_id != job.request_id
                or one.prints_nothing
                or job.created_at - one.created_at > REQUEST_ID_LIFE
            ):
                continue
            if not one.copies_as(job):
                raise InputError("request_id_conflict", request_id=job.request_id)
            return one
        return None

    async def _async_begin(self, job: ScanJob) -> ScanJob:
        folder = self._root / job.job_id

        def begin(view: View) -> ScanJob:
            if (known := self._repeated(job, view)) is not None:
                return known
            if self.unfinished_job(job.scanner_id, view):
                raise InputError("scanner_busy")
            self.hub.check_rate(job.scanner_id)
            view.put(self.table, job.job_id, job)
            return job

        try:
            await self._hass.async_add_executor_job(make_folder, folder)
            begun = await self._async_decide(begin)
        except OSError as err:
            raise disk_full_error(err) from None
        except InputError, HomeAssistantError:
            await self._hass.async_add_executor_job(remove_all, [folder])
            raise
        if begun.job_id != job.job_id:
            await self._hass.async_add_executor_job(remove_all, [folder])
            return begun
        self._spawn(job.job_id)
        return begun

    async def _async_to_its_end[R](self, work: Coroutine[Any, Any, R]) -> R:
        """Run `work` to its end even if the caller is canceled, because nobody else would finish it."""
        return await async_shield(self._hass.async_create_task(work, "lianke: a scan"))

    async def async_answer(
        self, job_id: str, answer: ScanAnswer, page: int = 0, **changes: Any
    ) -> ScanJob:
        """Carry out a person's answer to a scan that waits, and return the scan; DISCARD is possible at any time.

        `page` counts from 1; 0 means the last page. `changes` are `cut` and `straighten`, fields of the PDF process's
        task `scan_page`. Raises InputError: scan_gone, scan_not_waiting, scan_no_page, scan_only_page,
        scan_page_fixed, scan_card_full, and the errors of `pdf_error`; HomeAssistantError: disk_full.
        """
        return await self._async_to_its_end(self._async_answer(job_id, answer, page, changes))

    async def _async_answer(
        self, job_id: str, answer: ScanAnswer, page: int, how: dict[str, Any]
    ) -> ScanJob:
        async with self._lock:
            job = self.get(job_id)
            if answer is ScanAnswer.DISCARD:
                return await self._async_discard(job)
            if not job.is_waiting:
                raise InputError("scan_not_waiting")
            async with self._disk:
                # Wait for running deletions, which must not delete files that this answer makes.
                pass
            pages, kept = job.pages, job.each_page(job.kept_pages)
            meant = job.left_out if answer is ScanAnswer.RESTORE else kept
            if page > len(meant) or not meant:
                raise InputError("scan_no_page", page=str(page or 1), count=str(len(meant)))
            name = meant[page - 1]
            index = pages.index(name)
            changes: dict[str, Any]
            if answer is ScanAnswer.CHANGE:
                source = self.path(job, pages[index])
                if source.suffix == FileType.PDF or job.is_card:
                    raise InputError("scan_page_fixed")
                try:
                    name = await self._async_draw(job, source, job.taken + 1, **how)
                except PdfError as err:
                    raise pdf_error(err, job.title) from None
                pages = (*pages[:index], name, *pages[index + 1 :])
                changes = {"pages": pages, "taken": job.taken + 1}
            elif answer is ScanAnswer.REMOVE:
                if len(kept) == 1:
                    raise InputError("scan_only_page")
                if name in job.more_pages:
                    raise InputError("scan_page_fixed")
                newest = job.newest - (index >= len(pages) - job.newest)
                changes = {"pages": (*pages[:index], *pages[index + 1 :]), "newest": newest}
                if job.stack is Stack.BACKS:
                    changes |= join_stacks(replace(job, **changes))
            elif answer is ScanAnswer.FRONTS_ONLY and job.stack is Stack.BACKS:
                changes = fronts_only(job)
            elif answer in (ScanAnswer.FINISH, ScanAnswer.FRONTS_ONLY):
                # The person accepts that pages are missing.
                changes = {"state": ScanState.FINISHING, "reason": None, "detail": ""}
            elif answer is ScanAnswer.RESTORE:
                changes = {"left_out": tuple(one for one in job.left_out if one != name)}
            elif answer is ScanAnswer.NEXT and job.is_card and len(kept) > 1:
                raise InputError("scan_card_full")
            else:
                changes = scan_more(job, answer)
            job = await self._async_set(job, **changes)
            if "pages" in changes:
                await self._async_keep_only(job, job.pages)
            self._spawn(job.job_id)
            return job

    async def _async_discard(self, job: ScanJob) -> ScanJob:
        task, canceled = self._tasks.get(job.job_id), tuple[str, ...]()
        # Once a copy is over, its print jobs are ordinary jobs: discarding the copy does not cancel them.
        is_under_way = task is not None and not task.done()
        was = job

        def discard(known: ScanJob) -> ScanJob:
            nonlocal was
            was = known
            # Once the scan is stored as discarded, no more print jobs are made from it.
            return known.discarded if known.print_jobs == canceled or not is_under_way else known

        while (
            await self._async_decide(self._change(job.job_id, discard))
        ).state is not ScanState.CANCELED:
            for print_id in was.print_jobs[len(canceled) :]:
                target, _ = async_target_of_job(self._hass, print_id)
                await target.data.queue.async_cancel(print_id)
            canceled = was.print_jobs
        if task is not None:
            # This cancels the scan at the service, too.
            task.cancel()
            await asyncio.wait([task], timeout=CLOSE_TIME)
        if not was.is_copied:
            paths = [self.path(was, name) for name in was.files]
            # A folder that does not answer, such as a share whose server is off, may keep what is in it.
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIME), self._copying(was.job_id):
                    await self._hass.async_add_executor_job(
                        delete_copies, self._hass, paths, was.copied_to
                    )
        await self._async_keep_only(job, ())
        return self.get(job.job_id)

    async def _async_keep_only(self, job: ScanJob, names: Iterable[str]) -> None:

        async def in_turn() -> None:
            async with self._disk:
                folder = self._root / job.job_id
                await self._hass.async_add_executor_job(keep_only, folder, [*names])

        # If a deletion were canceled, its thread would keep running after the lock is released.
        await self._async_to_its_end(in_turn())

    def listen(self, listener: Listener[ScanJob]) -> CALLBACK_TYPE:
        """Call `listener` with each change of a scan once it is on disk; return a function that removes `listener`."""
        return self._ledger.listen(self.table, listener, publishes=False)

    async def async_wait(self, job_id: str, seconds: float) -> ScanJob:
        """Wait at most `seconds` until a scan is over or waits for a person; return the scan.

        A completed scan counts as over once each delivery has ended or waits for its next try.

        A reload of the box does not interrupt the wait. Raises InputError: scan_gone.
        """
        changed = asyncio.Event()
        stop = self.listen(lambda _: changed.set())
        try:
            async with asyncio.timeout(seconds):
                while not (self.get(job_id).is_settled or self.get(job_id).is_waiting):
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            pass
        finally:
            stop()
        return self.get(job_id)

    def _spawn(self, job_id: str, *, is_resumed: bool = False) -> None:
        if self._is_closed:
            return
        if (waiting := self._tasks.get(job_id)) is not None:
            waiting.cancel()
        self._tasks[job_id] = self._entry.async_create_background_task(
            self._hass, self._async_run(job_id, is_resumed=is_resumed), f"lianke scan {job_id}"
        )

    async def async_update(self, job_id: str, change: Callable[[ScanJob], ScanJob]) -> ScanJob:
        """Change a scan with a function, and return the stored result. Raises the same errors as `_async_decide`."""
        return await self._async_decide(self._change(job_id, change))

    async def _async_decide[R](self, change: Callable[[View], R]) -> R:
        """Commit a change and return its result.

        Raises HomeAssistantError: disk_full; InputError: scan_gone, box_unloaded.
        """
        try:
            return await self._lease.commit(change)
        except LedgerClosedError:
            # The box was unloaded. The next setup of the box resumes the scan.
            raise InputError("box_unloaded") from None
        except LedgerRefusedError as err:
            raise disk_full_error(err) from None

    def _change(
        self, job_id: str, change: Callable[[ScanJob], ScanJob]
    ) -> Callable[[View], ScanJob]:
        """Return a change of the ledger that applies a function to a scan. The change raises InputError: scan_gone."""

        def make(view: View) -> ScanJob:
            if (job := view.get(self.table, job_id)) is None:
                raise InputError("scan_gone")
            view.put(self.table, job_id, new := change(job))
            return new

        return make

    async def _async_set(self, job: ScanJob, **changes: Any) -> ScanJob:
        """Flush new files to disk, store the changes of a scan that is not over, and return the changed scan.

        Raises the same errors as `_async_decide`.
        """
        names = {*changes.get("pages", ()), *changes.get("files", ())}
        if new := names.difference(job.pages, job.files):
            await self._hass.async_add_executor_job(flush, self._root / job.job_id, new)
        change = self._change(job.job_id, lambda known: known.changed(**changes))
        return await self._async_decide(change)

    @callback
    def _on_change(self, step: RecordChange[ScanJob]) -> None:
        self.hub.notify()
        old, new = step.old, step.new
        if new is not None and old is not None and old.state is not new.state:
            async_dispatcher_send(self._hass, SIGNAL_SCAN, ScanUpdate(self._entry, new))

    async def _async_run(self, job_id: str, *, is_resumed: bool) -> None:
        try:
            job = self._ledger.latest(self.table)[job_id]
            if job.is_unkept:
                # If we have asked the service to scan, fetch the pages, or report that the scan is in doubt.
                is_open = job.task_id or job.asked
                state = ScanState.SCANNING if is_open else ScanState.FINISHING
                change = self._change(job_id, partial(replace, state=state, reason=None))
                job = await self._async_decide(change)
            if job.state is ScanState.SCANNING:
                job = await self._async_scan(job, is_resumed=is_resumed)
            if job.is_waiting:
                await asyncio.sleep(GLASS_SECONDS)
                async with self._lock:
                    if self._ledger.latest(self.table).get(job_id) != job:
                        return
                    job = await self._async_set(
                        job, state=ScanState.FINISHING, reason=None, detail=""
                    )
            if job.state is ScanState.FINISHING:
                await self._async_finish(job)
        except Exception as err:  # noqa: BLE001  # whatever the cause, nothing else would end the scan
            # The usual cause is a full disk. The error's text is not logged: it may quote titles and addresses.
            with suppress(LedgerClosedError, InputError):
                self._lease.commit(self._change(job_id, ScanJob.failing), is_report=True)
                _LOGGER.error("A scan could not be finished: %s", type_and_place(err))  # noqa: TRY400

    async def _async_scan(self, job: ScanJob, *, is_resumed: bool) -> ScanJob:

        async def on_started(task_id: str) -> None:
            nonlocal job
            job = await self._async_set(job, task_id=task_id)

        try:
            if job.task_id is None:
                if job.asked or is_resumed:
                    # Do not scan now: the person who asked for the scan may have left with the paper.
                    raise ScanError("scan_in_doubt" if job.asked else "scan_not_begun")
                job = await self._async_set(job, asked=True)
            async with async_scan_page(
                self._hass,
                self._entry,
                job.scanner_id,
                job.request,
                task_id=job.task_id,
                on_started=on_started,
            ) as (files, failure):
                return await self._async_take(job, files, failure)
        except (InputError, LiankeError) as err:
            return await self._async_take(job, (), err)

    async def _async_take(
        self, job: ScanJob, files: tuple[ScannedFile, ...], failure: InputError | LiankeError | None
    ) -> ScanJob:
        """Move scanned files into the scan's folder; return the scan with these pages and in its next state."""
        names: list[str] = []
        left_out: list[str] = []
        more_pages = {**job.more_pages}
        for number, file in enumerate(files, start=job.taken + 1):
            name = None
            is_blank = await async_is_blank(self._hass, job, file)
            if job.straighten and not is_blank and file.extension != FileType.PDF:
                with suppress(PdfError):
                    name = await self._async_draw(job, file.path, number, straighten=True)
            if name is None:
                name = f"page-{number:04}{file.extension}"
                await self._hass.async_add_executor_job(move, file.path, self.path(job, name))
            names.append(name)
            if is_blank:
                left_out.append(name)
            if file.pages > 1:
                more_pages[name] = file.pages - 1
        kept = [one for one in job.pages if not (names and one in job.replaces)]
        pages = (*kept, *names)
        left_out += [one for one in job.left_out if one in kept]
        if len(left_out) == len(pages):
            # If all pages are blank, the person wants blank pages.
            left_out = []
        changes: dict[str, Any] = {
            "pages": pages,
            "more_pages": more_pages,
            # If no page came, count the pages that this scan should have replaced, so that the next scan can replace
            # them.
            "newest": len(names) or len(job.replaces),
            "reason": None if failure is None else failure.reason,
            "detail": "" if failure is None else failure.placeholders.get("detail", ""),
        }
        if job.stack is Stack.BACKS and names and failure is None:
            changes |= join_stacks(replace(job, **changes))
        state = ScanState.FINISHING
        count = len(replace(job, more_pages=more_pages).each_page(pages))
        is_open = job.most is not None and count < job.most
        if count and (is_open or changes.get("stack", job.stack)):
            state = ScanState.WAITING
        elif failure is not None and not pages:
            state = ScanState.FAILED
        # Store the pages at once, so that they survive a restart.
        job = await self._async_set(
            job,
            left_out=tuple(one for one in changes["pages"] if one in left_out),
            taken=job.taken + len(names),
            task_id=None,
            asked=False,
            replaces=(),
            state=state,
            **changes,
        )
        # Delete replaced pages now, before an answer can make new files in the folder.
        await self._async_keep_only(job, job.pages)
        return job

    async def _async_draw(self, job: ScanJob, page: Path, number: int, **how: Any) -> str:
        """Draw a page again with the changes in `how`; return the name of the new file. Raises PdfError."""
        target = self.path(job, name := f"page-{number:04}{FileType.JPEG}")
        # A crash may have left an incomplete file with this name.
        await self._hass.async_add_executor_job(unlink_all, [target])
        await async_draw_page(
            self._hass,
            page,
            target,
            limit=max_document_bytes(self._entry.options),
            user=job.asker.user_id,
            color="color" if job.request.color is ScanColor.COLOR else "gray",
            sizes=sizes_in_mm(job.request.size),
            **how,
        )
        return name

    async def _async_finish(self, job: ScanJob) -> None:
        if not job.files:
            stem = job.filename or f"{job.title} {local_time(job, '%Y-%m-%d %H.%M.%S')}"
            files: tuple[str, ...] = ()
            for number, pages in enumerate(parts := documents_of(job), start=1):
                files += await async_make_files(
                    self._hass,
                    [self.path(job, name) for name in pages],
                    f"{stem} {number}" if len(parts) > 1 else stem,
                    as_pdf=job.request.format is ScanFormat.PDF and not job.is_card,
                    mono=job.request.color is ScanColor.MONO,
                    size=job.request.size,
                    user=job.asker.user_id,
                )
            job = await self._async_set(job, files=files)
        if job.folder and job.reason is None:
            try:
                job = await self.async_copy(job, job.folder)
            except InputError as err:
                job = await self._async_set(job, reason=err.reason)
        if job.printing and dt_util.utcnow() - job.created_at > REQUEST_ID_LIFE:
            # The copy is so old that nobody is waiting for the paper any more.
            job = await self._async_set(job, reason=job.reason or "copy_in_doubt")
        elif job.printing and job.reason is None:
            try:
                async with reporting_refusals(self._hass, job.asker.context):
                    job = await self._async_print(job)
            except HomeAssistantError as err:
                detail = (await async_error_message(self._hass, err))[:MAX_QUOTED]
                job = await self._async_set(job, reason=NOT_PRINTED, detail=detail)
        if not job.is_final:
            state = ScanState.FAILED if job.reason else ScanState.COMPLETED
            job = await self._async_set(job, state=state)
        # Keep the first page too, which the image entity shows.
        await self._async_keep_only(job, [*job.files, *job.kept_pages[:1]])

    async def async_copy(self, job: ScanJob, folder: str) -> ScanJob:
        """Copy the files into a folder; return the changed scan.

        Raises InputError: scan_not_copied, scan_gone; scan_folder_full, after which a new try finds what it copied.

        The names of the copies are stored before copying, so that the files are not copied twice after a restart.
        """
        async with self._copying(job.job_id):
            return await self._async_copy(job, folder)

    def _copying(self, job_id: str) -> asyncio.Lock:
        """Return the lock that is held while a scan's files are copied, so that a discard finds every copy."""
        return self._copy_locks.setdefault(job_id, asyncio.Lock())

    async def _async_copy(self, job: ScanJob, folder: str) -> ScanJob:
        if job.folder == folder and job.copied_to and job.is_copied:
            return job
        paths = [self.path(job, name) for name in job.files]
        run = self._hass.async_add_executor_job

        async def note(names: tuple[str, ...], *, is_copied: bool) -> ScanJob:
            copies = {"folder": folder, "copied_to": names, "is_copied": is_copied}
            return await self.async_update(
                job.job_id, lambda known: known.changed_unless_discarded(**copies)
            )

        async def in_folder[R](work: Awaitable[R]) -> R:
            try:
                return await work
            except HomeAssistantError, OSError:
                # The folder may be on another disk, such as a network share that is full or does not answer.
                raise InputError("scan_folder_full") from None

        for _ in range(MAX_NAME_TRIES):
            try:
                again = job.folder == folder and bool(job.copied_to) and not job.is_copied
                if not again:
                    names = await in_folder(run(free_names, self._hass, paths, Path(folder)))
                    job = await note(names, is_copied=False)
                copying = async_copy_into_folder(self._hass, paths, job.copied_to, again=again)
                if await in_folder(copying):
                    return await note(job.copied_to, is_copied=True)
            except InputError as err:
                if err.reason in ("scan_gone", "box_unloaded", "scan_folder_full"):
                    raise
                # The folder has become a link to another place, or is no longer allowed.
                break
            # Meanwhile, another program has taken one of the names.
            job = await note((), is_copied=True)
        await note((), is_copied=True)
        raise InputError("scan_not_copied")

    async def _async_print(self, job: ScanJob) -> ScanJob:
        """Print a copy; return the changed scan. One transaction stores each print job and adds it to the scan.

        Raises the same errors as `async_target` and `builder.async_print_single_job`.
        """
        if job.by_tool:
            # The assistant that began the copy asked for the print, not the person who continued the scan.
            tool_context_id.set(job.asker.context_id)
        target = await async_copy_printer(self._hass, job)
        # If the pages could not be joined in a PDF, there may be more files than one request can have.
        for start in range(0, len(job.files), MAX_SOURCES):
            names = job.files[start : start + MAX_SOURCES]
            documents = [as_document(self._hass, self.path(job, name)) for name in names]
            request_id = f"{job.job_id}#{start + 1}" if start else job.job_id
            request = replace(copy_request(job, target, documents), request_id=request_id)
            is_last = start + MAX_SOURCES >= len(job.files)
            async with async_job_builder(self._hass, request) as builder:
                wanted = await builder.async_jobs()
                for number, made in enumerate(wanted, start=1):
                    ends = is_last and number == len(wanted)
                    await self._async_submit(job.job_id, builder, made, ends=ends)
        return self.get(job.job_id)

    async def _async_submit(
        self, job_id: str, builder: JobBuilder, made: PreparedJob, *, ends: bool
    ) -> None:
        print_id = ulid_now()

        def note(view: View, made_id: str = print_id) -> None:
            self._lease.raise_if_over()
            state = {"state": ScanState.COMPLETED} if ends else {}
            self._change(
                job_id, lambda job: job.changed(print_jobs=(*job.print_jobs, made_id), **state)
            )(view)

        printed = await builder.async_submit(made, job_id=print_id, also_change=note)
        if printed.job_id not in self.get(job_id).print_jobs:
            # An earlier version, without the ledger, has already made the print job.
            await self._async_decide(partial(note, made_id=printed.job_id))

    def status(self, scanner_id: str) -> str:
        """Return the state of the scanner's status sensor."""
        status, job = self.hub.status(scanner_id), self.unfinished_job(scanner_id)
        if job is None or status == "offline":
            return status
        return "waiting" if job.is_waiting else "scanning"

    async def async_prune(self) -> None:
        """Delete the scans that exceed the limits; before `resume`, unfinished scans may be deleted, too.

        If the disk refuses, the scans stay until the next call: nobody is waiting for their deletion.
        """
        with suppress(HomeAssistantError, InputError, OSError):
            await self._async_prune()

    async def _async_prune(self) -> None:
        options = self._entry.options
        known = [job.job_id for job in self.all]
        sizes = await self._hass.async_add_executor_job(sizes_of, self._root, known)
        gone = scans_to_delete(
            [
                one
                for one in reversed(self.all)
                if (one.is_final and not one.open_deliveries) or not self.is_resumed
            ],
            sizes,
            dt_util.utcnow(),
            keep=timedelta(days=KEEP_SCANS_DAYS.of(options)),
            most_bytes=KEEP_SCANS_MB.of(options) * 1024 * 1024,
        )
        if gone:
            await self.async_delete(gone)

    async def async_delete(self, job_ids: list[str]) -> None:
        def delete(view: View) -> None:
            for job_id in job_ids:
                view.delete(self.table, job_id)

        await self._async_decide(delete)
        for job_id in job_ids:
            self._tasks.pop(job_id, None)
        folders = [self._root / job_id for job_id in job_ids]
        await self._hass.async_add_executor_job(remove_all, folders)


SCAN_JOBS: HassKey[dict[str, ScanJobs]] = HassKey(f"{DOMAIN}_scan_jobs")


@callback
def async_get_scan_jobs(hass: HomeAssistant, entry: LiankeConfigEntry) -> ScanJobs:
    """Return an entry's scans. Raises InputError: scan_gone if the entry was removed."""
    if (jobs := hass.data[SCAN_JOBS].get(entry.entry_id)) is None:
        raise InputError("scan_gone")
    return jobs
