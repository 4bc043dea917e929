"""Uploads jobs: one at a time per printer, in order, and never twice by accident."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
import logging
from time import monotonic
from typing import Any, Protocol

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from ..api.client import LiankeClient
from ..api.errors import (
    AuthenticationError,
    BoxNotProvisionedError,
    BoxOfflineError,
    ErrorLimitReachedError,
    LiankeConnectionError,
    LiankeError,
    LiankeRefusedError,
    LiankeResponseError,
    PrinterNotFoundError,
    TooFrequentError,
)
from ..api.upload import Ticket, UploadFile
from ..box.status import HoldReason
from ..coordinator import LiankeCoordinator
from .errors import type_and_place
from .halves import task_options
from .job import Job, JobState
from .readiness import QueueReason, Readiness
from .registry import JobRegistry
from .store import JobStoreError

_LOGGER = logging.getLogger(__name__)

ERROR_LIMIT_PAUSE = timedelta(minutes=30)
PROGRESS_EVERY = timedelta(seconds=1)

# Errors that pass by themselves: the job goes back to `held`.
PASSING: dict[type[LiankeError], str] = {
    BoxOfflineError: HoldReason.BOX_OFFLINE,
    BoxNotProvisionedError: HoldReason.BOX_OFFLINE,
    PrinterNotFoundError: HoldReason.DISCONNECTED,
    TooFrequentError: QueueReason.TOO_FREQUENT,
    ErrorLimitReachedError: QueueReason.ERROR_LIMIT,
    AuthenticationError: QueueReason.KEY_REJECTED,
    # Only if the upload's end was not sent; otherwise the job is in doubt.
    LiankeConnectionError: QueueReason.CLOUD_UNREACHABLE,
    LiankeResponseError: QueueReason.CLOUD_UNREACHABLE,
}


class CallbackAddress(Protocol):
    """The address at which the cloud reaches this Home Assistant."""

    def callback_url(self, token: str) -> str | None:
        """Return the callback address with a job's token, None if there is none."""

    def callbacks_proven(self) -> bool:
        """Return whether callbacks are known to arrive at the current address."""


class _CanceledError(Exception):
    """Stops an upload before its end is sent."""


class _BoxOfflineError(Exception):
    """Stops an upload whose box has gone offline."""


class _Handover:
    """One upload's lock on its box, from before the last byte until its answer is on disk."""

    def __init__(self, lock: asyncio.Lock) -> None:
        self._lock = lock
        self._locked = False
        self._over = False

    async def enter(self) -> None:
        """Lock the box. An upload that has ended meanwhile must not lock it."""
        await self._lock.acquire()
        if self._over:
            self._lock.release()
            raise _CanceledError
        self._locked = True

    def leave(self) -> None:
        """Unlock the box."""
        self._over = True
        if self._locked:
            self._locked = False
            self._lock.release()


