"""Files made to crash, hang or eat memory end the PDF process or its task, never anything else."""

import asyncio
from pathlib import Path
import resource
from typing import Any

from PIL import Image
import pytest

from custom_components.lianke.documents.pdf import LAID_OUT_MB
from custom_components.lianke.documents.pdf_client import PdfError, PdfWorker
from custom_components.lianke.pdf.process import MEMORY
from tests.documents import hostile_pdfs
from tests.documents.pdf_samples import stamped
from tests.pdf.sheets import REQUEST, draw_request
from tests.simulator import make_pdf

MB = 2**20
# Python, PDFium and qpdf take 50 MB before they do anything.
SMALL_MEMORY = 200 * MB


def wide_picture(path: Path) -> Path:
    """Write a PNG of some kB with two hundred million pixels."""
    Image.new("1", (20_000, 10_000)).save(path, "PNG")
    return path


def layout_request(path: Path, pages: int = 1, **changes: Any) -> dict[str, Any]:
    file = {"path": str(path), "is_pdf": path.suffix == ".pdf", "pages": [*range(pages)]}
    return {
        **REQUEST,
        "limit": 2**30,
        "files": [file],
        "target": str(path.with_name("made")),
    } | changes


def size(path: Path) -> int:
    return path.stat().st_size


def peak(worker: PdfWorker) -> int:
    """Return the most memory that the process has had, in bytes."""
    status = Path(f"/proc/{worker.process_id}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def handles(worker: PdfWorker) -> int:
    """Count the files that the process has open."""
    return len([*Path(f"/proc/{worker.process_id}/fd").iterdir()])


async def outcome(worker: PdfWorker, task: str, path: Path, seconds: float) -> str | None:
    """Return the reason for which a task fails, None if it does not."""
    requests = {
        "count": {"path": str(path)},
        "draw": draw_request(path, path.with_name("made")),
        "lay_out": layout_request(path),
    }
    try:
        await worker.async_run_pdf_task(task, requests[task], user="bad", seconds=seconds)
    except PdfError as err:
        return err.reason
    return None


@pytest.mark.parametrize(
    ("task", "make", "reasons"),
    [
        # It is read line by line, if there is time.
        ("draw", hostile_pdfs.huge_picture, {"time", None}),
        # On a busy machine the time is over before the memory.
        ("draw", hostile_pdfs.huge_content, {"memory", "time"}),
        ("draw", hostile_pdfs.endless_drawing, {"time", "memory"}),
        ("draw", wide_picture, {"image_too_large"}),
        # Pages go to a sheet as they are packed.
        ("lay_out", hostile_pdfs.huge_picture, {None}),
        ("lay_out", hostile_pdfs.huge_content, {None}),
        ("lay_out", hostile_pdfs.endless_drawing, {None}),
        ("lay_out", wide_picture, {"image_too_large"}),
        # Every file is counted first.
        *(
            (task, make, reasons)
            for make, reasons, *tasks in (
                (hostile_pdfs.many_pages, {None, "time"}, "count", "lay_out"),
                (hostile_pdfs.deep_tree, {None, "damaged", "memory", "time"}, "count", "lay_out"),
                (hostile_pdfs.tree_in_a_circle, {None, "damaged"}, "count", "lay_out"),
                (hostile_pdfs.long_chain, {None, "memory", "time"}, "count", "draw", "lay_out"),
                (hostile_pdfs.deep_brackets, {None, "damaged"}, "count", "draw", "lay_out"),
                (hostile_pdfs.huge_object_stream, {"damaged", "memory", "time"}, "count"),
            )
            for task in tasks
        ),
    ],
)
async def test_hostile_files_end_within_the_limits(
    tmp_path: Path, worker: PdfWorker, make: Any, reasons: set[str | None], task: str
) -> None:
    """While one is at work, the tasks of others wait for no longer than it may take."""
    path = make(tmp_path / ("x.png" if make is wide_picture else "x.pdf"))
    assert size(path) < 12_000_000
    good = tmp_path / "good.pdf"
    good.write_bytes(make_pdf(2))
    # What takes less than a second of a processor takes many where neighbors work, and still has to end.
    seconds = 60 if "time" not in reasons else 8 if task == "count" else 4
    bad = asyncio.create_task(outcome(worker, task, path, seconds))
    await asyncio.sleep(0)
    others = [asyncio.create_task(worker.async_count(good, user=f"{n}")) for n in range(10)]
    reason, *counts = await asyncio.gather(bad, *others)
    assert reason in reasons
    assert counts == [2] * 10
    assert peak(worker) < MEMORY


@pytest.mark.long
async def test_five_hundred_pages_take_little_memory(tmp_path: Path, worker: PdfWorker) -> None:
    """25 MB together: more than is held at a time."""
    path = hostile_pdfs.pictures(tmp_path / "x.pdf", 500, 50_000)
    request = layout_request(path, 500, sheet="4_up", frame=True, numbers=True)
    answer = await worker.async_run_pdf_task("lay_out", request, seconds=60)
    assert answer["pages"] == 125
    made = Path(request["target"])
    assert await worker.async_count(made) == 125
    assert size(made) < 1.2 * size(path)
    assert peak(worker) < SMALL_MEMORY


async def test_twenty_documents_with_seals_are_open_together(
    tmp_path: Path, worker: PdfWorker
) -> None:
    """Each is flattened into a temporary file; every other one is repaired into another before."""
    files = []
    for number in range(20):
        path = tmp_path / f"{number}.pdf"
        path.write_bytes(stamped()() if number % 2 else stamped()().replace(b"\nxref", b"\nxxxx"))
        files.append({"path": str(path), "is_pdf": True, "pages": [0]})
    await worker.async_count(path)
    assert worker.process_id is not None
    before = handles(worker)
    # Far fewer than the process has.
    limit = (before + 45, before + 45)
    resource.prlimit(worker.process_id, resource.RLIMIT_NOFILE, limit)
    request = layout_request(path, files=files, sheet="4_up", watermark="PAID", numbers=True)
    assert (await worker.async_run_pdf_task("lay_out", request))["pages"] == 5
    assert peak(worker) < SMALL_MEMORY
    # Where coverage is measured, the process saves it after each answer, which takes a file for a moment.
    async with asyncio.timeout(10):
        while handles(worker) > before:
            await asyncio.sleep(0.01)


@pytest.mark.long
@pytest.mark.parametrize(("mb", "reason"), [(LAID_OUT_MB, None), (2 * LAID_OUT_MB, "memory")])
async def test_as_much_is_laid_out_as_the_refusal_says(
    tmp_path: Path, worker: PdfWorker, mb: int, reason: str | None
) -> None:
    """All of it in one picture, which takes most memory. It was called damaged when it took too much."""
    path = hostile_pdfs.pictures(tmp_path / "x.pdf", 1, mb * MB)
    assert await outcome(worker, "lay_out", path, 50) == reason


@pytest.mark.parametrize("mode", ["RGBA", "CMYK"])
@pytest.mark.long
async def test_the_largest_pictures_fit(tmp_path: Path, worker: PdfWorker, mode: str) -> None:
    """What may be read can be: 30 million pixels, in the kinds that take most memory."""
    path = tmp_path / "x.tif"
    Image.new(mode, (6000, 4990), None).save(path, "TIFF", compression="tiff_lzw")
    await worker.async_run_pdf_task("draw", draw_request(path, tmp_path / "drawn"), seconds=60)
    await worker.async_run_pdf_task("lay_out", layout_request(path), seconds=60)
    assert peak(worker) < MEMORY
