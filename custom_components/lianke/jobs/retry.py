"""The document of a job goes to another job: retried, or moved to another printer.

Prints kept documents again: what may not have come out once more, what was wanted as often as asked. The first is
marked as retried, on disk, before the new job is made, perhaps in another box's folder. Wherever that is cut off,
whether the new job exists says whether the mark counts (`retrying_to`).

Moves held jobs, so that a crash loses and doubles nothing, by three writes, each on disk before the next: the old job
names the new one and cannot print any more (`moving_to`); the new job is made; the old one ends. Wherever that is cut
off, whether the new job exists says how to go on. It is remembered for as long as the old one may ask (`move_open`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
import logging
from typing import Any

from homeassistant.core import Context, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.ulid import ulid_now

from ..api.options import ResolvedOptions
from ..const import DOMAIN
from ..documents.document import Document
from ..documents.spool import disk_full, unlink_all
from ..errors import InputError
from .job import (
    CONVERTED,
    MOVED,
    Asker,
    Delivery,
    Job,
    JobSpec,
    JobState,
    Origin,
    already_retried,
    change_not_saved,
    job_error,
)
from .readiness import QueueReason
from .registry import JobWorker, QueueBox
from .retention import MOVE_MEMORY
from .store import JobStoreError


@dataclass(frozen=True, kw_only=True, slots=True)
class Mover:
    """Who moves a job, as a job says who asks for it."""

    asker: Asker
    origin: Origin
    automated: bool
    forgotten: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """What is different when a document is printed again: the printer, the options, or both.

    `options` were checked against the printer; `requested` is what they were resolved from. `mover` has chosen other
    options for a job that is moved, None where nobody has; `keeps_approval` says that what was approved of it stays so.
    """

    printer_key: str
    options: ResolvedOptions
    requested: Mapping[str, Any]
    mover: Mover | None = None
    keeps_approval: bool = True


_LOGGER = logging.getLogger(__name__)


# Those of the boxes that have loaded their jobs, by config entry.
DATA_MOVERS: HassKey[dict[str, JobMover]] = HassKey(f"{DOMAIN}_movers")


class JobMover(JobWorker):
    """Prints the documents of finished jobs of one box again, moves held ones, and finishes what was cut off."""

    def __init__(self, box: QueueBox, submit: Callable[..., Awaitable[Job]]) -> None:
        """Know the other boxes by Home Assistant's data; `submit` is `PrintQueue.async_submit` of this one."""
        super().__init__(box)
        self.entry_id = self._entry.entry_id
        self.submit = submit
        self._movers = self._hass.data.setdefault(DATA_MOVERS, {})
        # Jobs that are being moved or retried.
        self._active: set[str] = set()
        self._retrying = asyncio.Lock()

    @callback
    def open(self) -> None:
        """Let other boxes move jobs to this one; what was cut off between it and them goes on."""
        self._movers[self.entry_id] = self
        for mover in [*self._movers.values()]:
            mover.resolve()

    @callback
    def close(self) -> None:
        """Take no more jobs of other boxes."""
        if self._movers.get(self.entry_id) is self:
            del self._movers[self.entry_id]

    def find(self, job_id: str) -> Job | None:
        """Return a job of this box as it is; None for an unknown one."""
        return self._registry.jobs.get(job_id)

    async def async_retry(
        self,
        job: Job,
        *,
        context: Context,
        changes: Changes | None,
        anew: Sequence[Delivery] | None,
        to: JobMover,
    ) -> Job:
        """See `PrintQueue.async_retry`. One at a time, so that no job is retried twice.

        The documents of the deliveries in `anew` become copies of the job's.
        """
        async with self._retrying:
            job = self._registry.jobs.get(job.job_id) or job
            if anew is None and len(job.deliveries) > 1:
                raise job_error("job_not_retryable", job)
            if job.can_print_again:
                deliveries = await self._async_deliveries(job, changes, anew)
                return await to.submit(_spec(job, context, changes), deliveries)
            self._check(job, to)
            again_id, before = ulid_now(), job.retried_as
            self._active.add(job.job_id)
            try:
                try:
                    await self._registry.async_change(
                        job, retried_as=again_id, retrying_to=f"{to.entry_id}/{again_id}"
                    )
                except JobStoreError:
                    raise change_not_saved(job) from None
                try:
                    deliveries = await self._async_deliveries(job, changes, anew)
                    spec = replace(
                        _spec(job, context, changes),
                        retry_of=job.job_id,
                        approved=job.spec.approved and changes is None,
                    )
                    again = await to.submit(spec, deliveries, job_id=again_id)
                except BaseException:
                    self._registry.change(job, retried_as=before, retrying_to=None)
                    raise
            finally:
                self._active.discard(job.job_id)
            self._registry.change(job, retrying_to=None)
            return again

    def resolve(self) -> None:
        """Void the marks of retries that were cut off before there was a new job; have moves looked at again."""
        for job in list(self._registry.jobs.values()):
            if job.retrying_to is None or job.job_id in self._active:
                continue
            entry_id, _, again_id = job.retrying_to.partition("/")
            # As long as the box's jobs are not loaded, nobody can tell.
            if (mover := self._movers.get(entry_id)) is not None:
                made = mover.find(again_id) is not None
                self._registry.change(
                    job, retried_as=job.retried_as if made else None, retrying_to=None
                )
        self._registry.on_change()

    def _check(self, job: Job, to: JobMover) -> None:
        """Refuse a job that cannot be retried, or whose retry may have been sent."""
        if job.retried_as is not None:
            # It may be in any box.
            found = (mover.find(job.retried_as) for mover in (to, *self._movers.values()))
            again = next(filter(None, found), None)
            # A retry that was never sent does not count.
            if again is None or not again.was_never_sent or again.can_retry:
                raise already_retried(again or replace(job, job_id=job.retried_as))
        elif not job.can_retry or job.state is JobState.HELD:
            raise job_error("job_not_retryable", job)

    async def _async_deliveries(
        self, job: Job, changes: Changes | None, anew: Sequence[Delivery] | None
    ) -> tuple[Delivery, ...]:
        copies = await self._async_copied(job)
        if anew is not None:
            return tuple(
                replace(one, document=copy) for one, copy in zip(anew, copies, strict=True)
            )
        (first,) = copies
        before = job.deliveries[0].options
        options = changes.options if changes else before
        if options.paper_id != before.paper_id and first.extension in CONVERTED:
            # How many pages it becomes depends on the paper.
            first = replace(first, pages=None)
        return (Delivery(document=first, options=options),)

    async def _async_copied(self, job: Job) -> list[Document]:
        """Return copies of a job's documents. Raises HomeAssistantError, InputError when they are gone."""
        try:
            documents = await self._store.async_copy_documents(job)
        except JobStoreError as err:
            raise disk_full(err) from None
        if documents is None:
            raise job_error("document_gone", job)
        return documents

    async def async_move(self, job_id: str, changes: Changes, entry_id: str) -> Job:
        """See `PrintQueue.async_move`. Must not be cancelled."""
        job = self._movable(job_id)
        if (to := self._movers.get(entry_id)) is None:
            raise InputError("not_ready_getting_ready", printer=job.printer_name)
        if job_id in self._active:
            raise job_error("job_is_moving", job)
        self._active.add(job_id)
        try:
            (document,) = await self._async_copied(job)
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
            # It has everything of the old one but its options, and what was agreed to with these.
            spec = replace(
                job.spec,
                printer_key=changes.printer_key,
                requested=changes.requested,
                moved_from=job_id,
                retry_of=None,
                approved=job.spec.approved and changes.keeps_approval,
                hold=True,
            )
            if changes.mover is not None and _asks_for_more(job, deliveries[0]):
                spec = _of_mover(spec, changes.mover)
            as_it_was = changes.mover is None
            try:
                new = await to.submit(
                    spec, deliveries, job_id=new_id, moved=job, as_it_was=as_it_was
                )
            except BaseException:
                if to.find(new_id) is None:
                    self._stay(job)
                    with suppress(JobStoreError):
                        await self._store.async_persist(job_id)
                raise
            await self._async_finish(job, new, to)
            return new
        finally:
            self._active.discard(job_id)
            self._registry.on_change()

    def _movable(self, job_id: str) -> Job:
        """Return a job that can be moved now. Raises InputError."""
        job = self._registry.jobs.get(job_id)
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

    async def _async_finish(self, job: Job, new: Job, to: JobMover) -> None:
        """End a job whose place another one has taken."""
        current = self._registry.jobs.get(job.job_id)
        if current is None or not current.is_moving:
            return
        self._registry.change(
            job, state=JobState.CANCELED, reason=MOVED, hold_reason=None, detail=new.printer_name
        )
        with suppress(JobStoreError):
            await self._store.async_persist(job.job_id)
            to.forget_move(new.job_id)

    def forget_move(self, job_id: str) -> None:
        """Note that the job which a moved one took the place of is over."""
        self._registry.note(job_id, move_open=False)

    def _stay(self, job: Job) -> None:
        """Let a job go on that was not moved, unless a newer one has taken its place meanwhile."""
        if any(
            other.spec.replace_key == job.spec.replace_key
            and other.printer_key == job.printer_key
            and other.created_at > job.created_at
            # One that was made before this one was to be moved, and is over, has replaced nothing.
            and (not other.is_final or other.job_id > (job.moving_to or "").partition("/")[2])
            for other in self._registry.jobs.values()
            if job.spec.replace_key is not None
        ):
            self._registry.change(
                job, state=JobState.CANCELED, reason="replaced", moving_to=None, hold_reason=None
            )
        else:
            self._registry.change(job, moving_to=None)

    def resolve_move(self, job: Job, now: datetime) -> datetime | None:
        """Finish or undo a move that was cut off; return when to try again."""
        if job.job_id in self._active or job.moving_to is None:
            return None
        entry_id, _, new_id = job.moving_to.partition("/")
        to = self._movers.get(entry_id)
        if to is not None and (new := to.find(new_id)) is not None:
            self._entry.async_create_background_task(
                self._hass, self._async_finish(job, new, to), "finish moving a print job"
            )
            return None
        if to is not None and now < job.created_at + MOVE_MEMORY:
            self._stay(job)
            return None
        entry = self._hass.config_entries.async_get_entry(entry_id)
        is_set_up = entry is not None and entry.domain == DOMAIN
        if to is None and is_set_up and now < job.expires_at:
            if job.hold_reason != QueueReason.MOVING:
                self._registry.change(job, hold_reason=QueueReason.MOVING)
            return job.expires_at
        _LOGGER.warning("What became of a print job that was moved is not known: %s", job.job_id)
        self._registry.change(job, state=JobState.UNCONFIRMED, reason="move_unclear")
        return None


