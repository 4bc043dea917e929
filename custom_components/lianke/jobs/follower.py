"""Asking the cloud how jobs stand, sparingly, until each is settled.

At most one request in ten seconds and box: the task itself while a single job is open,
today's list of tasks while several are, or while one is in doubt.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
import logging

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from ..api.client import LiankeClient
from ..api.errors import LiankeError
from ..api.models import DayTask, Task, TaskResult, TaskState
from ..coordinator import LiankeCoordinator
from ..memory import BoxMemory
from .book import JobBook
from .evidence import examine
from .job import Job, JobState
from .ledger import Ledger
from .outcome import TAKEN_BACK_LATE, changes_for, failure, printed_pages

_LOGGER = logging.getLogger(__name__)

# "every 10 s" is the vendor's own advice (lianke-api, "Ground rules").
SPACING = timedelta(seconds=10)
FIRST_LOOK = timedelta(seconds=5)
WATCHDOG = timedelta(seconds=60)
# A job that waits in the cloud for a printer to be switched on is asked for less often.
_SLOWER = ((timedelta(hours=1), timedelta(minutes=5)), (timedelta(minutes=10), WATCHDOG))
# The day's list may lag two minutes behind.
DOUBT_TIME = timedelta(minutes=5)
DOUBT_AFTER_START = timedelta(seconds=150)
GIVE_UP = timedelta(hours=24)
# How long a success without a result may stay so before it counts as a failure.
RESULT_WAIT = timedelta(minutes=2)
# With so few jobs open, their own answers (which tell the pages) are worth a request.
FEW = 3


class Follower:
    """Follows the open jobs of one box."""

    def __init__(
        self,
        *,
        client: LiankeClient,
        coordinator: LiankeCoordinator,
        memory: BoxMemory,
        ledger: Ledger,
        book: JobBook,
        callbacks_proven: Callable[[], bool],
        is_uploading: Callable[[Job], bool],
    ) -> None:
        """Take what following needs.

        `callbacks_proven` tells whether callbacks are known to arrive just now,
        `is_uploading` whether a job's answer may still come.
        """
        self._client = client
        self._coordinator = coordinator
        self._memory = memory
        self._ledger = ledger
        self._book = book
        self._callbacks_proven = callbacks_proven
        self._is_uploading = is_uploading
        self._started_at = dt_util.utcnow()
        self._last_request: datetime | None = None
        self._next_look: dict[str, datetime] = {}
        self._without_result: dict[str, datetime] = {}
        # Jobs whose own task is to be asked for before the list is read again.
        self._ask: dict[str, None] = {}
        self._asked_at: dict[str, datetime] = {}

    def followed(self) -> list[Job]:
        """Return the jobs that the cloud is still to be asked about."""
        # Besides what may still change, those of which only the pages are missing.
        asked = [self._ledger.get(job_id) for job_id in self._ask]
        completed = [job for job in asked if job and job.state is JobState.COMPLETED]
        return [job for job in self._ledger.unsettled() if self._is_followed(job)] + completed

    def next_due(self, now: datetime) -> datetime | None:
        """Return when the next request is due, None with nothing to follow."""
        jobs = self.followed()
        self._forget_all_but({job.job_id for job in jobs})
        if not jobs:
            return None
        return max(min(self._due(job, now) for job in jobs), self.free_at(now))

    def _forget_all_but(self, job_ids: set[str]) -> None:
        for gone in self._next_look.keys() - job_ids:
            del self._next_look[gone]
        for gone in self._without_result.keys() - job_ids:
            del self._without_result[gone]
        for gone in self._asked_at.keys() - job_ids:
            del self._asked_at[gone]
        for gone in self._ask.keys() - job_ids:
            del self._ask[gone]

    def free_at(self, now: datetime) -> datetime:
        """Return when the next request may be made."""
        return max(now, self._last_request + SPACING) if self._last_request else now

    @callback
    def note_request(self) -> None:
        """Count a request that somebody else made to follow a task of this box."""
        self._last_request = dt_util.utcnow()

    @callback
    def look_soon(self, job: Job) -> None:
        """Ask for this job's own task as soon as the spacing allows."""
        self._ask[job.job_id] = None
        self._next_look[job.job_id] = dt_util.utcnow()

    async def async_look(self) -> None:
        """Make the one request that is due, and settle what it proves."""
        now = self._last_request = dt_util.utcnow()
        jobs = self.followed()
        single = self._single(jobs)
        for job in [single] if single else jobs:
            self._next_look[job.job_id] = now + self._pause(job, now)
        try:
            if single is not None:
                await self._async_ask_task(single)
            elif jobs:
                await self._async_read_list()
        except LiankeError as err:
            # Nothing is learnt, and nothing follows from that.
            _LOGGER.debug("Following print jobs failed: %s", err)
        self._give_up(dt_util.utcnow())

    def _is_followed(self, job: Job) -> bool:
        if job.task_id is None:
            return self._is_lost(job)
        if job.state is JobState.UNCONFIRMED:
            # How a revoked task ended is known; no more will be said of the paper.
            return job.reason != TAKEN_BACK_LATE and dt_util.utcnow() - job.changed_at < GIVE_UP
        return not job.is_final

    def _is_lost(self, job: Job) -> bool:
        """Return whether a job is in doubt and its answer will not come any more."""
        return job.is_unsure and not self._is_uploading(job)

    def _due(self, job: Job, now: datetime) -> datetime:
        if job.job_id not in self._next_look:
            since = job.task_known_at or job.handed_over_at or now
            # What called back while nobody was home will not call again.
            missed = since < self._started_at
            pause = WATCHDOG if self._callbacks_proven() and not missed else FIRST_LOOK
            self._next_look[job.job_id] = max(since, self._started_at) + pause
        return self._next_look[job.job_id]

    def _pause(self, job: Job, now: datetime) -> timedelta:
        if job.is_unsure:
            return SPACING
        age = now - (job.task_known_at or job.created_at)
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
            return jobs[0]
        return None

    async def _async_ask_task(self, job: Job) -> None:
        self._ask.pop(job.job_id, None)
        self._asked_at[job.job_id] = dt_util.utcnow()
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
        if job.task_id is None or (known := self._memory.printers.get(job.printer_key)) is None:
            return None
        task = await self._client.task(known.printer.address, job.task_id)
        if (current := self._ledger.get(job.job_id)) is not None:
            self._apply_task(current, task)
        return task

    @callback
    def _apply_task(self, job: Job, task: Task) -> None:
        if job.state is JobState.COMPLETED:
            # Only the pages were missing.
            pages = printed_pages(job, task.result)
            if pages and job.pages_printed is None:
                self._ledger.change(job, pages_printed=pages)
            return
        if changes := changes_for(job, task.state, task.result):
            self._ledger.change(job, **changes)
        elif task.state is TaskState.SUCCESS and not job.is_final:
            self._note_missing_result(job)

    @callback
    def _note_missing_result(self, job: Job) -> None:
        """Count a success that never gets a result as a failure (lianke-api, "Job states")."""
        now = dt_util.utcnow()
        first = self._without_result.setdefault(job.job_id, now)
        if now - first >= RESULT_WAIT and (changes := failure(job, None, reason="no_result")):
            self._ledger.change(job, **changes)
        else:
            self._next_look[job.job_id] = now + SPACING

    async def _async_read_list(self) -> None:
        asked_at = dt_util.utcnow()
        tasks = await self._client.day_tasks()
        self._find_lost(tasks, asked_at)
        listed = {task.task_id: task for task in tasks}
        jobs = [job for job in self.followed() if job.task_id]
        missing = []
        for job in jobs:
            if (task := listed.get(job.task_id or "")) is None:
                missing.append(job)
            else:
                self._apply_listed(job, task, few=len(jobs) <= FEW)
        if missing and not self._ask:
            # The list is cut at midnight in China, and lags. One is asked for, in turn, then
            # the list is read again: by then it may have the others.
            longest = min(missing, key=lambda job: self._asked_at.get(job.job_id, self._started_at))
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
        if told is JobState.FAILED or (told is JobState.COMPLETED and job.pages is None and few):
            self.look_soon(job)
            return
        self._ledger.change(job, **changes)

    @callback
    def _find_lost(self, tasks: tuple[DayTask, ...], asked_at: datetime) -> None:
        """Give jobs in doubt their tasks if the list proves them, and note strangers."""
        jobs = self._ledger.all()
        finding = examine(
            tasks,
            now=asked_at,
            own=[job for job in jobs if job.task_id],
            known_ids={job.task_id for job in jobs if job.task_id} | set(self._book.other_tasks),
            doubtful=[job for job in jobs if _may_own_a_task(job)],
            foreign_seen_at=self._memory.foreign_seen_at,
        )
        if self._book.other_tasks_coming:
            # One of the tasks may be a preview that has not been told its task yet.
            return
        if finding.strangers:
            self._memory.note_foreign()
        for job in jobs:
            if (task := finding.tasks.get(job.job_id)) is None or self._is_uploading(job):
                continue
            found = {"task_id": task.task_id, "task_known_at": dt_util.utcnow()}
            self._ledger.change(job, **found | ({} if job.is_final else {"state": JobState.QUEUED}))

    @callback
    def _give_up(self, now: datetime) -> None:
        """End jobs that nobody can say more about."""
        for job in self.followed():
            if job.is_unsure:
                since = job.handed_over_at or job.created_at
                limit = max(since + DOUBT_TIME, self._started_at + DOUBT_AFTER_START)
                reason = "no_answer"
            elif not job.is_final:
                limit = (job.task_known_at or job.created_at) + GIVE_UP
                reason = "no_outcome"
            else:
                continue
            if now >= limit:
                self._ledger.change(job, state=JobState.UNCONFIRMED, reason=reason)


def _may_own_a_task(job: Job) -> bool:
    """Return whether the cloud may have a task of this job that nobody has told us.

    Also when the job has been settled by hand since.
    """
    return job.handed_over_at is not None and job.task_id is None
