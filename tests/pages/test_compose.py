"""Text, Markdown, HTML and tables as pages that load and run nothing."""

from base64 import b64decode
import csv
from datetime import UTC, datetime
import re
from unittest.mock import patch

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.lianke.api.capabilities import Paper
from custom_components.lianke.input_error import InputError
from custom_components.lianke.pages.clean import qr_img_element
from custom_components.lianke.pages.compose import html_page, markdown_page, text_page
from custom_components.lianke.pages.csv_table import csv_page
from custom_components.lianke.pages.page import CONTENT_POLICY, PageStyle, paper_size
from tests import needs
from tests.examples import examples
from tests.papers import paper

STYLE = PageStyle(language="zh-Hans", now=datetime(2026, 11, 24, 7, 30, tzinfo=UTC))


def body(page: str) -> str:
    """Return what is in the body of a page."""
    return page.partition("<body>")[2].partition("</body>")[0]


@pytest.mark.parametrize(
    ("found", "landscape", "expected"),
    [
        (None, False, (210.0, 297.0, 14.0, 14.0)),
        (paper(2100, 2970, 42), False, (210.0, 297.0, 14.0, 14.0)),
        (paper(2100, 2970, 200), True, (297.0, 210.0, 20.0, 20.0)),
        (paper(1480, 2100, 42), False, (148.0, 210.0, 10.0, 10.0)),
        (paper(800, 2970, 40), False, (80.0, 297.0, 4.0, 4.0)),
        (paper(600, 400, 10), False, (60.0, 40.0, 2.0, 2.0)),
        (paper(0, 0, 0), False, (210.0, 297.0, 14.0, 14.0)),
        # A driver that says nonsense about its printable area is not believed.
        (paper(800, 2970, 390), False, (80.0, 297.0, 16.0, 39.0)),
        (paper(800, 2970, -20), False, (80.0, 297.0, 2.0, 2.0)),
    ],
)
def test_pages_fit_the_paper(
    found: Paper | None, landscape: bool, expected: tuple[float, ...]
) -> None:
    assert paper_size(found, landscape=landscape) == expected


def test_the_paper_is_in_the_style() -> None:
    style = PageStyle(width=80, height=297, margin_side=4, margin_top=2)
    page = text_page("x", style, title="t")
    assert "@page { size: 80mm 297mm; margin: 2mm 4mm; }" in page


@pytest.mark.parametrize(
    ("size", "points"), [("small", 9.2), ("normal", 11.5), ("large", 17.25), ("huge", 25.3)]
)
def test_type_is_as_large_as_wished(size: str, points: float) -> None:
    assert f"font-size: {points:g}pt" in text_page("x", PageStyle(text_size=size), title="t")


@pytest.mark.parametrize(
    ("language", "text", "first", "lang"),
    [
        ("en", "Don’t", "Noto Sans", "en"),
        ("pl", "Zażółć gęślą jaźń", "Noto Sans", "pl"),
        ("en", "Order 北京 for all of us, please", "Noto Sans", "en"),
        ("en", "关于暑期值班的通知 (draft)", "Noto Sans CJK SC", "zh-Hans"),
        ("ja", "日本語の仮名", "Noto Sans", "ja"),
        ("zh-Hans", "“准时”到岗", "Noto Sans CJK SC", "zh-Hans"),
        ("zh-Hans", "Don’t", "Noto Sans", "zh-Hans"),
    ],
)
def test_fonts_fit_the_text(language: str, text: str, first: str, lang: str) -> None:
    """Chinese fonts came first in every language: "Don’ t", and accents on the wrong letter."""
    page = text_page(text, PageStyle(language=language), title="t")
    assert f'html {{ font-family: "{first}",' in page
    assert f'<html lang="{lang}">' in page


def test_lines_of_markdown() -> None:
    """Files that were wrapped by hand came out ragged; what is typed keeps its lines."""
    assert "<br" in body(markdown_page("a\nb", STYLE, title="t"))
    assert "<br" not in body(markdown_page("a\nb", STYLE, title="t", breaks=False))


def test_text_is_shown_as_it_is() -> None:
    page = text_page('<script>x</script> & "好"\n\tb', STYLE, title="<t>")
    assert body(page).count("<script") == 0
    assert "&lt;script&gt;x&lt;/script&gt; &amp; &quot;好&quot;\n    b" in body(page)
    assert "<title>&lt;t&gt;</title>" in page
    assert f'content="{CONTENT_POLICY}"' in page
    assert '<html lang="zh-Hans">' in page
    assert "<header>" not in page


@pytest.mark.parametrize(
    ("language", "date"),
    [
        ("zh-Hans", "2026年11月24日 星期二 07:30"),
        ("en", "Tuesday, 24 November 2026 07:30"),
        ("de", "Tuesday, 24 November 2026 07:30"),
    ],
)
def test_the_head_is_there_when_asked_for(language: str, date: str) -> None:
    style = PageStyle(language=language, now=STYLE.now, header="<公告>")
    assert f"<header><h1>&lt;公告&gt;</h1><p>{date}</p></header>" in text_page(
        "x", style, title="t"
    )


