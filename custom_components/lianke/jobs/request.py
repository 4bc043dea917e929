"""A request to print, and the job that comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
import secrets
from typing import Any, NamedTuple, Protocol

from homeassistant.core import Context
from homeassistant.util.ulid import ulid_now

from ..api.options import ResolvedOptions, count_selected
from ..box.views import PrinterView
from ..documents.document import Document
from .by_hand import Halves
from .job import Asker, Job, JobState
from .people import Origin, PersonReason, guess_origin
from .settings import hold_time

# The secret in a job's callback address.
TOKEN_BYTES = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class PrintRequest:
    """A request to print one document on one printer.

    `options` were checked against the printer; `requested` is what the caller asked for, kept for
    printing elsewhere. `expires_in` None means the entry's option, `job_id` None a new one. `sender`
    and `sender_address` are those of a device of the home network; `foreign_title` says that such a one
    wrote the title. `laid_out` says that the document
    was laid out on sheets for these options. `waits_for` None means that the options
    decide for whom the job waits; `approved` says that the same was approved before; `release_code` is
    hashed. `moved` is a job whose place the new one takes. With `halves`, the document is what is printed
    on the first sides. `asker`, `origin` and `automated` are found out from `context` when the request is submitted,
    unless a job is moved; see `Beginning`.
    """

    printer_key: str
    document: Document
    title: str
    options: ResolvedOptions
    context: Context
    requested: Mapping[str, Any] = field(default_factory=dict)
    request_id: str | None = None
    replace_key: str | None = None
    hold: bool = True
    expires_in: timedelta | None = None
    ignore_quiet_hours: bool = False
    retry_of: str | None = None
    job_id: str | None = None
    sender: str | None = None
    sender_address: str | None = None
    foreign_title: bool = False
    laid_out: bool = False
    asker: Asker = field(default_factory=Asker)
    origin: Origin | None = None
    automated: bool = False
    waits_for: tuple[str, ...] | None = None
    approved: bool = False
    release_code: str | None = field(default=None, repr=False)
    moved: Job | None = None
    halves: Halves | None = None

    @property
    def files(self) -> list[Path]:
        """Return the files that the job takes over."""
        backs = [] if self.halves is None else [self.halves.backs.path]
        return [self.document.path, *backs]

    @property
    def counted(self) -> tuple[Document, ResolvedOptions]:
        """Return document and options as the pages are counted: halves as what they were made of."""
        if self.halves is None:
            return self.document, self.options
        pages, copies = self.halves.by_hand.pages_and_copies
        options = replace(self.options, copies=copies, page_range="")
        return replace(self.document, pages=pages), options


class Submission(NamedTuple):
    """A job that was accepted, or the earlier one with the same request id."""

    job: Job
    duplicate: bool = False


class Destination(Protocol):
    """The queue of a box, as far as it takes jobs from others."""

    entry_id: str

    def find(self, job_id: str) -> Job | None:
        """Return a job as it is."""

    async def async_submit(self, request: PrintRequest) -> Submission:
        """Accept a job; on return it is on disk."""

    def forget_move(self, job_id: str) -> None:
        """Note that the job which this one took the place of is over."""

    def resolve_moves(self) -> None:
        """Go on with what was cut off between boxes, now that another one is there."""


def origin_of(request: PrintRequest) -> Origin:
    """Return where a job is asked for, as far as the request shows."""
    if request.origin is not None:
        return Origin(request.origin)
    return guess_origin(request.sender_address, request.asker.user_id)


def new_job(
    entry_options: Mapping[str, Any],
    request: PrintRequest,
    view: PrinterView,
    reason: str | None,
    digest: str,
    now: datetime,
) -> Job:
    """Return the job of an accepted request; `reason` is why its printer cannot take it now."""
    document, waits_for, moved = request.document, request.waits_for or (), request.moved
    by_hand = None if request.halves is None else request.halves.by_hand
    counted, options = request.counted
    return Job(
        job_id=request.job_id or ulid_now(),
        printer_key=view.key,
        printer_name=view.name,
        title=request.title,
        state=JobState.HELD if waits_for or reason else JobState.UPLOADING,
        hold_reason=waits_for[0] if waits_for else reason,
        waits_for=waits_for,
        approved=request.approved,
        release_code=request.release_code if PersonReason.RELEASE in waits_for else None,
        origin=origin_of(request),
        created_at=moved.created_at if moved else now,
        changed_at=now,
        expires_at=(
            moved.expires_at if moved else now + (request.expires_in or hold_time(entry_options))
        ),
        moved_from=moved.job_id if moved else None,
        move_open=moved is not None,
        document_name=document.name,
        content_type=document.content_type,
        size=document.size if by_hand is None else by_hand.size,
        digest=digest,
        token=secrets.token_urlsafe(TOKEN_BYTES),
        document_pages=document.pages,
        document_pages_at_most=document.pages_at_most,
        pages=count_selected(options.page_range, counted.pages),
        copies=options.copies,
        by_hand=by_hand,
        options=request.options.as_dict(),
        requested=dict(request.requested),
        ticket=document.ticket,
        request_id=request.request_id,
        replace_key=request.replace_key,
        retry_of=request.retry_of,
        hold=request.hold,
        ignore_quiet_hours=request.ignore_quiet_hours,
        sender=request.sender,
        sender_address=request.sender_address,
        foreign_title=request.foreign_title,
        laid_out=request.laid_out,
        asker=request.asker,
    )
