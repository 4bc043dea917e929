"""Watermarks and stamps."""

from pathlib import Path

from PIL import Image, ImageChops
import pypdfium2
import pytest

from custom_components.lianke.pdf import sheet_marks
from custom_components.lianke.pdf.process import TaskError
from tests.needs import chinese_font, chinese_fonts
from tests.pdf.sheets import A4, POINT, Sheets, laid_out, make_pages, make_picture

FONTS = chinese_fonts()
# The characters of GB 2312, which other computers of China have as well.
GB_2312 = [
    bytes((row, place)).decode("gb2312")
    for row in range(0xB0, 0xF8)
    for place in range(0xA1, 0xFF if row != 0xD7 else 0xFA)
]


def noto_sans_cjk() -> Path:
    """Return the font that most Linux systems have for Chinese, or skip."""
    path = next(
        (one for one in sheet_marks.likely_fonts(FONTS, "仅") if "NotoSansCJK" in one.name), None
    )
    return path or pytest.skip("no Noto Sans CJK on this system")


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
    assert marked.text(0).strip() == "A"


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


def test_chinese(tmp_path: Path) -> None:
    chinese_font()
    file = make_picture(tmp_path / "x.png", (856, 540))
    bare = laid_out(tmp_path, file, sheet="id_card")
    marked = laid_out(
        tmp_path, file, sheet="id_card", watermark="仅供办理××使用", fonts=[*FONTS], opacity=60
    )
    assert added(marked, bare)
    # The font itself does not come along.
    sizes = sorted(path.stat().st_size for path in tmp_path.glob("sheets-*.pdf"))
    assert sizes[-1] - sizes[0] < 50_000
    with pytest.raises(TaskError, match=r"^no_font$"):
        laid_out(tmp_path, file, watermark="\U00013000", fonts=[*FONTS])


def test_fonts_are_looked_for_within_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet_marks, "MAX_FONTS", 3)
    monkeypatch.setattr(sheet_marks, "MAX_FONT_BYTES", 10)
    folder = tmp_path / "fonts" / "below"
    folder.mkdir(parents=True)
    (folder / "large.ttf").write_bytes(b"x" * 11)
    for number in range(5):
        (folder / f"{number}.ttf").write_bytes(b"nothing")
    (folder / "NotoSansSC-Regular.otf").write_bytes(b"nothing")
    (folder / "text.txt").write_bytes(b"nothing")
    (folder / "gone.ttf").symlink_to("/nowhere/gone.ttf")
    found = sheet_marks.likely_fonts((str(tmp_path / "fonts"),), "字")
    assert len(found) == 3
    assert "large.ttf" not in {path.name for path in found}
    monkeypatch.setattr(sheet_marks, "MAX_FONTS", 100)
    found = sheet_marks.likely_fonts((str(tmp_path / "fonts"), "/nowhere"), "字")
    assert [path.name for path in found][:2] == ["NotoSansSC-Regular.otf", "0.ttf"]
    tried: list[Path] = []
    read = Path.read_bytes

    def note(path: Path) -> bytes:
        tried.append(path)
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", note)
    with pytest.raises(TaskError):
        sheet_marks.lettering("字", (str(tmp_path / "fonts"),))
    assert len(tried) == sheet_marks.MAX_FONTS_TRIED


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


@pytest.mark.parametrize("text", ["Müller", "100 €", "“Œuvre” – ½"])
def test_western_letters_need_no_font_of_the_system(text: str) -> None:
    assert sheet_marks.lettering(text, ()).width > 1


@pytest.mark.parametrize("text", ["Příliš žluťoučký", "שלום", "Москва", "Ελλάδα"])
def test_letters_of_the_usual_fonts(text: str) -> None:
    """A font with Chinese characters is not looked for first."""
    if not Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf").exists():
        pytest.skip("no DejaVu Sans on this system")
    assert sheet_marks.lettering(text, FONTS).width > 1


@pytest.mark.parametrize("text", ["北京住宅", "二〇二六年", "李老茶金", "六零女若切"])
def test_characters_with_a_twin(text: str) -> None:
    """Noto Sans CJK has them, but PDFium finds only their twins: they were refused as if no font had them."""
    path = noto_sans_cjk()
    assert sheet_marks.lettering(text, (str(path.parent),)).width == pytest.approx(
        len(text), abs=0.01
    )


@pytest.mark.long
def test_all_common_characters() -> None:
    data = noto_sans_cjk().read_bytes()
    with (
        pypdfium2.PdfDocument.new() as scratch,
        sheet_marks._closed(sheet_marks._load(scratch, data)) as font,
    ):
        refused = [letter for letter in GB_2312 if not sheet_marks._has_all(font, letter)]
    assert len(GB_2312) == 6763
    assert not refused


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("COPY", "COPY"),
        ("אבג", "גבא"),
        ("אב 12 (ג)", "(ג) 12 בא"),
        ("Copy אב", "Copy בא"),
        ("אב A4", "A4 בא"),
    ],
)
def test_letters_from_right_to_left(text: str, shown: str) -> None:
    assert sheet_marks.left_to_right(text) == shown


@pytest.mark.parametrize("text", ["\U0001f600", "عربي", "สวัสดี", "नमस्ते"])
def test_what_is_no_row_of_letters(text: str) -> None:
    with pytest.raises(TaskError, match=r"^no_letters$"):
        sheet_marks.lettering(text, FONTS)


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
