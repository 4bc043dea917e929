"""The print action: it turns a call into a request, submits the request's jobs, waits for them and describes them."""

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Context, HomeAssistant, ServiceCall, split_entity_id
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType, JsonValueType

from .. import manual_duplex
from ..api.options import options_in
from ..const import DOMAIN
from ..devices import Target, async_resolve_target
from ..documents.conversion import clean_title
from ..documents.document import SourceKind
from ..documents.mail import async_get_mail
from ..documents.sheets import SheetOptions
from ..documents.sources import Source, async_get_document
from ..error_texts import async_error_message, async_error_text, async_whole_error, translated
from ..input_error import InputError
from ..jobs.job import REJECTED, Job, JobState, PersonReason
from ..jobs.queue import PrintQueue
from ..jobs.rules import REQUEST_ID_LIFE, frees_request_id, waits_uncounted
from ..people.rights import async_hide_rejection
from .builder import JobBuilder, PrintRequest, async_job_builder, numbered_key
from .schemas import DEFAULT_WAIT, HOLD, MAX_SOURCES, SHEET_FIELDS

# Seconds between two checks whether a box is loaded again after a reload.
RELOAD_PAUSE = 1
# The failure reason of a job whose document the service could not convert. For the file types in CONVERSION_ADVICE, the
# text is a special one, whose key is this reason with the suffix listed there.
CONVERSION_FAILED = "conversion_failed"
CONVERSION_ADVICE = {
    ".pdf": "_pdf",
    **dict.fromkeys((".jpg", ".png", ".bmp", ".gif", ".tiff"), "_picture"),
    ".html": "_page",
    ".prn": "_raw",
}
# Key of the text for a job that was rejected between its two deliveries.
FIRST_SIDES_REJECTED = "first_sides_rejected"
UNSUCCESSFUL = frozenset({JobState.FAILED, JobState.EXPIRED, JobState.UNCONFIRMED})
# Fields for the pages of to-do lists and calendars, and the domains of the entities that each field applies to.
ENTITY_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "columns": ("todo",),
    "completed": ("todo",),
    "agenda": ("calendar",),
    "print_empty": ("todo", "calendar"),
}
SHEET_NAMES: Final = {str(marker) for marker in SHEET_FIELDS}


async def async_print(hass: HomeAssistant, call: ServiceCall) -> JsonObjectType:
    """Submit the jobs of a call in order, one for each source or one for all sources; return their descriptions.

    If the call says so, wait for the outcome of the jobs.
    Wrong options or sources are refused before the first job is submitted. Raises InputError; Unauthorized;
    HomeAssistantError if a job cannot be stored, or if a job was unsuccessful and the call gets no response.
    """
    data, context = call.data, call.context
    jobs: list[Job] = []
    # Ids of jobs that an earlier call has already submitted; these jobs are not printed again.
    repeated: set[str] = set()
    request = build_request(hass, data, context)
    target = request.target
    async with async_job_builder(hass, request) as builder:
        try:
            wanted = await builder.async_jobs()
        except InputError as err:
            # The second of two equal calls finds its upload consumed by the first.
            if err.reason != "upload_gone" or (found := _find_printed(request)) is None:
                raise
            wanted, jobs, repeated = [], found, {job.job_id for job in found}
        for made in wanted:
            try:
                job = await builder.async_submit(made)
            except (InputError, HomeAssistantError) as err:
                if not jobs:
                    raise
                shown = translated(err) if isinstance(err, InputError) else err
                counts = {"done": str(len(jobs)), "wanted": str(len(wanted))}
                reason = await async_error_message(hass, shown)
                raise await async_whole_error(
                    hass, "submitted_partly", {**counts, "reason": reason}
                ) from None
            jobs.append(job)
            if job.deliveries[0].token != made[1][0].token:
                repeated.add(job.job_id)
        # Jobs whose asker was forgotten may have lost their keys (people/approval_and_page_limit.py); then the call
        # replaces nothing.
        used = {job.spec.replace_key for job in jobs} - {None}
        if (key := request.replace_key) is not None and used and not repeated:
            # An earlier call with this key may have had more documents, whose jobs are replaced, too.
            keys = (numbered_key(key, number) for number in range(MAX_SOURCES))
            await target.data.queue.async_replace(
                jobs[0], *(key for key in keys if key not in used)
            )
    if wait := data["wait"]:
        seconds = data.get("wait_timeout", DEFAULT_WAIT).total_seconds()
        jobs = await asyncio.gather(*(_async_wait(hass, target, job, seconds) for job in jobs))
        failed = next((job for job in jobs if job.state in UNSUCCESSFUL), None)
        if failed is not None and not call.return_response:
            reason = await async_reason(hass, failed) or ""
            about = {"title": failed.spec.title, "printer": failed.printer_name, "reason": reason}
            raise await async_whole_error(hass, f"job_{failed.state}", about)
    if SourceKind.MAIL in data and not call.return_response and (builder.mail.refusals or not jobs):
        if not jobs:
            raise builder.mail.error
        counts = {"done": str(len(jobs)), "wanted": str(len(jobs) + len(builder.mail.refusals))}
        reason = await async_error_message(hass, translated(builder.mail.error))
        raise await async_whole_error(hass, "submitted_partly", {**counts, "reason": reason})
    return {
        "jobs": [
            await async_job_response(
                hass, target, job, context, repeated=job.job_id in repeated, waited=wait
            )
            for job in jobs
        ],
        **await async_report(hass, data, builder),
    }


