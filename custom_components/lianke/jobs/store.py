"""On-disk job store: one folder per job, written before its upload starts.

It lies in the cache folder, so that a restored backup cannot print again. Home Assistant's own storage
helper logs a failed write and goes on; here a job that is not safely on disk must not be sent.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from datetime import datetime
import json
import logging
import os
from pathlib import Path
import re
import shutil
import socket
from typing import Any, Final

from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util
from homeassistant.util.ulid import ulid_now

from ..api.coerce import to_list
from ..api.options import ResolvedOptions
from ..api.stored import StoredError
from ..documents.document import Document
from ..documents.spool import link_or_copy, sync_path, unlink_all, write_new, write_private
from .job import WAITING, Delivery, Job, JobSpec, JobState, Origin, PersonReason, new_token
from .retention import LISTED

_LOGGER = logging.getLogger(__name__)

# Tasks of the cloud that are ours without a job: those of previews and of deleted jobs.

OTHER_TASKS_NAME = "other_tasks.json"
# What version 0.1.0 wrote while a preview was under way.
COMING = "coming"
MAX_TASK_IDS = 1000
MAX_LOST = 100


class OtherTasks:
    """Records which tasks are ours without a job. A record that is lost only costs certainty."""

    def __init__(self, hass: HomeAssistant, folder: Path) -> None:
        self._hass = hass
        self._path = folder / OTHER_TASKS_NAME
        self._lock = asyncio.Lock()
        # Previews whose answers are still to come.
        self.pending: list[Delivery] = []
        # From then on the next queue's instance writes.
        self.closed = False
        # Tasks that are known, and uploads whose tasks are not.
        self.task_ids: list[str] = []
        self.lost: list[Delivery] = []
        # Whether version 0.1.0 was interrupted during a preview.
        self.was_cut_off = False

    def load(self) -> None:
        """Read the file. Blocking."""
        try:
            found = to_list(json.loads(self._path.read_text("utf-8")))
        except OSError, ValueError, RecursionError:
            return
        noted = [item for item in found if isinstance(item, str)]
        self.was_cut_off = COMING in noted
        self.task_ids = [task_id for task_id in noted if task_id != COMING][-MAX_TASK_IDS:]
        # The answers that were pending at a crash are lost, too.
        self.lost = [upload for item in found if (upload := _read(item))]
        self._forget_old()

    async def async_begin(self, upload: Delivery) -> None:
        """Record that the end of a preview's upload is about to be sent."""
        self.pending.append(upload)
        try:
            await self._async_write()
        except BaseException:
            self.pending.remove(upload)
            raise

    async def async_end(self, upload: Delivery, task_id: str | None, *, is_lost: bool) -> None:
        """Record the task of a preview; `is_lost` if there may be one whose id is unknown."""
        self.pending.remove(upload)
        if is_lost:
            self.lost.append(upload)
        await self.async_note([] if task_id is None else [task_id])

    async def async_note(self, task_ids: Collection[str]) -> None:
        """Record tasks of ours without a job."""
        self.task_ids = [*self.task_ids, *task_ids][-MAX_TASK_IDS:]
        await self._async_write()

    def _forget_old(self) -> None:
        """Forget lost uploads whose tasks are not on the list any more."""
        now = dt_util.utcnow()
        self.lost = [upload for upload in self.lost if now - handed_over(upload) < LISTED]
        self.lost = self.lost[-MAX_LOST:]

    async def _async_write(self) -> None:
        async with self._lock:
            self._forget_old()
            uploads = [_as_record(upload) for upload in (*self.pending, *self.lost)]
            text = json.dumps([*uploads, *self.task_ids])
            await self._hass.async_add_executor_job(self._write, text)

    def _write(self, text: str) -> None:
        if self.closed:
            return
        try:
            write_private(self._path, text)
        except OSError as err:
            _LOGGER.debug("The list of preview tasks was not written: %s", err)


