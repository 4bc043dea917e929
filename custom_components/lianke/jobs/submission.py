"""Submitting jobs: checks, then the write to disk; only then may anything be sent."""

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.util import dt as dt_util

from ..api.models import DriverState
from ..box.page_counts import PageCounts, month_of
from ..box.views import PrinterView
from ..coordinator import LiankeCoordinator
from ..errors import InputError
from .approval import async_reasons_to_ask, release_code
from .beginning import async_find_beginning
from .errors import already_retried, disk_full
from .halves import check_may_turn, turned_paper
from .job import Asker, Job, JobState
from .limits import (
    LAN_SHARES,
    Content,
    LimitError,
    check_pages,
    check_rate,
    find_duplicate,
    is_uncounted,
)
from .page_count import PageCounter, file_digest
from .people import Origin, PersonReason
from .readiness import PERMANENT, QueueReason, Readiness
from .registry import JobRegistry
from .request import PrintRequest, Submission, new_job
from .settings import max_jobs_per_hour, max_pages
from .store import JobStoreError, unlink_all

# Called with a printer's key and the error, or None when a job passed.
type LimitListener = Callable[[str, LimitError | None], None]


class JobSubmitter:
    """Accepts or refuses new jobs, one at a time."""

    def __init__(
        self,
        coordinator: LiankeCoordinator,
        registry: JobRegistry,
        readiness: Readiness,
        counter: PageCounter,
        pages: PageCounts,
        abort: Callable[[Job], None],
    ) -> None:
        """`abort` stops a job's upload before its end is sent."""
        self._hass = coordinator.hass
        self._entry = coordinator.config_entry
        self._coordinator = coordinator
        self._registry = registry
        self._store = registry.store
        self._readiness = readiness
        self._counter = counter
        self._pages = pages
        self._abort = abort
        self._lock = asyncio.Lock()
        self._closed = False
        self._limit_listeners: list[LimitListener] = []

    @callback
    def listen_limits(self, listener: LimitListener) -> CALLBACK_TYPE:
        """Call `listener` when the print limits refuse a job, and when a job passes them."""
        self._limit_listeners.append(listener)
        return lambda: self._limit_listeners.remove(listener)

    @callback
    def close(self) -> None:
        """Accept no more jobs: the next queue to read the store would not know of them."""
        self._closed = True

    async def async_submit(self, request: PrintRequest) -> Submission:
        """Accept or refuse a job; see PrintQueue.async_submit."""
        accepted = False
        try:
            request = await self._async_with_asker(request)
            # Not in the lock: it may take a while.
            document = await self._counter.async_complete(
                request.printer_key,
                request.document,
                request.options,
                limit=max_pages(self._entry.options),
            )
            request = replace(request, document=document)
            async with self._lock:
                submission = await self._async_accept(request)
                accepted = not submission.duplicate
        finally:
            if not accepted:
                await self._hass.async_add_executor_job(unlink_all, request.files)
        return submission

    async def _async_with_asker(self, request: PrintRequest) -> PrintRequest:
        """Return a request that says who asks, and by what; a moved job says it already."""
        if request.moved is not None:
            return request
        context = request.context
        beginning = await async_find_beginning(self._hass, context)
        return replace(
            request,
            asker=Asker(
                context_id=context.id, user_id=beginning.user_id, parent_id=context.parent_id
            ),
            origin=request.origin
            or (Origin.LAN_PRINTER if request.sender_address else beginning.origin),
            automated=beginning.automated,
        )

    async def _async_accept(self, request: PrintRequest) -> Submission:
        digest = await self._async_digest(request)
        now = dt_util.utcnow()
        if request.retry_of:
            self._check_retry(request.retry_of)
        if request.request_id and request.moved is None:
            content = Content(
                printer_key=request.printer_key, digest=digest, options=request.options.as_dict()
            )
            job = find_duplicate(self._registry.all(), request.request_id, content, now)
            if job is not None:
                return Submission(job=job, duplicate=True)
        view = self._coordinator.data.printers.get(request.printer_key)
        if view is None:
            raise InputError("printer_gone")
        if view.printer.driver in (DriverState.AWAITING, DriverState.UNSUPPORTED):
            raise InputError(f"driver_{view.printer.driver}", printer=view.name)
        if self._closed:
            raise InputError("not_ready_getting_ready", printer=view.name)
        replaced = self._replaced_by(request)
        self._check_limits(request, view, replaced)
        reason = self._readiness.check_printer(
            view.key, now, ignore_quiet_hours=request.ignore_quiet_hours
        ).reason
        if reason is not None and (reason in PERMANENT or not request.hold):
            raise InputError(f"not_ready_{reason}", printer=view.name)
        moved = request.moved
        if moved is not None and moved.approved and self._registry.get(moved.job_id) is not None:
            # By somebody who may approve for this box.
            request = replace(request, approved=True)
        if request.waits_for is None:
            asks = await async_reasons_to_ask(
                self._hass, self._entry.options, request, view, spent=self._pages_of_month(request)
            )
            # What people are to be asked about a job is asked wherever it is moved to.
            before = moved.waits_for if moved else ()
            if moved is None and is_uncounted(*request.counted):
                asks = (*asks, PersonReason.RELEASE)
            reasons = (*before, *asks)
            if reasons and request.halves is not None and request.halves.by_hand.half == 2:
                # Nobody leaves turned paper in the tray until others have answered.
                reasons = (*reasons, PersonReason.TURN_PAPER)
            request = replace(
                request,
                waits_for=tuple(dict.fromkeys(reasons)),
                release_code=release_code(self._entry.options, request),
            )
        job = new_job(self._entry.options, request, view, reason, digest, now)
        self._registry.reserved |= {old.job_id for old in replaced}
        try:
            backs = None if request.halves is None else request.halves.backs
            await self._store.async_create(job, request.document, backs)
            if replaced:
                # The old jobs stay until the one that replaces them is safe.
                await self._async_flush_unregistered(job)
            # Only now, since paper may have been turned over meanwhile.
            job = self._heeding_turned_paper(job)
        except JobStoreError as err:
            raise disk_full(err) from None
        except InputError:
            await self._store.async_delete([job.job_id])
            raise
        finally:
            self._registry.reserved.clear()
        self._registry.add(job)
        for old in replaced:
            current = self._registry.get(old.job_id)
            if current is not None and _can_be_replaced(current):
                # If this is not written: of jobs that replace each other only the newest survives
                # a restart.
                self._registry.change(old, state=JobState.CANCELED, reason="replaced")
                with suppress(JobStoreError):
                    await self._registry.async_wait_persisted(old.job_id)
        return Submission(job=job)

    @callback
    def _heeding_turned_paper(self, job: Job) -> Job:
        """Return a new job as it may be added now: held if another's turned paper lies in the tray.

        Raises InputError if it may not wait, or if its own paper cannot lie there.
        """
        jobs = self._registry.all()
        check_may_turn(job, jobs, dt_util.utcnow())
        if job.state is not JobState.UPLOADING or job.printer_key not in turned_paper(jobs):
            return job
        if not job.hold:
            raise InputError(f"not_ready_{QueueReason.PAPER_TURNED}", printer=job.printer_name)
        return replace(job, state=JobState.HELD, hold_reason=QueueReason.PAPER_TURNED)

    async def _async_flush_unregistered(self, job: Job) -> None:
        """Wait until the document of a job that is not registered yet is on disk. Raises JobStoreError."""
        try:
            await self._store.async_flushed(job.job_id)
        except JobStoreError:
            await self._store.async_delete([job.job_id])
            raise

    async def async_publish(self, job_id: str) -> None:
        """Publish a new job once its document is on disk; discard it if the disk refuses.

        Raises HomeAssistantError: disk_full.
        """
        try:
            await self._store.async_flushed(job_id)
        except JobStoreError as err:
            if (job := self._registry.get(job_id)) is not None:
                self._abort(job)
            await self._registry.async_discard(job_id)
            raise disk_full(err) from None
        self._registry.publish(job_id)

    async def _async_digest(self, request: PrintRequest) -> str:
        """Return the digest that tells the document apart, empty where nothing will compare it."""
        document = request.document
        if document.digest is not None or request.request_id is None:
            return document.digest or ""
        return await self._hass.async_add_executor_job(file_digest, document.path)

    def _check_retry(self, job_id: str) -> None:
        """Refuse to retry a job that another job retries already."""
        for job in self._registry.all():
            if job.retry_of == job_id and not job.was_never_sent:
                raise already_retried(job)

    def _pages_of_month(self, request: PrintRequest) -> int:
        """Return the pages that a request's user has printed in this month, or waits for."""
        if (user_id := request.asker.user_id) is None:
            return 0
        moved = request.moved.job_id if request.moved else None
        waiting = sum(
            (1 if job.pages is None else job.pages) * job.copies
            for job in self._registry.unsettled()
            if job.asker.user_id == user_id and not job.is_final and job.job_id != moved
        )
        return waiting + self._pages.of_user(month_of(dt_util.now()), user_id)

    def _replaced_by(self, request: PrintRequest) -> list[Job]:
        """Return the held jobs that this request replaces.

        Raises InputError when it is a moved job itself that a newer one has replaced.
        """
        waiting = [
            job
            for job in self._registry.all()
            if job.printer_key == request.printer_key
            and _can_be_replaced(job)
            and not job.is_moving
            and job.replace_key
            and job.replace_key == request.replace_key
        ]
        moved = request.moved
        if moved is not None and any(job.created_at > moved.created_at for job in waiting):
            raise InputError("newer_job_waits", title=moved.title)
        return waiting

    @callback
    def check_rate(
        self,
        printer_key: str,
        user_id: str | None,
        *,
        sender_address: str | None = None,
        refused: int = 0,
    ) -> None:
        """Refuse a job by the rate limit, before a document is made. Raises LimitError.

        `sender_address` is that of a device of the home network, `refused` how many of its documents
        were refused within the last hour.
        """
        view = self._coordinator.data.printers.get(printer_key)
        if view is not None:
            with self._reporting_refusal(view):
                self._check_rate(view, (user_id, sender_address), refused=refused)

    @callback
    def _check_limits(
        self, request: PrintRequest, view: PrinterView, replaced: Collection[Job]
    ) -> None:
        """Check the limits on pages and jobs and report the result. Raises InputError."""
        with self._reporting_refusal(view):
            check_pages(
                *request.counted,
                limit=max_pages(self._entry.options),
                printer=view.name,
            )
            origin = (request.asker.user_id, request.sender_address)
            self._check_rate(view, origin, replaced)
        self._report(view, None)

    @contextmanager
    def _reporting_refusal(self, view: PrinterView) -> Iterator[None]:
        try:
            yield
        except LimitError as err:
            self._report(view, err)
            raise

    @callback
    def _report(self, view: PrinterView, error: LimitError | None) -> None:
        for listener in list(self._limit_listeners):
            listener(view.key, error)

    def _check_rate(
        self,
        view: PrinterView,
        origin: tuple[str | None, str | None],
        replaced: Collection[Job] = (),
        *,
        refused: int = 0,
    ) -> None:
        """Check the rate limit of a user or a device; each has its own. Raises LimitError."""
        limit, now = max_jobs_per_hour(self._entry.options), dt_util.utcnow()
        jobs = [
            job
            for job in self._registry.all()
            if job.printer_key == view.key and job not in replaced
        ]
        own = [job for job in jobs if (job.asker.user_id, job.sender_address) == origin]
        check_rate(own, now, limit=limit, printer=view.name, refused=refused)
        if origin[1] is not None:
            # A device can take more than one address.
            sent = [job for job in jobs if job.sender_address is not None]
            check_rate(sent, now, limit=LAN_SHARES * limit, printer=view.name)


async def async_finish[T](task: asyncio.Future[T]) -> T:
    """Wait for a task that goes on if the wait is cancelled; raises what it raises.

    Unlike with asyncio.shield, its error does not reach the event loop's handler then.
    """
    task.add_done_callback(lambda done: None if done.cancelled() else done.exception())
    await asyncio.wait([task])
    return task.result()


def _can_be_replaced(job: Job) -> bool:
    """Return whether a newer job may take a job's place: it waits, and no paper was turned over for it."""
    return job.state is JobState.HELD and not job.has_turned_paper
