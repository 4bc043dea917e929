"""Turns requests into jobs, and prints jobs again or moves them.

Requests come from actions, devices of the home network, copies (scan and print) and built-in pages. Each request is
checked in this order: rights and rates (`async_job_builder`), options against the printer, documents and their sheets
(`JobBuilder.async_documents`), manual duplex (`async_jobs`), limits and questions to people (`PrintQueue`).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta
import hashlib
import json
from pathlib import Path
from typing import Any, Final, NamedTuple
from weakref import WeakValueDictionary

from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.core import Context, HomeAssistant
from homeassistant.util.hass_dict import HassKey

from .. import manual_duplex
from ..api.capabilities import Capabilities
from ..api.options import (
    ALIGNMENTS,
    DUPLEX,
    ORIENTATIONS,
    PrintOptions,
    ResolvedOptions,
    name_of_value,
    options_in,
    resolve_options,
)
from ..const import CONF_DEFAULT_OPTIONS, CONF_PRINTER_OPTIONS, DOMAIN
from ..devices import Target, status_entity
from ..documents.document import Document
from ..documents.mail_reference import MailReport
from ..documents.pdf_client import lan_queue_user
from ..documents.sheets import (
    BOOKLET,
    LAYOUT_OPTIONS,
    ONE_SIDED_LAYOUTS,
    SheetOptions,
    async_lay_out,
)
from ..documents.sources import DocumentRequest
from ..documents.spool import Spool, async_get_spool
from ..fair_queue import FairQueue, NoPlaceError, Owner, lan_owner
from ..input_error import InputError
from ..jobs.job import Asker, Delivery, Job, JobSpec, PersonReason
from ..jobs.queue import PrintQueue
from ..jobs.rules import asks_for_more, delivery_with_options, max_document_bytes
from ..people.initiator import Initiator
from ..people.release_code import async_hash_code
from ..people.rights import async_check_caller
from .true_size import async_true_size

# Options that are already applied in the sheets; another printer must not apply them again.
APPLIED_IN_SHEETS: Final = ("pages", "excel_fit", "auto_rotate")
SNAPSHOT_EXPIRY: Final = timedelta(hours=1)
# Maximum number of concurrent requests per box: for each user, for each device, and for all automations together.
MAX_REQUESTS_AT_ONCE = 50
DATA_PREPARING: HassKey[FairQueue] = HassKey(f"{DOMAIN}_prints_in_preparation")
# Locks by printer key and request id; each lock exists as long as a request holds it or waits for it.
DATA_REQUEST_LOCKS: HassKey[WeakValueDictionary[tuple[str, str], asyncio.Lock]] = HassKey(
    f"{DOMAIN}_request_locks"
)


class LanSender(NamedTuple):
    """A device of the home network."""

    # The user name that the device reports.
    name: str
    address: str
    # Identifies the device in queues and print limits.
    device: str


# Makes one document, or a list of a mail's documents with None for each document that is left out.
type MakeDocument = Callable[[DocumentRequest], Awaitable[Document | list[Document | None]]]
type PreparedJob = tuple[JobSpec, tuple[Delivery, ...]]


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class PrintRequest:
    """A request to print documents on one printer, and who makes it."""

    target: Target
    context: Context
    documents: Sequence[MakeDocument]
    # Options by name; an option that is not set comes from the defaults of printer and box.
    options: PrintOptions
    # Whether the documents are printer commands, to which no option applies.
    raw: bool = False
    # How the documents are laid out on sheets; None leaves the pages as they are.
    sheets: SheetOptions | None = None
    # The jobs' title; "" means that each job gets the title of its document.
    title: str = ""
    request_id: str | None = None
    replace_key: str | None = None
    # Whether the jobs wait for a printer that is not ready.
    hold: bool = True
    # How long the jobs may wait; None means as long as the entry's option says, or an hour for a camera's picture.
    expires_in: timedelta | None = None
    ignore_quiet_hours: bool = False
    # The code that releases the job at the printer: plain text in `code`, or, if a device sent the document, only the
    # code's hash in `hashed_code`.
    code: str | None = None
    hashed_code: str | None = None
    # The entity that the caller must be allowed to control; None means the printer's status sensor.
    entity_id: str | None = None
    # Whether the jobs may wait for a person's answer; False for a page that is printed at once or not at all.
    asks_people: bool = True
    # The device that sent the document, or None if the request comes from Home Assistant. A device of the home network
    # has no user, and needs no rights.
    sender: LanSender | None = None
    # Spool files from which the documents are made; they are deleted, or taken over by the jobs.
    files: Sequence[Path] = ()
    # The digest of the document as a device sent it, before any conversion.
    digest: str | None = None

    @property
    def joins_documents(self) -> bool:
        """Whether all documents are joined into one job."""
        return self.sheets is not None and self.sheets.joins_documents


@asynccontextmanager
async def async_job_builder(
    hass: HomeAssistant, request: PrintRequest, *, prints: bool = True
) -> AsyncIterator[JobBuilder]:
    """Yield the builder of a request's jobs; at the end, delete the files that the builder made but did not submit.

    If `prints` is False, the request is only for a preview or a page count. Raises Unauthorized; LimitError;
    InputError: too_many_requests.
    """
    target, sender, request_id = request.target, request.sender, request.request_id
    spool = await async_get_spool(hass)
    async with spool.scope(*request.files) as files:
        # Documents are read with the rights of `reading`, work in the PDF process is queued under `user`, and the
        # request counts against the limits of `asker`.
        owner: Owner
        reading = request.context
        if sender is None:
            # Whoever set off the call needs the right to control the printer, too: phones fire events without it.
            asked = request.entity_id or status_entity(hass, target.entry, target.printer_key)
            who = await async_check_caller(hass, request.context, asked, POLICY_CONTROL)
            user, asker, owner = request.context.user_id, who.user_id, (who.user_id,)
            if asker not in (None, user) and not who.independent:
                # If a person runs an automation by `automation.trigger`, that person's rights decide which documents
                # may be read. An automation run by its own trigger may read what its author, an administrator, wants.
                reading = Context(user_id=asker, parent_id=request.context.id)
        else:
            user = asker = lan_queue_user(sender.device)
            owner = lan_owner(sender.device)
        if prints and request_id is None and request.replace_key is None:
            # This is certainly a new job: if it exceeds a limit, refuse it before making its documents.
            target.data.queue.check_limits(target.printer_key, owner)
        builder = JobBuilder(asker, hass, request, spool, files, user, reading)
        if (places := hass.data.get(DATA_PREPARING)) is None:
            places = hass.data[DATA_PREPARING] = FairQueue(max_per_owner=MAX_REQUESTS_AT_ONCE)
        # A repeated request, which has the same request_id, waits until the first request is done.
        locks = hass.data.setdefault(DATA_REQUEST_LOCKS, WeakValueDictionary())
        turn = request_id and locks.setdefault((target.printer_key, request_id), asyncio.Lock())
        try:
            async with (
                places.place((target.entry.entry_id, asker), max_wait=0),
                turn or nullcontext(),
            ):
                yield builder
        except NoPlaceError:
            raise InputError("too_many_requests") from None


@dataclass(frozen=True, slots=True, repr=False)
class JobBuilder:
    # The user or device against whose limits the request counts; None for automations.
    asker: str | None
    _hass: HomeAssistant
    _request: PrintRequest
    _spool: Spool
    # Files in the spool that are deleted at the end unless a job takes them over.
    _files: set[Path]
    # The user on whose behalf work is queued in the PDF process.
    _user: str | None
    # The context whose user's rights decide which documents may be read.
    _reading: Context
    # Which parts of the request's mail are left out, and whether a person must approve the print.
    mail: MailReport = field(default_factory=MailReport)
    # Names of the photos that should be cleaned, but in which no page was found.
    pageless: list[str] = field(default_factory=list)
    # The number of each document in the request. Documents that are left out are counted, too: thus the keys of the
    # other documents stay the same if a repeated request can print all of them.
    _numbers: list[int] = field(default_factory=list)

    async def async_documents(
        self,
    ) -> tuple[list[Document], list[tuple[Document, ResolvedOptions]]]:
        """Return the request's documents, and the documents to print, each of the latter with its options.

        Without sheet options, both lists have the same documents, except that a scanned picture is printed as a PDF.
        With sheet options, the documents to print are sheets, made from each document or from all of them together.
        Raises InputError for wrong options, sources or sheets; Unauthorized; HomeAssistantError: disk_full.
        """
        request, sheets = self._request, self._request.sheets
        options = await async_resolve_options(
            request.target, request.options, raw=request.raw, sheets=sheets
        )
        limit_bytes = max_document_bytes(request.target.entry.options)
        document_request = DocumentRequest(
            self._spool, options, limit_bytes, self._reading, self._user, self.mail
        )
        made: list[Document | None] = []
        for make in request.documents:
            result = await make(document_request)
            made += result if isinstance(result, list) else [result]
        documents: list[Document] = []
        self._numbers.clear()
        for number, one in enumerate(made):
            if one is None:
                continue
            document = one
            self._numbers.append(number)
            if document.ticket_scope or document.counted_for:
                # Drop a ticket or page count that is for another printer or for other options.
                scope = ticket_scope(request.target.printer_key, options)
                if document.ticket_scope != scope:
                    document = replace(document, ticket=None, ticket_scope=None)
                if document.counted_for not in (None, scope):
                    document = replace(document, pages=None, counted_for=None)
            documents.append(document)
        if sheets is None or not documents:
            return documents, [
                await async_true_size(self._hass, document_request, one, request.options)
                for one in documents
            ]
        groups = [documents] if sheets.joins_documents else [[document] for document in documents]
        return documents, [
            await async_lay_out(
                self._hass,
                self._spool,
                group,
                sheets,
                options,
                limit_bytes=limit_bytes,
                user=self._user,
                pageless=self.pageless,
            )
            for group in groups
        ]

    async def async_jobs(self) -> list[PreparedJob]:
        """Return all jobs of the request, ready to be submitted.

        Raises the same errors as `async_documents` and `manual_duplex.async_split`.
        """
        request, sheets, sender = self._request, self._request.sheets, self._request.sender
        _, prepared = await self.async_documents()
        code = request.hashed_code
        if request.code is not None:
            owner = request.context.user_id
            code = await async_hash_code(self._hass, request.code.encode(), owner=owner)
        jobs: list[PreparedJob] = []
        numbers = [0] if request.joins_documents else self._numbers
        for number, (document, options) in zip(numbers, prepared, strict=False):
            deliveries: tuple[Delivery, ...] = (Delivery(document=document, options=options),)
            if options.by_hand is not None:
                deliveries = await manual_duplex.async_split(
                    self._hass,
                    request.target,
                    document,
                    options,
                    # If a device's document cannot be split, print it one-sided: nobody would read a refusal.
                    by_default=sender is not None or "duplex" not in request.options,
                    user=self._user,
                )
            if request.digest is not None:
                first = replace(deliveries[0].document, digest=request.digest)
                deliveries = (replace(deliveries[0], document=first), *deliveries[1:])
            spec = JobSpec(
                printer_key=request.target.printer_key,
                title=request.title or document.title,
                foreign_title=not request.title and document.foreign_title,
                asker=Asker.of(request.context),
                requested=_requested_anew(request, sheets, options) if sheets else request.options,
                request_id=numbered_key(request.request_id, number),
                replace_key=numbered_key(request.replace_key, number),
                hold=request.hold,
                expires_in=request.expires_in or (SNAPSHOT_EXPIRY if document.snapshot else None),
                ignore_quiet_hours=request.ignore_quiet_hours,
                laid_out=sheets is not None and sheets.layout is not None,
                release_code=code,
                waits_for=self._reasons_to_ask(),
                sender=sender and sender.name,
                sender_address=sender and sender.address,
                sender_device=sender and sender.device,
            )
            jobs.append((spec, deliveries))
        return jobs

    async def async_check(self) -> None:
        """Raise the errors that making and submitting the request's jobs would raise now, but print nothing."""
        for spec, deliveries in await self.async_jobs():
            await self._request.target.data.queue.async_check(spec, deliveries[0])

    def _reasons_to_ask(self) -> tuple[str, ...] | None:
        if self.mail.needs_approval:
            return (PersonReason.APPROVAL,)
        return None if self._request.asks_people else ()

    async def async_submit(self, prepared: PreparedJob, **more: Any) -> Job:
        """Submit one of the jobs; return the job as the queue has it.

        `more` is passed on to `PrintQueue.async_submit`. Raises the same errors as that method.
        """
        spec, deliveries = prepared
        queue = self._request.target.data.queue
        self._files.difference_update(one.document.path for one in deliveries)
        return await queue.async_submit(spec, deliveries, **more)


