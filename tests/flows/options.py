"""Walks through the options as a browser does: opens a step, looks at its fields, and submits it."""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from pytest_homeassistant_custom_component.common import MockConfigEntry


def fields_of(result: ConfigFlowResult) -> dict[Any, Any]:
    """Return a form's fields and sections."""
    schema = result["data_schema"]
    assert schema is not None
    return dict(schema.schema)


def shown(result: ConfigFlowResult) -> dict[str, Any]:
    """Return what a form submits if the user changes nothing."""
    values = {}
    for marker in fields_of(result):
        if marker.description and marker.description.get("suggested_value") is not None:
            values[marker.schema] = marker.description["suggested_value"]
        elif callable(default := getattr(marker, "default", None)):
            values[marker.schema] = default()
    return values


def choices(result: ConfigFlowResult, field: str) -> list[str]:
    """Return the choices that a field offers, as they are shown."""
    options = fields_of(result)[field].config["options"]
    return [one if isinstance(one, str) else one["label"] for one in options]


async def go(hass: HomeAssistant, entry: MockConfigEntry, step: str) -> ConfigFlowResult:
    """Open the options and choose a step from the menu."""
    result = await hass.config_entries.options.async_init(entry.entry_id)
    assert result["type"] is FlowResultType.MENU
    return await hass.config_entries.options.async_configure(
        result["flow_id"], {"next_step_id": step}
    )


async def answer(
    hass: HomeAssistant, result: ConfigFlowResult, fields: Mapping[str, Any]
) -> ConfigFlowResult:
    """Submit a form."""
    return await hass.config_entries.options.async_configure(result["flow_id"], dict(fields))


async def target(hass: HomeAssistant, result: ConfigFlowResult, name: str) -> ConfigFlowResult:
    """Choose the box or a printer by its name."""
    options = fields_of(result)["target"].config["options"]
    value = next(one["value"] for one in options if one["label"] == name)
    return await answer(hass, result, {"target": value})
