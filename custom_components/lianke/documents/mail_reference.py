"""Which mail a call names, and what the call's mail came to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from ..input_error import InputError

# The value of `text` that prints the text of a mail only if the mail has no attachment to print.
ALONE: Final = "alone"


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class MailReference:
    """A mail as core's `imap_content` event tells of it, and what of it is printed."""

    # The config entry of the mailbox.
    entry: str
    # Core calls it so, but it is the mail's number in the folder, which changes when another mail is deleted.
    uid: str
    date: datetime | None
    sender: str
    # Templates turn some texts into numbers or lists.
    subject: Any
    message_id: str | None = None
    # Keys of the parts, as in the event; None means all that can be printed.
    parts: list[str] | None = None
    # Extensions of file names, such as "pdf"; empty means all that can be printed.
    types: list[str] = field(default_factory=list)
    text: bool | str = False
    # The server that must have proved the sender; "" if there is none. If there is none, or if it has said nothing
    # about the mail, a person must approve the print.
    verified_by: str | None = None


@dataclass(slots=True, repr=False)
class MailReport:
    # Whether the server has proved the sender; None if it has said nothing, or was not asked for.
    is_proven: bool | None = None
    needs_approval: bool = False
    # What is not printed, by name, and why.
    left_out: list[tuple[str, InputError]] = field(default_factory=list)

    @property
    def refusals(self) -> list[InputError]:
        """The reasons why attachments are not printed that look as if they could be."""
        return [err for _, err in self.left_out if err.reason != "type_not_supported"]

    @property
    def error(self) -> InputError:
        """Why not everything, or nothing, is printed."""
        return next(iter(self.refusals), InputError("mail_nothing_to_print"))

    @contextmanager
    def leaving_out(self, name: str) -> Iterator[None]:
        """Note an InputError in this block as the reason why this attachment is left out."""
        try:
            yield
        except InputError as err:
            self.left_out.append((name, err))
