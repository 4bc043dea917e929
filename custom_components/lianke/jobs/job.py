"""A print job: its fields, and what they allow."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Self

from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonValueType

from .by_hand import ByHand
from .job_fields import Asker, read_field
from .people import PersonReason
from .record import RecordError
from .states import (
    FINAL,
    HANDED_ON,
    IN_CLOUD,
    MOVED,
    REPRINTABLE,
    RETRYABLE,
    WAITING,
    JobState,
    can_move,
)

__all__ = [
    "FINAL",
    "HANDED_ON",
    "IN_CLOUD",
    "MOVED",
    "REPRINTABLE",
    "RETRYABLE",
    "WAITING",
    "Asker",
    "Job",
    "JobState",
    "can_move",
    "read_field",
]

RECORD_VERSION = 1


# Marks fields that records of version 0.1.0 do not have.
_ADDED = {"added": True}


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One document to be printed on one printer.

    Sizes are bytes, pages are printed sides as the service counts them. `digest` is empty
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
    document_pages_at_most: int | None = field(default=None, metadata=_ADDED)
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
    asker: Asker = field(default_factory=Asker)
    has_document: bool = True
    # Set before the last bytes of the upload are sent, so that a crash cannot hide it.
    handed_over_at: datetime | None = None
    # An upload of it was refused after its end was sent.
    was_refused: bool = field(default=False, metadata=_ADDED)
    task_id: str | None = None
    task_known_at: datetime | None = None
    # Whether the task was only matched by the list of tasks.
    task_from_list: bool = field(default=False, metadata=_ADDED)
    # By how many milliseconds the cloud's clock was ahead of ours at the upload: bounds.
    clock_least: int | None = field(default=None, metadata=_ADDED)
    clock_most: int | None = field(default=None, metadata=_ADDED)
    cancel_requested: bool = False
    expiring: bool = False
    reason: str | None = None
    code: int | None = None
    detail: str = ""
    partly_printed: bool = False
    pages_printed: int | None = None
    finished_at: datetime | None = None
    sent_bytes: int | None = None
    # Grows with every change: an older version never overwrites a newer one on disk.
    generation: int = field(default=0, metadata=_ADDED)
    # The job that prints this one's document again.
    retried_as: str | None = field(default=None, metadata=_ADDED)
    # The same, "<config entry>/<job>", until that job is known to be on disk.
    retrying_to: str | None = field(default=None, metadata=_ADDED)
    # Waits because the job folder was copied from another installation.
    copied: bool = field(default=False, metadata=_ADDED)
    # The device of the home network that sent it: its name by its own account, and its address.
    sender: str | None = field(default=None, metadata=_ADDED)
    sender_address: str | None = field(default=None, metadata=_ADDED)
    # The title is one that such a device gave a job which this one prints again.
    foreign_title: bool = field(default=False, metadata=_ADDED)
    # Its document was laid out on sheets here, for these options.
    laid_out: bool = field(default=False, metadata=_ADDED)
    # Its document stays after an end that was wanted.
    document_kept: bool = field(default=False, metadata=_ADDED)
    # Where it was asked for; None in records of 0.1.0.
    origin: str | None = field(default=None, metadata=_ADDED)
    # The reasons for which people are to be asked, one after the other; see `PersonReason`.
    waits_for: tuple[str, ...] = field(default=(), metadata=_ADDED)
    approved: bool = field(default=False, metadata=_ADDED)
    # The job at another printer that takes its place, "<config entry>/<job>": it cannot print any more
    # unless there turns out to be no such job.
    moving_to: str | None = field(default=None, metadata=_ADDED)
    # The job whose place it took; `move_open` until that one is known to be over.
    moved_from: str | None = field(default=None, metadata=_ADDED)
    move_open: bool = field(default=False, metadata=_ADDED)
    # The hashed code that releases it at the printer.
    release_code: str | None = field(default=None, repr=False, metadata=_ADDED)
    # The two halves, where both sides are printed by hand. `size`, `token` and the task are the present one's.
    by_hand: ByHand | None = field(default=None, metadata=_ADDED)

    @property
    def is_final(self) -> bool:
        """Return whether the job is over."""
        return self.state in FINAL

    @property
    def ended_at(self) -> datetime:
        """Return when the final job ended; 0.1.0 only recorded that of failed ones."""
        return self.finished_at or self.changed_at

    @property
    def is_settled(self) -> bool:
        """Return whether the job is final or held."""
        return self.is_final or self.state is JobState.HELD

    @property
    def may_have_unknown_task(self) -> bool:
        """Return whether the cloud may have made a task of the job whose id is unknown."""
        return self.handed_over_at is not None and self.task_id is None

    @property
    def is_unsure(self) -> bool:
        """Return whether the job is in doubt: sent, but never confirmed by the cloud."""
        return self.state is JobState.UPLOADING and self.may_have_unknown_task

    @property
    def is_second_half(self) -> bool:
        """Return whether the first sides lie on paper, and the second ones are printed or wait for it."""
        return self.by_hand is not None and self.by_hand.half == 2

    @property
    def has_turned_paper(self) -> bool:
        """Return whether paper that was turned over for the job lies in its printer's tray."""
        return self.is_second_half and not self.waits_for and not self.is_final

    @property
    def source(self) -> str | None:
        """Return the device of the home network that sent the job, with its address."""
        if self.sender_address is None:
            return None
        return " · ".join(part for part in (self.sender, self.sender_address) if part)

    @property
    def title_is_foreign(self) -> bool:
        """Return whether a device of the home network wrote the title, which may say anything.

        It is for people to read; whoever follows instructions, as assistants do, must not be given it.
        """
        return self.foreign_title or self.sender_address is not None

    @property
    def can_cancel(self) -> bool:
        """Return whether the job can be canceled."""
        return not (self.is_final or self.state is JobState.CANCELING or self.is_moving)

    @property
    def is_moving(self) -> bool:
        """Return whether the job is being moved to another printer."""
        return self.state is JobState.HELD and self.moving_to is not None

    @property
    def moved_to(self) -> str | None:
        """Return the id of the job that took this one's place at another printer."""
        return self.moving_to.partition("/")[2] if self.moving_to and self.reason == MOVED else None

    @property
    def can_move(self) -> bool:
        """Return whether the job can be moved to another printer: nothing of it was printed or sent."""
        return (
            self.state is JobState.HELD
            and not (self.copied or self.is_moving or self.partly_printed)
            and self.handed_over_at is None
            # Halves were made for one printer.
            and self.by_hand is None
        )

    @property
    def can_continue(self) -> bool:
        """Return whether the job waits for a person's answer."""
        return (
            self.state is JobState.HELD
            and bool(self.waits_for)
            and not self.copied
            and not self.is_moving
        )

    @property
    def waits_for_approval(self) -> bool:
        """Return whether the answer that the job waits for is an approval."""
        return self.can_continue and self.waits_for[0] == PersonReason.APPROVAL

    @property
    def needs_code(self) -> bool:
        """Return whether the answer that the job waits for takes a code."""
        is_release = self.can_continue and self.waits_for[0] == PersonReason.RELEASE
        return is_release and self.release_code is not None

    @property
    def can_retry(self) -> bool:
        """Return whether the job may be printed again from the kept document."""
        if self.copied and self.state is JobState.HELD:
            return True
        return self.state in RETRYABLE and self.has_document and self.retried_as is None

    @property
    def may_keep_document(self) -> bool:
        """Return whether the document may be kept although the job ended as it was wanted."""
        return self.state in REPRINTABLE and self.has_document and self.reason not in HANDED_ON

    @property
    def can_print_again(self) -> bool:
        """Return whether the kept document may be printed again, although the job ended as wanted."""
        return self.may_keep_document and self.document_kept

    @property
    def was_never_sent(self) -> bool:
        """Return whether the job ended without having been sent."""
        return (
            self.state in {JobState.CANCELED, JobState.EXPIRED, JobState.FAILED}
            and self.handed_over_at is None
            and self.task_id is None
            and not self.partly_printed
            and self.reason != MOVED
        )

    def changed(self, **changes: Any) -> Self:
        """Return the job with these fields changed, stamped with the present time."""
        now = dt_util.utcnow()
        if (state := changes.get("state", self.state)) is not self.state:
            changes["finished_at"] = now if state in FINAL else None
        return replace(self, changed_at=now, generation=self.generation + 1, **changes)

    @property
    def facts(self) -> tuple[object, ...]:
        """What must be on disk before it is published, since it could not be found out again.

        The states of a task in the cloud and the progress of an upload are not part of it.
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
            self.waits_for,
            self.moving_to,
            self.by_hand,
        )

    def as_view(self) -> dict[str, JsonValueType]:
        """Return what responses, events and screens show, without secrets."""
        return {
            "job_id": self.job_id,
            "printer_key": self.printer_key,
            "printer": self.printer_name,
            "title": self.title,
            "title_is_foreign": self.title_is_foreign,
            "state": self.state.value,
            "phase": "checking" if self.is_unsure else self.state.value,
            "created_at": self.created_at.isoformat(),
            "changed_at": self.changed_at.isoformat(),
            "finished_at": self.ended_at.isoformat() if self.is_final else None,
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
            "waits_for": [] if self.is_final else list(self.waits_for),
            "can_continue": self.can_continue,
            "needs_code": self.needs_code,
            "user_id": self.asker.user_id,
            "by_hand": None if self.by_hand is None else self.by_hand.as_view(),
            "can_cancel": self.can_cancel,
            "can_move": self.can_move,
            "moved_from": self.moved_from,
            "moved_to": self.moved_to,
            "can_retry": self.can_retry,
            "can_print_again": self.can_print_again,
        }

    def as_record(self) -> dict[str, Any]:
        """Return the job as it is stored, secrets included."""
        stored = {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        }
        return {"version": RECORD_VERSION, **stored}

    @classmethod
    def from_record(cls, record: object) -> Self:
        """Read a stored job.

        Raises RecordError for anything that `as_record` would not have written.
        """
        if not isinstance(record, dict) or record.get("version") != RECORD_VERSION:
            raise RecordError("not a job record of a known version")
        values: dict[str, Any] = {}
        for item in fields(cls):
            if item.name in record:
                values[item.name] = read_field(item.name, item.type, record[item.name])
            elif item.metadata != _ADDED:
                raise RecordError(f"{item.name} is missing")
        return cls(**values)
