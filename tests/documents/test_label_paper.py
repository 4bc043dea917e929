"""Labels, pictures and tables on paper, drawn by a real browser: codes can be read, words are whole."""

from base64 import b64encode
from datetime import UTC, date, datetime
from pathlib import Path

from PIL import Image
import pypdfium2
import pytest

from custom_components.lianke.pages.compose import html_page, markdown_page, text_page
from custom_components.lianke.pages.csv_table import csv_page
from custom_components.lianke.pages.lists import AgendaEntry, TodoEntry, agenda_page, todo_page
from custom_components.lianke.pages.page import PageStyle
from custom_components.lianke.pages.testpage import test_page as make_test_page
from tests import needs
from tests.documents.browser import draw
from tests.documents.samples import picture
from tests.pages.styles import ABLE, style_for
from tests.papers import paper

pytestmark = [
    pytest.mark.browser,
    needs.chromium,
    needs.one_chromium,
]

CODE = "WIFI:T:WPA;S:Guest net;P:welcome;;"
SIZES = [(100, 30), (50, 20), (40, 30), (80, 297)]


def label(width: int, height: int) -> PageStyle:
    return style_for(paper(width * 10, height * 10, 10), None)


def pages(html: str, folder: Path) -> list[Image.Image]:
    """Return what comes out, page by page, at 300 dpi."""
    document = pypdfium2.PdfDocument(draw(html, folder))
    return [page.render(scale=300 / 72).to_pil() for page in document]


@needs.zbar
@pytest.mark.parametrize("size", SIZES, ids=lambda size: "×".join(map(str, size)))
@pytest.mark.parametrize(
    "text", ["![x](<qr:{}>)", "# 访客 Wi-Fi\n\n![x](<qr:{}>)", "![x](<qr:{}>)\n\nGuest / welcome"],
    ids=["code", "head", "words"],
)  # fmt: skip
def test_a_code_is_whole_on_any_label(size: tuple[int, int], text: str, tmp_path: Path) -> None:
    """Codes were cut in two on flat labels, and took a label of their own beside text."""
    from pyzbar.pyzbar import decode

    out = pages(markdown_page(text.format(CODE), label(*size), title="t"), tmp_path)
    assert len(out) == 1
    assert [code.data.decode() for code in decode(out[0])] == [CODE]


@pytest.mark.parametrize("size", [(210, 297), (80, 297), (60, 40)], ids=["A4", "80", "60×40"])
def test_a_portrait_picture_stays_on_one_page(size: tuple[int, int], tmp_path: Path) -> None:
    """Portrait pictures were sliced over pages, with a blank page behind."""
    data = b64encode(picture("PNG", (400, 1600))).decode()
    address = f"data:image/png;base64,{data}"
    for html in (
        markdown_page(f"![x]({address})", label(*size), title="t"),
        html_page(f'<img src="{address}" width="400" height="1600">', label(*size), title="t"),
    ):
        out = pages(html, tmp_path)
        assert len(out) == 1
        red = out[0].convert("RGB").point(lambda value: 255 if value > 128 else 0)
        box = Image.eval(red.getchannel("G"), lambda value: 255 - value).getbbox()
        assert box is not None
        # The red half of the picture is one to eight.
        assert (box[3] - box[1]) / (box[2] - box[0]) == pytest.approx(8, rel=0.1)


def test_words_in_tables_stay_whole(tmp_path: Path) -> None:
    """Wide tables broke inside words, and stood one letter a line on a receipt."""
    words = [f"valuable{number}" for number in range(9)]
    table = f"|{'|'.join(words)}|\n|{'-|' * 9}\n|{'|'.join(words)}|"
    for columns, style in ((9, label(210, 297)), (4, label(80, 297))):
        rows = table.splitlines()
        cut = "\n".join("|".join(row.split("|")[: columns + 1]) + "|" for row in rows)
        document = pypdfium2.PdfDocument(draw(markdown_page(cut, style, title="t"), tmp_path))
        text = "".join(page.get_textpage().get_text_range() for page in document)
        assert [text.count(word) for word in words[:columns]] == [2] * columns


def test_a_very_wide_table_lies_on_its_side(tmp_path: Path) -> None:
    words = [f"valuable{letter}word" for letter in "abcdefghijklmn"]
    table = f"before\n\n|{'|'.join(words)}|\n|{'-|' * 14}\n|{'|'.join(words)}|\n\nafter"
    document = pypdfium2.PdfDocument(
        draw(markdown_page(table, label(210, 297), title="t"), tmp_path)
    )
    sizes = [page.get_size()[0] > page.get_size()[1] for page in document]
    assert sizes == [False, True, False]
    text = "".join(page.get_textpage().get_text_range() for page in document)
    assert "before" in text
    assert "after" in text
    assert [text.count(word) for word in words] == [2] * 14


