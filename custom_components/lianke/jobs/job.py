"""A print job: what was asked for, its deliveries, and what follows from them, such as the job's state.

Sizes are bytes, pages are printed sides as the service counts them. A value that nobody knows is None.
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
from ..api.stored import READ, Record, StoredError, to_plain_json
from ..const import DOMAIN
from ..documents.document import Document, FileType
from ..fair_queue import Owner, lan_owner
from ..input_error import InputError

# Reasons for which one job waits; a stored record with more is malformed.
MAX_REASONS: Final = 8
# The reason of a job that a person refused to approve or release.
REJECTED: Final = "rejected"


# Types whose pages are only known after the service has converted them.
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


# A source besides these: as far as is known, no person started the job.
NOBODY: Final = "nobody"


def read_reasons(value: object) -> tuple[str, ...] | None:
    """Read the stored reasons for which a job waits. Raises ValueError for anything else."""
    if not isinstance(value, list) or len(value) > MAX_REASONS:
        raise ValueError("not a list of reasons")
    # A reason of a later version becomes an approval: the job must not print before anybody is asked.
    known = [reason if reason in PersonReason else PersonReason.APPROVAL.value for reason in value]
    return tuple(dict.fromkeys(known))


def _read_origin(value: object) -> Origin | None:
    if value is not None and not isinstance(value, str):
        raise ValueError("not an origin")
    # None also for an origin that only a later version knows.
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
    """What was asked for: one job on one printer. Its files and their resolved options are in the deliveries."""

    printer_key: str
    title: str
    # The options as the caller named them; another printer may resolve them differently.
    requested: Mapping[str, Any] = field(default_factory=dict)
    request_id: str | None = None
    replace_key: str | None = None
    # The job whose document this one prints again, and the job of another printer that it replaces by a move.
    retry_of: str | None = None
    moved_from: str | None = None
    # Whether the job may wait for its printer; if not, it is refused or expires.
    hold: bool = True
    # None: the hold time in the entry's options.
    expires_in: timedelta | None = None
    ignore_quiet_hours: bool = False
    asker: Asker = field(default_factory=Asker)
    # Found by the asker's context when the job is submitted; a move keeps it (see `people.initiator`).
    origin: Origin | None = field(default=None, metadata={READ: _read_origin})
    automated: bool = False
    # Nobody knows any more who started the job, so the rules treat it as anybody's.
    forgotten: bool = False
    # The device of the home network that sent the job, its address, and an id that stays when the address changes; the
    # id is None in records of versions that did not know it.
    sender: str | None = None
    sender_address: str | None = None
    sender_device: str | None = None
    # A device wrote the title of the job that this one prints again, or a server wrote the title of its document.
    foreign_title: bool = False
    # The document was laid out on sheets for exactly these options.
    laid_out: bool = False
    # The reasons to ask people before anything is sent, in order. None: the options decide.
    waits_for: tuple[str, ...] | None = field(default=None, metadata={READ: read_reasons})
    # The same print was approved before.
    approved: bool = False
    # The hash of the code that releases the job at the printer.
    release_code: str | None = field(default=None, repr=False)
    # Whoever asked does not know that code: it belongs to somebody else's job, whose document this one prints again.
    foreign_code: bool = False

    @property
    def owner(self) -> Owner:
        """Whose turns and limits the job uses: a user's, those of all automations, or those of one device."""
        device = self.sender_device or self.sender_address
        return (self.asker.user_id,) if device is None else lan_owner(device)

    @property
    def source(self) -> Origin:
        if self.origin is not None:
            return self.origin
        if self.sender_address is not None:
            return Origin.LAN_PRINTER
        return Origin.AUTOMATION if self.asker.user_id is None else Origin.USER


# Bytes of the secret in a callback address.
TOKEN_BYTES: Final = 24


class JobState(StrEnum):
    """The state of a delivery, and of its job. States before the final ones follow each other only in this order."""

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
# What the user calls "waiting": held here, or READY in the cloud's queue.
WAITING = frozenset({JobState.HELD, JobState.QUEUED})
# The states of a job while the cloud works on its task.
IN_CLOUD = frozenset({JobState.QUEUED, JobState.PROCESSING, JobState.SENDING, JobState.CANCELING})
RETRYABLE = frozenset({JobState.FAILED, JobState.EXPIRED, JobState.UNCONFIRMED})
# The job ended as somebody wanted: its document can be printed again any number of times, each time as a new job.
REPRINTABLE = frozenset({JobState.COMPLETED, JobState.CANCELED})

