"""To-do lists and agendas."""

from datetime import date, datetime, timedelta, timezone
import re

import pytest

from custom_components.lianke.pages.lists import AgendaEntry, TodoEntry, agenda_page, todo_page
from custom_components.lianke.pages.page import PageStyle

CHINA = timezone(timedelta(hours=8))
NOW = datetime(2026, 11, 24, 7, 30, tzinfo=CHINA)
STYLE = PageStyle(language="zh-Hans", now=NOW, header="清单")


def words(page: str) -> list[str]:
    """Return headings and items in the order in which they stand on the page."""
    found = re.findall(r'<h2>(.*?)</h2>|<span class="what">(.*?)</span>', page)
    return [heading or item for heading, item in found]


def test_items_are_read_as_home_assistant_gives_them() -> None:
    item = TodoEntry.from_item(
        {"summary": "体检", "status": "completed", "due": "2026-11-25", "description": "空腹"},
        CHINA,
    )
    assert item == TodoEntry(text="体检", done=True, due=date(2026, 11, 25), description="空腹")
    timed = TodoEntry.from_item({"summary": "x", "due": "2026-11-25T01:00:00+00:00"}, CHINA)
    assert timed.due == datetime(2026, 11, 25, 9, tzinfo=CHINA)
    assert not timed.done
    assert TodoEntry.from_item({}, CHINA) == TodoEntry(text="")
    for unclear in ("someday", "0001-01-01T00:00:00+14:00", "2026-11-25T"):
        assert TodoEntry.from_item({"due": unclear}, CHINA).due is None


def test_a_plain_list_keeps_its_order_and_has_no_headings() -> None:
    entries = [TodoEntry(text=text) for text in ("牛奶", "<script>", "鸡蛋")]
    assert words(todo_page(entries, STYLE, title="t")) == ["牛奶", "&lt;script&gt;", "鸡蛋"]


def test_dated_items_are_grouped() -> None:
    def due(days: int) -> date:
        return NOW.date() + timedelta(days=days)

    entries = [
        TodoEntry(text="later2", due=due(9)),
        TodoEntry(text="done", done=True, due=due(-5)),
        TodoEntry(text="none"),
        TodoEntry(text="today", due=NOW + timedelta(hours=5)),
        TodoEntry(text="tomorrow", due=due(1)),
        TodoEntry(text="later1", due=due(2)),
        TodoEntry(text="old", due=due(-1)),
        TodoEntry(text="older", due=due(-3), description="带 <证件>"),
    ]
    page = todo_page(entries, STYLE, title="t")
    assert words(page) == [
        *("page_overdue", "older", "old"),
        *("page_today", "today"),
        *("page_tomorrow", "tomorrow"),
        *("page_later", "later1", "later2"),
        *("page_no_date", "none"),
        *("page_done", "done"),
    ]
    assert "<small>2026年11月21日 星期六</small><small>带 &lt;证件&gt;</small>" in page
    assert "<small>2026年11月24日 星期二 12:30</small>" in page
    assert '<li class="done">' in page


@pytest.mark.parametrize(
    ("items", "width", "asked", "columns"),
    [
        (40, 210, None, 2),
        (40, 148, None, 2),
        (40, 80, None, 1),
        (10, 210, None, 1),
        (10, 210, 2, 2),
        (40, 210, 1, 1),
    ],
)
def test_columns(items: int, width: float, asked: int | None, columns: int) -> None:
    style = PageStyle(width=width, now=NOW, columns=asked)
    page = todo_page([TodoEntry(text="x")] * items, style, title="t")
    assert ("column-count: 2" in page) is (columns == 2)


def test_an_empty_list_says_so() -> None:
    assert "page_list_empty" in todo_page([], STYLE, title="t")


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=CHINA)


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        (at(24, 9), at(24, 10), [24]),
        (at(24, 22), at(25, 6), [24, 25]),
        (at(24, 22), at(25, 0), [24]),
        (at(24, 22), at(24, 22), [24]),
        (at(24), at(25), [24]),
        (date(2026, 11, 24), date(2026, 11, 25), [24]),
        (date(2026, 11, 24), date(2026, 11, 27), [24, 25, 26]),
        (date(2026, 11, 24), date(2026, 11, 24), [24]),
    ],
)
def test_events_fall_on_their_days(
    start: date | datetime, end: date | datetime, days: list[int]
) -> None:
    entry = AgendaEntry(start=start, end=end, text="x")
    assert [day for day in range(20, 30) if entry.falls_on(date(2026, 11, day))] == days


def rows(page: str) -> list[tuple[str, ...]]:
    """Return days, and times with events, in order."""
    return [
        tuple(part for part in found if part)
        for found in re.findall(
            r"<h2>(.*?)</h2>|<dt[^>]*>(.*?)</dt><dd>(.*?)</dd>|<p class=\"(none)\">", page
        )
    ]


def test_the_agenda() -> None:
    entries = [
        AgendaEntry(start=at(24, 9), end=at(24, 10, 30), text="例会 <b>", location="三楼"),
        AgendaEntry(start=date(2026, 11, 24), end=date(2026, 11, 26), text="出差"),
        AgendaEntry(start=at(25, 22), end=at(26, 6), text="火车"),
        AgendaEntry(start=at(25, 8), end=at(25, 8), text="吃药"),
        AgendaEntry(start=at(24), end=at(25), text="假日"),
    ]
    page = agenda_page(entries, date(2026, 11, 24), 4, STYLE, title="t")
    assert rows(page) == [
        ("2026年11月24日 星期二",),
        ("page_all_day", "出差"),
        ("page_all_day", "假日"),
        ("09:00–10:30", "例会 &lt;b&gt;<small>三楼</small>"),
        ("2026年11月25日 星期三",),
        ("page_all_day", "出差"),
        ("08:00", "吃药"),
        ("22:00–24:00", "火车"),
        ("2026年11月26日 星期四",),
        ("00:00–06:00", "火车"),
        ("2026年11月27日 星期五",),
        ("none",),
    ]


def test_events_are_read_as_home_assistant_gives_them() -> None:
    entry = AgendaEntry.from_event(
        {"start": "2026-11-24T01:00:00+00:00", "end": "2026-11-24T02:00:00+00:00", "summary": "x"},
        CHINA,
    )
    assert entry is not None
    assert isinstance(entry.start, datetime)
    whole = AgendaEntry.from_event(
        {"start": "2026-11-24", "end": "2026-11-25", "location": "y"}, CHINA
    )
    assert whole is not None
    assert whole.start == date(2026, 11, 24)
    assert whole.location == "y"
    assert AgendaEntry.from_event({"summary": "no time"}, CHINA) is None
    endless = AgendaEntry.from_event({"start": "2026-11-24"}, CHINA)
    assert endless is not None
    assert endless.end == endless.start
