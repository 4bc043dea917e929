"""Page selections: what people write, and how many pages they cover."""

import time

import pytest

from custom_components.lianke.api.options import count_selected, most_selected, parse_page_range


@pytest.mark.parametrize(
    ("text", "selection"),
    [
        ("", ""),
        (" all ", ""),
        ("odd", "-1"),
        ("Even", "-2"),
        ("1-3,5", "1-3,5"),
        (" 1 - 3 , 5 ", "1-3,5"),
        ("1－3，5、7；9", "1-3,5,7,9"),
        ("1–3", "1-3"),
        ("2,2", "2,2"),
    ],
)
def test_page_ranges(text: str, selection: str) -> None:
    assert parse_page_range(text) == selection


@pytest.mark.parametrize(
    ("selection", "pages", "count"),
    [
        ("", 7, 7),
        ("-1", 7, 4),
        ("-2", 7, 3),
        ("1-3,5", 7, 4),
        ("1-3,2-5", 7, 5),
        ("5-9", 7, 3),
        ("8", 7, 0),
        ("1-3", None, None),
        ("", None, None),
        ("1-99999", 3, 3),
    ],
)
def test_count_selected(selection: str, pages: int | None, count: int | None) -> None:
    assert count_selected(selection, pages) == count


@pytest.mark.parametrize(
    ("selection", "pages", "count"),
    [("", None, None), ("-1", None, None), ("1-3,2-5,9", None, 6), ("1-3", 2, 2), ("-2", 7, 3)],
)
def test_most_selected(selection: str, pages: int | None, count: int | None) -> None:
    """A range bounds the pages of a document whose length nobody knows."""
    assert most_selected(selection, pages) == count


def test_a_range_of_many_pieces_is_counted_at_once() -> None:
    started = time.thread_time()
    assert most_selected(",".join(["1-99999"] * 100), None) == 99999
    assert time.thread_time() - started < 0.05
