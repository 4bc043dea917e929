"""A printer at this moment, and its status, from its row and its own report, which differ in age."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
import re
from typing import Any, NamedTuple

from ..api.models import Box, DriverState, Printer, PrinterCondition


class PrinterStatus(StrEnum):
    """A printer's state, in order of precedence."""

    BOX_OFFLINE = "box_offline"
    DISCONNECTED = "disconnected"
    AWAITING_DRIVER = "awaiting_driver"
    UNSUPPORTED = "unsupported"
    COVER_OPEN = "cover_open"
    PAPER_JAM = "paper_jam"
    OUT_OF_PAPER = "out_of_paper"
    OUT_OF_RIBBON = "out_of_ribbon"
    OUT_OF_INK = "out_of_ink"
    PAUSED = "paused"
    STOPPED = "stopped"
    PRINTING = "printing"
    IDLE = "idle"


# States in which a printer takes jobs.
READY = frozenset({PrinterStatus.PRINTING, PrinterStatus.IDLE})
# Those in which it cannot, in order of precedence: why a job is held.
HOLDING = tuple(status for status in PrinterStatus if status not in READY)
# A printer that is off, behind a box that is off, is no problem.
PROBLEMS = frozenset(PrinterStatus) - {
    PrinterStatus.BOX_OFFLINE,
    PrinterStatus.DISCONNECTED,
    *READY,
}

# Those that end by what somebody does at the printer.
FAULTS = PROBLEMS - {PrinterStatus.AWAITING_DRIVER, PrinterStatus.UNSUPPORTED}

# `printer_state` is an open set (lianke-api, "A printer row"): seen are idle, printing, stopped
# and outOfPaper; the rest are the names that `printer_status` uses.
_RAW_STATES = {
    "idle": PrinterStatus.IDLE,
    "ready": PrinterStatus.IDLE,
    "printing": PrinterStatus.PRINTING,
    "processing": PrinterStatus.PRINTING,
    "stopped": PrinterStatus.STOPPED,
    "pause": PrinterStatus.PAUSED,
    "paused": PrinterStatus.PAUSED,
    "headopened": PrinterStatus.COVER_OPEN,
    "coveropen": PrinterStatus.COVER_OPEN,
    "paperjam": PrinterStatus.PAPER_JAM,
    "outofpaper": PrinterStatus.OUT_OF_PAPER,
    "outofribbon": PrinterStatus.OUT_OF_RIBBON,
    "outofink": PrinterStatus.OUT_OF_INK,
    "offline": PrinterStatus.DISCONNECTED,
}
# The faults that a printer reports, in fields of these names, the gravest first.
_REPORTED = (
    PrinterStatus.COVER_OPEN,
    PrinterStatus.PAPER_JAM,
    PrinterStatus.OUT_OF_PAPER,
    PrinterStatus.OUT_OF_RIBBON,
    PrinterStatus.OUT_OF_INK,
    PrinterStatus.PAUSED,
)
_SEPARATORS = re.compile(r"[\s_-]+")


class Reading(NamedTuple):
    """A printer's own report and when it was taken, in seconds of the monotonic clock."""

    condition: PrinterCondition
    at: float


def row_status(raw_state: str | None) -> PrinterStatus | None:
    """Return what a row's `printer_state` means, None for nothing or nothing known."""
    return _RAW_STATES.get(_SEPARATORS.sub("", (raw_state or "").lower()))


def faults_of(condition: PrinterCondition) -> list[PrinterStatus]:
    """Return the faults that a printer reports, the gravest first."""
    return [fault for fault in _REPORTED if getattr(condition, fault)]


def settled_condition(
    condition: PrinterCondition | None, status: PrinterStatus | None
) -> PrinterCondition | None:
    """Return a printer's report corrected by its status, so that no two entities disagree.

    A printer that rests or prints has none of the faults that it reported earlier; one whose
    status is a fault has that fault.
    """
    if status in _REPORTED:
        return _with(condition or PrinterCondition(), {status: True})
    if condition is not None and status in READY:
        return _with(condition, dict.fromkeys(faults_of(condition), False))
    return condition


def _with(condition: PrinterCondition, faults: Mapping[str, Any]) -> PrinterCondition:
    return replace(condition, **faults)


NEVER = float("-inf")


@dataclass(kw_only=True, slots=True)
class StatusTimes:
    """The times that a printer's status depends on, in seconds of the monotonic clock.

    `row_at` is when its last row came, and `row_since` when that state was new: a row that only repeats itself is
    older than what the printer has reported since. `ended_at` is when our last job there ended: that it prints, the
    printer has to have reported since. `printed_at` is when a page of ours was last known to be on paper: faults from
    before it, in the row or the report, are over.
    """

    raw_state: str | None = None
    row_since: float = NEVER
    row_at: float = NEVER
    ended_at: float = NEVER
    printed_at: float = NEVER


def status_of(
    printer: Printer, times: StatusTimes, *, present: bool, reading: Reading | None
) -> PrinterStatus | None:
    """Return a printer's state behind a box that is online, None when it is not known."""
    if not present:
        return PrinterStatus.DISCONNECTED
    if printer.driver is DriverState.AWAITING:
        return PrinterStatus.AWAITING_DRIVER
    if printer.driver is DriverState.UNSUPPORTED:
        return PrinterStatus.UNSUPPORTED
    row = row_status(printer.raw_state)
    if row in _REPORTED and times.row_at < times.printed_at:
        row = PrinterStatus.IDLE
    if not printer.is_printer and row in (None, PrinterStatus.IDLE):
        # Probably busy; after a while it counts as disconnected.
        return PrinterStatus.PRINTING
    if reading is None or reading.at < times.row_since:
        return row
    if faults := faults_of(reading.condition):
        return row if reading.at < times.printed_at else faults[0]
    prints = bool(reading.condition.printing) and reading.at >= times.ended_at
    if row is PrinterStatus.IDLE and prints and reading.at >= times.row_at:
        # While a job of ours is there, the printer is asked more often than the list.
        return PrinterStatus.PRINTING
    if row in (PrinterStatus.STOPPED, PrinterStatus.PRINTING, PrinterStatus.IDLE):
        # The printer does not report being stopped, and rows are mostly the fresher on the others.
        return row
    if row in _REPORTED and getattr(reading.condition, row) is None:
        # The printer's report leaves open what its row shows.
        return row
    if prints:
        return PrinterStatus.PRINTING
    says_nothing = PrinterCondition(message=reading.condition.message, code=reading.condition.code)
    return row if reading.condition == says_nothing else PrinterStatus.IDLE


@dataclass(frozen=True, kw_only=True, slots=True)
class PrinterSnapshot:
    """A printer at this moment.

    `status` is None while it is not known. `condition` is what the printer itself reported, if it
    can and has, corrected by its status; `printer` is its last row, the stored one while it is off.
    """

    key: str
    name: str
    printer: Printer
    present: bool
    condition: PrinterCondition | None
    status: PrinterStatus | None


class BoxData(NamedTuple):
    """A box and its printers. `online` is None while it is not known."""

    box: Box | None
    online: bool | None
    printers: Mapping[str, PrinterSnapshot]

    @property
    def faulty(self) -> frozenset[str]:
        """The printers that somebody may be about to put right. No known push says that they did."""
        return frozenset(key for key, view in self.printers.items() if view.status in FAULTS)
