"""System health of the integration."""

from typing import Any

from homeassistant.components.system_health import (
    SystemHealthRegistration,
    async_check_can_reach_url,
)
from homeassistant.core import HomeAssistant, callback

from .const import CONF_SERVER
from .runtime import async_loaded_entries


@callback
def async_register(hass: HomeAssistant, register: SystemHealthRegistration) -> None:
    register.async_register_info(async_info)


async def async_info(hass: HomeAssistant) -> dict[str, Any]:
    """Report how many boxes, printers and jobs there are, and whether callbacks and pushes arrive."""
    entries = async_loaded_entries(hass)
    boxes = [entry.runtime_data for entry in entries]
    pushes = [box.storage.last_push_at for box in boxes if box.storage.last_push_at]
    info: dict[str, Any] = {
        "boxes": len(boxes),
        "boxes_online": sum(box.coordinator.data.online is True for box in boxes),
        "printers": sum(len(box.storage.printers) for box in boxes),
        "open_jobs": sum(len(box.queue.open_jobs()) for box in boxes),
        "callbacks": any(
            box.storage.callbacks_proven_for(box.account.fingerprint) for box in boxes
        ),
        "last_push": max(pushes, default=None),
    }
    if servers := sorted({entry.data[CONF_SERVER] for entry in entries}):
        info["can_reach_service"] = _async_check_servers(hass, servers)
    return info


async def _async_check_servers(hass: HomeAssistant, servers: list[str]) -> str | dict[str, str]:
    """Return "ok", or the error of the first server that cannot be reached."""
    for server in servers:
        if (answer := await async_check_can_reach_url(hass, server)) != "ok":
            return answer
    return "ok"
