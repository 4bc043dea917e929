"""The jobs in memory, their listeners, and what is published of them.

*Persisted before published*: a job has two versions here. The current one (`jobs`, `unsettled`) is what
the queue acts on. The published one (`published`) is what listeners, entities, the card
and responses get; facts (see `Job.facts`) reach it once they are on disk. A change that must be refused when
the disk refuses goes through `async_change`, which rolls it back and raises.
"""

from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import fields, replace
from datetime import timedelta
from functools import partial
import logging
from typing import Any, NamedTuple, cast

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util
from homeassistant.util.logging import catch_log_exception

from ..api.models import PrinterAddress
from ..const import HOLD_HOURS
from ..coordinator import LiankeCoordinator, call_after_updates
from .job import IN_CLOUD, Delivery, Job, JobState, begin_next
from .readiness import Readiness
from .retention import LISTED, to_forget
from .store import JobStore, JobStoreError

_LOGGER = logging.getLogger(__name__)

# As long as the tracker may wait for its turn, and for an answer.
PAGES_SECONDS = 15

type JobListener = Callable[[Job, JobState | None], None]


class QueueBox(NamedTuple):
    """A box, as those who work on its jobs know it."""

    coordinator: LiankeCoordinator
    readiness: Readiness
    registry: JobRegistry


class JobWorker:
    """Whoever works on the jobs of one box."""

    def __init__(self, box: QueueBox) -> None:
        self._coordinator = box.coordinator
        self._hass = box.coordinator.hass
        self._entry = box.coordinator.config_entry
        self._client = box.coordinator.client
        self._storage = box.coordinator.storage
        self._account = box.coordinator.account
        self._readiness = box.readiness
        self._registry = box.registry
        self._store = box.registry.store

    def _address_of(self, job: Job) -> PrinterAddress | None:
        """Return where a job's printer is, None for one that was removed."""
        known = self._storage.printers.get(job.printer_key)
        return None if known is None else known.printer.address


