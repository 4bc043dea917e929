"""A print job: what was asked for, its deliveries, and what they allow. Its state follows from the deliveries.

Sizes are bytes, pages are printed sides as the service counts them. What is None or unknown says so.
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
from ..api.stored import READ, Record, StoredError, plain
from ..const import DOMAIN
from ..documents.document import Document, FileType
from ..errors import InputError
from ..fair_queue import Owner, lan_owner

# Reasons of one job; a stored record with more is malformed.
MAX_REASONS: Final = 8
# The reason of a job that a person did not let go on.
REJECTED: Final = "rejected"


# Types whose pages are only known once they are converted.
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


# A source besides these: what no person has set off, as far as is known.
NOBODY: Final = "nobody"


def read_reasons(value: object) -> tuple[str, ...] | None:
    """Return the stored reasons a job waits for. Raises ValueError for anything else."""
    if not isinstance(value, list) or len(value) > MAX_REASONS:
        raise ValueError("not a list of reasons")
    # One of a later version counts as an approval: the job must not print without anybody having been asked.
    known = [reason if reason in PersonReason else PersonReason.APPROVAL.value for reason in value]
    return tuple(dict.fromkeys(known))


def _read_origin(value: object) -> Origin | None:
    if value is not None and not isinstance(value, str):
        raise ValueError("not an origin")
    # None also for a place that only a later version knows.
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
    """What was asked for: one job of one printer. Its files, and their options, are in the deliveries."""

    printer_key: str
    title: str
    # The options as the caller named them, for printing elsewhere.
    requested: Mapping[str, Any] = field(default_factory=dict)
    request_id: str | None = None
    replace_key: str | None = None
    # The job whose document it prints again, and the one whose place it takes.
    retry_of: str | None = None
    moved_from: str | None = None
    # Whether it may wait for its printer.
    hold: bool = True
    # None: as the entry's options have it.
    expires_in: timedelta | None = None
    ignore_quiet_hours: bool = False
    asker: Asker = field(default_factory=Asker)
    # Who set it off is found out by the asker's context when it is submitted, unless it is moved (see `Beginning`).
    origin: Origin | None = field(default=None, metadata={READ: _read_origin})
    automated: bool = False
    # It may have been anybody.
    forgotten: bool = False
    # A device of the home network, its address, and what stands for it however many addresses it takes; None in
    # records of before that was known.
    sender: str | None = None
    sender_address: str | None = None
    sender_device: str | None = None
    # A device wrote the title of the job that it prints again, or a server that of its document.
    foreign_title: bool = False
    # The document was laid out on sheets for these options.
    laid_out: bool = False
    # For which people are asked before anything is sent, one after the other; None: the options decide.
    waits_for: tuple[str, ...] | None = field(default=None, metadata={READ: read_reasons})
    # The same was approved before.
    approved: bool = False
    # Releases it at the printer; hashed.
    release_code: str | None = field(default=None, repr=False)
    # Who asks does not know that code: somebody else's job had it, whose document it prints again.
    foreign_code: bool = False

    @property
    def owner(self) -> Owner:
        """Whose turns and limits it takes: a user's, all automations', or one's of all devices together."""
        device = self.sender_device or self.sender_address
        return (self.asker.user_id,) if device is None else lan_owner(device)

    @property
    def source(self) -> Origin:
        if self.origin is not None:
            return self.origin
        if self.sender_address is not None:
            return Origin.LAN_PRINTER
        return Origin.AUTOMATION if self.asker.user_id is None else Origin.USER


# The secret in a callback address.
TOKEN_BYTES: Final = 24


class JobState(StrEnum):
    """Of a delivery, and of its job; those before the final ones only follow in this order."""

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


# Result codes that rule paper out: the file was never converted, or was refused. A box or printer that
# is gone may have gone while it was printing.
BEFORE_PAPER: Final = frozenset({400, 502, 11203})


