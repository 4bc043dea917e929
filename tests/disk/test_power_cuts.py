"""What a power cut leaves of files and of a ledger: who is safe survives all of it, who is not is found out."""

from contextlib import closing
from pathlib import Path
import sqlite3
import subprocess
import sys
import time

import pytest

from tests import needs
from tests.disk.search import MODES, both, first_broken

from . import writers
from .crashes import Metadata, State, check_all, kills, named, power_cuts
from .recorder import Recorder
from .recording import Fault, FaultKind, Recording
from .writers import FILE, content

pytestmark = needs.linux

ROOT = Path(__file__).parents[2]
WRITERS = "tests.disk.writers"


def promised(state: State) -> int:
    """Return the number up to which a writer has said that all is kept."""
    return max((int(one.split()[1]) for one in state.marks if one.startswith("kept")), default=0)


def has_settings(folder: Path, state: State) -> None:
    """Check the file of `replace`: whole, and no older than promised."""
    path = folder / "kept" / FILE
    number = int(path.read_bytes()[:8] or b"0") if path.exists() else 0
    assert not path.exists() or path.read_bytes() == content(number)
    assert promised(state) <= number <= promised(state) + 1


def has_rows(folder: Path, state: State) -> None:
    """Check the database of `ledger`: sound, and with all rows that were promised and at most one more."""
    with closing(sqlite3.connect(folder / "ledger.db", isolation_level=None)) as database:
        # It is thrown away.
        database.execute("PRAGMA synchronous=OFF")
        assert database.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        if not database.execute("SELECT * FROM sqlite_master").fetchall():
            assert promised(state) == 0
            return
        rows = database.execute("SELECT seq, record FROM jobs ORDER BY seq").fetchall()
    assert rows == [(number, f"{number:04}" * 500) for number in range(1, len(rows) + 1)]
    assert promised(state) <= len(rows) <= promised(state) + 1


def test_a_file_replaced_as_it_should_be_survives(
    folder: Path, recorder: Recorder, scratch: Path
) -> None:
    recording = recorder.run(WRITERS, "replace", str(folder))
    assert recording.status == 0, recording.output
    assert check_all(both(recording), scratch, has_settings) > 70


@pytest.mark.parametrize(
    ("omitted", "found_in"),
    [
        ("flush", MODES),
        ("folder", MODES),
        ("rename", MODES),
        # A journal has the folder's own name on the disk before what is in it.
        ("parent", ("unordered",)),
    ],
)
def test_a_file_replaced_without_one_of_the_steps_is_found_out(
    folder: Path, recorder: Recorder, scratch: Path, omitted: str, found_in: tuple[Metadata, ...]
) -> None:
    recording = recorder.run(WRITERS, "replace", str(folder), omitted)
    assert recording.status == 0, recording.output
    for mode in MODES:
        state = first_broken(power_cuts(recording, metadata=mode), scratch, has_settings)
        assert (state is not None) == (mode in found_in), state
        if state is not None:
            assert named(recording, state.name) == state


def test_a_ledger_survives(folder: Path, recorder: Recorder, scratch: Path) -> None:
    recording = recorder.run(WRITERS, "ledger", str(folder), "3")
    assert recording.status == 0, recording.output
    states = both(recording, bound=8, torn=4)
    assert check_all(states, scratch, has_rows) > 300


@pytest.mark.parametrize(
    "pragmas",
    [
        ("synchronous=OFF",),
        ("synchronous=NORMAL",),
        # A journal that was deleted is there again, and takes back what was committed.
        ("journal_mode=DELETE", "locking_mode=NORMAL"),
    ],
    ids=", ".join,
)
def test_a_ledger_with_unsafe_settings_is_found_out(
    folder: Path, recorder: Recorder, scratch: Path, pragmas: tuple[str, ...]
) -> None:
    recording = recorder.run(WRITERS, "ledger", str(folder), "3", *pragmas)
    assert recording.status == 0, recording.output
    for mode in MODES:
        states = power_cuts(recording, metadata=mode, bound=8, torn=4)
        state = first_broken(states, scratch, has_rows)
        assert state is not None
        assert named(recording, state.name) == state


