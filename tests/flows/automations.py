"""Automations that are made of the blueprints, and what they show."""

from typing import Any

from homeassistant.components import persistent_notification
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Context, HomeAssistant
from homeassistant.setup import async_setup_component

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.flows.blueprints import async_copy
from tests.clock import rest


async def use(hass: HomeAssistant, name: str, **inputs: Any) -> str:
    """Copy a blueprint, make an automation of it, and return the automation."""
    await async_copy(hass, [name])
    return await automate(hass, name, **inputs)


async def automate(hass: HomeAssistant, name: str, **inputs: Any) -> str:
    """Make an automation of a copied blueprint and return it."""
    for component in ("homeassistant", "conversation", "persistent_notification"):
        assert await async_setup_component(hass, component, {})
    config = {
        "id": name,
        "alias": name,
        "use_blueprint": {"path": f"{DOMAIN}/{name}.yaml", "input": inputs},
    }
    assert await async_setup_component(hass, "automation", {"automation": [config]})
    await hass.async_block_till_done()
    automation = hass.states.get(f"automation.{name}")
    assert automation is not None
    assert automation.state == "on"
    return automation.entity_id


async def press(hass: HomeAssistant, context: Context | None = None) -> None:
    """Press the button."""
    data = {ATTR_ENTITY_ID: "input_button.print"}
    await hass.services.async_call("input_button", "press", data, blocking=True, context=context)


async def trigger(hass: HomeAssistant, automation: str) -> None:
    """Run an automation, whatever its conditions say."""
    data = {ATTR_ENTITY_ID: automation, "skip_condition": True}
    await hass.services.async_call("automation", "trigger", data, blocking=True)
    await rest(hass)


def notices(hass: HomeAssistant) -> list[tuple[str | None, str]]:
    """Return title and message of what is shown in the sidebar."""
    shown = persistent_notification._async_get_or_create_notifications(hass)
    return [(one["title"], one["message"]) for one in shown.values()]
