"""What a job must pass: print limits, and whether it may be sent now; page counts; how long jobs are kept.

Options are those of the config entry, read when used.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time as clock_time, timedelta
from enum import StrEnum
import logging
from pathlib import Path
import time
from typing import Any, Final, NamedTuple

from homeassistant.config_entries import ConfigEntry
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
from ..box.status import HOLDING, PrinterStatus
from ..const import (
    CONF_QUIET_FROM,
    CONF_QUIET_TO,
    HOLD_HOURS,
    KEEP_FAILED_HOURS,
    KEEP_PRINTED_HOURS,
    MAX_DOCUMENT_MB,
    MAX_JOBS_PER_HOUR,
    MAX_PAGES,
)
from ..coordinator import LiankeCoordinator
from ..documents.document import Document, file_digest
from ..documents.kinds import FileType
from ..errors import InputError
from .job import (
    BEFORE_PAPER,
    CONVERTED,
    HANDED_ON,
    IN_CLOUD,
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
    is converted is accepted in one copy (see `Delivery.is_uncounted`), and any other is refused. Raw printer data
    has no pages.
    Raises LimitError, InputError.
    """
    document = first.document
    if document.extension == FileType.RAW:
        return
    if first.job_pages == 0:
        raise InputError("pages_not_in_document", count=str(document.pages))
    if first.most_pages is None:
        if first.is_uncounted and first.job_copies == 1:
            return
        raise LimitError("too_many_pages", limit=limit, printer=printer, text="pages_unknown")
    if first.most_pages * first.job_copies > limit:
        text = "too_many_pages" if document.pages is not None else "maybe_too_many_pages"
        raise LimitError("too_many_pages", limit=limit, printer=printer, text=text)


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
    return timedelta(hours=HOLD_HOURS.of(options))


def keep_failed_time(options: Mapping[str, Any]) -> timedelta:
    """Return how long the document of a job that was not printed is kept."""
    return timedelta(hours=KEEP_FAILED_HOURS.of(options))


def keep_printed_time(options: Mapping[str, Any]) -> timedelta:
    """Return how long the document of a job that was printed or canceled is kept."""
    return timedelta(hours=KEEP_PRINTED_HOURS.of(options))


def max_document_bytes(options: Mapping[str, Any]) -> int:
    """Return the most bytes of a document."""
    return MAX_DOCUMENT_MB.of(options) * 1024 * 1024


def max_pages(options: Mapping[str, Any]) -> int:
    """Return the most pages times copies of one job."""
    return MAX_PAGES.of(options)


def max_jobs_per_hour(options: Mapping[str, Any]) -> int:
    """Return the most jobs of one printer in an hour."""
    return MAX_JOBS_PER_HOUR.of(options)


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


def _local_moment(day: datetime, clock: clock_time, now: datetime) -> datetime:
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


# Whether a job may be sent to a printer now, and if not, why and until when.
#
# Pauses run by the monotonic clock: a wall clock that is set back must not prolong them.

# A printer that was just switched on must be ready for so long.
STEADY = timedelta(seconds=60)
BACKOFF_START = timedelta(seconds=60)
BACKOFF_LIMIT = timedelta(minutes=30)
_LONG_AGO = float("-inf")


class QueueReason(StrEnum):
    """Reasons to hold a job other than the printer's state."""

    QUIET_HOURS = "quiet_hours"
    CLOUD_UNREACHABLE = "cloud_unreachable"
    KEY_REJECTED = "key_rejected"
    TOO_FREQUENT = "too_frequent"
    ERROR_LIMIT = "error_limit"
    GETTING_READY = "getting_ready"
    DISK_FULL = "disk_full"
    # The job folder is a copy of another installation's, which may print the same jobs.
    COPIED = "copied"
    # It was being moved to a printer of a box that is not set up now.
    MOVING = "moving"
    # A stack that was put back for another job lies in the tray.
    PAPER_TURNED = "paper_turned"


# These concern every printer of the box.
_OF_THE_BOX = frozenset({PrinterStatus.BOX_OFFLINE, QueueReason.DISK_FULL})
# For these a job is refused, not held.
PERMANENT = frozenset({PrinterStatus.AWAITING_DRIVER, PrinterStatus.UNSUPPORTED})
HOLD_REASONS: tuple[str, ...] = (
    "none",
    *(reason.value for reason in HOLDING),
    *(reason.value for reason in QueueReason),
    *(reason.value for reason in PersonReason),
)


class _Backoff(NamedTuple):
    reason: str
    # By the monotonic clock.
    until: float
    pause: timedelta


class Verdict(NamedTuple):
    """`reason` is None when the job may be sent; `until` is when to check again, if known."""

    reason: str | None
    until: datetime | None = None


