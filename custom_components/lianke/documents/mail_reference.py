"""The mail that a call names, and the report on which parts of the mail are not printed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from ..input_error import InputError

# As the value of `text`: the text of a mail is printed only if the mail has no attachment to print.
ALONE: Final = "alone"


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class MailReference:
    """A mail as described by core's `imap_content` event, and which of its parts to print."""

    # The id of the mailbox's config entry.
    entry: str
    # Core calls this value `uid`, but it is the mail's number in the folder, which may change when another mail is
    # deleted.
    uid: str
    date: datetime | None
    sender: str
    # Not always a string, because templates turn some texts into numbers or lists.
    subject: Any
    message_id: str | None = None
    # Keys of the parts, as in the event; None means all parts that can be printed.
    parts: list[str] | None = None
    # Extensions of file names, such as "pdf"; empty means all types that can be printed.
    types: list[str] = field(default_factory=list)
    text: bool | str = False
    # The server that must have verified the sender; None if nobody need verify the sender. A person must approve the
    # print if the server has not judged the mail, or if this is "" (no server verifies senders).
    verified_by: str | None = None


@dataclass(slots=True, repr=False)
class MailReport:
    # Whether `verified_by` has verified the sender; None if that server has not judged the mail, or none was named.
    is_proven: bool | None = None
    needs_approval: bool = False
    # The names of the parts that are not printed, each with the reason.
    left_out: list[tuple[str, InputError]] = field(default_factory=list)

    @property
    def refusals(self) -> list[InputError]:
        """The reasons why attachments of printable types are not printed."""
        return [err for _, err in self.left_out if err.reason != "type_not_supported"]

    @property
    def error(self) -> InputError:
        """The first of `refusals`; if there are none, an error which says that nothing can be printed."""
        return next(iter(self.refusals), InputError("mail_nothing_to_print"))

    @contextmanager
    def leaving_out(self, name: str) -> Iterator[None]:
        """Turn an InputError in this block into the reason why the part called `name` is not printed."""
        try:
            yield
        except InputError as err:
            self.left_out.append((name, err))
