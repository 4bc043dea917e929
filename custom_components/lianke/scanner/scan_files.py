"""The files of scans, in one folder for each scan; the PDF process draws and joins the pages.

The functions that are not async are blocking: run them in the executor.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
import logging
from pathlib import Path
import shutil
from typing import Any, Final

from homeassistant.core import HomeAssistant

from ..const import DOMAIN
from ..documents.conversion import async_make_document, document_file_name
from ..documents.document import Document, FileType
from ..documents.pdf_client import PdfError, async_get_pdf_worker
from ..documents.sources import DocumentRequest, async_open_document
from ..documents.spool import copy_opened, flush_to_disk, translate_disk_errors, unlink_all
from ..jobs.files import DAMAGED_PREFIX
from ..jobs.migration import MAX_DAMAGED
from ..ledger import Ledger, Table, View
from ..printing.builder import MakeDocument
from .scan_job import ScanJob
from .scan_parts import MAX_SCAN_BYTES, ScannedFile
from .scanner_abilities import sizes_in_mm

_LOGGER = logging.getLogger(__name__)

# Maximum seconds in which the PDF process must draw a page, or join all pages in a PDF.
JOIN_SECONDS: Final = 60.0
# The file in a scan's folder in which version 0.3.0 stored the scan.
SCAN_RECORD_NAME: Final = "scan.json"
# Maximum bytes of the file in which version 0.3.0 stored a scan; a larger file is set aside as damaged.
MAX_SCAN_RECORD_BYTES: Final = 256 * 1024


def scans_path(hass: HomeAssistant, entry_id: str) -> Path:
    """Return the folder of an entry's scans. The folder is in Home Assistant's cache, which backups leave out."""
    return Path(hass.config.cache_path(DOMAIN, f"scans-{entry_id}"))


async def async_draw_page(
    hass: HomeAssistant,
    path: Path,
    target: Path,
    *,
    user: str | None,
    seconds: float | None = None,
    **how: Any,
) -> None:
    """Draw a scanned page as a JPEG at `target`; `how` are further fields of the task `scan_page`. Raises PdfError."""
    is_pdf = path.suffix == FileType.PDF
    request = {"path": str(path), "target": str(target), "is_pdf": is_pdf, "color": "color", **how}
    seconds = JOIN_SECONDS if seconds is None else seconds
    await async_get_pdf_worker(hass).async_run_pdf_task(
        "scan_page", request, user=user, seconds=seconds
    )


async def async_is_blank(hass: HomeAssistant, job: ScanJob, file: ScannedFile) -> bool:
    """Return whether to leave out a file: it is certainly a blank page, and the scan leaves out blank pages."""
    if not job.request.skip_blank or file.pages > 1:
        return False
    path, is_pdf = str(file.path), file.extension == FileType.PDF
    sizes = sizes_in_mm(job.request.size)
    request = {"path": path, "target": path, "is_pdf": is_pdf, "sizes": sizes}
    worker, user = async_get_pdf_worker(hass), job.asker.user_id
    with suppress(PdfError):
        answer = await worker.async_run_pdf_task(
            "is_blank", request, user=user, seconds=JOIN_SECONDS
        )
        return bool(answer["blank"])
    return False


async def async_join_pages(
    hass: HomeAssistant,
    pages: Iterable[Path],
    target: Path,
    *,
    mono: bool,
    limit: int,
    user: str | None,
    size: str | None = None,
    seconds: float | None = None,
) -> None:
    """Join pages into a PDF of at most `limit` bytes at `target`; `size` is the scan's paper size. Raises PdfError."""
    paths = [*map(str, pages)]
    request = {"paths": paths, "target": str(target), "limit": limit, "mono": mono}
    request["sizes"] = sizes_in_mm(size)
    seconds = JOIN_SECONDS if seconds is None else seconds
    await async_get_pdf_worker(hass).async_run_pdf_task(
        "join_scans", request, user=user, seconds=seconds
    )


async def async_make_files(
    hass: HomeAssistant,
    pages: Sequence[Path],
    stem: str,
    *,
    as_pdf: bool,
    mono: bool,
    size: str | None,
    user: str | None,
) -> tuple[str, ...]:
    """Make the files to keep, in the folder of the pages, and return the names of these files.

    With `as_pdf`, all pages become one PDF if possible; otherwise each page becomes a file.
    """
    folder = pages[0].parent
    if as_pdf and all(page.suffix != FileType.PDF for page in pages):
        name = document_file_name(stem, FileType.PDF)
        part = folder / f"{name}.part"
        await hass.async_add_executor_job(unlink_all, [part])
        try:
            # The limit for documents does not apply, since the pages are already on this disk. Printing checks that
            # limit.
            await async_join_pages(
                hass, pages, part, mono=mono, limit=MAX_SCAN_BYTES, size=size, user=user
            )
            await hass.async_add_executor_job(part.rename, folder / name)
        except PdfError as err:
            _LOGGER.warning("The pages of a scan stay files of their own: %s", err.reason)
        else:
            return (name,)

    names: list[str] = []
    for number, page in enumerate(pages, start=1):
        ending = f" {number}" if len(pages) > 1 else ""
        names.append(document_file_name(stem, FileType(page.suffix), ending))
        if names[-1] != page.name:
            await _async_copy(hass, page, folder / names[-1], size, user)
    return tuple(names)


