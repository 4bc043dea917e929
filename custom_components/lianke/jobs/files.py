"""The documents of jobs on disk, in one folder per job.

A job's documents are flushed to disk before the job is reported; the job's folder is deleted after the job's row. The
folders are in the cache folder, which backups leave out, so that a restored backup cannot print a job again.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
import os
from pathlib import Path
import shutil
from typing import Final

from homeassistant.core import HomeAssistant
from homeassistant.util.ulid import ulid_now

from ..const import DOMAIN
from ..documents.document import Document
from ..documents.spool import flush_to_disk, link_or_copy, unlink_all
from ..ledger_file import make_folder
from .job import Job

JOBS_FOLDER: Final = "jobs"
COPY_PREFIX: Final = "copy-"
# Prefix of the names of job folders that hold a record of an earlier version that could not be read.
DAMAGED_PREFIX: Final = "damaged-"
# Total bytes up to which a job's documents are flushed before the job's row is written; larger documents are flushed
# during the upload.
SMALL_BYTES: Final = 1024 * 1024


class DocumentsError(OSError):
    """The documents of a job could not be written, copied or flushed."""


def ledger_path(hass: HomeAssistant) -> Path:
    return Path(hass.config.cache_path(DOMAIN, JOBS_FOLDER))


def jobs_path(hass: HomeAssistant, entry_id: str) -> Path:
    return ledger_path(hass) / entry_id


def old_path(hass: HomeAssistant, name: str) -> Path:
    """Return the path at which versions 0.1.0 to 0.3.0 had a folder. An empty file there keeps them from starting."""
    return Path(hass.config.cache_path(DOMAIN, name))


class JobFiles:
    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        self._hass = hass
        self._root = jobs_path(hass, entry_id)
        self._old = old_path(hass, entry_id)
        # Large documents of new jobs, by job id: the files that are still to be flushed, and the flushes under way.
        self._unflushed: dict[str, list[Path]] = {}
        self._flushing: dict[str, asyncio.Future[None]] = {}

    def path_of(self, job_id: str, name: Path) -> Path:
        return self._root / job_id / name

    async def async_prepare(self, known: Collection[str]) -> None:
        """Create the box's folder; delete copies, and folders of jobs that are not `known`. Raises DocumentsError."""
        await self._hass.async_add_executor_job(_prepare, self._root, self._old, known)

    async def async_take_over(self, job: Job, spooled: Sequence[Path]) -> bool:
        """Move the documents of a new job into its folder; return whether they are flushed to disk.

        Large documents are left to `async_flush`. If this raises DocumentsError, no document is left behind.
        """
        large = await self._hass.async_add_executor_job(
            _take, self._root / job.job_id, job, spooled
        )
        if large:
            self._unflushed[job.job_id] = large
        return not large

    async def async_flush(self, job_id: str) -> None:
        """Flush the documents of a new job to disk; concurrent callers share one flush. Raises DocumentsError.

        Call this after the job's row is written. If row and documents were flushed at the same time, the row would have
        to wait for the documents.
        """
        if (large := self._unflushed.pop(job_id, None)) is not None:
            flushing = self._hass.async_add_executor_job(_flush, large)
            flushing.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._flushing[job_id] = flushing
        if (found := self._flushing.get(job_id)) is None:
            return
        await asyncio.wait([found])
        if (err := found.exception()) is not None:
            # The job stays in `_flushing`, so that the next caller gets the same error.
            raise DocumentsError("the document could not be written") from err
        self._flushing.pop(job_id, None)

    async def async_copy(self, job: Job) -> list[Document] | None:
        """Return copies of the documents of a job's deliveries; None if a document is gone. Raises DocumentsError."""
        return await self._hass.async_add_executor_job(_copy, self._root, job)

    async def async_delete_documents(self, jobs: Iterable[Job]) -> None:
        """Delete the documents of these jobs; their records stay."""
        paths = [
            self.path_of(job.job_id, one.document.path) for job in jobs for one in job.deliveries
        ]
        await self._hass.async_add_executor_job(unlink_all, paths)

    async def async_delete(self, job_ids: Iterable[str]) -> None:
        folders = [self._root / job_id for job_id in job_ids]
        for folder in folders:
            self._unflushed.pop(folder.name, None)
            self._flushing.pop(folder.name, None)
        await self._hass.async_add_executor_job(remove_folders, folders)


def _prepare(root: Path, old: Path, known: Collection[str]) -> None:
    try:
        make_folder(root)
        root.chmod(0o700)
        # `migration` makes this file for the boxes that exist when the ledger is opened, not for a box that is added
        # later.
        old.touch(mode=0o600)
        # Compare only the names: there may be ten thousand folders, nearly all of them known.
        with os.scandir(root) as entries:
            found = [entry.name for entry in entries]
    except OSError as err:
        raise DocumentsError("the job folder cannot be read") from err
    unlink_all(root / name for name in found if name.startswith(COPY_PREFIX))
    left = (root / name for name in found if name not in known)
    remove_folders(
        path for path in left if path.is_dir() and not path.name.startswith(DAMAGED_PREFIX)
    )


def _take(folder: Path, job: Job, spooled: Sequence[Path]) -> list[Path]:
    """Move a job's documents into its folder; return those that still have to be flushed. Raises DocumentsError."""
    is_small = sum(one.document.size for one in job.deliveries) <= SMALL_BYTES
    documents = []
    try:
        folder.mkdir(mode=0o700, parents=True)
        for one, path in zip(job.deliveries, spooled, strict=True):
            # The spool is on the same file system, so a rename is enough.
            target = path.rename(folder / one.document.path.name)
            target.chmod(0o600)
            if target.stat().st_size != one.document.size:
                raise OSError("the document changed its size")
            documents.append(target)
        if is_small:
            _flush(documents)
        flush_to_disk(folder.parent)
    except OSError as err:
        remove_folders([folder])
        unlink_all(spooled)
        raise DocumentsError("the job could not be written") from err
    return [] if is_small else documents


def _flush(documents: list[Path]) -> None:
    """Flush a job's documents, unless the job was deleted meanwhile. Raises OSError."""
    with suppress(FileNotFoundError):
        for document in documents:
            flush_to_disk(document)
        flush_to_disk(documents[0].parent)


def _copy(root: Path, job: Job) -> list[Document] | None:
    copies: list[Document] = []
    for one in job.deliveries:
        source = root / job.job_id / one.document.path
        target = root / f"{COPY_PREFIX}{ulid_now()}{source.suffix}"
        # Drop the ticket: it names a file that the service prepared for the printer and options of the old job.
        copies.append(
            replace(one.document, path=target, title=job.spec.title, ticket=None, ticket_scope=None)
        )
        try:
            # Nothing ever writes into a document, so a hard link is enough.
            link_or_copy(source, target)
        except OSError as err:
            unlink_all(copy.path for copy in copies)
            if isinstance(err, FileNotFoundError):
                return None
            raise DocumentsError("the document could not be copied") from err
    return copies


def remove_folders(folders: Iterable[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
