"""IPP operations on jobs: Print-Job, Validate-Job, Create-Job, Send-Document, Close-Job, Cancel-Job, Cancel-My-Jobs."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError

from ...api.errors import LiankeError
from ...api.options import ORIENTATIONS, options_in
from ...documents.conversion import clean_title
from ...documents.document import Document, file_digest
from ...documents.sources import DocumentRequest, async_lan_document
from ...fair_queue import NoPlaceError, lan_owner
from ...input_error import InputError
from ...ipp.model import IppError, IppTag, Status
from ...jobs.job import Job
from ...jobs.rules import max_document_bytes
from ...people.release_code import (
    ENCRYPTIONS,
    MAX_CODE_LENGTH,
    MIN_CODE_LENGTH,
    PLAIN,
    async_hash_code,
)
from ...printing.builder import LanSender, PrintRequest, async_print_single_job
from . import server
from .ipp_job_states import JOB_CANCELED, state_of
from .job_options import JobOptions, read_job_options
from .lan_jobs import (
    MAX_PENDING_LAN_JOBS,
    MAX_PENDING_LAN_JOBS_A_DEVICE,
    PendingJob,
    SentDocument,
    is_own,
    job_number,
)
from .printer_attributes import APPLE_RASTER, COMPRESSIONS, DOCUMENT_FORMATS, PWG_RASTER
from .query_operations import (
    RESPONSE_ATTRIBUTES,
    AnyJob,
    async_describe_lan_job,
    find_own_job,
    lan_jobs,
    profile_of,
)
from .requests_and_documents import IppRequest, IppResponse, async_receive, is_senders_fault

_NO_NAME: Final = "document"


async def async_validate_job(request: IppRequest) -> IppResponse:
    """Make the checks that Print-Job makes before it reads the document."""
    options, _ = _checked(request)
    return await _async_response(request, options)


async def async_print_job(request: IppRequest) -> IppResponse:
    """Print the document of a request.

    If the device repeats a document because it never got our answer, answer with the existing job.
    """
    options, given = _checked(request)
    code = await _async_release_code(request, given)
    title = _title(request)
    path = await _async_document(request, title, options)
    async with _turn(request):
        digest, job = await _async_repeated(request, path, title, options)
        if job is None:
            work = _async_print(request, path, _new_job(request, options, code), title, digest)
            job = await _async_to_its_end(request, work)
    return await _async_response(request, options, job)


async def async_create_job(request: IppRequest) -> IppResponse:
    options, given = _checked(request)
    request.pending.expire()
    token, device = request.offered.token, request.device
    within = {token: MAX_PENDING_LAN_JOBS, (token, device): MAX_PENDING_LAN_JOBS_A_DEVICE}
    places = request.server.pending_places
    try:
        async with places.place(
            device, extra_limits=within, max_wait=server.PLACE_SECONDS
        ) as place:
            code = await _async_release_code(request, given)
            job = replace(_new_job(request, options, code), place=place.keep())
    except NoPlaceError:
        raise IppError(Status.BUSY, "too many jobs wait for their documents") from None
    request.pending.put(job)
    return await _async_response(request, options, job)


async def async_send_document(request: IppRequest) -> IppResponse:
    """Receive the only document of a job that Create-Job made."""
    if request.flag("last-document") is None:
        raise IppError(Status.BAD_REQUEST, "last-document is missing")
    _check_document(request)
    find_own_job(request)
    first = await request.document.read()
    request.document.unread(first)
    # While this request waited, the job may have been canceled, or another request may have brought its document.
    job = find_own_job(request)
    if not isinstance(job, PendingJob) or job.is_receiving:
        if first:
            raise IppError(Status.MULTIPLE_DOCUMENTS_NOT_SUPPORTED)
        # The request has no document: it only closes a job that already has a document.
        return await _async_response(request, None, job)
    if job.ended is not None:
        raise IppError(Status.NOT_POSSIBLE, "the job has ended")
    if not first:
        request.pending.end_without_document(job, "aborted-by-system")
        raise IppError(Status.BAD_REQUEST, "the document is empty")
    request.pending.put(replace(job, is_receiving=True))
    title = _title(request) if job.title == _NO_NAME else job.title
    async with AsyncExitStack() as in_turn:
        try:
            path = await _async_document(request, title, job.options)
            await in_turn.enter_async_context(_turn(request))
            digest, made = await _async_repeated(request, path, title, job.options)
            if _was_canceled(request, job):
                raise IppError(Status.NOT_POSSIBLE, "the job has ended")
        except BaseException:
            _abort_unless_canceled(request, job)
            raise
        if made is not None:
            request.pending.follow(job, made.job_id)
        else:
            work = _async_print_pending(request, path, job, title, digest)
            made = await _async_to_its_end(request, work)
    return await _async_response(request, None, made)


async def _async_print_pending(
    request: IppRequest, path: Path, job: PendingJob, title: str, digest: str
) -> Job:
    try:
        made = await _async_print(request, path, job, title, digest)
    except BaseException:
        _abort_unless_canceled(request, job)
        raise
    if _was_canceled(request, job):
        made = await request.target.data.queue.async_cancel(made.job_id)
    request.pending.drop(job)
    return made


async def async_close_job(request: IppRequest) -> IppResponse:
    """End a job that got no document; a job with a document needs nothing more."""
    job = find_own_job(request)
    if isinstance(job, PendingJob) and job.ended is None and not job.is_receiving:
        request.pending.end_without_document(job, "aborted-by-system")
    return IppResponse()


def _checked(request: IppRequest) -> tuple[JobOptions, bytes | None]:
    """Return the options of a new job, and its release code or None.

    Raises IppError for a format, compression or code that cannot be used, and for unsupported options if the device
    insists on all its options; InputError: printer_gone.
    """
    _check_document(request)
    code = _checked_code(request) if "job-password" in request.operation else None
    # `view` raises InputError if the printer is gone.
    _ = request.target.view
    asked = request.message.group(IppTag.JOB)
    options = read_job_options(asked, profile_of(request)) if asked else JobOptions()
    if options.unsupported and request.flag("ipp-attribute-fidelity"):
        names = ", ".join(options.unsupported)
        raise IppError(Status.ATTRIBUTES_NOT_SUPPORTED, names, options.unsupported)
    if options.is_landscape:
        _set_orientation(request, options, "landscape")
    return options, code


def _set_orientation(request: IppRequest, options: JobOptions, orientation: str) -> None:
    """Set the orientation, unless the driver is known not to support it."""
    target = request.target
    known = target.data.storage.printers.get(target.printer_key)
    able = known.capabilities and known.capabilities.orientations if known else None
    options.options["orientation"] = orientation
    if able and ORIENTATIONS[orientation] not in able:
        del options.options["orientation"]


def _checked_code(request: IppRequest) -> bytes:
    """Return the release code. Raises IppError for an unusable code: a job without a code would print at once."""
    code = request.first("job-password")
    encryption = request.text("job-password-encryption", PLAIN)
    least = MIN_CODE_LENGTH if encryption == PLAIN else 1
    if encryption not in ENCRYPTIONS or not (
        isinstance(code, bytes) and least <= len(code) <= MAX_CODE_LENGTH
    ):
        names = ("job-password", "job-password-encryption")
        found = {name: request.operation[name] for name in names if name in request.operation}
        raise IppError(Status.ATTRIBUTES_NOT_SUPPORTED, "this code cannot be used", found)
    return code


async def _async_release_code(request: IppRequest, code: bytes | None) -> str | None:
    if code is None:
        return None
    encryption = request.text("job-password-encryption", PLAIN)
    return await async_hash_code(request.hass, code, encryption, owner=request.device)


def _check_document(request: IppRequest) -> None:
    """Raise IppError for a compression or a format that is not supported."""
    if request.text("compression", "none") not in COMPRESSIONS:
        raise IppError(Status.COMPRESSION_NOT_SUPPORTED, "this compression is not supported")
    if request.text("document-format", DOCUMENT_FORMATS[-1]) not in DOCUMENT_FORMATS:
        raise IppError(Status.FORMAT_NOT_SUPPORTED, "this document format is not supported")


async def _async_response(
    request: IppRequest, options: JobOptions | None, job: AnyJob | None = None
) -> IppResponse:
    """Make the response, which describes the job if there is one.

    Once the response has arrived, the device knows its job, so an equal document is a new print from then on.
    """
    unsupported = options.unsupported if options else None
    groups = (await async_describe_lan_job(request, job, RESPONSE_ATTRIBUTES),) if job else ()
    told = partial(request.server.repeats.note_client_knows, job.job_id) if job else None
    return IppResponse(
        status=Status.OK_SUBSTITUTED if unsupported else Status.OK,
        groups=groups,
        unsupported=unsupported or None,
        on_arrival=told if isinstance(job, Job) else None,
    )


def _title(request: IppRequest) -> str:
    name = request.text("job-name") or request.text("document-name")
    return clean_title(name) or _NO_NAME


def _new_job(request: IppRequest, options: JobOptions, code: str | None) -> PendingJob:
    # The IPP number derived from the job id must differ from the numbers of all other jobs of the printer.
    numbers = {job_number(job.job_id) for job in lan_jobs(request)}
    return PendingJob(
        job_id=request.pending.new_id(numbers.__contains__),
        sender=request.sender,
        title=_title(request),
        options=options,
        created_at=datetime.now(UTC),
        release_code=code,
    )


def _abort_unless_canceled(request: IppRequest, job: PendingJob) -> None:
    if not _was_canceled(request, job):
        request.pending.end_without_document(job, "aborted-by-system")


def _was_canceled(request: IppRequest, job: PendingJob) -> bool:
    # If the job is missing, it ended and was then forgotten: a job that receives its document is never forgotten.
    now = request.pending.get(job.number)
    return now is None or now.ended is not None


async def _async_to_its_end[T](request: IppRequest, work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end even if the device's connection breaks, since the whole document is here already."""
    task = request.hass.async_create_task(work, "print for the home network")
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            # Retrieve the error, which nobody is left to receive; otherwise asyncio would log it.
            task.exception()
        raise
    return task.result()


