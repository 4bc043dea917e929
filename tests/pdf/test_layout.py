"""Layouts of pages: what lies where, in which order, and that text stays text."""

from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from custom_components.lianke.pdf import layout, plan
from custom_components.lianke.pdf.process import TaskError
from tests.documents.pdf_samples import LETTER, Pdf
from tests.pdf.sheets import A4, POINT, laid_out, make_pages, make_picture

A5 = (148.0, 210.0)


def order(folder: Path, pages: int, **changes: Any) -> list[str]:
    """Return the letters on each sheet in reading order: rows from the top, each from the left."""
    sheets = laid_out(folder, make_pages(folder / "x.pdf", *[A4] * pages), **changes)
    found: list[str] = []
    for number in range(len(sheets)):
        letters = sheets.letters(number)
        found.append(
            "".join(sorted(letters, key=lambda one: (round(letters[one].top), letters[one].left)))
        )
    return found


@pytest.mark.parametrize(
    ("sheet", "pages", "expected", "lying"),
    [
        ("2_up", 3, ["AB", "C"], True),
        ("4_up", 5, ["ABCD", "E"], False),
        ("6_up", 7, ["ABCDEF", "G"], True),
        ("9_up", 10, ["ABCDEFGHI", "J"], False),
    ],
)
def test_several_pages(
    tmp_path: Path, sheet: str, pages: int, expected: list[str], lying: bool
) -> None:
    assert order(tmp_path, pages, sheet=sheet) == expected
    sheets = laid_out(tmp_path, make_pages(tmp_path / "x.pdf", *[A4] * pages), sheet=sheet)
    assert sheets.sizes == [(297, 210) if lying else (210, 297)] * len(expected)
    assert sheets.answer["landscape"] is lying


def test_by_columns(tmp_path: Path) -> None:
    assert order(tmp_path, 5, sheet="4_up", by_column=True) == ["ACBD", "E"]
    assert order(tmp_path, 9, sheet="9_up", by_column=True) == ["ADGBEHCFI"]


def test_places_of_two_pages(tmp_path: Path) -> None:
    """A4 pages on A4: halves of 140 × 200 mm with 4 mm between them, in which a page is 67 %."""
    sheets = laid_out(tmp_path, make_pages(tmp_path / "x.pdf", A4, A4), sheet="2_up")
    factor = 200 / 297
    letters = sheets.letters(0)
    width = 210 * factor
    for letter, middle in (("A", 5 + 141.5 / 2), ("B", 297 - 5 - 141.5 / 2)):
        # A letter stands at the left of its page, at the foot of which its base line is.
        assert letters[letter].left == pytest.approx(middle - width / 2, abs=1)
        assert letters[letter].top + letters[letter].height == pytest.approx(205, abs=0.2)
        assert letters[letter].height == pytest.approx(24 * POINT * 0.72 * factor, abs=0.2)


def test_lying_pages_lie_below_each_other(tmp_path: Path) -> None:
    lying = (297.0, 210.0)
    sheets = laid_out(tmp_path, make_pages(tmp_path / "x.pdf", lying, lying), sheet="2_up")
    letters = sheets.letters(0)
    assert sheets.sizes == [(210, 297)]
    assert letters["B"].top - letters["A"].top == pytest.approx(145.5, abs=0.2)
    assert letters["A"].left == pytest.approx(letters["B"].left, abs=0.5)


@pytest.mark.parametrize("rotate", [90, 180, 270])
def test_turned_pages_stay_as_they_are_seen(tmp_path: Path, rotate: int) -> None:
    file = make_pages(tmp_path / "x.pdf", A5, rotate=rotate)
    with pypdfium2.PdfDocument(file["path"]) as source:
        width, height = source[0].get_size()
        seen = source[0].render(scale=1).to_pil().convert("L")
    made = laid_out(tmp_path, file)
    assert made.document[0].get_size() == pytest.approx((width, height))
    drawn = made.picture(0, dpi=72).convert("L")
    box = seen.point(lambda value: 255 - value).getbbox()
    assert drawn.point(lambda value: 255 - value).getbbox() == pytest.approx(box, abs=2)


