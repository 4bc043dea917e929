"""Sheets judged by poppler: what is laid out looks like its source, for files of many kinds."""

from pathlib import Path
from typing import Any

from PIL import ImageChops
import pypdfium2
import pytest

from custom_components.lianke.pdf.layout import lay_out, split
from tests.documents.judge import Place, Verdict, drawn, judge
from tests.documents.pdf_samples import FIELD, LETTER, SAMPLES, filled, layered, one_page, stamped
from tests.needs import poppler
from tests.pdf.sheets import REQUEST

pytestmark = poppler

# Both programs draw these in a way of their own, as nothing in the file says how: only what is missing is told.
OWN_WAY = {
    "highlight",
    "lines in a text",
    "text on it",
    "text on it, no form",
    "fields",
    "field, lines",
    "field with a border",
}
LARGE_BLOCK = 40
# Pages reach a sheet of four, and the files for both sides, by the same way as a page alone; these show what the rest
# of the way may lose.
FURTHER = {
    "plain",
    "sizes",
    "rotation of the tree, seal",
    "turned by 270, crop box",
    "layer hidden",
}
# PDFium, which tells how large a page is, does not look at its units.
UNITS = {"units of the page": 2}
A4 = (210, 297)
MM = 72 / 25.4


def written(folder: Path, data: bytes, name: str = "source.pdf") -> dict[str, Any]:
    """Write a file, and return it as a file of a request."""
    path = folder / name
    path.write_bytes(data)
    with pypdfium2.PdfDocument(path) as document:
        return {"path": str(path), "is_pdf": True, "pages": list(range(len(document)))}


def in_cell(size: tuple[float, float], left: float, top: float, wide: float, high: float) -> Place:
    """Return where a page lies that is as large as fits in the middle of a cell."""
    factor = min(wide / size[0], high / size[1])
    width, height = size[0] * factor, size[1] * factor
    return Place(left + (wide - width) / 2, top + (high - height) / 2, width, height)


@pytest.mark.long
@pytest.mark.parametrize("name", SAMPLES)
def test_sheets_show_what_the_pages_show(tmp_path: Path, name: str) -> None:
    """Alone with a watermark that cannot be seen; some also four on a sheet, and in two files for two sides."""
    file = written(tmp_path, SAMPLES[name]())
    source = Path(file["path"])
    with pypdfium2.PdfDocument(source) as document:
        sizes = [page.get_size() for page in document]
    unit = UNITS.get(name, 1)
    pages = [(width * unit, height * unit) for width, height in sizes]
    block = {"block": LARGE_BLOCK} if name in OWN_WAY else {}
    single, four, fronts, backs = (tmp_path / f"{number}.pdf" for number in range(4))
    lay_out({**REQUEST, "files": [file], "target": str(single), "watermark": "COPY", "opacity": 1})
    if name in FURTHER:
        lay_out({**REQUEST, "files": [file], "target": str(four), "sheet": "4_up"})
        split(
            {
                "file": file,
                "parts": [
                    {"target": str(path), "pages": [*range(first, len(pages), 2)], "turned": False}
                    for first, path in enumerate((fronts, backs))
                ],
                "limit": 10**7,
                "upright": False,
            }
        )
    # The sheet lies if the first page does.
    paper = sorted(A4, reverse=pages[0][0] > pages[0][1])
    wide, high = ((length - 14) * MM / 2 for length in paper)
    verdicts: dict[str, Verdict] = {}
    for page, size in enumerate(pages):
        wanted, whole = drawn(source, page), Place(0, 0, *size)
        verdicts[f"{page} single"] = judge(wanted, single, page, whole, **block)
        if name not in FURTHER:
            continue
        left, top = 5 * MM + page % 2 * (wide + 4 * MM), 5 * MM + page // 2 * (high + 4 * MM)
        cell = in_cell(size, left, top, wide, high)
        verdicts[f"{page} four"] = judge(wanted, four, 0, cell, **block)
        side = backs if page % 2 else fronts
        verdicts[f"{page} split"] = judge(wanted, side, page // 2, whole, **block)
    assert {key: verdict for key, verdict in verdicts.items() if not verdict.is_same} == {}


@pytest.mark.long
def test_the_judge_sees_what_is_wrong(tmp_path: Path) -> None:
    """Each of these went wrong once: a black area, a value, a digit, 18 mm of the top, a layer, a seal."""
    box = "/MediaBox [0 0 595 842]"
    right = {
        "black": one_page(f"{LETTER} 0.9 g 100 300 14 14 re f"),
        "value": filled(f"{FIELD} /V (Anna)"),
        "digit": one_page(f"{LETTER} BT /F 9 Tf 300 400 Td (1) Tj ET"),
        "cut": one_page(entries=box),
        "layer": layered("/OFF [3 0 R]"),
        "seal": stamped(),
    }
    wrong = {
        "black": one_page(f"{LETTER} 0 g 100 300 14 14 re f"),
        "value": filled(FIELD),
        "digit": one_page(),
        "cut": one_page(f"{LETTER} 1 g 0 791 595 51 re f"),
        "layer": layered(""),
        "seal": stamped(flag=6),
    }
    for name in right:
        for files, kind in ((right, "right"), (wrong, "wrong")):
            (tmp_path / f"{name} {kind}.pdf").write_bytes(files[name]())
        source, other = (tmp_path / f"{name} {kind}.pdf" for kind in ("right", "wrong"))
        wanted, place = drawn(source, 0), Place(0, 0, 595, 842)
        assert judge(wanted, source, 0, place).is_same, name
        assert not judge(wanted, other, 0, place).is_same, name


@pytest.mark.long
@pytest.mark.parametrize("states", ["", "Q Q "], ids=["plain", "states too many"])
def test_nothing_is_seen_beside_a_page(tmp_path: Path, states: str) -> None:
    """What a page draws outside of its box, for a printer's trimmer, does not appear on a sheet with others."""
    bleed = one_page(
        f"{states}0 g 0 0 595 842 re 145 245 310 310 re f*",
        "/MediaBox [0 0 595 842] /CropBox [150 250 450 550]",
    )
    file = written(tmp_path, bleed())
    target = tmp_path / "sheets.pdf"
    lay_out({**REQUEST, "files": [file], "target": str(target), "sheet": "4_up"})
    assert ImageChops.invert(drawn(target, 0)).getbbox() is None
