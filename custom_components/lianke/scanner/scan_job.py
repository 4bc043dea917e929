"""A scan as people see it: what was requested, its pages, its state and its deliveries."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
import json
from pathlib import Path
from typing import Any, Final, NamedTuple

from homeassistant.util import dt as dt_util

from ..api.stored import Record, json_default
from ..const import DOMAIN, ScanColor, ScanSource
from ..documents.document import CONTENT_TYPES
from ..documents.media import KEPT_SCANS, URI_SCHEME
from ..input_error import InputError
from ..jobs.job import Asker
from ..ledger_file import Kind
from ..runtime import LiankeConfigEntry

# Reason of a scan that failed because the disk was full; the next start of Home Assistant resumes the scan.
NOT_KEPT: Final = "scan_not_kept"
# Reason of a scan that failed because the disk was full, and that cannot be resumed.
GIVEN_UP: Final = "scan_given_up"
# Reason of a copy that could not be printed; `detail` says why in Home Assistant's language.
NOT_PRINTED: Final = "scan_not_printed"
# The value of a copy's option `sheet` that prints both sides of a card on one page.
ID_CARD: Final = "id_card"


class ScanState(StrEnum):
    SCANNING = "scanning"
    WAITING = "waiting"
    FINISHING = "finishing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"


class ScanAnswer(StrEnum):
    """What a person can do with a scan, in most cases only while it waits for its next page."""

    NEXT = "next"
    AGAIN = "again"
    RESTORE = "restore"
    CHANGE = "change"
    REMOVE = "remove"
    FINISH = "finish"
    FRONTS_ONLY = "fronts_only"
    DISCARD = "discard"
    SEND_TO = "hand_on"


FINAL_SCAN_STATES: Final = frozenset({ScanState.COMPLETED, ScanState.FAILED, ScanState.CANCELED})


class Stack(StrEnum):
    """The current stack of a scan that gets fronts and backs from two stacks; None once both are joined."""

    FRONTS = "fronts"  # The first stack is being scanned, or waits to be turned over.
    BACKS = "backs"  # The second stack is being scanned, or does not fit the first.


class ScanFormat(StrEnum):
    JPEG = "jpeg"
    PDF = "pdf"


class Destination(StrEnum):
    FOLDER = "folder"
    PAPERLESS = "paperless"
    MAIL = "mail"
    SCRIPT = "script"


class DeliveryState(StrEnum):
    OPEN = "open"
    DONE = "done"
    FAILED = "failed"
    UNCERTAIN = "uncertain"  # The scan may or may not have arrived.


BROKEN: Final = frozenset({DeliveryState.FAILED, DeliveryState.UNCERTAIN})


@dataclass(frozen=True, kw_only=True, slots=True)
class ScanDelivery(Record):
    to: Destination
    asked_at: datetime
    state: DeliveryState = DeliveryState.OPEN
    tags: tuple[str, ...] = ()
    sent: int = 0  # Number of files that have arrived.
    # When we began to send the next file, which may have arrived since; None if the file has certainly not arrived.
    tried_at: datetime | None = None
    task_id: str | None = None  # The destination's id for the file that it is processing.
    # Why the last try failed, as a translation key; set even while the delivery is open.
    reason: str | None = None
    detail: str = ""

    @property
    def shown_state(self) -> str:
        """The state as people see it: an open delivery is `sending`, `processing` or, after a failed try, `waiting`."""
        if self.state is not DeliveryState.OPEN:
            return self.state.value
        return "waiting" if self.reason else "processing" if self.task_id else "sending"


class DeliveryError(InputError):
    """A try that failed. `state` is the new state of the delivery; OPEN means that we try again."""

    def __init__(
        self,
        reason: str,
        detail: str = "",
        *,
        state: DeliveryState = DeliveryState.FAILED,
        may_have_arrived: bool = False,
    ) -> None:
        super().__init__(reason, detail=detail)
        self.detail, self.state, self.may_have_arrived = detail, state, may_have_arrived


@dataclass(frozen=True, kw_only=True, slots=True)
class ScanRequest(Record):
    color: ScanColor = ScanColor.COLOR
    source: ScanSource = ScanSource.GLASS
    duplex: bool = False
    size: str | None = None  # The scanner's name for a size, such as A4; None for the whole glass.
    format: ScanFormat = ScanFormat.JPEG  # Of the kept files; the scanner itself sends pictures.
    two_stacks: bool = False  # Whether a second stack has the backs of the sheets.
    skip_blank: bool = False  # Whether blank pages from the feeder are left out.


@dataclass(frozen=True, kw_only=True, slots=True)
class ScanJob(Record):
    job_id: str
    scanner_id: str
    title: str
    request: ScanRequest
    created_at: datetime
    asker: Asker
    state: ScanState = ScanState.SCANNING
    # Maximum number of pages if the scan waits for a person after each page or stack; None if it never waits.
    most: int | None = None
    by_tool: bool = False  # Whether an assistant's tool asked for the scan.
    straighten: bool = False  # Whether to rotate pages that lie slightly askew.
    filename: str | None = None
    folder: str | None = None
    printing: Mapping[str, Any] = field(default_factory=dict)  # Fields of a copy's print job.
    request_id: str | None = None  # The caller's name for a copy, which is then made once.
    pages: tuple[str, ...] = ()  # Names of the pages' files in the scan's folder.
    stack: Stack | None = None
    # Names in `pages` of blank pages that are left out; their files stay until the scan is finished.
    left_out: tuple[str, ...] = ()
    # For each PDF in `pages` that has several pages, the number of pages after the first.
    more_pages: Mapping[str, int] = field(default_factory=dict)
    taken: int = 0  # Number of page files made so far, for the name of the next file.
    newest: int = 0  # Number of files at the end of `pages` that came from the last scan of the glass or feeder.
    replaces: tuple[str, ...] = ()  # Names in `pages` that the next scanned pages replace.
    # Whether we have asked the service to scan. If so, and `task_id` is None, it is unknown whether it has scanned.
    asked: bool = False
    # The service's id for the scan while pages are being scanned. If the disk was too full for the pages, it stays set.
    task_id: str | None = None
    files: tuple[str, ...] = ()  # Names of the kept files in the scan's folder.
    copied_to: tuple[str, ...] = ()  # Paths below `folder`, stored before the files exist there.
    is_copied: bool = True  # False while files may be missing at `copied_to`.
    print_jobs: tuple[str, ...] = ()
    deliveries: tuple[
        ScanDelivery, ...
    ] = ()  # At most one to each destination; they begin once the scan is completed.
    reason: str | None = None  # Why the last step failed: a key of the translations.
    detail: str = ""

    @property
    def copies(self) -> tuple[str, ...]:
        """The paths of the files in `folder`; empty while files may be missing there."""
        return self.copied_to if self.is_copied else ()

    def each_page(self, names: Iterable[str]) -> list[str]:
        """Return, for each page in these files, the name of its file; a PDF may have several pages."""
        return [name for name in names for _ in range(1 + self.more_pages.get(name, 0))]

    @property
    def prints_nothing(self) -> bool:
        """Whether it is certain that a copy was not and will not be printed."""
        return self.state in (ScanState.FAILED, ScanState.CANCELED) and not self.print_jobs

    def copies_as(self, other: ScanJob) -> bool:
        """Whether two copies ask for the same."""
        return all(
            getattr(self, name) == getattr(other, name)
            for name in ("scanner_id", "request", "printing", "most", "straighten")
        )

    @property
    def kept_pages(self) -> tuple[str, ...]:
        return tuple(name for name in self.pages if name not in self.left_out)

    @property
    def page_count(self) -> int:
        return len(self.each_page(self.kept_pages))

    @property
    def is_final(self) -> bool:
        return self.state in FINAL_SCAN_STATES

    @property
    def is_waiting(self) -> bool:
        return self.state is ScanState.WAITING

    @property
    def is_unkept(self) -> bool:
        """Whether the scan failed because the disk was full, and can be resumed. A copy cannot be resumed."""
        waits = self.state is ScanState.FAILED and self.reason == NOT_KEPT
        return waits and not self.printing and bool(self.task_id or self.pages)

    @property
    def is_settled(self) -> bool:
        """Whether the scan is over and no delivery is under way; a delivery that waits for its next try is not."""
        return self.is_final and all(self.delivery(to).reason for to in self.open_deliveries)

    @property
    def open_deliveries(self) -> list[Destination]:
        """The destinations of open deliveries; empty until the scan is completed."""
        is_ready = self.state is ScanState.COMPLETED
        return [one.to for one in self.deliveries if is_ready and one.state is DeliveryState.OPEN]

    def delivery(self, to: Destination) -> ScanDelivery:
        """Return the delivery to a destination. Raises InputError: scan_gone."""
        for one in self.deliveries:
            if one.to is to:
                return one
        raise InputError("scan_gone")

    @property
    def is_card(self) -> bool:
        return bool(self.printing.get("sheet") == ID_CARD)

    def changed(self, **changes: Any) -> ScanJob:
        """Return a changed copy. Raises InputError: scan_gone if the scan is over, for example if it was discarded."""
        if self.is_final:
            raise InputError("scan_gone")
        return replace(self, **changes)

    def changed_unless_discarded(self, **changes: Any) -> ScanJob:
        """Return a changed copy, even of a scan that is over. Raises InputError: scan_gone if it was discarded."""
        if self.state is ScanState.CANCELED:
            raise InputError("scan_gone")
        return replace(self, **changes)

    def failing(self) -> ScanJob:
        """Return a copy that has failed because the disk is full; the next start resumes the scan if it `is_unkept`."""
        failed = self.changed(state=ScanState.FAILED, reason=NOT_KEPT)
        return failed if failed.is_unkept else replace(failed, reason=GIVEN_UP)

    @property
    def discarded(self) -> ScanJob:
        return replace(
            self,
            state=ScanState.CANCELED,
            pages=(),
            left_out=(),
            stack=None,
            files=(),
            copied_to=(),
            deliveries=(),
            task_id=None,
            reason=None,
        )


SCANS_KIND: Final = Kind[ScanJob](
    "scan",
    lambda job: json.dumps(json_default(job), default=json_default),
    lambda text: ScanJob.from_dict(json.loads(text)),
)


class ScanUpdate(NamedTuple):
    """A scan whose state has changed."""

    entry: LiankeConfigEntry
    job: ScanJob


def media_id(entry_id: str, job: ScanJob, name: str) -> str:
    return f"{URI_SCHEME}{DOMAIN}/{KEPT_SCANS}{entry_id}/{job.job_id}/{name}"


def scan_data(update: ScanUpdate) -> dict[str, Any]:
    entry, job = update
    media = [media_id(entry.entry_id, job, name) for name in job.files]
    return {
        "scan_id": job.job_id,
        "pages": job.page_count,
        "media_content_id": media[0] if media else None,
        "media_content_ids": media,
        "copied_to": list(job.copies),
        "is_copy": bool(job.printing),
        "reason": job.reason,
    }


def local_time(job: ScanJob, form: str) -> str:
    """Return the local time at which a scan began as text; `form` is a format for `strftime`."""
    return dt_util.as_local(job.created_at).strftime(form)


def content_type(name: str) -> str:
    return CONTENT_TYPES.get(Path(name).suffix, "application/octet-stream")
