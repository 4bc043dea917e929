"""The walk of one print call: options checked, documents fetched, jobs submitted, outcome told."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
import hashlib
import json
from pathlib import Path

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.json import JsonObjectType

from ..api.errors import LiankeInputError
from ..api.option_resolver import resolve_options
from ..api.options import PrintOptions, ResolvedOptions, merge_options
from ..const import CONF_DEFAULT_OPTIONS, CONF_PRINTER_OPTIONS, DOMAIN
from ..documents.document import Document, input_error
from ..documents.kinds import SourceKind
from ..documents.sources import Source, async_get_document, is_snapshot
from ..documents.spool import async_get_spool
from ..jobs.job import Job, JobState
from ..jobs.limits import REQUEST_ID_LIFE
from ..jobs.queue import PrintQueue, PrintRequest, Submission, is_settled
from ..jobs.settings import max_document_bytes
from ..runtime import LiankeConfigEntry, translated
from .request import Order, stored_options
from .target import Target

# A picture of a moment is of no use tomorrow.
# Seconds between two looks whether a box is there again.
RELOAD_PAUSE = 1
SNAPSHOT_EXPIRY = timedelta(hours=1)
LANDSCAPE = 2
# What helps when the service could not convert a document depends on its type; for all others it is
# to save it as PDF.
CONVERSION_FAILED = "conversion_failed"
ADVICE = {
    ".pdf": "_pdf",
    **dict.fromkeys((".jpg", ".png", ".bmp", ".gif", ".tiff"), "_picture"),
    ".html": "_page",
    ".prn": "_raw",
}
UNSUCCESSFUL = frozenset({JobState.FAILED, JobState.EXPIRED, JobState.UNCONFIRMED})
FREES_REQUEST_ID = frozenset({JobState.FAILED, JobState.CANCELED, JobState.EXPIRED})


@dataclass(slots=True)
class _Turn:
    """A lock with the number of calls that hold or want it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    calls: int = 0


# Print calls of one user, or of all automations, whose documents are made at the same time for a box.
MAX_MADE_AT_ONCE = 50
DATA_MAKING: HassKey[Counter[tuple[str, str | None]]] = HassKey(f"{DOMAIN}_prints_in_the_making")
DATA_TURNS: HassKey[dict[tuple[str, str], _Turn]] = HassKey(f"{DOMAIN}_request_turns")


async def async_resolve(
    entry: LiankeConfigEntry,
    printer_key: str,
    options: PrintOptions | None = None,
    *,
    raw: bool = False,
) -> ResolvedOptions:
    """Return options checked against a printer, completed by the defaults of printer and entry.

    Raises ServiceValidationError: printer_gone, and what is wrong with an option.
    """
    target = Target(device_id="", entry=entry, printer_key=printer_key)
    coordinator = target.data.coordinator
    view = target.view
    asked = options or PrintOptions()
    if not raw:
        asked = merge_options(
            asked,
            stored_options(entry.options.get(CONF_PRINTER_OPTIONS, {}).get(printer_key, {})),
            stored_options(entry.options.get(CONF_DEFAULT_OPTIONS, {})),
        )
    capabilities = await coordinator.get_capabilities(printer_key)
    papers = await coordinator.get_papers(printer_key)
    try:
        return resolve_options(asked, capabilities, papers, view.printer.species, raw=raw)
    except LiankeInputError as err:
        raise translated(err) from None


async def async_documents(
    hass: HomeAssistant,
    target: Target,
    order: Order,
    options: ResolvedOptions,
    context: Context,
) -> list[Document]:
    """Return the documents of an order, laid out for the options; all of them or none."""
    spool = await async_get_spool(hass)
    documents: list[Document] = []
    landscape = options.orientation == LANDSCAPE
    try:
        for source in order.sources:
            fetched = await async_get_document(
                hass,
                spool,
                replace(source, page=replace(source.page, landscape=landscape)),
                limit_bytes=max_document_bytes(target.entry.options),
                context=context,
                paper=options.paper,
            )
            documents.append(_scoped(fetched, target, options))
    except BaseException:
        await spool.async_discard(*documents)
        raise
    return documents