def test_cropped_pages_show_what_is_seen_of_them(tmp_path: Path) -> None:
    file = make_pages(tmp_path / "x.pdf", A4)
    document = pypdfium2.PdfDocument(file["path"])
    document[0].set_cropbox(0, 0, 100, 200)
    document.save(tmp_path / "cropped.pdf")
    made = laid_out(tmp_path, file | {"path": str(tmp_path / "cropped.pdf")}, sheet="4_up")
    factor = min(98 / (100 * POINT), 141.5 / (200 * POINT))
    assert made.letters(0)["A"].height == pytest.approx(24 * POINT * 0.72 * factor, abs=0.5)


def test_frames(tmp_path: Path) -> None:
    file = make_pages(tmp_path / "x.pdf", A4, A4, A4)
    bare = laid_out(tmp_path, file, sheet="4_up").picture(0)
    framed = laid_out(tmp_path, file, sheet="4_up", frame=True).picture(0)
    # The upper left page is 98 mm wide.
    column = [framed.getpixel((int((5 + x / 10) / 25.4 * 100), 200)) for x in range(-8, 9)]
    assert min(sum(pixel) for pixel in column if isinstance(pixel, tuple)) < 3 * 230
    assert bare.getpixel((20, 200)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        (4, ["DA", "BC"]),
        (8, ["HA", "BG", "FC", "DE"]),
        # Empty pages are at the end of the booklet.
        (5, ["A", "B", "C", "DE"]),
        (1, ["A", ""]),
    ],
)
def test_booklet(tmp_path: Path, pages: int, expected: list[str]) -> None:
    assert order(tmp_path, pages, sheet="booklet") == expected
    sheets = laid_out(tmp_path, make_pages(tmp_path / "x.pdf", *[A4] * pages), sheet="booklet")
    assert set(sheets.sizes) == {(297, 210)}
    # The first page is on the right half.
    assert sheets.letters(0)["A"].left > 148.5


def test_booklet_by_hand(tmp_path: Path) -> None:
    assert order(tmp_path, 8, sheet="booklet", side="front") == ["HA", "FC"]
    assert order(tmp_path, 8, sheet="booklet", side="back") == ["BG", "DE"]


def test_invoices(tmp_path: Path) -> None:
    """Two invoices of 210 × 140 mm on A4: each as wide as the paper without its margins."""
    files = [make_pages(tmp_path / f"{n}.pdf", (210, 140)) for n in range(3)]
    sheets = laid_out(tmp_path, *files, sheet="invoices")
    assert sheets.sizes == [(210, 297)] * 2
    factor = min(200 / 210, 138.5 / 140)
    # Each is in the middle of its half; its letter stands at its foot, on the left.
    found = sheets.letters(0)["A"]
    assert found.height == pytest.approx(24 * POINT * 0.72 * factor, abs=0.2)
    assert found.left == pytest.approx((210 - 210 * factor) / 2, abs=1)
    foot = found.top + found.height
    assert foot == pytest.approx(297 * 3 / 4 + 140 * factor / 2, abs=0.3)
    drawn = sheets.picture(0, dpi=254).convert("L")
    line = [drawn.getpixel((x, 1485)) for x in range(2100)]
    dark = [isinstance(value, int) and value < 220 for value in line]
    assert 0.3 < sum(dark) / len(dark) < 0.8
    assert dark.index(True) < 30


