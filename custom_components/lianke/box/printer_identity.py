"""A printer as it is stored, and how it is recognized in a poll: the service gives a printer no lasting name."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import count
from operator import attrgetter
from typing import Self

from homeassistant.util import dt as dt_util

from ..api.capabilities import Capabilities, Paper
from ..api.models import DriverState, Printer
from ..api.stored import READ, Stored, read_time

# A busy printer's row says "no printer". For this time such a printer counts as busy, after that as off.
BUSY_TIME = timedelta(minutes=10)


def _read_moment(value: object) -> datetime:
    return read_time(value) or dt_util.utcnow()


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredPrinter(Stored):
    """A printer as of the last poll. Objects of this class are replaced, never changed."""

    # An opaque id that is never given to another printer.
    key: str
    # The last row that described the printer, with its last known ink levels.
    printer: Printer
    name: str
    first_seen: datetime = field(metadata={READ: _read_moment})
    last_seen: datetime = field(metadata={READ: _read_moment})
    present: bool = False
    # Set while the row says "no printer", because the printer is busy or off.
    unclear_since: datetime | None = None
    capabilities: Capabilities | None = None
    capabilities_at: datetime | None = None
    papers: tuple[Paper, ...] = ()
    papers_at: datetime | None = None
    # Pages printed through Home Assistant, counting only jobs that are proven to be printed.
    pages_printed: int = 0
    last_print_at: datetime | None = None
    # When the user asked the vendor to support the printer.
    driver_requested_at: datetime | None = None
    # The job id of the test page about which the guide asks.
    asked_page: str | None = None
    # Whether somebody has made a report of the printer.
    is_reported: bool = False
    # Whether the user removed the printer, and it has not been seen for certain since then.
    removed: bool = False

    @property
    def lasting(self) -> Self:
        """A copy without the values that only hold for the moment."""
        printer = replace(self.printer, raw_state=None, is_printer=True)
        return replace(self, printer=printer, present=False, unclear_since=None)

    @property
    def reports_condition(self) -> bool:
        """Whether the printer can be asked for its condition now."""
        return self.present and self.printer.reports_condition


def after_poll(known: StoredPrinter, row: Printer | None, now: datetime) -> StoredPrinter:
    """Return a printer as of a new poll; `row` is None if the poll does not list the printer."""
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
    new = replace(
        known,
        # Values that a single answer omits are kept: the hash id still identifies the printer.
        printer=replace(
            row,
            model=model,
            markers=row.markers or old.markers,
            hash_id=row.hash_id or old.hash_id,
        ),
        name=known.name if row.name == old.name else row.name,
        present=True,
        unclear_since=None,
    )
    if model == old.model:
        return new
    # Another driver has other capabilities and papers.
    return replace(new, capabilities=None, capabilities_at=None, papers=(), papers_at=None)


type _Key = Callable[[Printer], object | None]
type _Agree = Callable[[Printer, Printer], bool]


def _place(printer: Printer) -> tuple[str, str | int | None]:
    return ("network", printer.ip_address) if printer.address.is_network else ("usb", printer.port)


def new_key(printer: Printer, taken: Container[str]) -> str:
    """Return a new key, which is not in `taken`, for a printer that was never seen.

    The key is derived from the values that identify a row best, so that a printer gets the same key again even if no
    data of its box was kept.
    """
    evidence = printer.hash_id or (*_place(printer), printer.model)
    keys = (sha256(repr((evidence, number)).encode()).hexdigest()[:32] for number in count())
    return next(key for key in keys if key not in taken)


def assign(
    rows: Sequence[Printer],
    known: Mapping[str, Printer],
    former: Mapping[str, StoredPrinter] | None = None,
) -> tuple[dict[str, Printer], list[Printer]]:
    """Return the rows of known printers by key, and the rows of printers never seen before.

    `former` are printers that were removed, alone or with the whole box. Each criterion is applied to the known
    printers first, and then to the former printers.

    The service promises no permanent name for a printer (lianke-api, "A printer row"), so rows are matched by several
    criteria, and each row and each printer at most once. The criteria, beginning with the most certain, are: `hash_id`;
    the row's id; port and model; the only missing printer of the model; the port, if only the driver's name changed
    because support was added.
    """
    former = former or {}
    found: dict[str, Printer] = {}
    left = list(rows)
    lost = dict(known)
    lost_before = {key: one.printer for key, one in former.items()}

    def give(key: str, row: Printer) -> None:
        found[key] = row
        # Two rows may be equal, so look for this very object.
        del left[next(index for index, other in enumerate(left) if other is row)]

    def pair_with(printers: dict[str, Printer], evidence: _Key, agree: _Agree) -> None:
        if not left or not printers:
            return
        rows_by = _unique(((row, row) for row in left), evidence)
        lost_by = _unique(printers.items(), evidence)
        for mark in rows_by.keys() & lost_by.keys():
            key = lost_by[mark]
            if agree(printers[key], rows_by[mark]):
                give(key, rows_by[mark])
                del printers[key]

    def pair(evidence: _Key, *, agree: _Agree = lambda _, __: True, certain: bool = True) -> None:
        pair_with(lost, evidence, agree)
        # In place of a printer that the user removed, there may now be another of the same kind, so uncertain criteria
        # do not restore the removed printer.
        fitting = {
            key: one for key, one in lost_before.items() if certain or not former[key].removed
        }
        pair_with(fitting, evidence, agree)
        for key in found.keys() & lost_before.keys():
            del lost_before[key]

    pair(attrgetter("hash_id"))
    pair(attrgetter("row_id"))
    pair(lambda one: (_place(one), one.model) if one.model else None)
    pair(
        lambda one: (one.address.is_network, one.model) if one.model else None,
        agree=lambda _, row: row.is_printer,
        certain=False,
    )
    pair(_place, agree=_got_its_driver, certain=False)
    return found, left


def _unique[T](printers: Iterable[tuple[T, Printer]], evidence: _Key) -> dict[object, T]:
    """Return the items by the evidence of their printers; evidence that several printers share is left out."""
    marked: dict[object, list[T]] = {}
    for item, printer in printers:
        if (mark := evidence(printer)) is not None:
            marked.setdefault(mark, []).append(item)
    return {mark: group[0] for mark, group in marked.items() if len(group) == 1}


def _got_its_driver(old: Printer, new: Printer) -> bool:
    """Tell whether two rows of a port show the same printer, which now has the name of its new driver.

    A different printer that was connected to the port would look the same. Therefore, both rows must name the same
    product or, if one of them names no product, the old row must be that of a printer without a supported driver.
    """
    if not new.is_printer:
        return False
    if old.product and new.product:
        return old.product == new.product
    return old.driver is not DriverState.SUPPORTED