@pytest.mark.parametrize(("columns", "width"), [(40, 210), (9, 80)])
def test_the_widest_table_stays_within_the_margins(
    columns: int, width: int, tmp_path: Path
) -> None:
    words = [f"valuableword{number}" for number in range(columns)]
    rows = ["|".join(words), "|".join("-" * columns), "|".join(words)]
    style = label(width, 297)
    for html in (
        markdown_page("\n".join(f"|{row}|" for row in rows), style, title="t"),
        csv_page(
            "\n".join([rows[0].replace("|", ","), rows[2].replace("|", ",")]), style, title="t"
        ),
    ):
        page = pypdfium2.PdfDocument(draw(html, tmp_path))[0]
        text = page.get_textpage()
        assert text.count_chars() > columns * 20
        edge = (min(style.margin_side, style.margin_top) - 0.6) * 72 / 25.4
        for index in range(text.count_chars()):
            if text.get_text_range(index, 1).strip():
                assert text.get_charbox(index)[2] < page.get_size()[0] - edge


def test_text_from_the_right_starts_there(tmp_path: Path) -> None:
    """Hebrew and Arabic began at the left margin."""
    for html in (
        text_page("שלום עולם\nhello", label(210, 297), title="t"),
        markdown_page("שלום עולם\n\nhello", label(210, 297), title="t"),
    ):
        page = pypdfium2.PdfDocument(draw(html, tmp_path))[0]
        text = page.get_textpage()
        shown = text.get_text_range()
        first = next(place for place, letter in enumerate(shown) if "א" <= letter <= "ת")
        assert text.get_charbox(first)[0] > page.get_size()[0] / 2
        assert text.get_charbox(shown.index("h"))[0] < page.get_size()[0] / 2


def test_lists_and_tables_of_text_from_the_right_start_there(tmp_path: Path) -> None:
    """Their bullets, boxes, times and first columns were at the left."""
    day, style = date(2026, 3, 2), label(210, 297)
    at = [datetime(2026, 3, 2, hour, tzinfo=UTC) for hour in (8, 9)]
    event = AgendaEntry(start=at[0], end=at[1], text="שלום")
    holiday = AgendaEntry(start=day, end=day, text="שלום")
    pages = {
        "3": markdown_page("3. שלום\n3. hello", style, title="t"),
        "8": agenda_page([holiday, event], day, 1, style, title="t"),
        "7": csv_page("שלום,עולם\n7,6", style, title="t"),
        "5": markdown_page("|שלום|עולם|\n|-|-|\n|5|4|", style, title="t"),
    }
    for first, html in pages.items():
        page = pypdfium2.PdfDocument(draw(html, tmp_path))[0]
        text = page.get_textpage()
        shown = text.get_text_range()
        # A table that is as wide as its words has its columns beside each other.
        left = text.get_charbox(shown.index("4"))[0] if "4" in shown else page.get_size()[0] / 2
        assert text.get_charbox(shown.index(first))[0] > left, first
    todo = todo_page([TodoEntry(text="שלום")], style, title="t")
    drawn = pypdfium2.PdfDocument(draw(todo, tmp_path))[0].render().to_pil().convert("L")
    assert drawn.crop((0, 0, drawn.width // 2, drawn.height)).getextrema() == (255, 255)


@pytest.mark.parametrize(
    "size", [(60, 40), (40, 30), (70, 25), (50, 20), (30, 15)], ids=lambda size: "×".join(map(str, size))
)  # fmt: skip
@pytest.mark.parametrize("name", ["标签机", "The label printer in the cellar, behind the shelf"])
def test_no_line_of_a_labels_test_page_is_cut(
    size: tuple[int, int], name: str, tmp_path: Path
) -> None:
    """The last lines were clipped at the lower edge of a flat label."""
    style = label(*size)
    (page,) = pypdfium2.PdfDocument(
        draw(
            make_test_page(name, "Gprinter GP-1324D", ABLE, "label", style, two_sided=True),
            tmp_path,
        )
    )
    text = page.get_textpage()
    shown = text.get_text_range()
    assert name[:3] in shown
    assert f"{size[0]} × {size[1]} mm" in shown
    boxes = [
        text.get_charbox(index)
        for index in range(text.count_chars())
        if text.get_text_range(index, 1).strip()
    ]
    edge = style.margin_top * 72 / 25.4
    assert min(bottom for _, bottom, _, _ in boxes) >= edge
