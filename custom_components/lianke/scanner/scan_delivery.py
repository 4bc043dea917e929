"""Send finished scans to their destinations: no file is sent twice, and none is lost silently.

Each step is stored with the scan before it is taken. After an interrupted try, the next try first looks for the file at
the destination; if that is impossible, the delivery ends as uncertain.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
import logging
from pathlib import Path
from typing import Any, Final

from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import CALLBACK_TYPE, Context, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.start import async_at_started
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.signal_type import SignalType

from ..api.coerce import to_int, to_list, to_mapping, to_message, to_text
from ..const import (
    CONF_PAPERLESS_TAGS,
    CONF_SCAN_FOLDER,
    CONF_SCAN_MAIL,
    CONF_SCAN_SCRIPT,
    CONF_SCAN_SEND_TO,
    DOMAIN,
)
from ..documents.folders import find_or_create_folder
from ..error_texts import async_error_message, async_error_text
from ..input_error import MAX_QUOTED, InputError
from ..jobs.job import type_and_place
from ..ledger import CLOSE_TIME, RecordChange
from ..people.notifications import async_tell_user
from ..runtime import LiankeConfigEntry
from .paperless import Outcome, Paperless, async_paperless
from .scan_job import (
    DeliveryError,
    DeliveryState,
    Destination,
    ScanDelivery,
    ScanJob,
    ScanState,
    ScanUpdate,
    content_type,
    local_time,
)
from .scan_jobs import ScanJobs
from .scan_view import async_describe_scan

_LOGGER = logging.getLogger(__name__)

# Hours from the request for a delivery until we stop trying.
GIVE_UP: Final = timedelta(hours=24)
# First and longest pause, in seconds, between tries. Each pause is twice as long as the one before.
RETRY_PAUSES: Final = (30.0, 1800.0)
# First and longest pause, in seconds, between requests for the state of a file that Paperless-ngx processes.
FOLLOW_PAUSES: Final = (1.0, 600.0)
# Seconds after an interrupted try during which the server may still be receiving the file. A file that Paperless-ngx
# does not have after that is sent again.
DOUBT_SECONDS: Final = 120.0
# Seconds to wait for the end of the script that receives a scan; a slower script keeps running, but its response is
# ignored.
SEND_TO_SECONDS: Final = 60
# Seconds to wait until a mail is sent; after that, it is unknown whether the mail was sent.
SMTP_SECONDS: Final = 300
# Maximum bytes of all files in a mail; few mail servers accept more.
MAX_MAIL_BYTES: Final = 25 * 1024 * 1024

SIGNAL_DELIVERED: Final[SignalType[ScanUpdate, ScanDelivery]] = SignalType(
    f"{DOMAIN}_scan_delivered"
)
DELIVERIES: HassKey[dict[str, Deliveries]] = HassKey(f"{DOMAIN}_deliveries")


def _script(hass: HomeAssistant, entry: LiankeConfigEntry) -> str | None:
    script = er.async_get(hass).async_get(entry.options.get(CONF_SCAN_SCRIPT, ""))
    is_there = script and hass.services.has_service("script", script.unique_id)
    return script.unique_id if script and is_there else None


@callback
def reason_missing(hass: HomeAssistant, entry: LiankeConfigEntry, to: Destination) -> str | None:
    """Return the reason why a destination is not set up; None if it is."""
    options = entry.options
    is_there, reason = {
        Destination.FOLDER: (options.get(CONF_SCAN_FOLDER), "send_no_folder"),
        Destination.PAPERLESS: (async_paperless(hass, options), "send_no_paperless"),
        Destination.MAIL: (hass.states.get(options.get(CONF_SCAN_MAIL, "")), "send_no_mail"),
        Destination.SCRIPT: (_script(hass, entry), "scan_no_script"),
    }[to]
    return None if is_there else reason


@callback
def button_destinations(options: Mapping[str, Any], scanner_id: str) -> list[Destination]:
    """Return where to send a scan that is started with the scanner's button."""
    chosen = options.get(CONF_SCAN_SEND_TO) or ()
    return [to for to in Destination if to in chosen or f"{scanner_id} {to}" in chosen]


