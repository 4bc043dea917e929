"""Uploads jobs: one at a time per printer, in order, and never twice by accident."""

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

# While more jobs are sent, a job's task is written this many seconds after the answer that named it, and before the
# next upload ends. So one write serves several jobs. A crash in between leaves one job in doubt, as does a crash before
# the answer.
TASK_DELAY = 0.2
# How long after a job was made we assume that the service keeps the file of its preview. The service does not say.
TICKET_SECONDS = 600
PROGRESS_EVERY = timedelta(seconds=1)
_READY_ALL_ALONG = float("-inf")


class _Backoff(NamedTuple):
    reason: str
    # By the monotonic clock, as all pauses: setting the wall clock back must not prolong them.
    until: float
    pause: timedelta


class Readiness:
    """How long the printers of a box have been ready, and the pauses after refusals."""

    def __init__(self, coordinator: LiankeCoordinator) -> None:
        self._coordinator = coordinator
        self._ready_since: dict[str, float] = {}
        self._seen = False
        # By printer; None for the whole box.
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
                # A printer that is ready at the first look counts as ready all along.
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
                # A pause for a rejected key ends once a key works.
                if one.reason != QueueReason.KEY_REJECTED
                or coordinator.key_accepted_at <= one.until - one.pause.total_seconds()
            ],
            quiet_end=None if ignore_quiet_hours else quiet_until(options, now),
            ready_for=timedelta.max
            if since == _READY_ALL_ALONG
            else timedelta(seconds=clock - since),
        )

    def back_off(self, key: str, reason: str) -> None:
        """Pause a printer, or its box, after a refusal; longer each time in a row."""
        whose = None if reason in REASONS_OF_THE_BOX else key
        last = self._backoffs.get(whose)
        pause = pause_after_refusal(reason, last.pause if last else None)
        until = time.monotonic() + pause.total_seconds()
        self._backoffs[whose] = _Backoff(reason=reason, until=until, pause=pause)

    def clear_backoff(self, key: str) -> None:
        """Forget past refusals: the printer accepted a job, or a user says that it is ready."""
        for whose in (key, None):
            self._backoffs.pop(whose, None)


class _StoppedError(Exception):
    """Stops an upload before its last bytes; `reason` is why the job is held, None leaves that to the next review."""

    def __init__(self, reason: str | None = None) -> None:
        self.reason = reason


class Uploader(JobWorker):
    """Owns the uploads of one box. An answer counts for the delivery whose upload it answers."""

    def __init__(self, coordinator: LiankeCoordinator, jobs: BoxJobs) -> None:
        super().__init__(coordinator, jobs)
        self.readiness = Readiness(coordinator)
        # Held by one upload at a time, from its last byte to its answer. Its task is on disk before, or together with,
        # the mark that the next upload is about to end. So a crash or a lost answer leaves at most one job of the box
        # in doubt.
        self._handover = asyncio.Lock()
        # Uploads that wait for the lock also hold places of the account. One place stays free for the other boxes.
        self._places = FairQueue(MAX_UPLOADS - 1)
        # The upload that holds the lock.
        self._handing_over: asyncio.Task[Any] | None = None
        self._workers: dict[str, asyncio.Task[None]] = {}
        # By printer and owner.
        self._turns = Turns()
        # By the tokens of deliveries.
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
        """Whether an answer to its upload may still come."""
        return delivery.token in self._uploads

    def abort(self, job: Job) -> None:
        """Stop an upload unless its last bytes were already sent."""
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
                # Nothing is sent of a job that is not on disk.
                and job.job_id not in self._jobs.deciding
            ]
            if not waiting:
                return
            # The oldest job of the owner whose last turn was longest ago, so that nobody's many jobs hold up others.
            job = min(waiting, key=lambda job: self._turns.last((printer_key, *job.spec.owner)))
            delivery = job.current_delivery
            if dt_util.utcnow() >= job.expires_at:
                # It expired while it waited for its turn.
                self._jobs.change(job, state=JobState.EXPIRED, reason="expired")
                continue
            if self._must_wait(job):
                # Quiet hours began while it waited for its turn.
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
                # A user or a closing queue has cancelled it; the review handles both.
                if not upload.cancelled() and (err := upload.exception()) is not None:
                    self._on_error(delivery, err)
            finally:
                if self._handing_over is upload:
                    # Only now, so that the next upload respects a refusal that concerns the whole box.
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
                # A callback may have shown that an earlier upload was accepted although it was refused.
                raise _StoppedError
            if self._must_wait(job):
                raise _StoppedError(QueueReason.QUIET_HOURS)
            now, view = dt_util.utcnow(), self._coordinator.data.printers.get(key)
            if job.spec.hold and self.readiness.check(key, now).reason == PrinterStatus.BOX_OFFLINE:
                # The cloud would refuse it, and a power cut now would leave it in doubt.
                raise _StoppedError(PrinterStatus.BOX_OFFLINE)
            if view is None or view.printer.address != address or now >= job.expires_at:
                # Another printer may be at the old address by now, so send the job again.
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
                    # Its document is on disk by now: whoever asked for it may be told.
                    staged=False,
                    handed_over_at=dt_util.utcnow(),
                    sent_bytes=delivery.document.size,
                    clock_least=least,
                    clock_most=most,
                    # Code and detail of an earlier refusal are obsolete.
                    code=None,
                    detail="",
                )
            except asyncio.CancelledError:
                # The queue stopped while the disk was slow: the last bytes are never sent.
                self._jobs.change(job, delivery, handed_over_at=None)
                raise
            found = self._jobs.by_token(delivery.token)
            if found is None or found[1].task_id is not None:
                # A callback named its task while the disk was slow.
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
                # That is no answer to this upload: the job stays in doubt.
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
        """Decide what follows from an upload's error, for all kinds of errors."""
        if (found := self._jobs.by_token(delivery.token)) is None:
            # Discarded before anybody knew of it, since its document did not reach the disk.
            return
        job, delivery = found
        now, changes = dt_util.utcnow(), dict[str, Any]()
        if isinstance(err, _StoppedError):
            changes = {} if err.reason is None else held(err.reason)
        elif delivery.task_id is not None:
            # A callback named its task although the answer was lost or only the write failed.
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
            # After its last bytes the job may have arrived, as with a lost connection.
            may_have_arrived = delivery.handed_over_at is not None
            changes = {"given_up_at": now} if may_have_arrived else failed("internal_error")
        if changes:
            self._end(job, delivery, changes)

    def _end(self, job: Job, delivery: Delivery, changes: dict[str, Any]) -> None:
        """Apply changes to a job whose upload did not begin or was not accepted."""
        key = None if job.has_stack else job.spec.replace_key

        def replaced(view: View, current: Job) -> dict[str, Any]:
            # A job that came to replace this one while it was sent must be safe first; until then this one stays.
            others = view.all(self._jobs.table)
            safe = (other for other in others if not self._jobs.is_staged(view, other.job_id))
            if "hold_reason" not in changes or not is_replaced(current, safe):
                return {}
            return {"state": JobState.CANCELED, "reason": "replaced", "code": None, "detail": ""}

        new = self._jobs.change(job, delivery, rule=replaced, **changes)
        if new.state is JobState.HELD and job.job_id in self._jobs.committed:
            # Also replace the jobs that were moved here while it was sent.
            self._jobs.replace(job, key)
        elif new.state is JobState.FAILED:
            self._coordinator.async_refresh_soon("a job failed")
