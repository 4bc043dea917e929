"""Moves held jobs to another printer, of the same box or another, so that a crash loses and doubles nothing.

Three writes, each on disk before the next. The old job names the new one and cannot print any more
(`moving_to`); the new job is made; the old one ends. Wherever that is cut off, whether the new job exists says how
to go on. It is remembered for as long as the old one may ask (`move_open`).
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
import logging

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.ulid import ulid_now

from ..const import DOMAIN
from ..errors import InputError
from .delivery import Delivery, JobState
from .errors import change_not_saved, job_error
from .job import MOVED, Job
from .readiness import QueueReason
from .registry import JobRegistry
from .retention import MOVE_MEMORY
from .retry import Changes, async_copied
from .store import JobStoreError, unlink_all
from .submission import Destination

_LOGGER = logging.getLogger(__name__)


# The queues that have loaded their jobs, by config entry.
DATA_QUEUES: HassKey[dict[str, Destination]] = HassKey(f"{DOMAIN}_queues")


class JobMover:
    """Moves the held jobs of one box, and finishes moves that were cut off."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        registry: JobRegistry,
        review: Callable[[], None],
    ) -> None:
        """`review` is called when a job may go on."""
        self._hass = hass
        self._entry = entry
        self._registry = registry
        self._review = review
        self._queues = hass.data.setdefault(DATA_QUEUES, {})
        # Jobs whose moves are under way.
        self._active: set[str] = set()

    @callback
    def open(self, queue: Destination) -> None:
        """Let other boxes move jobs to this one's queue; those that wait for it go on."""
        self._queues[self._entry.entry_id] = queue
        for other in [*self._queues.values()]:
            if other is not queue:
                other.resolve_moves()

    @callback
    def close(self, queue: Destination) -> None:
        """Offer the queue no more."""
        if self._queues.get(self._entry.entry_id) is queue:
            del self._queues[self._entry.entry_id]

    def exists(self, entry_id: str, job_id: str) -> bool | None:
        """Return whether the box with this config entry has a job, None while its jobs are not loaded."""
        queue = self._queues.get(entry_id)
        return None if queue is None else queue.find(job_id) is not None

    async def async_move(self, job_id: str, changes: Changes, entry_id: str) -> Job:
        """Move a held job to a printer of the box with this config entry; return the new job.

        Must not be cancelled. Raises InputError where the job cannot be moved or the other
        queue refuses it, HomeAssistantError when the disk refuses; then the job stays as it was.
        """
        job = self._movable(job_id)
        if (queue := self._queues.get(entry_id)) is None:
            raise InputError("not_ready_getting_ready", printer=job.printer_name)
        if job_id in self._active:
            raise job_error("job_is_moving", job)
        self._active.add(job_id)
        try:
            (document,) = await async_copied(self._registry, job)
            deliveries = (Delivery(document=document, options=changes.options),)
            try:
                # It may have been sent or canceled meanwhile.
                job = self._movable(job_id)
                new_id = ulid_now()
                job = await self._registry.async_change(job, moving_to=f"{entry_id}/{new_id}")
                if not job.is_moving:
                    # Nothing is written any more: it would print at both.
                    raise change_not_saved(job)
            except (JobStoreError, InputError, HomeAssistantError) as err:
                await self._hass.async_add_executor_job(unlink_all, [document.path])
                raise change_not_saved(job) if isinstance(err, JobStoreError) else err from None
            # It has everything of the old one but its options.
            spec = replace(
                job.spec,
                printer_key=changes.printer_key,
                options=changes.options,
                requested=changes.requested,
                moved_from=job_id,
                retry_of=None,
                hold=True,
            )
            try:
                new = await queue.async_submit(spec, deliveries, job_id=new_id, moved=job)
            except BaseException:
                if queue.find(new_id) is None:
                    self._stay(job)
                    with suppress(JobStoreError):
                        await self._registry.writer.async_persist(job_id)
                raise
            await self._async_finish(job, new, queue)
            return new
        finally:
            self._active.discard(job_id)
            self._review()

    def _movable(self, job_id: str) -> Job:
        """Return a job that can be moved now. Raises InputError."""
        job = self._registry.get(job_id)
        if job is None:
            raise InputError("job_not_found", job_id=job_id[:64])
        if job.is_moving:
            raise job_error("job_is_moving", job)
        if (
            not job.can_reroute
            or job_id in self._registry.deciding
            or job_id in self._registry.reserved
        ):
            raise job_error("job_not_movable", job)
        return job

    async def _async_finish(self, job: Job, new: Job, queue: Destination) -> None:
        """End a job whose place another one has taken."""
        current = self._registry.get(job.job_id)
        if current is None or not current.is_moving:
            return
        self._registry.change(
            job, state=JobState.CANCELED, reason=MOVED, hold_reason=None, detail=new.printer_name
        )
        with suppress(JobStoreError):
            await self._registry.writer.async_persist(job.job_id)
            queue.forget_move(new.job_id)

    @callback
    def _stay(self, job: Job) -> None:
        """Let a job go on that was not moved, unless a newer one has taken its place meanwhile."""
        if any(
            other.spec.replace_key == job.spec.replace_key
            and other.printer_key == job.printer_key
            and other.created_at > job.created_at
            for other in self._registry.all()
            if job.spec.replace_key is not None
        ):
            self._registry.change(
                job, state=JobState.CANCELED, reason="replaced", moving_to=None, hold_reason=None
            )
        else:
            self._registry.change(job, moving_to=None)

    @callback
    def resolve(self, job: Job, now: datetime) -> datetime | None:
        """Finish or undo a move that was cut off; return when to try again."""
        if job.job_id in self._active or job.moving_to is None:
            return None
        entry_id, _, new_id = job.moving_to.partition("/")
        queue = self._queues.get(entry_id)
        if queue is not None and (new := queue.find(new_id)) is not None:
            self._entry.async_create_background_task(
                self._hass, self._async_finish(job, new, queue), "finish moving a print job"
            )
            return None
        if queue is not None and now < job.created_at + MOVE_MEMORY:
            self._stay(job)
            return None
        if queue is None and self._is_set_up(entry_id) and now < job.expires_at:
            if job.hold_reason != QueueReason.MOVING:
                self._registry.change(job, hold_reason=QueueReason.MOVING)
            return job.expires_at
        _LOGGER.warning("What became of a print job that was moved is not known: %s", job.job_id)
        self._registry.change(job, state=JobState.UNCONFIRMED, reason="move_unclear")
        return None

    def _is_set_up(self, entry_id: str) -> bool:
        """Return whether there is such a box, loaded or not."""
        entry = self._hass.config_entries.async_get_entry(entry_id)
        return entry is not None and entry.domain == DOMAIN
