"""The documents of jobs on disk, in a folder of its own each: flushed before the row that names it, deleted after it.

They lie in the cache folder, so that a restored backup cannot print again.
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
from ..documents.spool import link_or_copy, sync_path, unlink_all
from ..ledger_file import make_folder
from .job import Job

JOBS_FOLDER: Final = "jobs"
COPY_PREFIX: Final = "copy-"
# Before the name of a job's folder whose record of an earlier version could not be read.
DAMAGED_PREFIX: Final = "damaged-"
# Documents of so many bytes are flushed before the job's row is written, larger ones beside their upload.
SMALL_BYTES: Final = 1024 * 1024


class DocumentsError(OSError):
    """The documents of a job could not be written, copied or flushed."""


def ledger_path(hass: HomeAssistant) -> Path:
    """Return the folder of the ledger and of all that its records name."""
    return Path(hass.config.cache_path(DOMAIN, JOBS_FOLDER))


def jobs_path(hass: HomeAssistant, entry_id: str) -> Path:
    return ledger_path(hass) / entry_id


def old_path(hass: HomeAssistant, name: str) -> Path:
    """Return where 0.1.0 to 0.3.0 had such a folder; for that of jobs, an empty file keeps them from starting."""
    return Path(hass.config.cache_path(DOMAIN, name))


class JobFiles:
    """Moves, flushes, copies and deletes the documents of one box's jobs; blocking work runs in the executor."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        self._hass = hass
        self._root = jobs_path(hass, entry_id)
        self._old = old_path(hass, entry_id)
        # Large documents of new jobs, by job: what is to be flushed, and what is being flushed.
        self._unflushed: dict[str, list[Path]] = {}
        self._flushing: dict[str, asyncio.Future[None]] = {}

    def path_of(self, job_id: str, name: Path) -> Path:
        return self._root / job_id / name

    async def async_prepare(self, known: Collection[str]) -> None:
        """Make the folder, and delete what no row names. Raises DocumentsError."""
        await self._hass.async_add_executor_job(_prepare, self._root, self._old, known)

    async def async_take(self, job: Job, spooled: Sequence[Path]) -> bool:
        """Move the documents of a new job into its folder; return whether they are flushed to disk.

        Large ones are left to `async_flushed`. Raises DocumentsError; then nothing is left behind.
        """
        large = await self._hass.async_add_executor_job(
            _take, self._root / job.job_id, job, spooled
        )
        if large:
            self._unflushed[job.job_id] = large
        return not large

    async def async_flushed(self, job_id: str) -> None:
        """Flush the documents of a new job to disk, once for all who wait. Raises DocumentsError.

        To be called once its row is written: flushed beside them, the row would wait for the documents.
        """
        if (large := self._unflushed.pop(job_id, None)) is not None:
            flushing = self._hass.async_add_executor_job(_flush, large)
            flushing.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._flushing[job_id] = flushing
        if (found := self._flushing.get(job_id)) is None:
            return
        await asyncio.wait([found])
        if (err := found.exception()) is not None:
            # It stays in `_flushing`, so that the next caller gets the same error.
            raise DocumentsError("the document could not be written") from err
        self._flushing.pop(job_id, None)

    async def async_copy(self, job: Job) -> list[Document] | None:
        """Copy the documents of a job's deliveries, None when they are gone. Raises DocumentsError."""
        return await self._hass.async_add_executor_job(_copy, self._root, job)

    async def async_drop(self, jobs: Iterable[Job]) -> None:
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
        await self._hass.async_add_executor_job(_remove_all, folders)


def _prepare(root: Path, old: Path, known: Collection[str]) -> None:
    try:
        make_folder(root)
        root.chmod(0o700)
        # `migration` was there before a box that was added since.
        old.touch(mode=0o600)
        # By their names alone: there may be ten thousand, nearly all of them known.
        with os.scandir(root) as entries:
            found = [entry.name for entry in entries]
    except OSError as err:
        raise DocumentsError("the job folder cannot be read") from err
    unlink_all(root / name for name in found if name.startswith(COPY_PREFIX))
    left = (root / name for name in found if name not in known)
    _remove_all(path for path in left if path.is_dir() and not path.name.startswith(DAMAGED_PREFIX))


def _take(folder: Path, job: Job, spooled: Sequence[Path]) -> list[Path]:
    """Return those that are still to be flushed."""
    is_small = sum(one.document.size for one in job.deliveries) <= SMALL_BYTES
    documents = []
    try:
        folder.mkdir(mode=0o700, parents=True)
        for one, path in zip(job.deliveries, spooled, strict=True):
            # The spool lies on the same file system.
            target = path.rename(folder / one.document.path.name)
            target.chmod(0o600)
            if target.stat().st_size != one.document.size:
                raise OSError("the document changed its size")
            documents.append(target)
        if is_small:
            _flush(documents)
        sync_path(folder.parent)
    except OSError as err:
        _remove_all([folder])
        unlink_all(spooled)
        raise DocumentsError("the job could not be written") from err
    return [] if is_small else documents


def _flush(documents: list[Path]) -> None:
    """Flush a job's documents to disk, unless it is gone again. Raises OSError."""
    with suppress(FileNotFoundError):
        for document in documents:
            sync_path(document)
        sync_path(documents[0].parent)


def _copy(root: Path, job: Job) -> list[Document] | None:
    copies: list[Document] = []
    for one in job.deliveries:
        source = root / job.job_id / one.document.path
        target = root / f"{COPY_PREFIX}{ulid_now()}{source.suffix}"
        # What the service has prepared is for the printer and the options that were asked for.
        copies.append(
            replace(one.document, path=target, title=job.spec.title, ticket=None, ticket_scope=None)
        )
        try:
            # Nothing ever writes into it: a second name is enough.
            link_or_copy(source, target)
        except OSError as err:
            unlink_all(copy.path for copy in copies)
            if isinstance(err, FileNotFoundError):
                return None
            raise DocumentsError("the document could not be copied") from err
    return copies


def _remove_all(folders: Iterable[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
