"""Whether a job may be sent to a printer now, and if not, why and until when.

Pauses run by the monotonic clock: a wall clock that is set back must not prolong them.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
import time
from typing import Final, NamedTuple

from homeassistant.config_entries import ConfigEntry

from ..box.printer_status import HOLDING, PrinterStatus
from ..coordinator import LiankeCoordinator
from ..errors import InputError
from .job import (
    IN_CLOUD,
    Job,
    JobState,
    PersonReason,
)
from .limits import quiet_until

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
            if backoff is not None and self._is_key_mended(backoff):
                continue
            if backoff is not None and (left := backoff.until - time.monotonic()) > 0:
                return Verdict(reason=backoff.reason, until=now + timedelta(seconds=left))
        if not ignore_quiet_hours and (end := quiet_until(self._entry.options, now)):
            return Verdict(reason=QueueReason.QUIET_HOURS, until=end)
        ready_for = time.monotonic() - self._ready_since.get(key, time.monotonic())
        if (left := STEADY.total_seconds() - ready_for) > 0:
            return Verdict(reason=QueueReason.GETTING_READY, until=now + timedelta(seconds=left))
        return Verdict(reason=None)

    def _is_key_mended(self, backoff: _Backoff) -> bool:
        """Return whether it was for the key that a printer is backed off from, which works again since."""
        began = backoff.until - backoff.pause.total_seconds()
        return (
            backoff.reason == QueueReason.KEY_REJECTED and self._coordinator.key_accepted_at > began
        )

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
    return {job.printer_key: job for job in reversed([*jobs]) if job.has_stack}


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
