"""A printer as a box's storage knows it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

from homeassistant.util import dt as dt_util

from ..api.capabilities import Capabilities, Paper
from ..api.models import Printer

# A busy printer's row says "no printer": this long it is taken for busy, then for off.
BUSY_TIME = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredPrinter:
    """A printer as it was last polled. Replaced, never changed.

    `key` is opaque and given once; `printer` is the last row that described it, with its last
    ink; `pages_printed` counts the pages printed through Home Assistant, proven jobs only;
    `driver_requested_at` is when the user asked the vendor to support it.
    `unclear_since` is set while its row says that it is no printer (busy, or off).
    """

    key: str
    printer: Printer
    name: str
    first_seen: datetime
    last_seen: datetime
    present: bool = False
    unclear_since: datetime | None = None
    capabilities: Capabilities | None = None
    capabilities_at: datetime | None = None
    papers: tuple[Paper, ...] = ()
    papers_at: datetime | None = None
    pages_printed: int = 0
    last_print_at: datetime | None = None
    driver_requested_at: datetime | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON data for storage."""
        return {
            "printer": self.printer.as_dict(),
            "name": self.name,
            "first_seen": self.first_seen.isoformat(),
            "last_seen": self.last_seen.isoformat(),
            "capabilities": self.capabilities.as_dict() if self.capabilities else None,
            "capabilities_at": stored_time(self.capabilities_at),
            "papers": [paper.as_dict() for paper in self.papers],
            "papers_at": stored_time(self.papers_at),
            "pages_printed": self.pages_printed,
            "last_print_at": stored_time(self.last_print_at),
            "driver_requested_at": stored_time(self.driver_requested_at),
        }

    @classmethod
    def from_dict(cls, key: str, stored: Mapping[str, Any]) -> Self:
        """Read what `as_dict` wrote. Raises KeyError, TypeError, ValueError or AttributeError."""
        now = dt_util.utcnow()
        capabilities = stored["capabilities"]
        return cls(
            key=key,
            printer=Printer.from_dict(stored["printer"]),
            name=str(stored["name"]),
            first_seen=read_time(stored["first_seen"]) or now,
            last_seen=read_time(stored["last_seen"]) or now,
            capabilities=Capabilities.from_dict(capabilities) if capabilities else None,
            capabilities_at=read_time(stored["capabilities_at"]),
            papers=tuple(Paper.from_dict(paper) for paper in stored["papers"]),
            papers_at=read_time(stored["papers_at"]),
            pages_printed=int(stored["pages_printed"]),
            last_print_at=read_time(stored["last_print_at"]),
            driver_requested_at=read_time(stored.get("driver_requested_at")),
        )


def lasting(known: StoredPrinter) -> StoredPrinter:
    """Return the printer without the fields that only hold for the moment."""
    printer = replace(known.printer, raw_state=None, is_printer=True)
    return replace(known, printer=printer, present=False, unclear_since=None)


def seen(known: StoredPrinter, row: Printer | None, now: datetime) -> StoredPrinter:
    """Return a printer's data after a poll with this row of it, or without one."""
    if row is None:
        # An absent printer keeps its last row.
        return replace(
            known,
            present=False,
            unclear_since=None,
            last_seen=now if known.present else known.last_seen,
        )
    old = known.printer
    if known.present and known.unclear_since is None and row == old:
        return known
    if not row.is_printer:
        since = known.unclear_since or now
        kept = replace(old, is_printer=False, raw_state=row.raw_state)
        return replace(known, printer=kept, unclear_since=since, present=now - since < BUSY_TIME)
    model = row.model or old.model
    same_driver = model == old.model
    return replace(
        known,
        printer=replace(row, model=model, markers=row.markers or old.markers),
        name=known.name if row.name == old.name else row.name,
        present=True,
        unclear_since=None,
        capabilities=known.capabilities if same_driver else None,
        capabilities_at=known.capabilities_at if same_driver else None,
        papers=known.papers if same_driver else (),
        papers_at=known.papers_at if same_driver else None,
    )


def stored_time(value: datetime | None) -> str | None:
    """Return a time as it is stored."""
    return value.isoformat() if value else None


def read_time(value: object) -> datetime | None:
    """Read a stored time; None where there is none."""
    return dt_util.parse_datetime(value) if isinstance(value, str) else None
