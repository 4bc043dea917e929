"""The jobs of one box, as they are on disk and as the queued changes will make them, and listeners to their changes.

Base decisions on `latest`. Report only `committed`, which is what listeners, entities, the card and responses get (see
`Ledger`).
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
from ..api.stored import Record, json_default
from ..const import HOLD_HOURS
from ..coordinator import LiankeCoordinator
from ..documents.document import Document
from ..input_error import InputError
from ..ledger import CLOSE_TIME, Lease, Ledger, RecordChange, Records, Table, View
from ..ledger_file import Kind, LedgerClosedError, LedgerRefusedError, RowKey, loads
from .files import JobFiles
from .job import FINAL_JOB_STATES, WAITING, Delivery, Job, JobState, begin_next
from .rules import LIST_REACH, QueueReason, replaceable, to_forget

_LOGGER = logging.getLogger(__name__)

# Maximum seconds that loading waits for a disk that hangs.
LOAD_TIME: Final = 10.0
ALL_STATES: Final = frozenset(JobState)
# Final states except UNCONFIRMED, which later proof may still change.
_SETTLED: Final = FINAL_JOB_STATES - {JobState.UNCONFIRMED}

type JobListener = Callable[[Job, JobState | None], None]
# Computes a job's changes from all records as they are when the change is made. If the rule raises an error, the change
# is refused.
type Rule = Callable[[View, Job], Mapping[str, Any]]


# SQL: the job changed recently, or its first or last delivery may still change.
_ENDS: Final = ", ".join(f"'{state}'" for state in sorted(_SETTLED))
_NEEDED: Final = " OR ".join(
    (
        "record ->> '$.changed_at' >= ?",
        *(f"record ->> '$.deliveries[{at}].state' NOT IN ({_ENDS})" for at in ("0", "#-1")),
    )
)
JOB_KIND: Final = Kind[Job](
    "job",
    Job.as_json,
    lambda text: Job.from_record(loads(text)),
    # After damage, nobody knows what happened to a job since its row was written, so a person must let a waiting job
    # go on.
    lambda job: replace(job, copied=True) if job.waits_here else job,
    needed=_NEEDED,
    topic="record ->> '$.spec.printer_key'",
)


# Tasks in the cloud that are ours although they belong to no job: the tasks of previews and of deleted jobs

# Maximum number of known tasks of previews and deleted jobs; the oldest are forgotten first.
MAX_TASK_IDS: Final = 1000
# Maximum number of known previews whose answers were lost; the oldest are forgotten first.
MAX_LOST_UPLOADS: Final = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnTask(Record):
    """The id of a task that is ours, or an upload of ours whose task is unknown."""

    noted_at: datetime
    task_id: str | None = None
    upload: Delivery | None = None


OWN_TASK_KIND: Final = Kind[OwnTask](
    "task",
    lambda task: json.dumps(json_default(task), default=json_default),
    lambda text: OwnTask.from_dict(json.loads(text)),
)
_NOTHING: Final = Document(
    path=Path(), name="", content_type="", extension="", size=0, pages=None, title=""
)


class OwnTasks:
    """Remembers which tasks are ours although they belong to no job.

    If a record is lost, it only becomes less certain which task belongs to which job.
    """

    def __init__(self, ledger: Ledger, lease: Lease, entry_id: str) -> None:
        self.table = Table(OWN_TASK_KIND, entry_id)
        self._ledger = ledger
        self._lease = lease
        # Tokens of previews whose answers may still arrive. The tokens are not stored, since no answer can arrive after
        # a restart.
        self.pending: set[str] = set()

    async def async_load(self) -> None:
        await self._ledger.async_load(self.table)
        self._known = self._ledger.latest(self.table)

    @property
    def task_ids(self) -> frozenset[str]:
        known = self._known.values()
        return frozenset(task.task_id for task in known if task.task_id is not None)

    @property
    def lost_preview_uploads(self) -> list[Delivery]:
        """The uploads of previews whose tasks will never become known."""
        uploads = [task.upload for task in self._known.values()]
        return [one for one in uploads if one is not None and one.token not in self.pending]

    async def async_begin(self, upload: Delivery) -> None:
        """Record that the last bytes of a preview's upload are about to be sent."""
        # Store nothing that reveals what the preview shows.
        nothing = replace(_NOTHING, size=upload.document.size)
        paper = ResolvedOptions(paper_id=upload.options.paper_id)
        stored = replace(upload, document=nothing, options=paper)
        self.pending.add(upload.token)

        def begin(view: View) -> None:
            self._forget_old(view)
            view.put(self.table, upload.token, OwnTask(noted_at=view.now, upload=stored))

        try:
            # The preview goes on even if the disk refuses the record: without it, matching after a crash is only less
            # certain.
            with suppress(LedgerRefusedError):
                await self._lease.commit(begin, is_report=True)
        except BaseException:
            self.pending.discard(upload.token)
            raise

    async def async_end(self, upload: Delivery, task_id: str | None, *, is_lost: bool) -> None:
        """Record that a preview's upload has ended, with the id of its task if that is known.

        `is_lost`: the upload may have a task whose id is unknown.
        """
        self.pending.discard(upload.token)

        def end(view: View) -> None:
            if not is_lost:
                view.delete(self.table, upload.token)
            if task_id is not None:
                self.put(view, task_id)

        with suppress(LedgerRefusedError):
            await self._lease.commit(end, is_report=True)

    def put(self, view: View, task_id: str) -> None:
        self._forget_old(view)
        view.put(self.table, task_id, OwnTask(noted_at=view.now, task_id=task_id))

    def _forget_old(self, view: View) -> None:
        """Make room for one more record.

        Delete the records whose tasks are too old to be on the cloud's list, and the oldest records that exceed the
        limits.
        """
        ids, lost = list[str](), list[str]()
        for task in view.all(self.table):
            key = task.task_id if task.upload is None else task.upload.token
            if key and view.now - task.noted_at >= LIST_REACH:
                view.delete(self.table, key)
            elif key:
                (ids if task.upload is None else lost).append(key)
        for keys, most in ((ids, MAX_TASK_IDS), (lost, MAX_LOST_UPLOADS)):
            for key in keys[: max(0, len(keys) - most + 1)]:
                view.delete(self.table, key)


