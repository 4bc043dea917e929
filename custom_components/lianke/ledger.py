"""The records of all boxes that must survive a power cut, and the queue of changes to them.

`committed` has the records as they are on disk: report only these to the outside. `latest` has the records as the
queued changes will make them: base decisions on these. A change is one function of a View of all records. It checks its
precondition and writes its result in one step, so no other change can come in between. Changes are made in the order in
which they are requested. Changes requested while the disk is busy share the next transaction.

If the disk refuses a *decision*, the decision is dropped, and the changes made after it are made again without it. A
*report* cannot be dropped, since what it reports has already happened: it stays queued and is tried again. In both
cases the caller gets the error.
"""

import asyncio
from collections import defaultdict
from collections.abc import (
    Callable,
    Collection,
    ItemsView,
    Iterable,
    Iterator,
    Mapping,
    Set as AbstractSet,
    ValuesView,
)
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
import logging
from pathlib import Path
from typing import Any, Final, cast, override

from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util
from homeassistant.util.logging import catch_log_exception

from .ledger_file import (
    MAX_RECORD_LENGTH,
    Kind,
    LedgerClosedError,
    LedgerFile,
    LedgerRefusedError,
    Row,
    RowKey,
)

_LOGGER = logging.getLogger(__name__)

# First and longest wait in seconds before a refused transaction is tried again; each refusal doubles the wait.
RETRY_AFTER: Final = 1.0
RETRY_AT_MOST: Final = 30.0
# Seconds without a change after which SQLite's write-ahead log is moved into the database.
IDLE: Final = 5.0
# Maximum seconds that closing waits for a disk that hangs.
CLOSE_TIME: Final = 10.0
# A start reads the records that changed within this time, which is as far back as the cloud's list of tasks goes.
RECENT: Final = timedelta(hours=48)


# The name of a kind of record, and the id of a box.
type TableName = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Table[T]:
    """The records of one kind that belong to one box."""

    kind: Kind[T]
    box: str
    name: TableName = field(init=False)

    def __post_init__(self) -> None:
        # A field of a frozen dataclass cannot be assigned in any other way.
        object.__setattr__(self, "name", (self.kind.name, self.box))


@dataclass(frozen=True, slots=True)
class RecordChange[T]:
    """A record before and after a change; None where it did not exist before, or does not exist afterwards."""

    old: T | None
    new: T | None


class _UnreadRecord[T]:
    """A record that the start did not read. `committed` and `latest` share it, so it is read only once."""

    __slots__ = ("_key", "_kind", "_unreadable", "_value", "text")

    def __init__(self, table: Table[T], record_id: str, text: str, unreadable: set[str]) -> None:
        self._kind = table.kind
        # The record's text; None once the record is read.
        self.text: str | None = text
        self._value: T | None = None
        # If this version cannot read the record, its id is added to `_unreadable`.
        self._key, self._unreadable = record_id, unreadable

    def read(self) -> T | None:
        """Return the record; None if this version cannot read it."""
        if self.text is not None:
            self.set_value(_read_one(self._kind, self.text))
        return self._value

    def set_value(self, value: T | None) -> None:
        """Store the record that was read; None means that this version cannot read it."""
        if self.text is not None:
            self.text, self._value = None, value
            if value is None:
                self._unreadable.add(self._key)


