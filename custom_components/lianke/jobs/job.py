"""A print job: the request, its deliveries, and what is derived from them, such as the job's state.

Sizes are in bytes. Pages are printed sides, as the service counts them. A value that is unknown is None.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
import json
from pathlib import Path
import re
import secrets
import traceback
from typing import Any, Final, Self, override

from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from ..api.options import ResolvedOptions, count_selected, most_selected
from ..api.stored import READ, Record, StoredError, json_default
from ..const import DOMAIN
from ..documents.document import Document, FileType
from ..fair_queue import Owner, lan_owner
from ..input_error import InputError

# Maximum number of reasons for which a job waits; a stored record with more reasons is malformed.
MAX_REASONS: Final = 8
# The reason of a canceled job that a person refused to approve or to release.
REJECTED: Final = "rejected"


# Types of documents whose page count is unknown until the service has converted them.
CONVERTED: Final = frozenset(
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


class PersonReason(StrEnum):
    """Why a job waits for a person's answer."""

    APPROVAL = "approval"
    RELEASE = "release"
    TURN_PAPER = "turn_paper"


class Origin(StrEnum):
    USER = "user"
    AUTOMATION = "automation"
    ASSISTANT = "assistant"
    LAN_PRINTER = "lan_printer"


# A source that the options have in addition to the values of `Origin`: no person is known to have started the job.
NOBODY: Final = "nobody"


def read_reasons(value: object) -> tuple[str, ...] | None:
    """Return the stored reasons for which a job waits. Raises ValueError if they are malformed."""
    if not isinstance(value, list) or len(value) > MAX_REASONS:
        raise ValueError("not a list of reasons")
    # A reason that only a later version knows becomes an approval: the job must not be printed before somebody has been
    # asked.
    known = [reason if reason in PersonReason else PersonReason.APPROVAL.value for reason in value]
    return tuple(dict.fromkeys(known))


def _read_origin(value: object) -> Origin | None:
    if value is not None and not isinstance(value, str):
        raise ValueError("not an origin")
    # An origin that only a later version knows becomes None, like a missing origin.
    return Origin(value) if value is not None and value in Origin else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Asker(Record):
    context_id: str | None = None
    user_id: str | None = None
    parent_id: str | None = None

    @classmethod
    def of(cls, context: Context) -> Self:
        return cls(context_id=context.id, user_id=context.user_id, parent_id=context.parent_id)

    @property
    def context(self) -> Context:
        return Context(id=self.context_id, user_id=self.user_id, parent_id=self.parent_id)


@dataclass(frozen=True, kw_only=True, slots=True)
class JobSpec(Record):
    """The request for one job on one printer. The documents and their resolved options are in the job's deliveries."""

    printer_key: str
    title: str
    # The options as the caller gave them; for another printer they may be resolved differently.
    requested: Mapping[str, Any] = field(default_factory=dict)
    request_id: str | None = None
    replace_key: str | None = None
    # Ids of other jobs: the job whose document this job prints again, and the job that this job replaced in a move.
    retry_of: str | None = None
    moved_from: str | None = None
    # Whether the job may wait for its printer; a job that may not wait is refused, or expires.
    hold: bool = True
    # How long the job may wait; None means the hold time in the options of the config entry.
    expires_in: timedelta | None = None
    ignore_quiet_hours: bool = False
    asker: Asker = field(default_factory=Asker)
    # Derived from the asker's context when the job is submitted; a move keeps it (see `people.initiator`).
    origin: Origin | None = field(default=None, metadata={READ: _read_origin})
    automated: bool = False
    # It is no longer known who started the job, so the rules assume that it may have been anybody.
    forgotten: bool = False
    # The device of the home network that sent the job: its name, its address, and an id that stays the same when the
    # address changes. The id is None in records of versions that had no such id.
    sender: str | None = None
    sender_address: str | None = None
    sender_device: str | None = None
    # A stranger may have written the title: it is that of a document from a server, or that of a job that a device sent
    # and that this job prints again.
    foreign_title: bool = False
    # The document is already laid out on sheets, for exactly these options.
    laid_out: bool = False
    # The reasons for which the job needs people's answers before anything is sent, in the order in which to ask. The
    # options of the config entry add reasons when the job is submitted, unless this is ().
    waits_for: tuple[str, ...] | None = field(default=None, metadata={READ: read_reasons})
    # Somebody has already approved the request, perhaps for the job that this job replaced in a move or prints again.
    approved: bool = False
    # The hash of the code that releases the job at the printer.
    release_code: str | None = field(default=None, repr=False)
    # The person who asked for the job does not know `release_code`: it is the code of somebody else, whose job this job
    # prints again or replaces.
    foreign_code: bool = False

    @property
    def owner(self) -> Owner:
        """The owner whose turns and limits apply to the job: a user, a device, or all automations together."""
        device = self.sender_device or self.sender_address
        return (self.asker.user_id,) if device is None else lan_owner(device)

    @property
    def source(self) -> Origin:
        if self.origin is not None:
            return self.origin
        if self.sender_address is not None:
            return Origin.LAN_PRINTER
        return Origin.AUTOMATION if self.asker.user_id is None else Origin.USER