def handed_over(upload: Delivery) -> datetime:
    """Return when the end of an upload was sent, by our clock."""
    assert upload.handed_over_at is not None, "it has none without an end"
    return upload.handed_over_at


def _as_record(upload: Delivery) -> dict[str, Any]:
    """Return what is stored of a preview: nothing that says what it showed."""
    return replace(
        upload,
        document=replace(_NOTHING, size=upload.document.size),
        options=ResolvedOptions(paper_id=upload.options.paper_id),
    ).as_dict()


def _read(record: object) -> Delivery | None:
    """Return what was stored of a preview, also by 0.2.0, None for anything else."""
    if not isinstance(record, dict):
        return None
    try:
        if "document" not in record:
            record = _migrated(record)
        upload = Delivery.from_dict(record)
    except StoredError, TypeError:
        return None
    known = upload.handed_over_at is not None and upload.document.size >= 0
    return upload if known else None


def _migrated(record: dict[str, Any]) -> dict[str, Any]:
    """Return what 0.2.0 wrote of a preview as it is written now."""
    document = replace(_NOTHING, size=0).as_dict() | {"size": record.pop("size", None)}
    return record | {
        "document": document,
        "options": ResolvedOptions(paper_id=0).as_dict(),
        "token": new_token(),
        "state": JobState.UPLOADING,
    }


_NOTHING = Document(
    path=Path(), name="", content_type="", extension="", size=0, pages=None, title=""
)


CACHE_FOLDER = "lianke"
RECORD_NAME = "job.json"
DAMAGED_PREFIX = "damaged-"
# A folder that is being made or deleted: deleted at the next start.
PART_PREFIX = "part-"
COPY_PREFIX = "copy-"
# Names that are not those of jobs.
NO_JOBS = (DAMAGED_PREFIX, PART_PREFIX, COPY_PREFIX)
# Exists in a job's folder until its document is on disk, unless that is before the record is.
FLUSHING_NAME = "flushing"
# Documents of so many bytes are flushed before the record is written, larger ones beside their upload.
SMALL_BYTES = 1024 * 1024
# A larger record was not written by this code.
MAX_RECORD_BYTES = 256 * 1024
MAX_DAMAGED = 10
# Seconds until a change that nobody waits for is written, together with those of the meantime.
WRITE_DELAY = 2.0
# Seconds until a record that could not be written is tried again.
WRITE_AGAIN = 30
# Seconds that closing waits for a disk that hangs.
CLOSE_TIME = 10
MAX_AT_ONCE = 20


class JobStoreError(OSError):
    """A job could not be written to disk."""


def jobs_path(hass: HomeAssistant, entry_id: str) -> Path:
    """Return the folder that holds the jobs of one config entry."""
    return Path(hass.config.cache_path(CACHE_FOLDER, entry_id))


async def async_remove_jobs(hass: HomeAssistant, entry_id: str) -> list[Job]:
    """Delete the jobs of a removed config entry; return those that waited, here or in the cloud."""
    return await hass.async_add_executor_job(_remove_jobs, jobs_path(hass, entry_id))


def _remove_jobs(root: Path) -> list[Job]:
    waiting = []
    for folder in root.iterdir() if root.is_dir() else ():
        if _is_job(folder):
            with suppress(OSError, StoredError):
                job = _read_job(folder)
                if job.state in (*WAITING, JobState.UPLOADING) and not job.is_unsure:
                    waiting.append(job)
    shutil.rmtree(root, ignore_errors=True)
    return waiting


