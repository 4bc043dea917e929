"""Event entities for the states of print jobs and scans."""

from typing import override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import EntityKind, JobEntity, ScannerEntity, async_add_printers, async_add_scanners
from .job_signals import event_data
from .jobs.job import FINAL_JOB_STATES, WAITING, Job, JobState
from .runtime import LiankeConfigEntry
from .scanner.scan_delivery import SIGNAL_DELIVERED
from .scanner.scan_job import DeliveryState, ScanDelivery, ScanState, ScanUpdate, scan_data
from .scanner.scan_jobs import SIGNAL_SCAN

PARALLEL_UPDATES = 0

JOB_EVENTS = EventEntityDescription(
    key="job",
    translation_key="job",
    event_types=[state.value for state in JobState if state in WAITING | FINAL_JOB_STATES],
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LiankeConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    async_add_printers(
        entry, async_add_entities, lambda view: [JobEvents(entry, view.key, JOB_EVENTS)]
    )
    async_add_scanners(entry, async_add_entities, lambda key: [ScanEvents(entry, key, SCAN_EVENTS)])


# Events: a completed scan has arrived at a destination, or could not be sent there.
SENT = "sent"
NOT_SENT = "not_sent"

SCAN_EVENTS = EventEntityDescription(
    key="scan",
    translation_key="scan",
    event_types=[ScanState.COMPLETED.value, ScanState.FAILED.value, SENT, NOT_SENT],
)


class ScanEvents(ScannerEntity, EventEntity):
    _attr_supported_features = EntityKind.SCANNER

    @callback
    @override
    def _async_subscribe(self) -> None:
        super()._async_subscribe()
        self.async_on_remove(async_dispatcher_connect(self.hass, SIGNAL_SCAN, self._on_scan))
        self.async_on_remove(
            async_dispatcher_connect(self.hass, SIGNAL_DELIVERED, self._on_delivered)
        )

    @callback
    def _on_scan(self, update: ScanUpdate) -> None:
        if update.job.state in self.event_types:
            self._fire(update, update.job.state)

    @callback
    def _on_delivered(self, update: ScanUpdate, ended: ScanDelivery) -> None:
        is_there = ended.state is DeliveryState.DONE
        changes = {"destination": ended.to.value, "reason": ended.reason}
        self._fire(update, SENT if is_there else NOT_SENT, **changes)

    @callback
    def _fire(self, update: ScanUpdate, kind: str, **changes: str | None) -> None:
        if update.entry is self.entry and update.job.scanner_id == self.scanner_id:
            self._trigger_event(kind, scan_data(update) | changes)
            self.async_set_context(update.job.asker.context)
            self.async_write_ha_state()


class JobEvents(JobEntity, EventEntity):
    """Fires once each time a job of the printer reaches a state that people act on."""

    _attr_supported_features = EntityKind.PRINTER

    @callback
    @override
    def _async_subscribe(self) -> None:
        # The jobs' present states fire no event, except the state of a held job whose reason is not known yet.
        self._fired = {
            job.job_id: (job.state, job.asks_for)
            for job in self.lianke.queue.open_jobs(self.printer_key)
            if not (job.state is JobState.HELD and job.current_delivery.hold_reason is None)
        }
        super()._async_subscribe()

    @callback
    @override
    def on_job(self, job: Job, old: JobState | None) -> None:
        # Fire once for each state, and for each kind of answer for which a held job waits.
        fired = job.state, job.asks_for
        if job.state not in self.event_types or self._fired.get(job.job_id) == fired:
            return
        if job.state is JobState.HELD and job.current_delivery.hold_reason is None:
            # The job was stored just now and is about to be uploaded.
            return
        if old is job.state and job.is_final:
            # Something other than the state has changed, such as the pages.
            return
        if job.is_final:
            self._fired.pop(job.job_id, None)
        else:
            self._fired[job.job_id] = fired
        self._trigger_event(job.state, event_data(job))
        self.async_set_context(job.spec.asker.context)
        self.async_write_ha_state()