# Length in bytes of the secret in a callback address.
TOKEN_BYTES: Final = 24


class JobState(StrEnum):
    """The state of a delivery, and of its job. It changes in this order only (but see `is_valid_transition`)."""

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


FINAL_JOB_STATES = frozenset(
    {JobState.COMPLETED, JobState.FAILED, JobState.CANCELED, JobState.EXPIRED, JobState.UNCONFIRMED}
)
# The states that users call "waiting": held here, or READY in the cloud's queue.
WAITING = frozenset({JobState.HELD, JobState.QUEUED})
# The states of a job whose task is in the cloud and has not ended.
IN_CLOUD = frozenset({JobState.QUEUED, JobState.PROCESSING, JobState.SENDING, JobState.CANCELING})
RETRYABLE = frozenset({JobState.FAILED, JobState.EXPIRED, JobState.UNCONFIRMED})
# The states of a job that ended as somebody wanted: its document can be printed again any number of times, each time as
# a new job.
REPRINTABLE = frozenset({JobState.COMPLETED, JobState.CANCELED})

_ORDER = tuple(JobState)


# Result codes that prove that nothing was printed: the task was refused, or its file could not be converted. The codes
# for an absent box or printer are not among them, since the box or printer may have disappeared during printing.
BEFORE_PAPER: Final = frozenset({400, 502, 11203})


def is_valid_transition(old: JobState, new: JobState) -> bool:
    """Whether a delivery may change from state `old` to `new`: only forward, with two exceptions."""
    if old is JobState.UNCONFIRMED:
        # Proof of what happened may still arrive.
        return new in {JobState.COMPLETED, JobState.FAILED, JobState.CANCELED}
    if old in FINAL_JOB_STATES:
        return False
    if new in FINAL_JOB_STATES:
        return True
    if (old, new) == (JobState.UPLOADING, JobState.HELD):
        # The cloud certainly did not accept the upload, so the delivery waits again.
        return True
    return _ORDER.index(new) > _ORDER.index(old)


