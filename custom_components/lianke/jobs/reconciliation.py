"""Reconciles jobs in doubt, whose uploads were never answered, with the list of tasks."""

from collections.abc import Callable
from datetime import timedelta
from time import monotonic
from typing import Any

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from ..api.tasks import DayTask, TaskResult
from ..box.storage import BoxStorage
from .job import Job, JobState
from .outcome import changes_for
from .registry import JobRegistry
from .task_matching import match_tasks, search_after

# A doubt lasts at least so long, and until the list was read when it had to have the task.
DOUBT_TIME = timedelta(minutes=5)
DOUBT_AFTER_START = timedelta(seconds=150)
# If the service answers but gives no list for so long, doubts end without one. If it does not answer
# at all, they last until GIVE_UP.
WITHOUT_LIST = timedelta(hours=1)
GIVE_UP = timedelta(hours=24)


class Reconciler:
    """Matches the jobs in doubt of one box with tasks, and decides when they end unconfirmed."""

    def __init__(
        self,
        storage: BoxStorage,
        registry: JobRegistry,
        age: Callable[[Job], timedelta],
        is_uploading: Callable[[Job], bool],
    ) -> None:
        """`age` returns how long ago a job was sent, `is_uploading` whether an answer may still come."""
        self._storage = storage
        self._registry = registry
        self._age = age
        self._is_uploading = is_uploading
        self._started = monotonic()
        # Since when the service answers without giving a list.
        self._without_list: float | None = None
        # Jobs for which the list has been read late enough.
        self._searched: set[str] = set()
        # See `Matches`.
        self._undecided: frozenset[str] = frozenset()
        self._ambiguous: frozenset[str] = frozenset()

    @callback
    def keep_only(self, job_ids: set[str]) -> None:
        """Forget all other jobs."""
        self._searched &= job_ids

    @callback
    def note_no_list(self, *, answered: bool) -> None:
        """Note that the list could not be read, and whether the service answered."""
        if not answered:
            self._without_list = None
        elif self._without_list is None:
            self._without_list = monotonic()

    @callback
    def match(self, tasks: tuple[DayTask, ...], asked_at: float) -> None:
        """Give jobs in doubt their tasks if the list proves them, and note foreign tasks.

        `asked_at` is when the list was asked for, by the monotonic clock.
        """
        self._without_list = None
        since = timedelta(seconds=monotonic() - asked_at)
        jobs, others = self._registry.all(), self._registry.store.other_tasks
        # Also those that a user has settled since.
        doubtful = [job for job in jobs if job.may_have_unknown_task]
        ages = {job.job_id: self._age(job) - since for job in doubtful}
        matches = match_tasks(
            tasks,
            age=lambda job: ages[job.job_id],
            own=[job for job in jobs if job.task_id],
            known_ids=self._registry.own_task_ids,
            doubtful=doubtful,
            lost=others.lost,
            foreign_seen_at=self._storage.foreign_seen_at,
        )
        if others.has_pending:
            # One of the tasks may be that of a preview whose answer is still to come.
            return
        if matches.foreign:
            self._storage.record_foreign_task()
        self._undecided, self._ambiguous = matches.undecided, matches.ambiguous
        for job in doubtful:
            # By the monotonic clock: one that was set forward makes nothing late.
            if ages[job.job_id] < search_after(job):
                continue
            self._searched.add(job.job_id)
            if self._is_uploading(job):
                continue
            if task := matches.tasks.get(job.job_id):
                changes: dict[str, Any] = {} if job.is_final else {"state": JobState.QUEUED}
                self._assign(job, task, changes)
            elif task := matches.alike.get(job.job_id):
                # It ended as this task did, though that may be another job's.
                result = TaskResult(code=task.code, message=task.message)
                self._assign(job, task, changes_for(job, task.state, result) or {})

    @callback
    def _assign(self, job: Job, task: DayTask, changes: dict[str, Any]) -> None:
        self._registry.change(
            job,
            task_id=task.task_id,
            task_known_at=dt_util.utcnow(),
            # What a user settled does not depend on the list.
            task_from_list=not job.is_final or job.state is JobState.UNCONFIRMED,
            **changes,
        )

    def unconfirmed_reason(self, job: Job) -> str | None:
        """Return the reason with which a job in doubt ends as unconfirmed now, None if it does not."""
        if not self._is_over(job):
            return None
        if job.job_id in self._ambiguous:
            return "several_unanswered"
        # A job that the service did answer has a reason by then.
        return "no_answer" if job.reason is None else "unclear_answer"

    def _is_over(self, job: Job) -> bool:
        age, up = self._age(job), timedelta(seconds=monotonic() - self._started)
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
