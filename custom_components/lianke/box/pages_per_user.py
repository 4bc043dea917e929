"""Counts of printed pages by month, printer, user and source."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from homeassistant.core import callback

from ..api.coerce import to_list, to_mapping

# Maximum months whose pages are stored; the oldest months are dropped first.
MAX_MONTHS = 36
# Maximum printer, user and source combinations in a month. Beyond that, pages are counted by source alone.
MAX_ROWS = 200
# Maximum user and source combinations in the statistics. Beyond that, pages are counted by source alone.
MAX_TOTALS = 200


class PageRow(NamedTuple):
    month: str
    printer_key: str
    # Empty if the user is unknown.
    user_id: str
    source: str
    pages: int


# Called with the user, the source and the number of pages whenever pages are counted.
type PageListener = Callable[[str, str, int], None]


def month_of(moment: datetime) -> str:
    """Return the month of a local time in the form 2026-11."""
    return f"{moment:%Y-%m}"


class PageCounts:
    """Counts printed pages. The counts are stored with the box, so that they outlive printers and jobs."""

    def __init__(self) -> None:
        self._months: dict[str, Counter[tuple[str, str, str]]] = {}
        # Pages that the long-term statistics show so far, by user and source.
        self.shown: Counter[tuple[str, str]] = Counter()
        # False if `shown` was stored by version 0.2.0 and may include pages that the statistics do not show.
        self.is_shown_for_sure = True
        # Id of the config entry that began the statistics. They continue under this id when the box is added again.
        self.owner = ""
        # None if nobody listens.
        self.on_pages: PageListener | None = None
        # Names of the printers by key, including printers that no longer exist.
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

    def add_shown(self, user_id: str, source: str, pages: int) -> tuple[str, str, int]:
        """Count pages that the statistics now show. Returns the user, the source and their new total.

        The user is "" if there are already MAX_TOTALS other combinations.
        """
        total = (user_id, source)
        if total not in self.shown and len(self.shown) >= MAX_TOTALS:
            total = ("", source)
        self.shown[total] += pages
        return *total, self.shown[total]

    def of_user(self, month: str, user_id: str) -> int:
        rows = self._months.get(month, Counter())
        return sum(pages for (_, who, _), pages in rows.items() if who == user_id)

    def rows_of_months(self, first: str = "", last: str = "9999-99") -> list[PageRow]:
        """Return the rows of the months from `first` to `last`, both included, oldest month first."""
        return [
            PageRow(month, *row, pages)
            for month, rows in sorted(self._months.items())
            if first <= month <= last
            for row, pages in sorted(rows.items())
        ]

    def as_stored(self) -> dict[str, Any]:
        return {
            "rows": [list(row) for row in self.rows_of_months()],
            "shown": [[*who, pages] for who, pages in self.shown.items()],
            "names": self.names,
            "owner": self.owner,
        }

    def load(self, stored: object) -> None:
        """Read what `as_stored` returned, and skip anything that cannot be read."""
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
    """Return the stored rows that consist of `texts` strings and a number."""
    return [
        row
        for row in to_list(stored)
        if isinstance(row, list)
        and len(row) == texts + 1
        and all(isinstance(text, str) for text in row[:-1])
        and isinstance(row[-1], int)
    ]
