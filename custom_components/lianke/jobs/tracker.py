"""Follows the jobs of one box in the cloud, by polling and by callbacks, until each is settled.

*Polling*: at most one request in ten seconds. With one open job, the request is for its task; with several open jobs,
or with a job in doubt, it is for the list of tasks. If the list cannot be read or lacks a job's task, the tasks are
polled one after the other. All waits use the monotonic clock.

*Callbacks*: a callback with a job's own token proves everything that it says; a callback without that token proves
nothing. The token is stronger proof than the list of tasks, and than an answer that refused the upload. If the list or
such an answer led to another task or outcome, the job is corrected, although its wrong state was already reported. The
list is trusted so late and so rarely that this should never happen.
"""

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import logging
from time import monotonic
from typing import Any

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from ..api.errors import LiankeConnectionError, LiankeError
from ..api.tasks import Callback, DayTask, Task, TaskState
from ..coordinator import LiankeCoordinator
from ..fair_queue import FairQueue
from .box_jobs import BoxJobs, JobWorker
from .job import Delivery, Job, JobState
from .outcome import (
    DOUBT_TIME,
    GIVE_UP_TIME,
    POLL_SPACING,
    SLOW_POLL,
    changes_from_callback,
    changes_from_list,
    changes_from_proof,
    changes_from_task,
    changes_without_task,
    failure,
    has_no_outcome,
    is_doubt_over,
    is_followed,
    poll_pause,
)
from .task_matching import LIST_LAG, match_tasks, search_after
from .uploader import Uploader

_LOGGER = logging.getLogger(__name__)

FIRST_TASK_POLL = timedelta(seconds=5)
# Number of tasks that are polled before the list is read again, while jobs are in doubt or missing from the list.
POLLS_BETWEEN_LISTS = 3
# Callbacks without a token cause at most one poll of a task within this time.
HINT_SPACING = timedelta(seconds=60)
# Failed polls of a job's task after which the job ends as the list shows, without the details that the list lacks.
DETAIL_POLLS = 2
# A task in state SUCCESS without a result counts as failed after this time.
RESULT_WAIT = timedelta(minutes=2)
# Used in place of a time that a delivery's record lacks.
_UNKNOWN_TIME = datetime(2020, 1, 1, tzinfo=UTC)
# If there are at most this many open jobs, the task of a printed job whose page count is unknown is polled for the
# count, which the list lacks.
FEW_OPEN_JOBS = 3
# Maximum seconds that a printed job waits for its page count, including the wait until the tracker may ask for the
# count.
PAGES_SECONDS = 15
# Maximum number of previews of a box at the same time; further previews wait.
MAX_PREVIEWS = 2


@dataclass(slots=True)
class _Tracking:
    """What the tracker remembers of one delivery; times are seconds of the monotonic clock."""

    next_poll: float | None = None
    polled_at: float | None = None
    # Poll the delivery's task before the list is read again.
    wants_poll: bool = False
    failed_polls: int = 0
    no_result_since: float | None = None
    # Since when the job has been known to be printed and has lacked only its page count.
    proven_since: float | None = None
    # Since when we have known that the job has expired and that the cloud should cancel its task.
    expired_since: float | None = None
    # When the delivery was sent or its task became known: by the wall clock, and by the monotonic clock.
    since: tuple[datetime, float] | None = None