async def async_report(
    hass: HomeAssistant, data: Mapping[str, Any], builder: JobBuilder
) -> JsonObjectType:
    """Return what a response reports: left-out parts of a mail, photos without a page; at most MAX_SOURCES of each."""
    report: JsonObjectType = {}
    if SourceKind.MAIL in data:
        left_out: list[JsonValueType] = [
            {"name": name, "message": await async_error_message(hass, translated(err))}
            for name, err in builder.mail.left_out[:MAX_SOURCES]
        ]
        report["mail"] = {"verified": builder.mail.is_proven is True, "left_out": left_out}
    if data.get("clean"):
        report["warnings"] = [
            await async_error_text(hass, "clean_no_page", {"name": name})
            for name in [*dict.fromkeys(builder.pageless)][:MAX_SOURCES]
        ]
    return report


def build_request(hass: HomeAssistant, data: Mapping[str, Any], context: Context) -> PrintRequest:
    """Return the request of a call to print, to preview or to count pages.

    Raises InputError for a wrong target, for wrong sources, and for fields that cannot be combined.
    """
    target = async_resolve_target(hass, data)
    sources = Source.all_in(data)
    kind = sources[0].kind
    # Even `raw: false`, which a template may yield, allows raw_encoding.
    if "raw_encoding" in data and "raw" not in data:
        raise InputError("sheet_field_idle", field="raw_encoding", needed="raw")
    # Do not check a kept document: only the call that kept it knows from which entities it was made.
    if kind is not SourceKind.DOCUMENT and not ENTITY_FIELDS.keys().isdisjoint(data):
        is_entity = kind is SourceKind.ENTITY
        domains = {split_entity_id(one.value)[0] for one in sources} if is_entity else set()
        for name, needed in ENTITY_FIELDS.items():
            if name in data and data[name] is not False and domains.isdisjoint(needed):
                entities = " / ".join(f"source_entity: {domain}.…" for domain in needed)
                raise InputError("sheet_field_idle", field=name, needed=entities)
    return PrintRequest(
        target=target,
        context=context,
        documents=[
            partial(async_get_mail if kind is SourceKind.MAIL else async_get_document, hass, source)
            for source in sources
        ],
        options=options_in(data),
        raw=data.get("raw", False),
        sheets=SheetOptions.of(data, len(sources)) if SHEET_NAMES & data.keys() else None,
        title=clean_title(data.get("title", "")),
        request_id=data.get("request_id"),
        replace_key=data.get("replace_key"),
        hold=data.get("if_not_ready", HOLD) == HOLD,
        expires_in=data.get("expires_in"),
        ignore_quiet_hours=data.get("ignore_quiet_hours", False),
        code=data.get("release_code"),
    )


def _find_printed(request: PrintRequest) -> list[Job] | None:
    """Return the jobs of an earlier call with this request id, or None if a job is missing or the id is too old."""
    if request.request_id is None:
        return None
    known: dict[str | None, Job] = {}
    for job in request.target.data.queue.jobs(request.target.printer_key):
        if not frees_request_id(job):
            known.setdefault(job.spec.request_id, job)
    count = 1 if request.joins_documents else len(request.documents)
    found = [known.get(numbered_key(request.request_id, number)) for number in range(count)]
    oldest = dt_util.utcnow() - REQUEST_ID_LIFE
    printed = [job for job in found if job is not None and job.created_at > oldest]
    return printed if len(printed) == count else None


