"""The jobs of one box: as they will be, as they are on disk, and who is told of them.

Decide by `latest`; tell by `committed`, which is what listeners, entities, the card and responses get (see `Ledger`).
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
import json
import logging
from pathlib import Path
from typing import Any, Final, cast

from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.util import dt as dt_util
from homeassistant.util.logging import catch_log_exception

from ..api.models import PrinterAddress
from ..api.options import ResolvedOptions
from ..api.stored import Record, plain
from ..const import HOLD_HOURS
from ..coordinator import LiankeCoordinator
from ..documents.document import Document
from ..errors import InputError
from ..ledger import CLOSE_TIME, Lease, Ledger, Records, Step, Table, View
from ..ledger_file import Kind, LedgerClosedError, LedgerRefusedError, RowKey, loads
from .files import JobFiles
from .job import FINAL, WAITING, Delivery, Job, JobState, begin_next
from .rules import LISTED, QueueReason, replaceable, to_forget

_LOGGER = logging.getLogger(__name__)

# s that loading waits for a disk that hangs.
LOAD_TIME: Final = 10.0
ALL_STATES: Final = frozenset(JobState)
# What no proof changes any more.
_SETTLED: Final = FINAL - {JobState.UNCONFIRMED}

type JobListener = Callable[[Job, JobState | None], None]
# What is to be changed of a job, by all records as they are then; it may refuse to change it by what it raises.
type Rule = Callable[[View, Job], Mapping[str, Any]]


# SQL: one that may still change, which is not over in each of its deliveries, or has changed lately.
_ENDS: Final = ", ".join(f"'{state}'" for state in sorted(_SETTLED))
_NEEDED: Final = " OR ".join(
    (
        "record ->> '$.changed_at' >= ?",
        *(f"record ->> '$.deliveries[{at}].state' NOT IN ({_ENDS})" for at in ("0", "#-1")),
    )
)
JOBS: Final = Kind[Job](
    "job",
    Job.as_json,
    lambda text: Job.from_record(loads(text)),
    # What became of one that waits after it was written nobody knows: it asks first.
    lambda job: replace(job, copied=True) if job.waits_here else job,
    needed=_NEEDED,
    topic="record ->> '$.spec.printer_key'",
)


# Which of the cloud's tasks are ours without a job: those of previews, and of jobs that are forgotten.

MAX_TASK_IDS: Final = 1000
MAX_LOST: Final = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnTask(Record):
    """A task by its id, or an upload whose task nobody knows."""

    noted_at: datetime
    task_id: str | None = None
    upload: Delivery | None = None


OWN_TASKS: Final = Kind[OwnTask](
    "task",
    lambda task: json.dumps(plain(task), default=plain),
    lambda text: OwnTask.from_dict(json.loads(text)),
)
_NOTHING: Final = Document(
    path=Path(), name="", content_type="", extension="", size=0, pages=None, title=""
)


class OwnTasks:
    """Records which tasks are ours without a job. A record that is lost only costs certainty."""

    def __init__(self, ledger: Ledger, lease: Lease, entry_id: str) -> None:
        self.table = Table(OWN_TASKS, entry_id)
        self._ledger = ledger
        self._lease = lease
        # The tokens of previews whose answers are still to come; those of before a start never will.
        self.pending: set[str] = set()

    async def async_load(self) -> None:
        await self._ledger.async_load(self.table)
        self._known = self._ledger.latest(self.table)

    @property
    def task_ids(self) -> frozenset[str]:
        known = self._known.values()
        return frozenset(task.task_id for task in known if task.task_id is not None)

    @property
    def lost(self) -> list[Delivery]:
        """The uploads whose tasks will not become known."""
        uploads = [task.upload for task in self._known.values()]
        return [one for one in uploads if one is not None and one.token not in self.pending]

    async def async_begin(self, upload: Delivery) -> None:
        """Record that the end of a preview's upload is about to be sent."""
        # Nothing that says what it showed.
        nothing = replace(_NOTHING, size=upload.document.size)
        paper = ResolvedOptions(paper_id=upload.options.paper_id)
        stored = replace(upload, document=nothing, options=paper)
        self.pending.add(upload.token)

        def begin(view: View) -> None:
            self._forget_old(view)
            view.put(self.table, upload.token, OwnTask(noted_at=view.now, upload=stored))

        try:
            # It is sent in any case: what is not written only costs certainty after a crash.
            with suppress(LedgerRefusedError):
                await self._lease.commit(begin, report=True)
        except BaseException:
            self.pending.discard(upload.token)
            raise

    async def async_end(self, upload: Delivery, task_id: str | None, *, is_lost: bool) -> None:
        """Record the task of a preview; `is_lost` if there may be one whose id is unknown."""
        self.pending.discard(upload.token)

        def end(view: View) -> None:
            if not is_lost:
                view.delete(self.table, upload.token)
            if task_id is not None:
                self.put(view, task_id)

        with suppress(LedgerRefusedError):
            await self._lease.commit(end, report=True)

    def put(self, view: View, task_id: str) -> None:
        self._forget_old(view)
        view.put(self.table, task_id, OwnTask(noted_at=view.now, task_id=task_id))

    def _forget_old(self, view: View) -> None:
        """Forget what cannot be on the cloud's list any more, and the oldest of too many."""
        ids, lost = list[str](), list[str]()
        for task in view.all(self.table):
            key = task.task_id if task.upload is None else task.upload.token
            if key and view.now - task.noted_at >= LISTED:
                view.delete(self.table, key)
            elif key:
                (ids if task.upload is None else lost).append(key)
        for keys, most in ((ids, MAX_TASK_IDS), (lost, MAX_LOST)):
            for key in keys[: max(0, len(keys) - most + 1)]:
                view.delete(self.table, key)


