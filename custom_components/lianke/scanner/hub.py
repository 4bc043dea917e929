"""The scanners behind a box: which there are, what they can do, and whether one is in use."""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
import json
import logging
import re
from typing import Final

from homeassistant.components import labs
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_DEVICE_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.signal_type import SignalType

from ..account.request_limits import MINUTE
from ..api.coerce import JsonValue, to_bool, to_text
from ..api.errors import LiankeError
from ..api.scanning import Scanner
from ..const import DOMAIN, ScanColor, ScanSource
from ..documents.spool import disk_full
from ..fair_queue import FairQueue, NoPlaceError, QueuePlace
from ..input_error import InputError
from ..ledger import Table, View
from ..ledger_file import Kind, LedgerClosedError, LedgerRefusedError
from ..runtime import LiankeConfigEntry
from .scan_job import ScanRequest

_LOGGER = logging.getLogger(__name__)

# The preview feature of Home Assistant Labs that scanning is behind.
FEATURE: Final = "scanning"
# Scans of a scanner that the house may begin in a minute: whoever lets them come to their end needs no more.
MAX_STARTS: Final = 12
# Scans that the home network may begin besides, and those of one device.
MAX_LAN_STARTS: Final = 10
MAX_LAN_STARTS_A_DEVICE: Final = 8
# Seconds that a scan waits while others have the scanner.
SCANNER_TURN_SECONDS: Final = 20.0
# Seconds to wait for the list of scanners after a start.
SCANNER_LIST_SECONDS: Final = 20.0
# Seconds from the end of a stack until the service is asked to forget it: more pages may come after its end.
FORGET_PAUSE: Final = 120.0
# How often it is asked if it does not answer.
FORGET_TRIES: Final = 5
# Scans that the service must still forget, by task id: the answer's shape at their end, or "" to forget them in any
# case.
TO_FORGET: Final = Kind[str]("scan_task", json.dumps, json.loads)
# Of a scanner's abilities: words that are read, sizes, and the depth of the answer.
MAX_WORDS: Final = 500
MAX_SIZES: Final = 40
MAX_ABILITIES_DEPTH: Final = 6
_BETWEEN_WORDS: Final = re.compile(r"[,;|\s]+")
# The scanners of a box have changed, or what is known of them.
SIGNAL_SCANNERS: Final[SignalType[()]] = SignalType(f"{DOMAIN}_scanners_changed")
# The same, or what the scanners do.
SIGNAL_SCANS: Final[SignalType[()]] = SignalType(f"{DOMAIN}_scans_changed")
# The first word is what the vendor's clients send unless the scanner names another.
_COLOR_WORDS: Final[Mapping[ScanColor, tuple[str, ...]]] = {
    ScanColor.COLOR: ("RGB24", "RGB48", "Color", "RGB"),
    ScanColor.GRAY: ("Grayscale8", "Grayscale16", "Gray", "Grey", "Grayscale"),
    ScanColor.MONO: ("BlackAndWhite1", "BlackAndWhite", "Lineart", "Mono"),
}
_SOURCES_BY_WORD: Final = {
    "platen": ScanSource.GLASS,
    "flatbed": ScanSource.GLASS,
    "adf": ScanSource.FEEDER,
    "feeder": ScanSource.FEEDER,
}
_SIZE_WORD: Final = re.compile(r"(?i)[ABC]\d{1,2}|letter|legal|executive|statement|ledger|tabloid")
_NO_LETTERS: Final = re.compile(r"[\W_]+")


def scanner_identifier(entry: LiankeConfigEntry, scanner_id: str) -> tuple[str, str]:
    """No printer's identifier in the device registry begins like this one."""
    return DOMAIN, f"{entry.data[CONF_DEVICE_ID]}/scanner/{scanner_id}"


