"""The checks a job must pass before it is taken: repetition, and the paper guard."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from homeassistant.exceptions import ServiceValidationError

from ..const import DOMAIN
from .job import Job, JobState

REQUEST_ID_LIFE = timedelta(hours=24)
GUARD_PERIOD = timedelta(hours=1)
# A job in one of these frees its request id: it surely did not print.
_FREES_REQUEST_ID = frozenset({JobState.FAILED, JobState.CANCELED, JobState.EXPIRED})
# A job in one of these took no paper, so that it does not count against the limit.
_TOOK_NO_PAPER = frozenset({JobState.CANCELED, JobState.EXPIRED})


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
            or job.state in _FREES_REQUEST_ID
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
    """
    taken = sum(
        job.state not in _TOOK_NO_PAPER
        and (not job.is_final or now - job.created_at < GUARD_PERIOD)
        for job in jobs
    )
    if taken >= limit:
        raise GuardError("guard_rate", limit=limit, printer=printer)
