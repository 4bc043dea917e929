"""The options about jobs that wait for people."""

from homeassistant.core import HomeAssistant, ServiceCall
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from tests.flows.test_options_flow import answer, choices, go, key_of, shown
from tests.printing import LASER


async def test_approval(hass: HomeAssistant, setup: MockConfigEntry) -> None:
    anna = MockUser(name="Anna").add_to_hass(hass)
    MockUser(name="A script", system_generated=True).add_to_hass(hass)
    MockUser(name="Long gone", is_active=False).add_to_hass(hass)

    async def take(call: ServiceCall) -> None:
        """Take a notification."""

    hass.services.async_register("notify", "mobile_app_anna", take)
    hass.states.async_set("notify.anna_s_phone", "unknown", {"friendly_name": "Anna's phone"})
    nothing = {
        "approval_pages": 0,
        "approval_users": [],
        "approval_sources": [],
        "approval_printers": [],
        "approvers": [],
        "approval_notify": [],
    }
    result = await go(hass, setup, "approval")
    assert shown(result) == nothing
    assert choices(result, "approvers") == ["Anna"]
    assert choices(result, "approval_sources") == ["lan_printer", "assistant", "automation"]
    # Neither the printers nor what is no device.
    assert choices(result, "approval_notify") == ["Anna's phone", "notify.mobile_app_anna"]
    await answer(hass, result, nothing)
    assert setup.options == {}
    chosen = {
        "approval_pages": 10,
        "approval_users": [anna.id],
        "approval_sources": ["lan_printer"],
        "approval_printers": [key_of(setup, LASER)],
        "approvers": [anna.id],
        "approval_notify": ["notify.mobile_app_anna", "notify.later"],
    }
    await answer(hass, await go(hass, setup, "approval"), chosen)
    assert setup.options == chosen
    result = await go(hass, setup, "approval")
    assert shown(result) == chosen
    await answer(hass, result, nothing)
    assert setup.options == {}


async def test_those_who_are_gone_are_not_offered(
    hass: HomeAssistant, setup: MockConfigEntry
) -> None:
    hass.config_entries.async_update_entry(
        setup, options={"approvers": ["gone"], "approval_printers": ["gone"]}
    )
    result = await go(hass, setup, "approval")
    assert shown(result)["approvers"] == []
    await answer(hass, result, shown(result))
    assert setup.options == {}
