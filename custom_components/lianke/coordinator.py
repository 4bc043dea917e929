"""Polls one box and its printers, sparingly, and tells who listens."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
import logging
from random import Random
import time
from typing import override

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed

from .api.capabilities import Capabilities, Paper
from .api.client import LiankeClient
from .api.errors import AuthenticationError, LiankeError
from .api.models import Box, Printer, PrinterKind
from .box.capabilities import CapabilityCache, ClientFactory
from .box.polling import PollingAccount, async_poll
from .box.printer_status import ConditionReader
from .box.push import PushTracker
from .box.refresh import REFRESH_SPACING, RefreshScheduler
from .box.status import (
    PROBLEMS,
    HoldReason,
    PrinterStatus,
    hold_reason_of,
    row_status,
    settled_condition,
)
from .box.storage import BoxStorage
from .box.views import BoxData, History, PrinterView
from .const import (
    CONF_POLL_INTERVAL,
    CONF_PRINTER_KIND,
    DEFAULT_POLL_INTERVAL,
    DEFAULT_PRINTER_KIND,
    DOMAIN,
    MAX_POLL_INTERVAL,
    MIN_POLL_INTERVAL,
)

_LOGGER = logging.getLogger(__name__)

# Seconds.
OFFLINE_INTERVAL = 300
RELAXED_INTERVAL = 300
SECOND_TRY = 15
BACKOFF_START = 60
BACKOFF_LIMIT = 900
KEY_RETRY = 3600
# The interval grows by up to this part of itself, so that boxes do not ask in step.
JITTER = 0.1
POLL_REQUESTS = 2
# Unknown states of printers that are logged.
MAX_LOGGED_STATES = 20

_KINDS = {"usb": PrinterKind.USB, "network": PrinterKind.NETWORK, "both": PrinterKind.BOTH}


@callback
def call_after_updates(hass: HomeAssistant, action: CALLBACK_TYPE) -> None:
    """Call something in two turns of the loop: in the next one goes out what is just being shown."""
    hass.loop.call_soon(hass.loop.call_soon, action)


async def async_after_updates() -> None:
    """Wait until what is just being shown has gone out, as `call_after_updates` does."""
    for _ in range(2):
        await asyncio.sleep(0)


class LiankeCoordinator(DataUpdateCoordinator[BoxData]):
    """Polls one box: two requests a time, fewer when there is less to expect.

    Listeners are called when something changed, and only then.
    """

    config_entry: ConfigEntry

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        *,
        client: LiankeClient,
        storage: BoxStorage,
        account: PollingAccount,
    ) -> None:
        """Take what was remembered as a start; nothing is asked yet."""
        super().__init__(
            hass,
            _LOGGER,
            config_entry=entry,
            name=entry.title,
            update_interval=timedelta(seconds=DEFAULT_POLL_INTERVAL),
            always_update=False,
        )
        self._client = client
        self._storage = storage
        self._account = account
        self._random = Random(entry.entry_id)  # noqa: S311  # spreads load, hides nothing
        self._online: bool | None = None
        self._polled = False
        self._failures = 0
        self._jobs_open = False
        self._refreshes = RefreshScheduler(hass, entry, self.async_refresh)
        self.pushes = PushTracker(hass, storage, account)
        # Printers whose condition to ask for at the next look; None for whose turn it is.
        self._pending_status_reads: dict[str | None, None] = {}
        self._history = History()
        self._logged_states: set[str] = set()
        # Printers where our last job has ended that have not been seen at rest since.
        self._finishing: set[str] = set()
        self._details = CapabilityCache(client, storage)
        self._conditions = ConditionReader(
            hass, entry, client=client, storage=storage, account=account, on_update=self._publish
        )
        self.last_error: LiankeError | None = None
        self.data = self._view()

    @property
    def is_fresh(self) -> bool:
        """Return whether the data comes from the service, and the last poll went well."""
        return self._polled and self.last_update_success

    @property
    def key_rejected(self) -> bool:
        """Return whether the service does not accept the ApiKey."""
        return isinstance(self.last_error, AuthenticationError)

    def hold_reason(self, key: str) -> HoldReason | None:
        """Return why a printer cannot take a job now; None when nothing is known against it."""
        if self.data.online is not True:
            return HoldReason.BOX_OFFLINE
        if (view := self.data.printers.get(key)) is None:
            return HoldReason.DISCONNECTED
        return hold_reason_of(view.status)

    def is_ready(self, key: str) -> bool:
        """Return whether a printer can take a job now."""
        return self.is_fresh and self.hold_reason(key) is None

    @callback
    def async_add_deferred_listener(self, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Call `listener` a moment after each change, when those who show it have done so.

        It may be called once more just after that was ended.
        """
        return self.async_add_listener(lambda: call_after_updates(self.hass, listener))

    @callback
    def async_refresh_soon(self, reason: str, printer_key: str | None = None) -> None:
        """Look again soon, at most once in five seconds.

        `printer_key` names the printer whose condition is of interest, None any.
        """
        if printer_key not in self._pending_status_reads:
            # Told once a look: pushes may come by the thousand.
            self.logger.debug("Looking again: %s", reason)
            self._pending_status_reads[printer_key] = None
        self._refreshes.request()

    @callback
    def async_on_push(self) -> None:
        """Take a push message as a hint that something has changed."""
        self.pushes.record()
        self.async_refresh_soon("a push message came")

    @callback
    def async_on_jobs_ended(self, printer_key: str) -> None:
        """Take note that a printer is through with our jobs: if it was seen printing, look once more.

        Not at once: a job may count as ended a little before the last sheet is out.
        """
        self._history.note_ended(printer_key)
        self._finishing.add(printer_key)
        view = self.data.printers.get(printer_key)
        if view is not None and view.status is PrinterStatus.PRINTING:
            self._refreshes.schedule(REFRESH_SPACING)

    @callback
    def async_on_page_printed(self, printer_key: str) -> None:
        """Take note that a page of ours is on paper: what kept the printer from printing is over."""
        self._history.note_printed(printer_key)
        view = self.data.printers.get(printer_key)
        if view is not None and view.status in PROBLEMS:
            self._publish()
            self.async_refresh_soon("a printer with a fault has printed", printer_key)

    @callback
    def async_set_jobs_open(self, jobs_open: bool) -> None:
        """Say whether a job is open or held: then polling does not relax."""
        if jobs_open == self._jobs_open:
            return
        self._jobs_open = jobs_open
        if jobs_open and self.pushes.proven and self.data.online and self._listeners:
            self._plan_next()
            self._schedule_refresh()

    async def get_capabilities(
        self, key: str, get_client: ClientFactory | None = None
    ) -> Capabilities | None:
        """Return what a printer can do, None when it is not known; asked once in seven days.

        `get_client` returns the client of a user who only looks it up; see `CapabilityCache`.
        """
        return await self._details.get_capabilities(key, get_client)

    async def get_papers(
        self, key: str, get_client: ClientFactory | None = None
    ) -> tuple[Paper, ...]:
        """Return the papers of a printer's driver, () when unknown; as `get_capabilities`."""
        return await self._details.get_papers(key, get_client)

    @callback
    def async_forget(self, key: str) -> None:
        """Forget a printer that the user removed."""
        self._storage.forget(key)
        self._history.forget(key)
        self._finishing.discard(key)
        self._conditions.forget([key])
        self._publish()

    @override
    async def async_shutdown(self) -> None:
        """Stop polling and end what is under way."""
        await super().async_shutdown()
        self._refreshes.stop()
        self.pushes.stop()
        self._conditions.stop()

    @override
    async def _async_update_data(self) -> BoxData:
        """Ask for the box, and for its printers if it is online."""
        self._refreshes.cancel()
        if self._storage.box is not None:
            # Somebody waits for a box that is being bound; the others can wait themselves.
            await self._account.async_throttle(1 if self._online is False else POLL_REQUESTS)
        self._refreshes.last_started = time.monotonic()
        announced = self.pushes.consume()
        kind = _KINDS[self.config_entry.options.get(CONF_PRINTER_KIND, DEFAULT_PRINTER_KIND)]
        try:
            with self._refreshes.polling():
                box, rows = await async_poll(self._client, kind, was_online=self._online is True)
        except LiankeError as err:
            self.pushes.restore(pending=announced)
            return self._failed(err)
        if isinstance(self.last_error, AuthenticationError):
            self._end_reauth()
        self.last_error = None
        self._failures = 0
        before = self._signature()
        self._take(box, rows)
        data = self._view()
        if self._polled and self._signature() != before:
            self.pushes.rate_usefulness(announced=announced)
        elif self._polled and announced and data == self.data:
            self.pushes.record_useless()
        self._polled = True
        self._refresh_after_jobs(data)
        self._plan_next()
        self._ask_conditions()
        return data

    def _failed(self, err: LiankeError) -> BoxData:
        """Take note of a failed poll: overlook the first one, back off at more."""
        known = self.last_error
        self._failures += 1
        self.last_error = err
        if self._failures > 1 and known is not None and known.reason != err.reason:
            # Home Assistant itself tells listeners of the first failure only.
            self.hass.loop.call_soon(self.async_update_listeners)
        if self._failures == 1 and self.is_fresh and err.is_passing:
            self.update_interval = timedelta(seconds=self._jittered(SECOND_TRY))
            return self.data
        if isinstance(err, AuthenticationError):
            # The service may change its mind, though only the user can be expected to.
            self._refreshes.schedule(KEY_RETRY)
            raise ConfigEntryAuthFailed(
                translation_domain=DOMAIN,
                translation_key=err.reason,
                translation_placeholders=err.placeholders,
            ) from None
        pause = min(BACKOFF_START * 2 ** min(self._failures - 1, 10), BACKOFF_LIMIT)
        raise UpdateFailed(
            translation_domain=DOMAIN,
            translation_key=err.reason,
            translation_placeholders=err.placeholders,
            retry_after=self._jittered(self._account.stretch_interval(pause)),
        ) from None

    @callback
    def _end_reauth(self) -> None:
        """Stop asking for a new key: the service takes the old one again."""
        for flow in self.config_entry.async_get_active_flows(self.hass, {SOURCE_REAUTH}):
            self.hass.config_entries.flow.async_abort(flow["flow_id"])

    @callback
    def _take(self, box: Box, rows: Iterable[Printer] | None) -> None:
        """Remember what a poll found."""
        self._online = bool(box.online)
        self._storage.save_box(box)
        if rows is None:
            self._conditions.forget_all()
            return
        found = self._storage.match(rows)
        for raw_state in self._history.note_rows(found):
            self._log_unknown_state(raw_state)
        self._conditions.forget(self._conditions.readings.keys() - found.keys())

    @callback
    def _refresh_after_jobs(self, data: BoxData) -> None:
        """Forget the ends of jobs at printers that rest; look again if one came during the poll."""
        self._finishing = {
            key
            for key in self._finishing
            if key in data.printers and data.printers[key].status is PrinterStatus.PRINTING
        }
        if any(
            self._refreshes.last_started < self._history.ended_at[key] for key in self._finishing
        ):
            self._refreshes.schedule(REFRESH_SPACING)

    @callback
    def _ask_conditions(self) -> None:
        """Ask the printers that news was about, and the one whose turn it is."""
        pending, self._pending_status_reads = self._pending_status_reads, {}
        if self._online:
            self._conditions.rotate()
            for printer_key in pending:
                self._conditions.ask(printer_key)

    @callback
    def _log_unknown_state(self, raw_state: str | None) -> None:
        if len(self._logged_states) >= MAX_LOGGED_STATES:
            return
        if raw_state and row_status(raw_state) is None and raw_state not in self._logged_states:
            self._logged_states.add(raw_state)
            self.logger.info("A printer reports the unknown state %.60r", raw_state)

    def _signature(self) -> tuple[bool | None, frozenset[str]]:
        """Return what pushes are known to tell of: box on or off, printers plugged or not."""
        present = (key for key, known in self._storage.printers.items() if known.present)
        return self._online, frozenset(present)

    @callback
    def _plan_next(self) -> None:
        """Set when to poll next."""
        wished = self.config_entry.options.get(CONF_POLL_INTERVAL, DEFAULT_POLL_INTERVAL)
        interval = min(max(float(wished), MIN_POLL_INTERVAL), MAX_POLL_INTERVAL)
        if not self._online:
            interval = max(interval, OFFLINE_INTERVAL)
        elif self.pushes.proven and not self._jobs_open and not self._finishing:
            interval = max(interval, RELAXED_INTERVAL)
        self.update_interval = timedelta(
            seconds=self._jittered(self._account.stretch_interval(interval))
        )

    def _jittered(self, seconds: float) -> float:
        return seconds * (1 + JITTER * self._random.random())

    @callback
    def _publish(self) -> None:
        """Tell listeners of a change that no poll brought."""
        if (data := self._view()) != self.data:
            self.data = data
            self.async_update_listeners()

    def _view(self) -> BoxData:
        """Return what is known at this moment."""
        return BoxData(
            box=self._storage.box,
            online=self._online,
            printers={key: self._view_printer(key) for key in self._storage.printers},
        )

    def _view_printer(self, key: str) -> PrinterView:
        known = self._storage.printers[key]
        reading = self._conditions.readings.get(key) if self._online and known.present else None
        status: PrinterStatus | None = None
        if self._online:
            status = self._history.status(
                key, known.printer, present=known.present, reading=reading
            )
        elif self._online is False:
            status = PrinterStatus.BOX_OFFLINE
        return PrinterView(
            key=key,
            name=known.name,
            printer=known.printer,
            present=known.present,
            condition=settled_condition(reading.condition if reading else None, status),
            status=status,
        )
