"""Submitting jobs: checks, then the write to disk; only then may anything be sent."""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.util import dt as dt_util

from ..api.models import DriverState
from ..box.status import PrinterSnapshot
from ..coordinator import LiankeCoordinator
from ..documents.document import file_digest
from ..errors import InputError
from .job import Delivery, Job, JobSpec, JobState, PersonReason, already_retried, disk_full
from .limits import (
    LAN_SHARES,
    LimitError,
    PageCounter,
    check_pages,
    check_rate,
    find_duplicate,
    hold_time,
    max_jobs_per_hour,
    max_pages,
)
from .readiness import PERMANENT, QueueReason, Readiness, check_tray, stacks_in_trays
from .registry import JobRegistry
from .store import SECOND_NAME, JobStoreError, file_name, unlink_all

# Called with a printer's key and the error, or None when a job passed.
type LimitListener = Callable[[str, LimitError | None], None]


class People(Protocol):
    """What is known of people who print: the room that knows it lies above this one."""

    async def async_with_asker(self, spec: JobSpec) -> JobSpec:
        """Return what is asked for with who asks, and by what."""

    async def async_with_reasons(
        self, spec: JobSpec, first: Delivery, jobs: Collection[Job]
    ) -> JobSpec:
        """Return what is asked for with whom it waits for; `jobs` are those of the box. Raises InputError.

        `first` is the first of its deliveries.
        """


class Destination(Protocol):
    """The queue of a box, as far as it takes jobs from others."""

    entry_id: str

    def find(self, job_id: str) -> Job | None:
        """Return a job as it is."""

    async def async_submit(
        self,
        spec: JobSpec,
        deliveries: Sequence[Delivery],
        *,
        job_id: str | None = None,
        moved: Job | None = None,
    ) -> Job:
        """Accept a job; on return it is on disk."""

    def forget_move(self, job_id: str) -> None:
        """Note that the job which this one took the place of is over."""

    def resolve_moves(self) -> None:
        """Go on with what was cut off between boxes, now that another one is there."""