def is_valid_transition(old: JobState, new: JobState) -> bool:
    """Return whether a delivery may go from one state to another: only forward, but for two cases."""
    if old is JobState.UNCONFIRMED:
        # There may be proof yet.
        return new in {JobState.COMPLETED, JobState.FAILED, JobState.CANCELED}
    if old in FINAL:
        return False
    if new in FINAL:
        return True
    if (old, new) == (JobState.UPLOADING, JobState.HELD):
        # It surely never arrived.
        return True
    return _ORDER.index(new) > _ORDER.index(old)


new_token = partial(secrets.token_urlsafe, TOKEN_BYTES)


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery(Record):
    """One document, the options of its task, and what is known of its way to the printer.

    A preview that is under way, or was cut off, is a delivery without a job.
    """

    # Its path is that of its spooled file until a job takes it over, then its name in the job's folder.
    document: Document
    options: ResolvedOptions
    # The secret part of the callback address; it tells deliveries apart and appears in no view.
    token: str = field(default_factory=new_token, repr=False)
    # What a person must do before it is sent, None once that is done.
    after: PersonReason | None = None
    state: JobState = JobState.HELD
    hold_reason: str | None = None
    # Set before the last bytes of the upload are sent, so that a crash cannot hide it.
    handed_over_at: datetime | None = None
    # When that upload ended without an answer that says whether it was taken.
    given_up_at: datetime | None = None
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
    # When a report proved that it was printed, whose end waits for its pages.
    proven_at: datetime | None = None
    # The cloud is asked to cancel it since its time is over.
    expiring: bool = False
    # Its outcome.
    reason: str | None = None
    code: int | None = None
    detail: str = ""
    partly_printed: bool = False
    ended_at: datetime | None = None
    # The pages of a copy, and the copies, that the job counts as which has another delivery after this one.
    counts_as: tuple[int, int] | None = None
    # For whoever made the deliveries; nothing here reads them.
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    @property
    def may_have_unknown_task(self) -> bool:
        return self.handed_over_at is not None and self.task_id is None

    @property
    def is_unsure(self) -> bool:
        """In doubt: sent, but never confirmed by the cloud."""
        return self.state is JobState.UPLOADING and self.may_have_unknown_task

    @property
    def was_sent(self) -> bool:
        return self.handed_over_at is not None or self.task_id is not None

    @property
    def pages(self) -> int | None:
        """Of one copy of its task; None if nobody knows."""
        selection, pages = self.options.page_range, self.document.pages
        return count_selected(selection, pages) if selection else pages

    @property
    def job_pages(self) -> int | None:
        """Of one copy of the job whose first delivery it is; None if nobody knows."""
        return self.pages if self.counts_as is None else self.counts_as[0]

    @property
    def job_copies(self) -> int:
        return self.options.copies if self.counts_as is None else self.counts_as[1]

    @property
    def is_uncounted(self) -> bool:
        """Nobody can say how many pages become of its document: somebody has to let it go on."""
        return self.document.extension in CONVERTED and self.most_pages is None

    @property
    def most_pages(self) -> int | None:
        """What one copy of its job can have at most; None if nobody knows."""
        if self.counts_as is not None:
            return self.counts_as[0]
        known = self.document.pages_at_most if self.document.pages is None else self.document.pages
        selection = self.options.page_range
        return most_selected(selection, known) if selection else known


DELIVERY_FIELDS: Final = frozenset(item.name for item in fields(Delivery))


RECORD_VERSION: Final = 3
# The reason of a canceled job that another printer has got.
MOVED: Final = "moved"
# Reasons of canceled jobs whose document another job has.
HANDED_ON: Final = frozenset({"replaced", MOVED})
# The reasons of jobs that end after their first delivery, which printed first sides.
FIRST_SIDES_ONLY: Final = "first_sides_only"
NOT_TURNED: Final = "not_turned_in_time"
# Instead of reasons that say that nothing was printed; None stands for a cancellation.
_AFTER_FIRST_SIDES: Final = {None: FIRST_SIDES_ONLY, "expired": NOT_TURNED}


