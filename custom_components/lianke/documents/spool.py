"""The spool: a private folder for files on their way to a job, shared fairly among users."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
import logging
import os
from pathlib import Path
import secrets
import shutil
import time
from typing import Any, BinaryIO

from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.helpers.singleton import singleton
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.ulid import ulid_now

from ..const import DOMAIN
from ..input_error import InputError
from .document import Document, too_large
from .pdf import PageRenderer
from .pdf_client import PdfError

_LOGGER = logging.getLogger(__name__)

CHUNK_BYTES = 1024 * 1024
# How long documents and their previews are kept for a later call.
KEPT_FOR = timedelta(hours=1)
# Maximum number of kept documents. If there are more, the oldest documents of the user who keeps most are deleted.
MAX_SPOOL_DOCUMENTS = 50
# Maximum total bytes of all kept documents and their pictures. If there are more, the oldest documents of the user who
# keeps the most bytes are deleted.
MAX_SPOOL_BYTES = 500 * 1024 * 1024
# Age after which a file counts as left behind by an interrupted call; calls and kept documents last far shorter.
ORPHAN_AGE = timedelta(hours=3)
SWEEP_INTERVAL = timedelta(minutes=30)
# The files that will be deleted at the end of the current `Spool.scope`, and the task that entered the scope.
_own_files: ContextVar[tuple[set[Path], asyncio.Task[Any] | None]] = ContextVar("own_files")


@dataclass(slots=True)
class _Kept:
    document: Document
    until: datetime
    drawing: PageRenderer | None
    version: int
    # Picture files by page number, from 1.
    pictures: dict[int, Path]
    picture_bytes: int
    user: str | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def paths(self) -> list[Path]:
        drawn = [] if self.drawing is None else [self.drawing.path]
        return [self.document.path, *drawn, *self.pictures.values()]

    @property
    def size(self) -> int:
        """Size in bytes, including the pictures."""
        return self.document.size + self.picture_bytes


class Spool:
    """Allocates files and keeps documents for a later call."""

    def __init__(self, hass: HomeAssistant) -> None:
        self._hass = hass
        self._folder = Path(hass.config.cache_path(DOMAIN, "spool"))
        self._kept: dict[str, _Kept] = {}
        self._stop_alarm: CALLBACK_TYPE | None = None
        self._swept_at = time.monotonic()
        self._has_folder = False

    async def async_start(self) -> None:
        """Empty the folder: no file outlives a restart. Raises OSError if the folder cannot be written."""
        await self._hass.async_add_executor_job(self._remove)
        await self._hass.async_add_executor_job(self._make)
        self._has_folder = True
        self._hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, self._drop_alarm)

    @asynccontextmanager
    async def scope(self, *paths: Path) -> AsyncIterator[set[Path]]:
        """Delete `paths`, and all files allocated within the scope, when the scope ends.

        Therefore, code that makes documents needs no cleanup of its own. Released files are not deleted; `async_keep`
        releases the files that it keeps. Yields the set of the scope's files; to release a file, remove it from there.
        """
        mine = set(paths)
        token = _own_files.set((mine, asyncio.current_task()))
        try:
            yield mine
        finally:
            _own_files.reset(token)
            if mine:
                # A second cancellation must not cancel the deletion.
                await asyncio.shield(self._hass.async_add_executor_job(unlink_all, [*mine]))

    def release(self, *paths: Path) -> None:
        """Take files out of the current scope, so that the scope does not delete them."""
        self._mine().difference_update(paths)

    def _mine(self) -> set[Path]:
        """Return the files of the current scope, or an empty set if there is no scope.

        A task started within a scope, such as an automation triggered by an event, is not part of that scope.
        """
        mine, task = _own_files.get((set(), None))
        return mine if task is asyncio.current_task() else set()

    async def async_new_path(self, suffix: str) -> Path:
        """Return the path for a new file; `suffix` starts with a dot. Raises HomeAssistantError: disk_full."""
        if not self._has_folder:  # a box was added after the last box had been removed
            with translate_disk_errors():
                await self._hass.async_add_executor_job(self._make)
            self._has_folder = True
        now = time.monotonic()
        if now - self._swept_at > SWEEP_INTERVAL.total_seconds():
            self._swept_at = now
            await self._hass.async_add_executor_job(self._sweep)
        path = self._folder / f"{ulid_now()}{suffix}"
        self._mine().add(path)
        return path

    async def async_keep(
        self,
        document: Document,
        pictures: Sequence[bytes] = (),
        *,
        drawing: PageRenderer | None = None,
        handle: str | None = None,
        user: str | None = None,
    ) -> str:
        """Keep a document for an hour, with pictures of its pages; return its handle.

        `drawing` draws missing pictures when they are requested. If `handle` is that of an earlier document, the new
        document replaces the earlier one under this handle. From then on, the spool owns the files. If too many
        documents are kept, the oldest documents of the user who keeps most are deleted. Raises HomeAssistantError:
        disk_full.
        """
        paths: dict[int, Path] = {}
        for number, picture in enumerate(pictures, start=1):
            paths[number] = await self.async_new_path(".picture")
            await self._hass.async_add_executor_job(write_bytes, paths[number], picture)
        handle = handle or secrets.token_urlsafe(16)
        old = self._kept.pop(handle, None)
        self._kept[handle] = kept = _Kept(
            document,
            dt_util.utcnow() + KEPT_FOR,
            drawing,
            0 if old is None else old.version + 1,
            paths,
            sum(map(len, pictures)),
            user,
        )
        self.release(*kept.paths)
        gone = ([] if old is None else old.paths) + self._make_room()
        self._set_alarm()
        await self._hass.async_add_executor_job(unlink_all, gone)
        return handle

    async def async_copy_kept(self, handle: str) -> Document:
        """Return a copy of a kept document; the kept document stays usable.

        Raises InputError: document_gone; HomeAssistantError: disk_full.
        """
        while (kept := self._kept.get(handle)) is not None and kept.until > dt_util.utcnow():
            path = await self.async_new_path(kept.document.extension)
            try:
                await self._hass.async_add_executor_job(_take, kept.document.path, path)
            except FileNotFoundError:
                # If the document was replaced meanwhile, try again with the newer document.
                if self._kept.get(handle) is kept:
                    del self._kept[handle]
            except OSError as err:
                raise disk_full_error(err) from None
            else:
                return replace(kept.document, path=path)
        raise InputError("document_gone")

    async def async_forget(self, handle: str) -> None:
        """Delete a kept document and its pictures, if the document still exists."""
        if kept := self._kept.pop(handle, None):
            await self._hass.async_add_executor_job(unlink_all, kept.paths)

    def version(self, handle: str) -> int | None:
        """Return how often the document with this handle was replaced, or None if the document is gone."""
        return None if (kept := self._kept.get(handle)) is None else kept.version

    async def async_picture(self, handle: str, number: int) -> bytes | None:
        """Return the picture of page `number`, from 1, or None if the document or the page does not exist.

        A page that has not been drawn yet is drawn now. Raises the errors of `async_draw`.
        """
        while (kept := self._kept.get(handle)) is not None:
            try:
                return await self._async_picture_of(kept, handle, number)
            except (OSError, PdfError, InputError, HomeAssistantError) as err:
                # If the document was replaced meanwhile, its files are gone: try again with the newer document.
                if self._kept.get(handle) is kept:
                    if isinstance(err, FileNotFoundError):
                        return None
                    raise
        return None

    async def _async_picture_of(self, kept: _Kept, handle: str, number: int) -> bytes | None:
        async with kept.lock:
            if number not in kept.pictures:
                if kept.drawing is None or not 1 <= number <= kept.drawing.count:
                    return None
                async with self.scope():
                    path, picture = await self._async_draw(kept.drawing, number)
                    kept.pictures[number] = path
                    kept.picture_bytes += len(picture)
                    gone = self._make_room()
                    # If the document was replaced or deleted meanwhile, the scope deletes the picture.
                    if kept is self._kept.get(handle):
                        self.release(path)
                    await self._hass.async_add_executor_job(unlink_all, gone)
                return picture
            return await self._hass.async_add_executor_job(kept.pictures[number].read_bytes)

    async def async_draw(self, drawing: PageRenderer, number: int) -> bytes:
        """Draw page `number`, from 1, and return its picture.

        Raises PdfError; OSError if the picture cannot be read; HomeAssistantError: disk_full.
        """
        async with self.scope():
            _, picture = await self._async_draw(drawing, number)
        return picture

    async def _async_draw(self, drawing: PageRenderer, number: int) -> tuple[Path, bytes]:
        path = await self.async_new_path(".picture")
        await drawing.async_draw(number, path)
        return path, await self._hass.async_add_executor_job(path.read_bytes)

    async def async_clear(self) -> None:
        """Delete all files and the folder itself: nothing may outlive the last box."""
        self._kept.clear()
        self._drop_alarm()
        self._has_folder = False
        await self._hass.async_add_executor_job(self._remove)

    async def async_write[T](self, work: Callable[[Path], T]) -> T:
        """Run `work` with a new path in the executor; return the result of `work`."""
        return await self._hass.async_add_executor_job(work, await self.async_new_path(".part"))

    def _make_room(self) -> list[Path]:
        """Forget documents until their number and their total size are within the limits.

        Return the files that the caller must delete. Each step forgets the oldest document of one user: the user with
        the most documents if there are too many, otherwise the user with the most bytes. The newest document always
        stays.
        """
        gone: list[Path] = []
        while len(kept := [*self._kept.values()]) > 1:
            too_many = len(kept) > MAX_SPOOL_DOCUMENTS
            if not too_many and sum(one.size for one in kept) <= MAX_SPOOL_BYTES:
                break
            shares: Counter[str | None] = Counter()
            for one in kept:
                shares[one.user] += 1 if too_many else one.size
            handle = max([*self._kept][:-1], key=lambda one: shares[self._kept[one].user])
            gone += self._kept.pop(handle).paths
        return gone

    def _set_alarm(self) -> None:
        if self._stop_alarm is None and self._kept:
            first = min(item.until for item in self._kept.values())
            self._stop_alarm = async_track_point_in_utc_time(
                self._hass, self._async_on_alarm, first
            )

    async def _async_on_alarm(self, now: datetime) -> None:
        self._stop_alarm = None
        old = [handle for handle, item in self._kept.items() if item.until <= now]
        paths = [path for handle in old for path in self._kept.pop(handle).paths]
        self._set_alarm()
        await self._hass.async_add_executor_job(unlink_all, paths)

    @callback
    def _drop_alarm(self, _event: Event | None = None) -> None:
        if self._stop_alarm is not None:
            self._stop_alarm()
            self._stop_alarm = None

    def _remove(self) -> None:
        """Delete the folder, and then the folder above it if that is empty."""
        shutil.rmtree(self._folder, ignore_errors=True)
        with suppress(OSError):
            self._folder.parent.rmdir()

    def _make(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.chmod(0o700)

    def _sweep(self) -> None:
        limit = time.time() - ORPHAN_AGE.total_seconds()
        for path in self._folder.iterdir():
            # Ignore errors of the disk: the next sweep tries again.
            with suppress(OSError):
                if path.stat().st_mtime < limit:
                    path.unlink()


DATA_SPOOL: HassKey[Spool] = HassKey(f"{DOMAIN}_spool")


@singleton(DATA_SPOOL, async_=True)
async def async_get_spool(hass: HomeAssistant) -> Spool:
    """Return the only spool of this Home Assistant. Raises OSError if the spool's folder cannot be written."""
    spool = Spool(hass)
    await spool.async_start()
    return spool