async def async_print(
    hass: HomeAssistant, target: Target, order: Order, context: Context
) -> list[Submission]:
    """Turn an order into jobs, one a source, in order; returns once they are on disk.

    Whatever is wrong with the options or any of the sources is raised before the first job is
    made: ServiceValidationError, Unauthorized; HomeAssistantError when a job cannot be kept.
    """
    if order.request_id is None and order.replace_key is None:
        # Neither finds a job that is there already: one more, which need not be made to be refused.
        target.data.queue.check_rate(target.printer_key, context.user_id)
    async with (
        admitted(hass, (target.entry.entry_id, context.user_id)),
        _once(hass, target, order.request_id),
    ):
        options = await async_resolve(
            target.entry, target.printer_key, order.options, raw=order.raw
        )
        try:
            documents = await async_documents(hass, target, order, options, context)
        except HomeAssistantError as err:
            # The second of two equal calls finds its upload used up by the first.
            if err.translation_key == "upload_gone" and (job := _known(target, order)):
                return [Submission(job=job, duplicate=True)]
            raise
        spool = await async_get_spool(hass)
        submissions: list[Submission] = []
        try:
            for number, (source, document) in enumerate(zip(order.sources, documents, strict=True)):
                request = _request(
                    target,
                    order,
                    options,
                    number=number,
                    source=source,
                    document=document,
                    context=context,
                )
                submissions.append(await target.data.queue.async_submit(request))
        except HomeAssistantError as err:
            if not submissions:
                raise
            raise await _async_partly(hass, err, len(submissions), len(documents)) from None
        finally:
            await spool.async_discard(*documents[len(submissions) :])
    return submissions


def _request(
    target: Target,
    order: Order,
    options: ResolvedOptions,
    *,
    number: int,
    source: Source,
    document: Document,
    context: Context,
) -> PrintRequest:
    expires_in = order.expires_in
    if expires_in is None and is_snapshot(source):
        expires_in = SNAPSHOT_EXPIRY
    return PrintRequest(
        printer_key=target.printer_key,
        document=document,
        title=source.title or document.title,
        options=options,
        context=context,
        requested=order.requested,
        request_id=_numbered(order.request_id, number),
        replace_key=_numbered(order.replace_key, number),
        hold=order.hold,
        expires_in=expires_in,
        ignore_quiet_hours=order.ignore_quiet_hours,
    )


async def _async_partly(
    hass: HomeAssistant, err: HomeAssistantError, done: int, wanted: int
) -> HomeAssistantError:
    """Return the error for an order of which only the first jobs were taken."""
    reason = await async_error_text(
        hass, err.translation_key or "", err.translation_placeholders or {}
    )
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key="submitted_partly",
        translation_placeholders={
            "done": str(done),
            "wanted": str(wanted),
            "reason": reason or str(err),
        },
    )


def _numbered(key: str | None, number: int) -> str | None:
    """Return the key for one of several documents: each has its own."""
    return key if key is None or number == 0 else f"{key}#{number + 1}"