class TaskTracker(JobWorker):
    def __init__(self, coordinator: LiankeCoordinator, jobs: BoxJobs, uploader: Uploader) -> None:
        super().__init__(coordinator, jobs)
        self._uploader = uploader
        self._started = monotonic()
        # When the last request was made. Requests for previews count as well.
        self._last_request: float | None = None
        # What is remembered of each delivery, by its token.
        self._trackings: defaultdict[str, _Tracking] = defaultdict(_Tracking)
        # Running previews, by token; `printing` adds them. Their events are set when a callback reports the end, or
        # when the queue stops.
        self.previews: dict[str, asyncio.Event] = {}
        self.preview_places = FairQueue(MAX_PREVIEWS)
        self.is_stopped = False
        # Since when the service has answered without returning a list.
        self._without_list: float | None = None
        # Tokens of deliveries for which a list was read late enough to contain their tasks.
        self._searched: set[str] = set()
        # See `Matches`.
        self._undecided: frozenset[str] = frozenset()
        self._ambiguous: frozenset[str] = frozenset()

    def tracked(self) -> list[Job]:
        now = dt_util.utcnow()
        jobs = [job for job in self._jobs.unsettled if self._is_followed(job, now)]
        # Add the completed jobs that lack only their page count.
        wanted = [token for token, tracking in self._trackings.items() if tracking.wants_poll]
        found = [known for token in wanted if (known := self._jobs.by_token(token))]
        return jobs + [job for job, _ in found if job.state is JobState.COMPLETED]

    def _tracking(self, job: Job) -> _Tracking:
        return self._trackings[job.current_delivery.token]

    def _is_followed(self, job: Job, now: datetime) -> bool:
        return is_followed(job, now, is_uploading=self._uploader.is_uploading(job.current_delivery))

    def next_due(self, now: datetime) -> datetime | None:
        """Return when the next request is due; None if there is nothing to track."""
        jobs = self.tracked()
        tokens = {job.current_delivery.token for job in jobs}
        for gone in self._trackings.keys() - tokens:
            del self._trackings[gone]
        self._searched &= tokens
        if not jobs:
            return None
        due = min(self._due(job) for job in jobs) - monotonic()
        return now + timedelta(seconds=max(due, self.until_slot()))

    def until_slot(self) -> float:
        if self._last_request is None:
            return 0.0
        return max(0.0, self._last_request + POLL_SPACING.total_seconds() - monotonic())

    def take_slot(self) -> float:
        """Take the slot for a request if it is free. Return 0 if it was taken, else the seconds until the next slot."""
        if (wait := self.until_slot()) == 0:
            self._last_request = monotonic()
        return wait

    @callback
    def stop_previews(self) -> None:
        self.is_stopped = True
        for one in self.previews.values():
            one.set()

    def poll_soon(self, job: Job) -> None:
        tracking = self._tracking(job)
        tracking.wants_poll = True
        tracking.next_poll = monotonic()

    async def async_poll(self) -> None:
        """Make the one request that is due, and apply what it proves."""
        now = self._last_request = monotonic()
        jobs = self.tracked()
        single = self._single(jobs)
        for job in [single] if single else jobs:
            known = self._storage.callbacks_proven_for(self._account.fingerprint)
            pause = poll_pause(job, self._age(job.current_delivery), are_callbacks_proven=known)
            self._tracking(job).next_poll = now + pause.total_seconds()
        try:
            if single is not None:
                tracking = self._tracking(single)
                tracking.wants_poll = False
                tracking.polled_at = monotonic()
                await self.async_poll_task(single)
            elif jobs:
                await self._async_read_list()
        except LiankeError as err:
            # An error says nothing about the jobs.
            _LOGGER.debug("Polling print jobs failed: %s", err)
            if single is not None:
                tracking = self._tracking(single)
                tracking.failed_polls += 1
                if single.state is JobState.COMPLETED and tracking.failed_polls < DETAIL_POLLS:
                    # The job lacks only its page count, and nothing else would ask for that again.
                    self.poll_soon(single)
            else:
                if isinstance(err, LiankeConnectionError):
                    # The service did not answer.
                    self._without_list = None
                elif self._without_list is None:
                    self._without_list = monotonic()
                # Without a list, poll the tasks. While a job is in doubt, poll only some of them before the list is
                # tried again.
                in_doubt = any(job.current_delivery.is_in_doubt for job in jobs)
                for job in self._in_turn(jobs)[: POLLS_BETWEEN_LISTS if in_doubt else len(jobs)]:
                    self.poll_soon(job)
        self._give_up()

    def _in_turn(self, jobs: list[Job]) -> list[Job]:
        """Return the jobs whose tasks can be polled, the job polled longest ago first."""

        def last_poll(job: Job) -> float:
            polled_at = self._tracking(job).polled_at
            return self._started if polled_at is None else polled_at

        return sorted((job for job in jobs if job.current_delivery.task_id), key=last_poll)

    def _age(self, delivery: Delivery) -> timedelta:
        """Return the time since a delivery's task became known, or else since the delivery was sent.

        If the wall clock is set after the first call, this has no effect.
        """
        tracking = self._trackings[delivery.token]
        sent_at = delivery.task_known_at or delivery.handed_over_at or _UNKNOWN_TIME
        if tracking.since is None or tracking.since[0] != sent_at:
            passed = max(0.0, (dt_util.utcnow() - sent_at).total_seconds())
            tracking.since = (sent_at, monotonic() - passed)
        return timedelta(seconds=monotonic() - tracking.since[1])

    def _due(self, job: Job) -> float:
        tracking = self._tracking(job)
        if tracking.next_poll is None:
            since = monotonic() - self._age(job.current_delivery).total_seconds()
            # A callback that came before our start does not come again.
            missed = since < self._started
            proven = self._storage.callbacks_proven_for(self._account.fingerprint)
            pause = SLOW_POLL if proven and not missed else FIRST_TASK_POLL
            tracking.next_poll = max(since, self._started) + pause.total_seconds()
        return tracking.next_poll

    def _single(self, jobs: list[Job]) -> Job | None:
        for job in jobs:
            if job.current_delivery.task_id and self._tracking(job).wants_poll:
                return job
        if len(jobs) == 1 and jobs[0].current_delivery.task_id:
            # If the task cannot be polled, the list may still have it.
            return jobs[0] if self._tracking(jobs[0]).failed_polls < DETAIL_POLLS else None
        return None

    async def async_poll_task(self, job: Job) -> None:
        """Ask the service for the task of a job's current delivery and apply the answer. Raises LiankeError."""
        delivery = job.current_delivery
        if delivery.task_id is None:
            return
        task = await self._client.task(self._address_of(job), delivery.task_id)
        tracking = self._trackings[delivery.token]
        if task.state is TaskState.UNKNOWN and self._age(delivery) > DOUBT_TIME:
            # The service may have forgotten a task that its list still has.
            tracking.failed_polls += 1
        else:
            tracking.failed_polls = 0
        found = self._jobs.by_token(delivery.token)
        # Meanwhile a callback may have named another task.
        if found is not None and found[1].task_id == delivery.task_id:
            self._on_task(*found, task)

    def _on_task(self, job: Job, delivery: Delivery, task: Task) -> None:
        tracking, now = self._trackings[delivery.token], monotonic()
        if changes := changes_from_task(job, delivery, task):
            if delivery.task_id is not None and changes.get("task_id", delivery.task_id) is None:
                self._storage.record_foreign_task()
        elif task.state is TaskState.SUCCESS and not delivery.is_final:
            # A task that never gets a result has failed (lianke-api, "Job states").
            if tracking.no_result_since is None:
                tracking.no_result_since = now
            if now - tracking.no_result_since < RESULT_WAIT.total_seconds():
                tracking.next_poll = now + POLL_SPACING.total_seconds()
                return
            changes = {**failure(None), "state": JobState.FAILED, "reason": "no_result"}
        if changes:
            self._jobs.change(job, delivery, **changes)

    def complete_proven(self, now: datetime, *, at_once: bool = False) -> datetime | None:
        """Complete printed jobs whose page counts did not come in time; return when the next job is due.

        `at_once`: do not wait for the page counts any longer.
        """
        dues = []
        for job in self.tracked():
            if job.current_delivery.proven_at is None or job.state is JobState.COMPLETED:
                # A completed job may still be tracked for its page count.
                continue
            tracking = self._tracking(job)
            if tracking.proven_since is None:
                tracking.proven_since = monotonic()
            left = tracking.proven_since + PAGES_SECONDS - monotonic()
            if left > 0 and not at_once:
                dues.append(now + timedelta(seconds=left))
            elif changes := changes_from_proof(job, job.current_delivery):
                self._jobs.change(job, job.current_delivery, **changes)
        return min(dues, default=None)

    async def _async_read_list(self) -> None:
        asked_at = monotonic()
        tasks = await self._client.day_tasks()
        await self._jobs.async_read_unread()
        self._match(tasks, asked_at)
        known = {task.task_id: task for task in tasks}
        jobs = [job for job in self.tracked() if job.current_delivery.task_id]
        missing = []
        for job in jobs:
            if (task := known.get(job.current_delivery.task_id or "")) is None:
                missing.append(job)
            else:
                self._on_listed(job, task, few=len(jobs) <= FEW_OPEN_JOBS)
        if overdue := [job for job in missing if self._age(job.current_delivery) > LIST_LAG]:
            for job in self._in_turn(overdue)[:POLLS_BETWEEN_LISTS]:
                self.poll_soon(job)
        elif missing and not any(tracking.wants_poll for tracking in self._trackings.values()):
            # The list lags behind. Poll one of the missing tasks, then read the list again: by then the list may
            # contain the others.
            self._tracking(self._in_turn(missing)[0]).wants_poll = True

    def _on_listed(self, job: Job, task: DayTask, *, few: bool) -> None:
        delivery, tracking = job.current_delivery, self._tracking(job)
        if (changes := changes_from_list(job, delivery, task)) is None:
            if task.state is TaskState.SUCCESS and not job.is_final:
                tracking.wants_poll = True
            return
        # Poll the task: the list has no page counts, and does not show how much of a failed or canceled job was sent.
        is_printed = changes.get("state") is JobState.COMPLETED
        better = (
            changes.get("state") is JobState.FAILED
            or task.state is TaskState.REVOKED
            or (is_printed and (delivery.task_from_list or (job.pages is None and few)))
        )
        if better and tracking.failed_polls < DETAIL_POLLS:
            self.poll_soon(job)
            return
        self._jobs.change(job, delivery, **changes)

    def _give_up(self) -> None:
        """End the jobs about which nothing more will become known."""
        now, clock = dt_util.utcnow(), monotonic()
        without = self._without_list
        for job in self.tracked():
            delivery, reason = job.current_delivery, None
            age, tracking = self._age(delivery), self._trackings[delivery.token]
            if delivery.is_in_doubt:
                if is_doubt_over(
                    age=age,
                    up=timedelta(seconds=clock - self._started),
                    is_searched=delivery.token in self._searched,
                    is_undecided=delivery.token in self._undecided,
                    without_list=None if without is None else timedelta(seconds=clock - without),
                ):
                    # A delivery with a reason did get an answer from the service, though an unclear one.
                    reason = "no_answer" if delivery.reason is None else "unclear_answer"
                    if delivery.token in self._ambiguous:
                        reason = "several_unanswered"
            elif delivery.task_id and age >= GIVE_UP_TIME:
                if tracking.expired_since is None and now >= job.expires_at:
                    tracking.expired_since = clock
                since = clock if tracking.expired_since is None else tracking.expired_since
                expired_for = timedelta(seconds=clock - since)
                if has_no_outcome(job, now, age=age, expired_for=expired_for):
                    reason = "no_outcome"
            if reason is not None:
                self._jobs.change(job, delivery, state=JobState.UNCONFIRMED, reason=reason)

    def _match(self, tasks: tuple[DayTask, ...], asked_at: float) -> None:
        """Assign a task to each delivery in doubt whose task the list proves, and record foreign tasks.

        `asked_at`: when the list was requested, by the monotonic clock.
        """
        self._without_list = None
        since = timedelta(seconds=monotonic() - asked_at)
        others = self._jobs.tasks
        all_of_ours = [(job, one) for job in self._jobs.latest.values() for one in job.deliveries]
        # This includes deliveries that a user has settled meanwhile.
        doubtful = [(job, one) for job, one in all_of_ours if one.may_have_unknown_task]
        ages = {one.token: self._age(one) - since for _, one in doubtful}
        matches = match_tasks(
            tasks,
            ages=ages,
            own=[one for _, one in all_of_ours if one.task_id],
            known_ids=self._jobs.own_task_ids,
            doubtful=[one for _, one in doubtful],
            lost_previews=others.lost_preview_uploads,
            foreign_seen_at=self._storage.foreign_seen_at,
        )
        if others.pending:
            # One of the tasks may belong to a preview that has not been answered yet.
            return
        if matches.foreign:
            self._storage.record_foreign_task()
        self._undecided, self._ambiguous = matches.undecided, matches.ambiguous
        for job, one in doubtful:
            # Skip a delivery whose task the list may not contain yet. Ages are measured by the monotonic clock, so
            # setting the wall clock forward has no effect.
            if ages[one.token] < search_after(one):
                continue
            self._searched.add(one.token)
            changes: dict[str, Any]
            if (task := matches.tasks.get(one.token)) is not None:
                changes = {} if one.is_final else {"state": JobState.QUEUED}
            elif (task := matches.alike.get(one.token)) is not None:
                # Use the end of this task, although the task may belong to another job of the group: all their tasks
                # ended alike.
                changes = changes_from_list(job, one, task) or {}
            if task is None or self._uploader.is_uploading(one):
                continue
            self._jobs.change(
                job,
                one,
                task_id=task.task_id,
                task_known_at=dt_util.utcnow(),
                # An end that a user confirmed does not depend on the list.
                task_from_list=not one.is_final or one.state is JobState.UNCONFIRMED,
                **changes,
            )

    async def async_on_callback(self, token: str | None, report: Callback) -> bool:
        """Apply a callback; return True once it is on disk, False if it belongs to no job or preview of this box.

        A job's own token proves its task even if the upload was never answered. Without the token a callback is only a
        hint to poll. Raises LedgerRefusedError if the disk refuses; the caller must then ask the cloud to repeat the
        callback.
        """
        if token in self.previews:
            # A callback of a preview is only a hint to poll its task.
            if report.state in (TaskState.SUCCESS, TaskState.FAILURE):
                self.previews[token].set()
            return True
        found = self._jobs.by_token(token) if token else None
        if found is not None and found[0].state is not JobState.UPLOADING:
            # Wait for decisions that are being written: the disk may still refuse them, and until then they would hide
            # what the callback reports.
            await self._jobs.async_decided(found[0].job_id)
        if (job := self._on_report(token, report)) is None:
            # Anybody who has seen the task's id can send such a callback, so ask the cloud.
            self._on_hint(report.task_id)
            return False
        is_printed = job.current_delivery.proven_at is not None or job.state is JobState.COMPLETED
        if (is_printed and job.pages_printed is None) or (
            report.state is TaskState.REVOKED
            and job.state in (JobState.CANCELING, JobState.UNCONFIRMED)
        ):
            self.poll_soon(job)
            self._jobs.on_change()
        await self._jobs.async_written()
        return True

    def _on_hint(self, task_id: str) -> None:
        """Poll a task soon, unless it is not followed, is already waiting for a poll, or was polled just now."""
        found = self._jobs.by_task(task_id)
        if found is None or found[1] is not found[0].current_delivery:
            return
        job, tracking = found[0], self._trackings[found[1].token]
        spacing = HINT_SPACING.total_seconds()
        was_polled = tracking.polled_at is not None and monotonic() - tracking.polled_at < spacing
        if self._is_followed(job, dt_util.utcnow()) and not (tracking.wants_poll or was_polled):
            self.poll_soon(job)
            self._jobs.on_change()

    def _on_report(self, token: str | None, report: Callback) -> Job | None:
        """Apply a callback to the delivery with its token and return the job; None if the callback proves nothing.

        A repeated callback changes nothing.
        """
        found = self._jobs.by_token(token) if token else None
        if found is None:
            return None
        job, delivery = found
        # The service's message may contain our secrets.
        result = self._client.without_secrets(report.result)
        now = dt_util.utcnow()
        changes = changes_from_callback(job, delivery, report.task_id, report.state, result, now)
        if changes is None:
            return None
        is_other = changes.get("task_id", delivery.task_id) != delivery.task_id
        if (
            is_other
            and delivery is job.current_delivery
            and not self._release(report.task_id, delivery)
        ):
            return None
        return self._jobs.change(job, delivery, **changes) if changes else job

    def _release(self, task_id: str, wanted_by: Delivery) -> bool:
        """Take a task from the delivery with which only the list matched it, so that `wanted_by` can have the task.

        Returns False if the task certainly belongs to another delivery; the caller must then ignore the callback.
        """
        if (found := self._jobs.by_task(task_id)) is None:
            return task_id not in self._jobs.own_task_ids
        job, other = found
        if not other.task_from_list or other is not job.current_delivery:
            return False
        if wanted_by.task_id is not None and wanted_by.state is other.state:
            # The list matched both deliveries as a group, so they can swap their tasks.
            self._jobs.change(job, other, task_id=wanted_by.task_id)
        else:
            self._jobs.change(job, other, **changes_without_task(other))
        return True
