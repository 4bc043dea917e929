"""The disk of one home, full, read-only, slow, broken or without power, below all libraries (`tests/disk`).

Each life of a home, from a start to the end of the process, has a recorder. It notes the file operations of SQLite as
well as of Python. So it is known whether a fault met the ledger, and its files can be replaced by what a power cut
leaves of them.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Final

from tests.disk.crashes import Metadata, State, kills, power_cuts
from tests.disk.recorder import Recorder
from tests.disk.recording import Fault, FaultKind, Met
from tests.ledgers import rows

# Milliseconds that each write and each flush of a slow disk takes.
SLOW: Final = 30
LEDGER: Final = "ledger.db"
KEPT: Final = "*lianke/*"
_KINDS: Final[tuple[FaultKind, ...]] = ("full", "read_only", "fsync_fails", "write_fails")
# Faults by name. A disk that is full, read-only or slow also affects Home Assistant's own files.
FAULTS: Final = {
    "full": Fault(kind="full"),
    "read_only": Fault(kind="read_only"),
    "slow": Fault(kind="slow", milliseconds=SLOW),
    "fsync_fails": Fault(kind="fsync_fails", only=KEPT),
    "write_fails": Fault(kind="write_fails", only=KEPT),
    **{f"ledger_{kind}": Fault(kind=kind, only=f"*{LEDGER}*") for kind in _KINDS},
}
MODES: Final[tuple[Metadata, ...]] = ("ordered", "unordered")
# Maximum number of states of each kind, of those that a power cut may leave at one moment.
STATES: Final = 6


class Disk:
    """The disk of one home. `watched` is the part of its folder that is recorded."""

    def __init__(self, folder: Path, logs: Path) -> None:
        self.folder = folder
        self.watched = folder
        self.mode = "ok"
        # How often each fault was ordered, and how often it met the ledger.
        self.ordered: Counter[str] = Counter()
        self.met: Counter[str] = Counter()
        # Files that are missing or damaged after a power cut, although a row of the ledger names them.
        self.damage: list[str] = []
        # Number of states from which those left by all power cuts so far were chosen.
        self.states = 0
        self._logs = logs
        self._lives = 0
        # Faults that were ordered earlier and never met the ledger.
        self._unmet: list[str] = []
        self._recorder: Recorder | None = None
        self._present: str | None = None
        self._meets = LEDGER
        self._seen = 0

    def begin(self) -> tuple[str, str]:
        """Record another life; return the folder to record and the folder for the log."""
        self._look()
        self._lives += 1
        log = self._logs / f"{self.folder.name}-disk-{self._lives}"
        log.mkdir()
        self.watched.mkdir(parents=True, exist_ok=True)
        self._recorder, self._seen = Recorder(self.watched, log), 0
        if self.mode != "ok":
            self._recorder.order(self._fault(self.mode))
        return str(self.watched), str(log)

    def set(self, mode: str, meets: str = LEDGER) -> None:
        """Change the mode, from the next operation on; the fault has to meet a path that contains `meets`."""
        self._look()
        self._meets = meets
        if self._present is not None:
            self._unmet.append(self._present)
        self.mode, self._present = mode, None
        if mode != "ok":
            self.ordered[mode] += 1
            self._present = mode
        if self._recorder is not None:
            self._recorder.order(None if mode == "ok" else self._fault(mode))

    def _fault(self, mode: str) -> Fault:
        """Return the fault of a mode; it needs no pattern of paths if only the integration's files are recorded."""
        fault = FAULTS[mode]
        is_all = fault.only == KEPT and self.watched != self.folder
        return replace(fault, only="") if is_all else fault

    def watch_kept(self) -> None:
        """Record only the integration's files, from the next life on; cut_power() replaces only recorded files."""
        self.watched = self.folder / ".cache" / "lianke"

    def die_at(self, operation: int) -> None:
        """Let the process end just before an operation on the watched folder; 1 is the next operation."""
        assert self._recorder is not None
        self._recorder.order(Fault(kind="dies_before", at=operation))

    @property
    def has_died(self) -> bool:
        """Whether die_at() has ended the process of this life."""
        return any(one.fault.kind.startswith("dies") for one in self._all_met())

    def cut_power(self, random: Random) -> str:
        """Replace the watched files by what a power cut may leave when the process ends; return the state's name."""
        assert self._recorder is not None
        recording = self._recorder.recording()
        last = len(recording.operations)
        states: list[State] = []
        for metadata in MODES:
            states += power_cuts(
                recording,
                metadata=metadata,
                bound=STATES,
                torn=STATES,
                seed=random.randrange(1 << 30),
                points=range(last, last + 1),
            )
        self.states += len(states)
        state = random.choice(states)
        state.write_to(self.watched)
        *_, seen = kills(recording)
        self.damage += [f"{one} after {state.name}" for one in self._damaged(state, seen)]
        return state.name

    def _damaged(self, state: State, seen: State) -> Iterator[str]:
        """Yield the files named by rows that a power cut has left, if they are missing or not as before the cut."""
        ledger = self.watched / "jobs"
        named = [
            (job["job_id"], one["document"]["path"])
            for job in rows(ledger, "job")
            for one in job["deliveries"]
            if one["state"] in ("held", "uploading") and not one["handed_over_at"]
        ]
        named += [
            (scan["job_id"], name)
            for scan in rows(ledger, "scan")
            # Once a scan has files, its pages may be deleted.
            for name in scan["files"] or scan["pages"]
        ]
        for job_id, name in named:
            end = f"/{job_id}/{name}"
            paths = [path for path in (*state.files, *seen.files) if path.endswith(end)]
            if not paths:
                yield f"{end} is gone"
            for path in paths:
                # Only files that still existed before the cut have to be whole.
                if path in seen.files and state.files.get(path) != seen.files[path]:
                    yield f"{path} is not whole"

    def never_met(self) -> Iterator[str]:
        """Yield the faults that were ordered and did not meet the ledger."""
        self._look()
        yield from self._unmet
        if self._present is not None:
            yield self._present

    def _all_met(self) -> list[Met]:
        return [] if self._recorder is None else self._recorder.met()

    def _look(self) -> None:
        """Note whether the ledger has met the present fault."""
        met = self._all_met()
        new, self._seen = met[self._seen :], len(met)
        number = sum(self._meets in one.path for one in new)
        if number and self._present is not None:
            self.met[self._present] += number
            self._present = None
