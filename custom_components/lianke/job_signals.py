"""The dispatcher signal for changes of print jobs to which automations can react, and the data of the signal."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final, NamedTuple

from homeassistant.core import CoreState, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.start import async_at_started
from homeassistant.util.signal_type import SignalType

from .const import DOMAIN
from .jobs.job import MOVED, Job, JobState
from .runtime import LiankeConfigEntry


class JobUpdate(NamedTuple):
    """A job that has ended, or that is held for a new reason."""

    entry: LiankeConfigEntry
    job: Job
    # Reasons for which the job was held before.
    earlier_reasons: frozenset[str]


SIGNAL_JOB_UPDATED: Final[SignalType[JobUpdate]] = SignalType(f"{DOMAIN}_job_updated")


def event_data(job: Job) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "title": job.spec.title,
        "pages": job.pages if job.pages_printed is None else job.pages_printed,
        "reason": job.current_delivery.hold_reason if job.state is JobState.HELD else job.reason,
        "code": job.current_delivery.code,
        "partly_printed": job.partly_printed,
        "source": job.source,
        # The name of the printer to which the job was moved.
        "to_printer": job.current_delivery.detail if job.reason == MOVED else None,
    }


@callback
def async_dispatch_jobs(hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
    """Signal once when a job of the entry ends, and once for each new reason to hold it, until the entry is unloaded.

    The reasons for which jobs are held at this call were signaled before the entry was loaded, and are not signaled
    again. Automations begin to listen when Home Assistant has nearly started. Therefore, if a job ends before that
    moment, its end is signaled at that moment. A new reason is then signaled, too, if the job is still held.
    """
    queue = entry.runtime_data.queue
    reasons: dict[str, frozenset[str]] = {
        job.job_id: frozenset({job.current_delivery.hold_reason})
        for job in queue.open_jobs()
        if job.state is JobState.HELD and job.current_delivery.hold_reason is not None
    }

    @callback
    def on_job(job: Job, old: JobState | None) -> None:
        starts = hass.state in (CoreState.not_running, CoreState.starting)
        if starts and not job.is_final:
            return
        earlier = reasons.get(job.job_id, frozenset())
        if job.is_final:
            reasons.pop(job.job_id, None)
            is_new = old is not job.state
        else:
            reason = job.current_delivery.hold_reason if job.state is JobState.HELD else None
            is_new = reason is not None and reason not in earlier
            if reason is not None:
                reasons[job.job_id] = earlier | {reason}
        if not is_new:
            return

        @callback
        def send(_hass: HomeAssistant) -> None:
            async_dispatcher_send(hass, SIGNAL_JOB_UPDATED, JobUpdate(entry, job, earlier))

        if starts:
            async_at_started(hass, send)
        else:
            send(hass)

    @callback
    def signal_open_jobs(_hass: HomeAssistant) -> None:
        for job in reversed(queue.open_jobs()):
            on_job(job, job.state)

    entry.async_on_unload(queue.listen(on_job))
    entry.async_on_unload(async_at_started(hass, signal_open_jobs))


@callback
def async_dispatch_dropped(
    hass: HomeAssistant, entry: LiankeConfigEntry, jobs: Iterable[Job]
) -> None:
    """Signal that these jobs are canceled, because their box is removed."""
    for job in jobs:
        canceled = job.changed(state=JobState.CANCELED, hold_reason=None, after=None)
        canceled = replace(canceled, spec=replace(job.spec, waits_for=()))
        async_dispatcher_send(hass, SIGNAL_JOB_UPDATED, JobUpdate(entry, canceled, frozenset()))
