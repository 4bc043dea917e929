"""The document of a job goes to another job: printed again, or moved to another printer.

Both jobs are in one transaction of the ledger, also where they are of two boxes: what may not have come out is marked
as retried together with the job that prints it again, and a job that is moved ends together with the one that takes
its place.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
import logging
from typing import Any

from homeassistant.core import Context, callback
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.ulid import ulid_now

from ..api.options import ResolvedOptions
from ..const import DOMAIN
from ..documents.document import Document
from ..documents.spool import disk_full
from ..errors import InputError
from ..ledger import View
from .box_jobs import JobWorker, QueueBox
from .files import DocumentsError
from .job import (
    CONVERTED,
    MOVED,
    Asker,
    Delivery,
    Job,
    JobSpec,
    JobState,
    Origin,
    job_error,
)
from .rules import asks_for_more, check_movable, check_retry


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
    """Prints the documents of finished jobs of one box again, and moves held ones."""

    def __init__(self, box: QueueBox, submit: Callable[..., Awaitable[Job]]) -> None:
        """Know the other boxes by Home Assistant's data; `submit` is `PrintQueue.async_submit` of this one."""
        super().__init__(box)
        self.entry_id = self._entry.entry_id
        self.submit = submit
        self._movers = self._hass.data.setdefault(DATA_MOVERS, {})
        self._retrying = asyncio.Lock()

    @callback
    def open(self) -> None:
        """Let other boxes move jobs to this one."""
        self._movers[self.entry_id] = self

    @callback
    def close(self) -> None:
        """Take no more jobs of other boxes."""
        if self._movers.get(self.entry_id) is self:
            del self._movers[self.entry_id]

    def find(self, job_id: str) -> Job | None:
        """Return a job of this box as it is; None for an unknown one."""
        return self._jobs.latest.get(job_id)

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
            job = self.find(job.job_id) or job
            if anew is None and len(job.deliveries) > 1:
                raise job_error("job_not_retryable", job)
            if job.can_print_again:
                deliveries = await self._async_deliveries(job, changes, anew)
                return await to.submit(_spec(job, context, changes), deliveries)
            self._check(job, to)
            again_id = ulid_now()

            def mark(view: View) -> None:
                if (current := self._held_here(view, job)) != job:
                    # It may have come out meanwhile.
                    self._check(current, to)
                view.put(
                    self._jobs.table, job.job_id, current.changed(now=view.now, retried_as=again_id)
                )

            deliveries = await self._async_deliveries(job, changes, anew)
            spec = replace(
                _spec(job, context, changes),
                retry_of=job.job_id,
                approved=job.spec.approved and changes is None,
            )
            return await to.submit(spec, deliveries, job_id=again_id, together=mark)

    def _held_here(self, view: View, job: Job) -> Job:
        """Return a job of this box in a change that another box makes. Raises InputError, LedgerClosedError."""
        self._jobs.lease.check()
        current = view.get(self._jobs.table, job.job_id)
        if current is None:
            raise InputError("job_not_found", job_id=job.job_id[:64])
        return current

    def _check(self, job: Job, to: JobMover) -> None:
        # Its retry may be in any box.
        movers = (to, *self._movers.values()) if job.retried_as else ()
        found = (mover.find(job.retried_as or "") for mover in movers)
        check_retry(job, next(filter(None, found), None))

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
            documents = await self._files.async_copy(job)
        except DocumentsError as err:
            raise disk_full(err) from None
        if documents is None:
            raise job_error("document_gone", job)
        return documents

    async def async_move(self, job_id: str, changes: Changes, entry_id: str) -> Job:
        """See `PrintQueue.async_move`. Must not be cancelled."""
        job = check_movable(self.find(job_id), job_id)
        if (to := self._movers.get(entry_id)) is None:
            raise InputError("not_ready_getting_ready", printer=job.printer_name)
        (document,) = await self._async_copied(job)
        new = Delivery(document=document, options=changes.options)
        new_id = ulid_now()
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
        if changes.mover is not None and asks_for_more(job, new):
            spec = _of_mover(spec, changes.mover)

        def end(view: View) -> None:
            # It may have been sent, answered or canceled meanwhile.
            current = check_movable(self._held_here(view, job), job_id)
            if job_id in self._jobs.reserved or current.spec != job.spec:
                raise job_error("job_not_movable", job)
            ended = current.changed(
                now=view.now,
                state=JobState.CANCELED,
                reason=MOVED,
                hold_reason=None,
                detail=to.printer_name(changes.printer_key),
                moved_to=new_id,
            )
            view.put(self._jobs.table, job_id, ended)

        try:
            return await to.submit(
                spec,
                (new,),
                job_id=new_id,
                moved=job,
                as_it_was=changes.mover is None,
                together=end,
            )
        finally:
            self._jobs.on_change()

    def printer_name(self, printer_key: str) -> str:
        """Return what a printer of this box is called."""
        view = self._coordinator.data.printers.get(printer_key)
        return "" if view is None else view.name


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
        and (
            spec.foreign_code
            or job.spec.asker.user_id is None
            or job.spec.asker.user_id != context.user_id
        ),
    )
