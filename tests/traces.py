"""Why automations did not run, as their traces tell."""

from typing import Any

from homeassistant.components.trace.const import DATA_TRACE
from homeassistant.core import HomeAssistant


def traces(hass: HomeAssistant, automation: str) -> list[dict[str, Any]]:
    """Return the traces of an automation's triggers that did not fire, the oldest first."""
    bucket = hass.data[DATA_TRACE].get(f"automation.{automation}")
    return (
        [] if bucket is None else [one.as_extended_dict() for one in bucket.not_triggered.values()]
    )


def why_not(hass: HomeAssistant, automation: str) -> list[str]:
    """Return the reasons for which an automation's triggers did not fire, the oldest first."""
    return [
        step["result"]["reason"]
        for trace in traces(hass, automation)
        for steps in trace["trace"].values()
        for step in steps
    ]
