"""Makes from a recorder's log what may be in a folder after a crash, state by state.

    for state in power_cuts(recording, metadata="unordered"):
        state.write_to(empty)    # then open it, migrate it, judge it against state.marks

    check_all(power_cuts(recording), scratch, check)    # the same; an error names its state
    named(recording, "ordered@17:12,14-15,16[0.3]")     # that state alone, again

A *killed* process (`kills`) leaves everything that it had asked for. After a *power cut*, this is assumed:

- Everything that was flushed (fsync, fdatasync) before the power cut is on disk: a file's bytes and length, or the
  names in a folder.
- Of a file's bytes that were not flushed, any part may be on disk, sector by sector (512 bytes): each sector is as it
  was at some moment since the last flush. A write may be on disk in one sector and not in the next (a *tear*), and
  later writes may be there without earlier writes to other sectors. Where only the length is on disk, or the file has
  a gap, there are zeros.
- A truncation is on disk completely or not at all, and before all later writes to the part that it removed.
- A rename is atomic, also across folders: the old name is gone if and only if the new name is there, and the file that
  had the new name before is gone as well. A change of a name is on disk only with all earlier changes of the same name.
  A folder is gone only if everything that was removed from it is gone.
- `metadata="ordered"` is a journal as in ext4 or XFS: all changes of names up to some moment are on disk, and no later
  ones. Flushing a file or a folder ensures the changes up to the last one that concerns it. Bytes are not part of that
  order: a file may have its name without its bytes (by default ext4 prevents this for a rename; do not rely on it).
- `metadata="unordered"` is what POSIX promises: each change of a name is on disk or not, independently of the others.
  Only flushing the folder that the (new) name is in ensures it; flushing a file ensures no name.
- A flush that fails ensures nothing. What it should have written may be on disk or not, no matter what is flushed later
  (Linux treats the pages as written): it is written only after another write to the same page of 4096 bytes.

Modes and times of files are not part of a state, nor are the files that SQLite maps (*-shm, zeros). Disks with a cache
that lies are not covered. O_SYNC and sync() are ignored.
All subsets are tried if there are at most `bound` of them at a moment, otherwise `bound` random ones; the same seed
always gives the same subsets.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
import random
import re
import shutil
from typing import Final, Literal

from .files import (
    SECTOR,
    Change,
    Files,
    Flushing,
    Naming,
    Node,
    Slot,
    Writing,
    set_names,
    written_out,
)
from .recording import Recording

type Metadata = Literal["ordered", "unordered"]

SECTORS_A_PAGE: Final = 8
# Number of the last changes that are also varied alone, with all earlier ones or none: some files are never flushed.
RECENT: Final = 8
# The pending changes that are on disk, by number: the sectors of a write that is torn, None for a complete change.
type Choice = dict[int, frozenset[int] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is in the folder after a crash; `named` makes it again from its name and the same recording."""

    name: str
    # Number of operations that the process had asked for.
    point: int
    # Texts of the marks that the process had set.
    marks: tuple[str, ...]
    # Each file's content by its path below the folder; None for a folder.
    files: Mapping[str, bytes | None] = field(repr=False)

    def write_to(self, folder: Path) -> None:
        """Replace everything in a folder by this state."""
        shutil.rmtree(folder, ignore_errors=True)
        for path, data in sorted(self.files.items()):
            if data is None:
                (folder / path).mkdir(parents=True)
            else:
                (folder / path).write_bytes(data)


def kills(recording: Recording) -> Iterator[State]:
    """Yield what a killed process leaves, after each operation."""
    files = Files(recording.before)
    yield _state(recording, "killed@0", 0, files.written_out())
    for operation in recording.operations:
        files.apply(operation)
        point = operation.number
        yield _state(recording, f"killed@{point}", point, files.written_out())


