"""Jobs whose uploads were never answered: what the list says of them, and when they end unconfirmed."""

from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from ..api.tasks import DayTask, TaskResult
from ..box.storage import BoxStorage
from .job import Job, JobState
from .outcome import changes_for
from .reconciliation import examine, search_after
from .registry import JobRegistry
from .store import JobStore

# A doubt lasts so long at least, and until the list was read when it had to have the task.
DOUBT_TIME = timedelta(minutes=5)
DOUBT_AFTER_START = timedelta(seconds=150)
# So long may the service answer without a list until doubts end without one. While it does not
# answer at all, they last until everything is given up.
WITHOUT_LIST = timedelta(hours=1)
GIVE_UP = timedelta(hours=24)


class Ages:
    """Keeps how old jobs are by a clock that only runs forward."""

    def __init__(self) -> None:
        """Know no job yet."""
        # When a job was handed over or became known, by our clock and by the steady one.
        self._since: dict[str, tuple[datetime, float]] = {}

    @callback
    def keep_only(self, job_ids: set[str]) -> None:
        """Forget all other jobs."""
        for gone in self._since.keys() - job_ids:
            del self._since[gone]

    def of(self, job: Job) -> timedelta:
        """Return how long ago a job was handed over, or its task became known.

        Our clock is asked once; that it may be put right afterwards changes nothing.
        """
        since = job.task_known_at or job.handed_over_at or job.created_at
        if (kept := self._since.get(job.job_id)) is None or kept[0] != since:
            passed = max(0.0, (dt_util.utcnow() - since).total_seconds())
            kept = self._since[job.job_id] = (since, monotonic() - passed)
        return timedelta(seconds=monotonic() - kept[1])


class Doubts:
    """Searches the list for the jobs in doubt of one box."""

    def __init__(
        self,
        *,
        storage: BoxStorage,
        registry: JobRegistry,
        store: JobStore,
        ages: Ages,
        is_uploading: Callable[[Job], bool],
    ) -> None:
        """`is_uploading` tells whether a job's answer may still come."""
        self._storage = storage
        self._registry = registry
        self._store = store
        self._ages = ages
        self._is_uploading = is_uploading
        self._started = monotonic()
        # Since when the service answers without giving a list.
        self._without_list: float | None = None
        # Those for which the list has been read late enough, those that match with tasks only
        # as a whole, and those of which only some were printed.
        self._searched: set[str] = set()
        self._undecided: frozenset[str] = frozenset()
        self._ambiguous: frozenset[str] = frozenset()

    @callback
    def keep_only(self, job_ids: set[str]) -> None:
        """Forget all other jobs."""
        self._searched &= job_ids

    @callback
    def note_no_list(self, *, answered: bool) -> None:
        """Note that the list could not be read, though the service answered or since it did not."""
        if not answered:
            self._without_list = None
        elif self._without_list is None:
            self._without_list = monotonic()

    @callback
    def search(self, tasks: tuple[DayTask, ...], asked_at: float) -> None:
        """Give jobs in doubt their tasks if the list proves them, and note strangers."""
        self._without_list = None
        since = timedelta(seconds=monotonic() - asked_at)
        jobs, others = self._registry.all(), self._store.other_tasks
        ages = {job.job_id: self._ages.of(job) - since for job in jobs if _may_own_a_task(job)}
        finding = examine(
            tasks,
            age=lambda job: ages[job.job_id],
            own=[job for job in jobs if job.task_id],
            known_ids={job.task_id for job in jobs if job.task_id} | set(others.task_ids),
            doubtful=[job for job in jobs if _may_own_a_task(job)],
            lost=others.lost,
            foreign_seen_at=self._storage.foreign_seen_at,
        )
        if others.are_coming:
            # One of the tasks may be a preview that has not been told its task yet.
            return
        if finding.strangers:
            self._storage.record_foreign_task()
        self._undecided, self._ambiguous = finding.undecided, finding.ambiguous
        for job in jobs:
            # A clock that was put forward makes nothing late.
            if not _may_own_a_task(job) or ages[job.job_id] < search_after(job):
                continue
            self._searched.add(job.job_id)
            if self._is_uploading(job):
                continue
            if task := finding.tasks.get(job.job_id):
                changes: dict[str, Any] = {} if job.is_final else {"state": JobState.QUEUED}
                self._note_found(job, task, changes)
            elif task := finding.alike.get(job.job_id):
                self._note_found(job, task, _end_of(job, task))

    @callback
    def _note_found(self, job: Job, task: DayTask, changes: dict[str, Any]) -> None:
        self._registry.change(
            job,
            task_id=task.task_id,
            task_known_at=dt_util.utcnow(),
            # What was settled by hand does not rest on the list.
            task_from_list=not job.is_final or job.state is JobState.UNCONFIRMED,
            **changes,
        )

    def unconfirmed_reason(self, job: Job) -> str | None:
        """Return the reason why a job in doubt will not be explained any more, None if it may be."""
        if not self._is_unanswerable(job):
            return None
        if job.job_id in self._ambiguous:
            return "several_unanswered"
        # One that the service did answer has a reason by then.
        return "no_answer" if job.reason is None else "unclear_answer"

    def _is_unanswerable(self, job: Job) -> bool:
        age, up = self._ages.of(job), timedelta(seconds=monotonic() - self._started)
        if age < DOUBT_TIME or up < DOUBT_AFTER_START:
            return False
        if age >= GIVE_UP:
            return True
        if job.job_id in self._searched:
            return job.job_id not in self._undecided
        return (
            self._without_list is not None
            and monotonic() - self._without_list >= WITHOUT_LIST.total_seconds()
        )


def _end_of(job: Job, task: DayTask) -> dict[str, Any]:
    """Return the changes of a job that ended as this task did, though it may be another's."""
    result = TaskResult(code=task.code, message=task.message)
    return changes_for(job, task.state, result) or {}


def _may_own_a_task(job: Job) -> bool:
    """Return whether the cloud may have a task of this job that nobody has told us.

    Also when the job has been settled by hand since.
    """
    return job.handed_over_at is not None and job.task_id is None