# Where the log cannot be had, or is shared with other processes.
@pytest.mark.parametrize(
    "pragmas",
    [
        ("journal_mode=DELETE", "synchronous=EXTRA"),
        ("locking_mode=NORMAL",),
    ],
    ids=", ".join,
)
def test_a_ledger_with_other_safe_settings_survives(
    folder: Path, recorder: Recorder, scratch: Path, pragmas: tuple[str, ...]
) -> None:
    recording = recorder.run(WRITERS, "ledger", str(folder), "2", *pragmas)
    assert recording.status == 0, recording.output
    side = "ledger.db-journal" if "journal_mode=DELETE" in pragmas else "ledger.db-shm"
    assert any(one.path == side for one in recording.operations[10:])
    assert check_all(both(recording, bound=6, torn=4), scratch, has_rows) > 200


# With faults


@pytest.mark.parametrize("kind", ["dies_before", "dies_after"])
@pytest.mark.parametrize("at", [11, 24])
def test_a_process_dies_at_an_operation(
    folder: Path, recorder: Recorder, scratch: Path, kind: FaultKind, at: int
) -> None:
    dies(folder, recorder, scratch, Fault(kind=kind, at=at))


def test_a_process_is_killed_from_outside(folder: Path, recorder: Recorder) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", WRITERS, "ledger", str(folder), "1000000"],
        cwd=ROOT,
        env=recorder.environment(),
    ) as process:
        # While it writes.
        while len(recorder.recording().marks) < 20:
            time.sleep(0.01)
        with recorder.still():
            process.kill()
            process.wait()
    *_, last = kills(recorder.recording())
    has_rows(folder, last)


def dies(folder: Path, recorder: Recorder, scratch: Path, fault: Fault) -> None:
    """Let a ledger die, and check what is left."""
    recorder.order(fault)
    recording = recorder.run(WRITERS, "ledger", str(folder), "3")
    assert recording.status == -9
    assert len(recording.operations) == fault.at - (fault.kind == "dies_before")
    *_, last = kills(recording)
    assert last.files == {
        "": None,
        **{path.name: path.read_bytes() for path in folder.iterdir()},
    }
    check_all([last], scratch, has_rows)


STUBBORN = [
    Fault(kind="fsync_fails", at=2, times=1, only="*-wal"),
    # When the log is copied into the file.
    Fault(kind="fsync_fails", times=1, only="ledger.db"),
    Fault(kind="full", room=20000, times=3, only="*-wal"),
]


@pytest.mark.parametrize("fault", STUBBORN, ids=repr)
def test_a_ledger_that_was_refused_keeps_what_it_promised(
    folder: Path, tmp_path: Path, scratch: Path, fault: Fault
) -> None:
    recording = refused(folder, tmp_path, fault, last=5)
    assert check_all(both(recording, bound=8, torn=4), scratch, has_rows) > 100


def test_a_refused_commit_can_come_true(folder: Path, tmp_path: Path, scratch: Path) -> None:
    recording = refused(folder, tmp_path, STUBBORN[0], last=3)
    (mark,) = (mark for mark in recording.marks if mark.text.startswith("refused"))
    found: set[tuple[int]] = set()
    for state in power_cuts(recording, points=range(mark.number, mark.number + 1)):
        assert state.marks == ("kept 2", "refused 3 SQLITE_IOERR_FSYNC")
        state.write_to(scratch)
        with closing(sqlite3.connect(scratch / "ledger.db")) as database:
            found |= set(database.execute("SELECT COUNT(*) FROM jobs"))
    assert found == {(2,), (3,)}


def refused(folder: Path, tmp_path: Path, fault: Fault, *, last: int) -> Recording:
    """Let a ledger of two rows grow on a disk that refuses some of it."""
    writers.ledger(folder, "2")
    (tmp_path / "log").mkdir()
    recorder = Recorder(folder, tmp_path / "log")
    recorder.order(fault)
    recording = recorder.run(WRITERS, "stubborn_ledger", str(folder), "3", str(last))
    assert recording.status == 0, recording.output
    assert recording.marks[-1].text == f"kept {last}"
    # Copying the log into the file is tried again with the next row, and nobody is told.
    is_told = any(mark.text.startswith("refused") for mark in recording.marks)
    assert is_told == (fault.only != "ledger.db")
    return recording