def test_markdown() -> None:
    page = body(
        markdown_page(
            "# 标题\n\n**粗** ~~旧~~ `x`\nnext\n\n- [ ] 一\n- [x] 二\n- [link](http://x)\n\n|a|b|\n|-|-|\n|1|2|",
            STYLE,
            title="t",
        )
    )
    assert "<h1>标题</h1>" in page
    assert "<strong>粗</strong> <s>旧</s> <code>x</code><br" in page
    assert "☐ 一" in page
    assert "☑ 二" in page
    assert "<th>a</th>" in page
    assert page.count("list-style: none") == 2


def test_pictures_given_as_data_stay() -> None:
    address = "data:image/png;base64,iVBORw0KGgo="
    assert f'<img alt="x" src="{address}">' in markdown_page(f"![x]({address})", STYLE, title="t")
    assert "<img" not in body(markdown_page("![x](data:text/html;base64,eA==)", STYLE, title="t"))


@needs.zbar
@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("![Wi-Fi](qr:WIFI:T:WPA;S:Guest;P:welcome;;)", "WIFI:T:WPA;S:Guest;P:welcome;;"),
        ("![Wi-Fi](<qr:WIFI:S:家里的 网;;>)", "WIFI:S:家里的 网;;"),
        ("![x](QR:100%25)", "100%"),
        ("![x](qr:WIFI:T:WPA;S:my net;P:pass word;;)", "WIFI:T:WPA;S:my net;P:pass word;;"),
        ("a ![x](qr:WIFI:S:net (guest) 2;P:x;;) b", "WIFI:S:net (guest) 2;P:x;;"),
        ("![x](qr:https://example.com/a?b=c&d=e)", "https://example.com/a?b=c&d=e"),
        (r"![x](qr:WIFI:T:WPA;S:a\;b\\c;P:x\:y;;)", r"WIFI:T:WPA;S:a\;b\\c;P:x\:y;;"),
        (r"![x](<qr:WIFI:T:WPA;S:a\;b;P:x;;>)", r"WIFI:T:WPA;S:a\;b;P:x;;"),
        ("![x](qr:WIFI:T:WPA;S:net;P:a)b(c;;) end", "WIFI:T:WPA;S:net;P:a)b(c;;"),
        (r"![x](qr:smile \)) end", "smile )"),
        (r"![x](qr:C:\Users\me)", r"C:\Users\me"),
    ],
)
def test_qr_codes_can_be_read(text: str, content: str) -> None:
    page = markdown_page(text, STYLE, title="t")
    found = re.search(
        r'<img data-qr class="qr" alt="[^"]*" src="data:image/svg\+xml;base64,([^"]+)">', page
    )
    assert found
    assert read_svg(b64decode(found[1]).decode()) == content


@needs.zbar
def test_qr_codes_in_html() -> None:
    page = html_page('<p>a</p><img alt="码" src="qr:a&amp;b">', STYLE, title="t")
    found = re.search(
        r'<img data-qr class="qr" alt="码" src="data:image/svg\+xml;base64,([^"]+)">', page
    )
    assert found
    assert read_svg(b64decode(found[1]).decode()) == "a&b"


def read_svg(svg: str) -> str:
    """Draw the code of an SVG picture and read it as a phone does."""
    from PIL import Image, ImageDraw
    from pyzbar.pyzbar import decode

    size = re.search(r'viewBox="0 0 (\d+) (\d+)"', svg)
    path = re.search(r' d="([^"]+)"', svg)
    assert size
    assert path
    scale = 8
    picture = Image.new("L", (int(size[1]) * scale, int(size[2]) * scale), 255)
    draw = ImageDraw.Draw(picture)
    x = y = 0.0
    for kind, numbers in re.findall(r"([Mmh])([^Mmh]*)", path[1]):
        values = [float(number) for number in re.findall(r"-?[\d.]+", numbers)]
        if kind == "h":
            draw.rectangle(
                (x * scale, (y - 0.5) * scale, (x + values[0]) * scale - 1, (y + 0.5) * scale - 1),
                fill=0,
            )
            x += values[0]
        else:
            x, y = (values[0], values[1]) if kind == "M" else (x + values[0], y + values[1])
    codes = decode(picture)
    assert len(codes) == 1
    return str(codes[0].data.decode())


@pytest.mark.parametrize(
    ("address", "key"), [("qr:", "qr_empty"), ("qr:" + "x" * 3000, "qr_too_long")]
)
def test_qr_codes_that_cannot_be(address: str, key: str) -> None:
    with pytest.raises(InputError, match=f"^{key}$"):
        qr_img_element(address)