_ORDER = tuple(JobState)


# Result codes that prove that nothing was printed: the file was not converted, or was refused. Codes for a box or a
# printer that is gone are missing here, since it may have gone while it was printing.
BEFORE_PAPER: Final = frozenset({400, 502, 11203})


def is_valid_transition(old: JobState, new: JobState) -> bool:
    """Allow steps forward only, with two exceptions."""
    if old is JobState.UNCONFIRMED:
        # Proof may still arrive.
        return new in {JobState.COMPLETED, JobState.FAILED, JobState.CANCELED}
    if old in FINAL_JOB_STATES:
        return False
    if new in FINAL_JOB_STATES:
        return True
    if (old, new) == (JobState.UPLOADING, JobState.HELD):
        # The upload certainly did not arrive.
        return True
    return _ORDER.index(new) > _ORDER.index(old)


new_token = partial(secrets.token_urlsafe, TOKEN_BYTES)


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery(Record):
    """One document, the options of its task, and what is known of its way to the printer.

    A preview that is running, or was cut off, is a delivery without a job.
    """

    # Its path is the spooled file until a job takes it over, then a name in the job's folder.
    document: Document
    options: ResolvedOptions
    # The secret part of the callback address. It identifies the delivery, and is shown to nobody.
    token: str = field(default_factory=new_token, repr=False)
    # What a person must do before the delivery is sent; None when that is done.
    after: PersonReason | None = None
    state: JobState = JobState.HELD
    hold_reason: str | None = None
    # Set on disk before the last bytes of the upload are sent, so that a crash cannot hide it.
    handed_over_at: datetime | None = None
    # When the upload ended without an answer that says whether the cloud took it.
    given_up_at: datetime | None = None
    # The cloud refused an upload after its last bytes were sent.
    was_refused: bool = False
    task_id: str | None = None
    task_known_at: datetime | None = None
    # The task was found by matching the list of tasks, which is the weakest proof.
    task_from_list: bool = False
    # Bounds of how many milliseconds the cloud's clock was ahead of ours at the upload.
    clock_least: int | None = None
    clock_most: int | None = None
    sent_bytes: int | None = None
    # When a callback proved that it was printed; the job completes once its page count is known, or 15 s later.
    proven_at: datetime | None = None
    # The cloud is asked to cancel it because the job has expired.
    expiring: bool = False
    reason: str | None = None
    code: int | None = None
    detail: str = ""
    partly_printed: bool = False
    ended_at: datetime | None = None
    # Pages of one copy, and copies, that the whole job counts as; set on the first of two deliveries.
    counts_as: tuple[int, int] | None = None
    # For the room above that makes the deliveries; `jobs` does not read them.
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_final(self) -> bool:
        return self.state in FINAL_JOB_STATES

    @property
    def may_have_unknown_task(self) -> bool:
        return self.handed_over_at is not None and self.task_id is None

    @property
    def is_in_doubt(self) -> bool:
        """In doubt: sent, and the cloud has not confirmed it."""
        return self.state is JobState.UPLOADING and self.may_have_unknown_task

    @property
    def was_sent(self) -> bool:
        return self.handed_over_at is not None or self.task_id is not None

    @property
    def pages(self) -> int | None:
        """Pages of one copy of its task; None if nobody knows."""
        selection, pages = self.options.page_range, self.document.pages
        return count_selected(selection, pages) if selection else pages

    @property
    def job_pages(self) -> int | None:
        """Pages of one copy of the whole job, asked of its first delivery; None if nobody knows."""
        return self.pages if self.counts_as is None else self.counts_as[0]

    @property
    def job_copies(self) -> int:
        return self.options.copies if self.counts_as is None else self.counts_as[1]

    @property
    def is_uncounted(self) -> bool:
        """Nobody can say how many pages the conversion makes, so a person has to let the job go on."""
        return self.document.extension in CONVERTED and self.most_pages is None

    @property
    def most_pages(self) -> int | None:
        """The most pages that one copy of the job can have; None if nobody knows."""
        if self.counts_as is not None:
            return self.counts_as[0]
        known = self.document.pages_at_most if self.document.pages is None else self.document.pages
        selection = self.options.page_range
        return most_selected(selection, known) if selection else known


DELIVERY_FIELDS: Final = frozenset(item.name for item in fields(Delivery))


