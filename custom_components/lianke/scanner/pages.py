"""The files of scans: in a folder of their own each, drawn by the PDF process. What is not asynchronous blocks."""

from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
import shutil
from typing import Any, Final

from homeassistant.core import HomeAssistant

from ..documents.kinds import FileType
from ..documents.pdf_client import async_get_pdf_worker
from ..documents.spool import translate_disk_errors, unlink_all
from ..jobs.files import DAMAGED_PREFIX

JOIN_SECONDS: Final = 60.0
"""for a PDF of all pages, or for a page, in the PDF process."""


async def async_draw_page(
    hass: HomeAssistant, path: Path, target: Path, *, user: str | None, **how: Any
) -> None:
    """Make a JPEG of a scanned page, as the PDF process' `scan_page` does with these fields. Raises PdfError."""
    is_pdf = path.suffix == FileType.PDF
    request = {"path": str(path), "target": str(target), "is_pdf": is_pdf, "color": "color", **how}
    worker = async_get_pdf_worker(hass)
    await worker.async_run("scan_page", request, user=user, seconds=JOIN_SECONDS)


def make_folder(folder: Path) -> None:
    """Make the folder of a scan. Raises HomeAssistantError: disk_full."""
    with translate_disk_errors():
        # The mode is that of the last folder alone.
        for made in (folder.parent, folder):
            made.mkdir(mode=0o700, parents=True, exist_ok=True)


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
