"""Prints kept documents again: what may not have come out once more, what was wanted as often as asked."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from homeassistant.core import Context
from homeassistant.util.ulid import ulid_now

from ..api.options import ResolvedOptions
from ..documents.document import Document
from .errors import already_retried, change_not_saved, disk_full, job_error
from .job import Job, JobState
from .limits import CONVERTED
from .registry import JobRegistry
from .request import PrintRequest, Submission
from .store import JobStoreError


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

    async def async_retry(
        self,
        job: Job,
        *,
        context: Context,
        changes: Changes | None,
        submit: Callable[[PrintRequest], Awaitable[Submission]],
        find: Callable[[str], Job | None],
    ) -> Submission:
        """Submit a job's document again by `submit`; `find` returns jobs of that queue by their ids.

        One at a time, so that no job is retried twice. Raises ServiceValidationError when the job
        cannot be retried or has been, HomeAssistantError when the disk refuses, and like `submit`.
        """
        async with self._lock:
            job = self._registry.get(job.job_id) or job
            if job.can_print_again:
                return await submit(await self._async_request(job, context, changes))
            self._check(job, find)
            # Written before the new job is, perhaps in another box's folder: a power cut in between
            # leaves a mark without a job, and never two jobs.
            again_id, before = ulid_now(), job.retried_as
            try:
                await self._registry.async_change(job, retried_as=again_id)
            except JobStoreError:
                raise change_not_saved(job) from None
            try:
                request = await self._async_request(job, context, changes)
                return await submit(replace(request, job_id=again_id, retry_of=job.job_id))
            except BaseException:
                self._registry.change(job, retried_as=before)
                raise

    def _check(self, job: Job, find: Callable[[str], Job | None]) -> None:
        """Refuse a job that cannot be retried, or whose retry may have been sent."""
        if job.retried_as is not None:
            again = find(job.retried_as) or self._registry.get(job.retried_as)
            # A retry that was never sent does not count.
            if again is None or not again.was_never_sent or again.can_retry:
                raise already_retried(again or replace(job, job_id=job.retried_as))
        elif not job.can_retry or job.state is JobState.HELD:
            raise job_error("job_not_retryable", job)

    async def _async_request(
        self, job: Job, context: Context, changes: Changes | None
    ) -> PrintRequest:
        """Return the request that prints a job's document again."""
        document = await self._async_copy_document(job)
        options = ResolvedOptions.from_dict(job.options)
        if (
            changes is not None
            and changes.options.paper_id != options.paper_id
            and document.extension in CONVERTED
        ):
            # How many pages it becomes depends on the paper.
            document = replace(document, pages=None)
        return PrintRequest(
            printer_key=changes.printer_key if changes else job.printer_key,
            document=document,
            title=job.title,
            options=changes.options if changes else options,
            requested=changes.requested if changes else job.requested,
            context=context,
            ignore_quiet_hours=job.ignore_quiet_hours,
            laid_out=job.laid_out,
            release_code=job.release_code,
        )

    async def _async_copy_document(self, job: Job) -> Document:
        try:
            document = await self._registry.store.async_copy_document(job)
        except JobStoreError as err:
            raise disk_full(err) from None
        if document is None:
            raise job_error("document_gone", job)
        return document
