"""Files made to crash, hang or eat memory end the PDF process or its task, never anything else."""

import asyncio
from pathlib import Path
import random
from typing import Any
import zlib

from homeassistant.core import HomeAssistant
from PIL import Image
import pytest

from custom_components.lianke.documents.pdf_client import PdfError, PdfWorker, async_get_pdf_worker
from custom_components.lianke.pdf.process import MEMORY
from tests.pdf.sheets import REQUEST
from tests.simulator import make_pdf

# Bytes; PDFium and Python take 50 MB before they do anything.
MEMORY_OF_500_PAGES = 200 * 2**20


def write_pdf(path: Path, *objects: bytes) -> Path:
    """Write a PDF of objects, the first of which is the catalogue."""
    data = b"".join(
        f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
        for number, content in enumerate(objects, start=1)
    )
    path.write_bytes(b"%PDF-1.5\n" + data + b"trailer\n<< /Root 1 0 R >>\nstartxref\n0\n%%EOF\n")
    return path


def stream(entries: str, data: bytes) -> bytes:
    return f"<< {entries} /Length {len(data)} >>\nstream\n".encode() + data + b"\nendstream"


def deflated(size: int) -> bytes:
    """Return a little that becomes so many zeros."""
    packer = zlib.compressobj(1)
    zeros = bytes(2**20)
    return b"".join(packer.compress(zeros) for _ in range(size // 2**20)) + packer.flush()


PAGE = (
    b"<< /Type /Catalog /Pages 2 0 R >>",
    b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
    (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Resources << /XObject << /X 5 0 R >> >> >>"
    ),
)


def huge_picture(path: Path) -> Path:
    """Write a PDF of some kB with a picture of half a gigabyte."""
    entries = (
        "/Type /XObject /Subtype /Image /Width 14000 /Height 12000 /ColorSpace /DeviceRGB "
        "/BitsPerComponent 8 /Filter /FlateDecode"
    )
    content = stream("", b"q 595 0 0 842 0 0 cm /X Do Q")
    return write_pdf(path, *PAGE, content, stream(entries, deflated(14000 * 12000 * 3)))


def huge_content(path: Path) -> Path:
    """Write a PDF whose page is more than half a gigabyte of text when it is read."""
    return write_pdf(path, *PAGE, stream("/Filter /FlateDecode", deflated(600 * 2**20)), b"<< >>")


def endless_drawing(path: Path) -> Path:
    """Write a PDF with forms that each draw the next one ten times."""
    form = "/Type /XObject /Subtype /Form /BBox [0 0 595 842]"
    forms = [
        stream(f"{form} /Resources << /XObject << /X {number + 1} 0 R >> >>", b"/X Do\n" * 10)
        for number in range(5, 14)
    ]
    last = stream(form, b"0 0 595 842 re f\n" * 100)
    return write_pdf(path, *PAGE, stream("", b"/X Do"), *forms, last)


def wide_picture(path: Path) -> Path:
    """Write a PNG of some kB with two hundred million pixels."""
    image = Image.new("1", (20_000, 10_000))
    image.save(path, "PNG")
    return path


def draw_request(path: Path, target: Path) -> dict[str, Any]:
    return {
        "path": str(path),
        "is_pdf": path.suffix == ".pdf",
        "page": 0,
        "target": str(target),
        "paper": (210, 297),
        "scale": "fit",
        "align": 5,
        "rotate": True,
        "mono": False,
    }


def layout_request(path: Path, target: Path, pages: int = 1, **changes: Any) -> dict[str, Any]:
    file = {"path": str(path), "is_pdf": path.suffix == ".pdf", "pages": list(range(pages))}
    return {**REQUEST, "files": [file], "target": str(target), **changes}


def peak(worker: PdfWorker) -> int:
    """Return the most memory that the process has had, in bytes."""
    status = Path(f"/proc/{worker.process_id}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


@pytest.fixture
def worker(hass: HomeAssistant) -> PdfWorker:
    return async_get_pdf_worker(hass)


@pytest.mark.parametrize(
    ("task", "make", "reasons"),
    [
        # It is read line by line, if there is time.
        ("draw", huge_picture, {"time", None}),
        # On a busy machine the time is over before the memory.
        ("draw", huge_content, {"memory", "time"}),
        ("draw", endless_drawing, {"time", "memory"}),
        ("draw", wide_picture, {"image_too_large"}),
        # Pages go to a sheet as they are packed.
        ("lay_out", huge_picture, {None}),
        ("lay_out", huge_content, {None}),
        ("lay_out", endless_drawing, {None}),
        ("lay_out", wide_picture, {"image_too_large"}),
    ],
)
async def test_hostile_files_end_within_the_limits(
    tmp_path: Path, worker: PdfWorker, make: Any, reasons: set[str | None], task: str
) -> None:
    """While one is at work, the tasks of others wait for no longer than it may take."""
    path = make(tmp_path / ("x.png" if make is wide_picture else "x.pdf"))
    assert path.stat().st_size < 5_000_000
    good = tmp_path / "good.pdf"
    good.write_bytes(make_pdf(2))
    request = (draw_request if task == "draw" else layout_request)(path, tmp_path / "made")
    reason: str | None = None
    bad = asyncio.create_task(worker.async_run(task, request, user="bad", seconds=3))
    await asyncio.sleep(0)
    others = [asyncio.create_task(worker.async_count(good, user=f"{n}")) for n in range(10)]
    try:
        await bad
    except PdfError as err:
        reason = err.reason
    assert await asyncio.gather(*others) == [2] * 10
    assert peak(worker) < MEMORY
    assert reason in reasons


def chain(length: int, entry: str) -> list[bytes]:
    """Return objects, from number 4 on, each of which names the next one."""
    return [f"<< {entry} {number + 1} 0 R >>".encode() for number in range(4, 4 + length)]


def many_pages(path: Path) -> Path:
    """Write a PDF of a hundred thousand pages that are nearly nothing."""
    kids = " ".join(f"{number} 0 R" for number in range(3, 100_003))
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Resources << >> >>"
    tree = f"<< /Type /Pages /Count 100000 /Kids [{kids}] >>".encode()
    return write_pdf(path, PAGE[0], tree, *[page] * 100_000)


def deep_tree(path: Path) -> Path:
    """Write a PDF whose page is below a hundred thousand branches."""
    branches = [
        f"<< /Type /Pages /Parent {number - 1} 0 R /Count 1 /Kids [{number + 1} 0 R] >>".encode()
        for number in range(2, 100_002)
    ]
    return write_pdf(path, PAGE[0], *branches, b"<< /Type /Page /MediaBox [0 0 9 9] >>")


def tree_in_a_circle(path: Path) -> Path:
    """Write a PDF with a page and a branch that is its own."""
    tree = b"<< /Type /Pages /Count 2 /Kids [3 0 R 2 0 R] >>"
    return write_pdf(path, PAGE[0], tree, PAGE[2], b"<< >>", b"<< >>")


def long_chain(path: Path) -> Path:
    """Write a PDF whose page names the first of many objects that each name the next."""
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Resources << /Properties 4 0 R >> >>"
    return write_pdf(path, *PAGE[:2], page, *chain(200_000, "/A"), b"null")


def deep_brackets(path: Path) -> Path:
    """Write a PDF with a page in whose resources lists are in lists."""
    nested = b"[" * 100_000 + b"]" * 100_000
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Resources << /A %b >> >>" % nested
    return write_pdf(path, *PAGE[:2], page)


def huge_object_stream(path: Path) -> Path:
    """Write a PDF of some kB whose objects are in a stream of more than half a gigabyte."""
    packed = stream("/Type /ObjStm /N 1 /First 4 /Filter /FlateDecode", deflated(600 * 2**20))
    table = b"".join(
        bytes([kind]) + place.to_bytes(4) + b"\0"
        for kind, place in ((0, 0), (2, 3), (2, 3), (1, 9))
    )
    data = b"%PDF-1.5\n3 0 obj\n" + packed + b"\nendobj\n"
    table = table[:19] + (9).to_bytes(4) + b"\0"
    at = len(data)
    entries = "/Type /XRef /Root 1 0 R /W [1 4 1] /Size 4"
    data += b"4 0 obj\n" + stream(entries, table) + b"\nendobj\n"
    path.write_bytes(data + f"startxref\n{at}\n%%EOF\n".encode())
    return path


@pytest.mark.parametrize("task", ["count", "draw", "lay_out"])
@pytest.mark.parametrize(
    ("make", "reasons"),
    [
        (many_pages, {None, "time"}),
        (deep_tree, {None, "damaged", "memory"}),
        (tree_in_a_circle, {None, "damaged"}),
        (long_chain, {None, "memory", "time"}),
        (deep_brackets, {None, "damaged"}),
        (huge_object_stream, {"damaged", "memory", "time"}),
    ],
)
async def test_files_of_a_hostile_structure_end_within_the_limits(
    tmp_path: Path, worker: PdfWorker, make: Any, reasons: set[str | None], task: str
) -> None:
    path = make(tmp_path / "x.pdf")
    assert path.stat().st_size < 12_000_000
    good = tmp_path / "good.pdf"
    good.write_bytes(make_pdf(2))
    requests = {
        "count": {"path": str(path)},
        "draw": draw_request(path, tmp_path / "made"),
        "lay_out": layout_request(path, tmp_path / "made"),
    }
    reason: str | None = None
    try:
        await worker.async_run(task, requests[task], seconds=8)
    except PdfError as err:
        reason = err.reason
    if worker.process_id is not None:
        assert peak(worker) < MEMORY
    assert reason in reasons
    assert await worker.async_count(good) == 2


async def test_five_hundred_pages_take_little_memory(tmp_path: Path, worker: PdfWorker) -> None:
    """Pages with a picture of their own each, 25 MB together: more than is held at a time."""
    pages = 500
    kids = " ".join(f"{4 + 3 * number} 0 R" for number in range(pages))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {pages} /Kids [{kids}] >>".encode(),
        b"null",
    ]
    for number in range(pages):
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 3 * number} 0 R "
            f"/Resources << /XObject << /X {6 + 3 * number} 0 R >> >> >>".encode(),
            stream("", b"q 500 0 0 500 40 40 cm /X Do Q"),
            stream(
                "/Type /XObject /Subtype /Image /Width 200 /Height 250 /ColorSpace /DeviceGray "
                "/BitsPerComponent 8",
                random.Random(number).randbytes(50_000),
            ),
        ]
    path = write_pdf(tmp_path / "x.pdf", *objects)
    target = tmp_path / "made.pdf"
    request = layout_request(path, target, pages, sheet="4_up", frame=True, numbers=True)
    answer = await worker.async_run("lay_out", request, seconds=60)
    assert answer["pages"] == 125
    assert await worker.async_count(target) == 125
    assert target.stat().st_size < 1.2 * path.stat().st_size
    assert peak(worker) < MEMORY_OF_500_PAGES


@pytest.mark.parametrize("mode", ["RGBA", "CMYK", "P"])
@pytest.mark.long
async def test_the_largest_pictures_fit(tmp_path: Path, worker: PdfWorker, mode: str) -> None:
    """What may be read can be: 30 million pixels, in the kinds that take most memory."""
    image = Image.new(mode, (6000, 4990), None)
    path = tmp_path / "x.tif"
    image.save(path, "TIFF", compression="tiff_lzw")
    del image
    await worker.async_run("draw", draw_request(path, tmp_path / "drawn"), seconds=60)
    await worker.async_run("lay_out", layout_request(path, tmp_path / "made"), seconds=60)
    assert peak(worker) < MEMORY