class Records[T](Mapping[str, T]):
    """The records of a table, oldest first. Records that the start skipped are read at the first access."""

    def __init__(self, known: dict[str, T | _UnreadRecord[T]]) -> None:
        self._known: dict[str, Any] = known
        self.unread_records: dict[str, _UnreadRecord[T]] = {
            key: value for key, value in known.items() if isinstance(value, _UnreadRecord)
        }

    @override
    def __getitem__(self, record_id: str) -> T:
        if record_id in self.unread_records:
            self._read(record_id)
        found: T = self._known[record_id]
        return found

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    @override
    def __len__(self) -> int:
        return len(self._known)

    @override
    def __contains__(self, record_id: object) -> bool:
        return record_id in self._known

    @override
    def values(self) -> ValuesView[T]:
        if self.unread_records:
            self._read_unread()
        return self._known.values()

    @override
    def items(self) -> ItemsView[str, T]:
        if self.unread_records:
            self._read_unread()
        return self._known.items()

    @property
    def already_read(self) -> Collection[T]:
        """The records that need not be read any more: those that the start read, and those read or changed since."""
        if not self.unread_records:
            return self._known.values()
        return [value for key, value in self._known.items() if key not in self.unread_records]

    def put(self, record_id: str, value: T | None) -> None:
        self.unread_records.pop(record_id, None)
        if value is None:
            self._known.pop(record_id, None)
        else:
            self._known[record_id] = value

    def copy(self) -> Records[T]:
        return Records({**self._known})

    def reset(self, to: Records[T]) -> None:
        """Take over the content of `to` in place, since others hold a reference to this object."""
        self._known, self.unread_records = {**to._known}, {**to.unread_records}

    def _read_unread(self) -> None:
        for record_id in [*self.unread_records]:
            self._read(record_id)

    def _read(self, record_id: str) -> None:
        self.put(record_id, self.unread_records[record_id].read())


type AllRecords = dict[TableName, Records[Any]]


@dataclass(slots=True)
class View:
    """All records as one change finds them; the change writes its results here."""

    records: AllRecords
    staged: set[RowKey]
    # When the change was first requested; this time stays the same if the change is made again after a refusal.
    now: datetime
    written: dict[RowKey, Any] = field(default_factory=dict)

    def get[T](self, table: Table[T], record_id: str) -> T | None:
        key = RowKey(*table.name, record_id)
        if key in self.written:
            found: T | None = self.written[key]
            return found
        return self.records[table.name].get(record_id)

    def all[T](self, table: Table[T]) -> Iterator[T]:
        """Yield the records of a table, oldest first, new records last."""
        written = {
            key.record_id: value for key, value in self.written.items() if key[:2] == table.name
        }
        for record_id, value in self.records[table.name].items():
            if (now := written.pop(record_id, value)) is not None:
                yield now
        yield from (value for value in written.values() if value is not None)

    def put[T](
        self, table: Table[T], record_id: str, value: T, *, staged: bool | None = None
    ) -> None:
        """Write a record.

        `staged`: the record is reported to nobody, and a restart drops it; None leaves the record staged or not, as it
        was.
        """
        key = RowKey(*table.name, record_id)
        self.written[key] = value
        if staged is not None:
            (self.staged.add if staged else self.staged.discard)(key)

    def delete(self, table: Table[Any], record_id: str) -> None:
        self.written[RowKey(*table.name, record_id)] = None


type Change[R] = Callable[[View], R]
type Listener[T] = Callable[[RecordChange[T]], None]


@dataclass(eq=False, slots=True)
class _QueuedChange:
    """A change that is not on disk yet."""

    change: Change[Any]
    is_report: bool
    now: datetime
    done: asyncio.Future[Any]
    result: Any = None
    record_changes: dict[RowKey, RecordChange[Any]] = field(default_factory=dict)
    rows: dict[RowKey, Row | None] = field(default_factory=dict)