new_token = partial(secrets.token_urlsafe, TOKEN_BYTES)


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery(Record):
    """One document, the options of its task, and what is known about its way to the printer.

    The upload of a preview that is running or was interrupted is a delivery as well, but belongs to no job.
    """

    # The document's path is the spooled file until a job takes over the document, then a file name in the job's folder.
    document: Document
    options: ResolvedOptions
    # The secret part of the callback address. It identifies the delivery and is never shown to anybody.
    token: str = field(default_factory=new_token, repr=False)
    # What a person must do before the delivery is sent; None if nothing is left to do.
    after: PersonReason | None = None
    state: JobState = JobState.HELD
    hold_reason: str | None = None
    # When the last bytes of the upload were sent. This is written to disk before the bytes are sent, so that a crash
    # cannot lose it.
    handed_over_at: datetime | None = None
    # When the upload ended without an answer that says whether the cloud accepted it.
    given_up_at: datetime | None = None
    # The cloud refused an upload of this delivery after the last bytes were sent.
    was_refused: bool = False
    task_id: str | None = None
    task_known_at: datetime | None = None
    # The task was found by matching the cloud's list of tasks, which is the weakest proof.
    task_from_list: bool = False
    # Lower and upper bound of how far the cloud's clock was ahead of ours at the upload, in milliseconds.
    clock_least: int | None = None
    clock_most: int | None = None
    sent_bytes: int | None = None
    # When a callback proved that the delivery was printed. The job completes as soon as its page count is known, or
    # after `tracker.PAGES_SECONDS` without it.
    proven_at: datetime | None = None
    # The cloud is asked to cancel the task because the job has expired.
    expiring: bool = False
    reason: str | None = None
    code: int | None = None
    detail: str = ""
    partly_printed: bool = False
    ended_at: datetime | None = None
    # The number of pages per copy and the number of copies that count for the whole job; set only in the first of two
    # deliveries.
    counts_as: tuple[int, int] | None = None
    # Data of the room that makes pairs of deliveries; nothing in `jobs` reads it.
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_final(self) -> bool:
        return self.state in FINAL_JOB_STATES

    @property
    def may_have_unknown_task(self) -> bool:
        return self.handed_over_at is not None and self.task_id is None

    @property
    def is_in_doubt(self) -> bool:
        """Whether the delivery was sent, but the cloud has not confirmed that it arrived."""
        return self.state is JobState.UPLOADING and self.may_have_unknown_task

    @property
    def was_sent(self) -> bool:
        return self.handed_over_at is not None or self.task_id is not None

    @property
    def pages(self) -> int | None:
        """Pages of one copy of the delivery's own task; None if unknown."""
        selection, pages = self.options.page_range, self.document.pages
        return count_selected(selection, pages) if selection else pages

    @property
    def job_copies(self) -> int:
        return self.options.copies if self.counts_as is None else self.counts_as[1]

    @property
    def has_unknown_length(self) -> bool:
        """Whether it is unknown how many pages the conversion will make, so that a person must let the job go on."""
        return self.document.extension in CONVERTED and self.most_pages is None

    @property
    def most_pages(self) -> int | None:
        """The highest number of pages in one copy of the whole job, if this is its first delivery; None if unknown."""
        if self.counts_as is not None:
            return self.counts_as[0]
        known = self.document.pages_at_most if self.document.pages is None else self.document.pages
        selection = self.options.page_range
        return most_selected(selection, known) if selection else known


DELIVERY_FIELDS: Final = frozenset(item.name for item in fields(Delivery))


RECORD_VERSION: Final = 3
# The reason of a job that was canceled because another printer prints its document instead.
MOVED: Final = "moved"
# Reasons of jobs that were canceled because another job took their place.
HANDED_ON: Final = frozenset({"replaced", MOVED})
# Reasons of jobs that ended after only their first delivery, the front sides, was printed.
FIRST_SIDES_ONLY: Final = "first_sides_only"
NOT_TURNED: Final = "not_turned_in_time"
# Replacements for reasons that would claim that nothing was printed. The reason of a cancellation is None.
_AFTER_FIRST_SIDES: Final = {None: FIRST_SIDES_ONLY, "expired": NOT_TURNED}