@dataclass(frozen=True, kw_only=True, slots=True)
class Job(Record):
    """One document to be printed on one printer, by a delivery, or by two with a person between them."""

    job_id: str
    spec: JobSpec
    deliveries: tuple[Delivery, ...]
    printer_name: str
    created_at: datetime
    changed_at: datetime
    expires_at: datetime
    # Of one copy once the page range has chosen.
    pages: int | None = None
    copies: int = 1
    pages_printed: int | None = None
    cancel_requested: bool = False
    has_document: bool = True
    # The documents stay after an end that was wanted.
    document_kept: bool = False
    # It comes from a damaged record, and asks first: nobody knows what became of it since.
    copied: bool = False
    # The job that prints this one's document again.
    retried_as: str | None = None
    # The job at another printer that took its place.
    moved_to: str | None = None

    # What follows from the deliveries is asked for again and again, and made once.
    # The one that is made or waits: the first one that did not come out, else the last.
    present: Delivery = field(init=False, repr=False, compare=False)
    # The job is where that is.
    state: JobState = field(init=False, repr=False, compare=False)
    is_final: bool = field(init=False, repr=False, compare=False)
    # The first delivery lies on paper, and the second one is made, waits for it, or is over.
    is_at_second: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.deliveries:
            raise StoredError("no deliveries")
        present = self.deliveries[-1]
        for one in self.deliveries:
            if one.state is not JobState.COMPLETED:
                present = one
                break
        # As dataclasses do it that are frozen.
        fill = object.__setattr__
        fill(self, "present", present)
        fill(self, "state", present.state)
        fill(self, "is_final", present.state in FINAL)
        fill(self, "is_at_second", present is not self.deliveries[0])

    @property
    def reason(self) -> str | None:
        now = self.present
        ended = self.is_at_second and now.state in (JobState.CANCELED, JobState.EXPIRED)
        if not ended or now.partly_printed:
            # Of second sides that may have come out, too, that says all that is known.
            return now.reason
        if now.reason == "expired" and now.after is None:
            # Somebody has turned the paper.
            return FIRST_SIDES_ONLY
        return _AFTER_FIRST_SIDES.get(now.reason, now.reason)

    @property
    def partly_printed(self) -> bool:
        now = self.present
        if now.state is JobState.COMPLETED:
            # What was in doubt before it came out.
            return False
        return (self.is_at_second and now.is_final) or now.partly_printed

    @property
    def most_pages(self) -> int | None:
        return self.deliveries[0].most_pages if self.pages is None else self.pages

    @property
    def pages_to_count(self) -> int | None:
        """What it counts as once it is printed, None if nobody can say.

        Where nobody counted them before, the cloud may name none, and not for all copies: it counts as the most then.
        """
        told, most = self.pages_printed, self.most_pages
        if self.pages is not None:
            return told
        if not told:
            return told if most is None else most * self.copies
        return max(told, (told if most is None else min(told, most)) * self.copies)

    @property
    def waits_for(self) -> tuple[str, ...]:
        """For which people are to be asked, one after the other; see `PersonReason`."""
        after = self.present.after
        return (self.spec.waits_for or ()) + (() if after is None else (after.value,))

    @property
    def ended_at(self) -> datetime:
        # 0.1.0 only recorded that of failed ones.
        return self.present.ended_at or self.changed_at

    @property
    def is_settled(self) -> bool:
        return self.is_final or self.state is JobState.HELD

    @property
    def is_uploading(self) -> bool:
        return self.present.state is JobState.UPLOADING and not self.cancel_requested

    @property
    def ignores_quiet_hours(self) -> bool:
        # Of second sides the paper is turned already.
        return self.spec.ignore_quiet_hours or self.is_at_second

    @property
    def has_stack(self) -> bool:
        """A stack that a person has put back for the job lies in its printer's tray."""
        return self.is_at_second and not self.waits_for and not self.is_final

    @property
    def source(self) -> str | None:
        """The device of the home network that sent the job, with its address."""
        if self.spec.sender_address is None:
            return None
        return " · ".join(part for part in (self.spec.sender, self.spec.sender_address) if part)

    @property
    def title_is_foreign(self) -> bool:
        """A device of the home network, a web or a media server wrote the title, which may say anything.

        It is for people to read; whoever follows instructions, as assistants do, must not be given it.
        """
        return self.spec.foreign_title or self.spec.sender_address is not None

    @property
    def waits_here(self) -> bool:
        """Nothing of it is on its way, nor in doubt."""
        return self.state in (JobState.HELD, JobState.UPLOADING) and not self.present.is_unsure

    @property
    def can_cancel(self) -> bool:
        ends = self.present.proven_at is not None or self.state is JobState.CANCELING
        return not (self.is_final or ends)

    @property
    def can_reroute(self) -> bool:
        return (
            self.state is JobState.HELD
            and not (self.copied or self.partly_printed)
            and self.present.handed_over_at is None
            # Several were made for one printer.
            and len(self.deliveries) == 1
        )

    @property
    def asks_for(self) -> str | None:
        """The reason for which the job waits for a person's answer, None without one."""
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
            # That its first sides lie on paper, whichever job printed them, does not count.
            and not self.present.partly_printed
            and self.reason != MOVED
        )

    @property
    def has_task(self) -> bool:
        return any(one.task_id for one in self.deliveries)

    def changed(
        self, delivery: Delivery | None = None, *, now: datetime | None = None, **changes: Any
    ) -> Self:
        """Return the job with these fields changed; those of a delivery in the given or the present one."""
        now = now or dt_util.utcnow()
        theirs = {name: changes.pop(name) for name in changes.keys() & DELIVERY_FIELDS}
        if theirs:
            token = (delivery or self.present).token
            old = next(one for one in self.deliveries if one.token == token)
            if (state := theirs.get("state", old.state)) is not old.state:
                theirs["ended_at"] = now if state in FINAL else None
            if theirs.get("task_id", old.task_id) != old.task_id:
                # The code and detail of an earlier refusal are obsolete.
                theirs = {"code": None, "detail": "", **theirs}
            new = replace(old, **theirs)
            changes["deliveries"] = tuple(new if one is old else one for one in self.deliveries)
        return replace(self, changed_at=now, **changes)

    def as_json(self) -> str:
        return json.dumps({"version": RECORD_VERSION, **plain(self)}, default=plain)

    @classmethod
    def from_record(cls, record: object) -> Self:
        """Read a stored job. Raises StoredError for anything that `as_json` would not have written."""
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


