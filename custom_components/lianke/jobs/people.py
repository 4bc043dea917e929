"""Reasons for which a job waits for a person, and where a job came from."""

from contextvars import ContextVar
from enum import StrEnum
from typing import Final

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


def guess_origin(sender_address: str | None, user_id: str | None) -> Origin:
    """Return where a job was asked for, as far as its sender and user show."""
    if sender_address is not None:
        return Origin.LAN_PRINTER
    return Origin.AUTOMATION if user_id is None else Origin.USER


# What asks on behalf of a call's user, where that is not the user alone.
current_origin: ContextVar[Origin | None] = ContextVar("current_origin", default=None)


def read_reasons(value: object) -> tuple[str, ...]:
    """Return the stored reasons a job waits for. Raises ValueError for anything else.

    One that this version does not know counts as an approval, so that the job does not print without
    anybody having been asked.
    """
    if not isinstance(value, list) or len(value) > MAX_REASONS:
        raise ValueError("not a list of reasons")
    known = [reason if reason in PersonReason else PersonReason.APPROVAL.value for reason in value]
    return tuple(dict.fromkeys(known))