@dataclass(frozen=True, kw_only=True, slots=True)
class Job(Record):
    """One document to print on one printer: in one delivery, or in two, between which a person turns the paper."""

    job_id: str
    spec: JobSpec
    deliveries: tuple[Delivery, ...]
    printer_name: str
    created_at: datetime
    changed_at: datetime
    expires_at: datetime
    # Pages of one copy, counting only those that the page range selects; None if unknown.
    pages: int | None = None
    copies: int = 1
    pages_printed: int | None = None
    cancel_requested: bool = False
    has_document: bool = True
    # The document is kept so that it can be printed again, although the job ended as somebody wanted.
    document_kept: bool = False
    # The job was salvaged from a damaged ledger. What happened to it since its record was written is unknown, so it
    # waits until a person lets it go on.
    copied: bool = False
    # Id of the job that prints this job's document again.
    retried_as: str | None = None
    # Id of the job on another printer that took this job's place by a move.
    moved_to: str | None = None

    # The fields below are derived from the deliveries. They are read very often, so __post_init__ computes them once.

    # The delivery that waits or is under way: the first that is not completed, or the last if all are completed.
    current_delivery: Delivery = field(init=False, repr=False, compare=False)
    state: JobState = field(init=False, repr=False, compare=False)
    is_final: bool = field(init=False, repr=False, compare=False)
    # The first delivery was printed, and the second delivery waits, is under way, or has ended.
    is_at_second_delivery: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.deliveries:
            raise StoredError("no deliveries")
        current = self.deliveries[-1]
        for one in self.deliveries:
            if one.state is not JobState.COMPLETED:
                current = one
                break
        # A field of a frozen dataclass cannot be assigned in any other way.
        fill = object.__setattr__
        fill(self, "current_delivery", current)
        fill(self, "state", current.state)
        fill(self, "is_final", current.state in FINAL_JOB_STATES)
        fill(self, "is_at_second_delivery", current is not self.deliveries[0])

    @property
    def reason(self) -> str | None:
        now = self.current_delivery
        ended = self.is_at_second_delivery and now.state in (JobState.CANCELED, JobState.EXPIRED)
        if not ended or now.partly_printed:
            # The delivery's reason also holds for the whole job, for example because some back sides may have been
            # printed as well.
            return now.reason
        if now.reason == "expired" and now.after is None:
            # Somebody turned the paper in time, so NOT_TURNED would be wrong.
            return FIRST_SIDES_ONLY
        return _AFTER_FIRST_SIDES.get(now.reason, now.reason)

    @property
    def partly_printed(self) -> bool:
        now = self.current_delivery
        if now.state is JobState.COMPLETED:
            # The flag dates from the time when the delivery was in doubt; by now it is known that everything was
            # printed.
            return False
        return (self.is_at_second_delivery and now.is_final) or now.partly_printed

    @property
    def most_pages(self) -> int | None:
        return self.deliveries[0].most_pages if self.pages is None else self.pages

    @property
    def pages_to_count(self) -> int | None:
        """The number of pages, over all copies, that count as printed; None if it is unknown.

        The cloud may report no page count, or that of one copy only. If we did not count the pages ourselves, the
        highest possible number counts.
        """
        told, most = self.pages_printed, self.most_pages
        if self.pages is not None:
            return told
        if not told:
            return told if most is None else most * self.copies
        return max(told, (told if most is None else min(told, most)) * self.copies)

    @property
    def waits_for(self) -> tuple[str, ...]:
        """The reasons (`PersonReason`) for which the job still needs people's answers, in the order in which to ask."""
        after = self.current_delivery.after
        return (self.spec.waits_for or ()) + (() if after is None else (after.value,))

    @property
    def ended_at(self) -> datetime:
        # Version 0.1.0 recorded the time of the end only for jobs that failed.
        return self.current_delivery.ended_at or self.changed_at

    @property
    def is_settled(self) -> bool:
        return self.is_final or self.state is JobState.HELD

    @property
    def is_uploading(self) -> bool:
        return self.current_delivery.state is JobState.UPLOADING and not self.cancel_requested

    @property
    def ignores_quiet_hours(self) -> bool:
        # At the second delivery, a person puts the paper back and waits for the back sides.
        return self.spec.ignore_quiet_hours or self.is_at_second_delivery

    @property
    def has_stack(self) -> bool:
        """Whether a person has put the stack with the job's front sides back into the printer's tray."""
        return self.is_at_second_delivery and not self.waits_for and not self.is_final

    @property
    def source(self) -> str | None:
        """Name and address of the device of the home network that sent the job; None if no such device did."""
        if self.spec.sender_address is None:
            return None
        return " · ".join(part for part in (self.spec.sender, self.spec.sender_address) if part)

    @property
    def title_is_foreign(self) -> bool:
        """Whether a device of the home network, or a web or media server, wrote the title, so that it may say anything.

        People may read such a title. Software that follows instructions, such as an assistant, must not get it.
        """
        return self.spec.foreign_title or self.spec.sender_address is not None

    @property
    def waits_here(self) -> bool:
        """Whether the job is held, or is being uploaded and its last bytes have not been sent yet."""
        return (
            self.state in (JobState.HELD, JobState.UPLOADING)
            and not self.current_delivery.is_in_doubt
        )

    @property
    def can_cancel(self) -> bool:
        ends = self.current_delivery.proven_at is not None or self.state is JobState.CANCELING
        return not (self.is_final or ends)

    @property
    def can_move(self) -> bool:
        return (
            self.state is JobState.HELD
            and not (self.copied or self.partly_printed)
            and self.current_delivery.handed_over_at is None
            # The two deliveries of a job are made for one particular printer.
            and len(self.deliveries) == 1
        )

    @property
    def asks_for(self) -> str | None:
        """The reason for which the job waits for a person's answer; None if it waits for no answer."""
        is_asked = self.state is JobState.HELD and bool(self.waits_for) and not self.copied
        return self.waits_for[0] if is_asked else None

    @property
    def needs_code(self) -> bool:
        return self.asks_for == PersonReason.RELEASE and self.spec.release_code is not None

    @property
    def can_retry(self) -> bool:
        if self.copied and self.state is JobState.HELD:
            return True
        return self.state in RETRYABLE and self.has_document and self.retried_as is None

    @property
    def may_keep_document(self) -> bool:
        """Whether the document may be kept for printing again, although the job ended as somebody wanted."""
        return self.state in REPRINTABLE and self.has_document and self.reason not in HANDED_ON

    @property
    def can_print_again(self) -> bool:
        return self.may_keep_document and self.document_kept

    @property
    def was_never_sent(self) -> bool:
        return (
            self.state in {JobState.CANCELED, JobState.EXPIRED, JobState.FAILED}
            and not any(one.was_sent for one in self.deliveries)
            # Use the delivery's flag: the job's own flag is also set if another job printed the front sides.
            and not self.current_delivery.partly_printed
            and self.reason != MOVED
        )

    @property
    def has_task(self) -> bool:
        return any(one.task_id for one in self.deliveries)

    def changed(
        self, delivery: Delivery | None = None, *, now: datetime | None = None, **changes: Any
    ) -> Self:
        """Return the job with changed fields.

        Fields of a delivery are changed in `delivery`, by default in the current delivery.
        """
        now = now or dt_util.utcnow()
        theirs = {name: changes.pop(name) for name in changes.keys() & DELIVERY_FIELDS}
        if theirs:
            token = (delivery or self.current_delivery).token
            old = next(one for one in self.deliveries if one.token == token)
            if (state := theirs.get("state", old.state)) is not old.state:
                theirs["ended_at"] = now if state in FINAL_JOB_STATES else None
            if theirs.get("task_id", old.task_id) != old.task_id:
                # The present code and detail belong to an earlier refusal, so they do not apply to the new task.
                theirs = {"code": None, "detail": "", **theirs}
            new = replace(old, **theirs)
            changes["deliveries"] = tuple(new if one is old else one for one in self.deliveries)
        return replace(self, changed_at=now, **changes)

    def as_json(self) -> str:
        return json.dumps({"version": RECORD_VERSION, **json_default(self)}, default=json_default)

    @classmethod
    def from_record(cls, record: object) -> Self:
        """Read a stored job. Raises StoredError for anything that `as_json` does not write."""
        if not isinstance(record, dict) or record.get("version") != RECORD_VERSION:
            raise StoredError("not a job record of a known version")
        return cls.from_dict(record)

    @classmethod
    @override
    def from_dict(cls, stored: Mapping[str, object]) -> Self:
        known = {
            item.name: stored[item.name]
            for item in fields(cls)
            if item.init and item.name in stored
        }
        job = super().from_dict(known)
        count = len(job.deliveries)
        if count != (1 if job.deliveries[0].counts_as is None else 2):
            raise StoredError("another number of deliveries")
        if len({one.token for one in job.deliveries}) != count:
            raise StoredError("deliveries that cannot be told apart")
        return job


