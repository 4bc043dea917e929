"""A scan as people know it: what was asked for, its pages, and where it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
import json
from pathlib import Path
from typing import Any, Final, NamedTuple

from homeassistant.util import dt as dt_util

from ..api.stored import Record, plain
from ..const import DOMAIN, ScanColor, ScanSource
from ..documents.document import CONTENT_TYPES
from ..documents.media import SCANS, URI_SCHEME
from ..errors import InputError
from ..jobs.job import Asker
from ..ledger_file import Kind
from ..runtime import LiankeConfigEntry

NOT_KEPT: Final = "scan_not_kept"
"""The reason of a scan for which the disk had no room, and which is taken up at the next start."""
GIVEN_UP: Final = "scan_given_up"
"""That of one which is not."""
NOT_PRINTED: Final = "scan_not_printed"
"""That of one of which no copy could be printed: its `detail` says why in Home Assistant's language."""
ID_CARD: Final = "id_card"
"""The value of `sheet` for both sides of a card."""


class ScanState(StrEnum):
    SCANNING = "scanning"
    WAITING = "waiting"
    FINISHING = "finishing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"


class ScanAnswer(StrEnum):
    """What a person at the glass says."""

    NEXT = "next"
    AGAIN = "again"
    CHANGE = "change"
    REMOVE = "remove"
    FINISH = "finish"
    DISCARD = "discard"
    HAND_ON = "hand_on"


FINAL: Final = frozenset({ScanState.COMPLETED, ScanState.FAILED, ScanState.CANCELED})


class ScanFormat(StrEnum):
    JPEG = "jpeg"
    PDF = "pdf"


@dataclass(frozen=True, kw_only=True, slots=True)
class ScanRequest(Record):
    """What is to be scanned. `size` is a word of the scanner such as A4, None for all of the glass.

    `format` is what is kept; the scanner makes pictures.
    """

    color: ScanColor = ScanColor.COLOR
    source: ScanSource = ScanSource.GLASS
    duplex: bool = False
    size: str | None = None
    format: ScanFormat = ScanFormat.JPEG


@dataclass(frozen=True, kw_only=True, slots=True)
class ScanJob(Record):
    """A scan. `most` is how many pages it has at most if it waits for a person after each scan, None if it does not.

    With `straighten`, pages are turned by the few degrees by which they lie askew, as they come. `pages` and `files`
    are names in its folder: what the scanner gave, and what is kept. `task_id` is the service's while a page is
    scanned, and after that if the disk did not take what it has; without one, and with `asked`, nobody knows whether a
    page is scanned. `newest` is how many of the pages came last, `replaces` those that the next ones take the place
    of. `printing` has the fields of the print that a copy is. `copied_to` are paths below `folder`, which are known
    before there is a file. `reason` is a key of the translations.
    """

    job_id: str
    scanner_id: str
    title: str
    request: ScanRequest
    created_at: datetime
    asker: Asker
    state: ScanState = ScanState.SCANNING
    most: int | None = None
    straighten: bool = False
    filename: str | None = None
    folder: str | None = None
    printing: Mapping[str, Any] = field(default_factory=dict)
    pages: tuple[str, ...] = ()
    taken: int = 0
    newest: int = 0
    replaces: tuple[str, ...] = ()
    asked: bool = False
    task_id: str | None = None
    files: tuple[str, ...] = ()
    copied_to: tuple[str, ...] = ()
    is_copied: bool = True
    print_jobs: tuple[str, ...] = ()
    reason: str | None = None
    detail: str = ""

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    @property
    def is_waiting(self) -> bool:
        """Return whether it waits for a person at the glass."""
        return self.state is ScanState.WAITING

    @property
    def is_unkept(self) -> bool:
        """Return whether the disk had no room for what was scanned, which may still be had; not of a copy."""
        waits = self.state is ScanState.FAILED and self.reason == NOT_KEPT
        return waits and not self.printing and bool(self.task_id or self.pages)

    @property
    def is_card(self) -> bool:
        return bool(self.printing.get("sheet") == ID_CARD)

    def going_on(self, **changes: Any) -> ScanJob:
        """Return it changed. Raises InputError: scan_gone, where it was discarded meanwhile."""
        if self.is_final:
            raise InputError("scan_gone")
        return replace(self, **changes)

    def failing(self) -> ScanJob:
        """Return it as what the disk did not take, to be taken up if there is something to be had."""
        failed = self.going_on(state=ScanState.FAILED, reason=NOT_KEPT)
        return failed if failed.is_unkept else replace(failed, reason=GIVEN_UP)

    @property
    def discarded(self) -> ScanJob:
        return replace(
            self,
            state=ScanState.CANCELED,
            pages=(),
            files=(),
            copied_to=(),
            task_id=None,
            reason=None,
        )


SCANS_KIND: Final = Kind[ScanJob](
    "scan",
    lambda job: json.dumps(plain(job), default=plain),
    lambda text: ScanJob.from_dict(json.loads(text)),
)


class ScanUpdate(NamedTuple):
    """A scan whose state has changed."""

    entry: LiankeConfigEntry
    job: ScanJob


def media_id(entry_id: str, job: ScanJob, name: str) -> str:
    return f"{URI_SCHEME}{DOMAIN}/{SCANS}{entry_id}/{job.job_id}/{name}"


def scan_data(update: ScanUpdate) -> dict[str, Any]:
    """Return what an event or a trigger says about a scan."""
    entry, job = update
    media = [media_id(entry.entry_id, job, name) for name in job.files]
    return {
        "scan_id": job.job_id,
        "pages": len(job.pages),
        "media_content_id": media[0] if media else None,
        "media_content_ids": media,
        "copied_to": list(job.copied_to),
        "is_copy": bool(job.printing),
        "reason": job.reason,
    }


def local_time(job: ScanJob, form: str) -> str:
    """Return when a scan was begun, as the clock on the wall said."""
    return dt_util.as_local(job.created_at).strftime(form)


def content_type(name: str) -> str:
    return CONTENT_TYPES.get(Path(name).suffix, "application/octet-stream")
