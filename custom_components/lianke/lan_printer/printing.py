"""The operations that make jobs: Print-Job, Validate-Job, Create-Job, Send-Document, Close-Job."""

from asyncio import CancelledError
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ..actions.received import Received, async_print_received
from ..documents.conversion import clean_title
from ..documents.spool import async_get_spool
from ..jobs.job import Job
from ..jobs.release_code import ENCRYPTIONS, MAX_CODE, MIN_CODE, PLAIN, async_hash_code
from ..jobs.settings import max_document_bytes
from .describing import async_describe, find_job, lan_jobs, profile_of, target_of
from .ipp import Attributes, Group, IppError, Status, Tag
from .job_attributes import STATE
from .job_options import JobOptions, read_job_options
from .lan_jobs import PendingJob, PendingJobs, job_number
from .printer_attributes import COMPRESSIONS, FORMATS
from .reception import async_receive
from .refusals import is_senders_fault
from .requests import Answer, Request

_NO_NAME: Final = "document"


async def async_validate_job(request: Request) -> Answer:
    """Say whether a job like this would be taken, without a document."""
    return _answer(_checked(request))


async def async_print_job(request: Request) -> Answer:
    """Make a job of the document that follows."""
    options = _checked(request)
    code = await _async_release_code(request)
    job_id = request.server.pending[request.offered.token].new_id(_taken(request))
    job = await _async_print(request, job_id, _title(request), options, code)
    return _answer(options, await async_describe(request, job, STATE))


async def async_create_job(request: Request) -> Answer:
    """Make a job whose document comes with Send-Document."""
    options = _checked(request)
    pending = request.server.pending[request.offered.token]
    _check_place(request, pending)
    code = await _async_release_code(request)
    # Others may have come while the code was hashed.
    _check_place(request, pending)
    job = PendingJob(
        job_id=pending.new_id(_taken(request)),
        sender=request.sender,
        title=_title(request),
        options=options,
        created_at=datetime.now(UTC),
        release_code=code,
    )
    pending.put(job)
    return _answer(options, await async_describe(request, job, STATE))


async def async_send_document(request: Request) -> Answer:
    """Take the document of a job; a job has one."""
    if request.flag("last-document") is None:
        raise IppError(Status.BAD_REQUEST, "last-document is missing")
    _check_document(request)
    job = find_job(request)
    first = await request.document.read()
    request.document.unread(first)
    if not isinstance(job, PendingJob) or job.is_receiving:
        if first:
            raise IppError(Status.MULTIPLE_DOCUMENTS_NOT_SUPPORTED)
        # The end of a job whose document has come already.
        return _answer(None, await async_describe(request, job, STATE))
    if job.ended is not None:
        raise IppError(Status.NOT_POSSIBLE, "the job has ended")
    pending = request.server.pending[request.offered.token]
    if not first:
        pending.end(job, "aborted-by-system")
        raise IppError(Status.BAD_REQUEST, "the document is empty")
    pending.put(replace(job, is_receiving=True))
    title = _title(request) if job.title == _NO_NAME else job.title
    try:
        made = await _async_print(request, job.job_id, title, job.options, job.release_code)
    except BaseException:
        _abort_unless_canceled(request, job)
        raise
    if _was_canceled(request, job):
        made = await target_of(request).data.queue.async_cancel(made.job_id)
    pending.drop(job)
    return _answer(None, await async_describe(request, made, STATE))


async def async_close_job(request: Request) -> Answer:
    """End a job to which no more documents come."""
    job = find_job(request)
    if isinstance(job, PendingJob) and job.ended is None and not job.is_receiving:
        request.server.pending[request.offered.token].end(job, "aborted-by-system")
    return Answer()


def _check_place(request: Request, pending: PendingJobs) -> None:
    """Refuse a job that would wait for its document beside too many others. Raises IppError."""
    if pending.is_full(request.address):
        raise IppError(Status.BUSY, "too many jobs wait for their documents")


def _checked(request: Request) -> JobOptions:
    """Return the options of a new job. Raises IppError when they must be met and cannot be."""
    _check_document(request)
    _check_code(request)
    options = read_job_options(request.message.group(Tag.JOB), profile_of(request))
    if options.unsupported and request.flag("ipp-attribute-fidelity"):
        names = ", ".join(options.unsupported)
        raise IppError(Status.ATTRIBUTES_NOT_SUPPORTED, names, options.unsupported)
    return options


