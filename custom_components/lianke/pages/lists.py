"""Pages for to-do lists and calendars. All functions are pure; run them in the executor for long lists."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from html import escape
from typing import Any, Self

from .page import PageStyle, page, style_sheet

# Maximum number of items of a to-do list, or of events of a calendar.
MAX_LIST_ENTRIES = 2000
TWO_COLUMNS_ENTRIES = 22
WEEK_DAYS = 7
TWO_COLUMNS_WIDTH = 140.0
COMPLETED = "completed"

TODO_CSS = style_sheet("todo")
AGENDA_CSS = style_sheet("agenda")
NARROW_AGENDA_CSS = "dl { display: block; } dt { font-weight: bold; } dd { margin-bottom: 0.4em; }"


@dataclass(frozen=True, kw_only=True, slots=True)
class TodoEntry:
    text: str
    done: bool = False
    due: date | datetime | None = None
    description: str = ""

    @classmethod
    def from_item(cls, item: Mapping[str, Any], zone: tzinfo) -> Self:
        """Read an item as the action `todo.get_items` returns it; `zone` is the time zone of the home."""
        return cls(
            text=str(item.get("summary") or ""),
            done=item.get("status") == COMPLETED,
            due=_read_time(item.get("due"), zone),
            description=str(item.get("description") or ""),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class AgendaEntry:
    """An event. `start` and `end` are dates for an all-day event (`end` is the day after it), otherwise local times."""

    start: date | datetime
    end: date | datetime
    text: str
    location: str = ""

    @classmethod
    def from_event(cls, event: Mapping[str, Any], zone: tzinfo) -> Self | None:
        """Read an event as the action `calendar.get_events` returns it; None if it has no start.

        `zone` is the time zone of the home.
        """
        start = _read_time(event.get("start"), zone)
        if start is None:
            return None
        return cls(
            start=start,
            end=_read_time(event.get("end"), zone) or start,
            text=str(event.get("summary") or ""),
            location=str(event.get("location") or ""),
        )

    def falls_on(self, day: date) -> bool:
        first, last = _day(self.start), _day(self.end)
        ends_at_midnight = not isinstance(self.end, datetime) or self.end.time() == time(0)
        if last > first and ends_at_midnight:
            last -= timedelta(days=1)
        return first <= day <= last


def todo_page(entries: Sequence[TodoEntry], style: PageStyle, *, title: str) -> str:
    """Compose a list of tick boxes in large type, grouped by due date if items have one, with done items last.

    A long list on wide paper has two columns, unless `style.columns` is set.
    """
    columns = style.columns or (
        2 if len(entries) >= TWO_COLUMNS_ENTRIES and style.width >= TWO_COLUMNS_WIDTH else 1
    )
    parts = []
    for heading, group in _grouped(entries, style):
        if heading:
            parts.append(f"<h2>{escape(style.text(heading))}</h2>")
        items = "".join(_todo_item(entry, style) for entry in group)
        parts.append(f'<ul class="todo" dir="auto">{items}</ul>')
    css = TODO_CSS
    if columns > 1:
        css += f" main {{ column-count: {columns}; column-gap: 8mm; }}"
    if not entries:
        parts.append(f"<p>{escape(style.text('page_list_empty'))}</p>")
    return page(style, f"<main>{''.join(parts)}</main>", title=title, css=css)


def agenda_page(
    entries: Sequence[AgendaEntry], first: date, days: int, style: PageStyle, *, title: str
) -> str:
    """Compose a list of the events on `days` days from `first`.

    If these are more than a week, days without an event are left out.
    """
    nothing = f'<p class="none">{escape(style.text("page_nothing_planned"))}</p>'
    parts = []
    for offset in range(days):
        day = first + timedelta(days=offset)
        todays = sorted(
            (entry for entry in entries if entry.falls_on(day)),
            # All-day events come first.
            key=lambda one: (isinstance(one.start, datetime), _start_on(one, day), one.text),
        )
        if not todays and days > WEEK_DAYS:
            continue
        rows = "".join(_agenda_row(entry, day, style) for entry in todays)
        content = f'<dl dir="auto">{rows}</dl>' if rows else nothing
        heading = escape(style.date(day))
        long = ' class="long"' if len(todays) > 12 else ""
        parts.append(f"<section{long}><h2>{heading}</h2>{content}</section>")
    if not parts:
        parts.append(nothing)
    css = AGENDA_CSS + (NARROW_AGENDA_CSS if style.narrow else "")
    return page(style, "".join(parts), title=title, css=css)


def _grouped(
    entries: Sequence[TodoEntry], style: PageStyle
) -> list[tuple[str | None, list[TodoEntry]]]:
    today = style.now.date()
    groups: dict[str, list[TodoEntry]] = {
        "page_overdue": [],
        "page_today": [],
        "page_tomorrow": [],
        "page_later": [],
        "page_no_date": [],
        "page_done": [],
    }
    for entry in entries:
        groups[_group(entry, today)].append(entry)
    filled = [(heading, group) for heading, group in groups.items() if group]
    if len(filled) == 1 and filled[0][0] == "page_no_date":
        return [(None, filled[0][1])]
    for heading, group in filled:
        if heading in ("page_overdue", "page_later"):
            group.sort(key=lambda entry: _day(entry.due or today))
    return list(filled)


def _group(entry: TodoEntry, today: date) -> str:
    if entry.done:
        return "page_done"
    if entry.due is None:
        return "page_no_date"
    days = (_day(entry.due) - today).days
    if days < 0:
        return "page_overdue"
    return {0: "page_today", 1: "page_tomorrow"}.get(days, "page_later")


def _todo_item(entry: TodoEntry, style: PageStyle) -> str:
    notes = []
    if entry.due is not None:
        due = entry.due
        notes.append(style.date_time(due) if isinstance(due, datetime) else style.date(due))
    if entry.description:
        notes.append(entry.description)
    small = "".join(f"<small>{escape(note)}</small>" for note in notes)
    done = ' class="done"' if entry.done else ""
    return (
        f'<li{done}><span class="box"></span><div><span class="what">{escape(entry.text)}</span>'
        f"{small}</div></li>"
    )


def _agenda_row(entry: AgendaEntry, day: date, style: PageStyle) -> str:
    place = f"<small>{escape(entry.location)}</small>" if entry.location else ""
    return f'<dt dir="ltr">{escape(_time_text(entry, day, style))}</dt><dd>{escape(entry.text)}{place}</dd>'


def _time_text(entry: AgendaEntry, day: date, style: PageStyle) -> str:
    start, end = entry.start, entry.end
    if not isinstance(start, datetime) or not isinstance(end, datetime):
        return style.text("page_all_day")
    begins = f"{start:%H:%M}" if start.date() == day else "00:00"
    ends = f"{end:%H:%M}" if end.date() == day else "24:00"
    if begins == "00:00" and ends == "24:00":
        return style.text("page_all_day")
    return begins if start == end else f"{begins}–{ends}"


def _start_on(entry: AgendaEntry, day: date) -> time:
    if isinstance(entry.start, datetime) and entry.start.date() == day:
        return entry.start.time()
    return time()


def _day(moment: date | datetime) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _read_time(value: object, zone: tzinfo) -> date | datetime | None:
    """Parse an ISO date, or an ISO date and time, which is converted to `zone`; return None for anything else."""
    if not isinstance(value, str):
        return None
    with suppress(ValueError):
        return date.fromisoformat(value)
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(zone) if moment.tzinfo else moment.replace(tzinfo=zone)
    except ValueError, OverflowError:
        return None