async def _async_document(request: IppRequest, title: str, options: JobOptions) -> Path:
    target = request.target
    if request.text("document-format") in (APPLE_RASTER, PWG_RASTER):
        # The device has drawn these pages in the orientation it wants: the printer's defaults must not turn them.
        _set_orientation(request, options, "landscape" if options.is_landscape else "portrait")
    refused = request.server.refusals.count(request.offered.token, request.device)
    target.data.queue.check_limits(target.printer_key, lan_owner(request.device), refused=refused)
    name, limit_bytes = _document_name(request, title), max_document_bytes(target.entry.options)
    places = request.server.documents
    try:
        async with places.place(request.device, max_wait=server.PLACE_SECONDS):
            with _counting_refusal(request):
                return await async_receive(request, name, limit_bytes)
    except NoPlaceError:
        raise IppError(Status.BUSY, "too many documents are being received") from None


def _turn(request: IppRequest) -> asyncio.Lock:
    """Return the lock to hold from the receipt of a document until its job is in the queue.

    It makes a device's documents become jobs in the order of their arrival, although some take longer to check.
    """
    return request.server.repeats.turn(request.offered.printer_key, request.device)


async def _async_repeated(
    request: IppRequest, path: Path, title: str, options: JobOptions
) -> tuple[str, Job | None]:
    """Wait while another request with an equal document is under way.

    Returns the document's digest, and the existing job if the device sends the document again because it never got our
    answer.
    """

    def digest_and_size() -> tuple[str, int]:
        return file_digest(path), path.stat().st_size

    digest, size = await request.hass.async_add_executor_job(digest_and_size)
    repeats, printer_key = request.server.repeats, request.offered.printer_key
    await request.until_answered.enter_async_context(repeats.turn(printer_key, digest))
    sent = SentDocument(request.sender, title, digest, options.options, size)
    jobs = request.target.data.queue.jobs(printer_key)
    return digest, repeats.find(jobs, sent, datetime.now(UTC))


