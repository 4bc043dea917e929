"""The current state of a printer. The status is derived from the printer's row and own report, which differ in age."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
import re
from typing import Any, NamedTuple

from ..api.models import Box, DriverState, Printer, PrinterCondition


class PrinterStatus(StrEnum):
    """The status of a printer, in order of precedence."""

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


# States in which a printer accepts jobs.
READY = frozenset({PrinterStatus.PRINTING, PrinterStatus.IDLE})
# States in which a printer accepts no jobs, in order of precedence. They are the reasons for holding a job.
HOLDING = tuple(status for status in PrinterStatus if status not in READY)
# States that are a problem. It is not a problem if a printer or its box is off.
PROBLEMS = frozenset(PrinterStatus) - {
    PrinterStatus.BOX_OFFLINE,
    PrinterStatus.DISCONNECTED,
    *READY,
}

# Problems that somebody must solve at the printer itself.
FAULTS = PROBLEMS - {PrinterStatus.AWAITING_DRIVER, PrinterStatus.UNSUPPORTED}

# The values of `printer_state` are not limited to a fixed set (lianke-api, "A printer row"). The service has sent idle,
# printing, stopped and outOfPaper; the other names are those that `printer_status` uses.
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
# Faults that a printer reports, the most serious first. The fields of the report have the same names.
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
    # When the condition was requested, in seconds of the monotonic clock.
    at: float


def row_status(raw_state: str | None) -> PrinterStatus | None:
    """Return the status for a row's state; None if the state is missing or unknown."""
    return _RAW_STATES.get(_SEPARATORS.sub("", (raw_state or "").lower()))


def faults_of(condition: PrinterCondition) -> list[PrinterStatus]:
    """Return the faults in a printer's report, the most serious first."""
    return [fault for fault in _REPORTED if getattr(condition, fault)]


def settled_condition(
    condition: PrinterCondition | None, status: PrinterStatus | None
) -> PrinterCondition | None:
    """Return a printer's report, corrected by the printer's status, so that no two entities disagree.

    A printer that is idle or printing no longer has the faults that it reported earlier. A printer whose status is a
    fault has that fault.
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
    """The times on which a printer's status depends, in seconds of the monotonic clock."""

    # The state in the printer's last row.
    raw_state: str | None = None
    # When `raw_state` first arrived. A report from after this time is newer than a row that only repeats the state.
    row_since: float = NEVER
    # When the last row arrived.
    row_at: float = NEVER
    # When our last job on the printer ended. Only a later report can show that the printer is still printing.
    ended_at: float = NEVER
    # When a page of ours was last known to be printed. Faults in earlier rows or reports are over.
    printed_at: float = NEVER


def status_of(
    printer: Printer, times: StatusTimes, *, present: bool, reading: Reading | None
) -> PrinterStatus | None:
    """Return the status of a printer whose box is online; None if the status is unknown."""
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
        # The printer is probably busy; after BUSY_TIME it counts as disconnected.
        return PrinterStatus.PRINTING
    if reading is None or reading.at < times.row_since:
        return row
    if faults := faults_of(reading.condition):
        return row if reading.at < times.printed_at else faults[0]
    prints = bool(reading.condition.printing) and reading.at >= times.ended_at
    if row is PrinterStatus.IDLE and prints and reading.at >= times.row_at:
        # While a printer has a job of ours, its own report is read more often than the list, and is newer here.
        return PrinterStatus.PRINTING
    if row in (PrinterStatus.STOPPED, PrinterStatus.PRINTING, PrinterStatus.IDLE):
        # The printer's own report never says that the printer is stopped. For the other two states, the row of the
        # printer list is usually newer than the report.
        return row
    if row in _REPORTED and getattr(reading.condition, row) is None:
        # The printer's report does not say whether the fault in the row exists.
        return row
    if prints:
        return PrinterStatus.PRINTING
    says_nothing = PrinterCondition(message=reading.condition.message, code=reading.condition.code)
    return row if reading.condition == says_nothing else PrinterStatus.IDLE


@dataclass(frozen=True, kw_only=True, slots=True)
class PrinterSnapshot:
    """The current state of a printer."""

    key: str
    name: str
    # The printer's last row; while the printer is off, the stored row.
    printer: Printer
    present: bool
    # The printer's own report, corrected by its status; None if there is no report.
    condition: PrinterCondition | None
    # None while the status is unknown.
    status: PrinterStatus | None


class BoxData(NamedTuple):
    """The current state of a box and its printers."""

    box: Box | None
    # None while it is unknown whether the box is online.
    online: bool | None
    printers: Mapping[str, PrinterSnapshot]

    @property
    def faulty(self) -> frozenset[str]:
        """Keys of the printers that somebody may be repairing. No known push announces the end of a repair."""
        return frozenset(key for key, view in self.printers.items() if view.status in FAULTS)