def test_whole_html_keeps_its_head_and_gets_ours_first() -> None:
    source = (
        "<!DOCTYPE html><html lang='fr'><head><meta charset='gbk'><style>p { color: red }</style>"
        "</head><body><!-- note --><p>x</p></body></html>"
    )
    page = html_page(source, STYLE, title="t")
    assert page.count("<html") == 1
    assert '<html lang="fr">' in page
    assert page.index("Content-Security-Policy") < page.index("color: red")
    assert "<style>p { color: red }</style>" in page
    assert "gbk" not in page
    assert "note" not in page


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("a,b\n1,2", ["a", "b", "1", "2"]),
        ("a;b;c\n1;2;3", ["a", "b", "c", "1", "2", "3"]),
        ("a\tb\n\n1\t2", ["a", "b", "1", "2"]),
        ('a,"b ""c"", d"\n1,<2>', ["a", "b &quot;c&quot;, d", "1", "&lt;2&gt;"]),
        ("a,b\n1", ["a", "b", "1", ""]),
        ("only", ["only"]),
        ("sep=;\na;b\n1;2", ["a", "b", "1", "2"]),
        ('"a, b";"c, d"\n"1, 2";"3, 4"', ["a, b", "c, d", "1, 2", "3, 4"]),
        ('"a","b"\n"1","2"', ["a", "b", "1", "2"]),
        ("it's;that's\n1;2", ["it&#x27;s", "that&#x27;s", "1", "2"]),
        (
            "a,b\n" + "1,2\n" * 3000 + '"3 ""x"", y",4',
            ["a", "b", *["1", "2"] * 3000, "3 &quot;x&quot;, y", "4"],
        ),
    ],
)
def test_csv(text: str, cells: list[str]) -> None:
    page = csv_page(text, STYLE, title="t")
    assert re.findall(r"<t[hd]>(.*?)</t[hd]>", page) == cells


# The quotes of a field that is written to be hard to read.
DOUBLED = '"' * 200


@pytest.mark.parametrize("text", [f',"a",{DOUBLED}x', f",'a',{DOUBLED}x", f'a,"{"x," * 5000}'])
def test_no_quotes_are_left_to_the_sniffer(text: str) -> None:
    """Before Python 3.14.7, its patterns for them took hours: all of Home Assistant would have stood still."""
    with patch.object(csv.Sniffer, "sniff", side_effect=csv.Error) as sniff:
        csv_page(text, STYLE, title="t")
    sample = sniff.call_args.args[0]
    assert '"' not in sample
    assert "'" not in sample


@pytest.mark.parametrize(
    "source",
    [
        "<script>x</script>",
        "<p>\u200b</p>",
        "<!-- x -->",
        "<svg></svg>",
        "&#8203;",
        "<title>x</title>",
    ],
)
def test_html_that_shows_nothing_is_refused(source: str) -> None:
    """A blank sheet came out."""
    with pytest.raises(InputError, match=r"^text_empty$"):
        html_page(source, STYLE, title="t")


def test_a_wide_table_gets_smaller_type() -> None:
    for columns, size in (10, "0.8em"), (20, "0.6em"), (60, "0.74em"):
        page = csv_page(",".join("x" * columns), STYLE, title="t")
        assert f'font-size: {size}"><thead>' in page
    with pytest.raises(InputError) as raised:
        csv_page(",".join("x" * 61), STYLE, title="t")
    assert raised.value.placeholders == {"columns": "61", "allowed": "60"}


def test_an_enormous_field_is_shown_as_text() -> None:
    page = csv_page('a,"' + "x" * 200_000 + '\nb"', STYLE, title="t")
    assert "x" * 1000 in page


@settings(max_examples=examples(150), deadline=None)
@given(st.text(max_size=400))
def test_nothing_that_is_written_breaks_out(text: str) -> None:
    """Whatever is written, the page has one body, no program and no foreign address to load."""
    made = (
        text_page(text, STYLE, title=text),
        markdown_page("shown\n\n" + text.replace("qr:", ""), STYLE, title=text),
    )
    for page in made:
        assert page.count("<body>") == 1
        assert "<script" not in page.lower()
        assert not re.search(r'src="(?!data:image/)', page)


@settings(max_examples=examples(200), deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["<", ">", "script", "<script>", "</script>", "<!--", "-->", "<![CDATA[", "]]>", "<?x",
             "<img src=", '"', "'", "=", "/", "qr:x", "<p>", "</", "&#", "&amp", "<meta ", " ", "x",
             "<html>", "<body>", "http-equiv=refresh", "<style>", "</style>", "<iframe>"]
        ),
        max_size=25,
    )
)  # fmt: skip
def test_html_in_pieces_never_lets_a_program_through(pieces: list[str]) -> None:
    page = html_page("shown" + "".join(pieces), STYLE, title="t")
    start = page.index("</style>")
    without_style = re.sub(r"<style>.*?(</style>|$)", "", page[start:], flags=re.DOTALL)
    # A tag's name goes from the first bracket to a blank, slash or closing bracket: `<img src=<iframe>`
    # is a picture, and `<script</style>` an element named `script<`, which means nothing.
    names = {name.lower() for name in re.findall(r"<([A-Za-z][^\s/>]*)[^>]*>", without_style)}
    assert names.isdisjoint({"script", "iframe", "object", "base", "link"})
    assert "Content-Security-Policy" in page[:start]
