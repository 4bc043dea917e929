"""Writes job records to disk, several at a time, always the newest version.

Who publishes a change waits here until it is persisted. A record that cannot be written is tried again
until the writer is closed; after that nothing of this queue touches the disk.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
import logging

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later

from .job import Job
from .store import JobStore, JobStoreError

_LOGGER = logging.getLogger(__name__)

# Seconds until a change that nobody waits for is written, together with those of the meantime.
WRITE_DELAY = 2
# Seconds until a record that could not be written is tried again.
WRITE_AGAIN = 30
# Seconds that closing waits for a disk that hangs.
CLOSE_TIME = 10
MAX_AT_ONCE = 20


class RecordWriter:
    """Writes the newest version of changed jobs and knows which version is on disk."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        store: JobStore,
        *,
        newest: Callable[[str], Job | None],
        on_persisted: Callable[[Job], None],
    ) -> None:
        """`newest` returns the current version of a job; `on_persisted` is called with written ones."""
        self._hass = hass
        self._entry = entry
        self._store = store
        self._newest = newest
        self._on_persisted = on_persisted
        # The versions that are on disk.
        self.persisted: dict[str, Job] = {}
        self._dirty: dict[str, None] = {}
        self._failed: dict[str, None] = {}
        self._waiters: dict[str, list[tuple[int, asyncio.Future[None]]]] = {}
        self._task: asyncio.Task[None] | None = None
        self._stop_timer: CALLBACK_TYPE | None = None
        self._warned = False
        self.closed = False

    @callback
    def forget(self, job_id: str) -> None:
        """Forget a job whose record is deleted."""
        for known in (self.persisted, self._dirty, self._failed):
            known.pop(job_id, None)
        self._end_waits(job_id, None, JobStoreError("the job is gone"))

    @callback
    def write_soon(self, job_id: str) -> None:
        """Write a job's newest version as soon as the disk is free."""
        if not self.closed:
            self._dirty[job_id] = None
            self._start()

    @callback
    def write_later(self, job_id: str) -> None:
        """Write a job's newest version within WRITE_DELAY seconds."""
        if not self.closed:
            self._dirty[job_id] = None
            self._set_timer(WRITE_DELAY)

    async def async_persist(self, job: Job) -> None:
        """Wait until this version of a job, or a newer one, is on disk. Raises JobStoreError."""
        persisted = self.persisted.get(job.job_id)
        if persisted is not None and persisted.generation >= job.generation:
            return
        if self.closed:
            raise JobStoreError("the writer is closed")
        done: asyncio.Future[None] = self._hass.loop.create_future()
        self._waiters.setdefault(job.job_id, []).append((job.generation, done))
        self.write_soon(job.job_id)
        await done

    async def async_flush(self) -> None:
        """Write all changed records; those that fail are tried again later."""
        self._start_all()
        if self._task is not None:
            await asyncio.shield(self._task)

    async def async_close(self) -> None:
        """Write what can be written, and nothing after that."""
        if self.closed:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIME):
                await self.async_flush()
        self.closed = True
        self._store.close()
        if self._stop_timer is not None:
            self._stop_timer()
            self._stop_timer = None
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])
        left = self._dirty | self._failed
        if left:
            _LOGGER.warning(
                "The last changes of these print jobs could not be written to disk: %s",
                ", ".join(left),
            )
        for job_id in list(self._waiters):
            self._end_waits(job_id, None, JobStoreError("the writer is closed"))

    @callback
    def _start(self) -> None:
        if self._dirty and (self._task is None or self._task.done()):
            self._task = self._entry.async_create_background_task(
                self._hass, self._async_write(), "write print jobs", eager_start=False
            )

    async def _async_write(self) -> None:
        """Write the changed records in batches; those that fail wait for the timer."""
        while self._dirty and not self.closed:
            batch = list(self._dirty)[:MAX_AT_ONCE]
            for job_id in batch:
                del self._dirty[job_id]
            jobs = [job for job_id in batch if (job := self._newest(job_id))]
            try:
                failed = set(await self._store.async_write_all(jobs))
            except asyncio.CancelledError:
                self._failed |= dict.fromkeys(batch)
                raise
            for job in jobs:
                if job.job_id in failed:
                    self._failed[job.job_id] = None
                    err = JobStoreError("the job could not be written")
                    self._end_waits(job.job_id, job.generation, err)
                else:
                    self._failed.pop(job.job_id, None)
                    self.persisted[job.job_id] = job
                    self._end_waits(job.job_id, job.generation, None)
                    self._on_persisted(job)
        if self._failed and not self._warned:
            _LOGGER.warning("Print jobs cannot be written to disk: %s", ", ".join(self._failed))
        self._warned = bool(self._failed)
        if self._failed:
            self._set_timer(WRITE_AGAIN)

    @callback
    def _end_waits(self, job_id: str, generation: int | None, err: JobStoreError | None) -> None:
        """End the waits for this version of a job or older ones, None for all, with an error or none."""
        left = []
        for wanted, done in self._waiters.pop(job_id, []):
            if generation is not None and wanted > generation:
                left.append((wanted, done))
            elif done.done():
                continue
            elif err is None:
                done.set_result(None)
            else:
                done.set_exception(err)
        if left:
            self._waiters[job_id] = left

    @callback
    def _set_timer(self, delay: float) -> None:
        if self._stop_timer is None and not self.closed:
            self._stop_timer = async_call_later(
                self._hass, delay, HassJob(self._on_timer, cancel_on_shutdown=True)
            )

    @callback
    def _on_timer(self, _now: datetime) -> None:
        self._stop_timer = None
        self._start_all()

    @callback
    def _start_all(self) -> None:
        """Write all changed records, including those that failed before."""
        self._dirty |= self._failed
        self._failed.clear()
        self._start()
