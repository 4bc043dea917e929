"""Prints kept documents again: what may not have come out once more, what was wanted as often as asked.

The first is marked as retried, on disk, before the new job is made, perhaps in another box's folder. Wherever that
is cut off, whether the new job exists says whether the mark counts (`retrying_to`).
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from homeassistant.core import Context, callback
from homeassistant.util.ulid import ulid_now

from ..api.options import ResolvedOptions
from ..documents.document import Document
from .delivery import Delivery, JobState
from .errors import already_retried, change_not_saved, disk_full, job_error
from .job import Job
from .limits import CONVERTED
from .registry import JobRegistry
from .spec import Asker, JobSpec
from .store import JobStoreError
from .submission import Destination


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """What is different when a document is printed again: the printer, the options, or both.

    `options` were checked against the printer; `requested` is what they were resolved from.
    """

    printer_key: str
    options: ResolvedOptions
    requested: Mapping[str, Any]


class JobRetrier:
    """Submits documents of finished jobs again, one at a time."""

    def __init__(self, registry: JobRegistry) -> None:
        """Take the jobs of one box."""
        self._registry = registry
        self._lock = asyncio.Lock()
        # The job that is being retried.
        self._active: str | None = None

    async def async_retry(
        self,
        job: Job,
        *,
        context: Context,
        changes: Changes | None,
        anew: Sequence[Delivery] | None,
        to: Destination,
    ) -> Job:
        """Submit a job's document again to a queue, which may be another box's.

        One at a time, so that no job is retried twice. `anew` are the deliveries to make of a job that had several;
        their documents become copies of the job's. Raises InputError when the job
        cannot be retried or has been, HomeAssistantError when the disk refuses, and like `submit`.
        """
        async with self._lock:
            job = self._registry.get(job.job_id) or job
            if anew is None and len(job.deliveries) > 1:
                raise job_error("job_not_retryable", job)
            if job.can_print_again:
                deliveries = await self._async_deliveries(job, changes, anew)
                return await to.async_submit(_spec(job, context, changes), deliveries)
            self._check(job, to)
            again_id, before = ulid_now(), job.retried_as
            self._active = job.job_id
            try:
                await self._registry.async_change(
                    job, retried_as=again_id, retrying_to=f"{to.entry_id}/{again_id}"
                )
            except JobStoreError:
                self._active = None
                raise change_not_saved(job) from None
            try:
                deliveries = await self._async_deliveries(job, changes, anew)
                spec = replace(
                    _spec(job, context, changes),
                    retry_of=job.job_id,
                    approved=job.spec.approved and changes is None,
                )
                again = await to.async_submit(spec, deliveries, job_id=again_id)
            except BaseException:
                self._registry.change(job, retried_as=before, retrying_to=None)
                raise
            finally:
                self._active = None
            self._registry.change(job, retrying_to=None)
            return again

    @callback
    def resolve(self, exists: Callable[[str, str], bool | None]) -> None:
        """Void the marks of retries that were cut off before there was a new job.

        `exists` returns whether the box with a config entry has a job, None if it cannot be told yet.
        """
        for job in self._registry.all():
            if job.retrying_to is None or job.job_id == self._active:
                continue
            entry_id, _, again_id = job.retrying_to.partition("/")
            if (made := exists(entry_id, again_id)) is not None:
                self._registry.change(
                    job, retried_as=job.retried_as if made else None, retrying_to=None
                )

    def _check(self, job: Job, to: Destination) -> None:
        """Refuse a job that cannot be retried, or whose retry may have been sent."""
        if job.retried_as is not None:
            again = to.find(job.retried_as) or self._registry.get(job.retried_as)
            # A retry that was never sent does not count.
            if again is None or not again.was_never_sent or again.can_retry:
                raise already_retried(again or replace(job, job_id=job.retried_as))
        elif not job.can_retry or job.state is JobState.HELD:
            raise job_error("job_not_retryable", job)

    async def _async_deliveries(
        self, job: Job, changes: Changes | None, anew: Sequence[Delivery] | None
    ) -> tuple[Delivery, ...]:
        """Return deliveries of copies of a job's documents."""
        copies = await async_copied(self._registry, job)
        if anew is not None:
            return tuple(
                replace(one, document=copy) for one, copy in zip(anew, copies, strict=True)
            )
        (first,) = copies
        options = changes.options if changes else job.spec.options
        if options.paper_id != job.spec.options.paper_id and first.extension in CONVERTED:
            # How many pages it becomes depends on the paper.
            first = replace(first, pages=None)
        return (Delivery(document=first, options=options),)


def _spec(job: Job, context: Context, changes: Changes | None) -> JobSpec:
    """Return what is asked for when a job's document is printed again."""
    spec = job.spec
    return JobSpec(
        printer_key=changes.printer_key if changes else spec.printer_key,
        title=spec.title,
        foreign_title=job.title_is_foreign,
        options=changes.options if changes else spec.options,
        requested=changes.requested if changes else spec.requested,
        asker=Asker.of(context),
        ignore_quiet_hours=spec.ignore_quiet_hours,
        laid_out=spec.laid_out,
        release_code=spec.release_code,
    )


async def async_copied(registry: JobRegistry, job: Job) -> list[Document]:
    """Return copies of a job's documents. Raises HomeAssistantError, InputError when they are gone."""
    try:
        documents = await registry.store.async_copy_documents(job)
    except JobStoreError as err:
        raise disk_full(err) from None
    if documents is None:
        raise job_error("document_gone", job)
    return documents
