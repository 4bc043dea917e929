"""Pagination: blocks and lines placed on pages from top to bottom."""

from dataclasses import dataclass
import math


@dataclass(slots=True)
class Paginator:
    """Counts the pages that blocks and lines fill; lengths in mm."""

    height: float
    # What is repeated at the top of each page.
    repeated: float = 0.0
    count: int = 1
    _y: float = 0.0
    # What must stay on the same page as what follows.
    _kept: float = 0.0

    def keep(self, height: float) -> None:
        """Place a block that stays with what follows."""
        self._kept += height

    def put(self, height: float) -> None:
        """Place a block that is not broken unless it is higher than a page."""
        height += self._kept
        self._kept = 0.0
        if self._y + height > self.height:
            if self._y > self.repeated:
                self._next(1)
            if height > (room := max(self.height - self.repeated, self.height / 4)):
                more = math.ceil(height / room) - 1
                self._next(more)
                height -= more * room
        self._y += height

    def put_lines(self, count: int, height: float) -> None:
        """Place lines, of which the first and last two stay together."""
        if count <= 4:
            self.put(count * height)
            return
        self.put(2 * height)
        self._rows(count - 4, height)
        self.put(2 * height)

    def add_pages(self, count: int) -> None:
        """Place whole pages, with a new one behind them."""
        self.put(0.0)
        self._next(count + 1)

    def _rows(self, count: int, height: float) -> None:
        fit = int(max(self.height - self._y, 0.0) / height)
        if count <= fit:
            self._y += count * height
            return
        each = max(1, int(self.height / height))
        pages = math.ceil((count - fit) / each)
        self._next(pages)
        self._y = (count - fit - (pages - 1) * each) * height

    def _next(self, pages: int) -> None:
        self.count += pages
        if pages:
            self._y = self.repeated
