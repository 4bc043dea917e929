"""Printing a kept document once more: each job at most once, and then the job it has become."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.util.ulid import ulid_now

from ..api.options import ResolvedOptions
from ..const import DOMAIN
from ..documents.document import Document
from .job import Job, JobState
from .registry import JobRegistry
from .store import JobStore, JobStoreError
from .submission import PrintRequest, Submission, already_retried
from .unattended import async_finish


class Retries:
    """Retries the jobs of one box, one at a time, so that none is printed twice."""

    def __init__(self, registry: JobRegistry, store: JobStore) -> None:
        """Take where the jobs and their documents are."""
        self._registry = registry
        self._store = store
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
        """Submit a job's document once more by `submit`; `find` looks among the jobs it makes.

        Once begun, it is done even if the caller is cancelled. Raises ServiceValidationError when the
        job cannot be retried, or has been, HomeAssistantError when that cannot be kept, and like `submit`.
        """
        retrying = asyncio.ensure_future(
            self._async_retry(
                job,
                context=context,
                printer_key=printer_key,
                options=options,
                submit=submit,
                find=find,
            )
        )
        return await async_finish(retrying)

    async def _async_retry(
        self,
        job: Job,
        *,
        context: Context,
        printer_key: str | None,
        options: ResolvedOptions | None,
        submit: Callable[[PrintRequest], Awaitable[Submission]],
        find: Callable[[str], Job | None],
    ) -> Submission:
        async with self._lock:
            job = self._registry.get(job.job_id) or job
            if job.retried_as is not None:
                again = find(job.retried_as) or self._registry.get(job.retried_as)
                # A retry that was canceled before anything of it left the house counts for nothing.
                if again is None or not again.surely_took_no_paper or again.can_retry:
                    raise already_retried(again or replace(job, job_id=job.retried_as))
            elif not job.can_retry or job.state is JobState.HELD:
                raise input_error("job_not_retryable", job)
            # The mark is on disk before the new job can be, in whichever box's folder that is: a power
            # cut in between leaves a mark without a job, and never two jobs.
            again_id, before = ulid_now(), job.retried_as
            try:
                await self._registry.async_change(job, retried_as=again_id)
            except JobStoreError:
                raise HomeAssistantError(
                    translation_domain=DOMAIN,
                    translation_key="change_not_kept",
                    translation_placeholders={"title": job.title},
                ) from None
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
        except JobStoreError:
            raise HomeAssistantError(
                translation_domain=DOMAIN, translation_key="disk_full"
            ) from None
        if document is None:
            raise input_error("document_gone", job)
        return document


def input_error(key: str, job: Job) -> ServiceValidationError:
    """Return the error for what cannot be asked of a job."""
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders={"title": job.title},
    )
