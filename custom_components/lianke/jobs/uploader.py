"""Uploads jobs: one at a time per printer, in order, and never twice by accident."""

import asyncio
from dataclasses import replace
from datetime import timedelta
import logging
from typing import Any

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from ..account.request_limits import MAX_UPLOADS
from ..api.errors import (
    LiankeError,
    LiankeRefusedError,
    LiankeResponseError,
    PrinterNotFoundError,
)
from ..api.upload import Ticket
from ..box.printer_status import PrinterStatus
from ..fair_queue import FairQueue, Turns
from ..ledger import View
from ..ledger_file import LedgerRefusedError
from .box_jobs import JobWorker, QueueBox
from .files import DocumentsError
from .job import Delivery, Job, JobState, type_and_place
from .outcome import may_have_arrived, passing_reason
from .rules import QueueReason, is_replaced, quiet_until

_LOGGER = logging.getLogger(__name__)

# While more jobs are sent, a task is written so soon after the answer that named it, and no later than the end of the
# next upload, so that one write is enough for several: a crash in between leaves one job in doubt, as a crash before
# the answer does.
TASK_DELAY = 0.2
# How long after a job was made the service is taken to have what it prepared for the job's preview. It does not say.
TICKET_SECONDS = 600
PROGRESS_EVERY = timedelta(seconds=1)


class _StoppedError(Exception):
    """Stops an upload before its end is sent: `reason` is why it is held, None if the next look decides."""

    def __init__(self, reason: str | None = None) -> None:
        self.reason = reason