class JobStore:
    """Reads and writes the jobs of one box, and knows which versions are on disk.

    Who publishes a change waits until it is persisted. Changed records are written several at a time, always the newest
    version; one that cannot be written is tried again until the store is closed, and after that nothing of this queue
    touches the disk. Blocking work runs in the executor.
    """

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        self._hass = hass
        self._root = jobs_path(hass, entry_id)
        self._lock = asyncio.Lock()
        self.other_tasks = OtherTasks(hass, self._root)
        # Whether the folder is a copy of another installation's, which may print the same jobs.
        self.was_copied = False
        self.closed = False
        # The newest version of each job, oldest job first, and the versions that are on disk.
        self.jobs: dict[str, Job] = {}
        self.persisted: dict[str, Job] = {}
        # Called with the id of a job once a version of it was written.
        self.on_persisted: Callable[[str], None] = lambda _: None
        # Documents of new jobs that are being flushed to disk, by job.
        self.flushing: dict[str, asyncio.Future[None]] = {}
        self._dirty: dict[str, None] = {}
        self._failed: dict[str, None] = {}
        self._waiters: dict[str, list[tuple[int, asyncio.Future[None]]]] = {}
        self._task: asyncio.Task[None] | None = None
        self._stop_timer: CALLBACK_TYPE | None = None
        self._timer_due = 0.0
        self._warned = False

    def path_of(self, job_id: str, name: Path) -> Path:
        """Return the path of a file in the folder of a job."""
        return self._root / job_id / name

    async def async_load(self) -> list[Job]:
        """Return all readable jobs, oldest first.

        A damaged folder is set aside and costs one job. Raises JobStoreError if the
        folder itself cannot be made or read.
        """
        async with self._lock:
            jobs = await self._hass.async_add_executor_job(self._load)
        self.persisted = {job.job_id: job for job in jobs}
        return jobs

    async def async_record_location(self) -> None:
        """Record that the jobs belong to this folder from now on."""
        async with self._lock:
            await self._hass.async_add_executor_job(record_location, self._root)

    async def async_create(self, job: Job, spooled: Sequence[Path]) -> None:
        """Move in the documents of the deliveries and write the job; on return the job is on disk.

        Large documents are still being flushed: await `async_flushed` before relying on them. Raises JobStoreError;
        then nothing of the job is left behind.
        """
        async with self._lock:
            documents = await self._hass.async_add_executor_job(self._create, job, spooled)
        self.persisted[job.job_id] = job
        if documents:
            self.flushing[job.job_id] = self._hass.async_add_executor_job(_flush, documents)

    async def async_flushed(self, job_id: str) -> None:
        """Wait until the document of a new job is on disk. Raises JobStoreError."""
        if (flushing := self.flushing.get(job_id)) is None:
            return
        try:
            await asyncio.shield(flushing)
        except OSError as err:
            # It stays in `_flushing`, so that the next caller gets the same error.
            raise JobStoreError("the document could not be written") from err
        self.flushing.pop(job_id, None)

    @callback
    def write(self, job_id: str, within: float = WRITE_DELAY) -> None:
        """Write a job's newest version within some seconds; with 0 as soon as the disk is free."""
        if self.closed:
            return
        self._dirty[job_id] = None
        if within:
            self._set_timer(within)
        elif self._task is None or self._task.done():
            self._task = self._hass.async_create_background_task(
                self._async_write(), "write print jobs", eager_start=False
            )

    async def async_persist(self, job_id: str) -> None:
        """Wait until the newest version of a job is on disk, if there is one. Raises JobStoreError."""
        if (job := self.jobs.get(job_id)) is None:
            return
        if self.closed:
            # Nothing changes any more, so that it may be an older one than the caller means.
            raise JobStoreError("the store is closed")
        persisted = self.persisted.get(job_id)
        if persisted is not None and persisted.generation >= job.generation:
            return
        done: asyncio.Future[None] = self._hass.loop.create_future()
        self._waiters.setdefault(job_id, []).append((job.generation, done))
        self.write(job_id, within=0)
        await done

    async def async_flush(self) -> None:
        """Write all changed records; those that fail are tried again later."""
        self._write_all()
        if self._task is not None:
            await asyncio.shield(self._task)

    async def async_close(self) -> None:
        """Write what can be written, and nothing after that: from now on the next queue's store writes."""
        if self.closed:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIME):
                await self.async_flush()
        self.closed = self.other_tasks.closed = True
        if self._stop_timer is not None:
            self._stop_timer()
            self._stop_timer = None
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])
        if left := self._dirty | self._failed:
            _LOGGER.warning(
                "The last changes of these print jobs could not be written to disk: %s",
                ", ".join(left),
            )
        for job_id in list(self._waiters):
            self._end_waits(job_id, None, JobStoreError("the store is closed"))

    async def _async_write(self) -> None:
        """Write the changed records in batches; those that fail wait for the timer."""
        while self._dirty and not self.closed:
            batch = list(self._dirty)[:MAX_AT_ONCE]
            for job_id in batch:
                del self._dirty[job_id]
            jobs = [job for job_id in batch if (job := self.jobs.get(job_id))]
            try:
                async with self._lock:
                    failed = await self._hass.async_add_executor_job(self._write_records, jobs)
            except asyncio.CancelledError:
                self._failed |= dict.fromkeys(batch)
                raise
            for job in jobs:
                if job.job_id in failed:
                    self._failed[job.job_id] = None
                    err = JobStoreError("the job could not be written")
                    self._end_waits(job.job_id, job.generation, err)
                else:
                    self._failed.pop(job.job_id, None)
                    self.persisted[job.job_id] = job
                    self._end_waits(job.job_id, job.generation, None)
                    self.on_persisted(job.job_id)
        if self._failed and not self._warned:
            _LOGGER.warning("Print jobs cannot be written to disk: %s", ", ".join(self._failed))
        self._warned = bool(self._failed)
        if self._failed:
            self._set_timer(WRITE_AGAIN)

    def _end_waits(self, job_id: str, generation: int | None, err: JobStoreError | None) -> None:
        """End the waits for this version of a job or older ones, None for all, with an error or none."""
        left = []
        for wanted, done in self._waiters.pop(job_id, []):
            if generation is not None and wanted > generation:
                left.append((wanted, done))
            elif done.done():
                continue
            elif err is None:
                done.set_result(None)
            else:
                done.set_exception(err)
        if left:
            self._waiters[job_id] = left

    def _set_timer(self, delay: float) -> None:
        due = self._hass.loop.time() + delay
        if self.closed or (self._stop_timer is not None and self._timer_due <= due):
            return
        if self._stop_timer is not None:
            self._stop_timer()
        self._timer_due = due
        self._stop_timer = async_call_later(
            self._hass, delay, HassJob(self._write_all, cancel_on_shutdown=True)
        )

    @callback
    def _write_all(self, _now: datetime | None = None) -> None:
        """Write all changed records, including those that failed before."""
        if self._stop_timer is not None:
            self._stop_timer()
            self._stop_timer = None
        changed = [*self._dirty, *self._failed]
        self._failed.clear()
        for job_id in changed:
            self.write(job_id, within=0)

    async def async_copy_documents(self, job: Job) -> list[Document] | None:
        """Return copies of the documents of a job's deliveries, None when they are gone. Raises JobStoreError."""
        async with self._lock:
            return await self._hass.async_add_executor_job(self._copy_documents, job)

    async def async_drop_documents(self, jobs: Iterable[Job]) -> None:
        """Delete the documents of these jobs; their records stay."""
        paths = [
            self.path_of(job.job_id, one.document.path) for job in jobs for one in job.deliveries
        ]
        async with self._lock:
            await self._hass.async_add_executor_job(unlink_all, paths)

    async def async_delete(self, job_ids: Collection[str]) -> None:
        """Delete jobs, records and documents."""
        for job_id in job_ids:
            for known in (self.persisted, self.flushing, self._dirty, self._failed):
                known.pop(job_id, None)
            self._end_waits(job_id, None, JobStoreError("the job is gone"))
        folders = [self._root / job_id for job_id in job_ids]
        async with self._lock:
            await self._hass.async_add_executor_job(_remove_all, folders)

    def _load(self) -> list[Job]:
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._root.chmod(0o700)
            found = sorted(self._root.iterdir())
        except OSError as err:
            raise JobStoreError("the job folder cannot be read") from err
        _remove_all([path for path in found if path.name.startswith(PART_PREFIX)])
        unlink_all([path for path in found if path.name.startswith(COPY_PREFIX)])
        self.was_copied = is_copied(self._root)
        self.other_tasks.load()
        jobs = []
        damaged = [path for path in found if path.name.startswith(DAMAGED_PREFIX)]
        for folder in found:
            if not _is_job(folder):
                continue
            if (folder / FLUSHING_NAME).exists():
                # This job was never published, and its document may be incomplete.
                _remove_all([folder])
                continue
            try:
                jobs.append(_read_job(folder))
            except (OSError, StoredError) as err:
                damaged.append(_set_aside(folder, err))
        _remove_all(sorted(damaged, reverse=True)[MAX_DAMAGED:])
        return sorted(jobs, key=lambda job: (job.created_at, job.job_id))

    def _create(self, job: Job, spooled: Sequence[Path]) -> list[Path]:
        """Return the paths of the documents in the folder of the job that are still to be flushed."""
        folder, place = self._root / f"{PART_PREFIX}{job.job_id}", self._root / job.job_id
        is_small = sum(one.document.size for one in job.deliveries) <= SMALL_BYTES
        try:
            folder.mkdir(mode=0o700, parents=True)
            for one, path in zip(job.deliveries, spooled, strict=True):
                # The spool lies on the same file system.
                target = path.rename(folder / one.document.path.name)
                target.chmod(0o600)
                if target.stat().st_size != one.document.size:
                    raise OSError("the document changed its size")
                if is_small:
                    sync_path(target)
            if not is_small:
                (folder / FLUSHING_NAME).touch(mode=0o600)
            # Nobody reads it before the folder has its name.
            write_new(folder / RECORD_NAME, job.as_json())
            sync_path(folder)
            folder.rename(place)
            sync_path(self._root)
        except OSError as err:
            _remove_all([folder, place])
            unlink_all(spooled)
            raise JobStoreError("the job could not be written") from err
        return [] if is_small else [place / one.document.path.name for one in job.deliveries]

    def _copy_documents(self, job: Job) -> list[Document] | None:
        copies: list[Document] = []
        for one in job.deliveries:
            source = self.path_of(job.job_id, one.document.path)
            target = self._root / f"{COPY_PREFIX}{ulid_now()}{source.suffix}"
            # What the service has prepared is for the printer and the options that were asked for.
            copies.append(
                replace(one.document, path=target, title=job.title, ticket=None, ticket_scope=None)
            )
            try:
                # Nothing ever writes into it: a second name is enough.
                link_or_copy(source, target)
            except OSError as err:
                unlink_all(copy.path for copy in copies)
                if isinstance(err, FileNotFoundError):
                    return None
                raise JobStoreError("the document could not be copied") from err
        return copies

    def _write_records(self, jobs: list[Job]) -> set[str]:
        """Write jobs in place of their records; return the ids of those that could not be written."""
        failed = set()
        for job in jobs:
            try:
                record = self._root / job.job_id / RECORD_NAME
                write_private(record, job.as_json(), unless=lambda: self.closed)
            except OSError as err:
                _LOGGER.debug("Print job %s was not written: %s", job.job_id, err)
                failed.add(job.job_id)
        return failed


