"""Uploads jobs: one at a time per printer, with fair turns, and never twice by accident."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
import logging
import time
from typing import Any, NamedTuple

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from ..account.request_limits import MAX_UPLOADS
from ..api.errors import LiankeError, PrinterNotFoundError
from ..api.upload import Ticket
from ..box.printer_status import PrinterStatus
from ..coordinator import LiankeCoordinator
from ..fair_queue import FairQueue, Turns
from ..ledger import View
from ..ledger_file import LedgerRefusedError
from .box_jobs import BoxJobs, JobWorker
from .files import DocumentsError
from .job import Delivery, Job, JobState, failed, held, type_and_place
from .outcome import changes_from_upload_error
from .rules import (
    REASONS_OF_THE_BOX,
    QueueReason,
    Verdict,
    is_replaced,
    pause_after_refusal,
    quiet_until,
    verdict,
)

_LOGGER = logging.getLogger(__name__)

# Seconds after the answer that names a job's task until the task is written to disk, if other jobs are being sent: one
# write then serves several jobs. The task is written before the next upload ends, so a crash in between leaves one job
# in doubt, just as a crash before the answer does.
TASK_DELAY = 0.2
# Seconds after a job was made during which we assume that the service keeps the file of the job's preview. The service
# does not say how long it keeps the file.
TICKET_SECONDS = 600
PROGRESS_EVERY = timedelta(seconds=1)
_READY_ALL_ALONG = float("-inf")


class _Backoff(NamedTuple):
    reason: str
    # When the pause ends, by the monotonic clock: setting the wall clock back must not prolong it.
    until: float
    pause: timedelta


class ReadinessWatch:
    """Knows how long the printers of a box have been ready, and keeps the pauses after refusals."""

    def __init__(self, coordinator: LiankeCoordinator) -> None:
        self._coordinator = coordinator
        self._ready_since: dict[str, float] = {}
        self._seen = False
        # By printer key; the pause of the whole box is under None.
        self._backoffs: dict[str | None, _Backoff] = {}

    def observe(self) -> None:
        """Note which printers are ready; call it at every update of the coordinator."""
        if not self._coordinator.is_fresh:
            self._ready_since.clear()
            return
        for key in self._coordinator.data.printers:
            if self._coordinator.hold_reason(key) is not None:
                self._ready_since.pop(key, None)
            elif key not in self._ready_since:
                # A printer that is ready when it is first observed counts as ready for a long time.
                self._ready_since[key] = time.monotonic() if self._seen else _READY_ALL_ALONG
        self._seen = True

    def check(self, key: str, now: datetime, *, ignore_quiet_hours: bool = False) -> Verdict:
        coordinator, clock = self._coordinator, time.monotonic()
        state: str | None
        if not coordinator.is_fresh:
            rejected = coordinator.key_rejected
            state = QueueReason.KEY_REJECTED if rejected else QueueReason.CLOUD_UNREACHABLE
        elif key not in coordinator.data.printers:
            state = PrinterStatus.DISCONNECTED
        else:
            state = coordinator.hold_reason(key)
        backoffs = [self._backoffs[whose] for whose in (None, key) if whose in self._backoffs]
        options = coordinator.config_entry.options
        since = self._ready_since.get(key, clock)
        return verdict(
            now,
            state=state,
            backoffs=[
                (one.reason, timedelta(seconds=one.until - clock))
                for one in backoffs
                # A pause because of a rejected key ends once the service has accepted a key.
                if one.reason != QueueReason.KEY_REJECTED
                or coordinator.key_accepted_at <= one.until - one.pause.total_seconds()
            ],
            quiet_end=None if ignore_quiet_hours else quiet_until(options, now),
            ready_for=timedelta.max
            if since == _READY_ALL_ALONG
            else timedelta(seconds=clock - since),
        )

    def back_off(self, key: str, reason: str) -> None:
        """Pause a printer, or its whole box, after a refusal; each further refusal in a row makes the pause longer."""
        whose = None if reason in REASONS_OF_THE_BOX else key
        last = self._backoffs.get(whose)
        pause = pause_after_refusal(reason, last.pause if last else None)
        until = time.monotonic() + pause.total_seconds()
        self._backoffs[whose] = _Backoff(reason=reason, until=until, pause=pause)

    def clear_backoff(self, key: str) -> None:
        """Forget past refusals, because the printer accepted a job or a user says that it is ready."""
        for whose in (key, None):
            self._backoffs.pop(whose, None)


class _StoppedError(Exception):
    """Stops an upload before its last bytes are sent.

    `reason` is why the job is held; None leaves that to the next review.
    """

    def __init__(self, reason: str | None = None) -> None:
        self.reason = reason


class Uploader(JobWorker):
    """Owns the uploads of one box. An answer applies to the delivery that was uploaded, even if the job moved on."""

    def __init__(self, coordinator: LiankeCoordinator, jobs: BoxJobs) -> None:
        super().__init__(coordinator, jobs)
        self.readiness = ReadinessWatch(coordinator)
        # An upload holds this lock from before its last bytes until its answer is handled. The task in the answer is on
        # disk before, or together with, the mark that the next upload is about to end. So a crash or a lost answer
        # leaves at most one job of the box in doubt.
        self._handover = asyncio.Lock()
        # An upload also holds its place while it waits for the lock. One of the account's MAX_UPLOADS places stays free
        # for the other boxes.
        self._places = FairQueue(MAX_UPLOADS - 1)
        # The upload that holds the lock `_handover`.
        self._handing_over: asyncio.Task[Any] | None = None
        self._workers: dict[str, asyncio.Task[None]] = {}
        # The turns of owners at each printer.
        self._turns = Turns()
        # Running uploads, by delivery token.
        self._uploads: dict[str, asyncio.Task[Any]] = {}
        self._closing = False

    @callback
    def start(self, printer_key: str) -> None:
        worker = self._workers.get(printer_key)
        if self._closing or (worker is not None and not worker.done()):
            return
        self._workers[printer_key] = self._entry.async_create_background_task(
            self._hass, self._async_work(printer_key), "send print jobs"
        )

    def is_uploading(self, delivery: Delivery) -> bool:
        """Whether an answer to the delivery's upload may still come."""
        return delivery.token in self._uploads

    def abort(self, job: Job) -> None:
        """Stop a job's upload unless its last bytes were already sent."""
        upload = self._uploads.get(job.current_delivery.token)
        if job.current_delivery.handed_over_at is None and upload is not None:
            upload.cancel()

    async def async_drain(self, timeout: float) -> None:
        """Wait at most `timeout` seconds for running uploads, then cancel them."""
        self._closing = True
        if workers := [worker for worker in self._workers.values() if not worker.done()]:
            _, late = await asyncio.wait(workers, timeout=timeout)
            for worker in late:
                worker.cancel()
            if late:
                await asyncio.wait(late, timeout=timeout)

    async def _async_work(self, printer_key: str) -> None:
        while not self._closing:
            waiting = [
                job
                for job in self._jobs.unsettled
                if job.spec.printer_key == printer_key
                and job.is_uploading
                and job.current_delivery.handed_over_at is None
                and job.current_delivery.task_id is None
                # A job that is not on disk yet is not sent.
                and job.job_id not in self._jobs.deciding
            ]
            if not waiting:
                return
            # Take the oldest job of the owner whose last turn was longest ago, so that the many jobs of one owner do
            # not hold up others.
            job = min(waiting, key=lambda job: self._turns.last((printer_key, *job.spec.owner)))
            delivery = job.current_delivery
            if dt_util.utcnow() >= job.expires_at:
                # The job expired while it waited for its turn.
                self._jobs.change(job, state=JobState.EXPIRED, reason="expired")
                continue
            if self._must_wait(job):
                # Quiet hours began while the job waited for its turn.
                self._end(job, delivery, held(QueueReason.QUIET_HOURS))
                continue
            self._turns.note((printer_key, *job.spec.owner))
            upload = self._entry.async_create_background_task(
                self._hass, self._async_upload(job, delivery), "upload print job"
            )
            self._uploads[delivery.token] = upload
            try:
                try:
                    await asyncio.wait([upload])
                except asyncio.CancelledError:
                    upload.cancel()
                    await asyncio.wait([upload])
                    raise
                finally:
                    del self._uploads[delivery.token]
                # A canceled upload was stopped by a user or a closing queue; the review handles both cases.
                if not upload.cancelled() and (err := upload.exception()) is not None:
                    self._on_error(delivery, err)
            finally:
                if self._handing_over is upload:
                    # Release the lock only after the error was handled, so that the next upload respects a refusal of
                    # the whole box.
                    self._handing_over = None
                    self._handover.release()
            self._jobs.on_change()

    def _must_wait(self, job: Job) -> bool:
        ignored = job.ignores_quiet_hours or not job.spec.hold
        return not ignored and quiet_until(self._entry.options, dt_util.utcnow()) is not None

    async def _async_upload(self, job: Job, delivery: Delivery) -> None:
        upload, key = asyncio.current_task(), job.spec.printer_key
        document = delivery.document
        if dt_util.utcnow() - job.created_at >= timedelta(seconds=TICKET_SECONDS):
            document = replace(document, ticket=None)
        last_shown = dt_util.utcnow()

        def check() -> None:
            found = self._jobs.by_token(delivery.token)
            if found is None or found[0].cancel_requested or found[1].task_id is not None:
                # If there is a task, a callback has shown that an earlier upload was accepted although its answer was a
                # refusal.
                raise _StoppedError
            if self._must_wait(job):
                raise _StoppedError(QueueReason.QUIET_HOURS)
            now, view = dt_util.utcnow(), self._coordinator.data.printers.get(key)
            if job.spec.hold and self.readiness.check(key, now).reason == PrinterStatus.BOX_OFFLINE:
                # The cloud would refuse the job, and a power cut at this moment would leave the job in doubt.
                raise _StoppedError(PrinterStatus.BOX_OFFLINE)
            if view is None or view.printer.address != address or now >= job.expires_at:
                # Another printer may be at the old address by now, so stop, and let the review decide about the job.
                raise _StoppedError

        async def before_end() -> None:
            await self._files.async_flush(job.job_id)
            await self._handover.acquire()
            if self._uploads.get(delivery.token) is not upload:
                # This upload has ended meanwhile.
                self._handover.release()
                raise _StoppedError
            self._handing_over = upload
            check()
            least, most = self._client.clock.offset or (None, None)
            try:
                await self._jobs.async_change(
                    job,
                    delivery,
                    # The document is on disk by now, so the job may be reported.
                    staged=False,
                    handed_over_at=dt_util.utcnow(),
                    sent_bytes=delivery.document.size,
                    clock_least=least,
                    clock_most=most,
                    # The code and detail of an earlier refusal are obsolete.
                    code=None,
                    detail="",
                )
            except asyncio.CancelledError:
                # The queue stopped before the disk had finished, so the last bytes are never sent.
                self._jobs.change(job, delivery, handed_over_at=None)
                raise
            found = self._jobs.by_token(delivery.token)
            if found is None or found[1].task_id is not None:
                # A callback named the delivery's task before the disk had finished.
                raise _StoppedError

        @callback
        def on_progress(sent_bytes: int) -> None:
            nonlocal last_shown
            now = dt_util.utcnow()
            if now - last_shown >= PROGRESS_EVERY:
                last_shown = now
                self._jobs.change(job, delivery, sent_bytes=sent_bytes)

        async with self._places.place(job.spec.owner):
            if (view := self._coordinator.data.printers.get(key)) is None:
                raise PrinterNotFoundError
            address = view.printer.address
            task_id = await self._client.submit(
                address,
                Ticket(value=document.ticket)
                if document.ticket
                else replace(document, path=self._files.path_of(job.job_id, document.path)),
                delivery.options.form_fields(),
                callback_address=self._account.address,
                token=delivery.token,
                before_end=before_end,
                on_progress=on_progress,
            )
        self._on_answer(delivery, task_id)

    def _on_answer(self, delivery: Delivery, task_id: str) -> None:
        if (found := self._jobs.by_token(delivery.token)) is None:
            return
        job, delivery = found
        if delivery.task_id is None:
            if delivery.handed_over_at is None or task_id in self._jobs.own_task_ids:
                # This cannot be the answer to this upload, so the job stays in doubt.
                _LOGGER.warning("Print job %s was answered with another job's task", job.job_id)
                return
            others = (one for one in self._jobs.unsettled if one is not job)
            self._jobs.change(
                job,
                delivery,
                task_id=task_id,
                task_known_at=dt_util.utcnow(),
                state=JobState.QUEUED,
                within=TASK_DELAY if any(one.is_uploading for one in others) else 0,
            )
        self.readiness.clear_backoff(job.spec.printer_key)

    def _on_error(self, delivery: Delivery, err: BaseException) -> None:
        """Apply the consequences of an error of any kind to the job whose upload raised it."""
        if (found := self._jobs.by_token(delivery.token)) is None:
            # The job was discarded before it was reported, since its document did not reach the disk.
            return
        job, delivery = found
        now, changes = dt_util.utcnow(), dict[str, Any]()
        if isinstance(err, _StoppedError):
            changes = {} if err.reason is None else held(err.reason)
        elif delivery.task_id is not None:
            # A callback named the delivery's task, although the answer was lost or the write failed.
            _LOGGER.debug("Print job %s goes on in spite of: %s", job.job_id, type(err).__name__)
        elif isinstance(err, LiankeError):
            is_deciding = job.job_id in self._jobs.deciding
            changes = changes_from_upload_error(job, delivery, err, now, is_deciding=is_deciding)
            if reason := changes.get("hold_reason"):
                self.readiness.back_off(job.spec.printer_key, reason)
                self._coordinator.async_refresh_soon("a job was refused")
            elif "given_up_at" in changes:
                _LOGGER.debug("Print job %s may have arrived: %s", job.job_id, err.reason)
        elif isinstance(err, DocumentsError | LedgerRefusedError):
            self.readiness.back_off(job.spec.printer_key, QueueReason.DISK_FULL)
            full = QueueReason.DISK_FULL
            changes = held(full) if job.spec.hold else failed(full)
        else:
            _LOGGER.error("Print job %s met an unexpected %s", job.job_id, type_and_place(err))
            # If the last bytes were sent, the job may have arrived, just as after a lost connection.
            may_have_arrived = delivery.handed_over_at is not None
            changes = {"given_up_at": now} if may_have_arrived else failed("internal_error")
        if changes:
            self._end(job, delivery, changes)

    def _end(self, job: Job, delivery: Delivery, changes: dict[str, Any]) -> None:
        """Apply changes to a job whose upload did not begin or was not accepted."""
        key = None if job.has_stack else job.spec.replace_key

        def replaced(view: View, current: Job) -> dict[str, Any]:
            # A newer job that replaces this job must be safely on disk first; until then this job stays.
            others = view.all(self._jobs.table)
            safe = (other for other in others if not self._jobs.is_staged(view, other.job_id))
            if "hold_reason" not in changes or not is_replaced(current, safe):
                return {}
            return {"state": JobState.CANCELED, "reason": "replaced", "code": None, "detail": ""}

        new = self._jobs.change(job, delivery, rule=replaced, **changes)
        if new.state is JobState.HELD and job.job_id in self._jobs.committed:
            # Also replace older jobs that were moved here while this job was being sent.
            self._jobs.replace(job, key)
        elif new.state is JobState.FAILED:
            self._coordinator.async_refresh_soon("a job failed")
