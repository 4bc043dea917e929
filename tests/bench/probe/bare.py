"""The least that a webhook can do: the baselines of callbacks and pushes."""

import asyncio
import time
from typing import Any

from aiohttp import ClientTimeout, web
from homeassistant.components import webhook
from homeassistant.components.sensor import DATA_COMPONENT, SensorEntity
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.util.file import write_utf8_file_atomic

# A message is taken and one state is set, or as many as it says.
STATE_HOOK = "bench-state-0123456789abcdef"
# The cloud is asked what a poll asks, one after the other, and one state is set.
POLL_HOOK = "bench-poll-0123456789abcdef"
ENTITY = "sensor.bench_bare"


def async_register(hass: HomeAssistant) -> None:
    """Open both webhooks."""
    for webhook_id, handler in ((STATE_HOOK, _handle_state), (POLL_HOOK, _handle_poll)):
        webhook.async_register(
            hass, "lianke_bench", "Bench", webhook_id, handler, allowed_methods=("POST",)
        )


class BareEntity(SensorEntity):
    """The least that an entity can be."""

    _attr_should_poll = False

    def take(self, value: str) -> None:
        """Have another state."""
        self._attr_native_value = value
        self.async_write_ha_state()


ENTITIES: list[BareEntity] = []


async def _handle_state(
    hass: HomeAssistant, _webhook_id: str, request: web.Request
) -> web.Response:
    message = await request.json()
    _set_states(hass, message)
    return web.json_response({"code": 200, "msg": "success"})


def _set_states(hass: HomeAssistant, message: dict[str, Any]) -> None:
    for entity in ENTITIES[: message.get("states", 1) - 1]:
        entity.take(message["task_id"])
    hass.states.async_set(ENTITY, message["task_state"], {"task": message["task_id"]})


async def _handle_poll(hass: HomeAssistant, _webhook_id: str, request: web.Request) -> web.Response:
    message = await request.json()
    hass.async_create_background_task(_poll(hass, message), "bench poll")
    return web.json_response({"code": 200, "msg": "success"})


async def async_count_states(hass: HomeAssistant, msg: dict[str, Any]) -> dict[str, Any]:
    """Return how many states of the integration's entities change within so many seconds.

    From then on there are as many bare entities.
    """
    registry = er.async_get(hass)
    changed: list[str] = []

    @callback
    def on_state(event: Event[EventStateChangedData]) -> None:
        entity = registry.async_get(event.data["entity_id"])
        if entity is not None and entity.platform == "lianke":
            changed.append(entity.entity_id)

    unsubscribe = hass.bus.async_listen(EVENT_STATE_CHANGED, on_state)
    await asyncio.sleep(msg["seconds"])
    unsubscribe()
    more = [BareEntity() for _ in changed[len(ENTITIES) :]]
    ENTITIES.extend(more)
    await hass.data[DATA_COMPONENT].async_add_entities(more)
    return {"states": len(changed)}


async def async_write(hass: HomeAssistant, msg: dict[str, Any]) -> dict[str, Any]:
    """Write a file anew so many times, as safely as the record of a job; return the seconds."""
    path = hass.config.cache_path("lianke_bench_record")

    def write() -> float:
        began = time.perf_counter()
        for _ in range(msg["times"]):
            write_utf8_file_atomic(path, msg["text"], private=True)
        return time.perf_counter() - began

    return {"seconds": await hass.async_add_executor_job(write)}


async def _poll(hass: HomeAssistant, message: dict[str, Any]) -> None:
    session = async_get_clientsession(hass)
    for path in message["paths"]:
        async with session.get(
            f"{message['server']}{path}",
            headers={"ApiKey": message["api_key"]},
            timeout=ClientTimeout(total=10),
        ) as response:
            await response.json()
    _set_states(hass, {**message, "task_state": "polled"})
