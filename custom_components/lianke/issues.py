"""Raises repairs where the user can act, and clears each as soon as its cause is gone."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
import hashlib
import logging

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_WEBHOOK_ID
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.event import async_call_later, async_track_time_interval
from homeassistant.util import dt as dt_util

from .api.errors import BoxNotBoundError, ServiceExpiredError
from .api.models import DriverState
from .const import DOMAIN
from .documents.escaping import escape_markdown
from .jobs.job import IN_CLOUD, Job, JobState
from .jobs.limits import LimitError
from .jobs.readiness import QueueReason
from .runtime import LiankeConfigEntry, async_account_entries

_LOGGER = logging.getLogger(__name__)

AWAITING_DRIVER = "awaiting_driver"
BOX_NOT_BOUND = "box_not_bound"
ERROR_LIMIT_REACHED = "error_limit_reached"
JOBS_DROPPED = "jobs_dropped"
PAPER_GUARD = "paper_guard"
PUSH_ADDRESS_CHANGED = "push_address_changed"
SERVICE_EXPIRED = "service_expired"
SERVICE_EXPIRING = "service_expiring"

# What follows from the data of a poll alone, so that it can be brought up to date as a whole.
_FOLLOWING = (AWAITING_DRIVER, SERVICE_EXPIRED, SERVICE_EXPIRING)

EXPIRY_WARNING = timedelta(days=14)
# The vendor promises a driver within 72 hours of the request (lianke-api, "Endpoints").
DRIVER_TIME = timedelta(hours=72)
# The service lifts its pause after 30 min by itself (lianke-api, "Codes", 11203).
ERROR_LIMIT_TIME = timedelta(minutes=31)
# An address may change for a moment while Home Assistant starts.
ADDRESS_SECONDS = 300
REVIEW_INTERVAL = timedelta(hours=1)

type IssueData = dict[str, str | int | float | None]


@dataclass(kw_only=True, slots=True)
class _Issue:
    """What an issue says; `kind` is its translation key."""

    kind: str
    placeholders: dict[str, str]
    data: IssueData = field(default_factory=dict)
    fixable: bool = True
    error: bool = False
    persistent: bool = False


@callback
def async_watch(hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
    """Keep the repairs of a box up to date for as long as it is loaded."""
    _Watcher(hass, entry).start()


@callback
def async_report_dropped_jobs(hass: HomeAssistant, entry: LiankeConfigEntry, count: int) -> None:
    """Tell that jobs were dropped with their box, which has no entity left to tell of them."""
    _LOGGER.warning("%d waiting print jobs were dropped with their box", count)
    ir.async_create_issue(
        hass,
        DOMAIN,
        f"{JOBS_DROPPED}_{entry.entry_id}",
        is_fixable=False,
        severity=ir.IssueSeverity.WARNING,
        translation_key=JOBS_DROPPED,
        translation_placeholders={
            "box": escape_markdown(entry.title),
            "box_name": entry.title,
            "count": str(count),
        },
    )


@callback
def async_forget(hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
    """Delete the repairs of a box that is removed."""
    registry = ir.async_get(hass)
    account = push_issue_id(entry)
    entries = hass.config_entries.async_entries(DOMAIN)
    shared = any(
        other.data[CONF_WEBHOOK_ID] == entry.data[CONF_WEBHOOK_ID]
        for other in entries
        if other.entry_id != entry.entry_id
    )
    for domain, issue_id in list(registry.issues):
        if domain == DOMAIN and (
            entry.entry_id in issue_id or (issue_id == account and not shared)
        ):
            registry.async_delete(DOMAIN, issue_id)


def issue_id(kind: str, entry: LiankeConfigEntry, *more: str) -> str:
    """Return the id of an issue of a box, or of one of its printers."""
    return "_".join((kind, entry.entry_id, *more))


def push_issue_id(entry: LiankeConfigEntry) -> str:
    """Return the id of the account's issue; the webhook's own id is a secret."""
    digest = hashlib.sha256(entry.data[CONF_WEBHOOK_ID].encode()).hexdigest()[:16]
    return f"{PUSH_ADDRESS_CHANGED}_{digest}"


@callback
def async_accept_address(hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
    """Let the account's address be the new one: pushes prove themselves there, or they do not."""
    for member in async_account_entries(hass, entry.data[CONF_WEBHOOK_ID]):
        if member.state is ConfigEntryState.LOADED:
            data = member.runtime_data
            if not data.storage.pushes_proven_for(data.account.fingerprint):
                data.storage.save_push_address(None)
    ir.async_delete_issue(hass, DOMAIN, push_issue_id(entry))