async def async_print_single_job(hass: HomeAssistant, request: PrintRequest, **more: Any) -> Job:
    """Print a request that becomes exactly one job; return the job.

    Raises the same errors as `async_job_builder`, `JobBuilder.async_jobs` and `PrintQueue.async_submit`.
    """
    async with async_job_builder(hass, request) as builder:
        (prepared,) = await builder.async_jobs()
        return await builder.async_submit(prepared, **more)


def numbered_key(key: str | None, number: int) -> str | None:
    """Return the request's key, with a suffix that differs for each of its jobs; the first job (0) gets no suffix."""
    return key if key is None or number == 0 else f"{key}#{number + 1}"


def _requested_anew(
    request: PrintRequest, sheets: SheetOptions, options: ResolvedOptions
) -> Mapping[str, Any]:
    """Return, by name, the options with which another printer can print the finished sheets unchanged."""
    requested = request.options
    kept = {name: value for name, value in requested.items() if name not in APPLIED_IN_SHEETS}
    if sheets.sheet == BOOKLET:
        kept["duplex"] = sheets.booklet_duplex(requested.get("duplex"))
    elif sheets.layout in ONE_SIDED_LAYOUTS:
        kept.setdefault("duplex", "off")
    if sheets.layout is not None:
        kept["orientation"] = name_of_value(ORIENTATIONS, options.orientation)
        kept["align"] = name_of_value(ALIGNMENTS, options.align)
        kept["scale"] = options.scale
    return kept


