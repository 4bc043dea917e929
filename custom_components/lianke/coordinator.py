"""Coordinator that polls one box and its printers."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
import logging
from random import Random
import time
from typing import Any, override

from homeassistant.config_entries import (
    SIGNAL_CONFIG_ENTRY_CHANGED,
    SOURCE_REAUTH,
    ConfigEntry,
    ConfigEntryChange,
    ConfigEntryState,
)
from homeassistant.const import CONF_DEVICE_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed
from homeassistant.helpers.debounce import Debouncer
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from .account.request_limits import REQUESTS_A_POLL, Account
from .api.client import LiankeClient
from .api.errors import (
    AlreadyRunningError,
    AuthenticationError,
    BoxNotBoundError,
    LiankeError,
    LiankeRefusedError,
    ServiceExpiredError,
    TooFrequentError,
)
from .api.models import Box, Printer, PrinterKind
from .api.unknown import unknown_printer_state
from .box.capability_cache import CapabilityCache
from .box.condition_reader import ConditionReader
from .box.polling import REFRESH_SPACING, PushTracker, async_poll, poll_interval
from .box.printer_status import (
    NEVER,
    PROBLEMS,
    READY,
    BoxData,
    PrinterSnapshot,
    PrinterStatus,
    StatusTimes,
    row_status,
    settled_condition,
    status_of,
)
from .box.storage import BoxStorage
from .const import CONF_PRINTER_KIND, DEFAULT_PRINTER_KIND, DOMAIN, POLL_INTERVAL

_LOGGER = logging.getLogger(__name__)

# Seconds from a first failed poll to the second attempt.
SECOND_TRY = 15
# Seconds between further attempts; doubled each time.
POLL_BACKOFF_START = 60
# Maximum seconds between further attempts.
POLL_BACKOFF_LIMIT = 900
# Seconds until the next attempt after the service refused the key.
KEY_RETRY = 3600
# Maximum share by which each interval grows at random, so that boxes do not poll in step.
JITTER = 0.1
_POLL_OPTIONS = (CONF_PRINTER_KIND, POLL_INTERVAL.key)


def printer_identifier(entry: ConfigEntry, key: str) -> tuple[str, str]:
    return DOMAIN, f"{entry.data[CONF_DEVICE_ID]}_{key}"


# Minimum seconds between two requests that make a box with old firmware report. A report is work for the box itself, so
# the interval is as long as between two requests for a printer's condition. What changes from minute to minute (the
# jobs, and whether the box is online) is known to the service without a report.
REPORT_INTERVAL = 300
# Seconds until the next request for a report after the service refused one.
REFUSED_PAUSE = 86400


class LiankeCoordinator(DataUpdateCoordinator[BoxData]):
    """Polls one box, with two requests per poll. The interval is longer when less can change.

    Listeners are called only when something has changed.
    """

    config_entry: ConfigEntry

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        *,
        client: LiankeClient,
        storage: BoxStorage,
        account: Account,
    ) -> None:
        self._refresher = Debouncer[Any](
            hass, _LOGGER, cooldown=REFRESH_SPACING, immediate=True, background=True
        )
        super().__init__(
            hass,
            _LOGGER,
            config_entry=entry,
            name=entry.title,
            update_interval=timedelta(seconds=POLL_INTERVAL.default),
            always_update=False,
            request_refresh_debouncer=self._refresher,
        )
        self.client = client
        self.storage = storage
        self.account = account
        self._random = Random(entry.entry_id)  # noqa: S311  # spreads the load; not used for security
        self._online: bool | None = None
        self._failures = 0
        self._jobs_open = False
        # Printers that have our jobs in the cloud.
        self._with_jobs: Collection[str] = ()
        # Whether any of these printers reports no condition; the list of printers is then polled more often.
        self._watches_list = False
        self.pushes = PushTracker(hass, storage, account)
        # Printers whose condition is read after the next poll; None stands for the next printers in rotation.
        self._pending_status_reads: dict[str | None, None] = {}
        self._times: defaultdict[str, StatusTimes] = defaultdict(StatusTimes)
        # When the last poll began (monotonic clock).
        self._poll_began = NEVER
        # Printers on which our last job has ended, but which still count as printing.
        self._finishing: set[str] = set()
        self.capabilities = CapabilityCache(client, storage)
        self._conditions = ConditionReader(
            hass,
            entry,
            client=client,
            storage=storage,
            account=account,
            on_update=self._update_view,
        )
        # The time (monotonic clock) before which a box with old firmware is not asked to report again.
        self._no_report_before = NEVER
        self.last_error: LiankeError | None = None
        # When the service last reported on the box; None if it has not done so since the start.
        self.heard_at: datetime | None = None
        # When the service accepted the key again after refusing it (monotonic clock).
        self.key_accepted_at = NEVER
        self.data = self._view()
        self._options = entry.options
        entry.async_on_unload(
            async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, self._on_entry)
        )

    @property
    def is_fresh(self) -> bool:
        """Whether the data comes from the service and the last poll succeeded."""
        return self._online is not None and self.last_update_success

    @property
    def is_starting(self) -> bool:
        """Whether no poll has succeeded or failed yet."""
        return self._online is None and self.last_update_success

    @property
    def key_rejected(self) -> bool:
        return isinstance(self.last_error, AuthenticationError)

    @property
    def service_expired(self) -> bool:
        box = self.storage.box
        return bool(box and box.expired) or isinstance(self.last_error, ServiceExpiredError)

    def hold_reason(self, key: str) -> PrinterStatus | None:
        """Return why a printer cannot accept a job now; None if no reason is known."""
        if self.data.online is not True:
            return PrinterStatus.BOX_OFFLINE
        if (view := self.data.printers.get(key)) is None:
            return PrinterStatus.DISCONNECTED
        return None if view.status in READY else view.status

    def is_ready(self, key: str) -> bool:
        return self.is_fresh and self.hold_reason(key) is None

    @callback
    def _on_entry(self, _change: ConfigEntryChange, entry: ConfigEntry) -> None:
        """Apply changed options at once: notify the listeners, so that they review held jobs; then poll if needed."""
        if entry is not self.config_entry or entry.options == self._options:
            return
        before, self._options = self._options, entry.options
        self.storage.save_options(entry.options)
        self.async_update_listeners()
        if any(before.get(key) != entry.options.get(key) for key in _POLL_OPTIONS):
            self.async_refresh_soon("the options say otherwise")

    @callback
    def async_refresh_soon(self, reason: str, printer_key: str | None = None) -> None:
        """Request a refresh and then a reading of a printer's condition. Refreshes are REFRESH_SPACING seconds apart.

        If `printer_key` is None, the next printers in rotation are read.
        """
        if printer_key not in self._pending_status_reads:
            # Log only once per refresh, because pushes may arrive by the thousand.
            self.logger.debug("Refreshing: %s", reason)
            self._pending_status_reads[printer_key] = None
        self._refresher.async_schedule_call()

    @callback
    def async_on_push(self) -> None:
        """Treat a push message as a hint that something has changed."""
        self.pushes.record()
        self.async_refresh_soon("a push message arrived")

    @callback
    def async_on_jobs_ended(self, printer_key: str) -> None:
        """Record that our jobs on a printer have ended; refresh later if the printer still counts as printing.

        The refresh does not follow at once, because a job may end a little before its last sheet comes out.
        """
        self._times[printer_key].ended_at = time.monotonic()
        self._finishing.add(printer_key)
        view = self.data.printers.get(printer_key)
        if view is not None and view.status is PrinterStatus.PRINTING:
            self._set_interval(self.data)
            self._schedule_refresh()

    @callback
    def async_on_page_printed(self, printer_key: str) -> None:
        """Record that a page of ours was printed, which shows that earlier faults of the printer are over."""
        self._times[printer_key].printed_at = time.monotonic()
        view = self.data.printers.get(printer_key)
        if view is not None and view.status in PROBLEMS:
            self._update_view()
            self.async_refresh_soon("a printer with a fault has printed", printer_key)

    @callback
    def async_set_jobs_open(self, jobs_open: bool, in_cloud: Collection[str] = ()) -> None:
        """Set whether any job is open or held. While there is such a job, polling keeps its normal interval.

        `in_cloud` are the printers that have jobs in the cloud now, and are therefore watched.
        """
        opens = jobs_open and not self._jobs_open
        self._jobs_open, self._with_jobs = jobs_open, in_cloud
        watched_list = self._watches_list
        self._watch()
        if self._watches_list and not watched_list and self._listeners:
            self._set_interval(self.data)
            self._schedule_refresh()
        elif opens and self.pushes.proven:
            self._poll_usually()

    def _watch(self) -> None:
        """Watch the printers that have jobs of ours, by their own reports or by polling the list more often."""
        known = self.storage.printers
        here = [known[key] for key in self._with_jobs if self._online and key in known]
        reporting = [one.key for one in here if one.reports_condition]
        self._watches_list = len(reporting) < len(here)
        by_list = REQUESTS_A_POLL if self._watches_list else 0
        self.account.set_watched(self.config_entry.entry_id, len(reporting) + by_list)
        self._conditions.watch(reporting)

    def _poll_usually(self) -> None:
        """Return to the normal interval from the longer interval that trusted pushes allow."""
        if self.data.online and self._listeners:
            self._set_interval(self.data)
            self._schedule_refresh()

    @callback
    def async_forget(self, key: str) -> None:
        self.storage.forget(key)
        self._times.pop(key, None)
        self._finishing.discard(key)
        self._conditions.forget([key])
        self._update_view()

    @override
    async def async_shutdown(self) -> None:
        await super().async_shutdown()
        self.pushes.stop()
        self._conditions.stop()
        self.account.set_watched(self.config_entry.entry_id, 0)

    @override
    async def _async_update_data(self) -> BoxData:
        """Poll in a task that ends with the config entry, no matter who requested the poll."""
        return await self.config_entry.async_create_background_task(
            self.hass, self._async_poll(), f"poll {self.name}"
        )

    async def _async_poll(self) -> BoxData:
        if self.storage.box is not None:
            # A box that is being added is polled at once, because a user waits for it; all other boxes wait their turn.
            await self.account.async_wait_for_poll_rate(
                1 if self._online is False else REQUESTS_A_POLL
            )
        # This poll also serves the refreshes that were requested in the meantime.
        self._refresher.async_cancel()
        self._poll_began = time.monotonic()
        announced = self.pushes.consume()
        asked, self._pending_status_reads = self._pending_status_reads, {}
        listed: str = self.config_entry.options.get(CONF_PRINTER_KIND, DEFAULT_PRINTER_KIND)
        kind = PrinterKind[listed.upper()]
        try:
            box, rows = await async_poll(self.client, kind, was_online=self._online is True)
        except LiankeError as err:
            self.pushes.restore(pending=announced)
            self._pending_status_reads = asked | self._pending_status_reads
            return self._failed(err)
        if isinstance(self.last_error, AuthenticationError):
            # The service accepts the key again.
            self.key_accepted_at = time.monotonic()
        if self._online is None or isinstance(self.last_error, AuthenticationError):
            for flow in self.config_entry.async_get_active_flows(self.hass, {SOURCE_REAUTH}):
                self.hass.config_entries.flow.async_abort(flow["flow_id"])
        self.last_error = None
        self._failures = 0
        self.account.key_watch.key_works(self.config_entry.entry_id)
        is_first, before = self._online is None, self._pushed_state()
        self._store(box, rows)
        self._watch()
        data = self._view()
        if not is_first and self._pushed_state() != before:
            self.pushes.record_found_change(announced=announced)
        elif not is_first and announced and data == self.data:
            self.pushes.record_useless()
        self._set_interval(data)
        if self._online:
            if not box.reports_by_itself and time.monotonic() >= self._no_report_before:
                # The service shows the last report until a new report is requested. The next poll finds the new report.
                self._no_report_before = time.monotonic() + REPORT_INTERVAL
                self.config_entry.async_create_background_task(
                    self.hass, self._async_ask_to_report(), f"ask {self.name} to report"
                )
            self._conditions.request_next_printer(data.faulty)
            for printer_key in asked:
                self._conditions.request(printer_key)
        return data

    async def _async_ask_to_report(self) -> None:
        try:
            await self.client.refresh_box()
        except (AlreadyRunningError, TooFrequentError) as err:
            _LOGGER.debug("The box is reporting already: %s", err)
        except LiankeError as err:
            _LOGGER.debug("The box is not asked to report: %s", err)
            if isinstance(err, LiankeRefusedError):
                self._no_report_before = time.monotonic() + REFUSED_PAUSE

    def _failed(self, err: LiankeError) -> BoxData:
        """Return the old data after a first failure that may pass by itself.

        After any other failure, set a longer interval and raise UpdateFailed or ConfigEntryAuthFailed.
        """
        known = self.last_error
        self._failures += 1
        self.last_error = err
        if self._failures > 1 and known is not None and known.reason != err.reason:
            # Home Assistant itself notifies listeners of the first failure only.
            self.hass.loop.call_soon(self.async_update_listeners)
        if self._failures == 1 and self.is_fresh and err.is_passing:
            self.update_interval = timedelta(seconds=self._jittered(SECOND_TRY))
            return self.data
        shown: dict[str, Any] = {
            "translation_domain": DOMAIN,
            "translation_key": err.reason,
            "translation_placeholders": err.placeholders,
        }
        if isinstance(err, AuthenticationError):
            # The service may accept the key again without any action by the user, but Home Assistant would not retry.
            self.account.key_watch.await_key(
                self.config_entry.entry_id, self._on_key_works_elsewhere
            )
            self.update_interval = timedelta(seconds=KEY_RETRY)
            self._schedule_refresh()
            raise ConfigEntryAuthFailed(**shown) from None
        if isinstance(err, BoxNotBoundError):
            # The key itself works, but not for this box.
            self.account.key_watch.key_works(self.config_entry.entry_id)
        pause = min(POLL_BACKOFF_START * 2 ** min(self._failures - 1, 10), POLL_BACKOFF_LIMIT)
        seconds = self._jittered(self.account.stretch_interval(pause))
        raise UpdateFailed(**shown, retry_after=seconds) from None

    @callback
    def _on_key_works_elsewhere(self) -> None:
        if self.config_entry.state is ConfigEntryState.LOADED:
            self.async_refresh_soon("another box shows that the key works")
        elif self.config_entry.state is ConfigEntryState.SETUP_ERROR:
            # The key was refused during setup, and Home Assistant does not retry such a setup on its own.
            self.hass.config_entries.async_schedule_reload(self.config_entry.entry_id)

    @callback
    def _store(self, box: Box, rows: Iterable[Printer] | None) -> None:
        self._online, self.heard_at = bool(box.online), dt_util.utcnow()
        self.storage.save_box(box)
        if rows is None:
            self._conditions.forget_all()
            return
        found = self.storage.match(rows)
        for key, row in found.items():
            times = self._times[key]
            times.row_at = time.monotonic()
            if times.raw_state != row.raw_state:
                times.raw_state, times.row_since = row.raw_state, times.row_at
                if row.raw_state and row_status(row.raw_state) is None:
                    self.storage.unknown.observe(unknown_printer_state(row.raw_state))
        self._conditions.forget(self._conditions.readings.keys() - found.keys())

    def _pushed_state(self) -> tuple[bool | None, frozenset[str]]:
        """Return the state that pushes announce: whether the box is online, and which printers are plugged in."""
        present = (key for key, known in self.storage.printers.items() if known.present)
        return self._online, frozenset(present)

    def _set_interval(self, data: BoxData) -> None:
        """Set the polling interval according to the state of the box and its printers.

        The interval is short if a refresh was requested after the last poll began (the debouncer forgets the request if
        that poll is slow), or if a job has ended since then and its printer still counts as printing.
        """
        self._finishing = {
            key
            for key in self._finishing
            if key in data.printers and data.printers[key].status is PrinterStatus.PRINTING
        }
        ended = (self._poll_began <= self._times[key].ended_at for key in self._finishing)
        if self._pending_status_reads or any(ended):
            # One second longer than REFRESH_SPACING, because Home Assistant may poll up to a second early.
            self.update_interval = timedelta(seconds=REFRESH_SPACING + 1)
            return
        relaxed = self.pushes.proven and not (self._jobs_open or self._finishing or data.faulty)
        options = self.config_entry.options
        interval = poll_interval(options, online=bool(self._online), relaxed=relaxed)
        seconds = self.account.stretch_interval(interval)
        if self._watches_list:
            seconds = min(seconds, self.account.watch_interval)
        self.update_interval = timedelta(seconds=self._jittered(seconds))

    def _jittered(self, seconds: float) -> float:
        return seconds * self._random.uniform(1, 1 + JITTER)

    @callback
    def _update_view(self) -> None:
        if (data := self._view()) != self.data:
            before, self.data = self.data, data
            self.async_update_listeners()
            if data.faulty and not before.faulty and self.pushes.proven:
                self._poll_usually()

    def _view(self) -> BoxData:
        printers: dict[str, PrinterSnapshot] = {}
        for key, known in self.storage.printers.items():
            here = self._online and known.present
            reading = self._conditions.readings.get(key) if here else None
            status = PrinterStatus.BOX_OFFLINE if self._online is False else None
            if self._online:
                status = status_of(
                    known.printer, self._times[key], present=known.present, reading=reading
                )
            printers[key] = PrinterSnapshot(
                key=key,
                name=known.name,
                printer=known.printer,
                present=known.present,
                condition=settled_condition(reading.condition if reading else None, status),
                status=status,
            )
        return BoxData(box=self.storage.box, online=self._online, printers=printers)
