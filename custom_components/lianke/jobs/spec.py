"""What is asked for when something is printed, by whom and where, and whom a job waits for."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, Self

from homeassistant.core import Context

from ..api.options import ResolvedOptions
from ..api.stored import READ, Record

# Reasons of one job; a stored record with more is malformed.
MAX_REASONS: Final = 8
# The reason of a job that a person did not let go on.
REJECTED: Final = "rejected"


class PersonReason(StrEnum):
    """Reasons to hold a job until a person answers."""

    APPROVAL = "approval"
    RELEASE = "release"
    TURN_PAPER = "turn_paper"


class Origin(StrEnum):
    """Where a job was asked for."""

    USER = "user"
    AUTOMATION = "automation"
    ASSISTANT = "assistant"
    LAN_PRINTER = "lan_printer"


# A source besides these: what no person has set off, as far as is known.
NOBODY: Final = "nobody"
# What asks on behalf of a call's user, where that is not the user alone.
current_origin: ContextVar[Origin | None] = ContextVar("current_origin", default=None)


def read_reasons(value: object) -> tuple[str, ...] | None:
    """Return the stored reasons a job waits for. Raises ValueError for anything else.

    One that this version does not know counts as an approval, so that the job does not print without
    anybody having been asked.
    """
    if not isinstance(value, list) or len(value) > MAX_REASONS:
        raise ValueError("not a list of reasons")
    known = [reason if reason in PersonReason else PersonReason.APPROVAL.value for reason in value]
    return tuple(dict.fromkeys(known))


def _read_origin(value: object) -> Origin | None:
    """Return where a job was asked for, None where this version does not know the place."""
    if value is not None and not isinstance(value, str):
        raise ValueError("not an origin")
    return Origin(value) if value is not None and value in Origin else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Asker(Record):
    """Who requested the print: the ids of a Home Assistant context."""

    context_id: str | None = None
    user_id: str | None = None
    parent_id: str | None = None

    @classmethod
    def of(cls, context: Context) -> Self:
        """Return who asks in a context, as far as that says."""
        return cls(context_id=context.id, user_id=context.user_id, parent_id=context.parent_id)

    @property
    def context(self) -> Context:
        """Return the context again."""
        return Context(id=self.context_id, user_id=self.user_id, parent_id=self.parent_id)


@dataclass(frozen=True, kw_only=True, slots=True)
class JobSpec(Record):
    """What was asked for: one job of one printer. Its files, and their options, are in the deliveries.

    `options` were checked against the printer; `requested` is what the caller asked for, kept for
    printing elsewhere. `expires_in` None means the entry's option. `sender` and `sender_address` are those of
    a device of the home network; `foreign_title` says that such a one wrote the title of a job which this one
    prints again. `laid_out` says that the document was laid out on sheets for these options.
    `waits_for` are the reasons for which people are to be asked before anything is sent, one after the
    other; None means that the options decide. `approved` says that the same was approved; `release_code`, which
    releases it at the printer, is hashed. `retry_of` and `moved_from` are the jobs whose document it prints again, or
    whose place it takes. Who asks is found out from the asker's context when a job is submitted, unless it is
    moved (see `Beginning`): then `origin` and `automated` are known, too.
    """

    printer_key: str
    title: str
    options: ResolvedOptions
    requested: Mapping[str, Any] = field(default_factory=dict)
    request_id: str | None = None
    replace_key: str | None = None
    retry_of: str | None = None
    moved_from: str | None = None
    hold: bool = True
    expires_in: timedelta | None = None
    ignore_quiet_hours: bool = False
    asker: Asker = field(default_factory=Asker)
    origin: Origin | None = field(default=None, metadata={READ: _read_origin})
    automated: bool = False
    sender: str | None = None
    sender_address: str | None = None
    foreign_title: bool = False
    laid_out: bool = False
    waits_for: tuple[str, ...] | None = field(default=None, metadata={READ: read_reasons})
    approved: bool = False
    release_code: str | None = field(default=None, repr=False)

    @property
    def source(self) -> Origin:
        """Return where it was asked for, as far as sender and user show where that is not known."""
        if self.origin is not None:
            return self.origin
        if self.sender_address is not None:
            return Origin.LAN_PRINTER
        return Origin.AUTOMATION if self.asker.user_id is None else Origin.USER
