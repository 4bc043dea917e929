"""The files of scans: in a folder of their own each, drawn by the PDF process, and copied to somebody's folder.

What is not asynchronous blocks.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from functools import partial
import logging
import os
from pathlib import Path
import shutil
import threading
from typing import Any, Final

from homeassistant.core import HomeAssistant

from ..const import DOMAIN
from ..documents.conversion import file_name
from ..documents.document import FileType
from ..documents.local_files import allowed_path, check_not_public, media_roots, open_folder
from ..documents.pdf_client import PdfError, async_get_pdf_worker
from ..documents.spool import sync_path, translate_disk_errors, unlink_all
from ..errors import InputError
from ..jobs.files import DAMAGED_PREFIX
from ..jobs.migration import MAX_DAMAGED
from ..ledger import Ledger, Table, View
from .job import ScanJob
from .scan import MAX_SCAN_BYTES

_LOGGER = logging.getLogger(__name__)

JOIN_SECONDS: Final = 60.0
"""for a PDF of all pages, or for a page, in the PDF process."""
RECORD_NAME: Final = "scan.json"
"""of 0.3.0, in a scan's folder."""
MAX_RECORD_BYTES: Final = 256 * 1024
_PIECE: Final = 1024 * 1024
_COPYING: Final = threading.Lock()
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def scans_path(hass: HomeAssistant, entry_id: str) -> Path:
    """Return the folder of a box's scans, which is in no backup."""
    return Path(hass.config.cache_path(DOMAIN, f"scans-{entry_id}"))


async def async_draw_page(
    hass: HomeAssistant, path: Path, target: Path, *, user: str | None, **how: Any
) -> None:
    """Make a JPEG of a scanned page, as the PDF process' `scan_page` does with these fields. Raises PdfError."""
    is_pdf = path.suffix == FileType.PDF
    request = {"path": str(path), "target": str(target), "is_pdf": is_pdf, "color": "color", **how}
    worker = async_get_pdf_worker(hass)
    await worker.async_run("scan_page", request, user=user, seconds=JOIN_SECONDS)


async def async_make_files(
    hass: HomeAssistant,
    pages: Sequence[Path],
    stem: str,
    *,
    as_pdf: bool,
    mono: bool,
    user: str | None,
) -> tuple[str, ...]:
    """Return the names of the files that pages become beside them: one PDF where it can be made, else as they came."""
    folder = pages[0].parent
    if as_pdf and all(page.suffix != FileType.PDF for page in pages):
        name = file_name(stem, FileType.PDF)
        part = folder / f"{name}.part"
        # They are here already; whether they may be printed is asked when they are.
        request = {"paths": [*map(str, pages)], "target": str(part), "limit": MAX_SCAN_BYTES}
        worker = async_get_pdf_worker(hass)
        await hass.async_add_executor_job(unlink_all, [part])
        try:
            await worker.async_run(
                "join_scans", {**request, "mono": mono}, user=user, seconds=JOIN_SECONDS
            )
            await hass.async_add_executor_job(part.rename, folder / name)
        except PdfError as err:
            _LOGGER.warning("The pages of a scan stay files of their own: %s", err.reason)
        else:
            return (name,)

    def name_all() -> tuple[str, ...]:
        names = []
        for number, page in enumerate(pages, start=1):
            ending = f" {number}" if len(pages) > 1 else ""
            names.append(file_name(stem, FileType(page.suffix), ending))
            if names[-1] != page.name:
                with translate_disk_errors():
                    shutil.copyfile(page, folder / names[-1])
        return tuple(names)

    return await hass.async_add_executor_job(name_all)


def flush(folder: Path, names: Iterable[str]) -> None:
    """Flush files of a scan to disk, before the row that names them. Raises HomeAssistantError: disk_full."""
    with translate_disk_errors():
        for path in (*(folder / name for name in names), folder):
            sync_path(path)


