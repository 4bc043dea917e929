"""Tasks of the cloud that are ours without a job: those of previews and of deleted jobs."""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
import json
import logging
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util
from homeassistant.util.file import WriteError, write_utf8_file_atomic

from ..api.options import ResolvedOptions
from ..api.stored import StoredError
from ..documents.document import Document
from .delivery import Delivery, JobState, new_token
from .retention import LISTED

_LOGGER = logging.getLogger(__name__)

OTHER_TASKS_NAME = "other_tasks.json"
# What version 0.1.0 wrote while a preview was under way.
COMING = "coming"
MAX_TASK_IDS = 1000
MAX_LOST = 100


class OtherTasks:
    """Records which tasks are ours without a job. A record that is lost only costs certainty."""

    def __init__(self, hass: HomeAssistant, folder: Path) -> None:
        """Start empty; `load` reads the file in the folder."""
        self._hass = hass
        self._path = folder / OTHER_TASKS_NAME
        self._lock = asyncio.Lock()
        self._pending: list[Delivery] = []
        self._closed = False
        # Tasks that are known, and uploads whose tasks are not.
        self.task_ids: list[str] = []
        self.lost: list[Delivery] = []
        # Whether version 0.1.0 was interrupted during a preview.
        self.was_cut_off = False

    @property
    def has_pending(self) -> bool:
        """Return whether a preview's answer is still to come."""
        return bool(self._pending)

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
        # The answers that were pending at a crash are lost, too.
        self.lost = [upload for item in found if (upload := _read(item))]
        self._forget_old()

    @callback
    def close(self) -> None:
        """Stop writing: from now on the next queue's instance writes."""
        self._closed = True

    async def async_begin(self, upload: Delivery) -> None:
        """Record that the end of a preview's upload is about to be sent."""
        self._pending.append(upload)
        try:
            await self._async_write()
        except BaseException:
            self._pending.remove(upload)
            raise

    async def async_end(self, upload: Delivery, task_id: str | None, *, is_lost: bool) -> None:
        """Record the task of a preview; `is_lost` if there may be one whose id is unknown."""
        self._pending.remove(upload)
        if is_lost:
            self.lost.append(upload)
        await self.async_note([] if task_id is None else [task_id])

    async def async_note(self, task_ids: Collection[str]) -> None:
        """Record tasks of ours without a job."""
        self.task_ids = [*self.task_ids, *task_ids][-MAX_TASK_IDS:]
        await self._async_write()

    @callback
    def _forget_old(self) -> None:
        """Forget lost uploads whose tasks are not on the list any more."""
        now = dt_util.utcnow()
        self.lost = [upload for upload in self.lost if now - handed_over(upload) < LISTED]
        self.lost = self.lost[-MAX_LOST:]

    async def _async_write(self) -> None:
        async with self._lock:
            self._forget_old()
            uploads = [_as_record(upload) for upload in (*self._pending, *self.lost)]
            text = json.dumps([*uploads, *self.task_ids])
            await self._hass.async_add_executor_job(self._write, text)

    def _write(self, text: str) -> None:
        if self._closed:
            return
        try:
            write_utf8_file_atomic(str(self._path), text, private=True)
        except (WriteError, OSError) as err:
            _LOGGER.debug("The list of preview tasks was not written: %s", err)


def handed_over(upload: Delivery) -> datetime:
    """Return when the end of an upload was sent, by our clock."""
    assert upload.handed_over_at is not None, "it has none without an end"
    return upload.handed_over_at


def _as_record(upload: Delivery) -> dict[str, Any]:
    """Return what is stored of a preview: nothing that says what it showed."""
    return replace(
        upload,
        document=replace(_NOTHING, size=upload.document.size),
        options=ResolvedOptions(paper_id=upload.options.paper_id),
    ).as_dict()


def _read(record: object) -> Delivery | None:
    """Return what was stored of a preview, also by 0.2.0, None for anything else."""
    if not isinstance(record, dict):
        return None
    try:
        if "document" not in record:
            record = _migrated(record)
        upload = Delivery.from_dict(record)
    except StoredError, TypeError:
        return None
    known = upload.handed_over_at is not None and upload.document.size >= 0
    return upload if known else None


def _migrated(record: dict[str, Any]) -> dict[str, Any]:
    """Return what 0.2.0 wrote of a preview as it is written now."""
    document = replace(_NOTHING, size=0).as_dict() | {"size": record.pop("size", None)}
    return record | {
        "document": document,
        "options": ResolvedOptions(paper_id=0).as_dict(),
        "token": new_token(),
        "state": JobState.UPLOADING,
    }


_NOTHING = Document(
    path=Path(), name="", content_type="", extension="", size=0, pages=None, title=""
)