async def _async_copy(
    hass: HomeAssistant, page: Path, target: Path, size: str | None, user: str | None
) -> None:
    """Copy a page, and if possible store a picture's true size in the copy. Raises HomeAssistantError: disk_full."""
    run = hass.async_add_executor_job
    # A crash may have left an incomplete file with this name.
    await run(unlink_all, [target])
    request = {"path": str(page), "target": str(target), "sizes": sizes_in_mm(size)}
    try:
        await async_get_pdf_worker(hass).async_run_pdf_task("mark_scan", request, user=user)
    except PdfError:
        with translate_disk_errors():
            await run(shutil.copyfile, page, target)


def as_document(hass: HomeAssistant, path: Path) -> MakeDocument:

    async def make(request: DocumentRequest) -> Document:
        target = await request.spool.async_new_path(".part")

        def copy() -> None:
            with path.open("rb") as reader:
                copy_opened(reader, target, request.limit_bytes, path.name)

        document = await async_make_document(hass, target, copy, path.name, user=request.user)
        return await async_open_document(
            hass,
            request.spool,
            document,
            password=None,
            limit_bytes=request.limit_bytes,
            user=request.user,
        )

    return make


def flush(folder: Path, names: Iterable[str]) -> None:
    """Flush a scan's files to disk; call this before the ledger names these files.

    Raises HomeAssistantError: disk_full.
    """
    with translate_disk_errors():
        for path in (*(folder / name for name in names), folder):
            flush_to_disk(path)


def move(source: Path, target: Path) -> None:
    """Move a file. Raises HomeAssistantError: disk_full."""
    with translate_disk_errors():
        shutil.move(source, target)


def remove_all(folders: Iterable[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def remove_orphans(root: Path, known: Collection[str], aside: Path | None) -> None:
    """Delete the folders of scans that have no row in the ledger.

    If the ledger was damaged, move the folders to `aside` instead, which already holds that ledger.
    """
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
    """Delete all files in a scan's folder except `names`. A file that cannot be deleted stays."""
    with suppress(FileNotFoundError):
        unlink_all(path for path in folder.iterdir() if path.name not in names)


def sizes_of(root: Path, names: Iterable[str]) -> dict[str, int]:
    """Return the total bytes of each scan's files by scan id. Files may be deleted while this runs."""
    sizes = dict.fromkeys(names, 0)
    for name in sizes:
        with suppress(FileNotFoundError):
            for path in (root / name).iterdir():
                with suppress(FileNotFoundError):
                    sizes[name] += path.stat().st_size
    return sizes


async def async_migrate_scan_records(
    hass: HomeAssistant, ledger: Ledger, table: Table[ScanJob], root: Path
) -> None:
    """Move a box's scans that version 0.3.0 stored as records into the table; their pages stay below `root`.

    Raises OSError.
    """
    found, records = await hass.async_add_executor_job(_find_records, root, table)
    new = [job for job in found if job.job_id not in ledger.latest(table)]

    def put_scans(view: View) -> None:
        for job in new:
            view.put(table, job.job_id, job)

    if new:
        await asyncio.shield(ledger.commit(put_scans))
    await hass.async_add_executor_job(_delete_records, records)


def _find_records(root: Path, table: Table[ScanJob]) -> tuple[list[ScanJob], list[Path]]:
    found, records = [], []
    for record in sorted(root.glob(f"*/{SCAN_RECORD_NAME}")):
        folder = record.parent
        if folder.name.startswith(DAMAGED_PREFIX):
            continue
        try:
            if record.stat().st_size > MAX_SCAN_RECORD_BYTES:
                raise ValueError("too large")
            job = table.kind.read(record.read_text("utf-8"))
            if job.job_id != folder.name:
                raise ValueError("of another folder")
        except (OSError, ValueError, RecursionError) as err:
            _LOGGER.warning("A scan cannot be read and is set aside: %s", type(err).__name__)
            # Keep the folder: its pages may be the only copy of a paper that is gone.
            folder.rename(folder.with_name(f"{DAMAGED_PREFIX}{folder.name}"))
        else:
            found.append(job)
            records.append(record)
    for folder in sorted(root.glob(f"{DAMAGED_PREFIX}*"))[:-MAX_DAMAGED]:
        shutil.rmtree(folder, ignore_errors=True)
    return found, records


def _delete_records(records: list[Path]) -> None:
    """Delete record files.

    Raises OSError if a file stays, because its scan would come back after its row in the ledger has been deleted.
    """
    for path in records:
        path.unlink(missing_ok=True)
