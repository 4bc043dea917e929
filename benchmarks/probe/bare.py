"""Webhooks that do as little as possible: the baselines of callbacks and pushes."""

import asyncio
import time
from typing import Any

from aiohttp import ClientTimeout, web
from homeassistant.components import webhook
from homeassistant.components.event import DATA_COMPONENT as DATA_EVENT, EventEntity
from homeassistant.components.sensor import DATA_COMPONENT as DATA_SENSOR, SensorEntity
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.util.file import write_utf8_file_atomic

# A webhook that sets one state, and, if the message asks for several states, also the states of all ENTITIES.
STATE_HOOK = "bench-state-0123456789abcdef"
# A webhook that sends the cloud the requests of a poll, one after the other, and then sets states in the same way.
POLL_HOOK = "bench-poll-0123456789abcdef"
ENTITY = "sensor.bench_bare"


def async_register(hass: HomeAssistant) -> None:
    for webhook_id, handler in ((STATE_HOOK, _handle_state), (POLL_HOOK, _handle_poll)):
        webhook.async_register(
            hass, "lianke_bench", "Bench", webhook_id, handler, allowed_methods=("POST",)
        )


class BareSensor(SensorEntity):
    """The simplest sensor."""

    _attr_should_poll = False

    def take(self, value: str) -> None:
        self._attr_native_value = value
        self.async_write_ha_state()


class BareEvent(EventEntity):
    """The simplest event entity that can report a job's end."""

    _attr_should_poll = False
    _attr_event_types = ["held", "queued", "completed", "failed", "canceled", "expired"]  # noqa: RUF012

    def take(self, value: str) -> None:
        job = {"title": "small.pdf", "pages": 2, "reason": None, "code": None, "partly": False}
        self._trigger_event("completed", {"job_id": value, **job})
        self.async_write_ha_state()


# As many bare entities, of the same kinds, as the integration's entities that a message changes.
ENTITIES: list[BareSensor | BareEvent] = []


async def _handle_state(
    hass: HomeAssistant, _webhook_id: str, request: web.Request
) -> web.Response:
    message = await request.json()
    _set_states(hass, message)
    return web.json_response({"code": 200, "msg": "success"})


def _set_states(hass: HomeAssistant, message: dict[str, Any]) -> None:
    if message.get("states", 1) > 1:
        for entity in ENTITIES:
            entity.take(message["task_id"])
    hass.states.async_set(ENTITY, message["task_state"], {"task": message["task_id"]})


async def _handle_poll(hass: HomeAssistant, _webhook_id: str, request: web.Request) -> web.Response:
    message = await request.json()
    hass.async_create_background_task(_poll(hass, message), "bench poll")
    return web.json_response({"code": 200, "msg": "success"})


async def async_count_states(hass: HomeAssistant, msg: dict[str, Any]) -> dict[str, Any]:
    """Count the state changes of the integration's entities within `seconds`.

    Then create as many bare entities of the same kinds.
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
    events = [BareEvent() for entity_id in changed if entity_id.startswith("event.")]
    sensors = [BareSensor() for _ in changed[len(events) :]]
    ENTITIES[:] = [*events, *sensors]
    await hass.data[DATA_EVENT].async_add_entities(events)
    await hass.data[DATA_SENSOR].async_add_entities(sensors)
    return {"states": len(changed)}


async def async_write(hass: HomeAssistant, msg: dict[str, Any]) -> dict[str, Any]:
    """Write a file `times` times, each time flushed and replaced as a whole; returns the seconds in total."""
    path = hass.config.cache_path("lianke_bench_record")

    def write() -> float:
        began = time.perf_counter()
        for _ in range(msg["times"]):
            write_utf8_file_atomic(path, msg["text"], private=True)
        return time.perf_counter() - began

    return {"seconds": await hass.async_add_executor_job(write)}


async def _poll(hass: HomeAssistant, message: dict[str, Any]) -> None:
    await async_poll_task(hass, message)
    _set_states(hass, {**message, "task_state": "polled"})


async def async_poll_task(hass: HomeAssistant, message: dict[str, Any]) -> None:
    """Request the message's paths from its server one after the other, with as little other work as possible."""
    session = async_get_clientsession(hass)
    for path in message["paths"]:
        async with session.get(
            f"{message['server']}{path}",
            headers={"ApiKey": message["api_key"]},
            timeout=ClientTimeout(total=10),
        ) as response:
            await response.json()
