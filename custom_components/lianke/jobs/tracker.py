"""Asking the cloud how jobs stand, sparingly, until each is settled.

At most one request in ten seconds and box: the task itself while a single job is open, the
list of tasks while several are, or while one is in doubt. Where the list cannot be read, or does
not have a job, the tasks are asked for one after the other. All waits are by a clock that only
runs forward.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
import logging
from time import monotonic
from typing import Any

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from ..api.client import LiankeClient
from ..api.errors import LiankeConnectionError, LiankeError
from ..api.tasks import DayTask, Task, TaskResult, TaskState
from ..box.storage import BoxStorage
from ..coordinator import LiankeCoordinator
from .doubts import DOUBT_TIME, GIVE_UP, Ages, Doubts
from .job import Job, JobState
from .outcome import CANCELED_TOO_LATE, changes_for, failure, has_other_pages, printed_pages
from .reconciliation import LIST_LAG
from .registry import JobRegistry
from .store import JobStore

_LOGGER = logging.getLogger(__name__)

# "every 10 s" is the vendor's own advice (lianke-api, "Ground rules").
SPACING = timedelta(seconds=10)
FIRST_POLL = timedelta(seconds=5)
WATCHDOG = timedelta(seconds=60)
# A job that waits in the cloud for a printer to be switched on is asked for less often.
_SLOWER = ((timedelta(hours=1), timedelta(minutes=5)), (timedelta(minutes=10), WATCHDOG))
# Other tasks asked for before the list is read again, while jobs are in doubt.
TURNS = 3
# A hint makes us ask no more often than this.
HINT_SPACING = timedelta(seconds=60)
# When the list knows how a job ended, its own answer is worth so many requests.
TRIES = 2
# How long a success without a result may stay so before it counts as a failure.
RESULT_WAIT = timedelta(minutes=2)
# With so few jobs open, their own answers (which tell the pages) are worth a request.
FEW = 3


class TaskTracker:
    """Follows the open jobs of one box."""

    def __init__(
        self,
        *,
        client: LiankeClient,
        coordinator: LiankeCoordinator,
        storage: BoxStorage,
        registry: JobRegistry,
        store: JobStore,
        callbacks_proven: Callable[[], bool],
        is_uploading: Callable[[Job], bool],
    ) -> None:
        """Take what following needs.

        `callbacks_proven` tells whether callbacks are known to arrive just now,
        `is_uploading` whether a job's answer may still come.
        """
        self._client = client
        self._coordinator = coordinator
        self._storage = storage
        self._registry = registry
        self._store = store
        self._callbacks_proven = callbacks_proven
        self._is_uploading = is_uploading
        # These are seconds of the steady clock.
        self._started = monotonic()
        self._last_request: float | None = None
        self._next_poll: dict[str, float] = {}
        self._without_result: dict[str, float] = {}
        self._asked_at: dict[str, float] = {}
        # Jobs whose own task is to be asked for before the list is read again.
        self._ask: dict[str, None] = {}
        # How often their tasks could not be had.
        self._failed_polls: dict[str, int] = {}
        self._ages = Ages()
        self._doubts = Doubts(
            storage=storage,
            registry=registry,
            store=store,
            ages=self._ages,
            is_uploading=is_uploading,
        )

    def tracked(self) -> list[Job]:
        """Return the jobs that the cloud is still to be asked about."""
        # Besides what may still change, those of which only the pages are missing.
        asked = [self._registry.get(job_id) for job_id in self._ask]
        completed = [job for job in asked if job and job.state is JobState.COMPLETED]
        return [job for job in self._registry.unsettled() if self._is_tracked(job)] + completed

    def next_due(self, now: datetime) -> datetime | None:
        """Return when the next request is due, None with nothing to follow."""
        jobs = self.tracked()
        self._forget_all_but({job.job_id for job in jobs})
        if not jobs:
            return None
        due = min(self._due(job) for job in jobs) - monotonic()
        return max(now + timedelta(seconds=due), self.next_slot(now))

    def _forget_all_but(self, job_ids: set[str]) -> None:
        kept: tuple[dict[str, Any], ...] = (
            self._next_poll,
            self._without_result,
            self._asked_at,
            self._ask,
            self._failed_polls,
        )
        for of_jobs in kept:
            for gone in of_jobs.keys() - job_ids:
                del of_jobs[gone]
        self._ages.keep_only(job_ids)
        self._doubts.keep_only(job_ids)

    def next_slot(self, now: datetime) -> datetime:
        """Return when the next request may be made."""
        if self._last_request is None:
            return now
        passed = timedelta(seconds=monotonic() - self._last_request)
        return now + max(timedelta(0), SPACING - passed)

    @callback
    def note_request(self) -> None:
        """Count a request that somebody else made to follow a task of this box."""
        self._last_request = monotonic()

    @callback
    def poll_soon(self, job: Job) -> None:
        """Ask for this job's own task as soon as the spacing allows."""
        self._ask[job.job_id] = None
        self._next_poll[job.job_id] = monotonic()

    @callback
    def hint(self, job: Job) -> bool:
        """Ask for a job's own task because somebody says that there is news; return whether we do."""
        asked = self._asked_at.get(job.job_id)
        if not self._is_tracked(job) or job.job_id in self._ask:
            return False
        if asked is not None and monotonic() - asked < HINT_SPACING.total_seconds():
            return False
        self.poll_soon(job)
        return True

    async def async_refresh_soon(self) -> None:
        """Make the one request that is due, and settle what it proves."""
        now = self._last_request = monotonic()
        jobs = self.tracked()
        single = self._single(jobs)
        for job in [single] if single else jobs:
            self._next_poll[job.job_id] = now + self._pause(job).total_seconds()
        try:
            if single is not None:
                await self._async_ask_task(single)
            elif jobs:
                await self._async_read_list()
        except LiankeError as err:
            # Nothing is learnt, and nothing follows from that.
            _LOGGER.debug("Following print jobs failed: %s", err)
            if single is None:
                self._note_no_list(jobs, err)
            else:
                self._failed_polls[single.job_id] = self._failed_polls.get(single.job_id, 0) + 1
        self._give_up()

    @callback
    def _note_no_list(self, jobs: list[Job], err: LiankeError) -> None:
        """Ask for the tasks themselves, one after the other, when the list cannot be read."""
        self._doubts.note_no_list(answered=not isinstance(err, LiankeConnectionError))
        in_doubt = any(job.is_unsure for job in jobs)
        self._ask_in_turn(jobs, TURNS if in_doubt else len(jobs))

    @callback
    def _ask_in_turn(self, jobs: list[Job], number: int) -> None:
        """Ask for some jobs' own tasks, those first that have waited longest for it."""
        known = [job for job in jobs if job.task_id]
        known.sort(key=lambda job: self._asked_at.get(job.job_id, self._started))
        for job in known[:number]:
            self.poll_soon(job)

    def _is_tracked(self, job: Job) -> bool:
        if job.task_id is None:
            return self._is_lost(job)
        if job.state is JobState.UNCONFIRMED:
            # How a revoked task ended is known; no more will be said of the paper.
            return job.reason != CANCELED_TOO_LATE and dt_util.utcnow() - job.changed_at < GIVE_UP
        return not job.is_final

    def _is_lost(self, job: Job) -> bool:
        """Return whether a job is in doubt and its answer will not come any more."""
        return job.is_unsure and not self._is_uploading(job)

    def _due(self, job: Job) -> float:
        if job.job_id not in self._next_poll:
            now = monotonic()
            since = now - self._ages.of(job).total_seconds()
            # What called back while nobody was home will not call again.
            missed = since < self._started
            pause = WATCHDOG if self._callbacks_proven() and not missed else FIRST_POLL
            self._next_poll[job.job_id] = max(since, self._started) + pause.total_seconds()
        return self._next_poll[job.job_id]

    def _pause(self, job: Job) -> timedelta:
        age = self._ages.of(job)
        if job.is_unsure and age < DOUBT_TIME * 2:
            return SPACING
        for older, pause in _SLOWER:
            if age > older:
                return pause
        return WATCHDOG if self._callbacks_proven() else SPACING

    def _single(self, jobs: list[Job]) -> Job | None:
        """Return the job whose own task to ask for, None to read the day's list."""
        asked = [job for job in jobs if job.job_id in self._ask and job.task_id]
        if asked:
            return asked[0]
        if len(jobs) == 1 and jobs[0].task_id:
            # A task that cannot be had may still be on the list.
            tried = self._failed_polls.get(jobs[0].job_id, 0)
            return jobs[0] if tried < TRIES else None
        return None

    async def _async_ask_task(self, job: Job) -> None:
        self._ask.pop(job.job_id, None)
        self._asked_at[job.job_id] = monotonic()
        await self._async_task(job)

    async def async_ask_before_cancel(self, job: Job) -> TaskState | None:
        """Ask for a job's task and apply the answer; return its state, None if it cannot be had."""
        try:
            task = await self._async_task(job)
        except LiankeError as err:
            _LOGGER.debug("Print job %s is canceled unasked: %s", job.job_id, err)
            return None
        return task.state if task else None

    async def _async_task(self, job: Job) -> Task | None:
        """Ask for a job's task and apply the answer. Raises LiankeError."""
        if job.task_id is None or (known := self._storage.printers.get(job.printer_key)) is None:
            return None
        task = await self._client.task(known.printer.address, job.task_id)
        self._failed_polls.pop(job.job_id, None)
        if (current := self._registry.get(job.job_id)) is not None:
            self._apply_task(current, task)
        return task

    @callback
    def _apply_task(self, job: Job, task: Task) -> None:
        if job.state is JobState.COMPLETED:
            # Only the pages were missing.
            pages = printed_pages(job, task.result)
            if pages and job.pages_printed is None:
                self._registry.change(job, pages_printed=pages)
            return
        if job.task_from_list and has_other_pages(job, task.result):
            # Somebody else's after all.
            self._storage.record_foreign_task()
            self._registry.change(
                job,
                state=JobState.UNCONFIRMED,
                reason="no_answer",
                task_id=None,
                task_known_at=None,
                task_from_list=False,
            )
        elif changes := changes_for(job, task.state, task.result):
            self._registry.change(job, **changes)
        elif task.state is TaskState.SUCCESS and not job.is_final:
            self._note_missing_result(job)

    @callback
    def _note_missing_result(self, job: Job) -> None:
        """Count a success that never gets a result as a failure (lianke-api, "Job states")."""
        now = monotonic()
        waited = timedelta(seconds=now - self._without_result.setdefault(job.job_id, now))
        if waited >= RESULT_WAIT and (changes := failure(job, None, reason="no_result")):
            self._registry.change(job, **changes)
        else:
            self._next_poll[job.job_id] = now + SPACING.total_seconds()

    async def _async_read_list(self) -> None:
        asked_at = monotonic()
        tasks = await self._client.day_tasks()
        self._doubts.search(tasks, asked_at)
        listed = {task.task_id: task for task in tasks}
        jobs = [job for job in self.tracked() if job.task_id]
        missing = []
        for job in jobs:
            if (task := listed.get(job.task_id or "")) is None:
                missing.append(job)
            else:
                self._apply_listed(job, task, few=len(jobs) <= FEW)
        overdue = [job for job in missing if self._ages.of(job) > LIST_LAG]
        if overdue:
            self._ask_in_turn(overdue, TURNS)
        elif missing and not self._ask:
            # The list lags. One is asked for, in turn, then the list is read again: by then it
            # may have the others.
            longest = min(missing, key=lambda job: self._asked_at.get(job.job_id, self._started))
            self._ask[longest.job_id] = None

    @callback
    def _apply_listed(self, job: Job, task: DayTask, *, few: bool) -> None:
        result = TaskResult(code=task.code, message=task.message) if task.code is not None else None
        changes = changes_for(job, task.state, result)
        if changes is None:
            if task.state is TaskState.SUCCESS and not job.is_final:
                self._ask[job.job_id] = None
            return
        told = changes.get("state")
        # The list knows neither pages nor what was sent of a failed job.
        better = told is JobState.FAILED or (
            told is JobState.COMPLETED and (job.task_from_list or (job.pages is None and few))
        )
        if better and self._failed_polls.get(job.job_id, 0) < TRIES:
            self.poll_soon(job)
            return
        self._registry.change(job, **changes)

    @callback
    def _give_up(self) -> None:
        """End jobs that nobody can say more about."""
        for job in self.tracked():
            if job.is_unsure:
                reason = self._doubts.unconfirmed_reason(job)
            elif not job.is_final and job.task_id and self._ages.of(job) >= GIVE_UP:
                reason = "no_outcome"
            else:
                reason = None
            if reason is not None:
                self._registry.change(job, state=JobState.UNCONFIRMED, reason=reason)
