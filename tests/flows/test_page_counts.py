"""The options about pages by user."""

from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from tests.flows.test_options_flow import answer, choices, go, shown


async def test_limit_and_statistics(hass: HomeAssistant, setup: MockConfigEntry) -> None:
    """Off at first; nothing is left of them when they are off again."""
    user = MockUser(name="Anna").add_to_hass(hass)
    result = await go(hass, setup, "page_counts")
    off = {
        "monthly_pages": 0,
        "monthly_users": [],
        "monthly_beyond": "approval",
        "page_statistics": False,
    }
    assert shown(result) == off
    assert "Anna" in choices(result, "monthly_users")
    wanted = {
        "monthly_pages": 200,
        "monthly_users": [user.id],
        "monthly_beyond": "refused",
        "page_statistics": True,
    }
    await answer(hass, result, wanted)
    assert setup.options == wanted
    result = await go(hass, setup, "page_counts")
    assert shown(result) == wanted
    await answer(hass, result, off)
    assert setup.options == {}
