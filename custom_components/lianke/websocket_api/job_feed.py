"""Job feed of the dashboard cards: printers and jobs as they change, collected once for all subscriptions."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
import heapq
import logging
from operator import attrgetter
from typing import Final

from homeassistant.auth.models import User
from homeassistant.auth.permissions.const import POLICY_CONTROL, POLICY_READ
from homeassistant.components.websocket_api.connection import ActiveConnection
from homeassistant.components.websocket_api.const import ERR_HOME_ASSISTANT_ERROR, ERR_UNAUTHORIZED
from homeassistant.components.websocket_api.messages import construct_event_message
from homeassistant.config_entries import (
    SIGNAL_CONFIG_ENTRY_CHANGED,
    ConfigEntry,
    ConfigEntryChange,
    ConfigEntryState,
)
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.exceptions import Unauthorized
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.debounce import Debouncer
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.issue_registry import EVENT_REPAIRS_ISSUE_REGISTRY_UPDATED
from homeassistant.helpers.json import json_bytes
from homeassistant.helpers.singleton import singleton
from homeassistant.util.json import JsonObjectType, JsonValueType

from ..box.printer_status import PrinterSnapshot, PrinterStatus, faults_of
from ..const import BEYOND_REFUSED, CONF_APPROVERS, CONF_MONTHLY_BEYOND, DOMAIN, KEEP_PRINTED_HOURS
from ..devices import async_may, async_printer_device
from ..input_error import InputError
from ..issues import async_asked_page
from ..jobs.job import Job, JobState, PersonReason
from ..jobs.rules import waits_uncounted
from ..people.approval_and_page_limit import pages_left
from ..people.rights import (
    hide_from_others,
    hide_rejection,
    is_approver,
    may_answer,
    may_see_document,
    picture_url,
)
from ..printing.print_action import job_dict, reason_key
from ..printing.refusals import SIGNAL_REFUSED, Refusal
from ..runtime import LiankeConfigEntry, async_loaded_entries
from ..scanner.actions import scanners_by_printer
from ..scanner.hub import SIGNAL_SCANS
from ..scanner.scan_jobs import async_get_scan_jobs
from ..scanner.scan_view import may_use

# Minimum seconds between two messages to a subscription; the first change is sent at once.
FEED_PACE: Final = 0.25
# Maximum finished jobs in a message, of all printers together.
MAX_FINISHED_SENT: Final = 20
# Number of finished jobs of each printer that a message contains in any case, even beyond MAX_FINISHED_SENT.
MAX_FINISHED_OF_PRINTER: Final = 5
# Maximum open jobs of one printer in a message.
MAX_OPEN_OF_PRINTER: Final = 50
# Maximum open jobs in a message, of all printers together.
MAX_OPEN: Final = 200
# Maximum subscriptions of one connection. Each card on a dashboard has its own subscription.
MAX_SUBSCRIPTIONS: Final = 50

_OFF = (PrinterStatus.BOX_OFFLINE, PrinterStatus.DISCONNECTED)

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _PrinterJobs:
    """A printer and its jobs, before permissions are applied."""

    device_id: str
    entry: LiankeConfigEntry
    printer_key: str
    key_rejected: bool
    # Id and device id of the scanner that belongs to the printer; None if there is none.
    scanner: tuple[str, str] | None
    # Id of the test page about which a repair asks, unless somebody ignores the repair.
    asked_page: str | None
    description: JsonObjectType
    open_jobs: tuple[Job, ...]
    finished: tuple[Job, ...]


class Subscription:
    """A connection's subscription to all printers, or to the printers of some devices."""

    def __init__(
        self, connection: ActiveConnection, number: int, device_ids: list[str] | None
    ) -> None:
        self.connection = connection
        self.device_ids = None if device_ids is None else frozenset(device_ids)
        self._number = number
        self._sent: bytes | None = None

    @property
    def audience(self) -> tuple[str, frozenset[str] | None]:
        """The user and the devices. Subscriptions with the same audience get the same message."""
        return self.connection.user.id, self.device_ids

    def send(self, content: bytes) -> None:
        if content != self._sent:
            self._sent = content
            self.connection.send_message(construct_event_message(self._number, content))


