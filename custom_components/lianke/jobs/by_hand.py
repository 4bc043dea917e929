"""What a job remembers whose two sides are printed one after the other, with a person between them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
import re
from typing import Any, Final, NamedTuple, Self

from ..api.options import count_selected
from ..documents.document import Document
from ..documents.two_sides import FACES, TurnSetup, TwoSides
from .record import RecordError, expect

# As the PDF process limits both files together.
MAX_SHEETS: Final = 1000
RANGE: Final = re.compile(r"(?:\d{1,4}-\d{1,4})?", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class ByHand:
    """A job's two halves: each a file with a page for every sheet, in the order of printing.

    `half` is the one that is printed or waits, 1 or 2. `pages` are those of one copy, `sheets` those of
    all copies. The ranges say which of the files' pages are printed, as the service takes them. `put_back`
    says where the printed side has to be when the stack is put back, and `lies` that a page's left edge
    stands for its upper one. `first_task_id` and `first_token` are those of the first half once it is over,
    `first_from_list` says that only the list of tasks has shown its end.
    """

    half: int = 1
    pages: int
    copies: int
    sheets: int
    put_back: str
    lies: bool = False
    fronts_descending: bool = False
    backs_descending: bool = False
    front_size: int
    back_size: int
    front_range: str = ""
    back_range: str = ""
    back_align: str | None = None
    first_task_id: str | None = None
    first_token: str | None = field(default=None, repr=False)
    first_from_list: bool = False

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
            front_size=split.fronts.size,
            back_size=split.backs.size,
            back_align=split.back_align,
        )

    @property
    def range(self) -> str:
        """Return which pages of the present half's file are printed."""
        return self.front_range if self.half == 1 else self.back_range

    @property
    def size(self) -> int:
        """Return the bytes of the present half's file."""
        return self.front_size if self.half == 1 else self.back_size

    @property
    def task_pages(self) -> int:
        """Return how many pages the task of the present half has, blank ones included."""
        return count_selected(self.range, self.sheets) or 0

    @property
    def waiting_sheets(self) -> int:
        """Return how many sheets are to be turned over."""
        return count_selected(self.back_range, self.sheets) or 0

    @property
    def pages_left(self) -> int:
        """Return how many pages this half and what follows print, without blank ones."""
        first, last = _ends(self.back_range, self.sheets)
        backs = sum(self._has_back(place) for place in range(first, last + 1))
        fronts = 0 if self.half == 2 else count_selected(self.front_range, self.sheets) or 0
        return fronts + backs

    @property
    def pages_and_copies(self) -> tuple[int, int]:
        """Return the pages of a copy and the copies, of a part of the sheets all its pages and 1."""
        left = self.pages_left
        return (self.pages, self.copies) if left == self.pages * self.copies else (left, 1)

    def _has_back(self, place: int) -> bool:
        """Return whether the sheet whose second side is printed at this place, from 1, has something on it."""
        number = self.sheets + 1 - place if self.backs_descending else place
        return self.pages % 2 == 0 or number % ((self.pages + 1) // 2) != 0

    def count(self, *, backs_only: bool) -> int:
        """Return how many sheets come out in the half that is printed anew."""
        return self.waiting_sheets if backs_only else self.task_pages

    def again(self, sheet: int, *, backs_only: bool) -> Self:
        """Return how the sheets are printed anew from one on, counted from 1 as they came out.

        Where the first half was not finished, the sheets before it are kept and get their second sides with
        the others; where the second one was not, they are finished.
        """
        fresh = replace(self, half=1, first_task_id=None, first_token=None, first_from_list=False)
        if self.half == 1 and not backs_only:
            first, last = _ends(self.front_range, self.sheets)
            return replace(fresh, front_range=_range(first + sheet - 1, last, self.sheets))
        first, last = _ends(self.back_range, self.sheets)
        first += sheet - 1
        backs = _range(first, last, self.sheets)
        if backs_only:
            return replace(fresh, half=2, back_range=backs)
        if self.fronts_descending == self.backs_descending:
            return replace(fresh, front_range=backs, back_range=backs)
        fronts = _range(self.sheets + 1 - last, self.sheets + 1 - first, self.sheets)
        return replace(fresh, front_range=fronts, back_range=backs)

    @classmethod
    def from_record(cls, record: object) -> Self:
        """Read what was stored. Raises RecordError for anything that would not have been written."""
        if not isinstance(record, Mapping):
            raise RecordError("the halves are malformed")
        try:
            stored = cls(**record)
        except TypeError as err:
            raise RecordError("the halves have other fields") from err
        counts = (stored.pages, stored.copies, stored.sheets, stored.front_size, stored.back_size)
        if (
            stored.half not in (1, 2)
            or stored.put_back not in FACES
            or not all(type(count) is int and count > 0 for count in counts)
            or stored.sheets != (stored.pages + 1) // 2 * stored.copies
            or stored.sheets > MAX_SHEETS
        ):
            raise RecordError("the halves are malformed")
        _check_rest(stored)
        return stored

    def as_view(self) -> dict[str, Any]:
        """Return what screens show: which half, how many sheets, and how they are put back."""
        return {
            "half": self.half,
            "sheets": self.waiting_sheets,
            "put_back": self.put_back,
            "edge_first": "left" if self.lies else "top",
        }


class Halves(NamedTuple):
    """What a request to print has besides the first half's document."""

    backs: Document
    by_hand: ByHand


def _check_rest(stored: ByHand) -> None:
    """Raise RecordError for ranges, flags and texts of other types."""
    for name in ("front_range", "back_range"):
        selection = expect(name, getattr(stored, name), str)
        if not RANGE.fullmatch(selection):
            raise RecordError(f"{name} is no range")
        first, last = _ends(selection, stored.sheets)
        if not 1 <= first <= last <= stored.sheets:
            raise RecordError(f"{name} is beyond the sheets")
    for name in ("lies", "fronts_descending", "backs_descending", "first_from_list"):
        expect(name, getattr(stored, name), bool)
    for name in ("back_align", "first_task_id", "first_token"):
        if getattr(stored, name) is not None:
            expect(name, getattr(stored, name), str)


def _range(first: int, last: int, sheets: int) -> str:
    """Return pages of a file as the service takes them, "" for all."""
    return "" if (first, last) == (1, sheets) else f"{first}-{last}"


def _ends(selection: str, sheets: int) -> tuple[int, int]:
    """Return the first and the last page of what `_range` returned."""
    first, _, last = selection.partition("-")
    return (int(first), int(last)) if selection else (1, sheets)
