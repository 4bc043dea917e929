"""On-disk job store: one folder per job, written before its upload starts.

It lies in the cache folder, so that a restored backup cannot print again. Home Assistant's own storage
helper logs a failed write and goes on; here a job that is not safely on disk must not be sent.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
import json
import logging
import os
from pathlib import Path
import re
import shutil

from homeassistant.core import HomeAssistant
from homeassistant.util.file import WriteError, write_utf8_file_atomic
from homeassistant.util.ulid import ulid_now

from ..documents.document import Document
from .job import Job, JobState
from .location import is_copied, record_location
from .other_tasks import OtherTasks
from .record import RecordError

_LOGGER = logging.getLogger(__name__)

CACHE_FOLDER = "lianke"
RECORD_NAME = "job.json"
DOCUMENT_STEM = "document"
# What is printed on the second sides, where that is done by hand.
BACKS_NAME = "backs.pdf"
DAMAGED_PREFIX = "damaged-"
# A folder that is being made or deleted: deleted at the next start.
PART_PREFIX = "part-"
COPY_PREFIX = "copy-"
# Names that are not those of jobs.
NO_JOBS = (DAMAGED_PREFIX, PART_PREFIX, COPY_PREFIX)
# Exists in a job's folder until its document is on disk.
FLUSHING_NAME = "flushing"
# A larger record was not written by this code.
MAX_RECORD_BYTES = 256 * 1024
SUFFIX = re.compile(r"\.[a-z0-9]{1,10}")
MAX_DAMAGED = 10


class JobStoreError(OSError):
    """A job could not be written to disk."""


def jobs_path(hass: HomeAssistant, entry_id: str) -> Path:
    """Return the folder that holds the jobs of one config entry."""
    return Path(hass.config.cache_path(CACHE_FOLDER, entry_id))


async def async_remove_jobs(hass: HomeAssistant, entry_id: str) -> list[Job]:
    """Delete the jobs of a removed config entry; return those that were still to be sent."""
    return await hass.async_add_executor_job(_remove_jobs, jobs_path(hass, entry_id))


def _remove_jobs(root: Path) -> list[Job]:
    waiting = []
    for folder in root.iterdir() if root.is_dir() else ():
        if _is_job(folder):
            with suppress(OSError, RecordError):
                job = _read_job(folder)
                if job.state in (JobState.HELD, JobState.UPLOADING) and job.handed_over_at is None:
                    waiting.append(job)
    shutil.rmtree(root, ignore_errors=True)
    return waiting


class JobStore:
    """Reads and writes the jobs of one box. Blocking work runs in the executor."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Prepare the store of a config entry, without touching the disk."""
        self._hass = hass
        self._root = jobs_path(hass, entry_id)
        self._lock = asyncio.Lock()
        self.other_tasks = OtherTasks(hass, self._root)
        # Whether the folder is a copy of another installation's, which may print the same jobs.
        self.was_copied = False
        self._closed = False
        # Documents that are being flushed to disk, by job.
        self._flushing: dict[str, asyncio.Future[None]] = {}

    def document_path(self, job: Job) -> Path:
        """Return the path of a job's document, of its present half where it has two."""
        if job.is_second_half:
            return self._root / job.job_id / BACKS_NAME
        return self._fronts_path(job)

    def _fronts_path(self, job: Job) -> Path:
        suffix = Path(job.document_name).suffix.lower()
        if not SUFFIX.fullmatch(suffix):
            suffix = ""
        return self._root / job.job_id / f"{DOCUMENT_STEM}{suffix}"

    async def async_load(self) -> list[Job]:
        """Return all readable jobs, oldest first.

        A damaged folder is set aside and costs one job. Raises JobStoreError if the
        folder itself cannot be made or read.
        """
        return await self._async_run(self._load)

    async def async_record_location(self) -> None:
        """Record that the jobs belong to this folder from now on."""
        await self._async_run(record_location, self._root)

    def _paths(self, job: Job) -> list[Path]:
        """Return the paths of a job's document, or of both its halves."""
        fronts = self._fronts_path(job)
        return [fronts] if job.by_hand is None else [fronts, fronts.with_name(BACKS_NAME)]

    async def async_create(
        self, job: Job, document: Document, backs: Document | None = None
    ) -> None:
        """Move in the document and write the job; on return the job is on disk.

        `backs` is the document of the second half of a job that has two. They are still being flushed:
        await `async_flushed` before relying on them. Raises JobStoreError; then nothing of the job is
        left behind.
        """
        documents = [document] if backs is None else [document, backs]
        await self._async_run(self._create, job, documents)
        self._flushing[job.job_id] = self._hass.async_add_executor_job(_flush, self._paths(job))

    async def async_flushed(self, job_id: str) -> None:
        """Wait until the document of a new job is on disk. Raises JobStoreError."""
        if (flushing := self._flushing.get(job_id)) is None:
            return
        try:
            await asyncio.shield(flushing)
        except OSError as err:
            # It stays in `_flushing`, so that the next caller gets the same error.
            raise JobStoreError("the document could not be written") from err
        self._flushing.pop(job_id, None)

    def close(self) -> None:
        """Stop writing, also in the middle of a batch: from now on the next queue's store writes."""
        self._closed = True
        self.other_tasks.close()

    async def async_write_all(self, jobs: Iterable[Job]) -> list[str]:
        """Write jobs; return the ids of those that could not be written."""
        return await self._async_run(self._write_all, list(jobs))

    async def async_copy_document(self, job: Job) -> Document | None:
        """Return a copy of a job's document, None when it is gone. Raises JobStoreError.

        Of two halves it is the first one's.
        """
        return await self._async_run(self._copy_document, job, self._fronts_path(job))

    async def async_copy_backs(self, job: Job) -> Document | None:
        """Return a copy of the document of a job's second half; as `async_copy_document`."""
        backs = self._fronts_path(job).with_name(BACKS_NAME)
        return await self._async_run(self._copy_document, job, backs)

    async def async_drop_documents(self, jobs: Iterable[Job]) -> None:
        """Delete the documents of these jobs; their records stay."""
        await self._async_run(unlink_all, [path for job in jobs for path in self._paths(job)])

    async def async_delete(self, job_ids: Collection[str]) -> None:
        """Delete jobs, records and documents."""
        for job_id in job_ids:
            self._flushing.pop(job_id, None)
        await self._async_run(_remove_all, [self._root / job_id for job_id in job_ids])

    async def _async_run[*Ts, T](self, target: Callable[[*Ts], T], *args: *Ts) -> T:
        """Run blocking work in the executor, one at a time."""
        async with self._lock:
            return await self._hass.async_add_executor_job(target, *args)

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
            except (OSError, RecordError) as err:
                damaged.append(_set_aside(folder, err))
        _remove_all(sorted(damaged, reverse=True)[MAX_DAMAGED:])
        return sorted(jobs, key=lambda job: (job.created_at, job.job_id))

    def _create(self, job: Job, documents: list[Document]) -> None:
        folder = self._root / f"{PART_PREFIX}{job.job_id}"
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700)
            for document, path in zip(documents, self._paths(job), strict=True):
                # The spool lies on the same file system: this is a rename, not a copy.
                target = folder / path.name
                shutil.move(document.path, target)
                target.chmod(0o600)
                if target.stat().st_size != document.size:
                    raise OSError("the document changed its size")
            (folder / FLUSHING_NAME).touch(mode=0o600)
            _write_record(job, folder)
            folder.rename(self._root / job.job_id)
            _sync(self._root)
        except OSError as err:
            _remove_all([folder, self._root / job.job_id])
            unlink_all([document.path for document in documents])
            raise JobStoreError("the job could not be written") from err

    def _copy_document(self, job: Job, source: Path) -> Document | None:
        target = self._root / f"{COPY_PREFIX}{ulid_now()}{source.suffix}"
        try:
            # A hard link is enough, since nothing ever writes into a document.
            target.hardlink_to(source)
        except FileNotFoundError:
            return None
        except OSError:
            try:
                shutil.copyfile(source, target)
            except OSError as err:
                unlink_all([target])
                raise JobStoreError("the document could not be copied") from err
        return Document(
            path=target,
            name=job.document_name,
            content_type=job.content_type,
            extension=source.suffix,
            size=job.size if job.by_hand is None else target.stat().st_size,
            pages=job.document_pages,
            pages_at_most=job.document_pages_at_most,
            digest=job.digest or None,
            title=job.title,
        )

    def _write(self, job: Job) -> None:
        """Write a job, unless its record is newer. Raises JobStoreError."""
        folder = self._root / job.job_id
        if self._closed or _stored_generation(folder) > job.generation:
            raise JobStoreError("the record is newer than this")
        _write_record(job, folder)

    def _write_all(self, jobs: list[Job]) -> list[str]:
        failed = []
        for job in jobs:
            try:
                self._write(job)
            except JobStoreError as err:
                _LOGGER.debug("Print job %s was not written: %s", job.job_id, err)
                failed.append(job.job_id)
        return failed