@pytest.mark.parametrize("size", [(80, 200), (210, 297), (55, 55), (400, 20), (86, 54)])
def test_vouchers_of_any_size_fill_their_half(tmp_path: Path, size: tuple[float, float]) -> None:
    file = make_pages(tmp_path / "x.pdf", size, size)
    sheets = laid_out(tmp_path, file, sheet="invoices")
    half = (200, 138.5)
    shape = size if size[0] >= size[1] else size[::-1]
    factor = min(half[0] / shape[0], half[1] / shape[1])
    letters = sheets.letters(0)
    expected = 24 * POINT * 0.72 * factor
    measured = max(letters["A"].width, letters["A"].height)
    assert measured == pytest.approx(expected, rel=0.1)
    assert letters["A"].top < 148.5 < letters["B"].top


def test_poster(tmp_path: Path) -> None:
    """A4 on 2 × 2 sheets is twice as large, and the sheets together show it once."""
    file = make_picture(tmp_path / "x.png", (210, 297))
    sheets = laid_out(tmp_path, file, sheet="poster", columns=2, rows=2)
    assert sheets.sizes == [(210, 297)] * 4
    shown = [dict(sheets.colours(number)) for number in range(4)]
    assert [list(one) for one in shown] == [["red"], ["blue"]] * 2
    # All parts reach up to where two sheets meet, and no further than the margins.
    factor = min(400 / 210, 574 / 297)
    wide, high = 210 * factor / 2, 297 * factor / 2
    for number, one in enumerate(shown):
        [place] = one.values()
        assert (place.width, place.height) == pytest.approx((wide, high), abs=0.3)
        left = 205 - wide if number % 2 == 0 else 5
        top = 292 - high if number < 2 else 5
        assert (place.left, place.top) == pytest.approx((left, top), abs=0.3)


def test_a_poster_lies_as_it_is_largest(tmp_path: Path) -> None:
    file = make_picture(tmp_path / "x.png", (300, 210))
    assert laid_out(tmp_path, file, sheet="poster", columns=2, rows=1).sizes == [(210, 297)] * 2
    assert laid_out(tmp_path, file, sheet="poster", columns=1, rows=1).sizes == [(297, 210)]
    # A job is told one way for all its sheets: of those that lay otherwise the ends were missing.
    both = make_pages(tmp_path / "y.pdf", (297, 210), A4)
    assert laid_out(tmp_path, both, sheet="poster", columns=1, rows=1).sizes == [(297, 210)] * 2


def test_joined(tmp_path: Path) -> None:
    """Documents of several sizes, pictures among them, become one in their order."""
    first = make_pages(tmp_path / "1.pdf", A4, A5)
    second = make_picture(tmp_path / "2.png", (960, 480))
    third = make_pages(tmp_path / "3.pdf", A5) | {"pages": [0]}
    sheets = laid_out(tmp_path, first, second, third)
    assert sheets.sizes == [(210, 297), (148, 210), (254, 127), (148, 210)]
    assert [sheets.text(number).strip() for number in range(4)] == ["A", "B", "", "A"]
    assert [name for name, _ in sheets.colours(2)] == ["red", "blue"]


def in_units(path: Path, *units: float) -> dict[str, Any]:
    """Write a PDF whose pages are A4 in units of so many points each."""
    made = Pdf()
    for unit in units:
        made.page(LETTER, f"/MediaBox [0 0 595.276 841.89] /UserUnit {unit}")
    path.write_bytes(made.data())
    return {"path": str(path), "is_pdf": True, "pages": [*range(len(units))]}


def test_pages_in_larger_units(tmp_path: Path) -> None:
    """Plans that are larger than PDF's own units have room for were joined at half of their size."""
    plans = in_units(tmp_path / "plan.pdf", 2, 1, 0.5)
    sheets = laid_out(tmp_path, plans, make_pages(tmp_path / "1.pdf", A4))
    assert sheets.sizes == [(420, 594), (210, 297), (105, 149), (210, 297)]
    double, usual, half, _ = (sheets.letters(number) for number in range(4))
    for letter, mark in usual.items():
        for other, factor in ((double, 2), (half, 0.5)):
            assert other[letter].height == pytest.approx(mark.height * factor, rel=0.02)
            assert other[letter].left == pytest.approx(mark.left * factor, abs=0.3)
            assert other[letter].top == pytest.approx(mark.top * factor, abs=0.3)


