"""How pages come out: drawn by a real browser on each paper, with no glyph missing and no line cut."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
import re
import zlib

import pypdfium2
import pytest

from custom_components.lianke.pages.compose import markdown_page, text_page
from custom_components.lianke.pages.csv_table import csv_page
from custom_components.lianke.pages.lists import AgendaEntry, TodoEntry, agenda_page, todo_page
from custom_components.lianke.pages.page import PageStyle
from custom_components.lianke.pages.testpage import ink_care_page, test_page as make_test_page
from tests import needs
from tests.documents.browser import draw
from tests.pages.styles import ABLE, NOW, style_for
from tests.papers import paper

pytestmark = [
    pytest.mark.browser,
    needs.chromium,
    needs.one_chromium,
    # All of the group together: it starts early.
    pytest.mark.timeout(300),
]

POINT = 72 / 25.4
# Letters may reach a little over their box.
SLACK = 0.6


PAPERS = {
    "A4": paper(2100, 2970, 42, name="A4"),
    "A5": paper(1480, 2100, 42, name="A5"),
    "receipt": paper(800, 2970, 40, name="80 mm"),
}

TEXT = (
    "关于暑期值班的通知\n\n各位同事：\n    值班时间为上午 8:30 至下午 5:30，请相互转告。“准时”到岗！\n\n"
    + "这是一段很长的文字，用来检查自动换行；標點符號（，。！？）不會超出頁邊。" * 8
    + "\n\n日本語の仮名、한국어、Ünïcödé、￥€£\n\nhttps://example.com/"
    + "a" * 300
)
SHOPPING = [
    TodoEntry(text=f"{name}{number}")
    for number in range(1, 5)
    for name in (
        "牛奶",
        "鸡蛋",
        "面包",
        "大米",
        "酱油",
        "西红柿",
        "苹果",
        "洗衣液",
        "咖啡豆",
        "矿泉水",
    )
]
SHOPPING[7] = TodoEntry(text="<script>特别长的一个条目" + "名称会换行" * 8)
MARKDOWN = (
    "# 访客 Wi-Fi\n\n![Wi-Fi](<qr:WIFI:T:WPA;S:家里的网;P:welcome;;>)\n\n| 项目 | 内容 | 备注 |\n|-|-|-|\n"
    f"| 名称 | 家里的网 | {'很长的说明' * 20} |\n| 密码 | `welcome` | {'x' * 120} |\n\n"
    f"- [ ] 关灯\n- [x] 关窗\n\n```\n{'code ' * 60}\n```\n"
)
TABLE = "姓名,部门,电话,地址,日期,备注,级别\n" + "\n".join(
    f"张三{row},研发部,138{row:08},北京市海淀区中关村大街{row}号,2020-01-01,无,P1"
    for row in range(40)
)


def week() -> list[AgendaEntry]:
    """Return a week with every kind of event."""

    def at(day: int, hour: int, minute: int = 0) -> datetime:
        return datetime(2026, 11, day, hour, minute, tzinfo=UTC)

    return [
        AgendaEntry(start=at(24, 9), end=at(24, 10, 30), text="项目例会", location="三楼会议室"),
        AgendaEntry(start=date(2026, 11, 24), end=date(2026, 11, 27), text="出差：上海"),
        AgendaEntry(start=at(25, 22), end=at(26, 6), text="夜班火车"),
        AgendaEntry(start=at(27, 18), end=at(27, 18), text="吃药"),
        AgendaEntry(start=at(28, 8), end=at(28, 12), text="家长会" * 30, location="阶梯教室" * 30),
    ]


PAGES: dict[str, Callable[[PageStyle], str]] = {
    "text": lambda style: text_page(TEXT, style, title="t"),
    "shopping": lambda style: todo_page(SHOPPING, style, title="t"),
    "tasks": lambda style: todo_page(
        [
            TodoEntry(text="交电费", due=date(2026, 11, 22)),
            TodoEntry(text="去银行", due=NOW + timedelta(hours=5), description="带身份证"),
            TodoEntry(text="体检", due=date(2026, 12, 3)),
            TodoEntry(text="买花"),
            TodoEntry(text="洗车", done=True),
        ],
        style,
        title="t",
    ),
    "week": lambda style: agenda_page(week(), NOW.date(), 7, style, title="t"),
    "markdown": lambda style: markdown_page(MARKDOWN, style, title="t"),
    "table": lambda style: csv_page(TABLE, style, title="t"),
    "test": lambda style: make_test_page(
        "京瓷", "Kyocera MA2000w", ABLE, "A4", style, two_sided=False
    ),
    "test_two_sided": lambda style: make_test_page(
        "京瓷", "Kyocera MA2000w", ABLE, "A4", style, two_sided=True
    ),
    "color": ink_care_page,
}
BUILT_IN = ("test", "test_two_sided", "color")


def streams(pdf: bytes) -> Iterator[bytes]:
    """Return the inflated streams of a PDF."""
    for match in re.finditer(rb"stream\r?\n", pdf):
        try:
            yield zlib.decompressobj().decompress(pdf[match.end() :])
        except zlib.error:
            continue


def fonts(pdf: bytes) -> dict[bytes, bytes]:
    """Return the fonts of a PDF by name, as Chromium writes it: what the object says."""
    objects = re.findall(rb"\n(\d+) 0 obj\n<</Type /Font\n(.*?)\nendobj", pdf, re.DOTALL)
    return {b"/F" + number: text for number, text in objects}


def missing_glyphs(pdf: bytes) -> int:
    """Return how often a text shows the glyph 0 of a font, the box for what the font lacks."""
    known = fonts(pdf)
    count = 0
    for stream in streams(pdf):
        size = 1
        for font, shown in re.findall(
            rb"(/F\d+) [\d.]+ Tf|<([0-9A-Fa-f]+)>(?= Tj|[^>]*\] TJ)", stream
        ):
            if font:
                # Codes of fonts of drawings have one byte, those of others two.
                size = 1 if b"/Subtype /Type3" in known[font] else 2
            else:
                data = bytes.fromhex(shown.decode())
                count += sum(
                    not any(data[start : start + size]) for start in range(0, len(data), size)
                )
    return count


def squeezed(text: str) -> str:
    """Return text without blanks, hyphens of broken lines and line ends."""
    return re.sub(r"[\s\u00ad\ufffe\x02]+", "", text)


def outside(page: pypdfium2.PdfPage, style: PageStyle) -> list[str]:
    """Return the letters of a page that lie beyond its margins."""
    text = page.get_textpage()
    width, height = page.get_size()
    side, top = (style.margin_side - SLACK) * POINT, (style.margin_top - SLACK) * POINT
    found = []
    for index in range(text.count_chars()):
        letter = text.get_text_range(index, 1)
        if not letter.strip():
            continue
        left, bottom, right, upper = text.get_charbox(index)
        if left < side or right > width - side or bottom < top or upper > height - top:
            found.append(letter)
    return found


KINDS = [
    pytest.param(kind, marks=[pytest.mark.long] if kind in ("tasks", "table", "color") else [])
    for kind in PAGES
]


@pytest.mark.parametrize("on", PAPERS)
@pytest.mark.parametrize("kind", KINDS)
def test_pages_come_out_whole(kind: str, on: str, tmp_path: Path) -> None:
    style = style_for(PAPERS[on], None if kind in BUILT_IN else "家里的清单")
    pdf = draw(PAGES[kind](style), tmp_path)
    document = pypdfium2.PdfDocument(pdf)
    for page in document:
        width, height = page.get_size()
        assert width == pytest.approx(style.width * POINT, abs=1.5)
        assert height == pytest.approx(style.height * POINT, abs=1.5)
        assert outside(page, style) == []
    assert missing_glyphs(pdf) == 0
    assert len(re.findall(rb"/FontFile\d?", pdf)) == len(re.findall(rb"/CIDFontType", pdf))
    if kind in BUILT_IN:
        assert len(document) == (2 if kind == "test_two_sided" and on != "receipt" else 1)


def all_text(pdf: bytes) -> str:
    return squeezed(
        "".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf))
    )


@pytest.mark.parametrize("on", PAPERS)
def test_nothing_is_lost_on_the_way(on: str, tmp_path: Path) -> None:
    style = style_for(PAPERS[on])
    shown = all_text(draw(todo_page(SHOPPING, style, title="t"), tmp_path))
    assert [entry.text for entry in SHOPPING if squeezed(entry.text) not in shown] == []
    shown = all_text(draw(text_page(TEXT, style, title="t"), tmp_path))
    assert squeezed(TEXT)[:200] in shown
    assert shown.count("這") + shown.count("这是一段很长的文字") == 8
    shown = all_text(draw(agenda_page(week(), NOW.date(), 7, style, title="t"), tmp_path))
    for words in (
        "项目例会",
        "三楼会议室",
        "22:00–24:00",
        "00:00–06:00",
        "家长会" * 30,
        "没有安排",
    ):
        assert words in shown
    assert shown.count("出差：上海") == 3


def test_the_check_for_missing_glyphs_finds_one(tmp_path: Path) -> None:
    style = style_for(PAPERS["A4"])
    # A character that no font has: it is of the range for private use.
    assert missing_glyphs(draw(text_page("好 \ue123 好", style, title="t"), tmp_path)) > 0


def test_the_check_for_margins_finds_a_line_that_runs_off(tmp_path: Path) -> None:
    style = style_for(PAPERS["A4"])
    html = text_page("x", style, title="t").replace(
        "<body>", '<body><p style="white-space: nowrap; max-width: none; width: 400mm">' + "好" * 90
    )
    pdf = draw(html, tmp_path)
    assert outside(pypdfium2.PdfDocument(pdf)[0], style)