class JobFeed:
    """Listens to the boxes while there are subscriptions, and sends each audience its messages."""

    def __init__(self, hass: HomeAssistant) -> None:
        self._hass = hass
        self._subscriptions: set[Subscription] = set()
        self._signals: list[CALLBACK_TYPE] = []
        self._boxes: dict[str, list[CALLBACK_TYPE]] = {}
        # The printers with their jobs. None after a change, until they are collected again.
        self._printers: list[_PrinterJobs] | None = None
        # Names, by user id, of the users whose jobs wait for approval, and of chosen approvers.
        self._names: dict[str, str] = {}
        # Each user's last refusal, until the next message reports it.
        self._refusals: dict[str, Refusal] = {}
        self._refresher = Debouncer(
            hass, _LOGGER, cooldown=FEED_PACE, immediate=True, function=self._async_refresh
        )

    @callback
    def async_subscribe(self, subscription: Subscription) -> CALLBACK_TYPE:
        """Add a subscription; return a function to unsubscribe. Raises InputError (too_many_subscriptions)."""
        others = [one for one in self._subscriptions if one.connection is subscription.connection]
        if len(others) >= MAX_SUBSCRIPTIONS:
            raise InputError("too_many_subscriptions", limit=str(MAX_SUBSCRIPTIONS))
        if not self._subscriptions:
            self._start()
        self._subscriptions.add(subscription)
        return partial(self._remove, subscription)

    async def async_send(self, subscription: Subscription) -> None:
        # Other boxes may be unloaded while the jobs of one are read.
        for queue in [one.runtime_data.queue for one in async_loaded_entries(self._hass)]:
            await queue.async_read_unread()
        await self._async_learn_names()
        if subscription in self._subscriptions:
            subscription.send(self._content(subscription))

    @callback
    def _start(self) -> None:
        self._signals = [
            async_dispatcher_connect(self._hass, SIGNAL_CONFIG_ENTRY_CHANGED, self._entry_changed),
            async_dispatcher_connect(self._hass, SIGNAL_REFUSED, self._refused),
            async_dispatcher_connect(self._hass, SIGNAL_SCANS, self._changed),
            self._hass.bus.async_listen(dr.EVENT_DEVICE_REGISTRY_UPDATED, self._device_changed),
            self._hass.bus.async_listen(EVENT_REPAIRS_ISSUE_REGISTRY_UPDATED, self._changed),
        ]
        for entry in async_loaded_entries(self._hass):
            self._listen(entry)

    @callback
    def _remove(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)
        if self._subscriptions:
            return
        self._refresher.async_cancel()
        self._printers = None
        self._names = {}
        self._refusals = {}
        for entry_id in list(self._boxes):
            self._leave(entry_id)
        while self._signals:
            self._signals.pop()()

    def _listen(self, entry: LiankeConfigEntry) -> None:
        data = entry.runtime_data
        self._boxes[entry.entry_id] = [
            data.coordinator.async_add_listener(self._changed),
            data.queue.watch(self._changed),
        ]

    @callback
    def _leave(self, entry_id: str) -> None:
        for unsubscribe in self._boxes.pop(entry_id, ()):
            unsubscribe()

    @callback
    def _entry_changed(self, _change: ConfigEntryChange, entry: ConfigEntry) -> None:
        if entry.domain != DOMAIN:
            return
        loaded = entry.state is ConfigEntryState.LOADED
        if loaded and entry.entry_id not in self._boxes:
            self._listen(entry)
        elif not loaded:
            self._leave(entry.entry_id)
        self._changed()

    @callback
    def _device_changed(self, event: Event[dr.EventDeviceRegistryUpdatedData]) -> None:
        # A device may be new, or have a new name.
        device = dr.async_get(self._hass).async_get(event.data["device_id"])
        if device is not None and device.config_entry_id in self._boxes:
            self._changed()

    @callback
    def _changed(self, _event: object = None) -> None:
        self._printers = None
        if self._subscriptions:
            self._refresher.async_schedule_call()

    @callback
    def _refused(self, refusal: Refusal) -> None:
        if any(one.connection.user.id == refusal.user_id for one in self._subscriptions):
            self._refusals[refusal.user_id] = refusal
            self._refresher.async_schedule_call()

    async def _async_refresh(self) -> None:
        await self._async_learn_names()
        refusals, self._refusals = self._refusals, {}
        contents: dict[tuple[str, frozenset[str] | None], bytes] = {}
        for subscription in list(self._subscriptions):
            audience = subscription.audience
            if (content := contents.get(audience)) is None:
                refusal = refusals.get(subscription.connection.user.id)
                content = contents[audience] = self._content(subscription, refusal)
            subscription.send(content)

    def _collected(self) -> list[_PrinterJobs]:
        if self._printers is None:
            entries = async_loaded_entries(self._hass)
            self._printers = [one for entry in entries for one in _collect(self._hass, entry)]
        return self._printers

    async def _async_learn_names(self) -> None:
        """Look up the names of the people who asked for approval of the open jobs, and of those who may approve."""
        asking = [
            (job.spec.asker.user_id, _approvers(one))
            for one in self._collected()
            for job in one.open_jobs
            if job.asks_for == PersonReason.APPROVAL
        ]
        askers = {asker for asker, _ in asking if asker is not None}
        approvers = {approver for _, chosen in asking for approver in chosen}
        users = [await self._hass.auth.async_get_user(one) for one in askers | approvers]
        self._names = {
            user.id: user.name
            for user in users
            if user is not None and user.name and (user.is_active or user.id in askers)
        }

    def _content(self, subscription: Subscription, refusal: Refusal | None = None) -> bytes:
        """Return the encoded message for a subscription. `refusal` is the user's last refusal, if it is new."""
        user, devices = subscription.connection.user, subscription.device_ids
        shown = [one for one in self._collected() if devices is None or one.device_id in devices]
        view = _view(self._hass, user, self._names, shown)
        refused = None if refusal is None else _describe_refusal(user, refusal)
        return json_bytes({**view, "refused": refused})