def ticket_scope(printer_key: str, options: ResolvedOptions) -> str:
    """Return what a preview's ticket is good for: this printer with these options, any copies."""
    fields = {name: value for name, value in options.form_fields().items() if name != "dmCopies"}
    text = json.dumps([printer_key, fields], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _scoped(document: Document, target: Target, options: ResolvedOptions) -> Document:
    """Return the document without a ticket or a count that was given for something else."""
    scope = ticket_scope(target.printer_key, options)
    if document.ticket is not None and document.ticket_scope != scope:
        document = replace(document, ticket=None, ticket_scope=None)
    if document.counted_for is not None and document.counted_for != scope:
        document = replace(document, pages=None, counted_for=None)
    return document


def _known(target: Target, order: Order) -> Job | None:
    """Return the job that an upload with this request id has become."""
    if order.request_id is None or order.sources[0].kind is not SourceKind.UPLOAD:
        return None
    for job in target.data.queue.jobs(target.printer_key):
        if job.request_id == order.request_id and job.state not in FREES_REQUEST_ID:
            return job if dt_util.utcnow() - job.created_at < REQUEST_ID_LIFE else None
    return None


@asynccontextmanager
async def admitted(hass: HomeAssistant, asker: tuple[str, str | None]) -> AsyncIterator[None]:
    """Refuse what a user asks of a box while so much of theirs is just being made for it.

    Raises ServiceValidationError: too_many_requests.
    """
    making = hass.data.setdefault(DATA_MAKING, Counter())
    if making[asker] >= MAX_MADE_AT_ONCE:
        raise input_error("too_many_requests")
    making[asker] += 1
    try:
        yield
    finally:
        making[asker] -= 1
        if not making[asker]:
            del making[asker]


@asynccontextmanager
async def _once(hass: HomeAssistant, target: Target, request_id: str | None) -> AsyncIterator[None]:
    """Let calls with the same request id pass one after the other."""
    if request_id is None:
        yield
        return
    turns = hass.data.setdefault(DATA_TURNS, {})
    key = (target.printer_key, request_id)
    turn = turns.setdefault(key, _Turn())
    turn.calls += 1
    try:
        async with turn.lock:
            yield
    finally:
        turn.calls -= 1
        if turn.calls == 0:
            del turns[key]


async def async_wait(
    hass: HomeAssistant, target: Target, submissions: list[Submission], seconds: float
) -> list[Submission]:
    """Wait until each job is final or held, all within the same time; return them as they are."""
    jobs = await asyncio.gather(
        *(_async_wait(hass, target, item.job, seconds) for item in submissions)
    )
    return [
        Submission(job=job, duplicate=item.duplicate)
        for job, item in zip(jobs, submissions, strict=True)
    ]


async def _async_wait(hass: HomeAssistant, target: Target, job: Job, seconds: float) -> Job:
    """Wait for one job, also over a reload, which gives it to another queue."""
    until = hass.loop.time() + seconds
    last: PrintQueue | None = None
    while not is_settled(job) and (left := until - hass.loop.time()) > 0 and not hass.is_stopping:
        if target.entry.state is ConfigEntryState.LOADED and target.data.queue is not last:
            last = target.data.queue
            job = await last.async_wait(job.job_id, left)
        else:
            await asyncio.sleep(min(RELOAD_PAUSE, left))
    return job


async def async_describe(
    hass: HomeAssistant, target: Target, submission: Submission, *, waited: bool = False
) -> JsonObjectType:
    """Return what a response tells of a job: its view, with the reason in words."""
    job = submission.job
    return {
        **job.as_view(),
        "device_id": target.device_id,
        "message": await async_reason(hass, job),
        "duplicate": submission.duplicate,
        "timed_out": waited and not job.is_final and job.state is not JobState.HELD,
    }


async def async_reason(hass: HomeAssistant, job: Job) -> str | None:
    """Return why a job waits or failed, in the language of the house; None without a reason."""
    if job.state is JobState.HELD and job.hold_reason:
        reason = await _async_hold_reason(hass, job.hold_reason)
        return await async_error_text(hass, "job_held", {"reason": reason})
    if job.reason is None:
        return None
    key = job.reason
    if key == CONVERSION_FAILED:
        key = f"{key}{ADVICE.get(Path(job.document_name).suffix, '')}"
    return await async_error_text(hass, key, _placeholders(job)) or job.detail or job.reason


async def async_failure(hass: HomeAssistant, jobs: list[Job]) -> HomeAssistantError | None:
    """Return the error for the first job that did not come out; None when all did or still may."""
    for job in jobs:
        if job.state in UNSUCCESSFUL:
            return HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key=f"job_{job.state.value}",
                translation_placeholders={
                    "title": job.title,
                    "printer": job.printer_name,
                    "reason": await async_reason(hass, job) or "",
                },
            )
    return None


async def _async_hold_reason(hass: HomeAssistant, reason: str) -> str:
    """Return a hold reason as its sensor shows it."""
    texts = await async_get_translations(hass, hass.config.language, "entity", [DOMAIN])
    return texts.get(f"component.{DOMAIN}.entity.sensor.hold_reason.state.{reason}", reason)


async def async_error_text(
    hass: HomeAssistant, key: str, placeholders: Mapping[str, str]
) -> str | None:
    """Return an error's text in the language of the house, None when there is none."""
    texts = await async_get_translations(hass, hass.config.language, "exceptions", [DOMAIN])
    text = texts.get(f"component.{DOMAIN}.exceptions.{key}.message")
    return None if text is None else text.format_map(_Placeholders(placeholders))


def _placeholders(job: Job) -> Mapping[str, str]:
    return {
        "code": "" if job.code is None else str(job.code),
        "detail": job.detail,
        "title": job.title,
        "printer": job.printer_name,
    }


class _Placeholders(dict[str, str]):
    """Placeholders of which those that a stored job does not know are empty."""

    def __missing__(self, key: str) -> str:
        return ""
