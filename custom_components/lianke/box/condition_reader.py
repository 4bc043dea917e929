"""Reads the printers' own reports on their condition. The requests are slow, so each box gets only one at a time."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable
import logging
import time

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.util.hass_dict import HassKey

from ..account.request_limits import CONDITION_INTERVAL, Account
from ..api.client import STATUS_SECONDS, LiankeClient
from ..api.errors import LiankeConnectionError, LiankeError, PrinterNotFoundError
from ..const import DOMAIN
from ..fair_queue import SHORTEST_WAIT, Turns
from .printer_identity import StoredPrinter
from .printer_status import Reading
from .storage import BoxStorage

_LOGGER = logging.getLogger(__name__)

# Maximum printers that are read after a hint that names no printer, such as a push message.
MAX_AT_ONCE = 3
# Seconds to wait before reading begins, so that listeners get the poll's result first.
READ_PAUSE = 0.1
# For each config entry, the time (monotonic clock, s) until which its box may still be working on a request whose
# answer was lost.
BUSY_UNTIL: HassKey[dict[str, float]] = HassKey(f"{DOMAIN}_busy_until")


class ConditionReader:
    """Reads the conditions of one box's printers and keeps the latest readings."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        *,
        client: LiankeClient,
        storage: BoxStorage,
        account: Account,
        on_update: Callable[[], None],
    ) -> None:
        """Create a reader that calls `on_update` whenever a reading has arrived or was dropped."""
        self._hass = hass
        self._entry = entry
        self._client = client
        self._storage = storage
        self._account = account
        self._on_update = on_update
        self._requested_at = float("-inf")
        # Printers to be read out of turn. Reading them does not delay the rotation.
        self._extra: set[str] = set()
        # The order in which the printers were last read.
        self._turns = Turns()
        # Keys of printers to be read; None stands for the next printers in rotation.
        self._pending: dict[str | None, None] = {}
        self._task: asyncio.Task[None] | None = None
        self._stopped = False
        # Printers with jobs of ours, each with the time of its last request.
        self._watched: dict[str, float] = {}
        # How many reads of a printer failed in a row ("request overload", firmware that cannot report). Each failure
        # doubles the time to the next read.
        self._refusals: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None
        # Whether the box has been off at any time since the last request began.
        self._was_off = False
        self.readings: dict[str, Reading] = {}

    def request_next_printer(self, faulty: Collection[str]) -> None:
        """Read the next printer in rotation if a reading is due, otherwise the next printer that has a fault.

        The end of a fault may be visible only in the printer's own report.
        """
        able = [key for key in self._in_rotation() if key not in self._watched]
        if able and time.monotonic() - self._requested_at >= CONDITION_INTERVAL:
            self.request(able[0])
        elif again := [key for key in able if key in faulty]:
            self._extra.add(again[0])
            self.request(again[0])

    @callback
    def request(self, key: str | None) -> None:
        """Read a printer soon; None stands for the next printers in rotation."""
        if self._stopped:
            return
        self._pending[key] = None
        if self._task is None or self._task.done():
            self._task = self._entry.async_create_background_task(
                self._hass, self._async_read_pending(), f"read conditions at {self._entry.title}"
            )

    @callback
    def watch(self, keys: Collection[str]) -> None:
        """Set the printers that are read often. The first read comes after one interval: most jobs end before that."""
        now = time.monotonic()
        self._watched = {key: self._watched.get(key, now) for key in keys}
        for key in self._refusals.keys() - self._watched.keys():
            del self._refusals[key]
        self._read_watched()

    @callback
    def _read_watched(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now, waits = time.monotonic(), []
        for key, asked_at in self._watched.items():
            often = self._account.watch_interval * (1 << min(self._refusals[key], 10))
            pause = min(often, CONDITION_INTERVAL)
            wait = asked_at + pause - now
            if wait <= 0:
                self._watched[key], wait = now, pause
                self._extra.add(key)
                self.request(key)
            waits.append(wait)
        if waits and not self._stopped:
            wait = max(min(waits), SHORTEST_WAIT)
            self._timer = self._hass.loop.call_later(wait, self._read_watched)

    @callback
    def forget(self, keys: Iterable[str]) -> None:
        for key in list(keys):
            self.readings.pop(key, None)
            self._pending.pop(key, None)

    def forget_all(self) -> None:
        """Drop all readings and requests, because the box is off."""
        self._was_off = True
        self.readings.clear()
        self._pending.clear()

    @callback
    def stop(self) -> None:
        """Stop reading for good."""
        self._stopped = True
        self._pending.clear()
        self.watch(())
        if self._task is not None:
            self._task.cancel()

    def _in_rotation(self) -> list[str]:
        """Return the printers that report a condition, starting with the printer that was read longest ago."""
        able = [key for key, known in self._storage.printers.items() if known.reports_condition]
        return sorted(able, key=self._turns.last)

    async def _async_read_pending(self) -> None:
        await asyncio.sleep(READ_PAUSE)
        while self._pending:
            if None in self._pending:
                # Replace None by printers first, so that a printer that is also requested by its key is read only once.
                del self._pending[None]
                self._pending |= dict.fromkeys(self._in_rotation()[:MAX_AT_ONCE])
                continue
            key = next(key for key in self._pending if key is not None)
            del self._pending[key]
            await self._async_until_free()
            await self._account.async_wait_for_poll_rate(1)
            known = self._storage.printers.get(key)
            if known is not None and known.reports_condition:
                if key not in self._extra:
                    self._requested_at = time.monotonic()
                self._extra.discard(key)
                self._turns.note(key)
                await self._async_read(known)

    async def _async_until_free(self) -> None:
        """Wait while the box may still be busy with a request whose answer was lost, perhaps before a reload.

        A box handles one request at a time.
        """
        until = self._hass.data.get(BUSY_UNTIL, {}).get(self._entry.entry_id, 0.0)
        if (wait := until - time.monotonic()) > 0:
            await asyncio.sleep(min(wait, STATUS_SECONDS))

    async def _async_read(self, known: StoredPrinter) -> None:
        # The answer takes seconds, so rows that arrive in the meantime are newer than the reading.
        started, self._was_off = time.monotonic(), False
        busy = self._hass.data.setdefault(BUSY_UNTIL, {})
        busy[self._entry.entry_id] = started + STATUS_SECONDS
        if known.key in self._watched:
            self._watched[known.key] = started
            self._refusals[known.key] += 1
        try:
            condition = await self._client.printer_condition(known.printer.address)
        except LiankeConnectionError as err:
            _LOGGER.debug("Reading a printer's condition failed: %s", err)
            return
        except PrinterNotFoundError:
            self.readings.pop(known.key, None)
        except LiankeError as err:
            # Keep the old reading, which is better than no reading.
            _LOGGER.debug("Reading a printer's condition failed: %s", err)
            busy.pop(self._entry.entry_id, None)
            return
        else:
            self._refusals.pop(known.key, None)
            now = self._storage.printers.get(known.key)
            if now is not None and now.present and not self._was_off:
                # Drop a reading that began before the printer or the box was switched off: it may be out of date.
                self.readings[known.key] = Reading(condition=condition, at=started)
        busy.pop(self._entry.entry_id, None)
        self._on_update()
