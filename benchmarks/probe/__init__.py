"""The part of the bench that runs inside Home Assistant: baselines, a clock that jumps, and commands to use them."""

from collections.abc import Awaitable, Callable
import cProfile
from typing import Any

from homeassistant.components.websocket_api import async_register_command
from homeassistant.components.websocket_api.connection import ActiveConnection
from homeassistant.components.websocket_api.decorators import async_response, websocket_command
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import Store
from homeassistant.helpers.typing import ConfigType

from . import bare, day, entries, jobs, moved, prints, registered, walks
from .stalls import DATA_STALLS, StallMeter

DOMAIN = "lianke_bench"

_PROFILE = cProfile.Profile()

type Command = Callable[[HomeAssistant, dict[str, Any]], Awaitable[Any]]

COMMANDS: dict[str, Command] = {
    "add_entries": entries.async_add,
    "remove_entries": entries.async_remove,
    "set_up_rounds": entries.async_set_up_rounds,
    "scale": entries.async_scale,
    "submit_jobs": jobs.async_submit,
    "read": entries.async_read,
    "status_entities": entries.async_status_entities,
    "settled": jobs.async_settled,
    "count_states": bare.async_count_states,
    "write": bare.async_write,
    "print_rounds": prints.async_rounds,
    "lan_rounds": prints.async_lan_rounds,
    "small_jobs": prints.async_small,
    "print_once": prints.async_once,
    "start": day.async_start,
    "walk_begin": walks.async_begin,
    "walk_end": walks.async_end,
    "walk_idle": walks.async_idle,
    "walk_ask": walks.async_poll_task,
}


async def _async_profile(_hass: HomeAssistant, msg: dict[str, Any]) -> None:
    """Start a profile of the event loop, or end the running profile and write it to a file."""
    if path := msg.get("path"):
        _PROFILE.disable()
        _PROFILE.dump_stats(path)
    else:
        _PROFILE.enable()


COMMANDS["profile"] = _async_profile


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    options = config.get(DOMAIN) or {}
    if clock := options.get("clock"):
        moved.install(hass, clock, options["socket"])
    hass.data[DATA_STALLS] = StallMeter(hass.loop)
    bare.async_register(hass)
    async_register_command(hass, _ws_run)
    async_register_command(hass, _ws_stalls)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: ConfigEntry) -> bool:
    """Add entities that do nothing; for an entry with `asks`, first read a file and send requests to a server."""
    if asks := entry.data.get("asks"):
        await Store[dict[str, Any]](hass, 1, asks["stored"]).async_load()
        await bare.async_poll_task(hass, asks)
    await hass.config_entries.async_forward_entry_setups(entry, registered.PLATFORMS)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: ConfigEntry) -> bool:
    return await hass.config_entries.async_unload_platforms(entry, registered.PLATFORMS)


@websocket_command({"type": f"{DOMAIN}/run", "do": str, "with": dict})
@async_response
async def _ws_run(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
    result = await COMMANDS[msg["do"]](hass, msg["with"])
    connection.send_result(msg["id"], result)


@websocket_command({"type": f"{DOMAIN}/stalls"})
@callback
def _ws_stalls(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
    """Send the longest stall and garbage collection since the last call, in seconds, and reset the meter."""
    meter = hass.data[DATA_STALLS]
    result = meter.found
    meter.reset()
    connection.send_result(msg["id"], result)
