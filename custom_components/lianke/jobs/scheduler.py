"""Moves jobs on, with a single timer: each time it fires, all open jobs are reviewed.

Updates of the coordinator, ends of uploads and callbacks start a review as well. Each review looks at everything, so
the order of these events does not matter.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
import logging
import time

from homeassistant.core import CALLBACK_TYPE, CoreState, HassJob, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from ..api.errors import BoxNotRespondingError, LiankeError
from ..box.pages_per_user import month_of
from ..const import KEEP_FAILED_HOURS, KEEP_PRINTED_HOURS
from ..coordinator import LiankeCoordinator
from .box_jobs import BoxJobs, JobWorker, async_shield
from .job import Delivery, Job, JobState
from .outcome import PASSING
from .rules import (
    CANCEL_RETRY,
    QueueReason,
    Verdict,
    cancel_due,
    changes_to_end_here,
    documents_to_keep,
    is_watched,
    reason_to_ask,
    stacks_in_trays,
)
from .tracker import TaskTracker
from .uploader import Uploader

_LOGGER = logging.getLogger(__name__)

# Seconds that uploads are given to finish before the queue stops: in general, and at shutdown, for which Home Assistant
# allows 20 seconds.
DRAIN_TIME = 30
SHUTDOWN_DRAIN_TIME = 12
# Maximum seconds that the timer waits before the next review, since the wall clock may be set forward meanwhile.
LONGEST_WAIT = 900
CLEANUP_INTERVAL = timedelta(minutes=15)
# Delay of the cleanup after a job's end, so that one cleanup serves all jobs that end together.
CLEANUP_DELAY = timedelta(seconds=1)


class JobScheduler(JobWorker):
    def __init__(
        self,
        coordinator: LiankeCoordinator,
        jobs: BoxJobs,
        tracker: TaskTracker,
        uploader: Uploader,
    ) -> None:
        super().__init__(coordinator, jobs)
        self._tracker = tracker
        self._uploader = uploader
        jobs.on_old_jobs_read = self.count_missed
        self._task: asyncio.Task[None] | None = None
        # When the next cleanup is due, by the monotonic clock.
        self._cleanup_at = 0.0
        # For each job id, the time (monotonic clock) at which to ask the cloud again to cancel the job; None if the
        # cloud is not asked again.
        self._cancel_retry_at: dict[str, float | None] = {}
        self._stop_timer: CALLBACK_TYPE = lambda: None
        # When the timer is due; None while it does not run.
        self._timer_due: datetime | None = None
        # Running requests to cancel a job, by the job's id and whether the reason is that the job has expired.
        self._cancels: dict[tuple[str, bool], asyncio.Task[None]] = {}
        self._reviewing = False
        self._review_is_due = False
        self._closing = False

    async def async_drain(self, upload_time: float = DRAIN_TIME) -> None:
        """Stop: wait up to `upload_time` seconds for uploads, then for all writes."""
        self._closing = True
        self._stop_timer()
        await self._uploader.async_drain(upload_time)
        if (task := self._task) is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])
        # Complete printed jobs now, without their page counts: callers that wait for these jobs get no later answer.
        self._tracker.complete_proven(dt_util.utcnow(), at_once=True)
        await self._jobs.async_close()

    @callback
    def on_change(self, job: Job, old: JobState | None) -> None:
        """React to the end of a job or of its first delivery."""
        if job.is_final:
            # Also call this for changes after the end, since the page count may come later.
            self.count_pages(job)
        first_is_out = job.is_at_second_delivery and job.state is JobState.HELD
        if job.state is old or not (job.is_final or first_is_out):
            return
        key, coordinator = job.spec.printer_key, self._coordinator
        self._cancel_retry_at.pop(job.job_id, None)
        if job.is_final:
            soon = time.monotonic() + CLEANUP_DELAY.total_seconds()
            self._cleanup_at = min(self._cleanup_at or soon, soon)
        if job.state is JobState.FAILED and job.current_delivery.task_id:
            coordinator.async_refresh_soon("a job failed", key)
        # A printed page proves that the printer's faults are over. An unconfirmed job does not: it may have been
        # printed before the fault.
        if old is not JobState.UNCONFIRMED and job.state in (JobState.COMPLETED, JobState.HELD):
            coordinator.async_on_page_printed(key)
        if (job.current_delivery.task_id or first_is_out) and not any(
            other.spec.printer_key == key and other.current_delivery.task_id and not other.is_final
            for other in self._jobs.unsettled
        ):
            coordinator.async_on_jobs_ended(key)
        self.review_soon()

    def count_pages(self, job: Job) -> None:
        """Count the pages of a job that was certainly printed; a second count of the same job changes nothing."""
        if job.state is JobState.COMPLETED and (pages := job.pages_to_count) is not None:
            self._storage.count_pages(
                job.spec.printer_key,
                job.job_id,
                job.pages_printed or 0,
                counts_as=pages,
                user_id=job.spec.asker.user_id,
                source=job.spec.source,
                name=job.printer_name,
            )

    def count_missed(self, jobs: Iterable[Job]) -> None:
        """Count the pages of stored jobs that a power cut left uncounted."""
        month = month_of(dt_util.now())
        for job in jobs:
            # Skip jobs of earlier months without a page count from the cloud, since earlier versions did not count
            # them.
            if job.pages_printed is not None or month_of(dt_util.as_local(job.ended_at)) == month:
                self.count_pages(job)

    @callback
    def review_soon(self) -> None:
        if not self._review_is_due:
            self._review_is_due = True
            self._hass.loop.call_soon(self.review)

    @callback
    def review(self) -> None:
        """Review every open job, start the work that is due, and set the timer for what is due next."""
        if self._closing:
            return
        if self._reviewing:
            # A change that this review makes asks for another review.
            self.review_soon()
            return
        self._reviewing, self._review_is_due = True, False
        try:
            now = dt_util.utcnow()
            self._uploader.readiness.observe()
            dues = [self._tracker.complete_proven(now)]
            open_jobs = [job for job in self._jobs.unsettled if not job.is_final]
            stacks = stacks_in_trays(open_jobs)
            dues += [
                self._review_job(job, now, stacks.get(job.spec.printer_key))
                for job in open_jobs
                # While a decision about a job is being written, the disk may still refuse it; the job is reviewed
                # afterwards.
                if job.current_delivery.task_id is None and job.job_id not in self._jobs.deciding
            ]
            if not self._is_working:
                work = [self._tracker.next_due(now), self._next_cleanup(now)]
                work += [self._cancel_due(job, now) for job in open_jobs]
                if any(due is not None and due <= now for due in work):
                    self._task = self._entry.async_create_background_task(
                        self._hass, self._async_work(), "track print jobs"
                    )
                else:
                    dues += work
            self._coordinator.async_set_jobs_open(
                # A job that waits for a person does not wait for the printer.
                any(not job.is_final and not job.asks_for for job in self._jobs.unsettled),
                {job.spec.printer_key for job in self._jobs.unsettled if is_watched(job, now)},
            )
        finally:
            self._reviewing = False
        self._set_timer(min((due for due in dues if due is not None), default=None))

    def _review_job(self, job: Job, now: datetime, stack_of: Job | None) -> datetime | None:
        """Take the next step with an open job that has no task; return the time of the job's next review.

        `stack_of` is the job whose stack is in the printer's tray.
        """
        if not job.waits_here or self._uploader.is_uploading(job.current_delivery):
            return None
        is_known = job.spec.printer_key in self._storage.printers
        if (end := changes_to_end_here(job, now, has_printer=is_known)) is not None:
            self._jobs.change(job, **end)
            return None
        if job.state is JobState.UPLOADING:
            self._uploader.start(job.spec.printer_key)
            return job.expires_at
        if job.job_id in self._jobs.reserved:
            # Another job is about to replace this job, and only one of the two may be printed.
            return None
        verdict = Verdict(reason_to_ask(job))
        if verdict.reason is None:
            key, ignores = job.spec.printer_key, job.ignores_quiet_hours
            verdict = self._uploader.readiness.check(key, now, ignore_quiet_hours=ignores)
        if verdict.reason is None and stack_of is not None and stack_of.job_id != job.job_id:
            verdict = Verdict(QueueReason.PAPER_TURNED)
        if verdict.reason is None:
            self._jobs.change(job, state=JobState.UPLOADING, hold_reason=None, sent_bytes=0)
            self._uploader.start(job.spec.printer_key)
            return None
        # Right after a start the job keeps its old reason until the first poll of the service has succeeded or failed.
        unknown = verdict.reason == QueueReason.CLOUD_UNREACHABLE and self._coordinator.is_starting
        if not unknown and verdict.reason != job.current_delivery.hold_reason:
            self._jobs.change(job, hold_reason=verdict.reason)
        return min(job.expires_at, verdict.until or job.expires_at)

    @property
    def _is_working(self) -> bool:
        return self._task is not None and not self._task.done()

    async def _async_work(self) -> None:
        try:
            now = dt_util.utcnow()
            for job in list(self._jobs.unsettled):
                due = self._cancel_due(job, now)
                if due is not None and due <= now:
                    await self._async_cancel_overdue(job)
            due = self._tracker.next_due(now)
            if due is not None and due <= now:
                await self._tracker.async_poll()
            if self._next_cleanup(now) <= now:
                await self._async_clean_up(now)
        finally:
            self._task = None
            self.review_soon()

    async def _async_cancel_overdue(self, job: Job) -> None:
        """Ask the cloud to cancel a job that has expired, or that was canceled before its task was known."""
        self._cancel_retry_at[job.job_id] = None
        try:
            await self.async_cancel_in_cloud(job, expiring=not job.cancel_requested)
        except LiankeError as err:
            _LOGGER.debug("Print job %s could not be canceled: %s", job.job_id, err)
            if isinstance(err, (*PASSING, BoxNotRespondingError)):
                self._cancel_retry_at[job.job_id] = time.monotonic() + CANCEL_RETRY.total_seconds()

    def _cancel_due(self, job: Job, now: datetime) -> datetime | None:
        due = cancel_due(job, now)
        if due is None or job.job_id in self._jobs.deciding:
            # While a decision is being written, the disk may still refuse it; the job is reviewed afterwards.
            return None
        if job.job_id not in self._cancel_retry_at:
            return due
        again = self._cancel_retry_at[job.job_id]
        return (
            None if again is None else max(due, now + timedelta(seconds=again - time.monotonic()))
        )

    async def async_cancel_in_cloud(self, job: Job, *, expiring: bool = False) -> None:
        """Ask the cloud to cancel a job; the job stays `canceling` until the cloud reports its end.

        Concurrent calls for a job share one request. Raises LiankeError if the cloud did not accept the request.
        """
        key = (job.job_id, expiring)
        if (request := self._cancels.get(key)) is None:
            # This is a task of Home Assistant rather than of the config entry, so that the caller gets an answer even
            # if the box is unloaded.
            request = self._hass.async_create_task(
                self._async_ask_to_cancel(job, expiring=expiring), "cancel print job"
            )
            self._cancels[key] = request
            request.add_done_callback(lambda _: self._cancels.pop(key))
        await async_shield(request)

    async def _async_ask_to_cancel(self, job: Job, *, expiring: bool) -> None:
        """Read a task's state; cancel the task unless it has ended, or its expired job is already being printed.

        Raises LiankeError.
        """
        token, task_id = job.current_delivery.token, job.current_delivery.task_id
        if task_id is None:
            return

        def asked() -> tuple[Job, Delivery] | None:
            found = self._jobs.by_token(token)
            is_over = found is None or found[1].is_final or found[1].task_id != task_id
            return None if is_over else found

        try:
            await self._tracker.async_poll_task(job)
        except LiankeError as err:
            _LOGGER.debug("Print job %s is canceled in an unknown state: %s", job.job_id, err)
        if (found := asked()) is not None and found[1].state is not JobState.CANCELING:
            if expiring and found[1].state is not JobState.QUEUED:
                return
            self._jobs.change(*found, expiring=expiring)
            await self._client.cancel_task(self._address_of(job), task_id)
            if (found := asked()) is not None:
                if found[1].state is not JobState.CANCELING:
                    self._tracker.poll_soon(self._jobs.change(*found, state=JobState.CANCELING))
                if not expiring:
                    self._jobs.change(*found, cancel_requested=True)
                return
        # The task has ended meanwhile, or was being canceled already. If only the first of two deliveries ended, cancel
        # the second one here.
        now = self._jobs.latest.get(job.job_id)
        if (
            now is not None
            and now.is_at_second_delivery
            and now.state is JobState.HELD
            and not expiring
        ):
            self._jobs.change(now, state=JobState.CANCELED)
        # Wait until the job's end is on disk and thereby reported.
        await self._jobs.async_written_or_refused()

    def _next_cleanup(self, now: datetime) -> datetime:
        if self._hass.state is not CoreState.running:
            # Wait until Home Assistant has started: the cleanup reads the old jobs, which must not slow down the start.
            return now + CLEANUP_DELAY
        return now + timedelta(seconds=max(0, self._cleanup_at - time.monotonic()))

    async def _async_clean_up(self, now: datetime) -> None:
        self._cleanup_at = time.monotonic() + CLEANUP_INTERVAL.total_seconds()
        await self._jobs.async_read_unread()
        options = self._entry.options
        ended = [job for job in self._jobs.committed.values() if job.is_final and job.has_document]
        failed, wanted = KEEP_FAILED_HOURS.of(options), KEEP_PRINTED_HOURS.of(options)
        kept = documents_to_keep(
            ended, now, failed=timedelta(hours=failed), wanted=timedelta(hours=wanted)
        )
        done = [job for job in ended if job.job_id not in kept]
        if done:
            await self._files.async_delete_documents(done)
        for job in done:
            self._jobs.record(job.job_id, has_document=False, document_kept=False)
        for job in ended:
            if job.job_id in kept and job.may_keep_document and not job.document_kept:
                self._jobs.record(job.job_id, has_document=True, document_kept=True)
        await self._jobs.async_trim()

    def _set_timer(self, due: datetime | None) -> None:
        if due == self._timer_due:
            return
        self._stop_timer()
        self._timer_due = due
        if due is not None:
            # Wait for at least a second, so that a moment in the past does not fire the timer again and again. The
            # timer uses the monotonic clock, so setting the wall clock back does not prolong the wait.
            wait = (due - dt_util.utcnow()).total_seconds()
            self._stop_timer = async_call_later(
                self._hass,
                min(max(wait, 1), LONGEST_WAIT),
                HassJob(self._on_timer, cancel_on_shutdown=True),
            )

    @callback
    def _on_timer(self, _now: datetime) -> None:
        self._timer_due = None
        self.review()
