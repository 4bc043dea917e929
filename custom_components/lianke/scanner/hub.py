"""The scanners of a box: the list of scanners, their abilities, and whether they are in use."""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
import json
import logging
from math import ceil
from typing import Final

from homeassistant.components import labs
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_DEVICE_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.signal_type import SignalType

from ..api.coerce import JsonValue
from ..api.errors import LiankeError
from ..api.scanning import Scanner
from ..api.transport import Purpose
from ..const import DOMAIN
from ..documents.spool import disk_full_error
from ..fair_queue import FairQueue, NoPlaceError, QueuePlace
from ..input_error import InputError
from ..ledger import Table, View
from ..ledger_file import Kind, LedgerClosedError, LedgerRefusedError
from ..runtime import LiankeConfigEntry
from .scan_pace import ScanPace
from .scan_rules import (
    CONDITION_SECONDS,
    FORGET_PAUSE,
    FORGET_TRIES,
    LOOK_SECONDS,
    MAX_LAN_STARTS,
    MAX_STARTS,
    SCANNER_TURN_SECONDS,
    seconds_until_free,
)
from .scanner_abilities import ScannerAbilities
from .scanner_condition import (
    STATES,
    ScannerCondition,
    ScannerConditions,
    conditions_in,
)

_LOGGER = logging.getLogger(__name__)

# The preview feature of Home Assistant Labs that enables scanning.
FEATURE: Final = "scanning"
# Seconds that a call waits for the first list of scanners after a start; after that, it continues without the list.
SCANNER_LIST_SECONDS: Final = 20.0
# Records of the scans that the service must still forget, by task id. A record is the shape of the service's last
# answer about the scan: if a new answer has another shape, the scan must not be forgotten. If the record is "", the
# shape does not matter.
TO_FORGET: Final = Kind[str]("scan_task", json.dumps, json.loads)
# Sent when the list of a box's scanners, or what is known about a scanner, may have changed.
SIGNAL_SCANNERS: Final[SignalType[()]] = SignalType(f"{DOMAIN}_scanners_changed")
# Sent together with SIGNAL_SCANNERS, and when the activity of a scanner changes.
SIGNAL_SCANS: Final[SignalType[()]] = SignalType(f"{DOMAIN}_scans_changed")


def scanner_identifier(entry: LiankeConfigEntry, scanner_id: str) -> tuple[str, str]:
    """Return a scanner's identifier in the device registry; no printer's identifier begins in the same way."""
    return DOMAIN, f"{entry.data[CONF_DEVICE_ID]}/scanner/{scanner_id}"


def scanner_status_entity(
    hass: HomeAssistant, entry: LiankeConfigEntry, scanner_id: str
) -> str | None:
    """Return a scanner's status entity; a user's permissions for this entity apply to the scanner."""
    unique_id = f"{scanner_identifier(entry, scanner_id)[1]}_scanner_status"
    return er.async_get(hass).async_get_entity_id("sensor", DOMAIN, unique_id)


@callback
def scanner_device(
    hass: HomeAssistant, entry: LiankeConfigEntry, scanner_id: str
) -> dr.DeviceEntry | None:
    identifier = scanner_identifier(entry, scanner_id)
    return dr.async_get(hass).async_get_device_by_identifier(identifier, entry.entry_id)


@callback
def scanner_devices(
    hass: HomeAssistant, entry: LiankeConfigEntry
) -> list[tuple[str, dr.DeviceEntry]]:
    start = scanner_identifier(entry, "")[1]
    return [
        (name.removeprefix(start), device)
        for device in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
        for domain, name in device.identifiers
        if domain == DOMAIN and name.startswith(start)
    ]


@callback
def is_scanning_enabled(hass: HomeAssistant) -> bool:
    return labs.async_is_preview_feature_enabled(hass, DOMAIN, FEATURE)


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownScanner:
    scanner_id: str  # Our id, which never changes: the first id that the service gave the scanner.
    service_id: str  # The id that the service uses for the scanner now.
    name: str
    present: bool = True  # Whether the scanner is on the service's last list.
    abilities: ScannerAbilities | None = None