def power_cuts(
    recording: Recording,
    *,
    metadata: Metadata = "ordered",
    bound: int = 64,
    torn: int = 16,
    seed: int = 0,
    points: range | None = None,
) -> Iterator[State]:
    """Yield what a power cut may leave, after each operation: up to `bound` states and `torn` with tears, each once.

    States that differ only in their marks are different. `points` selects the operations; 0 is before the first.
    """
    seen: set[tuple[int, int]] = set()
    disk = Disk(recording, metadata)
    for point in disk.moments(recording):
        if points is not None and point not in points:
            continue
        chance = random.Random(f"{seed} {point}")
        tried: set[str] = set()
        for choice in disk.choices(chance, bound, torn):
            disk.complete(choice)
            name = f"{metadata}@{point}:{disk.spell(choice)}"
            if name in tried:
                continue
            tried.add(name)
            state = _state(recording, name, point, disk.written_out(choice))
            look = (hash(frozenset(state.files.items())), len(state.marks))
            if look not in seen:
                seen.add(look)
                yield state


def named(recording: Recording, name: str) -> State:
    """Return the state with this name."""
    kind, _, rest = name.partition("@")
    number, _, spelt = rest.partition(":")
    if kind == "killed":
        return next(state for state in kills(recording) if state.name == name)
    disk = Disk(recording, "ordered" if kind == "ordered" else "unordered")
    point = next(one for one in disk.moments(recording) if one == int(number))
    return _state(recording, name, point, disk.written_out(disk.read(spelt)))


def check_all(states: Iterable[State], folder: Path, check: Callable[[Path, State], object]) -> int:
    """Write each state to a folder and check it; return how many there were. An error gets a note with the name."""
    number = 0
    for state in states:
        number += 1
        state.write_to(folder)
        try:
            check(folder, state)
        except Exception as err:
            err.add_note(f"State: {state.name}")
            raise
    return number


def _state(recording: Recording, name: str, point: int, files: Mapping[str, bytes | None]) -> State:
    marks = tuple(mark.text for mark in recording.marks if mark.number <= point)
    return State(name=name, point=point, marks=marks, files=files)


@dataclass(slots=True)
class Content:
    """A file's bytes on disk: the ensured ones, and the changes that may be there as well."""

    ensured: bytes
    # The changes that may be there as well, in order.
    pending: list[Writing] = field(default_factory=list)
    # Numbers of the pending changes that a failed flush should have written.
    spoiled: set[int] = field(default_factory=set)
    # Number of the change up to which each sector is ensured, while spoiled changes are left; the same for the length.
    levels: dict[int, int] = field(default_factory=dict)
    length_level: int = 0

    def flush(self, number: int, as_seen: bytes) -> None:
        """Ensure all changes except spoiled ones whose pages were not written again."""
        again: dict[int, int] = {}
        for one in self.pending:
            if one.number not in self.spoiled:
                first, last = _pages(one.sectors)
                again.update(dict.fromkeys(range(first, last), one.number))
        if self.spoiled:
            self.ensured = self._put_together(again, len(as_seen))
            self.levels |= again
        else:
            self.ensured = as_seen
        self.length_level = number
        self.pending = [
            one
            for one in self.pending
            if one.number in self.spoiled
            and any(self.levels.get(sector, 0) < one.number for sector in one.sectors)
        ]
        self.spoiled &= {one.number for one in self.pending}
        if not self.spoiled:
            self.levels.clear()

    def fail(self) -> None:
        """Mark all pending changes as spoiled, because a flush has failed."""
        self.spoiled |= {one.number for one in self.pending}

    def complete(self, choice: Choice) -> None:
        """Add the truncations without which the chosen changes cannot be on disk."""
        later: set[int] = set()
        for one in reversed(self.pending):
            if one.cuts and any(sector >= one.sectors.start for sector in later):
                choice[one.number] = None
            if one.number in choice:
                sectors = choice[one.number]
                later.update(one.sectors if sectors is None else sectors)

    def with_choice(self, choice: Choice) -> bytes:
        """Return the file's bytes if the chosen changes are on disk."""
        levels: dict[int, int] = {}
        length = len(self.ensured)
        for one in self.pending:
            if one.number not in choice:
                continue
            sectors = choice[one.number]
            levels.update(dict.fromkeys(one.sectors if sectors is None else sectors, one.number))
            if one.number > self.length_level:
                shortens = one.cuts and one.sectors
                length = one.length if shortens else max(length, one.length)
        if not levels and length == len(self.ensured):
            return self.ensured
        return self._put_together(levels, length)

    def _put_together(self, levels: Mapping[int, int], length: int) -> bytes:
        """Return the file's bytes, with each sector as it was after the change whose number `levels` gives."""
        data = bytearray(self.ensured)
        for one in self.pending:
            for sector in one.sectors:
                if self.levels.get(sector, 0) < one.number <= levels.get(sector, 0):
                    first, last = max(sector * SECTOR, one.start), (sector + 1) * SECTOR
                    if one.cuts:
                        data[first:last] = bytes(len(data[first:last]))
                        continue
                    last = min(last, one.start + len(one.data))
                    data.extend(bytes(max(0, last - len(data))))
                    data[first:last] = one.data[first - one.start : last - one.start]
        data.extend(bytes(max(0, length - len(data))))
        return bytes(data[:length])


