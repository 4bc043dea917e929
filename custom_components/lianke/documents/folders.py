"""Copy files into folders that a user names: each file only once, and never an incomplete file.

The functions that are not async are blocking: run them in the executor.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
import errno
from functools import partial
import os
from pathlib import Path
import shutil
import threading
from typing import Final

from homeassistant.core import HomeAssistant

from ..input_error import InputError
from .local_files import allowed_path, check_not_public, media_roots, open_folder
from .spool import translate_disk_errors

_PIECE: Final = 1024 * 1024
_COPYING: Final = threading.Lock()
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def find_or_create_folder(hass: HomeAssistant, text: str) -> str:
    """Return the real path of a folder, given as a path that begins with a media folder's name, or as another path.

    A folder that is missing directly in the local media folder is created. A folder on a network share is not created:
    if the share is not mounted, the folder would end up on the local disk. Raises InputError: scan_folder,
    scan_folder_public.
    """
    first, _, rest = text.partition("/")
    base = hass.config.media_dirs.get(first)
    path = Path(hass.config.path(text)) if base is None else Path(base) / rest
    try:
        _, real = allowed_path(path, media_roots(hass), hass.config.config_dir)
    except InputError, ValueError, OSError:
        raise InputError("scan_folder", folder=text) from None
    check_not_public(hass, real)
    with suppress(OSError):
        if first == "local" and base is not None and real.parent == Path(base).resolve():
            real.mkdir(exist_ok=True)
        if real.is_dir():
            return str(real)
    raise InputError("scan_folder", folder=text)


@contextmanager
def _opened(hass: HomeAssistant, folder: Path) -> Iterator[int]:
    """Open a folder and yield its descriptor, which stays valid for this folder even if the folder's path changes.

    Raises the same errors as `open_folder`.
    """
    descriptor = open_folder(hass, folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def free_names(hass: HomeAssistant, paths: Sequence[Path], folder: Path) -> tuple[str, ...]:
    """Return an unused path in the folder for each file; a name that is taken gets a number.

    Raises the same errors as `_opened`.
    """
    names: list[str] = []
    with _opened(hass, folder) as opened:
        for path in paths:
            name, number = path.name, 1
            while name in names or _is_taken(name, opened):
                number += 1
                name = f"{path.stem} ({number}){path.suffix}"
            names.append(name)
    return tuple(str(folder / name) for name in names)


async def async_copy_into_folder(
    hass: HomeAssistant, paths: Sequence[Path], targets: Sequence[str], *, again: bool
) -> bool:
    """Run `copy_all` in the executor and return its result; even a canceled caller waits until the thread has ended."""
    copying = hass.async_add_executor_job(
        partial(copy_all, again=again), hass, paths, [*map(Path, targets)]
    )
    try:
        return await asyncio.shield(copying)
    finally:
        await asyncio.wait([copying])


def copy_all(
    hass: HomeAssistant, paths: Sequence[Path], targets: Sequence[Path], *, again: bool = False
) -> bool:
    """Copy files to the targets, which are all in one folder; return False if a target exists already.

    The files before that target have then been copied. With `again`, a target with the same content as its file counts
    as copied by an earlier try. Raises the same errors as `_opened`; HomeAssistantError: disk_full.
    """
    with _opened(hass, targets[0].parent) as folder:
        return all(
            _copy(path, target.name, folder, again=again)
            for path, target in zip(paths, targets, strict=True)
        )


def delete_copies(hass: HomeAssistant, paths: Sequence[Path], targets: Sequence[str]) -> None:
    """Delete those targets that are still copies of their files; all targets are in one folder."""
    with suppress(InputError), _opened(hass, Path(targets[0]).parent) as folder:
        for path, target in zip(paths, targets, strict=True):
            name = Path(target).name
            with suppress(OSError):
                if _is_same(path, name, folder):
                    os.unlink(name, dir_fd=folder)


def _copy(path: Path, name: str, folder: int, *, again: bool) -> bool:
    # Only one thread copies at a time: otherwise, two threads might both find the same name unused.
    with _COPYING, translate_disk_errors(), _translate_refusals(name):
        if _is_taken(name, folder):
            return again and _is_same(path, name, folder)
        # A program that watches the folder must not find half a file.
        part = f".{name}.part"
        with suppress(FileNotFoundError):
            # A crash may have left this file.
            os.unlink(part, dir_fd=folder)
        with (
            path.open("rb") as reader,
            os.fdopen(os.open(part, _FLAGS, 0o666, dir_fd=folder), "wb") as writer,
        ):
            shutil.copyfileobj(reader, writer)
            writer.flush()
            os.fsync(writer.fileno())
        os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
    return True


@contextmanager
def _translate_refusals(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        if err.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise InputError("file_not_allowed", name=name) from None
        raise


def _is_taken(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _is_same(path: Path, name: str, folder: int) -> bool:
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return False
    with os.fdopen(descriptor, "rb") as there, path.open("rb") as here:
        if os.fstat(there.fileno()).st_size != os.fstat(here.fileno()).st_size:
            return False
        while piece := here.read(_PIECE):
            if there.read(_PIECE) != piece:
                return False
    return True
