"""The print queue of one box: the interface that actions, entities and the card use.

The jobs that the queue returns and passes to listeners are on disk (see `BoxJobs`). A change of two jobs is one
transaction, even if the jobs belong to two boxes: a job is marked as retried in the transaction that adds the job of
the retry, and a moved job ends in the transaction that adds its replacement.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
import logging
from pathlib import Path
from typing import Any, Final, Protocol

from homeassistant.core import CALLBACK_TYPE, HassJob, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.ulid import ulid_now

from ..api.errors import LiankeError
from ..api.models import DriverState, PrinterAddress
from ..box.printer_status import PrinterSnapshot
from ..const import DOMAIN, HOLD_HOURS, MAX_JOBS_PER_HOUR, MAX_PAGES
from ..coordinator import LiankeCoordinator, printer_identifier
from ..documents.document import file_digest
from ..documents.page_count import PageCounter
from ..documents.spool import disk_full_error, unlink_all
from ..fair_queue import Owner
from ..input_error import InputError
from ..ledger import Change, Ledger, View
from ..ledger_file import LedgerClosedError, LedgerRefusedError
from .box_jobs import BoxJobs, JobWorker, Rule, async_shield
from .files import DocumentsError
from .job import MOVED, Delivery, Job, JobSpec, JobState, change_not_saved, job_error, new_job
from .rules import (
    REFUSED_AT_ONCE,
    LimitError,
    changes_after_start,
    changes_on_answer,
    changes_on_cancellation,
    changes_on_confirmation,
    changes_on_rejection,
    changes_on_resume,
    check_movable,
    check_pages,
    check_rates,
    check_retry,
    checked_against_others,
    depends_on_count,
    find_duplicate,
    replaced_by,
)
from .scheduler import DRAIN_TIME, SHUTDOWN_DRAIN_TIME, JobScheduler
from .tracker import TaskTracker
from .uploader import Uploader

_LOGGER = logging.getLogger(__name__)

# The queues of the boxes that have been started, by id of the config entry.
DATA_QUEUES: Final[HassKey[dict[str, PrintQueue]]] = HassKey(f"{DOMAIN}_queues")
# Seconds to wait for a canceled upload to stop, and for jobs that are being accepted when the queue stops.
ABORT_TIME = 5


# Called with a printer's key and the error when the print limits refuse a job, and with None instead of the error when
# a job passes the limits again.
type LimitListener = Callable[[str, LimitError | None], None]


class People(Protocol):
    """What the queue needs from `people`, which imports this package: facts about the people behind a job."""

    async def async_add_asker(self, spec: JobSpec) -> JobSpec:
        """Return the spec, completed with who asks for the job and by what means."""

    async def async_add_hold_reasons(
        self, spec: JobSpec, first: Delivery, jobs: Collection[Job], *, unchanged: bool = False
    ) -> JobSpec:
        """Return the spec, completed with the reasons for which the job waits for people, in the order in which to ask.

        `first`: the job's first delivery. `jobs`: the other jobs of the box. `unchanged`: the job is moved without any
        other change. Raises InputError.
        """


class PrintQueue(JobWorker):
    """Submits, holds, tracks and settles the jobs of one box; it owns all asyncio tasks and timers of the jobs."""

    def __init__(self, coordinator: LiankeCoordinator, people: People, ledger: Ledger) -> None:
        jobs = BoxJobs(coordinator, ledger)
        super().__init__(coordinator, jobs)
        # Read access to the jobs for other modules: `find` gives the latest job, the others give the jobs as reported.
        self.find = jobs.find
        self.get = jobs.get
        self.jobs = jobs.reported
        self.open_jobs = jobs.reported_open
        self.newest = jobs.newest
        self.waiting = jobs.waiting
        self.hold_reason = jobs.hold_reason
        self.listen = jobs.listen
        self.watch = jobs.watch
        self.async_read_unread = jobs.async_read_unread
        self.own_tasks = jobs.tasks
        self._people = people
        self.ledger = ledger
        self.page_counter = PageCounter(self._hass, self._present_address)
        self._uploader = Uploader(coordinator, jobs)
        self.tracker = TaskTracker(coordinator, jobs, self._uploader)
        self._scheduler = JobScheduler(coordinator, jobs, self.tracker, self._uploader)
        self._queues = self._hass.data.setdefault(DATA_QUEUES, {})
        self._unsubscribe: list[CALLBACK_TYPE] = []
        # Jobs are accepted one at a time.
        self._lock = asyncio.Lock()
        self._submitting: set[asyncio.Task[Any]] = set()
        self.on_limit: LimitListener = lambda _key, _error: None
        # Keys of printers for which the last call of `on_limit` was a refusal.
        self.limited: set[str] = set()
        self._waiters: set[asyncio.Event] = set()
        self._stopped = False

    async def async_load(self) -> None:
        """Load the jobs; nothing happens to them before `start`. Raises OSError."""
        await self._jobs.async_load()
        # A power cut may have left pages uncounted. Count them before the sensors start.
        self._scheduler.count_missed(self._jobs.latest.already_read)

    @callback
    def start(self) -> None:
        """Resume the open jobs. Subscribe listeners before this call."""
        self._jobs.publish_missed()
        for job_id, changes in changes_after_start(self._jobs.unsettled).items():
            self._jobs.change(self._jobs.latest[job_id], **changes)
        self._unsubscribe = [
            self._coordinator.async_add_listener(self._scheduler.review_soon),
            self._jobs.listen(self._scheduler.on_change),
            # Drain before Home Assistant cancels background tasks, since the uploads are among them.
            self._hass.async_add_shutdown_job(
                HassJob(self.async_drain, "drain print queue"), SHUTDOWN_DRAIN_TIME
            ),
        ]
        self._jobs.on_change = self._scheduler.review_soon
        # From now on other boxes may move jobs here.
        self._queues[self._entry.entry_id] = self
        self._scheduler.review()

    async def async_drain(self, upload_time: float = DRAIN_TIME) -> None:
        """Stop for good: wait up to `upload_time` seconds for uploads, then write everything to disk."""
        if self._stopped:
            return
        self._stopped = True
        if self._queues.get(self._entry.entry_id) is self:
            del self._queues[self._entry.entry_id]
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self.tracker.stop_previews()
        if self._submitting:
            # A job whose pages are still being counted after this time is refused.
            await asyncio.wait(self._submitting, timeout=ABORT_TIME)
        await self._scheduler.async_drain(upload_time)
        for waiter in self._waiters:
            waiter.set()

    async def async_submit(
        self,
        spec: JobSpec,
        deliveries: Sequence[Delivery],
        *,
        job_id: str | None = None,
        moved: Job | None = None,
        unchanged: bool = False,
        also_change: Change[None] | None = None,
    ) -> Job:
        """Accept a job, and print it as soon as its printer is ready.

        Returns the job once it is on disk; its upload does not end before that. If an earlier job has the same request
        id, returns that earlier job instead, which keeps its own deliveries. `job_id`: the id of the new job; None to
        make a new id. `moved`: the job that the new job replaces in a move. `unchanged`: the request is the same as
        that of `moved`. `also_change`: another change in the same transaction; if it raises an error, the job is
        refused. From this call on, the documents belong to the queue. Cancelling the caller does not stop the
        submission; otherwise, a restart could find a job that is only half accepted. Raises InputError if the job is
        refused (print limits, conflicting request id, printer not ready and `hold` false), HomeAssistantError if the
        job cannot be written.
        """
        new_id, paths = job_id or ulid_now(), [one.document.path for one in deliveries]

        async def submit(spec: JobSpec, first: Delivery) -> Job:
            is_accepted = False
            try:
                await self._jobs.async_read_unread()
                if moved is None:
                    spec = await self._people.async_add_asker(spec)
                if first.document.pages is None:
                    # Count before the lock is taken, since counting may take a while.
                    first = await self._async_counted(spec.printer_key, first)
                if spec.request_id is not None and first.document.digest is None:
                    digest = await self._hass.async_add_executor_job(file_digest, paths[0])
                    first = replace(first, document=replace(first.document, digest=digest))
                new = (first, *deliveries[1:])
                async with self._lock:
                    job = await self._async_accept(
                        new_id, spec, new, moved, unchanged=unchanged, also_change=also_change
                    )
                    is_accepted = job.job_id == new_id
            finally:
                # The upload may begin now, but does not end before the document is on disk. If the disk refused the
                # job, the jobs that it would have replaced are reviewed again.
                self._scheduler.review_soon()
                if not is_accepted:
                    await self._hass.async_add_executor_job(unlink_all, paths)
            if job.job_id not in self._jobs.committed:
                await self._async_publish(job)
            return job

        job = await self._async_to_its_end(submit(spec, deliveries[0]), "submit print job")
        return self._jobs.committed[job.job_id]

    async def _async_to_its_end(self, work: Coroutine[Any, Any, Job], name: str) -> Job:
        """Run work to its end even if the caller is cancelled; `async_drain` waits for it."""
        task = self._hass.async_create_task(work, name)
        self._submitting.add(task)
        task.add_done_callback(self._submitting.discard)
        return await async_shield(task)

    async def _async_counted(self, printer_key: str, first: Delivery) -> Delivery:
        """Return the delivery, with its pages counted by the service if the page limit depends on the count.

        If the service cannot count the pages, the delivery is returned unchanged.
        """
        limit = MAX_PAGES.of(self._entry.options)
        is_reached = self._coordinator.last_update_success and self._present_address(printer_key)
        if not is_reached or not depends_on_count(first, limit):
            return first
        document, paper_id = first.document, first.options.paper_id
        try:
            pages = await self.page_counter.async_count(
                self._client, printer_key, document, paper_id
            )
        except LiankeError as err:
            _LOGGER.debug("The service did not count a document: %s", err)
            return first
        return replace(first, document=replace(document, pages=pages))

    async def _async_accept(
        self,
        job_id: str,
        spec: JobSpec,
        deliveries: Sequence[Delivery],
        moved: Job | None,
        *,
        unchanged: bool,
        also_change: Change[None] | None,
    ) -> Job:
        """Return the accepted job (on disk, except large documents), or the earlier job with the same request id."""
        now, jobs, first = dt_util.utcnow(), [*self._jobs.latest.values()], deliveries[0]
        if spec.request_id and moved is None:
            earlier = find_duplicate(jobs, spec, first, now)
            if earlier is not None:
                try:
                    await self._jobs.async_written()
                except LedgerRefusedError as err:
                    raise _not_accepted(err, earlier.printer_name) from None
                return earlier
        replaced = replaced_by(jobs, spec, moved) if spec.replace_key else []
        view, spec, reason = await self._async_checked(
            spec, first, replaced, moved=moved, unchanged=unchanged
        )
        job = new_job(
            job_id,
            spec,
            deliveries,
            moved=moved,
            printer_name=view.name,
            reason=reason,
            now=now,
            hold_time=timedelta(hours=HOLD_HOURS.of(self._entry.options)),
        )
        # The replaced jobs stay until their replacement is safely on disk, and are not sent meanwhile.
        self._jobs.reserved |= {old.job_id for old in replaced}
        try:
            paths = [one.document.path for one in deliveries]
            is_flushed = await self._files.async_take_over(job, paths)
            if (replaced or also_change is not None) and not is_flushed:
                # Flush first: if the power failed before the documents were on disk, the other jobs would have ended
                # for nothing.
                await self._files.async_flush(job.job_id)
                is_flushed = True

            def accept(view: View) -> Job:
                if also_change is not None:
                    also_change(view)
                new = checked_against_others(job, [*view.all(self._jobs.table)], view.now)
                view.put(self._jobs.table, job_id, new, staged=None if is_flushed else True)
                if is_flushed:
                    self._end_replaced(view, new, moved)
                return new

            done = self._jobs.decide(accept, job_id)
            self._jobs.index(job)
            return await async_shield(done)
        except (DocumentsError, LedgerRefusedError, InputError) as err:
            self._jobs.unindex(job)
            await self._files.async_delete([job_id])
            if isinstance(err, InputError):
                raise
            raise _not_accepted(err, view.name) from None
        finally:
            self._jobs.reserved.clear()

    async def async_check(self, spec: JobSpec, first: Delivery) -> None:
        """Raise the InputError with which `async_submit` would refuse a new job now; `first` is its first delivery."""
        await self._async_checked(await self._people.async_add_asker(spec), first)

    async def _async_checked(
        self,
        spec: JobSpec,
        first: Delivery,
        replaced: Collection[Job] = (),
        *,
        moved: Job | None = None,
        unchanged: bool = False,
    ) -> tuple[PrinterSnapshot, JobSpec, str | None]:
        """Check a new job; return its printer, its spec with its reasons to wait, and why the printer is not ready."""
        view = self.check_printer(spec.printer_key)
        self.check_limits(view.key, spec.owner, first=first, replaced=replaced)
        if view.key in self.limited:
            self.limited.discard(view.key)
            self.on_limit(view.key, None)
        ready = self._uploader.readiness.check(
            view.key, dt_util.utcnow(), ignore_quiet_hours=spec.ignore_quiet_hours
        )
        if ready.reason is not None and (ready.reason in REFUSED_AT_ONCE or not spec.hold):
            raise InputError(f"not_ready_{ready.reason}", printer=view.name)
        # A job that asks nobody, such as a page that is printed at once or not at all, gets no reason to wait.
        if spec.waits_for != () or moved is not None:
            # Use the jobs as last reported: a job counts as waiting until its end and page count are reported together.
            told = self._jobs.committed
            left = (job for job in self._jobs.latest.values() if job not in replaced)
            others = [told.get(job.job_id, job) for job in left]
            spec = await self._people.async_add_hold_reasons(
                spec, first, others, unchanged=unchanged
            )
        return view, spec, ready.reason

    def _end_replaced(self, view: View, job: Job, moved: Job | None) -> None:
        """End the jobs that a new job replaces, in the transaction that reports the new job.

        Jobs whose upload was refused in the meantime are ended as well.
        """
        if not job.spec.replace_key:
            return
        for old in replaced_by(view.all(self._jobs.table), job.spec, moved):
            if old.created_at <= job.created_at and old.job_id != job.job_id:
                ended = old.changed(now=view.now, state=JobState.CANCELED, reason="replaced")
                view.put(self._jobs.table, old.job_id, ended)

    async def _async_publish(self, job: Job) -> None:
        """Report a job once its documents are flushed; its upload may have begun by then."""
        table = self._jobs.table

        def publish(view: View) -> None:
            view.put(table, job.job_id, self._jobs.existing(view, job.job_id), staged=False)
            self._end_replaced(view, job, None)

        def discard(view: View) -> None:
            if self._jobs.is_staged(view, job.job_id):
                view.delete(table, job.job_id)

        try:
            await self._files.async_flush(job.job_id)
            await self._jobs.lease.commit(publish)
        except (DocumentsError, LedgerRefusedError) as err:
            self._uploader.abort(self._jobs.latest.get(job.job_id, job))
            with suppress(LedgerRefusedError):
                await self._jobs.lease.commit(discard, is_report=True)
            if job.job_id not in self._jobs.latest:
                self._jobs.unindex(job)
                await self._files.async_delete([job.job_id])
            if job.job_id not in self._jobs.committed:
                raise _not_accepted(err, job.printer_name) from None
            # Meanwhile the upload has reported the job, so the job goes on.
            self._jobs.replace(job, job.spec.replace_key)

    async def async_replace(self, job: Job, *keys: str | None) -> None:
        """Cancel the held jobs that are older than `job`, on the same printer, and have one of these replace keys."""
        self._jobs.replace(job, *keys)
        await self._jobs.async_written_or_refused()

    def check_printer(self, printer_key: str) -> PrinterSnapshot:
        view = self._coordinator.data.printers.get(printer_key)
        if view is None:
            raise InputError("printer_gone")
        device = dr.async_get(self._hass).async_get_device_by_identifier(
            printer_identifier(self._entry, view.key), self._entry.entry_id
        )
        if device is not None and device.disabled:
            raise InputError("printer_disabled", printer=view.name)
        if view.printer.driver in (DriverState.AWAITING, DriverState.UNSUPPORTED):
            raise InputError(f"driver_{view.printer.driver}", printer=view.name)
        if self._stopped:
            raise _getting_ready(view.name)
        return view

    def check_limits(
        self,
        printer_key: str,
        owner: Owner,
        *,
        refused: int = 0,
        first: Delivery | None = None,
        replaced: Collection[Job] = (),
    ) -> None:
        """Check a new job against the print limits, even before it has a document. Raises LimitError, InputError.

        Each owner (a user, a device of the home network, or all automations together) has an hourly limit. `refused`:
        how many documents of this owner were refused within the last hour. `first`: the job's first delivery, None
        before it is known. `replaced`: the jobs that the new job replaces.
        """
        view = self._coordinator.data.printers.get(printer_key)
        if view is None:
            return
        limit, now = MAX_JOBS_PER_HOUR.of(self._entry.options), dt_util.utcnow()
        jobs = [
            job
            for job in self._jobs.latest.values()
            if job.spec.printer_key == printer_key and job not in replaced
        ]
        try:
            if first is not None:
                check_pages(first, limit=MAX_PAGES.of(self._entry.options), printer=view.name)
            check_rates(jobs, now, owner=owner, limit=limit, printer=view.name, refused=refused)
        except LimitError as err:
            self.limited.add(printer_key)
            self.on_limit(printer_key, err)
            raise

    async def async_wait(self, job_id: str, timeout: float) -> Job:
        """Wait at most `timeout` seconds until a job is final or held, or the queue stops.

        Returns the job as it is then. Cancelling the wait does not cancel the job.
        """
        settled = asyncio.Event()
        self._waiters.add(settled)

        @callback
        def check_settled(*_: object) -> None:
            found = self._jobs.committed.get(job_id)
            if found is not None and self._jobs.as_reported(found).is_settled:
                settled.set()

        # A job that waits because the disk is full changes without a change on disk, so use a watcher as well.
        unsubscribe = [self._jobs.listen(check_settled), self._jobs.watch(check_settled)]
        try:
            if not self._stopped and not self.get(job_id).is_settled:
                with suppress(TimeoutError):
                    async with asyncio.timeout(timeout):
                        await settled.wait()
        finally:
            for stop in unsubscribe:
                stop()
            self._waiters.discard(settled)
        return self.get(job_id)

    async def async_cancel(self, job_id: str) -> Job:
        """Cancel a job: at once if it was not sent, otherwise by asking the cloud.

        Returns the job as it is then; a job in the cloud stays `canceling` until the cloud reports its end. Raises
        InputError for a job that cannot be canceled any more, LiankeError if the cloud refuses.
        """
        job = self._job(job_id)
        if not job.can_cancel:
            raise job_error("job_not_cancelable", job)
        if job.state is JobState.HELD:
            return await self._async_decide(job, lambda _, held: changes_on_cancellation(held))
        if job.current_delivery.task_id is not None:
            await self._scheduler.async_cancel_in_cloud(job)
        else:
            await self._async_decide(job, cancel_requested=True)
            self._uploader.abort(self._job(job_id))
            await self.async_wait(job_id, ABORT_TIME)
        self._scheduler.review()
        await self._jobs.async_written_or_refused()
        return self.get(job_id)

    async def async_continue(self, job_id: str, *, reason: str | None = None) -> Job:
        """Answer yes to the first reason for which a job waits for people; the job may then wait for the next reason.

        `reason`: the reason that is answered; None answers whichever reason is first. Raises InputError if the job does
        not wait for that reason, or if other jobs might be printed on its stack; HomeAssistantError if the disk
        refuses.
        """
        job = self._job(job_id)
        asked = reason or job.asks_for

        def answer(view: View, job: Job) -> Mapping[str, Any]:
            # Other jobs respect the stack from here on, even before the change is on disk.
            return changes_on_answer(job, asked, view.all(self._jobs.table), view.now)

        return await self._async_decide(job, answer)

    async def async_reject(
        self, job_id: str, *, reason: str | None = None, detail: str = ""
    ) -> Job:
        """Cancel a job because a person said no to a reason for which it waits; `detail` says who and why.

        For `reason` and the errors see `async_continue`.
        """
        job = self._job(job_id)
        asked = reason or job.asks_for
        return await self._async_decide(
            job, lambda _, held: changes_on_rejection(held, asked, detail)
        )

    async def async_confirm(self, job_id: str) -> Job:
        """Complete an unconfirmed job because a user has seen it printed.

        Raises InputError for a job in another state, HomeAssistantError if the disk refuses.
        """
        return await self._async_decide(
            self._job(job_id), lambda _, doubtful: changes_on_confirmation(doubtful)
        )

    async def _async_decide(self, job: Job, rule: Rule | None = None, **changes: Any) -> Job:
        """Make a change that a user decided on; return the job as it is after the next review.

        Raises whatever `rule` raises, and HomeAssistantError if the change cannot be written to disk; in both cases
        nothing is changed.
        """
        try:
            await self._jobs.async_change(job, rule=rule, **changes)
        except LedgerRefusedError:
            raise change_not_saved(job) from None
        finally:
            self._scheduler.review()
        # Wait until the changes that follow from the decision are reported as well.
        await self._jobs.async_written_or_refused()
        return self.get(job.job_id)

    async def async_retry(
        self,
        job: Job,
        spec: JobSpec,
        deliveries: Sequence[Delivery],
        *,
        to: PrintQueue | None = None,
        unchanged: bool = False,
    ) -> Job:
        """Print a finished job's documents again as these deliveries; return the new job.

        A failed, expired or unconfirmed job can be printed again only once. `to`: the queue of the box that prints,
        None for this box. If `unchanged`, a held job that was salvaged from a damaged ledger is resumed and returned
        instead. Cancelling the caller does not stop the retry. Raises the errors of `async_submit`.
        """
        job = self._job(job.job_id)
        if job.copied and job.state is JobState.HELD and unchanged:
            return await self._async_decide(job, lambda _, held: changes_on_resume(held))
        if len(deliveries) != len(job.deliveries):
            raise job_error("job_not_retryable", job)
        to, again_id = to or self, ulid_now()
        if job.can_print_again:
            return await self._async_send_to(job, to, replace(spec, approved=False), deliveries)

        def check(job: Job) -> None:
            # The job that printed this job again may belong to any box.
            queues = (to, *self._queues.values()) if job.retried_as else ()
            found = (queue.find(job.retried_as or "") for queue in queues)
            check_retry(job, next(filter(None, found), None))

        def mark(view: View) -> None:
            if (current := self._held_here(view, job)) != job:
                # Meanwhile the job may have been printed or retried.
                check(current)
            marked = current.changed(now=view.now, retried_as=again_id)
            view.put(self._jobs.table, job.job_id, marked)

        check(job)
        spec = replace(spec, retry_of=job.job_id)
        return await self._async_send_to(
            job, to, spec, deliveries, job_id=again_id, also_change=mark
        )

    async def async_move(
        self, job: Job, spec: JobSpec, new: Delivery, entry_id: str, *, unchanged: bool
    ) -> Job:
        """Move a held job to a printer of the box with this config entry, as the delivery `new`; return the new job.

        The old job ends as canceled in the same transaction. `unchanged`: the request is the same as before. Cancelling
        the caller does not stop the move. Raises the errors of `async_submit` and InputError (job_not_movable); after
        any error the old job stays as it was.
        """
        if self._stopped or (to := self._queues.get(entry_id)) is None:
            raise _getting_ready(job.printer_name)
        job = check_movable(self._job(job.job_id))
        new_id = ulid_now()

        def end(view: View) -> None:
            # Meanwhile the job may have been sent or canceled, or a person may have answered for it.
            current = check_movable(self._held_here(view, job))
            if job.job_id in self._jobs.reserved or current.spec != job.spec:
                raise job_error("job_not_movable", job)
            ended = current.changed(
                now=view.now,
                state=JobState.CANCELED,
                reason=MOVED,
                hold_reason=None,
                detail=to.printer_name(spec.printer_key),
                moved_to=new_id,
            )
            view.put(self._jobs.table, job.job_id, ended)

        return await self._async_send_to(
            job, to, spec, [new], job_id=new_id, moved=job, unchanged=unchanged, also_change=end
        )

    def _held_here(self, view: View, job: Job) -> Job:
        """Return this box's job as it is now in `view`, the ledger as a change of another box sees it.

        Raises InputError, LedgerClosedError.
        """
        self._jobs.lease.raise_if_over()
        if (current := view.get(self._jobs.table, job.job_id)) is None:
            raise InputError("job_not_found", job_id=job.job_id[:64])
        return current

    async def _async_send_to(
        self, job: Job, to: PrintQueue, spec: JobSpec, deliveries: Sequence[Delivery], **how: Any
    ) -> Job:
        """Submit copies of a job's documents to the queue `to` as these deliveries; return the new job.

        Raises InputError (document_gone), HomeAssistantError (disk_full) and the errors of `async_submit`.
        """

        async def send() -> Job:
            try:
                if (documents := await self._files.async_copy(job)) is None:
                    raise job_error("document_gone", job)
                copies = [
                    replace(one, document=replace(copy, pages=one.document.pages))
                    for one, copy in zip(deliveries, documents, strict=True)
                ]
                return await to.async_submit(spec, copies, **how)
            except DocumentsError as err:
                raise disk_full_error(err) from None
            finally:
                self._jobs.on_change()

        return await self._async_to_its_end(send(), "print a job's document again")

    def _present_address(self, printer_key: str) -> PrinterAddress | None:
        view = self._coordinator.data.printers.get(printer_key)
        return None if view is None else view.printer.address

    def printer_name(self, printer_key: str) -> str:
        view = self._coordinator.data.printers.get(printer_key)
        return "" if view is None else view.name

    def _job(self, job_id: str) -> Job:
        return self.find(job_id) or self.get(job_id)

    def document_path(self, job: Job) -> Path:
        return self._files.path_of(job.job_id, job.current_delivery.document.path)

    @property
    def own_task_ids(self) -> frozenset[str]:
        return self._jobs.own_task_ids

    async def async_fail_waiting(self, printer_key: str) -> None:
        """Mark the held jobs of a printer that is about to be removed as failed.

        If that cannot be written to disk now, the failure of these jobs is reported later.
        """
        for job in self._jobs.unsettled:
            if job.spec.printer_key == printer_key and job.state is JobState.HELD:
                self._jobs.change(job, state=JobState.FAILED, reason="printer_gone")
        await self._jobs.async_written_or_refused()

    def clear_backoff(self, printer_key: str) -> None:
        """Try held jobs again at once, because somebody says that the printer is ready."""
        self._uploader.readiness.clear_backoff(printer_key)
        self._scheduler.review()


def _getting_ready(printer: str) -> InputError:
    return InputError("not_ready_getting_ready", printer=printer)


def _not_accepted(err: OSError, printer: str) -> HomeAssistantError | InputError:
    # LedgerClosedError means that this box, or the box from which the document comes, was unloaded meanwhile.
    return _getting_ready(printer) if isinstance(err, LedgerClosedError) else disk_full_error(err)
