"""Attributes that describe a job, and its state in the terms of the protocol."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from ...box.status import HoldReason
from ...ipp import model as values
from ...ipp.model import Attributes, Value
from ...jobs.job import MOVED, Job, JobState
from ...jobs.readiness import QueueReason
from ...jobs.spec import PersonReason
from .lan_jobs import PendingJob, job_number
from .printer_attributes import up_time

PENDING, PROCESSING, STOPPED, CANCELED, ABORTED, COMPLETED = 3, 5, 6, 7, 8, 9
"""job-state. No job is `pending-held`: CUPS takes that for the end of its own, and could cancel it no more."""

BASIC: Final = ("job-id", "job-uri")
"""what Get-Jobs answers with when the client does not say."""
STATE: Final = ("job-id", "job-uri", "job-state", "job-state-reasons", "job-state-message")
"""what the answer to a new job has."""

_STATES: Final[dict[JobState, tuple[int, str]]] = {
    JobState.UPLOADING: (PROCESSING, "job-spooling"),
    JobState.QUEUED: (PROCESSING, "job-queued"),
    JobState.PROCESSING: (PROCESSING, "job-transforming"),
    JobState.SENDING: (PROCESSING, "job-printing"),
    JobState.CANCELING: (PROCESSING, "processing-to-stop-point"),
    JobState.COMPLETED: (COMPLETED, "job-completed-successfully"),
    # It may have been printed, and nobody can tell: no success, and no reason to send it again.
    JobState.UNCONFIRMED: (COMPLETED, "job-completed-with-warnings"),
    JobState.FAILED: (ABORTED, "aborted-by-system"),
    JobState.EXPIRED: (ABORTED, "aborted-by-system"),
    JobState.CANCELED: (CANCELED, "job-canceled-by-user"),
}
_PRINTER_STOPPED: Final = (PENDING, "printer-stopped")
_HELD: Final[dict[str | None, tuple[int, str]]] = {
    None: (PENDING, "none"),
    **dict.fromkeys(HoldReason, _PRINTER_STOPPED),
    QueueReason.GETTING_READY: _PRINTER_STOPPED,
    QueueReason.QUIET_HOURS: (PENDING, "job-hold-until-specified"),
    PersonReason.APPROVAL: (PENDING, "job-held-for-authorization"),
    PersonReason.RELEASE: (PENDING, "job-release-wait"),
    # Its first half is printed.
    PersonReason.TURN_PAPER: (STOPPED, "job-suspended"),
}
# The service, this machine's disk, or a choice that is not the printer's.
_HELD_OTHERWISE: Final = (PENDING, "resources-are-not-ready")


class Described(NamedTuple):
    """A job's state and its reason."""

    state: int
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class JobContext:
    """What descriptions of all jobs share: the printer's URI and name, and since when it is offered."""

    printer_uri: str
    printer_name: str
    started_at: datetime


def state_of(job: Job | PendingJob) -> Described:
    """Return what the protocol calls a job's state."""
    if isinstance(job, PendingJob):
        if job.ended is None:
            return Described(
                PENDING, "job-incoming" if job.is_receiving else "job-data-insufficient"
            )
        canceled = job.ended == "job-canceled-by-user"
        return Described(CANCELED if canceled else ABORTED, job.ended)
    if job.reason == MOVED:
        # Another printer has it, which this one cannot tell any more of.
        return Described(COMPLETED, "queued-in-device")
    if job.state is not JobState.HELD:
        return Described(*_STATES[job.state])
    return Described(*_HELD.get(job.hold_reason, _HELD_OTHERWISE))


def describe_job(
    job: Job | PendingJob, context: JobContext, message: str, wanted: Collection[str] | None = None
) -> Attributes:
    """Return a job's attributes, all of them or only the wanted ones; `message` is its state in words."""
    attributes = _all(job, context, message)
    if wanted is None:
        return attributes
    return {name: value for name, value in attributes.items() if name in wanted}


def _all(job: Job | PendingJob, context: JobContext, message: str) -> Attributes:
    number = job_number(job.job_id)
    state, reason = state_of(job)
    created = up_time(context.started_at, job.created_at)
    ended_at = job.ended_at if isinstance(job, PendingJob) else job.present.ended_at
    is_over = state >= CANCELED
    began = None if isinstance(job, PendingJob) else job.present.handed_over_at
    name = job.sender.name if isinstance(job, PendingJob) else job.spec.sender or ""
    return {
        "job-id": values.integer(number),
        "job-uri": values.uri(f"{context.printer_uri}/jobs/{number}"),
        "job-printer-uri": values.uri(context.printer_uri),
        "job-name": values.name(job.title),
        "job-originating-user-name": values.name(name or "anonymous"),
        "job-state": values.enum(state),
        "job-state-reasons": values.keyword(reason),
        "job-state-message": values.text(message),
        "output-device-assigned": values.name(context.printer_name),
        "time-at-creation": values.integer(created),
        "time-at-processing": _time(context, began),
        "time-at-completed": _time(context, ended_at or job.created_at if is_over else None),
        "date-time-at-creation": values.date_time(job.created_at),
        "date-time-at-processing": values.date_time(began) if began else values.NO_VALUE,
        "date-time-at-completed": (
            values.date_time(ended_at or job.created_at) if is_over else values.NO_VALUE
        ),
        "job-printer-up-time": values.integer(up_time(context.started_at)),
        **({} if isinstance(job, PendingJob) else _size(job)),
    }


def _time(context: JobContext, moment: datetime | None) -> tuple[Value, ...]:
    if moment is None:
        return values.NO_VALUE
    return values.integer(up_time(context.started_at, moment))


def _size(job: Job) -> Attributes:
    printed = 0 if job.pages_printed is None else job.pages_printed
    return {
        "number-of-documents": values.integer(1),
        "copies": values.integer(job.copies),
        "job-k-octets": values.integer(-(-job.present.document.size // 1024)),
        "job-k-octets-processed": values.integer((job.present.sent_bytes or 0) // 1024),
        "job-impressions": values.NO_VALUE if job.pages is None else values.integer(job.pages),
        "job-impressions-completed": values.integer(printed),
    }