class Ledger:
    """The queue of changes. It runs in the event loop; `LedgerFile` does the blocking work."""

    def __init__(self, hass: HomeAssistant, root: Path) -> None:
        self._hass = hass
        self._file = LedgerFile(root)
        # Rows of tables that are not loaded yet, and the keys of the rows that a start can skip.
        self._rows: defaultdict[TableName, list[tuple[str, str]]] = defaultdict(list)
        self._not_needed: AbstractSet[RowKey] = frozenset()
        self._unreadable: dict[TableName, set[str]] = {}
        self._kinds: dict[str, Kind[Any]] = {}
        self._loading = asyncio.Lock()
        self._committed: AllRecords = {}
        self._latest: AllRecords = {}
        # The staged records on disk, which are not reported to anybody yet, and the keys of the staged records in
        # `latest`.
        self._staged: dict[RowKey, Any] = {}
        self._latest_staged: set[RowKey] = set()
        self._queue: list[_QueuedChange] = []
        self._being_written: list[_QueuedChange] = []
        self._listeners: dict[TableName, list[tuple[Listener[Any], bool]]] = {}
        # Changes of a table that reached the disk after the instance that listened to the table was unloaded.
        self._missed: defaultdict[TableName, dict[RowKey, RecordChange[Any]]] = defaultdict(dict)
        # A refused transaction may still take effect at the next start, until another transaction succeeds.
        self._is_tainted = False
        self._pause = RETRY_AFTER
        self._timer: asyncio.Handle | None = None
        # When the timer is due, by the loop's clock.
        self._due = 0.0
        self._idle_timer: asyncio.TimerHandle | None = None
        self._settled = asyncio.Event()
        self._settled.set()
        self._work: asyncio.Future[None] | None = None
        self._is_closed = False
        # Closed, or closing gave up: nothing more is written, not even changes that were requested before.
        self._is_over = False

    async def async_open(self, *kinds: Kind[Any]) -> None:
        """Open the file. Raises LedgerBusyError, OSError.

        After damage, only what `Kind.salvage` returns is kept of records of `kinds`. Without damage, those that a start
        can skip are read later.
        """
        rows, self._not_needed = await self._hass.async_add_executor_job(
            _open, self._file, kinds, dt_util.utcnow() - RECENT
        )
        for key, text in rows:
            self._rows[key[:2]].append((key.record_id, text))

    async def async_delete_other_boxes(self, boxes: Collection[str]) -> set[str]:
        """Delete the rows of all boxes but these; return the names of the boxes whose rows were deleted.

        Call it before any table is loaded.
        """
        gone = {name for name in self._rows if name[1] not in boxes}
        keys = [RowKey(*name, record_id) for name in gone for record_id, _ in self._rows[name]]
        for name in gone:
            del self._rows[name]
        if keys:
            try:
                await self._hass.async_add_executor_job(self._file.write, dict.fromkeys(keys))
            except LedgerRefusedError:
                # The next start tries again.
                self._is_tainted = True
        return {box for _, box in gone}

    async def async_load[T](self, table: Table[T]) -> None:
        """Read a table; call this before any change to it."""
        name = table.name
        async with self._loading:
            if name in self._latest:
                return
            rows = self._rows.pop(name, [])
            later = {
                record_id for record_id, _ in rows if RowKey(*name, record_id) in self._not_needed
            }
            found = await self._hass.async_add_executor_job(
                _read_all, table.kind, [row for row in rows if row[0] not in later]
            )
            self._kinds[table.kind.name] = table.kind
            unreadable = {record_id for record_id, _ in rows} - found.keys() - later
            self._unreadable[name] = unreadable
            known = {
                key: _UnreadRecord(table, key, text, unreadable) if key in later else found[key]
                for key, text in rows
                if key in later or key in found
            }
            self._committed[name] = Records(known)
            self._latest[name] = self._committed[name].copy()

    async def async_read_unread(self, table: Table[Any]) -> None:
        """Read, in the executor, the records that were skipped at the start.

        If these records are accessed before this call, they are read in the event loop.
        """
        if not (unread := {**self._latest[table.name].unread_records}):
            return
        texts = [(key, one.text) for key, one in unread.items() if one.text is not None]
        found = await self._hass.async_add_executor_job(_read_all, table.kind, texts)
        for key, one in unread.items():
            one.set_value(found.get(key))
        self.committed(table).values()
        self.latest(table).values()

    def committed[T](self, table: Table[T]) -> Records[T]:
        return self._committed[table.name]

    def latest[T](self, table: Table[T]) -> Records[T]:
        return self._latest[table.name]

    def unreadable(self, table: Table[Any]) -> AbstractSet[str]:
        """Return the ids of the records that this version cannot read, but a later version may."""
        return self._unreadable[table.name]

    @property
    def damaged_folder(self) -> Path | None:
        """The folder to which this startup moved a damaged ledger and its files; None if nothing was damaged."""
        return self._file.damaged_folder

    @property
    def is_settled(self) -> bool:
        """Whether every requested change is on disk or was refused for good."""
        return self._settled.is_set()

    @callback
    def listen[T](
        self, table: Table[T], listener: Listener[T], *, publishes: bool = True
    ) -> Callable[[], None]:
        """Call `listener` with each change of a record of a table once the change is on disk.

        `publishes`: the listener passes the changes on to others. While no listener does, changes count as missed (see
        `take_missed_changes`). Returns a function that removes the listener.
        """
        listeners = self._listeners.setdefault(table.name, [])
        # A listener that fails must stop neither the other listeners nor the queue.
        failed = "A listener to the ledger failed"
        safe = cast(Listener[T], catch_log_exception(listener, lambda *_: failed))
        listeners.append((safe, publishes))
        return lambda: listeners.remove((safe, publishes))

    def take_missed_changes[T](self, table: Table[T]) -> list[RecordChange[T]]:
        """Return the changes that no listener with `publishes` received, merged into one per record; forget them."""
        record_changes = self._missed.pop(table.name, {}).values()
        return [one for one in record_changes if one != RecordChange(None, None)]

    @callback
    def commit[R](
        self, change: Change[R], *, is_report: bool = False, within: float = 0
    ) -> asyncio.Future[R]:
        """Make a change; the future has the change's result once the change is on disk.

        `latest` shows the change at once. `is_report`: the change is a report, not a decision. `within`: how many
        seconds the change may wait to share a transaction with others. An error that the change itself raises is raised
        here, and then nothing is changed. The future raises LedgerRefusedError if the disk refuses; nobody has to await
        the future, and canceling it does not cancel the change. Raises LedgerClosedError if the ledger is closed.
        """
        if self._is_closed:
            raise LedgerClosedError("the ledger is closed")
        asked = _QueuedChange(change, is_report, dt_util.utcnow(), self._hass.loop.create_future())
        # Retrieve the error, which asyncio would otherwise log if nobody awaits the future.
        asked.done.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._apply(asked)
        self._queue.append(asked)
        self._settled.clear()
        self._schedule_write(within)
        return asked.done

    def _apply(self, asked: _QueuedChange) -> None:
        """Make a change in `latest`. Raises what the change raises, and LedgerRefusedError if a record is too large."""
        view = View(self._latest, {*self._latest_staged}, asked.now)
        asked.result = asked.change(view)
        asked.record_changes, asked.rows = {}, {}
        for key, new in view.written.items():
            old, is_staged = self._latest[key[:2]].get(key.record_id), key in view.staged
            if (
                old != new
                # A record that is no longer staged is reported now, even if it has not changed.
                or (key in self._latest_staged and not is_staged)
                or (new is None and key.record_id in self._unreadable[key[:2]])
            ):
                text = None if new is None else self._kinds[key.kind].write(new)
                if text is not None and len(text) > MAX_RECORD_LENGTH:
                    raise LedgerRefusedError(f"the record of a {key.kind} is too large")
                asked.record_changes[key] = RecordChange(old, new)
                asked.rows[key] = None if text is None else Row(text, is_staged)
        for key, one in asked.record_changes.items():
            self._latest[key[:2]].put(key.record_id, one.new)
            if one.new is None:
                view.staged.discard(key)
        self._latest_staged = view.staged

    def _schedule_write(self, seconds: float) -> None:
        if self._work is not None or self._is_over:
            return
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        due = self._hass.loop.time() + seconds
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer.cancel()
        self._due = due
        loop = self._hass.loop
        # A timer that is due at this very moment would never fire on a clock that stands still.
        self._timer = loop.call_at(due, self._write) if seconds else loop.call_soon(self._write)

    def _write(self) -> None:
        self._timer = None
        self._being_written, self._queue = self._queue, []
        rows: dict[RowKey, Row | None] = {}
        for asked in self._being_written:
            rows |= asked.rows
        if rows or self._is_tainted:
            # Do not use `async_add_executor_job`: when Home Assistant stops, it cancels the futures of such jobs while
            # their threads keep running. What such a thread writes would count as refused, and the next transaction
            # would begin before the thread has finished.
            self._work = self._hass.loop.run_in_executor(None, self._file.write, rows)
            self._work.add_done_callback(self._on_done)
        else:
            # All changes repeated what is already on disk.
            self._on_done(None)

    def _on_done(self, work: asyncio.Future[None] | None) -> None:
        """Report the changes that reached the disk, and go on; `work` is None if there was nothing to write."""
        self._work = None
        if work is not None and (work.cancelled() or work.exception() is not None):
            self._refused("canceled" if work.cancelled() else str(work.exception()))
            return
        done, self._being_written = self._being_written, []
        self._is_tainted = False
        self._pause = RETRY_AFTER
        for asked in done:
            self._publish(asked)
        for asked in done:
            if not asked.done.done():
                asked.done.set_result(asked.result)
        if self._queue:
            self._schedule_write(0)
            return
        self._settled.set()
        if done and not self._is_closed:
            self._idle_timer = self._hass.loop.call_later(IDLE, self._checkpoint)

    def _publish(self, asked: _QueuedChange) -> None:
        record_changes = {}
        for key, one in asked.record_changes.items():
            row = asked.rows[key]
            if row is not None and row.is_staged:
                self._staged[key] = one.new
                continue
            was_staged = self._staged.pop(key, None) is not None
            record_changes[key] = RecordChange(None, one.new) if was_staged else one
        for key, one in record_changes.items():
            self._committed[key[:2]].put(key.record_id, one.new)
        for key, one in record_changes.items():
            self._unreadable[key[:2]].discard(key.record_id)
            if one.old is None and one.new is None:
                continue
            listeners = self._listeners.get(key[:2])
            if listeners is not None and not any(publishes for _, publishes in listeners):
                missed = self._missed[key[:2]]
                missed[key] = RecordChange(missed.get(key, one).old, one.new)
            for listener, _ in [*(listeners or ())]:
                listener(one)

    def _refused(self, error: str) -> None:
        refused, self._being_written = self._being_written, []
        later, self._queue = self._queue, []
        if not self._is_tainted:
            _LOGGER.warning("The disk refuses what is to be kept of jobs and scans: %s", error)
        self._is_tainted = True
        for name, known in self._committed.items():
            self._latest[name].reset(known)
        self._latest_staged = {*self._staged}
        for key, value in self._staged.items():
            self._latest[key[:2]].put(key.record_id, value)
        self._queue = _merged([one for one in refused if one.is_report and self._apply_again(one)])
        self._queue += [one for one in later if self._apply_again(one)]
        for asked in refused:
            if not asked.done.done():
                asked.done.set_exception(LedgerRefusedError(error))
        if any(not asked.is_report for asked in self._queue):
            # Somebody is waiting for a decision, so do not pause.
            self._schedule_write(0)
            return
        self._schedule_write(self._pause)
        self._pause = min(self._pause * 2, RETRY_AT_MOST)

    def _apply_again(self, asked: _QueuedChange) -> bool:
        """Make a change again after a refusal; return False if that is impossible: the caller must then drop it."""
        try:
            self._apply(asked)
        except Exception as err:  # noqa: BLE001  # a change that it needs was dropped
            if not asked.done.done():
                asked.done.set_exception(err)
            return False
        return True

    def _checkpoint(self) -> None:
        self._idle_timer = None
        self._work = self._hass.loop.run_in_executor(None, self._file.checkpoint)
        self._work.add_done_callback(self._on_done)

    async def async_close(self) -> None:
        """Take no more changes, write the queued ones within CLOSE_TIME, and close the file."""
        if self._is_closed:
            return
        self._is_closed = True
        if not self._settled.is_set():
            self._schedule_write(0)
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIME):
                await self._settled.wait()
                if self._work is not None:
                    # The write-ahead log is being moved into the database.
                    await asyncio.wait([self._work])
        self._is_over = True
        for timer in (self._timer, self._idle_timer):
            if timer is not None:
                timer.cancel()
        for asked in (*self._being_written, *self._queue):
            if not asked.done.done():
                asked.done.set_exception(LedgerClosedError("the ledger is closed"))
        if self._work is not None:
            # The disk hangs. Close the file as soon as the disk responds; if the file stayed open, the next ledger
            # would find it busy.
            self._work.add_done_callback(lambda _: self._close_file())
            return
        await asyncio.wait([self._close_file()])

    def _close_file(self) -> asyncio.Future[None]:
        return self._hass.async_add_executor_job(self._file.close)


