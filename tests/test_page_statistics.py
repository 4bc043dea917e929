"""Pages by user in Home Assistant's long-term statistics, for those who want them there."""

from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock, patch

from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import DATA_INSTANCE
import pytest
from pytest_homeassistant_custom_component.common import MockUser

from custom_components.lianke import page_statistics
from tests.conftest import set_up
from tests.household import House

ADD = "homeassistant.components.recorder.statistics._async_import_statistics"
USER = "0123456789abcdef0123456789abcdef"


async def count(house: House, job: str, **who: Any) -> list[Any]:
    """Count three pages; return what the recorder was handed."""
    key = next(iter(house.data.storage.printers))
    with patch(ADD) as added:
        house.data.storage.count_pages(key, job, 3, **who)
        await house.hass.async_block_till_done(wait_background_tasks=True)
    return [
        (metadata, list(rows)) for _, metadata, rows in (call.args for call in added.mock_calls)
    ]


@pytest.fixture
def recorder(hass: HomeAssistant) -> None:
    """Have a recorder set up, as far as can be seen."""
    hass.data[DATA_INSTANCE] = Mock()  # type: ignore[misc]


async def test_statistics_are_off_at_first(recorder: None, house: House) -> None:
    assert not await count(house, "job", user_id=USER, source="user")


async def test_pages_of_each_user_add_up(
    recorder: None, monkeypatch: pytest.MonkeyPatch, house: House
) -> None:
    MockUser(id=USER, name="Anna").add_to_hass(house.hass)
    house.set_options({"page_statistics": True})
    clock = Mock()
    monkeypatch.setattr(page_statistics, "dt_util", clock)
    clock.utcnow.return_value = datetime(2026, 11, 26, 10, 59, 1, tzinfo=UTC)
    [(metadata, [row])] = await count(house, "1", user_id=USER, source="user")
    assert metadata["statistic_id"] == f"lianke:pages_{house.entry.entry_id.lower()}_user_{USER}"
    assert (metadata["source"], metadata["name"]) == ("lianke", "Office box: Anna")
    assert (metadata["has_sum"], metadata["unit_of_measurement"]) == (True, "pages")
    assert (row["sum"], row["start"].isoformat()) == (3, "2026-11-26T10:00:00+00:00")
    clock.utcnow.return_value = datetime(2026, 11, 26, 11, 0, tzinfo=UTC)
    [(_, [row])] = await count(house, "2", user_id=USER, source="user")
    assert (row["sum"], row["start"].isoformat()) == (6, "2026-11-26T11:00:00+00:00")
    # The same job again, and another source of the same user.
    assert not await count(house, "2", user_id=USER, source="user")
    [(metadata, [row])] = await count(house, "3", user_id=USER, source="assistant")
    assert (metadata["name"], row["sum"]) == ("Office box: Anna (Assistants)", 3)
    [(metadata, _)] = await count(house, "4", source="automation")
    assert metadata["statistic_id"] == f"lianke:pages_{house.entry.entry_id.lower()}_automation"
    [(metadata, _)] = await count(house, "5", source="lan_printer")
    assert metadata["name"] == "Office box: Devices of the home network"


async def test_without_a_recorder_pages_are_counted_all_the_same(house: House) -> None:
    house.set_options({"page_statistics": True})
    assert not await count(house, "1", user_id=USER, source="user")
    assert [row.pages for row in house.data.storage.pages.rows()] == [3]
    await house.hass.config_entries.async_unload(house.entry.entry_id)
    assert await set_up(house.hass, house.entry)
    assert [row.pages for row in house.data.storage.pages.rows()] == [3]
