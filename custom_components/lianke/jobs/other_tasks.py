"""Tasks of the cloud that are ours without being jobs: of previews, and of forgotten jobs."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
import json
import logging
from pathlib import Path
from typing import Any, Self

from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util
from homeassistant.util.file import WriteError, write_utf8_file_atomic

from .job import MAX_COUNT, RecordError, read_time
from .retention import LISTED

_LOGGER = logging.getLogger(__name__)

OTHER_TASKS_NAME = "other_tasks.json"
# What version 0.1.0 wrote while a preview was being asked for, without saying since when.
COMING = "coming"
MAX_TASK_IDS = 1000
MAX_LOST = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class PreviewUpload:
    """A preview whose upload's end was handed over: the cloud may have made a task of it.

    It has what `evidence.Upload` asks for.
    """

    handed_over_at: datetime
    size: int
    clock_least: int | None = None
    clock_most: int | None = None

    @property
    def created_at(self) -> datetime:
        """The same moment: nothing is known of an earlier one."""
        return self.handed_over_at

    def as_record(self) -> dict[str, Any]:
        """Return what is stored of it."""
        return {
            "handed_over_at": self.handed_over_at.isoformat(),
            "size": self.size,
            "clock_least": self.clock_least,
            "clock_most": self.clock_most,
        }

    @classmethod
    def from_record(cls, record: object) -> Self | None:
        """Return what was stored, None for anything else."""
        if not isinstance(record, dict):
            return None
        size = _number(record.get("size"))
        try:
            since = read_time("handed_over_at", record.get("handed_over_at"))
        except RecordError:
            return None
        if size is None or size < 0:
            return None
        least, most = _number(record.get("clock_least")), _number(record.get("clock_most"))
        return cls(
            handed_over_at=since,
            size=size,
            clock_least=least,
            clock_most=most,
        )


class OtherTasks:
    """Keeps which tasks on the list are ours without being jobs. A lost note only costs certainty."""

    def __init__(self, hass: HomeAssistant, folder: Path) -> None:
        """Know nothing yet; `load` reads the file in a folder."""
        self._hass = hass
        self._path = folder / OTHER_TASKS_NAME
        self._lock = asyncio.Lock()
        self._coming: list[PreviewUpload] = []
        self._closed = False
        # Tasks that are known, and uploads whose tasks nobody has told us.
        self.task_ids: list[str] = []
        self.lost: list[PreviewUpload] = []
        # Whether version 0.1.0 was cut off while it asked for a preview.
        self.was_cut_off = False

    @property
    def are_coming(self) -> bool:
        """Return whether a preview is just being told its task."""
        return bool(self._coming)

    def load(self) -> None:
        """Read the file. Blocking."""
        try:
            found = json.loads(self._path.read_text("utf-8"))
        except OSError, ValueError, RecursionError:
            return
        if not isinstance(found, list):
            return
        noted = [item for item in found if isinstance(item, str)]
        self.was_cut_off = COMING in noted
        self.task_ids = [task_id for task_id in noted if task_id != COMING][-MAX_TASK_IDS:]
        # What was coming when the power went is lost, too.
        self.lost = [upload for item in found if (upload := PreviewUpload.from_record(item))]
        self._forget_old()

    @callback
    def close(self) -> None:
        """Write nothing any more: the next instance for this folder does."""
        self._closed = True

    async def async_note_coming(self, upload: PreviewUpload) -> None:
        """Note that the end of a preview's upload is about to be handed over."""
        self._coming.append(upload)
        try:
            await self._async_write()
        except BaseException:
            self._coming.remove(upload)
            raise

    async def async_note_came(
        self, upload: PreviewUpload, task_id: str | None, *, is_lost: bool
    ) -> None:
        """Note which task it has become; `is_lost` if there may be one that nobody has told us."""
        self._coming.remove(upload)
        if is_lost:
            self.lost.append(upload)
        await self.async_note([] if task_id is None else [task_id])

    async def async_note(self, task_ids: Collection[str]) -> None:
        """Remember tasks of ours that are no jobs."""
        self.task_ids = [*self.task_ids, *task_ids][-MAX_TASK_IDS:]
        await self._async_write()

    @callback
    def _forget_old(self) -> None:
        """Forget lost uploads whose tasks are not on the list any more."""
        now = dt_util.utcnow()
        self.lost = [upload for upload in self.lost if now - upload.handed_over_at < LISTED]
        self.lost = self.lost[-MAX_LOST:]

    async def _async_write(self) -> None:
        async with self._lock:
            self._forget_old()
            uploads = [upload.as_record() for upload in (*self._coming, *self.lost)]
            text = json.dumps([*uploads, *self.task_ids])
            await self._hass.async_add_executor_job(self._write, text)

    def _write(self, text: str) -> None:
        if self._closed:
            return
        try:
            write_utf8_file_atomic(str(self._path), text, private=True)
        except (WriteError, OSError) as err:
            _LOGGER.debug("The list of preview tasks was not written: %s", err)


def _number(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > MAX_COUNT:
        return None
    return value