class ScannerHub:
    """The scanners of one box; it has no scanners while the preview feature is off."""

    def __init__(self, hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
        self._hass = hass
        self._entry = entry
        # Until the service sends its list, use the scanners from before the restart. Prefer the stored names, because
        # the name of a device may contain an additional word.
        names = entry.runtime_data.storage.scanners
        self.scanners = {
            scanner_id: KnownScanner(
                scanner_id=scanner_id,
                service_id=scanner_id,
                name=names.get(scanner_id) or device.name or scanner_id,
            )
            for scanner_id, device in (
                scanner_devices(hass, entry) if is_scanning_enabled(hass) else ()
            )
        }
        self._places: defaultdict[str, FairQueue] = defaultdict(lambda: FairQueue(1))
        # For each scanner, when its latest scans began (loop's clock), and which device began them (None: Home
        # Assistant).
        self._begun: defaultdict[str, deque[tuple[float, str | None]]] = defaultdict(
            lambda: deque(maxlen=MAX_STARTS + MAX_LAN_STARTS)
        )
        # For each scanner, when its condition was last reported or asked for, and which conditions were reported.
        self._said: dict[str, tuple[float, ScannerConditions]] = {}
        # The scanners whose status we understand.
        self._telling: set[str] = set()
        self._listed = asyncio.Event()
        # Why the last fetch of the list of scanners failed; for reports.
        self.list_error = ""
        # Keep our own reference, for requests that continue after the entry is unloaded.
        self.service = entry.runtime_data.client.scanners
        self._ledger = entry.runtime_data.queue.ledger
        self._to_forget = Table(TO_FORGET, entry.entry_id)

    async def async_load(self) -> None:
        """Load the records of the scans that the service must still forget."""
        await self._ledger.async_load(self._to_forget)

    @property
    def to_forget(self) -> dict[str, str]:
        """The records of the scans that the service must still forget, by task id (see TO_FORGET)."""
        return {**self._ledger.latest(self._to_forget)}

    async def async_note_to_forget(self, task_id: str) -> None:
        """Store a TO_FORGET record, so that the next start asks the service to forget a scan.

        Raises HomeAssistantError: disk_full.
        """
        try:
            await self._ledger.commit(lambda view: view.put(self._to_forget, task_id, ""))
        except LedgerRefusedError as err:
            raise disk_full_error(err) from None

    @callback
    def set_to_forget(self, task_id: str, ended: str | None) -> None:
        """Write `ended` as a scan's TO_FORGET record; None deletes the record, since nothing is left to forget."""

        def change(view: View) -> None:
            if ended is None:
                view.delete(self._to_forget, task_id)
            else:
                view.put(self._to_forget, task_id, ended)

        with suppress(LedgerClosedError):
            self._ledger.commit(change, is_report=True)

    @property
    def is_listed(self) -> bool:
        """Whether the first refresh since the start is over, even if it failed."""
        return self._listed.is_set()

    async def async_listed(self) -> None:
        """Wait up to SCANNER_LIST_SECONDS until `is_listed`: before that, a scanner's abilities are unknown."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SCANNER_LIST_SECONDS):
                await self._listed.wait()

    @property
    def _is_going(self) -> bool:
        is_there = self._entry.state in (
            ConfigEntryState.LOADED,
            ConfigEntryState.SETUP_IN_PROGRESS,
        )
        return self._hass.is_stopping or not is_there

    @callback
    def notify(self) -> None:
        """Notify entities and cards that the activity of a scanner has changed."""
        async_dispatcher_send(self._hass, SIGNAL_SCANS)

    @callback
    def notify_list_changed(self) -> None:
        """Notify all listeners: the list of scanners, or what is known about a scanner, may have changed."""
        async_dispatcher_send(self._hass, SIGNAL_SCANNERS)
        self.notify()

    @callback
    def clear(self) -> None:
        self.scanners = {}
        self.notify_list_changed()

    @callback
    def forget_scanner(self, scanner_id: str) -> None:
        """Drop a scanner from the list after the user has removed its device."""
        self.scanners.pop(scanner_id, None)
        self.notify_list_changed()

    async def async_refresh(self) -> None:
        """Fetch the list of scanners, and abilities that are still unknown; if the box is offline, fetch nothing."""
        try:
            if self._entry.runtime_data.coordinator.data.online is not False:
                await self._async_list()
                self.list_error = ""
        except LiankeError as err:
            self.list_error = err.reason if err.code is None else f"{err.reason} {err.code}"
            _LOGGER.debug("The scanners are not known: %s", err)
        finally:
            if not self.is_listed:
                self._listed.set()
                self.notify_list_changed()

    async def _async_list(self) -> None:
        client = self._entry.runtime_data.client
        listed = self._match(await client.scanners.all())
        if not is_scanning_enabled(self._hass):
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
            self.notify_list_changed()
        for key in listed:
            if known[key].abilities is None and key in self.scanners:
                await self._async_learn(key)

    def _match(self, rows: Sequence[Scanner]) -> dict[str, Scanner]:
        """Return the listed scanners by our ids (`KnownScanner.scanner_id`).

        When a box is bound again, the service gives the box's scanners new ids. We recognize such a scanner by its
        name, unless another scanner has the same name.
        """
        names = self._entry.runtime_data.storage.scanners | {
            key: one.name for key, one in self.scanners.items()
        }
        service_ids = {key: key for key in names} | {
            key: one.service_id for key, one in self.scanners.items()
        }
        keys = {service_id: key for key, service_id in service_ids.items()}
        found = {keys[row.scanner_id]: row for row in rows if row.scanner_id in keys}
        new = [row for row in rows if row.scanner_id not in keys]
        lost = [key for key in names if key not in found]
        for row in new:
            alike = [key for key in lost if names[key] == row.name]
            is_alone = sum(one.name == row.name for one in new) == 1
            key = alike[0] if is_alone and len(alike) == 1 else row.scanner_id
            while key in found:
                key += "+"
            found[key] = row
        return found

    async def _async_learn(self, scanner_id: str) -> None:
        """Fetch a scanner's abilities; abilities that the service does not report stay unknown."""
        scanners = self._entry.runtime_data.client.scanners
        service_id = self.scanners[scanner_id].service_id
        try:
            await self._async_ask(scanner_id)
            abilities = ScannerAbilities.from_params(await scanners.params(service_id))
        except LiankeError as err:
            _LOGGER.debug("A scanner does not say what it can do: %s", err)
            return
        # The preview feature may have been switched off meanwhile.
        if (known := self.scanners.get(scanner_id)) is not None:
            self.scanners[scanner_id] = replace(known, abilities=abilities)
            self.notify_list_changed()

    def get(self, scanner_id: str) -> KnownScanner:
        """Return a scanner. Raises InputError: scanner_gone if it is unknown, or missing in the service's last list."""
        known = self.scanners.get(scanner_id)
        if known is None or not known.present:
            raise InputError("scanner_gone")
        return known

    def abilities(self, scanner_id: str) -> ScannerAbilities:
        known = self.scanners.get(scanner_id)
        return (known and known.abilities) or ScannerAbilities()

    def note(self, scanner_id: str, said: Iterable[ScannerCondition]) -> None:
        self._said[scanner_id] = self._hass.loop.time(), ScannerConditions(said)
        self.notify()

    def conditions(self, scanner_id: str, seconds: float = CONDITION_SECONDS) -> ScannerConditions:
        """Return a scanner's last reported conditions; empty if the report is `seconds` old or older."""
        at, said = self._said.get(scanner_id, (float("-inf"), ScannerConditions()))
        return said if self._hass.loop.time() - at < seconds else ScannerConditions()

    def status(self, scanner_id: str) -> str:
        """Return a state for the scanner's status sensor, ignoring unfinished scans in `ScanJobs`."""
        known, said = self.scanners.get(scanner_id), self.conditions(scanner_id)
        is_online = self._entry.runtime_data.coordinator.data.online is not False
        if not (is_online and known and known.present) or ScannerCondition.OFF in said:
            return "offline"
        if self.is_in_use(scanner_id):
            return "scanning"
        return next((one.value for one in STATES if one in said), "idle")

    async def async_look(self, scanner_id: str) -> None:
        """Ask for an idle scanner's condition, unless it was asked for or reported within CONDITION_SECONDS."""
        at, _ = self._said.get(scanner_id, (float("-inf"), None))
        is_due = self._hass.loop.time() - at >= CONDITION_SECONDS
        if is_due and scanner_id in self._telling and not self.is_in_use(scanner_id):
            with suppress(TimeoutError, LiankeError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._async_ask(scanner_id)

    async def _async_ask(self, scanner_id: str) -> None:
        # If no answer comes, do not ask again at once.
        self._said[scanner_id] = self._hass.loop.time(), ScannerConditions()
        said = conditions_in(await self.service.status(self.scanners[scanner_id].service_id))
        if said is not None and not self.is_in_use(scanner_id):
            self._telling.add(scanner_id)
            self.note(scanner_id, said)

    def is_in_use(self, scanner_id: str) -> bool:
        return self._places[scanner_id].taken > 0

    def is_wanted_by_house(self, scanner_id: str) -> bool:
        """Whether Home Assistant itself, which has priority over the home network's devices, scans or waits to scan."""
        return self._places[scanner_id].is_wanted_by(None)

    def seconds_until_free(self, scanner_id: str, device: str | None = None) -> float:
        """Return the seconds until a device (None: Home Assistant) may begin another scan; 0 or less means now."""
        return seconds_until_free(self._begun[scanner_id], device, self._hass.loop.time())

    def check_rate(self, scanner_id: str, device: str | None = None) -> None:
        """Raise InputError: scan_too_often if a device (None: Home Assistant) has just begun too many scans."""
        if (wait := self.seconds_until_free(scanner_id, device)) > 0:
            raise InputError("scan_too_often", detail=str(ceil(wait)))

    @asynccontextmanager
    async def using(
        self, scanner_id: str, device: str | None = None, *, is_begun: bool = False
    ) -> AsyncIterator[QueuePlace]:
        """Reserve the scanner for a device, or for Home Assistant (None), which has priority, until the block ends.

        Wait up to SCANNER_TURN_SECONDS until the scanner is free; there is no limit if the service has already begun
        the scan (`is_begun`). Raises InputError: scanner_busy, scan_too_often.
        """
        places, patience = self._places[scanner_id], None if is_begun else SCANNER_TURN_SECONDS
        try:
            if not is_begun:
                self.check_rate(scanner_id, device)
            async with places.place(device, rank=device is not None, max_wait=patience) as place:
                if not is_begun:
                    self._begun[scanner_id].append((self._hass.loop.time(), device))
                self.notify()
                yield place
        except NoPlaceError:
            raise InputError("scanner_busy") from None
        finally:
            self.notify()

    async def async_start_scan(
        self, scanner_id: str, fields: Mapping[str, JsonValue], place: QueuePlace
    ) -> str:
        """Start a scan; return the scan's task id. Raises InputError: scanner_gone; LiankeError.

        If the caller is canceled, the scan is canceled too, since it may have started.
        """
        # Do not use a task of the entry: an unload would cancel the task, and the id of a started scan would be lost.
        start = self.service.start(self.get(scanner_id).service_id, fields)
        started = self._hass.async_create_background_task(start, "lianke: start a scan")
        try:
            await asyncio.wait([started])
        except asyncio.CancelledError:
            self.cancel(started, place)
            raise
        return started.result()

    @callback
    def cancel(
        self, task: str | asyncio.Task[str], place: QueuePlace, *, is_taken_up: bool = False
    ) -> None:
        """Ask the service to cancel a scan.

        During an unload, do nothing if the next setup resumes the scan (`is_taken_up`). The scanner stays in use
        until the service has answered, because the service refuses other scans until then. If the service does not
        answer, the next start asks again. It is unknown whether the service really cancels the scan.
        """
        if is_taken_up and self._is_going:
            return
        if isinstance(task, str):
            self.set_to_forget(task, "")
        if self._hass.is_stopping:
            return
        place.keep()

        async def cancel() -> None:
            try:
                task_id = task if isinstance(task, str) else await task
                self.set_to_forget(task_id, "")
                await self.service.cancel(task_id)
                self.set_to_forget(task_id, None)
            except LiankeError as err:
                _LOGGER.debug("A scan stays at the service: %s", err)
            finally:
                place.give_back()
                self.notify()

        # Do not use a task of the entry, because this one must continue after an unload.
        self._hass.async_create_background_task(cancel(), "lianke: cancel a scan")

    @callback
    def keep_at_service(self, task_id: str) -> None:
        """Delete a scan's TO_FORGET record, so that the service keeps the scan.

        During an unload, which may have interrupted the scan, keep the record: the next start asks the service to
        forget the scan.
        """
        if not self._is_going:
            self.set_to_forget(task_id, None)

    @callback
    def forget_at_service(
        self,
        task_id: str,
        ended: str,
        pause: float,
        pace: ScanPace | None = None,
        purpose: Purpose = Purpose.SCAN,
    ) -> None:
        """After `pause` seconds, ask the service to forget a scan if the answer about it still has the shape `ended`.

        If `ended` is "", the shape does not matter. If an unload or a restart comes first, the next start asks the
        service. It is unknown whether the service really forgets the scan.
        """
        self.set_to_forget(task_id, ended)
        if self._is_going:
            return

        async def forget(pace: ScanPace) -> None:
            for wait in (pause, *[FORGET_PAUSE] * (FORGET_TRIES - 1)):
                await pace.async_turn(wait)
                try:
                    if ended and (await self.service.task(task_id, purpose)).shape != ended:
                        _LOGGER.warning(
                            "Something came after the end of a scan: it stays at the service"
                        )
                        break
                    await pace.async_turn()
                    await self.service.cancel(task_id)
                except LiankeError as err:
                    _LOGGER.debug("A scan stays at the service: %s", err)
                    if err.is_passing:
                        continue
                break
            self.set_to_forget(task_id, None)

        self._entry.async_create_background_task(
            self._hass, forget(pace or ScanPace()), "lianke: forget a scan"
        )


# The hub from the last setup of each entry, by entry id.
HUBS: HassKey[dict[str, ScannerHub]] = HassKey(f"{DOMAIN}_scanners")


@callback
def async_get_hub(hass: HomeAssistant, entry: LiankeConfigEntry) -> ScannerHub:
    """Return an entry's hub. Raises InputError: scanner_gone if the entry was removed."""
    if (hub := hass.data[HUBS].get(entry.entry_id)) is None:
        raise InputError("scanner_gone")
    return hub