class JobRegistry:
    """Holds every job of one box, notifies listeners and keeps the store in step."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, store: JobStore) -> None:
        self.store = store
        # Called when a job may have to go on, as it is now; set by whoever lets them.
        self.on_change: CALLBACK_TYPE = lambda: None
        # Jobs about which a decision is being written.
        self.deciding: set[str] = set()
        # Held jobs that another one is about to replace.
        self.reserved: set[str] = set()
        self._hass = hass
        self._entry = entry
        # The current version of each job, oldest first.
        self.jobs = store.jobs
        # The few of them that may still change, and all by the tokens of their callback addresses.
        self.unsettled: dict[str, Job] = {}
        self._by_token: dict[str, str] = {}
        # As they are published, oldest first, and those of them that are not over.
        self.published: dict[str, Job] = {}
        self.published_open: dict[str, Job] = {}
        # Versions that are still to be published, oldest first.
        self._unpublished: dict[str, list[Job]] = {}
        # Printed jobs whose ends wait for their pages, and what stops each wait.
        self._withheld: dict[str, CALLBACK_TYPE] = {}
        store.on_persisted = self.publish
        # By printer; None for those of all printers.
        self._listeners: defaultdict[str | None, list[JobListener]] = defaultdict(list)
        self._watchers: defaultdict[str | None, list[CALLBACK_TYPE]] = defaultdict(list)
        # Printers whose watchers are to be called.
        self._stale: set[str] = set()
        # Jobs that were read from disk, until they are published.
        self._read: set[str] = set()

    async def async_load(self) -> None:
        """Read the store. Raises JobStoreError."""
        for job in await self.store.async_load():
            self._read.add(job.job_id)
            self.put(job)

    async def async_hold_copied(self) -> None:
        """Hold the waiting jobs of a copied folder until a user releases them."""
        if self.store.was_copied:
            waiting = [
                job
                for job in self.unsettled.values()
                if job.state in (JobState.HELD, JobState.UPLOADING) and not job.is_unsure
            ]
            for job in waiting:
                self.change(job, copied=True)
            try:
                for job in waiting:
                    await self.store.async_persist(job.job_id)
            except JobStoreError:
                # The folder still counts as copied at the next start.
                return
        await self.store.async_record_location()

    async def async_close(self) -> None:
        """Write what can be written; after that nothing changes and nothing is written."""
        await self.store.async_close()
        for job_id in list(self._withheld):
            self.release_end(job_id)

    @property
    def own_task_ids(self) -> frozenset[str]:
        """The ids of the cloud's tasks that are known to be ours."""
        ours = {one.task_id for job in self.jobs.values() for one in job.deliveries if one.task_id}
        return frozenset(ours.union(self.store.other_tasks.task_ids))

    def by_token(self, token: str) -> tuple[Job, Delivery] | None:
        """Return the delivery whose callback address has this token, and its job."""
        if (job := self.jobs.get(self._by_token.get(token, ""))) is None:
            return None
        return job, next(one for one in job.deliveries if one.token == token)

    def by_task(self, task_id: str) -> tuple[Job, Delivery] | None:
        """Return the delivery of a task of the cloud, and its job."""
        return next(
            (
                (job, one)
                for job in self.jobs.values()
                for one in job.deliveries
                if one.task_id == task_id
            ),
            None,
        )

    def is_free(self, task_id: str) -> bool:
        """Return whether a task of the cloud belongs to none of our jobs and previews."""
        return self.by_task(task_id) is None and task_id not in self.store.other_tasks.task_ids

    def listen(self, listener: JobListener, printer_key: str | None = None) -> CALLBACK_TYPE:
        """Call `listener(job, state before or None when new)` for every published change.

        `printer_key` limits it to the jobs of one printer. Returns what unsubscribes.
        """
        # One that fails must not keep the others from being called, nor jobs from being written.
        safe = cast(
            JobListener,
            catch_log_exception(listener, lambda *_: "A listener to print jobs failed"),
        )
        self._listeners[printer_key].append(safe)
        return partial(self._listeners[printer_key].remove, safe)

    @callback
    def watch(self, watcher: CALLBACK_TYPE, printer_key: str | None = None) -> CALLBACK_TYPE:
        """Call `watcher()` soon after changes, once for all of the same moment.

        `printer_key` limits it to the jobs of one printer. All listeners come first, then the
        watchers of all printers, then those of one. Returns what unsubscribes.
        """
        self._watchers[printer_key].append(watcher)
        return partial(self._watchers[printer_key].remove, watcher)

    async def async_discard(self, job_id: str) -> None:
        """Delete a new job that was not published."""
        if job_id in self.jobs and job_id not in self.published:
            self._forget(job_id)
            await self.store.async_delete([job_id])

    @callback
    def change(
        self,
        job: Job,
        delivery: Delivery | None = None,
        *,
        within: float | None = 0,
        **changes: Any,
    ) -> Job:
        """Apply a change that cannot be refused: a report of the cloud, or what time brings.

        `changes` are those of `Job.changed`. Facts are written `within` so many seconds, together with any other
        job's, and published when they are on disk; a disk that refuses is tried again. With None it is only
        published, such as the progress of an upload. Returns the job as it is now.
        """
        if (current := self.jobs.get(job.job_id)) is None:
            # One that is over may be forgotten meanwhile.
            return job
        if self.store.closed:
            return current
        new = current.changed(delivery, **changes)
        if new.is_at_second and not current.is_at_second:
            waits = timedelta(hours=HOLD_HOURS.of(self._entry.options))
            again = self.jobs.get(current.retried_as or "")
            new = begin_next(current, new, dt_util.utcnow() + waits, again)
        self.put(new)
        if within is None:
            return new
        if new.facts != current.facts:
            self.store.write(new.job_id, within)
        elif new.state not in IN_CLOUD:
            self.store.write(new.job_id)
        # The end of an upload that goes on causes a review itself.
        if new.job_id not in self.deciding and not (current.is_uploading and new.is_uploading):
            self.on_change()
        return new

    async def async_change(self, job: Job, delivery: Delivery | None = None, **changes: Any) -> Job:
        """Apply a change once it is on disk, or not at all. Returns the job as it is now.

        Raises JobStoreError when it cannot be written; then the change is rolled back.
        """
        old = self.jobs.get(job.job_id, job)
        if self.store.closed:
            # While Home Assistant stops, people are still answered.
            raise JobStoreError("the store is closed")
        self.deciding.add(job.job_id)
        try:
            new = self.change(job, delivery, **changes)
            await self.store.async_persist(new.job_id)
        except JobStoreError:
            self._roll_back(old, new)
            raise
        finally:
            self.deciding.discard(job.job_id)
            now = self.jobs.get(job.job_id, old)
            if not (old.is_uploading and now.is_uploading):
                self.on_change()
        return now

    def _roll_back(self, old: Job, new: Job) -> None:
        """Undo a change that could not be written, but none of the later ones."""
        if (current := self.jobs.get(new.job_id)) is None:
            return
        unpublished = self._unpublished.get(new.job_id, [])
        self._unpublished[new.job_id] = [version for version in unpublished if version is not new]
        back = replace(
            _undone(old, new, current),
            changed_at=dt_util.utcnow(),
            generation=current.generation + 1,
        )
        self.put(back)
        # In the order of the jobs, although this one may have been out of it for a moment.
        self.unsettled = {
            job_id: self.unsettled[job_id] for job_id in self.jobs if job_id in self.unsettled
        }
        # The disk may have the new version all the same, which is overwritten.
        self.store.write(back.job_id)

    def replaceable(self, printer_key: str, *keys: str | None) -> list[Job]:
        """Return the jobs that wait at a printer with one of these replace keys, and that a newer one may replace."""
        return [
            job
            for job in self.unsettled.values()
            if job.printer_key == printer_key
            and job.spec.replace_key is not None
            and job.spec.replace_key in keys
            and job.state is JobState.HELD
            and not (job.has_stack or job.is_moving)
        ]

    def replace(self, job: Job, *keys: str | None) -> list[Job]:
        """Cancel those of them at the printer of a job that are older than it; return them."""
        older = [
            old
            for old in self.replaceable(job.printer_key, *keys)
            if old.job_id != job.job_id and old.created_at <= job.created_at
        ]
        for old in older:
            self.change(old, state=JobState.CANCELED, reason="replaced")
        return older

    @callback
    def note(self, job_id: str, **changes: Any) -> None:
        """Record what is no change of the job itself, such as what became of its document."""
        if (job := self.jobs.get(job_id)) is not None and not self.store.closed:
            self.put(replace(job, **changes, generation=job.generation + 1))
            self.store.write(job_id)

    async def async_trim(self) -> None:
        """Forget the oldest finished jobs beyond the limits on number and age."""
        now = dt_util.utcnow()
        gone = list(to_forget(self.published.values(), now))
        # Those whose tasks may still be on the cloud's list.
        jobs = [self.jobs[job_id] for job_id in gone]
        noted = [
            one.task_id
            for job in jobs
            for one in job.deliveries
            if one.task_id and now - (one.task_known_at or job.created_at) < LISTED
        ]
        if noted:
            await self.store.other_tasks.async_note(noted)
        for job_id in gone:
            self._forget(job_id)
        if gone:
            await self.store.async_delete(gone)

    def _forget(self, job_id: str) -> None:
        job = self.jobs.pop(job_id)
        for known in (self.published, self.published_open, self._unpublished, self.unsettled):
            known.pop(job_id, None)
        if (stop := self._withheld.pop(job_id, None)) is not None:
            stop()
        for one in job.deliveries:
            self._by_token.pop(one.token, None)
        self._schedule_watchers(job.printer_key)
        self.on_change()

    def put(self, job: Job) -> None:
        """Take a version of a job for the current one; it is published at once if it has no new facts.

        The first version of a new job is on disk; it is published once its documents are, too.
        """
        self.jobs[job.job_id] = job
        for one in job.deliveries:
            self._by_token[one.token] = job.job_id
        if job.is_final and job.state is not JobState.UNCONFIRMED:
            self.unsettled.pop(job.job_id, None)
        else:
            self.unsettled[job.job_id] = job
        unpublished = self._unpublished.setdefault(job.job_id, [])
        if unpublished and (unpublished[-1].facts, unpublished[-1].state) == (job.facts, job.state):
            unpublished[-1] = job
        else:
            unpublished.append(job)
        self.publish(job.job_id)

    @callback
    def publish(self, job_id: str) -> None:
        """Publish the versions of a job whose facts are on disk, in their order."""
        persisted = self.store.persisted.get(job_id)
        if persisted is None or job_id in self.store.flushing:
            return
        unpublished = self._unpublished.get(job_id, [])
        while unpublished and (
            unpublished[0].generation <= persisted.generation
            or unpublished[0].facts == persisted.facts
        ):
            job = unpublished[0]
            if (
                job_id in self._withheld
                and job.state is JobState.COMPLETED
                and job.pages_printed is None
            ):
                if len(unpublished) == 1 or unpublished[1].generation > persisted.generation:
                    break
                # Its next version has the pages.
                del unpublished[0]
                continue
            del unpublished[0]
            if job.is_final and (stop := self._withheld.pop(job_id, None)) is not None:
                stop()
            old = self.published.get(job_id)
            self.published[job_id] = job
            if job.is_final:
                self.published_open.pop(job_id, None)
            else:
                self.published_open[job_id] = job
            _log_step(job, old, is_read=job_id in self._read)
            self._read.discard(job_id)
            for listener in (*self._listeners[None], *self._listeners[job.printer_key]):
                listener(job, old.state if old else None)
            self._schedule_watchers(job.printer_key)
        if not self._unpublished.get(job_id):
            self._unpublished.pop(job_id, None)

    def withhold_end(self, job_id: str) -> None:
        """Publish the end of a printed job together with its pages, if these become known soon."""
        if job_id not in self._withheld:
            release = HassJob(
                callback(lambda _now: self.release_end(job_id)), cancel_on_shutdown=True
            )
            self._withheld[job_id] = async_call_later(self._hass, PAGES_SECONDS, release)

    def release_end(self, job_id: str) -> None:
        """Publish the end of a job though its pages are unknown."""
        if (stop := self._withheld.pop(job_id, None)) is not None:
            stop()
            self.publish(job_id)

    def _schedule_watchers(self, printer_key: str) -> None:
        if not self._stale:
            call_after_updates(self._hass, self._notify_watchers)
        self._stale.add(printer_key)

    @callback
    def _notify_watchers(self) -> None:
        keys, self._stale = self._stale, set()
        watchers = [watcher for key in (None, *keys) for watcher in self._watchers[key]]
        with ExitStack() as calls:
            # Calls them all, last in first out; an error of one is raised after the others.
            for watcher in reversed(watchers):
                calls.callback(watcher)