def _pages(sectors: range) -> tuple[int, int]:
    """Extend sectors to whole pages; return the first sector, and the one after the last."""
    first = sectors.start // SECTORS_A_PAGE * SECTORS_A_PAGE
    return first, -(-sectors.stop // SECTORS_A_PAGE) * SECTORS_A_PAGE if sectors else first


class Disk:
    """The files and names on disk: the ensured ones, and the changes that may be there as well."""

    def __init__(self, recording: Recording, metadata: Metadata) -> None:
        """Begin with what was in the folder before the recording; it is ensured."""
        self._files = Files(recording.before)
        self._is_ordered = metadata == "ordered"
        self._names: dict[Slot, Node] = dict(self._files.names)
        self._pending: list[Naming] = []
        nodes = set(self._names.values())
        self._contents = {node: Content(bytes(node.data)) for node in nodes}

    def moments(self, recording: Recording) -> Iterator[int]:
        """Apply the operations one by one; yield 0 before the first, and the number of each after it."""
        yield 0
        for operation in recording.operations:
            change = self._files.apply(operation)
            if change is not None:
                self._take(change)
            yield operation.number

    def _take(self, change: Change) -> None:
        match change:
            case Naming():
                self._pending.append(change)
            case Writing():
                self._content(change.node).pending.append(change)
            case Flushing(failed=True):
                self._content(change.node).fail()
            case Flushing():
                if not change.node.is_folder:
                    data = bytes(change.node.data)
                    self._content(change.node).flush(change.number, data)
                self._ensure_names(change.node)

    def written_out(self, choice: Choice) -> dict[str, bytes | None]:
        """Return all files and folders by path, if the chosen changes are on disk."""
        names = dict(self._names)
        for one in self._pending:
            if one.number in choice:
                set_names(names, one.sets)
        return written_out(
            self._files.root, names, lambda node: self._content(node).with_choice(choice)
        )

    def choices(self, chance: random.Random, bound: int, torn: int) -> Iterator[Choice]:
        """Yield choices of pending changes: all, none, then every subset or random ones, then tears."""
        numbers, writes = self._open_changes()
        whole: Choice = dict.fromkeys(numbers)
        yield dict(whole)
        if not numbers:
            return
        yield {}
        if 2 ** len(numbers) <= bound:
            for mask in range(1, 2 ** len(numbers) - 1):
                yield {one: None for index, one in enumerate(numbers) if mask >> index & 1}
        else:
            for _ in range(bound):
                yield _some(numbers, chance)
        tearable = [one for one in writes if not one.cuts]
        if not tearable:
            return
        for _ in range(torn):
            begun: list[Choice] = [dict(whole), _some(numbers, chance), {}]
            choice = chance.choice(begun)
            # The last writes are torn more often: tears of earlier writes were tried at earlier moments.
            for one in (chance.choice(tearable), chance.choice(tearable[-4:])):
                choice[one.number] = _tear(one.sectors, chance)
            yield choice

    def complete(self, choice: Choice) -> None:
        """Add the changes without which the chosen ones cannot be on disk."""
        for content in self._contents.values():
            content.complete(choice)
        needed: set[Slot] = set()
        emptied: set[Node] = set()
        is_needed = False
        for one in reversed(self._pending):
            slots = [slot for slot, _ in one.sets]
            is_needed |= self._is_ordered and one.number in choice
            if is_needed or any(slot in needed or slot[0] in emptied for slot in slots):
                choice[one.number] = None
            if one.number in choice:
                needed.update(slots)
                emptied.update(one.gone)

    def spell(self, choice: Choice) -> str:
        """Return a choice as part of a state's name."""
        parts: list[str] = []
        run: list[int] = []
        for number in [*self._open_changes()[0], 0]:
            sectors = choice.get(number)
            if number in choice and sectors is None:
                run.append(number)
                continue
            if run:
                parts.append(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}")
                run = []
            if sectors is not None:
                parts.append(f"{number}[{'.'.join(map(str, sorted(sectors)))}]")
        return ",".join(parts)

    def read(self, spelt: str) -> Choice:
        """Return the choice from its part of a state's name."""
        numbers, _ = self._open_changes()
        choice: Choice = {}
        for part in filter(None, spelt.split(",")):
            first, bracket, sectors = part.partition("[")
            if bracket:
                choice[int(first)] = frozenset(map(int, re.findall(r"\d+", sectors)))
            else:
                low, _, high = part.partition("-")
                chosen = (one for one in numbers if int(low) <= one <= int(high or low))
                choice |= dict.fromkeys(chosen)
        return choice

    def _content(self, node: Node) -> Content:
        return self._contents.setdefault(node, Content(b""))

    def _open_changes(self) -> tuple[list[int], list[Writing]]:
        """Return the numbers of all pending changes, and the writes among them, except to files that have no name."""
        nodes = set(self._names.values())
        nodes.update(node for one in self._pending for _, node in one.sets if node is not None)
        writes = [
            one
            for node, content in self._contents.items()
            if node in nodes
            for one in content.pending
        ]
        writes.sort(key=lambda one: one.number)
        numbers = [one.number for one in self._pending] + [one.number for one in writes]
        return sorted(numbers), writes

    def _ensure_names(self, node: Node) -> None:
        """Apply the changes of names that a flush of this node ensures."""
        choice: Choice = {one.number: None for one in self._pending if self._ensures(node, one)}
        self.complete(choice)
        for one in self._pending:
            if one.number in choice:
                set_names(self._names, one.sets)
        self._pending = [one for one in self._pending if one.number not in choice]

    def _ensures(self, node: Node, naming: Naming) -> bool:
        if self._is_ordered:
            return any(slot[0] is node or meant is node for slot, meant in naming.sets)
        only_removes = all(meant is None for _, meant in naming.sets)
        return any(
            slot[0] is node and (only_removes or meant is not None) for slot, meant in naming.sets
        )


def _some(numbers: list[int], chance: random.Random) -> Choice:
    """Return some changes: about half, nearly none, nearly all, or all but one; of all changes or only the last."""
    last = chance.choice((len(numbers), RECENT))
    earlier, late = numbers[:-last], numbers[-last:]
    kept = earlier if chance.random() < 0.5 else []
    share = chance.choice((0.1, 0.5, 0.9, None))
    if share is None:
        left_out = chance.choice(late)
        kept = kept + [one for one in late if one != left_out]
    else:
        kept = kept + [one for one in late if chance.random() < share]
    return dict.fromkeys(kept)


def _tear(sectors: range, chance: random.Random) -> frozenset[int]:
    """Return some of a write's sectors: its beginning, its end, or any; none means that only the length is on disk."""
    cut = chance.randint(0, len(sectors))
    kind = chance.randrange(3)
    if kind == 2:
        return frozenset(one for one in sectors if chance.random() < 0.5)
    return frozenset(sectors[:cut] if kind else sectors[cut:])
