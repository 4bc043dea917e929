"""Job callbacks of the cloud: which job they belong to, and how they change it.

A callback with a job's own token proves everything it says, without it nothing. The token outranks the
list of tasks, and an answer that refused the upload: where one of them led to another task or outcome, the job
is corrected, although that revises what was published. The list is believed so late, and so seldom, that it
should never come to this.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from ..api.client import LiankeClient
from ..api.tasks import Callback, TaskResult, TaskState
from .halves import is_first_token
from .job import Job, JobState
from .outcome import changes_for, says_what_was_sent
from .preview import Previewer
from .registry import JobRegistry
from .tracker import TaskTracker


class CallbackHandler:
    """Handles the job callbacks of one box."""

    def __init__(
        self,
        client: LiankeClient,
        registry: JobRegistry,
        tracker: TaskTracker,
        previewer: Previewer,
        review_soon: Callable[[], None],
    ) -> None:
        """`client` removes secrets from results; `review_soon` is called when a task is to be polled."""
        self._client = client
        self._registry = registry
        self._tracker = tracker
        self._previewer = previewer
        self._review_soon = review_soon

    async def async_handle(self, token: str | None, report: Callback) -> bool:
        """Apply a callback and write it to disk; return whether it belongs to a job of this box.

        A job's own token proves the job even when its upload was never answered. Without it a callback
        is only a hint to poll. Raises JobStoreError when the disk refuses: the cloud must repeat it.
        """
        if self._previewer.on_callback(token, report):
            return True
        job = _apply_report(self._registry, token, report, self._client.clean(report.result))
        if job is None:
            # Anyone who has seen a task's id can send this: the cloud is asked instead.
            if (named := self._registry.by_task(report.task_id)) and self._tracker.hint(named):
                self._review_soon()
            return False
        if job.state is JobState.COMPLETED and job.pages_printed is None:
            self._registry.withheld.add(job.job_id)
        if (job.state is JobState.COMPLETED and job.pages_printed is None) or (
            report.state is TaskState.REVOKED
            and job.state in (JobState.CANCELING, JobState.UNCONFIRMED)
        ):
            self._tracker.poll_soon(job)
            self._review_soon()
        await self._registry.async_wait_persisted(job.job_id)
        return True


@callback
def _apply_report(
    registry: JobRegistry, token: str | None, report: Callback, result: TaskResult | None
) -> Job | None:
    """Apply a callback to the job that its token belongs to; return that job, None without one.

    `result` is the report's own with our secrets removed. Repeated callbacks change nothing.
    """
    job = registry.by_token(token) if token else None
    if job is None:
        return None
    if token and is_first_token(job, token):
        return _apply_to_first(registry, job, report, result)
    refused = job.handed_over_at is None and job.task_id is None
    if refused and not job.was_refused:
        # It was never sent.
        return None
    changes: dict[str, Any] = {}
    moved = job.task_id != report.task_id
    if moved:
        if job.task_id is not None and not job.task_from_list:
            # The answer to the upload named another task.
            return None
        if not _release_task(registry, report.task_id, job):
            return None
        changes = {"task_id": report.task_id, "task_known_at": dt_util.utcnow()}
    before = job
    if job.task_from_list or refused:
        changes["task_from_list"] = False
        if job.is_final:
            # What rests on the list alone, or on a refusal, may be corrected.
            before = replace(job, state=JobState.UNCONFIRMED)
            if moved:
                changes |= {"state": JobState.UNCONFIRMED, "reason": "no_outcome"}
        elif refused:
            changes["state"] = JobState.QUEUED
    state = report.state
    if state is TaskState.REVOKED and not says_what_was_sent(result):
        # The task itself may say it.
        state = TaskState.SET_REVOKE
    changes |= changes_for(before, state, result) or {}
    return registry.change(job, **changes) if changes else job


@callback
def _apply_to_first(
    registry: JobRegistry, job: Job, report: Callback, result: TaskResult | None
) -> Job:
    """Apply a callback about the first half of a job, which is over; return the job.

    Only an end that the list alone had shown can still be corrected, and only while the second half was
    not begun.
    """
    if job.by_hand is None or not job.by_hand.first_from_list or job.state is not JobState.HELD:
        return job
    # As if the first half was in doubt: its own token outranks the list.
    doubtful = replace(job, state=JobState.UNCONFIRMED, by_hand=replace(job.by_hand, half=1))
    changes = changes_for(doubtful, report.state, result)
    if changes is None:
        return job
    first = replace(job.by_hand, first_task_id=report.task_id, first_from_list=False)
    if changes["state"] is JobState.COMPLETED:
        return registry.change(job, by_hand=first)
    return registry.change(job, **changes, by_hand=replace(first, half=1), waits_for=())


@callback
def _release_task(registry: JobRegistry, task_id: str, wanted_by: Job) -> bool:
    """Take a task from a job that only the list matched it to; return False if it belongs to another."""
    other = registry.by_task(task_id)
    if other is None:
        return registry.is_free(task_id)
    if not other.task_from_list:
        return False
    if wanted_by.task_id is not None and wanted_by.state is other.state:
        # Of jobs that were matched as a group, each had the other's task.
        registry.change(other, task_id=wanted_by.task_id)
        return True
    changes: dict[str, Any] = {"task_id": None, "task_known_at": None, "task_from_list": False}
    if other.is_final:
        changes |= {"state": JobState.UNCONFIRMED, "reason": "no_answer"}
    else:
        changes["state"] = JobState.UPLOADING
    registry.change(other, **changes)
    return True