# Name of the second delivery's file in a job's folder; `file_name` makes the name of the first delivery's file.
SECOND_NAME: Final = "backs.pdf"
_SUFFIX: Final = re.compile(r"\.[a-z0-9]{1,10}")


def file_name(name: str) -> str:
    suffix = Path(name).suffix.lower()
    return f"document{suffix if _SUFFIX.fullmatch(suffix) else ''}"


def new_job(
    job_id: str,
    spec: JobSpec,
    deliveries: Sequence[Delivery],
    *,
    moved: Job | None,
    printer_name: str,
    reason: str | None,
    now: datetime,
    hold_time: timedelta,
) -> Job:
    """Return a new job for a request. If `moved` is given, the new job keeps that job's creation and expiry times.

    `moved`: the job that the new job replaces in a move. `reason`: why the printer cannot take the job now, None if it
    can. `hold_time`: how long the job may wait if `spec` has no `expires_in`.
    """
    waits_for = spec.waits_for or ()
    if PersonReason.RELEASE not in waits_for:
        spec = replace(spec, release_code=None)
    first = deliveries[0]
    pages, copies = first.counts_as or (first.pages, first.options.copies)
    names = [file_name(first.document.name), *(SECOND_NAME for _ in deliveries[1:])]
    job = Job(
        job_id=job_id,
        spec=replace(spec, waits_for=waits_for),
        deliveries=tuple(
            replace(one, document=replace(one.document, path=Path(name)))
            for one, name in zip(deliveries, names, strict=True)
        ),
        printer_name=printer_name,
        created_at=moved.created_at if moved else now,
        changed_at=now,
        expires_at=moved.expires_at if moved else now + (spec.expires_in or hold_time),
        pages=pages,
        copies=copies,
    )
    return job.changed(
        now=now,
        state=JobState.HELD if waits_for or reason else JobState.UPLOADING,
        hold_reason=waits_for[0] if waits_for else reason,
        sent_bytes=None if waits_for or reason else 0,
        # If people still have to answer, ask for the stack only after their answers: until then the stack must not lie
        # in the tray.
        after=PersonReason.TURN_PAPER
        if job.is_at_second_delivery and waits_for
        else job.current_delivery.after,
    )


