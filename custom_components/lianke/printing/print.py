"""One print call: submits the jobs that it asks for (`request`), waits for them, describes the outcome."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.json import JsonObjectType, JsonValueType

from .. import manual_duplex
from ..api.options import PrintOptions
from ..const import DOMAIN
from ..devices import Target
from ..documents.document import SourceKind
from ..documents.sources import async_received_document, lan_user
from ..documents.spool import async_get_spool
from ..errors import InputError
from ..jobs.job import REJECTED, Asker, Job, JobSpec, JobState, PersonReason
from ..jobs.limits import REQUEST_ID_LIFE, frees_request_id, max_document_bytes, waits_uncounted
from ..jobs.queue import PrintQueue
from ..people.beginning import async_find_beginning
from ..runtime import async_error_text, translated
from .request import PrintParameters, async_deliveries, async_resolve, async_wanted_jobs

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


# Print calls of one user, or of all automations, whose documents are prepared at once for a box.
MAX_MADE_AT_ONCE = 50
DATA_PREPARING: HassKey[Counter[tuple[str, str | None]]] = HassKey(
    f"{DOMAIN}_prints_in_preparation"
)
# Locks live as long as a call holds or awaits them.
DATA_REQUEST_LOCKS: HassKey[WeakValueDictionary[tuple[str, str], asyncio.Lock]] = HassKey(
    f"{DOMAIN}_request_locks"
)


async def async_print(
    hass: HomeAssistant, target: Target, parameters: PrintParameters, context: Context
) -> tuple[list[Job], set[str]]:
    """Submit one job for each source, or one for all, in their order; return the jobs once they are on disk.

    With them come the ids of those that were asked for before: nothing is printed for these.
    Errors in the options or any source are raised before the first job is submitted:
    InputError, Unauthorized; HomeAssistantError when a job cannot be stored.
    """
    asker = (await async_find_beginning(hass, context)).user_id
    if parameters.request_id is None and parameters.replace_key is None:
        # A new job in any case, which can be refused before its documents are prepared.
        target.data.queue.check_rate(target.printer_key, asker)
    spool = await async_get_spool(hass)
    jobs: list[Job] = []
    repeated: set[str] = set()
    async with (
        limit_calls(hass, (target.entry.entry_id, asker)),
        _serialize(hass, target, parameters.request_id),
        spool.scope(),
    ):
        try:
            wanted = await async_wanted_jobs(hass, target, parameters, context)
        except InputError as err:
            # The second of two equal calls finds its upload consumed by the first.
            if err.reason == "upload_gone" and (found := _find_duplicate(target, parameters)):
                return [found], {found.job_id}
            raise
        for spec, deliveries in wanted:
            queue = target.data.queue
            spool.let_go(*(one.document.path for one in deliveries))
            try:
                job = await queue.async_submit(spec, deliveries)
            except (InputError, HomeAssistantError) as err:
                if not jobs:
                    raise
                shown = translated(err) if isinstance(err, InputError) else err
                raise await _async_partly(hass, shown, len(jobs), len(wanted)) from None
            jobs.append(job)
            if job.deliveries[0].token != deliveries[0].token:
                repeated.add(job.job_id)
    return jobs, repeated


async def _async_partly(
    hass: HomeAssistant, err: HomeAssistantError, done: int, wanted: int
) -> HomeAssistantError:
    """Return the error for a call of which only the first jobs were submitted."""
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


def _find_duplicate(target: Target, parameters: PrintParameters) -> Job | None:
    """Return the job that an upload with this request id was printed as."""
    if parameters.request_id is None or parameters.sources[0].kind is not SourceKind.UPLOAD:
        return None
    for job in target.data.queue.jobs(target.printer_key):
        if job.spec.request_id == parameters.request_id and not frees_request_id(job):
            return job if dt_util.utcnow() - job.created_at < REQUEST_ID_LIFE else None
    return None


@asynccontextmanager
async def limit_calls(hass: HomeAssistant, asker: tuple[str, str | None]) -> AsyncIterator[None]:
    """Refuse a call while too many of the same user are being prepared for a box.

    Raises InputError: too_many_requests.
    """
    preparing = hass.data.setdefault(DATA_PREPARING, Counter())
    if preparing[asker] >= MAX_MADE_AT_ONCE:
        raise InputError("too_many_requests")
    preparing[asker] += 1
    try:
        yield
    finally:
        preparing[asker] -= 1
        if not preparing[asker]:
            del preparing[asker]


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


async def async_wait(
    hass: HomeAssistant, target: Target, jobs: list[Job], seconds: float
) -> list[Job]:
    """Wait until each job is final or held, all within the same time; return them as they are."""
    return await asyncio.gather(*(_async_wait(hass, target, job, seconds) for job in jobs))


async def _async_wait(hass: HomeAssistant, target: Target, job: Job, seconds: float) -> Job:
    """Wait for one job, also over a reload, which gives it to another queue."""
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
    hass: HomeAssistant, target: Target, job: Job, *, repeated: bool = False, waited: bool = False
) -> JsonObjectType:
    """Return a job for a response, with the reason as text; `repeated` if it was asked for before."""
    return {
        **job_dict(job),
        "device_id": target.device_id,
        "message": await async_reason(hass, job),
        "duplicate": repeated,
        "timed_out": waited and not job.is_final and job.state is not JobState.HELD,
    }


def job_dict(job: Job) -> dict[str, JsonValueType]:
    """Return what responses and screens show of a job, without secrets."""
    by_hand = manual_duplex.public_dict(job) if len(job.deliveries) > 1 else None
    return {**job.public_dict(), "by_hand": by_hand}


async def async_reason(hass: HomeAssistant, job: Job) -> str | None:
    """Return why a job waits or failed, in Home Assistant's language; None without a reason."""
    if job.state is JobState.HELD and job.hold_reason:
        reason = await _async_hold_reason(hass, job.hold_reason)
        if job.hold_reason == PersonReason.TURN_PAPER and (text := manual_duplex.how_to_turn(job)):
            return await async_error_text(hass, *text)
        if job.can_continue:
            if waits_uncounted(job):
                placeholders = {"reason": reason or "", "printer": job.printer_name}
                return await async_error_text(hass, "release_uncounted", placeholders)
            return reason
        return await async_error_text(hass, "job_held", {"reason": reason})
    if job.reason is None:
        return None
    key = job.reason
    if key == CONVERSION_FAILED:
        key = f"{key}{ADVICE.get(Path(job.present.document.name).suffix, '')}"
    if key == REJECTED and (job.partly_printed or job.present.detail):
        key = FIRST_SIDES_REJECTED if job.partly_printed else f"{key}_by"
    placeholders = {
        "code": "" if job.present.code is None else str(job.present.code),
        "detail": job.present.detail,
        "title": job.title,
        "printer": job.printer_name,
    }
    return await async_error_text(hass, key, placeholders) or job.present.detail or job.reason


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """A file in the spool, how to print it, and who sent it; `job_id` is the id its job gets.

    `papers` are those that are offered: widths and heights in 0.01 mm. `digest` tells the file apart.
    """

    path: Path
    name: str
    title: str
    options: Mapping[str, Any]
    job_id: str
    sender: str
    sender_address: str
    release_code: str | None = None
    papers: Sequence[tuple[int, int]] = ()
    digest: str | None = None


