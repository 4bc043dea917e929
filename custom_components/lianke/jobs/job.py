"""A print job: what was asked for, its deliveries, and what they allow. Its state follows from the deliveries."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final, Self, override

from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonValueType

from ..api.stored import Record, StoredError
from .delivery import (
    DELIVERY_FIELDS,
    FINAL,
    IN_CLOUD,
    REPRINTABLE,
    RETRYABLE,
    WAITING,
    Delivery,
    JobState,
    is_valid_transition,
    present,
)
from .record import migrate
from .spec import Asker, JobSpec, PersonReason

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
    "JobSpec",
    "JobState",
    "is_valid_transition",
]

RECORD_VERSION: Final = 2
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
    """One document to be printed on one printer, by a delivery, or by two with a person between them.

    Sizes are bytes, pages are printed sides as the service counts them.
    """

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
    # Grows with every change: an older version never overwrites a newer one on disk.
    generation: int = 0
    # Waits because the job folder was copied from another installation.
    copied: bool = False
    # The job that prints this one's document again.
    retried_as: str | None = None
    # The same, "<config entry>/<job>", until that job is known to be on disk.
    retrying_to: str | None = None
    # The job at another printer that takes its place, "<config entry>/<job>": it cannot print any more
    # unless there turns out to be no such job.
    moving_to: str | None = None
    # The job whose place it took is not known to be over.
    move_open: bool = False

    @property
    def present(self) -> Delivery:
        """Return the delivery that is made or waits, of a job that is over the last one that was."""
        return present(self.deliveries)

    @property
    def state(self) -> JobState:
        """Return the state: the job is where its present delivery is."""
        return present(self.deliveries).state

    @property
    def reason(self) -> str | None:
        """Return why the job ended, or is in doubt; None where nothing is to be said."""
        now = self.present
        if self.is_at_second and now.state in (JobState.CANCELED, JobState.EXPIRED):
            return _AFTER_FIRST_SIDES.get(now.reason, now.reason)
        return now.reason

    @property
    def partly_printed(self) -> bool:
        """Return whether a part of a job that is over may be on paper."""
        now = self.present
        is_part = self.is_at_second and now.is_final and now.state is not JobState.COMPLETED
        return is_part or now.partly_printed

    @property
    def hold_reason(self) -> str | None:
        """Return why the job waits, or waited last."""
        return self.present.hold_reason

    @property
    def waits_for(self) -> tuple[str, ...]:
        """Return the reasons for which people are to be asked, one after the other; see `PersonReason`."""
        after = self.present.after
        return (self.spec.waits_for or ()) + (() if after is None else (after.value,))

    @property
    def printer_key(self) -> str:
        """Return the key of its printer."""
        return self.spec.printer_key

    @property
    def title(self) -> str:
        """Return its title."""
        return self.spec.title

    @property
    def user_id(self) -> str | None:
        """Return the user who asked for it, None for nobody who is known."""
        return self.spec.asker.user_id

    @property
    def is_final(self) -> bool:
        """Return whether the job is over."""
        return present(self.deliveries).state in FINAL

    @property
    def ended_at(self) -> datetime:
        """Return when the final job ended; 0.1.0 only recorded that of failed ones."""
        return self.present.ended_at or self.changed_at

    @property
    def is_settled(self) -> bool:
        """Return whether the job is final or held."""
        return self.is_final or self.state is JobState.HELD

    @property
    def is_unsure(self) -> bool:
        """Return whether the job is in doubt: sent, but never confirmed by the cloud."""
        return self.present.is_unsure

    @property
    def is_at_second(self) -> bool:
        """Return whether the first delivery lies on paper, and the second one is made, waits for it, or is over."""
        return len(self.deliveries) > 1 and self.present is not self.deliveries[0]

    @property
    def has_stack(self) -> bool:
        """Return whether a stack that a person has put back for the job lies in its printer's tray."""
        return self.is_at_second and not self.waits_for and not self.is_final

    @property
    def source(self) -> str | None:
        """Return the device of the home network that sent the job, with its address."""
        if self.spec.sender_address is None:
            return None
        return " · ".join(part for part in (self.spec.sender, self.spec.sender_address) if part)

    @property
    def title_is_foreign(self) -> bool:
        """Return whether a device of the home network wrote the title, which may say anything.

        It is for people to read; whoever follows instructions, as assistants do, must not be given it.
        """
        return self.spec.foreign_title or self.spec.sender_address is not None

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
    def can_reroute(self) -> bool:
        """Return whether the job can be moved to another printer: nothing of it was printed or sent."""
        return (
            self.state is JobState.HELD
            and not (self.copied or self.is_moving or self.partly_printed)
            and self.present.handed_over_at is None
            # Several were made for one printer.
            and len(self.deliveries) == 1
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
        return is_release and self.spec.release_code is not None

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
            and not any(one.was_sent for one in self.deliveries)
            and not self.partly_printed
            and self.reason != MOVED
        )

    @property
    def has_task(self) -> bool:
        """Return whether the cloud is known to have made a task of it."""
        return any(one.task_id for one in self.deliveries)

    def changed(self, delivery: Delivery | None = None, **changes: Any) -> Self:
        """Return the job with these fields changed, stamped with the present time.

        Those of a delivery are changed in this one, without any in the present one.
        """
        now = dt_util.utcnow()
        theirs = {name: changes.pop(name) for name in changes.keys() & DELIVERY_FIELDS}
        if theirs:
            token = (delivery or self.present).token
            changes["deliveries"] = tuple(
                one.changed(now, **theirs) if one.token == token else one for one in self.deliveries
            )
        return replace(self, changed_at=now, generation=self.generation + 1, **changes)

    @property
    def facts(self) -> tuple[object, ...]:
        """What must be on disk before it is published, since it could not be found out again.

        The states of a task in the cloud and the progress of an upload are not part of it.
        """
        return (
            self.pages_printed if self.is_final else None,
            tuple(one.facts for one in self.deliveries),
            self.spec.waits_for,
            self.cancel_requested,
            self.retried_as,
            self.copied,
            self.moving_to,
        )

    def public_dict(self) -> dict[str, JsonValueType]:
        """Return what responses, events and screens show, without secrets."""
        now, spec, state = self.present, self.spec, self.state
        return {
            "job_id": self.job_id,
            "printer_key": spec.printer_key,
            "printer": self.printer_name,
            "title": spec.title,
            "title_is_foreign": self.title_is_foreign,
            "state": state.value,
            "phase": "checking" if now.is_unsure else state.value,
            "created_at": self.created_at.isoformat(),
            "changed_at": self.changed_at.isoformat(),
            "finished_at": self.ended_at.isoformat() if self.is_final else None,
            "expires_at": None if self.is_final else self.expires_at.isoformat(),
            "size": now.document.size,
            "sent_bytes": now.sent_bytes,
            "pages": self.pages,
            "pages_printed": self.pages_printed,
            "copies": self.copies,
            "hold_reason": now.hold_reason if state is JobState.HELD else None,
            "reason": self.reason,
            "code": now.code,
            "detail": now.detail,
            "partly_printed": self.partly_printed,
            "request_id": spec.request_id,
            "source": self.source,
            "waits_for": [] if self.is_final else list(self.waits_for),
            "can_continue": self.can_continue,
            "needs_code": self.needs_code,
            "user_id": self.user_id,
            "can_cancel": self.can_cancel,
            "can_move": self.can_reroute,
            "moved_from": spec.moved_from,
            "moved_to": self.moved_to,
            "can_retry": self.can_retry,
            "can_print_again": self.can_print_again,
        }

    def as_record(self) -> dict[str, Any]:
        """Return the job as it is stored, secrets included."""
        return {"version": RECORD_VERSION, **self.as_dict()}

    @classmethod
    def from_record(cls, record: object) -> Self:
        """Read a stored job, also one of version 1.

        Raises StoredError for anything that `as_record` would not have written.
        """
        if isinstance(record, dict) and record.get("version") == 1:
            record = migrate(record)
        if not isinstance(record, dict) or record.get("version") != RECORD_VERSION:
            raise StoredError("not a job record of a known version")
        return cls.from_dict(record)

    @classmethod
    @override
    def from_dict(cls, stored: Mapping[str, object]) -> Self:
        """Read what `as_dict` wrote. Raises StoredError for anything else."""
        known = {item.name: stored[item.name] for item in fields(cls) if item.name in stored}
        job = super().from_dict(known)
        count = len(job.deliveries)
        if count == 0 or count != (1 if job.deliveries[0].counts_as is None else 2):
            raise StoredError("another number of deliveries")
        if len({one.token for one in job.deliveries}) != count:
            raise StoredError("deliveries that cannot be told apart")
        return job


def begin_next(old: Job, new: Job, until: datetime) -> Job:
    """Return a job as it goes on when a delivery came out that is not its last one.

    The next one waits for its person until then at most. A cancellation that came too late for the first sides
    is in time for the second ones: then the job ends with its first delivery.
    """
    first = old.present
    canceled = first.state is JobState.CANCELING or old.cancel_requested
    if not (canceled or first.expiring or not old.has_document):
        return replace(new, expires_at=until, pages_printed=None)
    expired = first.expiring and first.state is not JobState.UNCONFIRMED
    end = replace(
        new.deliveries[0],
        state=JobState.EXPIRED if expired else JobState.CANCELED,
        reason=NOT_TURNED if expired else FIRST_SIDES_ONLY,
        partly_printed=True,
    )
    return replace(new, deliveries=(end, *new.deliveries[1:]), pages_printed=None)
