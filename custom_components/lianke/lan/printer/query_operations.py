"""IPP operations that change nothing: Get-Printer-Attributes, Get-Jobs, Get-Job-Attributes, Identify-Printer."""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from homeassistant.helpers.translation import async_translate_state
from homeassistant.loader import async_get_integration

from ...const import DOMAIN
from ...ipp import model as values
from ...ipp.model import Attributes, IppError, IppGroup, IppTag, IppValue, Status
from ...jobs.job import Job, JobState
from ...jobs.rules import max_document_bytes
from ...printing.print_action import async_reason
from . import printer_attributes
from .ipp_job_states import JOB_CANCELED, state_of
from .lan_jobs import PendingJob, is_own, job_number, sender_of
from .printer_attributes import JOB_TEMPLATE, up_time
from .profile import Profile, make_printer_profile
from .requests_and_documents import IppRequest, IppResponse
from .server import ICON_NAME

# The attributes that Get-Jobs returns for each job unless the client requests other attributes.
LIST_ATTRIBUTES: Final = ("job-id", "job-uri")
# The attributes that the answer to a creation returns for the new job.
RESPONSE_ATTRIBUTES: Final = (
    "job-id",
    "job-uri",
    "job-state",
    "job-state-reasons",
    "job-state-message",
)


def _size(job: Job) -> Attributes:
    printed = 0 if job.pages_printed is None else job.pages_printed
    return {
        "number-of-documents": values.integer(1),
        "copies": values.integer(job.copies),
        "job-k-octets": values.integer(-(-job.current_delivery.document.size // 1024)),
        "job-k-octets-processed": values.integer((job.current_delivery.sent_bytes or 0) // 1024),
        "job-impressions": values.NO_VALUE if job.pages is None else values.integer(job.pages),
        "job-impressions-completed": values.integer(printed),
    }


type AnyJob = Job | PendingJob


def profile_of(request: IppRequest) -> Profile:
    """Return the printer's profile. Raises InputError: printer_gone."""
    _ = request.target.view
    entry = request.offered.entry
    known = entry.runtime_data.storage.printers[request.offered.printer_key]
    return make_printer_profile(request.hass, entry, known, request.offered.token)


async def _async_situation(request: IppRequest, profile: Profile) -> Attributes:
    """Return those attributes of the printer that may change from one request to the next."""
    hass, server, token = request.hass, request.server, request.offered.token
    entry, view = request.offered.entry, request.target.view
    web_url = f"{request.base_url}/config/integrations/integration/{DOMAIN}"
    icon_url = f"{request.base_url}{request.offered.path}/{ICON_NAME}"
    version = str((await async_get_integration(hass, DOMAIN)).version)
    language = (IppValue(IppTag.LANGUAGE, hass.config.language.lower()),)
    size = values.number_range(0, max_document_bytes(entry.options) // 1024)
    queued = entry.runtime_data.queue.waiting(view.key) + len(request.pending.pending)
    changed_at = server.changes.since((token, "state"), view.status)
    configured_at = server.changes.since((token, "profile"), replace(profile, markers=()))
    state, reason = printer_attributes.PRINTER_STATES[view.status]
    reasons = [reason] if reason != "none" else []
    if server.documents.is_full(request.device):
        reasons.append("spool-area-full-report")
    message = ""
    if view.status is not None:
        message = async_translate_state(hass, view.status, "sensor", DOMAIN, "status", None)
    return {
        "printer-uri-supported": values.uri(request.printer_uri),
        "uri-security-supported": values.keyword("tls" if request.secure else "none"),
        "printer-more-info": values.uri(web_url),
        "printer-supply-info-uri": values.uri(web_url),
        "printer-icons": values.uri(icon_url),
        "printer-firmware-string-version": values.text(version),
        "printer-firmware-version": values.octets(version.encode()),
        "natural-language-configured": language,
        "generated-natural-language-supported": language,
        "job-k-octets-supported": size,
        "jpeg-k-octets-supported": size,
        "pdf-k-octets-supported": size,
        "printer-state": values.enum(state),
        "printer-state-reasons": values.keyword(*(reasons or ["none"])),
        "printer-state-message": values.text(message),
        "printer-state-change-time": values.integer(up_time(server.started_at, changed_at)),
        "printer-state-change-date-time": values.date_time(changed_at),
        "printer-config-change-time": values.integer(up_time(server.started_at, configured_at)),
        "printer-config-change-date-time": values.date_time(configured_at),
        "printer-up-time": values.integer(up_time(server.started_at)),
        "printer-current-time": values.date_time(datetime.now(UTC)),
        "printer-is-accepting-jobs": values.boolean(
            view.status not in printer_attributes.TAKES_NO_JOBS
        ),
        "queued-job-count": values.integer(queued),
    }


def lan_jobs(request: IppRequest) -> list[AnyJob]:
    """List the printer's jobs that came from the home network, oldest first."""
    queue = request.target.data.queue
    stored = [job for job in queue.jobs(request.offered.printer_key) if sender_of(job) is not None]
    found: list[AnyJob] = [*stored, *request.pending.all]
    return sorted(found, key=lambda job: job.created_at)


def find_own_job(request: IppRequest) -> AnyJob:
    """Return the job that a request names. Raises IppError if no such job came from the client's address."""
    if (named := _job_number(request)) is None:
        raise IppError(Status.BAD_REQUEST, "job-id is missing")
    number = request.pending.resolve_number(named)
    for job in lan_jobs(request):
        owner = sender_of(job)
        if job_number(job.job_id) == number and owner and owner.address == request.address:
            if isinstance(job, Job):
                request.server.repeats.note_client_knows(job.job_id)
            return job
    raise IppError(Status.NOT_FOUND, "there is no such job")


def _job_number(request: IppRequest) -> int | None:
    number = request.positive_integer("job-id") or request.number
    if number is None:
        _, _, last = request.text("job-uri").rpartition("/jobs/")
        number = int(last) if last.isdecimal() and len(last) <= 10 else None
    return number


async def async_describe_lan_job(
    request: IppRequest, job: AnyJob, wanted: Collection[str] | None
) -> IppGroup:
    """Return the `wanted` attributes of a job, all attributes if `wanted` is None."""
    number, since = job_number(job.job_id), request.server.started_at
    if (named := _job_number(request)) is not None and request.pending.resolve_number(
        named
    ) == number:
        # The device has sent the document twice. We have one job for both, so use the number that the device knows.
        number = named
    state, reason = state_of(job)
    message: str | None = ""
    if isinstance(job, Job) and (job.state is JobState.HELD or job.reason):
        message = await async_reason(request.hass, job)
    attributes: dict[str, tuple[IppValue, ...]] = {
        "job-id": values.integer(number),
        "job-uri": values.uri(f"{request.printer_uri}/jobs/{number}"),
        "job-state": values.enum(state),
        "job-state-reasons": values.keyword(reason),
        "job-state-message": values.text(message or ""),
    }
    if wanted is None or not attributes.keys() >= set(wanted):
        size: Attributes = {}
        if isinstance(job, PendingJob):
            title, name, began, ended = job.title, job.sender.name, None, job.ended_at
        else:
            title, name, size = job.spec.title, job.spec.sender or "", _size(job)
            began, ended = job.current_delivery.handed_over_at, job.current_delivery.ended_at
        attributes |= {
            "job-printer-uri": values.uri(request.printer_uri),
            "job-name": values.name(title),
            "job-originating-user-name": values.name(name or "anonymous"),
            "output-device-assigned": values.name(request.target.view.name),
            **_time_attributes("creation", since, job.created_at),
            **_time_attributes("processing", since, began),
            **_time_attributes(
                "completed", since, ended or job.created_at if state >= JOB_CANCELED else None
            ),
            "job-printer-up-time": values.integer(up_time(since)),
            **size,
        }
    if wanted is not None:
        attributes = {name: value for name, value in attributes.items() if name in wanted}
    return IppGroup(tag=IppTag.JOB, attributes=attributes)


def _time_attributes(event: str, since: datetime, moment: datetime | None) -> Attributes:
    """Return the time of an event in seconds of the printer's clock and as a date; no value if `moment` is None."""
    return {
        f"time-at-{event}": values.integer(up_time(since, moment)) if moment else values.NO_VALUE,
        f"date-time-at-{event}": values.date_time(moment) if moment else values.NO_VALUE,
    }


# Maximum number of jobs in the answer to Get-Jobs.
MAX_LISTED_JOBS: Final = 100
_ALL_JOB_ATTRIBUTES: Final = frozenset(
    {"all", "printer-description", "job-template", "job-description"}
)
_TEMPLATE_ATTRIBUTES: Final = frozenset(
    f"{name}{end}" for name in JOB_TEMPLATE for end in ("", "-default", "-supported", "-ready")
)


async def async_get_printer_attributes(request: IppRequest) -> IppResponse:
    profile = profile_of(request)
    situation = await _async_situation(request, profile)
    attributes = {**printer_attributes.describe_printer(profile), **situation}
    wanted = frozenset(request.words("requested-attributes") or ["all"])
    chosen = {
        name: value
        for name, value in attributes.items()
        if not wanted.isdisjoint(
            ("all", name, "job-template" if name in _TEMPLATE_ATTRIBUTES else "printer-description")
        )
    }
    if "media-col-database" in wanted:
        chosen |= printer_attributes.media_col_database(profile)
    return IppResponse(groups=(IppGroup(tag=IppTag.PRINTER, attributes=chosen),))


async def async_get_lan_jobs(request: IppRequest) -> IppResponse:
    """List only the sender's jobs, whether or not the request sets `my-jobs`."""
    which = request.text("which-jobs", "not-completed")
    if which not in ("completed", "not-completed"):
        refused = {"which-jobs": request.operation["which-jobs"]}
        raise IppError(Status.ATTRIBUTES_NOT_SUPPORTED, "which-jobs is not supported", refused)
    is_over = which == "completed"
    jobs = [
        job
        for job in lan_jobs(request)
        if is_own(job, request.sender) and (state_of(job)[0] >= JOB_CANCELED) == is_over
    ]
    if is_over:
        jobs.reverse()
    most = min(request.positive_integer("limit") or MAX_LISTED_JOBS, MAX_LISTED_JOBS)
    wanted = (
        _wanted_of_job(request) if "requested-attributes" in request.operation else LIST_ATTRIBUTES
    )
    return IppResponse(
        groups=tuple([await async_describe_lan_job(request, job, wanted) for job in jobs[:most]])
    )


async def async_get_job_attributes(request: IppRequest) -> IppResponse:
    job = await async_describe_lan_job(request, find_own_job(request), _wanted_of_job(request))
    return IppResponse(groups=(job,))


async def async_identify_printer(_request: IppRequest) -> IppResponse:
    """Answer OK but do nothing: we cannot make a printer behind a box show anything."""
    return IppResponse()


def _wanted_of_job(request: IppRequest) -> Collection[str] | None:
    """Return the names of the requested attributes, None for all attributes."""
    wanted = frozenset(request.words("requested-attributes"))
    return wanted if wanted and not _ALL_JOB_ATTRIBUTES.intersection(wanted) else None
