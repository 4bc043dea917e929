"""Watermarks and stamps."""

from pathlib import Path

from PIL import Image, ImageChops
import pytest

from custom_components.lianke.pdf.process import TaskError
from tests.pdf.sheets import A4, POINT, Sheets, laid_out, make_pages, make_picture


def added(with_it: Sheets, without: Sheets, number: int = 0) -> tuple[int, ...]:
    """Return the box, in mm, of what one has and the other has not."""
    difference = ImageChops.difference(with_it.picture(number), without.picture(number))
    box = difference.convert("L").point(lambda value: 255 if value > 8 else 0).getbbox()
    return () if box is None else tuple(round(edge * 25.4 / 100) for edge in box)


def test_a_watermark_lies_across_the_page(tmp_path: Path) -> None:
    file = make_pages(tmp_path / "x.pdf", A4, A4)
    bare = laid_out(tmp_path, file)
    marked = laid_out(tmp_path, file, watermark="CONFIDENTIAL")
    for number in range(2):
        left, top, right, bottom = added(marked, bare, number)
        assert left < 40
        assert right > 170
        assert top < 60
        assert bottom > 237
        assert left > 0
        assert bottom < 297
    # It does not hide the page, whose text is still text.
    assert marked.text(0).split() == ["A", "CONFIDENTIAL"]


@pytest.mark.parametrize(("opacity", "darkest"), [(10, 238), (50, 172), (100, 90)])
def test_opacity(tmp_path: Path, opacity: int, darkest: int) -> None:
    file = make_picture(tmp_path / "x.png", (210, 297))
    Image.new("RGB", (210, 297), "white").save(tmp_path / "x.png")
    sheets = laid_out(tmp_path, file, watermark="COPY", opacity=opacity)
    low, _ = sheets.picture(0).convert("L").getextrema()
    assert low == pytest.approx(darkest, abs=4)


def test_a_watermark_of_a_card_lies_on_each_side_of_it(tmp_path: Path) -> None:
    file = make_picture(tmp_path / "x.png", (856, 540))
    bare = laid_out(tmp_path, file, file, sheet="id_card")
    marked = laid_out(tmp_path, file, file, sheet="id_card", watermark="COPY", opacity=60)
    left, top, right, bottom = added(marked, bare)
    # Within the cards, and on both.
    assert (left >= 62, right <= 148, top >= 84, bottom <= 213) == (True, True, True, True)
    assert top < 130
    assert bottom > 165


@pytest.mark.parametrize(
    "text",
    [
        "仅供办理××使用",
        "喆堃玥",
        "北京住宅",
        "Příliš žluťoučký",
        "Москва",
        "Ελλάδα",
        "100 €",
        "┌─┐",
    ],
)
def test_what_it_may_be_written_with(tmp_path: Path, text: str) -> None:
    """Alike on each system: nothing is looked for, and each document has only the glyphs that it needs."""
    file = make_pages(tmp_path / "x.pdf", *[A4] * 20)
    bare = laid_out(tmp_path, file)
    marked = laid_out(tmp_path, file, watermark=text)
    assert added(marked, bare, 19)
    assert marked.text(0).split(maxsplit=1)[1].strip() == text
    sizes = [path.stat().st_size for path in tmp_path.glob("sheets-*.pdf")]
    assert max(sizes) - min(sizes) < 20_000


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Copy \U0001f600 \U0001f600", "\U0001f600 (U+1F600)"),
        ("עותק", "ע (U+05E2), ו (U+05D5), ת (U+05EA), ק (U+05E7)"),
        ("A\u200dA\u0301龘", "U+200D, 龘 (U+9F98)"),
    ],
)
def test_characters_that_the_font_lacks_are_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(TaskError, match=r"^no_glyph$") as refused:
        laid_out(tmp_path, make_pages(tmp_path / "x.pdf", A4), watermark=text)
    assert refused.value.detail == named


def test_stamps(tmp_path: Path) -> None:
    file = make_pages(tmp_path / "x.pdf", A4, (148, 210), A4)
    sheets = laid_out(tmp_path, file, date="2026-11-26", numbers=True)
    for number, letter in enumerate("ABC"):
        words = sheets.text(number).split("\r\n")
        assert words == [letter, f"{number + 1} / 3", "2026-11-26"]
    bare = laid_out(tmp_path, file)
    numbered = laid_out(tmp_path, file, numbers=True)
    left, top, right, bottom = added(numbered, bare)
    assert (left + right) / 2 == pytest.approx(105, abs=1)
    assert (top >= 287, bottom <= 292) == (True, True)
    dated = laid_out(tmp_path, file, date="2026-11-26")
    left, top, right, bottom = added(dated, bare)
    assert right == pytest.approx(204, abs=1)
    assert (top >= 5, bottom <= 10, left > 180) == (True, True, True)


def test_stamps_have_room_beside_what_is_laid_out(tmp_path: Path) -> None:
    file = make_pages(tmp_path / "x.pdf", A4, A4, A4, A4)
    sheets = laid_out(tmp_path, file, sheet="4_up", date="2026-11-26", numbers=True, frame=True)
    letters = sheets.letters(0)
    # The lowest line of the lower pages, and the stamp below it.
    assert letters["C"].top + letters["C"].height <= 297 - 12 + 0.3
    assert letters["/"].top > 287
    assert sheets.text(0).split()[-3:] == ["/", "1", "2026-11-26"]


@pytest.mark.parametrize("size", [(53, 53), (40, 30), (30, 100)])
def test_stamps_can_be_read_on_small_pages(tmp_path: Path, size: tuple[float, float]) -> None:
    sheets = laid_out(
        tmp_path, make_pages(tmp_path / "x.pdf", size), date="2026-11-26", numbers=True
    )
    width, height = sheets.document[0].get_size()
    found = sheets.letters(0)
    # The letter of the page itself stands on its edge.
    del found["A"]
    # A digit of 6 points is 1.5 mm high.
    assert found["1"].height >= 1.4
    assert all(0 <= one.left <= width * POINT - one.width for one in found.values())
    assert all(0 <= one.top <= height * POINT - one.height for one in found.values())