@callback
def deliveries_to(
    hass: HomeAssistant,
    entry: LiankeConfigEntry,
    wanted: Collection[str],
    tags: Sequence[str] = (),
) -> tuple[ScanDelivery, ...]:
    """Return new deliveries. Raises InputError if a destination is not set up."""
    every = tuple(dict.fromkeys([*entry.options.get(CONF_PAPERLESS_TAGS, ()), *tags]))
    made = []
    for to in map(Destination, dict.fromkeys(wanted)):
        if reason := reason_missing(hass, entry, to):
            raise InputError(reason)
        made.append(ScanDelivery(to=to, asked_at=dt_util.utcnow(), tags=every))
    return tuple(made)


async def async_run_script(
    hass: HomeAssistant, entry: LiankeConfigEntry, job: ScanJob, context: Context
) -> None:
    """Pass the files of a scan to the script named in the options, and wait up to SEND_TO_SECONDS for the script's end.

    Raises InputError: scan_no_files, scan_no_script, and scan_not_handed_on if the script fails, or its response has an
    `error`.
    """
    if (script := _script(hass, entry)) is None:
        raise InputError("scan_no_script")
    if not job.files:
        raise InputError("scan_no_files")
    described = await async_describe_scan(hass, entry, job)
    task = hass.async_create_task(
        hass.services.async_call(
            "script",
            script,
            {key: described[key] for key in ("scan_id", "scanner", "pages", "files")},
            blocking=True,
            return_response=True,
            context=context,
        ),
        "lianke: hand on a scan",
    )
    done, _ = await asyncio.wait([task], timeout=SEND_TO_SECONDS)
    try:
        error = to_text(to_mapping(task.result()).get("error")) if done else ""
    except HomeAssistantError as err:
        error = await async_error_message(hass, err) or type(err).__name__
    if error:
        raise DeliveryError("scan_not_handed_on", error[:MAX_QUOTED])