@contextmanager
def translate_disk_errors() -> Iterator[None]:
    """Turn an OSError into HomeAssistantError: disk_full. All code that writes into the spool runs in this context."""
    try:
        yield
    except OSError as err:
        raise disk_full_error(err) from None


def disk_full_error(err: OSError) -> HomeAssistantError:
    """Log the reason of an OSError; return the error that the caller must raise instead."""
    _LOGGER.warning("A document cannot be written to disk: %s", err.__cause__ or err)
    return HomeAssistantError(translation_domain=DOMAIN, translation_key="disk_full")


def open_private(path: Path) -> BinaryIO:
    """Open a new file that only Home Assistant's own user may read. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(descriptor, "wb")


def flush_to_disk(path: Path) -> None:
    """Flush a file, or the directory entries of a folder, to disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def move_file(source: Path, target: Path) -> bool:
    """Move `source` to `target`, and set the file's time stamp to now.

    Return False if the file cannot be moved, for example to another file system: the caller must then copy it.
    """
    try:
        source.rename(target)
    except OSError:
        return False
    target.chmod(0o600)
    os.utime(target)
    return True


def copy_opened(reader: BinaryIO, target: Path, limit_bytes: int, name: str) -> None:
    """Copy an open file to `target`.

    Raises InputError: file_too_large, document_unreadable; HomeAssistantError: disk_full.
    """
    copied = 0
    with translate_disk_errors(), open_private(target) as writer:
        while True:
            try:
                chunk = reader.read(CHUNK_BYTES)
            except OSError:
                # The file may be on a failing disk or a network share.
                raise InputError("document_unreadable") from None
            if not chunk:
                return
            copied += len(chunk)
            if copied > limit_bytes:
                raise too_large(name, limit_bytes)
            writer.write(chunk)


def _take(source: Path, target: Path) -> None:
    """Link or copy a file, and set its time stamp to now, so that no sweep deletes it as too old. Raises OSError."""
    link_or_copy(source, target)
    os.utime(target)


def write_bytes(target: Path, data: bytes) -> None:
    """Write a new private file. Raises HomeAssistantError: disk_full."""
    with translate_disk_errors(), open_private(target) as writer:
        writer.write(data)


def unlink_all(paths: Iterable[Path]) -> None:
    """Delete files, ignoring errors of the disk; a later sweep deletes the files that remain in the spool. Blocking."""
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as err:
            _LOGGER.debug("%s cannot be deleted: %s", path.name, err)


def link_or_copy(source: Path, target: Path) -> None:
    """Make a hard link, or a copy if the file system does not support links. Blocking. Raises OSError."""
    try:
        target.hardlink_to(source)
    except FileNotFoundError:
        raise
    except OSError:
        with source.open("rb") as reader, open_private(target) as writer:
            shutil.copyfileobj(reader, writer)