RECORD_VERSION: Final = 3
# The reason of a job canceled because another printer prints its document.
MOVED: Final = "moved"
# Reasons of canceled jobs whose document another job prints.
HANDED_ON: Final = frozenset({"replaced", MOVED})
# Reasons of jobs that end after their first delivery, the front sides, was printed.
FIRST_SIDES_ONLY: Final = "first_sides_only"
NOT_TURNED: Final = "not_turned_in_time"
# These replace reasons that would claim that nothing was printed; None is the key of a cancellation.
_AFTER_FIRST_SIDES: Final = {None: FIRST_SIDES_ONLY, "expired": NOT_TURNED}


@dataclass(frozen=True, kw_only=True, slots=True)
class Job(Record):
    """One document to be printed on one printer, by one delivery, or by two with a person between them."""

    job_id: str
    spec: JobSpec
    deliveries: tuple[Delivery, ...]
    printer_name: str
    created_at: datetime
    changed_at: datetime
    expires_at: datetime
    # Of one copy, of the pages that the page range selects.
    pages: int | None = None
    copies: int = 1
    pages_printed: int | None = None
    cancel_requested: bool = False
    has_document: bool = True
    # The document is kept although the job ended as it was wanted.
    document_kept: bool = False
    # Salvaged from a damaged ledger: nobody knows what happened to the job since, so a person is asked first.
    copied: bool = False
    # The job that prints the document again.
    retried_as: str | None = None
    # The job on another printer that replaced this one.
    moved_to: str | None = None

    # These follow from the deliveries. They are read very often, so __post_init__ computes them once.
    # The delivery that is under way or waits: the first one that is not completed, else the last.
    current_delivery: Delivery = field(init=False, repr=False, compare=False)
    state: JobState = field(init=False, repr=False, compare=False)
    is_final: bool = field(init=False, repr=False, compare=False)
    # The first delivery is on paper, and the second one waits, is under way, or is over.
    is_at_second_delivery: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.deliveries:
            raise StoredError("no deliveries")
        current = self.deliveries[-1]
        for one in self.deliveries:
            if one.state is not JobState.COMPLETED:
                current = one
                break
        # A frozen dataclass allows assignment in no other way.
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
            # The reason tells the truth already: second sides may have come out, too.
            return now.reason
        if now.reason == "expired" and now.after is None:
            # Somebody has turned the paper, so it was not turned too late.
            return FIRST_SIDES_ONLY
        return _AFTER_FIRST_SIDES.get(now.reason, now.reason)

    @property
    def partly_printed(self) -> bool:
        now = self.current_delivery
        if now.state is JobState.COMPLETED:
            # The flag was set while the delivery was in doubt; by now it has come out whole.
            return False
        return (self.is_at_second_delivery and now.is_final) or now.partly_printed

    @property
    def most_pages(self) -> int | None:
        return self.deliveries[0].most_pages if self.pages is None else self.pages

    @property
    def pages_to_count(self) -> int | None:
        """Pages over all copies that count as printed; None if nobody can say.

        The cloud may report no pages, or those of one copy. If we did not count them ourselves, assume the most.
        """
        told, most = self.pages_printed, self.most_pages
        if self.pages is not None:
            return told
        if not told:
            return told if most is None else most * self.copies
        return max(told, (told if most is None else min(told, most)) * self.copies)

    @property
    def waits_for(self) -> tuple[str, ...]:
        """The reasons to ask people, in order, as values of `PersonReason`."""
        after = self.current_delivery.after
        return (self.spec.waits_for or ()) + (() if after is None else (after.value,))

    @property
    def ended_at(self) -> datetime:
        # 0.1.0 recorded the end of failed jobs only.
        return self.current_delivery.ended_at or self.changed_at

    @property
    def is_settled(self) -> bool:
        return self.is_final or self.state is JobState.HELD

    @property
    def is_uploading(self) -> bool:
        return self.current_delivery.state is JobState.UPLOADING and not self.cancel_requested

    @property
    def ignores_quiet_hours(self) -> bool:
        # For second sides the paper is already turned.
        return self.spec.ignore_quiet_hours or self.is_at_second_delivery

    @property
    def has_stack(self) -> bool:
        """A person has put a stack for this job back into the printer's tray."""
        return self.is_at_second_delivery and not self.waits_for and not self.is_final

    @property
    def source(self) -> str | None:
        """Name and address of the home network's device that sent the job."""
        if self.spec.sender_address is None:
            return None
        return " · ".join(part for part in (self.spec.sender, self.spec.sender_address) if part)

    @property
    def title_is_foreign(self) -> bool:
        """A device of the home network or a web or media server wrote the title, so it may say anything.

        People may read it. Anything that follows instructions, such as an assistant, must not get it.
        """
        return self.spec.foreign_title or self.spec.sender_address is not None

    @property
    def waits_here(self) -> bool:
        """No part of the job is on its way or in doubt."""
        return (
            self.state in (JobState.HELD, JobState.UPLOADING)
            and not self.current_delivery.is_in_doubt
        )

    @property
    def can_cancel(self) -> bool:
        ends = self.current_delivery.proven_at is not None or self.state is JobState.CANCELING
        return not (self.is_final or ends)

    @property
    def can_reroute(self) -> bool:
        return (
            self.state is JobState.HELD
            and not (self.copied or self.partly_printed)
            and self.current_delivery.handed_over_at is None
            # Two deliveries were made for this very printer.
            and len(self.deliveries) == 1
        )

    @property
    def asks_for(self) -> str | None:
        """The reason for which the job waits for a person's answer; None if it does not."""
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
        """The document may be kept although the job ended as it was wanted."""
        return self.state in REPRINTABLE and self.has_document and self.reason not in HANDED_ON

    @property
    def can_print_again(self) -> bool:
        return self.may_keep_document and self.document_kept

    @property
    def was_never_sent(self) -> bool:
        return (
            self.state in {JobState.CANCELED, JobState.EXPIRED, JobState.FAILED}
            and not any(one.was_sent for one in self.deliveries)
            # First sides on paper do not count here: another job may have printed them.
            and not self.current_delivery.partly_printed
            and self.reason != MOVED
        )

    @property
    def has_task(self) -> bool:
        return any(one.task_id for one in self.deliveries)

    def changed(
        self, delivery: Delivery | None = None, *, now: datetime | None = None, **changes: Any
    ) -> Self:
        """Set fields of the job. Fields of a delivery are set in `delivery`, by default the present one."""
        now = now or dt_util.utcnow()
        theirs = {name: changes.pop(name) for name in changes.keys() & DELIVERY_FIELDS}
        if theirs:
            token = (delivery or self.current_delivery).token
            old = next(one for one in self.deliveries if one.token == token)
            if (state := theirs.get("state", old.state)) is not old.state:
                theirs["ended_at"] = now if state in FINAL_JOB_STATES else None
            if theirs.get("task_id", old.task_id) != old.task_id:
                # Code and detail belong to an earlier refusal.
                theirs = {"code": None, "detail": "", **theirs}
            new = replace(old, **theirs)
            changes["deliveries"] = tuple(new if one is old else one for one in self.deliveries)
        return replace(self, changed_at=now, **changes)

    def as_json(self) -> str:
        return json.dumps({"version": RECORD_VERSION, **to_plain_json(self)}, default=to_plain_json)

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


