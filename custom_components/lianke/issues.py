"""Repair issues: raised where the user can act, cleared as soon as the cause is gone."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
import hashlib
import logging

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_WEBHOOK_ID
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.event import async_call_later, async_track_time_interval
from homeassistant.util import dt as dt_util

from .api.errors import BoxNotBoundError
from .api.models import DriverState
from .const import DOMAIN
from .jobs.job import IN_CLOUD, Job, JobState
from .jobs.rules import LimitError, QueueReason
from .pages.clean import escape_markdown
from .runtime import LiankeConfigEntry, async_account_entries

_LOGGER = logging.getLogger(__name__)

AWAITING_DRIVER = "awaiting_driver"
BOX_NOT_BOUND = "box_not_bound"
ERROR_LIMIT_REACHED = "error_limit_reached"
JOBS_DROPPED = "jobs_dropped"
JOBS_LEFT = "jobs_left"
# The id is older than the name PRINT_LIMIT; a new id would revive issues that people have ignored.
PRINT_LIMIT = "paper_guard"
PUSH_ADDRESS_CHANGED = "push_address_changed"
SERVICE_EXPIRED = "service_expired"
SERVICE_EXPIRING = "service_expiring"
TEST_PAGE_PRINTED = "test_page"

# Kinds of issues that depend on polled data alone. Each review clears those issues that no longer apply.
_POLLED = (AWAITING_DRIVER, SERVICE_EXPIRED, SERVICE_EXPIRING)

EXPIRY_WARNING = timedelta(days=14)
# The vendor promises a driver within 72 hours of the request (lianke-api, "Endpoints").
DRIVER_TIME = timedelta(hours=72)
# The service ends a printer's pause automatically after 30 min (lianke-api, "Codes", 11203).
ERROR_LIMIT_TIME = timedelta(minutes=31)
# Seconds until a changed address is reported, since it may change for a moment while Home Assistant starts.
ADDRESS_SECONDS = 300
# States of a job that show that the service accepts the printer's jobs again.
_GOING = IN_CLOUD | {JobState.COMPLETED}
# States of a test page in which people can say how the page came out.
_TRIED = _GOING | {JobState.FAILED, JobState.UNCONFIRMED}
REVIEW_INTERVAL = timedelta(hours=1)

type IssueData = dict[str, str | int | float | None]


@callback
def async_watch_for_issues(hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
    _Watcher(hass, entry).start()


@callback
def async_report_dropped_jobs(
    hass: HomeAssistant, entry: LiankeConfigEntry, dropped: int, left: int
) -> None:
    """Report a removed box's jobs, dropped or left in the cloud, because no entities remain that could show them."""
    _LOGGER.warning(
        "%d print jobs were dropped with their box, %d left in the cloud", dropped, left
    )
    for kind, count in ((JOBS_DROPPED, dropped), (JOBS_LEFT, left)):
        if count:
            _create_issue(
                hass,
                entry,
                issue_id(kind, entry),
                kind,
                placeholders={"count": str(count)},
                fixable=False,
            )


@callback
def async_ask_about_test_page(hass: HomeAssistant, entry: LiankeConfigEntry, page: Job) -> None:
    """Ask how a test page came out, and go on asking, even after a restart, until there is a report.

    The issue is raised once the service has the page or has refused it.
    """
    entry.runtime_data.storage.save_question(page.spec.printer_key, page.job_id)
    _ask_about_page(hass, entry, page)


@callback
def async_asked_page(hass: HomeAssistant, entry: LiankeConfigEntry, printer_key: str) -> str | None:
    """Return the job id of the test page that an issue asks about; None if there is no issue, or if it is ignored."""
    found = issue_id(TEST_PAGE_PRINTED, entry, printer_key)
    issue = ir.async_get(hass).async_get_issue(DOMAIN, found)
    is_shown = issue is not None and issue.active and not issue.dismissed_version
    return str((issue.data or {}).get("job_id")) if issue and is_shown else None


