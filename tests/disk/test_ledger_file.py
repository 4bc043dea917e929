"""What a power cut and a disk that refuses leave of the ledger: all that was told as kept, and nothing made up."""

import json
from pathlib import Path

import pytest

from custom_components.lianke.ledger_file import (
    DAMAGED_LEDGER_PREFIX,
    LedgerFile,
    Row,
)
from tests import needs
from tests.disk.search import MODES, both, first_broken

from .crashes import Metadata, State, check_all, power_cuts
from .keepers import BEFORE, BOX, Keeper, Texts, key_of, old, text_of
from .recorder import Recorder
from .recording import Fault, NeverMetError, Recording

pytestmark = needs.linux

KEEPERS = "tests.disk.keepers"


def allowed(state: State) -> tuple[Texts, list[Texts]]:
    """Return what was last told as kept, and what else may be there: what was asked for since then."""
    kept: Texts = {}
    since: list[Texts] = []
    for mark in state.marks:
        word, _, what = mark.partition(" ")
        if word == "kept":
            kept, since = json.loads(what), []
        elif word == "asked":
            since.append(json.loads(what))
    return kept, since


def opened(root: Path) -> tuple[Texts, Path | None]:
    """Open a ledger and close it; return its records, and what was set aside."""
    file = LedgerFile(root)
    try:
        return {key.record_id: text for key, text in file.open()}, file.damaged_folder
    finally:
        file.close()


def is_kept(folder: Path, state: State) -> None:
    """Check a ledger of `life` or `stubborn`: as it was told, no damage seen, and it goes on."""
    root = folder / "cache" / "jobs"
    kept, since = allowed(state)
    file = LedgerFile(root)
    try:
        found = {key.record_id: text for key, text in file.open()}
        assert file.damaged_folder is None, "sound, and set aside"
        assert found == kept or found in since
        file.write({key_of("later"): Row("later", is_staged=False)})
    finally:
        file.close()
    assert opened(root) == (found | {"later": "later"}, None)


def run(
    folder: Path, recorder: Recorder, keeper: str, *arguments: str, fault: Fault | None = None
) -> Recording:
    """Have a keeper at work, on a disk that refuses something where it is told to."""
    if fault is not None:
        recorder.order(fault)
    recording = recorder.run(KEEPERS, keeper, str(folder), *arguments)
    assert recording.status == 0, recording.output
    return recording


# It takes a minute of a processor, which a busy machine gives it late.
@pytest.mark.timeout(900)
def test_a_ledger_is_what_it_was_told_to_be_after_any_power_cut(
    folder: Path, recorder: Recorder, scratch: Path
) -> None:
    recording = run(folder, recorder, "life")
    # The log was copied into the file while it grew, and when nothing happened.
    assert any(one.kind == "truncate" for one in recording.operations)
    assert check_all(both(recording, bound=2, torn=2), scratch, is_kept) > 4000


# Refused by the disk

REFUSALS = [
    Fault(kind="fsync_fails", at=4, times=1, only="*-wal"),
    Fault(kind="fsync_fails", at=5, times=6, only="*-wal"),
    Fault(kind="fsync_fails", times=2, only="*.db"),
    Fault(kind="write_fails", at=8, times=4, only="*-wal"),
    Fault(kind="write_fails", times=2, only="*.db"),
    Fault(kind="full", room=30_000, times=5, only="*-wal"),
    Fault(kind="full", room=120_000, times=8),
    Fault(kind="full", room=40_000, times=6, copies=True),
    Fault(kind="read_only", at=40, times=9),
    Fault(kind="slow", milliseconds=3, only="*-wal"),
]
# Faults that nobody need be told of: the log is copied into the file again at the next change.
SILENT = ("*.db",)