class Deliveries:
    """The deliveries of a box's scans, with a task for each open delivery."""

    def __init__(self, hass: HomeAssistant, entry: LiankeConfigEntry, jobs: ScanJobs) -> None:
        self._hass, self._entry, self._jobs = hass, entry, jobs
        self._tasks: dict[tuple[str, Destination], asyncio.Task[None]] = {}
        self._stops: list[CALLBACK_TYPE] = []
        # Set and replaced when somebody sends a scan, so that failed tries are repeated at once.
        self._wake = asyncio.Event()
        # Held while a file is sent to Paperless-ngx, so that many scans do not overload a small server.
        self._turn = asyncio.Lock()

    @callback
    def async_start(self) -> None:
        """Begin all open and later deliveries once Home Assistant has started.

        Before that, the integrations that deliver may not be set up yet.
        """

        @callback
        def begin(_hass: HomeAssistant) -> None:
            self._stops.append(self._jobs.listen(self._on_change))
            for job in self._jobs.all:
                self._on_change(RecordChange(None, job))

        self._stops.append(async_at_started(self._hass, begin))

    async def async_close(self) -> None:
        for stop in self._stops:
            stop()
        for task in (tasks := [*self._tasks.values()]):
            task.cancel()
        if tasks:
            # A copy into a folder that does not answer ends only with its thread; the next setup goes on with it.
            await asyncio.wait(tasks, timeout=CLOSE_TIME)

    async def async_send(self, job: ScanJob, new: Sequence[ScanDelivery]) -> ScanJob:
        """Add deliveries to a finished scan, or repeat those that have ended; return the scan as stored.

        Raises InputError: scan_no_files, scan_gone; HomeAssistantError: disk_full.
        """

        def add(known: ScanJob) -> ScanJob:
            if known.state is not ScanState.COMPLETED or not known.files:
                raise InputError("scan_no_files")
            of = {one.to: one for one in known.deliveries}
            of |= {one.to: _again(of.get(one.to), one) for one in new}
            return replace(known, deliveries=tuple(of.values()))

        sent = await self._jobs.async_update(job.job_id, add)
        self._wake.set()
        self._wake = asyncio.Event()
        return sent

    @callback
    def _on_change(self, step: RecordChange[ScanJob]) -> None:
        if (new := step.new) is None:
            return
        open_before = step.old.open_deliveries if step.old else ()
        for one in new.deliveries:
            if one.to in open_before and one.state is not DeliveryState.OPEN:
                self._report(new, one)
        for to in new.open_deliveries:
            if (new.job_id, to) not in self._tasks:
                self._begin((new.job_id, to))

    def _begin(self, key: tuple[str, Destination]) -> None:
        self._tasks[key] = task = self._entry.async_create_background_task(
            self._hass, self._async_run(*key), "lianke: send a scan"
        )
        task.add_done_callback(lambda _: self._tasks.pop(key, None))

    @callback
    def _report(self, job: ScanJob, one: ScanDelivery) -> None:
        async_dispatcher_send(self._hass, SIGNAL_DELIVERED, ScanUpdate(self._entry, job), one)
        if one.state is not DeliveryState.DONE and (user := job.asker.user_id) is not None:

            async def tell() -> None:
                text = await async_error_text(self._hass, one.reason or "", {"detail": one.detail})
                await async_tell_user(self._hass, user, job.title, text)

            self._hass.async_create_background_task(tell(), "lianke: tell of a scan")

    async def _async_run(self, job_id: str, to: Destination) -> None:
        """Try until the scan has arrived, cannot arrive, or GIVE_UP has passed."""
        first, longest = RETRY_PAUSES
        pause = first
        # InputError: the scan was discarded, or the box is unloaded.
        with suppress(InputError):
            while to in (job := self._jobs.get(job_id)).open_deliveries:
                try:
                    try:
                        end = await self._async_try(job, job.delivery(to))
                    except DeliveryError as err:
                        end = Outcome(err.state, err.reason, err.detail)
                    except InputError as err:
                        # The folder is gone or no longer allowed. Use a text without the folder's name, since we do not
                        # store that name.
                        reason = "scan_not_copied" if err.placeholders else err.reason
                        end = Outcome(DeliveryState.FAILED, reason)
                        if reason == "scan_folder_full":
                            end = Outcome(DeliveryState.OPEN, "send_folder_full")
                    except HomeAssistantError:
                        raise
                    except Exception as err:  # noqa: BLE001  # nothing else would end the delivery
                        # The error's text is not logged: it may quote titles and addresses.
                        _LOGGER.error("A scan could not be sent: %s", type_and_place(err))  # noqa: TRY400
                        end = Outcome(DeliveryState.UNCERTAIN, "send_in_doubt")
                    one = self._jobs.get(job_id).delivery(to)
                    if end.state is DeliveryState.OPEN and _is_late(one):
                        if to is Destination.FOLDER:
                            end = Outcome(DeliveryState.FAILED, end.reason)
                        elif one.tried_at is not None:
                            end = Outcome(DeliveryState.UNCERTAIN, "paperless_in_doubt")
                        else:
                            end = Outcome(DeliveryState.FAILED, "paperless_given_up")
                    await self._async_note(job_id, to, **end._asdict())
                except HomeAssistantError:
                    _LOGGER.warning("The state of a scan's delivery could not be stored")
                if to in self._jobs.get(job_id).open_deliveries:
                    try:
                        await asyncio.wait_for(self._wake.wait(), pause)
                        pause = first
                    except TimeoutError:
                        pause = min(pause * 2, longest)

    async def _async_note(self, job_id: str, to: Destination, **changes: Any) -> ScanDelivery:
        """Store changes of a delivery. Raises InputError: scan_gone, box_unloaded; HomeAssistantError: disk_full."""

        def change(job: ScanJob) -> ScanJob:
            changed = replace(job.delivery(to), **changes)
            new = (changed if one.to is to else one for one in job.deliveries)
            return replace(job, deliveries=tuple(new))

        return (await self._jobs.async_update(job_id, change)).delivery(to)

    async def _async_try(self, job: ScanJob, one: ScanDelivery) -> Outcome:
        """Try to deliver. Raises InputError; HomeAssistantError: disk_full."""
        if reason := reason_missing(self._hass, self._entry, one.to):
            raise DeliveryError(reason)
        if one.to is Destination.PAPERLESS:
            return await self._async_to_paperless(job, one)
        if one.to is Destination.FOLDER:
            run, named = self._hass.async_add_executor_job, self._entry.options[CONF_SCAN_FOLDER]
            await self._jobs.async_copy(job, await run(find_or_create_folder, self._hass, named))
            return Outcome(DeliveryState.DONE)
        if one.tried_at is not None:
            raise DeliveryError("send_in_doubt", state=DeliveryState.UNCERTAIN)
        await self._async_note(job.job_id, one.to, tried_at=dt_util.utcnow())
        if one.to is Destination.MAIL:
            await self._async_mail(job)
        else:
            await async_run_script(self._hass, self._entry, job, job.asker.context)
        return Outcome(DeliveryState.DONE)

    async def _async_to_paperless(self, job: ScanJob, one: ScanDelivery) -> Outcome:
        """Send the files that have not arrived yet, each only once."""
        end = Outcome(DeliveryState.DONE)
        if (server := async_paperless(self._hass, self._entry.options)) is None:
            raise DeliveryError("send_no_paperless")
        for number in range(one.sent, len(job.files)):
            mark = f"{job.job_id}-{number + 1}"
            while one.task_id is None:
                if one.tried_at is None:
                    async with self._turn:
                        one = await self._async_post(server, one, job, number, mark)
                else:
                    one = await self._async_look(server, one, job.job_id, mark)
            end = await self._async_follow(server, one)
            sent = number + (end.state is DeliveryState.DONE)
            over = {"task_id": None, "tried_at": None, "sent": sent}
            one = await self._async_note(job.job_id, one.to, **over)
            if end.state is not DeliveryState.DONE:
                break
        return end

    async def _async_look(
        self, server: Paperless, one: ScanDelivery, job_id: str, mark: str
    ) -> ScanDelivery:
        """Look once for a file that may have arrived; return the delivery with what was found."""
        try:
            found = await server.async_find(mark)
        except DeliveryError as err:
            if err.state is DeliveryState.OPEN:
                raise
            raise DeliveryError("paperless_in_doubt", state=DeliveryState.UNCERTAIN) from None
        if found is not None:
            return await self._async_note(job_id, one.to, task_id=found)
        age = abs(dt_util.utcnow() - (one.tried_at or one.asked_at)).total_seconds()
        if age >= DOUBT_SECONDS:
            return await self._async_note(job_id, one.to, tried_at=None)
        await asyncio.sleep(DOUBT_SECONDS - age)
        return one

    async def _async_post(
        self, server: Paperless, one: ScanDelivery, job: ScanJob, number: int, mark: str
    ) -> ScanDelivery:
        path = self._jobs.path(job, job.files[number])
        tags = await server.async_tag_ids(one.tags)
        begun = {"tried_at": dt_util.utcnow(), "reason": None}
        await self._async_note(job.job_id, one.to, **begun)
        try:
            task_id = await server.async_post(
                path,
                name=f"{path.stem} {mark}{path.suffix}",
                content_type=content_type(path.name),
                title=path.stem,
                created=local_time(job, "%Y-%m-%d %H:%M:%S%:z"),
                tags=tags,
            )
        except DeliveryError as err:
            if not err.may_have_arrived:
                await self._async_note(job.job_id, one.to, tried_at=None)
            raise
        return await self._async_note(job.job_id, one.to, task_id=task_id)

    async def _async_follow(self, server: Paperless, one: ScanDelivery) -> Outcome:
        """Wait for the outcome of a file's task. If the task's id is "", the document has already arrived."""
        pause, longest = FOLLOW_PAUSES
        while one.task_id:
            try:
                if (end := await server.async_outcome(one.task_id)) is not None:
                    return end
            except DeliveryError as err:
                if err.state is DeliveryState.OPEN:
                    raise
                raise DeliveryError("paperless_unfinished", state=DeliveryState.UNCERTAIN) from None
            if _is_late(one):
                raise DeliveryError("paperless_unfinished", state=DeliveryState.UNCERTAIN)
            await asyncio.sleep(pause)
            pause = min(pause * 2, longest)
        return Outcome(DeliveryState.DONE)

    async def _async_mail(self, job: ScanJob) -> None:
        recipient = self._hass.states.get(self._entry.options[CONF_SCAN_MAIL])
        if recipient is None or recipient.state == STATE_UNAVAILABLE:
            # The action would skip this recipient without an error.
            raise DeliveryError("send_mail_unavailable")
        described = await async_describe_scan(self._hass, self._entry, job)
        files = [to_mapping(file) for file in to_list(described["files"])]
        if sum(to_int(file["bytes"]) or 0 for file in files) > MAX_MAIL_BYTES:
            raise DeliveryError("send_mail_too_large")
        data = {
            "entity_id": self._entry.options[CONF_SCAN_MAIL],
            "title": Path(job.files[0]).stem,
            "message": "\n".join(job.files),
            "attachments": [
                {
                    "media_source": {
                        "media_content_id": file["media_content_id"],
                        "media_content_type": file["content_type"],
                    }
                }
                for file in files
            ],
        }
        await self._async_reach_mail_server(data["entity_id"])
        try:
            async with asyncio.timeout(SMTP_SECONDS):
                await self._hass.services.async_call("smtp", "send_message", data, blocking=True)
        except TimeoutError:
            raise DeliveryError("send_in_doubt", state=DeliveryState.UNCERTAIN) from None
        except HomeAssistantError as err:
            # The action's error is the same whether the server refuses the mail or the connection breaks, perhaps after
            # the server has accepted the mail. The cause of the error tells these cases apart, and contains the
            # server's reply.
            cause = err.__cause__
            refusal = next(iter(getattr(cause, "recipients", ())), cause)
            if isinstance(cause, ConnectionError | TimeoutError) and not hasattr(cause, "code"):
                raise DeliveryError("send_in_doubt", state=DeliveryState.UNCERTAIN) from None
            said = to_message(getattr(refusal, "message", "")) or await async_error_message(
                self._hass, err
            )
            raise DeliveryError("send_mail_failed", said[:MAX_QUOTED]) from None

    async def _async_reach_mail_server(self, recipient: str) -> None:
        """Raise DeliveryError if the mail server accepts no connection; the mail has then certainly not been sent.

        After the action, this would be uncertain: the action tries twice, and its error reports only the second try.
        """
        known = er.async_get(self._hass).async_get(recipient)
        by = known and self._hass.config_entries.async_get_entry(known.config_entry_id or "")
        if by:
            try:
                async with asyncio.timeout(SMTP_SECONDS):
                    _, writer = await asyncio.open_connection(by.data["server"], by.data["port"])
            except OSError:
                raise DeliveryError("send_mail_unreachable") from None
            writer.close()


@callback
def async_get_deliveries(hass: HomeAssistant, entry: LiankeConfigEntry) -> Deliveries:
    return hass.data[DELIVERIES][entry.entry_id]


def _is_late(one: ScanDelivery) -> bool:
    return abs(dt_util.utcnow() - one.asked_at) >= GIVE_UP


def _again(old: ScanDelivery | None, new: ScanDelivery) -> ScanDelivery:
    """Return the delivery to use when somebody sends a scan to the same destination again.

    For Paperless-ngx, the delivery keeps what is known about the files, since the next try must first look for files
    that may have arrived.
    """
    if old is None or (new.to is not Destination.PAPERLESS and old.state is not DeliveryState.OPEN):
        return new
    if old.state in (DeliveryState.OPEN, DeliveryState.DONE):
        return old
    return replace(old, state=new.state, asked_at=new.asked_at, tags=new.tags, reason=None)
