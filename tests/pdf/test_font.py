"""The font that comes with the integration, judged by other programs that read fonts."""

from pathlib import Path
import subprocess

from pikepdf import Dictionary, Pdf
from PIL import Image, ImageChops, ImageDraw, ImageFont
import pypdfium2
import pytest

from custom_components.lianke.pdf.font import FONT, PdfFont, lacking, own_font, text_width
from custom_components.lianke.pdf.process import MEMORY
from tests.needs import poppler
from tests.pdf.sheets import A4, laid_out, make_pages

ROOT = Path(__file__).parents[2]
# 通用规范汉字表, the characters of which names in China are made.
TABLE = (ROOT / "scripts" / "font_characters.txt").read_text("utf-8").replace("\n", "")
# The characters of GB 2312, which other computers of China have as well.
GB_2312 = "".join(
    bytes((row, place)).decode("gb2312")
    for row in range(0xB0, 0xF8)
    for place in range(0xA1, 0xFF if row != 0xD7 else 0xFA)
)
OTHERS = "ěščřžłąęğışțđĐőŁàçêñßØœ ΑΩαωάή Ёяієґ €¥£ “”‘’—…、。《》【】（）￥：；！？ ┌─┬┐│├┼┤└┴┘═║ ①②③㎡℃№×÷±≤≥√"


def document(text: str) -> Pdf:
    """Return a document with each character of a text at a place of its own, 40 in a row."""
    pdf = Pdf.new()
    font = PdfFont(pdf, own_font())
    page = pdf.add_blank_page(page_size=(800, 20 * (len(text) // 40 + 1)))
    height = float(page.mediabox[3])
    content = b""
    for number, letter in enumerate(text):
        x, y = 20 * (number % 40), height - 16 - 20 * (number // 40)
        content += b"BT /F 16 Tf %d %d Td %b Tj ET\n" % (x, y, font.encoded(letter))
    page.contents_add(content)
    page.obj.Resources = Dictionary(Font=Dictionary(F=font.object))
    font.finish()
    return pdf


def test_the_characters() -> None:
    assert (len(set(TABLE)), len(set(GB_2312))) == (8105, 6763)
    for text in TABLE, GB_2312, OTHERS, "喆堃玥", "繁體字", "かな":
        assert not lacking(text)


def test_widths_are_those_that_freetype_reads() -> None:
    other = ImageFont.truetype(FONT, 1000, layout_engine=ImageFont.Layout.BASIC)
    for letter in TABLE[::50] + OTHERS + "AiW.1":
        assert text_width(letter) * 1000 == other.getlength(letter), letter
    assert text_width("北京") == 2


@pytest.mark.parametrize("text", [OTHERS, TABLE[::20]], ids=["others", "table"])
def test_glyphs_in_a_document_look_like_those_of_the_font(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.pdf"
    document(text).save(path)
    with pypdfium2.PdfDocument(path) as made:
        drawn = made[0].render(scale=8).to_pil().convert("L")
        assert "".join(made[0].get_textpage().get_text_range().split()) == "".join(text.split())
    expected = Image.new("L", drawn.size, "white")
    font = ImageFont.truetype(FONT, 128, layout_engine=ImageFont.Layout.BASIC)
    for number, letter in enumerate(text):
        place = 160 * (number % 40), 160 * (number // 40) + 128
        ImageDraw.Draw(expected).text(place, letter, "black", font, anchor="ls")
    # FreeType moves edges to whole pixels.
    difference = ImageChops.difference(drawn.reduce(4), expected.reduce(4))
    for number, letter in enumerate(text):
        x, y = 40 * (number % 40), 40 * (number // 40)
        assert sum(difference.crop((x, y, x + 40, y + 40)).histogram()[128:]) <= 4, letter


@poppler
@pytest.mark.long
def test_all_names_can_be_written(tmp_path: Path) -> None:
    """Each character of the table, in watermarks of 60, and in one document; poppler finds them all."""
    file = make_pages(tmp_path / "page.pdf", A4)
    for start in range(0, len(TABLE), 60):
        text = TABLE[start : start + 60]
        sheets = laid_out(tmp_path, file, watermark=text)
        assert text in "".join(sheets.text(0).split())
    path = tmp_path / "x.pdf"
    document(TABLE).save(path)
    command = ["pdftotext", "-raw", str(path), "-"]
    ran = subprocess.run(command, capture_output=True, check=True, text=True)
    assert "".join(ran.stdout.split()) == TABLE
    assert not ran.stderr
    # With all these glyphs it is as large as the font, and far below what the process may use.
    assert path.stat().st_size < 2_500_000 < MEMORY / 100


def test_a_document_without_a_text_has_no_font() -> None:
    pdf = Pdf.new()
    before = len(pdf.objects)
    font = PdfFont(pdf, own_font())
    font.finish()
    assert [*pdf.objects][before:] == [font.object]
    assert "/DescendantFonts" not in font.object