async def _async_print(
    request: IppRequest, path: Path, job: PendingJob, title: str, digest: str
) -> Job:
    sender, name = request.sender, _document_name(request, title)

    def papers() -> list[tuple[int, int]]:
        # Raster pages must fit on a paper that is offered.
        return [(item.width, item.height) for item in profile_of(request).media]

    async def make(needs: DocumentRequest) -> Document:
        return await async_lan_document(
            request.hass,
            needs.spool,
            path,
            name=name,
            title=title,
            limit_bytes=needs.limit_bytes,
            papers=papers,
            user=needs.user,
        )

    wanted = PrintRequest(
        target=request.target,
        context=Context(),
        documents=[make],
        options=options_in(job.options.options),
        title=title,
        hashed_code=job.release_code,
        sender=LanSender(sender.name, sender.address, request.device),
        files=[path],
        digest=digest,
    )
    with _counting_refusal(request):
        return await async_print_single_job(request.hass, wanted, job_id=job.job_id)


@contextmanager
def _counting_refusal(request: IppRequest) -> Iterator[None]:
    """Count a refused document toward the limit of jobs if the sender is at fault, since it took time, too."""
    try:
        yield
    except (IppError, InputError, HomeAssistantError) as err:
        if is_senders_fault(err):
            request.server.refusals.note(request.offered.token, request.device)
        raise


