"""Immutable views of a box and its printers, and the times that a status depends on."""

from collections.abc import Mapping
from dataclasses import dataclass
import time
from typing import NamedTuple

from ..api.models import Box, Printer, PrinterCondition
from .status import FAULTS, PrinterStatus, Reading, status_of

NEVER = float("-inf")


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


class StatusHistory:
    """When rows changed, jobs ended and pages were printed, in seconds of the monotonic clock."""

    def __init__(self) -> None:
        """Start empty."""
        # When each printer's row last changed its state, and to what.
        self._row_states: dict[str, tuple[str | None, float]] = {}
        self._rows_at = NEVER
        # When our last job on each printer ended, and when a page of ours was known to be on paper.
        self.ended_at: dict[str, float] = {}
        self._printed_at: dict[str, float] = {}

    def record_rows(self, rows: Mapping[str, Printer]) -> list[str | None]:
        """Record the rows of a poll by their printers' keys; return the states that have changed."""
        now = self._rows_at = time.monotonic()
        changed = [
            key
            for key, printer in rows.items()
            if self._row_states.get(key, (None, NEVER))[0] != printer.raw_state
        ]
        for key in changed:
            self._row_states[key] = (rows[key].raw_state, now)
        return [rows[key].raw_state for key in changed]

    def record_job_end(self, key: str) -> None:
        """Record that a job of ours on a printer has ended."""
        self.ended_at[key] = time.monotonic()

    def record_print(self, key: str) -> None:
        """Record that a page of ours was printed."""
        self._printed_at[key] = time.monotonic()

    def forget(self, key: str) -> None:
        """Drop the times of a printer."""
        self._row_states.pop(key, None)
        self.ended_at.pop(key, None)
        self._printed_at.pop(key, None)

    def status(
        self, key: str, printer: Printer, *, present: bool, reading: Reading | None
    ) -> PrinterStatus | None:
        """Return the state of a printer behind a box that is online."""
        return status_of(
            printer,
            present=present,
            row_since=self._row_states.get(key, (None, 0.0))[1],
            reading=reading,
            ended_at=self.ended_at.get(key, NEVER),
            row_at=self._rows_at,
            printed_at=self._printed_at.get(key, NEVER),
        )
