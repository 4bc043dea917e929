"""The jobs in memory, their listeners, and what may be told of them.

*Told means kept*: a job has two versions here. The present one (`get`, `all`, `unsettled`) is what the
queue acts on. The told one (`get_published`, `all_published`) is what listeners, entities, screens and answers see; a
fact (see `Job.facts`) gets there once it is on disk. What must be refused when it cannot be written is
changed by `async_change`, which takes the change back and raises.
"""

from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, cast

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.util import dt as dt_util
from homeassistant.util.logging import catch_log_exception

from ..coordinator import call_after_updates
from .job import IN_CLOUD, Job, JobState
from .retention import LISTED, to_forget
from .store import JobStore, JobStoreError
from .writer import RecordWriter

type JobListener = Callable[[Job, JobState | None], None]


class JobRegistry:
    """Holds every job of one box, tells of changes, and keeps the store in step."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, store: JobStore) -> None:
        """Start empty; `async_load` reads the store."""
        self._hass = hass
        self._store = store
        self._jobs: dict[str, Job] = {}
        # The few of them that may still change, and all by the secrets of their addresses.
        self._unsettled: dict[str, Job] = {}
        self._by_token: dict[str, str] = {}
        self._published: dict[str, Job] = {}
        # Versions that are still to be told, oldest first.
        self._unpublished: dict[str, list[Job]] = {}
        # Jobs about which a decision is just being written.
        self.deciding: set[str] = set()
        # New jobs whose documents are not on disk yet.
        self._unflushed: set[str] = set()
        self._writer = RecordWriter(
            hass, entry, store, newest=self._jobs.get, on_persisted=self._publish_persisted
        )
        # By printer; None for those of all printers.
        self._listeners: defaultdict[str | None, list[JobListener]] = defaultdict(list)
        self._watchers: defaultdict[str | None, list[CALLBACK_TYPE]] = defaultdict(list)
        # Held jobs whose place another is about to take.
        self.reserved: set[str] = set()
        # Printers whose watchers are to be told.
        self._stale: set[str] = set()

    async def async_load(self) -> None:
        """Read the store. Raises JobStoreError."""
        for job in await self._store.async_load():
            self._put(job)
            self._writer.note_persisted(job)
            self._published[job.job_id] = job

    async def async_settle(self) -> None:
        """Let what waits in a folder that was copied from another home wait for a person."""
        if self._store.was_copied:
            waiting = [
                job
                for job in self.unsettled()
                if job.state in (JobState.HELD, JobState.UPLOADING) and not job.is_unsure
            ]
            for job in waiting:
                self.change(job, copied=True)
            try:
                for job in waiting:
                    await self.async_wait_persisted(job.job_id)
            except JobStoreError:
                # The next start finds the folder as it is now.
                return
        await self._store.async_settle()

    async def async_close(self) -> None:
        """Write what can be written; from then on nothing changes and nothing is written."""
        await self._writer.async_close()

    async def async_flush(self) -> None:
        """Write everything that still waits to be written, or is just being written."""
        await self._writer.async_flush()

    def get(self, job_id: str) -> Job | None:
        """Return a job by its id, as it is."""
        return self._jobs.get(job_id)

    def state_of(self, job_id: str) -> JobState | None:
        """Return a job's state, None for an unknown one."""
        job = self._jobs.get(job_id)
        return job.state if job else None

    def all(self) -> list[Job]:
        """Return every job as it is, oldest first."""
        return list(self._jobs.values())

    def unsettled(self) -> list[Job]:
        """Return the jobs that may still change by themselves, oldest first.

        Those are the ones that are not final, and the unconfirmed ones.
        """
        return list(self._unsettled.values())

    def get_published(self, job_id: str) -> Job | None:
        """Return a job as it may be told."""
        return self._published.get(job_id)

    def all_published(self) -> list[Job]:
        """Return every job as it may be told, oldest first."""
        return list(self._published.values())

    def open_published(self) -> list[Job]:
        """Return the jobs that are not over as far as may be told, oldest first."""
        return [job for job in self._published.values() if not job.is_final]

    def newest_first(self, printer_key: str | None) -> list[Job]:
        """Return the jobs of one printer, or of all, as they may be told, newest first."""
        jobs = reversed(self._published.values())
        return [job for job in jobs if printer_key in (None, job.printer_key)]

    @property
    def own_task_ids(self) -> frozenset[str]:
        """The tasks of the cloud that are surely ours."""
        ours = {job.task_id for job in self._jobs.values() if job.task_id}
        return frozenset(ours.union(self._store.other_tasks.task_ids))

    def newest_published(self, printer_key: str) -> Job | None:
        """Return the newest job of a printer as it may be told."""
        jobs = reversed(self._published.values())
        return next((job for job in jobs if job.printer_key == printer_key), None)

    def by_token(self, token: str) -> Job | None:
        """Return the job whose callback address carries this secret."""
        return self._jobs.get(self._by_token.get(token, ""))

    def by_task(self, task_id: str) -> Job | None:
        """Return the job that became this task of the cloud."""
        return next((job for job in self._jobs.values() if job.task_id == task_id), None)

    def is_free(self, task_id: str) -> bool:
        """Return whether a task of the cloud belongs to no job and no preview of ours."""
        return self.by_task(task_id) is None and task_id not in self._store.other_tasks.task_ids

    @callback
    def listen(self, listener: JobListener, printer_key: str | None = None) -> CALLBACK_TYPE:
        """Call `listener(job, state before or None when new)` at every change that may be told.

        `printer_key` names the printer whose jobs are of interest, None all.
        """
        listeners = self._listeners[printer_key]
        # One that fails must not keep the others from hearing, nor jobs from being written.
        safe = cast(
            JobListener,
            catch_log_exception(listener, lambda *_: "A listener to print jobs failed"),
        )
        listeners.append(safe)

        @callback
        def unsubscribe() -> None:
            listeners.remove(safe)

        return unsubscribe

    @callback
    def watch(self, watcher: CALLBACK_TYPE, printer_key: str | None = None) -> CALLBACK_TYPE:
        """Call `watcher()` soon after a change, once for all that come in the same moment.

        For what only asks how jobs stand now, so that what hears of each change goes first. Those
        of all printers are called before those of one.
        """
        watchers = self._watchers[printer_key]
        watchers.append(watcher)

        @callback
        def unsubscribe() -> None:
            watchers.remove(watcher)

        return unsubscribe

    @callback
    def add(self, job: Job) -> None:
        """Take up a job whose record is on disk; `publish` tells of it."""
        self._put(job)
        self._writer.note_persisted(job)
        self._unpublished[job.job_id] = [job]
        self._unflushed.add(job.job_id)
        self._schedule_watchers(job.printer_key)

    @callback
    def publish(self, job_id: str) -> None:
        """Tell of a new job, now that its document is on disk, too."""
        self._unflushed.discard(job_id)
        if (persisted := self._writer.persisted(job_id)) is not None:
            self._publish_persisted(persisted)

    async def async_discard(self, job_id: str) -> None:
        """Forget a new job that nobody was told of."""
        if job_id in self._unflushed:
            self._unflushed.discard(job_id)
            self._forget(job_id)
            await self._store.async_delete([job_id])

    @callback
    def change(self, job: Job, **changes: Any) -> Job:
        """Change a job by what cannot be refused: what the cloud has told, or time has brought.

        Facts are written at once and told when they are; where the disk refuses, they hold here,
        unpublished, and are written as soon as it takes them. Returns the job as it is now.
        """
        current = self._jobs[job.job_id]
        if self._writer.closed:
            return current
        new = current.changed(**changes)
        if new.task_id != current.task_id:
            # What spoke for a refusal until now is over.
            new = replace(new, code=changes.get("code"), detail=changes.get("detail", ""))
        self._put(new)
        self._add_version(new)
        if new.facts != current.facts:
            self._writer.write_soon(new.job_id)
        elif new.state not in IN_CLOUD:
            self._writer.write_later(new.job_id)
        self._schedule_watchers(new.printer_key)
        return new

    async def async_change(self, job: Job, **changes: Any) -> Job:
        """Change a job by a decision of our own: it holds once it is on disk, or not at all.

        Raises JobStoreError when it cannot be written; then the job is what it was.
        """
        old = self._jobs[job.job_id]
        new = self.change(job, **changes)
        self.deciding.add(job.job_id)
        try:
            await self._writer.async_persist(new)
        except JobStoreError:
            self._roll_back(old, new, changes)
            raise
        finally:
            self.deciding.discard(job.job_id)
            self._schedule_watchers(job.printer_key)
        return self._jobs.get(job.job_id, new)

    async def async_wait_persisted(self, job_id: str) -> None:
        """Wait until a job is on disk as it is now. Raises JobStoreError."""
        if (job := self._jobs.get(job_id)) is not None:
            await self._writer.async_persist(job)

    @callback
    def _roll_back(self, old: Job, new: Job, changes: dict[str, Any]) -> None:
        """Undo a change that could not be written, and nothing that has come since."""
        if (current := self._jobs.get(new.job_id)) is None:
            return
        unpublished = self._unpublished.get(new.job_id, [])
        self._unpublished[new.job_id] = [version for version in unpublished if version is not new]
        undo = {
            name: getattr(old, name)
            for name in changes
            if getattr(current, name) == getattr(new, name)
        }
        back = current.changed(**undo)
        self._put(back)
        # What was taken out of it for a moment goes back to its place.
        self._unsettled = {
            job_id: self._unsettled[job_id] for job_id in self._jobs if job_id in self._unsettled
        }
        self._add_version(back)
        # The disk may hold the new version all the same: whether it does shows at the next writing.
        self._writer.write_later(back.job_id)
        self._schedule_watchers(back.printer_key)

    @callback
    def note_document_gone(self, job: Job) -> None:
        """Note that a finished job's document was thrown away."""
        if (current := self._jobs.get(job.job_id)) is None or self._writer.closed:
            return
        new = replace(current, has_document=False, generation=current.generation + 1)
        self._put(new)
        self._add_version(new)
        self._writer.write_later(job.job_id)

    @callback
    def show_progress(self, job: Job, sent_bytes: int) -> None:
        """Tell how much of a document has left; nothing is written for it."""
        if self._writer.closed or (current := self._jobs.get(job.job_id)) is None:
            return
        new = current.changed(sent_bytes=sent_bytes)
        self._put(new)
        self._add_version(new)

    async def async_trim(self) -> None:
        """Forget the oldest finished jobs beyond the limits on number and age."""
        now = dt_util.utcnow()
        gone = list(to_forget(self._published.values(), now))
        # Their tasks are still on the day's list.
        lately = [self._jobs[job_id] for job_id in gone]
        task_ids = [job.task_id for job in lately if job.task_id and now - job.created_at < LISTED]
        if task_ids:
            await self._store.other_tasks.async_note(task_ids)
        for job_id in gone:
            self._forget(job_id)
        if gone:
            await self._store.async_delete(gone)

    @callback
    def _forget(self, job_id: str) -> None:
        job = self._jobs.pop(job_id)
        self._published.pop(job_id, None)
        self._unpublished.pop(job_id, None)
        self._writer.forget(job_id)
        self._unsettled.pop(job_id, None)
        self._by_token.pop(job.token, None)
        self._schedule_watchers(job.printer_key)

    @callback
    def _put(self, job: Job) -> None:
        self._jobs[job.job_id] = job
        self._by_token[job.token] = job.job_id
        if job.is_final and job.state is not JobState.UNCONFIRMED:
            self._unsettled.pop(job.job_id, None)
        else:
            self._unsettled[job.job_id] = job

    @callback
    def _add_version(self, job: Job) -> None:
        """Tell a version at once when it brings no new fact, else keep it until that is on disk."""
        unpublished = self._unpublished.setdefault(job.job_id, [])
        if unpublished and (unpublished[-1].facts, unpublished[-1].state) == (job.facts, job.state):
            unpublished[-1] = job
        else:
            unpublished.append(job)
        if (persisted := self._writer.persisted(job.job_id)) is not None:
            self._publish_persisted(persisted)

    @callback
    def _publish_persisted(self, persisted: Job) -> None:
        """Tell the versions of a job whose facts are on disk by now, in their order."""
        if persisted.job_id in self._unflushed:
            return
        unpublished = self._unpublished.get(persisted.job_id, [])
        while unpublished and (
            unpublished[0].generation <= persisted.generation
            or unpublished[0].facts == persisted.facts
        ):
            job = unpublished.pop(0)
            old = self._published.get(job.job_id)
            self._published[job.job_id] = job
            self._notify(job, old.state if old else None)
        if not self._unpublished.get(persisted.job_id):
            self._unpublished.pop(persisted.job_id, None)

    @callback
    def _notify(self, job: Job, old: JobState | None) -> None:
        for listener in (*self._listeners[None], *self._listeners[job.printer_key]):
            listener(job, old)
        self._schedule_watchers(job.printer_key)

    @callback
    def _schedule_watchers(self, printer_key: str) -> None:
        if not self._stale:
            call_after_updates(self._hass, self._notify_watchers)
        self._stale.add(printer_key)

    @callback
    def _notify_watchers(self) -> None:
        keys, self._stale = self._stale, set()
        watchers = [watcher for key in (None, *keys) for watcher in self._watchers[key]]
        with ExitStack() as telling:
            # Runs them all, last in first out; an error of one is raised once the others have heard.
            for watcher in reversed(watchers):
                telling.callback(watcher)