@singleton(f"{DOMAIN}_feed")
@callback
def async_get_feed(hass: HomeAssistant) -> JobFeed:
    return JobFeed(hass)


def _view(
    hass: HomeAssistant, user: User, names: Mapping[str, str], shown: Sequence[_PrinterJobs]
) -> JsonObjectType:
    printers: JsonObjectType = {}
    rejected: list[JsonValueType] = []
    open_jobs: list[tuple[Job, _PrinterJobs, bool]] = []
    finished: list[tuple[Job, _PrinterJobs, bool]] = []
    left: dict[str, int | None] = {}
    for one in shown:
        if not async_may(hass, user, one.entry, one.printer_key, POLICY_READ):
            continue
        if one.key_rejected:
            rejected.append(one.device_id)
        may_control = async_may(hass, user, one.entry, one.printer_key, POLICY_CONTROL)
        if one.entry.entry_id not in left:
            left[one.entry.entry_id] = _pages_left(one.entry, user)
        printers[one.device_id] = {
            **one.description,
            "may_control": may_control,
            "pages_left": left[one.entry.entry_id],
            **_scanner(hass, user, one),
        }
        open_jobs += [(job, one, may_control) for job in one.open_jobs]
        finished += [(job, one, may_control) for job in one.finished]
    finished.sort(key=lambda item: item[0].ended_at, reverse=True)
    # Many jobs of one printer must not hide the last jobs of another printer.
    last = {job.job_id for one in shown for job in one.finished[:MAX_FINISHED_OF_PRINTER]}
    others = [item for item in finished[MAX_FINISHED_SENT:] if item[0].job_id in last]
    jobs = open_jobs[:MAX_OPEN] + finished[:MAX_FINISHED_SENT] + others
    return {
        "printers": printers,
        "jobs": [_job(user, names, *item) for item in jobs],
        "key_rejected": rejected,
    }


def _pages_left(entry: LiankeConfigEntry, user: User) -> int | None:
    """Return how many pages a user may still print this month; None if unlimited, or if the user may approve more."""
    options, data = entry.options, entry.runtime_data
    if options.get(CONF_MONTHLY_BEYOND) != BEYOND_REFUSED and is_approver(options, user):
        return None
    left = pages_left(options, data.storage.pages, user.id, data.queue.jobs())
    return None if left is None else max(left, 0)


def _scanner(hass: HomeAssistant, user: User, one: _PrinterJobs) -> JsonObjectType:
    """Return the printer's scanner, if the user may use it, and how many pages scanned on it wait for an answer."""
    scanner_id, device_id = one.scanner or ("", None)
    if device_id is None or not may_use(hass, user, one.entry, scanner_id):
        return {"scanner": None, "scanned": 0}
    scans = async_get_scan_jobs(hass, one.entry).all
    newest = next((scan for scan in scans if scan.scanner_id == scanner_id), None)
    scanned = newest.page_count if newest is not None and newest.is_waiting else 0
    return {"scanner": device_id, "scanned": scanned}