async def async_print_received(hass: HomeAssistant, target: Target, received: Received) -> Job:
    """Make a job of a file and return it once it is on disk; the file is used up.

    Raises InputError for what is wrong with options or document, HomeAssistantError when
    the job cannot be kept.
    """
    queue = target.data.queue
    queue.check_rate(target.printer_key, None, sender_address=received.sender_address)
    user = lan_user(received.sender_address)
    spool = await async_get_spool(hass)
    async with spool.scope(received.path), limit_calls(hass, (target.entry.entry_id, user)):
        options = await async_resolve(
            target.entry, target.printer_key, PrintOptions(**received.options)
        )
        document = await async_received_document(
            hass,
            spool,
            received.path,
            name=received.name,
            title=received.title,
            limit_bytes=max_document_bytes(target.entry.options),
            papers=received.papers,
            user=user,
        )
        first, *others = await async_deliveries(
            hass, target, document, options, by_default=True, user=user
        )
        # Whatever was made of it: it is known by what was sent.
        document = replace(first.document, digest=received.digest or first.document.digest)
        deliveries = (replace(first, document=document), *others)
        queue = target.data.queue
        spool.let_go(*(one.document.path for one in deliveries))
        return await queue.async_submit(
            JobSpec(
                printer_key=target.printer_key,
                title=received.title or document.title,
                options=first.options,
                requested=received.options,
                asker=Asker.of(Context()),
                sender=received.sender,
                sender_address=received.sender_address,
                release_code=received.release_code,
            ),
            deliveries,
            job_id=received.job_id,
        )
