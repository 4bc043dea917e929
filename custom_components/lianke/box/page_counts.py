"""Pages that were printed, by month, printer, user and source."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from homeassistant.core import callback

from ..api.coerce import to_list, to_mapping

MAX_MONTHS = 36
# Combinations of printer, user and source in a month; the pages of more count for nobody.
MAX_ROWS = 200
# Combinations of user and source that statistics show.
MAX_TOTALS = 200


class PageRow(NamedTuple):
    """Pages of a month; the user is empty where nobody is known."""

    month: str
    printer_key: str
    user_id: str
    source: str
    pages: int


# Called with a user, a source and their pages whenever some are counted.
type PageListener = Callable[[str, str, int], None]


def month_of(moment: datetime) -> str:
    """Return the month of a local time, such as 2026-11."""
    return f"{moment:%Y-%m}"


class PageCounts:
    """Counts pages; part of the stored data of a box, so that it outlives printers and jobs."""

    def __init__(self) -> None:
        self._months: dict[str, Counter[tuple[str, str, str]]] = {}
        # What statistics have shown so far; as 0.2.0 has counted it, also what they have not.
        self.shown: Counter[tuple[str, str]] = Counter()
        self.is_shown_for_sure = True
        # The entry that statistics were begun by: they go on under its id when the box is added again.
        self.owner = ""
        # None where nobody is to be told.
        self.on_pages: PageListener | None = None
        # Names of printers that may be gone by now.
        self.names: dict[str, str] = {}

    @callback
    def add(
        self, month: str, key: str, name: str, *, user_id: str | None, source: str, pages: int
    ) -> None:
        who = user_id or ""
        rows = self._months.setdefault(month, Counter())
        row = (key, who, source)
        if row not in rows and len(rows) >= MAX_ROWS:
            row = ("", "", source)
        rows[row] += pages
        for oldest in sorted(self._months)[:-MAX_MONTHS]:
            del self._months[oldest]
        self.names[key] = name
        known = {printer for rows in self._months.values() for printer, _, _ in rows}
        self.names = {key: name for key, name in self.names.items() if key in known}
        if self.on_pages is not None:
            self.on_pages(who, source, pages)

    def show(self, user_id: str, source: str, pages: int) -> tuple[str, str, int]:
        """Count pages that statistics show; return the user, the source, and all that were shown of them."""
        total = (user_id, source)
        if total not in self.shown and len(self.shown) >= MAX_TOTALS:
            total = ("", source)
        self.shown[total] += pages
        return *total, self.shown[total]

    def of_user(self, month: str, user_id: str) -> int:
        """Return the pages of a user in a month."""
        rows = self._months.get(month, Counter())
        return sum(pages for (_, who, _), pages in rows.items() if who == user_id)

    def rows(self, first: str = "", last: str = "9999-99") -> list[PageRow]:
        """Return the pages of these months and all between, oldest first."""
        return [
            PageRow(month, *row, pages)
            for month, rows in sorted(self._months.items())
            if first <= month <= last
            for row, pages in sorted(rows.items())
        ]

    def as_stored(self) -> dict[str, Any]:
        """Return plain JSON data for storage."""
        return {
            "rows": [list(row) for row in self.rows()],
            "shown": [[*who, pages] for who, pages in self.shown.items()],
            "names": self.names,
            "owner": self.owner,
        }

    def load(self, stored: object) -> None:
        """Read what `as_stored` returned; what cannot be read is skipped."""
        found = to_mapping(stored)
        for month, key, who, source, pages in _rows(found.get("rows"), 4):
            self._months.setdefault(month, Counter())[key, who, source] += pages
        self.is_shown_for_sure = "shown" in found
        owner = found.get("owner")
        self.owner = owner if isinstance(owner, str) else ""
        for who, source, pages in _rows(found.get("shown", found.get("totals")), 2):
            self.shown[who, source] += pages
        self.names = {str(key): str(name) for key, name in to_mapping(found.get("names")).items()}


def _rows(stored: object, texts: int) -> list[Any]:
    """Return the stored rows that are so many texts and a number."""
    return [
        row
        for row in to_list(stored)
        if isinstance(row, list)
        and len(row) == texts + 1
        and all(isinstance(text, str) for text in row[:-1])
        and isinstance(row[-1], int)
    ]
