"""The states of a job, and the moves between them."""

from enum import StrEnum


class JobState(StrEnum):
    """The states of a job; those before the final ones only follow each other in this order."""

    HELD = "held"
    UPLOADING = "uploading"
    QUEUED = "queued"
    PROCESSING = "processing"
    SENDING = "sending"
    CANCELING = "canceling"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"
    UNCONFIRMED = "unconfirmed"


FINAL = frozenset(
    {
        JobState.COMPLETED,
        JobState.FAILED,
        JobState.CANCELED,
        JobState.EXPIRED,
        JobState.UNCONFIRMED,
    }
)
# What the user calls "waiting": here, or at the front of the cloud's queue.
WAITING = frozenset({JobState.HELD, JobState.QUEUED})
# The states of a job while the cloud works on its task.
IN_CLOUD = frozenset({JobState.QUEUED, JobState.PROCESSING, JobState.SENDING, JobState.CANCELING})
RETRYABLE = frozenset({JobState.FAILED, JobState.EXPIRED, JobState.UNCONFIRMED})
# Ended as somebody wanted: printing its document again is a job of its own, as often as wanted.
REPRINTABLE = frozenset({JobState.COMPLETED, JobState.CANCELED})
# The reason of a canceled job that another printer has got.
MOVED = "moved"
# Reasons of canceled jobs whose document another job has.
HANDED_ON = frozenset({"replaced", MOVED})

_ORDER = tuple(JobState)


def can_move(old: JobState, new: JobState) -> bool:
    """Return whether a job may go from one state to another.

    States only move forward, with two exceptions: an upload that surely never arrived
    goes back to `held`, and an unconfirmed job becomes final once there is proof.
    """
    if old is JobState.UNCONFIRMED:
        return new in {JobState.COMPLETED, JobState.FAILED, JobState.CANCELED}
    if old in FINAL:
        return False
    if new in FINAL:
        return True
    if (old, new) == (JobState.UPLOADING, JobState.HELD):
        return True
    return _ORDER.index(new) > _ORDER.index(old)
