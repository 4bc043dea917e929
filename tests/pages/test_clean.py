"""HTML from outside loads nothing, runs nothing and leads nowhere: seen by a real browser."""

from dataclasses import dataclass
import json
import re
import shutil
import subprocess
import sys
import time

import pytest

from custom_components.lianke.input_error import InputError
from custom_components.lianke.pages.clean import MAX_HTML_DEPTH, clean_css
from custom_components.lianke.pages.compose import html_page
from custom_components.lianke.pages.page import MAX_TEXT_BYTES, PageStyle

STYLE = PageStyle()
GO = "http-equiv=refresh content='0;url=HOST/left'"
# Inside SVG and MathML a browser reads "style", "title" and their like as elements with elements in
# them, while in HTML they hold text: what a cleaner took for text leaves the page.
PAYLOADS = {
    "svg style": f"<svg><style><meta {GO}></style></svg>",
    "svg title": f"<svg><title><style><meta {GO}></style></title></svg>",
    "svg desc": f"<svg><desc><noscript><meta {GO}></noscript></desc></svg>",
    "svg foreign object": f"<svg><foreignObject><style><!--</style><meta {GO}>--></style></svg>",
    "svg xmp": f"<svg><xmp><meta {GO}></xmp></svg>",
    "math style": f"<math><style><meta {GO}></style></math>",
    "math annotation": f"<math><annotation-xml encoding='text/html'><style><meta {GO}></style></math>",
    "math mtext": f"<math><mtext><table><mglyph><style><math><meta {GO}></style></mglyph></table></mtext></math>",
    "cdata": f"<svg><![CDATA[><meta {GO}>]]></svg>",
    "cdata in style": f"<svg><style><![CDATA[</style><meta {GO}>]]></style></svg>",
    "attribute that ends": f'<svg></p><style><a id="</style><meta {GO}>"></svg>',
    "comment that ends": f"<!--><meta {GO}>-->",
    "comment with a bang": f"<!-- --!><meta {GO}>-->",
    "odd comment": f"<!a foo='--><meta {GO}>",
    "instruction": f"<?xml ><meta {GO}>?>",
    "noscript": f'<noscript><p title="</noscript><meta {GO}>">',
    "textarea": f"<textarea><style></textarea><meta {GO}></style>",
    "select": f"<select><template><style><meta {GO}></style></template></select>",
    "plain": f"<meta {GO}>",
    "slash": f"<meta/{GO}/>",
    "table": f"<table><meta {GO}><tr><td><svg><style><meta {GO}></table>",
    "nested forms": f"<form id=a><div></form><form id=b><svg><style><meta {GO}></svg>",
    "base": "<base href=HOST/><img src=b.png><a href=x>x</a>",
    "picture": "<img src=HOST/i.png srcset='HOST/s.png 2x'><picture><source srcset=HOST/t.png></picture>",
    "picture from elsewhere": "<input type=image src=HOST/n.png><video poster=HOST/v.png></video>",
    "picture in svg": "<svg><image href=HOST/si.png /><use href=HOST/u.svg#a /></svg>",
    "body": "<body background=HOST/b.png onload=location='HOST/o'>",
    "table background": "<table background=HOST/t.png><tr><td background=HOST/c.png>x</table>",
    "style sheet": "<link rel=stylesheet href=HOST/l.css><style>@import 'HOST/i.css';</style>",
    "early links": "<link rel=preconnect href=HOST><link rel=prefetch href=HOST/p><link rel=icon href=HOST/f>",
    "background": "<style>body { background: url(HOST/u.png) }</style><p style='background:url(HOST/p.png)'>",
    "escaped": r"<style>body { background: \75 rl(HOST/e.png) } @\69mport 'HOST/e.css';</style>",
    "image set": "<style>body { background: image-set('HOST/x.png' 1x); list-style: url('HOST/y') }</style>",
    "font": "<style>@font-face { font-family: q; src: url(HOST/f.woff) } p { font-family: q }</style>",
    "style in svg": "<svg><style>@import url(HOST/svg.css);</style></svg>",
    "frame": "<iframe src=HOST/i></iframe><iframe srcdoc='<img src=HOST/j>'></iframe>",
    "object": "<object data=HOST/o><embed src=HOST/e></object><frameset><frame src=HOST/f></frameset>",
    "program": "<script>location = 'HOST/s'</script><img src=data:image/png,x onerror=location='HOST/e'>",
    "program in svg": "<svg onload=location='HOST/l'><script>location = 'HOST/s'</script></svg>",
    "animated": "<svg><a><animate attributeName=href to=HOST/a begin=0s /></a><set onbegin=location='HOST/b' />",
    "form": "<form action=HOST/f><input autofocus onfocus=form.submit()></form>",
    "open quote": f"<p title='x>y'></p><meta {GO[:-1]}?' ><p title=z>",
    "media": "<audio src=HOST/a autoplay></audio><video src=HOST/v autoplay></video><track src=HOST/t>",
    "data page": "<iframe src='data:text/html,<script>top.location=`HOST/d`</script>'></iframe>",
    "dialog": "<dialog open><form method=dialog action=HOST/d></dialog><portal src=HOST/p></portal>",
}  # fmt: skip