def _log_step(job: Job, old: Job | None, *, is_read: bool) -> None:
    """Log a job's step by its ids and keys alone: a title, a name or an address is nobody's business.

    Of those that were read from disk after a restart or a reload, the ones that are over need no word.
    """
    now = job.present
    step = (now.token, job.state, job.hold_reason, now.task_id)
    if not _LOGGER.isEnabledFor(logging.DEBUG):
        return
    if is_read and job.is_final:
        return
    if old is None:
        step_name = "is taken up again" if is_read else "is accepted"
        _LOGGER.debug("Print job %s %s", job.job_id, step_name)
    elif step == (old.present.token, old.state, old.hold_reason, old.present.task_id):
        return
    if job.state is JobState.HELD and job.hold_reason is None:
        return
    said = [f"is {job.state}"]
    said += [f"because of {job.hold_reason}"] if job.state is JobState.HELD else []
    said += [f"because of {job.reason}"] if job.is_final and job.reason else []
    said += [f"as task {now.task_id}"] if now.task_id else []
    said += [f"with code {now.code}"] if now.code is not None else []
    said += ["after some of it may have been printed"] if job.partly_printed else []
    _LOGGER.debug("Print job %s %s", job.job_id, " ".join(said))


def _undone[T: (Job, Delivery)](old: T, new: T, current: T) -> T:
    """Return the current version without what the new one changed in the old one, as far as it still stands."""
    undo: dict[str, Any] = {}
    for item in fields(current):
        before, after, now = (getattr(one, item.name) for one in (old, new, current))
        if item.name == "deliveries":
            undo[item.name] = tuple(map(_undone, before, after, now, strict=True))
        elif now == after != before:
            undo[item.name] = before
    return replace(current, **undo)
