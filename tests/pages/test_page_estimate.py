"""The bound of pages is never lower than what a browser prints."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
import random

from hypothesis import HealthCheck, given, settings, strategies as st
import pypdfium2
import pytest

from custom_components.lianke.pages.compose import html_page, markdown_page, text_page
from custom_components.lianke.pages.csv_table import csv_page
from custom_components.lianke.pages.lists import AgendaEntry, TodoEntry, agenda_page, todo_page
from custom_components.lianke.pages.page import PageStyle, paper_size
from custom_components.lianke.pages.page_estimate import pages_at_most
from tests import needs
from tests.documents.browser import draw
from tests.examples import examples
from tests.papers import paper

NOW = datetime(2026, 11, 24, 7, 30, tzinfo=UTC)
WORDS = (
    *("the", "of", "Wednesday", "WWWWW", "internationalisation", "a", "I", "值班", "通知，"),
    *("（请相互转告）", "﷽", "Ünïcödé", "🖨️", "한국어"),
)


def style(width: float, height: float, header: str | None = "Title") -> PageStyle:
    """Return the style of a paper of that size in mm."""
    across, along, side, top = paper_size(paper(round(width * 10), round(height * 10)))
    return PageStyle(
        width=across, height=along, margin_side=side, margin_top=top, now=NOW, header=header
    )


A4, RECEIPT, LABEL = style(210, 297), style(80, 297), style(60, 40)


def words(count: int, seed: int = 4) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=count))


def table(rows: int, columns: int, seed: int) -> str:
    chance = random.Random(seed)
    return "\n".join(
        ",".join(
            " ".join(chance.choices(WORDS, k=chance.choice((1, 1, 2, 9)))) for _ in range(columns)
        )
        for _ in range(rows)
    )


MARKDOWN = (
    "# Heading\n\n"
    + words(60)
    + "\n\n## Part\n\n- a\n- b\n  - "
    + words(30)
    + "\n\n> "
    + words(40)
    + "\n\n```\ncode "
    + "x" * 300
    + "\n\tmore\n```\n\n| a | b |\n|:--|--:|\n| "
    + words(20)
    + " | "
    + words(3)
    + " |\n\n![](qr:hello) `code` "
    + words(20)
    + "\n\n---\n\n"
)
TODOS = [
    TodoEntry(
        text=words(1 + n % 9, n), due=NOW + timedelta(days=n % 5), description=words(n % 20, n)
    )
    for n in range(60)
]
EVENTS = [
    AgendaEntry(
        start=NOW + timedelta(hours=7 * n),
        end=NOW + timedelta(hours=7 * n + 1),
        text=words(8, n),
        location=words(n % 6, n),
    )
    for n in range(30)
]

ADDRESSES = "Name,Page\n" + "\n".join(
    f"Shop {n},https://example.com/a/rather/long/address/of/shop/{n}" for n in range(60)
)
PRICES = "Item,Piece,Price,Note\n" + "\n".join(
    f"Article number {n},{n % 7},{n * 1.37:.2f},{words(3, n) if n % 4 else ''}" for n in range(400)
)

CASES = {
    "text": lambda s: text_page(words(3000), s, title="t"),
    "log": lambda s: text_page("\n".join(words(n % 15, n) for n in range(900)), s, title="t"),
    # Nothing is wrapped: all that is lost is what does not fill a page.
    "lines": lambda s: text_page("x\n" * 1200, s, title="t"),
    "items": lambda s: markdown_page("- x\n" * 600, s, title="t"),
    "letters": lambda s: text_page("W" * 9000 + "\n" + "𒐫" * 500, s, title="t"),
    "chinese": lambda s: text_page(
        "这是一段很长的文字，用来检查自动换行（“准时”）！" * 600, s, title="t"
    ),
    "markdown": lambda s: markdown_page(MARKDOWN * 12, s, title="t"),
    "headings": lambda s: markdown_page("# A\n\n## B\n\n### C\n\n" * 90, s, title="t"),
    "codes": lambda s: markdown_page("![](qr:a) " * 25, s, title="t"),
    "prices": lambda s: csv_page(PRICES, s, title="t"),
    "csv": lambda s: csv_page(table(300, 5, 1), s, title="t"),
    "csv-wide": lambda s: csv_page(table(80, 14, 2), s, title="t"),
    "csv-addresses": lambda s: csv_page(ADDRESSES, s, title="t"),
    "todo": lambda s: todo_page(TODOS, s, title="t"),
    "agenda": lambda s: agenda_page(EVENTS, NOW.date(), 7, s, title="t"),
    "html": lambda s: html_page(f"<h1>A</h1><p>{words(900)}</p>" * 5, s, title="t"),
}


PAPERS = {
    "A4": A4,
    "receipt": RECEIPT,
    "label": LABEL,
    "A4, huge type": replace(A4, text_size="huge"),
}


def printed(html: str, folder: Path) -> int:
    return len(pypdfium2.PdfDocument(draw(html, folder)))


@pytest.mark.browser
@needs.chromium
@needs.one_chromium
@pytest.mark.parametrize("name", CASES)
def test_never_fewer_than_a_browser_prints(tmp_path: Path, name: str) -> None:
    """What is made here is bounded by the print limits before anybody has laid it out."""
    for on, sheet in PAPERS.items():
        html = CASES[name](sheet)
        most = pages_at_most(html, sheet)
        assert most is not None, on
        assert printed(html, tmp_path) <= most, on


WORD = st.sampled_from(WORDS) | st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30
)
TEXT = st.lists(WORD, min_size=1, max_size=80).map(" ".join)
BLOCK = st.one_of(
    TEXT,
    st.builds(lambda level, text: "#" * level + " " + text, st.integers(1, 6), TEXT),
    st.lists(TEXT, min_size=1, max_size=6).map(
        lambda items: "\n".join(f"- {one}" for one in items)
    ),
    st.lists(TEXT, min_size=1, max_size=4).map(
        lambda deep: "\n".join("  " * n + f"- {one}" for n, one in enumerate(deep))
    ),
    TEXT.map(lambda text: f"> {text}"),
    TEXT.map(lambda text: f"```\n{text}\n\n{text}\n```"),
    st.just("![](qr:hello) `code` ![](qr:more)"),
    st.just("---"),
)
ROWS = st.lists(
    st.lists(st.lists(WORD, max_size=8).map(" ".join), min_size=1, max_size=9),
    min_size=1,
    max_size=30,
)
MADE = st.one_of(
    st.lists(TEXT, min_size=1, max_size=20).map(
        lambda lines: partial(text_page, "\n".join(lines), title="t")
    ),
    st.lists(BLOCK, min_size=1, max_size=20).map(
        lambda blocks: partial(markdown_page, "x\n\n" + "\n\n".join(blocks), title="t")
    ),
    ROWS.map(
        lambda rows: partial(
            csv_page,
            "\n".join(
                "x;" + ";".join(one.replace(";", "").replace('"', "") for one in row)
                for row in rows
            ),
            title="t",
        )
    ),
    st.lists(
        st.builds(TodoEntry, text=TEXT, description=st.just("") | TEXT), min_size=1, max_size=40
    ).map(lambda items: partial(todo_page, items, title="t")),
    st.lists(TEXT, min_size=1, max_size=20).map(
        lambda texts: partial(
            agenda_page,
            [AgendaEntry(start=NOW, end=NOW, text=one, location=one) for one in texts],
            NOW.date(),
            2,
            title="t",
        )
    ),
)


@pytest.mark.browser
@needs.chromium
@needs.one_chromium
# Seven other processes of the full form may be at work beside it, and its largest pages take seconds each.
@pytest.mark.timeout(900)
@settings(max_examples=examples(20), deadline=None, suppress_health_check=[*HealthCheck])
@given(make=MADE, on=st.sampled_from([*PAPERS]), times=st.sampled_from([1, 5]))
def test_whatever_is_written_takes_no_more_pages(
    tmp_path_factory: pytest.TempPathFactory,
    make: Callable[[PageStyle], str],
    on: str,
    times: int,
) -> None:
    sheet = PAPERS[on]
    html = make(sheet)
    head, mark, body = html.partition("<body>\n")
    html = head + mark + body.replace("\n</body>\n</html>\n", "") * times + "\n</body>\n</html>\n"
    most = pages_at_most(html, sheet)
    if most is not None:
        assert printed(html, tmp_path_factory.getbasetemp()) <= most


DELIVER = "please deliver to the back door on Monday morning "
USUAL = {
    "letter": text_page(
        ("Dear Mrs Miller, we would like to invite you to our meeting on Thursday. " * 6 + "\n\n")
        * 5,
        A4,
        title="t",
    ),
    "notice": text_page(
        ("各位家长：根据学校安排，本周五下午三点召开家长会，请准时参加。" * 5 + "\n") * 6,
        A4,
        title="t",
    ),
    "briefing": markdown_page(
        "# Briefing\n\n## Weather\n\n"
        + "Sunny with some clouds, wind from the west.\n\n" * 3
        + "## Calendar\n\n"
        + "".join(f"- {hour}:00 Meeting with somebody\n" for hour in range(9, 18)),
        A4,
        title="t",
    ),
    "shopping": todo_page(
        [TodoEntry(text=f"Milk and bread {n}") for n in range(20)], A4, title="t"
    ),
    "week": agenda_page(
        [
            AgendaEntry(
                start=NOW + timedelta(hours=9 * n),
                end=NOW + timedelta(hours=9 * n + 1),
                text="Dentist with Anna",
                location="Main street 5",
            )
            for n in range(14)
        ],
        NOW.date(),
        7,
        A4,
        title="t",
    ),
    "contacts": csv_page(
        "Name,Phone,City\n" + "".join(f"Anna Miller,138001380{n:02},Shanghai\n" for n in range(40)),
        A4,
        title="t",
    ),
    "orders": csv_page(
        "Name,Piece,Price,Note\n"
        + "".join(f"Article {n},{n},12.50,{DELIVER * (n % 3)}\n" for n in range(40)),
        A4,
        title="t",
    ),
    "class": csv_page(
        "姓名,电话,班级,备注\n"
        + "".join(
            f"张小明,13800138000,三年级{n}班,{'请家长在周五之前交回执' * (n % 3)}\n"
            for n in range(40)
        ),
        A4,
        title="t",
    ),
}


@pytest.mark.parametrize("name", USUAL)
def test_usual_pages_are_far_from_a_limit_of_a_hundred(name: str) -> None:
    """Each is one to three pages, and neither refused nor held."""
    most = pages_at_most(USUAL[name], A4)
    assert most is not None
    assert most <= 10


@pytest.mark.parametrize(
    ("html", "known"),
    [
        ("<p>short", True),
        ("<p style='height: 90000mm'>x", False),
        ("<style>p { break-after: page }</style><p>x", False),
        # What the cleaner takes away has no size.
        ("<svg height=99999></svg>x", True),
        ("<font size=7>x</font>", False),
        ("<table><tr><td><table><tr><td>x</table></table>", False),
        ("<img height=99999 src='data:image/png;base64,AA'>", False),
        ("<body style='zoom: 90'>x", False),
        ("<html style='font-size: 900px'><body>x", False),
        ("<textarea rows=9999></textarea>x", True),
        ("<hr size=9999>", False),
        # The page's own classes, in places where they say something else than there.
        ("<div class=plain>x</div>", True),
        ("<p>a <span class='b plain'>x\n\ny</span>", True),
        ("<div class=plain><div class=plain>x</div>y\n\nz</div>", True),
        ("<q>It puts its own marks around</q>", False),
        ("<div class='qr b'>narrow</div>", False),
        ("<img class=qr data-qr src='data:image/png;base64,AA'>", False),
        ("<img src=qr:a>", True),
    ],
)
def test_html_with_a_mind_of_its_own_has_no_estimate(html: str, known: bool) -> None:
    estimate = pages_at_most(html_page(html, A4, title="t"), A4)
    assert estimate == (1 if known else None)


def test_lines_that_a_class_keeps_are_counted() -> None:
    """Of HTML that somebody sends, as of a text."""
    for html in ("<div class=plain>x{}y</div>", "<p>x <span class='b plain'>{}y</span>"):
        page = html_page(html.format("\n" * 500), A4, title="t")
        assert (pages_at_most(page, A4) or 0) >= 8


def test_a_short_page_is_one_page() -> None:
    """A line of text is not refused where a single page may be printed."""
    assert pages_at_most(text_page("Please ring twice", A4, title="t"), A4) == 1
    assert pages_at_most(text_page("Milk", style(40, 30, None), title="t"), style(40, 30)) == 1


@pytest.mark.parametrize("columns", ["--:|:--", ":-:|---"])
def test_columns_of_a_table_may_be_aligned(columns: str) -> None:
    page = markdown_page(f"|a|b|\n|{columns}|\n|1|2|", A4, title="t")
    assert "text-align" in page
    assert pages_at_most(page, A4) == 1


@pytest.mark.parametrize("sheet", [A4, RECEIPT, LABEL])
def test_a_megabyte_is_estimated_soon(sheet: PageStyle) -> None:
    estimate = pages_at_most(text_page("log line\n" * 110_000, sheet, title="t"), sheet)
    assert estimate is not None
    assert estimate > 1000