class Readiness:
    """Knows since when the printers of one box are ready, and which are backed off from."""

    def __init__(self, entry: ConfigEntry, coordinator: LiankeCoordinator) -> None:
        """Start without any observation."""
        self._entry = entry
        self._coordinator = coordinator
        self._ready_since: dict[str, float] = {}
        self._seen = False
        # By printer; None for the box as a whole.
        self._backoffs: dict[str | None, _Backoff] = {}

    def observe(self) -> None:
        """Note which printers are ready. To be called at every update of the coordinator."""
        if not self._coordinator.is_fresh:
            self._ready_since.clear()
            return
        for key in self._coordinator.data.printers:
            if self._coordinator.hold_reason(key) is not None:
                self._ready_since.pop(key, None)
            elif key not in self._ready_since:
                # At the first observation it counts as ready all along.
                self._ready_since[key] = time.monotonic() if self._seen else _LONG_AGO
        self._seen = True

    def check(self, key: str, now: datetime, *, ignore_quiet_hours: bool = False) -> Verdict:
        """Return whether a printer may be sent a job now."""
        if not self._coordinator.is_fresh:
            return Verdict(
                reason=QueueReason.KEY_REJECTED
                if self._coordinator.key_rejected
                else QueueReason.CLOUD_UNREACHABLE
            )
        if key not in self._coordinator.data.printers:
            return Verdict(reason=PrinterStatus.DISCONNECTED)
        if (reason := self._coordinator.hold_reason(key)) is not None:
            return Verdict(reason=reason)
        for backoff in (self._backoffs.get(None), self._backoffs.get(key)):
            if backoff is not None and (left := backoff.until - time.monotonic()) > 0:
                return Verdict(reason=backoff.reason, until=now + timedelta(seconds=left))
        if not ignore_quiet_hours and (end := quiet_until(self._entry.options, now)):
            return Verdict(reason=QueueReason.QUIET_HOURS, until=end)
        ready_for = time.monotonic() - self._ready_since.get(key, time.monotonic())
        if (left := STEADY.total_seconds() - ready_for) > 0:
            return Verdict(reason=QueueReason.GETTING_READY, until=now + timedelta(seconds=left))
        return Verdict(reason=None)

    def back_off(self, key: str, reason: str, pause: timedelta | None = None) -> None:
        """Back off from a printer, or its box, for a while; longer each time in a row."""
        whose = None if reason in _OF_THE_BOX else key
        last = self._backoffs.get(whose)
        if pause is None:
            pause = min(last.pause * 2, BACKOFF_LIMIT) if last else BACKOFF_START
        until = time.monotonic() + pause.total_seconds()
        self._backoffs[whose] = _Backoff(reason=reason, until=until, pause=pause)

    def clear_backoff(self, key: str) -> None:
        """Forget past refusals: the printer accepted a job, or a user says that it is ready."""
        for whose in (key, None):
            self._backoffs.pop(whose, None)


# A person's stack in a printer's tray, on which nothing else is printed. Pure functions.

# So long after the end of a job of which nobody knows what came out, it may still be coming out.
STILL_PRINTING: Final = timedelta(minutes=30)


def stacks_in_trays(jobs: Iterable[Job]) -> dict[str, Job]:
    """Return the job whose stack lies in a printer's tray, by the keys of the printers.

    Until it is over, any other job of the printer would be printed on its sheets. Of several, which only an
    earlier version allowed, it is the first of `jobs`.
    """
    found: dict[str, Job] = {}
    for job in jobs:
        if job.has_stack:
            found.setdefault(job.printer_key, job)
    return found


def check_tray(job: Job, jobs: Iterable[Job], now: datetime) -> None:
    """Check that none of `jobs` would be printed on the stack of a job, which is about to lie in the tray.

    Raises InputError: tray_busy, tray_taken.
    """
    for other in jobs:
        if other.printer_key != job.printer_key or other.job_id == job.job_id:
            continue
        if other.has_stack:
            raise InputError(
                "tray_taken", title=job.title, other=other.title, printer=job.printer_name
            )
        if _may_be_printed(other, now):
            raise InputError("tray_busy", title=job.title, printer=job.printer_name)


def _may_be_printed(job: Job, now: datetime) -> bool:
    """Return whether a job may come out now: also one in doubt, or that was over only for those who asked."""
    if job.state in IN_CLOUD or job.state is JobState.UPLOADING:
        return True
    return (
        job.state in (JobState.CANCELED, JobState.EXPIRED, JobState.UNCONFIRMED)
        and job.present.was_sent
        and (job.partly_printed or job.state is JobState.UNCONFIRMED)
        and abs(now - job.ended_at) < STILL_PRINTING
    )
