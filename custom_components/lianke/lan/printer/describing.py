"""What operations share: the printer and the jobs that a request is about, and their descriptions."""

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from homeassistant.helpers.translation import async_get_translations
from homeassistant.loader import async_get_integration

from ...box.views import PrinterView
from ...const import DOMAIN
from ...ipp.model import Attributes, IppError, Status
from ...jobs.job import Job
from ...jobs.settings import max_document_bytes
from ...printing.print import async_reason
from ...printing.target import Target, loaded_data
from .job_attributes import JobContext, describe_job
from .lan_jobs import PendingJob, is_of_device, job_number, sender_of
from .printer_attributes import Situation
from .profile import Profile, make_profile
from .requests import Request

type AnyJob = Job | PendingJob

ICON: Final = "icon.png"


def target_of(request: Request) -> Target:
    """Return the printer as a target of actions. Raises InputError when its box is not loaded."""
    loaded_data(request.offered.entry)
    return Target(
        device_id="", entry=request.offered.entry, printer_key=request.offered.printer_key
    )


def view_of(request: Request) -> PrinterView:
    """Return the printer as it is now; raises as `target_of`, and printer_gone."""
    return target_of(request).view


def profile_of(request: Request) -> Profile:
    """Return what the printer offers; raises as `view_of`."""
    view_of(request)
    entry = request.offered.entry
    known = entry.runtime_data.storage.printers[request.offered.printer_key]
    return make_profile(request.hass, entry, known, request.offered.token)


async def async_situation(request: Request, profile: Profile) -> Situation:
    """Return what a description of the printer needs besides what it offers."""
    hass, entry = request.hass, request.offered.entry
    view = view_of(request)
    waiting = entry.runtime_data.queue.waiting(view.key)
    texts = await async_get_translations(hass, hass.config.language, "entity", [DOMAIN])
    status = "" if view.status is None else view.status.value
    integration = await async_get_integration(hass, DOMAIN)
    changes, token = request.server.changes, request.offered.token
    return Situation(
        printer_uri=request.printer_uri,
        icon_url=f"{request.base_url}{request.offered.path}/{ICON}",
        web_url=f"{request.base_url}/config/integrations/integration/{DOMAIN}",
        secure=request.secure,
        status=view.status,
        is_full=request.server.documents.is_full(request.address),
        queued=waiting + len(request.server.pending[request.offered.token].pending),
        message=texts.get(f"component.{DOMAIN}.entity.sensor.status.state.{status}", ""),
        language=hass.config.language.lower(),
        max_bytes=max_document_bytes(entry.options),
        version=str(integration.version),
        started_at=request.server.started_at,
        changed_at=changes.since((token, "state"), view.status),
        configured_at=changes.since((token, "profile"), replace(profile, markers=())),
    )


def lan_jobs(request: Request) -> list[AnyJob]:
    """Return the printer's jobs that came from the home network, oldest first."""
    queue = target_of(request).data.queue
    stored = [job for job in queue.jobs(request.offered.printer_key) if sender_of(job) is not None]
    found: list[AnyJob] = [*stored, *request.server.pending[request.offered.token].all]
    return sorted(found, key=lambda job: job.created_at)


def find_job(request: Request) -> AnyJob:
    """Return the job that a request names; another device's is not there. Raises IppError."""
    number = request.count("job-id") or request.number
    if number is None:
        _, _, last = request.text("job-uri").rpartition("/jobs/")
        number = int(last) if last.isdecimal() and len(last) <= 10 else None
    if number is None:
        raise IppError(Status.BAD_REQUEST, "job-id is missing")
    for job in lan_jobs(request):
        if job_number(job.job_id) == number and is_of_device(job, request.sender):
            request.server.repeats.note_told(job.job_id)
            return job
    raise IppError(Status.NOT_FOUND, "there is no such job")


async def async_describe(
    request: Request, job: AnyJob, wanted: Collection[str] | None = None
) -> Attributes:
    """Return the attributes of a job, all or the wanted ones."""
    context = JobContext(
        printer_uri=request.printer_uri,
        printer_name=view_of(request).name,
        started_at=request.server.started_at,
    )
    message = await async_reason(request.hass, job) if isinstance(job, Job) else None
    return describe_job(job, context, message or "", wanted)
