"""The document of a job goes to another job: printed again, or moved to another printer.

Both jobs are in one transaction of the ledger, also where they are of two boxes: what may not have come out is marked
as retried together with the job that prints it again, and a job that is moved ends together with the one that takes
its place.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from homeassistant.core import callback
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.ulid import ulid_now

from ..const import DOMAIN
from ..documents.spool import disk_full
from ..errors import InputError
from ..ledger import View
from .box_jobs import JobWorker, QueueBox
from .files import DocumentsError
from .job import MOVED, Delivery, Job, JobSpec, JobState, job_error
from .rules import check_movable, check_retry

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
        return self._jobs.latest.get(job_id)

    async def async_retry(
        self, job: Job, spec: JobSpec, deliveries: Sequence[Delivery], to: JobMover
    ) -> Job:
        """See `PrintQueue.async_retry`. One at a time, so that no job is retried twice."""
        async with self._retrying:
            job = self.find(job.job_id) or job
            if len(deliveries) != len(job.deliveries):
                raise job_error("job_not_retryable", job)
            if job.can_print_again:
                copies = await self._async_copied(job, deliveries)
                return await to.submit(replace(spec, approved=False), copies)
            self._check(job, to)
            again_id = ulid_now()

            def mark(view: View) -> None:
                if (current := self._held_here(view, job)) != job:
                    # It may have come out meanwhile.
                    self._check(current, to)
                view.put(
                    self._jobs.table, job.job_id, current.changed(now=view.now, retried_as=again_id)
                )

            copies = await self._async_copied(job, deliveries)
            spec = replace(spec, retry_of=job.job_id)
            return await to.submit(spec, copies, job_id=again_id, together=mark)

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

    async def _async_copied(self, job: Job, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Return the deliveries with copies of a job's documents. Raises InputError: document_gone; disk_full."""
        try:
            documents = await self._files.async_copy(job)
        except DocumentsError as err:
            raise disk_full(err) from None
        if documents is None:
            raise job_error("document_gone", job)
        return [
            replace(one, document=replace(copy, pages=one.document.pages))
            for one, copy in zip(deliveries, documents, strict=True)
        ]

    async def async_move(
        self, job_id: str, spec: JobSpec, new: Delivery, entry_id: str, *, as_it_was: bool
    ) -> Job:
        """See `PrintQueue.async_move`. Must not be cancelled."""
        job = check_movable(self.find(job_id), job_id)
        if (to := self._movers.get(entry_id)) is None:
            raise InputError("not_ready_getting_ready", printer=job.printer_name)
        copies = await self._async_copied(job, [new])
        new_id = ulid_now()

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
                detail=to.printer_name(spec.printer_key),
                moved_to=new_id,
            )
            view.put(self._jobs.table, job_id, ended)

        try:
            return await to.submit(
                spec,
                copies,
                job_id=new_id,
                moved=job,
                as_it_was=as_it_was,
                together=end,
            )
        finally:
            self._jobs.on_change()

    def printer_name(self, printer_key: str) -> str:
        view = self._coordinator.data.printers.get(printer_key)
        return "" if view is None else view.name
