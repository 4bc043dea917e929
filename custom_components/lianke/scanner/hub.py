"""The scanners behind a box: which there are, what they can do, and whether one is in use."""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
import logging
from typing import Final

from homeassistant.components import labs
from homeassistant.const import CONF_DEVICE_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.signal_type import SignalType

from ..account.request_limits import MINUTE
from ..api.errors import LiankeError
from ..api.scanning import Scanner
from ..const import DOMAIN
from ..errors import InputError
from ..runtime import LiankeConfigEntry
from .abilities import Abilities

_LOGGER = logging.getLogger(__name__)

FEATURE: Final = "scanning"
"""The preview feature of Home Assistant Labs that all of this is behind."""
MAX_STARTS: Final = 12
"""scans of a scanner that begin in a minute: whoever lets them come to their end has no more."""
LIST_SECONDS: Final = 20.0
"""for the list of scanners after a start."""
SIGNAL_SCANNERS: Final[SignalType[()]] = SignalType(f"{DOMAIN}_scanners_changed")
"""The scanners of a box, or their scans, have changed."""


def scanner_identifier(entry: LiankeConfigEntry, scanner_id: str) -> tuple[str, str]:
    """Return the identifier of a scanner in the device registry; no printer's begins like it."""
    return DOMAIN, f"{entry.data[CONF_DEVICE_ID]}/scanner/{scanner_id}"


@callback
def scanner_device(
    hass: HomeAssistant, entry: LiankeConfigEntry, scanner_id: str
) -> dr.DeviceEntry | None:
    """Return the device of a scanner, None where there is none (yet)."""
    identifier = scanner_identifier(entry, scanner_id)
    return dr.async_get(hass).async_get_device_by_identifier(identifier, entry.entry_id)


@callback
def scanner_devices(
    hass: HomeAssistant, entry: LiankeConfigEntry
) -> list[tuple[str, dr.DeviceEntry]]:
    """Return the devices of a box that are scanners, each with the scanner's id."""
    start = scanner_identifier(entry, "")[1]
    return [
        (name.removeprefix(start), device)
        for device in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
        for domain, name in device.identifiers
        if domain == DOMAIN and name.startswith(start)
    ]


@callback
def is_enabled(hass: HomeAssistant) -> bool:
    """Return whether somebody has switched the preview feature on."""
    return labs.async_is_preview_feature_enabled(hass, DOMAIN, FEATURE)


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownScanner:
    """A scanner as the service named it. `present`: it was on the last list.

    `scanner_id` is what it was first known by, for ever; `service_id` what the service calls it now.
    """

    scanner_id: str
    service_id: str
    name: str
    present: bool = True
    abilities: Abilities | None = None