class BoxJobs:
    """The jobs of one box in the ledger, with what is found by token, task and printer."""

    def __init__(self, coordinator: LiankeCoordinator, ledger: Ledger) -> None:
        self._hass = coordinator.hass
        self._entry = coordinator.config_entry
        self._ledger = ledger
        self.table = Table(JOBS, self._entry.entry_id)
        # The jobs as they will be, and as they are on disk, oldest first; none before they are loaded.
        self.latest = Records[Job]({})
        self.committed = self.latest
        self.lease = Lease(ledger)
        self.files = JobFiles(self._hass, self._entry.entry_id)
        self.tasks = OwnTasks(ledger, self.lease, self._entry.entry_id)
        # Called when a job may have to go on, as it is now; set by whoever lets them.
        self.on_change: CALLBACK_TYPE = lambda: None
        # Called with the old jobs once they are read; set by whoever counts their pages.
        self.on_rest: Callable[[Iterable[Job]], None] = lambda _jobs: None
        # Jobs about which a decision is being written.
        self.deciding: Counter[str] = Counter()
        # Held jobs that another one is about to replace.
        self.reserved: set[str] = set()
        # All that may still change, and some that cannot any more.
        self._open: dict[str, None] = {}
        self._by_token: dict[str, str] = {}
        # Those that the start did not need, as long as their tokens are not known.
        self._rest: list[str] = []
        # As they are on disk, oldest first.
        self.committed_open: dict[str, Job] = {}
        # By printer; None for those of all printers.
        self._listeners: defaultdict[str | None, list[tuple[JobListener, Collection[JobState]]]]
        self._listeners = defaultdict(list)
        self._watchers: defaultdict[str | None, list[CALLBACK_TYPE]] = defaultdict(list)
        self._stop_listening: CALLBACK_TYPE = lambda: None
        # Printers whose watchers are to be called.
        self._stale: set[str] = set()

    def find(self, job_id: str) -> Job | None:
        return self.latest.get(job_id)

    def get(self, job_id: str) -> Job:
        """Return a job as it is told. Raises InputError for an unknown one."""
        if (job := self.committed.get(job_id)) is None:
            raise InputError("job_not_found", job_id=job_id[:64])
        return self.as_told(job)

    def as_told(self, job: Job) -> Job:
        """Return what is told of a job that is on disk: of one that waits for the disk, that it does.

        That alone the disk cannot have; a start finds the job waiting as well.
        """
        if job.is_final:
            return job
        now = self.latest.get(job.job_id, job)
        waits = now.state is JobState.HELD and now.present.hold_reason == QueueReason.DISK_FULL
        return replace(job, deliveries=now.deliveries) if waits else job

    def told(self, printer_key: str | None = None) -> list[Job]:
        """Return the jobs of one printer, or of all, as they are told, newest first."""
        return self._told(self.committed.values(), printer_key)

    def told_open(self, printer_key: str | None = None) -> list[Job]:
        """Return those of them that are not over."""
        return self._told(self.committed_open.values(), printer_key)

    def _told(self, jobs: Collection[Job], printer_key: str | None) -> list[Job]:
        newest = reversed([*jobs])
        return [self.as_told(job) for job in newest if printer_key in (None, job.spec.printer_key)]

    def newest(self, printer_key: str) -> Job | None:
        # Each printer's is at hand from the start on.
        return next(iter(self._told(self.committed.at_hand, printer_key)), None)

    def waiting(self, printer_key: str) -> int:
        return sum(job.state in WAITING for job in self.told_open(printer_key))

    def hold_reason(self, printer_key: str) -> str | None:
        """Return the hold reason of the oldest held job of a printer, None without one."""
        held = [job for job in self.told_open(printer_key) if job.state is JobState.HELD]
        return held[-1].present.hold_reason if held else None

    async def async_load(self) -> None:
        """Read the jobs. Raises OSError where the folder of their documents cannot be made, or the disk hangs."""
        await self._ledger.async_load(self.table)
        self.latest = self._ledger.latest(self.table)
        self.committed = self._ledger.committed(self.table)
        await self.tasks.async_load()
        await self._async_begin()
        self._rest = [*self.committed.rest]
        for job in self.committed.at_hand:
            self.note_new(job)
            if not job.is_final:
                self.committed_open[job.job_id] = job
                _LOGGER.debug("Print job %s is taken up again", job.job_id)
        self._stop_listening = self._ledger.listen(self.table, self._on_step)
        # What a later version wrote is there once it is back, with its documents.
        await self.files.async_prepare(self.latest.keys() | self._ledger.unread(self.table))

    async def _async_begin(self) -> None:
        """Wait until it is known what the disk takes of what the instance before this one has decided."""

        def drop(view: View) -> None:
            # What it was still accepting is forgotten: nobody goes on with that.
            for key in [*view.staged]:
                if key[:2] == self.table.name:
                    view.delete(self.table, key.record_id)

        self.lease.commit(drop, report=True)
        try:
            async with asyncio.timeout(LOAD_TIME):
                await self.async_written()
        except LedgerClosedError:
            raise
        except LedgerRefusedError as err:
            _LOGGER.debug("What was decided before is left out: %s", err)

    async def async_read_rest(self) -> None:
        """Read the old jobs that the start did not need: who wants them before that holds the event loop up."""
        if self._rest:
            await self._ledger.async_read_rest(self.table)
            self._note_rest()

    def _note_rest(self) -> None:
        rest, self._rest = self._rest, []
        known = [job for job_id in rest if (job := self.latest.get(job_id)) is not None]
        for job in known:
            self.note_new(job)
        self.on_rest(known)

    @callback
    def tell_unheard(self) -> None:
        """Tell what the disk took between two instances, such as an end that it had refused at first."""
        for step in self._ledger.take_unheard(self.table):
            self._on_step(step)

    @property
    def unsettled(self) -> list[Job]:
        """The few jobs that may still change, oldest first."""
        found = []
        for job_id in [*self._open]:
            job = self.latest.get(job_id)
            if job is not None and job.state not in _SETTLED:
                found.append(job)
                continue
            known = self.committed.get(job_id)
            if known is None or known.state in _SETTLED:
                # A decision that the disk refuses is not among them any more.
                self._open.pop(job_id, None)
        return found

    @property
    def own_task_ids(self) -> frozenset[str]:
        deliveries = (one for job in self.latest.values() for one in job.deliveries)
        return self.tasks.task_ids.union(one.task_id for one in deliveries if one.task_id)

    def by_token(self, token: str) -> tuple[Job, Delivery] | None:
        if self._rest and token not in self._by_token:
            self._note_rest()
        if (job := self.latest.get(self._by_token.get(token, ""))) is None:
            return None
        return job, next(one for one in job.deliveries if one.token == token)

    def by_task(self, task_id: str) -> tuple[Job, Delivery] | None:
        deliveries = ((job, one) for job in self.latest.values() for one in job.deliveries)
        return next((found for found in deliveries if found[1].task_id == task_id), None)

    def listen(
        self,
        listener: JobListener,
        printer_key: str | None = None,
        *,
        states: Collection[JobState] = ALL_STATES,
    ) -> CALLBACK_TYPE:
        """Call `listener(job, state before or None when new)` for every change once it is on disk.

        `printer_key` limits it to the jobs of one printer, `states` to jobs that are, or were before, in one of these.
        Returns what unsubscribes.
        """
        # One that fails must not keep the others from being called.
        safe = cast(
            JobListener,
            catch_log_exception(listener, lambda *_: "A listener to print jobs failed"),
        )
        self._listeners[printer_key].append((safe, states))
        return partial(self._listeners[printer_key].remove, (safe, states))

    @callback
    def watch(self, watcher: CALLBACK_TYPE, printer_key: str | None = None) -> CALLBACK_TYPE:
        """Call `watcher()` soon after changes, once for all of the same moment.

        `printer_key` limits it to the jobs of one printer. All listeners come first, then the
        watchers of all printers, then those of one. Returns what unsubscribes.
        """
        self._watchers[printer_key].append(watcher)
        return partial(self._watchers[printer_key].remove, watcher)

    @callback
    def change(
        self,
        job: Job,
        delivery: Delivery | None = None,
        *,
        rule: Rule | None = None,
        within: float = 0,
        **changes: Any,
    ) -> Job:
        """Report what the cloud says or time brings, which cannot be refused; return the job as it is now.

        `changes` are those of `Job.changed`, to which a rule adds. They are on disk `within` so many seconds, together
        with any other job's.
        """
        if (current := self.latest.get(job.job_id)) is None:
            # One that is over may be forgotten meanwhile.
            return job

        def report(view: View) -> None:
            if (known := view.get(self.table, job.job_id)) is not None:
                self._change(view, known, delivery, changes, rule)

        with suppress(LedgerClosedError):
            self.lease.commit(report, report=True, within=within)
        new = self.latest[job.job_id]
        if new.present.hold_reason == QueueReason.DISK_FULL:
            self._schedule_watchers(new.spec.printer_key)
        # The end of an upload that goes on causes a review itself.
        if job.job_id not in self.deciding and not (current.is_uploading and new.is_uploading):
            self.on_change()
        return new

    async def async_change(
        self,
        job: Job,
        delivery: Delivery | None = None,
        *,
        rule: Rule | None = None,
        staged: bool | None = None,
        **changes: Any,
    ) -> None:
        """Apply a change once it is on disk, or not at all; who waits for it cannot stop it.

        Raises LedgerRefusedError when it cannot be written, and what the rule raises; then nothing is changed.
        """
        was_uploading = self.latest.get(job.job_id, job).is_uploading

        def decide(view: View) -> None:
            self._change(view, self.existing(view, job.job_id), delivery, changes, rule, staged)

        def is_over(_: object) -> None:
            now = self.latest.get(job.job_id)
            if not (was_uploading and now is not None and now.is_uploading):
                self.on_change()

        done = self.decide(decide, job.job_id)
        done.add_done_callback(is_over)
        await asyncio.wait([done])
        done.result()

    @callback
    def decide[R](self, change: Callable[[View], R], job_id: str) -> asyncio.Future[R]:
        """Make a change that may be refused of a job which nobody lets go on until it is on disk; see `Ledger.commit`.

        Raises LedgerRefusedError at once where the box is unloaded, as its future does. Do not cancel that.
        """
        done = self.lease.commit(change)
        self.deciding[job_id] += 1

        def is_over(_: object) -> None:
            self.deciding -= Counter([job_id])

        done.add_done_callback(is_over)
        return done

    def _change(
        self,
        view: View,
        current: Job,
        delivery: Delivery | None,
        changes: Mapping[str, Any],
        rule: Rule | None,
        staged: bool | None = None,
    ) -> None:
        if rule is not None:
            changes = {**changes, **rule(view, current)}
        new = current.changed(delivery, now=view.now, **changes)
        if new.is_at_second and not current.is_at_second:
            waits = timedelta(hours=HOLD_HOURS.of(self._entry.options))
            again = view.get(self.table, current.retried_as or "")
            new = begin_next(current, new, view.now + waits, again)
        view.put(self.table, new.job_id, new, staged=staged)
        if new.state not in _SETTLED:
            # Also one that was over only by what somebody else could have said.
            self._open.setdefault(new.job_id)

    def existing(self, view: View, job_id: str) -> Job:
        """Return a job in a change. Raises LedgerRefusedError for one that was refused itself, or deleted."""
        if (job := view.get(self.table, job_id)) is None:
            raise LedgerRefusedError(job_id)
        return job

    def is_staged(self, view: View, job_id: str) -> bool:
        """Whether nobody is told of a job yet, in a change."""
        return RowKey(*self.table.name, job_id) in view.staged

    async def async_decided(self, job_id: str) -> None:
        """Wait until nothing is being decided about a job, whether the disk takes it or not.

        Raises LedgerClosedError once the box is unloaded.
        """
        while job_id in self.deciding:
            try:
                await self.async_written()
            except LedgerClosedError:
                raise
            except LedgerRefusedError:
                continue

    async def async_written(self) -> None:
        """Wait until all that was asked for so far is on disk. Raises LedgerRefusedError where it is refused."""
        await self.lease.commit(lambda _view: None)

    async def async_tried(self) -> None:
        """Wait until all that was asked for so far is on disk, or was refused: then it is told later."""
        with suppress(LedgerRefusedError):
            await self.async_written()

    async def async_close(self) -> None:
        """Wait for what is to be written, and change nothing after that: from now on the next instance does."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIME):
                await self.async_tried()
        self.lease.end()
        self._stop_listening()

    def replace(self, job: Job, *keys: str | None) -> None:
        """Cancel those at the printer of a job which it may replace, and that are older than it."""
        for old in replaceable(self.unsettled, job.spec.printer_key, *keys):
            if old.job_id != job.job_id and old.created_at <= job.created_at:
                self.change(old, state=JobState.CANCELED, reason="replaced")

    @callback
    def note(self, job_id: str, **changes: Any) -> None:
        """Record what is no change of the job itself, such as what became of its document."""

        def note(view: View) -> None:
            if (job := view.get(self.table, job_id)) is not None:
                view.put(self.table, job_id, replace(job, **changes))

        with suppress(LedgerClosedError):
            self.lease.commit(note, report=True)

    @callback
    def note_new(self, job: Job) -> None:
        """Know a job by its tokens, and as one that may still change."""
        for one in job.deliveries:
            self._by_token[one.token] = job.job_id
        self._open[job.job_id] = None

    @callback
    def note_gone(self, job: Job) -> None:
        for one in job.deliveries:
            self._by_token.pop(one.token, None)

    async def async_trim(self) -> None:
        gone = [*to_forget(self.committed.values(), dt_util.utcnow())]
        if not gone:
            return

        def forget(view: View) -> None:
            for job_id in gone:
                if (job := view.get(self.table, job_id)) is None:
                    continue
                view.delete(self.table, job_id)
                for one in job.deliveries:
                    # Its task may still be on the cloud's list.
                    known_at = one.task_known_at or job.created_at
                    if one.task_id and view.now - known_at < LISTED:
                        self.tasks.put(view, one.task_id)

        with suppress(LedgerRefusedError):
            await self.lease.commit(forget)
            await self.files.async_delete(gone)
            self.on_change()

    @callback
    def _on_step(self, step: Step[Job]) -> None:
        job, old = step.new, step.old
        if job is None:
            assert old is not None
            self.committed_open.pop(old.job_id, None)
            self.note_gone(old)
            self._schedule_watchers(old.spec.printer_key)
            return
        if job.is_final:
            self.committed_open.pop(job.job_id, None)
        else:
            self.committed_open[job.job_id] = job
        _log_step(job, old)
        before = None if old is None else old.state
        for listener, states in (*self._listeners[None], *self._listeners[job.spec.printer_key]):
            if job.state in states or before in states:
                listener(job, before)
        self._schedule_watchers(job.spec.printer_key)

    def _schedule_watchers(self, printer_key: str) -> None:
        if not self._stale:
            self._hass.loop.call_soon(self._notify_watchers)
        self._stale.add(printer_key)

    @callback
    def _notify_watchers(self) -> None:
        keys, self._stale = self._stale, set()
        watchers = [watcher for key in (None, *keys) for watcher in self._watchers[key]]
        with ExitStack() as calls:
            # Calls them all, last in first out; an error of one is raised after the others.
            for watcher in reversed(watchers):
                calls.callback(watcher)


class JobWorker:
    def __init__(self, coordinator: LiankeCoordinator, jobs: BoxJobs) -> None:
        self._coordinator = coordinator
        self._hass = coordinator.hass
        self._entry = coordinator.config_entry
        self._client = coordinator.client
        self._storage = coordinator.storage
        self._account = coordinator.account
        self._jobs = jobs
        self._files = jobs.files

    def _address_of(self, job: Job) -> PrinterAddress | None:
        known = self._storage.printers.get(job.spec.printer_key)
        return None if known is None else known.printer.address


def heard[T](work: asyncio.Future[T]) -> asyncio.Future[T]:
    """Let an error not reach the event loop's handler although who waits may be cancelled, unlike asyncio.shield."""
    work.add_done_callback(lambda done: None if done.cancelled() else done.exception())
    return work


def _log_step(job: Job, old: Job | None) -> None:
    """Log a job's step by its ids and keys alone: a title, a name or an address is nobody's business."""
    if not _LOGGER.isEnabledFor(logging.DEBUG):
        return

    def facts(of: Job) -> tuple[object, ...]:
        now = of.present
        return now.token, of.state, now.hold_reason, now.task_id

    now, waits = job.present, job.present.hold_reason
    if old is None:
        _LOGGER.debug("Print job %s is accepted", job.job_id)
    is_held = job.state is JobState.HELD
    if (old is not None and facts(job) == facts(old)) or (is_held and waits is None):
        return
    reason = waits if is_held else job.reason if job.is_final else None
    said = [f"is {job.state}"]
    said += [f"because of {reason}"] if reason else []
    said += [f"as task {now.task_id}"] if now.task_id else []
    said += [f"with code {now.code}"] if now.code is not None else []
    said += ["after some of it may have been printed"] if job.partly_printed else []
    _LOGGER.debug("Print job %s %s", job.job_id, " ".join(said))
