"""Pages by month, printer, user and source."""

from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
import pytest

from custom_components.lianke.box import pages_per_user
from custom_components.lianke.box.pages_per_user import PageCounts
from custom_components.lianke.box.storage import BoxStorage
from tests.box.stores import LASER, reread


def add(
    counts: PageCounts,
    month: str = "2026-11",
    key: str = "laser",
    user: str | None = "anna",
    source: str = "user",
    pages: int = 1,
) -> None:
    """Count pages."""
    counts.add(month, key, key.title(), user_id=user, source=source, pages=pages)


def test_pages_are_counted_by_all_that_is_known() -> None:
    counts = PageCounts()
    add(counts, pages=3)
    add(counts, pages=2)
    add(counts, key="label", pages=4)
    add(counts, user=None, source="automation", pages=7)
    add(counts, month="2026-12", pages=1)
    assert counts.of_user("2026-11", "anna") == 9
    assert counts.of_user("2026-10", "anna") == 0
    assert [row.pages for row in counts.rows_of_months("2026-12")] == [1]
    assert [tuple(row) for row in counts.rows_of_months(last="2026-11")] == [
        ("2026-11", "label", "anna", "user", 4),
        ("2026-11", "laser", "", "automation", 7),
        ("2026-11", "laser", "anna", "user", 5),
    ]
    assert counts.names == {"laser": "Laser", "label": "Label"}


def test_months_and_rows_are_bounded() -> None:
    counts = PageCounts()
    for number in range(pages_per_user.MAX_ROWS + 20):
        add(counts, user=f"user {number}")
        counts.add_shown(f"user {number}", "user", 1)
    rows = counts.rows_of_months()
    assert len(rows) == pages_per_user.MAX_ROWS + 1
    assert sum(row.pages for row in rows) == pages_per_user.MAX_ROWS + 20
    [rest] = [row for row in rows if not row.user_id]
    assert (rest.printer_key, rest.pages) == ("", 20)
    stored = counts.as_stored()
    assert len(stored["shown"]) == pages_per_user.MAX_TOTALS + 1
    for number in range(pages_per_user.MAX_MONTHS + 5):
        add(counts, month=f"{2030 + number // 12}-{number % 12 + 1:02}", key=f"{number}")
    assert len({row.month for row in counts.rows_of_months()}) == pages_per_user.MAX_MONTHS
    assert counts.rows_of_months()[0].month == "2030-06"
    # Names of printers that no month has any more are gone as well.
    assert "laser" not in counts.names


@pytest.mark.parametrize(
    "stored",
    [
        None,
        [],
        {"rows": {}, "totals": 3, "names": []},
        {"rows": [["2026-11"], ["2026-11", 1, 2, 3, 4], ["a", "b", "c", "d", "e"], 5]},
    ],
)
def test_what_cannot_be_read_is_skipped(stored: Any) -> None:
    counts = PageCounts()
    counts.load(stored)
    assert counts.rows_of_months() == []


async def test_counts_survive_a_restart_and_the_printer(
    hass: HomeAssistant, storage: BoxStorage, freezer: FrozenDateTimeFactory
) -> None:
    await hass.config.async_set_time_zone("Asia/Shanghai")
    freezer.move_to("2026-11-30 15:59:00+00:00")
    (key,) = storage.match([LASER])
    storage.count_pages(key, "job", 3, user_id="anna", source="user")
    # A minute later it is December there.
    freezer.move_to("2026-11-30 16:00:00+00:00")
    storage.count_pages(key, "job", 3, user_id="anna", source="user")
    storage.count_pages(key, "another", 2, user_id="anna", source="assistant")
    storage.count_pages(key, "unknown", 0, user_id="anna", source="user")
    storage.pages.add_shown("anna", "user", 3)
    storage.forget(key)
    # Somebody says only now that it came out.
    storage.count_pages(key, "late", 5, user_id="anna", source="user", name=LASER.name)
    again = await reread(hass, storage)
    assert [(row.month, row.source, row.pages) for row in again.pages.rows_of_months()] == [
        ("2026-11", "user", 3),
        ("2026-12", "assistant", 2),
        ("2026-12", "user", 5),
    ]
    assert again.pages.names == {key: LASER.name}
    reported: list[tuple[str, str, int]] = []
    again.pages.on_pages = lambda *counted: reported.append(again.pages.add_shown(*counted))
    add(again.pages, pages=1)
    assert reported == [("anna", "user", 4)]
