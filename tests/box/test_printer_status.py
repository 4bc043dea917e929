"""One word for a printer's state, out of two readings."""

from dataclasses import replace
from typing import Any

import pytest

from custom_components.lianke.api.models import DriverState, Printer, PrinterCondition
from custom_components.lianke.box.printer_status import (
    PrinterStatus,
    Reading,
    StatusTimes,
    faults_of,
    row_status,
    settled_condition,
    status_of,
)

PRINTER = Printer(
    name="P", model="M", driver=DriverState.SUPPORTED, is_printer=True, port=1, raw_state="idle"
)
FINE = PrinterCondition(
    cover_open=False,
    paper_jam=False,
    out_of_paper=False,
    out_of_ribbon=False,
    out_of_ink=False,
    paused=False,
    printing=False,
)


def state(
    raw_state: str | None = "idle",
    condition: PrinterCondition | None = None,
    *,
    row_since: float = 10,
    read_at: float = 20,
    ended_at: float = 0,
    present: bool = True,
    **changes: object,
) -> PrinterStatus | None:
    """Return the state for a row and a reading, the reading being the newer by default."""
    printer = replace(PRINTER, raw_state=raw_state, **changes)  # type: ignore[arg-type]  # by name
    reading = None if condition is None else Reading(condition=condition, at=read_at)
    times = StatusTimes(row_since=row_since, ended_at=ended_at)
    return status_of(printer, times, present=present, reading=reading)


@pytest.mark.parametrize(
    ("raw_state", "expected"),
    [
        ("idle", "idle"),
        ("printing", "printing"),
        ("stopped", "stopped"),
        ("outOfPaper", "out_of_paper"),
        ("out_of_paper", "out_of_paper"),
        ("OUT-OF-PAPER ", "out_of_paper"),
        ("headOpened", "cover_open"),
        ("offline", "disconnected"),
        ("dreaming", None),
        ("", None),
        (None, None),
    ],
)
def test_rows(raw_state: str | None, expected: str | None) -> None:
    assert row_status(raw_state) == expected
    assert state(raw_state) == expected


def test_precedence_of_faults() -> None:
    order = ["cover_open", "paper_jam", "out_of_paper", "out_of_ribbon", "out_of_ink", "paused"]
    for index, name in enumerate(order):
        faults: dict[str, Any] = dict.fromkeys(order[index:], True)
        condition = replace(FINE, **faults)
        assert faults_of(condition) == order[index:]
        assert state("idle", condition) == name
    assert faults_of(FINE) == []


@pytest.mark.parametrize(
    ("raw_state", "condition", "row_since", "expected"),
    [
        # The row has changed since: the report is history.
        pytest.param("idle", replace(FINE, out_of_paper=True), 30, "idle", id="refilled"),
        pytest.param("outOfPaper", FINE, 30, "out_of_paper", id="ran out since"),
        # The row only repeats itself: the report is the news.
        pytest.param("idle", replace(FINE, out_of_paper=True), 10, "out_of_paper", id="news"),
        pytest.param("outOfPaper", FINE, 10, "idle", id="refilled, row is late"),
        pytest.param("outOfPaper", replace(FINE, printing=True), 10, "printing", id="goes on"),
        pytest.param("stopped", FINE, 10, "stopped", id="reports do not know stopped"),
        pytest.param("printing", FINE, 10, "printing", id="rows are fresher on printing"),
        pytest.param(
            "outOfPaper", replace(FINE, out_of_paper=None), 10, "out_of_paper", id="left open"
        ),
        pytest.param("offline", FINE, 10, "idle", id="it answered, so it is there"),
        pytest.param(None, FINE, 10, "idle", id="no row state, a report without a fault"),
        pytest.param(None, replace(FINE, printing=True), 10, "printing", id="busy"),
        pytest.param(None, PrinterCondition(message="ok"), 10, None, id="an empty report"),
    ],
)
def test_the_newer_reading_wins(
    raw_state: str | None, condition: PrinterCondition, row_since: float, expected: str | None
) -> None:
    assert state(raw_state, condition, row_since=row_since) == expected


@pytest.mark.parametrize(
    ("raw_state", "expected"),
    [(None, "printing"), ("idle", "printing"), ("outOfPaper", "out_of_paper")],
)
def test_a_row_that_is_no_printer_is_busy(raw_state: str | None, expected: str) -> None:
    assert state(raw_state, is_printer=False) == expected


def test_a_report_and_the_status_agree() -> None:
    empty = replace(FINE, out_of_paper=True, out_of_ink=None)
    for status in (PrinterStatus.IDLE, PrinterStatus.PRINTING):
        assert settled_condition(empty, status) == replace(FINE, out_of_ink=None)
        assert settled_condition(None, status) is None
    assert settled_condition(FINE, PrinterStatus.OUT_OF_PAPER) == replace(FINE, out_of_paper=True)
    assert settled_condition(None, PrinterStatus.PAPER_JAM) == PrinterCondition(paper_jam=True)
    for other in (None, PrinterStatus.STOPPED, PrinterStatus.DISCONNECTED):
        assert settled_condition(empty, other) == empty
