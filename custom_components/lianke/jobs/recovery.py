"""What becomes of jobs that a crash interrupted, before anything is sent again."""

from homeassistant.core import callback

from .job import Job, JobState
from .registry import JobRegistry


@callback
def recover(registry: JobRegistry) -> None:
    """Put interrupted uploads back to waiting, and keep the newest of jobs that replace each other."""
    newest: dict[tuple[str, str], Job] = {}
    for job in reversed(registry.unsettled()):
        if job.state is JobState.UPLOADING and not job.is_unsure:
            # It was never sent, and its printer may not be ready any more.
            registry.change(job, state=JobState.HELD, sent_bytes=None)
        elif job.state is not JobState.HELD or job.is_moving:
            continue
        if job.has_turned_paper:
            # Another job would be printed on its sheets.
            continue
        key = (job.printer_key, job.replace_key or job.job_id)
        if newest.setdefault(key, job) is not job:
            registry.change(job, state=JobState.CANCELED, reason="replaced")
