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
from .job import Delivery, Job, JobState
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
            named = self._registry.by_task(report.task_id)
            if named and named[1] is named[0].present and self._tracker.hint(named[0]):
                self._review_soon()
            return False
        if job.state is JobState.COMPLETED and job.pages_printed is None:
            self._registry.withhold_end(job.job_id)
        if (job.state is JobState.COMPLETED and job.pages_printed is None) or (
            report.state is TaskState.REVOKED
            and job.state in (JobState.CANCELING, JobState.UNCONFIRMED)
        ):
            self._tracker.poll_soon(job)
            self._review_soon()
        await self._registry.writer.async_persist(job.job_id)
        return True


@callback
def _apply_report(
    registry: JobRegistry, token: str | None, report: Callback, result: TaskResult | None
) -> Job | None:
    """Apply a callback to the delivery that its token belongs to; return its job, None without one.

    `result` is the report's own with our secrets removed. Repeated callbacks change nothing.
    """
    found = registry.by_token(token) if token else None
    if found is None:
        return None
    job, delivery = found
    refused = not delivery.was_sent
    if refused and not delivery.was_refused:
        # It was never sent.
        return None
    if delivery is not job.present:
        return _correct_list(registry, job, delivery, report, result)
    changes: dict[str, Any] = {}
    moved = delivery.task_id != report.task_id
    if moved:
        if delivery.task_id is not None and not delivery.task_from_list:
            # The answer to the upload named another task.
            return None
        if not _release_task(registry, report.task_id, delivery):
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
    if state is TaskState.REVOKED and not says_what_was_sent(result):
        # The task itself may say it.
        state = TaskState.SET_REVOKE
    changes |= changes_for(job, before, state, result) or {}
    return registry.change(job, delivery, **changes) if changes else job


@callback
def _correct_list(
    registry: JobRegistry,
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
    return registry.change(job, delivery, **changes, task_id=report.task_id, task_from_list=False)


@callback
def _release_task(registry: JobRegistry, task_id: str, wanted_by: Delivery) -> bool:
    """Take a task from a delivery that only the list matched it to; return False if it belongs to another."""
    found = registry.by_task(task_id)
    if found is None:
        return registry.is_free(task_id)
    job, other = found
    if not other.task_from_list or other is not job.present:
        return False
    if wanted_by.task_id is not None and wanted_by.state is other.state:
        # Of those that were matched as a group, each had the other's task.
        registry.change(job, other, task_id=wanted_by.task_id)
        return True
    changes: dict[str, Any] = {"task_id": None, "task_known_at": None, "task_from_list": False}
    if other.is_final:
        changes |= {"state": JobState.UNCONFIRMED, "reason": "no_answer"}
    else:
        changes["state"] = JobState.UPLOADING
    registry.change(job, other, **changes)
    return True
