"""The jobs in memory, their listeners, and the writing of what changed."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
import logging
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from ..coordinator import call_after_news
from .book import JobBook
from .guard import GUARD_PERIOD, REQUEST_ID_LIFE
from .job import IN_CLOUD, Job, JobState

_LOGGER = logging.getLogger(__name__)

# Seconds. What the cloud could be asked for again may be written down a little later, so that
# whoever waits for the outcome does not wait for the disk, and many outcomes are one visit to it.
WRITE_DELAY = 2
# Seconds until what could not be written is tried again.
WRITE_AGAIN = 600
MAX_AT_ONCE = 20
MAX_RECORDS = 200
# However needed, finished jobs beyond these are forgotten: those of which nothing can be on paper,
# and all. Only what may become a task, or still counts for the paper guard, is kept beyond them.
MAX_WITHDRAWN = 100
MAX_FINISHED = 1000
MAX_AGE = timedelta(days=30)
# The day's list of the cloud reaches no further back.
LISTED = timedelta(hours=48)
# So long a record is needed for the paper guard, and for what may come again.
KEPT_FOR_GUARD = GUARD_PERIOD
KEPT_FOR_REPETITION = REQUEST_ID_LIFE

type JobListener = Callable[[Job, JobState | None], None]


class Ledger:
    """Holds every job of one box, tells of changes, and keeps the book in step."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, book: JobBook) -> None:
        """Start empty; `async_load` reads the book."""
        self._hass = hass
        self._entry = entry
        self._book = book
        self._jobs: dict[str, Job] = {}
        # The few of them that may still change, and all by the secrets of their addresses.
        self._unsettled: dict[str, Job] = {}
        self._by_token: dict[str, str] = {}
        self._written: dict[str, Job] = {}
        self._dirty: dict[str, None] = {}
        self._writing = False
        self._flushing = asyncio.Lock()
        self._stop_timer: CALLBACK_TYPE | None = None
        self._warned = False
        # By printer; None for those of all printers.
        self._listeners: defaultdict[str | None, list[JobListener]] = defaultdict(list)
        self._watchers: defaultdict[str | None, list[CALLBACK_TYPE]] = defaultdict(list)
        # Held jobs whose place another is about to take.
        self.reserved: set[str] = set()
        # Printers whose watchers are to be told.
        self._stale: set[str] = set()

    async def async_load(self) -> None:
        """Read the book. Raises BookError."""
        for job in await self._book.async_load():
            self._keep(job)
            self._written[job.job_id] = job

    def get(self, job_id: str) -> Job | None:
        """Return a job by its id."""
        return self._jobs.get(job_id)

    def state_of(self, job_id: str) -> JobState | None:
        """Return a job's state, None for an unknown one."""
        job = self._jobs.get(job_id)
        return job.state if job else None

    def all(self) -> list[Job]:
        """Return every job, oldest first."""
        return list(self._jobs.values())

    def unsettled(self) -> list[Job]:
        """Return the jobs that may still change by themselves, oldest first.

        Those are the ones that are not final, and the unconfirmed ones.
        """
        return list(self._unsettled.values())

    def newest(self, printer_key: str) -> Job | None:
        """Return the newest job of a printer."""
        jobs = reversed(self._jobs.values())
        return next((job for job in jobs if job.printer_key == printer_key), None)

    def by_token(self, token: str) -> Job | None:
        """Return the job whose callback address carries this secret."""
        return self._jobs.get(self._by_token.get(token, ""))

    def by_task(self, task_id: str) -> Job | None:
        """Return the job that became this task of the cloud."""
        return next((job for job in self._jobs.values() if job.task_id == task_id), None)

    @callback
    def listen(self, listener: JobListener, printer_key: str | None = None) -> CALLBACK_TYPE:
        """Call `listener(job, state before or None when new)` at every change.

        `printer_key` names the printer whose jobs are of interest, None all.
        """
        listeners = self._listeners[printer_key]
        listeners.append(listener)

        @callback
        def unsubscribe() -> None:
            listeners.remove(listener)

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
        """Take up a job that the book has already written."""
        self._keep(job)
        self._written[job.job_id] = job
        self._notify(job, None)

    @callback
    def change(self, job: Job, **changes: Any) -> Job:
        """Change a job, tell the listeners and write it down soon.

        The book follows by itself at once where the new fact could not be asked for again;
        moves within the cloud can, so they cost no write, and how they end may wait. For a
        fact that must be on disk before the next step, await `async_save` too.
        """
        current = self._jobs[job.job_id]
        new = current.changed(**changes)
        self._keep(new)
        if new.state not in IN_CLOUD or new.task_id != current.task_id:
            self._dirty[new.job_id] = None
            if current.state in IN_CLOUD:
                self._write_later()
            else:
                self._write_soon()
        self._notify(new, current.state)
        return new

    @callback
    def note_document_gone(self, job: Job) -> None:
        """Note that a finished job's document was thrown away."""
        if (current := self._jobs.get(job.job_id)) is None:
            return
        new = replace(current, has_document=False)
        self._keep(new)
        self._dirty[job.job_id] = None
        self._write_later()
        self._notify(new, new.state)

    @callback
    def show_progress(self, job: Job, sent_bytes: int) -> None:
        """Tell how much of a document has left; nothing is written for it."""
        current = self._jobs[job.job_id]
        new = current.changed(sent_bytes=sent_bytes)
        self._keep(new)
        self._notify(new, current.state)

    async def async_save(self, job_id: str) -> None:
        """Write a job now, as it is by now. Raises BookError."""
        job = self._jobs[job_id]
        if self._written.get(job_id) is job:
            return
        # The book needs no second write for the same news, unless this one fails.
        self._dirty.pop(job_id, None)
        try:
            await self._book.async_write(job)
            self._written[job_id] = job
        finally:
            if self._written.get(job_id) is not job:
                self._dirty[job_id] = None
                self._write_later()

    async def async_flush(self) -> None:
        """Write everything that still waits to be written, or is just being written."""
        self._cancel_timer()
        failed: list[str] = []
        async with self._flushing:
            while batch := [job_id for job_id in self._dirty if job_id not in failed][:MAX_AT_ONCE]:
                failed += await self._async_write_batch(batch)
        if failed and not self._warned:
            _LOGGER.warning("Print jobs cannot be written to disk: %s", ", ".join(failed))
        self._warned = bool(failed)
        if failed:
            # The changes hold in memory meanwhile.
            self._write_later(WRITE_AGAIN)

    async def _async_write_batch(self, batch: list[str]) -> list[str]:
        """Write some jobs that wait for it; return the ids of those that could not be written."""
        changed = [self._jobs.get(job_id) for job_id in batch]
        jobs = [job for job in changed if job and self._written.get(job.job_id) is not job]
        failed = await self._book.async_write_all(jobs)
        for job in jobs:
            if job.job_id not in failed and job.job_id in self._jobs:
                self._written[job.job_id] = job
        for job_id in batch:
            # What has changed once more meanwhile still waits.
            if self._jobs.get(job_id) is self._written.get(job_id):
                self._dirty.pop(job_id, None)
        return failed

    async def async_trim(self) -> None:
        """Forget the oldest finished jobs beyond the limits on number and age."""
        now = dt_util.utcnow()
        gone = list(_to_forget(self._jobs.values(), now))
        # Their tasks are still on the day's list.
        lately = [self._jobs[job_id] for job_id in gone]
        task_ids = [job.task_id for job in lately if job.task_id and now - job.created_at < LISTED]
        if task_ids:
            await self._book.async_note_other_tasks(task_ids)
        for job_id in gone:
            job = self._jobs.pop(job_id)
            self._tell_soon(job.printer_key)
            self._written.pop(job_id, None)
            self._unsettled.pop(job_id, None)
            self._by_token.pop(job.token, None)
        if gone:
            await self._book.async_delete(gone)

    @callback
    def _keep(self, job: Job) -> None:
        self._jobs[job.job_id] = job
        self._by_token[job.token] = job.job_id
        if job.is_final and job.state is not JobState.UNCONFIRMED:
            self._unsettled.pop(job.job_id, None)
        else:
            self._unsettled[job.job_id] = job

    @callback
    def _write_later(self, delay: float = WRITE_DELAY) -> None:
        if self._stop_timer is None:
            self._stop_timer = async_call_later(
                self._hass, delay, HassJob(self._on_timer, cancel_on_shutdown=True)
            )

    @callback
    def _on_timer(self, _now: datetime) -> None:
        self._stop_timer = None
        self._write_soon()

    @callback
    def _cancel_timer(self) -> None:
        if self._stop_timer is not None:
            self._stop_timer()
            self._stop_timer = None

    @callback
    def _write_soon(self) -> None:
        if not self._writing:
            self._writing = True
            self._entry.async_create_background_task(
                self._hass,
                self._async_write_dirty(),
                "write print jobs",
                eager_start=False,
            )

    async def _async_write_dirty(self) -> None:
        try:
            await self.async_flush()
        finally:
            self._writing = False

    @callback
    def _notify(self, job: Job, old: JobState | None) -> None:
        try:
            for listener in (*self._listeners[None], *self._listeners[job.printer_key]):
                listener(job, old)
        finally:
            self._tell_soon(job.printer_key)

    @callback
    def _tell_soon(self, printer_key: str) -> None:
        if not self._stale:
            call_after_news(self._hass, self._tell_watchers)
        self._stale.add(printer_key)

    @callback
    def _tell_watchers(self) -> None:
        keys, self._stale = self._stale, set()
        watchers = [watcher for key in (None, *keys) for watcher in self._watchers[key]]
        with ExitStack() as telling:
            # Runs them all, last in first out; an error of one is raised once the others have heard.
            for watcher in reversed(watchers):
                telling.callback(watcher)


