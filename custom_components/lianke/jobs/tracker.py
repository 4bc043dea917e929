"""What the cloud says of the jobs of one box, whether it is polled or calls back, until each is settled.

*Polling*: at most one request in ten seconds: the task itself while one job is open, the list of tasks while
several are, or while one is in doubt. Where the list cannot be read, or does not have a job, the tasks are polled
one after the other. All waits run by the monotonic clock.

*Callbacks*: one with a job's own token proves everything it says, without it nothing. The token outranks the
list of tasks, and an answer that refused the upload: where one of them led to another task or outcome, the job
is corrected, although that revises what was published. The list is believed so late, and so seldom, that it
should never come to this.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
import logging
from time import monotonic
from typing import Any

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from ..api.errors import LiankeConnectionError, LiankeError
from ..api.tasks import Callback, DayTask, Task, TaskResult, TaskState
from ..fair_queue import FairQueue
from .box_jobs import JobWorker, QueueBox
from .job import Delivery, Job, JobState, is_valid_transition
from .outcome import (
    DOUBT_TIME,
    GIVE_UP,
    PRINTED_CODE,
    SPACING,
    WATCHDOG,
    changes_for,
    failure,
    has_no_outcome,
    has_other_pages,
    is_doubt_over,
    is_followed,
    poll_pause,
)
from .task_matching import LIST_LAG, match_tasks, search_after

_LOGGER = logging.getLogger(__name__)

FIRST_POLL = timedelta(seconds=5)
# Other tasks polled before the list is read again, while jobs are in doubt.
TURNS = 3
# Hints cause no more polls of a task than one in this time.
HINT_SPACING = timedelta(seconds=60)
# When the list has a job's outcome, its own answer is tried so many times for the details.
TRIES = 2
# A success without a result counts as a failure after this time.
RESULT_WAIT = timedelta(minutes=2)
# Stands for a time that a record does not say.
_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
# With so few jobs open, their own answers (which have the pages) are worth a request.
FEW = 3
# s: as long as the tracker may wait for its turn, and for an answer.
PAGES_SECONDS = 15
# At a time for one box.
MAX_PREVIEWS = 2


@dataclass(slots=True)
class _Tracking:
    """What is remembered of one delivery; times are seconds of the monotonic clock."""

    next_poll: float | None = None
    polled_at: float | None = None
    # Whether its own task is to be polled before the list is read again.
    wants_poll: bool = False
    failed_polls: int = 0
    no_result_since: float | None = None
    # Since when only the pages of a job that was proven to be printed are missing.
    proven_since: float | None = None
    # Since when it waits to be taken back.
    expired_since: float | None = None
    # When it was sent, or its task became known: by the wall clock, and by the monotonic one.
    since: tuple[datetime, float] | None = None


class TaskTracker(JobWorker):
    """Tracks the open jobs of one box."""

    def __init__(self, box: QueueBox, is_uploading: Callable[[Delivery], bool]) -> None:
        """`is_uploading` says whether an answer to an upload may still come."""
        super().__init__(box)
        self._is_uploading = is_uploading
        self._started = monotonic()
        # When the last request was made, previews' included, which share the spacing.
        self.last_request: float | None = None
        # By the tokens of deliveries.
        self._trackings: defaultdict[str, _Tracking] = defaultdict(_Tracking)
        # Previews, which a room above asks for, by their tokens: set when a callback tells of an end, or at ours.
        self.previews: dict[str, asyncio.Event] = {}
        self.preview_places = FairQueue(MAX_PREVIEWS)
        self.is_stopped = False
        # Since when the service answers without giving a list.
        self._without_list: float | None = None
        # Deliveries for which the list has been read late enough, by their tokens.
        self._searched: set[str] = set()
        # See `Matches`.
        self._undecided: frozenset[str] = frozenset()
        self._ambiguous: frozenset[str] = frozenset()

    def tracked(self) -> list[Job]:
        now = dt_util.utcnow()
        jobs = [
            job
            for job in self._jobs.unsettled
            if is_followed(job, now, is_uploading=self._is_uploading(job.present))
        ]
        # Completed ones of which only the pages are missing.
        wanted = [token for token, tracking in self._trackings.items() if tracking.wants_poll]
        asked = [found for token in wanted if (found := self._jobs.by_token(token))]
        return jobs + [job for job, _ in asked if job.state is JobState.COMPLETED]

    def next_due(self, now: datetime) -> datetime | None:
        """Return when the next request is due, None with nothing to track."""
        jobs = self.tracked()
        tokens = {job.present.token for job in jobs}
        for gone in self._trackings.keys() - tokens:
            del self._trackings[gone]
        self._searched &= tokens
        if not jobs:
            return None
        due = min(self._due(job) for job in jobs) - monotonic()
        return now + timedelta(seconds=max(due, self.until_slot()))

    def until_slot(self) -> float:
        """Return the seconds until the next request may be made."""
        if self.last_request is None:
            return 0.0
        return max(0.0, self.last_request + SPACING.total_seconds() - monotonic())

    def take_slot(self) -> float:
        """Take the turn for a request, of a preview, too; return the seconds until there is one, 0 once it is taken."""
        if (wait := self.until_slot()) == 0:
            self.last_request = monotonic()
        return wait

    @callback
    def stop_previews(self) -> None:
        self.is_stopped = True
        for reported in self.previews.values():
            reported.set()

    def poll_soon(self, job: Job) -> None:
        """Poll this job's own task as soon as the spacing allows."""
        tracking = self._trackings[job.present.token]
        tracking.wants_poll = True
        tracking.next_poll = monotonic()

    @callback
    def hint(self, job: Job) -> bool:
        """Poll a job's own task because of an unproven callback; return whether it will be polled."""
        tracking = self._trackings[job.present.token]
        spacing = HINT_SPACING.total_seconds()
        was_polled = tracking.polled_at is not None and monotonic() - tracking.polled_at < spacing
        uploads = self._is_uploading(job.present)
        is_tracked = is_followed(job, dt_util.utcnow(), is_uploading=uploads)
        if not is_tracked or tracking.wants_poll or was_polled:
            return False
        self.poll_soon(job)
        return True

    async def async_poll(self) -> None:
        """Make the one request that is due, and apply what it proves."""
        now = self.last_request = monotonic()
        jobs = self.tracked()
        single = self._single(jobs)
        for job in [single] if single else jobs:
            proven = self._storage.callbacks_proven_for(self._account.fingerprint)
            pause = poll_pause(job, self._age(job.present), are_callbacks_proven=proven)
            self._trackings[job.present.token].next_poll = now + pause.total_seconds()
        try:
            if single is not None:
                tracking = self._trackings[single.present.token]
                tracking.wants_poll = False
                tracking.polled_at = monotonic()
                await self._async_poll_task(single)
            elif jobs:
                await self._async_read_list()
        except LiankeError as err:
            # An error says nothing about the jobs.
            _LOGGER.debug("Polling print jobs failed: %s", err)
            if single is not None:
                tracking = self._trackings[single.present.token]
                tracking.failed_polls += 1
                if single.state is JobState.COMPLETED and tracking.failed_polls < TRIES:
                    # Only its pages are missing: nothing else would have them asked for again.
                    self.poll_soon(single)
            else:
                if isinstance(err, LiankeConnectionError):
                    # The service did not answer.
                    self._without_list = None
                elif self._without_list is None:
                    self._without_list = monotonic()
                # Without the list the tasks are polled, some before it is tried again for a doubt.
                in_doubt = any(job.present.is_unsure for job in jobs)
                self._poll_in_turn(jobs, TURNS if in_doubt else len(jobs))
        self._give_up()

    def _poll_in_turn(self, jobs: list[Job], number: int) -> None:
        """Poll some jobs' own tasks, those first that have waited longest for it."""
        known = [job for job in jobs if job.present.task_id]
        for job in sorted(known, key=self._last_poll)[:number]:
            self.poll_soon(job)

    def _last_poll(self, job: Job) -> float:
        polled_at = self._trackings[job.present.token].polled_at
        return self._started if polled_at is None else polled_at

    def _age(self, delivery: Delivery) -> timedelta:
        """Return how long ago a delivery was sent, or its task became known.

        The wall clock is read once; setting it afterwards changes nothing.
        """
        tracking = self._trackings[delivery.token]
        sent_at = delivery.task_known_at or delivery.handed_over_at or _LONG_AGO
        if tracking.since is None or tracking.since[0] != sent_at:
            passed = max(0.0, (dt_util.utcnow() - sent_at).total_seconds())
            tracking.since = (sent_at, monotonic() - passed)
        return timedelta(seconds=monotonic() - tracking.since[1])

    def _due(self, job: Job) -> float:
        tracking = self._trackings[job.present.token]
        if tracking.next_poll is None:
            since = monotonic() - self._age(job.present).total_seconds()
            # A callback that came before the start will not come again.
            missed = since < self._started
            proven = self._storage.callbacks_proven_for(self._account.fingerprint)
            pause = WATCHDOG if proven and not missed else FIRST_POLL
            tracking.next_poll = max(since, self._started) + pause.total_seconds()
        return tracking.next_poll

    def _single(self, jobs: list[Job]) -> Job | None:
        """Return the job whose own task to poll, None to read the list."""
        for job in jobs:
            if job.present.task_id and self._trackings[job.present.token].wants_poll:
                return job
        if len(jobs) == 1 and jobs[0].present.task_id:
            # A task that cannot be polled may still be on the list.
            return jobs[0] if self._trackings[jobs[0].present.token].failed_polls < TRIES else None
        return None

    async def async_poll_before_cancel(self, job: Job) -> None:
        """Poll a job's task and apply the answer, if there is one."""
        try:
            await self._async_poll_task(job)
        except LiankeError as err:
            _LOGGER.debug("Print job %s is canceled in an unknown state: %s", job.job_id, err)

    async def _async_poll_task(self, job: Job) -> None:
        """Poll the task of a job's present delivery and apply the answer. Raises LiankeError."""
        delivery = job.present
        if delivery.task_id is None:
            return
        task = await self._client.task(self._address_of(job), delivery.task_id)
        tracking = self._trackings[delivery.token]
        if task.state is TaskState.UNKNOWN and self._age(delivery) > DOUBT_TIME:
            # The service may have forgotten what its list still has.
            tracking.failed_polls += 1
        else:
            tracking.failed_polls = 0
        found = self._jobs.by_token(delivery.token)
        # Meanwhile its own callback may have named another task.
        if found is not None and found[1].task_id == delivery.task_id:
            self._apply_task(*found, task)

    def _apply_task(self, job: Job, delivery: Delivery, task: Task) -> None:
        if job.state is JobState.COMPLETED:
            # Only the pages were missing.
            doubtful = replace(delivery, state=JobState.UNCONFIRMED)
            found = changes_for(job, doubtful, task.state, task.result) or {}
            if found.get("pages_printed") and job.pages_printed is None:
                pages = {name: found[name] for name in ("pages", "pages_printed") if name in found}
                self._jobs.change(job, **pages)
            return
        if delivery.proven_at is not None:
            self._end_proven(job, delivery, task)
            return
        if delivery.task_from_list and has_other_pages(delivery, task.result):
            # Another sender's task after all.
            self._storage.record_foreign_task()
            self._jobs.change(
                job,
                delivery,
                state=JobState.UNCONFIRMED,
                reason="no_answer",
                task_id=None,
                task_known_at=None,
                task_from_list=False,
            )
        elif changes := changes_for(job, delivery, task.state, task.result):
            self._jobs.change(job, delivery, **changes)
        elif task.state is TaskState.SUCCESS and not delivery.is_final:
            self._note_missing_result(job)

    def end_proven(self, now: datetime, *, at_once: bool = False) -> datetime | None:
        """Complete printed jobs whose pages did not become known in time; return when the next one is due."""
        dues = []
        for job in self.tracked():
            if job.present.proven_at is None or job.state is JobState.COMPLETED:
                # Of one that is completed the pages alone are still asked for.
                continue
            tracking = self._trackings[job.present.token]
            if tracking.proven_since is None:
                tracking.proven_since = monotonic()
            left = tracking.proven_since + PAGES_SECONDS - monotonic()
            if left > 0 and not at_once:
                dues.append(now + timedelta(seconds=left))
            else:
                self._end_proven(job, job.present)
        return min(dues, default=None)

    def _end_proven(self, job: Job, delivery: Delivery, task: Task | None = None) -> None:
        """Complete a job that was proven to be printed, with the pages that its task names, if it does."""
        found = None if task is None else changes_for(job, delivery, task.state, task.result)
        if found is None or found["state"] is not JobState.COMPLETED:
            found = changes_for(job, delivery, TaskState.SUCCESS, TaskResult(code=PRINTED_CODE))
        self._jobs.change(job, delivery, **found or {})

    def _note_missing_result(self, job: Job) -> None:
        """Count a success that never gets a result as a failure (lianke-api, "Job states")."""
        now, tracking = monotonic(), self._trackings[job.present.token]
        if tracking.no_result_since is None:
            tracking.no_result_since = now
        waited = timedelta(seconds=now - tracking.no_result_since)
        if waited >= RESULT_WAIT:
            changes = failure(None) | {"reason": "no_result"}
            self._jobs.change(job, job.present, state=JobState.FAILED, **changes)
        else:
            tracking.next_poll = now + SPACING.total_seconds()

    async def _async_read_list(self) -> None:
        asked_at = monotonic()
        tasks = await self._client.day_tasks()
        await self._jobs.async_read_rest()
        self._match(tasks, asked_at)
        listed = {task.task_id: task for task in tasks}
        jobs = [job for job in self.tracked() if job.present.task_id]
        missing = []
        for job in jobs:
            if (task := listed.get(job.present.task_id or "")) is None:
                missing.append(job)
            else:
                self._apply_listed(job, task, few=len(jobs) <= FEW)
        overdue = [job for job in missing if self._age(job.present) > LIST_LAG]
        if overdue:
            self._poll_in_turn(overdue, TURNS)
        elif missing and not any(tracking.wants_poll for tracking in self._trackings.values()):
            # The list lags. One is polled, in turn, then the list is read again: by then it may
            # have the others.
            self._trackings[min(missing, key=self._last_poll).present.token].wants_poll = True

    def _apply_listed(self, job: Job, task: DayTask, *, few: bool) -> None:
        result = TaskResult(code=task.code, message=task.message) if task.code is not None else None
        delivery = job.present
        changes = changes_for(job, delivery, task.state, result)
        tracking = self._trackings[job.present.token]
        if changes is None:
            if task.state is TaskState.SUCCESS and not job.is_final:
                tracking.wants_poll = True
            return
        state = changes.get("state")
        # The list has neither pages nor what was sent of a failed or canceled job.
        better = (
            state is JobState.FAILED
            or task.state is TaskState.REVOKED
            or (
                state is JobState.COMPLETED
                and (delivery.task_from_list or (job.pages is None and few))
            )
        )
        if better and tracking.failed_polls < TRIES:
            self.poll_soon(job)
            return
        self._jobs.change(job, delivery, **changes)

    def _give_up(self) -> None:
        now = dt_util.utcnow()
        for job in self.tracked():
            delivery, reason = job.present, None
            age = self._age(delivery)
            if delivery.is_unsure:
                reason = self._unconfirmed_reason(delivery, age)
            elif delivery.task_id:
                expired_for = self._expired_for(job) if age >= GIVE_UP else timedelta(0)
                if has_no_outcome(job, now, age=age, expired_for=expired_for):
                    reason = "no_outcome"
            if reason is not None:
                self._jobs.change(job, delivery, state=JobState.UNCONFIRMED, reason=reason)

    def _expired_for(self, job: Job) -> timedelta:
        """Return how long ago we saw that a job had expired."""
        tracking = self._trackings[job.present.token]
        if dt_util.utcnow() < job.expires_at:
            return timedelta(0)
        if tracking.expired_since is None:
            tracking.expired_since = monotonic()
        return timedelta(seconds=monotonic() - tracking.expired_since)

    def _match(self, tasks: tuple[DayTask, ...], asked_at: float) -> None:
        """Give deliveries in doubt their tasks if the list proves them, and note foreign tasks.

        `asked_at` is when the list was asked for, by the monotonic clock.
        """
        self._without_list = None
        since = timedelta(seconds=monotonic() - asked_at)
        others = self._jobs.tasks
        all_of_ours = [(job, one) for job in self._jobs.latest.values() for one in job.deliveries]
        # Also those that a user has settled since.
        doubtful = [(job, one) for job, one in all_of_ours if one.may_have_unknown_task]
        ages = {one.token: self._age(one) - since for _, one in doubtful}
        matches = match_tasks(
            tasks,
            ages=ages,
            own=[one for _, one in all_of_ours if one.task_id],
            known_ids=self._jobs.own_task_ids,
            doubtful=[one for _, one in doubtful],
            lost=others.lost,
            foreign_seen_at=self._storage.foreign_seen_at,
        )
        if others.pending:
            # One of the tasks may be that of a preview whose answer is still to come.
            return
        if matches.foreign:
            self._storage.record_foreign_task()
        self._undecided, self._ambiguous = matches.undecided, matches.ambiguous
        for job, one in doubtful:
            # By the monotonic clock: one that was set forward makes nothing late.
            if ages[one.token] < search_after(one):
                continue
            self._searched.add(one.token)
            if self._is_uploading(one):
                continue
            if task := matches.tasks.get(one.token):
                changes: dict[str, Any] = {} if one.is_final else {"state": JobState.QUEUED}
                self._assign(job, one, task, changes)
            elif task := matches.alike.get(one.token):
                # It ended as this task did, though that may be another's.
                result = TaskResult(code=task.code, message=task.message)
                self._assign(job, one, task, changes_for(job, one, task.state, result) or {})

    def _assign(self, job: Job, delivery: Delivery, task: DayTask, changes: dict[str, Any]) -> None:
        self._jobs.change(
            job,
            delivery,
            task_id=task.task_id,
            task_known_at=dt_util.utcnow(),
            # What a user settled does not depend on the list.
            task_from_list=not delivery.is_final or delivery.state is JobState.UNCONFIRMED,
            **changes,
        )

    def _unconfirmed_reason(self, delivery: Delivery, age: timedelta) -> str | None:
        """Return the reason with which a delivery in doubt ends as unconfirmed now, None if it does not."""
        since = self._without_list
        if not is_doubt_over(
            age=age,
            up=timedelta(seconds=monotonic() - self._started),
            is_searched=delivery.token in self._searched,
            is_undecided=delivery.token in self._undecided,
            without_list=None if since is None else timedelta(seconds=monotonic() - since),
        ):
            return None
        if delivery.token in self._ambiguous:
            return "several_unanswered"
        # One that the service did answer has a reason by then.
        return "no_answer" if delivery.reason is None else "unclear_answer"

    async def async_on_callback(self, token: str | None, report: Callback) -> bool:
        """Apply a callback and write it to disk; return whether it belongs to a job or a preview of this box.

        A job's own token proves the job even when its upload was never answered. Without it a callback
        is only a hint to poll. Raises LedgerRefusedError when the disk refuses: the cloud must repeat it.
        """
        if token in self.previews:
            # A hint to poll.
            if report.state in (TaskState.SUCCESS, TaskState.FAILURE):
                self.previews[token].set()
            return True
        found = self._jobs.by_token(token) if token else None
        if found is not None and found[0].state is not JobState.UPLOADING:
            # What is decided, and refused, would hide what is reported meanwhile.
            await self._jobs.async_decided(found[0].job_id)
        job = self._apply_report(token, report, self._client.clean(report.result))
        if job is None:
            # Anyone who has seen a task's id can send this: the cloud is asked instead.
            named = self._jobs.by_task(report.task_id)
            if named and named[1] is named[0].present and self.hint(named[0]):
                self._jobs.on_change()
            return False
        is_printed = job.present.proven_at is not None or job.state is JobState.COMPLETED
        if (is_printed and job.pages_printed is None) or (
            report.state is TaskState.REVOKED
            and job.state in (JobState.CANCELING, JobState.UNCONFIRMED)
        ):
            self.poll_soon(job)
            self._jobs.on_change()
        await self._jobs.async_written()
        return True

    def _apply_report(
        self, token: str | None, report: Callback, result: TaskResult | None
    ) -> Job | None:
        """Apply a callback to the delivery that its token belongs to; return its job, None without one.

        `result` is the report's own with our secrets removed. Repeated callbacks change nothing.
        """
        found = self._jobs.by_token(token) if token else None
        if found is None:
            return None
        job, delivery = found
        refused = not delivery.was_sent
        if refused and not delivery.was_refused:
            # It was never sent.
            return None
        if delivery is not job.present:
            return self._correct_list(job, delivery, report, result)
        changes: dict[str, Any] = {}
        moved = delivery.task_id != report.task_id
        if moved:
            if delivery.task_id is not None and not delivery.task_from_list:
                # The answer to the upload named another task.
                return None
            if not self._release_task(report.task_id, delivery):
                return None
            changes = {"task_id": report.task_id, "task_known_at": dt_util.utcnow()}
        before = delivery
        if delivery.task_from_list or refused:
            changes["task_from_list"] = False
            if delivery.is_final:
                # What rests on the list alone, or on a refusal, may be corrected.
                before = replace(delivery, state=JobState.UNCONFIRMED)
                if moved:
                    changes |= {"state": JobState.UNCONFIRMED, "reason": "no_outcome"}
            elif refused:
                changes["state"] = JobState.QUEUED
        state = report.state
        if state is TaskState.REVOKED and (result is None or result.send_total is None):
            # The task itself may say it.
            state = TaskState.SET_REVOKE
        ended = changes_for(job, before, state, result) or {}
        is_printed = ended.get("state") is JobState.COMPLETED
        if is_printed and delivery.is_final and delivery.state is not JobState.UNCONFIRMED:
            # An end is told already, and is corrected at once. The pages may be known.
            ended["pages_printed"] = ended["pages_printed"] or job.pages_printed
        elif is_printed and ended["pages_printed"] is None and delivery is job.deliveries[-1]:
            # On disk at once; its end is told together with its pages, if these become known soon.
            ended = {} if delivery.proven_at else {"proven_at": dt_util.utcnow()}
            if is_valid_transition(before.state, JobState.SENDING):
                ended["state"] = JobState.SENDING
        elif delivery.proven_at is not None and not is_printed:
            return job
        changes |= ended
        return self._jobs.change(job, delivery, **changes) if changes else job

    def _correct_list(
        self,
        job: Job,
        delivery: Delivery,
        report: Callback,
        result: TaskResult | None,
    ) -> Job:
        """Apply a callback about a delivery after which the next one waits or was begun; return the job.

        Its token outranks the list of tasks: an end that the list alone had shown can be corrected while the
        next one was not begun.
        """
        if not delivery.task_from_list or job.state is not JobState.HELD:
            return job
        doubtful = replace(delivery, state=JobState.UNCONFIRMED)
        if (changes := changes_for(job, doubtful, report.state, result)) is None:
            return job
        changes = {name: value for name, value in changes.items() if name != "pages_printed"}
        return self._jobs.change(
            job, delivery, **changes, task_id=report.task_id, task_from_list=False
        )

    def _release_task(self, task_id: str, wanted_by: Delivery) -> bool:
        """Take a task from a delivery that only the list matched it to; return False if it belongs to another."""
        found = self._jobs.by_task(task_id)
        if found is None:
            return task_id not in self._jobs.own_task_ids
        job, other = found
        if not other.task_from_list or other is not job.present:
            return False
        if wanted_by.task_id is not None and wanted_by.state is other.state:
            # Of those that were matched as a group, each had the other's task.
            self._jobs.change(job, other, task_id=wanted_by.task_id)
            return True
        changes: dict[str, Any] = {"task_id": None, "task_known_at": None, "task_from_list": False}
        if other.is_final:
            changes |= {"state": JobState.UNCONFIRMED, "reason": "no_answer"}
        else:
            changes["state"] = JobState.UPLOADING
        self._jobs.change(job, other, **changes)
        return True