def _check_code(request: Request) -> bytes | None:
    """Return the code that a job is to be released with, None without one. Raises IppError.

    A job whose code cannot be used is not taken: without it, it would be printed at once.
    """
    if "job-password" not in request.operation:
        return None
    code = request.first("job-password")
    encryption = request.text("job-password-encryption", PLAIN)
    least = MIN_CODE if encryption == PLAIN else 1
    if encryption not in ENCRYPTIONS or not (
        isinstance(code, bytes) and least <= len(code) <= MAX_CODE
    ):
        names = ("job-password", "job-password-encryption")
        found = {name: request.operation[name] for name in names if name in request.operation}
        raise IppError(Status.ATTRIBUTES_NOT_SUPPORTED, "this code cannot be used", found)
    return code


async def _async_release_code(request: Request) -> str | None:
    """Return the hashed code of a request, None without one. Raises IppError."""
    if (code := _check_code(request)) is None:
        return None
    encryption = request.text("job-password-encryption", PLAIN)
    return await async_hash_code(request.hass, code, encryption)


def _check_document(request: Request) -> None:
    """Check what a request says of its document. Raises IppError."""
    if request.text("compression", "none") not in COMPRESSIONS:
        raise IppError(Status.COMPRESSION_NOT_SUPPORTED, "this compression is not supported")
    if request.text("document-format", FORMATS[-1]) not in FORMATS:
        raise IppError(Status.FORMAT_NOT_SUPPORTED, "this document format is not supported")


def _answer(options: JobOptions | None, job: Attributes | None = None) -> Answer:
    groups = () if job is None else (Group(tag=Tag.JOB, attributes=job),)
    if options is None or not options.unsupported:
        return Answer(groups=groups)
    return Answer(status=Status.OK_SUBSTITUTED, groups=groups, unsupported=options.unsupported)


def _title(request: Request) -> str:
    """Return what the job is called."""
    name = request.text("job-name") or request.text("document-name")
    return clean_title(name) or _NO_NAME


def _taken(request: Request) -> Callable[[int], bool]:
    """Return what tells whether a job of the printer has a number already."""
    numbers = {job_number(job.job_id) for job in lan_jobs(request)}
    return numbers.__contains__


def _abort_unless_canceled(request: Request, job: PendingJob) -> None:
    if not _was_canceled(request, job):
        request.server.pending[request.offered.token].end(job, "aborted-by-system")


def _was_canceled(request: Request, job: PendingJob) -> bool:
    now = request.server.pending[request.offered.token].get(job.number)
    return now is not None and now.ended is not None


async def _async_print(
    request: Request,
    job_id: str,
    title: str,
    options: JobOptions,
    release_code: str | None,
) -> Job:
    """Receive a document and make a job of it."""
    hass, target, sender = request.hass, target_of(request), request.sender
    printer = (request.offered.token, sender.address)
    target.data.queue.check_rate(
        target.printer_key,
        None,
        sender_address=sender.address,
        refused=request.server.refusals.count(*printer),
    )
    if request.server.documents.is_full(sender.address):
        raise IppError(Status.BUSY, "too many documents are being received")
    name = clean_title(request.text("document-name")) or title
    path: Path | None = None
    try:
        with request.server.documents.one(sender.address):
            path = await async_receive(
                hass,
                await async_get_spool(hass),
                request.document,
                name=name,
                compression=request.text("compression", "none"),
                limit_bytes=max_document_bytes(target.entry.options),
            )
        return await async_print_received(
            hass,
            target,
            Received(
                path=path,
                name=name,
                title=title,
                options=options.options,
                job_id=job_id,
                sender=sender.name,
                sender_address=sender.address,
                release_code=release_code,
                papers=tuple((item.width, item.height) for item in profile_of(request).media),
            ),
        )
    except BaseException as err:
        # A line that breaks counts once the document was there: it has cost what a bad one costs.
        if is_senders_fault(err) or (path is not None and isinstance(err, CancelledError)):
            request.server.refusals.note(*printer)
        raise