def remove_all(folders: Iterable[Path]) -> None:
    """Delete the folders of scans."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def remove_orphans(root: Path, known: Collection[str], aside: Path | None) -> None:
    """Delete the folders of scans without a row; after damage they go where the ledger was set aside."""
    orphans = [
        folder
        for folder in (root.iterdir() if root.is_dir() else ())
        if folder.name not in known and not folder.name.startswith(DAMAGED_PREFIX)
    ]
    if aside is None:
        remove_all(orphans)
        return
    for folder in orphans:
        target = aside / root.name / folder.name
        with suppress(OSError):
            target.parent.mkdir(mode=0o700, exist_ok=True)
            folder.rename(target)


def keep_only(folder: Path, names: list[str]) -> None:
    """Delete the other files of a scan as far as the disk lets them go."""
    with suppress(FileNotFoundError):
        unlink_all(path for path in folder.iterdir() if path.name not in names)


def sizes_of(root: Path, names: Iterable[str]) -> dict[str, int]:
    """Return the bytes of each of these scans in a folder in which others may be at work."""
    sizes = dict.fromkeys(names, 0)
    for name in sizes:
        with suppress(FileNotFoundError):
            for path in (root / name).iterdir():
                with suppress(FileNotFoundError):
                    sizes[name] += path.stat().st_size
    return sizes


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


async def async_free_names(
    hass: HomeAssistant, paths: Sequence[Path], folder: Path
) -> tuple[str, ...]:
    """Return paths below a folder that was found before, under which nothing lies: one for each of some files.

    Raises InputError where nothing of ours may lie there by now.
    """
    opened = partial(open_folder, folder, media_roots(hass), hass.config.config_dir)
    names = await hass.async_add_executor_job(_free_names, paths, opened)
    return tuple(str(folder / name) for name in names)


def _free_names(paths: Sequence[Path], opened: Callable[[], int]) -> list[str]:
    folder = opened()
    try:
        names: list[str] = []
        for path in paths:
            name, number = path.name, 1
            while name in names or _is_taken(name, folder):
                number += 1
                name = f"{path.stem} ({number}){path.suffix}"
            names.append(name)
        return names
    finally:
        os.close(folder)


async def async_copy(
    hass: HomeAssistant, paths: Sequence[Path], targets: Sequence[Path], *, again: bool
) -> bool:
    """Copy files to these paths of one folder; return False where another file lies at one of them.

    With `again` an earlier try may have put one there, which stays. Raises InputError where nothing of ours may lie
    there by now; HomeAssistantError: disk_full.
    """
    opened = partial(open_folder, targets[0].parent, media_roots(hass), hass.config.config_dir)
    names = [target.name for target in targets]
    copying = hass.async_add_executor_job(partial(copy_all, again=again), paths, names, opened)
    try:
        return await asyncio.shield(copying)
    finally:
        # Also who is canceled knows what became of it in its thread.
        await asyncio.wait([copying])


def copy_all(
    paths: Sequence[Path], names: Sequence[str], opened: Callable[[], int], *, again: bool = False
) -> bool:
    """Copy files into the folder that is opened, under these names, unless they are taken. Blocks.

    It is opened anew, and all is done there, wherever its path may lead by then.
    """
    folder = opened()
    try:
        return all(
            _copy(path, name, folder, again=again) for path, name in zip(paths, names, strict=True)
        )
    finally:
        os.close(folder)


def _copy(path: Path, name: str, folder: int, *, again: bool) -> bool:
    # A name is free for one at a time.
    with _COPYING, translate_disk_errors():
        if _is_taken(name, folder):
            return again and _is_same(path, name, folder)
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
            writer.flush()
            os.fsync(writer.fileno())
        os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
    return True


def _is_taken(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _is_same(path: Path, name: str, folder: int) -> bool:
    """Return whether a file is a copy of another."""
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


async def async_delete_copies(
    hass: HomeAssistant, paths: Sequence[Path], targets: Sequence[Path]
) -> None:
    """Delete what lies at these paths of one folder, where it is a copy of these files."""

    def delete() -> None:
        with suppress(InputError):
            folder = open_folder(targets[0].parent, media_roots(hass), hass.config.config_dir)
            try:
                for path, target in zip(paths, targets, strict=True):
                    with suppress(OSError):
                        if _is_same(path, target.name, folder):
                            os.unlink(target.name, dir_fd=folder)
            finally:
                os.close(folder)

    await hass.async_add_executor_job(delete)


async def async_take_in_scans(
    hass: HomeAssistant, ledger: Ledger, table: Table[ScanJob], root: Path
) -> None:
    """Take the scans of a box, whose files stay below `root`, into its table. Raises OSError."""
    found, left = await hass.async_add_executor_job(_find, root, table)
    new = [job for job in found if job.job_id not in ledger.latest(table)]

    def take_in(view: View) -> None:
        for job in new:
            view.put(table, job.job_id, job)

    if new:
        await asyncio.shield(ledger.commit(take_in))
    await hass.async_add_executor_job(_delete_all, left)


def _find(root: Path, table: Table[ScanJob]) -> tuple[list[ScanJob], list[Path]]:
    found, left = [], []
    for record in sorted(root.glob(f"*/{RECORD_NAME}")):
        folder = record.parent
        if folder.name.startswith(DAMAGED_PREFIX):
            continue
        try:
            if record.stat().st_size > MAX_RECORD_BYTES:
                raise ValueError("too large")
            job = table.kind.read(record.read_text("utf-8"))
            if job.job_id != folder.name:
                raise ValueError("of another folder")
        except (OSError, ValueError, RecursionError) as err:
            _LOGGER.warning("A scan cannot be read and is set aside: %s", type(err).__name__)
            # Its pages may be all that there is of a paper.
            folder.rename(folder.with_name(f"{DAMAGED_PREFIX}{folder.name}"))
        else:
            found.append(job)
            left.append(record)
    for folder in sorted(root.glob(f"{DAMAGED_PREFIX}*"))[:-MAX_DAMAGED]:
        shutil.rmtree(folder, ignore_errors=True)
    return found, left


def _delete_all(paths: list[Path]) -> None:
    """Delete what was taken in. Raises OSError: once its row is forgotten, it would be taken in, and copied, again."""
    for path in paths:
        path.unlink(missing_ok=True)