def refused(folder: Path, tmp_path: Path, fault: Fault) -> Recording:
    """Let a ledger go on while the disk refuses some of it; that it was met is looked at by `Recorder.run`."""
    keeper = Keeper(folder / "cache" / "jobs")
    keeper.open()
    keeper.put("before", BEFORE["before"])
    keeper.file.close()
    (tmp_path / "log").mkdir()
    recording = run(folder, Recorder(folder, tmp_path / "log"), "stubborn", fault=fault)
    assert any("ledger.db" in one.path for one in recording.met)
    is_told = any(mark.text.startswith("refused") for mark in recording.marks)
    assert is_told == (fault.kind != "slow" and fault.only not in SILENT)
    return recording


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", REFUSALS, ids=repr)
def test_what_was_refused_is_left_out_once_anything_was_taken(
    folder: Path, tmp_path: Path, scratch: Path, fault: Fault
) -> None:
    recording = refused(folder, tmp_path, fault)
    assert check_all(both(recording, bound=2, torn=2), scratch, is_kept) > 200


@pytest.mark.parametrize("kind", ["read_only", "full", "fsync_fails"])
def test_a_ledger_that_cannot_be_opened_is_opened_later(
    folder: Path, tmp_path: Path, kind: str
) -> None:
    """It is the disk that refuses: nothing is set aside, and nothing is lost."""
    root = folder / "cache" / "jobs"
    keeper = Keeper(root)
    keeper.open()
    keeper.put("before", BEFORE["before"])
    keeper.put("s", text_of("s", 1), staged=True)
    (tmp_path / "log").mkdir()
    recorder = Recorder(folder, tmp_path / "log")
    # As a power cut leaves it: with its log.
    recorder.order(Fault(kind=kind))  # type: ignore[arg-type]  # names one
    try:
        recording = recorder.run(KEEPERS, "stubborn", str(folder), "1")
    except NeverMetError:
        pytest.fail("nothing was refused")
    assert recording.met
    keeper.file.close()
    assert opened(root) == (BEFORE, None)


# Damaged, and salvaged


def is_salvaged(folder: Path, state: State) -> None:
    """Check a ledger of `salvaged`: all that could be read of it, with what it prints; the rest is kept aside."""
    cache = folder / "cache"
    kept, since = allowed(state)
    found, _ = opened(cache / "jobs")
    assert found == kept or found in since
    assert documents(cache / "jobs") == {name: name * 600 for name in "ac"}
    (aside,) = cache.glob(f"{DAMAGED_LEDGER_PREFIX}*")
    assert documents(aside) == {"b": "b" * 600}
    # The next start sees no damage any more.
    assert opened(cache / "jobs") == (found, None)


def documents(root: Path) -> Texts:
    """Return the documents that lie in a folder, by whose they are."""
    return {path.parent.name: path.read_text() for path in root.glob(f"{BOX}/*/document.pdf")}


def salvage(folder: Path, tmp_path: Path) -> Recording:
    """Have a damaged ledger opened."""
    old(folder / "cache" / "jobs")
    (tmp_path / "log").mkdir()
    return run(folder, Recorder(folder, tmp_path / "log"), "salvaged")


def test_what_is_salvaged_survives_any_power_cut(
    folder: Path, tmp_path: Path, scratch: Path
) -> None:
    recording = salvage(folder, tmp_path)
    assert check_all(both(recording, bound=16, torn=4), scratch, is_salvaged) > 300


# What the judges are worth


@pytest.mark.parametrize(
    ("keeper", "found_in"),
    [
        ("impatient", MODES),
        # A journal has a folder's own name on the disk before what is in it.
        ("unnamed life", ("unordered",)),
        ("unnamed salvaged", ("unordered",)),
    ],
)
def test_a_careless_ledger_is_found_out(
    folder: Path, tmp_path: Path, scratch: Path, keeper: str, found_in: tuple[Metadata, ...]
) -> None:
    name, *arguments = keeper.split()
    salvages = arguments == ["salvaged"]
    if salvages:
        old(folder / "cache" / "jobs")
    (tmp_path / "log").mkdir()
    recording = run(folder, Recorder(folder, tmp_path / "log"), name, *arguments)
    for mode in found_in:
        states = power_cuts(recording, metadata=mode, bound=8, torn=2)
        assert first_broken(states, scratch, is_salvaged if salvages else is_kept) is not None