def _asks_for_more(job: Job, new: Delivery) -> bool:
    """Return whether more pages may come of a job, over all copies, by what it becomes."""
    old = job.present
    before, after = old.most_pages, new.most_pages
    if before is not None and after is not None:
        return after * new.job_copies > before * old.job_copies
    return (before is not None and after is None) or new.job_copies > old.job_copies


def _of_mover(spec: JobSpec, mover: Mover) -> JobSpec:
    """Return what is asked for as the print of who makes more of it, and not of whoever asked for less.

    As where a document is printed again, which the same people may do. What others are asked about is asked still.
    """
    is_other = spec.asker.user_id is None or spec.asker.user_id != mover.asker.user_id
    return replace(
        spec,
        asker=mover.asker,
        origin=mover.origin,
        automated=mover.automated,
        forgotten=mover.forgotten,
        sender=None,
        sender_address=None,
        approved=False,
        foreign_code=spec.release_code is not None and (spec.foreign_code or is_other),
    )


def _spec(job: Job, context: Context, changes: Changes | None) -> JobSpec:
    """Return what is asked for when a job's document is printed again."""
    spec = job.spec
    return JobSpec(
        printer_key=changes.printer_key if changes else spec.printer_key,
        title=spec.title,
        foreign_title=job.title_is_foreign,
        requested=changes.requested if changes else spec.requested,
        asker=Asker.of(context),
        ignore_quiet_hours=spec.ignore_quiet_hours,
        laid_out=spec.laid_out,
        release_code=spec.release_code,
        foreign_code=spec.release_code is not None
        # Nobody's job is everybody's who prints it again, also by an automation.
        and (spec.foreign_code or job.user_id is None or job.user_id != context.user_id),
    )