def test_a_unit_of_a_page_has_bounds(tmp_path: Path) -> None:
    """No page can be larger than 200 inches."""
    sheets = laid_out(tmp_path, in_units(tmp_path / "plan.pdf", 90_000, 0))
    assert sheets.sizes == [(3592, 5080), (210, 297)]


def test_pages_are_chosen(tmp_path: Path) -> None:
    file = make_pages(tmp_path / "x.pdf", *[A4] * 6) | {"pages": [4, 1]}
    assert [laid_out(tmp_path, file).text(number).strip() for number in range(2)] == ["E", "B"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sheet": "4_up", "new_sheet": False}, ["AAAB"]),
        ({"sheet": "4_up"}, ["A", "AB", "A"]),
        ({"sheet": "2_up", "two_sided": True}, ["A", "", "AB", "", "A"]),
        ({"two_sided": True}, ["A", "", "A", "B", "A"]),
        ({"two_sided": False}, ["A", "A", "B", "A"]),
    ],
)
def test_documents_begin_on_new_sheets(
    tmp_path: Path, changes: dict[str, Any], expected: list[str]
) -> None:
    files = [make_pages(tmp_path / f"{number}.pdf", *[A4] * number) for number in (1, 2)] + [
        make_pages(tmp_path / "3.pdf", A4)
    ]
    sheets = laid_out(tmp_path, *files, **{"new_sheet": True, **changes})
    found = ["".join(sorted(sheets.text(number).split())) for number in range(len(sheets))]
    assert found == expected


def test_fonts_and_pictures_that_pages_share_are_kept_once(tmp_path: Path) -> None:
    noise = tmp_path / "x.png"
    file = make_picture(noise, (1500, 1500))
    one = laid_out(tmp_path, file, sheet="photos", photo=(25, 35), count=1)
    many = laid_out(tmp_path, file, sheet="photos", photo=(25, 35), count=30)
    assert (len(one), len(many)) == (1, 1)
    files = sorted(tmp_path.glob("sheets-*.pdf"), key=lambda path: path.stat().st_mtime_ns)
    small, large = (path.stat().st_size for path in files)
    assert large < small + 30_000


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"paper": (80, 60), "sheet": "id_card"}, "paper_too_small"),
        ({"paper": (80, 60), "sheet": "photos", "photo": (102, 152)}, "paper_too_small"),
        ({"paper": (40, 12), "sheet": "4_up"}, "paper_too_small"),
        ({"paper": (20, 20), "sheet": "2_up", "numbers": True}, "paper_too_small"),
        ({"paper": (20, 20), "sheet": "poster", "numbers": True}, "paper_too_small"),
        ({"paper": (20, 20), "sheet": "photos", "numbers": True}, "paper_too_small"),
        ({"sheet": "photos", "photo": (25, 35), "count": 9}, "too_many_pages"),
        ({"sheet": "poster", "columns": 3, "rows": 3}, "too_many_pages"),
        ({"limit": 100}, "too_large"),
        ({"watermark": "機密 \U0001f600"}, "no_glyph"),
    ],
)
def test_what_cannot_be_laid_out(
    tmp_path: Path, changes: dict[str, Any], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (layout, plan):
        monkeypatch.setattr(module, "MAX_SOURCE_PAGES", 8)
    with pytest.raises(TaskError, match=f"^{reason}$"):
        laid_out(tmp_path, make_pages(tmp_path / "x.pdf", A4), **changes)


def test_pages_that_are_not_there(tmp_path: Path) -> None:
    file = make_pages(tmp_path / "x.pdf", A4) | {"pages": [1]}
    with pytest.raises(TaskError, match=r"^damaged$"):
        laid_out(tmp_path, file)