class _Watcher:
    """Follows coordinator, queue, paper guard and address of one box."""

    def __init__(self, hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
        """Take the box; nothing happens before `start`."""
        self._hass = hass
        self._entry = entry
        self._data = entry.runtime_data
        self._registry = ir.async_get(hass)
        # When the service paused each printer.
        self._paused: dict[str, datetime] = {}
        self._timers: dict[str, CALLBACK_TYPE] = {}
        # The fingerprint of the address at which pushes came, and when another took its place.
        self._moved: tuple[str, datetime] | None = None

    @callback
    def start(self) -> None:
        """Look at what is, and listen to what comes."""
        data = self._data
        for unsubscribe in (
            data.coordinator.async_add_listener(self._review),
            data.coordinator.pushes.listen(self._check_address),
            data.queue.listen(self._on_job),
            data.queue.listen_limits(self._on_guard),
            data.account.listen(self._check_address),
            async_track_time_interval(self._hass, self._on_time, REVIEW_INTERVAL),
            self._stop,
        ):
            self._entry.async_on_unload(unsubscribe)
        self._take_over_pauses()
        self._leave_old_account()
        for job in data.queue.jobs():
            if job.state is JobState.HELD:
                self._on_job(job, None)
        self._review()

    @callback
    def _take_over_pauses(self) -> None:
        """Let a pause told before the box was loaded anew end in its time."""
        for key in self._data.storage.printers:
            issue = self._registry.async_get_issue(
                DOMAIN, issue_id(ERROR_LIMIT_REACHED, self._entry, key)
            )
            if issue is not None and issue.active:
                self._pause(key, issue.created)

    @callback
    def _leave_old_account(self) -> None:
        """Clear what was told about the address of an account that the box has left."""
        for (_domain, raised), issue in list(self._registry.issues.items()):
            if (
                raised.startswith(PUSH_ADDRESS_CHANGED)
                and raised != push_issue_id(self._entry)
                and issue.data is not None
                and issue.data.get("entry_id") == self._entry.entry_id
            ):
                self._clear(raised)

    @callback
    def _stop(self) -> None:
        for cancel in self._timers.values():
            cancel()
        self._timers.clear()
        if self._entry.disabled_by is not None:
            async_forget(self._hass, self._entry)

    @callback
    def _on_time(self, _now: datetime) -> None:
        self._review()

    @callback
    def _review(self) -> None:
        """Bring up to date what follows from the box's data."""
        wanted = self._wanted()
        error = self._data.coordinator.last_error
        not_bound = issue_id(BOX_NOT_BOUND, self._entry)
        if isinstance(error, BoxNotBoundError):
            self._raise(not_bound, self._of_box(BOX_NOT_BOUND, error=True))
        elif self._data.coordinator.is_fresh:
            self._clear(not_bound)
        for wanted_id, issue in wanted.items():
            self._raise(wanted_id, issue)
        mine = tuple(issue_id(kind, self._entry) for kind in _FOLLOWING)
        known = self._data.storage.printers
        for _domain, raised in list(self._registry.issues):
            if raised.startswith(mine) and raised not in wanted:
                self._clear(raised)
            for kind in (ERROR_LIMIT_REACHED, PAPER_GUARD):
                prefix = issue_id(kind, self._entry, "")
                if raised.startswith(prefix) and raised.removeprefix(prefix) not in known:
                    self._clear(raised)
        self._check_address()

    def _wanted(self) -> dict[str, _Issue]:
        """Return the issues that follow from the box's data."""
        wanted: dict[str, _Issue] = {}
        box = self._data.storage.box
        error = self._data.coordinator.last_error
        expires = box.expires if box else None
        if (box and box.expired) or isinstance(error, ServiceExpiredError):
            wanted[issue_id(SERVICE_EXPIRED, self._entry)] = self._of_box(
                SERVICE_EXPIRED, fixable=False, error=True
            )
        elif expires and expires <= dt_util.now().date() + EXPIRY_WARNING:
            # The date is part of the id: whoever ignores the warning has ignored this year's.
            wanted[issue_id(SERVICE_EXPIRING, self._entry, expires.isoformat())] = self._of_box(
                SERVICE_EXPIRING, fixable=False, date=expires.isoformat()
            )
        for key, view in self._data.coordinator.data.printers.items():
            asked = self._data.storage.printers[key].driver_requested_at
            if view.printer.driver is DriverState.AWAITING and (
                asked is None or dt_util.utcnow() - asked > DRIVER_TIME
            ):
                wanted[issue_id(AWAITING_DRIVER, self._entry, key)] = self._of_printer(
                    AWAITING_DRIVER, key
                )
        return wanted

    @callback
    def _on_job(self, job: Job, _old: JobState | None) -> None:
        """Tell a printer that the service has paused, and one that takes jobs again."""
        key = job.printer_key
        if (job.state is JobState.HELD and job.hold_reason == QueueReason.ERROR_LIMIT) or (
            job.state is JobState.FAILED and job.reason == ERROR_LIMIT_REACHED
        ):
            self._raise(
                issue_id(ERROR_LIMIT_REACHED, self._entry, key),
                self._of_printer(ERROR_LIMIT_REACHED, key),
            )
            self._pause(key, dt_util.utcnow())
        elif (
            (since := self._paused.get(key)) is not None
            and (job.state in IN_CLOUD or job.state is JobState.COMPLETED)
            and job.task_known_at is not None
            and job.task_known_at > since
        ):
            self._clear_pause(key)

    @callback
    def _pause(self, key: str, since: datetime) -> None:
        self._paused[key] = since
        left = since + ERROR_LIMIT_TIME - dt_util.utcnow()
        self._in(max(0.0, left.total_seconds()), key, lambda: self._clear_pause(key))

    @callback
    def _clear_pause(self, key: str) -> None:
        self._paused.pop(key, None)
        self._cancel(key)
        self._clear(issue_id(ERROR_LIMIT_REACHED, self._entry, key))

    @callback
    def _on_guard(self, key: str, error: LimitError | None) -> None:
        """Tell that the paper guard refused a job, until it takes one again."""
        raised = issue_id(PAPER_GUARD, self._entry, key)
        if error is None:
            self._clear(raised)
            return
        issue = self._of_printer(error.key, key)
        told = error.translation_placeholders or {}
        issue.placeholders.update({name: escape_markdown(text) for name, text in told.items()})
        self._raise(raised, issue)

    @callback
    def _check_address(self) -> None:
        """Tell that pushes used to come to an address that is another one now."""
        raised = push_issue_id(self._entry)
        now = self._data.account.fingerprint
        if (issue := self._registry.async_get_issue(DOMAIN, raised)) is not None and issue.data:
            since = dt_util.parse_datetime(str(issue.data["since"]))
            if now == issue.data["was"] or self._heard_since(since):
                async_accept_address(self._hass, self._entry)
            return
        if now is None:
            return
        # The first change that polling finds makes the memory forget that pushes came.
        was, since = self._moved or (self._data.storage.push_address, None)
        if was is None or was == now:
            self._moved = None
            self._cancel(PUSH_ADDRESS_CHANGED)
        elif since is None:
            moved = self._moved = was, dt_util.utcnow()
            self._in(ADDRESS_SECONDS, PUSH_ADDRESS_CHANGED, lambda: self._tell_address(*moved))
        elif self._heard_since(since):
            self._moved = None
            self._cancel(PUSH_ADDRESS_CHANGED)
            async_accept_address(self._hass, self._entry)

    def _heard_since(self, moment: datetime | None) -> bool:
        """Return whether a push message has come after a moment."""
        last = self._data.storage.last_push_at
        return last is not None and moment is not None and last > moment

    @callback
    def _tell_address(self, was: str, since: datetime) -> None:
        self._moved = None
        issue = self._of_box(PUSH_ADDRESS_CHANGED, persistent=True)
        issue.data.update(was=was, since=since.isoformat())
        self._raise(push_issue_id(self._entry), issue)

    def _of_box(
        self,
        kind: str,
        *,
        fixable: bool = True,
        error: bool = False,
        persistent: bool = False,
        **more: str,
    ) -> _Issue:
        return _Issue(
            kind=kind,
            placeholders={**self._box_name(), **more},
            fixable=fixable,
            error=error,
            persistent=persistent,
        )

    def _of_printer(self, kind: str, key: str) -> _Issue:
        known = self._data.storage.printers.get(key)
        return _Issue(
            kind=kind,
            placeholders={
                **self._box_name(),
                "printer": escape_markdown(known.name) if known else "",
                "printer_name": known.name if known else "",
            },
            data={"printer_key": key},
        )

    def _box_name(self) -> dict[str, str]:
        """Return the box's name for descriptions, which are Markdown, and for titles, which are not."""
        title = self._entry.title
        return {"box": escape_markdown(title), "box_name": title}

    @callback
    def _raise(self, raised: str, issue: _Issue) -> None:
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            raised,
            data={"kind": issue.kind, "entry_id": self._entry.entry_id, **issue.data},
            is_fixable=issue.fixable,
            is_persistent=issue.persistent,
            severity=ir.IssueSeverity.ERROR if issue.error else ir.IssueSeverity.WARNING,
            translation_key=issue.kind,
            translation_placeholders=issue.placeholders,
        )

    @callback
    def _clear(self, raised: str) -> None:
        ir.async_delete_issue(self._hass, DOMAIN, raised)

    @callback
    def _in(self, seconds: float, name: str, action: CALLBACK_TYPE) -> None:
        """Do something later, once, in the place of what was to be done under this name."""
        self._cancel(name)

        @callback
        def run(_now: datetime) -> None:
            self._timers.pop(name, None)
            action()

        self._timers[name] = async_call_later(self._hass, seconds, run)

    @callback
    def _cancel(self, name: str) -> None:
        if (cancel := self._timers.pop(name, None)) is not None:
            cancel()