def scanner_status_entity(
    hass: HomeAssistant, entry: LiankeConfigEntry, scanner_id: str
) -> str | None:
    """Find the entity whose permissions count for a scanner."""
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
def is_enabled(hass: HomeAssistant) -> bool:
    return labs.async_is_preview_feature_enabled(hass, DOMAIN, FEATURE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Abilities:
    """What a scanner can do. None means unknown, and is not refused."""

    colors: Mapping[ScanColor, str] | None = None  # The scanner's word for each of ours.
    sources: frozenset[ScanSource] | None = None
    duplex: bool | None = None
    sizes: tuple[str, ...] | None = None

    @classmethod
    def from_params(cls, params: Mapping[str, object]) -> Abilities:
        """Look for known words anywhere in `scanner_params`: no document describes its fields."""
        fields = [*_ability_fields(params)]
        words = dict.fromkeys(islice(_ability_words(fields), MAX_WORDS))
        by_sign = {_NO_LETTERS.sub("", word).casefold(): word for word in words}
        colors = {
            color: by_sign[name.casefold()]
            for color, names in _COLOR_WORDS.items()
            for name in reversed(names)
            if name.casefold() in by_sign
        }
        sizes = tuple(word for word in words if _SIZE_WORD.fullmatch(word))[:MAX_SIZES]
        sources = frozenset(_SOURCES_BY_WORD[sign] for sign in by_sign if sign in _SOURCES_BY_WORD)
        return cls(
            colors=colors or None,
            sources=sources or None,
            duplex=_says_duplex(fields),
            sizes=sizes or None,
        )

    def fields(self, request: ScanRequest) -> dict[str, JsonValue]:
        """Make the fields of `POST /scanning/job`, in the scanner's words.

        Raises InputError for what the scanner is known not to do: scan_no_source, scan_no_color, scan_duplex_glass,
        scan_no_duplex, scan_no_size.
        """
        if self.sources is not None and request.source not in self.sources:
            raise InputError(f"scan_no_{request.source}")
        if request.duplex and request.source is not ScanSource.FEEDER:
            raise InputError("scan_duplex_glass")
        if request.duplex and self.duplex is False:
            raise InputError("scan_no_duplex")
        color = _COLOR_WORDS[request.color][0]
        if self.colors is not None:
            if request.color not in self.colors:
                raise InputError(f"scan_no_{request.color}")
            color = self.colors[request.color]
        size = request.size or ""
        if size and self.sizes is not None:
            named = {word.casefold(): word for word in self.sizes}
            if size.casefold() not in named:
                raise InputError("scan_no_size", size=size, sizes=", ".join(self.sizes))
            size = named[size.casefold()]
        return {
            "colorMode": color,
            "inputSource": "ADF" if request.source is ScanSource.FEEDER else "Platen",
            # Always JPEG: the pages of a PDF could not be changed any more.
            "format": "JPEG",
            "duplex": int(request.duplex),
            **({"size": size} if size else {}),
        }


def _ability_fields(value: object, depth: int = 0) -> Iterator[tuple[str, object]]:
    """Yield the fields in a JSON value, also those within others; the items of a list have no name."""
    if depth == MAX_ABILITIES_DEPTH or not isinstance(value, dict | list):
        return
    items = value.items() if isinstance(value, dict) else (("", inner) for inner in value)
    for name, inner in islice(items, MAX_WORDS):
        yield to_text(name, 40), inner
        yield from _ability_fields(inner, depth + 1)


def _ability_words(fields: Iterable[tuple[str, object]]) -> Iterator[str]:
    """Yield the words in names and values."""
    for name, value in fields:
        texts = _BETWEEN_WORDS.split(value[:1000]) if isinstance(value, str) else []
        yield from filter(None, [name, *(to_text(text, 40) for text in texts)])


def _says_duplex(fields: Iterable[tuple[str, object]]) -> bool | None:
    """Read the fields with "duplex" in their names; None if there is none with a boolean."""
    said: list[bool] = []
    for name, value in fields:
        if "duplex" in name.casefold():
            choices = value if isinstance(value, list) else [value]
            flags = [to_bool(one) for one in choices[:MAX_SIZES]]
            said += [any(flags)] if None not in flags and flags else []
    return any(said) if said else None


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownScanner:
    scanner_id: str  # What it was first known by; never changes.
    service_id: str  # What the service calls it now.
    name: str
    present: bool = True  # On the service's last list.
    abilities: Abilities | None = None


class ScannerHub:
    """The scanners of one box; none while the preview feature is off."""

    def __init__(self, hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
        self._hass = hass
        self._entry = entry
        # Scanners from before the restart, until the service lists them. A device's name may say more than the
        # service's.
        names = entry.runtime_data.storage.scanners
        self.scanners = {
            scanner_id: KnownScanner(
                scanner_id=scanner_id,
                service_id=scanner_id,
                name=names.get(scanner_id) or device.name or scanner_id,
            )
            for scanner_id, device in (scanner_devices(hass, entry) if is_enabled(hass) else ())
        }
        self._places: defaultdict[str, FairQueue] = defaultdict(lambda: FairQueue(1))
        # When scans began (the loop's clock), and for which device; None is the house.
        self._begun: defaultdict[str, deque[tuple[float, str | None]]] = defaultdict(
            lambda: deque(maxlen=MAX_STARTS + MAX_LAN_STARTS)
        )
        self._listed = asyncio.Event()
        # Kept for requests that outlive the unloaded box.
        self.service = entry.runtime_data.client.scanners
        self._ledger = entry.runtime_data.queue.ledger
        self._to_forget = Table(TO_FORGET, entry.entry_id)

    async def async_load(self) -> None:
        """Read which scans the service must still forget."""
        await self._ledger.async_load(self._to_forget)

    @property
    def to_forget(self) -> dict[str, str]:
        """Scans that the service must still forget, as in TO_FORGET."""
        return {**self._ledger.latest(self._to_forget)}

    async def async_note_to_forget(self, task_id: str) -> None:
        """Note that the next start must have the service forget a scan. Raises HomeAssistantError: disk_full."""
        try:
            await self._ledger.commit(lambda view: view.put(self._to_forget, task_id, ""))
        except LedgerRefusedError as err:
            raise disk_full(err) from None

    @callback
    def report_to_forget(self, task_id: str, ended: str | None) -> None:
        """Store in TO_FORGET how a scan `ended`; None removes it, as it need not be forgotten any more."""

        def change(view: View) -> None:
            if ended is None:
                view.delete(self._to_forget, task_id)
            else:
                view.put(self._to_forget, task_id, ended)

        with suppress(LedgerClosedError):
            self._ledger.commit(change, report=True)

    @property
    def is_listed(self) -> bool:
        """Whether the first look for scanners since the start is over, whatever came of it."""
        return self._listed.is_set()

    async def async_listed(self) -> None:
        """Wait up to LIST_SECONDS until `is_listed`: before that, a scanner's abilities are unknown."""
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
        """Let entities and cards know that a scanner does something else."""
        async_dispatcher_send(self._hass, SIGNAL_SCANS)

    @callback
    def notify_known(self) -> None:
        """Let these, and all that depends on which scanners there are, know that this has changed."""
        async_dispatcher_send(self._hass, SIGNAL_SCANNERS)
        self.notify()

    @callback
    def clear(self) -> None:
        self.scanners = {}
        self.notify_known()

    @callback
    def forget_scanner(self, scanner_id: str) -> None:
        """Forget a scanner whose device the user removed."""
        self.scanners.pop(scanner_id, None)
        self.notify_known()

    async def async_refresh(self) -> None:
        """Ask the service for the scanners, and for the abilities of new ones, unless the box is offline."""
        try:
            if self._entry.runtime_data.coordinator.data.online is not False:
                await self._async_list()
        except LiankeError as err:
            _LOGGER.debug("The scanners are not known: %s", err)
        finally:
            if not self.is_listed:
                self._listed.set()
                self.notify_known()

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
            self.notify_known()
        for key in listed:
            if known[key].abilities is None and key in self.scanners:
                await self._async_learn(key)

    def _match(self, rows: Sequence[Scanner]) -> dict[str, Scanner]:
        """Key the listed scanners by what each was first known by.

        One with a new service id, as after the box was bound again, is recognized by its name if no other has that
        name.
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
        """Ask what a scanner can do; what the service does not report stays unknown."""
        scanners = self._entry.runtime_data.client.scanners
        service_id = self.scanners[scanner_id].service_id
        try:
            # Nobody knows how a status looks: its shape goes into the report of unknown parts.
            await scanners.status(service_id)
            abilities = Abilities.from_params(await scanners.params(service_id))
        except LiankeError as err:
            _LOGGER.debug("A scanner does not say what it can do: %s", err)
            return
        # The preview feature may have been switched off meanwhile.
        if (known := self.scanners.get(scanner_id)) is not None:
            self.scanners[scanner_id] = replace(known, abilities=abilities)
            self.notify_known()

    def get(self, scanner_id: str) -> KnownScanner:
        """Raise InputError (scanner_gone) for a scanner that is unknown or not on the last list."""
        known = self.scanners.get(scanner_id)
        if known is None or not known.present:
            raise InputError("scanner_gone")
        return known

    def abilities(self, scanner_id: str) -> Abilities:
        known = self.scanners.get(scanner_id)
        return (known and known.abilities) or Abilities()

    def is_in_use(self, scanner_id: str) -> bool:
        return self._places[scanner_id].taken > 0

    def is_wanted_by_house(self, scanner_id: str) -> bool:
        """Whether the house scans or waits to: it goes before devices of the home network."""
        return self._places[scanner_id].is_wanted_by(None)

    def seconds_until_free(self, scanner_id: str, device: str | None = None) -> float:
        """Return in how many seconds a device, or the house for None, may begin one more scan.

        Scans that are canceled at once, again and again, would use up the account's requests.
        """
        begun = self._begun[scanner_id]
        own = [at for at, by in begun if by == device]
        counted = [(own, MAX_STARTS if device is None else MAX_LAN_STARTS_A_DEVICE)]
        if device is not None:
            counted.append(([at for at, by in begun if by is not None], MAX_LAN_STARTS))
        full = [times[-most] for times, most in counted if len(times) >= most]
        return max(full) + MINUTE - self._hass.loop.time() if full else 0

    @asynccontextmanager
    async def using(
        self, scanner_id: str, device: str | None = None, *, is_begun: bool = False
    ) -> AsyncIterator[QueuePlace]:
        """Wait for the turn of a device, or of the house, which goes first; keep others from the scanner in the block.

        Waits without a limit for a scan that `is_begun` already, else TURN_SECONDS. Raises InputError: scanner_busy.
        """
        places, patience = self._places[scanner_id], None if is_begun else SCANNER_TURN_SECONDS
        try:
            if not is_begun and self.seconds_until_free(scanner_id, device) > 0:
                raise NoPlaceError
            async with places.place(device, rank=device is not None, max_wait=patience) as place:
                if not is_begun:
                    self._begun[scanner_id].append((self._hass.loop.time(), device))
                self.notify()
                yield place
        except NoPlaceError:
            raise InputError("scanner_busy") from None
        finally:
            self.notify()

    async def async_start(
        self, scanner_id: str, fields: Mapping[str, JsonValue], place: QueuePlace
    ) -> str:
        """Start a scan; return its task id. Raises InputError: scanner_gone; LiankeError.

        If this call is canceled, so is the scan, which may have started.
        """
        # Not a task of the entry: an unload would lose the id of a scan that may have started.
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
        """Ask the service to cancel a scan, unless an unload is the cause and its box resumes it (`is_taken_up`).

        The place is kept until the service has answered, since it refuses other scans before that. If it does not
        answer, the next start asks again. Whether the service cancels anything is not known.
        """
        if is_taken_up and self._is_going:
            return
        if isinstance(task, str):
            self.report_to_forget(task, "")
        if self._hass.is_stopping:
            return
        place.keep()

        async def cancel() -> None:
            try:
                task_id = task if isinstance(task, str) else await task
                self.report_to_forget(task_id, "")
                await self.service.cancel(task_id)
                self.report_to_forget(task_id, None)
            except LiankeError as err:
                _LOGGER.debug("A scan stays at the service: %s", err)
            finally:
                place.give_back()
                self.notify()

        # Not a task of the entry: it goes on after an unload.
        self._hass.async_create_background_task(cancel(), "lianke: cancel a scan")

    @callback
    def keep_at_service(self, task_id: str) -> None:
        """Let the service keep a scan. If an unload may be the cause, the scan stays on the list to forget."""
        if not self._is_going:
            self.report_to_forget(task_id, None)

    @callback
    def forget(self, task_id: str, ended: str, pause: float) -> None:
        """Have the service forget a scan after `pause` seconds, if its shape is still `ended` ("": in any case).

        Whether the service does so is not known. What an unload or a restart interrupts is done at the next start.
        """
        self.report_to_forget(task_id, ended)
        if self._is_going:
            return

        async def forget() -> None:
            for wait in (pause, *[FORGET_PAUSE] * (FORGET_TRIES - 1)):
                await asyncio.sleep(wait)
                try:
                    if ended and (await self.service.task(task_id)).shape != ended:
                        _LOGGER.warning(
                            "Something came after the end of a scan: it stays at the service"
                        )
                        break
                    await self.service.cancel(task_id)
                except LiankeError as err:
                    _LOGGER.debug("A scan stays at the service: %s", err)
                    if err.is_passing:
                        continue
                break
            self.report_to_forget(task_id, None)

        self._entry.async_create_background_task(self._hass, forget(), "lianke: forget a scan")


# By entry id; the hub of each entry's last setup.
HUBS: HassKey[dict[str, ScannerHub]] = HassKey(f"{DOMAIN}_scanners")


@callback
def async_get_hub(hass: HomeAssistant, entry: LiankeConfigEntry) -> ScannerHub:
    """Raise InputError (scanner_gone) for an entry that was removed."""
    if (hub := hass.data[HUBS].get(entry.entry_id)) is None:
        raise InputError("scanner_gone")
    return hub