def _flush(documents: list[Path]) -> None:
    """Flush a job's documents to disk, unless it is gone again, and remove the mark. Raises OSError."""
    with suppress(FileNotFoundError):
        for document in documents:
            sync_path(document)
        documents[0].with_name(FLUSHING_NAME).unlink(missing_ok=True)
        sync_path(documents[0].parent)


def _is_job(folder: Path) -> bool:
    return folder.is_dir() and not folder.name.startswith(NO_JOBS)


def _read_job(folder: Path) -> Job:
    """Read a job from its folder. Raises StoredError or OSError."""
    record = folder / RECORD_NAME
    if record.stat().st_size > MAX_RECORD_BYTES:
        raise StoredError("the record is too large")
    try:
        job = read_record(json.loads(record.read_text("utf-8")))
    except (ValueError, RecursionError) as err:
        raise StoredError(str(err)[:100]) from None
    if job.job_id != folder.name:
        raise StoredError("the record belongs to another folder")
    return job


def _set_aside(folder: Path, err: Exception) -> Path:
    """Rename a damaged folder, so that it is not read again and can be examined; return its new path."""
    _LOGGER.warning("Print job %s cannot be read and is set aside: %s", folder.name, err)
    aside = folder.with_name(f"{DAMAGED_PREFIX}{folder.name}")
    try:
        folder.rename(aside)
    except OSError as rename_err:
        _LOGGER.debug("Setting %s aside failed: %s", folder.name, rename_err)
    return aside