class ScannerHub:
    """The scanners of one box; none while the preview feature is off."""

    def __init__(self, hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
        """Start with those that were there before a restart; the list tells what has become of them."""
        self._hass = hass
        self._entry = entry
        # As the service called them, which the name of the device may say more than.
        names = entry.runtime_data.storage.scanners
        self.scanners = {
            scanner_id: KnownScanner(
                scanner_id=scanner_id,
                service_id=scanner_id,
                name=names.get(scanner_id) or device.name or scanner_id,
            )
            for scanner_id, device in (scanner_devices(hass, entry) if is_enabled(hass) else ())
        }
        self._in_use: set[str] = set()
        self._freed = asyncio.Event()
        self._begun: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=MAX_STARTS))
        self._listed = asyncio.Event()

    @property
    def is_listed(self) -> bool:
        """Return whether the service was asked since the start, and answered if it did."""
        return self._listed.is_set()

    async def async_listed(self) -> None:
        """Wait for that, for a while: until then nobody knows what a scanner can do."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LIST_SECONDS):
                await self._listed.wait()

    @callback
    def notify(self) -> None:
        """Tell entities and cards that something has changed."""
        async_dispatcher_send(self._hass, SIGNAL_SCANNERS)

    @callback
    def clear(self) -> None:
        """Forget all scanners."""
        self.scanners = {}
        self.notify()

    @callback
    def forget(self, scanner_id: str) -> None:
        """Forget a scanner whose device the user removed."""
        self.scanners.pop(scanner_id, None)
        self.notify()

    async def async_refresh(self) -> None:
        """Ask the service which scanners there are, and of new ones what they can do, unless the box is offline."""
        try:
            if self._entry.runtime_data.coordinator.data.online is not False:
                await self._async_list()
        except LiankeError as err:
            _LOGGER.debug("The scanners are not known: %s", err)
        finally:
            if not self.is_listed:
                self._listed.set()
                self.notify()

    async def _async_list(self) -> None:
        client = self._entry.runtime_data.client
        listed = self._match(await client.scanners.all())
        if not is_enabled(self._hass):
            return
        known = {key: replace(one, present=key in listed) for key, one in self.scanners.items()}
        for key, one in listed.items():
            known[key] = KnownScanner(
                scanner_id=key,
                service_id=one.scanner_id,
                name=one.name,
                abilities=known[key].abilities if key in known else None,
            )
        self._entry.runtime_data.storage.save_scanners(
            {key: one.name for key, one in listed.items()}
        )
        before, self.scanners = self.scanners, known
        if known != before:
            self.notify()
        for key in listed:
            if known[key].abilities is None and key in self.scanners:
                await self._async_learn(key)

    def _match(self, rows: Sequence[Scanner]) -> dict[str, Scanner]:
        """Return the scanners of a list by what each was first known by.

        One that the service calls otherwise now, as after the box was bound anew, is known by its name, if it is the
        only one that is called so.
        """
        names = self._entry.runtime_data.storage.scanners | {
            key: one.name for key, one in self.scanners.items()
        }
        service_ids = {key: key for key in names} | {
            key: one.service_id for key, one in self.scanners.items()
        }
        keys = {service_id: key for key, service_id in service_ids.items()}
        found = {keys[row.scanner_id]: row for row in rows if row.scanner_id in keys}
        left = [row for row in rows if row.scanner_id not in keys]
        lost = [key for key in names if key not in found]
        for row in left:
            alike = [key for key in lost if names[key] == row.name]
            is_alone = sum(one.name == row.name for one in left) == 1
            key = alike[0] if is_alone and len(alike) == 1 else row.scanner_id
            while key in found:
                key += "+"
            found[key] = row
        return found

    async def _async_learn(self, scanner_id: str) -> None:
        """Ask what a scanner can do; what the service does not say stays unknown."""
        scanners = self._entry.runtime_data.client.scanners
        service_id = self.scanners[scanner_id].service_id
        try:
            # What it says of its condition is not known; how that looks goes to the report of unknown parts.
            await scanners.status(service_id)
            abilities = Abilities.from_params(await scanners.params(service_id))
        except LiankeError as err:
            _LOGGER.debug("A scanner does not say what it can do: %s", err)
            return
        # Meanwhile somebody may have switched it off.
        if (known := self.scanners.get(scanner_id)) is not None:
            self.scanners[scanner_id] = replace(known, abilities=abilities)
            self.notify()

    def get(self, scanner_id: str) -> KnownScanner:
        """Return a scanner. Raises InputError: scanner_gone."""
        known = self.scanners.get(scanner_id)
        if known is None or not known.present:
            raise InputError("scanner_gone")
        return known

    def abilities(self, scanner_id: str) -> Abilities:
        """Return what a scanner can do, as far as is known."""
        known = self.scanners.get(scanner_id)
        return (known and known.abilities) or Abilities()

    def is_in_use(self, scanner_id: str) -> bool:
        """Return whether a scan of ours is under way."""
        return scanner_id in self._in_use

    def is_free(self, scanner_id: str) -> bool:
        """Return whether a scan may begin now. Those that are taken back at once would take the account's requests."""
        begun = self._begun[scanner_id]
        is_hasty = len(begun) == MAX_STARTS and self._hass.loop.time() - begun[0] < MINUTE
        return not (is_hasty or self.is_in_use(scanner_id))

    @asynccontextmanager
    async def using(self, scanner_id: str, *, is_begun: bool = False) -> AsyncIterator[None]:
        """Keep others from the scanner meanwhile; for a scan that `is_begun`, wait until it is free.

        Raises InputError: scanner_busy.
        """
        while is_begun and self.is_in_use(scanner_id):
            await self._freed.wait()
        if not is_begun and not self.is_free(scanner_id):
            raise InputError("scanner_busy")
        self._begun[scanner_id].append(self._hass.loop.time())
        self._in_use.add(scanner_id)
        self.notify()
        try:
            yield
        finally:
            self._in_use.discard(scanner_id)
            freed, self._freed = self._freed, asyncio.Event()
            freed.set()
            self.notify()


HUBS: HassKey[dict[str, ScannerHub]] = HassKey(f"{DOMAIN}_scanners")
"""By the ids of entries, each of its last setup."""


@callback
def async_get_hub(hass: HomeAssistant, entry: LiankeConfigEntry) -> ScannerHub:
    """Return the scanners of a box that was set up. Raises InputError where it is removed: scanner_gone."""
    if (hub := hass.data[HUBS].get(entry.entry_id)) is None:
        raise InputError("scanner_gone")
    return hub
