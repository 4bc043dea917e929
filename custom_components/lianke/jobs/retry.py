"""Prints kept documents again: what may not have come out once more, what was wanted as often as asked.

The first is marked as retried, on disk, before the new job is made, perhaps in another box's folder. Wherever that
is cut off, whether the new job exists says whether the mark counts (`retrying_to`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.util.ulid import ulid_now

from ..api.options import ResolvedOptions
from ..documents.document import Document
from ..errors import InputError
from .beginning import async_find_beginning
from .by_hand import ByHand, Halves
from .errors import already_retried, change_not_saved, disk_full, job_error
from .job import Job, JobState
from .limits import CONVERTED
from .registry import JobRegistry
from .request import Destination, PrintRequest, Submission
from .store import JobStoreError


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """What is different when a document is printed again: the printer, the options, or both.

    `options` were checked against the printer; `requested` is what they were resolved from.
    """

    printer_key: str
    options: ResolvedOptions
    requested: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rest:
    """What is printed anew of a job whose two sides are printed by hand.

    `from_sheet` is the first sheet of the half that was not finished, from 1, as they came out;
    `backs_only` leaves out the first sides.
    """

    from_sheet: int = 1
    backs_only: bool = False


class JobRetrier:
    """Submits documents of finished jobs again, one at a time."""

    def __init__(self, hass: HomeAssistant, registry: JobRegistry) -> None:
        """Take the jobs of one box."""
        self._hass = hass
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
        rest: Rest | None,
        to: Destination,
    ) -> Submission:
        """Submit a job's document again to a queue, which may be another box's.

        One at a time, so that no job is retried twice. Raises InputError when the job
        cannot be retried or has been, HomeAssistantError when the disk refuses, and like `submit`.
        """
        async with self._lock:
            job = self._registry.get(job.job_id) or job
            if job.can_print_again:
                return await to.async_submit(await self._async_request(job, context, changes, rest))
            self._check(job, to)
            # Nothing is marked as retried by a call that is wrong.
            _halves_again(job, changes, rest)
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
                request = await self._async_request(job, context, changes, rest)
                # What was approved and did not come out needs no second approval.
                asker = (await async_find_beginning(self._hass, context)).user_id
                same = changes is None and job.asker.user_id == asker
                submission = await to.async_submit(
                    replace(
                        request,
                        job_id=again_id,
                        retry_of=job.job_id,
                        approved=job.approved and same,
                    )
                )
            except BaseException:
                self._registry.change(job, retried_as=before, retrying_to=None)
                raise
            finally:
                self._active = None
            self._registry.change(job, retrying_to=None)
            return submission

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

    async def _async_request(
        self, job: Job, context: Context, changes: Changes | None, rest: Rest | None
    ) -> PrintRequest:
        """Return the request that prints a job's document again."""
        by_hand = _halves_again(job, changes, rest)
        halves = None
        if by_hand is not None:
            halves = Halves(await self._async_copy_backs(job), by_hand)
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
            foreign_title=job.title_is_foreign,
            options=changes.options if changes else options,
            requested=changes.requested if changes else job.requested,
            context=context,
            ignore_quiet_hours=job.ignore_quiet_hours,
            laid_out=job.laid_out,
            release_code=job.release_code,
            halves=halves,
        )

    async def _async_copy_document(self, job: Job) -> Document:
        return await _async_copied(job, self._registry.store.async_copy_document(job))

    async def _async_copy_backs(self, job: Job) -> Document:
        return await _async_copied(job, self._registry.store.async_copy_backs(job))


async def _async_copied(job: Job, copy: Awaitable[Document | None]) -> Document:
    try:
        document = await copy
    except JobStoreError as err:
        raise disk_full(err) from None
    if document is None:
        raise job_error("document_gone", job)
    return document


def _halves_again(job: Job, changes: Changes | None, rest: Rest | None) -> ByHand | None:
    """Return what is printed again of a job with two halves, None for any other.

    Raises InputError: not_by_hand, by_hand_unchanged, no_such_sheet.
    """
    if job.by_hand is None:
        if rest is not None:
            raise job_error("not_by_hand", job)
        return None
    if changes is not None:
        # The halves were made for one printer and its options.
        raise job_error("by_hand_unchanged", job)
    rest = rest or Rest()
    count = job.by_hand.count(backs_only=rest.backs_only)
    if not 1 <= rest.from_sheet <= count:
        raise InputError("no_such_sheet", title=job.title, count=str(count))
    return job.by_hand.again(rest.from_sheet, backs_only=rest.backs_only)