def _describe_refusal(user: User, refusal: Refusal) -> JsonObjectType:
    """Return what a user may see of a refusal, in the form of the error that answers a refused command."""
    error = refusal.error
    placeholders: JsonObjectType = {**(error.translation_placeholders or {})}
    # The refusal may concern a job on a printer whose jobs this user may not see.
    if not user.permissions.access_all_entities(POLICY_READ):
        placeholders.pop("title", None)
    return {
        # Tells apart two refusals with the same words.
        "context_id": refusal.context_id,
        # If a button's action was refused, the refusal is shown at that button only.
        "began_in": refusal.began_in,
        "code": ERR_UNAUTHORIZED if isinstance(error, Unauthorized) else ERR_HOME_ASSISTANT_ERROR,
        # The text of a translated error is in its translation.
        "message": None if error.translation_key else str(error),
        "translation_domain": error.translation_domain,
        "translation_key": error.translation_key,
        "translation_placeholders": placeholders,
    }


def _job(
    user: User, names: Mapping[str, str], job: Job, one: _PrinterJobs, may_control: bool
) -> JsonObjectType:
    options = one.entry.options
    job = hide_rejection(options, user, job)
    answers = may_answer(options, user, job, may_control=may_control)
    sees = answers and may_see_document(options, user, job, may_control=may_control)
    asked_by = (
        names.get(job.spec.asker.user_id or "") if job.asks_for == PersonReason.APPROVAL else None
    )
    return {
        **hide_from_others(job_dict(job), options, user, job, may_control=may_control),
        "device_id": one.device_id,
        "reason_key": reason_key(job),
        "may_answer": answers,
        "uncounted": waits_uncounted(job),
        # Repairs are for administrators.
        "can_report": user.is_admin and job.job_id == one.asked_page,
        "picture": picture_url(job) if sees else None,
        # The user's name is only for people who may answer the request.
        "asked_by": asked_by if answers else None,
        # The names of the chosen approvers are only for the user who asks for approval.
        "approvers": [names[one_id] for one_id in _approvers(one) if one_id in names]
        if job.asks_for == PersonReason.APPROVAL and job.spec.asker.user_id == user.id
        else [],
    }


def _approvers(one: _PrinterJobs) -> list[str]:
    chosen: list[str] = one.entry.options.get(CONF_APPROVERS, [])
    return chosen


def _collect(hass: HomeAssistant, entry: LiankeConfigEntry) -> Iterable[_PrinterJobs]:
    """Yield the printers of a box that have a device, each with the jobs to show. Reads the job records only once."""
    data = entry.runtime_data
    moving: defaultdict[str, list[Job]] = defaultdict(list)
    held: defaultdict[str, list[Job]] = defaultdict(list)
    finished: defaultdict[str, list[Job]] = defaultdict(list)
    for job in data.queue.jobs():
        if job.is_final:
            finished[job.spec.printer_key].append(job)
            continue
        jobs = (held if job.state is JobState.HELD else moving)[job.spec.printer_key]
        if len(jobs) < MAX_OPEN_OF_PRINTER:
            jobs.append(job)
    scanners = scanners_by_printer(hass, entry)
    for key, printer in data.coordinator.data.printers.items():
        if (device := async_printer_device(hass, entry, key)) is None:
            continue
        # If there are more jobs than the limit, jobs under way come before held jobs.
        open_jobs = [*moving[key], *held[key]][:MAX_OPEN_OF_PRINTER]
        open_jobs.sort(key=lambda job: job.job_id, reverse=True)
        yield _PrinterJobs(
            device_id=device.id,
            entry=entry,
            printer_key=key,
            key_rejected=data.coordinator.key_rejected,
            scanner=scanners.get(key),
            asked_page=async_asked_page(hass, entry, key),
            description={
                **_describe(entry, printer),
                "name": device.name_by_user or device.name or printer.name,
            },
            open_jobs=tuple(open_jobs),
            # Sorted by when the jobs ended, because an old job may have waited for a long time and ended just now.
            finished=tuple(
                heapq.nlargest(MAX_FINISHED_SENT, finished[key], attrgetter("ended_at"))
            ),
        )


def _describe(entry: LiankeConfigEntry, printer: PrinterSnapshot) -> JsonObjectType:
    data = entry.runtime_data
    known = data.storage.printers.get(printer.key)
    status = printer.status if data.coordinator.is_fresh else None
    condition = None if status is None or status in _OFF else printer.condition
    return {
        "status": None if status is None else status.value,
        "service_expired": data.coordinator.service_expired,
        "waiting": data.queue.waiting(printer.key),
        "pages_printed": 0 if known is None else known.pages_printed,
        "keeps_printed": KEEP_PRINTED_HOURS.of(entry.options) > 0,
        "ink": [
            {"name": marker.name, "level": marker.level, "color": marker.color}
            for marker in printer.printer.markers
        ],
        "problems": [
            fault.value
            for fault in (faults_of(condition) if condition else ())
            if fault is not PrinterStatus.PAUSED
        ],
    }
