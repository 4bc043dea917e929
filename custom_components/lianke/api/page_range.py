"""Page selections: which pages of a document are printed."""

import re
from typing import Final

from .errors import OptionError

MAX_PIECES: Final = 100
MAX_PAGE: Final = 99999

_BLANKS = re.compile(r"\s+")
_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_ODD, _EVEN = "-1", "-2"


def parse_page_range(text: str) -> str:
    """Return a page selection as the service takes it: `1-3,5`, "" all, `odd` and `even` as -1 and -2.

    Chinese commas and long dashes are understood. Raises OptionError ("invalid_page_range").
    """
    clean = _BLANKS.sub("", text).translate(str.maketrans("，、;；－–—~～", ",,,,-----")).casefold()
    if clean in ("", "all"):
        return ""
    if clean in ("odd", "even"):
        return _ODD if clean == "odd" else _EVEN
    pieces = clean.split(",")
    if len(pieces) > MAX_PIECES or not all(_is_piece(piece) for piece in pieces):
        raise OptionError(
            "invalid_page_range", option="pages", value=text, allowed=["1-3,5", "odd", "even"]
        )
    return clean


def _is_piece(piece: str) -> bool:
    """Return whether a piece is a page or a range of pages in ascending order."""
    found = _RANGE.fullmatch(piece)
    return piece.isascii() and found is not None and 1 <= int(found[1]) <= int(found[2] or found[1])


def count_selected(selection: str, pages: int | None) -> int | None:
    """Return how many of a document's pages a selection (`page_range`'s result) takes; None when that is unknown."""
    if pages is None:
        return None
    if selection in (_ODD, _EVEN):
        return (pages + 1) // 2 if selection == _ODD else pages // 2
    if not selection:
        return pages
    return _covered(selection, pages)


def select_pages(selection: str, pages: int) -> list[int]:
    """Return the numbers of the pages, from 1 and ascending, that a selection takes of so many."""
    if selection in (_ODD, _EVEN):
        return list(range(1 if selection == _ODD else 2, pages + 1, 2))
    if not selection:
        return list(range(1, pages + 1))
    taken: set[int] = set()
    for first, last in map(_span, selection.split(",")):
        taken.update(range(first, min(last, pages) + 1))
    return sorted(taken)


def most_selected(selection: str, pages: int | None) -> int | None:
    """Return how many pages a selection takes at most; `pages` is the most a document has, None if nobody knows."""
    if pages is None and selection not in ("", _ODD, _EVEN):
        return _covered(selection, MAX_PAGE)
    return count_selected(selection, pages)


def _covered(selection: str, pages: int) -> int:
    """Return how many of so many pages the pieces of a selection cover."""
    covered = end = 0
    for first, last in sorted(_span(piece) for piece in selection.split(",")):
        begin, end_here = max(first, end + 1), min(last, pages)
        covered += max(0, end_here - begin + 1)
        end = max(end, end_here)
    return covered


def _span(piece: str) -> tuple[int, int]:
    """Return first and last page of a piece."""
    first, _, last = piece.partition("-")
    return int(first), int(last or first)
