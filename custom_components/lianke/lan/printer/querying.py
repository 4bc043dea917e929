"""The operations that only ask: Get-Printer-Attributes, Get-Jobs, Get-Job-Attributes, Identify-Printer."""

from collections.abc import Collection
from typing import Final

from ...ipp.model import Attributes, Group, IppError, Status, Tag
from .describing import AnyJob, async_describe, async_situation, find_job, lan_jobs, profile_of
from .job_attributes import BASIC, CANCELED, state_of
from .lan_jobs import is_own
from .printer_attributes import JOB_TEMPLATE, describe_printer, media_col_database
from .requests import Answer, Request

MAX_LISTED: Final = 100
"""jobs in an answer."""
_ALL: Final = frozenset({"all", "printer-description", "job-template", "job-description"})
_TEMPLATE: Final = frozenset(
    f"{name}{end}" for name in JOB_TEMPLATE for end in ("", "-default", "-supported", "-ready")
)


async def async_get_printer_attributes(request: Request) -> Answer:
    """Describe the printer."""
    profile = profile_of(request)
    attributes = describe_printer(profile, await async_situation(request, profile))
    wanted = frozenset(request.words("requested-attributes") or ["all"])
    chosen = {name: value for name, value in attributes.items() if _is_wanted(name, wanted)}
    if "media-col-database" in wanted:
        chosen |= media_col_database(profile)
    return Answer(groups=(Group(tag=Tag.PRINTER, attributes=chosen),))


def _is_wanted(name: str, wanted: Collection[str]) -> bool:
    if name in wanted or "all" in wanted:
        return True
    return ("job-template" if name in _TEMPLATE else "printer-description") in wanted


async def async_get_jobs(request: Request) -> Answer:
    """List the jobs of the device that asks; with and without `my-jobs` they are the same."""
    which = request.text("which-jobs", "not-completed")
    if which not in ("completed", "not-completed"):
        refused = {"which-jobs": request.operation["which-jobs"]}
        raise IppError(Status.ATTRIBUTES_NOT_SUPPORTED, "which-jobs is not supported", refused)
    is_over = which == "completed"
    jobs = [
        job
        for job in lan_jobs(request)
        if is_own(job, request.sender) and (state_of(job).state >= CANCELED) == is_over
    ]
    if is_over:
        jobs.reverse()
    most = min(request.count("limit") or MAX_LISTED, MAX_LISTED)
    wanted = _wanted_of_job(request) if "requested-attributes" in request.operation else BASIC
    return Answer(groups=tuple([await _async_group(request, job, wanted) for job in jobs[:most]]))


async def async_get_job_attributes(request: Request) -> Answer:
    """Describe a job."""
    return Answer(groups=(await _async_group(request, find_job(request), _wanted_of_job(request)),))


async def async_identify_printer(_request: Request) -> Answer:
    """Do as if: what a printer behind a box shows is not for us to say."""
    return Answer()


async def _async_group(request: Request, job: AnyJob, wanted: Collection[str] | None) -> Group:
    attributes: Attributes = await async_describe(request, job, wanted)
    return Group(tag=Tag.JOB, attributes=attributes)


def _wanted_of_job(request: Request) -> Collection[str] | None:
    """Return the attributes of jobs that a request wants, None for all."""
    wanted = frozenset(request.words("requested-attributes"))
    return wanted if wanted and not _ALL.intersection(wanted) else None