# What its documents are called in a job's folder; the second one is what the second delivery prints.
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
    """Return a job as it is accepted, or in the place of one that is moved.

    `reason` is why its printer cannot take it now, `hold_time` how long it may wait if it does not say.
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
        # Nobody leaves a stack in the tray until others have answered.
        after=PersonReason.TURN_PAPER if job.is_at_second and waits_for else job.present.after,
    )


def held(reason: str) -> dict[str, Any]:
    return {"state": JobState.HELD, "hold_reason": reason, "sent_bytes": None}


def failed(reason: str) -> dict[str, Any]:
    return {"state": JobState.FAILED, "reason": reason}


def begin_next(old: Job, new: Job, until: datetime, again: Job | None = None) -> Job:
    """Return a job as it goes on when a delivery came out that is not its last one.

    The next one waits for its person until then at most. A cancellation that came too late for the first sides
    is in time for the second ones: then the job ends with its first delivery. So does one that was retried: `again` is
    the job that prints its document, None where that is not known any more.
    """
    first = old.present
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
    """Return an error's type and where it was raised. Its text may quote the document."""
    place = traceback.extract_tb(err.__traceback__)[-1:]
    return type(err).__name__ + "".join(
        f" in {frame.name}, {frame.filename}:{frame.lineno}" for frame in place
    )