async def async_resolve_options(
    target: Target,
    asked: Mapping[str, Any],
    *,
    raw: bool = False,
    sheets: SheetOptions | None = None,
    laid_out: bool = False,
    one_sided: bool = False,
) -> ResolvedOptions:
    """Check options against a printer; return them completed with the defaults of printer and entry.

    Printer commands (`raw`) get no defaults, since no option affects them. Options that a layout sets get no defaults,
    either, whether the layout is in `sheets` or the document is already `laid_out`. With `one_sided`, which some
    layouts imply, a driver that has no option for one-sided printing is accepted.
    Raises InputError: printer_gone, and errors about an option.
    """
    coordinator, printer_type = target.data.coordinator, target.view.printer.species
    stored = target.entry.options
    of_printer = stored.get(CONF_PRINTER_OPTIONS, {}).get(target.printer_key, {})
    defaults = options_in(of_printer, stored.get(CONF_DEFAULT_OPTIONS, {}))
    decided = (
        LAYOUT_OPTIONS if laid_out else frozenset() if sheets is None else sheets.decided_options
    )
    counted = {name: value for name, value in defaults.items() if name not in decided}
    options = options_in(asked) if raw else options_in(asked, counted)
    capabilities, papers = await coordinator.capabilities.get(target.printer_key)
    if sheets is not None:
        if sheets.sheet == BOOKLET:
            duplex = sheets.booklet_duplex(asked.get("duplex"), defaults.get("duplex"))
            options = {**options, "duplex": duplex}
        elif sheets.layout in ONE_SIDED_LAYOUTS and asked.get("duplex") is None:
            one_sided = True
    if one_sided:
        options.pop("duplex", None)
    resolved = resolve_options(options, capabilities, papers, printer_type, raw=raw)
    if one_sided:
        resolved = replace(resolved, duplex=_one_side(capabilities))
    if "orientation" in decided and "orientation" not in options:
        # The driver's default orientation is meant for pages that have not been laid out.
        resolved = replace(resolved, orientation=None)
    return resolved


