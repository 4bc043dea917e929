"""One print call: what it asks for becomes jobs, which are submitted, waited for and described."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
import hashlib
import json
from pathlib import Path
from typing import Any, Final
from weakref import WeakValueDictionary

from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Context, HomeAssistant, ServiceCall, split_entity_id
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.json import JsonObjectType, JsonValueType

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
from ..devices import Target, async_resolve_target
from ..documents.conversion import clean_title
from ..documents.document import Document, SourceKind
from ..documents.pdf_client import lan_user
from ..documents.sheets import (
    BOOKLET,
    LAID_OUT_BY,
    NO_SHEETS,
    ONE_SIDED,
    SheetOptions,
    async_lay_out,
)
from ..documents.sources import (
    async_get_document,
    async_received_document,
    source_of,
)
from ..documents.spool import async_get_spool
from ..errors import InputError
from ..fair_queue import FairQueue, NoPlaceError
from ..jobs.job import REJECTED, Asker, Delivery, Job, JobSpec, JobState, PersonReason
from ..jobs.queue import PrintQueue
from ..jobs.rules import REQUEST_ID_LIFE, frees_request_id, max_document_bytes, waits_uncounted
from ..people.release_code import async_hash_code
from ..people.rights import async_check_printer, async_reading
from ..people.visible import async_as_seen
from ..runtime import async_error_text, async_said, async_whole_error, translated
from .schemas import HOLD, MAX_SOURCES

# Seconds between two checks whether a box that reloads is back.
RELOAD_PAUSE = 1
# Suffixes of the error text for a document that the service could not convert, by its type; other
# documents have the general text.
CONVERSION_FAILED = "conversion_failed"
ADVICE = {
    ".pdf": "_pdf",
    **dict.fromkeys((".jpg", ".png", ".bmp", ".gif", ".tiff"), "_picture"),
    ".html": "_page",
    ".prn": "_raw",
}
# The text for a job that was rejected between its two deliveries.
FIRST_SIDES_REJECTED = "first_sides_rejected"
UNSUCCESSFUL = frozenset({JobState.FAILED, JobState.EXPIRED, JobState.UNCONFIRMED})
# Fields of pages that Home Assistant writes, and the domains of what they are about.
OF_ENTITIES: Final[Mapping[str, tuple[str, ...]]] = {
    "columns": ("todo",),
    "completed": ("todo",),
    "agenda": ("calendar",),
    "print_empty": ("todo", "calendar"),
}
# Options that sheets are printed with as they were made, on another printer, too.
DONE_HERE: Final = ("pages", "excel_fit", "auto_rotate")
SNAPSHOT_EXPIRY: Final = timedelta(hours=1)
# Print, preview and page count calls of one user, or of all automations, that are under way at once for a box.
MAX_MADE_AT_ONCE = 50
DATA_PREPARING: HassKey[FairQueue] = HassKey(f"{DOMAIN}_prints_in_preparation")
# Locks live as long as a call holds or awaits them.
DATA_REQUEST_LOCKS: HassKey[WeakValueDictionary[tuple[str, str], asyncio.Lock]] = HassKey(
    f"{DOMAIN}_request_locks"
)


async def async_print(hass: HomeAssistant, call: ServiceCall) -> JsonObjectType:
    """Submit one job for each source of a call, or one for all, in their order; wait for the outcome if asked to.

    Errors in the options or any source are raised before the first job is submitted: InputError, Unauthorized.
    HomeAssistantError when a job cannot be stored, and where nobody gets a response for one that did not come out.
    """
    data, context = call.data, call.context
    jobs: list[Job] = []
    # Ids of jobs that were asked for before: nothing is printed for these.
    repeated: set[str] = set()
    async with async_preparing(hass, data, context) as target:
        try:
            wanted = await async_wanted_jobs(hass, target, data, context)
        except InputError as err:
            # The second of two equal calls finds its upload consumed by the first.
            if err.reason != "upload_gone" or (found := _find_printed(target, data)) is None:
                raise
            wanted, jobs, repeated = [], found, {job.job_id for job in found}
        for spec, deliveries in wanted:
            try:
                job = await async_submit(hass, target, spec, deliveries)
            except (InputError, HomeAssistantError) as err:
                if not jobs:
                    raise
                shown = translated(err) if isinstance(err, InputError) else err
                raise await _async_partly(hass, shown, len(jobs), len(wanted)) from None
            jobs.append(job)
            if job.deliveries[0].token != deliveries[0].token:
                repeated.add(job.job_id)
        if (key := data.get("replace_key")) is not None and not repeated:
            # An earlier call may have had more documents.
            surplus = (_numbered(key, number) for number in range(len(jobs), MAX_SOURCES))
            await target.data.queue.async_replace(jobs[0], *surplus)
    if wait := data["wait"]:
        seconds = data["wait_timeout"].total_seconds()
        jobs = await asyncio.gather(*(_async_wait(hass, target, job, seconds) for job in jobs))
        if not call.return_response:
            for job in jobs:
                if job.state in UNSUCCESSFUL:
                    raise await _async_failure(hass, job)
    return {
        "jobs": [
            await async_describe(
                hass, target, job, context, repeated=job.job_id in repeated, waited=wait
            )
            for job in jobs
        ]
    }


@asynccontextmanager
async def async_preparing(
    hass: HomeAssistant, data: Mapping[str, Any], context: Context
) -> AsyncIterator[Target]:
    """Yield the printer that a call names, and delete in the end what was made for it and not submitted.

    Raises InputError, Unauthorized, LimitError.
    """
    target = await async_resolve_target(hass, data, context, POLICY_CONTROL)
    # What a person sets off prints where that person may: a phone's event asks for no rights.
    asker = (await async_check_printer(hass, target, context)).user_id
    request_id = data.get("request_id")
    if request_id is None and data.get("replace_key") is None:
        # A new job in any case, which can be refused before its documents are prepared.
        target.data.queue.check_rate(target.printer_key, asker)
    spool = await async_get_spool(hass)
    async with (
        limit_calls(hass, (target.entry.entry_id, asker)),
        _serialize(hass, target, request_id),
        spool.scope(),
    ):
        yield target


async def async_submit(
    hass: HomeAssistant,
    target: Target,
    spec: JobSpec,
    deliveries: Sequence[Delivery],
    **more: Any,
) -> Job:
    """Submit one of the jobs that were prepared. Raises as `PrintQueue.async_submit`, which has `more`."""
    (await async_get_spool(hass)).let_go(*(one.document.path for one in deliveries))
    return await target.data.queue.async_submit(spec, deliveries, **more)


async def async_wanted_jobs(
    hass: HomeAssistant, target: Target, data: Mapping[str, Any], context: Context
) -> list[tuple[JobSpec, tuple[Delivery, ...]]]:
    """Return what a call prints, one item a job: all of them or none. Raises as `async_prepare` and `async_split`."""
    _, made = await async_prepare(hass, target, data, context)
    sheets, requested = SheetOptions.of(data), options_in(data)
    title, code = clean_title(data.get("title", "")), data.get("release_code")
    hashed = None
    if code is not None:
        hashed = await async_hash_code(hass, code.encode(), owner=context.user_id)
    wanted = []
    for number, (document, options) in enumerate(made):
        deliveries: tuple[Delivery, ...] = (Delivery(document=document, options=options),)
        if options.by_hand is not None:
            deliveries = await manual_duplex.async_split(
                hass,
                target,
                document,
                options,
                by_default="duplex" not in data,
                user=context.user_id,
            )
        expires_in = SNAPSHOT_EXPIRY if document.snapshot else None
        spec = JobSpec(
            printer_key=target.printer_key,
            title=title or document.title,
            foreign_title=not title and document.foreign_title,
            asker=Asker.of(context),
            requested=_requested_anew(requested, sheets, options) if sheets.is_set else requested,
            request_id=_numbered(data.get("request_id"), number),
            replace_key=_numbered(data.get("replace_key"), number),
            hold=data["if_not_ready"] == HOLD,
            expires_in=data.get("expires_in", expires_in),
            ignore_quiet_hours=data["ignore_quiet_hours"],
            laid_out=sheets.layout is not None,
            release_code=hashed,
        )
        wanted.append((spec, deliveries))
    return wanted


async def async_prepare(
    hass: HomeAssistant, target: Target, data: Mapping[str, Any], context: Context
) -> tuple[list[Document], list[tuple[Document, ResolvedOptions]]]:
    """Return the documents of a call as they are, and what is printed of them, each with its options.

    That is the same, unless the call wants sheets: then these are made of each document, or of all together.
    Raises InputError for what is wrong with options, sources and sheets; Unauthorized; HomeAssistantError: disk_full.
    """
    kind, values = source_of(data)
    sheets = SheetOptions.of(data)
    sheets.check_count(len(values))
    _check_page_fields(kind, values, data)
    options = await async_resolve(target, data, sheets=sheets)
    reading = await async_reading(hass, context)
    spool = await async_get_spool(hass)
    limit_bytes = max_document_bytes(target.entry.options)
    documents: list[Document] = []
    for value in values:
        document = await async_get_document(
            hass,
            spool,
            kind,
            value,
            data,
            limit_bytes=limit_bytes,
            context=reading,
            paper=options.paper,
            landscape=options.orientation == ORIENTATIONS["landscape"],
        )
        if kind is SourceKind.DOCUMENT:
            # A ticket or page count of another scope says nothing here.
            scope = ticket_scope(target.printer_key, options)
            if document.ticket_scope != scope:
                document = replace(document, ticket=None, ticket_scope=None)
            if document.counted_for not in (None, scope):
                document = replace(document, pages=None, counted_for=None)
        documents.append(document)
    if not sheets.is_set:
        return documents, [(document, options) for document in documents]
    groups = [documents] if sheets.joins else [[document] for document in documents]
    return documents, [
        await async_lay_out(
            hass, spool, group, sheets, options, limit_bytes=limit_bytes, user=context.user_id
        )
        for group in groups
    ]


def _check_page_fields(kind: SourceKind, values: Sequence[Any], data: Mapping[str, Any]) -> None:
    """Raise InputError: sheet_field_idle for a field of lists, calendars or commands where none of them is printed."""
    # Whoever says that it is not raw, as a template may, knows what goes with that.
    if "raw_encoding" in data and "raw" not in data:
        raise InputError("sheet_field_idle", field="raw_encoding", needed="raw")
    if kind is SourceKind.DOCUMENT:
        # It was made with them, by the call that kept it.
        return
    domains = (
        {split_entity_id(value)[0] for value in values} if kind is SourceKind.ENTITY else set()
    )
    for name, needed in OF_ENTITIES.items():
        if name in data and data[name] is not False and domains.isdisjoint(needed):
            entities = " / ".join(f"source_entity: {domain}.…" for domain in needed)
            raise InputError("sheet_field_idle", field=name, needed=entities)


async def async_resolve(
    target: Target,
    data: Mapping[str, Any],
    *,
    sheets: SheetOptions = NO_SHEETS,
    laid_out: bool = False,
    one_sided: bool = False,
) -> ResolvedOptions:
    """Return the options of a call checked against a printer, completed by the defaults of printer and entry.

    `data` are the call's fields; printer commands (`raw`) get no defaults, since options have no effect on them. Nor
    does what the layout of `sheets` decides, or has decided for a document that is `laid_out` already.
    What is `one_sided`, as some sheets are of themselves, is left to a printer whose driver has no word for it.
    Raises InputError: printer_gone, and what is wrong with an option.
    """
    coordinator, species = target.data.coordinator, target.view.printer.species
    raw = data.get("raw", False)
    stored = target.entry.options
    of_printer = stored.get(CONF_PRINTER_OPTIONS, {}).get(target.printer_key, {})
    of_box = stored.get(CONF_DEFAULT_OPTIONS, {})
    defaults = options_in(of_printer, of_box)
    decided = LAID_OUT_BY if laid_out else sheets.decides
    counted = {name: value for name, value in defaults.items() if name not in decided}
    options = options_in(data) if raw else options_in(data, counted)
    capabilities, papers = await coordinator.capabilities.get(target.printer_key)
    one_sided = one_sided or (sheets.layout in ONE_SIDED and data.get("duplex") is None)
    if sheets.sheet == BOOKLET:
        duplex = sheets.booklet_duplex(data.get("duplex"), defaults.get("duplex"))
        options = {**options, "duplex": duplex}
    elif one_sided:
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


def _requested_anew(
    requested: PrintOptions, sheets: SheetOptions, options: ResolvedOptions
) -> Mapping[str, Any]:
    """Return the options by name that print sheets on another printer as they were made."""
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


def _numbered(key: str | None, number: int) -> str | None:
    """Return the key for one of several documents, which must differ."""
    return key if key is None or number == 0 else f"{key}#{number + 1}"


def ticket_scope(printer_key: str, options: ResolvedOptions) -> str:
    """Return the scope of a preview's ticket: this printer with these options, any copies."""
    printed = {name: value for name, value in options.form_fields().items() if name != "dmCopies"}
    text = json.dumps([printer_key, printed], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


async def _async_partly(
    hass: HomeAssistant, err: HomeAssistantError, done: int, wanted: int
) -> HomeAssistantError:
    """Return the error for a call of which only the first jobs were submitted."""
    counts = {"done": str(done), "wanted": str(wanted)}
    return await async_whole_error(
        hass, "submitted_partly", {**counts, "reason": await async_said(hass, err)}
    )


def _find_printed(target: Target, data: Mapping[str, Any]) -> list[Job] | None:
    """Return the jobs that a request has become, None unless it has become all, and its id still counts."""
    if (request_id := data.get("request_id")) is None:
        return None
    known: dict[str | None, Job] = {}
    for job in target.data.queue.jobs(target.printer_key):
        if not frees_request_id(job):
            known.setdefault(job.spec.request_id, job)
    count = 1 if SheetOptions.of(data).joins else len(source_of(data)[1])
    found = [known.get(_numbered(request_id, number)) for number in range(count)]
    oldest = dt_util.utcnow() - REQUEST_ID_LIFE
    printed = [job for job in found if job is not None and job.created_at > oldest]
    return printed if len(printed) == count else None


@asynccontextmanager
async def limit_calls(hass: HomeAssistant, asker: tuple[str, str | None]) -> AsyncIterator[None]:
    """Refuse a call while too many of the same user are being prepared for a box.

    Raises InputError: too_many_requests.
    """
    preparing = hass.data.setdefault(DATA_PREPARING, FairQueue(share=MAX_MADE_AT_ONCE))
    try:
        async with preparing.place(asker, patience=0):
            yield
    except NoPlaceError:
        raise InputError("too_many_requests") from None


@asynccontextmanager
async def _serialize(
    hass: HomeAssistant, target: Target, request_id: str | None
) -> AsyncIterator[None]:
    """Run calls with the same request id one after the other."""
    if request_id is None:
        yield
        return
    locks = hass.data.setdefault(DATA_REQUEST_LOCKS, WeakValueDictionary())
    async with locks.setdefault((target.printer_key, request_id), asyncio.Lock()):
        yield


async def _async_wait(hass: HomeAssistant, target: Target, job: Job, seconds: float) -> Job:
    """Wait until a job is final or held, also over a reload, which gives it to another queue; return it as it is."""
    until = hass.loop.time() + seconds
    last: PrintQueue | None = None
    while not job.is_settled and (left := until - hass.loop.time()) > 0 and not hass.is_stopping:
        if target.entry.state is ConfigEntryState.LOADED and target.data.queue is not last:
            last = target.data.queue
            job = await last.async_wait(job.job_id, left)
        else:
            await asyncio.sleep(min(RELOAD_PAUSE, left))
    return job


async def async_describe(
    hass: HomeAssistant,
    target: Target,
    job: Job,
    context: Context,
    *,
    repeated: bool = False,
    waited: bool = False,
) -> JsonObjectType:
    """Return a job for the response of a call, with the reason as text; `repeated` if it was asked for before."""
    job = await async_as_seen(hass, target.entry.options, job, context)
    return {
        **job_dict(job),
        "device_id": target.device_id,
        "message": await async_reason(hass, job),
        "duplicate": repeated,
        "timed_out": waited and not job.is_final and job.state is not JobState.HELD,
    }


def job_dict(job: Job) -> dict[str, JsonValueType]:
    """Return what responses and screens show of a job, without secrets."""
    now, spec, state = job.present, job.spec, job.state
    return {
        "job_id": job.job_id,
        "printer_key": spec.printer_key,
        "printer": job.printer_name,
        "title": spec.title,
        "title_is_foreign": job.title_is_foreign,
        "state": state.value,
        "phase": "checking" if now.is_unsure else state.value,
        "created_at": job.created_at.isoformat(),
        "changed_at": job.changed_at.isoformat(),
        "finished_at": job.ended_at.isoformat() if job.is_final else None,
        "expires_at": None if job.is_final else job.expires_at.isoformat(),
        "size": now.document.size,
        "sent_bytes": now.sent_bytes,
        "pages": job.pages,
        "pages_printed": job.pages_printed,
        "copies": job.copies,
        "hold_reason": now.hold_reason if state is JobState.HELD else None,
        "reason": job.reason,
        "code": now.code,
        "detail": now.detail,
        "partly_printed": job.partly_printed,
        "request_id": spec.request_id,
        "source": job.source,
        "waits_for": [] if job.is_final else list(job.waits_for),
        "can_continue": job.asks_for is not None,
        "needs_code": job.needs_code,
        "user_id": job.spec.asker.user_id,
        "can_cancel": job.can_cancel,
        "can_move": job.can_reroute,
        "moved_from": spec.moved_from,
        "moved_to": job.moved_to,
        "can_retry": job.can_retry,
        "can_print_again": job.can_print_again,
        "laid_out": spec.laid_out,
        "by_hand": manual_duplex.public_dict(job) if len(job.deliveries) > 1 else None,
    }


def reason_key(job: Job) -> str | None:
    """Return the key of the text that says why a job failed; None without a reason."""
    if job.reason == CONVERSION_FAILED:
        document = job.present.document
        if job.present.options.page_range and document.pages is None:
            # Only the service knows its pages, and says the same of one that it has none of.
            return f"{job.reason}_pages"
        return f"{job.reason}{ADVICE.get(Path(document.name).suffix, '')}"
    if job.reason == REJECTED and (job.partly_printed or job.present.detail):
        return FIRST_SIDES_REJECTED if job.partly_printed else f"{job.reason}_by"
    return job.reason


async def async_reason(hass: HomeAssistant, job: Job) -> str | None:
    """Return why a job waits or failed, in Home Assistant's language; None without a reason."""
    if job.state is JobState.HELD and job.present.hold_reason:
        texts = await async_get_translations(hass, hass.config.language, "entity", [DOMAIN])
        # As its sensor shows it.
        key = f"component.{DOMAIN}.entity.sensor.hold_reason.state.{job.present.hold_reason}"
        reason = texts.get(key, job.present.hold_reason)
        if job.present.hold_reason == PersonReason.TURN_PAPER and (
            text := manual_duplex.how_to_turn(job)
        ):
            return await async_error_text(hass, *text)
        if job.asks_for:
            if waits_uncounted(job):
                placeholders = {"reason": reason or "", "printer": job.printer_name}
                return await async_error_text(hass, "release_uncounted", placeholders)
            return reason
        return await async_error_text(hass, "job_held", {"reason": reason})
    if (cause := reason_key(job)) is None:
        return None
    placeholders = {
        "code": "" if job.present.code is None else str(job.present.code),
        "detail": job.present.detail,
        "title": job.spec.title,
        "printer": job.printer_name,
    }
    return await async_error_text(hass, cause, placeholders) or job.present.detail or job.reason


async def _async_failure(hass: HomeAssistant, job: Job) -> HomeAssistantError:
    """Return the error for a job that did not come out."""
    reason = await async_reason(hass, job) or ""
    placeholders = {"title": job.spec.title, "printer": job.printer_name, "reason": reason}
    return await async_whole_error(hass, f"job_{job.state}", placeholders)


async def async_print_received(
    hass: HomeAssistant,
    target: Target,
    path: Path,
    *,
    name: str,
    title: str,
    requested: Mapping[str, Any],
    job_id: str,
    sender: str,
    sender_address: str,
    device: str,
    release_code: str | None = None,
    papers: Sequence[tuple[int, int]] = (),
    digest: str | None = None,
) -> Job:
    """Make a job of a file that a device has sent and return it once it is on disk; the file is used up.

    `requested` are print options, `papers` those that are offered: widths and heights in 0.01 mm. `digest` tells the
    file apart, `device` is whose turns it takes, `job_id` the id that the job gets. Raises InputError for what is wrong
    with options or document, HomeAssistantError when the job cannot be kept.
    """
    queue = target.data.queue
    queue.check_rate(target.printer_key, None, sender_address=sender_address)
    user = lan_user(device)
    spool = await async_get_spool(hass)
    async with spool.scope(path), limit_calls(hass, (target.entry.entry_id, user)):
        options = await async_resolve(target, requested)
        document = await async_received_document(
            hass,
            spool,
            path,
            name=name,
            title=title,
            limit_bytes=max_document_bytes(target.entry.options),
            papers=papers,
            user=user,
        )
        deliveries: tuple[Delivery, ...] = (Delivery(document=document, options=options),)
        if options.by_hand is not None:
            deliveries = await manual_duplex.async_split(
                hass, target, document, options, by_default=True, user=user
            )
        # Whatever was made of it: it is known by what was sent.
        first, *others = deliveries
        document = replace(first.document, digest=digest or first.document.digest)
        deliveries = (replace(first, document=document), *others)
        queue = target.data.queue
        spool.let_go(*(one.document.path for one in deliveries))
        return await queue.async_submit(
            JobSpec(
                printer_key=target.printer_key,
                title=title or document.title,
                requested=requested,
                asker=Asker.of(Context()),
                sender=sender,
                sender_address=sender_address,
                release_code=release_code,
            ),
            deliveries,
            job_id=job_id,
        )