@callback
def _ask_about_page(
    hass: HomeAssistant, entry: LiankeConfigEntry, job: Job, _old: JobState | None = None
) -> None:
    key = job.spec.printer_key
    known = entry.runtime_data.storage.printers.get(key)
    if known is None or known.asked_page != job.job_id or job.state not in _TRIED:
        return
    found = issue_id(TEST_PAGE_PRINTED, entry, key)
    _create_issue(
        hass, entry, found, TEST_PAGE_PRINTED, printer_key=key, data={"job_id": job.job_id}
    )


@callback
def async_delete_issues(hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
    """Delete the issues of a removed or disabled box."""
    registry = ir.async_get(hass)
    account = push_issue_id(entry)
    members = async_account_entries(hass, entry.data[CONF_WEBHOOK_ID])
    shared = any(other.entry_id != entry.entry_id for other in members)
    for domain, found in list(registry.issues):
        if domain == DOMAIN and (entry.entry_id in found or (found == account and not shared)):
            registry.async_delete(DOMAIN, found)


def issue_id(kind: str, entry: LiankeConfigEntry, *more: str) -> str:
    return "_".join((kind, entry.entry_id, *more))


def push_issue_id(entry: LiankeConfigEntry) -> str:
    """Return the id of the account's issue. It has only a digest of the webhook id, because that id is secret."""
    digest = hashlib.sha256(entry.data[CONF_WEBHOOK_ID].encode()).hexdigest()[:16]
    return f"{PUSH_ADDRESS_CHANGED}_{digest}"


@callback
def async_accept_address(hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
    """Expect pushes at the account's current address and no longer at the previous one."""
    for member in async_account_entries(hass, entry.data[CONF_WEBHOOK_ID]):
        if member.state is ConfigEntryState.LOADED:
            data = member.runtime_data
            if not data.storage.pushes_proven_for(data.account.fingerprint):
                data.storage.save_push_address(None)
    ir.async_delete_issue(hass, DOMAIN, push_issue_id(entry))


@callback
def _create_issue(
    hass: HomeAssistant,
    entry: LiankeConfigEntry,
    issue: str,
    kind: str,
    *,
    printer_key: str | None = None,
    placeholders: Mapping[str, str] | None = None,
    data: IssueData | None = None,
    fixable: bool = True,
    persistent: bool = False,
    severity: ir.IssueSeverity = ir.IssueSeverity.WARNING,
) -> None:
    """Create or update an issue of a box or one of its printers; `kind` is the issue's translation key.

    Each name is passed twice: escaped for the description, which is Markdown, and as it is for the title.
    """
    facts: IssueData = {"kind": kind, "entry_id": entry.entry_id, **(data or {})}
    texts = {"box": escape_markdown(entry.title), "box_name": entry.title, **(placeholders or {})}
    if printer_key is not None:
        facts["printer_key"] = printer_key
        texts["printer_name"] = ""
        if (known := entry.runtime_data.storage.printers.get(printer_key)) is not None:
            # A printer without a driver has no model name, so add the vendor and product that it reports.
            reported = " ".join(filter(None, (known.printer.vendor, known.printer.product)))
            unnamed = bool(reported) and not known.printer.model
            texts["printer_name"] = f"{known.name} ({reported})" if unnamed else known.name
        texts["printer"] = escape_markdown(texts["printer_name"])
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue,
        data=facts,
        is_fixable=fixable,
        is_persistent=persistent,
        severity=severity,
        translation_key=kind,
        translation_placeholders=texts,
    )


class _Watcher:
    def __init__(self, hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
        self._hass = hass
        self._entry = entry
        self._data = entry.runtime_data
        self._registry = ir.async_get(hass)
        self._create_issue = partial(_create_issue, hass, entry)
        self._ask_about_page = partial(_ask_about_page, hass, entry)
        # By printer: when the service paused it.
        self._paused: dict[str, datetime] = {}
        # By printer: the function that unsubscribes from its jobs.
        self._unfollow: dict[str, CALLBACK_TYPE] = {}
        self._timers: dict[str, CALLBACK_TYPE] = {}
        # The fingerprint of the address at which pushes arrived, and the time when another address replaced it.
        self._moved: tuple[str, datetime] | None = None

    @callback
    def start(self) -> None:
        data = self._data
        for unsubscribe in (
            data.coordinator.async_add_listener(self._review),
            data.coordinator.pushes.listen(self._check_address),
            data.queue.listen(self._on_job, states={JobState.HELD, JobState.FAILED}),
            data.queue.listen(self._ask_about_page, states=_TRIED),
            data.account.listen(self._check_address),
            async_track_time_interval(self._hass, self._review, REVIEW_INTERVAL),
            self._stop,
        ):
            self._entry.async_on_unload(unsubscribe)
        data.queue.on_limit = self._on_limit
        for key in data.storage.printers:
            if self._registry.async_get_issue(DOMAIN, issue_id(PRINT_LIMIT, self._entry, key)):
                data.queue.limited.add(key)
            # A pause that was reported before a reload ends when it would have ended without the reload.
            paused = issue_id(ERROR_LIMIT_REACHED, self._entry, key)
            if (issue := self._registry.async_get_issue(DOMAIN, paused)) and issue.active:
                self._pause(key, issue.created)
        self._clear_left_account()
        for job in data.queue.jobs():
            self._ask_about_page(job)
            if job.state is JobState.HELD:
                self._on_job(job, None)
        self._review()

    def _clear_left_account(self) -> None:
        for (_domain, found), issue in list(self._registry.issues.items()):
            if (
                found.startswith(PUSH_ADDRESS_CHANGED)
                and found != push_issue_id(self._entry)
                and issue.data is not None
                and issue.data.get("entry_id") == self._entry.entry_id
            ):
                self._clear(found)

    @callback
    def _stop(self) -> None:
        for name in list(self._timers):
            self._cancel_timer(name)
        if self._entry.disabled_by is not None:
            async_delete_issues(self._hass, self._entry)

    @callback
    def _review(self, _now: datetime | None = None) -> None:
        coordinator = self._data.coordinator
        not_bound = issue_id(BOX_NOT_BOUND, self._entry)
        if isinstance(coordinator.last_error, BoxNotBoundError):
            self._create_issue(not_bound, BOX_NOT_BOUND, severity=ir.IssueSeverity.ERROR)
        elif coordinator.is_fresh:
            self._clear(not_bound)
        wanted = set(self._raise_polled())
        polled = tuple(issue_id(kind, self._entry) for kind in _POLLED)
        known = self._data.storage.printers
        for _domain, found in list(self._registry.issues):
            if found.startswith(polled) and found not in wanted:
                self._clear(found)
            for kind in (ERROR_LIMIT_REACHED, PRINT_LIMIT, TEST_PAGE_PRINTED):
                prefix = issue_id(kind, self._entry, "")
                if found.startswith(prefix) and found.removeprefix(prefix) not in known:
                    self._clear(found)
        self._check_address()

    def _raise_polled(self) -> Iterator[str]:
        """Raise issues for a service that has expired or soon will, and for missing drivers; yield their ids."""
        box = self._data.storage.box
        expires = box.expires if box else None
        if self._data.coordinator.service_expired:
            found = issue_id(SERVICE_EXPIRED, self._entry)
            self._create_issue(
                found, SERVICE_EXPIRED, fixable=False, severity=ir.IssueSeverity.ERROR
            )
            yield found
        elif expires and expires <= dt_util.now().date() + EXPIRY_WARNING:
            # The date is part of the id, so that ignoring this year's warning does not ignore next year's.
            date = expires.isoformat()
            found = issue_id(SERVICE_EXPIRING, self._entry, date)
            self._create_issue(found, SERVICE_EXPIRING, fixable=False, placeholders={"date": date})
            yield found
        for key, view in self._data.coordinator.data.printers.items():
            asked = self._data.storage.printers[key].driver_requested_at
            if view.printer.driver is DriverState.AWAITING and (
                asked is None or dt_util.utcnow() - asked > DRIVER_TIME
            ):
                found = issue_id(AWAITING_DRIVER, self._entry, key)
                self._create_issue(found, AWAITING_DRIVER, printer_key=key)
                yield found

    @callback
    def _on_job(self, job: Job, _old: JobState | None) -> None:
        """Raise an issue when the service has paused a printer."""
        key = job.spec.printer_key
        if (
            job.state is JobState.HELD
            and job.current_delivery.hold_reason == QueueReason.ERROR_LIMIT
        ) or (job.state is JobState.FAILED and job.reason == ERROR_LIMIT_REACHED):
            paused = issue_id(ERROR_LIMIT_REACHED, self._entry, key)
            self._create_issue(paused, ERROR_LIMIT_REACHED, printer_key=key)
            self._pause(key, dt_util.utcnow())

    @callback
    def _on_job_of_paused(self, job: Job, _old: JobState | None) -> None:
        """Clear a paused printer's issue when the service accepts one of the printer's jobs again."""
        key, known_at = job.spec.printer_key, job.current_delivery.task_known_at
        since = self._paused.get(key)
        if job.state in _GOING and since and known_at and known_at > since:
            self._clear_pause(key)

    @callback
    def _pause(self, key: str, since: datetime) -> None:
        self._paused[key] = since
        if key not in self._unfollow:
            listen = self._data.queue.listen
            self._unfollow[key] = listen(self._on_job_of_paused, key, states=_GOING)
        left = since + ERROR_LIMIT_TIME - dt_util.utcnow()
        self._start_timer(key, max(0.0, left.total_seconds()), partial(self._clear_pause, key))

    @callback
    def _clear_pause(self, key: str, _now: datetime | None = None) -> None:
        self._paused.pop(key, None)
        if (unfollow := self._unfollow.pop(key, None)) is not None:
            unfollow()
        self._cancel_timer(key)
        self._clear(issue_id(ERROR_LIMIT_REACHED, self._entry, key))

    @callback
    def _on_limit(self, key: str, error: LimitError | None) -> None:
        """Raise an issue when a print limit refuses a job; clear it when a job is accepted."""
        found = issue_id(PRINT_LIMIT, self._entry, key)
        if error is None:
            self._clear(found)
            return
        placeholders = {name: escape_markdown(text) for name, text in error.placeholders.items()}
        self._create_issue(found, error.key, printer_key=key, placeholders=placeholders)

    @callback
    def _check_address(self) -> None:
        """Raise an issue if the address at which pushes arrived has changed; clear it if pushes arrive again."""
        found = push_issue_id(self._entry)
        now = self._data.account.fingerprint
        if (issue := self._registry.async_get_issue(DOMAIN, found)) is not None and issue.data:
            since = dt_util.parse_datetime(str(issue.data["since"]))
            if now == issue.data["was"] or self._pushed_since(since):
                async_accept_address(self._hass, self._entry)
            return
        if now is None:
            # Without an address, there is nothing that anybody could enter in the console.
            self._cancel_timer(PUSH_ADDRESS_CHANGED)
            return
        # `_moved` keeps the old address, because the stored address is deleted when a poll finds a change that no push
        # has announced.
        was, since = self._moved or (self._data.storage.push_address, None)
        if was is None or was == now:
            self._moved = None
            self._cancel_timer(PUSH_ADDRESS_CHANGED)
        elif self._pushed_since(since):
            self._moved = None
            self._cancel_timer(PUSH_ADDRESS_CHANGED)
            async_accept_address(self._hass, self._entry)
        elif PUSH_ADDRESS_CHANGED not in self._timers:
            moved = self._moved = was, since or dt_util.utcnow()
            report = partial(self._report_address, *moved)
            self._start_timer(PUSH_ADDRESS_CHANGED, ADDRESS_SECONDS, report)

    def _pushed_since(self, moment: datetime | None) -> bool:
        last = self._data.storage.last_push_at
        return last is not None and moment is not None and last > moment

    @callback
    def _report_address(self, was: str, since: datetime, _now: datetime) -> None:
        self._moved = None
        self._cancel_timer(PUSH_ADDRESS_CHANGED)
        self._create_issue(
            push_issue_id(self._entry),
            PUSH_ADDRESS_CHANGED,
            persistent=True,
            data={"was": was, "since": since.isoformat()},
        )

    def _clear(self, issue: str) -> None:
        ir.async_delete_issue(self._hass, DOMAIN, issue)

    def _start_timer(self, name: str, seconds: float, action: Callable[[datetime], None]) -> None:
        """Call `action` after `seconds`, in place of an earlier timer with this name."""
        self._cancel_timer(name)
        self._timers[name] = async_call_later(self._hass, seconds, action)

    def _cancel_timer(self, name: str) -> None:
        if (cancel := self._timers.pop(name, None)) is not None:
            cancel()