def _one_side(capabilities: Capabilities | None) -> int | None:
    """Return the driver's number for one-sided printing; None if the driver does not list that mode."""
    off = DUPLEX["off"]
    if capabilities is None or capabilities.papers is None:
        # Nothing is known about the driver.
        return off
    return off if off in (capabilities.duplex or ()) else None


def ticket_scope(printer_key: str, options: ResolvedOptions) -> str:
    """Return a hash of a printer and all options except copies: only for these is the cloud's ticket or count valid."""
    printed = {name: value for name, value in options.form_fields().items() if name != "dmCopies"}
    text = json.dumps([printer_key, printed], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class ReprintChanges:
    """The printer and options for printing a job's document again, at least one of which is different."""

    printer_key: str
    # The options, checked against the printer.
    options: ResolvedOptions
    # The same options by name, before they were resolved.
    requested: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class MoveRequester:
    """The person who moves a job and changes the job's options."""

    asker: Asker
    who: Initiator
    # Whether an approved job stays approved when this person moves it.
    approves: bool


async def async_print_again(
    queue: PrintQueue,
    job: Job,
    context: Context,
    *,
    changes: ReprintChanges | None = None,
    from_sheet: int | None = None,
    backs_only: bool | None = None,
    request_id: str | None = None,
    to: PrintQueue | None = None,
) -> Job:
    """Print a finished job's document again; return the new job.

    `to` is the queue of the new printer's box, or None for the job's own box. For a manual duplex job, `from_sheet` and
    `backs_only` print only the rest from a sheet on, or only the second sides. Without changes, a waiting job that was
    salvaged from a damaged ledger is continued instead of printed again. If the caller is canceled, printing continues.
    Raises the same errors as `manual_duplex.rest_of` and `PrintQueue.async_retry`.
    """
    job = queue.find(job.job_id) or job
    spec = JobSpec(
        printer_key=changes.printer_key if changes else job.spec.printer_key,
        title=job.spec.title,
        foreign_title=job.title_is_foreign,
        requested=changes.requested if changes else job.spec.requested,
        asker=Asker.of(context),
        request_id=request_id,
        ignore_quiet_hours=job.spec.ignore_quiet_hours,
        laid_out=job.spec.laid_out,
        approved=job.spec.approved and changes is None,
        release_code=job.spec.release_code,
        # Whoever prints another person's job, or a job without a person, does not know its release code.
        foreign_code=_is_foreign_code(job.spec, context.user_id),
    )
    deliveries: tuple[Delivery, ...]
    if len(job.deliveries) > 1 or (from_sheet, backs_only) != (None, None):
        first = 1 if from_sheet is None else from_sheet
        deliveries = manual_duplex.rest_of(job, from_sheet=first, backs_only=bool(backs_only))
    else:
        old = job.deliveries[0]
        deliveries = (
            delivery_with_options(old, old.options if changes is None else changes.options),
        )
    return await queue.async_retry(job, spec, deliveries, to=to, unchanged=changes is None)


async def async_move_to(
    queue: PrintQueue,
    job: Job,
    changes: ReprintChanges,
    entry_id: str,
    mover: MoveRequester | None = None,
) -> Job:
    """Move a waiting job to a printer of the box with this config entry; return the new job there.

    Only the printer and options change, unless the new options may print more pages: in that case the job becomes the
    mover's, like a new print. If the caller is canceled, the move continues. Raises the same errors as
    `PrintQueue.async_move`.
    """
    # Somebody may have approved or released the job since the caller looked it up.
    job = queue.find(job.job_id) or job
    new = delivery_with_options(job.deliveries[0], changes.options)
    spec = replace(
        job.spec,
        printer_key=changes.printer_key,
        requested=changes.requested,
        moved_from=job.job_id,
        retry_of=None,
        approved=job.spec.approved and (mover is None or mover.approves),
        hold=True,
    )
    if mover is not None and asks_for_more(job, new):
        # A job with more pages belongs to the person who asks for these pages, as if that person had printed the
        # document again. Questions to other people stay open.
        spec = replace(
            spec,
            asker=mover.asker,
            origin=mover.who.origin,
            automated=mover.who.automated,
            forgotten=mover.who.forgotten,
            sender=None,
            sender_address=None,
            sender_device=None,
            approved=False,
            foreign_code=_is_foreign_code(spec, mover.asker.user_id),
        )
    return await queue.async_move(job, spec, new, entry_id, unchanged=mover is None)


def _is_foreign_code(spec: JobSpec, user_id: str | None) -> bool:
    is_other = spec.asker.user_id is None or spec.asker.user_id != user_id
    return spec.release_code is not None and (spec.foreign_code or is_other)