class BoxJobs:
    def __init__(self, coordinator: LiankeCoordinator, ledger: Ledger) -> None:
        self._hass = coordinator.hass
        self._entry = coordinator.config_entry
        self._ledger = ledger
        self.table = Table(JOB_KIND, self._entry.entry_id)
        # The jobs with all queued changes, and the jobs on disk, oldest first; both are empty before `async_load`.
        self.latest = Records[Job]({})
        self.committed = self.latest
        self.lease = Lease(ledger)
        self.files = JobFiles(self._hass, self._entry.entry_id)
        self.tasks = OwnTasks(ledger, self.lease, self._entry.entry_id)
        # Called when a job may be ready for its next step; the queue sets it to the scheduler's review.
        self.on_change: CALLBACK_TYPE = lambda: None
        # Called with the old jobs as soon as they have been read; the scheduler sets it to a function that counts their
        # pages.
        self.on_old_jobs_read: Callable[[Iterable[Job]], None] = lambda _jobs: None
        # Number of decisions that are being written, by job id.
        self.deciding: Counter[str] = Counter()
        # Ids of held jobs that a new job is about to replace.
        self.reserved: set[str] = set()
        # Ids of all jobs that may still change, and of some jobs that no longer can (see `unsettled`).
        self._open: dict[str, None] = {}
        self._by_token: dict[str, str] = {}
        # Ids of old jobs that were not read at the start; the list is emptied once these jobs have been read.
        self._unread_ids: list[str] = []
        # Jobs on disk that are not final, oldest first.
        self.committed_open: dict[str, Job] = {}
        # By printer key; listeners to the jobs of all printers are under None.
        self._listeners: defaultdict[str | None, list[tuple[JobListener, Collection[JobState]]]]
        self._listeners = defaultdict(list)
        self._watchers: defaultdict[str | None, list[CALLBACK_TYPE]] = defaultdict(list)
        self._stop_listening: CALLBACK_TYPE = lambda: None
        # Keys of printers whose watchers are about to be called.
        self._stale: set[str] = set()

    def find(self, job_id: str) -> Job | None:
        return self.latest.get(job_id)

    def get(self, job_id: str) -> Job:
        """Return a job as it is reported. Raises InputError for an unknown id."""
        if (job := self.committed.get(job_id)) is None:
            raise InputError("job_not_found", job_id=job_id[:64])
        return self.as_reported(job)

    def as_reported(self, job: Job) -> Job:
        """Return a job as it is on disk, or as held if it waits because the disk is full.

        A full disk cannot record that the job is held. After a restart the job waits anyway.
        """
        if job.is_final:
            return job
        now = self.latest.get(job.job_id, job)
        waits = (
            now.state is JobState.HELD and now.current_delivery.hold_reason == QueueReason.DISK_FULL
        )
        return replace(job, deliveries=now.deliveries) if waits else job

    def reported(self, printer_key: str | None = None) -> list[Job]:
        """List the jobs of one printer, or of all printers if the key is None, as they are reported, newest first."""
        return self._reported(self.committed.values(), printer_key)

    def reported_open(self, printer_key: str | None = None) -> list[Job]:
        return self._reported(self.committed_open.values(), printer_key)

    def _reported(self, jobs: Collection[Job], printer_key: str | None) -> list[Job]:
        newest = reversed([*jobs])
        return [
            self.as_reported(job) for job in newest if printer_key in (None, job.spec.printer_key)
        ]

    def newest(self, printer_key: str) -> Job | None:
        # A start always reads the newest job of each printer, so no unread job can be newer.
        return next(iter(self._reported(self.committed.already_read, printer_key)), None)

    def waiting(self, printer_key: str) -> int:
        return sum(job.state in WAITING for job in self.reported_open(printer_key))

    def hold_reason(self, printer_key: str) -> str | None:
        """Return why the oldest held job of a printer waits; None if no job is held."""
        held = [job for job in self.reported_open(printer_key) if job.state is JobState.HELD]
        return held[-1].current_delivery.hold_reason if held else None

    async def async_load(self) -> None:
        """Read the jobs. Raises OSError if the folder of their documents cannot be created, or if the disk hangs."""
        await self._ledger.async_load(self.table)
        self.latest = self._ledger.latest(self.table)
        self.committed = self._ledger.committed(self.table)
        await self.tasks.async_load()
        await self._async_begin()
        self._unread_ids = [*self.committed.unread_records]
        for job in self.committed.already_read:
            self.index(job)
            if not job.is_final:
                self.committed_open[job.job_id] = job
                _LOGGER.debug("Print job %s is taken up again", job.job_id)
        self._stop_listening = self._ledger.listen(self.table, self._on_record_change)
        # Records that only a later version can read count as known, so that their documents are not deleted.
        await self.files.async_prepare(self.latest.keys() | self._ledger.unreadable(self.table))

    async def _async_begin(self) -> None:
        """Wait until the disk has accepted or refused all changes by the previous instance of this box."""

        def drop(view: View) -> None:
            # The previous instance was still accepting these jobs when it was unloaded, so nobody will finish accepting
            # them.
            for key in [*view.staged]:
                if key[:2] == self.table.name:
                    view.delete(self.table, key.record_id)

        self.lease.commit(drop, is_report=True)
        try:
            async with asyncio.timeout(LOAD_TIME):
                await self.async_written()
        except LedgerClosedError:
            raise
        except LedgerRefusedError as err:
            _LOGGER.debug("What was decided before is left out: %s", err)

    async def async_read_unread(self) -> None:
        """Read, in the executor, the old jobs that were skipped at the start.

        If these jobs are accessed before this call, they are read in the event loop, which blocks the loop.
        """
        if self._unread_ids:
            await self._ledger.async_read_unread(self.table)
            self._index_unread()

    def _index_unread(self) -> None:
        unread, self._unread_ids = self._unread_ids, []
        known = [job for job_id in unread if (job := self.latest.get(job_id)) is not None]
        for job in known:
            self.index(job)
        self.on_old_jobs_read(known)

    @callback
    def publish_missed(self) -> None:
        """Report changes that reached the disk while the box was unloaded, such as an end that was refused at first."""
        for record_change in self._ledger.take_missed_changes(self.table):
            self._on_record_change(record_change)

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
                # Drop the job only once it is settled on disk as well: until then the disk may refuse the change that
                # settled it.
                self._open.pop(job_id, None)
        return found

    @property
    def own_task_ids(self) -> frozenset[str]:
        deliveries = (one for job in self.latest.values() for one in job.deliveries)
        return self.tasks.task_ids.union(one.task_id for one in deliveries if one.task_id)

    def by_token(self, token: str) -> tuple[Job, Delivery] | None:
        if self._unread_ids and token not in self._by_token:
            self._index_unread()
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
        """Call `listener(job, previous_state)` for each change that is on disk; `previous_state` is None for a new job.

        `printer_key` limits the calls to the jobs of one printer, `states` to jobs that enter, leave or stay in one of
        these states. Returns a function that removes the listener.
        """
        # A listener that fails must not keep the other listeners from being called.
        safe = cast(
            JobListener, catch_log_exception(listener, lambda *_: "A listener to print jobs failed")
        )
        self._listeners[printer_key].append((safe, states))
        return partial(self._listeners[printer_key].remove, (safe, states))

    @callback
    def watch(self, watcher: CALLBACK_TYPE, printer_key: str | None = None) -> CALLBACK_TYPE:
        """Call `watcher()` soon after changes, once for all changes made at the same moment.

        `printer_key` limits the calls to changes of one printer's jobs. Listeners are called first, then the watchers
        without a printer key, then the watchers with a printer key. Returns a function that removes the watcher.
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
        """Record a change that has already happened, such as one that the cloud reported; return the job as it is now.

        Such a change cannot be undone: if the disk refuses it, the ledger writes it again later. `changes`: see
        `Job.changed`; `rule` returns further changes. All of them are written within `within` seconds, together with
        the changes of other jobs.
        """
        if (current := self.latest.get(job.job_id)) is None:
            # A final job may have been deleted meanwhile.
            return job

        def record_report(view: View) -> None:
            if (known := view.get(self.table, job.job_id)) is not None:
                self._change(view, known, delivery, changes, rule)

        with suppress(LedgerClosedError):
            self.lease.commit(record_report, is_report=True, within=within)
        new = self.latest[job.job_id]
        if new.current_delivery.hold_reason == QueueReason.DISK_FULL:
            self._schedule_watchers(new.spec.printer_key)
        # An upload's progress needs no review, and the end of an upload starts a review itself.
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
        """Make a change that the disk may refuse; return once the change is on disk.

        Cancelling the caller does not stop the change. `staged`: see `View.put`. Raises LedgerRefusedError if the disk
        refuses, and any error that the rule raises; nothing is changed in either case.
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
        await async_shield(done)

    @callback
    def decide[R](self, change: Callable[[View], R], job_id: str) -> asyncio.Future[R]:
        """Make a change that the disk may refuse (see `Ledger.commit`); the job waits until the change is on disk.

        Raises LedgerRefusedError at once if the box is unloaded. If the disk refuses the change later, the future
        raises LedgerRefusedError. Do not cancel the future.
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
        if new.is_at_second_delivery and not current.is_at_second_delivery:
            waits = timedelta(hours=HOLD_HOURS.of(self._entry.options))
            again = view.get(self.table, current.retried_as or "")
            new = begin_next(current, new, view.now + waits, again)
        view.put(self.table, new.job_id, new, staged=staged)
        if new.state not in _SETTLED:
            # This includes a job that is open again because its end rested on weak proof, such as the list of tasks.
            self._open.setdefault(new.job_id)

    def existing(self, view: View, job_id: str) -> Job:
        """Return a job from a change's view. Raises LedgerRefusedError if it was deleted, or refused by the disk."""
        if (job := view.get(self.table, job_id)) is None:
            raise LedgerRefusedError(job_id)
        return job

    def is_staged(self, view: View, job_id: str) -> bool:
        """Whether, in a change's view, a job has not been reported to anybody yet."""
        return RowKey(*self.table.name, job_id) in view.staged

    async def async_decided(self, job_id: str) -> None:
        """Wait until no decision about a job is being written any more, whether the disk accepted the decisions or not.

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
        """Wait until every change made so far is on disk. Raises LedgerRefusedError if the disk refuses."""
        await self.lease.commit(lambda _view: None)

    async def async_written_or_refused(self) -> None:
        """Wait until every change made so far has been written or refused. Refused reports are written again later."""
        with suppress(LedgerRefusedError):
            await self.async_written()

    async def async_close(self) -> None:
        """Write the queued changes, and make no further changes: those are left to the box's next instance."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIME):
                await self.async_written_or_refused()
        self.lease.end()
        self._stop_listening()

    def replace(self, job: Job, *keys: str | None) -> None:
        """Cancel the held jobs that are older than `job`, on the same printer, and have one of these replace keys."""
        for old in replaceable(self.unsettled, job.spec.printer_key, *keys):
            if old.job_id != job.job_id and old.created_at <= job.created_at:
                self.change(old, state=JobState.CANCELED, reason="replaced")

    @callback
    def record(self, job_id: str, **changes: Any) -> None:
        """Record something that is not a change of the job itself, such as that its document was deleted."""

        def note(view: View) -> None:
            if (job := view.get(self.table, job_id)) is not None:
                view.put(self.table, job_id, replace(job, **changes))

        with suppress(LedgerClosedError):
            self.lease.commit(note, is_report=True)

    @callback
    def index(self, job: Job) -> None:
        """Make a job findable by the tokens of its deliveries, and add it to the jobs that may still change."""
        for one in job.deliveries:
            self._by_token[one.token] = job.job_id
        self._open[job.job_id] = None

    @callback
    def unindex(self, job: Job) -> None:
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
                    # The delivery's task may still be on the cloud's list, and must not be mistaken for another
                    # sender's task.
                    known_at = one.task_known_at or job.created_at
                    if one.task_id and view.now - known_at < LIST_REACH:
                        self.tasks.put(view, one.task_id)

        with suppress(LedgerRefusedError):
            await self.lease.commit(forget)
            await self.files.async_delete(gone)
            self.on_change()

    @callback
    def _on_record_change(self, record_change: RecordChange[Job]) -> None:
        job, old = record_change.new, record_change.old
        if job is None:
            assert old is not None
            self.committed_open.pop(old.job_id, None)
            self.unindex(old)
            self._schedule_watchers(old.spec.printer_key)
            return
        if job.is_final:
            self.committed_open.pop(job.job_id, None)
        else:
            self.committed_open[job.job_id] = job
        _log_change(job, old)
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
            # The stack calls all watchers, the last one pushed first, and raises an error only after it has called the
            # others.
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


async def async_shield[T](work: asyncio.Future[T]) -> T:
    """Return the result of work that continues even if the caller is canceled.

    Unlike asyncio.shield, this logs no error that occurs after the caller was canceled.
    """
    work.add_done_callback(lambda done: done.cancelled() or done.exception())
    await asyncio.wait([work])
    return work.result()


def _log_change(job: Job, old: Job | None) -> None:
    """Log a change of a job with ids and keys only, since titles, names and addresses are private."""
    if not _LOGGER.isEnabledFor(logging.DEBUG):
        return

    def facts(of: Job) -> tuple[object, ...]:
        now = of.current_delivery
        return now.token, of.state, now.hold_reason, now.task_id

    now, waits = job.current_delivery, job.current_delivery.hold_reason
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