def _remove_all(folders: Iterable[Path]) -> None:
    for folder in folders:
        part = folder.with_name(f"{PART_PREFIX}{folder.name}")
        try:
            folder.rename(part)
        except FileNotFoundError:
            continue
        except OSError:
            part = folder
        shutil.rmtree(part, ignore_errors=True)


# Detects a copied job folder, whose jobs must not print here as well.
#
# A copy of the configuration folder carries everything that Home Assistant has, its instance id included,
# but not where a file lies: a marker records its own inode, the host's name and the folder's path. A folder
# counts as copied when the inode differs *and* host or path do. So a renamed folder, a recreated container
# and a file system that renumbers its files at each start are no copies; a folder that was moved by copying
# is taken for one, and then a person decides which jobs go on. A clone of a whole disk on a host of the same
# name is not recognised.

MARKER_NAME = "home.json"
MAX_MARKER_BYTES = 8192


def is_copied(root: Path) -> bool:
    """Return whether a folder of jobs was copied from elsewhere; blocking."""
    marker = root / MARKER_NAME
    try:
        with marker.open("rb") as file:
            current = _place(root, os.fstat(file.fileno()).st_ino)
            stored = json.loads(file.read(MAX_MARKER_BYTES))
    except (OSError, ValueError, RecursionError) as err:
        # Version 0.1.0 wrote none, nor does a first start that a power cut ends.
        _LOGGER.debug("The job folder has no marker: %s", type(err).__name__)
        return False
    if not isinstance(stored, dict):
        return False
    moved = (stored.get("host"), stored.get("path")) != (current["host"], current["path"])
    return moved and stored.get("inode") != current["inode"]


