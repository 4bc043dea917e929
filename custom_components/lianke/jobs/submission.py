"""Taking a job: checks first, then the store, and only then may anything be sent."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
import hashlib
import logging
from pathlib import Path
import secrets
from typing import Any, NamedTuple

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, Context, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.util import dt as dt_util
from homeassistant.util.ulid import ulid_now

from ..api.models import DriverState
from ..api.options import ResolvedOptions
from ..api.page_range import count_selected
from ..box.views import PrinterView
from ..const import DOMAIN
from ..coordinator import LiankeCoordinator
from ..documents.document import Document
from .job import Asker, Job, JobState
from .limits import Content, LimitError, check_pages, check_rate, find_duplicate
from .page_count import PageCounter
from .readiness import PERMANENT, Readiness
from .registry import JobRegistry
from .settings import hold_time, max_jobs_per_hour, max_pages
from .store import JobStore, JobStoreError
from .uploader import TOKEN_BYTES

_LOGGER = logging.getLogger(__name__)

# Called with a printer's key and the error, or None when a job of it was taken again.
type LimitListener = Callable[[str, LimitError | None], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class PrintRequest:
    """Everything the queue has to know to print one document on one printer.

    `options` are checked against the printer already; `requested` is what the caller
    asked for, kept for printing elsewhere. `expires_in` None means the entry's option, `job_id` None
    that a new one is made. `sender` and `sender_address` are set for what a device of the home network sent.
    """

    printer_key: str
    document: Document
    title: str
    options: ResolvedOptions
    context: Context
    requested: Mapping[str, Any] = field(default_factory=dict)
    request_id: str | None = None
    replace_key: str | None = None
    hold: bool = True
    expires_in: timedelta | None = None
    ignore_quiet_hours: bool = False
    retry_of: str | None = None
    job_id: str | None = None
    sender: str | None = None
    sender_address: str | None = None


class Submission(NamedTuple):
    """A job that was taken, or the earlier one with the same request id."""

    job: Job
    duplicate: bool = False


class JobSubmitter:
    """Decides on new jobs, one at a time."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        *,
        coordinator: LiankeCoordinator,
        registry: JobRegistry,
        store: JobStore,
        readiness: Readiness,
        abort: Callable[[Job], None],
        counter: PageCounter,
    ) -> None:
        """Take what the decision rests on; `abort` stops a job's upload before its end."""
        self._hass = hass
        self._entry = entry
        self._coordinator = coordinator
        self._registry = registry
        self._store = store
        self._readiness = readiness
        self._abort = abort
        self._counter = counter
        self._lock = asyncio.Lock()
        self._closed = False
        self._limit_listeners: list[LimitListener] = []

    @callback
    def listen_limits(self, listener: LimitListener) -> CALLBACK_TYPE:
        """Tell when the paper guard refuses a job, and when one is taken again."""
        self._limit_listeners.append(listener)

        @callback
        def unsubscribe() -> None:
            self._limit_listeners.remove(listener)

        return unsubscribe

    @callback
    def close(self) -> None:
        """Take nothing any more: what reads the store next would not know of it."""
        self._closed = True

    async def async_submit(self, request: PrintRequest) -> Submission:
        """Take a job or refuse it; see PrintQueue.async_submit."""
        taken = False
        try:
            # Not in the lock: it may take a while.
            document = await self._counter.async_complete(
                request.printer_key,
                request.document,
                request.options,
                limit=max_pages(self._entry.options),
            )
            request = replace(request, document=document)
            async with self._lock:
                submission = await self._async_decide(request)
                taken = not submission.duplicate
        finally:
            if not taken:
                await self._hass.async_add_executor_job(_unlink, request.document.path)
        return submission

    async def _async_decide(self, request: PrintRequest) -> Submission:
        digest = await self._async_digest(request)
        now = dt_util.utcnow()
        if request.retry_of:
            self._check_retry(request.retry_of)
        if request.request_id and (
            job := find_duplicate(
                self._registry.all(),
                request.request_id,
                Content(
                    printer_key=request.printer_key,
                    digest=digest,
                    options=request.options.as_dict(),
                ),
                now,
            )
        ):
            return Submission(job=job, duplicate=True)
        view = self._coordinator.data.printers.get(request.printer_key)
        if view is None:
            raise _refusal("printer_gone")
        if view.printer.driver in (DriverState.AWAITING, DriverState.UNSUPPORTED):
            raise _refusal(f"driver_{view.printer.driver}", printer=view.name)
        if self._closed:
            raise _refusal("not_ready_getting_ready", printer=view.name)
        replaced = self._replaced_by(request)
        self._check_limits(request, view, replaced)
        reason = self._readiness.check_printer(
            view.key, now, ignore_quiet_hours=request.ignore_quiet_hours
        ).reason
        if reason is not None and (reason in PERMANENT or not request.hold):
            raise _refusal(f"not_ready_{reason}", printer=view.name)
        job = self._new_job(request, view, reason, digest, now)
        self._registry.reserved |= {old.job_id for old in replaced}
        try:
            await self._store.async_create(job, request.document)
            if replaced:
                # The old ones stay until the one that takes their place is safe.
                await self._async_safe(job)
        except JobStoreError as err:
            raise _disk_full(err) from None
        finally:
            self._registry.reserved.clear()
        self._registry.add(job)
        for old in replaced:
            if self._registry.state_of(old.job_id) is JobState.HELD:
                # Should the disk not take it: of two that replace each other only the newest survives a restart.
                self._registry.change(old, state=JobState.CANCELED, reason="replaced")
                with suppress(JobStoreError):
                    await self._registry.async_wait_persisted(old.job_id)
        return Submission(job=job)

    async def _async_safe(self, job: Job) -> None:
        """Wait until the document of a job that nobody knows of yet is on disk. Raises JobStoreError."""
        try:
            await self._store.async_flushed(job.job_id)
        except JobStoreError:
            await self._store.async_delete([job.job_id])
            raise

    async def async_flushed(self, job_id: str) -> None:
        """Wait until the document of a new job is on disk and tell of the job; else there is none.

        Raises HomeAssistantError: disk_full.
        """
        try:
            await self._store.async_flushed(job_id)
        except JobStoreError as err:
            if (job := self._registry.get(job_id)) is not None:
                self._abort(job)
            await self._registry.async_discard(job_id)
            raise _disk_full(err) from None
        self._registry.publish(job_id)

    async def _async_digest(self, request: PrintRequest) -> str:
        """Return what tells the document apart, empty where nothing will ask for it."""
        document = request.document
        if document.digest is not None or request.request_id is None:
            return document.digest or ""
        return await self._hass.async_add_executor_job(_digest, document.path)

    def _check_retry(self, job_id: str) -> None:
        """Refuse to print a job's document once more when another job does so already."""
        for job in self._registry.all():
            if job.retry_of == job_id and not job.surely_took_no_paper:
                raise already_retried(job)

    def _replaced_by(self, request: PrintRequest) -> list[Job]:
        """Return the waiting jobs whose place this one takes."""
        if not request.replace_key:
            return []
        return [
            job
            for job in self._registry.all()
            if job.printer_key == request.printer_key
            and job.state is JobState.HELD
            and job.replace_key == request.replace_key
        ]

    @callback
    def check_rate(self, printer_key: str, user_id: str | None, *, from_lan: bool = False) -> None:
        """Refuse a call that asks for too many jobs before anything is made for it. Raises LimitError."""
        view = self._coordinator.data.printers.get(printer_key)
        if view is not None:
            error = self._rate_error(view, (user_id, from_lan), [])
            self._report_limits(view.key, error, only_error=True)

    @callback
    def _check_limits(self, request: PrintRequest, view: PrinterView, replaced: list[Job]) -> None:
        error: LimitError | None = None
        try:
            check_pages(
                request.document,
                request.options,
                limit=max_pages(self._entry.options),
                printer=view.name,
            )
        except LimitError as err:
            error = err
        origin = (request.context.user_id, request.sender_address is not None)
        self._report_limits(view.key, error or self._rate_error(view, origin, replaced))

    def _rate_error(
        self, view: PrinterView, origin: tuple[str | None, bool], replaced: list[Job]
    ) -> LimitError | None:
        """Return the error for one job more of a user, or of the home network; each has its own limit."""
        jobs = [
            job
            for job in self._registry.all()
            if job.printer_key == view.key
            and (job.asker.user_id, job.sender_address is not None) == origin
            and job not in replaced
        ]
        try:
            check_rate(
                jobs,
                dt_util.utcnow(),
                limit=max_jobs_per_hour(self._entry.options),
                printer=view.name,
            )
        except LimitError as err:
            return err
        return None

    @callback
    def _report_limits(
        self, printer_key: str, error: LimitError | None, *, only_error: bool = False
    ) -> None:
        """Tell what the guard decided, and raise its error."""
        if error is not None or not only_error:
            for listener in list(self._limit_listeners):
                listener(printer_key, error)
        if error is not None:
            raise error

    def _new_job(
        self,
        request: PrintRequest,
        view: PrinterView,
        reason: str | None,
        digest: str,
        now: datetime,
    ) -> Job:
        document = request.document
        wait = request.expires_in or hold_time(self._entry.options)
        return Job(
            job_id=request.job_id or ulid_now(),
            printer_key=view.key,
            printer_name=view.name,
            title=request.title,
            state=JobState.HELD if reason else JobState.UPLOADING,
            hold_reason=reason,
            created_at=now,
            changed_at=now,
            expires_at=now + wait,
            document_name=document.name,
            content_type=document.content_type,
            size=document.size,
            digest=digest,
            token=secrets.token_urlsafe(TOKEN_BYTES),
            document_pages=document.pages,
            document_pages_at_most=document.pages_at_most,
            pages=_pages(request),
            copies=request.options.copies,
            options=request.options.as_dict(),
            requested=dict(request.requested),
            ticket=document.ticket,
            request_id=request.request_id,
            replace_key=request.replace_key,
            retry_of=request.retry_of,
            hold=request.hold,
            ignore_quiet_hours=request.ignore_quiet_hours,
            sender=request.sender,
            sender_address=request.sender_address,
            asker=Asker(
                context_id=request.context.id,
                user_id=request.context.user_id,
                parent_id=request.context.parent_id,
            ),
        )


def already_retried(again: Job) -> ServiceValidationError:
    """Return the error for a second retry of one job; `again` is the job that the first one made."""
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key="job_retried_already",
        translation_placeholders={"title": again.title, "job_id": again.job_id},
    )


def _disk_full(err: JobStoreError) -> HomeAssistantError:
    """Return the error for a job that cannot be kept on disk, and log why."""
    _LOGGER.warning("A print job cannot be kept: %s", err.__cause__)
    return HomeAssistantError(translation_domain=DOMAIN, translation_key="disk_full")


def _unlink(path: Path) -> None:
    """Delete a document that is not taken; blocking. A disk that cannot be written keeps it."""
    try:
        path.unlink(missing_ok=True)
    except OSError as err:
        _LOGGER.debug("A document could not be deleted: %s", type(err).__name__)


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file; blocking."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pages(request: PrintRequest) -> int | None:
    """Return the pages of one copy that the page range leaves."""
    return count_selected(request.options.page_range, request.document.pages)


def _refusal(key: str, **placeholders: str) -> ServiceValidationError:
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders=placeholders or None,
    )
