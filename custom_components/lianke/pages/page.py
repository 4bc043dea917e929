"""Layout of composed pages: paper, margins, fonts, header, and how tables are made to fit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from html import escape, unescape
from pathlib import Path
import re
from string import Template
from typing import Final
import unicodedata

from ..api.capabilities import Paper
from ..input_error import InputError

# Maximum bytes of the text, Markdown, HTML or table from which a page is composed.
MAX_TEXT_BYTES: Final = 1024 * 1024
# Maximum bytes of a composed page.
MAX_MADE_BYTES: Final = 12 * 1024 * 1024

MM_A_POINT: Final = 25.4 / 72
A4_WIDTH: Final = 210.0
A4_HEIGHT: Final = 297.0
# Below this width (mm) a paper is a receipt or a label.
RECEIPT_WIDTH: Final = 120.0
SMALL_TYPE_WIDTH: Final = 62.0
# Factors by which the font size differs from the usual size, by the names that users set.
TEXT_SIZES: Final[Mapping[str, float]] = {"small": 0.8, "normal": 1.0, "large": 1.5, "huge": 2.2}
# Below this height (mm) a paper is a label.
LABEL_HEIGHT: Final = 150.0

CHINESE_FAMILIES: Final = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Microsoft YaHei",
    "PingFang SC",
    "WenQuanYi Micro Hei",
    "SimHei",
    "SimSun",
    "SimSun-ExtB",
)
LATIN_FAMILIES: Final = ("Noto Sans", "DejaVu Sans", "Arial")
# In Chinese text, the Chinese fonts come first, so that punctuation is not taken from Latin fonts. In other text, the
# Chinese fonts come last, since they have wide quotation marks and lack many accented letters.
FONTS: Final = (*CHINESE_FAMILIES, *LATIN_FAMILIES)
# A text counts as Chinese if more than this share of its letters are Chinese.
CHINESE_SHARE: Final = 0.1
EMOJI_FONTS: Final = ("Noto Color Emoji", "Noto Emoji", "Segoe UI Emoji", "Apple Color Emoji")
MONO_FONTS: Final = ("Noto Sans Mono CJK SC", "DejaVu Sans Mono", "Consolas", "Menlo")

# The page must not load or run anything when the service renders it.
CONTENT_POLICY: Final = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; "
    "base-uri 'none'; form-action 'none'"
)


def style_sheet(name: str) -> str:
    return Path(__file__).with_name(f"{name}.css").read_text("utf-8")


_PAGE_CSS: Final = style_sheet("page")
_LABEL_CSS: Final = style_sheet("label")
_QR_CSS: Final = ".qr { width: ${qr}mm; }\n"

WEEKDAYS_ZH: Final = "一二三四五六日"

_TAG = re.compile(r"<style>.*?</style>|<[^>]*>", re.DOTALL)
_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_KANA = re.compile("[\u3040-\u30ff]")


def is_chinese(html: str, style: PageStyle) -> bool:
    """Return whether HTML counts as Chinese; if Home Assistant's language is Chinese, one character is enough."""
    text = _TAG.sub("", html)
    han = len(_HAN.findall(text))
    if style.chinese:
        return han > 0
    letters = sum(letter.isalpha() for letter in text)
    return han > CHINESE_SHARE * letters and not _KANA.search(text)


_SHOWN = re.compile(r"<(?:img|hr|table|style)\b|\sstyle=|\sbgcolor=", re.IGNORECASE)


def is_visible(text: str) -> bool:
    """Return whether any character leaves ink on paper."""
    return any(unicodedata.category(letter)[0] not in "CZM" for letter in text)


def is_blank(body: str) -> bool:
    return not is_visible(unescape(_TAG.sub("", body))) and not _SHOWN.search(body)


def font_stack(families: tuple[str, ...], generic: str) -> str:
    """Return a CSS font-family value: families, emoji fonts, then the generic family."""
    names = (*families, *EMOJI_FONTS)
    return ", ".join([*(f'"{name}"' for name in names), generic])


