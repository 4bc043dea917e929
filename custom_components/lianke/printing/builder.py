"""What is to be printed becomes jobs. Whoever asks comes in here: an action, a phone, a copy, our own pages.

So do those who print a job's document again, or move it. What is asked for is in typed fields, and is checked in one
order: rights and rates (`async_building`), then options against the printer, the documents, their sheets
(`JobBuilder.async_documents`), both sides by hand (`async_jobs`); limits and people at last, by the queue.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
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
    name_of,
    options_in,
    resolve_options,
)
from ..const import CONF_DEFAULT_OPTIONS, CONF_PRINTER_OPTIONS, DOMAIN
from ..devices import Target, status_entity
from ..documents.document import Document
from ..documents.pdf_client import lan_user
from ..documents.sheets import BOOKLET, LAID_OUT_BY, ONE_SIDED, SheetOptions, async_lay_out
from ..documents.sources import Making
from ..documents.spool import Spool, async_get_spool
from ..errors import InputError
from ..fair_queue import FairQueue, NoPlaceError, Owner, lan_owner
from ..jobs.job import Asker, Delivery, Job, JobSpec
from ..jobs.queue import PrintQueue
from ..jobs.rules import asks_for_more, max_document_bytes, with_options
from ..people.beginning import Beginning
from ..people.release_code import async_hash_code
from ..people.rights import async_check_caller

# Options that sheets are printed with as they were made, on another printer, too.
DONE_HERE: Final = ("pages", "excel_fit", "auto_rotate")
SNAPSHOT_EXPIRY: Final = timedelta(hours=1)
# Requests of one user, of one device, or of all automations, that are under way at once for a box.
MAX_MADE_AT_ONCE = 50
DATA_PREPARING: HassKey[FairQueue] = HassKey(f"{DOMAIN}_prints_in_preparation")
# Locks live as long as a request holds or awaits them.
DATA_REQUEST_LOCKS: HassKey[WeakValueDictionary[tuple[str, str], asyncio.Lock]] = HassKey(
    f"{DOMAIN}_request_locks"
)


class Sender(NamedTuple):
    """A device of the home network: what it calls its user, its address, and by what its turns are counted."""

    name: str
    address: str
    device: str


type MakeDocument = Callable[[Making], Awaitable[Document]]
type Made = tuple[JobSpec, tuple[Delivery, ...]]


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class PrintRequest:
    """What is to be printed at one printer, and who asks."""

    target: Target
    context: Context
    documents: Sequence[MakeDocument]
    # By name, as they are set; what is not is left to the defaults of printer and box.
    options: PrintOptions
    # Printer commands, which have no options.
    raw: bool = False
    # None leaves the pages as they are.
    sheets: SheetOptions | None = None
    # "" for each document's own.
    title: str = ""
    request_id: str | None = None
    replace_key: str | None = None
    # Whether it waits for a printer that is not ready.
    hold: bool = True
    # None leaves it to the entry's option, and a camera's picture is of no use after an hour.
    expires_in: timedelta | None = None
    ignore_quiet_hours: bool = False
    # What releases it at the printer: in plain, or as it was kept until a device's document came.
    code: str | None = None
    hashed_code: str | None = None
    # The entity that whoever asks must be allowed to control, None for the printer's own.
    entity_id: str | None = None
    # What is printed now or not at all asks nobody.
    asks_people: bool = True
    # The device that has sent it, None within Home Assistant. It has no user and no rights: it is in the home network.
    sender: Sender | None = None
    # Files in the spool that the documents are made of, which are used up.
    files: Sequence[Path] = ()
    # What it is known by, whatever is made of it.
    digest: str | None = None

    @property
    def joins(self) -> bool:
        """Return whether one job is made of all documents."""
        return self.sheets is not None and self.sheets.joins


@asynccontextmanager
async def async_building(
    hass: HomeAssistant, request: PrintRequest, *, prints: bool = True
) -> AsyncIterator[JobBuilder]:
    """Yield what makes the jobs of a request, and delete in the end what was made for it and not submitted.

    Without `prints` its documents are only looked at. Raises Unauthorized, LimitError, InputError: too_many_requests.
    """
    target, sender, request_id = request.target, request.sender, request.request_id
    spool = await async_get_spool(hass)
    async with spool.scope(*request.files) as files:
        # In whose name documents are read, whose turn they take in the PDF process, whose share of the requests it is.
        owner: Owner
        reading = request.context
        if sender is None:
            # What a person sets off prints where that person may: a phone's event asks for no rights.
            asked = request.entity_id or status_entity(hass, target.entry, target.printer_key)
            who = await async_check_caller(hass, request.context, asked, POLICY_CONTROL)
            user, asker, owner = request.context.user_id, who.user_id, (who.user_id,)
            if asker not in (None, user) and not who.independent:
                # Who makes an automation run past its triggers reads by it what that person may, and by its own trigger
                # it reads whatever an administrator wanted it to.
                reading = Context(user_id=asker, parent_id=request.context.id)
        else:
            user = asker = lan_user(sender.device)
            owner = lan_owner(sender.device)
        if prints and request_id is None and request.replace_key is None:
            # A new job in any case, which can be refused before its documents are made.
            target.data.queue.check_limits(target.printer_key, owner)
        builder = JobBuilder(asker, hass, request, spool, files, user, reading)
        if (places := hass.data.get(DATA_PREPARING)) is None:
            places = hass.data[DATA_PREPARING] = FairQueue(share=MAX_MADE_AT_ONCE)
        # The same request once more waits for the first one.
        locks = hass.data.setdefault(DATA_REQUEST_LOCKS, WeakValueDictionary())
        turn = request_id and locks.setdefault((target.printer_key, request_id), asyncio.Lock())
        try:
            async with (
                places.place((target.entry.entry_id, asker), patience=0),
                turn or nullcontext(),
            ):
                yield builder
        except NoPlaceError:
            raise InputError("too_many_requests") from None


@dataclass(frozen=True, slots=True, repr=False)
class JobBuilder:
    """Makes the documents of a request, and its jobs."""

    # Whose share of the requests it takes.
    asker: str | None
    _hass: HomeAssistant
    _request: PrintRequest
    _spool: Spool
    # What is deleted in the end.
    _files: set[Path]
    # Whose turn it takes in the PDF process.
    _user: str | None
    # In whose name the documents are read.
    _reading: Context

    async def async_documents(
        self,
    ) -> tuple[list[Document], list[tuple[Document, ResolvedOptions]]]:
        """Return the documents as they are, and what is printed of them, each with its options.

        That is the same, unless sheets are wanted: then these are made of each document, or of all together.
        Raises InputError for what is wrong with options, sources and sheets; Unauthorized;
        HomeAssistantError: disk_full.
        """
        request, sheets = self._request, self._request.sheets
        options = await async_resolve(
            request.target, request.options, raw=request.raw, sheets=sheets
        )
        limit_bytes = max_document_bytes(request.target.entry.options)
        making = Making(self._spool, options, limit_bytes, self._reading, self._user)
        documents: list[Document] = []
        for make in request.documents:
            document = await make(making)
            if document.ticket_scope or document.counted_for:
                # A ticket or page count of another scope says nothing here.
                scope = ticket_scope(request.target.printer_key, options)
                if document.ticket_scope != scope:
                    document = replace(document, ticket=None, ticket_scope=None)
                if document.counted_for not in (None, scope):
                    document = replace(document, pages=None, counted_for=None)
            documents.append(document)
        if sheets is None:
            return documents, [(document, options) for document in documents]
        groups = [documents] if sheets.joins else [[document] for document in documents]
        return documents, [
            await async_lay_out(
                self._hass,
                self._spool,
                group,
                sheets,
                options,
                limit_bytes=limit_bytes,
                user=self._user,
            )
            for group in groups
        ]

    async def async_jobs(self) -> list[Made]:
        """Return the jobs, all of them or none. Raises as `async_documents` and `manual_duplex.async_split`."""
        request, sheets, sender = self._request, self._request.sheets, self._request.sender
        _, made = await self.async_documents()
        code = request.hashed_code
        if request.code is not None:
            owner = request.context.user_id
            code = await async_hash_code(self._hass, request.code.encode(), owner=owner)
        jobs: list[Made] = []
        for number, (document, options) in enumerate(made):
            deliveries: tuple[Delivery, ...] = (Delivery(document=document, options=options),)
            if options.by_hand is not None:
                deliveries = await manual_duplex.async_split(
                    self._hass,
                    request.target,
                    document,
                    options,
                    # What a device sends and cannot be split is printed on one side: nobody would read why not.
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
                request_id=numbered(request.request_id, number),
                replace_key=numbered(request.replace_key, number),
                hold=request.hold,
                expires_in=request.expires_in or (SNAPSHOT_EXPIRY if document.snapshot else None),
                ignore_quiet_hours=request.ignore_quiet_hours,
                laid_out=sheets is not None and sheets.layout is not None,
                release_code=code,
                waits_for=None if request.asks_people else (),
                sender=sender and sender.name,
                sender_address=sender and sender.address,
                sender_device=sender and sender.device,
            )
            jobs.append((spec, deliveries))
        return jobs

    async def async_submit(self, made: Made, **more: Any) -> Job:
        """Submit one of the jobs. Raises as `PrintQueue.async_submit`, which has `more`."""
        spec, deliveries = made
        queue = self._request.target.data.queue
        self._files.difference_update(one.document.path for one in deliveries)
        return await queue.async_submit(spec, deliveries, **more)


async def async_print_one(hass: HomeAssistant, request: PrintRequest, **more: Any) -> Job:
    """Print what becomes one job. Raises as `async_building`, `JobBuilder.async_jobs` and `PrintQueue.async_submit`."""
    async with async_building(hass, request) as builder:
        (made,) = await builder.async_jobs()
        return await builder.async_submit(made, **more)


def numbered(key: str | None, number: int) -> str | None:
    """Return the key for one of several jobs of a request, which must differ."""
    return key if key is None or number == 0 else f"{key}#{number + 1}"


def _requested_anew(
    request: PrintRequest, sheets: SheetOptions, options: ResolvedOptions
) -> Mapping[str, Any]:
    """Return the options by name that print sheets on another printer as they were made."""
    requested = request.options
    kept = {name: value for name, value in requested.items() if name not in DONE_HERE}
    if sheets.sheet == BOOKLET:
        kept["duplex"] = sheets.booklet_duplex(requested.get("duplex"))
    elif sheets.layout in ONE_SIDED:
        kept.setdefault("duplex", "off")
    if sheets.layout is not None:
        kept["orientation"] = name_of(ORIENTATIONS, options.orientation)
        kept["align"] = name_of(ALIGNMENTS, options.align)
        kept["scale"] = options.scale
    return kept


async def async_resolve(
    target: Target,
    asked: Mapping[str, Any],
    *,
    raw: bool = False,
    sheets: SheetOptions | None = None,
    laid_out: bool = False,
    one_sided: bool = False,
) -> ResolvedOptions:
    """Return options that are asked for checked against a printer, completed by the defaults of printer and entry.

    Printer commands (`raw`) get no defaults, since options have no effect on them. Nor
    does what the layout of `sheets` decides, or has decided for a document that is `laid_out` already.
    What is `one_sided`, as some sheets are of themselves, is left to a printer whose driver has no word for it.
    Raises InputError: printer_gone, and what is wrong with an option.
    """
    coordinator, species = target.data.coordinator, target.view.printer.species
    stored = target.entry.options
    of_printer = stored.get(CONF_PRINTER_OPTIONS, {}).get(target.printer_key, {})
    defaults = options_in(of_printer, stored.get(CONF_DEFAULT_OPTIONS, {}))
    decided = LAID_OUT_BY if laid_out else frozenset() if sheets is None else sheets.decides
    counted = {name: value for name, value in defaults.items() if name not in decided}
    options = options_in(asked) if raw else options_in(asked, counted)
    capabilities, papers = await coordinator.capabilities.get(target.printer_key)
    if sheets is not None:
        if sheets.sheet == BOOKLET:
            duplex = sheets.booklet_duplex(asked.get("duplex"), defaults.get("duplex"))
            options = {**options, "duplex": duplex}
        elif sheets.layout in ONE_SIDED and asked.get("duplex") is None:
            one_sided = True
    if one_sided:
        options.pop("duplex", None)
    resolved = resolve_options(options, capabilities, papers, species, raw=raw)
    if one_sided:
        resolved = replace(resolved, duplex=_one_side(capabilities))
    if "orientation" in decided and "orientation" not in options:
        # The driver's own default is for pages that nobody has laid out.
        resolved = replace(resolved, orientation=None)
    return resolved


def _one_side(capabilities: Capabilities | None) -> int | None:
    """Return what a driver calls one side, None where it has no word for it, or the printer no other."""
    off = DUPLEX["off"]
    if capabilities is None or capabilities.papers is None:
        # Nothing is known of it.
        return off
    return off if off in (capabilities.duplex or ()) else None


def ticket_scope(printer_key: str, options: ResolvedOptions) -> str:
    """Return the scope of a preview's ticket: this printer with these options, any copies."""
    printed = {name: value for name, value in options.form_fields().items() if name != "dmCopies"}
    text = json.dumps([printer_key, printed], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """What is different when a job's document is printed again: the printer, the options, or both.

    `options` were checked against the printer; `requested` is what they were resolved from.
    """

    printer_key: str
    options: ResolvedOptions
    requested: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Mover:
    """Who chooses other options for a job that is moved, and whether what was approved of it stays so."""

    asker: Asker
    who: Beginning
    approves: bool


async def async_print_again(
    queue: PrintQueue,
    job: Job,
    context: Context,
    *,
    changes: Changes | None = None,
    from_sheet: int | None = None,
    backs_only: bool | None = None,
    to: PrintQueue | None = None,
) -> Job:
    """Print a finished job's document again, by the box `to` if that is another one; return the new job.

    Of both sides by hand, what is left from a sheet on, or its second sides only. A job of a damaged
    record is released instead. A cancelled caller does not stop it. Raises as `manual_duplex.rest_of` and
    `PrintQueue.async_retry`.
    """
    job = queue.find(job.job_id) or job
    spec = JobSpec(
        printer_key=changes.printer_key if changes else job.spec.printer_key,
        title=job.spec.title,
        foreign_title=job.title_is_foreign,
        requested=changes.requested if changes else job.spec.requested,
        asker=Asker.of(context),
        ignore_quiet_hours=job.spec.ignore_quiet_hours,
        laid_out=job.spec.laid_out,
        approved=job.spec.approved and changes is None,
        release_code=job.spec.release_code,
        # Nobody's job is everybody's who prints it again, also by an automation.
        foreign_code=_is_foreign_code(job.spec, context.user_id),
    )
    deliveries: tuple[Delivery, ...]
    if len(job.deliveries) > 1 or (from_sheet, backs_only) != (None, None):
        first = 1 if from_sheet is None else from_sheet
        deliveries = manual_duplex.rest_of(job, from_sheet=first, backs_only=bool(backs_only))
    else:
        old = job.deliveries[0]
        deliveries = (with_options(old, old.options if changes is None else changes.options),)
    return await queue.async_retry(job, spec, deliveries, to=to, as_it_was=changes is None)


async def async_move_to(
    queue: PrintQueue, job: Job, changes: Changes, entry_id: str, mover: Mover | None = None
) -> Job:
    """Move a job that waits to a printer of the box with this config entry; return the job there.

    It has everything of the old one but its options, unless more pages may come of it by those: then it is the
    mover's, as a new print. A cancelled caller does not stop it. Raises as `PrintQueue.async_move`.
    """
    # Somebody may have answered for it since it was looked at.
    job = queue.find(job.job_id) or job
    new = with_options(job.deliveries[0], changes.options)
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
        # It is asked for as the print of who makes more of it, and not of whoever asked for less: as where a document
        # is printed again, which the same people may do. What others are asked about is asked still.
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
    return await queue.async_move(job, spec, new, entry_id, as_it_was=mover is None)


def _is_foreign_code(spec: JobSpec, user_id: str | None) -> bool:
    is_other = spec.asker.user_id is None or spec.asker.user_id != user_id
    return spec.release_code is not None and (spec.foreign_code or is_other)