# Opens each page of a folder in a browser, and notes where it is a moment later and what it shows.
BROWSE = """
import json, pathlib, sys
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    browser = playwright.chromium.launch(executable_path=sys.argv[1], args=arguments)
    context = browser.new_context()
    paths = sorted(pathlib.Path(sys.argv[2]).glob("*.html"))
    # A new one for each page would start a new process each time.
    tabs = [context.new_page() for _ in range(16)]
    for start in range(0, len(paths), 16):
        visits = list(zip(paths[start:], tabs))
        for path, tab in visits:
            tab.goto(path.as_uri(), wait_until="load")
        tabs[0].wait_for_timeout(500)
        for path, tab in visits:
            seen = {"text": tab.inner_text("body"), "left": tab.url != path.as_uri()}
            path.with_suffix(".json").write_text(json.dumps(seen))
    browser.close()
"""


@dataclass
class Visit:
    """What became of a page in a browser, and what was asked of a web server meanwhile."""

    left: bool
    text: str
    asked: list[str]


@pytest.fixture(scope="module")
def visits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Visit]:
    """Open a page for each payload, part and whole, and one that is not cleaned."""
    if (chromium := shutil.which("chromium")) is None:
        pytest.skip("no Chromium")
    folder = tmp_path_factory.mktemp("pages")
    log = folder / "log"
    with (
        log.open("wb") as file,
        subprocess.Popen(
            [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"],
            stdout=subprocess.PIPE,
            stderr=file,
            cwd=tmp_path_factory.mktemp("site"),
        ) as server,
    ):
        assert server.stdout
        port = re.search(r"port (\d+)", server.stdout.readline().decode())
        assert port
        names = {}
        for number, (payload, source) in enumerate(PAYLOADS.items()):
            for kind in ("part", "whole", "bare"):
                name = f"{number:03}-{kind}"
                names[name] = f"{kind} {payload}"
                host = f"http://127.0.0.1:{port[1]}/{name}"
                text = f"<p>before</p>{source.replace('HOST', host)}<p>after</p>"
                if kind == "whole":
                    text = f"<!DOCTYPE html><html><head></head><body>{text}</body></html>"
                page = text if kind == "bare" else html_page(text, STYLE, title="t")
                if kind != "bare" or payload == "plain":
                    (folder / f"{name}.html").write_text(page, "utf-8")
        try:
            subprocess.run(
                [sys.executable, "-c", BROWSE, chromium, str(folder)], check=True, timeout=300
            )
        finally:
            server.terminate()
    lines = log.read_text().splitlines()
    return {
        name: Visit(
            **json.loads(path.with_suffix(".json").read_text()),
            asked=[line for line in lines if f"/{path.stem}" in line],
        )
        for path in folder.glob("*.html")
        for name in [names[path.stem]]
    }


@pytest.mark.browser
@pytest.mark.timeout(300)
@pytest.mark.xdist_group("pages in a browser")
def test_nobody_is_asked_and_the_document_stays(visits: dict[str, Visit]) -> None:
    """Payloads by which HTML left for a foreign address and took the document along."""
    for name in (f"{kind} {payload}" for payload in PAYLOADS for kind in ("part", "whole")):
        visit = visits[name]
        assert not visit.left, name
        assert visit.asked == [], name
        assert "before" in visit.text, name
        assert "after" in visit.text, name


@pytest.mark.browser
@pytest.mark.timeout(300)
@pytest.mark.xdist_group("pages in a browser")
def test_a_page_that_is_not_cleaned_leaves(visits: dict[str, Visit]) -> None:
    visit = visits["bare plain"]
    assert visit.left
    assert visit.asked


def test_what_is_left_are_allowed_elements() -> None:
    forbidden = r"<(svg|math|meta|base|link|form|input|script|iframe|object|embed|frame)"
    for name, payload in PAYLOADS.items():
        body = html_page("<p>x</p>" + payload, STYLE, title="t").partition("<body")[2]
        assert not re.search(forbidden, body), name
        assert not re.search(r"<[^>]*(\son\w+=|=\"[^\"(]*HOST)", body), name


def test_a_page_keeps_its_look() -> None:
    source = (
        '<html lang="ja" onclick="x"><head><title>out</title><style media="print">h1 > b { color: red }'
        ' p::after { content: "\\201C" }</style></head><body class="a" style="margin: 0">'
        '<h1 id="h"><b>好</b></h1><table border="1"><tr><td colspan="2" align="right">x</td></tr></table>'
        '<ol start="3"><li>x</li></ol><a href="https://example.com/">link</a><font size="7">f</font>'
    )
    page = html_page(source, PageStyle(header="head"), title="t")
    for kept in (
        '<html lang="ja">',
        '<body class="a" style="margin: 0">',
        '<style media="print">h1 > b { color: red } p::after { content: "\\201C" }</style>',
        '<h1 id="h"><b>好</b></h1>',
        '<td colspan="2" align="right">x</td>',
        '<ol start="3">',
        '<a href="https://example.com/">link</a>',
        '<font size="7">f</font>',
    ):
        assert kept in page
    assert "out" not in page
    assert "<header>" not in page


@pytest.mark.parametrize(
    ("css", "expected"),
    [
        ("a { color: red }", "a { color: red }"),
        ("background: url(data:image/png;base64,AA==)", "background: url(data:image/png;base64,AA==)"),
        ("background: url( 'data:image/png,x' )", "background: url( 'data:image/png,x' )"),
        ("background: url(//x/y)", "background: x-url(//x/y)"),
        ("background: url(data:text/html,x)", "background: x-url(data:text/html,x)"),
        ("background: URL('x')", "background: x-URL('x')"),
        (r"background: \75\72\6c(x)", "background: x-url(x)"),
        (r"background: u\rl(x)", "background: x-url(x)"),
        ("background: u/**/rl(x)", "background: u rl(x)"),
        ("@import 'x';", "x-import 'x';"),
        ("background: -webkit-image-set('x' 1x)", "background: -webkit-x-image-set('x' 1x)"),
        (r'content: "\A"', r'content: "\A"'),
        ("a /* b", "a  "),
        ("<//**/style>", "< / style>"),
        ("a { content: '<p></p><!-- 1 < 2' }", "a { content: '< p>< /p>< !-- 1 < 2' }"),
    ],
)  # fmt: skip
def test_css_loads_nothing(css: str, expected: str) -> None:
    assert clean_css(css) == expected


@pytest.mark.parametrize(
    "source",
    ["<div>", "<div></b>", "<b><p>", "<table><tr><td>", "<svg><g>"],
)
def test_deep_html_is_refused_at_once(source: str) -> None:
    """A megabyte of nested elements took the parser three minutes."""
    began = time.process_time()
    with pytest.raises(InputError, match=r"^html_too_deep$") as raised:
        html_page(source * (MAX_TEXT_BYTES // len(source)), STYLE, title="t")
    assert raised.value.placeholders == {"limit": str(MAX_HTML_DEPTH)}
    assert time.process_time() - began < 15


@pytest.mark.parametrize("source", ["<p>", "<td>", "</i>", "<", "<!", "<style>"])
def test_long_html_does_not_take_long(source: str) -> None:
    began = time.thread_time()
    html_page("<p>x</p>" + source * (MAX_TEXT_BYTES // len(source)), STYLE, title="t")
    assert time.thread_time() - began < 15


def test_a_megabyte_of_ampersands_is_refused() -> None:
    """Half of it took the parser two seconds, all of it nine."""
    html_page("&" * 100_000, STYLE, title="t")
    with pytest.raises(InputError, match=r"^html_too_large$"):
        html_page("&" * MAX_TEXT_BYTES, STYLE, title="t")