def _to_forget(jobs: Collection[Job], now: datetime) -> dict[str, None]:
    """Return the ids of the finished jobs beyond the limits, oldest first."""
    finished = [job for job in jobs if job.is_final]
    free = [job for job in finished if not _is_needed(job, now)]
    surplus = max(0, len(jobs) - MAX_RECORDS)
    gone = dict.fromkeys(
        job.job_id
        for index, job in enumerate(free)
        if index < surplus or now - job.created_at > MAX_AGE
    )
    withdrawn = [job for job in finished if _is_withdrawn(job)]
    gone |= dict.fromkeys(job.job_id for job in withdrawn[:-MAX_WITHDRAWN])
    surplus = len(finished) - len(gone) - MAX_FINISHED
    old = [
        job.job_id
        for job in finished
        if job.job_id not in gone
        and not _may_become_a_task(job, now)
        and now - job.created_at >= KEPT_FOR_GUARD
    ]
    return gone | dict.fromkeys(old[: max(0, surplus)])


def _is_withdrawn(job: Job) -> bool:
    """Return whether a job was canceled before anything of it left the house."""
    return job.state is JobState.CANCELED and job.handed_over_at is None and job.task_id is None


def _may_become_a_task(job: Job, now: datetime) -> bool:
    """Return whether one of the tasks on the list may be a job's."""
    unknown = job.handed_over_at is not None and job.task_id is None
    return unknown and now - job.created_at < LISTED


def _is_needed(job: Job, now: datetime) -> bool:
    """Return whether a finished job still bears on others, or can be printed again."""
    age = now - job.created_at
    if _may_become_a_task(job, now):
        return True
    repeatable = job.request_id is not None or job.has_document
    return age < KEPT_FOR_GUARD or (
        age < KEPT_FOR_REPETITION and (repeatable or job.state is JobState.UNCONFIRMED)
    )