def _document_name(request: IppRequest, title: str) -> str:
    return clean_title(request.text("document-name")) or title


async def async_cancel_job(request: IppRequest) -> IppResponse:
    """Cancel a job that was sent from the same address under the same name."""
    job = find_own_job(request)
    if not is_own(job, request.sender):
        raise IppError(Status.NOT_AUTHORIZED, "the job is somebody else's")
    if not _can_cancel(job):
        raise IppError(Status.NOT_POSSIBLE, "the job has ended")
    await _async_cancel(request, job)
    return IppResponse()


async def async_cancel_my_jobs(request: IppRequest) -> IppResponse:
    """Cancel the sender's jobs, or only the jobs that the request lists.

    If a listed job cannot be canceled, no job is canceled. If the service refuses to cancel a job, the other jobs are
    still canceled, and the first such error is raised at the end.
    """
    jobs = [job for job in lan_jobs(request) if is_own(job, request.sender) and _can_cancel(job)]
    if "job-ids" in request.operation:
        listed = {
            request.pending.resolve_number(value.content)
            for value in request.operation["job-ids"]
            if isinstance(value.content, int)
        }
        jobs = [job for job in jobs if job_number(job.job_id) in listed]
        if len(jobs) < len(listed):
            refused = {"job-ids": request.operation["job-ids"]}
            raise IppError(Status.NOT_POSSIBLE, "not all of these jobs can be canceled", refused)
    refusals: list[LiankeError | HomeAssistantError] = []
    for job in jobs:
        # A job that has ended meanwhile needs no canceling.
        with suppress(InputError):
            try:
                await _async_cancel(request, job)
            except (LiankeError, HomeAssistantError) as err:
                refusals.append(err)
    if refusals:
        raise refusals[0]
    return IppResponse()


def _can_cancel(job: AnyJob) -> bool:
    return job.can_cancel if isinstance(job, Job) else state_of(job)[0] < JOB_CANCELED


async def _async_cancel(request: IppRequest, job: AnyJob) -> None:
    if isinstance(job, PendingJob):
        request.pending.end_without_document(job, "job-canceled-by-user")
    else:
        await request.target.data.queue.async_cancel(job.job_id)
