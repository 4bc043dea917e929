"""Stored data of a box: its printers with their keys, capabilities, papers and counters.

The file is named after the box's config entry and stays when the entry is removed, so that a removal does not depend on
a write. A file whose entry no longer exists keeps the data of a removed box until somebody adds the box again or
deletes the data.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
import logging
from math import inf
import os
from pathlib import Path
from typing import Any, NamedTuple

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.storage import STORAGE_DIR, Store
from homeassistant.util import dt as dt_util
from homeassistant.util.limited_size_dict import LimitedSizeDict

from ..api.coerce import to_list, to_mapping
from ..api.models import Box, DriverState, Printer
from ..api.stored import read_time
from ..const import CONF_PAPERLESS_TOKEN, DOMAIN
from .pages_per_user import PageCounts, month_of
from .printer_identity import StoredPrinter, after_poll, assign, new_key
from .unknown_parts import UnknownLog

STORAGE_VERSION = 1
# Maximum removed boxes whose data is kept; data of the boxes that were removed longest ago is deleted.
MAX_KEPT_BOXES = 50

type BoxStore = Store[dict[str, Any]]


def box_store(hass: HomeAssistant, entry_id: str) -> BoxStore:
    return Store(hass, STORAGE_VERSION, f"{DOMAIN}.{entry_id}", private=True, atomic_writes=True)


class KeptBox(NamedTuple):
    """The data of a removed box, which is kept in case the box is added again."""

    # Id of the config entry that the box had.
    entry_id: str
    data: Mapping[str, Any]

    @property
    def options(self) -> Mapping[str, Any]:
        return to_mapping(self.data.get("options"))


async def async_find_kept(hass: HomeAssistant, device_id: str) -> list[KeptBox]:
    """Return the data kept for a box after its removals, the newest first. Raises OSError and HomeAssistantError."""
    found = []
    for entry_id in await _async_left_behind(hass):
        data = await box_store(hass, entry_id).async_load()
        if isinstance(data, dict) and data.get("device_id") == device_id:
            found.append(KeptBox(entry_id, data))
    return found


async def async_delete_kept(hass: HomeAssistant, device_id: str) -> None:
    """Delete the data kept for a removed box. Raises OSError and HomeAssistantError."""
    for kept in await async_find_kept(hass, device_id):
        await box_store(hass, kept.entry_id).async_remove()


async def async_delete_all_kept(hass: HomeAssistant, *, beyond: int = 0) -> int:
    """Delete the files of all removed boxes except the newest `beyond`. Returns the number of deleted files.

    Raises OSError.
    """
    left = (await _async_left_behind(hass))[beyond:]
    for entry_id in left:
        await box_store(hass, entry_id).async_remove()
    return len(left)


async def _async_left_behind(hass: HomeAssistant) -> list[str]:
    """Return the ids of removed entries that left a file, starting with the file that was written last."""
    names = await hass.async_add_executor_job(_files, Path(hass.config.path(STORAGE_DIR)))
    # Read the entries last, because an entry may be added while the folder is read.
    there = {entry.entry_id for entry in hass.config_entries.async_entries(DOMAIN)}
    return [name for name in names if name not in there]


def _files(folder: Path) -> list[str]:
    """Return the entry ids in the names of the files, starting with the file that was written last. Blocks."""
    prefix = f"{DOMAIN}."
    found: dict[str, int] = {}
    # The storage helper renames a damaged file to NAME.corrupt.TIME.
    for file in folder.glob(f"{prefix}*"):
        if "." not in (name := file.name.removeprefix(prefix)):
            with suppress(FileNotFoundError):
                found[name] = file.stat().st_mtime_ns
    return sorted(found, key=found.__getitem__, reverse=True)


_LOGGER = logging.getLogger(__name__)

# Seconds until a change is written to disk.
SAVE_SOON = 1
# Seconds until a less urgent change, which the next poll would find again, is written to disk.
SAVE_LATER = 60
# Maximum jobs that are remembered as counted. Each start counts all jobs on record except the remembered ones, so this
# is more than the number of job records that are kept.
MAX_COUNTED_JOBS = 2000
# Maximum printers of one box that are stored: USB ports are few, and larger networks have print servers.
MAX_PRINTERS = 64
# Maximum removed printers of one box that are stored.
MAX_FORMER_PRINTERS = 128
# Maximum present and past scanners of one box whose names are stored.
MAX_KNOWN_SCANNERS = 128
# Maximum earlier config entries of one box that are remembered.
MAX_FORMER_ENTRIES = 10


class BoxStorage:
    """Stored data of one box, in a file that is named after the id of the config entry.

    The file is written some time after a change worth keeping; a poll that finds nothing new writes nothing. The data
    outlives the entry (`KeptBox`): a box that is added again gets back its printers with their keys and counts; the
    config flow restores its options.
    """

    def __init__(self, hass: HomeAssistant, entry_id: str, device_id: str | None = None) -> None:
        """Without the box's `device_id`, the data of earlier entries is not found.

        Later entries of the box will then not find this entry's data either.
        """
        self._hass = hass
        self._entry_id = entry_id
        self._device_id = device_id
        self._store = box_store(hass, entry_id)
        # When the next write is due, in seconds of the loop's clock; infinite if no write is planned.
        self._due = inf
        # Whether anything has changed since the start. Stays true after a planned write has begun, unlike `_due`.
        self._has_changed = False
        self._closed = False
        self._counted = LimitedSizeDict[str, None](size_limit=MAX_COUNTED_JOBS)
        # Removed printers, which may come back.
        self._former: dict[str, StoredPrinter] = {}
        # The entry's options, kept for the box's next entry.
        self._options: Mapping[str, Any] = {}
        # Ids of earlier entries of the box, which the options of other boxes may still contain.
        self.former_entries: list[str] = []
        # Names of present and past scanners, by the id under which each was first known; the latest come last.
        self.scanners: dict[str, str] = {}
        self._warned_too_many = False
        self.box: Box | None = None
        self.printers: dict[str, StoredPrinter] = {}
        self.pages = PageCounts()
        self.foreign_seen_at: datetime | None = None
        self.last_push_at: datetime | None = None
        # Fingerprint of the address at which callbacks have arrived.
        self.callback_address: str | None = None
        # Fingerprint of the address at which useful pushes have arrived.
        self.push_address: str | None = None
        self.unknown = UnknownLog(lambda: self._save(SAVE_LATER))

    async def async_load(self) -> None:
        """Read the entry's file or, if there is no such file, the data kept for the box.

        Unreadable values are skipped, because polls find these values again.
        """
        stored = await self._store.async_load()
        kept: list[KeptBox] = []
        if stored is None and self._device_id is not None:
            kept = await async_find_kept(self._hass, self._device_id)
        self._read(stored or (kept[0].data if kept else {}))
        if not self.pages.owner:
            self.pages.owner = kept[0].entry_id if kept else self._entry_id
        if kept:
            await self._async_take_over(kept)
        elif stored is not None and stored.get("device_id") != self._device_id:
            # Earlier versions did not store the id of the box.
            self._save(SAVE_SOON)

    def _read(self, stored: Mapping[str, Any]) -> None:
        if isinstance(box := stored.get("box"), dict):
            # Only a poll tells whether the box is online.
            self.box = replace(Box.from_dict(box), online=None)
        self.printers = _read_printers(stored.get("printers"))
        self._former = _read_printers(stored.get("former_printers"))
        self._options = to_mapping(stored.get("options"))
        self.former_entries = list(map(str, to_list(stored.get("former_entries"))))
        self.scanners = {key: str(name) for key, name in to_mapping(stored.get("scanners")).items()}
        self._counted.update(dict.fromkeys(map(str, to_list(stored.get("counted_jobs")))))
        self.pages.load(stored.get("page_counts"))
        self.foreign_seen_at = read_time(stored.get("foreign_seen_at"))
        self.last_push_at = read_time(stored.get("last_push_at"))
        self.callback_address = _text(stored.get("callback_address"))
        self.push_address = _text(stored.get("push_address"))
        self.unknown.load(stored.get("unknown"))

    async def _async_take_over(self, kept: list[KeptBox]) -> None:
        """Continue with the data of an earlier entry, and delete the files of such entries once ours is on disk."""
        self.former_entries = [*self.former_entries, kept[0].entry_id][-MAX_FORMER_ENTRIES:]
        # The first poll restores the printers that still exist, just as the first poll of a new box adds its printers.
        former, self.printers = self.printers, {}
        self._make_former(former.values())
        self._forget_moment()
        await self._store.async_save(self._as_stored())
        # If the disk refuses a write, the storage helper only logs the error.
        if await self._hass.async_add_executor_job(os.path.exists, self._store.path):
            for one in kept:
                await box_store(self._hass, one.entry_id).async_remove()

    def _make_former(self, printers: Iterable[StoredPrinter]) -> None:
        """Keep printers that the box no longer has, but drop capabilities and papers, which can be requested again."""
        for one in printers:
            self._former[one.key] = replace(
                one.lasting, capabilities=None, capabilities_at=None, papers=(), papers_at=None
            )
        oldest = sorted(self._former, key=lambda key: self._former[key].last_seen)
        for key in oldest[:-MAX_FORMER_PRINTERS]:
            del self._former[key]

    def _forget_moment(self) -> None:
        """Drop the data that must not outlive the config entry."""
        self.box = None
        self.foreign_seen_at = self.last_push_at = None
        self.callback_address = self.push_address = None

    async def async_flush(self) -> None:
        if self._due < inf:
            await self._store.async_save(self._as_stored())

    async def async_close(self) -> None:
        """Write all changes, and ignore later changes, which the next instance finds again."""
        while self._has_changed:
            # This also waits for a planned write that has begun. Otherwise, the next instance would read the old file.
            self._has_changed = False
            await self._store.async_save(self._as_stored())
        self._closed = True

    async def async_keep(self, options: Mapping[str, Any]) -> None:
        """Store the data of a removed box, which the box gets back when it is added again.

        Call this after the box's entry was removed; `options` are those of the entry. If the disk refuses the write,
        the data that was written before stays.
        """
        try:
            await self.async_load()
            self._options = _kept(options)
            self._forget_moment()
            if self.printers or self._former or self.scanners or self._options:
                await self._store.async_save(self._as_stored())
                await async_delete_all_kept(self._hass, beyond=MAX_KEPT_BOXES)
            else:
                await self._store.async_remove()
        except (OSError, HomeAssistantError) as err:
            _LOGGER.warning("What a removed box leaves behind may be out of date: %s", err)

    def save_options(self, options: Mapping[str, Any]) -> None:
        """Store the entry's options early, so that nothing has to be written when the entry is removed."""
        if (kept := _kept(options)) != self._options:
            self._options = kept
            self._save(SAVE_SOON)

    def save_box(self, box: Box) -> None:
        kept = replace(box, online=None)
        if kept != self.box:
            # The next start depends on whether a box is stored, so the first answer is written soon.
            self._save(SAVE_LATER if self.box else SAVE_SOON)
            self.box = kept

    def save_scanners(self, names: Mapping[str, str]) -> None:
        """Store the names of scanners by the id under which each scanner was first known."""
        if names.items() <= self.scanners.items():
            return
        others = {key: name for key, name in self.scanners.items() if key not in names}
        self.scanners = dict([*others.items(), *names.items()][-MAX_KNOWN_SCANNERS:])
        self._save(SAVE_SOON)

    @callback
    def match(self, rows: Iterable[Printer]) -> dict[str, Printer]:
        """Match a poll's rows to printers, store the printers, and return the rows by key.

        `rows` must be complete: a printer that is not in `rows` is stored as absent. A new printer gets a key once its
        row says "printer", or can only be the row of a busy printer. A known printer whose row says "no printer"
        (because the printer is busy or off) keeps its data.
        """
        now = dt_util.utcnow()
        before = {key: known.printer for key, known in self.printers.items()}
        found, unknown = assign(list(rows), before, self._former)
        for key in found.keys() & self._former.keys():
            if not self._take_back(key, found[key]):
                del found[key]
        for row in unknown:
            if row.is_printer or self._is_busy_printer(row):
                if not self._has_room():
                    break
                key = new_key(row, self.printers.keys() | self._former.keys())
                self.printers[key] = StoredPrinter(
                    key=key,
                    printer=row,
                    name=self._free_name(row),
                    first_seen=now,
                    last_seen=now,
                )
                self._save(SAVE_SOON)
                found[key] = row
        for key, known in self.printers.items():
            new = after_poll(known, found.get(key), now)
            others = (one.name for one in self.printers.values())
            if new.name != known.name and new.name in others:
                new = replace(new, name=self._free_name(new.printer))
            self._replace(new)
        return {key: self.printers[key].printer for key in found}

    def _has_room(self) -> bool:
        if len(self.printers) < MAX_PRINTERS:
            return True
        if not self._warned_too_many:
            _LOGGER.warning(
                "A box lists more than %d printers; the others are ignored", MAX_PRINTERS
            )
        self._warned_too_many = True
        return False

    def _take_back(self, key: str, row: Printer) -> bool:
        """Restore a printer that the box had before; return whether the printer was restored.

        A row that says "no printer" does not restore a printer that the user removed: that printer may be off.
        """
        former = self._former[key]
        is_there = row.is_printer or (self._is_busy_printer(row) and not former.removed)
        if not is_there or not self._has_room():
            return False
        del self._former[key]
        taken = {known.name for known in self.printers.values()}
        name = self._free_name(row) if former.name in taken else former.name
        self.printers[key] = replace(former, name=name, removed=False)
        self._save(SAVE_SOON)
        return True

    @callback
    def forget(self, key: str) -> None:
        """Remove a printer at the user's request. If the printer comes back, it gets the same key."""
        if (known := self.printers.pop(key, None)) is not None:
            self._make_former([replace(known, removed=True)])
            self._save(SAVE_SOON)

    @staticmethod
    def _is_busy_printer(row: Printer) -> bool:
        """Tell whether a row that says "no printer" can only be the row of a printer that is printing now."""
        return (
            row.driver is DriverState.SUPPORTED
            and bool(row.model)
            and row.raw_state is not None
            and row.hash_id is not None
        )

    @callback
    def update(self, key: str, **changes: Any) -> None:
        """Change fields of a printer. Does nothing if the printer no longer exists."""
        if (known := self.printers.get(key)) is not None:
            self._replace(replace(known, **changes))

    def record_driver_request(self, key: str) -> None:
        self.update(key, driver_requested_at=dt_util.utcnow())
        self._save(SAVE_SOON)

    def save_question(self, key: str, page: str | None) -> None:
        """Store which test page the guide asks about; None once somebody has made a report of the printer."""
        self.update(key, asked_page=page, **({"is_reported": True} if page is None else {}))
        self._save(SAVE_SOON)

    def count_pages(
        self,
        key: str,
        job_id: str,
        pages: int,
        *,
        counts_as: int | None = None,
        user_id: str | None = None,
        source: str = "",
        name: str = "",
    ) -> None:
        """Count the pages of a job that is proven to be printed, but only once, even if its printer no longer exists.

        If `counts_as` is given, the counts by month use that number: more pages may have come out than can be proven.
        """
        if job_id in self._counted:
            return
        self._counted[job_id] = None
        if (known := self.printers.get(key)) is not None:
            name = known.name
            self.printers[key] = replace(
                known,
                pages_printed=known.pages_printed + max(0, pages),
                last_print_at=dt_util.utcnow(),
            )
        self._save(SAVE_SOON)
        if (used := pages if counts_as is None else counts_as) > 0:
            month = month_of(dt_util.now())
            self.pages.add(month, key, name, user_id=user_id, source=source, pages=used)

    def record_foreign_task(self) -> None:
        self.foreign_seen_at = dt_util.utcnow()
        self._save(SAVE_SOON)

    def record_push(self) -> None:
        self.last_push_at = dt_util.utcnow()
        self._save(SAVE_LATER)

    def callbacks_proven_for(self, address: str | None) -> bool:
        """Whether a job's callback has arrived at the address with this fingerprint."""
        return address is not None and address == self.callback_address

    def save_callback_address(self, address: str | None) -> None:
        if address != self.callback_address:
            self.callback_address = address
            self._save(SAVE_SOON)

    def pushes_proven_for(self, address: str | None) -> bool:
        """Whether a push to the address with this fingerprint announced a change before polling found it."""
        return address is not None and address == self.push_address

    def save_push_address(self, address: str | None) -> None:
        """Store the fingerprint of the address at which useful pushes arrive; None if pushes are not useful."""
        if address != self.push_address:
            self.push_address = address
            self._save(SAVE_SOON)

    def _replace(self, new: StoredPrinter) -> None:
        if (old := self.printers.get(new.key)) is new:
            return
        self.printers[new.key] = new
        # The times are compared first, because that is cheap; they differ if the printer has just disappeared.
        if old is None or old.last_seen != new.last_seen or old.lasting != new.lasting:
            self._save(SAVE_LATER)

    def _free_name(self, row: Printer) -> str:
        taken = {known.name for known in self.printers.values()}
        place = row.ip_address or f"USB {row.port}"
        names = (row.name, f"{row.name} ({place})", *(f"{row.name} ({n})" for n in range(2, 100)))
        return next((name for name in names if name not in taken), row.name)

    def _save(self, delay: float) -> None:
        if self._closed:
            return
        self._has_changed = True
        due = self._store.hass.loop.time() + delay
        if self._due <= due:
            # The planned write will include this change. Scheduling another write would only delay it.
            return
        self._due = due
        self._store.async_delay_save(self._as_stored, delay)

    @callback
    def _as_stored(self) -> dict[str, Any]:
        self._due = inf
        return {
            "device_id": self._device_id,
            "options": dict(self._options),
            "former_entries": self.former_entries,
            "scanners": self.scanners,
            "former_printers": {key: one.as_dict() for key, one in self._former.items()},
            "box": self.box.as_dict() if self.box else None,
            "printers": {key: known.lasting.as_dict() for key, known in self.printers.items()},
            "counted_jobs": list(self._counted),
            "page_counts": self.pages.as_stored(),
            "foreign_seen_at": self.foreign_seen_at and self.foreign_seen_at.isoformat(),
            "last_push_at": self.last_push_at and self.last_push_at.isoformat(),
            "callback_address": self.callback_address,
            "push_address": self.push_address,
            "unknown": self.unknown.as_stored(),
        }


def _read_printers(stored: object) -> dict[str, StoredPrinter]:
    printers: dict[str, StoredPrinter] = {}
    for key, item in to_mapping(stored).items():
        known = replace(StoredPrinter.from_dict(to_mapping(item)), key=key)
        if known.name and known.printer.name:
            printers[key] = known
        else:
            _LOGGER.warning("A stored printer cannot be read and is dropped")
    return printers


def _kept(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options without the token of Paperless-ngx, which must not outlive the entry."""
    return {key: value for key, value in options.items() if key != CONF_PAPERLESS_TOKEN}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