class JobSubmitter:
    """Accepts or refuses new jobs, one at a time."""

    def __init__(
        self,
        coordinator: LiankeCoordinator,
        registry: JobRegistry,
        readiness: Readiness,
        counter: PageCounter,
        people: People,
        abort: Callable[[Job], None],
        review_soon: Callable[[], None],
    ) -> None:
        """`abort` stops a job's upload before its end is sent; `review_soon` is called when jobs may go on."""
        self._hass = coordinator.hass
        self._entry = coordinator.config_entry
        self._coordinator = coordinator
        self._registry = registry
        self._store = registry.store
        self._readiness = readiness
        self._counter = counter
        self._people = people
        self._abort = abort
        self._review_soon = review_soon
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

    async def async_submit(
        self, spec: JobSpec, deliveries: Sequence[Delivery], job_id: str, moved: Job | None
    ) -> Job:
        """Accept or refuse a job; see PrintQueue.async_submit."""
        accepted = False
        try:
            if moved is None:
                spec = await self._people.async_with_asker(spec)
            # Not in the lock: it may take a while.
            limit = max_pages(self._entry.options)
            first = await self._counter.async_complete(spec.printer_key, deliveries[0], limit=limit)
            if spec.request_id is not None and first.document.digest is None:
                path = first.document.path
                digest = await self._hass.async_add_executor_job(file_digest, path)
                first = replace(first, document=replace(first.document, digest=digest))
            deliveries = (first, *deliveries[1:])
            async with self._lock:
                job = await self._async_accept(spec, deliveries, job_id, moved)
                accepted = job.job_id == job_id
        finally:
            # Its upload may begin, but does not end before the document is on disk. If the job was
            # refused, what it would have replaced goes on.
            self._review_soon()
            if not accepted:
                paths = [one.document.path for one in deliveries]
                await self._hass.async_add_executor_job(unlink_all, paths)
        try:
            await self._store.async_flushed(job.job_id)
        except JobStoreError as err:
            if (current := self._registry.jobs.get(job.job_id)) is not None:
                self._abort(current)
            await self._registry.async_discard(job.job_id)
            raise disk_full(err) from None
        self._registry.publish(job.job_id)
        return job

    async def _async_accept(
        self, spec: JobSpec, deliveries: Sequence[Delivery], job_id: str, moved: Job | None
    ) -> Job:
        """Return a new job once it is on disk, but for its documents; or the one that was asked for before."""
        now, jobs = dt_util.utcnow(), list(self._registry.jobs.values())
        if spec.retry_of:
            for job in jobs:
                if job.spec.retry_of == spec.retry_of and not job.was_never_sent:
                    raise already_retried(job)
        if spec.request_id and moved is None:
            earlier = find_duplicate(jobs, spec, deliveries[0], now)
            if earlier is not None:
                return earlier
        view = self._coordinator.data.printers.get(spec.printer_key)
        if view is None:
            raise InputError("printer_gone")
        if view.printer.driver in (DriverState.AWAITING, DriverState.UNSUPPORTED):
            raise InputError(f"driver_{view.printer.driver}", printer=view.name)
        if self._closed:
            raise InputError("not_ready_getting_ready", printer=view.name)
        replaced = self._replaced_by(spec, moved) if spec.replace_key else []
        with self._reporting_refusal(view):
            check_pages(deliveries[0], limit=max_pages(self._entry.options), printer=view.name)
            self._check_rate(view, (spec.asker.user_id, spec.sender_address), replaced)
        self._report(view, None)
        reason = self._readiness.check_printer(
            view.key, now, ignore_quiet_hours=spec.ignore_quiet_hours
        ).reason
        if reason is not None and (reason in PERMANENT or not spec.hold):
            raise InputError(f"not_ready_{reason}", printer=view.name)
        if spec.waits_for is None or moved is not None:
            spec = await self._people.async_with_reasons(
                spec, deliveries[0], list(self._registry.jobs.values())
            )
        job = self._new_job(spec, deliveries, job_id, view, reason, moved, now)
        self._registry.reserved |= {old.job_id for old in replaced}
        try:
            await self._store.async_create(job, [one.document.path for one in deliveries])
            if replaced:
                # The old jobs stay until the one that replaces them is safe.
                await self._store.async_flushed(job.job_id)
            # Only now, since a stack may have been put back meanwhile.
            job = self._heeding_stack(job)
        except (JobStoreError, InputError) as err:
            await self._store.async_delete([job.job_id])
            raise disk_full(err) if isinstance(err, JobStoreError) else err from None
        finally:
            self._registry.reserved.clear()
        self._registry.add(job)
        for old in replaced:
            current = self._registry.jobs.get(old.job_id)
            if current is not None and _can_be_replaced(current):
                # If this is not written: of jobs that replace each other only the newest survives
                # a restart.
                self._registry.change(old, state=JobState.CANCELED, reason="replaced")
                with suppress(JobStoreError):
                    await self._store.async_persist(old.job_id)
        return job

    def _new_job(
        self,
        spec: JobSpec,
        deliveries: Sequence[Delivery],
        job_id: str,
        view: PrinterSnapshot,
        reason: str | None,
        moved: Job | None,
        now: datetime,
    ) -> Job:
        """Return the job that is accepted; `reason` is why its printer cannot take it now."""
        waits_for = spec.waits_for or ()
        if PersonReason.RELEASE not in waits_for:
            spec = replace(spec, release_code=None)
        expires_at = now + (spec.expires_in or hold_time(self._entry.options))
        counted = deliveries[0]
        # In the folder of the job.
        names = [file_name(counted.document.name), *(SECOND_NAME for _ in deliveries[1:])]
        job = Job(
            job_id=job_id,
            spec=replace(spec, waits_for=waits_for),
            deliveries=tuple(
                replace(one, document=replace(one.document, path=Path(name)))
                for one, name in zip(deliveries, names, strict=True)
            ),
            printer_name=view.name,
            created_at=moved.created_at if moved else now,
            changed_at=now,
            expires_at=moved.expires_at if moved else expires_at,
            pages=counted.job_pages,
            copies=counted.job_copies,
            move_open=moved is not None,
        )
        first = job.present
        if job.is_at_second and waits_for:
            # Nobody leaves a stack in the tray until others have answered.
            first = replace(first, after=PersonReason.TURN_PAPER)
        first = replace(
            first,
            state=JobState.HELD if waits_for or reason else JobState.UPLOADING,
            hold_reason=waits_for[0] if waits_for else reason,
        )
        return replace(
            job,
            deliveries=tuple(first if one is job.present else one for one in job.deliveries),
        )

    @callback
    def _heeding_stack(self, job: Job) -> Job:
        """Return a new job as it may be added now: held if another's stack lies in the tray.

        Raises InputError if it may not wait, or if its own stack cannot lie there.
        """
        jobs = self._registry.jobs.values()
        if job.has_stack:
            check_tray(job, jobs, dt_util.utcnow())
        if job.state is not JobState.UPLOADING or job.printer_key not in stacks_in_trays(jobs):
            return job
        if not job.spec.hold:
            raise InputError(f"not_ready_{QueueReason.PAPER_TURNED}", printer=job.printer_name)
        return job.changed(state=JobState.HELD, hold_reason=QueueReason.PAPER_TURNED)

    def _replaced_by(self, spec: JobSpec, moved: Job | None) -> list[Job]:
        """Return the held jobs that a new one replaces.

        Raises InputError when it is a moved job itself that a newer one has replaced.
        """
        waiting = [
            job
            for job in self._registry.jobs.values()
            if job.printer_key == spec.printer_key
            and _can_be_replaced(job)
            and not job.is_moving
            and job.spec.replace_key == spec.replace_key
        ]
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

    @contextmanager
    def _reporting_refusal(self, view: PrinterSnapshot) -> Iterator[None]:
        try:
            yield
        except LimitError as err:
            self._report(view, err)
            raise

    @callback
    def _report(self, view: PrinterSnapshot, error: LimitError | None) -> None:
        for listener in list(self._limit_listeners):
            listener(view.key, error)

    def _check_rate(
        self,
        view: PrinterSnapshot,
        origin: tuple[str | None, str | None],
        replaced: Collection[Job] = (),
        *,
        refused: int = 0,
    ) -> None:
        """Check the rate limit of a user or a device; each has its own. Raises LimitError."""
        limit, now = max_jobs_per_hour(self._entry.options), dt_util.utcnow()
        jobs = [
            job
            for job in self._registry.jobs.values()
            if job.printer_key == view.key and job not in replaced
        ]
        own = [job for job in jobs if (job.user_id, job.spec.sender_address) == origin]
        check_rate(own, now, limit=limit, printer=view.name, refused=refused)
        if origin[1] is not None:
            # A device can take more than one address.
            sent = [job for job in jobs if job.spec.sender_address is not None]
            check_rate(sent, now, limit=LAN_SHARES * limit, printer=view.name)


async def async_finish[T](task: asyncio.Future[T]) -> T:
    """Wait for a task that goes on if the wait is cancelled; raises what it raises.

    Unlike with asyncio.shield, its error does not reach the event loop's handler then.
    """
    task.add_done_callback(lambda done: None if done.cancelled() else done.exception())
    await asyncio.wait([task])
    return task.result()


def _can_be_replaced(job: Job) -> bool:
    """Return whether a newer job may take a job's place: it waits, and no stack was put back for it."""
    return job.state is JobState.HELD and not job.has_stack