# The second delivery's file in a job's folder; `file_name` names the first.
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
    """Make a job from what was asked for; if it replaces the moved job, it keeps that one's times.

    `reason` is why its printer cannot take it now; `hold_time` applies where `spec` has no `expires_in`.
    """
    waits_for = spec.waits_for or ()
    if PersonReason.RELEASE not in waits_for:
        spec = replace(spec, release_code=None)
    counted = deliveries[0]
    names = [file_name(counted.document.name), *(SECOND_NAME for _ in deliveries[1:])]
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
        pages=counted.job_pages,
        copies=counted.job_copies,
    )
    return job.changed(
        now=now,
        state=JobState.HELD if waits_for or reason else JobState.UPLOADING,
        hold_reason=waits_for[0] if waits_for else reason,
        sent_bytes=None if waits_for or reason else 0,
        # Others still have to answer, so ask for the stack afterwards: it must not lie in the tray meanwhile.
        after=PersonReason.TURN_PAPER
        if job.is_at_second_delivery and waits_for
        else job.current_delivery.after,
    )


def held(reason: str) -> dict[str, Any]:
    return {"state": JobState.HELD, "hold_reason": reason, "sent_bytes": None}


def failed(reason: str) -> dict[str, Any]:
    return {"state": JobState.FAILED, "reason": reason}


def begin_next(old: Job, new: Job, until: datetime, again: Job | None = None) -> Job:
    """Decide how a job goes on after its first delivery came out.

    The second delivery waits for its person until `until` at most. A cancellation too late for the first sides still
    stops the second ones: the job ends with its first delivery. So does a job whose document another job prints:
    `again` is that job, None if it is no longer known.
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
    """Describe an error without its text, which may quote the document."""
    place = traceback.extract_tb(err.__traceback__)[-1:]
    return type(err).__name__ + "".join(
        f" in {frame.name}, {frame.filename}:{frame.lineno}" for frame in place
    )