def _stored_generation(folder: Path) -> int:
    """Return the generation of a record on disk, -1 where it cannot be read."""
    try:
        stored = json.loads((folder / RECORD_NAME).read_text("utf-8")).get("generation", 0)
    except OSError, ValueError, AttributeError, RecursionError:
        return -1
    return stored if isinstance(stored, int) else -1


def _write_record(job: Job, folder: Path) -> None:
    """Write a job into its folder. Raises JobStoreError."""
    text = json.dumps(job.as_record())
    try:
        write_utf8_file_atomic(str(folder / RECORD_NAME), text, private=True)
    except (WriteError, OSError) as err:
        raise JobStoreError("the job could not be written") from err


def _flush(documents: list[Path]) -> None:
    """Flush a job's documents to disk, unless it is gone again, and remove the mark. Raises OSError."""
    with suppress(FileNotFoundError):
        for document in documents:
            with document.open("rb") as handle:
                os.fsync(handle.fileno())
        documents[0].with_name(FLUSHING_NAME).unlink(missing_ok=True)
        _sync(documents[0].parent)


def _sync(folder: Path) -> None:
    """Flush the names in a folder to disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_job(folder: Path) -> bool:
    return folder.is_dir() and not folder.name.startswith(NO_JOBS)


def _read_job(folder: Path) -> Job:
    """Read a job from its folder. Raises RecordError or OSError."""
    record = folder / RECORD_NAME
    if record.stat().st_size > MAX_RECORD_BYTES:
        raise RecordError("the record is too large")
    try:
        job = Job.from_record(json.loads(record.read_text("utf-8")))
    except (ValueError, RecursionError) as err:
        raise RecordError(str(err)[:100]) from None
    if job.job_id != folder.name:
        raise RecordError("the record belongs to another folder")
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


def unlink_all(paths: Iterable[Path]) -> None:
    """Delete files as far as possible; blocking."""
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as err:
            _LOGGER.debug("%s cannot be deleted: %s", path.name, err)


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
