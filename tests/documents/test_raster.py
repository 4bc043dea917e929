"""Raster files of printers become PDF files with the same pages."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from custom_components.lianke.pdf import raster
from custom_components.lianke.pdf.process import TaskError
from tests.documents.rasters import (
    GRAY,
    RGB,
    a_page,
    pack_rows,
    page_rows,
    pwg,
    pwg_header,
    urf,
    urf_header,
)

LIMIT = 50 * 1024 * 1024


A4 = (21000, 29700)


def convert(
    folder: Path, data: bytes, limit: int = LIMIT, papers: Sequence[tuple[int, int]] = (A4,)
) -> tuple[Path, int]:
    """Convert a raster file turn by turn; return the PDF file and its pages."""
    source, target = folder / "in.raster", folder / "out.pdf"
    source.write_bytes(data)
    answer: dict[str, Any] = {"position": 0, "objects": [], "pixels": 0}
    files = {"path": str(source), "target": str(target), "limit": limit, "papers": papers}
    while "pages" not in answer:
        answer = raster.convert({**answer, **files})
    return target, answer["pages"]


def refused(
    folder: Path, data: bytes, limit: int = LIMIT, papers: Sequence[tuple[int, int]] = (A4,)
) -> str:
    """Return the reason for which a file is not converted."""
    with pytest.raises(TaskError) as caught:
        convert(folder, data, limit, papers)
    return caught.value.reason


def picture_of(path: Path, number: int) -> tuple[tuple[float, float], bytes]:
    """Return the size in points of a page and the pixels of its picture, in red, green, blue order."""
    document = pypdfium2.PdfDocument(path)
    try:
        page = document[number]
        (item,) = page.get_objects()
        assert isinstance(item, pypdfium2.PdfImage)
        assert [round(side, 2) for side in item.get_bounds()] == [
            0,
            0,
            *(round(side, 2) for side in page.get_size()),
        ]
        return page.get_size(), bytes(item.get_data(decode_simple=True))
    finally:
        document.close()


@pytest.mark.parametrize("dpi", [300, 600])
@pytest.mark.parametrize("step", [GRAY, RGB])
@pytest.mark.parametrize("kind", ["pwg", "urf"])
def test_the_pages_are_the_same(tmp_path: Path, kind: str, step: int, dpi: int) -> None:
    """With runs, literal stretches, repeated rows and a width that is no multiple of anything."""
    pages = [page_rows(97, 61, step, seed) for seed in range(3)]
    header = pwg_header if kind == "pwg" else urf_header
    whole = pwg if kind == "pwg" else urf
    data = whole(*(header(97, 61, step, dpi) + pack_rows(rows, step) for rows in pages))
    path, count = convert(tmp_path, data)
    assert count == 3
    assert len(pypdfium2.PdfDocument(path)) == 3
    for number, rows in enumerate(pages):
        size, pixels = picture_of(path, number)
        assert size == pytest.approx((97 * 72 / dpi, 61 * 72 / dpi), abs=0.01)
        assert pixels == b"".join(rows)


def test_the_rest_of_a_line_may_be_left_white(tmp_path: Path) -> None:
    rows = bytes([1]) + bytes([1, 0, 0, 0, 128])
    path, _ = convert(tmp_path, urf(urf_header(5, 2) + rows))
    assert picture_of(path, 0)[1] == (bytes(6) + b"\xff" * 9) * 2


def test_pages_of_different_sizes_and_colours(tmp_path: Path) -> None:
    path, count = convert(tmp_path, urf(a_page(60, 40, RGB), a_page(30, 80, GRAY)))
    assert count == 2
    assert picture_of(path, 0)[0] == pytest.approx((14.4, 9.6), abs=0.01)
    assert picture_of(path, 1)[0] == pytest.approx((7.2, 19.2), abs=0.01)


def test_it_goes_on_where_a_turn_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page takes a turn of its own, and the file is the same."""
    data = urf(*(a_page(60, 40 + number) for number in range(5)))
    (tmp_path / "once").mkdir()
    at_once, _ = convert(tmp_path / "once", data)
    monkeypatch.setattr(raster, "WORKER_TURN_SECONDS", -1)
    in_turns, count = convert(tmp_path, data)
    assert count == 5
    assert in_turns.read_bytes() == at_once.read_bytes()
    assert in_turns.stat().st_mode & 0o777 == 0o600


PAGE = a_page()
WIDE = pwg_header(60, 40) + pack_rows(page_rows(60, 40, RGB), RGB)


