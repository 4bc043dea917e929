"""Retrying a job with its stored document, at most once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from homeassistant.core import Context
from homeassistant.util.ulid import ulid_now

from ..api.options import ResolvedOptions
from ..documents.document import Document
from .errors import change_not_saved, disk_full, job_error
from .job import Job, JobState
from .registry import JobRegistry
from .store import JobStoreError
from .submission import PrintRequest, Submission, already_retried


class Retries:
    """Retries the jobs of one box, one at a time, so that none is printed twice."""

    def __init__(self, registry: JobRegistry) -> None:
        """`registry` has the jobs to retry."""
        self._registry = registry
        self._store = registry.store
        self._lock = asyncio.Lock()

    async def async_retry(
        self,
        job: Job,
        *,
        context: Context,
        printer_key: str | None,
        options: ResolvedOptions | None,
        submit: Callable[[PrintRequest], Awaitable[Submission]],
        find: Callable[[str], Job | None],
    ) -> Submission:
        """Submit a job's document again by `submit`; `find` returns jobs of that queue by their ids.

        Raises ServiceValidationError when the job cannot be retried or has been, HomeAssistantError
        when the disk refuses, and like `submit`.
        """
        async with self._lock:
            job = self._registry.get(job.job_id) or job
            if job.retried_as is not None:
                again = find(job.retried_as) or self._registry.get(job.retried_as)
                # A retry that was never sent does not count.
                if again is None or not again.was_never_sent or again.can_retry:
                    raise already_retried(again or replace(job, job_id=job.retried_as))
            elif not job.can_retry or job.state is JobState.HELD:
                raise job_error("job_not_retryable", job)
            # Written before the new job is, perhaps in another box's folder: a power cut in between
            # leaves a mark without a job, and never two jobs.
            again_id, before = ulid_now(), job.retried_as
            try:
                await self._registry.async_change(job, retried_as=again_id)
            except JobStoreError:
                raise change_not_saved(job) from None
            try:
                return await submit(
                    PrintRequest(
                        job_id=again_id,
                        printer_key=printer_key or job.printer_key,
                        document=await self._async_document(job),
                        title=job.title,
                        options=options or ResolvedOptions.from_dict(job.options),
                        requested=job.requested,
                        context=context,
                        ignore_quiet_hours=job.ignore_quiet_hours,
                        retry_of=job.job_id,
                    )
                )
            except BaseException:
                self._registry.change(job, retried_as=before)
                raise

    async def _async_document(self, job: Job) -> Document:
        """Return a copy of the job's document."""
        try:
            document = await self._store.async_copy_document(job)
        except JobStoreError as err:
            raise disk_full(err) from None
        if document is None:
            raise job_error("document_gone", job)
        return document