def record_location(root: Path) -> None:
    """Write the marker of a job folder; blocking. A failure is logged and costs only the protection."""
    marker = root / MARKER_NAME
    try:
        descriptor = os.open(marker, os.O_CREAT | os.O_RDWR, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            text = json.dumps(_place(root, os.fstat(file.fileno()).st_ino)).encode()
            if file.read(MAX_MARKER_BYTES) == text:
                return
            # Written in place, since the inode is what is recorded.
            file.seek(0)
            file.write(text)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
    except OSError as err:
        _LOGGER.debug("The marker of the job folder was not written: %s", type(err).__name__)


def _place(root: Path, inode: int) -> dict[str, Any]:
    return {"inode": inode, "host": socket.gethostname(), "path": str(root.resolve())}


# Job records of version 1, which 0.1.0 and 0.2.0 wrote, as those of version 2. Plain JSON in, plain JSON out.
#
# Version 1 had one list of fields for a job. Those of the attempt to send were the present one's: of a job with
# two (`by_hand`), the first one's were mostly gone once the second one waited.

DOCUMENT_STEM: Final = "document"
SECOND_NAME: Final = "backs.pdf"
"""What the second delivery prints."""
_SUFFIX: Final = re.compile(r"\.[a-z0-9]{1,10}")
# The second delivery's details: what its sheets have in common with those of the first one.
_DETAILS: Final = ("pages", "copies", "put_back", "lies", "fronts_descending", "backs_descending")


def file_name(name: str) -> str:
    """Return the name of a document's file in the folder of its job."""
    suffix = Path(name).suffix.lower()
    return f"{DOCUMENT_STEM}{suffix if _SUFFIX.fullmatch(suffix) else ''}"


def read_record(record: object) -> Job:
    """Read a stored job, also one of version 1. Raises StoredError for what was not written by this code."""
    if isinstance(record, dict) and record.get("version") == 1:
        record = migrate(record)
    return Job.from_record(record)


def migrate(old: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record of version 1 as one of version 2. Raises StoredError where it is malformed."""
    options, name = old.get("options"), old.get("document_name")
    if not isinstance(options, dict) or not isinstance(name, str):
        raise StoredError("no job of version 1")
    # The other fields have the names that they had.
    job, spec, delivery = (
        {item.name: old[item.name] for item in fields(kind) if item.name in old}
        for kind in (Job, JobSpec, Delivery)
    )
    waits_for = old.get("waits_for", [])
    spec |= {"waits_for": waits_for, "automated": old.get("origin") == Origin.AUTOMATION}
    document = {
        "path": file_name(name),
        "name": name,
        "content_type": old.get("content_type"),
        "extension": Path(file_name(name)).suffix,
        "size": old.get("size"),
        "pages": old.get("document_pages"),
        "pages_at_most": old.get("document_pages_at_most"),
        "title": old.get("title"),
        "digest": old.get("digest"),
        "ticket": old.get("ticket"),
    }
    delivery |= {"document": document, "ended_at": old.get("finished_at")}
    if delivery.get("reason") == "taken_back_late":
        delivery["reason"] = "expired_too_late"
    if delivery.get("task_id") is not None and not delivery.get("handed_over_at"):
        delivery["task_known_at"] = delivery.get("task_known_at") or old.get("created_at")
    deliveries = [delivery]
    if (by_hand := old.get("by_hand")) is not None:
        if not isinstance(by_hand, dict) or not isinstance(waits_for, list):
            raise StoredError("malformed deliveries")
        spec["waits_for"] = [reason for reason in waits_for if reason != PersonReason.TURN_PAPER]
        deliveries = _deliveries(delivery, by_hand, waits=len(spec["waits_for"]) < len(waits_for))
    return {
        "version": 2,
        **job,
        "spec": spec,
        "deliveries": deliveries,
    }


def _deliveries(
    present: dict[str, Any], by_hand: Mapping[str, Any], *, waits: bool
) -> list[dict[str, Any]]:
    """Return the two deliveries of a job of which the present one is known."""
    half = by_hand.get("half")
    if isinstance(half, bool) or half not in (1, 2):
        raise StoredError("a delivery that is none")
    document, options = present["document"], present["options"]
    fronts = {
        "document": document | {"size": by_hand.get("front_size")},
        "options": options | {"page_range": by_hand.get("front_range", "")},
        "counts_as": [by_hand.get("pages"), by_hand.get("copies")],
    }
    backs = {
        "document": document
        | {"path": SECOND_NAME, "size": by_hand.get("back_size"), "digest": None, "ticket": None},
        "options": options
        | {"page_range": by_hand.get("back_range", ""), "align": by_hand.get("back_align")},
        "details": {name: by_hand[name] for name in _DETAILS if name in by_hand},
    }
    turn = PersonReason.TURN_PAPER.value
    if half == 1:
        if waits:
            raise StoredError("a first delivery that waits for what comes after it")
        second = {"token": new_token(), "state": "held", "after": turn, "hold_reason": turn}
        return [present | fronts, second | backs]
    first = {
        "token": by_hand.get("first_token") or new_token(),
        "state": "completed",
        "task_id": by_hand.get("first_task_id"),
        "task_from_list": by_hand.get("first_from_list", False),
    }
    return [first | fronts, present | backs | {"after": turn if waits else None}]