async def _async_wait(hass: HomeAssistant, target: Target, job: Job, seconds: float) -> Job:
    """Wait at most `seconds` until a job is final or held; return the job as it is after that.

    A reload of the box, which moves the job to a new queue, does not end the wait; the removal of the box does.
    """
    until = hass.loop.time() + seconds
    last: PrintQueue | None = None
    while not job.is_settled and (left := until - hass.loop.time()) > 0 and not hass.is_stopping:
        if hass.config_entries.async_get_entry(target.entry.entry_id) is None:
            break
        if target.entry.state is ConfigEntryState.LOADED and target.data.queue is not last:
            last = target.data.queue
            job = await last.async_wait(job.job_id, left)
        else:
            await asyncio.sleep(min(RELOAD_PAUSE, left))
    return job


async def async_job_response(
    hass: HomeAssistant,
    target: Target,
    job: Job,
    context: Context,
    *,
    repeated: bool = False,
    waited: bool = False,
) -> JsonObjectType:
    """Return the description of a job for a response, with the reason as text.

    `repeated` says that an earlier call has already submitted the job.
    """
    if job.reason == REJECTED:
        # Not everybody may read why the job was rejected.
        job = await async_hide_rejection(hass, target.entry.options, job, context)
    has_reason = job.state is JobState.HELD or job.reason is not None
    return {
        **job_dict(job),
        "device_id": target.device_id,
        "message": await async_reason(hass, job) if has_reason else None,
        "duplicate": repeated,
        "timed_out": waited and not job.is_final and job.state is not JobState.HELD,
    }


def job_dict(job: Job) -> dict[str, JsonValueType]:
    """Return the facts about a job for responses and screens, without its release code and tokens.

    `people.rights.hide_from_others` hides from a user the facts that this user may not see.
    """
    now, spec, state = job.current_delivery, job.spec, job.state
    return {
        "job_id": job.job_id,
        "printer_key": spec.printer_key,
        "printer": job.printer_name,
        "title": spec.title,
        "title_is_foreign": job.title_is_foreign,
        "state": state.value,
        "phase": "checking" if now.is_in_doubt else state.value,
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
        "can_move": job.can_move,
        "moved_from": spec.moved_from,
        "moved_to": job.moved_to,
        "can_retry": job.can_retry,
        "can_print_again": job.can_print_again,
        "laid_out": spec.laid_out,
        "by_hand": manual_duplex.public_dict(job) if len(job.deliveries) > 1 else None,
    }


def reason_key(job: Job) -> str | None:
    """Return the key of the text that says why a job failed; None if there is no reason."""
    if job.reason == CONVERSION_FAILED:
        document = job.current_delivery.document
        if job.current_delivery.options.page_range and document.pages is None:
            # Only the service can count this document's pages. It reports the same error if the range matches no page.
            return f"{job.reason}_pages"
        return f"{job.reason}{CONVERSION_ADVICE.get(Path(document.name).suffix, '')}"
    if job.reason == REJECTED and (job.partly_printed or job.current_delivery.detail):
        return FIRST_SIDES_REJECTED if job.partly_printed else f"{job.reason}_by"
    return job.reason


async def async_reason(hass: HomeAssistant, job: Job) -> str | None:
    """Return why a job waits or failed, in Home Assistant's language; None if there is no reason."""
    if job.state is JobState.HELD and job.current_delivery.hold_reason:
        texts = await async_get_translations(hass, hass.config.language, "entity", [DOMAIN])
        # Use the text of the sensor that shows this reason.
        key = (
            f"component.{DOMAIN}.entity.sensor.hold_reason.state.{job.current_delivery.hold_reason}"
        )
        reason = texts.get(key, job.current_delivery.hold_reason)
        if job.current_delivery.hold_reason == PersonReason.TURN_PAPER and (
            text := manual_duplex.how_to_turn(job)
        ):
            return await async_error_text(hass, *text)
        if job.asks_for:
            if waits_uncounted(job):
                placeholders = {"reason": reason or "", "printer": job.printer_name}
                return await async_error_text(hass, "release_uncounted", placeholders)
            return reason
        return await async_error_text(hass, "job_held", {"reason": reason})
    if job.reason is None or (cause := reason_key(job)) is None:
        return None
    placeholders = {
        "code": "" if job.current_delivery.code is None else str(job.current_delivery.code),
        "detail": job.current_delivery.detail,
        "title": job.spec.title,
        "printer": job.printer_name,
    }
    return (
        await async_error_text(hass, cause, placeholders)
        or job.current_delivery.detail
        or job.reason
    )
