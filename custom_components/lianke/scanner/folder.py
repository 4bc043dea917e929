"""Scans in somebody's folder: each file appears there whole, under a name that is free."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
import os
from pathlib import Path
import shutil
import threading
from typing import Final

from homeassistant.core import HomeAssistant

from ..documents.local_files import allowed_path, check_not_public, media_roots, open_folder
from ..documents.spool import translate_disk_errors
from ..errors import InputError

_COPYING: Final = threading.Lock()
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def find_folder(hass: HomeAssistant, text: str) -> str:
    """Return the folder that a text names: one below a media folder by its name, or an allowed path; blocks.

    One directly in the media folder of this machine is made where there is none yet; not on a share, which may be gone
    and would get it on the disk below. Raises InputError: scan_folder, scan_folder_public.
    """
    first, _, rest = text.partition("/")
    base = hass.config.media_dirs.get(first)
    path = Path(hass.config.path(text)) if base is None else Path(base) / rest
    try:
        _, real = allowed_path(path, media_roots(hass), hass.config.config_dir)
    except InputError, ValueError, OSError:
        raise InputError("scan_folder", folder=text) from None
    check_not_public(real, hass.config.config_dir)
    with suppress(OSError):
        if first == "local" and base is not None and real.parent == Path(base).resolve():
            real.mkdir(exist_ok=True)
        if real.is_dir():
            return str(real)
    raise InputError("scan_folder", folder=text)


async def async_copy(hass: HomeAssistant, paths: list[Path], folder: Path) -> tuple[str, ...]:
    """Copy files into a folder that was found before; return where they lie.

    Raises InputError where they may not lie there by now; OSError, HomeAssistantError: disk_full.
    """
    opened = partial(open_folder, folder, media_roots(hass), hass.config.config_dir)
    copying = hass.async_add_executor_job(copy_all, paths, opened)
    try:
        names = await asyncio.shield(copying)
    except asyncio.CancelledError:
        # That goes on in its thread, and nobody wants it any more.
        with suppress(InputError):
            await hass.async_add_executor_job(_delete_all, await copying, opened)
        raise
    return tuple(str(folder / name) for name in names)


def copy_all(paths: list[Path], opened: Callable[[], int]) -> list[str]:
    """Copy files into the folder that is opened; return their names there.

    It is opened anew, and all is done there, wherever its path may lead by then. Blocks.
    """
    folder = opened()
    try:
        return [_copy(path, folder) for path in paths]
    finally:
        os.close(folder)


def _copy(path: Path, folder: int) -> str:
    # A name is free for one at a time.
    with _COPYING, translate_disk_errors():
        name, number = path.name, 1
        while _is_taken(name, folder):
            number += 1
            name = f"{path.stem} ({number}){path.suffix}"
        # Whoever watches the folder must not meet half a file.
        part = f".{name}.part"
        with suppress(FileNotFoundError):
            # A crash left it.
            os.unlink(part, dir_fd=folder)
        with (
            path.open("rb") as reader,
            os.fdopen(os.open(part, _FLAGS, 0o666, dir_fd=folder), "wb") as writer,
        ):
            shutil.copyfileobj(reader, writer)
        os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
    return name


def _is_taken(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _delete_all(names: list[str], opened: Callable[[], int]) -> None:
    folder = opened()
    try:
        for name in names:
            with suppress(OSError):
                os.unlink(name, dir_fd=folder)
    finally:
        os.close(folder)
