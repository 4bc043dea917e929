"""One attempt to send: a file on its way to one task of the cloud."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
import secrets
from typing import Any, Final, Self

from ..api.options import ResolvedOptions, count_selected, most_selected
from ..api.stored import Record
from ..documents.document import Document
from .spec import PersonReason

# The secret in a callback address.
TOKEN_BYTES: Final = 24


class JobState(StrEnum):
    """The states of a delivery, and of its job; those before the final ones only follow in this order."""

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
# The states of a job while the cloud works on its task.
IN_CLOUD = frozenset({JobState.QUEUED, JobState.PROCESSING, JobState.SENDING, JobState.CANCELING})
RETRYABLE = frozenset({JobState.FAILED, JobState.EXPIRED, JobState.UNCONFIRMED})
# Ended as somebody wanted: printing its document again is a job of its own, as often as wanted.
REPRINTABLE = frozenset({JobState.COMPLETED, JobState.CANCELED})

_ORDER = tuple(JobState)


def is_valid_transition(old: JobState, new: JobState) -> bool:
    """Return whether a delivery may go from one state to another.

    States only move forward, with two exceptions: an upload that surely never arrived
    goes back to `held`, and an unconfirmed one becomes final once there is proof.
    """
    if old is JobState.UNCONFIRMED:
        return new in {JobState.COMPLETED, JobState.FAILED, JobState.CANCELED}
    if old in FINAL:
        return False
    if new in FINAL:
        return True
    if (old, new) == (JobState.UPLOADING, JobState.HELD):
        return True
    return _ORDER.index(new) > _ORDER.index(old)


def new_token() -> str:
    """Return the secret part of a new callback address."""
    return secrets.token_urlsafe(TOKEN_BYTES)


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery(Record):
    """One document, the options of its task, and what is known of its way to the printer.

    `token` is the secret part of the callback address; it tells deliveries apart and appears in no view.
    The document's path is that of its spooled file until a job takes it over, then its name in the job's folder.
    `after` is what a person must do before it is sent, None once that is done. `hold_reason` says why it
    waits. `counts_as` are the pages of a copy and the copies that a job counts as which has another delivery after
    this one. `details` are for whoever made the deliveries; nothing here reads them. A preview that is under way,
    or was cut off, is a delivery without a job.
    """

    document: Document
    options: ResolvedOptions
    token: str = field(default_factory=new_token, repr=False)
    after: PersonReason | None = None
    state: JobState = JobState.HELD
    hold_reason: str | None = None
    # Set before the last bytes of the upload are sent, so that a crash cannot hide it.
    handed_over_at: datetime | None = None
    # An upload of it was refused after its end was sent.
    was_refused: bool = False
    task_id: str | None = None
    task_known_at: datetime | None = None
    # Whether the task was only matched by the list of tasks.
    task_from_list: bool = False
    # By how many milliseconds the cloud's clock was ahead of ours at the upload: bounds.
    clock_least: int | None = None
    clock_most: int | None = None
    sent_bytes: int | None = None
    # The cloud is asked to cancel it since its time is over.
    expiring: bool = False
    # Its outcome.
    reason: str | None = None
    code: int | None = None
    detail: str = ""
    partly_printed: bool = False
    ended_at: datetime | None = None
    counts_as: tuple[int, int] | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_final(self) -> bool:
        """Return whether the delivery is over."""
        return self.state in FINAL

    @property
    def may_have_unknown_task(self) -> bool:
        """Return whether the cloud may have made a task of it whose id is unknown."""
        return self.handed_over_at is not None and self.task_id is None

    @property
    def is_unsure(self) -> bool:
        """Return whether the delivery is in doubt: sent, but never confirmed by the cloud."""
        return self.state is JobState.UPLOADING and self.may_have_unknown_task

    @property
    def was_sent(self) -> bool:
        """Return whether anything of it may be in the cloud."""
        return self.handed_over_at is not None or self.task_id is not None

    @property
    def pages(self) -> int | None:
        """Return the pages of one copy of the task, None if nobody knows."""
        return count_selected(self.options.page_range, self.document.pages)

    @property
    def job_pages(self) -> int | None:
        """Return the pages of one copy of its job, whose first delivery it is; None if nobody knows."""
        return self.pages if self.counts_as is None else self.counts_as[0]

    @property
    def job_copies(self) -> int:
        """Return the copies of its job, whose first delivery it is."""
        return self.options.copies if self.counts_as is None else self.counts_as[1]

    @property
    def most_pages(self) -> int | None:
        """Return the most pages that one copy of its job can have, None if nobody knows."""
        if self.counts_as is not None:
            return self.counts_as[0]
        known = self.document.pages_at_most if self.document.pages is None else self.document.pages
        return most_selected(self.options.page_range, known)

    def changed(self, now: datetime, **changes: Any) -> Self:
        """Return the delivery with these fields changed at this time."""
        if (state := changes.get("state", self.state)) is not self.state:
            changes["ended_at"] = now if state in FINAL else None
        new = replace(self, **changes)
        if new.task_id != self.task_id:
            # The code and detail of an earlier refusal are obsolete.
            new = replace(new, code=changes.get("code"), detail=changes.get("detail", ""))
        return new

    @property
    def facts(self) -> tuple[object, ...]:
        """What must be on disk before it is published, since it could not be found out again."""
        ended = (self.state, self.reason, self.code, self.detail, self.partly_printed)
        return (
            ended if self.is_final else None,
            self.after,
            self.task_id,
            self.task_from_list,
            self.handed_over_at,
            self.expiring,
        )


DELIVERY_FIELDS: Final = frozenset(item.name for item in fields(Delivery))


def present(deliveries: Sequence[Delivery]) -> Delivery:
    """Return the delivery that is made or waits: the first one that did not come out, else the last."""
    # Asked for again and again, of thousands of records: without a generator.
    for one in deliveries:
        if one.state is not JobState.COMPLETED:
            return one
    return deliveries[-1]
