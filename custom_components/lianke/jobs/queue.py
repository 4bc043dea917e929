"""The print queue of one box, as the floors above see it.

What it returns, and what its listeners hear, is on disk (see `JobRegistry`).
"""

import asyncio
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, Context, HassJob, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from ..api.client import LiankeClient
from ..api.options import ResolvedOptions
from ..api.tasks import Callback
from ..box.storage import BoxStorage
from ..const import DOMAIN
from ..coordinator import LiankeCoordinator, call_after_updates
from .callbacks import CallbackHandler
from .job import WAITING, Job, JobState
from .page_count import PageCounter
from .preview import Previewer
from .readiness import Readiness
from .registry import JobListener, JobRegistry
from .retries import Retries, input_error
from .scheduler import DRAIN_TIME, SHUTDOWN_DRAIN_TIME, JobScheduler
from .store import JobStore, JobStoreError
from .submission import JobSubmitter, LimitListener, PrintRequest, Submission
from .tracker import TaskTracker
from .unattended import async_finish
from .uploader import CallbackAddress, Uploader

# Seconds for an upload to stop.
ABORT_TIME = 5

__all__ = ["PrintQueue", "PrintRequest", "Submission"]


class PrintQueue:
    """Submits, holds, follows and settles the jobs of one box.

    It owns the store, every task and every timer of its jobs.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        *,
        client: LiankeClient,
        coordinator: LiankeCoordinator,
        storage: BoxStorage,
        addresses: CallbackAddress,
    ) -> None:
        """Put the parts together; `async_start` sets them going."""
        self._hass = hass
        self._client = client
        self._coordinator = coordinator
        self._storage = storage
        self._store = JobStore(hass, entry.entry_id)
        self._registry = JobRegistry(hass, entry, self._store)
        self._readiness = Readiness(entry, coordinator)
        self.page_counter = PageCounter(hass, client=client, coordinator=coordinator)
        self._uploader = Uploader(
            hass,
            entry,
            client=client,
            coordinator=coordinator,
            registry=self._registry,
            store=self._store,
            readiness=self._readiness,
            addresses=addresses,
            on_news=self._review,
        )
        self._submitter = JobSubmitter(
            hass,
            entry,
            coordinator=coordinator,
            registry=self._registry,
            store=self._store,
            readiness=self._readiness,
            counter=self.page_counter,
            abort=self._uploader.abort,
        )
        self._tracker = TaskTracker(
            client=client,
            coordinator=coordinator,
            storage=storage,
            registry=self._registry,
            store=self._store,
            callbacks_proven=addresses.callbacks_proven,
            is_uploading=self._uploader.is_uploading,
        )
        self._scheduler = JobScheduler(
            hass,
            entry,
            client=client,
            coordinator=coordinator,
            storage=storage,
            registry=self._registry,
            store=self._store,
            readiness=self._readiness,
            tracker=self._tracker,
            uploader=self._uploader,
        )
        self.previewer = Previewer(
            client=client,
            coordinator=coordinator,
            others=self._store.other_tasks,
            is_free=self._registry.is_free,
            tracker=self._tracker,
            addresses=addresses,
        )
        self._unsubscribe: list[CALLBACK_TYPE] = []
        self._taking: set[asyncio.Task[Submission]] = set()
        self._waiters: set[asyncio.Event] = set()
        self._retries = Retries(self._registry, self._store)
        self._callbacks = CallbackHandler(client, self._registry, self._tracker, self.previewer)
        self._stopped = False

    async def async_start(self) -> None:
        """Read the store and take every open job up again. Raises JobStoreError."""
        await self.async_load()
        self.start()

    async def async_load(self) -> None:
        """Read the store; nothing changes before `start`. Raises JobStoreError."""
        await self._registry.async_load()
        await self._registry.async_settle()
        if self._store.other_tasks.was_cut_off:
            # The task of a preview may show up, nobody knows whose.
            self._storage.record_foreign_task()
            await self._storage.async_flush()
            await self._store.other_tasks.async_note([])
        # What a power cut left uncounted is there before the sensors are.
        for job in self._registry.all():
            self._scheduler.count_pages(job)

    @callback
    def start(self) -> None:
        """Take every open job up again. Whoever is to hear of what became of them listens by now."""
        self._recover()
        self._unsubscribe = [
            self._coordinator.async_add_deferred_listener(self._review),
            self._registry.listen(self._scheduler.on_change),
            self._registry.watch(self._review),
            # Before Home Assistant stops it ends background tasks, and uploads with them.
            self._hass.async_add_shutdown_job(
                HassJob(self.async_drain, "drain print queue"), SHUTDOWN_DRAIN_TIME
            ),
        ]
        self._review()

    @callback
    def _recover(self) -> None:
        """Put right what a power cut left halfway."""
        newest: dict[tuple[str, str], Job] = {}
        for job in reversed(self._registry.unsettled()):
            if job.state is JobState.UPLOADING and not job.is_unsure:
                # It never left the house. What holds a job may be different by now.
                self._registry.change(job, state=JobState.HELD, sent_bytes=None)
            elif job.state is not JobState.HELD:
                continue
            key = (job.printer_key, job.replace_key or job.job_id)
            if newest.setdefault(key, job) is not job:
                self._registry.change(job, state=JobState.CANCELED, reason="replaced")

    async def async_drain(self, upload_time: float = DRAIN_TIME) -> None:
        """Stop for good: uploads under way may end within `upload_time` seconds, everything is written down."""
        if self._stopped:
            return
        self._stopped = True
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self.previewer.stop()
        self._submitter.close()
        if self._taking:
            await asyncio.wait(self._taking)
        await self._scheduler.async_drain(upload_time)
        for waiter in self._waiters:
            waiter.set()

    async def async_submit(self, request: PrintRequest) -> Submission:
        """Take a document over and print it as soon as its printer is ready.

        On return the job is on disk; nothing was sent before that. The document belongs
        to the queue from the call on. Raises ServiceValidationError when the job is
        refused (paper guard, conflicting request id, printer not ready and `hold` false)
        and HomeAssistantError when it cannot be kept on disk. Once begun, a job is taken
        even if the caller is cancelled: half taken, it would be found after a restart.
        """
        taking = self._hass.async_create_task(self._async_take(request), "take print job")
        self._taking.add(taking)
        taking.add_done_callback(self._taking.discard)
        return await async_finish(taking)

    @callback
    def check_rate(self, printer_key: str, user_id: str | None, *, from_lan: bool = False) -> None:
        """Refuse one who has asked for too many jobs, before a document is made. Raises LimitError."""
        self._submitter.check_rate(printer_key, user_id, from_lan=from_lan)

    async def _async_take(self, request: PrintRequest) -> Submission:
        try:
            submission = await self._submitter.async_submit(request)
        finally:
            # Its upload may begin, but does not end before the document is on disk. Where there
            # is none, what was to be replaced goes on.
            self._review()
        await self._submitter.async_flushed(submission.job.job_id)
        return Submission(job=self.get(submission.job.job_id), duplicate=submission.duplicate)

    async def async_wait(self, job_id: str, timeout: float) -> Job:
        """Wait until a job is final or held, for at most `timeout` seconds.

        Returns the job as it is then; earlier when the queue stops, since another one will
        know what becomes of it. Cancelling the wait changes nothing about the job.
        """
        settled = asyncio.Event()
        self._waiters.add(settled)

        @callback
        def on_change(job: Job, old: JobState | None) -> None:
            if job.job_id == job_id and is_settled(job):
                settled.set()

        unsubscribe = self._registry.listen(on_change)
        try:
            if not self._stopped and not is_settled(self.get(job_id)):
                async with asyncio.timeout(timeout):
                    await settled.wait()
        except TimeoutError:
            pass
        finally:
            unsubscribe()
            self._waiters.discard(settled)
        return self.get(job_id)

    async def async_cancel(self, job_id: str) -> Job:
        """Cancel a job: at once if it is still here, else by asking the cloud.

        Returns the job as it is then; one in the cloud is `canceling` until the cloud
        tells how it ended. Raises ServiceValidationError for a job that is over and
        LiankeError when the cloud does not do as asked.
        """
        job = self.find(job_id) or self.get(job_id)
        if not job.can_cancel:
            raise input_error("job_not_cancelable", job)
        if job.state is JobState.HELD:
            await self._async_decide(job, state=JobState.CANCELED)
        elif job.task_id is not None:
            await self._scheduler.async_cancel_in_cloud(job)
        else:
            job = await self._async_decide(job, cancel_requested=True)
            self._uploader.abort(job)
            self._review()
            await self.async_wait(job_id, ABORT_TIME)
        self._review()
        return self.get(job_id)

    async def _async_decide(self, job: Job, **changes: Any) -> Job:
        """Change a job as somebody wants it. Raises HomeAssistantError if that cannot be kept; then it is not done."""
        try:
            return await self._registry.async_change(job, **changes)
        except JobStoreError:
            self._review()
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="change_not_kept",
                translation_placeholders={"title": job.title},
            ) from None

    async def async_retry(
        self,
        job_id: str,
        *,
        context: Context,
        printer_key: str | None = None,
        options: ResolvedOptions | None = None,
        queue: PrintQueue | None = None,
    ) -> Submission:
        """Print the kept document of a job that did not surely come out once more; each job at most once.

        `options` are needed for another printer, `queue` for one of another box. A job that waits
        since its folder was copied goes on itself. Raises like `async_submit`.
        """
        job = self.find(job_id) or self.get(job_id)
        target = queue or self
        if job.copied and job.state is JobState.HELD and printer_key in (None, job.printer_key):
            await self._async_decide(job, copied=False, hold_reason=None)
            self._review()
            return Submission(job=self.get(job_id))
        return await self._retries.async_retry(
            job,
            context=context,
            printer_key=printer_key,
            options=options,
            submit=target.async_submit,
            find=target.find,
        )

    async def async_confirm(self, job_id: str) -> Job:
        """Settle an unconfirmed job by the word of somebody who has the paper.

        Raises HomeAssistantError if that cannot be kept.
        """
        job = self.find(job_id) or self.get(job_id)
        if job.state is not JobState.UNCONFIRMED:
            raise input_error("job_not_unconfirmed", job)
        await self._async_decide(
            job,
            state=JobState.COMPLETED,
            reason=None,
            # From now on it does not rest on the list any more.
            task_from_list=False,
            pages_printed=None if job.pages is None else job.pages * job.copies,
        )
        return self.get(job_id)

    def find(self, job_id: str) -> Job | None:
        """Return a job as it is, None for an unknown one."""
        return self._registry.get(job_id)

    def get(self, job_id: str) -> Job:
        """Return a job as it may be told. Raises ServiceValidationError for an unknown one."""
        if (job := self._registry.get_published(job_id)) is None:
            raise ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key="job_not_found",
                translation_placeholders={"job_id": job_id[:64]},
            )
        return job

    def jobs(self, printer_key: str | None = None) -> list[Job]:
        """Return the jobs of one printer, or of all, newest first."""
        return self._registry.newest_first(printer_key)

    def newest(self, printer_key: str) -> Job | None:
        """Return the newest job of a printer, None without one."""
        return self._registry.newest_published(printer_key)

    def waiting(self, printer_key: str) -> int:
        """Return how many jobs wait here or at the front of the cloud's queue."""
        return sum(
            job.state in WAITING and job.printer_key == printer_key
            for job in self._registry.open_published()
        )

    def hold_reason(self, printer_key: str) -> str | None:
        """Return why the oldest held job of a printer waits, None without one."""
        return next(
            (
                job.hold_reason
                for job in self._registry.open_published()
                if job.state is JobState.HELD and job.printer_key == printer_key
            ),
            None,
        )

    @property
    def own_task_ids(self) -> frozenset[str]:
        """The tasks of the cloud that are surely ours."""
        return self._registry.own_task_ids

    @callback
    def listen(self, listener: JobListener, printer_key: str | None = None) -> CALLBACK_TYPE:
        """Call `listener(job, state before or None when new)` at every change of a printer's jobs.

        Without `printer_key` at every change of any.
        """
        return self._registry.listen(listener, printer_key)

    @callback
    def watch(self, watcher: CALLBACK_TYPE, printer_key: str | None = None) -> CALLBACK_TYPE:
        """Call `watcher()` soon after a change of a printer's jobs, or of any without `printer_key`."""
        return self._registry.watch(watcher, printer_key)

    @callback
    def listen_limits(self, listener: LimitListener) -> CALLBACK_TYPE:
        """Call `listener(printer key, error or None)` when the paper guard decides."""
        return self._submitter.listen_limits(listener)

    @callback
    def release(self, printer_key: str) -> None:
        """Try again at once what was refused: somebody has mended the printer."""
        self._readiness.clear_backoff(printer_key)
        self._review()

    async def async_on_callback(self, token: str | None, claim: Callback) -> bool:
        """Take a job callback and keep what it says; return whether it belongs to a job of this box.

        Raises JobStoreError when what it says could not be written: the cloud must tell it again.
        """
        return await self._callbacks.async_handle(token, claim, self._review_soon)

    def _review_soon(self) -> None:
        call_after_updates(self._hass, self._review)

    @callback
    def _review(self) -> None:
        self._scheduler.review()


def is_settled(job: Job) -> bool:
    """Return whether nothing more happens to a job for now."""
    return job.is_final or job.state is JobState.HELD