def page_too_large() -> InputError:
    return InputError("page_too_large", limit=str(MAX_MADE_BYTES // 1024**2))


@dataclass(frozen=True, kw_only=True, slots=True)
class PageStyle:
    """Lengths are in mm; width and height are those of the page as the reader sees it."""

    width: float = A4_WIDTH
    height: float = A4_HEIGHT
    margin_side: float = 14.0
    margin_top: float = 14.0
    language: str = "en"
    now: datetime = field(default_factory=datetime.now)
    # The page's own texts in `language`, by their keys.
    texts: Mapping[str, str] = field(default_factory=dict)
    header: str | None = None
    columns: int | None = None
    # A key of TEXT_SIZES.
    text_size: str = "normal"

    @property
    def narrow(self) -> bool:
        """Whether the paper is a receipt or a label."""
        return self.width < RECEIPT_WIDTH

    @property
    def is_label(self) -> bool:
        return self.height < LABEL_HEIGHT

    @property
    def chinese(self) -> bool:
        """Whether dates are written in Chinese."""
        return self.language.lower().startswith("zh")

    def text(self, key: str) -> str:
        """Return the text of a key, or the key itself if it has no text."""
        return self.texts.get(key, key)

    def date(self, day: date) -> str:
        if self.chinese:
            weekday = WEEKDAYS_ZH[day.weekday()]
            return f"{day.year}年{day.month}月{day.day}日 星期{weekday}"
        return f"{day:%A}, {day.day} {day:%B} {day.year}"

    def date_time(self, moment: datetime) -> str:
        return f"{self.date(moment)} {moment:%H:%M}"


def paper_size(
    paper: Paper | None, *, landscape: bool = False
) -> tuple[float, float, float, float]:
    """Return width, height, side margin and top margin in mm.

    The margins cover the unprintable edges, and leave room to hold a sheet. If the paper or its size is unknown, A4 is
    assumed.
    """
    if paper is None or paper.width <= 0 or paper.height <= 0:
        width, height, side, top = A4_WIDTH, A4_HEIGHT, 0.0, 0.0
    else:
        width, height = paper.width / 10, paper.height / 10
        side = _edge(paper.width, paper.printable_width)
        top = _edge(paper.height, paper.printable_height)
    least = 2.0 if width < RECEIPT_WIDTH else 10.0 if width < 180 else 14.0
    side, top = max(side, least), max(top, least)
    return (height, width, top, side) if landscape else (width, height, side, top)


def _edge(whole: int, printable: int) -> float:
    """Return the width in mm of the unprintable margin at both ends of one dimension of a paper.

    `whole` and `printable` are in 0.1 mm. The result is at most a fifth of the dimension.
    """
    if not 0 < printable <= whole:
        return 0.0
    return min((whole - printable) / 20, whole / 50)


def page(
    style: PageStyle,
    body: str,
    *,
    title: str,
    css: str = "",
    html_attributes: str = "",
    body_attributes: str = "",
) -> str:
    """Return the HTML document of a page; `body` and the attributes must be escaped already."""
    head = ""
    if style.header is not None:
        head = (
            f"<header><h1>{escape(style.header)}</h1>"
            f"<p>{escape(style.date_time(style.now))}</p></header>"
        )
    chinese = is_chinese(head + body, style)
    language = "zh-Hans" if chinese and not style.chinese else style.language
    if ' lang="' not in html_attributes:
        html_attributes += f' lang="{escape(language)}"'
    return (
        f"<!DOCTYPE html>\n<html{html_attributes}>\n<head>\n"
        '<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{CONTENT_POLICY}">\n'
        f"<style>{base_css(style, chinese=chinese)}</style>\n<title>{escape(title)}</title>\n"
        f"<style>{css}</style>\n</head>\n<body{body_attributes}>\n{head}{body}\n</body>\n</html>\n"
    )


def base_size(style: PageStyle) -> float:
    """Return the font size in points."""
    usual = (
        8.5 if style.width < SMALL_TYPE_WIDTH else 10 if style.narrow or style.width < 180 else 11.5
    )
    return usual * TEXT_SIZES[style.text_size]


def base_css(style: PageStyle, *, chinese: bool) -> str:
    inner = style.height - 2 * style.margin_top
    qr = min(40.0, style.width * 0.5)
    lengths = {
        "width": style.width,
        "height": style.height,
        "side": style.margin_side,
        "top": style.margin_top,
        "size": base_size(style),
        "inner": inner,
        "qr": min(qr, inner),
        # Widths of a QR code on a label, beside text and alone, that fit within the height of the label.
        "beside": min(qr, inner * 0.6),
        "alone": min(qr, inner * 0.97),
    }
    return Template(_PAGE_CSS + (_LABEL_CSS if style.is_label else _QR_CSS)).substitute(
        {name: f"{length:g}" for name, length in lengths.items()},
        fonts=font_stack(FONTS if chinese else (*LATIN_FAMILIES, *CHINESE_FAMILIES), "sans-serif"),
        mono=font_stack(MONO_FONTS, "monospace"),
    )


LEAST_SCALE: Final = 0.5
# CSS that allows breaks anywhere in the words of a table.
WRAP: Final = "--wrap: anywhere"
# Widths in em, measured with Noto Sans: the mean of letters and digits, a Chinese character, and the padding and
# borders of a cell.
LETTER_WIDTH: Final = 0.6
WIDE_LETTER_WIDTH: Final = 1.0
CELL_WIDTH: Final = 0.9
# Minimum number of characters of a word, such as a URL, that may be broken.
LONGEST_WORD: Final = 24
_WORD: Final = re.compile(r"\S+")
_LONG_WORD: Final = re.compile(rf"[!-~]{{{LONGEST_WORD // 2}}}(?=[!-~]{{{LONGEST_WORD // 2}}})")


def table_style(rows: Iterable[Sequence[str]], style: PageStyle) -> str:
    """Return CSS with which a table of these texts fits on the page; empty if it fits without CSS."""
    widths: list[float] = []
    for row in rows:
        widths += [0.0] * (len(row) - len(widths))
        for column, text in enumerate(row):
            widths[column] = max(widths[column], _longest(text))
    needed = sum(width + CELL_WIDTH for width in widths) * base_size(style) * MM_A_POINT
    inner = style.width - 2 * style.margin_side
    if needed <= inner:
        return ""
    scale = inner / needed
    if scale >= LEAST_SCALE:
        return f"font-size: {scale:.2f}em"
    sideways = (style.height - 2 * style.margin_top) / needed
    page = ""
    if not style.narrow and style.height > style.width and sideways > scale:
        page, scale = "page: sideways; ", min(1.0, sideways)
    if scale >= LEAST_SCALE:
        return f"{page}font-size: {scale:.2f}em"
    # Break words as the last resort.
    return f"{page}font-size: {LEAST_SCALE:g}em; {WRAP}"


def has_long_words(text: str) -> bool:
    return _LONG_WORD.search(text) is not None


def break_long_words(text: str) -> str:
    """Return a text in which words that are longer than a column can hold may be broken."""
    return _LONG_WORD.sub("\\g<0>\N{ZERO WIDTH SPACE}", text)


def _longest(text: str) -> float:
    """Return the width in em of the longest part of a text that a browser does not break."""
    longest = 0.0
    for word in _WORD.findall(text):
        width = 0.0
        for letter in word[:LONGEST_WORD]:
            if unicodedata.east_asian_width(letter) in "WF":
                longest, width = max(longest, width, WIDE_LETTER_WIDTH), 0.0
            else:
                width += LETTER_WIDTH
        longest = max(longest, width)
    return longest
