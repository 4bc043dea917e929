"""The checks a job must pass before it is taken: repetition, and the paper guard."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from homeassistant.exceptions import ServiceValidationError

from ..const import DOMAIN
from .job import Job, JobState

REQUEST_ID_LIFE = timedelta(hours=24)
GUARD_PERIOD = timedelta(hours=1)
# A job in one of these may have come out in part, as `partly_printed` tells, but not as a whole.
_NOT_PRINTED = frozenset({JobState.FAILED, JobState.CANCELED, JobState.EXPIRED})
_WITHDRAWN = frozenset({JobState.CANCELED, JobState.EXPIRED})
# So many jobs may be withdrawn in an hour before the cloud has them; further ones count as printed.
FREE_WITHDRAWALS = 10


class GuardError(ServiceValidationError):
    """The paper guard refused a job; `key` tells which limit."""

    def __init__(self, key: str, *, limit: int, printer: str) -> None:
        """Name the limit and the printer in the user's language."""
        self.key = key
        super().__init__(
            translation_domain=DOMAIN,
            translation_key=key,
            translation_placeholders={"limit": str(limit), "printer": printer},
        )


class Content(NamedTuple):
    """What makes two requests the same: printer, bytes, options."""

    printer_key: str
    digest: str
    options: Mapping[str, object]


def find_duplicate(
    jobs: Iterable[Job], request_id: str, content: Content, now: datetime
) -> Job | None:
    """Return the job that already answers this request id, newest first.

    Raises ServiceValidationError when it asked for something else.
    """
    for job in sorted(jobs, key=lambda job: job.created_at, reverse=True):
        if (
            job.request_id != request_id
            or _surely_not_printed(job)
            or now - job.created_at > REQUEST_ID_LIFE
        ):
            continue
        same = Content(printer_key=job.printer_key, digest=job.digest, options=dict(job.options))
        if same != content:
            raise ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key="request_id_conflict",
                translation_placeholders={"request_id": request_id},
            )
        return job
    return None


def check_pages(pages: int | None, copies: int, *, limit: int, printer: str) -> None:
    """Refuse a job of too many pages times copies. Unknown pages count as one."""
    if (pages or 1) * copies > limit:
        raise GuardError("guard_pages", limit=limit, printer=printer)


def check_rate(jobs: Iterable[Job], now: datetime, *, limit: int, printer: str) -> None:
    """Refuse a job when its printer has got, or is still to get, too many.

    `jobs` are the printer's. Those that wait count however old they are: a loop that
    runs all night against a printer that is off must not empty the tray in the morning.
    Canceled ones count as well once the cloud had them, and beyond a few an hour.
    """
    counted = [job for job in jobs if not job.is_final or now - job.created_at < GUARD_PERIOD]
    withdrawn = sum(_was_withdrawn_early(job) for job in counted)
    replaced = sum(_was_withdrawn_early(job) and job.reason == "replaced" for job in counted)
    taken = len(counted) - withdrawn
    if taken + max(0, withdrawn - replaced - FREE_WITHDRAWALS) >= limit:
        raise GuardError("guard_rate", limit=limit, printer=printer)


def _surely_not_printed(job: Job) -> bool:
    """Return whether nothing of a job can be on paper."""
    if job.state not in _NOT_PRINTED or job.partly_printed:
        return False
    # Records of earlier versions do not tell whether a task had begun when it was canceled.
    return job.task_id is None or job.state is JobState.FAILED or job.idle_at is not None


def _was_withdrawn_early(job: Job) -> bool:
    """Return whether a job ended before the cloud had it."""
    return job.state in _WITHDRAWN and job.task_id is None
