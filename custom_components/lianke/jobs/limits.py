"""What the options of a box allow, and for how long: checks of new jobs, quiet hours, page counts, what is kept.

Options are those of the config entry, read when used.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
import logging
from pathlib import Path
from typing import Any

from homeassistant.util import dt as dt_util

from ..api.client import MAX_COUNTED_BYTES, LiankeClient
from ..api.errors import (
    BadParameterError,
    ConversionFailedError,
    DocumentTooLargeError,
    LiankeError,
    LiankeRefusedError,
    LiankeTimeoutError,
    UnknownCodeError,
)
from ..const import (
    CONF_HOLD_HOURS,
    CONF_KEEP_FAILED_HOURS,
    CONF_KEEP_PRINTED_HOURS,
    CONF_MAX_DOCUMENT_MB,
    CONF_MAX_JOBS_PER_HOUR,
    CONF_MAX_PAGES,
    CONF_QUIET_FROM,
    CONF_QUIET_TO,
    DEFAULT_HOLD_HOURS,
    DEFAULT_KEEP_FAILED_HOURS,
    DEFAULT_KEEP_PRINTED_HOURS,
    DEFAULT_MAX_DOCUMENT_MB,
    DEFAULT_MAX_JOBS_PER_HOUR,
    DEFAULT_MAX_PAGES,
)
from ..coordinator import LiankeCoordinator
from ..documents.document import Document, file_digest
from ..documents.kinds import FileType
from ..errors import InputError
from .job import (
    BEFORE_PAPER,
    HANDED_ON,
    MOVED,
    RETRYABLE,
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
# Types whose pages are only known once they are converted.
CONVERTED = frozenset(
    {
        FileType.DOC,
        FileType.XLS,
        FileType.PPT,
        FileType.DOCX,
        FileType.XLSX,
        FileType.PPTX,
        FileType.HTML,
    }
)


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
        # For a job that was moved here the one stands that it was asked for as.
        if (
            job.spec.moved_from in known
            or frees_request_id(known.get(job.moved_to or "", job))
            or now - job.created_at > REQUEST_ID_LIFE
        ):
            continue
        if (
            job.printer_key != spec.printer_key
            or job.spec.options != spec.options
            or job.deliveries[0].document.digest != first.document.digest
        ):
            raise InputError("request_id_conflict", request_id=spec.request_id or "")
        return job
    return None


def check_pages(first: Delivery, *, limit: int, printer: str) -> None:
    """Check by the first delivery of a job that its pages times copies are surely within the limit.

    The pages are those of the page range, by the document's own count or the most that it can have. If
    neither is known, the range bounds them; without one, a document whose pages are only known once it
    is converted is accepted in one copy (see `is_uncounted`), and any other is refused. Raw printer data
    has no pages.
    Raises LimitError, InputError.
    """
    document = first.document
    if document.extension == FileType.RAW:
        return
    if first.job_pages == 0:
        raise InputError("pages_not_in_document", count=str(document.pages))
    if first.most_pages is None:
        if is_uncounted(first) and first.job_copies == 1:
            return
        raise LimitError("too_many_pages", limit=limit, printer=printer, text="pages_unknown")
    if first.most_pages * first.job_copies > limit:
        text = "too_many_pages" if document.pages is not None else "maybe_too_many_pages"
        raise LimitError("too_many_pages", limit=limit, printer=printer, text=text)


def is_uncounted(first: Delivery) -> bool:
    """Return whether nobody can say how many pages become of a document: somebody has to let it go on."""
    return first.document.extension in CONVERTED and first.most_pages is None


def waits_uncounted(job: Job) -> bool:
    """Return whether a job waits to be released, and nobody can say how many pages it has."""
    return (
        job.can_continue
        and job.waits_for[0] == PersonReason.RELEASE
        and Path(job.present.document.name).suffix in CONVERTED
        and job.pages is None
        and job.present.most_pages is None
    )


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
    # Records of 0.1.0, which have no generation, rule paper out after more failures than today.
    return job.state is JobState.FAILED and (job.generation > 0 or job.present.code in BEFORE_PAPER)


_LOGGER = logging.getLogger(__name__)

# Page counts by the service of documents that cannot be counted here, once for each.

# Seconds that the service gets, the upload included.
COUNT_SECONDS = 30
# Results that are remembered: a bad file that is sent again gets the sender blocked.
MAX_REMEMBERED = 500
# Results that are about the document, and the same the next time.
REFUSALS = (BadParameterError, ConversionFailedError, DocumentTooLargeError, UnknownCodeError)


# What the pages of a document depend on: its digest, the printer and the paper.
type _Query = tuple[str, str, int]
type _Result = int | LiankeRefusedError | None


class PageCounter:
    """Has the service count pages, and caches the results."""

    def __init__(self, client: LiankeClient, coordinator: LiankeCoordinator) -> None:
        """Start with an empty cache."""
        self._hass = coordinator.hass
        self._client = client
        self._coordinator = coordinator
        self._results: dict[_Query, _Result] = {}

    async def async_complete(self, printer_key: str, first: Delivery, *, limit: int) -> Delivery:
        """Return a job's first delivery with the service's page count, if the page limit depends on it.

        The pages stay unknown when the service does not count them or is not reached.
        """
        document, options, most = first.document, first.options, first.most_pages
        if (
            document.pages is not None
            or document.extension == FileType.RAW
            or document.size > MAX_COUNTED_BYTES
            or (most is not None and most * options.copies <= limit)
            or options.copies > limit
            or not self._coordinator.last_update_success
            or printer_key not in self._coordinator.data.printers
        ):
            return first
        try:
            pages = await self.async_count(printer_key, document, options.paper_id)
        except LiankeError as err:
            _LOGGER.debug("The service did not count a document: %s", err)
            return first
        return replace(first, document=replace(document, pages=pages))

    async def async_count(
        self,
        printer_key: str,
        document: Document,
        paper_id: int,
        *,
        client: LiankeClient | None = None,
    ) -> int | None:
        """Return the service's count of a document's pages, None if it gives none.

        `client` is the one to ask with, None for that of the jobs. Raises LiankeError.
        """
        digest = await self._hass.async_add_executor_job(file_digest, document.path)
        query = (digest, printer_key, paper_id)
        if query not in self._results:
            self._results[query] = await self._async_ask(
                client or self._client, printer_key, document, paper_id
            )
            while len(self._results) > MAX_REMEMBERED:
                del self._results[next(iter(self._results))]
        result = self._results[query]
        if isinstance(result, LiankeRefusedError):
            raise result.with_traceback(None)
        return result

    async def _async_ask(
        self, client: LiankeClient, printer_key: str, document: Document, paper_id: int
    ) -> _Result:
        address = self._coordinator.data.printers[printer_key].printer.address
        try:
            async with asyncio.timeout(COUNT_SECONDS):
                return await client.count_pages(address, document, paper_id)
        except TimeoutError:
            raise LiankeTimeoutError(may_have_arrived=True) from None
        except REFUSALS as err:
            return err


def hold_time(options: Mapping[str, Any]) -> timedelta:
    """Return how long a job waits at most if the call does not say."""
    return timedelta(hours=options.get(CONF_HOLD_HOURS, DEFAULT_HOLD_HOURS))


def keep_failed_time(options: Mapping[str, Any]) -> timedelta:
    """Return how long the document of a job that was not printed is kept."""
    return timedelta(hours=options.get(CONF_KEEP_FAILED_HOURS, DEFAULT_KEEP_FAILED_HOURS))


def keep_printed_time(options: Mapping[str, Any]) -> timedelta:
    """Return how long the document of a job that was printed or canceled is kept."""
    return timedelta(hours=options.get(CONF_KEEP_PRINTED_HOURS, DEFAULT_KEEP_PRINTED_HOURS))


def max_document_bytes(options: Mapping[str, Any]) -> int:
    """Return the most bytes of a document."""
    return int(options.get(CONF_MAX_DOCUMENT_MB, DEFAULT_MAX_DOCUMENT_MB)) * 1024 * 1024


def max_pages(options: Mapping[str, Any]) -> int:
    """Return the most pages times copies of one job."""
    return int(options.get(CONF_MAX_PAGES, DEFAULT_MAX_PAGES))


def max_jobs_per_hour(options: Mapping[str, Any]) -> int:
    """Return the most jobs of one printer in an hour."""
    return int(options.get(CONF_MAX_JOBS_PER_HOUR, DEFAULT_MAX_JOBS_PER_HOUR))


def quiet_until(options: Mapping[str, Any], now: datetime) -> datetime | None:
    """Return when the current quiet hours end, None outside of them.

    They are in Home Assistant's time zone and may span midnight. With equal or missing ends
    there are none.
    """
    begin = dt_util.parse_time(options.get(CONF_QUIET_FROM) or "")
    end = dt_util.parse_time(options.get(CONF_QUIET_TO) or "")
    if begin is None or end is None or begin == end:
        return None
    local = dt_util.as_local(now)
    clock = local.time()
    if begin < end and not begin <= clock < end:
        return None
    if begin > end and end <= clock < begin:
        return None
    day = local if clock < end else local + timedelta(days=1)
    return _local_moment(day, end, now)


def _local_moment(day: datetime, clock: time, now: datetime) -> datetime:
    """Return a local time of a day as UTC.

    Of a time that comes twice, where summer time ends, the first one after `now` counts.
    """
    local = datetime.combine(day.date(), clock).replace(tzinfo=day.tzinfo)
    moment = dt_util.as_utc(local)
    return moment if moment > now else dt_util.as_utc(local.replace(fold=1))


# Which records of finished jobs are kept, and which are deleted.

MAX_RECORDS = 200
# Bounds beyond which even needed records are deleted: those of jobs canceled unsent, and all. Only jobs
# that may have an unknown task, or count for the print limits, are kept beyond them.
MAX_WITHDRAWN = 100
MAX_FINISHED = 1000
MAX_AGE = timedelta(days=30)
# The cloud's list of tasks reaches no further back.
LISTED = timedelta(hours=48)
# A job that was moved here is remembered for so long that a move which was cut off can be finished: no job
# waits for more than a week.
MOVE_MEMORY = timedelta(days=9)
# Documents of a box that are kept after an end that was wanted: beyond it, the oldest are deleted.
MAX_KEPT_BYTES = 1024 * 1024 * 1024


def documents_to_keep(
    jobs: Sequence[Job], now: datetime, *, failed: timedelta, wanted: timedelta
) -> frozenset[str]:
    """Return the ids of the finished jobs whose documents are kept.

    `failed` is how long those are kept that may be retried, `wanted` those of the jobs that were
    printed or canceled. `jobs` are oldest first.
    """
    kept = set()
    left = MAX_KEPT_BYTES
    for job in reversed(jobs):
        if job.state in RETRYABLE:
            if now - job.ended_at < failed:
                kept.add(job.job_id)
        elif job.may_keep_document and now - job.ended_at < wanted:
            left -= job.present.document.size
            if left >= 0:
                kept.add(job.job_id)
    return frozenset(kept)


def to_forget(jobs: Collection[Job], now: datetime) -> dict[str, None]:
    """Return the ids of the finished jobs beyond the limits, oldest first."""
    finished = [job for job in jobs if job.is_final]
    free = [job for job in finished if not _is_needed(job, now)]
    surplus = max(0, len(jobs) - MAX_RECORDS)
    gone = dict.fromkeys(
        job.job_id
        for index, job in enumerate(free)
        if index < surplus or now - job.created_at > MAX_AGE
    )
    withdrawn = [
        job
        for job in finished
        if job.state is JobState.CANCELED
        and job.was_never_sent
        and not _ends_a_move(job, now)
        # Those that count for the limit on jobs are not more than it allows.
        and (job.reason in HANDED_ON or now - job.created_at >= RATE_PERIOD)
    ]
    gone |= dict.fromkeys(job.job_id for job in withdrawn[:-MAX_WITHDRAWN])
    surplus = len(finished) - len(gone) - MAX_FINISHED
    old = [
        job.job_id
        for job in finished
        if job.job_id not in gone
        and not _may_become_a_task(job, now)
        and not _ends_a_move(job, now)
        and now - job.created_at >= RATE_PERIOD
    ]
    return gone | dict.fromkeys(old[: max(0, surplus)])


def _may_become_a_task(job: Job, now: datetime) -> bool:
    """Return whether one of the tasks on the list may be the job's."""
    return job.present.may_have_unknown_task and now - job.created_at < LISTED


def _ends_a_move(job: Job, now: datetime) -> bool:
    """Return whether a job may have to show that it took the place of another."""
    return job.move_open and now - job.created_at < MOVE_MEMORY


def _is_needed(job: Job, now: datetime) -> bool:
    """Return whether a finished job still counts for new ones, or can be retried."""
    age = now - job.created_at
    if _may_become_a_task(job, now) or _ends_a_move(job, now):
        return True
    repeatable = job.spec.request_id is not None or job.has_document
    return age < RATE_PERIOD or (
        age < REQUEST_ID_LIFE and (repeatable or job.state is JobState.UNCONFIRMED)
    )
