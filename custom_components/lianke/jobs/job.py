"""A print job: what is known of it, and which states may follow which."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonValueType

from ..api.options import ResolvedOptions

RECORD_VERSION = 1
# Beyond these a record was not written by this code.
YEARS = range(2020, 2120)
MAX_COUNT = 2**48


class JobState(StrEnum):
    """Where a job stands."""

    HELD = "held"
    UPLOADING = "uploading"
    QUEUED = "queued"
    PROCESSING = "processing"
    SENDING = "sending"
    CANCELING = "canceling"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"
    UNCONFIRMED = "unconfirmed"


FINAL = frozenset(
    {
        JobState.COMPLETED,
        JobState.FAILED,
        JobState.CANCELED,
        JobState.EXPIRED,
        JobState.UNCONFIRMED,
    }
)
# What the user calls "waiting": here, or at the front of the cloud's queue.
WAITING = frozenset({JobState.HELD, JobState.QUEUED})
# The states a task of the cloud can be in while it still moves.
IN_CLOUD = frozenset({JobState.QUEUED, JobState.PROCESSING, JobState.SENDING, JobState.CANCELING})
RETRYABLE = frozenset({JobState.FAILED, JobState.EXPIRED, JobState.UNCONFIRMED})

_RANK = {
    JobState.HELD: 0,
    JobState.UPLOADING: 1,
    JobState.QUEUED: 2,
    JobState.PROCESSING: 3,
    JobState.SENDING: 4,
    JobState.CANCELING: 5,
}


def can_move(old: JobState, new: JobState) -> bool:
    """Return whether a job may go from one state to another.

    Moves only lead forward, with two exceptions. An upload of which nothing usable
    left the house goes back to waiting. And an unconfirmed job becomes final once
    there is proof.
    """
    if old is JobState.UNCONFIRMED:
        return new in {JobState.COMPLETED, JobState.FAILED, JobState.CANCELED}
    if old in FINAL:
        return False
    if new in FINAL:
        return True
    if (old, new) == (JobState.UPLOADING, JobState.HELD):
        return True
    return _RANK[new] > _RANK[old]


class RecordError(ValueError):
    """A stored job cannot be read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asker:
    """Who asked for the print: the identifiers of a Home Assistant context."""

    context_id: str | None = None
    user_id: str | None = None
    parent_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One document on its way to one printer.

    Sizes are bytes, pages are sheets' sides as the service counts them. `digest` is empty
    where nothing will compare it. `token` is the secret part of the callback address and
    appears in no view.
    """

    job_id: str
    printer_key: str
    printer_name: str
    title: str
    state: JobState
    created_at: datetime
    changed_at: datetime
    expires_at: datetime
    document_name: str
    content_type: str
    size: int
    digest: str
    token: str = field(repr=False)
    # Of the whole document, and of one copy once the page range has chosen.
    document_pages: int | None = None
    document_pages_at_most: int | None = None
    pages: int | None = None
    copies: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    requested: Mapping[str, Any] = field(default_factory=dict)
    ticket: str | None = field(default=None, repr=False)
    request_id: str | None = None
    replace_key: str | None = None
    retry_of: str | None = None
    hold: bool = True
    ignore_quiet_hours: bool = False
    hold_reason: str | None = None
    asker: Asker = Asker()
    has_document: bool = True
    # Set before the end of the upload is handed over, so that a crash cannot hide it.
    handed_over_at: datetime | None = None
    task_id: str | None = None
    task_known_at: datetime | None = None
    # Whether only the list of tasks says that it is this one.
    task_from_list: bool = False
    # Between how many milliseconds the cloud's clock was ahead of ours at the upload.
    clock_least: int | None = None
    clock_most: int | None = None
    cancel_requested: bool = False
    expiring: bool = False
    # When the cloud said, just before it was asked to cancel, that it had not begun.
    idle_at: datetime | None = None
    reason: str | None = None
    code: int | None = None
    detail: str = ""
    partly_printed: bool = False
    pages_printed: int | None = None
    finished_at: datetime | None = None
    sent_bytes: int | None = None
    # Grows with every change: an older version never takes a newer one's place on disk.
    generation: int = 0
    # The job that printed this one's document once more.
    retried_as: str | None = None
    # The jobs' folder was copied to another home, where this job was found waiting.
    copied: bool = False
    # The device of the home network that sent it: its name by its own account, and its address.
    sender: str | None = None
    sender_address: str | None = None

    @property
    def is_final(self) -> bool:
        """Return whether nothing more happens by itself."""
        return self.state in FINAL

    @property
    def is_unsure(self) -> bool:
        """Return whether the cloud may have the job though it never said so."""
        return (
            self.state is JobState.UPLOADING
            and self.handed_over_at is not None
            and self.task_id is None
        )

    @property
    def source(self) -> str | None:
        """Return the device of the home network that sent the job, with its address."""
        if self.sender_address is None:
            return None
        return " · ".join(part for part in (self.sender, self.sender_address) if part)

    @property
    def can_cancel(self) -> bool:
        """Return whether cancelling can still have an effect."""
        return not self.is_final and self.state is not JobState.CANCELING

    @property
    def can_retry(self) -> bool:
        """Return whether the job may be printed again from the kept document."""
        if self.copied and self.state is JobState.HELD:
            # It goes on as soon as somebody wants it here.
            return True
        return self.state in RETRYABLE and self.has_document and self.retried_as is None

    @property
    def surely_took_no_paper(self) -> bool:
        """Return whether the job is over and certainly nothing of it came out."""
        return (
            self.state in {JobState.CANCELED, JobState.EXPIRED, JobState.FAILED}
            and self.handed_over_at is None
            and self.task_id is None
            and not self.partly_printed
        )

    def changed(self, **changes: Any) -> Self:
        """Return the job with these fields changed, stamped with the present time."""
        return replace(self, changed_at=dt_util.utcnow(), generation=self.generation + 1, **changes)

    @property
    def facts(self) -> tuple[object, ...]:
        """What nobody may be told before it is on disk: what no one could be asked for again.

        Moves within the cloud and the progress of an upload are none.
        """
        ended = (
            self.state,
            self.reason,
            self.code,
            self.detail,
            self.partly_printed,
            self.pages_printed,
        )
        return (
            ended if self.is_final else None,
            self.task_id,
            self.task_from_list,
            self.handed_over_at,
            self.cancel_requested,
            self.expiring,
            self.retried_as,
            self.copied,
        )

    def as_view(self) -> dict[str, JsonValueType]:
        """Return what responses, events and screens may show. Holds no secret."""
        return {
            "job_id": self.job_id,
            "printer_key": self.printer_key,
            "printer": self.printer_name,
            "title": self.title,
            "state": self.state.value,
            # Where a state is not all there is to say.
            "phase": "checking" if self.is_unsure else self.state.value,
            "created_at": self.created_at.isoformat(),
            "changed_at": self.changed_at.isoformat(),
            "expires_at": None if self.is_final else self.expires_at.isoformat(),
            "size": self.size,
            "sent_bytes": self.sent_bytes,
            "pages": self.pages,
            "pages_printed": self.pages_printed,
            "copies": self.copies,
            "hold_reason": self.hold_reason if self.state is JobState.HELD else None,
            "reason": self.reason,
            "code": self.code,
            "detail": self.detail,
            "partly_printed": self.partly_printed,
            "request_id": self.request_id,
            "source": self.source,
            "can_cancel": self.can_cancel,
            "can_retry": self.can_retry,
        }

    def as_record(self) -> dict[str, Any]:
        """Return the job as it is stored, secrets included."""
        record: dict[str, Any] = {"version": RECORD_VERSION}
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, datetime):
                value = value.isoformat()
            elif isinstance(value, Asker):
                value = {part.name: getattr(value, part.name) for part in fields(value)}
            elif isinstance(value, Mapping):
                value = dict(value)
            record[item.name] = value
        return record

    @classmethod
    def from_record(cls, record: object) -> Self:
        """Read a stored job.

        Raises RecordError for anything that `as_record` would not have written.
        """
        if not isinstance(record, dict) or record.get("version") != RECORD_VERSION:
            raise RecordError("not a job record of a known version")
        values: dict[str, Any] = {}
        for item in fields(cls):
            if item.name not in record:
                if item.name in _ADDED:
                    continue
                raise RecordError(f"{item.name} is missing")
            values[item.name] = _read_field(item.name, record[item.name])
        return cls(**values)


# Fields that records of earlier versions do not have.
_ADDED = {
    "idle_at",
    "task_from_list",
    "clock_least",
    "clock_most",
    "generation",
    "retried_as",
    "copied",
    "sender",
    "sender_address",
    "document_pages_at_most",
}
_TIMES = {"created_at", "changed_at", "expires_at"}
_OPTIONAL_TIMES = {"handed_over_at", "task_known_at", "finished_at", "idle_at"}
_TEXTS = {
    "job_id",
    "printer_key",
    "printer_name",
    "title",
    "document_name",
    "content_type",
    "digest",
    "token",
    "detail",
}
_OPTIONAL_TEXTS = {
    "ticket",
    "request_id",
    "replace_key",
    "retry_of",
    "hold_reason",
    "task_id",
    "reason",
    "retried_as",
    "sender",
    "sender_address",
}
_COUNTS = {"size", "copies", "generation"}
_OPTIONAL_COUNTS = {
    "clock_least",
    "clock_most",
    "document_pages",
    "document_pages_at_most",
    "pages",
    "code",
    "pages_printed",
    "sent_bytes",
}


def _read_field(name: str, value: object) -> Any:
    """Check one stored field and give it its type back."""
    if name in _TIMES or (name in _OPTIONAL_TIMES and value is not None):
        return read_time(name, value)
    if name in _TEXTS or (name in _OPTIONAL_TEXTS and value is not None):
        return _expect(name, value, str)
    if name in _COUNTS or (name in _OPTIONAL_COUNTS and value is not None):
        count = _expect(name, value, int)
        if isinstance(value, bool) or abs(count) > MAX_COUNT:
            raise RecordError(f"{name} is no count")
        return count
    if value is None and name in _OPTIONAL_TIMES | _OPTIONAL_TEXTS | _OPTIONAL_COUNTS:
        return None
    if name == "options":
        return _read_options(value)
    if name == "requested":
        return _expect(name, value, dict)
    if name == "state":
        state = _expect(name, value, str)
        if state not in JobState:
            raise RecordError("the state is unknown")
        return JobState(state)
    if name == "asker":
        return _read_asker(value)
    return _expect(name, value, bool)


def read_time(name: str, value: object) -> datetime:
    """Read a stored time. Raises RecordError for what is none of ours."""
    text = _expect(name, value, str)
    try:
        time = dt_util.parse_datetime(text, raise_on_error=True)
    except ValueError:
        raise RecordError(f"{name} is no time") from None
    if time.tzinfo is None or time.year not in YEARS:
        raise RecordError(f"{name} is no time of ours")
    return dt_util.as_utc(time)


def _read_options(value: object) -> Mapping[str, Any]:
    stored = _expect("options", value, dict)
    try:
        ResolvedOptions.from_dict(stored)
    except ValueError:
        raise RecordError("the options are malformed") from None
    return stored


def _read_asker(value: object) -> Asker:
    names = [item.name for item in fields(Asker)]
    if not isinstance(value, dict) or set(value) != set(names):
        raise RecordError("the asker is malformed")
    for name in names:
        if value[name] is not None:
            _expect(name, value[name], str)
    return Asker(**value)


def _expect[T](name: str, value: object, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise RecordError(f"{name} has a wrong type")
    return value
