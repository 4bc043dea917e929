"""Which of the cloud's tasks are ours without a job: those of previews, and of jobs that are forgotten."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
import json
from pathlib import Path
from typing import Final

from ..api.options import ResolvedOptions
from ..api.stored import Record, plain
from ..documents.document import Document
from ..ledger import Lease, Ledger, Table, View
from ..ledger_file import Kind, LedgerRefusedError
from .job import Delivery
from .rules import LISTED

MAX_TASK_IDS: Final = 1000
MAX_LOST: Final = 100
CUT_OFF: Final = "cut off"
"""The id of a record that stands for a preview of 0.1.0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnTask(Record):
    """A task by its id, or an upload whose task nobody knows."""

    noted_at: datetime
    task_id: str | None = None
    upload: Delivery | None = None


OWN_TASKS: Final = Kind[OwnTask](
    "task",
    lambda task: json.dumps(plain(task), default=plain),
    lambda text: OwnTask.from_dict(json.loads(text)),
)
_NOTHING: Final = Document(
    path=Path(), name="", content_type="", extension="", size=0, pages=None, title=""
)


class OwnTasks:
    """Records which tasks are ours without a job. A record that is lost only costs certainty."""

    def __init__(self, ledger: Ledger, lease: Lease, entry_id: str) -> None:
        self.table = Table(OWN_TASKS, entry_id)
        self._ledger = ledger
        self._lease = lease
        # The tokens of previews whose answers are still to come.
        self.pending: set[str] = set()

    async def async_load(self) -> None:
        """Read the records; the answers that were pending at a crash are lost."""
        await self._ledger.async_load(self.table)

    @property
    def task_ids(self) -> frozenset[str]:
        """The tasks that are known."""
        known = self._ledger.latest(self.table).values()
        return frozenset(task.task_id for task in known if task.task_id is not None)

    @property
    def lost(self) -> list[Delivery]:
        """The uploads whose tasks will not become known."""
        known = self._ledger.latest(self.table).values()
        uploads = [task.upload for task in known if task.upload is not None]
        return [upload for upload in uploads if upload.token not in self.pending]

    @property
    def was_cut_off(self) -> bool:
        """Whether version 0.1.0 was interrupted during a preview, and did not say of which."""
        return CUT_OFF in self._ledger.latest(self.table)

    async def async_forget_cut_off(self) -> None:
        """Forget that, since it is noted elsewhere."""
        with suppress(LedgerRefusedError):
            await self._lease.commit(lambda view: view.delete(self.table, CUT_OFF), report=True)

    async def async_begin(self, upload: Delivery) -> None:
        """Record that the end of a preview's upload is about to be sent."""
        stored = _stripped(upload)
        self.pending.add(upload.token)

        def begin(view: View) -> None:
            self._forget_old(view)
            view.put(self.table, upload.token, OwnTask(noted_at=view.now, upload=stored))

        try:
            # It is sent in any case: what is not written only costs certainty after a crash.
            with suppress(LedgerRefusedError):
                await asyncio.shield(self._lease.commit(begin, report=True))
        except BaseException:
            self.pending.discard(upload.token)
            raise

    async def async_end(self, upload: Delivery, task_id: str | None, *, is_lost: bool) -> None:
        """Record the task of a preview; `is_lost` if there may be one whose id is unknown."""
        self.pending.discard(upload.token)

        def end(view: View) -> None:
            if not is_lost:
                view.delete(self.table, upload.token)
            if task_id is not None:
                self.put(view, task_id)

        with suppress(LedgerRefusedError):
            await asyncio.shield(self._lease.commit(end, report=True))

    def put(self, view: View, task_id: str) -> None:
        """Record a task as ours, as a part of a change."""
        self._forget_old(view)
        view.put(self.table, task_id, OwnTask(noted_at=view.now, task_id=task_id))

    def _forget_old(self, view: View) -> None:
        """Forget what cannot be on the cloud's list any more, and the oldest of too many."""
        known = [*view.all(self.table)]
        ids = [task for task in known if task.upload is None]
        lost = [task for task in known if task.upload is not None]
        gone = {*map(id, ids[: max(0, len(ids) - MAX_TASK_IDS + 1)])}
        gone |= {*map(id, lost[: max(0, len(lost) - MAX_LOST + 1)])}
        for task in known:
            key = task.task_id if task.upload is None else task.upload.token
            if key and (id(task) in gone or view.now - task.noted_at >= LISTED):
                view.delete(self.table, key)


def handed_over(upload: Delivery) -> datetime:
    """Return when the end of an upload was sent, by our clock."""
    assert upload.handed_over_at is not None, "it has none without an end"
    return upload.handed_over_at


def _stripped(upload: Delivery) -> Delivery:
    """Return what is stored of a preview: nothing that says what it showed."""
    return replace(
        upload,
        document=replace(_NOTHING, size=upload.document.size),
        options=ResolvedOptions(paper_id=upload.options.paper_id),
    )