class Lease:
    """A box's access to the ledger. It ends when the box is unloaded; later changes by the old instance are refused."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._is_over = False

    @callback
    def end(self) -> None:
        self._is_over = True

    def raise_if_over(self) -> None:
        """Raise LedgerClosedError once the lease is over; call it within a change that another box commits."""
        if self._is_over:
            raise LedgerClosedError("the box was unloaded")

    @callback
    def commit[R](
        self, change: Change[R], *, is_report: bool = False, within: float = 0
    ) -> asyncio.Future[R]:
        """Make a change as `Ledger.commit` does. Raises LedgerClosedError once the lease is over."""
        self.raise_if_over()

        def of_lease(view: View) -> R:
            # The ledger may make the change again after a refusal, and the lease may be over by then.
            self.raise_if_over()
            return change(view)

        # A report stays valid after its instance was unloaded, since the next instance already counts on it.
        return self._ledger.commit(
            change if is_report else of_lease, is_report=is_report, within=within
        )


def _merged(reports: list[_QueuedChange]) -> list[_QueuedChange]:
    """Merge reports into one, so that they do not pile up while the disk refuses for hours."""
    if len(reports) < 2:
        return reports
    first = reports[0]
    for other in reports[1:]:
        for key, one in other.record_changes.items():
            first.record_changes[key] = RecordChange(
                first.record_changes.get(key, one).old, one.new
            )
        first.rows |= other.rows
    record_changes, rows = first.record_changes, first.rows

    def again(view: View) -> None:
        for key, one in record_changes.items():
            view.written[key], row = one.new, rows[key]
            is_staged = row is not None and row.is_staged
            (view.staged.add if is_staged else view.staged.discard)(key)

    first.change = again
    return [first]


def _open(
    file: LedgerFile, kinds: Collection[Kind[Any]], since: datetime
) -> tuple[list[tuple[RowKey, str]], set[RowKey]]:
    """Open a ledger's file; return its rows, and the keys of the rows that a start can skip (none after damage)."""
    rows = file.open(*kinds)
    wanted = kinds if file.damaged_folder is None else ()
    return rows, {key for kind in wanted for key in file.rows_skippable_at_start(kind, since)}


def _read_all[T](kind: Kind[T], rows: Iterable[tuple[str, str]]) -> dict[str, T]:
    """Return the records in these rows, by id.

    A row that this version cannot read is left out, and stays on disk for a later version.
    """
    read = {record_id: _read_one(kind, text) for record_id, text in rows}
    return {record_id: value for record_id, value in read.items() if value is not None}


def _read_one[T](kind: Kind[T], text: str) -> T | None:
    try:
        return kind.read(text)
    except ValueError as err:
        # Log neither the record's id, which may be a secret, nor the error's message, which may quote the id.
        _LOGGER.warning("A record of a %s cannot be read: %s", kind.name, type(err).__name__)
        return None