def held(reason: str) -> dict[str, Any]:
    return {"state": JobState.HELD, "hold_reason": reason, "sent_bytes": None}


def failed(reason: str) -> dict[str, Any]:
    return {"state": JobState.FAILED, "reason": reason}


def begin_next(old: Job, new: Job, until: datetime, again: Job | None = None) -> Job:
    """Return the job `new` as it continues after its first delivery was printed.

    The second delivery waits for a person until `until` at the latest. But the job ends here if it was canceled or
    expired when the front sides could no longer be stopped, if its document is gone, or if it was printed again. The
    job that prints it again is `again`, None if unknown; if that job was never sent, this job goes on.
    """
    first = old.current_delivery
    is_retried = old.retried_as is not None and not (again and again.was_never_sent)
    canceled = first.state is JobState.CANCELING or old.cancel_requested or is_retried
    if not (canceled or first.expiring or not old.has_document):
        return replace(new, expires_at=until, pages_printed=None)
    expired = first.expiring and first.state is not JobState.UNCONFIRMED
    end = replace(
        new.deliveries[0],
        state=JobState.EXPIRED if expired else JobState.CANCELED,
        reason=FIRST_SIDES_ONLY,
        partly_printed=True,
    )
    return replace(new, deliveries=(end, *new.deliveries[1:]), pages_printed=None)


def job_error(key: str, job: Job) -> InputError:
    return InputError(key, title=job.spec.title)


def change_not_saved(job: Job) -> HomeAssistantError:
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key="change_not_saved",
        translation_placeholders={"title": job.spec.title},
    )


def already_retried(again: Job) -> InputError:
    return InputError("job_retried_already", title=again.spec.title, job_id=again.job_id)


def type_and_place(err: BaseException) -> str:
    """Return an error's type and place, without its message, which may quote the document."""
    place = traceback.extract_tb(err.__traceback__)[-1:]
    return type(err).__name__ + "".join(
        f" in {frame.name}, {frame.filename}:{frame.lineno}" for frame in place
    )
