"""Print limits of a box, and its options for jobs, read from the config entry when used."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from homeassistant.util import dt as dt_util

from ..api.options import count_selected
from ..const import CONF_QUIET_FROM, CONF_QUIET_TO, MAX_DOCUMENT_MB
from ..documents.document import Document
from ..documents.kinds import FileType
from ..errors import InputError
from .job import (
    HANDED_ON,
    MOVED,
    Delivery,
    Job,
    JobSpec,
    JobState,
    PersonReason,
)

REQUEST_ID_LIFE = timedelta(hours=24)
RATE_PERIOD = timedelta(hours=1)
# Jobs that were not printed as a whole; `partly_printed` says whether in part.
_NOT_PRINTED = frozenset({JobState.FAILED, JobState.CANCELED, JobState.EXPIRED})
_WITHDRAWN = frozenset({JobState.CANCELED, JobState.EXPIRED})
# Jobs withdrawn before they became tasks, in an hour, that do not count as printed.
FREE_WITHDRAWALS = 10
# All devices of the home network together may send so many times what one may.
LAN_SHARES = 2
# How long the cloud may take to cancel what waits there for a box that is removed.
REMOVAL_SECONDS = 30


class LimitError(InputError):
    """A job is beyond a print limit; `key` says which."""

    def __init__(self, key: str, *, limit: int, printer: str, text: str | None = None) -> None:
        """`text` is the translation key where it is not `key`."""
        self.key = key
        super().__init__(text or key, limit=str(limit), printer=printer)


def find_duplicate(
    jobs: Iterable[Job], spec: JobSpec, first: Delivery, now: datetime
) -> Job | None:
    """Return the newest job with the same request id that may have been printed, None without one.

    `first` is the first delivery of the new one. Raises InputError if printer, bytes or options are others.
    """
    known = {job.job_id: job for job in jobs if job.spec.request_id == spec.request_id}
    for job in sorted(known.values(), key=lambda job: job.created_at, reverse=True):
        last = job
        while (moved := known.get(last.moved_to or "")) is not None:
            last = moved
        # For a job that was moved here the one stands that it was asked for as.
        if (
            job.spec.moved_from in known
            or frees_request_id(last)
            or now - job.created_at > REQUEST_ID_LIFE
        ):
            continue
        if (
            job.printer_key != spec.printer_key
            or not job.deliveries[0].options.prints_as(first.options)
            or job.deliveries[0].document.digest != first.document.digest
        ):
            raise InputError("request_id_conflict", request_id=spec.request_id or "")
        return job
    return None


def check_pages(first: Delivery, *, limit: int, printer: str) -> None:
    """Check by the first delivery of a job that its pages times copies are surely within the limit.

    The pages are those of the page range, by the document's own count or the most that it can have. If
    neither is known, the range bounds them; without one, a document whose pages are only known once it
    is converted is accepted in one copy (see `Delivery.is_uncounted`), and any other is refused. Raw printer data
    has no pages.
    Raises LimitError, InputError.
    """
    document = first.document
    if document.extension == FileType.RAW:
        return
    check_range(document, first.options.page_range)
    if first.most_pages is None:
        if first.is_uncounted and first.job_copies == 1:
            return
        raise LimitError("too_many_pages", limit=limit, printer=printer, text="pages_unknown")
    if first.most_pages * first.job_copies > limit:
        text = "too_many_pages" if document.pages is not None else "maybe_too_many_pages"
        raise LimitError("too_many_pages", limit=limit, printer=printer, text=text)


def check_range(document: Document, page_range: str) -> None:
    """Check that a page range takes a page of a document, by its count or the most pages that it can have.

    Raises InputError.
    """
    if count_selected(page_range, document.pages) == 0:
        raise InputError("pages_not_in_document", count=str(document.pages))
    if document.pages is None and count_selected(page_range, document.pages_at_most) == 0:
        raise InputError("pages_beyond_document", count=str(document.pages_at_most))


def waits_uncounted(job: Job) -> bool:
    """Return whether a job waits to be released, and nobody can say how many pages it has."""
    asked = job.asks_for == PersonReason.RELEASE
    return asked and job.pages is None and job.present.is_uncounted


def check_rate(
    jobs: Iterable[Job], now: datetime, *, limit: int, printer: str, refused: int = 0
) -> None:
    """Check that a printer's jobs of the last hour are within the limit. Raises LimitError.

    `jobs` are the printer's, `refused` is how many documents besides were refused in the hour. Waiting ones
    count at any age: a loop that runs all night against a printer that is off must not empty the tray in the
    morning. Withdrawn ones count once they were tasks, and beyond FREE_WITHDRAWALS.
    """
    counted = [job for job in jobs if not job.is_final or now - job.created_at < RATE_PERIOD]
    withdrawn = [job for job in counted if job.state in _WITHDRAWN and not job.has_task]
    replaced = sum(job.reason in HANDED_ON for job in withdrawn)
    taken = refused + len(counted) - len(withdrawn)
    if taken + max(0, len(withdrawn) - replaced - FREE_WITHDRAWALS) >= limit:
        raise LimitError("too_many_jobs", limit=limit, printer=printer)


def frees_request_id(job: Job) -> bool:
    """Return whether no paper of a job can have come out or still come out, whatever the service does.

    It may print a task that it says is canceled.
    """
    if job.state not in _NOT_PRINTED or job.partly_printed or job.reason == MOVED:
        return False
    if not job.has_task:
        return True
    return job.state is JobState.FAILED


def max_document_bytes(options: Mapping[str, Any]) -> int:
    """Return the most bytes of a document."""
    return MAX_DOCUMENT_MB.of(options) * 1024 * 1024


def quiet_until(options: Mapping[str, Any], now: datetime) -> datetime | None:
    """Return when the current quiet hours end, None outside of them.

    They are what the clock on the wall says, in Home Assistant's time zone, and may span midnight. With equal or
    missing ends there are none.
    """
    begin = dt_util.parse_time(options.get(CONF_QUIET_FROM) or "")
    end = dt_util.parse_time(options.get(CONF_QUIET_TO) or "")
    if begin is None or end is None or begin == end:
        return None

    def is_quiet(moment: datetime) -> bool:
        clock = dt_util.as_local(moment).time()
        return begin <= clock < end if begin < end else not end <= clock < begin

    if not is_quiet(now):
        return None
    today = dt_util.as_local(now)
    days = (today.date() + timedelta(days=number) for number in range(3))
    # Where summer time ends a time may come twice.
    ends = [
        dt_util.as_utc(datetime.combine(day, end.replace(fold=fold), today.tzinfo))
        for day in days
        for fold in (0, 1)
    ]
    # And where it begins or ends, the clock may leave the quiet hours by being put forward or back.
    ends += _clock_change(now, max(ends))
    return min(moment for moment in ends if moment > now and not is_quiet(moment))


def _clock_change(first: datetime, last: datetime) -> list[datetime]:
    """Return the moment between two, to the second, at which clocks are put forward or back, if there is one."""

    def offset(moment: datetime) -> timedelta | None:
        return dt_util.as_local(moment).utcoffset()

    before = offset(first)
    if offset(last) == before:
        return []
    early, late = int(first.timestamp()), int(last.timestamp())
    while late - early > 1:
        middle = (early + late) // 2
        if offset(dt_util.utc_from_timestamp(middle)) == before:
            early = middle
        else:
            late = middle
    return [dt_util.utc_from_timestamp(late)]