class Uploader(JobWorker):
    """Owns the uploads of one box. An answer belongs to the delivery that asked."""

    def __init__(self, box: QueueBox) -> None:
        super().__init__(box)
        # One job at a time from the last byte of an upload until its answer. Its task is on disk before, or with
        # it, that the end of the next one is about to be sent. So a crash or a lost answer leaves at most one job
        # of the box in doubt.
        self._handover = asyncio.Lock()
        # Those that wait for it, too, hold places of the account, of which one stays for the other boxes.
        self._places = FairQueue(MAX_UPLOADS - 1)
        # The upload that holds it.
        self._handing_over: asyncio.Task[Any] | None = None
        self._workers: dict[str, asyncio.Task[None]] = {}
        # By printer and owner.
        self._turns = Turns()
        # By the tokens of deliveries.
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

    def is_uploading(self, delivery: Delivery) -> bool:
        return delivery.token in self._uploads

    def abort(self, job: Job) -> None:
        """Stop an upload unless its end was sent already."""
        upload = self._uploads.get(job.present.token)
        if job.present.handed_over_at is None and upload is not None:
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
        while not self._closing:
            waiting = [
                job
                for job in self._jobs.unsettled
                if job.spec.printer_key == printer_key
                and job.is_uploading
                and not job.present.is_unsure
                and job.present.task_id is None
                # Nothing is sent of a job that is not on disk.
                and job.job_id not in self._jobs.deciding
            ]
            if not waiting:
                return
            # The oldest of the owner whose last turn was longest ago: otherwise one user's many jobs would hold up
            # everybody else's.
            job = min(waiting, key=lambda job: self._turns.last((printer_key, *job.spec.owner)))
            delivery = job.present
            if dt_util.utcnow() >= job.expires_at:
                # While it waited for its turn.
                self._jobs.change(job, state=JobState.EXPIRED, reason="expired")
                continue
            if self._must_wait(job):
                # They have begun while it waited for its turn.
                self._hold(job, delivery, QueueReason.QUIET_HOURS)
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
                self._note_end(delivery, upload)
            finally:
                if self._handing_over is upload:
                    # Only now, so that the next upload heeds a refusal that concerns the whole box.
                    self._handing_over = None
                    self._handover.release()
            self._jobs.on_change()

    def _must_wait(self, job: Job) -> bool:
        """Return whether these are quiet hours that concern a job."""
        ignored = job.ignores_quiet_hours or not job.spec.hold
        return not ignored and quiet_until(self._entry.options, dt_util.utcnow()) is not None

    async def _async_upload(self, job: Job, delivery: Delivery) -> None:
        upload = asyncio.current_task()
        document = delivery.document
        if dt_util.utcnow() - job.created_at >= timedelta(seconds=TICKET_SECONDS):
            document = replace(document, ticket=None)
        last_shown = dt_util.utcnow()

        async def before_end() -> None:
            await self._files.async_flushed(job.job_id)
            await self._handover.acquire()
            if self._uploads.get(delivery.token) is not upload:
                # It has ended meanwhile.
                self._handover.release()
                raise _StoppedError
            self._handing_over = upload
            found = self._jobs.by_token(delivery.token)
            if found is None or found[0].cancel_requested or found[1].task_id is not None:
                # A callback may have shown that an earlier upload was taken although it was refused.
                raise _StoppedError
            if self._must_wait(job):
                raise _StoppedError(QueueReason.QUIET_HOURS)
            if (
                job.spec.hold
                and self._readiness.check(job.spec.printer_key, dt_util.utcnow()).reason
                == PrinterStatus.BOX_OFFLINE
            ):
                # It would be refused, and a power cut now would leave it in doubt.
                raise _StoppedError(PrinterStatus.BOX_OFFLINE)
            now_there = self._coordinator.data.printers.get(job.spec.printer_key)
            if now_there is None or now_there.printer.address != address:
                # Another printer may be at its old place by now: it is sent anew.
                raise _StoppedError
            if dt_util.utcnow() >= job.expires_at:
                raise _StoppedError
            least, most = self._client.clock_offset or (None, None)
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
                    # Those of an earlier refusal are obsolete.
                    code=None,
                    detail="",
                )
            except asyncio.CancelledError:
                # The queue stops, and the disk was slow: the end is never sent.
                self._jobs.change(job, delivery, handed_over_at=None)
                raise
            found = self._jobs.by_token(delivery.token)
            if found is None or found[1].task_id is not None:
                # As above, while the disk took its time.
                raise _StoppedError

        @callback
        def on_progress(sent_bytes: int) -> None:
            nonlocal last_shown
            now = dt_util.utcnow()
            if now - last_shown >= PROGRESS_EVERY:
                last_shown = now
                self._jobs.change(job, delivery, sent_bytes=sent_bytes)

        async with self._places.place(job.spec.owner):
            if (view := self._coordinator.data.printers.get(job.spec.printer_key)) is None:
                raise PrinterNotFoundError
            address = view.printer.address
            task_id = await self._client.submit(
                address,
                Ticket(value=document.ticket)
                if document.ticket
                else replace(document, path=self._files.path_of(job.job_id, document.path)),
                delivery.options.form_fields(),
                callback_url=self._account.callback_url(delivery.token),
                before_end=before_end,
                on_progress=on_progress,
            )
        self._note_task(delivery, task_id)

    def _note_end(self, delivery: Delivery, upload: asyncio.Task[None]) -> None:
        """Set a delivery's next state after its upload; the one place that handles an upload's errors."""
        if upload.cancelled():
            # By the user, or by a queue that closes: the review handles both.
            return
        err = upload.exception()
        if err is None or (found := self._jobs.by_token(delivery.token)) is None:
            # Without a job: discarded before it was published, since its document did not reach the disk.
            return
        job, delivery = found
        if isinstance(err, _StoppedError):
            if err.reason is not None:
                self._hold(job, delivery, err.reason)
        elif delivery.task_id is not None:
            # A callback named its task although the answer was lost, or only the write failed.
            _LOGGER.debug("Print job %s goes on in spite of: %s", job.job_id, type(err).__name__)
        elif isinstance(err, DocumentsError | LedgerRefusedError):
            self._readiness.back_off(job.spec.printer_key, QueueReason.DISK_FULL)
            if job.spec.hold:
                self._hold(job, delivery, QueueReason.DISK_FULL)
            else:
                self._fail(job, delivery, QueueReason.DISK_FULL)
        elif isinstance(err, LiankeError):
            self._note_error(job, delivery, err)
        else:
            _LOGGER.error("Print job %s met an unexpected %s", job.job_id, type_and_place(err))
            if delivery.handed_over_at is None:
                self._fail(job, delivery, "internal_error")
            else:
                # It may have arrived, as where the line broke.
                self._jobs.change(job, delivery, given_up_at=dt_util.utcnow())

    def _hold(self, job: Job, delivery: Delivery, reason: str, **changes: Any) -> None:
        key = None if job.has_stack else job.spec.replace_key

        def replaced(view: View, current: Job) -> dict[str, Any]:
            # Until the one that came while it was sent is safe, this one stays.
            others = view.all(self._jobs.table)
            safe = (other for other in others if not self._jobs.is_staged(view, other.job_id))
            if not is_replaced(current, safe):
                return {}
            return {"state": JobState.CANCELED, "reason": "replaced", "code": None, "detail": ""}

        changes |= {"state": JobState.HELD, "hold_reason": reason, "sent_bytes": None}
        held = self._jobs.change(job, delivery, rule=replaced, **changes)
        if held.state is JobState.HELD and job.job_id in self._jobs.committed:
            # What was moved here while it was sent.
            self._jobs.replace(job, key)

    def _note_task(self, delivery: Delivery, task_id: str) -> None:
        if (found := self._jobs.by_token(delivery.token)) is None:
            return
        job, delivery = found
        if delivery.task_id is None:
            if delivery.handed_over_at is None or task_id in self._jobs.own_task_ids:
                # Not an answer to this upload: the job stays in doubt.
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
        self._readiness.clear_backoff(job.spec.printer_key)

    def _note_error(self, job: Job, delivery: Delivery, err: LiankeError) -> None:
        """Hold or fail a job after an error of the service, or leave it in doubt."""
        was_handed_over = delivery.handed_over_at is not None
        refused: dict[str, Any] = {
            "handed_over_at": None,
            "was_refused": delivery.was_refused or was_handed_over,
        }
        if was_handed_over and may_have_arrived(err):
            _LOGGER.debug("Print job %s may have arrived: %s", job.job_id, err.reason)
            changes: dict[str, Any] = {"given_up_at": dt_util.utcnow()}
            if isinstance(err, LiankeRefusedError | LiankeResponseError) and err.detail:
                # The service's message is shown at once, and stays if nothing more is found out.
                changes |= {"reason": err.reason, "code": err.code, "detail": err.detail}
            self._jobs.change(job, delivery, **changes)
            return
        if job.cancel_requested:
            if job.job_id not in self._jobs.deciding:
                refused["state"] = JobState.CANCELED
            # Else the review that follows cancels it, or sends it again if the disk refuses the cancellation.
            self._jobs.change(job, delivery, **refused)
            return
        reason = passing_reason(err)
        if reason is None and delivery.document.ticket is not None:
            # What the service prepared for a preview may be gone; the document is still here.
            document = replace(delivery.document, ticket=None)
            self._jobs.change(job, delivery, document=document, **refused)
            return
        if reason is None or not job.spec.hold:
            self._fail(job, delivery, err.reason, code=err.code, detail=err.detail, **refused)
            return
        self._readiness.back_off(job.spec.printer_key, reason)
        self._hold(job, delivery, reason, code=err.code, detail=err.detail, **refused)
        self._coordinator.async_refresh_soon("a job was refused")

    def _fail(self, job: Job, delivery: Delivery, reason: str, **changes: Any) -> None:
        self._jobs.change(job, delivery, state=JobState.FAILED, reason=reason, **changes)
        self._coordinator.async_refresh_soon("a job failed")
