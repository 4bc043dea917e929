"""What a job callback proves: everything with the job's own secret, nothing without it.

The secret outranks the list of tasks. Where the list has led to another task, or to another
outcome, the job is put right, though that takes a word back: the list is believed so late, and
so seldom, that it should never come to this.
"""

from dataclasses import replace
from typing import Any

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from ..api.tasks import Callback, TaskResult
from .job import Job, JobState
from .outcome import changes_for
from .registry import JobRegistry


@callback
def take_claim(
    registry: JobRegistry, token: str | None, claim: Callback, result: TaskResult | None
) -> Job | None:
    """Apply a callback to the job whose secret it came with; return it, None if there is none.

    `result` is the claim's own, without our secrets. Repeated callbacks change nothing.
    """
    job = registry.by_token(token) if token else None
    if job is None or job.handed_over_at is None:
        return None
    changes: dict[str, Any] = {}
    moved = job.task_id != claim.task_id
    if moved:
        if job.task_id is not None and not job.task_from_list:
            # The answer to its upload has named another.
            return None
        if not _make_free(registry, claim.task_id, job):
            return None
        changes = {"task_id": claim.task_id, "task_known_at": dt_util.utcnow()}
    told = job
    if job.task_from_list:
        changes["task_from_list"] = False
        if job.is_final:
            # What the list has said may be taken back.
            told = replace(job, state=JobState.UNCONFIRMED)
            if moved:
                changes |= {"state": JobState.UNCONFIRMED, "reason": "no_outcome"}
    changes |= changes_for(told, claim.state, result) or {}
    return registry.change(job, **changes) if changes else job


@callback
def _make_free(registry: JobRegistry, task_id: str, wanted_by: Job) -> bool:
    """Take a task away from a job that has it by the list only; return False if it has it for sure."""
    other = registry.by_task(task_id)
    if other is None:
        return registry.is_free(task_id)
    if not other.task_from_list:
        return False
    if wanted_by.task_id is not None and wanted_by.state is other.state:
        # Of tasks that match only as a whole, each had the other's.
        registry.change(other, task_id=wanted_by.task_id)
        return True
    withdrawn: dict[str, Any] = {"task_id": None, "task_known_at": None, "task_from_list": False}
    if other.is_final:
        withdrawn |= {"state": JobState.UNCONFIRMED, "reason": "no_answer"}
    else:
        withdrawn["state"] = JobState.UPLOADING
    registry.change(other, **withdrawn)
    return True
