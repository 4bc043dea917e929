"""IPP's job-state and job-state-reasons of a job, as devices of the home network read them."""

from typing import Final

from ...box.printer_status import HOLDING
from ...jobs.job import MOVED, Job, JobState, PersonReason
from ...jobs.rules import QueueReason
from .lan_jobs import PendingJob

# Values of `job-state`. We report no job as `pending-held`: CUPS takes that state for the end of its own job, and can
# then no longer cancel the job.
JOB_PENDING, JOB_PROCESSING, JOB_STOPPED, JOB_CANCELED, JOB_ABORTED, JOB_COMPLETED = (
    3,
    5,
    6,
    7,
    8,
    9,
)

_STATES: Final[dict[JobState, tuple[int, str]]] = {
    JobState.UPLOADING: (JOB_PROCESSING, "job-spooling"),
    JobState.QUEUED: (JOB_PROCESSING, "job-queued"),
    JobState.PROCESSING: (JOB_PROCESSING, "job-transforming"),
    JobState.SENDING: (JOB_PROCESSING, "job-printing"),
    JobState.CANCELING: (JOB_PROCESSING, "processing-to-stop-point"),
    JobState.COMPLETED: (JOB_COMPLETED, "job-completed-successfully"),
    # Nobody knows whether the job was printed: report no success, but give devices no reason to send the job again.
    JobState.UNCONFIRMED: (JOB_COMPLETED, "job-completed-with-warnings"),
    JobState.FAILED: (JOB_ABORTED, "aborted-by-system"),
    JobState.EXPIRED: (JOB_ABORTED, "aborted-by-system"),
    JobState.CANCELED: (JOB_CANCELED, "job-canceled-by-user"),
}
_PRINTER_STOPPED: Final = (JOB_PENDING, "printer-stopped")
_HELD: Final[dict[str | None, tuple[int, str]]] = {
    None: (JOB_PENDING, "none"),
    **dict.fromkeys(HOLDING, _PRINTER_STOPPED),
    QueueReason.GETTING_READY: _PRINTER_STOPPED,
    QueueReason.QUIET_HOURS: (JOB_PENDING, "job-hold-until-specified"),
    PersonReason.APPROVAL: (JOB_PENDING, "job-held-for-authorization"),
    PersonReason.RELEASE: (JOB_PENDING, "job-release-wait"),
    # The job's first sides are printed.
    PersonReason.TURN_PAPER: (JOB_STOPPED, "job-suspended"),
}
# The state of a job that waits not for the printer, but for the service, this machine's disk, or somebody's decision.
_HELD_OTHERWISE: Final = (JOB_PENDING, "resources-are-not-ready")


def state_of(job: Job | PendingJob) -> tuple[int, str]:
    """Return IPP's job-state and job-state-reasons."""
    if isinstance(job, PendingJob):
        if job.ended is None:
            return JOB_PENDING, "job-incoming" if job.is_receiving else "job-data-insufficient"
        canceled = job.ended == "job-canceled-by-user"
        return JOB_CANCELED if canceled else JOB_ABORTED, job.ended
    if job.reason == MOVED:
        # Another printer has the job by now, so this printer cannot report on it.
        return JOB_COMPLETED, "queued-in-device"
    if job.state is not JobState.HELD:
        return _STATES[job.state]
    return _HELD.get(job.current_delivery.hold_reason, _HELD_OTHERWISE)
