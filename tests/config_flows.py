"""Binds boxes through the config flow, as people do."""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import (
    SOURCE_USER,
    ConfigFlowResult,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType

from custom_components.lianke.const import DOMAIN
from tests.simulator import Box, Simulator, qr_link


def link_of(box: Box) -> str:
    """Return what the code on a box's sticker says."""
    return qr_link(box.device_id, box.device_key)


def key_of(box: Box) -> str:
    """Return the ApiKey of the account that a box is bound to."""
    assert box.account is not None
    return box.account.api_key


async def begin(hass: HomeAssistant) -> ConfigFlowResult:
    """Start the set-up and expect its first form."""
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == "user"
    return result


async def answer(
    hass: HomeAssistant, result: ConfigFlowResult, server: str | None = None, **fields: Any
) -> ConfigFlowResult:
    """Submit a form as a browser does, with what it suggests; a server goes into its section, None empties a field."""
    schema = result["data_schema"]
    user_input = {
        str(marker): marker.description["suggested_value"]
        for marker in (schema.schema if schema else ())
        if marker.description
    } | fields
    user_input = {name: value for name, value in user_input.items() if value is not None}
    if server is not None:
        user_input["advanced"] = {"server": server}
    return await hass.config_entries.flow.async_configure(result["flow_id"], user_input)


async def recognized(hass: HomeAssistant, link: str) -> ConfigFlowResult:
    """Paste a box's link into the first form, and expect the second one."""
    result = await answer(hass, await begin(hass), qr_text=link)
    assert result["step_id"] == "account"
    return result


async def asked(
    hass: HomeAssistant, simulator: Simulator, box: Box | None = None, **fields: Any
) -> ConfigFlowResult:
    """Give the link of a box, the office's if none is named, the office's key and the simulator's address.

    fields: what else is to stand there.
    """
    box = box or simulator.box
    form = await recognized(hass, link_of(box))
    given = {"server": simulator.url, "api_key": key_of(simulator.box)}
    return await answer(hass, form, **(given | fields))


def told(result: ConfigFlowResult) -> Mapping[str, str]:
    """Return what is put into a form's texts."""
    found = result["description_placeholders"]
    assert found is not None
    return found