@pytest.mark.parametrize("cut", [1, 20, 32 + 7, len(PAGE) // 2, len(PAGE) - 1])
def test_a_file_that_stops_midway(tmp_path: Path, cut: int) -> None:
    assert refused(tmp_path, urf(PAGE, PAGE[:cut])) == "damaged"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (urf(), "damaged"),
        (b"UNIRAST", "unsupported"),
        (b"%PDF-1.7", "unsupported"),
        (pwg(WIDE[: len(WIDE) // 2]), "damaged"),
        (pwg(pwg_header(60, 40, at_392=61)), "damaged"),
        (pwg(pwg_header(60, 40, at_400=6)), "unsupported"),
        (pwg(pwg_header(60, 40, at_384=1)), "unsupported"),
        (pwg(pwg_header(60, 40, at_388=32)), "unsupported"),
        (urf(urf_header(60, 40, 4)), "unsupported"),
        (urf(urf_header(0, 40)), "unsupported"),
        # A row that is repeated beyond the page, a run and a stretch beyond the row.
        (urf(urf_header(2, 2, GRAY) + bytes([2, 1, 0])), "damaged"),
        (urf(urf_header(2, 2, GRAY) + bytes([1, 2, 0])), "damaged"),
        (urf(urf_header(2, 2, GRAY) + bytes([1, 254, 0, 0, 0])), "damaged"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, data: bytes, reason: str) -> None:
    assert refused(tmp_path, data) == reason


def test_sizes_and_resolutions_are_bounded(tmp_path: Path) -> None:
    side = raster.MAX_SIDE_PIXELS
    blank = bytes([0, 128])
    convert(tmp_path, urf(urf_header(side, 1, GRAY) + blank), papers=((200_000, 100),))
    assert refused(tmp_path, urf(urf_header(side + 1, 1, GRAY) + blank)) == "unsupported"
    for dpi in (raster.MIN_RASTER_DPI - 1, raster.MAX_RASTER_DPI + 1):
        assert refused(tmp_path, urf(urf_header(9, 1, GRAY, dpi) + blank)) == "unsupported"


def test_a_pdf_that_would_be_too_large(tmp_path: Path) -> None:
    assert refused(tmp_path, urf(PAGE), limit=500) == "too_large"


def test_too_many_pages(tmp_path: Path) -> None:
    page = urf_header(1, 1, GRAY) + bytes([0, 0, 0])
    _, count = convert(tmp_path, urf(*[page] * raster.MAX_RASTER_PAGES))
    assert count == raster.MAX_RASTER_PAGES
    (tmp_path / "out.pdf").unlink()
    assert refused(tmp_path, urf(*[page] * (raster.MAX_RASTER_PAGES + 1))) == "too_large"


def blank(width: int, height: int, dpi: int = 300) -> bytes:
    """Return a white page of few bytes."""
    rows = range(0, height, 256)
    runs = b"".join(bytes([min(256, height - at) - 1, 0x80]) for at in rows)
    return urf_header(width, height, GRAY, dpi) + runs


@pytest.mark.parametrize(
    ("width", "height", "papers", "fits"),
    [
        (2480, 3508, (A4,), True),
        (3508, 2480, (A4,), True),
        # Rounded up, and with a bleed.
        (2496, 3520, (A4,), True),
        (2530, 3560, (A4,), True),
        (2600, 3508, (A4,), False),
        (3508, 3508, (A4,), False),
        (1200, 1800, (A4, (10160, 15240)), True),
        (2480, 3508, ((10160, 15240),), False),
        (100, 100, (), False),
    ],
)
def test_pages_fit_on_a_paper(
    tmp_path: Path, width: int, height: int, papers: Sequence[tuple[int, int]], *, fits: bool
) -> None:
    document = urf(blank(width, height))
    if fits:
        assert convert(tmp_path, document, papers=papers)[1] == 1
    else:
        assert refused(tmp_path, document, papers=papers) == "raster_too_large"


def test_the_pixels_of_a_job_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over all turns."""
    monkeypatch.setattr(raster, "MAX_JOB_PIXELS", 3 * 100 * 100)
    monkeypatch.setattr(raster, "WORKER_TURN_SECONDS", 0)
    assert convert(tmp_path, urf(*[blank(100, 100)] * 3))[1] == 3
    (tmp_path / "out.pdf").unlink()
    assert refused(tmp_path, urf(*[blank(100, 100)] * 4)) == "raster_too_large"
