"""What a job remembers whose two sides are printed one after the other, with a person between them."""

from collections.abc import Mapping
from dataclasses import dataclass
import re
from typing import Any, Final, NamedTuple, Self, override

from ..api.options import count_selected
from ..api.stored import Record, StoredError
from ..documents.document import Document
from ..documents.two_sides import FACES, TurnSetup, TwoSides

# As the PDF process limits both files together.
MAX_SHEETS: Final = 1000
RANGE: Final = re.compile(r"(?:\d{1,4}-\d{1,4})?", re.ASCII)


class Ranges(NamedTuple):
    """Which pages of the two files are printed, as the service takes them; `fronts` None for none."""

    fronts: str | None
    backs: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ManualDuplex(Record):
    """How two files with a page for every sheet, in the order of printing, make one print.

    `pages` are those of one copy, `sheets` those of all copies. `put_back` says where the printed side has to
    be when the stack is put back, and `lies` that a page's left edge stands for its upper one.
    """

    pages: int
    copies: int
    sheets: int
    put_back: str
    lies: bool = False
    fronts_descending: bool = False
    backs_descending: bool = False

    @classmethod
    def of(cls, split: TwoSides, setup: TurnSetup) -> Self:
        """Return what is remembered of a document that was split."""
        return cls(
            pages=split.pages,
            copies=split.copies,
            sheets=split.sheets,
            put_back=setup.put_back,
            lies=split.lies,
            fronts_descending=setup.fronts_descending,
            backs_descending=setup.backs_descending,
        )

    def count(self, selection: str) -> int:
        """Return how many sheets a range of pages has."""
        return count_selected(selection, self.sheets) or 0

    def pages_and_copies(self, ranges: Ranges) -> tuple[int, int]:
        """Return the pages of a copy and the copies, of a part of the sheets all its pages and 1.

        Blank second sides do not count.
        """
        first, last = self.ends(ranges.backs)
        left = sum(self._has_back(place) for place in range(first, last + 1))
        left += 0 if ranges.fronts is None else self.count(ranges.fronts)
        return (self.pages, self.copies) if left == self.pages * self.copies else (left, 1)

    def _has_back(self, place: int) -> bool:
        """Return whether the sheet whose second side is printed at this place, from 1, has something on it."""
        number = self.sheets + 1 - place if self.backs_descending else place
        return self.pages % 2 == 0 or number % ((self.pages + 1) // 2) != 0

    def again(self, ranges: Ranges, sheet: int, *, backs_only: bool) -> Ranges:
        """Return what is printed when the sheets are printed anew from one on, counted from 1 as they came out.

        `ranges` have no fronts where these were printed already. Where the first half was not finished, the
        sheets before it are kept and get their second sides with the others; where the second one was not,
        they are finished.
        """
        if ranges.fronts is not None and not backs_only:
            first, last = self.ends(ranges.fronts)
            return ranges._replace(fronts=self._range(first + sheet - 1, last))
        first, last = self.ends(ranges.backs)
        first += sheet - 1
        backs = self._range(first, last)
        if backs_only:
            return Ranges(None, backs)
        if self.fronts_descending == self.backs_descending:
            return Ranges(backs, backs)
        return Ranges(self._range(self.sheets + 1 - last, self.sheets + 1 - first), backs)

    @classmethod
    @override
    def from_dict(cls, stored: Mapping[str, object]) -> Self:
        """Read what `as_dict` wrote. Raises StoredError for anything else."""
        read = super().from_dict(stored)
        if (
            read.put_back not in FACES
            or not all(count > 0 for count in (read.pages, read.copies, read.sheets))
            or read.sheets != (read.pages + 1) // 2 * read.copies
            or read.sheets > MAX_SHEETS
        ):
            raise StoredError("no way to print both sides")
        return read

    def check_range(self, selection: str) -> None:
        """Check a stored range of pages. Raises StoredError."""
        if not RANGE.fullmatch(selection):
            raise StoredError("no range of sheets")
        first, last = self.ends(selection)
        if not 1 <= first <= last <= self.sheets:
            raise StoredError("a range beyond the sheets")

    def as_view(self, backs: str, half: int) -> dict[str, Any]:
        """Return what screens show: which half, how many sheets, and how they are put back."""
        return {
            "half": half,
            "sheets": self.count(backs),
            "put_back": self.put_back,
            "edge_first": "left" if self.lies else "top",
        }

    def _range(self, first: int, last: int) -> str:
        """Return pages of a file as the service takes them, "" for all."""
        return "" if (first, last) == (1, self.sheets) else f"{first}-{last}"

    def ends(self, selection: str) -> tuple[int, int]:
        """Return the first and the last page of what `_range` returned."""
        first, _, last = selection.partition("-")
        return (int(first), int(last)) if selection else (1, self.sheets)


class Halves(NamedTuple):
    """What a request to print has besides the first half's document: `align` is for the second one's options."""

    backs: Document
    align: str | None
    manual_duplex: ManualDuplex
