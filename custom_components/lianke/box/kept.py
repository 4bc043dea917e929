"""What is kept of boxes that were removed, until somebody adds them again or has it deleted.

A box's file is called after its entry. It stays when the entry goes, so that nothing has to be written at that moment:
a file whose entry is gone, and that names the box, is what is kept of it.
"""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import STORAGE_DIR, Store

from ..api.coerce import to_mapping
from ..const import DOMAIN

STORAGE_VERSION = 1
# Removed boxes of which something is kept.
MAX_KEPT_BOXES = 50

type BoxStore = Store[dict[str, Any]]


def box_store(hass: HomeAssistant, entry_id: str) -> BoxStore:
    """Return the file with the data of the box of an entry."""
    return Store(hass, STORAGE_VERSION, f"{DOMAIN}.{entry_id}", private=True, atomic_writes=True)


class KeptBox(NamedTuple):
    """What is kept of a box: the entry that it was set up by, and the data stored then."""

    entry_id: str
    data: Mapping[str, Any]

    @property
    def options(self) -> Mapping[str, Any]:
        """The options of the entry."""
        return to_mapping(self.data.get("options"))


async def async_find_kept(hass: HomeAssistant, device_id: str) -> list[KeptBox]:
    """Return what is kept of a box, the newest first; raises OSError, HomeAssistantError."""
    found = []
    for entry_id in await _async_left_behind(hass):
        data = await box_store(hass, entry_id).async_load()
        if isinstance(data, dict) and data.get("device_id") == device_id:
            found.append(KeptBox(entry_id, data))
    return found


async def async_delete_kept(hass: HomeAssistant, device_id: str) -> None:
    """Delete what is kept of a box; raises OSError, HomeAssistantError."""
    for kept in await async_find_kept(hass, device_id):
        await box_store(hass, kept.entry_id).async_remove()


async def async_delete_all_kept(hass: HomeAssistant, *, beyond: int = 0) -> int:
    """Delete what is kept of removed boxes, but for so many of the last ones; return of how many; raises OSError."""
    left = (await _async_left_behind(hass))[beyond:]
    for entry_id in left:
        await box_store(hass, entry_id).async_remove()
    return len(left)


async def _async_left_behind(hass: HomeAssistant) -> list[str]:
    """Return the ids of entries that are gone and whose files are there, the last written first."""
    names = await hass.async_add_executor_job(_files, Path(hass.config.path(STORAGE_DIR)))
    # Not before: an entry may have been added while the folder was read.
    there = {entry.entry_id for entry in hass.config_entries.async_entries(DOMAIN)}
    return [name for name in names if name not in there]


def _files(folder: Path) -> list[str]:
    """Return the entries' ids by the names of the files, the last written first."""
    prefix = f"{DOMAIN}."
    found: dict[str, int] = {}
    # The storage helper puts a damaged file aside as NAME.corrupt.TIME.
    for file in folder.glob(f"{prefix}*"):
        if "." not in (name := file.name.removeprefix(prefix)):
            with suppress(FileNotFoundError):
                found[name] = file.stat().st_mtime_ns
    return sorted(found, key=found.__getitem__, reverse=True)
