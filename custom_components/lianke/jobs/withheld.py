"""Printed jobs whose ends are published together with their pages, if these become known soon."""

from collections.abc import Callable
from datetime import datetime

from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later

from .job import Job, JobState

# As long as the tracker may wait for its turn, and for an answer.
PAGES_SECONDS = 15


class WithheldEnds:
    """Says which versions of jobs are not published yet for want of pages."""

    def __init__(self, hass: HomeAssistant, publish: Callable[[str], None]) -> None:
        """`publish` publishes what is on disk of a job."""
        self._hass = hass
        self._publish = publish
        # What stops the wait of each.
        self._stops: dict[str, CALLBACK_TYPE] = {}

    @callback
    def add(self, job_id: str) -> None:
        """Withhold a job's end for PAGES_SECONDS at most."""

        @callback
        def on_timeout(_now: datetime) -> None:
            self.release(job_id)

        if job_id not in self._stops:
            self._stops[job_id] = async_call_later(
                self._hass, PAGES_SECONDS, HassJob(on_timeout, cancel_on_shutdown=True)
            )

    @callback
    def discard(self, job_id: str) -> bool:
        """Withhold a job's end no longer; return whether it was."""
        if (stop := self._stops.pop(job_id, None)) is not None:
            stop()
        return stop is not None

    @callback
    def release(self, job_id: str | None = None) -> None:
        """Publish the end of a job, or of all, though the pages are unknown."""
        for one in [job_id] if job_id else list(self._stops):
            if self.discard(one):
                self._publish(one)

    def holds(self, job: Job) -> bool:
        """Return whether a version of a job waits for its pages."""
        return (
            job.job_id in self._stops
            and job.state is JobState.COMPLETED
            and job.pages_printed is None
        )