class Uploader:
    """Owns the uploads of one box."""

    def __init__(
        self,
        client: LiankeClient,
        coordinator: LiankeCoordinator,
        registry: JobRegistry,
        readiness: Readiness,
        addresses: CallbackAddress,
        on_end: Callable[[], None],
    ) -> None:
        """`on_end` is called when an upload has ended, however it did."""
        self._hass = coordinator.hass
        self._entry = coordinator.config_entry
        self._client = client
        self._coordinator = coordinator
        self._registry = registry
        self._store = registry.store
        self._readiness = readiness
        self._addresses = addresses
        self._on_end = on_end
        # One job at a time from the last byte of an upload until its task is on disk, so that a
        # crash or a lost answer leaves at most one job of the box in doubt.
        self._handover = asyncio.Lock()
        self._workers: dict[str, asyncio.Task[None]] = {}
        # When a user's job was last sent to a printer; None stands for automations.
        self._turns: dict[tuple[str, str | None], float] = {}
        self._uploads: dict[str, asyncio.Task[Any]] = {}
        self._closing = False

    @callback
    def start(self, printer_key: str) -> None:
        """Start the uploads of a printer unless they are under way."""
        worker = self._workers.get(printer_key)
        if self._closing or (worker is not None and not worker.done()):
            return
        self._workers[printer_key] = self._entry.async_create_background_task(
            self._hass, self._async_work(printer_key), "send print jobs"
        )

    def is_uploading(self, job: Job) -> bool:
        """Return whether a job's upload is under way."""
        return job.job_id in self._uploads

    @callback
    def abort(self, job: Job) -> None:
        """Stop an upload unless its end was sent already."""
        upload = self._uploads.get(job.job_id)
        if job.handed_over_at is None and upload is not None:
            upload.cancel()

    async def async_drain(self, timeout: float) -> None:
        """Wait for running uploads for at most `timeout` seconds, then cancel them."""
        self._closing = True
        if workers := [worker for worker in self._workers.values() if not worker.done()]:
            _, late = await asyncio.wait(workers, timeout=timeout)
            for worker in late:
                worker.cancel()
            if late:
                await asyncio.wait(late, timeout=timeout)

    async def _async_work(self, printer_key: str) -> None:
        """Upload the jobs of one printer until none is left."""
        while not self._closing and (job := self._next(printer_key)):
            self._turns[printer_key, job.asker.user_id] = monotonic()
            await self._async_send(job)
            self._on_end()

    def _next(self, printer_key: str) -> Job | None:
        """Return the next job: the oldest of the user whose last turn was longest ago.

        Otherwise one user's many jobs would hold up everybody else's.
        """
        waiting = [
            job
            for job in self._registry.unsettled()
            if job.printer_key == printer_key
            and job.state is JobState.UPLOADING
            and not job.is_unsure
            and not job.cancel_requested
            and job.task_id is None
        ]
        return min(
            waiting,
            key=lambda job: self._turns.get((printer_key, job.asker.user_id), 0.0),
            default=None,
        )

    async def _async_send(self, job: Job) -> None:
        """Upload one job and apply the result."""
        handover = _Handover(self._handover)
        upload = self._entry.async_create_background_task(
            self._hass, self._async_upload(job, handover), "upload print job"
        )
        self._uploads[job.job_id] = upload
        try:
            try:
                await _async_end_of(upload)
            finally:
                del self._uploads[job.job_id]
            self._note_end(job, upload)
        finally:
            # Only now, so that the next upload heeds a refusal that concerns the whole box.
            handover.leave()

    async def _async_upload(self, job: Job, handover: _Handover) -> None:
        """Submit the job to the cloud and write its task id to disk."""
        if (view := self._coordinator.data.printers.get(job.printer_key)) is None:
            raise PrinterNotFoundError
        self._registry.show_progress(job, 0)
        last_shown = dt_util.utcnow()

        async def before_end() -> None:
            await self._store.async_flushed(job.job_id)
            await handover.enter()
            current = self._current(job)
            if current.cancel_requested or current.task_id is not None:
                # A callback may have shown that an earlier upload was taken although it was refused.
                raise _CanceledError
            if (
                job.hold
                and self._readiness.check(job, dt_util.utcnow()).reason == HoldReason.BOX_OFFLINE
            ):
                # It would be refused, and a power cut now would leave it in doubt.
                raise _BoxOfflineError
            least, most = self._client.clock_offset or (None, None)
            await self._registry.async_change(
                job,
                handed_over_at=dt_util.utcnow(),
                sent_bytes=job.size,
                clock_least=least,
                clock_most=most,
                # Those of an earlier refusal are obsolete.
                code=None,
                detail="",
            )

        @callback
        def on_progress(sent_bytes: int) -> None:
            nonlocal last_shown
            if (now := dt_util.utcnow()) - last_shown >= PROGRESS_EVERY:
                last_shown = now
                self._registry.show_progress(job, sent_bytes)

        task_id = await self._client.submit(
            view.printer.address,
            self._content(job),
            task_options(job).form_fields(),
            callback_url=self._addresses.callback_url(job.token),
            before_end=before_end,
            on_progress=on_progress,
        )
        if (current := self._current(job)).token == job.token:
            # Otherwise this half has ended before its upload was answered.
            self._note_task(current, task_id)
        await self._registry.async_wait_persisted(job.job_id)

    def _content(self, job: Job) -> UploadFile | Ticket:
        if job.ticket:
            return Ticket(value=job.ticket)
        return UploadFile(
            path=self._store.document_path(job),
            name=job.document_name,
            content_type=job.content_type,
            size=job.size,
        )

    @callback
    def _note_end(self, job: Job, upload: asyncio.Task[None]) -> None:
        """Set the job's next state after its upload; the one place that handles an upload's errors."""
        if self._registry.get(job.job_id) is None:
            # Discarded before it was published: its document did not reach the disk.
            if not upload.cancelled():
                upload.exception()
            return
        half, job = job, self._current(job)
        if upload.cancelled():
            # By the user, or by a queue that closes: the review handles both.
            return
        if (err := upload.exception()) is None or half.token != job.token:
            # Of a half that has ended already, nothing is left to be handled.
            return
        if isinstance(err, _CanceledError):
            _LOGGER.debug("The upload of print job %s was canceled", job.job_id)
        elif isinstance(err, _BoxOfflineError):
            self._hold(job, HoldReason.BOX_OFFLINE)
        elif job.task_id is not None:
            # A callback named its task although the answer was lost, or only the write failed.
            _LOGGER.debug("Print job %s goes on in spite of: %s", job.job_id, type(err).__name__)
        elif isinstance(err, JobStoreError):
            self._readiness.back_off(job.printer_key, QueueReason.DISK_FULL)
            self._hold(job, QueueReason.DISK_FULL)
        elif isinstance(err, LiankeError):
            self._note_error(job, err)
        else:
            self._note_unexpected(job, err)

    @callback
    def _hold(self, job: Job, reason: str, **changes: Any) -> None:
        self._registry.change(
            job, state=JobState.HELD, hold_reason=reason, sent_bytes=None, **changes
        )

    @callback
    def _note_unexpected(self, job: Job, err: BaseException) -> None:
        """Fail a job after an unexpected error, unless it may have arrived."""
        _LOGGER.error("Print job %s met an unexpected %s", job.job_id, type_and_place(err))
        if job.handed_over_at is None:
            self._fail(job, "internal_error")

    @callback
    def _note_task(self, job: Job, task_id: str) -> None:
        if job.task_id is None:
            if job.handed_over_at is None or not self._registry.is_free(task_id):
                # Not an answer to this upload: the job stays in doubt.
                _LOGGER.warning("Print job %s was answered with another job's task", job.job_id)
                return
            self._registry.change(
                job,
                task_id=task_id,
                task_known_at=dt_util.utcnow(),
                state=JobState.QUEUED,
            )
        self._readiness.clear_backoff(job.printer_key)

    @callback
    def _note_error(self, job: Job, err: LiankeError) -> None:
        """Hold or fail a job after an error of the service, or leave it in doubt."""
        refused = {
            "handed_over_at": None,
            "was_refused": job.was_refused or job.handed_over_at is not None,
        }
        if job.handed_over_at is not None and may_have_arrived(err):
            _LOGGER.debug("Print job %s may have arrived: %s", job.job_id, err.reason)
            if isinstance(err, LiankeRefusedError | LiankeResponseError) and err.detail:
                # The service's message is shown at once, and stays if nothing more is found out.
                self._registry.change(job, reason=err.reason, code=err.code, detail=err.detail)
            return
        if job.cancel_requested:
            self._registry.change(job, state=JobState.CANCELED, **refused)
            return
        reason = next((reason for kind, reason in PASSING.items() if isinstance(err, kind)), None)
        if reason is None and job.ticket is not None:
            # What the service prepared for a preview may be gone; the document is still here.
            self._registry.change(job, ticket=None, **refused)
            return
        if reason is None or not job.hold:
            self._fail(job, err.reason, code=err.code, detail=err.detail, **refused)
            return
        self._readiness.back_off(
            job.printer_key,
            reason,
            ERROR_LIMIT_PAUSE if reason == QueueReason.ERROR_LIMIT else None,
        )
        self._hold(job, reason, code=err.code, detail=err.detail, **refused)
        self._coordinator.async_refresh_soon("a job was refused")

    @callback
    def _fail(self, job: Job, reason: str, **changes: Any) -> None:
        self._registry.change(
            job,
            state=JobState.FAILED,
            reason=reason,
            **changes,
        )
        self._coordinator.async_refresh_soon("a job failed")

    def _current(self, job: Job) -> Job:
        current = self._registry.get(job.job_id)
        assert current is not None, "a job under way is never forgotten"
        return current


async def _async_end_of(upload: asyncio.Task[None]) -> None:
    """Wait until an upload has ended; cancel it when the wait is cancelled."""
    try:
        await asyncio.wait([upload])
    except asyncio.CancelledError:
        upload.cancel()
        await asyncio.wait([upload])
        raise


def may_have_arrived(err: LiankeError) -> bool:
    """Return whether the cloud may have accepted an upload in spite of this error."""
    if isinstance(err, LiankeRefusedError):
        return not err.surely_refused
    return getattr(err, "may_have_arrived", True)
