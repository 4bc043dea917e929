"""A printer now, and its status, taken from its row and its own report, which differ in age."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
import re
from typing import Any, NamedTuple

from ..api.models import Box, DriverState, Printer, PrinterCondition


class PrinterStatus(StrEnum):
    """In order of precedence."""

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
# States in which it takes none, in order of precedence: the reasons why a job is held.
HOLDING = tuple(status for status in PrinterStatus if status not in READY)
# A printer that is off, or behind a box that is off, is not a problem.
PROBLEMS = frozenset(PrinterStatus) - {
    PrinterStatus.BOX_OFFLINE,
    PrinterStatus.DISCONNECTED,
    *READY,
}

# Problems that somebody ends at the printer itself.
FAULTS = PROBLEMS - {PrinterStatus.AWAITING_DRIVER, PrinterStatus.UNSUPPORTED}

# `printer_state` is an open set (lianke-api, "A printer row"). The service has sent idle, printing, stopped
# and outOfPaper; the others are the names that `printer_status` uses.
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
# Faults that a printer reports, gravest first; the report's fields have the same names.
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
    condition: PrinterCondition
    # When it was asked for, in seconds of the monotonic clock.
    at: float


def row_status(raw_state: str | None) -> PrinterStatus | None:
    """None when the row names no state, or an unknown one."""
    return _RAW_STATES.get(_SEPARATORS.sub("", (raw_state or "").lower()))


def faults_of(condition: PrinterCondition) -> list[PrinterStatus]:
    """Gravest first."""
    return [fault for fault in _REPORTED if getattr(condition, fault)]


def settled_condition(
    condition: PrinterCondition | None, status: PrinterStatus | None
) -> PrinterCondition | None:
    """Correct a printer's report by its status, so that no two entities disagree.

    A printer that is idle or printing no longer has the faults that it reported earlier; one whose
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
    """What a printer's status depends on; times in seconds of the monotonic clock."""

    raw_state: str | None = None
    # When this state was new. A row that only repeats it is older than what the printer has reported since.
    row_since: float = NEVER
    # When the last row arrived.
    row_at: float = NEVER
    # When our last job there ended. Only a later report shows that the printer still prints.
    ended_at: float = NEVER
    # When a page of ours was last known to be on paper. Faults from before, in row or report, are over.
    printed_at: float = NEVER


def status_of(
    printer: Printer, times: StatusTimes, *, present: bool, reading: Reading | None
) -> PrinterStatus | None:
    """None when it is not known. The box is online."""
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
        # Probably busy; after BUSY_TIME it counts as disconnected.
        return PrinterStatus.PRINTING
    if reading is None or reading.at < times.row_since:
        return row
    if faults := faults_of(reading.condition):
        return row if reading.at < times.printed_at else faults[0]
    prints = bool(reading.condition.printing) and reading.at >= times.ended_at
    if row is PrinterStatus.IDLE and prints and reading.at >= times.row_at:
        # While it has a job of ours, the printer itself is asked more often than the list.
        return PrinterStatus.PRINTING
    if row in (PrinterStatus.STOPPED, PrinterStatus.PRINTING, PrinterStatus.IDLE):
        # A printer does not report that it is stopped; for the other states the row is usually newer.
        return row
    if row in _REPORTED and getattr(reading.condition, row) is None:
        # The printer's report leaves open what the row shows.
        return row
    if prints:
        return PrinterStatus.PRINTING
    says_nothing = PrinterCondition(message=reading.condition.message, code=reading.condition.code)
    return row if reading.condition == says_nothing else PrinterStatus.IDLE


@dataclass(frozen=True, kw_only=True, slots=True)
class PrinterSnapshot:
    """A printer now."""

    key: str
    name: str
    # Its last row; the stored one while it is off.
    printer: Printer
    present: bool
    # What the printer itself reported, if it can and has, corrected by its status.
    condition: PrinterCondition | None
    # None while it is not known.
    status: PrinterStatus | None


class BoxData(NamedTuple):
    """A box and its printers."""

    box: Box | None
    # None while it is not known.
    online: bool | None
    printers: Mapping[str, PrinterSnapshot]

    @property
    def faulty(self) -> frozenset[str]:
        """Printers that somebody may be repairing. No known push announces that they are done."""
        return frozenset(key for key, view in self.printers.items() if view.status in FAULTS)
