"""Asking printers for their own condition: slow, so in turn and one at a time a box."""

import asyncio
from collections.abc import Callable, Iterable
import logging
import time

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.util.hass_dict import HassKey

from ..api.client import STATUS_SECONDS, LiankeClient
from ..api.errors import LiankeConnectionError, LiankeError, PrinterNotFoundError
from ..const import DOMAIN
from .polling import PollingAccount
from .status import Reading
from .storage import BoxStorage, StoredPrinter

_LOGGER = logging.getLogger(__name__)

# Seconds from one box's regular question to the next.
INTERVAL = 300
# Printers asked after one piece of news.
MAX_AT_ONCE = 3
# Seconds until they are: first the news itself is to reach whoever watches.
PAUSE = 0.1
# By entry, when a box is surely through with a question that was not answered.
BUSY_UNTIL: HassKey[dict[str, float]] = HassKey(f"{DOMAIN}_busy_until")


class ConditionReader:
    """Holds the latest readings of one box's printers, and takes new ones."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        *,
        client: LiankeClient,
        storage: BoxStorage,
        account: PollingAccount,
        on_update: Callable[[], None],
    ) -> None:
        """`on_news` is called after each new reading."""
        self._hass = hass
        self._entry = entry
        self._client = client
        self._storage = storage
        self._account = account
        self._on_update = on_update
        self._asked_at = float("-inf")
        # Keys in the order in which they were last asked.
        self._turns: list[str] = []
        # Keys, and None for whose turn it is.
        self._wanted: dict[str | None, None] = {}
        self._task: asyncio.Task[None] | None = None
        self._stopped = False
        self.readings: dict[str, Reading] = {}

    @callback
    def rotate(self) -> None:
        """Ask the printer whose turn it is, if it is time."""
        if time.monotonic() - self._asked_at >= INTERVAL and (able := self._in_turn()):
            self.ask(able[0])

    @callback
    def ask(self, key: str | None) -> None:
        """Ask one printer soon, or with None those whose turn it is."""
        if self._stopped:
            return
        self._wanted[key] = None
        if self._task is None or self._task.done():
            self._task = self._entry.async_create_background_task(
                self._hass, self._async_work(), f"read conditions at {self._entry.title}"
            )

    @callback
    def forget(self, keys: Iterable[str]) -> None:
        """Drop the readings of printers that are gone."""
        for key in list(keys):
            self.readings.pop(key, None)
            self._wanted.pop(key, None)

    @callback
    def forget_all(self) -> None:
        """Drop every reading, and ask nobody: the box is off."""
        self.readings.clear()
        self._wanted.clear()

    @callback
    def stop(self) -> None:
        """End what is under way, for good."""
        self._stopped = True
        self._wanted.clear()
        if self._task is not None:
            self._task.cancel()

    def _in_turn(self) -> list[str]:
        """Return the printers that can be asked, the longest unasked first."""
        order = {key: index for index, key in enumerate(self._turns)}
        able = [key for key, known in self._storage.printers.items() if _reports_condition(known)]
        return sorted(able, key=lambda key: order.get(key, -1))

    async def _async_work(self) -> None:
        await asyncio.sleep(PAUSE)
        while self._wanted:
            if None in self._wanted:
                # First: those that are asked by name as well must not be asked twice.
                del self._wanted[None]
                self._wanted |= dict.fromkeys(self._in_turn()[:MAX_AT_ONCE])
                continue
            key = next(key for key in self._wanted if key is not None)
            del self._wanted[key]
            await self._async_until_free()
            await self._account.async_throttle(1)
            known = self._storage.printers.get(key)
            if known is not None and _reports_condition(known):
                self._asked_at = time.monotonic()
                self._turns = [*(other for other in self._turns if other != key), key]
                await self._async_read(known)

    async def _async_until_free(self) -> None:
        """Wait while the box may still be busy with a request of which the answer was lost.

        Also one that a reload has cut off: a box takes one at a time.
        """
        until = self._hass.data.get(BUSY_UNTIL, {}).get(self._entry.entry_id, 0.0)
        if (wait := until - time.monotonic()) > 0:
            await asyncio.sleep(min(wait, STATUS_SECONDS))

    async def _async_read(self, known: StoredPrinter) -> None:
        # The answer takes seconds. Whatever a row tells from now on is the newer.
        started = time.monotonic()
        busy = self._hass.data.setdefault(BUSY_UNTIL, {})
        busy[self._entry.entry_id] = started + STATUS_SECONDS
        try:
            condition = await self._client.printer_condition(known.printer.address)
        except PrinterNotFoundError:
            busy.pop(self._entry.entry_id, None)
            self.readings.pop(known.key, None)
        except LiankeError as err:
            if not isinstance(err, LiankeConnectionError):
                busy.pop(self._entry.entry_id, None)
            # An old reading tells more than none; it goes with the printer.
            _LOGGER.debug("Reading a printer's condition failed: %s", err)
            return
        else:
            busy.pop(self._entry.entry_id, None)
            self.readings[known.key] = Reading(condition=condition, at=started)
        self._on_update()


def _reports_condition(known: StoredPrinter) -> bool:
    return known.present and known.printer.reports_condition
