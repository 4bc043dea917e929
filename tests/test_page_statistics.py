"""Pages by user in Home Assistant's long-term statistics, for those who want them there."""

from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock, patch

from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import DATA_INSTANCE
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.lianke import page_statistics
from custom_components.lianke.runtime import LiankeData
from tests.conftest import set_up

ADD = "homeassistant.components.recorder.statistics._async_import_statistics"
USER = "0123456789abcdef0123456789abcdef"


async def count(hass: HomeAssistant, data: LiankeData, job: str, **who: Any) -> list[Any]:
    """Count three pages; return what the recorder was handed."""
    key = next(iter(data.storage.printers))
    with patch(ADD) as added:
        data.storage.count_pages(key, job, 3, **who)
        await hass.async_block_till_done(wait_background_tasks=True)
    return [
        (metadata, list(rows)) for _, metadata, rows in (call.args for call in added.mock_calls)
    ]


@pytest.fixture
def recorder(hass: HomeAssistant) -> None:
    """Have a recorder set up, as far as can be seen."""
    hass.data[DATA_INSTANCE] = Mock()  # type: ignore[misc]


async def test_statistics_are_off_at_first(
    hass: HomeAssistant, recorder: None, data: LiankeData
) -> None:
    assert not await count(hass, data, "job", user_id=USER, source="user")


async def test_pages_of_each_user_add_up(
    hass: HomeAssistant,
    recorder: None,
    setup: MockConfigEntry,
    data: LiankeData,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    MockUser(id=USER, name="Anna").add_to_hass(hass)
    hass.config_entries.async_update_entry(setup, options={"page_statistics": True})
    clock = Mock()
    monkeypatch.setattr(page_statistics, "dt_util", clock)
    clock.utcnow.return_value = datetime(2026, 11, 26, 10, 59, 1, tzinfo=UTC)
    [(metadata, [row])] = await count(hass, data, "1", user_id=USER, source="user")
    assert metadata["statistic_id"] == f"lianke:pages_{setup.entry_id.lower()}_user_{USER}"
    assert (metadata["source"], metadata["name"]) == ("lianke", "Office box: Anna")
    assert (metadata["has_sum"], metadata["unit_of_measurement"]) == (True, "pages")
    assert (row["sum"], row["start"].isoformat()) == (3, "2026-11-26T10:00:00+00:00")
    clock.utcnow.return_value = datetime(2026, 11, 26, 11, 0, tzinfo=UTC)
    [(_, [row])] = await count(hass, data, "2", user_id=USER, source="user")
    assert (row["sum"], row["start"].isoformat()) == (6, "2026-11-26T11:00:00+00:00")
    # The same job again, and another source of the same user.
    assert not await count(hass, data, "2", user_id=USER, source="user")
    [(metadata, [row])] = await count(hass, data, "3", user_id=USER, source="assistant")
    assert (metadata["name"], row["sum"]) == ("Office box: Anna (Assistants)", 3)
    [(metadata, _)] = await count(hass, data, "4", source="automation")
    assert metadata["statistic_id"] == f"lianke:pages_{setup.entry_id.lower()}_automation"
    [(metadata, _)] = await count(hass, data, "5", source="lan_printer")
    assert metadata["name"] == "Office box: Devices of the home network"


async def test_without_a_recorder_pages_are_counted_all_the_same(
    hass: HomeAssistant, setup: MockConfigEntry, data: LiankeData
) -> None:
    hass.config_entries.async_update_entry(setup, options={"page_statistics": True})
    assert not await count(hass, data, "1", user_id=USER, source="user")
    assert [row.pages for row in data.storage.pages.rows()] == [3]
    await hass.config_entries.async_unload(setup.entry_id)
    assert await set_up(hass, setup)
    assert [row.pages for row in setup.runtime_data.storage.pages.rows()] == [3]
