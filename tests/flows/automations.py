"""Automations made from the blueprints, and the notifications that they show."""

from typing import Any

from homeassistant.components import persistent_notification
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Context, HomeAssistant
from homeassistant.setup import async_setup_component

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.flows.blueprints import async_copy
from tests.clock import rest


async def use(hass: HomeAssistant, name: str, **inputs: Any) -> str:
    """Copy a blueprint, make an automation from it, and return the automation's entity id."""
    await async_copy(hass, [name])
    return await automate(hass, name, **inputs)


async def automate(hass: HomeAssistant, name: str, **inputs: Any) -> str:
    """Make an automation from a copied blueprint and return its entity id."""
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
    """Press the button that triggers an automation."""
    data = {ATTR_ENTITY_ID: "input_button.print"}
    await hass.services.async_call("input_button", "press", data, blocking=True, context=context)


async def trigger(hass: HomeAssistant, automation: str) -> None:
    """Run an automation regardless of its conditions."""
    data = {ATTR_ENTITY_ID: automation, "skip_condition": True}
    await hass.services.async_call("automation", "trigger", data, blocking=True)
    await rest(hass)


def notices(hass: HomeAssistant) -> list[tuple[str | None, str]]:
    """Return title and message of each notification in the sidebar."""
    shown = persistent_notification._async_get_or_create_notifications(hass)
    return [(one["title"], one["message"]) for one in shown.values()]
